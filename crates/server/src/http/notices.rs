//! The inbox, what members want to be told, and the link that ends letters.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use roomtone_room::ids::{RecordId, Timestamp};
use roomtone_store::{QuietHours, Ways};

use super::auth::{SignedIn, Visitor};
use super::body::{Body, PathId};
use super::paging::{AskedPage, PAGE, next, place, write_place};
use crate::app::App;
use crate::edge;
use crate::notices::choices::{default_ways, is_time_zone};
use crate::notices::tell_unread;
use crate::wire::notices::{Notice, NoticeChoice, NoticeChoices, NoticeKind, Notices, ReadNotices, Unread};
use crate::wire::{ApiError, Code};

/// Notices that are marked as read by one request.
const IDS_MAX: usize = 100;

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// The inbox.
#[utoipa::path(get, path = "/api/notices", params(("after" = Option<String>, Query)),
    responses((status = 200, body = Notices), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    page: AskedPage,
) -> Result<Json<Notices>, ApiError> {
    let before = place(page)?;
    let me = caller.member.person.id;
    let found = app.store.notices(me, before, PAGE).await.map_err(|e| ApiError::internal(&e))?;
    let next = next(&found, PAGE as usize, |last| write_place(last.at, last.id));
    let unread = app.store.unread_notices(me).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(Notices { items: found.into_iter().filter_map(Notice::of).collect(), unread, next }))
}

/// Marks notices as read.
#[utoipa::path(post, path = "/api/notices/read", request_body = ReadNotices,
    responses((status = 200, body = Unread), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<ReadNotices>,
) -> Result<Json<Unread>, ApiError> {
    let me = caller.member.person.id;
    let now = edge::now();
    let read = match (request.until, request.ids) {
        (Some(until), None) => app.store.read_notices_until(me, Timestamp(until.min(now.0)), now).await,
        (None, Some(ids)) if ids.len() <= IDS_MAX => {
            let ids: Vec<RecordId> = ids.into_iter().map(|id| id.0).collect();
            app.store.read_notices(me, &ids, now).await
        }
        _ => return Err(Code::BadRequest.into()),
    };
    read.map_err(|e| ApiError::internal(&e))?;
    let unread = tell_unread(&app, me).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(Unread { unread }))
}

/// How the member is told of what, and when not.
#[utoipa::path(get, path = "/api/notices/choices",
    responses((status = 200, body = NoticeChoices), (status = 401, body = ApiError)))]
pub(super) async fn choices(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<NoticeChoices>, ApiError> {
    let me = caller.member.person.id;
    let chosen = app.store.notice_choices(me).await.map_err(|e| ApiError::internal(&e))?;
    let quiet = app.store.quiet_hours(me).await.map_err(|e| ApiError::internal(&e))?;
    let kinds = NoticeKind::ALL.into_iter().map(|kind| {
        let Ways { inbox, push, mail } = chosen.get(kind.as_str()).copied().unwrap_or_else(|| default_ways(kind));
        NoticeChoice { kind, inbox, push, mail }
    });
    Ok(Json(NoticeChoices {
        kinds: kinds.collect(),
        quiet_from: quiet.minutes.map(|(from, _)| from),
        quiet_until: quiet.minutes.map(|(_, until)| until),
        time_zone: quiet.time_zone,
    }))
}

/// Changes how the member is told of what, and when not.
#[utoipa::path(put, path = "/api/notices/choices", request_body = NoticeChoices,
    responses((status = 204), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn choose(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NoticeChoices>,
) -> Result<StatusCode, ApiError> {
    let mut kinds = Vec::with_capacity(NoticeKind::ALL.len());
    for NoticeChoice { kind, inbox, push, mail } in request.kinds {
        if kinds.iter().any(|(named, _)| *named == kind.as_str()) {
            return Err(Code::BadRequest.into());
        }
        kinds.push((kind.as_str(), Ways { inbox, push, mail }));
    }
    let minutes = match (request.quiet_from, request.quiet_until) {
        (None, None) => None,
        (Some(from), Some(until)) if from < DAY && until < DAY && from != until => Some((from, until)),
        _ => return Err(Code::InvalidQuietHours.into()),
    };
    if !is_time_zone(&request.time_zone) {
        return Err(Code::InvalidQuietHours.into());
    }
    let quiet = QuietHours { time_zone: request.time_zone, minutes };
    let me = caller.member.person.id;
    app.store.choose_notices(me, &kinds, &quiet).await.map_err(|e| ApiError::internal(&e))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends letters to the member whose link it is (RFC 8058, section 3.1). Without signing in: it is what a mail program presses.
#[utoipa::path(post, path = "/api/unsubscribe/{token}", params(("token" = String, Path)),
    responses((status = 200), (status = 404, body = ApiError)))]
pub(super) async fn unsubscribe(
    State(app): State<Arc<App>>,
    _: Visitor,
    PathId(token): PathId<String>,
) -> Result<Response, ApiError> {
    let member = app.notices.stop.member(&token).ok_or(Code::NotFound)?;
    let defaults: Vec<_> = NoticeKind::ALL.into_iter().map(|kind| (kind.as_str(), default_ways(kind))).collect();
    app.store.end_notice_mail(member, &defaults).await.map_err(|e| ApiError::internal(&e))?;
    Ok(page(&app, "No more letters will come.", "Писем больше не будет.", ""))
}

/// The page behind the same link, with one button: opening a link must not change anything, since programs open links as well.
#[utoipa::path(get, path = "/api/unsubscribe/{token}", params(("token" = String, Path)),
    responses((status = 200), (status = 404, body = ApiError)))]
pub(super) async fn ask_unsubscribe(
    State(app): State<Arc<App>>,
    _: Visitor,
    PathId(token): PathId<String>,
) -> Result<Response, ApiError> {
    app.notices.stop.member(&token).ok_or(Code::NotFound)?;
    let form = "<form method=\"post\"><button>Stop letters · Больше не присылать</button></form>";
    Ok(page(&app, "Get no more letters about notices?", "Больше не получать писем об уведомлениях?", form))
}

/// A small page in both languages: whoever opens it is not signed in.
fn page(app: &App, english: &str, russian: &str, form: &'static str) -> Response {
    let name = app.settings.get().name.replace('&', "&amp;").replace('<', "&lt;");
    let head = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
                <meta name=\"viewport\" content=\"width=device-width\"><style>:root{color-scheme:light dark}\
                body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}\
                button{font:inherit;padding:.75rem 1.25rem;min-height:44px}</style>";
    let text = format!(
        "{head}<title>{name}</title><main><h1>{name}</h1><p>{english}</p><p lang=\"ru\">{russian}</p>{form}</main></html>"
    );
    Html(text).into_response()
}
