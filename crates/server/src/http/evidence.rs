//! Listening to the sound that goes with a report: for the owner and admins.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use roomtone_room::ids::RecordId;

use super::admin::entry;
use super::auth::Admin;
use super::body::PathId;
use super::range::{self, Content};
use crate::app::App;
use crate::wire::{ApiError, Code};

/// What one person said in the minute before a report was made, as Ogg Opus (RFC 7845). The first time that an admin listens to it is
/// in the audit log.
#[utoipa::path(get, path = "/api/admin/reports/{id}/evidence/{n}", params(("id" = String, Path), ("n" = u32, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "audio/ogg"), (status = 206, body = Vec<u8>, content_type = "audio/ogg"),
        (status = 404, body = ApiError), (status = 416, body = ApiError)))]
pub(super) async fn track(
    State(app): State<Arc<App>>,
    caller: Admin,
    method: Method,
    headers: HeaderMap,
    PathId((id, n)): PathId<(String, u32)>,
) -> Result<Response, ApiError> {
    let id: RecordId = id.parse().map_err(|_| Code::NotFound)?;
    let heard = app.store.hear_evidence(id, n, entry(&caller, "evidence_heard", None)).await;
    if !heard.map_err(|error| ApiError::internal(&error))? {
        return Err(Code::NotFound.into());
    }
    // Gone with its row a moment ago, or lost.
    let (file, total) = app.evidence.open(id, n).await.map_err(|error| {
        tracing::warn!(%error, "the sound of a report could not be read");
        Code::NotFound
    })?;
    // A track is written once and never changed, so that its name is that of its bytes.
    let tag = HeaderValue::try_from(format!("\"{id}-{n}\"")).ok();
    range::serve(&method, &headers, Content { bytes: file, total, kind: "audio/ogg", tag }).await
}
