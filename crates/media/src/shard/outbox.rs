//! What legs send besides media: answers to checks, handshakes, reports.

use std::collections::VecDeque;

use super::INPUTS_AT_ONCE;
use crate::leg::Path;

/// Packets that may wait. The queue is emptied after each [`INPUTS_AT_ONCE`] inputs, and one input makes a handful; the
/// bound is for a caller that does not poll.
const PACKETS_MAX: usize = 16 * INPUTS_AT_ONCE;

/// A bounded queue of packets that drops the oldest.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    packets: VecDeque<(Path, Box<[u8]>)>,
    /// Packets dropped since [`Outbox::take_dropped`].
    dropped: u64,
}

impl Outbox {
    /// Queues a packet. Without a path there is nowhere to send it, and it is gone: what matters is sent again.
    pub(crate) fn push(&mut self, to: Option<Path>, bytes: &[u8]) {
        if let Some(to) = to {
            self.push_boxed(to, bytes.into());
        }
    }

    /// Queues all that another one holds.
    pub(crate) fn append(&mut self, other: Self) {
        other.packets.into_iter().for_each(|(to, bytes)| self.push_boxed(to, bytes));
    }

    fn push_boxed(&mut self, to: Path, bytes: Box<[u8]>) {
        if self.packets.len() >= PACKETS_MAX {
            self.packets.pop_front();
            self.dropped += 1;
        }
        self.packets.push_back((to, bytes));
    }

    /// Puts the oldest packet into `bytes` and returns where it goes.
    pub(crate) fn pop(&mut self, bytes: &mut Vec<u8>) -> Option<Path> {
        let (to, packet) = self.packets.pop_front()?;
        bytes.clear();
        bytes.extend_from_slice(&packet);
        Some(to)
    }

    /// How many packets were dropped since this was last asked.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}
