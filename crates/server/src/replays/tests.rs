//! From a recording to its replay, through store, files and task.

use std::fs;
use std::path::PathBuf;

use roomtone_room::ids::{MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{
    Changes, Hearer, NewClip, NewConsent, NewReplay, NewRoom, Recorded, RecordingChange, ReplayDone, ReplayHearers,
    ReplaySaid, ReplaysOf, Speaker, Withdrawer, Withdrawn,
};
use tempfile::TempDir;

use super::*;
use crate::app::App;
use crate::app::tests::idle;
use crate::recorder::track_file;
use crate::wire::replays::Picture;

const REPLAY: ReplayId = ReplayId(7);
const ROOM: RoomId = RoomId(1);

/// A server with a recording that is over: Ada and Ben agreed and have each said something, which is a tone.
struct World {
    app: Arc<App>,
    data: TempDir,
    ben: MemberId,
    ada: MemberId,
}

impl World {
    async fn new() -> Self {
        Self::with_reserve(0).await
    }

    /// One whose disk is full as soon as fewer bytes than these are free.
    async fn with_reserve(reserve: u64) -> Self {
        Self::with(async |files| files.reserve = reserve).await
    }

    /// One whose files are elsewhere.
    async fn with(change: impl AsyncFnOnce(&mut Files)) -> Self {
        let (mut app, data) = idle().await;
        change(&mut Arc::get_mut(&mut app).unwrap().replays.files).await;
        let [ada, ben] = [app.newcomer("ada").await.member.person.id, app.newcomer("ben").await.member.person.id];
        let at = Timestamp(1_000);
        let room = NewRoom { id: ROOM, opened_at: at, title: "A talk".to_owned(), host: ada, house: None };
        app.store.create_room(room, &[]).await.unwrap();
        let epoch = app.store.acquire_room(ROOM, 1, at, Timestamp(2_000), true).await.unwrap().unwrap();
        let begun = RecordingChange::Begun(NewReplay {
            id: REPLAY,
            began_at: at,
            host: ada,
            title: "A talk".to_owned(),
            language: "en".to_owned(),
            hearers: ReplayHearers::Members,
            consent: 1,
        });
        let said = |n: u32, member| {
            let (speaker, name) = (Speaker::Member(member), "Somebody".to_owned());
            let (track, seq) = (Some(n), n.into());
            RecordingChange::Said(NewConsent { replay: REPLAY, seq, at, speaker, name, track, text: 1, agree: true })
        };
        let stopped = RecordingChange::Stopped {
            replay: REPLAY,
            at: Timestamp(9_000),
            title: "A talk".to_owned(),
            language: "en".to_owned(),
        };
        let recordings = [begun, said(1, ada), said(2, ben), stopped];
        let changes = Changes { recordings: &recordings, ..Changes::default() };
        app.store.append(ROOM, epoch, changes).await.unwrap();
        let folder = app.recorder.folder_of(REPLAY);
        fs::create_dir_all(&folder).unwrap();
        fs::write(track_file(&folder, 1), make::tests::tone(1, 600.0, 1_000, 3_000)).unwrap();
        fs::write(track_file(&folder, 2), make::tests::tone(2, 1_700.0, 4_000, 6_000)).unwrap();
        Self { app, data, ben, ada }
    }

    async fn recorded(&self) -> Recorded {
        self.app.store.recording(REPLAY).await.unwrap().unwrap()
    }

    /// Takes the next turn of the task.
    async fn make(&self) -> Result<(), Failed> {
        job::make_next(&self.app, REPLAY, &job::Begun::default()).await
    }

    /// All files in the data folder that have to do with replays, as what follows the replay's id.
    fn files(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut folders: Vec<PathBuf> =
            ["recordings", "replays", "replays-in-work"].map(|name| self.data.path().join(name)).into();
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for path in entries.map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let path = path.strip_prefix(self.data.path()).unwrap().display().to_string();
                    all.push(path.replace(&format!("/{REPLAY}"), ""));
                }
            }
        }
        all.sort();
        all
    }

    async fn picture(&self, generation: u64) -> Picture {
        serde_json::from_slice(&self.app.replays.files.bytes(REPLAY, File::Picture(generation)).await.unwrap()).unwrap()
    }

    async fn withdraw_ben(&self) {
        let withdrawn =
            self.app.store.withdraw_track(REPLAY, Withdrawer::Own(Hearer::member(self.ben)), Timestamp(10_000)).await;
        assert_ne!(withdrawn.unwrap(), Withdrawn::Missing);
        self.app.replays.prune(&self.app.store, REPLAY).await;
    }
}

#[tokio::test]
async fn a_recording_becomes_a_replay() {
    let world = World::new().await;
    assert_eq!(world.files(), ["recordings/1.track", "recordings/2.track"]);
    world.make().await.unwrap();
    let recorded = world.recorded().await;
    assert_eq!((recorded.state, recorded.generation, recorded.tries), (ReplayState::Ready, 1, 0));
    let expected = [
        "replays/1/mix.mp4",
        "replays/1/mix.ogg",
        "replays/1/picture.json",
        "replays/1/tracks/1.ogg",
        "replays/1/tracks/2.ogg",
        "replays/raw/1.track",
        "replays/raw/2.track",
    ];
    assert_eq!(world.files(), expected);
    let picture = world.picture(1).await;
    let spans: Vec<_> = picture.speakers.iter().map(|speaker| (speaker.n, speaker.spans[0][0] / 100)).collect();
    assert_eq!(spans, [(1, 10), (2, 40)]);
    // It is read once, and only of the generation that there is.
    let read = async |generation| world.app.replays.picture((REPLAY, generation)).await;
    let (first, second) = (read(1).await.unwrap(), read(1).await.unwrap());
    assert!(*first == picture && Arc::ptr_eq(&first, &second));
    assert_eq!(read(2).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    // A piece of it, and a track for whoever writes it down.
    let clip = world.app.replays.cut((REPLAY, 1), (1_000, 2_000), Sound::Ogg).await.unwrap();
    assert_eq!((clip.from_ms, clip.to_ms), (1_000, 2_000));
    // Which is not cut anew for each part of it that somebody asks for; nor is one of another generation taken for it.
    assert_eq!(
        world.app.replays.cut((REPLAY, 1), (1_000, 2_000), Sound::Ogg).await.unwrap().bytes.as_ptr(),
        clip.bytes.as_ptr()
    );
    let other = world.app.replays.cut((REPLAY, 2), (1_000, 2_000), Sound::Ogg).await.unwrap_err();
    assert_eq!(other.kind(), io::ErrorKind::NotFound);
    let wav = world.data.path().join("1.wav");
    let ms = world.app.replays.wav(REPLAY, 1, &wav).await.unwrap().unwrap();
    assert_eq!((fs::metadata(wav).unwrap().len() - 44) / 32, ms);
    // Whoever agreed and said nothing has none; nor is it one of which the server had not even written the head.
    let none = world.app.replays.files.workshop(ReplayId(1)).await.unwrap().join("torn");
    fs::write(&none, b"torn").unwrap();
    world.app.replays.files.take(REPLAY, File::Raw(4), &none).await.unwrap();
    for n in [3, 4] {
        assert_eq!(world.app.replays.wav(REPLAY, n, &world.data.path().join("none.wav")).await.unwrap(), None);
    }
    world.app.replays.prune(&world.app.store, REPLAY).await;
    // It waits no more.
    assert!(world.app.store.recordings_waiting().await.unwrap().is_empty());
    world.make().await.unwrap();
    assert_eq!(world.files(), expected);
}

#[tokio::test]
async fn what_was_withdrawn_is_gone_at_once_and_the_rest_is_made_anew() {
    let world = World::new().await;
    world.make().await.unwrap();
    world.withdraw_ben().await;
    assert_eq!(world.files(), ["replays/raw/1.track"]);
    assert_eq!(world.recorded().await.state, ReplayState::Waiting);
    world.make().await.unwrap();
    let expected = [
        "replays/2/mix.mp4",
        "replays/2/mix.ogg",
        "replays/2/picture.json",
        "replays/2/tracks/1.ogg",
        "replays/raw/1.track",
    ];
    assert_eq!(world.files(), expected);
    let picture = world.picture(2).await;
    assert_eq!(picture.speakers.iter().map(|speaker| speaker.n).collect::<Vec<_>>(), [1]);
    // Also if that is before it was made for the first time.
    let world = World::new().await;
    world.withdraw_ben().await;
    assert_eq!(world.files(), ["recordings/1.track"]);
}

/// What is left of a talk keeps its place and its length, so that what leads to a moment of it still does.
#[tokio::test]
async fn what_is_left_is_as_long_as_the_talk_was() {
    let world = World::new().await;
    world.make().await.unwrap();
    let ms = world.picture(1).await.ms;
    assert!(ms >= 6_000);
    // Ben spoke last.
    world.withdraw_ben().await;
    world.make().await.unwrap();
    assert_eq!((world.picture(2).await.ms, world.recorded().await.ms), (ms, ms));
    let clip = world.app.replays.cut((REPLAY, 2), (5_000, 6_000), Sound::Mp4).await.unwrap();
    assert_eq!((clip.from_ms, clip.to_ms), (5_000, 6_000));
}

/// A talk in which nobody has agreed, or of which everything was taken back, is no replay of silence that is shown to everybody.
#[tokio::test]
async fn of_what_nobody_said_no_replay_is_made() {
    for made_before in [false, true] {
        let world = World::new().await;
        if made_before {
            world.make().await.unwrap();
        }
        world.withdraw_ben().await;
        let ada = Withdrawer::Own(Hearer::member(world.ada));
        world.app.store.withdraw_track(REPLAY, ada, Timestamp(10_000)).await.unwrap();
        world.app.replays.prune(&world.app.store, REPLAY).await;
        world.make().await.unwrap();
        assert_eq!((world.recorded().await.state, world.files()), (ReplayState::Empty, vec![]));
        assert!(world.app.store.recordings_waiting().await.unwrap().is_empty());
        let listed = async |of| world.app.store.replays(of, Hearer::member(world.ada), None, 10).await.unwrap().len();
        for of in [ReplaysOf::All, ReplaysOf::Heard, ReplaysOf::Host(world.ada), ReplaysOf::Room(ROOM)] {
            assert_eq!(listed(of).await, 0, "{of:?}");
        }
        // Its host finds it, and may delete it.
        assert_eq!(listed(ReplaysOf::Mine).await, 1);
        assert_eq!(world.app.store.delete_replay(REPLAY, world.ada).await.unwrap(), ReplayDone::Done);
    }
}

/// A clip of which nothing is left is no clip of silence, under a title that says what was said.
#[tokio::test]
async fn a_clip_of_which_everything_was_withdrawn_goes() {
    let world = World::new().await;
    world.make().await.unwrap();
    let cut = async |id: u128, from_ms, to_ms| {
        let (title, at) = ("What a thing to say".to_owned(), Timestamp(10));
        let clip = NewClip { id: RecordId(id), replay: REPLAY, title, from_ms, to_ms, at };
        let done = world.app.store.add_clip(Hearer::member(world.ada), world.ada, &clip).await.unwrap();
        assert_eq!(done, ReplaySaid::Done);
    };
    // Ada's alone, both, and Ben's alone.
    cut(1, 1_000, 3_500).await;
    cut(2, 2_000, 5_000).await;
    cut(3, 4_000, 6_000).await;
    world.withdraw_ben().await;
    world.make().await.unwrap();
    let left = world.app.store.clip_parts(REPLAY).await.unwrap();
    assert_eq!(left.iter().map(|(id, ..)| id.0).collect::<Vec<_>>(), [1, 2]);
}

/// Whoever withdraws while the replay is being made does not wait until it is, and nothing of what was made is left.
#[tokio::test]
async fn what_is_being_made_is_stopped_when_it_is_not_wanted_any_more() {
    let world = World::new().await;
    let (claim, stop) = world.app.replays.claim_to_make(REPLAY).await;
    let begun = world.app.store.begin_replay(REPLAY).await.unwrap().unwrap();
    let withdrawing = world.withdraw_ben();
    let mut withdrawing = pin!(withdrawing);
    // It waits for who is at it, and has told them.
    while !stop.load(Ordering::Acquire) {
        assert!(futures_util::poll!(withdrawing.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    assert!(futures_util::poll!(withdrawing.as_mut()).is_pending());
    // Which, had it been made nevertheless, would not count.
    assert!(!world.app.store.replay_made(REPLAY, begun.generation, 1, Timestamp(1)).await.unwrap());
    drop(claim);
    withdrawing.await;
    assert_eq!(world.files(), ["recordings/1.track"]);
}

#[tokio::test]
async fn of_a_deleted_replay_nothing_is_left() {
    for made in [false, true] {
        let world = World::new().await;
        if made {
            world.make().await.unwrap();
        }
        world.app.store.delete_replay(REPLAY, world.ada).await.unwrap();
        world.app.replays.prune(&world.app.store, REPLAY).await;
        assert_eq!(world.files(), [""; 0]);
        world.make().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_left_by_a_server_that_was_killed_is_taken_up_or_away() {
    let world = World::new().await;
    world.make().await.unwrap();
    // Killed behind the commit of a withdrawal, and when half of a generation was in its place.
    world
        .app
        .store
        .withdraw_track(REPLAY, Withdrawer::Own(Hearer::member(world.ben)), Timestamp(10_000))
        .await
        .unwrap();
    world.app.store.begin_replay(REPLAY).await.unwrap();
    let replays = world.data.path().join("replays");
    for (folder, file) in [(REPLAY, "2/mix.ogg"), (ReplayId(9), "1/mix.ogg")] {
        let path = replays.join(folder.to_string()).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"half").unwrap();
    }
    world.app.replays.prune_all(&world.app.store).await;
    assert_eq!(world.files(), ["replays/raw/1.track"]);
    assert_eq!(world.app.store.recordings_waiting().await.unwrap(), [REPLAY]);
    world.make().await.unwrap();
    assert_eq!(world.recorded().await.state, ReplayState::Ready);
    assert!(world.picture(2).await.ms > 3_000);
}

#[tokio::test]
async fn what_cannot_be_made_is_given_up() {
    let world = World::new().await;
    world.make().await.unwrap();
    world.withdraw_ben().await;
    // What is no file cannot be read.
    let raw = world.data.path().join("replays").join(REPLAY.to_string()).join("raw/1.track");
    fs::remove_file(&raw).unwrap();
    fs::create_dir(&raw).unwrap();
    for tries in 1..=3 {
        assert!(world.make().await.is_err());
        assert_eq!((world.recorded().await.state, world.recorded().await.tries), (ReplayState::Processing, tries));
    }
    world.make().await.unwrap();
    assert_eq!(world.recorded().await.state, ReplayState::Failed);
    assert!(world.app.store.recordings_waiting().await.unwrap().is_empty());
}

/// To stop the server is not to have failed: however often it is stopped while a replay is made, that is made in the end.
#[tokio::test]
async fn a_server_that_is_stopped_has_not_tried() {
    let world = World::new().await;
    let recorded = fs::read(track_file(&world.app.recorder.folder_of(REPLAY), 1)).unwrap();
    fs::remove_file(track_file(&world.app.recorder.folder_of(REPLAY), 1)).unwrap();
    // A track that takes as long as the test wants to be read: nobody writes it.
    let slow = world.data.path().join("replays").join(REPLAY.to_string()).join("raw/1.track");
    fs::create_dir_all(slow.parent().unwrap()).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &slow, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    for _ in 0..5 {
        let running = world.app.clone();
        let task = tokio::spawn(async move { run(&running).await });
        while world.recorded().await.state != ReplayState::Processing {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.recorded().await.tries, 1);
        world.app.replays.shut_down();
        task.await.unwrap();
        assert_eq!((world.recorded().await.state, world.recorded().await.tries), (ReplayState::Waiting, 0));
        world.app.replays.stopping.send_replace(false);
    }
    // Those who read it still find nothing in it, and have been told to stop.
    drop(fs::OpenOptions::new().read(true).write(true).open(&slow).unwrap());
    fs::remove_file(&slow).unwrap();
    fs::write(&slow, recorded).unwrap();
    world.make().await.unwrap();
    assert_eq!(world.recorded().await.state, ReplayState::Ready);
}

/// Also while its file is still there, since it could not be removed yet.
#[tokio::test]
async fn what_is_withdrawn_is_not_made_again() {
    let world = World::new().await;
    let ben = Withdrawer::Own(Hearer::member(world.ben));
    world.app.store.withdraw_track(REPLAY, ben, Timestamp(10_000)).await.unwrap();
    assert_eq!(world.files(), ["recordings/1.track", "recordings/2.track"]);
    world.make().await.unwrap();
    let generation = world.recorded().await.generation;
    let heard: Vec<_> = world.picture(generation).await.speakers.iter().map(|speaker| speaker.n).collect();
    assert_eq!(heard.len(), 1);
}

/// A bucket that is not there, or has another name by mistake, answers as if nothing were in it; nothing is taken for unsaid then.
#[tokio::test]
async fn a_bucket_that_is_not_there_costs_nothing() {
    let world = World::with(async |files| *files = files.in_no_bucket().await).await;
    for _ in 0..3 {
        let refused = world.make().await.unwrap_err();
        assert!(matches!(refused, Failed::Io(error) if error.kind() != io::ErrorKind::NotFound));
        assert_eq!(world.files(), ["recordings/1.track", "recordings/2.track"]);
    }
    let wav = world.data.path().join("1.wav");
    assert!(world.app.replays.wav(REPLAY, 1, &wav).await.is_err(), "nobody says that nothing was said");
    // Nor when what was recorded lies in it, and is to be made anew.
    assert!(world.app.store.put_replay_back(REPLAY, 1, 2).await.unwrap());
    world.app.recorder.discard(REPLAY).await.unwrap();
    assert!(world.make().await.is_err());
    assert_ne!(world.recorded().await.state, ReplayState::Empty);
}

/// What does not work for a while is tried again, with longer and longer pauses, and never given up; nor does anybody wait for that who
/// says that it works now.
#[tokio::test]
async fn what_fails_for_a_while_is_put_off() {
    let world = World::with(async |files| *files = files.in_no_bucket().await).await;
    let running = world.app.clone();
    let task = tokio::spawn(async move { run(&running).await });
    for _ in 0..5 {
        while !world.app.replays.desk().put_off.contains_key(&REPLAY) {
            tokio::task::yield_now().await;
        }
        assert_eq!((world.recorded().await.state, world.recorded().await.tries), (ReplayState::Waiting, 0));
        world.app.replays.try_again(REPLAY);
    }
    task.abort();
    let _ = task.await;
    assert_eq!(world.files(), ["recordings/1.track", "recordings/2.track"]);
    let failed = |kind: io::ErrorKind| Failed::from(io::Error::from(kind));
    let passing = [Failed::from(StoreError::Corrupt("row")), failed(io::ErrorKind::TimedOut)];
    assert!(!passing.iter().any(Failed::is_lasting));
    assert!([failed(io::ErrorKind::InvalidData), Failed::Panicked].iter().all(Failed::is_lasting));
    // Each pause is longer than the one before, up to an hour; a full disk is looked at every minute.
    world.app.replays.desk().put_off.clear();
    let pauses = [60, 120, 300, 900, 3_600, 3_600].map(std::time::Duration::from_secs);
    assert_eq!([(); 6].map(|()| world.app.replays.put_off(REPLAY, false)), pauses);
    assert_eq!(world.app.replays.put_off(REPLAY, true), pauses[0]);
    assert!(!world.app.replays.is_due(REPLAY) && world.app.replays.is_due(ReplayId(8)));
    world.app.replays.try_again(REPLAY);
    assert!(world.app.replays.is_due(REPLAY));
}

/// What was given up is tried once more after each start, and when its host asks for it.
#[tokio::test]
async fn what_was_given_up_is_tried_again() {
    for by_host in [false, true] {
        let world = World::new().await;
        // As if the server had been killed three times meanwhile.
        for _ in 0..3 {
            world.app.store.begin_replay(REPLAY).await.unwrap();
        }
        world.make().await.unwrap();
        assert_eq!(world.recorded().await.state, ReplayState::Failed);
        if by_host {
            assert!(!world.app.store.remake_replay(REPLAY, world.ben).await.unwrap(), "he hosts nothing");
            assert!(world.app.store.remake_replay(REPLAY, world.ada).await.unwrap());
            assert_eq!(world.recorded().await.tries, 0);
            world.make().await.unwrap();
        } else {
            let running = world.app.clone();
            let task = tokio::spawn(async move { run(&running).await });
            while world.recorded().await.state != ReplayState::Ready {
                tokio::task::yield_now().await;
            }
            task.abort();
        }
        assert_eq!((world.recorded().await.state, world.recorded().await.tries), (ReplayState::Ready, 0));
        assert!(!world.app.store.remake_replay(REPLAY, world.ada).await.unwrap(), "there is nothing to try again");
    }
}

/// A full disk is over when somebody makes room, however long that takes; what was tried before still counts.
#[tokio::test]
async fn a_full_disk_is_waited_for() {
    let world = World::with_reserve(u64::MAX).await;
    let begun = job::Begun::default();
    for _ in 0..5 {
        let refused = job::make_next(&world.app, REPLAY, &begun).await.unwrap_err();
        assert!(matches!(refused, Failed::Io(error) if crate::space::is_full(&error)));
    }
    assert_eq!((world.recorded().await.state, world.recorded().await.tries), (ReplayState::Waiting, 0));
    assert_eq!(world.files(), ["recordings/1.track", "recordings/2.track"]);
}

/// The task finds what waits by itself, and what comes to wait while it runs.
#[tokio::test]
async fn the_task_makes_what_waits() {
    let world = World::new().await;
    let running = world.app.clone();
    let task = tokio::spawn(async move { run(&running).await });
    let ready = async |generation| {
        loop {
            let recorded = world.recorded().await;
            if recorded.state == ReplayState::Ready && recorded.generation == generation {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    ready(1).await;
    world.withdraw_ben().await;
    world.app.replays.changed();
    ready(2).await;
    task.abort();
}
