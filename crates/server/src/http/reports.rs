//! Reports: telling the admins of this server about somebody or something. Whoever is reported does not learn of it.
//!
//! A text or a replay is reported by whoever may read or hear it at that moment, and kept with the report as it is then.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::ids::{MemberId, RecordId, RoomId};
use roomtone_store::{self as store, Hearer, NewEvidence, Speaker, Written};

use super::auth::SignedIn;
use super::body::{Body, to_the_end};
use super::houses::house_for;
use super::people::{blocked, visible};
use super::text;
use crate::app::App;
use crate::edge::{self, Secret};
use crate::limits::{EVIDENCE, TooMany};
use crate::wire::hallway::HouseBadge;
use crate::wire::people::{
    NewReport, ReportContext, ReportMade, ReportedKind, ReportedMember, ReportedPart, ReportedReplay, ReportedRoom,
    ReportedText,
};
use crate::wire::socket::Role;
use crate::wire::{ApiError, Code, Id};

/// Characters of a report.
const TEXT_MAX: usize = 2_000;

/// After how long somebody may try again who has as many reports waiting as one may: no sooner than a person has looked at one.
/// Shorter has them asking in vain. Each try also counts in the row `reports` of the limits, which gives one back sooner than this.
const UNTIL_HANDLED: Duration = Duration::from_secs(60 * 60);

/// Reports a member, a room, a house, what somebody wrote to an invitation, or a replay, a clip of one or a reply to one. What the server
/// knows about it at that moment is kept with it.
#[utoipa::path(post, path = "/api/reports", request_body = NewReport,
    responses((status = 201, body = ReportMade), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 422, body = ApiError),
        (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NewReport>,
) -> Result<(StatusCode, Json<ReportMade>), ApiError> {
    let me = &caller.member.person;
    let others = [&request.about, &request.room, &request.house].into_iter().flatten().count();
    let texts = [&request.invitation, &request.question, &request.reply];
    let alone = texts.into_iter().chain([&request.replay, &request.clip, &request.replay_reply]).flatten().count();
    match (others, alone) {
        (0, 1) | (1.., 0) => {}
        _ => {
            let what = "A report is about a member, a room or a house, or about one text or replay alone.";
            return Err(ApiError::with_message(Code::BadRequest, what));
        }
    }
    if request.at_ms.is_some() && request.replay.is_none() {
        return Err(ApiError::with_message(Code::BadRequest, "A moment is one of a replay."));
    }
    if request.evidence && request.room.is_none() {
        return Err(ApiError::with_message(Code::BadRequest, "The sound that goes with a report is of a room."));
    }
    let text = text::paragraphs(&request.text, TEXT_MAX)?;
    let mut met = false;
    let about = match &request.about {
        Some(handle) => {
            let member = match known(&app, me.id, handle).await {
                Err(error) if error.code == Code::MemberNotFound => {
                    met = true;
                    met_in(&app, me.id, handle, request.room.as_deref()).await?.ok_or(error)?
                }
                found => found?,
            };
            Some(reported(&app, me.id, member).await?)
        }
        None => None,
    };
    let (written, about) = match written(&app, me.id, &request).await? {
        Some((text, author)) => (Some(text), Some(reported(&app, me.id, author).await?)),
        None => (None, about),
    };
    let (replay, note, about) = match of_replay(&app, me.id, &request).await? {
        Some(Heard { reported: replay, author, note }) => {
            (Some(replay), note, Some(reported(&app, me.id, author).await?))
        }
        None => (None, None, about),
    };
    let house = match &request.house {
        Some(handle) => Some(house_for(&app, me.id, handle).await?),
        None => None,
    };
    let room = match &request.room {
        Some(id) => Some(room(&app, me.id, id, about.as_ref().map(|(_, member)| *member), met).await?),
        None => None,
    };
    let (room, room_host) = room.unzip();
    let id = RecordId(edge::random_128());
    let report = store::NewReport {
        id,
        reporter: me.id,
        about: about.as_ref().map(|(_, member)| *member),
        room: room.as_ref().map(|room| room.id.0),
        room_host,
        house: house.as_ref().map(|house| house.id),
        reason: request.reason.as_str().to_owned(),
        text,
        context: write_context(&ReportContext {
            reporter: me.handle.clone(),
            about: about.map(|(about, _)| about),
            room,
            house: house.map(|house| HouseBadge { id: Id(house.id), handle: house.handle, name: house.text.name }),
            written,
            replay,
        }),
        created_at: edge::now(),
    };
    let made = match (request.evidence, report.room, note) {
        (true, Some(room), _) => with_evidence(&app, room, report).await?,
        (_, _, Some(note)) => {
            app.limits.subject(&EVIDENCE, &report.reporter.to_string(), edge::instant())?;
            let app = app.clone();
            to_the_end(async move { app.evidence.report_note(&app.store, report, note).await }).await?
        }
        _ => app.store.create_report(report).await.map_err(internal)?.then_some(0),
    };
    // Fails when there are too many, or when the subject went away a moment ago, which comes to the same for the caller.
    let tracks = made.ok_or(TooMany { wait: UNTIL_HANDLED })?;
    tracing::info!(tracks, "something was reported");
    metrics::counter!("roomtone_reports_total").increment(1);
    Ok((StatusCode::CREATED, Json(ReportMade { id: Id(id), tracks })))
}

/// Makes a report with the last minute of a room, in which the reporter must be. Returns how many tracks there are, if it was made.
async fn with_evidence(app: &Arc<App>, room: RoomId, report: store::NewReport) -> Result<Option<u32>, ApiError> {
    let handle = app.rooms.get(room).filter(|_| app.rooms.room_of(report.reporter) == Some(room));
    let handle = handle.ok_or(Code::NotInRoom)?;
    app.limits.subject(&EVIDENCE, &report.reporter.to_string(), edge::instant())?;
    let app = app.clone();
    to_the_end(async move { app.evidence.report(&app.store, &handle, report).await }).await
}

/// The text of an invitation that is reported, as it is now, and who wrote it: it is kept with the report, and goes with the account
/// of whoever wrote it.
async fn written(
    app: &App,
    me: MemberId,
    request: &NewReport,
) -> Result<Option<(ReportedText, store::Member)>, ApiError> {
    let (kind, missing, what) = match (&request.invitation, &request.question, &request.reply) {
        (Some(id), ..) => {
            let id = id.parse().map_err(|_| Code::InvitationNotFound)?;
            let letter = Written::Letter(id, request.language.as_deref());
            (ReportedKind::Letter, Code::InvitationNotFound, letter)
        }
        (_, Some(id), _) => {
            let id = id.parse().map_err(|_| Code::QuestionNotFound)?;
            (ReportedKind::Question, Code::QuestionNotFound, Written::Question(id))
        }
        (.., Some(id)) => {
            let id = id.parse().map_err(|_| Code::ReplyNotFound)?;
            (ReportedKind::Reply, Code::ReplyNotFound, Written::Reply(id))
        }
        _ => return Ok(None),
    };
    let found = app.store.written(me, what).await.map_err(internal)?.ok_or(missing)?;
    let author = app.store.member(found.author).await.map_err(internal)?.ok_or(missing)?;
    let store::WrittenText { invitation, language, title, text, .. } = found;
    Ok(Some((ReportedText { kind, invitation: Id(invitation), language, title, text }, author)))
}

/// What of a replay is reported.
struct Heard {
    /// As it is now.
    reported: ReportedReplay,
    /// Who answers for it.
    author: store::Member,
    /// The sound, if it is a voice note.
    note: Option<(NewEvidence, Vec<u8>)>,
}

/// The replay, or the part of one, that is reported, as it is now: it goes with the account of whoever answers for it.
async fn of_replay(app: &App, me: MemberId, request: &NewReport) -> Result<Option<Heard>, ApiError> {
    let hearer = Hearer { key: request.key.as_deref().and_then(Secret::hash_of), ..Hearer::member(me) };
    let mut note = None;
    let (reported, author) = match (&request.replay, &request.clip, &request.replay_reply) {
        (Some(id), ..) => {
            let missing = Code::ReplayNotFound;
            let id = id.parse().map_err(|_| missing)?;
            let replay = app.store.replay(id, hearer).await.map_err(internal)?.ok_or(missing)?;
            if request.at_ms.is_some_and(|at| at > replay.ms) {
                return Err(ApiError::with_message(Code::BadRequest, "There is no such moment in this replay."));
            }
            let reported = ReportedReplay {
                kind: ReportedPart::Replay,
                replay: Id(id),
                part: None,
                title: replay.title,
                text: String::new(),
                at_ms: request.at_ms,
                ms: None,
            };
            (reported, replay.host.id)
        }
        (_, Some(id), _) => {
            let missing = Code::ClipNotFound;
            let id = id.parse().map_err(|_| missing)?;
            let clip = app.store.clip(id, hearer).await.map_err(internal)?.ok_or(missing)?;
            let reported = ReportedReplay {
                kind: ReportedPart::Clip,
                replay: Id(clip.replay),
                part: Some(Id(id)),
                title: clip.title,
                text: String::new(),
                at_ms: Some(clip.from_ms),
                ms: Some(clip.to_ms - clip.from_ms),
            };
            (reported, clip.by.id)
        }
        (.., Some(id)) => {
            let missing = Code::ReplyNotFound;
            let id = id.parse().map_err(|_| missing)?;
            let (replay, reply) = app.store.reply_to_replay(id, hearer).await.map_err(internal)?.ok_or(missing)?;
            let speaker = Speaker::Member(reply.person.id);
            if let Some(ms) = reply.voice_ms
                && let Some(file) = app.store.voice_note(id).await.map_err(internal)?
            {
                note = Some((NewEvidence { n: 1, speaker, began_at: reply.at, ms, bytes: file.len() as u64 }, file));
            }
            let (kind, replay, part, at_ms) = (ReportedPart::Reply, Id(replay), Some(Id(id)), reply.at_ms);
            let (title, text, ms) = (String::new(), reply.text, reply.voice_ms);
            (ReportedReplay { kind, replay, part, title, text, at_ms, ms }, reply.person.id)
        }
        _ => return Ok(None),
    };
    let author = app.store.member(author).await.map_err(internal)?.ok_or(Code::MemberNotFound)?;
    Ok(Some(Heard { reported, author, note }))
}

/// A member of whom the caller may know, or whom they have blocked.
async fn known(app: &App, me: MemberId, handle: &str) -> Result<store::Member, ApiError> {
    match blocked(app, me, handle).await? {
        Some(id) => app.store.member(id).await.map_err(internal)?.ok_or_else(|| Code::MemberNotFound.into()),
        None => visible(app, me, handle).await,
    }
}

/// A member of whom the caller may not know, but with whom they were in this room, or by whom they were called into it: nobody gets
/// away by blocking whom they have molested.
async fn met_in(app: &App, me: MemberId, handle: &str, room: Option<&str>) -> Result<Option<store::Member>, ApiError> {
    let Some(room) = room.and_then(|id| id.parse::<RoomId>().ok()) else { return Ok(None) };
    let Some(member) = app.store.member_by_handle(handle).await.map_err(internal)? else { return Ok(None) };
    let them = member.person.id;
    let met =
        app.store.was_told_of(me, them, room).await.map_err(internal)? || app.rooms.were_in(room, [me, them]).await?;
    Ok(met.then_some(member))
}

/// What is known about a member whom the caller reports.
async fn reported(app: &App, me: MemberId, member: store::Member) -> Result<(ReportedMember, MemberId), ApiError> {
    if member.person.id == me {
        return Err(Code::TargetProtected.into());
    }
    let between = app.store.between(me, member.person.id).await.map_err(internal)?;
    let id = member.person.id;
    let about = ReportedMember {
        handle: member.person.handle,
        name: member.person.name,
        joined_at: member.created_at.0,
        followed: between.follows,
        follows_reporter: between.followed,
        blocked: between.blocks,
        muted: between.mutes,
    };
    Ok((about, id))
}

/// A room that the caller may report, and its host: one they may know of, or could have entered before it ended, or in which they met
/// whom they report.
async fn room(
    app: &App,
    me: MemberId,
    id: &str,
    about: Option<MemberId>,
    met: bool,
) -> Result<(ReportedRoom, MemberId), ApiError> {
    let id: RoomId = id.parse().map_err(|_| Code::RoomNotFound)?;
    let handle = app.rooms.get(id);
    let known = match &handle {
        _ if met => true,
        Some(handle) => app.rooms.admits(handle, me).await?.admitted,
        None => app.rooms.has_ended_for(id, me).await?,
    };
    let named = app.store.room_named(id).await.map_err(internal)?;
    let (title, opener) = named.filter(|_| known).ok_or(Code::RoomNotFound)?;
    let summary = handle.map(|handle| handle.summary());
    let role = |member: MemberId| {
        let summary = summary.as_ref()?;
        if summary.card.host.id.0 == member {
            Some(Role::Host)
        } else if summary.moderators.contains(&member) {
            Some(Role::Moderator)
        } else if summary.stage.contains(&member) {
            Some(Role::Speaker)
        } else {
            (app.rooms.room_of(member) == Some(id)).then_some(Role::Listener)
        }
    };
    let host = summary.as_ref().map_or(opener, |summary| summary.card.host.id.0);
    let room = ReportedRoom { id: Id(id), title, about_role: about.and_then(role), reporter_role: role(me) };
    Ok((room, host))
}

fn internal(error: store::StoreError) -> ApiError {
    ApiError::internal(&error)
}

fn write_context(context: &ReportContext) -> String {
    serde_json::to_string(context).expect("plain data with string keys always serialises")
}
