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

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roomtone_room::ids::ReplayId;
use roomtone_store::{ReplayState, Store, StoreError};
use tokio::sync::Notify;
use url::Url;

use crate::recorder::Recorder;
pub use cut::Clip;
pub use files::{File, Files, Sound};
pub(crate) use job::run;

/// What makes replays, and where they are.
#[derive(Debug)]
pub struct Replays {
    /// Their files.
    pub files: Files,
    recorder: Arc<Recorder>,
    changed: Notify,
    desk: Mutex<Desk>,
    /// Told each time that somebody is done with a replay.
    freed: Notify,
}

/// What is being done.
#[derive(Debug, Default)]
struct Desk {
    /// Whose files somebody is at.
    busy: BTreeSet<ReplayId>,
    /// What is being made, and how that is stopped.
    making: Option<(ReplayId, Arc<AtomicBool>)>,
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
}

impl Replays {
    /// Those of a server with this data folder, or with a bucket for them (see [`Files::start`]).
    ///
    /// Errors: those of [`Files::start`].
    pub(crate) fn start(data: &Path, bucket: Option<&Url>, recorder: Arc<Recorder>) -> io::Result<Self> {
        let files = Files::start(data, bucket)?;
        Ok(Self { files, recorder, changed: Notify::new(), desk: Mutex::default(), freed: Notify::new() })
    }

    /// Says that a replay waits to be made.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
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

    /// Cuts what is between two moments, in milliseconds, out of a generation of a replay, or what of that is before its end.
    ///
    /// Errors: those of reading it, `NotFound` if there is no such generation; `InvalidInput` for a piece without length or behind the
    /// end.
    pub(crate) async fn cut(&self, replay: ReplayId, generation: u64, from_ms: u64, to_ms: u64) -> io::Result<Clip> {
        cut::cut(&self.files, replay, generation, from_ms, to_ms).await
    }

    /// Writes a track to a file as plain samples, in its place in the replay: WAV, 16 kHz, one channel, 16 bits. Returns how long that
    /// is in milliseconds.
    ///
    /// Errors: those of reading and writing, `NotFound` if there is no such track.
    pub(crate) async fn wav(&self, replay: ReplayId, n: u32, to: &Path) -> io::Result<u64> {
        let (track, to) = (self.files.local(replay, File::Raw(n)).await?, to.to_owned());
        let work = tokio::task::spawn_blocking(move || wav::write(&track.path, &to));
        work.await.map_err(io::Error::other)?
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
