//! The profile of a member who lets everybody read it.

use maud::{Markup, html};
use roomtone_store::{EventsOf, InvitationBox, ReplaysOf};
use serde_json::json;

use super::card::Card;
use super::event::row;
use super::recap::{podcast, recorded};
use super::room::public_where;
use super::shell::{Page, face, in_path, paragraphs, topics, way_in};
use super::words::Tongue;
use super::{Reader, Told};
use crate::http::{invitation_cards, replays_for_visitors};
use crate::wire::ApiError;
use crate::wire::events::EventCard;
use crate::wire::invitations::InvitationCard;
use crate::wire::socket::Person;

/// Events that the page lists, and invitations by and to the member.
const COMING: u32 = 6;
const INVITATIONS: u32 = 6;

/// Recorded talks that the page lists.
const TALKS: u32 = 6;

pub(super) async fn told(reader: &Reader<'_>, handle: &str) -> Result<Option<Told>, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let Some(profile) = reader.app.store.public_profile(handle).await.map_err(internal)? else { return Ok(None) };
    let (tongue, base) = (reader.tongue, reader.base());
    let member = profile.person.id;
    let person: Person = profile.person.into();
    let path = format!("/people/{}", in_path(&person.handle));
    let coming =
        reader.app.store.upcoming_events(EventsOf::Person(member), None, None, None, COMING).await.map_err(internal)?;
    let by = invitations(reader, &InvitationBox::Host(member)).await?;
    let to = invitations(reader, &InvitationBox::Invitee(member)).await?;
    let talks = replays_for_visitors::replays(reader.app, ReplaysOf::Host(member), TALKS).await?;
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
        (recorded(tongue, &talks))
        @if !by.is_empty() || !to.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Invitations", "Приглашения")) }
                ul.rows { @for one in by.iter().chain(&to) { (letter(tongue, one)) } }
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
            audio: Vec::new(),
            link: None,
            title: person.name,
            description: if profile.bio.is_empty() { kind } else { profile.bio },
            feeds: vec![
                ("application/atom+xml", format!("{path}/events.atom")),
                ("text/calendar", format!("{path}/events.ics")),
                podcast(&path),
            ],
            path,
            language: tongue.tag().to_owned(),
            languages: Tongue::tags(),
            data,
            body,
        },
    }))
}

/// The last changed of some invitations, as everybody may read them.
async fn invitations(reader: &Reader<'_>, which: &InvitationBox) -> Result<Vec<InvitationCard>, ApiError> {
    let app = reader.app;
    let found = app.store.invitations(None, which, None, INVITATIONS).await.map_err(|e| ApiError::internal(&e))?;
    invitation_cards(app, found, reader.wanted, &[]).await
}

/// An invitation in a list: who invites whom, and the title.
fn letter(tongue: Tongue, card: &InvitationCard) -> Markup {
    let (host, invitee) = (&card.host.name, &card.invitee.name);
    let who = match invitee.is_empty() {
        true => host.clone(),
        false => format!("{host} {} {invitee}", tongue.say("invites", "приглашает к разговору:")),
    };
    html! {
        li { span.grow {
            a href={ "/invitations/" (card.id.0) } lang=(card.language) { (card.title) }
            span.quiet lang=(tongue.tag()) { (who) }
        } }
    }
}
