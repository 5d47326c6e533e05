//! Guests: links into one room for people without an account, and what such a guest may ask. Somebody who was called up
//! declines here as well.
//!
//! Links are made by those who run the room, and for its host by who may in their office; these see the host's guests alone.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use roomtone_room::WAITING_MAX;
use roomtone_room::ids::{MemberId, RecordId, RoomId, Timestamp};
use roomtone_room::office::Right;
use roomtone_store::{Guest, GuestBy, GuestMade, GuestOffice, Hash, Hearer, NewGuest};

use super::auth::{SignedIn, SignedInGuest, guest_cookie};
use super::body::{Body, PathId, to_the_end};
use super::invites::qr_code;
use super::paging::AskedPage;
use super::replays::tracks_of;
use super::rooms::known_room;
use super::text;
use crate::app::App;
use crate::cli::guest_link;
use crate::edge::{self, Secret};
use crate::limits::GUESSES;
use crate::rooms::message::{Message, Revoked};
use crate::rooms::{Handle, Summary};
use crate::wire::guests::{
    GuestInvitation, GuestLink, GuestSession, GuestState, NewGuestLink, RoomGuest, RoomGuests, ShownGuestLink,
};
use crate::wire::replays::OwnTracks;
use crate::wire::{ApiError, Code, Id};

/// Longest name of a guest, in characters.
pub(super) const NAME_MAX: usize = 40;

/// Longest text that goes with a link, in characters.
const CONTEXT_MAX: usize = roomtone_room::CONTEXT_MAX_CHARS;

/// For how many minutes a link may work. More lets links lie about for longer.
const MINUTES: std::ops::RangeInclusive<u32> = 5..=24 * 60;

/// Milliseconds in a minute.
const MINUTE: u64 = 60_000;

/// How long after their end guests are forgotten, in milliseconds: those who run a room that is still live see whom they have
/// banned.
const KEPT_FOR: u64 = 24 * 60 * MINUTE;

/// Makes a link for a guest, which works once. Those who run the room, and who vouches for guests in its host's office.
#[utoipa::path(post, path = "/api/rooms/{id}/guests", params(("id" = String, Path)), request_body = NewGuestLink,
    responses((status = 201, body = GuestLink), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 410, body = ApiError), (status = 422, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn make(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<NewGuestLink>,
) -> Result<(StatusCode, Json<GuestLink>), ApiError> {
    let (room, _, principal) = room_with_guests(&app, &id, &caller).await?;
    let name = text::name(&request.name)?;
    if name.chars().count() > NAME_MAX {
        return Err(ApiError::with_message(Code::InvalidName, "A guest's name has 1 to 40 characters."));
    }
    let context = request.context.as_deref().map(|text| text::paragraphs(text, CONTEXT_MAX)).transpose()?;
    if !MINUTES.contains(&request.minutes) {
        let (least, most) = MINUTES.into_inner();
        let message = format!("A guest link works for {least} to {most} minutes.");
        return Err(ApiError::with_message(Code::BadRequest, message));
    }
    let me = caller.member.person.id;
    let by = principal.map_or(GuestBy::Voucher, |_| GuestBy::Office(office(me)));
    let asked = Asked { room, voucher: principal.unwrap_or(me), name, context, minutes: request.minutes };
    offer(&app, asked, by).await
}

/// Somebody who is to be a guest.
pub(super) struct Asked {
    pub(super) room: RoomId,
    pub(super) voucher: MemberId,
    /// Validated, of at most [`NAME_MAX`] characters.
    pub(super) name: String,
    pub(super) context: Option<String>,
    pub(super) minutes: u32,
}

/// Makes a guest with their link.
pub(super) async fn offer(app: &App, asked: Asked, by: GuestBy) -> Result<(StatusCode, Json<GuestLink>), ApiError> {
    let (secret, now) = (Secret::draw(), edge::now());
    let guest = NewGuest {
        id: MemberId(edge::random_128()),
        room: asked.room,
        voucher: asked.voucher,
        code: secret.hash,
        name: asked.name,
        context: asked.context.filter(|text| !text.is_empty()),
        created_at: now,
        expires_at: now.plus(u64::from(asked.minutes) * MINUTE),
    };
    match app.store.create_guest_by(&guest, by, WAITING_MAX).await.map_err(|e| ApiError::internal(&e))? {
        GuestMade::Made => {}
        GuestMade::TooMany => return Err(Code::TooMany.into()),
        GuestMade::Gone => return Err(Code::RoomNotFound.into()),
        GuestMade::NotAllowed => return Err(Code::NotAllowed.into()),
        GuestMade::Taken => {
            let message = "You have used your link. Whoever hosts the talk can make you another one.";
            return Err(ApiError::with_message(Code::AlreadyHere, message));
        }
    }
    let link = guest_link(app.public_url.as_str(), &secret.text);
    let qr = qr_code(&link)?;
    let made = GuestLink { guest: Id(guest.id), name: guest.name, link, qr, until: guest.expires_at.0 };
    Ok((StatusCode::CREATED, Json(made)))
}

/// The guests of a room whose links have not ended. Those who run the room, and of its host's guests who vouches in their office.
#[utoipa::path(get, path = "/api/rooms/{id}/guests", params(("id" = String, Path)),
    responses((status = 200, body = RoomGuests), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 410, body = ApiError)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<Json<RoomGuests>, ApiError> {
    let (room, handle, principal) = room_with_guests(&app, &id, &caller).await?;
    let me = caller.member.person.id;
    let guests = app.store.guests_of_room(room, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
    let summary = handle.summary();
    let known = guests.into_iter().filter(|guest| principal.is_none_or(|of| guest.voucher.id == of));
    let items = known.map(|guest| RoomGuest {
        state: state_of(&guest, &summary),
        guest: Id(guest.person.id),
        name: guest.person.name,
        // The two of them know, and nobody else.
        delegate: guest.delegate.filter(|one| me == one.id || me == guest.voucher.id).map(Into::into),
        office: guest.office,
        by: guest.voucher.into(),
        until: guest.expires_at.0,
    });
    Ok(Json(RoomGuests { items: items.collect() }))
}

fn state_of(guest: &Guest, room: &Summary) -> GuestState {
    let id = guest.person.id;
    match guest.taken {
        _ if room.guests.contains_key(&id) => GuestState::Inside,
        _ if room.waiting.contains_key(&id) => GuestState::Waiting,
        true => GuestState::Taken,
        false => GuestState::Unused,
    }
}

/// Ends a guest's link; when it is answered the guest is out. Those who run the room, and of its host's guests who vouches in their office.
#[utoipa::path(delete, path = "/api/rooms/{id}/guests/{guest}", params(("id" = String, Path), ("guest" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 410, body = ApiError)))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId((id, guest)): PathId<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (room, _, principal) = room_with_guests(&app, &id, &caller).await?;
    let guest: MemberId = guest.parse().map_err(|_| Code::GuestLinkNotFound)?;
    let me = caller.member.person.id;
    let by = if principal.is_some() { Ending::Office(office(me)) } else { Ending::Moderator(me) };
    if to_the_end(async move { end(&app, room, guest, by).await }).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Code::GuestLinkNotFound.into())
    }
}

/// Who ends a guest's pass.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// The guest.
    Themselves,
    /// Somebody who runs the room, in whose log that is.
    Moderator(MemberId),
    /// Somebody in the office of who vouches, in whose log that is.
    Office(GuestOffice),
}

/// Ends a guest's pass, first where it is kept, then in the room. Returns whether it lasted until now.
async fn end(app: &App, room: RoomId, guest: MemberId, by: Ending) -> Result<bool, ApiError> {
    let ended = match by {
        Ending::Themselves | Ending::Moderator(_) => app.store.end_guest(room, guest, edge::now()).await,
        Ending::Office(office) => app.store.end_guest_by_office(room, guest, office, edge::now()).await,
    };
    let Some(guest) = ended.map_err(|e| ApiError::internal(&e))? else { return Ok(false) };
    let id = guest.id;
    let revoked = match by {
        Ending::Moderator(by) => Some(Revoked { by, guest }),
        Ending::Themselves | Ending::Office(_) => None,
    };
    app.rooms.end_pass(room, id, revoked).await;
    Ok(true)
}

/// Somebody who is about to act in an office.
fn office(delegate: MemberId) -> GuestOffice {
    GuestOffice { delegate, act: RecordId(edge::random_128()) }
}

/// What a link is for, for whoever has it and nobody has used it before. A member who may know of the room is told which it is:
/// they need no link.
#[utoipa::path(get, path = "/api/guest-links/{code}", params(("code" = String, Path)),
    responses((status = 200, body = ShownGuestLink), (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    PathId(code): PathId<String>,
    headers: HeaderMap,
) -> Result<Json<ShownGuestLink>, ApiError> {
    let (_, guest, invitation) = invitation(&app, peer, &code).await?;
    let caller = SignedIn::of(&app, &headers, peer.ip()).await?;
    let room = match (caller, app.rooms.get(guest.room)) {
        (Some(caller), Some(room)) => {
            let admission = app.rooms.admits(&room, caller.member.person.id).await?;
            (admission.admitted && !admission.banned).then_some(Id(guest.room))
        }
        _ => None,
    };
    Ok(Json(ShownGuestLink { room, invitation }))
}

/// Makes whoever holds the link its guest, once.
#[utoipa::path(post, path = "/api/guest-links/{code}", params(("code" = String, Path)),
    responses((status = 201, body = GuestSession), (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn take(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    PathId(code): PathId<String>,
) -> Result<Response, ApiError> {
    let (hash, _, invitation) = invitation(&app, peer, &code).await?;
    let (token, now) = (Secret::draw(), edge::now());
    let taken = app.store.take_guest_link(&hash, &token.hash, now).await.map_err(|e| ApiError::internal(&e))?;
    let Some(guest) = taken else { return Err(missed(&app, peer)) };
    // Rounded up: a token that is too old is nobody's anyway.
    let seconds = guest.expires_at.0.saturating_sub(now.0).div_ceil(1000);
    let cookie = guest_cookie(&app, &token.text, seconds);
    let session = GuestSession { guest: Id(guest.person.id), room: Id(guest.room), invitation };
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(session)).into_response())
}

/// What was recorded of whoever came by a link, in pages: they find it, and can take it back, for as long as there is a replay of it, when
/// the link opens nothing else any more. A link by which nothing was recorded is like one that does not exist.
#[utoipa::path(get, path = "/api/guest-links/{code}/tracks",
    params(("code" = String, Path), ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = OwnTracks), (status = 400, body = ApiError), (status = 404, body = ApiError),
        (status = 429, body = ApiError)))]
pub(super) async fn tracks(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    PathId(code): PathId<String>,
    page: AskedPage,
) -> Result<Json<OwnTracks>, ApiError> {
    app.limits.may_address(&GUESSES, peer.ip(), edge::instant())?;
    let first = matches!(&page, Ok(Query(asked)) if asked.is_first());
    let key = Secret::hash_of(&code).ok_or_else(|| missed(&app, peer))?;
    let found = tracks_of(&app, Hearer { key: Some(key), ..Hearer::default() }, page).await?;
    if first && found.items.is_empty() { Err(missed(&app, peer)) } else { Ok(Json(found)) }
}

/// Who the guest is who calls.
#[utoipa::path(get, path = "/api/guest", responses((status = 200, body = GuestSession), (status = 401, body = ApiError)))]
pub(super) async fn me(
    State(app): State<Arc<App>>,
    SignedInGuest { guest, .. }: SignedInGuest,
) -> Result<Json<GuestSession>, ApiError> {
    let invitation = told(&app, &guest).await?.ok_or(Code::NotSignedIn)?;
    Ok(Json(GuestSession { guest: Id(guest.person.id), room: Id(guest.room), invitation }))
}

/// The guest leaves for good.
#[utoipa::path(delete, path = "/api/guest", responses((status = 204), (status = 401, body = ApiError)))]
pub(super) async fn leave(
    State(app): State<Arc<App>>,
    SignedInGuest { guest, .. }: SignedInGuest,
) -> Result<Response, ApiError> {
    let cookie = guest_cookie(&app, "", 0);
    to_the_end(async move { end(&app, guest.room, guest.person.id, Ending::Themselves).await }).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Says no to being called up. Whoever was not, and there where there is no room, is told that there is none.
#[utoipa::path(post, path = "/api/rooms/{id}/call-up/decline", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn decline_call_up(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let id: RoomId = id.parse().map_err(|_| Code::RoomNotFound)?;
    let room = app.rooms.get(id).ok_or(Code::RoomNotFound)?;
    let member = caller.member.person.id;
    match room.ask(|reply| Message::DeclineCallUp { member, reply }).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) if error.code == Code::RoomEnded => Err(Code::RoomNotFound.into()),
        Err(error) => Err(error),
    }
}

/// Forgets guests whose links ended long ago, a few at a time.
pub(crate) async fn tidy(app: &App) {
    let before = Timestamp(edge::now().0.saturating_sub(KEPT_FOR));
    loop {
        match app.store.delete_old_guests(before).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!(%error, "former guests could not be deleted"),
        }
    }
}

/// A live room that the caller runs. Errors: as for [`known_room`], and `not_allowed` for everybody else who may know of it.
async fn moderated_room(app: &App, id: &str, caller: &SignedIn) -> Result<(RoomId, Handle), ApiError> {
    let (id, handle, _) = known_room(app, id, caller).await?;
    if !handle.summary().moderators.contains(&caller.member.person.id) {
        return Err(Code::NotAllowed.into());
    }
    Ok((id, handle))
}

/// A live room of whose guests the caller takes care, and for whom: its host, if they only do so in the host's office. Whether they have that
/// right is asked again by the statements that use it. Errors: as for [`moderated_room`].
async fn room_with_guests(
    app: &App,
    id: &str,
    caller: &SignedIn,
) -> Result<(RoomId, Handle, Option<MemberId>), ApiError> {
    let refused = match moderated_room(app, id, caller).await {
        Ok((room, handle)) => return Ok((room, handle, None)),
        Err(refused) => refused,
    };
    let Some((room, handle)) = id.parse().ok().and_then(|room| Some((room, app.rooms.get(room)?))) else {
        return Err(refused);
    };
    let (host, now) = (handle.summary().card.host.id.0, edge::now());
    let held = app.store.offices_for(caller.member.person.id, now).await.map_err(|e| ApiError::internal(&e))?;
    let vouches = held.iter().any(|held| held.grant.principal == host && held.grant.permits(Right::Guests, now));
    if vouches { Ok((room, handle, Some(host))) } else { Err(refused) }
}

/// The digest of a code, for whom it was made, and what for. Codes that do not work look alike, and are counted against the
/// caller's address.
async fn invitation(app: &App, peer: SocketAddr, code: &str) -> Result<(Hash, Guest, GuestInvitation), ApiError> {
    app.limits.may_address(&GUESSES, peer.ip(), edge::instant())?;
    let hash = Secret::hash_of(code).ok_or_else(|| missed(app, peer))?;
    let guest = app.store.guest_by_code(&hash, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
    let Some(guest) = guest else { return Err(missed(app, peer)) };
    let invitation = told(app, &guest).await?.ok_or_else(|| missed(app, peer))?;
    Ok((hash, guest, invitation))
}

/// Counts a miss against the caller's address, and answers it.
fn missed(app: &App, peer: SocketAddr) -> ApiError {
    match app.limits.address(&GUESSES, peer.ip(), edge::instant()) {
        Ok(()) => Code::GuestLinkNotFound.into(),
        Err(too_many) => too_many.into(),
    }
}

/// What a guest is asked to; `None` if the room is not live.
async fn told(app: &App, guest: &Guest) -> Result<Option<GuestInvitation>, ApiError> {
    let Some(room) = app.rooms.get(guest.room) else { return Ok(None) };
    let summary = room.summary();
    let house = match summary.house() {
        // What a house says is the same for everybody who is told of it.
        Some(house) => app.store.house(house, guest.voucher.id).await.map_err(|e| ApiError::internal(&e))?,
        None => None,
    };
    Ok(Some(GuestInvitation {
        title: summary.card.title.clone(),
        language: summary.card.language.clone(),
        name: guest.person.name.clone(),
        by: guest.voucher.clone().into(),
        office: guest.office,
        context: guest.context.clone(),
        until: guest.expires_at.0,
        rules: house.map(|house| house.text.rules).filter(|rules| !rules.is_empty()),
        recording: summary.card.recording,
        server: app.settings.get().name.clone(),
    }))
}
