//! One talker's packets in, as they come from a network; their sound out, 20 ms at a time.
//!
//! What comes is held back for a little while, so that what comes late is there in time. Where a packet is missing its sound is made
//! up by libopus, from what the next one says of it if that is there (RFC 6716, section 2.1.7). Where they keep coming later than
//! that, more is held back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opus::{Channels, Decoder};
use roomtone_media::frame::Frame;
use roomtone_media::ogg::is_stereo;
use roomtone_media::stage::opus_duration_samples;

/// Samples of 48 kHz, of each channel, that are made at once: 20 ms.
pub(super) const TURN: usize = 960;

/// How many numbers these are: left and right in turns.
pub(super) const BLOCK: usize = 2 * TURN;

/// How long a talker's first packet is held back. Longer has later ones there in time on worse networks; shorter is heard sooner.
const HELD: Duration = Duration::from_millis(60);

/// The same in samples.
const HELD_SAMPLES: u64 = 60 * 48;

/// How much more than that may wait, for as long as [`TRIM_AFTER`], until 20 ms of it are left out, in samples.
const SPARE: u64 = 40 * 48;

/// Turns in all of which more than enough waits before something is left out. Fewer comes back to a short delay sooner; more bears
/// networks that have their good moments.
const TRIM_AFTER: u32 = 100;

/// Packets that may wait; the oldest goes first. More bridges longer stalls; fewer bounds the delay that stays after one.
const WAITING_MAX: usize = 15;

/// Turns for which sound is made up when nothing comes, before it is silence. libopus has faded it by then.
const MADE_UP_MAX: u32 = 5;

/// A longer gap in the media time, in samples, is not played: the talker begins anew behind it.
const GAP_MAX: u64 = 24_000;

/// The shortest sound that libopus makes up, 2.5 ms, in samples; shorter gaps are none.
const STEP: u64 = 120;

/// The longest Opus packet, 120 ms, in numbers.
const LONGEST: usize = 2 * 5760;

/// One talker.
pub(super) struct Voice {
    decoder: Decoder,
    /// What has come and was not played, by media time.
    waiting: BTreeMap<u64, Arc<Frame>>,
    /// The stretch that it is of (see [`Frame::seq`]).
    stretch: u64,
    /// The media time that is to be decoded next; `None` while nothing is played.
    next: Option<u64>,
    /// What is decoded, left and right in turns.
    ready: Vec<f32>,
    /// Turns in a row for which there was nothing.
    missed: u32,
    /// The least that waited in the last turns, in samples, and how many turns these are.
    least: (u64, u32),
    scratch: Vec<f32>,
    stereo: bool,
}

impl Voice {
    /// Errors: libopus has no memory.
    pub(super) fn new() -> opus::Result<Self> {
        Ok(Self {
            decoder: Decoder::new(48_000, Channels::Stereo)?,
            waiting: BTreeMap::new(),
            stretch: 0,
            next: None,
            ready: Vec::with_capacity(LONGEST),
            missed: 0,
            least: (u64::MAX, 0),
            scratch: vec![0.0; LONGEST],
            stereo: false,
        })
    }

    /// Takes what has come. What is too late, or no Opus packet, is left out.
    pub(super) fn push(&mut self, frame: &Arc<Frame>) {
        let Some(samples) = opus_duration_samples(&frame.payload) else { return };
        let stretch = frame.seq >> 32;
        if stretch != self.stretch {
            self.stretch = stretch;
            self.waiting.clear();
            self.next = None;
        }
        let end = frame.time.saturating_add(samples.into());
        if self.next.is_some_and(|next| end <= next) {
            return;
        }
        self.stereo = is_stereo(&frame.payload);
        self.waiting.insert(frame.time, frame.clone());
        while self.waiting.len() > WAITING_MAX {
            self.waiting.pop_first();
        }
    }

    /// Whether there is neither sound nor a packet left.
    pub(super) fn is_silent(&self) -> bool {
        self.next.is_none() && self.waiting.is_empty() && self.ready.is_empty()
    }

    /// Whether they send two channels.
    pub(super) fn is_stereo(&self) -> bool {
        self.stereo && !self.is_silent()
    }

    /// Adds the next 20 ms of their sound to `sum`.
    pub(super) fn add_to(&mut self, sum: &mut [f32; BLOCK], now: Instant) {
        self.trim();
        while self.ready.len() < BLOCK && self.decode_more(now) {}
        let length = self.ready.len().min(BLOCK);
        for (sum, sample) in sum.iter_mut().zip(self.ready.drain(..length)) {
            *sum += sample;
        }
    }

    /// Decodes the next packet, or makes up what is not there. `false`: there is nothing to be heard now.
    fn decode_more(&mut self, now: Instant) -> bool {
        let Some(next) = self.next else { return self.begin(now) };
        while let Some(first) = self.waiting.first_entry()
            && first.get().time.saturating_add(duration(first.get())) <= next
        {
            first.remove();
        }
        let Some((&time, frame)) = self.waiting.first_key_value() else {
            self.missed += 1;
            if self.missed > MADE_UP_MAX {
                self.next = None;
                return false;
            }
            // The time stands still: what comes too late to be played now is played later, and so is all that follows.
            self.decode(&[], TURN, false);
            return true;
        };
        let gap = time.saturating_sub(next);
        if gap > GAP_MAX {
            self.next = None;
            return true;
        }
        self.missed = 0;
        let frame = frame.clone();
        if gap < STEP {
            self.waiting.pop_first();
            let samples = duration(&frame);
            self.next = Some(time.saturating_add(samples));
            self.decode(&frame.payload, samples as usize, false);
        } else {
            let samples = gap.min(TURN as u64) / STEP * STEP;
            self.next = Some(next.saturating_add(samples));
            // What directly precedes a packet may be in it.
            let packet: &[u8] = if gap <= TURN as u64 { &frame.payload } else { &[] };
            self.decode(packet, samples as usize, !packet.is_empty());
        }
        true
    }

    /// Begins to play, if the first packet has been held back for long enough.
    fn begin(&mut self, now: Instant) -> bool {
        let Some((&time, frame)) = self.waiting.first_key_value() else { return false };
        if now.saturating_duration_since(frame.arrived) < HELD {
            return false;
        }
        (self.next, self.missed, self.least) = (Some(time), 0, (u64::MAX, 0));
        true
    }

    /// Leaves 20 ms out where more than enough has been waiting for a while.
    fn trim(&mut self) {
        let Some(next) = self.next else { return };
        let end = self.waiting.last_key_value().map_or(next, |(time, frame)| time.saturating_add(duration(frame)));
        let (least, turns) = self.least;
        self.least = (least.min(end.saturating_sub(next)), turns + 1);
        if self.least.1 < TRIM_AFTER {
            return;
        }
        if self.least.0 > HELD_SAMPLES + SPARE {
            self.next = Some(next.saturating_add(TURN as u64));
        }
        self.least = (u64::MAX, 0);
    }

    /// Decodes so many samples behind what is ready; what cannot be decoded is silence.
    fn decode(&mut self, packet: &[u8], samples: usize, lost: bool) {
        let length = (2 * samples).min(LONGEST);
        let decoded = self.decoder.decode_float(packet, &mut self.scratch[..length], lost).unwrap_or(0);
        self.scratch[(2 * decoded).min(length)..length].fill(0.0);
        self.ready.extend_from_slice(&self.scratch[..length]);
    }
}

/// How long a packet is, in samples. Only packets that have a length are taken.
fn duration(frame: &Frame) -> u64 {
    opus_duration_samples(&frame.payload).map_or(TURN as u64, u64::from)
}
