//! Events: announcing them, what becomes of them, and reading them.
//!
//! An event that the caller may not know of is `event_not_found` on every route, exactly like one that does not exist. Who may
//! change something is asked again by the statement that changes it.

mod calendar;
mod people;
mod room;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use roomtone_room::Kind;
use roomtone_room::agenda::{self, AHEAD_MAX, COHOSTS_MAX, MINUTES, OPEN_BEFORE, Refusal};
use roomtone_room::ids::{EventId, HouseId, MemberId, Timestamp};
use roomtone_store::{self as store, EventDone, EventPlan, EventText, EventsOf, HouseRole, StoreError};
use serde::Deserialize;

pub(super) use calendar::{
    __path_calendar, __path_end_calendar, __path_new_calendar, calendar, end_calendar, new_calendar,
};
pub(super) use people::{
    __path_accept_cohost, __path_ask_cohost, __path_leave_cohost, __path_remove_cohost, __path_set_poll,
    __path_subscribe, __path_unsubscribe, __path_vote, accept_cohost, ask_cohost, leave_cohost, remove_cohost,
    set_poll, subscribe, unsubscribe, vote,
};
pub(super) use room::{__path_open_room, open_room};

use super::auth::{Reader, SignedIn};
use super::body::{Body, MaybeBody, PathId, to_the_end};
use super::houses::house_for;
use super::paging::{self, PAGE, next, read_number, write_place};
use super::people::visible;
use super::rooms::{TOPICS_MAX, house_of};
use super::text;
use crate::app::App;
use crate::edge;
use crate::events::recurrence;
use crate::notices::Tell;
use crate::notices::choices::is_time_zone;
use crate::wire::events::{CancelEvent, ChangeEvent, Event, EventAct, EventCard, EventDate, Events, NewEvent};
use crate::wire::notices::NoticeKind;
use crate::wire::{ApiError, Code};

/// Most characters of what an event is about.
const ABOUT_MAX: usize = 4_000;

/// Most characters of why one is cancelled.
const REASON_MAX: usize = 280;

/// How long an event is planned for, in minutes, if nobody says.
const MINUTES_USUAL: u32 = 60;

/// Which events a list is of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    /// Everybody's.
    #[default]
    All,
    /// Those of people whom the caller follows, of their houses and their own, and those to which they subscribe.
    Upcoming,
    /// Those that the caller hosts, alone or too, or was asked to.
    Mine,
    /// Those to which the caller subscribes.
    Subscribed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default, rename = "box")]
    which: Which,
    house: Option<String>,
    person: Option<String>,
    dated: Option<bool>,
    #[serde(default)]
    past: bool,
    after: Option<String>,
}

/// Events of everybody, of a house, of a person, or of the caller: those that are not over, or those that took place.
#[utoipa::path(get, path = "/api/events",
    params(("box" = Option<String>, Query, description = "One of all, upcoming, mine, subscribed; all if absent"),
        ("house" = Option<String>, Query, description = "The handle of a house"),
        ("person" = Option<String>, Query, description = "The handle of a member"),
        ("dated" = Option<bool>, Query, description = "Only those with a date, or only those without one"),
        ("past" = Option<bool>, Query, description = "Those that took place, the last first, in place of those to come"),
        ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Events), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Events>, ApiError> {
    let Query(asked) = asked.map_err(|_| Code::BadRequest)?;
    let me = caller.member.person.id;
    let of = match (asked.which, &asked.house, &asked.person) {
        (Which::All, Some(house), None) => EventsOf::House(house_for(&app, me, house).await?.id),
        (Which::All, None, Some(person)) => EventsOf::Person(visible(&app, me, person).await?.person.id),
        (Which::All, None, None) => EventsOf::All,
        (Which::Upcoming, None, None) => EventsOf::Around,
        (Which::Mine, None, None) => EventsOf::Mine,
        (Which::Subscribed, None, None) => EventsOf::Subscribed,
        _ => return Err(Code::BadRequest.into()),
    };
    if asked.past {
        if asked.dated.is_some() {
            return Err(ApiError::with_message(Code::BadRequest, "What took place has a date."));
        }
        let after = asked.after.map(|text| paging::read_place(&text).ok_or(Code::BadRequest)).transpose()?;
        let items = app.store.past_events(of, Some(me), after, PAGE).await.map_err(internal)?;
        let next =
            next(&items, PAGE as usize, |event| write_place(event.agenda.starts_at.unwrap_or(Timestamp(0)), event.id));
        return Ok(Json(Events { items: items.into_iter().map(EventCard::from).collect(), next }));
    }
    let after = asked.after.map(|text| read_place(&text).ok_or(Code::BadRequest)).transpose()?;
    let items = app.store.upcoming_events(of, Some(me), asked.dated, after, PAGE).await.map_err(internal)?;
    let next = next(&items, PAGE as usize, |event| {
        let date = event.agenda.starts_at.map_or(i64::MAX as u64, |at| at.0);
        format!("{date}.{}.{}", event.created_at.0, event.id)
    });
    Ok(Json(Events { items: items.into_iter().map(EventCard::from).collect(), next }))
}

/// Reads where a page begins.
fn read_place(text: &str) -> Option<store::EventPlace> {
    let mut parts = text.split('.');
    let place =
        (Timestamp(read_number(parts.next()?)?), Timestamp(read_number(parts.next()?)?), parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(place)
}

/// Announces an event, with a date or without one.
#[utoipa::path(post, path = "/api/events", request_body = NewEvent,
    responses((status = 201, body = Event), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NewEvent>,
) -> Result<(StatusCode, Json<Event>), ApiError> {
    let me = caller.member.person.id;
    let now = edge::now();
    let language = request.language.as_deref().unwrap_or(&caller.member.language);
    let text = EventText {
        title: text::title(&request.title)?,
        about: text::paragraphs(&request.about, ABOUT_MAX)?,
        language: text::language(language)?.to_owned(),
        topics: text::topics(&request.topics, TOPICS_MAX)?,
    };
    let starts_at = request.starts_at.map(|at| date(at, now)).transpose()?;
    let plan = plan(
        request.kind.map_or(Kind::Open, Into::into),
        request.minutes.unwrap_or(MINUTES_USUAL),
        request.time_zone,
        request.recurrence.into(),
        starts_at,
    )?;
    let house = match &request.house {
        Some(handle) => Some(house_for_talks(&app, handle, me).await?),
        None => None,
    };
    if request.cohosts.len() > COHOSTS_MAX {
        return Err(Code::TooManyPeople.into());
    }
    let mut cohosts = Vec::with_capacity(request.cohosts.len());
    for handle in &request.cohosts {
        let person = visible(&app, me, handle).await.map_err(|error| match error.code {
            Code::MemberNotFound => ApiError { status: Some(StatusCode::UNPROCESSABLE_ENTITY), ..error },
            _ => error,
        })?;
        let whom = person.person.id;
        if let Some(house) = house {
            let standing = app.store.house_standing(house, whom).await.map_err(internal)?;
            if standing.is_none_or(|standing| standing.private && !standing.is_member()) {
                return Err(Code::NotAllowed.into());
            }
        }
        if whom != me && !cohosts.contains(&whom) {
            cohosts.push(whom);
        }
    }
    let id = EventId(edge::random_128());
    let event =
        store::NewEvent { id, host: me, house, invitation: None, text, plan, starts_at, cohosts: cohosts.clone() };
    to_the_end(async move {
        done(&app, app.store.create_event(&event, now).await)?;
        for whom in cohosts {
            app.notices.tell(Tell::new(whom, NoticeKind::CohostAsked).by(me).about(id.0));
        }
        let made = event_for(&app, Some(me), id).await?;
        Ok((StatusCode::CREATED, Json(shown(&app, Some(me), made).await?)))
    })
    .await
}

/// A house in whose name the caller may announce: they are its admin.
async fn house_for_talks(app: &App, handle: &str, me: MemberId) -> Result<HouseId, ApiError> {
    let house = house_of(app, handle, me).await?;
    let standing = app.store.house_standing(house, me).await.map_err(internal)?;
    match standing.is_some_and(|standing| standing.role == Some(HouseRole::Admin)) {
        true => Ok(house),
        false => Err(Code::NotHouseAdmin.into()),
    }
}

/// One event. Also for visitors, unless it is one of a private house.
#[utoipa::path(get, path = "/api/events/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Event), (status = 404, body = ApiError)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    reader: Reader,
    PathId(id): PathId<String>,
) -> Result<Json<Event>, ApiError> {
    let event = event_for(&app, reader.id(), event_id(&id)?).await?;
    shown(&app, reader.id(), event).await.map(Json)
}

/// Changes what an event says. For its hosts.
#[utoipa::path(patch, path = "/api/events/{id}", params(("id" = String, Path)), request_body = ChangeEvent,
    responses((status = 200, body = Event), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<ChangeEvent>,
) -> Result<Json<Event>, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    let now = event.text;
    let text = EventText {
        title: request.title.map_or(Ok(now.title), |title| text::title(&title))?,
        about: request.about.map_or(Ok(now.about), |about| text::paragraphs(&about, ABOUT_MAX))?,
        language: request.language.map_or(Ok(now.language), |tag| text::language(&tag).map(str::to_owned))?,
        topics: request.topics.map_or(Ok(now.topics), |topics| text::topics(&topics, TOPICS_MAX))?,
    };
    let before = event.plan;
    let kind = request.kind.map_or(before.kind, Into::into);
    let minutes = request.minutes.unwrap_or(before.minutes);
    let plan = match request.recurrence.map(Option::from) {
        // What nobody touches goes on as it was planned, wherever this one was moved to.
        None => EventPlan { kind, minutes: minutes_of(minutes)?, ..before },
        Some(Some(_)) if event.invitation.is_some() => return Err(Code::DateByInvitation.into()),
        Some(recurrence) => plan(kind, minutes, before.time_zone, recurrence, event.agenda.starts_at)?,
    };
    to_the_end(async move {
        done(&app, app.store.change_event(event.id, me, &text, &plan, edge::now()).await)?;
        let changed = event_for(&app, Some(me), event.id).await?;
        shown(&app, Some(me), changed).await.map(Json)
    })
    .await
}

/// Gives an event a date, moves it, or takes its date back. For its hosts; the date of one that comes from an invitation is what both
/// sides agree on there.
#[utoipa::path(post, path = "/api/events/{id}/date", params(("id" = String, Path)), request_body = EventDate,
    responses((status = 200, body = Event), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn set_date(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    Body(request): Body<EventDate>,
) -> Result<Json<Event>, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    let now = edge::now();
    let starts_at = request.starts_at.map(|at| date(at, now)).transpose()?;
    let zone = request.time_zone.unwrap_or(event.plan.time_zone);
    if !is_time_zone(&zone) {
        return Err(Code::InvalidDate.into());
    }
    to_the_end(async move {
        let date = starts_at.map(|at| (at, zone.as_str()));
        done(&app, app.store.set_event_date(event.id, me, date, now).await)?;
        let changed = event_for(&app, Some(me), event.id).await?;
        shown(&app, Some(me), changed).await.map(Json)
    })
    .await
}

/// Calls an event off. For its host; one that comes from an invitation is called off there.
#[utoipa::path(post, path = "/api/events/{id}/cancel", params(("id" = String, Path)),
    request_body = Option<CancelEvent>,
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
    MaybeBody(request): MaybeBody<CancelEvent>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    let event = event_for(&app, Some(me), event_id(&id)?).await?;
    let CancelEvent { reason, series } = request.unwrap_or_default();
    let reason = text::paragraphs(&reason, REASON_MAX)?;
    let answer = app.store.cancel_event(event.id, me, &reason, series, edge::now()).await;
    done(&app, answer)?;
    Ok(StatusCode::NO_CONTENT)
}

/// An event that the viewer may know of.
async fn event_for(app: &App, viewer: Option<MemberId>, id: EventId) -> Result<store::Event, ApiError> {
    app.store.event(id, viewer).await.map_err(internal)?.ok_or_else(|| Code::EventNotFound.into())
}

fn event_id(text: &str) -> Result<EventId, ApiError> {
    text.parse().map_err(|_| Code::EventNotFound.into())
}

/// An event with everything that the viewer may know of it.
async fn shown(app: &App, viewer: Option<MemberId>, event: store::Event) -> Result<Event, ApiError> {
    let (id, is_host) = (event.id, viewer == Some(event.host.id));
    let mut asked = match viewer {
        Some(viewer) if is_host || event.cohost == Some(false) => {
            app.store.asked_cohosts(id, viewer).await.map_err(internal)?
        }
        _ => Vec::new(),
    };
    asked.retain(|person| is_host || viewer == Some(person.id));
    let poll = app.store.event_poll(id, viewer).await.map_err(internal)?;
    let changes = app.store.event_changes(id).await.map_err(internal)?;
    let can = viewer.map_or_else(Vec::new, |_| acts(&event, is_host, !poll.is_empty()));
    Ok(Event {
        about: event.text.about.clone(),
        reason: event.reason.clone(),
        series: event.series.map(crate::wire::Id),
        asked: asked.into_iter().map(Into::into).collect(),
        poll: poll.into_iter().map(Into::into).collect(),
        changes: changes.into_iter().map(Into::into).collect(),
        can,
        card: event.into(),
    })
}

/// What a member may do with an event now.
fn acts(event: &store::Event, is_host: bool, has_poll: bool) -> Vec<EventAct> {
    let state = event.agenda.state;
    if state.is_over() {
        return Vec::new();
    }
    let hosts = is_host || event.cohost == Some(true);
    let (waits, by_itself) = (state != agenda::State::Live, event.invitation.is_none());
    let soon = event.agenda.starts_at.is_some_and(|at| at <= edge::now().plus(OPEN_BEFORE));
    [
        (EventAct::Edit, hosts),
        (EventAct::Date, hosts && waits && by_itself),
        (EventAct::Cancel, is_host && by_itself),
        (EventAct::Poll, hosts && waits),
        (EventAct::Vote, waits && has_poll),
        (EventAct::Cohosts, is_host),
        (EventAct::AcceptCohost, event.cohost == Some(false)),
        (EventAct::LeaveCohost, event.cohost.is_some()),
        (EventAct::Subscribe, true),
        (EventAct::OpenRoom, hosts && state == agenda::State::Dated && soon),
    ]
    .into_iter()
    .filter_map(|(act, may)| may.then_some(act))
    .collect()
}

/// A date to come.
fn date(at: u64, now: Timestamp) -> Result<Timestamp, ApiError> {
    let fits = at > now.0 && at - now.0 <= AHEAD_MAX;
    if fits { Ok(Timestamp(at)) } else { Err(Code::InvalidDate.into()) }
}

fn minutes_of(minutes: u32) -> Result<u32, ApiError> {
    if MINUTES.contains(&minutes) { Ok(minutes) } else { Err(Code::InvalidSetting.into()) }
}

/// How an event is planned. What comes again has a date, from which the next one is counted.
fn plan(
    kind: Kind,
    minutes: u32,
    time_zone: String,
    recurrence: Option<agenda::Recurrence>,
    starts_at: Option<Timestamp>,
) -> Result<EventPlan, ApiError> {
    if !is_time_zone(&time_zone) {
        return Err(Code::InvalidDate.into());
    }
    let planned = match recurrence {
        Some(_) => Some(starts_at.and_then(|at| recurrence::plan(at, &time_zone)).ok_or(Code::InvalidDate)?),
        None => None,
    };
    Ok(EventPlan { kind, minutes: minutes_of(minutes)?, time_zone, recurrence, planned })
}

/// What became of something, for the answer. What is to be told is told from now on.
fn done(app: &App, done: Result<EventDone, StoreError>) -> Result<(), ApiError> {
    match done.map_err(internal)? {
        EventDone::Done(change) => {
            if change.is_some() {
                app.events.changed();
            }
            app.search.changed();
            Ok(())
        }
        EventDone::Refused(refusal) => Err(refused(refusal).into()),
        EventDone::NotAllowed => Err(Code::NotAllowed.into()),
        EventDone::ByInvitation => Err(Code::DateByInvitation.into()),
        EventDone::TooMany => Err(Code::TooManyEvents.into()),
        EventDone::Missing => Err(Code::EventNotFound.into()),
    }
}

fn refused(refusal: Refusal) -> Code {
    match refusal {
        Refusal::Over => Code::EventOver,
        Refusal::Nothing => Code::NothingToChange,
        Refusal::Live => Code::EventLive,
        Refusal::NotDated => Code::NotDated,
        Refusal::TooEarly => Code::TooEarly,
        Refusal::NotLive => Code::RoomEnded,
    }
}

fn internal(error: StoreError) -> ApiError {
    ApiError::internal(&error)
}
