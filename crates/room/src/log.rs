//! Which events are acts of moderation, for the log that the room's moderators see and that an appeal is about
//! (guarantee G9).

use crate::event::{Event, KnockCause, LeaveReason, RoleCause};
use crate::ids::MemberId;

/// What kind of act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named as the event or cause that it is")]
pub enum ActKind {
    Muted,
    Unmuted,
    MovedToAudience,
    Removed,
    Banned,
    Unbanned,
    MadeModerator,
    ModeratorTaken,
    HandedOver,
    GuestTurnedAway,
    Described,
    Widened,
    HandsRuled,
    StageLocked,
    BackchannelSet,
    LinkPinned,
    LinkUnpinned,
    Ended,
}

impl ActKind {
    /// Whether the member acted on can appeal: what takes away their voice or their place.
    pub fn can_be_appealed(self) -> bool {
        matches!(self, Self::Muted | Self::MovedToAudience | Self::Removed | Self::Banned | Self::ModeratorTaken)
    }
}

/// An act of moderation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Which.
    pub kind: ActKind,
    /// By whom.
    pub by: MemberId,
    /// On whom, if on somebody.
    pub target: Option<MemberId>,
    /// What was said with it: the reason of a ban, the new title, the link.
    pub note: Option<String>,
}

/// The act of moderation that an event is, if it is one. A ban of somebody present is followed by their leaving, which is
/// the same act and is not told twice: see `after_ban`.
pub fn act(event: &Event, after_ban: bool) -> Option<Act> {
    let on = |kind, by: &MemberId, target: &MemberId| Some(Act { kind, by: *by, target: Some(*target), note: None });
    let set = |kind, by: &MemberId, note: Option<String>| Some(Act { kind, by: *by, target: None, note });
    let word = |on: bool| Some(if on { "on" } else { "off" }.to_owned());
    match event {
        Event::Muted { member, by, .. } => on(ActKind::Muted, by, member),
        Event::Unmuted { member, by, .. } => on(ActKind::Unmuted, by, member).filter(|_| by != member),
        Event::RoleChanged { member, cause, .. } => match cause {
            RoleCause::MovedToAudience { by } => on(ActKind::MovedToAudience, by, member),
            RoleCause::MadeModerator { by } => on(ActKind::MadeModerator, by, member),
            RoleCause::ModeratorTaken { by } => on(ActKind::ModeratorTaken, by, member),
            // One event for the new host and one for the old: the act is the first.
            RoleCause::HandedOver { by } => on(ActKind::HandedOver, by, member).filter(|_| by != member),
            RoleCause::HandAccepted { .. }
            | RoleCause::OfferAccepted
            | RoleCause::SteppedDown
            | RoleCause::LetIn { .. }
            | RoleCause::Inherited => None,
        },
        Event::Left { member, reason: LeaveReason::Removed { by } } if !after_ban => on(ActKind::Removed, by, member),
        Event::Banned { member, by, reason } => {
            Some(Act { kind: ActKind::Banned, by: *by, target: Some(*member), note: reason.clone() })
        }
        Event::Unbanned { member, by } => on(ActKind::Unbanned, by, member),
        Event::KnockEnded { guest, cause: KnockCause::TurnedAway { by } } if !after_ban => {
            on(ActKind::GuestTurnedAway, by, guest)
        }
        Event::Described { title, by, .. } => set(ActKind::Described, by, Some(title.clone())),
        Event::Widened { by, .. } => set(ActKind::Widened, by, None),
        Event::HandsRuled { by, .. } => set(ActKind::HandsRuled, by, None),
        Event::StageLocked { locked, by } => set(ActKind::StageLocked, by, word(*locked)),
        Event::BackchannelSet { open, by, .. } => set(ActKind::BackchannelSet, by, word(*open)),
        Event::LinkPinned { url, by, .. } => set(ActKind::LinkPinned, by, Some(url.clone())),
        Event::LinkUnpinned { by, .. } => set(ActKind::LinkUnpinned, by, None),
        Event::Ended { by: Some(by) } => set(ActKind::Ended, by, None),
        _ => None,
    }
}
