//! Dates for readers: in the zone in which something was planned, since a page without a script does not know the reader's.

use jiff::Zoned;
use jiff::tz::TimeZone;
use roomtone_room::ids::Timestamp;

use super::words::Tongue;

const ENGLISH_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const RUSSIAN_DAYS: [&str; 7] = ["понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье"];
const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const RUSSIAN_MONTHS: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

/// A date with its day of the week and the time, in this zone (IANA name; UTC if it is empty or unknown).
pub(super) fn date_and_time(tongue: Tongue, at: Timestamp, zone: &str) -> String {
    let Some(at) = zoned(at, zone) else { return String::new() };
    let clock = format!("{:02}:{:02}", at.hour(), at.minute());
    format!("{}, {clock}", day(tongue, &at))
}

/// A date alone, in UTC.
pub(super) fn date(tongue: Tongue, at: Timestamp) -> String {
    zoned(at, "").map(|at| day(tongue, &at)).unwrap_or_default()
}

/// A zone as a reader is told of it.
pub(super) fn zone_name(zone: &str) -> String {
    if known(zone).is_some() { zone.replace('_', " ") } else { "UTC".to_owned() }
}

fn day(tongue: Tongue, at: &Zoned) -> String {
    let weekday = usize::from(at.weekday().to_monday_zero_offset().unsigned_abs());
    let month = usize::from(at.month().unsigned_abs()) - 1;
    match tongue {
        Tongue::English => format!("{} {} {} {}", ENGLISH_DAYS[weekday], at.day(), ENGLISH_MONTHS[month], at.year()),
        Tongue::Russian => format!("{}, {} {} {}", RUSSIAN_DAYS[weekday], at.day(), RUSSIAN_MONTHS[month], at.year()),
    }
}

/// `None` for a time beyond the year 9999.
fn zoned(at: Timestamp, zone: &str) -> Option<Zoned> {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
    Some(at.to_zoned(known(zone).unwrap_or(TimeZone::UTC)))
}

fn known(zone: &str) -> Option<TimeZone> {
    if zone.is_empty() { None } else { TimeZone::get(zone).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_zone() {
        // 2026-03-03 23:30 UTC.
        let at = Timestamp(1_772_580_600_000);
        let told = |tongue, zone| date_and_time(tongue, at, zone);
        assert_eq!(told(Tongue::English, ""), "Tuesday 3 March 2026, 23:30");
        assert_eq!(told(Tongue::Russian, "Europe/Moscow"), "среда, 4 марта 2026, 02:30");
        assert_eq!(told(Tongue::English, "Nowhere/Land"), told(Tongue::English, "UTC"));
        assert_eq!((zone_name("America/New_York"), zone_name("")), ("America/New York".to_owned(), "UTC".to_owned()));
        assert_eq!(date(Tongue::English, at), "Tuesday 3 March 2026");
        assert_eq!(date_and_time(Tongue::English, Timestamp(u64::MAX), ""), "");
    }
}
