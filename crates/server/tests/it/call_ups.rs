//! Calling somebody up to the stage: what rings, and what ends it.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server, Socket};

impl Member<'_> {
    async fn decline_call_up(&self, room: &str) -> Answer {
        self.send(Method::POST, &format!("/api/rooms/{room}/call-up/decline")).await
    }
}

fn call_up(member: &str) -> Value {
    json!({ "type": "call_up", "member": member, "context": "About trees" })
}

/// Waits until the page has been told everything so far: the notice of a follow comes after what was told before it.
async fn nothing_rings(page: &mut Socket, owner: &Member<'_>, follower: &Member<'_>) {
    let follow = format!("/api/members/{}/follow", owner.handle);
    assert_eq!(follower.send(Method::PUT, &follow).await.status, StatusCode::NO_CONTENT);
    loop {
        let message = page.any().await.unwrap();
        assert_ne!(message["type"], "called_up", "{message}");
        if message["type"] == "notice" && message["notice"]["kind"] == "followed" {
            return;
        }
    }
}

#[tokio::test]
async fn somebody_is_rung_comes_and_is_asked_on_stage() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("closed").await;
    let mut host = ada.enter(&room).await;
    let mut page = ben.live().await;
    ben.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    host.accepted(call_up(&ben.id)).await;
    let called = host.event("called_up").await;
    assert_eq!((&called["person"]["id"], &called["context"]), (&json!(ben.id), &json!("About trees")));

    let rung = page.next("called_up").await;
    assert_eq!(rung["room"], json!({ "id": room, "title": "A room", "recording": null }));
    assert_eq!(
        (&rung["by"]["id"], &rung["context"], &rung["until"]),
        (&json!(ada.id), &json!("About trees"), &called["until"])
    );
    // It rings for whoever opens a page later, and for nobody else.
    let mut second = ben.live().await;
    assert_eq!(second.next("called_up").await, rung);
    let notice = loop {
        let notices = ben.get("/api/notices").await.json();
        if let Some(notice) = notices["items"].as_array().unwrap().first() {
            break notice.clone();
        }
    };
    assert_eq!((&notice["kind"], &notice["actor"]["id"]), (&json!("called_up"), &json!(ada.id)));
    assert_eq!(notice["link"], format!("/room/{room}"));
    host.refused(call_up(&ben.id), "offer_already_open").await;
    eve.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    eve.decline_call_up(&room).await.refused(404, "room_not_found");

    // A closed room lets in whom those who run it call.
    let mut entered = ben.connect(&room, None).await;
    let you = entered.next("snapshot").await["you"].clone();
    assert_eq!((&you["role"], &you["offer"]["id"]), (&json!("listener"), &json!(ada.id)));
    for page in [&mut page, &mut second] {
        assert_eq!(page.next("call_up_ended").await["room"], room.as_str());
    }
    assert_eq!(host.event("call_up_ended").await["cause"], "answered");
    entered.accepted(json!({ "type": "accept_offer" })).await;
    assert_eq!(host.event("role_changed").await["role"], "speaker");
    ben.decline_call_up(&room).await.refused(404, "room_not_found");
}

/// Whoever is rung is told that the talk is recorded before they come, whether it was when it began to ring or is since then.
#[tokio::test]
async fn who_is_called_up_is_told_that_the_talk_is_recorded() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let (mut page, mut other) = (ben.live().await, eve.live().await);
    host.accepted(call_up(&ben.id)).await;
    assert_eq!(page.next("called_up").await["room"]["recording"], Value::Null);
    host.accepted(json!({ "type": "set_recording", "to": "members" })).await;
    let told = page.next("called_up").await;
    assert_eq!((&told["room"]["recording"], &told["context"]), (&json!("members"), &json!("About trees")));
    host.accepted(call_up(&eve.id)).await;
    assert_eq!(other.next("called_up").await["room"]["recording"], "members");
    assert_eq!(eve.live().await.next("called_up").await["room"]["recording"], "members");
    host.accepted(json!({ "type": "set_recording", "to": null })).await;
    for page in [&mut page, &mut other] {
        assert_eq!(page.next("called_up").await["room"]["recording"], Value::Null);
    }
}

#[tokio::test]
async fn a_call_up_is_declined_withdrawn_or_ends_with_its_room() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let mut page = ben.live().await;
    for how in ["declined", "withdrawn", "banned", "room ended"] {
        host.accepted(call_up(&ben.id)).await;
        page.next("called_up").await;
        match how {
            "declined" => {
                assert_eq!(ben.decline_call_up(&room).await.status, StatusCode::NO_CONTENT);
                assert_eq!(host.event("call_up_ended").await["cause"], "declined");
            }
            "withdrawn" => {
                host.accepted(json!({ "type": "withdraw_call_up", "member": ben.id })).await;
            }
            "banned" => {
                host.accepted(json!({ "type": "ban", "member": ben.id, "reason": null })).await;
                host.refused(call_up(&ben.id), "target_banned").await;
                host.accepted(json!({ "type": "unban", "member": ben.id })).await;
            }
            _ => {
                host.accepted(json!({ "type": "end" })).await;
            }
        }
        assert_eq!(page.next("call_up_ended").await["room"], room.as_str(), "{how}");
        ben.decline_call_up(&room).await.refused(404, "room_not_found");
    }
    ben.decline_call_up("nonsense").await.refused(404, "room_not_found");
}

#[tokio::test]
async fn a_speakers_call_does_not_open_a_closed_room() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let named = json!({ "title": "A room", "kind": "closed", "named": [ben.handle] });
    let room = ada.post("/api/rooms", &named).await.json()["id"].as_str().unwrap().to_owned();
    let (mut host, mut speaker) = (ada.enter(&room).await, ben.enter(&room).await);
    // Whoever only listens learns nothing about who is a member.
    for id in [&eve.id, &"0".repeat(26)] {
        speaker.refused(call_up(id), "not_allowed").await;
    }
    host.accepted(json!({ "type": "offer_stage", "member": ben.id })).await;
    speaker.event("stage_offered").await;
    speaker.accepted(json!({ "type": "accept_offer" })).await;
    speaker.next("snapshot").await;
    let mut page = eve.live().await;
    speaker.accepted(call_up(&eve.id)).await;
    nothing_rings(&mut page, &eve, &ben).await;
    eve.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    speaker.accepted(json!({ "type": "withdraw_call_up", "member": eve.id })).await;
    host.accepted(call_up(&eve.id)).await;
    page.next("called_up").await;
    assert_eq!(eve.get(&format!("/api/rooms/{room}")).await.status, StatusCode::OK);
    eve.enter(&room).await;
}

#[tokio::test]
async fn blocks_and_mutes_hold() {
    let (server, data) = Server::start().await;
    let [ada, ben, eve, fay] = [
        server.member(&data).await,
        server.member(&data).await,
        server.member(&data).await,
        server.member(&data).await,
    ];
    let room = ada.open("open").await;
    let (mut host, mut speaker) = (ada.enter(&room).await, fay.enter(&room).await);
    host.accepted(json!({ "type": "offer_stage", "member": fay.id })).await;
    speaker.event("stage_offered").await;
    speaker.accepted(json!({ "type": "accept_offer" })).await;
    let mut page = ben.live().await;
    let put = async |who: &Member<'_>, whom: &Member<'_>, what: &str| {
        let path = format!("/api/members/{}/{what}", whom.handle);
        assert_eq!(who.send(Method::PUT, &path).await.status, StatusCode::NO_CONTENT);
    };
    let lift = async |who: &Member<'_>, whom: &Member<'_>, what: &str| {
        let path = format!("/api/members/{}/{what}", whom.handle);
        assert_eq!(who.send(Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
    };
    // A block that comes while it rings ends it, whichever of the two has blocked, and so does one with somebody else on stage.
    for (who, whom) in [(&ben, &ada), (&ada, &ben), (&ben, &fay)] {
        host.accepted(call_up(&ben.id)).await;
        page.next("called_up").await;
        put(who, whom, "block").await;
        assert_eq!(page.next("call_up_ended").await["room"], room.as_str());
        host.event("call_up_ended").await;
        if whom.id != fay.id {
            // Blocked is like nobody.
            let (blocked, nobody) =
                (host.command(call_up(&ben.id)).await, host.command(call_up(&"0".repeat(26))).await);
            assert_eq!(blocked["error"]["code"], "member_not_found");
            assert_eq!(blocked["error"], nobody["error"]);
        } else {
            // Nobody else learns of that block, and nobody is shown a room that is not there for them.
            host.accepted(call_up(&ben.id)).await;
            nothing_rings(&mut page, &ben, &eve).await;
            host.accepted(json!({ "type": "withdraw_call_up", "member": ben.id })).await;
        }
        lift(who, whom, "block").await;
    }
    // Somebody who is muted does not ring, and does not notice.
    put(&ben, &ada, "mute").await;
    host.accepted(call_up(&ben.id)).await;
    let dan = server.member(&data).await;
    nothing_rings(&mut page, &ben, &dan).await;
    host.accepted(json!({ "type": "withdraw_call_up", "member": ben.id })).await;
    lift(&ben, &ada, "mute").await;
    // Nor does it for who wants to hear of no such thing.
    let choices = ben.get("/api/notices/choices").await.json();
    let mut kinds = choices["kinds"].clone();
    for kind in kinds.as_array_mut().unwrap() {
        if kind["kind"] == "called_up" {
            kind["inbox"] = json!(false);
        }
    }
    let chosen = json!({ "kinds": kinds, "quiet_from": null, "quiet_until": null, "time_zone": "" }).to_string();
    let put = server.send_json(Method::PUT, "/api/notices/choices", Some(&ben.token), &chosen).await;
    assert_eq!(put.status, StatusCode::NO_CONTENT, "{}", put.text);
    host.accepted(call_up(&ben.id)).await;
    let gil = server.member(&data).await;
    nothing_rings(&mut page, &ben, &gil).await;
}

#[tokio::test]
async fn a_suspension_and_a_deletion_end_what_rings() {
    let (server, data) = Server::start().await;
    let link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
    for (how, caller) in [("suspend", true), ("suspend", false), ("delete", true), ("delete", false)] {
        let [ada, ben, eve] = [server.member(&data).await, server.member(&data).await, server.member(&data).await];
        let room = ada.open("open").await;
        let (mut host, mut speaker) = (ada.enter(&room).await, ben.enter(&room).await);
        host.accepted(json!({ "type": "offer_stage", "member": ben.id })).await;
        speaker.event("stage_offered").await;
        speaker.accepted(json!({ "type": "accept_offer" })).await;
        speaker.next("snapshot").await;
        let mut page = eve.live().await;
        speaker.accepted(call_up(&eve.id)).await;
        page.next("called_up").await;
        let whom = if caller { &ben } else { &eve };
        if how == "suspend" {
            let path = format!("/api/admin/members/{}/suspend", whom.handle);
            let answer = owner.post(&path, &json!({ "branch": false, "reason": "Spam" })).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        } else {
            let body = json!({ "handle": whom.handle }).to_string();
            let answer = server.send_json(Method::DELETE, "/api/me", Some(&whom.token), &body).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
        }
        if caller {
            assert_eq!(page.next("call_up_ended").await["room"], room.as_str(), "{how}");
        }
        host.event("call_up_ended").await;
        host.text(r#"{"type":"resync"}"#).await;
        assert_eq!(host.next("snapshot").await["called"], json!([]), "{how} {caller}");
    }
}

#[tokio::test]
async fn it_rings_again_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path()).await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("closed").await;
    let mut host = ada.enter(&room).await;
    host.accepted(call_up(&ben.id)).await;
    host.event("called_up").await;
    let who = [&ada, &ben].map(|m| (m.token.clone(), m.handle.clone(), m.id.clone()));
    server.stop().await;
    let server = Server::start_in(data.path()).await;
    let [ada, ben] = who.map(|(token, handle, id)| Member { server: &server, token, handle, id });
    let mut page = ben.live().await;
    assert_eq!(page.next("called_up").await["by"]["id"], ada.id.as_str());
    assert_eq!(ben.decline_call_up(&room).await.status, StatusCode::NO_CONTENT);
    page.next("call_up_ended").await;
}

#[tokio::test]
async fn calling_up_without_end_is_slowed_down() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let mut codes = Vec::new();
    for _ in 0..12 {
        let answer = host.command(call_up(&"0".repeat(26))).await;
        codes.push(answer["error"]["code"].as_str().unwrap().to_owned());
    }
    assert_eq!((codes[0].as_str(), codes[11].as_str()), ("member_not_found", "rate_limited"));
}

#[tokio::test]
async fn whoever_came_into_a_closed_room_by_a_call_up_comes_back() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("closed").await;
    let card = format!("/api/rooms/{room}");
    let mut host = ada.enter(&room).await;
    ben.get(&card).await.refused(404, "room_not_found");
    host.accepted(json!({ "type": "call_up", "member": ben.id, "context": null })).await;
    let mut called = ben.enter(&room).await;
    called.send(json!({ "type": "leave" })).await;
    assert_eq!(called.next("bye").await["code"], "left");
    assert_eq!(ben.get(&card).await.status, 200);
    ben.enter(&room).await;
    host.accepted(json!({ "type": "ban", "member": ben.id, "reason": null })).await;
    ben.get(&card).await.refused(403, "banned");
}
