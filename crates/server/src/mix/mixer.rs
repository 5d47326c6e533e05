//! The sound of one room as one Opus stream: what its talkers say, decoded, added up and encoded again. No clock and no sockets.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use opus::{Application, Bitrate, Channels, Encoder, SoftClip};
use roomtone_media::frame::Frame;
use roomtone_room::ids::TalkerNo;

use super::voice::{BLOCK, Voice};

/// Voices at once: those who hold a slot, and those whose last word is still to be heard. Whoever comes beyond them is not heard
/// until one of these is silent.
const VOICES_MAX: usize = 8;

/// Bits per second of speech and of music. Constant, whatever is said: browsers hand a stream on to their decoder in pieces of
/// 32 KiB, which is 4 s of speech, and in a pause there would be none of them (docs/adr/0011). More sounds better and is heard
/// sooner; less costs listeners less.
const SPEECH: i32 = 64_000;
const MUSIC: i32 = 128_000;

/// Turns for which it is still music after the last sound of two channels: ten seconds.
const MUSIC_TURNS: u32 = 500;

/// How hard libopus tries, of 10. More sounds a little better at the same rate; less costs less.
const COMPLEXITY: i32 = 5;

/// The loudest that several voices together may be before all are turned down.
const CEILING: f32 = 0.89;

/// By how much of what is left the voices come back up in each turn.
const RELEASE: f32 = 0.04;

/// Room for one packet, in bytes.
const PACKET_MAX: usize = 1_500;

/// Mixes one room.
///
/// What was given out in it is handed in by [`Mixer::push`] as it comes; [`Mixer::turn`], called every 20 ms, gives the next packet of
/// all of it.
pub struct Mixer {
    voices: Vec<(TalkerNo, Voice)>,
    /// Who may be heard.
    granted: BTreeSet<TalkerNo>,
    encoder: Encoder,
    soft_clip: SoftClip,
    /// By how much all are turned down, from 0 to 1.
    gain: f32,
    /// For how many turns it is still music.
    music: u32,
    packet: Vec<u8>,
}

impl Mixer {
    /// Begins with nobody who may be heard, and with silence.
    ///
    /// Errors: libopus has no memory.
    pub fn new() -> opus::Result<Self> {
        let mut encoder = Encoder::new(48_000, Channels::Stereo, Application::Audio)?;
        encoder.set_vbr(false)?;
        encoder.set_complexity(COMPLEXITY)?;
        let mut mixer = Self {
            voices: Vec::new(),
            granted: BTreeSet::new(),
            encoder,
            soft_clip: SoftClip::new(Channels::Stereo),
            gain: 1.0,
            music: 1,
            packet: vec![0; PACKET_MAX],
        };
        mixer.choose_kind()?;
        Ok(mixer)
    }

    /// Who may be heard from now on. Of others nothing is left.
    pub fn grant(&mut self, talkers: BTreeSet<TalkerNo>) {
        self.voices.retain(|(talker, _)| talkers.contains(talker));
        self.granted = talkers;
    }

    /// Takes a packet that was given out.
    ///
    /// Errors: libopus has no memory for one voice more.
    pub fn push(&mut self, frame: &Arc<Frame>) -> opus::Result<()> {
        if !self.granted.contains(&frame.talker) {
            return Ok(());
        }
        if let Some((_, voice)) = self.voices.iter_mut().find(|(talker, _)| *talker == frame.talker) {
            voice.push(frame);
        } else if self.voices.len() < VOICES_MAX {
            let mut voice = Voice::new()?;
            voice.push(frame);
            self.voices.push((frame.talker, voice));
        }
        Ok(())
    }

    /// The next 20 ms, as one Opus packet.
    ///
    /// Errors: those of libopus, none of which is to be expected.
    pub fn turn(&mut self, now: Instant) -> opus::Result<Vec<u8>> {
        let mut sum = [0.0; BLOCK];
        for (_, voice) in &mut self.voices {
            voice.add_to(&mut sum, now);
        }
        self.choose_kind()?;
        self.voices.retain(|(_, voice)| !voice.is_silent());
        self.limit(&mut sum);
        let length = self.encoder.encode_float(&sum, &mut self.packet)?;
        Ok(self.packet[..length].to_vec())
    }

    /// Speech is one channel, music two, at twice the rate.
    fn choose_kind(&mut self) -> opus::Result<()> {
        let before = self.music > 0;
        self.music = if self.voices.iter().any(|(_, voice)| voice.is_stereo()) {
            MUSIC_TURNS
        } else {
            self.music.saturating_sub(1)
        };
        match (before, self.music > 0) {
            (true, false) => {
                self.encoder.set_force_channels(Some(Channels::Mono))?;
                self.encoder.set_bitrate(Bitrate::Bits(SPEECH))
            }
            (false, true) => {
                self.encoder.set_force_channels(Some(Channels::Stereo))?;
                self.encoder.set_bitrate(Bitrate::Bits(MUSIC))
            }
            _ => Ok(()),
        }
    }

    /// Turns everything down as far as it takes for the loudest moment to be no louder than [`CEILING`], and slowly up again
    /// afterwards. What is over while it is turned down is bent (opus_pcm_soft_clip).
    fn limit(&mut self, sum: &mut [f32; BLOCK]) {
        let peak = sum.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        let risen = self.gain + (1.0 - self.gain) * RELEASE;
        let target = if peak * risen > CEILING { CEILING / peak } else { risen };
        let step = (target - self.gain) / (BLOCK as f32);
        for (i, sample) in sum.iter_mut().enumerate() {
            *sample *= self.gain + step * i as f32;
        }
        self.gain = target;
        self.soft_clip.apply(sum);
    }
}

impl fmt::Debug for Mixer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mixer").field("voices", &self.voices.len()).finish_non_exhaustive()
    }
}
