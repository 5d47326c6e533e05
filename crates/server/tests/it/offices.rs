//! Offices: people who act for a member, and what they did.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Member, Server};

impl Member<'_> {
    /// Asks somebody to act for this member; returns the grant's id.
    pub(crate) async fn asks_to_act(&self, delegate: &Member<'_>, rights: &[&str]) -> String {
        let body = json!({ "handle": delegate.handle, "rights": rights, "title": "Press office", "days": 30 });
        let made = self.post("/api/me/office", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// Makes somebody this member's delegate; returns the grant's id.
    pub(crate) async fn has_office(&self, delegate: &Member<'_>, rights: &[&str]) -> String {
        let id = self.asks_to_act(delegate, rights).await;
        let accepted = delegate.send(Method::POST, &format!("/api/me/delegations/{id}")).await;
        assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.text);
        id
    }
}

fn items(list: &Value) -> Vec<(&str, &str)> {
    let text = |item: &'_ Value, name| item[name].as_str().unwrap().to_owned().leak() as &str;
    let of = |item: &Value| (text(&item["person"], "handle"), text(item, "state"));
    list["items"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test]
async fn a_delegate_is_asked_accepts_and_lays_down() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let id = ada.asks_to_act(&ben, &["schedule", "answer"]).await;
    let office = ada.get("/api/me/office").await.json();
    assert_eq!(items(&office), [(ben.handle.as_str(), "offered")]);
    assert_eq!(
        (&office["items"][0]["rights"], &office["items"][0]["title"]),
        (&json!(["answer", "schedule"]), &json!("Press office"))
    );
    assert_eq!(items(&ben.get("/api/me/delegations").await.json()), [(ada.handle.as_str(), "offered")]);
    server.app.notices.settle().await;
    let told = ben.get("/api/notices").await.json();
    let told = &told["items"][0];
    assert_eq!(
        (&told["kind"], &told["body"], &told["link"]),
        (&json!("office_offered"), &json!("Press office"), &json!("/me/office"))
    );
    assert_eq!(told["actor"]["handle"], ada.handle.as_str());

    // Only the delegate accepts, and only who has part in it knows of it.
    let path = format!("/api/me/delegations/{id}");
    for who in [&ada, &eve] {
        who.send(Method::POST, &path).await.refused(404, "grant_not_found");
        who.send(Method::DELETE, &path).await.refused(404, "grant_not_found");
    }
    for who in [&ben, &eve] {
        who.send(Method::DELETE, &format!("/api/me/office/{id}")).await.refused(404, "grant_not_found");
    }
    assert_eq!(ben.send(Method::POST, &path).await.json()["state"], "held");
    ben.send(Method::POST, &path).await.refused(409, "nothing_to_change");
    server.app.notices.settle().await;
    let told = ada.get("/api/notices").await.json();
    assert_eq!(
        (&told["items"][0]["kind"], &told["items"][0]["actor"]["handle"]),
        (&json!("office_accepted"), &json!(ben.handle))
    );

    assert_eq!(ben.send(Method::DELETE, &path).await.status, 204);
    ben.send(Method::DELETE, &path).await.refused(410, "grant_over");
    ada.send(Method::DELETE, &format!("/api/me/office/{id}")).await.refused(410, "grant_over");
    assert_eq!(items(&ada.get("/api/me/office").await.json()), [(ben.handle.as_str(), "laid_down")]);
    assert_eq!(ada.get("/api/me/office/acts").await.json(), json!({ "items": [], "next": null }));
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_granted_is_refused() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let offer = async |change: Value| {
        let mut body = json!({ "handle": ben.handle, "rights": ["answer"], "title": "Office", "days": 1 });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        ada.post("/api/me/office", &body).await
    };
    offer(json!({ "rights": [] })).await.refused(422, "invalid_grant");
    offer(json!({ "days": 0 })).await.refused(422, "invalid_grant");
    offer(json!({ "days": 366 })).await.refused(422, "invalid_grant");
    offer(json!({ "rights": ["speak"] })).await.refused(400, "bad_request");
    for title in ["", "<b>", &"x".repeat(61)] {
        offer(json!({ "title": title })).await.refused(422, "invalid_name");
    }
    offer(json!({ "handle": ada.handle })).await.refused(409, "target_protected");
    offer(json!({ "handle": "nobody_here" })).await.refused(404, "member_not_found");
    ben.send(Method::PUT, &format!("/api/members/{}/block", ada.handle)).await;
    offer(json!({})).await.refused(404, "member_not_found");
    assert_eq!(offer(json!({ "handle": eve.handle })).await.status, 201);
    offer(json!({ "handle": eve.handle })).await.refused(409, "already_delegate");
    // A token of a player is nobody to give or take such a thing.
    let token = ada.post("/api/tokens", &json!({ "label": "Player" })).await.json();
    let token = token["token"].as_str().unwrap();
    let body = json!({ "handle": eve.handle, "rights": ["answer"], "title": "Office", "days": 1 });
    server.post("/api/me/office", Some(token), &body).await.refused(403, "not_allowed");
    server.stop().await;
}

#[tokio::test]
async fn a_block_ends_what_was_granted() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    ada.has_office(&ben, &["answer"]).await;
    assert_eq!(ben.send(Method::PUT, &format!("/api/members/{}/block", ada.handle)).await.status, 204);
    assert_eq!(ben.send(Method::DELETE, &format!("/api/members/{}/block", ada.handle)).await.status, 204);
    assert_eq!(items(&ada.get("/api/me/office").await.json()), [(ben.handle.as_str(), "laid_down")]);
    assert_eq!(items(&ben.get("/api/me/delegations").await.json()), [(ada.handle.as_str(), "laid_down")]);
    server.stop().await;
}

/// What a delegate does is said to be the office's, and its principal reads who did it.
#[tokio::test]
async fn what_an_office_answers_is_in_the_principals_log_alone() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let body = json!({ "invitee": { "handle": ada.handle }, "language": "en", "title": "Join me for a talk", "text": "Would you?" });
    let asked = eve.post("/api/invitations", &body).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text);
    let path = format!("/api/invitations/{}", asked.json()["id"].as_str().unwrap());
    let act = json!({ "act": "need_details", "round": 1, "text": "What exactly is proposed?", "language": "en" });
    let answer = async || ben.post(&format!("{path}/acts"), &act).await;
    answer().await.refused(403, "not_allowed");
    let grant = ada.has_office(&ben, &["schedule"]).await;
    answer().await.refused(403, "not_allowed");
    assert_eq!(ada.send(Method::DELETE, &format!("/api/me/office/{grant}")).await.status, 204);
    let grant = ada.has_office(&ben, &["answer"]).await;
    let answered = answer().await;
    assert!(answered.status.is_success(), "{}", answered.text);

    for reader in [None, Some(&eve.token)] {
        let read = server.get(&path, reader.map(String::as_str)).await;
        assert!(!read.text.contains(&ben.handle) && !read.text.contains(&ben.id), "{}", read.text);
        assert_eq!(read.json()["steps"][1]["voice"]["kind"], "office");
    }
    let log = ada.get("/api/me/office/acts").await.json();
    let [done] = log["items"].as_array().unwrap().as_slice() else { panic!("{log}") };
    assert_eq!((&done["delegate"]["handle"], &done["kind"]), (&json!(ben.handle), &json!("need_details")));
    assert_eq!(path, format!("/api/invitations/{}", done["subject"].as_str().unwrap()));
    assert_eq!(done["note"], "What exactly is proposed?");
    for who in [&ben, &eve] {
        assert_eq!(who.get("/api/me/office/acts").await.json()["items"], json!([]));
    }
    assert!(ada.get("/api/me/office").await.json()["items"][0]["used_at"].as_u64().is_some());
    // Once revoked, nothing more; and who the delegate was, only the two know.
    assert_eq!(ada.send(Method::DELETE, &format!("/api/me/office/{grant}")).await.status, 204);
    let late = json!({ "act": "propose_time", "round": 1, "times": [roomtone::edge::now().0 + 86_400_000] });
    ben.post(&format!("{path}/acts"), &late).await.refused(403, "not_allowed");
    server.stop().await;
}
