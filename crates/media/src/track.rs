//! What is recorded of one speaker, as a file that is only ever added to: their Opus packets as they came, each with when that was.
//! Nothing is decoded, and nothing that was written is ever changed, so a file that was cut off anywhere is good up to there.
//!
//! A file is a header and then records, all numbers big-endian:
//!
//! ```text
//! header: "RTTRACK1"  replay u128  track u32  crc u32 (of all before it)
//! record: length u16 (of all after it)  crc u32 (of all after it)  kind u8  ...
//!   kind 1, a packet: arrived u64 (µs since the recording began)  seq u64  time u64  level u8  payload
//!   kind 2, a run begins: nothing; what follows comes from another stream, or from a server that was started again
//! ```
//!
//! The checksum is CRC-32 as in Ethernet (IEEE 802.3). It finds what a crash has torn, not what somebody has forged.

use std::io::{self, Read};
use std::time::Duration;

use roomtone_room::ids::{ReplayId, TalkerNo};

use crate::frame::Frame;

const MAGIC: &[u8; 8] = b"RTTRACK1";

/// Length of a header, in bytes.
pub const HEADER_LEN: usize = MAGIC.len() + 16 + 4 + CRC_LEN;

/// Longest packet that is kept, in bytes. No packet that fits into a datagram of the internet is longer; a longer one is left out.
pub const PAYLOAD_MAX: usize = 2_048;

const CRC_LEN: usize = 4;
/// What comes before the part of a record that its length counts.
const LENGTH_LEN: usize = 2;
const PACKET: u8 = 1;
const RUN: u8 = 2;
/// A packet's record without length, checksum and payload: kind, arrival, number, time and level.
const PACKET_HEAD: usize = 1 + 8 + 8 + 8 + 1;

/// Which track a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Of which replay.
    pub replay: ReplayId,
    /// Its number there, from 1: one for each speaker.
    pub track: u32,
}

/// Makes the bytes of one track, for its writer to append to a file.
#[derive(Debug)]
pub struct TrackWriter {
    /// Whose packets the present run holds; `None` before the first packet of a run.
    talker: Option<TalkerNo>,
    /// Whether something was written before by somebody else, so that a run has to begin.
    resumed: bool,
}

impl TrackWriter {
    /// Begins a new file with its header.
    pub fn begin(header: Header, out: &mut Vec<u8>) -> Self {
        let from = out.len();
        out.extend(MAGIC);
        out.extend(header.replay.0.to_be_bytes());
        out.extend(header.track.to_be_bytes());
        let crc = crc32fast::hash(&out[from..]);
        out.extend(crc.to_be_bytes());
        Self { talker: None, resumed: false }
    }

    /// Goes on with a file that was written before, from after its last good byte ([`TrackReader::good`]).
    pub fn resume() -> Self {
        Self { talker: None, resumed: true }
    }

    /// Adds a packet that arrived `at` after the beginning of the recording. Whoever comes in again speaks by another number, and
    /// that begins a run. Returns whether it was added: one longer than [`PAYLOAD_MAX`] is not.
    pub fn record(&mut self, frame: &Frame, at: Duration, out: &mut Vec<u8>) -> bool {
        if frame.payload.len() > PAYLOAD_MAX {
            return false;
        }
        let another = self.talker.is_some_and(|talker| talker != frame.talker);
        if another || std::mem::take(&mut self.resumed) {
            push(out, |out| out.push(RUN));
        }
        self.talker = Some(frame.talker);
        push(out, |out| {
            out.push(PACKET);
            out.extend(u64::try_from(at.as_micros()).unwrap_or(u64::MAX).to_be_bytes());
            out.extend(frame.seq.to_be_bytes());
            out.extend(frame.time.to_be_bytes());
            out.push(frame.level);
            out.extend(&*frame.payload);
        });
        true
    }
}

/// Writes a record: its length and checksum, then what `body` adds.
fn push(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let from = out.len();
    out.extend([0; LENGTH_LEN + CRC_LEN]);
    body(out);
    let (head, said) = out[from..].split_at_mut(LENGTH_LEN + CRC_LEN);
    // A record is at most a packet's head and PAYLOAD_MAX, which fits.
    let length = u16::try_from(CRC_LEN + said.len()).unwrap_or(u16::MAX);
    head[..LENGTH_LEN].copy_from_slice(&length.to_be_bytes());
    head[LENGTH_LEN..].copy_from_slice(&crc32fast::hash(said).to_be_bytes());
}

/// One packet of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackFrame {
    /// The run that it belongs to, from 0. Numbers and times of different runs have nothing to do with each other.
    pub run: u32,
    /// When it arrived, since the recording began.
    pub at: Duration,
    /// As in [`Frame::seq`].
    pub seq: u64,
    /// As in [`Frame::time`].
    pub time: u64,
    /// As in [`Frame::level`].
    pub level: u8,
    /// One Opus packet (RFC 6716, section 3).
    pub payload: Vec<u8>,
}

/// Reads a track, packet by packet in the order in which they arrived, up to its end or to the first record that is not whole. It
/// holds one record at a time.
#[derive(Debug)]
pub struct TrackReader<R> {
    from: R,
    header: Header,
    run: u32,
    good: u64,
    over: bool,
    record: Vec<u8>,
}

impl<R: Read> TrackReader<R> {
    /// Reads the header. `from` should be buffered.
    ///
    /// Errors: those of `from`; `InvalidData` if there is no whole header of this format.
    pub fn new(mut from: R) -> io::Result<Self> {
        let mut bytes = [0; HEADER_LEN];
        let whole = read_whole(&mut from, &mut bytes)?;
        let header = whole.then(|| read_header(&bytes)).flatten();
        let header =
            header.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not the beginning of a track"))?;
        let good = HEADER_LEN as u64;
        Ok(Self { from, header, run: 0, good, over: false, record: Vec::new() })
    }

    /// Which track it is.
    pub fn header(&self) -> Header {
        self.header
    }

    /// How many bytes from the beginning were good so far. Once there is nothing more to read, what is behind them is broken.
    pub fn good(&self) -> u64 {
        self.good
    }

    /// The next packet; `None` at the end of what is good.
    fn read(&mut self) -> io::Result<Option<TrackFrame>> {
        while !self.over {
            let mut length = [0; LENGTH_LEN];
            self.over = !read_whole(&mut self.from, &mut length)?;
            let length = usize::from(u16::from_be_bytes(length));
            if self.over || !(CRC_LEN + 1..=CRC_LEN + PACKET_HEAD + PAYLOAD_MAX).contains(&length) {
                break;
            }
            self.record.resize(length, 0);
            if !read_whole(&mut self.from, &mut self.record)? {
                break;
            }
            let (crc, said) = self.record.split_at(CRC_LEN);
            if crc != crc32fast::hash(said).to_be_bytes() {
                break;
            }
            let packet = match said {
                [RUN] => None,
                [PACKET, packet @ ..] => match read_packet(packet, self.run) {
                    None => break,
                    packet => packet,
                },
                _ => break,
            };
            self.good += (LENGTH_LEN + length) as u64;
            match packet {
                None => self.run = self.run.saturating_add(1),
                packet => return Ok(packet),
            }
        }
        self.over = true;
        Ok(None)
    }
}

impl<R: Read> Iterator for TrackReader<R> {
    /// Errors: those of what is read from. A broken record is none; there the track ends.
    type Item = io::Result<TrackFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        self.over |= read.is_err();
        read.transpose()
    }
}

fn read_header(bytes: &[u8; HEADER_LEN]) -> Option<Header> {
    let (said, crc) = bytes.split_at(HEADER_LEN - CRC_LEN);
    let rest = said.strip_prefix(MAGIC).filter(|_| crc == crc32fast::hash(said).to_be_bytes())?;
    let (replay, track) = rest.split_first_chunk::<16>()?;
    Some(Header { replay: ReplayId(u128::from_be_bytes(*replay)), track: u32::from_be_bytes(*track.first_chunk()?) })
}

fn read_packet(bytes: &[u8], run: u32) -> Option<TrackFrame> {
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (time, rest) = rest.split_first_chunk::<8>()?;
    let (&level, payload) = rest.split_first()?;
    Some(TrackFrame {
        run,
        at: Duration::from_micros(u64::from_be_bytes(*at)),
        seq: u64::from_be_bytes(*seq),
        time: u64::from_be_bytes(*time),
        level,
        payload: payload.to_vec(),
    })
}

/// Fills `into`; `false` if what is read ends before it is full.
fn read_whole(from: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(into) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;
    use roomtone_room::ids::RoomId;

    use super::*;

    const HEADER: Header = Header { replay: ReplayId(7 << 100 | 9), track: 3 };

    /// The `n`th packet of somebody, of so many bytes.
    fn frame(talker: u32, n: u64, bytes: usize) -> Frame {
        Frame {
            room: RoomId(1),
            talker: TalkerNo(talker),
            slot: 0,
            dominant: true,
            seq: 5 << 32 | n,
            time: n * 960,
            level: (n % 128) as u8,
            arrived: at_start(),
            payload: vec![n as u8; bytes].into(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "an instant of some sort; tracks keep none")]
    fn at_start() -> Instant {
        Instant::now()
    }

    fn kept(run: u32, frame: &Frame, at: Duration) -> TrackFrame {
        let Frame { seq, time, level, .. } = *frame;
        TrackFrame { run, at, seq, time, level, payload: frame.payload.to_vec() }
    }

    fn read(bytes: &[u8]) -> (Vec<TrackFrame>, u64) {
        let mut reader = TrackReader::new(bytes).unwrap();
        let frames = reader.by_ref().map(Result::unwrap).collect();
        assert!(reader.next().is_none(), "what has ended goes on");
        (frames, reader.good())
    }

    #[test]
    fn what_was_recorded_is_read_again() {
        let mut file = Vec::new();
        let mut writer = TrackWriter::begin(HEADER, &mut file);
        assert_eq!(TrackReader::new(&*file).unwrap().header(), HEADER);
        assert_eq!(read(&file), (vec![], HEADER_LEN as u64));
        let at = |n: u64| Duration::from_micros(1_234_567 + n * 20_003);
        let mut expected = Vec::new();
        for n in 0..5 {
            assert!(writer.record(&frame(1, n, 60), at(n), &mut file));
            expected.push(kept(0, &frame(1, n, 60), at(n)));
        }
        // Of another number, then by a server that was started again.
        assert!(writer.record(&frame(2, 5, PAYLOAD_MAX), at(5), &mut file));
        expected.push(kept(1, &frame(2, 5, PAYLOAD_MAX), at(5)));
        assert!(!writer.record(&frame(2, 6, PAYLOAD_MAX + 1), at(6), &mut file));
        let mut writer = TrackWriter::resume();
        for n in 7..9 {
            assert!(writer.record(&frame(2, n, 0), at(n), &mut file));
            expected.push(kept(2, &frame(2, n, 0), at(n)));
        }
        assert_eq!(read(&file), (expected, file.len() as u64));
    }

    #[test]
    fn what_is_no_track_is_refused() {
        let mut file = Vec::new();
        TrackWriter::begin(HEADER, &mut file);
        for length in 0..HEADER_LEN {
            let refused = TrackReader::new(&file[..length]).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidData, "{length}");
        }
        for place in 0..HEADER_LEN {
            let mut broken = file.clone();
            broken[place] ^= 1;
            assert!(TrackReader::new(&*broken).is_err(), "{place}");
        }
    }

    proptest! {
        /// Wherever a file ends or is broken, everything before is read, nothing that was not written is, and what is said to be
        /// good can be gone on with.
        #[test]
        fn a_broken_tail_costs_nothing_before_it(sizes in prop::collection::vec(0usize..80, 1..12), place: prop::sample::Index, cut: bool) {
            let mut file = Vec::new();
            let mut writer = TrackWriter::begin(HEADER, &mut file);
            let mut ends = vec![file.len()];
            for (n, size) in sizes.iter().enumerate() {
                writer.record(&frame(1, n as u64, *size), Duration::from_millis(n as u64), &mut file);
                ends.push(file.len());
            }
            let place = HEADER_LEN + place.index(file.len() - HEADER_LEN);
            if cut {
                file.truncate(place);
            } else {
                file[place] ^= 0x10;
            }
            let whole = ends.iter().filter(|end| **end <= place).count() - 1;
            let (frames, good) = read(&file);
            let expected: Vec<_> = (0..whole as u64).map(|n| kept(0, &frame(1, n, sizes[n as usize]), Duration::from_millis(n))).collect();
            prop_assert_eq!((frames, good), (expected, ends[whole] as u64));
            file.truncate(good as usize);
            TrackWriter::resume().record(&frame(1, 99, 5), Duration::ZERO, &mut file);
            let (frames, _) = read(&file);
            prop_assert_eq!(frames.last(), Some(&kept(1, &frame(1, 99, 5), Duration::ZERO)));
        }
    }
}
