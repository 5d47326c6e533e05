//! Guests: people without an account who come to one room by a link, wait, are let in, and are gone with it.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use roomtone::edge::Secret;
use roomtone_room::ids::{MemberId, RoomId};
use roomtone_store::{GuestMade, NewGuest};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server, Socket, Trusting, listen_offer, on_both_databases, publish_offer};

/// Somebody who has taken a guest's link.
pub(crate) struct Guest<'a> {
    /// Without a token: known by the cookie alone.
    member: Member<'a>,
    pub(crate) cookie: String,
    room: String,
}

impl<'a> Guest<'a> {
    /// Whoever takes this link.
    pub(crate) async fn by(server: &'a Server, link: &str) -> Self {
        let taken = take(server, link).await;
        assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.text);
        let cookie = taken.headers["set-cookie"].to_str().unwrap();
        for part in ["roomtone_guest=", "HttpOnly", "SameSite=Lax", "Max-Age="] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let session = taken.json();
        let text = |field: &str| session[field].as_str().unwrap().to_owned();
        let member = Member { server, token: String::new(), handle: String::new(), id: text("guest") };
        Self { member, cookie: cookie.split(';').next().unwrap().to_owned(), room: text("room") }
    }

    pub(crate) async fn send(&self, method: Method, path: &str) -> Answer {
        self.member.server.send(method, path, None, &[("cookie", &self.cookie)], String::new()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path).await
    }

    async fn offer(&self, path: &str, sdp: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("content-type", "application/sdp")];
        self.member.server.send(Method::POST, path, None, &headers, sdp.to_owned()).await
    }

    pub(crate) async fn try_knock(&self, room: &str) -> Result<Socket, (u16, String)> {
        self.member.try_connect(room, None, &[("cookie", &self.cookie)]).await
    }

    /// Opens the control socket, and is told to wait.
    async fn wait(&self) -> Socket {
        let mut socket = self.try_knock(&self.room).await.unwrap();
        let told = socket.any().await.unwrap();
        assert_eq!(told["type"], "waiting", "{told}");
        socket
    }

    /// The same, and is let in by `host`.
    pub(crate) async fn come_in(&self, host: &mut Socket) -> Socket {
        let mut socket = self.wait().await;
        host.event("knocked").await;
        host.accepted(json!({ "type": "admit", "guest": self.member.id })).await;
        let snapshot = socket.next("snapshot").await;
        assert_eq!(snapshot["you"]["person"]["id"], self.member.id.as_str());
        socket
    }

    /// Is nobody any more.
    async fn is_nobody(&self) {
        self.get("/api/guest").await.refused(401, "not_signed_in");
        self.get(&format!("/api/rooms/{}", self.room)).await.refused(401, "not_signed_in");
        let listen = format!("/api/rooms/{}/listen", self.room);
        self.offer(&listen, &listen_offer()).await.refused(401, "not_signed_in");
        assert_eq!(self.try_knock(&self.room).await.err(), Some((401, "not_signed_in".to_owned())));
    }
}

/// A link that a member makes.
pub(crate) async fn link(maker: &Member<'_>, room: &str, name: &str) -> Value {
    let body = json!({ "name": name, "minutes": 60, "context": "About trees" });
    let made = maker.post(&format!("/api/rooms/{room}/guests"), &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()
}

fn code(link: &str) -> &str {
    link.rsplit('/').next().unwrap()
}

async fn take(server: &Server, link: &str) -> Answer {
    server.send(Method::POST, &format!("/api/guest-links/{}", code(link)), None, &[], String::new()).await
}

/// By the link, when they have taken it, and for as long as they wait.
#[tokio::test]
async fn a_guest_is_told_that_the_talk_is_recorded_before_they_come_in() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let made = link(&ada, &room, "Grace").await;
    let link = made["link"].as_str().unwrap();
    let shown =
        async || server.get(&format!("/api/guest-links/{}", code(link)), None).await.json()["recording"].clone();
    let record = |to: Value| json!({ "type": "set_recording", "to": to });
    assert_eq!(shown().await, Value::Null);
    host.accepted(record(json!("everyone"))).await;
    assert_eq!(shown().await, "everyone");
    let guest = Guest::by(&server, link).await;
    assert_eq!(guest.get("/api/guest").await.json()["recording"], "everyone");
    let mut socket = guest.try_knock(&room).await.unwrap();
    assert_eq!(socket.next("waiting").await["recording"], "everyone");
    host.accepted(record(Value::Null)).await;
    assert_eq!(socket.next("waiting").await["recording"], Value::Null);
    host.accepted(record(json!("attendees"))).await;
    assert_eq!(socket.next("waiting").await["recording"], "attendees");
    assert_eq!(guest.get("/api/guest").await.json()["recording"], "attendees");
}

/// A guest of a member's room.
async fn guest<'a>(maker: &Member<'a>, room: &str, name: &str) -> Guest<'a> {
    let made = link(maker, room, name).await;
    Guest::by(maker.server, made["link"].as_str().unwrap()).await
}

#[tokio::test]
async fn only_those_who_run_the_room_make_links() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let (room, closed) = (ada.open("open").await, eve.open("closed").await);
    let (_host, _listener, _other) = (ada.enter(&room).await, ben.enter(&room).await, eve.enter(&closed).await);
    let path = format!("/api/rooms/{room}/guests");
    let body = json!({ "name": "Grace", "minutes": 5, "context": null });
    ben.post(&path, &body).await.refused(403, "not_allowed");
    ben.get(&path).await.refused(403, "not_allowed");
    eve.post(&path, &body).await.refused(403, "not_allowed");
    server.post(&path, None, &body).await.refused(401, "not_signed_in");
    for path in [format!("/api/rooms/{closed}/guests"), format!("/api/rooms/{}/guests", "0".repeat(26))] {
        ada.post(&path, &body).await.refused(404, "room_not_found");
        ada.get(&path).await.refused(404, "room_not_found");
        ada.send(Method::DELETE, &format!("{path}/{}", ben.id)).await.refused(404, "room_not_found");
    }
    let long = "x".repeat(281);
    let wrong = [
        ("", 5, "", 422, "invalid_name"),
        ("Gra\u{202e}ce", 5, "", 422, "invalid_name"),
        ("Grace\u{0}", 5, "", 422, "invalid_name"),
        ("<b>", 5, "", 422, "invalid_name"),
        (&"x".repeat(41), 5, "", 422, "invalid_name"),
        ("Grace", 5, &long, 422, "invalid_text"),
        ("Grace", 5, "a\u{202e}b", 422, "invalid_text"),
        ("Grace", 5, "a\u{0}b", 422, "invalid_text"),
        ("Grace", 4, "", 400, "bad_request"),
        ("Grace", 1441, "", 400, "bad_request"),
    ];
    for (name, minutes, context, status, code) in wrong {
        let body = json!({ "name": name, "minutes": minutes, "context": context });
        ada.post(&path, &body).await.refused(status, code);
    }
    server.forget_who_asked();
    for number in 0..roomtone_room::WAITING_MAX {
        link(&ada, &room, &format!("Guest {number}")).await;
    }
    ada.post(&path, &body).await.refused(409, "too_many");
    let all = ada.get(&path).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), roomtone_room::WAITING_MAX);
    assert_eq!((&all["items"][0]["state"], &all["items"][0]["by"]["id"]), (&json!("unused"), &json!(ada.id)));
    // One that is taken back makes room for another.
    let first = format!("{path}/{}", all["items"][0]["guest"].as_str().unwrap());
    ben.send(Method::DELETE, &first).await.refused(403, "not_allowed");
    assert_eq!(ada.send(Method::DELETE, &first).await.status, StatusCode::NO_CONTENT);
    ada.send(Method::DELETE, &first).await.refused(404, "guest_link_not_found");
    server.forget_who_asked();
    assert_eq!(ada.post(&path, &body).await.status, StatusCode::CREATED);
}

on_both_databases!(a_link_is_taken_once);

async fn a_link_is_taken_once(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let ada = server.member(data).await;
        let room = ada.open("closed").await;
        let _host = ada.enter(&room).await;
        let made = link(&ada, &room, "Grace").await;
        let link = made["link"].as_str().unwrap();
        let shown = server.get(&format!("/api/guest-links/{}", code(link)), None).await.json();
        let expected = json!({ "title": "A room", "language": "en", "name": "Grace", "by": shown["by"],
            "context": "About trees", "until": made["until"], "rules": null, "server": "Roomtone", "room": null,
            "office": false, "recording": null });
        assert_eq!((&shown, &shown["by"]["id"]), (&expected, &json!(ada.id)));

        let answers = futures_util::future::join_all((0..16).map(|_| take(server, link))).await;
        let (taken, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == StatusCode::CREATED);
        assert_eq!(taken.len(), 1);
        // Used, never made, and not even a code: alike.
        server.forget_who_asked();
        let missing = server.get(&format!("/api/guest-links/{}", "0".repeat(26)), None).await;
        missing.refused(404, "guest_link_not_found");
        for answer in &refused {
            assert_eq!((answer.status, &answer.text), (missing.status, &missing.text));
        }
        for path in [code(link), "nonsense", "%00"] {
            let answer = server.get(&format!("/api/guest-links/{path}"), None).await;
            assert_eq!((answer.status, &answer.text), (missing.status, &missing.text), "{path}");
        }
        let cookie = taken[0].headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
        let me = server.send(Method::GET, "/api/guest", None, &[("cookie", cookie)], String::new()).await.json();
        assert_eq!(me, taken[0].json());
        assert_eq!((&me["guest"], &me["room"], &me["title"]), (&made["guest"], &json!(room), &json!("A room")));
    }
}

#[tokio::test]
async fn a_link_tells_members_the_room_that_is_open_to_them() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let (open, closed) = (ada.open("open").await, eve.open("closed").await);
    let (mut host, _other) = (ada.enter(&open).await, eve.enter(&closed).await);
    let (to_open, to_closed) = (link(&ada, &open, "Grace").await, link(&eve, &closed, "Grace").await);
    let path = |link: &Value| format!("/api/guest-links/{}", code(link["link"].as_str().unwrap()));
    assert_eq!(ben.get(&path(&to_open)).await.json()["room"], json!(open));
    assert_eq!(eve.get(&path(&to_closed)).await.json()["room"], json!(closed));
    // To whoever may not know of the room, and to nobody in particular, the link says the same.
    let (member, visitor) = (ben.get(&path(&to_closed)).await, server.get(&path(&to_closed), None).await);
    assert_eq!((&member.text, &visitor.json()["room"]), (&visitor.text, &json!(null)));
    // Nor is whoever is banned shown the way in.
    host.accepted(json!({ "type": "ban", "member": ben.id, "reason": null })).await;
    assert_eq!(ben.get(&path(&to_open)).await.json()["room"], json!(null));
    // Looking has used nothing.
    assert_eq!(take(&server, to_open["link"].as_str().unwrap()).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn guesses_at_codes_are_counted() {
    let (server, _data) = Server::start().await;
    let path = format!("/api/guest-links/{}", "0".repeat(26));
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(server.get(&path, None).await.status);
        answers.push(server.send(Method::POST, &path, None, &[], String::new()).await.status);
    }
    assert_eq!((answers[0], answers[79]), (StatusCode::NOT_FOUND, StatusCode::TOO_MANY_REQUESTS));
}

#[tokio::test]
async fn a_guest_waits_is_let_in_and_speaks() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("closed").await;
    let mut host = ada.enter(&room).await;
    let grace = guest(&ada, &room, "Grace").await;
    let id = grace.member.id.as_str();
    let path = format!("/api/rooms/{room}");

    let mut socket = grace.wait().await;
    let knocked = host.event("knocked").await;
    let person = json!({ "id": id, "handle": "", "name": "Grace", "avatar": null });
    assert_eq!((&knocked["person"], &knocked["by"]), (&person, &json!(ada.id)));
    let state = async || ada.get(&format!("{path}/guests")).await.json()["items"][0]["state"].clone();
    assert_eq!(state().await, "waiting");
    // Who waits sees what everybody is told of the room who may come, and nothing of what goes on in it.
    assert_eq!(grace.get(&path).await.json()["title"], "A room");
    grace.get(&format!("{path}/roster")).await.refused(409, "not_in_room");
    grace.offer(&format!("{path}/listen"), &listen_offer()).await.refused(409, "not_in_room");
    grace.offer(&format!("{path}/publish"), &publish_offer()).await.refused(409, "not_in_room");
    host.accepted(json!({ "type": "describe", "title": "Trees", "topics": [], "language": "en" })).await;
    socket.text(r#"{"type":"react","kind":"applause"}"#).await;
    socket.text(r#"{"type":"resync"}"#).await;
    host.text(r#"{"type":"react","kind":"heart"}"#).await;
    let told = host.next("chatter").await;
    assert_eq!(told["reactions"], json!([{ "kind": "heart", "count": 1 }]), "nobody outside claps");

    host.accepted(json!({ "type": "admit", "guest": id })).await;
    let snapshot = socket.any().await.unwrap();
    assert_eq!(snapshot["type"], "snapshot", "the first that a guest hears of the room: {snapshot}");
    assert_eq!((&snapshot["you"]["role"], &snapshot["room"]["title"]), (&json!("speaker"), &json!("Trees")));
    let seen = snapshot["stage"].as_array().unwrap().iter().find(|p| p["person"]["id"] == id).unwrap();
    assert_eq!((&seen["person"], &seen["guest_of"]["id"]), (&person, &json!(ada.id)));
    assert_eq!(host.event("knock_ended").await["cause"], "admitted");
    assert_eq!(state().await, "inside");

    // They hear and are allowed to be heard.
    assert_eq!(grace.offer(&format!("{path}/listen"), &listen_offer()).await.status, StatusCode::CREATED);
    let made = grace.offer(&format!("{path}/publish"), &publish_offer()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(host.event("mic_changed").await["open"], true);
    let leg = made.headers["location"].to_str().unwrap();
    ada.send(Method::DELETE, leg).await.refused(404, "leg_not_found");
    assert_eq!(grace.send(Method::DELETE, leg).await.status, StatusCode::NO_CONTENT);
    let roster = grace.get(&format!("{path}/roster")).await.json();
    assert_eq!(roster["participants"].as_array().unwrap().len(), 2);
    socket.refused(json!({ "type": "mute", "member": ada.id }), "not_allowed").await;
    for member in [&ben.id, &"0".repeat(26)] {
        socket.refused(json!({ "type": "call_up", "member": member, "context": null }), "not_allowed").await;
        socket.refused(json!({ "type": "ban", "member": member, "reason": null }), "not_allowed").await;
    }
    // The name is for the people in the room.
    host.accepted(json!({ "type": "widen", "kind": "open" })).await;
    host.event("widened").await;
    let card = ben.get(&path).await.json();
    assert_eq!((&card["on_stage"], card["stage"].as_array().unwrap().len()), (&json!(2), 1), "{card}");
    assert!(!ben.get("/api/rooms").await.text.contains("Grace"));
    assert!(!ben.get("/api/search?q=Grace").await.text.contains("Grace\""));
    // A member who comes now sees whose guest it is.
    let mut other = ben.connect(&room, None).await;
    let snapshot = other.next("snapshot").await;
    assert_eq!(snapshot["stage"][1]["guest_of"]["id"], ada.id.as_str(), "{snapshot}");
}

#[tokio::test]
async fn a_guest_has_one_room() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let (room, other) = (ada.open("open").await, ben.open("open").await);
    let (mut host, _other) = (ada.enter(&room).await, ben.enter(&other).await);
    let grace = guest(&ada, &room, "Grace").await;
    let _inside = grace.come_in(&mut host).await;
    let path = format!("/api/rooms/{other}");
    grace.get(&path).await.refused(404, "room_not_found");
    grace.get(&format!("{path}/roster")).await.refused(404, "room_not_found");
    grace.offer(&format!("{path}/listen"), &listen_offer()).await.refused(404, "room_not_found");
    grace.offer(&format!("{path}/publish"), &publish_offer()).await.refused(404, "room_not_found");
    assert_eq!(grace.try_knock(&other).await.err(), Some((404, "room_not_found".to_owned())));
    // Nor do pages of other sites use what the browser knows.
    let elsewhere = [("cookie", grace.cookie.as_str()), ("origin", "https://evil.example")];
    let leave = server.send(Method::DELETE, "/api/guest", None, &elsewhere, String::new()).await;
    leave.refused(403, "cross_site");
    let socket = grace.member.try_connect(&room, None, &elsewhere).await;
    assert_eq!(socket.err(), Some((403, "cross_site".to_owned())));
    let made = link(&ada, &room, "Hedy").await;
    let take = format!("/api/guest-links/{}", code(made["link"].as_str().unwrap()));
    let taken = server.send(Method::POST, &take, None, &elsewhere[1..], String::new()).await;
    taken.refused(403, "cross_site");
    // Whoever is a member is that.
    let cookies = format!("{}; roomtone_session={}", grace.cookie, ben.token);
    let as_ben = server.send(Method::GET, &path, None, &[("cookie", &cookies)], String::new()).await;
    assert_eq!(as_ben.status, StatusCode::OK, "{}", as_ben.text);
}

#[tokio::test]
async fn who_is_turned_away_may_knock_again_and_the_newest_page_waits() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let grace = guest(&ada, &room, "Grace").await;
    let mut socket = grace.wait().await;
    host.event("knocked").await;
    host.accepted(json!({ "type": "turn_away", "guest": grace.member.id })).await;
    assert_eq!(socket.next("bye").await["code"], "turned_away");
    assert_eq!(host.event("knock_ended").await["cause"], "turned_away");
    host.refused(json!({ "type": "admit", "guest": grace.member.id }), "not_waiting").await;

    let mut first = grace.wait().await;
    host.event("knocked").await;
    let mut second = grace.wait().await;
    assert_eq!(first.next("bye").await["code"], "replaced");
    // The one that was replaced does not end the wait by closing.
    host.accepted(json!({ "type": "admit", "guest": grace.member.id })).await;
    second.next("snapshot").await;
    // A second page takes over, as a member's does.
    let mut third = grace.try_knock(&room).await.unwrap();
    assert_eq!(second.next("bye").await["code"], "replaced");
    assert_eq!(third.any().await.unwrap()["type"], "snapshot");
    let listen = format!("/api/rooms/{room}/listen");
    for _ in 0..2 {
        assert_eq!(grace.offer(&listen, &listen_offer()).await.status, StatusCode::CREATED);
    }
    assert_eq!(third.next("leg_ended").await["code"], "replaced");

    // One who goes away while they wait is not waited for.
    let hedy = guest(&ada, &room, "Hedy").await;
    hedy.wait().await.cut();
    loop {
        let ended = host.event("knock_ended").await;
        if ended["guest"] == hedy.member.id.as_str() {
            assert_eq!(ended["cause"], "gave_up");
            break;
        }
    }
}

#[tokio::test]
async fn somebody_who_was_let_in_comes_back_without_waiting() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let grace = guest(&ada, &room, "Grace").await;
    let mut socket = grace.come_in(&mut host).await;
    socket.accepted(json!({ "type": "leave" })).await;
    assert_eq!(socket.next("bye").await["code"], "left");
    let mut back = grace.try_knock(&room).await.unwrap();
    let snapshot = back.any().await.unwrap();
    assert_eq!((&snapshot["type"], &snapshot["you"]["role"]), (&json!("snapshot"), &json!("listener")));
    // Who was put out waits as at first.
    host.accepted(json!({ "type": "remove", "member": grace.member.id })).await;
    assert_eq!(back.next("bye").await["code"], "removed");
    let _waiting = grace.wait().await;
}

/// What the pass of a guest ends by, at whatever moment.
#[tokio::test]
async fn a_guest_is_gone_with_the_pass() {
    let (server, data) = Server::start().await;
    let owner_link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(code(&owner_link)).await;
    for how in ["revoked", "own will", "suspended", "deleted", "ban", "room ended"] {
        let (ada, ben) = (server.member(&data).await, server.member(&data).await);
        let room = ada.open("open").await;
        let (mut host, mut other) = (ada.enter(&room).await, ben.enter(&room).await);
        host.accepted(json!({ "type": "offer_stage", "member": ben.id })).await;
        other.event("stage_offered").await;
        other.accepted(json!({ "type": "accept_offer" })).await;
        other.next("snapshot").await;
        host.accepted(json!({ "type": "make_moderator", "member": ben.id })).await;
        assert_eq!(other.next("snapshot").await["you"]["role"], "moderator");
        // Ben vouches, and need not stay for that.
        let (grace, hedy, later) =
            (guest(&ben, &room, "Grace").await, guest(&ben, &room, "Hedy").await, link(&ben, &room, "Later").await);
        other.accepted(json!({ "type": "leave" })).await;
        other.next("bye").await;
        let mut inside = grace.come_in(&mut host).await;
        let mut waiting = hedy.wait().await;
        host.event("knocked").await;
        for (path, offer) in [("listen", listen_offer()), ("publish", publish_offer())] {
            let made = grace.offer(&format!("/api/rooms/{room}/{path}"), &offer).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        }

        let mut bye = "pass_ended";
        let mut both = true;
        match how {
            "revoked" => {
                for guest in [&grace, &hedy] {
                    let path = format!("/api/rooms/{room}/guests/{}", guest.member.id);
                    assert_eq!(ada.send(Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
                }
            }
            "own will" => {
                for guest in [&grace, &hedy] {
                    let left = guest.send(Method::DELETE, "/api/guest").await;
                    assert_eq!(left.status, StatusCode::NO_CONTENT, "{}", left.text);
                    assert!(left.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
                }
            }
            "suspended" => {
                let path = format!("/api/admin/members/{}/suspend", ben.handle);
                let answer = owner.post(&path, &json!({ "branch": false, "reason": "Spam" })).await;
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            }
            "deleted" => {
                let body = json!({ "handle": ben.handle }).to_string();
                let answer = server.send_json(Method::DELETE, "/api/me", Some(&ben.token), &body).await;
                assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
            }
            "ban" => {
                bye = "banned";
                for guest in [&grace, &hedy] {
                    host.accepted(json!({ "type": "ban", "member": guest.member.id, "reason": null })).await;
                }
                host.text(r#"{"type":"resync"}"#).await;
                let bans = host.next("snapshot").await["bans"].clone();
                assert_eq!(bans[0]["person"]["handle"], "", "{bans}");
            }
            _ => {
                bye = "room_ended";
                both = false;
                host.accepted(json!({ "type": "end" })).await;
            }
        }
        for _ in 0..if both { 2 } else { 0 } {
            assert_eq!(inside.next("leg_ended").await["code"], "not_allowed", "{how}");
        }
        assert_eq!(inside.next("bye").await["code"], bye, "{how}");
        assert_eq!(waiting.next("bye").await["code"], bye, "{how}");
        grace.is_nobody().await;
        hedy.is_nobody().await;
        let unused = take(&server, later["link"].as_str().unwrap()).await;
        match how {
            "suspended" | "deleted" | "room ended" => unused.refused(404, "guest_link_not_found"),
            _ => assert_eq!(unused.status, StatusCode::CREATED, "{how}: {}", unused.text),
        }
        if how == "ban" {
            // Lifting it does not bring back what has ended.
            host.accepted(json!({ "type": "unban", "member": grace.member.id })).await;
            grace.is_nobody().await;
        }
        if how == "suspended" {
            let path = format!("/api/admin/members/{}/restore", ben.handle);
            assert_eq!(owner.post(&path, &json!({ "branch": false })).await.status, StatusCode::OK);
            grace.is_nobody().await;
            take(&server, later["link"].as_str().unwrap()).await.refused(404, "guest_link_not_found");
        }
        server.forget_who_asked();
    }
}

#[tokio::test]
async fn a_pass_ends_when_its_time_comes() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let mut sockets = Vec::new();
    for number in 1..=2 {
        let (secret, now) = (Secret::draw(), roomtone::edge::now());
        // Shorter than what the route makes, and long enough to come in.
        let soon = now.plus(Duration::from_secs(3).as_millis() as u64);
        let made = NewGuest {
            id: MemberId(number),
            room: room.parse::<RoomId>().unwrap(),
            voucher: ada.id.parse::<MemberId>().unwrap(),
            code: secret.hash,
            name: "Grace".to_owned(),
            context: None,
            created_at: now,
            expires_at: soon,
        };
        assert_eq!(server.app.store.create_guest(&made, 20).await.unwrap(), GuestMade::Made);
        let grace = Guest::by(&server, &secret.text).await;
        let socket = if number == 1 { grace.come_in(&mut host).await } else { grace.wait().await };
        sockets.push((grace, socket));
    }
    let (grace, inside) = &mut sockets[0];
    assert_eq!(grace.offer(&format!("/api/rooms/{room}/listen"), &listen_offer()).await.status, StatusCode::CREATED);
    assert_eq!(inside.next("leg_ended").await["code"], "not_allowed");
    for (grace, socket) in &mut sockets {
        assert_eq!(socket.next("bye").await["code"], "pass_ended");
        grace.is_nobody().await;
    }
    assert_eq!(host.event("left").await["reason"], "pass_ended");
}

#[tokio::test]
async fn a_restart_keeps_the_place_of_a_guest_who_was_let_in() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path()).await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let (grace, hedy) = (guest(&ada, &room, "Grace").await, guest(&ada, &room, "Hedy").await);
    let mut inside = grace.come_in(&mut host).await;
    let mut waiting = hedy.wait().await;
    let who = [&ada, &ben].map(|m| (m.token.clone(), m.handle.clone(), m.id.clone()));
    let (former, other) = (grace.cookie.clone(), hedy.cookie.clone());
    let guests = [(former, grace.member.id.clone()), (other, hedy.member.id.clone())];
    drop((grace, hedy));
    server.stop().await;
    assert_eq!(inside.next("bye").await["code"], "shutting_down");
    assert_eq!(waiting.next("bye").await["code"], "shutting_down");

    let server = Server::start_in(data.path()).await;
    let [ada, ben] = who.map(|(token, handle, id)| Member { server: &server, token, handle, id });
    let [grace, hedy] = guests.map(|(cookie, id)| {
        let member = Member { server: &server, token: String::new(), handle: String::new(), id };
        Guest { member, cookie, room: room.clone() }
    });
    // Also before the guest is back, those who come see who that is, and whose.
    let snapshot = ben.connect(&room, None).await.next("snapshot").await;
    let seen = snapshot["stage"].as_array().unwrap().iter().find(|p| p["person"]["name"] == "Grace").unwrap();
    assert_eq!((&seen["guest_of"]["id"], &seen["connected"]), (&json!(ada.id), &json!(false)));
    let mut back = grace.try_knock(&room).await.unwrap();
    let snapshot = back.any().await.unwrap();
    assert_eq!((&snapshot["type"], &snapshot["you"]["role"]), (&json!("snapshot"), &json!("speaker")));
    let mut host = ada.enter(&room).await;
    let waiting = hedy.wait().await;
    host.event("knocked").await;
    drop(waiting);
}

#[tokio::test]
async fn knocking_without_end_is_slowed_down() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let _host = ada.enter(&room).await;
    let grace = guest(&ada, &room, "Grace").await;
    let mut refused = None;
    for _ in 0..40 {
        match grace.try_knock(&room).await {
            Ok(socket) => socket.cut(),
            Err(error) => refused = Some(error),
        }
    }
    assert_eq!(refused, Some((429, "rate_limited".to_owned())));
}

/// Who may vouch for guests in the host's office: openly as that, with the host's guests alone, and for as long as the grant lasts.
#[tokio::test]
async fn an_office_lets_guests_in_as_the_office() {
    let (server, data) = Server::start().await;
    let [xenia, dora, eva, gus] = [
        server.member(&data).await,
        server.member(&data).await,
        server.member(&data).await,
        server.member(&data).await,
    ];
    // The delegate may not even know of the room.
    let named = json!({ "title": "A room", "kind": "closed", "named": [gus.handle] });
    let room = xenia.post("/api/rooms", &named).await.json()["id"].as_str().unwrap().to_owned();
    let other = eva.open("open").await;
    let (path, elsewhere) = (format!("/api/rooms/{room}/guests"), format!("/api/rooms/{other}/guests"));
    let mut host = xenia.enter(&room).await;
    let body = json!({ "name": "Grace", "minutes": 60, "context": "About trees" });
    dora.post(&path, &body).await.refused(404, "room_not_found");
    let grant = xenia.has_office(&dora, &["answer", "schedule", "screen"]).await;
    dora.post(&path, &body).await.refused(404, "room_not_found");
    dora.get(&path).await.refused(404, "room_not_found");
    assert_eq!(xenia.send(Method::DELETE, &format!("/api/me/office/{grant}")).await.status, StatusCode::NO_CONTENT);
    let grant = xenia.has_office(&dora, &["guests"]).await;
    let made = dora.post(&path, &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    dora.post(&elsewhere, &body).await.refused(403, "not_allowed");
    // To the guest it is the office that asks, and nobody in it is named.
    let shown = server.get(&format!("/api/guest-links/{}", code(made["link"].as_str().unwrap())), None).await;
    let told = shown.json();
    assert_eq!((&told["by"]["handle"], &told["office"]), (&json!(xenia.handle), &json!(true)));
    assert!(!shown.text.contains(&dora.handle) && !shown.text.contains(&dora.id), "{}", shown.text);
    link(&xenia, &room, "Her own").await;
    for (who, delegate) in [(&xenia, &dora.handle), (&dora, &dora.handle)] {
        let items = who.get(&path).await.json()["items"].clone();
        let of = |item: &Value| (item["name"].clone(), item["office"].clone(), item["delegate"]["handle"].clone());
        let items: Vec<_> = items.as_array().unwrap().iter().map(of).collect();
        let expected = [(json!("Grace"), json!(true), json!(delegate)), (json!("Her own"), json!(false), Value::Null)];
        assert_eq!(items, expected);
    }
    // Who else runs the room sees that the office did it, and not who in it; the office sees nobody whom they vouch for.
    let mut moderator = gus.enter(&room).await;
    host.accepted(json!({ "type": "offer_stage", "member": gus.id })).await;
    moderator.accepted(json!({ "type": "accept_offer" })).await;
    host.accepted(json!({ "type": "make_moderator", "member": gus.id })).await;
    while moderator.next("snapshot").await["you"]["role"] != "moderator" {}
    let others = link(&gus, &room, "Another").await;
    let seen = gus.get(&path).await;
    let items = seen.json()["items"].clone();
    assert_eq!((items.as_array().unwrap().len(), &items[0]["office"]), (3, &json!(true)));
    assert!(!seen.text.contains(&dora.handle) && !seen.text.contains(&dora.id), "{}", seen.text);
    assert_eq!(dora.get(&path).await.json()["items"].as_array().unwrap().len(), 2);
    let not_theirs = format!("{path}/{}", others["guest"].as_str().unwrap());
    dora.send(Method::DELETE, &not_theirs).await.refused(404, "guest_link_not_found");
    // They take it back, and the principal reads both.
    let guest = Guest::by(&server, made["link"].as_str().unwrap()).await;
    let pass = format!("{path}/{}", guest.member.id);
    assert_eq!(dora.send(Method::DELETE, &pass).await.status, StatusCode::NO_CONTENT);
    guest.is_nobody().await;
    dora.send(Method::DELETE, &pass).await.refused(404, "guest_link_not_found");
    let log = xenia.get("/api/me/office/acts").await.json()["items"].clone();
    let of = |act: &Value| (act["kind"].clone(), act["subject"].clone(), act["note"].clone());
    let log: Vec<_> = log.as_array().unwrap().iter().map(of).collect();
    let acts = ["guest_revoked", "guest_asked"].map(|kind| (json!(kind), json!(room), json!("Grace")));
    assert_eq!(log, acts);
    // A right to guests is none to the room.
    dora.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    assert_eq!(xenia.send(Method::DELETE, &format!("/api/me/office/{grant}")).await.status, StatusCode::NO_CONTENT);
    dora.post(&path, &body).await.refused(404, "room_not_found");
    server.stop().await;
}
