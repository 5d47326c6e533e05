//! What a client may ask of a room over the control socket.

use roomtone_room::NewRecording;
use roomtone_room::command as rules;
use roomtone_room::ids::{MemberId, ReplayId, Timestamp};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Id;
use super::recording::CONSENT_TEXT;
use super::replays::Hearers;
use super::running::HandRule;
use super::socket::Kind;

/// What can be asked of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the table in docs/PROTOCOL.md describes each")]
pub enum Command {
    Leave,
    RaiseHand {
        question: Option<String>,
    },
    LowerHand,
    AcceptHand {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    DeclineHand {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    OfferStage {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    WithdrawOffer {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    AcceptOffer,
    DeclineOffer,
    StepDown,
    SetMic {
        open: bool,
    },
    Mute {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    Unmute {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    MoveToAudience {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    Remove {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    MakeModerator {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    TakeModerator {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    HandOver {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    MoveHand {
        #[ts(type = "string")]
        member: Id<MemberId>,
        place: u32,
    },
    Ban {
        #[ts(type = "string")]
        member: Id<MemberId>,
        reason: Option<String>,
    },
    Unban {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    Describe {
        title: String,
        topics: Vec<String>,
        language: String,
    },
    Widen {
        kind: Kind,
    },
    RuleHands {
        rule: HandRule,
    },
    LockStage {
        locked: bool,
    },
    SetBackchannel {
        open: bool,
        slow_seconds: u16,
    },
    SetTimer {
        #[ts(type = "number | null")]
        until: Option<u64>,
    },
    PinLink {
        url: String,
        label: String,
    },
    UnpinLink {
        number: u32,
    },
    GiveFloor {
        #[ts(type = "string | null")]
        member: Option<Id<MemberId>>,
    },
    CallUp {
        #[ts(type = "string")]
        member: Id<MemberId>,
        context: Option<String>,
    },
    WithdrawCallUp {
        #[ts(type = "string")]
        member: Id<MemberId>,
    },
    Admit {
        #[ts(type = "string")]
        guest: Id<MemberId>,
    },
    TurnAway {
        #[ts(type = "string")]
        guest: Id<MemberId>,
    },
    SetEvidence {
        on: bool,
    },
    AgreeEvidence {
        agree: bool,
    },
    SetRecording {
        to: Option<Hearers>,
    },
    ConsentRecording {
        #[ts(type = "string")]
        replay: Id<ReplayId>,
        text: u32,
        agree: bool,
    },
    TakeQuestion {
        #[ts(type = "number | null")]
        number: Option<u32>,
    },
    SettleQuestion {
        number: u32,
        answered: bool,
    },
    End,
}

impl From<Command> for rules::Command {
    fn from(command: Command) -> Self {
        match command {
            Command::Leave => Self::Leave,
            // Whoever asks the room looks up whether a speaker follows the sender, where that counts.
            Command::RaiseHand { question } => Self::RaiseHand { question, followed_by_speaker: false },
            Command::LowerHand => Self::LowerHand,
            Command::AcceptHand { member } => Self::AcceptHand { member: member.0 },
            Command::DeclineHand { member } => Self::DeclineHand { member: member.0 },
            Command::MoveHand { member, place } => Self::MoveHand { member: member.0, place },
            Command::OfferStage { member } => Self::OfferStage { member: member.0 },
            Command::WithdrawOffer { member } => Self::WithdrawOffer { member: member.0 },
            Command::AcceptOffer => Self::AcceptOffer,
            Command::DeclineOffer => Self::DeclineOffer,
            Command::StepDown => Self::StepDown,
            Command::SetMic { open } => Self::SetMic { open },
            Command::Mute { member } => Self::Mute { member: member.0 },
            Command::Unmute { member } => Self::Unmute { member: member.0 },
            Command::MoveToAudience { member } => Self::MoveToAudience { member: member.0 },
            Command::Remove { member } => Self::Remove { member: member.0 },
            Command::Ban { member, reason } => Self::Ban { member: member.0, reason },
            Command::Unban { member } => Self::Unban { member: member.0 },
            Command::MakeModerator { member } => Self::MakeModerator { member: member.0 },
            Command::TakeModerator { member } => Self::TakeModerator { member: member.0 },
            Command::HandOver { member } => Self::HandOver { member: member.0 },
            Command::Describe { title, topics, language } => Self::Describe { title, topics, language },
            Command::Widen { kind } => Self::Widen { kind: kind.into() },
            Command::RuleHands { rule } => Self::RuleHands { rule: rule.into() },
            Command::LockStage { locked } => Self::LockStage { locked },
            Command::SetBackchannel { open, slow_seconds } => Self::SetBackchannel { open, slow_seconds },
            Command::SetTimer { until } => Self::SetTimer { until: until.map(Timestamp) },
            Command::PinLink { url, label } => Self::PinLink { url, label },
            Command::UnpinLink { number } => Self::UnpinLink { number },
            Command::GiveFloor { member } => Self::GiveFloor { member: member.map(|id| id.0) },
            Command::CallUp { member, context } => Self::CallUp { member: member.0, context },
            Command::WithdrawCallUp { member } => Self::WithdrawCallUp { member: member.0 },
            Command::Admit { guest } => Self::Admit { guest: guest.0 },
            Command::TurnAway { guest } => Self::TurnAway { guest: guest.0 },
            Command::SetEvidence { on } => Self::SetEvidence { on },
            Command::AgreeEvidence { agree } => Self::AgreeEvidence { agree },
            // Whoever asks the room draws the replay's id.
            Command::SetRecording { to } => Self::SetRecording {
                recording: to.map(|to| NewRecording { replay: ReplayId(0), to: to.into(), text: CONSENT_TEXT }),
            },
            Command::ConsentRecording { replay, text, agree } => {
                Self::ConsentRecording { replay: replay.0, text, agree }
            }
            Command::TakeQuestion { number } => Self::TakeQuestion { number },
            Command::SettleQuestion { number, answered } => Self::SettleQuestion { number, answered },
            Command::End => Self::End,
        }
    }
}
