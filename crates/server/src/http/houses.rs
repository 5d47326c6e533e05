//! Houses: looking at them, making and changing them, and who belongs to them.
//!
//! A house that the caller may not know of is `house_not_found` on every route, exactly like one that does not exist. Who may
//! change something is asked again by the statement that changes it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use roomtone_room::ids::{HouseId, MemberId, RecordId, Timestamp};
use roomtone_store::{self as store, HouseAct, HouseChanged, HouseMade, HouseText, Joined, Nominated, StoreError};

use super::auth::SignedIn;
use super::body::{Body, MaybeBody, PathId, to_the_end};
use super::paging::{AskedPage, PAGE, after, next, place, read_number, write_place};
use super::people::visible;
use super::text;
use crate::app::App;
use crate::edge;
use crate::notices::Tell;
use crate::wire::houses::{
    AnswerNomination, ChangeHouse, House, HouseBans, HouseCard, HouseLog, HouseMember, HouseMembers, HouseReason,
    HouseRole, Houses, JoinHouse, NewHouse, NewNomination, Nominated as NominationMade, Nomination, Nominations,
    SetHouseRole,
};
use crate::wire::notices::NoticeKind;
use crate::wire::{ApiError, Code, Id};

/// Most characters of what a house is about, of its rules, and of why somebody is nominated.
const ABOUT_MAX: usize = 500;
const RULES_MAX: usize = 4_000;
const NOTE_MAX: usize = 280;

/// Most characters of why an admin does something.
const REASON_MAX: usize = 280;

/// The caller's houses, and others to discover.
#[utoipa::path(get, path = "/api/houses", params(("after" = Option<String>, Query)),
    responses((status = 200, body = Houses), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    page: AskedPage,
) -> Result<Json<Houses>, ApiError> {
    let me = caller.member.person.id;
    let after = after(page, |text| {
        let (members, id) = text.split_once('.')?;
        Some((read_number(members)?, id.parse().ok()?))
    })?;
    let mine = match after {
        None => app.store.houses_of(me).await.map_err(internal)?,
        Some(_) => Vec::new(),
    };
    let items = app.store.houses_to_discover(me, after, PAGE).await.map_err(internal)?;
    let next = next(&items, PAGE as usize, |house| format!("{}.{}", house.members, house.id));
    Ok(Json(Houses { mine: cards(mine), items: cards(items), next }))
}

/// Makes a house; its maker is its admin.
#[utoipa::path(post, path = "/api/houses", request_body = NewHouse,
    responses((status = 201, body = House), (status = 401, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NewHouse>,
) -> Result<(StatusCode, Json<House>), ApiError> {
    let handle = text::handle(&request.handle)?;
    let language = request.language.as_deref().unwrap_or(&caller.member.language);
    let house = store::NewHouse {
        id: HouseId(edge::random_128()),
        handle: handle.text,
        skeleton: handle.skeleton,
        text: HouseText {
            name: text::name(&request.name)?,
            about: text::paragraphs(&request.about, ABOUT_MAX)?,
            rules: text::paragraphs(&request.rules, RULES_MAX)?,
            language: text::language(language)?.to_owned(),
            private: request.private,
            nominated: request.nominated,
        },
    };
    let me = caller.member.person.id;
    match app.store.create_house(&house, me, edge::now()).await.map_err(internal)? {
        HouseMade::Made => {}
        HouseMade::HandleTaken => return Err(Code::HandleTaken.into()),
        HouseMade::TooMany => return Err(Code::TooManyHouses.into()),
    }
    app.live.changed(me);
    app.search.changed();
    let made = app.store.house(house.id, me).await.map_err(internal)?.ok_or(Code::HouseNotFound)?;
    Ok((StatusCode::CREATED, Json(shown(&app, me, made).await?)))
}

/// One house.
#[utoipa::path(get, path = "/api/houses/{handle}", params(("handle" = String, Path)),
    responses((status = 200, body = House), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<Json<House>, ApiError> {
    let me = caller.member.person.id;
    let house = house_for(&app, me, &handle).await?;
    shown(&app, me, house).await.map(Json)
}

/// Changes a house. Admins only.
#[utoipa::path(patch, path = "/api/houses/{handle}", params(("handle" = String, Path)), request_body = ChangeHouse,
    responses((status = 200, body = House), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    Body(request): Body<ChangeHouse>,
) -> Result<Json<House>, ApiError> {
    let me = caller.member.person.id;
    let house = house_for(&app, me, &handle).await?;
    let now = house.text;
    let text = HouseText {
        name: request.name.map_or(Ok(now.name), |name| text::name(&name))?,
        about: request.about.map_or(Ok(now.about), |about| text::paragraphs(&about, ABOUT_MAX))?,
        rules: request.rules.map_or(Ok(now.rules), |rules| text::paragraphs(&rules, RULES_MAX))?,
        language: request.language.map_or(Ok(now.language), |tag| text::language(&tag).map(str::to_owned))?,
        private: request.private.unwrap_or(now.private),
        nominated: request.nominated.unwrap_or(now.nominated),
    };
    to_the_end(async move {
        if !app.store.change_house(house.id, me, &text, edge::now()).await.map_err(internal)? {
            return Err(Code::NotAllowed.into());
        }
        app.rooms.house_changed(house.id).await?;
        app.search.changed();
        let changed = app.store.house(house.id, me).await.map_err(internal)?.ok_or(Code::HouseNotFound)?;
        shown(&app, me, changed).await.map(Json)
    })
    .await
}

/// Ends a house. Admins only.
#[utoipa::path(delete, path = "/api/houses/{handle}", params(("handle" = String, Path)),
    request_body = Option<HouseReason>,
    responses((status = 204), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    MaybeBody(why): MaybeBody<HouseReason>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let house = house_for(&app, me, &handle).await?;
    let act = act(me, why)?;
    to_the_end(async move {
        if !app.store.delete_house(house.id, &act).await.map_err(internal)? {
            return Err(Code::NotAllowed.into());
        }
        app.rooms.house_changed(house.id).await?;
        app.live.changed(me);
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Who belongs to a house, except those with whom there is a block.
#[utoipa::path(get, path = "/api/houses/{handle}/members",
    params(("handle" = String, Path), ("after" = Option<String>, Query)),
    responses((status = 200, body = HouseMembers), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn members(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    page: AskedPage,
) -> Result<Json<HouseMembers>, ApiError> {
    let me = caller.member.person.id;
    let after = after(page, |text| {
        let mut parts = text.split('.');
        let role = match parts.next()? {
            "admin" => store::HouseRole::Admin,
            "member" => store::HouseRole::Member,
            _ => return None,
        };
        let since = read_number(parts.next()?)?;
        let place = (role, Timestamp(since), parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(place)
    })?;
    let house = house_for(&app, me, &handle).await?;
    let items = app.store.house_members(house.id, me, after, PAGE).await.map_err(internal)?;
    let next = next(&items, PAGE as usize, |member| {
        let role = if member.role == store::HouseRole::Admin { "admin" } else { "member" };
        format!("{role}.{}.{}", member.since.0, member.person.id)
    });
    let items = items.into_iter().map(|member| HouseMember {
        person: member.person.into(),
        role: Some(member.role).into(),
        since: member.since.0,
    });
    Ok(Json(HouseMembers { items: items.collect(), next }))
}

/// Joins a house, or accepts rules that have changed.
#[utoipa::path(put, path = "/api/houses/{handle}/membership", params(("handle" = String, Path)), request_body = JoinHouse,
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError)))]
pub(super) async fn join(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    Body(request): Body<JoinHouse>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let house = house_for(&app, me, &handle).await?;
    if !request.rules_accepted {
        return Err(Code::HouseRules.into());
    }
    match app.store.join_house(house.id, me, edge::now()).await.map_err(internal)? {
        Joined::New { nominator } => {
            if let Some(nominator) = nominator {
                app.notices.tell(Tell::new(nominator, NoticeKind::HouseJoined).by(me).about(house.id.0));
            }
        }
        Joined::Already => {}
        Joined::NominationNeeded => return Err(Code::NominationNeeded.into()),
        Joined::Banned => return Err(Code::NotAllowed.into()),
        Joined::TooMany => return Err(Code::TooManyHouses.into()),
        Joined::Missing => return Err(Code::HouseNotFound.into()),
    }
    app.live.changed(me);
    Ok(StatusCode::NO_CONTENT)
}

/// Leaves a house.
#[utoipa::path(delete, path = "/api/houses/{handle}/membership", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn leave(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let house = house_for(&app, me, &handle).await?;
    to_the_end(async move {
        match app.store.leave_house(house.id, me).await.map_err(internal)? {
            HouseChanged::LastAdmin => return Err(Code::LastAdmin.into()),
            HouseChanged::Done | HouseChanged::NotMember | HouseChanged::NotAllowed => {}
        }
        app.rooms.put_out_of_house(house.id, me).await;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Hears of a house's rooms from now on.
#[utoipa::path(put, path = "/api/houses/{handle}/follow", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let house = house_for(&app, me, &handle).await?;
    if !app.store.follow_house(house.id, me, edge::now()).await.map_err(internal)? {
        return Err(Code::NotAllowed.into());
    }
    app.live.changed(me);
    Ok(StatusCode::NO_CONTENT)
}

/// Does not hear of a house's rooms any more.
#[utoipa::path(delete, path = "/api/houses/{handle}/follow", params(("handle" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn unfollow(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let house = house_for(&app, me, &handle).await?;
    app.store.unfollow_house(house.id, me).await.map_err(internal)?;
    app.live.changed(me);
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a member an admin, or an admin a member. Admins only.
#[utoipa::path(put, path = "/api/houses/{handle}/members/{member}",
    params(("handle" = String, Path), ("member" = String, Path)), request_body = SetHouseRole,
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn set_role(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId((handle, member)): PathId<(String, String)>,
    Body(request): Body<SetHouseRole>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let house = house_of_admin(&app, me, &handle).await?;
    let admin = match request.role {
        HouseRole::Admin => true,
        HouseRole::Member => false,
        HouseRole::None | HouseRole::Follower => return Err(Code::BadRequest.into()),
    };
    let member = visible(&app, me, &member).await?.person.id;
    let act = act(me, Some(HouseReason { reason: request.reason }))?;
    match app.store.set_house_role(house, member, admin, &act).await.map_err(internal)? {
        HouseChanged::Done => Ok(StatusCode::NO_CONTENT),
        HouseChanged::LastAdmin => Err(Code::LastAdmin.into()),
        HouseChanged::NotMember => Err(Code::MemberNotFound.into()),
        HouseChanged::NotAllowed => Err(Code::NotAllowed.into()),
    }
}

/// Removes somebody for good. Admins only.
#[utoipa::path(delete, path = "/api/houses/{handle}/members/{member}",
    params(("handle" = String, Path), ("member" = String, Path)), request_body = Option<HouseReason>,
    responses((status = 204), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn ban(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId((handle, member)): PathId<(String, String)>,
    MaybeBody(why): MaybeBody<HouseReason>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let house = house_of_admin(&app, me, &handle).await?;
    let member = moderated(&app, me, house, &member).await?;
    if member == me {
        return Err(Code::TargetProtected.into());
    }
    let act = act(me, why)?;
    to_the_end(async move {
        match app.store.ban_from_house(house, member, &act).await.map_err(internal)? {
            HouseChanged::Done | HouseChanged::NotMember => {}
            HouseChanged::LastAdmin => return Err(Code::LastAdmin.into()),
            HouseChanged::NotAllowed => return Err(Code::NotAllowed.into()),
        }
        app.rooms.put_out_of_house(house, member).await;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Who was removed for good. Admins only.
#[utoipa::path(get, path = "/api/houses/{handle}/bans",
    params(("handle" = String, Path), ("after" = Option<String>, Query)),
    responses((status = 200, body = HouseBans), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn bans(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    page: AskedPage,
) -> Result<Json<HouseBans>, ApiError> {
    let after = after(page, |text| text.parse().ok())?;
    let house = house_of_admin(&app, caller.member.person.id, &handle).await?;
    let items = app.store.house_bans(house, after, PAGE).await.map_err(internal)?;
    let next = next(&items, PAGE as usize, |person| person.id.to_string());
    Ok(Json(HouseBans { items: items.into_iter().map(Into::into).collect(), next }))
}

/// Lifts a ban. Admins only.
#[utoipa::path(delete, path = "/api/houses/{handle}/bans/{member}",
    params(("handle" = String, Path), ("member" = String, Path)), request_body = Option<HouseReason>,
    responses((status = 204), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn lift_ban(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId((handle, member)): PathId<(String, String)>,
    MaybeBody(why): MaybeBody<HouseReason>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let house = house_of_admin(&app, me, &handle).await?;
    let member = moderated(&app, me, house, &member).await?;
    app.store.lift_house_ban(house, member, &act(me, why)?).await.map_err(internal)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What admins did in a house. Admins of it only.
#[utoipa::path(get, path = "/api/houses/{handle}/log",
    params(("handle" = String, Path), ("after" = Option<String>, Query)),
    responses((status = 200, body = HouseLog), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn log(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    page: AskedPage,
) -> Result<Json<HouseLog>, ApiError> {
    let me = caller.member.person.id;
    let after = place(page)?;
    let house = house_of_admin(&app, me, &handle).await?;
    let items = app.store.house_log(house, me, after, PAGE).await.map_err(internal)?;
    let next = next(&items, PAGE as usize, |record| write_place(record.at, record.id));
    Ok(Json(HouseLog { items: items.into_iter().map(Into::into).collect(), next }))
}

/// Nominates somebody. Members of the house only; an admin's nomination needs nobody's consent.
#[utoipa::path(post, path = "/api/houses/{handle}/nominations", params(("handle" = String, Path)),
    request_body = NewNomination,
    responses((status = 201, body = NominationMade), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn nominate(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    Body(request): Body<NewNomination>,
) -> Result<(StatusCode, Json<NominationMade>), ApiError> {
    let me = caller.member.person.id;
    let house = house_for(&app, me, &handle).await?.id;
    let note = text::paragraphs(&request.note, NOTE_MAX)?;
    let nominee = visible(&app, me, &request.handle).await?.person.id;
    let id = RecordId(edge::random_128());
    let accepted = match app.store.nominate(house, me, nominee, id, &note, edge::now()).await.map_err(internal)? {
        Nominated::Waiting(admins) => {
            for admin in admins {
                app.notices.tell(Tell::new(admin, NoticeKind::Nomination).by(me).about(house.0));
            }
            false
        }
        Nominated::Accepted => {
            app.notices.tell(Tell::new(nominee, NoticeKind::HouseInvited).by(me).about(house.0));
            true
        }
        Nominated::Already => return Err(Code::NothingToChange.into()),
        Nominated::NotAllowed => return Err(Code::NotAllowed.into()),
    };
    Ok((StatusCode::CREATED, Json(NominationMade { accepted })))
}

/// Nominations that wait for an admin. Admins only.
#[utoipa::path(get, path = "/api/houses/{handle}/nominations",
    params(("handle" = String, Path), ("after" = Option<String>, Query)),
    responses((status = 200, body = Nominations), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn nominations(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(handle): PathId<String>,
    page: AskedPage,
) -> Result<Json<Nominations>, ApiError> {
    let me = caller.member.person.id;
    let after = after(page, |text| text.parse().ok())?;
    let house = house_of_admin(&app, me, &handle).await?;
    let items = app.store.nominations(house, me, after, PAGE).await.map_err(internal)?;
    let next = next(&items, PAGE as usize, |nomination| nomination.id.to_string());
    let items = items.into_iter().map(|nomination| Nomination {
        id: Id(nomination.id),
        nominee: nomination.nominee.into(),
        nominator: nomination.nominator.map(Into::into),
        note: nomination.note,
        created_at: nomination.created_at.0,
    });
    Ok(Json(Nominations { items: items.collect(), next }))
}

/// Agrees to a nomination, or deletes it. Admins only.
#[utoipa::path(post, path = "/api/houses/{handle}/nominations/{id}",
    params(("handle" = String, Path), ("id" = String, Path)), request_body = AnswerNomination,
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn answer_nomination(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId((handle, id)): PathId<(String, String)>,
    Body(request): Body<AnswerNomination>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let house = house_of_admin(&app, me, &handle).await?;
    let id: RecordId = id.parse().map_err(|_| Code::NotFound)?;
    let answered = app.store.answer_nomination(house, me, id, request.accept, edge::now()).await.map_err(internal)?;
    let nominee = answered.ok_or(Code::NotFound)?;
    if request.accept {
        app.notices.tell(Tell::new(nominee, NoticeKind::HouseInvited).by(me).about(house.0));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What an admin of a house is about to do there, and why.
fn act(by: MemberId, why: Option<HouseReason>) -> Result<HouseAct, ApiError> {
    let reason = text::paragraphs(&why.unwrap_or_default().reason, REASON_MAX)?;
    Ok(HouseAct { id: RecordId(edge::random_128()), by, at: edge::now(), reason })
}

/// The house with a handle, as far as the member may know of it.
pub(super) async fn house_for(app: &App, member: MemberId, handle: &str) -> Result<store::House, ApiError> {
    let found = app.store.house_by_handle(handle, member).await.map_err(internal)?;
    found.filter(|house| house.standing.may_see()).ok_or_else(|| Code::HouseNotFound.into())
}

/// A house as a member sees it, who may.
async fn shown(app: &App, member: MemberId, house: store::House) -> Result<House, ApiError> {
    let mut rooms = Vec::new();
    for room in app.rooms.all() {
        if room.summary().house() == Some(house.id) && app.rooms.admits(&room, member).await?.admitted {
            rooms.push(room.summary().card.clone());
        }
    }
    rooms.sort_by_key(|card| (std::cmp::Reverse(card.opened_at), card.id));
    Ok(House {
        rules: house.text.rules.clone(),
        rules_seen: house.standing.rules_seen,
        banned: house.standing.banned,
        created_at: house.created_at.0,
        rooms,
        card: house.into(),
    })
}

/// The same for its admins; other people who may know of it are refused with `not_allowed`.
async fn house_of_admin(app: &App, member: MemberId, handle: &str) -> Result<HouseId, ApiError> {
    let house = house_for(app, member, handle).await?;
    if house.standing.role != Some(store::HouseRole::Admin) {
        return Err(Code::NotAllowed.into());
    }
    Ok(house.id)
}

/// The member with a handle, as far as an admin of the house may act on them: whoever may be known, and in the house, or kept
/// out of it, everybody, since nobody escapes its admins by blocking them.
async fn moderated(app: &App, admin: MemberId, house: HouseId, handle: &str) -> Result<MemberId, ApiError> {
    match visible(app, admin, handle).await {
        Err(error) if error.code == Code::MemberNotFound => {}
        found => return found.map(|member| member.person.id),
    }
    let found = app.store.member_by_handle(handle).await.map_err(internal)?.ok_or(Code::MemberNotFound)?;
    let standing = app.store.house_standing(house, found.person.id).await.map_err(internal)?;
    let belongs = standing.is_some_and(|standing| standing.role.is_some() || standing.banned);
    if belongs { Ok(found.person.id) } else { Err(Code::MemberNotFound.into()) }
}

fn cards(houses: Vec<store::House>) -> Vec<HouseCard> {
    houses.into_iter().map(Into::into).collect()
}

fn internal(error: StoreError) -> ApiError {
    ApiError::internal(&error)
}
