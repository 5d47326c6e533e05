//! The HTTP surface: routes, who may call them, and what wraps them all.

mod auth;
mod body;
mod guesses;
mod invites;
mod legs;
mod me;
mod pages;
mod probes;
mod rooms;
mod text;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware;
use axum::routing::get;
use axum::{Extension, Router};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(crate) use auth::SignedIn;
pub(crate) use body::PathId;
pub(crate) use rooms::room_for;

/// Largest body, in bytes: that of an SDP offer. Everything else is far smaller.
const BODY_MAX: usize = legs::BODY_MAX;

/// Everything that is served over HTTP.
pub fn router(app: Arc<App>) -> Router {
    let (api, document) = api().split_for_parts();
    let document: Arc<str> = document.to_pretty_json().expect("the description is plain data").into();
    let policy = content_security_policy(&app);
    api.route("/api/openapi.json", get(move || probes::openapi(document.clone())))
        .route("/api/rooms/{id}/ws", get(crate::ws::upgrade))
        .route("/livez", get(probes::livez))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics))
        .fallback(pages::serve)
        .method_not_allowed_fallback(probes::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(Extension(Arc::new(guesses::Guesses::default())))
        .layer(middleware::from_fn_with_state(app.clone(), auth::refuse_cross_site))
        .layer(set_header(header::CONTENT_SECURITY_POLICY, policy))
        .layer(set_header(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        // Answers are about one member and the present moment; what may be kept says so itself.
        .layer(set_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(set_header(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .layer(set_header(
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("microphone=(self), speaker-selection=(self), camera=(), geolocation=()"),
        ))
        .layer(set_header(
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ))
        .layer(set_header(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ))
        .with_state(app)
}

/// The description of the HTTP surface, as `/api/openapi.json` serves it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api().into_openapi()
}

#[derive(OpenApi)]
#[openapi(info(title = "Roomtone", description = "The HTTP surface of a Roomtone server; see docs/PROTOCOL.md."))]
struct Description;

fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(invites::show))
        .routes(routes!(invites::redeem))
        .routes(routes!(me::me))
        .routes(routes!(me::sign_out))
        .routes(routes!(me::new_token))
        .routes(routes!(me::follow, me::unfollow))
        .routes(routes!(rooms::hallway, rooms::open))
        .routes(routes!(rooms::card))
        .routes(routes!(rooms::roster))
        .routes(routes!(legs::listen))
        .routes(routes!(legs::publish))
        .routes(routes!(legs::end))
}

fn set_header(name: HeaderName, value: HeaderValue) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, value)
}

/// The page may load and contact nothing but this server (guarantee G5). Inline styles are allowed because the
/// speaking rings are drawn by style attributes; inline scripts only by the hash of the one that starts the client.
fn content_security_policy(app: &App) -> HeaderValue {
    let scripts = pages::inline_script_hashes();
    let socket = app.public_url.as_str().trim_end_matches('/').replacen("http", "ws", 1);
    let policy = format!(
        "default-src 'self'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
         media-src 'self' blob: mediastream:; connect-src 'self' {socket}; object-src 'none'; base-uri 'self'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}
