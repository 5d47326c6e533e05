//! RTP and RTCP on the wire (RFC 3550), without allocation: written into and read from the caller's buffers.

use std::ops::Range;

/// Bytes of the longest header that [`write_header`] writes: 12 fixed, one CSRC, one extension word and its heading.
pub const HEADER_MAX: usize = 24;

/// Bytes of the longest compound packet that [`write_sender_report`] writes: the report, the heading of SDES with its
/// SSRC, and a CNAME of 255 bytes with type, length and end, padded to whole words.
pub const SENDER_REPORT_MAX: usize = 28 + 8 + 260;

/// Seconds from 1900-01-01, where NTP counts from, to 1970-01-01 (RFC 5905, figure 4).
const NTP_OFFSET_SECONDS: u64 = 2_208_988_800;

/// "Defined by profile" field of the one-byte extension form (RFC 8285, section 4.2).
const ONE_BYTE_FORM: u16 = 0xBEDE;

/// The same of the two-byte form, without its four application bits (RFC 8285, section 4.3).
const TWO_BYTE_FORM: u16 = 0x1000;

/// An audio level to be carried in a header extension (RFC 6464).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// The negotiated extension id, 1 to 14.
    pub id: u8,
    /// 0 (loudest) to 127 (silence), in -dBov.
    pub level: u8,
    /// Whether the sender believes that it is speech.
    pub voice: bool,
}

/// What [`write_header`] writes (RFC 3550, section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// First packet of a talk spurt.
    pub marker: bool,
    /// Payload type, below 128.
    pub payload_type: u8,
    /// Sequence number.
    pub seq: u16,
    /// Timestamp in samples of 48 kHz.
    pub time: u32,
    /// The stream.
    pub ssrc: u32,
    /// Who is heard in it, if it is not the stream's own source.
    pub csrc: Option<u32>,
    /// Audio level extension, if negotiated.
    pub audio_level: Option<AudioLevel>,
}

/// Writes a header and returns its length.
///
/// # Panics
/// If `out` is shorter than [`HEADER_MAX`].
pub fn write_header(header: &Header, out: &mut [u8]) -> usize {
    let out = &mut out[..HEADER_MAX];
    out[0] = 2 << 6 | u8::from(header.audio_level.is_some()) << 4 | u8::from(header.csrc.is_some());
    out[1] = u8::from(header.marker) << 7 | header.payload_type & 0x7f;
    out[2..4].copy_from_slice(&header.seq.to_be_bytes());
    out[4..8].copy_from_slice(&header.time.to_be_bytes());
    out[8..12].copy_from_slice(&header.ssrc.to_be_bytes());
    let mut len = 12;
    if let Some(csrc) = header.csrc {
        out[len..len + 4].copy_from_slice(&csrc.to_be_bytes());
        len += 4;
    }
    if let Some(AudioLevel { id, level, voice }) = header.audio_level {
        // One element of one byte, whose length is written as 0, and two bytes of padding.
        out[len..len + 2].copy_from_slice(&ONE_BYTE_FORM.to_be_bytes());
        out[len + 2..len + 4].copy_from_slice(&1u16.to_be_bytes());
        out[len + 4..len + 8].copy_from_slice(&[id << 4, u8::from(voice) << 7 | level & 0x7f, 0, 0]);
        len += 8;
    }
    len
}

/// What [`parse_header`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// First packet of a talk spurt.
    pub marker: bool,
    /// Payload type, below 128.
    pub payload_type: u8,
    /// Sequence number.
    pub seq: u16,
    /// Timestamp.
    pub time: u32,
    /// The stream.
    pub ssrc: u32,
    /// Bytes before the payload: what SRTP authenticates and does not encrypt.
    pub header_len: usize,
    /// Where the payload is, without padding.
    pub payload: Range<usize>,
    /// Where the contributing sources are.
    csrcs: Range<usize>,
    /// "Defined by profile" field of the header extension, 0 without one.
    form: u16,
    /// Where the elements of the header extension are.
    elements: Range<usize>,
}

/// Reads a header of a plain packet, with any number of contributing sources. `None` if it is not a whole RTP packet,
/// or its padding is longer than its payload.
pub fn parse_header(packet: &[u8]) -> Option<Parsed> {
    let header_len = header_len(packet)?;
    let csrcs = 12..12 + usize::from(packet[0] & 0x0f) * 4;
    let (form, elements) = if packet[0] & 0x10 != 0 {
        (u16_at(packet, csrcs.end)?, csrcs.end + 4..header_len)
    } else {
        (0, header_len..header_len)
    };
    let padding = match packet[0] & 0x20 {
        0 => 0,
        // The last byte counts the padding, itself included.
        _ => Some(usize::from(*packet.last()?)).filter(|&n| n > 0 && n <= packet.len() - header_len)?,
    };
    Some(Parsed {
        marker: packet[1] & 0x80 != 0,
        payload_type: packet[1] & 0x7f,
        seq: u16_at(packet, 2)?,
        time: u32_at(packet, 4)?,
        ssrc: u32_at(packet, 8)?,
        header_len,
        payload: header_len..packet.len() - padding,
        csrcs,
        form,
        elements,
    })
}

/// Length of an RTP packet's header with contributing sources and extension, which are not encrypted by SRTP. `None` if
/// the packet is not of version 2 or is shorter than that.
pub fn header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    if first >> 6 != 2 {
        return None;
    }
    let mut len = 12 + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        len += 4 + usize::from(u16_at(packet, len + 2)?) * 4;
    }
    (len <= packet.len()).then_some(len)
}

impl Parsed {
    /// The contributing sources. `packet` is what was parsed.
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> impl Iterator<Item = u32> + use<'a> {
        let bytes = packet.get(self.csrcs.clone()).unwrap_or_default();
        bytes.chunks_exact(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]]))
    }

    /// The bytes of one header extension (RFC 8285, one-byte and two-byte forms). `packet` is what was parsed.
    pub fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        let mut rest = packet.get(self.elements.clone())?;
        let one_byte = self.form == ONE_BYTE_FORM;
        if !one_byte && self.form & 0xfff0 != TWO_BYTE_FORM {
            return None;
        }
        while let Some((&first, after)) = rest.split_first() {
            // A zero is padding; it has no length, even in the two-byte form.
            if first == 0 {
                rest = after;
                continue;
            }
            let (found, len, data) = if one_byte {
                (first >> 4, usize::from(first & 0x0f) + 1, after)
            } else {
                let (&len, data) = after.split_first()?;
                (first, usize::from(len), data)
            };
            // Id 15 of the one-byte form ends the elements (RFC 8285, section 4.2).
            if one_byte && found == 15 {
                return None;
            }
            let value = data.get(..len)?;
            if found == id {
                return Some(value);
            }
            rest = &data[len..];
        }
        None
    }

    /// The audio level and voice flag of RFC 6464, if the extension `id` is there. `packet` is what was parsed.
    pub fn audio_level(&self, packet: &[u8], id: u8) -> Option<(u8, bool)> {
        let byte = *self.extension(packet, id)?.first()?;
        Some((byte & 0x7f, byte & 0x80 != 0))
    }
}

/// One packet of an RTCP compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rtcp<'a> {
    /// RFC 3550, section 6.4.1.
    SenderReport {
        /// What is said of the stream.
        info: SenderInfo,
        /// What the sender has received itself.
        blocks: ReportBlocks<'a>,
    },
    /// RFC 3550, section 6.4.2.
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// One for each stream received.
        blocks: ReportBlocks<'a>,
    },
    /// Generic NACK (RFC 4585, section 6.2.1).
    Nack {
        /// Who asks.
        sender: u32,
        /// The stream with losses.
        media: u32,
        /// Lost sequence numbers.
        lost: Lost<'a>,
    },
    /// RFC 3550, section 6.6.
    Bye {
        /// The first source that leaves, if any is named.
        ssrc: Option<u32>,
    },
}

/// One report block (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream reported on.
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; negative if there were duplicates.
    pub cumulative_lost: i32,
    /// Extended highest sequence number received.
    pub highest_seq: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report received, or 0.
    pub lsr: u32,
    /// Delay since that report in 1/65536 s.
    pub dlsr: u32,
}

/// Iterates over report blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBlocks<'a>(&'a [u8]);

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.0.split_at_checked(24)?;
        self.0 = rest;
        // The loss count is a signed number of 24 bits: shifting it up and down again extends its sign.
        let lost = u32_at(block, 4)?;
        Some(ReportBlock {
            ssrc: u32_at(block, 0)?,
            fraction_lost: block[4],
            cumulative_lost: (lost << 8) as i32 >> 8,
            highest_seq: u32_at(block, 8)?,
            jitter: u32_at(block, 12)?,
            lsr: u32_at(block, 16)?,
            dlsr: u32_at(block, 20)?,
        })
    }
}

/// Iterates over the sequence numbers of a generic NACK, at most 17 for each word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost<'a> {
    /// Words that have not been begun.
    words: &'a [u8],
    /// The number that the bits to come count from.
    pid: u16,
    /// Bit 0 stands for `pid` itself, bit n for `pid + n`; cleared as they are given out.
    bits: u32,
}

impl Iterator for Lost<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.bits == 0 {
            let (word, rest) = self.words.split_at_checked(4)?;
            self.words = rest;
            self.pid = u16_at(word, 0)?;
            self.bits = u32::from(u16_at(word, 2)?) << 1 | 1;
        }
        let offset = self.bits.trailing_zeros() as u16;
        self.bits &= self.bits - 1;
        Some(self.pid.wrapping_add(offset))
    }
}

/// Iterates over a compound packet (RFC 3550, section 6.1; also the reduced-size ones of RFC 5506): skips unknown kinds
/// by their length, stops at the first malformed one.
pub fn parse_compound(packet: &[u8]) -> Compound<'_> {
    Compound { rest: packet }
}

/// Iterator of [`parse_compound`].
#[derive(Debug, Clone)]
pub struct Compound<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Compound<'a> {
    type Item = Rtcp<'a>;

    fn next(&mut self) -> Option<Rtcp<'a>> {
        while !self.rest.is_empty() {
            // What cannot be read ends the compound: `rest` is empty from then on.
            let rest = std::mem::take(&mut self.rest);
            let end = (usize::from(u16_at(rest, 2)?) + 1) * 4;
            let (packet, rest) = rest.split_at_checked(end)?;
            if packet[0] >> 6 != 2 {
                return None;
            }
            let padding = match packet[0] & 0x20 {
                0 => 0,
                _ => Some(usize::from(packet[end - 1])).filter(|&n| n > 0 && n <= end - 4)?,
            };
            let known = parse_rtcp(packet[0] & 0x1f, packet[1], &packet[4..end - padding])?;
            self.rest = rest;
            if known.is_some() {
                return known;
            }
        }
        None
    }
}

/// Reads one packet after its first word, of which `count` and `packet_type` are. `None`: malformed; `Some(None)`:
/// of an unknown kind.
fn parse_rtcp(count: u8, packet_type: u8, body: &[u8]) -> Option<Option<Rtcp<'_>>> {
    let blocks = |from: usize| body.get(from..from + usize::from(count) * 24).map(ReportBlocks);
    Some(Some(match (packet_type, count) {
        (200, _) => Rtcp::SenderReport {
            info: SenderInfo {
                ssrc: u32_at(body, 0)?,
                ntp: u64::from(u32_at(body, 4)?) << 32 | u64::from(u32_at(body, 8)?),
                time: u32_at(body, 12)?,
                packets: u32_at(body, 16)?,
                octets: u32_at(body, 20)?,
            },
            blocks: blocks(24)?,
        },
        (201, _) => Rtcp::ReceiverReport { ssrc: u32_at(body, 0)?, blocks: blocks(4)? },
        (203, 0) => Rtcp::Bye { ssrc: None },
        (203, _) => Rtcp::Bye { ssrc: Some(u32_at(body, 0)?) },
        (205, 1) => Rtcp::Nack {
            sender: u32_at(body, 0)?,
            media: u32_at(body, 4)?,
            lost: Lost { words: &body[8..], pid: 0, bits: 0 },
        },
        _ => return Some(None),
    }))
}

/// What a sender report says (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// The stream.
    pub ssrc: u32,
    /// NTP time: see [`ntp_from_unix_millis`].
    pub ntp: u64,
    /// RTP time of the same moment.
    pub time: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// Writes a sender report without blocks followed by SDES with the CNAME (RFC 3550, sections 6.4.1 and 6.5.1), and
/// returns the length. A CNAME longer than 255 bytes is cut.
///
/// # Panics
/// If `out` is shorter than [`SENDER_REPORT_MAX`].
pub fn write_sender_report(info: &SenderInfo, cname: &str, out: &mut [u8]) -> usize {
    let out = &mut out[..SENDER_REPORT_MAX];
    out[0..4].copy_from_slice(&[2 << 6, 200, 0, 6]);
    out[4..8].copy_from_slice(&info.ssrc.to_be_bytes());
    out[8..16].copy_from_slice(&info.ntp.to_be_bytes());
    out[16..20].copy_from_slice(&info.time.to_be_bytes());
    out[20..24].copy_from_slice(&info.packets.to_be_bytes());
    out[24..28].copy_from_slice(&info.octets.to_be_bytes());
    28 + write_cname(info.ssrc, cname, &mut out[28..])
}

/// Writes a receiver report without blocks, which says nothing but that its sender is there, followed by SDES as above
/// (RFC 3550, sections 6.1 and 6.4.2), and returns the length.
///
/// # Panics
/// If `out` is shorter than [`SENDER_REPORT_MAX`].
pub fn write_empty_report(ssrc: u32, cname: &str, out: &mut [u8]) -> usize {
    let out = &mut out[..SENDER_REPORT_MAX];
    out[0..4].copy_from_slice(&[2 << 6, 201, 0, 1]);
    out[4..8].copy_from_slice(&ssrc.to_be_bytes());
    8 + write_cname(ssrc, cname, &mut out[8..])
}

/// Writes SDES with one chunk: SSRC, the item CNAME (type 1), and zeros, at least one, to the next whole word.
fn write_cname(ssrc: u32, cname: &str, out: &mut [u8]) -> usize {
    let cname = &cname.as_bytes()[..cname.floor_char_boundary(255)];
    let item_end = 8 + 2 + cname.len();
    let end = (item_end + 1).next_multiple_of(4);
    out[0..2].copy_from_slice(&[2 << 6 | 1, 202]);
    out[2..4].copy_from_slice(&((end / 4 - 1) as u16).to_be_bytes());
    out[4..8].copy_from_slice(&ssrc.to_be_bytes());
    out[8..10].copy_from_slice(&[1, cname.len() as u8]);
    out[10..item_end].copy_from_slice(cname);
    out[item_end..end].fill(0);
    end
}

/// NTP time (RFC 5905, section 6: 32.32 fixed point seconds since 1900, wrapping in 2036) of a moment given as
/// milliseconds since 1970 and further microseconds, below 1000.
pub fn ntp_from_unix_millis(millis: u64, micros: u32) -> u64 {
    let seconds = (millis / 1000).wrapping_add(NTP_OFFSET_SECONDS);
    let fraction = ((millis % 1000) * 1000 + u64::from(micros.min(999))) << 32;
    (seconds << 32) | (fraction / 1_000_000)
}

/// What a datagram on the media port is (RFC 7983, section 7; RFC 5761, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    /// First byte 0 to 3.
    Stun,
    /// First byte 20 to 63.
    Dtls,
    /// First byte 128 to 191.
    Rtp,
    /// As RTP, with a second byte of 192 to 223.
    Rtcp,
    /// Anything else: to be dropped.
    Other,
}

/// Tells what a datagram is by its first two bytes.
pub fn kind(packet: &[u8]) -> PacketKind {
    match (packet.first(), packet.get(1)) {
        (Some(0..=3), _) => PacketKind::Stun,
        (Some(20..=63), _) => PacketKind::Dtls,
        (Some(128..=191), Some(192..=223)) => PacketKind::Rtcp,
        (Some(128..=191), Some(_)) => PacketKind::Rtp,
        _ => PacketKind::Other,
    }
}

/// Extends 16-bit sequence numbers to 64 bits: each is taken as the one nearest to the highest seen, as in RFC 3711,
/// section 3.3.1. The first is put at 65536 or above, so that older ones still have a place below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeqExtender {
    highest: Option<u64>,
}

impl SeqExtender {
    /// Extends one number.
    pub fn extend(&mut self, seq: u16) -> u64 {
        let highest = *self.highest.get_or_insert(1 << 16 | u64::from(seq));
        let distance = seq.wrapping_sub(highest as u16) as i16;
        // Cannot underflow: `highest` begins at 65536, never falls, and the distance is at least -32768.
        let extended = highest.wrapping_add_signed(i64::from(distance));
        self.highest = Some(highest.max(extended));
        extended
    }
}

/// Extends 32-bit timestamps to 64 bits, likewise. The first is put at 2^32 or above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeExtender {
    highest: Option<u64>,
}

impl TimeExtender {
    /// Extends one timestamp.
    pub fn extend(&mut self, time: u32) -> u64 {
        let highest = *self.highest.get_or_insert(1 << 32 | u64::from(time));
        let distance = time.wrapping_sub(highest as u32) as i32;
        let extended = highest.wrapping_add_signed(i64::from(distance));
        self.highest = Some(highest.max(extended));
        extended
    }
}

/// The big-endian 16-bit number at `at`, if it is inside.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]))
}

/// The big-endian 32-bit number at `at`, if it is inside.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(csrc: Option<u32>, audio_level: Option<AudioLevel>) -> Header {
        Header { marker: true, payload_type: 111, seq: 0xfffe, time: 0x8000_0001, ssrc: 0xdead_beef, csrc, audio_level }
    }

    /// Writes a header with a payload of three bytes behind it.
    fn packet(header: &Header) -> Vec<u8> {
        let mut out = [0xaa; HEADER_MAX];
        let len = write_header(header, &mut out);
        [&out[..len], &[1, 2, 3]].concat()
    }

    #[test]
    fn header_bytes_are_those_of_the_rfc() {
        let level = AudioLevel { id: 10, level: 42, voice: true };
        let bytes = packet(&header(Some(7), Some(level)));
        assert_eq!(
            bytes,
            [
                0x91, 0xef, 0xff, 0xfe, 0x80, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef, // fixed header
                0, 0, 0, 7, // CSRC
                0xbe, 0xde, 0, 1, 0xa0, 0xaa, 0, 0, // extension
                1, 2, 3
            ]
        );
        // Values that are too large do not spill over into their neighbours.
        let level = AudioLevel { level: 0xff, voice: false, ..level };
        let bytes = packet(&Header { marker: false, payload_type: 0xff, ..header(None, Some(level)) });
        assert_eq!((bytes[1], bytes[17]), (0x7f, 0x7f));
    }

    #[test]
    fn headers_round_trip() {
        let level = AudioLevel { id: 1, level: 127, voice: false };
        for csrc in [None, Some(5)] {
            for audio_level in [None, Some(level)] {
                let bytes = packet(&header(csrc, audio_level));
                let parsed = parse_header(&bytes).unwrap();
                assert_eq!((parsed.marker, parsed.payload_type, parsed.seq), (true, 111, 0xfffe));
                assert_eq!((parsed.time, parsed.ssrc), (0x8000_0001, 0xdead_beef));
                assert_eq!(parsed.csrcs(&bytes).collect::<Vec<_>>(), Vec::from_iter(csrc));
                assert_eq!(parsed.audio_level(&bytes, 1), audio_level.map(|l| (l.level, l.voice)));
                assert_eq!(parsed.audio_level(&bytes, 2), None);
                assert_eq!(&bytes[parsed.payload], [1, 2, 3]);
            }
        }
    }

    /// A packet with the given first byte and everything after the fixed header.
    fn raw(first: u8, rest: &[u8]) -> Vec<u8> {
        [&[first, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], rest].concat()
    }

    #[test]
    fn extensions_of_both_forms_are_found_behind_padding_and_others() {
        let one = raw(0x90, &[0xbe, 0xde, 0, 2, 0x21, 8, 9, 0, 0x10, 0x85, 0, 0, 7]);
        let parsed = parse_header(&one).unwrap();
        assert_eq!(parsed.extension(&one, 2), Some(&[8, 9][..]));
        assert_eq!(parsed.audio_level(&one, 1), Some((5, true)));
        let two = raw(0x90, &[0x10, 0x05, 0, 2, 200, 0, 0, 1, 1, 0x7f, 0, 0, 7]);
        let parsed = parse_header(&two).unwrap();
        assert_eq!(parsed.extension(&two, 200), Some(&[][..]));
        assert_eq!(parsed.audio_level(&two, 1), Some((127, false)));
        // Id 15 ends the one-byte form; an element that runs over the end is not given out; other forms are opaque.
        for rest in
            [[0xbe, 0xde, 0, 1, 0xf0, 0, 0x10, 5], [0xbe, 0xde, 0, 1, 0x1f, 0, 0, 0], [0, 1, 0, 1, 0x10, 5, 0, 0]]
        {
            let packet = raw(0x90, &rest);
            assert_eq!(parse_header(&packet).unwrap().extension(&packet, 1), None);
        }
    }

    #[test]
    fn padding_is_taken_off_and_checked() {
        let payload_len = |rest: &[u8]| parse_header(&raw(0xa0, rest)).map(|p| p.payload.len());
        assert_eq!(payload_len(&[9, 9, 0, 2]), Some(2));
        assert_eq!(payload_len(&[9, 9, 0, 4]), Some(0));
        assert_eq!(payload_len(&[9, 9, 0, 5]), None);
        assert_eq!(payload_len(&[9, 9, 0, 0]), None);
        assert_eq!(payload_len(&[]), None);
    }

    #[test]
    fn truncated_or_foreign_packets_are_refused() {
        assert!(parse_header(&raw(0x80, &[])).is_some());
        assert_eq!(parse_header(&raw(0x80, &[])[..11]), None);
        assert_eq!(parse_header(&raw(0x40, &[1])), None);
        assert_eq!(parse_header(&raw(0x82, &[0; 7])), None);
        assert_eq!(parse_header(&raw(0x90, &[0xbe, 0xde])), None);
        assert_eq!(parse_header(&raw(0x90, &[0xbe, 0xde, 0, 1, 0])), None);
        assert_eq!(parse_header(&raw(0x90, &[0xbe, 0xde, 0xff, 0xff, 0])), None);
    }

    #[test]
    fn sender_report_is_read_back_and_carries_the_cname() {
        let info = SenderInfo { ssrc: 9, ntp: 0x0102_0304_0506_0708, time: 5, packets: 6, octets: 7 };
        for cname in ["", "a", "abcdefghi", &"x".repeat(300), &"é".repeat(200)] {
            let mut out = [0xaa; SENDER_REPORT_MAX];
            let len = write_sender_report(&info, cname, &mut out);
            let found = parse_compound(&out[..len]).collect::<Vec<_>>();
            assert_eq!(found, [Rtcp::SenderReport { info, blocks: ReportBlocks(&[]) }]);
            let sdes = &out[28..len];
            assert_eq!(sdes.len() % 4, 0);
            assert_eq!(usize::from(u16_at(sdes, 2).unwrap()) + 1, sdes.len() / 4);
            let written = usize::from(sdes[9]);
            assert_eq!(std::str::from_utf8(&sdes[10..10 + written]), Ok(&cname[..cname.floor_char_boundary(255)]));
            assert!(sdes[10 + written..].iter().all(|&b| b == 0) && sdes.len() > 10 + written);
        }
    }

    /// RR with one block, an unknown kind, NACK with two words, BYE with padding.
    const COMPOUND: &[u8] = &[
        0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0x40, 0xff, 0xff, 0xfe, 0, 1, 0xff, 0xff, 0, 0, 0, 9, 1, 2, 3, 4, 0,
        0, 1, 0, // RR
        0x80, 210, 0, 1, 1, 2, 3, 4, // unknown
        0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0x80, 0x01, 0, 5, 0, 0, // NACK
        0xa1, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, // BYE
    ];

    #[test]
    fn compound_is_read() {
        let mut compound = parse_compound(COMPOUND);
        let Some(Rtcp::ReceiverReport { ssrc: 1, mut blocks }) = compound.next() else { panic!("no report") };
        assert_eq!(
            blocks.next(),
            Some(ReportBlock {
                ssrc: 2,
                fraction_lost: 0x40,
                cumulative_lost: -2,
                highest_seq: 0x1_ffff,
                jitter: 9,
                lsr: 0x0102_0304,
                dlsr: 256
            })
        );
        assert_eq!(blocks.next(), None);
        let Some(Rtcp::Nack { sender: 1, media: 2, lost }) = compound.next() else { panic!("no nack") };
        assert_eq!(lost.collect::<Vec<_>>(), [0xffff, 0, 15, 5]);
        assert_eq!(compound.next(), Some(Rtcp::Bye { ssrc: Some(1) }));
        assert_eq!(compound.next(), None);
    }

    #[test]
    fn malformed_rtcp_stops_the_compound() {
        let kinds = |bytes: &[u8]| parse_compound(bytes).count();
        assert_eq!(kinds(&COMPOUND[..COMPOUND.len() - 1]), 2);
        let mut wrong_version = COMPOUND.to_vec();
        wrong_version[32] = 0x40;
        assert_eq!(kinds(&wrong_version), 1);
        let mut more_blocks_than_bytes = COMPOUND.to_vec();
        more_blocks_than_bytes[0] = 0x82;
        assert_eq!(kinds(&more_blocks_than_bytes), 0);
        assert_eq!(kinds(&[0xa0, 203, 0, 0]), 0);
        assert_eq!(kinds(&[0x81, 205, 0, 1, 0, 0, 0, 1]), 0);
    }

    #[test]
    fn ntp_counts_from_1900() {
        assert_eq!(ntp_from_unix_millis(0, 0), 2_208_988_800 << 32);
        assert_eq!(ntp_from_unix_millis(1500, 0), 2_208_988_801 << 32 | 1 << 31);
        assert_eq!(ntp_from_unix_millis(0, 1) & 0xffff_ffff, (1 << 32) / 1_000_000);
        // 2036-02-07T06:28:16Z is where the 32 bits of seconds wrap.
        assert_eq!(ntp_from_unix_millis(2_085_978_496_000, 0), 0);
    }

    #[test]
    fn kinds_by_first_bytes() {
        use PacketKind::*;
        let table: &[(&[u8], PacketKind)] = &[
            (&[], Other),
            (&[0, 1], Stun),
            (&[3], Stun),
            (&[4, 0], Other),
            (&[20, 254], Dtls),
            (&[63], Dtls),
            (&[64, 0], Other),
            (&[128], Other),
            (&[128, 191], Rtp),
            (&[128, 192], Rtcp),
            (&[191, 223], Rtcp),
            (&[129, 224], Rtp),
            (&[192, 200], Other),
        ];
        for &(bytes, expected) in table {
            assert_eq!(kind(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn sequence_numbers_extend_over_wraps_and_backwards() {
        let mut seqs = SeqExtender::default();
        let base = 1 << 16;
        let trace = [(2, base + 2), (65535, base - 1), (3, base + 3), (0x7fff, base + 0x7fff), (0xfffe, base + 0xfffe)];
        for (seq, expected) in trace {
            assert_eq!(seqs.extend(seq), expected, "{seq}");
        }
        assert_eq!(seqs.extend(1), 2 * base + 1);
        assert_eq!(seqs.extend(0xffff), base + 0xffff);
    }

    #[test]
    fn timestamps_extend_likewise() {
        let mut times = TimeExtender::default();
        assert_eq!(times.extend(0xffff_fc40), 0x1_ffff_fc40);
        assert_eq!(times.extend(0), 0x2_0000_0000);
        assert_eq!(times.extend(0xffff_fc40), 0x1_ffff_fc40);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), id: u8) {
            if let Some(parsed) = parse_header(&bytes) {
                let _ = (parsed.audio_level(&bytes, id), parsed.csrcs(&bytes).count(), &bytes[parsed.payload.clone()]);
            }
            kind(&bytes);
        }

        #[test]
        fn mangled_rtcp_never_panics(changes in proptest::collection::vec((0..COMPOUND.len(), any::<u8>()), 0..6), cut in 0..COMPOUND.len()) {
            let mut bytes = COMPOUND.to_vec();
            for (at, value) in changes {
                bytes[at] = value;
            }
            for packet in parse_compound(&bytes[cut..]) {
                match packet {
                    Rtcp::SenderReport { blocks, .. } | Rtcp::ReceiverReport { blocks, .. } => prop_assert!(blocks.count() < 32),
                    Rtcp::Nack { lost, .. } => prop_assert!(lost.count() <= 17 * COMPOUND.len() / 4),
                    Rtcp::Bye { .. } => {}
                }
            }
        }

        /// Any stream whose steps are shorter than half the space is followed exactly.
        #[test]
        fn extended_numbers_follow_the_sender(start: u16, steps in proptest::collection::vec(-20000i64..20000, 0..50)) {
            let mut seqs = SeqExtender::default();
            let mut truth = 1 << 16 | i64::from(start);
            prop_assert_eq!(seqs.extend(start), truth as u64);
            let mut highest = truth;
            for step in steps {
                truth = highest + step;
                highest = highest.max(truth);
                prop_assert_eq!(seqs.extend(truth as u16), truth as u64);
            }
        }
    }
}
