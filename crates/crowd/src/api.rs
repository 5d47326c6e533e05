//! The HTTP surface as far as a bot needs it (docs/PROTOCOL.md).

use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use roomtone::wire::http::{Me, NewRoom, Redeem, RoomCreated};
use roomtone::wire::socket::Kind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

/// Bytes of an answer that are read at most: an SDP answer has a few KiB, the metrics some tens.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// How long one request may take. A server under load answers late, a dead one never.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a request is sent again after 429 or 503 before it counts as refused.
const RETRIES: u32 = 60;
/// The longest that an answer's `Retry-After` is followed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

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

/// A server and, once signed in, a member of it.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    token: Option<String>,
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
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { base: base.to_owned(), token: None, client })
    }

    /// The same server for the bearer of `token`.
    pub fn signed_in(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The bearer token, when signed in.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
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
        let body = Redeem { handle: handle.into(), name: name.into(), language: "en".into() };
        let answer = self.post(&format!("/api/invites/{code}/redeem"), &body).await?;
        let token = answer
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|cookie| cookie.to_str().ok())
            .find_map(session_cookie)
            .ok_or_else(|| Error::Connection("redeem gave no session cookie".into()))?;
        Ok(self.signed_in(token))
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
        let body = NewRoom { title: title.into(), kind: Kind::Open, language: None, named: Vec::new() };
        let answer = self.post("/api/rooms", &body).await?;
        Ok(parse::<RoomCreated>(&answer.body)?.id.0.to_string())
    }

    /// Posts an SDP offer to `path` and returns the answer and the `Location` of the new leg.
    ///
    /// # Errors
    /// [`Error::Refused`] with the codes of docs/PROTOCOL.md, "Media legs"; [`Error::Connection`].
    pub async fn offer(&self, path: &str, sdp: String) -> Result<(String, String)> {
        let answer = self.request("POST", Method::POST, path, "application/sdp", sdp).await?;
        let location = answer
            .headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| Error::Connection(format!("POST {path} gave no Location")))?
            .to_owned();
        Ok((answer.body, location))
    }

    /// Deletes what `path` names.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Connection`].
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.request("DELETE", Method::DELETE, path, "", String::new()).await.map(|_| ())
    }

    /// The server's metrics in the Prometheus text format.
    ///
    /// # Errors
    /// [`Error::Refused`] when the server does not give them to this address; [`Error::Connection`].
    pub async fn metrics(&self) -> Result<String> {
        Ok(self.get("/metrics").await?.body)
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        self.request("GET", Method::GET, path, "", String::new()).await
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
            if !matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
                let code = parse::<Value>(&answer.body).ok();
                let code = code.as_ref().and_then(|error| error.get("code")?.as_str()).unwrap_or_default();
                return Err(Error::Refused {
                    method: name,
                    path: path.to_owned(),
                    status: answer.status.as_u16(),
                    code: code.to_owned(),
                });
            }
            tokio::time::sleep(retry_after(&answer.headers)).await;
        }
        Err(Error::Timeout("a server that is less busy"))
    }

    async fn send(&self, method: &Method, path: &str, content_type: &str, body: String) -> Result<Answer> {
        let broken = |error: &dyn std::fmt::Display| Error::Connection(format!("{method} {path}: {error}"));
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(body).map_err(|error| broken(&error))?;
        let (parts, body) = self.client.request(request).await.map_err(|error| broken(&error))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| broken(&error))?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// The session token in a `Set-Cookie` value, if it is the session cookie.
fn session_cookie(cookie: &str) -> Option<&str> {
    let (name, value) = cookie.split(';').next()?.trim().split_once('=')?;
    (name == "roomtone_session" && !value.is_empty()).then_some(value)
}

/// How long to wait by `Retry-After` in seconds (RFC 9110, section 10.2.3); one second without it.
fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(1);
    Duration::from_secs(seconds).clamp(Duration::from_millis(100), MAX_RETRY_AFTER)
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T> {
    serde_json::from_str(body).map_err(|error| Error::Connection(format!("not the expected answer: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_among_cookies() {
        for (cookie, token) in [
            ("roomtone_session=abc; HttpOnly; SameSite=Lax", Some("abc")),
            ("roomtone_session=; Max-Age=0", None),
            ("theme=dark", None),
            ("nonsense", None),
        ] {
            assert_eq!(session_cookie(cookie), token, "{cookie}");
        }
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
    fn retry_after_is_bounded() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), Duration::from_secs(1));
        for (value, seconds) in [("2", 2), ("99999", 30), ("Sun, 06 Nov 1994 08:49:37 GMT", 1)] {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            assert_eq!(retry_after(&headers), Duration::from_secs(seconds), "{value}");
        }
    }
}
