//! Calendars (RFC 5545). Every occurrence is an event of its own in UTC, so no rules and no time zones are needed, and programs
//! show each in the zone of whoever looks. An event without a date is in none: a VEVENT needs a DTSTART (section 3.6.1), and
//! programs do not show the kinds of entry that could do without.

use icalendar::{Calendar, Component, Event as Entry, EventLike, EventStatus, Property};
use jiff::tz::TimeZone;
use roomtone_room::agenda::State;
use roomtone_room::ids::Timestamp;
use roomtone_store::Event;

use super::instant;

/// How often programs are asked to look again.
const REFRESH: &str = "PT1H";

/// A calendar of this name with those of the events that have a date.
pub(super) fn calendar(base: &str, name: &str, events: &[Event]) -> String {
    // Without what the library says of itself.
    let mut calendar = Calendar::empty();
    for (key, value) in [
        ("VERSION", "2.0"),
        ("PRODID", "-//Roomtone//Events//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
        ("X-WR-CALNAME", name),
        ("X-WR-CALDESC", "Events whose date is unknown are not in this calendar; the Atom feed has them."),
        ("X-PUBLISHED-TTL", REFRESH),
    ] {
        calendar.append_property(Property::new(key, value).done());
    }
    calendar.append_property(Property::new("REFRESH-INTERVAL", REFRESH).add_parameter("VALUE", "DURATION").done());
    for event in events {
        if let Some(entry) = entry(base, event) {
            calendar.push(entry);
        }
    }
    calendar.to_string()
}

fn entry(base: &str, event: &Event) -> Option<Entry> {
    let starts_at = event.agenda.starts_at?;
    let ends_at = starts_at.plus(u64::from(event.plan.minutes) * 60_000);
    let page = format!("{base}/events/{}", event.id);
    let mut entry = Entry::new();
    entry.uid(&format!("{}@{}", event.id, host(base)));
    entry.add_property("DTSTAMP", moment(event.changed_at)?);
    entry.add_property("LAST-MODIFIED", moment(event.changed_at)?);
    entry.add_property("CREATED", moment(event.created_at)?);
    entry.add_property("DTSTART", moment(starts_at)?);
    entry.add_property("DTEND", moment(ends_at)?);
    entry.add_property("SEQUENCE", event.changes.to_string());
    entry.summary(&event.text.title);
    if !event.text.about.is_empty() {
        entry.description(&event.text.about);
    }
    entry.add_property("URL", &page);
    entry.location(&page);
    if !event.text.topics.is_empty() {
        // A list of texts: the commas between them are not part of any.
        let topics: Vec<String> = event.text.topics.iter().map(|topic| escaped(topic)).collect();
        entry.append_property(Property::new("CATEGORIES", topics.join(",")).done());
    }
    entry.status(match event.agenda.state {
        State::Cancelled => EventStatus::Cancelled,
        State::Proposed => EventStatus::Tentative,
        State::Agreed | State::Dated | State::Live | State::Ended => EventStatus::Confirmed,
    });
    Some(entry.done())
}

/// A time as calendars write it: `20261124T160000Z` (section 3.3.5).
fn moment(at: Timestamp) -> Option<String> {
    Some(instant(at)?.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// A text as a part of a list (section 3.3.11); the library does the same with a text that stands alone.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            ';' => escaped.push_str("\\;"),
            ',' => escaped.push_str("\\,"),
            '\n' => escaped.push_str("\\n"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The server's name, which makes ids unique everywhere.
fn host(base: &str) -> &str {
    base.split("://").last().unwrap_or(base)
}

#[cfg(test)]
pub(super) mod tests {
    use icalendar::{CalendarComponent, Component};
    use roomtone_room::Kind;
    use roomtone_room::agenda::Agenda;
    use roomtone_room::ids::{EventId, MemberId};
    use roomtone_store::{EventPlan, EventText, Person};

    use super::*;

    pub(in crate::feeds) fn event(title: &str, starts_at: Option<u64>) -> Event {
        let starts_at = starts_at.map(Timestamp);
        Event {
            id: EventId(7),
            host: Person { id: MemberId(1), handle: "ada".to_owned(), name: "Ada".to_owned(), avatar: None },
            cohosts: Vec::new(),
            house: None,
            private: false,
            invitation: None,
            invitation_known: false,
            text: EventText {
                title: title.to_owned(),
                about: String::new(),
                language: "en".to_owned(),
                topics: Vec::new(),
            },
            plan: EventPlan {
                kind: Kind::Open,
                minutes: 90,
                time_zone: "Europe/Moscow".to_owned(),
                recurrence: None,
                planned: None,
            },
            agenda: Agenda::announced(starts_at, true),
            reason: String::new(),
            series: None,
            room: None,
            changes: 3,
            subscribers: 0,
            going: 0,
            subscription: None,
            cohost: None,
            created_at: Timestamp(1_794_000_000_000),
            changed_at: Timestamp(1_794_000_001_000),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let hostile =
            "Tea; biscuits, \\ \"quotes\" BEGIN:VEVENT — чай, очень длинная строка, которую придётся сложить пополам";
        let mut one = event(hostile, Some(1_795_000_000_000));
        one.text.about = "First line\nEND:VEVENT\nthird, with; all\\of it".to_owned();
        one.text.topics = vec!["a, b".to_owned(), "c".to_owned()];
        let mut gone = event("Gone", Some(1_795_000_000_000));
        (gone.id, gone.agenda.state) = (EventId(8), State::Cancelled);
        let text = calendar("https://talk.example", "Kitchen; tea, and more", &[one, gone, event("No date", None)]);
        assert!(text.lines().all(|line| line.len() <= 75), "{text}");
        assert!(text.ends_with("END:VCALENDAR\r\n") && !text.replace("\r\n", "").contains('\n'), "{text}");
        let read: Calendar = text.parse().unwrap();
        assert_eq!(read.get_name(), Some("Kitchen; tea, and more"));
        assert_eq!(text.matches("PRODID").count(), 1);
        assert!(text.contains("X-WR-CALDESC:Events whose date is unknown are not in this calendar\\; "), "{text}");
        let entries: Vec<_> = read.components.iter().filter_map(CalendarComponent::as_event).collect();
        assert_eq!(entries.len(), 2, "{text}");
        let value = |key| entries[0].property_value(key).unwrap();
        assert_eq!(entries[0].get_summary(), Some(hostile));
        assert_eq!(entries[0].get_description(), Some("First line\nEND:VEVENT\nthird, with; all\\of it"));
        assert_eq!((value("DTSTART"), value("DTEND")), ("20261118T110640Z", "20261118T123640Z"));
        assert_eq!((value("SEQUENCE"), value("STATUS")), ("3", "CONFIRMED"));
        assert_eq!(entries[0].get_uid(), Some(format!("{}@talk.example", EventId(7)).as_str()));
        assert!(text.contains("CATEGORIES:a\\, b,c\r\n"), "{text}");
        assert_eq!(entries[1].property_value("STATUS"), Some("CANCELLED"));
    }
}
