//! A live room that everybody may know of.

use maud::html;
use roomtone_room::ids::RoomId;
use serde_json::json;

use super::card::Card;
use super::shell::{Page, in_language, person, topics, way_in};
use super::words::Tongue;
use super::{Reader, Told};
use crate::app::App;
use crate::rooms::Summary;
use crate::wire::http::RoomCard;
use crate::wire::replays::Hearers;
use crate::wire::socket::Person;

/// Rooms that another page lists.
const LISTED: usize = 6;

pub(super) fn told(reader: &Reader<'_>, id: RoomId) -> Option<Told> {
    let handle = reader.app.rooms.get(id)?;
    let summary = handle.summary();
    if !summary.is_public() {
        return None;
    }
    let (room, tongue, base) = (&summary.card, reader.tongue, reader.base());
    let path = format!("/room/{id}");
    let live = tongue.say("Live now", "Сейчас в эфире");
    let count = |number: usize| number as u64;
    let numbers = format!(
        "{} · {}",
        tongue.count(count(room.listening), ["listening", "listening"], ["слушает", "слушают", "слушают"]),
        tongue.count(count(room.on_stage), ["on stage", "on stage"], ["на сцене", "на сцене", "на сцене"])
    );
    let language = in_language(tongue, &room.language);
    let host = &room.host.name;
    let hosted = match host.is_empty() {
        true => String::new(),
        false => format!("{} {host} · ", tongue.say("Hosted by", "Ведёт")),
    };
    let body = html! {
        section.title {
            p.kicker.live lang=(tongue.tag()) {
                (live)
                @if let Some(house) = &room.house { " · " (house.name) }
            }
            h1 lang=(room.language) { (room.title) }
            p.quiet lang=(tongue.tag()) { (hosted) (language) " · " (numbers) }
            @if let Some(to) = room.recording {
                p.quiet lang=(tongue.tag()) { (recorded(tongue, to)) }
            }
            (topics(&room.topics))
        }
        section aria-label=(tongue.say("On stage", "На сцене")) {
            ul.people { @for speaker in &room.stage { li { (person(speaker)) } } }
        }
        (way_in(tongue))
    };
    let data = json!({
        "@context": "https://schema.org",
        "@type": "BroadcastEvent",
        "name": room.title,
        "url": format!("{base}{path}"),
        "isLiveBroadcast": true,
        "inLanguage": room.language,
        "startDate": rfc3339(room.opened_at),
        "eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode",
        "location": { "@type": "VirtualLocation", "url": format!("{base}{path}") },
        "organizer": named(&room.host),
        "performer": room.stage.iter().map(named).collect::<Vec<_>>(),
    });
    Some(Told {
        card: Card::new(live, &room.title, numbers.clone(), room.stage.clone()),
        page: Page {
            audio: Vec::new(),
            link: None,
            title: room.title.clone(),
            description: format!("{hosted}{language} · {numbers}"),
            path,
            language: tongue.tag().to_owned(),
            languages: Tongue::tags(),
            feeds: Vec::new(),
            data,
            body,
        },
    })
}

/// That what is said is recorded, and for whom.
fn recorded(tongue: Tongue, to: Hearers) -> &'static str {
    match to {
        Hearers::Everyone => tongue.say("Recorded, open to everybody", "Идёт запись, она будет открыта всем"),
        Hearers::Members => tongue.say("Recorded, open to members", "Идёт запись, она будет открыта участникам"),
        Hearers::Attendees => {
            tongue.say("Recorded for those who are here", "Идёт запись, она будет открыта тем, кто здесь")
        }
    }
}

/// The live rooms that everybody may know of and that `which` names, those with the most people first; at most [`LISTED`].
pub(super) fn public_where(app: &App, which: impl Fn(&Summary) -> bool) -> Vec<RoomCard> {
    let mut found: Vec<RoomCard> = app
        .rooms
        .all()
        .iter()
        .map(|handle| handle.summary())
        .filter(|summary| summary.is_public() && which(summary))
        .map(|summary| summary.card.clone())
        .collect();
    found.sort_by_key(|room| (std::cmp::Reverse(room.on_stage + room.listening), room.id.0));
    found.truncate(LISTED);
    found
}

/// Somebody, for programs.
pub(super) fn named(person: &Person) -> serde_json::Value {
    json!({ "@type": "Person", "name": person.name, "alternateName": person.handle })
}

/// A time as RFC 3339 has it.
pub(super) fn rfc3339(millis: u64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
