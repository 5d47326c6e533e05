//! Offices: whom a member lets act for them, and what those did.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::ids::{MemberId, RecordId};
use roomtone_room::office::{Act, Grant, Refusal};
use roomtone_store::{self as store, GrantActed, GrantOffered, StoreError};

use super::auth::{Browser, SignedIn};
use super::body::{Body, PathId};
use super::paging::{AskedPage, PAGE, next, place, write_place};
use super::people::other;
use super::text;
use crate::app::App;
use crate::edge;
use crate::notices::Tell;
use crate::wire::notices::NoticeKind;
use crate::wire::offices::{NewGrant, OfficeActs, OfficeGrant, OfficeGrants};
use crate::wire::{ApiError, Code};

/// Who acts for the caller, or did.
#[utoipa::path(get, path = "/api/me/office",
    responses((status = 200, body = OfficeGrants), (status = 401, body = ApiError)))]
pub(super) async fn list(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<OfficeGrants>, ApiError> {
    let found = app.store.grants_of(caller.member.person.id).await.map_err(internal)?;
    Ok(Json(all(found)))
}

/// Asks a member to act for the caller within limits. It counts once they accept. A token cannot be used for that.
#[utoipa::path(post, path = "/api/me/office", request_body = NewGrant,
    responses((status = 201, body = OfficeGrant), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn offer(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
    Body(request): Body<NewGrant>,
) -> Result<(StatusCode, Json<OfficeGrant>), ApiError> {
    let title = text::name(&request.title)?;
    let (me, now) = (caller.member.person.id, edge::now());
    let delegate = other(&app, me, &request.handle).await?;
    let rights = request.rights.into_iter().map(Into::into).collect();
    let grant = Grant::offer(now, me, delegate, rights, request.days).map_err(refused)?;
    let id = RecordId(edge::random_128());
    match app.store.offer_grant(id, &grant, &title).await.map_err(internal)? {
        GrantOffered::Made => {}
        GrantOffered::TooMany => return Err(Code::TooManyGrants.into()),
        GrantOffered::Already => return Err(Code::AlreadyDelegate.into()),
        GrantOffered::Missing => return Err(Code::MemberNotFound.into()),
    }
    app.notices.tell(Tell::new(delegate, NoticeKind::OfficeOffered).by(me).about(id.0).saying(title));
    let offered = find(app.store.grants_of(me).await.map_err(internal)?, id)?;
    Ok((StatusCode::CREATED, Json(offered)))
}

/// Takes back what a delegate was offered or given: when it is answered, nothing more is done by it.
#[utoipa::path(delete, path = "/api/me/office/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 410, body = ApiError)))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    act(&app, &id, caller.member.person.id, Act::Revoke).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was done for the caller, the newest first.
#[utoipa::path(get, path = "/api/me/office/acts", params(("after" = Option<String>, Query)),
    responses((status = 200, body = OfficeActs), (status = 401, body = ApiError)))]
pub(super) async fn acts(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    page: AskedPage,
) -> Result<Json<OfficeActs>, ApiError> {
    let before = place(page)?;
    let found = app.store.office_acts(caller.member.person.id, before, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |last| write_place(last.at, last.id));
    Ok(Json(OfficeActs { items: found.into_iter().map(Into::into).collect(), next }))
}

/// For whom the caller acts, or was asked to, or did.
#[utoipa::path(get, path = "/api/me/delegations",
    responses((status = 200, body = OfficeGrants), (status = 401, body = ApiError)))]
pub(super) async fn delegations(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<OfficeGrants>, ApiError> {
    let found = app.store.delegations_of(caller.member.person.id).await.map_err(internal)?;
    Ok(Json(all(found)))
}

/// Accepts to act for somebody. A token cannot be used for that.
#[utoipa::path(post, path = "/api/me/delegations/{id}", params(("id" = String, Path)),
    responses((status = 200, body = OfficeGrant), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError)))]
pub(super) async fn accept(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
    PathId(id): PathId<String>,
) -> Result<Json<OfficeGrant>, ApiError> {
    let me = caller.member.person.id;
    let (id, grant) = act(&app, &id, me, Act::Accept).await?;
    let held = find(app.store.delegations_of(me).await.map_err(internal)?, id)?;
    let told = Tell::new(grant.principal, NoticeKind::OfficeAccepted).by(me).about(id.0).saying(held.title.clone());
    app.notices.tell(told);
    Ok(Json(held))
}

/// Gives back what somebody let the caller do, or does not accept it.
#[utoipa::path(delete, path = "/api/me/delegations/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 410, body = ApiError)))]
pub(super) async fn lay_down(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    act(&app, &id, caller.member.person.id, Act::LayDown).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Acts on a grant of the caller's.
async fn act(app: &App, id: &str, me: MemberId, act: Act) -> Result<(RecordId, Grant), ApiError> {
    let id: RecordId = id.parse().map_err(|_| Code::GrantNotFound)?;
    match app.store.act_on_grant(id, me, act, edge::now()).await.map_err(internal)? {
        GrantActed::Done(grant) => Ok((id, grant)),
        GrantActed::Refused(refusal) => Err(refused(refusal)),
        GrantActed::Missing => Err(Code::GrantNotFound.into()),
    }
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Oneself => Code::TargetProtected,
        Refusal::NoRights | Refusal::Days => Code::InvalidGrant,
        // It is the other one's to do, and so nothing that there is for the caller.
        Refusal::NotYours => Code::GrantNotFound,
        Refusal::AlreadyHeld => Code::NothingToChange,
        Refusal::Over => Code::GrantOver,
    }
    .into()
}

fn all(found: Vec<store::OfficeGrant>) -> OfficeGrants {
    let now = edge::now();
    OfficeGrants { items: found.into_iter().map(|grant| OfficeGrant::of(grant, now)).collect() }
}

/// The one with this id. It may have gone at this moment, with whom it was shared.
fn find(found: Vec<store::OfficeGrant>, id: RecordId) -> Result<OfficeGrant, ApiError> {
    let found = found.into_iter().find(|grant| grant.id == id).ok_or(Code::GrantNotFound)?;
    Ok(OfficeGrant::of(found, edge::now()))
}

fn internal(error: StoreError) -> ApiError {
    ApiError::internal(&error)
}
