//! The room: what is so now, what may be asked of it, and how events change it.

use std::collections::BTreeSet;

use crate::command::{Actor, Command, Rejection};
use crate::event::{Event, HandCause, Kind, LeaveReason, Numbered, OfferCause, Opening, RoleCause};
use crate::hands::{Hand, question_is_valid};
use crate::ids::{HouseId, MemberId, RoleEpoch, RoomId, Seq, TalkerNo, Timestamp};
use crate::memory::Memory;
use crate::participant::{Participant, Participants};
use crate::role::Role;
use crate::{AWAY_MILLIS, STAGE_MAX};

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
    /// enter. The one event returned is [`Event::Opened`], number 1. Texts are taken as they are: the caller checks.
    pub fn open(now: Timestamp, room: RoomId, host: MemberId, opening: Opening) -> (Self, Vec<Numbered>) {
        let mut opened = Self::empty();
        let Opening { title, kind, language, topics, house, named } = opening;
        let event = opened.emit(now, Event::Opened { room, title, kind, language, host, named, topics, house });
        (opened, vec![event])
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

    /// When [`Command::Tick`] is next to be applied; `None` while everybody is connected, and after the end.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.is_open() { self.present.next_deadline() } else { None }
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

    /// Who was named when it was opened, and the opener, ascending.
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

    /// Everybody whose hand is up, first raised first.
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

    /// Whether the room is for this member: present already, named, its opener, or admitted by its kind.
    /// `followed_by_moderator` decides in a social room. Does not ask whether the room is still open.
    pub fn may_enter(&self, member: MemberId, followed_by_moderator: bool) -> bool {
        let by_kind = match self.kind {
            Kind::Open => true,
            Kind::Social => followed_by_moderator,
            Kind::Closed => false,
        };
        by_kind || self.named.contains(&member) || self.present.get(member).is_some()
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

    /// Applies one event of this room's history: the only way in which state changes. Events are what the rules
    /// allowed once, so nothing is judged here; one about somebody who is not present changes nothing but the number.
    pub fn fold(&mut self, numbered: &Numbered) {
        let at = numbered.at;
        self.seq = numbered.seq;
        self.last_at = self.last_at.max(at);
        match &numbered.event {
            Event::Opened { room, title, kind, language, host, named, topics, house } => {
                self.id = *room;
                self.title = title.clone();
                self.kind = *kind;
                self.language = language.clone();
                self.topics = topics.clone();
                self.house = *house;
                self.opened_at = at;
                self.host = *host;
                self.named = named.iter().copied().chain([*host]).collect();
                self.last_number = TalkerNo(1);
                let mut opener = Participant::listener(*host, TalkerNo(1), at);
                opener.take_role(Role::Host, at);
                opener.go_away(at, AWAY_MILLIS);
                self.present.insert(opener);
            }
            Event::Entered { member, number } => {
                self.last_number = self.last_number.max(*number);
                let mut newcomer = Participant::listener(*member, *number, at);
                // So that a command of an earlier visit, which arrives late, is stale.
                newcomer.role_epoch = self.first_epoch;
                self.present.insert(newcomer);
                self.memory.entered(*member);
            }
            Event::ConnectionLost { member } => self.present.change(*member, |p| p.go_away(at, AWAY_MILLIS)),
            Event::Returned { member } => self.present.change(*member, Participant::come_back),
            Event::Left { member, .. } => {
                if let Some(leaving) = self.present.get(*member) {
                    self.first_epoch = self.first_epoch.max(next(leaving.role_epoch));
                }
                self.present.remove(*member);
                self.memory.left(*member);
            }
            Event::HandRaised { member, question } => {
                let hand = Hand { question: question.clone(), at, seq: numbered.seq };
                self.present.change(*member, |p| p.hand = Some(hand));
            }
            Event::HandLowered { member, .. } => self.present.change(*member, |p| p.hand = None),
            Event::StageOffered { member, by } => self.present.change(*member, |p| p.offer = Some(*by)),
            Event::OfferEnded { member, .. } => self.present.change(*member, |p| p.offer = None),
            Event::RoleChanged { member, role, role_epoch, .. } => {
                self.present.change(*member, |p| {
                    p.take_role(*role, at);
                    p.role_epoch = *role_epoch;
                });
                if *role == Role::Host {
                    self.host = *member;
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
            Event::MicChanged { member, open } => self.present.change(*member, |p| p.mic = *open),
            Event::Ended { .. } => self.ended_at = Some(at),
        }
    }

    /// Gives an event the next number and folds it.
    fn emit(&mut self, at: Timestamp, event: Event) -> Numbered {
        let numbered = Numbered { seq: Seq(self.seq.0.saturating_add(1)), at, event };
        self.fold(&numbered);
        numbered
    }

    /// The events that a command brings about, before anybody has to inherit the room.
    fn decide(&self, now: Timestamp, actor: Actor, command: Command) -> Result<Vec<Event>, Rejection> {
        if !self.is_open() {
            return Err(Rejection::RoomEnded);
        }
        match (actor, command) {
            (Actor::System, Command::LoseConnection { member }) => self.lose_connection(member),
            (Actor::System, Command::Tick) => Ok(self.give_up_places(now)),
            (Actor::System, _) | (Actor::Member { .. }, Command::LoseConnection { .. } | Command::Tick) => {
                Err(Rejection::WrongActor)
            }
            (Actor::Member { member, role_epoch, .. }, command) => match (self.present.get(member), command) {
                (None, Command::Enter { followed_by_moderator }) => self.admit(member, followed_by_moderator),
                (None, _) => Err(Rejection::NotInRoom),
                (Some(sender), _) if role_epoch.is_some_and(|believed| believed != sender.role_epoch) => {
                    Err(Rejection::StaleRole)
                }
                (Some(sender), command) => self.decide_for(sender, command),
            },
        }
    }

    /// The events that a command of somebody present brings about.
    fn decide_for(&self, sender: &Participant, command: Command) -> Result<Vec<Event>, Rejection> {
        let by = sender.member;
        match command {
            Command::Enter { .. } if sender.connected => Ok(Vec::new()),
            Command::Enter { .. } => Ok(vec![Event::Returned { member: by }]),
            Command::Leave => Ok(vec![Event::Left { member: by, reason: LeaveReason::Quit }]),
            Command::RaiseHand { question } => raise_hand(sender, question),
            Command::LowerHand => {
                sender.hand.as_ref().ok_or(Rejection::NoHand)?;
                Ok(vec![Event::HandLowered { member: by, cause: HandCause::Lowered }])
            }
            Command::AcceptHand { member } => {
                let target = self.subject(sender, member)?;
                self.to_stage(target, target.hand.is_some(), Rejection::NoHand, RoleCause::HandAccepted { by })
            }
            Command::DeclineHand { member } => {
                let target = self.subject(sender, member)?;
                target.hand.as_ref().ok_or(Rejection::NoHand)?;
                Ok(vec![Event::HandLowered { member, cause: HandCause::Declined { by } }])
            }
            Command::OfferStage { member } => self.offer_stage(sender, member),
            Command::WithdrawOffer { member } => {
                self.subject(sender, member)?.offer.ok_or(Rejection::NoOffer)?;
                Ok(vec![Event::OfferEnded { member, cause: OfferCause::Withdrawn { by } }])
            }
            Command::AcceptOffer => {
                self.to_stage(sender, sender.offer.is_some(), Rejection::NoOffer, RoleCause::OfferAccepted)
            }
            Command::DeclineOffer => {
                sender.offer.ok_or(Rejection::NoOffer)?;
                Ok(vec![Event::OfferEnded { member: by, cause: OfferCause::Declined }])
            }
            Command::StepDown => self.step_down(sender),
            Command::SetMic { open } => set_mic(sender, open),
            Command::Mute { member } => {
                let target = self.performer(sender, member)?;
                if target.muted {
                    return Err(Rejection::NothingToChange);
                }
                Ok(vec![Event::Muted { member, by, role_epoch: next(target.role_epoch) }])
            }
            Command::Unmute { member } => {
                let target = self.performer(sender, member)?;
                if !target.muted {
                    return Err(Rejection::NothingToChange);
                }
                Ok(vec![Event::Unmuted { member, by, role_epoch: next(target.role_epoch) }])
            }
            Command::MoveToAudience { member } => {
                let target = self.performer(sender, member)?;
                Ok(vec![role_changed(target, Role::Listener, RoleCause::MovedToAudience { by })])
            }
            Command::Remove { member } => {
                self.unprotected(sender, member)?;
                Ok(vec![Event::Left { member, reason: LeaveReason::Removed { by } }])
            }
            Command::MakeModerator { member } => {
                let target = self.performer(sender, member)?;
                if target.role.moderates() {
                    return Err(Rejection::NothingToChange);
                }
                Ok(vec![role_changed(target, Role::Moderator, RoleCause::MadeModerator { by })])
            }
            Command::HandOver { member } => self.hand_over(sender, member),
            Command::End if sender.role.moderates() => Ok(vec![Event::Ended { by: Some(by) }]),
            Command::End => Err(Rejection::NotAllowed),
            Command::LoseConnection { .. } | Command::Tick => Err(Rejection::WrongActor),
        }
    }

    /// A member who is not present comes in as a listener, under a number nobody had before.
    fn admit(&self, member: MemberId, followed_by_moderator: bool) -> Result<Vec<Event>, Rejection> {
        if !self.may_enter(member, followed_by_moderator) {
            return Err(Rejection::NotAdmitted);
        }
        // After four thousand million entrances there is no number left, and nobody else gets in.
        let number = self.last_number.0.checked_add(1).map(TalkerNo).ok_or(Rejection::NotAdmitted)?;
        Ok(vec![Event::Entered { member, number }])
    }

    /// A connection was lost. Saying so twice is harmless: sockets and legs may both report it.
    fn lose_connection(&self, member: MemberId) -> Result<Vec<Event>, Rejection> {
        let participant = self.present.get(member).ok_or(Rejection::NotInRoom)?;
        Ok(if participant.connected { vec![Event::ConnectionLost { member }] } else { Vec::new() })
    }

    /// Everybody whose grace is over leaves, the host last, so that nobody who is leaving as well inherits the room.
    fn give_up_places(&self, now: Timestamp) -> Vec<Event> {
        let mut lost: Vec<MemberId> = self.present.overdue(now).map(|p| p.member).collect();
        lost.sort_by_key(|member| *member == self.host);
        lost.into_iter().map(|member| Event::Left { member, reason: LeaveReason::Lost }).collect()
    }

    /// From the audience onto the stage, if `asked` (a hand or an offer of theirs) and there is a place.
    fn to_stage(
        &self,
        who: &Participant,
        asked: bool,
        not_asked: Rejection,
        cause: RoleCause,
    ) -> Result<Vec<Event>, Rejection> {
        if who.role.on_stage() {
            return Err(Rejection::AlreadyOnStage);
        }
        if !asked {
            return Err(not_asked);
        }
        if self.present.stage_len() >= STAGE_MAX {
            return Err(Rejection::StageFull);
        }
        Ok(vec![role_changed(who, Role::Speaker, cause)])
    }

    fn offer_stage(&self, sender: &Participant, member: MemberId) -> Result<Vec<Event>, Rejection> {
        let target = self.subject(sender, member)?;
        if target.role.on_stage() {
            return Err(Rejection::AlreadyOnStage);
        }
        if target.offer.is_some() {
            return Err(Rejection::OfferAlreadyOpen);
        }
        if self.present.stage_len() >= STAGE_MAX {
            return Err(Rejection::StageFull);
        }
        Ok(vec![Event::StageOffered { member, by: sender.member }])
    }

    /// Down to the audience. A host can do so while somebody else is on stage to inherit the room; alone on stage they
    /// would end it for everybody, which only [`Command::End`] and leaving do.
    fn step_down(&self, sender: &Participant) -> Result<Vec<Event>, Rejection> {
        if !sender.role.on_stage() {
            return Err(Rejection::NotOnStage);
        }
        if sender.role == Role::Host && self.present.stage_len() == 1 {
            return Err(Rejection::NotAllowed);
        }
        Ok(vec![role_changed(sender, Role::Listener, RoleCause::SteppedDown)])
    }

    fn hand_over(&self, sender: &Participant, member: MemberId) -> Result<Vec<Event>, Rejection> {
        if sender.role != Role::Host {
            return Err(Rejection::NotAllowed);
        }
        let target = self.performer(sender, member)?;
        let cause = RoleCause::HandedOver { by: sender.member };
        let mut events = make_host(target, cause, sender.member);
        events.push(role_changed(sender, Role::Moderator, cause));
        Ok(events)
    }

    /// Who takes over when the host has gone from the stage: the heir, or nobody, and then the room ends.
    fn succession(&self) -> Vec<Event> {
        let hosted = self.present.get(self.host).is_some_and(|p| p.role == Role::Host);
        if !self.is_open() || hosted {
            return Vec::new();
        }
        match self.present.stage().min_by_key(|p| p.heir_key()) {
            Some(heir) => make_host(heir, RoleCause::Inherited, heir.member),
            None => vec![Event::Ended { by: None }],
        }
    }

    /// Whom a moderator's command is about. The permission is looked at first, so that nobody else learns from the
    /// answer who is in the room.
    fn subject(&self, sender: &Participant, member: MemberId) -> Result<&Participant, Rejection> {
        if !sender.role.moderates() {
            return Err(Rejection::NotAllowed);
        }
        self.present.get(member).ok_or(Rejection::NoSuchParticipant)
    }

    /// Whom a moderation act is about: neither the sender nor the host (guarantee G9).
    fn unprotected(&self, sender: &Participant, member: MemberId) -> Result<&Participant, Rejection> {
        let target = self.subject(sender, member)?;
        if target.member == sender.member || !sender.role.may_act_on(target.role) {
            return Err(Rejection::TargetProtected);
        }
        Ok(target)
    }

    /// Whom a moderation act on the stage is about.
    fn performer(&self, sender: &Participant, member: MemberId) -> Result<&Participant, Rejection> {
        let target = self.unprotected(sender, member)?;
        if target.role.on_stage() { Ok(target) } else { Err(Rejection::NotOnStage) }
    }
}

fn raise_hand(sender: &Participant, question: Option<String>) -> Result<Vec<Event>, Rejection> {
    if sender.role.on_stage() {
        return Err(Rejection::AlreadyOnStage);
    }
    if sender.hand.is_some() {
        return Err(Rejection::HandAlreadyUp);
    }
    if question.as_deref().is_some_and(|text| !question_is_valid(text)) {
        return Err(Rejection::InvalidQuestion);
    }
    Ok(vec![Event::HandRaised { member: sender.member, question }])
}

/// Opens or closes the sender's microphone. Asking for what is so already changes nothing and is no error: a publish
/// leg that replaces another opens the microphone again.
fn set_mic(sender: &Participant, open: bool) -> Result<Vec<Event>, Rejection> {
    if !sender.role.on_stage() {
        return Err(Rejection::NotOnStage);
    }
    if open && sender.muted {
        return Err(Rejection::MutedByModerator);
    }
    Ok(if sender.mic == open { Vec::new() } else { vec![Event::MicChanged { member: sender.member, open }] })
}

/// Makes somebody on stage the host. A mute is lifted with it: nobody could lift it from a host.
fn make_host(who: &Participant, cause: RoleCause, by: MemberId) -> Vec<Event> {
    let mut events = vec![role_changed(who, Role::Host, cause)];
    if who.muted {
        events.push(Event::Unmuted { member: who.member, by, role_epoch: next(next(who.role_epoch)) });
    }
    events
}

fn role_changed(who: &Participant, role: Role, cause: RoleCause) -> Event {
    Event::RoleChanged { member: who.member, role, role_epoch: next(who.role_epoch), cause }
}

/// The epoch after `epoch`. At the end of the numbers it stays where it is rather than make old commands new again.
fn next(epoch: RoleEpoch) -> RoleEpoch {
    RoleEpoch(epoch.0.saturating_add(1))
}
