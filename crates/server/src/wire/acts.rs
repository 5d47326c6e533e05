//! Bodies about what those who run a room did in it, and appeals against that.

use roomtone_room::ids::{RecordId, RoomId};
use roomtone_room::log;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Id;
use super::socket::Person;

/// What was done. The text form is also how it is stored: a kind is never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described at `roomtone_room::log::ActKind`")]
pub enum ActKind {
    Muted,
    Unmuted,
    MovedToAudience,
    Removed,
    Banned,
    Unbanned,
    HandDeclined,
    ModeratorMade,
    ModeratorTaken,
    HandedOver,
    StageLocked,
    StageUnlocked,
    HandsRuled,
    LinesRuled,
    Described,
    Widened,
    LineRemoved,
    GuestAdmitted,
    GuestTurnedAway,
    GuestEnded,
    LinkPinned,
    LinkUnpinned,
    EvidenceOn,
    EvidenceOff,
    RecordingOn,
    RecordingOff,
    RoomEnded,
}

impl ActKind {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Muted,
        Self::Unmuted,
        Self::MovedToAudience,
        Self::Removed,
        Self::Banned,
        Self::Unbanned,
        Self::HandDeclined,
        Self::ModeratorMade,
        Self::ModeratorTaken,
        Self::HandedOver,
        Self::StageLocked,
        Self::StageUnlocked,
        Self::HandsRuled,
        Self::LinesRuled,
        Self::Described,
        Self::Widened,
        Self::LineRemoved,
        Self::GuestAdmitted,
        Self::GuestTurnedAway,
        Self::GuestEnded,
        Self::LinkPinned,
        Self::LinkUnpinned,
        Self::EvidenceOn,
        Self::EvidenceOff,
        Self::RecordingOn,
        Self::RecordingOff,
        Self::RoomEnded,
    ];

    /// Against which whom they were done to can appeal.
    pub const APPEALABLE: [Self; 6] =
        [Self::Muted, Self::MovedToAudience, Self::Removed, Self::Banned, Self::ModeratorTaken, Self::LineRemoved];

    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Muted => "muted",
            Self::Unmuted => "unmuted",
            Self::MovedToAudience => "moved_to_audience",
            Self::Removed => "removed",
            Self::Banned => "banned",
            Self::Unbanned => "unbanned",
            Self::HandDeclined => "hand_declined",
            Self::ModeratorMade => "moderator_made",
            Self::ModeratorTaken => "moderator_taken",
            Self::HandedOver => "handed_over",
            Self::StageLocked => "stage_locked",
            Self::StageUnlocked => "stage_unlocked",
            Self::HandsRuled => "hands_ruled",
            Self::LinesRuled => "lines_ruled",
            Self::Described => "described",
            Self::Widened => "widened",
            Self::LineRemoved => "line_removed",
            Self::GuestAdmitted => "guest_admitted",
            Self::GuestTurnedAway => "guest_turned_away",
            Self::GuestEnded => "guest_ended",
            Self::LinkPinned => "link_pinned",
            Self::LinkUnpinned => "link_unpinned",
            Self::EvidenceOn => "evidence_on",
            Self::EvidenceOff => "evidence_off",
            Self::RecordingOn => "recording_on",
            Self::RecordingOff => "recording_off",
            Self::RoomEnded => "room_ended",
        }
    }

    /// The kind with this text form.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl From<log::ActKind> for ActKind {
    fn from(kind: log::ActKind) -> Self {
        match kind {
            log::ActKind::Muted => Self::Muted,
            log::ActKind::Unmuted => Self::Unmuted,
            log::ActKind::MovedToAudience => Self::MovedToAudience,
            log::ActKind::Removed => Self::Removed,
            log::ActKind::Banned => Self::Banned,
            log::ActKind::Unbanned => Self::Unbanned,
            log::ActKind::HandDeclined => Self::HandDeclined,
            log::ActKind::ModeratorMade => Self::ModeratorMade,
            log::ActKind::ModeratorTaken => Self::ModeratorTaken,
            log::ActKind::HandedOver => Self::HandedOver,
            log::ActKind::StageLocked => Self::StageLocked,
            log::ActKind::StageUnlocked => Self::StageUnlocked,
            log::ActKind::HandsRuled => Self::HandsRuled,
            log::ActKind::LinesRuled => Self::LinesRuled,
            log::ActKind::Described => Self::Described,
            log::ActKind::Widened => Self::Widened,
            log::ActKind::LineRemoved => Self::LineRemoved,
            log::ActKind::GuestAdmitted => Self::GuestAdmitted,
            log::ActKind::GuestTurnedAway => Self::GuestTurnedAway,
            log::ActKind::GuestEnded => Self::GuestEnded,
            log::ActKind::LinkPinned => Self::LinkPinned,
            log::ActKind::LinkUnpinned => Self::LinkUnpinned,
            log::ActKind::EvidenceOn => Self::EvidenceOn,
            log::ActKind::EvidenceOff => Self::EvidenceOff,
            log::ActKind::RecordingOn => Self::RecordingOn,
            log::ActKind::RecordingOff => Self::RecordingOff,
            log::ActKind::RoomEnded => Self::RoomEnded,
        }
    }
}

/// Something that was done in a room by somebody who runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Act {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What.
    pub kind: ActKind,
    /// Who did it; null for somebody of whom the caller may not know, or who is no member any more.
    pub by: Option<Person>,
    /// To whom; null for what was done to the room, and as above. The handle of a guest is empty.
    pub whom: Option<Person>,
    /// Why, if that was said.
    pub reason: Option<String>,
    /// The appeal against it, if there is one.
    pub appeal: Option<Appeal>,
}

/// Whether an appeal is decided, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppealState {
    /// Nobody has decided yet.
    Open,
    /// The act is taken back.
    Lifted,
    /// It stays.
    Upheld,
}

/// An appeal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Appeal {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// When it was made, in milliseconds since 1970.
    pub at: u64,
    /// What it says.
    pub text: String,
    /// Whether it is decided, and how.
    pub state: AppealState,
    /// What whoever decided said.
    pub answer: Option<String>,
    /// When it was decided, in milliseconds since 1970.
    pub decided_at: Option<u64>,
}

/// The room that an act is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActRoom {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RoomId>,
    /// The title that it was opened with.
    pub title: String,
}

/// `GET /api/rooms/{id}/acts`: what was done in a room, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Acts {
    /// Up to 50 acts.
    pub items: Vec<Act>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// Something that was done to the caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnAct {
    /// What.
    pub act: Act,
    /// In which room.
    pub room: ActRoom,
    /// Whether the caller can appeal against it.
    pub can_appeal: bool,
}

/// `GET /api/acts/mine`: what was done to the caller, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnActs {
    /// Up to 50 acts.
    pub items: Vec<OwnAct>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `POST /api/acts/{id}/appeal`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppeal {
    /// Why the act was wrong: 1 to 1,000 characters.
    pub text: String,
}

/// An appeal with what it is about.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppealedAct {
    /// The appeal.
    pub appeal: Appeal,
    /// The act that it is against.
    pub act: Act,
    /// In which room.
    pub room: ActRoom,
}

/// `GET /api/appeals`: appeals that the caller decides on, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Appeals {
    /// Up to 50 appeals.
    pub items: Vec<AppealedAct>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// Which appeals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppealsAsked {
    /// Those that nobody has decided yet.
    #[default]
    Open,
    /// Those that are decided.
    Closed,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppealDecision {
    /// The act is taken back.
    Lifted,
    /// It stays.
    Upheld,
}

/// `POST /api/appeals/{id}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideAppeal {
    /// What is decided.
    pub decision: AppealDecision,
    /// What to say about it, at most 1,000 characters; may be empty.
    pub answer: String,
}

impl Act {
    /// A stored act as it is sent; `None` for one of a kind that this version does not know.
    pub fn of(stored: roomtone_store::Act) -> Option<Self> {
        Some(Self {
            id: Id(stored.id),
            at: stored.at.0,
            kind: ActKind::from_text(&stored.kind)?,
            by: stored.by.map(Into::into),
            whom: stored.whom.map(Into::into),
            reason: stored.reason,
            appeal: stored.appeal.map(Into::into),
        })
    }
}

impl From<roomtone_store::Appeal> for Appeal {
    fn from(appeal: roomtone_store::Appeal) -> Self {
        let state = match appeal.lifted {
            None => AppealState::Open,
            Some(true) => AppealState::Lifted,
            Some(false) => AppealState::Upheld,
        };
        Self {
            id: Id(appeal.id),
            at: appeal.at.0,
            text: appeal.text,
            state,
            answer: appeal.answer,
            decided_at: appeal.decided_at.map(|at| at.0),
        }
    }
}

impl From<(RoomId, String)> for ActRoom {
    fn from((id, title): (RoomId, String)) -> Self {
        Self { id: Id(id), title }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_one_text_form() {
        for kind in ActKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(ActKind::from_text(kind.as_str()), Some(kind));
        }
        assert_eq!(ActKind::from_text("Muted"), None);
    }
}
