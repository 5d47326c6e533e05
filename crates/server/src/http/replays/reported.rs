//! Hearing a replay, or a clip of one, that somebody has reported: for the owner and admins, also of those that they may not hear otherwise.

use std::io::Cursor;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use roomtone_room::ids::{RecordId, ReplayId};

use super::super::admin::entry;
use super::super::auth::Admin;
use super::super::body::PathId;
use super::super::range::{self, Content};
use super::clips::not_cut;
use super::internal;
use super::sound::{Ask, Sent, send, unless_unknown};
use crate::app::App;
use crate::replays::{File, Sound};
use crate::wire::people::{ReportContext, ReportedPart};
use crate::wire::recording::SINCE_REPORTS;
use crate::wire::{ApiError, Code};

/// The sound of the replay or the clip that a report is about, as it is now, as Ogg Opus (RFC 7845), for as long as the report is open. The
/// first time that an admin listens is in the audit log. Of talks whose speakers were not told of that when they were asked, there is none.
#[utoipa::path(get, path = "/api/admin/reports/{id}/audio.ogg", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "audio/ogg"), (status = 206, body = Vec<u8>, content_type = "audio/ogg"),
        (status = 304), (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 416, body = ApiError)))]
pub(in super::super) async fn reported(
    State(app): State<Arc<App>>,
    caller: Admin,
    method: Method,
    headers: HeaderMap,
    PathId(id): PathId<String>,
) -> Result<Response, ApiError> {
    let id: RecordId = id.parse().map_err(|_| Code::NotFound)?;
    let report = app.store.report(id).await.map_err(internal)?.ok_or(Code::NotFound)?;
    let of = about(&report.context).ok_or(Code::NotFound)?;
    // Before it is asked whether it may be heard: whoever takes that away from now on cuts this off.
    let over = app.playing.begin(of.0);
    let entry = entry(&caller, "reported_heard", None);
    let found = app.store.hear_reported(id, of, SINCE_REPORTS, Some(entry)).await.map_err(internal)?;
    let found = found.ok_or(Code::NotFound)?;
    let generation = found.generation.ok_or(Code::ReplayInWork)?;
    let Some(part) = found.part else {
        let file = File::Mix(generation, Sound::Ogg);
        let sent = Sent { app: &app, replay: of.0, generation, file, everywhere: false };
        return send(over, still(&app, &caller, id, of), &method, &headers, sent).await;
    };
    let cut = app.replays.cut((of.0, generation), part, Sound::Ogg).await.map_err(|error| not_cut(&error))?;
    // Between asking whether it may be heard and this, the replay may have been made anew without somebody.
    let now = app.store.hear_reported(id, of, SINCE_REPORTS, None).await.map_err(internal)?;
    if now != Some(found) {
        return Err(Code::ReplayInWork.into());
    }
    let tag = HeaderValue::try_from(format!("\"{id}-{generation}\"")).ok();
    let content = Content { total: cut.bytes.len() as u64, bytes: Cursor::new(cut.bytes), kind: "audio/ogg", tag };
    let mut response = range::serve(&method, &headers, content).await?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// The replay that a report is about, and the clip of it; `None` if it is about something else.
pub(in super::super) fn about(context: &str) -> Option<(ReplayId, Option<RecordId>)> {
    // Written by this program; one that cannot be read is about nothing that can be heard.
    let of = serde_json::from_str::<ReportContext>(context).ok()?.replay?;
    match of.kind {
        ReportedPart::Replay => Some((of.replay.0, None)),
        ReportedPart::Clip => Some((of.replay.0, Some(of.part?.0))),
        ReportedPart::Reply => None,
    }
}

/// Asks whether it is still for the caller to hear: their session goes on, they are an admin, and the report is open.
fn still(app: &Arc<App>, caller: &Admin, report: RecordId, of: (ReplayId, Option<RecordId>)) -> Ask {
    let (app, session) = (app.clone(), caller.0.session);
    Box::new(move || {
        let app = app.clone();
        Box::pin(async move {
            let may = async {
                let Some(member) = app.store.session(&session).await? else { return Ok(false) };
                let admin = app.store.member(member).await?.is_some_and(|member| member.owner || member.admin);
                Ok(admin && app.store.hear_reported(report, of, SINCE_REPORTS, None).await?.is_some())
            };
            unless_unknown(may.await)
        })
    })
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::MemberId;
    use roomtone_store::{AuditEntry, NewInvite, NewMember, NewReport, NewSession};

    use super::super::super::auth::SignedIn;
    use super::*;
    use crate::edge::{self, Secret};

    /// Whoever listens may not any more when the report is handled, their session is over, or they are no admin: it is asked while they do.
    #[tokio::test]
    async fn it_is_heard_by_admins_while_the_report_is_open() {
        let (app, replay, host, _data) = super::super::tests::recorded().await;
        let (code, session) = (Secret::draw(), Secret::draw());
        let at = edge::now();
        let invite = NewInvite { hash: code.hash, owner: true, sponsor: None, created_at: at, expires_at: None };
        app.store.create_invite(invite).await.unwrap();
        let own = || "ada".to_owned();
        let owner =
            NewMember { id: MemberId(1), handle: own(), skeleton: own(), name: own(), language: "en".to_owned() };
        let new_session = NewSession { hash: session.hash, label: "test".to_owned() };
        let member = app.store.redeem(&code.hash, at, owner, new_session).await.unwrap().member;
        let ada = SignedIn { member, session: session.hash, as_of: app.rooms.sign_outs() };
        let [ada, ben, eve] = [ada, app.newcomer("ben").await, app.newcomer("eve").await].map(Admin);
        let id = |who: &Admin| who.0.member.person.id;
        let entry = |n, act| {
            let (at, details) = (edge::now(), String::new());
            AuditEntry { id: RecordId(n), at, actor: id(&ada), act, about: None, details }
        };
        let of = RecordId(1);
        let report = NewReport {
            id: of,
            reporter: id(&eve),
            about: Some(host),
            room: None,
            room_host: None,
            house: None,
            reason: "abuse".to_owned(),
            text: String::new(),
            context: "{}".to_owned(),
            created_at: edge::now(),
        };
        assert!(app.store.create_report(report).await.unwrap());
        assert!(app.store.set_admin(id(&ben), true, &entry(2, "admin_made")).await.unwrap());
        let asks = [&ada, &ben, &eve].map(|who| still(&app, who, of, (replay, None)));
        let may = async || [asks[0]().await, asks[1]().await, asks[2]().await];
        assert_eq!(may().await, [true, true, false]);
        assert!(!still(&app, &ada, of, (ReplayId(99), None))().await);
        app.store.end_sessions(id(&ben)).await.unwrap();
        assert_eq!(may().await, [true, false, false]);
        assert!(app.store.handle_report(of, "no_action", &entry(3, "report_handled")).await.unwrap());
        assert_eq!(may().await, [false; 3]);
    }
}
