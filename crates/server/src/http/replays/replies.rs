//! Replies to replays, in text or by voice.

use std::io::Cursor;
use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use roomtone_room::ids::RecordId;
use roomtone_store::{self as store, ReplaySaid};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::super::auth::SignedIn;
use super::super::avatars::refuse;
use super::super::body::{Body, PathId, in_time};
use super::super::paging::{PAGE, next, write_place};
use super::super::range::{self, Content};
use super::super::text;
use super::clips::{AskedPage, page_after};
use super::voice::{self, FILE_MAX};
use super::{Ears, audit, both, internal, is_admin, replay_id};
use crate::app::App;
use crate::edge;
use crate::replays::Sound;
use crate::wire::replays::{NewReplayReply, ReplayReplies, ReplayReply, VoiceNote};
use crate::wire::{ApiError, Code};

/// Most characters of a reply.
const TEXT_MAX: usize = 2_000;

/// Voice notes that are received and encoded at once, of at most six megabytes each. More keeps fewer people waiting; each takes memory,
/// and a core for a moment.
const NOTES: usize = 4;

static TAKING: Semaphore = Semaphore::const_new(NOTES);

/// The replies to a replay, in pages, for whoever may hear it.
#[utoipa::path(get, path = "/api/replays/{id}/replies",
    params(("id" = String, Path), ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = ReplayReplies), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(in super::super) async fn replies(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
    asked: Result<Query<AskedPage>, QueryRejection>,
) -> Result<Json<ReplayReplies>, ApiError> {
    let after = page_after(asked)?;
    let replay = ears.replay(&app, &id).await?;
    let found = app.store.replay_replies(replay.id, ears.hearer, after, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |one| write_place(one.at, one.id));
    Ok(Json(ReplayReplies { items: found.into_iter().map(|one| shown(&ears, &replay, one)).collect(), next }))
}

/// Replies to a replay in text.
#[utoipa::path(post, path = "/api/replays/{id}/replies",
    params(("id" = String, Path), ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    request_body = NewReplayReply,
    responses((status = 201, body = ReplayReply), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(in super::super) async fn reply(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
    Body(request): Body<NewReplayReply>,
) -> Result<(StatusCode, Json<ReplayReply>), ApiError> {
    let text = text::paragraphs(&request.text, TEXT_MAX)?;
    if text.is_empty() {
        return Err(Code::InvalidText.into());
    }
    add(&app, &ears, &id, text, request.at_ms, None).await
}

/// What the address of a voice note says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Moment {
    at_ms: Option<u64>,
    #[serde(rename = "key")]
    _key: Option<String>,
}

/// Replies to a replay by voice: plain samples as WAV, of 16 bits, one channel, 16, 24 or 48 kHz, and a minute at most.
#[utoipa::path(post, path = "/api/replays/{id}/voice",
    params(("id" = String, Path),
        ("at_ms" = Option<u64>, Query, description = "To which moment of the replay it is, in milliseconds"),
        ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    request_body(content = Vec<u8>, content_type = "audio/wav"),
    responses((status = 201, body = ReplayReply), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(in super::super) async fn say(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
    moment: Result<Query<Moment>, QueryRejection>,
    request: Request,
) -> Result<(StatusCode, Json<ReplayReply>), ApiError> {
    let Query(Moment { at_ms, .. }) = moment.map_err(|_| Code::BadRequest)?;
    ears.signed_in()?;
    check_head(request.headers())?;
    // Before the first byte is read: only so many notes are held at once, and nobody sends one for nothing.
    ears.replay(&app, &id).await?;
    let _one_of_few = TAKING.try_acquire().map_err(|_| Code::Busy)?;
    let file = in_time(to_bytes(request.into_body(), FILE_MAX)).await?.map_err(|error| refuse(&error))?;
    let note =
        tokio::task::spawn_blocking(move || voice::encode(&file)).await.map_err(|e| ApiError::internal(&e))??;
    add(&app, &ears, &id, String::new(), at_ms, Some((note.ms, note.ogg))).await
}

/// A voice note as Ogg Opus (RFC 7845).
#[utoipa::path(get, path = "/api/replays/{id}/replies/{reply}/voice.ogg",
    params(("id" = String, Path), ("reply" = String, Path),
        ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = Vec<u8>, content_type = "audio/ogg"), (status = 206, body = Vec<u8>, content_type = "audio/ogg"),
        (status = 404, body = ApiError), (status = 416, body = ApiError)))]
pub(in super::super) async fn note_ogg(
    State(app): State<Arc<App>>,
    ears: Ears,
    method: Method,
    headers: HeaderMap,
    PathId(path): PathId<(String, String)>,
) -> Result<Response, ApiError> {
    note(&app, &ears, &method, &headers, path, Sound::Ogg).await
}

/// The same as fragmented MP4, for players without Ogg.
#[utoipa::path(get, path = "/api/replays/{id}/replies/{reply}/voice.mp4",
    params(("id" = String, Path), ("reply" = String, Path),
        ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = Vec<u8>, content_type = "audio/mp4"), (status = 206, body = Vec<u8>, content_type = "audio/mp4"),
        (status = 404, body = ApiError), (status = 416, body = ApiError)))]
pub(in super::super) async fn note_mp4(
    State(app): State<Arc<App>>,
    ears: Ears,
    method: Method,
    headers: HeaderMap,
    PathId(path): PathId<(String, String)>,
) -> Result<Response, ApiError> {
    note(&app, &ears, &method, &headers, path, Sound::Mp4).await
}

/// Deletes a reply: the caller's, or one to a replay of theirs. An admin may delete anybody's, and is in the audit log with it.
#[utoipa::path(delete, path = "/api/replays/{id}/replies/{reply}", params(("id" = String, Path), ("reply" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(in super::super) async fn delete_reply(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId((id, reply)): PathId<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (replay, reply) = (replay_id(&id)?, reply_id(&reply)?);
    let mut gone = app.store.delete_replay_reply(replay, reply, caller.member.person.id).await.map_err(internal)?;
    if !gone && is_admin(&app, &caller).await? {
        let entry = audit(&caller, "reply_deleted", format!("replay={replay} reply={reply}"));
        gone = app.store.delete_replay_reply_as_admin(replay, reply, entry).await.map_err(internal)?;
    }
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(Code::ReplyNotFound.into()) }
}

/// Adds a reply.
async fn add(
    app: &App,
    ears: &Ears,
    id: &str,
    text: String,
    at_ms: Option<u64>,
    voice: Option<(u64, Vec<u8>)>,
) -> Result<(StatusCode, Json<ReplayReply>), ApiError> {
    let me = &ears.signed_in()?.member.person;
    let replay = ears.replay(app, id).await?;
    if at_ms.is_some_and(|at| at > replay.ms) {
        return Err(ApiError::with_message(Code::BadRequest, "There is no such moment in this replay."));
    }
    let new = store::NewReplayReply { id: RecordId(edge::random_128()), text, at_ms, at: edge::now(), voice };
    let made = store::ReplayReply {
        id: new.id,
        person: me.clone(),
        text: new.text.clone(),
        voice_ms: new.voice.as_ref().map(|(ms, _)| *ms),
        at_ms,
        at: new.at,
    };
    match app.store.add_replay_reply(replay.id, ears.hearer, me.id, new).await.map_err(internal)? {
        ReplaySaid::Done => Ok((StatusCode::CREATED, Json(shown(ears, &replay, made)))),
        ReplaySaid::TooMany => Err(ApiError::with_message(Code::TooMany, "You have said as much here as one may.")),
        ReplaySaid::NotNow | ReplaySaid::Missing => Err(Code::ReplayNotFound.into()),
    }
}

/// Sends a voice note.
async fn note(
    app: &App,
    ears: &Ears,
    method: &Method,
    headers: &HeaderMap,
    (id, reply): (String, String),
    sound: Sound,
) -> Result<Response, ApiError> {
    let (replay, reply) = (replay_id(&id)?, reply_id(&reply)?);
    let found = app.store.replay_reply(replay, reply, ears.hearer).await.map_err(internal)?;
    let found = found.ok_or_else(|| ears.missed(app, Code::ReplyNotFound))?;
    let ogg = app.store.voice_note(found.id).await.map_err(internal)?.ok_or(Code::ReplyNotFound)?;
    let (bytes, kind) = match sound {
        Sound::Ogg => (ogg, "audio/ogg"),
        Sound::Mp4 => (voice::to_mp4(&ogg).map_err(|error| ApiError::internal(&error))?, "audio/mp4"),
    };
    let tag = HeaderValue::try_from(format!("\"{reply}\"")).map_err(|error| ApiError::internal(&error))?;
    let content = Content { total: bytes.len() as u64, bytes: Cursor::new(bytes), kind, tag: Some(tag) };
    let mut response = range::serve(method, headers, content).await?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// Checks what a request says of its body.
fn check_head(headers: &HeaderMap) -> Result<(), Code> {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let kind = header(CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    if !["audio/wav", "audio/x-wav", "audio/wave"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Err(Code::UnsupportedMediaType);
    }
    let too_long = header(CONTENT_LENGTH).parse::<u64>().is_ok_and(|length| length > FILE_MAX as u64);
    if too_long { Err(Code::TooLarge) } else { Ok(()) }
}

fn reply_id(text: &str) -> Result<RecordId, ApiError> {
    text.parse().map_err(|_| Code::ReplyNotFound.into())
}

/// A reply as it is answered.
pub(super) fn shown(ears: &Ears, replay: &store::Replay, reply: store::ReplayReply) -> ReplayReply {
    let me = ears.hearer.member;
    let base = format!("/api/replays/{}/replies/{}/voice", replay.id, reply.id);
    let query = ears.key.as_ref().map_or_else(String::new, |key| format!("?key={key}"));
    let voice = reply.voice_ms.map(|ms| VoiceNote { ms, audio: both(&base, &query) });
    ReplayReply { mine: me.is_some_and(|me| me == reply.person.id || me == replay.host.id), voice, ..reply.into() }
}
