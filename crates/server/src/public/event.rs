//! An event that everybody may know of.

use maud::{Markup, html};
use roomtone_room::ids::{EventId, Timestamp};
use roomtone_store::{EventsOf, ReplaysOf};
use serde_json::{Value, json};

use super::card::Card;
use super::recap::listed;
use super::room::{named, rfc3339};
use super::shell::{Page, in_language, in_path, paragraphs, person, topics, way_in};
use super::when::{date_and_time, zone_name};
use super::words::Tongue;
use super::{Reader, Told};
use crate::http::replays_for_visitors;
use crate::wire::ApiError;
use crate::wire::events::{EventCard, EventChange, EventHappened, EventState};
use crate::wire::replays::ReplayCard;
use crate::wire::socket::Person;

/// The media type of Atom feeds (RFC 4287, section 7).
const ATOM: &str = "application/atom+xml";

/// Other events that a page lists.
const RELATED: u32 = 5;

/// Recorded talks that a page lists.
const TALKS: u32 = 6;

pub(super) async fn told(reader: &Reader<'_>, id: EventId) -> Result<Option<Told>, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let store = &reader.app.store;
    let Some(event) = store.event(id, None).await.map_err(internal)? else { return Ok(None) };
    let (about, reason) = (event.text.about.clone(), event.reason.clone());
    let of = match &event.house {
        Some(house) => EventsOf::House(house.id),
        None => EventsOf::Person(event.host.id),
    };
    let changes = store.event_changes(id).await.map_err(internal)?;
    let mut related = store.upcoming_events(of, None, None, None, RELATED + 1).await.map_err(internal)?;
    related.retain(|other| other.id != id);
    let talks = replays_for_visitors::replays(reader.app, ReplaysOf::Event(id), TALKS).await?;
    let event = EventCard::from(event);
    let feed = format!("/events/{id}.atom");
    let planned = event.starts_at.is_some() && matches!(event.state, EventState::Dated | EventState::Live);
    // Whoever subscribes to its calendar now finds the date there as soon as there is one.
    let waits = event.starts_at.is_none() && matches!(event.state, EventState::Proposed | EventState::Agreed);
    let (tongue, base) = (reader.tongue, reader.base());
    let path = format!("/events/{id}");
    let (state, when) = (state(tongue, event.state), when(tongue, &event));
    // The room's own rules say whether a visitor may know of it.
    let live = event.room.filter(|_| event.state == EventState::Live);
    let live = live.filter(|room| reader.app.rooms.get(room.0).is_some_and(|room| room.summary().is_public()));
    let hosts: Vec<Person> = [&event.host].into_iter().chain(&event.cohosts).cloned().collect();
    let body = html! {
        section.title {
            p.kicker.live[event.state == EventState::Live] lang=(tongue.tag()) {
                (state)
                @if let Some(house) = &event.house { " · " a href={ "/houses/" (in_path(&house.handle)) } { (house.name) } }
            }
            h1 lang=(event.language) { (event.title) }
            p.when.off[event.state == EventState::Cancelled && event.starts_at.is_some()] lang=(tongue.tag()) { (when) }
            p.quiet lang=(tongue.tag()) { (facts(tongue, &event)) }
            (topics(&event.topics))
        }
        @if !reason.is_empty() { section.text lang=(event.language) { (paragraphs(&reason)) } }
        (listed(tongue, tongue.say("What came of it", "Что из этого вышло"), &talks))
        @if !about.is_empty() { section.text lang=(event.language) { (paragraphs(&about)) } }
        section {
            h2 lang=(tongue.tag()) { (tongue.say("Hosted by", "Ведут")) }
            ul.people { @for host in &hosts { li { (person(host)) } } }
        }
        p.actions lang=(tongue.tag()) {
            @if let Some(room) = live { a.button href={ "/room/" (room.0) } { (tongue.say("Come in", "Войти")) } }
            @if planned {
                a href={ (path) ".ics" } { (tongue.say("Add to calendar", "В календарь")) }
            } @else if waits {
                a href={ (path) ".ics" } {
                    (tongue.say("Calendar feed, empty until there is a date", "Календарь (пуст, пока нет даты)"))
                }
            }
            a href=(feed) type=(ATOM) { (tongue.say("Follow by Atom", "Следить через Atom")) }
            @if let Some(invitation) = event.invitation {
                a href={ "/invitations/" (invitation.0) } { (tongue.say("The invitation it comes from", "Приглашение, с которого всё началось")) }
            }
        }
        @if changes.len() > 1 {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("What happened", "Что было")) }
                ol.steps lang=(tongue.tag()) {
                    @for change in changes { (happened(tongue, &change.into(), &event.time_zone)) }
                }
            }
        }
        @if !related.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Also coming up", "Что ещё будет")) }
                ul.rows { @for other in related.into_iter().map(EventCard::from) { (row(tongue, &other)) } }
            }
        }
        (way_in(tongue))
    };
    let description = if about.is_empty() { format!("{when} · {}", facts(tongue, &event)) } else { about.clone() };
    Ok(Some(Told {
        card: Card::new(&state, &event.title, when, hosts),
        page: Page {
            audio: Vec::new(),
            link: None,
            title: event.title.clone(),
            description,
            data: data(base, &path, &event, &about, &talks),
            path,
            language: tongue.tag().to_owned(),
            languages: Tongue::tags(),
            feeds: [(ATOM, feed)]
                .into_iter()
                .chain((planned || waits).then(|| ("text/calendar", format!("/events/{id}.ics"))))
                .collect(),
            body,
        },
    }))
}

/// An event as a row of a list.
pub(super) fn row(tongue: Tongue, event: &EventCard) -> Markup {
    html! {
        li { span.grow {
            a href={ "/events/" (event.id.0) } lang=(event.language) { (event.title) }
            span.quiet lang=(tongue.tag()) { (when(tongue, event)) }
        } }
    }
}

/// An event's date, or what stands in its place.
pub(super) fn when(tongue: Tongue, event: &EventCard) -> String {
    match event.starts_at {
        Some(at) => {
            format!("{} ({})", date_and_time(tongue, Timestamp(at), &event.time_zone), zone_name(&event.time_zone))
        }
        None => tongue.say("no date yet", "даты пока нет").to_owned(),
    }
}

fn state(tongue: Tongue, state: EventState) -> String {
    let (english, russian) = match state {
        EventState::Proposed => ("Proposed talk", "Предложенный разговор"),
        EventState::Agreed | EventState::Dated => ("Upcoming talk", "Будущий разговор"),
        EventState::Live => ("Live now", "Сейчас в эфире"),
        EventState::Ended => ("Past talk", "Прошедший разговор"),
        EventState::Cancelled => ("Cancelled", "Отменено"),
    };
    tongue.say(english, russian).to_owned()
}

fn facts(tongue: Tongue, event: &EventCard) -> String {
    let minutes = tongue.count(event.minutes.into(), ["minute", "minutes"], ["минута", "минуты", "минут"]);
    let language = in_language(tongue, &event.language);
    if matches!(event.state, EventState::Ended | EventState::Cancelled) {
        return format!("{language} · {minutes}");
    }
    let waiting = tongue.count(
        event.subscribers,
        ["person waits for it", "people wait for it"],
        ["человек ждёт", "человека ждут", "человек ждут"],
    );
    format!("{language} · {minutes} · {waiting}")
}

fn happened(tongue: Tongue, change: &EventHappened, zone: &str) -> Markup {
    let (english, russian) = match change.change {
        EventChange::Announced => ("Announced", "Объявлено"),
        EventChange::Agreed => ("Agreed", "Согласовано"),
        EventChange::Dated => ("It has a date", "Назначена дата"),
        EventChange::Moved => ("It has another date", "Дата изменилась"),
        EventChange::Undated => ("The date is open again", "Дата снова неизвестна"),
        EventChange::Live => ("The room opened", "Комната открылась"),
        EventChange::Ended => ("The talk ended", "Разговор закончился"),
        EventChange::Cancelled => ("Cancelled", "Отменено"),
        EventChange::Resized => ("It ends at another time", "Время окончания изменилось"),
    };
    let dated = matches!(change.change, EventChange::Dated | EventChange::Moved);
    html! {
        li {
            span {
                (tongue.say(english, russian))
                @if let Some(at) = change.starts_at.filter(|_| dated) { ": " (date_and_time(tongue, Timestamp(at), zone)) }
            }
            time.quiet datetime=[rfc3339(change.at)] { (date_and_time(tongue, Timestamp(change.at), zone)) }
        }
    }
}

/// The event for programs. Without a date it has none: nothing is invented in its place.
fn data(base: &str, path: &str, event: &EventCard, about: &str, talks: &[ReplayCard]) -> Value {
    let url = format!("{base}{path}");
    let end = event.starts_at.map(|at| at + u64::from(event.minutes) * 60_000);
    let status = match event.state {
        EventState::Cancelled => "EventCancelled",
        _ => "EventScheduled",
    };
    let recorded = |talk: &ReplayCard| json!({ "@type": "AudioObject", "name": talk.title, "url": format!("{base}/recaps/{}", talk.id.0) });
    json!({
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.title,
        "description": about,
        "url": url,
        "inLanguage": event.language,
        "startDate": event.starts_at.and_then(rfc3339),
        "endDate": end.and_then(rfc3339),
        "eventStatus": format!("https://schema.org/{status}"),
        "eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode",
        "location": { "@type": "VirtualLocation", "url": url },
        "image": format!("{base}{path}/card.png"),
        "organizer": named(&event.host),
        "recordedIn": talks.iter().map(recorded).collect::<Vec<_>>(),
        "performer": event.cohosts.iter().map(named).collect::<Vec<_>>(),
    })
}
