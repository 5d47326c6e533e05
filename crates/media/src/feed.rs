//! What the listen legs of a room follow: its frames as they come, or packed into longer packets.
//!
//! A large audience costs a datagram for each listener and packet. Packets of 60 ms and 120 ms cost a third and a sixth of
//! them, for 40 ms and 100 ms of delay. All legs of one tier in step would make a burst each 60 or 120 ms, so a tier has
//! phases, one for each 20 ms of its packets: the legs are spread over them, and each phase packs for itself.
//!
//! Invariant: a packet holds frames of one talker and one stretch that follow each other without a gap, so that what was
//! lost is time that is missing, and never time that is shifted.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomtone_room::ids::TalkerNo;

use crate::frame::{Frame, SLOTS};
use crate::pack::{self, SHARED};
use crate::ring::Ring;
use crate::stage::opus_duration_samples;

/// How much sound is in the packets of a listen leg. In order: longer packets are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Tier {
    /// Packets as the speakers send them, which is 20 ms from browsers: for people on stage, and small audiences.
    #[default]
    Ms20,
    /// Packets of 60 ms.
    Ms60,
    /// Packets of 120 ms, the most that Opus allows.
    Ms120,
}

impl Tier {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Ms20, Self::Ms60, Self::Ms120];

    /// The length of its packets in milliseconds, if speakers send 20 ms.
    pub fn millis(self) -> u32 {
        match self {
            Self::Ms20 => 20,
            Self::Ms60 => 60,
            Self::Ms120 => 120,
        }
    }
}

/// The largest payload that frames are packed into, in bytes: with headers and tag a datagram of less than 1200, which
/// passes all tunnels. Larger would pack music of high bitrate tighter.
pub const PACKED_MAX: usize = 1100;

/// How long a packet waits for a frame that is late. Longer keeps frames that overtake each other together; shorter sends
/// the end of what was said sooner.
const LATE_MAX: Duration = Duration::from_millis(20);

/// Samples of 48 kHz in 20 ms: how far the phases of a tier are apart.
const PHASE: u64 = 960;

/// How many feeds a room has.
pub(crate) const FEEDS: usize = 1 + 3 + 6;

/// One stream of packets for a part of a room's audience: a tier and a phase of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Feed(u8);

impl Feed {
    /// Frames as they come.
    pub(crate) const PLAIN: Self = Self(0);

    /// The feeds of a tier.
    pub(crate) fn of(tier: Tier) -> impl Iterator<Item = Self> {
        let range: Range<u8> = match tier {
            Tier::Ms20 => 0..1,
            Tier::Ms60 => 1..4,
            Tier::Ms120 => 4..10,
        };
        range.map(Self)
    }

    /// The feeds that are packed.
    pub(crate) fn packed() -> impl Iterator<Item = Self> {
        (1..FEEDS as u8).map(Self)
    }

    /// A place in an array of [`FEEDS`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(crate) fn tier(self) -> Tier {
        match self.0 {
            0 => Tier::Ms20,
            1..4 => Tier::Ms60,
            _ => Tier::Ms120,
        }
    }

    /// How long its packets are, in samples of 48 kHz.
    fn samples(self) -> u64 {
        match self.tier() {
            Tier::Ms20 => PHASE,
            Tier::Ms60 => 3 * PHASE,
            Tier::Ms120 => 6 * PHASE,
        }
    }

    /// In which of the feed's packets the sample at `time` belongs.
    fn period(self, time: u64) -> u64 {
        time.saturating_add(u64::from(self.0) * PHASE) / self.samples()
    }

    /// The time at which a packet of the feed ends.
    fn end(self, period: u64) -> u64 {
        period.saturating_add(1).saturating_mul(self.samples()).saturating_sub(u64::from(self.0) * PHASE)
    }
}

/// Packs the frames of a room for one feed.
#[derive(Debug)]
pub(crate) struct Packer {
    feed: Feed,
    groups: [Group; SLOTS],
    /// What was packed, for resends.
    pub(crate) ring: Ring,
}

/// The frames of one voice slot that wait for each other.
#[derive(Debug)]
struct Group {
    /// In the order of their numbers; of one talker, one stretch and one period, and at most [`pack::FRAMES_MAX`].
    pending: Vec<Arc<Frame>>,
    period: u64,
    /// The last frame that was packed: what is older comes too late.
    done: Option<Arc<Frame>>,
    /// The number of the next packet. Never begins again: a leg that leaves the feed and comes back must not find one
    /// number with two contents (RFC 7714, section 8.2).
    next: u32,
}

impl Packer {
    pub(crate) fn new(feed: Feed) -> Self {
        // Each slot counts in a part of the numbers of its own, large enough for a year.
        let group = |slot: usize| Group { pending: Vec::new(), period: 0, done: None, next: (slot as u32) << 30 };
        Self { feed, groups: std::array::from_fn(group), ring: Ring::new() }
    }

    /// Takes in a frame. What it completes is added to `out`.
    pub(crate) fn push(&mut self, frame: &Arc<Frame>, out: &mut Vec<Arc<Frame>>) {
        let Some(group) = self.groups.get_mut(usize::from(frame.slot)) else {
            return;
        };
        if group.pending.first().is_some_and(|first| !same_stretch(first, frame)) {
            group.flush(&mut self.ring, out);
        }
        if group.done.as_ref().is_some_and(|done| same_stretch(done, frame) && frame.seq <= done.seq) {
            return;
        }
        let period = self.feed.period(frame.time);
        if let (Some(first), Some(last)) = (group.pending.first(), group.pending.last())
            && period != group.period
        {
            if frame.seq > last.seq {
                group.flush(&mut self.ring, out);
            } else if frame.seq < first.seq {
                // The period before has gone without it: it goes alone, before what waits.
                group.emit(std::slice::from_ref(frame), &mut self.ring, out);
                return;
            } else {
                // Between two of one period, and says that it is of another.
                return;
            }
        }
        let Err(at) = group.pending.binary_search_by_key(&frame.seq, |held| held.seq) else {
            return;
        };
        group.period = period;
        group.pending.insert(at, frame.clone());
        if group.pending.len() >= pack::FRAMES_MAX || group.is_complete(self.feed) {
            group.flush(&mut self.ring, out);
        }
    }

    /// Packs all that waits.
    pub(crate) fn flush(&mut self, out: &mut Vec<Arc<Frame>>) {
        self.groups.iter_mut().for_each(|group| group.flush(&mut self.ring, out));
    }

    /// Packs what has waited for long enough.
    pub(crate) fn flush_due(&mut self, now: Instant, out: &mut Vec<Arc<Frame>>) {
        for group in &mut self.groups {
            if group.due(self.feed).is_some_and(|due| due <= now) {
                group.flush(&mut self.ring, out);
            }
        }
    }

    /// When something has waited for long enough.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.groups.iter().filter_map(|group| group.due(self.feed)).min()
    }

    /// Drops everything that is held of talkers for whom `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl Fn(TalkerNo) -> bool) {
        self.groups.iter_mut().for_each(|group| group.pending.retain(|frame| keep(frame.talker)));
        self.ring.retain(keep);
    }

    /// Drops what waits: nobody is there to hear it.
    pub(crate) fn clear(&mut self) {
        for group in &mut self.groups {
            group.pending.clear();
            group.done = None;
        }
    }
}

impl Group {
    /// Whether the period is at its end and nothing is missing before it.
    fn is_complete(&self, feed: Feed) -> bool {
        let (Some(first), Some(last)) = (self.pending.first(), self.pending.last()) else {
            return false;
        };
        let at_end = feed.period(last.time.saturating_add(samples(last))) != self.period;
        let whole = last.seq - first.seq + 1 == self.pending.len() as u64;
        let follows = self.done.as_ref().is_none_or(|done| !same_stretch(done, first) || first.seq - done.seq == 1);
        at_end && whole && follows
    }

    /// When the period's last frame should have come, and the lateness of one.
    fn due(&self, feed: Feed) -> Option<Instant> {
        let first = self.pending.first()?;
        let left = feed.end(self.period).saturating_sub(first.time);
        Some(first.arrived + Duration::from_micros(left * 1000 / 48) + LATE_MAX)
    }

    fn flush(&mut self, ring: &mut Ring, out: &mut Vec<Arc<Frame>>) {
        let mut pending = std::mem::take(&mut self.pending);
        for mut run in pending.chunk_by(|a, b| follows(a, b)) {
            while !run.is_empty() {
                let (part, rest) = run.split_at(fitting(run));
                self.emit(part, ring, out);
                run = rest;
            }
        }
        pending.clear();
        self.pending = pending;
    }

    /// Makes one packet of frames that follow each other; of each its own if they cannot be joined after all.
    fn emit(&mut self, part: &[Arc<Frame>], ring: &mut Ring, out: &mut Vec<Arc<Frame>>) {
        let payloads: Vec<&[u8]> = part.iter().map(|frame| &*frame.payload).collect();
        let joined = pack::join(&payloads).map(Arc::<[u8]>::from);
        let parts: &mut dyn Iterator<Item = &[Arc<Frame>]> =
            if joined.is_some() { &mut std::iter::once(part) } else { &mut part.chunks(1) };
        for part in parts {
            let (Some(first), Some(last)) = (part.first(), part.last()) else { continue };
            let packet = Arc::new(Frame {
                seq: first.seq >> 32 << 32 | u64::from(self.next),
                level: part.iter().map(|frame| frame.level).min().unwrap_or(first.level),
                payload: joined.clone().unwrap_or_else(|| first.payload.clone()),
                ..(**first).clone()
            });
            self.next += 1;
            self.done = Some(last.clone());
            if ring.push(&packet) {
                out.push(packet);
            }
        }
    }
}

/// Whether two frames are of the same talker, and of one uninterrupted piece of their stream (see [`Frame::seq`]).
fn same_stretch(a: &Frame, b: &Frame) -> bool {
    a.talker == b.talker && a.seq >> 32 == b.seq >> 32
}

/// Whether a frame begins where an earlier one ends, and may be in one packet with it.
fn follows(a: &Frame, b: &Frame) -> bool {
    let shared = |frame: &Frame| frame.payload.first().map(|toc| toc & SHARED);
    b.seq - a.seq == 1
        && samples(a) > 0
        && samples(b) > 0
        && b.time == a.time.saturating_add(samples(a))
        && a.dominant == b.dominant
        && shared(a) == shared(b)
}

/// How many of the first frames of a run fit into one packet: at least one.
fn fitting(run: &[Arc<Frame>]) -> usize {
    let (mut bytes, mut long) = (0, 0);
    let fits = |(before, frame): &(usize, &Arc<Frame>)| {
        bytes += frame.payload.len();
        long += samples(frame);
        bytes + pack::overhead(before + 1) <= PACKED_MAX && long <= u64::from(pack::SAMPLES_MAX)
    };
    run.iter().enumerate().take_while(fits).count().max(1)
}

/// How long a frame plays, in samples of 48 kHz; 0 if it is malformed.
fn samples(frame: &Frame) -> u64 {
    opus_duration_samples(&frame.payload).map_or(0, u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{ROOM, ms, start};

    /// CELT, 20 ms, mono.
    const CELT: u8 = 31 << 3;

    /// Packets as (number of the first frame's time, payload, level), from frames that are made by `frame`.
    fn packed(feed: Feed, frames: &[Frame]) -> Vec<(u64, Vec<u8>, u8)> {
        let (mut packer, mut out) = (Packer::new(feed), Vec::new());
        frames.iter().for_each(|frame| packer.push(&Arc::new(frame.clone()), &mut out));
        packer.flush(&mut out);
        assert!(out.iter().enumerate().all(|(n, packet)| packet.seq == 3 << 32 | n as u64), "numbers without a gap");
        out.iter().map(|packet| (packet.time / 960, packet.payload.to_vec(), packet.level)).collect()
    }

    /// The n-th frame of a talker, with 20 ms and one byte of its own.
    fn frame(start: Instant, n: u64) -> Frame {
        Frame {
            room: ROOM,
            talker: TalkerNo(1),
            slot: 0,
            dominant: true,
            seq: 3 << 32 | n,
            time: n * 960,
            level: 50 - n as u8,
            arrived: start + ms(n * 20),
            payload: Arc::from([CELT, n as u8]),
        }
    }

    fn feed(tier: Tier, phase: usize) -> Feed {
        Feed::of(tier).nth(phase).unwrap()
    }

    #[test]
    fn each_phase_ends_its_packets_at_another_frame() {
        let start = start();
        let frames: Vec<Frame> = (0..40).map(|n| frame(start, n)).collect();
        for (tier, count) in [(Tier::Ms60, 3), (Tier::Ms120, 6)] {
            let mut ends = std::collections::BTreeSet::new();
            for feed in Feed::of(tier) {
                assert_eq!(feed.tier(), tier);
                let packets = packed(feed, &frames);
                assert!(packets[1..packets.len() - 1].iter().all(|packet| packet.1[1] == count));
                ends.insert(packets[1].0 % u64::from(count));
                let sound: Vec<u8> = packets
                    .iter()
                    .flat_map(|packet| match packet.1[0] & 3 {
                        0 => packet.1[1..].to_vec(),
                        _ => packet.1[2..].to_vec(),
                    })
                    .collect();
                assert_eq!(sound, (0..40).collect::<Vec<_>>());
            }
            assert_eq!(ends.len(), usize::from(count));
        }
    }

    #[test]
    fn the_loudest_frame_gives_the_level() {
        let start = start();
        let packets = packed(feed(Tier::Ms60, 2), &(3..9).map(|n| frame(start, n)).collect::<Vec<_>>());
        assert_eq!(packets.iter().map(|packet| (packet.0, packet.2)).collect::<Vec<_>>(), [(3, 45), (6, 42)]);
    }

    #[test]
    fn only_what_belongs_together_is_joined() {
        let start = start();
        let stereo = Arc::from([CELT | 4, 9]);
        let malformed = Arc::from([CELT | 3, 0]);
        let odd = Arc::from([CELT | 1, 1, 2, 3]);
        let large = |n| Frame { payload: Arc::from([&[CELT][..], &[1; 500]].concat()), ..frame(start, n) };
        let table = [
            (Frame { payload: stereo, ..frame(start, 8) }, vec![6, 8, 9]),
            (Frame { dominant: false, ..frame(start, 8) }, vec![6, 8, 9]),
            (Frame { time: 8 * 960 + 1, ..frame(start, 8) }, vec![6, 8, 9]),
            (Frame { payload: malformed, ..frame(start, 8) }, vec![6, 8, 9]),
            // Malformed as well, which shows only when it is taken apart: then each goes as it came.
            (Frame { payload: odd, ..frame(start, 8) }, vec![6, 7, 8, 9]),
            (frame(start, 8), vec![6]),
        ];
        for (strange, expected) in table {
            let frames: Vec<Frame> = (6..12).map(|n| if n == 8 { strange.clone() } else { frame(start, n) }).collect();
            let packets = packed(feed(Tier::Ms120, 2), &frames);
            assert_eq!(packets.iter().map(|packet| packet.0).collect::<Vec<_>>(), expected, "{strange:?}");
        }
        let packets = packed(feed(Tier::Ms120, 2), &(6..12).map(large).collect::<Vec<_>>());
        assert_eq!(packets.iter().map(|packet| packet.0).collect::<Vec<_>>(), [6, 8, 10], "datagrams stay small");
    }

    #[test]
    fn late_frames_find_their_place_or_go_alone() {
        let start = start();
        let of = |order: &[u64]| {
            let frames: Vec<Frame> = order.iter().map(|n| frame(start, *n)).collect();
            let packets = packed(feed(Tier::Ms60, 2), &frames);
            packets.iter().map(|packet| (packet.0, packet.1[1] - u8::from(packet.1[0] & 3 == 0))).collect::<Vec<_>>()
        };
        assert_eq!(of(&[3, 4, 5, 6, 7, 8]), [(3, 3), (6, 3)]);
        assert_eq!(of(&[3, 4, 5, 7, 6, 6, 8]), [(3, 3), (6, 3)]);
        // The last of its period comes before the one in the middle: there is time until the next period begins.
        assert_eq!(of(&[3, 5, 4, 6, 7, 8]), [(3, 3), (6, 3)]);
        assert_eq!(of(&[3, 5, 6, 4, 7, 8]).iter().map(|packet| packet.0).collect::<Vec<_>>(), [3, 5, 6]);
        assert_eq!(of(&[3, 4, 6, 5, 7, 8]).iter().map(|packet| packet.0).collect::<Vec<_>>(), [3, 5, 6]);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_silence_anybody() {
        let start = start();
        let frames: Vec<Frame> = (100..130)
            .map(|n| Frame { time: if n < 110 { n } else { n - 100 } * 960, ..frame(start, n - 100) })
            .collect();
        let frames: Vec<Frame> =
            frames.into_iter().enumerate().map(|(n, f)| Frame { seq: 3 << 32 | n as u64, ..f }).collect();
        let packets = packed(feed(Tier::Ms60, 0), &frames);
        let sound: usize = packets.iter().map(|packet| packet.1.len() - if packet.1[0] & 3 == 0 { 1 } else { 2 }).sum();
        assert_eq!(sound, 30);
    }

    #[test]
    fn times_at_the_end_of_all_numbers_are_taken() {
        let start = start();
        for feed in Feed::packed() {
            let (mut packer, mut out) = (Packer::new(feed), Vec::new());
            for (n, time) in [u64::MAX, 0, u64::MAX - 960, 5, u64::MAX].into_iter().enumerate() {
                packer.push(&Arc::new(Frame { seq: u64::MAX - 9 + n as u64, time, ..frame(start, 0) }), &mut out);
                assert!(packer.due().is_none_or(|due| due >= start));
            }
            packer.flush(&mut out);
            assert_eq!(out.len(), 5);
        }
    }
}
