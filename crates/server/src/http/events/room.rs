//! Opening the room of an event.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::agenda::{self, Refusal, Step};
use roomtone_room::ids::{MemberId, RoomId};
use roomtone_room::{Kind, Opening, QUESTIONS_MAX, Question, Terms};
use roomtone_store::{self as store, EventDone};

use super::super::auth::SignedIn;
use super::super::body::{PathId, to_the_end};
use super::super::rooms::{NAMED_MAX, house_of};
use super::{done, event_for, event_id, internal, refused};
use crate::app::App;
use crate::edge;
use crate::rooms::terms_of_sheet;
use crate::wire::http::RoomCreated;
use crate::wire::{ApiError, Code, Id};

/// Questions that are read of an invitation: those that were answered already are not brought along.
const QUESTIONS_READ: u32 = 2 * QUESTIONS_MAX as u32;

/// Opens the room of an event, half an hour before its date at the earliest: with the event's title, topics, language and house.
/// Whoever opens it hosts the room. If it is open already, that is the answer. For the event's hosts.
#[utoipa::path(post, path = "/api/events/{id}/room", params(("id" = String, Path)),
    responses((status = 200, body = RoomCreated), (status = 201, body = RoomCreated), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 410, body = ApiError)))]
pub(in crate::http) async fn open_room(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<(StatusCode, Json<RoomCreated>), ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    if event.host.id != me && event.cohost != Some(true) {
        return Err(Code::NotAllowed.into());
    }
    if let Some(open) = open_already(&event) {
        return Ok((StatusCode::OK, Json(RoomCreated { id: Id(open) })));
    }
    event.agenda.apply(edge::now(), Step::Open).map_err(refused)?;
    let house = match &event.house {
        Some(house) => Some(house_of(&app, &house.handle, me).await?),
        None => None,
    };
    let (terms, questions) = brought(&app, me, &event).await?;
    // Whoever is to be on stage may come in whatever the kind.
    let mut named: Vec<MemberId> = terms.iter().flat_map(|terms| terms.stage.iter().copied()).collect();
    if event.plan.kind == Kind::Closed {
        named.extend(app.store.going_to_event(event.id, NAMED_MAX as u32).await.map_err(internal)?);
    }
    let text = event.text.clone();
    let opening = Opening {
        topics: text.topics,
        house,
        named,
        terms,
        questions,
        ..Opening::new(text.title, event.plan.kind, text.language)
    };
    let (new, room) = to_the_end(async move {
        let room = app.rooms.open(me, opening).await?;
        match app.store.event_opened(event.id, me, room, edge::now()).await {
            Ok(EventDone::Done(_)) => {
                app.events.changed();
                app.notices.room_opened(room);
                Ok((true, room))
            }
            // Another host was faster, or called it off: this room is nobody's.
            answer => {
                app.rooms.end(room).await;
                let now = event_for(&app, Some(me), event.id).await?;
                match (answer, open_already(&now)) {
                    (Ok(EventDone::Refused(Refusal::Live)), Some(open)) => Ok((false, open)),
                    (answer, _) => Err(done(&app, answer).err().unwrap_or_else(|| Code::Busy.into())),
                }
            }
        }
    })
    .await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Json(RoomCreated { id: Id(room) })))
}

/// What the room brings along from the event's invitation: the terms that were agreed on, and the questions that nobody has answered.
async fn brought(
    app: &App,
    opener: MemberId,
    event: &store::Event,
) -> Result<(Option<Terms>, Vec<Question>), ApiError> {
    let Some(id) = event.invitation else { return Ok((None, Vec::new())) };
    // As its host reads it: whoever opens the room, it keeps to the terms, also if they may not know of the invitation.
    let file = app.store.invitation(Some(event.host.id), id).await.map_err(internal)?.ok_or(Code::EventNotFound)?;
    let agreed = file.invitation.agreed_sheet().map(|version| version.number);
    let sheet = file.sheets.iter().find(|shown| Some(shown.number) == agreed);
    let hosts: Vec<MemberId> = event.cohosts.iter().chain([&event.host]).map(|person| person.id).collect();
    let terms = match sheet {
        Some(shown) => Some(terms_of_sheet(&app.store, &shown.sheet, opener, &hosts, &file.invitation.invitee).await?),
        None => None,
    };
    let questions = app.store.questions(Some(opener), id, None, QUESTIONS_READ).await.map_err(internal)?;
    let open = questions.into_iter().filter(|question| question.answered_at.is_none());
    let questions = open.map(|question| Question {
        record: question.id,
        text: question.text,
        by: question.person.id,
        votes: u32::try_from(question.votes).unwrap_or(u32::MAX),
    });
    Ok((terms, questions.collect()))
}

/// The event's room, while it is live.
fn open_already(event: &store::Event) -> Option<RoomId> {
    event.room.filter(|_| event.agenda.state == agenda::State::Live)
}
