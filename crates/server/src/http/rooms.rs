//! Rooms: the hallway, opening one, and looking at one.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use roomtone_room::ids::RoomId;
use serde::Deserialize;

use super::auth::SignedIn;
use super::body::{Body, PathId, to_the_end};
use super::me::by_handle;
use super::text;
use crate::app::App;
use crate::rooms::message::{Caller, Message};
use crate::rooms::{Admission, Handle};
use crate::wire::http::{Hallway, NewRoom, RoomCard, RoomCreated, Roster};
use crate::wire::{ApiError, Code, Id};

/// People who can be named when a room is opened.
const NAMED_MAX: usize = 100;

/// The rooms live now.
#[utoipa::path(get, path = "/api/rooms", responses((status = 200, body = Hallway), (status = 401, body = ApiError)))]
pub(super) async fn hallway(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<Hallway>, ApiError> {
    let mut rooms = Vec::new();
    for handle in app.rooms.all() {
        if app.rooms.admits(&handle, caller.member.person.id).await?.admitted {
            rooms.push(handle.summary().card.clone());
        }
    }
    rooms.sort_by_key(|card| (std::cmp::Reverse(card.opened_at), card.id));
    Ok(Json(Hallway { rooms }))
}

/// Opens a room.
#[utoipa::path(post, path = "/api/rooms", request_body = NewRoom,
    responses((status = 201, body = RoomCreated), (status = 401, body = ApiError), (status = 422, body = ApiError),
        (status = 503, body = ApiError)))]
pub(super) async fn open(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NewRoom>,
) -> Result<(StatusCode, Json<RoomCreated>), ApiError> {
    let title = text::title(&request.title)?;
    let language = match &request.language {
        Some(language) => text::language(language)?.to_owned(),
        None => caller.member.language.clone(),
    };
    if request.named.len() > NAMED_MAX {
        return Err(ApiError::with_message(Code::BadRequest, format!("At most {NAMED_MAX} people can be named.")));
    }
    let mut named = Vec::with_capacity(request.named.len());
    for handle in &request.named {
        let member = by_handle(&app, handle).await.map_err(|error| match error.code {
            Code::MemberNotFound => ApiError {
                status: Some(StatusCode::UNPROCESSABLE_ENTITY),
                ..ApiError::with_message(Code::MemberNotFound, "One of the people named is not a member.")
            },
            _ => error,
        })?;
        named.push(member.person.id);
    }
    let host = caller.member.person.id;
    let opened = async move { app.rooms.open(host, title, request.kind.into(), language, named).await };
    let id = to_the_end(opened).await?;
    Ok((StatusCode::CREATED, Json(RoomCreated { id: Id(id) })))
}

/// One room.
#[utoipa::path(get, path = "/api/rooms/{id}", params(("id" = String, Path)),
    responses((status = 200, body = RoomCard), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 410, body = ApiError)))]
pub(super) async fn card(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<Json<RoomCard>, ApiError> {
    let (_, handle, _) = room_for(&app, &id, caller).await?;
    Ok(Json(handle.summary().card.clone()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    after: u32,
}

/// Everybody present, by number, in pages.
#[utoipa::path(get, path = "/api/rooms/{id}/roster",
    params(("id" = String, Path), ("after" = Option<u32>, Query, description = "The last number of the page before")),
    responses((status = 200, body = Roster), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError), (status = 410, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn roster(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Roster>, ApiError> {
    let Query(page) = page.map_err(|_| Code::BadRequest)?;
    let (_, handle, _) = room_for(&app, &id, caller).await?;
    handle.ask(|reply| Message::Roster { after: page.after, reply }).await.map(Json)
}

/// A live room that the caller may know of. Everything else is `room_not_found`, except `room_ended` for a room that
/// has ended and was open to them.
pub(crate) async fn room_for(app: &App, id: &str, caller: SignedIn) -> Result<(RoomId, Handle, Caller), ApiError> {
    let member = caller.member.person.id;
    let id: RoomId = id.parse().map_err(|_| Code::RoomNotFound)?;
    let Some(handle) = app.rooms.get(id) else {
        if app.rooms.is_stopping() {
            return Err(Code::Busy.into());
        }
        let ended = app.rooms.has_ended_for(id, member).await?;
        return Err(if ended { Code::RoomEnded } else { Code::RoomNotFound }.into());
    };
    let Admission { admitted, followed_by_moderator } = app.rooms.admits(&handle, member).await?;
    if !admitted {
        return Err(Code::RoomNotFound.into());
    }
    let SignedIn { member, session, as_of } = caller;
    let caller = Caller { person: member.person.into(), session, as_of, followed_by_moderator };
    Ok((id, handle, caller))
}
