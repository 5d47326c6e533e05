//! Request bodies, refused with our codes.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::{Json, RequestExt};
use bytes::Bytes;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::wire::{ApiError, Code};

/// How long a client may take to send a body. Longer serves slower lines; shorter frees what slow clients hold sooner.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// A JSON body, which is an object. Refuses with `unsupported_media_type`, `too_large` or `bad_request`.
pub(super) struct Body<T>(pub(super) T);

/// What is read from an object and from nothing else: of itself, a structure would also be read from the list of its fields.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match in_time(Json::<Object<T>>::from_request(request, state)).await? {
            Ok(Json(Object(value))) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Code::UnsupportedMediaType.into()),
            Err(JsonRejection::BytesRejection(rejection)) => Err(refuse_bytes(&rejection)),
            Err(rejection) => Err(ApiError::with_message(Code::BadRequest, rejection.body_text())),
        }
    }
}

/// A JSON body, or none: a request without a content type has none.
pub(super) struct MaybeBody<T>(pub(super) Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(Self(None));
        }
        let Body(value) = Body::from_request(request, state).await?;
        Ok(Self(Some(value)))
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
        let bytes: Bytes = in_time(request.with_limited_body().extract())
            .await?
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

/// Waits for a body, but not for longer than [`BODY_LIMIT`].
pub(super) async fn in_time<T>(body: impl Future<Output = T>) -> Result<T, ApiError> {
    let slow = |_| ApiError::with_message(Code::BadRequest, "The body did not come in time.");
    tokio::time::timeout(BODY_LIMIT, body).await.map_err(slow)
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
            Some("guest-links") => Code::GuestLinkNotFound,
            Some("waitlist") => Code::WaitingNotFound,
            Some("members") => Code::MemberNotFound,
            Some("houses") => Code::HouseNotFound,
            Some("invitations") => Code::InvitationNotFound,
            Some("answers") => Code::AnswerLinkNotFound,
            Some("questions") => Code::QuestionNotFound,
            Some("replies") => Code::ReplyNotFound,
            Some("replays") => Code::ReplayNotFound,
            Some("clips") => Code::ClipNotFound,
            Some("passkeys") => Code::PasskeyNotFound,
            Some("sessions") => Code::SessionNotFound,
            _ => Code::NotFound,
        };
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| not_found.into())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as Bytestream;
    use futures_util::stream::pending;

    use super::*;

    /// Time is virtual: it goes on when nothing else can.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let endless = || Bytestream::from_stream(pending::<Result<Bytes, std::io::Error>>());
        let request = |kind: &str| Request::builder().header(CONTENT_TYPE, kind).body(endless()).unwrap();
        let json = Body::<String>::from_request(request("application/json"), &()).await.map(|_| ());
        let sdp = Sdp::from_request(request("application/sdp"), &()).await.map(|_| ());
        assert_eq!((json.unwrap_err().code, sdp.unwrap_err().code), (Code::BadRequest, Code::BadRequest));
    }
}
