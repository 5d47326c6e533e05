//! Calls: one press opens a closed room with somebody, and rings at their side.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::ids::{MemberId, RecordId};
use roomtone_room::{Kind, Opening};

use super::auth::SignedIn;
use super::body::{Body, PathId, to_the_end};
use super::people::visible;
use crate::app::App;
use crate::edge;
use crate::live::{Answered, Ringing, Rung};
use crate::notices::Tell;
use crate::wire::hallway::{AnswerCall, Call, CallAnswer, CallMade, CallRoom, LiveMessage, NewCall};
use crate::wire::notices::NoticeKind;
use crate::wire::socket::Person;
use crate::wire::{ApiError, Code, Id};

/// Opens a closed room with a member and rings. While it rings, doing it again is the same call; calling somebody who is
/// ringing the caller accepts that call.
#[utoipa::path(post, path = "/api/calls", request_body = NewCall,
    responses((status = 201, body = CallMade), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn call(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NewCall>,
) -> Result<(StatusCode, Json<CallMade>), ApiError> {
    let me = caller.member.person.id;
    let whom = visible(&app, me, &request.handle).await?.person.id;
    if whom == me {
        return Err(Code::TargetProtected.into());
    }
    let found = app.live.calls().find(me, whom, edge::instant());
    let made = match found {
        Rung::Busy => return Err(Code::Busy.into()),
        Rung::Already(call) if app.rooms.get(call.room).is_some() => CallMade { id: Id(call.id), room: Id(call.room) },
        Rung::Crossed(call) if app.rooms.get(call.room).is_some() => {
            let answered = app.live.calls().answer(call.id, me, edge::instant());
            if let Answered::Taken(call) = answered {
                tell_both(&app, &call, caller.member.person.into(), CallAnswer::Accepted);
            }
            CallMade { id: Id(call.id), room: Id(call.room) }
        }
        // The room of the other call has ended, and the call with it.
        Rung::Free | Rung::Already(_) | Rung::Crossed(_) => to_the_end(ring(app, caller, whom)).await?,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Opens the room, and rings wherever a page of the other one is open.
async fn ring(app: Arc<App>, caller: SignedIn, whom: MemberId) -> Result<CallMade, ApiError> {
    let from: Person = caller.member.person.into();
    // The title is the caller's own name: the room is theirs, and nothing of the other one stays with it.
    let opening =
        Opening { named: vec![whom], ..Opening::new(from.name.clone(), Kind::Closed, caller.member.language) };
    let muted = app.store.muted_by(whom).await.map_err(|e| ApiError::internal(&e))?;
    let room = app.rooms.open(from.id.0, opening).await?;
    let id = RecordId(edge::random_128());
    app.live.calls().ring(id, from.id.0, whom, room, edge::instant());
    app.notices.tell(Tell::new(whom, NoticeKind::Call).by(from.id.0).about(room.0));
    // Nobody learns that they are muted: to the caller it rings.
    if !muted.contains(&from.id.0) {
        app.live.tell(whom, LiveMessage::Call { call: Call { id: Id(id), from, room: Id(room), text: None } });
    }
    Ok(CallMade { id: Id(id), room: Id(room) })
}

/// Answers a call to the caller.
#[utoipa::path(post, path = "/api/calls/{id}/answer", params(("id" = String, Path)), request_body = AnswerCall,
    responses((status = 200, body = CallRoom), (status = 401, body = ApiError), (status = 410, body = ApiError)))]
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<AnswerCall>,
) -> Result<Json<CallRoom>, ApiError> {
    let me = caller.member.person.id;
    // A call of others is answered like one that never was.
    let id: RecordId = id.parse().map_err(|_| Code::CallOver)?;
    let answered = app.live.calls().answer(id, me, edge::instant());
    let Answered::Taken(call) = answered else {
        return Err(Code::CallOver.into());
    };
    let blocked = app.store.blocked_between(me, call.from).await.map_err(|e| ApiError::internal(&e))?;
    if blocked || app.rooms.get(call.room).is_none() {
        return Err(Code::CallOver.into());
    }
    tell_both(&app, &call, caller.member.person.into(), request.answer);
    Ok(Json(CallRoom { room: Id(call.room) }))
}

/// Tells the one who called, and has it ring no more on the pages of the one who answered.
fn tell_both(app: &App, call: &Ringing, person: Person, answer: CallAnswer) {
    app.live.tell(call.to, LiveMessage::CallOver { id: Id(call.id) });
    app.live.tell(call.from, LiveMessage::CallAnswered { id: Id(call.id), person, answer });
}
