//! Search over people, houses, rooms and events.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use roomtone_room::search;
use roomtone_store::{self as store, EventsOf};
use serde::Deserialize;

use super::auth::SignedIn;
use crate::app::App;
use crate::search::words_of_event;
use crate::wire::people::badge;
use crate::wire::search::{Found, FoundPerson};
use crate::wire::{ApiError, Code};

/// Most characters that are searched for. Nothing that has a name has a longer one; a longer text is a mistake.
const TYPED_MAX: usize = 200;

/// People who are shown, and houses and rooms.
const PEOPLE: usize = 20;
const HOUSES: usize = 10;
const ROOMS: usize = 10;
const EVENTS: usize = 10;

/// Events to come that are looked through, those with the nearest dates first. They are in no index: more finds those that are further
/// ahead, each makes every search dearer.
const EVENTS_SEARCHED: u32 = 500;

/// How many are shown when only one kind was asked for.
const OF_ONE_KIND: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    q: String,
    #[serde(default)]
    kind: Option<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    People,
    Houses,
    Rooms,
    Events,
    Replays,
}

/// What fits the words that were typed, by name, beginning, or with a typing error.
#[utoipa::path(get, path = "/api/search",
    params(("q" = String, Query, description = "What was typed, up to 200 characters; all of its words must fit"),
        ("kind" = Option<String>, Query, description = "One of people, houses, rooms, events, replays; all if absent")),
    responses((status = 200, body = Found), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 429, body = ApiError)))]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Found>, ApiError> {
    let Query(asked) = asked.map_err(|_| Code::BadRequest)?;
    if asked.q.chars().count() > TYPED_MAX {
        return Err(Code::BadRequest.into());
    }
    let Some(query) = search::Query::parse(&asked.q) else { return Ok(Json(Found::default())) };
    let viewer = caller.member.person.id;
    let many = |kind, usual| match asked.kind {
        None => usual,
        Some(only) if only == kind => OF_ONE_KIND,
        Some(_) => 0,
    };
    let mut found = Found::default();
    let search = app.store.search(&query, viewer);
    let (people, houses, rooms) = (many(Kind::People, PEOPLE), many(Kind::Houses, HOUSES), many(Kind::Rooms, ROOMS));
    if people > 0 {
        let best = search.people(people).await.map_err(|e| ApiError::internal(&e))?;
        let shown = |one: roomtone_store::FoundPerson| FoundPerson {
            person: one.person.into(),
            followed: one.followed,
            mutual_count: one.mutuals,
        };
        found.people = best.into_iter().map(shown).collect();
    }
    if houses > 0 {
        let best = search.houses(houses).await.map_err(|e| ApiError::internal(&e))?;
        found.houses = best.into_iter().map(|one| badge(one.house)).collect();
    }
    if rooms > 0 {
        found.rooms = app.live.search(&app.rooms, viewer, &query, rooms).await?;
    }
    if many(Kind::Events, EVENTS) > 0 {
        let all = app.store.upcoming_events(EventsOf::All, Some(viewer), None, None, EVENTS_SEARCHED).await;
        let all = all.map_err(|e| ApiError::internal(&e))?;
        let fits = |event: store::Event| Some((query.score(&words_of_event(&event))?, event));
        let mut fits: Vec<_> = all.into_iter().filter_map(fits).collect();
        // Those that fit as well stay in the order of their dates.
        fits.sort_by_key(|(score, _)| *score);
        fits.truncate(many(Kind::Events, EVENTS));
        found.events = fits.into_iter().map(|(_, event)| event.into()).collect();
    }
    Ok(Json(found))
}
