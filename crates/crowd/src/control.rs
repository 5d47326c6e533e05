//! The control socket (docs/PROTOCOL.md, "The control socket") as a bot needs it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::api::Api;
use crate::{Error, Result};

/// How long the room may take to do what was asked of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Commands that may wait to be sent. A bot sends a handful in its life.
const COMMANDS: usize = 64;

/// What a bot knows of the room it is in.
#[derive(Debug, Clone, Default)]
pub struct RoomState {
    /// The bot's own number, once the first snapshot is in.
    pub number: Option<u32>,
    /// On stage: speaker, moderator or host.
    pub on_stage: bool,
    /// Muted by a moderator.
    pub muted: bool,
    /// Handles of those who are or were on stage, by number: what a CSRC means.
    pub talkers: BTreeMap<u32, String>,
    /// Why the server closed the socket, if it did.
    pub bye: Option<String>,
}

/// Being in a room: a task owns the socket, keeps the state and sends commands. Dropping this closes the socket
/// without leaving; [`Presence::leave`] leaves.
#[derive(Debug)]
pub struct Presence {
    state: watch::Receiver<RoomState>,
    commands: mpsc::Sender<Value>,
    task: JoinHandle<()>,
}

impl Presence {
    /// Opens the control socket, which enters the room, and waits for the snapshot. With `welcoming`, hands are
    /// accepted as they are raised.
    ///
    /// # Errors
    /// [`Error::Connection`] when the socket is refused or lost; [`Error::Timeout`] without a snapshot.
    pub async fn enter(api: &Api, room: &str, welcoming: bool) -> Result<Self> {
        let broken = |error| Error::Connection(format!("control socket: {error}"));
        let mut request = api.socket_url(room).into_client_request().map_err(broken)?;
        if let Some(token) = api.token() {
            let value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Error::Usage("a bearer token has only visible characters".into()))?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let connecting = tokio_tungstenite::connect_async(request);
        let (socket, _) = tokio::time::timeout(PATIENCE, connecting)
            .await
            .map_err(|_| Error::Timeout("the socket"))?
            .map_err(broken)?;
        let (publish, state) = watch::channel(RoomState::default());
        let (commands, queue) = mpsc::channel(COMMANDS);
        let keeper = Keeper { socket, queue, publish, welcoming, role_epoch: 0 };
        let mut presence = Self { state, commands, task: tokio::spawn(keeper.run()) };
        presence.wait("a snapshot", |state| state.number.is_some()).await?;
        Ok(presence)
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
            let bye = self.state.borrow().bye.clone().unwrap_or_else(|| "lost".into());
            Error::Connection(format!("control socket ended ({bye}) while waiting for {what}"))
        })
    }

    /// Raises the hand and waits until a moderator has accepted it; at once when already on stage.
    ///
    /// # Errors
    /// As [`Presence::wait`].
    pub async fn come_on_stage(&mut self) -> Result<()> {
        if !self.state.borrow().on_stage {
            self.command(json!({ "type": "raise_hand", "question": null })).await?;
            self.wait("an accepted hand", |state| state.on_stage).await?;
        }
        Ok(())
    }

    /// Sends a command; the answer is not waited for.
    ///
    /// # Errors
    /// [`Error::Connection`] when the socket has ended.
    pub async fn command(&self, command: Value) -> Result<()> {
        self.commands.send(command).await.map_err(|_| Error::Connection("control socket has ended".into()))
    }

    /// Leaves the room and waits until the server has said so.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Connection`].
    pub async fn leave(mut self) -> Result<()> {
        self.command(json!({ "type": "leave" })).await?;
        let ended = tokio::time::timeout(PATIENCE, &mut self.task).await;
        ended.map(|_| ()).map_err(|_| Error::Timeout("leaving"))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromServer {
    Snapshot {
        you: You,
        stage: Vec<Participant>,
        hands: Vec<Hand>,
    },
    Events {
        events: Vec<Numbered>,
    },
    Bye {
        code: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct You {
    number: u32,
    role: String,
    role_epoch: u32,
    muted: bool,
}

#[derive(Deserialize)]
struct Participant {
    person: Person,
    number: u32,
}

#[derive(Deserialize)]
struct Hand {
    person: Person,
}

#[derive(Deserialize)]
struct Person {
    id: String,
    handle: String,
}

#[derive(Deserialize)]
struct Numbered {
    event: Event,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    HandRaised {
        person: Person,
    },
    RoleChanged {
        person: Person,
        number: u32,
        role: String,
        role_epoch: u32,
    },
    Muted {
        member: String,
        role_epoch: u32,
    },
    Unmuted {
        member: String,
        role_epoch: u32,
    },
    #[serde(other)]
    Other,
}

fn is_on_stage(role: &str) -> bool {
    role != "listener"
}

/// The task behind a [`Presence`].
struct Keeper {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    queue: mpsc::Receiver<Value>,
    publish: watch::Sender<RoomState>,
    welcoming: bool,
    role_epoch: u32,
}

impl Keeper {
    /// Runs until the socket ends or the [`Presence`] is dropped.
    async fn run(mut self) {
        let mut me = String::new();
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
                        for hand in self.take_in(message, &mut me) {
                            if self.send(json!({ "type": "accept_hand", "member": hand })).await.is_err() { return }
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }

    async fn send(&mut self, command: Value) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        let message =
            json!({ "type": "command", "id": command_id(), "role_epoch": self.role_epoch, "command": command });
        self.socket.send(Message::text(message.to_string())).await
    }

    /// Folds a message into the state and returns the members whose hands are to be accepted.
    fn take_in(&mut self, message: FromServer, me: &mut String) -> Vec<String> {
        let mut accept = Vec::new();
        match message {
            FromServer::Snapshot { you, stage, hands } => {
                self.role_epoch = you.role_epoch;
                if let Some(own) = stage.iter().find(|participant| participant.number == you.number) {
                    me.clone_from(&own.person.id);
                }
                self.publish.send_modify(|state| {
                    state.number = Some(you.number);
                    state.on_stage = is_on_stage(&you.role);
                    state.muted = you.muted;
                    state.talkers.extend(stage.into_iter().map(|one| (one.number, one.person.handle)));
                });
                accept.extend(hands.into_iter().map(|hand| hand.person.id));
            }
            FromServer::Events { events } => {
                for Numbered { event } in events {
                    accept.extend(self.fold(event, me));
                }
            }
            FromServer::Bye { code } => self.publish.send_modify(|state| state.bye = Some(code)),
            FromServer::Other => {}
        }
        if self.welcoming { accept } else { Vec::new() }
    }

    /// Folds one event; gives the member of a raised hand.
    fn fold(&mut self, event: Event, me: &mut String) -> Option<String> {
        match event {
            Event::HandRaised { person } => return Some(person.id),
            Event::RoleChanged { person, number, role, role_epoch } => {
                let own = self.publish.borrow().number == Some(number);
                if own {
                    self.role_epoch = role_epoch;
                    me.clone_from(&person.id);
                }
                self.publish.send_modify(|state| {
                    if own {
                        state.on_stage = is_on_stage(&role);
                        state.muted &= state.on_stage;
                    }
                    state.talkers.insert(number, person.handle);
                });
            }
            Event::Muted { member, role_epoch } if member == *me => {
                self.role_epoch = role_epoch;
                self.publish.send_modify(|state| state.muted = true);
            }
            Event::Unmuted { member, role_epoch } if member == *me => {
                self.role_epoch = role_epoch;
                self.publish.send_modify(|state| state.muted = false);
            }
            Event::Muted { .. } | Event::Unmuted { .. } | Event::Other => {}
        }
        None
    }
}

/// A fresh command id: 128 random bits in lower-case Crockford base 32.
fn command_id() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    let bits = u128::from_be_bytes(bytes);
    (0..26).rev().map(|place| ALPHABET[(bits >> (5 * place)) as usize & 31] as char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_protocol_are_understood() {
        let person = r#"{ "id": "m1", "handle": "ada", "name": "Ada" }"#;
        let snapshot = format!(
            r#"{{ "type": "snapshot", "seq": 41, "now": 1, "room": {{}}, "you": {{ "number": 7, "role": "listener",
            "role_epoch": 2, "muted": false, "mic": false, "hand": null, "offer": null }},
            "stage": [ {{ "person": {person}, "number": 1, "role": "host", "connected": true, "muted": false,
            "mic": true }} ], "hands": [ {{ "person": {person}, "question": null, "at": 1 }} ], "offers": [],
            "audience": {{ "count": 1, "first": [] }} }}"#
        );
        let FromServer::Snapshot { you, stage, hands } = serde_json::from_str(&snapshot).unwrap() else {
            panic!("not a snapshot")
        };
        assert_eq!((you.number, you.role_epoch, stage[0].number), (7, 2, 1));
        assert_eq!(hands[0].person.handle, "ada");
        let events = format!(
            r#"{{ "type": "events", "after": 1, "seq": 3, "audience_count": 1, "events": [
            {{ "seq": 2, "at": 1, "event": {{ "type": "hand_raised", "person": {person}, "question": "why" }} }},
            {{ "seq": 3, "at": 1, "event": {{ "type": "something_new", "x": 1 }} }} ] }}"#
        );
        let FromServer::Events { events } = serde_json::from_str(&events).unwrap() else { panic!("not events") };
        assert!(matches!(&events[0].event, Event::HandRaised { person } if person.id == "m1"));
        assert!(matches!(events[1].event, Event::Other));
        assert!(matches!(serde_json::from_str(r#"{ "type": "beat" }"#).unwrap(), FromServer::Other));
    }

    #[test]
    fn command_ids_have_the_form_of_ids() {
        let (one, two) = (command_id(), command_id());
        assert_ne!(one, two);
        assert_eq!(one.len(), 26);
        assert!(one.as_bytes()[0] <= b'7', "26 characters hold 130 bits, of which 128 are used: {one}");
    }
}
