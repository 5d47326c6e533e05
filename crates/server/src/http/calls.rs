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
use crate::live::{Making, Ringing, Rung};
use crate::notices::Tell;
use crate::rooms::message::Message;
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
    let whom = visible(&app, caller.member.person.id, &request.handle).await?.person.id;
    if whom == caller.member.person.id {
        return Err(Code::TargetProtected.into());
    }
    let made = to_the_end(place(app, caller, whom, request.handle)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Finds the call between the two, or makes one.
async fn place(app: Arc<App>, caller: SignedIn, whom: MemberId, handle: String) -> Result<CallMade, ApiError> {
    let me = caller.member.person.id;
    loop {
        let is_live = |room| app.rooms.get(room).is_some();
        match app.live.begin_call(me, whom, edge::instant(), is_live) {
            Rung::Busy => return Err(Code::Busy.into()),
            Rung::Already(call) => return Ok(made(&call)),
            Rung::Crossed(call) => {
                let accepted = answered(&app, &call, caller.member.person.into(), CallAnswer::Accepted).await?;
                return if accepted { Ok(made(&call)) } else { Err(Code::MemberNotFound.into()) };
            }
            // It ends when the other one's call rings, or does not come about.
            Rung::Making(mut made) => drop(made.changed().await),
            Rung::Free(making) => return ring(&app, caller, whom, &handle, making).await,
        }
    }
}

fn made(call: &Ringing) -> CallMade {
    CallMade { id: Id(call.id), room: Id(call.room) }
}

/// Opens the room, and rings wherever a page of the other one is open.
async fn ring(app: &App, caller: SignedIn, whom: MemberId, handle: &str, making: Making) -> Result<CallMade, ApiError> {
    let SignedIn { member, session, as_of } = caller;
    let internal = |error| ApiError::internal(&error);
    let from: Person = member.person.into();
    let me = from.id.0;
    // The title is the caller's own name: the room is theirs, and nothing of the other one stays with it.
    let opening = Opening { named: vec![whom], ..Opening::new(from.name.clone(), Kind::Closed, member.language) };
    let muted = app.store.muted_by(whom).await.map_err(internal)?;
    let room = app.rooms.open(me, opening).await?;
    let id = RecordId(edge::random_128());
    app.live.ring(id, me, whom, room, edge::instant());
    drop(making);
    // A block, or the end of the caller's session, that came too early to find the call is found out here.
    if app.rooms.sign_outs() != as_of {
        let gone = app.store.session(&session).await.map_err(internal)?.is_none();
        let refused = if gone { Some(Code::NotSignedIn.into()) } else { visible(app, me, handle).await.err() };
        if let Some(refused) = refused {
            app.live.end_calls_between(me, whom);
            app.rooms.end(room).await;
            return Err(refused);
        }
    }
    app.notices.tell(Tell::new(whom, NoticeKind::Call).by(me).about(room.0));
    // Nobody learns that they are muted: to the caller it rings.
    if !muted.contains(&me) {
        app.live.show_call(Call { id: Id(id), from, room: Id(room), text: None });
    }
    Ok(CallMade { id: Id(id), room: Id(room) })
}

/// Answers a call to the caller. Who accepts comes on stage when they enter the room, with the microphone off.
#[utoipa::path(post, path = "/api/calls/{id}/answer", params(("id" = String, Path)), request_body = AnswerCall,
    responses((status = 200, body = CallRoom), (status = 401, body = ApiError), (status = 410, body = ApiError)))]
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<AnswerCall>,
) -> Result<Json<CallRoom>, ApiError> {
    // A call of others is answered like one that never was.
    let id: RecordId = id.parse().map_err(|_| Code::CallOver)?;
    let taken = app.live.take_call(id, caller.member.person.id, edge::instant());
    let call = taken.ok_or(Code::CallOver)?;
    let person = caller.member.person.into();
    let told = to_the_end(async move { answered(&app, &call, person, request.answer).await }).await?;
    if told { Ok(Json(CallRoom { room: Id(call.room) })) } else { Err(Code::CallOver.into()) }
}

/// Tells the one who called what `person` has answered, and has it ring no more on their pages. If a block has come between
/// the two meanwhile or the room has ended, the call is over for both, and this returns false.
async fn answered(app: &App, call: &Ringing, person: Person, answer: CallAnswer) -> Result<bool, ApiError> {
    let blocked = app.store.blocked_between(call.to, call.from).await.map_err(|e| ApiError::internal(&e))?;
    let Some(room) = app.rooms.get(call.room).filter(|_| !blocked) else {
        app.live.tell_over([call]);
        return Ok(false);
    };
    if answer == CallAnswer::Accepted {
        room.deliver(Message::ComeOnStage { member: call.to }).await;
    }
    app.live.tell(call.to, LiveMessage::CallOver { id: Id(call.id) });
    app.live.tell(call.from, LiveMessage::CallAnswered { id: Id(call.id), person, answer });
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::idle;

    /// The block comes when the caller has been let through already, and finds no call to end.
    #[tokio::test]
    async fn a_block_that_comes_while_the_room_opens_ends_the_call() {
        let (app, _data) = idle().await;
        let (ada, ben) = (app.newcomer("ada").await, app.newcomer("ben").await);
        let (me, whom) = (ada.member.person.id, ben.member.person.id);
        assert!(app.store.block(whom, me, edge::now()).await.unwrap());
        app.rooms.part(whom, me).await;
        let Rung::Free(making) = app.live.begin_call(me, whom, edge::instant(), |_| true) else { panic!("it is free") };
        let refused = ring(&app, ada, whom, "ben", making).await.unwrap_err();
        assert_eq!(refused.code, Code::MemberNotFound);
        assert_eq!((app.rooms.all().len(), app.rooms.room_of(me)), (0, None));
        assert!(matches!(app.live.begin_call(whom, me, edge::instant(), |_| true), Rung::Free(_)), "nothing rings");
    }

    /// It comes when the call has been taken to be answered, and finds it neither.
    #[tokio::test]
    async fn a_block_that_comes_before_the_answer_is_told_ends_the_call() {
        let (app, _data) = idle().await;
        let (ada, ben) = (app.newcomer("ada").await, app.newcomer("ben").await);
        let (me, whom) = (ada.member.person.id, ben.member.person.id);
        let mut page = app.live.open(&app.rooms, ada.member.person.clone().into(), ada.session).unwrap();
        let Rung::Free(making) = app.live.begin_call(me, whom, edge::instant(), |_| true) else { panic!("it is free") };
        let made = ring(&app, ada, whom, "ben", making).await.unwrap();
        let call = app.live.take_call(made.id.0, whom, edge::instant()).unwrap();
        assert!(app.store.block(whom, me, edge::now()).await.unwrap());
        assert!(!answered(&app, &call, ben.member.person.into(), CallAnswer::Accepted).await.unwrap());
        let told = String::from_utf8_lossy(page.queue.try_recv().unwrap().frame()).into_owned();
        assert!(told.contains("call_over"), "{told}");
    }
}
