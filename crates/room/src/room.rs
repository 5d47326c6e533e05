//! The room: what is so now, what may be asked of it, and how events change it.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{Actor, Command, Rejection};
use crate::event::{CallUpCause, Event, Kind, LeaveReason, Numbered, Opening};
use crate::hands::Hand;
use crate::ids::{HouseId, MemberId, RoleEpoch, RoomId, Seq, TalkerNo, Timestamp};
use crate::memory::Memory;
use crate::participant::{Participant, Participants};
use crate::recording::Consent;
use crate::role::Role;
use crate::settings::{Ban, CallUp, Settings, Waiting};
use crate::terms::{Questions, Terms};
use crate::{AWAY_MILLIS, QUESTIONS_MAX, UNTITLED};

/// A live room. Only [`Room::fold`] changes what is so; [`Room::apply`] decides which events come about and folds them.
///
/// After the end, everything reads as it stood at the end, but nobody is heard any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub(crate) id: RoomId,
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) language: String,
    pub(crate) topics: Vec<String>,
    pub(crate) house: Option<HouseId>,
    pub(crate) opened_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) host: MemberId,
    pub(crate) named: BTreeSet<MemberId>,
    pub(crate) seq: Seq,
    pub(crate) last_at: Timestamp,
    pub(crate) last_number: TalkerNo,
    /// What everybody who comes in begins with: above every epoch that somebody who has left had.
    pub(crate) first_epoch: RoleEpoch,
    pub(crate) present: Participants,
    pub(crate) memory: Memory,
    pub(crate) settings: Settings,
    pub(crate) terms: Option<Terms>,
    pub(crate) questions: Questions,
    /// Who changed what the room says about itself, if that was done since it was opened.
    pub(crate) described_by: Option<MemberId>,
    /// Who has opened the microphone at least once.
    pub(crate) spoken: BTreeSet<MemberId>,
    pub(crate) bans: BTreeMap<MemberId, Ban>,
    pub(crate) called: BTreeMap<MemberId, CallUp>,
    pub(crate) waiting: BTreeMap<MemberId, Waiting>,
    /// The guests who were let in and whose pass lasts, by the end of it: they come back without waiting.
    pub(crate) let_in: BTreeMap<MemberId, Timestamp>,
    /// Whose track has which number in what is recorded, or was last.
    pub(crate) tracks: BTreeMap<MemberId, u32>,
    /// The highest number that a track was given in it.
    pub(crate) last_track: u32,
}

/// What a command brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The events, in order; none when there was nothing to change.
    pub events: Vec<Numbered>,
    /// Whether this command id was answered before, and so not applied again.
    pub repeated: bool,
    /// The room's sequence number after the command; for a repetition, after its first time.
    pub seq: Seq,
}

impl Room {
    /// Opens a room. The host is in it, on stage, as number 1, but not yet connected: they have [`AWAY_MILLIS`] to
    /// enter. The events returned are [`Event::Opened`], number 1, and one for each question that it brings along. Texts are taken
    /// as they are: the caller checks.
    pub fn open(now: Timestamp, room: RoomId, host: MemberId, opening: Opening) -> (Self, Vec<Numbered>) {
        let mut opened = Self::empty();
        let Opening { title, kind, language, topics, house, named, mut terms, questions } = opening;
        if let Some(terms) = &mut terms {
            terms.stage.insert(host);
        }
        let event = Event::Opened { room, title, kind, language, host, named, topics, house, terms };
        let mut events = vec![opened.emit(now, event)];
        for (number, question) in (1..).zip(questions.into_iter().take(QUESTIONS_MAX)) {
            events.push(opened.emit(now, Event::QuestionBrought { number, question }));
        }
        (opened, events)
    }

    /// A room before its first event, to fold a whole history over. It admits nobody.
    pub fn empty() -> Self {
        Self {
            id: RoomId(0),
            title: String::new(),
            kind: Kind::Closed,
            language: String::new(),
            topics: Vec::new(),
            house: None,
            opened_at: Timestamp(0),
            ended_at: None,
            host: MemberId(0),
            named: BTreeSet::new(),
            seq: Seq(0),
            last_at: Timestamp(0),
            last_number: TalkerNo(0),
            first_epoch: RoleEpoch(0),
            present: Participants::default(),
            memory: Memory::default(),
            settings: Settings::default(),
            terms: None,
            questions: Questions::default(),
            described_by: None,
            spoken: BTreeSet::new(),
            bans: BTreeMap::new(),
            called: BTreeMap::new(),
            waiting: BTreeMap::new(),
            let_in: BTreeMap::new(),
            tracks: BTreeMap::new(),
            last_track: 0,
        }
    }

    /// Decides on a command and, if it is allowed, carries it out.
    ///
    /// A repeated command id is answered before anything else is looked at. A time before that of the last event
    /// counts as that time, so a clock that is set back never reorders a room.
    ///
    /// # Errors
    /// A [`Rejection`], with the room exactly as it was. Checked in this order: the room has ended, the wrong kind of
    /// actor, not in the room, a stale role epoch, then permission and circumstances.
    pub fn apply(&mut self, now: Timestamp, actor: Actor, command: Command) -> Result<Applied, Rejection> {
        if let Actor::Member { member, id: Some(id), .. } = actor
            && let Some(seq) = self.memory.find(member, id)
        {
            return Ok(Applied { events: Vec::new(), repeated: true, seq });
        }
        let now = now.max(self.last_at);
        let decided = self.decide(now, actor, command)?;
        let mut events: Vec<Numbered> = decided.into_iter().map(|event| self.emit(now, event)).collect();
        for event in self.succession() {
            events.push(self.emit(now, event));
        }
        if let Actor::Member { member, id: Some(id), .. } = actor {
            let present = self.present.get(member).is_some();
            self.memory.remember(member, id, self.seq, present);
        }
        Ok(Applied { events, repeated: false, seq: self.seq })
    }

    /// When [`Command::Tick`] is next to be applied; `None` while nothing runs out, and after the end.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let called = self.called.values().map(|call| call.until);
        let waiting = self.waiting.values().map(|waiting| waiting.pass.until);
        let first = self.present.next_deadline().into_iter().chain(called).chain(waiting).min();
        first.filter(|_| self.is_open())
    }

    /// Number of the last event.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Whether the room was opened and has not ended.
    pub fn is_open(&self) -> bool {
        self.seq > Seq(0) && self.ended_at.is_none()
    }

    /// The room's id.
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// Its title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Who gave it its title and topics, if that was not who opened it.
    pub fn described_by(&self) -> Option<MemberId> {
        self.described_by
    }

    /// Who may come in.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// BCP 47 language tag of the talk.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// What it is about, as given when it was opened.
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// The house whose room it is.
    pub fn house(&self) -> Option<HouseId> {
        self.house
    }

    /// When it was opened.
    pub fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// When it ended; `None` while it is open.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    /// Who is host, or was last in a room that ended.
    pub fn host(&self) -> MemberId {
        self.host
    }

    /// Who may come in whatever its kind: the opener, who was named when it was opened, and who came because a moderator had called
    /// them up, ascending.
    pub fn named(&self) -> impl Iterator<Item = MemberId> {
        self.named.iter().copied()
    }

    /// The participant who is this member, if present. O(log n).
    pub fn participant(&self, member: MemberId) -> Option<&Participant> {
        self.present.get(member)
    }

    /// Everybody present, by number.
    pub fn participants(&self) -> impl Iterator<Item = &Participant> {
        self.participants_after(TalkerNo(0))
    }

    /// Everybody present with a number above `number`, by number: the roster from a place on, in O(log n).
    pub fn participants_after(&self, number: TalkerNo) -> impl Iterator<Item = &Participant> {
        self.present.after(number)
    }

    /// Everybody on stage: the host, then moderators, then speakers, each by time on stage. At most [`STAGE_MAX`].
    pub fn stage(&self) -> Vec<&Participant> {
        let mut stage: Vec<&Participant> = self.present.stage().collect();
        stage.sort_by_key(|participant| participant.stage_key());
        stage
    }

    /// Everybody on stage, by number.
    pub fn on_stage(&self) -> impl Iterator<Item = &Participant> {
        self.present.stage()
    }

    /// Everybody whose hand is up, in the order of the queue.
    pub fn hands(&self) -> impl Iterator<Item = &Participant> {
        self.present.hands()
    }

    /// Everybody who was asked to come on stage and has not answered, by number.
    pub fn offers(&self) -> impl Iterator<Item = &Participant> {
        self.present.offers()
    }

    /// How many people are on stage.
    pub fn stage_count(&self) -> usize {
        self.present.stage_len()
    }

    /// How many people are in the audience, connected or away for a moment.
    pub fn audience_count(&self) -> usize {
        self.present.len() - self.present.stage_len()
    }

    /// What moderators set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was agreed about the talk, if the room was opened from a talk sheet.
    pub fn terms(&self) -> Option<&Terms> {
        self.terms.as_ref()
    }

    /// The questions that it brought along and that are not settled.
    pub fn questions(&self) -> &Questions {
        &self.questions
    }

    /// Whether what is said may be kept, of those who agree to it: for reports, and in a recording.
    pub fn may_be_kept(&self) -> bool {
        self.terms.as_ref().is_none_or(|terms| terms.recorded)
    }

    /// Who is kept out, by member. At most [`crate::BANS_MAX`].
    pub fn bans(&self) -> &BTreeMap<MemberId, Ban> {
        &self.bans
    }

    /// Who was rung and has not come, by member. At most [`crate::CALL_UPS_MAX`].
    pub fn called(&self) -> &BTreeMap<MemberId, CallUp> {
        &self.called
    }

    /// The guests who wait to be let in, by their id. At most [`crate::WAITING_MAX`].
    pub fn waiting(&self) -> &BTreeMap<MemberId, Waiting> {
        &self.waiting
    }

    /// By whose word somebody is in the room, or waits to be let in, as a guest; `None` for everybody else.
    pub fn voucher_of(&self, guest: MemberId) -> Option<MemberId> {
        let waiting = || self.waiting.get(&guest).map(|waiting| waiting.pass.by);
        self.present.get(guest).and_then(|p| p.pass).map(|pass| pass.by).or_else(waiting)
    }

    /// Whether the room is for this member: present already, named, its opener, called up by a moderator, or admitted by
    /// its kind; and never for somebody who is banned. `followed_by_moderator` decides in a social room. Does not ask
    /// whether the room is still open.
    pub fn may_enter(&self, member: MemberId, followed_by_moderator: bool) -> bool {
        let by_kind = match self.kind {
            Kind::Open => true,
            Kind::Social => followed_by_moderator,
            Kind::Closed => false,
        };
        let called = self.called.get(&member).is_some_and(|call| call.admits);
        let wanted = by_kind || called || self.named.contains(&member) || self.present.get(member).is_some();
        wanted && !self.bans.contains_key(&member)
    }

    /// Whether this member's voice may be forwarded: on stage, not muted, microphone open, and the room not ended.
    pub fn may_be_heard(&self, member: MemberId) -> bool {
        self.is_open() && self.present.get(member).is_some_and(Participant::audible)
    }

    /// The numbers of everybody whose voice may be forwarded, ascending.
    pub fn talkers(&self) -> impl Iterator<Item = TalkerNo> {
        let open = self.is_open();
        self.present.stage().filter(move |p| open && p.audible()).map(|p| p.number)
    }

    /// The numbers of everybody the last minute of whose speech may be kept for reports, ascending: on stage, having agreed
    /// to it while it is on, and the room not ended.
    pub fn agreed(&self) -> impl Iterator<Item = TalkerNo> {
        let on = self.is_open() && self.settings.evidence;
        self.present.stage().filter(move |p| on && p.evidence).map(|p| p.number)
    }

    /// Applies one event of this room's history: the only way in which state changes. Events are what the rules
    /// allowed once, so nothing is judged here; one about somebody who is not present changes nothing but the number.
    pub fn fold(&mut self, numbered: &Numbered) {
        let at = numbered.at;
        self.seq = numbered.seq;
        self.last_at = self.last_at.max(at);
        match &numbered.event {
            Event::Opened { room, title, kind, language, host, named, topics, house, terms } => {
                self.id = *room;
                self.title = title.clone();
                self.kind = *kind;
                self.language = language.clone();
                self.topics = topics.clone();
                self.house = *house;
                self.terms = terms.clone();
                self.opened_at = at;
                self.host = *host;
                self.named = named.iter().copied().chain([*host]).collect();
                self.last_number = TalkerNo(1);
                let mut opener = Participant::listener(*host, TalkerNo(1), at);
                opener.take_role(Role::Host, at);
                opener.go_away(at, AWAY_MILLIS);
                self.present.insert(opener);
            }
            Event::Entered { member, number, pass } => {
                self.last_number = self.last_number.max(*number);
                let mut newcomer = Participant::listener(*member, *number, at);
                newcomer.pass = *pass;
                // So that a command of an earlier visit, which arrives late, is stale.
                newcomer.role_epoch = self.first_epoch;
                if let Some(pass) = pass {
                    self.let_in.retain(|_, until| *until > at);
                    self.let_in.insert(*member, pass.until);
                }
                self.present.insert(newcomer);
                self.memory.entered(*member);
            }
            Event::ConnectionLost { member } => self.present.change(*member, |p| p.go_away(at, AWAY_MILLIS)),
            Event::Returned { member } => self.present.change(*member, Participant::come_back),
            Event::Left { member, reason } => {
                if matches!(reason, LeaveReason::Removed { .. } | LeaveReason::PassEnded) {
                    self.let_in.remove(member);
                }
                if let Some(leaving) = self.present.get(*member) {
                    self.first_epoch = self.first_epoch.max(leaving.role_epoch.next());
                }
                self.present.remove(*member);
                self.memory.left(*member);
                self.settings.without(*member);
            }
            Event::HandRaised { member, question, place, spoken } => {
                let (question, spoken) = (question.clone(), *spoken);
                let hand = Hand { question, at, seq: numbered.seq, spoken, placed: false };
                self.present.raise_hand(*member, hand, *place);
            }
            Event::HandMoved { member, place, .. } => {
                self.present.change(*member, |p| {
                    if let Some(hand) = &mut p.hand {
                        hand.placed = true;
                    }
                });
                self.present.place_hand(*member, *place);
            }
            Event::HandLowered { member, .. } => self.present.change(*member, |p| p.hand = None),
            Event::StageOffered { member, by } => self.present.change(*member, |p| p.offer = Some(*by)),
            Event::OfferEnded { member, .. } => self.present.change(*member, |p| p.offer = None),
            Event::RoleChanged { member, role, role_epoch, .. } => {
                let recording = self.settings.recording.is_some();
                self.present.change(*member, |p| {
                    let asked = recording && role.on_stage() && !p.role.on_stage();
                    p.take_role(*role, at);
                    p.role_epoch = *role_epoch;
                    if asked {
                        p.recorded = Consent::Asked;
                    }
                });
                if *role == Role::Host {
                    self.host = *member;
                }
                if !role.on_stage() {
                    self.settings.without(*member);
                }
            }
            Event::Muted { member, role_epoch, .. } => self.present.change(*member, |p| {
                p.muted = true;
                p.mic = false;
                p.role_epoch = *role_epoch;
            }),
            Event::Unmuted { member, role_epoch, .. } => self.present.change(*member, |p| {
                p.muted = false;
                p.role_epoch = *role_epoch;
            }),
            Event::MicChanged { member, open } => {
                self.present.change(*member, |p| p.mic = *open);
                if *open {
                    self.spoken.insert(*member);
                }
            }
            Event::Banned { member, by, reason } => {
                self.let_in.remove(member);
                self.bans.insert(*member, Ban { by: *by, at, reason: reason.clone() });
            }
            Event::Unbanned { member, .. } => {
                self.bans.remove(member);
            }
            Event::Described { title, topics, language, by } => {
                (self.title, self.topics, self.language) = (title.clone(), topics.clone(), language.clone());
                self.described_by = Some(*by);
            }
            Event::Widened { kind, .. } => self.kind = *kind,
            Event::HandsRuled { .. }
            | Event::StageLocked { .. }
            | Event::BackchannelSet { .. }
            | Event::TimerSet { .. }
            | Event::LinkPinned { .. }
            | Event::LinkUnpinned { .. }
            | Event::FloorGiven { .. } => self.settings.fold(&numbered.event, at),
            Event::EvidenceSet { .. } => {
                self.settings.fold(&numbered.event, at);
                self.present.change_stage(|p| p.evidence = false);
            }
            Event::RecordingBegun { .. } => self.recording_begun(&numbered.event, at),
            Event::RecordingStopped { .. } => self.recording_stopped(&numbered.event, at),
            Event::RecordingConsent { member, agree, .. } => self.recording_answered(*member, *agree),
            Event::TrackWithdrawn { member, track, .. } => self.track_withdrawn(*member, *track),
            Event::QuestionBrought { number, question } => self.questions.bring(*number, question.clone()),
            Event::QuestionTaken { number, .. } => self.questions.take(Some(*number)),
            Event::QuestionClosed { .. } => self.questions.take(None),
            Event::QuestionSettled { number, .. } => self.questions.settle(*number),
            Event::EvidenceAgreed { member, agree } => self.present.change(*member, |p| p.evidence = *agree),
            Event::CalledUp { member, by, context, until } => {
                let admits = self.present.get(*by).is_some_and(|p| p.role.moderates());
                self.called.insert(*member, CallUp { by: *by, context: context.clone(), until: *until, admits });
            }
            Event::CallUpEnded { member, cause, .. } => {
                let call = self.called.remove(member);
                // The word by which they are here lets them in again when their connection was lost.
                if *cause == CallUpCause::Answered && call.is_some_and(|call| call.admits) {
                    self.named.insert(*member);
                }
            }
            Event::Knocked { guest, pass } => {
                self.waiting.insert(*guest, Waiting { pass: *pass, at });
            }
            Event::KnockEnded { guest, .. } => {
                self.waiting.remove(guest);
            }
            Event::Forgotten { member } => self.forget(*member),
            Event::Ended { .. } => {
                self.ended_at = Some(at);
                self.called.clear();
                self.waiting.clear();
            }
        }
    }

    /// Whether [`Room::forget`] would take anything away from a room in which the member is not.
    pub(crate) fn keeps_anything_of(&self, member: MemberId) -> bool {
        let theirs = |by: MemberId, about: MemberId| by == member || about == member;
        self.settings.links.iter().any(|link| link.by == member)
            || self.described_by == Some(member)
            || self.bans.iter().any(|(about, ban)| theirs(ban.by, *about))
            || self.called.iter().any(|(about, call)| theirs(call.by, *about))
            || self.spoken.contains(&member)
            || self.named.contains(&member)
            || self.terms.as_ref().is_some_and(|terms| terms.stage.contains(&member))
            || self.questions.has_any_of(member)
            || self.tracks.contains_key(&member)
    }

    /// Keeps nothing that a member wrote, and nothing about them.
    pub(crate) fn forget(&mut self, member: MemberId) {
        self.present.change(member, |participant| {
            if let Some(hand) = &mut participant.hand {
                hand.question = None;
            }
        });
        self.settings.links.retain(|link| link.by != member);
        if self.described_by == Some(member) {
            self.title = UNTITLED.to_owned();
            self.topics.clear();
        }
        self.bans.remove(&member);
        for ban in self.bans.values_mut().filter(|ban| ban.by == member) {
            ban.reason = None;
        }
        self.called.retain(|called, call| *called != member && call.by != member);
        self.spoken.remove(&member);
        self.named.remove(&member);
        if let Some(terms) = &mut self.terms {
            terms.stage.remove(&member);
        }
        self.questions.forget(member);
        self.tracks.remove(&member);
    }

    /// Gives an event the next number and folds it.
    fn emit(&mut self, at: Timestamp, event: Event) -> Numbered {
        let numbered = Numbered { seq: Seq(self.seq.0.saturating_add(1)), at, event };
        self.fold(&numbered);
        numbered
    }
}
