//! From a recording to its replay, through store, files and task.

use std::fs;
use std::path::PathBuf;

use roomtone_room::ids::{MemberId, RoomId, Timestamp};
use roomtone_store::{
    Changes, NewConsent, NewReplay, NewRoom, Recorded, RecordingChange, ReplayHearers, Speaker, Withdrawer, Withdrawn,
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
        let (app, data) = idle().await;
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
    async fn make(&self) -> Result<bool, Failed> {
        job::make_next(&self.app, REPLAY).await
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
        let withdrawn = self.app.store.withdraw_track(REPLAY, Withdrawer::Member(self.ben), Timestamp(10_000)).await;
        assert_ne!(withdrawn.unwrap(), Withdrawn::Missing);
        self.app.replays.prune(&self.app.store, REPLAY).await;
    }
}

#[tokio::test]
async fn a_recording_becomes_a_replay() {
    let world = World::new().await;
    assert_eq!(world.files(), ["recordings/1.track", "recordings/2.track"]);
    assert!(world.make().await.unwrap());
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
    // A piece of it, and a track for whoever writes it down.
    let clip = world.app.replays.cut(REPLAY, 1, 1_000, 2_000).await.unwrap();
    assert_eq!((clip.from_ms, clip.to_ms), (1_000, 2_000));
    let wav = world.data.path().join("1.wav");
    let ms = world.app.replays.wav(REPLAY, 1, &wav).await.unwrap();
    assert_eq!((fs::metadata(wav).unwrap().len() - 44) / 32, ms);
    // It waits no more.
    assert!(world.app.store.recordings_waiting().await.unwrap().is_empty());
    assert!(world.make().await.unwrap());
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
        assert!(world.make().await.unwrap(), "there is nothing to be made");
    }
}

#[tokio::test]
async fn what_was_left_by_a_server_that_was_killed_is_taken_up_or_away() {
    let world = World::new().await;
    world.make().await.unwrap();
    // Killed behind the commit of a withdrawal, and when half of a generation was in its place.
    world.app.store.withdraw_track(REPLAY, Withdrawer::Member(world.ben), Timestamp(10_000)).await.unwrap();
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
    assert!(world.make().await.unwrap());
    assert_eq!(world.recorded().await.state, ReplayState::Failed);
    assert!(world.app.store.recordings_waiting().await.unwrap().is_empty());
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
