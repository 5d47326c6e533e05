//! What those who run a room did in it, appeals against that, and rooms that somebody does not want to see.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use roomtone_room::ids::{MemberId, RecordId, RoomId};
use roomtone_store::{self as store, APPEAL_WITHIN, Appealed, Decided, StoreError};
use serde::Deserialize;

use super::auth::SignedIn;
use super::body::{Body, PathId, to_the_end};
use super::paging::{AskedPage, PAGE, after, next, place, read_number, read_place, write_place};
use super::rooms::known_room;
use super::text;
use crate::app::App;
use crate::edge;
use crate::notices::Tell;
use crate::wire::acts::{
    Act, ActKind, Acts, Appeal, AppealDecision, AppealedAct, Appeals, AppealsAsked, DecideAppeal, NewAppeal, OwnAct,
    OwnActs,
};
use crate::wire::notices::NoticeKind;
use crate::wire::{ApiError, Code};

/// Characters of an appeal, and of the answer to it.
const TEXT_MAX: usize = 1_000;

/// What was done in a room, the latest first: for those who moderate it, or did when it ended, admins of its house, and admins of
/// this server.
#[utoipa::path(get, path = "/api/rooms/{id}/acts", params(("id" = String, Path), ("after" = Option<String>, Query)),
    responses((status = 200, body = Acts), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn of_room(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    page: AskedPage,
) -> Result<Json<Acts>, ApiError> {
    let before = after(page, read_number)?;
    let room: RoomId = id.parse().map_err(|_| Code::RoomNotFound)?;
    let admin = is_admin(&caller);
    if !may_read(&app, room, caller.member.person.id, admin).await? {
        return Err(Code::RoomNotFound.into());
    }
    let viewer = (caller.member.person.id, admin);
    let found = app.store.room_acts(room, viewer, before, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |last| last.number.to_string());
    Ok(Json(Acts { items: found.into_iter().filter_map(Act::of).collect(), next }))
}

/// What was done to the caller that they can appeal against, or could, the latest first.
#[utoipa::path(get, path = "/api/acts/mine", params(("after" = Option<String>, Query)),
    responses((status = 200, body = OwnActs), (status = 401, body = ApiError)))]
pub(super) async fn mine(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    page: AskedPage,
) -> Result<Json<OwnActs>, ApiError> {
    let before = place(page)?;
    let me = caller.member.person.id;
    let found = app.store.acts_on(me, &appealable(), before, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |last| write_place(last.at, last.id));
    let now = edge::now();
    let own = |act: store::Act| {
        let can_appeal = act.appeal.is_none() && act.at.plus(APPEAL_WITHIN) > now;
        let room = act.room.clone().into();
        Some(OwnAct { act: Act::of(act)?, room, can_appeal })
    };
    Ok(Json(OwnActs { items: found.into_iter().filter_map(own).collect(), next }))
}

/// Appeals against something that was done to the caller: once, and within 30 days.
#[utoipa::path(post, path = "/api/acts/{id}/appeal", params(("id" = String, Path)), request_body = NewAppeal,
    responses((status = 201, body = Appeal), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn appeal(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<NewAppeal>,
) -> Result<(StatusCode, Json<Appeal>), ApiError> {
    let act: RecordId = id.parse().map_err(|_| Code::ActNotFound)?;
    let text = text::paragraphs(&request.text, TEXT_MAX)?;
    if text.is_empty() {
        return Err(Code::InvalidText.into());
    }
    let me = caller.member.person.id;
    let id = RecordId(edge::random_128());
    let appeal = store::Appeal { id, at: edge::now(), text, lifted: None, answer: None, decided_at: None };
    match app.store.appeal(act, me, &appeal, &appealable()).await.map_err(internal)? {
        Appealed::Made { room, deciders } => {
            for decider in deciders {
                app.notices.tell(Tell::new(decider, NoticeKind::AppealMade).by(me).about(room.0));
            }
            Ok((StatusCode::CREATED, Json(appeal.into())))
        }
        Appealed::Already => Err(Code::AlreadyAppealed.into()),
        Appealed::Missing => Err(Code::ActNotFound.into()),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedAppeals {
    #[serde(default)]
    state: AppealsAsked,
    after: Option<String>,
}

/// Appeals that the caller decides on: as the host of the room, or its last one, as an admin of its house, or as one of this server.
/// Nobody decides on what was done to them, and only an admin of the server on what they did themselves.
#[utoipa::path(get, path = "/api/appeals",
    params(("state" = inline(Option<AppealsAsked>), Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Appeals), (status = 401, body = ApiError)))]
pub(super) async fn appeals(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    asked: Result<Query<AskedAppeals>, QueryRejection>,
) -> Result<Json<Appeals>, ApiError> {
    let Query(AskedAppeals { state, after }) = asked.map_err(|_| Code::BadRequest)?;
    let before = after.map(|text| read_place(&text).ok_or(Code::BadRequest)).transpose()?;
    let viewer = (caller.member.person.id, is_admin(&caller));
    let open = state == AppealsAsked::Open;
    let found = app.store.appeals(viewer, open, before, PAGE).await.map_err(internal)?;
    let of_appeal = |act: &store::Act| act.appeal.as_ref().map(|appeal| write_place(appeal.at, appeal.id));
    let next = next(&found, PAGE as usize, |last| of_appeal(last).unwrap_or_default());
    let appealed = |stored: store::Act| {
        let room = stored.room.clone().into();
        let act = Act::of(stored)?;
        Some(AppealedAct { appeal: act.appeal.clone()?, act, room })
    };
    Ok(Json(Appeals { items: found.into_iter().filter_map(appealed).collect(), next }))
}

/// Decides on an appeal. A ban that is lifted is so at once where the room is live; of everything else only the record says so.
#[utoipa::path(post, path = "/api/appeals/{id}", params(("id" = String, Path)), request_body = DecideAppeal,
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 422, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<DecideAppeal>,
) -> Result<StatusCode, ApiError> {
    let appeal: RecordId = id.parse().map_err(|_| Code::AppealNotFound)?;
    let answer = text::paragraphs(&request.answer, TEXT_MAX)?;
    let lifted = request.decision == AppealDecision::Lifted;
    let by = (caller.member.person.id, is_admin(&caller));
    to_the_end(async move {
        let decided = app.store.decide_appeal(appeal, by, (lifted, &answer), edge::now()).await.map_err(internal)?;
        let (act, lifted, first) = match decided {
            Decided::Now(act) => (act, lifted, true),
            Decided::Before { act, lifted } => (act, lifted, false),
            Decided::Missing => return Err(Code::AppealNotFound.into()),
        };
        // Also for whoever asks again: the room may have failed to keep it the first time.
        if lifted && act.kind == ActKind::Banned.as_str() {
            app.rooms.lift_bans(act.room).await?;
        }
        if !first {
            return Err(Code::AlreadyDecided.into());
        }
        app.notices.tell(Tell::new(act.whom, NoticeKind::AppealDecided).about(act.room.0));
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Takes a room out of the caller's hallway, until it ends. Its link still works.
#[utoipa::path(put, path = "/api/rooms/{id}/hidden", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 410, body = ApiError)))]
pub(super) async fn hide(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let (room, ..) = known_room(&app, &id, &caller).await?;
    let me = caller.member.person.id;
    if !app.store.hide_room(me, room).await.map_err(internal)? {
        return Err(Code::RoomEnded.into());
    }
    app.live.changed(me);
    Ok(StatusCode::NO_CONTENT)
}

/// Shows a room in the caller's hallway again. Nothing is said of the room, so this is never refused.
#[utoipa::path(delete, path = "/api/rooms/{id}/hidden", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let room: RoomId = id.parse().map_err(|_| Code::RoomNotFound)?;
    let me = caller.member.person.id;
    app.store.show_room(me, room).await.map_err(internal)?;
    app.live.changed(me);
    Ok(StatusCode::NO_CONTENT)
}

/// How long acts are kept after the end of their room, in milliseconds. Longer answers later questions; shorter keeps less
/// about people.
const KEPT_FOR: u64 = 180 * 24 * 60 * 60 * 1000;

/// Deletes acts of rooms that ended too long ago, a few at a time.
pub(crate) async fn tidy(app: &App) {
    let before = roomtone_room::Timestamp(edge::now().0.saturating_sub(KEPT_FOR));
    loop {
        match app.store.delete_old_acts(before).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!(%error, "old acts could not be deleted"),
        }
    }
}

/// Whether somebody may read what was done in a room.
async fn may_read(app: &App, room: RoomId, me: MemberId, admin: bool) -> Result<bool, ApiError> {
    // A room that never was has no house, and nobody who could read of it.
    let Some(of_house) = app.store.runs_house_of(room, me).await.map_err(internal)? else { return Ok(false) };
    if admin || of_house {
        return Ok(true);
    }
    match app.rooms.get(room) {
        Some(handle) => Ok(handle.summary().moderators.contains(&me)),
        None => app.rooms.was_run_by(room, me).await,
    }
}

fn is_admin(caller: &SignedIn) -> bool {
    caller.member.owner || caller.member.admin
}

fn appealable() -> [&'static str; ActKind::APPEALABLE.len()] {
    ActKind::APPEALABLE.map(ActKind::as_str)
}

fn internal(error: StoreError) -> ApiError {
    ApiError::internal(&error)
}
