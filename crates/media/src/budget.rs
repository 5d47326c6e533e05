//! A token bucket: what a peer may make us do, or send us, per second.

use std::time::Instant;

/// Allows `rate` units per second, and as many at once after a second of rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    rate: u32,
    /// Millionths of a unit in hand.
    level: u64,
    at: Instant,
}

impl Budget {
    /// A full bucket.
    pub(crate) fn new(now: Instant, rate: u32) -> Self {
        Self { rate, level: u64::from(rate) * 1_000_000, at: now }
    }

    /// Takes `units` out. `false`: there are not enough, and none were taken.
    pub(crate) fn take(&mut self, now: Instant, units: u32) -> bool {
        let elapsed = now.saturating_duration_since(self.at).as_micros().min(1_000_000) as u64;
        self.at = self.at.max(now);
        let full = u64::from(self.rate) * 1_000_000;
        self.level = (self.level + elapsed * u64::from(self.rate)).min(full);
        let cost = u64::from(units) * 1_000_000;
        let enough = self.level >= cost;
        if enough {
            self.level -= cost;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs some moment to start from; none passes")]
    fn a_second_of_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut budget = Budget::new(start, 100);
        let taken = |budget: &mut Budget, ms| {
            let now = start + Duration::from_millis(ms);
            (0..1000).filter(|_| budget.take(now, 1)).count()
        };
        assert_eq!(taken(&mut budget, 0), 100);
        assert_eq!(taken(&mut budget, 50), 5);
        assert_eq!(taken(&mut budget, 10), 0, "time that goes backwards earns nothing");
        assert_eq!(taken(&mut budget, 60_000), 100, "rest earns no more than a second's worth");
        assert!(!budget.take(start + Duration::from_secs(61), 101));
    }
}
