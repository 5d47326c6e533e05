//! Where a media thread puts what is to be recorded, and the recorder takes it from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crossbeam_queue::ArrayQueue;
use roomtone_media::frame::{Frame, SLOTS};
use roomtone_room::RecordingCause;

/// Frames of one room that may wait: ten seconds of three talkers. More rides out longer stalls of the disk; it is memory.
pub(super) const FRAMES: usize = 10 * 50 * SLOTS;

const RUNNING: u8 = 0;
const CLOSED: u8 = 1;
const DISK_FULL: u8 = 2;
const FAILED: u8 = 3;

/// What waits to be recorded of one room. The media thread never waits for it.
///
/// Invariant: of what is taken nothing is left out. When there is no place for a frame, the reel has failed, and takes no more: what
/// was said before that is whole, and the room is told that nothing is recorded any more.
#[derive(Debug)]
pub(crate) struct Reel {
    /// Each with the number of its track.
    frames: ArrayQueue<(u32, Arc<Frame>)>,
    state: AtomicU8,
    taken: metrics::Counter,
    failed: metrics::Counter,
}

impl Reel {
    pub(crate) fn new() -> Self {
        Self {
            frames: ArrayQueue::new(FRAMES),
            state: AtomicU8::new(RUNNING),
            taken: metrics::counter!("roomtone_recording_frames_total"),
            failed: metrics::counter!("roomtone_recordings_failed_total"),
        }
    }

    /// Adds a frame to a track. When as many wait as may, the reel fails.
    pub(crate) fn push(&self, track: u32, frame: &Arc<Frame>) {
        if self.is_over() {
            return;
        }
        match self.frames.push((track, frame.clone())) {
            Ok(()) => self.taken.increment(1),
            Err(_) => self.fail(RecordingCause::Failed),
        }
    }

    /// Why nothing is recorded any more, if that came by itself.
    pub(crate) fn failure(&self) -> Option<RecordingCause> {
        match self.state.load(Ordering::Acquire) {
            DISK_FULL => Some(RecordingCause::DiskFull),
            FAILED => Some(RecordingCause::Failed),
            _ => None,
        }
    }

    /// Whether it takes nothing more, for whatever reason.
    pub(crate) fn is_over(&self) -> bool {
        self.state.load(Ordering::Acquire) != RUNNING
    }

    /// The oldest frame that was not taken yet.
    pub(crate) fn pop(&self) -> Option<(u32, Arc<Frame>)> {
        self.frames.pop()
    }

    /// Whether nothing waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        // One that has failed stays so.
        let _ = self.state.compare_exchange(RUNNING, CLOSED, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes nothing more, and says why. The first reason stays.
    pub(super) fn fail(&self, cause: RecordingCause) {
        let state = if cause == RecordingCause::DiskFull { DISK_FULL } else { FAILED };
        let unless_failed = |now| matches!(now, RUNNING | CLOSED).then_some(state);
        if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, unless_failed).is_ok() {
            self.failed.increment(1);
        }
    }
}

/// The recorder's end of a reel. When it is gone before the reel was closed, as when nobody takes the order to record, or the thread
/// panics, the reel has failed.
#[derive(Debug)]
pub(super) struct Spool(Arc<Reel>);

impl Spool {
    pub(super) fn of(reel: Arc<Reel>) -> Self {
        Self(reel)
    }

    pub(super) fn reel(&self) -> &Reel {
        &self.0
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if !self.0.is_over() {
            self.0.fail(RecordingCause::Failed);
        }
    }
}
