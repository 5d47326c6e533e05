//! A server that takes in nobody more: who is refused, and who is not.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{Answer, Server, listen_offer, publish_offer};

fn refused_for_now(answer: &Answer) {
    answer.refused(503, "server_full");
    let after: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((5..=15).contains(&after), "{after}");
}

#[tokio::test]
async fn newcomers_are_refused_and_whoever_is_inside_stays() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(data.path(), &["--max-listeners", "2"]).await;
    let (ada, ben, cid) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let listen = format!("/api/rooms/{room}/listen");
    let (mut host, mut socket) = (ada.enter(&room).await, ben.enter(&room).await);

    // By socket, since browsers are not told the status of an upgrade that fails, and by a player without one.
    let mut refused = cid.connect(&room, None).await;
    let bye = refused.any().await.unwrap();
    assert_eq!((bye["type"].as_str(), bye["code"].as_str()), (Some("bye"), Some("server_full")));
    assert!((5..=15).contains(&bye["retry_after"].as_u64().unwrap()), "{bye}");
    assert!(refused.any().await.is_none());
    refused_for_now(&cid.offer(&listen, &listen_offer()).await);

    // Inside: the first leg, another in its place, another socket, another room, the stage, and looking around.
    for _ in 0..2 {
        assert_eq!(ben.offer(&listen, &listen_offer()).await.status, StatusCode::CREATED);
    }
    let _second = ben.enter(&room).await;
    assert_eq!(socket.next("bye").await["code"], "replaced");
    let mut socket = ben.enter(&room).await;
    host.accepted(json!({ "type": "offer_stage", "member": ben.id })).await;
    socket.event("stage_offered").await;
    socket.accepted(json!({ "type": "accept_offer" })).await;
    let publish = format!("/api/rooms/{room}/publish");
    assert_eq!(ben.offer(&publish, &publish_offer()).await.status, StatusCode::CREATED);
    assert_eq!(cid.get(&format!("/api/rooms/{room}")).await.status, StatusCode::OK);

    // When somebody leaves there is room for one, and for no other.
    socket.accepted(json!({ "type": "leave" })).await;
    assert_eq!(socket.next("bye").await["code"], "left");
    let _third = cid.enter(&room).await;
    refused_for_now(&ben.offer(&listen, &listen_offer()).await);
}

#[tokio::test]
async fn whoever_is_in_no_room_cannot_open_one_either() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(data.path(), &["--max-listeners", "1"]).await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let _first = ada.enter(&ada.open("open").await).await;
    refused_for_now(&ben.post("/api/rooms", &json!({ "title": "A room", "kind": "open" })).await);
    // Whoever is in a room may open another, and is in that one then.
    let mut second = ada.enter(&ada.open("open").await).await;
    second.accepted(json!({ "type": "leave" })).await;
    assert_eq!(second.next("bye").await["code"], "left");
    let _third = ben.enter(&ben.open("open").await).await;
}
