//! One voice slot of a listen leg: how a succession of talkers becomes one RTP stream without a seam.
//!
//! A slot's stream is made of segments. A segment is a stretch of one talker's packets, mapped by adding one constant to
//! the sequence number and one to the time. Where a segment begins, the sequence number goes on without a gap and the time
//! moves on by what has elapsed. Within a segment a lost packet stays a gap, so that the listener conceals it or asks for
//! it. Every index is given to one packet only, which is what sealing rests on (RFC 7714, section 8.2).

use std::time::{Duration, Instant};

use roomtone_room::ids::TalkerNo;

use crate::feed::Feed;
use crate::frame::Frame;
use crate::shard::ListenSlot;
use crate::stage::opus_duration_samples;

/// Segments that are remembered for resends. With a talker change every 200 ms, four are as long as the ring.
const SEGMENTS: usize = 4;

/// The longest gap that is passed on, in packets: one second. A longer one is a new segment, because a receiver that has
/// heard nothing for so long resets anyway, and because large jumps endanger its rollover counter (RFC 3711, section 3.3.1).
const GAP_MAX: u64 = 50;

/// The longest pause within a segment. After a longer one the time of the stream is set anew by what has elapsed, whatever
/// the talker's own clock did meanwhile, and a marker tells of a new talk spurt. Opus sends a packet each 400 ms in silence.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How far a talker's clock may be off what has elapsed between two packets, and the stream's from what has elapsed
/// since it began, in samples of 48 kHz: one second. More follows stranger clocks; less takes jitter for a jump.
const STRAY_MAX: u32 = 48_000;

/// Samples of 48 kHz in a packet that does not say how long it is.
const STEP: u32 = 960;

/// The number of the stretch that a frame belongs to. The upper half of [`Frame::seq`] changes when its talker begins
/// to be forwarded again, with another stream or after packets that were kept back: those are no loss.
fn stretch(seq: u64) -> u64 {
    seq >> 32
}

/// One stretch of one talker in a slot's stream.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// What the leg followed: each feed numbers its packets anew.
    feed: Feed,
    /// Whether a talk spurt begins with it.
    marker: bool,
    talker: TalkerNo,
    first_in: u64,
    first_out: u64,
    time_offset: u32,
}

impl Segment {
    fn is_of(&self, feed: Feed, frame: &Frame) -> bool {
        self.feed == feed && self.is_near(frame)
    }

    /// Whether the frame is of the same talker and stretch, which then have one clock, in this feed or another.
    fn is_near(&self, frame: &Frame) -> bool {
        self.talker == frame.talker && stretch(self.first_in) == stretch(frame.seq)
    }
}

/// The newest packet of a slot's stream.
#[derive(Debug, Clone, Copy)]
struct Newest {
    /// When its frame arrived.
    arrived: Instant,
    /// Its time in this stream.
    time: u32,
    /// How long it plays, in samples of 48 kHz.
    samples: u32,
}

/// Where a frame goes in the slot's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// 48-bit SRTP index: rollover counter and sequence number.
    pub(crate) index: u64,
    /// RTP timestamp.
    pub(crate) time: u32,
    /// First packet of a talk spurt.
    pub(crate) marker: bool,
}

/// A packet that was sent, found again by its sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The feed that it came from.
    pub(crate) feed: Feed,
    /// Whose frame it carried.
    pub(crate) talker: TalkerNo,
    /// The frame's number.
    pub(crate) seq: u64,
    index: u64,
    time_offset: u32,
    marker: bool,
}

/// One voice slot of one listen leg.
#[derive(Debug)]
pub(crate) struct Slot {
    /// What was negotiated.
    pub(crate) line: ListenSlot,
    /// Newest first.
    segments: [Option<Segment>; SEGMENTS],
    /// The index after the highest one given out.
    next: u64,
    /// Bit n: index `next - 1 - n` was given out.
    given: u64,
    /// Likewise: it was sent with redundancy, and so cannot be made again from its frame alone.
    redundant: u64,
    /// How many of those before them packets carry as well (RFC 2198).
    pub(crate) repeats: u64,
    /// A frame of the current talker was left out on purpose: their next one begins a segment.
    interrupted: bool,
    /// When the first packet was sent, and its time: the clock of the stream.
    began: Option<(Instant, u32)>,
    newest: Option<Newest>,
    /// Packets sent, for sender reports.
    pub(crate) packets: u32,
    /// Payload bytes sent, for sender reports.
    pub(crate) octets: u32,
}

impl Slot {
    pub(crate) fn new(line: ListenSlot) -> Self {
        Self {
            line,
            segments: [None; SEGMENTS],
            next: u64::from(line.seq),
            given: 0,
            redundant: 0,
            repeats: 0,
            interrupted: false,
            began: None,
            newest: None,
            packets: 0,
            octets: 0,
        }
    }

    /// Gives a frame of a feed its place. `None`: it is a repetition, or too late to be of use.
    pub(crate) fn place(&mut self, feed: Feed, frame: &Frame) -> Option<Place> {
        if let Some(segment) = self.segments[0]
            && segment.is_of(feed, frame)
        {
            let ahead = frame.seq.checked_sub(segment.first_in)?;
            let index = segment.first_out + ahead;
            if index < self.next {
                return self.place_late(segment, frame, index);
            }
            let strayed = self.strayed((frame.time as u32).wrapping_add(segment.time_offset), frame.arrived);
            if index - self.next <= GAP_MAX && !self.interrupted && !self.paused(frame) && !strayed {
                self.give(index);
                return Some(self.at(segment, frame, index));
            }
        } else if self.is_of_the_past(feed, frame) {
            return None;
        }
        self.begin(feed, frame)
    }

    /// Says that a frame was left out on purpose, so that the gap it leaves is not taken for a loss.
    pub(crate) fn skip(&mut self, frame: &Frame) {
        if self.segments[0].is_some_and(|segment| segment.is_near(frame)) {
            self.interrupted = true;
        }
    }

    /// Whether the packet with the newest place may carry the one `back` packets before it: that is of the same segment,
    /// and was sent.
    pub(crate) fn may_repeat(&self, place: Place, back: u64) -> bool {
        let is_newest = place.index + 1 == self.next;
        let of_segment = self.segments[0].is_some_and(|segment| place.index >= segment.first_out + back);
        is_newest && of_segment && back < 64 && self.given >> back & 1 == 1
    }

    /// Says that the newest packet carries others.
    pub(crate) fn repeated(&mut self) {
        self.redundant |= 1;
    }

    /// The index that was last sent under this sequence number, if it is recent enough.
    pub(crate) fn index_of(&self, seq: u16) -> Option<u64> {
        Some(self.next - 1 - self.age(seq)?)
    }

    /// How many packets ago one was sent; `None` if it was not, or more than 64 ago.
    fn age(&self, seq: u16) -> Option<u64> {
        let newest = self.next.checked_sub(1)?;
        let age = u64::from((newest as u16).wrapping_sub(seq));
        (age < 64 && self.given >> age & 1 == 1).then_some(age)
    }

    /// The packet that was last sent under this sequence number, if it is recent enough and had no redundancy.
    pub(crate) fn sent(&self, seq: u16) -> Option<Sent> {
        let age = self.age(seq).filter(|age| self.redundant >> age & 1 == 0)?;
        let index = self.next - 1 - age;
        let segment = self.segments.iter().flatten().find(|s| s.first_out <= index)?;
        Some(Sent {
            feed: segment.feed,
            talker: segment.talker,
            seq: segment.first_in + (index - segment.first_out),
            index,
            time_offset: segment.time_offset,
            marker: segment.marker && index == segment.first_out,
        })
    }

    /// The stream's time at `now` (RFC 3550, section 6.4.1), if anything was sent.
    pub(crate) fn time_at(&self, now: Instant) -> Option<u32> {
        self.newest.map(|newest| newest.time_at(now))
    }

    /// Whether the talker has sent nothing for so long that this is a new talk spurt.
    fn paused(&self, frame: &Frame) -> bool {
        self.newest.is_some_and(|newest| frame.arrived.saturating_duration_since(newest.arrived) > PAUSE_MAX)
    }

    /// Whether a time is far from what has elapsed since the newest packet: the talker's clock has jumped.
    fn strayed(&self, time: u32, arrived: Instant) -> bool {
        self.newest.is_some_and(|newest| is_far(time, newest.time_at(arrived)))
    }

    fn place_late(&mut self, segment: Segment, frame: &Frame, index: u64) -> Option<Place> {
        let age = self.next - 1 - index;
        if age >= 64 || self.given >> age & 1 == 1 {
            return None;
        }
        self.given |= 1 << age;
        Some(Place {
            index,
            time: (frame.time as u32).wrapping_add(segment.time_offset),
            // The first of a segment is what began it.
            marker: false,
        })
    }

    /// Whether a frame belongs to what earlier segments have already carried.
    fn is_of_the_past(&self, feed: Feed, frame: &Frame) -> bool {
        self.segments.windows(2).any(|pair| match (pair[0], pair[1]) {
            (Some(newer), Some(older)) => {
                let end = older.first_in + (newer.first_out - older.first_out);
                older.is_of(feed, frame) && frame.seq < end
            }
            _ => false,
        })
    }

    fn begin(&mut self, feed: Feed, frame: &Frame) -> Option<Place> {
        let moved = self.segments[0].filter(|segment| segment.feed != feed && segment.is_near(frame));
        let offset = match moved.filter(|segment| self.goes_on(*segment, frame)) {
            // The leg has changed feeds in the middle of what somebody says.
            Some(segment) if self.overlaps((frame.time as u32).wrapping_add(segment.time_offset)) => return None,
            Some(segment) => Ok(segment.time_offset),
            None => Err(self.time_of_segment(frame).wrapping_sub(frame.time as u32)),
        };
        let segment = Segment {
            feed,
            marker: offset.is_err(),
            talker: frame.talker,
            first_in: frame.seq,
            first_out: self.next,
            time_offset: offset.unwrap_or_else(|offset| offset),
        };
        self.segments.rotate_right(1);
        self.segments[0] = Some(segment);
        self.interrupted = false;
        self.give(self.next);
        Some(self.at(segment, frame, segment.first_out))
    }

    /// Whether a segment's clock counts for a frame of another feed as well.
    fn goes_on(&self, segment: Segment, frame: &Frame) -> bool {
        let time = (frame.time as u32).wrapping_add(segment.time_offset);
        !self.interrupted && !self.paused(frame) && !self.strayed(time, frame.arrived)
    }

    /// Whether a time is before the end of the newest packet.
    fn overlaps(&self, time: u32) -> bool {
        self.newest.is_some_and(|newest| (time.wrapping_sub(newest.end()) as i32) < 0)
    }

    /// The time of the first packet of a segment: moved on by what has elapsed.
    fn time_of_segment(&mut self, frame: &Frame) -> u32 {
        let (Some((at, first)), Some(newest)) = (self.began, self.newest) else {
            self.began = Some((frame.arrived, self.line.time));
            return self.line.time;
        };
        let expected = newest.time_at(frame.arrived);
        // By the stream's own clock, so that the jitter of one packet does not stay in it; unless a talker has led it
        // astray, for then the next one's pause would come out shorter or longer than it was.
        let clock = first.wrapping_add(samples(frame.arrived.saturating_duration_since(at)));
        let due = if is_far(clock, expected) { expected } else { clock };
        // Never backwards, and never two packets for one moment.
        let time = if !self.paused(frame) && self.overlaps(due) { newest.end() } else { due };
        if is_far(clock, time) {
            self.began = Some((frame.arrived, time));
        }
        time
    }

    fn give(&mut self, index: u64) {
        let step = index + 1 - self.next;
        let moved = |bits: u64| if step < 64 { bits << step } else { 0 };
        (self.given, self.redundant) = (moved(self.given) | 1, moved(self.redundant));
        self.next = index + 1;
    }

    fn at(&mut self, segment: Segment, frame: &Frame, index: u64) -> Place {
        let time = (frame.time as u32).wrapping_add(segment.time_offset);
        let samples = opus_duration_samples(&frame.payload).unwrap_or(STEP);
        self.newest = Some(Newest { arrived: frame.arrived, time, samples });
        Place { index, time, marker: segment.marker && index == segment.first_out }
    }
}

impl Newest {
    /// The stream's time at a moment after it.
    fn time_at(&self, now: Instant) -> u32 {
        self.time.wrapping_add(samples(now.saturating_duration_since(self.arrived)))
    }

    /// The time after its last sample.
    fn end(&self) -> u32 {
        self.time.wrapping_add(self.samples)
    }
}

impl Sent {
    /// Where the packet with this frame went, exactly as when it was first sent.
    pub(crate) fn place(&self, frame: &Frame) -> Place {
        Place { index: self.index, time: (frame.time as u32).wrapping_add(self.time_offset), marker: self.marker }
    }
}

/// Whether two times of a stream are more than [`STRAY_MAX`] apart.
fn is_far(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32).unsigned_abs() > STRAY_MAX
}

/// Samples of 48 kHz in a duration, modulo 2^32.
fn samples(duration: Duration) -> u32 {
    (duration.as_micros() * 48 / 1000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{ROOM, start};
    use std::sync::Arc;

    const LINE: ListenSlot =
        ListenSlot { payload_type: 111, red: Some(63), level_ext: None, nack: true, ssrc: 1, seq: 10, time: 1000 };

    /// Frame `seq` of a stretch of a talker that arrives at a millisecond; its media time is `seq` times 20 ms.
    fn frame(start: Instant, talker: u32, stretch: u64, seq: u64, at: u64) -> Frame {
        Frame {
            room: ROOM,
            talker: TalkerNo(talker),
            slot: 0,
            dominant: true,
            seq: stretch << 32 | seq,
            time: seq * 960,
            level: 20,
            arrived: start + Duration::from_millis(at),
            payload: Arc::from([0x78; 4]),
        }
    }

    type Step = ((u32, u64, u64, u64), Option<(u64, u32, bool)>);

    /// Places one frame after another and compares index, time and marker; what was placed must be found again.
    fn check(steps: &[Step]) {
        let start = start();
        let mut slot = Slot::new(LINE);
        for (n, ((talker, stretch, seq, at), expected)) in steps.iter().enumerate() {
            let frame = frame(start, *talker, *stretch, *seq, *at);
            let place = slot.place(Feed::PLAIN, &frame);
            assert_eq!(place.map(|p| (p.index, p.time, p.marker)), *expected, "step {n}");
            if let Some(place) = place {
                let sent = slot.sent(place.index as u16).unwrap();
                assert_eq!((sent.talker, sent.seq, sent.place(&frame)), (frame.talker, frame.seq, place), "step {n}");
            }
        }
    }

    #[test]
    fn losses_stay_gaps_and_late_packets_fill_them() {
        check(&[
            ((1, 0, 500, 0), Some((10, 1000, true))),
            ((1, 0, 501, 20), Some((11, 1960, false))),
            ((1, 0, 504, 80), Some((14, 4840, false))),
            ((1, 0, 502, 81), Some((12, 2920, false))),
            ((1, 0, 502, 82), None),
            ((1, 0, 504, 83), None),
            // From before the segment.
            ((1, 0, 499, 84), None),
        ]);
    }

    #[test]
    fn a_new_talker_goes_on_where_the_former_stopped() {
        check(&[
            ((1, 0, 500, 0), Some((10, 1000, true))),
            // 100 ms later: 4800 samples.
            ((2, 9, 7, 100), Some((11, 5800, true))),
            ((2, 9, 8, 120), Some((12, 6760, false))),
            // Late packets of the former talker stay out; new ones take the slot back.
            ((1, 0, 500, 121), None),
            ((1, 0, 501, 121), Some((13, 7720, true))),
            ((1, 0, 502, 141), Some((14, 8680, false))),
            // Another stretch of the same talker: no gap, however far its numbers are.
            ((1, 1, 900, 1000), Some((15, 49_000, true))),
            ((1, 1, 3, 1001), None),
        ]);
    }

    #[test]
    fn a_gap_of_more_than_a_second_is_closed() {
        check(&[
            ((1, 0, 500, 0), Some((10, 1000, true))),
            ((1, 0, 551, 1000), Some((61, 49_960, false))),
            ((1, 0, 603, 1990), Some((62, 96_520, true))),
            ((1, 0, 552, 1991), None),
        ]);
    }

    #[test]
    fn after_a_pause_time_is_set_anew() {
        check(&[
            ((1, 0, 500, 0), Some((10, 1000, true))),
            // A second: the talker's own clock counts, even if it has stood still.
            ((1, 0, 501, 1000), Some((11, 1960, false))),
            ((1, 0, 502, 2001), Some((12, 97_048, true))),
            ((1, 0, 503, 2021), Some((13, 98_008, false))),
            ((1, 0, 501, 2022), None),
        ]);
    }

    #[test]
    fn a_change_of_feeds_is_no_new_talk_spurt() {
        let start = start();
        let mut slot = Slot::new(LINE);
        let feed = Feed::packed().next().unwrap();
        let mut place = |feed, frame: &Frame| slot.place(feed, frame).map(|p| (p.index, p.time, p.marker));
        let at = |seq, time: u64, millis| Frame { time: time * 960, ..frame(start, 1, 0, seq, millis) };
        assert_eq!(place(Feed::PLAIN, &at(500, 500, 0)), Some((10, 1000, true)));
        assert_eq!(place(Feed::PLAIN, &at(501, 501, 20)), Some((11, 1960, false)));
        // The other feed has numbers of its own; of what was sent already, nothing is sent again.
        assert_eq!(place(feed, &at(7, 501, 20)), None);
        assert_eq!(place(feed, &at(8, 502, 40)), Some((12, 2920, false)));
        assert_eq!(place(feed, &at(9, 503, 60)), Some((13, 3880, false)));
        assert_eq!(place(Feed::PLAIN, &at(503, 503, 60)), None);
        assert_eq!(place(Feed::PLAIN, &at(504, 504, 80)), Some((14, 4840, false)));
        // After a pause it is one, whatever the feed.
        assert_eq!(place(feed, &at(10, 505, 1100)), Some((15, 53_800, true)));
    }

    #[test]
    fn a_clock_that_jumps_disturbs_nobody_else() {
        let start = start();
        let mut slot = Slot::new(LINE);
        let jumped = |talker, seq, time, at| Frame { time, ..frame(start, talker, 0, seq, at) };
        let mut place = |frame: Frame| slot.place(Feed::PLAIN, &frame).map(|p| (p.index, p.time, p.marker));
        assert_eq!(place(jumped(1, 0, 5_000, 0)), Some((10, 1000, true)));
        // Ten hours ahead, and back: each a new talk spurt after the time that has really passed.
        assert_eq!(place(jumped(1, 1, 1_728_005_960, 20)), Some((11, 1960, true)));
        assert_eq!(place(jumped(1, 2, 6_920, 40)), Some((12, 2920, true)));
        // A second ahead every 20 ms is followed, but the next talker's pause is as long as it was.
        let mut last = 2920;
        for n in 3..53 {
            last += 48_000;
            assert_eq!(place(jumped(1, n, 6_920 + (n - 2) * 48_000, n * 20)), Some((10 + n, last, false)));
        }
        assert_eq!(place(jumped(2, 0, 0, 1040 + 500)), Some((63, last + 24_000, true)));
        assert_eq!(place(jumped(3, 0, 0, 1040 + 700)), Some((64, last + 33_600, true)));
    }

    #[test]
    fn time_moves_on_after_half_a_day_of_silence() {
        let start = start();
        let mut slot = Slot::new(LINE);
        slot.place(Feed::PLAIN, &frame(start, 1, 0, 0, 0));
        let later = 13 * 3600 * 1000;
        let place = slot.place(Feed::PLAIN, &frame(start, 2, 0, 0, later)).unwrap();
        assert_eq!(place.time, (1000 + later * 48) as u32);
    }

    #[test]
    fn a_new_talker_begins_after_the_last_sample_of_the_former() {
        let start = start();
        let mut slot = Slot::new(LINE);
        // 120 ms in one packet (code 3, six frames of 20 ms), and another talker 20 ms later.
        let long = Frame { payload: Arc::from([0x7B, 6, 0, 0]), ..frame(start, 1, 0, 0, 0) };
        assert_eq!(slot.place(Feed::PLAIN, &long).unwrap().time, 1000);
        assert_eq!(slot.place(Feed::PLAIN, &frame(start, 2, 0, 0, 20)).unwrap().time, 1000 + 5760);
    }

    #[test]
    fn what_was_left_out_on_purpose_is_no_gap() {
        let start = start();
        let mut slot = Slot::new(LINE);
        slot.place(Feed::PLAIN, &frame(start, 1, 0, 500, 0));
        slot.skip(&frame(start, 1, 0, 501, 20));
        slot.skip(&frame(start, 2, 0, 501, 20));
        let place = slot.place(Feed::PLAIN, &frame(start, 1, 0, 502, 40)).unwrap();
        assert_eq!((place.index, place.marker), (11, true));
        assert_eq!(slot.place(Feed::PLAIN, &frame(start, 1, 0, 501, 41)), None);
        assert!(slot.sent(9).is_none() && slot.sent(12).is_none());
    }

    #[test]
    fn old_packets_are_not_found() {
        let start = start();
        let mut slot = Slot::new(LINE);
        assert!(slot.sent(9).is_none());
        (0..100).for_each(|n| assert!(slot.place(Feed::PLAIN, &frame(start, 1, 0, n, n * 20)).is_some()));
        assert!(slot.sent(45).is_none(), "more than 64 packets ago");
        assert_eq!(slot.sent(46).unwrap().seq, 36);
        assert!(slot.place(Feed::PLAIN, &frame(start, 1, 0, 30, 2000)).is_none());
    }

    proptest::proptest! {
        /// Whatever comes: no index is given to two frames, and what is found again is what was sent.
        #[test]
        fn an_index_is_given_once(steps: Vec<(u8, u8, u16, bool)>) {
            let start = start();
            let mut slot = Slot::new(LINE);
            let mut given = std::collections::HashMap::new();
            for (n, (talker, stretch, seq, skip)) in steps.into_iter().enumerate() {
                let feed = Feed::of(crate::feed::Tier::Ms60).nth(usize::from(talker / 3 % 3)).unwrap();
                let (talker, stretch) = (u32::from(talker % 3), u64::from(stretch % 3));
                let frame = frame(start, talker, stretch, u64::from(seq % 200), n as u64);
                if skip && seq % 5 == 0 {
                    slot.skip(&frame);
                } else if let Some(place) = slot.place(feed, &frame) {
                    let what = (feed, frame.talker, frame.seq);
                    proptest::prop_assert_eq!(given.insert(place.index, what), None);
                    proptest::prop_assert_eq!(slot.sent(place.index as u16).unwrap().place(&frame), place);
                    let newest = *given.keys().max().unwrap();
                    for (index, what) in given.iter().filter(|(index, _)| newest - **index < 32) {
                        if let Some(sent) = slot.sent(*index as u16) {
                            proptest::prop_assert_eq!((sent.feed, sent.talker, sent.seq), *what);
                        }
                    }
                }
            }
        }
    }
}
