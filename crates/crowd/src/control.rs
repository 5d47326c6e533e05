//! The control socket (docs/PROTOCOL.md, "The control socket") as a bot needs it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, StatusCode};
use roomtone::wire::command::Command;
use roomtone::wire::recording::{Consent, Recording};
use roomtone::wire::socket::{ByeCode, ClientMessage, Hand, Role, RoomEvent, ServerMessage, Snapshot};
use roomtone::wire::{CommandId, Id, MemberId};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::api::{self, Api};
use crate::{Error, Result};

/// How long the room may take to do what was asked of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Commands that may wait to be sent. A bot sends a handful in its life.
const COMMANDS: usize = 64;
/// Bytes that a socket reads at once. What comes is a short message now and then, after a snapshot of some KiB.
const READ_BUFFER: usize = 4 * 1024;

/// A control socket.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens the control socket of a room, which enters it. Comes back when the server asks to, as requests do.
///
/// # Errors
/// [`Error::Refused`], [`Error::Connection`], [`Error::Timeout`].
pub(crate) async fn connect(api: &Api, room: &str) -> Result<Socket> {
    let broken = |error: SocketError| Error::Connection(format!("control socket: {error}"));
    let mut request = api.socket_url(room).into_client_request().map_err(broken)?;
    if let Some((name, value)) = api.credentials() {
        let value =
            HeaderValue::from_str(&value).map_err(|_| Error::Usage("a token has only visible characters".into()))?;
        request.headers_mut().insert(name, value);
    }
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
    for _ in 0..api::RETRIES {
        let connecting = tokio_tungstenite::connect_async_with_config(request.clone(), Some(config), true);
        match tokio::time::timeout(PATIENCE, connecting).await.map_err(|_| Error::Timeout("the socket"))? {
            Ok((socket, _)) => return Ok(socket),
            Err(SocketError::Http(answer)) => {
                let body = String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned();
                let path = format!("/api/rooms/{room}/ws");
                api.heed(api::refusal("GET", &path, answer.status(), answer.headers(), &body)).await?;
            }
            Err(error) => return Err(broken(error)),
        }
    }
    Err(Error::Timeout("a server that is less busy"))
}

/// The refusal that a last message is.
pub(crate) fn bye(room: &str, code: &str) -> Error {
    Error::Refused {
        method: "GET",
        path: format!("/api/rooms/{room}/ws"),
        status: StatusCode::SWITCHING_PROTOCOLS.as_u16(),
        code: code.to_owned(),
        retry_after: None,
    }
}

/// A command as text for a control socket.
pub(crate) fn command_text(role_epoch: u32, command: Command) -> String {
    let message = ClientMessage::Command { id: command_id(), role_epoch, command };
    serde_json::to_string(&message).expect("a message has only strings, numbers and flags")
}

/// What a bot knows of the room it is in.
#[derive(Debug, Clone, Default)]
pub struct RoomState {
    /// The bot's own number, once the first snapshot is in.
    pub number: Option<u32>,
    /// The member that the bot is, likewise.
    pub member: Option<Id<MemberId>>,
    /// On stage: speaker, moderator or host.
    pub on_stage: bool,
    /// Muted by a moderator.
    pub muted: bool,
    /// Handles of those who are or were on stage, by number: what a CSRC means.
    pub talkers: BTreeMap<u32, String>,
    /// Hands that are up, in their order, with their handles: complete for moderators, empty for everybody else.
    pub hands: Vec<(Id<MemberId>, String)>,
    /// What is recorded.
    pub recording: Option<Recording>,
    /// What those on stage have said to that, as far as it is known.
    pub recorded: BTreeMap<Id<MemberId>, Consent>,
    /// Why the server closed the socket, if it did.
    pub bye: Option<ByeCode>,
}

/// Being in a room: a task owns the socket, keeps the state and sends commands. Dropping this closes the socket
/// without leaving; [`Presence::leave`] leaves.
#[derive(Debug)]
pub struct Presence {
    state: watch::Receiver<RoomState>,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

impl Presence {
    /// Opens the control socket, which enters the room, and waits for the snapshot: a guest until somebody admits them. With
    /// `welcoming`, hands are accepted as they are raised, and guests admitted as they knock.
    ///
    /// # Errors
    /// [`Error::Refused`], also by a last message instead of a snapshot; [`Error::Connection`] when the socket is lost;
    /// [`Error::Timeout`] without a snapshot.
    pub async fn enter(api: &Api, room: &str, welcoming: bool) -> Result<Self> {
        let socket = connect(api, room).await?;
        let (publish, state) = watch::channel(RoomState::default());
        let (commands, queue) = mpsc::channel(COMMANDS);
        let keeper = Keeper { socket, queue, publish, welcoming, role_epoch: 0 };
        let mut presence = Self { state, commands, task: tokio::spawn(keeper.run()) };
        match presence.wait("a snapshot", |state| state.number.is_some()).await {
            Ok(_) => Ok(presence),
            Err(error) => Err(presence.state().bye.map_or(error, |code| bye(room, &name_of(code)))),
        }
    }

    /// What is known now.
    pub fn state(&self) -> RoomState {
        self.state.borrow().clone()
    }

    /// Waits until the state is as `wanted`.
    ///
    /// # Errors
    /// [`Error::Timeout`] naming `what`; [`Error::Connection`] when the socket ends first.
    pub async fn wait(&mut self, what: &'static str, wanted: impl Fn(&RoomState) -> bool) -> Result<RoomState> {
        let reaching = async { self.state.wait_for(|state| wanted(state)).await.map(|state| state.clone()) };
        let reached = tokio::time::timeout(PATIENCE, reaching).await.map_err(|_| Error::Timeout(what))?;
        reached.map_err(|_| {
            let why = self.state.borrow().bye.map_or("Lost.", ByeCode::message);
            Error::Connection(format!("control socket ended while waiting for {what}: {why}"))
        })
    }

    /// Raises the hand and waits until a moderator has accepted it; at once when already on stage.
    ///
    /// # Errors
    /// As [`Presence::wait`].
    pub async fn come_on_stage(&mut self) -> Result<()> {
        if !self.state.borrow().on_stage {
            self.command(Command::RaiseHand { question: None }).await?;
            self.wait("an accepted hand", |state| state.on_stage).await?;
        }
        Ok(())
    }

    /// Sends a command; the answer is not waited for.
    ///
    /// # Errors
    /// [`Error::Connection`] when the socket has ended.
    pub async fn command(&self, command: Command) -> Result<()> {
        self.commands.send(command).await.map_err(|_| Error::Connection("control socket has ended".into()))
    }

    /// Waits until the socket has ended, and gives what was known last. Cancel-safe.
    pub async fn ended(&mut self) -> RoomState {
        while self.state.changed().await.is_ok() {}
        self.state()
    }

    /// Loses the connection without a word, as when a cable is pulled out.
    pub fn abandon(&self) {
        self.task.abort();
    }

    /// Leaves the room and waits until the server has said so.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Connection`].
    pub async fn leave(mut self) -> Result<()> {
        self.command(Command::Leave).await?;
        let ended = tokio::time::timeout(PATIENCE, &mut self.task).await;
        ended.map(|_| ()).map_err(|_| Error::Timeout("leaving"))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task behind a [`Presence`].
struct Keeper {
    socket: Socket,
    queue: mpsc::Receiver<Command>,
    publish: watch::Sender<RoomState>,
    welcoming: bool,
    role_epoch: u32,
}

impl Keeper {
    /// Runs until the socket ends or the [`Presence`] is dropped.
    async fn run(mut self) {
        let mut me = None;
        loop {
            tokio::select! {
                command = self.queue.recv() => match command {
                    Some(command) => if self.send(command).await.is_err() { return },
                    None => return,
                },
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        // What a newer server says in new words is passed over.
                        let Ok(message) = serde_json::from_str(&text) else { continue };
                        for command in self.take_in(message, &mut me) {
                            if self.send(command).await.is_err() { return }
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }

    async fn send(&mut self, command: Command) -> Result<(), SocketError> {
        self.socket.send(Message::text(command_text(self.role_epoch, command))).await
    }

    /// Folds a message into the state and returns what is answered to it: somebody welcoming accepts hands and admits guests.
    fn take_in(&mut self, message: ServerMessage, me: &mut Option<Id<MemberId>>) -> Vec<Command> {
        let mut answers = Vec::new();
        match message {
            ServerMessage::Snapshot(snapshot) => {
                let Snapshot { room, you, stage, hands, waiting, .. } = *snapshot;
                self.role_epoch = you.role_epoch;
                *me = Some(you.person.id);
                self.publish.send_modify(|state| {
                    state.number = Some(you.number);
                    state.member = Some(you.person.id);
                    state.on_stage = is_on_stage(you.role);
                    state.muted = you.muted;
                    state.recording = room.recording;
                    state.recorded = stage.iter().map(|one| (one.person.id, one.recorded)).collect();
                    state.talkers.extend(stage.into_iter().map(|one| (one.number, one.person.handle)));
                    state.hands = hands.iter().map(|hand| (hand.person.id, hand.person.handle.clone())).collect();
                });
                answers.extend(hands.into_iter().map(|Hand { person, .. }| Command::AcceptHand { member: person.id }));
                answers.extend(waiting.into_iter().map(|waiting| Command::Admit { guest: waiting.person.id }));
            }
            ServerMessage::Events(batch) => {
                for numbered in batch.events {
                    answers.extend(self.fold(numbered.event, *me));
                }
            }
            ServerMessage::Bye { code, .. } => self.publish.send_modify(|state| state.bye = Some(code)),
            ServerMessage::Answer { .. }
            | ServerMessage::Renamed { .. }
            | ServerMessage::Chatter(_)
            | ServerMessage::Captions { .. }
            | ServerMessage::LegEnded { .. }
            | ServerMessage::Waiting { .. }
            | ServerMessage::Beat => {}
        }
        if self.welcoming { answers } else { Vec::new() }
    }

    /// Folds one event; gives what is to be answered to a raised hand or a guest who knocks.
    fn fold(&mut self, event: RoomEvent, me: Option<Id<MemberId>>) -> Option<Command> {
        match event {
            RoomEvent::HandRaised { person, .. } => {
                self.forget_hand(person.id);
                let member = person.id;
                self.publish.send_modify(|state| state.hands.push((person.id, person.handle)));
                return Some(Command::AcceptHand { member });
            }
            RoomEvent::Knocked { person, .. } => return Some(Command::Admit { guest: person.id }),
            RoomEvent::HandLowered { member, .. } => self.forget_hand(member),
            RoomEvent::Left { member, .. } => {
                self.forget_hand(member);
                self.publish.send_modify(|state| {
                    state.recorded.remove(&member);
                });
            }
            RoomEvent::RoleChanged { person, number, role, role_epoch, .. } => {
                self.forget_hand(person.id);
                let own = me == Some(person.id);
                if own {
                    self.role_epoch = role_epoch;
                }
                self.publish.send_modify(|state| {
                    if own {
                        state.on_stage = is_on_stage(role);
                        state.muted &= state.on_stage;
                    }
                    state.talkers.insert(number, person.handle);
                    if !is_on_stage(role) {
                        // Whoever comes back is asked again.
                        state.recorded.remove(&person.id);
                    }
                });
            }
            RoomEvent::Muted { member, role_epoch, .. } if me == Some(member) => {
                self.role_epoch = role_epoch;
                self.publish.send_modify(|state| state.muted = true);
            }
            RoomEvent::Unmuted { member, role_epoch, .. } if me == Some(member) => {
                self.role_epoch = role_epoch;
                self.publish.send_modify(|state| state.muted = false);
            }
            RoomEvent::RecordingBegun { recording, .. } => self.publish.send_modify(|state| {
                state.recording = Some(recording);
                state.recorded.clear();
            }),
            RoomEvent::RecordingStopped { .. } => self.publish.send_modify(|state| state.recording = None),
            RoomEvent::RecordingConsent { member, agree } => self.publish.send_modify(|state| {
                state.recorded.insert(member, if agree { Consent::Agreed } else { Consent::Refused });
            }),
            // What a bot does not need to know.
            _ => {}
        }
        None
    }

    fn forget_hand(&self, member: Id<MemberId>) {
        self.publish.send_if_modified(|state| {
            let before = state.hands.len();
            state.hands.retain(|(raised, _)| *raised != member);
            state.hands.len() != before
        });
    }
}

/// A code as the protocol writes it.
fn name_of(code: ByeCode) -> String {
    serde_json::to_value(code).ok().and_then(|code| Some(code.as_str()?.to_owned())).unwrap_or_default()
}

fn is_on_stage(role: Role) -> bool {
    role != Role::Listener
}

/// A fresh command id.
fn command_id() -> Id<CommandId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    Id(CommandId(u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_protocol_are_understood() {
        let person = r#"{ "id": "0000000000000000000000000a", "handle": "ada", "name": "Ada", "new": 1 }"#;
        let events = format!(
            r#"{{ "type": "events", "after": 1, "seq": 2, "audience_count": 1, "events": [
            {{ "seq": 2, "at": 1, "event": {{ "type": "hand_raised", "person": {person}, "question": "why",
              "place": 0, "spoken": false }} }} ] }}"#
        );
        let ServerMessage::Events(batch) = serde_json::from_str(&events).unwrap() else { panic!("not events") };
        let RoomEvent::HandRaised { person, .. } = &batch.events[0].event else { panic!("not a hand") };
        assert_eq!((person.id, person.handle.as_str()), (Id(MemberId(10)), "ada"));
        assert_eq!(serde_json::from_str::<ServerMessage>(r#"{ "type": "beat" }"#).unwrap(), ServerMessage::Beat);
        assert!(serde_json::from_str::<ServerMessage>(r#"{ "type": "unheard_of" }"#).is_err());
    }

    #[test]
    fn commands_are_written_as_the_protocol_has_them() {
        let command = Command::AcceptHand { member: Id(MemberId(10)) };
        let message = ClientMessage::Command { id: Id(CommandId(1)), role_epoch: 3, command };
        let expected = serde_json::json!({
            "type": "command", "id": "00000000000000000000000001", "role_epoch": 3,
            "command": { "type": "accept_hand", "member": "0000000000000000000000000a" }
        });
        assert_eq!(serde_json::to_value(message).unwrap(), expected);
        assert_ne!(command_id(), command_id());
    }
}
