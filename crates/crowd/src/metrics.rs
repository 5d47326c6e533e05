//! Counters and histograms out of the Prometheus text format.

use std::collections::BTreeMap;

/// The counter or gauge `name`, summed over all its labels; `None` if the text has no such series.
pub fn counter(text: &str, name: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = if rest.starts_with('{') { rest.rsplit_once('}')?.1 } else { rest };
        // A longer name begins alike; a timestamp may follow the value.
        value.starts_with(' ').then(|| value.split_whitespace().next()?.parse::<f64>().ok())?
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

/// A cumulative histogram: upper bounds in the metric's unit, each with the number of observations up to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Ascending by bound; the last bound is infinity.
    buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Sums the series of the histogram `name` over all its labels; `None` if the text has no such histogram.
    pub fn parse(text: &str, name: &str) -> Option<Self> {
        let mut buckets: BTreeMap<u64, (f64, u64)> = BTreeMap::new();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix("_bucket{")) else {
                continue;
            };
            let Some((labels, value)) = rest.rsplit_once('}') else {
                continue;
            };
            let bound = labels.split(',').find_map(|label| label.trim().strip_prefix("le=\"")?.strip_suffix('"'));
            let Some(bound) = bound.and_then(|bound| bound.parse::<f64>().ok()) else {
                continue;
            };
            // A timestamp may follow the value.
            let Some(count) = value.split_whitespace().next().and_then(|count| count.parse::<f64>().ok()) else {
                continue;
            };
            // The bits of non-negative floats sort like the floats.
            buckets.entry(bound.max(0.0).to_bits()).or_insert((bound, 0)).1 += count as u64;
        }
        (!buckets.is_empty()).then(|| Self { buckets: buckets.into_values().collect() })
    }

    /// What was observed after `earlier`, an older reading of the same histogram.
    pub fn since(&self, earlier: Option<&Self>) -> Self {
        let before = |bound: f64| {
            let earlier = earlier.map(|earlier| earlier.buckets.as_slice()).unwrap_or_default();
            earlier.iter().find(|(other, _)| *other == bound).map_or(0, |(_, count)| *count)
        };
        let buckets = self.buckets.iter().map(|&(bound, count)| (bound, count.saturating_sub(before(bound)))).collect();
        Self { buckets }
    }

    /// What was observed here and there, of two readings of the same histogram.
    pub fn and(&self, other: &Self) -> Self {
        let there = |bound: f64| other.buckets.iter().find(|(same, _)| *same == bound).map_or(0, |(_, count)| *count);
        Self { buckets: self.buckets.iter().map(|&(bound, count)| (bound, count + there(bound))).collect() }
    }

    /// Number of observations.
    pub fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// The `quantile` (0 to 1), spread evenly inside its bucket; `None` without observations. A quantile beyond the
    /// last finite bound is given as that bound: the truth is at least that.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        if self.count() == 0 {
            return None;
        }
        let rank = quantile * self.count() as f64;
        let (mut lower, mut below) = (0.0, 0);
        for &(bound, count) in &self.buckets {
            if count as f64 >= rank && count > below {
                if bound.is_infinite() {
                    return Some(lower);
                }
                return Some(lower + (bound - lower) * (rank - below as f64) / (count - below) as f64);
            }
            (lower, below) = (bound, count);
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE time_seconds histogram
time_seconds_bucket{thread=\"0\",le=\"0.001\"} 50
time_seconds_bucket{thread=\"0\",le=\"0.002\"} 90
time_seconds_bucket{thread=\"0\",le=\"+Inf\"} 100
time_seconds_bucket{thread=\"1\",le=\"0.001\"} 50
time_seconds_bucket{thread=\"1\",le=\"0.002\"} 90
time_seconds_bucket{thread=\"1\",le=\"+Inf\"} 100
time_seconds_sum{thread=\"0\"} 1
time_seconds_count{thread=\"0\"} 100
other_bucket{le=\"+Inf\"} 3
";

    #[test]
    fn labels_are_summed_and_quantiles_interpolated() {
        let histogram = Histogram::parse(TEXT, "time_seconds").unwrap();
        assert_eq!(histogram.count(), 200);
        for (quantile, value) in [(0.5, 0.001), (0.25, 0.0005), (0.7, 0.0015), (0.9, 0.002), (0.99, 0.002)] {
            let found = histogram.quantile(quantile).unwrap();
            assert!((found - value).abs() < 1e-9, "{quantile}: {found}");
        }
        assert_eq!(Histogram::parse(TEXT, "time"), None);
    }

    #[test]
    fn a_counter_is_the_sum_of_its_series() {
        let text = "# TYPE sent_total counter\nsent_total{thread=\"0\"} 3\nsent_total{thread=\"1\"} 4.5 1700000000\n\
                    sent_total_other 9\nplain 2\nplain2 7 8\n";
        for (name, value) in [("sent_total", Some(7.5)), ("plain", Some(2.0)), ("absent", None), ("sent", None)] {
            assert_eq!(counter(text, name), value, "{name}");
        }
    }

    #[test]
    fn a_difference_forgets_what_was_before() {
        let earlier = Histogram::parse(TEXT, "time_seconds").unwrap();
        let later = Histogram::parse(&TEXT.replace("} 100", "} 110").replace("} 90", "} 91"), "time_seconds").unwrap();
        let between = later.since(Some(&earlier));
        assert_eq!(between.count(), 20);
        assert_eq!(between.quantile(0.05), Some(0.0015));
        assert_eq!(earlier.since(Some(&earlier)).quantile(0.5), None);
        assert_eq!(earlier.since(None), earlier);
    }
}
