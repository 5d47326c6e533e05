//! What goes out next: control, then media, and in turns with it timers and handshakes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomtone_room::ids::RoomId;

use super::room::{Room, SignFor};
use super::{Kind, Leg, LegEvent, Shard, Timer};
use crate::feed::Feed;
use crate::frame::Frame;
use crate::leg::{LegId, Path};
use crate::listen::PACKET_MAX;
use crate::ring::Ring;

/// Packets of media that are given out before the caller is asked to look at what has come in. More looks less often; fewer
/// keeps a mute, or a speaker's next packet, from waiting behind a large audience.
pub const MEDIA_AT_ONCE: usize = 64;

/// Packets of media after which timers and a handshake get their turn, though more media waits. More delays entering while
/// an audience is served; fewer delays sound while a crowd enters.
const MEDIA_FIRST: usize = 256;

/// Timers that get their turn before a handshake does. Each leg that is sent media has one about every 5 s. More leaves
/// fewer behind on a thread that sends all the time; fewer lets handshakes go on while very many are due.
const TIMERS_AT_ONCE: usize = 16;

/// Packets that may wait to be fanned out. Each 20 ms a room with three talkers makes three for the audience that gets them
/// as they come and some for those of longer packets. More serves more rooms at once; fewer bounds how late sound can be.
const FAN_OUT_MAX: usize = 4096;

/// Packets that may wait for legs that have left a feed. In [`LATE_MAX`] three talkers make 75 for each leg, so these are
/// those of some 850 legs that change their tiers at the same moment; each takes 48 bytes.
pub(super) const RESTS_MAX: usize = 65_536;

/// How long a packet may wait until the first of its listeners gets it. Longer keeps more of what was said when the thread
/// is held up; shorter keeps what is said in the present.
const LATE_MAX: Duration = Duration::from_millis(500);

/// When to come back if there is nothing to do at all.
const IDLE: Duration = Duration::from_secs(60);

/// A packet on its way to all that follow a feed.
pub(super) struct Job {
    pub(super) number: u64,
    pub(super) room: u32,
    pub(super) feed: Feed,
    pub(super) what: What,
    /// When it could be sent.
    pub(super) ready: Instant,
}

/// What a packet brings.
pub(super) enum What {
    Frame(Arc<Frame>),
    Sign(SignFor),
}

impl What {
    pub(super) fn frame(&self) -> Option<&Arc<Frame>> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Sign(_) => None,
        }
    }
}

/// A packet on its way to a leg that follows another feed by now.
pub(super) struct Rest {
    pub(super) leg: u32,
    /// The index may be another leg's by now.
    pub(super) id: LegId,
    pub(super) feed: Feed,
    pub(super) frame: Arc<Frame>,
    pub(super) ready: Instant,
}

/// A packet that a listener has asked for again.
pub(super) struct Resend {
    pub(super) leg: u32,
    pub(super) slot: u8,
    pub(super) seq: u16,
}

/// A DTLS datagram of a listen leg.
pub(super) struct Handshake {
    pub(super) leg: u32,
    /// As for [`Rest`].
    pub(super) id: LegId,
    pub(super) bytes: Box<[u8]>,
}

/// What [`Shard::poll`] has found to do, without borrowing what it gives out.
pub(super) enum Step {
    Control(Path),
    Media { to: Path, len: usize, arrived: Option<Instant> },
    Frame(Arc<Frame>),
    Leg(LegId, RoomId, LegEvent),
    Timeout(Instant),
}

impl Shard {
    pub(super) fn step(&mut self, now: Instant) -> Step {
        loop {
            if let Some(to) = self.out.pop(&mut self.control) {
                return Step::Control(to);
            }
            if let Some((leg, room, event)) = self.events.pop_front() {
                return Step::Leg(leg, room, event);
            }
            if let Some(frame) = self.frames.pop_front() {
                return Step::Frame(frame);
            }
            if self.at_once >= MEDIA_AT_ONCE {
                self.at_once = 0;
                return Step::Timeout(now);
            }
            if self.since_other < MEDIA_FIRST
                && let Some(step) = self.next_media(now).or_else(|| self.next_resend(now))
            {
                self.at_once += 1;
                self.since_other += 1;
                return step;
            }
            if self.at_once > 0 && !self.handshakes.is_empty() {
                // The caller measures how long media takes: a handshake has a turn to itself, which is the next.
                self.at_once = 0;
                self.since_other = MEDIA_FIRST;
                return Step::Timeout(now);
            }
            self.since_other = 0;
            // Timers first: there is no end to what peers may send as handshakes.
            let was_due = self.next_timers(now);
            if self.next_handshake(now) {
                // After what it has to say, the caller looks at what has come in.
                self.at_once = MEDIA_AT_ONCE;
                continue;
            }
            let media_waits = !(self.rests.is_empty() && self.fan_out.is_empty() && self.resends.is_empty());
            if !was_due && !media_waits {
                self.at_once = 0;
                return Step::Timeout(self.timers.first().map_or(now + IDLE, |(at, _)| *at));
            }
        }
    }

    /// Does what is due, up to [`TIMERS_AT_ONCE`]. `false`: nothing is.
    fn next_timers(&mut self, now: Instant) -> bool {
        for done in 0..TIMERS_AT_ONCE {
            let Some((_, timer)) = self.timers.first().copied().filter(|(at, _)| *at <= now) else {
                return done > 0;
            };
            self.due(now, timer);
        }
        true
    }

    /// The next packet that is on its way to listeners.
    fn next_media(&mut self, now: Instant) -> Option<Step> {
        while let Some(Rest { leg: index, id, feed, frame, ready }) = self.rests.pop_front() {
            let Some(leg) = self.legs[index as usize].as_mut().filter(|leg| leg.id == id) else { continue };
            if is_late(now, ready) {
                self.stats.queue_dropped += 1;
                continue;
            }
            // Before sealing: that takes a number, and a number that is not sent is a loss to the listener.
            let room = self.rooms[leg.room as usize].as_ref();
            let Some(room) = room.filter(|room| room.may(now, frame.talker)) else { continue };
            let ring = room.frames();
            if let Some((to, len)) = seal(now, index, leg, feed, &frame, ring, &mut self.timers, &mut self.packet) {
                self.stats.sent += 1;
                self.stats.sent_bytes += len as u64;
                return Some(Step::Media { to, len, arrived: Some(ready) });
            }
        }
        while let Some(Job { number, room, feed, what, ready }) = self.fan_out.front() {
            let late = self.cursor == 0 && is_late(now, *ready);
            self.stats.queue_dropped += u64::from(late);
            let may = |room: &&Room| match what {
                What::Frame(frame) => room.may(now, frame.talker),
                What::Sign(_) => room.lease_holds(now),
            };
            if let Some(room) = self.rooms[*room as usize].as_ref().filter(|room| !late && may(room)) {
                let (audience, ring) = (room.listeners(*feed), room.frames());
                while let Some(&index) = audience.get(self.cursor) {
                    self.cursor += 1;
                    let Some(leg) = self.legs[index as usize].as_mut().filter(|leg| leg.since <= *number) else {
                        continue;
                    };
                    let (timers, packet) = (&mut self.timers, &mut self.packet);
                    let frame = match what {
                        What::Frame(frame) => frame,
                        What::Sign(whom) => {
                            let Some((to, len)) = sign_of_life(leg, *whom, packet) else { continue };
                            self.stats.signs += 1;
                            return Some(Step::Media { to, len, arrived: None });
                        }
                    };
                    if let Some((to, len)) = seal(now, index, leg, *feed, frame, ring, timers, packet) {
                        self.stats.sent += 1;
                        self.stats.sent_bytes += len as u64;
                        return Some(Step::Media { to, len, arrived: Some(*ready) });
                    }
                }
            }
            self.fan_out.pop_front();
            self.cursor = 0;
        }
        None
    }

    /// Takes one handshake a step further. `false`: none waits.
    fn next_handshake(&mut self, now: Instant) -> bool {
        while let Some(Handshake { leg: index, id, bytes }) = self.handshakes.pop_front() {
            let Some(leg) = self.legs[index as usize].as_mut().filter(|leg| leg.id == id) else { continue };
            leg.handshakes -= 1;
            let Kind::Listen(listen) = &mut leg.kind else { continue };
            let result = listen.dtls(now, &self.config.identity, &bytes, &mut self.out);
            self.after(now, index, result);
            return true;
        }
        false
    }

    /// The next packet that somebody has asked for again and may still have.
    fn next_resend(&mut self, now: Instant) -> Option<Step> {
        while let Some(Resend { leg, slot, seq }) = self.resends.pop_front() {
            let Some(Leg { kind: Kind::Listen(listen), room, .. }) = &self.legs[leg as usize] else {
                continue;
            };
            let room = self.rooms[*room as usize].as_ref().filter(|room| room.lease_holds(now));
            let sealed = room.and_then(|room| listen.reseal(slot, seq, |feed| room.ring(feed), &mut self.packet));
            if let (Some(len), Some(to)) = (sealed, listen.ice.selected()) {
                self.stats.resent += 1;
                return Some(Step::Media { to, len, arrived: None });
            }
            self.stats.resend_refused += 1;
        }
        None
    }

    /// Starts what is ready on its way.
    pub(super) fn send(&mut self, room: u32, ready: Instant) {
        let large = self.rooms[room as usize].as_ref().is_some_and(|room| room.is_packed());
        let mut packets = std::mem::take(&mut self.ready);
        for (feed, frame) in packets.drain(..) {
            let job = Job { number: self.jobs, room, feed, what: What::Frame(frame), ready };
            let at = if large && feed == Feed::PLAIN { self.before_audiences(room) } else { self.fan_out.len() };
            self.fan_out.insert(at, job);
            self.jobs += 1;
        }
        self.ready = packets;
        self.trim_fan_out();
    }

    /// Starts a sign of life on its way to listeners of a room.
    pub(super) fn send_signs(&mut self, index: u32, whom: SignFor, ready: Instant) {
        let Some(room) = &self.rooms[index as usize] else { return };
        // Who talks gets what comes as it comes.
        for feed in room.followed().filter(|feed| whom == SignFor::All || *feed == Feed::PLAIN) {
            self.fan_out.push_back(Job { number: self.jobs, room: index, feed, what: What::Sign(whom), ready });
            self.jobs += 1;
        }
        self.trim_fan_out();
    }

    fn trim_fan_out(&mut self) {
        while self.fan_out.len() > FAN_OUT_MAX {
            // The oldest for an audience, if there is one: the stage goes on.
            let at = self.fan_out.iter().position(|job| job.feed != Feed::PLAIN).unwrap_or(0);
            self.fan_out.remove(at);
            self.stats.queue_dropped += 1;
            if at == 0 {
                self.cursor = 0;
            }
        }
    }

    /// Where a packet goes that is for those on the stage of a large room: before what is for audiences and has not begun to
    /// go out. They talk with each other, and are few. Not before an earlier one of the same room.
    fn before_audiences(&self, room: u32) -> usize {
        let mut at = self.fan_out.len();
        for (n, job) in self.fan_out.iter().enumerate().skip(usize::from(self.cursor > 0)).rev() {
            if job.feed != Feed::PLAIN {
                at = n;
            } else if job.room == room {
                break;
            }
        }
        at
    }
}

/// Seals a sign of life for a leg, and says where it goes. `None`: it cannot have one yet.
fn sign_of_life(leg: &mut Leg, whom: SignFor, packet: &mut [u8; PACKET_MAX]) -> Option<(Path, usize)> {
    let Leg { kind: Kind::Listen(listen), .. } = leg else { return None };
    if whom != SignFor::All && whom != SignFor::One(listen.own()) {
        return None;
    }
    let to = listen.ice.selected()?;
    listen.sign_of_life(packet).map(|len| (to, len))
}

/// Whether a packet has waited for too long to be of use.
pub(super) fn is_late(now: Instant, ready: Instant) -> bool {
    now.saturating_duration_since(ready) > LATE_MAX
}

/// Seals a packet of a feed for a leg, and says where it goes. `None`: the leg is not to have it, or cannot yet.
#[expect(clippy::too_many_arguments, reason = "parts of a shard, which is borrowed in parts")]
fn seal(
    now: Instant,
    index: u32,
    leg: &mut Leg,
    feed: Feed,
    frame: &Frame,
    ring: &Ring,
    timers: &mut BTreeSet<(Instant, Timer)>,
    packet: &mut [u8; PACKET_MAX],
) -> Option<(Path, usize)> {
    let Leg { kind: Kind::Listen(listen), timer, .. } = leg else { return None };
    let to = listen.ice.selected()?;
    let len = listen.seal(now, feed, frame, ring, packet)?;
    // The first packet after a report makes the next one due.
    if let Some(due) = listen.report_at()
        && due < *timer
    {
        timers.remove(&(*timer, Timer::Leg(index)));
        timers.insert((due, Timer::Leg(index)));
        *timer = due;
    }
    Some((to, len))
}
