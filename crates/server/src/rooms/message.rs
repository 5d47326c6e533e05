//! What a room's owner can be asked.

use axum::extract::ws::Utf8Bytes;
use roomtone_media::leg::LegId;
use roomtone_media::sdp::{Offer, PublishLine, Slot};
use roomtone_room::Command;
use roomtone_room::ids::{CommandId, MemberId, RoleEpoch, Seq};
use roomtone_store::Hash;
use tokio::sync::{mpsc, oneshot};

use crate::media_io::Report;
use crate::wire::ApiError;
use crate::wire::http::Roster;
use crate::wire::socket::{Person, ServerMessage};

/// Messages that may wait for one socket. More rides out slower clients at the price of memory and staleness; a client
/// that lets it run full is cut off and comes back with a snapshot.
pub(crate) const SOCKET_QUEUE: usize = 256;

/// One message to a client, its text shared by all who get the same one.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) text: Utf8Bytes,
    /// Whether the socket closes after it.
    pub(crate) last: bool,
}

impl From<&ServerMessage> for Outgoing {
    fn from(message: &ServerMessage) -> Self {
        let text = serde_json::to_string(message).expect("plain data with string keys always serialises");
        Self { text: text.into(), last: matches!(message, ServerMessage::Bye { .. }) }
    }
}

/// Tells the sockets of one process apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketNo(pub(crate) u64);

/// Who asks, as the HTTP layer knows them.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) person: Person,
    pub(crate) session: Hash,
    /// Whether a moderator of the room follows them; only looked up for social rooms.
    pub(crate) followed_by_moderator: bool,
}

impl Caller {
    pub(crate) fn member(&self) -> MemberId {
        self.person.id.0
    }
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, ApiError>>;

/// A leg as its HTTP answer needs it.
#[derive(Debug)]
pub(crate) struct NewLeg {
    pub(crate) leg: LegId,
    pub(crate) answer: String,
}

/// A leg that is asked for.
#[derive(Debug)]
pub(crate) struct LegRequest<W> {
    pub(crate) caller: Caller,
    pub(crate) offer: Box<Offer>,
    /// The m-lines of the offer that are wanted.
    pub(crate) wants: W,
    pub(crate) reply: Reply<NewLeg>,
}

/// What a room's owner can be asked.
#[derive(Debug)]
pub(crate) enum Message {
    /// A control socket opened: its member enters or comes back.
    Connect {
        caller: Caller,
        /// The number of the last event that the client knows, if it has been here before.
        since: Option<Seq>,
        socket: SocketNo,
        outgoing: mpsc::Sender<Outgoing>,
        reply: Reply<()>,
    },
    /// A control socket is gone.
    Disconnected { member: MemberId, socket: SocketNo },
    /// A command came over a control socket.
    Command { member: MemberId, socket: SocketNo, id: CommandId, role_epoch: RoleEpoch, command: Command },
    /// A client has lost its place in the events.
    Resync { member: MemberId, socket: SocketNo },
    /// A listen leg is asked for.
    Listen(LegRequest<Vec<Slot>>),
    /// A publish leg is asked for.
    Publish(LegRequest<Box<PublishLine>>),
    /// A member ends a leg of theirs.
    EndLeg { member: MemberId, leg: LegId, reply: Reply<()> },
    /// A media thread reports about a leg.
    Report(Report),
    /// The member goes to another room.
    Elsewhere { member: MemberId, done: oneshot::Sender<()> },
    /// The session was ended: whatever it opened goes.
    EndSession { member: MemberId, session: Hash },
    /// A page of the roster.
    Roster { after: u32, reply: Reply<Roster> },
    /// The server stops. The room does not end: it is there again after the next start.
    ShutDown { done: oneshot::Sender<()> },
}
