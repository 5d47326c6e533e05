//! Speech-like sound with known bytes: the same name always gives the same Opus packets.

use std::collections::HashMap;
use std::f32::consts::TAU;
use std::sync::Arc;

use crate::{Error, Result};

/// Samples of one frame: 20 ms at 48 kHz, what browsers send (RFC 7587, section 4.2).
pub const FRAME_SAMPLES: usize = 960;
/// Milliseconds of one frame.
pub const FRAME_MILLIS: u64 = 20;
/// Frames of a script before it repeats: ten seconds. More would make a packet easier to place after a long loss and
/// take longer to encode.
pub const SCRIPT_FRAMES: usize = 500;

const SAMPLE_RATE: f32 = 48_000.0;
/// Bits per second of the encoder: what browsers use for mono speech at full band.
const BIT_RATE: i32 = 32_000;

/// One 20 ms Opus packet of a script.
#[derive(Debug, Clone)]
pub struct VoiceFrame {
    /// The RTP payload (RFC 7587, section 4): one Opus packet.
    pub payload: Arc<[u8]>,
    /// Loudness in dBov, from -127 to 0 (RFC 6464, section 3, with the sign that str0m expects).
    pub level: i8,
}

/// What a talker says over and over: ten seconds of packets that are all different.
#[derive(Debug, Clone)]
pub struct Script {
    frames: Vec<VoiceFrame>,
    by_payload: HashMap<Arc<[u8]>, usize>,
}

impl Script {
    /// Synthesises and encodes the script of `name`: a buzzing source with a wandering pitch, three moving formants
    /// and syllables that never fall silent. The same name gives the same bytes in every process of one build; what follows
    /// two underscores does not count, so that many talkers can share a script.
    ///
    /// # Errors
    /// [`Error::Media`] when libopus refuses, which would be a fault of the build.
    pub fn of(name: &str) -> Result<Self> {
        let opus = |error: opus::Error| Error::Media(format!("opus: {error}"));
        let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip).map_err(opus)?;
        encoder.set_bitrate(opus::Bitrate::Bits(BIT_RATE)).map_err(opus)?;
        let mut mouth = Mouth::new(fnv1a(name.split("__").next().unwrap_or_default()));
        let mut frames = Vec::with_capacity(SCRIPT_FRAMES);
        let mut by_payload = HashMap::with_capacity(SCRIPT_FRAMES);
        while frames.len() < SCRIPT_FRAMES {
            let samples: Vec<f32> = (0..FRAME_SAMPLES).map(|_| mouth.next_sample()).collect();
            let payload: Arc<[u8]> = encoder.encode_vec_float(&samples, 1_200).map_err(opus)?.into();
            // A packet that says the same as an earlier one could not be told from it: it is left out.
            if !by_payload.contains_key(&payload) {
                by_payload.insert(payload.clone(), frames.len());
                frames.push(VoiceFrame { payload, level: level_dbov(&samples) });
            }
        }
        Ok(Self { frames, by_payload })
    }

    /// The frame that is sent as number `index`, counted from 0; the script repeats after [`SCRIPT_FRAMES`].
    pub fn frame(&self, index: u64) -> &VoiceFrame {
        &self.frames[(index % SCRIPT_FRAMES as u64) as usize]
    }

    /// The place of a payload in the script, if it is byte for byte one of its packets.
    pub fn position(&self, payload: &[u8]) -> Option<usize> {
        self.by_payload.get(payload).copied()
    }
}

/// Root mean square of samples in -1..=1 as dBov: 0 is the loudest, -127 is silence (RFC 6465, appendix A).
pub(crate) fn level_dbov(samples: &[f32]) -> i8 {
    let mean_square = samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32;
    (10.0 * mean_square.max(1e-13).log10()).round().clamp(-127.0, 0.0) as i8
}

/// FNV-1a, 64 bits: a seed from a name that does not change between builds.
pub(crate) fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A source-filter voice: a pulse train with a little breath, through three two-pole resonators in parallel.
struct Mouth {
    dice: u64,
    time: u64,
    phase: f32,
    pitch: f32,
    syllable_hz: f32,
    formants: [Resonator; 3],
}

#[derive(Default, Clone, Copy)]
struct Resonator {
    last: f32,
    before: f32,
}

impl Resonator {
    /// One step of a two-pole resonator at `hz` with a bandwidth of `width` Hz.
    fn step(&mut self, input: f32, hz: f32, width: f32) -> f32 {
        let radius = (-std::f32::consts::PI * width / SAMPLE_RATE).exp();
        let output = (1.0 - radius) * input + 2.0 * radius * (TAU * hz / SAMPLE_RATE).cos() * self.last
            - radius * radius * self.before;
        self.before = self.last;
        self.last = output;
        output
    }
}

impl Mouth {
    fn new(seed: u64) -> Self {
        Self {
            dice: seed | 1,
            time: 0,
            phase: 0.0,
            // 100 to 220 Hz: low and high speaking voices.
            pitch: 100.0 + (seed >> 8) as u8 as f32 / 255.0 * 120.0,
            // 3 to 5 syllables a second.
            syllable_hz: 3.0 + (seed >> 16) as u8 as f32 / 127.0,
            formants: [Resonator::default(); 3],
        }
    }

    /// Evenly spread in -1..1 (a linear congruential generator: enough for breath noise).
    fn noise(&mut self) -> f32 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn next_sample(&mut self) -> f32 {
        let seconds = self.time as f32 / SAMPLE_RATE;
        self.time += 1;
        let pitch = self.pitch * (1.0 + 0.08 * (TAU * 0.7 * seconds).sin());
        self.phase = (self.phase + pitch / SAMPLE_RATE).fract();
        // A falling saw is rich in harmonics like the glottis; breath makes each packet different.
        let source = 1.0 - 2.0 * self.phase + 0.1 * self.noise();
        let loudness = 0.6 + 0.4 * (TAU * self.syllable_hz * seconds).sin();
        let open = (TAU * 0.9 * seconds).sin();
        let bands = [(550.0 + 200.0 * open, 80.0), (1_400.0 - 500.0 * open, 120.0), (2_600.0, 160.0)];
        let mut voiced = 0.0;
        for (resonator, (hz, width)) in self.formants.iter_mut().zip(bands) {
            voiced += resonator.step(source, hz, width);
        }
        (1.2 * loudness * voiced).clamp(-0.9, 0.9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_gives_the_same_bytes_and_another_name_others() {
        let (one, again, other) =
            (Script::of("crowd_t1").unwrap(), Script::of("crowd_t1").unwrap(), Script::of("crowd_t2").unwrap());
        for index in 0..SCRIPT_FRAMES {
            let payload = &one.frame(index as u64).payload;
            assert_eq!(payload, &again.frame(index as u64).payload);
            assert_eq!(one.position(payload), Some(index));
            assert_eq!(other.position(payload), None);
        }
        assert_eq!(one.frame(SCRIPT_FRAMES as u64 + 3).payload, one.frame(3).payload);
        let shared = Script::of("crowd_t1__7").unwrap();
        assert_eq!(shared.frame(9).payload, one.frame(9).payload, "two underscores end the name");
    }

    #[test]
    fn it_is_loud_enough_to_be_forwarded_and_sounds_when_decoded() {
        let script = Script::of("crowd_t1").unwrap();
        let mut decoder = opus::Decoder::new(48_000, opus::Channels::Mono).unwrap();
        let (mut quietest, mut energy) = (0, 0.0_f32);
        for index in 5..SCRIPT_FRAMES {
            let frame = script.frame(index as u64);
            quietest = quietest.min(frame.level);
            let mut samples = vec![0.0; FRAME_SAMPLES];
            let decoded = decoder.decode_float(&frame.payload, &mut samples, false).unwrap();
            assert_eq!(decoded, FRAME_SAMPLES, "each packet is 20 ms");
            energy += samples.iter().map(|s| s * s).sum::<f32>() / FRAME_SAMPLES as f32;
        }
        assert!(quietest > -50, "never silent: {quietest} dBov");
        assert!(energy / SCRIPT_FRAMES as f32 > 1e-4, "audible after decoding: {energy}");
    }

    #[test]
    fn levels_are_in_dbov() {
        assert_eq!(level_dbov(&[1.0, -1.0]), 0);
        assert_eq!(level_dbov(&[0.1, -0.1]), -20);
        assert_eq!(level_dbov(&[0.0; 4]), -127);
    }
}
