//! What happened in a room. Events are numbered per room and are the only thing that changes its state.

use crate::ids::{HouseId, MemberId, RoleEpoch, RoomId, Seq, TalkerNo, Timestamp};
use crate::role::Role;

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any member.
    Open,
    /// People whom a moderator of the room follows, and people named when it was opened.
    Social,
    /// People named when it was opened.
    Closed,
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
}

impl Opening {
    /// A room of no house, without topics, for which nobody is named.
    pub fn new(title: impl Into<String>, kind: Kind, language: impl Into<String>) -> Self {
        let (title, language) = (title.into(), language.into());
        Self { title, kind, language, topics: Vec::new(), house: None, named: Vec::new() }
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

/// What happened.
///
/// A `RoleChanged` to the stage also clears the member's hand and offer; one to the audience also closes the
/// microphone and lifts a mute. `Left` clears everything about the member. `Muted` also closes the microphone.
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
    },
    /// Somebody came in as a listener.
    Entered {
        /// Who.
        member: MemberId,
        /// Their number in the room.
        number: TalkerNo,
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
    /// The room ended for everybody. Nothing comes after it.
    Ended {
        /// The moderator who ended it; `None` when nobody was left on stage to run it.
        by: Option<MemberId>,
    },
}
