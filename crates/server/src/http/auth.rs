//! Who is calling, and from which page.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use roomtone_store::{Hash, Member};
use url::Url;

use crate::app::App;
use crate::edge::Secret;
use crate::rooms::SignOuts;
use crate::wire::{ApiError, Code};

/// The cookie that carries the session token.
const SESSION_COOKIE: &str = "roomtone_session";

/// The member who is calling. As an extractor it refuses everybody else with `not_signed_in`.
pub(crate) struct SignedIn {
    pub(crate) member: Member,
    /// The hash of the session token, by which the session can be ended.
    pub(crate) session: Hash,
    /// How many sessions had been ended before this one was looked up.
    pub(crate) as_of: SignOuts,
}

impl<S> FromRequestParts<S> for SignedIn
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = Arc::<App>::from_ref(state);
        let session = session_hash(&parts.headers).ok_or(Code::NotSignedIn)?;
        let as_of = app.rooms.sign_outs();
        let member =
            app.store.signed_in(&session).await.map_err(|e| ApiError::internal(&e))?.ok_or(Code::NotSignedIn)?;
        if !app.limits.may_read(member.person.id) {
            return Err(Code::RateLimited.into());
        }
        Ok(Self { member, session, as_of })
    }
}

/// The hash of the token in the bearer header or the cookie; the header wins, since it was set on purpose. Other schemes
/// are a proxy's business.
fn session_hash(headers: &HeaderMap) -> Option<Hash> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Secret::hash_of(token.trim());
    }
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .and_then(|(_, token)| Secret::hash_of(token))
}

/// The `Set-Cookie` value that signs a member in.
pub(super) fn sign_in_cookie(app: &App, token: &str) -> String {
    // 400 days is the longest that browsers keep a cookie (RFC 6265bis, section 5.5).
    format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=34560000{}", secure(app))
}

/// The `Set-Cookie` value that signs a member out.
pub(super) fn sign_out_cookie(app: &App) -> String {
    format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{}", secure(app))
}

fn secure(app: &App) -> &'static str {
    if app.public_url.scheme() == "https" { "; Secure" } else { "" }
}

/// Refuses requests that change something, and control sockets, when a page of another origin sent them. A request
/// without `Origin` and without `Sec-Fetch-Site` does not come from a page in a browser that could be misled.
pub(super) async fn refuse_cross_site(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let opens_socket = headers.contains_key("sec-websocket-key");
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if (opens_socket || changes) && !same_origin(&app, headers) {
        tracing::info!("refused a request from a page of another origin");
        return ApiError::from(Code::CrossSite).into_response();
    }
    next.run(request).await
}

fn same_origin(app: &App, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok());
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else {
        return false;
    };
    if origin.origin() == app.public_url.origin() {
        return true;
    }
    // The same server reached by another of its names: the page's origin is then the host that was asked.
    let host = headers.get(HOST).and_then(|v| v.to_str().ok());
    let of_origin = match (origin.host_str(), origin.port()) {
        (Some(name), Some(port)) => format!("{name}:{port}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => return false,
    };
    host == Some(of_origin.as_str())
}
