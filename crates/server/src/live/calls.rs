//! Calls that ring: one for each pair of members, for a minute.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomtone_room::ids::{MemberId, RecordId, RoomId};
use tokio::sync::watch;

use super::{Live, lock};
use crate::wire::Id;
use crate::wire::hallway::{Call, LiveMessage};

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
pub(super) struct Calls {
    ringing: HashMap<RecordId, Ringing>,
    /// The smaller member first, here and below.
    pairs: HashMap<(MemberId, MemberId), RecordId>,
    /// Pairs for whom a room is being opened. What is kept here is dropped when the call rings, or does not come about.
    making: HashMap<(MemberId, MemberId), watch::Sender<()>>,
}

/// What a call from one to another finds.
pub(crate) enum Rung {
    /// Nothing: the caller may open a room.
    Free(Making),
    /// The caller rings already.
    Already(Ringing),
    /// The other one was calling: to call them is to answer, and that call is over.
    Crossed(Ringing),
    /// One of the two is opening a room at this moment. Ends when that is done.
    Making(watch::Receiver<()>),
    /// Too much rings.
    Busy,
}

/// The right to open the room for a pair, until it is dropped: whoever of the two calls meanwhile waits.
pub(crate) struct Making {
    live: Arc<Live>,
    pair: (MemberId, MemberId),
}

impl Drop for Making {
    fn drop(&mut self) {
        lock(&self.live.calls).making.remove(&self.pair);
    }
}

impl Calls {
    /// The call that rings for two members.
    fn between(&self, one: MemberId, other: MemberId) -> Option<Ringing> {
        self.pairs.get(&pair(one, other)).and_then(|id| self.ringing.get(id)).copied()
    }

    /// Rings. One that rings for the same two is over.
    fn ring(&mut self, call: Ringing) {
        if let Some(before) = self.pairs.insert(pair(call.from, call.to), call.id) {
            self.ringing.remove(&before);
        }
        self.ringing.insert(call.id, call);
    }

    /// Ends those that are chosen, and returns them.
    fn end(&mut self, which: impl Fn(&Ringing) -> bool) -> Vec<Ringing> {
        let over: Vec<Ringing> = self.ringing.extract_if(|_, call| which(call)).map(|(_, call)| call).collect();
        for call in &over {
            self.pairs.remove(&pair(call.from, call.to));
        }
        over
    }

    fn take(&mut self, call: &Ringing) {
        self.ringing.remove(&call.id);
        self.pairs.remove(&pair(call.from, call.to));
    }
}

impl Live {
    /// What `from` finds who calls `to`, where `is_live` says whether a room is. A call whose room has ended is over.
    pub(crate) fn begin_call(
        self: &Arc<Self>,
        from: MemberId,
        to: MemberId,
        now: Instant,
        is_live: impl Fn(RoomId) -> bool,
    ) -> Rung {
        let mut calls = lock(&self.calls);
        if let Some(making) = calls.making.get(&pair(from, to)) {
            return Rung::Making(making.subscribe());
        }
        match calls.between(from, to).filter(|call| now < call.until && is_live(call.room)) {
            Some(call) if call.from == from => Rung::Already(call),
            Some(call) => {
                calls.take(&call);
                Rung::Crossed(call)
            }
            None if calls.ringing.len() + calls.making.len() >= CALLS_MAX => Rung::Busy,
            None => {
                calls.making.insert(pair(from, to), watch::Sender::new(()));
                Rung::Free(Making { live: self.clone(), pair: pair(from, to) })
            }
        }
    }

    /// Has a call ring from now on, without telling anybody yet.
    pub(crate) fn ring(&self, id: RecordId, from: MemberId, to: MemberId, room: RoomId, now: Instant) {
        lock(&self.calls).ring(Ringing { id, from, to, room, until: now + RINGS_FOR });
    }

    /// Shows a call on the pages of whoever is called, if it rings still: who is told that it is over is told so afterwards.
    pub(crate) fn show_call(&self, call: Call) {
        let calls = lock(&self.calls);
        if let Some(to) = calls.ringing.get(&call.id.0).map(|call| call.to) {
            self.tell(to, LiveMessage::Call { call });
        }
    }

    /// Takes a call for an answer of the member who was called. `None`: there is no such call, or not any more, or it is not
    /// theirs; these look alike.
    pub(crate) fn take_call(&self, id: RecordId, by: MemberId, now: Instant) -> Option<Ringing> {
        let mut calls = lock(&self.calls);
        let call = calls.ringing.get(&id).filter(|call| call.to == by && now < call.until).copied()?;
        calls.take(&call);
        Some(call)
    }

    /// Ends what rings between two members, between whom a block has come.
    pub(crate) fn end_calls_between(&self, one: MemberId, other: MemberId) {
        let call = {
            let mut calls = lock(&self.calls);
            let call = calls.between(one, other);
            call.inspect(|call| calls.take(call))
        };
        self.tell_over(call.as_ref());
    }

    /// Ends what rings from or to any of these.
    pub(super) fn end_calls_of(&self, members: &HashSet<MemberId>) {
        let over = lock(&self.calls).end(|call| members.contains(&call.from) || members.contains(&call.to));
        self.tell_over(&over);
    }

    /// Lets go of calls that nobody has answered in time.
    pub(super) fn end_old_calls(&self, now: Instant) {
        let over = lock(&self.calls).end(|call| call.until <= now);
        self.tell_over(&over);
    }

    /// Tells both sides of calls that they are over.
    pub(crate) fn tell_over<'a>(&self, over: impl IntoIterator<Item = &'a Ringing>) {
        for call in over {
            for member in [call.from, call.to] {
                self.tell(member, LiveMessage::CallOver { id: Id(call.id) });
            }
        }
    }
}

fn pair(one: MemberId, other: MemberId) -> (MemberId, MemberId) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const ADA: MemberId = MemberId(1);
    const BEN: MemberId = MemberId(2);
    const EVE: MemberId = MemberId(3);

    struct Scene {
        live: Arc<Live>,
        now: Instant,
        _data: TempDir,
    }

    impl Scene {
        async fn new() -> Self {
            let data = tempfile::tempdir().unwrap();
            let store = roomtone_store::Store::open(data.path()).await.unwrap();
            Self { live: Live::new(store, 10), now: crate::edge::instant(), _data: data }
        }

        fn begin(&self, from: MemberId, to: MemberId) -> Rung {
            self.live.begin_call(from, to, self.now, |room| room != RoomId(0))
        }

        /// A call whose room has the same number.
        fn rung(&self, id: u128, from: MemberId, to: MemberId) {
            self.live.ring(RecordId(id), from, to, RoomId(id), self.now);
        }

        fn take(&self, id: u128, by: MemberId) -> bool {
            self.live.take_call(RecordId(id), by, self.now).is_some()
        }
    }

    #[tokio::test]
    async fn one_call_rings_for_a_pair() {
        let scene = Scene::new().await;
        assert!(matches!(scene.begin(ADA, BEN), Rung::Free(_)));
        scene.rung(1, ADA, BEN);
        let Rung::Already(call) = scene.begin(ADA, BEN) else { panic!("Ada rings") };
        assert_eq!((call.id, call.room), (RecordId(1), RoomId(1)));
        assert!(matches!(scene.begin(ADA, EVE), Rung::Free(_)));
        assert!(matches!(scene.begin(BEN, ADA), Rung::Crossed(crossed) if crossed == call));
        assert!(!scene.take(1, BEN), "to call back was to answer");
        // A newer one takes the place of one whose room has ended.
        scene.rung(0, ADA, BEN);
        assert!(matches!(scene.begin(BEN, ADA), Rung::Free(_)));
        scene.rung(2, BEN, ADA);
        assert!(!scene.take(0, BEN));
        assert!(scene.take(2, ADA));
        assert!(matches!(scene.begin(ADA, BEN), Rung::Free(_)));
    }

    #[tokio::test]
    async fn of_two_who_call_each_other_at_once_one_opens_the_room() {
        let scene = Scene::new().await;
        let Rung::Free(making) = scene.begin(ADA, BEN) else { panic!("nothing rings") };
        let Rung::Making(mut made) = scene.begin(BEN, ADA) else { panic!("Ada is about to ring") };
        assert!(matches!(scene.begin(ADA, BEN), Rung::Making(_)), "nor does pressing twice open two");
        assert!(!made.has_changed().unwrap());
        scene.rung(1, ADA, BEN);
        drop(making);
        assert!(made.changed().await.is_err());
        assert!(matches!(scene.begin(BEN, ADA), Rung::Crossed(call) if call.room == RoomId(1)));
    }

    #[tokio::test]
    async fn only_who_was_called_answers_and_only_once() {
        let scene = Scene::new().await;
        scene.rung(1, ADA, BEN);
        for (id, by) in [(1, ADA), (1, EVE), (9, BEN)] {
            assert!(!scene.take(id, by), "{id} {by}");
        }
        assert!(scene.take(1, BEN));
        assert!(!scene.take(1, BEN));
    }

    #[tokio::test]
    async fn a_call_is_over_after_a_minute() {
        let mut scene = Scene::new().await;
        scene.rung(1, ADA, BEN);
        scene.now += Duration::from_secs(1);
        scene.rung(2, ADA, EVE);
        scene.now += RINGS_FOR - Duration::from_millis(1001);
        scene.live.end_old_calls(scene.now);
        assert!(matches!(scene.begin(ADA, BEN), Rung::Already(_)));
        scene.now += Duration::from_millis(1);
        // Even before anybody looks.
        assert!(!scene.take(1, BEN));
        assert!(matches!(scene.begin(BEN, ADA), Rung::Free(_)));
        scene.live.end_old_calls(scene.now);
        assert_eq!(lock(&scene.live.calls).ringing.len(), 1);
        assert!(scene.take(2, EVE));
    }

    #[tokio::test]
    async fn a_block_and_a_suspension_end_what_rings() {
        let scene = Scene::new().await;
        scene.rung(1, ADA, BEN);
        scene.rung(2, EVE, ADA);
        scene.rung(3, BEN, EVE);
        scene.live.end_calls_between(EVE, BEN);
        assert!(!scene.take(3, EVE));
        scene.live.end_calls_of(&[BEN].into());
        assert!(!scene.take(1, BEN));
        assert!(scene.take(2, ADA));
        assert!(lock(&scene.live.calls).pairs.is_empty());
    }

    #[tokio::test]
    async fn what_rings_is_bounded() {
        let scene = Scene::new().await;
        for id in 0..CALLS_MAX as u128 {
            scene.rung(id, MemberId(10 + id), ADA);
        }
        assert!(matches!(scene.begin(BEN, EVE), Rung::Busy));
        scene.live.end_old_calls(scene.now + RINGS_FOR);
        assert!(matches!(scene.begin(BEN, EVE), Rung::Free(_)));
    }
}
