//! Whether the roster is exactly those who receive sound (PRODUCT.md, G1).

use std::collections::BTreeSet;

use crate::report::Report;

/// What all samples of a run have shown.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    taken: usize,
    /// People on the roster, in all samples together.
    people: usize,
    /// Samples in which the roster was not exactly those who receive.
    wrong: usize,
    /// People on the roster who received nothing.
    deaf: usize,
    /// People who received and were not on the roster.
    ghosts: usize,
}

impl Agreement {
    /// Takes a sample; true if both are the same.
    pub(crate) fn compare(&mut self, roster: &BTreeSet<String>, receiving: &BTreeSet<String>) -> bool {
        self.taken += 1;
        self.people += roster.len();
        self.wrong += usize::from(roster != receiving);
        self.deaf += roster.difference(receiving).count();
        self.ghosts += receiving.difference(roster).count();
        roster == receiving
    }

    /// Takes in what the samples of another run have shown.
    pub(crate) fn add(&mut self, other: &Self) {
        self.taken += other.taken;
        self.people += other.people;
        self.wrong += other.wrong;
        self.deaf += other.deaf;
        self.ghosts += other.ghosts;
    }

    /// How many samples were taken, and how many of them were wrong.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.taken, self.wrong)
    }

    /// Writes it into the report.
    pub(crate) fn fill(&self, report: &mut Report) {
        report.extra("samples", self.taken);
        report.extra("roster_mean", self.people as f64 / self.taken.max(1) as f64);
        report.extra("mismatches", self.wrong);
        report.extra("on_roster_without_sound", self.deaf);
        report.extra("sound_without_roster", self.ghosts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roster_and_receivers_are_compared_both_ways() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut agreement = Agreement::default();
        assert!(agreement.compare(&set(&["a", "b"]), &set(&["a", "b"])));
        assert_eq!(agreement.counts(), (1, 0));
        assert!(!agreement.compare(&set(&["a", "b", "c"]), &set(&["b", "d"])));
        assert_eq!((agreement.counts(), agreement.deaf, agreement.ghosts), ((2, 1), 2, 1));
        let mut report = Report::default();
        agreement.fill(&mut report);
        assert_eq!((&report.extras["mismatches"], &report.extras["sound_without_roster"]), (&1.into(), &1.into()));
        assert_eq!(report.extras["roster_mean"], 2.5);
        let mut both = Agreement::default();
        both.add(&agreement);
        both.add(&agreement);
        assert_eq!((both.counts(), both.people, both.deaf, both.ghosts), ((4, 2), 10, 4, 2));
    }
}
