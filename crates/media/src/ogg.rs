//! Ogg Opus (RFC 7845): one talker's packets as a file. Nothing is decoded or encoded; what was lost or not sent is filled with empty
//! frames, which tell the decoder how long to conceal (section 4.1), and long pauses with silence after that.
//!
//! Tracks that are begun at one moment and finished at another are of the same length and play side by side. What is heard as it is
//! said has no end and no gaps, and is written page by page ([`LiveOgg`]).

use std::fmt;
use std::io::{self, Write};

use ogg::writing::{PacketWriteEndInfo, PacketWriter};

use crate::stage::opus_duration_samples;

/// Samples of 48 kHz that players decode and do not play, so that a decoder that begins in the middle of the sound has found its
/// state (RFC 7845, section 4.2): 80 ms, as section 4.6 advises for what was cut out of something longer.
pub const PRE_SKIP: u16 = 3840;

/// Media time that a page holds at most, in samples: a second, beyond which seeking would be coarse (RFC 7845, section 6).
const PAGE_MAX: u64 = 48_000;

/// The shortest Opus frame, 2.5 ms, in samples: gaps are filled in multiples of it (RFC 7845, section 4.1).
const FRAME_MIN: u64 = 120;

/// The longest Opus packet, 120 ms, in samples (RFC 6716, section 3.2.5).
const PACKET_MAX: u64 = 5760;

/// The longest gap, in samples, that is left to concealment: half a second, longer than what an encoder leaves out between two packets
/// while nobody talks (DTX; 400 ms in libopus). After that nothing was sent at all, and a decoder that is told to conceal goes on with a
/// noise of its own making. Longer bridges worse losses; shorter leaves less of that noise.
const CONCEALED_MAX: u64 = 24_000;

/// For how long a longer gap is concealed nevertheless, so that the sound fades, in samples.
const FADE: u64 = PACKET_MAX;

/// A frame of 20 ms of fullband CELT in which its first symbol says that all is silent (RFC 6716, section 4.3).
const SILENCE: [u8; 2] = [0xff, 0xfe];

/// The table of contents byte of 20 ms of mono fullband CELT in one frame (RFC 6716, section 3.1): what a track without any
/// packet is filled with.
const CELT_20_MS: u8 = 31 << 3;

/// The bit of the table of contents byte that says that a packet is stereo.
const STEREO: u8 = 4;

/// Whether an Opus packet is stereo (RFC 6716, section 3.1).
pub fn is_stereo(packet: &[u8]) -> bool {
    packet.first().is_some_and(|toc| toc & STEREO != 0)
}

/// Writes one Ogg Opus stream. Times are in samples of 48 kHz since the beginning of the track.
pub struct OggOpus<W: Write> {
    out: PacketWriter<'static, W>,
    serial: u32,
    /// Media time of all packets so far, those of the pre-skip included: the next one's begins here.
    end: u64,
    /// Media time at the end of the last full page.
    page: u64,
    /// Mode, bandwidth, length and channels of the last packet that was said (RFC 6716, section 3.1).
    toc: Option<u8>,
    /// The last packet, which is not written before it is known whether another one comes, with its samples.
    held: Option<(Vec<u8>, u64)>,
}

impl<W: Write> OggOpus<W> {
    /// Begins a stream with its two headers (RFC 7845, section 5). `serial` tells it from others in the same file; with
    /// `stereo` it is played with two channels, whatever single packets have. Nothing in the headers is about who talks.
    ///
    /// Errors: those of `out`.
    pub fn new(out: W, serial: u32, stereo: bool) -> io::Result<Self> {
        let mut out = PacketWriter::new(out);
        write_headers(&mut out, serial, stereo)?;
        Ok(Self { out, serial, end: 0, page: 0, toc: None, held: None })
    }

    /// Writes an Opus packet that begins at `at`, and fills what is between it and the one before. Later packets have later times:
    /// one that begins before the last one ends is written right behind it, as long as that moves it by less than its own length;
    /// one that comes later than that is left out. Returns whether it was written: what is no Opus packet is not.
    ///
    /// Errors: those of the writer.
    pub fn write(&mut self, at: u64, packet: &[u8]) -> io::Result<bool> {
        let Some(samples) = opus_duration_samples(packet).map(u64::from) else { return Ok(false) };
        let at = at.saturating_add(PRE_SKIP.into());
        if self.end.saturating_sub(at) >= samples {
            return Ok(false);
        }
        let toc = packet[0];
        // As what came before as long as possible; in front of the first, as what comes (RFC 7845, section 4.1).
        self.pause(self.toc.unwrap_or(toc), at.saturating_sub(self.end))?;
        self.toc = Some(toc);
        self.push(packet.to_vec(), samples)?;
        Ok(true)
    }

    /// Writes an Opus packet right behind all others. A stream that is written so from its first packet on is encoded as a whole, and
    /// begins with what is not heard ([`PRE_SKIP`]). Returns whether it was written: what is no Opus packet is not.
    ///
    /// Errors: those of the writer.
    pub fn append(&mut self, packet: &[u8]) -> io::Result<bool> {
        let Some(samples) = opus_duration_samples(packet).map(u64::from) else { return Ok(false) };
        self.toc = Some(packet[0]);
        self.push(packet.to_vec(), samples)?;
        Ok(true)
    }

    /// Ends the stream at `end`, filled up to there or cut off within its last packet (RFC 7845, section 4.4), and returns what it
    /// was written to.
    ///
    /// Errors: those of the writer.
    pub fn finish(mut self, end: u64) -> io::Result<W> {
        let end = end.saturating_add(PRE_SKIP.into());
        let gap = end.saturating_sub(self.end).next_multiple_of(FRAME_MIN);
        self.pause(self.toc.unwrap_or(CELT_20_MS), gap)?;
        // The pre-skip alone is longer than any packet, so there is one.
        if let Some((packet, samples)) = self.held.take() {
            let end = end.clamp(self.end - samples + 1, self.end);
            self.out.write_packet(packet, self.serial, PacketWriteEndInfo::EndStream, end)?;
        }
        let mut out = self.out.into_inner();
        out.flush()?;
        Ok(out)
    }

    /// Fills `gap` samples, or as many of them as are whole frames: all of a short gap with empty frames that are as `toc` says, a long
    /// one with silence once it has faded.
    fn pause(&mut self, toc: u8, gap: u64) -> io::Result<()> {
        if gap <= CONCEALED_MAX {
            return self.fill(toc, gap);
        }
        self.fill(toc, FADE)?;
        let toc = CELT_20_MS | toc & STEREO;
        let frame = opus_duration_samples(&[CELT_20_MS]).map_or(PACKET_MAX, u64::from);
        let mut rest = gap - FADE;
        while rest >= frame {
            let count = (rest / frame).min(PACKET_MAX / frame);
            let mut packet = vec![toc | 3, count as u8];
            packet.extend(SILENCE.repeat(count as usize));
            self.push(packet, count * frame)?;
            rest -= count * frame;
        }
        self.fill(toc, rest)
    }

    /// Fills `gap` samples, or as many of them as are whole frames, with empty frames that are as `toc` says. Where its own length
    /// does not fit, shorter ones come last: of the same mode first, then of CELT, which alone has the shortest.
    fn fill(&mut self, toc: u8, mut gap: u64) -> io::Result<()> {
        let config = toc >> 3;
        // The shortest of the mode, and of CELT with the same bandwidth; of medium band, which CELT has not, with wideband.
        let (shortest, celt) = match config {
            0..=3 => (0, 16),
            4..=7 => (4, 20),
            8..=11 => (8, 20),
            12..=13 => (12, 24),
            14..=15 => (14, 28),
            _ => (config, config & !3),
        };
        for config in [config, shortest, celt + 3, celt + 2, celt + 1, celt] {
            let frame = opus_duration_samples(&[config << 3]).map_or(FRAME_MIN, u64::from);
            while gap >= frame {
                let count = (gap / frame).min(PACKET_MAX / frame);
                // Frames of one size, which is 0, in a packet of code 3 (RFC 6716, section 3.2.5).
                let packet = vec![config << 3 | toc & STEREO | 3, count as u8];
                self.push(packet, count * frame)?;
                gap -= count * frame;
            }
        }
        Ok(())
    }

    /// Adds a packet behind all others.
    fn push(&mut self, packet: Vec<u8>, samples: u64) -> io::Result<()> {
        if let Some((former, _)) = self.held.replace((packet, samples)) {
            let full = self.end + samples > self.page + PAGE_MAX;
            let end = if full { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            self.page = if full { self.end } else { self.page };
            self.out.write_packet(former, self.serial, end, self.end)?;
        }
        self.end += samples;
        Ok(())
    }
}

impl<W: Write> fmt::Debug for OggOpus<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OggOpus").field("end", &self.end).finish_non_exhaustive()
    }
}

/// Writes one Ogg Opus stream for somebody who hears it as it is made: whole pages, of packets that follow each other without a gap.
pub struct LiveOgg {
    out: PacketWriter<'static, Vec<u8>>,
    serial: u32,
    /// Media time of all packets so far.
    end: u64,
}

impl LiveOgg {
    /// Begins a stream with its two headers, as [`OggOpus::new`] does. Whatever its listener has missed, their stream begins with
    /// the first page and at time 0.
    ///
    /// Errors: none in practice, since what is written to does not fail.
    pub fn new(serial: u32, stereo: bool) -> io::Result<Self> {
        let mut out = PacketWriter::new(Vec::new());
        write_headers(&mut out, serial, stereo)?;
        Ok(Self { out, serial, end: 0 })
    }

    /// Adds a page of Opus packets; what is no Opus packet is left out.
    ///
    /// Errors: as those of [`LiveOgg::new`].
    pub fn page(&mut self, packets: &[impl AsRef<[u8]>]) -> io::Result<()> {
        let packets = packets.iter().map(AsRef::as_ref);
        let mut packets = packets.filter_map(|packet| Some((packet, opus_duration_samples(packet)?))).peekable();
        while let Some((packet, samples)) = packets.next() {
            self.end += u64::from(samples);
            let last = packets.peek().is_none();
            let info = if last { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            self.out.write_packet(packet.to_vec(), self.serial, info, self.end)?;
        }
        Ok(())
    }

    /// Takes what was written since it was taken last.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.out.inner_mut())
    }
}

impl fmt::Debug for LiveOgg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveOgg").field("end", &self.end).finish_non_exhaustive()
    }
}

/// The two headers of a stream (RFC 7845, section 5), each on a page of its own.
fn write_headers<W: Write>(out: &mut PacketWriter<'static, W>, serial: u32, stereo: bool) -> io::Result<()> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(if stereo { 2 } else { 1 });
    head.extend(PRE_SKIP.to_le_bytes());
    head.extend(48_000_u32.to_le_bytes());
    // No gain, and the mapping of at most two channels.
    head.extend([0, 0, 0]);
    out.write_packet(head, serial, PacketWriteEndInfo::EndPage, 0)?;
    let vendor = b"roomtone";
    let mut tags = b"OpusTags".to_vec();
    tags.extend((vendor.len() as u32).to_le_bytes());
    tags.extend(vendor);
    tags.extend(0_u32.to_le_bytes());
    out.write_packet(tags, serial, PacketWriteEndInfo::EndPage, 0)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ogg::PacketReader;
    use opus::{Application, Bitrate, Channels, Decoder, Encoder};
    use proptest::prelude::*;

    use super::*;

    /// Samples of 20 ms.
    const MS_20: u64 = 960;

    /// What a reader finds: the packets behind the headers, and the media time at the end of the track.
    fn read(file: Vec<u8>) -> (Vec<Vec<u8>>, u64) {
        let mut reader = PacketReader::new(Cursor::new(file));
        let head = reader.read_packet_expected().unwrap();
        assert!(head.first_in_stream() && head.last_in_page() && head.absgp_page() == 0);
        assert_eq!(&head.data[..9], b"OpusHead\x01");
        assert_eq!(head.data[10..12], PRE_SKIP.to_le_bytes());
        assert_eq!(head.data.len(), 19);
        let tags = reader.read_packet_expected().unwrap();
        assert!(tags.last_in_page() && tags.absgp_page() == 0);
        assert_eq!(tags.data, b"OpusTags\x08\0\0\0roomtone\0\0\0\0");
        let (mut packets, mut samples, mut end) = (Vec::new(), 0, 0);
        let mut page = 0;
        while let Some(packet) = reader.read_packet().unwrap() {
            samples += u64::from(opus_duration_samples(&packet.data).unwrap());
            if packet.last_in_page() && !packet.last_in_stream() {
                assert_eq!(packet.absgp_page(), samples, "the position of a page is that of its last packet");
                assert!(samples - page <= PAGE_MAX);
                page = samples;
            }
            if packet.last_in_stream() {
                end = packet.absgp_page();
                let last = u64::from(opus_duration_samples(&packet.data).unwrap());
                assert!(end <= samples && end > samples - last, "only the last packet is cut");
            }
            packets.push(packet.data);
        }
        assert!(end > 0, "the stream has an end");
        (packets, end - u64::from(PRE_SKIP))
    }

    /// Whether a packet was made here, of empty frames or of silent ones.
    fn is_filler(packet: &[u8]) -> bool {
        packet.len() == 2 || (packet[0] | STEREO == 0xff && packet[2..] == SILENCE.repeat(packet[1].into()))
    }

    /// Where each packet begins that is not a filler, and its payload.
    fn said(packets: &[Vec<u8>]) -> Vec<(u64, &[u8])> {
        let mut at = 0;
        let mut said = Vec::new();
        for packet in packets {
            if !is_filler(packet) {
                said.push((at - u64::from(PRE_SKIP), &packet[..]));
            }
            at += u64::from(opus_duration_samples(packet).unwrap());
        }
        said
    }

    fn written(packets: &[(u64, &[u8])], end: u64) -> Vec<u8> {
        let mut track = OggOpus::new(Vec::new(), 7, false).unwrap();
        for (at, packet) in packets {
            track.write(*at, packet).unwrap();
        }
        track.finish(end).unwrap()
    }

    /// An Opus packet of one frame with this configuration (RFC 6716, table 2), marked by a number.
    fn packet(config: u8, mark: u8) -> Vec<u8> {
        vec![config << 3, mark, mark, mark]
    }

    #[test]
    fn every_packet_is_where_it_was_said() {
        // 20 ms of CELT; a loss of 40 ms; a pause of a minute; a gap that is no multiple of its frames.
        let packets: Vec<Vec<u8>> = (0..6).map(|mark| packet(31, mark)).collect();
        let times = [0, MS_20, 4 * MS_20, 5 * MS_20, 60 * 48_000, 60 * 48_000 + MS_20 + 360];
        let all: Vec<(u64, &[u8])> = times.into_iter().zip(packets.iter().map(Vec::as_slice)).collect();
        let (found, end) = read(written(&all, 61 * 48_000));
        assert_eq!(said(&found), all);
        assert_eq!(end, 61 * 48_000);
    }

    #[test]
    fn fillers_change_as_late_as_possible() {
        // (configuration of the packet before, gap in samples, configurations and counts of the fillers). 95 ms after SILK and after
        // CELT of 20 ms, as RFC 7845, section 4.1 has it.
        let ms = |ms10: u64| ms10 * 48 / 10;
        for (config, gap, fillers) in [
            (9, ms(950), &[(9, 4), (8, 1), (21, 1)][..]),
            (31, ms(950), &[(31, 4), (30, 1), (29, 1)]),
            (31, ms(200), &[(31, 1)]),
            (31, ms(5_000), &[(31, 6), (31, 6), (31, 6), (31, 6), (31, 1)]),
            (28, ms(1_225), &[(28, 48), (28, 1)]),
            (7, ms(550), &[(4, 5), (21, 1)]),
            (15, ms(325), &[(15, 1), (14, 1), (28, 1)]),
            (13, ms(75), &[(25, 1), (24, 1)]),
            (3, ms(24), &[]),
        ] {
            for stereo in [0, STEREO] {
                let mut first = packet(config, 1);
                first[0] |= stereo;
                let length = u64::from(opus_duration_samples(&first).unwrap());
                let (found, _) = read(written(&[(0, &first), (length + gap, &first)], 0));
                let from = found.iter().position(|packet| !is_filler(packet)).unwrap();
                let between: Vec<_> = found[from + 1..].iter().take_while(|packet| is_filler(packet)).collect();
                let expected: Vec<_> =
                    fillers.iter().map(|&(config, count): &(u8, u8)| vec![config << 3 | stereo | 3, count]).collect();
                assert_eq!(between, expected.iter().collect::<Vec<_>>(), "{config}");
            }
        }
    }

    #[test]
    fn long_pauses_are_silent() {
        let ms = |ms10: u64| ms10 * 48 / 10;
        for stereo in [0, STEREO] {
            let said = [9 << 3 | stereo, 1, 1, 1];
            let (found, _) = read(written(&[(0, &said), (MS_20 + ms(7_125), &said)], 0));
            let from = found.iter().position(|packet| !is_filler(packet)).unwrap();
            // 120 ms that fade, 580 ms of silence, and the rest of 12.5 ms.
            let silent = |count: u8| [&[0xfb | stereo, count][..], &SILENCE.repeat(count.into())].concat();
            let [ms_10, ms_2_5] = [30 << 3 | stereo | 3, 28 << 3 | stereo | 3].map(|toc| vec![toc, 1]);
            let mut expected = vec![vec![9 << 3 | stereo | 3, 6]];
            expected.extend([6, 6, 6, 6, 5].map(silent));
            expected.extend([ms_10, ms_2_5]);
            assert_eq!(found[from + 1..found.len() - 1], expected);
        }
    }

    #[test]
    fn what_overlaps_is_moved_by_less_than_its_length_or_left_out() {
        let mut track = OggOpus::new(Vec::new(), 7, false).unwrap();
        let mark = |mark| packet(31, mark);
        for (at, number, kept) in
            [(0, 0, true), (600, 1, true), (900, 2, false), (MS_20 * 2, 3, true), (0, 4, false), (u64::MAX, 5, false)]
        {
            if at == u64::MAX {
                // Neither is what is no Opus packet, whenever it comes.
                assert!(!track.write(MS_20 * 3, &[]).unwrap() && !track.write(MS_20 * 3, &[3, 0]).unwrap());
                continue;
            }
            assert_eq!(track.write(at, &mark(number)).unwrap(), kept, "{number}");
        }
        let (found, end) = read(track.finish(3 * MS_20 - 100).unwrap());
        let expected = [(0, mark(0)), (MS_20, mark(1)), (2 * MS_20, mark(3))];
        assert_eq!(said(&found), expected.iter().map(|(at, packet)| (*at, &packet[..])).collect::<Vec<_>>());
        assert_eq!(end, 3 * MS_20 - 100);
    }

    #[test]
    fn tracks_of_one_talk_are_of_one_length() {
        let nobody = written(&[], 48_001);
        let somebody = written(&[(47_000, &packet(9, 1))], 48_001);
        assert_eq!((read(nobody).1, read(somebody).1), (48_001, 48_001));
        assert_eq!(read(written(&[], 0)).1, 0);
    }

    #[test]
    fn what_is_encoded_as_a_whole_begins_with_what_is_not_heard() {
        let mut track = OggOpus::new(Vec::new(), 7, false).unwrap();
        let packets: Vec<_> = (0..54).map(|mark| packet(31, mark)).collect();
        packets.iter().for_each(|packet| assert!(track.append(packet).unwrap()));
        assert!(!track.append(&[]).unwrap());
        let (found, end) = read(track.finish(50 * MS_20).unwrap());
        assert_eq!((found, end), (packets, 50 * MS_20));
    }

    /// Each page can be given out as it is made, and what was taken in pieces is one stream.
    #[test]
    fn a_live_stream_comes_in_whole_pages() {
        let mut live = LiveOgg::new(7, true).unwrap();
        let mut stream = live.take();
        for mark in 0..20 {
            live.page(&[packet(31, mark), vec![], packet(31, mark), vec![]]).unwrap();
            let page = live.take();
            assert_eq!(&page[..4], b"OggS");
            stream.extend(page);
        }
        assert_eq!(live.take(), []);
        let mut reader = PacketReader::new(Cursor::new(stream));
        let head = reader.read_packet_expected().unwrap();
        assert!(head.first_in_stream() && head.data[9] == 2);
        assert!(reader.read_packet_expected().unwrap().data.starts_with(b"OpusTags"));
        for n in 0..40 {
            let read = reader.read_packet_expected().unwrap();
            assert_eq!(read.data, packet(31, n / 2));
            assert_eq!((read.last_in_page(), read.absgp_page()), (n % 2 == 1, u64::from(n / 2 + 1) * 2 * MS_20));
        }
        assert!(reader.read_packet().unwrap().is_none());
    }

    proptest! {
        /// Whatever packets come at whatever times: what is written can be read, and nothing is heard before it was said, nor later than
        /// by its own length.
        #[test]
        fn any_packets_make_a_readable_track(
            mut packets in prop::collection::vec((0_u64..480_000, 0_u8..32, 0_u8..4), 0..60),
            end in 0_u64..600_000,
        ) {
            packets.sort_by_key(|packet| packet.0);
            let mut track = OggOpus::new(Vec::new(), 1, true).unwrap();
            let mut kept = Vec::new();
            for (number, &(at, config, code)) in packets.iter().enumerate() {
                let packet = vec![config << 3 | code, 1, number as u8, 0, 0];
                if track.write(at, &packet).unwrap() {
                    kept.push((at, packet));
                }
            }
            let (found, _) = read(track.finish(end).unwrap());
            let said = said(&found);
            prop_assert_eq!(said.len(), kept.len());
            for ((at, said), (meant, packet)) in said.iter().zip(&kept) {
                prop_assert_eq!(said, packet);
                let length = u64::from(opus_duration_samples(packet).unwrap());
                prop_assert!(*at + FRAME_MIN > *meant && *at < *meant + length, "{} for {}", at, meant);
            }
        }
    }

    /// A voiced sound that swells and fades as syllables do; a steady tone would be taken for the noise of the room, which goes on in
    /// gaps.
    fn voice(seconds: f64) -> i16 {
        let wave = |hertz: f64| (seconds * hertz * std::f64::consts::TAU).sin();
        let vowel: f64 = (1..12).map(|harmonic| wave(140.0 * f64::from(harmonic)) / f64::from(harmonic)).sum();
        (vowel * wave(2.5).powi(2) * 9_000.0) as i16
    }

    /// One second of sound in the middle of three seconds is heard there and nowhere else.
    #[test]
    fn a_decoder_hears_the_sound_where_it_was_said() {
        for bitrate in [12_000, 64_000] {
            let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
            encoder.set_bitrate(Bitrate::Bits(bitrate)).unwrap();
            let mut track = OggOpus::new(Vec::new(), 1, false).unwrap();
            for n in 50..100 {
                let tone: Vec<i16> = (0..MS_20).map(|i| voice((n * MS_20 + i) as f64 / 48_000.0)).collect();
                track.write(n * MS_20, &encoder.encode_vec(&tone, 1_000).unwrap()).unwrap();
            }
            let (packets, end) = read(track.finish(3 * 48_000).unwrap());
            assert_eq!(end, 3 * 48_000);
            let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
            let mut sound: Vec<i16> = Vec::new();
            for packet in packets {
                let mut samples = vec![0_i16; PACKET_MAX as usize];
                let count = decoder.decode(&packet, &mut samples, false).unwrap();
                sound.extend(&samples[..count]);
            }
            let sound = &sound[usize::from(PRE_SKIP)..];
            let energy = |from: usize, until: usize| {
                let part = &sound[from * 48..until * 48];
                part.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / part.len() as f64
            };
            assert_eq!(energy(0, 990), 0.0, "silence before");
            assert!(energy(1_050, 1_990) > 1e6, "the sound: {}", energy(1_050, 1_990));
            assert_eq!(energy(2_200, 3_000), 0.0, "silence after it has faded");
        }
    }
}
