//! Media legs over HTTP: who gets one, and what is refused.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Server, listen_offer, offer, publish_offer};

#[tokio::test]
async fn a_listener_hears_and_does_not_speak() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut listener) = (ada.enter(&room).await, ben.enter(&room).await);
    let (listen, publish) = (format!("/api/rooms/{room}/listen"), format!("/api/rooms/{room}/publish"));

    let made = ben.offer(&listen, &listen_offer()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.headers["content-type"], "application/sdp");
    for line in ["a=ice-lite", "a=setup:passive", "a=sendonly", "typ host tcptype passive"] {
        assert!(made.text.contains(line), "{line} in {}", made.text);
    }
    let location = made.headers["location"].to_str().unwrap().to_owned();
    ben.offer(&publish, &publish_offer()).await.refused(403, "not_on_stage");

    // Somebody else's leg is like one that does not exist.
    ada.send(Method::DELETE, &location).await.refused(404, "leg_not_found");
    assert_eq!(ben.send(Method::DELETE, &location).await.status, StatusCode::NO_CONTENT);
    ben.send(Method::DELETE, &location).await.refused(404, "leg_not_found");
    ben.send(Method::PATCH, &location).await.refused(405, "method_not_allowed");

    // On stage: publishing opens the microphone, and muting cuts the leg.
    host.accepted(json!({ "type": "offer_stage", "member": ben.id })).await;
    listener.event("stage_offered").await;
    listener.accepted(json!({ "type": "accept_offer" })).await;
    let made = ben.offer(&publish, &publish_offer()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert!(made.text.contains("a=recvonly"), "{}", made.text);
    let leg = made.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(host.event("mic_changed").await["open"], true);
    host.accepted(json!({ "type": "mute", "member": ben.id })).await;
    let ended = listener.next("leg_ended").await;
    assert_eq!((ended["leg"].as_str(), ended["code"].as_str()), (Some(leg.as_str()), Some("not_allowed")));
    ben.offer(&publish, &publish_offer()).await.refused(403, "muted_by_moderator");
}

#[tokio::test]
async fn a_newer_leg_replaces_the_older() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let listen = format!("/api/rooms/{room}/listen");
    let first = ada.offer(&listen, &listen_offer()).await.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(ada.offer(&listen, &listen_offer()).await.status, StatusCode::CREATED);
    let ended = host.next("leg_ended").await;
    assert_eq!(ended["code"], "replaced");
    assert!(first.ends_with(ended["leg"].as_str().unwrap()));
    ada.send(Method::DELETE, &first).await.refused(404, "leg_not_found");
}

#[tokio::test]
async fn a_player_without_a_socket_is_present_while_its_leg_lives() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let made = ben.offer(&format!("/api/rooms/{room}/listen"), &offer(&["recvonly"])).await;
    assert_eq!(host.event("entered").await["person"]["id"], ben.id.as_str());
    let location = made.headers["location"].to_str().unwrap();
    assert_eq!(ben.send(Method::DELETE, location).await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.event("left").await["member"], ben.id.as_str());
}

#[tokio::test]
async fn offers_that_cannot_be_answered_are_refused() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let _host = ada.enter(&room).await;
    let good = listen_offer();
    let video = good.replace("m=audio", "m=video").replace("opus/48000/2", "VP8/90000");
    let no_opus = good.replace("opus/48000/2", "PCMU/8000").replace("red/48000/2", "PCMA/8000");
    let cases = [
        (String::new(), 422, "invalid_sdp"),
        ("v=0\r\n".to_owned(), 422, "no_audio"),
        ("\u{0}\u{1}garbage".to_owned(), 422, "invalid_sdp"),
        (good.replace("a=ice-ufrag", "x=ice-ufrag"), 422, "invalid_sdp"),
        (good.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"), 422, "invalid_sdp"),
        (video, 422, "no_audio"),
        (offer(&["inactive"]), 422, "no_audio"),
        (no_opus, 422, "no_common_codec"),
        ("v=0\r\n".repeat(20_000), 413, "too_large"),
    ];
    for path in [format!("/api/rooms/{room}/listen"), format!("/api/rooms/{room}/publish")] {
        for (sdp, status, code) in &cases {
            let sdp = if path.ends_with("publish") { sdp.replace("recvonly", "sendonly") } else { sdp.clone() };
            ada.offer(&path, &sdp).await.refused(*status, code);
        }
        ada.post(&path, &json!({})).await.refused(415, "unsupported_media_type");
    }
}
