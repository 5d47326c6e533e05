//! Running a room: the queue, bans, what moderators set, and what is left of somebody who deletes their account.

use std::collections::BTreeMap;

use axum::http::Method;
use roomtone::limits::{REACTIONS, SOCKETS};
use serde_json::{Value, json};

use crate::support::{Member, Server, Socket, listen_offer};

fn about(kind: &str, member: &str) -> Value {
    json!({ "type": kind, "member": member })
}

#[tokio::test]
async fn hands_are_ordered_and_moderators_reorder_them() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut first, mut second) = (ada.enter(&room).await, ben.enter(&room).await, eve.enter(&room).await);
    first.accepted(json!({ "type": "raise_hand", "question": null })).await;
    let raised = host.event("hand_raised").await;
    assert_eq!((&raised["place"], &raised["spoken"]), (&json!(0), &json!(false)));
    second.accepted(json!({ "type": "raise_hand", "question": "Me?" })).await;
    assert_eq!(host.event("hand_raised").await["place"], 1);
    host.accepted(json!({ "type": "move_hand", "member": eve.id, "place": 0 })).await;
    let moved = host.event("hand_moved").await;
    assert_eq!((moved["member"].as_str(), &moved["place"]), (Some(eve.id.as_str()), &json!(0)));
    host.text(r#"{"type":"resync"}"#).await;
    let snapshot = host.next("snapshot").await;
    let queue: Vec<_> = snapshot["hands"].as_array().unwrap().iter().map(|hand| &hand["person"]["id"]).collect();
    assert_eq!(queue, [&json!(eve.id), &json!(ben.id)]);
    first.refused(json!({ "type": "move_hand", "member": ben.id, "place": 0 }), "not_allowed").await;
}

#[tokio::test]
async fn hands_can_be_off_or_for_people_whom_a_speaker_follows() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut followed, mut other) = (ada.enter(&room).await, ben.enter(&room).await, eve.enter(&room).await);
    let raise = json!({ "type": "raise_hand", "question": null });
    host.accepted(json!({ "type": "rule_hands", "rule": "off" })).await;
    assert_eq!(other.event("hands_ruled").await["rule"], "off");
    other.refused(raise.clone(), "hands_off").await;
    host.accepted(json!({ "type": "rule_hands", "rule": "followed" })).await;
    ada.send(Method::PUT, &format!("/api/members/{}/follow", ben.handle)).await;
    other.refused(raise.clone(), "hands_followed_only").await;
    followed.accepted(raise).await;
    assert_eq!(host.event("hand_raised").await["person"]["id"], ben.id.as_str());
}

#[tokio::test]
async fn a_ban_holds_by_every_way_in_and_can_be_lifted() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut listener) = (ada.enter(&room).await, ben.enter(&room).await);
    host.accepted(json!({ "type": "ban", "member": ben.id, "reason": "Shouting" })).await;
    let banned = host.event("banned").await;
    assert_eq!((&banned["person"]["id"], &banned["reason"]), (&json!(ben.id), &json!("Shouting")));
    assert_eq!(listener.next("bye").await["code"], "banned");

    let path = format!("/api/rooms/{room}");
    ben.get(&path).await.refused(403, "banned");
    ben.get(&format!("{path}/roster")).await.refused(403, "banned");
    ben.offer(&format!("{path}/listen"), &listen_offer()).await.refused(403, "banned");
    assert_eq!(ben.try_connect(&room, None, &[]).await.err(), Some((403, "banned".to_owned())));
    assert_eq!(ben.get("/api/rooms").await.json()["rooms"], json!([]), "the hallway does not show it");
    // Nor does a new name help.
    let rename = json!({ "name": "Somebody Else" }).to_string();
    let renamed = server.send_json(Method::PATCH, "/api/me", Some(&ben.token), &rename).await;
    assert!(renamed.status.is_success(), "{}", renamed.text);
    ben.get(&path).await.refused(403, "banned");

    host.accepted(about("unban", &ben.id)).await;
    host.event("unbanned").await;
    ben.enter(&room).await;
    // Nobody but a moderator learns who is a member.
    let mut other = server.member(&data).await.enter(&room).await;
    for id in ["0".repeat(26), ben.id.clone()] {
        other.refused(json!({ "type": "ban", "member": id, "reason": null }), "not_allowed").await;
    }
    // Somebody who has never been here, somebody who does not exist, and the host.
    let eve = server.member(&data).await;
    host.accepted(json!({ "type": "ban", "member": eve.id, "reason": null })).await;
    eve.get(&path).await.refused(403, "banned");
    host.refused(json!({ "type": "ban", "member": "0".repeat(26), "reason": null }), "member_not_found").await;
    host.refused(json!({ "type": "ban", "member": ada.id, "reason": null }), "target_protected").await;
}

#[tokio::test]
async fn what_moderators_set_is_told_to_all_and_survives_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path()).await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("closed").await;
    let mut host = ada.enter(&room).await;
    ben.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    host.accepted(json!({ "type": "widen", "kind": "open" })).await;
    host.refused(json!({ "type": "widen", "kind": "closed" }), "nothing_to_change").await;
    let mut listener = ben.enter(&room).await;
    host.accepted(json!({ "type": "describe", "title": "  Trees ", "topics": ["Gardens"], "language": "en" })).await;
    let described = listener.event("described").await;
    assert_eq!((&described["title"], &described["topics"]), (&json!("Trees"), &json!(["gardens"])));
    host.refused(json!({ "type": "describe", "title": "", "topics": [], "language": "en" }), "invalid_title").await;
    host.accepted(json!({ "type": "lock_stage", "locked": true })).await;
    host.accepted(json!({ "type": "set_backchannel", "open": true, "slow_seconds": 30 })).await;
    host.accepted(json!({ "type": "pin_link", "url": "https://example.org", "label": "Notes" })).await;
    host.refused(json!({ "type": "pin_link", "url": "javascript:alert(1)", "label": "x" }), "invalid_text").await;
    host.accepted(about("give_floor", &ada.id)).await;
    assert_eq!(listener.event("floor_given").await["member"], ada.id.as_str());
    let card = ben.get(&format!("/api/rooms/{room}")).await.json();
    assert_eq!((&card["title"], &card["kind"]), (&json!("Trees"), &json!("open")));

    let expected = json!({
        "hands": "everyone", "stage_locked": true, "backchannel": true, "slow_seconds": 30,
        "timer": null, "floor": ada.id,
        "links": [{ "number": 1, "url": "https://example.org", "label": "Notes" }],
    });
    listener.text(r#"{"type":"resync"}"#).await;
    assert_eq!(listener.next("snapshot").await["settings"], expected);
    let who = [&ada, &ben].map(|m| (m.token.clone(), m.handle.clone(), m.id.clone()));
    server.stop().await;
    let server = Server::start_in(data.path()).await;
    let [ada, ben] = who.map(|(token, handle, id)| Member { server: &server, token, handle, id });
    let _host = ada.enter(&room).await;
    let mut listener = ben.connect(&room, None).await;
    assert_eq!(listener.next("snapshot").await["settings"], expected);
    listener.refused(json!({ "type": "lock_stage", "locked": false }), "not_allowed").await;
}

/// Told without a clock: what is counted is counted as of the moment at which all but one had been asked for.
#[tokio::test]
async fn whoever_opens_sockets_without_end_is_told_to_wait() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (limits, began) = (&server.app.limits, roomtone::edge::instant());
    for _ in 1..SOCKETS.burst {
        assert!(limits.subject(&SOCKETS, &ben.id, began).is_ok());
    }
    let socket = ben.enter(&room).await;
    assert!(limits.may_subject(&SOCKETS, &ben.id, began).is_err());
    // So many that none comes back while this test lasts.
    assert!(limits.subject(&SOCKETS, &ben.id, began + SOCKETS.refill * 100_000).is_ok());
    let refused = ben.try_connect(&room, None, &[]).await.map(drop);
    assert_eq!(refused, Err((429, "rate_limited".to_owned())));
    // Nobody else pays for it, and whoever is in stays.
    ada.enter(&room).await;
    drop(socket);
}

/// However many sockets somebody opens one after another: what counts is counted for the person.
#[tokio::test]
async fn nobody_claps_for_several_by_many_sockets() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let (limits, began) = (&server.app.limits, roomtone::edge::instant());
    for _ in 1..REACTIONS.burst {
        assert!(limits.subject(&REACTIONS, &ben.id, began).is_ok());
    }
    let claps = async |kind: &str| {
        let mut socket = ben.enter(&room).await;
        socket.text(&json!({ "type": "react", "kind": kind }).to_string()).await;
        // Not answered, but what comes after it is.
        socket.text("{}").await;
        assert_eq!(socket.next("answer").await["error"]["code"], "unknown_command");
        socket
    };
    let first = claps("applause").await;
    assert!(limits.may_subject(&REACTIONS, &ben.id, began).is_err(), "it was counted");
    // So many that none comes back while this test lasts.
    assert!(limits.subject(&REACTIONS, &ben.id, began + REACTIONS.refill * 1_000_000).is_ok());
    let second = claps("laugh").await;
    host.text(r#"{"type":"react","kind":"heart"}"#).await;
    let mut counted = BTreeMap::new();
    while !counted.contains_key("heart") {
        for one in host.next("chatter").await["reactions"].as_array().unwrap() {
            *counted.entry(one["kind"].as_str().unwrap().to_owned()).or_insert(0) += one["count"].as_u64().unwrap();
        }
    }
    assert_eq!(counted, BTreeMap::from([("applause".to_owned(), 1), ("heart".to_owned(), 1)]));
    drop((first, second));
}

#[tokio::test]
async fn reactions_lines_and_captions_are_merged_and_reach_everybody() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut ben_socket) = (ada.enter(&room).await, ben.enter(&room).await);
    for _ in 0..3 {
        ben_socket.text(r#"{"type":"react","kind":"applause"}"#).await;
    }
    host.text(r#"{"type":"react","kind":"heart"}"#).await;
    let mut seen = (0, Value::Null);
    while seen.0 < 3 || seen.1.is_null() {
        let told = ben_socket.next("chatter").await;
        for counted in told["reactions"].as_array().unwrap() {
            if counted["kind"] == "applause" {
                seen.0 += counted["count"].as_u64().unwrap();
            }
        }
        if let Some(first) = told["on_stage"].as_array().unwrap().first() {
            seen.1 = first.clone();
        }
    }
    assert_eq!(seen, (3, json!({ "member": ada.id, "kind": "heart" })));

    let id = "01234567890123456789012345";
    ben_socket.text(&json!({ "type": "say", "id": id, "text": "Hello all" }).to_string()).await;
    assert!(ben_socket.next("answer").await["error"].is_null());
    let line = loop {
        let told = host.next("chatter").await;
        if let Some(line) = told["lines"].as_array().unwrap().first() {
            break line.clone();
        }
    };
    assert_eq!((line["text"].as_str(), line["person"]["id"].as_str()), (Some("Hello all"), Some(ben.id.as_str())));
    // Whoever comes later has it from the snapshot, and not when they have a block with the author.
    let mut late = eve.connect(&room, None).await;
    assert_eq!(late.next("snapshot").await["lines"][0]["id"], line["id"]);
    eve.send(Method::PUT, &format!("/api/members/{}/block", ben.handle)).await;
    assert_eq!(late.next("snapshot").await["lines"], json!([]));
    host.text(&json!({ "type": "remove_line", "id": id, "line": line["id"] }).to_string()).await;
    while ben_socket.next("chatter").await["removed"] != json!([line["id"]]) {}
    host.accepted(json!({ "type": "set_backchannel", "open": false, "slow_seconds": 0 })).await;
    ben_socket.text(&json!({ "type": "say", "id": id, "text": "Still there?" }).to_string()).await;
    assert_eq!(ben_socket.next("answer").await["error"]["code"], "backchannel_closed");

    ben_socket.text(r#"{"type":"want_captions","on":true}"#).await;
    // Answered once what came before it was taken.
    ben_socket.text(r#"{"type":"resync"}"#).await;
    ben_socket.next("snapshot").await;
    host.accepted(json!({ "type": "set_mic", "open": true })).await;
    let caption = json!({ "type": "caption", "number": 1, "text": "Good evening", "language": "en", "done": true });
    host.text(&caption.to_string()).await;
    let told = ben_socket.next("captions").await;
    assert_eq!((&told["captions"][0]["text"], &told["captions"][0]["done"]), (&json!("Good evening"), &json!(true)));
}

#[tokio::test]
async fn people_in_a_room_are_found_by_name_and_by_who_follows_them() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve, ivy) = (
        server.member(&data).await,
        server.member(&data).await,
        server.member(&data).await,
        server.member(&data).await,
    );
    let room = ada.open("open").await;
    let mut sockets = [ada.enter(&room).await, ben.enter(&room).await, eve.enter(&room).await, ivy.enter(&room).await];
    let renamed = json!({ "name": "Жанна Дарк" }).to_string();
    server.send_json(Method::PATCH, "/api/me", Some(&eve.token), &renamed).await;
    sockets[0].next("renamed").await;
    ada.send(Method::PUT, &format!("/api/members/{}/follow", ben.handle)).await;
    // Ben follows Eve, but is not on stage.
    ben.send(Method::PUT, &format!("/api/members/{}/follow", eve.handle)).await;
    let found = async |who: &Member<'_>, query: &str| {
        let page = who.get(&format!("/api/rooms/{room}/roster?{query}")).await.json();
        assert_eq!(page["next"], Value::Null);
        let ids = page["participants"].as_array().unwrap().iter();
        ids.map(|one| one["person"]["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&ada, "").await, [&*ada.id, &ben.id, &eve.id, &ivy.id]);
    assert_eq!(found(&ada, "q=%D0%B4%D0%B0%D0%A0%D0%BA").await, [&*eve.id], "part of a name, in whatever case");
    assert_eq!(found(&ada, &format!("q=%20{}%20", ivy.handle.to_uppercase())).await, [&*ivy.id]);
    assert_eq!(found(&eve, "followed=true").await, [&*ben.id], "whom the stage follows");
    // Who is blocked is not found.
    ada.send(Method::PUT, &format!("/api/members/{}/block", ivy.handle)).await;
    assert!(found(&ada, &format!("q={}", ivy.handle)).await.is_empty());
    ada.get(&format!("/api/rooms/{room}/roster?q={}", "x".repeat(41))).await.refused(400, "bad_request");
}

#[tokio::test]
async fn whether_evidence_is_kept_and_who_agreed_is_shown_to_all_and_survives_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path()).await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut speaker, mut listener) =
        (ada.enter(&room).await, ben.enter(&room).await, eve.enter(&room).await);
    host.accepted(about("offer_stage", &ben.id)).await;
    speaker.accepted(json!({ "type": "accept_offer" })).await;
    let evidence = |on: bool| json!({ "type": "set_evidence", "on": on });
    let agree = |agree: bool| json!({ "type": "agree_evidence", "agree": agree });
    // Off at first, and the host's to switch on; everybody on stage says so for themselves.
    let first = listener.state().await;
    assert_eq!((&first["room"]["evidence"], agreed(&first)), (&json!(false), vec![]));
    speaker.refused(agree(true), "evidence_off").await;
    speaker.refused(evidence(true), "not_allowed").await;
    host.refused(evidence(false), "nothing_to_change").await;
    host.accepted(evidence(true)).await;
    let set = listener.event("evidence_set").await;
    assert_eq!((&set["on"], &set["by"]), (&json!(true), &json!(ada.id)));
    listener.refused(agree(true), "not_on_stage").await;
    let for_somebody_else = json!({ "type": "agree_evidence", "agree": true, "member": ben.id });
    host.refused(for_somebody_else, "unknown_command").await;
    speaker.accepted(agree(true)).await;
    speaker.accepted(agree(true)).await;
    let told = listener.event("evidence_agreed").await;
    assert_eq!((&told["member"], &told["agree"]), (&json!(ben.id), &json!(true)));
    let roster = eve.get(&format!("/api/rooms/{room}/roster")).await.json();
    let of_roster: Vec<_> = roster["participants"].as_array().unwrap().iter().map(|p| &p["evidence"]).collect();
    assert_eq!(of_roster, [&json!(false), &json!(true), &json!(false)]);

    let who = [&ada, &ben, &eve].map(|m| (m.token.clone(), m.handle.clone(), m.id.clone()));
    server.stop().await;
    let server = Server::start_in(data.path()).await;
    let [ada, ben, eve] = who.map(|(token, handle, id)| Member { server: &server, token, handle, id });
    let (mut host, mut speaker, mut listener) =
        (ada.enter(&room).await, ben.enter(&room).await, eve.enter(&room).await);
    let back = listener.state().await;
    assert_eq!((&back["room"]["evidence"], agreed(&back)), (&json!(true), vec![ben.id.clone()]));
    // Off and on again: nobody has agreed.
    host.accepted(evidence(false)).await;
    host.accepted(evidence(true)).await;
    assert_eq!(agreed(&listener.state().await), [""; 0]);
    // Nor does anybody who was in the audience in between.
    speaker.accepted(agree(true)).await;
    host.accepted(about("move_to_audience", &ben.id)).await;
    host.accepted(about("offer_stage", &ben.id)).await;
    speaker.event("stage_offered").await;
    speaker.accepted(json!({ "type": "accept_offer" })).await;
    let last = listener.state().await;
    assert_eq!((&last["room"]["evidence"], agreed(&last)), (&json!(true), vec![]));
}

/// Who of the stage has agreed to evidence, in a snapshot.
fn agreed(snapshot: &Value) -> Vec<String> {
    let stage = snapshot["stage"].as_array().unwrap().iter();
    stage.filter(|p| p["evidence"] == true).map(|p| p["person"]["id"].as_str().unwrap().to_owned()).collect()
}

impl Socket {
    /// A fresh snapshot.
    async fn state(&mut self) -> Value {
        self.text(r#"{"type":"resync"}"#).await;
        self.next("snapshot").await
    }
}
