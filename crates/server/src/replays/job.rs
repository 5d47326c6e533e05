//! The task that makes replays, one after the other, on a thread that stands back for everything else.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use roomtone_room::ids::ReplayId;
use roomtone_store::Recorded;
use tokio::sync::oneshot;

use super::files::{self, Local};
use super::make::{self, Outcome, Source};
use super::{Failed, File, Replays, Sound, picture};
use crate::app::App;
use crate::edge;
use crate::recorder::track_file;
use crate::space;
use crate::wire::replays::ReplayMark;

/// How often a generation is begun before it is given up: what ended the server three times, or is wrong in what was recorded, would do so
/// again. What is for a while, such as a full disk or a bucket that does not answer, is no try.
const TRIES_MAX: u32 = 3;

/// How often it is looked whether something waits of which nobody said so.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// For how long a replay is left alone that could not be made, after the first time, the second and so on. Longer spares a store that does
/// not work; shorter is sooner done once it does. In minutes.
const PAUSES: [u64; 5] = [1, 2, 5, 15, 60];

/// How often it is written down how far the making is, and looked whether it is still wanted.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// By how much the thread stands back for others (nice, of 19).
const NICE: i32 = 10;

/// What is being made at the moment, as it was before it was begun.
pub(super) type Begun = Mutex<Option<Recorded>>;

/// Makes replays until the server stops. What is being made then was not tried.
pub(crate) async fn run(app: &App) {
    let mut stopping = app.replays.stopping.subscribe();
    let begun = Begun::default();
    let stopped = async {
        // An error would mean that there are no replays any more, which hold the other end.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    tokio::select! {
        () = make_all(app, &begun) => {}
        () = stopped => put_back(app, &begun).await,
    }
}

/// Notes what is being made. Returns what was before.
fn note(begun: &Begun, what: Option<Recorded>) -> Option<Recorded> {
    std::mem::replace(&mut *begun.lock().unwrap_or_else(PoisonError::into_inner), what)
}

/// Has what was begun wait again, as if it had not been.
async fn put_back(app: &App, begun: &Begun) {
    if let Some(before) = note(begun, None)
        && let Err(error) = app.store.put_replay_back(before.id, before.generation, before.tries).await
    {
        tracing::warn!(%error, replay = %before.id, "a replay counts as tried that was not");
    }
}

async fn make_all(app: &App, begun: &Begun) {
    app.replays.prune_all(&app.store).await;
    // The cause may be gone by now, or this be another version. One that ends the server again is given up at the next start.
    if let Err(error) = app.store.retry_replays(TRIES_MAX - 1).await {
        tracing::warn!(%error, "what could not be made before is not tried again");
    }
    loop {
        loop {
            let waiting = match app.store.recordings_waiting().await {
                Ok(waiting) => waiting,
                Err(error) => {
                    tracing::warn!(%error, "it is not known which replays wait to be made");
                    break;
                }
            };
            let Some(&replay) = waiting.iter().find(|replay| app.replays.is_due(**replay)) else { break };
            match make_next(app, replay, begun).await {
                // It may wait again at once, for another generation.
                Ok(()) => app.replays.try_again(replay),
                Err(error) => {
                    if !error.is_lasting() {
                        put_back(app, begun).await;
                    }
                    let pause = app.replays.put_off(replay, error.is_full());
                    metrics::counter!("roomtone_replays_failed_total").increment(1);
                    let seconds = pause.as_secs();
                    tracing::error!(%error, %replay, seconds, "a replay could not be made, and is tried again");
                }
            }
            // Whatever became of it, that was it.
            note(begun, None);
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

/// Makes a replay that waits, if it is wanted as it is.
pub(super) async fn make_next(app: &App, replay: ReplayId, begun: &Begun) -> Result<(), Failed> {
    let (claim, stop) = app.replays.claim_to_make(replay).await;
    app.recorder.settled(replay).await;
    app.replays.files.has_room()?;
    // Noted first, so that it can be put back at any moment from then on.
    note(begun, app.store.recording(replay).await?);
    let Some(recorded) = app.store.begin_replay(replay).await? else { return Ok(()) };
    if recorded.tries > TRIES_MAX {
        tracing::error!(%replay, tries = TRIES_MAX, "a replay is given up");
        app.store.replay_failed(replay, recorded.generation).await?;
        return Ok(());
    }
    let began = edge::instant();
    let made = make_one(app, &stop, &recorded).await;
    app.replays.files.clear(replay).await?;
    let picture = match made? {
        Outcome::Sound(picture) => picture,
        Outcome::Nothing => {
            app.store.replay_empty(replay, recorded.generation, edge::now()).await?;
            tracing::info!(%replay, generation = recorded.generation, "there is nothing in a replay");
            return Ok(());
        }
        Outcome::Stopped => return Ok(()),
    };
    // While it was not ready nobody has cut another.
    let clips = app.store.clip_parts(replay).await?;
    let silent = |&(clip, from_ms, to_ms): &_| (!picture::is_said(&picture.speakers, from_ms, to_ms)).then_some(clip);
    let silent: Vec<_> = clips.iter().filter_map(silent).collect();
    app.store.delete_clips(replay, &silent).await?;
    let wanted = app.store.replay_made(replay, recorded.generation, picture.ms, edge::now()).await?;
    note(begun, None);
    drop(claim);
    app.replays.prune(&app.store, replay).await;
    if wanted {
        app.transcripts.changed();
        app.search.changed();
        let seconds = began.elapsed().as_secs_f64();
        metrics::counter!("roomtone_replays_made_total").increment(1);
        metrics::histogram!("roomtone_replay_making_seconds").record(seconds);
        tracing::info!(%replay, generation = recorded.generation, ms = picture.ms, seconds, "a replay was made");
    }
    Ok(())
}

/// Makes the files of a generation, and puts them where they are to be.
async fn make_one(app: &App, stop: &Arc<AtomicBool>, recorded: &Recorded) -> Result<Outcome, Failed> {
    let (replay, generation) = (recorded.id, recorded.generation);
    let files = &app.replays.files;
    let mut tracks = app.store.recorded_tracks(replay).await?;
    tracks.retain(|track| track.withdrawn_at.is_none());
    files.are_there().await?;
    let live = app.recorder.folder_of(replay);
    let mut raw: Vec<(u32, Local)> = Vec::new();
    for track in tracks {
        let recorded = track_file(&live, track.n);
        let is_new = tokio::fs::try_exists(&recorded).await?;
        if is_new {
            files.take(replay, File::Raw(track.n), &recorded).await?;
        }
        match files.local(replay, File::Raw(track.n)).await {
            Ok(local) => raw.push((track.n, local)),
            // Its speaker has said nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_new => {}
            Err(error) => return Err(files::not_here(error).into()),
        }
    }
    // All that is to be in it is where it belongs: what is left there was withdrawn.
    app.recorder.discard(replay).await?;
    let marks = app.store.recorded_marks(replay).await?;
    let mark = |body: &str| serde_json::from_str::<ReplayMark>(body).ok();
    let marks = marks.iter().filter_map(|marked| Some((marked.at_ms, mark(&marked.body)?))).collect();
    let into = files.workshop(replay).await?;
    let sources = raw.iter().map(|(n, local)| Source { n: *n, path: local.path.clone() }).collect();
    let made = work(app, stop, recorded, sources, marks, &into).await?;
    let Outcome::Sound(picture) = &made else { return Ok(made) };
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
    Ok(made)
}

/// Has a thread make the files, and notes how far it is.
async fn work(
    app: &App,
    stop: &Arc<AtomicBool>,
    recorded: &Recorded,
    sources: Vec<Source>,
    marks: Vec<(u64, ReplayMark)>,
    into: &Path,
) -> Result<Outcome, Failed> {
    let done = Arc::new(AtomicU32::new(0));
    let (told, stopped, into) = (done.clone(), stop.clone(), into.to_owned());
    let (finished, mut result) = oneshot::channel();
    let former_ms = recorded.ms;
    let thread = move || {
        // Where that is not allowed it takes its share like all others.
        let _ = rustix::process::nice(NICE);
        let mut progress = |percent| {
            told.store(percent, Ordering::Relaxed);
            !stopped.load(Ordering::Acquire)
        };
        // Nobody waits for it if the server stops.
        let _ = finished.send(make::make(&sources, &marks, former_ms, &into, &mut progress));
    };
    let _stop = StopOnDrop(stop);
    std::thread::Builder::new().name("replay".to_owned()).spawn(thread)?;
    let mut every = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            made = &mut result => {
                return Ok(made.map_err(|_| Failed::Panicked)??);
            }
            _ = every.tick() => {
                app.replays.files.has_room()?;
                let percent = done.load(Ordering::Relaxed);
                if !app.store.replay_progress(recorded.id, recorded.generation, percent).await? {
                    stop.store(true, Ordering::Release);
                }
            }
        }
    }
}

impl Failed {
    /// Whether it would be so again, however often it is tried: it is in what was recorded, or an error of ours.
    pub(super) fn is_lasting(&self) -> bool {
        use io::ErrorKind::{InvalidData, InvalidInput};
        match self {
            Self::Panicked => true,
            Self::Io(error) => matches!(error.kind(), InvalidData | InvalidInput),
            Self::Store(_) => false,
        }
    }

    /// Whether there is no room on the disk.
    fn is_full(&self) -> bool {
        matches!(self, Self::Io(error) if space::is_full(error))
    }
}

impl Replays {
    /// Whether a replay that waits is to be tried now.
    pub(crate) fn is_due(&self, replay: ReplayId) -> bool {
        self.desk().put_off.get(&replay).is_none_or(|(_, until)| *until <= edge::instant())
    }

    /// Leaves a replay alone for a while that could not be made, and returns for how long: longer each time, unless the disk was full,
    /// since it costs nothing to look whether it is.
    pub(crate) fn put_off(&self, replay: ReplayId, full: bool) -> Duration {
        let mut desk = self.desk();
        let (times, until) = desk.put_off.entry(replay).or_insert_with(|| (0, edge::instant()));
        let minutes = PAUSES[(*times).min(PAUSES.len() - 1)];
        let pause = if full { LOOK_EVERY } else { Duration::from_secs(minutes * 60) };
        *times += usize::from(!full);
        *until = edge::instant() + pause;
        pause
    }
}

/// Lets the thread stop if nobody waits for it any more.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
