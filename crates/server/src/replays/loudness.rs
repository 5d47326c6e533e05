//! How loud somebody is, as ITU-R BS.1770-4 measures it (in EBU R 128: LUFS), and what it takes for all to be equally loud.
//!
//! Loudness is the mean of the energies of those blocks of 400 ms in which there is sound, so it can be told of a mix by the energies of
//! its voices: these have nothing to do with each other, and add up.

use std::io;

use ebur128::{EbuR128, Mode};

/// Samples between the beginnings of two blocks: 100 ms, a quarter of one (BS.1770-4, annex 1).
pub(super) const HOP: usize = 4_800;

/// Blocks that silence has to be as long as for nothing of what came before to be in the next one.
pub(super) const FLUSH: usize = 4;

/// How loud a mix is: what podcasts and players agree on (AES TD1008 has -16 LUFS for speech).
pub(super) const TARGET: f64 = -16.0;

/// By how much a voice is made louder at most, and softer, in dB. More helps those who are far from their microphone; with them, the
/// room around them is made louder.
const LOUDER_MAX: f64 = 15.0;
const SOFTER_MAX: f64 = 15.0;

/// By how much all voices together are turned up or down after that, in dB.
const CORRECTION_MAX: f64 = 6.0;

/// Below this a block counts as silent, in LUFS; and below the mean of all others by so much, in LU (BS.1770-4, annex 1).
const SILENT: f64 = -70.0;
const RELATIVE: f64 = -10.0;

/// Tells the energy of each block of a sound.
pub(super) struct Meter {
    ebu: EbuR128,
}

impl Meter {
    /// Errors: there is no memory.
    pub(super) fn new(stereo: bool) -> io::Result<Self> {
        let ebu = EbuR128::new(if stereo { 2 } else { 1 }, 48_000, Mode::M).map_err(io::Error::other)?;
        Ok(Self { ebu })
    }

    /// Takes [`HOP`] samples, and returns the energy of the block that ends with them.
    ///
    /// Errors: none in practice.
    pub(super) fn block(&mut self, samples: &[f32]) -> io::Result<f32> {
        self.ebu.add_frames_f32(samples).map_err(io::Error::other)?;
        let loudness = self.ebu.loudness_momentary().map_err(io::Error::other)?;
        Ok(energy(loudness) as f32)
    }
}

/// The loudness of a sound with blocks of these energies, in LUFS; `None` if it is silent.
pub(super) fn loudness(blocks: &[f32]) -> Option<f64> {
    let mean_above = |least: f64| {
        let loud = blocks.iter().map(|&block| f64::from(block)).filter(|block| *block > least);
        let (sum, count) = loud.fold((0.0, 0_u32), |(sum, count), block| (sum + block, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    let mean = mean_above(energy(SILENT))?;
    mean_above(energy(lufs(mean) + RELATIVE)).map(lufs)
}

/// How many times as loud, in amplitude, a voice of this loudness has to be.
pub(super) fn gain(loudness: f64) -> f32 {
    amplitude((TARGET - loudness).clamp(-SOFTER_MAX, LOUDER_MAX))
}

/// The same for all voices, which together have blocks of these energies.
pub(super) fn correction(blocks: &[f32]) -> f32 {
    let by = loudness(blocks).map_or(0.0, |loudness| TARGET - loudness);
    amplitude(by.clamp(-CORRECTION_MAX, CORRECTION_MAX))
}

fn amplitude(decibels: f64) -> f32 {
    10_f64.powf(decibels / 20.0) as f32
}

fn energy(lufs: f64) -> f64 {
    10_f64.powf((lufs + 0.691) / 10.0)
}

fn lufs(energy: f64) -> f64 {
    10.0 * energy.log10() - 0.691
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(seconds: f64, height: f64) -> Vec<f32> {
        let count = (seconds * 48_000.0) as usize;
        (0..count).map(|n| (height * (n as f64 / 48_000.0 * 997.0 * std::f64::consts::TAU).sin()) as f32).collect()
    }

    fn blocks(sound: &[f32]) -> Vec<f32> {
        let mut meter = Meter::new(false).unwrap();
        sound.chunks_exact(HOP).map(|hop| meter.block(hop).unwrap()).collect()
    }

    #[test]
    fn loudness_is_that_of_the_recommendation() {
        // A sine of 997 Hz at 0 dBFS in one channel has -3.01 LUFS (BS.1770-4, annex 1).
        // The first blocks are not whole yet.
        let full = loudness(&blocks(&sine(5.0, 1.0))[FLUSH..]).unwrap();
        assert!((full + 3.01).abs() < 0.05, "{full}");
        // Pauses do not count, and neither does what is much softer than the rest.
        let talk = [sine(5.0, 0.1), vec![0.0; 480_000], sine(5.0, 0.001)].concat();
        let found = loudness(&blocks(&talk)).unwrap();
        assert!((found + 23.2).abs() < 0.4, "{found}");
        assert_eq!(loudness(&blocks(&vec![0.0; 48_000])), None);
        assert_eq!(loudness(&[]), None);
        // As the library has it with its own gates.
        let mut whole = EbuR128::new(1, 48_000, Mode::I).unwrap();
        whole.add_frames_f32(&talk).unwrap();
        assert!((whole.loudness_global().unwrap() - found).abs() < 0.2);
    }

    #[test]
    fn the_soft_are_made_louder_within_bounds() {
        for (loudness, decibels) in [(-26.0, 10.0), (-16.0, 0.0), (-10.0, -6.0), (-60.0, 15.0), (0.0, -15.0)] {
            let found = 20.0 * f64::from(gain(loudness)).log10();
            assert!((found - decibels).abs() < 0.01, "{loudness}: {found}");
        }
        assert_eq!(correction(&[]), 1.0);
        // Two at once are twice as much energy.
        let two = vec![2.0 * energy(TARGET) as f32; 10];
        assert!((20.0 * correction(&two).log10() + 3.01).abs() < 0.01);
    }
}
