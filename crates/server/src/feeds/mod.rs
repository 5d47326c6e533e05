//! Feeds for programs without an account: Atom (RFC 4287) of what happened to events and invitations, calendars (RFC 5545) of those that have a
//! date, and podcasts (RSS 2.0) of talks that everybody may hear. One member's calendar is behind an address that only they know.
//!
//! A feed is made of what a visitor may see, asked for as a visitor. A private house, and a member who does not let everybody read
//! their profile, have no feed, exactly like those that do not exist.

mod atom;
mod ics;
mod podcast;

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp as Instant;
use jiff::fmt::rfc2822;
use percent_encoding::percent_decode_str;
use roomtone_room::ids::{EventId, InvitationId, MemberId, Timestamp};
use roomtone_store::{Event, EventsOf, ReplaysOf, StoreError};
use url::Url;

use crate::app::App;
use crate::edge::{self, Secret};
use crate::http::{invitation_for_visitors, replays_for_visitors};
use crate::limits::{FEEDS, GUESSES};
use crate::public::in_path;
use crate::wire::{ApiError, Code};

/// Changes that an Atom feed tells, the latest ones.
const ENTRIES: u32 = 50;

/// Events that a calendar has at most, the latest dates first.
const CALENDAR_EVENTS: u32 = 500;

/// Talks of a podcast, the latest ones.
const EPISODES: u32 = 50;

/// Files that are looked at together for a podcast. More is faster where they are far away; each waits for an answer.
const FILES_AT_ONCE: usize = 8;

/// How long an event stays in calendars after its date, in milliseconds.
const CALENDAR_SINCE: u64 = 90 * 24 * 3_600_000;

/// For how long programs keep a feed without asking, in seconds. Longer spares the server; shorter tells changes sooner.
const FRESH_SECONDS: u32 = 300;

/// What an address is the feed of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Feed {
    /// All events.
    All,
    /// Those of the house with this handle.
    House(String),
    /// Those of the member with this handle.
    Person(String),
    /// One event.
    Event(EventId),
    /// What happened to an invitation, as Atom.
    Invitation(InvitationId),
    /// A member's calendar, by its secret.
    Calendar(String),
}

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Atom,
    Calendar,
    Podcast,
}

/// Where the calendar with this secret is.
pub(crate) fn calendar_address(public_url: &Url, secret: &str) -> String {
    format!("{}/calendar/{secret}.ics", public_url.as_str().trim_end_matches('/'))
}

/// The answer to whoever asks for a path, if a feed has such an address.
pub(crate) async fn answer(app: &App, path: &str, headers: &HeaderMap, from: IpAddr) -> Option<Response> {
    let (feed, form) = read(path)?;
    let made = async {
        app.limits.address(&FEEDS, from, edge::instant())?;
        let private = matches!(feed, Feed::Calendar(_));
        let body = make(app, feed, form, from).await?;
        Ok(respond(body, form, private, headers))
    };
    Some(made.await.unwrap_or_else(|error: ApiError| error.into_response()))
}

/// Which feed has an address.
fn read(path: &str) -> Option<(Feed, Form)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (last, above) = parts.split_last()?;
    let (name, ending) = last.rsplit_once('.')?;
    let form = match ending {
        "atom" => Form::Atom,
        "ics" => Form::Calendar,
        "xml" => Form::Podcast,
        _ => return None,
    };
    let feed = match (above, name, form) {
        (["houses", handle], "podcast", Form::Podcast) => Feed::House(decoded(handle)?),
        (["people", handle], "podcast", Form::Podcast) => Feed::Person(decoded(handle)?),
        (_, _, Form::Podcast) => return None,
        ([], "events", _) => Feed::All,
        (["houses", handle], "events", _) => Feed::House(decoded(handle)?),
        (["people", handle], "events", _) => Feed::Person(decoded(handle)?),
        (["events"], id, _) => Feed::Event(id.parse().ok()?),
        (["invitations"], id, Form::Atom) => Feed::Invitation(id.parse().ok()?),
        (["calendar"], secret, Form::Calendar) => Feed::Calendar(secret.to_owned()),
        _ => return None,
    };
    Some((feed, form))
}

/// What a feed says, and when that changed last.
struct Body {
    text: String,
    changed_at: Option<Timestamp>,
}

async fn make(app: &App, feed: Feed, form: Form, from: IpAddr) -> Result<Body, ApiError> {
    let server = app.settings.get().name.clone();
    let base = app.public_url.as_str().trim_end_matches('/').to_owned();
    if form == Form::Podcast {
        return podcast(app, &base, feed).await;
    }
    let (of, about, path) = match feed {
        Feed::All => (EventsOf::All, server.clone(), "/events".to_owned()),
        Feed::House(handle) => {
            let house = app.store.public_house(&handle).await.map_err(internal)?.ok_or(Code::NotFound)?;
            (EventsOf::House(house.id), house.name, format!("/houses/{}", house.handle))
        }
        Feed::Person(handle) => {
            let person = app.store.public_profile(&handle).await.map_err(internal)?.ok_or(Code::NotFound)?.person;
            (EventsOf::Person(person.id), person.name, format!("/people/{}", person.handle))
        }
        Feed::Event(id) => {
            let event = app.store.event(id, None).await.map_err(internal)?.ok_or(Code::NotFound)?;
            let changed_at = Some(event.changed_at);
            let title = event.text.title.clone();
            if form == Form::Calendar {
                return Ok(Body { text: ics::calendar(&base, &title, &[event]), changed_at });
            }
            let changes = app.store.event_changes(id).await.map_err(internal)?;
            let told = changes.into_iter().rev().take(ENTRIES as usize).map(|change| (change, event.clone()));
            let (own, page) = (format!("/events/{id}.atom"), format!("/events/{id}"));
            let text = atom::feed(&base, &own, &page, &title, &told.collect::<Vec<_>>());
            return Ok(Body { text, changed_at });
        }
        Feed::Invitation(id) => {
            let found = invitation_for_visitors(app, id, &[]).await?.ok_or(Code::NotFound)?;
            let changed_at = Some(Timestamp(found.changed_at));
            return Ok(Body { text: atom::invitation(&base, &found), changed_at });
        }
        Feed::Calendar(secret) => {
            app.limits.may_address(&GUESSES, from, edge::instant())?;
            let whose = match Secret::hash_of(&secret) {
                Some(hash) => app.store.calendar_of(&hash).await.map_err(internal)?,
                None => None,
            };
            let Some(member) = whose else {
                app.limits.address(&GUESSES, from, edge::instant())?;
                return Err(Code::NotFound.into());
            };
            let (own, changed_at) = dated(app, EventsOf::Own, Some(member)).await?;
            return Ok(Body { text: ics::calendar(&base, &server, &own), changed_at });
        }
    };
    let title = if of == EventsOf::All { server } else { format!("{about} · {server}") };
    Ok(match form {
        Form::Atom => {
            let told = app.store.latest_changes(of, None, ENTRIES).await.map_err(internal)?;
            let changed_at = told.iter().map(|(change, _)| change.at).max();
            let own = if of == EventsOf::All { "/events.atom".to_owned() } else { format!("{path}/events.atom") };
            Body { text: atom::feed(&base, &own, &path, &title, &told), changed_at }
        }
        Form::Calendar => {
            let (dated, changed_at) = dated(app, of, None).await?;
            Body { text: ics::calendar(&base, &title, &dated), changed_at }
        }
        Form::Podcast => return Err(Code::NotFound.into()),
    })
}

/// What a calendar holds, and when that changed last: also by an event whose date was taken back, and which is not in it any more.
async fn dated(app: &App, of: EventsOf, viewer: Option<MemberId>) -> Result<(Vec<Event>, Option<Timestamp>), ApiError> {
    let now = edge::now();
    let since = Timestamp(now.0.saturating_sub(CALENDAR_SINCE));
    let dated = app.store.dated_events(of, viewer, since, now, CALENDAR_EVENTS).await.map_err(internal)?;
    let told = app.store.latest_changes(of, viewer, 1).await.map_err(internal)?;
    let changed = dated.iter().map(|event| event.changed_at).chain(told.iter().map(|(change, _)| change.at));
    let changed_at = changed.max();
    Ok((dated, changed_at))
}

/// The talks in the name of a house, or hosted by a member, that everybody may hear.
async fn podcast(app: &App, base: &str, feed: Feed) -> Result<Body, ApiError> {
    let (of, path, author, about, language) = match feed {
        Feed::House(handle) => {
            let house = app.store.public_house(&handle).await.map_err(internal)?.ok_or(Code::NotFound)?;
            let path = format!("/houses/{}", in_path(&house.handle));
            (ReplaysOf::House(house.id), path, house.name, house.about, Some(house.language))
        }
        Feed::Person(handle) => {
            let profile = app.store.public_profile(&handle).await.map_err(internal)?.ok_or(Code::NotFound)?;
            let path = format!("/people/{}", in_path(&profile.person.handle));
            (ReplaysOf::Host(profile.person.id), path, profile.person.name, profile.bio, None)
        }
        Feed::All | Feed::Event(_) | Feed::Invitation(_) | Feed::Calendar(_) => return Err(Code::NotFound.into()),
    };
    let talks = replays_for_visitors::replays(app, of, EPISODES).await?;
    let changed_at = talks.iter().map(|talk| Timestamp(talk.began_at)).max();
    let language =
        language.or_else(|| talks.first().map(|talk| talk.language.clone())).unwrap_or_else(|| "en".to_owned());
    let sized = talks.into_iter().map(|talk| async move {
        let size = replays_for_visitors::size(app, talk.id.0).await?;
        Ok::<_, ApiError>(size.map(|size| (talk, size)))
    });
    let sized: Vec<_> = stream::iter(sized).buffered(FILES_AT_ONCE).try_collect().await?;
    // Of those that were begun anew at this moment there is no sound.
    let episodes: Vec<podcast::Episode> = sized.into_iter().flatten().collect();
    let title = format!("{author} · {}", app.settings.get().name);
    let show = podcast::Show { path: &path, title: &title, about: &about, author: &author, language: &language };
    Ok(Body { text: podcast::feed(base, &show, &episodes), changed_at })
}

/// The answer with a feed, or that it is as it was (RFC 9110, section 13.2.2).
fn respond(body: Body, form: Form, private: bool, headers: &HeaderMap) -> Response {
    let tag = digest(&SHA256, body.text.as_bytes());
    let etag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&tag.as_ref()[..12]));
    let modified = body.changed_at.and_then(http_date);
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let unchanged = match header(IF_NONE_MATCH) {
        Some(list) => list.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag || tag.trim() == "*"),
        // What was said last is what is asked with, so equal is unchanged; nobody's clock is read.
        None => header(IF_MODIFIED_SINCE).is_some_and(|since| Some(since) == modified.as_deref()),
    };
    let kept = if private { "private" } else { "public" };
    let mut common = HeaderMap::new();
    let mut say = |name, text: String| {
        if let Ok(value) = text.parse() {
            common.insert(name, value);
        }
    };
    say(CACHE_CONTROL, format!("{kept}, max-age={FRESH_SECONDS}"));
    say(ETAG, etag);
    if let Some(modified) = modified {
        say(LAST_MODIFIED, modified);
    }
    if unchanged {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = match form {
        Form::Atom => "application/atom+xml; charset=utf-8",
        Form::Calendar => "text/calendar; charset=utf-8",
        Form::Podcast => "application/rss+xml; charset=utf-8",
    };
    say(CONTENT_TYPE, kind.to_owned());
    (common, body.text).into_response()
}

/// A time as HTTP writes it (RFC 9110, section 5.6.7).
fn http_date(at: Timestamp) -> Option<String> {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&instant(at)?).ok()
}

fn instant(at: Timestamp) -> Option<Instant> {
    Instant::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

fn internal(error: StoreError) -> ApiError {
    ApiError::internal(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_feeds() {
        let id = EventId(7);
        for (path, expected) in [
            ("/events.atom", Some((Feed::All, Form::Atom))),
            ("/events.ics", Some((Feed::All, Form::Calendar))),
            ("/houses/tea/events.atom", Some((Feed::House("tea".to_owned()), Form::Atom))),
            ("/people/%D1%84/events.ics", Some((Feed::Person("ф".to_owned()), Form::Calendar))),
            (&format!("/events/{id}.ics"), Some((Feed::Event(id), Form::Calendar))),
            (&format!("/events/{id}"), None),
            (&format!("/events/{id}.atom"), Some((Feed::Event(id), Form::Atom))),
            ("/events/x.atom", None),
            ("/calendar/abc.ics", Some((Feed::Calendar("abc".to_owned()), Form::Calendar))),
            ("/calendar/abc.atom", None),
            (&format!("/invitations/{id}.atom"), Some((Feed::Invitation(InvitationId(7)), Form::Atom))),
            (&format!("/invitations/{id}.ics"), None),
            ("/houses/tea/podcast.xml", Some((Feed::House("tea".to_owned()), Form::Podcast))),
            ("/people/ada/podcast.xml", Some((Feed::Person("ada".to_owned()), Form::Podcast))),
            ("/podcast.xml", None),
            ("/houses/tea/podcast.atom", None),
            ("/houses/tea/events.xml", None),
            ("/houses/tea", None),
            ("/houses/tea/more/events.atom", None),
            ("/", None),
            ("/robots.txt", None),
        ] {
            assert_eq!(read(path), expected, "{path}");
        }
    }

    #[test]
    fn a_feed_that_has_not_changed_is_not_sent_again() {
        let at = Timestamp(1_795_000_000_123);
        let ask = |name, value: &str| {
            let body = Body { text: "x".to_owned(), changed_at: Some(at) };
            let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            respond(body, Form::Atom, false, &headers)
        };
        let first = ask(CACHE_CONTROL, "no-cache");
        assert_eq!(first.status(), StatusCode::OK);
        let said = |name| first.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(said(LAST_MODIFIED), "Wed, 18 Nov 2026 11:06:40 GMT");
        assert_eq!(said(CACHE_CONTROL), "public, max-age=300");
        let (etag, modified) = (said(ETAG), said(LAST_MODIFIED));
        for (name, value, unchanged) in [
            (IF_NONE_MATCH, etag.as_str(), true),
            (IF_NONE_MATCH, &format!("\"other\", W/{etag}"), true),
            (IF_NONE_MATCH, "*", true),
            (IF_NONE_MATCH, "\"other\"", false),
            (IF_MODIFIED_SINCE, &modified, true),
            (IF_MODIFIED_SINCE, "Wed, 18 Nov 2026 11:06:39 GMT", false),
        ] {
            let answer = ask(name.clone(), value).status() == StatusCode::NOT_MODIFIED;
            assert_eq!(answer, unchanged, "{name}: {value}");
        }
    }
}
