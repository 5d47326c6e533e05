//! Atom (RFC 4287): an entry for each change of an event and each step of an invitation, so that a reader tells of each once.

use atom_syndication::{Category, Entry, Feed, FixedDateTime, Generator, Link, Person, Text};
use roomtone_room::agenda::Change;
use roomtone_room::ids::Timestamp;
use roomtone_store::{Event, EventChange};

use super::{ENTRIES, instant};
use crate::events::recurrence::date;
use crate::notices::text::texts;
use crate::public::words::primary;
use crate::public::{step_as_text, voice_of_step};
use crate::wire::events::EventChange as Told;
use crate::wire::invitations::{Invitation, InvitationStep};

/// The feed of these changes, the latest first. `own` is its path, and `page` that of the page that it belongs to.
pub(super) fn feed(base: &str, own: &str, page: &str, title: &str, told: &[(EventChange, Event)]) -> String {
    let own = format!("{base}{own}");
    let updated = told.iter().map(|(change, _)| change.at).max().unwrap_or_default();
    Feed {
        title: Text::plain(title),
        id: own.clone(),
        updated: moment(updated),
        links: vec![link("self", &own), link("alternate", &format!("{base}{page}"))],
        generator: Some(Generator { value: "Roomtone".to_owned(), ..Generator::default() }),
        entries: told.iter().map(|(change, event)| entry(base, change, event)).collect(),
        ..Feed::default()
    }
    .to_string()
}

/// What happened, in the event's language.
fn entry(base: &str, change: &EventChange, event: &Event) -> Entry {
    let page = format!("{base}/events/{}", event.id);
    let (russian, texts) = (primary(&event.text.language) == "ru", texts(&event.text.language));
    let when = change.starts_at.map(|at| date(at, &event.plan.time_zone));
    let title = match (change.change, when.as_deref()) {
        (Change::Announced, None) if russian => format!("Объявлено событие: {}", event.text.title),
        (Change::Announced, None) => format!("Announced: {}", event.text.title),
        (Change::Announced, Some(when)) if russian => format!("Объявлено событие, {when}: {}", event.text.title),
        (Change::Announced, Some(when)) => format!("Announced, {when}: {}", event.text.title),
        (change, when) => texts.event(Told::from(change), &event.text.title, when.unwrap_or("…")),
    };
    let people = [&event.host].into_iter().chain(&event.cohosts);
    let mut lines = Vec::new();
    lines.extend((change.change == Change::Cancelled && !event.reason.is_empty()).then(|| event.reason.clone()));
    lines.extend((!event.text.about.is_empty()).then(|| event.text.about.clone()));
    Entry {
        title: Text::plain(title),
        id: format!("{page}#{}", change.n),
        updated: moment(change.at),
        published: Some(moment(change.at)),
        authors: people.map(|person| Person { name: person.name.clone(), ..Person::default() }).collect(),
        links: vec![link("alternate", &page)],
        summary: (!lines.is_empty()).then(|| Text::plain(lines.join("\n\n"))),
        categories: event
            .text
            .topics
            .iter()
            .map(|topic| Category { term: topic.clone(), ..Category::default() })
            .collect(),
        ..Entry::default()
    }
}

/// The feed of an invitation: an entry for each step, the latest first, in the language of the original.
pub(super) fn invitation(base: &str, invitation: &Invitation) -> String {
    let page = format!("{base}/invitations/{}", invitation.id.0);
    let own = format!("{page}.atom");
    let original = invitation.texts.iter().find(|text| text.original);
    let (language, title) = original.map_or(("en", ""), |text| (text.language.as_str(), text.title.as_str()));
    let entry = |step: &InvitationStep| Entry {
        title: Text::plain(step_as_text(language, step)),
        id: format!("{page}#{}", step.n),
        updated: moment(Timestamp(step.at)),
        published: Some(moment(Timestamp(step.at))),
        // By an office, or an unverified voice, and not by whom that speaks for (guarantee G11). An entry has an author with a name
        // (section 4.2.1): the program, for what comes by itself.
        authors: vec![Person {
            name: Some(voice_of_step(language, step)).filter(|name| !name.is_empty()).unwrap_or("Roomtone".to_owned()),
            ..Person::default()
        }],
        links: vec![link("alternate", &page)],
        summary: step.text.clone().map(Text::plain),
        ..Entry::default()
    };
    let entries = invitation.steps.iter().rev().take(ENTRIES as usize).map(entry);
    Feed {
        title: Text::plain(title),
        id: own.clone(),
        updated: moment(Timestamp(invitation.changed_at)),
        links: vec![link("self", &own), link("alternate", &page)],
        generator: Some(Generator { value: "Roomtone".to_owned(), ..Generator::default() }),
        entries: entries.collect(),
        ..Feed::default()
    }
    .to_string()
}

fn link(rel: &str, href: &str) -> Link {
    Link { rel: rel.to_owned(), href: href.to_owned(), ..Link::default() }
}

fn moment(at: Timestamp) -> FixedDateTime {
    // The largest time that both hold is thousands of years ahead.
    instant(at).and_then(|at| at.to_string().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use atom_syndication::Feed;

    use super::*;
    use crate::feeds::ics::tests::event;

    #[test]
    fn what_is_written_is_read_back() {
        let hostile = "Tea & <b>\"biscuits\"</b> ]]> 'чай'";
        let mut one = event(hostile, Some(1_795_000_000_000));
        one.text.about = "First & second\n\n</summary>".to_owned();
        one.text.topics = vec!["a&b".to_owned()];
        one.host.name = "Ada & Ben".to_owned();
        let change = |n, change, starts_at| EventChange { n, change, at: Timestamp(1_794_000_000_000 + n), starts_at };
        let told = [
            (change(2, Change::Dated, Some(Timestamp(1_795_000_000_000))), one.clone()),
            (change(1, Change::Announced, None), one),
        ];
        let text = feed("https://talk.example", "/houses/tea/events.atom", "/houses/tea", "Tea & Co · Kitchen", &told);
        let read: Feed = text.parse().unwrap();
        assert_eq!(
            (read.title.value.as_str(), read.id.as_str()),
            ("Tea & Co · Kitchen", "https://talk.example/houses/tea/events.atom")
        );
        assert_eq!(read.updated.timestamp_millis(), 1_794_000_000_002);
        let titles: Vec<_> = read.entries.iter().map(|entry| entry.title.value.clone()).collect();
        assert_eq!(
            titles,
            [format!("It has a date, 2026-11-18 14:06 (Europe/Moscow): {hostile}"), format!("Announced: {hostile}")]
        );
        let first = &read.entries[0];
        assert_eq!(first.id, format!("https://talk.example/events/{}#2", told[0].1.id));
        assert_eq!(first.summary.as_ref().unwrap().value, "First & second\n\n</summary>");
        assert_eq!(first.authors[0].name, "Ada & Ben");
        assert_eq!(first.categories[0].term, "a&b");
        assert_ne!(read.entries[0].id, read.entries[1].id);
    }

    #[test]
    fn a_feed_without_entries_is_one() {
        let read: Feed = feed("https://talk.example", "/events.atom", "/events", "Kitchen", &[]).parse().unwrap();
        assert_eq!((read.entries.len(), read.id.as_str()), (0, "https://talk.example/events.atom"));
    }
}
