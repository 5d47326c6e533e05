//! What members are told of, as the inbox and the live socket show it.

use axum::http::{Method, StatusCode};
use roomtone::wire::notices::NoticeKind;
use serde_json::{Value, json};

use crate::sign_in::{put_mail, with_mail};
use crate::support::{Answer, Member, Server};

async fn put(member: &Member<'_>, path: &str, body: &Value) -> Answer {
    let json = [("content-type", "application/json")];
    member.server.send(Method::PUT, path, Some(&member.token), &json, body.to_string()).await
}

async fn follow(member: &Member<'_>, whom: &Member<'_>, bell: &str) {
    let answer = put(member, &format!("/api/members/{}/follow", whom.handle), &json!({ "bell": bell })).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
}

async fn unfollow(member: &Member<'_>, whom: &Member<'_>) {
    member.send(Method::DELETE, &format!("/api/members/{}/follow", whom.handle)).await;
}

/// Kinds and actors in the inbox, the newest first, once everything that was told is kept.
async fn inbox(member: &Member<'_>) -> Vec<(String, String)> {
    member.server.app.notices.settle().await;
    let inbox = member.get("/api/notices").await.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = inbox["items"].as_array().unwrap();
    items.iter().map(|notice| (text(&notice["kind"]), text(&notice["actor"]["handle"]))).collect()
}

/// The choices with some ways of some kinds changed.
async fn choose(member: &Member<'_>, kind: &str, inbox: bool, push: bool, mail: bool) {
    let choices = json!({ "kinds": [{ "kind": kind, "inbox": inbox, "push": push, "mail": mail }],
        "quiet_from": null, "quiet_until": null, "time_zone": "" });
    let answer = put(member, "/api/notices/choices", &choices).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
}

#[tokio::test]
async fn a_follower_is_told_of_once_and_live() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let mut page = ada.live().await;
    follow(&ben, &ada, "sometimes").await;
    let told = page.next("notice").await;
    assert_eq!(told["unread"], 1);
    let notice = &told["notice"];
    assert_eq!((notice["kind"].as_str(), notice["read"].as_bool()), (Some("followed"), Some(false)));
    assert_eq!(notice["actor"]["handle"], ben.handle.as_str());
    assert_eq!(notice["link"], format!("/people/{}", ben.handle));
    unfollow(&ben, &ada).await;
    follow(&ben, &ada, "sometimes").await;
    assert_eq!(inbox(&ada).await, [("followed".to_owned(), ben.handle.clone())]);

    // Read on one page, read on all.
    let until = json!({ "until": notice["at"] });
    assert_eq!(ada.post("/api/notices/read", &until).await.json(), json!({ "unread": 0 }));
    assert_eq!(page.next("unread").await["unread"], 0);
    let seen = ada.get("/api/notices").await.json();
    assert_eq!((seen["unread"].as_u64(), seen["items"][0]["read"].as_bool()), (Some(0), Some(true)));
    assert_eq!(inbox(&ben).await, []);
}

#[tokio::test]
async fn nothing_is_told_of_blocked_or_muted_people() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    put(&ada, &format!("/api/members/{}/mute", ben.handle), &Value::Null).await;
    follow(&ben, &ada, "always").await;
    assert_eq!(inbox(&ada).await, []);
    follow(&eve, &ada, "always").await;
    assert_eq!(inbox(&ada).await.len(), 1);
    put(&eve, &format!("/api/members/{}/block", ada.handle), &Value::Null).await;
    assert_eq!(inbox(&ada).await, []);
    assert_eq!(ada.get("/api/notices").await.json()["unread"], 0);
}

#[tokio::test]
async fn rooms_are_told_of_to_those_who_may_enter() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let (never, sometimes, always) =
        (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    for (member, bell) in [(&never, "never"), (&sometimes, "sometimes"), (&always, "always")] {
        follow(member, &ada, bell).await;
    }
    let opened = ("room_opened".to_owned(), ada.handle.clone());
    // Nobody may know of a closed room but those who are named.
    ada.open("closed").await;
    for member in [&never, &sometimes, &always] {
        assert_eq!(inbox(member).await, []);
    }
    let room = ada.open("open").await;
    for (member, told) in [(&never, 0), (&sometimes, 1), (&always, 1)] {
        assert_eq!(inbox(member).await, vec![opened.clone(); told], "{}", member.handle);
    }
    let notice = always.get("/api/notices").await.json()["items"][0].clone();
    assert_eq!((notice["body"].as_str(), notice["subject"].as_str()), (Some("A room"), Some(room.as_str())));
    assert_eq!(notice["link"], format!("/room/{room}"));
    // A second room on the same day is for those who always want to know.
    ada.open("open").await;
    assert_eq!((inbox(&sometimes).await.len(), inbox(&always).await.len()), (1, 2));
    // In a social room, only those whom a moderator follows.
    follow(&ada, &always, "never").await;
    let other = server.member(&data).await;
    follow(&other, &ada, "always").await;
    ada.open("social").await;
    assert_eq!(inbox(&always).await.len(), 4, "with that of being followed");
    assert_eq!(inbox(&other).await, []);
}

#[tokio::test]
async fn a_houses_people_are_told_of_its_rooms_once() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let house = json!({ "handle": "tea", "name": "Tea", "private": true });
    assert_eq!(ada.post("/api/houses", &house).await.status, StatusCode::CREATED);
    ada.post("/api/houses/tea/nominations", &json!({ "handle": ben.handle })).await;
    put(&ben, "/api/houses/tea/membership", &json!({ "rules_accepted": true })).await;
    // Both follow the host, but one of them may not know of the house.
    follow(&ben, &ada, "always").await;
    follow(&eve, &ada, "always").await;
    let room = json!({ "title": "Oolong", "kind": "open", "house": "tea" });
    let opened = ada.post("/api/rooms", &room).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
    let of = |kind: &str| (kind.to_owned(), ada.handle.clone());
    assert_eq!(inbox(&ben).await, [of("house_room"), of("house_invited")]);
    assert_eq!(inbox(&eve).await, []);
}

#[tokio::test]
async fn members_choose_what_they_are_told() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let given = ada.get("/api/notices/choices").await.json();
    assert_eq!(given["kinds"].as_array().unwrap().len(), NoticeKind::ALL.len());
    assert!(given["kinds"].as_array().unwrap().iter().all(|kind| kind["inbox"] == true && kind["mail"] == false));
    assert_eq!((&given["quiet_from"], &given["time_zone"]), (&Value::Null, &json!("")));

    // Everything can be switched off, kind by kind.
    let mut all_off = given.clone();
    for kind in all_off["kinds"].as_array_mut().unwrap() {
        (kind["inbox"], kind["push"], kind["mail"]) = (json!(false), json!(false), json!(false));
    }
    (all_off["quiet_from"], all_off["quiet_until"]) = (json!(1320), json!(420));
    all_off["time_zone"] = json!("Europe/Moscow");
    assert_eq!(put(&ada, "/api/notices/choices", &all_off).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.get("/api/notices/choices").await.json(), all_off);
    follow(&ben, &ada, "never").await;
    assert_eq!(inbox(&ada).await, []);
    choose(&ada, "followed", true, false, false).await;
    unfollow(&ben, &ada).await;
    follow(&ben, &ada, "never").await;
    assert_eq!(inbox(&ada).await.len(), 1);

    let with = |key: &str, value: Value| {
        let mut choices = json!({ "kinds": [], "quiet_from": 60, "quiet_until": 120, "time_zone": "UTC" });
        choices[key] = value;
        choices
    };
    for bad in [
        with("quiet_from", json!(1440)),
        with("quiet_from", json!(null)),
        with("quiet_until", json!(60)),
        with("time_zone", json!("Mars/Olympus")),
        with("time_zone", json!("../../etc/passwd")),
    ] {
        put(&ada, "/api/notices/choices", &bad).await.refused(422, "invalid_quiet_hours");
    }
    let way = json!({ "kind": "ping", "inbox": true, "push": true, "mail": true });
    for bad in [
        with("kinds", json!([way, way])),
        with("kinds", json!([{ "kind": "pong", "inbox": true, "push": true, "mail": true }])),
        with("quiet_from", json!(-1)),
        with("more", json!(1)),
    ] {
        put(&ada, "/api/notices/choices", &bad).await.refused(400, "bad_request");
    }
}

#[tokio::test]
async fn what_is_asked_of_the_inbox_in_a_wrong_way() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    for after in
        ["x", "1", "1.", "1.x", ".00000000000000000000000001", "99999999999999999999.00000000000000000000000001"]
    {
        ada.get(&format!("/api/notices?after={after}")).await.refused(400, "bad_request");
    }
    assert_eq!(ada.get("/api/notices?after=1.00000000000000000000000001").await.json()["items"], json!([]));
    let ids = vec!["00000000000000000000000001"; 101];
    for body in [json!({}), json!({ "until": 1, "ids": [] }), json!({ "ids": ids }), json!({ "ids": ["x"] })] {
        ada.post("/api/notices/read", &body).await.refused(400, "bad_request");
    }
    let all = json!({ "until": u64::MAX });
    assert_eq!(ada.post("/api/notices/read", &all).await.json(), json!({ "unread": 0 }));
    for (method, path) in
        [(Method::GET, "/api/notices"), (Method::GET, "/api/notices/choices"), (Method::GET, "/api/push/key")]
    {
        server.send(method, path, None, &[], String::new()).await.refused(401, "not_signed_in");
    }
}

#[tokio::test]
async fn a_letter_has_a_link_that_ends_letters() {
    let (server, data, mut mail) = with_mail().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    put_mail(&ada, "ada@example.org").await;
    let token = json!({ "token": mail.next().await.token() });
    assert_eq!(ada.post("/api/sign-in/link", &token).await.status, StatusCode::OK);
    choose(&ada, "followed", true, false, true).await;
    follow(&ben, &ada, "never").await;
    let letter = mail.next().await;
    assert_eq!(letter.to, "ada@example.org");
    let head = letter.text.split("\n\n").next().unwrap();
    assert!(head.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{head}");
    assert!(letter.text.contains(&format!("{} follows you", ben.handle.to_uppercase())), "{}", letter.text);
    assert!(letter.text.contains(&format!("/people/{}", ben.handle)), "{}", letter.text);
    let path = letter.text.split("/api/unsubscribe/").nth(1).unwrap().split(['>', '\n']).next().unwrap().trim();
    let path = format!("/api/unsubscribe/{path}");

    // Programs open links: that alone ends nothing. Pressing does, without signing in; again is as good.
    let page = server.get(&path, None).await;
    assert!(page.status == StatusCode::OK && page.text.contains("<form method=\"post\">"), "{}", page.text);
    let mails = async || {
        let choices = ada.get("/api/notices/choices").await.json();
        choices["kinds"].as_array().unwrap().iter().filter(|kind| kind["mail"] == true).count()
    };
    assert_eq!(mails().await, 1);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for _ in 0..2 {
        let body = "List-Unsubscribe=One-Click".to_owned();
        let stopped = server.send(Method::POST, &path, None, &form, body).await;
        assert_eq!(stopped.status, StatusCode::OK, "{}", stopped.text);
        assert_eq!(mails().await, 0);
    }
    follow(&eve, &ada, "never").await;
    assert_eq!(inbox(&ada).await.len(), 2);
    assert_eq!(server.app.store.next_due().await.unwrap(), None);
    let forged = format!("/api/unsubscribe/{}.{}", eve.id, path.rsplit('.').next().unwrap());
    for bad in [&forged, "/api/unsubscribe/x", "/api/unsubscribe/%FF"] {
        server.get(bad, None).await.refused(404, "not_found");
        server.send(Method::POST, bad, None, &form, String::new()).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn people_are_pinged_into_a_room_that_they_may_enter() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let (joe, kim, lee) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    // Ben follows Ada, and Ada follows Joe; Eve follows Ada and has blocked the host; Kim has muted Ada.
    for (follower, whom) in [(&ben, &ada), (&ada, &joe), (&eve, &ada), (&ada, &kim)] {
        follow(follower, whom, "never").await;
    }
    let host = server.member(&data).await;
    follow(&ada, &host, "never").await;
    eve.send(Method::PUT, &format!("/api/members/{}/block", host.handle)).await;
    kim.send(Method::PUT, &format!("/api/members/{}/mute", ada.handle)).await;
    let room = host.open("open").await;
    let _host = host.enter(&room).await;
    let ping = async |who: &Member<'_>, room: &str, handles: &[&str]| {
        who.post(&format!("/api/rooms/{room}/ping"), &json!({ "handles": handles })).await
    };
    // And the host is there already.
    let all = [&*ben.handle, &*joe.handle, &*eve.handle, &*kim.handle, &*host.handle];
    ping(&ada, &room, &all).await.refused(409, "not_in_room");
    let _listener = ada.enter(&room).await;
    let mut page = ben.live().await;
    let told = ping(&ada, &room, &all).await;
    assert_eq!(told.status, StatusCode::NO_CONTENT, "{}", told.text);
    let notice = page.next("notice").await["notice"].clone();
    assert_eq!((&notice["kind"], &notice["actor"]["handle"]), (&json!("ping"), &json!(ada.handle)));
    assert_eq!((&notice["body"], &notice["link"]), (&json!("A room"), &json!(format!("/room/{room}"))));
    // Once each; and who may not enter, or does not want to hear of Ada, not at all, which is answered alike.
    assert_eq!(ping(&ada, &room, &all).await.status, StatusCode::NO_CONTENT);
    for (member, times) in [(&ben, 1), (&joe, 1), (&eve, 0), (&kim, 0), (&host, 0)] {
        let pings = inbox(member).await.into_iter().filter(|(kind, _)| kind == "ping");
        assert_eq!(pings.count(), times, "{}", member.handle);
    }
    // Neither strangers, nor nobody, nor oneself, nor too many.
    ping(&ada, &room, &[&ben.handle, &lee.handle]).await.refused(403, "not_allowed");
    ping(&ada, &room, &[&ada.handle]).await.refused(403, "not_allowed");
    ping(&ada, &room, &["nobody_at_all"]).await.refused(404, "member_not_found");
    ping(&ada, &room, &[&*ben.handle; 11]).await.refused(400, "bad_request");
    ping(&ada, &room, &[]).await.refused(400, "bad_request");
    ping(&ada, "00000000000000000000000009", &[&ben.handle]).await.refused(404, "room_not_found");
    // A closed room is for those who were named.
    let closed = ada.open("closed").await;
    let _ada = ada.enter(&closed).await;
    assert_eq!(ping(&ada, &closed, &[&joe.handle]).await.status, StatusCode::NO_CONTENT);
    assert_eq!(inbox(&joe).await.iter().filter(|(kind, _)| kind == "ping").count(), 1);
}

/// Whoever opens many rooms fills nobody's inbox.
#[tokio::test]
async fn opening_rooms_without_end_is_slowed_down() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    for _ in 0..20 {
        ada.open("closed").await;
    }
    let room = json!({ "title": "One more", "kind": "closed" });
    ada.post("/api/rooms", &room).await.refused(429, "rate_limited");
}
