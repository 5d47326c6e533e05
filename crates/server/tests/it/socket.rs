//! The control socket.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, Socket};

fn about(kind: &str, member: &str) -> Value {
    json!({ "type": kind, "member": member })
}

#[tokio::test]
async fn from_a_raised_hand_to_the_stage_and_back() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut listener, mut other) = (ada.enter(&room).await, ben.enter(&room).await, eve.enter(&room).await);

    listener.accepted(json!({ "type": "raise_hand", "question": "Why Rust?" })).await;
    let raised = host.event("hand_raised").await;
    assert_eq!(
        (raised["question"].as_str(), raised["person"]["id"].as_str()),
        (Some("Why Rust?"), Some(ben.id.as_str()))
    );
    host.accepted(about("accept_hand", &ben.id)).await;
    assert_eq!(listener.event("role_changed").await["role"], "speaker");
    let snapshot = listener.next("snapshot").await;
    assert_eq!((snapshot["you"]["role"].as_str(), snapshot["you"]["hand"].is_null()), (Some("speaker"), true));

    // Nobody but moderators and its owner learns of a hand.
    let told = other.next("events").await;
    assert!(!told.to_string().contains("hand_raised"), "{told}");

    listener.accepted(json!({ "type": "set_mic", "open": true })).await;
    host.accepted(about("mute", &ben.id)).await;
    listener.event("muted").await;
    listener.refused(json!({ "type": "set_mic", "open": true }), "muted_by_moderator").await;
    listener.refused(about("mute", &ada.id), "not_allowed").await;
    host.accepted(about("unmute", &ben.id)).await;
    listener.event("unmuted").await;
    host.accepted(about("move_to_audience", &ben.id)).await;
    assert_eq!(listener.event("role_changed").await["role"], "listener");
    host.accepted(about("remove", &ben.id)).await;
    assert_eq!(listener.next("bye").await["code"], "removed");
    assert_eq!(listener.any().await, None);
}

#[tokio::test]
async fn an_offer_is_accepted_or_declined_by_the_one_who_was_asked() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut listener) = (ada.enter(&room).await, ben.enter(&room).await);
    listener.refused(json!({ "type": "accept_offer" }), "no_offer").await;
    host.accepted(about("offer_stage", &ben.id)).await;
    assert_eq!(listener.event("stage_offered").await["by"]["id"], ada.id.as_str());
    host.refused(about("offer_stage", &ben.id), "offer_already_open").await;
    listener.accepted(json!({ "type": "decline_offer" })).await;
    assert_eq!(host.event("offer_ended").await["cause"], "declined");
    host.accepted(about("offer_stage", &ben.id)).await;
    listener.accepted(json!({ "type": "accept_offer" })).await;
    assert_eq!(host.event("role_changed").await["cause"], "offer_accepted");
}

#[tokio::test]
async fn a_repeated_command_is_answered_and_not_applied() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut listener) = (ada.enter(&room).await, ben.enter(&room).await);
    let id = "01234567890123456789012345";
    let raise = json!({ "type": "raise_hand", "question": null });
    let first = listener.command_as(id, 0, raise.clone()).await;
    let second = listener.command_as(id, 0, raise).await;
    assert_eq!(first, second);
    assert!(first["seq"].is_u64());
    host.event("hand_raised").await;
    listener.accepted(json!({ "type": "lower_hand" })).await;
    host.event("hand_lowered").await;
}

#[tokio::test]
async fn what_is_not_a_command_is_refused_and_changes_nothing() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (_host, mut listener) = (ada.enter(&room).await, ben.enter(&room).await);
    let id = "01234567890123456789012345";
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"type":"dance"}"#,
        r#"{"type":"command"}"#,
        &json!({ "type": "command", "id": id, "role_epoch": 0, "command": { "type": "rule" } }).to_string(),
        &json!({ "type": "command", "id": id, "role_epoch": 0, "command": { "type": "leave" }, "extra": 1 })
            .to_string(),
        &json!({ "type": "command", "id": id, "role_epoch": -1, "command": { "type": "leave" } }).to_string(),
        &json!({ "type": "command", "id": "short", "role_epoch": 0, "command": { "type": "leave" } }).to_string(),
        &json!({ "type": "command", "id": id, "role_epoch": 0, "command": about("mute", "nobody") }).to_string(),
    ] {
        listener.text(text).await;
        assert_eq!(listener.next("answer").await["error"]["code"], "unknown_command", "{text}");
    }
    listener.refused(about("accept_hand", &ada.id), "not_allowed").await;
    listener.refused(json!({ "type": "set_mic", "open": true }), "not_on_stage").await;
    listener.refused(json!({ "type": "lower_hand" }), "no_hand").await;
    listener.refused(json!({ "type": "raise_hand", "question": "x".repeat(281) }), "invalid_question").await;
    let stale = listener.command_as(id, 7, json!({ "type": "raise_hand", "question": null })).await;
    assert_eq!(stale["error"]["code"], "stale_role");
    listener.text(r#"{"type":"resync"}"#).await;
    let snapshot = listener.next("snapshot").await;
    assert_eq!((snapshot["you"]["role"].as_str(), snapshot["you"]["hand"].is_null()), (Some("listener"), true));
}

#[tokio::test]
async fn a_flood_of_commands_is_slowed_down() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    for _ in 0..200 {
        host.text(r#"{"type":"dance"}"#).await;
    }
    let mut codes = Vec::new();
    for _ in 0..200 {
        codes.push(host.next("answer").await["error"]["code"].as_str().unwrap().to_owned());
    }
    assert!(codes.contains(&"rate_limited".to_owned()));
    // Binary messages count as well.
    for _ in 0..200 {
        host.binary(&[0]).await;
    }
    let mut limited = 0;
    for _ in 0..200 {
        limited += u32::from(host.next("answer").await["error"]["code"] == "rate_limited");
    }
    assert!(limited > 0);
}

#[tokio::test]
async fn signing_out_closes_the_socket_and_ends_the_legs() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut listener) = (ada.enter(&room).await, ben.enter(&room).await);
    let listen = format!("/api/rooms/{room}/listen");
    assert_eq!(ben.offer(&listen, &crate::support::listen_offer()).await.status, StatusCode::CREATED);
    assert_eq!(ben.send(Method::DELETE, "/api/session").await.status, StatusCode::NO_CONTENT);
    assert_eq!(listener.next("leg_ended").await["code"], "not_allowed");
    assert_eq!(listener.next("bye").await["code"], "session_ended");
    assert_eq!(host.event("left").await["member"], ben.id.as_str());
    ben.offer(&listen, &crate::support::listen_offer()).await.refused(401, "not_signed_in");
}

#[tokio::test]
async fn the_newest_socket_of_a_member_wins() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut first = ada.enter(&room).await;
    let mut second = ada.enter(&room).await;
    assert_eq!(first.next("bye").await["code"], "replaced");
    assert_eq!(first.any().await, None);
    // The one that was replaced does not take the member out of the room by closing.
    let _ben = ben.enter(&room).await;
    assert_eq!(second.event("entered").await["person"]["id"], ben.id.as_str());
    let stage = ben.get(&format!("/api/rooms/{room}/roster")).await.json();
    assert_eq!(stage["participants"][0]["connected"], true);
}

#[tokio::test]
async fn a_member_is_in_one_room_at_a_time() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let (one, two) = (ada.open("open").await, ben.open("open").await);
    let mut host = ada.enter(&one).await;
    let mut other = ben.enter(&two).await;
    let _elsewhere = ada.enter(&two).await;
    assert_eq!(host.next("bye").await["code"], "elsewhere");
    assert_eq!(other.event("entered").await["person"]["id"], ada.id.as_str());
    // The first room's only moderator has left it, so it has ended.
    ben.get(&format!("/api/rooms/{one}")).await.refused(410, "room_ended");
}

#[tokio::test]
async fn a_lost_socket_keeps_its_place_and_resumes() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let (listener, snapshot) = {
        let mut socket = ben.connect(&room, None).await;
        let snapshot = socket.next("snapshot").await;
        (socket, snapshot)
    };
    host.event("entered").await;
    listener.cut();
    assert_eq!(host.event("connection_lost").await["member"], ben.id.as_str());
    let _eve = eve.enter(&room).await;
    host.event("entered").await;

    let since = snapshot["seq"].as_u64().unwrap();
    let mut back: Socket = ben.connect(&room, Some(since)).await;
    let missed = back.any().await.unwrap();
    assert_eq!((missed["type"].as_str(), missed["after"].as_u64()), (Some("events"), Some(since)));
    let kinds: Vec<_> =
        missed["events"].as_array().unwrap().iter().map(|e| e["event"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["connection_lost", "entered", "returned"]);
    assert_eq!(host.event("returned").await["member"], ben.id.as_str());

    // A number that the room has not reached yet, or never told, is answered with a snapshot.
    drop(back);
    let mut back = ben.connect(&room, Some(9_999)).await;
    assert_eq!(back.any().await.unwrap()["type"], "snapshot");
}

#[tokio::test]
async fn sockets_of_other_origins_and_without_a_session_are_refused() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let refused = ada.try_connect(&room, None, &[("origin", "https://elsewhere.example")]).await.err();
    assert_eq!(refused, Some((403, "cross_site".to_owned())));
    let refused = ada.try_connect(&room, None, &[("authorization", "Bearer nonsense")]).await.err();
    assert_eq!(refused, Some((401, "not_signed_in".to_owned())));
    let (address, token) = (format!("/api/rooms/{room}/ws"), Some(ada.token.as_str()));
    ada.get(&address).await.refused(400, "bad_request");
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let upgrade = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
    for wrong in [vec![key], vec![key, ("sec-websocket-version", "12")], vec![("sec-websocket-version", "13")]] {
        let headers = [&upgrade[..], &wrong].concat();
        server.send(Method::GET, &address, token, &headers, String::new()).await.refused(400, "bad_request");
    }
}

#[tokio::test]
async fn leaving_passes_the_room_on_or_ends_it() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut listener) = (ada.enter(&room).await, ben.enter(&room).await);
    host.accepted(about("offer_stage", &ben.id)).await;
    listener.event("stage_offered").await;
    listener.accepted(json!({ "type": "accept_offer" })).await;
    listener.next("snapshot").await;
    host.accepted(json!({ "type": "leave" })).await;
    assert_eq!(host.next("bye").await["code"], "left");
    assert_eq!(listener.event("role_changed").await["cause"], "inherited");
    assert_eq!(listener.next("snapshot").await["you"]["role"], "host");
    listener.accepted(json!({ "type": "leave" })).await;
    ada.get(&format!("/api/rooms/{room}")).await.refused(410, "room_ended");
}
