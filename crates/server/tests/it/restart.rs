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
    assert_eq!(listener.command_as(id, 0, raise).await, answered);
    let mut speaker = ben.enter(&room).await;
    speaker.refused(json!({ "type": "set_mic", "open": true }), "muted_by_moderator").await;
}
