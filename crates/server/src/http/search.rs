//! Search over people, houses, rooms, events, invitations and replays.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use roomtone_room::search::{self, Fit, line_words};
use roomtone_store as store;
use serde::Deserialize;

use super::auth::SignedIn;
use super::invitations::{cards, languages};
use crate::app::App;
use crate::wire::people::badge;
use crate::wire::search::{Found, FoundLine, FoundPerson, FoundReplay};
use crate::wire::{ApiError, Code};

/// Most characters that are searched for. Nothing that has a name has a longer one; a longer text is a mistake.
const TYPED_MAX: usize = 200;

/// People who are shown, and houses and rooms.
const PEOPLE: usize = 20;
const HOUSES: usize = 10;
const ROOMS: usize = 10;
const EVENTS: usize = 10;
const INVITATIONS: usize = 10;
const REPLAYS: usize = 10;

/// How many are shown when only one kind was asked for.
const OF_ONE_KIND: usize = 50;

/// Most characters of what somebody said that are shown. More tells better what it was about; fewer shows more talks at once.
const QUOTE_MAX: usize = 240;

/// How many words are shown before those that fit, where there is not room for all.
const WORDS_BEFORE: usize = 8;

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
    Invitations,
    Replays,
}

/// What fits the words that were typed, by name, beginning, or with a typing error.
#[utoipa::path(get, path = "/api/search",
    params(("q" = String, Query, description = "What was typed, up to 200 characters; all of its words must fit"),
        ("kind" = Option<String>, Query, description = "One of people, houses, rooms, events, invitations, replays; all if absent")),
    responses((status = 200, body = Found), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 429, body = ApiError)))]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    headers: HeaderMap,
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
    let (events, invitations) = (many(Kind::Events, EVENTS), many(Kind::Invitations, INVITATIONS));
    if people > 0 {
        let best = search.people(people).await.map_err(|e| ApiError::internal(&e))?;
        let shown = |one: store::FoundPerson| FoundPerson {
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
    if events > 0 {
        let best = search.events(events).await.map_err(|e| ApiError::internal(&e))?;
        found.events = best.into_iter().map(Into::into).collect();
    }
    if invitations > 0 {
        let best = search.invitations(invitations).await.map_err(|e| ApiError::internal(&e))?;
        found.invitations = cards(&app, best, &languages(None, Some(&caller), &headers), &[]).await?;
    }
    let replays = many(Kind::Replays, REPLAYS);
    if replays > 0 {
        let best = search.replays(replays).await.map_err(|e| ApiError::internal(&e))?;
        let said = |line: store::FoundLine| FoundLine {
            at_ms: line.from_ms,
            person: line.person.map(Into::into),
            name: line.name,
            text: quote(&line.text, &query),
        };
        let shown = |one: store::FoundReplay| FoundReplay { replay: one.replay.into(), said: one.said.map(said) };
        found.replays = best.into_iter().map(shown).collect();
    }
    Ok(Json(found))
}

/// What is shown of what somebody said: all of it, or if that is long what is around the first word that fits what was typed.
fn quote(text: &str, query: &search::Query) -> String {
    if text.chars().count() <= QUOTE_MAX {
        return text.to_owned();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let fits = |word: &&str| {
        let parts = line_words(word);
        let fit =
            |term: &search::Term| parts.iter().any(|part| matches!(term.fit(part), Some(Fit::Exact | Fit::Beginning)));
        query.terms().iter().any(fit)
    };
    let first = words.iter().position(fits).unwrap_or(0).saturating_sub(WORDS_BEFORE);
    let mut quote = String::from(if first > 0 { "…" } else { "" });
    let mut letters = 0;
    for (number, word) in words[first..].iter().enumerate() {
        letters += word.chars().count() + 1;
        if letters > QUOTE_MAX {
            quote.push('…');
            break;
        }
        quote.push_str(if number > 0 { " " } else { "" });
        quote.push_str(word);
    }
    quote
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_what_is_around_the_word() {
        let shown = |text: &str, typed: &str| quote(text, &search::Query::parse(typed).unwrap());
        assert_eq!(shown("Tea  is served.", "tea"), "Tea  is served.");
        let long = format!("{}и вот — Чай! {}", "before ".repeat(60), "after ".repeat(60));
        let quoted = shown(&long, "chai");
        assert!(quoted.starts_with("…before before before before before и вот — Чай! after after"), "{quoted}");
        assert!(quoted.ends_with("after…") && quoted.chars().count() <= QUOTE_MAX + 2, "{quoted}");
        // The beginning, where nothing fits any more.
        assert!(shown(&long, "coffee").starts_with("before before"));
        // One word that is longer than everything: nothing of it.
        assert_eq!(shown(&"x".repeat(QUOTE_MAX + 1), "tea"), "…");
    }
}
