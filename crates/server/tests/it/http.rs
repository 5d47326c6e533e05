//! The HTTP surface as such: whatever comes in, the answer has our shape and gives nothing away.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Server;

/// Sends bytes as they are and returns everything that comes back until the server closes.
async fn raw(server: &Server, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a request line with the headers that every request has, and returns the status and the JSON of the answer.
async fn ask(server: &Server, line: &str, headers: &str) -> (u16, Value) {
    let head = format!("{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}\r\n", server.address);
    let answer = raw(server, &head).await;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_else(|e| panic!("{line}: {e}: {answer}")))
}

#[tokio::test]
async fn every_refusal_has_one_shape() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let signed_in = format!("authorization: Bearer {}\r\n", ada.token);
    let json = format!("{signed_in}content-type: application/json\r\n");
    let cases = [
        ("GET /api", "", 404, "not_found"),
        ("GET /api/", "", 404, "not_found"),
        ("GET /api/nothing", "", 404, "not_found"),
        ("GET //api/nothing", "", 404, "not_found"),
        ("GET /_app/nothing", "", 404, "not_found"),
        ("GET /api/invites/%FF", "", 404, "invite_not_found"),
        ("GET /api/invites/%00", "", 404, "invite_not_found"),
        ("GET /api/me", "", 401, "not_signed_in"),
        ("GET /api/me", "authorization: Bearer\r\n", 401, "not_signed_in"),
        ("GET /api/me", "authorization: Bearer é\r\n", 401, "not_signed_in"),
        ("GET /api/me", "cookie: roomtone_session\r\n", 401, "not_signed_in"),
        ("GET /api/rooms/%FF", &signed_in, 404, "room_not_found"),
        ("GET /api/rooms/%FF/ws", &signed_in, 404, "room_not_found"),
        ("GET /api/rooms/x/ws?since=y", &signed_in, 400, "bad_request"),
        ("GET /api/rooms/x/roster?after=-1", &signed_in, 400, "bad_request"),
        ("GET /api/rooms/x/roster?%FF", &signed_in, 400, "bad_request"),
        ("DELETE /api/rooms/x/legs/%FF", &signed_in, 404, "room_not_found"),
        ("PUT /api/members/%FF/follow", &signed_in, 404, "member_not_found"),
        ("PUT /api/me", "", 405, "method_not_allowed"),
        ("PATCH /api/rooms/x/listen", "", 405, "method_not_allowed"),
        ("POST /livez", "", 405, "method_not_allowed"),
        ("POST /", "", 405, "method_not_allowed"),
        ("TRACE /", "", 405, "method_not_allowed"),
        ("BREW /api/rooms", "", 405, "method_not_allowed"),
        ("OPTIONS *", "", 405, "method_not_allowed"),
        ("POST /api/tokens", &json, 400, "bad_request"),
        ("POST /api/tokens", &signed_in, 415, "unsupported_media_type"),
        ("POST /api/rooms/x/listen", &json, 415, "unsupported_media_type"),
    ];
    for (line, headers, status, code) in cases {
        let (got, body) = ask(&server, line, headers).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{line}: {body}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{line}: {body}");
    }
    let chunked = format!("{json}transfer-encoding: chunked\r\n\r\n20000\r\n{}\r\n0\r\n", " ".repeat(0x20000));
    let (status, body) = ask(&server, "POST /api/tokens", &chunked).await;
    assert_eq!((status, body["code"].as_str()), (413, Some("too_large")));
    // What does not even parse as HTTP never reaches us; the answer has no body at all.
    for head in ["GET\r\n\r\n", &format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1 << 20))] {
        let answer = raw(&server, head).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(!answer.contains("\r\n\r\n") || answer.ends_with("\r\n\r\n"), "{answer}");
    }
    assert_eq!(server.send(Method::HEAD, "/api/me", None, &[], String::new()).await.text, "");
}

/// More than any buffer between the two holds: a server that closed in the middle of it would break the line.
#[tokio::test]
async fn who_sends_too_much_is_told_so() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let length = 12 << 20;
    let head = format!(
        "POST /api/rooms HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
        server.address, ada.token
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; length]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"too_large\""), "{answer}");
}

#[tokio::test]
async fn nothing_outside_the_client_is_served() {
    let (server, _data) = Server::start().await;
    for path in
        ["/../../Cargo.toml", "/..%2f..%2fCargo.toml", "/%2e%2e/%2e%2e/Cargo.toml", "/static/../../../Cargo.toml"]
    {
        let answer = raw(&server, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 ") && !answer.contains("[workspace"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn metrics_are_for_callers_on_this_machine() {
    let (server, _data) = Server::start().await;
    let shown = server.get("/metrics", None).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.text.contains("roomtone_media_residence_seconds"), "{}", shown.text);
    // A proxy on this machine, or a page whose name was made to point here.
    for (name, value) in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1"), ("host", "talk.example")] {
        let refused = server.send(Method::GET, "/metrics", None, &[(name, value)], String::new()).await;
        refused.refused(404, "not_found");
    }
}

#[tokio::test]
async fn answers_are_not_kept_and_pages_contact_nobody() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let me = ada.get("/api/me").await;
    assert_eq!(me.headers["cache-control"], "no-store");
    let policy = me.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'self'") && !policy.contains("https:"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(me.headers[name], value);
    }
    // Somebody else's Authorization scheme, as of a proxy that asks for a password, does not hide the cookie.
    let cookie = format!("other=1; roomtone_session={}", ada.token);
    let headers = [("authorization", "Basic Zm9vOmJhcg=="), ("cookie", cookie.as_str())];
    assert_eq!(server.send(Method::GET, "/api/me", None, &headers, String::new()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_server_that_stops_is_busy_and_its_rooms_are_not_gone() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    server.app.rooms.shut_down().await;
    assert_eq!(host.next("bye").await["code"], "shutting_down");
    ada.get(&format!("/api/rooms/{room}")).await.refused(503, "busy");
    let answer = ada.post("/api/rooms", &json!({ "title": "A room", "kind": "open" })).await;
    answer.refused(503, "busy");
    assert_eq!(answer.headers["retry-after"], "1");
}

/// What is described as several parts in one is described by nothing if one of them admits nothing else.
#[tokio::test]
async fn nothing_is_described_that_cannot_be() {
    fn parts<'a>(of: &'a Value, found: &mut Vec<&'a str>) {
        let all: Vec<&Value> = match of {
            Value::Object(map) => map.values().collect(),
            Value::Array(list) => list.iter().collect(),
            _ => return,
        };
        for part in of["allOf"].as_array().into_iter().flatten() {
            found.extend(part["$ref"].as_str());
        }
        all.into_iter().for_each(|one| parts(one, found));
    }
    let (server, _data) = Server::start().await;
    let document = server.get("/api/openapi.json", None).await.json();
    let mut found = Vec::new();
    parts(&document, &mut found);
    assert!(found.len() > 5, "{found:?}");
    for part in found {
        let schema = document.pointer(part.trim_start_matches('#')).unwrap();
        assert_ne!(schema["additionalProperties"], false, "{part} admits nothing beside it");
    }
    server.stop().await;
}
