//! How long media packets stay inside the server, counted without locks.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds.
const BOUNDS_US: [u64; 15] =
    [50, 100, 200, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];

/// A histogram of the time from a packet's arrival to its being sent to one listener.
#[derive(Debug, Default)]
pub struct Residence {
    /// One more than the bounds: the last counts everything above.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Residence {
    /// Counts packets that all took as long.
    pub(crate) fn record(&self, time: Duration, packets: u64) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|&bound| bound < us);
        self.buckets[bucket].fetch_add(packets, Ordering::Relaxed);
        self.sum_us.fetch_add(us.saturating_mul(packets), Ordering::Relaxed);
    }

    /// The histogram as `roomtone_media_residence_seconds` in the Prometheus text format.
    pub fn render(&self) -> String {
        const NAME: &str = "roomtone_media_residence_seconds";
        let mut text = format!(
            "# HELP {NAME} Time from a media packet's arrival to its being sent to one listener.\n# TYPE {NAME} histogram\n"
        );
        let mut count = 0;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS_US) {
            count += bucket.load(Ordering::Relaxed);
            let _ = writeln!(text, "{NAME}_bucket{{le=\"{}\"}} {count}", bound as f64 / 1e6);
        }
        count += self.buckets[BOUNDS_US.len()].load(Ordering::Relaxed);
        let sum = self.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "{NAME}_bucket{{le=\"+Inf\"}} {count}\n{NAME}_sum {sum}\n{NAME}_count {count}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let residence = Residence::default();
        for (us, packets) in [(10, 2), (51, 1), (4_000, 1), (2_000_000, 1)] {
            residence.record(Duration::from_micros(us), packets);
        }
        let text = residence.render();
        for line in ["{le=\"0.00005\"} 2", "{le=\"0.0001\"} 3", "{le=\"0.005\"} 4", "{le=\"1\"} 4", "{le=\"+Inf\"} 5"] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.contains("_sum 2.004071"), "{text}");
    }
}
