//! From an invitation to its room: the sheet that both sides agreed on is kept to, and the questions come along.

use axum::http::{Method, StatusCode};
use roomtone::edge;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::guests::Guest;
use crate::invitations::{Outside, act, asks_outside, has, link};
use crate::support::{Answer, Member, Server, Socket};

/// A talk of Ada's with Ben, agreed on and dated, with Chen and Dora as members who ask.
struct Talk<'a> {
    ada: Member<'a>,
    ben: Member<'a>,
    chen: Member<'a>,
    dora: Member<'a>,
    /// The invitation's path.
    path: String,
    room: String,
}

async fn ask(member: &Member<'_>, method: Method, path: &str, body: &Value) -> Answer {
    let answer = match body {
        Value::Null => member.send(method, path).await,
        body => member.server.send_json(method, path, Some(&member.token), &body.to_string()).await,
    };
    assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.text);
    answer
}

impl<'a> Talk<'a> {
    /// `sheet` is what the sheet says besides what every sheet does; without it there is none.
    async fn new(server: &'a Server, data: &TempDir, sheet: Option<Value>) -> Self {
        let [ada, ben, chen, dora] = [
            server.member(data).await,
            server.member(data).await,
            server.member(data).await,
            server.member(data).await,
        ];
        let asked = json!({ "invitee": { "handle": ben.handle }, "title": "Maps", "text": "Please come." });
        let asked = ask(&ada, Method::POST, "/api/invitations", &asked).await.json();
        let path = format!("/api/invitations/{}", asked["id"].as_str().unwrap());
        let act =
            async |who: &Member<'_>, body: Value| ask(who, Method::POST, &format!("{path}/acts"), &body).await.json();
        let mut now = act(&ben, json!({ "act": "accept", "round": asked["round"] })).await;
        if let Some(more) = sheet {
            let mut terms = json!({ "topics": [], "minutes": 60, "languages": ["en"], "audience": "open" });
            terms.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let version = ask(&ada, Method::POST, &format!("{path}/sheets"), &terms).await.json();
            now = act(&ben, json!({ "act": "accept_sheet", "sheet": version["hash"] })).await;
        }
        for (who, text) in [(&chen, "Why maps?"), (&dora, "Who draws them?")] {
            ask(who, Method::PUT, &format!("{path}/question"), &json!({ "text": text })).await;
        }
        let questions = ada.get(&format!("{path}/questions")).await.json();
        let of_dora = questions["items"].as_array().unwrap().iter().find(|q| q["text"] == "Who draws them?").unwrap();
        ask(&chen, Method::PUT, &format!("/api/questions/{}/vote", of_dora["id"].as_str().unwrap()), &Value::Null)
            .await;

        let soon = now["steps"].as_array().unwrap().last().unwrap()["at"].as_u64().unwrap() + 900_000;
        now = act(&ada, json!({ "act": "propose_time", "round": now["round"], "times": [soon] })).await;
        now = act(&ben, json!({ "act": "agree_time", "round": now["round"], "times": [soon] })).await;
        let event = format!("/api/events/{}/room", now["event"].as_str().unwrap());
        let room = ask(&ada, Method::POST, &event, &Value::Null).await.json()["id"].as_str().unwrap().to_owned();
        Self { ada, ben, chen, dora, path, room }
    }

    /// The texts of the questions that were answered.
    async fn answered(&self) -> Vec<String> {
        let questions = self.ada.get(&format!("{}/questions", self.path)).await.json();
        let answered = questions["items"].as_array().unwrap().iter().filter(|q| q["answered_at"].is_u64());
        answered.map(|question| question["text"].as_str().unwrap().to_owned()).collect()
    }
}

async fn fresh(socket: &mut Socket) -> Value {
    socket.text(r#"{"type":"resync"}"#).await;
    socket.next("snapshot").await
}

fn of(kind: &str, member: &Member<'_>) -> Value {
    json!({ "type": kind, "member": member.id })
}

fn texts(questions: &Value) -> Vec<&str> {
    questions.as_array().unwrap().iter().map(|question| question["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_room_keeps_to_the_sheet_that_both_sides_agreed_on() {
    let (server, data) = Server::start().await;
    let eve = server.member(&data).await;
    let others = json!([format!("@{}", eve.handle), "Somebody by phone"]);
    let talk = Talk::new(&server, &data, Some(json!({ "recorded": false, "others": others }))).await;
    let mut host = talk.ada.enter(&talk.room).await;
    let (mut ben, mut chen) = (talk.ben.enter(&talk.room).await, talk.chen.enter(&talk.room).await);
    for socket in [&mut host, &mut chen] {
        let terms = fresh(socket).await["room"]["terms"].clone();
        let named: Vec<_> = terms["stage"].as_array().unwrap().iter().map(|person| &person["id"]).collect();
        assert_eq!((&terms["recorded"], &terms["guests"], named.len()), (&json!(false), &json!(1), 3));
        assert!([&talk.ada, &talk.ben, &eve].iter().all(|member| named.contains(&&json!(member.id))), "{terms}");
    }
    chen.accepted(json!({ "type": "raise_hand", "question": "May I?" })).await;
    host.event("hand_raised").await;
    host.refused(of("accept_hand", &talk.chen), "not_in_sheet").await;
    host.refused(of("offer_stage", &talk.chen), "not_in_sheet").await;
    let call = |member: &Member<'_>| json!({ "type": "call_up", "member": member.id, "context": null });
    host.refused(call(&talk.dora), "not_in_sheet").await;
    host.accepted(call(&eve)).await;
    host.refused(json!({ "type": "set_evidence", "on": true }), "not_in_sheet").await;
    host.accepted(of("offer_stage", &talk.ben)).await;
    ben.event("stage_offered").await;
    ben.accepted(json!({ "type": "accept_offer" })).await;
    let mut named = eve.enter(&talk.room).await;
    named.accepted(json!({ "type": "accept_offer" })).await;
    host.event("role_changed").await;
    let stage = fresh(&mut host).await["stage"].as_array().unwrap().len();
    assert_eq!(stage, 3);
}

/// Whoever opens the room, also one of its hosts who may not know of the invitation.
#[tokio::test]
async fn the_sheet_holds_for_whoever_opens_the_room() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let asked = json!({ "invitee": { "handle": ben.handle }, "title": "Maps", "text": "Please come." });
    let id = ask(&ada, Method::POST, "/api/invitations", &asked).await.json()["id"].as_str().unwrap().to_owned();
    act(&ben, &id, json!({ "act": "accept", "round": 1 })).await;
    let terms = json!({ "topics": [], "minutes": 60, "languages": ["en"], "recorded": false, "audience": "open" });
    let version = ask(&ada, Method::POST, &format!("/api/invitations/{id}/sheets"), &terms).await.json();
    act(&ben, &id, json!({ "act": "accept_sheet", "sheet": version["hash"] })).await;
    let soon = edge::now().0 + 60_000;
    act(&ada, &id, json!({ "act": "propose_time", "round": 2, "times": [soon] })).await;
    let dated = act(&ben, &id, json!({ "act": "agree_time", "round": 3, "times": [soon] })).await;
    let event = format!("/api/events/{}", dated["event"].as_str().unwrap());
    ask(&ada, Method::PUT, &format!("{event}/cohosts/{}", eve.handle), &Value::Null).await;
    ask(&eve, Method::POST, &format!("{event}/cohost"), &Value::Null).await;
    assert_eq!(eve.get(&event).await.json()["invitation"], id.as_str());
    ask(&eve, Method::PUT, &format!("/api/members/{}/block", ben.handle), &Value::Null).await;
    eve.get(&format!("/api/invitations/{id}")).await.refused(404, "invitation_not_found");
    // Neither does the event name what they may not know of; for everybody else it does.
    assert_eq!(eve.get(&event).await.json()["invitation"], Value::Null);
    assert_eq!(server.get(&event, None).await.json()["invitation"], id.as_str());
    let room = ask(&eve, Method::POST, &format!("{event}/room"), &Value::Null).await.json();
    let mut host = eve.enter(room["id"].as_str().unwrap()).await;
    assert_eq!(fresh(&mut host).await["room"]["terms"]["recorded"], false);
    host.refused(json!({ "type": "set_evidence", "on": true }), "not_in_sheet").await;
    server.stop().await;
}

#[tokio::test]
async fn questions_come_along_and_what_was_answered_is_noted_at_the_invitation() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path()).await;
    let talk = Talk::new(&server, &data, None).await;
    let mut host = talk.ada.enter(&talk.room).await;
    let mut chen = talk.chen.enter(&talk.room).await;
    assert!(fresh(&mut chen).await["room"]["terms"].is_null(), "no sheet was agreed on");
    assert_eq!(texts(&fresh(&mut host).await["questions"]), ["Who draws them?", "Why maps?"]);
    assert_eq!(fresh(&mut chen).await["questions"], json!([]));
    chen.refused(json!({ "type": "take_question", "number": 1 }), "not_allowed").await;
    host.refused(json!({ "type": "take_question", "number": 3 }), "no_such_question").await;
    host.accepted(json!({ "type": "take_question", "number": 1 })).await;
    let taken = chen.event("question_taken").await["question"].clone();
    assert_eq!((&taken["text"], &taken["votes"]), (&json!("Who draws them?"), &json!(1)));
    assert_eq!(taken["person"]["id"], talk.dora.id.as_str());
    host.accepted(json!({ "type": "settle_question", "number": 1, "answered": true })).await;
    chen.event("question_closed").await;
    assert_eq!(talk.answered().await, ["Who draws them?"]);
    host.accepted(json!({ "type": "take_question", "number": 2 })).await;
    let Talk { ada: Member { token, handle, id, .. }, room, .. } = talk;
    drop((host, chen));
    server.stop().await;

    // What was acknowledged is there without a further word, and comes back with the room.
    let server = Server::start_in(data.path()).await;
    let ada = Member { server: &server, token, handle, id };
    let back = fresh(&mut ada.enter(&room).await).await;
    assert_eq!((texts(&back["questions"]), &back["question"]["number"]), (vec!["Why maps?"], &json!(2)));
    assert_eq!(back["question"]["text"], "Why maps?");
}

#[tokio::test]
async fn a_question_goes_with_the_account_of_who_asked_it() {
    let (server, data) = Server::start().await;
    let talk = Talk::new(&server, &data, None).await;
    let mut host = talk.ada.enter(&talk.room).await;
    host.accepted(json!({ "type": "take_question", "number": 1 })).await;
    let gone = json!({ "handle": talk.dora.handle });
    ask(&talk.dora, Method::DELETE, "/api/me", &gone).await;
    host.event("forgotten").await;
    let snapshot = fresh(&mut host).await;
    assert!(snapshot["question"].is_null());
    assert_eq!(texts(&snapshot["questions"]), ["Why maps?"]);
    assert!(!snapshot.to_string().contains("Who draws them?"));
}

/// Whoever answers without an account comes into the room by themselves, through the green room; and while the talk goes on nothing
/// of what it goes by changes.
#[tokio::test]
async fn who_answers_by_a_link_comes_in_by_one() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let id = asks_outside(&ada).await;
    let office = Outside::by(&server, &link(&ada, &id).await).await;
    let path = format!("/api/invitations/{id}/guest");
    office.act(json!({ "act": "accept", "round": 1 })).await;
    let soon = edge::now().0 + 60_000;
    act(&ada, &id, json!({ "act": "propose_time", "round": 2, "times": [soon] })).await;
    let dated = office.act(json!({ "act": "agree_time", "round": 3, "times": [soon] })).await.json();
    office.comes().await.refused(404, "room_not_found");
    assert!(!has(&office.get().await["can"], "come"));
    let event = format!("/api/events/{}", dated["event"].as_str().unwrap());
    let room = ask(&ada, Method::POST, &format!("{event}/room"), &Value::Null).await.json();
    let room = room["id"].as_str().unwrap();
    assert!(has(&office.get().await["can"], "come"));
    for who in [&ada, &ben] {
        who.send(Method::POST, &path).await.refused(403, "not_allowed");
    }
    server.send(Method::POST, &path, None, &[], String::new()).await.refused(401, "not_signed_in");
    // Of two links the newer one works.
    let (first, second) = (office.comes().await, office.comes().await);
    assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::CREATED), "{}", second.text);
    let code = |made: &Answer| made.json()["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    server.get(&format!("/api/guest-links/{}", code(&first)), None).await.refused(404, "guest_link_not_found");
    let mut host = ada.enter(room).await;
    let guest = Guest::by(&server, second.json()["link"].as_str().unwrap()).await;
    let mut inside = guest.come_in(&mut host).await;
    let listed = ada.get(&format!("/api/rooms/{room}/guests")).await.json()["items"].clone();
    assert_eq!(
        (&listed[0]["name"], &listed[0]["by"]["handle"], &listed[0]["state"]),
        (&json!("The President"), &json!(ada.handle), &json!("inside"))
    );
    office.comes().await.refused(409, "already_here");

    // The event keeps what it began with, whatever either side asks for meanwhile.
    for body in [
        json!({ "act": "propose_time", "round": dated["round"], "times": [soon + 86_400_000] }),
        json!({ "act": "decline", "round": dated["round"] }),
    ] {
        office.act(body).await.refused(409, "event_live");
    }
    ada.post(&format!("/api/invitations/{id}/acts"), &json!({ "act": "withdraw" })).await.refused(409, "event_live");
    let terms = json!({ "topics": [], "minutes": 30, "languages": ["en"], "recorded": false, "audience": "open" });
    ada.post(&format!("/api/invitations/{id}/sheets"), &terms).await.refused(409, "event_live");
    let live = ada.get(&event).await.json();
    assert_eq!((&live["state"], &live["starts_at"], &live["minutes"]), (&json!("live"), &json!(soon), &json!(60)));
    host.accepted(json!({ "type": "end" })).await;
    inside.next("bye").await;
    assert_eq!(office.get().await["state"], "done");
    office.comes().await.refused(410, "invitation_over");
    server.stop().await;
}
