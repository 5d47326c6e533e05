//! Who is calling, and from which page.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Once};

use axum::extract::{ConnectInfo, FromRef, FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use roomtone_room::ids::{InvitationId, MemberId, Timestamp};
use roomtone_store::{Guest, Hash, Member};
use url::Url;

use super::stream;
use crate::app::App;
use crate::edge::{self, Secret};
use crate::limits::{BAD_TOKENS, NOWHERE};
use crate::rooms::SignOuts;
use crate::wire::{ApiError, Code};

/// How young a session must be for what somebody who finds a browser open is not to do, in milliseconds. Longer spares people
/// from signing in again; shorter leaves less time to whoever finds it.
const FRESH_FOR: u64 = 15 * 60 * 1000;

/// The cookie that carries the session token.
const SESSION_COOKIE: &str = "roomtone_session";

/// The cookie that carries a guest's token.
const GUEST_COOKIE: &str = "roomtone_guest";

/// The cookie that carries the token of whoever answers an invitation without an account.
const ANSWER_COOKIE: &str = "roomtone_answer";

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
        let caller = Self::of(&app, &parts.headers, peer(parts)?).await?.ok_or(Code::NotSignedIn)?;
        caller.counted(&app, parts)
    }
}

impl SignedIn {
    /// Since when the caller's browser is signed in; `None` if it is no browser that calls, but a player or an encoder by its
    /// token.
    pub(super) async fn browser_since(&self, app: &App) -> Result<Option<Timestamp>, ApiError> {
        app.store.browser_since(&self.session).await.map_err(|e| ApiError::internal(&e))
    }

    /// Whoever the token of a request from `from` is of.
    pub(super) async fn of(app: &App, headers: &HeaderMap, from: IpAddr) -> Result<Option<Self>, ApiError> {
        let Some(session) = session_hash(headers) else { return Ok(None) };
        // Whoever tries tokens is told to wait before anything is looked up; others who share the address are not.
        if !app.uses.knows(&session) {
            app.limits.may_address(&BAD_TOKENS, from, edge::instant())?;
        }
        let as_of = app.rooms.sign_outs();
        let Some(member) = app.store.signed_in(&session).await.map_err(|e| ApiError::internal(&e))? else {
            app.limits.address(&BAD_TOKENS, from, edge::instant())?;
            return Ok(None);
        };
        app.uses.note(session, edge::now());
        Ok(Some(Self { member, session, as_of }))
    }

    /// The same, unless this is one request too many.
    fn counted(self, app: &App, parts: &Parts) -> Result<Self, ApiError> {
        let (member, now) = (self.member.person.id, edge::instant());
        app.limits.member(parts.method.as_str(), route(parts), member, now)?;
        Ok(self)
    }
}

/// The guest who is calling. As an extractor it refuses everybody else with `not_signed_in`.
pub(crate) struct SignedInGuest {
    pub(crate) guest: Guest,
    /// The hash of the guest's token.
    pub(crate) session: Hash,
    /// How many sessions had been ended before this one was looked up.
    pub(crate) as_of: SignOuts,
}

impl<S> FromRequestParts<S> for SignedInGuest
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = Arc::<App>::from_ref(state);
        let caller = Self::of(&app, &parts.headers, peer(parts)?).await?.ok_or(Code::NotSignedIn)?;
        caller.counted(&app, parts)
    }
}

impl SignedInGuest {
    /// Whoever the guest's token of a request from `from` is of. Tokens that are nobody's count as those of members do.
    async fn of(app: &App, headers: &HeaderMap, from: IpAddr) -> Result<Option<Self>, ApiError> {
        let Some(session) = cookie(headers, GUEST_COOKIE).and_then(Secret::hash_of) else { return Ok(None) };
        if !app.uses.knows(&session) {
            app.limits.may_address(&BAD_TOKENS, from, edge::instant())?;
        }
        let as_of = app.rooms.sign_outs();
        let found = app.store.guest_by_session(&session, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
        let Some(guest) = found else {
            app.limits.address(&BAD_TOKENS, from, edge::instant())?;
            return Ok(None);
        };
        app.uses.note(session, edge::now());
        Ok(Some(Self { guest, session, as_of }))
    }

    /// The same, unless this is one request too many.
    fn counted(self, app: &App, parts: &Parts) -> Result<Self, ApiError> {
        app.limits.member(parts.method.as_str(), route(parts), self.guest.person.id, edge::instant())?;
        Ok(self)
    }
}

/// Somebody who may be let into a room: the member who is calling, or else a guest. As an extractor it refuses everybody else with
/// `not_signed_in`.
pub(crate) enum RoomCaller {
    Member(SignedIn),
    Guest(SignedInGuest),
}

impl<S> FromRequestParts<S> for RoomCaller
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = Arc::<App>::from_ref(state);
        let from = peer(parts)?;
        if let Some(caller) = SignedIn::of(&app, &parts.headers, from).await? {
            return caller.counted(&app, parts).map(Self::Member);
        }
        let guest = SignedInGuest::of(&app, &parts.headers, from).await?.ok_or(Code::NotSignedIn)?;
        guest.counted(&app, parts).map(Self::Guest)
    }
}

impl RoomCaller {
    /// Whoever has the session that a ticket stands for; whoever tries tickets is told to wait as with tokens.
    pub(super) async fn by_session(app: &App, session: Option<Hash>, parts: &Parts) -> Result<Self, ApiError> {
        let internal = |error| ApiError::internal(&error);
        let from = peer(parts)?;
        if let Some(session) = session {
            let as_of = app.rooms.sign_outs();
            app.uses.note(session, edge::now());
            if let Some(member) = app.store.signed_in(&session).await.map_err(internal)? {
                return SignedIn { member, session, as_of }.counted(app, parts).map(Self::Member);
            }
            if let Some(guest) = app.store.guest_by_session(&session, edge::now()).await.map_err(internal)? {
                return SignedInGuest { guest, session, as_of }.counted(app, parts).map(Self::Guest);
            }
        }
        app.limits.address(&BAD_TOKENS, from, edge::instant())?;
        Err(Code::NotSignedIn.into())
    }
}

/// A member who is calling from a browser. As an extractor it refuses tokens of players and encoders with `not_allowed`: whoever
/// gets hold of one is not to get at the ways by which its owner signs in.
pub(crate) struct Browser {
    pub(crate) caller: SignedIn,
    /// When they signed in there.
    since: Timestamp,
}

impl<S> FromRequestParts<S> for Browser
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = SignedIn::from_request_parts(parts, state).await?;
        match caller.browser_since(&Arc::<App>::from_ref(state)).await? {
            Some(since) => Ok(Self { caller, since }),
            None => Err(ApiError::with_message(Code::NotAllowed, "A token cannot be used for that.")),
        }
    }
}

impl Browser {
    /// Refuses with `sign_in_again` unless the caller has signed in a short while ago, or has no way to sign in again. For what
    /// makes a new way in: with that, whoever finds a browser open could stay for good.
    pub(super) async fn signed_in_lately(&self, app: &App) -> Result<(), ApiError> {
        if is_fresh(self.since) {
            return Ok(());
        }
        let mail = app.settings.get().mail.is_some();
        let could =
            app.store.can_sign_in(self.caller.member.person.id, mail).await.map_err(|e| ApiError::internal(&e))?;
        if could { Err(Code::SignInAgain.into()) } else { Ok(()) }
    }
}

/// Whether a session that was made then counts as proof of who is there.
pub(super) fn is_fresh(since: Timestamp) -> bool {
    since.0 >= edge::now().0.saturating_sub(FRESH_FOR)
}

/// An admin, or the owner, who is calling from a browser. As an extractor it answers everybody else as if the route did not exist.
pub(crate) struct Admin(pub(crate) SignedIn);

impl<S> FromRequestParts<S> for Admin
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = Arc::<App>::from_ref(state);
        let from = peer(parts)?;
        let caller = SignedIn::of(&app, &parts.headers, from).await?;
        if let Some(caller) = caller.filter(|caller| caller.member.owner || caller.member.admin)
            && caller.browser_since(&app).await?.is_some()
        {
            return caller.counted(&app, parts).map(Self);
        }
        // Counted as a route that does not exist is.
        Err(nowhere(&app, from))
    }
}

/// Anybody who is calling, with or without an account.
pub(crate) struct Visitor {
    /// The network address that the request came from.
    pub(crate) address: IpAddr,
}

impl<S> FromRequestParts<S> for Visitor
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = Arc::<App>::from_ref(state);
        let address = peer(parts)?;
        app.limits.visitor(parts.method.as_str(), route(parts), address, edge::instant())?;
        Ok(Self { address })
    }
}

/// Whoever reads what is public: the member who is calling, or somebody without an account. A member's requests are counted as theirs,
/// others' by address.
pub(crate) struct Reader {
    /// The member, if it is one.
    pub(crate) member: Option<SignedIn>,
}

impl<S> FromRequestParts<S> for Reader
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = Arc::<App>::from_ref(state);
        let address = peer(parts)?;
        let member = match SignedIn::of(&app, &parts.headers, address).await? {
            Some(caller) => Some(caller.counted(&app, parts)?),
            None => {
                app.limits.visitor(parts.method.as_str(), route(parts), address, edge::instant())?;
                None
            }
        };
        Ok(Self { member })
    }
}

impl Reader {
    /// The member's id, if it is one.
    pub(crate) fn id(&self) -> Option<MemberId> {
        self.member.as_ref().map(|caller| caller.member.person.id)
    }
}

/// Whether a request comes from a browser that has signed in, or may act without an account: our cookies all begin alike. Whether what
/// they say is true matters where something is asked for.
pub(super) fn has_our_cookie(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|list| list.split(';')).any(|pair| pair.trim_start().starts_with("roomtone_"))
}

/// The address that a request came from, as far as proxies that are believed say.
pub(super) fn peer(parts: &Parts) -> Result<IpAddr, ApiError> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().ok_or(Code::BadRequest)?;
    Ok(peer.0.ip())
}

/// The answer to whoever asks for what does not exist, or not for them.
pub(super) fn nowhere(app: &App, from: IpAddr) -> ApiError {
    match app.limits.address(&NOWHERE, from, edge::instant()) {
        Ok(()) => Code::NotFound.into(),
        Err(too_many) => too_many.into(),
    }
}

/// The path of the request's route, as the router has it: `/api/invites/{code}`.
fn route(parts: &Parts) -> &str {
    parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str)
}

/// The hash of the token in the bearer header or the cookie; the header wins, since it was set on purpose. Other schemes
/// are a proxy's business.
fn session_hash(headers: &HeaderMap) -> Option<Hash> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Secret::hash_of(token.trim());
    }
    cookie(headers, SESSION_COOKIE).and_then(Secret::hash_of)
}

/// The value of the cookie with this name.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
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

/// The `Set-Cookie` value that makes a browser a guest's for so many seconds; 0 ends that.
pub(super) fn guest_cookie(app: &App, token: &str, seconds: u64) -> String {
    format!("{GUEST_COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{}", secure(app))
}

/// The `Set-Cookie` value by which a browser answers this invitation, and no other: it is sent nowhere else.
pub(super) fn answer_cookie(app: &App, invitation: InvitationId, token: &str) -> String {
    let path = format!("/api/invitations/{invitation}");
    format!("{ANSWER_COOKIE}={token}; Path={path}; HttpOnly; SameSite=Lax; Max-Age=34560000{}", secure(app))
}

/// The cookie that says that this browser answers an invitation, and holds no secret: by it the page at this address is the
/// client's and not the one for visitors, who send none.
pub(super) fn answering_cookie(app: &App, invitation: InvitationId) -> String {
    let path = format!("/invitations/{invitation}");
    format!("roomtone_answering=1; Path={path}; HttpOnly; SameSite=Lax; Max-Age=34560000{}", secure(app))
}

/// The hash of the token in a guest's cookie, whether or not it is one that counts.
pub(super) fn guest_key(headers: &HeaderMap) -> Option<Hash> {
    cookie(headers, GUEST_COOKIE).and_then(Secret::hash_of)
}

/// The hash of the token in that cookie.
pub(super) fn answer_key(headers: &HeaderMap) -> Option<Hash> {
    cookie(headers, ANSWER_COOKIE).and_then(Secret::hash_of)
}

fn secure(app: &App) -> &'static str {
    if app.public_url.scheme() == "https" { "; Secure" } else { "" }
}

/// Puts the address of whoever asked in the place of a reverse proxy's, if the operator named that proxy.
pub(super) async fn look_behind_proxies(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    if let Some(behind) = peer.and_then(|peer| forwarded_for(peer, request.headers(), &app.proxies)) {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(behind, 0)));
    }
    if peer.is_some_and(|peer| is_unnamed_proxy(peer, request.headers(), &app.proxies)) {
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            tracing::warn!(
                "requests come through a proxy on this machine that is not named: limits count everybody behind it as one \
                 (--proxy 127.0.0.1 if it is yours)"
            );
        });
    }
    next.run(request).await
}

/// Whether a request seems to come from a reverse proxy that the operator forgot to name.
fn is_unnamed_proxy(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> bool {
    proxies.is_empty() && peer.to_canonical().is_loopback() && headers.contains_key("x-forwarded-for")
}

/// Whom proxies say that they ask for: each adds to the end of `X-Forwarded-For` where its request came from, so the last one
/// that is not a proxy itself counts. What stands before it can be invented.
fn forwarded_for(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Option<IpAddr> {
    let is_proxy = |address: &IpAddr| proxies.contains(&address.to_canonical());
    if !is_proxy(&peer) {
        return None;
    }
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(','))
        .map_while(|address| address.trim().parse::<IpAddr>().ok())
        .find(|address| !is_proxy(address))
}

/// Refuses requests that change something, control sockets and plain streams, when a page of another origin sent them. A request
/// without `Origin` and without `Sec-Fetch-Site` does not come from a page in a browser that could be misled.
pub(super) async fn refuse_cross_site(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let opens_socket = headers.contains_key("sec-websocket-key");
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let plays = request.uri().path().ends_with(stream::FILE);
    if (opens_socket || changes || plays) && !same_origin(&app, headers) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_was_not_named_is_noticed() {
        let mut headers = HeaderMap::new();
        let noticed = |peer: &str, headers: &HeaderMap, proxies: &[IpAddr]| {
            is_unnamed_proxy(peer.parse().unwrap(), headers, proxies)
        };
        assert!(!noticed("127.0.0.1", &headers, &[]));
        headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        assert!(noticed("127.0.0.1", &headers, &[]) && noticed("::1", &headers, &[]));
        assert!(noticed("::ffff:127.0.0.1", &headers, &[]));
        assert!(!noticed("192.0.2.7", &headers, &[]));
        assert!(!noticed("127.0.0.1", &headers, &["127.0.0.1".parse().unwrap()]));
    }

    #[test]
    fn only_named_proxies_are_believed_and_only_their_own_word() {
        let proxies: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let cases: [(&str, &[&str], Option<&str>); 9] = [
            ("127.0.0.1", &["192.0.2.1"], Some("192.0.2.1")),
            ("::ffff:127.0.0.1", &["2001:db8::1"], Some("2001:db8::1")),
            ("127.0.0.1", &["198.51.100.9, 192.0.2.1"], Some("192.0.2.1")),
            ("127.0.0.1", &["198.51.100.9", "192.0.2.1,10.0.0.2"], Some("192.0.2.1")),
            ("127.0.0.1", &["198.51.100.9", "nonsense"], None),
            ("127.0.0.1", &["198.51.100.9, nonsense, 10.0.0.2"], None),
            ("127.0.0.1", &[], None),
            ("127.0.0.1", &["10.0.0.2"], None),
            ("192.0.2.7", &["192.0.2.1"], None),
        ];
        for (peer, lines, behind) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let found = forwarded_for(peer.parse().unwrap(), &headers, &proxies);
            assert_eq!(found, behind.map(|address| address.parse().unwrap()), "{peer} {headers:?}");
        }
    }
}
