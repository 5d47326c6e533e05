//! A house that everybody may know of.

use maud::html;
use roomtone_store::{EventsOf, ReplaysOf};
use serde_json::json;

use super::card::Card;
use super::event::row;
use super::recap::{podcast, recorded};
use super::room::public_where;
use super::shell::{Page, in_language, in_path, paragraphs, person, way_in};
use super::{Reader, Told};
use crate::http::replays_for_visitors;
use crate::wire::ApiError;
use crate::wire::events::EventCard;

/// Events and recorded talks that the page lists.
const COMING: u32 = 6;
const TALKS: u32 = 6;

pub(super) async fn told(reader: &Reader<'_>, handle: &str) -> Result<Option<Told>, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let Some(house) = reader.app.store.public_house(handle).await.map_err(internal)? else { return Ok(None) };
    let (tongue, base) = (reader.tongue, reader.base());
    let path = format!("/houses/{}", in_path(&house.handle));
    let coming = reader
        .app
        .store
        .upcoming_events(EventsOf::House(house.id), None, None, None, COMING)
        .await
        .map_err(internal)?;
    let live = public_where(reader.app, |summary| summary.house() == Some(house.id));
    let talks = replays_for_visitors::replays(reader.app, ReplaysOf::House(house.id), TALKS).await?;
    let kind = tongue.say("House", "Дом");
    let members = tongue.count(house.members, ["member", "members"], ["участник", "участника", "участников"]);
    let line = format!("{members} · {}", in_language(tongue, &house.language));
    let body = html! {
        section.title {
            p.kicker lang=(tongue.tag()) { (kind) }
            h1 lang=(house.language) { (house.name) }
            p.quiet lang=(tongue.tag()) { (line) }
        }
        @if !house.about.is_empty() { section.text lang=(house.language) { (paragraphs(&house.about)) } }
        @if !live.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Live now", "Сейчас в эфире")) }
                ul.rows { @for room in &live { li.grow { a href={ "/room/" (room.id.0) } { (room.title) } } } }
            }
        }
        @if !coming.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Coming up", "Скоро")) }
                ul.rows { @for event in coming.into_iter().map(EventCard::from) { (row(tongue, &event)) } }
            }
        }
        (recorded(tongue, &talks))
        @if !house.rules.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Rules", "Правила")) }
                div.text lang=(house.language) { (paragraphs(&house.rules)) }
            }
        }
        @if !house.admins.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Run by", "Ведут")) }
                ul.people { @for admin in &house.admins { li { (person(&admin.clone().into())) } } }
            }
        }
        (way_in(tongue))
    };
    let data = json!({
        "@context": "https://schema.org",
        "@type": "Organization",
        "name": house.name,
        "url": format!("{base}{path}"),
        "description": house.about,
    });
    Ok(Some(Told {
        card: Card::new(kind, &house.name, line.clone(), house.admins.iter().cloned().map(Into::into).collect()),
        page: Page {
            audio: Vec::new(),
            link: None,
            title: house.name,
            description: if house.about.is_empty() { line } else { house.about },
            feeds: vec![
                ("application/atom+xml", format!("{path}/events.atom")),
                ("text/calendar", format!("{path}/events.ics")),
                podcast(&path),
            ],
            path,
            language: tongue.tag().to_owned(),
            languages: super::words::Tongue::tags(),
            data,
            body,
        },
    }))
}
