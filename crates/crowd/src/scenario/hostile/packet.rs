//! Packets as no library writes them, and the marks by which what is in them is known wherever it comes out.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::voice::FRAME_SAMPLES;

/// Payload types in the offers of a [`super::rogue::Rogue`].
pub(super) const OPUS: u8 = 111;
/// Likewise for redundancy (RFC 2198).
pub(super) const RED: u8 = 63;
/// Extension id of RFC 6464 levels in them.
const LEVEL: u8 = 1;
/// Bytes of a marked frame: more than what is taken for silence.
const MARKED_BYTES: usize = 80;
/// A mono frame of 20 ms (RFC 6716, section 3.1), which no honest talker's encoder begins a script with.
const TOC: u8 = 0x78;
const NAME: &[u8; 7] = b"hostile";

/// How something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Trick {
    /// The stream and the address of the moment.
    Plain,
    /// The first stream, after another has taken its place.
    OldStream,
    /// A stream that was never announced.
    NewStream,
    /// From the address that the leg had first.
    OldAddress,
    /// From an address that has shown no credentials.
    NewAddress,
    /// Over a TCP connection that has.
    Tcp,
    /// As the newest frame of a redundant packet.
    Red,
    /// As an earlier frame of a redundant packet, which was never sent by itself.
    Redundant,
    /// Behind the frame that comes after it.
    Reordered,
    /// With a claim to be as loud as can be (RFC 6464).
    Loud,
    /// On a leg that was made at the last moment, or after it.
    LateLeg,
}

impl Trick {
    pub(super) const ALL: [Self; 11] = [
        Self::Plain,
        Self::OldStream,
        Self::NewStream,
        Self::OldAddress,
        Self::NewAddress,
        Self::Tcp,
        Self::Red,
        Self::Redundant,
        Self::Reordered,
        Self::Loud,
        Self::LateLeg,
    ];

    /// As the report has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::OldStream => "old_ssrc",
            Self::NewStream => "new_ssrc",
            Self::OldAddress => "old_address",
            Self::NewAddress => "new_address",
            Self::Tcp => "tcp",
            Self::Red => "red",
            Self::Redundant => "redundant",
            Self::Reordered => "reordered",
            Self::Loud => "forged_level",
            Self::LateLeg => "late_leg",
        }
    }
}

/// What a frame of the hostile client says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Mark {
    pub(super) trick: Trick,
    /// No two frames of a leg have the same.
    pub(super) number: u32,
    /// When it was made, in milliseconds since the process began to count.
    made_ms: u32,
}

/// When the process began to count.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Mark {
    /// A mark that is made now.
    pub(super) fn new(trick: Trick, number: u32) -> Self {
        Self { trick, number, made_ms: BEGINNING.elapsed().as_millis() as u32 }
    }

    /// When it was made.
    pub(super) fn made(self) -> Instant {
        *BEGINNING + Duration::from_millis(u64::from(self.made_ms))
    }

    /// One Opus packet that carries the mark. Nobody decodes it.
    pub(super) fn payload(self) -> Vec<u8> {
        let mut payload = vec![TOC];
        payload.extend_from_slice(NAME);
        payload.push(self.trick as u8);
        payload.extend_from_slice(&self.number.to_be_bytes());
        payload.extend_from_slice(&self.made_ms.to_be_bytes());
        payload.resize(MARKED_BYTES, 0x55);
        payload
    }

    /// The marks in a payload: one for each frame, of which the server may have put several into a packet.
    pub(super) fn all_in(payload: &[u8]) -> Vec<Self> {
        payload.windows(NAME.len() + 9).filter_map(Self::at).collect()
    }

    fn at(bytes: &[u8]) -> Option<Self> {
        let (&trick, rest) = bytes.strip_prefix(NAME)?.split_first()?;
        let trick = Trick::ALL.into_iter().find(|one| *one as u8 == trick)?;
        let (&number, rest) = rest.split_first_chunk()?;
        let (number, made_ms) = (u32::from_be_bytes(number), u32::from_be_bytes(*rest.first_chunk()?));
        Some(Self { trick, number, made_ms })
    }
}

/// An RTP packet (RFC 3550, section 5.1) with a level (RFC 6464).
#[derive(Debug, Clone, Copy)]
pub(super) struct Rtp<'a> {
    pub(super) payload_type: u8,
    pub(super) ssrc: u32,
    /// 48 bits: rollover counter and sequence number.
    pub(super) index: u64,
    /// In frames of 20 ms.
    pub(super) time: u64,
    /// Loudness in -dBov.
    pub(super) level: u8,
    pub(super) payload: &'a [u8],
}

impl Rtp<'_> {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut packet = vec![0x90, self.payload_type];
        packet.extend_from_slice(&(self.index as u16).to_be_bytes());
        packet.extend_from_slice(&(self.time as u32).wrapping_mul(FRAME_SAMPLES as u32).to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        // One-byte extensions (RFC 8285, section 4.2): one word, of which the level with its voice flag takes two bytes.
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, LEVEL << 4, 0x80 | self.level, 0, 0]);
        packet.extend_from_slice(self.payload);
        packet
    }
}

/// A redundant payload (RFC 2198, section 3): earlier frames, oldest first, each with how many frames it is older, and the
/// newest.
pub(super) fn redundant(earlier: &[(u32, Vec<u8>)], newest: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (age, frame) in earlier {
        let head = 1 << 31 | u32::from(OPUS) << 24 | (age * FRAME_SAMPLES as u32) << 10 | frame.len() as u32;
        payload.extend_from_slice(&head.to_be_bytes());
    }
    payload.push(OPUS);
    earlier.iter().for_each(|(_, frame)| payload.extend_from_slice(frame));
    payload.extend_from_slice(newest);
    payload
}

/// A compound RTCP packet (RFC 3550, section 6.1) that says goodbye for streams that are others'.
pub(super) fn goodbye(sender: u32, others: &[u32]) -> Vec<u8> {
    let mut compound = empty_report(sender);
    for others in others.chunks(31) {
        compound.extend_from_slice(&[0x80 | others.len() as u8, 203]);
        compound.extend_from_slice(&(others.len() as u16).to_be_bytes());
        others.iter().for_each(|ssrc| compound.extend_from_slice(&ssrc.to_be_bytes()));
    }
    compound
}

/// A compound RTCP packet that asks for very many packets of a stream again (RFC 4585, section 6.2.1): `words` times
/// seventeen of them, from `first` on.
pub(super) fn storm(sender: u32, ssrc: u32, first: u16, words: u16) -> Vec<u8> {
    let mut compound = empty_report(sender);
    compound.extend_from_slice(&[0x81, 205]);
    compound.extend_from_slice(&(2 + words).to_be_bytes());
    compound.extend_from_slice(&sender.to_be_bytes());
    compound.extend_from_slice(&ssrc.to_be_bytes());
    for word in 0..words {
        compound.extend_from_slice(&first.wrapping_add(word.wrapping_mul(17)).to_be_bytes());
        compound.extend_from_slice(&u16::MAX.to_be_bytes());
    }
    compound
}

/// A receiver report without blocks: what every compound packet begins with.
fn empty_report(sender: u32) -> Vec<u8> {
    let mut report = vec![0x80, 201, 0, 1];
    report.extend_from_slice(&sender.to_be_bytes());
    report
}

#[cfg(test)]
mod tests {
    use roomtone_media::red::unpack;
    use roomtone_media::rtp::{Rtcp, parse_compound};

    use super::*;

    #[test]
    fn marks_are_known_again_and_nothing_else_is_taken_for_one() {
        for (n, trick) in (7..).zip(Trick::ALL) {
            let mark = Mark::new(trick, n);
            assert_eq!(Mark::all_in(&mark.payload()), [mark]);
            assert!(!trick.name().is_empty());
        }
        let payload = Mark::new(Trick::Red, 1).payload();
        for cut in 0..17 {
            assert_eq!(Mark::all_in(&payload[..cut]), []);
        }
        let mut unknown = payload.clone();
        unknown[8] = 99;
        assert_eq!(Mark::all_in(&unknown), []);
        assert_eq!(Mark::all_in(&[TOC; 80]), []);
        // Several frames in one packet (RFC 6716, section 3.2.5), whose own first bytes are left out.
        let both = [&[TOC | 3, 2][..], &payload[1..], &Mark::new(Trick::Loud, 2).payload()[1..]].concat();
        assert_eq!(Mark::all_in(&both).iter().map(|mark| mark.number).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn redundancy_is_what_the_server_takes_apart() {
        let frame = |number| Mark::new(Trick::Redundant, number).payload();
        let payload = redundant(&[(2, frame(1)), (1, frame(2))], &frame(3));
        let red = unpack(&payload).unwrap();
        let blocks: Vec<(u32, &[u8])> =
            red.redundant().iter().map(|block| (block.offset / 960, block.payload)).collect();
        assert_eq!((red.pt, red.primary), (OPUS, &frame(3)[..]));
        assert_eq!(blocks, [(2, &frame(1)[..]), (1, &frame(2)[..])]);
    }

    #[test]
    fn control_packets_say_what_they_should() {
        let compound = goodbye(1, &[2, 3]);
        let kinds: Vec<Rtcp<'_>> = parse_compound(&compound).collect();
        assert!(matches!(kinds[..], [Rtcp::ReceiverReport { .. }, Rtcp::Bye { .. }]), "{kinds:?}");
        let compound = storm(1, 2, 65_530, 3);
        let Some(Rtcp::Nack { media, lost, .. }) = parse_compound(&compound).nth(1) else { panic!("no NACK") };
        let lost: Vec<u16> = lost.collect();
        assert_eq!((media, lost.len(), lost[0], lost[50]), (2, 51, 65_530, 65_530u16.wrapping_add(50)));
    }

    #[test]
    fn a_packet_is_written_as_rfc_3550_has_it() {
        let packet = Rtp { payload_type: OPUS, ssrc: 5, index: 0x1_0007, time: 2, level: 3, payload: &[9] };
        let bytes = [0x90, 111, 0, 7, 0, 0, 7, 128, 0, 0, 0, 5, 0xbe, 0xde, 0, 1, 0x10, 0x83, 0, 0, 9];
        assert_eq!(packet.write(), bytes);
    }
}
