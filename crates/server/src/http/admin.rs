//! The administration: for the owner and admins. To everybody else these routes do not exist.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use roomtone_room::ids::{MemberId, RecordId};
use roomtone_store::{self as store, AuditEntry, BranchAct, BranchError};
use serde::Deserialize;
use url::Host;

use super::auth::Admin;
use super::body::{Body, PathId, to_the_end};
use super::invites::NOTE_MAX;
use super::paging::{AskedPage, next, place, read_place, write_place};
use super::replays::reported_sound;
use super::text;
use super::waitlist::state_of;
use crate::app::App;
use crate::edge;
use crate::notices::Tell;
use crate::observe::memory;
use crate::wire::admin::{
    AdminMember, AdminMemberDetail, AdminReport, AdminWaiting, Affected, Audit, DatabaseKind, EvidenceTrack,
    HandleReport, Health, Page, Restore, Suspend, Suspension, Tree, TreeNode,
};
use crate::wire::notices::NoticeKind;
use crate::wire::recording::SINCE_REPORTS;
use crate::wire::{ApiError, Code, Id};

/// Members of the tree in one answer. More shows more of a large server at once; fewer keeps it drawable.
const TREE_MAX: usize = 2_000;

/// Characters of what is looked for among members.
const TYPED_MAX: usize = 60;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MembersQuery {
    #[serde(default)]
    after: String,
    #[serde(default)]
    q: String,
}

/// The members, by handle, in pages.
#[utoipa::path(get, path = "/api/admin/members",
    params(("after" = Option<String>, Query, description = "`next` of the page before"),
        ("q" = Option<String>, Query, description = "The beginning of a handle, or a part of a name")),
    responses((status = 200, body = Page<AdminMember>), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn members(
    State(app): State<Arc<App>>,
    _: Admin,
    query: Result<Query<MembersQuery>, QueryRejection>,
) -> Result<Json<Page<AdminMember>>, ApiError> {
    let Query(query) = query.map_err(|_| Code::BadRequest)?;
    let typed = query.q.trim();
    // No text in Postgres has a character 0.
    if typed.chars().count() > TYPED_MAX || typed.contains('\0') || query.after.contains('\0') {
        return Err(Code::BadRequest.into());
    }
    let found = app.store.admin_members(&query.after, typed).await.map_err(|e| ApiError::internal(&e))?;
    let next = next(&found, store::PAGE, |member| member.person.handle.clone());
    Ok(Json(Page { items: found.into_iter().map(Into::into).collect(), next }))
}

/// One member, and how large their branch is.
#[utoipa::path(get, path = "/api/admin/members/{handle}", params(("handle" = String, Path)),
    responses((status = 200, body = AdminMemberDetail), (status = 404, body = ApiError)))]
pub(super) async fn member(
    State(app): State<Arc<App>>,
    _: Admin,
    PathId(handle): PathId<String>,
) -> Result<Json<AdminMemberDetail>, ApiError> {
    let id = by_handle(&app, &handle).await?;
    let found = app.store.admin_member(id).await.map_err(|e| ApiError::internal(&e))?.ok_or(Code::MemberNotFound)?;
    let (branch, branch_suspended) = app.store.branch_size(id).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(AdminMemberDetail { member: found.into(), branch, branch_suspended }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TreeQuery {
    root: Option<String>,
}

/// The invite tree, or the branch of one member.
#[utoipa::path(get, path = "/api/admin/tree",
    params(("root" = Option<String>, Query, description = "A handle; the whole tree if absent")),
    responses((status = 200, body = Tree), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn tree(
    State(app): State<Arc<App>>,
    _: Admin,
    query: Result<Query<TreeQuery>, QueryRejection>,
) -> Result<Json<Tree>, ApiError> {
    let Query(query) = query.map_err(|_| Code::BadRequest)?;
    let root = match query.root {
        Some(handle) => Some(by_handle(&app, &handle).await?),
        None => None,
    };
    let (nodes, truncated) = app.store.tree(root, TREE_MAX).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(Tree { nodes: nodes.into_iter().map(Into::into).collect(), truncated }))
}

/// Makes a member an admin. Only the owner may.
#[utoipa::path(put, path = "/api/admin/members/{handle}/admin", params(("handle" = String, Path)),
    responses((status = 204), (status = 403, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn make_admin(
    State(app): State<Arc<App>>,
    caller: Admin,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    set_admin(&app, &caller, &handle, true).await
}

/// Ends that a member is an admin. Only the owner may.
#[utoipa::path(delete, path = "/api/admin/members/{handle}/admin", params(("handle" = String, Path)),
    responses((status = 204), (status = 403, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn end_admin(
    State(app): State<Arc<App>>,
    caller: Admin,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    set_admin(&app, &caller, &handle, false).await
}

async fn set_admin(app: &App, caller: &Admin, handle: &str, admin: bool) -> Result<StatusCode, ApiError> {
    owner_only(caller)?;
    let member = by_handle(app, handle).await?;
    let entry = entry(caller, if admin { "admin_made" } else { "admin_ended" }, Some(member));
    let set = app.store.set_admin(member, admin, &entry).await;
    changed(set.map_err(|e| ApiError::internal(&e))?)
}

/// Hands this server over to a member. Only the owner may, who is an admin from then on.
#[utoipa::path(put, path = "/api/admin/members/{handle}/owner", params(("handle" = String, Path)),
    responses((status = 204), (status = 403, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn hand_over(
    State(app): State<Arc<App>>,
    caller: Admin,
    PathId(handle): PathId<String>,
) -> Result<StatusCode, ApiError> {
    owner_only(&caller)?;
    let member = by_handle(&app, &handle).await?;
    let handed = app.store.hand_over(member, &entry(&caller, "handed_over", Some(member))).await;
    changed(handed.map_err(|e| ApiError::internal(&e))?)
}

/// Keeps a member, or their whole branch of the invite tree, out of this server. When it is answered, they are out of every
/// room, and their sessions let nobody in any more.
#[utoipa::path(post, path = "/api/admin/members/{handle}/suspend", params(("handle" = String, Path)),
    request_body = Suspend,
    responses((status = 200, body = Affected), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn suspend(
    State(app): State<Arc<App>>,
    caller: Admin,
    PathId(handle): PathId<String>,
    Body(request): Body<Suspend>,
) -> Result<Json<Affected>, ApiError> {
    let reason = text::paragraphs(&request.reason, NOTE_MAX)?;
    let act = branch_act(&app, &caller, &handle, request.branch).await?;
    to_the_end(async move {
        // Those who are in rooms go first: all of a large branch takes longer than a second.
        let here = app.rooms.everybody();
        let first = app.store.suspend_here(&act, &reason, &here).await.map_err(refused)?;
        app.rooms.expel(&first.iter().copied().collect()).await;
        let out = app.store.suspend_rest(&act, &reason, &first).await.map_err(refused)?;
        app.rooms.expel(&out.iter().copied().collect()).await;
        let count = out.len();
        tracing::info!(count, "members were suspended");
        tokio::spawn(async move { end_sessions(&app, out).await });
        Ok(Json(Affected { count }))
    })
    .await
}

/// Takes what is left of the sessions of suspended members from the database. It is gone on with at the next start if it does
/// not come to its end.
async fn end_sessions(app: &App, suspended: Vec<MemberId>) {
    if let Err(error) = app.store.end_sessions_of(&suspended).await {
        tracing::warn!(%error, "sessions of suspended members are still in the database");
    }
}

/// Goes on with what a crash has interrupted.
pub(crate) async fn end_sessions_of_suspended(app: Arc<App>) {
    match app.store.suspended_with_sessions().await {
        Ok(suspended) => end_sessions(&app, suspended).await,
        Err(error) => tracing::warn!(%error, "sessions of suspended members may still be in the database"),
    }
}

/// Lets a member in again, or everybody of their branch who was suspended in the same act.
#[utoipa::path(post, path = "/api/admin/members/{handle}/restore", params(("handle" = String, Path)),
    request_body = Restore,
    responses((status = 200, body = Affected), (status = 404, body = ApiError), (status = 409, body = ApiError)))]
pub(super) async fn restore(
    State(app): State<Arc<App>>,
    caller: Admin,
    PathId(handle): PathId<String>,
    Body(request): Body<Restore>,
) -> Result<Json<Affected>, ApiError> {
    let act = branch_act(&app, &caller, &handle, request.branch).await?;
    let restored = app.store.restore(&act).await.map_err(refused)?;
    tracing::info!(count = restored.len(), "members were restored");
    Ok(Json(Affected { count: restored.len() }))
}

/// Who is kept out, the latest first, in pages.
#[utoipa::path(get, path = "/api/admin/suspensions",
    params(("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Page<Suspension>), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn suspensions(
    State(app): State<Arc<App>>,
    _: Admin,
    page: AskedPage,
) -> Result<Json<Page<Suspension>>, ApiError> {
    let after = place(page)?;
    let found = app.store.suspensions(after).await.map_err(|e| ApiError::internal(&e))?;
    let next = next(&found, store::PAGE, |last| write_place(last.at, last.person.id));
    let items = found.into_iter().map(|suspension| Suspension {
        person: suspension.person.into(),
        root: suspension.root,
        author: suspension.author,
        reason: suspension.reason,
        at: suspension.at.0,
    });
    Ok(Json(Page { items: items.collect(), next }))
}

/// Who waits to be let in, who came first first, in pages.
#[utoipa::path(get, path = "/api/admin/waitlist",
    params(("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Page<AdminWaiting>), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn waitlist(
    State(app): State<Arc<App>>,
    _: Admin,
    page: AskedPage,
) -> Result<Json<Page<AdminWaiting>>, ApiError> {
    let after = place(page)?;
    let found = app.store.waiting_list(after, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
    let next = next(&found, store::PAGE, |last| write_place(last.created_at, last.id));
    let items = found.into_iter().map(|waiting| AdminWaiting {
        id: Id(waiting.id),
        state: state_of(&waiting),
        handle: waiting.handle,
        name: waiting.name,
        note: waiting.note,
        language: waiting.language,
        created_at: waiting.created_at.0,
        expires_at: waiting.expires_at.0,
    });
    Ok(Json(Page { items: items.collect(), next }))
}

/// Takes somebody off the waiting list and frees their handle.
#[utoipa::path(delete, path = "/api/admin/waitlist/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ApiError)))]
pub(super) async fn remove_waiting(
    State(app): State<Arc<App>>,
    caller: Admin,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let id: RecordId = id.parse().map_err(|_| Code::WaitingNotFound)?;
    let mut entry = entry(&caller, "waiting_removed", None);
    entry.details = format!("waiting={id}");
    let removed = app.store.remove_waiting(id, &entry).await.map_err(|e| ApiError::internal(&e))?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(Code::WaitingNotFound.into()) }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportsQuery {
    #[serde(default)]
    open: bool,
    after: Option<String>,
}

/// What members reported, the newest first, in pages.
#[utoipa::path(get, path = "/api/admin/reports",
    params(("open" = Option<bool>, Query, description = "Whether only those that were not handled"),
        ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Page<AdminReport>), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn reports(
    State(app): State<Arc<App>>,
    _: Admin,
    query: Result<Query<ReportsQuery>, QueryRejection>,
) -> Result<Json<Page<AdminReport>>, ApiError> {
    let Query(query) = query.map_err(|_| Code::BadRequest)?;
    let after = query.after.map(|text| read_place(&text).ok_or(Code::BadRequest)).transpose()?;
    let found = app.store.reports(query.open, after, store::PAGE as u64).await.map_err(|e| ApiError::internal(&e))?;
    let next = next(&found, store::PAGE, |last| write_place(last.created_at, last.id));
    let ids: Vec<RecordId> = found.iter().map(|report| report.id).collect();
    let mut evidence: HashMap<RecordId, Vec<EvidenceTrack>> = HashMap::new();
    for track in app.store.evidence_of(&ids).await.map_err(|e| ApiError::internal(&e))? {
        evidence.entry(track.report).or_default().push(track.into());
    }
    let open = found.iter().filter(|report| report.handled_at.is_none());
    let heard: Vec<_> = open.filter_map(|report| Some((report.id, reported_sound(&report.context)?.0))).collect();
    let replays: Vec<_> = heard.iter().map(|(_, replay)| *replay).collect();
    let replays = app.store.replays_for_reports(&replays, SINCE_REPORTS).await.map_err(|e| ApiError::internal(&e))?;
    let heard: HashSet<_> = heard.iter().filter(|(_, replay)| replays.contains(replay)).map(|(id, _)| *id).collect();
    let items = found.into_iter().map(|report| {
        let evidence = evidence.remove(&report.id).unwrap_or_default();
        let audio = heard.contains(&report.id).then(|| format!("/api/admin/reports/{}/audio.ogg", report.id));
        AdminReport { evidence, audio, ..report.into() }
    });
    Ok(Json(Page { items: items.collect(), next }))
}

/// Notes what came of a report, and tells whoever made it.
#[utoipa::path(post, path = "/api/admin/reports/{id}", params(("id" = String, Path)), request_body = HandleReport,
    responses((status = 204), (status = 404, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn handle_report(
    State(app): State<Arc<App>>,
    caller: Admin,
    PathId(id): PathId<String>,
    Body(request): Body<HandleReport>,
) -> Result<StatusCode, ApiError> {
    let answer = text::paragraphs(&request.text, NOTE_MAX)?;
    let id: RecordId = id.parse().map_err(|_| Code::NotFound)?;
    let report = app.store.report(id).await.map_err(|e| ApiError::internal(&e))?.ok_or(Code::NotFound)?;
    let outcome = request.outcome.name();
    let mut entry = entry(&caller, "report_handled", report.about.as_ref().map(|about| about.id));
    entry.details = format!("report={id} outcome={outcome}");
    if !app.store.handle_report(id, outcome, &entry).await.map_err(|e| ApiError::internal(&e))? {
        return Err(Code::NothingToChange.into());
    }
    if let Some(reporter) = report.reporter {
        app.notices.tell(Tell::new(reporter.id, NoticeKind::ReportHandled).about(id.0).saying(answer));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What the owner and admins did, the latest first, in pages.
#[utoipa::path(get, path = "/api/admin/audit",
    params(("after" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Page<Audit>), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn audit(
    State(app): State<Arc<App>>,
    _: Admin,
    page: AskedPage,
) -> Result<Json<Page<Audit>>, ApiError> {
    let after = place(page)?;
    let found = app.store.audit_log(after).await.map_err(|e| ApiError::internal(&e))?;
    let next = next(&found, store::PAGE, |last| write_place(last.at, last.id));
    let details = |text: &str| {
        let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    let items = found.into_iter().map(|record| Audit {
        id: Id(record.id),
        at: record.at.0,
        actor: record.actor.map(Into::into),
        act: record.act,
        about: record.about.map(Into::into),
        details: details(&record.details),
        house: record.house.map(crate::wire::people::badge),
        reason: record.reason,
    });
    Ok(Json(Page { items: items.collect(), next }))
}

/// How much there is of everything, and what works.
#[utoipa::path(get, path = "/api/admin/health",
    responses((status = 200, body = Health), (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn health(State(app): State<Arc<App>>, _: Admin) -> Result<Json<Health>, ApiError> {
    let sizes = app.store.sizes().await.map_err(|e| ApiError::internal(&e))?;
    let rooms = app.rooms.all();
    let (on_stage, listening) = rooms.iter().fold((0, 0), |(on_stage, listening), room| {
        let summary = room.summary();
        (on_stage + summary.card.on_stage, listening + summary.card.listening)
    });
    // Browsers take push only on pages that came over TLS, or from the same machine.
    let local = match app.public_url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    Ok(Json(Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: edge::now().0.saturating_sub(app.started_at.0),
        database: if sizes.postgres { DatabaseKind::Postgres } else { DatabaseKind::Sqlite },
        database_size: sizes.database,
        memory: memory(),
        members: sizes.members,
        sessions: sizes.sessions,
        rooms: rooms.len(),
        on_stage,
        listening,
        mail: app.settings.get().mail.is_some(),
        push: local || app.public_url.scheme() == "https",
        task_restarts: crate::tasks::restarts(),
    }))
}

/// An entry for the audit log about what the caller is about to do.
pub(super) fn entry(caller: &Admin, act: &'static str, about: Option<MemberId>) -> AuditEntry {
    AuditEntry {
        id: RecordId(edge::random_128()),
        at: edge::now(),
        actor: caller.0.member.person.id,
        act,
        about,
        details: String::new(),
    }
}

async fn branch_act(app: &App, caller: &Admin, handle: &str, branch: bool) -> Result<BranchAct, ApiError> {
    let member = by_handle(app, handle).await?;
    let author = caller.0.member.person.id;
    Ok(BranchAct { id: RecordId(edge::random_128()), member, branch, author, at: edge::now() })
}

/// Whoever has a handle, suspended or not: admins see everybody.
async fn by_handle(app: &App, handle: &str) -> Result<MemberId, ApiError> {
    let handle = text::handle(handle).map_err(|_| Code::MemberNotFound)?.text;
    let found = app.store.member_by_handle(&handle).await.map_err(|e| ApiError::internal(&e))?;
    Ok(found.ok_or(Code::MemberNotFound)?.person.id)
}

/// Refuses admins what only the owner may.
pub(super) fn owner_only(caller: &Admin) -> Result<(), ApiError> {
    if caller.0.member.owner { Ok(()) } else { Err(Code::NotAllowed.into()) }
}

fn changed(changed: bool) -> Result<StatusCode, ApiError> {
    if changed { Ok(StatusCode::NO_CONTENT) } else { Err(Code::NothingToChange.into()) }
}

fn refused(error: BranchError) -> ApiError {
    match error {
        BranchError::Protected => Code::MemberProtected.into(),
        BranchError::Store(error) => ApiError::internal(&error),
    }
}

impl From<store::AdminMember> for AdminMember {
    fn from(member: store::AdminMember) -> Self {
        Self {
            person: member.person.into(),
            sponsor: member.sponsor.map(Into::into),
            created_at: member.created_at.0,
            guests: member.guests,
            suspended: member.suspended,
            admin: member.admin,
            owner: member.owner,
        }
    }
}

impl From<store::TreeNode> for TreeNode {
    fn from(node: store::TreeNode) -> Self {
        Self {
            id: Id(node.id),
            handle: node.handle,
            name: node.name,
            sponsor: node.sponsor.map(Id),
            suspended: node.suspended,
            guests: node.guests,
        }
    }
}

impl From<store::Report> for AdminReport {
    fn from(report: store::Report) -> Self {
        Self {
            id: Id(report.id),
            reporter: report.reporter.map(Into::into),
            about: report.about.map(Into::into),
            room: report.room.map(Id),
            room_host: report.room_host.map(Into::into),
            house: report.house.map(Id),
            reason: report.reason,
            text: report.text,
            // Written by this program; should it not be readable, the rest of the report is.
            context: serde_json::from_str(&report.context).unwrap_or_default(),
            created_at: report.created_at.0,
            handled_at: report.handled_at.map(|at| at.0),
            handled_by: report.handled_by.map(Into::into),
            outcome: report.outcome,
            evidence: Vec::new(),
            audio: None,
        }
    }
}

impl From<store::Evidence> for EvidenceTrack {
    fn from(track: store::Evidence) -> Self {
        Self { n: track.n, by: track.by.map(Into::into), began_at: track.began_at.0, ms: track.ms }
    }
}
