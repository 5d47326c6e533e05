//! Somebody present in a room, and the indexes that keep every command at O(log n) in a room of ten thousand.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::GuestPass;
use crate::hands::Hand;
use crate::ids::{MemberId, RoleEpoch, TalkerNo, Timestamp};
use crate::recording::Consent;
use crate::role::Role;

/// Somebody present in a room, connected or away for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub member: MemberId,
    /// Their number in the room: what the CSRC of their voice carries.
    pub number: TalkerNo,
    /// What they may do.
    pub role: Role,
    /// Rises with every change of role or of permission to speak.
    pub role_epoch: RoleEpoch,
    /// Whether their control connection stands.
    pub connected: bool,
    /// Since when they are away; `None` while connected.
    pub away_since: Option<Timestamp>,
    /// When their place is given up unless they return first; `None` while connected.
    pub away_until: Option<Timestamp>,
    /// Whether a moderator has muted them. Only people on stage are ever muted, and never the host.
    pub muted: bool,
    /// Whether their microphone is open. Only on stage, and never while muted.
    pub mic: bool,
    /// Whether they agreed to having the last minute of what they say kept for reports. Only on stage, and only while that is
    /// on in the room.
    pub evidence: bool,
    /// What they have said to being recorded. Only on stage, and only while something is.
    pub recorded: Consent,
    /// Their raised hand. Only listeners have one.
    pub hand: Option<Hand>,
    /// Who asked them to come on stage, while that is not answered. Only listeners have one.
    pub offer: Option<MemberId>,
    /// When they came in.
    pub entered_at: Timestamp,
    /// Since when they are on stage; `None` in the audience.
    pub stage_since: Option<Timestamp>,
    /// Since when they run the room, as moderator or host; `None` for everybody else.
    pub moderator_since: Option<Timestamp>,
    /// For a guest, the pass by which they are here.
    pub pass: Option<GuestPass>,
}

impl Participant {
    /// A listener who comes in at `at`, connected.
    pub(crate) fn listener(member: MemberId, number: TalkerNo, at: Timestamp) -> Self {
        Self {
            member,
            number,
            role: Role::Listener,
            role_epoch: RoleEpoch(0),
            connected: true,
            away_since: None,
            away_until: None,
            muted: false,
            mic: false,
            evidence: false,
            recorded: Consent::Unasked,
            hand: None,
            offer: None,
            entered_at: at,
            stage_since: None,
            moderator_since: None,
            pass: None,
        }
    }

    /// Whether they are a guest, who neither runs a room nor inherits one.
    pub fn is_guest(&self) -> bool {
        self.pass.is_some()
    }

    /// When they are to go unless something changes: the end of their place or of their pass.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.away_until.into_iter().chain(self.pass.map(|pass| pass.until)).min()
    }

    /// Takes a role, with what belongs to it: the stage clears hand and offer, the audience also clears microphone, mute and
    /// agreements, and the times on stage and as moderator run on while they apply.
    pub(crate) fn take_role(&mut self, role: Role, at: Timestamp) {
        self.role = role;
        self.hand = None;
        self.offer = None;
        if role.on_stage() {
            self.stage_since.get_or_insert(at);
        } else {
            self.stage_since = None;
            self.mic = false;
            self.muted = false;
            self.evidence = false;
            self.recorded = Consent::Unasked;
        }
        if role.moderates() {
            self.moderator_since.get_or_insert(at);
        } else {
            self.moderator_since = None;
        }
    }

    /// Marks the connection as lost at `at`, with `grace` milliseconds to return.
    pub(crate) fn go_away(&mut self, at: Timestamp, grace: u64) {
        self.connected = false;
        self.away_since = Some(at);
        self.away_until = Some(at.plus(grace));
    }

    /// Marks the connection as standing.
    pub(crate) fn come_back(&mut self) {
        self.connected = true;
        self.away_since = None;
        self.away_until = None;
    }

    /// Whether the stage, a mute and the microphone let this voice through.
    pub(crate) fn audible(&self) -> bool {
        self.role.on_stage() && !self.muted && self.mic
    }

    /// Sorts the stage: the host, then moderators, then speakers, each by time on stage, then by number.
    pub(crate) fn stage_key(&self) -> impl Ord + use<> {
        (std::cmp::Reverse(self.role), self.stage_since, self.number)
    }

    /// Sorts those who could take over the room; the least is the heir. Whoever is connected goes before whoever is
    /// away, then moderators by how long they have served, then speakers by how long they have stood on stage.
    pub(crate) fn heir_key(&self) -> impl Ord + use<> {
        (!self.connected, !self.role.moderates(), self.moderator_since.or(self.stage_since), self.number)
    }
}

/// Everybody present, found by member or number, with the few that commands ask for kept aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Participants {
    by_number: BTreeMap<TalkerNo, Participant>,
    numbers: BTreeMap<MemberId, TalkerNo>,
    stage: BTreeSet<TalkerNo>,
    /// Raised hands, first in the queue first.
    queue: Vec<TalkerNo>,
    offers: BTreeSet<TalkerNo>,
    deadlines: BTreeSet<(Timestamp, TalkerNo)>,
}

impl Participants {
    /// How many are present.
    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// How many are on stage.
    pub(crate) fn stage_len(&self) -> usize {
        self.stage.len()
    }

    /// The participant who is this member.
    pub(crate) fn get(&self, member: MemberId) -> Option<&Participant> {
        self.by_number.get(self.numbers.get(&member)?)
    }

    /// How many hands are up.
    pub(crate) fn hands_len(&self) -> usize {
        self.queue.len()
    }

    /// Everybody with a number above `number`, by number.
    pub(crate) fn after(&self, number: TalkerNo) -> impl Iterator<Item = &Participant> {
        self.by_number.range((std::ops::Bound::Excluded(number), std::ops::Bound::Unbounded)).map(|(_, p)| p)
    }

    /// Everybody on stage, by number.
    pub(crate) fn stage(&self) -> impl Iterator<Item = &Participant> {
        self.stage.iter().filter_map(|number| self.by_number.get(number))
    }

    /// Everybody whose hand is up, in the order of the queue.
    pub(crate) fn hands(&self) -> impl DoubleEndedIterator<Item = &Participant> {
        self.queue.iter().filter_map(|number| self.by_number.get(number))
    }

    /// Raises a hand and puts it at a place of the queue, or at its end where there is no such place.
    pub(crate) fn raise_hand(&mut self, member: MemberId, hand: Hand, place: u32) {
        self.change(member, |participant| participant.hand = Some(hand));
        self.place_hand(member, place);
    }

    /// Moves a hand that is up to a place of the queue, or to its end where there is no such place.
    pub(crate) fn place_hand(&mut self, member: MemberId, place: u32) {
        let Some(number) = self.get(member).filter(|p| p.hand.is_some()).map(|p| p.number) else { return };
        self.queue.retain(|other| *other != number);
        let place = usize::try_from(place).unwrap_or(usize::MAX).min(self.queue.len());
        self.queue.insert(place, number);
    }

    /// Orders the queue: those named first, as they are named, then all others as they are. O(n log n).
    pub(crate) fn order_queue(&mut self, first: &[MemberId]) {
        let numbers = first.iter().filter_map(|member| self.numbers.get(member).copied());
        let rank: BTreeMap<TalkerNo, usize> = numbers.enumerate().map(|(rank, number)| (number, rank)).collect();
        self.queue.sort_by_key(|number| rank.get(number).copied().unwrap_or(usize::MAX));
    }

    /// Everybody who was asked to come on stage and has not answered, by number.
    pub(crate) fn offers(&self) -> impl Iterator<Item = &Participant> {
        self.offers.iter().filter_map(|number| self.by_number.get(number))
    }

    /// The earliest moment at which somebody's place or pass is over.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Those whose place or pass is over at `now`, longest overdue first.
    pub(crate) fn overdue(&self, now: Timestamp) -> impl Iterator<Item = &Participant> {
        self.deadlines.range(..=(now, TalkerNo(u32::MAX))).filter_map(|(_, number)| self.by_number.get(number))
    }

    /// Adds a participant; one with the same member or number goes.
    pub(crate) fn insert(&mut self, participant: Participant) {
        self.remove(participant.member);
        if let Some(same_number) = self.by_number.get(&participant.number) {
            self.remove(same_number.member);
        }
        self.index(&participant);
        self.numbers.insert(participant.member, participant.number);
        self.by_number.insert(participant.number, participant);
    }

    /// Takes a participant out, if present.
    pub(crate) fn remove(&mut self, member: MemberId) {
        let removed = self.numbers.remove(&member).and_then(|number| self.by_number.remove(&number));
        if let Some(participant) = removed {
            self.queue.retain(|number| *number != participant.number);
            self.unindex(&participant);
        }
    }

    /// Changes a participant, if present, and keeps the indexes true. Member and number must stay.
    pub(crate) fn change(&mut self, member: MemberId, change: impl FnOnce(&mut Participant)) {
        let found = self.numbers.get(&member).and_then(|number| self.by_number.remove(number));
        if let Some(mut participant) = found {
            self.unindex(&participant);
            change(&mut participant);
            self.index(&participant);
            self.by_number.insert(participant.number, participant);
        }
    }

    /// Changes everybody on stage, at most [`crate::STAGE_MAX`].
    pub(crate) fn change_stage(&mut self, mut change: impl FnMut(&mut Participant)) {
        let members: Vec<MemberId> = self.stage().map(|p| p.member).collect();
        for member in members {
            self.change(member, &mut change);
        }
    }

    /// Changes everybody: O(n log n), for a restart only.
    pub(crate) fn change_all(&mut self, mut change: impl FnMut(&mut Participant)) {
        let members: Vec<MemberId> = self.numbers.keys().copied().collect();
        for member in members {
            self.change(member, &mut change);
        }
    }

    fn index(&mut self, participant: &Participant) {
        if participant.role.on_stage() {
            self.stage.insert(participant.number);
        }
        if participant.hand.is_some() && !self.queue.contains(&participant.number) {
            self.queue.push(participant.number);
        } else if participant.hand.is_none() {
            self.queue.retain(|number| *number != participant.number);
        }
        if participant.offer.is_some() {
            self.offers.insert(participant.number);
        }
        if let Some(until) = participant.deadline() {
            self.deadlines.insert((until, participant.number));
        }
    }

    fn unindex(&mut self, participant: &Participant) {
        self.stage.remove(&participant.number);
        self.offers.remove(&participant.number);
        if let Some(until) = participant.deadline() {
            self.deadlines.remove(&(until, participant.number));
        }
    }
}
