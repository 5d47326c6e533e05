//! What one viewer may know of a room, and which events tell it: the table "who sees it" of docs/PROTOCOL.md.

use std::collections::BTreeMap;

use crate::AUDIENCE_FIRST;
use crate::event::{Event, Kind, Numbered};
use crate::hands::Hand;
use crate::ids::{HouseId, MemberId, RoleEpoch, RoomId, Seq, TalkerNo, Timestamp};
use crate::participant::Participant;
use crate::recording::Consent;
use crate::role::Role;
use crate::room::Room;
use crate::settings::{CallUp, Settings, Waiting};
use crate::terms::{Question, Terms};

/// Who an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Everybody in the room.
    Everyone,
    /// Those who run the room, and this member.
    ModeratorsAnd(MemberId),
    /// Those who run the room.
    Moderators,
    /// Nobody: it is for the room's own memory.
    Nobody,
}

/// Who an event is for.
pub fn reach(event: &Event) -> Reach {
    match event {
        Event::HandRaised { member, .. }
        | Event::HandLowered { member, .. }
        | Event::HandMoved { member, .. }
        | Event::StageOffered { member, .. }
        | Event::OfferEnded { member, .. } => Reach::ModeratorsAnd(*member),
        Event::CalledUp { by, .. } | Event::CallUpEnded { by, .. } => Reach::ModeratorsAnd(*by),
        Event::Banned { .. }
        | Event::Unbanned { .. }
        | Event::Knocked { .. }
        | Event::KnockEnded { .. }
        | Event::QuestionBrought { .. }
        | Event::QuestionSettled { .. } => Reach::Moderators,
        Event::TrackWithdrawn { .. } => Reach::Nobody,
        Event::Opened { .. }
        | Event::Entered { .. }
        | Event::ConnectionLost { .. }
        | Event::Returned { .. }
        | Event::Left { .. }
        | Event::RoleChanged { .. }
        | Event::Muted { .. }
        | Event::Unmuted { .. }
        | Event::MicChanged { .. }
        | Event::Described { .. }
        | Event::Widened { .. }
        | Event::HandsRuled { .. }
        | Event::StageLocked { .. }
        | Event::BackchannelSet { .. }
        | Event::TimerSet { .. }
        | Event::LinkPinned { .. }
        | Event::LinkUnpinned { .. }
        | Event::FloorGiven { .. }
        | Event::EvidenceSet { .. }
        | Event::EvidenceAgreed { .. }
        | Event::RecordingBegun { .. }
        | Event::RecordingStopped { .. }
        | Event::RecordingConsent { .. }
        | Event::QuestionTaken { .. }
        | Event::QuestionClosed { .. }
        | Event::Forgotten { .. }
        | Event::Ended { .. } => Reach::Everyone,
    }
}

/// Whether a viewer in the room may see an event. `viewer_role` is their role before it.
pub fn visible(event: &Event, viewer: MemberId, viewer_role: Role) -> bool {
    match reach(event) {
        Reach::Everyone => true,
        Reach::ModeratorsAnd(member) => member == viewer || viewer_role.moderates(),
        Reach::Moderators => viewer_role.moderates(),
        Reach::Nobody => false,
    }
}

/// Whether an event is only the coming and going of the audience, which a large room merges into a count.
/// `on_stage` says whether the member it is about was on stage before it.
pub fn mergeable(event: &Event, on_stage: bool) -> bool {
    match event {
        Event::Entered { .. } => true,
        Event::ConnectionLost { .. } | Event::Returned { .. } | Event::Left { .. } => !on_stage,
        _ => false,
    }
}

/// The view cannot follow this event and is as it was before: take a new [`View::of`] the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NeedsFresh;

/// What one viewer in a room may know: what a `snapshot` message tells, and what the visible events make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Whose view.
    pub viewer: MemberId,
    /// Number of the last event it takes account of.
    pub seq: Seq,
    /// The room.
    pub room: RoomId,
    /// Its title.
    pub title: String,
    /// Who may come in.
    pub kind: Kind,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// What it is about.
    pub topics: Vec<String>,
    /// The house whose room it is.
    pub house: Option<HouseId>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Whether it has ended.
    pub ended: bool,
    /// What only the viewer is told about themselves.
    pub you: You,
    /// Everybody on stage: the host, then moderators, then speakers, each by time on stage.
    pub stage: Vec<Seen>,
    /// Raised hands in their order; complete for moderators, empty for everybody else.
    pub hands: Vec<(MemberId, Hand)>,
    /// Who was asked to come on stage, and by whom; complete for moderators, empty for everybody else.
    pub offers: BTreeMap<MemberId, MemberId>,
    /// What moderators set.
    pub settings: Settings,
    /// What was agreed about the talk, if the room was opened from a talk sheet.
    pub terms: Option<Terms>,
    /// The questions that are not settled, by number; complete for moderators, empty for everybody else.
    pub questions: BTreeMap<u32, Question>,
    /// The question that is being answered, with its number.
    pub taken: Option<(u32, Question)>,
    /// Who was called up and has not come; complete for moderators, empty for everybody else.
    pub called: BTreeMap<MemberId, CallUp>,
    /// The guests who wait; complete for moderators, empty for everybody else.
    pub waiting: BTreeMap<MemberId, Waiting>,
    /// Number of listeners.
    pub audience_count: usize,
    /// The listeners with the lowest numbers, at most [`AUDIENCE_FIRST`], by number.
    pub audience_first: Vec<Seen>,
}

/// What a viewer is told about themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct You {
    /// Their number in the room.
    pub number: TalkerNo,
    /// Their role.
    pub role: Role,
    /// The epoch to send with commands.
    pub role_epoch: RoleEpoch,
    /// Whether a moderator has muted them.
    pub muted: bool,
    /// Whether their microphone is open.
    pub mic: bool,
    /// Their raised hand.
    pub hand: Option<Hand>,
    /// Who asks them to come on stage.
    pub offer: Option<MemberId>,
}

/// What everybody in the room may know of a participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who.
    pub member: MemberId,
    /// Their number in the room.
    pub number: TalkerNo,
    /// Their role.
    pub role: Role,
    /// Whether their control connection stands.
    pub connected: bool,
    /// Whether a moderator has muted them.
    pub muted: bool,
    /// Whether their microphone is open.
    pub mic: bool,
    /// Whether they agreed to having the last minute of what they say kept for reports.
    pub evidence: bool,
    /// What they have said to being recorded.
    pub recorded: Consent,
    /// Since when they are on stage; `None` in the audience.
    pub stage_since: Option<Timestamp>,
    /// For a guest, who vouches for them.
    pub guest_of: Option<MemberId>,
}

impl From<&Participant> for Seen {
    fn from(participant: &Participant) -> Self {
        Self {
            member: participant.member,
            number: participant.number,
            role: participant.role,
            connected: participant.connected,
            muted: participant.muted,
            mic: participant.mic,
            evidence: participant.evidence,
            recorded: participant.recorded,
            stage_since: participant.stage_since,
            guest_of: participant.pass.map(|pass| pass.by),
        }
    }
}

impl View {
    /// What this viewer may know of a room now; `None` for somebody who is not in it.
    ///
    /// Costs O(stage + hands + offers) for moderators and O(stage) for everybody else, plus the walk over the lowest
    /// numbers to the first [`AUDIENCE_FIRST`] listeners; never the whole of a large audience.
    pub fn of(room: &Room, viewer: MemberId) -> Option<Self> {
        let own = room.participant(viewer)?;
        let (mut hands, mut offers) = (Vec::new(), BTreeMap::new());
        let (mut called, mut waiting, mut questions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        if own.role.moderates() {
            questions.extend(room.questions().iter().map(|(number, question)| (number, question.clone())));
            (called, waiting) = (room.called().clone(), room.waiting().clone());
            hands.extend(room.hands().filter_map(|p| Some((p.member, p.hand.clone()?))));
            offers.extend(room.offers().filter_map(|p| Some((p.member, p.offer?))));
        }
        let listeners = room.participants().filter(|p| !p.role.on_stage());
        Some(Self {
            viewer,
            seq: room.seq(),
            room: room.id(),
            title: room.title().to_owned(),
            kind: room.kind(),
            language: room.language().to_owned(),
            topics: room.topics().to_vec(),
            house: room.house(),
            opened_at: room.opened_at(),
            ended: !room.is_open(),
            you: You {
                number: own.number,
                role: own.role,
                role_epoch: own.role_epoch,
                muted: own.muted,
                mic: own.mic,
                hand: own.hand.clone(),
                offer: own.offer,
            },
            stage: room.stage().into_iter().map(Seen::from).collect(),
            hands,
            offers,
            settings: room.settings().clone(),
            terms: room.terms().cloned(),
            questions,
            taken: room.questions().taken().map(|(number, question)| (number, question.clone())),
            called,
            waiting,
            audience_count: room.audience_count(),
            audience_first: listeners.take(AUDIENCE_FIRST).map(Seen::from).collect(),
        })
    }

    /// Takes account of an event. One that is not for this viewer moves only the number.
    ///
    /// Folding the visible events over an earlier view gives the view of the later room. In an audience larger than
    /// [`AUDIENCE_FIRST`] the list of first listeners may get shorter than a new view's, but is always its beginning.
    ///
    /// # Errors
    /// [`NeedsFresh`], with the view unchanged: the viewer left, became a moderator or stopped being one, somebody came on
    /// stage from the part of the audience that is only counted, a question was taken of which the viewer has not heard, or
    /// somebody's words are gone from the room.
    pub fn fold(&mut self, numbered: &Numbered) -> Result<(), NeedsFresh> {
        let at = numbered.at;
        if visible(&numbered.event, self.viewer, self.you.role) {
            match &numbered.event {
                Event::Opened { .. } | Event::QuestionBrought { .. } => return Err(NeedsFresh),
                Event::Entered { member, number, pass } => {
                    self.entered(*member, *number, pass.map(|pass| pass.by));
                }
                Event::ConnectionLost { member } => self.change(*member, |seen| seen.connected = false),
                Event::Returned { member } => self.change(*member, |seen| seen.connected = true),
                Event::Left { member, .. } if *member == self.viewer => return Err(NeedsFresh),
                Event::Left { member, .. } => self.left(*member),
                Event::HandRaised { member, question, place, spoken } => {
                    let (question, spoken) = (question.clone(), *spoken);
                    let hand = Hand { question, at, seq: numbered.seq, spoken, placed: false };
                    self.hand_raised(*member, hand, *place);
                }
                Event::HandMoved { member, place, .. } => self.hand_moved(*member, *place),
                Event::HandLowered { member, .. } => self.hand_lowered(*member),
                Event::StageOffered { member, by } => self.stage_offered(*member, *by),
                Event::OfferEnded { member, .. } => self.offer_ended(*member),
                Event::RoleChanged { member, role, role_epoch, .. } => {
                    self.role_changed(*member, *role, *role_epoch, at)?;
                }
                Event::Muted { member, role_epoch, .. } => self.muted(*member, true, *role_epoch),
                Event::Unmuted { member, role_epoch, .. } => self.muted(*member, false, *role_epoch),
                Event::MicChanged { member, open } => {
                    self.change(*member, |seen| seen.mic = *open);
                    if *member == self.viewer {
                        self.you.mic = *open;
                    }
                }
                Event::Banned { .. } | Event::Unbanned { .. } | Event::TrackWithdrawn { .. } => {}
                Event::Described { title, topics, language, .. } => {
                    (self.title, self.topics, self.language) = (title.clone(), topics.clone(), language.clone());
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
                    self.stage.iter_mut().for_each(|seen| seen.evidence = false);
                }
                Event::QuestionTaken { number, .. } => {
                    let question = self.questions.get(number).ok_or(NeedsFresh)?;
                    self.taken = Some((*number, question.clone()));
                }
                Event::QuestionClosed { .. } => self.taken = None,
                Event::QuestionSettled { number, .. } => {
                    self.questions.remove(number);
                }
                Event::EvidenceAgreed { member, agree } => self.change(*member, |seen| seen.evidence = *agree),
                Event::RecordingBegun { .. } => {
                    self.settings.fold(&numbered.event, at);
                    self.stage.iter_mut().for_each(|seen| seen.recorded = Consent::Asked);
                }
                Event::RecordingStopped { .. } => {
                    self.settings.fold(&numbered.event, at);
                    self.stage.iter_mut().for_each(|seen| seen.recorded = Consent::Unasked);
                }
                Event::RecordingConsent { member, agree, .. } => {
                    self.change(*member, |seen| {
                        seen.recorded = if *agree { Consent::Agreed } else { Consent::Refused }
                    });
                }
                Event::CalledUp { member, by, context, until } => self.called_up(*member, *by, context, *until),
                Event::CallUpEnded { member, .. } => {
                    self.called.remove(member);
                }
                Event::Knocked { guest, pass } => {
                    self.waiting.insert(*guest, Waiting { pass: *pass, at });
                }
                Event::KnockEnded { guest, .. } => {
                    self.waiting.remove(guest);
                }
                // What it takes away is known by who wrote it, which a view does not know of everything.
                Event::Forgotten { .. } => return Err(NeedsFresh),
                Event::Ended { .. } => {
                    self.ended = true;
                    self.called.clear();
                    self.waiting.clear();
                }
            }
        }
        self.seq = numbered.seq;
        Ok(())
    }

    fn called_up(&mut self, member: MemberId, by: MemberId, context: &Option<String>, until: Timestamp) {
        if self.you.role.moderates() {
            let moderates = |seen: &Seen| seen.member == by && seen.role.moderates();
            let admits = self.stage.iter().any(moderates);
            self.called.insert(member, CallUp { by, context: context.clone(), until, admits });
        }
    }

    /// Counts a newcomer, and lists them if nobody is counted only.
    fn entered(&mut self, member: MemberId, number: TalkerNo, guest_of: Option<MemberId>) {
        let listener = Participant::listener(member, number, Timestamp(0));
        self.add_listener(Seen { guest_of, ..Seen::from(&listener) });
    }

    fn left(&mut self, member: MemberId) {
        self.settings.without(member);
        self.without(member);
    }

    /// Takes somebody out of the lists.
    fn without(&mut self, member: MemberId) {
        self.hand_lowered(member);
        self.offer_ended(member);
        if let Some(place) = self.stage.iter().position(|seen| seen.member == member) {
            self.stage.remove(place);
        } else {
            self.audience_count = self.audience_count.saturating_sub(1);
            self.audience_first.retain(|seen| seen.member != member);
        }
    }

    fn hand_raised(&mut self, member: MemberId, hand: Hand, place: u32) {
        if member == self.viewer {
            self.you.hand = Some(hand.clone());
        }
        if self.you.role.moderates() {
            self.place_hand((member, hand), place);
        }
    }

    fn hand_moved(&mut self, member: MemberId, place: u32) {
        if let Some(hand) = self.you.hand.as_mut().filter(|_| member == self.viewer) {
            hand.placed = true;
        }
        if let Some(now) = self.hands.iter().position(|(owner, _)| *owner == member) {
            let (owner, hand) = self.hands.remove(now);
            self.place_hand((owner, Hand { placed: true, ..hand }), place);
        }
    }

    /// Puts a hand at a place of the queue, or at its end where there is no such place.
    fn place_hand(&mut self, hand: (MemberId, Hand), place: u32) {
        let place = usize::try_from(place).unwrap_or(usize::MAX).min(self.hands.len());
        self.hands.insert(place, hand);
    }

    fn hand_lowered(&mut self, member: MemberId) {
        if member == self.viewer {
            self.you.hand = None;
        }
        self.hands.retain(|(owner, _)| *owner != member);
    }

    fn stage_offered(&mut self, member: MemberId, by: MemberId) {
        if member == self.viewer {
            self.you.offer = Some(by);
        }
        if self.you.role.moderates() {
            self.offers.insert(member, by);
        }
    }

    fn offer_ended(&mut self, member: MemberId) {
        if member == self.viewer {
            self.you.offer = None;
        }
        self.offers.remove(&member);
    }

    fn role_changed(
        &mut self,
        member: MemberId,
        role: Role,
        epoch: RoleEpoch,
        at: Timestamp,
    ) -> Result<(), NeedsFresh> {
        let own = member == self.viewer;
        if own && role.moderates() != self.you.role.moderates() {
            return Err(NeedsFresh);
        }
        let mut seen = self.find(member).cloned().ok_or(NeedsFresh)?;
        // Whoever changes sides leaves one list for the other; both keep their order.
        let was_on_stage = seen.role.on_stage();
        if role.on_stage() {
            self.without(member);
        } else {
            self.left(member);
        }
        seen.role = role;
        if role.on_stage() {
            if !was_on_stage {
                seen.stage_since = Some(at);
                seen.recorded = self.settings.recording.map_or(Consent::Unasked, |_| Consent::Asked);
            }
            self.stage.push(seen.clone());
            self.stage.sort_by_key(|seen| (std::cmp::Reverse(seen.role), seen.stage_since, seen.number));
        } else {
            (seen.stage_since, seen.muted, seen.mic, seen.evidence) = (None, false, false, false);
            seen.recorded = Consent::Unasked;
            self.add_listener(seen.clone());
        }
        if own {
            (self.you.role, self.you.role_epoch) = (role, epoch);
            (self.you.muted, self.you.mic) = (seen.muted, seen.mic);
        }
        Ok(())
    }

    fn muted(&mut self, member: MemberId, muted: bool, epoch: RoleEpoch) {
        self.change(member, |seen| {
            seen.muted = muted;
            seen.mic &= !muted;
        });
        if member == self.viewer {
            self.you.role_epoch = epoch;
            self.you.muted = muted;
            self.you.mic &= !muted;
        }
    }

    /// Counts a listener, and lists them if everybody with a lower number is listed and there is room.
    fn add_listener(&mut self, listener: Seen) {
        let complete = self.audience_first.len() == self.audience_count;
        self.audience_count += 1;
        let place = self.audience_first.partition_point(|seen| seen.number < listener.number);
        if complete || place < self.audience_first.len() {
            self.audience_first.insert(place, listener);
            self.audience_first.truncate(AUDIENCE_FIRST);
        }
    }

    fn find(&self, member: MemberId) -> Option<&Seen> {
        self.stage.iter().chain(&self.audience_first).find(|seen| seen.member == member)
    }

    fn change(&mut self, member: MemberId, change: impl FnOnce(&mut Seen)) {
        let found = self.stage.iter_mut().chain(&mut self.audience_first).find(|seen| seen.member == member);
        if let Some(seen) = found {
            change(seen);
        }
    }
}
