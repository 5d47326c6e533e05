//! The account as a whole: taking everything along, and deleting it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::auth::{SignedIn, is_fresh, sign_out_cookie};
use super::body::{Body, to_the_end};
use super::passkeys;
use crate::account;
use crate::app::App;
use crate::wire::people::DeleteMe;
use crate::wire::{ApiError, Code};

/// Everything that is stored about the caller, as a zip archive.
#[utoipa::path(get, path = "/api/me/export",
    responses((status = 200, body = Vec<u8>, content_type = "application/zip"), (status = 401, body = ApiError),
        (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn export(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Response, ApiError> {
    let (archive, length) = account::archive(&app, &caller.member).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"roomtone.zip\"")),
    ];
    let mut response = (headers, archive).into_response();
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(response)
}

/// Deletes the caller's account with everything they wrote; the rooms that they opened end. The caller must have signed in
/// within the last fifteen minutes, or prove with a passkey that it is them: a ceremony that was begun as for signing in.
#[utoipa::path(delete, path = "/api/me", request_body = DeleteMe,
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<DeleteMe>,
) -> Result<Response, ApiError> {
    let me = caller.member.person.id;
    if request.handle != caller.member.person.handle {
        return Err(Code::WrongHandle.into());
    }
    if caller.member.owner {
        return Err(Code::OwnerMustStay.into());
    }
    match (request.ceremony, request.credential) {
        (Some(ceremony), Some(credential)) => {
            if passkeys::proven(&app, &ceremony, credential).await? != me {
                return Err(Code::PasskeyRefused.into());
            }
        }
        // A token for a player does not count: whoever has an old session can make a new one.
        _ if caller.browser_since(&app).await?.is_some_and(is_fresh) => {}
        _ => return Err(Code::SignInAgain.into()),
    }
    let cookie = sign_out_cookie(&app);
    to_the_end(async move { account::delete(&app, me).await }).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}
