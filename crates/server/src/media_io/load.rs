//! How much a media thread has to do, and whether it can take more.
//!
//! Each thread looks at about a second of itself: the share of the time in which it had the processor to send media, and
//! how late the latest packet went out. One or two such seconds raise the level; it takes longer to come down.
//!
//! Lateness counts only when sending takes a good part of the time. Otherwise something else keeps the thread from running,
//! a rush of handshakes or another program, and sending less would not help.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// How much the media threads have to do. In order: more is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Load {
    /// Nothing to worry about.
    #[default]
    Normal,
    /// Large audiences should get longer packets, which are fewer.
    High,
    /// And that was not enough: nobody who is not in a room yet should come in.
    Full,
}

/// From here on the level rises: share of the time with the processor, and lateness of a packet. A rush brings a tenth of
/// a thread's time more each second, and those who are on their way come in after it is full: the rest is for them, for
/// handshakes, and for whatever else runs on the same cores.
const HIGH: Bound = Bound { sending: 0.4, lateness: Duration::from_millis(40) };
const FULL: Bound = Bound { sending: 0.55, lateness: Duration::from_millis(150) };

/// Below this share of the time it is over. From 120 ms to 20 ms packets cost up to six times as much, and after going back
/// there should be no reason to turn round again.
const NO_LONGER_HIGH: f64 = 0.06;

/// Below this share of the time there is room for somebody again.
const NO_LONGER_FULL: f64 = 0.4;

/// Below this share of the time a packet is not late because of what is sent.
const SENDING_MATTERS: f64 = 0.35;

/// Seconds in a row after which the level rises. The first rise waits for two, because one alone may be a hiccup of the
/// machine; after that there is no time to lose.
const UNTIL_HIGH: u32 = 2;
const UNTIL_FULL: u32 = 1;

/// Seconds in a row after which the level falls.
const UNTIL_NORMAL: u32 = 10;
const UNTIL_NOT_FULL: u32 = 5;

/// Shares of the legs that a thread can hold, in percent: from the first on it is full, below the second no longer.
const LEGS_FULL: u64 = 95;
const LEGS_FREE: u64 = 90;

struct Bound {
    sending: f64,
    lateness: Duration,
}

/// What a thread has seen of itself in about a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Second {
    /// The share of the time in which it had the processor to send media, from 0 to 1.
    pub(super) sending: f64,
    /// From the moment at which a packet could be sent to the one at which it was, at most.
    pub(super) lateness: Duration,
    /// Legs that it holds.
    pub(super) legs: u64,
}

/// Turns what is seen into a level.
#[derive(Debug)]
pub(super) struct Meter {
    max_legs: u64,
    level: Load,
    /// Seconds in a row that ask for the next higher level, and for the next lower one.
    over: u32,
    under: u32,
    legs_full: bool,
}

impl Meter {
    /// For a thread that can hold so many legs.
    pub(super) fn new(max_legs: u64) -> Self {
        Self { max_legs, level: Load::Normal, over: 0, under: 0, legs_full: false }
    }

    /// Takes in another second; returns the level from now on.
    pub(super) fn second(&mut self, second: &Second) -> Load {
        let is_over = |bound: &Bound| {
            second.sending > bound.sending || second.lateness > bound.lateness && second.sending > SENDING_MATTERS
        };
        let (over, under, enough) = match self.level {
            Load::Normal => (is_over(&HIGH), false, UNTIL_HIGH),
            Load::High => (is_over(&FULL), second.sending < NO_LONGER_HIGH, UNTIL_FULL),
            Load::Full => (false, second.sending < NO_LONGER_FULL && !is_over(&FULL), 0),
        };
        self.over = if over { self.over + 1 } else { 0 };
        self.under = if under { self.under + 1 } else { 0 };
        let next = match self.level {
            Load::Normal if self.over >= enough => Load::High,
            Load::High if self.over >= enough => Load::Full,
            Load::High if self.under >= UNTIL_NORMAL => Load::Normal,
            Load::Full if self.under >= UNTIL_NOT_FULL => Load::High,
            same => same,
        };
        if next != self.level {
            (self.level, self.over, self.under) = (next, 0, 0);
        }
        let percent = if self.legs_full { LEGS_FREE } else { LEGS_FULL };
        self.legs_full = second.legs * 100 >= self.max_legs * percent;
        if self.legs_full { Load::Full } else { self.level }
    }
}

/// A thread's level as others see it.
#[derive(Debug, Default)]
pub(super) struct Gauge(AtomicU8);

impl Gauge {
    pub(super) fn set(&self, level: Load) {
        self.0.store(level as u8, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Load {
        match self.0.load(Ordering::Relaxed) {
            0 => Load::Normal,
            1 => Load::High,
            _ => Load::Full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 1000;

    /// The levels over some seconds, each so many times in a row: share in percent, lateness in milliseconds, legs. Only
    /// changes are kept, with the second in which they came.
    fn changes(course: &[(u32, u32, u64, u64)]) -> Vec<(u32, Load)> {
        let (mut meter, mut last, mut at, mut changes) = (Meter::new(MAX), Load::Normal, 0, Vec::new());
        for &(times, percent, lateness, legs) in course {
            for _ in 0..times {
                at += 1;
                let (sending, lateness) = (f64::from(percent) / 100.0, Duration::from_millis(lateness));
                let level = meter.second(&Second { sending, lateness, legs });
                if level != last {
                    changes.push((at, level));
                    last = level;
                }
            }
        }
        changes
    }

    #[test]
    fn a_busy_thread_is_relieved_first_and_full_only_if_there_is_more() {
        assert_eq!(changes(&[(100, 40, 10, 0)]), []);
        assert_eq!(changes(&[(100, 41, 10, 0)]), [(2, Load::High)]);
        assert_eq!(changes(&[(100, 55, 10, 0)]), [(2, Load::High)]);
        assert_eq!(changes(&[(100, 56, 10, 0)]), [(2, Load::High), (3, Load::Full)]);
        assert_eq!(changes(&[(2, 95, 10, 0), (100, 30, 10, 0)]), [(2, Load::High)]);
        // Now and then is no reason.
        assert_eq!(changes(&[(1, 99, 500, 0), (1, 10, 0, 0)].repeat(20)), []);
    }

    #[test]
    fn packets_that_are_late_count_where_sending_makes_them_so() {
        assert_eq!(changes(&[(20, 36, 41, 0)]), [(2, Load::High)]);
        assert_eq!(changes(&[(20, 36, 151, 0)]), [(2, Load::High), (3, Load::Full)]);
        assert_eq!(changes(&[(20, 35, 900, 0)]), [], "a rush of handshakes");
    }

    #[test]
    fn the_way_down_takes_longer() {
        let full = (3, 90, 0, 0);
        let to = |percent| changes(&[full, (4, percent, 0, 0), (1, 41, 0, 0), (30, percent, 0, 0)]);
        assert_eq!(to(40), [(2, Load::High), (3, Load::Full)]);
        assert_eq!(to(39), [(2, Load::High), (3, Load::Full), (13, Load::High)]);
        assert_eq!(to(5), [(2, Load::High), (3, Load::Full), (13, Load::High), (23, Load::Normal)]);
    }

    #[test]
    fn a_thread_with_nearly_all_its_legs_is_full() {
        let seconds = [(1, 0, 0, 949), (1, 0, 0, 950), (1, 0, 0, 900), (1, 0, 0, 899), (1, 0, 0, 920)];
        assert_eq!(changes(&seconds), [(2, Load::Full), (4, Load::Normal)]);
    }

    #[test]
    fn a_gauge_shows_what_was_set() {
        let gauge = Gauge::default();
        for level in [Load::Full, Load::High, Load::Normal] {
            gauge.set(level);
            assert_eq!(gauge.get(), level);
        }
    }
}
