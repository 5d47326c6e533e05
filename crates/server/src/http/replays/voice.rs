//! Voice notes: what comes as plain samples is encoded here, so that no file of a stranger's making is ever stored or served.

use std::io::{self, Cursor};

use ogg::PacketReader;
use opus::{Application, Bitrate, Channels, Encoder};
use roomtone_media::fmp4::{Fmp4, PACKET};
use roomtone_media::ogg::{OggOpus, PRE_SKIP};
use roomtone_media::stage::opus_duration_samples;

use crate::wire::{ApiError, Code};

/// The longest note, in milliseconds.
const NOTE_MAX_MS: u64 = 60_000;

/// The shortest, in milliseconds: less is a slip of the finger.
const NOTE_MIN_MS: u64 = 500;

/// The largest file: the longest note at the highest rate, with room for what editors write in front of the samples.
pub(super) const FILE_MAX: usize = 60 * 48_000 * 2 + 64 * 1024;

/// Rates that are taken, in samples for each second: those that Opus has too, so that nothing is converted (RFC 6716, section 2).
const RATES: [u32; 3] = [16_000, 24_000, 48_000];

/// Bits for each second of a note. More sounds better; less takes less room in the database.
const BITRATE: i32 = 24_000;

/// The longest packet that libopus makes, in bytes (RFC 6716, section 3.2.1).
const PACKET_MAX: usize = 1275;

/// The number of the stream in a file, where it is alone.
const SERIAL: u32 = 1;

/// Packets in front of a stream in Ogg that are not of the sound: the two headers.
const HEADERS: usize = 2;

/// 20 ms of silence, which is what stands in front of the sound in MP4: fullband CELT in one frame, in which the first symbol says that
/// all is silent (RFC 6716, sections 3.1 and 4.3).
const SILENCE: [u8; 3] = [31 << 3, 0xff, 0xfe];

/// A note as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Ogg Opus (RFC 7845).
    pub(super) ogg: Vec<u8>,
    /// How long it is, in milliseconds.
    pub(super) ms: u64,
}

/// Why samples were not encoded.
#[derive(Debug, thiserror::Error)]
enum NotEncoded {
    #[error("a voice note could not be encoded: {0}")]
    Opus(#[from] opus::Error),
    #[error("a voice note could not be written: {0}")]
    Ogg(#[from] io::Error),
}

/// Encodes a WAV file of plain samples: 16 bits, one channel, one of [`RATES`]. It takes a while, so it is not for threads that serve.
///
/// Errors: `invalid_recording` for anything else, and for what is too short or too long.
pub(super) fn encode(file: &[u8]) -> Result<Note, ApiError> {
    let (rate, samples) = samples(file).ok_or(Code::InvalidRecording)?;
    let ms = samples.len() as u64 * 1000 / u64::from(rate);
    if !(NOTE_MIN_MS..=NOTE_MAX_MS).contains(&ms) {
        return Err(ApiError::with_message(Code::InvalidRecording, "A voice note is half a second to a minute long."));
    }
    let ogg = to_opus(rate, samples).map_err(|error| ApiError::internal(&error))?;
    Ok(Note { ogg, ms })
}

/// The rate and the samples of a WAV file (RIFF, of which only the chunks `fmt ` and `data` are read). `None` if it is none that is
/// taken here.
fn samples(file: &[u8]) -> Option<(u32, Vec<i16>)> {
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut rate = None;
    loop {
        let (name, length) = (rest.get(..4)?, u32::from_le_bytes(*rest.get(4..)?.first_chunk()?) as usize);
        rest = &rest[8..];
        let chunk = rest.get(..length)?;
        match name {
            b"fmt " => {
                let number = |at: usize| chunk.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes));
                // Plain samples (1), one channel, 16 bits.
                if (number(0)?, number(2)?, number(14)?) != (1, 1, 16) {
                    return None;
                }
                let found = u32::from_le_bytes(*chunk.get(4..)?.first_chunk()?);
                rate = Some(found).filter(|found| RATES.contains(found));
            }
            b"data" => {
                let (samples, odd) = chunk.as_chunks();
                return odd.is_empty().then_some((rate?, samples.iter().map(|two| i16::from_le_bytes(*two)).collect()));
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = rest.get(length.next_multiple_of(2)..)?;
    }
}

/// Encodes samples as speech.
fn to_opus(rate: u32, mut samples: Vec<i16>) -> Result<Vec<u8>, NotEncoded> {
    let mut encoder = Encoder::new(rate, Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
    let to_48_khz = 48_000 / u64::from(rate);
    // What is said last comes out of the decoder as much later as the encoder looks ahead.
    let ahead = encoder.get_lookahead()?.unsigned_abs();
    let end = samples.len() as u64 * to_48_khz;
    let size = (PACKET / to_48_khz) as usize;
    samples.resize((samples.len() + ahead as usize).next_multiple_of(size), 0);
    let mut ogg = OggOpus::new(Vec::new(), SERIAL, false)?;
    let mut packet = [0; PACKET_MAX];
    for (n, part) in samples.chunks_exact(size).enumerate() {
        let length = encoder.encode(part, &mut packet)?;
        ogg.write(n as u64 * PACKET, &packet[..length])?;
    }
    Ok(ogg.finish(end + u64::from(ahead) * to_48_khz)?)
}

/// The same note as fragmented MP4. What was encoded stays as it is.
///
/// Errors: those of a file that [`encode`] has not made.
pub(super) fn to_mp4(ogg: &[u8]) -> io::Result<Vec<u8>> {
    let mut reader = PacketReader::new(Cursor::new(ogg));
    let mut packets = Vec::new();
    while let Some(packet) = reader.read_packet().map_err(io::Error::other)? {
        packets.push(packet.data);
    }
    // What is in front of the sound is as long in both, but there in packets of any length.
    let sound = packets.get(HEADERS..).unwrap_or_default();
    let mut front = u64::from(PRE_SKIP);
    let first = sound.iter().take_while(|packet| {
        let is_front = front > 0;
        front = front.saturating_sub(opus_duration_samples(packet).map_or(front, u64::from));
        is_front
    });
    let sound = &sound[first.count()..];
    let front = u64::from(PRE_SKIP) / PACKET;
    let mut mp4 = Fmp4::new(Cursor::new(Vec::new()), false, front + sound.len() as u64)?;
    for _ in 0..front {
        mp4.append(&SILENCE)?;
    }
    for packet in sound {
        mp4.append(packet)?;
    }
    mp4.finish().map(Cursor::into_inner)
}

#[cfg(test)]
mod tests {
    use roomtone_media::fmp4;

    use super::*;

    /// A WAV file with a chunk in front of the samples that nobody reads.
    fn file(kind: u16, channels: u16, rate: u32, bits: u16, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        for half in [kind, channels] {
            file.extend(half.to_le_bytes());
        }
        for whole in [rate, rate * 2] {
            file.extend(whole.to_le_bytes());
        }
        for half in [2, bits] {
            file.extend(half.to_le_bytes());
        }
        file.extend(b"data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(data);
        file
    }

    /// A second of 500 Hz.
    fn tone(rate: u32) -> Vec<i16> {
        let turn = std::f32::consts::TAU * 500.0 / rate as f32;
        (0..rate).map(|n| ((n as f32 * turn).sin() * 10_000.0) as i16).collect()
    }

    #[test]
    fn a_tone_comes_out_as_it_went_in() {
        for rate in RATES {
            let note = encode(&file(1, 1, rate, 16, &tone(rate))).unwrap();
            assert_eq!(note.ms, 1000);
            let mut reader = PacketReader::new(Cursor::new(&note.ogg));
            let mut decoder = opus::Decoder::new(48_000, Channels::Mono).unwrap();
            let (mut sound, mut end) = (Vec::new(), 0);
            for number in 0.. {
                let Some(packet) = reader.read_packet().unwrap() else { break };
                if number == 0 {
                    assert_eq!(&packet.data[..8], b"OpusHead");
                }
                if number > 1 {
                    let mut part = [0; 5760];
                    let length = decoder.decode(&packet.data, &mut part, false).unwrap();
                    sound.extend(&part[..length]);
                    end = packet.absgp_page();
                }
            }
            let skip = usize::from(PRE_SKIP);
            // A second, and what the encoder looks ahead.
            let length = end - skip as u64;
            assert!((48_000..48_000 + 960).contains(&length), "{length}");
            let heard: &[i16] = &sound[skip + 4_800..skip + 43_200];
            let crossings = heard.windows(2).filter(|two| (two[0] < 0) != (two[1] < 0)).count();
            assert!((790..=810).contains(&crossings), "{crossings} at {rate}");
            // The other kind of file has the same packets.
            let mp4 = to_mp4(&note.ogg).unwrap();
            let length = fmp4::head_len(&mp4).unwrap();
            let index = fmp4::Index::read(&mp4[..length]).unwrap();
            let (at, size) = index.fragments[0];
            let there = fmp4::packets(&mp4[at as usize..][..size as usize]).unwrap();
            assert_eq!((index.fragments.len(), there.len()), (1, 4 + 51));
            let last = there.iter().map(|packet| packet.len()).sum::<usize>();
            assert!(mp4.len() < note.ogg.len() + 2_000 && last < note.ogg.len(), "{} {last}", mp4.len());
        }
    }

    #[test]
    fn what_is_no_plain_note_is_refused() {
        let second = tone(16_000);
        let good = file(1, 1, 16_000, 16, &second);
        assert!(encode(&good).is_ok());
        let long: Vec<i16> = second.iter().copied().cycle().take(16_000 * 60 + 16).collect();
        let mut cut = good.clone();
        cut.truncate(good.len() - 2);
        let mut odd = good.clone();
        let length = (second.len() * 2 - 1) as u32;
        let at = good.len() - second.len() * 2 - 4;
        odd[at..at + 4].copy_from_slice(&length.to_le_bytes());
        for (what, bad) in [
            ("compressed", file(2, 1, 16_000, 16, &second)),
            ("stereo", file(1, 2, 16_000, 16, &second)),
            ("eight bits", file(1, 1, 16_000, 8, &second)),
            ("a rate that Opus has not", file(1, 1, 44_100, 16, &second)),
            ("too short", file(1, 1, 16_000, 16, &second[..7_999])),
            ("too long", file(1, 1, 16_000, 16, &long)),
            ("half a sample", odd),
            ("cut off", cut),
            ("no format", b"RIFF\0\0\0\0WAVEdata\x02\0\0\0ab".to_vec()),
            ("endless", b"RIFF\0\0\0\0WAVELIST\0\0\0\0".repeat(3)),
            ("Ogg", b"OggS".to_vec()),
            ("nothing", Vec::new()),
        ] {
            let refused = encode(&bad).map_err(|error| error.code);
            assert_eq!(refused, Err(Code::InvalidRecording), "{what}");
        }
    }
}
