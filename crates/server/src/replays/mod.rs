//! Replays: what is made of a recording once it is over, and made anew when somebody has taken back what they said.
//!
//! A task takes those that wait, one after the other ([`job`]). What was recorded is put on one clock ([`align`]), decoded ([`voice`]),
//! measured ([`loudness`]), and mixed and encoded again ([`make`]); who talks when and where chapters begin is a [`picture`] of it
//! ([`chapters`]). Pieces are cut out of the mix without decoding it ([`cut`]).
//!
//! Invariant: the store says which files may be there. Those of another generation than the present one and of a track that was
//! withdrawn go at once ([`Replays::prune`]), and what was being made of them is stopped first; what could not be removed is tried
//! again, at the latest when the server starts.

mod align;
mod chapters;
mod cut;
mod files;
mod job;
mod limiter;
mod loudness;
mod make;
mod picture;
mod voice;
mod wav;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::future::Cache;
use roomtone_room::ids::ReplayId;
use roomtone_store::{Recorded, ReplayState, Store, StoreError};
use tokio::io::AsyncRead;
use tokio::sync::{Notify, watch};
use url::Url;

use crate::recorder::{Recorder, track_file};
use crate::wire::replays::Picture;
pub(crate) use chapters::AFTER_MARK;
pub use cut::Clip;
pub use files::{File, Files, Sound};
pub(crate) use job::run;

/// A generation of a replay.
pub(crate) type Made = (ReplayId, u64);

/// From one moment to another, in milliseconds.
pub(crate) type Span = (u64, u64);

/// Bytes of clips that are kept in memory. More spares the bucket when many are heard at once; it is memory.
const CLIPS_KEPT: u64 = 32 << 20;

/// The same of pictures, each of which is some 20 kB for an hour. More spares reading them when many look at different replays.
const PICTURES_KEPT: u64 = 16 << 20;

/// For how long. Longer spares it more; what was withdrawn is in memory for as long.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// What makes replays, and where they are.
#[derive(Debug)]
pub struct Replays {
    /// Their files.
    pub files: Files,
    recorder: Arc<Recorder>,
    changed: Notify,
    /// Clips that were cut a moment ago.
    clips: Cache<(ReplayId, u64, u64, u64, Sound), Clip>,
    /// Pictures that were read a moment ago.
    pictures: Cache<Made, Arc<Picture>>,
    desk: Mutex<Desk>,
    /// Told each time that somebody is done with a replay.
    freed: Notify,
    /// Whether the server stops.
    stopping: watch::Sender<bool>,
}

/// What is being done.
#[derive(Debug, Default)]
struct Desk {
    /// Whose files somebody is at.
    busy: BTreeSet<ReplayId>,
    /// What is being made, and how that is stopped.
    making: Option<(ReplayId, Arc<AtomicBool>)>,
    /// What could not be made: how often, and until when it is left alone. At most what waits.
    put_off: BTreeMap<ReplayId, (usize, Instant)>,
    /// Of which some files could not be removed.
    unpruned: BTreeSet<ReplayId>,
}

/// The right to put files of a replay where they belong, and to remove them: one has it at a time.
#[derive(Debug)]
struct Claim<'a> {
    replays: &'a Replays,
    replay: ReplayId,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut desk = self.replays.desk();
        desk.busy.remove(&self.replay);
        desk.making.take_if(|(replay, _)| *replay == self.replay);
        drop(desk);
        self.replays.freed.notify_waiters();
    }
}

/// Why something that has to do with replays did not work.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the thread that made it panicked")]
    Panicked,
}

impl Replays {
    /// Those of a server with this data folder, or with a bucket for them (see [`Files::start`]).
    ///
    /// Errors: those of [`Files::start`].
    pub(crate) fn start(data: &Path, bucket: Option<&Url>, recorder: Arc<Recorder>) -> io::Result<Self> {
        let files = Files::start(data, bucket)?;
        let (changed, freed, stopping) = (Notify::new(), Notify::new(), watch::Sender::new(false));
        let clips = Cache::builder()
            .max_capacity(CLIPS_KEPT)
            .weigher(|_, clip: &Clip| u32::try_from(clip.bytes.len() + 256).unwrap_or(u32::MAX))
            .time_to_live(KEPT_FOR)
            .build();
        let pictures = Cache::builder()
            .max_capacity(PICTURES_KEPT)
            .weigher(|_, picture: &Arc<Picture>| picture::size(picture))
            .time_to_live(KEPT_FOR)
            .build();
        Ok(Self { files, recorder, changed, clips, pictures, desk: Mutex::default(), freed, stopping })
    }

    /// Has the task end. What it is at waits for the next start, and was not tried.
    pub(crate) fn shut_down(&self) {
        self.stopping.send_replace(true);
    }

    /// Says that a replay waits to be made.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// Has a replay that waits be tried without waiting any longer.
    pub(crate) fn try_again(&self, replay: ReplayId) {
        self.desk().put_off.remove(&replay);
        self.changed();
    }

    /// Whether there is room on the disk for more than the database.
    pub(crate) fn has_room(&self) -> bool {
        self.files.has_room().is_ok()
    }

    /// Removes all files of a replay that the store does not know of any more: all of one that was deleted; what was made of tracks one
    /// of which was withdrawn since, and that track. To be called after each such change; what it was made of is not gone before.
    pub(crate) async fn prune(&self, store: &Store, replay: ReplayId) {
        if let Some((_, stop)) = self.desk().making.as_ref().filter(|(making, _)| *making == replay) {
            stop.store(true, Ordering::Release);
        }
        let _claim = self.claim(replay).await;
        let pruned = self.try_prune(store, replay).await;
        let mut desk = self.desk();
        match pruned {
            Ok(()) => desk.unpruned.remove(&replay),
            Err(error) => {
                tracing::error!(%error, %replay, "some files of a replay could not be removed, and are tried again");
                desk.unpruned.insert(replay)
            }
        };
    }

    /// Cuts what is between two moments, in milliseconds, out of a generation of a replay, or what of that is before its end. What was cut
    /// a moment ago is kept for a moment: it is of a generation, so it is not given out when there is another.
    ///
    /// Errors: those of reading it, `NotFound` if there is no such generation; `InvalidInput` for a piece without length or behind the
    /// end.
    pub(crate) async fn cut(
        &self,
        (replay, generation): Made,
        (from_ms, to_ms): Span,
        sound: Sound,
    ) -> io::Result<Clip> {
        let key = (replay, generation, from_ms, to_ms, sound);
        let cut = cut::cut(&self.files, replay, generation, from_ms, to_ms, sound);
        // Whoever plays it asks for it in parts, and others at the same time.
        let clip = self.clips.try_get_with(key, cut).await;
        clip.map_err(|error: Arc<io::Error>| io::Error::new(error.kind(), error))
    }

    /// The picture of a generation of a replay, as it was made. What was read a moment ago is kept for a moment, as clips are.
    ///
    /// Errors: those of reading it, `NotFound` if there is no such generation; `InvalidData` if the file is not as it was made.
    pub(crate) async fn picture(&self, (replay, generation): Made) -> io::Result<Arc<Picture>> {
        let read = async {
            let file = self.files.bytes(replay, File::Picture(generation)).await?;
            serde_json::from_slice(&file).map(Arc::new).map_err(io::Error::from)
        };
        let picture = self.pictures.try_get_with((replay, generation), read).await;
        picture.map_err(|error: Arc<io::Error>| io::Error::new(error.kind(), error))
    }

    /// Writes a track to a file as plain samples, in its place in the replay: WAV, 16 kHz, one channel, 16 bits. Returns how long that
    /// is in milliseconds; `None` for somebody who agreed and said nothing, of whom there is no track.
    ///
    /// Errors: those of reading and writing, `StorageFull` before the disk is.
    pub(crate) async fn wav(&self, replay: ReplayId, n: u32, to: &Path) -> io::Result<Option<u64>> {
        let track = match self.files.local(replay, File::Raw(n)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.files.are_there().await.map(|()| None);
            }
            track => track?,
        };
        let (to, room) = (to.to_owned(), self.files.room());
        let work = tokio::task::spawn_blocking(move || wav::write(&track.path, &to, &room));
        match work.await.map_err(io::Error::other)? {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            written => written.map(|ms| (ms > 0).then_some(ms)),
        }
    }

    /// What one speaker said, as Ogg Opus in its place in the talk, and how long the file is; also while the talk is still recorded, or no
    /// replay was made of it. For somebody to whom it may be given.
    ///
    /// Errors: those of reading and writing, `NotFound` or `InvalidData` if there is no such track.
    pub(crate) async fn alone(&self, recorded: &Recorded, n: u32) -> io::Result<(Pin<Box<dyn AsyncRead + Send>>, u64)> {
        if recorded.state == ReplayState::Ready {
            match self.files.open(recorded.id, File::Track(recorded.generation, n)).await {
                Ok((reading, length)) => return Ok((Box::pin(reading), length)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.files.has_room()?;
        let track = match self.files.local(recorded.id, File::Raw(n)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // It may still grow, so it is looked at as it is now.
                let copy = self.files.passing();
                tokio::fs::copy(track_file(&self.recorder.folder_of(recorded.id), n), &copy.path).await?;
                copy
            }
            track => track?,
        };
        let made = self.files.passing();
        let work = move || make::alone(&track.path, n, &made.path).map(|()| made);
        let made = tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??;
        let file = tokio::fs::File::open(&made.path).await?;
        let length = file.metadata().await?.len();
        // It is gone for everybody else, and there for who reads it.
        drop(made);
        Ok((Box::pin(file), length))
    }

    /// Waits until nobody is at the files of a replay.
    async fn claim(&self, replay: ReplayId) -> Claim<'_> {
        loop {
            let mut freed = pin!(self.freed.notified());
            // From here on nobody is missed who is done.
            freed.as_mut().enable();
            if self.desk().busy.insert(replay) {
                return Claim { replays: self, replay };
            }
            freed.await;
        }
    }

    /// The same, to make it. What is returned besides says that it is to be stopped.
    async fn claim_to_make(&self, replay: ReplayId) -> (Claim<'_>, Arc<AtomicBool>) {
        let claim = self.claim(replay).await;
        let stop = Arc::new(AtomicBool::new(false));
        self.desk().making = Some((replay, stop.clone()));
        (claim, stop)
    }

    async fn try_prune(&self, store: &Store, replay: ReplayId) -> Result<(), Failed> {
        let Some(recorded) = store.recording(replay).await? else {
            self.files.prune(replay, |_| false).await?;
            self.recorder.discard(replay).await?;
            return Ok(());
        };
        let tracks = store.recorded_tracks(replay).await?;
        let (withdrawn, kept): (Vec<_>, Vec<_>) = tracks.iter().partition(|track| track.withdrawn_at.is_some());
        for track in withdrawn {
            self.recorder.forget(replay, track.n).await?;
        }
        let kept: BTreeSet<u32> = kept.iter().map(|track| track.n).collect();
        let made = recorded.state == ReplayState::Ready;
        let keep = |file| match file {
            File::Raw(n) => kept.contains(&n),
            File::Mix(generation, _) | File::Picture(generation) => made && generation == recorded.generation,
            File::Track(generation, n) => made && generation == recorded.generation && kept.contains(&n),
        };
        self.files.prune(replay, keep).await?;
        Ok(())
    }

    /// Removes what was left when the server stopped, and what could not be removed before.
    async fn prune_all(&self, store: &Store) {
        match self.files.replays().await {
            Ok(replays) => {
                for replay in replays {
                    self.prune(store, replay).await;
                }
            }
            Err(error) => tracing::error!(%error, "the files of replays cannot be looked through"),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
