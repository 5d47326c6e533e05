//! What a shard knows of one room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use roomtone_room::ids::{RoomId, TalkerNo};

use super::Grant;
use crate::feed::{FEEDS, Feed, Packer, Tier};
use crate::frame::Frame;
use crate::ring::Ring;
use crate::stage::Stage;

/// Between the last frame of a room and the first packet that only tells its listeners that their way here still leads
/// somewhere. Shorter finds out sooner; longer than what a speaker's packets are apart in a restless network.
const FIRST_SIGN: Duration = Duration::from_millis(100);

/// From one of these packets to the next, while clients find out whether sound ended or its way. With nothing on the way for a sixth
/// of a second, a client can know that its network has changed, long before ICE does: of three packets one comes even where many
/// are lost. Shorter stands more losses, and adds packets to the pauses of a large audience.
const SIGN_EVERY: Duration = Duration::from_millis(50);

/// Until when they come so often after the last frame, and how often they come from then on: for clients whose buffers are long.
const SLOWLY: (Duration, Duration) = (Duration::from_millis(350), Duration::from_millis(100));

/// When the last of them comes: after that, nobody listens for what stopped in the middle of a word.
const LAST_SIGN: Duration = Duration::from_millis(950);

/// One room on one shard.
pub(super) struct Room {
    pub(super) id: RoomId,
    /// For each feed the indices of the listen legs that follow it, in no order.
    listeners: [Vec<u32>; FEEDS],
    /// What packs for the feeds that have ever been followed, but [`Feed::PLAIN`].
    packers: [Option<Box<Packer>>; FEEDS],
    /// How many publish legs the room has here.
    pub(super) publishers: u32,
    pub(super) grant: Option<Grant>,
    ring: Ring,
    pub(super) stage: Stage,
    pub(super) timer: Option<Instant>,
    /// When a packet has waited for its frames for long enough.
    pub(super) pack_timer: Option<Instant>,
    pub(super) quiet: Quiet,
}

/// What happens when the sound of a room ends, for all who listen or for one: whoever is the only talker hears nothing.
#[derive(Default)]
pub(super) struct Quiet {
    /// Who talked last.
    talker: Option<TalkerNo>,
    /// Since the last frame of anybody, and since the last one that this talker heard.
    all: Option<Pause>,
    own: Option<Pause>,
    pub(super) timer: Option<Instant>,
}

/// Who is to get a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignFor {
    All,
    /// The listener with this number.
    One(TalkerNo),
}

/// The time after a frame.
#[derive(Clone, Copy)]
struct Pause {
    since: Instant,
    /// When a sign of life is next.
    next: Instant,
}

impl Pause {
    fn after(since: Instant) -> Self {
        Self { since, next: since + FIRST_SIGN }
    }

    /// When the next sign is due, if one is.
    fn at(&self) -> Option<Instant> {
        Some(self.next).filter(|next| *next <= self.since + LAST_SIGN)
    }

    /// Whether a sign is due at `now`, which then counts.
    fn due(&mut self, now: Instant) -> bool {
        let due = self.at().is_some_and(|at| now >= at);
        if due {
            let (from, apart) = SLOWLY;
            self.next = now + if now < self.since + from { SIGN_EVERY } else { apart };
        }
        due
    }
}

impl Quiet {
    /// Notes a frame. `Some`: when to look whether more came, if nobody is to look already.
    pub(super) fn heard(&mut self, talker: TalkerNo, at: Instant) -> Option<Instant> {
        if self.talker != Some(talker) {
            // What came until now is the last that this talker was sent, signs included.
            self.own = self.all;
            self.talker = Some(talker);
        }
        self.all = Some(Pause::after(at));
        if self.timer.is_some() { None } else { self.next(at) }
    }

    /// Who is to get a sign of life at `now`.
    pub(super) fn due(&mut self, now: Instant) -> Option<SignFor> {
        self.timer = None;
        // The one is among all.
        let due = |pause: &mut Option<Pause>| pause.as_mut().is_some_and(|pause| pause.due(now));
        let (all, own) = (due(&mut self.all), due(&mut self.own));
        if all { Some(SignFor::All) } else { self.talker.filter(|_| own).map(SignFor::One) }
    }

    /// When to look again, not before `earliest`; `None`: not before the next frame.
    pub(super) fn next(&mut self, earliest: Instant) -> Option<Instant> {
        let pauses = [self.all, self.own].into_iter().flatten();
        self.timer = pauses.filter_map(|pause| pause.at()).min().map(|at| at.max(earliest));
        self.timer
    }
}

/// A packet that is ready for the legs of a feed.
pub(super) type Ready = (Feed, Arc<Frame>);

impl Room {
    pub(super) fn new(id: RoomId) -> Self {
        Self {
            id,
            listeners: Default::default(),
            packers: Default::default(),
            publishers: 0,
            grant: None,
            ring: Ring::new(),
            stage: Stage::new(),
            timer: None,
            pack_timer: None,
            quiet: Quiet::default(),
        }
    }

    /// Takes a grant. `false`: it is of an epoch that has passed.
    pub(super) fn take(&mut self, grant: Grant) -> bool {
        if self.grant.as_ref().is_some_and(|held| grant.epoch < held.epoch) {
            return false;
        }
        self.stage.allow(&grant.talkers);
        let keep = |talker| grant.talkers.contains(&talker);
        self.ring.retain(keep);
        self.packers.iter_mut().flatten().for_each(|packer| packer.retain(keep));
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

    /// The legs that follow a feed.
    pub(super) fn listeners(&self, feed: Feed) -> &[u32] {
        &self.listeners[feed.index()]
    }

    /// The feeds that somebody follows.
    pub(super) fn followed(&self) -> impl Iterator<Item = Feed> {
        std::iter::once(Feed::PLAIN).chain(Feed::packed()).filter(|feed| !self.listeners(*feed).is_empty())
    }

    /// Whether anybody follows a feed that is packed: then the room is large, or the thread has much to do.
    pub(super) fn is_packed(&self) -> bool {
        Feed::packed().any(|feed| !self.listeners(feed).is_empty())
    }

    /// The last frames as they came.
    pub(super) fn frames(&self) -> &Ring {
        &self.ring
    }

    /// The last frames of a feed.
    pub(super) fn ring(&self, feed: Feed) -> Option<&Ring> {
        if feed == Feed::PLAIN { Some(&self.ring) } else { self.packers[feed.index()].as_deref().map(|p| &p.ring) }
    }

    /// The feed of a tier that the fewest legs follow.
    pub(super) fn choose(&self, tier: Tier) -> Feed {
        Feed::of(tier).min_by_key(|feed| self.listeners(*feed).len()).unwrap_or_default()
    }

    /// Lets a leg follow a feed, and returns its place among those that do.
    pub(super) fn follow(&mut self, feed: Feed, leg: u32) -> usize {
        if feed != Feed::PLAIN {
            self.packers[feed.index()].get_or_insert_with(|| Box::new(Packer::new(feed)));
        }
        self.listeners[feed.index()].push(leg);
        self.listeners[feed.index()].len() - 1
    }

    /// Takes the leg at a place away from a feed. The first `served` have got the packet that is on its way: those who stay
    /// are the first then too. Others take the places that become free; `moved` is told who has which.
    pub(super) fn leave(&mut self, feed: Feed, place: usize, served: &mut usize, mut moved: impl FnMut(u32, usize)) {
        let legs = &mut self.listeners[feed.index()];
        let mut free = place;
        if place < *served {
            *served -= 1;
            legs.swap(place, *served);
            moved(legs[place], place);
            free = *served;
        }
        legs.swap_remove(free);
        if let Some(&leg) = legs.get(free) {
            moved(leg, free);
        }
        if legs.is_empty()
            && let Some(packer) = &mut self.packers[feed.index()]
        {
            packer.clear();
        }
    }

    /// Takes a frame in and adds to `ready` what can be sent now. `false`: it is here already.
    pub(super) fn push(&mut self, frame: &Arc<Frame>, ready: &mut Vec<Ready>) -> bool {
        if !self.ring.push(frame) {
            return false;
        }
        if !self.listeners(Feed::PLAIN).is_empty() {
            ready.push((Feed::PLAIN, frame.clone()));
        }
        self.pack(Feed::packed(), ready, |packer, out| packer.push(frame, out));
        true
    }

    /// Packs what waits in a feed.
    pub(super) fn flush(&mut self, feed: Feed, ready: &mut Vec<Ready>) {
        self.pack(std::iter::once(feed), ready, Packer::flush);
    }

    /// Packs what has waited for long enough.
    pub(super) fn flush_due(&mut self, now: Instant, ready: &mut Vec<Ready>) {
        self.pack(Feed::packed(), ready, |packer, out| packer.flush_due(now, out));
    }

    /// When something has waited for long enough.
    pub(super) fn pack_due(&self) -> Option<Instant> {
        self.packers.iter().flatten().filter_map(|packer| packer.due()).min()
    }

    /// Lets the packers of feeds that somebody follows do something, and collects what comes out.
    fn pack(
        &mut self,
        feeds: impl Iterator<Item = Feed>,
        ready: &mut Vec<Ready>,
        mut act: impl FnMut(&mut Packer, &mut Vec<Arc<Frame>>),
    ) {
        let mut out = Vec::new();
        for feed in feeds {
            let followed = !self.listeners[feed.index()].is_empty();
            if let Some(packer) = self.packers[feed.index()].as_deref_mut().filter(|_| followed) {
                act(packer, &mut out);
                ready.extend(out.drain(..).map(|packet| (feed, packet)));
            }
        }
    }

    /// Whether anything here still needs the room: a leg, or a lease that could be renewed.
    pub(super) fn in_use(&self, now: Instant) -> bool {
        self.listeners.iter().any(|legs| !legs.is_empty()) || self.publishers > 0 || self.lease_holds(now)
    }
}
