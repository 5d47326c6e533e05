//! Profiles, following, blocking, muting and reporting, over HTTP.

use axum::http::{Method, StatusCode};
use roomtone_room::ids::{RecordId, Timestamp};
use roomtone_store::{NewReport, OPEN_REPORTS_MAX};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server};

impl Member<'_> {
    pub(crate) async fn put(&self, path: &str) -> Answer {
        self.send(Method::PUT, path).await
    }

    pub(crate) async fn done(&self, method: Method, path: &str) {
        let answer = self.send(method, path).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{path}: {}", answer.text);
    }

    pub(crate) async fn patch(&self, body: Value) -> Answer {
        self.server.send_json(Method::PATCH, "/api/me", Some(&self.token), &body.to_string()).await
    }

    async fn profile(&self, handle: &str) -> Value {
        let answer = self.get(&format!("/api/members/{handle}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }
}

fn handles(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["person"]["handle"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_profile_is_written_and_seen() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let changed = ada
        .patch(json!({
            "name": " Ada Lovelace ", "bio": "Numbers.\r\nAnd looms.", "links": ["https://looms.example/ada"],
            "topics": ["Looms", "jazz", "looms"], "languages": ["en", "fr"], "language": "fr", "online_hidden": true,
        }))
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let changed = changed.json();
    assert_eq!(
        (changed["person"]["name"].as_str(), changed["bio"].as_str()),
        (Some("Ada Lovelace"), Some("Numbers.\nAnd looms."))
    );
    assert_eq!(changed["topics"], json!(["looms", "jazz"]));
    assert_eq!(ada.get("/api/me/profile").await.json(), changed);
    let seen = ben.profile(&ada.handle).await;
    for field in ["person", "bio", "links", "topics", "languages"] {
        assert_eq!(seen[field], changed[field], "{field}");
    }
    let you = json!({ "follows": false, "bell": null, "follows_you": false, "muted": false });
    assert_eq!((&seen["you"], &seen["sponsor"], &seen["bot"]), (&you, &json!(null), &json!(false)));
    // Nothing that is for the member alone.
    for field in ["language", "online_hidden", "mail", "sessions", "time_zone"] {
        assert_eq!(seen.get(field), None, "{field}");
    }
    assert_eq!(ada.get("/api/me").await.json()["language"], "fr");
}

#[tokio::test]
async fn what_is_not_right_changes_nothing() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let before = ada.get("/api/me/profile").await.json();
    let many = |count: usize, of: &str| vec![of.to_owned(); count];
    let cases = [
        (json!({ "name": "" }), 422, "invalid_name"),
        (json!({ "name": "a\u{202e}b" }), 422, "invalid_name"),
        (json!({ "name": "Fine", "handle": "a b" }), 422, "invalid_handle"),
        (json!({ "name": "Fine", "handle": ben.handle }), 409, "handle_taken"),
        (json!({ "language": "x" }), 422, "invalid_language"),
        (json!({ "languages": ["en", "english language"] }), 422, "invalid_language"),
        (json!({ "languages": many(11, "en") }), 422, "invalid_language"),
        (json!({ "bio": "x".repeat(601) }), 422, "invalid_text"),
        (json!({ "bio": "a\u{2066}b" }), 422, "invalid_text"),
        (json!({ "links": ["http://looms.example"] }), 422, "invalid_link"),
        (json!({ "links": ["javascript:alert(1)"] }), 422, "invalid_link"),
        (json!({ "links": many(9, "https://looms.example/") }), 422, "invalid_link"),
        (json!({ "topics": ["a\nb"] }), 422, "invalid_topics"),
        (json!({ "topics": (0..11).map(|n| n.to_string()).collect::<Vec<_>>() }), 422, "invalid_topics"),
        (json!({ "owner": true }), 400, "bad_request"),
        (json!({ "bio": 5 }), 400, "bad_request"),
    ];
    for (body, status, code) in cases {
        ada.patch(body).await.refused(status, code);
    }
    assert_eq!(ada.get("/api/me/profile").await.json(), before);
    for handle in ["first", "second"] {
        assert_eq!(ada.patch(json!({ "handle": handle })).await.status, StatusCode::OK);
    }
    ada.patch(json!({ "handle": "third" })).await.refused(409, "handle_changed_lately");
    ben.get("/api/members/first").await.refused(404, "member_not_found");
    assert_eq!(ben.profile("second").await["person"]["id"], ada.id.as_str());
}

#[tokio::test]
async fn following_has_a_bell_and_two_lists() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let follow = |who: &Member<'_>| format!("/api/members/{}/follow", who.handle);
    ada.done(Method::PUT, &follow(&ben)).await;
    ada.done(Method::PUT, &follow(&ben)).await;
    let you = json!({ "follows": true, "bell": "sometimes", "follows_you": false, "muted": false });
    assert_eq!(ada.profile(&ben.handle).await["you"], you);
    let bell = |bell: &str| json!({ "bell": bell }).to_string();
    let set = server.send_json(Method::PUT, &follow(&ben), Some(&ada.token), &bell("always")).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.text);
    assert_eq!(ada.profile(&ben.handle).await["you"]["bell"], "always");
    let wrong = server.send_json(Method::PUT, &follow(&ben), Some(&ada.token), &bell("loud")).await;
    wrong.refused(400, "bad_request");
    eve.done(Method::PUT, &follow(&ben)).await;
    ben.done(Method::PUT, &follow(&ada)).await;
    let followers = eve.get(&format!("/api/members/{}/followers", ben.handle)).await.json();
    assert_eq!((handles(&followers["items"]).len(), &followers["next"]), (2, &json!(null)));
    let following = eve.get(&format!("/api/members/{}/following", ben.handle)).await.json();
    assert_eq!(handles(&following["items"]), [ada.handle.as_str()]);
    let profile = ada.profile(&ben.handle).await;
    assert_eq!((&profile["followers"], &profile["following"]), (&json!(2), &json!(1)));
    assert_eq!(profile["you"]["follows_you"], true);
    assert_eq!(handles(&json!([{ "person": eve.profile(&ada.handle).await["mutuals"][0] }])), [ben.handle.as_str()]);
    ada.done(Method::DELETE, &follow(&ben)).await;
    ada.done(Method::DELETE, &follow(&ben)).await;
    assert_eq!(eve.profile(&ben.handle).await["followers"], 1);
    // Nobody follows themselves, or somebody who is not there.
    ada.put(&follow(&ada)).await.refused(409, "target_protected");
    ada.put("/api/members/nobody/follow").await.refused(404, "member_not_found");
    for after in ["x", "1.x", "-1.00000000000000000000000000", "%FF"] {
        let path = format!("/api/members/{}/followers?after={after}", ben.handle);
        eve.get(&path).await.refused(400, "bad_request");
    }
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let (server, data) = Server::start().await;
    let star = server.member(&data).await;
    let mut fans = Vec::new();
    for _ in 0..60 {
        let fan = server.member(&data).await;
        fan.done(Method::PUT, &format!("/api/members/{}/follow", star.handle)).await;
        fans.push(fan.handle.clone());
    }
    let first = star.get(&format!("/api/members/{}/followers", star.handle)).await.json();
    let next = first["next"].as_str().unwrap();
    let second = star.get(&format!("/api/members/{}/followers?after={next}", star.handle)).await.json();
    assert_eq!(
        (handles(&first["items"]).len(), handles(&second["items"]).len(), &second["next"]),
        (50, 10, &json!(null))
    );
    let mut seen: Vec<_> = handles(&first["items"]).into_iter().chain(handles(&second["items"])).collect();
    seen.sort_unstable();
    fans.sort_unstable();
    assert_eq!(seen, fans);
}

/// On every surface that is about people, in both directions.
#[tokio::test]
async fn a_block_makes_each_missing_for_the_other() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    for (one, other) in [(&ada, &ben), (&ben, &ada), (&ada, &eve), (&ben, &eve), (&eve, &ada), (&eve, &ben)] {
        one.done(Method::PUT, &format!("/api/members/{}/follow", other.handle)).await;
    }
    ada.done(Method::PUT, &format!("/api/members/{}/block", ben.handle)).await;
    ada.done(Method::PUT, &format!("/api/members/{}/block", ben.handle)).await;
    for (one, other) in [(&ada, &ben), (&ben, &ada)] {
        let missing = one.get("/api/members/nobody").await;
        missing.refused(404, "member_not_found");
        for (method, path) in [
            (Method::GET, ""),
            (Method::GET, "/followers"),
            (Method::GET, "/following"),
            (Method::PUT, "/follow"),
            (Method::DELETE, "/follow"),
            (Method::PUT, "/mute"),
            (Method::DELETE, "/mute"),
        ] {
            let (there, nowhere) = (
                one.send(method.clone(), &format!("/api/members/{}{path}", other.handle)).await,
                one.send(method.clone(), &format!("/api/members/nobody{path}")).await,
            );
            assert_eq!((there.status, &there.text), (nowhere.status, &nowhere.text), "{method} {path}");
            assert_eq!(there.text, missing.text);
        }
        assert_eq!(one.get("/api/me").await.json()["follows_anybody"], true);
        let of_eve = one.get(&format!("/api/members/{}/followers", eve.handle)).await.json();
        assert_eq!(handles(&of_eve["items"]), [one.handle.as_str()]);
        let suggested = one.get("/api/suggestions").await.json();
        assert!(!handles(&suggested["items"]).contains(&other.handle.as_str()), "{suggested}");
    }
    // Only who blocked may unblock, and the other cannot tell.
    assert_eq!(handles(&ada.get("/api/blocks").await.json()["items"]), [ben.handle.as_str()]);
    assert_eq!(ben.get("/api/blocks").await.json()["items"], json!([]));
    ben.put(&format!("/api/members/{}/block", ada.handle)).await.refused(404, "member_not_found");
    ben.send(Method::DELETE, &format!("/api/members/{}/block", ada.handle)).await.refused(404, "member_not_found");
    ben.get(&format!("/api/members/{}", ada.handle)).await.refused(404, "member_not_found");
    ada.done(Method::DELETE, &format!("/api/members/{}/block", ben.handle)).await;
    ada.done(Method::DELETE, &format!("/api/members/{}/block", ben.handle)).await;
    assert_eq!(
        ben.profile(&ada.handle).await["you"],
        json!({ "follows": false, "bell": null, "follows_you": false, "muted": false })
    );
    ada.put(&format!("/api/members/{}/block", ada.handle)).await.refused(409, "target_protected");
    ada.put("/api/members/nobody/block").await.refused(404, "member_not_found");
    ada.send(Method::DELETE, "/api/members/nobody/block").await.refused(404, "member_not_found");
}

#[tokio::test]
async fn muting_is_known_to_nobody_else() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let before = ben.profile(&ada.handle).await;
    ada.done(Method::PUT, &format!("/api/members/{}/mute", ben.handle)).await;
    ada.done(Method::PUT, &format!("/api/members/{}/mute", ben.handle)).await;
    assert_eq!(ben.profile(&ada.handle).await, before);
    assert_eq!(ada.profile(&ben.handle).await["you"]["muted"], true);
    assert_eq!(handles(&ada.get("/api/mutes").await.json()["items"]), [ben.handle.as_str()]);
    assert_eq!(ben.get("/api/mutes").await.json()["items"], json!([]));
    ada.done(Method::DELETE, &format!("/api/members/{}/mute", ben.handle)).await;
    assert_eq!(ada.get("/api/mutes").await.json()["items"], json!([]));
    ada.put(&format!("/api/members/{}/mute", ada.handle)).await.refused(409, "target_protected");
    // Whoever blocks one vanishes from the list, is answered as missing, and unmuted all the same.
    ada.done(Method::PUT, &format!("/api/members/{}/mute", ben.handle)).await;
    ben.done(Method::PUT, &format!("/api/members/{}/block", ada.handle)).await;
    assert_eq!(ada.get("/api/mutes").await.json()["items"], json!([]));
    ada.send(Method::DELETE, &format!("/api/members/{}/mute", ben.handle)).await.refused(404, "member_not_found");
    ben.done(Method::DELETE, &format!("/api/members/{}/block", ada.handle)).await;
    assert_eq!(ada.get("/api/mutes").await.json()["items"], json!([]), "a mute that nobody could see");
}

#[tokio::test]
async fn a_profile_shows_the_room_to_those_who_may_enter_it() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    ben.done(Method::PUT, &format!("/api/members/{}/follow", ada.handle)).await;
    let seen = ben.profile(&ada.handle).await;
    assert_eq!((&seen["online"], &seen["room"]), (&json!(false), &json!(null)));
    let open = ada.open("open").await;
    let socket = ada.enter(&open).await;
    let seen = ben.profile(&ada.handle).await;
    assert_eq!((&seen["online"], seen["room"]["id"].as_str()), (&json!(true), Some(open.as_str())));
    ada.patch(json!({ "online_hidden": true })).await;
    let hidden = ben.profile(&ada.handle).await;
    assert_eq!((&hidden["online"], &hidden["room"]), (&json!(false), &json!(null)));
    ada.patch(json!({ "online_hidden": false })).await;
    socket.cut();
    let closed = ada.open("closed").await;
    let _socket = ada.enter(&closed).await;
    assert_eq!(ben.profile(&ada.handle).await["room"], json!(null), "of a room that is not for them");
    assert_eq!(ada.profile(&ada.handle).await["room"]["id"], closed.as_str());
}

#[tokio::test]
async fn reports_keep_what_was_known_and_tell_nobody() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ben.open("open").await;
    let _host = ben.enter(&room).await;
    let _listener = ada.enter(&room).await;
    ada.done(Method::PUT, &format!("/api/members/{}/follow", ben.handle)).await;
    let body =
        json!({ "about": ben.handle, "room": room, "house": null, "reason": "abuse", "text": "He shouts.\nA lot." });
    let made = ada.post("/api/reports", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let notices = ben.get("/api/notices").await.json();
    let told = notices["items"].as_array().unwrap().iter().filter(|notice| notice["kind"] != "followed").count();
    assert_eq!(told, 0, "nobody who is reported learns of it: {notices}");
    let id = made.json()["id"].as_str().unwrap().parse().unwrap();
    let report = server.app.store.report(id).await.unwrap().unwrap();
    assert_eq!((report.reason.as_str(), report.text.as_str()), ("abuse", "He shouts.\nA lot."));
    let context: Value = serde_json::from_str(&report.context).unwrap();
    assert_eq!(context["reporter"], ada.handle.as_str());
    assert_eq!(context["about"]["handle"], ben.handle.as_str());
    assert_eq!((&context["about"]["followed"], &context["about"]["blocked"]), (&json!(true), &json!(false)));
    assert_eq!((&context["room"]["title"], context["room"].get("host")), (&json!("A room"), None));
    assert_eq!(report.room_host.map(|host| host.handle), Some(ben.handle.clone()));
    assert_eq!(
        (&context["room"]["about_role"], &context["room"]["reporter_role"]),
        (&json!("host"), &json!("listener"))
    );
    // Whom one has blocked one may still report; who has blocked one is missing.
    ada.done(Method::PUT, &format!("/api/members/{}/block", ben.handle)).await;
    let about = |handle: &str| json!({ "about": handle, "reason": "spam", "text": "" });
    assert_eq!(ada.post("/api/reports", &about(&ben.handle)).await.status, StatusCode::CREATED);
    ben.post("/api/reports", &about(&ada.handle)).await.refused(404, "member_not_found");
    let closed = eve.open("closed").await;
    let cases = [
        (json!({ "reason": "spam", "text": "" }), 400, "bad_request"),
        (json!({ "about": ben.handle, "reason": "ugly", "text": "" }), 400, "bad_request"),
        (json!({ "about": ben.handle, "reason": "spam", "text": "x".repeat(2_001) }), 422, "invalid_text"),
        (json!({ "about": ada.handle, "reason": "spam", "text": "" }), 409, "target_protected"),
        (json!({ "about": "nobody", "reason": "spam", "text": "" }), 404, "member_not_found"),
        (json!({ "room": closed, "reason": "spam", "text": "" }), 404, "room_not_found"),
        (json!({ "room": "nonsense", "reason": "spam", "text": "" }), 404, "room_not_found"),
        (json!({ "house": "nowhere", "reason": "spam", "text": "" }), 404, "house_not_found"),
    ];
    for (body, status, code) in cases {
        ada.post("/api/reports", &body).await.refused(status, code);
    }
    let mut refused = false;
    for _ in 0..30 {
        refused |= eve.post("/api/reports", &about(&ben.handle)).await.status == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(refused, "nobody may bury everybody else's");
}

#[tokio::test]
async fn whoever_has_as_many_reports_waiting_as_one_may_is_not_told_to_come_back_at_once() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    for id in 1..=OPEN_REPORTS_MAX {
        let waiting = NewReport {
            id: RecordId(id.into()),
            reporter: ada.id.parse().unwrap(),
            about: Some(ben.id.parse().unwrap()),
            room: None,
            room_host: None,
            house: None,
            reason: "spam".to_owned(),
            text: String::new(),
            context: "{}".to_owned(),
            created_at: Timestamp(1),
        };
        assert!(server.app.store.create_report(waiting).await.unwrap());
    }
    let about = |member: &Member<'_>| json!({ "about": member.handle, "reason": "spam", "text": "" });
    let answer = ada.post("/api/reports", &about(&ben)).await;
    answer.refused(429, "rate_limited");
    assert_eq!(answer.headers["retry-after"], "3600", "no sooner than somebody has looked at one");
    assert_eq!(ben.post("/api/reports", &about(&ada)).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_new_name_reaches_the_room_that_they_are_in() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let (_ben, _eve) = (ben.enter(&room).await, eve.enter(&room).await);
    // With a page open beside the room, and without.
    let _page = eve.live().await;
    for (member, name) in [(&ben, "Benjamin"), (&eve, "Eva")] {
        let change = json!({ "name": name }).to_string();
        let changed = server.send_json(Method::PATCH, "/api/me", Some(&member.token), &change).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        let told = host.next("renamed").await["person"].clone();
        assert_eq!((&told["id"], &told["name"]), (&json!(member.id), &json!(name)));
    }
    let roster = ada.get(&format!("/api/rooms/{room}/roster")).await.json();
    let names: Vec<_> =
        roster["participants"].as_array().unwrap().iter().map(|p| p["person"]["name"].clone()).collect();
    assert_eq!(names[1..], [json!("Benjamin"), json!("Eva")]);
}

/// Blocking whom one has molested is no way out of being reported.
#[tokio::test]
async fn who_has_blocked_one_can_be_reported_with_the_room_in_which_one_met() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let (room, other) = (eve.open("open").await, server.member(&data).await.open("open").await);
    let _host = eve.enter(&room).await;
    let _ada = ada.enter(&room).await;
    let ben_in_it = ben.enter(&room).await;
    let call = ben.post("/api/calls", &json!({ "handle": ada.handle })).await;
    assert_eq!(call.status, StatusCode::CREATED, "{}", call.text);
    let called = call.json()["room"].as_str().unwrap().to_owned();
    // A notice is written a moment after the call was made.
    let mut page = ada.get("/api/notices").await.json();
    while page["items"].as_array().unwrap().is_empty() {
        tokio::task::yield_now().await;
        page = ada.get("/api/notices").await.json();
    }
    ben.done(Method::PUT, &format!("/api/members/{}/block", ada.handle)).await;
    drop(ben_in_it);
    let about = |handle: &str, room: &str| json!({ "about": handle, "room": room, "reason": "abuse", "text": "" });
    let nobody = ada.post("/api/reports", &about("nobody", &room)).await;
    for elsewhere in [other.as_str(), "nonsense", "7zzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let refused = ada.post("/api/reports", &about(&ben.handle, elsewhere)).await;
        refused.refused(404, "member_not_found");
        assert_eq!(refused.text, nobody.text);
    }
    for met in [&room, &called] {
        let made = ada.post("/api/reports", &about(&ben.handle, met)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let id = made.json()["id"].as_str().unwrap().parse().unwrap();
        let report = server.app.store.report(id).await.unwrap().unwrap();
        assert_eq!((report.about.unwrap().handle, report.room.unwrap().to_string()), (ben.handle.clone(), met.clone()));
    }
    // Who was not there learns nothing by it.
    let mia = server.member(&data).await;
    ben.done(Method::PUT, &format!("/api/members/{}/block", mia.handle)).await;
    mia.post("/api/reports", &about(&ben.handle, &room)).await.refused(404, "member_not_found");
}
