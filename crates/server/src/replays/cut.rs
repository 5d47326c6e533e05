//! Pieces of a replay, cut out of its mix without decoding it.

use std::io::{self, Cursor, ErrorKind};

use axum::body::Bytes;
use roomtone_media::fmp4::{self, FRAGMENT, Fmp4, HEAD_OF_HEAD, Index};
use roomtone_media::ogg::{OggOpus, PRE_SKIP};
use roomtone_room::ids::ReplayId;

use super::files::{File, Files, Sound};

/// Milliseconds and samples of a packet.
const PACKET_MS: u64 = 20;
const PACKET: u64 = fmp4::PACKET;

/// The longest head of a mix that is read, in bytes: that of four days.
const HEAD_MAX: usize = 1 << 19;

/// A piece of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// A file of the kind that was wanted.
    pub bytes: Bytes,
    /// Where it begins and ends, in milliseconds: at least as far apart as was asked for.
    pub from_ms: u64,
    /// See [`Clip::from_ms`].
    pub to_ms: u64,
}

/// Cuts what is between two moments out of a generation of a replay, or what of that is before its end.
///
/// Errors: those of reading it, `NotFound` if there is no such mix; `InvalidInput` for a piece that has no length or begins behind the
/// end; `InvalidData` if the file is not as it was made.
pub(super) async fn cut(
    files: &Files,
    replay: ReplayId,
    generation: u64,
    from_ms: u64,
    to_ms: u64,
    sound: Sound,
) -> io::Result<Clip> {
    let mix = File::Mix(generation, Sound::Mp4);
    let start = files.part(replay, mix, 0, HEAD_OF_HEAD as u64).await?;
    let length = fmp4::head_len(&start).filter(|length| *length <= HEAD_MAX).ok_or(ErrorKind::InvalidData)?;
    let head = files.part(replay, mix, 0, length as u64).await?;
    let index = Index::read(&head).ok_or(ErrorKind::InvalidData)?;
    // The packets of the pre-skip before the first that is heard let a decoder find its state, as those of the mix itself do.
    let begin = from_ms / PACKET_MS;
    let end = to_ms.div_ceil(PACKET_MS).saturating_add(u64::from(PRE_SKIP) / PACKET);
    let mut fragments = Vec::new();
    for n in begin / FRAGMENT..end.div_ceil(FRAGMENT).min(index.fragments.len() as u64) {
        let (at, size) = index.fragments[n as usize];
        fragments.push(files.part(replay, mix, at, size.into()).await?);
    }
    let mut packets = Vec::new();
    for fragment in &fragments {
        packets.extend(fmp4::packets(fragment).ok_or(ErrorKind::InvalidData)?);
    }
    let first = (begin % FRAGMENT) as usize;
    let count = end.saturating_sub(begin).min(packets.len().saturating_sub(first) as u64);
    let heard = count.saturating_sub(u64::from(PRE_SKIP) / PACKET);
    if heard == 0 {
        return Err(ErrorKind::InvalidInput.into());
    }
    let packets = &packets[first..first + count as usize];
    let bytes = match sound {
        Sound::Ogg => {
            let mut ogg = OggOpus::new(Vec::new(), 1, index.stereo)?;
            packets.iter().try_for_each(|packet| ogg.append(packet).map(drop))?;
            ogg.finish(heard * PACKET)?
        }
        Sound::Mp4 => {
            let mut mp4 = Fmp4::new(Cursor::new(Vec::new()), index.stereo, count)?;
            packets.iter().try_for_each(|packet| mp4.append(packet))?;
            mp4.finish()?.into_inner()
        }
    };
    let from_ms = begin * PACKET_MS;
    Ok(Clip { bytes: bytes.into(), from_ms, to_ms: from_ms + heard * PACKET_MS })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ogg::PacketReader;

    use super::*;

    const REPLAY: ReplayId = ReplayId(1);

    /// A packet of 20 ms of stereo, marked by a number.
    fn packet(mark: u64) -> Vec<u8> {
        [&[31 << 3 | 4][..], &mark.to_be_bytes()].concat()
    }

    /// The marks in a clip, which must be the same in both kinds of file.
    fn marks(clip: &Clip, mp4: &Clip) -> Vec<u64> {
        let mut reader = PacketReader::new(Cursor::new(&clip.bytes));
        let mut packets = Vec::new();
        let mut end = 0;
        while let Some(packet) = reader.read_packet().unwrap() {
            end = packet.absgp_page();
            packets.push(packet.data);
        }
        assert_eq!(packets[0][9], 2, "the channels are those of the mix");
        assert_eq!((end - u64::from(PRE_SKIP)) / 48, clip.to_ms - clip.from_ms);
        assert_eq!((mp4.from_ms, mp4.to_ms), (clip.from_ms, clip.to_ms));
        let mp4 = &mp4.bytes;
        let index = Index::read(&mp4[..fmp4::head_len(mp4).unwrap()]).unwrap();
        let parts = index.fragments.iter().map(|&(at, size)| &mp4[at as usize..][..size as usize]);
        let same: Vec<_> = parts.flat_map(|part| fmp4::packets(part).unwrap()).collect();
        assert_eq!(packets[2..], same);
        packets[2..].iter().map(|packet| u64::from_be_bytes(packet[1..].try_into().unwrap())).collect()
    }

    #[tokio::test]
    async fn a_piece_has_what_is_between_its_ends() {
        let data = tempfile::tempdir().unwrap();
        let files = Files::start(data.path(), None).unwrap();
        // 65 s; packet 4 is the first that is heard.
        let count = 3_254;
        let mut mix = Fmp4::new(Cursor::new(Vec::new()), true, count).unwrap();
        (0..count).for_each(|n| mix.append(&packet(n)).unwrap());
        let made = data.path().join("made");
        fs::write(&made, mix.finish().unwrap().into_inner()).unwrap();
        files.take(REPLAY, File::Mix(3, Sound::Mp4), &made).await.unwrap();
        let cut = async |from, to, sound| cut(&files, REPLAY, 3, from, to, sound).await;
        for (from, to, begins, ends) in [
            (0, 20, 0, 5),
            (0, 60_000, 0, 3_004),
            (9_930, 30_001, 496, 1_505),
            (10_000, 20_000, 500, 1_004),
            (64_000, 90_000, 3_200, 3_254),
        ] {
            let (clip, mp4) = (cut(from, to, Sound::Ogg).await.unwrap(), cut(from, to, Sound::Mp4).await.unwrap());
            assert_eq!(marks(&clip, &mp4), (begins..ends).collect::<Vec<_>>(), "{from} to {to}");
            assert_eq!((clip.from_ms, clip.to_ms), (begins * 20, (ends - 4) * 20));
        }
        for (from, to) in [(65_000, 66_000), (5_000, 5_000), (5_000, 4_000), (u64::MAX - 5, u64::MAX)] {
            assert_eq!(cut(from, to, Sound::Ogg).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{from} to {to}");
        }
        let missing = super::cut(&files, REPLAY, 4, 0, 1_000, Sound::Mp4).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }
}
