//! Several Opus packets as one (RFC 6716, section 3.2.5), without decoding: what a large audience is sent.

use crate::stage::opus_duration_samples;

/// Most frames in one Opus packet: 120 ms of 2.5 ms each (RFC 6716, section 3.2.5).
pub const FRAMES_MAX: usize = 48;

/// Longest Opus packet, in samples of 48 kHz: 120 ms.
pub const SAMPLES_MAX: u32 = 5760;

/// Bytes of the largest single frame (RFC 6716, section 3.4, R2).
const FRAME_BYTES_MAX: usize = 1275;

/// The bits of a TOC byte that frames of one packet share: configuration and stereo (RFC 6716, section 3.1).
pub(crate) const SHARED: u8 = 0xFC;

/// Bytes that [`join`] adds at most to the packets it is given: a TOC byte, a frame count, and two of length for each
/// frame.
pub(crate) fn overhead(frames: usize) -> usize {
    2 + 2 * frames
}

/// Adds the frames of an Opus packet to `frames` (RFC 6716, section 3.2) and returns its TOC byte. `None` if it is
/// malformed by the rules of section 3.4; `frames` is then as before.
pub fn split<'a>(packet: &'a [u8], frames: &mut Vec<&'a [u8]>) -> Option<u8> {
    let before = frames.len();
    let toc = split_all(packet, frames).filter(|_| frames[before..].iter().all(|frame| frame.len() <= FRAME_BYTES_MAX));
    if toc.is_none() {
        frames.truncate(before);
    }
    toc
}

fn split_all<'a>(packet: &'a [u8], frames: &mut Vec<&'a [u8]>) -> Option<u8> {
    opus_duration_samples(packet)?;
    let (&toc, rest) = packet.split_first()?;
    match toc & 3 {
        0 => frames.push(rest),
        1 => {
            let (first, second) = rest.split_at_checked(rest.len() / 2).filter(|_| rest.len().is_multiple_of(2))?;
            frames.extend([first, second]);
        }
        2 => {
            let (length, rest) = read_length(rest)?;
            let (first, second) = rest.split_at_checked(length)?;
            frames.extend([first, second]);
        }
        _ => {
            let (&head, mut rest) = rest.split_first()?;
            let count = usize::from(head & 0x3F);
            if head & 0x40 != 0 {
                rest = without_padding(rest)?;
            }
            if head & 0x80 == 0 {
                // Constant bitrate: all are of one size, which may be nothing.
                let size = Some(rest.len() / count).filter(|size| size * count == rest.len())?;
                frames.extend((0..count).map(|n| &rest[n * size..(n + 1) * size]));
            } else {
                let mut lengths = [0; FRAMES_MAX];
                for length in lengths.get_mut(..count - 1)? {
                    (*length, rest) = read_length(rest)?;
                }
                for length in &lengths[..count - 1] {
                    let (frame, after) = rest.split_at_checked(*length)?;
                    frames.push(frame);
                    rest = after;
                }
                frames.push(rest);
            }
        }
    }
    Some(toc)
}

/// Joins packets that follow each other into one packet of code 3. `None` if there are fewer than two, or that is not
/// legal: one is malformed, they differ in configuration or in being stereo, or together are longer than
/// [`SAMPLES_MAX`].
pub fn join(packets: &[&[u8]]) -> Option<Vec<u8>> {
    if packets.len() < 2 {
        return None;
    }
    let mut frames = Vec::with_capacity(FRAMES_MAX);
    let (mut shared, mut samples) = (None, 0);
    for packet in packets {
        let toc = split(packet, &mut frames)? & SHARED;
        samples += opus_duration_samples(packet)?;
        if *shared.get_or_insert(toc) != toc || samples > SAMPLES_MAX {
            return None;
        }
    }
    let (last, others) = frames.split_last()?;
    let even = others.iter().all(|frame| frame.len() == last.len());
    let bytes: usize = frames.iter().map(|frame| frame.len()).sum();
    let mut out = Vec::with_capacity(bytes + overhead(frames.len()));
    // SAMPLES_MAX keeps the count within its six bits.
    out.extend([shared? | 3, frames.len() as u8 | if even { 0 } else { 0x80 }]);
    if !even {
        others.iter().for_each(|frame| write_length(frame.len(), &mut out));
    }
    frames.iter().for_each(|frame| out.extend_from_slice(frame));
    Some(out)
}

/// Reads the length of a frame: one byte up to 251, else two (RFC 6716, section 3.2.1).
fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 252 {
        return Some((usize::from(first), rest));
    }
    let (&second, rest) = rest.split_first()?;
    Some((usize::from(second) * 4 + usize::from(first), rest))
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    if length < 252 {
        out.push(length as u8);
    } else {
        // The first byte is 252 to 255 and counts ones, the second counts fours; a frame has at most 1275 bytes.
        let first = 252 + (length & 3);
        out.extend([first as u8, ((length - first) / 4) as u8]);
    }
}

/// What is left of a packet of code 3 after the length of its padding, and without the padding.
fn without_padding(mut rest: &[u8]) -> Option<&[u8]> {
    let mut padding = 0;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        // 255 stands for 254 bytes, and says that another length follows.
        padding += usize::from(byte.min(254));
        if byte < 255 {
            return rest.get(..rest.len().checked_sub(padding)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus::{Application, Bitrate, Channels, Decoder, Encoder};
    use proptest::prelude::*;

    /// CELT, 20 ms, mono; and the same in stereo.
    const CELT: u8 = 31 << 3;
    const STEREO: u8 = CELT | 4;

    fn split_one(packet: &[u8]) -> Option<Vec<&[u8]>> {
        let mut frames = Vec::new();
        split(packet, &mut frames).map(|_| frames)
    }

    #[test]
    fn all_codes_are_split() {
        let long = [&[CELT | 2, 252, 1][..], &[7; 256], &[8]].concat();
        let table: [(&[u8], &[&[u8]]); 9] = [
            (&[CELT], &[&[]]),
            (&[CELT, 1, 2], &[&[1, 2]]),
            (&[CELT | 1, 1, 2, 3, 4], &[&[1, 2], &[3, 4]]),
            (&[CELT | 2, 1, 9, 8, 7], &[&[9], &[8, 7]]),
            (&long, &[&[7; 256], &[8]]),
            (&[CELT | 3, 3, 1, 2, 3], &[&[1], &[2], &[3]]),
            (&[CELT | 3, 3], &[&[], &[], &[]]),
            (&[CELT | 3, 0x83, 0, 2, 1, 2, 3], &[&[], &[1, 2], &[3]]),
            (&[CELT | 3, 0xC2, 2, 1, 5, 6, 0, 0], &[&[5], &[6]]),
        ];
        for (packet, frames) in table {
            assert_eq!(split_one(packet).as_deref(), Some(frames), "{packet:?}");
        }
    }

    #[test]
    fn malformed_packets_are_refused() {
        let too_large = [&[CELT][..], &[1; 1276]].concat();
        let table: [&[u8]; 12] = [
            &[],
            &[CELT | 1, 1],
            &[CELT | 2],
            &[CELT | 2, 2, 1],
            &[CELT | 2, 252],
            &[CELT | 3],
            &[CELT | 3, 0],
            &[CELT | 3, 7, 1, 2, 3, 4, 5, 6, 7],
            &[CELT | 3, 2, 1],
            &[CELT | 3, 0x82, 2, 1],
            &[CELT | 3, 0x41, 2, 0],
            &too_large,
        ];
        for packet in table {
            let mut frames: Vec<&[u8]> = vec![&[1]];
            assert_eq!(split(packet, &mut frames), None, "{packet:?}");
            assert_eq!(frames, [&[1]]);
        }
    }

    #[test]
    fn joined_packets_are_those_of_the_rfc() {
        assert_eq!(join(&[&[CELT, 1, 2], &[CELT, 3, 4], &[CELT, 5, 6]]).unwrap(), [CELT | 3, 3, 1, 2, 3, 4, 5, 6]);
        assert_eq!(join(&[&[CELT, 1], &[CELT], &[CELT, 3, 4]]).unwrap(), [CELT | 3, 0x83, 1, 0, 1, 3, 4]);
        // What has several frames already is taken apart first.
        assert_eq!(join(&[&[STEREO | 1, 1, 2], &[STEREO, 3]]).unwrap(), [STEREO | 3, 3, 1, 2, 3]);
        let long = [&[CELT][..], &[9; 300]].concat();
        assert_eq!(join(&[&long, &[CELT, 1]]).unwrap()[..4], [CELT | 3, 0x82, 252, 12]);
    }

    #[test]
    fn what_may_not_be_joined_is_not() {
        assert_eq!(join(&[]), None);
        assert_eq!(join(&[&[CELT, 1]]), None);
        assert_eq!(join(&[&[CELT, 1], &[STEREO, 1]]), None);
        assert_eq!(join(&[&[CELT, 1], &[30 << 3, 1]]), None);
        assert_eq!(join(&[&[CELT, 1], &[CELT | 1, 1]]), None, "malformed");
        assert_eq!(join(&[&[CELT, 1][..]; 7]), None, "140 ms");
        assert!(join(&[&[CELT, 1][..]; 6]).is_some());
    }

    /// Encodes a voice-like signal with each setting of the encoder in turn, in packets of `samples`.
    fn encoded(channels: Channels, application: Application, kbps: i32, vbr: bool, samples: usize) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(48_000, channels, application).unwrap();
        encoder.set_bitrate(Bitrate::Bits(kbps * 1000)).unwrap();
        encoder.set_vbr(vbr).unwrap();
        let wide = channels as usize;
        let mut at = 0f32;
        let mut packet = |_| {
            let mut sound = Vec::with_capacity(samples * wide);
            for _ in 0..samples {
                at += 1.0;
                let value = ((at * 0.031).sin() + (at * 0.11).sin() * (at * 0.0004).sin()) * 9000.0;
                (0..wide).for_each(|n| sound.push((value / (n + 1) as f32) as i16));
            }
            encoder.encode_vec(&sound, 1275).unwrap()
        };
        (0..60).map(&mut packet).collect()
    }

    fn decoded(channels: Channels, packets: &[Vec<u8>]) -> Vec<i16> {
        let mut decoder = Decoder::new(48_000, channels).unwrap();
        let mut sound = Vec::new();
        for packet in packets {
            let mut out = vec![0; SAMPLES_MAX as usize * channels as usize];
            let samples = decoder.decode(packet, &mut out, false).unwrap();
            assert_eq!(Some(samples as u32), opus_duration_samples(packet));
            sound.extend_from_slice(&out[..samples * channels as usize]);
        }
        sound
    }

    #[test]
    fn libopus_gives_the_same_samples() {
        let settings = [
            (Channels::Mono, Application::Voip, 16, true, 960),
            (Channels::Mono, Application::Voip, 32, false, 960),
            (Channels::Stereo, Application::Audio, 64, true, 960),
            (Channels::Stereo, Application::LowDelay, 48, true, 120),
            (Channels::Mono, Application::Voip, 24, true, 480),
        ];
        for (channels, application, kbps, vbr, samples) in settings {
            let packets = encoded(channels, application, kbps, vbr, samples);
            let plain = decoded(channels, &packets);
            for count in [2, 3, 6] {
                // The encoder may change its configuration on the way; such a group goes unjoined.
                let joined: Vec<Vec<u8>> = packets
                    .chunks(count)
                    .flat_map(|group| {
                        let parts: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
                        join(&parts).map_or_else(|| group.to_vec(), |packet| vec![packet])
                    })
                    .collect();
                assert!(joined.len() < packets.len() * 2 / 3, "{}", joined.len());
                assert!(decoded(channels, &joined) == plain, "{application:?} {kbps} by {count}");
            }
        }
    }

    proptest! {
        /// Whatever is split is what libopus takes, and joining what is split gives the same frames.
        #[test]
        fn frames_survive(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 2..7)) {
            let packets: Vec<Vec<u8>> = frames.iter().map(|frame| [&[CELT][..], frame].concat()).collect();
            let parts: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
            let joined = join(&parts).unwrap();
            prop_assert_eq!(split_one(&joined).unwrap(), frames.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(opus::packet::get_nb_frames(&joined).unwrap(), frames.len());
        }

        #[test]
        fn garbage_never_panics(a: Vec<u8>, b: Vec<u8>) {
            let _ = join(&[&a, &b]);
        }

        /// Our reading of a packet and libopus's agree on what is well formed.
        #[test]
        fn libopus_agrees(mut packet in proptest::collection::vec(any::<u8>(), 1..40), small: bool) {
            if small && packet.len() > 1 {
                packet[1] &= 0xC7;
            }
            let ours = split_one(&packet);
            let theirs = opus::packet::parse(&packet);
            prop_assert_eq!(ours.is_some(), theirs.is_ok(), "{:?}", packet);
            if let (Some(ours), Ok(theirs)) = (ours, theirs) {
                prop_assert_eq!(ours, theirs.frames);
            }
        }
    }
}
