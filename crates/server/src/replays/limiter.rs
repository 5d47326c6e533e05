//! Keeps a sound below a ceiling without being heard doing so: it looks ahead, is turned down before a loud moment and comes up slowly
//! after it.

use std::collections::VecDeque;

/// How far it looks ahead, in samples: 5 ms. Longer is turned down more gently, and sooner before the loud moment.
pub(super) const AHEAD: usize = 240;

/// The loudest that anything may be: -1.5 dBFS. An Opus decoder may give out a little more than went into the encoder.
const CEILING: f32 = 0.84;

/// By how much of what is left it comes up with each sample: half of it within 0.2 s.
const RELEASE: f32 = 0.000_072;

/// What is turned down by less than this is not turned down any more.
const RESTED: f32 = 0.999_9;

/// A limiter. What it gives out is [`AHEAD`] samples late.
pub(super) struct Limiter {
    channels: usize,
    /// The last samples that came in, the channels in turns.
    delayed: VecDeque<f32>,
    /// By how much the loudest of the last samples has to be turned down, of those that none after them is louder than: when, and that.
    least: VecDeque<(u64, f32)>,
    /// The same after the release, of as many samples as it looks ahead, and their sum.
    recent: VecDeque<f32>,
    sum: f64,
    held: f32,
    now: u64,
    /// For how many samples nothing had to be turned down.
    rest: usize,
}

impl Limiter {
    pub(super) fn new(stereo: bool) -> Self {
        let channels = if stereo { 2 } else { 1 };
        Self {
            channels,
            delayed: vec![0.0; AHEAD * channels].into(),
            least: VecDeque::new(),
            recent: vec![1.0; AHEAD].into(),
            sum: AHEAD as f64,
            held: 1.0,
            now: 0,
            rest: AHEAD,
        }
    }

    /// Takes samples, and replaces them with those from [`AHEAD`] before.
    pub(super) fn limit(&mut self, samples: &mut [f32]) {
        if self.rest >= AHEAD && samples.iter().all(|sample| sample.abs() <= CEILING) {
            // As most sound is: it is only delayed.
            self.delayed.extend(&*samples);
            self.now += (samples.len() / self.channels) as u64;
            self.least.clear();
            let delayed = self.delayed.drain(..samples.len());
            for (sample, delayed) in samples.iter_mut().zip(delayed) {
                *sample = delayed;
            }
            return;
        }
        for frame in samples.chunks_exact_mut(self.channels) {
            let peak = frame.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            let gain = self.gain(if peak > CEILING { CEILING / peak } else { 1.0 });
            for sample in frame {
                self.delayed.push_back(*sample);
                *sample = self.delayed.pop_front().unwrap_or_default() * gain;
            }
        }
    }

    /// By how much what came [`AHEAD`] before is turned down, if what comes now needs as much as `wanted`: the mean, over all the time
    /// in between, of what the loudest moment ahead of each needs. So it is down in time, and on a slope.
    fn gain(&mut self, wanted: f32) -> f32 {
        while self.least.back().is_some_and(|(_, other)| *other >= wanted) {
            self.least.pop_back();
        }
        self.least.push_back((self.now, wanted));
        while self.least.front().is_some_and(|(at, _)| at + AHEAD as u64 <= self.now) {
            self.least.pop_front();
        }
        self.now += 1;
        let least = self.least.front().map_or(1.0, |(_, least)| *least);
        self.held = least.min(self.held + (1.0 - self.held) * RELEASE);
        if self.held > RESTED {
            self.held = 1.0;
        }
        self.rest = if self.held < 1.0 { 0 } else { self.rest + 1 };
        self.recent.push_back(self.held);
        self.sum += f64::from(self.held) - f64::from(self.recent.pop_front().unwrap_or(1.0));
        (self.sum / AHEAD as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(sound: &[f32]) -> Vec<f32> {
        let mut limiter = Limiter::new(false);
        let mut out = sound.to_vec();
        out.chunks_mut(960).for_each(|block| limiter.limit(block));
        out
    }

    #[test]
    fn what_is_not_loud_is_only_late() {
        let sound: Vec<f32> = (0..9_600).map(|n| (n as f32 * 0.05).sin() * 0.8).collect();
        let out = limited(&sound);
        assert_eq!(out[..AHEAD], [0.0; AHEAD]);
        for (out, sound) in out[AHEAD..].iter().zip(&sound) {
            assert!((out - sound).abs() < 1e-5);
        }
    }

    #[test]
    fn nothing_is_louder_than_the_ceiling_and_nothing_jumps() {
        let loud = |n: usize| if (10_000..10_100).contains(&n) { 4.0 } else { 0.5 };
        let sound: Vec<f32> = (0..96_000).map(|n| (n as f32 * 0.05).sin() * loud(n)).collect();
        let out = limited(&sound);
        let peak = out.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!(peak <= CEILING + 1e-4 && peak > CEILING - 0.05, "{peak}");
        let gain = |n: usize| out[n + AHEAD] / sound[n];
        // It is as loud as before until shortly before, and comes back.
        assert!((gain(9_700) - 1.0).abs() < 1e-3 && gain(20_000) < 0.9 && gain(95_000) > 0.98);
        let gains: Vec<f32> = (9_000..20_000).filter(|&n| sound[n].abs() > 0.1).map(gain).collect();
        let jump = gains.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(jump < 0.1, "{jump}");
    }
}
