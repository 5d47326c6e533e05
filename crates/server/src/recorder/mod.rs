//! The recorder: one thread that takes what the media threads give out of those who agreed, and adds it to their tracks
//! ([`roomtone_media::track`]), one file for each speaker. Nothing is decoded.
//!
//! Invariant: a replay's row comes before its folder; a folder without a row is swept when the server starts.
//!
//! Invariant: what is in a track has no gaps that nobody is told of. When something cannot be written, or not soon enough, or nobody is
//! there to write it, the recording stops and says so by its [`Reel`]; what was written before stays, and nothing else stops.
//!
//! What was given out is in a file within [`WRITE_EVERY`], which is what `kill -9` can cost, and on the disk within [`SYNC_EVERY`] more,
//! which is what a power cut can.

mod reel;
mod tape;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use roomtone_room::RecordingCause;
use roomtone_room::ids::{ReplayId, Timestamp};
use roomtone_store::{Store, StoreError};
use tokio::sync::{Notify, oneshot};

use crate::edge;
use crate::space::{self, RESERVE};
use crate::tasks::note_restart;
pub(crate) use reel::Reel;
use reel::Spool;
use tape::Tape;
pub(crate) use tape::track_file;

/// The folder in the data folder.
const FOLDER: &str = "recordings";

/// The longest recording. Longer takes longer talks in one piece; it takes disk, and the time and the memory in which a replay is made.
pub(crate) const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// How often what came is added to the files. More often loses less when the process is killed; less often writes larger pieces.
const WRITE_EVERY: Duration = Duration::from_millis(200);

/// How often it is put on the disk. More often loses less in a power cut; less often spares the disk.
const SYNC_EVERY: Duration = Duration::from_millis(400);

/// Orders that may wait. When it is full, a recording does not begin, and whoever waits for an answer waits longer.
const ORDERS: usize = 256;

/// After what time an order is tried again that found no place.
const AGAIN: Duration = Duration::from_millis(10);

/// What the recorder is told.
enum Order {
    /// A recording goes on, whose clock shows so much at that moment.
    Begin(ReplayId, (Instant, Duration), Spool),
    /// It goes on no more: its reel is closed. To be looked at now instead of with the next turn.
    Stop(ReplayId),
    /// To be answered when the recording does not go on, and all of it is on the disk.
    Settled(ReplayId, oneshot::Sender<()>),
    /// A track is to go, and nothing more is to come into it; answered when it is gone.
    Forget(ReplayId, u32, oneshot::Sender<io::Result<()>>),
    /// All of a recording is to go; likewise.
    Discard(ReplayId, oneshot::Sender<io::Result<()>>),
    /// An error of ours.
    #[cfg(test)]
    Panic,
}

/// The handle to the thread, which ends with it.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    orders: SyncSender<Order>,
    stopped: Arc<Notify>,
}

impl Recorder {
    /// Starts the thread, for a server with this data folder.
    ///
    /// Errors: there can be no more threads.
    pub(crate) fn start(data: &Path) -> io::Result<Self> {
        Self::start_reserving(data, RESERVE)
    }

    fn start_reserving(data: &Path, reserve: u64) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        let (orders, received) = sync_channel(ORDERS);
        let stopped = Arc::new(Notify::new());
        let (all, told) = (folder.clone(), stopped.clone());
        let work = move || {
            let deck = || Deck {
                folder: all.clone(),
                reserve,
                tapes: HashMap::new(),
                waiting: Vec::new(),
                stopped: told.clone(),
            };
            // What was recorded has failed with the deck, and says so; what is begun afterwards has nothing to do with it.
            while catch_unwind(AssertUnwindSafe(|| deck().run(&received))).is_err() {
                note_restart("recorder");
            }
        };
        std::thread::Builder::new().name("recorder".to_owned()).spawn(work)?;
        Ok(Self { folder, orders, stopped })
    }

    /// The folder in which the tracks of a recording are.
    pub fn folder_of(&self, replay: ReplayId) -> PathBuf {
        self.folder.join(replay.to_string())
    }

    /// Begins a recording, or goes on with one that began at `since`. What is put on the reel goes into its tracks. If there is no thread
    /// for it, or it is behind with everything, the reel that is returned has failed. Never waits: a room does not stop for the disk.
    pub(crate) fn begin(&self, replay: ReplayId, since: Timestamp) -> Arc<Reel> {
        let reel = Arc::new(Reel::new());
        let clock = (edge::instant(), Duration::from_millis(edge::now().0.saturating_sub(since.0)));
        // The spool of an order that nobody takes goes with it.
        if self.orders.try_send(Order::Begin(replay, clock, Spool::of(reel.clone()))).is_err() {
            tracing::error!("a recording cannot begin: nobody is there to write it");
        }
        reel
    }

    /// Stops a recording, once what is on its reel is written. Does not wait for that: see [`Recorder::settled`].
    pub(crate) fn stop(&self, replay: ReplayId, reel: &Reel) {
        reel.close();
        // That the reel is closed is looked at in any case; so it is only sooner.
        let _ = self.orders.try_send(Order::Stop(replay));
    }

    /// Waits until a recording does not go on and all of it is on the disk. One that never began is settled.
    pub async fn settled(&self, replay: ReplayId) {
        let (done, settled) = oneshot::channel();
        self.order(Order::Settled(replay, done)).await;
        // Fails if the thread is gone, which writes nothing more either.
        let _ = settled.await;
    }

    /// Waits until all that was ordered before is done.
    pub async fn settle(&self) {
        // Of no recording, so it is answered when its turn comes.
        self.settled(ReplayId(0)).await;
    }

    /// Told each time that a recording goes on no more and all of it is on the disk.
    pub(crate) fn stopped(&self) -> &Notify {
        &self.stopped
    }

    /// Removes a track, also while it is recorded: then nothing more comes into it.
    ///
    /// Errors: those of removing it. One that is not there is none.
    pub async fn forget(&self, replay: ReplayId, n: u32) -> io::Result<()> {
        self.removed(|done| Order::Forget(replay, n, done)).await
    }

    /// Removes all that was recorded of a replay; if it is recorded at the moment, that is over.
    ///
    /// Errors: those of removing it. What is not there is none.
    pub async fn discard(&self, replay: ReplayId) -> io::Result<()> {
        self.removed(|done| Order::Discard(replay, done)).await
    }

    /// Removes recordings of which there is no row: the server was stopped before they were removed.
    pub(crate) async fn sweep(&self, store: &Store) {
        if let Err(error) = self.try_sweep(store).await {
            tracing::error!(%error, "recordings of no replay could not be taken away");
        }
    }

    async fn try_sweep(&self, store: &Store) -> Result<(), SweepError> {
        let folder = self.folder.clone();
        let found = tokio::task::spawn_blocking(move || replays_in(&folder)).await.map_err(io::Error::other)??;
        let kept = store.recordings_among(&found).await?;
        for replay in found.into_iter().filter(|replay| !kept.contains(replay)) {
            self.discard(replay).await?;
        }
        Ok(())
    }

    /// Has the thread panic at its next order.
    #[cfg(test)]
    pub(crate) async fn panic(&self) {
        self.order(Order::Panic).await;
    }

    async fn removed(&self, order: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Order) -> io::Result<()> {
        let (done, removed) = oneshot::channel();
        self.order(order(done)).await;
        removed.await.map_err(io::Error::other)?
    }

    async fn order(&self, order: Order) {
        let mut order = order;
        // If the thread is gone, whoever waits is told by the answer that does not come.
        while let Err(TrySendError::Full(back)) = self.orders.try_send(order) {
            order = back;
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Why recordings could not be swept.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// The replays of which there is a folder.
fn replays_in(all: &Path) -> io::Result<Vec<ReplayId>> {
    let entries = match fs::read_dir(all) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    names.filter_map(|name| name.map(|name| name.to_str()?.parse().ok()).transpose()).collect()
}

/// When what came is next to be added to the files, and when to be put on the disk.
struct Due {
    write_at: Instant,
    sync_at: Instant,
}

impl Due {
    fn from(now: Instant) -> Self {
        Self { write_at: now + WRITE_EVERY, sync_at: now + SYNC_EVERY }
    }

    /// Whether it is to be added now, and if so whether also to be put on the disk. What was missed is not made up for.
    fn at(&mut self, now: Instant) -> Option<bool> {
        if now < self.write_at {
            return None;
        }
        self.write_at = now + WRITE_EVERY;
        let sync = now >= self.sync_at;
        if sync {
            self.sync_at = now + SYNC_EVERY;
        }
        Some(sync)
    }
}

/// What the thread has.
struct Deck {
    folder: PathBuf,
    reserve: u64,
    tapes: HashMap<ReplayId, (Spool, Tape)>,
    /// Those who wait until recordings are settled.
    waiting: Vec<(ReplayId, oneshot::Sender<()>)>,
    stopped: Arc<Notify>,
}

impl Deck {
    /// Works until nobody holds the other end of its orders, and then writes what there is.
    fn run(mut self, orders: &Receiver<Order>) {
        let mut due = Due::from(edge::instant());
        loop {
            let order = if self.tapes.is_empty() {
                orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                orders.recv_timeout(due.write_at.saturating_duration_since(edge::instant()))
            };
            match order {
                Ok(order) => self.carry_out(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.tapes.keys().copied().collect::<Vec<_>>().into_iter().for_each(|replay| self.finish(replay));
                    return;
                }
            }
            if let Some(sync) = due.at(edge::instant()) {
                self.turn(sync);
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Begin(replay, clock, spool) => {
                // The one of before was stopped, or its room was read back from the store.
                self.finish(replay);
                match Tape::thread(self.folder.join(replay.to_string()), replay, clock) {
                    Ok(tape) => {
                        self.tapes.insert(replay, (spool, tape));
                    }
                    Err(error) => fail(spool.reel(), &error),
                }
            }
            Order::Stop(replay) => self.finish(replay),
            // Whoever asked may have gone, here and below.
            Order::Settled(replay, done) if !self.tapes.contains_key(&replay) => drop(done.send(())),
            Order::Settled(replay, done) => self.waiting.push((replay, done)),
            Order::Forget(replay, n, done) => {
                if let Some((_, tape)) = self.tapes.get_mut(&replay) {
                    tape.forget(n);
                }
                let file = track_file(&self.folder.join(replay.to_string()), n);
                let _ = done.send(or_gone(fs::remove_file(file)));
            }
            Order::Discard(replay, done) => {
                // A room that records it still is told by its reel.
                if let Some((spool, _)) = self.tapes.remove(&replay)
                    && !spool.reel().is_over()
                {
                    spool.reel().fail(RecordingCause::Failed);
                }
                self.settle(replay);
                let _ = done.send(or_gone(fs::remove_dir_all(self.folder.join(replay.to_string()))));
            }
            #[cfg(test)]
            Order::Panic => panic!("an error of ours"),
        }
    }

    /// Adds what came to the files, and puts it on the disk if it is time. What is over is ended.
    fn turn(&mut self, sync: bool) {
        let over = |(replay, (spool, _)): (&ReplayId, &(Spool, Tape))| spool.reel().is_over().then_some(*replay);
        let over: Vec<_> = self.tapes.iter().filter_map(over).collect();
        over.into_iter().for_each(|replay| self.finish(replay));
        let full = sync && !space::is_free(&self.folder, self.reserve);
        let mut failed = Vec::new();
        for (&replay, (spool, tape)) in &mut self.tapes {
            let mut written = tape.write(spool.reel());
            if sync && written.is_ok() {
                written = tape.sync();
            }
            if full && written.is_ok() {
                written = Err(space::nearly_full());
            }
            if let Err(error) = written {
                failed.push((replay, error));
            }
        }
        for (replay, error) in failed {
            if let Some((spool, mut tape)) = self.tapes.remove(&replay) {
                fail(spool.reel(), &error);
                // What is whole stays; if it cannot be put on the disk either, that was said.
                let _ = tape.sync();
            }
            self.settle(replay);
        }
    }

    /// Ends a recording: what is on its reel is written and on the disk.
    fn finish(&mut self, replay: ReplayId) {
        if let Some((spool, mut tape)) = self.tapes.remove(&replay) {
            let reel = spool.reel();
            reel.close();
            if reel.failure().is_some() {
                tracing::error!("a recording cannot go on: the disk takes longer than what is said may wait");
            }
            if let Err(error) = tape.write(reel).and_then(|()| tape.sync()) {
                fail(reel, &error);
            }
        }
        self.settle(replay);
    }

    fn settle(&mut self, replay: ReplayId) {
        self.stopped.notify_one();
        for (_, done) in self.waiting.extract_if(.., |(waiting, _)| *waiting == replay) {
            let _ = done.send(());
        }
    }
}

/// Says that a recording cannot go on.
fn fail(reel: &Reel, error: &io::Error) {
    let cause = if space::is_full(error) { RecordingCause::DiskFull } else { RecordingCause::Failed };
    tracing::error!(%error, "a recording cannot go on");
    reel.fail(cause);
}

/// What is gone already is removed.
fn or_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// A moment on the clock of a recording that is at `offset` when the process's is at `base`.
fn on_clock(base: Instant, offset: Duration, at: Instant) -> Duration {
    match at.checked_duration_since(base) {
        Some(after) => offset + after,
        None => offset.saturating_sub(base.duration_since(at)),
    }
}

#[cfg(test)]
mod tests;
