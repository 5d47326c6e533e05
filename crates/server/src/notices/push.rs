//! Web Push: messages to the push service of a member's browser, which hands them on while no page is open.
//!
//! Where to post is told by the browser, and so by whoever has an account. The client therefore speaks only to public
//! addresses, only over TLS, follows no redirects, and neither waits nor reads for long.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use roomtone_store::{Store, StoreError, Subscription};
use tokio::sync::Semaphore;
use tower::Service;
use url::{Host, Url};
use web_push_native::jwt_simple::algorithms::{ECDSAP256PublicKeyLike, ES256KeyPair};
use web_push_native::{Auth, WebPushBuilder, p256};

use crate::addresses::is_public;
use crate::edge;

/// Longest endpoint, in bytes. Those of the large push services have some 200.
pub(crate) const ENDPOINT_MAX: usize = 1_000;

/// Longest message before it is encrypted, in bytes. Push services take 4096 of what is left then (RFC 8030, section 7.2).
pub(crate) const PAYLOAD_MAX: usize = 3_000;

/// How long one message may take to hand over.
const SEND_LIMIT: Duration = Duration::from_secs(15);

/// How long looking up a name may take, and connecting after that.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(5);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Names that are looked up at the same time. The system's look-up cannot be called off and takes a thread for as long as it
/// takes, also when nobody waits for it any more: whoever names servers that do not answer holds no more threads than this.
const LOOK_UPS: usize = 8;

/// Messages that are handed over at the same time. More empties a long queue sooner; each takes a connection.
const AT_ONCE: usize = 16;

/// Most of an answer that is read, head and body each, in bytes.
const ANSWER_MAX: usize = 16 * 1024;

/// The longest that a push service may ask to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// How long a signature counts (RFC 8292, section 2: at most 24 hours). Longer forgives clocks that are further off.
const SIGNED_FOR: Duration = Duration::from_secs(12 * 60 * 60);

/// The setting under which the private key is kept.
const KEY_SETTING: &str = "push_key";

/// Which push services are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses, by name, over TLS.
    Public,
    /// Whatever address there is, with or without TLS: for tests that run a push service of their own.
    Anywhere,
}

/// What is handed to a push service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// What the browser gets, at most [`PAYLOAD_MAX`] bytes.
    pub(crate) payload: Vec<u8>,
    /// How long the push service keeps it for a browser that is not there.
    pub(crate) keep: Duration,
    /// Whether it is worth waking a device for (RFC 8030, section 5.3).
    pub(crate) urgent: bool,
    /// A message replaces one with the same topic that was not delivered yet (RFC 8030, section 5.4): at most 32 characters
    /// of base64url.
    pub(crate) topic: String,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The push service has it.
    Accepted,
    /// The browser takes no messages any more.
    Gone,
    /// It was refused, and would be again.
    Refused,
    /// It may work later; the push service may have said when.
    Later(Option<Duration>),
}

/// This server as a sender of push messages.
pub struct Push {
    key: ES256KeyPair,
    /// Whom a push service can turn to: the address of this server (RFC 8292, section 2.1).
    contact: String,
    reach: Reach,
    /// `None` where the machine has no certificates of authorities: then nothing can be sent.
    client: Option<Client<HttpsConnector<HttpConnector<Resolver>>, Body>>,
    places: Arc<Semaphore>,
}

impl Push {
    /// Reads this server's key from the store; the first start makes it.
    pub async fn start(store: &Store, public_url: &Url, reach: Reach) -> Result<Self, StoreError> {
        let fresh = BASE64_URL_SAFE_NO_PAD.encode(new_key().to_bytes());
        let kept = store.setting_or(KEY_SETTING, &fresh).await?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(kept).map_err(|_| StoreError::Corrupt("push key"))?;
        let key = ES256KeyPair::from_bytes(&bytes).map_err(|_| StoreError::Corrupt("push key"))?;
        let client = client(reach)
            .inspect_err(|error| tracing::warn!(%error, "no push: the certificates of authorities cannot be read"))
            .ok();
        let contact = public_url.to_string();
        Ok(Self { key, contact, reach, client, places: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// This server's public key: an uncompressed point in base64url without padding (RFC 8292, section 3.2).
    pub(crate) fn public_key(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.key.public_key().public_key().to_bytes_uncompressed())
    }

    /// Whether an endpoint is one that messages may be posted to. Which address its name has is looked at each time.
    pub(crate) fn takes(&self, endpoint: &str) -> bool {
        let Ok(url) = Url::parse(endpoint) else { return false };
        let sound = endpoint.len() <= ENDPOINT_MAX
            && endpoint.parse::<Uri>().is_ok()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        match self.reach {
            Reach::Anywhere => sound && matches!(url.scheme(), "http" | "https"),
            Reach::Public => {
                let named = matches!(url.host(), Some(Host::Domain(name)) if name.contains('.'));
                sound && url.scheme() == "https" && url.port().is_none() && named
            }
        }
    }

    /// Hands a message to the push service of a browser, encrypted for it (RFC 8291) and signed by this server (RFC 8292).
    pub(crate) async fn send(&self, to: &Subscription, message: &Message) -> Sent {
        let Some(client) = &self.client else { return Sent::Refused };
        let Some(request) = self.request(to, message) else { return Sent::Refused };
        // It is never closed.
        let Ok(_place) = self.places.acquire().await else { return Sent::Refused };
        let answered = async {
            let response = client.request(request).await.map_err(|_| ())?;
            let (head, body) = response.into_parts();
            // Read to its end, so that the connection can be used again; of a long one, the connection is dropped.
            let _ = to_bytes(Body::new(body), ANSWER_MAX).await;
            Ok::<_, ()>((head.status, head.headers))
        };
        match tokio::time::timeout(SEND_LIMIT, answered).await {
            Ok(Ok((status, headers))) => outcome(status, &headers),
            Ok(Err(())) | Err(_) => Sent::Later(None),
        }
    }

    /// The request that carries a message; `None` if the subscription is not one that [`Push::takes`] and [`keys`] let in.
    fn request(&self, to: &Subscription, message: &Message) -> Option<Request<Body>> {
        if !self.takes(&to.endpoint) || message.payload.len() > PAYLOAD_MAX {
            return None;
        }
        let (key, auth) = keys(&to.p256dh, &to.auth)?;
        let built = WebPushBuilder::new(to.endpoint.parse().ok()?, key, auth)
            .with_valid_duration(SIGNED_FOR)
            .with_vapid(&self.key, &self.contact)
            .build(message.payload.clone());
        let mut request = built.ok()?.map(Body::from);
        let headers = request.headers_mut();
        headers.insert("ttl", HeaderValue::from(message.keep.as_secs()));
        headers.insert("urgency", HeaderValue::from_static(if message.urgent { "high" } else { "normal" }));
        headers.insert("topic", HeaderValue::from_str(&message.topic).ok()?);
        Some(request)
    }
}

/// The keys of a browser, if they are ones: a point on P-256 in uncompressed form, and 16 bytes.
pub(crate) fn keys(p256dh: &[u8], auth: &[u8]) -> Option<(p256::PublicKey, Auth)> {
    let auth: [u8; 16] = auth.try_into().ok()?;
    let key = (p256dh.len() == 65).then(|| p256::PublicKey::from_sec1_bytes(p256dh).ok()).flatten()?;
    Some((key, auth.into()))
}

fn new_key() -> ES256KeyPair {
    loop {
        // Almost every 32 bytes are a private key: a number from 1 to below the order of the group.
        if let Ok(key) = ES256KeyPair::from_bytes(&edge::random::<32>()) {
            return key;
        }
    }
}

fn client(reach: Reach) -> io::Result<Client<HttpsConnector<HttpConnector<Resolver>>, Body>> {
    let mut http = HttpConnector::new_with_resolver(Resolver::new(reach));
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT_LIMIT));
    let tls = HttpsConnectorBuilder::new().with_native_roots()?;
    let schemes = if reach == Reach::Anywhere { tls.https_or_http() } else { tls.https_only() };
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(AT_ONCE)
        .http1_max_buf_size(ANSWER_MAX)
        .build(schemes.enable_http1().wrap_connector(http)))
}

fn outcome(status: StatusCode, headers: &HeaderMap) -> Sent {
    match status.as_u16() {
        200..300 => Sent::Accepted,
        404 | 410 => Sent::Gone,
        408 | 429 | 500..600 => {
            let asked = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            Sent::Later(asked.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX)))
        }
        _ => Sent::Refused,
    }
}

/// Looks names up, and keeps the addresses that may be spoken to. It is asked for each new connection, so that a name cannot
/// lead elsewhere than when it was looked at.
#[derive(Clone)]
struct Resolver {
    reach: Reach,
    look_up: fn(&str) -> io::Result<Vec<SocketAddr>>,
    places: Arc<Semaphore>,
}

impl Resolver {
    fn new(reach: Reach) -> Self {
        // The port is not looked at: the connector has its own.
        let look_up = |name: &str| (name, 0).to_socket_addrs().map(Iterator::collect);
        Self { reach, look_up, places: Arc::new(Semaphore::new(LOOK_UPS)) }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { reach, look_up, places } = self.clone();
        let found = async move {
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            let looked_up = tokio::task::spawn_blocking(move || {
                // Given back when the thread is free, however long nobody waits for it any more.
                let _place = place;
                look_up(name.as_str())
            });
            looked_up.await.map_err(io::Error::other)?
        };
        Box::pin(async move {
            let found = tokio::time::timeout(LOOK_UP_LIMIT, found).await??;
            let allowed: Vec<_> =
                found.into_iter().filter(|address| reach == Reach::Anywhere || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the name has no public address"));
            }
            Ok(allowed.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn push(reach: Reach) -> Push {
        let places = Arc::new(Semaphore::new(1));
        Push { key: new_key(), contact: "https://x.example/".into(), reach, client: client(reach).ok(), places }
    }

    #[test]
    fn endpoints() {
        let push = push(Reach::Public);
        for good in ["https://push.example.com/x/y?z=1", "https://push.example.com:443/x"] {
            assert!(push.takes(good), "{good}");
        }
        let long = format!("https://push.example.com/{}", "x".repeat(ENDPOINT_MAX));
        let bad = [
            "",
            "push.example.com",
            "http://push.example.com/x",
            "https://push.example.com:8443/x",
            "https://localhost/x",
            "https://127.0.0.1/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://[::1]/x",
            "https://router/x",
            "https://ada@push.example.com/x",
            "https://ada:b@push.example.com/x",
            "https://push.example.com/x#y",
            "ftp://push.example.com/x",
            "file:///etc/passwd",
            "https:///x",
            &long,
        ];
        for bad in bad {
            assert!(!push.takes(bad), "{bad}");
        }
        assert!(super::tests::push(Reach::Anywhere).takes("http://127.0.0.1:9/x"));
    }

    /// Names of the machine itself are looked up, and their addresses left out.
    #[tokio::test]
    async fn names_that_lead_inside_are_not_resolved() {
        let name: Name = "localhost".parse().unwrap();
        let look_up = |reach| Resolver::new(reach).call(name.clone());
        assert_eq!(look_up(Reach::Public).await.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert!(look_up(Reach::Anywhere).await.unwrap().all(|address| address.ip().is_loopback()));
    }

    /// Time is virtual: names that take for ever end nobody's patience but their own.
    #[tokio::test(start_paused = true)]
    async fn names_that_take_for_ever_hold_a_few_threads() {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        static ENDED: Barrier = Barrier::new(LOOK_UPS + 1);
        let look_up = |_: &str| {
            if BEGUN.fetch_add(1, Ordering::SeqCst) < LOOK_UPS {
                ENDED.wait();
            }
            Ok(vec!["1.1.1.1:0".parse().unwrap()])
        };
        let mut resolver = Resolver { look_up, ..Resolver::new(Reach::Public) };
        let mut ask = || tokio::spawn(resolver.call("push.example".parse().unwrap()));
        let asked: Vec<_> = (0..3 * LOOK_UPS).map(|_| ask()).collect();
        while BEGUN.load(Ordering::SeqCst) < LOOK_UPS {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(LOOK_UP_LIMIT).await;
        for asked in asked {
            assert_eq!(asked.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        assert_eq!(BEGUN.load(Ordering::SeqCst), LOOK_UPS);
        // Once they end there are places again.
        ENDED.wait();
        assert_eq!(ask().await.unwrap().unwrap().count(), 1);
    }

    #[test]
    fn answers_of_push_services() {
        let mut headers = HeaderMap::new();
        let of = |status, headers: &HeaderMap| outcome(StatusCode::from_u16(status).unwrap(), headers);
        for (status, sent) in [
            (201, Sent::Accepted),
            (202, Sent::Accepted),
            (301, Sent::Refused),
            (307, Sent::Refused),
            (400, Sent::Refused),
            (403, Sent::Refused),
            (404, Sent::Gone),
            (410, Sent::Gone),
            (413, Sent::Refused),
            (429, Sent::Later(None)),
            (503, Sent::Later(None)),
        ] {
            assert_eq!(of(status, &headers), sent, "{status}");
        }
        for (text, after) in [("7", Some(7)), ("999999999", Some(3600)), ("soon", None), ("-1", None)] {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(text));
            assert_eq!(of(429, &headers), Sent::Later(after.map(Duration::from_secs)), "{text}");
        }
    }

    #[test]
    fn keys_that_are_none() {
        let point = push(Reach::Public).key.public_key().public_key().to_bytes_uncompressed();
        assert!(keys(&point, &[7; 16]).is_some());
        let mut off_the_curve = point.clone();
        off_the_curve[64] ^= 1;
        assert!(keys(&off_the_curve, &[7; 16]).is_none());
        assert!(keys(&point[..64], &[7; 16]).is_none());
        assert!(keys(&point, &[7; 15]).is_none());
        assert!(keys(&[0; 65], &[7; 16]).is_none());
    }
}
