//! A room's state as it is kept.

use roomtone_room::ids::{CommandId, HouseId, MemberId, RecordId, RoleEpoch, RoomId, Seq, TalkerNo, Timestamp};
use roomtone_room::{
    Answered, Ban, CallUp, GuestPass, Hand, Link, Participant, Question, Questions, Settings, State, Terms, Waiting,
};
use serde::{Deserialize, Serialize};

use crate::wire::Id;
use crate::wire::recording::{Consent, Recording};
use crate::wire::running::HandRule;
use crate::wire::socket::{Kind, Role};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredState {
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
    #[serde(default)]
    queue: Vec<Id<MemberId>>,
    #[serde(default)]
    settings: StoredSettings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terms: Option<StoredTerms>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    questions: Vec<StoredQuestion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken: Option<u32>,
    #[serde(default)]
    described_by: Option<Id<MemberId>>,
    #[serde(default)]
    spoken: Vec<Id<MemberId>>,
    #[serde(default)]
    bans: Vec<StoredBan>,
    #[serde(default)]
    called: Vec<StoredCallUp>,
    #[serde(default)]
    waiting: Vec<StoredWaiting>,
    #[serde(default)]
    let_in: Vec<(Id<MemberId>, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tracks: Vec<(Id<MemberId>, u32)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    last_track: u32,
    answered: Vec<StoredAnswered>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
struct StoredSettings {
    hands: HandRule,
    stage_locked: bool,
    backchannel: bool,
    slow_seconds: u16,
    timer: Option<u64>,
    evidence: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<Recording>,
    floor: Option<Id<MemberId>>,
    links: Vec<StoredLink>,
    last_link: u32,
}

impl Default for StoredSettings {
    fn default() -> Self {
        Settings::default().into()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredLink {
    number: u32,
    url: String,
    label: String,
    by: Id<MemberId>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredBan {
    member: Id<MemberId>,
    by: Id<MemberId>,
    at: u64,
    reason: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredCallUp {
    member: Id<MemberId>,
    by: Id<MemberId>,
    context: Option<String>,
    until: u64,
    admits: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredWaiting {
    guest: Id<MemberId>,
    pass: StoredPass,
    at: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredPass {
    by: Id<MemberId>,
    until: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredTerms {
    recorded: bool,
    stage: Vec<Id<MemberId>>,
    guests: u32,
}

impl From<Terms> for StoredTerms {
    fn from(terms: Terms) -> Self {
        let Terms { recorded, stage, guests } = terms;
        Self { recorded, stage: stage.into_iter().map(Id).collect(), guests }
    }
}

impl From<StoredTerms> for Terms {
    fn from(terms: StoredTerms) -> Self {
        let StoredTerms { recorded, stage, guests } = terms;
        Self { recorded, stage: stage.into_iter().map(|id| id.0).collect(), guests }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredQuestion {
    number: u32,
    record: Id<RecordId>,
    text: String,
    by: Id<MemberId>,
    votes: u32,
}

impl StoredQuestion {
    pub(super) fn new(number: u32, question: &Question) -> Self {
        let Question { record, text, by, votes } = question;
        Self { number, record: Id(*record), text: text.clone(), by: Id(*by), votes: *votes }
    }
}

impl From<StoredQuestion> for (u32, Question) {
    fn from(stored: StoredQuestion) -> Self {
        let StoredQuestion { number, record, text, by, votes } = stored;
        (number, Question { record: record.0, text, by: by.0, votes })
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_unasked(recorded: &Consent) -> bool {
    *recorded == Consent::Unasked
}

impl From<GuestPass> for StoredPass {
    fn from(pass: GuestPass) -> Self {
        Self { by: Id(pass.by), until: pass.until.0 }
    }
}

impl From<StoredPass> for GuestPass {
    fn from(pass: StoredPass) -> Self {
        Self { by: pass.by.0, until: Timestamp(pass.until) }
    }
}

impl From<Settings> for StoredSettings {
    fn from(settings: Settings) -> Self {
        let link = |link: Link| StoredLink { number: link.number, url: link.url, label: link.label, by: Id(link.by) };
        Self {
            hands: settings.hands.into(),
            stage_locked: settings.stage_locked,
            backchannel: settings.backchannel,
            slow_seconds: settings.slow_seconds,
            timer: settings.timer.map(|at| at.0),
            evidence: settings.evidence,
            recording: settings.recording.map(Into::into),
            floor: settings.floor.map(Id),
            links: settings.links.into_iter().map(link).collect(),
            last_link: settings.last_link,
        }
    }
}

impl From<StoredSettings> for Settings {
    fn from(settings: StoredSettings) -> Self {
        let link = |link: StoredLink| Link { number: link.number, url: link.url, label: link.label, by: link.by.0 };
        Self {
            hands: settings.hands.into(),
            stage_locked: settings.stage_locked,
            backchannel: settings.backchannel,
            slow_seconds: settings.slow_seconds,
            timer: settings.timer.map(Timestamp),
            evidence: settings.evidence,
            recording: settings.recording.map(Into::into),
            floor: settings.floor.map(|id| id.0),
            links: settings.links.into_iter().map(link).collect(),
            last_link: settings.last_link,
        }
    }
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
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    evidence: bool,
    #[serde(default, skip_serializing_if = "is_unasked")]
    recorded: Consent,
    hand: Option<StoredHand>,
    offer: Option<Id<MemberId>>,
    entered_at: u64,
    stage_since: Option<u64>,
    moderator_since: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pass: Option<StoredPass>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredHand {
    question: Option<String>,
    at: u64,
    seq: u64,
    #[serde(default)]
    spoken: bool,
    #[serde(default)]
    placed: bool,
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
            queue: state.queue.iter().copied().map(Id).collect(),
            settings: state.settings.clone().into(),
            terms: state.terms.clone().map(Into::into),
            questions: state.questions.iter().map(|(number, question)| StoredQuestion::new(number, question)).collect(),
            taken: state.questions.taken().map(|(number, _)| number),
            described_by: state.described_by.map(Id),
            spoken: state.spoken.iter().copied().map(Id).collect(),
            bans: state
                .bans
                .iter()
                .map(|(member, ban)| {
                    let (member, by, reason) = (Id(*member), Id(ban.by), ban.reason.clone());
                    StoredBan { member, by, at: ban.at.0, reason }
                })
                .collect(),
            called: state
                .called
                .iter()
                .map(|(member, call)| {
                    let (member, by, context) = (Id(*member), Id(call.by), call.context.clone());
                    StoredCallUp { member, by, context, until: call.until.0, admits: call.admits }
                })
                .collect(),
            waiting: state
                .waiting
                .iter()
                .map(|(guest, waiting)| StoredWaiting {
                    guest: Id(*guest),
                    pass: waiting.pass.into(),
                    at: waiting.at.0,
                })
                .collect(),
            let_in: state.let_in.iter().map(|(guest, until)| (Id(*guest), until.0)).collect(),
            tracks: state.tracks.iter().map(|(member, number)| (Id(*member), *number)).collect(),
            last_track: state.last_track,
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
    fn from(mut state: StoredState) -> Self {
        // Before queues had places, hands were in the order in which they went up.
        if state.queue.is_empty() {
            let raised = |p: &StoredParticipant| p.hand.as_ref().map(|hand| (hand.seq, p.member));
            let mut hands: Vec<_> = state.participants.iter().filter_map(raised).collect();
            hands.sort();
            state.queue = hands.into_iter().map(|(_, member)| member).collect();
        }
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
            queue: state.queue.into_iter().map(|id| id.0).collect(),
            settings: state.settings.into(),
            terms: state.terms.map(Into::into),
            questions: Questions::from_parts(state.questions.into_iter().map(Into::into), state.taken),
            described_by: state.described_by.map(|id| id.0),
            spoken: state.spoken.into_iter().map(|id| id.0).collect(),
            bans: state
                .bans
                .into_iter()
                .map(|ban| (ban.member.0, Ban { by: ban.by.0, at: Timestamp(ban.at), reason: ban.reason }))
                .collect(),
            called: state
                .called
                .into_iter()
                .map(|call| {
                    let (by, until) = (call.by.0, Timestamp(call.until));
                    (call.member.0, CallUp { by, context: call.context, until, admits: call.admits })
                })
                .collect(),
            waiting: state
                .waiting
                .into_iter()
                .map(|waiting| {
                    let (pass, at) = (waiting.pass.into(), Timestamp(waiting.at));
                    (waiting.guest.0, Waiting { pass, at })
                })
                .collect(),
            tracks: state.tracks.into_iter().map(|(member, number)| (member.0, number)).collect(),
            last_track: state.last_track,
            let_in: state.let_in.into_iter().map(|(guest, until)| (guest.0, Timestamp(until))).collect(),
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
            evidence: participant.evidence,
            recorded: participant.recorded.into(),
            hand: participant.hand.as_ref().map(|hand| StoredHand {
                question: hand.question.clone(),
                at: hand.at.0,
                seq: hand.seq.0,
                spoken: hand.spoken,
                placed: hand.placed,
            }),
            offer: participant.offer.map(Id),
            entered_at: participant.entered_at.0,
            stage_since: participant.stage_since.map(|at| at.0),
            moderator_since: participant.moderator_since.map(|at| at.0),
            pass: participant.pass.map(Into::into),
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
            evidence: participant.evidence,
            recorded: participant.recorded.into(),
            hand: participant.hand.map(|hand| Hand {
                question: hand.question,
                at: Timestamp(hand.at),
                seq: Seq(hand.seq),
                spoken: hand.spoken,
                placed: hand.placed,
            }),
            offer: participant.offer.map(|id| id.0),
            entered_at: Timestamp(participant.entered_at),
            stage_since: participant.stage_since.map(Timestamp),
            moderator_since: participant.moderator_since.map(Timestamp),
            pass: participant.pass.map(Into::into),
        }
    }
}
