//! For the operator and the machinery around the server.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use url::{Host, Url};

use crate::app::{App, PUBLIC_URL_SETTING};
use crate::wire::{ApiError, Code};

/// The process runs.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// The database answers and the media threads run.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, ApiError> {
    let ready = app.media.is_running() && app.store.setting(PUBLIC_URL_SETTING).await.is_ok();
    if ready { Ok("ok\n") } else { Err(Code::Busy.into()) }
}

/// Prometheus metrics, to loopback callers only: they count members and rooms, which is nobody else's business.
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !peer.ip().to_canonical().is_loopback() || !asked_locally(&headers) {
        return Err(Code::NotFound.into());
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.observe.render()).into_response())
}

/// Whether a request that came over loopback was also meant for it. A proxy on this machine passes on other people's, and
/// a page whose name was made to point here (DNS rebinding) sends its own name as the host.
fn asked_locally(headers: &HeaderMap) -> bool {
    const FORWARDED: [&str; 5] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let loopback = Url::parse(&format!("http://{host}")).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    });
    loopback && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}

/// The description of the HTTP surface.
pub(super) async fn openapi(document: Arc<str>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

/// A route that exists, asked by a method that it has not.
pub(super) async fn method_not_allowed() -> ApiError {
    Code::MethodNotAllowed.into()
}
