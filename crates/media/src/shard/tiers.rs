//! From a frame to the packets of each feed, and how a leg changes its tier.

use std::sync::Arc;
use std::time::Instant;

use super::schedule::{RESTS_MAX, is_late};
use super::{Kind, Leg, Rest, Shard, Timer, trim};
use crate::feed::{Feed, Tier};
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
        if let Some(at) = room.quiet.heard(frame.talker, frame.arrived) {
            self.timers.insert((at, Timer::Quiet(index)));
        }
        self.send(index, frame.arrived);
        self.arm_packing(index);
        true
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
    pub(super) fn set_tier(&mut self, now: Instant, id: LegId, tier: Tier) {
        let Some(&index) = self.by_id.get(&id) else { return };
        let Some(Leg { room: at, feed, place, since, kind: Kind::Listen(listen), .. }) = &mut self.legs[index as usize]
        else {
            return;
        };
        if feed.tier() == tier {
            return;
        }
        let (at, begun, since) = (*at, listen.is_begun(), *since);
        let room = self.rooms[at as usize].as_mut().expect("a room stays while it has legs");
        let to = room.choose(tier);
        let (from, former) = (std::mem::replace(feed, to), *place);
        self.stats.tier_legs[from.tier() as usize] -= 1;
        self.stats.tier_legs[tier as usize] += 1;
        // What is on its way in the former feed still goes out to this leg, and what waits in both feeds goes out now. What
        // waited in the former is the last that the leg gets of it; of what waited in the new one it has had everything.
        let rest = |frame: &Arc<Frame>, ready| Rest { leg: index, id, feed: from, frame: frame.clone(), ready };
        let on_its_way = self.fan_out.iter().enumerate().filter(|(n, job)| {
            let is_ours = job.room == at && job.feed == from && job.number >= since;
            is_ours && (*n > 0 || former >= self.cursor) && !is_late(now, job.ready)
        });
        let before = self.rests.len();
        self.rests.extend(on_its_way.filter_map(|(_, job)| Some(rest(job.what.frame()?, job.ready))));
        if begun || self.rests.len() > before {
            room.flush(from, &mut self.ready);
            self.rests.extend(self.ready.iter().map(|(_, frame)| rest(frame, now)));
            self.stats.queue_dropped += trim(&mut self.rests, RESTS_MAX);
            room.flush(to, &mut self.ready);
        }
        self.unfollow(at, from, former);
        self.send(at, now);
        if let (Some(leg), Some(room)) = (&mut self.legs[index as usize], &mut self.rooms[at as usize]) {
            leg.since = self.jobs;
            leg.place = room.follow(to, index);
        }
    }

    /// Takes a leg away from a feed of a room. Everybody else gets what is on its way there, once.
    pub(super) fn unfollow(&mut self, room: u32, feed: Feed, place: usize) {
        let (legs, mut nobody) = (&mut self.legs, 0);
        let first = self.fan_out.front().is_some_and(|job| job.room == room && job.feed == feed);
        let served = if first { &mut self.cursor } else { &mut nobody };
        if let Some(room) = &mut self.rooms[room as usize] {
            room.leave(feed, place, served, |leg, at| {
                if let Some(Leg { place, .. }) = &mut legs[leg as usize] {
                    *place = at;
                }
            });
        }
    }
}
