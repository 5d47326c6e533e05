//! Everything one media thread owns: its legs, the rooms they are in, and who is sent what.
//!
//! # Driving it
//!
//! The caller owns the sockets and the clock. It hands in what there is, then takes out what there is to do until it is
//! told when to come back.
//!
//! 1. Wait for a datagram, a message from another thread, or the last [`Output::Timeout`].
//! 2. Call [`Shard::handle`] with it, and with what else is there, at most [`INPUTS_AT_ONCE`] times.
//! 3. Call [`Shard::poll`] until it returns [`Output::Timeout`], sending or passing on what comes out, at once: the bytes
//!    of a [`Output::Transmit`] are only valid until the next call.
//! 4. Go to 1.
//!
//! A timeout that is not after `now` means that there is more to do. It comes after each [`MEDIA_AT_ONCE`] packets of media
//! and after each step of a handshake, so that what has come in meanwhile does not wait until ten thousand listeners are
//! served: the caller looks at what is there without waiting, and goes on. It comes between media and a step of a handshake
//! as well, so that the time from the first packet of media to the timeout has no handshake in it.
//!
//! So things are handed in while packets are on their way to an audience. Each packet has a number. A leg gets those with
//! numbers from after it began to follow a feed, each once: legs that were served lie before the cursor, and stay there when
//! others leave. What was on its way in a feed that a leg leaves for another still goes out to it, before anything else. In
//! a room with an audience that gets longer packets, what is for the others goes out before what is for that audience.
//!
//! ```no_run
//! # use std::time::Instant;
//! # use roomtone_media::shard::{Input, Output, Shard};
//! # fn next(_: Instant) -> (Instant, Input<'static>) { unimplemented!() }
//! # fn send(_: roomtone_media::leg::Path, _: &[u8]) {}
//! # fn run(mut shard: Shard, mut wake: Instant) {
//! loop {
//!     let (now, input) = next(wake);
//!     shard.handle(now, input);
//!     loop {
//!         match shard.poll(now) { // a later `now` with each call will do as well
//!             Output::Transmit { to, bytes, .. } => send(to, bytes),
//!             Output::Frame(_frame) => { /* to the other threads and the recorder */ }
//!             Output::Leg { .. } => { /* to the room's owner */ }
//!             Output::Timeout(at) => {
//!                 wake = at;
//!                 break;
//!             }
//!         }
//!     }
//! }
//! # }
//! ```

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomtone_room::ids::RoomId;

pub use self::api::{EndReason, Grant, Input, LegEvent, ListenSetup, ListenSlot, Output, PublishSetup, ShardConfig};
pub(crate) use self::outbox::Outbox;
use self::room::{Ready, Room};
pub use self::schedule::MEDIA_AT_ONCE;
use self::schedule::{Handshake, Job, Resend, Rest, Step};
pub use self::stats::Stats;
use crate::feed::{Feed, Tier};
use crate::frame::Frame;
use crate::ice::{ANSWER_MAX, Check, Ice, Verdict};
use crate::leg::{LegId, Path, StreamId};
use crate::listen::{Listen, PACKET_MAX, PAYLOAD_MAX};
use crate::publish::{self, Publish, Voice, Voices};
use crate::rtp::{self, PacketKind};
use crate::stage::Decision;

mod api;
mod outbox;
mod room;
mod schedule;
mod stats;
mod tiers;

/// How long a leg may take from the answer to the end of the handshake. Longer helps very slow networks; shorter frees
/// what abandoned offers hold.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// How long a leg lives without an authenticated STUN check of its peer (RFC 7675 section 5.1 says 30 s). Browsers send
/// one every 2 to 5 s, talking or not.
pub const CONSENT_LIMIT: Duration = Duration::from_secs(30);

/// How many things may be handed in before everything that is not media is taken out. More would need larger queues.
pub const INPUTS_AT_ONCE: usize = 64;

/// Frames that may wait to be passed on. One datagram brings at most nine.
const FRAMES_MAX: usize = 9 * INPUTS_AT_ONCE;

/// DTLS datagrams that may wait for their turn. More serves a larger rush without repetitions; each takes up to 1.2 KB.
const HANDSHAKES_MAX: usize = 4096;

/// Those of one leg. A flight has up to five (certificates in fragments); more lets one peer hold up the others.
const HANDSHAKES_OF_LEG: u8 = 8;

/// Resends that may wait: as many as a room full of listeners may ask for at the same moment.
const RESENDS_MAX: usize = 4096;

/// The least time between two looks at one leg.
const TICK: Duration = Duration::from_millis(1);

/// Everything one media thread owns. See the top of this file for how to drive it.
pub struct Shard {
    config: ShardConfig,
    stats: Stats,
    /// Legs by index; `free` are the indices not in use.
    legs: Vec<Option<Leg>>,
    free: Vec<u32>,
    by_id: HashMap<LegId, u32>,
    by_ufrag: HashMap<String, u32>,
    /// Only paths that have passed an authenticated STUN check.
    by_path: HashMap<Path, u32>,
    by_stream: HashMap<StreamId, Path>,
    /// The publish legs by the stream that is listened to.
    by_ssrc: HashMap<u32, u32>,
    rooms: Vec<Option<Room>>,
    free_rooms: Vec<u32>,
    by_room: HashMap<RoomId, u32>,
    /// One entry for each leg and each room, not later than when it has something to do.
    timers: BTreeSet<(Instant, Timer)>,
    /// What waits to be polled; in what order, `schedule` says. `fan_out` holds frames on their way to the listeners of
    /// their room, `cursor` the place that the first of them has reached: a packet is sealed when it is polled, and none is
    /// ever queued. `rests` are those for legs that have left the feed; they go first.
    out: Outbox,
    events: VecDeque<(LegId, RoomId, LegEvent)>,
    frames: VecDeque<Arc<Frame>>,
    fan_out: VecDeque<Job>,
    cursor: usize,
    rests: VecDeque<Rest>,
    /// How many packets were started on their way so far.
    jobs: u64,
    /// DTLS datagrams of listen legs. Signing takes far longer than sealing, and sound does not wait for it.
    handshakes: VecDeque<Handshake>,
    /// Packets of media given out since the caller was last asked to look at what has come in, and since anything else had
    /// its turn.
    at_once: usize,
    since_other: usize,
    /// Packets of one step, on their way from a room to `fan_out`; empty between steps.
    ready: Vec<Ready>,
    resends: VecDeque<Resend>,
    voices: Voices,
    packet: Box<[u8; PACKET_MAX]>,
    control: Vec<u8>,
}

/// One leg and where it belongs.
struct Leg {
    id: LegId,
    room: u32,
    /// What a listen leg follows, and its place among those of its room that do.
    feed: Feed,
    place: usize,
    /// The number of the first packet of the feed that is for this leg.
    since: u64,
    /// How many of its DTLS datagrams wait.
    handshakes: u8,
    timer: Instant,
    kind: Kind,
}

/// The two kinds of leg. Nearly all legs listen, and they lie in place, one behind the other.
#[expect(clippy::large_enum_variant, reason = "the large one is the one there are thousands of")]
enum Kind {
    Listen(Listen),
    Publish(Box<Publish>),
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Leg(u32),
    Room(u32),
    Pack(u32),
    Quiet(u32),
}

impl Shard {
    /// A shard without rooms or legs.
    pub fn new(config: ShardConfig) -> Self {
        Self {
            // Reserved and not touched: growing would copy all legs at once, in the middle of a packet interval.
            legs: Vec::with_capacity(config.max_legs),
            config,
            stats: Stats::default(),
            free: Vec::new(),
            by_id: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_path: HashMap::new(),
            by_stream: HashMap::new(),
            by_ssrc: HashMap::new(),
            rooms: Vec::new(),
            free_rooms: Vec::new(),
            by_room: HashMap::new(),
            timers: BTreeSet::new(),
            out: Outbox::default(),
            events: VecDeque::new(),
            frames: VecDeque::new(),
            fan_out: VecDeque::new(),
            cursor: 0,
            rests: VecDeque::new(),
            jobs: 0,
            handshakes: VecDeque::new(),
            at_once: 0,
            since_other: 0,
            ready: Vec::new(),
            resends: VecDeque::new(),
            voices: Voices::default(),
            packet: Box::new([0; PACKET_MAX]),
            control: Vec::new(),
        }
    }

    /// Takes in one thing, at any time.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Datagram { path, bytes } => self.datagram(now, path, bytes),
            Input::PathClosed { stream } => self.path_closed(stream),
            Input::AddListen(setup) => self.add_listen(now, &setup),
            Input::AddPublish(setup) => self.add_publish(now, &setup),
            Input::DropLeg { leg } => {
                if let Some(&index) = self.by_id.get(&leg) {
                    self.remove(now, index);
                }
            }
            Input::SetTier { leg, tier } => self.set_tier(now, leg, tier),
            Input::Grant(grant) => self.grant(now, grant),
            Input::Frame(frame) => self.relayed(now, frame),
            Input::Timeout => {}
        }
    }

    /// Gives out one thing. What has become due at `now` is done on the way.
    pub fn poll(&mut self, now: Instant) -> Output<'_> {
        match self.step(now) {
            Step::Control(to) => Output::Transmit { to, bytes: &self.control, arrived: None },
            Step::Media { to, len, arrived } => Output::Transmit { to, bytes: &self.packet[..len], arrived },
            Step::Frame(frame) => Output::Frame(frame),
            Step::Leg(leg, room, event) => Output::Leg { leg, room, event },
            Step::Timeout(at) => Output::Timeout(at),
        }
    }

    /// All legs with their rooms, in no order: for whoever gives the shard up.
    pub fn legs(&self) -> impl Iterator<Item = (LegId, RoomId)> {
        let room_of = |leg: &Leg| self.rooms.get(leg.room as usize)?.as_ref().map(|room| room.id);
        self.legs.iter().flatten().filter_map(move |leg| Some((leg.id, room_of(leg)?)))
    }

    /// What happened so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether nothing at all is held: no leg, room, path or timer.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.timers.is_empty()
            && self.by_id.is_empty()
            && self.by_ufrag.is_empty()
            && self.by_path.is_empty()
            && self.by_stream.is_empty()
            && self.by_ssrc.is_empty()
            && self.by_room.is_empty()
            && self.legs.iter().all(Option::is_none)
            && self.rooms.iter().all(Option::is_none)
    }

    fn datagram(&mut self, now: Instant, path: Path, bytes: &mut [u8]) {
        self.stats.datagrams += 1;
        match rtp::kind(bytes) {
            PacketKind::Stun => self.stun(now, path, bytes),
            PacketKind::Other => self.stats.malformed += 1,
            kind => match self.by_path.get(&path) {
                Some(&index) => self.known_path(now, index, kind, bytes),
                None => match self.strayed(now, path, kind, bytes) {
                    Some(index) => self.known_path(now, index, kind, bytes),
                    None => self.stats.unknown_path += 1,
                },
            },
        }
    }

    /// The publish leg that a packet from an unknown path says to be of. When a speaker's address changes their packets come
    /// from another at once, and their next check up to 2.5 s later; until then the key alone shows whose they are. Such a
    /// packet is heard and changes nothing: nothing is ever sent to an address that has passed no check (RFC 7675).
    fn strayed(&mut self, now: Instant, path: Path, kind: PacketKind, bytes: &[u8]) -> Option<u32> {
        let ssrc = publish::ssrc_of(bytes).filter(|_| kind == PacketKind::Rtp && matches!(path, Path::Udp(_)))?;
        let index = *self.by_ssrc.get(&ssrc)?;
        let Some(Leg { kind: Kind::Publish(publish), .. }) = &mut self.legs[index as usize] else { return None };
        let tried = publish.tries_stray(now);
        self.stats.strayed += u64::from(tried);
        tried.then_some(index)
    }

    /// A STUN message: the only thing that may come from anywhere, and that can open or move a path.
    fn stun(&mut self, now: Instant, path: Path, bytes: &[u8]) {
        let Some(check) = Check::parse(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        let Some(&index) = check.ufrag().and_then(|ufrag| self.by_ufrag.get(ufrag)) else {
            self.stats.stun_unknown_user += 1;
            return;
        };
        let Some(leg) = &mut self.legs[index as usize] else {
            return;
        };
        let ice = leg.ice_mut();
        let verdict = ice.check(now, path, &check);
        if verdict == Verdict::Forged {
            self.stats.stun_forged += 1;
            return;
        }
        self.stats.stun_checks += 1;
        let mut answer = [0; ANSWER_MAX];
        let len = ice.answer(path, &check, &mut answer);
        self.out.push(Some(path), &answer[..len]);
        let Verdict::Valid { new, evicted, moved } = verdict else {
            return;
        };
        self.stats.path_moves += u64::from(moved);
        if let Kind::Publish(publish) = &mut leg.kind {
            let result = publish.checked(now, bytes, &mut self.out);
            self.after(now, index, result);
        }
        if let Some(evicted) = evicted {
            self.unlist(evicted);
        }
        if new && self.legs[index as usize].is_some() {
            self.claim(path, index);
        }
    }

    /// Gives a path to the leg whose peer has just shown that it is theirs.
    fn claim(&mut self, path: Path, index: u32) {
        if let Some(former) = self.by_path.insert(path, index)
            && former != index
            && let Some(leg) = &mut self.legs[former as usize]
        {
            leg.ice_mut().forget(path);
        }
        if let Path::Tcp { stream, .. } = path {
            self.by_stream.insert(stream, path);
        }
    }

    /// DTLS, RTP or RTCP from a path that belongs to a leg.
    fn known_path(&mut self, now: Instant, index: u32, kind: PacketKind, bytes: &mut [u8]) {
        let Some(leg) = &mut self.legs[index as usize] else {
            return;
        };
        let result = match &mut leg.kind {
            Kind::Listen(listen) => match kind {
                PacketKind::Dtls => {
                    if !listen.wants_dtls() {
                        return;
                    }
                    if leg.handshakes < HANDSHAKES_OF_LEG && self.handshakes.len() < HANDSHAKES_MAX {
                        leg.handshakes += 1;
                        self.handshakes.push_back(Handshake { leg: index, id: leg.id, bytes: (&*bytes).into() });
                    } else {
                        self.stats.queue_dropped += 1;
                    }
                    return;
                }
                PacketKind::Rtcp => {
                    let resends = &mut self.resends;
                    let asked = |slot, seq| resends.push_back(Resend { leg: index, slot, seq });
                    listen.rtcp(now, bytes, &mut self.stats, asked);
                    self.stats.queue_dropped += trim(&mut self.resends, RESENDS_MAX);
                    return;
                }
                // A listener has nothing to send us.
                _ => {
                    self.stats.srtp_rejected += 1;
                    return;
                }
            },
            Kind::Publish(publish) => {
                let former = publish.stream();
                let result = publish.datagram(now, bytes, &mut self.stats, &mut self.out, &mut self.voices);
                if let Some(stream) = publish.new_stream() {
                    self.unlist_stream(former, index);
                    self.by_ssrc.insert(stream, index);
                }
                result
            }
        };
        self.voice(now, index);
        self.after(now, index, result);
    }

    /// What a publish leg has brought: through the stage, and out as frames.
    fn voice(&mut self, now: Instant, index: u32) {
        let claimed = self.voices.claimed.take();
        let Some(last) = self.voices.list.last() else { return };
        let count = self.voices.list.len() as u64;
        self.stats.voice_packets += count;
        self.stats.voice_recovered += count - 1;
        let Some(Leg { room: at, kind: Kind::Publish(publish), .. }) = &mut self.legs[index as usize] else {
            return;
        };
        let room = self.rooms[*at as usize].as_mut().expect("a room stays while it has legs");
        let talker = publish.talker;
        let decision = if room.may(now, talker) {
            let decision = room.stage.arrived(now, talker, claimed, &last.payload);
            self.stats.voice_withheld += if decision.is_none() { count } else { 0 };
            decision
        } else {
            self.stats.not_granted += count;
            None
        };
        let Some(Decision { slot, dominant, level }) = decision else {
            publish.withheld();
            self.voices.list.clear();
            return;
        };
        let stretch = publish.forwarded(slot);
        let (at, room) = (*at, room.id);
        for voice in std::mem::take(&mut self.voices.list) {
            let seq = stretch | voice.seq & u64::from(u32::MAX);
            let Voice { time, payload, .. } = voice;
            let frame = Arc::new(Frame { room, talker, slot, dominant, seq, time, level, arrived: now, payload });
            if self.deliver(at, &frame) {
                self.frames.push_back(frame);
            }
        }
        self.stats.queue_dropped += trim(&mut self.frames, FRAMES_MAX);
    }

    /// A frame that another thread's shard has made.
    fn relayed(&mut self, now: Instant, frame: Arc<Frame>) {
        let Some(&index) = self.by_room.get(&frame.room) else {
            self.stats.not_granted += 1;
            return;
        };
        let granted = self.rooms[index as usize].as_ref().is_some_and(|room| room.may(now, frame.talker));
        if !granted {
            self.stats.not_granted += 1;
        } else if frame.payload.len() > PAYLOAD_MAX {
            self.stats.malformed += 1;
        } else {
            self.deliver(index, &frame);
        }
    }

    fn grant(&mut self, now: Instant, grant: Grant) {
        let (id, until) = (grant.room, grant.until);
        let index = self.room(id);
        let Some(room) = &mut self.rooms[index as usize] else {
            return;
        };
        if !room.take(grant) {
            self.stats.grants_stale += 1;
        } else if room.timer.is_none() {
            room.timer = Some(until.max(now));
            self.timers.insert((until.max(now), Timer::Room(index)));
        }
    }

    fn add_listen(&mut self, now: Instant, setup: &ListenSetup) {
        let refused = self.refusal(setup.leg, &setup.local.ufrag);
        match refused.map_or_else(|| Listen::new(now, setup).ok_or(EndReason::InvalidSetup), Err) {
            Ok(listen) => {
                let index = self.add(setup.leg, setup.room, Kind::Listen(listen));
                if let Some(leg) = &mut self.legs[index as usize]
                    && let Some(room) = &mut self.rooms[leg.room as usize]
                {
                    leg.place = room.follow(leg.feed, index);
                }
            }
            Err(reason) => self.events.push_back((setup.leg, setup.room, LegEvent::Ended(reason))),
        }
    }

    fn add_publish(&mut self, now: Instant, setup: &PublishSetup) {
        let refused = self.refusal(setup.leg, &setup.local.ufrag);
        let make = || Publish::new(now, setup, &self.config.identity).ok_or(EndReason::InvalidSetup);
        match refused.map_or_else(make, Err) {
            Ok(publish) => {
                let index = self.add(setup.leg, setup.room, Kind::Publish(Box::new(publish)));
                let room = self.legs[index as usize].as_ref().map(|leg| leg.room);
                if let Some(room) = room.and_then(|room| self.rooms[room as usize].as_mut()) {
                    room.publishers += 1;
                }
            }
            Err(reason) => self.events.push_back((setup.leg, setup.room, LegEvent::Ended(reason))),
        }
    }

    /// Why a leg with this id and user fragment cannot be added, if so.
    fn refusal(&self, leg: LegId, ufrag: &str) -> Option<EndReason> {
        if self.by_id.contains_key(&leg) || self.by_ufrag.contains_key(ufrag) {
            Some(EndReason::InvalidSetup)
        } else if self.by_id.len() >= self.config.max_legs {
            Some(EndReason::ShardFull)
        } else {
            None
        }
    }

    fn add(&mut self, id: LegId, room: RoomId, kind: Kind) -> u32 {
        let room = self.room(room);
        match kind {
            Kind::Listen(_) => {
                self.stats.listen_legs += 1;
                self.stats.tier_legs[Tier::default() as usize] += 1;
            }
            Kind::Publish(_) => self.stats.publish_legs += 1,
        }
        let (since, timer) = (self.jobs, kind.deadline());
        let leg = Leg { id, room, feed: Feed::PLAIN, place: 0, since, handshakes: 0, timer, kind };
        let ufrag = leg.ice().ufrag().to_owned();
        let index = insert(&mut self.legs, &mut self.free, leg);
        self.by_id.insert(id, index);
        self.by_ufrag.insert(ufrag, index);
        self.timers.insert((timer, Timer::Leg(index)));
        index
    }

    /// Takes a leg out, and everything that leads to it.
    fn remove(&mut self, now: Instant, index: u32) -> Option<(LegId, RoomId)> {
        let leg = self.legs[index as usize].take()?;
        self.free.push(index);
        self.timers.remove(&(leg.timer, Timer::Leg(index)));
        self.by_id.remove(&leg.id);
        self.by_ufrag.remove(leg.ice().ufrag());
        leg.ice().paths().iter().for_each(|path| self.unlist(*path));
        if let Kind::Publish(publish) = &leg.kind {
            self.unlist_stream(publish.stream(), index);
        }
        let room = self.rooms[leg.room as usize].as_mut()?;
        let id = room.id;
        match leg.kind {
            Kind::Listen(_) => {
                self.stats.listen_legs -= 1;
                self.stats.tier_legs[leg.feed.tier() as usize] -= 1;
                self.unfollow(leg.room, leg.feed, leg.place);
            }
            Kind::Publish(_) => {
                self.stats.publish_legs -= 1;
                room.publishers -= 1;
            }
        }
        self.release(now, leg.room);
        Some((leg.id, id))
    }

    /// A path that no longer belongs to any leg.
    fn unlist(&mut self, path: Path) {
        self.by_path.remove(&path);
        if let Path::Tcp { stream, .. } = path {
            self.by_stream.remove(&stream);
        }
    }

    /// A stream that a publish leg no longer listens to. Another leg may have one of the same number.
    fn unlist_stream(&mut self, stream: Option<u32>, index: u32) {
        if let Some(stream) = stream.filter(|stream| self.by_ssrc.get(stream) == Some(&index)) {
            self.by_ssrc.remove(&stream);
        }
    }

    fn path_closed(&mut self, stream: StreamId) {
        let Some(path) = self.by_stream.remove(&stream) else {
            return;
        };
        if let Some(index) = self.by_path.remove(&path)
            && let Some(leg) = &mut self.legs[index as usize]
        {
            leg.ice_mut().forget(path);
        }
    }

    /// What a leg's own code has said about it: passed on, and its timer set anew if it is due earlier.
    fn after(&mut self, now: Instant, index: u32, result: Result<bool, EndReason>) {
        self.stats.queue_dropped += self.out.take_dropped();
        let Some(leg) = &mut self.legs[index as usize] else {
            return;
        };
        match result {
            Ok(connected) => {
                if connected && let Some(room) = &self.rooms[leg.room as usize] {
                    self.events.push_back((leg.id, room.id, LegEvent::Connected));
                }
                let due = leg.kind.deadline();
                if due < leg.timer {
                    self.timers.remove(&(leg.timer, Timer::Leg(index)));
                    self.timers.insert((due, Timer::Leg(index)));
                    leg.timer = due;
                }
            }
            Err(reason) => {
                if let Some((leg, room)) = self.remove(now, index) {
                    self.events.push_back((leg, room, LegEvent::Ended(reason)));
                }
            }
        }
    }

    /// A timer has come. It may be early: a leg's entry is not moved each time that its deadline moves away.
    fn due(&mut self, now: Instant, timer: Timer) {
        self.timers.pop_first();
        match timer {
            Timer::Leg(index) => {
                let Some(leg) = &mut self.legs[index as usize] else {
                    return;
                };
                let config = &self.config;
                let result = match &mut leg.kind {
                    Kind::Listen(listen) => listen.timeout(now, |now| config.ntp(now), &mut self.out),
                    Kind::Publish(publish) => publish.timeout(now, &mut self.out),
                };
                // Never twice in one moment, whatever the leg says.
                leg.timer = leg.kind.deadline().max(now + TICK);
                self.timers.insert((leg.timer, Timer::Leg(index)));
                self.after(now, index, result);
            }
            Timer::Pack(index) => {
                if let Some(room) = &mut self.rooms[index as usize] {
                    room.pack_timer = None;
                    room.flush_due(now, &mut self.ready);
                    self.send(index, now);
                    self.arm_packing(index);
                }
            }
            Timer::Quiet(index) => {
                let Some(room) = &mut self.rooms[index as usize] else { return };
                let due = room.quiet.due(now);
                if let Some(at) = room.quiet.next(now + TICK) {
                    self.timers.insert((at, Timer::Quiet(index)));
                }
                if let Some(whom) = due {
                    self.send_signs(index, whom, now);
                }
            }
            Timer::Room(index) => {
                if let Some(room) = &mut self.rooms[index as usize] {
                    room.timer = None;
                }
                self.release(now, index);
            }
        }
    }

    /// The index of a room, which is made if it is new.
    fn room(&mut self, id: RoomId) -> u32 {
        if let Some(&index) = self.by_room.get(&id) {
            return index;
        }
        let index = insert(&mut self.rooms, &mut self.free_rooms, Room::new(id));
        self.by_room.insert(id, index);
        index
    }

    /// Drops a room that nothing needs any more, or looks again when its lease ends.
    fn release(&mut self, now: Instant, index: u32) {
        let Some(room) = &mut self.rooms[index as usize] else {
            return;
        };
        if !room.in_use(now) {
            if let Some(at) = room.timer.take() {
                self.timers.remove(&(at, Timer::Room(index)));
            }
            if let Some(at) = room.pack_timer.take() {
                self.timers.remove(&(at, Timer::Pack(index)));
            }
            if let Some(at) = room.quiet.timer.take() {
                self.timers.remove(&(at, Timer::Quiet(index)));
            }
            self.by_room.remove(&room.id);
            // The index is another room's soon.
            if self.fan_out.front().is_some_and(|job| job.room == index) {
                self.cursor = 0;
            }
            self.fan_out.retain(|job| job.room != index);
            self.rooms[index as usize] = None;
            self.free_rooms.push(index);
        } else if room.timer.is_none()
            && let Some(until) = room.grant.as_ref().map(|grant| grant.until).filter(|until| *until > now)
        {
            room.timer = Some(until);
            self.timers.insert((until, Timer::Room(index)));
        }
    }
}

impl Leg {
    fn ice(&self) -> &Ice {
        match &self.kind {
            Kind::Listen(listen) => &listen.ice,
            Kind::Publish(publish) => &publish.ice,
        }
    }

    fn ice_mut(&mut self) -> &mut Ice {
        match &mut self.kind {
            Kind::Listen(listen) => &mut listen.ice,
            Kind::Publish(publish) => &mut publish.ice,
        }
    }
}

impl Kind {
    fn deadline(&self) -> Instant {
        match self {
            Kind::Listen(listen) => listen.deadline(),
            Kind::Publish(publish) => publish.deadline(),
        }
    }
}

impl ShardConfig {
    /// NTP time of a moment (RFC 5905, section 6).
    fn ntp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started);
        rtp::ntp_from_unix_millis(self.unix_millis + since.as_millis() as u64, since.subsec_micros() % 1000)
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("stats", &self.stats).finish_non_exhaustive()
    }
}

/// Puts a value at the first free index.
fn insert<T>(slab: &mut Vec<Option<T>>, free: &mut Vec<u32>, value: T) -> u32 {
    let index = free.pop().unwrap_or(slab.len() as u32);
    match slab.get_mut(index as usize) {
        Some(place) => *place = Some(value),
        None => slab.push(Some(value)),
    }
    index
}

/// Drops the oldest of a queue until it has at most `max`, and says how many those were.
fn trim<T>(queue: &mut VecDeque<T>, max: usize) -> u64 {
    let over = queue.len().saturating_sub(max);
    queue.drain(..over);
    over as u64
}
