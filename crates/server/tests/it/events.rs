//! Events over HTTP: their whole life, what subscribers are told, what those see who may not see them, and feeds.

use atom_syndication::Feed;
use axum::http::{Method, StatusCode};
use icalendar::{Calendar, CalendarComponent, Component};
use roomtone::edge;
use roomtone::events::settle;
use roomtone_store::EventDone;
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server, Trusting, on_both_databases};

on_both_databases!(
    an_event_from_its_announcement_to_its_end,
    who_hosts_it_too,
    an_event_of_a_private_house_is_like_none
);

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

async fn ask(member: &Member<'_>, method: &str, path: &str, body: &Value) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    if body.is_null() {
        return member.send(method, path).await;
    }
    member.server.send_json(method, path, Some(&member.token), &body.to_string()).await
}

/// What the answer holds, which is a good one.
async fn got(member: &Member<'_>, method: &str, path: &str, body: &Value) -> Value {
    let answer = ask(member, method, path, body).await;
    assert!(answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.text);
    if answer.text.is_empty() { Value::Null } else { answer.json() }
}

/// A new event, as its host sees it.
async fn announce(host: &Member<'_>, more: Value) -> Value {
    let mut body = json!({ "title": "Tea", "about": "A talk\n\nabout tea", "topics": ["Tea"], "language": "en" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    got(host, "POST", "/api/events", &body).await
}

fn path(event: &Value) -> String {
    format!("/api/events/{}", event["id"].as_str().unwrap())
}

/// What somebody was told of events, the oldest first.
async fn told(member: &Member<'_>) -> Vec<String> {
    settle(&member.server.app).await.unwrap();
    member.server.app.notices.settle().await;
    let inbox = member.get("/api/notices").await.json();
    let mut told: Vec<_> = inbox["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|notice| !notice["event"].is_null())
        .map(|notice| {
            assert_eq!(notice["link"], format!("/events/{}", notice["subject"].as_str().unwrap()));
            assert!(!notice["body"].as_str().unwrap().is_empty());
            match notice["event"]["change"].as_str() {
                Some(change) => change.to_owned(),
                None => notice["kind"].as_str().unwrap().to_owned(),
            }
        })
        .collect();
    told.reverse();
    told
}

fn acts(event: &Value) -> Vec<&str> {
    event["can"].as_array().unwrap().iter().map(|act| act.as_str().unwrap()).collect()
}

fn titles(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|event| event["title"].as_str().unwrap()).collect()
}

async fn an_event_from_its_announcement_to_its_end(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let (ada, ben, eve) = (server.member(data).await, server.member(data).await, server.member(data).await);
        let event = announce(&ada, json!({})).await;
        assert_eq!((event["state"].as_str(), event["starts_at"].clone()), (Some("agreed"), Value::Null));
        assert_eq!((event["minutes"].as_u64(), event["kind"].as_str()), (Some(60), Some("open")));
        assert_eq!(acts(&event), ["edit", "date", "cancel", "poll", "cohosts", "subscribe"]);
        let path = path(&event);
        // Without an account it is the same, and nothing can be done.
        let public = server.get(&path, None).await.json();
        assert_eq!((public["title"].as_str(), acts(&public)), (Some("Tea"), vec![]));
        assert_eq!(public["host"]["handle"], ada.handle);

        got(&ben, "PUT", &format!("{path}/subscription"), &json!({ "going": true })).await;
        got(&eve, "PUT", &format!("{path}/subscription"), &Value::Null).await;
        let seen = got(&ben, "GET", &path, &Value::Null).await;
        assert_eq!((seen["subscribers"].as_u64(), seen["going"].as_u64()), (Some(3), Some(2)));
        assert_eq!((seen["subscription"].clone(), acts(&seen)), (json!({ "going": true }), vec!["subscribe"]));
        got(&eve, "DELETE", &format!("{path}/subscription"), &Value::Null).await;

        let now = edge::now().0;
        let date = async |starts_at: Value| {
            let body = json!({ "starts_at": starts_at, "time_zone": "Europe/Berlin" });
            ask(&ada, "POST", &format!("{path}/date"), &body).await
        };
        let dated = date(json!(now + DAY)).await.json();
        assert_eq!((dated["state"].as_str(), dated["starts_at"].as_u64()), (Some("dated"), Some(now + DAY)));
        date(json!(now + DAY)).await.refused(409, "nothing_to_change");
        assert_eq!(told(&ben).await, ["dated"]);
        ask(&ada, "POST", &format!("{path}/room"), &Value::Null).await.refused(409, "too_early");
        assert_eq!(date(json!(now + 2 * DAY)).await.json()["state"], "dated");
        assert_eq!(date(Value::Null).await.json()["state"], "agreed");
        ask(&ada, "POST", &format!("{path}/room"), &Value::Null).await.refused(409, "not_dated");
        let soon = date(json!(now + 20 * MINUTE)).await.json();
        assert!(acts(&soon).contains(&"open_room"));
        got(&ada, "PATCH", &path, &json!({ "title": "Green tea" })).await;

        ask(&ben, "POST", &format!("{path}/room"), &Value::Null).await.refused(403, "not_allowed");
        let opened = ask(&ada, "POST", &format!("{path}/room"), &Value::Null).await;
        assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
        let room = opened.json()["id"].as_str().unwrap().to_owned();
        let again = ask(&ada, "POST", &format!("{path}/room"), &Value::Null).await;
        assert_eq!((again.status, again.json()["id"].as_str()), (StatusCode::OK, Some(room.as_str())));
        let card = got(&ben, "GET", &format!("/api/rooms/{room}"), &Value::Null).await;
        assert_eq!((card["title"].as_str(), card["topics"].clone()), (Some("Green tea"), json!(["tea"])));
        let live = got(&ben, "GET", &path, &Value::Null).await;
        assert_eq!((live["state"].as_str(), live["room"].as_str()), (Some("live"), Some(room.as_str())));
        date(Value::Null).await.refused(409, "event_live");

        let mut socket = ada.enter(&room).await;
        socket.accepted(json!({ "type": "end" })).await;
        assert_eq!(told(&ben).await, ["dated", "moved", "undated", "dated", "live", "ended"]);
        let ended = got(&ben, "GET", &path, &Value::Null).await;
        assert_eq!((ended["state"].as_str(), acts(&ended)), (Some("ended"), vec![]));
        let changes = ended["changes"].as_array().unwrap().iter().map(|change| change["change"].as_str().unwrap());
        assert_eq!(changes.collect::<Vec<_>>(), ["announced", "dated", "moved", "undated", "dated", "live", "ended"]);
        ask(&ada, "POST", &format!("{path}/room"), &Value::Null).await.refused(410, "event_over");
        // Nobody else was told anything, and who did it was told nothing but that the room has ended.
        assert_eq!((told(&eve).await, told(&ada).await), (vec![], vec!["ended".to_owned()]));
    }
}

async fn who_hosts_it_too(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let (ada, ben, eve) = (server.member(data).await, server.member(data).await, server.member(data).await);
        let event = announce(&ada, json!({ "cohosts": [ben.handle], "starts_at": edge::now().0 + MINUTE })).await;
        let path = path(&event);
        assert_eq!((event["state"].as_str(), event["cohosts"].clone()), (Some("proposed"), json!([])));
        assert_eq!(event["asked"][0]["handle"], ben.handle);
        // Of several who were asked each sees themselves alone.
        let fay = server.member(data).await;
        got(&ada, "PUT", &format!("{path}/cohosts/{}", fay.handle), &Value::Null).await;
        for who in [&ben, &fay] {
            let asked = got(who, "GET", &path, &Value::Null).await["asked"].clone();
            assert_eq!((asked.as_array().unwrap().len(), &asked[0]["handle"]), (1, &json!(who.handle)));
        }
        got(&fay, "DELETE", &format!("{path}/cohost"), &Value::Null).await;
        assert_eq!(told(&ben).await, ["cohost_asked"]);
        // Nobody sees who was asked but those two.
        assert_eq!(got(&eve, "GET", &path, &Value::Null).await["asked"], json!([]));
        let seen = got(&ben, "GET", &path, &Value::Null).await;
        assert_eq!(
            (seen["asked"][0]["handle"].as_str(), acts(&seen)),
            (Some(&*ben.handle), vec!["accept_cohost", "leave_cohost", "subscribe"])
        );
        ask(&ben, "PATCH", &path, &json!({ "title": "Mine" })).await.refused(403, "not_allowed");
        ask(&eve, "POST", &format!("{path}/cohost"), &Value::Null).await.refused(403, "not_allowed");
        let agreed = got(&ben, "POST", &format!("{path}/cohost"), &Value::Null).await;
        assert_eq!(
            (agreed["state"].as_str(), agreed["cohosts"][0]["handle"].as_str()),
            (Some("dated"), Some(&*ben.handle))
        );
        let mut heard = told(&ada).await;
        heard.sort_unstable();
        assert_eq!(heard, ["agreed", "cohost_accepted"]);

        // They open the room, and whoever opens it at the same time finds it open.
        got(&ada, "PUT", &format!("{path}/cohosts/{}", eve.handle), &Value::Null).await;
        got(&ada, "PUT", &format!("{path}/cohosts/{}", eve.handle), &Value::Null).await;
        ask(&ben, "PUT", &format!("{path}/cohosts/{}", eve.handle), &Value::Null).await.refused(403, "not_allowed");
        got(&eve, "DELETE", &format!("{path}/cohost"), &Value::Null).await;
        let room = format!("{path}/room");
        let (one, two) = tokio::join!(ask(&ada, "POST", &room, &Value::Null), ask(&ben, "POST", &room, &Value::Null));
        assert_eq!(one.json()["id"], two.json()["id"]);
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201]);
        got(&ada, "DELETE", &format!("{path}/cohosts/{}", ben.handle), &Value::Null).await;
        ask(&ada, "DELETE", &format!("{path}/cohosts/{}", ben.handle), &Value::Null)
            .await
            .refused(404, "member_not_found");
    }
}

/// Every route, for an event of a private house, for one with whose host there is a block, and for one that does not exist.
async fn an_event_of_a_private_house_is_like_none(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let (ada, eve) = (server.member(data).await, server.member(data).await);
        let house = json!({ "handle": "secret", "name": "Secret", "private": true });
        got(&ada, "POST", "/api/houses", &house).await;
        let hidden = announce(&ada, json!({ "house": "secret", "starts_at": edge::now().0 + DAY })).await;
        let open = announce(&ada, json!({})).await;
        // Who may not know of the house is not asked to host an event of it: they would learn of it by that.
        let asks = json!({ "title": "Tea", "house": "secret", "cohosts": [eve.handle] });
        ask(&ada, "POST", "/api/events", &asks).await.refused(403, "not_allowed");
        let routes = [
            ("GET", "", Value::Null),
            ("PATCH", "", json!({ "title": "Mine" })),
            ("POST", "/date", json!({ "starts_at": null })),
            ("POST", "/cancel", Value::Null),
            ("POST", "/room", Value::Null),
            ("PUT", "/subscription", Value::Null),
            ("DELETE", "/subscription", Value::Null),
            ("PUT", "/poll", json!({ "times": [] })),
            ("PUT", "/poll/votes", json!({ "times": [] })),
            ("PUT", &format!("/cohosts/{}", eve.handle), Value::Null),
            ("DELETE", &format!("/cohosts/{}", eve.handle), Value::Null),
            ("POST", "/cohost", Value::Null),
            ("DELETE", "/cohost", Value::Null),
        ];
        let missing = "/api/events/7zzzzzzzzzzzzzzzzzzzzzzzzz".to_owned();
        for (method, rest, body) in &routes {
            let mut answers = Vec::new();
            for path in [path(&hidden), missing.clone()] {
                let answer = ask(&eve, method, &format!("{path}{rest}"), body).await;
                answer.refused(404, "event_not_found");
                answers.push(answer.text);
            }
            assert_eq!(answers[0], answers[1], "{method} {rest}");
        }
        server.get(&path(&hidden), None).await.refused(404, "event_not_found");
        assert_eq!(server.get(&path(&open), None).await.status, StatusCode::OK);
        assert_eq!(titles(&eve.get("/api/events").await.json()).len(), 1);
        got(&ada, "PUT", &format!("/api/members/{}/block", eve.handle), &Value::Null).await;
        eve.get(&path(&open)).await.refused(404, "event_not_found");
        assert_eq!(titles(&eve.get("/api/events").await.json()).len(), 0);
        eve.get("/api/events?house=secret").await.refused(404, "house_not_found");
        for feed in ["/events.atom", "/events.ics"] {
            let text = server.get(feed, None).await.text;
            assert!(!text.contains(hidden["id"].as_str().unwrap()), "{text}");
        }
        for feed in [
            "/houses/secret/events.atom",
            "/houses/secret/events.ics",
            &format!("/events/{}.ics", hidden["id"].as_str().unwrap()),
        ] {
            server.get(feed, None).await.refused(404, "not_found");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_announced() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let now = edge::now().0;
    for (body, status, code) in [
        (json!({ "title": "" }), 422, "invalid_title"),
        (json!({ "title": "Tea", "about": "x".repeat(4_001) }), 422, "invalid_text"),
        (json!({ "title": "Tea", "starts_at": now - 1 }), 422, "invalid_date"),
        (json!({ "title": "Tea", "starts_at": now + 3 * 366 * DAY }), 422, "invalid_date"),
        (json!({ "title": "Tea", "starts_at": now + DAY, "time_zone": "Mars/Base" }), 422, "invalid_date"),
        (json!({ "title": "Tea", "recurrence": "weekly" }), 422, "invalid_date"),
        (json!({ "title": "Tea", "minutes": 4 }), 422, "invalid_setting"),
        (json!({ "title": "Tea", "minutes": 1_441 }), 422, "invalid_setting"),
        (json!({ "title": "Tea", "house": "nowhere" }), 404, "house_not_found"),
        (json!({ "title": "Tea", "cohosts": ["nobody_here"] }), 422, "member_not_found"),
        (json!({ "title": "Tea", "cohosts": ["a", "b", "c", "d", "e", "f"] }), 409, "too_many_people"),
        (json!({ "title": "Tea", "topics": ["a", "b", "c", "d", "e", "f"] }), 422, "invalid_topics"),
        (json!({ "title": "Tea", "language": "?" }), 422, "invalid_language"),
        (json!({ "title": "Tea", "starts": 1 }), 400, "bad_request"),
    ] {
        // Each counts, whether or not it comes about.
        server.forget_who_asked();
        ask(&ada, "POST", "/api/events", &body).await.refused(status, code);
    }
    assert_eq!(titles(&ada.get("/api/events").await.json()).len(), 0);
    for query in ["box=none", "box=mine&house=tea", "after=1", "after=1.2", "house=a&person=b", "dated=perhaps"] {
        let answer = ada.get(&format!("/api/events?{query}")).await;
        answer.refused(400, "bad_request");
    }
    let event = announce(&ada, json!({})).await;
    ask(&ada, "POST", &format!("{}/date", path(&event)), &json!({})).await.refused(400, "bad_request");
    let poll = format!("{}/poll", path(&event));
    for times in [json!([now + DAY]), json!([now + DAY, now + DAY]), json!([now - 1, now + DAY])] {
        ask(&ada, "PUT", &poll, &json!({ "times": times })).await.refused(422, "invalid_date");
    }
    server.stop().await;
}

#[tokio::test]
async fn people_choose_among_times() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let path = path(&announce(&ada, json!({})).await);
    let now = edge::now().0;
    let (one, two) = (now + DAY, now + 2 * DAY);
    ask(&ben, "PUT", &format!("{path}/poll"), &json!({ "times": [one, two] })).await.refused(403, "not_allowed");
    let asked = got(&ada, "PUT", &format!("{path}/poll"), &json!({ "times": [two, one] })).await;
    assert_eq!(
        asked["poll"],
        json!([{ "at": one, "votes": 0, "mine": false }, { "at": two, "votes": 0, "mine": false }])
    );
    assert!(acts(&got(&ben, "GET", &path, &Value::Null).await).contains(&"vote"));
    got(&ben, "PUT", &format!("{path}/poll/votes"), &json!({ "times": [two] })).await;
    ask(&ben, "PUT", &format!("{path}/poll/votes"), &json!({ "times": [two + 1] })).await.refused(422, "invalid_date");
    let seen = server.get(&path, None).await.json();
    assert_eq!(seen["poll"][1], json!({ "at": two, "votes": 1, "mine": false }));
    assert_eq!(got(&ben, "GET", &path, &Value::Null).await["poll"][1]["mine"], true);
    let dated = got(&ada, "POST", &format!("{path}/date"), &json!({ "starts_at": two })).await;
    assert_eq!((dated["poll"].clone(), dated["state"].as_str()), (json!([]), Some("dated")));
    server.stop().await;
}

#[tokio::test]
async fn what_comes_again_is_there_again_for_the_same_people() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let starts_at = edge::now().0 + DAY;
    let event =
        announce(&ada, json!({ "starts_at": starts_at, "recurrence": "weekly", "time_zone": "Asia/Tokyo" })).await;
    assert_eq!(event["recurrence"], "weekly");
    got(&ben, "PUT", &format!("{}/subscription", path(&event)), &json!({ "going": true })).await;
    got(&ada, "POST", &format!("{}/cancel", path(&event)), &json!({ "reason": "Ill" })).await;
    assert_eq!(told(&ben).await, ["cancelled", "announced"]);
    let list = ben.get("/api/events?box=subscribed").await.json();
    let next = &list["items"][0];
    assert_eq!((titles(&list).len(), next["starts_at"].as_u64()), (1, Some(starts_at + 7 * DAY)));
    assert_eq!((next["state"].as_str(), next["subscription"].clone()), (Some("dated"), json!({ "going": false })));
    let next = got(&ben, "GET", &path(next), &Value::Null).await;
    assert_eq!(next["series"], got(&ben, "GET", &path(&event), &Value::Null).await["series"]);
    // Moved by another clock, it goes on by the one by which all of them were planned.
    let moved = json!({ "starts_at": starts_at + 8 * DAY, "time_zone": "America/New_York" });
    got(&ada, "POST", &format!("{}/date", path(&next)), &moved).await;
    got(&ada, "POST", &format!("{}/cancel", path(&next)), &Value::Null).await;
    settle(&server.app).await.unwrap();
    let list = ben.get("/api/events?box=subscribed").await.json();
    let next = list["items"][0].clone();
    assert_eq!(
        (next["starts_at"].as_u64(), next["time_zone"].as_str()),
        (Some(starts_at + 14 * DAY), Some("Asia/Tokyo"))
    );
    // The last one.
    got(&ada, "POST", &format!("{}/cancel", path(&next)), &json!({ "series": true })).await;
    let heard = ["cancelled", "announced", "moved", "cancelled", "announced", "cancelled"];
    assert_eq!(told(&ben).await, heard);
    assert_eq!(titles(&ben.get("/api/events").await.json()).len(), 0);
    server.stop().await;
}

#[tokio::test]
async fn events_are_listed_and_found() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let now = edge::now().0;
    announce(&ada, json!({ "title": "Some day" })).await;
    announce(&ada, json!({ "title": "Tomorrow", "starts_at": now + DAY })).await;
    announce(&ben, json!({ "title": "Soon", "starts_at": now + MINUTE })).await;
    let list = async |member: &Member<'_>, query: &str| {
        let list = member.get(&format!("/api/events{query}")).await.json();
        titles(&list).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list(&eve, "").await, ["Soon", "Tomorrow", "Some day"]);
    assert_eq!(list(&eve, "?dated=true").await, ["Soon", "Tomorrow"]);
    assert_eq!(list(&eve, "?dated=false").await, ["Some day"]);
    assert_eq!(list(&eve, "?box=upcoming").await, Vec::<String>::new());
    got(&eve, "PUT", &format!("/api/members/{}/follow", ada.handle), &Value::Null).await;
    assert_eq!(list(&eve, "?box=upcoming").await, ["Tomorrow", "Some day"]);
    assert_eq!(list(&eve, &format!("?person={}", ben.handle)).await, ["Soon"]);
    assert_eq!(list(&ada, "?box=mine").await, ["Tomorrow", "Some day"]);
    while server.app.store.index_next().await.unwrap() > 0 {}
    let found = eve.get("/api/search?q=tomorow").await.json();
    assert_eq!(found["events"][0]["title"], "Tomorrow");
    let found = eve.get("/api/search?q=some&kind=people").await.json();
    assert_eq!(found["events"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn feeds_tell_what_everybody_may_know() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let starts_at = edge::now().0 / 1_000 * 1_000 + DAY;
    let event = announce(&ada, json!({ "title": "Tea; biscuits & more", "starts_at": starts_at, "minutes": 90 })).await;
    let undated = announce(&ada, json!({ "title": "Some day" })).await;
    let gone = announce(&ada, json!({ "title": "Gone", "starts_at": starts_at })).await;
    got(&ada, "POST", &format!("{}/cancel", path(&gone)), &json!({ "reason": "Ill" })).await;

    let answer = server.get("/events.atom", None).await;
    assert_eq!(answer.headers["content-type"], "application/atom+xml; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "public, max-age=300");
    let feed: Feed = answer.text.parse().unwrap();
    let entries: Vec<_> = feed.entries.iter().map(|entry| entry.title.value.as_str()).collect();
    assert_eq!(entries[0], "It is cancelled: Gone");
    assert!(entries.contains(&"Announced: Some day"), "{entries:?}");
    assert_eq!(entries.len(), 4);
    assert!(feed.entries[0].id.ends_with(&format!("/events/{}#2", gone["id"].as_str().unwrap())));

    let calendar = async |path: &str| {
        let answer = server.get(path, None).await;
        assert_eq!(answer.headers["content-type"], "text/calendar; charset=utf-8", "{}", answer.text);
        let calendar: Calendar = answer.text.parse().unwrap();
        let events = calendar.components.iter().filter_map(CalendarComponent::as_event);
        let mut found: Vec<_> = events
            .map(|event| {
                let value = |key| event.property_value(key).unwrap_or_default().to_owned();
                (event.get_summary().unwrap().to_owned(), value("STATUS"), value("SEQUENCE"))
            })
            .collect();
        found.sort();
        found
    };
    let one = |title: &str, status: &str, sequence: &str| (title.to_owned(), status.to_owned(), sequence.to_owned());
    let (tea, cancelled) = (one("Tea; biscuits & more", "CONFIRMED", "1"), one("Gone", "CANCELLED", "2"));
    assert_eq!(calendar("/events.ics").await, [cancelled.clone(), tea.clone()]);
    let id = event["id"].as_str().unwrap();
    assert_eq!(calendar(&format!("/events/{id}.ics")).await, std::slice::from_ref(&tea));
    assert_eq!(calendar(&format!("/events/{}.ics", undated["id"].as_str().unwrap())).await, []);

    // What has not changed is not sent again, by either header.
    let etag = answer.headers["etag"].to_str().unwrap();
    let modified = answer.headers["last-modified"].to_str().unwrap();
    for (name, value) in [("if-none-match", etag), ("if-modified-since", modified)] {
        let same = server.send(Method::GET, "/events.atom", None, &[(name, value)], String::new()).await;
        assert_eq!((same.status, same.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{name}");
    }
    got(&ada, "POST", &format!("{}/date", path(&undated)), &json!({ "starts_at": starts_at })).await;
    let other = server.send(Method::GET, "/events.atom", None, &[("if-none-match", etag)], String::new()).await;
    assert_eq!(other.status, StatusCode::OK);

    // One event by itself, for who waits for its date.
    let of_it = async |id: &Value| {
        let answer = server.get(&format!("/events/{}.atom", id.as_str().unwrap()), None).await;
        let feed: Feed = answer.text.parse().unwrap();
        assert_eq!(feed.id, feed.links.iter().find(|link| link.rel == "self").unwrap().href);
        feed.entries.iter().map(|entry| entry.title.value.clone()).collect::<Vec<_>>()
    };
    let entries = of_it(&undated["id"]).await;
    assert_eq!((entries.len(), entries[1].as_str()), (2, "Announced: Some day"));
    assert!(entries[0].starts_with("It has a date, ") && entries[0].ends_with(": Some day"), "{entries:?}");
    let page = format!("/events/{}", undated["id"].as_str().unwrap());
    assert!(server.get(&page, None).await.text.contains(&format!("{page}.atom")));
    server.get("/events/7zzzzzzzzzzzzzzzzzzzzzzzzz.atom", None).await.refused(404, "not_found");

    // An event whose date is taken back is gone from a calendar that is asked for by its time alone.
    let late = announce(&ada, json!({ "title": "Late", "starts_at": starts_at })).await;
    let before = server.get("/events.ics", None).await.headers["last-modified"].to_str().unwrap().to_owned();
    let (taken_back, host) = (undated["id"].as_str().unwrap().parse().unwrap(), ada.id.parse().unwrap());
    let done = server.app.store.set_event_date(taken_back, host, None, edge::now().plus(5_000)).await.unwrap();
    assert!(matches!(done, EventDone::Done(_)), "{done:?}");
    let same = [("if-modified-since", before.as_str())];
    let gone_since = server.send(Method::GET, "/events.ics", None, &same, String::new()).await;
    assert_eq!(gone_since.status, StatusCode::OK);
    assert!(!gone_since.text.contains(undated["id"].as_str().unwrap()), "{}", gone_since.text);
    got(&ada, "POST", &format!("{}/cancel", path(&late)), &Value::Null).await;

    // A member's own: what they subscribe to, behind an address that ends.
    assert_eq!(ben.get("/api/me/calendar").await.json()["since"], Value::Null);
    let address = async || {
        let made = got(&ben, "POST", "/api/me/calendar", &Value::Null).await;
        format!("/calendar/{}", made["url"].as_str().unwrap().rsplit('/').next().unwrap())
    };
    let first = address().await;
    assert_eq!(calendar(&first).await, []);
    got(&ben, "PUT", &format!("{}/subscription", path(&event)), &Value::Null).await;
    assert_eq!(calendar(&first).await, [tea]);
    let second = address().await;
    server.get(&first, None).await.refused(404, "not_found");
    assert_eq!(calendar(&second).await.len(), 1);
    assert!(ben.get("/api/me/calendar").await.json()["since"].is_u64());
    got(&ben, "DELETE", "/api/me/calendar", &Value::Null).await;
    server.get(&second, None).await.refused(404, "not_found");
    server.get("/calendar/nonsense.ics", None).await.refused(404, "not_found");

    // An invitation tells of its steps.
    let asked =
        json!({ "invitee": { "handle": ben.handle }, "language": "en", "title": "Come & talk", "text": "Please" });
    let asked = got(&ada, "POST", "/api/invitations", &asked).await;
    let of_it = format!("/invitations/{}.atom", asked["id"].as_str().unwrap());
    let feed: Feed = server.get(&of_it, None).await.text.parse().unwrap();
    assert_eq!((feed.title.value.as_str(), feed.entries.len()), ("Come & talk", 1));
    let name = ada.handle.to_uppercase();
    assert_eq!(feed.entries[0].title.value, format!("{name}: the invitation (signed in here)"));
    server.get("/invitations/7zzzzzzzzzzzzzzzzzzzzzzzzz.atom", None).await.refused(404, "not_found");

    // People have a feed if they let everybody read of them, houses if they are not private.
    let of_ada = format!("/people/{}/events.atom", ada.handle);
    server.get(&of_ada, None).await.refused(404, "not_found");
    server.get("/people/nobody_here/events.atom", None).await.refused(404, "not_found");
    got(&ada, "PATCH", "/api/me", &json!({ "public": true })).await;
    let feed: Feed = server.get(&of_ada, None).await.text.parse().unwrap();
    assert_eq!(feed.entries.len(), 8);
    got(&ada, "POST", "/api/houses", &json!({ "handle": "tea", "name": "Tea" })).await;
    assert_eq!(calendar("/houses/tea/events.ics").await, []);
    server.stop().await;
}
