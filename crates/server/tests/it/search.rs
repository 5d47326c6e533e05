//! Search over HTTP: what is found, by whom, and what is refused.

use axum::http::Method;
use roomtone_room::search::Query;
use serde_json::{Value, json};

use crate::support::{Member, Server};

/// Gives a member a name.
async fn rename(member: &Member<'_>, name: &str) {
    let headers = [("content-type", "application/json")];
    let body = json!({ "name": name }).to_string();
    let answer = member.server.send(Method::PATCH, "/api/me", Some(&member.token), &headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Has everything that is marked taken in. The server's own task does the same at the same time, and has not committed
/// when this one finds nothing left only if it is waited for: both write through the store's one writer.
async fn indexed(server: &Server) {
    while server.app.store.index_next().await.unwrap() > 0 {}
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn found(member: &Member<'_>, typed: &str) -> Value {
    let answer = member.get(&format!("/api/search?q={}", encoded(typed))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn handles(found: &Value) -> Vec<String> {
    let people = found["people"].as_array().unwrap();
    people.iter().map(|one| one["handle"].as_str().unwrap().to_owned()).collect()
}

fn titles(found: &Value) -> Vec<String> {
    found["rooms"].as_array().unwrap().iter().map(|room| room["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_found_in_either_alphabet_and_with_an_error() {
    let (server, data) = Server::start().await;
    let (ada, faina) = (server.member(&data).await, server.member(&data).await);
    rename(&faina, "Фаина Раневская").await;
    indexed(&server).await;
    for typed in ["Фаина", "faina", "ранев", "fiana", "faina ranevskaya", "Раневская Фаина"] {
        assert_eq!(handles(&found(&ada, typed).await), [faina.handle.as_str()], "{typed}");
    }
    let answer = found(&ada, "faina").await;
    let expected = json!({ "id": faina.id, "handle": faina.handle, "name": "Фаина Раневская", "avatar": null,
        "followed": false, "mutual_count": 0 });
    assert_eq!(answer["people"], json!([expected]));
    for kind in ["houses", "rooms", "events", "replays"] {
        assert_eq!(answer[kind], json!([]), "{kind}");
    }
    // Followed: first, and said so. A block: nobody, both ways.
    let follow = format!("/api/members/{}/follow", faina.handle);
    assert_eq!(ada.send(Method::PUT, &follow).await.status, 204);
    assert_eq!(found(&ada, "faina").await["people"][0]["followed"], true);
    let block = format!("/api/members/{}/block", faina.handle);
    assert_eq!(ada.send(Method::PUT, &block).await.status, 204);
    assert_eq!(handles(&found(&ada, "faina").await), [""; 0]);
    assert!(!handles(&found(&faina, &ada.handle).await).contains(&ada.handle));
    assert_eq!(handles(&found(&ada, &ada.handle).await)[0], ada.handle);
    server.stop().await;
}

/// Nobody asks the store to: the server's own task does it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_taken_in_by_themselves() {
    let (server, data) = Server::start().await;
    let member = server.member(&data).await;
    let viewer = roomtone_room::ids::MemberId(1);
    let wait_for = async |typed: &str| {
        let query = Query::parse(typed).unwrap();
        let waiting = async {
            while server.app.store.search(&query, viewer).people(1).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await.expect("found in time");
    };
    wait_for(&member.handle).await;
    rename(&member, "Pygmalion").await;
    wait_for("pygmalion").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_are_found_by_those_who_may_know_of_them() {
    let (server, data) = Server::start().await;
    let (hosts, other) = (
        [server.member(&data).await, server.member(&data).await, server.member(&data).await],
        server.member(&data).await,
    );
    rename(&hosts[0], "Grace Hopper").await;
    let rooms = [("Вечер о космосе", "open"), ("Kitchen table", "open"), ("Kitchen secrets", "closed")];
    let mut sockets = Vec::new();
    for (host, (title, kind)) in hosts.iter().zip(rooms) {
        let answer = host.post("/api/rooms", &json!({ "title": title, "kind": kind })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        sockets.push(host.enter(answer.json()["id"].as_str().unwrap()).await);
    }
    assert_eq!(titles(&found(&other, "hopper").await), ["Вечер о космосе"]);
    assert_eq!(titles(&found(&other, "kitchen").await), ["Kitchen table"]);
    assert_eq!(titles(&found(&other, "kithcen tabel").await), ["Kitchen table"]);
    assert_eq!(titles(&found(&other, "kosmos").await), ["Вечер о космосе"]);
    assert_eq!(titles(&found(&other, "secrets").await), [""; 0]);
    assert_eq!(titles(&found(&hosts[2], "kitchen secrets").await), ["Kitchen secrets"]);
    let only = other.get("/api/search?q=kitchen&kind=people").await.json();
    assert_eq!(titles(&only), [""; 0]);
    let only = other.get("/api/search?q=kitchen&kind=rooms").await.json();
    assert_eq!(titles(&only), ["Kitchen table"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_searched_for() {
    let (server, data) = Server::start().await;
    let member = server.member(&data).await;
    server.get("/api/search?q=ada", None).await.refused(401, "not_signed_in");
    let long = format!("/api/search?q={}", "a".repeat(201));
    for path in ["/api/search", "/api/search?q=a&kind=secrets", "/api/search?q=a&more=1", &long] {
        member.get(path).await.refused(400, "bad_request");
    }
    // Nothing to search for, or nothing that could be a word: nothing is found.
    for typed in
        ["", "%20", "%25%25%25", "%27%3B--", "%F0%9F%98%80", "%FF", "%00", &"a".repeat(200), &"a%20".repeat(100)]
    {
        let answer = member.get(&format!("/api/search?q={typed}")).await;
        assert_eq!((answer.status.as_u16(), answer.json()["people"].clone()), (200, json!([])), "{typed}");
    }
    server.stop().await;
}
