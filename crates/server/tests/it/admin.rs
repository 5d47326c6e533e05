//! The administration: who may, what it does, and that it is written down.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use roomtone::edge::{self, Secret};
use roomtone_room::ids::MemberId;
use roomtone_store::{NewInvite, NewMember, NewSession};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::sign_in::MailServer;
use crate::support::{Answer, Member, Server, Socket};

/// The owner of a server.
pub(crate) async fn owner(server: &Server) -> Member<'_> {
    let link = server.app.owner_link().await.unwrap().unwrap();
    let path = format!("/api/invites/{}/redeem", link.rsplit('/').next().unwrap());
    let answer = server.post(&path, None, &json!({ "handle": "owner", "name": "Owner", "language": "en" })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let token = answer.headers["set-cookie"].to_str().unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
    Member { server, token, handle: "owner".to_owned(), id: answer.json()["id"].as_str().unwrap().to_owned() }
}

async fn put(member: &Member<'_>, path: &str, body: &Value) -> Answer {
    let json = [("content-type", "application/json")];
    member.server.send(Method::PUT, path, Some(&member.token), &json, body.to_string()).await
}

/// A new member whom `sponsor` let in, with a number of their own.
async fn guest<'a>(server: &'a Server, sponsor: &str, number: u32) -> Member<'a> {
    let (code, token) = (Secret::draw(), Secret::draw());
    let sponsor = Some(sponsor.parse().unwrap());
    let at = edge::now();
    let invite = NewInvite { hash: code.hash, owner: false, sponsor, created_at: at, expires_at: None };
    server.app.store.create_invite(invite).await.unwrap();
    let handle = format!("guest{number}");
    let member = NewMember {
        id: MemberId(1_000_000 + u128::from(number)),
        handle: handle.clone(),
        skeleton: handle.clone(),
        name: handle.to_uppercase(),
        language: "en".to_owned(),
    };
    let id = member.id.to_string();
    let session = NewSession { hash: token.hash, label: "Browser".to_owned() };
    server.app.store.redeem(&code.hash, at, member, session).await.unwrap();
    Member { server, token: token.text, handle, id }
}

async fn no_content(answer: impl Future<Output = Answer>) {
    let answer = answer.await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
}

/// The acts in the audit log, the first one first, with whom they are about and their details.
async fn audit(admin: &Member<'_>) -> Vec<(String, Value, Value)> {
    let log = admin.get("/api/admin/audit").await.json();
    let entries = log["items"].as_array().unwrap().iter().rev();
    entries
        .map(|entry| {
            let act = entry["act"].as_str().unwrap().to_owned();
            (act, entry["about"]["handle"].clone(), entry["details"].clone())
        })
        .collect()
}

/// An answer as others would compare it, without what is about the moment.
fn whole(answer: &Answer) -> (StatusCode, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status, headers.collect(), answer.text.clone())
}

#[tokio::test]
async fn to_everybody_else_the_administration_does_not_exist() {
    let (server, data) = Server::start().await;
    let owner = owner(&server).await;
    let ada = server.member(&data).await;
    let description = server.get("/api/openapi.json", None).await.json();
    let mut routes = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        if !path.starts_with("/api/admin/") {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            routes += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            for filled in ["owner", "nobody", "00000000000000000000000000", "%FF"] {
                let path = path.replace("{handle}", filled).replace("{id}", filled);
                let json = [("content-type", "application/json")];
                server.forget_who_asked();
                for token in [None, Some(ada.token.as_str()), Some("00000000000000000000000000")] {
                    for (headers, body) in [(&json[..], "{}"), (&json[..], "{"), (&[][..], "")] {
                        let there = server.send(method.clone(), &path, token, headers, body.to_owned()).await;
                        let nowhere =
                            server.send(Method::GET, "/api/admin/nothing", token, headers, body.to_owned()).await;
                        assert_eq!(whole(&there), whole(&nowhere), "{method} {path}");
                        there.refused(404, "not_found");
                    }
                }
            }
            let known = server.send(method.clone(), path, Some(&owner.token), &[], String::new()).await;
            assert!(
                known.status != StatusCode::NOT_FOUND || known.json()["code"] != "not_found" || path.contains("{id}")
            );
        }
    }
    assert!(routes >= 16, "{routes}");
    // Nothing was done by any of that.
    assert_eq!(audit(&owner).await, []);
    assert_eq!(owner.get("/api/admin/settings").await.json()["set_up"], false);
}

#[tokio::test]
async fn the_owner_makes_admins_and_hands_the_server_over() {
    let (server, data) = Server::start().await;
    let owner = owner(&server).await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let admin_of = |member: &Member<'_>| format!("/api/admin/members/{}/admin", member.handle);
    let owner_of = |member: &Member<'_>| format!("/api/admin/members/{}/owner", member.handle);
    no_content(owner.send(Method::PUT, &admin_of(&ada))).await;
    owner.send(Method::PUT, &admin_of(&ada)).await.refused(409, "nothing_to_change");
    owner.send(Method::PUT, &admin_of(&owner)).await.refused(409, "nothing_to_change");
    owner.send(Method::PUT, "/api/admin/members/nobody/admin").await.refused(404, "member_not_found");
    assert_eq!(ada.get("/api/me").await.json()["admin"], true);
    assert_eq!(ada.get("/api/admin/health").await.status, StatusCode::OK);
    for path in [admin_of(&ben), owner_of(&ada), owner_of(&ben)] {
        ada.send(Method::PUT, &path).await.refused(403, "not_allowed");
    }
    ada.send(Method::DELETE, &admin_of(&ada)).await.refused(403, "not_allowed");
    no_content(owner.send(Method::DELETE, &admin_of(&ada))).await;
    ada.get("/api/admin/health").await.refused(404, "not_found");

    owner.send(Method::PUT, &owner_of(&owner)).await.refused(409, "nothing_to_change");
    no_content(owner.send(Method::PUT, &owner_of(&ben))).await;
    let me = ben.get("/api/me").await.json();
    assert_eq!((&me["owner"], &me["set_up_needed"]), (&json!(true), &json!(true)));
    let me = owner.get("/api/me").await.json();
    assert_eq!((&me["owner"], &me["admin"]), (&json!(false), &json!(true)));
    owner.send(Method::PUT, &owner_of(&ada)).await.refused(403, "not_allowed");
    let acts = audit(&ben).await;
    let acts: Vec<_> = acts.iter().map(|(act, about, _)| (act.as_str(), about.as_str().unwrap())).collect();
    let ada = ada.handle.as_str();
    assert_eq!(acts, [("admin_made", ada), ("admin_ended", ada), ("handed_over", ben.handle.as_str())]);
}

#[tokio::test]
async fn members_and_their_tree_are_shown() {
    let (server, _data) = Server::start().await;
    let owner = owner(&server).await;
    let ben = guest(&server, &owner.id, 1).await;
    for number in 2..5 {
        guest(&server, &ben.id, number).await;
    }
    let page = owner.get("/api/admin/members").await.json();
    let items = page["items"].as_array().unwrap();
    let handles: Vec<_> = items.iter().map(|item| item["person"]["handle"].as_str().unwrap()).collect();
    assert_eq!(handles, ["guest1", "guest2", "guest3", "guest4", "owner"]);
    assert_eq!((&items[0]["guests"], &items[0]["sponsor"]["handle"]), (&json!(3), &json!("owner")));
    assert_eq!((&items[4]["owner"], &items[4]["sponsor"], &page["next"]), (&json!(true), &json!(null), &json!(null)));
    let found = async |query: &str| {
        let page = owner.get(&format!("/api/admin/members?{query}")).await.json();
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["person"]["handle"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("q=OWN").await, ["owner"]);
    assert_eq!(found("q=uest&after=guest2").await, ["guest3", "guest4"]);
    for query in [format!("q={}", "x".repeat(61)), "q=%00".to_owned(), "after=%00".to_owned(), "more=1".to_owned()] {
        owner.get(&format!("/api/admin/members?{query}")).await.refused(400, "bad_request");
    }
    let one = owner.get("/api/admin/members/guest1").await.json();
    let sizes = (&one["branch"], &one["branch_suspended"], &one["member"]["person"]["id"]);
    assert_eq!(sizes, (&json!(4), &json!(0), &json!(ben.id)));
    owner.get("/api/admin/members/nobody").await.refused(404, "member_not_found");

    let tree = owner.get("/api/admin/tree").await.json();
    let shape: Vec<_> = tree["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["handle"].as_str().unwrap(), node["sponsor"].as_str(), node["guests"].as_u64().unwrap()))
        .collect();
    let (owner_id, ben_id) = (Some(owner.id.as_str()), Some(ben.id.as_str()));
    let guests = ["guest2", "guest3", "guest4"].map(|handle| (handle, ben_id, 0));
    assert_eq!(shape[..2], [("owner", None, 1), ("guest1", owner_id, 3)]);
    assert_eq!((&shape[2..], &tree["truncated"]), (&guests[..], &json!(false)));
    let branch = owner.get("/api/admin/tree?root=guest1").await.json();
    assert_eq!(branch["nodes"].as_array().unwrap().len(), 4);
    owner.get("/api/admin/tree?root=nobody").await.refused(404, "member_not_found");
    owner.get("/api/admin/tree?roots=1").await.refused(400, "bad_request");
}

/// A socket that is read from all the while, as by a page that is open: what answers no sign of life counts as lost after a while, however
/// long the test takes meanwhile.
struct Open {
    wanted: oneshot::Sender<()>,
    reading: JoinHandle<Socket>,
}

impl Open {
    fn new(mut socket: Socket) -> Self {
        let (wanted, mut back) = oneshot::channel::<()>();
        let reading = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut back => return socket,
                    message = socket.any() => if message.is_none() {
                        return socket;
                    },
                }
            }
        });
        Self { wanted, reading }
    }

    /// Waits until the server closes it.
    async fn closed(self) {
        let Self { wanted: _wanted, reading } = self;
        reading.await.unwrap();
    }

    /// Whoever has it reads it themselves again.
    async fn back(self) -> Socket {
        // Nobody is there any more to be told once it was closed.
        let _ = self.wanted.send(());
        self.reading.await.unwrap()
    }
}

/// When the answer comes, nobody of the branch is in a room any more, nothing that they had open is, and nobody else has
/// noticed more than that they went.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_of_five_hundred_is_out_of_every_room() {
    const BRANCH: u32 = 500;
    const ROOMS: usize = 4;
    let (server, data) = Server::start().await;
    let owner = owner(&server).await;
    let mut branch = vec![guest(&server, &owner.id, 0).await];
    for number in 1..BRANCH {
        // Each lets in three.
        let sponsor = branch[(number as usize - 1) / 3].id.clone();
        branch.push(guest(&server, &sponsor, number).await);
    }
    let mut hosts = Vec::new();
    for _ in 0..ROOMS {
        let host = server.member(&data).await;
        let room = host.open("open").await;
        let socket = Open::new(host.enter(&room).await);
        hosts.push((host, room, socket));
    }
    let mut sockets = Vec::new();
    for (number, member) in branch.iter().enumerate() {
        sockets.push(Open::new(member.enter(&hosts[number % ROOMS].1).await));
    }
    let one = owner.get("/api/admin/members/guest0").await.json();
    assert_eq!(one["branch"], BRANCH);
    for (host, room, _) in &hosts {
        assert_eq!(host.get(&format!("/api/rooms/{room}")).await.json()["listening"], BRANCH as usize / ROOMS);
    }

    let suspend = json!({ "branch": true, "reason": "A ring of them" });
    let answer = owner.post("/api/admin/members/guest0/suspend", &suspend).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "count": BRANCH })), "{}", answer.text);
    // Right after the answer.
    for (host, room, _) in &hosts {
        let card = host.get(&format!("/api/rooms/{room}")).await.json();
        assert_eq!((&card["listening"], &card["on_stage"]), (&json!(0), &json!(1)));
        let roster = host.get(&format!("/api/rooms/{room}/roster")).await.json();
        assert_eq!(roster["participants"].as_array().unwrap().len(), 1);
    }
    for (member, socket) in branch.iter().zip(sockets) {
        socket.closed().await;
        server.forget_who_asked();
        member.get("/api/me").await.refused(401, "not_signed_in");
        assert_eq!(member.try_connect(&hosts[0].1, None, &[]).await.err(), Some((401, "not_signed_in".to_owned())));
    }
    // The others' sockets are as they were.
    let mut others = Vec::new();
    for (host, room, socket) in hosts {
        let mut socket = socket.back().await;
        socket.accepted(json!({ "type": "set_mic", "open": true })).await;
        others.push((host, room, socket));
    }
    let health = owner.get("/api/admin/health").await.json();
    assert_eq!((&health["rooms"], &health["listening"]), (&json!(ROOMS), &json!(0)));
    // Their rows go a little later.
    while !server.app.store.suspended_with_sessions().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.app.store.sizes().await.unwrap().sessions, 1 + ROOMS as u64);

    // Nobody knows of them but admins.
    let host = &others[0].0;
    host.get("/api/members/guest7").await.refused(404, "member_not_found");
    let page = owner.get("/api/admin/suspensions").await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 100);
    let mut seen = BTreeSet::new();
    let mut next = String::new();
    loop {
        let page = owner.get(&format!("/api/admin/suspensions{next}")).await.json();
        for item in page["items"].as_array().unwrap() {
            assert_eq!((&item["root"], &item["author"]), (&json!("guest0"), &json!("owner")));
            assert_eq!(item["reason"], "A ring of them");
            seen.insert(item["person"]["handle"].as_str().unwrap().to_owned());
        }
        let Some(after) = page["next"].as_str() else { break };
        next = format!("?after={after}");
    }
    assert_eq!(seen.len(), BRANCH as usize);
    let again = owner.post("/api/admin/members/guest0/suspend", &suspend).await;
    assert_eq!(again.json(), json!({ "count": 0 }));
    let restored = owner.post("/api/admin/members/guest0/restore", &json!({ "branch": true })).await;
    assert_eq!(restored.json(), json!({ "count": BRANCH }));
    assert_eq!(host.get("/api/members/guest7").await.status, StatusCode::OK);
    let details = |branch: &str| json!({ "branch": branch, "count": "500" });
    let acts = audit(&owner).await;
    assert_eq!(acts[0], ("suspend".to_owned(), json!("guest0"), details("true")));
    assert_eq!(acts[1], ("restore".to_owned(), json!("guest0"), details("true")));
    assert_eq!(acts.len(), 2, "what changes nothing is not written down: {acts:?}");
}

#[tokio::test]
async fn who_may_be_suspended_by_whom() {
    let (server, data) = Server::start().await;
    let owner = owner(&server).await;
    let (admin, other) = (server.member(&data).await, server.member(&data).await);
    let ada = guest(&server, &other.id, 1).await;
    for member in [&admin, &other] {
        no_content(owner.send(Method::PUT, &format!("/api/admin/members/{}/admin", member.handle))).await;
    }
    let act = |what: &str, whom: &str| format!("/api/admin/members/{whom}/{what}");
    let alone = json!({ "branch": false });
    for whom in ["owner", admin.handle.as_str(), other.handle.as_str()] {
        admin.post(&act("suspend", whom), &alone).await.refused(409, "member_protected");
        admin.post(&act("restore", whom), &alone).await.refused(409, "member_protected");
    }
    owner.post(&act("suspend", "owner"), &json!({ "branch": true })).await.refused(409, "member_protected");
    owner.post(&act("suspend", "nobody"), &alone).await.refused(404, "member_not_found");
    for (body, status, code) in [
        (json!({}), 400, "bad_request"),
        (json!({ "branch": false, "reason": "a\u{202e}b" }), 422, "invalid_text"),
        (json!({ "branch": false, "reason": "x".repeat(501) }), 422, "invalid_text"),
        (json!({ "branch": false, "count": 1 }), 400, "bad_request"),
    ] {
        admin.post(&act("suspend", &ada.handle), &body).await.refused(status, code);
    }
    assert_eq!(ada.get("/api/me").await.status, StatusCode::OK);
    assert_eq!(admin.post(&act("suspend", &ada.handle), &alone).await.json(), json!({ "count": 1 }));
    ada.get("/api/me").await.refused(401, "not_signed_in");
    // The owner may; and a suspended admin is none.
    assert_eq!(owner.post(&act("suspend", &other.handle), &alone).await.json(), json!({ "count": 1 }));
    other.get("/api/admin/health").await.refused(404, "not_found");
    admin.post(&act("restore", &other.handle), &alone).await.refused(409, "member_protected");
    assert_eq!(admin.post(&act("restore", &ada.handle), &alone).await.json(), json!({ "count": 1 }));
}

#[tokio::test]
async fn reports_are_handled_once_and_whoever_made_them_is_told() {
    let (server, data) = Server::start().await;
    let owner = owner(&server).await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let report = json!({ "about": ben.handle, "reason": "abuse", "text": "Shouted" });
    let made = ada.post("/api/reports", &report).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let page = owner.get("/api/admin/reports?open=true").await.json();
    let shown = &page["items"][0];
    assert_eq!((&shown["reporter"]["id"], &shown["about"]["id"]), (&json!(ada.id), &json!(ben.id)));
    assert_eq!(
        (&shown["reason"], &shown["text"], &shown["outcome"]),
        (&json!("abuse"), &json!("Shouted"), &json!(null))
    );
    assert!(shown["context"].is_object(), "{shown}");
    let path = format!("/api/admin/reports/{}", shown["id"].as_str().unwrap());
    for (path, body, status, code) in [
        (path.as_str(), json!({ "outcome": "shrug" }), 400, "bad_request"),
        (&path, json!({ "outcome": "acted", "text": "a\u{202e}b" }), 422, "invalid_text"),
        ("/api/admin/reports/x", json!({ "outcome": "acted" }), 404, "not_found"),
        ("/api/admin/reports/00000000000000000000000000", json!({ "outcome": "acted" }), 404, "not_found"),
    ] {
        owner.post(path, &body).await.refused(status, code);
    }
    let handled = json!({ "outcome": "acted", "text": "We have talked to them." });
    no_content(owner.post(&path, &handled)).await;
    owner.post(&path, &handled).await.refused(409, "nothing_to_change");
    assert_eq!(owner.get("/api/admin/reports?open=true").await.json()["items"], json!([]));
    let shown = &owner.get("/api/admin/reports").await.json()["items"][0];
    assert_eq!((&shown["outcome"], &shown["handled_by"]["id"]), (&json!("acted"), &json!(owner.id)));
    owner.get("/api/admin/reports?open=perhaps").await.refused(400, "bad_request");
    server.app.notices.settle().await;
    let told = ada.get("/api/notices").await.json();
    assert_eq!((&told["items"][0]["kind"], &told["items"][0]["body"]), (&json!("report_handled"), &handled["text"]));
    assert_eq!(told["items"][0]["actor"], json!(null));
    assert_eq!(ben.get("/api/notices").await.json()["items"], json!([]));
    let acts = audit(&owner).await;
    assert_eq!(acts.len(), 1);
    let details = json!({ "report": shown["id"], "outcome": "acted" });
    assert_eq!(acts[0], ("report_handled".to_owned(), json!(ben.handle), details));
}

fn settings() -> Value {
    json!({ "name": "Kitchen table", "languages": ["ru", "en", "ru"], "invites_per_member": 2, "invite_days": 3,
        "waitlist": false, "mail": null })
}

fn with(mut settings: Value, key: &str, value: Value) -> Value {
    settings[key] = value;
    settings
}

#[tokio::test]
async fn settings_are_chosen_and_take_effect() {
    let (server, data) = Server::start().await;
    let owner = owner(&server).await;
    let ada = server.member(&data).await;
    assert_eq!(owner.get("/api/me").await.json()["set_up_needed"], true);
    assert_eq!(ada.get("/api/me").await.json()["set_up_needed"], false);
    let before = server.get("/api/server", None).await.json();
    assert_eq!(before, json!({ "name": "Roomtone", "languages": ["en", "ru"], "waitlist": true }));
    let path = "/api/admin/settings";
    for (key, value, status, code) in [
        ("name", json!(""), 422, "invalid_name"),
        ("languages", json!([]), 422, "invalid_setting"),
        ("languages", json!(["en", "tlh"]), 422, "invalid_setting"),
        ("invites_per_member", json!(1_001), 422, "invalid_setting"),
        ("invites_per_member", json!(-1), 400, "bad_request"),
        ("invite_days", json!(0), 422, "invalid_setting"),
        ("invite_days", json!(366), 422, "invalid_setting"),
        ("waitlist", json!("yes"), 400, "bad_request"),
        ("more", json!(1), 400, "bad_request"),
    ] {
        put(&owner, path, &with(settings(), key, value)).await.refused(status, code);
    }
    assert_eq!(server.get("/api/server", None).await.json(), before);
    assert_eq!(audit(&owner).await, []);

    // An admin may change them; it is the owner who sets the server up.
    no_content(owner.send(Method::PUT, &format!("/api/admin/members/{}/admin", ada.handle))).await;
    assert_eq!(put(&ada, path, &settings()).await.json()["set_up"], false);
    assert_eq!(put(&owner, path, &settings()).await.json()["set_up"], true);
    no_content(owner.send(Method::DELETE, &format!("/api/admin/members/{}/admin", ada.handle))).await;
    assert_eq!(owner.get("/api/me").await.json()["set_up_needed"], false);
    let after = json!({ "name": "Kitchen table", "languages": ["ru", "en"], "waitlist": false });
    assert_eq!(server.get("/api/server", None).await.json(), after);
    assert_eq!(ada.get("/api/invites/mine").await.json()["left"], 2);
    let made = ada.post("/api/invites", &json!({ "note": "" })).await.json();
    let item = &ada.get("/api/invites/mine").await.json()["items"][0];
    let lasts = made["expires_at"].as_u64().unwrap() - item["created_at"].as_u64().unwrap();
    assert_eq!(lasts, 3 * 24 * 60 * 60 * 1000);
    let code = made["link"].as_str().unwrap().rsplit('/').next().unwrap();
    assert_eq!(server.get(&format!("/api/invites/{code}"), None).await.json()["server"], "Kitchen table");
    let waiting = json!({ "handle": "grace", "name": "Grace", "language": "en" });
    server.post("/api/waitlist", None, &waiting).await.refused(403, "waitlist_closed");
    let acts = audit(&owner).await;
    let keys: Vec<_> = acts.iter().filter(|(act, ..)| act == "settings").map(|(_, _, d)| d["keys"].clone()).collect();
    assert_eq!(keys, ["name,languages,invites_per_member,invite_days,waitlist", "set_up"]);

    let token = owner.token.clone();
    server.stop().await;
    let server = Server::start_with(data.path(), &["--name", "Another name"]).await;
    assert_eq!(server.get("/api/server", None).await.json(), after);
    assert_eq!(server.get("/api/me", Some(&token)).await.json()["set_up_needed"], false);
}

#[tokio::test]
async fn the_password_of_the_mail_server_is_never_shown_and_goes_nowhere_else() {
    let (server, _data) = Server::start().await;
    let owner = owner(&server).await;
    let path = "/api/admin/settings";
    let mail = json!({ "host": "mail.example", "port": 587, "user": "kitchen", "password": "correct horse",
        "from": "Kitchen <kitchen@example.org>", "tls": "starttls" });
    let mail_with = |key: &str, value: Value| with(settings(), "mail", with(mail.clone(), key, value));
    for (key, value) in [
        ("host", json!("")),
        ("host", json!("mail example")),
        ("host", json!("x".repeat(254))),
        ("port", json!(0)),
        ("from", json!("")),
        ("from", json!("kitchen")),
        ("from", json!("Kitchen <kitchen@example.org>\r\nBcc: ben@example.org")),
        ("from", json!("\"Kit\u{202e}chen\" <kitchen@example.org>")),
        ("user", json!("kit\nchen")),
        ("password", json!("x".repeat(257))),
    ] {
        put(&owner, path, &mail_with(key, value)).await.refused(422, "invalid_setting");
    }
    put(&owner, path, &mail_with("tls", json!("perhaps"))).await.refused(400, "bad_request");
    put(&owner, path, &mail_with("port", json!(65_536))).await.refused(400, "bad_request");

    let has_password = async |body: Value| {
        let answer = put(&owner, path, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert!(!answer.text.contains("correct horse"));
        let shown = owner.get(path).await;
        assert!(!shown.text.contains("correct horse") && shown.text == answer.text);
        shown.json()["mail"]["has_password"].clone()
    };
    let without = |key: &str, value: Value| {
        let mut body = mail_with(key, value);
        body["mail"].as_object_mut().unwrap().remove("password");
        body
    };
    assert_eq!(has_password(with(settings(), "mail", mail.clone())).await, true);
    assert_eq!(has_password(without("from", json!("ada@example.org"))).await, true);
    assert_eq!(server.app.settings.get().mail.as_ref().unwrap().password, "correct horse");
    for (key, value) in
        [("host", json!("elsewhere.example")), ("port", json!(25)), ("user", json!("somebody")), ("tls", json!("none"))]
    {
        assert_eq!(has_password(with(settings(), "mail", mail.clone())).await, true);
        assert_eq!(has_password(without(key, value)).await, false, "{key}");
    }
    assert_eq!(has_password(with(settings(), "mail", mail.clone())).await, true);
    assert_eq!(put(&owner, path, &settings()).await.json()["mail"], json!(null));
    assert_eq!(has_password(without("port", json!(587))).await, false, "what was forgotten stays so");
    assert!(!owner.get("/api/admin/audit").await.text.contains("horse"));
}

#[tokio::test]
async fn a_test_letter_tells_whether_letters_can_be_sent() {
    let (server, _data) = Server::start().await;
    let owner = owner(&server).await;
    let (path, to) = ("/api/admin/settings/test-mail", json!({ "to": "Ada@example.org" }));
    owner.post(path, &to).await.refused(404, "mail_not_configured");
    let mut mail = MailServer::start().await;
    let settings_with = |port: u16| {
        let mail = json!({ "host": "127.0.0.1", "port": port, "from": "kitchen@example.org", "tls": "none" });
        with(settings(), "mail", mail)
    };
    assert_eq!(put(&owner, "/api/admin/settings", &settings_with(mail.port)).await.status, StatusCode::OK);
    owner.post(path, &json!({ "to": "ada" })).await.refused(422, "invalid_address");
    no_content(owner.post(path, &to)).await;
    let letter = mail.next().await;
    assert_eq!(letter.to, "ada@example.org");
    assert!(letter.text.contains("Kitchen table") && letter.text.contains("/admin"), "{}", letter.text);
    // Nobody listens there.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(put(&owner, "/api/admin/settings", &settings_with(nowhere)).await.status, StatusCode::OK);
    owner.post(path, &to).await.refused(502, "mail_failed");
    let health = owner.get("/api/admin/health").await.json();
    assert_eq!(health["mail"], true);
}

/// Whoever reads the letters can sign in as the owner.
#[tokio::test]
async fn only_the_owner_chooses_the_mail_server() {
    let (server, data) = Server::start().await;
    let (owner, mail) = (owner(&server).await, MailServer::start().await);
    let admin = server.member(&data).await;
    no_content(owner.send(Method::PUT, &format!("/api/admin/members/{}/admin", admin.handle))).await;
    let path = "/api/admin/settings";
    let own = json!({ "host": "127.0.0.1", "port": mail.port, "user": "", "from": "a@example.org", "tls": "none" });
    let chosen = with(settings(), "mail", own.clone());
    put(&admin, path, &chosen).await.refused(403, "not_allowed");
    assert_eq!(server.app.settings.get().mail, None);
    assert_eq!(put(&owner, path, &chosen).await.status, StatusCode::OK);
    for changed in [
        settings(),
        with(settings(), "mail", with(own.clone(), "port", json!(1))),
        with(settings(), "mail", with(own.clone(), "host", json!("localhost"))),
        with(settings(), "mail", with(own.clone(), "from", json!("eve@example.org"))),
        with(settings(), "mail", with(own.clone(), "user", json!("eve"))),
        // Not even as it is: the answer would tell whether it is right.
        with(settings(), "mail", with(own.clone(), "password", json!(""))),
    ] {
        put(&admin, path, &changed).await.refused(403, "not_allowed");
    }
    let renamed = with(chosen, "name", json!("Garden"));
    assert_eq!(put(&admin, path, &renamed).await.json()["name"], "Garden");
    assert_eq!(server.app.settings.get().mail.as_ref().unwrap().port, mail.port);
    let to = json!({ "to": "eve@example.org" });
    admin.post("/api/admin/settings/test-mail", &to).await.refused(403, "not_allowed");
}

async fn waiting(server: &Server, handle: &str) {
    let body = json!({ "handle": handle, "name": "Grace", "language": "en", "note": "from the choir" });
    assert_eq!(server.post("/api/waitlist", None, &body).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn health_counts_and_the_waiting_list_is_shown() {
    let (server, data): (Server, TempDir) = Server::start().await;
    let owner = owner(&server).await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let _socket = ada.enter(&room).await;
    let health = owner.get("/api/admin/health").await.json();
    for (key, value) in [
        ("database", json!("sqlite")),
        ("members", json!(2)),
        ("sessions", json!(2)),
        ("rooms", json!(1)),
        ("on_stage", json!(1)),
        ("listening", json!(0)),
        ("mail", json!(false)),
        ("push", json!(true)),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(health[key], value, "{key}");
    }
    assert!(health["database_size"].as_u64().unwrap() > 10_000);
    assert!(cfg!(not(target_os = "linux")) || health["memory"].as_u64().unwrap() > 1_000_000);
    waiting(&server, "grace").await;
    waiting(&server, "helen").await;
    no_content(ada.send(Method::POST, "/api/waitlist/by-handle/helen/wave")).await;
    let list = owner.get("/api/admin/waitlist").await.json();
    let shown = |number: usize| (list["items"][number]["handle"].clone(), list["items"][number]["state"].clone());
    assert_eq!([shown(0), shown(1)], [("grace".into(), "waiting".into()), ("helen".into(), "invited".into())]);
    assert_eq!((&list["items"][0]["note"], &list["next"]), (&json!("from the choir"), &json!(null)));
    owner.get("/api/admin/waitlist?after=x").await.refused(400, "bad_request");
    let path = format!("/api/admin/waitlist/{}", list["items"][1]["id"].as_str().unwrap());
    no_content(owner.send(Method::DELETE, &path)).await;
    for path in [path.as_str(), "/api/admin/waitlist/x"] {
        owner.send(Method::DELETE, path).await.refused(404, "waiting_not_found");
    }
    assert_eq!(owner.get("/api/admin/waitlist").await.json()["items"].as_array().unwrap().len(), 1);
    let details = json!({ "waiting": list["items"][1]["id"] });
    assert_eq!(audit(&owner).await, [("waiting_removed".to_owned(), json!(null), details)]);
    waiting(&server, "helen").await;
}
