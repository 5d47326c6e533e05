//! What a room's owner can be asked.

use std::collections::HashSet;
use std::sync::Arc;

use roomtone_media::leg::LegId;
use roomtone_media::sdp::{Offer, PublishLine, Slot};
use roomtone_room::ids::{CommandId, MemberId, RoleEpoch, RoomId, Seq, Timestamp};
use roomtone_room::{Command, GuestPass};
use roomtone_store::{ActGuest, Hash, RoomHouse, Standing};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::SignOuts;
use super::evidence::Minute;
use super::roster::Sought;
use crate::line::Line;
use crate::media_io::Report;
use crate::mix::Pages;
use crate::wire::ApiError;
use crate::wire::chatter::{Caption, LineId, Reaction};
use crate::wire::hallway::LiveMessage;
use crate::wire::http::Roster;
use crate::wire::socket::{Person, ServerMessage};

/// Messages that may wait for one socket. More rides out slower clients at the price of memory and staleness; a client
/// that lets it run full is cut off and comes back with a snapshot.
pub(crate) const SOCKET_QUEUE: usize = 256;

/// One message to clients, shared by all who get the same one, in the form in which it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing(Arc<Framed>);

#[derive(Debug)]
struct Framed {
    frame: Vec<u8>,
    last: bool,
}

impl Outgoing {
    /// The message as one unfragmented and unmasked text frame (RFC 6455, section 5.2).
    pub(crate) fn frame(&self) -> &[u8] {
        &self.0.frame
    }

    /// Whether the socket closes after it.
    pub(crate) fn is_last(&self) -> bool {
        self.0.last
    }
}

impl From<&ServerMessage> for Outgoing {
    fn from(message: &ServerMessage) -> Self {
        Self::written(matches!(message, ServerMessage::Bye { .. }), |frame| write_json(frame, message))
    }
}

impl From<&LiveMessage> for Outgoing {
    fn from(message: &LiveMessage) -> Self {
        Self::written(matches!(message, LiveMessage::Bye { .. }), |frame| write_json(frame, message))
    }
}

/// Appends plain data as JSON.
pub(crate) fn write_json(text: &mut Vec<u8>, data: &impl Serialize) {
    serde_json::to_writer(text, data).expect("plain data with string keys always serialises");
}

impl Outgoing {
    /// The message whose JSON is written by `write` after what the buffer holds already.
    pub(crate) fn written(last: bool, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        const FINAL_TEXT: u8 = 0x81;
        /// The longest header: two bytes and a length of eight.
        const HEADER_MAX: usize = 10;
        let mut frame = vec![0; HEADER_MAX];
        write(&mut frame);
        let length = frame.len() - HEADER_MAX;
        let mut header = vec![FINAL_TEXT];
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ ..=125), _) => header.push(short),
            (_, Ok(medium)) => {
                header.push(126);
                header.extend(medium.to_be_bytes());
            }
            _ => {
                header.push(127);
                header.extend((length as u64).to_be_bytes());
            }
        }
        frame.splice(..HEADER_MAX, header);
        frame.shrink_to_fit();
        Self(Arc::new(Framed { frame, last }))
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
    /// How many sessions had been ended before theirs was looked up.
    pub(crate) as_of: SignOuts,
    /// Whether a moderator of the room follows them; only looked up for social rooms.
    pub(crate) followed_by_moderator: bool,
    /// With whom they have a block; `None` if they were in the room already when they asked, and for guests.
    pub(crate) standing: Option<Arc<Standing>>,
    /// For a guest, by whose word they come.
    pub(crate) guest: Option<Vouched>,
}

/// By whose word a guest comes.
#[derive(Debug, Clone)]
pub(crate) struct Vouched {
    /// The one room that they may come to.
    pub(crate) room: RoomId,
    pub(crate) by: Person,
    pub(crate) until: Timestamp,
}

/// Who took back a guest's link, and whose it was.
#[derive(Debug)]
pub(crate) struct Revoked {
    pub(crate) by: MemberId,
    pub(crate) guest: ActGuest,
}

/// What somebody came in by, to be looked at again once they are in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof {
    pub(crate) member: MemberId,
    pub(crate) session: Hash,
    pub(crate) as_of: SignOuts,
    /// For a guest, the room that they may come to.
    pub(crate) guest_in: Option<RoomId>,
}

impl Caller {
    pub(crate) fn member(&self) -> MemberId {
        self.person.id.0
    }

    pub(crate) fn proof(&self) -> Proof {
        let guest_in = self.guest.as_ref().map(|guest| guest.room);
        Proof { member: self.member(), session: self.session, as_of: self.as_of, guest_in }
    }
}

impl Vouched {
    pub(super) fn pass(&self) -> GuestPass {
        GuestPass { by: self.by.id.0, until: self.until }
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

/// A plain stream that is asked for.
#[derive(Debug)]
pub(crate) struct StreamRequest {
    pub(crate) caller: Caller,
    /// The id that it will have.
    pub(crate) leg: LegId,
    /// The connection that is to carry it.
    pub(crate) line: Arc<Line>,
    pub(crate) reply: Reply<Pages>,
}

/// What goes on around the talk.
#[derive(Debug)]
pub(crate) enum Said {
    /// A line for the backchannel.
    Line { id: CommandId, text: String },
    /// A line is to go.
    Remove { id: CommandId, line: LineId },
    /// What a speaker is saying.
    Caption(Caption),
    /// Whether the sender wants captions.
    WantCaptions(bool),
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
    Command {
        member: MemberId,
        socket: SocketNo,
        id: CommandId,
        role_epoch: RoleEpoch,
        command: Command,
        /// Somebody it is about who may never have been in the room.
        about: Option<Person>,
    },
    /// Somebody reacted, and the room's counts were empty before; or it is somebody on stage.
    React { member: MemberId, reaction: Reaction },
    /// Something about the talk that is not kept came over a control socket.
    Chat { member: MemberId, socket: SocketNo, said: Said },
    /// A client has lost its place in the events.
    Resync { member: MemberId, socket: SocketNo },
    /// A listen leg is asked for.
    Listen(LegRequest<Vec<Slot>>),
    /// A plain stream is asked for.
    Stream(StreamRequest),
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
    /// A page of the roster, as this member may see it.
    Roster { viewer: MemberId, sought: Sought, reply: Reply<Roster> },
    /// The last minute of the room, for somebody in it who reports something.
    Minute { reporter: MemberId, reply: Reply<Minute> },
    /// These members are out, whatever they came by.
    Expel { members: Vec<MemberId>, done: oneshot::Sender<()> },
    /// A member who was taken out deletes their account: nothing that they wrote stays.
    Forget { member: MemberId, done: oneshot::Sender<()> },
    /// The room ends: whoever opened it deletes their account.
    End { done: oneshot::Sender<()> },
    /// A guest's pass has ended.
    EndPass { guest: MemberId, revoked: Option<Revoked>, done: oneshot::Sender<()> },
    /// The passes of all guests have ended for whom any of these vouches.
    EndPassesOf { members: Arc<HashSet<MemberId>>, done: oneshot::Sender<()> },
    /// Somebody who was called up says no.
    DeclineCallUp { member: MemberId, reply: Reply<()> },
    /// Somebody who was called up is not to be rung any more, whatever the room says.
    EndCallUp { member: MemberId },
    /// The one has blocked the other.
    Part { blocker: MemberId, blocked: MemberId, done: oneshot::Sender<()> },
    /// With whom the member has a block by now: it was looked up before another one was made.
    Recheck { member: MemberId, standing: Arc<Standing> },
    /// The member has accepted a call to the room: they come on stage, now or when they enter.
    ComeOnStage { member: MemberId },
    /// Somebody has another name, handle or picture now.
    Person(Person),
    /// The member is out, since they are not in the room's house any more.
    PutOut { member: MemberId },
    /// The room's house has changed, or is no more.
    House(Option<RoomHouse>),
    /// An appeal has lifted a ban of the room's, which the store knows already.
    LiftBans { done: oneshot::Sender<()> },
    /// What the store has of the room's recording has changed: a track was withdrawn, or it has none any more.
    LookAtReplay { done: oneshot::Sender<()> },
    /// The server stops. The room does not end: it is there again after the next start.
    ShutDown { done: oneshot::Sender<()> },
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

    use super::*;
    use crate::wire::socket::ByeCode;

    /// Lengths around those at which the header takes another form.
    #[test]
    fn a_message_is_one_frame() {
        let bye = |length| ServerMessage::Bye { code: ByeCode::Left, message: "x".repeat(length), retry_after: None };
        let around = serde_json::to_string(&bye(0)).unwrap().len();
        for length in [1, 125, 126, 127, 255, 256, 65_535, 65_536, 100_000] {
            let message = bye(length.max(around) - around);
            let outgoing = Outgoing::from(&message);
            let mut socket = FrameSocket::new(std::io::Cursor::new(outgoing.frame().to_vec()));
            let frame = socket.read(None).unwrap().unwrap();
            assert!(frame.header().is_final && outgoing.is_last());
            assert_eq!(serde_json::from_slice::<ServerMessage>(frame.payload()).unwrap(), message);
            assert!(socket.read(None).unwrap().is_none(), "nothing follows");
        }
    }
}
