//! Calls: who rings at whose side, and what is answered.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server};

impl Member<'_> {
    async fn call(&self, whom: &Member<'_>) -> Value {
        let answer = self.try_call(&whom.handle).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()
    }

    async fn try_call(&self, handle: &str) -> Answer {
        self.post("/api/calls", &json!({ "handle": handle })).await
    }

    async fn answer(&self, call: &Value, answer: &str) -> Answer {
        let path = format!("/api/calls/{}/answer", call["id"].as_str().unwrap());
        self.post(&path, &json!({ "answer": answer })).await
    }
}

#[tokio::test]
async fn a_call_rings_and_is_answered_once() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let (mut adas, mut bens, mut other_page) = (ada.live().await, ben.live().await, ben.live().await);
    let call = ada.call(&ben).await;
    let room = call["room"].as_str().unwrap();
    let _host = ada.enter(room).await;
    let rings = bens.next("call").await["call"].clone();
    assert_eq!((&rings["id"], &rings["room"], &rings["from"]["id"]), (&call["id"], &call["room"], &json!(ada.id)));
    assert_eq!(other_page.next("call").await["call"], rings);
    // Pressing again is the same call.
    assert_eq!(ada.call(&ben).await, call);

    // A call of others is like one that never was.
    let never = json!({ "id": "00000000000000000000000000" });
    let answers = [eve.answer(&call, "accepted").await, ada.answer(&call, "accepted").await];
    for answer in
        answers.iter().chain([&ben.answer(&never, "accepted").await, &ben.answer(&json!({ "id": "x" }), "later").await])
    {
        answer.refused(410, "call_over");
        assert_eq!(answer.text, answers[0].text);
    }
    ben.answer(&call, "maybe").await.refused(400, "bad_request");
    eve.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");

    assert_eq!(ben.answer(&call, "accepted").await.json(), json!({ "room": room }));
    let told = adas.next("call_answered").await;
    assert_eq!(
        (&told["id"], &told["answer"], &told["person"]["id"]),
        (&call["id"], &json!("accepted"), &json!(ben.id))
    );
    assert_eq!(other_page.next("call_over").await["id"], call["id"]);
    // Both are there to talk.
    let mut entered = ben.connect(room, None).await;
    let you = entered.next("snapshot").await["you"].clone();
    assert_eq!((you["role"].as_str(), you["mic"].as_bool()), (Some("speaker"), Some(false)));
    ben.answer(&call, "declined").await.refused(410, "call_over");
}

#[tokio::test]
async fn later_and_no_leave_the_room_open_to_both() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let mut page = ada.live().await;
    for (whom, answer) in [(&ben, "later"), (&eve, "declined")] {
        let call = ada.call(whom).await;
        assert_eq!(whom.answer(&call, answer).await.status, StatusCode::OK);
        assert_eq!(page.next("call_answered").await["answer"], answer);
        let room = call["room"].as_str().unwrap();
        assert_eq!(whom.get(&format!("/api/rooms/{room}")).await.status, StatusCode::OK);
        let mut entered = whom.connect(room, None).await;
        assert_eq!(entered.next("snapshot").await["you"]["role"], "listener");
    }
}

#[tokio::test]
async fn two_who_call_each_other_meet() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let mut page = ada.live().await;
    let call = ada.call(&ben).await;
    let _host = ada.enter(call["room"].as_str().unwrap()).await;
    assert_eq!(ben.call(&ada).await, call);
    assert_eq!(page.next("call_answered").await["answer"], "accepted");
    ben.answer(&call, "declined").await.refused(410, "call_over");
    let mut entered = ben.connect(call["room"].as_str().unwrap(), None).await;
    assert_eq!(entered.next("snapshot").await["you"]["role"], "speaker");
}

#[tokio::test]
async fn two_who_call_each_other_at_once_meet() {
    let (server, data) = Server::start().await;
    for _ in 0..10 {
        let (ada, ben) = (server.member(&data).await, server.member(&data).await);
        let (one, other) = tokio::join!(ada.call(&ben), ben.call(&ada));
        assert_eq!(one, other);
    }
    let rooms = server.app.store.live_rooms().await.unwrap();
    assert_eq!(rooms.len(), 10, "one room for each pair");
}

#[tokio::test]
async fn a_block_a_suspension_and_a_deletion_end_what_rings() {
    let (server, data) = Server::start().await;
    let link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
    for how in ["block", "suspend", "delete"] {
        let (ada, ben) = (server.member(&data).await, server.member(&data).await);
        let (mut adas, mut bens) = (ada.live().await, ben.live().await);
        let call = ada.call(&ben).await;
        assert_eq!(bens.next("call").await["call"]["id"], call["id"]);
        match how {
            "block" => {
                ben.block(&ada).await;
                assert_eq!(adas.next("call_over").await["id"], call["id"]);
            }
            "suspend" => {
                let path = format!("/api/admin/members/{}/suspend", ada.handle);
                let answer = owner.post(&path, &json!({ "branch": false, "reason": "Spam" })).await;
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            }
            _ => {
                let body = json!({ "handle": ada.handle }).to_string();
                let answer = server.send_json(Method::DELETE, "/api/me", Some(&ada.token), &body).await;
                assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
            }
        }
        assert_eq!(bens.next("call_over").await["id"], call["id"], "{how}");
        ben.answer(&call, "accepted").await.refused(410, "call_over");
    }
}

#[tokio::test]
async fn who_cannot_be_called_is_like_nobody() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    ada.try_call(&ada.handle).await.refused(409, "target_protected");
    let call = ada.call(&ben).await;
    let _host = ada.enter(call["room"].as_str().unwrap()).await;
    ben.block(&ada).await;
    // Nothing of the call is left.
    ben.answer(&call, "accepted").await.refused(410, "call_over");
    let (blocked, missing) = (ada.try_call(&ben.handle).await, ada.try_call("nobody_at_all").await);
    blocked.refused(404, "member_not_found");
    assert_eq!(blocked.text, missing.text);
    assert_eq!(ben.try_call(&ada.handle).await.text, missing.text);
    server.post("/api/calls", None, &json!({ "handle": ada.handle })).await.refused(401, "not_signed_in");
}

#[tokio::test]
async fn a_call_ends_with_its_room() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let call = ada.call(&ben).await;
    let mut host = ada.enter(call["room"].as_str().unwrap()).await;
    host.accepted(json!({ "type": "leave" })).await;
    host.next("bye").await;
    ben.answer(&call, "accepted").await.refused(410, "call_over");
    let again = ada.call(&ben).await;
    assert_ne!(again["room"], call["room"]);
}

#[tokio::test]
async fn somebody_who_is_muted_does_not_ring_and_does_not_notice() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let mut page = ben.live().await;
    let mute = format!("/api/members/{}/mute", ada.handle);
    assert_eq!(ben.send(Method::PUT, &mute).await.status, StatusCode::NO_CONTENT);
    ada.call(&ben).await;
    let heard = eve.call(&ben).await;
    assert_eq!(page.next("call").await["call"]["id"], heard["id"], "the first that rings is not Ada's");
}

#[tokio::test]
async fn calling_without_end_is_slowed_down() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let mut limited = None;
    for _ in 0..40 {
        let answer = ada.try_call("nobody_at_all").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            limited = Some(answer);
            break;
        }
    }
    limited.expect("one too many").refused(429, "rate_limited");
}
