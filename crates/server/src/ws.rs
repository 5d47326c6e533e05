//! The control socket: one task for each, between a client and its room's owner.

mod connection;
pub(crate) mod live;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Response;
use roomtone_room::Command;
use roomtone_room::ids::{MemberId, RoleEpoch, RoomId, Seq};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::app::App;
use crate::http::commands::{Prepared, prepare};
use crate::http::{PathId, RoomCaller};
use crate::limits::{KNOCKS, REACTIONS, SOCKETS};
use crate::rooms::Handle;
use crate::rooms::message::{Caller, Message, Outgoing, SOCKET_QUEUE, Said, SocketNo};
use crate::wire::socket::{ByeCode, ClientMessage, ServerMessage};
use crate::wire::{ApiError, Code, Id};
use connection::{Connection, Heard, Upgrade};

/// Messages a client may send at once and each second after that. More lets people click faster; fewer costs an
/// attacker's flood less of the room's time.
const COMMANDS_BURST: u32 = 40;
const COMMANDS_PER_SECOND: u32 = 20;

/// Messages beyond that rate, of whatever kind, after which a client that has not kept to it meanwhile is let go of. More bears worse
/// clients; fewer spares the server the answers that say no.
const BEYOND_MAX: u32 = 1_000;

/// How often each side gives the other a sign of life. More often shows lost connections sooner, and costs a wake-up of every
/// socket's task each time.
const PULSE_EVERY: Duration = Duration::from_secs(8);

/// How much longer than that a client may take to answer. Longer keeps sleeping phones; shorter shows lost connections
/// sooner: at the latest two pulses and this after the last sign of life.
const LATE_BY: Duration = Duration::from_secs(4);

/// After how many seconds a client is to try again that a busy room did not let in: one of these. Later asks less of the
/// room; with ten seconds, whoever had a place in it would lose that.
const RETRY_WHEN_BUSY: Range<u32> = 1..5;

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
    caller: RoomCaller,
    upgrade: Result<Upgrade, ApiError>,
) -> Result<Response, ApiError> {
    let Query(opening) = opening.map_err(|_| Code::BadRequest)?;
    let (id, handle, caller) = crate::http::room_for(&app, &id, caller).await?;
    let limit = if caller.guest.is_some() { &KNOCKS } else { &SOCKETS };
    app.limits.subject(limit, &caller.member().to_string(), crate::edge::instant())?;
    let since = opening.since.map(Seq);
    Ok(upgrade?.start(move |socket| serve(app, id, handle, caller, since, socket)))
}

/// Serves one socket until either side is done with it.
async fn serve(app: Arc<App>, id: RoomId, handle: Handle, caller: Caller, since: Option<Seq>, socket: Connection) {
    let proof = caller.proof();
    let member = proof.member;
    let number = app.rooms.next_socket();
    let (outgoing, queue) = mpsc::channel(SOCKET_QUEUE);
    let enter = async {
        // Until the owner has answered.
        let _coming = app.rooms.come_to(member, id).await?;
        handle.ask(|reply| Message::Connect { caller, since, socket: number, outgoing, reply }).await
    };
    if let Err(refused) = enter.await {
        let (code, retry_after) = turned_away(&refused, app.rooms.is_stopping());
        return say_goodbye(socket, code, retry_after).await;
    }
    // A failure of the store here will show elsewhere; the session was good a moment ago.
    let _ = app.rooms.end_if_over(&proof).await;
    metrics::gauge!("roomtone_sockets_open").increment(1.0);
    let look_up = |command| prepare(app.clone(), handle.clone(), member, command);
    let subject = member.to_string();
    let reacts = || app.limits.subject(&REACTIONS, &subject, crate::edge::instant()).is_ok();
    let who = Who { member, number, guest: proof.guest_in.is_some() };
    attend(&handle, who, socket, queue, reacts, look_up).await;
    metrics::gauge!("roomtone_sockets_open").decrement(1.0);
}

/// What a client is told whom the room does not let in, and after how many seconds it is to try again. A room that has no
/// time for it is like a server that is full, not like one that stops.
fn turned_away(refused: &ApiError, stopping: bool) -> (ByeCode, Option<u32>) {
    match refused.code {
        Code::RoomEnded | Code::RoomNotFound => (ByeCode::RoomEnded, None),
        Code::NotInRoom => (ByeCode::Elsewhere, None),
        Code::Banned => (ByeCode::Banned, None),
        Code::ServerFull => (ByeCode::ServerFull, refused.retry_after.map(|after| after.as_secs() as u32)),
        _ if stopping => (ByeCode::ShuttingDown, None),
        _ => {
            let [random] = crate::edge::random();
            let seconds = RETRY_WHEN_BUSY.start + u32::from(random) % (RETRY_WHEN_BUSY.end - RETRY_WHEN_BUSY.start);
            (ByeCode::ServerFull, Some(seconds))
        }
    }
}

/// Whose socket it is.
#[derive(Debug, Clone, Copy)]
struct Who {
    member: MemberId,
    number: SocketNo,
    guest: bool,
}

/// Serves a socket whose member is in the room, or waits to be let in, and tells the room when it is lost.
async fn attend<S: AsyncRead + AsyncWrite + Unpin, F: Future<Output = Result<Prepared, ApiError>>>(
    handle: &Handle,
    who: Who,
    mut socket: Connection<S>,
    mut queue: mpsc::Receiver<Outgoing>,
    reacts: impl Fn() -> bool,
    look_up: impl Fn(Command) -> F,
) {
    let end = talk(handle, who, &mut socket, &mut queue, reacts, look_up).await;
    // Before the goodbye, which can take as long as the client is slow.
    handle.deliver(Message::Disconnected { member: who.member, socket: who.number }).await;
    match end {
        End::Lost => drop(socket),
        End::Told => socket.close().await,
        End::TooSlow => say_goodbye(socket, ByeCode::TooSlow, None).await,
    }
}

/// Why nothing more is to be said on a socket.
enum End {
    /// The connection is lost.
    Lost,
    /// The room's last message has been sent.
    Told,
    /// The room let go of the socket without a last message, because its queue had no room for one.
    TooSlow,
}

/// Passes messages both ways until the connection is lost or the room lets the socket go.
async fn talk<S: AsyncRead + AsyncWrite + Unpin, F: Future<Output = Result<Prepared, ApiError>>>(
    handle: &Handle,
    who: Who,
    socket: &mut Connection<S>,
    queue: &mut mpsc::Receiver<Outgoing>,
    reacts: impl Fn() -> bool,
    look_up: impl Fn(Command) -> F,
) -> End {
    let mut wake = std::pin::pin!(tokio::time::sleep(PULSE_EVERY));
    let mut life = Life::default();
    let mut allowance = Allowance::new(COMMANDS_BURST, COMMANDS_PER_SECOND);
    loop {
        let answer = tokio::select! {
            message = queue.recv() => {
                let Some(message) = message else { return End::TooSlow };
                if !socket.send(&message).await {
                    return End::Lost;
                }
                if message.is_last() {
                    return End::Told;
                }
                continue;
            }
            said = socket.hear() => {
                life.shown();
                let allowed = allowance.take();
                match said {
                    Heard::End => return End::Lost,
                    _ if allowance.beyond > BEYOND_MAX => return End::Lost,
                    Heard::Life => continue,
                    Heard::Text(text) => take(handle, who, &text, allowed, &reacts, &look_up).await,
                    Heard::Binary => take(handle, who, "", allowed, &reacts, &look_up).await,
                }
            }
            () = &mut wake => {
                let wait = match life.asked() {
                    Asked::Fine if socket.pulse().await => PULSE_EVERY,
                    Asked::Late => LATE_BY,
                    Asked::Fine | Asked::Gone => return End::Lost,
                };
                wake.as_mut().reset((crate::edge::instant() + wait).into());
                continue;
            }
        };
        if let Some(answer) = answer
            && !socket.send(&answer).await
        {
            return End::Lost;
        }
    }
}

/// Hands what a client said to the room, or returns what it is answered at once.
async fn take<F: Future<Output = Result<Prepared, ApiError>>>(
    handle: &Handle,
    who: Who,
    text: &str,
    allowed: bool,
    reacts: &impl Fn() -> bool,
    look_up: &impl Fn(Command) -> F,
) -> Option<Outgoing> {
    let Who { member, number, guest } = who;
    let refused = if !allowed {
        Code::RateLimited.into()
    } else {
        let chat = |said| Message::Chat { member, socket: number, said };
        let message = match serde_json::from_str::<ClientMessage>(text) {
            Ok(ClientMessage::Command { id, role_epoch, command }) => {
                let Prepared { command, about } = match look_up(command.into()).await {
                    Ok(prepared) => prepared,
                    Err(refused) => return Some(refusal(text, refused)),
                };
                let role_epoch = RoleEpoch(role_epoch);
                Message::Command { member, socket: number, id: id.0, role_epoch, command, about }
            }
            Ok(ClientMessage::React { kind }) => {
                // The room does not look at reactions one by one, so whoever waits is found out here.
                let inside = || !guest || handle.summary().guests.contains_key(&member);
                if inside() && reacts() {
                    handle.react(member, kind);
                }
                return None;
            }
            Ok(ClientMessage::Say { id, text }) => chat(Said::Line { id: id.0, text }),
            Ok(ClientMessage::RemoveLine { id, line }) => chat(Said::Remove { id: id.0, line }),
            Ok(ClientMessage::Caption(caption)) => chat(Said::Caption(caption)),
            Ok(ClientMessage::WantCaptions { on }) => chat(Said::WantCaptions(on)),
            Ok(ClientMessage::Resync) => Message::Resync { member, socket: number },
            Err(_) => return Some(refusal(text, Code::UnknownCommand.into())),
        };
        handle.send(message).err()?
    };
    Some(refusal(text, refused))
}

/// The id of a message that may be anything else but well-formed.
#[derive(Deserialize)]
struct OnlyId {
    id: Id<roomtone_room::ids::CommandId>,
}

/// The answer to what could not even be handed to the room: by its id if it has one.
fn refusal(text: &str, error: ApiError) -> Outgoing {
    let id = serde_json::from_str::<OnlyId>(text).map_or(Id(roomtone_room::ids::CommandId(0)), |only| only.id);
    Outgoing::from(&ServerMessage::Answer { id, seq: None, error: Some(error) })
}

async fn say_goodbye<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: Connection<S>,
    code: ByeCode,
    retry_after: Option<u32>,
) {
    let bye = ServerMessage::Bye { code, message: code.message().to_owned(), retry_after };
    if socket.send(&Outgoing::from(&bye)).await {
        socket.close().await;
    }
}

/// Whether a client gives signs of life. It is looked at after each pulse's time, and once more when it was late.
#[derive(Default)]
struct Life {
    /// Whether a pulse was sent and nothing was heard since.
    waiting: bool,
    late: bool,
}

/// What is to be done about it.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Send a pulse.
    Fine,
    /// Wait a little longer.
    Late,
    /// Give up.
    Gone,
}

impl Life {
    fn shown(&mut self) {
        (self.waiting, self.late) = (false, false);
    }

    fn asked(&mut self) -> Asked {
        match (self.waiting, self.late) {
            (false, _) => {
                self.waiting = true;
                Asked::Fine
            }
            (true, false) => {
                self.late = true;
                Asked::Late
            }
            (true, true) => Asked::Gone,
        }
    }
}

/// A token bucket for one client's messages.
struct Allowance {
    burst: f64,
    per_second: f64,
    tokens: f64,
    last: std::time::Instant,
    /// How many more messages there were than it let through: each that it lets through takes one away again.
    beyond: u32,
}

impl Allowance {
    fn new(burst: u32, per_second: u32) -> Self {
        let (burst, per_second) = (f64::from(burst), f64::from(per_second));
        Self { burst, per_second, tokens: burst, last: crate::edge::instant(), beyond: 0 }
    }

    fn take(&mut self) -> bool {
        self.take_at(crate::edge::instant())
    }

    fn take_at(&mut self, now: std::time::Instant) -> bool {
        let gained = now.duration_since(self.last).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.burst);
        self.last = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        self.beyond = if enough { self.beyond.saturating_sub(1) } else { self.beyond + 1 };
        enough
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[test]
    fn who_is_turned_away_is_told_when_to_come_back() {
        let away = |code: Code, stopping| turned_away(&code.into(), stopping);
        for _ in 0..100 {
            let (code, after) = away(Code::Busy, false);
            assert!(code == ByeCode::ServerFull && RETRY_WHEN_BUSY.contains(&after.unwrap()), "{code:?} {after:?}");
        }
        assert_eq!(away(Code::Busy, true), (ByeCode::ShuttingDown, None));
        assert_eq!(away(Code::RoomEnded, false), (ByeCode::RoomEnded, None));
        assert_eq!(away(Code::NotInRoom, false), (ByeCode::Elsewhere, None));
        let full = ApiError { retry_after: Some(Duration::from_secs(9)), ..Code::ServerFull.into() };
        assert_eq!(turned_away(&full, false), (ByeCode::ServerFull, Some(9)));
    }

    /// Time is virtual: it goes on when nothing else can.
    #[tokio::test(start_paused = true)]
    async fn the_room_hears_that_a_slow_client_is_lost_before_the_client_does() {
        let (handle, mut inbox) = Handle::without_owner();
        // The goodbye does not fit, and nobody reads it.
        let (server, _client) = tokio::io::duplex(16);
        let (_, queue) = mpsc::channel(1);
        let began = tokio::time::Instant::now();
        let socket = Connection::new(server).await;
        let look_up = |command| async { Ok(Prepared { command, about: None }) };
        let who = Who { member: MemberId(1), number: SocketNo(7), guest: false };
        let attend = attend(&handle, who, socket, queue, || true, look_up);
        let lost = async {
            let lost = inbox.recv().await;
            assert!(matches!(lost, Some(Message::Disconnected { member: MemberId(1), socket: SocketNo(7) })));
            began.elapsed()
        };
        let ((), after) = tokio::join!(attend, lost);
        assert_eq!(after, Duration::ZERO);
        assert!(began.elapsed() > Duration::ZERO, "the goodbye was waited for");
    }

    /// What a client sends that it may not send so fast is answered, pings are not; and neither goes on for ever.
    #[tokio::test]
    async fn a_client_that_floods_is_let_go_of() {
        // Masked with zeros (RFC 6455, section 5.3): an empty object, and a ping.
        for frame in [&b"\x81\x82\0\0\0\0{}"[..], b"\x89\x80\0\0\0\0"] {
            let (handle, mut inbox) = Handle::without_owner();
            let (server, mut client) = tokio::io::duplex(1 << 22);
            let (_queue, queue) = mpsc::channel(1);
            let socket = Connection::new(server).await;
            let look_up = |command| async { Ok(Prepared { command, about: None }) };
            let who = Who { member: MemberId(1), number: SocketNo(7), guest: false };
            let attend = tokio::spawn(async move { attend(&handle, who, socket, queue, || true, look_up).await });
            let mut written = 0;
            while !attend.is_finished() && written < 100 * BEYOND_MAX {
                // Fails once the other end is gone.
                let _ = client.write_all(frame).await;
                written += 1;
                tokio::task::yield_now().await;
            }
            assert!(attend.is_finished() && written >= BEYOND_MAX, "{written}");
            assert!(matches!(inbox.recv().await, Some(Message::Disconnected { member: MemberId(1), .. })));
        }
    }

    #[test]
    fn who_says_a_little_too_much_is_not_taken_for_one_who_floods() {
        // How many messages beyond there are after a minute of so many a second.
        let beyond = |per_second: u32| {
            let mut allowance = Allowance::new(COMMANDS_BURST, COMMANDS_PER_SECOND);
            let began = allowance.last;
            for n in 0..60 * per_second {
                allowance.take_at(began + Duration::from_secs(n.into()) / per_second);
            }
            allowance.beyond
        };
        assert_eq!(beyond(COMMANDS_PER_SECOND), 0);
        assert!(beyond(2 * COMMANDS_PER_SECOND) < BEYOND_MAX / 10, "{}", beyond(2 * COMMANDS_PER_SECOND));
        assert!(beyond(5 * COMMANDS_PER_SECOND) > BEYOND_MAX, "{}", beyond(5 * COMMANDS_PER_SECOND));
    }

    #[test]
    fn a_client_is_given_up_when_it_stays_late() {
        let mut life = Life::default();
        for _ in 0..3 {
            assert_eq!(life.asked(), Asked::Fine);
            life.shown();
        }
        assert_eq!((life.asked(), life.asked()), (Asked::Fine, Asked::Late));
        // It was only slow.
        life.shown();
        assert_eq!((life.asked(), life.asked(), life.asked()), (Asked::Fine, Asked::Late, Asked::Gone));
    }
}
