//! Whole replays, of tracks as a recorder writes them, looked at by decoding what was made.

use std::f64::consts::TAU;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use ebur128::{EbuR128, Mode};
use ogg::PacketReader;
use opus::Decoder;
use roomtone_media::fmp4;
use roomtone_media::frame::Frame;
use roomtone_media::track::{Header, TrackWriter};
use roomtone_room::ids::{ReplayId, RoomId, TalkerNo};
use tempfile::TempDir;

use super::*;
use crate::edge;

/// Somebody in front of a microphone. Their clock runs `ppm` faster than the recording's.
struct Speaker {
    n: u32,
    hertz: f64,
    height: f64,
    ppm: f64,
    encoder: Encoder,
    channels: usize,
    writer: TrackWriter,
    file: Vec<u8>,
    stretch: u64,
    seq: u64,
    dice: u64,
    dtx: bool,
}

impl Speaker {
    fn new(n: u32, hertz: f64, height: f64, ppm: f64) -> Self {
        let mut file = Vec::new();
        let writer = TrackWriter::begin(Header { replay: ReplayId(1), track: n }, &mut file);
        let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        encoder.set_bitrate(Bitrate::Bits(32_000)).unwrap();
        Self {
            n,
            hertz,
            height,
            ppm,
            encoder,
            channels: 1,
            writer,
            file,
            stretch: 0,
            seq: 0,
            dice: u64::from(n),
            dtx: true,
        }
    }

    /// The same with two channels.
    fn in_stereo(mut self) -> Self {
        self.encoder = Encoder::new(48_000, Channels::Stereo, Application::Audio).unwrap();
        self.channels = 2;
        self
    }

    /// Is heard from one millisecond to another, and sounds in the spans given; all else of it is silence, of which a packet is sent
    /// every 400 ms (DTX; libopus would take tones for silence, too). A part of the packets is lost, some in a row, and each takes a while to arrive.
    fn talk(&mut self, from: u64, to: u64, sounds: &[[u64; 2]], loss: u64) {
        self.stretch += 1;
        let mut lost = 0;
        for packet in from / 20..to / 20 {
            // What is said at a moment has the media time of the speaker's own clock, which runs at its own speed.
            let own = |n: usize| (packet * 20 * 48 + n as u64) as f64;
            let real = |n: usize| own(n) / 48.0 / (1.0 + self.ppm / 1e6);
            let now = real(0) as u64;
            let near: Vec<_> = sounds.iter().filter(|[from, to]| *from < now + 100 && *to + 100 > now).collect();
            let sample = |n: usize| {
                let at = real(n);
                let sounds = near.iter().any(|[from, to]| at >= *from as f64 && at < *to as f64);
                if sounds { (self.height * (at / 1_000.0 * self.hertz * TAU).sin()) as f32 } else { 0.0 }
            };
            let sound: Vec<f32> = (0..PACKET).flat_map(|n| vec![sample(n); self.channels]).collect();
            let payload = self.encoder.encode_vec_float(&sound, 1_000).unwrap();
            self.seq += 1;
            self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let dice = self.dice >> 33;
            let silent = near.iter().all(|[from, to]| *to + 80 < now || *from > now + 20);
            if self.dtx && silent && !packet.is_multiple_of(20) {
                self.seq -= 1;
                continue;
            }
            // What is looked for later is when something begins, so that is not lost.
            let begins = near.iter().any(|[from, _]| (now..now + 120).contains(&(from + 60)));
            if begins {
                lost = 0;
            } else if lost == 0 && dice % 1_000 < loss * 10 {
                lost = 1 + dice / 1_000 % 3;
            }
            if lost > 0 {
                lost -= 1;
                continue;
            }
            let jitter = dice / 7_000 % 15_000 * (1 + u64::from(dice.is_multiple_of(40)) * 8);
            // It leaves when it is whole.
            let at = (real(PACKET) * 1_000.0) as u64 + 15_000 + jitter;
            let time = 77_000_000 * u64::from(self.n) + packet * PACKET as u64;
            self.record(time, Duration::from_micros(at), payload);
        }
    }

    fn record(&mut self, time: u64, at: Duration, payload: Vec<u8>) {
        let frame = Frame {
            room: RoomId(1),
            talker: TalkerNo(self.n),
            slot: 0,
            dominant: true,
            seq: self.stretch << 32 | self.seq,
            time,
            level: 20,
            arrived: edge::instant(),
            payload: Arc::from(payload),
        };
        assert!(self.writer.record(&frame, at, &mut self.file));
    }
}

/// A track of somebody who is silent but for one tone, from one millisecond to another.
pub(in crate::replays) fn tone(n: u32, hertz: f64, from: u64, to: u64) -> Vec<u8> {
    let mut speaker = Speaker::new(n, hertz, 0.2, 0.0);
    speaker.talk(from, to, &[[from, to]], 0);
    speaker.file
}

/// A replay that was made.
struct Made {
    folder: TempDir,
    picture: Picture,
}

fn made(speakers: &[Speaker]) -> Made {
    made_again(&speakers.iter().collect::<Vec<_>>(), 0)
}

/// The same of a talk that was so long once.
fn made_again(speakers: &[&Speaker], at_least_ms: u64) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let source = |speaker: &&Speaker| {
        let path = folder.path().join(format!("{}.track", speaker.n));
        fs::write(&path, &speaker.file).unwrap();
        Source { n: speaker.n, path }
    };
    let sources: Vec<_> = speakers.iter().map(source).collect();
    let mut told = Vec::new();
    let mut progress = |done| {
        told.push(done);
        true
    };
    let made = make(&sources, &[], at_least_ms, &folder.path().join("out"), &mut progress).unwrap();
    let Outcome::Sound(picture) = made else { panic!("{made:?}") };
    assert!(told.is_sorted() && told.iter().all(|done| *done < 100), "{told:?}");
    Made { folder, picture }
}

impl Made {
    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join("out").join(name)).unwrap()
    }

    /// The packets of an Ogg file, how many samples are to be heard, and whether it has two channels.
    fn packets(&self, name: &str) -> (Vec<Vec<u8>>, u64, bool) {
        let mut reader = PacketReader::new(Cursor::new(self.file(name)));
        let (mut packets, mut end, mut stereo) = (Vec::new(), 0, false);
        while let Some(packet) = reader.read_packet().unwrap() {
            if packet.data.starts_with(b"OpusHead") {
                stereo = packet.data[9] == 2;
            } else if !packet.data.starts_with(b"OpusTags") {
                end = packet.absgp_page();
                packets.push(packet.data);
            }
        }
        (packets, end - u64::from(PRE_SKIP), stereo)
    }

    /// What is heard of an Ogg file, in one channel.
    fn sound(&self, name: &str) -> Vec<f32> {
        let (packets, end, _) = self.packets(name);
        let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
        let mut sound = Vec::new();
        let mut scratch = vec![0.0; 5_760];
        for packet in packets {
            let count = decoder.decode_float(&packet, &mut scratch, false).unwrap();
            sound.extend_from_slice(&scratch[..count]);
        }
        sound[usize::from(PRE_SKIP)..][..end as usize].to_vec()
    }
}

/// How strong a tone is in some samples, as its height (Goertzel's algorithm).
fn strength(sound: &[f32], hertz: f64) -> f64 {
    let step = hertz / 48_000.0 * TAU;
    let (mut one, mut two) = (0.0, 0.0);
    for &sample in sound {
        (one, two) = (f64::from(sample) + 2.0 * step.cos() * one - two, one);
    }
    let power = one * one + two * two - 2.0 * step.cos() * one * two;
    2.0 * power.max(0.0).sqrt() / sound.len() as f64
}

/// The millisecond at which a tone begins that does so around this one: where it first has half of its strength, over 5 ms.
fn onset(sound: &[f32], hertz: f64, around: u64) -> f64 {
    let from = (around - 200) as usize * 48;
    let window = 240;
    let strengths: Vec<f64> =
        (0..400 * 8).map(|n| strength(&sound[from + n * 6..from + n * 6 + window], hertz)).collect();
    let most = strengths.iter().copied().fold(0.0, f64::max);
    assert!(most > 0.01, "no {hertz} Hz around {around}");
    let first = strengths.iter().position(|strength| *strength > most / 2.0).unwrap();
    (from + first * 6 + window / 2) as f64 / 48.0
}

/// Two whose clocks differ by 100 ppm say something together every few minutes for an hour; in between they are muted, or nobody talks
/// and little is sent, and a tenth of everything is lost.
#[test]
fn what_was_said_together_is_heard_together_after_an_hour() {
    let mut ada = Speaker::new(1, 600.0, 0.3, 50.0);
    let mut ben = Speaker::new(2, 1_800.0, 0.1, -50.0);
    let moments: Vec<u64> = (0..12).map(|n| 10_000 + n * 300_000 + n * 37).collect();
    for (n, &at) in moments.iter().enumerate() {
        let sounds = [[at, at + 600]];
        // Each comes on stage at another time before, and one of them talks for two minutes without a pause.
        ada.talk(at - 4_000 - n as u64 * 300, at + 1_500, &sounds, 5);
        let long = if n % 4 == 3 { 120_000 } else { 2_000 };
        let said = [[at - long.min(at), at - 1_000], [at, at + 600]];
        ben.talk(at - long - 500, at + 1_000, &said, 10);
    }
    let made = made(&[ada, ben]);
    assert_eq!(made.picture.ms / 1_000, (moments[11] + 1_500) / 1_000);
    let sound = made.sound(files::OGG);
    let mut worst = 0.0_f64;
    for &at in &moments {
        let [one, other] = [600.0, 1_800.0].map(|hertz| onset(&sound, hertz, at));
        worst = worst.max((one - other).abs());
        // And when it was, but for the way through a network.
        assert!((one - at as f64 - 35.0).abs() < 20.0, "{one} for {at}");
    }
    assert!(worst < 10.0, "{worst} ms apart");
}

/// Somebody talks for five minutes without a pause, by a clock that is 190 ppm wrong: in the end that would be 57 ms.
#[test]
fn who_never_pauses_stays_in_time() {
    let mut ada = Speaker::new(1, 500.0, 0.2, 190.0);
    let sounds: Vec<[u64; 2]> = (0..300).map(|n| [n * 1_000 + 300, n * 1_000 + 800]).collect();
    ada.dtx = false;
    ada.talk(0, 300_000, &sounds, 0);
    let made = made(&[ada]);
    let sound = made.sound(files::OGG);
    for second in [1, 100, 200, 290] {
        let at = second * 1_000 + 300;
        let found = onset(&sound, 500.0, at) - at as f64;
        assert!((found - 38.0).abs() < 10.0, "{found} at {second}");
    }
}

/// Of a soft voice and a loud one both are as loud in the end, and so is the whole; the loudest is below full scale.
#[test]
fn all_are_equally_loud() {
    let mut ada = Speaker::new(1, 700.0, 0.05, 0.0);
    let mut ben = Speaker::new(2, 1_100.0, 0.9, 0.0);
    ada.talk(0, 20_000, &[[0, 20_000]], 0);
    ben.talk(20_000, 40_000, &[[20_000, 40_000]], 0);
    let made = made(&[ada, ben]);
    let sound = made.sound(files::OGG);
    let loudness = |sound: &[f32]| {
        let mut meter = EbuR128::new(1, 48_000, Mode::I).unwrap();
        meter.add_frames_f32(sound).unwrap();
        meter.loudness_global().unwrap()
    };
    let [one, other] = [&sound[96_000..850_000], &sound[1_100_000..1_800_000]].map(loudness);
    assert!((one - other).abs() < 1.0, "{one} and {other}");
    assert!((loudness(&sound) - loudness::TARGET).abs() < 1.0, "{}", loudness(&sound));
    assert!(sound.iter().all(|sample| sample.abs() < 1.0));
    let spans: Vec<_> =
        made.picture.speakers.iter().map(|speaker| (speaker.n, speaker.spans.len(), speaker.ms / 1_000)).collect();
    assert_eq!(spans, [(1, 1, 20), (2, 1, 20)]);
    assert_eq!(made.picture.wave.len() as u64, made.picture.ms.div_ceil(made.picture.step_ms));
}

/// Both formats have the same packets, tracks are as long as the mix, and each has only its own tone.
#[test]
fn every_file_has_what_it_is_to_have() {
    let mut ada = Speaker::new(1, 700.0, 0.3, 0.0);
    let mut ben = Speaker::new(3, 1_900.0, 0.3, 0.0).in_stereo();
    ada.talk(1_000, 12_000, &[[1_000, 12_000]], 0);
    ben.talk(3_000, 9_000, &[[3_000, 9_000]], 0);
    let made = made(&[ada, ben]);
    let (packets, end, stereo) = made.packets(files::OGG);
    assert!(stereo, "music is in two channels");
    assert_eq!((end * 1_000 / RATE, end % PACKET as u64), (made.picture.ms, 0));
    let file = made.file(files::MP4);
    let head = fmp4::head_len(&file).unwrap();
    let index = fmp4::Index::read(&file[..head]).unwrap();
    assert!(index.stereo);
    let parts = index.fragments.iter().map(|&(at, size)| &file[at as usize..][..size as usize]);
    let same: Vec<_> = parts.flat_map(|part| fmp4::packets(part).unwrap()).collect();
    assert_eq!(same, packets);
    for (n, own, other, two) in [(1, 700.0, 1_900.0, false), (3, 1_900.0, 700.0, true)] {
        let name = files::track(n);
        let (_, length, stereo) = made.packets(&name);
        assert_eq!((length, stereo), (end, two));
        let sound = made.sound(&name);
        let middle = &sound[5 * 48_000..6 * 48_000];
        assert!(strength(middle, own) > 0.1 && strength(middle, other) < 0.001, "{n}");
    }
    let kept: Picture = serde_json::from_slice(&made.file(files::PICTURE)).unwrap();
    assert_eq!(kept, made.picture);
    assert_eq!(made.picture.chapters.len(), 1);
}

#[test]
fn nobody_says_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.track");
    fs::write(&path, &Speaker::new(1, 500.0, 0.1, 0.0).file).unwrap();
    for sources in [&[Source { n: 1, path }][..], &[]] {
        // Also of what was longer once.
        for at_least_ms in [0, 10_000] {
            let made = make(sources, &[], at_least_ms, &folder.path().join("out"), &mut |_| true).unwrap();
            assert!(matches!(made, Outcome::Nothing), "{made:?}");
        }
    }
}

/// What follows the last word that is left is silence, for as long as it was a talk.
#[test]
fn it_becomes_no_shorter() {
    let mut ada = Speaker::new(1, 500.0, 0.1, 0.0);
    ada.talk(0, 1_000, &[[0, 1_000]], 0);
    for (at_least_ms, ms) in [(0, 1_000..1_200), (980, 1_000..1_200), (5_000, 5_000..5_001)] {
        let made = made_again(&[&ada], at_least_ms);
        assert!(ms.contains(&made.picture.ms), "{at_least_ms}: {}", made.picture.ms);
        for file in [files::OGG, files::track(1).as_str()] {
            assert_eq!(made.packets(file).1 * 1_000 / RATE, made.picture.ms, "{file}");
        }
        assert_eq!(made.sound(files::OGG).len() as u64 * 1_000 / RATE, made.picture.ms);
    }
}

#[test]
fn it_stops_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut ada = Speaker::new(1, 500.0, 0.1, 0.0);
    ada.talk(0, 10_000, &[[0, 10_000]], 0);
    let path = folder.path().join("1.track");
    fs::write(&path, &ada.file).unwrap();
    for after in [0, 2, 20] {
        let mut left = after;
        let mut progress = |_| {
            left -= 1;
            left >= 0
        };
        let sources = [Source { n: 1, path: path.clone() }];
        let made = make(&sources, &[], 0, &folder.path().join("out"), &mut progress).unwrap();
        assert!(matches!(made, Outcome::Stopped), "{after}");
    }
}

/// However long a track is: who takes back what they said does not wait for it.
#[test]
fn it_asks_all_the_time_whether_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.track");
    fs::write(&path, tone(1, 500.0, 0, 10_000)).unwrap();
    let sources = [Source { n: 1, path }];
    let mut asked = [0; 2];
    let mut progress = |done| {
        asked[usize::from(u64::from(done) >= MEASURED)] += 1;
        true
    };
    make(&sources, &[], 0, &folder.path().join("out"), &mut progress).unwrap();
    // 500 packets are looked through, written, measured by tenths of a second, and mixed.
    assert!(asked[0] >= 1_100 && asked[1] >= 500, "{asked:?}");
}

#[test]
fn a_track_that_was_never_begun_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["1.track", "2.track"].map(|name| folder.path().join(name));
    fs::write(&one, b"RTTR").unwrap();
    fs::write(&other, tone(2, 500.0, 0, 1_000)).unwrap();
    let sources = [Source { n: 1, path: one }, Source { n: 2, path: other.clone() }];
    let made = make(&sources, &[], 0, &folder.path().join("out"), &mut |_| true).unwrap();
    let Outcome::Sound(made) = made else { panic!("{made:?}") };
    assert_eq!(made.speakers.iter().map(|speaker| speaker.n).collect::<Vec<_>>(), [2]);
    // One that cannot be read is another thing.
    fs::remove_file(&other).unwrap();
    assert!(make(&sources, &[], 0, &folder.path().join("out"), &mut |_| true).is_err());
}

/// A track is decoded in its place, for whoever writes down what is said.
#[test]
fn a_track_is_decoded_on_the_clock_of_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let mut ada = Speaker::new(1, 500.0, 0.1, 0.0);
    ada.talk(3_000, 5_000, &[[3_500, 4_500]], 0);
    let path = folder.path().join("1.track");
    fs::write(&path, &ada.file).unwrap();
    let mut sound = Vec::new();
    let count = decode(&path, |part| {
        sound.extend_from_slice(part);
        Ok(())
    })
    .unwrap();
    assert_eq!(count, sound.len() as u64);
    let found = onset(&sound, 500.0, 3_500);
    assert!((found - 3_540.0).abs() < 10.0, "{found}");
}

/// A clock that jumped by years makes no replay of years: nothing is written.
#[test]
fn what_is_longer_than_a_recording_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.track");
    fs::write(&path, tone(1, 600.0, 14 * 3_600_000, 14 * 3_600_000 + 1_000)).unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let refused = make(&[Source { n: 1, path }], &[], 0, &out, &mut |_| true).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidData);
    assert!(fs::read_dir(&out).unwrap().next().is_none());
}
