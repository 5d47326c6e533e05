//! Browsers that take Web Push.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use roomtone_room::ids::RecordId;
use roomtone_store::Subscription;

use super::auth::SignedIn;
use super::body::{Body, PathId};
use crate::app::App;
use crate::edge;
use crate::notices::push::{ENDPOINT_MAX, keys};
use crate::wire::notices::{NewSubscription, PushKey, SubscriptionCreated};
use crate::wire::{ApiError, Code, Id};

/// This server's key, which a browser wants to know before it takes messages.
#[utoipa::path(get, path = "/api/push/key", responses((status = 200, body = PushKey), (status = 401, body = ApiError)))]
pub(super) async fn key(State(app): State<Arc<App>>, _: SignedIn) -> Json<PushKey> {
    Json(PushKey { key: app.notices.push.public_key() })
}

/// Has notices sent to this browser, until the session ends.
#[utoipa::path(post, path = "/api/push", request_body = NewSubscription,
    responses((status = 201, body = SubscriptionCreated), (status = 401, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn subscribe(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NewSubscription>,
) -> Result<(StatusCode, Json<SubscriptionCreated>), ApiError> {
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let (p256dh, auth) = bytes(&request.p256dh).zip(bytes(&request.auth)).ok_or(Code::InvalidSubscription)?;
    let sound = request.endpoint.len() <= ENDPOINT_MAX && app.notices.push.takes(&request.endpoint);
    if !sound || keys(&p256dh, &auth).is_none() {
        return Err(Code::InvalidSubscription.into());
    }
    let subscription = Subscription { id: RecordId(edge::random_128()), endpoint: request.endpoint, p256dh, auth };
    let me = caller.member.person.id;
    let kept = app.store.subscribe(me, &caller.session, &subscription, edge::now()).await;
    // The body may have taken its time, and the session have ended meanwhile.
    let id = kept.map_err(|e| ApiError::internal(&e))?.ok_or(Code::NotSignedIn)?;
    Ok((StatusCode::CREATED, Json(SubscriptionCreated { id: Id(id) })))
}

/// Has no notices sent to a browser any more.
#[utoipa::path(delete, path = "/api/push/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn unsubscribe(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let id: RecordId = id.parse().map_err(|_| Code::NotFound)?;
    let ended = app.store.unsubscribe(caller.member.person.id, id).await.map_err(|e| ApiError::internal(&e))?;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(Code::NotFound.into()) }
}
