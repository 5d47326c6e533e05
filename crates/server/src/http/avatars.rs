//! Members' pictures: sending one, and serving them.

use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use roomtone_room::ids::AvatarId;
use roomtone_store::{AvatarSize, NewAvatar};

use super::auth::{SignedIn, Visitor};
use super::body::{PathId, in_time, to_the_end};
use crate::app::App;
use crate::avatars::FILE_MAX;
use crate::edge;
use crate::wire::people::AvatarSet;
use crate::wire::{ApiError, Code, Id};

/// Content types under which a picture may come. What it is is told by its bytes.
const KINDS: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];

/// Gives the caller a picture: the square in the middle of the one that comes.
#[utoipa::path(put, path = "/api/me/avatar",
    request_body(content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
    responses((status = 200, body = AvatarSet), (status = 401, body = ApiError), (status = 413, body = ApiError),
        (status = 415, body = ApiError), (status = 422, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    request: Request,
) -> Result<Json<AvatarSet>, ApiError> {
    check_head(request.headers())?;
    let member = caller.member.person.id;
    // Before the first byte is read: only so many files are held at once.
    let place = app.pictures.place(member)?;
    let file = in_time(to_bytes(request.into_body(), FILE_MAX)).await?.map_err(|error| refuse(&error))?;
    let (id, session) = (AvatarId(edge::random_128()), caller.session);
    to_the_end(async move {
        let picture = app.pictures.make(place, file).await?;
        // That may have taken its time, and the session have ended meanwhile.
        if app.store.session(&session).await.map_err(|e| ApiError::internal(&e))? != Some(member) {
            return Err(Code::NotSignedIn.into());
        }
        let avatar = NewAvatar { id, small: picture.small, large: picture.large };
        if !app.store.set_avatar(member, avatar).await.map_err(|e| ApiError::internal(&e))? {
            return Err(Code::NotSignedIn.into());
        }
        app.live.changed(member);
        Ok(Json(AvatarSet { avatar: Id(id) }))
    })
    .await
}

/// Checks what a request says of its body.
fn check_head(headers: &HeaderMap) -> Result<(), Code> {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let kind = header(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !KINDS.contains(&kind.as_str()) {
        return Err(Code::UnsupportedMediaType);
    }
    let too_long = header(CONTENT_LENGTH).parse::<u64>().is_ok_and(|length| length > FILE_MAX as u64);
    if too_long { Err(Code::TooLarge) } else { Ok(()) }
}

/// Why a body could not be read: it was too long, or the client went away.
pub(super) fn refuse(error: &axum::Error) -> ApiError {
    let mut causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |cause| cause.source());
    let too_long = causes.any(|cause| cause.is::<http_body_util::LengthLimitError>());
    if too_long { Code::TooLarge } else { Code::BadRequest }.into()
}

/// Takes the caller's picture away.
#[utoipa::path(delete, path = "/api/me/avatar", responses((status = 204), (status = 401, body = ApiError)))]
pub(super) async fn remove(State(app): State<Arc<App>>, caller: SignedIn) -> Result<StatusCode, ApiError> {
    let member = caller.member.person.id;
    app.store.remove_avatar(member).await.map_err(|e| ApiError::internal(&e))?;
    app.live.changed(member);
    Ok(StatusCode::NO_CONTENT)
}

/// A picture. Its id cannot be guessed, and another picture has another id, so that it may be kept for good.
#[utoipa::path(get, path = "/api/avatars/{id}/{size}",
    params(("id" = String, Path), ("size" = String, Path, description = "`small` (160 px) or `large` (512 px)")),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"), (status = 404, body = ApiError)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    _visitor: Visitor,
    PathId((id, size)): PathId<(String, String)>,
) -> Result<Response, ApiError> {
    let id: AvatarId = id.parse().map_err(|_| Code::NotFound)?;
    let size = match size.as_str() {
        "small" => AvatarSize::Small,
        "large" => AvatarSize::Large,
        _ => return Err(Code::NotFound.into()),
    };
    let picture = app.store.avatar(id, size).await.map_err(|e| ApiError::internal(&e))?.ok_or(Code::NotFound)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
    ];
    Ok((headers, picture).into_response())
}
