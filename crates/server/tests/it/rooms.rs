//! Rooms over HTTP: who may know of which.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::support::Server;

const NEVER: &str = "00000000000000000000000000";

#[tokio::test]
async fn an_open_room_is_in_the_hallway_until_it_ends() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let _listener = ben.enter(&room).await;
    host.event("entered").await;
    let hallway = ben.get("/api/rooms").await.json();
    assert_eq!(hallway["rooms"].as_array().unwrap().len(), 1);
    let card = &hallway["rooms"][0];
    assert_eq!((card["id"].as_str(), card["on_stage"].as_u64()), (Some(room.as_str()), Some(1)));
    let roster = ben.get(&format!("/api/rooms/{room}/roster")).await.json();
    let numbers: Vec<_> =
        roster["participants"].as_array().unwrap().iter().map(|p| p["number"].as_u64().unwrap()).collect();
    assert_eq!((numbers, roster["next"].is_null()), (vec![1, 2], true));
    let rest = ben.get(&format!("/api/rooms/{room}/roster?after=1")).await.json();
    assert_eq!(rest["participants"][0]["person"]["handle"], ben.handle.as_str());

    host.accepted(json!({ "type": "end" })).await;
    assert_eq!(host.next("bye").await["code"], "room_ended");
    assert_eq!(ben.get("/api/rooms").await.json()["rooms"], json!([]));
    ben.get(&format!("/api/rooms/{room}")).await.refused(410, "room_ended");
}

#[tokio::test]
async fn a_closed_room_is_like_a_missing_one_for_everybody_who_was_not_named() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let body = json!({ "title": "Between us", "kind": "closed", "named": [ben.handle] });
    let room = ada.post("/api/rooms", &body).await.json()["id"].as_str().unwrap().to_owned();
    let _host = ada.enter(&room).await;
    assert_eq!(ben.get(&format!("/api/rooms/{room}")).await.status, StatusCode::OK);
    let _ben = ben.enter(&room).await;

    for id in [room.as_str(), NEVER, "nonsense"] {
        for path in [format!("/api/rooms/{id}"), format!("/api/rooms/{id}/roster")] {
            eve.get(&path).await.refused(404, "room_not_found");
        }
        eve.offer(&format!("/api/rooms/{id}/listen"), &crate::support::listen_offer())
            .await
            .refused(404, "room_not_found");
        assert_eq!(eve.try_connect(id, None, &[]).await.err(), Some((404, "room_not_found".to_owned())));
    }
    let (seen, unseen) = (eve.get(&format!("/api/rooms/{room}")).await, eve.get(&format!("/api/rooms/{NEVER}")).await);
    assert_eq!(seen.text, unseen.text);
    assert_eq!(eve.get("/api/rooms").await.json()["rooms"], json!([]));
}

#[tokio::test]
async fn a_social_room_is_for_those_whom_its_moderators_follow() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("social").await;
    let _host = ada.enter(&room).await;
    ben.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    let follow = format!("/api/members/{}/follow", ben.handle);
    assert_eq!(ada.send(Method::PUT, &follow).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.get("/api/me").await.json()["follows_anybody"], true);
    let listener = ben.enter(&room).await;
    assert_eq!(ada.send(Method::DELETE, &follow).await.status, StatusCode::NO_CONTENT);
    // Whoever is in already stays, and gets back in when the connection is lost.
    assert_eq!(ben.get(&format!("/api/rooms/{room}")).await.status, StatusCode::OK);
    assert_eq!(ben.get("/api/rooms").await.json()["rooms"].as_array().unwrap().len(), 1);
    listener.cut();
    let mut listener = ben.enter(&room).await;
    listener.accepted(json!({ "type": "leave" })).await;
    ben.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    ada.send(Method::PUT, "/api/members/nobody/follow").await.refused(404, "member_not_found");
}

#[tokio::test]
async fn rooms_with_bad_input_are_not_opened() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let cases = [
        (json!({ "title": "", "kind": "open" }), 422, "invalid_title"),
        (json!({ "title": "x".repeat(121), "kind": "open" }), 422, "invalid_title"),
        (json!({ "title": "a\u{202e}b", "kind": "open" }), 422, "invalid_title"),
        (json!({ "title": "A", "kind": "secret" }), 400, "bad_request"),
        (json!({ "title": "A", "kind": "open", "language": "_" }), 422, "invalid_language"),
        (json!({ "title": "A", "kind": "closed", "named": ["nobody"] }), 422, "member_not_found"),
        (json!({ "title": "A", "kind": "closed", "named": vec!["nobody"; 101] }), 400, "bad_request"),
    ];
    for (body, status, code) in cases {
        ada.post("/api/rooms", &body).await.refused(status, code);
    }
    server.post("/api/rooms", None, &json!({ "title": "A", "kind": "open" })).await.refused(401, "not_signed_in");
    assert_eq!(ada.get("/api/rooms").await.json()["rooms"], json!([]));
    ada.send(Method::PUT, "/api/rooms").await.refused(405, "method_not_allowed");
    ada.get("/api/nothing").await.refused(404, "not_found");
}
