//! What a room's log of moderation keeps: what somebody who runs the room did to somebody else, or to the room as a whole.
//! One's own steps are nobody's business, and are not in it.

use crate::command::Command;
use crate::event::{Event, HandCause, KnockCause, LeaveReason, RoleCause};
use crate::ids::MemberId;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActKind {
    /// Silenced on stage.
    Muted,
    /// Allowed to speak again.
    Unmuted,
    /// Taken from the stage.
    MovedToAudience,
    /// Put out of the room.
    Removed,
    /// Kept out of the room, and put out of it if they were in it.
    Banned,
    /// Let in again.
    Unbanned,
    /// A hand was taken down.
    HandDeclined,
    /// Made a moderator.
    ModeratorMade,
    /// Made a speaker again.
    ModeratorTaken,
    /// Made the host.
    HandedOver,
    /// The stage was locked.
    StageLocked,
    /// The stage was unlocked.
    StageUnlocked,
    /// Who may raise a hand was decided.
    HandsRuled,
    /// Whether, and how often, people may write in the backchannel was decided.
    LinesRuled,
    /// The room says something else about itself.
    Described,
    /// The room is open to more people.
    Widened,
    /// A line of the backchannel was taken away. Lines are no events: the server says so itself.
    LineRemoved,
    /// A guest was let in.
    GuestAdmitted,
    /// A waiting guest was sent away.
    GuestTurnedAway,
    /// A guest's link was revoked.
    GuestEnded,
    /// A link was pinned.
    LinkPinned,
    /// A pinned link was taken down.
    LinkUnpinned,
    /// What people on stage say is kept for reports for a minute, of those who agree.
    EvidenceOn,
    /// It is not kept any more.
    EvidenceOff,
    /// A recording was begun.
    RecordingOn,
    /// A recording was stopped.
    RecordingOff,
    /// The room was ended for everybody.
    RoomEnded,
}

/// An act of moderation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What was done.
    pub kind: ActKind,
    /// Who did it.
    pub by: MemberId,
    /// To whom; `None` for what was done to the room.
    pub whom: Option<MemberId>,
    /// Why, if that was said.
    pub reason: Option<String>,
}

/// The act that a command was, if it was one: `sender` sent it, and `events` are what it brought about. A command is one act
/// at most, however many events follow from it: whoever is banned also leaves, and whoever is made host is unmuted.
pub fn act_of<'a>(events: impl IntoIterator<Item = &'a Event>, sender: Option<MemberId>) -> Option<Act> {
    events.into_iter().find_map(|event| act_in(event, sender))
}

/// Whom a command is about, if it is about somebody in particular, and so whom the act that comes of it can be about.
pub fn subject(command: &Command) -> Option<MemberId> {
    match command {
        Command::AcceptHand { member }
        | Command::DeclineHand { member }
        | Command::MoveHand { member, .. }
        | Command::OfferStage { member }
        | Command::WithdrawOffer { member }
        | Command::Mute { member }
        | Command::Unmute { member }
        | Command::MoveToAudience { member }
        | Command::Remove { member }
        | Command::MakeModerator { member }
        | Command::TakeModerator { member }
        | Command::Ban { member, .. }
        | Command::Unban { member }
        | Command::LiftBan { member, .. }
        | Command::HandOver { member }
        | Command::CallUp { member, .. }
        | Command::WithdrawCallUp { member }
        | Command::LoseConnection { member }
        | Command::Forget { member }
        | Command::Admit { guest: member }
        | Command::TurnAway { guest: member }
        | Command::EndPass { guest: member } => Some(*member),
        Command::GiveFloor { member } => *member,
        Command::Enter { .. }
        | Command::Leave
        | Command::RaiseHand { .. }
        | Command::LowerHand
        | Command::AcceptOffer
        | Command::DeclineOffer
        | Command::StepDown
        | Command::SetMic { .. }
        | Command::Describe { .. }
        | Command::Widen { .. }
        | Command::RuleHands { .. }
        | Command::LockStage { .. }
        | Command::SetBackchannel { .. }
        | Command::SetTimer { .. }
        | Command::PinLink { .. }
        | Command::UnpinLink { .. }
        | Command::DeclineCallUp
        | Command::Knock { .. }
        | Command::TakeQuestion { .. }
        | Command::SettleQuestion { .. }
        | Command::SetEvidence { .. }
        | Command::AgreeEvidence { .. }
        | Command::SetRecording { .. }
        | Command::ConsentRecording { .. }
        | Command::StopRecording { .. }
        | Command::WithdrawTrack { .. }
        | Command::End
        | Command::Tick => None,
    }
}

/// The act that one event shows.
fn act_in(event: &Event, sender: Option<MemberId>) -> Option<Act> {
    // What somebody does to themselves is a step of their own.
    let on =
        |kind, by: MemberId, whom: MemberId| (by != whom).then_some(Act { kind, by, whom: Some(whom), reason: None });
    let to_room = |kind, by| Some(Act { kind, by, whom: None, reason: None });
    match event {
        Event::Muted { member, by, .. } => on(ActKind::Muted, *by, *member),
        Event::Unmuted { member, by, .. } => on(ActKind::Unmuted, *by, *member),
        Event::Left { member, reason } => match reason {
            // Whoever was in the way of a block was not put out by somebody who runs the room.
            LeaveReason::Removed { .. } => on(ActKind::Removed, sender?, *member),
            // Of a link that ran out, nobody is the author.
            LeaveReason::PassEnded => on(ActKind::GuestEnded, sender?, *member),
            LeaveReason::Quit | LeaveReason::Lost => None,
        },
        Event::HandLowered { member, cause } => match cause {
            HandCause::Declined { by } => on(ActKind::HandDeclined, *by, *member),
            HandCause::Lowered => None,
        },
        Event::RoleChanged { member, cause, .. } => match cause {
            RoleCause::MovedToAudience { by } => on(ActKind::MovedToAudience, *by, *member),
            RoleCause::MadeModerator { by } => on(ActKind::ModeratorMade, *by, *member),
            RoleCause::ModeratorTaken { by } => on(ActKind::ModeratorTaken, *by, *member),
            RoleCause::HandedOver { by } => on(ActKind::HandedOver, *by, *member),
            // Asked for by whom it is about, or told with another event of the same command.
            RoleCause::HandAccepted { .. }
            | RoleCause::OfferAccepted
            | RoleCause::SteppedDown
            | RoleCause::LetIn { .. }
            | RoleCause::Inherited => None,
        },
        Event::Banned { member, by, reason } => {
            on(ActKind::Banned, *by, *member).map(|act| Act { reason: reason.clone(), ..act })
        }
        Event::Unbanned { member, by } => on(ActKind::Unbanned, *by, *member),
        Event::Described { by, .. } => to_room(ActKind::Described, *by),
        Event::Widened { by, .. } => to_room(ActKind::Widened, *by),
        Event::HandsRuled { by, .. } => to_room(ActKind::HandsRuled, *by),
        Event::BackchannelSet { by, .. } => to_room(ActKind::LinesRuled, *by),
        Event::StageLocked { locked: true, by } => to_room(ActKind::StageLocked, *by),
        Event::StageLocked { locked: false, by } => to_room(ActKind::StageUnlocked, *by),
        Event::EvidenceSet { on: true, by } => to_room(ActKind::EvidenceOn, *by),
        Event::EvidenceSet { on: false, by } => to_room(ActKind::EvidenceOff, *by),
        Event::RecordingBegun { by, .. } => to_room(ActKind::RecordingOn, *by),
        // Of a full disk, nobody is the author.
        Event::RecordingStopped { by, .. } => to_room(ActKind::RecordingOff, (*by)?),
        Event::LinkPinned { by, .. } => to_room(ActKind::LinkPinned, *by),
        Event::LinkUnpinned { by, .. } => to_room(ActKind::LinkUnpinned, *by),
        Event::KnockEnded { guest, cause } => match cause {
            KnockCause::Admitted { by } => on(ActKind::GuestAdmitted, *by, *guest),
            KnockCause::TurnedAway { by } => on(ActKind::GuestTurnedAway, *by, *guest),
            KnockCause::PassEnded => on(ActKind::GuestEnded, sender?, *guest),
            KnockCause::GaveUp => None,
        },
        Event::Ended { by } => to_room(ActKind::RoomEnded, (*by)?),
        // Steps of people's own, and what goes on in a talk.
        Event::Opened { .. }
        | Event::Entered { .. }
        | Event::ConnectionLost { .. }
        | Event::Returned { .. }
        | Event::HandRaised { .. }
        | Event::HandMoved { .. }
        | Event::StageOffered { .. }
        | Event::OfferEnded { .. }
        | Event::MicChanged { .. }
        | Event::EvidenceAgreed { .. }
        | Event::RecordingConsent { .. }
        | Event::TrackWithdrawn { .. }
        | Event::TimerSet { .. }
        | Event::FloorGiven { .. }
        | Event::CalledUp { .. }
        | Event::CallUpEnded { .. }
        | Event::Knocked { .. }
        | Event::QuestionBrought { .. }
        | Event::QuestionTaken { .. }
        | Event::QuestionClosed { .. }
        | Event::QuestionSettled { .. }
        | Event::Forgotten { .. } => None,
    }
}
