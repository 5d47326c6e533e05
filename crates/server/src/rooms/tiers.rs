//! How much sound goes into a packet to a room's audience: by how many listen, and by how much the media threads have to do.
//!
//! Who is on stage always gets packets of 20 ms, so that people who talk to each other wait for nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use roomtone_media::feed::Tier;
use roomtone_media::leg::LegId;

use crate::media_io::{Load, Packing};

/// A size at which rooms are treated otherwise: from above `up` listeners on, until there are fewer than `down`.
struct Bound {
    up: usize,
    down: usize,
}

/// Rooms that get packets of 60 ms. Higher bounds give more people the shorter delay; lower ones spare the server and
/// everybody's network packets: 600 listeners at 20 ms are 30,000 packets a second.
const LARGE: Bound = Bound { up: 600, down: 400 };

/// Rooms that get packets of 120 ms, likewise.
const HUGE: Bound = Bound { up: 2500, down: 1800 };

/// Rooms that help when the server has much to do. Lower would have more rooms help; but small ones are conversations,
/// in which 40 ms count, and save little.
const HELPING: Bound = Bound { up: 50, down: 30 };

/// How long a room keeps a tier before it goes back to shorter packets. Longer is steadier; shorter gives the lower delay
/// back sooner.
const HOLD: Duration = Duration::from_secs(10);

/// Legs that are told of a new tier in one round of the room's owner. More is over sooner; fewer keeps commands and the
/// queue of orders free for what is urgent.
const SLICE: usize = 256;

/// The tier of one room, and who has not been told of it yet.
#[derive(Debug)]
pub(super) struct Tiers {
    packing: Packing,
    tier: Tier,
    changed: Option<Instant>,
    behind: VecDeque<LegId>,
}

impl Tiers {
    /// A room that nobody listens to.
    pub(super) fn new(packing: Packing) -> Self {
        let tier = if let Packing::Always(tier) = packing { tier } else { Tier::Ms20 };
        Self { packing, tier, changed: None, behind: VecDeque::new() }
    }

    /// What the audience gets.
    pub(super) fn tier(&self) -> Tier {
        self.tier
    }

    /// Decides anew. `true`: the tier is another one now, and all legs are to be [`Tiers::tell`] ed.
    pub(super) fn decide(&mut self, now: Instant, listeners: usize, load: Load) -> bool {
        let wanted = match self.packing {
            Packing::Auto => wanted(self.tier, listeners, load),
            Packing::Always(tier) => tier,
        };
        let held = self.changed.is_some_and(|at| now < at + HOLD);
        if wanted == self.tier || wanted < self.tier && held {
            return false;
        }
        self.tier = wanted;
        self.changed = Some(now);
        true
    }

    /// Notes who is to be told of the present tier, in place of whoever was.
    pub(super) fn tell(&mut self, legs: impl Iterator<Item = LegId>) {
        self.behind.clear();
        self.behind.extend(legs);
    }

    /// The next legs to be told, at most [`SLICE`].
    pub(super) fn slice(&mut self) -> impl Iterator<Item = LegId> {
        self.behind.drain(..SLICE.min(self.behind.len()))
    }

    /// Whether somebody is still to be told.
    pub(super) fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }
}

/// The tier for so many listeners, in a room that has `tier` now.
fn wanted(tier: Tier, listeners: usize, load: Load) -> Tier {
    let is = |bound: Bound, already: bool| listeners > bound.up || already && listeners >= bound.down;
    let by_size = if is(HUGE, tier == Tier::Ms120) {
        Tier::Ms120
    } else if is(LARGE, tier >= Tier::Ms60) {
        Tier::Ms60
    } else {
        Tier::Ms20
    };
    match load {
        _ if !is(HELPING, tier > Tier::Ms20) => by_size,
        Load::Normal => by_size,
        // Never shorter than now: what was taken off the threads would be put on again while they have much to do.
        Load::High => cheaper(by_size).max(tier),
        Load::Full => Tier::Ms120,
    }
}

fn cheaper(tier: Tier) -> Tier {
    match tier {
        Tier::Ms20 => Tier::Ms60,
        Tier::Ms60 | Tier::Ms120 => Tier::Ms120,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tiers of a room in milliseconds as its audience and the load change, one step a minute.
    fn course(steps: &[(usize, Load)]) -> Vec<u32> {
        let (mut tiers, mut now) = (Tiers::new(Packing::Auto), crate::edge::instant());
        let mut course = Vec::new();
        for &(listeners, load) in steps {
            now += Duration::from_secs(60);
            let before = tiers.tier();
            assert_eq!(tiers.decide(now, listeners, load), tiers.tier() != before);
            course.push(tiers.tier().millis());
        }
        course
    }

    #[test]
    fn the_size_decides_and_the_way_back_is_longer() {
        use Load::Normal as N;
        assert_eq!(course(&[(600, N), (601, N), (400, N), (399, N), (400, N)]), [20, 60, 60, 20, 20]);
        assert_eq!(course(&[(2500, N), (2501, N), (1800, N), (1799, N), (1800, N)]), [60, 120, 120, 60, 60]);
        assert_eq!(course(&[(10_000, N), (500, N), (0, N)]), [120, 60, 20]);
    }

    #[test]
    fn rooms_that_are_not_small_help_when_there_is_much_to_do() {
        use Load::{Full as F, High as H, Normal as N};
        assert_eq!(course(&[(50, H), (51, H), (51, N), (50, F), (51, F)]), [20, 60, 20, 20, 120]);
        assert_eq!(course(&[(700, N), (700, H), (300, H), (300, N)]), [60, 120, 120, 20]);
        // What is over only half does not bring back what made it so.
        assert_eq!(course(&[(300, N), (300, H), (300, F), (300, H), (300, N)]), [20, 60, 120, 120, 20]);
        assert_eq!(course(&[(60, H), (30, H), (29, H)]), [60, 60, 20]);
    }

    #[test]
    fn longer_packets_come_at_once_and_shorter_ones_only_after_a_while() {
        let (mut tiers, start) = (Tiers::new(Packing::Auto), crate::edge::instant());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(tiers.decide(at(0), 700, Load::Normal));
        assert!(tiers.decide(at(1), 3000, Load::Normal));
        assert!(!tiers.decide(at(10), 0, Load::Normal));
        assert!(tiers.decide(at(11), 0, Load::Normal));
        assert_eq!(tiers.tier(), Tier::Ms20);
    }

    #[test]
    fn what_the_operator_has_chosen_stays() {
        for tier in [Tier::Ms20, Tier::Ms60, Tier::Ms120] {
            let mut tiers = Tiers::new(Packing::Always(tier));
            assert!(!tiers.decide(crate::edge::instant(), 10_000, Load::Full));
            assert_eq!(tiers.tier(), tier);
        }
    }

    #[test]
    fn everybody_is_told_slice_by_slice() {
        let mut tiers = Tiers::new(Packing::Auto);
        tiers.tell((0..600).map(LegId));
        let slices: Vec<Vec<LegId>> = (0..4).map(|_| tiers.slice().collect()).collect();
        assert_eq!(slices.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 88, 0]);
        assert_eq!(slices.concat(), (0..600).map(LegId).collect::<Vec<_>>());
        assert!(!tiers.is_behind());
        tiers.tell((0..2).map(LegId));
        tiers.tell((5..6).map(LegId));
        assert!(tiers.is_behind());
        assert_eq!(tiers.slice().collect::<Vec<_>>(), [LegId(5)], "who was to be told before is told of the newest");
    }
}
