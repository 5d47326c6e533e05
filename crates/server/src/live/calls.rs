//! Calls that ring: one for each pair of members, for a minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use roomtone_room::ids::{MemberId, RecordId, RoomId};

/// How long a call rings. Longer reaches people who are slow to find their phone; shorter tells the caller sooner.
pub(crate) const RINGS_FOR: Duration = Duration::from_secs(60);

/// Calls that may ring at one time; whoever calls when there are more is told that the server is busy.
const CALLS_MAX: usize = 10_000;

/// A call that rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ringing {
    pub(crate) id: RecordId,
    pub(crate) from: MemberId,
    pub(crate) to: MemberId,
    pub(crate) room: RoomId,
    until: Instant,
}

/// What rings.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    ringing: HashMap<RecordId, Ringing>,
    /// The smaller member first.
    pairs: HashMap<(MemberId, MemberId), RecordId>,
}

/// What a call from one to another finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rung {
    /// Nothing: the caller may open a room.
    Free,
    /// The caller rings already.
    Already(Ringing),
    /// The other one is calling: to call them is to answer.
    Crossed(Ringing),
    /// Too much rings.
    Busy,
}

/// What an answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The call was theirs to answer, and is over.
    Taken(Ringing),
    /// There is no such call, or not any more, or it is not theirs: these look alike.
    Over,
}

impl Calls {
    /// What `from` finds who calls `to`.
    pub(crate) fn find(&self, from: MemberId, to: MemberId, now: Instant) -> Rung {
        let known = self.pairs.get(&pair(from, to)).and_then(|id| self.ringing.get(id));
        match known.filter(|call| now < call.until) {
            Some(call) if call.from == from => Rung::Already(*call),
            Some(call) => Rung::Crossed(*call),
            None if self.ringing.len() >= CALLS_MAX => Rung::Busy,
            None => Rung::Free,
        }
    }

    /// Rings. One that rings for the same two is over.
    pub(crate) fn ring(&mut self, id: RecordId, from: MemberId, to: MemberId, room: RoomId, now: Instant) {
        if let Some(before) = self.pairs.insert(pair(from, to), id) {
            self.ringing.remove(&before);
        }
        self.ringing.insert(id, Ringing { id, from, to, room, until: now + RINGS_FOR });
    }

    /// Takes an answer of the member who was called.
    pub(crate) fn answer(&mut self, id: RecordId, by: MemberId, now: Instant) -> Answered {
        match self.ringing.get(&id).filter(|call| call.to == by && now < call.until).copied() {
            Some(call) => {
                self.end(&call);
                Answered::Taken(call)
            }
            None => Answered::Over,
        }
    }

    /// Ends what has rung for too long, and returns it.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Ringing> {
        let over: Vec<Ringing> = self.ringing.values().filter(|call| call.until <= now).copied().collect();
        over.iter().for_each(|call| self.end(call));
        over
    }

    fn end(&mut self, call: &Ringing) {
        self.ringing.remove(&call.id);
        self.pairs.remove(&pair(call.from, call.to));
    }
}

fn pair(one: MemberId, other: MemberId) -> (MemberId, MemberId) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: MemberId = MemberId(1);
    const BEN: MemberId = MemberId(2);
    const EVE: MemberId = MemberId(3);

    fn rung(calls: &mut Calls, id: u128, from: MemberId, to: MemberId, now: Instant) {
        calls.ring(RecordId(id), from, to, RoomId(id), now);
    }

    #[test]
    fn one_call_rings_for_a_pair() {
        let (mut calls, now) = (Calls::default(), crate::edge::instant());
        assert_eq!(calls.find(ADA, BEN, now), Rung::Free);
        rung(&mut calls, 1, ADA, BEN, now);
        let Rung::Already(call) = calls.find(ADA, BEN, now) else { panic!("Ada rings") };
        assert_eq!((call.id, call.room), (RecordId(1), RoomId(1)));
        assert_eq!(calls.find(BEN, ADA, now), Rung::Crossed(call));
        assert_eq!(calls.find(ADA, EVE, now), Rung::Free);
        // A newer one takes its place.
        rung(&mut calls, 2, BEN, ADA, now);
        assert_eq!(calls.answer(RecordId(1), BEN, now), Answered::Over);
        assert!(matches!(calls.answer(RecordId(2), ADA, now), Answered::Taken(_)));
        assert_eq!(calls.find(ADA, BEN, now), Rung::Free);
    }

    #[test]
    fn only_who_was_called_answers_and_only_once() {
        let (mut calls, now) = (Calls::default(), crate::edge::instant());
        rung(&mut calls, 1, ADA, BEN, now);
        for (id, by) in [(1, ADA), (1, EVE), (9, BEN)] {
            assert_eq!(calls.answer(RecordId(id), by, now), Answered::Over, "{id} {by}");
        }
        assert!(matches!(calls.answer(RecordId(1), BEN, now), Answered::Taken(call) if call.from == ADA));
        assert_eq!(calls.answer(RecordId(1), BEN, now), Answered::Over);
    }

    #[test]
    fn a_call_is_over_after_a_minute() {
        let (mut calls, now) = (Calls::default(), crate::edge::instant());
        rung(&mut calls, 1, ADA, BEN, now);
        rung(&mut calls, 2, ADA, EVE, now + Duration::from_secs(1));
        let almost = now + RINGS_FOR - Duration::from_millis(1);
        assert!(calls.expire(almost).is_empty());
        let over = now + RINGS_FOR;
        // Even before anybody looks.
        assert_eq!(calls.answer(RecordId(1), BEN, over), Answered::Over);
        assert_eq!(calls.find(BEN, ADA, over), Rung::Free);
        assert_eq!(calls.expire(over).iter().map(|call| call.id.0).collect::<Vec<_>>(), [1]);
        assert!(calls.expire(over).is_empty());
        assert!(matches!(calls.answer(RecordId(2), EVE, over), Answered::Taken(_)));
    }

    #[test]
    fn what_rings_is_bounded() {
        let (mut calls, now) = (Calls::default(), crate::edge::instant());
        for id in 0..CALLS_MAX as u128 {
            rung(&mut calls, id, MemberId(10 + id), ADA, now);
        }
        assert_eq!(calls.find(BEN, EVE, now), Rung::Busy);
        assert_eq!(calls.expire(now + RINGS_FOR).len(), CALLS_MAX);
        assert_eq!(calls.find(BEN, EVE, now), Rung::Free);
    }
}
