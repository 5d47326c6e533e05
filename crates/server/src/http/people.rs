//! Other members: their profiles, and following, blocking and muting them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::ids::{MemberId, Timestamp};
use roomtone_store::{Followed, Member, Place, StoreError};

use super::auth::SignedIn;
use super::body::{MaybeBody, PathId, to_the_end};
use super::paging::{self, AskedPage, PAGE, write_place};
use crate::app::App;
use crate::edge;
use crate::notices::Tell;
use crate::wire::notices::NoticeKind;
use crate::wire::people::{Between, Entry, Follow, People, Profile, Suggestions, badge};
use crate::wire::{ApiError, Code};

/// People who are suggested at once.
const SUGGESTED: usize = 24;

/// A day, in milliseconds: for so long the same people are suggested.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// The member with a handle, as far as `viewer` may know of them. Somebody who is suspended, or with whom there is a block in
/// either direction, is `member_not_found` exactly like a handle that nobody has. The one way from a handle to a member.
pub(crate) async fn visible(app: &App, viewer: MemberId, handle: &str) -> Result<Member, ApiError> {
    let found = app.store.visible_member(viewer, handle).await.map_err(|e| ApiError::internal(&e))?;
    found.ok_or_else(|| Code::MemberNotFound.into())
}

/// A member's profile.
#[utoipa::path(get, path = "/api/members/{handle}", params(("handle" = String, Path)),
    responses((status = 200, body = Profile), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn profile(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<Json<Profile>, ApiError> {
    let viewer = caller.member.person.id;
    let found = app.store.profile(viewer, &handle).await.map_err(|e| ApiError::internal(&e))?;
    let found = found.ok_or(Code::MemberNotFound)?;
    let id = found.person.id;
    // Whoever hides it is nowhere, also in the room that they are in: it shows who is on its stage itself.
    let shown = id == viewer || !found.online_hidden;
    let room = match app.rooms.room_of(id).and_then(|room| app.rooms.get(room)).filter(|_| shown) {
        Some(room) if app.rooms.admits(&room, viewer).await?.admitted => Some(room.summary().card.clone()),
        _ => None,
    };
    let domains = app.store.proofs_of_members(&[id]).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(Profile {
        person: found.person.into(),
        bio: found.bio,
        links: found.links,
        topics: found.topics,
        languages: found.languages,
        sponsor: found.sponsor.map(Into::into),
        joined_at: found.created_at.0,
        followers: found.followers,
        following: found.following,
        mutuals: found.mutuals.into_iter().map(Into::into).collect(),
        mutual_count: found.mutual_count,
        houses: found.houses.into_iter().map(badge).collect(),
        // As in the hallway: who is here is seen by those who follow them.
        online: shown && (id == viewer || found.bell.is_some()) && (room.is_some() || app.live.is_open(id)),
        you: Between {
            follows: found.bell.is_some(),
            bell: found.bell.map(Into::into),
            follows_you: found.follows_viewer,
            muted: found.muted,
        },
        room,
        bot: found.bot,
        public: found.public,
        domains: domains.into_values().flatten().map(Into::into).collect(),
    }))
}

/// Follows a member, or changes how loudly.
#[utoipa::path(put, path = "/api/members/{handle}/follow", params(("handle" = String, Path)),
    request_body = Option<Follow>,
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    MaybeBody(request): MaybeBody<Follow>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let whom = other(&app, me, &handle).await?;
    let bell = request.unwrap_or_default().bell.map(Into::into);
    match app.store.follow(me, whom, bell, edge::now()).await.map_err(|e| ApiError::internal(&e))? {
        Followed::New => app.notices.tell(Tell::new(whom, NoticeKind::Followed).by(me)),
        Followed::Already => {}
        Followed::TooMany => return Err(Code::TooManyPeople.into()),
        Followed::Missing => return Err(Code::MemberNotFound.into()),
    }
    app.live.changed(me);
    // Who is followed by a moderator may know of a social room.
    app.live.changed(whom);
    Ok(StatusCode::NO_CONTENT)
}

/// Stops following a member.
#[utoipa::path(delete, path = "/api/members/{handle}/follow", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn unfollow(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let whom = other(&app, me, &handle).await?;
    app.store.unfollow(me, whom).await.map_err(|e| ApiError::internal(&e))?;
    app.live.changed(me);
    app.live.changed(whom);
    Ok(StatusCode::NO_CONTENT)
}

/// Who follows a member, in pages.
#[utoipa::path(get, path = "/api/members/{handle}/followers",
    params(("handle" = String, Path), ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = People), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn followers(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    page: AskedPage,
) -> Result<Json<People>, ApiError> {
    let (viewer, after) = (caller.member.person.id, place(page)?);
    let whom = visible(&app, viewer, &handle).await?.person.id;
    people(app.store.followers_page(viewer, whom, after, u64::from(PAGE) + 1).await)
}

/// Whom a member follows, in pages.
#[utoipa::path(get, path = "/api/members/{handle}/following",
    params(("handle" = String, Path), ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = People), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn following(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    page: AskedPage,
) -> Result<Json<People>, ApiError> {
    let (viewer, after) = (caller.member.person.id, place(page)?);
    let whom = visible(&app, viewer, &handle).await?.person.id;
    people(app.store.following_page(viewer, whom, after, u64::from(PAGE) + 1).await)
}

/// People whom the caller may like to follow.
#[utoipa::path(get, path = "/api/suggestions",
    responses((status = 200, body = Suggestions), (status = 401, body = ApiError)))]
pub(super) async fn suggestions(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<Suggestions>, ApiError> {
    let me = caller.member.person.id;
    let found =
        app.store.suggestions(me, pivot(me, edge::now()), SUGGESTED).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(Suggestions { items: found.into_iter().map(Into::into).collect() }))
}

/// Blocks a member: from now on each is as if missing for the other, everywhere.
#[utoipa::path(put, path = "/api/members/{handle}/block", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn block(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    if blocked(&app, me, &handle).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let whom = other(&app, me, &handle).await?;
    to_the_end(async move {
        if !app.store.block(me, whom, edge::now()).await.map_err(|e| ApiError::internal(&e))? {
            return Err(Code::TooManyPeople.into());
        }
        app.rooms.part(me, whom).await;
        app.live.changed(me);
        app.live.changed(whom);
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Takes a block back.
#[utoipa::path(delete, path = "/api/members/{handle}/block", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn unblock(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let Some(whom) = blocked(&app, me, &handle).await? else {
        // Somebody who is not blocked is unblocked already; who may not be known of is answered as missing.
        return other(&app, me, &handle).await.map(|_| StatusCode::NO_CONTENT);
    };
    app.store.unblock(me, whom).await.map_err(|e| ApiError::internal(&e))?;
    app.rooms.reunite(me, whom).await?;
    app.live.changed(me);
    app.live.changed(whom);
    Ok(StatusCode::NO_CONTENT)
}

/// Whom the caller has blocked, in pages.
#[utoipa::path(get, path = "/api/blocks",
    params(("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = People), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(super) async fn blocks(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    page: AskedPage,
) -> Result<Json<People>, ApiError> {
    people(app.store.blocks_page(caller.member.person.id, place(page)?, u64::from(PAGE) + 1).await)
}

/// Mutes a member: nothing of theirs is brought to the caller unasked. They do not learn of it.
#[utoipa::path(put, path = "/api/members/{handle}/mute", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn mute(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let whom = other(&app, me, &handle).await?;
    let new = app.store.mute(me, whom, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
    if !new && !app.store.between(me, whom).await.map_err(|e| ApiError::internal(&e))?.mutes {
        return Err(Code::TooManyPeople.into());
    }
    app.live.changed(me);
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a mute back. Who may not be known of any more answers as somebody who is not there, and is unmuted all the same.
#[utoipa::path(delete, path = "/api/members/{handle}/mute", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn unmute(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let internal = |error: StoreError| ApiError::internal(&error);
    if let Some(whom) = app.store.muted_by_handle(me, &handle).await.map_err(internal)? {
        app.store.unmute(me, whom).await.map_err(internal)?;
        app.live.changed(me);
    }
    other(&app, me, &handle).await.map(|_| StatusCode::NO_CONTENT)
}

/// Whom the caller has muted, in pages.
#[utoipa::path(get, path = "/api/mutes",
    params(("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = People), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(super) async fn mutes(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    page: AskedPage,
) -> Result<Json<People>, ApiError> {
    people(app.store.mutes_page(caller.member.person.id, place(page)?, u64::from(PAGE) + 1).await)
}

/// Somebody else than the caller, whom the caller may know of.
pub(super) async fn other(app: &App, me: MemberId, handle: &str) -> Result<MemberId, ApiError> {
    let whom = visible(app, me, handle).await?.person.id;
    if whom == me { Err(Code::TargetProtected.into()) } else { Ok(whom) }
}

/// The member with this handle whom the caller has blocked.
pub(super) async fn blocked(app: &App, me: MemberId, handle: &str) -> Result<Option<MemberId>, ApiError> {
    app.store.blocked_by_handle(me, handle).await.map_err(|e| ApiError::internal(&e))
}

/// Where a sample of all members begins for this one today: the same all day, and every day another.
fn pivot(member: MemberId, now: Timestamp) -> MemberId {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    MemberId(member.0.wrapping_add(u128::from(now.0 / DAY)).wrapping_mul(ODD))
}

/// A page of a list, of which one more was asked for than fits.
fn people(found: Result<Vec<roomtone_store::Entry>, StoreError>) -> Result<Json<People>, ApiError> {
    let mut found = found.map_err(|e| ApiError::internal(&e))?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| more).map(|last| write_place(last.since, last.person.id));
    let entry = |entry: roomtone_store::Entry| Entry {
        person: entry.person.into(),
        since: entry.since.0,
        followed: entry.followed,
    };
    Ok(Json(People { items: found.into_iter().map(entry).collect(), next }))
}

/// What a page of people comes after.
fn place(page: AskedPage) -> Result<Option<Place>, ApiError> {
    Ok(paging::place(page)?.map(|(since, id)| Place { since, id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_change_from_day_to_day_and_member_to_member() {
        let (ada, ben) = (MemberId(1), MemberId(2));
        let pivots = [pivot(ada, Timestamp(0)), pivot(ada, Timestamp(DAY)), pivot(ben, Timestamp(2 * DAY))];
        assert_eq!(pivot(ada, Timestamp(DAY - 1)), pivots[0]);
        assert!(pivots[0] != pivots[1] && pivots[1] != pivots[2] && pivots[0] != pivots[2]);
    }
}
