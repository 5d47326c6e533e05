//! Messages of the control socket (docs/PROTOCOL.md, "The control socket").

use roomtone_room::event;
use roomtone_room::ids::{AvatarId, CommandId, MemberId, ReplayId, RoomId};
use roomtone_room::role;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::chatter::{Caption, Chatter, Line, LineId, Reaction};
use super::command::Command;
use super::hallway::HouseBadge;
use super::recording::{Consent, Recording, RecordingCause};
use super::replays::Hearers;
use super::running::{Banned, CallUp, CallUpCause, HandRule, KnockCause, Question, Settings, Terms, WaitingGuest};
use super::{ApiError, Id};

/// A member as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
pub struct Person {
    /// The member's id.
    #[ts(type = "string")]
    #[schema(value_type = String)]
    pub id: Id<MemberId>,
    /// The handle, without an at sign.
    pub handle: String,
    /// The name.
    pub name: String,
    /// Their picture, at `/api/avatars/{avatar}/small` and `large`; null for who has none.
    #[serde(default)]
    #[ts(type = "string | null")]
    #[schema(value_type = Option<String>, required = true)]
    pub avatar: Option<Id<AvatarId>>,
}

impl From<roomtone_store::Person> for Person {
    fn from(person: roomtone_store::Person) -> Self {
        let roomtone_store::Person { id, handle, name, avatar } = person;
        Self { id: Id(id), handle, name, avatar: avatar.map(Id) }
    }
}

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Any member.
    Open,
    /// People whom a moderator follows, and people named.
    Social,
    /// People named.
    Closed,
}

/// Host > moderator > speaker > listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the product's own words")]
pub enum Role {
    Listener,
    Speaker,
    Moderator,
    Host,
}

/// Somebody in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Participant {
    /// Who.
    pub person: Person,
    /// Their number in the room: the CSRC of their voice.
    pub number: u32,
    /// Their role.
    pub role: Role,
    /// False while their connection is lost and their place is kept.
    pub connected: bool,
    /// Whether a moderator has muted them.
    pub muted: bool,
    /// Whether their microphone is open.
    pub mic: bool,
    /// Whether they agreed to having the last minute of what they say kept for reports.
    pub evidence: bool,
    /// What they have said to being recorded.
    pub recorded: Consent,
    /// For a guest, who made their link and vouches for them.
    pub guest_of: Option<Person>,
}

/// Everything the server sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The whole of what this viewer may know.
    Snapshot(Box<Snapshot>),
    /// A guest waits to be let in. A snapshot follows when they are. Said again whenever the room begins to be recorded, or is not any more.
    Waiting {
        /// When their link ends, in milliseconds since 1970.
        #[ts(type = "number")]
        until: u64,
        /// To whom the replay will be open, if the room is recorded.
        recording: Option<Hearers>,
    },
    /// What happened.
    Events(Events),
    /// To a command.
    Answer {
        /// The command's id.
        #[ts(type = "string")]
        id: Id<CommandId>,
        /// The room's number after it, if it was accepted.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional, type = "number")]
        seq: Option<u64>,
        /// Why it was refused.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        error: Option<ApiError>,
    },
    /// Somebody has another name, handle or picture.
    Renamed {
        /// As they are to be shown from now on.
        person: Person,
    },
    /// What went on around the talk, merged.
    Chatter(Chatter),
    /// What is being said, for those who want captions: the newest of each speaker.
    Captions {
        /// At most one of each speaker.
        captions: Vec<Caption>,
    },
    /// The server cut a media leg.
    LegEnded {
        /// Which.
        leg: String,
        /// Of which kind.
        kind: LegKind,
        /// Why.
        code: LegEndCode,
    },
    /// A sign of life.
    Beat,
    /// The last message.
    Bye {
        /// Why.
        code: ByeCode,
        /// For people.
        message: String,
        /// After how many seconds to try again, if it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        retry_after: Option<u32>,
    },
}

/// The two kinds of media leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the product's own words")]
pub enum LegKind {
    Listen,
    Publish,
}

/// Why a leg was cut by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LegEndCode {
    /// A newer leg of the same kind took its place.
    Replaced,
    /// Its member may not speak any more, or is not in the room any more.
    NotAllowed,
    /// Nothing authenticated came from the peer for too long, or the handshake failed.
    Lost,
}

/// Why the server closes the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ByeCode {
    /// A newer socket of the same member took over.
    Replaced,
    /// The member entered another room.
    Elsewhere,
    /// A moderator removed the member.
    Removed,
    /// A moderator banned the member from the room.
    Banned,
    /// The guest's link has ended.
    PassEnded,
    /// A moderator did not let the guest in.
    TurnedAway,
    /// The member left, or was away for too long.
    Left,
    /// The room ended.
    RoomEnded,
    /// The session was ended.
    SessionEnded,
    /// The client did not read fast enough.
    TooSlow,
    /// The server stops; come back in a moment.
    ShuttingDown,
    /// The server takes in nobody who is not in a room yet, or the room is too busy to let anybody in; come back after the
    /// time that is said.
    ServerFull,
}

impl ByeCode {
    /// The sentence for people that goes with the code.
    pub fn message(self) -> &'static str {
        match self {
            Self::Replaced => "You are in this room on another device.",
            Self::Elsewhere => "You went to another room.",
            Self::Removed => "A moderator removed you from the room.",
            Self::Banned => "A moderator banned you from the room.",
            Self::PassEnded => "Your link to this room has ended.",
            Self::TurnedAway => "Nobody let you in just now.",
            Self::Left => "You have left the room.",
            Self::RoomEnded => "The room has ended.",
            Self::SessionEnded => "You were signed out.",
            Self::TooSlow => "The connection is too slow to keep up; come back in.",
            Self::ShuttingDown => "The server restarts; the room will be back in a moment.",
            Self::ServerFull => "The server is full right now; try again in a moment.",
        }
    }
}

/// The whole of what a viewer may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// The number of the last event it contains.
    #[ts(type = "number")]
    pub seq: u64,
    /// The server's clock, in milliseconds since 1970.
    #[ts(type = "number")]
    pub now: u64,
    /// The room.
    pub room: RoomInfo,
    /// The viewer.
    pub you: You,
    /// Everybody on stage: host, moderators, speakers, each by time on stage.
    pub stage: Vec<Participant>,
    /// What moderators set.
    pub settings: Settings,
    /// The hands in their order; empty unless the viewer is a moderator.
    pub hands: Vec<Hand>,
    /// The open offers to come on stage; empty unless the viewer is a moderator.
    pub offers: Vec<Offer>,
    /// The questions that are not settled, the highest rank first; empty unless the viewer is a moderator.
    pub questions: Vec<Question>,
    /// The question that is being answered.
    pub question: Option<Question>,
    /// Who was called up and has not come; empty unless the viewer is a moderator.
    pub called: Vec<CallUp>,
    /// The guests who wait; empty unless the viewer is a moderator.
    pub waiting: Vec<WaitingGuest>,
    /// Who is banned, the last hundred, newest first; empty unless the viewer is a moderator.
    pub bans: Vec<Banned>,
    /// The audience.
    pub audience: Audience,
    /// The last lines of the backchannel, oldest first; at most 100.
    pub lines: Vec<Line>,
}

/// What a room says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RoomInfo {
    /// The room's id.
    #[ts(type = "string")]
    pub id: Id<RoomId>,
    /// The title.
    pub title: String,
    /// Who may come in.
    pub kind: Kind,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// What it is about.
    pub topics: Vec<String>,
    /// The house whose room it is.
    pub house: Option<HouseBadge>,
    /// When it was opened, in milliseconds since 1970.
    #[ts(type = "number")]
    pub opened_at: u64,
    /// Whether the last minute of what people on stage say is kept for reports, of those who agreed to it.
    pub evidence: bool,
    /// What is recorded.
    pub recording: Option<Recording>,
    /// What was agreed about the talk, if the room was opened from a talk sheet.
    pub terms: Option<Terms>,
}

/// The viewer's own state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct You {
    /// Who the viewer is.
    pub person: Person,
    /// The viewer's number in the room.
    pub number: u32,
    /// The viewer's role.
    pub role: Role,
    /// To be sent with each command.
    pub role_epoch: u32,
    /// Whether a moderator has muted the viewer.
    pub muted: bool,
    /// Whether the viewer's microphone is open.
    pub mic: bool,
    /// The viewer's raised hand.
    pub hand: Option<OwnHand>,
    /// Who invites the viewer to speak.
    pub offer: Option<Person>,
}

/// The viewer's own raised hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OwnHand {
    /// The question.
    pub question: Option<String>,
    /// When it went up.
    #[ts(type = "number")]
    pub at: u64,
}

/// Somebody's raised hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Hand {
    /// Whose.
    pub person: Person,
    /// The question.
    pub question: Option<String>,
    /// When it went up.
    #[ts(type = "number")]
    pub at: u64,
    /// Whether they have spoken in this room.
    pub spoken: bool,
}

/// An open offer to come on stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Offer {
    /// Who was asked.
    pub person: Person,
    /// By whom.
    pub by: Person,
}

/// The audience as a snapshot shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Audience {
    /// How many listen.
    pub count: usize,
    /// The first of them by number, at most 60.
    pub first: Vec<Participant>,
}

/// What happened, numbered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Events {
    /// The number up to which the client must have folded what came before.
    #[ts(type = "number")]
    pub after: u64,
    /// The number after folding.
    #[ts(type = "number")]
    pub seq: u64,
    /// How many listen.
    pub audience_count: usize,
    /// The events in order.
    pub events: Vec<NumberedEvent>,
}

/// One event with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NumberedEvent {
    /// Its number.
    #[ts(type = "number")]
    pub seq: u64,
    /// When, in milliseconds since 1970.
    #[ts(type = "number")]
    pub at: u64,
    /// What.
    pub event: RoomEvent,
}

/// What happened, as a viewer is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the table in docs/PROTOCOL.md describes each")]
pub enum RoomEvent {
    Entered {
        person: Person,
        number: u32,
        guest_of: Option<Person>,
    },
    ConnectionLost {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    Returned {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    Left {
        #[ts(type = "string")]
        member: Id<MemberId>,
        reason: LeaveReason,
    },
    HandRaised {
        person: Person,
        question: Option<String>,
        place: u32,
        spoken: bool,
    },
    HandMoved {
        #[ts(type = "string")]
        member: Id<MemberId>,
        place: u32,
    },
    HandLowered {
        #[ts(type = "string")]
        member: Id<MemberId>,
        cause: HandCause,
    },
    StageOffered {
        person: Person,
        by: Person,
    },
    OfferEnded {
        #[ts(type = "string")]
        member: Id<MemberId>,
        cause: OfferCause,
    },
    RoleChanged {
        person: Person,
        number: u32,
        role: Role,
        role_epoch: u32,
        connected: bool,
        guest_of: Option<Person>,
        cause: RoleCause,
        #[ts(type = "string | null")]
        by: Option<Id<MemberId>>,
    },
    Muted {
        #[ts(type = "string")]
        member: Id<MemberId>,
        #[ts(type = "string")]
        by: Id<MemberId>,
        role_epoch: u32,
    },
    Unmuted {
        #[ts(type = "string")]
        member: Id<MemberId>,
        #[ts(type = "string")]
        by: Id<MemberId>,
        role_epoch: u32,
    },
    MicChanged {
        #[ts(type = "string")]
        member: Id<MemberId>,
        open: bool,
    },
    Banned {
        person: Person,
        #[ts(type = "string")]
        by: Id<MemberId>,
        reason: Option<String>,
    },
    Unbanned {
        #[ts(type = "string")]
        member: Id<MemberId>,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    Described {
        title: String,
        topics: Vec<String>,
        language: String,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    Widened {
        kind: Kind,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    HandsRuled {
        rule: HandRule,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    StageLocked {
        locked: bool,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    BackchannelSet {
        open: bool,
        slow_seconds: u16,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    TimerSet {
        #[ts(type = "number | null")]
        until: Option<u64>,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    LinkPinned {
        number: u32,
        url: String,
        label: String,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    LinkUnpinned {
        number: u32,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    FloorGiven {
        #[ts(type = "string | null")]
        member: Option<Id<MemberId>>,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    CalledUp {
        person: Person,
        #[ts(type = "string")]
        by: Id<MemberId>,
        context: Option<String>,
        #[ts(type = "number")]
        until: u64,
    },
    CallUpEnded {
        #[ts(type = "string")]
        member: Id<MemberId>,
        cause: CallUpCause,
    },
    Knocked {
        person: Person,
        #[ts(type = "string")]
        by: Id<MemberId>,
        #[ts(type = "number")]
        until: u64,
    },
    KnockEnded {
        #[ts(type = "string")]
        guest: Id<MemberId>,
        cause: KnockCause,
    },
    EvidenceSet {
        on: bool,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    QuestionTaken {
        question: Question,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    QuestionClosed {
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    QuestionSettled {
        number: u32,
        answered: bool,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    EvidenceAgreed {
        #[ts(type = "string")]
        member: Id<MemberId>,
        agree: bool,
    },
    RecordingBegun {
        recording: Recording,
        #[ts(type = "string")]
        by: Id<MemberId>,
    },
    RecordingStopped {
        #[ts(type = "string")]
        replay: Id<ReplayId>,
        #[ts(type = "string | null")]
        by: Option<Id<MemberId>>,
        cause: RecordingCause,
    },
    RecordingConsent {
        #[ts(type = "string")]
        member: Id<MemberId>,
        agree: bool,
    },
    Forgotten {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    Ended {
        #[ts(type = "string | null")]
        by: Option<Id<MemberId>>,
    },
}

/// Why somebody is no longer in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the table in docs/PROTOCOL.md describes each")]
pub enum LeaveReason {
    Quit,
    Lost,
    Removed,
    PassEnded,
}

/// Why a hand is down again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the table in docs/PROTOCOL.md describes each")]
pub enum HandCause {
    Lowered,
    Declined,
}

/// How an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the table in docs/PROTOCOL.md describes each")]
pub enum OfferCause {
    Declined,
    Withdrawn,
}

/// Why a role changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the table in docs/PROTOCOL.md describes each")]
pub enum RoleCause {
    HandAccepted,
    OfferAccepted,
    SteppedDown,
    MovedToAudience,
    MadeModerator,
    ModeratorTaken,
    LetIn,
    HandedOver,
    Inherited,
}

/// Everything a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// Something to do.
    Command {
        /// Chosen by the sender; a repetition is answered and not applied again.
        #[ts(type = "string")]
        id: Id<CommandId>,
        /// The sender's own, from `you`.
        role_epoch: u32,
        /// What.
        command: Command,
    },
    /// A reaction. It is not answered; one too many is dropped.
    React {
        /// Which.
        kind: Reaction,
    },
    /// A line for the backchannel; answered by its id.
    Say {
        /// Chosen by the sender.
        #[ts(type = "string")]
        id: Id<CommandId>,
        /// One line, at most 500 characters.
        text: String,
    },
    /// Takes a line away: one's own, or any for those who run the room; answered by its id.
    RemoveLine {
        /// Chosen by the sender.
        #[ts(type = "string")]
        id: Id<CommandId>,
        /// The line's number.
        #[ts(type = "number")]
        line: LineId,
    },
    /// What a speaker is saying. It is not answered.
    Caption(Caption),
    /// Whether the sender wants captions.
    WantCaptions {
        /// Whether they do.
        on: bool,
    },
    /// Asks for a snapshot.
    Resync,
}

impl From<event::Kind> for Kind {
    fn from(kind: event::Kind) -> Self {
        match kind {
            event::Kind::Open => Self::Open,
            event::Kind::Social => Self::Social,
            event::Kind::Closed => Self::Closed,
        }
    }
}

impl From<Kind> for event::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Open => Self::Open,
            Kind::Social => Self::Social,
            Kind::Closed => Self::Closed,
        }
    }
}

impl From<role::Role> for Role {
    fn from(role: role::Role) -> Self {
        match role {
            role::Role::Listener => Self::Listener,
            role::Role::Speaker => Self::Speaker,
            role::Role::Moderator => Self::Moderator,
            role::Role::Host => Self::Host,
        }
    }
}

impl From<Role> for role::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Listener => Self::Listener,
            Role::Speaker => Self::Speaker,
            Role::Moderator => Self::Moderator,
            Role::Host => Self::Host,
        }
    }
}
