//! Where each packet of a track belongs on the clock of the recording, which is the same for all tracks.
//!
//! A packet has two times: when it arrived, by the recording's clock, and its media time, by the clock of the speaker's sound card, which
//! begins anywhere and runs a little faster or slower. What is added to a media time to get the other is the packet's *offset*: how far
//! apart the two clocks are, and how long the packet was on its way. The least offsets are those of packets that came without
//! waiting anywhere, so the clocks' difference is taken to be the highest curve below all offsets that rises and falls no steeper
//! than [`DRIFT`] (compare Moon, Skelly and Towsley, "Estimation and removal of clock skew from network delay measurements", INFOCOM
//! 1999, who have a line there). It needs a number for each second of sound, however long the track is.

use std::collections::BTreeMap;
use std::io;

use roomtone_media::stage::opus_duration_samples;
use roomtone_media::track::TrackFrame;

/// Samples in a second.
pub(super) const RATE: u64 = 48_000;

/// How far two clocks drift apart at most, as the media time in which they do so by one sample: 200 ppm. Sound cards are within 100.
/// A steeper curve follows worse clocks; a flatter one bears longer times in which every packet waits somewhere.
const DRIFT: i64 = 5_000;

/// How far a curve may lie below all that comes later before a new one begins, in samples: 60 ms. A media time that stood still, as
/// it does while a device is changed, is a step up. Larger is fooled less by networks that become slow; smaller follows smaller steps.
const STEP: i64 = 60 * 48;

/// How late a packet may be against the ones before, and how early, in samples; what is beyond is a new beginning, so that a wrong media
/// time moves nothing else. Two seconds and half a second.
const LATE_MAX: i64 = 2 * RATE as i64;
const EARLY_MAX: i64 = RATE as i64 / 2;

/// Media time of which one offset is kept, the least, in samples: a second.
const PART: i64 = RATE as i64;

/// Parts of a track in a minute of the recording's clock: a second each, and some for new beginnings. Media times that jump about for more
/// than that are nobody's clock, and cost memory; what came with them is placed by when it came, until the minute is over.
const PARTS_MAX: u32 = 240;

/// Samples in a minute.
const MINUTE: u64 = 60 * RATE;

/// Packets that are held back to be put in order: those that redundancy brought back came after others. A third of a second.
const HELD: usize = 16;

/// How far a track's clock is from that of the recording, at every packet.
#[derive(Debug, Default)]
pub(super) struct Clock {
    segments: Vec<Segment>,
    /// Where the last packet ends at the latest, in samples since the recording began.
    pub(super) end: u64,
    /// Whether there are two seconds of stereo at least.
    pub(super) stereo: bool,
}

/// Packets of one media time.
#[derive(Debug)]
struct Segment {
    /// The first of them, counted from the beginning of the track in the order in which they arrived.
    from: u64,
    /// Media times, which rise, and the offsets there. None: each is placed by when it came.
    knots: Vec<(i64, i64)>,
}

/// A second of a track.
#[derive(Debug)]
struct Part {
    /// The first packet in it.
    from: u64,
    began: i64,
    /// What can have to do with each other: one run, one stretch, and no wild jump within.
    stream: u64,
    /// Which run of the track it is of.
    run: u32,
    /// The media time of the packet with the least offset, and that.
    time: i64,
    offset: i64,
    /// Whether its media times are of no use.
    wild: bool,
}

/// A packet in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    /// Where it begins, in samples since the recording began.
    pub(super) at: u64,
    /// How long it is, in samples.
    pub(super) samples: u64,
    /// Whether it goes on where the one before it ended, by media time.
    pub(super) follows: bool,
    /// Whether the packet before it is missing, rather than there was none.
    pub(super) lost: bool,
    /// The packet.
    pub(super) payload: Vec<u8>,
}

impl Clock {
    /// Reads a whole track.
    ///
    /// Errors: those of reading it.
    pub(super) fn of(frames: impl Iterator<Item = io::Result<TrackFrame>>) -> io::Result<Self> {
        let mut parts: Vec<Part> = Vec::new();
        // Of the present stream: its number and stretch, and the curve so far with its media time.
        let mut stream = (0, None);
        let mut curve = (0, 0);
        let (mut stereo, mut end) = (0, 0);
        // The present minute, and how many parts began in it.
        let mut minute = (0, 0);
        for (n, frame) in sound(frames).enumerate() {
            let (frame, samples) = frame?;
            stereo += if roomtone_media::ogg::is_stereo(&frame.payload) { samples } else { 0 };
            // None is placed later than it came.
            end = end.max(arrived(&frame).saturating_add(samples));
            let (time, offset) = (frame.time as i64, offset(&frame));
            let now = arrived(&frame) / MINUTE;
            if now != minute.0 {
                minute = (now, 0);
            } else if minute.1 > PARTS_MAX {
                continue;
            }
            let expected = curve.1 + drift(curve.0, time);
            let late = offset.wrapping_sub(expected);
            let stretch = Some((frame.run, frame.seq >> 32));
            let goes_on = stream.1 == stretch && (-EARLY_MAX..=LATE_MAX).contains(&late);
            curve = (time, if goes_on { offset.min(expected) } else { offset });
            if !goes_on {
                stream = (stream.0 + 1, stretch);
            }
            match parts.last_mut() {
                Some(part) if goes_on && time.wrapping_sub(part.began) < PART => {
                    if offset < part.offset {
                        (part.time, part.offset) = (time, offset);
                    }
                }
                _ => {
                    minute.1 += 1;
                    let wild = minute.1 > PARTS_MAX;
                    if wild {
                        // Nothing goes on with it.
                        stream = (stream.0 + 1, None);
                    }
                    let (from, run) = (n as u64, frame.run);
                    parts.push(Part { from, began: time, stream: stream.0, run, time, offset, wild });
                }
            }
        }
        Ok(Self { segments: segments(&parts), end, stereo: stereo >= 2 * RATE })
    }

    /// The offset at the media time of the `n`th packet.
    fn offset(&self, n: u64, frame: &TrackFrame) -> i64 {
        let time = frame.time as i64;
        let segment = self.segments.partition_point(|segment| segment.from <= n).checked_sub(1);
        let knots = segment.and_then(|at| self.segments.get(at)).map_or(&[][..], |segment| &*segment.knots);
        let after = knots.partition_point(|knot| knot.0 <= time);
        match (after.checked_sub(1).and_then(|at| knots.get(at)), knots.get(after)) {
            (Some(&(from, one)), Some(&(to, other))) => {
                let part = i128::from(time - from) * i128::from(other - one) / i128::from(to - from);
                one + part as i64
            }
            (Some(&(_, offset)), None) | (None, Some(&(_, offset))) => offset,
            (None, None) => offset(frame),
        }
    }

    /// The packets of the track, which is read once more, in the order in which they are played.
    pub(super) fn place<I: Iterator<Item = io::Result<TrackFrame>>>(&self, frames: I) -> Placing<'_, I> {
        Placing { clock: self, frames, n: 0, held: BTreeMap::new(), before: None }
    }
}

/// The curves below the offsets of all parts, by where a new one begins.
fn segments(parts: &[Part]) -> Vec<Segment> {
    // Below all that comes later in the same stream.
    let mut below: Vec<i64> = parts.iter().map(|part| part.offset).collect();
    for n in (1..parts.len()).rev() {
        if parts[n - 1].stream == parts[n].stream {
            below[n - 1] = below[n - 1].min(below[n] + drift(parts[n - 1].time, parts[n].time));
        }
    }
    let mut segments: Vec<Segment> = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let offset = below[n];
        let before = n.checked_sub(1).and_then(|n| parts.get(n)).zip(segments.last_mut());
        if let Some((before, segment)) = before
            && before.run == part.run
            && !part.wild
            && let Some(&(time, curve)) = segment.knots.last()
        {
            let slack = drift(time, part.time);
            let step = offset.wrapping_sub(curve);
            // A fall within a stream is a network that has become faster. Other streams may have the same media time, as those of
            // somebody do who falls silent and talks again.
            if step <= STEP + slack && (before.stream == part.stream || step >= -STEP - slack) {
                if part.time > time {
                    segment.knots.push((part.time, offset.min(curve + slack)));
                }
                continue;
            }
        }
        let knots = if part.wild { Vec::new() } else { vec![(part.time, offset)] };
        segments.push(Segment { from: part.from, knots });
    }
    for segment in &mut segments {
        for n in (1..segment.knots.len()).rev() {
            let ((time, curve), (later, offset)) = (segment.knots[n - 1], segment.knots[n]);
            segment.knots[n - 1].1 = curve.min(offset + drift(time, later));
        }
    }
    segments
}

/// Packets in the order in which they are played.
#[derive(Debug)]
pub(super) struct Placing<'a, I> {
    clock: &'a Clock,
    frames: I,
    /// How many packets were read.
    n: u64,
    /// What was read and is not given out yet, by its place and by when it came.
    held: BTreeMap<(u64, u64), (TrackFrame, u64)>,
    /// Of the last packet that was given out: run, number, and the media time of its end.
    before: Option<(u32, u64, u64)>,
}

impl<I: Iterator<Item = io::Result<TrackFrame>>> Iterator for Placing<'_, I> {
    type Item = io::Result<Placed>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.held.len() < HELD {
            let (frame, samples) = match sound(&mut self.frames).next() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(read)) => read,
            };
            let time = frame.time as i64;
            // What came at once may be taken to have been said before the recording began.
            let at = time.wrapping_add(self.clock.offset(self.n, &frame)).max(0).unsigned_abs();
            self.held.insert((at, self.n), (frame, samples));
            self.n += 1;
        }
        let ((at, _), (frame, samples)) = self.held.pop_first()?;
        let same = self.before.filter(|(run, number, _)| *run == frame.run && number >> 32 == frame.seq >> 32);
        let placed = Placed {
            at,
            samples,
            follows: same.is_some_and(|(_, _, end)| end == frame.time),
            lost: same.is_some_and(|(_, number, _)| frame.seq > number + 1),
            payload: frame.payload,
        };
        self.before = Some((frame.run, frame.seq, frame.time.wrapping_add(samples)));
        Some(Ok(placed))
    }
}

/// Those frames that are Opus packets, with how long they are in samples.
fn sound(frames: impl Iterator<Item = io::Result<TrackFrame>>) -> impl Iterator<Item = io::Result<(TrackFrame, u64)>> {
    frames.filter_map(|frame| match frame {
        Ok(frame) => opus_duration_samples(&frame.payload).map(|samples| Ok((frame, samples.into()))),
        Err(error) => Some(Err(error)),
    })
}

/// What has to be added to a packet's media time for when it arrived. Media times are any 64 bits, so all of this wraps.
fn offset(frame: &TrackFrame) -> i64 {
    (arrived(frame) as i64).wrapping_sub(frame.time as i64)
}

/// When a packet arrived, in samples since the recording began.
fn arrived(frame: &TrackFrame) -> u64 {
    (frame.at.as_micros() * u128::from(RATE) / 1_000_000) as u64
}

/// How far the clocks may have drifted apart between two media times.
fn drift(from: i64, to: i64) -> i64 {
    (to.wrapping_sub(from).saturating_abs() / DRIFT).min(LATE_MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// A packet of 20 ms: said at this time in microseconds, when its sender's clock showed `time`, and on its way for so many.
    fn frame(stretch: u64, n: u64, time: u64, said: u64, way: u64) -> TrackFrame {
        let payload = vec![31 << 3, n as u8, (n >> 8) as u8];
        TrackFrame { run: 0, at: Duration::from_micros(said + way), seq: stretch << 32 | n, time, level: 20, payload }
    }

    fn placed(frames: &[TrackFrame]) -> Vec<Placed> {
        let read = || frames.iter().cloned().map(Ok);
        let clock = Clock::of(read()).unwrap();
        clock.place(read()).map(Result::unwrap).collect()
    }

    /// Milliseconds of a place.
    fn ms(at: u64) -> f64 {
        at as f64 / 48.0
    }

    /// Delays as networks have them: most packets wait a little, some much; always the same ones.
    fn way(n: u64) -> u64 {
        let dice = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let jitter = dice % 12_000;
        20_000 + if dice.is_multiple_of(50) { jitter * 15 } else { jitter }
    }

    #[test]
    fn clocks_that_drift_are_followed() {
        for ppm in [-100, 0, 50] {
            let said = |n: u64| n * 20_000;
            let time = |n: u64| (7_000_000 + said(n) as i64 * 48 / 1_000 * (1_000_000 + ppm) / 1_000_000) as u64;
            // Talks for a minute or so and is silent for another, for an hour; each time is a stretch. Every tenth packet is lost.
            let frames: Vec<_> = (0..180_000)
                .filter(|n| n / 3_000 % 2 == 0 && n % 10 != 3)
                .map(|n| frame(n / 6_000, n, time(n), said(n), way(n)))
                .collect();
            let all = placed(&frames);
            assert_eq!(all.len(), frames.len());
            for (placed, frame) in all.iter().zip(&frames) {
                let said = (frame.seq & 0xffff_ffff) as f64 * 20.0 + 20.0;
                assert!((ms(placed.at) - said).abs() < 4.0, "{ppm}: {} for {said}", ms(placed.at));
            }
        }
    }

    #[test]
    fn a_short_word_is_where_it_was_said_though_every_packet_of_it_was_late() {
        let said = |n: u64| n * 20_000;
        let talks = |n: u64| frame(n / 1_000, n, n * 960, said(n), 20_000 + n % 7 * 1_000);
        let mut frames: Vec<_> = (0..500).chain(3_000..3_500).map(talks).collect();
        // Three packets in between, in a stretch of their own.
        frames.splice(500..500, (1_500..1_503).map(|n| frame(1, n, n * 960, said(n), 75_000)));
        let word = &placed(&frames)[500];
        assert!((ms(word.at) - 30_020.0).abs() < 8.0, "{}", ms(word.at));
    }

    #[test]
    fn a_media_time_that_stood_still_is_a_new_beginning() {
        // After ten seconds the device is changed: for 300 ms nothing is said, and the media time does not know of it.
        let said = |n: u64| n * 20_000 + if n < 500 { 0 } else { 300_000 };
        let frames: Vec<_> = (0..1_000).map(|n| frame(1, n, n * 960, said(n), way(n))).collect();
        for (n, placed) in placed(&frames).iter().enumerate() {
            let said = said(n as u64) as f64 / 1_000.0 + 20.0;
            assert!((ms(placed.at) - said).abs() < 4.0, "{n}: {} for {said}", ms(placed.at));
        }
        // A network that is slow for a minute is not: what comes later shows it.
        let slow = |n: u64| if (1_000..4_000).contains(&n) { way(n) + 150_000 } else { way(n) };
        let frames: Vec<_> = (0..6_000).map(|n| frame(1, n, n * 960, n * 20_000, slow(n))).collect();
        for (n, placed) in placed(&frames).iter().enumerate() {
            assert!((ms(placed.at) - n as f64 * 20.0 - 20.0).abs() < 15.0, "{n}: {}", ms(placed.at));
        }
    }

    #[test]
    fn what_redundancy_brought_back_is_put_in_its_place() {
        let mut frames: Vec<_> = (0..100).map(|n| frame(1, n, n * 960, n * 20_000, 20_000)).collect();
        frames.swap(40, 41);
        (frames[41].at, frames[40].at) = (frames[40].at, frames[40].at);
        frames.remove(70);
        let all = placed(&frames);
        assert!(all.is_sorted_by_key(|placed| placed.at));
        let marks: Vec<_> = all.iter().map(|placed| placed.payload[1]).collect();
        assert_eq!(marks, (0..100).filter(|n| *n != 70).collect::<Vec<u8>>());
        let odd: Vec<_> =
            all.iter().filter(|placed| !placed.follows).map(|placed| (placed.payload[1], placed.lost)).collect();
        assert_eq!(odd, [(0, false), (71, true)]);
    }

    #[test]
    fn runs_have_nothing_to_do_with_each_other() {
        // The same media times again an hour later, by a server that was started anew.
        let first = (0..100).map(|n| frame(1, n, n * 960, n * 20_000, 20_000));
        let second =
            (0..100).map(|n| TrackFrame { run: 1, ..frame(1, n, n * 960, 3_600_000_000 + n * 20_000, 20_000) });
        let all = placed(&first.chain(second).collect::<Vec<_>>());
        assert_eq!((ms(all[99].at), ms(all[100].at)), (2_000.0, 3_600_020.0));
        assert!(!all[100].follows && !all[100].lost);
        // Also where their times happen to be close, and 40 ms too early would not be noticed.
        let first = (0..100).map(|n| frame(1, n, n * 960, n * 20_000, 20_000));
        let second = (100..200).map(|n| TrackFrame { run: 1, ..frame(1, n, n * 960, n * 20_000, 60_000) });
        let all = placed(&first.chain(second).collect::<Vec<_>>());
        assert_eq!((ms(all[99].at), ms(all[100].at)), (2_000.0, 2_060.0));
    }

    /// Whoever claims another media time with each packet costs no more memory than others, and is where their packets came.
    #[test]
    fn media_times_that_jump_about_cost_nothing() {
        const MINUTES: u64 = 5;
        let wild = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // 150 packets a second; then somebody whose clock works.
        let bad = (0..MINUTES * 9_000).map(|n| frame(1, n, wild(n), n * 6_667, 0));
        let began = MINUTES * 60_100_000;
        let good = (0..3_000).map(|n| frame(2, n, n * 960, began + n * 20_000, way(n)));
        let frames: Vec<_> = bad.chain(good).collect();
        let read = || frames.iter().cloned().map(Ok);
        let clock = Clock::of(read()).unwrap();
        let most = (MINUTES + 2) * u64::from(PARTS_MAX + 1);
        assert!((clock.segments.len() as u64) < most, "{} parts", clock.segments.len());
        let all: Vec<_> = clock.place(read()).map(Result::unwrap).collect();
        assert_eq!(all.len(), frames.len());
        let bad = (MINUTES * 9_000) as usize;
        // In order to within what is held back.
        for (n, placed) in all.iter().enumerate().take(bad) {
            assert!((ms(placed.at) - n as f64 * 6.667).abs() < 2_600.0, "{n}: {}", ms(placed.at));
        }
        for (n, placed) in all.iter().enumerate().skip(bad) {
            let said = (began / 1_000) as f64 + (n - bad) as f64 * 20.0 + 20.0;
            assert!((ms(placed.at) - said).abs() < 4.0, "{n}: {} for {said}", ms(placed.at));
        }
    }

    proptest! {
        /// Whatever media times are claimed: nothing is far from when it came, and nothing overflows.
        #[test]
        fn a_wrong_media_time_moves_nothing_far(
            times in prop::collection::vec(prop_oneof![any::<u64>(), 0..10_000_000_u64], 1..60),
            stretches in prop::collection::vec(0..3_u64, 60),
        ) {
            let frames: Vec<_> = times.iter().enumerate().map(|(n, &time)| {
                frame(stretches[n], n as u64, time, n as u64 * 20_000, 0)
            }).collect();
            let all = placed(&frames);
            prop_assert_eq!(all.len(), frames.len());
            for placed in all {
                let came = f64::from(placed.payload[1]) * 20.0;
                prop_assert!((ms(placed.at) - came).abs() < 2_600.0, "{} for {}", ms(placed.at), came);
            }
        }
    }
}
