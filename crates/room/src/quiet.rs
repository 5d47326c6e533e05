//! Quiet hours: the part of a member's day in which nothing disturbs them.

use crate::ids::Timestamp;

/// Minutes in a day without a change of the clocks.
pub const DAY_MINUTES: u32 = 24 * 60;

/// How far ahead the end of quiet is looked for, in minutes: a day, and the hours by which clocks can be set back.
const LONGEST: u64 = 24 * 60 + 180;

const MINUTE: u64 = 60_000;

/// The first moment at or after `now` that is not in the quiet hours; `None` if `now` is not in them.
///
/// `from` and `until` are minutes of the member's day, from 0 to 1439: quiet from the first up to but not including the second,
/// past midnight where `until` is the smaller one. Two equal ones mean no quiet hours. `offset` gives how far the member's
/// clocks are ahead of UTC at a moment, in minutes; it may change, since clocks are set forward and back. Quiet is what
/// their clock says at each moment: an hour that comes twice is quiet twice.
pub fn quiet_until(now: Timestamp, from: u32, until: u32, offset: impl Fn(Timestamp) -> i32) -> Option<Timestamp> {
    let is_quiet = |at: Timestamp| {
        let minute = local_minute(at, offset(at));
        if from <= until { (from..until).contains(&minute) } else { minute >= from || minute < until }
    };
    if !is_quiet(now) {
        return None;
    }
    // Clocks change at whole minutes, and so does what they say.
    let next = now.0 / MINUTE + 1;
    let minutes = (next..next + LONGEST).map(|minute| Timestamp(minute.saturating_mul(MINUTE)));
    // Whatever clocks do, some minute of the next day is not quiet; were it not so, nothing is held back for ever.
    Some(minutes.clone().find(|&at| !is_quiet(at)).unwrap_or(now.plus(LONGEST * MINUTE)))
}

/// The minute of the day that a clock shows which is ahead of UTC by `offset` minutes.
fn local_minute(at: Timestamp, offset: i32) -> u32 {
    // Of a day, so both fit.
    let utc = i64::try_from(at.0 / MINUTE % u64::from(DAY_MINUTES)).unwrap_or_default();
    u32::try_from((utc + i64::from(offset)).rem_euclid(i64::from(DAY_MINUTES))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 60 * MINUTE;

    fn at(hour: u64, minute: u64) -> Timestamp {
        Timestamp(400 * 24 * HOUR + hour * HOUR + minute * MINUTE)
    }

    fn ends(now: Timestamp, from: (u32, u32), until: (u32, u32), offset: i32) -> Option<Timestamp> {
        quiet_until(now, from.0 * 60 + from.1, until.0 * 60 + until.1, |_| offset)
    }

    #[test]
    fn over_midnight() {
        let (from, until) = ((22, 30), (7, 0));
        assert_eq!(ends(at(22, 29), from, until, 0), None);
        assert_eq!(ends(at(22, 30), from, until, 0), Some(at(31, 0)));
        assert_eq!(ends(Timestamp(at(30, 59).0 + 59_999), from, until, 0), Some(at(31, 0)));
        assert_eq!(ends(at(31, 0), from, until, 0), None);
        // Two hours ahead of UTC it is half past ten at half past eight.
        assert_eq!(ends(at(20, 29), from, until, 120), None);
        assert_eq!(ends(at(20, 30), from, until, 120), Some(at(29, 0)));
        // Ten hours behind, the evening begins the next morning.
        assert_eq!(ends(at(32, 30), from, until, -600), Some(at(41, 0)));
    }

    #[test]
    fn within_a_day() {
        let (from, until) = ((13, 0), (14, 15));
        assert_eq!(ends(at(12, 59), from, until, 0), None);
        assert_eq!(ends(at(13, 0), from, until, 0), Some(at(14, 15)));
        assert_eq!(ends(at(14, 15), from, until, 0), None);
        for hour in 0..24 {
            assert_eq!(ends(at(hour, 0), (9, 0), (9, 0), 0), None, "two equal ones are none");
        }
    }

    /// Clocks are set from 02:00 to 03:00, so that a night that ends at half past two ends where that hour is left out.
    #[test]
    fn an_hour_that_is_left_out() {
        let change = at(1, 0);
        let offset = |at: Timestamp| if at < change { 60 } else { 120 };
        assert_eq!(quiet_until(at(0, 30), 22 * 60, 150, offset), Some(change));
        // A night until seven is an hour shorter.
        assert_eq!(quiet_until(at(0, 30), 22 * 60, 7 * 60, offset), Some(at(5, 0)));
    }

    /// Clocks are set from 03:00 to 02:00: the hour comes twice, and is quiet twice.
    #[test]
    fn an_hour_that_comes_twice() {
        let change = at(1, 0);
        let offset = |at: Timestamp| if at < change { 120 } else { 60 };
        assert_eq!(quiet_until(at(0, 10), 22 * 60, 150, offset), Some(at(0, 30)));
        assert_eq!(quiet_until(at(0, 40), 22 * 60, 150, offset), None);
        assert_eq!(quiet_until(at(1, 10), 22 * 60, 150, offset), Some(at(1, 30)));
        // A night until seven is an hour longer.
        assert_eq!(quiet_until(at(0, 10), 22 * 60, 7 * 60, offset), Some(at(6, 0)));
    }

    proptest! {
        /// Wherever and whenever: the end is not quiet, everything before it is, and it is within a day.
        #[test]
        fn the_end_is_the_first_moment_that_is_not_quiet(
            now in 0u64..4_000_000_000_000, from in 0u32..DAY_MINUTES, until in 0u32..DAY_MINUTES, offset in -720i32..840
        ) {
            let end = |at: u64| quiet_until(Timestamp(at), from, until, |_| offset);
            if let Some(found) = end(now) {
                prop_assert!(found.0 > now && found.0 - now <= u64::from(DAY_MINUTES) * MINUTE);
                prop_assert_eq!(end(found.0), None);
                prop_assert_eq!(end(found.0 - 1), Some(found));
                prop_assert_eq!(end(now + (found.0 - now) / 2), Some(found));
            }
        }
    }
}
