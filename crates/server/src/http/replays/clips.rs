//! Clips: parts of replays, of at most a minute. They are no files: a clip is cut out of its replay each time that it is asked for, so
//! that what is taken out of the one is not in the other either.

use std::io::{self, Cursor, ErrorKind};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use roomtone_room::ids::{MemberId, RecordId};
use roomtone_store::{self as store, ReplaySaid};
use serde::Deserialize;

use super::super::auth::SignedIn;
use super::super::body::{Body, PathId};
use super::super::paging::{PAGE, next, read_place, write_place};
use super::super::range::{self, Content};
use super::super::text;
use super::{Ears, audit, both, internal, is_admin};
use crate::app::App;
use crate::edge;
use crate::replays::Sound;
use crate::wire::replays::{Clip, Clips, NewClip};
use crate::wire::{ApiError, Code};

/// The shortest clip and the longest, in milliseconds. A longer one is better heard where it was said.
const SHORTEST: u64 = 1_000;
const LONGEST: u64 = 60_000;

/// A page of a list that may be read with the key of a link.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AskedPage {
    after: Option<String>,
    #[serde(rename = "key")]
    _key: Option<String>,
}

/// Where a page begins.
pub(super) fn page_after(asked: Result<Query<AskedPage>, QueryRejection>) -> Result<Option<super::Place>, ApiError> {
    let Query(asked) = asked.map_err(|_| Code::BadRequest)?;
    asked.after.map(|text| read_place(&text).ok_or_else(|| Code::BadRequest.into())).transpose()
}

/// The clips of a replay, in pages, for whoever may hear it.
#[utoipa::path(get, path = "/api/replays/{id}/clips",
    params(("id" = String, Path), ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = Clips), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(in super::super) async fn clips(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
    asked: Result<Query<AskedPage>, QueryRejection>,
) -> Result<Json<Clips>, ApiError> {
    let after = page_after(asked)?;
    let replay = ears.replay(&app, &id).await?;
    let found = app.store.clips(replay.id, ears.hearer, after, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |one| write_place(one.at, one.id));
    Ok(Json(Clips { items: found.into_iter().map(|one| shown(&ears, one)).collect(), next }))
}

/// Cuts a clip out of a replay that the caller may hear.
#[utoipa::path(post, path = "/api/replays/{id}/clips",
    params(("id" = String, Path), ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    request_body = NewClip,
    responses((status = 201, body = Clip), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(in super::super) async fn cut(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
    Body(request): Body<NewClip>,
) -> Result<(StatusCode, Json<Clip>), ApiError> {
    let me = ears.signed_in()?.member.person.id;
    let replay = ears.replay(&app, &id).await?;
    let NewClip { from_ms, to_ms, title } = request;
    if !is_clip(from_ms, to_ms) {
        return Err(Code::InvalidClip.into());
    }
    let (id, title) = (RecordId(edge::random_128()), text::title(&title)?);
    let clip = store::NewClip { id, replay: replay.id, title, from_ms, to_ms, at: edge::now() };
    match app.store.add_clip(ears.hearer, me, &clip).await.map_err(internal)? {
        ReplaySaid::Done => {}
        ReplaySaid::NotNow if replay.state == store::ReplayState::Ready => return Err(Code::InvalidClip.into()),
        ReplaySaid::NotNow => return Err(Code::ReplayInWork.into()),
        ReplaySaid::TooMany => {
            return Err(ApiError::with_message(Code::TooMany, "You have cut as many clips of this talk as one may."));
        }
        ReplaySaid::Missing => return Err(Code::ReplayNotFound.into()),
    }
    let made = one(&app, &ears, id).await?;
    Ok((StatusCode::CREATED, Json(shown(&ears, made))))
}

/// One clip, for whoever may hear what it is a part of.
#[utoipa::path(get, path = "/api/clips/{id}",
    params(("id" = String, Path), ("key" = Option<String>, Query, description = "The key of an unlisted link of the replay")),
    responses((status = 200, body = Clip), (status = 404, body = ApiError)))]
pub(in super::super) async fn clip(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
) -> Result<Json<Clip>, ApiError> {
    let found = one(&app, &ears, clip_id(&id)?).await?;
    Ok(Json(shown(&ears, found)))
}

/// Deletes a clip: the caller's, or one of a replay of theirs. An admin may delete anybody's, and is in the audit log with it.
#[utoipa::path(delete, path = "/api/clips/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(in super::super) async fn delete_clip(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let clip = clip_id(&id)?;
    let mut gone = app.store.delete_clip(clip, caller.member.person.id).await.map_err(internal)?;
    if gone.is_none() && is_admin(&app, &caller).await? {
        let entry = audit(&caller, "clip_deleted", format!("clip={clip}"));
        gone = app.store.delete_clip_as_admin(clip, entry).await.map_err(internal)?;
    }
    if gone.is_some() { Ok(StatusCode::NO_CONTENT) } else { Err(Code::ClipNotFound.into()) }
}

/// The sound of a clip as Ogg Opus (RFC 7845).
#[utoipa::path(get, path = "/api/clips/{id}/audio.ogg",
    params(("id" = String, Path), ("key" = Option<String>, Query, description = "The key of an unlisted link of the replay")),
    responses((status = 200, body = Vec<u8>, content_type = "audio/ogg"), (status = 206, body = Vec<u8>, content_type = "audio/ogg"),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 416, body = ApiError)))]
pub(in super::super) async fn clip_ogg(
    State(app): State<Arc<App>>,
    ears: Ears,
    method: Method,
    headers: HeaderMap,
    PathId(id): PathId<String>,
) -> Result<Response, ApiError> {
    sound(&app, &ears, &method, &headers, &id, Sound::Ogg).await
}

/// The same as fragmented MP4, for players without Ogg.
#[utoipa::path(get, path = "/api/clips/{id}/audio.mp4",
    params(("id" = String, Path), ("key" = Option<String>, Query, description = "The key of an unlisted link of the replay")),
    responses((status = 200, body = Vec<u8>, content_type = "audio/mp4"), (status = 206, body = Vec<u8>, content_type = "audio/mp4"),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 416, body = ApiError)))]
pub(in super::super) async fn clip_mp4(
    State(app): State<Arc<App>>,
    ears: Ears,
    method: Method,
    headers: HeaderMap,
    PathId(id): PathId<String>,
) -> Result<Response, ApiError> {
    sound(&app, &ears, &method, &headers, &id, Sound::Mp4).await
}

async fn sound(
    app: &App,
    ears: &Ears,
    method: &Method,
    headers: &HeaderMap,
    id: &str,
    sound: Sound,
) -> Result<Response, ApiError> {
    let clip = one(app, ears, clip_id(id)?).await?;
    let generation = clip.generation.ok_or(Code::ReplayInWork)?;
    let cut = app.replays.cut((clip.replay, generation), (clip.from_ms, clip.to_ms), sound).await;
    let cut = cut.map_err(|error| not_cut(&error))?;
    let (bytes, kind) = match sound {
        Sound::Ogg => (cut.bytes, "audio/ogg"),
        Sound::Mp4 => (cut.bytes, "audio/mp4"),
    };
    // Between asking whether it may be heard and this, the replay may have been made anew without somebody.
    if one(app, ears, clip.id).await?.generation != Some(generation) {
        return Err(Code::ReplayInWork.into());
    }
    let tag = HeaderValue::try_from(format!("\"{}-{generation}\"", clip.id)).map_err(|e| ApiError::internal(&e))?;
    let content = Content { total: bytes.len() as u64, bytes: Cursor::new(bytes), kind, tag: Some(tag) };
    let mut response = range::serve(method, headers, content).await?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// Why there is no sound of a clip.
pub(super) fn not_cut(error: &io::Error) -> ApiError {
    match error.kind() {
        ErrorKind::NotFound => Code::ReplayInWork.into(),
        // It is shorter than it was once.
        ErrorKind::InvalidInput => Code::ClipNotFound.into(),
        _ => ApiError::internal(error),
    }
}

/// Whether a clip may be of this part of a replay that is long enough.
fn is_clip(from_ms: u64, to_ms: u64) -> bool {
    (SHORTEST..=LONGEST).contains(&to_ms.saturating_sub(from_ms)) && i64::try_from(to_ms).is_ok()
}

/// A clip that may be heard.
async fn one(app: &App, ears: &Ears, id: RecordId) -> Result<store::Clip, ApiError> {
    let found = app.store.clip(id, ears.hearer).await.map_err(internal)?;
    found.ok_or_else(|| ears.missed(app, Code::ClipNotFound))
}

fn clip_id(text: &str) -> Result<RecordId, ApiError> {
    text.parse().map_err(|_| Code::ClipNotFound.into())
}

/// A clip as it is answered.
pub(super) fn shown(ears: &Ears, clip: store::Clip) -> Clip {
    let me: Option<MemberId> = ears.hearer.member;
    let mine = me.is_some_and(|me| me == clip.by.id || me == clip.host.id);
    let audio = match clip.generation {
        Some(generation) => {
            both(&format!("/api/clips/{}/audio", clip.id), &format!("?g={generation}{}", ears.and_key()))
        }
        None => Vec::new(),
    };
    Clip { mine, audio, ..clip.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_is_a_second_to_a_minute_long() {
        for at in [0, 5_000, 40_000_000] {
            assert!(is_clip(at, at + 1_000) && is_clip(at, at + 60_000));
            assert!(!is_clip(at, at + 999) && !is_clip(at, at + 60_001) && !is_clip(at + 1_000, at));
        }
        assert!(!is_clip(u64::MAX - 2_000, u64::MAX));
    }
}
