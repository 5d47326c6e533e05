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
    let reel = recorder.begin(REPLAY, edge::now());
    let other = recorder.begin(ReplayId(6), edge::now());
    for n in 0..3 {
        reel.push(1, &frame(1, n));
        reel.push(4, &frame(9, n + 10));
        other.push(1, &frame(2, n + 20));
    }
    recorder.stop(REPLAY, &reel);
    recorder.settled(REPLAY).await;
    // What comes after the end is of no recording.
    reel.push(1, &frame(1, 99));
    recorder.stop(ReplayId(6), &other);
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
    let reel = recorder.begin(REPLAY, edge::now());
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
    let reel = recorder.begin(REPLAY, since);
    reel.push(1, &frame(1, 0));
    reel.push(2, &frame(2, 1));
    recorder.stop(REPLAY, &reel);
    recorder.settled(REPLAY).await;
    let tear = |n: u32, bytes: &[u8]| {
        let mut file = OpenOptions::new().append(true).open(track_file(&recorder.folder_of(REPLAY), n)).unwrap();
        file.write_all(bytes).unwrap();
    };
    tear(1, &[0, 30, 1, 2, 3]);
    // A third was begun when the process was killed: its header is not whole.
    let third = track_file(&recorder.folder_of(REPLAY), 3);
    fs::write(&third, &fs::read(track_file(&recorder.folder_of(REPLAY), 1)).unwrap()[..HEADER_LEN - 1]).unwrap();
    let reel = recorder.begin(REPLAY, since);
    reel.push(1, &frame(1, 2));
    reel.push(3, &frame(3, 3));
    recorder.stop(REPLAY, &reel);
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
        let reel = recorder.begin(REPLAY, Timestamp(since));
        reel.push(1, &frame(1, 0));
        recorder.stop(REPLAY, &reel);
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
    let (reel, other) = (recorder.begin(REPLAY, edge::now()), recorder.begin(ReplayId(6), edge::now()));
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
    recorder.stop(ReplayId(6), &other);
    recorder.settle().await;
    fs::remove_file(track_file(&recorder.folder_of(REPLAY), 2)).unwrap();
    assert_eq!(read(&recorder, REPLAY), BTreeMap::from([(1, vec![(0, 0)])]));
    assert_eq!(read(&recorder, ReplayId(6)), BTreeMap::from([(1, vec![(0, 3)])]));
}

/// A disk of a quarter of a megabyte, until this is dropped; `None` where nobody may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

/// Up to the last byte: what is there is whole, and has no gap before its end.
#[tokio::test]
async fn a_disk_that_is_full_keeps_what_was_said_before() {
    let data = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(&data.path().join(FOLDER)) else {
        return eprintln!("left out: no disk can be mounted here");
    };
    let recorder = Recorder::start_reserving(data.path(), 0).unwrap();
    let reel = recorder.begin(REPLAY, edge::now());
    let mut said = 0;
    while reel.failure().is_none() {
        let loud = Frame { payload: vec![0xF8; 1_000].into(), ..Arc::unwrap_or_clone(frame(1, said)) };
        reel.push(1, &Arc::new(loud));
        said += 1;
        while !reel.is_empty() && reel.failure().is_none() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(reel.failure(), Some(RecordingCause::DiskFull));
    recorder.settled(REPLAY).await;
    let kept = read(&recorder, REPLAY).remove(&1).unwrap();
    assert!(kept.len() > 100 && kept.len() < said as usize, "{} of {said}", kept.len());
    assert_eq!(kept, (0..kept.len() as u64).map(|n| (0, n)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_left_to_the_rest() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start_reserving(data.path(), u64::MAX).unwrap();
    let reel = recorder.begin(REPLAY, edge::now());
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
    let reel = recorder.begin(REPLAY, edge::now());
    recorder.settle().await;
    assert_eq!(reel.failure(), Some(RecordingCause::Failed));
}

/// A file into which nothing can be written until somebody reads it: a disk that does not answer.
fn stall(track: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, track, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// More than may wait is not recorded with a gap, but not at all: what is there is whole up to where it ends.
#[tokio::test]
async fn a_disk_that_is_too_slow_fails_the_recording_and_leaves_no_gap() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let reel = recorder.begin(REPLAY, edge::now());
    reel.push(1, &frame(1, 0));
    while read(&recorder, REPLAY).is_empty() {
        tokio::task::yield_now().await;
    }
    let slow = track_file(&recorder.folder_of(REPLAY), 2);
    stall(&slow);
    reel.push(2, &frame(2, 0));
    // From then on the thread waits for the disk.
    while !reel.is_empty() {
        tokio::task::yield_now().await;
    }
    for n in 1..=reel::FRAMES as u64 {
        assert_eq!(reel.failure(), None, "{n} may wait");
        reel.push(1, &frame(1, n));
    }
    reel.push(1, &frame(1, 5_000));
    assert_eq!(reel.failure(), Some(RecordingCause::Failed));
    // A room that begins another meanwhile does not wait for the disk, and neither does one that stops.
    let other = recorder.begin(ReplayId(6), edge::now());
    recorder.stop(REPLAY, &reel);
    assert_eq!((reel.failure(), other.failure()), (Some(RecordingCause::Failed), None));
    // The disk answers again: there is room, and yet nothing more is taken.
    let _reading = OpenOptions::new().read(true).write(true).open(&slow).unwrap();
    recorder.settled(REPLAY).await;
    assert!(reel.is_empty());
    reel.push(1, &frame(1, 6_000));
    assert!(reel.is_empty());
    fs::remove_file(&slow).unwrap();
    let whole: Vec<_> = (0..=reel::FRAMES as u64).map(|n| (0, n)).collect();
    assert!(read(&recorder, REPLAY) == BTreeMap::from([(1, whole)]));
    other.push(1, &frame(1, 3));
    recorder.stop(ReplayId(6), &other);
    recorder.settle().await;
    assert_eq!(read(&recorder, ReplayId(6)), BTreeMap::from([(1, vec![(0, 3)])]));
}

/// When nothing says so, it is looked at all the same that a recording is over.
#[tokio::test]
async fn a_reel_that_is_over_is_taken_off_by_itself() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let reel = recorder.begin(REPLAY, edge::now());
    reel.push(1, &frame(1, 0));
    reel.close();
    recorder.settled(REPLAY).await;
    assert_eq!(read(&recorder, REPLAY), BTreeMap::from([(1, vec![(0, 0)])]));
}

/// An error of ours ends what is recorded at the moment, and each room is told; what comes afterwards is recorded again.
#[tokio::test]
async fn a_panic_fails_what_is_recorded_and_nothing_that_comes_after_it() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let reel = recorder.begin(REPLAY, edge::now());
    reel.push(1, &frame(1, 0));
    while read(&recorder, REPLAY).is_empty() {
        tokio::task::yield_now().await;
    }
    recorder.panic().await;
    while reel.failure().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(reel.failure(), Some(RecordingCause::Failed));
    // Whoever waits for it is not left waiting, and what was said before is there.
    recorder.settled(REPLAY).await;
    assert_eq!(read(&recorder, REPLAY), BTreeMap::from([(1, vec![(0, 0)])]));
    let reel = recorder.begin(REPLAY, edge::now());
    reel.push(1, &frame(1, 1));
    recorder.stop(REPLAY, &reel);
    recorder.settled(REPLAY).await;
    assert_eq!(read(&recorder, REPLAY), BTreeMap::from([(1, vec![(0, 0), (1, 1)])]));
    assert_eq!(reel.failure(), None);
}

#[tokio::test]
async fn what_nobody_takes_has_failed_from_the_beginning() {
    let (orders, received) = sync_channel(1);
    let recorder = Recorder { folder: PathBuf::new(), orders, stopped: Arc::default() };
    // The first waits, and for the second there is no place.
    let (first, second) = (recorder.begin(REPLAY, edge::now()), recorder.begin(ReplayId(6), edge::now()));
    assert_eq!((first.failure(), second.failure()), (None, Some(RecordingCause::Failed)));
    drop(received);
    let third = recorder.begin(ReplayId(7), edge::now());
    assert_eq!((first.failure(), third.failure()), (Some(RecordingCause::Failed), Some(RecordingCause::Failed)));
    recorder.stop(REPLAY, &first);
    recorder.settled(REPLAY).await;
}

#[tokio::test]
async fn what_is_forgotten_is_gone_and_does_not_come_back() {
    let data = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    let reel = recorder.begin(REPLAY, edge::now());
    for n in 0..2 {
        reel.push(1, &frame(1, n));
        reel.push(2, &frame(2, n));
        recorder.forget(REPLAY, 1).await.unwrap();
    }
    recorder.stop(REPLAY, &reel);
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

/// Each has a clock of its own, and neither is behind for long.
#[test]
fn what_came_is_written_and_put_on_the_disk_by_the_clock() {
    let began = edge::instant();
    let at = |ms| began + Duration::from_millis(ms);
    let mut due = Due::from(began);
    let done: Vec<_> = (0..2_000).step_by(10).filter_map(|ms| Some((ms, due.at(at(ms))?))).collect();
    let expected: Vec<_> = (1..10).map(|n| (n * 200, n % 2 == 0)).collect();
    assert_eq!(done, expected);
    // After a long time in which nothing could be done it is done once.
    let late = [60_000, 60_001, 60_200, 60_399, 60_400].map(|ms| due.at(at(ms)));
    assert_eq!(late, [Some(true), None, Some(false), None, Some(true)]);
}

/// Of `/dev/null` everything can be written and nothing put on the disk (fsync(2): EINVAL): so it shows when that is asked for.
#[test]
fn what_was_written_is_put_on_the_disk_when_it_is_time_and_at_the_end() {
    let data = tempfile::tempdir().unwrap();
    let deck = || Deck {
        folder: data.path().to_owned(),
        reserve: 0,
        tapes: HashMap::new(),
        waiting: Vec::new(),
        stopped: Arc::default(),
    };
    let begin = |deck: &mut Deck, replay: ReplayId| {
        let folder = data.path().join(replay.to_string());
        fs::create_dir_all(&folder).unwrap();
        let reel = Arc::new(Reel::new());
        deck.carry_out(Order::Begin(replay, (edge::instant(), Duration::ZERO), Spool::of(reel.clone())));
        std::os::unix::fs::symlink("/dev/null", track_file(&folder, 1)).unwrap();
        reel.push(1, &frame(1, 0));
        reel
    };
    let mut one = deck();
    let reel = begin(&mut one, REPLAY);
    one.turn(false);
    assert!(reel.is_empty() && !reel.is_over(), "it was only written");
    one.turn(true);
    assert_eq!(reel.failure(), Some(RecordingCause::Failed));

    let mut other = deck();
    let reel = begin(&mut other, ReplayId(6));
    other.carry_out(Order::Stop(ReplayId(6)));
    assert_eq!(reel.failure(), Some(RecordingCause::Failed));
}

#[tokio::test]
async fn recordings_without_a_row_are_swept() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    let recorder = Recorder::start(data.path()).unwrap();
    recorder.sweep(&store).await;
    let reel = recorder.begin(REPLAY, edge::now());
    reel.push(1, &frame(1, 0));
    recorder.stop(REPLAY, &reel);
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
