//! Getting in.

use axum::http::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::Server;

#[tokio::test]
async fn an_invite_makes_one_member_and_signs_them_in() {
    let (server, data) = Server::start().await;
    let code = server.code(&data).await;
    let shown = server.get(&format!("/api/invites/{code}"), None).await;
    assert_eq!(shown.json(), json!({ "sponsor": null, "owner": false, "server": "Roomtone" }));

    let redeem = format!("/api/invites/{code}/redeem");
    let answer = server.post(&redeem, None, &json!({ "handle": "ada", "name": "Ada", "language": "en" })).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let me = server.send(Method::GET, "/api/me", None, &[("cookie", pair)], String::new()).await;
    assert_eq!(me.json()["handle"], "ada");

    server.get(&format!("/api/invites/{code}"), None).await.refused(404, "invite_not_found");
    let again = server.post(&redeem, None, &json!({ "handle": "ben", "name": "Ben", "language": "en" })).await;
    again.refused(404, "invite_not_found");
}

#[tokio::test]
async fn the_owner_link_makes_an_owner_once() {
    let (server, _data) = Server::start().await;
    let former = server.app.owner_link().await.unwrap().unwrap();
    let link = server.app.owner_link().await.unwrap().unwrap();
    let code = |link: &str| link.rsplit('/').next().unwrap().to_owned();
    server.get(&format!("/api/invites/{}", code(&former)), None).await.refused(404, "invite_not_found");
    let body = json!({ "handle": "ada", "name": "Ada", "language": "en" });
    let answer = server.post(&format!("/api/invites/{}/redeem", code(&link)), None, &body).await;
    assert_eq!(answer.json()["owner"], true);
    assert_eq!(server.app.owner_link().await.unwrap(), None);
}

#[tokio::test]
async fn redeeming_at_the_same_time_makes_one_member() {
    let (server, data) = Server::start().await;
    let code = server.code(&data).await;
    let path = format!("/api/invites/{code}/redeem");
    let (server, path) = (&server, &path);
    let attempts = (0..16).map(|i| async move {
        let body = json!({ "handle": format!("racer{i}"), "name": "Racer", "language": "en" });
        server.post(path, None, &body).await
    });
    let answers = futures_util::future::join_all(attempts).await;
    let made = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(made, 1);
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        answer.refused(404, "invite_not_found");
    }
}

#[tokio::test]
async fn bad_input_is_refused_and_leaves_the_invite_unspent() {
    let (server, data) = Server::start().await;
    let member = server.member(&data).await;
    let code = server.code(&data).await;
    let path = format!("/api/invites/{code}/redeem");
    let cases = [
        (json!({ "handle": "Ada", "name": "Ada", "language": "en" }), 422, "invalid_handle"),
        (json!({ "handle": "ada", "name": " ", "language": "en" }), 422, "invalid_name"),
        (json!({ "handle": "ada", "name": "Ada", "language": "english please" }), 422, "invalid_language"),
        (json!({ "handle": member.handle, "name": "Ada", "language": "en" }), 409, "handle_taken"),
        (json!({ "handle": "ada", "name": "Ada" }), 400, "bad_request"),
        (json!({ "handle": "ada", "name": "Ada", "language": "en", "owner": true }), 400, "bad_request"),
        (json!({ "handle": "ada", "name": "x".repeat(70_000), "language": "en" }), 413, "too_large"),
    ];
    for (body, status, code) in cases {
        server.post(&path, None, &body).await.refused(status, code);
    }
    let json = [("content-type", "application/json")];
    server.send(Method::POST, &path, None, &json, "{".to_owned()).await.refused(400, "bad_request");
    let text = [("content-type", "text/plain")];
    server.send(Method::POST, &path, None, &text, "{}".to_owned()).await.refused(415, "unsupported_media_type");
    for invented in ["00000000000000000000000000", "nonsense", "%00"] {
        let path = format!("/api/invites/{invented}/redeem");
        let body = json!({ "handle": "ada", "name": "Ada", "language": "en" });
        server.post(&path, None, &body).await.refused(404, "invite_not_found");
    }
    let good = json!({ "handle": "ada", "name": "Ada", "language": "en" });
    assert_eq!(server.post(&path, None, &good).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let (server, data) = Server::start().await;
    let code = server.code(&data).await;
    let mut codes = Vec::new();
    for _ in 0..80 {
        let answer = server.get("/api/invites/00000000000000000000000000", None).await;
        codes.push(answer.json()["code"].as_str().unwrap().to_owned());
    }
    assert!(codes.starts_with(&["invite_not_found".to_owned()]));
    assert!(codes.contains(&"rate_limited".to_owned()));
    // Somebody with a real invite behind the same address still sees it.
    assert_eq!(server.get(&format!("/api/invites/{code}"), None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_is_out_of_guesses_does_not_come_to_be_redeemed() {
    let (server, data) = Server::start().await;
    let code = server.code(&data).await;
    let bad = json!({ "handle": "No handle", "name": "Ada", "language": "en" });
    let mut answer = server.post(&format!("/api/invites/{code}/redeem"), None, &bad).await;
    answer.refused(422, "invalid_handle");
    // A guess comes back now and then, so it may take more than sixty.
    for _ in 0..500 {
        server.get("/api/invites/00000000000000000000000000", None).await;
        answer = server.post(&format!("/api/invites/{code}/redeem"), None, &bad).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
    }
    answer.refused(429, "rate_limited");
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn requests_of_other_origins_are_refused() {
    let (server, data) = Server::start().await;
    let code = server.code(&data).await;
    let path = format!("/api/invites/{code}/redeem");
    let body = json!({ "handle": "ada", "name": "Ada", "language": "en" }).to_string();
    for (name, value) in [("origin", "https://elsewhere.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")]
    {
        let headers = [("content-type", "application/json"), (name, value)];
        server.send(Method::POST, &path, None, &headers, body.clone()).await.refused(403, "cross_site");
    }
    let own = format!("http://{}", server.address);
    let headers = [("content-type", "application/json"), ("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(server.send(Method::POST, &path, None, &headers, body).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_tokens_are_sessions_of_their_own() {
    let (server, data) = Server::start().await;
    let member = server.member(&data).await;
    let token = member.post("/api/tokens", &json!({ "label": "player" })).await;
    assert_eq!(token.status, StatusCode::CREATED);
    let token = token.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(member.send(Method::DELETE, "/api/session").await.status, StatusCode::NO_CONTENT);
    member.get("/api/me").await.refused(401, "not_signed_in");
    assert_eq!(server.get("/api/me", Some(&token)).await.json()["handle"], member.handle.as_str());
    for wrong in ["", "nonsense", "00000000000000000000000000"] {
        server.get("/api/me", Some(wrong)).await.refused(401, "not_signed_in");
    }
}

#[tokio::test]
async fn a_session_that_ends_while_the_body_comes_makes_no_token() {
    let (server, data) = Server::start().await;
    let member = server.member(&data).await;
    let mut stream = BufReader::new(TcpStream::connect(server.address).await.unwrap());
    let body = json!({ "label": "player" }).to_string();
    // The server asks for the body once it knows who is calling (RFC 9110, section 10.1.1).
    let head = format!(
        "POST /api/tokens HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        member.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");
    assert_eq!(member.send(Method::DELETE, "/api/session").await.status, StatusCode::NO_CONTENT);
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("HTTP/1.1 401") && answer.contains("not_signed_in"), "{answer}");
}

#[tokio::test]
async fn many_invites_are_made_at_once_and_each_works() {
    let (server, data) = Server::start().await;
    let links = roomtone::serve::invite(data.path(), 2_000).await.unwrap();
    let codes: std::collections::BTreeSet<_> = links.iter().map(|link| link.rsplit('/').next().unwrap()).collect();
    assert_eq!(codes.len(), 2_000);
    let (server, codes) = (&server, codes.iter().step_by(40).enumerate());
    let attempts = codes.map(|(i, code)| async move {
        let body = json!({ "handle": format!("guest{i}"), "name": "Guest", "language": "en" });
        server.post(&format!("/api/invites/{code}/redeem"), None, &body).await
    });
    for answer in futures_util::future::join_all(attempts).await {
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    }
}

#[test]
fn a_wrong_number_of_invites_is_refused() {
    use clap::Parser;
    for count in ["0", "100001", "-1", "many", ""] {
        let arguments = ["roomtone", "invite", "--count", count];
        assert!(roomtone::cli::Cli::try_parse_from(arguments).is_err(), "{count}");
    }
}
