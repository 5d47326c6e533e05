//! What a shard knows of one room.

use std::time::Instant;

use roomtone_room::ids::{RoomId, TalkerNo};

use super::Grant;
use crate::ring::Ring;
use crate::stage::Stage;

/// One room on one shard.
pub(super) struct Room {
    pub(super) id: RoomId,
    /// Indices of the room's listen legs, in no order.
    pub(super) listeners: Vec<u32>,
    /// How many publish legs the room has here.
    pub(super) publishers: u32,
    pub(super) grant: Option<Grant>,
    pub(super) ring: Ring,
    pub(super) stage: Stage,
    pub(super) timer: Option<Instant>,
}

impl Room {
    pub(super) fn new(id: RoomId) -> Self {
        Self {
            id,
            listeners: Vec::new(),
            publishers: 0,
            grant: None,
            ring: Ring::new(),
            stage: Stage::new(),
            timer: None,
        }
    }

    /// Takes a grant. `false`: it is of an epoch that has passed.
    pub(super) fn take(&mut self, grant: Grant) -> bool {
        if self.grant.as_ref().is_some_and(|held| grant.epoch < held.epoch) {
            return false;
        }
        self.stage.allow(&grant.talkers);
        self.ring.retain(|talker| grant.talkers.contains(&talker));
        self.grant = Some(grant);
        true
    }

    /// Whether sound may flow at `now`.
    pub(super) fn lease_holds(&self, now: Instant) -> bool {
        self.grant.as_ref().is_some_and(|grant| now < grant.until)
    }

    /// Whether this talker may be heard at `now`.
    pub(super) fn may(&self, now: Instant, talker: TalkerNo) -> bool {
        self.grant.as_ref().is_some_and(|grant| now < grant.until && grant.talkers.contains(&talker))
    }

    /// Whether anything here still needs the room: a leg, or a lease that could be renewed.
    pub(super) fn in_use(&self, now: Instant) -> bool {
        !self.listeners.is_empty() || self.publishers > 0 || self.lease_holds(now)
    }
}
