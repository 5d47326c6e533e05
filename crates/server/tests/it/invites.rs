//! Getting in.

use axum::http::{Method, StatusCode};
use roomtone::limits::GUESSES;
use roomtone_room::ids::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::{Answer, Member, Server};

#[tokio::test]
async fn an_invite_makes_one_member_and_signs_them_in() {
    let (server, data) = Server::start().await;
    let code = server.code(&data).await;
    let shown = server.get(&format!("/api/invites/{code}"), None).await;
    let nothing_more = json!({ "sponsor": null, "owner": false, "server": "Roomtone", "note": "", "handle": null,
        "room": null });
    assert_eq!(shown.json(), nothing_more);

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
        (json!({ "handle": "a da", "name": "Ada", "language": "en" }), 422, "invalid_handle"),
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
    // Before anything is looked up: a code that is right is not told from one that is not.
    let limits = &server.app.limits;
    let later = roomtone::edge::instant() + GUESSES.refill * 10_000;
    assert!(limits.address(&GUESSES, "127.0.0.1".parse().unwrap(), later).is_ok());
    for code in [code.as_str(), "00000000000000000000000000", "no%20code"] {
        let answer = server.get(&format!("/api/invites/{code}"), None).await;
        answer.refused(429, "rate_limited");
        assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 10_000);
    }
}

/// Whoever has a code does not find out through it which handles there are.
#[tokio::test]
async fn handles_are_not_tried_through_an_invite_without_end() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let (code, other) = (server.code(&data).await, server.code(&data).await);
    let ask = async |code: &str, handle: &str| {
        let body = json!({ "handle": handle, "name": "New", "language": "en" });
        server.post(&format!("/api/invites/{code}/redeem"), None, &body).await
    };
    let mut answers = Vec::new();
    // One comes back every twenty seconds.
    for _ in 0..40 {
        let answer = ask(&code, &ada.handle).await;
        answers.push(answer.json()["code"].as_str().unwrap().to_owned());
        if answers.last().is_some_and(|code| code == "rate_limited") {
            let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=20).contains(&wait), "{wait}");
            break;
        }
    }
    assert_eq!(answers[..30], vec!["handle_taken"; 30]);
    assert_eq!(answers.last().unwrap(), "rate_limited");
    // The handle of nobody is not told from that of somebody either, and another invite is another one.
    ask(&code, "nobody_has_it").await.refused(429, "rate_limited");
    assert_eq!(ask(&other, "nobody_has_it").await.status, 201);
    server.stop().await;
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
    // One comes back every two seconds.
    assert!(["1", "2"].contains(&answer.headers["retry-after"].to_str().unwrap()));
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
    let links = roomtone::serve::invite(&roomtone::cli::Data::in_folder(data.path()), 2_000).await.unwrap();
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

/// What a member has in their inbox.
async fn notices(server: &Server, member: &Member<'_>) -> Vec<(String, Option<String>)> {
    server.app.notices.settle().await;
    let items = member.get("/api/notices").await.json()["items"].clone();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let kinds = items.as_array().unwrap().iter();
    kinds.map(|notice| (text(&notice["kind"]).unwrap(), text(&notice["actor"]["id"]))).collect()
}

/// Makes an invite and returns its code.
async fn invite(member: &Member<'_>, body: Value) -> String {
    let made = member.post("/api/invites", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn redeem(server: &Server, code: &str, handle: &str) -> Answer {
    let body = json!({ "handle": handle, "name": handle.to_uppercase(), "language": "en" });
    server.post(&format!("/api/invites/{code}/redeem"), None, &body).await
}

/// The member whom an answer to redeeming signs in.
fn signed_in<'a>(server: &'a Server, answer: &Answer) -> Member<'a> {
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let token = answer.headers["set-cookie"].to_str().unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
    let me = answer.json();
    let text = |key: &str| me[key].as_str().unwrap().to_owned();
    Member { server, token, handle: text("handle"), id: text("id") }
}

#[tokio::test]
async fn members_invite_and_only_the_sponsor_learns_who_came() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let fresh = ada.get("/api/invites/mine").await.json();
    assert_eq!(fresh, json!({ "left": 5, "earned": 0, "items": [], "next": null }));
    let made = ada.post("/api/invites", &json!({ "note": " For Grace,\nfrom the choir ", "days": 2 })).await.json();
    let link = made["link"].as_str().unwrap();
    assert!(link.starts_with(server.app.public_url.as_str()) && link.contains("/join/"), "{link}");
    let qr = made["qr"].as_str().unwrap();
    assert!(qr.starts_with("<svg") && qr.ends_with("</svg>") && !qr.contains("script"), "{qr}");
    let code = link.rsplit('/').next().unwrap();
    let shown = server.get(&format!("/api/invites/{code}"), None).await.json();
    assert_eq!((&shown["sponsor"]["id"], &shown["note"]), (&json!(ada.id), &json!("For Grace,\nfrom the choir")));

    let mine = ada.get("/api/invites/mine").await.json();
    assert_eq!((&mine["left"], &mine["items"][0]["state"]), (&json!(4), &json!("open")));
    let lasts = mine["items"][0]["expires_at"].as_u64().unwrap() - mine["items"][0]["created_at"].as_u64().unwrap();
    assert_eq!(lasts, 2 * 24 * 60 * 60 * 1000);
    assert!(!mine.to_string().contains(code), "a code is shown once");
    assert_eq!(ben.get("/api/invites/mine").await.json(), fresh);

    let grace = signed_in(&server, &redeem(&server, code, "grace").await);
    let mine = ada.get("/api/invites/mine").await.json();
    assert_eq!((&mine["left"], &mine["items"][0]["state"]), (&json!(4), &json!("used")));
    assert_eq!(mine["items"][0]["guest"]["handle"], "grace");
    assert_eq!(notices(&server, &ada).await, [("invite_used".to_owned(), Some(grace.id.clone()))]);
    assert_eq!(notices(&server, &ben).await, []);
    assert_eq!(notices(&server, &grace).await, []);
    // Who has blocked the sponsor is not seen by them, here either.
    let blocked = grace.send(Method::PUT, &format!("/api/members/{}/block", ada.handle)).await;
    assert_eq!(blocked.status, StatusCode::NO_CONTENT, "{}", blocked.text);
    let mine = ada.get("/api/invites/mine").await.json();
    assert_eq!((&mine["items"][0]["state"], &mine["items"][0]["guest"]), (&json!("used"), &json!(null)));
}

#[tokio::test]
async fn a_member_has_so_many_invites_and_takes_back_what_is_unspent() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    for (body, status, code) in [
        (json!({ "note": "", "days": 0 }), 400, "bad_request"),
        (json!({ "note": "", "days": 366 }), 400, "bad_request"),
        (json!({ "note": "", "days": -1 }), 400, "bad_request"),
        (json!({ "note": "x".repeat(501) }), 422, "invalid_text"),
        (json!({ "note": "a\u{202e}b" }), 422, "invalid_text"),
        (json!([]), 400, "bad_request"),
        (json!({ "note": "", "to": "grace@example.org" }), 400, "bad_request"),
    ] {
        ada.post("/api/invites", &body).await.refused(status, code);
    }
    // All at once.
    let plain = json!({ "note": "" });
    let made = futures_util::future::join_all((0..12).map(|_| ada.post("/api/invites", &plain))).await;
    let (made, refused): (Vec<_>, Vec<_>) = made.into_iter().partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!(made.len(), 5);
    refused.iter().for_each(|answer| answer.refused(409, "no_invites_left"));
    let (id, link) = (made[0].json()["id"].clone(), made[0].json()["link"].clone());
    let path = format!("/api/invites/mine/{}", id.as_str().unwrap());
    for (member, path) in [(&ben, path.as_str()), (&ada, "/api/invites/mine/x"), (&ada, "/api/invites/mine/%FF")] {
        member.send(Method::DELETE, path).await.refused(404, "invite_not_found");
    }
    server.send(Method::DELETE, &path, None, &[], String::new()).await.refused(401, "not_signed_in");
    assert_eq!(ada.send(Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
    ada.send(Method::DELETE, &path).await.refused(404, "invite_not_found");
    let code = link.as_str().unwrap().rsplit('/').next().unwrap();
    redeem(&server, code, "grace").await.refused(404, "invite_not_found");
    let mine = ada.get("/api/invites/mine").await.json();
    assert_eq!(mine["left"], 1);
    let states: Vec<_> = mine["items"].as_array().unwrap().iter().map(|item| item["state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| **state == "revoked").count(), 1);
    ada.get("/api/invites/mine?after=x").await.refused(400, "bad_request");
    invite(&ada, json!({ "note": "" })).await;
    ada.post("/api/invites", &plain).await.refused(409, "no_invites_left");
}

#[tokio::test]
async fn an_invite_shows_the_room_of_its_sponsor_if_every_member_may_enter_it() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let path = format!("/api/invites/{}", invite(&ada, json!({ "note": "" })).await);
    let room_shown = async || server.get(&path, None).await.json()["room"]["id"].clone();
    for (kind, shown) in [("open", true), ("social", false), ("closed", false)] {
        let room = ada.open(kind).await;
        let socket = ada.enter(&room).await;
        assert_eq!(room_shown().await, if shown { json!(room) } else { json!(null) }, "{kind}");
        drop(socket);
    }
    // Who does not want to be seen is not.
    let room = ada.open("open").await;
    let _socket = ada.enter(&room).await;
    let json = [("content-type", "application/json")];
    let hidden = json!({ "online_hidden": true }).to_string();
    let changed = server.send(Method::PATCH, "/api/me", Some(&ada.token), &json, hidden).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(room_shown().await, json!(null));
}

#[tokio::test]
async fn handles_that_look_alike_are_refused() {
    let (server, data) = Server::start().await;
    assert_eq!(redeem(&server, &server.code(&data).await, "maria").await.status, StatusCode::CREATED);
    let code = server.code(&data).await;
    // rn looks like m; and capitals, and other forms of the same letters, are the same handle.
    for alike in ["rnaria", "MARIA", "ｍａｒｉａ"] {
        redeem(&server, &code, alike).await.refused(409, "handle_taken");
    }
    // All Cyrillic: one script, and it looks like Latin.
    assert_eq!(redeem(&server, &code, "сора").await.status, StatusCode::CREATED);
    redeem(&server, &server.code(&data).await, "copa").await.refused(409, "handle_taken");
}

#[tokio::test]
async fn a_sponsor_earns_an_invite_when_a_guest_has_taken_part_for_three_days() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let code = invite(&ada, json!({ "note": "" })).await;
    let grace = signed_in(&server, &redeem(&server, &code, "grace").await);
    let (ada_id, grace_id) = (ada.id.parse().unwrap(), grace.id.parse().unwrap());
    for day in 0..3u64 {
        for member in [ada_id, grace_id, grace_id] {
            server.app.visits.together(member, Timestamp((20_000 + day) * 24 * 60 * 60 * 1000));
        }
    }
    let (ada_token, grace_token, grace_id) = (ada.token.clone(), grace.token.clone(), grace.id.clone());
    // What is noted goes on the disk before the server has stopped.
    server.stop().await;
    let server = Server::start_in(data.path()).await;
    let mine = server.get("/api/invites/mine", Some(&ada_token)).await.json();
    assert_eq!((&mine["left"], &mine["earned"]), (&json!(5), &json!(1)));
    let inbox = server.get("/api/notices", Some(&ada_token)).await.json();
    let kinds: Vec<_> = inbox["items"].as_array().unwrap().iter().map(|notice| notice["kind"].clone()).collect();
    assert_eq!(kinds, ["invite_earned", "invite_used"]);
    assert_eq!(inbox["items"][0]["actor"]["id"], json!(grace_id));
    assert_eq!(server.get("/api/invites/mine", Some(&grace_token)).await.json()["earned"], 0);
}

#[tokio::test]
async fn whoever_waits_keeps_a_handle_until_somebody_waves() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let body = json!({ "handle": "Faina", "name": "Фаина", "note": "from the choir", "language": "ru" });
    let made = server.post("/api/waitlist", None, &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let own = format!("/api/waitlist/{secret}");
    let shown = server.get(&own, None).await.json();
    assert_eq!((&shown["handle"], &shown["state"]), (&json!("faina"), &json!("waiting")));
    assert_eq!(shown["expires_at"], made.json()["expires_at"]);
    server.post("/api/waitlist", None, &body).await.refused(409, "handle_taken");
    redeem(&server, &server.code(&data).await, "faina").await.refused(409, "handle_taken");
    redeem(&server, &secret, "faina").await.refused(404, "invite_not_found");
    server.get(&format!("/api/invites/{secret}"), None).await.refused(404, "invite_not_found");

    // Members who know the handle see who it is; nobody else does.
    let by_handle = "/api/waitlist/by-handle/faina";
    server.get(by_handle, None).await.refused(401, "not_signed_in");
    let person = json!({ "handle": "faina", "name": "Фаина", "note": "from the choir", "state": "waiting" });
    assert_eq!(ada.get(by_handle).await.json(), person);
    for nobody in ["fain", "faina1", ada.handle.as_str(), "x", "%00", "%FF"] {
        ada.get(&format!("/api/waitlist/by-handle/{nobody}")).await.refused(404, "waiting_not_found");
        let wave = format!("/api/waitlist/by-handle/{nobody}/wave");
        ada.send(Method::POST, &wave).await.refused(404, "waiting_not_found");
    }
    let wave = format!("{by_handle}/wave");
    assert_eq!(ada.send(Method::POST, &wave).await.status, StatusCode::NO_CONTENT);
    ada.send(Method::POST, &wave).await.refused(409, "nothing_to_change");
    assert_eq!(server.get(&own, None).await.json()["state"], "invited");
    let mine = ada.get("/api/invites/mine").await.json();
    assert_eq!((&mine["left"], &mine["items"][0]["waiting"]), (&json!(4), &json!("faina")));
    let shown = server.get(&format!("/api/invites/{secret}"), None).await.json();
    assert_eq!((&shown["handle"], &shown["sponsor"]["id"]), (&json!("faina"), &json!(ada.id)));
    let faina = signed_in(&server, &redeem(&server, &secret, "faina").await);
    assert_eq!(faina.get("/api/me").await.json()["sponsor"]["id"], json!(ada.id));
    server.get(&own, None).await.refused(404, "waiting_not_found");
    assert_eq!(notices(&server, &ada).await, [("invite_used".to_owned(), Some(faina.id.clone()))]);
}

#[tokio::test]
async fn whoever_waits_may_stop_and_what_they_write_is_checked() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let person = |handle: &str| json!({ "handle": handle, "name": "Grace", "language": "en" });
    let cases = [
        (person("x"), 422, "invalid_handle"),
        (person("adа"), 422, "invalid_handle"),
        (json!({ "handle": "grace", "name": "", "language": "en" }), 422, "invalid_name"),
        (json!({ "handle": "grace", "name": "Grace", "language": "?" }), 422, "invalid_language"),
        (json!({ "handle": "grace", "name": "Grace", "language": "en", "note": "x".repeat(501) }), 422, "invalid_text"),
        (person(&ada.handle), 409, "handle_taken"),
        (json!({ "handle": "grace", "name": "Grace", "language": "en", "mail": "a@b.example" }), 400, "bad_request"),
    ];
    for (body, status, code) in cases {
        server.post("/api/waitlist", None, &body).await.refused(status, code);
    }
    let secret = server.post("/api/waitlist", None, &person("grace")).await.json()["secret"].clone();
    let own = format!("/api/waitlist/{}", secret.as_str().unwrap());
    assert_eq!(ada.send(Method::POST, "/api/waitlist/by-handle/grace/wave").await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.send(Method::DELETE, &own, None, &[], String::new()).await.status, StatusCode::NO_CONTENT);
    server.send(Method::DELETE, &own, None, &[], String::new()).await.refused(404, "waiting_not_found");
    server.get(&own, None).await.refused(404, "waiting_not_found");
    assert_eq!(ada.get("/api/invites/mine").await.json()["left"], 5);
    redeem(&server, secret.as_str().unwrap(), "grace").await.refused(404, "invite_not_found");
    assert_eq!(redeem(&server, &server.code(&data).await, "grace").await.status, StatusCode::CREATED);
    // Secrets are guessed no faster than codes.
    let mut codes = std::collections::BTreeSet::new();
    for guess in 0..80 {
        let path = format!("/api/waitlist/{guess:026}");
        codes.insert(server.get(&path, None).await.json()["code"].as_str().unwrap().to_owned());
    }
    assert!(codes.contains("rate_limited") && codes.len() == 2, "{codes:?}");
}

#[test]
fn a_wrong_number_of_invites_is_refused() {
    use clap::Parser;
    for count in ["0", "100001", "-1", "many", ""] {
        let arguments = ["roomtone", "invite", "--count", count];
        assert!(roomtone::cli::Cli::try_parse_from(arguments).is_err(), "{count}");
    }
}
