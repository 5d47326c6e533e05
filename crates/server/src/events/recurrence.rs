//! When an event comes again: on the same wall time in its zone, whatever the clocks there do meanwhile.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp as Instant};
use roomtone_room::agenda::Recurrence;
use roomtone_room::ids::Timestamp;

/// Most occurrences that are passed over to find one that is still to come: more than ten years of weeks.
const LOOK_AHEAD: usize = 600;

/// The next of those that come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Next {
    /// When it begins.
    pub(crate) at: Timestamp,
    /// Where the one after it is counted from.
    pub(crate) planned: String,
    /// The zone in which it is planned.
    pub(crate) time_zone: String,
}

/// The wall time of a moment in a zone; `None` for what no calendar has.
fn wall(at: Timestamp, time_zone: &str) -> Option<String> {
    let at = Instant::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
    Some(zone(time_zone).to_datetime(at).to_string())
}

/// Where those that come after a moment are counted from, as [`next`] reads it: the wall time with its zone
/// (`2026-10-18T19:00:00[Europe/Berlin]`), which stays that one when somebody moves an occurrence by another clock.
pub(crate) fn plan(at: Timestamp, time_zone: &str) -> Option<String> {
    Some(format!("{}[{time_zone}]", wall(at, time_zone)?))
}

/// A date as everybody reads it, in the time zone in which it was chosen: `2026-11-24 19:00 (Europe/Berlin)`.
pub(crate) fn date(at: Timestamp, time_zone: &str) -> String {
    let wall = wall(at, time_zone).unwrap_or_default();
    let minutes = wall.get(.."2026-11-24T19:00".len()).unwrap_or(&wall).replace('T', " ");
    format!("{minutes} ({})", if time_zone.is_empty() { "UTC" } else { time_zone })
}

/// The first occurrence after the one planned at this wall time that is still to come. Each is counted from the planned one before
/// it, so that a time that does not exist on one day (clocks go forward) does not move those after it. Where the plan names no zone it is
/// this one. `None` where there is none within [`LOOK_AHEAD`].
pub(crate) fn next(planned: &str, recurrence: Recurrence, time_zone: &str, now: Timestamp) -> Option<Next> {
    let (wall, named) = match planned.strip_suffix(']').and_then(|planned| planned.split_once('[')) {
        Some((wall, named)) => (wall, named),
        None => (planned, time_zone),
    };
    let mut wall: DateTime = wall.parse().ok()?;
    let zone = zone(named);
    for _ in 0..LOOK_AHEAD {
        wall = after(wall, recurrence)?;
        // A time that a day has twice is the first of the two; one that it does not have is as much later (RFC 5545, 3.3.5).
        let at = zone.to_timestamp(wall).ok()?.as_millisecond();
        let at = Timestamp(u64::try_from(at).ok()?);
        if at > now {
            return Some(Next { at, planned: format!("{wall}[{named}]"), time_zone: named.to_owned() });
        }
    }
    None
}

fn after(wall: DateTime, recurrence: Recurrence) -> Option<DateTime> {
    let weeks = |number| wall.checked_add(Span::new().try_weeks(number).ok()?).ok();
    match recurrence {
        Recurrence::Weekly => weeks(1),
        Recurrence::Fortnightly => weeks(2),
        Recurrence::MonthlyByWeekday => {
            let date: Date = wall.date();
            let nth = (date.day() - 1) / 7 + 1;
            let same_day = |months| {
                let month = date.first_of_month().checked_add(Span::new().try_months(months).ok()?).ok()?;
                month.nth_weekday_of_month(nth, date.weekday()).ok()
            };
            // A weekday is without a fifth for three months in a row at most.
            (1..=4).find_map(same_day).map(|date| date.to_datetime(wall.time()))
        }
    }
}

/// A zone by its name; one that is not known any more counts as UTC, as the empty name does.
fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<Instant>().unwrap().as_millisecond() as u64)
    }

    #[track_caller]
    fn comes(planned: &str, recurrence: Recurrence, zone: &str, now: &str, expected: &[(&str, &str)]) {
        let (mut planned, mut now) = (planned.to_owned(), at(now));
        for (instant, wall) in expected {
            let found = next(&planned, recurrence, zone, now).unwrap();
            let (wall_found, _) = found.planned.split_once('[').unwrap();
            assert_eq!((found.at, wall_found), (at(instant), *wall), "{zone} {recurrence:?}");
            (planned, now) = (found.planned, found.at);
        }
    }

    #[test]
    fn the_zone_of_the_plan_stays_when_one_is_moved_by_another_clock() {
        // 19:00 in Berlin, of which one was moved to a time of New York.
        let planned = plan(at("2026-11-24T18:00:00Z"), "Europe/Berlin").unwrap();
        assert_eq!(planned, "2026-11-24T19:00:00[Europe/Berlin]");
        let found = next(&planned, Recurrence::Weekly, "America/New_York", at("2026-11-25T00:00:00Z")).unwrap();
        let (planned, time_zone) = ("2026-12-01T19:00:00[Europe/Berlin]".to_owned(), "Europe/Berlin".to_owned());
        assert_eq!(found, Next { at: at("2026-12-01T18:00:00Z"), planned, time_zone });
        // A plan without a zone is in that of its event.
        let found =
            next("2026-11-24T19:00:00", Recurrence::Weekly, "Europe/Berlin", at("2026-11-25T00:00:00Z")).unwrap();
        assert_eq!((found.at, found.time_zone.as_str()), (at("2026-12-01T18:00:00Z"), "Europe/Berlin"));
        let utc = plan(at("2026-11-24T18:00:00Z"), "").unwrap();
        assert_eq!(
            next(&utc, Recurrence::Weekly, "", at("2026-11-25T00:00:00Z")).unwrap().at,
            at("2026-12-01T18:00:00Z")
        );
    }

    #[test]
    fn the_wall_time_stays_where_clocks_change() {
        // Back on 2026-10-25 at 01:00 UTC.
        comes(
            "2026-10-18T19:00:00",
            Recurrence::Weekly,
            "Europe/Berlin",
            "2026-10-18T18:00:00Z",
            &[("2026-10-25T18:00:00Z", "2026-10-25T19:00:00"), ("2026-11-01T18:00:00Z", "2026-11-01T19:00:00")],
        );
        assert_eq!(wall(at("2026-10-18T17:00:00Z"), "Europe/Berlin").as_deref(), Some("2026-10-18T19:00:00"));
        // Forward on 2027-03-28 at 01:00 UTC: 02:30 does not exist on that day, and does on the next one again.
        comes(
            "2027-03-14T02:30:00",
            Recurrence::Weekly,
            "Europe/Berlin",
            "2027-03-14T01:30:00Z",
            &[
                ("2027-03-21T01:30:00Z", "2027-03-21T02:30:00"),
                ("2027-03-28T01:30:00Z", "2027-03-28T02:30:00"),
                ("2027-04-04T00:30:00Z", "2027-04-04T02:30:00"),
            ],
        );
        // Forward on 2027-03-14 at 10:00 UTC.
        comes(
            "2027-03-02T09:00:00",
            Recurrence::Fortnightly,
            "America/Los_Angeles",
            "2027-03-02T17:00:00Z",
            &[("2027-03-16T16:00:00Z", "2027-03-16T09:00:00")],
        );
    }

    #[test]
    fn months_go_by_the_weekday() {
        comes(
            "2026-11-10T20:00:00",
            Recurrence::MonthlyByWeekday,
            "Europe/Moscow",
            "2026-11-10T17:00:00Z",
            &[("2026-12-08T17:00:00Z", "2026-12-08T20:00:00"), ("2027-01-12T17:00:00Z", "2027-01-12T20:00:00")],
        );
        // A month without a fifth Monday has none.
        comes(
            "2026-11-30T12:00:00",
            Recurrence::MonthlyByWeekday,
            "",
            "2026-11-30T12:00:00Z",
            &[("2027-03-29T12:00:00Z", "2027-03-29T12:00:00"), ("2027-05-31T12:00:00Z", "2027-05-31T12:00:00")],
        );
    }

    #[test]
    fn what_went_by_is_passed_over() {
        comes(
            "2026-01-05T12:00:00",
            Recurrence::Weekly,
            "",
            "2026-11-23T12:00:00Z",
            &[("2026-11-30T12:00:00Z", "2026-11-30T12:00:00")],
        );
        assert_eq!(next("2000-01-01T12:00:00", Recurrence::Weekly, "", at("2026-11-23T12:00:00Z")), None);
        assert_eq!(next("no time", Recurrence::Weekly, "", Timestamp(0)), None);
    }
}
