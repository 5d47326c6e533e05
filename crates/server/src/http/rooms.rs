//! Rooms: the hallway, opening one, and looking at one.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use roomtone_room::Opening;
use roomtone_room::ids::{HouseId, MemberId, RoomId};
use serde::Deserialize;

use super::auth::{RoomCaller, SignedIn, SignedInGuest};
use super::body::{Body, PathId, to_the_end};
use super::people::visible;
use super::text;
use crate::app::App;
use crate::live::HALLWAY_ROOMS;
use crate::notices::Tell;
use crate::rooms::message::{Caller, Message, Vouched};
use crate::rooms::{Admission, Handle, HouseEntry, Sought, may_know_rooms, rules_first};
use crate::wire::hallway::Hallway;
use crate::wire::http::{NewRoom, Ping, RoomCard, RoomCreated, Roster};
use crate::wire::notices::NoticeKind;
use crate::wire::{ApiError, Code, Id};

/// People who can be named when a room is opened.
pub(super) const NAMED_MAX: usize = 100;

/// People who can be pinged at once.
const PINGED_MAX: usize = 10;

/// Characters of a name that is looked for in a room.
const SOUGHT_MAX: usize = 40;

/// Topics that a room may have.
pub(super) const TOPICS_MAX: usize = 5;

/// The rooms live now that the caller may know of, in their order.
#[utoipa::path(get, path = "/api/rooms", responses((status = 200, body = Hallway), (status = 401, body = ApiError)))]
pub(super) async fn hallway(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<Hallway>, ApiError> {
    let rooms = app.live.rooms(&app.rooms, caller.member.person.id, HALLWAY_ROOMS).await?;
    Ok(Json(Hallway { rooms }))
}

/// Opens a room.
#[utoipa::path(post, path = "/api/rooms", request_body = NewRoom,
    responses((status = 201, body = RoomCreated), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 422, body = ApiError), (status = 503, body = ApiError)))]
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
    let topics = text::topics(&request.topics, TOPICS_MAX)?;
    let host = caller.member.person.id;
    let house = match &request.house {
        Some(handle) => Some(house_of(&app, handle, host).await?),
        None => None,
    };
    let mut named = Vec::with_capacity(request.named.len());
    for handle in &request.named {
        let member = visible(&app, host, handle).await.map_err(|error| match error.code {
            Code::MemberNotFound => ApiError {
                status: Some(StatusCode::UNPROCESSABLE_ENTITY),
                ..ApiError::with_message(Code::MemberNotFound, "One of the people named is not a member.")
            },
            _ => error,
        })?;
        named.push(member.person.id);
    }
    let opening = Opening { topics, house, named, ..Opening::new(title, request.kind.into(), language) };
    let opened = async move {
        let id = app.rooms.open(host, opening).await?;
        app.notices.room_opened(id);
        Ok(id)
    };
    let id = to_the_end(opened).await?;
    Ok((StatusCode::CREATED, Json(RoomCreated { id: Id(id) })))
}

/// The house in which somebody wants to open a room: one of theirs, whose rules they have accepted.
pub(super) async fn house_of(app: &App, handle: &str, host: MemberId) -> Result<HouseId, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let house = app.store.room_house_by_handle(handle).await.map_err(internal)?.ok_or(Code::HouseNotFound)?;
    let entry = HouseEntry::from(app.store.house_standing(house.id, host).await.map_err(internal)?);
    match entry {
        HouseEntry::Member => Ok(house.id),
        _ if !may_know_rooms(&house, entry) => Err(Code::HouseNotFound.into()),
        _ => Err(rules_first(&house.handle)),
    }
}

/// Pings people into a room that the caller is in: people whom they follow or who follow them. Whoever may not enter, or does
/// not want to hear of the caller, is not told, which the caller does not learn; nobody is told twice by the same member.
#[utoipa::path(post, path = "/api/rooms/{id}/ping", params(("id" = String, Path)), request_body = Ping,
    responses((status = 204), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 410, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn ping(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<Ping>,
) -> Result<StatusCode, ApiError> {
    let internal = |error| ApiError::internal(&error);
    if request.handles.is_empty() || request.handles.len() > PINGED_MAX {
        return Err(ApiError::with_message(Code::BadRequest, format!("From 1 to {PINGED_MAX} people can be pinged.")));
    }
    let me = caller.member.person.id;
    let (room, handle, _) = known_room(&app, &id, &caller).await?;
    if app.rooms.presence().inside(me) != Some(room) {
        return Err(Code::NotInRoom.into());
    }
    let mut pinged = Vec::with_capacity(request.handles.len());
    for handle in &request.handles {
        let member = visible(&app, me, handle).await?.person.id;
        let between = app.store.between(me, member).await.map_err(internal)?;
        if !between.follows && !between.followed {
            return Err(Code::NotAllowed.into());
        }
        pinged.push(member);
    }
    pinged.retain(|member| app.rooms.presence().inside(*member) != Some(room));
    for member in app.rooms.admits_of(&handle, &pinged).await? {
        app.notices.tell(Tell::new(member, NoticeKind::Ping).by(me).about(room.0));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// One room. A guest sees the one that they may come to.
#[utoipa::path(get, path = "/api/rooms/{id}", params(("id" = String, Path)),
    responses((status = 200, body = RoomCard), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 410, body = ApiError)))]
pub(super) async fn card(
    State(app): State<Arc<App>>,
    caller: RoomCaller,
    PathId(id): PathId<String>,
) -> Result<Json<RoomCard>, ApiError> {
    let handle = match &caller {
        RoomCaller::Member(caller) => known_room(&app, &id, caller).await?.1,
        RoomCaller::Guest(guest) => room_of_guest(&app, &id, guest)?.1,
    };
    Ok(Json(handle.summary().card.clone()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    after: u32,
    #[serde(default)]
    q: String,
    #[serde(default)]
    followed: bool,
}

/// Everybody present, by number, in pages: or those whose name or handle contains `q`, or the listeners whom somebody on stage
/// follows. A page may have fewer people than fit, or none, before the last.
#[utoipa::path(get, path = "/api/rooms/{id}/roster",
    params(("id" = String, Path), ("after" = Option<u32>, Query, description = "`next` of the page before"),
        ("q" = Option<String>, Query, description = "At most 40 characters"), ("followed" = Option<bool>, Query)),
    responses((status = 200, body = Roster), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError),
        (status = 503, body = ApiError)))]
pub(super) async fn roster(
    State(app): State<Arc<App>>,
    caller: RoomCaller,
    PathId(id): PathId<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Roster>, ApiError> {
    let Query(page) = page.map_err(|_| Code::BadRequest)?;
    if page.q.chars().count() > SOUGHT_MAX {
        return Err(Code::BadRequest.into());
    }
    let (id, handle, caller) = room_for(&app, &id, caller).await?;
    // Whoever waits is told nothing of who is inside.
    if caller.guest.is_some() && app.rooms.presence().inside(caller.member()) != Some(id) {
        return Err(Code::NotInRoom.into());
    }
    let among = if page.followed { Some(handle.followed_by_stage(&app.store).await?) } else { None };
    let sought = Sought { after: page.after, text: page.q.trim().to_lowercase(), among };
    handle.ask(|reply| Message::Roster { viewer: caller.member(), sought, reply }).await.map(Json)
}

/// A live room that the caller may enter: for a guest, the one that their link is for. Errors as for [`known_room`], and
/// `house_rules` for a room of a house whose rules they have not accepted.
pub(crate) async fn room_for(app: &App, id: &str, caller: RoomCaller) -> Result<(RoomId, Handle, Caller), ApiError> {
    let caller = match caller {
        RoomCaller::Member(caller) => caller,
        RoomCaller::Guest(guest) => {
            let (id, handle) = room_of_guest(app, id, &guest)?;
            let SignedInGuest { guest, session, as_of } = guest;
            let vouched = Vouched { room: id, by: guest.voucher.into(), until: guest.expires_at };
            let caller = Caller {
                person: guest.person.into(),
                session,
                as_of,
                followed_by_moderator: false,
                standing: None,
                guest: Some(vouched),
            };
            return Ok((id, handle, caller));
        }
    };
    let (id, handle, admission) = known_room(app, id, &caller).await?;
    admission.to_enter()?;
    let Admission { followed_by_moderator, standing, .. } = admission;
    let SignedIn { member, session, as_of, .. } = caller;
    let caller = Caller { person: member.person.into(), session, as_of, followed_by_moderator, standing, guest: None };
    Ok((id, handle, caller))
}

/// The live room that a guest's link is for; every other is `room_not_found`.
fn room_of_guest(app: &App, id: &str, guest: &SignedInGuest) -> Result<(RoomId, Handle), ApiError> {
    let id: RoomId = id.parse().map_err(|_| Code::RoomNotFound)?;
    match app.rooms.get(id).filter(|_| id == guest.guest.room) {
        Some(handle) => Ok((id, handle)),
        None if app.rooms.is_stopping() => Err(Code::Busy.into()),
        None => Err(Code::RoomNotFound.into()),
    }
}

/// A live room that the caller may know of. Everything else is `room_not_found`, except `room_ended` for a room that
/// has ended and was open to them, and `banned` for one whose moderators keep them out.
pub(super) async fn known_room(
    app: &App,
    id: &str,
    caller: &SignedIn,
) -> Result<(RoomId, Handle, Admission), ApiError> {
    let member = caller.member.person.id;
    let id: RoomId = id.parse().map_err(|_| Code::RoomNotFound)?;
    let Some(handle) = app.rooms.get(id) else {
        if app.rooms.is_stopping() {
            return Err(Code::Busy.into());
        }
        let ended = app.rooms.has_ended_for(id, member).await?;
        return Err(if ended { Code::RoomEnded } else { Code::RoomNotFound }.into());
    };
    let admission = app.rooms.admits(&handle, member).await?;
    if admission.banned {
        // Now they know, and may appeal.
        app.store.know_bans(id, member).await.map_err(|e| ApiError::internal(&e))?;
        return Err(Code::Banned.into());
    }
    if !admission.admitted {
        return Err(Code::RoomNotFound.into());
    }
    Ok((id, handle, admission))
}
