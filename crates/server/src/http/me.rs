//! The signed-in member: their account, sessions and whom they follow.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use roomtone_store::{Member, NewSession, Person};

use super::auth::{SignedIn, sign_out_cookie};
use super::body::{Body, PathId, to_the_end};
use super::text;
use crate::app::App;
use crate::edge::{self, Secret};
use crate::wire::http::{Me, NewToken, Token};
use crate::wire::{ApiError, Code, Id};

/// Who is signed in.
#[utoipa::path(get, path = "/api/me", responses((status = 200, body = Me), (status = 401, body = ApiError)))]
pub(super) async fn me(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<Me>, ApiError> {
    let following = app.store.following(caller.member.person.id).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(me_with(caller.member, following)))
}

/// The account as its owner sees it, with those whom they follow.
pub(super) fn me_with(member: Member, following: Vec<Person>) -> Me {
    Me {
        id: Id(member.person.id),
        handle: member.person.handle,
        name: member.person.name,
        language: member.language,
        owner: member.owner,
        sponsor: member.sponsor.map(Into::into),
        following: following.into_iter().map(Into::into).collect(),
    }
}

/// Ends this session, with its sockets and legs.
#[utoipa::path(delete, path = "/api/session", responses((status = 204), (status = 401, body = ApiError)))]
pub(super) async fn sign_out(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Response, ApiError> {
    let cookie = sign_out_cookie(&app);
    to_the_end(async move {
        app.store.delete_session(&caller.session).await.map_err(|e| ApiError::internal(&e))?;
        app.rooms.signed_out(caller.member.person.id, caller.session).await;
        Ok(())
    })
    .await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// A further session, for a player or an encoder.
#[utoipa::path(post, path = "/api/tokens", request_body = NewToken,
    responses((status = 201, body = Token), (status = 401, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn new_token(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NewToken>,
) -> Result<(StatusCode, Json<Token>), ApiError> {
    let token = Secret::draw();
    let session = NewSession { hash: token.hash, label: text::name(&request.label)? };
    // The body may have taken its time, and the caller's session have ended meanwhile.
    if !app.store.create_session(&caller.session, session, edge::now()).await.map_err(|e| ApiError::internal(&e))? {
        return Err(Code::NotSignedIn.into());
    }
    Ok((StatusCode::CREATED, Json(Token { token: token.text })))
}

/// Follows a member.
#[utoipa::path(put, path = "/api/members/{handle}/follow", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let whom = by_handle(&app, &handle).await?;
    let me = caller.member.person.id;
    if whom.person.id == me {
        return Err(Code::TargetProtected.into());
    }
    app.store.follow(me, whom.person.id, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stops following a member.
#[utoipa::path(delete, path = "/api/members/{handle}/follow", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn unfollow(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let whom = by_handle(&app, &handle).await?;
    app.store.unfollow(caller.member.person.id, whom.person.id).await.map_err(|e| ApiError::internal(&e))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The member with a handle, or `member_not_found`.
pub(super) async fn by_handle(app: &App, handle: &str) -> Result<Member, ApiError> {
    let found = app.store.member_by_handle(handle).await.map_err(|e| ApiError::internal(&e))?;
    found.ok_or_else(|| Code::MemberNotFound.into())
}
