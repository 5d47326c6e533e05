//! A talk as a picture: who talks when, how loud it is, and where nobody does.

use crate::wire::replays::{Chapter, Picture, PictureSpeaker};

/// Samples of which one level is kept: 20 ms.
pub(super) const LEVEL: usize = 960;

/// The same in milliseconds.
const LEVEL_MS: u64 = 20;

/// The level of silence, in dB below full scale.
pub(super) const SILENT: u8 = 127;

/// How far below a speaker's own loudness they still talk, in dB. More hears the ends of words; with them, the room around them.
const BELOW: f64 = 22.0;

/// What is softer than this is silence, however softly somebody talks, in dB below full scale.
const SOFTEST: f64 = 62.0;

/// Pauses within what one says, in milliseconds: shorter ones are not shown.
const BREATH: u64 = 600;

/// What is shorter than this is no talking, in milliseconds: a cough, or a chair.
const WORD: u64 = 160;

/// Silences that are shown, in milliseconds, and what is left of them at both ends, so that nothing that is said is touched when they
/// are skipped.
const SILENCE: u64 = 1_500;
const MARGIN: u64 = 300;

/// The shortest part of a wave, in milliseconds, and how many parts there are at most: an hour of the shortest. More shows more of a
/// long talk, to screens of some thousand pixels.
const PART: u64 = 250;
const PARTS_MAX: u64 = 14_400;

/// The level at which a wave is flat, in dB below full scale.
const FLAT: f64 = 60.0;

/// The level of some samples, in dB below full scale: root mean square, so that a sine as loud as can be is 3.
pub(super) fn level(samples: &[f32]) -> u8 {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32;
    // A cast of what is beyond its range ends at its bounds, and SILENT is within them.
    (-10.0 * power.log10()).min(f32::from(SILENT)) as u8
}

/// When somebody talks, of whom these are the levels and the loudness, in LUFS.
pub(super) fn speaker(n: u32, levels: &[u8], loudness: f64) -> PictureSpeaker {
    let softest = (BELOW - loudness).min(SOFTEST);
    let mut spans: Vec<[u64; 2]> = Vec::new();
    for (at, _) in levels.iter().enumerate().filter(|(_, level)| f64::from(**level) <= softest) {
        let from = at as u64 * LEVEL_MS;
        match spans.last_mut() {
            Some(span) if from <= span[1] + BREATH => span[1] = from + LEVEL_MS,
            _ => spans.push([from, from + LEVEL_MS]),
        }
    }
    spans.retain(|[from, to]| to - from >= WORD);
    PictureSpeaker { n, ms: spans.iter().map(|[from, to]| to - from).sum(), spans }
}

/// Where nobody talks, in a talk of this length.
pub(super) fn silences(speakers: &[PictureSpeaker], ms: u64) -> Vec<[u64; 2]> {
    let mut spans: Vec<_> = speakers.iter().flat_map(|speaker| &speaker.spans).copied().collect();
    spans.sort_unstable();
    let mut silences = Vec::new();
    let mut silent_from = 0;
    for [from, to] in spans.into_iter().chain([[ms, ms]]) {
        if from.saturating_sub(silent_from) >= SILENCE {
            silences.push([silent_from + MARGIN, from - MARGIN]);
        }
        silent_from = silent_from.max(to);
    }
    silences
}

/// Whether anything is said in a part of a talk: a word at least, or as much as there is place for.
pub(super) fn is_said(speakers: &[PictureSpeaker], from_ms: u64, to_ms: u64) -> bool {
    let spans = speakers.iter().flat_map(|speaker| &speaker.spans);
    let said: u64 = spans.map(|[from, to]| to_ms.min(*to).saturating_sub(from_ms.max(*from))).sum();
    said >= WORD.min(to_ms.saturating_sub(from_ms))
}

/// How loud a talk is, part by part.
pub(super) struct Wave {
    /// How long a part is, in milliseconds.
    pub(super) step_ms: u64,
    /// How loud each is at its loudest, from 0 to 255.
    pub(super) parts: Vec<u8>,
}

impl Wave {
    /// For a talk of this length.
    pub(super) fn new(ms: u64) -> Self {
        let step_ms = PART * ms.div_ceil(PART * PARTS_MAX).max(1);
        Self { step_ms, parts: vec![0; ms.div_ceil(step_ms) as usize] }
    }

    /// Takes [`LEVEL`] samples that begin at this millisecond.
    pub(super) fn add(&mut self, at_ms: u64, samples: &[f32]) {
        let height = (1.0 - f64::from(level(samples)) / FLAT).max(0.0) * 255.0;
        if let Some(part) = self.parts.get_mut((at_ms / self.step_ms) as usize) {
            *part = (*part).max(height as u8);
        }
    }
}

/// About how many bytes of memory a picture takes.
pub(super) fn size(picture: &Picture) -> u32 {
    let spans = picture.speakers.iter().map(|speaker| speaker.spans.len()).sum::<usize>() + picture.silences.len();
    let parts = size_of::<PictureSpeaker>() * picture.speakers.len() + size_of::<Chapter>() * picture.chapters.len();
    let bytes = size_of::<Picture>() + picture.wave.len() + size_of::<[u64; 2]>() * spans + parts;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels of so many pieces of 20 ms.
    fn levels(parts: &[(u8, usize)]) -> Vec<u8> {
        parts.iter().flat_map(|&(level, count)| vec![level; count]).collect()
    }

    #[test]
    fn somebody_talks_where_they_are_about_as_loud_as_they_are() {
        // Silence, a sentence with a breath in it, a soft room, a cough, another sentence.
        let levels = levels(&[(127, 50), (25, 50), (60, 20), (30, 50), (55, 100), (25, 4), (55, 100), (20, 10)]);
        let found = speaker(3, &levels, -23.0);
        assert_eq!(found, PictureSpeaker { n: 3, ms: 2_600, spans: vec![[1_000, 3_400], [7_480, 7_680]] });
        // Of somebody who is soft all the same is heard.
        assert_eq!(speaker(1, &[50; 100], -50.0).ms, 2_000);
        assert_eq!(speaker(1, &[70; 100], -70.0).ms, 0);
    }

    #[test]
    fn silence_is_where_nobody_talks() {
        let one = PictureSpeaker { n: 1, ms: 0, spans: vec![[2_000, 10_000], [30_000, 31_000]] };
        let other = PictureSpeaker { n: 2, ms: 0, spans: vec![[9_000, 12_000], [13_000, 20_000]] };
        assert_eq!(silences(&[one, other], 32_000), [[300, 1_700], [20_300, 29_700]]);
        assert_eq!(silences(&[], 1_000), [[0_u64; 2]; 0]);
    }

    #[test]
    fn a_part_without_a_word_is_silent() {
        let one = PictureSpeaker { n: 1, ms: 0, spans: vec![[2_000, 10_000]] };
        let other = PictureSpeaker { n: 2, ms: 0, spans: vec![[12_000, 13_000]] };
        let said = |from, to| is_said(&[one.clone(), other.clone()], from, to);
        assert!(said(0, 60_000) && said(2_000, 3_000) && said(9_000, 12_500) && said(0, 2_160));
        // The end of a word of the sentence before is none, nor is a place between the two.
        assert!(!said(0, 2_000) && !said(0, 2_159) && !said(10_000, 12_000) && !said(13_000, 60_000));
        assert!(!is_said(&[], 0, 1_000));
    }

    #[test]
    fn a_wave_is_bounded() {
        for (ms, step, parts) in
            [(0, 250, 0), (1, 250, 1), (3_600_000, 250, 14_400), (3_600_001, 500, 7_201), (86_400_000, 6_000, 14_400)]
        {
            let wave = Wave::new(ms);
            assert_eq!((wave.step_ms, wave.parts.len()), (step, parts), "{ms}");
        }
        let mut wave = Wave::new(500);
        wave.add(0, &[0.0; LEVEL]);
        wave.add(240, &[0.1; LEVEL]);
        wave.add(260, &[1.0; LEVEL]);
        wave.add(280, &[0.01; LEVEL]);
        assert_eq!(wave.parts, [174, 255]);
        wave.add(9_999, &[1.0; LEVEL]);
    }
}
