//! Plain streams of rooms over HTTP, and tickets for players that can neither send a cookie nor a token.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Extension, FromRef, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, http};
use futures_util::stream;
use roomtone_media::leg::LegId;
use roomtone_room::ids::RoomId;
use roomtone_store::Hash;
use url::form_urlencoded;

use super::auth::RoomCaller;
use super::body::{PathId, to_the_end};
use super::rooms::room_for;
use crate::app::App;
use crate::edge::{self, Secret};
use crate::line::Line;
use crate::rooms::message::{Message, StreamRequest};
use crate::wire::http::StreamTicket;
use crate::wire::{ApiError, Code};

/// How the path of a stream ends. Asking for one brings its listener into the room, so no page of another site may.
pub(super) const FILE: &str = "/stream.ogg";

/// How long a ticket lasts that nobody uses. Longer lets a player come back later; shorter ends what was left lying about.
const LASTS: Duration = Duration::from_secs(6 * 60 * 60);

/// Tickets at once. Each session has one at most, so that only very many sessions come to that.
const TICKETS_MAX: usize = 50_000;

/// Sends the sound of a room as Ogg Opus for as long as the caller may hear it, which brings them into the room. With `?ticket=`
/// whoever the ticket was given to is the caller.
#[utoipa::path(get, path = "/api/rooms/{id}/stream.ogg",
    params(("id" = String, Path), ("ticket" = Option<String>, Query, description = "From `POST /api/rooms/{id}/stream`")),
    responses((status = 200, body = String, content_type = "audio/ogg"), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 410, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn play(
    State(app): State<Arc<App>>,
    method: Method,
    caller: Listener,
    PathId(id): PathId<String>,
    Extension(line): Extension<Arc<Line>>,
) -> Result<Response, ApiError> {
    let Listener { caller, leg } = caller;
    let (id, handle, caller) = room_for(&app, &id, caller).await?;
    if method == Method::HEAD {
        return Ok(answer(Body::empty()));
    }
    let carrier = line.clone();
    let mut pages = to_the_end(async move {
        let proof = caller.proof();
        let coming = app.rooms.come_to(proof.member, id).await?;
        let request = |reply| Message::Stream(StreamRequest { caller, leg, line: carrier, reply });
        let made = handle.ask(request).await;
        drop(coming);
        app.rooms.end_if_over(&proof).await?;
        made
    })
    .await?;
    line.hold_little();
    let pages = stream::poll_fn(move |cx| pages.poll_recv(cx).map(|page| page.map(Ok::<_, Infallible>)));
    Ok(answer(Body::from_stream(pages)))
}

/// Makes an address by which a player hears the room in the caller's name. The session's former one stops working; this one does
/// with the session, with the room, or when it was not used for six hours.
#[utoipa::path(post, path = "/api/rooms/{id}/stream", params(("id" = String, Path)),
    responses((status = 201, body = StreamTicket), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 410, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn ticket(
    State(app): State<Arc<App>>,
    caller: RoomCaller,
    PathId(id): PathId<String>,
) -> Result<(StatusCode, Json<StreamTicket>), ApiError> {
    let (id, _, caller) = room_for(&app, &id, caller).await?;
    let (secret, leg) = app.tickets.issue(id, caller.session, edge::instant()).ok_or(Code::Busy)?;
    let url = format!("/api/rooms/{id}{FILE}?ticket={}", secret.text);
    Ok((StatusCode::CREATED, Json(StreamTicket { url, leg: leg.to_string() })))
}

fn answer(body: Body) -> Response {
    // Proxies that know the last one hand on at once what comes.
    let headers = [
        (header::CONTENT_TYPE, "audio/ogg"),
        (header::CACHE_CONTROL, "no-store"),
        (header::ACCEPT_RANGES, "none"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, body).into_response()
}

/// Somebody who wants to hear a room by a plain stream, and the id that it will have. As an extractor it refuses everybody else with
/// `not_signed_in`.
pub(super) struct Listener {
    caller: RoomCaller,
    leg: LegId,
}

impl<S> FromRequestParts<S> for Listener
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = Arc::<App>::from_ref(state);
        let Some(ticket) = ticket_in(&parts.uri) else {
            let caller = RoomCaller::from_request_parts(parts, state).await?;
            return Ok(Self { caller, leg: LegId(edge::random_128()) });
        };
        let PathId(id) = PathId::<String>::from_request_parts(parts, state).await?;
        // Whoever only asks what there would be takes nothing of it.
        let plays = parts.method != Method::HEAD;
        let used = Secret::hash_of(&ticket).and_then(|ticket| app.tickets.use_one(&ticket, edge::instant(), plays));
        // One for another room is none.
        let used = used.filter(|used| id.parse() == Ok(used.room));
        let caller = RoomCaller::by_session(&app, used.map(|used| used.session), parts).await?;
        let leg = used.map_or_else(|| LegId(edge::random_128()), |used| used.leg);
        Ok(Self { caller, leg })
    }
}

fn ticket_in(uri: &http::Uri) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(name, _)| name == "ticket").map(|(_, ticket)| ticket.into_owned())
}

/// The tickets of all sessions. They are in memory only, and of each there is but its hash.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<Issued>);

#[derive(Debug, Default)]
struct Issued {
    by_hash: HashMap<Hash, Ticket>,
    by_session: HashMap<Hash, Hash>,
}

#[derive(Debug, Clone, Copy)]
struct Ticket {
    room: RoomId,
    session: Hash,
    /// What the next stream by it is called.
    leg: LegId,
    used: Instant,
}

impl Tickets {
    /// Makes the one ticket of a session, and says what the first stream by it will be called. `None` if there are too many.
    fn issue(&self, room: RoomId, session: Hash, now: Instant) -> Option<(Secret, LegId)> {
        let (secret, leg) = (Secret::draw(), LegId(edge::random_128()));
        let mut issued = self.issued();
        if let Some(former) = issued.by_session.remove(&session) {
            issued.by_hash.remove(&former);
        }
        if issued.by_hash.len() >= TICKETS_MAX {
            return None;
        }
        issued.by_session.insert(session, secret.hash);
        issued.by_hash.insert(secret.hash, Ticket { room, session, leg, used: now });
        Some((secret, leg))
    }

    /// What a ticket is for, if there is such a one. If a stream is `played` by it, the next one has another id.
    fn use_one(&self, hash: &Hash, now: Instant, played: bool) -> Option<Ticket> {
        let mut issued = self.issued();
        let ticket = issued.by_hash.get_mut(hash).filter(|ticket| now.duration_since(ticket.used) < LASTS)?;
        ticket.used = now;
        let found = *ticket;
        if played {
            ticket.leg = LegId(edge::random_128());
        }
        Some(found)
    }

    /// Forgets those that nobody has used for too long.
    pub(crate) fn forget_idle(&self, now: Instant) {
        let mut issued = self.issued();
        let Issued { by_hash, by_session } = &mut *issued;
        by_hash.retain(|_, ticket| now.duration_since(ticket.used) < LASTS);
        by_session.retain(|_, hash| by_hash.contains_key(hash));
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_one_ticket_for_a_while() {
        let (tickets, start) = (Tickets::default(), edge::instant());
        let (session, room) = ([1; 32], RoomId(7));
        let (first, _) = tickets.issue(room, session, start).unwrap();
        let (second, leg) = tickets.issue(room, session, start).unwrap();
        assert!(tickets.use_one(&first.hash, start, true).is_none(), "the former one works");
        let used = |after, played| tickets.use_one(&second.hash, start + after, played);
        assert_eq!(used(Duration::ZERO, false).unwrap().leg, leg, "whoever only looked has taken it");
        let found = used(LASTS / 2, true).unwrap();
        assert_eq!((found.leg, found.session, found.room), (leg, session, room));
        assert_ne!(used(LASTS / 2, true).unwrap().leg, leg, "two streams of one id");
        // It lasts from when it was used last.
        tickets.forget_idle(start + LASTS);
        assert!(used(LASTS, true).is_some());
        assert!(used(LASTS * 2, true).is_none());
        tickets.forget_idle(start + LASTS * 2);
        let issued = tickets.issued();
        assert!(issued.by_hash.is_empty() && issued.by_session.is_empty());
    }
}
