//! Media legs by WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): one offer, one answer, one resource to delete.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use roomtone_media::leg::LegId;
use roomtone_media::sdp::{OFFER_MAX, Offer};
use roomtone_room::ids::RoomId;

use super::auth::RoomCaller;
use super::body::{PathId, Sdp, to_the_end};
use super::rooms::room_for;
use crate::app::App;
use crate::rooms::message::{LegRequest, Message, NewLeg};
use crate::rooms::refuse_sdp;
use crate::wire::{ApiError, Code};

/// Largest offer that is read, in bytes.
pub(super) const BODY_MAX: usize = OFFER_MAX;

/// Makes a listen leg.
#[utoipa::path(post, path = "/api/rooms/{id}/listen", params(("id" = String, Path)),
    request_body(content = String, content_type = "application/sdp"),
    responses((status = 201, body = String, content_type = "application/sdp", headers(("Location" = String))),
        (status = 401, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 410, body = ApiError), (status = 413, body = ApiError), (status = 415, body = ApiError), (status = 422, body = ApiError),
        (status = 503, body = ApiError)))]
pub(super) async fn listen(
    State(app): State<Arc<App>>,
    caller: RoomCaller,
    PathId(id): PathId<String>,
    Sdp(text): Sdp,
) -> Result<Response, ApiError> {
    let (id, handle, caller) = room_for(&app, &id, caller).await?;
    let offer = Box::new(Offer::parse(&text).map_err(refuse_sdp)?);
    let wants = offer.listen_slots().map_err(refuse_sdp)?;
    let leg = to_the_end(async move {
        let proof = caller.proof();
        let coming = app.rooms.come_to(proof.member, id).await?;
        let made = handle.ask(|reply| Message::Listen(LegRequest { caller, offer, wants, reply })).await;
        drop(coming);
        app.rooms.end_if_over(&proof).await?;
        made
    });
    Ok(created(id, leg.await?))
}

/// Makes a publish leg.
#[utoipa::path(post, path = "/api/rooms/{id}/publish", params(("id" = String, Path)),
    request_body(content = String, content_type = "application/sdp"),
    responses((status = 201, body = String, content_type = "application/sdp", headers(("Location" = String))),
        (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 410, body = ApiError), (status = 413, body = ApiError),
        (status = 415, body = ApiError), (status = 422, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn publish(
    State(app): State<Arc<App>>,
    caller: RoomCaller,
    PathId(id): PathId<String>,
    Sdp(text): Sdp,
) -> Result<Response, ApiError> {
    let (id, handle, caller) = room_for(&app, &id, caller).await?;
    let offer = Box::new(Offer::parse(&text).map_err(refuse_sdp)?);
    let wants = Box::new(offer.publish().map_err(refuse_sdp)?);
    let leg = to_the_end(async move {
        let proof = caller.proof();
        let made = handle.ask(|reply| Message::Publish(LegRequest { caller, offer, wants, reply })).await;
        app.rooms.end_if_over(&proof).await?;
        made
    });
    Ok(created(id, leg.await?))
}

/// Ends a leg of the caller's own.
#[utoipa::path(delete, path = "/api/rooms/{id}/legs/{leg}", params(("id" = String, Path), ("leg" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 410, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn end(
    State(app): State<Arc<App>>,
    caller: RoomCaller,
    PathId((id, leg)): PathId<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (_, handle, caller) = room_for(&app, &id, caller).await?;
    let leg: LegId = leg.parse().map_err(|_| Code::LegNotFound)?;
    handle.ask(|reply| Message::EndLeg { member: caller.member(), leg, reply }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn created(room: RoomId, leg: NewLeg) -> Response {
    let location = format!("/api/rooms/{room}/legs/{}", leg.leg);
    let headers = [(header::CONTENT_TYPE, "application/sdp".to_owned()), (header::LOCATION, location)];
    (StatusCode::CREATED, headers, leg.answer).into_response()
}
