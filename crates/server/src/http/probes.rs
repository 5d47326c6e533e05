//! For the operator and the machinery around the server.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::wire::{ApiError, Code};

/// The process runs.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// The database answers and the media threads run.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let ready = app.media.is_running() && app.store.setting("public_url").await.is_ok();
    if ready { "ok\n".into_response() } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response() }
}

/// Prometheus metrics, to loopback callers only: they count members and rooms, which is nobody else's business.
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Result<Response, ApiError> {
    // A proxy on this machine also comes from loopback, so a request that was forwarded is not a local one.
    if !peer.ip().to_canonical().is_loopback() {
        return Err(Code::NotFound.into());
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.observe.render()).into_response())
}

pub(super) async fn openapi(document: Arc<str>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

pub(super) async fn method_not_allowed() -> ApiError {
    Code::MethodNotAllowed.into()
}
