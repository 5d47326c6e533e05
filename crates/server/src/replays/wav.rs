//! A track as plain samples, for what writes down speech: WAV, 16 kHz, one channel, 16 bits.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::make;

/// Samples in a second.
const RATE: u32 = 16_000;

/// Samples of 48 kHz for each of them.
const FOLD: usize = 3;

/// Samples of 48 kHz on which one is made: what a lower rate cannot carry is filtered out. More filters more sharply.
const TAPS: usize = 63;

/// Length of the head of a file, in bytes.
const HEAD: u32 = 44;

/// Samples after which it is looked whether there is room for more: a minute, of 2 MB.
const LOOK_EVERY: u32 = 60 * RATE;

/// Decodes a track to a file, in its place in the replay, and returns how long that is in milliseconds. `room` says whether there is some.
///
/// Errors: those of reading, writing and `room`; `InvalidData` for what is no track.
pub(super) fn write(track: &Path, to: &Path, room: &dyn Fn() -> io::Result<()>) -> io::Result<u64> {
    let mut out = BufWriter::new(File::create(to)?);
    out.write_all(&head(0))?;
    let filter = filter();
    // As much before the first sample as the filter reaches back.
    let mut sound = vec![0.0; TAPS / 2];
    let mut count: u32 = 0;
    let mut looked = None;
    let mut fold = |sound: &mut Vec<f32>, out: &mut BufWriter<File>| -> io::Result<()> {
        if looked.replace(count / LOOK_EVERY) != Some(count / LOOK_EVERY) {
            room()?;
        }
        let whole = (sound.len() + FOLD).saturating_sub(TAPS) / FOLD;
        for n in 0..whole {
            let sample: f32 =
                sound[n * FOLD..][..TAPS].iter().zip(&filter).map(|(sample, weight)| sample * weight).sum();
            // A cast of what is out of range ends at its bounds.
            out.write_all(&((sample * 32_767.0) as i16).to_le_bytes())?;
        }
        sound.drain(..whole * FOLD);
        count = count.saturating_add(whole as u32);
        Ok(())
    };
    make::decode(track, |part| {
        sound.extend_from_slice(part);
        fold(&mut sound, &mut out)
    })?;
    sound.resize(sound.len() + TAPS / 2, 0.0);
    fold(&mut sound, &mut out)?;
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&head(count))?;
    out.flush()?;
    Ok(u64::from(count) * 1_000 / u64::from(RATE))
}

/// The head of a file with so many samples.
fn head(samples: u32) -> Vec<u8> {
    let bytes = samples.saturating_mul(2);
    let mut head = b"RIFF".to_vec();
    head.extend(bytes.saturating_add(HEAD - 8).to_le_bytes());
    head.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    head.extend(RATE.to_le_bytes());
    head.extend((RATE * 2).to_le_bytes());
    head.extend(b"\x02\0\x10\0data");
    head.extend(bytes.to_le_bytes());
    head
}

/// A sinc that ends at the highest frequency of the lower rate, under a raised cosine. Its sum is one.
fn filter() -> Vec<f32> {
    use std::f64::consts::PI;
    let weight = |n: usize| {
        let at = n as f64 - (TAPS / 2) as f64;
        // A little below half the rate, for the slope to end there.
        let x = at * PI * 0.9 / FOLD as f64;
        let sinc = if at == 0.0 { 1.0 } else { x.sin() / x };
        sinc * (0.5 + 0.5 * (2.0 * PI * at / (TAPS + 1) as f64).cos())
    };
    let sum: f64 = (0..TAPS).map(weight).sum();
    (0..TAPS).map(|n| (weight(n) / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;
    use std::fs;

    use super::*;

    #[test]
    fn what_is_beyond_is_filtered_out_and_what_is_within_is_not() {
        let filter = filter();
        let through = |hertz: f32| {
            let wave = |shift: f32| -> f32 {
                filter
                    .iter()
                    .enumerate()
                    .map(|(n, weight)| weight * (TAU * hertz * n as f32 / 48_000.0 + shift).sin())
                    .sum()
            };
            wave(0.0).hypot(wave(TAU / 4.0))
        };
        for (hertz, least, most) in
            [(100.0, 0.99, 1.01), (5_000.0, 0.95, 1.05), (9_500.0, 0.0, 0.02), (15_000.0, 0.0, 0.01)]
        {
            let found = through(hertz);
            assert!((least..=most).contains(&found), "{hertz}: {found}");
        }
    }

    /// A track of hours takes as much room as the database has left, unless somebody looks.
    #[test]
    fn it_ends_where_there_is_no_room() {
        use std::cell::Cell;
        let data = tempfile::tempdir().unwrap();
        let (track, wav) = (data.path().join("1.track"), data.path().join("1.wav"));
        fs::write(&track, make::tests::tone(1, 500.0, 150_000, 152_000)).unwrap();
        let asked = Cell::new(0);
        let room = |most: u32| {
            let asked = &asked;
            move || {
                asked.set(asked.get() + 1);
                if asked.get() > most { Err(crate::space::nearly_full()) } else { Ok(()) }
            }
        };
        assert!(write(&track, &wav, &room(3)).is_ok());
        assert_eq!(asked.replace(0), 3);
        let refused = write(&track, &wav, &room(1)).unwrap_err();
        assert!(crate::space::is_full(&refused));
        assert!(fs::metadata(&wav).unwrap().len() < 2 * u64::from(2 * LOOK_EVERY));
    }

    #[test]
    fn a_file_says_how_long_it_is() {
        let data = tempfile::tempdir().unwrap();
        let (track, wav) = (data.path().join("1.track"), data.path().join("1.wav"));
        let file = make::tests::tone(1, 500.0, 1_000, 3_000);
        fs::write(&track, file).unwrap();
        let ms = write(&track, &wav, &|| Ok(())).unwrap();
        assert!((3_000..3_100).contains(&ms), "{ms}");
        let file = fs::read(&wav).unwrap();
        assert_eq!((file.len() as u64 - u64::from(HEAD)) / 32, ms);
        assert_eq!(file[40..44], (file.len() as u32 - HEAD).to_le_bytes());
        let samples: Vec<_> = file[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let loud =
            |from: usize, to: usize| samples[from * 16..to * 16].iter().map(|sample| sample.unsigned_abs()).max();
        assert_eq!(loud(0, 900), Some(0), "silence is where nothing was said");
        assert!(loud(1_200, 2_900) > Some(2_000));
    }
}
