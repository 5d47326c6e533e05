//! Who may do what: every route there is, tried as everybody there is. A route without a row fails the test, and so does a row
//! without a route. Where the answer is "there is no such thing", it is the very answer that an invented id gets.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, StatusCode};
use roomtone::edge::Secret;
use roomtone_room::ids::{RecordId, Timestamp};
use roomtone_store::{Changes, NewEvidence, NewTranscriptLine, NewWaiting, ReplayHearers, Speaker};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authenticator::Authenticator;
use crate::support::{Answer, Member, Server, Socket, Trusting, listen_offer, on_both_databases};
use table::{ACCEPTED, CLIP, OF_GUESTS, OFFER, PROOF, SETTINGS, TABLE, Thing};

/// In the order of the table's columns.
const ROLES: [&str; 6] = ["visitor", "member", "blocked", "admin", "owner", "self"];

on_both_databases!(every_route_answers_every_role_as_the_table_says);

async fn every_route_answers_every_role_as_the_table_says(servers: &[Trusting]) {
    let mut codes = Vec::new();
    for Trusting { server, data } in servers {
        let mut world = World::new(server, data).await;
        let (mut wrong, mut refusals) = (Vec::new(), BTreeMap::new());
        for (number, row) in TABLE.iter().enumerate() {
            // Answers the server's signs of life, without which a socket counts as lost after a while: refused, as there is no hand.
            world.host.command(json!({ "type": "lower_hand" })).await;
            wrong.extend(world.check(number, row, &mut refusals).await);
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
        codes.push(refusals);
    }
    for other in &codes[1..] {
        assert_eq!(&codes[0], other, "SQLite on the left, Postgres on the right");
    }
}

#[tokio::test]
async fn every_route_has_a_row_and_every_row_a_route() {
    let (server, _data) = Server::start().await;
    let description = server.get("/api/openapi.json", None).await.json();
    let mut routes: BTreeSet<String> = roomtone::http::UNDESCRIBED.iter().map(|path| format!("GET {path}")).collect();
    for (path, methods) in description["paths"].as_object().unwrap() {
        routes.extend(methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let rows: BTreeSet<String> = TABLE.iter().map(|(route, ..)| (*route).to_owned()).collect();
    assert_eq!(routes, rows, "routes on the left, rows on the right");
    server.stop().await;
}

/// Those who try: the same for all rows, but for Ada and whom she has blocked.
struct World<'a> {
    server: &'a Server,
    data: &'a TempDir,
    member: Member<'a>,
    admin: Member<'a>,
    owner: Member<'a>,
    /// The cookie of a guest of a room of somebody else's, who is there.
    guest: String,
    /// The host of that room is there as long as this is.
    host: Socket,
}

/// What stands in place of the path's and the body's placeholders.
type Names = Vec<(&'static str, String)>;

impl<'a> World<'a> {
    async fn new(server: &'a Server, data: &'a TempDir) -> Self {
        let link = server.app.owner_link().await.unwrap().unwrap();
        let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
        let (member, admin) = (server.member(data).await, server.member(data).await);
        let settings = server.send_json(Method::PUT, "/api/admin/settings", Some(&owner.token), SETTINGS).await;
        assert_eq!(settings.status, StatusCode::OK, "{}", settings.text);
        let path = format!("/api/admin/members/{}/admin", admin.handle);
        assert_eq!(owner.send(Method::PUT, &path).await.status, StatusCode::NO_CONTENT);
        let host = server.member(data).await;
        let room = host.open("open").await;
        let socket = host.enter(&room).await;
        let link = crate::guests::link(&host, &room, "Grace").await;
        let guest = crate::guests::Guest::by(server, link["link"].as_str().unwrap()).await.cookie;
        Self { server, data, member, admin, owner, guest, host: socket }
    }

    /// Tries one row as everybody, and says what was not as it is to be. The codes of refusals go with the others'.
    async fn check(
        &self,
        number: usize,
        (route, thing, body, expected): &(&str, Thing, &str, &str),
        codes: &mut BTreeMap<String, Value>,
    ) -> Vec<String> {
        let ada = self.server.member(self.data).await;
        let blocked = self.server.member(self.data).await;
        let block = format!("/api/members/{}/block", blocked.handle);
        assert_eq!(ada.send(Method::PUT, &block).await.status, StatusCode::NO_CONTENT);
        let mut names = self.make(*thing, &ada).await;
        names.push(("new", format!("new{number}")));

        let tokens = [None, Some(&self.member), Some(&blocked), Some(&self.admin), Some(&self.owner), Some(&ada)];
        let (method, path) = route.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let mut wrong = Vec::new();
        let expected: Vec<_> = expected.split(' ').collect();
        assert_eq!(expected.len(), ROLES.len(), "{route}");
        for ((role, member), expected) in ROLES.iter().zip(tokens).zip(expected) {
            if expected == "-" {
                continue;
            }
            let token = member.map(|member| member.token.as_str());
            let answer = self.ask(&method, &filled(path, &names), token, &filled(body, &names), &[]).await;
            if role == &"visitor" {
                wrong.extend(self.check_guest(route, &names, body, expected, &answer).await);
            }
            let found = answer.status.as_str();
            if found != expected {
                wrong.push(format!(
                    "{route} ({thing:?}) as {role}: {expected} expected, {found} found: {:.120}",
                    answer.text
                ));
            }
            if answer.status.is_client_error() {
                codes.insert(format!("{route} ({thing:?}) as {role}"), answer.json()["code"].clone());
            }
            if found != "404" {
                continue;
            }
            if path.starts_with("/api/admin") && !matches!(*role, "admin" | "owner") {
                let nowhere = self.ask(&method, "/api/nowhere", token, body, &[]).await;
                if (nowhere.status, &nowhere.text) != (answer.status, &answer.text) {
                    wrong.push(format!("{route} as {role}: {} here, {} nowhere", answer.text, nowhere.text));
                }
            }
            if *role == "self" || *thing == Thing::Nothing {
                continue;
            }
            // What cannot be seen, and what is not: the same answer to the letter.
            let missing = self.ask(&method, &filled(path, &[]), token, &filled(body, &[]), &[]).await;
            if (missing.status, &missing.text) != (answer.status, &answer.text) {
                wrong.push(format!(
                    "{route} ({thing:?}) as {role}: {} for what is there, {} for what is not",
                    answer.text, missing.text
                ));
            }
        }
        wrong
    }

    /// A guest of another room is a visitor, but where it says otherwise above.
    async fn check_guest(
        &self,
        route: &str,
        names: &Names,
        body: &str,
        expected: &str,
        visitor: &Answer,
    ) -> Option<String> {
        let own = OF_GUESTS.iter().find(|(of, _)| *of == route).map(|(_, expected)| *expected);
        if own == Some("-") {
            return None;
        }
        let (method, path) = route.split_once(' ').unwrap();
        let cookie = [("cookie", self.guest.as_str())];
        let method = method.parse().unwrap();
        let answer = self.ask(&method, &filled(path, names), None, &filled(body, names), &cookie).await;
        let same = own.is_some() || !answer.status.is_client_error() || answer.text == visitor.text;
        if answer.status.as_str() == own.unwrap_or(expected) && same {
            return None;
        }
        let expected = own.unwrap_or(expected);
        Some(format!("{route} as guest: {expected} expected, {} found: {:.120}", answer.status, answer.text))
    }

    async fn ask(&self, method: &Method, path: &str, token: Option<&str>, body: &str, more: &[(&str, &str)]) -> Answer {
        let (kind, body) = match body {
            "" => return self.server.send(method.clone(), path, token, more, String::new()).await,
            OFFER => ("application/sdp", listen_offer()),
            "no picture" => ("image/png", body.to_owned()),
            "no voice" => ("audio/wav", body.to_owned()),
            _ => ("application/json", body.to_owned()),
        };
        let headers: Vec<_> = more.iter().copied().chain([("content-type", kind)]).collect();
        self.server.send(method.clone(), path, token, &headers, body).await
    }

    /// Writes something down for each track of a replay for which nothing is.
    async fn write_down(&self) {
        let store = &self.server.app.store;
        let (text, language) = ("Good evening.".to_owned(), "en".to_owned());
        let said = [NewTranscriptLine { from_ms: 0, to_ms: 1_000, text, language }];
        while let Some(track) = store.begin_transcript().await.unwrap() {
            assert!(store.keep_transcript(track.replay, track.n, &said, roomtone::edge::now()).await.unwrap());
        }
    }

    /// Makes what a row is about.
    async fn make(&self, thing: Thing, ada: &Member<'_>) -> Names {
        let made = |answer: Answer| {
            assert!(answer.status.is_success(), "{thing:?}: {} {}", answer.status, answer.text);
            if answer.text.is_empty() { Value::Null } else { answer.json() }
        };
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        match thing {
            Thing::Nothing => Vec::new(),
            Thing::Ada => vec![("handle", ada.handle.clone())],
            Thing::Muted | Thing::Blocked => {
                let other = self.server.member(self.data).await;
                let act = if thing == Thing::Muted { "mute" } else { "block" };
                made(ada.send(Method::PUT, &format!("/api/members/{}/{act}", other.handle)).await);
                vec![("handle", other.handle)]
            }
            Thing::OpenRoom => vec![("id", ada.open("open").await)],
            Thing::ClosedRoom => vec![("id", ada.open("closed").await), ("leg", invented())],
            Thing::Act | Thing::Appeal => {
                let (other, third) = (self.server.member(self.data).await, self.server.member(self.data).await);
                let (host, whom) = if thing == Thing::Act { (&other, ada) } else { (ada, &other) };
                let act = crate::acts::act("removed", third.id.parse().unwrap(), Some(whom.id.parse().unwrap()));
                let room = host.open("open").await.parse().unwrap();
                let changes = Changes { acts: std::slice::from_ref(&act), ..Changes::default() };
                // The first epoch is that of the owner who has the room.
                self.server.app.store.append(room, 1, changes).await.unwrap();
                if thing == Thing::Act {
                    return vec![("id", act.id.to_string())];
                }
                let path = format!("/api/acts/{}/appeal", act.id);
                vec![("id", id(&made(other.post(&path, &json!({ "text": "Why?" })).await)))]
            }
            Thing::House | Thing::PrivateHouse => vec![("handle", house(ada, thing == Thing::PrivateHouse).await)],
            Thing::HouseMember | Thing::HouseBan => {
                let handle = house(ada, true).await;
                let inside = self.server.member(self.data).await;
                let nominated = json!({ "handle": inside.handle });
                made(ada.post(&format!("/api/houses/{handle}/nominations"), &nominated).await);
                let join = format!("/api/houses/{handle}/membership");
                made(self.server.send_json(Method::PUT, &join, Some(&inside.token), ACCEPTED).await);
                if thing == Thing::HouseBan {
                    made(ada.send(Method::DELETE, &format!("/api/houses/{handle}/members/{}", inside.handle)).await);
                }
                vec![("handle", handle), ("member", inside.handle)]
            }
            Thing::Nomination => {
                let handle = house(ada, true).await;
                let (inside, outside) = (self.server.member(self.data).await, self.server.member(self.data).await);
                let nominations = format!("/api/houses/{handle}/nominations");
                made(ada.post(&nominations, &json!({ "handle": inside.handle })).await);
                let join = format!("/api/houses/{handle}/membership");
                made(self.server.send_json(Method::PUT, &join, Some(&inside.token), ACCEPTED).await);
                made(inside.post(&nominations, &json!({ "handle": outside.handle })).await);
                let waiting = made(ada.get(&nominations).await);
                vec![("handle", handle), ("id", id(&waiting["items"][0]))]
            }
            Thing::Event | Thing::PrivateEvent => {
                let mut event = json!({ "title": "Talk", "starts_at": roomtone::edge::now().0 + 60_000 });
                if thing == Thing::PrivateEvent {
                    event["house"] = house(ada, true).await.into();
                }
                let other = self.server.member(self.data).await.handle;
                vec![("id", id(&made(ada.post("/api/events", &event).await))), ("handle", other)]
            }
            Thing::Invite => vec![("id", id(&made(ada.post("/api/invites", &json!({})).await)))],
            Thing::Code => {
                let made = made(ada.post("/api/invites", &json!({})).await);
                vec![("code", made["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())]
            }
            Thing::Passkey => {
                let mut key = Authenticator::new(&format!("http://localhost:{}", self.server.address.port()));
                let begun = made(ada.send(Method::POST, "/api/passkeys/begin").await);
                let credential = key.create(&begun["options"]);
                let body = json!({ "ceremony": begun["ceremony"], "name": "Phone", "credential": credential });
                vec![("id", id(&made(ada.post("/api/passkeys/finish", &body).await)))]
            }
            Thing::Session => {
                made(ada.post("/api/tokens", &json!({ "label": "Player" })).await);
                let sessions = made(ada.get("/api/sessions").await);
                let other = sessions["items"].as_array().unwrap().iter().find(|one| one["current"] == false).unwrap();
                vec![("id", id(other))]
            }
            Thing::Push => {
                // The public key of RFC 8291, section 5, and any sixteen bytes.
                let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
                let endpoint = format!("https://push.example/{}", ada.handle);
                let body = json!({ "endpoint": endpoint, "p256dh": p256dh, "auth": "BTBZMqHH6r4Tts7J_aSIgg" });
                vec![("id", id(&made(ada.post("/api/push", &body).await)))]
            }
            Thing::Grant | Thing::Delegation => {
                let other = self.server.member(self.data).await;
                let (of, to) = if thing == Thing::Grant { (ada, &other) } else { (&other, ada) };
                vec![("id", of.asks_to_act(to, &["answer"]).await)]
            }
            Thing::Proof => {
                let body: Value = serde_json::from_str(PROOF).unwrap();
                vec![("id", id(&made(ada.post("/api/me/proofs", &body).await)))]
            }
            Thing::Call => {
                let caller = self.server.member(self.data).await;
                vec![("id", id(&made(caller.post("/api/calls", &json!({ "handle": ada.handle })).await)))]
            }
            Thing::GuestLink => {
                let room = ada.open("open").await;
                let made = crate::guests::link(ada, &room, "Grace").await;
                let code = made["link"].as_str().unwrap().rsplit('/').next().unwrap();
                vec![("id", room), ("guest", made["guest"].as_str().unwrap().to_owned()), ("code", code.to_owned())]
            }
            Thing::CalledUp => {
                let host = self.server.member(self.data).await;
                let room = host.open("closed").await;
                // The room outlasts the row: whoever hosts it has some seconds to come back.
                let mut socket = host.enter(&room).await;
                socket.accepted(json!({ "type": "call_up", "member": ada.id, "context": null })).await;
                vec![("id", room)]
            }
            Thing::Report => {
                let body = json!({ "about": ada.handle, "reason": "spam", "text": "Look" });
                let reporter = self.server.member(self.data).await;
                vec![("id", id(&made(reporter.post("/api/reports", &body).await)))]
            }
            Thing::Track => {
                let reporter = self.server.member(self.data).await.id.parse().unwrap();
                let id = RecordId(u128::from_be_bytes(Secret::draw().hash[..16].try_into().unwrap()));
                let speaker = Speaker::Member(ada.id.parse().unwrap());
                let track = NewEvidence { n: 1, speaker, began_at: Timestamp(1), ms: 20, bytes: 5 };
                let report = crate::evidence::report(id, reporter);
                self.server.app.store.create_report_with(report, &[track]).await.unwrap();
                let folder = self.data.path().join("evidence").join(id.to_string());
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("1.opus"), "sound").unwrap();
                vec![("id", id.to_string()), ("n", "1".to_owned())]
            }
            Thing::Invitation | Thing::AnswerLink => {
                let invitation = invitation(ada).await;
                let mut names = vec![("id", invitation.clone())];
                if thing == Thing::AnswerLink {
                    let made = made(ada.send(Method::POST, &format!("/api/invitations/{invitation}/link")).await);
                    names.push(("code", made["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()));
                }
                names
            }
            Thing::Question => {
                let other = self.server.member(self.data).await;
                let path = format!("/api/invitations/{}/question", invitation(ada).await);
                let body = r#"{"text":"Why?"}"#;
                vec![("id", id(&made(self.server.send_json(Method::PUT, &path, Some(&other.token), body).await)))]
            }
            Thing::Reply => {
                let other = self.server.member(self.data).await;
                let path = format!("/api/invitations/{}/replies", invitation(ada).await);
                vec![("id", id(&made(other.post(&path, &json!({ "text": "Well" })).await)))]
            }
            Thing::Replay | Thing::ClosedReplay | Thing::VoiceNote | Thing::Clip => {
                let open = thing != Thing::ClosedReplay;
                let hearers = if open { ReplayHearers::Everyone } else { ReplayHearers::Attendees };
                let speakers = [crate::replays::speaker(ada)];
                let replay =
                    crate::replays::ready(self.server, self.data.path(), ada, hearers, &speakers, &[]).await.id;
                let mut names = vec![("id", replay.to_string()), ("file", "1.ogg".to_owned())];
                names.extend([("n", "1".to_owned()), ("line", "1".to_owned())]);
                self.write_down().await;
                if thing == Thing::Replay {
                    let made = made(ada.post(&format!("/api/replays/{replay}/links"), &json!({})).await);
                    names.push(("link", id(&made)));
                }
                let other = self.server.member(self.data).await;
                if thing == Thing::VoiceNote {
                    let path = format!("/api/replays/{replay}/voice");
                    let (kind, wav) = ([("content-type", "audio/wav")], crate::replays::wav());
                    let note = self.server.send(Method::POST, &path, Some(&other.token), &kind, wav).await;
                    names.push(("reply", id(&made(note))));
                }
                if thing == Thing::Clip {
                    let clip: Value = serde_json::from_str(CLIP).unwrap();
                    return vec![("id", id(&made(other.post(&format!("/api/replays/{replay}/clips"), &clip).await)))];
                }
                names
            }
            Thing::Secret | Thing::Waiting => {
                let handle = format!("waits_{}", ada.handle);
                let body = json!({ "handle": handle, "name": "Waits", "language": "en" });
                let made = made(self.server.post("/api/waitlist", None, &body).await);
                vec![("secret", made["secret"].as_str().unwrap().to_owned()), ("handle", handle)]
            }
            Thing::WaitingEntry => {
                // Past the limit for visitors, which the rows above have used up.
                let (secret, now) = (Secret::draw(), roomtone::edge::now());
                let handle = format!("waits_{}", ada.handle);
                let waiting = NewWaiting {
                    hash: secret.hash,
                    id: RecordId(u128::from_be_bytes(secret.hash[..16].try_into().unwrap())),
                    skeleton: handle.clone(),
                    name: "Waits".to_owned(),
                    handle,
                    note: String::new(),
                    language: "en".to_owned(),
                    created_at: now,
                    expires_at: Timestamp(now.0 + 60_000),
                };
                self.server.app.store.wait(&waiting).await.unwrap();
                vec![("id", waiting.id.to_string())]
            }
        }
    }
}

/// A new house, by its handle.
async fn house(admin: &Member<'_>, private: bool) -> String {
    let handle = format!("house_{}", admin.handle);
    let body = json!({ "handle": handle, "name": "House", "private": private });
    let made = admin.post("/api/houses", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    handle
}

/// A new invitation to somebody without an account, by its id.
async fn invitation(host: &Member<'_>) -> String {
    let body = json!({ "invitee": { "name": "Somebody" }, "title": "Come", "text": "Please" });
    let made = host.post("/api/invitations", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

/// An id that nothing has.
fn invented() -> String {
    "7zzzzzzzzzzzzzzzzzzzzzzzzz".to_owned()
}

/// A path or body with names in place of `{...}`; what has no name gets one that nobody has.
fn filled(text: &str, names: &[(&'static str, String)]) -> String {
    let mut filled = text.to_owned();
    for (placeholder, name) in names {
        filled = filled.replace(&format!("{{{placeholder}}}"), name);
    }
    for placeholder in ["handle", "member"] {
        filled = filled.replace(&format!("{{{placeholder}}}"), "nobody_here");
    }
    for placeholder in ["id", "code", "secret", "token", "leg", "guest", "proof", "link", "reply"] {
        filled = filled.replace(&format!("{{{placeholder}}}"), &invented());
    }
    filled.replace("{size}", "small").replace("{language}", "de").replace("{new}", "newcomer")
}
