//! What others say to an invitation: co-signatures, questions with votes, and replies.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::QUESTION_MAX_CHARS;
use roomtone_room::hands::question_is_valid;
use roomtone_room::ids::{InvitationId, MemberId, RecordId};
use roomtone_store::{self as store, CrowdSaid, QuestionPlace};

use super::super::auth::{Reader, SignedIn};
use super::super::body::{Body, PathId};
use super::super::paging::{AskedPage, PAGE, after, next, place, read_number, read_place, write_place};
use super::super::text;
use super::{file, internal, parse};
use crate::app::App;
use crate::edge;
use crate::wire::invitations::{Cosigner, Cosigners, NewQuestion, NewReply, Question, Questions, Replies, Reply};
use crate::wire::{ApiError, Code};

/// Most characters of a reply, and of how to reach whoever wrote it.
const REPLY_MAX: usize = 2_000;
const CONTACT_MAX: usize = 200;

/// Co-signs an invitation.
#[utoipa::path(put, path = "/api/invitations/{id}/cosign", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 410, body = ApiError)))]
pub(crate) async fn cosign(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let id = others(&app, &caller, &id).await?;
    let said = app.store.cosign(caller.member.person.id, id, edge::now()).await.map_err(internal)?;
    done(said, Code::InvitationNotFound)
}

/// Takes a co-signature back.
#[utoipa::path(delete, path = "/api/invitations/{id}/cosign", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn end_cosign(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    // Also of an invitation that the caller may not know of any more; that is answered as missing all the same.
    let (me, id) = (caller.member.person.id, parse(&id)?);
    app.store.end_cosign(me, id).await.map_err(internal)?;
    file(&app, Some(me), id).await.map(|_| StatusCode::NO_CONTENT)
}

/// Who co-signs, in pages. Needs no account.
#[utoipa::path(get, path = "/api/invitations/{id}/cosigns",
    params(("id" = String, Path), ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Cosigners), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn cosigners(
    State(app): State<Arc<App>>,
    reader: Reader,
    PathId(id): PathId<String>,
    page: AskedPage,
) -> Result<Json<Cosigners>, ApiError> {
    let after = place::<MemberId>(page)?;
    let id = file(&app, reader.id(), parse(&id)?).await?.entry.id;
    let found = app.store.cosigners(reader.id(), id, after, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |one| write_place(one.at, one.person.id));
    let items = found.into_iter().map(|one| Cosigner { person: one.person.into(), at: one.at.0 });
    Ok(Json(Cosigners { items: items.collect(), next }))
}

/// Puts the caller's one question to an invitation, or another in its place.
#[utoipa::path(put, path = "/api/invitations/{id}/question", params(("id" = String, Path)), request_body = NewQuestion,
    responses((status = 200, body = Question), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 410, body = ApiError), (status = 422, body = ApiError)))]
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<NewQuestion>,
) -> Result<Json<Question>, ApiError> {
    let me = caller.member.person.id;
    let id = others(&app, &caller, &id).await?;
    let asked = text::paragraphs(&request.text, QUESTION_MAX_CHARS).map_err(|_| Code::InvalidQuestion)?;
    if asked.is_empty() || !question_is_valid(&asked) {
        return Err(Code::InvalidQuestion.into());
    }
    let question = RecordId(edge::random_128());
    let said = app.store.ask_question(me, id, question, &asked, edge::now()).await.map_err(internal)?;
    done(said, Code::InvitationNotFound)?;
    let own = app.store.own_question(me, id).await.map_err(internal)?.ok_or(Code::InvitationNotFound)?;
    Ok(Json(own.into()))
}

/// Takes the caller's question back, if there is one.
#[utoipa::path(delete, path = "/api/invitations/{id}/question", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn take_back(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let (me, id) = (caller.member.person.id, parse(&id)?);
    app.store.take_question_back(me, id).await.map_err(internal)?;
    file(&app, Some(me), id).await.map(|_| StatusCode::NO_CONTENT)
}

/// The questions that are put to an invitation, in pages. Needs no account.
#[utoipa::path(get, path = "/api/invitations/{id}/questions",
    params(("id" = String, Path), ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Questions), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn questions(
    State(app): State<Arc<App>>,
    reader: Reader,
    PathId(id): PathId<String>,
    page: AskedPage,
) -> Result<Json<Questions>, ApiError> {
    let me = reader.id();
    let after = after(page, read_rank)?;
    let id = file(&app, me, parse(&id)?).await?.entry.id;
    let found = app.store.questions(me, id, after, PAGE).await.map_err(internal)?;
    let mine = match me.filter(|_| after.is_none()) {
        Some(me) => app.store.own_question(me, id).await.map_err(internal)?,
        None => None,
    };
    let next = next(&found, PAGE as usize, |one| write_rank(&one.place()));
    Ok(Json(Questions { mine: mine.map(Into::into), items: found.into_iter().map(Into::into).collect(), next }))
}

/// Deletes a question: the caller's, or one that is put to an invitation of theirs, or of whose questions they screen.
#[utoipa::path(delete, path = "/api/questions/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn delete_question(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let (me, act) = (caller.member.person.id, RecordId(edge::random_128()));
    let gone = app.store.delete_question(me, question_id(&id)?, act, edge::now()).await.map_err(internal)?;
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(Code::QuestionNotFound.into()) }
}

/// Votes for somebody else's question.
#[utoipa::path(put, path = "/api/questions/{id}/vote", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 410, body = ApiError)))]
pub(crate) async fn vote(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let said = app.store.vote(caller.member.person.id, question_id(&id)?).await.map_err(internal)?;
    done(said, Code::QuestionNotFound)
}

/// Takes a vote back.
#[utoipa::path(delete, path = "/api/questions/{id}/vote", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn end_vote(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let ended = app.store.end_vote(caller.member.person.id, question_id(&id)?).await.map_err(internal)?;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(Code::QuestionNotFound.into()) }
}

/// Notes that a question was answered. The host, or who screens questions in their office.
#[utoipa::path(post, path = "/api/questions/{id}/answered", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn answered(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let (me, act) = (caller.member.person.id, RecordId(edge::random_128()));
    let noted = app.store.question_answered(me, question_id(&id)?, act, edge::now()).await.map_err(internal)?;
    if noted { Ok(StatusCode::NO_CONTENT) } else { Err(Code::QuestionNotFound.into()) }
}

/// Replies to an invitation, also after it has ended.
#[utoipa::path(post, path = "/api/invitations/{id}/replies", params(("id" = String, Path)), request_body = NewReply,
    responses((status = 201, body = Reply), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(crate) async fn reply(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<NewReply>,
) -> Result<(StatusCode, Json<Reply>), ApiError> {
    let me = &caller.member.person;
    let id = parse(&id)?;
    let said = text::paragraphs(&request.text, REPLY_MAX)?;
    if said.is_empty() {
        return Err(Code::InvalidText.into());
    }
    let reply = store::Reply {
        id: RecordId(edge::random_128()),
        person: me.clone(),
        text: said,
        contact: text::paragraphs(&request.contact.unwrap_or_default(), CONTACT_MAX)?,
        at: edge::now(),
    };
    let said = app.store.reply(me.id, id, &reply).await.map_err(internal)?;
    done(said, Code::InvitationNotFound)?;
    Ok((StatusCode::CREATED, Json(reply.into())))
}

/// The replies to an invitation, in pages. Needs no account.
#[utoipa::path(get, path = "/api/invitations/{id}/replies",
    params(("id" = String, Path), ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Replies), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn replies(
    State(app): State<Arc<App>>,
    reader: Reader,
    PathId(id): PathId<String>,
    page: AskedPage,
) -> Result<Json<Replies>, ApiError> {
    let after = place::<RecordId>(page)?;
    let id = file(&app, reader.id(), parse(&id)?).await?.entry.id;
    let found = app.store.replies(reader.id(), id, after, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |one| write_place(one.at, one.id));
    Ok(Json(Replies { items: found.into_iter().map(Into::into).collect(), next }))
}

/// Deletes a reply: the caller's, or one to an invitation of theirs.
#[utoipa::path(delete, path = "/api/replies/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn delete_reply(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let reply: RecordId = id.parse().map_err(|_| Code::ReplyNotFound)?;
    let gone = app.store.delete_reply(caller.member.person.id, reply).await.map_err(internal)?;
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(Code::ReplyNotFound.into()) }
}

/// An invitation that the caller may know of and is on neither side of.
async fn others(app: &App, caller: &SignedIn, id: &str) -> Result<InvitationId, ApiError> {
    let me = caller.member.person.id;
    let invitation = file(app, Some(me), parse(id)?).await?.invitation;
    if invitation.host == me || invitation.invitee == roomtone_room::invitation::Invitee::Member(me) {
        return Err(ApiError::with_message(Code::NotAllowed, "That is for others than the two."));
    }
    Ok(invitation.id)
}

fn question_id(id: &str) -> Result<RecordId, Code> {
    id.parse().map_err(|_| Code::QuestionNotFound)
}

fn done(said: CrowdSaid, missing: Code) -> Result<StatusCode, ApiError> {
    match said {
        CrowdSaid::Done | CrowdSaid::Already => Ok(StatusCode::NO_CONTENT),
        CrowdSaid::TooMany => Err(ApiError::with_message(Code::TooMany, "You have said as much here as one may.")),
        CrowdSaid::Over => Err(Code::InvitationOver.into()),
        CrowdSaid::Missing => Err(missing.into()),
    }
}

/// A place in the list of questions: votes, time and id, with dots between them.
fn write_rank(place: &QuestionPlace) -> String {
    format!("{}.{}", place.votes, write_place(place.at, place.id))
}

/// Reads what [`write_rank`] wrote.
fn read_rank(text: &str) -> Option<QuestionPlace> {
    let (votes, place) = text.split_once('.')?;
    let (at, id) = read_place(place)?;
    Some(QuestionPlace { votes: read_number(votes)?, at, id })
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::Timestamp;

    use super::*;

    #[test]
    fn ranks_are_read_back() {
        let place = QuestionPlace { votes: 7, at: Timestamp(1_700_000_000_000), id: RecordId(9) };
        assert_eq!(read_rank(&write_rank(&place)), Some(place));
        for bad in ["", "1", "1.2", "x.1.00000000000000000000000009", "-1.1.00000000000000000000000009"] {
            assert_eq!(read_rank(bad), None, "{bad}");
        }
    }
}
