//! What a listener counts, and the statistics of many measurements.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::voice::{SCRIPT_FRAMES, Script};

/// Frames of one talker that are remembered as already received: twenty seconds. Anything older that arrives counts
/// as a duplicate.
const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// What is known about a talker by those who check what they hear of it.
#[derive(Debug)]
pub struct Known {
    /// What it says.
    pub script: Script,
    /// Frames sent so far, when the talker runs in this process; else it stays 0.
    pub sent: AtomicU64,
    /// First frame that counts towards what was expected.
    pub from: AtomicU64,
    /// First frame that no longer counts.
    pub to: AtomicU64,
}

impl Known {
    /// A talker whose frames do not count yet: see [`Known::from`] and [`Known::to`].
    pub fn new(script: Script) -> Self {
        Self { script, sent: AtomicU64::new(0), from: AtomicU64::new(u64::MAX), to: AtomicU64::new(u64::MAX) }
    }
}

/// Counts of what one listener received of one talker, or sums of such counts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Different frames received.
    pub frames: u64,
    /// Of these, frames inside the measured stretch.
    pub counted: u64,
    /// Frames that had already been received.
    pub duplicates: u64,
    /// Frames that arrived after a later one.
    pub reordered: u64,
    /// Packets under the talker's number whose bytes the talker never sent.
    pub mismatches: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.counted += other.counted;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.mismatches += other.mismatches;
    }
}

/// One listener's account of one talker.
#[derive(Debug)]
pub struct Tally {
    known: Arc<Known>,
    counts: Counts,
    /// First frame received, if any.
    first: Option<u64>,
    /// Highest frame number received, if any.
    highest: Option<u64>,
    /// One bit for each of the last [`WINDOW`] frames up to `highest`, at frame number modulo [`WINDOW`].
    seen: [u64; WORDS],
}

impl Tally {
    /// Nothing heard yet.
    pub fn new(known: Arc<Known>) -> Self {
        Self { known, counts: Counts::default(), first: None, highest: None, seen: [0; WORDS] }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Frames between the first and the last one received that did not arrive.
    pub fn lost(&self) -> u64 {
        let (Some(first), Some(highest)) = (self.first, self.highest) else { return 0 };
        (highest - first.min(highest) + 1).saturating_sub(self.counts.frames)
    }

    /// Takes in one received payload: a frame as the talker sent it, or several that the server has put into one packet
    /// (RFC 6716, section 3.2.5), which libopus takes apart again. Returns the number of the last frame in what the talker
    /// sent, or `None` for a payload with anything in it that the talker never sent.
    pub fn heard(&mut self, payload: &[u8]) -> Option<u64> {
        if let Some(position) = self.known.script.position(payload) {
            return Some(self.frame(position));
        }
        let positions = positions(&self.known.script, payload);
        let last = positions.into_iter().map(|position| Some(self.frame(position?))).reduce(|all, one| all.and(one));
        if last.flatten().is_none() {
            self.counts.mismatches += 1;
        }
        last.flatten()
    }

    /// Takes in the frame at a place of the script; returns its number.
    fn frame(&mut self, position: usize) -> u64 {
        let sent = self.known.sent.load(Ordering::Acquire);
        let near = if sent > 0 { sent - 1 } else { self.highest.unwrap_or(position as u64) };
        let frame = unwrap_position(position as u64, near);
        if !self.mark(frame) {
            self.counts.duplicates += 1;
            return frame;
        }
        self.counts.frames += 1;
        self.first = Some(self.first.map_or(frame, |first| first.min(frame)));
        if (self.known.from.load(Ordering::Acquire)..self.known.to.load(Ordering::Acquire)).contains(&frame) {
            self.counts.counted += 1;
        }
        frame
    }

    /// Remembers `frame`; false when it was received before or is older than the window.
    fn mark(&mut self, frame: u64) -> bool {
        let bit = |frame: u64| ((frame % WINDOW / 64) as usize, 1u64 << (frame % 64));
        match self.highest {
            Some(highest) if frame <= highest => {
                if highest - frame >= WINDOW {
                    return false;
                }
                let (word, mask) = bit(frame);
                if self.seen[word] & mask != 0 {
                    return false;
                }
                self.counts.reordered += 1;
            }
            // What lies between the old and the new highest frame has not been received.
            Some(highest) if frame - highest < WINDOW => {
                for skipped in highest + 1..frame {
                    let (word, mask) = bit(skipped);
                    self.seen[word] &= !mask;
                }
                self.highest = Some(frame);
            }
            _ => {
                self.seen = [0; WORDS];
                self.highest = Some(frame);
            }
        }
        let (word, mask) = bit(frame);
        self.seen[word] |= mask;
        true
    }
}

/// The places in the script of all frames of a packet, each as a packet of its own (code 0, RFC 6716, section 3.2.2).
/// None at all for what libopus cannot take apart.
fn positions(script: &Script, payload: &[u8]) -> Vec<Option<usize>> {
    let Ok(packet) = opus::packet::parse(payload) else { return Vec::new() };
    let alone = |frame: &&[u8]| [&[packet.toc & 0xfc], *frame].concat();
    packet.frames.iter().map(|frame| script.position(&alone(frame))).collect()
}

/// The frame number nearest to `near` whose place in the repeating script is `position`.
fn unwrap_position(position: u64, near: u64) -> u64 {
    let length = SCRIPT_FRAMES as u64;
    let same_round = near - near % length + position;
    [same_round.checked_sub(length), Some(same_round), Some(same_round + length)]
        .into_iter()
        .flatten()
        .min_by_key(|candidate| candidate.abs_diff(near))
        .unwrap_or(position)
}

/// The `quantile` (0 to 1) of measurements by the nearest-rank method; `None` without measurements.
pub fn percentile(values: &mut [f64], quantile: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (quantile.clamp(0.0, 1.0) * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_unwrap_to_the_nearest_round() {
        for (position, near, frame) in
            [(3, 0, 3), (499, 501, 499), (1, 499, 501), (250, 1_250, 1_250), (10, 1_490, 1_510), (490, 1_505, 1_490)]
        {
            assert_eq!(unwrap_position(position, near), frame, "position {position} near {near}");
        }
    }

    /// Feeds frames of a script in the given order and compares what was counted and what was lost.
    #[track_caller]
    fn check(order: &[u64], expected: Counts, lost: u64) {
        let known = Arc::new(Known::new(Script::of("crowd_check").unwrap()));
        known.from.store(2, Ordering::Release);
        known.to.store(2_000, Ordering::Release);
        let mut tally = Tally::new(known.clone());
        for &frame in order {
            let payload = known.script.frame(frame).payload.clone();
            assert_eq!(tally.heard(&payload), Some(frame));
        }
        assert_eq!((tally.counts(), tally.lost()), (expected, lost));
    }

    #[test]
    fn counts_frames_duplicates_and_disorder() {
        let none = Counts::default();
        check(&[], none, 0);
        check(&[0, 1, 2, 3], Counts { frames: 4, counted: 2, ..none }, 0);
        check(&[2, 4, 3, 4, 3], Counts { frames: 3, counted: 3, duplicates: 2, reordered: 1, ..none }, 0);
        check(&[7, 5, 10], Counts { frames: 3, counted: 3, reordered: 1, ..none }, 3);
        // Round after round of the script: nothing is taken for a duplicate.
        let rounds: Vec<u64> = (2..2_002).collect();
        check(&rounds, Counts { frames: 2_000, counted: 1_998, ..none }, 0);
        // A gap forgets what its places held a window ago.
        let mut gap: Vec<u64> = (2..1_100).collect();
        gap.extend([1_120, 1_110]);
        check(&gap, Counts { frames: 1_100, counted: 1_100, reordered: 1, ..none }, 19);
    }

    #[test]
    fn foreign_and_changed_bytes_are_mismatches() {
        let known = Arc::new(Known::new(Script::of("crowd_check").unwrap()));
        let mut tally = Tally::new(known.clone());
        let mut changed = known.script.frame(0).payload.to_vec();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(tally.heard(&changed), None);
        assert_eq!(tally.heard(&[]), None);
        assert_eq!(tally.counts(), Counts { mismatches: 2, ..Counts::default() });
    }

    #[test]
    fn packed_frames_are_taken_apart() {
        let known = Arc::new(Known::new(Script::of("crowd_check").unwrap()));
        let mut tally = Tally::new(known.clone());
        let pack = |frames: std::ops::Range<u64>| {
            let frames: Vec<_> = frames.map(|frame| known.script.frame(frame).payload.clone()).collect();
            let frames: Vec<&[u8]> = frames.iter().map(|frame| &**frame).collect();
            let (mut packer, mut packed) = (opus::Repacketizer::new().unwrap(), vec![0; 2_000]);
            let len = packer.combine(&frames, &mut packed).unwrap();
            packed.truncate(len);
            packed
        };
        assert_eq!(tally.heard(&pack(0..3)), Some(2));
        assert_eq!(tally.heard(&pack(6..12)), Some(11));
        assert_eq!(tally.heard(&known.script.frame(12).payload), Some(12));
        assert_eq!(tally.lost(), 3);
        assert_eq!(tally.heard(&pack(9..14)), Some(13));
        let expected = Counts { frames: 11, duplicates: 4, ..Counts::default() };
        assert_eq!(tally.counts(), expected);
        // One frame of three is not the talker's, the first or the last: the packet is a mismatch, the other two have come.
        for (at, range) in [(6, 20..23), (usize::MAX, 30..33)] {
            let mut changed = pack(range);
            let at = at.min(changed.len() - 1);
            changed[at] ^= 1;
            assert_eq!(tally.heard(&changed), None, "byte {at}");
        }
        assert_eq!(tally.counts(), Counts { frames: 15, mismatches: 2, ..expected });
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        for (quantile, value) in [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)] {
            assert_eq!(percentile(&mut hundred, quantile), Some(value), "{quantile}");
        }
        assert_eq!(percentile(&mut [7.0], 0.99), Some(7.0));
        assert_eq!(percentile(&mut [], 0.5), None);
    }
}
