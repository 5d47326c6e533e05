//! The hallway over HTTP and over the live socket: order, reasons, who is online, and what blocks hide.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Member, Server, Socket};

impl Member<'_> {
    pub(crate) async fn follow(&self, whom: &Member<'_>) {
        let path = format!("/api/members/{}/follow", whom.handle);
        assert_eq!(self.send(Method::PUT, &path).await.status, StatusCode::NO_CONTENT);
    }

    pub(crate) async fn block(&self, whom: &Member<'_>) {
        let path = format!("/api/members/{}/block", whom.handle);
        assert_eq!(self.send(Method::PUT, &path).await.status, StatusCode::NO_CONTENT);
    }

    pub(crate) async fn change(&self, what: Value) {
        let headers = [("content-type", "application/json")];
        let answer = self.server.send(Method::PATCH, "/api/me", Some(&self.token), &headers, what.to_string()).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }

    async fn open_with(&self, body: Value) -> String {
        let answer = self.post("/api/rooms", &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The rooms of the hallway in their order.
    async fn hallway(&self) -> Vec<Value> {
        self.get("/api/rooms").await.json()["rooms"].as_array().unwrap().clone()
    }

    async fn order(&self) -> Vec<String> {
        self.hallway().await.iter().map(|room| room["id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Socket {
    /// The next hallway that is as expected.
    async fn hallway_where(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let hallway = self.next("hallway").await;
            if is(&hallway) {
                return hallway;
            }
        }
    }
}

fn ids(hallway: &Value) -> Vec<&str> {
    hallway["rooms"].as_array().unwrap().iter().map(|room| room["id"].as_str().unwrap()).collect()
}

fn online(hallway: &Value) -> Vec<&str> {
    let people = hallway["online"].as_array().unwrap();
    people.iter().map(|one| one["person"]["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_rooms_of_the_followed_come_first_with_their_reasons() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve, joe) = (
        server.member(&data).await,
        server.member(&data).await,
        server.member(&data).await,
        server.member(&data).await,
    );
    ada.change(json!({ "topics": ["Gardens"], "languages": ["fi"] })).await;
    let english = ben.open_with(json!({ "title": "Plain", "kind": "open", "language": "de" })).await;
    let gardens = json!({ "title": "Beds", "kind": "open", "language": "FI-fi", "topics": [" gardens ", "Rust"] });
    let gardens = eve.open_with(gardens).await;
    let (_one, _two) = (ben.enter(&english).await, eve.enter(&gardens).await);
    assert_eq!(ada.order().await, [gardens.as_str(), &english]);
    let room = &ada.hallway().await[0];
    assert_eq!(room["topics"], json!(["gardens", "rust"]));
    assert_eq!(room["house"], Value::Null);
    assert_eq!(room["reasons"], json!([{ "type": "language" }, { "type": "topic", "topic": "gardens" }]));

    // Somebody whom Ada follows listens in the other room, then talks in it.
    ada.follow(&joe).await;
    let mut listener = joe.enter(&english).await;
    assert_eq!(ada.order().await, [english.as_str(), &gardens]);
    let reason = |kind: &str| json!([{ "type": kind, "count": 1, "people": [joe_card(&joe)] }]);
    assert_eq!(ada.hallway().await[0]["reasons"], reason("followed_listening"));
    ada.follow(&ben).await;
    let reasons = ada.hallway().await[0]["reasons"].clone();
    assert_eq!(reasons[0]["type"], "followed_on_stage");
    assert_eq!(reasons[0]["people"][0]["id"], ben.id.as_str());
    assert_eq!(reasons[1], reason("followed_listening")[0]);

    // Who hides is no reason, and neither is who is muted.
    let mute = format!("/api/members/{}/mute", ben.handle);
    assert_eq!(ada.send(Method::PUT, &mute).await.status, StatusCode::NO_CONTENT);
    joe.change(json!({ "online_hidden": true })).await;
    listener.accepted(json!({ "type": "leave" })).await;
    let _listener = joe.enter(&english).await;
    assert_eq!(ada.order().await, [gardens.as_str(), &english]);
    assert_eq!(ada.hallway().await[1]["reasons"], json!([]));
    // The same for everybody: nobody else's reasons are told.
    assert_eq!(eve.hallway().await.iter().filter(|room| room["reasons"] != json!([])).count(), 0);
}

fn joe_card(joe: &Member<'_>) -> Value {
    json!({ "id": joe.id, "handle": joe.handle, "name": joe.handle.to_uppercase(), "avatar": null })
}

#[tokio::test]
async fn topics_are_few_and_short() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    for topics in [json!(["a", "b", "c", "d", "e", "f"]), json!([""]), json!(["x".repeat(31)]), json!(["a\nb"])] {
        let body = json!({ "title": "A", "kind": "open", "topics": topics });
        ada.post("/api/rooms", &body).await.refused(422, "invalid_topics");
    }
    assert!(ada.hallway().await.is_empty());
}

#[tokio::test]
async fn a_page_is_told_of_rooms_and_people_as_they_come_and_go() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let mut page = ada.live().await;
    let first = page.next("hallway").await;
    assert_eq!((ids(&first).len(), online(&first).len()), (0, 0));

    // Whom nobody follows is not shown to anybody.
    let bens_page = ben.live().await;
    ada.follow(&ben).await;
    let hallway = page.hallway_where(|hallway| online(hallway) == [ben.id.as_str()]).await;
    assert_eq!(hallway["online"][0]["room"], Value::Null);

    let room = ben.open("open").await;
    let mut host = ben.enter(&room).await;
    let both = |hallway: &Value| ids(hallway) == [room.as_str()] && hallway["online"][0]["room"] == room.as_str();
    let hallway = page.hallway_where(both).await;
    assert_eq!(hallway["rooms"][0]["reasons"][0]["type"], "followed_on_stage");
    assert_eq!(online(&hallway), [ben.id.as_str()]);
    // What the socket says is what a request would have said.
    assert_eq!(hallway["rooms"], ada.get("/api/rooms").await.json()["rooms"]);

    // A closed room of theirs is not told, though they are in it.
    host.accepted(json!({ "type": "end" })).await;
    page.hallway_where(|hallway| ids(hallway).is_empty()).await;
    let closed = ben.open("closed").await;
    let _host = ben.enter(&closed).await;
    let hallway = ada.get("/api/rooms").await.json();
    assert_eq!(hallway["rooms"], json!([]));

    // Who hides is not online, neither by a page nor in a room.
    drop(bens_page);
    ben.change(json!({ "online_hidden": true })).await;
    page.hallway_where(|hallway| online(hallway).is_empty()).await;
}

#[tokio::test]
async fn a_social_room_is_told_to_those_whom_its_moderators_follow() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let mut page = ada.live().await;
    page.next("hallway").await;
    let room = ben.open("social").await;
    let _host = ben.enter(&room).await;
    assert!(ada.order().await.is_empty());
    ben.follow(&ada).await;
    page.hallway_where(|hallway| ids(hallway) == [room.as_str()]).await;
    assert_eq!(ada.order().await, [room.as_str()]);
    let unfollow = format!("/api/members/{}/follow", ada.handle);
    assert_eq!(ben.send(Method::DELETE, &unfollow).await.status, StatusCode::NO_CONTENT);
    page.hallway_where(|hallway| ids(hallway).is_empty()).await;
}

#[tokio::test]
async fn a_block_hides_rooms_and_people_from_both_at_once() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    ada.follow(&ben).await;
    ben.follow(&ada).await;
    let room = ben.open("open").await;
    let mut host = ben.enter(&room).await;
    let mut listener = ada.enter(&room).await;
    let (mut page, mut bens_page) = (ada.live().await, ben.live().await);
    page.hallway_where(|hallway| online(hallway) == [ben.id.as_str()]).await;
    bens_page.hallway_where(|hallway| online(hallway) == [ada.id.as_str()]).await;

    ada.block(&ben).await;
    assert_eq!(listener.next("bye").await["code"], "left");
    assert_eq!(host.next("snapshot").await["audience"]["count"], 0);
    page.hallway_where(|hallway| ids(hallway).is_empty() && online(hallway).is_empty()).await;
    bens_page.hallway_where(|hallway| online(hallway).is_empty()).await;
    for path in [format!("/api/rooms/{room}"), format!("/api/rooms/{room}/roster")] {
        ada.get(&path).await.refused(404, "room_not_found");
    }
    assert_eq!(ada.try_connect(&room, None, &[]).await.err(), Some((404, "room_not_found".to_owned())));
    ada.offer(&format!("/api/rooms/{room}/listen"), &crate::support::listen_offer())
        .await
        .refused(404, "room_not_found");
    // Named or not: the other way round as well.
    let body = json!({ "title": "Us", "kind": "closed", "named": [ben.handle] });
    ada.post("/api/rooms", &body).await.refused(422, "member_not_found");
    let adas = ada.open("open").await;
    let _ada = ada.enter(&adas).await;
    ben.get(&format!("/api/rooms/{adas}")).await.refused(404, "room_not_found");
    assert_eq!(ben.order().await, [room.as_str()]);
    // Nobody else notices.
    assert_eq!(eve.order().await.len(), 2);
    // After the end, too.
    host.accepted(json!({ "type": "end" })).await;
    host.next("bye").await;
    ada.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    eve.get(&format!("/api/rooms/{room}")).await.refused(410, "room_ended");
}

#[tokio::test]
async fn live_sockets_go_with_their_session_and_are_refused_to_others() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let refused = ada.try_socket("/api/live", &[("origin", "https://elsewhere.example")]).await.err();
    assert_eq!(refused, Some((403, "cross_site".to_owned())));
    let refused = ada.try_socket("/api/live", &[("authorization", "Bearer nonsense")]).await.err();
    assert_eq!(refused, Some((401, "not_signed_in".to_owned())));
    ada.get("/api/live").await.refused(400, "bad_request");
    let (mut page, mut other) = (ada.live().await, ben.live().await);
    assert_eq!(ada.send(Method::DELETE, "/api/session").await.status, StatusCode::NO_CONTENT);
    assert_eq!(page.next("bye").await["code"], "session_ended");
    assert_eq!(page.any().await, None);
    // What a client says means nothing, and much of it ends the socket.
    other.text("hello").await;
    other.next("hallway").await;
    let mut chatty = ben.live().await;
    for _ in 0..200 {
        chatty.text("hello").await;
    }
    while chatty.any().await.is_some() {}
    server.stop().await;
    assert_eq!(other.next("bye").await["code"], "shutting_down");
}

#[tokio::test]
async fn rooms_of_a_house_are_for_its_members() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let house = |handle: &str, private: bool| {
        json!({ "handle": handle, "name": "Maps", "about": "", "rules": "Be kind.", "language": "en",
            "private": private, "nominated": private })
    };
    for (handle, private) in [("maps", false), ("secrets", true)] {
        let made = ada.post("/api/houses", &house(handle, private)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    }
    let body = |house: &str| json!({ "title": "In the house", "kind": "open", "house": house });
    // Whoever is not a member opens none; a private house is like a missing one.
    eve.post("/api/rooms", &body("maps")).await.refused(403, "house_rules");
    for missing in ["secrets", "nowhere"] {
        eve.post("/api/rooms", &body(missing)).await.refused(404, "house_not_found");
    }
    let secret = ada.open_with(body("secrets")).await;
    let _secret = ada.enter(&secret).await;
    eve.get(&format!("/api/rooms/{secret}")).await.refused(404, "room_not_found");
    assert!(eve.order().await.is_empty());
    let card = ada.get(&format!("/api/rooms/{secret}")).await.json();
    assert_eq!(card["house"]["handle"], "secrets");
    assert_eq!(ada.hallway().await[0]["reasons"][0]["house"], card["house"]);

    // An open house's room is shown to all, and entered by those who have accepted the rules.
    joins(&ben, "maps").await;
    let room = ben.open_with(body("maps")).await;
    let mut host = ben.enter(&room).await;
    assert_eq!(eve.order().await, [room.as_str()]);
    assert_eq!(eve.get(&format!("/api/rooms/{room}")).await.status, StatusCode::OK);
    let refused = eve.get(&format!("/api/rooms/{room}/roster")).await;
    assert!(refused.json()["message"].as_str().unwrap().contains("maps"), "{}", refused.text);
    refused.refused(403, "house_rules");
    assert_eq!(eve.try_connect(&room, None, &[]).await.err(), Some((403, "house_rules".to_owned())));
    joins(&eve, "maps").await;
    let mut listener = eve.enter(&room).await;
    host.event("entered").await;

    // Who is removed from the house is out of its rooms, and does not know of them any more.
    let remove = format!("/api/houses/maps/members/{}", eve.handle);
    assert_eq!(ada.send(Method::DELETE, &remove).await.status, StatusCode::NO_CONTENT);
    assert_eq!(listener.next("bye").await["code"], "removed");
    assert_eq!(host.event("left").await["member"], eve.id.as_str());
    eve.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    assert!(eve.order().await.is_empty());
}

async fn joins(member: &Member<'_>, house: &str) {
    let headers = [("content-type", "application/json")];
    let path = format!("/api/houses/{house}/membership");
    let body = json!({ "rules_accepted": true }).to_string();
    let answer = member.server.send(Method::PUT, &path, Some(&member.token), &headers, body).await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

/// Also in the room that they were put out of, while whoever blocked them is still there.
#[tokio::test]
async fn whoever_is_not_blocked_any_more_may_come_back() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let _socket = ben.enter(&room).await;
    ada.block(&ben).await;
    // Nothing is told of Ben any more; a snapshot shows the room without him.
    assert_eq!(host.next("snapshot").await["audience"]["count"], 0);
    assert_eq!(ben.try_connect(&room, None, &[]).await.err(), Some((404, "room_not_found".into())));
    ada.done(Method::DELETE, &format!("/api/members/{}/block", ben.handle)).await;
    ben.enter(&room).await;
    host.event("entered").await;
}
