//! A server in a temporary folder, and members who use it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use bytes::Bytes;
use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use roomtone::app::App;
use roomtone::cli::{Cli, Command, Data, DatabaseUrl};
use roomtone::notices::push::Reach;
use roomtone::observe::Observe;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a test waits for something that must come; only a failing test ever waits that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the tests find a Postgres server in which they may make databases.
const POSTGRES: &str = "ROOMTONE_TEST_POSTGRES";

/// Makes two tests of each case, which takes servers: with one on SQLite, and with one on each kind of database, which are to
/// answer alike.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(&[$crate::support::Trusting::sqlite().await]).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    use $crate::support::Trusting;
                    super::$name(&[Trusting::sqlite().await, Trusting::postgres(stringify!($name)).await]).await;
                }
            )*
        }
    };
}
pub(crate) use on_both_databases;

/// A server that believes where requests say they come from, with data of its own.
pub(crate) struct Trusting {
    pub(crate) server: Server,
    pub(crate) data: TempDir,
}

impl Trusting {
    pub(crate) async fn sqlite() -> Self {
        let data = tempfile::tempdir().unwrap();
        Self { server: Server::start_with(data.path(), &["--proxy", "127.0.0.1"]).await, data }
    }

    pub(crate) async fn postgres(case: &str) -> Self {
        let (data, database) = (tempfile::tempdir().unwrap(), postgres(case).await);
        let options = ["--proxy", "127.0.0.1", "--database", &database];
        Self { server: Server::start_with(data.path(), &options).await, data }
    }

    /// A new member.
    pub(crate) async fn member(&self) -> Member<'_> {
        self.server.member(&self.data).await
    }
}

/// The address of an empty Postgres database of its own for each case; it goes with its server.
async fn postgres(case: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var(POSTGRES).unwrap_or_else(|_| {
        panic!("{case} needs Postgres: {POSTGRES} is not set. `scripts/postgres.sh cargo test` starts one and sets it")
    });
    let name = format!("it_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let (base, options) = server.split_once('?').unwrap_or((&server, ""));
    let base = base.rsplit_once('/').unwrap().0;
    format!("{base}/{name}?{options}")
}

/// A running server.
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
    pub(crate) address: SocketAddr,
    database: Option<DatabaseUrl>,
    http: Client<HttpConnector, Full<Bytes>>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
    next_handle: AtomicU32,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The same as it came.
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The status and the error's code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.json()["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert!(!self.json()["message"].as_str().unwrap_or_default().is_empty());
    }
}

impl Server {
    /// Starts one with data of its own.
    pub(crate) async fn start() -> (Self, TempDir) {
        let data = tempfile::tempdir().unwrap();
        (Self::start_in(data.path()).await, data)
    }

    /// Starts one on a data folder.
    pub(crate) async fn start_in(data: &Path) -> Self {
        Self::start_with(data, &[]).await
    }

    /// Starts one on a data folder with more options.
    pub(crate) async fn start_with(data: &Path, more: &[&str]) -> Self {
        Self::start_reaching(data, more, Reach::Public).await
    }

    /// As [`Server::start_with`], and its push messages go as far as `reach`.
    pub(crate) async fn start_reaching(data: &Path, more: &[&str], reach: Reach) -> Self {
        let arguments = ["roomtone", "serve", "--listen", "127.0.0.1:0", "--media", "127.0.0.1:0", "--data"];
        let arguments = arguments.into_iter().map(Into::into).chain([data.as_os_str().to_owned()]);
        let cli = Cli::parse_from(arguments.chain(more.iter().map(Into::into)));
        let Command::Serve(options) = cli.command else { unreachable!("serve was asked for") };
        let (app, listener) = App::start_reaching(&options, Observe::install(), reach).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = roomtone::serve::serve(app.clone(), listener, async {
            let _ = stopped.await;
        });
        let served = tokio::spawn(async { serving.await.unwrap() });
        let http = Client::builder(TokioExecutor::new()).build_http();
        let database = options.data.database;
        Self { app, address, database, http, stop: Some(stop), served, next_handle: AtomicU32::new(0) }
    }

    /// Stops it, as the operator would.
    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.await.unwrap();
    }

    /// As if nobody had asked for anything of late.
    pub(crate) fn forget_who_asked(&self) {
        self.app.limits.forget_idle(roomtone::edge::instant() + Duration::from_secs(24 * 60 * 60));
    }

    /// A fresh invite code.
    pub(crate) async fn code(&self, data: &TempDir) -> String {
        let data = Data { folder: data.path().to_owned(), database: self.database.clone() };
        let links = roomtone::serve::invite(&data, 1).await.unwrap();
        links[0].rsplit('/').next().unwrap().to_owned()
    }

    /// A new member with a handle of their own.
    pub(crate) async fn member(&self, data: &TempDir) -> Member<'_> {
        self.redeem(&self.code(data).await).await
    }

    /// Whoever comes in by an invite, with a handle of their own.
    pub(crate) async fn redeem(&self, code: &str) -> Member<'_> {
        let handle = format!("member{}", self.next_handle.fetch_add(1, Ordering::Relaxed));
        let body = json!({ "handle": handle, "name": handle.to_uppercase(), "language": "en" });
        let answer = self.post(&format!("/api/invites/{code}/redeem"), None, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
        Member { server: self, token, handle, id: answer.json()["id"].as_str().unwrap().to_owned() }
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.send(Method::GET, path, token, &[], String::new()).await
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        self.send(Method::POST, path, token, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Sends a JSON body.
    pub(crate) async fn send_json(&self, method: Method, path: &str, token: Option<&str>, body: &str) -> Answer {
        self.send(method, path, token, &[("content-type", "application/json")], body.to_owned()).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let response = self.request(method, path, token, headers, body.into()).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text, bytes }
    }

    /// Asks for something that comes bit by bit.
    pub(crate) async fn open(
        &self,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
    ) -> (StatusCode, HeaderMap, Incoming) {
        let (parts, body) = self.request(Method::GET, path, token, headers, Bytes::new()).await.into_parts();
        (parts.status, parts.headers, body)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.http.request(request.body(Full::from(body)).unwrap()).await.unwrap()
    }
}

/// A signed-in member.
pub(crate) struct Member<'a> {
    pub(crate) server: &'a Server,
    pub(crate) token: String,
    pub(crate) handle: String,
    pub(crate) id: String,
}

impl Member<'_> {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.server.get(path, Some(&self.token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.server.post(path, Some(&self.token), body).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str) -> Answer {
        self.server.send(method, path, Some(&self.token), &[], String::new()).await
    }

    pub(crate) async fn offer(&self, path: &str, sdp: &str) -> Answer {
        let headers = [("content-type", "application/sdp")];
        self.server.send(Method::POST, path, Some(&self.token), &headers, sdp.to_owned()).await
    }

    /// Opens a room of this kind and returns its id.
    pub(crate) async fn open(&self, kind: &str) -> String {
        let answer = self.post("/api/rooms", &json!({ "title": "A room", "kind": kind })).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Opens a control socket and reads its snapshot.
    pub(crate) async fn enter(&self, room: &str) -> Socket {
        let mut socket = self.connect(room, None).await;
        let snapshot = socket.next("snapshot").await;
        socket.take(&snapshot);
        socket
    }

    /// Opens a control socket.
    pub(crate) async fn connect(&self, room: &str, since: Option<u64>) -> Socket {
        self.try_connect(room, since, &[]).await.expect("the socket opens")
    }

    /// Opens a control socket; an HTTP refusal is its status and code.
    pub(crate) async fn try_connect(
        &self,
        room: &str,
        since: Option<u64>,
        headers: &[(&'static str, &str)],
    ) -> Result<Socket, (u16, String)> {
        let query = since.map(|since| format!("?since={since}")).unwrap_or_default();
        self.try_socket(&format!("/api/rooms/{room}/ws{query}"), headers).await
    }

    /// Opens the live socket.
    pub(crate) async fn live(&self) -> Socket {
        self.try_socket("/api/live", &[]).await.expect("the socket opens")
    }

    /// Opens a socket at this path; an HTTP refusal is its status and code.
    pub(crate) async fn try_socket(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Socket, (u16, String)> {
        let url = format!("ws://{}{path}", self.server.address);
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => Ok(Socket { stream, epoch: 0, me: self.id.clone(), unread: VecDeque::new() }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                Err((response.status().as_u16(), body["code"].as_str().unwrap_or_default().to_owned()))
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// An id that no other command of these tests has.
fn next_id() -> String {
    static NEXT_ID: AtomicU32 = AtomicU32::new(1);
    format!("{:0>26}", NEXT_ID.fetch_add(1, Ordering::Relaxed))
}

/// A control socket.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    epoch: u64,
    me: String,
    unread: VecDeque<Value>,
}

impl Socket {
    /// The next message, whatever it is; `None` once the socket is closed.
    pub(crate) async fn any(&mut self) -> Option<Value> {
        match self.unread.pop_front() {
            Some(message) => Some(message),
            None => self.receive().await,
        }
    }

    async fn receive(&mut self) -> Option<Value> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a message in time")?;
            match frame {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(text.as_str()).unwrap();
                    if message["type"] != "beat" {
                        self.take(&message);
                        return Some(message);
                    }
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message of this type; others are passed over.
    pub(crate) async fn next(&mut self, kind: &str) -> Value {
        loop {
            let message = self.any().await.unwrap_or_else(|| panic!("the socket closed before a {kind}"));
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The next event of this type.
    pub(crate) async fn event(&mut self, kind: &str) -> Value {
        loop {
            let events = self.next("events").await;
            for numbered in events["events"].as_array().unwrap() {
                if numbered["event"]["type"] == kind {
                    return numbered["event"].clone();
                }
            }
        }
    }

    /// Sends a command and returns its answer; what comes before it is read afterwards.
    pub(crate) async fn command(&mut self, command: Value) -> Value {
        self.command_as(&next_id(), self.epoch, command).await
    }

    /// Sends a command of which it is not known whether it will be answered.
    pub(crate) async fn send(&mut self, command: Value) {
        let message = json!({ "type": "command", "id": next_id(), "role_epoch": self.epoch, "command": command });
        self.text(&message.to_string()).await;
    }

    /// Sends a command that is to be accepted.
    #[track_caller]
    pub(crate) fn accepted(&mut self, command: Value) -> impl Future<Output = u64> + '_ {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.command(command).await;
            answer["seq"].as_u64().unwrap_or_else(|| panic!("{at}: {answer}"))
        }
    }

    /// Sends a command that is to be refused with this code.
    #[track_caller]
    pub(crate) fn refused<'a>(&'a mut self, command: Value, code: &'a str) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.command(command).await;
            assert_eq!(answer["error"]["code"], code, "{at}: {answer}");
        }
    }

    pub(crate) async fn command_as(&mut self, id: &str, epoch: u64, command: Value) -> Value {
        self.text(&json!({ "type": "command", "id": id, "role_epoch": epoch, "command": command }).to_string()).await;
        loop {
            let message = self.receive().await.expect("an answer before the socket closes");
            if message["type"] == "answer" && message["id"] == id {
                return message;
            }
            self.unread.push_back(message);
        }
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn binary(&mut self, bytes: &'static [u8]) {
        self.stream.send(Message::binary(bytes)).await.unwrap();
    }

    /// Goes away without a word.
    pub(crate) fn cut(self) {
        drop(self);
    }

    /// Learns the own role epoch, which goes with each command.
    fn take(&mut self, message: &Value) {
        if let Some(epoch) = message["you"]["role_epoch"].as_u64() {
            self.epoch = epoch;
        }
        for numbered in message["events"].as_array().into_iter().flatten() {
            let event = &numbered["event"];
            let whom = event["person"]["id"].as_str().or(event["member"].as_str());
            if let (Some(epoch), true) = (event["role_epoch"].as_u64(), whom == Some(self.me.as_str())) {
                self.epoch = epoch;
            }
        }
    }
}

/// What a browser would offer to hear three voices.
pub(crate) fn listen_offer() -> String {
    offer(&["recvonly"; 3])
}

/// What a browser would offer to speak.
pub(crate) fn publish_offer() -> String {
    offer(&["sendonly"])
}

/// An offer of audio m-lines with these directions.
pub(crate) fn offer(directions: &[&str]) -> String {
    let mids: Vec<_> = (0..directions.len()).map(|i| i.to_string()).collect();
    let fingerprint = vec!["AB"; 32].join(":");
    let mut sdp = format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n\
         a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n",
        mids.join(" ")
    );
    for (mid, direction) in mids.iter().zip(directions) {
        sdp.push_str(&format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
             a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=mid:{mid}\r\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
             a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
             a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
        ));
    }
    sdp
}
