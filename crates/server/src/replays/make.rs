//! Makes a replay of its tracks: the mix in both formats, each track alone, and the picture of all.
//!
//! Everything is read and written piece by piece, so that the memory it takes depends on the number of tracks and hardly on their length.
//! Tracks are read three times: for their clocks, to measure how loud they are, and to be mixed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use opus::{Application, Bitrate, Channels, Encoder};
use roomtone_media::fmp4::Fmp4;
use roomtone_media::ogg::{OggOpus, PRE_SKIP, is_stereo};
use roomtone_media::track::TrackReader;

use super::align::{Clock, Placed, RATE};
use super::chapters::chapters;
use super::files;
use super::limiter::{AHEAD, Limiter};
use super::loudness::{self, FLUSH, HOP, Meter};
use super::picture::{self, LEVEL, SILENT, Wave};
use super::voice::Voice;
use crate::recorder;
use crate::wire::replays::{Picture, PictureSpeaker, ReplayMark};

/// Samples in the longest replay: an hour more than a recording may have, which stops a moment late. It is no longer whatever the clock did.
const LONGEST: u64 = (recorder::LONGEST.as_secs() + 60 * 60) * RATE;

/// Samples in a packet of the mix: 20 ms.
const PACKET: usize = 960;

/// Bits per second of a mix of speech, in one channel, and of one with music, in two. More sounds better; less costs listeners less.
const SPEECH: i32 = 64_000;
const MUSIC: i32 = 128_000;

/// How hard libopus tries, of 10. More sounds a little better at the same rate; less takes less time.
const COMPLEXITY: i32 = 8;

/// Room for one packet, in bytes.
const PACKET_MAX: usize = 1_500;

/// Packets of silence that are encoded before it is known what the next ones are: by then it has come out of the encoder.
const QUIET: u32 = 10;

/// A frame of 20 ms of fullband CELT in which its first symbol says that all is silent (RFC 6716, section 4.3): mono and stereo.
const SILENCE: [[u8; 3]; 2] = [[31 << 3, 0xff, 0xfe], [31 << 3 | 4, 0xff, 0xfe]];

/// How much of the work is done once all tracks are measured, in percent.
const MEASURED: u64 = 40;

/// A track that is to be in the replay.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Its number.
    pub(super) n: u32,
    /// Where it is.
    pub(super) path: PathBuf,
}

/// Told with each packet how much is done, in percent; answers whether to go on.
pub(super) type Progress<'a> = &'a mut dyn FnMut(u32) -> bool;

/// Asked with each packet whether to go on.
type GoOn<'a> = &'a mut dyn FnMut() -> bool;

/// What became of a replay.
#[derive(Debug)]
pub(super) enum Outcome {
    /// There is something to hear.
    Sound(Picture),
    /// Nobody has said anything.
    Nothing,
    /// It was told to stop.
    Stopped,
}

/// What was measured of a track.
struct Measured {
    source: Source,
    clock: Clock,
    gain: f32,
}

/// Makes a replay into a folder, under the names that [`files`] has for them. It is at least so many milliseconds long, whoever says
/// something in it: what was once at a moment of it stays there.
///
/// Errors: those of reading and writing; `InvalidData` for one that is longer than a recording can be. A file that is no track is one of somebody who said nothing: the server was stopped before it was
/// begun.
pub(super) fn make(
    sources: &[Source],
    marks: &[(u64, ReplayMark)],
    at_least_ms: u64,
    into: &Path,
    progress: Progress<'_>,
) -> io::Result<Outcome> {
    let clock = |source: &Source| match read(&source.path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        track => Clock::of(track?).map(Some),
    };
    let clocks = sources.iter().map(clock).collect::<io::Result<Vec<_>>>()?;
    let (sources, clocks): (Vec<_>, Vec<_>) =
        sources.iter().zip(clocks).filter_map(|(source, clock)| Some((source, clock?))).unzip();
    let Some(said) = clocks.iter().map(|clock| clock.end).max().filter(|end| *end > 0) else {
        return Ok(Outcome::Nothing);
    };
    if said > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than a recording can be"));
    }
    let end = said.max(at_least_ms * RATE / 1_000).next_multiple_of(PACKET as u64);
    let ms = end * 1_000 / RATE;
    let stereo = clocks.iter().any(|clock| clock.stereo);
    let mut speakers = Vec::new();
    let mut measured = Vec::new();
    let mut all = Vec::new();
    let done = |n: usize| (n as u64 * MEASURED / sources.len().max(1) as u64) as u32;
    for (n, (source, clock)) in sources.iter().copied().zip(clocks).enumerate() {
        let mut go_on = || progress(done(n));
        if !write_track(source, &clock, end, &into.join(files::track(source.n)), &mut go_on)? {
            return Ok(Outcome::Stopped);
        }
        let Some((track, speaker)) = measure(source, clock, stereo, &mut all, &mut go_on)? else {
            return Ok(Outcome::Stopped);
        };
        measured.push(track);
        speakers.push(speaker);
    }
    let silences = picture::silences(&speakers, ms);
    let chapters = chapters(ms, &speakers, marks);
    let mut picture = Picture { ms, speakers, chapters, silences, ..Picture::default() };
    let gain = loudness::correction(&all);
    drop(all);
    let Some(wave) = mix(&measured, gain, Length { end, stereo }, into, progress)? else { return Ok(Outcome::Stopped) };
    (picture.step_ms, picture.wave) = (wave.step_ms, wave.parts);
    write(&into.join(files::PICTURE), |out| serde_json::to_writer(out, &picture).map_err(io::Error::other))?;
    Ok(Outcome::Sound(picture))
}

/// Writes one track alone, as it is in a replay of nothing else.
///
/// Errors: as [`make`]'s, and `InvalidData` for a file that is no track.
pub(super) fn alone(track: &Path, n: u32, to: &Path) -> io::Result<()> {
    let clock = Clock::of(read(track)?)?;
    let end = clock.end.max(1).next_multiple_of(PACKET as u64);
    write_track(&Source { n, path: track.to_owned() }, &clock, end, to, &mut || true).map(drop)
}

/// Decodes one track, with silence where nothing was said, as mono samples of 48 kHz, and hands them on in pieces. Returns how many there
/// were.
///
/// Errors: as [`make`]'s, and those of `sink`.
pub(super) fn decode(path: &Path, mut sink: impl FnMut(&[f32]) -> io::Result<()>) -> io::Result<u64> {
    let clock = Clock::of(read(path)?)?;
    let mut voice = Voice::new(clock.place(read(path)?), false)?;
    let mut at = 0;
    while at < clock.end {
        let mut block = [0.0; HOP];
        voice.add_to(&mut block, at, 1.0)?;
        let count = (clock.end - at).min(HOP as u64);
        sink(&block[..count as usize])?;
        at += count;
    }
    Ok(at)
}

fn read(path: &Path) -> io::Result<TrackReader<BufReader<File>>> {
    TrackReader::new(BufReader::new(File::open(path)?))
}

/// Makes a file that only this user may read.
fn write<T>(path: &Path, work: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> io::Result<T> {
    let mut file = BufWriter::new(create(path)?);
    let done = work(&mut file)?;
    file.flush()?;
    Ok(done)
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Writes a track alone: its packets as they came, each in its place, from the beginning of the replay to its end. Returns whether it went on
/// to that.
fn write_track(source: &Source, clock: &Clock, end: u64, to: &Path, go_on: GoOn<'_>) -> io::Result<bool> {
    let mut stereo = false;
    for placed in clock.place(read(&source.path)?) {
        if !go_on() {
            return Ok(false);
        }
        stereo |= is_stereo(&placed?.payload);
    }
    write(to, |out| {
        let mut track = OggOpus::new(out, source.n, stereo)?;
        for placed in clock.place(read(&source.path)?) {
            if !go_on() {
                return Ok(false);
            }
            let Placed { at, payload, .. } = placed?;
            track.write(at, &payload)?;
        }
        track.finish(end).map(|_| true)
    })
}

/// Measures how loud somebody is and when they talk, and adds the energies of what they say, as loud as it will be, to `all`. `None` if it
/// did not go on to the end.
fn measure(
    source: &Source,
    clock: Clock,
    stereo: bool,
    all: &mut Vec<f32>,
    go_on: GoOn<'_>,
) -> io::Result<Option<(Measured, PictureSpeaker)>> {
    let channels = if stereo { 2 } else { 1 };
    let mut voice = Voice::new(clock.place(read(&source.path)?), stereo)?;
    let mut meter = Meter::new(stereo)?;
    let (mut blocks, mut levels) = (Vec::new(), Vec::new());
    let mut hop = vec![0.0; HOP * channels];
    let mut silent = 0;
    while let Some(next) = voice.next_at()? {
        if !go_on() {
            return Ok(None);
        }
        // Over a long silence nothing has to be measured, once it has begun.
        let next = (next / HOP as u64) as usize;
        if silent >= FLUSH && next > blocks.len() {
            blocks.resize(next, 0.0);
            levels.resize(next * (HOP / LEVEL), SILENT);
        }
        hop.fill(0.0);
        let at = (blocks.len() * HOP) as u64;
        silent = if voice.add_to(&mut hop, at, 1.0)? { 0 } else { silent + 1 };
        blocks.push(meter.block(&hop)?);
        levels.extend(hop.chunks(LEVEL * channels).map(picture::level));
    }
    let loudness = loudness::loudness(&blocks);
    let gain = loudness.map_or(1.0, loudness::gain);
    if all.len() < blocks.len() {
        all.resize(blocks.len(), 0.0);
    }
    all.iter_mut().zip(&blocks).for_each(|(sum, block)| *sum += gain * gain * block);
    let speaker = picture::speaker(source.n, &levels, loudness.unwrap_or(0.0));
    drop(voice);
    Ok(Some((Measured { source: source.clone(), clock, gain }, speaker)))
}

/// How long a mix is, in samples, and whether it has two channels.
#[derive(Clone, Copy)]
struct Length {
    end: u64,
    stereo: bool,
}

/// Writes the mix in both formats.
fn mix(
    tracks: &[Measured],
    gain: f32,
    length: Length,
    into: &Path,
    progress: Progress<'_>,
) -> io::Result<Option<Wave>> {
    let Length { end, stereo } = length;
    let channels = if stereo { 2 } else { 1 };
    let mut voices = tracks
        .iter()
        .map(|track| Ok((Voice::new(track.clock.place(read(&track.source.path)?), stereo)?, track.gain * gain)))
        .collect::<io::Result<Vec<_>>>()?;
    let mut out = Out::new(length, into)?;
    let mut limiter = Limiter::new(stereo);
    let mut wave = Wave::new(end * 1_000 / RATE);
    let mut block = vec![0.0; PACKET * channels];
    let mut silent = 0;
    for at in (0..end).step_by(PACKET) {
        let done = (MEASURED + at * (100 - MEASURED) / end) as u32;
        if !progress(done) {
            return Ok(None);
        }
        block.fill(0.0);
        silent += 1;
        for (voice, gain) in &mut voices {
            if voice.add_to(&mut block, at, *gain)? {
                silent = 0;
            }
        }
        // Of a silence only the beginning is to be looked at.
        if silent > QUIET && out.is_quiet() {
            out.push_silence()?;
            continue;
        }
        wave.add(at * 1_000 / RATE, &block);
        limiter.limit(&mut block);
        out.push(&block)?;
    }
    out.finish()?;
    Ok(Some(wave))
}

fn write_both(ogg: &mut OggOpus<BufWriter<File>>, mp4: &mut Fmp4<BufWriter<File>>, packet: &[u8]) -> io::Result<()> {
    ogg.append(packet)?;
    mp4.append(packet)
}

/// The two files of a mix.
struct Out {
    encoder: Encoder,
    ogg: OggOpus<BufWriter<File>>,
    mp4: Fmp4<BufWriter<File>>,
    end: u64,
    channels: usize,
    /// What is to be encoded next, the channels in turns.
    waiting: Vec<f32>,
    packet: Vec<u8>,
    /// How many packets are still to be written.
    packets: u64,
    /// How many packets of silence came last.
    quiet: u32,
}

impl Out {
    fn new(length: Length, into: &Path) -> io::Result<Self> {
        let Length { end, stereo } = length;
        let (kind, channels, bits) = if stereo { (Channels::Stereo, 2, MUSIC) } else { (Channels::Mono, 1, SPEECH) };
        let mut encoder = Encoder::new(48_000, kind, Application::Audio).map_err(io::Error::other)?;
        encoder.set_bitrate(Bitrate::Bits(bits)).map_err(io::Error::other)?;
        encoder.set_complexity(COMPLEXITY).map_err(io::Error::other)?;
        // The decoder skips as much as the pre-skip. The encoder's own delay, and the limiter's, are a part of it.
        let delay = encoder.get_lookahead().map_err(io::Error::other)?.max(0) as usize + AHEAD;
        let silence = usize::from(PRE_SKIP).saturating_sub(delay);
        let packets = (end + u64::from(PRE_SKIP)) / PACKET as u64;
        let file = |name| create(&into.join(name)).map(BufWriter::new);
        Ok(Self {
            encoder,
            ogg: OggOpus::new(file(files::OGG)?, 1, stereo)?,
            mp4: Fmp4::new(file(files::MP4)?, stereo, packets)?,
            end,
            channels,
            waiting: vec![0.0; silence * channels],
            packet: vec![0; PACKET_MAX],
            packets,
            quiet: 0,
        })
    }

    /// Adds sound.
    fn push(&mut self, samples: &[f32]) -> io::Result<()> {
        self.waiting.extend_from_slice(samples);
        let size = PACKET * self.channels;
        while self.waiting.len() >= size && self.packets > 0 {
            let silent = self.waiting[..size].iter().all(|sample| *sample == 0.0);
            self.quiet = if silent { self.quiet.saturating_add(1) } else { 0 };
            let sound = &self.waiting[..size];
            let length = self.encoder.encode_float(sound, &mut self.packet).map_err(io::Error::other)?;
            self.waiting.drain(..size);
            write_both(&mut self.ogg, &mut self.mp4, &self.packet[..length])?;
            self.packets -= 1;
        }
        Ok(())
    }

    /// Whether it has been silent for so long that nothing of what was before is left to be encoded.
    fn is_quiet(&self) -> bool {
        self.quiet > QUIET
    }

    /// Adds a packet of silence to silence. That needs no encoder, which begins anew after it, as the decoder does.
    fn push_silence(&mut self) -> io::Result<()> {
        if self.packets > 0 {
            self.encoder.reset_state().map_err(io::Error::other)?;
            write_both(&mut self.ogg, &mut self.mp4, &SILENCE[self.channels - 1])?;
            self.packets -= 1;
        }
        Ok(())
    }

    /// Ends both files.
    fn finish(mut self) -> io::Result<()> {
        let silence = vec![0.0; PACKET * self.channels];
        while self.packets > 0 {
            self.push(&silence)?;
        }
        self.ogg.finish(self.end)?;
        self.mp4.finish()?.flush()
    }
}

#[cfg(test)]
pub(super) mod tests;
