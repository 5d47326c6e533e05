//! Sentences as Opus packets, spoken by espeak-ng, with the loudness they really have.
//!
//! What was spoken once is kept in a folder, so that the next start is quick. Without espeak-ng a voice is made up that
//! has the length and the melody of speech and no words.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::voice::{FRAME_SAMPLES, SCRIPT_FRAMES, Script, VoiceFrame, fnv1a, level_dbov};
use crate::{Error, Result};

/// Samples a second of what is encoded.
const RATE: u32 = 48_000;
/// Bits a second of the encoder: what browsers use for mono speech at full band.
const BIT_RATE: i32 = 32_000;
/// The loudness of every voice while it sounds, in dBov. Higher is louder and leaves less room before peaks are held
/// down.
const LOUDNESS: f32 = -23.0;
/// Quieter frames are pauses: they do not count towards the loudness of a voice, and are cut from both ends.
const PAUSE_DBOV: i8 = -55;
/// Frames of silence after a sentence: what a receiver makes up when no more packets come goes on from silence then, and
/// not from the last sound.
const TAIL_FRAMES: usize = 10;
/// The highest sample that is encoded.
const PEAK: f32 = 0.9;
/// Zero crossings of the resampling filter to each side: more is a sharper edge at half the sampling rate, and slower.
const CROSSINGS: f64 = 16.0;
/// What a made-up voice takes for a letter, in milliseconds: as long as people do.
const LETTER_MILLIS: usize = 65;
/// The first bytes of a kept sentence. The last one is the version of everything that makes a difference to its sound.
const MAGIC: &[u8; 4] = b"rts2";
/// The largest packet that is kept: more than the encoder makes of 20 ms at its bit rate.
const MAX_PACKET: usize = 1_200;

/// How somebody speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice {
    /// Voice and variant of espeak-ng, like `en-gb+f2`.
    pub name: &'static str,
    /// From 0 to 99; 50 is the voice's own.
    pub pitch: u8,
    /// Words a minute.
    pub speed: u16,
}

/// Packets of 20 ms in their order.
pub type Speech = Arc<[VoiceFrame]>;

/// Where speech comes from.
#[derive(Debug, Clone)]
pub struct Studio {
    kept: PathBuf,
    speaks: bool,
}

impl Studio {
    /// A studio that keeps what was spoken in the folder `kept`, which is made if it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be made.
    pub fn open(kept: &Path) -> Result<Self> {
        fs::create_dir_all(kept).map_err(|error| Error::io(kept.display().to_string(), error))?;
        let version = Command::new("espeak-ng").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        Ok(Self { kept: kept.to_owned(), speaks: version.is_ok_and(|status| status.success()) })
    }

    /// A studio without espeak-ng, whatever is installed.
    #[cfg(test)]
    pub fn wordless(kept: &Path) -> Self {
        Self { kept: kept.to_owned(), speaks: false }
    }

    /// Whether espeak-ng is there; else what is said has no words.
    pub fn speaks(&self) -> bool {
        self.speaks
    }

    /// `text` as said by `voice`; blocks while it is made. Does not hold on to what fails to be kept.
    ///
    /// # Errors
    /// [`Error::Media`] when espeak-ng fails on it, or libopus does.
    pub fn say(&self, voice: Voice, text: &str) -> Result<Speech> {
        let key = format!("{} {} {} {} {text}", self.speaks, voice.name, voice.pitch, voice.speed);
        let file = self.kept.join(format!("{:016x}", fnv1a(&key)));
        if let Some(frames) = fs::read(&file).ok().and_then(|bytes| unpack(&bytes)) {
            return Ok(frames);
        }
        let frames =
            if self.speaks { encode(&levelled(&resample(&spoken(voice, text)?)))? } else { wordless(voice, text)? };
        // Renamed into place, so that nobody reads half of it. If the disk is full it is spoken again next time.
        let half = file.with_extension("half");
        let _kept = fs::write(&half, pack(&frames)).and_then(|()| fs::rename(&half, &file));
        Ok(frames)
    }
}

/// Sound as it came out of the synthesiser.
struct Sound {
    rate: u32,
    samples: Vec<f32>,
}

fn spoken(voice: Voice, text: &str) -> Result<Sound> {
    let output = Command::new("espeak-ng")
        .args(["-v", voice.name, "-p", &voice.pitch.to_string(), "-s", &voice.speed.to_string(), "--stdout", "--"])
        .arg(text)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::io("espeak-ng", error))?;
    let sound = if output.status.success() { wave(&output.stdout) } else { None };
    sound.ok_or_else(|| Error::Media(format!("espeak-ng: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// Reads mono 16-bit samples out of a RIFF WAVE file. A length beyond the end, which is what a program writes that
/// does not know yet how much will come, stands for everything there is.
fn wave(bytes: &[u8]) -> Option<Sound> {
    let number = |at: usize, size: usize| {
        let bytes = bytes.get(at..at + size)?;
        Some(bytes.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)))
    };
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let (mut at, mut rate) = (12, None);
    loop {
        let (name, length) = (bytes.get(at..at + 4)?, number(at + 4, 4)? as usize);
        let body = at + 8;
        match name {
            b"fmt " if number(body, 2)? == 1 && number(body + 2, 2)? == 1 && number(body + 14, 2)? == 16 => {
                rate = Some(number(body + 4, 4)?).filter(|rate| (8_000..=192_000).contains(rate));
            }
            b"fmt " => return None,
            b"data" => {
                let end = body.saturating_add(length).min(bytes.len());
                let pairs = bytes.get(body..end)?.chunks_exact(2);
                let samples = pairs.map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0);
                return Some(Sound { rate: rate?, samples: samples.collect() });
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = body.checked_add(length)?.checked_next_multiple_of(2)?;
    }
}

/// Brings sound to 48 kHz by a windowed sinc: each output sample is a sum over the input around its place in time.
fn resample(sound: &Sound) -> Vec<f32> {
    if sound.rate == RATE {
        return sound.samples.clone();
    }
    let divisor = gcd(RATE, sound.rate);
    // `phases` output samples fall on `step` input samples, and then the same places between them come again.
    let (phases, step) = ((RATE / divisor) as usize, (sound.rate / divisor) as usize);
    let ratio = f64::from(RATE) / f64::from(sound.rate);
    // From a higher rate, what the lower one cannot carry is filtered out.
    let cutoff = ratio.min(1.0);
    let reach = (CROSSINGS / cutoff).ceil() as isize;
    let taps: Vec<Vec<f32>> = (0..phases)
        .map(|phase| {
            let between = (phase * step % phases) as f64 / phases as f64;
            (1 - reach..=reach).map(|tap| (cutoff * kernel(cutoff * (tap as f64 - between))) as f32).collect()
        })
        .collect();
    let length = (sound.samples.len() as f64 * ratio) as usize;
    (0..length)
        .map(|index| {
            let nearest = (index * step / phases) as isize;
            let first = nearest + 1 - reach;
            let filter = &taps[index % phases];
            let inside = filter.iter().enumerate().map(|(tap, weight)| {
                let sample = usize::try_from(first + tap as isize).ok().and_then(|at| sound.samples.get(at));
                weight * sample.copied().unwrap_or(0.0)
            });
            inside.sum()
        })
        .collect()
}

/// A sinc under a raised cosine that ends after [`CROSSINGS`].
fn kernel(x: f64) -> f64 {
    use std::f64::consts::PI;
    if x.abs() >= CROSSINGS {
        return 0.0;
    }
    let sinc = if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    sinc * 0.5 * (1.0 + (PI * x / CROSSINGS).cos())
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Cuts silence from both ends, brings what sounds to [`LOUDNESS`], and lets it end in [`TAIL_FRAMES`] of silence.
fn levelled(samples: &[f32]) -> Vec<f32> {
    let sounds = |frame: &[f32]| level_dbov(frame) > PAUSE_DBOV;
    let frames: Vec<&[f32]> = samples.chunks(FRAME_SAMPLES).collect();
    let (Some(first), Some(last)) = (frames.iter().position(|f| sounds(f)), frames.iter().rposition(|f| sounds(f)))
    else {
        return Vec::new();
    };
    let kept: Vec<f32> = frames[first..=last].concat();
    let loud: Vec<f32> = kept.chunks(FRAME_SAMPLES).filter(|f| sounds(f)).flatten().copied().collect();
    let power = loud.iter().map(|s| s * s).sum::<f32>() / loud.len().max(1) as f32;
    let gain = 10_f32.powf(LOUDNESS / 20.0) / power.sqrt().max(1e-6);
    let mut samples: Vec<f32> = kept.into_iter().map(|sample| (gain * sample).clamp(-PEAK, PEAK)).collect();
    samples.resize(samples.len() + TAIL_FRAMES * FRAME_SAMPLES, 0.0);
    samples
}

fn encode(samples: &[f32]) -> Result<Speech> {
    let opus = |error: opus::Error| Error::Media(format!("opus: {error}"));
    let mut encoder = opus::Encoder::new(RATE, opus::Channels::Mono, opus::Application::Voip).map_err(opus)?;
    encoder.set_bitrate(opus::Bitrate::Bits(BIT_RATE)).map_err(opus)?;
    let mut frames = Vec::with_capacity(samples.len().div_ceil(FRAME_SAMPLES));
    for chunk in samples.chunks(FRAME_SAMPLES) {
        let mut frame = [0.0; FRAME_SAMPLES];
        frame[..chunk.len()].copy_from_slice(chunk);
        let payload = encoder.encode_vec_float(&frame, MAX_PACKET).map_err(opus)?.into();
        frames.push(VoiceFrame { payload, level: level_dbov(&frame) });
    }
    Ok(frames.into())
}

/// Speech without words: a stretch of the script that belongs to the voice's name, as long as the text would take.
fn wordless(voice: Voice, text: &str) -> Result<Speech> {
    let script = Script::of(&format!("{}{}", voice.name, voice.pitch))?;
    let length = (text.chars().count() * LETTER_MILLIS).div_ceil(20).max(10);
    let from = fnv1a(text) % SCRIPT_FRAMES as u64;
    Ok((from..from + length as u64).map(|index| script.frame(index).clone()).collect())
}

/// A kept sentence: [`MAGIC`], then of each frame its loudness below 0 dBov (1 byte), the length of its packet (2 bytes,
/// most significant first) and the packet.
fn pack(frames: &[VoiceFrame]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for frame in frames {
        bytes.push(frame.level.unsigned_abs());
        bytes.extend((frame.payload.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&frame.payload);
    }
    bytes
}

/// Reads what [`pack`] wrote; `None` for anything else.
fn unpack(bytes: &[u8]) -> Option<Speech> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut frames = Vec::new();
    while let [level, high, low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let level = i8::try_from(*level).ok()?;
        let payload = tail.get(..length).filter(|payload| (1..=MAX_PACKET).contains(&payload.len()))?;
        frames.push(VoiceFrame { payload: payload.into(), level: -level });
        rest = &tail[length..];
    }
    (rest.is_empty() && !frames.is_empty()).then(|| frames.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hz: f32, seconds: f32, height: f32) -> Vec<f32> {
        let count = (rate as f32 * seconds) as usize;
        (0..count).map(|n| height * (std::f32::consts::TAU * hz * n as f32 / rate as f32).sin()).collect()
    }

    fn wave_file(rate: u32, channels: u8, samples: &[i16], length: u32) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
        bytes.extend([channels, 0]);
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * 2).to_le_bytes());
        bytes.extend([2, 0, 16, 0]);
        bytes.extend(b"data");
        bytes.extend(length.to_le_bytes());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    #[test]
    fn wave_files_are_read_and_others_refused() {
        let samples = [0, 16_384, -32_768];
        // A length that is right, one that is not known yet, and one that leaves something over.
        for (length, count) in [(6, 3), (0x7fff_f000, 3), (4, 2)] {
            let sound = wave(&wave_file(22_050, 1, &samples, length)).unwrap();
            assert_eq!((sound.rate, &sound.samples[..]), (22_050, &[0.0, 0.5, -1.0][..count]));
        }
        let whole = wave_file(22_050, 1, &samples, 6);
        for cut in 0..whole.len() - 6 {
            assert!(wave(&whole[..cut]).is_none(), "cut at {cut}");
        }
        assert!(wave(&wave_file(22_050, 2, &samples, 6)).is_none(), "two channels");
        assert!(wave(&wave_file(1, 1, &samples, 6)).is_none(), "one sample a second");
    }

    #[test]
    fn resampling_keeps_a_tone_and_makes_no_other() {
        for (rate, hz) in [(22_050, 1_000.0), (22_050, 8_000.0), (16_000, 3_000.0), (48_000, 440.0), (96_000, 440.0)] {
            let resampled = resample(&Sound { rate, samples: tone(rate, hz, 0.2, 0.5) });
            let wanted = tone(RATE, hz, 0.2, 0.5);
            assert_eq!(resampled.len(), wanted.len(), "{rate}");
            // The filter has nothing to work with beyond the ends.
            let inner = 200..wanted.len() - 200;
            let error = inner.clone().map(|at| (resampled[at] - wanted[at]).abs()).fold(0.0, f32::max);
            assert!(error < 0.01, "{hz} Hz from {rate}: off by {error}");
        }
        // What 48 kHz cannot carry is gone, instead of coming back as another tone.
        let high = resample(&Sound { rate: 96_000, samples: tone(96_000, 30_000.0, 0.2, 0.5) });
        assert!(high[400..9_000].iter().all(|sample| sample.abs() < 0.01));
    }

    #[test]
    fn every_voice_is_as_loud_as_the_others() {
        for height in [0.01, 0.1, 0.8] {
            let mut samples = vec![0.0; RATE as usize / 2];
            samples.extend(tone(RATE, 300.0, 1.0, height));
            samples.extend(vec![0.0; RATE as usize / 2]);
            let samples = levelled(&samples);
            let (sound, tail) = samples.split_at(RATE as usize);
            assert_eq!(level_dbov(sound), LOUDNESS as i8, "of {height}: silence is cut from the ends");
            assert_eq!(tail, [0.0; TAIL_FRAMES * FRAME_SAMPLES]);
        }
        assert!(levelled(&vec![0.0; 9_600]).is_empty());
    }

    #[test]
    fn packets_carry_the_loudness_they_decode_to() {
        let mut samples = tone(RATE, 300.0, 0.2, 0.3);
        samples.extend(vec![0.0; FRAME_SAMPLES * 5]);
        let frames = encode(&samples).unwrap();
        assert_eq!(frames.len(), 15);
        let mut decoder = opus::Decoder::new(RATE, opus::Channels::Mono).unwrap();
        let mut decoded = vec![0.0; FRAME_SAMPLES];
        for (index, frame) in frames.iter().enumerate() {
            decoder.decode_float(&frame.payload, &mut decoded, false).unwrap();
            let level = level_dbov(&decoded);
            match index {
                2..10 => assert!(level.abs_diff(frame.level) < 3, "{index}: {level}, {}", frame.level),
                12.. => assert!(level < -50 && frame.level == -127, "{index}: {level}, {}", frame.level),
                _ => {}
            }
        }
    }

    #[test]
    fn kept_speech_comes_back_and_damaged_speech_does_not() {
        let frames = encode(&tone(RATE, 200.0, 0.1, 0.3)).unwrap();
        let bytes = pack(&frames);
        let again = unpack(&bytes).unwrap();
        assert_eq!(again.len(), frames.len());
        assert!(again.iter().zip(frames.iter()).all(|(a, b)| (&a.payload, a.level) == (&b.payload, b.level)));
        for cut in [0, 3, 4, 5, bytes.len() - 1] {
            assert!(unpack(&bytes[..cut]).is_none(), "cut at {cut}");
        }
        assert!(unpack(&[&bytes[..], &[0]].concat()).is_none(), "something follows");
        let mut other = bytes;
        other[3] ^= 1;
        assert!(unpack(&other).is_none());
    }

    #[test]
    fn without_a_synthesiser_there_is_sound_of_the_right_length() {
        let folder = tempfile::tempdir().unwrap();
        let studio = Studio::wordless(folder.path());
        let voice = Voice { name: "en-gb+f2", pitch: 50, speed: 160 };
        let (short, long) = (studio.say(voice, "Yes.").unwrap(), studio.say(voice, &"so ".repeat(200)).unwrap());
        assert_eq!((short.len(), long.len()), (13, 600 * LETTER_MILLIS / 20));
        assert!(long.iter().all(|frame| frame.level > PAUSE_DBOV));
    }
}
