//! The control socket: one task for each, between a client and its room's owner.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code, rejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use roomtone_room::ids::{MemberId, RoleEpoch, RoomId, Seq};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::app::App;
use crate::http::{PathId, SignedIn};
use crate::rooms::Handle;
use crate::rooms::message::{Caller, Message, Outgoing, SOCKET_QUEUE, SocketNo};
use crate::wire::socket::{ByeCode, ClientMessage, ServerMessage};
use crate::wire::{ApiError, Code, Id};

/// Longest message from a client, in bytes: a question of 280 characters fits four times.
const MESSAGE_MAX: usize = 8 * 1024;

/// What one socket reads at once, in bytes. Larger spares system calls for talkative clients; the library's default costs
/// every listener hundreds of KiB.
const READ_BUFFER: usize = 4 * 1024;

/// Longest message to a client, in bytes; a longer one ends the socket. Only what is being sent takes memory. It has to
/// hold the snapshot of a moderator with thousands of hands, each with a question.
const WRITE_BUFFER_MAX: usize = 16 * 1024 * 1024;

/// Messages a client may send at once and each second after that. More lets people click faster; fewer costs an
/// attacker's flood less of the room's time.
const COMMANDS_BURST: u32 = 40;
const COMMANDS_PER_SECOND: u32 = 20;

/// How long a client may take to accept one message before it counts as gone.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// How often a client is asked for a sign of life, and how many times in a row it may fail to give one. More keeps
/// sleeping phones; less shows lost connections sooner.
const PING_EVERY: Duration = Duration::from_secs(5);
const PINGS_UNANSWERED: u32 = 3;

/// What a client says when it opens the socket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    /// The number of the last event it knows.
    #[serde(default)]
    since: Option<u64>,
}

/// Opens a control socket, which enters the room.
pub(crate) async fn upgrade(
    State(app): State<Arc<App>>,
    PathId(id): PathId<String>,
    opening: Result<Query<Opening>, axum::extract::rejection::QueryRejection>,
    caller: SignedIn,
    upgrade: Result<WebSocketUpgrade, rejection::WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let Query(opening) = opening.map_err(|_| Code::BadRequest)?;
    let (id, handle, caller) = crate::http::room_for(&app, &id, caller).await?;
    let upgrade = upgrade.map_err(|rejection| ApiError::with_message(Code::BadRequest, rejection.body_text()))?;
    let upgrade = upgrade
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_MAX);
    let since = opening.since.map(Seq);
    Ok(upgrade.on_upgrade(move |socket| serve(app, id, handle, caller, since, socket)).into_response())
}

/// Serves one socket until either side is done with it.
async fn serve(app: Arc<App>, id: RoomId, handle: Handle, caller: Caller, since: Option<Seq>, mut socket: WebSocket) {
    let (member, session) = (caller.member(), caller.session);
    let number = app.rooms.next_socket();
    app.rooms.leave_for(member, id).await;
    let (outgoing, mut queue) = mpsc::channel(SOCKET_QUEUE);
    let entered = handle.ask(|reply| Message::Connect { caller, since, socket: number, outgoing, reply }).await;
    if let Err(error) = entered {
        app.rooms.forget_if_gone(member, id);
        let code = match error.code {
            Code::RoomEnded | Code::RoomNotFound => ByeCode::RoomEnded,
            Code::NotInRoom => ByeCode::Elsewhere,
            _ => ByeCode::ShuttingDown,
        };
        return close(&mut socket, code).await;
    }
    // A failure of the store here will show elsewhere; the session was good a moment ago.
    let _ = app.rooms.end_if_signed_out(member, session).await;
    metrics::gauge!("roomtone_sockets_open").increment(1.0);
    talk(&handle, member, number, &mut socket, &mut queue).await;
    metrics::gauge!("roomtone_sockets_open").decrement(1.0);
    handle.deliver(Message::Disconnected { member, socket: number }).await;
}

/// Passes messages both ways until the connection is lost or the room lets the socket go.
async fn talk(
    handle: &Handle,
    member: MemberId,
    number: SocketNo,
    socket: &mut WebSocket,
    queue: &mut mpsc::Receiver<Outgoing>,
) {
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.reset();
    let mut unanswered = 0;
    let mut allowance = Allowance::new();
    loop {
        tokio::select! {
            message = queue.recv() => {
                // The room lets go of a socket without a last message when the queue has no room for one.
                let Some(message) = message else { return close(socket, ByeCode::TooSlow).await };
                if !send(socket, Frame::Text(message.text)).await {
                    return;
                }
                if message.last {
                    return shut(socket).await;
                }
            }
            frame = socket.next() => {
                unanswered = 0;
                if let Some(Ok(Frame::Text(_) | Frame::Binary(_))) = &frame && !allowance.take() {
                    let text = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.to_text().ok());
                    if !refuse(socket, text.unwrap_or_default(), Code::RateLimited.into()).await { return }
                    continue;
                }
                match frame {
                    Some(Ok(Frame::Text(text))) => {
                        match serde_json::from_str::<ClientMessage>(text.as_str()) {
                            Ok(message) => {
                                let message = match message {
                                    ClientMessage::Command { id, role_epoch, command } => Message::Command {
                                        member,
                                        socket: number,
                                        id: id.0,
                                        role_epoch: RoleEpoch(role_epoch),
                                        command: command.into(),
                                    },
                                    ClientMessage::Resync => Message::Resync { member, socket: number },
                                };
                                // Unanswered when the room is too busy to take it: the client sends it again.
                                if let Err(error) = handle.send(message)
                                    && !refuse(socket, text.as_str(), error).await
                                {
                                    return;
                                }
                            }
                            Err(_) => if !refuse(socket, text.as_str(), Code::UnknownCommand.into()).await { return },
                        }
                    }
                    Some(Ok(Frame::Binary(_))) => {
                        if !refuse(socket, "", Code::UnknownCommand.into()).await { return }
                    }
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                }
            }
            _ = ping.tick() => {
                unanswered += 1;
                if unanswered > PINGS_UNANSWERED || !send(socket, Frame::Ping(Default::default())).await {
                    return;
                }
            }
        }
    }
}

/// The id of a message that may be anything else but well-formed.
#[derive(Deserialize)]
struct OnlyId {
    id: Id<roomtone_room::ids::CommandId>,
}

/// Answers what could not even be handed to the room: by its id if it has one. Returns whether the socket still works.
async fn refuse(socket: &mut WebSocket, text: &str, error: ApiError) -> bool {
    let id = serde_json::from_str::<OnlyId>(text).map_or(Id(roomtone_room::ids::CommandId(0)), |only| only.id);
    let answer = Outgoing::from(&ServerMessage::Answer { id, seq: None, error: Some(error) });
    send(socket, Frame::Text(answer.text)).await
}

async fn close(socket: &mut WebSocket, code: ByeCode) {
    let bye = ServerMessage::Bye { code, message: code.message().to_owned() };
    if send(socket, Frame::Text(Outgoing::from(&bye).text)).await {
        shut(socket).await;
    }
}

/// Sends one frame; returns whether the client took it in time.
async fn send(socket: &mut WebSocket, frame: Frame) -> bool {
    matches!(tokio::time::timeout(SEND_LIMIT, socket.send(frame)).await, Ok(Ok(())))
}

/// Ends the WebSocket in the proper way (RFC 6455, section 7.1.2), without waiting for long.
async fn shut(socket: &mut WebSocket) {
    let frame = CloseFrame { code: close_code::NORMAL, reason: Default::default() };
    send(socket, Frame::Close(Some(frame))).await;
}

/// A token bucket for one client's messages.
struct Allowance {
    tokens: f64,
    last: std::time::Instant,
}

impl Allowance {
    fn new() -> Self {
        Self { tokens: f64::from(COMMANDS_BURST), last: crate::edge::instant() }
    }

    fn take(&mut self) -> bool {
        let now = crate::edge::instant();
        let gained = now.duration_since(self.last).as_secs_f64() * f64::from(COMMANDS_PER_SECOND);
        self.tokens = (self.tokens + gained).min(f64::from(COMMANDS_BURST));
        self.last = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}
