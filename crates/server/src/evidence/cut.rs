//! Tracks that play side by side, of what was kept of several talkers.

use std::io;
use std::time::{Duration, Instant};

use roomtone_media::frame::Frame;
use roomtone_media::ogg::{self, OggOpus};
use roomtone_media::stage::opus_duration_samples;
use roomtone_room::ids::TalkerNo;

use crate::media_io::{KEPT_FOR, Kept};

/// Samples in a second.
const RATE: i64 = 48_000;

/// How far a talker's media time and the time of arrival may drift apart before that is a new beginning, in samples: two seconds. An
/// encoder that was suspended goes on with a media time that has stood still. More follows worse networks; less bounds what a wrong
/// media time can do.
const DRIFT_MAX: u64 = 2 * RATE as u64;

/// Tracks of one length that begin at one moment.
#[derive(Debug)]
pub(super) struct Cut {
    /// How long before the moment that [`cut`] was given they begin.
    pub(super) before: Duration,
    /// How long they are.
    pub(super) length: Duration,
    /// Ogg Opus files, by who talks in them.
    pub(super) tracks: Vec<(TalkerNo, Vec<u8>)>,
}

/// Makes tracks of what was kept until `now`: from where the first of all talkers begins to where the last ends, at most
/// [`KEPT_FOR`]. Whoever said nothing has none; `None` if nobody said anything.
pub(super) fn cut(kept: &[Kept], now: Instant) -> io::Result<Option<Cut>> {
    let placed: Vec<_> = kept.iter().map(|kept| (kept.talker, place(&kept.frames, now))).collect();
    let all = || placed.iter().flat_map(|(_, frames)| frames);
    let (Some(first), Some(end)) = (all().map(|(at, _)| *at).min(), all().map(|(at, frame)| at + samples(frame)).max())
    else {
        return Ok(None);
    };
    let longest = KEPT_FOR.as_secs() as i64 * RATE;
    let begin = first.max(end - longest);
    let mut tracks = Vec::new();
    for (talker, frames) in placed {
        let frames: Vec<_> = frames.into_iter().filter(|(at, _)| *at >= begin).collect();
        if frames.is_empty() {
            continue;
        }
        let stereo = frames.iter().any(|(_, frame)| ogg::is_stereo(&frame.payload));
        let mut track = OggOpus::new(Vec::new(), talker.0, stereo)?;
        for (at, frame) in frames {
            track.write((at - begin).unsigned_abs(), &frame.payload)?;
        }
        tracks.push((talker, track.finish((end - begin).unsigned_abs())?));
    }
    // What arrives now was said before, so they begin in the past.
    Ok(Some(Cut { before: duration(-begin), length: duration(end - begin), tracks }))
}

/// Where each frame of one talker is, in samples after `now`, in the order in which they are played.
///
/// Media time tells how far frames of one stream are apart; where a stream begins, the frame that took the least time to come
/// tells. So one late packet does not move anything.
fn place(frames: &[std::sync::Arc<Frame>], now: Instant) -> Vec<(i64, &Frame)> {
    let mut placed: Vec<(i64, &Frame)> = Vec::with_capacity(frames.len());
    let mut rest = frames.iter().map(|frame| &**frame).peekable();
    while let Some(first) = rest.next() {
        let began = offset(first, now);
        let mut stretch = vec![first];
        let mut least = began;
        while let Some(next) =
            rest.next_if(|next| next.seq >> 32 == first.seq >> 32 && offset(next, now).abs_diff(began) <= DRIFT_MAX)
        {
            least = least.min(offset(next, now));
            stretch.push(next);
        }
        // What redundancy brought back came after what was said later.
        stretch.sort_by_key(|frame| frame.time);
        placed.extend(stretch.into_iter().map(|frame| (least.saturating_add(frame.time as i64), frame)));
    }
    placed
}

/// What has to be added to a frame's media time for the moment at which it came, in samples after `now`.
fn offset(frame: &Frame, now: Instant) -> i64 {
    let ago = now.saturating_duration_since(frame.arrived).as_micros() as i64 * RATE / 1_000_000;
    (-ago).saturating_sub(frame.time as i64)
}

fn samples(frame: &Frame) -> i64 {
    opus_duration_samples(&frame.payload).map_or(0, i64::from)
}

fn duration(samples: i64) -> Duration {
    Duration::from_micros(samples.max(0).unsigned_abs() * 1_000_000 / RATE.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use ::ogg::PacketReader;
    use roomtone_room::ids::RoomId;

    use super::*;
    use crate::edge;

    /// Frames of 20 ms of one stream that begins with this media time: what is in them, when it was said and when it came, in
    /// milliseconds.
    fn stream(start: Instant, stretch: u64, time: u64, said: &[(u8, u64, u64)]) -> Vec<Arc<Frame>> {
        let began = said[0].1;
        said.iter()
            .map(|&(mark, at, came)| {
                Arc::new(Frame {
                    room: RoomId(1),
                    talker: TalkerNo(1),
                    slot: 0,
                    dominant: true,
                    seq: (stretch << 32) + (at - began) / 20,
                    time: time + (at - began) * 48,
                    level: 20,
                    arrived: start + Duration::from_millis(came),
                    payload: [31 << 3, mark, mark, mark].into(),
                })
            })
            .collect()
    }

    /// The marks in a track with the milliseconds where they are, and its length in milliseconds.
    fn read(file: &[u8]) -> (Vec<(u8, i64)>, i64) {
        let mut reader = PacketReader::new(Cursor::new(file));
        let (mut marks, mut at, mut end) = (Vec::new(), -i64::from(ogg::PRE_SKIP), 0);
        while let Some(packet) = reader.read_packet().unwrap() {
            if packet.data.starts_with(b"Opus") {
                continue;
            }
            if packet.data.len() == 4 && packet.data[0] & 3 == 0 {
                marks.push((packet.data[1], at * 1_000 / RATE));
            }
            at += i64::from(opus_duration_samples(&packet.data).unwrap());
            end = packet.absgp_page() as i64 - i64::from(ogg::PRE_SKIP);
        }
        (marks, end * 1_000 / RATE)
    }

    fn kept(talker: u32, streams: &[Vec<Arc<Frame>>]) -> Kept {
        Kept { talker: TalkerNo(talker), frames: streams.concat() }
    }

    #[test]
    fn tracks_play_side_by_side() {
        let start = edge::instant();
        let at = |millis| start + Duration::from_millis(millis);
        // One talks at once and again later, by another stream; the other in between, with a frame that came late and one that was
        // brought back by what followed. Their media times have nothing to do with each other.
        let one = [
            stream(start, 1, 77_000_000, &[(1, 1_000, 1_040), (2, 1_020, 1_060)]),
            stream(start, 9, 5_000, &[(3, 5_000, 5_040)]),
        ];
        let late = [(4, 3_000, 3_300), (6, 3_040, 3_080), (5, 3_020, 3_080), (7, 3_060, 3_100)];
        let other = [stream(start, 4, 900, &late)];
        let cut = cut(&[kept(1, &one), kept(2, &[]), kept(3, &other)], at(9_040)).unwrap().unwrap();
        assert_eq!((cut.before.as_millis(), cut.length.as_millis()), (8_000, 4_020));
        let tracks: Vec<_> = cut.tracks.iter().map(|(talker, file)| (talker.0, read(file))).collect();
        let expected = [
            (1, (vec![(1, 0), (2, 20), (3, 4_000)], 4_020)),
            (3, (vec![(4, 2_000), (5, 2_020), (6, 2_040), (7, 2_060)], 4_020)),
        ];
        assert_eq!(tracks, expected);
    }

    #[test]
    fn nothing_said_is_no_track() {
        let now = edge::instant();
        assert!(cut(&[], now).unwrap().is_none());
        assert!(cut(&[kept(1, &[])], now).unwrap().is_none());
    }

    /// Whatever a client says of its media time, tracks are not longer than what is kept.
    #[test]
    fn a_wrong_media_time_does_not_make_long_tracks() {
        let start = edge::instant();
        let now = start + Duration::from_secs(60);
        let times = [0, 960, 1 << 40, 0, u64::MAX, 1 << 63, 48_000 * 7_200, 961];
        let frame = |(n, time): (usize, u64)| {
            let said = stream(start, 1, 0, &[(1, 0, n as u64 * 20)]);
            Arc::new(Frame { time, ..(*said[0]).clone() })
        };
        let frames: Vec<_> = times.into_iter().enumerate().map(frame).collect();
        let made = cut(&[Kept { talker: TalkerNo(1), frames }], now).unwrap().unwrap();
        assert!(made.length <= Duration::from_secs(5), "{:?}", made.length);
        assert_eq!(read(&made.tracks[0].1).1, made.length.as_millis() as i64);
        // Nor are they longer than a minute, however long ago somebody spoke.
        let both = [stream(start, 1, 0, &[(1, 0, 0), (2, 20, 20)]), stream(start, 2, 0, &[(3, 61_000, 61_000)])];
        let made = cut(&[kept(1, &both)], start + Duration::from_secs(62)).unwrap().unwrap();
        assert_eq!((made.length, read(&made.tracks[0].1).0), (KEPT_FOR, vec![(3, 59_980)]));
    }
}
