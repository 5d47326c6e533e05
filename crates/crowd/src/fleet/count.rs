//! What one listener counts: packets by their numbers, slot by slot, and how long it heard nothing.

use std::time::{Duration, Instant};

use super::protocol::Counts;
use crate::leg::SLOTS;

/// Packets before the newest one of a slot of which it is known whether they came. What is older counts as received
/// before.
const WINDOW: u64 = u128::BITS as u64;
/// A listener that heard nothing for so long was starved.
const STARVED: Duration = Duration::from_secs(1);

/// One listener's account.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    slots: [Slot; SLOTS],
    /// When the last packet came.
    last: Option<Instant>,
    marked: Option<Instant>,
    /// The longest time without a packet since the mark, up to the last packet.
    longest_pause: Duration,
    bytes: u64,
    forged: u64,
    foreign: u64,
}

impl Hearing {
    /// Nothing heard yet, in slots with these SSRCs; further ones are passed over.
    pub(super) fn new(ssrcs: impl IntoIterator<Item = u32>) -> Self {
        let mut hearing = Self::default();
        for (slot, ssrc) in hearing.slots.iter_mut().zip(ssrcs) {
            slot.ssrc = Some(ssrc);
        }
        hearing
    }

    /// The place of the slot with this SSRC.
    pub(super) fn slot(&self, ssrc: u32) -> Option<usize> {
        self.slots.iter().position(|slot| slot.ssrc == Some(ssrc))
    }

    /// The place of the slot with this SSRC, which takes a free one if it is new.
    pub(super) fn slot_or_new(&mut self, ssrc: u32) -> Option<usize> {
        let slot = self.slot(ssrc).or_else(|| self.slots.iter().position(|slot| slot.ssrc.is_none()))?;
        self.slots[slot].ssrc = Some(ssrc);
        Some(slot)
    }

    /// The 48-bit index that a sequence number of a slot stands for: the nearest to the newest (RFC 3711, section 3.3.1).
    pub(super) fn index(&self, slot: usize, sequence: u16) -> u64 {
        self.slots[slot].index(sequence)
    }

    /// Takes in an authentic packet of `bytes` from header to tag.
    pub(super) fn heard(&mut self, now: Instant, slot: usize, index: u64, bytes: usize) {
        self.slots[slot].take(index);
        self.bytes += bytes as u64;
        self.longest_pause = self.longest_pause.max(self.pause(now));
        self.last = Some(now);
    }

    /// Takes in a packet that looked like one of ours and was not authentic.
    pub(super) fn forged(&mut self) {
        self.forged += 1;
    }

    /// Takes in `datagrams` from elsewhere.
    pub(super) fn foreign(&mut self, datagrams: u64) {
        self.foreign += datagrams;
    }

    /// Whether a packet came after `since`.
    pub(super) fn heard_since(&self, since: Instant) -> bool {
        self.last.is_some_and(|last| last >= since)
    }

    /// Begins to count anew.
    pub(super) fn mark(&mut self, now: Instant) {
        self.marked = Some(now);
        self.longest_pause = Duration::ZERO;
        (self.bytes, self.forged, self.foreign) = (0, 0, 0);
        self.slots.iter_mut().for_each(Slot::mark);
    }

    /// Adds what was counted since the mark to `counts`; nothing, for somebody who came after it.
    pub(super) fn add_to(&self, now: Instant, counts: &mut Counts) {
        let Some(marked) = self.marked else { return };
        let pause = self.longest_pause.max(self.pause(now));
        counts.listeners += 1;
        counts.heard += usize::from(self.heard_since(marked));
        counts.starved += usize::from(pause > STARVED);
        counts.longest_pause_ms = counts.longest_pause_ms.max(pause.as_micros() as f64 / 1_000.0);
        for slot in &self.slots {
            counts.expected += slot.expected();
            counts.received += slot.received;
            counts.duplicates += slot.duplicates;
            counts.reordered += slot.reordered;
        }
        counts.forged += self.forged;
        counts.foreign += self.foreign;
        counts.bytes += self.bytes;
    }

    /// How long nothing has come, at most since the mark.
    fn pause(&self, now: Instant) -> Duration {
        self.marked.max(self.last).map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

/// One voice slot: a stream of packets whose numbers follow each other whoever talks in it.
#[derive(Debug, Default)]
struct Slot {
    ssrc: Option<u32>,
    /// Index of the newest packet.
    newest: Option<u64>,
    /// One bit for each of the last [`WINDOW`] packets, the newest in the lowest.
    seen: u128,
    /// First index that counts.
    from: u64,
    received: u64,
    duplicates: u64,
    reordered: u64,
}

impl Slot {
    fn index(&self, sequence: u16) -> u64 {
        let Some(newest) = self.newest else { return u64::from(sequence) };
        let distance = sequence.wrapping_sub(newest as u16).cast_signed();
        // Before the very first round of the counter there is none to go back to.
        newest.checked_add_signed(distance.into()).unwrap_or(u64::from(sequence))
    }

    fn take(&mut self, index: u64) {
        let newest = *self.newest.get_or_insert_with(|| {
            self.from = index;
            // One behind, so that it is newer than what was there.
            index.wrapping_sub(1)
        });
        let ahead = index.wrapping_sub(newest);
        if ahead.cast_signed() > 0 {
            self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
            self.newest = Some(index);
            self.received += 1;
            return;
        }
        let behind = newest - index;
        let bit = if behind < WINDOW { 1 << behind } else { 0 };
        if bit == 0 || self.seen & bit != 0 {
            self.duplicates += 1;
            return;
        }
        self.seen |= bit;
        if index >= self.from {
            self.received += 1;
            self.reordered += 1;
        }
    }

    fn mark(&mut self) {
        self.from = self.newest.map_or(0, |newest| newest + 1);
        (self.received, self.duplicates, self.reordered) = (0, 0, 0);
    }

    fn expected(&self) -> u64 {
        self.newest.map_or(0, |newest| newest + 1 - self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSRC: u32 = 9;

    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time needs some moment to start from; it then goes by itself"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Feeds 16-bit sequence numbers before and after the mark; gives expected, received, duplicates, reordered.
    fn counted(before: &[u16], after: &[u16]) -> (u64, u64, u64, u64) {
        let now = start();
        let mut hearing = Hearing::new([SSRC]);
        let feed = |hearing: &mut Hearing, numbers: &[u16]| {
            for &number in numbers {
                let slot = hearing.slot(SSRC).unwrap();
                let index = hearing.index(slot, number);
                hearing.heard(now, slot, index, 100);
            }
        };
        feed(&mut hearing, before);
        hearing.mark(now);
        feed(&mut hearing, after);
        let mut counts = Counts::default();
        hearing.add_to(now, &mut counts);
        assert_eq!(counts.bytes, 100 * after.len() as u64);
        (counts.expected, counts.received, counts.duplicates, counts.reordered)
    }

    #[test]
    fn packets_are_counted_by_their_numbers() {
        for (before, after, expected) in [
            (&[][..], &[][..], (0, 0, 0, 0)),
            (&[], &[0], (1, 1, 0, 0)),
            (&[], &[7, 8, 9], (3, 3, 0, 0)),
            (&[1, 2], &[3, 4], (2, 2, 0, 0)),
            (&[1, 2], &[], (0, 0, 0, 0)),
            // Lost: 4 and 5, and what was lost between the mark and the first.
            (&[1, 2], &[3, 6], (4, 2, 0, 0)),
            (&[1], &[5], (4, 1, 0, 0)),
            (&[], &[1, 3, 2, 4], (4, 4, 0, 1)),
            (&[], &[1, 2, 2, 1], (2, 2, 2, 0)),
            // One that belongs before the mark counts as nothing, but as a duplicate if it came already.
            (&[1, 3], &[2, 3, 4], (1, 1, 1, 0)),
            // Round the 16-bit counter.
            (&[65_533], &[65_534, 65_535, 0, 1], (4, 4, 0, 0)),
            (&[65_533], &[65_535, 1, 0, 65_534], (4, 4, 0, 2)),
            // Further back than the window, and before the first round.
            (&[], &[500, 300], (1, 1, 1, 0)),
            (&[], &[0, 65_535], (65_536, 2, 0, 0)),
        ] {
            assert_eq!(counted(before, after), expected, "{before:?} | {after:?}");
        }
    }

    #[test]
    fn slots_are_kept_apart() {
        let now = start();
        let mut hearing = Hearing::new([1, 2, 3, 4]);
        assert_eq!((hearing.slot(3), hearing.slot(4)), (Some(2), None));
        hearing.mark(now);
        for (slot, index) in [(0, 10), (2, 7), (0, 12)] {
            hearing.heard(now, slot, index, 1);
        }
        let mut counts = Counts::default();
        hearing.add_to(now, &mut counts);
        assert_eq!((counts.expected, counts.received), (4, 3));
        let mut learning = Hearing::default();
        let places: Vec<_> = [5, 6, 5, 7, 8].iter().map(|&ssrc| learning.slot_or_new(ssrc)).collect();
        assert_eq!(places, [Some(0), Some(1), Some(0), Some(2), None]);
    }

    #[test]
    fn pauses_are_measured_from_the_mark_to_the_count() {
        // Packets and the count at these milliseconds after the mark, the longest pause, whether that is starving.
        for (packets, count, longest, starved) in [
            (&[][..], 900, 900, 0),
            (&[], 1_001, 1_001, 1),
            (&[500, 900], 1_000, 500, 0),
            (&[1_100, 1_200], 1_300, 1_100, 1),
            (&[100, 1_300, 1_400], 1_500, 1_200, 1),
            (&[100, 200], 1_201, 1_001, 1),
        ] {
            let mark = start();
            let mut hearing = Hearing::new([SSRC]);
            hearing.heard(mark, 0, 0, 1);
            hearing.mark(mark);
            for (index, at) in (1..).zip(packets) {
                hearing.heard(mark + ms(*at), 0, index, 1);
            }
            let mut counts = Counts::default();
            hearing.add_to(mark + ms(count), &mut counts);
            assert_eq!((counts.longest_pause_ms, counts.starved), (longest as f64, starved), "{packets:?}");
            assert_eq!((counts.listeners, counts.received), (1, packets.len() as u64));
        }
    }

    #[test]
    fn who_comes_after_the_mark_does_not_count_yet() {
        let now = start();
        let mut hearing = Hearing::new([SSRC]);
        hearing.heard(now, 0, 1, 1);
        let mut counts = Counts::default();
        hearing.add_to(now, &mut counts);
        assert_eq!(counts, Counts::default());
        assert!(hearing.heard_since(now) && !hearing.heard_since(now + ms(1)));
        hearing.forged();
        hearing.mark(now);
        hearing.forged();
        hearing.foreign(3);
        hearing.add_to(now, &mut counts);
        assert_eq!((counts.forged, counts.foreign, counts.heard), (1, 3, 1));
    }
}
