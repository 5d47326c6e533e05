//! Events and state of a room as the store keeps them: JSON that later versions must still read. Fields are only ever
//! added, with defaults.

use roomtone_room::event::{self, Event};
use roomtone_room::ids::{CommandId, HouseId, MemberId, RoleEpoch, RoomId, Seq, TalkerNo, Timestamp};
use roomtone_room::{Answered, Hand, Participant, State};
use serde::{Deserialize, Serialize};

use super::Id;
use super::socket::{Kind, Role};

/// A log row that cannot be read back: written by a newer version, or damaged.
#[derive(Debug, thiserror::Error)]
// Where it went wrong and not what stands there: the text may name a member or hold a question, and this is logged.
#[error("a stored room cannot be read: {:?} error at line {} column {}", .0.classify(), .0.line(), .0.column())]
pub struct Unreadable(serde_json::Error);

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self(error)
    }
}

/// The JSON of an event.
pub fn write_event(event: &Event) -> String {
    serde_json::to_string(&StoredEvent::from(event)).expect("plain data with string keys always serialises")
}

/// Reads what [`write_event`] wrote.
pub fn read_event(json: &str) -> Result<Event, Unreadable> {
    Ok(serde_json::from_str::<StoredEvent>(json)?.into())
}

/// The JSON of a room's state.
pub fn write_state(state: &State) -> String {
    serde_json::to_string(&StoredState::from(state)).expect("plain data with string keys always serialises")
}

/// Reads what [`write_state`] wrote.
pub fn read_state(json: &str) -> Result<State, Unreadable> {
    Ok(serde_json::from_str::<StoredState>(json)?.into())
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum StoredEvent {
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
    },
    Entered {
        member: Id<MemberId>,
        number: u32,
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
    Ended {
        by: Option<Id<MemberId>>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LeaveReason {
    Quit,
    Lost,
    Removed { by: Id<MemberId> },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HandCause {
    Lowered,
    Declined { by: Id<MemberId> },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OfferCause {
    Declined,
    Withdrawn { by: Id<MemberId> },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleCause {
    HandAccepted { by: Id<MemberId> },
    OfferAccepted,
    SteppedDown,
    MovedToAudience { by: Id<MemberId> },
    MadeModerator { by: Id<MemberId> },
    HandedOver { by: Id<MemberId> },
    Inherited,
}

impl From<&Event> for StoredEvent {
    fn from(event: &Event) -> Self {
        match event {
            Event::Opened { room, title, kind, language, host, named, topics, house } => Self::Opened {
                room: Id(*room),
                title: title.clone(),
                kind: (*kind).into(),
                language: language.clone(),
                host: Id(*host),
                named: named.iter().copied().map(Id).collect(),
                topics: topics.clone(),
                house: house.map(Id),
            },
            Event::Entered { member, number } => Self::Entered { member: Id(*member), number: number.0 },
            Event::ConnectionLost { member } => Self::ConnectionLost { member: Id(*member) },
            Event::Returned { member } => Self::Returned { member: Id(*member) },
            Event::Left { member, reason } => Self::Left {
                member: Id(*member),
                reason: match *reason {
                    event::LeaveReason::Quit => LeaveReason::Quit,
                    event::LeaveReason::Lost => LeaveReason::Lost,
                    event::LeaveReason::Removed { by } => LeaveReason::Removed { by: Id(by) },
                },
            },
            Event::HandRaised { member, question } => {
                Self::HandRaised { member: Id(*member), question: question.clone() }
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
            Event::Ended { by } => Self::Ended { by: by.map(Id) },
        }
    }
}

impl From<StoredEvent> for Event {
    fn from(event: StoredEvent) -> Self {
        match event {
            StoredEvent::Opened { room, title, kind, language, host, named, topics, house } => Self::Opened {
                room: room.0,
                title,
                kind: kind.into(),
                language,
                host: host.0,
                named: named.into_iter().map(|id| id.0).collect(),
                topics,
                house: house.map(|id| id.0),
            },
            StoredEvent::Entered { member, number } => Self::Entered { member: member.0, number: TalkerNo(number) },
            StoredEvent::ConnectionLost { member } => Self::ConnectionLost { member: member.0 },
            StoredEvent::Returned { member } => Self::Returned { member: member.0 },
            StoredEvent::Left { member, reason } => Self::Left {
                member: member.0,
                reason: match reason {
                    LeaveReason::Quit => event::LeaveReason::Quit,
                    LeaveReason::Lost => event::LeaveReason::Lost,
                    LeaveReason::Removed { by } => event::LeaveReason::Removed { by: by.0 },
                },
            },
            StoredEvent::HandRaised { member, question } => Self::HandRaised { member: member.0, question },
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
            StoredEvent::Ended { by } => Self::Ended { by: by.map(|id| id.0) },
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredState {
    id: Id<RoomId>,
    title: String,
    kind: Kind,
    language: String,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    house: Option<Id<HouseId>>,
    opened_at: u64,
    ended_at: Option<u64>,
    host: Id<MemberId>,
    named: Vec<Id<MemberId>>,
    seq: u64,
    last_at: u64,
    last_number: u32,
    #[serde(default)]
    first_epoch: u32,
    participants: Vec<StoredParticipant>,
    answered: Vec<StoredAnswered>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredParticipant {
    member: Id<MemberId>,
    number: u32,
    role: Role,
    role_epoch: u32,
    connected: bool,
    away_since: Option<u64>,
    away_until: Option<u64>,
    muted: bool,
    mic: bool,
    hand: Option<StoredHand>,
    offer: Option<Id<MemberId>>,
    entered_at: u64,
    stage_since: Option<u64>,
    moderator_since: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredHand {
    question: Option<String>,
    at: u64,
    seq: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredAnswered {
    member: Id<MemberId>,
    commands: Vec<(Id<CommandId>, u64)>,
}

impl From<&State> for StoredState {
    fn from(state: &State) -> Self {
        Self {
            id: Id(state.id),
            title: state.title.clone(),
            kind: state.kind.into(),
            language: state.language.clone(),
            topics: state.topics.clone(),
            house: state.house.map(Id),
            opened_at: state.opened_at.0,
            ended_at: state.ended_at.map(|at| at.0),
            host: Id(state.host),
            named: state.named.iter().copied().map(Id).collect(),
            seq: state.seq.0,
            last_at: state.last_at.0,
            last_number: state.last_number.0,
            first_epoch: state.first_epoch.0,
            participants: state.participants.iter().map(StoredParticipant::from).collect(),
            answered: state
                .answered
                .iter()
                .map(|answered| StoredAnswered {
                    member: Id(answered.member),
                    commands: answered.commands.iter().map(|&(id, seq)| (Id(id), seq.0)).collect(),
                })
                .collect(),
        }
    }
}

impl From<StoredState> for State {
    fn from(state: StoredState) -> Self {
        Self {
            id: state.id.0,
            title: state.title,
            kind: state.kind.into(),
            language: state.language,
            topics: state.topics,
            house: state.house.map(|id| id.0),
            opened_at: Timestamp(state.opened_at),
            ended_at: state.ended_at.map(Timestamp),
            host: state.host.0,
            named: state.named.into_iter().map(|id| id.0).collect(),
            seq: Seq(state.seq),
            last_at: Timestamp(state.last_at),
            last_number: TalkerNo(state.last_number),
            first_epoch: RoleEpoch(state.first_epoch),
            participants: state.participants.into_iter().map(Into::into).collect(),
            answered: state
                .answered
                .into_iter()
                .map(|answered| Answered {
                    member: answered.member.0,
                    commands: answered.commands.into_iter().map(|(id, seq)| (id.0, Seq(seq))).collect(),
                })
                .collect(),
        }
    }
}

impl From<&Participant> for StoredParticipant {
    fn from(participant: &Participant) -> Self {
        Self {
            member: Id(participant.member),
            number: participant.number.0,
            role: participant.role.into(),
            role_epoch: participant.role_epoch.0,
            connected: participant.connected,
            away_since: participant.away_since.map(|at| at.0),
            away_until: participant.away_until.map(|at| at.0),
            muted: participant.muted,
            mic: participant.mic,
            hand: participant.hand.as_ref().map(|hand| StoredHand {
                question: hand.question.clone(),
                at: hand.at.0,
                seq: hand.seq.0,
            }),
            offer: participant.offer.map(Id),
            entered_at: participant.entered_at.0,
            stage_since: participant.stage_since.map(|at| at.0),
            moderator_since: participant.moderator_since.map(|at| at.0),
        }
    }
}

impl From<StoredParticipant> for Participant {
    fn from(participant: StoredParticipant) -> Self {
        Self {
            member: participant.member.0,
            number: TalkerNo(participant.number),
            role: participant.role.into(),
            role_epoch: RoleEpoch(participant.role_epoch),
            connected: participant.connected,
            away_since: participant.away_since.map(Timestamp),
            away_until: participant.away_until.map(Timestamp),
            muted: participant.muted,
            mic: participant.mic,
            hand: participant.hand.map(|hand| Hand {
                question: hand.question,
                at: Timestamp(hand.at),
                seq: Seq(hand.seq),
            }),
            offer: participant.offer.map(|id| id.0),
            entered_at: Timestamp(participant.entered_at),
            stage_since: participant.stage_since.map(Timestamp),
            moderator_since: participant.moderator_since.map(Timestamp),
        }
    }
}
