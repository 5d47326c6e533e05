//! Web Push, with a push service of the test's own that decrypts what arrives as a browser would.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use roomtone::edge;
use roomtone::notices::push::Reach;
use roomtone_room::ids::{MemberId, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use web_push_native::jwt_simple::algorithms::{ECDSAP256PublicKeyLike, ES256PublicKey};
use web_push_native::jwt_simple::claims::NoCustomClaims;
use web_push_native::p256::SecretKey;
use web_push_native::{Auth, decrypt};

use crate::support::{Answer, Member, Server};

const PATIENCE: Duration = Duration::from_secs(30);

/// A push service. It answers 201, or what it is told to answer, once it is allowed to.
struct PushService {
    address: String,
    arrived: mpsc::UnboundedReceiver<(Uri, HeaderMap, Bytes)>,
    service: Arc<Service>,
}

struct Service {
    arrived: mpsc::UnboundedSender<(Uri, HeaderMap, Bytes)>,
    answers: Mutex<VecDeque<(u16, HeaderMap)>>,
    may_answer: Semaphore,
}

impl PushService {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (told, arrived) = mpsc::unbounded_channel();
        let may_answer = Semaphore::new(Semaphore::MAX_PERMITS);
        let service = Arc::new(Service { arrived: told, answers: Mutex::default(), may_answer });
        let router = Router::new().fallback(take).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, arrived, service }
    }

    async fn next(&mut self) -> (Uri, HeaderMap, Bytes) {
        tokio::time::timeout(PATIENCE, self.arrived.recv()).await.expect("a message").unwrap()
    }

    fn answer_next(&self, status: u16, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        self.service.answers.lock().unwrap().push_back((status, headers));
    }
}

async fn take(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    service.arrived.send((uri, headers, body)).unwrap();
    service.may_answer.acquire().await.unwrap().forget();
    let (status, headers) = service.answers.lock().unwrap().pop_front().unwrap_or((201, HeaderMap::new()));
    (StatusCode::from_u16(status).unwrap(), headers)
}

/// A browser that takes push messages.
struct Browser {
    secret: SecretKey,
    auth: [u8; 16],
    endpoint: String,
}

impl Browser {
    fn new(service: &PushService, path: &str) -> Self {
        let secret = SecretKey::from_slice(&edge::random::<32>()).unwrap();
        Self { secret, auth: edge::random(), endpoint: format!("{}{path}", service.address) }
    }

    fn subscription(&self) -> Value {
        let point = self.secret.public_key().to_sec1_bytes();
        let p256dh = match point.len() {
            65 => point.to_vec(),
            _ => panic!("a compressed point"),
        };
        json!({ "endpoint": self.endpoint, "p256dh": text(&p256dh), "auth": text(&self.auth) })
    }

    async fn subscribe(&self, member: &Member<'_>) -> String {
        let answer = member.post("/api/push", &self.subscription()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    fn read(&self, body: &Bytes) -> Value {
        let clear = decrypt(body.to_vec(), &self.secret, &Auth::from(self.auth)).unwrap();
        serde_json::from_slice(&clear).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

async fn start() -> (Server, TempDir, PushService) {
    let data = tempfile::tempdir().unwrap();
    (start_in(data.path()).await, data, PushService::start().await)
}

async fn start_in(data: &Path) -> Server {
    Server::start_reaching(data, &[], Reach::Anywhere).await
}

async fn put(member: &Member<'_>, path: &str, body: &Value) -> Answer {
    let json = [("content-type", "application/json")];
    let answer = member.server.send(Method::PUT, path, Some(&member.token), &json, body.to_string()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    answer
}

/// Has followers pushed, with these quiet hours.
async fn want_push(member: &Member<'_>, quiet: Option<(u64, u64)>) {
    let kinds = json!([{ "kind": "followed", "inbox": true, "push": true, "mail": false }]);
    let (from, until) = quiet.unzip();
    let choices = json!({ "kinds": kinds, "quiet_from": from, "quiet_until": until, "time_zone": "" });
    put(member, "/api/notices/choices", &choices).await;
}

async fn follow(member: &Member<'_>, whom: &Member<'_>) {
    put(member, &format!("/api/members/{}/follow", whom.handle), &json!({ "bell": "never" })).await;
}

/// Asks the store until it is so; each question gives everybody else a turn.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looked = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.expect("it is so in time")
}

async fn nothing_due(server: &Server) {
    until(async || server.app.store.next_due().await.unwrap().is_none().then_some(())).await;
}

async fn browsers(server: &Server, member: &Member<'_>) -> usize {
    let id: MemberId = member.id.parse().unwrap();
    server.app.store.recipient(id).await.unwrap().unwrap().subscriptions.len()
}

#[tokio::test]
async fn a_message_arrives_that_only_the_browser_can_read() {
    let (server, data, mut service) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let browser = Browser::new(&service, "/ada?x=1");
    browser.subscribe(&ada).await;
    want_push(&ada, None).await;
    follow(&ben, &ada).await;
    let (uri, headers, body) = service.next().await;
    assert_eq!(uri.to_string(), "/ada?x=1");
    let message = browser.read(&body);
    assert_eq!(message["body"], format!("{} follows you", ben.handle.to_uppercase()));
    assert_eq!((message["kind"].as_str(), message["language"].as_str()), (Some("followed"), Some("en")));
    assert_eq!(message["url"], format!("/people/{}", ben.handle));
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!((header("ttl"), header("urgency"), header("content-encoding")), ("86400", "normal", "aes128gcm"));
    assert_eq!(header("topic"), message["tag"]);
    assert!(header("topic").len() <= 32);
    assert!(!body.windows(ben.handle.len()).any(|part| part == ben.handle.as_bytes()), "in the clear");

    // Signed by the key that the browser was given (RFC 8292), for this push service.
    let key = ada.get("/api/push/key").await.json()["key"].as_str().unwrap().to_owned();
    let (token, signer) = header("authorization").strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(signer, key);
    let key = ES256PublicKey::from_bytes(&BASE64_URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap();
    let claims = key.verify_token::<NoCustomClaims>(token, None).unwrap();
    assert_eq!(claims.subject.as_deref(), Some(server.app.public_url.as_str()));
    let another = claims.audiences.unwrap();
    assert_eq!(another.into_string().unwrap(), "http://127.0.0.1");
    nothing_due(&server).await;

    // The key outlasts the process, or all browsers would have to be asked again.
    let before = ada.get("/api/push/key").await.text;
    let token = ada.token.clone();
    server.stop().await;
    let server = start_in(data.path()).await;
    assert_eq!(server.get("/api/push/key", Some(&token)).await.text, before);
}

#[tokio::test]
async fn what_comes_together_goes_out_together() {
    let (server, data, mut service) = start().await;
    let ada = server.member(&data).await;
    let followers = [server.member(&data).await, server.member(&data).await, server.member(&data).await];
    let browser = Browser::new(&service, "/ada");
    browser.subscribe(&ada).await;
    want_push(&ada, None).await;
    // The push service takes its time with the first, and two more come meanwhile.
    service.service.may_answer.forget_permits(Semaphore::MAX_PERMITS);
    follow(&followers[0], &ada).await;
    service.next().await;
    for follower in &followers[1..] {
        follow(follower, &ada).await;
    }
    server.app.notices.settle().await;
    service.service.may_answer.add_permits(10);
    let (_, headers, body) = service.next().await;
    let message = browser.read(&body);
    assert!(message["title"].as_str().unwrap().ends_with(": 2 notices"), "{message}");
    assert_eq!(message["body"].as_str().unwrap().lines().count(), 2);
    assert_eq!((message["url"].as_str(), headers["topic"].to_str().unwrap()), (Some("/inbox"), "inbox"));
    nothing_due(&server).await;
    assert!(service.arrived.try_recv().is_err());
}

#[tokio::test]
async fn who_looks_at_a_page_gets_no_message() {
    let (server, data, mut service) = start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let browser = Browser::new(&service, "/ada");
    browser.subscribe(&ada).await;
    want_push(&ada, None).await;
    let mut page = ada.live().await;
    follow(&ben, &ada).await;
    assert_eq!(page.next("notice").await["notice"]["actor"]["handle"], ben.handle.as_str());
    server.app.notices.settle().await;
    assert_eq!(server.app.store.next_due().await.unwrap(), None);
    page.cut();
    let id: MemberId = ada.id.parse().unwrap();
    until(async || {
        // Until the server has noticed that the page is gone, whoever follows is shown there.
        let one = server.member(&data).await;
        follow(&one, &ada).await;
        server.app.notices.settle().await;
        service.arrived.try_recv().ok()
    })
    .await;
    assert!(server.app.store.unread_notices(id).await.unwrap() >= 2);
    follow(&eve, &ada).await;
    service.next().await;
}

/// What a member does not want in the inbox is not shown on their page, so it goes out although one is open.
#[tokio::test]
async fn what_is_not_for_the_inbox_is_pushed_also_while_a_page_is_open() {
    let (server, data, mut service) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let browser = Browser::new(&service, "/ada");
    browser.subscribe(&ada).await;
    let kinds = json!([{ "kind": "call", "inbox": false, "push": true, "mail": false }]);
    let choices = json!({ "kinds": kinds, "quiet_from": null, "quiet_until": null, "time_zone": "" });
    put(&ada, "/api/notices/choices", &choices).await;
    let _page = ada.live().await;
    let made = ben.post("/api/calls", &json!({ "handle": ada.handle })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let message = browser.read(&service.next().await.2);
    assert_eq!(message["kind"], "call");
    assert_eq!(ada.get("/api/notices").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_browser_that_is_gone_is_forgotten() {
    let (server, data, mut service) = start().await;
    let ada = server.member(&data).await;
    for (status, path) in [(404, "/one"), (410, "/two")] {
        Browser::new(&service, path).subscribe(&ada).await;
        want_push(&ada, None).await;
        service.answer_next(status, &[]);
        let follower = server.member(&data).await;
        follow(&follower, &ada).await;
        assert_eq!(service.next().await.0.path(), path);
        nothing_due(&server).await;
        assert_eq!(browsers(&server, &ada).await, 0, "{status}");
    }
}

#[tokio::test]
async fn a_push_service_in_trouble_is_asked_again_later() {
    let (server, data, mut service) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let (well, ill) = (Browser::new(&service, "/well"), Browser::new(&service, "/ill"));
    ill.subscribe(&ada).await;
    want_push(&ada, None).await;
    service.answer_next(503, &[("retry-after", "1800")]);
    let before = edge::now();
    follow(&ben, &ada).await;
    service.next().await;
    let again = until(async || {
        let next = server.app.store.next_due().await.unwrap();
        // While it is on its way it is taken for five minutes.
        next.filter(|next| next.0 > before.0 + 1_000_000)
    })
    .await;
    assert!(again.0 >= before.0 + 1_800_000 && again.0 <= edge::now().0 + 1_800_000);
    assert_eq!(browsers(&server, &ada).await, 1);
    well.subscribe(&ada).await;
    let eve = server.member(&data).await;
    follow(&eve, &ada).await;
    // What waits is not asked again for what is new.
    let mut paths = [service.next().await.0.path().to_owned(), service.next().await.0.path().to_owned()];
    paths.sort();
    assert_eq!(paths, ["/ill", "/well"]);
    until(async || (server.app.store.next_due().await.unwrap() == Some(again)).then_some(())).await;
}

#[tokio::test]
async fn a_push_service_leads_nowhere_else() {
    let (server, data, mut service) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    Browser::new(&service, "/ada").subscribe(&ada).await;
    want_push(&ada, None).await;
    service.answer_next(307, &[("location", "/elsewhere")]);
    follow(&ben, &ada).await;
    assert_eq!(service.next().await.0.path(), "/ada");
    nothing_due(&server).await;
    assert!(service.arrived.try_recv().is_err(), "it followed");
    assert_eq!(browsers(&server, &ada).await, 1);
}

#[tokio::test]
async fn nothing_goes_out_in_quiet_hours() {
    let (server, data, mut service) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    Browser::new(&service, "/ada").subscribe(&ada).await;
    const MINUTE: u64 = 60_000;
    let before = edge::now();
    // From an hour ago until in two hours, whatever time it is.
    let minute = |ahead: u64| (before.0 / MINUTE + ahead) % 1_440;
    want_push(&ada, Some((minute(1_440 - 60), minute(120)))).await;
    follow(&ben, &ada).await;
    server.app.notices.settle().await;
    let end = Timestamp((before.0 / MINUTE + 120) * MINUTE);
    until(async || (server.app.store.next_due().await.unwrap() == Some(end)).then_some(())).await;
    assert!(service.arrived.try_recv().is_err());
}

#[tokio::test]
async fn subscriptions_that_are_none() {
    let (server, data) = Server::start().await;
    let service = PushService::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let browser = Browser::new(&service, "/ada");
    let good = {
        let mut subscription = browser.subscription();
        subscription["endpoint"] = json!("https://push.example.com/ada");
        subscription
    };
    let with = |key: &str, value: Value| {
        let mut subscription = good.clone();
        subscription[key] = value;
        subscription
    };
    let bad = [
        // What the server really listens on is refused: it speaks to public addresses only.
        browser.subscription(),
        with("endpoint", json!("https://127.0.0.1/ada")),
        with("endpoint", json!("https://localhost/ada")),
        with("endpoint", json!("https://[::1]/ada")),
        with("endpoint", json!("https://push.example.com:22/ada")),
        with("endpoint", json!("http://push.example.com/ada")),
        with("endpoint", json!(format!("https://push.example.com/{}", "x".repeat(1_000)))),
        with("endpoint", json!("")),
        with("p256dh", json!("")),
        with("p256dh", json!(text(&[4; 65]))),
        with("p256dh", json!(text(&browser.secret.public_key().to_sec1_bytes()[..64]))),
        with("p256dh", json!("!")),
        with("auth", json!(text(&[1; 15]))),
        with("auth", json!(text(&[1; 17]))),
    ];
    for subscription in &bad {
        ada.post("/api/push", subscription).await.refused(422, "invalid_subscription");
    }
    ada.post("/api/push", &with("more", json!(1))).await.refused(400, "bad_request");
    assert_eq!(browsers(&server, &ada).await, 0);
    let made = ada.post("/api/push", &good).await;
    let path = format!("/api/push/{}", made.json()["id"].as_str().unwrap());
    // Nobody ends another's.
    for (member, path) in [(&ben, path.as_str()), (&ada, "/api/push/x"), (&ada, "/api/push/00000000000000000000000001")]
    {
        member.send(Method::DELETE, path).await.refused(404, "not_found");
    }
    assert_eq!(ada.send(Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
    // It ends with the session.
    assert_eq!(ada.post("/api/push", &good).await.status, StatusCode::CREATED);
    assert_eq!(ada.send(Method::DELETE, "/api/session").await.status, StatusCode::NO_CONTENT);
    assert_eq!(browsers(&server, &ada).await, 0);
}
