//! Where a media thread puts what is to be recorded, and the recorder takes it from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crossbeam_queue::ArrayQueue;
use roomtone_media::frame::{Frame, SLOTS};
use roomtone_room::RecordingCause;

/// Frames of one room that may wait: ten seconds of three talkers. More rides out longer stalls of the disk; it is memory.
const FRAMES: usize = 10 * 50 * SLOTS;

const RUNNING: u8 = 0;
const CLOSED: u8 = 1;
const DISK_FULL: u8 = 2;
const FAILED: u8 = 3;

/// What waits to be recorded of one room. The media thread never waits for it: the oldest frame goes when it is full, and is counted.
#[derive(Debug)]
pub(crate) struct Reel {
    /// Each with the number of its track.
    frames: ArrayQueue<(u32, Arc<Frame>)>,
    state: AtomicU8,
    taken: metrics::Counter,
    dropped: metrics::Counter,
}

impl Reel {
    pub(crate) fn new() -> Self {
        Self {
            frames: ArrayQueue::new(FRAMES),
            state: AtomicU8::new(RUNNING),
            taken: metrics::counter!("roomtone_recording_frames_total"),
            dropped: metrics::counter!("roomtone_recording_frames_dropped_total"),
        }
    }

    /// Adds a frame to a track.
    pub(crate) fn push(&self, track: u32, frame: &Arc<Frame>) {
        if self.state.load(Ordering::Acquire) != RUNNING {
            return;
        }
        self.taken.increment(1);
        if self.frames.force_push((track, frame.clone())).is_some() {
            self.dropped.increment(1);
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

    /// The oldest frame that was not taken yet.
    pub(crate) fn pop(&self) -> Option<(u32, Arc<Frame>)> {
        self.frames.pop()
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        // One that has failed stays so.
        let _ = self.state.compare_exchange(RUNNING, CLOSED, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes nothing more, and says why. What waits is dropped.
    pub(super) fn fail(&self, cause: RecordingCause) {
        let state = if cause == RecordingCause::DiskFull { DISK_FULL } else { FAILED };
        self.state.store(state, Ordering::Release);
        while self.frames.pop().is_some() {}
    }
}
