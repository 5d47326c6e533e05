//! Houses over HTTP: their whole life, and what those see who may not see them.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server};

async fn ask(member: &Member<'_>, method: &str, path: &str, body: &Value) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    if body.is_null() {
        return member.send(method, path).await;
    }
    member.server.send_json(method, path, Some(&member.token), &body.to_string()).await
}

#[track_caller]
fn done(member: &Member<'_>, method: &'static str, path: &str, body: Value) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        let answer = ask(member, method, path, &body).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{at}: {}", answer.text);
    }
}

/// A house of this handle.
async fn make(maker: &Member<'_>, handle: &str, private: bool, nominated: bool) -> Value {
    let house = json!({ "handle": handle, "name": handle.to_uppercase(), "rules": "Be kind.", "private": private,
        "nominated": nominated });
    let made = maker.post("/api/houses", &house).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()
}

fn handles(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["handle"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_house_from_its_making_to_its_end() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let made = make(&ada, "tea", false, false).await;
    assert_eq!((made["role"].as_str(), made["members"].as_u64()), (Some("admin"), Some(1)));
    assert_eq!((made["language"].as_str(), made["invited"].as_bool()), (Some("en"), Some(false)));
    ada.post("/api/houses", &json!({ "handle": "Tea", "name": "Another" })).await.refused(409, "handle_taken");

    let seen = ben.get("/api/houses").await.json();
    assert_eq!((handles(&seen["items"]), handles(&seen["mine"])), (vec!["tea"], vec![]));
    let seen = ben.get("/api/houses/tea").await.json();
    assert_eq!((seen["role"].as_str(), seen["rules"].as_str()), (Some("none"), Some("Be kind.")));
    assert_eq!((seen["rules_seen"].as_bool(), seen["banned"].as_bool()), (Some(false), Some(false)));

    // Following, then joining with the rules accepted.
    done(&ben, "PUT", "/api/houses/tea/follow", Value::Null).await;
    assert_eq!(ben.get("/api/houses/tea").await.json()["role"], "follower");
    let join = |accepted: bool| json!({ "rules_accepted": accepted });
    ask(&ben, "PUT", "/api/houses/tea/membership", &join(false)).await.refused(403, "house_rules");
    assert_eq!(ben.get("/api/houses/tea").await.json()["role"], "follower");
    done(&ben, "PUT", "/api/houses/tea/membership", join(true)).await;
    let seen = ben.get("/api/houses/tea").await.json();
    assert_eq!((seen["role"].as_str(), seen["rules_seen"].as_bool()), (Some("member"), Some(true)));
    let listed = ben.get("/api/houses/tea/members").await.json();
    let roles: Vec<_> = listed["items"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!((roles, listed["next"].clone()), (vec!["admin", "member"], Value::Null));
    assert_eq!(handles(&ben.get("/api/houses").await.json()["mine"]), ["tea"]);

    // Other rules ask again.
    let changed = ask(&ada, "PATCH", "/api/houses/tea", &json!({ "rules": "Be kinder.", "name": "Green tea" })).await;
    assert_eq!((changed.json()["name"].as_str(), changed.status), (Some("Green tea"), StatusCode::OK));
    assert_eq!(ben.get("/api/houses/tea").await.json()["rules_seen"], false);
    done(&ben, "PUT", "/api/houses/tea/membership", join(true)).await;
    assert_eq!(ben.get("/api/houses/tea").await.json()["rules_seen"], true);

    // Somebody always runs it.
    ada.send(Method::DELETE, "/api/houses/tea/membership").await.refused(409, "last_admin");
    let of_ben = format!("/api/houses/tea/members/{}", ben.handle);
    let of_ada = format!("/api/houses/tea/members/{}", ada.handle);
    let role = |role: &str| json!({ "role": role });
    ask(&ada, "PUT", &of_ada, &role("member")).await.refused(409, "last_admin");
    done(&ada, "PUT", &of_ben, role("admin")).await;
    done(&ada, "DELETE", "/api/houses/tea/membership", Value::Null).await;
    ben.send(Method::DELETE, "/api/houses/tea/membership").await.refused(409, "last_admin");
    ask(&ada, "PATCH", "/api/houses/tea", &json!({ "name": "Mine" })).await.refused(403, "not_allowed");
    ada.send(Method::DELETE, "/api/houses/tea").await.refused(403, "not_allowed");
    done(&ben, "DELETE", "/api/houses/tea", Value::Null).await;
    ben.get("/api/houses/tea").await.refused(404, "house_not_found");
}

/// Every route, for a private house and for one that does not exist: nobody outside can tell which is which.
#[tokio::test]
async fn a_private_house_is_like_none() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    make(&ada, "secret", true, false).await;
    let nominated = ada.post("/api/houses/secret/nominations", &json!({ "handle": eve.handle })).await;
    assert_eq!(nominated.json(), json!({ "accepted": true }));
    let routes = [
        ("GET", "", Value::Null),
        ("PATCH", "", json!({ "name": "Mine" })),
        ("DELETE", "", Value::Null),
        ("GET", "/members", Value::Null),
        ("PUT", "/membership", json!({ "rules_accepted": true })),
        ("PUT", "/membership", json!({ "rules_accepted": false })),
        ("DELETE", "/membership", Value::Null),
        ("PUT", "/follow", Value::Null),
        ("DELETE", "/follow", Value::Null),
        ("PUT", "/members/member0", json!({ "role": "admin" })),
        ("DELETE", "/members/member0", Value::Null),
        ("GET", "/bans", Value::Null),
        ("DELETE", "/bans/member0", Value::Null),
        ("POST", "/nominations", json!({ "handle": "member0" })),
        ("GET", "/nominations", Value::Null),
        ("POST", "/nominations/00000000000000000000000001", json!({ "accept": true })),
    ];
    for (method, rest, body) in &routes {
        let [secret, none] = ["secret", "none"].map(|handle| format!("/api/houses/{handle}{rest}"));
        let (secret, none) = (ask(&ben, method, &secret, body).await, ask(&ben, method, &none, body).await);
        assert_eq!((secret.status, &secret.text), (none.status, &none.text), "{method} {rest}");
        none.refused(404, "house_not_found");
    }
    let seen = ben.get("/api/houses").await.json();
    assert_eq!((handles(&seen["items"]), handles(&seen["mine"])), (vec![], vec![]));
    // Who may join sees it, and who has joined is in its list.
    assert_eq!(handles(&eve.get("/api/houses").await.json()["mine"]), ["secret"]);
    assert_eq!(eve.get("/api/houses/secret").await.json()["invited"], true);
    done(&eve, "PUT", "/api/houses/secret/membership", json!({ "rules_accepted": true })).await;
    // Members are no admins.
    for (method, rest, body) in &routes {
        let refused =
            !matches!((*method, *rest), ("GET", "" | "/members") | (_, "/membership" | "/follow" | "/nominations"));
        if refused || (*method, *rest) == ("GET", "/nominations") {
            ask(&eve, method, &format!("/api/houses/secret{rest}"), body).await.refused(403, "not_allowed");
        }
    }
    assert_eq!(ada.get("/api/houses/secret").await.json()["members"], 2);
}

#[tokio::test]
async fn what_a_house_may_say() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let house =
        json!({ "handle": "tea", "name": "Tea", "about": "About tea", "rules": "Be kind.\nAlways.", "language": "ru" });
    let with = |key: &str, value: Value| {
        let mut house = house.clone();
        house[key] = value;
        house
    };
    let bad = [
        (with("handle", json!("a")), "invalid_handle"),
        (with("handle", json!("te\u{0430}")), "invalid_handle"),
        (with("name", json!("")), "invalid_name"),
        (with("name", json!("x\u{202E}y")), "invalid_name"),
        (with("about", json!("x".repeat(501))), "invalid_text"),
        (with("about", json!("x\u{200B}y")), "invalid_text"),
        (with("rules", json!("x".repeat(4_001))), "invalid_text"),
        (with("rules", json!("\u{0}")), "invalid_text"),
        (with("language", json!("english!")), "invalid_language"),
    ];
    for (house, code) in &bad {
        ada.post("/api/houses", house).await.refused(422, code);
    }
    ada.post("/api/houses", &with("members", json!(7))).await.refused(400, "bad_request");
    assert_eq!(ada.post("/api/houses", &house).await.status, StatusCode::CREATED);
    for (change, code) in [
        (json!({ "name": "x".repeat(61) }), "invalid_name"),
        (json!({ "about": "\u{2066}" }), "invalid_text"),
        (json!({ "language": "" }), "invalid_language"),
    ] {
        ask(&ada, "PATCH", "/api/houses/tea", &change).await.refused(422, code);
    }
    let note = json!({ "handle": ada.handle, "note": "x".repeat(281) });
    ada.post("/api/houses/tea/nominations", &note).await.refused(422, "invalid_text");
    for page in ["x", "1", "1.x", "-1.00000000000000000000000001", "99999999999999999999.00000000000000000000000001"] {
        ada.get(&format!("/api/houses?after={page}")).await.refused(400, "bad_request");
        ada.get(&format!("/api/houses/tea/members?after={page}")).await.refused(400, "bad_request");
    }
    assert_eq!(ada.get("/api/houses/tea").await.json()["rules"], "Be kind.\nAlways.");
}

#[tokio::test]
async fn nominations_pass_by_the_admins_and_everybody_hears_of_them() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    make(&ada, "tea", false, false).await;
    done(&ben, "PUT", "/api/houses/tea/membership", json!({ "rules_accepted": true })).await;
    ask(&ada, "PATCH", "/api/houses/tea", &json!({ "nominated": true })).await;
    let join = json!({ "rules_accepted": true });
    ask(&eve, "PUT", "/api/houses/tea/membership", &join).await.refused(403, "nomination_needed");
    let nominate = json!({ "handle": eve.handle, "note": "Knows tea" });
    eve.post("/api/houses/tea/nominations", &nominate).await.refused(403, "not_allowed");
    let nobody = json!({ "handle": "nobody" });
    ben.post("/api/houses/tea/nominations", &nobody).await.refused(404, "member_not_found");
    let waits = ben.post("/api/houses/tea/nominations", &nominate).await;
    assert_eq!((waits.status, waits.json()), (StatusCode::CREATED, json!({ "accepted": false })));
    ben.post("/api/houses/tea/nominations", &nominate).await.refused(409, "nothing_to_change");
    let listed = ada.get("/api/houses/tea/nominations").await.json();
    let nomination = &listed["items"][0];
    assert_eq!(
        (&nomination["nominee"]["handle"], &nomination["nominator"]["handle"], &nomination["note"]),
        (&json!(eve.handle), &json!(ben.handle), &json!("Knows tea"))
    );
    let path = format!("/api/houses/tea/nominations/{}", nomination["id"].as_str().unwrap());
    ask(&ben, "POST", &path, &json!({ "accept": true })).await.refused(403, "not_allowed");
    done(&ada, "POST", &path, json!({ "accept": true })).await;
    ask(&ada, "POST", &path, &json!({ "accept": true })).await.refused(404, "not_found");
    done(&eve, "PUT", "/api/houses/tea/membership", join).await;

    server.app.notices.settle().await;
    let told = async |member: &Member<'_>| {
        let inbox = member.get("/api/notices").await.json();
        let notice = &inbox["items"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&notice["kind"]), text(&notice["actor"]["handle"]), text(&notice["body"]), text(&notice["link"]))
    };
    let about = |kind: &str, actor: &Member<'_>| {
        (kind.to_owned(), actor.handle.clone(), "TEA".to_owned(), "/houses/tea".to_owned())
    };
    assert_eq!(told(&ada).await, about("nomination", &ben));
    assert_eq!(told(&eve).await, about("house_invited", &ada));
    assert_eq!(told(&ben).await, about("house_joined", &eve));
}

#[tokio::test]
async fn a_ban_reaches_those_too_who_have_blocked_the_admin() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    make(&ada, "tea", false, false).await;
    done(&ben, "PUT", "/api/houses/tea/membership", json!({ "rules_accepted": true })).await;
    for member in [&ben, &eve] {
        done(member, "PUT", &format!("/api/members/{}/block", ada.handle), Value::Null).await;
    }
    let path = |member: &Member<'_>| format!("/api/houses/tea/members/{}", member.handle);
    // Who is not in the house stays invisible.
    ada.send(Method::DELETE, &path(&eve)).await.refused(404, "member_not_found");
    ada.send(Method::DELETE, &path(&ada)).await.refused(409, "target_protected");
    done(&ada, "DELETE", &path(&ben), Value::Null).await;
    let seen = ben.get("/api/houses/tea").await.json();
    assert_eq!((seen["role"].as_str(), seen["banned"].as_bool()), (Some("none"), Some(true)));
    let join = json!({ "rules_accepted": true });
    ask(&ben, "PUT", "/api/houses/tea/membership", &join).await.refused(403, "not_allowed");
    ask(&ben, "PUT", "/api/houses/tea/follow", &Value::Null).await.refused(403, "not_allowed");
    let bans = ada.get("/api/houses/tea/bans").await.json();
    assert_eq!(handles(&bans["items"]), [&ben.handle]);
    done(&ada, "DELETE", &format!("/api/houses/tea/bans/{}", ben.handle), Value::Null).await;
    done(&ben, "PUT", "/api/houses/tea/membership", join).await;
}

#[tokio::test]
async fn what_admins_of_a_house_do_is_in_its_log_and_the_servers() {
    let (server, data) = Server::start().await;
    let link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    make(&ada, "tea", false, false).await;
    for member in [&ben, &eve] {
        done(member, "PUT", "/api/houses/tea/membership", json!({ "rules_accepted": true })).await;
    }
    let of = |member: &Member<'_>| format!("/api/houses/tea/members/{}", member.handle);
    done(&ada, "PUT", &of(&ben), json!({ "role": "admin", "reason": "helps" })).await;
    done(&ben, "DELETE", &of(&eve), json!({ "reason": "shouts\na lot" })).await;
    // A reason is not asked for, and is a text like others.
    ada.send(Method::DELETE, &format!("/api/houses/tea/bans/{}", eve.handle)).await;
    ask(&ada, "DELETE", &of(&eve), &json!({ "reason": "x".repeat(281) })).await.refused(422, "invalid_text");
    ask(&ada, "DELETE", &of(&eve), &json!({ "why": "x" })).await.refused(400, "bad_request");
    let log = ada.get("/api/houses/tea/log").await.json();
    let entries: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["act"], &one["actor"]["handle"], &one["about"]["handle"], &one["reason"]))
        .map(|(a, b, c, d)| [a, b, c, d].map(|text| text.as_str().unwrap_or_default().to_owned()))
        .collect();
    let expected = [
        ["house_ban_lifted", &ada.handle, &eve.handle, ""],
        ["house_banned", &ben.handle, &eve.handle, "shouts\na lot"],
        ["house_admin_made", &ada.handle, &ben.handle, "helps"],
    ];
    assert_eq!(entries, expected);
    assert_eq!(log["next"], Value::Null);
    for bad in ["x", "1", "1.x", "-1.7zzzzzzzzzzzzzzzzzzzzzzzzz"] {
        ada.get(&format!("/api/houses/tea/log?after={bad}")).await.refused(400, "bad_request");
    }
    eve.get("/api/houses/tea/log").await.refused(403, "not_allowed");
    // Who reported the house is still heard once an admin has ended it.
    let report = json!({ "house": "tea", "reason": "abuse", "text": "Look at its name" });
    assert_eq!(eve.post("/api/reports", &report).await.status, StatusCode::CREATED);
    done(&ada, "DELETE", "/api/houses/tea", json!({ "reason": "empty" })).await;
    let reports = owner.get("/api/admin/reports?open=true").await.json();
    assert_eq!(
        (&reports["items"][0]["house"], &reports["items"][0]["context"]["house"]["name"]),
        (&Value::Null, &json!("TEA"))
    );
    let audit = owner.get("/api/admin/audit").await.json();
    assert_eq!((&audit["items"][0]["act"], &audit["items"][0]["reason"]), (&json!("house_deleted"), &json!("empty")));
    assert_eq!(audit["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_house_shows_its_rooms() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    make(&ada, "tea", false, false).await;
    make(&ada, "cake", false, false).await;
    done(&ben, "PUT", "/api/houses/tea/membership", json!({ "rules_accepted": true })).await;
    let room = json!({ "title": "Oolong", "kind": "open", "house": "tea" });
    let opened = ada.post("/api/rooms", &room).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
    for (house, rooms) in [("tea", vec!["Oolong"]), ("cake", vec![])] {
        let seen = ben.get(&format!("/api/houses/{house}")).await.json();
        let titles: Vec<_> =
            seen["rooms"].as_array().unwrap().iter().map(|room| room["title"].as_str().unwrap()).collect();
        assert_eq!(titles, rooms, "{house}");
    }
}
