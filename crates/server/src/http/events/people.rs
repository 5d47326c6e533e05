//! Who hosts an event too, who is told of it, and which times suit whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::agenda::{POLL_TIMES, Refusal};
use roomtone_room::ids::Timestamp;
use roomtone_store::EventDone;

use super::super::auth::SignedIn;
use super::super::body::{Body, MaybeBody, PathId};
use super::super::people::visible;
use super::{date, done, event_for, event_id, internal, shown};
use crate::app::App;
use crate::edge;
use crate::notices::Tell;
use crate::wire::events::{Event, EventSubscription, PollTimes};
use crate::wire::notices::NoticeKind;
use crate::wire::{ApiError, Code};

/// Subscribes to an event, or says otherwise whether the caller comes.
#[utoipa::path(put, path = "/api/events/{id}/subscription", params(("id" = String, Path)),
    request_body = Option<EventSubscription>,
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 410, body = ApiError)))]
pub(in crate::http) async fn subscribe(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    MaybeBody(request): MaybeBody<EventSubscription>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    let going = request.is_some_and(|request| request.going);
    done(&app, app.store.subscribe_event(event.id, me, going, edge::now()).await)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a subscription.
#[utoipa::path(delete, path = "/api/events/{id}/subscription", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(in crate::http) async fn unsubscribe(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    app.store.unsubscribe_event(event.id, me).await.map_err(internal)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for a choice among times, or with none ends that. For the event's hosts.
#[utoipa::path(put, path = "/api/events/{id}/poll", params(("id" = String, Path)), request_body = PollTimes,
    responses((status = 200, body = Event), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError),
        (status = 422, body = ApiError)))]
pub(in crate::http) async fn set_poll(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<PollTimes>,
) -> Result<Json<Event>, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    let now = edge::now();
    let times = request.times.iter().map(|at| date(*at, now)).collect::<Result<BTreeSet<_>, _>>()?;
    if !times.is_empty() && (!POLL_TIMES.contains(&times.len()) || times.len() != request.times.len()) {
        return Err(Code::InvalidDate.into());
    }
    done(&app, app.store.set_event_poll(event.id, me, &times).await)?;
    let changed = event_for(&app, Some(me), event.id).await?;
    shown(&app, Some(me), changed).await.map(Json)
}

/// Says which of the times that are asked about suit the caller.
#[utoipa::path(put, path = "/api/events/{id}/poll/votes", params(("id" = String, Path)), request_body = PollTimes,
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 410, body = ApiError), (status = 422, body = ApiError)))]
pub(in crate::http) async fn vote(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<PollTimes>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    if request.times.len() > *POLL_TIMES.end() {
        return Err(Code::InvalidDate.into());
    }
    let times: BTreeSet<Timestamp> = request.times.into_iter().map(Timestamp).collect();
    match app.store.vote_event_times(event.id, me, &times).await {
        Ok(EventDone::Missing) => return Err(Code::InvalidDate.into()),
        answer => done(&app, answer)?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Asks somebody to host an event too; again is the same. For its host.
#[utoipa::path(put, path = "/api/events/{id}/cohosts/{handle}",
    params(("id" = String, Path), ("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError)))]
pub(in crate::http) async fn ask_cohost(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId((id, handle)): PathId<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    if event.host.id != me {
        return Err(Code::NotAllowed.into());
    }
    let whom = visible(&app, me, &handle).await?.person.id;
    // Whoever may not know of a private house's event cannot host it.
    if app.store.event(event.id, Some(whom)).await.map_err(internal)?.is_none() {
        return Err(Code::NotAllowed.into());
    }
    match app.store.ask_cohost(event.id, me, whom, edge::now()).await {
        Ok(EventDone::Refused(Refusal::Nothing)) => return Ok(StatusCode::NO_CONTENT),
        Ok(EventDone::TooMany) => return Err(Code::TooManyPeople.into()),
        answer => done(&app, answer)?,
    }
    app.notices.tell(Tell::new(whom, NoticeKind::CohostAsked).by(me).about(event.id.0));
    Ok(StatusCode::NO_CONTENT)
}

/// Takes somebody from an event's hosts, or from those who were asked. For its host.
#[utoipa::path(delete, path = "/api/events/{id}/cohosts/{handle}",
    params(("id" = String, Path), ("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(in crate::http) async fn remove_cohost(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId((id, handle)): PathId<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    if event.host.id != me {
        return Err(Code::NotAllowed.into());
    }
    let whom = visible(&app, me, &handle).await?.person.id;
    match app.store.remove_cohost(event.id, me, whom, edge::now()).await {
        Ok(EventDone::Missing) => return Err(Code::MemberNotFound.into()),
        answer => done(&app, answer)?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Agrees to host an event too, having been asked.
#[utoipa::path(post, path = "/api/events/{id}/cohost", params(("id" = String, Path)),
    responses((status = 200, body = Event), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 410, body = ApiError)))]
pub(in crate::http) async fn accept_cohost(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<Json<Event>, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    match app.store.accept_cohost(event.id, me, edge::now()).await {
        Ok(EventDone::Missing) => return Err(Code::NotAllowed.into()),
        answer => done(&app, answer)?,
    }
    if event.cohost == Some(false) {
        app.notices.tell(Tell::new(event.host.id, NoticeKind::CohostAccepted).by(me).about(event.id.0));
    }
    let changed = event_for(&app, Some(me), event.id).await?;
    shown(&app, Some(me), changed).await.map(Json)
}

/// Declines to host an event too, or does not any more.
#[utoipa::path(delete, path = "/api/events/{id}/cohost", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(in crate::http) async fn leave_cohost(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    match app.store.remove_cohost(event.id, me, me, edge::now()).await {
        Ok(EventDone::Missing) => return Err(Code::NotAllowed.into()),
        answer => done(&app, answer)?,
    }
    Ok(StatusCode::NO_CONTENT)
}
