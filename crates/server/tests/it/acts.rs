//! The log of moderation, appeals against what is in it, and rooms that somebody does not want to see.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::{Method, StatusCode};
use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{Changes, NewAct};
use serde_json::{Value, json};

use crate::guests::{Guest, link};
use crate::support::{Answer, Member, Server, Socket, Trusting, on_both_databases};

/// Something that was done just now, as a room writes it.
pub(crate) fn act(kind: &'static str, by: MemberId, whom: Option<MemberId>) -> NewAct {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let id = RecordId((7 << 64) + u128::from(NEXT.fetch_add(1, Ordering::Relaxed)));
    NewAct { id, at: roomtone::edge::now(), kind, by, whom, guest: None, known: true, reason: None }
}

fn about(kind: &str, member: &str) -> Value {
    json!({ "type": kind, "member": member })
}

/// What a list names, in one field of each entry.
fn each<'a>(answer: &'a Value, field: &str) -> Vec<&'a Value> {
    answer["items"].as_array().unwrap().iter().map(|item| &item[field]).collect()
}

impl Member<'_> {
    /// The kinds of acts in a room, the first one first.
    async fn log(&self, room: &str) -> Vec<String> {
        let answer = self.get(&format!("/api/rooms/{room}/acts")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let mut kinds: Vec<_> =
            each(&answer.json(), "kind").iter().map(|kind| kind.as_str().unwrap().to_owned()).collect();
        kinds.reverse();
        kinds
    }

    /// What was done to the member last.
    async fn last_act(&self) -> Value {
        self.get("/api/acts/mine").await.json()["items"][0].clone()
    }

    async fn appeals(&self, act: &Value) -> Answer {
        self.post(&format!("/api/acts/{}/appeal", act.as_str().unwrap()), &json!({ "text": "It was a cough" })).await
    }

    async fn decides(&self, appeal: &Value, decision: &str) -> Answer {
        let body = json!({ "decision": decision, "answer": "Sorry" });
        self.post(&format!("/api/appeals/{}", appeal.as_str().unwrap()), &body).await
    }

    /// Waits for a notice of this kind.
    async fn notice(&self, kind: &str) -> Value {
        self.server.app.notices.settle().await;
        let all = self.get("/api/notices").await.json();
        let found = all["items"].as_array().unwrap().iter().find(|notice| notice["kind"] == kind).cloned();
        found.unwrap_or_else(|| panic!("no notice {kind} in {all}"))
    }
}

/// Makes somebody who is inside a speaker.
async fn to_stage(host: &mut Socket, who: &mut Socket, id: &str) {
    host.accepted(about("offer_stage", id)).await;
    who.accepted(json!({ "type": "accept_offer" })).await;
}

/// Makes somebody who is inside a moderator, and waits until their page knows.
async fn to_moderator(host: &mut Socket, who: &mut Socket, id: &str) {
    to_stage(host, who, id).await;
    host.accepted(about("make_moderator", id)).await;
    while who.next("snapshot").await["you"]["role"] != "moderator" {}
}

#[tokio::test]
async fn every_command_of_a_moderator_leaves_one_act() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("social").await;
    ada.send(Method::PUT, &format!("/api/members/{}/follow", ben.handle)).await;
    ada.send(Method::PUT, &format!("/api/members/{}/follow", eve.handle)).await;
    let (mut host, mut speaker, mut listener) =
        (ada.enter(&room).await, ben.enter(&room).await, eve.enter(&room).await);
    to_stage(&mut host, &mut speaker, &ben.id).await;
    assert_eq!(ada.log(&room).await, [""; 0]);
    listener.accepted(json!({ "type": "raise_hand", "question": null })).await;
    for command in [
        about("decline_hand", &eve.id),
        about("mute", &ben.id),
        about("unmute", &ben.id),
        about("make_moderator", &ben.id),
        about("take_moderator", &ben.id),
        json!({ "type": "lock_stage", "locked": true }),
        json!({ "type": "lock_stage", "locked": false }),
        json!({ "type": "rule_hands", "rule": "off" }),
        json!({ "type": "set_backchannel", "open": false, "slow_seconds": 0 }),
        json!({ "type": "describe", "title": "Tea", "topics": [], "language": "en" }),
        json!({ "type": "widen", "kind": "open" }),
        json!({ "type": "pin_link", "url": "https://example.org", "label": "Notes" }),
        json!({ "type": "unpin_link", "number": 1 }),
        json!({ "type": "set_evidence", "on": true }),
        json!({ "type": "agree_evidence", "agree": true }),
        json!({ "type": "set_evidence", "on": false }),
        json!({ "type": "ban", "member": eve.id, "reason": "Shouting" }),
        about("unban", &eve.id),
        about("move_to_audience", &ben.id),
        about("remove", &ben.id),
    ] {
        host.accepted(command).await;
    }
    // What was refused, or sent twice, is in it once or not at all.
    host.refused(about("unban", &eve.id), "nothing_to_change").await;
    let command = json!({ "type": "lock_stage", "locked": true });
    let twice = json!({ "type": "command", "id": "6".repeat(26), "role_epoch": 0, "command": command }).to_string();
    for _ in 0..2 {
        host.text(&twice).await;
        assert!(host.next("answer").await["error"].is_null());
    }
    let expected = [
        "hand_declined",
        "muted",
        "unmuted",
        "moderator_made",
        "moderator_taken",
        "stage_locked",
        "stage_unlocked",
        "hands_ruled",
        "lines_ruled",
        "described",
        "widened",
        "link_pinned",
        "link_unpinned",
        "evidence_on",
        "evidence_off",
        "banned",
        "unbanned",
        "moved_to_audience",
        "removed",
        "stage_locked",
    ];
    assert_eq!(ada.log(&room).await, expected);
    let all = ada.get(&format!("/api/rooms/{room}/acts")).await.json();
    let banned = &all["items"][4];
    assert_eq!(
        (&banned["by"]["id"], &banned["whom"]["id"], &banned["reason"], &banned["appeal"]),
        (&json!(ada.id), &json!(eve.id), &json!("Shouting"), &Value::Null)
    );
    assert_eq!(all["items"][0]["whom"], Value::Null);
    host.accepted(json!({ "type": "end" })).await;
    host.next("bye").await;
    assert_eq!(ada.log(&room).await.last().unwrap(), "room_ended");
}

#[tokio::test]
async fn a_link_that_is_revoked_is_an_act_whether_or_not_its_guest_has_come() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut other) = (ada.enter(&room).await, ben.enter(&room).await);
    to_moderator(&mut host, &mut other, &ben.id).await;
    let path = |link: &Value| format!("/api/rooms/{room}/guests/{}", link["guest"].as_str().unwrap());
    let (unused, taken, waited, gone) = (
        link(&ada, &room, "Grace").await,
        link(&ada, &room, "Hedy").await,
        link(&ada, &room, "Ida").await,
        link(&ada, &room, "Joan").await,
    );
    let guest = async |link: &Value| Guest::by(&server, link["link"].as_str().unwrap()).await;
    guest(&taken).await;
    let waiting = guest(&waited).await;
    let mut socket = waiting.try_knock(&room).await.unwrap();
    socket.next("waiting").await;
    // Whoever gives up their link themselves has done nothing to anybody.
    let left = guest(&gone).await;
    assert_eq!(left.send(Method::DELETE, "/api/guest").await.status, StatusCode::NO_CONTENT);
    let before = ada.log(&room).await;
    for link in [&unused, &taken, &waited] {
        assert_eq!(ben.send(Method::DELETE, &path(link)).await.status, StatusCode::NO_CONTENT);
        ben.send(Method::DELETE, &path(link)).await.refused(404, "guest_link_not_found");
    }
    assert_eq!(socket.next("bye").await["code"], "pass_ended");
    assert_eq!(ada.log(&room).await[before.len()..], ["guest_ended", "guest_ended", "guest_ended"]);
    let all = ada.get(&format!("/api/rooms/{room}/acts")).await.json();
    for (place, (link, name)) in [(&waited, "Ida"), (&taken, "Hedy"), (&unused, "Grace")].into_iter().enumerate() {
        let (act, whom) =
            (&all["items"][place], json!({ "id": link["guest"], "handle": "", "name": name, "avatar": null }));
        assert_eq!((&act["by"]["id"], &act["whom"], &act["appeal"]), (&json!(ben.id), &whom, &Value::Null));
    }
}

#[tokio::test]
async fn a_line_that_a_moderator_takes_away_is_an_act() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut author, mut other) = (ada.enter(&room).await, ben.enter(&room).await, eve.enter(&room).await);
    let id = "01234567890123456789012345";
    let mut lines = Vec::new();
    for writer in [&mut author, &mut other] {
        writer.text(&json!({ "type": "say", "id": id, "text": "Hello" }).to_string()).await;
        assert!(writer.next("answer").await["error"].is_null());
        lines.push(loop {
            if let Some(line) = host.next("chatter").await["lines"].as_array().unwrap().first() {
                break line["id"].clone();
            }
        });
    }
    let remove = |line: &Value| json!({ "type": "remove_line", "id": id, "line": line }).to_string();
    other.text(&remove(&lines[1])).await;
    assert!(other.next("answer").await["error"].is_null());
    other.text(&remove(&lines[0])).await;
    assert_eq!(other.next("answer").await["error"]["code"], "no_such_line");
    // Also when both come at once.
    host.text(&remove(&lines[0])).await;
    host.text(&remove(&lines[0])).await;
    assert!(host.next("answer").await["error"].is_null());
    assert_eq!(host.next("answer").await["error"]["code"], "no_such_line");
    while !author.next("chatter").await["removed"].as_array().unwrap().contains(&lines[0]) {}
    assert_eq!(ada.log(&room).await, ["line_removed"], "one's own line is one's own business");
    let own = ben.last_act().await;
    assert_eq!((&own["act"]["kind"], &own["room"]["id"]), (&json!("line_removed"), &json!(room)));
}

#[tokio::test]
async fn the_log_is_for_those_who_run_the_room_its_house_and_the_server() {
    let (server, data) = Server::start().await;
    let link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let (mod_, house_admin) = (server.member(&data).await, server.member(&data).await);
    let made = house_admin.post("/api/houses", &json!({ "handle": "tea", "name": "Tea", "private": false })).await;
    assert!(made.status.is_success(), "{}", made.text);
    for member in [&ada, &ben, &eve, &mod_] {
        let body = r#"{"rules_accepted":true}"#;
        let joined = server.send_json(Method::PUT, "/api/houses/tea/membership", Some(&member.token), body).await;
        assert!(joined.status.is_success(), "{}", joined.text);
    }
    let opened = ada.post("/api/rooms", &json!({ "title": "Tea", "kind": "open", "house": "tea" })).await.json();
    let room = opened["id"].as_str().unwrap().to_owned();
    let path = format!("/api/rooms/{room}/acts");
    let (mut host, mut helper, mut speaker) = (ada.enter(&room).await, mod_.enter(&room).await, ben.enter(&room).await);
    to_moderator(&mut host, &mut helper, &mod_.id).await;
    to_stage(&mut host, &mut speaker, &ben.id).await;
    let missing = ben.get(&format!("/api/rooms/{}/acts", "7".repeat(26))).await;
    missing.refused(404, "room_not_found");
    let may = async |room_ended: bool| {
        for reader in [&ada, &mod_, &house_admin, &owner] {
            assert_eq!(reader.get(&path).await.status, 200, "{} {room_ended}", reader.handle);
        }
        for other in [&ben, &eve] {
            let answer = other.get(&path).await;
            assert_eq!((answer.status, &answer.text), (missing.status, &missing.text));
        }
        server.get(&path, None).await.refused(401, "not_signed_in");
    };
    may(false).await;
    host.accepted(json!({ "type": "end" })).await;
    for socket in [&mut host, &mut helper, &mut speaker] {
        socket.next("bye").await;
    }
    may(true).await;
    ada.get(&format!("{path}?after=x")).await.refused(400, "bad_request");
    assert_eq!(ada.get(&format!("{path}?after=2")).await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_room_passes_its_log_on_with_its_host() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut heir) = (ada.enter(&room).await, ben.enter(&room).await);
    to_stage(&mut host, &mut heir, &ben.id).await;
    host.accepted(about("hand_over", &ben.id)).await;
    host.accepted(json!({ "type": "leave" })).await;
    host.next("bye").await;
    ada.get(&format!("/api/rooms/{room}/acts")).await.refused(404, "room_not_found");
    assert_eq!(ben.log(&room).await, ["handed_over"]);
}

#[tokio::test]
async fn a_block_is_no_act_of_moderation() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (_host, mut blocked) = (ada.enter(&room).await, ben.enter(&room).await);
    ada.send(Method::PUT, &format!("/api/members/{}/block", ben.handle)).await;
    blocked.next("bye").await;
    assert!(ada.log(&room).await.is_empty());
    assert_eq!(ben.get("/api/acts/mine").await.json()["items"], json!([]));
}

#[tokio::test]
async fn whoever_is_put_out_is_told_and_can_appeal_once() {
    let (server, data) = Server::start().await;
    let (ada, ben, mod_) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut helper, mut loud) = (ada.enter(&room).await, mod_.enter(&room).await, ben.enter(&room).await);
    to_moderator(&mut host, &mut helper, &mod_.id).await;
    // Neither a mute nor a block keeps it from them, and it does not say by whom.
    ben.send(Method::PUT, &format!("/api/members/{}/mute", mod_.handle)).await;
    helper.accepted(about("remove", &ben.id)).await;
    assert_eq!(loud.next("bye").await["code"], "removed");
    let told = ben.notice("moderated").await;
    assert_eq!((&told["body"], &told["actor"], &told["link"]), (&json!("A room"), &Value::Null, &json!("/me/acts")));
    let own = ben.last_act().await;
    assert_eq!((&own["can_appeal"], &own["act"]["by"]["id"]), (&json!(true), &json!(mod_.id)));
    ben.send(Method::PUT, &format!("/api/members/{}/block", mod_.handle)).await;
    assert_eq!(ben.last_act().await["act"]["by"], Value::Null);
    ben.send(Method::DELETE, &format!("/api/members/{}/block", mod_.handle)).await;

    let act = &own["act"]["id"];
    ada.appeals(act).await.refused(404, "act_not_found");
    let path = format!("/api/acts/{}/appeal", act.as_str().unwrap());
    for bad in ["", "  ", &"x".repeat(1_001), "\u{202e}x"] {
        ben.post(&path, &json!({ "text": bad })).await.refused(422, "invalid_text");
    }
    let made = ben.appeals(act).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!((&made.json()["state"], &made.json()["text"]), (&json!("open"), &json!("It was a cough")));
    ben.appeals(act).await.refused(409, "already_appealed");
    assert_eq!(ben.last_act().await["can_appeal"], false);
    let asked = ada.notice("appeal_made").await;
    assert_eq!((&asked["actor"]["id"], &asked["link"]), (&json!(ben.id), &json!("/me/appeals")));
    server.app.notices.settle().await;
    let of_mod = mod_.get("/api/notices").await.json();
    assert!(!each(&of_mod, "kind").contains(&&json!("appeal_made")), "{of_mod}");

    // Who did it does not decide on it, nor who it was done to, nor anybody else.
    let appeal = &made.json()["id"];
    for other in [&mod_, &ben, &server.member(&data).await] {
        other.decides(appeal, "upheld").await.refused(404, "appeal_not_found");
        assert_eq!(other.get("/api/appeals").await.json()["items"], json!([]));
    }
    let open = ada.get("/api/appeals?state=open").await.json();
    assert_eq!((&open["items"][0]["appeal"]["id"], &open["items"][0]["act"]["whom"]["id"]), (appeal, &json!(ben.id)));
    assert_eq!(open["items"][0]["room"], json!({ "id": room, "title": "A room" }));
    ada.get("/api/appeals?state=all").await.refused(400, "bad_request");
    assert_eq!(ada.decides(appeal, "upheld").await.status, 204);
    ada.decides(appeal, "lifted").await.refused(409, "already_decided");
    assert_eq!(ada.get("/api/appeals").await.json()["items"], json!([]));
    let closed = ada.get("/api/appeals?state=closed").await.json();
    assert_eq!(closed["items"][0]["appeal"]["state"], "upheld");
    let answered = &ben.last_act().await["act"]["appeal"];
    assert_eq!((&answered["state"], &answered["answer"]), (&json!("upheld"), &json!("Sorry")));
    assert_eq!(ben.notice("appeal_decided").await["actor"], Value::Null);
}

#[tokio::test]
async fn whoever_decides_may_be_the_host_the_house_or_the_server() {
    let (server, data) = Server::start().await;
    let link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
    let (ada, ben, keeper) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    keeper.post("/api/houses", &json!({ "handle": "tea", "name": "Tea", "private": false })).await;
    for member in [&ada, &ben] {
        let body = r#"{"rules_accepted":true}"#;
        server.send_json(Method::PUT, "/api/houses/tea/membership", Some(&member.token), body).await;
    }
    // What the host did is decided by the house, or by the server.
    for decider in [&keeper, &owner] {
        let opened = ada.post("/api/rooms", &json!({ "title": "Tea", "kind": "open", "house": "tea" })).await.json();
        let room = opened["id"].as_str().unwrap();
        let (mut host, mut loud) = (ada.enter(room).await, ben.enter(room).await);
        host.accepted(about("remove", &ben.id)).await;
        loud.next("bye").await;
        let appeal = ben.appeals(&ben.last_act().await["act"]["id"]).await.json();
        ada.decides(&appeal["id"], "upheld").await.refused(404, "appeal_not_found");
        // Somebody whom they may not know of, they do not decide on.
        keeper.send(Method::PUT, &format!("/api/members/{}/block", ben.handle)).await;
        keeper.decides(&appeal["id"], "upheld").await.refused(404, "appeal_not_found");
        keeper.send(Method::DELETE, &format!("/api/members/{}/block", ben.handle)).await;
        assert_eq!(decider.decides(&appeal["id"], "upheld").await.status, 204);
    }
    keeper.notice("appeal_made").await;
}

on_both_databases!(of_many_who_decide_one_does, a_lifted_ban_lets_the_member_in_again);

async fn of_many_who_decide_one_does(servers: &[Trusting]) {
    for trusting in servers {
        let server = &trusting.server;
        let link = server.app.owner_link().await.unwrap().unwrap();
        let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
        let (ada, ben, mod_) = (trusting.member().await, trusting.member().await, trusting.member().await);
        for _ in 0..5 {
            let room = ada.open("open").await;
            let _host = ada.enter(&room).await;
            let act = act("muted", mod_.id.parse().unwrap(), Some(ben.id.parse().unwrap()));
            let changes = Changes { acts: std::slice::from_ref(&act), ..Changes::default() };
            server.app.store.append(room.parse().unwrap(), 1, changes).await.unwrap();
            let appeal = ben.appeals(&json!(act.id.to_string())).await.json();
            let both = ["lifted", "upheld"];
            let decided = futures_util::future::join_all((0..8).map(async |number: usize| {
                let who = if number.is_multiple_of(2) { &ada } else { &owner };
                who.decides(&appeal["id"], both[number % 3 % 2]).await.status.as_u16()
            }))
            .await;
            assert_eq!(decided.iter().filter(|status| **status == 204).count(), 1, "{decided:?}");
            assert_eq!(decided.iter().filter(|status| **status == 409).count(), 7, "{decided:?}");
        }
    }
}

async fn a_lifted_ban_lets_the_member_in_again(servers: &[Trusting]) {
    for trusting in servers {
        let server = &trusting.server;
        let (ada, ben, mod_) = (trusting.member().await, trusting.member().await, trusting.member().await);
        let room = ada.open("open").await;
        let (mut host, mut helper) = (ada.enter(&room).await, mod_.enter(&room).await);
        let mut loud = ben.enter(&room).await;
        to_moderator(&mut host, &mut helper, &mod_.id).await;
        // Also after leaving.
        loud.accepted(json!({ "type": "leave" })).await;
        loud.next("bye").await;
        helper.accepted(json!({ "type": "ban", "member": ben.id, "reason": "Loud" })).await;
        ben.get(&format!("/api/rooms/{room}")).await.refused(403, "banned");
        assert_eq!(ben.notice("moderated").await["body"], "A room");
        let own = ben.last_act().await;
        assert_eq!((&own["act"]["kind"], &own["act"]["reason"]), (&json!("banned"), &json!("Loud")));
        let appeal = ben.appeals(&own["act"]["id"]).await.json();
        assert_eq!(ada.decides(&appeal["id"], "lifted").await.status, 204);
        // At once, and once for all who ask.
        assert_eq!(host.event("unbanned").await["member"], ben.id.as_str());
        assert_eq!(ada.log(&room).await, ["moderator_made", "banned", "unbanned"]);
        let mut back = ben.enter(&room).await;
        // A later ban is another matter.
        helper.accepted(json!({ "type": "ban", "member": ben.id, "reason": null })).await;
        assert_eq!(back.next("bye").await["code"], "banned");
        ada.decides(&appeal["id"], "lifted").await.refused(409, "already_decided");
        ben.get(&format!("/api/rooms/{room}")).await.refused(403, "banned");
        // Of a room that has ended, only the record changes.
        let second = ben.appeals(&ben.last_act().await["act"]["id"]).await.json();
        host.accepted(json!({ "type": "end" })).await;
        host.next("bye").await;
        assert_eq!(ada.decides(&second["id"], "lifted").await.status, 204);
        assert_eq!(ada.log(&room).await, ["moderator_made", "banned", "unbanned", "banned", "room_ended"]);
        server.app.notices.settle().await;
    }
}

/// The server stops between the decision and the room's knowing of it.
#[tokio::test]
async fn a_ban_that_was_lifted_is_so_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path()).await;
    let (ada, ben, mod_) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut helper) = (ada.enter(&room).await, mod_.enter(&room).await);
    to_moderator(&mut host, &mut helper, &mod_.id).await;
    helper.accepted(json!({ "type": "ban", "member": ben.id, "reason": null })).await;
    let appeal = ben.appeals(&ben.last_act().await["act"]["id"]).await.json();
    let (appeal, decider) = (appeal["id"].as_str().unwrap().parse().unwrap(), ada.id.parse().unwrap());
    let answer = (true, "");
    server.app.store.decide_appeal(appeal, (decider, false), answer, Timestamp(1)).await.unwrap();
    ben.get(&format!("/api/rooms/{room}")).await.refused(403, "banned");
    let who = [&ada, &ben].map(|m| (m.token.clone(), m.handle.clone(), m.id.clone()));
    server.stop().await;
    let server = Server::start_in(data.path()).await;
    let [ada, ben] = who.map(|(token, handle, id)| Member { server: &server, token, handle, id });
    // It is lifted before anybody is told anything.
    let _host = ada.enter(&room).await;
    assert_eq!(ada.log(&room).await.last().unwrap(), "unbanned");
    ben.enter(&room).await;
}

/// Whoever was never in a closed room learns nothing of it, unless they try its link.
#[tokio::test]
async fn a_ban_from_a_room_that_one_may_not_know_of_tells_nothing() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("closed").await;
    let mut host = ada.enter(&room).await;
    host.accepted(json!({ "type": "ban", "member": ben.id, "reason": null })).await;
    assert_eq!(ada.log(&room).await, ["banned"]);
    server.app.notices.settle().await;
    assert_eq!(ben.get("/api/notices").await.json()["items"], json!([]));
    assert_eq!(ben.get("/api/acts/mine").await.json()["items"], json!([]));
    ben.get(&format!("/api/rooms/{room}")).await.refused(403, "banned");
    let own = ben.last_act().await;
    assert_eq!((&own["act"]["kind"], &own["can_appeal"]), (&json!("banned"), &json!(true)));
    // Whoever was inside is told, also when they have left.
    let eve = server.member(&data).await;
    let second = ada.post("/api/rooms", &json!({ "title": "Two", "kind": "closed", "named": [eve.handle] })).await;
    let second = second.json()["id"].as_str().unwrap().to_owned();
    let mut host = ada.enter(&second).await;
    let mut left = eve.enter(&second).await;
    left.accepted(json!({ "type": "leave" })).await;
    left.next("bye").await;
    host.accepted(json!({ "type": "ban", "member": eve.id, "reason": null })).await;
    assert_eq!(eve.notice("moderated").await["body"], "Two");
}

#[tokio::test]
async fn guests_are_named_in_the_log_though_they_are_no_members() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    for (name, then) in [("Grace", "admit"), ("Hedy", "turn_away"), ("Ida", "revoke")] {
        let made = link(&ada, &room, name).await;
        let guest = Guest::by(&server, made["link"].as_str().unwrap()).await;
        let mut waits = guest.try_knock(&room).await.unwrap();
        host.event("knocked").await;
        let id = made["guest"].as_str().unwrap();
        if then == "revoke" {
            let revoked = ada.send(Method::DELETE, &format!("/api/rooms/{room}/guests/{id}")).await;
            assert_eq!(revoked.status, StatusCode::NO_CONTENT, "{}", revoked.text);
        } else {
            host.accepted(json!({ "type": then, "guest": id })).await;
        }
        if then == "admit" {
            waits.next("snapshot").await;
            host.accepted(about("remove", id)).await;
        }
        waits.next("bye").await;
    }
    assert_eq!(ada.log(&room).await, ["guest_admitted", "removed", "guest_turned_away", "guest_ended"]);
    let all = ada.get(&format!("/api/rooms/{room}/acts")).await.json();
    for (place, name) in [(3, "Grace"), (2, "Grace"), (1, "Hedy"), (0, "Ida")] {
        let act = &all["items"][place];
        assert_eq!((&act["whom"]["name"], &act["whom"]["handle"]), (&json!(name), &json!("")), "{act}");
        assert_eq!(act["by"]["id"], ada.id.as_str());
    }
}

#[tokio::test]
async fn somebody_who_deletes_their_account_leaves_what_they_did_without_words() {
    let (server, data) = Server::start().await;
    let (ada, ben, mod_) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut helper) = (ada.enter(&room).await, mod_.enter(&room).await);
    to_moderator(&mut host, &mut helper, &mod_.id).await;
    helper.accepted(json!({ "type": "ban", "member": ben.id, "reason": "qzxreason" })).await;
    // Whom nobody may ask any more: what was done by nobody is the host's to decide.
    let goodbye = json!({ "handle": mod_.handle }).to_string();
    assert_eq!(server.send_json(Method::DELETE, "/api/me", Some(&mod_.token), &goodbye).await.status, 204);
    let all = ada.get(&format!("/api/rooms/{room}/acts")).await.json();
    let banned = &all["items"][0];
    assert_eq!((&banned["kind"], &banned["by"], &banned["reason"]), (&json!("banned"), &Value::Null, &Value::Null));
    let own = ben.last_act().await;
    let appeal = ben.appeals(&own["act"]["id"]).await.json();
    assert_eq!(ada.get("/api/appeals").await.json()["items"][0]["appeal"]["id"], appeal["id"]);
    // And an appeal of nobody's is nobody's to decide.
    let goodbye = json!({ "handle": ben.handle }).to_string();
    assert_eq!(server.send_json(Method::DELETE, "/api/me", Some(&ben.token), &goodbye).await.status, 204);
    assert_eq!(ada.get("/api/appeals").await.json()["items"], json!([]));
    ada.decides(&appeal["id"], "lifted").await.refused(404, "appeal_not_found");
    let all = ada.get(&format!("/api/rooms/{room}/acts")).await.json();
    assert_eq!((&all["items"][0]["whom"], &all["items"][0]["appeal"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_hidden_room_is_hidden_for_one_member_only() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let hallway = async |who: &Member<'_>| {
        let answer = who.get("/api/rooms").await.json();
        answer["rooms"].as_array().unwrap().iter().map(|room| room["id"].clone()).collect::<Vec<_>>()
    };
    let mut live = ben.live().await;
    assert_eq!(live.next("hallway").await["rooms"][0]["id"], room.as_str());
    let path = format!("/api/rooms/{room}/hidden");
    for _ in 0..2 {
        assert_eq!(ben.send(Method::PUT, &path).await.status, 204);
    }
    assert_eq!(live.next("hallway").await["rooms"], json!([]));
    assert_eq!((hallway(&ben).await, hallway(&eve).await), (vec![], vec![json!(room)]));
    // Its link works, and so does looking for it.
    assert_eq!(ben.get(&format!("/api/rooms/{room}")).await.status, 200);
    assert_eq!(ben.get("/api/search?q=room").await.json()["rooms"][0]["id"], room.as_str());
    assert_eq!(ben.send(Method::DELETE, &path).await.status, 204);
    assert_eq!(live.next("hallway").await["rooms"][0]["id"], room.as_str());
    assert_eq!(hallway(&ben).await, [json!(room)]);
    ben.send(Method::PUT, &path).await;
    host.accepted(json!({ "type": "end" })).await;
    host.next("bye").await;
    ben.send(Method::PUT, &path).await.refused(410, "room_ended");
    ben.send(Method::PUT, &format!("/api/rooms/{}/hidden", "7".repeat(26))).await.refused(404, "room_not_found");
    ben.send(Method::PUT, "/api/rooms/x/hidden").await.refused(404, "room_not_found");
    ben.send(Method::DELETE, "/api/rooms/x/hidden").await.refused(404, "room_not_found");
}
