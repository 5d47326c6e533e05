//! What one round of a room's messages came to.

use std::collections::{HashMap, HashSet};

use roomtone_media::leg::LegId;
use roomtone_media::sdp::{PublishLine, Slot};
use roomtone_room::ids::{MemberId, RecordId, Seq, Timestamp};
use roomtone_store::{LogRow, NewAct, RecordingChange};
use tokio::sync::oneshot;

use super::evidence::Minute;
use super::fanout::Happened;
use super::message::{LegRequest, Message, Reply, SocketNo, StreamRequest};
use super::owner::Socket;
use super::roster::Sought;
use crate::mix::Seat;
use crate::wire::chatter::LineId;
use crate::wire::http::Roster;
use crate::wire::socket::{ByeCode, Person, ServerMessage};

/// What one round of messages came to, to be told once it is kept.
#[derive(Default)]
pub(super) struct Round {
    pub(super) rows: Vec<LogRow>,
    /// What those who run the room did.
    pub(super) acts: Vec<NewAct>,
    /// Who hosts the room now, if somebody else did before.
    pub(super) leader: Option<MemberId>,
    /// The records of questions that were answered, and when.
    pub(super) answered: Vec<(RecordId, Timestamp)>,
    /// What is to be noted of a recording.
    pub(super) recordings: Vec<RecordingChange>,
    /// Lines that are to go, once that is kept.
    pub(super) lines_removed: Vec<LineId>,
    pub(super) happened: Vec<Happened>,
    /// Who has left, or waits no more.
    pub(super) left: HashSet<MemberId>,
    pub(super) connects: Vec<Connect>,
    pub(super) listens: Vec<LegRequest<Vec<Slot>>>,
    pub(super) streams: Vec<(StreamRequest, Seat)>,
    pub(super) publishes: Vec<LegRequest<Box<PublishLine>>>,
    /// Legs that are to go, whatever the events say.
    pub(super) ended_legs: Vec<LegId>,
    /// Those who asked for that.
    pub(super) ended: Vec<Reply<()>>,
    /// Those who want a page of the roster, who sees it, and after which number.
    pub(super) rosters: Vec<(MemberId, Sought, Reply<Roster>)>,
    /// Those who want the last minute of the room, and who reports something with it.
    pub(super) minutes: Vec<(MemberId, Reply<Minute>)>,
    /// Messages to single sockets, sent after the events.
    pub(super) direct: Vec<(MemberId, SocketNo, ServerMessage)>,
    /// Those who want a snapshot.
    pub(super) resyncs: Vec<(MemberId, SocketNo)>,
    /// What to say to members who leave, where it is not what the reason alone would say.
    pub(super) byes: HashMap<MemberId, ByeCode>,
    /// Who has another name or picture.
    pub(super) renamed: Vec<Person>,
    /// Whether what the hallway shows of the room changes, whatever the events say.
    pub(super) shows_otherwise: bool,
    /// To be told once the rest is done.
    pub(super) done: Vec<oneshot::Sender<()>>,
}

impl Round {
    /// Whether a message has to wait for the next round: its member has left in this one, and before they are in again
    /// everything of the former visit must be gone, sockets, legs and all.
    pub(super) fn must_end_before(&self, message: &Message) -> bool {
        let member = match message {
            Message::Connect { caller, .. } => caller.member(),
            Message::Listen(request) => request.caller.member(),
            Message::Stream(request) => request.caller.member(),
            Message::Publish(request) => request.caller.member(),
            _ => return false,
        };
        self.left.contains(&member)
    }
}

/// A socket that opened, its member being in the room by now.
pub(super) struct Connect {
    pub(super) member: MemberId,
    pub(super) since: Option<Seq>,
    pub(super) socket: Socket,
    pub(super) reply: Reply<()>,
}
