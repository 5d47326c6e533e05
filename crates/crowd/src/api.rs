//! The HTTP surface as far as a bot needs it (docs/PROTOCOL.md).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use roomtone::wire::guests::{GuestLink, NewGuestLink};
use roomtone::wire::http::{Me, NewRoom, Redeem, RoomCreated};
use roomtone::wire::socket::{Kind, Participant};
use roomtone::wire::{Id, MemberId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// Bytes of an answer that are read at most: an SDP answer has a few KiB, the metrics some tens.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// How long one request may take. A server under load answers late, a dead one never.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a request is sent again after 429 or 503 before it counts as refused.
pub(crate) const RETRIES: u32 = 60;
/// The longest that an answer's `Retry-After` is followed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);
/// The error code of a server that takes no more people: nobody comes back on that by itself.
pub(crate) const SERVER_FULL: &str = "server_full";

/// The cookie in which a member's session is given out.
const SESSION_COOKIE: &str = "roomtone_session";
/// The cookie by which a guest is known.
const GUEST_COOKIE: &str = "roomtone_guest";

/// An HTTP answer with its body as text.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
}

/// By what the server knows who is asking.
#[derive(Debug, Clone)]
enum Token {
    /// A member's session.
    Member(String),
    /// What a guest's link was taken for.
    Guest(String),
}

/// A server and, once signed in, a member of it, or a guest of one of its rooms.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    token: Option<Token>,
    retries: Arc<AtomicU32>,
    client: Client<HttpConnector, String>,
}

impl Api {
    /// A client of the server at `base`, like `http://127.0.0.1:8080`, not signed in.
    ///
    /// # Errors
    /// [`Error::Usage`] for anything but an `http` URL without a path.
    pub fn new(base: &str) -> Result<Self> {
        let base = base.trim_end_matches('/');
        let usage = || Error::Usage(format!("not a server URL like http://127.0.0.1:8080: {base}"));
        let uri: http::Uri = base.parse().map_err(|_| usage())?;
        if uri.scheme_str() != Some("http") || uri.authority().is_none() || uri.path() != "/" {
            return Err(usage());
        }
        Ok(Self { base: base.to_owned(), token: None, retries: Arc::default(), client: client(None) })
    }

    /// The same client, asking from another address of this machine: servers count misses by address.
    pub fn asking_from(&self, address: IpAddr) -> Self {
        Self { client: client(Some(address)), ..self.clone() }
    }

    /// The same server for the bearer of `token`.
    pub fn signed_in(&self, token: &str) -> Self {
        Self { token: Some(Token::Member(token.to_owned())), ..self.clone() }
    }

    /// The same client, with a count of [`Api::retries`] of its own.
    pub fn counting(&self) -> Self {
        Self { retries: Arc::default(), ..self.clone() }
    }

    /// How often the server asked this client, and those that were made from it by signing in, to come back later.
    pub fn retries(&self) -> u32 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Does what a refusal asks for: waits, if it names a time to come back.
    ///
    /// # Errors
    /// The refusal itself, if it is for good.
    pub(crate) async fn heed(&self, refusal: Error) -> Result<()> {
        let wait = come_back_after(&refusal).ok_or(refusal)?;
        self.retries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// The bearer token, when signed in as a member.
    pub fn token(&self) -> Option<&str> {
        match &self.token {
            Some(Token::Member(token)) => Some(token),
            Some(Token::Guest(_)) | None => None,
        }
    }

    /// The header field that says who is asking, if anybody in particular is.
    pub(crate) fn credentials(&self) -> Option<(HeaderName, String)> {
        Some(match self.token.as_ref()? {
            Token::Member(token) => (header::AUTHORIZATION, format!("Bearer {token}")),
            Token::Guest(token) => (header::COOKIE, format!("{GUEST_COOKIE}={token}")),
        })
    }

    /// The server's URL, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The URL of a room's control socket.
    pub fn socket_url(&self, room: &str) -> String {
        format!("ws{}/api/rooms/{room}/ws", &self.base["http".len()..])
    }

    /// Redeems an invite as a new member and returns the client that is signed in as that member.
    ///
    /// # Errors
    /// [`Error::Refused`] with `invite_not_found`, `handle_taken` and so on; [`Error::Connection`].
    pub async fn redeem(&self, code: &str, handle: &str, name: &str) -> Result<Self> {
        self.redeem_in(code, handle, name, "en").await
    }

    /// The same for somebody who speaks `language` (a BCP 47 tag).
    ///
    /// # Errors
    /// As [`Api::redeem`], and [`Error::Refused`] with `invalid_language`.
    pub async fn redeem_in(&self, code: &str, handle: &str, name: &str, language: &str) -> Result<Self> {
        let body = Redeem { handle: handle.into(), name: name.into(), language: language.into() };
        let answer = self.post(&format!("/api/invites/{code}/redeem"), &body).await?;
        let token = cookie(&answer.headers, SESSION_COOKIE);
        Ok(self.signed_in(token.ok_or_else(|| Error::Connection("redeem gave no session cookie".into()))?))
    }

    /// Takes a guest's link by its code, and returns the client of that guest.
    ///
    /// # Errors
    /// [`Error::Refused`] with `guest_link_not_found`; [`Error::Connection`].
    pub async fn take_guest_link(&self, code: &str) -> Result<Self> {
        let path = format!("/api/guest-links/{code}");
        let answer = self.request("POST", Method::POST, &path, "", String::new()).await?;
        let token = cookie(&answer.headers, GUEST_COOKIE);
        let token = token.ok_or_else(|| Error::Connection("a guest's link gave no cookie".into()))?;
        Ok(Self { token: Some(Token::Guest(token.to_owned())), ..self.clone() })
    }

    /// Makes a link for a guest of a room that the member runs, and returns the guest's id and the code in the link.
    ///
    /// # Errors
    /// [`Error::Refused`] with `not_allowed` and so on; [`Error::Connection`].
    pub async fn make_guest_link(&self, room: &str, name: &str, minutes: u32) -> Result<(Id<MemberId>, String)> {
        let body = NewGuestLink { name: name.into(), minutes, context: None };
        let answer = self.post(&format!("/api/rooms/{room}/guests"), &body).await?;
        let made = parse::<GuestLink>(&answer.body)?;
        let code = made.link.rsplit('/').next().unwrap_or_default().to_owned();
        Ok((made.guest, code))
    }

    /// The member's own handle.
    ///
    /// # Errors
    /// [`Error::Refused`] with `not_signed_in`; [`Error::Connection`].
    pub async fn handle(&self) -> Result<String> {
        Ok(parse::<Me>(&self.get("/api/me").await?.body)?.handle)
    }

    /// Opens a room and returns its id. The member is its host and has ten seconds to connect.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Connection`].
    pub async fn open_room(&self, title: &str) -> Result<String> {
        self.open_room_of(title, None).await
    }

    /// The same as a room of a house, if its handle is given.
    ///
    /// # Errors
    /// As [`Api::open_room`].
    pub async fn open_room_of(&self, title: &str, house: Option<&str>) -> Result<String> {
        let body = NewRoom {
            title: title.into(),
            kind: Kind::Open,
            language: None,
            named: Vec::new(),
            topics: Vec::new(),
            house: house.map(str::to_owned),
        };
        let answer = self.post("/api/rooms", &body).await?;
        Ok(parse::<RoomCreated>(&answer.body)?.id.0.to_string())
    }

    /// Posts an SDP offer to `path` once, however busy the server is, and returns what [`Api::offer`] does.
    ///
    /// # Errors
    /// As [`Api::offer`].
    pub async fn offer_once(&self, path: &str, sdp: String) -> Result<(String, String)> {
        let answer = self.send(&Method::POST, path, "application/sdp", sdp).await?;
        if !answer.status.is_success() {
            return Err(refusal("POST", path, answer.status, &answer.headers, &answer.body));
        }
        located(path, answer)
    }

    /// Posts an SDP offer to `path` and returns the answer and the `Location` of the new leg.
    ///
    /// # Errors
    /// [`Error::Refused`] with the codes of docs/PROTOCOL.md, "Media legs"; [`Error::Connection`].
    pub async fn offer(&self, path: &str, sdp: String) -> Result<(String, String)> {
        let answer = self.request("POST", Method::POST, path, "application/sdp", sdp).await?;
        located(path, answer)
    }

    /// The handles of everybody who is in a room, by pages.
    ///
    /// # Errors
    /// [`Error::Refused`] with `room_not_found`; [`Error::Connection`].
    pub async fn roster(&self, room: &str) -> Result<Vec<String>> {
        let (mut handles, mut after) = (Vec::new(), Some(0));
        while let Some(number) = after {
            let page = self.get(&format!("/api/rooms/{room}/roster?after={number}")).await?;
            let page = parse::<RosterPage>(&page.body)?;
            handles.extend(page.participants.into_iter().map(|participant| participant.person.handle));
            // A page that does not lead on would be asked for forever.
            after = page.next.filter(|next| *next > number);
        }
        Ok(handles)
    }

    /// Deletes what `path` names.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Connection`].
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.request("DELETE", Method::DELETE, path, "", String::new()).await.map(|_| ())
    }

    /// Does something with JSON that needs no more than to have been done.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Connection`].
    pub async fn order(&self, method: Method, path: &str, body: &Value) -> Result<()> {
        self.request("order", method, path, "application/json", body.to_string()).await.map(|_| ())
    }

    /// The server's metrics in the Prometheus text format.
    ///
    /// # Errors
    /// [`Error::Refused`] when the server does not give them to this address; [`Error::Connection`].
    pub async fn metrics(&self) -> Result<String> {
        Ok(self.get("/metrics").await?.body)
    }

    /// Makes something by JSON and returns its id.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Connection`].
    pub async fn make(&self, path: &str, body: &Value) -> Result<String> {
        let made = parse::<Value>(&self.post(path, body).await?.body)?;
        let id = made.get("id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| Error::Connection(format!("POST {path} gave no id")))
    }

    /// Reads what is at `path`.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Connection`].
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.request("GET", Method::GET, path, "", String::new()).await
    }

    /// Reads what is at `path` as it comes, asking once.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Connection`], [`Error::Timeout`].
    pub async fn stream(&self, path: &str) -> Result<Incoming> {
        let asked = self.ask(&Method::GET, path, "", String::new());
        let asked = tokio::time::timeout(REQUEST_TIMEOUT, asked).await;
        let (parts, body) = asked.map_err(|_| Error::Timeout("an HTTP answer"))??;
        if parts.status.is_success() {
            return Ok(body);
        }
        let body = whole(body).await.map_err(|error| Error::Connection(format!("GET {path}: {error}")))?;
        Err(refusal("GET", path, parts.status, &parts.headers, &body))
    }

    /// Asks for an address under which the room can be heard as a plain stream, and gives it with the id that the first one will have.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Connection`].
    pub async fn stream_ticket(&self, room: &str) -> Result<(String, String)> {
        let path = format!("/api/rooms/{room}/stream");
        let Ticket { url, leg } = parse(&self.request("POST", Method::POST, &path, "", String::new()).await?.body)?;
        Ok((url, leg))
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer> {
        let text = serde_json::to_string(body).expect("a body has only strings, numbers and flags");
        self.request("POST", Method::POST, path, "application/json", text).await
    }

    /// Sends a request and gives its answer if the status is a success. 429 and 503 are what a crowd has to expect:
    /// it comes back after the time the server names.
    async fn request(
        &self,
        name: &'static str,
        method: Method,
        path: &str,
        content_type: &str,
        body: String,
    ) -> Result<Answer> {
        for _ in 0..RETRIES {
            let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.send(&method, path, content_type, body.clone()))
                .await
                .map_err(|_| Error::Timeout("an HTTP answer"))??;
            if answer.status.is_success() {
                return Ok(answer);
            }
            self.heed(refusal(name, path, answer.status, &answer.headers, &answer.body)).await?;
        }
        Err(Error::Timeout("a server that is less busy"))
    }

    async fn send(&self, method: &Method, path: &str, content_type: &str, body: String) -> Result<Answer> {
        let (parts, body) = self.ask(method, path, content_type, body).await?;
        let body = whole(body).await.map_err(|error| Error::Connection(format!("{method} {path}: {error}")))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    async fn ask(&self, method: &Method, path: &str, content_type: &str, body: String) -> Result<(Parts, Incoming)> {
        let broken = |error: &dyn std::fmt::Display| Error::Connection(format!("{method} {path}: {error}"));
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some((name, value)) = self.credentials() {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| broken(&error))?;
        Ok(self.client.request(request).await.map_err(|error| broken(&error))?.into_parts())
    }
}

/// A body as text.
async fn whole(body: Incoming) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Makes connections, from a particular address if there is one.
fn client(from: Option<IpAddr>) -> Client<HttpConnector, String> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_local_address(from);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// The SDP in an answer, and the path of the leg that it is about.
fn located(path: &str, answer: Answer) -> Result<(String, String)> {
    let location = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| Error::Connection(format!("POST {path} gave no Location")))?.to_owned();
    Ok((answer.body, location))
}

/// A page of a roster, as far as it is needed.
#[derive(Debug, Deserialize)]
struct RosterPage {
    participants: Vec<Participant>,
    next: Option<u32>,
}

/// Where a plain stream is, and what the first one there will be called.
#[derive(Debug, Deserialize)]
struct Ticket {
    url: String,
    leg: String,
}

/// The value that an answer sets a cookie to.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let set = headers.get_all(header::SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    set.filter_map(|cookie| cookie.split(';').next()?.trim().split_once('='))
        .find_map(|(set, value)| (set == name && !value.is_empty()).then_some(value))
}

/// The refusal that an answer is.
pub(crate) fn refusal(method: &'static str, path: &str, status: StatusCode, headers: &HeaderMap, body: &str) -> Error {
    let body = parse::<Value>(body).ok();
    let code = body.as_ref().and_then(|error| error.get("code")?.as_str()).unwrap_or_default();
    Error::Refused {
        method,
        path: path.to_owned(),
        status: status.as_u16(),
        code: code.to_owned(),
        retry_after: headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()),
    }
}

/// How long to wait before trying again, as `Retry-After` has it and one second without; `None` for what is refused for
/// good.
fn come_back_after(refusal: &Error) -> Option<Duration> {
    match refusal {
        Error::Refused { status: 429 | 503, code, retry_after, .. } if code != SERVER_FULL => {
            let wait = Duration::from_secs(retry_after.unwrap_or(1));
            Some(wait.clamp(Duration::from_millis(100), MAX_RETRY_AFTER))
        }
        _ => None,
    }
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T> {
    serde_json::from_str(body).map_err(|error| Error::Connection(format!("not the expected answer: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_among_cookies() {
        for (set, token) in [
            ("roomtone_session=abc; HttpOnly; SameSite=Lax", Some("abc")),
            ("roomtone_session=; Max-Age=0", None),
            ("roomtone_guest=abc", None),
            ("theme=dark", None),
            ("nonsense", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(header::SET_COOKIE, "other=1".parse().unwrap());
            headers.append(header::SET_COOKIE, set.parse().unwrap());
            assert_eq!(cookie(&headers, SESSION_COOKIE), token, "{set}");
        }
    }

    #[test]
    fn members_and_guests_say_who_they_are_in_their_own_way() {
        let nobody = Api::new("http://127.0.0.1:1").unwrap();
        let (member, guest) =
            (nobody.signed_in("abc"), Api { token: Some(Token::Guest("def".into())), ..nobody.clone() });
        assert_eq!((nobody.token(), nobody.credentials()), (None, None));
        assert_eq!(
            (member.token(), member.credentials()),
            (Some("abc"), Some((header::AUTHORIZATION, "Bearer abc".into())))
        );
        assert_eq!((guest.token(), guest.credentials()), (None, Some((header::COOKIE, "roomtone_guest=def".into()))));
    }

    #[test]
    fn only_plain_http_servers_are_accepted() {
        for (url, accepted) in [
            ("http://127.0.0.1:8080", true),
            ("http://127.0.0.1:8080/", true),
            ("https://example.org", false),
            ("127.0.0.1:8080", false),
            ("http://127.0.0.1:8080/path", false),
            ("", false),
        ] {
            assert_eq!(Api::new(url).is_ok(), accepted, "{url}");
        }
        assert_eq!(Api::new("http://127.0.0.1:1/").unwrap().socket_url("r"), "ws://127.0.0.1:1/api/rooms/r/ws");
    }

    #[test]
    fn only_a_server_that_is_busy_for_now_is_tried_again() {
        for (status, body, retry_after, seconds) in [
            (503, r#"{"code":"busy","message":"Later."}"#, Some("2"), Some(2)),
            (429, r#"{"code":"rate_limited"}"#, Some("99999"), Some(30)),
            (503, "no body of ours", Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(1)),
            (429, "", None, Some(1)),
            (503, r#"{"code":"server_full"}"#, Some("5"), None),
            (404, r#"{"code":"room_not_found"}"#, None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(retry_after.map(|value| (header::RETRY_AFTER, value.parse().unwrap())));
            let refusal = refusal("GET", "/", StatusCode::from_u16(status).unwrap(), &headers, body);
            assert_eq!(come_back_after(&refusal), seconds.map(Duration::from_secs), "{status} {body}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "5".parse().unwrap());
        let full = refusal("GET", "/", StatusCode::SERVICE_UNAVAILABLE, &headers, r#"{"code":"server_full"}"#);
        assert_eq!(full.to_string(), "GET /: 503 server_full, Retry-After: 5");
    }
}
