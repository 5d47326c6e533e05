//! The waiting list: people reserve a handle, and members who know them wave them in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::ids::RecordId;
use roomtone_store::{self as store, Hash, WaitError, WaveError};

use super::auth::{SignedIn, Visitor};
use super::body::{Body, PathId};
use super::invites::{NOTE_MAX, in_days};
use super::text;
use crate::app::App;
use crate::edge::{self, Secret};
use crate::limits::GUESSES;
use crate::wire::invites::{NewWaiting, Waiting, WaitingMade, WaitingPerson, WaitingState};
use crate::wire::{ApiError, Code};

/// For how many days a handle is kept for somebody who waits. More is kinder to those whom nobody finds soon; fewer frees
/// handles sooner.
const KEPT_DAYS: u32 = 30;

/// Puts somebody on the waiting list and keeps a handle for them.
#[utoipa::path(post, path = "/api/waitlist", request_body = NewWaiting,
    responses((status = 201, body = WaitingMade), (status = 403, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn wait(
    State(app): State<Arc<App>>,
    _: Visitor,
    Body(request): Body<NewWaiting>,
) -> Result<(StatusCode, Json<WaitingMade>), ApiError> {
    if !app.settings.get().waitlist {
        return Err(Code::WaitlistClosed.into());
    }
    let text::Handle { text: handle, skeleton } = text::handle(&request.handle)?;
    let (secret, now) = (Secret::draw(), edge::now());
    let person = store::NewWaiting {
        hash: secret.hash,
        id: RecordId(edge::random_128()),
        handle,
        skeleton,
        name: text::name(&request.name)?,
        note: text::paragraphs(&request.note, NOTE_MAX)?,
        language: text::language(&request.language)?.to_owned(),
        created_at: now,
        expires_at: in_days(now, KEPT_DAYS),
    };
    app.store.wait(&person).await.map_err(|error| match error {
        WaitError::HandleTaken => Code::HandleTaken.into(),
        WaitError::Full => Code::WaitlistClosed.into(),
        WaitError::Store(error) => ApiError::internal(&error),
    })?;
    Ok((StatusCode::CREATED, Json(WaitingMade { secret: secret.text, expires_at: person.expires_at.0 })))
}

/// How it stands with whoever has the secret.
#[utoipa::path(get, path = "/api/waitlist/{secret}", params(("secret" = String, Path)),
    responses((status = 200, body = Waiting), (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    PathId(secret): PathId<String>,
) -> Result<Json<Waiting>, ApiError> {
    let hash = known_form(&app, &visitor, &secret)?;
    let found = app.store.waiting(&hash, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
    let waiting = found.ok_or_else(|| missed(&app, &visitor))?;
    let state = state_of(&waiting);
    Ok(Json(Waiting { handle: waiting.handle, state, expires_at: waiting.expires_at.0 }))
}

/// Takes whoever has the secret off the waiting list.
#[utoipa::path(delete, path = "/api/waitlist/{secret}", params(("secret" = String, Path)),
    responses((status = 204), (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    PathId(secret): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let hash = known_form(&app, &visitor, &secret)?;
    match app.store.stop_waiting(&hash, edge::now()).await.map_err(|e| ApiError::internal(&e))? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(missed(&app, &visitor)),
    }
}

/// Who waits with exactly this handle: for members who were told it.
#[utoipa::path(get, path = "/api/waitlist/by-handle/{handle}", params(("handle" = String, Path)),
    responses((status = 200, body = WaitingPerson), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 429, body = ApiError)))]
pub(super) async fn by_handle(
    State(app): State<Arc<App>>,
    _: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<Json<WaitingPerson>, ApiError> {
    let handle = text::handle(&handle).map_err(|_| Code::WaitingNotFound)?.text;
    let found = app.store.waiting_by_handle(&handle, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
    let waiting = found.ok_or(Code::WaitingNotFound)?;
    let state = state_of(&waiting);
    Ok(Json(WaitingPerson { handle: waiting.handle, name: waiting.name, note: waiting.note, state }))
}

/// Waves in who waits with exactly this handle, which spends an invite of the caller's.
#[utoipa::path(post, path = "/api/waitlist/by-handle/{handle}/wave", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn wave(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let handle = text::handle(&handle).map_err(|_| Code::WaitingNotFound)?.text;
    let (settings, now) = (app.settings.get(), edge::now());
    let until = in_days(now, settings.invite_days);
    let waved = app.store.wave(caller.member.person.id, &handle, settings.invites_per_member, now, until).await;
    waved.map_err(|error| match error {
        WaveError::NotFound => Code::WaitingNotFound.into(),
        WaveError::Invited => Code::NothingToChange.into(),
        WaveError::NoneLeft => Code::NoInvitesLeft.into(),
        WaveError::Store(error) => ApiError::internal(&error),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// How it stands with somebody who waits.
pub(super) fn state_of(waiting: &store::Waiting) -> WaitingState {
    if waiting.invited { WaitingState::Invited } else { WaitingState::Waiting }
}

/// The hash of a secret, if it has the form of one and the caller may still guess.
fn known_form(app: &App, visitor: &Visitor, secret: &str) -> Result<Hash, ApiError> {
    app.limits.may_address(&GUESSES, visitor.address, edge::instant())?;
    Secret::hash_of(secret).ok_or_else(|| missed(app, visitor))
}

/// Counts a miss against the caller's address, and answers it.
fn missed(app: &App, visitor: &Visitor) -> ApiError {
    match app.limits.address(&GUESSES, visitor.address, edge::instant()) {
        Ok(()) => Code::WaitingNotFound.into(),
        Err(too_many) => too_many.into(),
    }
}
