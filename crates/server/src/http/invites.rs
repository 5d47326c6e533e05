//! Getting in: one invite, one member; and the invites that members make.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fast_qr::QRBuilder;
use fast_qr::convert::Builder;
use fast_qr::convert::svg::SvgBuilder;
use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{Earned, Hash, InviteInfo, MemberInvite, NewMember, OwnInvite, RedeemError};

use super::auth::{SignedIn, Visitor, sign_in_cookie};
use super::body::{Body, PathId};
use super::me::me_with;
use super::paging::{AskedPage, next, place, write_place};
use super::{sessions, text};
use crate::app::App;
use crate::cli::join_link;
use crate::edge::{self, Secret};
use crate::limits::{GUESSES, HANDLES_OF_INVITE};
use crate::notices::Tell;
use crate::rooms::Onlooker;
use crate::wire::http::{Me, Redeem, RoomCard};
use crate::wire::invites::{Invite, InviteMade, MyInvite, MyInvites, NewInvite, Server};
use crate::wire::notices::NoticeKind;
use crate::wire::{ApiError, Code, Id};

/// Days for which an invite may work at most. More lets links lie about for longer.
pub(super) const DAYS_MAX: u32 = 365;

/// Characters of what somebody writes for somebody else about coming in, or about keeping out.
pub(super) const NOTE_MAX: usize = 500;

/// Milliseconds in a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// What anybody may know of this server.
#[utoipa::path(get, path = "/api/server", responses((status = 200, body = Server), (status = 429, body = ApiError)))]
pub(super) async fn server(State(app): State<Arc<App>>, _: Visitor) -> Json<Server> {
    let settings = app.settings.get();
    Json(Server { name: settings.name.clone(), languages: settings.languages.clone(), waitlist: settings.waitlist })
}

/// What an invite is for.
#[utoipa::path(get, path = "/api/invites/{code}", params(("code" = String, Path)),
    responses((status = 200, body = Invite), (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    PathId(code): PathId<String>,
) -> Result<Json<Invite>, ApiError> {
    let hash = known_form(&app, peer, &code)?;
    match app.store.invite(&hash, edge::now()).await.map_err(|e| ApiError::internal(&e))? {
        Some(invite) => Ok(Json(Invite {
            room: room_of_sponsor(&app, &invite),
            sponsor: invite.sponsor.map(Into::into),
            owner: invite.owner,
            server: app.settings.get().name.clone(),
            note: invite.note,
            handle: invite.handle,
        })),
        None => Err(missed(&app, peer)),
    }
}

/// The room where the sponsor is, if they let it be seen and it shows itself to every member.
fn room_of_sponsor(app: &App, invite: &InviteInfo) -> Option<RoomCard> {
    let sponsor = invite.sponsor.as_ref().filter(|_| invite.sponsor_seen)?;
    let summary = app.rooms.get(app.rooms.room_of(sponsor.id)?)?.summary();
    let nobody = Onlooker {
        // An id that is drawn for nobody, so nobody has named it.
        member: MemberId(0),
        blocked: &HashSet::new(),
        entry: crate::rooms::HouseEntry::Stranger,
        followed_by_moderator: false,
    };
    summary.shows_itself_to(&nobody).then(|| summary.card.clone())
}

/// Makes a member of whoever holds the code, once, and signs them in.
#[utoipa::path(post, path = "/api/invites/{code}/redeem", params(("code" = String, Path)), request_body = Redeem,
    responses((status = 201, body = Me), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError), (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn redeem(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    PathId(code): PathId<String>,
    headers: HeaderMap,
    Body(request): Body<Redeem>,
) -> Result<Response, ApiError> {
    let hash = known_form(&app, peer, &code)?;
    let now = edge::now();
    let member = match new_member(&request) {
        Ok(member) => member,
        // An invented code is answered the same whatever goes with it.
        Err(error) => {
            let invite = app.store.invite(&hash, now).await.map_err(|e| ApiError::internal(&e))?;
            return Err(if invite.is_some() { error } else { missed(&app, peer) });
        }
    };
    let invite = URL_SAFE_NO_PAD.encode(hash);
    app.limits.may_subject(&HANDLES_OF_INVITE, &invite, edge::instant())?;
    let (token, session) = sessions::new(&headers);
    let redeemed = match app.store.redeem(&hash, now, member, session).await {
        Ok(redeemed) => redeemed,
        Err(RedeemError::NotFound) => return Err(missed(&app, peer)),
        Err(RedeemError::HandleTaken) => {
            app.limits.subject(&HANDLES_OF_INVITE, &invite, edge::instant())?;
            return Err(Code::HandleTaken.into());
        }
        Err(RedeemError::Store(error)) => return Err(ApiError::internal(&error)),
    };
    tracing::info!("an invite was redeemed");
    metrics::counter!("roomtone_members_joined_total").increment(1);
    app.search.changed();
    if let Some(sponsor) = &redeemed.member.sponsor {
        app.notices.tell(Tell::new(sponsor.id, NoticeKind::InviteUsed).by(redeemed.member.person.id));
    }
    let me = me_with(&app, redeemed.member, false);
    let cookie = sign_in_cookie(&app, &token.text);
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(me)).into_response())
}

/// The caller's invites, and how many are left.
#[utoipa::path(get, path = "/api/invites/mine",
    params(("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = MyInvites), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(super) async fn mine(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    page: AskedPage,
) -> Result<Json<MyInvites>, ApiError> {
    let after = place(page)?;
    let (me, now) = (caller.member.person.id, edge::now());
    let each = app.settings.get().invites_per_member;
    let internal = |error| ApiError::internal(&error);
    let left = app.store.invites_left(me, each, now).await.map_err(internal)?.ok_or(Code::NotSignedIn)?;
    let blocked = app.store.blocked_with(me).await.map_err(internal)?;
    let mut items = app.store.invites_of(me, after, now).await.map_err(internal)?;
    for invite in &mut items {
        invite.guest = invite.guest.take().filter(|guest| !blocked.contains(&guest.id));
    }
    let next = next(&items, roomtone_store::PAGE, |invite| write_place(invite.created_at, invite.id));
    let items = items.into_iter().map(Into::into).collect();
    Ok(Json(MyInvites { left: left.left, earned: left.earned, items, next }))
}

/// Makes an invite, if the caller has one left.
#[utoipa::path(post, path = "/api/invites", request_body = NewInvite,
    responses((status = 201, body = InviteMade), (status = 401, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn make(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NewInvite>,
) -> Result<(StatusCode, Json<InviteMade>), ApiError> {
    let settings = app.settings.get();
    let note = text::paragraphs(&request.note, NOTE_MAX)?;
    let days = request.days.unwrap_or(settings.invite_days);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(ApiError::with_message(Code::BadRequest, format!("An invite works for 1 to {DAYS_MAX} days.")));
    }
    let (secret, now) = (Secret::draw(), edge::now());
    let link = join_link(app.public_url.as_str(), &secret.text);
    let qr = qr_code(&link)?;
    let invite = MemberInvite {
        id: RecordId(edge::random_128()),
        hash: secret.hash,
        sponsor: caller.member.person.id,
        note,
        created_at: now,
        expires_at: in_days(now, days),
    };
    let made = app.store.create_member_invite(&invite, settings.invites_per_member).await;
    if !made.map_err(|e| ApiError::internal(&e))? {
        return Err(Code::NoInvitesLeft.into());
    }
    Ok((StatusCode::CREATED, Json(InviteMade { id: Id(invite.id), link, qr, expires_at: invite.expires_at.0 })))
}

/// Takes an invite of the caller's back that nobody has used.
#[utoipa::path(delete, path = "/api/invites/mine/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let id = id.parse().map_err(|_| Code::InviteNotFound)?;
    let revoked = app.store.revoke_invite(caller.member.person.id, id, edge::now()).await;
    match revoked.map_err(|e| ApiError::internal(&e))? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Code::InviteNotFound.into()),
    }
}

/// Writes down who took part, tells sponsors what they have earned by it, and forgets those whose time on the waiting list is
/// over.
pub(crate) async fn tidy(app: &App) {
    let now = edge::now();
    loop {
        match app.visits.write_some(&app.store, now).await {
            // Told at once: a later part may fail, or the server stop.
            Ok(Some(earned)) => {
                for Earned { sponsor, guest } in earned {
                    app.notices.tell(Tell::new(sponsor, NoticeKind::InviteEarned).by(guest));
                }
            }
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "who took part could not be written down yet");
                break;
            }
        }
    }
    if let Err(error) = app.store.forget_waiting(now).await {
        tracing::warn!(%error, "the waiting list could not be tidied yet");
    }
}

impl From<OwnInvite> for MyInvite {
    fn from(invite: OwnInvite) -> Self {
        Self {
            id: Id(invite.id),
            note: invite.note,
            created_at: invite.created_at.0,
            expires_at: invite.expires_at.map(|at| at.0),
            state: invite.state.into(),
            guest: invite.guest.map(Into::into),
            waiting: invite.waiting,
        }
    }
}

/// The moment some days from now.
pub(super) fn in_days(now: Timestamp, days: u32) -> Timestamp {
    now.plus(u64::from(days) * DAY)
}

/// A link as a QR code, in SVG.
pub(super) fn qr_code(link: &str) -> Result<String, ApiError> {
    // Fails if the link is too long for any code, which a public URL of some thousand characters would make it.
    let code = QRBuilder::new(link).build().map_err(|error| {
        tracing::error!(?error, "a link does not fit a QR code");
        ApiError::from(Code::Internal)
    })?;
    Ok(SvgBuilder::default().margin(4).to_str(&code))
}

/// Whom a redemption asks for, if all of it is as it must be.
fn new_member(request: &Redeem) -> Result<NewMember, ApiError> {
    let text::Handle { text: handle, skeleton } = text::handle(&request.handle)?;
    Ok(NewMember {
        id: MemberId(edge::random_128()),
        handle,
        skeleton,
        name: text::name(&request.name)?,
        language: text::language(&request.language)?.to_owned(),
    })
}

/// The hash of a code, if it has the form of one and the caller may still guess: before it is asked for, since others wait
/// behind it.
fn known_form(app: &App, peer: SocketAddr, code: &str) -> Result<Hash, ApiError> {
    app.limits.may_address(&GUESSES, peer.ip(), edge::instant())?;
    Secret::hash_of(code).ok_or_else(|| missed(app, peer))
}

/// Counts a miss against the caller's address, and answers it.
fn missed(app: &App, peer: SocketAddr) -> ApiError {
    match app.limits.address(&GUESSES, peer.ip(), edge::instant()) {
        Ok(()) => Code::InviteNotFound.into(),
        Err(too_many) => too_many.into(),
    }
}
