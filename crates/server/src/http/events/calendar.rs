//! The address under which a member's calendar program finds their events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::super::auth::SignedIn;
use super::internal;
use crate::app::App;
use crate::edge::{self, Secret};
use crate::feeds::calendar_address;
use crate::wire::ApiError;
use crate::wire::events::{Calendar, CalendarAddress};

/// Whether the caller's calendar has an address.
#[utoipa::path(get, path = "/api/me/calendar",
    responses((status = 200, body = Calendar), (status = 401, body = ApiError)))]
pub(in crate::http) async fn calendar(
    State(app): State<Arc<App>>,
    caller: SignedIn,
) -> Result<Json<Calendar>, ApiError> {
    let since = app.store.calendar_since(caller.member.person.id).await.map_err(internal)?;
    Ok(Json(Calendar { since: since.map(|at| at.0) }))
}

/// Makes a new address for the caller's calendar; the former one stops working. Whoever has it can read the calendar.
#[utoipa::path(post, path = "/api/me/calendar",
    responses((status = 201, body = CalendarAddress), (status = 401, body = ApiError)))]
pub(in crate::http) async fn new_calendar(
    State(app): State<Arc<App>>,
    caller: SignedIn,
) -> Result<(StatusCode, Json<CalendarAddress>), ApiError> {
    let secret = Secret::draw();
    app.store.set_calendar(caller.member.person.id, &secret.hash, edge::now()).await.map_err(internal)?;
    Ok((StatusCode::CREATED, Json(CalendarAddress { url: calendar_address(&app.public_url, &secret.text) })))
}

/// Ends the address of the caller's calendar.
#[utoipa::path(delete, path = "/api/me/calendar", responses((status = 204), (status = 401, body = ApiError)))]
pub(in crate::http) async fn end_calendar(
    State(app): State<Arc<App>>,
    caller: SignedIn,
) -> Result<StatusCode, ApiError> {
    app.store.end_calendar(caller.member.person.id).await.map_err(internal)?;
    Ok(StatusCode::NO_CONTENT)
}
