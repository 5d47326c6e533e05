//! What is said in replays, written down track by track by a program of the operator's choice ([`engine`]). Without one, nothing is.
//!
//! Each track is written down by itself, so that nobody's words are taken for somebody else's, and go with the track when it is
//! withdrawn. One is done at a time, in the background; which is in the store, so a restart begins that one again. A track that
//! fails as often as [`roomtone_store::TRANSCRIPT_TRIES`] is left out, and the transcript says so, until the server starts again.

mod engine;

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use roomtone_store::{NewTranscriptLine, StoreError, TRANSCRIPT_TRIES, ToTranscribe};
use tokio::sync::Notify;

use crate::app::App;
use crate::edge;
use engine::{Bounds, Engine, EngineError};

pub(crate) use engine::program;

/// The folder in the data folder where the track that is being written down lies meanwhile.
const FOLDER: &str = "transcribing";

/// How often the task looks by itself for tracks that are to be written down.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How long nothing is tried after the store has failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// What writes down replays, if anything does.
#[derive(Debug)]
pub struct Transcripts {
    program: Option<PathBuf>,
    folder: PathBuf,
    changed: Notify,
}

impl Transcripts {
    /// That of a server with this data folder, which uses this program.
    pub(crate) fn new(data: &Path, program: Option<PathBuf>) -> Self {
        // The program has a working folder of its own.
        let folder = std::path::absolute(data).unwrap_or_else(|_| data.to_owned()).join(FOLDER);
        Self { program, folder, changed: Notify::new() }
    }

    /// Whether this server writes replays down.
    pub(crate) fn is_on(&self) -> bool {
        self.program.is_some()
    }

    /// A replay can be heard. Costs nothing; many at once are one.
    pub fn changed(&self) {
        self.changed.notify_one();
    }
}

/// Writes down whatever there is, whenever there is, until the task is aborted. What was being written down when it was is begun again.
pub(crate) async fn run(app: &App) {
    let transcripts = &app.transcripts;
    let Some(program) = &transcripts.program else {
        // What another choice of the operator's has left behind.
        discard(&transcripts.folder);
        return;
    };
    let engine = Engine::new(program.clone(), Bounds::default()).await;
    if let Err(error) = app.store.retry_transcripts().await {
        tracing::warn!(%error, "what could not be written down before is not tried again");
    }
    loop {
        let pause = match work(app, &engine).await {
            Ok(()) => LOOK_EVERY,
            Err(error) => {
                tracing::warn!(%error, "replays are not written down for now");
                AFTER_FAILURE
            }
        };
        // Late is all that a transcript can be that nobody told of.
        let _ = tokio::time::timeout(pause, transcripts.changed.notified()).await;
    }
}

/// Writes down all that there is now.
async fn work(app: &App, engine: &Engine) -> Result<(), StoreError> {
    // Without room nothing can be written down, which is no try.
    while app.replays.has_room()
        && let Some(track) = app.store.begin_transcript().await?
    {
        let (replay, n) = (track.replay, track.n);
        match transcribe(app, engine, &track).await {
            Ok(lines) => {
                // Not wanted any more if the track was withdrawn meanwhile.
                app.store.keep_transcript(replay, n, &lines, edge::now()).await?;
                app.search.changed();
                metrics::counter!("roomtone_transcripts_total", "result" => "made").increment(1);
            }
            Err(error) => {
                tracing::warn!(tries = track.tries, %error, "a track of a replay could not be written down");
                metrics::counter!("roomtone_transcripts_total", "result" => "failed").increment(1);
                if track.tries >= TRANSCRIPT_TRIES {
                    app.store.transcript_failed(replay, n).await?;
                }
            }
        }
    }
    Ok(())
}

/// Has the engine write down a track, in a folder that is there only meanwhile.
async fn transcribe(app: &App, engine: &Engine, track: &ToTranscribe) -> Result<Vec<NewTranscriptLine>, EngineError> {
    let folder = Folder::make(&app.transcripts.folder)?;
    let file = folder.0.join("track.wav");
    let Some(ms) = app.replays.wav(track.replay, track.n, &file).await? else { return Ok(Vec::new()) };
    engine.run(&file, &folder.0, &track.language, Duration::from_millis(ms)).await
}

/// A folder for nobody but the user that the server runs as, which goes when this does.
struct Folder(PathBuf);

impl Folder {
    fn make(path: &Path) -> io::Result<Self> {
        discard(path);
        DirBuilder::new().mode(0o700).recursive(true).create(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        discard(&self.0);
    }
}

/// Removes a folder, if it is there.
fn discard(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => tracing::error!(%error, "a track that was written down could not be removed"),
    }
}
