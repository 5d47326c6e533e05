//! From a frame to the packets of each feed, and how a leg changes its tier.

use std::sync::Arc;
use std::time::Instant;

use super::{FRAMES_MAX, Job, Kind, Leg, Shard, Timer, trim};
use crate::feed::Tier;
use crate::frame::Frame;
use crate::leg::LegId;

impl Shard {
    /// Starts a frame on its way to the listeners of its room. `false`: it has been here before.
    pub(super) fn deliver(&mut self, index: u32, frame: &Arc<Frame>) -> bool {
        let Some(room) = &mut self.rooms[index as usize] else {
            return false;
        };
        if !room.push(frame, &mut self.ready) {
            self.stats.frames_repeated += 1;
            return false;
        }
        self.send(index, None, frame.arrived);
        self.arm_packing(index);
        true
    }

    /// Starts what is ready on its way.
    pub(super) fn send(&mut self, room: u32, only: Option<u32>, ready: Instant) {
        for (feed, frame) in self.ready.drain(..) {
            self.fan_out.push_back(Job { room, feed, only, frame, ready });
        }
        if self.fan_out.len() > FRAMES_MAX {
            self.stats.queue_dropped += trim(&mut self.fan_out, FRAMES_MAX);
            self.cursor = 0;
        }
    }

    /// Sets the timer of what waits to be packed, if it is due earlier.
    pub(super) fn arm_packing(&mut self, index: u32) {
        let Some(room) = &mut self.rooms[index as usize] else { return };
        let Some(due) = room.pack_due() else { return };
        if let Some(at) = room.pack_timer {
            if at <= due {
                return;
            }
            self.timers.remove(&(at, Timer::Pack(index)));
        }
        room.pack_timer = Some(due);
        self.timers.insert((due, Timer::Pack(index)));
    }

    /// Lets a listen leg follow a feed of another tier.
    pub(super) fn set_tier(&mut self, now: Instant, leg: LegId, tier: Tier) {
        let Some(&index) = self.by_id.get(&leg) else { return };
        let Some(Leg { room: at, feed, place, kind: Kind::Listen(listen), .. }) = &mut self.legs[index as usize] else {
            return;
        };
        if feed.tier() == tier {
            return;
        }
        let at = *at;
        let room = self.rooms[at as usize].as_mut().expect("a room stays while it has legs");
        let to = room.choose(tier);
        let (from, former) = (std::mem::replace(feed, to), *place);
        let mut rest = Vec::new();
        // What waits in both feeds goes out now. What waited in the former is the last that this leg gets of it; of what
        // waited in the new one it has had everything, and its slots refuse it.
        if listen.is_begun() {
            room.flush(from, &mut self.ready);
            rest.clone_from(&self.ready);
            room.flush(to, &mut self.ready);
        }
        *place = room.follow(to, index);
        let moved = room.leave(from, former);
        self.set_place(moved, former);
        let others = std::mem::replace(&mut self.ready, rest);
        self.send(at, Some(index), now);
        self.ready = others;
        self.send(at, None, now);
    }

    /// Notes the place of a leg among those that follow its feed.
    pub(super) fn set_place(&mut self, leg: Option<u32>, at: usize) {
        if let Some(Leg { place, .. }) = leg.and_then(|leg| self.legs[leg as usize].as_mut()) {
            *place = at;
        }
    }
}
