//! Replays: reading and hearing them, what their hosts change, and what speakers take back.
//!
//! A replay that whoever asks may not hear is `replay_not_found` on every route, exactly like one that does not exist. Who may hear and
//! change what is asked by the statement that reads or changes it.

mod clips;
mod links;
mod replies;
mod reported;
mod sound;
mod transcript;
pub(crate) mod visitors;
mod voice;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRef, FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use roomtone_room::ids::{MemberId, RecordId, ReplayId, Timestamp};
use roomtone_store::{
    self as store, AuditEntry, Hearer, ReplayChange, ReplayDone, ReplayState, ReplaysOf, StoreError, Withdrawer,
    Withdrawn,
};
use serde::Deserialize;

pub(super) use clips::{
    __path_clip, __path_clip_mp4, __path_clip_ogg, __path_clips, __path_cut, __path_delete_clip, clip, clip_mp4,
    clip_ogg, clips, cut, delete_clip,
};
pub(super) use links::{__path_links, __path_new_link, __path_revoke_link, links, new_link, revoke_link};
pub(super) use replies::{
    __path_delete_reply, __path_note_mp4, __path_note_ogg, __path_replies, __path_reply, __path_say, delete_reply,
    note_mp4, note_ogg, replies, reply, say,
};
pub(super) use reported::{__path_reported, about as reported_sound, reported};
pub use sound::Playing;
pub(super) use sound::{__path_mp4, __path_ogg, __path_track, mp4, ogg, track};
pub(super) use transcript::{
    __path_captions, __path_correct, __path_take_out, __path_transcript, captions, correct, take_out, transcript,
};

use super::auth::{Reader, SignedIn, guest_key, peer};
use super::body::{Body, MaybeBody, PathId, to_the_end};
use super::houses::house_for;
use super::paging::{AskedPage, PAGE, next, place, read_place, write_place};
use super::people::visible;
use super::text;
use crate::app::App;
use crate::edge::{self, Secret};
use crate::limits::GUESSES;
use crate::replays::AFTER_MARK;
use crate::wire::replays::{
    ChangeReplay, Chapter, ChapterBy, MarkedMoment, OwnTrack, OwnTracks, Picture, Replay, ReplayAct, ReplayAudio,
    ReplayCard, ReplayMark, ReplaySpeaker, Replays, WithdrawTrack,
};
use crate::wire::{ApiError, Code, Id};

/// Where a page of clips or replies begins.
type Place = (Timestamp, RecordId);

/// Chapters that one request names.
const CHAPTERS_MAX: usize = 200;

/// Other talks that are shown beside one. More shows less near ones.
const RELATED: u32 = 10;

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Whoever would like to hear: the member who is calling, or somebody without an account; with the key of an unlisted link, or a guest's
/// pass.
pub(super) struct Ears {
    reader: Reader,
    hearer: Hearer,
    /// The key as it came, to be passed on in addresses.
    key: Option<String>,
    from: IpAddr,
}

/// What the query of any of these routes may say of who is calling.
#[derive(Deserialize)]
struct Key {
    key: Option<String>,
}

impl<S> FromRequestParts<S> for Ears
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let reader = Reader::from_request_parts(parts, state).await?;
        let from = peer(parts)?;
        let Key { key } = Query::<Key>::try_from_uri(&parts.uri).map(|query| query.0).map_err(|_| Code::BadRequest)?;
        if key.is_some() {
            Arc::<App>::from_ref(state).limits.may_address(&GUESSES, from, edge::instant())?;
        }
        let hearer = Hearer {
            member: reader.id(),
            key: key.as_deref().and_then(Secret::hash_of),
            guest: guest_key(&parts.headers),
        };
        Ok(Self { reader, hearer, key, from })
    }
}

impl Ears {
    /// The member, whose request this must be.
    fn signed_in(&self) -> Result<&SignedIn, ApiError> {
        self.reader.member.as_ref().ok_or_else(|| Code::NotSignedIn.into())
    }

    /// A replay that they may hear. Keys that are nobody's are counted.
    async fn replay(&self, app: &App, id: &str) -> Result<store::Replay, ApiError> {
        let id = replay_id(id)?;
        match app.store.replay(id, self.hearer).await.map_err(internal)? {
            Some(replay) => Ok(replay),
            None => Err(self.missed(app, Code::ReplayNotFound)),
        }
    }

    /// The answer to whoever asks for what they may not hear.
    fn missed(&self, app: &App, missing: Code) -> ApiError {
        let counted = match self.key {
            Some(_) => app.limits.address(&GUESSES, self.from, edge::instant()),
            None => Ok(()),
        };
        counted.map_or_else(ApiError::from, |()| missing.into())
    }

    /// What addresses of the same replay carry behind those parameters that they have already.
    fn and_key(&self) -> String {
        self.key.as_ref().map_or_else(String::new, |key| format!("&key={key}"))
    }
}

/// Which replays a list is of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    /// All that the caller may hear.
    #[default]
    All,
    /// Those that they host, or speak in.
    Mine,
    /// Those of rooms in which they were.
    Heard,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default, rename = "box")]
    which: Which,
    host: Option<String>,
    house: Option<String>,
    room: Option<String>,
    event: Option<String>,
    invitation: Option<String>,
    after: Option<String>,
}

/// Replays that the caller may hear, in pages. Needs no account.
#[utoipa::path(get, path = "/api/replays",
    params(("box" = Option<String>, Query, description = "One of all, mine, heard; all if absent"),
        ("host" = Option<String>, Query, description = "The handle of a member"),
        ("house" = Option<String>, Query, description = "The handle of a house"),
        ("room" = Option<String>, Query, description = "The id of a room"),
        ("event" = Option<String>, Query, description = "The id of an event"),
        ("invitation" = Option<String>, Query, description = "The id of an invitation"),
        ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Replays), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    reader: Reader,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Replays>, ApiError> {
    let Query(asked) = asked.map_err(|_| Code::BadRequest)?;
    let me = reader.id();
    let after = asked.after.map(|text| read_place(&text).ok_or(Code::BadRequest)).transpose()?;
    let Asked { which, host, house, room, event, invitation, .. } = asked;
    let of = match (which, host, house, room, event, invitation) {
        (Which::All, None, None, None, None, None) => ReplaysOf::All,
        (Which::Mine, None, None, None, None, None) if me.is_some() => ReplaysOf::Mine,
        (Which::Heard, None, None, None, None, None) if me.is_some() => ReplaysOf::Heard,
        (Which::Mine | Which::Heard, None, None, None, None, None) => return Err(Code::NotSignedIn.into()),
        (Which::All, Some(host), None, None, None, None) => match me {
            Some(me) => ReplaysOf::Host(visible(&app, me, &host).await?.person.id),
            // Nobody without an account is told which handles there are: of those that are nobody's there is nothing to hear either.
            None => match app.store.member_by_handle(&host).await.map_err(internal)? {
                Some(host) => ReplaysOf::Host(host.person.id),
                None => return Ok(Json(Replays { items: Vec::new(), next: None })),
            },
        },
        (Which::All, None, Some(house), None, None, None) => match me {
            Some(me) => ReplaysOf::House(house_for(&app, me, &house).await?.id),
            None => {
                let house = app.store.public_house(&house).await.map_err(internal)?;
                ReplaysOf::House(house.ok_or(Code::HouseNotFound)?.id)
            }
        },
        (Which::All, None, None, Some(room), None, None) => {
            ReplaysOf::Room(room.parse().map_err(|_| Code::BadRequest)?)
        }
        (Which::All, None, None, None, Some(event), None) => {
            ReplaysOf::Event(event.parse().map_err(|_| Code::BadRequest)?)
        }
        (Which::All, None, None, None, None, Some(invitation)) => {
            ReplaysOf::Invitation(invitation.parse().map_err(|_| Code::BadRequest)?)
        }
        _ => return Err(Code::BadRequest.into()),
    };
    let hearer = Hearer { member: me, ..Hearer::default() };
    let found = app.store.replays(of, hearer, after, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |one| write_place(one.began_at, one.id));
    Ok(Json(Replays { items: found.into_iter().map(ReplayCard::from).collect(), next }))
}

/// Other talks that the caller may hear and that have something to do with one: the same invitation, speakers, topics, house or host; the
/// nearest first, at most ten. For whoever may hear that one.
#[utoipa::path(get, path = "/api/replays/{id}/related",
    params(("id" = String, Path), ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = Replays), (status = 404, body = ApiError)))]
pub(super) async fn related(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
) -> Result<Json<Replays>, ApiError> {
    let replay = ears.replay(&app, &id).await?;
    // The key is that of one replay and no other.
    let hearer = Hearer { key: None, ..ears.hearer };
    let found = app.store.related_replays(replay.id, hearer, RELATED).await.map_err(internal)?;
    Ok(Json(Replays { items: found.into_iter().map(ReplayCard::from).collect(), next: None }))
}

/// One replay. Needs no account if it is open to everybody, or with the key of an unlisted link.
#[utoipa::path(get, path = "/api/replays/{id}",
    params(("id" = String, Path), ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = Replay), (status = 404, body = ApiError)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
) -> Result<Json<Replay>, ApiError> {
    let replay = ears.replay(&app, &id).await?;
    shown(&app, &ears, replay).await.map(Json)
}

/// Changes a replay. For its host. It is never open to more people than before: those who speak in it have agreed to that and no more.
#[utoipa::path(patch, path = "/api/replays/{id}", params(("id" = String, Path)), request_body = ChangeReplay,
    responses((status = 200, body = Replay), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
    Body(request): Body<ChangeReplay>,
) -> Result<Json<Replay>, ApiError> {
    let me = ears.signed_in()?.member.person.id;
    let replay = hosted(&app, &ears, &id).await?;
    let now = edge::now();
    if let Some(Some(at)) = request.expires_at
        && (at <= now.0 || i64::try_from(at).is_err())
    {
        return Err(Code::InvalidDate.into());
    }
    let chapters = request.chapters.unwrap_or_default();
    let known = match &*chapters {
        [] => Vec::new(),
        _ => bare_picture(&app, &replay).await?.ok_or(Code::ReplayInWork)?.chapters.clone(),
    };
    let is_one = |at_ms| known.iter().any(|chapter| chapter.at_ms == at_ms);
    if chapters.len() > CHAPTERS_MAX || !chapters.iter().all(|chapter| is_one(chapter.at_ms)) {
        return Err(ApiError::with_message(Code::BadRequest, "There are no such chapters."));
    }
    let named = |title: String| if title.trim().is_empty() { Ok(String::new()) } else { text::title(&title) };
    let change = ReplayChange {
        title: request.title.map(|title| text::title(&title)).transpose()?,
        hearers: request.hearers.map(Into::into),
        expires_at: request.expires_at.map(|at| at.map(Timestamp)),
        chapters: chapters
            .into_iter()
            .map(|chapter| Ok((chapter.at_ms, named(chapter.title)?)))
            .collect::<Result<_, Code>>()?,
    };
    to_the_end(async move {
        done(app.store.change_replay(replay.id, me, &change).await.map_err(internal)?)?;
        if change.hearers.is_some() {
            app.playing.stop(replay.id);
        }
        app.search.changed();
        let replay = ears.replay(&app, &id).await?;
        shown(&app, &ears, replay).await.map(Json)
    })
    .await
}

/// Deletes a replay, with all that was made of it. For its host; an admin may delete anybody's, and is in the audit log with it.
#[utoipa::path(delete, path = "/api/replays/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let caller = ears.signed_in()?;
    let (me, replay) = (caller.member.person.id, replay_id(&id)?);
    let mut deleted = app.store.delete_replay(replay, me).await.map_err(internal)?;
    if deleted == ReplayDone::Missing && is_admin(&app, caller).await? {
        let entry = audit(caller, "replay_deleted", format!("replay={replay}"));
        deleted = app.store.delete_replay_as_admin(replay, entry).await.map_err(internal)?;
    }
    if deleted == ReplayDone::Missing {
        // Whoever may hear it is told that it is not theirs; to others there is none.
        return Err(ears.replay(&app, &id).await.map_or_else(|error| error, |_| Code::NotAllowed.into()));
    }
    done(deleted)?;
    to_the_end(async move {
        changed(&app, replay).await;
        tracing::info!(%replay, "a replay was deleted");
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Tries again to make a replay that could not be made, or that waits until something works again. For its host.
#[utoipa::path(post, path = "/api/replays/{id}/make", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn make(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let replay = hosted(&app, &ears, &id).await?;
    app.store.remake_replay(replay.id, replay.host.id).await.map_err(internal)?;
    app.replays.try_again(replay.id);
    Ok(StatusCode::NO_CONTENT)
}

/// Takes out something that happened beside the talking: a link, a question. For the host; an admin may do it anywhere, and is in the
/// audit log with it.
#[utoipa::path(delete, path = "/api/replays/{id}/marks/{n}", params(("id" = String, Path), ("n" = u64, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn delete_mark(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId((id, n)): PathId<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let caller = ears.signed_in()?;
    let (replay, n) = (replay_id(&id)?, n.parse::<i64>().ok().and_then(|n| u64::try_from(n).ok()));
    let host = caller.member.person.id;
    let mut gone = match n {
        Some(n) => app.store.delete_mark(replay, n, host).await.map_err(internal)?,
        None => false,
    };
    let admin = !gone && is_admin(&app, caller).await?;
    if let Some(n) = n.filter(|_| admin) {
        let entry = audit(caller, "moment_deleted", format!("replay={replay} n={n}"));
        gone = app.store.delete_mark_as_admin(replay, n, entry).await.map_err(internal)?;
    }
    if gone {
        return Ok(StatusCode::NO_CONTENT);
    }
    if !admin {
        // Whoever may hear it and not change it is told so; to others there is none.
        hosted(&app, &ears, &id).await?;
    }
    Err(Code::NotFound.into())
}

/// Withdraws what the caller said, or by the host what a guest did. It is gone from everything that was made with it at once; the rest
/// is made anew. Whoever speaks in a replay may do so as long as there is one, whatever else they may.
#[utoipa::path(post, path = "/api/replays/{id}/withdraw",
    params(("id" = String, Path), ("key" = Option<String>, Query, description = "The code of the link by which a guest came")),
    request_body = Option<WithdrawTrack>,
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
    MaybeBody(request): MaybeBody<WithdrawTrack>,
) -> Result<StatusCode, ApiError> {
    let replay = replay_id(&id)?;
    let whose = match (ears.hearer.member, request.unwrap_or_default().n) {
        (Some(member), Some(n)) => Withdrawer::Host(member, n),
        (_, None) if ears.hearer != Hearer::default() || ears.key.is_some() => Withdrawer::Own(ears.hearer),
        _ => return Err(Code::NotSignedIn.into()),
    };
    match app.store.withdraw_track(replay, whose, edge::now()).await.map_err(internal)? {
        Withdrawn::Already => Ok(StatusCode::NO_CONTENT),
        Withdrawn::Missing => Err(ears.replay(&app, &id).await.map_or_else(|error| error, |_| Code::NotAllowed.into())),
        Withdrawn::Done(tracks) => {
            to_the_end(async move {
                let recorded = app.store.recording(replay).await.map_err(internal)?;
                if let Some(live) = recorded.filter(|recorded| recorded.state == ReplayState::Recording) {
                    app.rooms.look_at_replay(live.room).await;
                }
                changed(&app, replay).await;
                tracing::info!(%replay, ?tracks, "what somebody said was withdrawn");
                Ok(StatusCode::NO_CONTENT)
            })
            .await
        }
    }
}

/// Everything that was recorded of the caller, in pages.
#[utoipa::path(get, path = "/api/me/tracks", params(("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = OwnTracks), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(super) async fn own_tracks(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    page: AskedPage,
) -> Result<Json<OwnTracks>, ApiError> {
    tracks_of(&app, Hearer::member(caller.member.person.id), page).await.map(Json)
}

/// A page of everything that was recorded of somebody.
pub(super) async fn tracks_of(app: &App, speaker: Hearer, page: AskedPage) -> Result<OwnTracks, ApiError> {
    let after = place::<ReplayId>(page)?;
    let found = app.store.own_tracks(speaker, after, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |one| write_place(one.began_at, one.replay));
    Ok(OwnTracks { items: found.into_iter().map(OwnTrack::from).collect(), next })
}

/// Deletes replays that have been kept for as long as they are to be.
pub(crate) async fn tidy(app: &App) {
    let now = edge::now();
    let days = app.settings.get().replay_days;
    let before = days.map(|days| Timestamp(now.0.saturating_sub(u64::from(days) * DAY)));
    match app.store.delete_expired_replays(now, before).await {
        Ok(deleted) => {
            for replay in deleted {
                changed(app, replay).await;
            }
        }
        Err(error) => tracing::warn!(%error, "old replays could not be deleted"),
    }
}

/// Follows the store in what may still be heard of a replay: whoever hears it is cut off, files that are of nothing any more go, and what
/// is to be made anew is.
pub(crate) async fn changed(app: &App, replay: ReplayId) {
    app.playing.stop(replay);
    app.replays.prune(&app.store, replay).await;
    app.replays.changed();
}

/// A replay that the caller hosts: `not_allowed` for others who may hear it.
async fn hosted(app: &App, ears: &Ears, id: &str) -> Result<store::Replay, ApiError> {
    let me = ears.signed_in()?.member.person.id;
    let replay = ears.replay(app, id).await?;
    if replay.host.id == me { Ok(replay) } else { Err(Code::NotAllowed.into()) }
}

/// Whether the caller runs this server, and calls from a browser.
async fn is_admin(app: &App, caller: &SignedIn) -> Result<bool, ApiError> {
    let member = &caller.member;
    Ok((member.owner || member.admin) && caller.browser_since(app).await?.is_some())
}

/// An entry of the audit log about what an admin is about to delete.
fn audit(caller: &SignedIn, act: &'static str, details: String) -> AuditEntry {
    let (id, at) = (RecordId(edge::random_128()), edge::now());
    AuditEntry { id, at, actor: caller.member.person.id, act, about: None, details }
}

/// A replay with everything that the caller may know of it.
async fn shown(app: &App, ears: &Ears, replay: store::Replay) -> Result<Replay, ApiError> {
    let (id, viewer, generation) = (replay.id, ears.hearer.member, replay.generation);
    let is_host = viewer == Some(replay.host.id);
    let ready = replay.state == ReplayState::Ready;
    let tracks = app.store.replay_tracks(id, ears.hearer).await.map_err(internal)?;
    let marks = if ready { marks(app, id, viewer).await? } else { Vec::new() };
    let picture = if ready { picture(app, &replay, &marks).await? } else { None };
    let event = match replay.event {
        Some(event) => app.store.event(event, viewer).await.map_err(internal)?.map(|event| Id(event.id)),
        None => None,
    };
    let invitation = match replay.invitation {
        Some(invitation) => {
            app.store.invitation(viewer, invitation).await.map_err(internal)?.map(|file| Id(file.entry.id))
        }
        None => None,
    };
    let (mine, guests) = (
        tracks.iter().any(|track| track.mine && track.withdrawn_at.is_none()),
        tracks.iter().any(|track| track.guest && track.withdrawn_at.is_none()),
    );
    let admin = match &ears.reader.member {
        Some(caller) if !is_host => is_admin(app, caller).await?,
        _ => false,
    };
    let can = [
        (ReplayAct::Edit, is_host),
        (ReplayAct::Links, is_host),
        (ReplayAct::Delete, (is_host || admin) && replay.state != ReplayState::Recording),
        (ReplayAct::Make, is_host && replay.state == ReplayState::Failed),
        (ReplayAct::Withdraw, mine),
        (ReplayAct::WithdrawGuests, is_host && guests),
        (ReplayAct::Moments, (is_host || admin) && !marks.is_empty()),
        (ReplayAct::Reply, viewer.is_some()),
        (ReplayAct::Clip, viewer.is_some() && ready),
    ];
    let key = ears.and_key();
    let speaker = |track: store::ReplayTrack| {
        let there = ready && track.withdrawn_at.is_none() && (is_host || track.mine);
        let ms = picture.iter().flat_map(|picture| &picture.speakers).find(|speaker| speaker.n == track.n);
        ReplaySpeaker {
            n: track.n,
            name: track.name,
            person: track.person.map(Into::into),
            guest: track.guest,
            ms: ms.map_or(0, |speaker| speaker.ms),
            withdrawn: track.withdrawn_at.is_some(),
            mine: track.mine,
            url: there.then(|| format!("/api/replays/{id}/tracks/{}.ogg?g={generation}{key}", track.n)),
        }
    };
    let speakers = tracks.into_iter().map(speaker).collect();
    let base = format!("/api/replays/{id}/audio");
    Ok(Replay {
        generation,
        ended_at: replay.ended_at.map(|at| at.0),
        expires_at: ends(app, &replay).map(|at| at.0),
        speakers,
        picture,
        marks,
        invitation,
        event,
        audio: if ready { both(&base, &format!("?g={generation}{key}")) } else { Vec::new() },
        replies: replay.replies,
        clips: replay.clips,
        links: replay.links,
        can: can.into_iter().filter_map(|(act, may)| may.then_some(act)).collect(),
        card: replay.into(),
    })
}

/// When a replay will be deleted: when its host wants it, or when this server does, whichever comes first.
fn ends(app: &App, replay: &store::Replay) -> Option<Timestamp> {
    let kept = app.settings.get().replay_days.map(|days| u64::from(days) * DAY);
    let by_server = replay.ended_at.zip(kept).map(|(ended, kept)| ended.plus(kept));
    by_server.into_iter().chain(replay.expires_at).min()
}

/// The picture of a replay, with what its host calls the chapters, or the question with which one begins, if whoever looks may see that:
/// it is among these marks.
async fn picture(app: &App, replay: &store::Replay, marks: &[MarkedMoment]) -> Result<Option<Picture>, ApiError> {
    let Some(bare) = bare_picture(app, replay).await? else { return Ok(None) };
    let mut picture = Picture::clone(&bare);
    let mut titles = app.store.replay_chapters(replay.id).await.map_err(internal)?;
    for chapter in &mut picture.chapters {
        chapter.title = titles.remove(&chapter.at_ms).or_else(|| asked_at(chapter, marks));
    }
    Ok(Some(picture))
}

/// The question with which a chapter begins: the last one that was taken just before, or then.
fn asked_at(chapter: &Chapter, marks: &[MarkedMoment]) -> Option<String> {
    let just_before = chapter.at_ms.saturating_sub(AFTER_MARK)..=chapter.at_ms;
    let of = |moment: &MarkedMoment| match &moment.mark {
        ReplayMark::QuestionTaken { text } if just_before.contains(&moment.at_ms) => Some(text.clone()),
        _ => None,
    };
    if chapter.by == ChapterBy::Question { marks.iter().rev().find_map(of) } else { None }
}

/// The picture of a replay as it was made, in nobody's words.
async fn bare_picture(app: &App, replay: &store::Replay) -> Result<Option<Arc<Picture>>, ApiError> {
    match app.replays.picture((replay.id, replay.generation)).await {
        Ok(picture) => Ok(Some(picture)),
        // Another generation was begun a moment ago.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ApiError::internal(&error)),
    }
}

/// What happened beside the talking.
async fn marks(app: &App, replay: ReplayId, viewer: Option<MemberId>) -> Result<Vec<MarkedMoment>, ApiError> {
    let found = app.store.replay_marks(replay, viewer).await.map_err(internal)?;
    let read = |moment: store::ReplayMoment| {
        let mark = serde_json::from_str(&moment.body).map_err(|error| ApiError::internal(&error))?;
        Ok(MarkedMoment { n: moment.n, at_ms: moment.at_ms, mark })
    };
    found.into_iter().map(read).collect()
}

/// Addresses of the same sound in both kinds of file: Ogg, and for players without it MP4.
fn both(base: &str, query: &str) -> Vec<ReplayAudio> {
    let kinds = [("ogg", "audio/ogg; codecs=opus"), ("mp4", "audio/mp4; codecs=opus")];
    kinds.map(|(ending, kind)| ReplayAudio { kind: kind.to_owned(), url: format!("{base}.{ending}{query}") }).into()
}

fn replay_id(text: &str) -> Result<ReplayId, ApiError> {
    text.parse().map_err(|_| Code::ReplayNotFound.into())
}

fn done(done: ReplayDone) -> Result<(), ApiError> {
    match done {
        ReplayDone::Done => Ok(()),
        ReplayDone::Wider => Err(Code::CannotWiden.into()),
        ReplayDone::Recording => {
            Err(ApiError::with_message(Code::ReplayInWork, "The room is being recorded; stop that first."))
        }
        ReplayDone::Missing => Err(Code::ReplayNotFound.into()),
    }
}

fn internal(error: StoreError) -> ApiError {
    ApiError::internal(&error)
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::RoomId;
    use roomtone_store::{Changes, NewReplay, NewRoom, RecordingChange, ReplayHearers};

    use super::*;
    use crate::app::tests::idle;
    use crate::settings::Chosen;
    use crate::wire::recording::CONSENT_TEXT;

    /// A server with a recording that is over and open to everybody, and its host.
    pub(super) async fn recorded() -> (Arc<App>, ReplayId, MemberId, tempfile::TempDir) {
        let (app, data) = idle().await;
        let host = app.newcomer("host").await.member.person.id;
        record(&app, host, &[(1, 0)]).await;
        (app, ReplayId(1), host, data)
    }

    /// Recordings with these ids that are over since so many days.
    async fn record(app: &App, host: MemberId, all: &[(u128, u64)]) {
        let (room, now) = (RoomId(7), edge::now());
        let new = NewRoom { id: room, opened_at: now, title: "A room".to_owned(), host, house: None };
        app.store.create_room(new, &[]).await.unwrap();
        let epoch = app.store.acquire_room(room, 42, now, now.plus(DAY), false).await.unwrap().unwrap();
        for &(id, days) in all {
            let (replay, at) = (ReplayId(id), Timestamp(now.0 - days * DAY));
            let (title, language) = ("A talk".to_owned(), "en".to_owned());
            let hearers = ReplayHearers::Everyone;
            let begun = NewReplay {
                id: replay,
                began_at: at,
                host,
                title: title.clone(),
                language: language.clone(),
                hearers,
                consent: CONSENT_TEXT,
            };
            let changes = [RecordingChange::Begun(begun), RecordingChange::Stopped { replay, at, title, language }];
            app.store.append(room, epoch, Changes { recordings: &changes, ..Changes::default() }).await.unwrap();
        }
    }

    #[tokio::test]
    async fn replays_are_kept_for_as_long_as_the_operator_says() {
        let (app, _data) = idle().await;
        let host = app.newcomer("host").await.member.person.id;
        let now = edge::now();
        record(&app, host, &[(1, 11), (2, 9)]).await;
        let kept = async || app.store.recordings_among(&[ReplayId(1), ReplayId(2)]).await.unwrap();
        tidy(&app).await;
        assert_eq!(kept().await.len(), 2, "for good at first");
        let (id, details) = (RecordId(1), String::new());
        let entry = AuditEntry { id, at: now, actor: host, act: "settings", about: None, details };
        let ten_days = |former: &Chosen| Ok::<_, StoreError>(Chosen { replay_days: Some(10), ..former.clone() });
        app.settings.change(&app.store, entry, ten_days).await.unwrap();
        tidy(&app).await;
        assert_eq!(kept().await, [ReplayId(2)]);
    }

    /// Whoever has mended what was wrong need not wait for the pause to be over.
    #[tokio::test]
    async fn a_host_has_a_replay_tried_at_once() {
        let (app, replay, host, _data) = recorded().await;
        app.replays.put_off(replay, false);
        assert!(!app.replays.is_due(replay));
        let member = app.store.member(host).await.unwrap().unwrap();
        let caller = SignedIn { member, session: [0; 32], as_of: app.rooms.sign_outs() };
        let (reader, from) = (Reader { member: Some(caller) }, IpAddr::from([127, 0, 0, 1]));
        let ears = Ears { reader, hearer: Hearer::member(host), key: None, from };
        let done = make(State(app.clone()), ears, PathId(replay.to_string())).await;
        assert_eq!(done.unwrap(), StatusCode::NO_CONTENT);
        assert!(app.replays.is_due(replay));
    }

    /// A chapter is called by the question only as long as whoever looks may see that.
    #[test]
    fn a_chapter_has_the_words_of_a_question_that_is_shown() {
        let chapter = |at_ms, by| Chapter { at_ms, title: None, by, speaker: None };
        let taken =
            |at_ms, text: &str| MarkedMoment { n: 1, at_ms, mark: ReplayMark::QuestionTaken { text: text.to_owned() } };
        let shown = [taken(1_000, "Before?"), taken(60_000, "Why?"), taken(61_000, "How?")];
        let named = |at_ms, marks: &[MarkedMoment]| asked_at(&chapter(at_ms, ChapterBy::Question), marks);
        assert_eq!(named(60_400, &shown).as_deref(), Some("Why?"));
        assert_eq!(named(60_000 + AFTER_MARK, &shown).as_deref(), Some("How?"));
        assert_eq!(named(61_000 + AFTER_MARK + 1, &shown), None);
        // Whoever asked it is gone, or blocked.
        assert_eq!(named(60_400, &shown[..1]), None);
        assert_eq!(asked_at(&chapter(60_400, ChapterBy::Silence), &shown), None);
    }
}
