//! The task that makes replays, one after the other, on a thread that stands back for everything else.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use roomtone_room::ids::ReplayId;
use roomtone_store::Recorded;
use tokio::sync::oneshot;

use super::files::{self, Local};
use super::make::{self, Source};
use super::{Failed, File, Sound};
use crate::app::App;
use crate::edge;
use crate::recorder::track_file;
use crate::wire::replays::{Picture, ReplayMark};

/// How often a generation is begun before it is given up: what ended the server three times would do so again.
const TRIES_MAX: u32 = 3;

/// How often it is looked whether something waits of which nobody said so.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How often it is written down how far the making is, and looked whether it is still wanted.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// By how much the thread stands back for others (nice, of 19).
const NICE: i32 = 10;

/// Makes replays for as long as the server runs.
pub(crate) async fn run(app: &App) {
    app.replays.prune_all(&app.store).await;
    loop {
        let mut failed = Vec::new();
        loop {
            let waiting = match app.store.recordings_waiting().await {
                Ok(waiting) => waiting,
                Err(error) => {
                    tracing::warn!(%error, "it is not known which replays wait to be made");
                    break;
                }
            };
            // One that could not be made is tried again with the next look.
            let Some(&replay) = waiting.iter().find(|replay| !failed.contains(*replay)) else { break };
            failed.push(replay);
            match make_next(app, replay).await {
                // It may wait again at once, for another generation.
                Ok(true) => failed.retain(|other| *other != replay),
                Ok(false) => {}
                Err(error) => {
                    metrics::counter!("roomtone_replays_failed_total").increment(1);
                    tracing::error!(%error, %replay, "a replay could not be made, and is tried again");
                }
            }
        }
        let unpruned = app.replays.desk().unpruned.clone();
        for replay in unpruned {
            app.replays.prune(&app.store, replay).await;
        }
        tokio::select! {
            () = app.replays.changed.notified() => {}
            () = app.recorder.stopped().notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Makes a replay that waits. Returns whether it was made, or is not wanted as it was any more.
pub(super) async fn make_next(app: &App, replay: ReplayId) -> Result<bool, Failed> {
    let (claim, stop) = app.replays.claim_to_make(replay).await;
    app.recorder.settled(replay).await;
    let Some(recorded) = app.store.begin_replay(replay).await? else { return Ok(true) };
    if recorded.tries > TRIES_MAX {
        tracing::error!(%replay, tries = TRIES_MAX, "a replay is given up");
        app.store.replay_failed(replay, recorded.generation).await?;
        return Ok(true);
    }
    let began = edge::instant();
    let made = make_one(app, &stop, &recorded).await;
    app.replays.files.clear(replay).await?;
    let Some(picture) = made? else { return Ok(true) };
    let wanted = app.store.replay_made(replay, recorded.generation, picture.ms, edge::now()).await?;
    drop(claim);
    app.replays.prune(&app.store, replay).await;
    if wanted {
        app.transcripts.changed();
        let seconds = began.elapsed().as_secs_f64();
        metrics::counter!("roomtone_replays_made_total").increment(1);
        metrics::histogram!("roomtone_replay_making_seconds").record(seconds);
        tracing::info!(%replay, generation = recorded.generation, ms = picture.ms, seconds, "a replay was made");
    }
    Ok(true)
}

/// Makes the files of a generation, and puts them where they are to be. `None` if it is not wanted any more.
async fn make_one(app: &App, stop: &Arc<AtomicBool>, recorded: &Recorded) -> Result<Option<Picture>, Failed> {
    let (replay, generation) = (recorded.id, recorded.generation);
    let files = &app.replays.files;
    let mut tracks = app.store.recorded_tracks(replay).await?;
    tracks.retain(|track| track.withdrawn_at.is_none());
    let live = app.recorder.folder_of(replay);
    let mut raw: Vec<(u32, Local)> = Vec::new();
    for track in tracks {
        match files.take(replay, File::Raw(track.n), &track_file(&live, track.n)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            // Not there if it was moved before, or its speaker has said nothing.
            _ => {}
        }
        match files.local(replay, File::Raw(track.n)).await {
            Ok(local) => raw.push((track.n, local)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    // What is left there was withdrawn.
    app.recorder.discard(replay).await?;
    let marks = app.store.recorded_marks(replay).await?;
    let mark = |body: &str| serde_json::from_str::<ReplayMark>(body).ok();
    let marks = marks.iter().filter_map(|marked| Some((marked.at_ms, mark(&marked.body)?))).collect();
    let into = files.workshop(replay).await?;
    let sources = raw.iter().map(|(n, local)| Source { n: *n, path: local.path.clone() }).collect();
    let Some(picture) = work(app, stop, recorded, sources, marks, &into).await? else { return Ok(None) };
    for n in picture.speakers.iter().map(|speaker| speaker.n) {
        files.take(replay, File::Track(generation, n), &into.join(files::track(n))).await?;
    }
    for (file, name) in [
        (File::Mix(generation, Sound::Ogg), files::OGG),
        (File::Mix(generation, Sound::Mp4), files::MP4),
        (File::Picture(generation), files::PICTURE),
    ] {
        files.take(replay, file, &into.join(name)).await?;
    }
    Ok(Some(picture))
}

/// Has a thread make the files, and notes how far it is.
async fn work(
    app: &App,
    stop: &Arc<AtomicBool>,
    recorded: &Recorded,
    sources: Vec<Source>,
    marks: Vec<(u64, ReplayMark)>,
    into: &Path,
) -> Result<Option<Picture>, Failed> {
    let done = Arc::new(AtomicU32::new(0));
    let (told, stopped, into) = (done.clone(), stop.clone(), into.to_owned());
    let (finished, mut result) = oneshot::channel();
    let thread = move || {
        // Where that is not allowed it takes its share like all others.
        let _ = rustix::process::nice(NICE);
        let mut progress = |percent| {
            told.store(percent, Ordering::Relaxed);
            !stopped.load(Ordering::Acquire)
        };
        // Nobody waits for it if the server stops.
        let _ = finished.send(make::make(&sources, &marks, &into, &mut progress));
    };
    let _stop = StopOnDrop(stop);
    std::thread::Builder::new().name("replay".to_owned()).spawn(thread)?;
    let mut every = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            made = &mut result => {
                // It fails if the thread panicked, over a track that nobody has tried on it yet.
                return Ok(made.map_err(io::Error::other)??);
            }
            _ = every.tick() => {
                let percent = done.load(Ordering::Relaxed);
                if !app.store.replay_progress(recorded.id, recorded.generation, percent).await? {
                    stop.store(true, Ordering::Release);
                }
            }
        }
    }
}

/// Lets the thread stop if nobody waits for it any more.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
