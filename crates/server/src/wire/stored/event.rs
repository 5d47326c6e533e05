//! Events of a room as they are kept.

use roomtone_room::NewRecording;
use roomtone_room::event::{self, Event};
use roomtone_room::ids::{HouseId, MemberId, RecordId, ReplayId, RoleEpoch, RoomId, TalkerNo, Timestamp};
use serde::{Deserialize, Serialize};

use super::state::{StoredPass, StoredQuestion, StoredTerms};
use crate::wire::Id;
use crate::wire::recording::RecordingCause;
use crate::wire::replays::Hearers;
use crate::wire::running::HandRule;
use crate::wire::socket::{Kind, Role};

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum StoredEvent {
    Opened {
        room: Id<RoomId>,
        title: String,
        kind: Kind,
        language: String,
        host: Id<MemberId>,
        named: Vec<Id<MemberId>>,
        #[serde(default)]
        topics: Vec<String>,
        #[serde(default)]
        house: Option<Id<HouseId>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terms: Option<StoredTerms>,
    },
    QuestionBrought(StoredQuestion),
    QuestionTaken {
        number: u32,
        asker: Id<MemberId>,
        by: Id<MemberId>,
    },
    QuestionClosed {
        by: Id<MemberId>,
    },
    QuestionSettled {
        number: u32,
        record: Id<RecordId>,
        answered: bool,
        by: Id<MemberId>,
    },
    Entered {
        member: Id<MemberId>,
        number: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pass: Option<StoredPass>,
    },
    ConnectionLost {
        member: Id<MemberId>,
    },
    Returned {
        member: Id<MemberId>,
    },
    Left {
        member: Id<MemberId>,
        reason: LeaveReason,
    },
    HandRaised {
        member: Id<MemberId>,
        question: Option<String>,
        /// Before queues had places, each hand went to the end.
        #[serde(default = "at_the_end")]
        place: u32,
        #[serde(default)]
        spoken: bool,
    },
    HandMoved {
        member: Id<MemberId>,
        place: u32,
        by: Id<MemberId>,
    },
    HandLowered {
        member: Id<MemberId>,
        cause: HandCause,
    },
    StageOffered {
        member: Id<MemberId>,
        by: Id<MemberId>,
    },
    OfferEnded {
        member: Id<MemberId>,
        cause: OfferCause,
    },
    RoleChanged {
        member: Id<MemberId>,
        role: Role,
        role_epoch: u32,
        cause: RoleCause,
    },
    Muted {
        member: Id<MemberId>,
        by: Id<MemberId>,
        role_epoch: u32,
    },
    Unmuted {
        member: Id<MemberId>,
        by: Id<MemberId>,
        role_epoch: u32,
    },
    MicChanged {
        member: Id<MemberId>,
        open: bool,
    },
    Banned {
        member: Id<MemberId>,
        by: Id<MemberId>,
        reason: Option<String>,
    },
    Unbanned {
        member: Id<MemberId>,
        by: Id<MemberId>,
    },
    Described {
        title: String,
        topics: Vec<String>,
        language: String,
        by: Id<MemberId>,
    },
    Widened {
        kind: Kind,
        by: Id<MemberId>,
    },
    HandsRuled {
        rule: HandRule,
        by: Id<MemberId>,
    },
    StageLocked {
        locked: bool,
        by: Id<MemberId>,
    },
    BackchannelSet {
        open: bool,
        slow_seconds: u16,
        by: Id<MemberId>,
    },
    TimerSet {
        until: Option<u64>,
        by: Id<MemberId>,
    },
    LinkPinned {
        number: u32,
        url: String,
        label: String,
        by: Id<MemberId>,
    },
    LinkUnpinned {
        number: u32,
        by: Id<MemberId>,
    },
    FloorGiven {
        member: Option<Id<MemberId>>,
        by: Id<MemberId>,
    },
    CalledUp {
        member: Id<MemberId>,
        by: Id<MemberId>,
        context: Option<String>,
        until: u64,
    },
    CallUpEnded {
        member: Id<MemberId>,
        by: Id<MemberId>,
        cause: CallUpCause,
    },
    Knocked {
        guest: Id<MemberId>,
        pass: StoredPass,
    },
    KnockEnded {
        guest: Id<MemberId>,
        cause: KnockCause,
    },
    EvidenceSet {
        on: bool,
        by: Id<MemberId>,
    },
    EvidenceAgreed {
        member: Id<MemberId>,
        agree: bool,
    },
    RecordingBegun {
        replay: Id<ReplayId>,
        to: Hearers,
        text: u32,
        by: Id<MemberId>,
    },
    RecordingStopped {
        replay: Id<ReplayId>,
        by: Option<Id<MemberId>>,
        cause: RecordingCause,
    },
    RecordingConsent {
        member: Id<MemberId>,
        replay: Id<ReplayId>,
        text: u32,
        agree: bool,
    },
    TrackWithdrawn {
        member: Id<MemberId>,
        replay: Id<ReplayId>,
        track: u32,
    },
    Forgotten {
        member: Id<MemberId>,
    },
    Ended {
        by: Option<Id<MemberId>>,
    },
}

fn at_the_end() -> u32 {
    u32::MAX
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeaveReason {
    Quit,
    Lost,
    Removed { by: Id<MemberId> },
    PassEnded,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallUpCause {
    Answered,
    Declined,
    Withdrawn { by: Id<MemberId> },
    Expired,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KnockCause {
    Admitted { by: Id<MemberId> },
    TurnedAway { by: Id<MemberId> },
    GaveUp,
    PassEnded,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HandCause {
    Lowered,
    Declined { by: Id<MemberId> },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OfferCause {
    Declined,
    Withdrawn { by: Id<MemberId> },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleCause {
    HandAccepted { by: Id<MemberId> },
    OfferAccepted,
    SteppedDown,
    MovedToAudience { by: Id<MemberId> },
    MadeModerator { by: Id<MemberId> },
    ModeratorTaken { by: Id<MemberId> },
    LetIn { by: Id<MemberId> },
    HandedOver { by: Id<MemberId> },
    Inherited,
}

impl From<&Event> for StoredEvent {
    fn from(event: &Event) -> Self {
        match event {
            Event::Opened { room, title, kind, language, host, named, topics, house, terms } => Self::Opened {
                room: Id(*room),
                title: title.clone(),
                kind: (*kind).into(),
                language: language.clone(),
                host: Id(*host),
                named: named.iter().copied().map(Id).collect(),
                topics: topics.clone(),
                house: house.map(Id),
                terms: terms.clone().map(Into::into),
            },
            Event::QuestionBrought { number, question } => {
                Self::QuestionBrought(StoredQuestion::new(*number, question))
            }
            Event::QuestionTaken { number, asker, by } => {
                Self::QuestionTaken { number: *number, asker: Id(*asker), by: Id(*by) }
            }
            Event::QuestionClosed { by } => Self::QuestionClosed { by: Id(*by) },
            Event::QuestionSettled { number, record, answered, by } => {
                Self::QuestionSettled { number: *number, record: Id(*record), answered: *answered, by: Id(*by) }
            }
            Event::Entered { member, number, pass } => {
                Self::Entered { member: Id(*member), number: number.0, pass: pass.map(Into::into) }
            }
            Event::ConnectionLost { member } => Self::ConnectionLost { member: Id(*member) },
            Event::Returned { member } => Self::Returned { member: Id(*member) },
            Event::Left { member, reason } => Self::Left {
                member: Id(*member),
                reason: match *reason {
                    event::LeaveReason::Quit => LeaveReason::Quit,
                    event::LeaveReason::Lost => LeaveReason::Lost,
                    event::LeaveReason::Removed { by } => LeaveReason::Removed { by: Id(by) },
                    event::LeaveReason::PassEnded => LeaveReason::PassEnded,
                },
            },
            Event::HandRaised { member, question, place, spoken } => {
                let (member, question) = (Id(*member), question.clone());
                Self::HandRaised { member, question, place: *place, spoken: *spoken }
            }
            Event::HandMoved { member, place, by } => {
                Self::HandMoved { member: Id(*member), place: *place, by: Id(*by) }
            }
            Event::HandLowered { member, cause } => Self::HandLowered {
                member: Id(*member),
                cause: match *cause {
                    event::HandCause::Lowered => HandCause::Lowered,
                    event::HandCause::Declined { by } => HandCause::Declined { by: Id(by) },
                },
            },
            Event::StageOffered { member, by } => Self::StageOffered { member: Id(*member), by: Id(*by) },
            Event::OfferEnded { member, cause } => Self::OfferEnded {
                member: Id(*member),
                cause: match *cause {
                    event::OfferCause::Declined => OfferCause::Declined,
                    event::OfferCause::Withdrawn { by } => OfferCause::Withdrawn { by: Id(by) },
                },
            },
            Event::RoleChanged { member, role, role_epoch, cause } => Self::RoleChanged {
                member: Id(*member),
                role: (*role).into(),
                role_epoch: role_epoch.0,
                cause: match *cause {
                    event::RoleCause::HandAccepted { by } => RoleCause::HandAccepted { by: Id(by) },
                    event::RoleCause::OfferAccepted => RoleCause::OfferAccepted,
                    event::RoleCause::SteppedDown => RoleCause::SteppedDown,
                    event::RoleCause::MovedToAudience { by } => RoleCause::MovedToAudience { by: Id(by) },
                    event::RoleCause::MadeModerator { by } => RoleCause::MadeModerator { by: Id(by) },
                    event::RoleCause::ModeratorTaken { by } => RoleCause::ModeratorTaken { by: Id(by) },
                    event::RoleCause::LetIn { by } => RoleCause::LetIn { by: Id(by) },
                    event::RoleCause::HandedOver { by } => RoleCause::HandedOver { by: Id(by) },
                    event::RoleCause::Inherited => RoleCause::Inherited,
                },
            },
            Event::Muted { member, by, role_epoch } => {
                Self::Muted { member: Id(*member), by: Id(*by), role_epoch: role_epoch.0 }
            }
            Event::Unmuted { member, by, role_epoch } => {
                Self::Unmuted { member: Id(*member), by: Id(*by), role_epoch: role_epoch.0 }
            }
            Event::MicChanged { member, open } => Self::MicChanged { member: Id(*member), open: *open },
            Event::Banned { member, by, reason } => {
                Self::Banned { member: Id(*member), by: Id(*by), reason: reason.clone() }
            }
            Event::Unbanned { member, by } => Self::Unbanned { member: Id(*member), by: Id(*by) },
            Event::Described { title, topics, language, by } => {
                let (title, topics, language) = (title.clone(), topics.clone(), language.clone());
                Self::Described { title, topics, language, by: Id(*by) }
            }
            Event::Widened { kind, by } => Self::Widened { kind: (*kind).into(), by: Id(*by) },
            Event::HandsRuled { rule, by } => Self::HandsRuled { rule: (*rule).into(), by: Id(*by) },
            Event::StageLocked { locked, by } => Self::StageLocked { locked: *locked, by: Id(*by) },
            Event::BackchannelSet { open, slow_seconds, by } => {
                Self::BackchannelSet { open: *open, slow_seconds: *slow_seconds, by: Id(*by) }
            }
            Event::TimerSet { until, by } => Self::TimerSet { until: until.map(|at| at.0), by: Id(*by) },
            Event::LinkPinned { number, url, label, by } => {
                let (url, label) = (url.clone(), label.clone());
                Self::LinkPinned { number: *number, url, label, by: Id(*by) }
            }
            Event::LinkUnpinned { number, by } => Self::LinkUnpinned { number: *number, by: Id(*by) },
            Event::FloorGiven { member, by } => Self::FloorGiven { member: member.map(Id), by: Id(*by) },
            Event::CalledUp { member, by, context, until } => {
                let (member, by, context) = (Id(*member), Id(*by), context.clone());
                Self::CalledUp { member, by, context, until: until.0 }
            }
            Event::CallUpEnded { member, by, cause } => Self::CallUpEnded {
                member: Id(*member),
                by: Id(*by),
                cause: match *cause {
                    event::CallUpCause::Answered => CallUpCause::Answered,
                    event::CallUpCause::Declined => CallUpCause::Declined,
                    event::CallUpCause::Withdrawn { by } => CallUpCause::Withdrawn { by: Id(by) },
                    event::CallUpCause::Expired => CallUpCause::Expired,
                },
            },
            Event::Knocked { guest, pass } => Self::Knocked { guest: Id(*guest), pass: (*pass).into() },
            Event::KnockEnded { guest, cause } => Self::KnockEnded {
                guest: Id(*guest),
                cause: match *cause {
                    event::KnockCause::Admitted { by } => KnockCause::Admitted { by: Id(by) },
                    event::KnockCause::TurnedAway { by } => KnockCause::TurnedAway { by: Id(by) },
                    event::KnockCause::GaveUp => KnockCause::GaveUp,
                    event::KnockCause::PassEnded => KnockCause::PassEnded,
                },
            },
            Event::EvidenceSet { on, by } => Self::EvidenceSet { on: *on, by: Id(*by) },
            Event::EvidenceAgreed { member, agree } => Self::EvidenceAgreed { member: Id(*member), agree: *agree },
            Event::RecordingBegun { recording: NewRecording { replay, to, text }, by } => {
                Self::RecordingBegun { replay: Id(*replay), to: (*to).into(), text: *text, by: Id(*by) }
            }
            Event::RecordingStopped { replay, by, cause } => {
                Self::RecordingStopped { replay: Id(*replay), by: by.map(Id), cause: (*cause).into() }
            }
            Event::RecordingConsent { member, replay, text, agree } => {
                Self::RecordingConsent { member: Id(*member), replay: Id(*replay), text: *text, agree: *agree }
            }
            Event::TrackWithdrawn { member, replay, track } => {
                Self::TrackWithdrawn { member: Id(*member), replay: Id(*replay), track: *track }
            }
            Event::Forgotten { member } => Self::Forgotten { member: Id(*member) },
            Event::Ended { by } => Self::Ended { by: by.map(Id) },
        }
    }
}

impl From<StoredEvent> for Event {
    fn from(event: StoredEvent) -> Self {
        match event {
            StoredEvent::Opened { room, title, kind, language, host, named, topics, house, terms } => Self::Opened {
                room: room.0,
                title,
                kind: kind.into(),
                language,
                host: host.0,
                named: named.into_iter().map(|id| id.0).collect(),
                topics,
                house: house.map(|id| id.0),
                terms: terms.map(Into::into),
            },
            StoredEvent::QuestionBrought(question) => {
                let (number, question) = question.into();
                Self::QuestionBrought { number, question }
            }
            StoredEvent::QuestionTaken { number, asker, by } => {
                Self::QuestionTaken { number, asker: asker.0, by: by.0 }
            }
            StoredEvent::QuestionClosed { by } => Self::QuestionClosed { by: by.0 },
            StoredEvent::QuestionSettled { number, record, answered, by } => {
                Self::QuestionSettled { number, record: record.0, answered, by: by.0 }
            }
            StoredEvent::Entered { member, number, pass } => {
                Self::Entered { member: member.0, number: TalkerNo(number), pass: pass.map(Into::into) }
            }
            StoredEvent::ConnectionLost { member } => Self::ConnectionLost { member: member.0 },
            StoredEvent::Returned { member } => Self::Returned { member: member.0 },
            StoredEvent::Left { member, reason } => Self::Left {
                member: member.0,
                reason: match reason {
                    LeaveReason::Quit => event::LeaveReason::Quit,
                    LeaveReason::Lost => event::LeaveReason::Lost,
                    LeaveReason::Removed { by } => event::LeaveReason::Removed { by: by.0 },
                    LeaveReason::PassEnded => event::LeaveReason::PassEnded,
                },
            },
            StoredEvent::HandRaised { member, question, place, spoken } => {
                Self::HandRaised { member: member.0, question, place, spoken }
            }
            StoredEvent::HandMoved { member, place, by } => Self::HandMoved { member: member.0, place, by: by.0 },
            StoredEvent::HandLowered { member, cause } => Self::HandLowered {
                member: member.0,
                cause: match cause {
                    HandCause::Lowered => event::HandCause::Lowered,
                    HandCause::Declined { by } => event::HandCause::Declined { by: by.0 },
                },
            },
            StoredEvent::StageOffered { member, by } => Self::StageOffered { member: member.0, by: by.0 },
            StoredEvent::OfferEnded { member, cause } => Self::OfferEnded {
                member: member.0,
                cause: match cause {
                    OfferCause::Declined => event::OfferCause::Declined,
                    OfferCause::Withdrawn { by } => event::OfferCause::Withdrawn { by: by.0 },
                },
            },
            StoredEvent::RoleChanged { member, role, role_epoch, cause } => Self::RoleChanged {
                member: member.0,
                role: role.into(),
                role_epoch: RoleEpoch(role_epoch),
                cause: match cause {
                    RoleCause::HandAccepted { by } => event::RoleCause::HandAccepted { by: by.0 },
                    RoleCause::OfferAccepted => event::RoleCause::OfferAccepted,
                    RoleCause::SteppedDown => event::RoleCause::SteppedDown,
                    RoleCause::MovedToAudience { by } => event::RoleCause::MovedToAudience { by: by.0 },
                    RoleCause::MadeModerator { by } => event::RoleCause::MadeModerator { by: by.0 },
                    RoleCause::ModeratorTaken { by } => event::RoleCause::ModeratorTaken { by: by.0 },
                    RoleCause::LetIn { by } => event::RoleCause::LetIn { by: by.0 },
                    RoleCause::HandedOver { by } => event::RoleCause::HandedOver { by: by.0 },
                    RoleCause::Inherited => event::RoleCause::Inherited,
                },
            },
            StoredEvent::Muted { member, by, role_epoch } => {
                Self::Muted { member: member.0, by: by.0, role_epoch: RoleEpoch(role_epoch) }
            }
            StoredEvent::Unmuted { member, by, role_epoch } => {
                Self::Unmuted { member: member.0, by: by.0, role_epoch: RoleEpoch(role_epoch) }
            }
            StoredEvent::MicChanged { member, open } => Self::MicChanged { member: member.0, open },
            StoredEvent::Banned { member, by, reason } => Self::Banned { member: member.0, by: by.0, reason },
            StoredEvent::Unbanned { member, by } => Self::Unbanned { member: member.0, by: by.0 },
            StoredEvent::Described { title, topics, language, by } => {
                Self::Described { title, topics, language, by: by.0 }
            }
            StoredEvent::Widened { kind, by } => Self::Widened { kind: kind.into(), by: by.0 },
            StoredEvent::HandsRuled { rule, by } => Self::HandsRuled { rule: rule.into(), by: by.0 },
            StoredEvent::StageLocked { locked, by } => Self::StageLocked { locked, by: by.0 },
            StoredEvent::BackchannelSet { open, slow_seconds, by } => {
                Self::BackchannelSet { open, slow_seconds, by: by.0 }
            }
            StoredEvent::TimerSet { until, by } => Self::TimerSet { until: until.map(Timestamp), by: by.0 },
            StoredEvent::LinkPinned { number, url, label, by } => Self::LinkPinned { number, url, label, by: by.0 },
            StoredEvent::LinkUnpinned { number, by } => Self::LinkUnpinned { number, by: by.0 },
            StoredEvent::FloorGiven { member, by } => Self::FloorGiven { member: member.map(|id| id.0), by: by.0 },
            StoredEvent::CalledUp { member, by, context, until } => {
                Self::CalledUp { member: member.0, by: by.0, context, until: Timestamp(until) }
            }
            StoredEvent::CallUpEnded { member, by, cause } => Self::CallUpEnded {
                member: member.0,
                by: by.0,
                cause: match cause {
                    CallUpCause::Answered => event::CallUpCause::Answered,
                    CallUpCause::Declined => event::CallUpCause::Declined,
                    CallUpCause::Withdrawn { by } => event::CallUpCause::Withdrawn { by: by.0 },
                    CallUpCause::Expired => event::CallUpCause::Expired,
                },
            },
            StoredEvent::Knocked { guest, pass } => Self::Knocked { guest: guest.0, pass: pass.into() },
            StoredEvent::KnockEnded { guest, cause } => Self::KnockEnded {
                guest: guest.0,
                cause: match cause {
                    KnockCause::Admitted { by } => event::KnockCause::Admitted { by: by.0 },
                    KnockCause::TurnedAway { by } => event::KnockCause::TurnedAway { by: by.0 },
                    KnockCause::GaveUp => event::KnockCause::GaveUp,
                    KnockCause::PassEnded => event::KnockCause::PassEnded,
                },
            },
            StoredEvent::EvidenceSet { on, by } => Self::EvidenceSet { on, by: by.0 },
            StoredEvent::EvidenceAgreed { member, agree } => Self::EvidenceAgreed { member: member.0, agree },
            StoredEvent::RecordingBegun { replay, to, text, by } => {
                let recording = NewRecording { replay: replay.0, to: to.into(), text };
                Self::RecordingBegun { recording, by: by.0 }
            }
            StoredEvent::RecordingStopped { replay, by, cause } => {
                Self::RecordingStopped { replay: replay.0, by: by.map(|id| id.0), cause: cause.into() }
            }
            StoredEvent::RecordingConsent { member, replay, text, agree } => {
                Self::RecordingConsent { member: member.0, replay: replay.0, text, agree }
            }
            StoredEvent::TrackWithdrawn { member, replay, track } => {
                Self::TrackWithdrawn { member: member.0, replay: replay.0, track }
            }
            StoredEvent::Forgotten { member } => Self::Forgotten { member: member.0 },
            StoredEvent::Ended { by } => Self::Ended { by: by.map(|id| id.0) },
        }
    }
}
