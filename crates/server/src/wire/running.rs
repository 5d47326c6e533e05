//! What runs a room over the control socket: settings, links, terms, questions, call-ups, waiting guests (docs/PROTOCOL.md,
//! "The control socket").

use roomtone_room::event;
use roomtone_room::ids::MemberId;
use roomtone_room::settings;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Id;
use super::socket::Person;

/// Who may raise a hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum HandRule {
    /// Nobody.
    Off,
    /// Every listener.
    #[default]
    Everyone,
    /// Listeners whom somebody on stage follows.
    Followed,
}

impl From<settings::HandRule> for HandRule {
    fn from(rule: settings::HandRule) -> Self {
        match rule {
            settings::HandRule::Off => Self::Off,
            settings::HandRule::Everyone => Self::Everyone,
            settings::HandRule::Followed => Self::Followed,
        }
    }
}

impl From<HandRule> for settings::HandRule {
    fn from(rule: HandRule) -> Self {
        match rule {
            HandRule::Off => Self::Off,
            HandRule::Everyone => Self::Everyone,
            HandRule::Followed => Self::Followed,
        }
    }
}

/// What moderators set and everybody in the room sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Settings {
    /// Who may raise a hand.
    pub hands: HandRule,
    /// Whether nobody may come on stage.
    pub stage_locked: bool,
    /// Whether the text backchannel is open.
    pub backchannel: bool,
    /// Least time between two lines of one person in the backchannel, in seconds; 0 for none.
    pub slow_seconds: u16,
    /// When the room's timer runs out, in milliseconds since 1970.
    #[ts(type = "number | null")]
    pub timer: Option<u64>,
    /// Who leads the interview.
    #[ts(type = "string | null")]
    pub floor: Option<Id<MemberId>>,
    /// Pinned links, in the order of their pinning; at most ten.
    pub links: Vec<PinnedLink>,
}

impl From<settings::Settings> for Settings {
    fn from(settings: settings::Settings) -> Self {
        let links = settings.links.into_iter();
        Self {
            hands: settings.hands.into(),
            stage_locked: settings.stage_locked,
            backchannel: settings.backchannel,
            slow_seconds: settings.slow_seconds,
            timer: settings.timer.map(|at| at.0),
            floor: settings.floor.map(Id),
            links: links.map(|link| PinnedLink { number: link.number, url: link.url, label: link.label }).collect(),
        }
    }
}

/// A pinned link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PinnedLink {
    /// Its number in the room.
    pub number: u32,
    /// Where it leads: `http` or `https`.
    pub url: String,
    /// What it is.
    pub label: String,
}

/// What was agreed about the talk. Everybody in the room sees it, and nobody in it can change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Terms {
    /// Whether what is said may be kept.
    pub recorded: bool,
    /// The members who may be on stage, as far as the viewer may know of them.
    pub stage: Vec<Person>,
    /// How many guests may be on stage at once.
    pub guests: u32,
}

/// A question that a member has put before the talk, and that is not settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Question {
    /// Its number in the room, which is its rank, from 1.
    pub number: u32,
    /// What is asked.
    pub text: String,
    /// Who asks; they need not be in the room.
    pub person: Person,
    /// How many want to know it as well.
    pub votes: u32,
}

/// Somebody who was called up and has not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CallUp {
    /// Who.
    pub person: Person,
    /// By whom.
    #[ts(type = "string")]
    pub by: Id<MemberId>,
    /// What it is about.
    pub context: Option<String>,
    /// Until when their place is kept, in milliseconds since 1970.
    #[ts(type = "number")]
    pub until: u64,
}

/// A guest who waits to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WaitingGuest {
    /// Who; the handle is empty.
    pub person: Person,
    /// Who made their link and vouches for them.
    #[ts(type = "string")]
    pub by: Id<MemberId>,
    /// Since when they wait, in milliseconds since 1970.
    #[ts(type = "number")]
    pub at: u64,
    /// When their link ends, in milliseconds since 1970.
    #[ts(type = "number")]
    pub until: u64,
}

/// Somebody who is kept out of the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Banned {
    /// Who.
    pub person: Person,
    /// By whom.
    #[ts(type = "string")]
    pub by: Id<MemberId>,
    /// Why, if that was said.
    pub reason: Option<String>,
    /// Since when, in milliseconds since 1970.
    #[ts(type = "number")]
    pub at: u64,
}

/// How a call-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the table in docs/PROTOCOL.md describes each")]
pub enum CallUpCause {
    Answered,
    Declined,
    Withdrawn,
    Expired,
}

impl From<event::CallUpCause> for CallUpCause {
    fn from(cause: event::CallUpCause) -> Self {
        match cause {
            event::CallUpCause::Answered => Self::Answered,
            event::CallUpCause::Declined => Self::Declined,
            event::CallUpCause::Withdrawn { .. } => Self::Withdrawn,
            event::CallUpCause::Expired => Self::Expired,
        }
    }
}

/// How a guest's wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the table in docs/PROTOCOL.md describes each")]
pub enum KnockCause {
    Admitted,
    TurnedAway,
    GaveUp,
    PassEnded,
}

impl From<event::KnockCause> for KnockCause {
    fn from(cause: event::KnockCause) -> Self {
        match cause {
            event::KnockCause::Admitted { .. } => Self::Admitted,
            event::KnockCause::TurnedAway { .. } => Self::TurnedAway,
            event::KnockCause::GaveUp => Self::GaveUp,
            event::KnockCause::PassEnded => Self::PassEnded,
        }
    }
}
