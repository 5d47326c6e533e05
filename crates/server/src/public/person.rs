//! The profile of a member who lets everybody read it.

use maud::html;
use roomtone_store::EventsOf;
use serde_json::json;

use super::card::Card;
use super::event::row;
use super::room::public_where;
use super::shell::{Page, face, in_path, paragraphs, topics, way_in};
use super::{Reader, Told};
use crate::wire::ApiError;
use crate::wire::events::EventCard;
use crate::wire::socket::Person;

/// Events that the page lists.
const COMING: u32 = 6;

pub(super) async fn told(reader: &Reader<'_>, handle: &str) -> Result<Option<Told>, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let Some(profile) = reader.app.store.public_profile(handle).await.map_err(internal)? else { return Ok(None) };
    let (tongue, base) = (reader.tongue, reader.base());
    let member = profile.person.id;
    let person: Person = profile.person.into();
    let path = format!("/people/{}", in_path(&person.handle));
    let coming =
        reader.app.store.upcoming_events(EventsOf::Person(member), None, None, None, COMING).await.map_err(internal)?;
    // On stage only: in an audience one is not shown to everybody.
    let live = public_where(reader.app, |summary| summary.stage.contains(&member));
    let kind = format!("@{}", person.handle);
    let body = html! {
        section.title {
            (face(&person, ""))
            h1 { (person.name) }
            p.quiet { (kind) }
            (topics(&profile.topics))
        }
        @if !profile.bio.is_empty() { section.text { (paragraphs(&profile.bio)) } }
        @if !live.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Talking now", "Говорит сейчас")) }
                ul.rows { @for room in &live { li.grow { a href={ "/room/" (room.id.0) } { (room.title) } } } }
            }
        }
        @if !coming.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Coming up", "Скоро")) }
                ul.rows { @for event in coming.into_iter().map(EventCard::from) { (row(tongue, &event)) } }
            }
        }
        @if !profile.links.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Links", "Ссылки")) }
                ul.text { @for link in &profile.links { li { a href=(link) rel="me nofollow noopener" { (link) } } } }
            }
        }
        @if !profile.houses.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Houses", "Дома")) }
                p.tags { @for house in &profile.houses { a href={ "/houses/" (in_path(&house.handle)) } { (house.name) } } }
            }
        }
        (way_in(tongue))
    };
    let data = json!({
        "@context": "https://schema.org",
        "@type": "ProfilePage",
        "mainEntity": {
            "@type": "Person",
            "name": person.name,
            "alternateName": person.handle,
            "url": format!("{base}{path}"),
            "description": profile.bio,
            "sameAs": profile.links,
        },
    });
    Ok(Some(Told {
        card: Card::new(&kind, &person.name, profile.topics.join(" · "), vec![person.clone()]),
        page: Page {
            title: person.name,
            description: if profile.bio.is_empty() { kind } else { profile.bio },
            feeds: vec![
                ("application/atom+xml", format!("{path}/events.atom")),
                ("text/calendar", format!("{path}/events.ics")),
            ],
            path,
            language: tongue.tag().to_owned(),
            languages: Vec::new(),
            data,
            body,
        },
    }))
}
