use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufReader, Write};

use roomtone_media::frame::Frame;
use roomtone_media::track::{HEADER_LEN, TrackReader};
use roomtone_room::ids::{RoomId, TalkerNo};

use super::tape::track_of;
use super::*;

const REPLAY: ReplayId = ReplayId(5);

/// What somebody says as their `n`th packet.
fn frame(talker: u32, n: u64) -> Arc<Frame> {
    Arc::new(Frame {
        room: RoomId(1),
        talker: TalkerNo(talker),
        slot: 0,
        dominant: true,
        seq: n,
        time: n * 960,
        level: 20,
        arrived: edge::instant(),
        payload: vec![0xF8, n as u8].into(),
    })
}

/// The numbers of the packets in each track, and the run that each is of.
fn read(recorder: &Recorder, replay: ReplayId) -> BTreeMap<u32, Vec<(u32, u64)>> {
    let Ok(entries) = fs::read_dir(recorder.folder_of(replay)) else { return BTreeMap::new() };
    let tracks = entries.filter_map(|entry| {
        let path = entry.unwrap().path();
        // One that was only just begun has no header yet.
        let reader = TrackReader::new(BufReader::new(fs::File::open(&path).unwrap())).ok()?;
        let header = reader.header();
        assert_eq!(
            (header.replay, track_of(path.file_name().unwrap().to_str().unwrap())),
            (replay, Some(header.track))
        );
        Some((header.track, reader.map(|frame| frame.unwrap()).map(|frame| (frame.run, frame.seq)).collect()))
    });
    tracks.collect()
}

#[tokio::test]
async fn each_speaker_has_a_track_and_nobody_without_a_word() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let reel = recorder.begin(REPLAY, edge::now()).await;
    let other = recorder.begin(ReplayId(6), edge::now()).await;
    for n in 0..3 {
        reel.push(1, &frame(1, n));
        reel.push(4, &frame(9, n + 10));
        other.push(1, &frame(2, n + 20));
    }
    recorder.stop(REPLAY).await;
    recorder.settled(REPLAY).await;
    // What comes after the end is of no recording.
    reel.push(1, &frame(1, 99));
    recorder.stop(ReplayId(6)).await;
    recorder.settle().await;
    let seqs = |from: u64| (from..from + 3).map(|n| (0, n)).collect::<Vec<_>>();
    assert_eq!(read(&recorder, REPLAY), BTreeMap::from([(1, seqs(0)), (4, seqs(10))]));
    assert_eq!(read(&recorder, ReplayId(6)), BTreeMap::from([(1, seqs(20))]));
    assert_eq!((reel.failure(), other.failure()), (None, None));
}

/// Whoever only waits sees it written: nothing has to be stopped for that.
#[tokio::test]
async fn what_is_said_is_written_while_it_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let reel = recorder.begin(REPLAY, edge::now()).await;
    reel.push(1, &frame(1, 7));
    while read(&recorder, REPLAY).is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(read(&recorder, REPLAY), BTreeMap::from([(1, vec![(0, 7)])]));
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_the_recording_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let since = Timestamp(edge::now().0 - 60_000);
    let recorder = Recorder::start(data.path()).unwrap();
    let reel = recorder.begin(REPLAY, since).await;
    reel.push(1, &frame(1, 0));
    reel.push(2, &frame(2, 1));
    recorder.stop(REPLAY).await;
    recorder.settled(REPLAY).await;
    let tear = |n: u32, bytes: &[u8]| {
        let mut file = OpenOptions::new().append(true).open(track_file(&recorder.folder_of(REPLAY), n)).unwrap();
        file.write_all(bytes).unwrap();
    };
    tear(1, &[0, 30, 1, 2, 3]);
    // A third was begun when the process was killed: its header is not whole.
    let third = track_file(&recorder.folder_of(REPLAY), 3);
    fs::write(&third, &fs::read(track_file(&recorder.folder_of(REPLAY), 1)).unwrap()[..HEADER_LEN - 1]).unwrap();
    let reel = recorder.begin(REPLAY, since).await;
    reel.push(1, &frame(1, 2));
    reel.push(3, &frame(3, 3));
    recorder.stop(REPLAY).await;
    recorder.settled(REPLAY).await;
    assert_eq!(
        read(&recorder, REPLAY),
        BTreeMap::from([(1, vec![(0, 0), (1, 2)]), (2, vec![(0, 1)]), (3, vec![(0, 3)])])
    );
    let file = fs::File::open(track_file(&recorder.folder_of(REPLAY), 1)).unwrap();
    let at: Vec<_> = TrackReader::new(BufReader::new(file)).unwrap().map(|frame| frame.unwrap().at).collect();
    assert!(at[0] >= Duration::from_secs(60) && at[1] >= at[0] && at[1] < Duration::from_secs(90), "{at:?}");
}

/// The clock of a recording does not go back, even if the wall's does.
#[tokio::test]
async fn a_clock_that_was_set_back_does_not_mix_what_was_said() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let mut said = Vec::new();
    for since in [edge::now().0 - 5_000_000, edge::now().0 + 5_000_000] {
        let reel = recorder.begin(REPLAY, Timestamp(since)).await;
        reel.push(1, &frame(1, 0));
        recorder.stop(REPLAY).await;
        recorder.settled(REPLAY).await;
        let file = fs::File::open(track_file(&recorder.folder_of(REPLAY), 1)).unwrap();
        said = TrackReader::new(BufReader::new(file)).unwrap().map(|frame| frame.unwrap().at).collect();
    }
    assert!(said.len() == 2 && said[1] >= said[0], "{said:?}");
}

/// `/dev/full` refuses whatever is written to it as a full disk does.
#[tokio::test]
async fn a_full_disk_stops_the_recording_and_no_other() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let (reel, other) = (recorder.begin(REPLAY, edge::now()).await, recorder.begin(ReplayId(6), edge::now()).await);
    reel.push(1, &frame(1, 0));
    while read(&recorder, REPLAY).is_empty() {
        tokio::task::yield_now().await;
    }
    std::os::unix::fs::symlink("/dev/full", track_file(&recorder.folder_of(REPLAY), 2)).unwrap();
    reel.push(2, &frame(2, 1));
    while reel.failure().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!((reel.failure(), other.failure()), (Some(RecordingCause::DiskFull), None));
    recorder.settled(REPLAY).await;
    // What waits is dropped, and what was said before is there.
    reel.push(1, &frame(1, 2));
    assert!(reel.pop().is_none());
    other.push(1, &frame(1, 3));
    recorder.stop(ReplayId(6)).await;
    recorder.settle().await;
    fs::remove_file(track_file(&recorder.folder_of(REPLAY), 2)).unwrap();
    assert_eq!(read(&recorder, REPLAY), BTreeMap::from([(1, vec![(0, 0)])]));
    assert_eq!(read(&recorder, ReplayId(6)), BTreeMap::from([(1, vec![(0, 3)])]));
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_left_to_the_rest() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start_reserving(data.path(), u64::MAX).unwrap();
    let reel = recorder.begin(REPLAY, edge::now()).await;
    while reel.failure().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(reel.failure(), Some(RecordingCause::DiskFull));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_fails_the_recording() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join(FOLDER), []).unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let reel = recorder.begin(REPLAY, edge::now()).await;
    recorder.settle().await;
    assert_eq!(reel.failure(), Some(RecordingCause::Failed));
}

#[tokio::test]
async fn what_is_forgotten_is_gone_and_does_not_come_back() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let reel = recorder.begin(REPLAY, edge::now()).await;
    for n in 0..2 {
        reel.push(1, &frame(1, n));
        reel.push(2, &frame(2, n));
        recorder.forget(REPLAY, 1).await.unwrap();
    }
    recorder.stop(REPLAY).await;
    recorder.settled(REPLAY).await;
    assert_eq!(read(&recorder, REPLAY), BTreeMap::from([(2, vec![(0, 0), (0, 1)])]));
    // Also when it does not go on any more, and when there is nothing.
    recorder.forget(REPLAY, 2).await.unwrap();
    recorder.forget(REPLAY, 2).await.unwrap();
    assert_eq!(read(&recorder, REPLAY), BTreeMap::new());
    recorder.discard(REPLAY).await.unwrap();
    recorder.discard(REPLAY).await.unwrap();
    assert!(!recorder.folder_of(REPLAY).exists());
}

#[tokio::test]
async fn recordings_without_a_row_are_swept() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    recorder.sweep(&store).await;
    let reel = recorder.begin(REPLAY, edge::now()).await;
    reel.push(1, &frame(1, 0));
    recorder.stop(REPLAY).await;
    recorder.settled(REPLAY).await;
    assert!(recorder.folder_of(REPLAY).exists());
    recorder.sweep(&store).await;
    assert!(!recorder.folder_of(REPLAY).exists());
    assert_eq!(replays_in(&data.path().join(FOLDER)).unwrap(), []);
}

#[test]
fn what_arrived_before_the_clock_began_was_said_before() {
    let base = edge::instant() + Duration::from_secs(100);
    let at = |after: i64| {
        let moment = if after < 0 {
            base - Duration::from_secs(after.unsigned_abs())
        } else {
            base + Duration::from_secs(after as u64)
        };
        on_clock(base, Duration::from_secs(10), moment).as_secs()
    };
    assert_eq!([at(5), at(0), at(-4), at(-50)], [15, 10, 6, 0]);
}
