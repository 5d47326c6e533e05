//! Getting in: one invite, one member.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use roomtone_room::ids::MemberId;
use roomtone_store::{NewMember, NewSession, RedeemError};

use super::auth::sign_in_cookie;
use super::body::{Body, PathId};
use super::guesses::Guesses;
use super::me::me_with;
use super::text;
use crate::app::App;
use crate::edge::{self, Secret};
use crate::wire::http::{Invite, Me, Redeem};
use crate::wire::{ApiError, Code};

/// What an invite is for.
#[utoipa::path(get, path = "/api/invites/{code}", params(("code" = String, Path)),
    responses((status = 200, body = Invite), (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(guesses): Extension<Arc<Guesses>>,
    PathId(code): PathId<String>,
) -> Result<Json<Invite>, ApiError> {
    let hash = known_form(&guesses, peer, &code)?;
    match app.store.invite(&hash, edge::now()).await.map_err(|e| ApiError::internal(&e))? {
        Some(invite) => {
            Ok(Json(Invite { sponsor: invite.sponsor.map(Into::into), owner: invite.owner, server: app.name.clone() }))
        }
        None => Err(missed(&guesses, peer)),
    }
}

/// Makes a member of whoever holds the code, once, and signs them in.
#[utoipa::path(post, path = "/api/invites/{code}/redeem", params(("code" = String, Path)), request_body = Redeem,
    responses((status = 201, body = Me), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError), (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn redeem(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(guesses): Extension<Arc<Guesses>>,
    PathId(code): PathId<String>,
    Body(request): Body<Redeem>,
) -> Result<Response, ApiError> {
    let hash = known_form(&guesses, peer, &code)?;
    // Before it is asked for: others wait behind it.
    if !guesses.may_guess(peer.ip(), edge::instant()) {
        return Err(Code::RateLimited.into());
    }
    let now = edge::now();
    let member = match new_member(&request) {
        Ok(member) => member,
        // An invented code is answered the same whatever goes with it.
        Err(error) => {
            let invite = app.store.invite(&hash, now).await.map_err(|e| ApiError::internal(&e))?;
            return Err(if invite.is_some() { error } else { missed(&guesses, peer) });
        }
    };
    let token = Secret::draw();
    let session = NewSession { hash: token.hash, label: "invite".to_owned() };
    let redeemed = match app.store.redeem(&hash, now, member, session).await {
        Ok(redeemed) => redeemed,
        Err(RedeemError::NotFound) => return Err(missed(&guesses, peer)),
        Err(RedeemError::HandleTaken) => return Err(Code::HandleTaken.into()),
        Err(RedeemError::Store(error)) => return Err(ApiError::internal(&error)),
    };
    tracing::info!("an invite was redeemed");
    metrics::counter!("roomtone_members_joined_total").increment(1);
    let me = me_with(redeemed.member, Vec::new());
    let cookie = sign_in_cookie(&app, &token.text);
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(me)).into_response())
}

/// Whom a redemption asks for, if all of it is as it must be.
fn new_member(request: &Redeem) -> Result<NewMember, ApiError> {
    Ok(NewMember {
        id: MemberId(edge::random_128()),
        handle: text::handle(&request.handle)?.to_owned(),
        name: text::name(&request.name)?,
        language: text::language(&request.language)?.to_owned(),
    })
}

/// The hash of a code, if it has the form of one.
fn known_form(guesses: &Guesses, peer: SocketAddr, code: &str) -> Result<[u8; 32], ApiError> {
    Secret::hash_of(code).ok_or_else(|| missed(guesses, peer))
}

/// Counts a miss against the caller's address, and answers it.
fn missed(guesses: &Guesses, peer: SocketAddr) -> ApiError {
    if guesses.missed(peer.ip(), edge::instant()) { Code::InviteNotFound } else { Code::RateLimited }.into()
}
