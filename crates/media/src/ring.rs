//! The last frames of a room, shared by all its listen legs: what a lost packet is sent again from.

use std::fmt;
use std::sync::Arc;

use roomtone_room::ids::TalkerNo;

use crate::frame::{Frame, SLOTS};

/// Frames kept for each voice slot: at 20 ms, 1.3 s. More answers later requests; each costs its payload once per room.
pub(crate) const RING_FRAMES: usize = 64;

/// The last [`RING_FRAMES`] frames of each voice slot of one room.
///
/// A frame is found by its talker and number. The first one under a number stays: what was sealed once must never be
/// sealed again with another content under the same index (RFC 7714, section 8.2).
pub(crate) struct Ring {
    slots: [Box<[Option<Arc<Frame>>]>; SLOTS],
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self { slots: std::array::from_fn(|_| vec![None; RING_FRAMES].into_boxed_slice()) }
    }

    /// Takes a frame in. `false`: it is here already, or its slot is not one of [`SLOTS`].
    pub(crate) fn push(&mut self, frame: &Arc<Frame>) -> bool {
        if self.find(frame.talker, frame.seq).is_some() {
            return false;
        }
        match self.slots.get_mut(usize::from(frame.slot)) {
            Some(slot) => {
                slot[place(frame.seq)] = Some(frame.clone());
                true
            }
            None => false,
        }
    }

    /// The frame of this talker and number, if it is still held.
    pub(crate) fn find(&self, talker: TalkerNo, seq: u64) -> Option<&Arc<Frame>> {
        let at = place(seq);
        self.slots.iter().filter_map(|slot| slot[at].as_ref()).find(|f| f.talker == talker && f.seq == seq)
    }

    /// Drops everything that is held of talkers for whom `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl Fn(TalkerNo) -> bool) {
        for held in self.slots.iter_mut().flat_map(|slot| slot.iter_mut()) {
            if held.as_ref().is_some_and(|frame| !keep(frame.talker)) {
                *held = None;
            }
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ring")
    }
}

fn place(seq: u64) -> usize {
    (seq % RING_FRAMES as u64) as usize
}
