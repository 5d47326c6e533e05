//! The sound of one track on the clock of the recording.
//!
//! What is missing between two packets is made up by libopus, as a browser would. A speaker's clock is not the recording's, so that a
//! sentence of some minutes would end some milliseconds too early or too late: now and then a packet is played a sample longer or shorter.

use std::io;
use std::iter::Peekable;

use opus::{Channels, Decoder};

use super::align::Placed;

/// The longest pause, in samples, all of which libopus makes up: half a second, longer than what an encoder leaves out between two
/// packets while nobody talks (400 ms in libopus). After that nothing was sent at all.
const CONCEALED_MAX: u64 = 24_000;

/// For how long a longer pause is made up, so that the sound fades, in samples: 120 ms, the longest Opus packet.
const FADE: u64 = 5_760;

/// The shortest sound that libopus makes up, 2.5 ms, in samples.
const STEP: u64 = 120;

/// How far sound may be from its place before packets are stretched, in samples: half a millisecond.
const NEAR: i64 = 24;

/// By how much a packet is stretched at most, as its length divided by the samples: 0.2 %, which is a thirtieth of a semitone.
const STRETCH: i64 = 480;

/// A track that is being decoded.
pub(super) struct Voice<P: Iterator<Item = io::Result<Placed>>> {
    packets: Peekable<P>,
    channels: usize,
    decoder: Decoder,
    /// What is decoded and was not taken, the channels in turns.
    ready: Vec<f32>,
    /// Where that begins, in samples since the recording began.
    begins: u64,
    /// Whether the last packet is followed by what comes next, as far as is known.
    sounding: bool,
    scratch: Vec<f32>,
}

impl<P: Iterator<Item = io::Result<Placed>>> Voice<P> {
    /// Decodes packets that come in the order in which they are played.
    ///
    /// Errors: libopus has no memory.
    pub(super) fn new(packets: P, stereo: bool) -> io::Result<Self> {
        let (kind, channels) = if stereo { (Channels::Stereo, 2) } else { (Channels::Mono, 1) };
        Ok(Self {
            packets: packets.peekable(),
            channels,
            decoder: Decoder::new(48_000, kind).map_err(io::Error::other)?,
            ready: Vec::new(),
            begins: 0,
            sounding: false,
            scratch: vec![0.0; FADE as usize * channels],
        })
    }

    /// Where the next sound is, in samples since the recording began; `None` if there is none any more.
    ///
    /// Errors: those of reading the track.
    pub(super) fn next_at(&mut self) -> io::Result<Option<u64>> {
        if !self.ready.is_empty() || self.sounding {
            return Ok(Some(self.begins));
        }
        Ok(self.peek()?.map(|placed| placed.0))
    }

    /// Adds what is said from `from` on to `sum`, which has the channels in turns, `gain` times as loud. Times rise from call to call.
    /// Returns whether there was anything.
    ///
    /// Errors: those of reading the track.
    pub(super) fn add_to(&mut self, sum: &mut [f32], from: u64, gain: f32) -> io::Result<bool> {
        let until = from + (sum.len() / self.channels) as u64;
        while self.end() < until && self.decode_more(until)? {}
        let passed = (from.saturating_sub(self.begins) as usize * self.channels).min(self.ready.len());
        self.ready.drain(..passed);
        self.begins += (passed / self.channels) as u64;
        let place = self.begins.saturating_sub(from) as usize * self.channels;
        let Some(sum) = sum.get_mut(place..).filter(|sum| !sum.is_empty()) else { return Ok(false) };
        let count = self.ready.len().min(sum.len());
        for (sum, sample) in sum.iter_mut().zip(self.ready.drain(..count)) {
            *sum += gain * sample;
        }
        self.begins += (count / self.channels) as u64;
        Ok(count > 0)
    }

    /// Where what is decoded ends.
    fn end(&self) -> u64 {
        self.begins + (self.ready.len() / self.channels) as u64
    }

    /// Place and length of the next packet.
    fn peek(&mut self) -> io::Result<Option<(u64, u64)>> {
        match self.packets.peek() {
            None => Ok(None),
            Some(Ok(placed)) => Ok(Some((placed.at, placed.samples))),
            Some(Err(_)) => match self.packets.next() {
                Some(Err(error)) => Err(error),
                _ => Ok(None),
            },
        }
    }

    /// Decodes the next packet, or makes up what is missing before it. `false`: there is nothing before `until`.
    fn decode_more(&mut self, until: u64) -> io::Result<bool> {
        let next = self.peek()?;
        if self.sounding {
            let gap = next.map_or(u64::MAX, |(at, _)| at.saturating_sub(self.end()));
            if gap > CONCEALED_MAX {
                self.sounding = false;
                self.conceal(FADE, None);
                return Ok(true);
            }
        }
        let Some((at, samples)) = next.filter(|(at, _)| self.sounding || *at < until) else { return Ok(false) };
        let Some(Ok(placed)) = self.packets.next() else { return Ok(false) };
        if !self.sounding {
            self.begin_at(at);
        }
        let gap = at.saturating_sub(self.end());
        if !placed.follows && gap >= STEP {
            self.conceal(gap / STEP * STEP, placed.lost.then_some(&*placed.payload));
        }
        // What would begin after its end is left out: it was said while something else was played.
        let early = self.end().saturating_sub(at);
        if early < samples {
            self.decode(&placed.payload, samples as usize, false);
            self.shift(samples as usize, at as i64 - (self.end() - samples) as i64);
        }
        Ok(true)
    }

    /// Goes on at `at`, with silence up to there and a decoder that knows of nothing before.
    fn begin_at(&mut self, at: u64) {
        self.sounding = true;
        // There is nothing that it could fail by.
        let _ = self.decoder.reset_state();
        if self.ready.is_empty() {
            self.begins = at;
        } else {
            let silence = at.saturating_sub(self.end()) as usize * self.channels;
            self.ready.resize(self.ready.len() + silence, 0.0);
        }
    }

    /// Makes up so many samples, the last of them from what the packet behind them says of them, if it is given (RFC 6716, section
    /// 2.1.7).
    fn conceal(&mut self, mut samples: u64, before: Option<&[u8]>) {
        while samples > 0 {
            let part = samples.min(FADE);
            samples -= part;
            match before.filter(|_| samples == 0) {
                Some(packet) => self.decode(packet, part as usize, true),
                None => self.decode(&[], part as usize, false),
            }
        }
    }

    /// Decodes so many samples behind what is ready; what cannot be decoded is silence.
    fn decode(&mut self, packet: &[u8], samples: usize, lost: bool) {
        let length = (samples * self.channels).min(self.scratch.len());
        let decoded = self.decoder.decode_float(packet, &mut self.scratch[..length], lost).unwrap_or(0);
        self.scratch[(decoded * self.channels).min(length)..length].fill(0.0);
        self.ready.extend_from_slice(&self.scratch[..length]);
    }

    /// Makes the last packet, of so many samples, a little longer if it should have begun later than it does, by `late` samples, or
    /// shorter.
    fn shift(&mut self, samples: usize, late: i64) {
        let most = (samples as i64 / STRETCH).max(1);
        let by = late.clamp(-most, most);
        if late.abs() <= NEAR || samples < 4 {
            return;
        }
        let channels = self.channels;
        let from = self.ready.len() - samples * channels;
        let sound = self.ready.split_off(from);
        let wanted = (samples as i64 + by) as usize;
        let step = samples as f64 / wanted as f64;
        let last = samples as isize - 1;
        for n in 0..wanted {
            let at = n as f64 * step;
            let (whole, part) = (at as isize, at.fract() as f32);
            for channel in 0..channels {
                let sample = |offset: isize| sound[(whole + offset).clamp(0, last) as usize * channels + channel];
                self.ready.push(between([sample(-1), sample(0), sample(1), sample(2)], part));
            }
        }
    }
}

/// The cubic curve through the two samples in the middle, with slopes as the outer ones have it (Catmull and Rom), at a part of the way.
fn between([a, b, c, d]: [f32; 4], part: f32) -> f32 {
    let slope = c - a;
    let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
    let cube = 3.0 * (b - c) + d - a;
    b + 0.5 * part * (slope + part * (square + part * cube))
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use opus::{Application, Encoder};

    use super::*;

    /// A hoarse voice in packets of 20 ms, at these milliseconds; each of them follows the one before if there is nothing between.
    fn voice(at_ms: &[u64]) -> Voice<impl Iterator<Item = io::Result<Placed>>> {
        let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let mut dice = 1_u32;
        let mut end = 0;
        let placed = |&at: &u64| {
            let sound: Vec<f32> = (0..960)
                .map(|n| {
                    dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    0.2 * (n as f32 * 200.0 / 48_000.0 * TAU).sin() + (dice >> 8) as f32 / 2e8
                })
                .collect();
            let follows = std::mem::replace(&mut end, at + 20) == at;
            let payload = encoder.encode_vec_float(&sound, 1_000).unwrap();
            Ok(Placed { at: at * 48, samples: 960, follows, lost: false, payload })
        };
        let all: Vec<_> = at_ms.iter().map(placed).collect();
        Voice::new(all.into_iter(), false).unwrap()
    }

    /// What is heard of it, in blocks of 10 ms: whether there is any sound.
    fn heard(mut voice: Voice<impl Iterator<Item = io::Result<Placed>>>, blocks: u64) -> Vec<bool> {
        (0..blocks)
            .map(|n| {
                let mut block = [0.0; 480];
                voice.add_to(&mut block, n * 480, 1.0).unwrap();
                block.iter().any(|sample| *sample != 0.0)
            })
            .collect()
    }

    #[test]
    fn short_pauses_are_made_up_and_long_ones_are_silent() {
        let talk = |from: u64, to: u64| (from / 20..to / 20).map(|n| n * 20);
        let at: Vec<_> = talk(1_000, 1_200).chain(talk(1_600, 1_800)).chain(talk(4_000, 4_200)).collect();
        let heard = heard(voice(&at), 600);
        let sounds: Vec<_> = (1..600).filter(|&n| heard[n] != heard[n - 1]).collect();
        // 400 ms are bridged; after that it fades for 120 ms, and is silent.
        assert_eq!(sounds, [100, 192, 400, 432]);
    }

    #[test]
    fn what_lies_over_something_else_is_left_out_or_moved() {
        let mut doubled: Vec<u64> = (0..50).map(|n| n * 20).collect();
        doubled.extend([300, 310]);
        doubled.sort_unstable();
        let heard = heard(voice(&doubled), 200);
        assert_eq!(heard.iter().filter(|heard| **heard).count(), 100 + 2 + 12);
    }
}
