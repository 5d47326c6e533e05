//! A room outlives the server: same stage, hands and mutes, and answered commands stay answered.

use serde_json::{Value, json};

use crate::support::Server;

fn about(kind: &str, member: &str) -> Value {
    json!({ "type": kind, "member": member })
}

#[tokio::test]
async fn the_room_comes_back_as_it_was() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path()).await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut speaker, mut listener) =
        (ada.enter(&room).await, ben.enter(&room).await, eve.enter(&room).await);
    host.accepted(about("offer_stage", &ben.id)).await;
    speaker.event("stage_offered").await;
    speaker.accepted(json!({ "type": "accept_offer" })).await;
    host.accepted(about("mute", &ben.id)).await;
    let id = "0123456789abcdefghjkmnpqrs";
    let raise = json!({ "type": "raise_hand", "question": "Still there?" });
    let answered = listener.command_as(id, 0, raise.clone()).await;
    let seq = answered["seq"].as_u64().unwrap();
    let who = [&ada, &ben, &eve].map(|m| (m.token.clone(), m.handle.clone(), m.id.clone()));
    server.stop().await;
    assert_eq!(host.next("bye").await["code"], "shutting_down");

    let server = Server::start_in(data.path()).await;
    let [ada, ben, eve] = who.map(|(token, handle, id)| crate::support::Member { server: &server, token, handle, id });
    let mut host = ada.connect(&room, None).await;
    let snapshot = host.next("snapshot").await;
    assert!(snapshot["seq"].as_u64().unwrap() > seq);
    let stage: Vec<_> = snapshot["stage"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["person"]["id"].as_str().unwrap(), p["role"].as_str().unwrap(), p["muted"].as_bool().unwrap()))
        .collect();
    assert_eq!(stage, [(ada.id.as_str(), "host", false), (ben.id.as_str(), "speaker", true)]);
    assert_eq!(snapshot["hands"][0]["question"], "Still there?");
    assert_eq!(snapshot["hands"][0]["person"]["id"], eve.id.as_str());

    // The client did not hear the answer and asks again.
    let mut listener = eve.connect(&room, Some(seq)).await;
    // Others count as away since the restart, which no event has told: events would not do.
    assert_eq!(listener.any().await.unwrap()["type"], "snapshot");
    assert_eq!(listener.command_as(id, 0, raise).await, answered);
    let mut speaker = ben.enter(&room).await;
    speaker.refused(json!({ "type": "set_mic", "open": true }), "muted_by_moderator").await;
}

#[tokio::test]
async fn a_room_that_cannot_be_read_does_not_keep_the_others_out() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path()).await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let (good, bad) = (ada.open("open").await, ben.open("open").await);
    let who = (ada.token.clone(), ada.handle.clone(), ada.id.clone());
    let id = bad.parse::<roomtone_room::RoomId>().unwrap();
    let row = roomtone_store::LogRow {
        seq: 2,
        at: roomtone::edge::now(),
        member: None,
        command: None,
        body: r#"{"type":"from_the_future"}"#.to_owned(),
    };
    // The first owner of a room has epoch 1.
    server.app.store.append(id, 1, &[row]).await.unwrap();
    server.stop().await;

    let server = Server::start_in(data.path()).await;
    let ada = crate::support::Member { server: &server, token: who.0, handle: who.1, id: who.2 };
    assert_eq!(ada.get(&format!("/api/rooms/{good}")).await.status.as_u16(), 200);
    ada.get(&format!("/api/rooms/{bad}")).await.refused(404, "room_not_found");
}
