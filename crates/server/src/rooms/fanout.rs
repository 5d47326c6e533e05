//! Who is told what: events as each kind of viewer may see them, merged where the audience is large.
//!
//! Messages are made once for everybody who gets the same. There are three such classes: moderators, everybody else on
//! stage, and the audience. Who is concerned by an event that only moderators see gets one of their own.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use roomtone_room::event::{self, Event, Numbered};
use roomtone_room::ids::{MemberId, Seq};
use roomtone_room::social::Apart;
use roomtone_room::{Ban, Question, Reach, Room, Seen, View, mergeable, reach};

use super::legs::Leg;
use super::message::Outgoing;
use crate::wire::Id;
use crate::wire::hallway::HouseBadge;
use crate::wire::running::{self, Banned, CallUp, Terms, WaitingGuest};
use crate::wire::socket::{
    Audience, Events, Hand, HandCause, LeaveReason, LegEndCode, NumberedEvent, Offer, OfferCause, OwnHand, Participant,
    Person, RoleCause, RoomEvent, RoomInfo, ServerMessage, Snapshot, You,
};

/// People in a room up to which everybody is told of each listener's coming and going at once. Above it, the audience
/// is told only its size, once every [`MERGE_FOR`]. Higher makes larger rooms livelier and a burst of arrivals dearer.
const LARGE_ROOM: usize = 200;

/// Bans that a snapshot names. More cost bytes in every moderator's snapshot, and names that are kept in memory.
pub(super) const BANS_NAMED: usize = 100;

/// How long changes of a large audience are merged.
const MERGE_FOR: Duration = Duration::from_secs(1);

/// How long the audience of a large room is told nothing more after a message, whatever happens on stage; those on stage
/// are told at once. Longer costs less when much happens at once; shorter shows the audience sooner who is on stage.
const QUIET_FOR: Duration = Duration::from_millis(400);

/// Most events with which a client that was away can resume; for more it gets a snapshot, which is shorter.
const RESUMED: usize = 100;

/// Events remembered so that a client that was away can resume. More covers longer absences; each holds some 200 bytes.
const REMEMBERED: usize = 4096;

/// An event, as it will be told.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    /// As the rules know it.
    pub(super) numbered: Numbered,
    /// As viewers are told; `None` for what comes with the opening, which only a snapshot tells, and for what nobody is told.
    told: Option<NumberedEvent>,
    reach: Reach,
    mergeable: bool,
}

impl Happened {
    /// `room` and `people` are as they are right after the event's command.
    pub(super) fn new(
        numbered: &Numbered,
        was_on_stage: bool,
        room: &Room,
        people: &HashMap<MemberId, Person>,
    ) -> Self {
        let told = tell(&numbered.event, room, people).map(|event| NumberedEvent {
            seq: numbered.seq.0,
            at: numbered.at.0,
            event,
        });
        Self {
            numbered: numbered.clone(),
            told,
            reach: reach(&numbered.event),
            mergeable: mergeable(&numbered.event, was_on_stage),
        }
    }

    /// The member who has to be told apart from their class: because their class may not see it, or because it has just
    /// become another one.
    fn concerns(&self) -> Option<MemberId> {
        match (self.reach, &self.numbered.event) {
            (Reach::ModeratorsAnd(member), _) => Some(member),
            (Reach::Everyone, Event::RoleChanged { member, .. }) => Some(*member),
            (Reach::Everyone | Reach::Moderators | Reach::Nobody, _) => None,
        }
    }

    /// Who asks, if it says that a question is being answered.
    fn asker(&self) -> Option<MemberId> {
        match self.numbered.event {
            Event::QuestionTaken { asker, .. } => Some(asker),
            _ => None,
        }
    }

    /// Whether it is told to a viewer who moderates, or does not.
    fn is_shown(&self, moderates: bool, viewer: MemberId, apart: &Apart) -> bool {
        match moderates {
            true => self.asker().is_none_or(|asker| !apart.are(viewer, asker)),
            false => self.is_for(viewer, apart),
        }
    }

    /// Whether somebody who is not a moderator may see it. Nothing is told of whoever has a block with them.
    fn is_for(&self, viewer: MemberId, apart: &Apart) -> bool {
        let reached = match self.reach {
            Reach::Everyone => true,
            Reach::ModeratorsAnd(member) => member == viewer,
            Reach::Moderators | Reach::Nobody => false,
        };
        reached && self.numbered.event.member().is_none_or(|member| !apart.are(viewer, member))
    }
}

/// A class of viewers, all of whom get the same message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Who runs the room.
    Moderators,
    /// Everybody else on stage.
    Speakers,
    /// Everybody else.
    Audience,
}

impl Class {
    const ALL: [Self; 3] = [Self::Moderators, Self::Speakers, Self::Audience];

    /// The class of a member, in the room or just out of it.
    fn of(room: &Room, member: MemberId) -> Self {
        match room.participant(member) {
            Some(p) if p.role.moderates() => Self::Moderators,
            Some(p) if p.role.on_stage() => Self::Speakers,
            _ => Self::Audience,
        }
    }

    /// Whether viewers of this class may see an event, whoever it concerns.
    fn sees(self, happened: &Happened) -> bool {
        match happened.reach {
            Reach::Everyone => true,
            Reach::ModeratorsAnd(_) | Reach::Moderators => self == Self::Moderators,
            Reach::Nobody => false,
        }
    }
}

/// What has been told so far.
#[derive(Debug)]
pub(super) struct Fanout {
    /// The newest events, oldest first.
    recent: VecDeque<Happened>,
    /// Everything after this number is in `recent`; before it, nobody can resume.
    complete_after: Seq,
    /// The number of the last event that each class has been told, apart from later ones that are not for it. That of
    /// the audience is never above that of the speakers.
    told: [Seq; Class::ALL.len()],
    /// When what some class has not been told yet is due.
    flush_at: Option<Instant>,
    /// Before this the audience of a large room is told nothing more.
    quiet_until: Option<Instant>,
}

/// What one flush says.
#[derive(Debug, Default)]
pub(super) struct Flush {
    /// To each class.
    classes: [Option<Outgoing>; Class::ALL.len()],
    /// To single members, instead of what their class is told.
    pub(super) own: HashMap<MemberId, Outgoing>,
}

impl Flush {
    /// What everybody of a class is told.
    pub(super) fn to(&self, class: Class) -> Option<&Outgoing> {
        self.classes[class as usize].as_ref()
    }
}

impl Fanout {
    /// For a room as it was opened or brought back at `seq`. A client that knew the room before that gets a snapshot: when
    /// a room is brought back everybody counts as away, which no event tells.
    pub(super) fn new(seq: Seq) -> Self {
        Self {
            recent: VecDeque::new(),
            complete_after: Seq(seq.0 + 1),
            told: [seq; Class::ALL.len()],
            flush_at: None,
            quiet_until: None,
        }
    }

    /// When merged changes are to be told.
    pub(super) fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }

    /// Takes in what happened, and says who is to be told what by now.
    pub(super) fn flush(&mut self, now: Instant, happened: Vec<Happened>, room: &Room, apart: &Apart) -> Flush {
        let large = is_large(room);
        let concerned: BTreeSet<_> = happened.iter().filter_map(Happened::concerns).collect();
        let first = self.recent.len();
        self.recent.extend(happened);
        let due = self.flush_at.is_some_and(|at| at <= now);
        let quiet_until = self.quiet_until.filter(|&until| large && room.is_open() && until > now);

        let mut flush = Flush::default();
        for member in concerned {
            let after = self.told[Class::Audience as usize];
            flush.own.insert(member, self.events(room, after, large, |h| h.is_for(member, apart)));
        }
        // When each class that has not been told all is to be told the rest.
        let mut next = None;
        for class in Class::ALL {
            let after = self.told[class as usize];
            let untold = self.recent.partition_point(|h| h.numbered.seq <= after);
            if !self.recent.range(untold..).any(|h| class.sees(h)) {
                continue;
            }
            let urgent = self.recent.range(first..).any(|h| !(large && h.mergeable) && class.sees(h));
            let quiet = quiet_until.filter(|_| class == Class::Audience);
            if (due || urgent) && quiet.is_none() {
                if !apart.is_empty() {
                    for member in self.who_must_not_see(class, after, large, room, apart) {
                        let sees = |h: &Happened| h.is_shown(class == Class::Moderators, member, apart);
                        let events = || self.events(room, after, large, sees);
                        flush.own.entry(member).or_insert_with(events);
                    }
                }
                flush.classes[class as usize] = Some(self.events(room, after, large, |h| class.sees(h)));
                self.told[class as usize] = room.seq();
                if class == Class::Audience {
                    self.quiet_until = Some(now + QUIET_FOR);
                }
                continue;
            }
            let at = quiet.filter(|_| due || urgent).unwrap_or(now + MERGE_FOR);
            next = [next, Some(at), self.flush_at.filter(|_| !due)].into_iter().flatten().min();
        }
        self.flush_at = next;
        while self.recent.len() > REMEMBERED {
            if let Some(forgotten) = self.recent.pop_front() {
                self.complete_after = self.complete_after.max(forgotten.numbered.seq);
            }
        }
        flush
    }

    /// The events after `since` for one viewer who is back, or `None` if only a snapshot will do: the events are
    /// forgotten or too many, the number is not one of this room's, or the viewer's own role changed meanwhile.
    pub(super) fn resume(&self, room: &Room, apart: &Apart, viewer: MemberId, since: Seq) -> Option<Outgoing> {
        if since < self.complete_after || since > room.seq() {
            return None;
        }
        let large = is_large(room);
        let moderates = room.participant(viewer)?.role.moderates();
        let first = self.recent.partition_point(|h| h.numbered.seq <= since);
        let mut told = 0;
        for happened in self.recent.range(first..) {
            match &happened.numbered.event {
                Event::RoleChanged { member, .. } | Event::Left { member, .. } if *member == viewer => return None,
                _ => told += usize::from(!(large && happened.mergeable)),
            }
        }
        if told > RESUMED {
            return None;
        }
        Some(self.events(room, since, large, |h| h.is_shown(moderates, viewer, apart)))
    }

    /// Somebody has another name, which no event tells: whoever was away until now gets a snapshot. Returns whether the room
    /// is a large one.
    pub(super) fn forget_names(&mut self, room: &Room) -> bool {
        self.complete_after = Seq(room.seq().0 + 1);
        is_large(room)
    }

    /// Those of a class who have a block with somebody of whom it is about to be told. People on stage have none with anybody in
    /// the room, but may have one with whoever has put a question and is not in it.
    fn who_must_not_see(&self, class: Class, after: Seq, large: bool, room: &Room, apart: &Apart) -> HashSet<MemberId> {
        let first = self.recent.partition_point(|h| h.numbered.seq <= after);
        let told = self.recent.range(first..).filter(|h| !(large && h.mergeable) && class.sees(h));
        let told = told.filter(|h| class == Class::Audience || h.asker().is_some());
        let about: BTreeSet<MemberId> = told.filter_map(|h| h.numbered.event.member()).collect();
        if about.is_empty() {
            return HashSet::new();
        }
        let mut apart = apart.from_any(&about);
        apart.retain(|&member| Class::of(room, member) == class);
        apart
    }

    fn events(&self, room: &Room, after: Seq, large: bool, sees: impl Fn(&Happened) -> bool) -> Outgoing {
        let first = self.recent.partition_point(|h| h.numbered.seq <= after);
        let events = self
            .recent
            .range(first..)
            .filter(|h| !(large && h.mergeable) && sees(h))
            .filter_map(|h| h.told.clone())
            .collect();
        Outgoing::from(&ServerMessage::Events(Events {
            after: after.0,
            seq: room.seq().0,
            audience_count: room.audience_count(),
            events,
        }))
    }
}

/// Whether a room has too many people to be told of each who comes and goes.
pub(super) fn is_large(room: &Room) -> bool {
    room.audience_count() + room.stage_count() > LARGE_ROOM
}

/// What tells a client that one of its legs ended by itself.
pub(super) fn leg_lost(leg: &Leg) -> ServerMessage {
    leg_ended(leg, LegEndCode::Lost)
}

/// What tells a client that one of its legs was cut.
pub(super) fn leg_ended(leg: &Leg, code: LegEndCode) -> ServerMessage {
    ServerMessage::LegEnded { leg: leg.id.to_string(), kind: leg.kind, code }
}

/// The whole of what a viewer may know; `None` for somebody who is not in the room.
pub(super) fn snapshot(
    room: &Room,
    people: &HashMap<MemberId, Person>,
    apart: &Apart,
    house: Option<HouseBadge>,
    viewer: MemberId,
    now: u64,
) -> Option<Snapshot> {
    let view = View::of(room, viewer)?;
    let person = |member: MemberId| people.get(&member).cloned();
    let shown = |member: MemberId| !apart.are(viewer, member);
    let asked =
        |(number, question): (u32, Question)| question_from(number, &question, people).filter(|q| shown(q.person.id.0));
    let bans = if view.you.role.moderates() { last_bans(room) } else { Vec::new() };
    Some(Snapshot {
        seq: view.seq.0,
        now,
        room: RoomInfo {
            id: Id(view.room),
            title: view.title,
            kind: view.kind.into(),
            language: view.language,
            topics: view.topics,
            house,
            opened_at: view.opened_at.0,
            evidence: view.settings.evidence,
            recording: view.settings.recording.map(Into::into),
            terms: view.terms.map(|terms| Terms {
                recorded: terms.recorded,
                stage: terms.stage.into_iter().filter(|&member| shown(member)).filter_map(person).collect(),
                guests: terms.guests,
            }),
        },
        you: You {
            person: person(viewer)?,
            number: view.you.number.0,
            role: view.you.role.into(),
            role_epoch: view.you.role_epoch.0,
            muted: view.you.muted,
            mic: view.you.mic,
            hand: view.you.hand.map(|hand| OwnHand { question: hand.question, at: hand.at.0 }),
            offer: view.you.offer.and_then(person),
        },
        stage: view.stage.iter().filter_map(|seen| participant(seen, people)).collect(),
        hands: view
            .hands
            .into_iter()
            .filter_map(|(member, hand)| {
                let person = person(member)?;
                Some(Hand { person, question: hand.question, at: hand.at.0, spoken: hand.spoken })
            })
            .collect(),
        offers: view
            .offers
            .into_iter()
            .filter_map(|(member, by)| Some(Offer { person: person(member)?, by: person(by)? }))
            .collect(),
        settings: view.settings.into(),
        questions: view.questions.into_iter().filter_map(asked).collect(),
        question: view.taken.and_then(asked),
        called: view
            .called
            .into_iter()
            .filter_map(|(member, call)| {
                let (person, by, until) = (person(member)?, Id(call.by), call.until.0);
                Some(CallUp { person, by, context: call.context, until })
            })
            .collect(),
        waiting: view
            .waiting
            .into_iter()
            .filter_map(|(guest, waiting)| {
                let (by, until) = (Id(waiting.pass.by), waiting.pass.until.0);
                Some(WaitingGuest { person: person(guest)?, by, at: waiting.at.0, until })
            })
            .collect(),
        bans: bans
            .into_iter()
            .filter_map(|(member, ban)| {
                let (person, by, at) = (person(member)?, Id(ban.by), ban.at.0);
                Some(Banned { person, by, reason: ban.reason.clone(), at })
            })
            .collect(),
        audience: Audience {
            count: view.audience_count,
            first: view
                .audience_first
                .iter()
                .filter(|seen| !apart.are(viewer, seen.member))
                .filter_map(|seen| participant(seen, people))
                .collect(),
        },
        // Not of the room's own memory: whoever sends it fills it in.
        lines: Vec::new(),
    })
}

/// The last bans of a room, newest first, at most [`BANS_NAMED`].
pub(super) fn last_bans(room: &Room) -> Vec<(MemberId, &Ban)> {
    let mut bans: Vec<_> = room.bans().iter().map(|(&member, ban)| (member, ban)).collect();
    bans.sort_by_key(|(member, ban)| (Reverse(ban.at), *member));
    bans.truncate(BANS_NAMED);
    bans
}

/// A question as viewers are told; `None` if it is not known who asks it.
fn question_from(number: u32, question: &Question, people: &HashMap<MemberId, Person>) -> Option<running::Question> {
    let Question { text, by, votes, .. } = question;
    Some(running::Question { number, text: text.clone(), person: people.get(by)?.clone(), votes: *votes })
}

/// Somebody in the room, as everybody may see them.
pub(super) fn participant(seen: &Seen, people: &HashMap<MemberId, Person>) -> Option<Participant> {
    Some(Participant {
        person: people.get(&seen.member)?.clone(),
        number: seen.number.0,
        role: seen.role.into(),
        connected: seen.connected,
        muted: seen.muted,
        mic: seen.mic,
        evidence: seen.evidence,
        recorded: seen.recorded.into(),
        guest_of: seen.guest_of.and_then(|by| people.get(&by).cloned()),
    })
}

/// An event as viewers are told. The owner knows everybody who has been in the room; should somebody be unknown all the
/// same, their event is left out and the next snapshot sets it right.
fn tell(event: &Event, room: &Room, people: &HashMap<MemberId, Person>) -> Option<RoomEvent> {
    let person = |member: &MemberId| people.get(member).cloned();
    Some(match event {
        Event::Opened { .. } | Event::QuestionBrought { .. } | Event::TrackWithdrawn { .. } => return None,
        Event::Entered { member, number, pass } => RoomEvent::Entered {
            person: person(member)?,
            number: number.0,
            guest_of: pass.and_then(|pass| person(&pass.by)),
        },
        Event::ConnectionLost { member } => RoomEvent::ConnectionLost { member: Id(*member) },
        Event::Returned { member } => RoomEvent::Returned { member: Id(*member) },
        Event::Left { member, reason } => RoomEvent::Left {
            member: Id(*member),
            reason: match reason {
                event::LeaveReason::Quit => LeaveReason::Quit,
                event::LeaveReason::Lost => LeaveReason::Lost,
                event::LeaveReason::Removed { .. } => LeaveReason::Removed,
                event::LeaveReason::PassEnded => LeaveReason::PassEnded,
            },
        },
        Event::HandRaised { member, question, place, spoken } => {
            let (person, question) = (person(member)?, question.clone());
            RoomEvent::HandRaised { person, question, place: *place, spoken: *spoken }
        }
        Event::HandMoved { member, place, .. } => RoomEvent::HandMoved { member: Id(*member), place: *place },
        Event::HandLowered { member, cause } => RoomEvent::HandLowered {
            member: Id(*member),
            cause: match cause {
                event::HandCause::Lowered => HandCause::Lowered,
                event::HandCause::Declined { .. } => HandCause::Declined,
            },
        },
        Event::StageOffered { member, by } => RoomEvent::StageOffered { person: person(member)?, by: person(by)? },
        Event::OfferEnded { member, cause } => RoomEvent::OfferEnded {
            member: Id(*member),
            cause: match cause {
                event::OfferCause::Declined => OfferCause::Declined,
                event::OfferCause::Withdrawn { .. } => OfferCause::Withdrawn,
            },
        },
        Event::RoleChanged { member, role, role_epoch, cause } => {
            let (cause, by) = role_cause(cause);
            let participant = room.participant(*member)?;
            RoomEvent::RoleChanged {
                person: person(member)?,
                number: participant.number.0,
                role: (*role).into(),
                role_epoch: role_epoch.0,
                connected: participant.connected,
                guest_of: participant.pass.and_then(|pass| person(&pass.by)),
                cause,
                by: by.map(Id),
            }
        }
        Event::Muted { member, by, role_epoch } => {
            RoomEvent::Muted { member: Id(*member), by: Id(*by), role_epoch: role_epoch.0 }
        }
        Event::Unmuted { member, by, role_epoch } => {
            RoomEvent::Unmuted { member: Id(*member), by: Id(*by), role_epoch: role_epoch.0 }
        }
        Event::MicChanged { member, open } => RoomEvent::MicChanged { member: Id(*member), open: *open },
        Event::Banned { member, by, reason } => {
            RoomEvent::Banned { person: person(member)?, by: Id(*by), reason: reason.clone() }
        }
        Event::Unbanned { member, by } => RoomEvent::Unbanned { member: Id(*member), by: Id(*by) },
        Event::Described { title, topics, language, by } => {
            let (title, topics, language) = (title.clone(), topics.clone(), language.clone());
            RoomEvent::Described { title, topics, language, by: Id(*by) }
        }
        Event::Widened { kind, by } => RoomEvent::Widened { kind: (*kind).into(), by: Id(*by) },
        Event::HandsRuled { rule, by } => RoomEvent::HandsRuled { rule: (*rule).into(), by: Id(*by) },
        Event::StageLocked { locked, by } => RoomEvent::StageLocked { locked: *locked, by: Id(*by) },
        Event::BackchannelSet { open, slow_seconds, by } => {
            RoomEvent::BackchannelSet { open: *open, slow_seconds: *slow_seconds, by: Id(*by) }
        }
        Event::TimerSet { until, by } => RoomEvent::TimerSet { until: until.map(|at| at.0), by: Id(*by) },
        Event::LinkPinned { number, url, label, by } => {
            let (url, label) = (url.clone(), label.clone());
            RoomEvent::LinkPinned { number: *number, url, label, by: Id(*by) }
        }
        Event::LinkUnpinned { number, by } => RoomEvent::LinkUnpinned { number: *number, by: Id(*by) },
        Event::FloorGiven { member, by } => RoomEvent::FloorGiven { member: member.map(Id), by: Id(*by) },
        Event::CalledUp { member, by, context, until } => {
            let (person, context) = (person(member)?, context.clone());
            RoomEvent::CalledUp { person, by: Id(*by), context, until: until.0 }
        }
        Event::CallUpEnded { member, cause, .. } => {
            RoomEvent::CallUpEnded { member: Id(*member), cause: (*cause).into() }
        }
        Event::Knocked { guest, pass } => {
            RoomEvent::Knocked { person: person(guest)?, by: Id(pass.by), until: pass.until.0 }
        }
        Event::KnockEnded { guest, cause } => RoomEvent::KnockEnded { guest: Id(*guest), cause: (*cause).into() },
        Event::EvidenceSet { on, by } => RoomEvent::EvidenceSet { on: *on, by: Id(*by) },
        Event::QuestionTaken { number, by, .. } => {
            let question = question_from(*number, room.questions().get(*number)?, people)?;
            RoomEvent::QuestionTaken { question, by: Id(*by) }
        }
        Event::QuestionClosed { by } => RoomEvent::QuestionClosed { by: Id(*by) },
        Event::QuestionSettled { number, answered, by, .. } => {
            RoomEvent::QuestionSettled { number: *number, answered: *answered, by: Id(*by) }
        }
        Event::EvidenceAgreed { member, agree } => RoomEvent::EvidenceAgreed { member: Id(*member), agree: *agree },
        Event::RecordingBegun { by, .. } => {
            RoomEvent::RecordingBegun { recording: room.settings().recording?.into(), by: Id(*by) }
        }
        Event::RecordingStopped { replay, by, cause } => {
            RoomEvent::RecordingStopped { replay: Id(*replay), by: by.map(Id), cause: (*cause).into() }
        }
        Event::RecordingConsent { member, agree, .. } => {
            RoomEvent::RecordingConsent { member: Id(*member), agree: *agree }
        }
        Event::Forgotten { member } => RoomEvent::Forgotten { member: Id(*member) },
        Event::Ended { by } => RoomEvent::Ended { by: by.map(Id) },
    })
}

fn role_cause(cause: &event::RoleCause) -> (RoleCause, Option<MemberId>) {
    match *cause {
        event::RoleCause::HandAccepted { by } => (RoleCause::HandAccepted, Some(by)),
        event::RoleCause::OfferAccepted => (RoleCause::OfferAccepted, None),
        event::RoleCause::SteppedDown => (RoleCause::SteppedDown, None),
        event::RoleCause::MovedToAudience { by } => (RoleCause::MovedToAudience, Some(by)),
        event::RoleCause::MadeModerator { by } => (RoleCause::MadeModerator, Some(by)),
        event::RoleCause::ModeratorTaken { by } => (RoleCause::ModeratorTaken, Some(by)),
        event::RoleCause::LetIn { by } => (RoleCause::LetIn, Some(by)),
        event::RoleCause::HandedOver { by } => (RoleCause::HandedOver, Some(by)),
        event::RoleCause::Inherited => (RoleCause::Inherited, None),
    }
}

#[cfg(test)]
mod tests;
