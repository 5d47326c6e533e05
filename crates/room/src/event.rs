//! What happened in a room. Events are numbered per room and are the only thing that changes its state.

use crate::command::GuestPass;
use crate::ids::{HouseId, MemberId, RecordId, ReplayId, RoleEpoch, RoomId, Seq, TalkerNo, Timestamp};
use crate::recording::{NewRecording, RecordingCause};
use crate::role::Role;
use crate::settings::HandRule;
use crate::terms::{Question, Terms};

/// Who may come in. In rising order: a live room can be widened and never narrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// People named when it was opened.
    Closed,
    /// People whom a moderator of the room follows, and people named when it was opened.
    Social,
    /// Any member.
    Open,
}

/// What a room is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its title.
    pub title: String,
    /// Who may come in.
    pub kind: Kind,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// What it is about, folded as [`crate::hallway`] compares them.
    pub topics: Vec<String>,
    /// The house whose room it is.
    pub house: Option<HouseId>,
    /// Who may come in whatever the kind, besides the opener.
    pub named: Vec<MemberId>,
    /// What was agreed about the talk, if anything was.
    pub terms: Option<Terms>,
    /// What members would like to be asked, the highest rank first. Of more than [`crate::QUESTIONS_MAX`], the first.
    pub questions: Vec<Question>,
}

impl Opening {
    /// A room of no house, without topics, terms and questions, for which nobody is named.
    pub fn new(title: impl Into<String>, kind: Kind, language: impl Into<String>) -> Self {
        let (title, language) = (title.into(), language.into());
        let (topics, named, questions) = (Vec::new(), Vec::new(), Vec::new());
        Self { title, kind, language, topics, house: None, named, terms: None, questions }
    }
}

/// An event with its place in the room's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// Its number.
    pub seq: Seq,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Why somebody is no longer in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaveReason {
    /// Left of their own will, or went to another room.
    Quit,
    /// The connection stayed lost.
    Lost,
    /// A moderator removed them.
    Removed {
        /// Who did it.
        by: MemberId,
    },
    /// A guest's link ended.
    PassEnded,
}

/// Why a role changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoleCause {
    /// A raised hand was accepted by `by`.
    HandAccepted {
        /// The moderator.
        by: MemberId,
    },
    /// The member accepted an offer.
    OfferAccepted,
    /// The member went to the audience themselves.
    SteppedDown,
    /// A moderator moved them to the audience.
    MovedToAudience {
        /// The moderator.
        by: MemberId,
    },
    /// Made a moderator by `by`.
    MadeModerator {
        /// The moderator.
        by: MemberId,
    },
    /// Made a speaker again by `by`.
    ModeratorTaken {
        /// The moderator.
        by: MemberId,
    },
    /// A guest who was let in.
    LetIn {
        /// The moderator.
        by: MemberId,
    },
    /// The host handed the room over: one such event for the new host, one for the old.
    HandedOver {
        /// The old host.
        by: MemberId,
    },
    /// The host left, and the room passed to the longest-serving moderator, else to the longest-standing speaker.
    Inherited,
}

/// Why a hand is down again without its owner coming on stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandCause {
    /// Taken down by its owner.
    Lowered,
    /// Declined by a moderator.
    Declined {
        /// The moderator.
        by: MemberId,
    },
}

/// How an offer to come on stage ended without its owner coming on stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfferCause {
    /// Declined by the one who was asked.
    Declined,
    /// Taken back.
    Withdrawn {
        /// The moderator.
        by: MemberId,
    },
}

/// How a call-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallUpCause {
    /// They came.
    Answered,
    /// They said no.
    Declined,
    /// Taken back, or overtaken by a ban.
    Withdrawn {
        /// By whom.
        by: MemberId,
    },
    /// Nobody came in time.
    Expired,
}

/// How a guest's wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KnockCause {
    /// Let in.
    Admitted {
        /// The moderator.
        by: MemberId,
    },
    /// Sent away.
    TurnedAway {
        /// The moderator.
        by: MemberId,
    },
    /// The guest went away, or their connection was lost.
    GaveUp,
    /// The link ended.
    PassEnded,
}

/// What happened.
///
/// A `RoleChanged` to the stage also clears the member's hand and offer; one to the audience also closes the
/// microphone, lifts a mute and takes back that the member agreed to evidence and to being recorded; who comes on stage while
/// something is recorded is asked. `Left` clears everything about the member. `Muted` also closes the microphone. `EvidenceSet`
/// takes back everybody's agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The room was opened. Always event 1. The host is in the room, on stage, as participant number 1.
    Opened {
        /// The room.
        room: RoomId,
        /// Its title.
        title: String,
        /// Who may come in.
        kind: Kind,
        /// BCP 47 language tag of the talk.
        language: String,
        /// Who opened it.
        host: MemberId,
        /// Who was named when it was opened; may come in whatever the kind.
        named: Vec<MemberId>,
        /// What it is about.
        topics: Vec<String>,
        /// The house whose room it is.
        house: Option<HouseId>,
        /// What was agreed about the talk, if anything was.
        terms: Option<Terms>,
    },
    /// The room brings along a question that was put before. Only right after the opening.
    QuestionBrought {
        /// Its number in the room: its rank, from 1.
        number: u32,
        /// What is asked, and by whom.
        question: Question,
    },
    /// A question is being answered from now on.
    QuestionTaken {
        /// Its number.
        number: u32,
        /// Who asks.
        asker: MemberId,
        /// By whom it was taken.
        by: MemberId,
    },
    /// No question is being answered any more.
    QuestionClosed {
        /// By whom.
        by: MemberId,
    },
    /// A question is out of the queue.
    QuestionSettled {
        /// Its number.
        number: u32,
        /// The record that keeps it, outside of the room.
        record: RecordId,
        /// Whether it was answered.
        answered: bool,
        /// By whom it was settled.
        by: MemberId,
    },
    /// Somebody came in as a listener.
    Entered {
        /// Who.
        member: MemberId,
        /// Their number in the room.
        number: TalkerNo,
        /// For a guest, the pass by which they are here.
        pass: Option<GuestPass>,
    },
    /// A participant's connection was lost; their place is kept for a while.
    ConnectionLost {
        /// Whose.
        member: MemberId,
    },
    /// A participant whose connection was lost is back.
    Returned {
        /// Who.
        member: MemberId,
    },
    /// Somebody is no longer in the room.
    Left {
        /// Who.
        member: MemberId,
        /// Why.
        reason: LeaveReason,
    },
    /// A hand went up.
    HandRaised {
        /// Whose.
        member: MemberId,
        /// The question, if any.
        question: Option<String>,
        /// Its place in the queue, 0 for the first: people who have not spoken go before people who have.
        place: u32,
        /// Whether its owner has spoken in this room.
        spoken: bool,
    },
    /// A moderator moved a hand in the queue.
    HandMoved {
        /// Whose.
        member: MemberId,
        /// Its place from now on, 0 for the first.
        place: u32,
        /// By whom.
        by: MemberId,
    },
    /// A hand is down again, without its owner coming on stage.
    HandLowered {
        /// Whose.
        member: MemberId,
        /// Why.
        cause: HandCause,
    },
    /// A listener was asked to come on stage.
    StageOffered {
        /// Who was asked.
        member: MemberId,
        /// By whom.
        by: MemberId,
    },
    /// The offer ended without its owner coming on stage.
    OfferEnded {
        /// Whose.
        member: MemberId,
        /// How.
        cause: OfferCause,
    },
    /// A role changed.
    RoleChanged {
        /// Whose.
        member: MemberId,
        /// The role from now on.
        role: Role,
        /// The role epoch from now on.
        role_epoch: RoleEpoch,
        /// Why.
        cause: RoleCause,
    },
    /// A moderator muted a speaker: not forwarded until lifted, and their microphone counts as closed.
    Muted {
        /// Who is muted.
        member: MemberId,
        /// By whom.
        by: MemberId,
        /// The role epoch from now on.
        role_epoch: RoleEpoch,
    },
    /// A mute was lifted.
    Unmuted {
        /// Who may speak again.
        member: MemberId,
        /// By whom.
        by: MemberId,
        /// The role epoch from now on.
        role_epoch: RoleEpoch,
    },
    /// A speaker opened or closed their microphone.
    MicChanged {
        /// Who.
        member: MemberId,
        /// Whether it is open.
        open: bool,
    },
    /// Somebody is kept out of the room from now on; whoever is in it leaves with the next event.
    Banned {
        /// Who.
        member: MemberId,
        /// By whom.
        by: MemberId,
        /// Why, if that was said.
        reason: Option<String>,
    },
    /// A ban was lifted.
    Unbanned {
        /// Whose.
        member: MemberId,
        /// By whom.
        by: MemberId,
    },
    /// The room says something else about itself.
    Described {
        /// Its title.
        title: String,
        /// What it is about.
        topics: Vec<String>,
        /// BCP 47 language tag of the talk.
        language: String,
        /// By whom.
        by: MemberId,
    },
    /// The room is open to more people.
    Widened {
        /// Who may come in from now on.
        kind: Kind,
        /// By whom.
        by: MemberId,
    },
    /// Who may raise a hand was decided.
    HandsRuled {
        /// Who.
        rule: HandRule,
        /// By whom.
        by: MemberId,
    },
    /// The stage was locked or unlocked.
    StageLocked {
        /// Which.
        locked: bool,
        /// By whom.
        by: MemberId,
    },
    /// The backchannel was switched, or its slow mode set.
    BackchannelSet {
        /// Whether it is open.
        open: bool,
        /// Least time between two lines of one person; 0 for none.
        slow_seconds: u16,
        /// By whom.
        by: MemberId,
    },
    /// The timer was set or cleared.
    TimerSet {
        /// When it runs out.
        until: Option<Timestamp>,
        /// By whom.
        by: MemberId,
    },
    /// A link was pinned.
    LinkPinned {
        /// Its number in the room, from 1; never used again.
        number: u32,
        /// Where it leads.
        url: String,
        /// What it is.
        label: String,
        /// By whom.
        by: MemberId,
    },
    /// A pinned link was taken down.
    LinkUnpinned {
        /// Its number.
        number: u32,
        /// By whom.
        by: MemberId,
    },
    /// The interview was handed over. Also the mark of a chapter.
    FloorGiven {
        /// Who leads from now on.
        member: Option<MemberId>,
        /// By whom.
        by: MemberId,
    },
    /// Somebody who is not in the room was called up.
    CalledUp {
        /// Whom.
        member: MemberId,
        /// By whom.
        by: MemberId,
        /// What it is about, if that was said.
        context: Option<String>,
        /// Until when their place is kept.
        until: Timestamp,
    },
    /// A call-up ended.
    CallUpEnded {
        /// Whose.
        member: MemberId,
        /// Who rang.
        by: MemberId,
        /// How.
        cause: CallUpCause,
    },
    /// A guest waits to be let in.
    Knocked {
        /// Who.
        guest: MemberId,
        /// By whose word.
        pass: GuestPass,
    },
    /// A guest's wait ended.
    KnockEnded {
        /// Whose.
        guest: MemberId,
        /// How.
        cause: KnockCause,
    },
    /// A member who is not in the room has deleted their account: what they wrote in it is gone, and so is what was kept
    /// about them.
    Forgotten {
        /// Who it was.
        member: MemberId,
    },
    /// It was decided whether the last minute of what people on stage say is kept for reports. Nobody has agreed to it after
    /// this event, whatever they said before.
    EvidenceSet {
        /// Whether it is.
        on: bool,
        /// By whom.
        by: MemberId,
    },
    /// Somebody on stage agreed to having the last minute of what they say kept for reports, or stopped agreeing.
    EvidenceAgreed {
        /// Who.
        member: MemberId,
        /// Which.
        agree: bool,
    },
    /// A recording began. Everybody on stage is asked whether they agree to it; until then nothing of them is recorded.
    RecordingBegun {
        /// Which, and to whom it will be open.
        recording: NewRecording,
        /// By whom.
        by: MemberId,
    },
    /// A recording stopped.
    RecordingStopped {
        /// Of which replay.
        replay: ReplayId,
        /// By whom, if it was somebody.
        by: Option<MemberId>,
        /// Why.
        cause: RecordingCause,
    },
    /// Somebody on stage agreed to being recorded, refused it, or took their agreement back.
    RecordingConsent {
        /// Who.
        member: MemberId,
        /// In which replay.
        replay: ReplayId,
        /// The version of the text that they were shown.
        text: u32,
        /// Which.
        agree: bool,
    },
    /// Somebody, in the room or not, withdrew what was recorded of them so far, and is not recorded. If they agree to it again, that
    /// begins another track. Nobody is told.
    TrackWithdrawn {
        /// Who.
        member: MemberId,
        /// In which replay.
        replay: ReplayId,
        /// The number of their track until now.
        track: u32,
    },
    /// The room ended for everybody. Nothing comes after it, and nothing is recorded any more.
    Ended {
        /// The moderator who ended it; `None` when nobody was left on stage to run it.
        by: Option<MemberId>,
    },
}

impl Event {
    /// The member whom it is about; `None` for what is set for all, which is of nobody, whoever set it.
    pub fn member(&self) -> Option<MemberId> {
        match self {
            Self::Entered { member, .. }
            | Self::ConnectionLost { member }
            | Self::Returned { member }
            | Self::Left { member, .. }
            | Self::HandRaised { member, .. }
            | Self::HandLowered { member, .. }
            | Self::HandMoved { member, .. }
            | Self::Banned { member, .. }
            | Self::Unbanned { member, .. }
            | Self::CalledUp { member, .. }
            | Self::CallUpEnded { member, .. }
            | Self::Knocked { guest: member, .. }
            | Self::KnockEnded { guest: member, .. }
            | Self::Forgotten { member }
            | Self::StageOffered { member, .. }
            | Self::OfferEnded { member, .. }
            | Self::RoleChanged { member, .. }
            | Self::Muted { member, .. }
            | Self::Unmuted { member, .. }
            | Self::MicChanged { member, .. }
            | Self::QuestionTaken { asker: member, .. }
            | Self::EvidenceAgreed { member, .. }
            | Self::RecordingConsent { member, .. }
            | Self::TrackWithdrawn { member, .. } => Some(*member),
            Self::Opened { .. }
            | Self::QuestionBrought { .. }
            | Self::QuestionClosed { .. }
            | Self::QuestionSettled { .. }
            | Self::Described { .. }
            | Self::Widened { .. }
            | Self::HandsRuled { .. }
            | Self::StageLocked { .. }
            | Self::BackchannelSet { .. }
            | Self::TimerSet { .. }
            | Self::LinkPinned { .. }
            | Self::LinkUnpinned { .. }
            | Self::FloorGiven { .. }
            | Self::EvidenceSet { .. }
            | Self::RecordingBegun { .. }
            | Self::RecordingStopped { .. }
            | Self::Ended { .. } => None,
        }
    }
}
