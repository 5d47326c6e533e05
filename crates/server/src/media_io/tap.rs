//! What is taken of what a media thread gives out: the last minute of those who agreed to that is kept, in memory, until somebody
//! asks for it or it is over; rooms that are mixed for plain streams are handed on to their mixers; and what is recorded goes to the
//! recorder, of those who agreed to that. Whatever else takes frames as they are given out belongs here too.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use roomtone_media::frame::Frame;
use roomtone_room::ids::{RoomId, TalkerNo};

use crate::recorder::Reel;

/// How long a frame is kept. Longer shows more of what led to a report; shorter keeps less of what people say.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(60);

/// Sound that is kept of one talker, in bytes: a minute at 140 kbit/s, more than browsers send. More keeps the whole minute of whoever
/// sends more; less bounds what they take from others.
const TALKER_MAX: usize = 1 << 20;

/// What all threads keep together, in bytes. More serves more rooms at once; it is memory.
const SERVER_MAX: usize = 64 << 20;

/// Frames of one room that may wait for its mixer: more than half a second of three talkers. More rides out longer stalls of the
/// mixer; of what waits so long it plays nothing.
const OUTLET_MAX: usize = 96;

/// What a frame takes besides its sound: itself, its counts and its place in a queue.
const BESIDE: usize = size_of::<Frame>() + 6 * size_of::<usize>();

/// What is kept of one talker, oldest first.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Whose.
    pub(crate) talker: TalkerNo,
    /// The sound.
    pub(crate) frames: Vec<Arc<Frame>>,
}

/// How much all threads keep.
#[derive(Debug, Default)]
pub(super) struct Space(AtomicUsize);

impl Space {
    /// Takes so many bytes, if there are as many left.
    fn take(&self, bytes: usize) -> bool {
        let more = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= SERVER_MAX);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Where a mixer gets what is given out in its room. The media thread never waits for it: the oldest frame goes when it is full.
#[derive(Debug)]
pub(crate) struct Outlet {
    frames: ArrayQueue<Arc<Frame>>,
    closed: AtomicBool,
    dropped: metrics::Counter,
}

impl Outlet {
    pub(crate) fn new() -> Self {
        let dropped = metrics::counter!("roomtone_stream_frames_dropped_total");
        Self { frames: ArrayQueue::new(OUTLET_MAX), closed: AtomicBool::new(false), dropped }
    }

    /// The oldest frame that was not taken yet.
    pub(crate) fn pop(&self) -> Option<Arc<Frame>> {
        self.frames.pop()
    }

    /// Says that nobody takes frames here any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn push(&self, frame: &Arc<Frame>) {
        if self.frames.force_push(frame.clone()).is_some() {
            self.dropped.increment(1);
        }
    }
}

/// What one thread takes.
pub(super) struct Tap {
    /// Of rooms of which anything is taken.
    rooms: HashMap<RoomId, Taken>,
    space: Arc<Space>,
    kept: metrics::Counter,
    crowded: metrics::Counter,
    taken: metrics::Gauge,
}

/// What is taken of one room.
#[derive(Default)]
struct Taken {
    /// The last minute of those who agreed.
    tracks: HashMap<TalkerNo, Track>,
    /// Where everything goes while the room is mixed.
    outlet: Option<Arc<Outlet>>,
    /// Where what is recorded goes.
    recorded: Option<Recorded>,
}

/// Who of a room is recorded.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// By number, each with that of their track.
    pub(crate) talkers: HashMap<TalkerNo, u32>,
    /// Where what they say goes.
    pub(crate) reel: Arc<Reel>,
}

impl Taken {
    fn is_empty(&self) -> bool {
        self.tracks.is_empty() && self.outlet.is_none() && self.recorded.is_none()
    }
}

/// The last minute of one talker.
struct Track {
    frames: VecDeque<Arc<Frame>>,
    /// Their sound, in bytes.
    sound: usize,
    space: Arc<Space>,
}

impl Tap {
    pub(super) fn new(space: Arc<Space>) -> Self {
        Self {
            rooms: HashMap::new(),
            space,
            kept: metrics::counter!("roomtone_evidence_frames_kept_total"),
            crowded: metrics::counter!("roomtone_evidence_frames_crowded_out_total"),
            taken: metrics::gauge!("roomtone_evidence_bytes"),
        }
    }

    /// Takes a frame that is given out, if its talker has agreed to that or its room is mixed. Where nothing is taken of any room, this
    /// is one branch.
    #[inline]
    pub(super) fn take(&mut self, frame: &Arc<Frame>) {
        if !self.rooms.is_empty() {
            self.keep(frame);
        }
    }

    fn keep(&mut self, frame: &Arc<Frame>) {
        let Some(taken) = self.rooms.get_mut(&frame.room) else { return };
        if let Some(outlet) = &taken.outlet {
            outlet.push(frame);
        }
        if let Some(recorded) = &taken.recorded
            && let Some(&track) = recorded.talkers.get(&frame.talker)
        {
            recorded.reel.push(track, frame);
        }
        let Some(track) = taken.tracks.get_mut(&frame.talker) else { return };
        let crowded_out = track.push(frame);
        self.kept.increment(1);
        self.crowded.increment(crowded_out);
    }

    /// Says who of a room has agreed. What is kept of anybody else there is dropped.
    pub(super) fn agreed(&mut self, room: RoomId, talkers: &[TalkerNo]) {
        let taken = self.rooms.entry(room).or_default();
        taken.tracks.retain(|talker, _| talkers.contains(talker));
        for &talker in talkers {
            taken.tracks.entry(talker).or_insert_with(|| Track::new(self.space.clone()));
        }
        if taken.is_empty() {
            self.rooms.remove(&room);
        }
    }

    /// Says who of a room is recorded from now on, if anybody is.
    pub(super) fn record(&mut self, room: RoomId, recorded: Option<Recorded>) {
        let taken = self.rooms.entry(room).or_default();
        taken.recorded = recorded;
        if taken.is_empty() {
            self.rooms.remove(&room);
        }
    }

    /// From now on all that is given out in a room goes here too, until the outlet is closed.
    pub(super) fn hand_on(&mut self, room: RoomId, outlet: Arc<Outlet>) {
        self.rooms.entry(room).or_default().outlet = Some(outlet);
    }

    /// What is kept of a room at `now`, by talker.
    pub(super) fn kept_of(&mut self, room: RoomId, now: Instant) -> Vec<Kept> {
        let tracks = self.rooms.get_mut(&room).map(|taken| &mut taken.tracks).into_iter().flatten();
        let mut kept: Vec<_> = tracks
            .map(|(&talker, track)| {
                track.forget_old(now);
                Kept { talker, frames: track.frames.iter().cloned().collect() }
            })
            .collect();
        kept.sort_unstable_by_key(|kept| kept.talker);
        kept
    }

    /// Drops what is older than [`KEPT_FOR`] at `now`, and outlets that were closed. To be called every second or so: whoever falls
    /// silent adds no frame that would drop an old one.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.rooms.retain(|_, taken| {
            taken.outlet.take_if(|outlet| outlet.closed.load(Ordering::Acquire));
            !taken.is_empty()
        });
        for track in self.rooms.values_mut().flat_map(|taken| taken.tracks.values_mut()) {
            track.forget_old(now);
        }
        self.taken.set(self.space.0.load(Ordering::Relaxed) as f64);
    }
}

impl Track {
    fn new(space: Arc<Space>) -> Self {
        Self { frames: VecDeque::new(), sound: 0, space }
    }

    /// Adds a frame; older ones of the same talker go where there is no room for it. Returns how many did, itself included, before
    /// their time.
    fn push(&mut self, frame: &Arc<Frame>) -> u64 {
        self.forget_old(frame.arrived);
        let mut crowded_out = 0;
        while self.sound + frame.payload.len() > TALKER_MAX && self.pop() {
            crowded_out += 1;
        }
        while !self.space.take(frame.payload.len() + BESIDE) {
            crowded_out += 1;
            if !self.pop() {
                return crowded_out;
            }
        }
        self.sound += frame.payload.len();
        self.frames.push_back(frame.clone());
        crowded_out
    }

    fn forget_old(&mut self, now: Instant) {
        while self.frames.front().is_some_and(|oldest| now.saturating_duration_since(oldest.arrived) > KEPT_FOR) {
            self.pop();
        }
    }

    /// Drops the oldest frame, if there is one.
    fn pop(&mut self) -> bool {
        let Some(oldest) = self.frames.pop_front() else { return false };
        self.sound -= oldest.payload.len();
        self.space.give_back(oldest.payload.len() + BESIDE);
        true
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.space.give_back(self.sound + self.frames.len() * BESIDE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge;

    const ROOM: RoomId = RoomId(1);
    const ADA: TalkerNo = TalkerNo(1);
    const BEN: TalkerNo = TalkerNo(2);

    struct World {
        tap: Tap,
        space: Arc<Space>,
        start: Instant,
    }

    impl World {
        fn new() -> Self {
            let space = Arc::new(Space::default());
            Self { tap: Tap::new(space.clone()), space, start: edge::instant() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        /// `talker` says something of so many bytes, which can be told by when it was.
        fn say(&mut self, room: RoomId, talker: TalkerNo, millis: u64, bytes: usize) {
            let frame = Frame {
                room,
                talker,
                slot: 0,
                dominant: true,
                seq: millis / 20,
                time: millis * 48,
                level: 20,
                arrived: self.at(millis),
                payload: vec![0xF8; bytes].into(),
            };
            self.tap.take(&Arc::new(frame));
        }

        /// When what is kept of them was said.
        fn kept(&mut self, room: RoomId, now: u64) -> Vec<(TalkerNo, Vec<u64>)> {
            let (start, now) = (self.start, self.at(now));
            let millis = |frame: &Arc<Frame>| frame.arrived.duration_since(start).as_millis() as u64;
            let kept = self.tap.kept_of(room, now).into_iter();
            kept.map(|kept| (kept.talker, kept.frames.iter().map(millis).collect())).collect()
        }

        fn taken(&self) -> usize {
            self.space.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn only_what_they_say_is_kept_who_have_agreed() {
        let mut world = World::new();
        world.say(ROOM, ADA, 0, 50);
        world.tap.agreed(ROOM, &[ADA]);
        world.say(ROOM, ADA, 20, 50);
        world.say(ROOM, BEN, 20, 50);
        world.say(RoomId(2), ADA, 20, 50);
        assert_eq!(world.kept(ROOM, 30), [(ADA, vec![20])]);
        assert_eq!(world.kept(RoomId(2), 30), []);
        world.tap.agreed(ROOM, &[ADA, BEN]);
        world.say(ROOM, BEN, 40, 50);
        // Whoever goes on agreeing loses nothing by others.
        assert_eq!(world.kept(ROOM, 50), [(ADA, vec![20]), (BEN, vec![40])]);
    }

    #[test]
    fn nothing_is_left_of_whoever_takes_it_back() {
        let mut world = World::new();
        world.tap.agreed(ROOM, &[ADA, BEN]);
        world.say(ROOM, ADA, 0, 50);
        world.say(ROOM, BEN, 0, 60);
        world.tap.agreed(ROOM, &[BEN]);
        assert_eq!(world.kept(ROOM, 10), [(BEN, vec![0])]);
        assert_eq!(world.taken(), 60 + BESIDE);
        // Nor does it come back with the agreement.
        world.tap.agreed(ROOM, &[ADA, BEN]);
        assert_eq!(world.kept(ROOM, 10), [(ADA, vec![]), (BEN, vec![0])]);
        world.tap.agreed(ROOM, &[]);
        assert_eq!((world.kept(ROOM, 10), world.taken(), world.tap.rooms.len()), (vec![], 0, 0));
    }

    /// Each goes into their own track, and nobody who is not named; a room that is mixed and kept for reports as well.
    #[test]
    fn only_who_is_named_is_recorded() {
        let mut world = World::new();
        let reel = Arc::new(Reel::new());
        let record = |world: &mut World, talkers: &[(TalkerNo, u32)]| {
            let talkers = talkers.iter().copied().collect();
            world.tap.record(ROOM, Some(Recorded { talkers, reel: reel.clone() }));
        };
        let taken =
            || std::iter::from_fn(|| reel.pop()).map(|(n, frame)| (n, frame.talker, frame.seq)).collect::<Vec<_>>();
        world.say(ROOM, ADA, 0, 50);
        record(&mut world, &[(ADA, 7)]);
        world.tap.agreed(ROOM, &[BEN]);
        world.say(ROOM, ADA, 20, 50);
        world.say(ROOM, BEN, 20, 50);
        world.say(RoomId(2), ADA, 20, 50);
        assert_eq!(taken(), [(7, ADA, 1)]);
        record(&mut world, &[(ADA, 7), (BEN, 8)]);
        world.say(ROOM, BEN, 40, 50);
        world.say(ROOM, ADA, 40, 50);
        assert_eq!(taken(), [(8, BEN, 2), (7, ADA, 2)]);
        record(&mut world, &[(BEN, 8)]);
        world.say(ROOM, ADA, 60, 50);
        assert_eq!(taken(), []);
        world.tap.forget_old(world.start);
        world.say(ROOM, BEN, 80, 50);
        assert_eq!(taken(), [(8, BEN, 4)]);
        world.tap.record(ROOM, None);
        world.say(ROOM, BEN, 100, 50);
        assert_eq!(taken(), []);
        world.tap.agreed(ROOM, &[]);
        assert_eq!(world.tap.rooms.len(), 0);
    }

    #[test]
    fn a_mixed_room_goes_to_its_mixer_and_to_nobody_else() {
        let mut world = World::new();
        let outlet = Arc::new(Outlet::new());
        world.tap.hand_on(ROOM, outlet.clone());
        world.tap.agreed(ROOM, &[BEN]);
        world.say(ROOM, ADA, 0, 50);
        world.say(ROOM, BEN, 20, 50);
        world.say(RoomId(2), ADA, 40, 50);
        let seq = |frame: Arc<Frame>| (frame.talker, frame.seq);
        assert_eq!(
            [outlet.pop(), outlet.pop(), outlet.pop()].map(|frame| frame.map(seq)),
            [Some((ADA, 0)), Some((BEN, 1)), None]
        );
        // What is kept is apart from that, also when it ends.
        assert_eq!(world.kept(ROOM, 30), [(BEN, vec![20])]);
        world.tap.agreed(ROOM, &[]);
        // A mixer that takes nothing stops nobody.
        for n in 0..10 + OUTLET_MAX as u64 {
            world.say(ROOM, ADA, 100 + n * 20, 50);
        }
        assert_eq!(outlet.pop().map(seq), Some((ADA, 15)));
        outlet.close();
        world.tap.forget_old(world.at(0));
        assert!(world.tap.rooms.is_empty());
    }

    #[test]
    fn a_minute_is_kept_and_not_longer() {
        let mut world = World::new();
        world.tap.agreed(ROOM, &[ADA]);
        for n in 0..4_000 {
            world.say(ROOM, ADA, n * 20, 100);
        }
        let last = 3_999 * 20;
        let kept = world.kept(ROOM, last).remove(0).1;
        assert_eq!((kept.first(), kept.last(), kept.len()), (Some(&(last - 60_000)), Some(&last), 3_001));
        // Asked for later, there is less; nobody has to ask for it to be gone.
        assert_eq!(world.kept(ROOM, last + 59_000).remove(0).1.len(), 51);
        world.tap.forget_old(world.at(last + 60_001));
        assert_eq!(world.taken(), 0);
        assert_eq!(world.kept(ROOM, last), [(ADA, vec![])]);
    }

    #[test]
    fn whoever_sends_much_loses_their_own_oldest() {
        let mut world = World::new();
        world.tap.agreed(ROOM, &[ADA, BEN]);
        world.say(ROOM, BEN, 0, 100);
        for n in 0..2_000 {
            world.say(ROOM, ADA, n * 20, 1_000);
        }
        let kept = world.kept(ROOM, 40_000);
        assert_eq!(kept[0].1.len(), TALKER_MAX / 1_000);
        assert_eq!(kept[0].1.last(), Some(&39_980));
        assert_eq!(kept[1].1, [0]);
    }

    #[test]
    fn all_together_have_a_bound() {
        let mut world = World::new();
        let talkers: Vec<_> = (1..=70).map(TalkerNo).collect();
        world.tap.agreed(ROOM, &talkers);
        for &talker in &talkers {
            for n in 0..1_048 {
                world.say(ROOM, talker, n, 1_000);
            }
        }
        assert!(world.taken() <= SERVER_MAX && world.taken() > SERVER_MAX - 2 * (1_000 + BESIDE), "{}", world.taken());
        let kept = world.kept(ROOM, 1_048);
        // The first have everything, and the last nothing.
        assert_eq!((kept[0].1.len(), kept[69].1.len()), (1_048, 0));
        world.tap.agreed(ROOM, &talkers[..1]);
        assert_eq!(world.taken(), 1_048 * (1_000 + BESIDE));
        world.say(ROOM, talkers[0], 1_100, 1_000);
        assert_eq!(world.kept(ROOM, 1_100)[0].1.len(), 1_048);
    }
}
