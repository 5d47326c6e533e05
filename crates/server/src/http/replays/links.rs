//! Unlisted links: whoever has one hears the replay that it leads to, as long as its host does not revoke it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::ids::RecordId;
use roomtone_store::{self as store, ReplaySaid};

use super::super::body::{Body, PathId};
use super::super::text;
use super::{Ears, hosted, internal};
use crate::app::App;
use crate::edge::{self, Secret};
use crate::wire::replays::{NewReplayLink, ReplayLink, ReplayLinkMade, ReplayLinks};
use crate::wire::{ApiError, Code};

/// Most characters of for whom a link is.
const NOTE_MAX: usize = 120;

/// The links that work, for the host.
#[utoipa::path(get, path = "/api/replays/{id}/links", params(("id" = String, Path)),
    responses((status = 200, body = ReplayLinks), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(in super::super) async fn links(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
) -> Result<Json<ReplayLinks>, ApiError> {
    let replay = hosted(&app, &ears, &id).await?;
    let found = app.store.replay_links(replay.id, replay.host.id).await.map_err(internal)?;
    Ok(Json(ReplayLinks { items: found.into_iter().map(ReplayLink::from).collect() }))
}

/// Makes a link. Its address is answered once: only the digest of the key is kept.
#[utoipa::path(post, path = "/api/replays/{id}/links", params(("id" = String, Path)), request_body = NewReplayLink,
    responses((status = 201, body = ReplayLinkMade), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(in super::super) async fn new_link(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
    Body(request): Body<NewReplayLink>,
) -> Result<(StatusCode, Json<ReplayLinkMade>), ApiError> {
    let replay = hosted(&app, &ears, &id).await?;
    let key = Secret::draw();
    let note = text::paragraphs(&request.note, NOTE_MAX)?;
    let link = store::ReplayLink { id: RecordId(edge::random_128()), note, at: edge::now() };
    match app.store.add_replay_link(replay.id, replay.host.id, &link, &key.hash).await.map_err(internal)? {
        ReplaySaid::Done => {}
        ReplaySaid::TooMany => {
            return Err(ApiError::with_message(Code::TooMany, "There are as many links as there may be; revoke one."));
        }
        ReplaySaid::NotNow | ReplaySaid::Missing => return Err(Code::ReplayNotFound.into()),
    }
    // The page that is read without an account and a script; members get the client there.
    let path = format!("recaps/{}?key={}", replay.id, key.text);
    let url = app.public_url.join(&path).map_err(|error| ApiError::internal(&error))?;
    Ok((StatusCode::CREATED, Json(ReplayLinkMade { link: link.into(), url: url.into() })))
}

/// Revokes a link. Whoever hears the replay by it is cut off.
#[utoipa::path(delete, path = "/api/replays/{id}/links/{link}", params(("id" = String, Path), ("link" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(in super::super) async fn revoke_link(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId((id, link)): PathId<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let replay = hosted(&app, &ears, &id).await?;
    let link: RecordId = link.parse().map_err(|_| Code::NotFound)?;
    if !app.store.revoke_replay_link(replay.id, replay.host.id, link).await.map_err(internal)? {
        return Err(Code::NotFound.into());
    }
    app.playing.stop(replay.id);
    Ok(StatusCode::NO_CONTENT)
}
