//! Request bodies, refused with our codes.

use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::{Json, RequestExt};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::wire::{ApiError, Code};

/// A JSON body. Refuses with `unsupported_media_type`, `too_large` or `bad_request`.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Code::UnsupportedMediaType.into()),
            Err(JsonRejection::BytesRejection(rejection)) => Err(refuse_bytes(&rejection)),
            Err(rejection) => Err(ApiError::with_message(Code::BadRequest, rejection.body_text())),
        }
    }
}

/// An SDP body of at most [`roomtone_media::sdp::OFFER_MAX`]. Refuses with `unsupported_media_type`, `too_large` or
/// `invalid_sdp`.
pub(super) struct Sdp(pub(super) String);

impl<S: Send + Sync> FromRequest<S> for Sdp {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/sdp")) {
            return Err(Code::UnsupportedMediaType.into());
        }
        let bytes: Bytes = request
            .with_limited_body()
            .extract()
            .await
            .map_err(|rejection: BytesRejection| refuse_bytes(&rejection))?;
        String::from_utf8(bytes.into()).map(Self).map_err(|_| Code::InvalidSdp.into())
    }
}

/// Carries something out to its end even if whoever asked hangs up: what takes several steps must not stop between them,
/// as a handler does when its connection goes.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work).await.map_err(|panic| ApiError::internal(&panic))?
}

fn refuse_bytes(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { Code::TooLarge } else { Code::BadRequest }.into()
}

/// Path parameters; a part that has not the form it must have is answered just like a thing that does not exist.
pub(crate) struct PathId<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for PathId<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let kind = parts.uri.path().trim_start_matches("/api/").split('/').next();
        let not_found = match kind {
            Some("rooms") => Code::RoomNotFound,
            Some("invites") => Code::InviteNotFound,
            Some("members") => Code::MemberNotFound,
            _ => Code::NotFound,
        };
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| not_found.into())
    }
}
