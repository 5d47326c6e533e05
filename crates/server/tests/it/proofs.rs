//! Proofs of domains: begun, found, shown, looked at again, and lapsed.

use axum::http::{Method, StatusCode};
use roomtone::proof::look_again;
use roomtone_room::ids::Timestamp;
use roomtone_store::PROOF_FAILURES_MAX;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::domains::{Domains, INSIDE};
use crate::support::{Member, Server};

const DAY: u64 = 24 * 60 * 60 * 1000;

async fn start() -> (Server, TempDir, Domains) {
    let (domains, data) = (Domains::start().await, tempfile::tempdir().unwrap());
    let options = domains.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    (Server::start_with(data.path(), &options).await, data, domains)
}

impl Member<'_> {
    async fn begins(&self, domain: &str, method: &str) -> Value {
        let begun = self.post("/api/me/proofs", &json!({ "domain": domain, "method": method })).await;
        assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text);
        begun.json()
    }

    /// Has a proof looked for; returns how it stands, and why it was not found.
    async fn looks(&self, proof: &Value) -> (String, Option<String>) {
        let path = format!("/api/me/proofs/{}/check", proof["id"].as_str().unwrap());
        let checked = self.send(Method::POST, &path).await;
        assert_eq!(checked.status, StatusCode::OK, "{}", checked.text);
        let checked = checked.json();
        assert_eq!(checked["proof"]["id"], proof["id"]);
        let trouble = checked["trouble"].as_str().map(str::to_owned);
        (checked["proof"]["state"].as_str().unwrap().to_owned(), trouble)
    }
}

/// The domains on somebody's profile, as somebody else sees it.
async fn shown(viewer: &Member<'_>, of: &Member<'_>) -> Vec<String> {
    let profile = viewer.get(&format!("/api/members/{}", of.handle)).await.json();
    let domain = |shown: &Value| format!("{} {}", shown["domain"].as_str().unwrap(), shown["method"].as_str().unwrap());
    profile["domains"].as_array().unwrap().iter().map(domain).collect()
}

/// The domains whose proofs somebody was told to publish anew, the latest first.
async fn told(member: &Member<'_>) -> Vec<String> {
    member.server.app.notices.settle().await;
    let inbox = member.get("/api/notices").await.json();
    let missing = inbox["items"].as_array().unwrap().iter().filter(|notice| notice["kind"] == "proof_missing");
    let domain = |notice: &Value| {
        assert_eq!((&notice["link"], &notice["actor"]), (&json!("/me/domains"), &Value::Null));
        notice["body"].as_str().unwrap().to_owned()
    };
    missing.map(domain).collect()
}

fn found() -> (String, Option<String>) {
    ("holds".to_owned(), None)
}

fn missed(state: &str, trouble: &str) -> (String, Option<String>) {
    (state.to_owned(), Some(trouble.to_owned()))
}

#[tokio::test]
async fn a_domain_is_proven_in_each_way_and_shown() {
    let (server, data, domains) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let record = ada.begins("Press.Example.org", "dns").await;
    assert_eq!((record["domain"].as_str(), record["state"].as_str()), (Some("press.example.org"), Some("waiting")));
    let publish = &record["publish"];
    assert_eq!(
        (publish["kind"].as_str(), publish["name"].as_str()),
        (Some("record"), Some("_roomtone.press.example.org"))
    );
    assert_eq!(domains.queries("_roomtone.press.example.org", hickory_resolver::proto::rr::RecordType::TXT), 0);
    assert_eq!(ada.looks(&record).await, missed("waiting", "no_name"));
    domains.says("_roomtone.press.example.org", &[&[publish["value"].as_str().unwrap()]]);
    assert_eq!(shown(&ben, &ada).await, Vec::<String>::new(), "nothing is shown that was not looked for");
    assert_eq!(ada.looks(&record).await, found());

    let file = ada.begins("example.org", "file").await;
    assert_eq!(file["publish"]["url"], "https://example.org/.well-known/roomtone");
    domains.publishes("example.org", "/.well-known/roomtone", file["publish"]["line"].as_str().unwrap());
    assert_eq!(ada.looks(&file).await, found());

    let link = ada.begins("ada.example.org", "rel_me").await;
    let href = link["publish"]["href"].as_str().unwrap();
    assert!(href.starts_with(&format!("http://localhost:{}/people/{}#", server.address.port(), ada.handle)), "{href}");
    domains.publishes("ada.example.org", "/", &format!("<link rel=me href={href}>"));
    assert_eq!(ada.looks(&link).await, found());
    assert_eq!(shown(&ben, &ada).await, ["press.example.org dns", "example.org file", "ada.example.org rel_me"]);

    // What one has published is another's proof of nothing.
    let theirs = ben.begins("example.org", "file").await;
    assert_eq!(ben.looks(&theirs).await, missed("waiting", "not_there"));
    domains.lives_at("example.org", &[INSIDE]);
    assert_eq!(ben.looks(&theirs).await, missed("waiting", "inside"));
    assert_eq!(shown(&ada, &ben).await, Vec::<String>::new());

    // Whoever has the handle later has not the proof: the address of the page is another, and so is the token.
    let renamed =
        ada.server.send_json(Method::PATCH, "/api/me", Some(&ada.token), r#"{"handle":"ada_was_here"}"#).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text);
    // She is told so, and finds what to publish now, before anybody has looked.
    assert_eq!(told(&ada).await, ["ada.example.org"]);
    let mine = ada.get("/api/me/proofs").await.json();
    let mine: Vec<_> = mine["items"].as_array().unwrap().iter().map(|proof| proof["state"].as_str().unwrap()).collect();
    assert_eq!(mine, ["holds", "holds", "failing"]);
    assert_eq!(ada.looks(&link).await, missed("failing", "not_there"));
    let taken = format!(r#"{{"handle":"{}"}}"#, ada.handle);
    assert_eq!(server.send_json(Method::PATCH, "/api/me", Some(&ben.token), &taken).await.status, 200);
    let theirs = ben.begins("ada.example.org", "rel_me").await;
    assert_eq!(ben.looks(&theirs).await, missed("waiting", "not_there"));

    let path = |proof: &Value| format!("/api/me/proofs/{}", proof["id"].as_str().unwrap());
    assert_eq!(ada.send(Method::DELETE, &path(&file)).await.status, 204);
    ada.send(Method::DELETE, &path(&file)).await.refused(404, "proof_not_found");
    ada.send(Method::POST, &format!("{}/check", path(&file))).await.refused(404, "proof_not_found");
    let left = ada.get("/api/me/proofs").await.json();
    let left: Vec<_> = left["items"].as_array().unwrap().iter().map(|proof| proof["state"].as_str().unwrap()).collect();
    assert_eq!(left, ["holds", "failing"]);
    server.stop().await;
}

#[tokio::test]
async fn only_domains_are_taken_and_so_many() {
    let (server, data, _domains) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let begin = async |domain: &str| ada.post("/api/me/proofs", &json!({ "domain": domain, "method": "dns" })).await;
    for bad in
        ["localhost", "127.0.0.1", "0x7f.1", "2130706433", "[::1]", "example.org.", "example.org:8443", "x.local"]
    {
        begin(bad).await.refused(422, "invalid_domain");
    }
    assert_eq!(ada.begins("президент.рф", "dns").await["domain"], "xn--d1abbgf6aiiy.xn--p1ai");
    begin("xn--d1abbgf6aiiy.xn--p1ai").await.refused(409, "proof_exists");
    for number in 1..5 {
        ada.begins(&format!("d{number}.example"), "file").await;
    }
    begin("d6.example").await.refused(409, "too_many_proofs");
    // Somebody else's is as if missing.
    let proof = ada.get("/api/me/proofs").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    ben.send(Method::DELETE, &format!("/api/me/proofs/{proof}")).await.refused(404, "proof_not_found");
    ben.send(Method::POST, &format!("/api/me/proofs/{proof}/check")).await.refused(404, "proof_not_found");
    server.stop().await;
}

/// Whatever was proven is looked at again a day later, and shown no longer than a week after it is gone.
#[tokio::test]
async fn proofs_are_looked_at_again_and_lapse() {
    let (server, data, domains) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let file = ada.begins("example.org", "file").await;
    domains.publishes("example.org", "/.well-known/roomtone", file["publish"]["line"].as_str().unwrap());
    assert_eq!(ada.looks(&file).await, found());
    let waiting = ada.begins("never.example.org", "file").await;
    let now = roomtone::edge::now();
    let later = async |millis| look_again(&server.app, Timestamp(now.0 + millis)).await.unwrap();
    let state = async || {
        let all = ada.get("/api/me/proofs").await.json();
        all["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|proof| proof["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let asked = || domains.asked().len();
    assert_eq!(asked(), 1);
    later(DAY / 2).await;
    assert_eq!(asked(), 1, "it is not due");
    later(DAY + DAY / 8).await;
    assert_eq!(asked(), 2, "and what was never found is not looked at by itself");

    domains.removes("example.org/.well-known/roomtone");
    let mut days = 2;
    while state().await[0] != "lapsed" {
        assert_eq!(told(&ada).await, Vec::<String>::new(), "day {days}");
        assert_eq!(shown(&ben, &ada).await, ["example.org file"], "day {days}");
        days += 1;
        later(days * DAY).await;
        assert!(days < 20, "{:?}", state().await);
    }
    assert!(days >= 9, "it lapses after a week: {days}");
    assert!(asked() >= 2 + PROOF_FAILURES_MAX as usize, "{}", asked());
    assert_eq!(shown(&ben, &ada).await, Vec::<String>::new());
    assert_eq!(state().await, ["lapsed", "waiting"]);
    assert_eq!(told(&ada).await, ["example.org"]);
    let before = asked();
    later((days + 5) * DAY).await;
    assert_eq!(asked(), before, "nobody is asked any more");
    // Its owner has it looked for again.
    domains.publishes("example.org", "/.well-known/roomtone", file["publish"]["line"].as_str().unwrap());
    assert_eq!(ada.looks(&file).await, found());
    assert_eq!(shown(&ben, &ada).await, ["example.org file"]);
    assert_eq!(ada.looks(&waiting).await.0, "waiting");
    server.stop().await;
}

/// A link leads to the page of its member: with another handle that is another one.
#[tokio::test]
async fn another_handle_takes_another_link() {
    let (server, data, domains) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let link = ada.begins("ada.example.org", "rel_me").await;
    let publishes = |proof: &Value| {
        let href = proof["publish"]["href"].as_str().unwrap();
        domains.publishes("ada.example.org", "/", &format!("<link rel=me href={href}>"));
        href.to_owned()
    };
    publishes(&link);
    assert_eq!(ada.looks(&link).await, found());
    let rename = async |handle: &str| {
        let body = json!({ "handle": handle }).to_string();
        let renamed = server.send_json(Method::PATCH, "/api/me", Some(&ada.token), &body).await;
        assert_eq!(renamed.status, 200, "{}", renamed.text);
    };
    let mine = async || ada.get("/api/me/proofs").await.json()["items"][0].clone();
    // Another name is no other address.
    let named = server.send_json(Method::PATCH, "/api/me", Some(&ada.token), r#"{"name":"Ada L"}"#).await;
    assert_eq!(named.status, 200, "{}", named.text);
    assert_eq!((told(&ada).await.len(), mine().await["state"].as_str()), (0, Some("holds")));
    rename("ada_elsewhere").await;
    assert_eq!((told(&ada).await.len(), mine().await["state"].as_str()), (1, Some("failing")));
    let (asked, now) = (domains.asked().len(), roomtone::edge::now());
    look_again(&server.app, now).await.unwrap();
    assert_eq!(domains.asked().len(), asked + 1, "it is looked at at once");
    assert_eq!(mine().await["state"], "failing");
    let profile = ben.get("/api/members/ada_elsewhere").await.json();
    assert_eq!(profile["domains"][0]["domain"], "ada.example.org", "it is shown until it lapses");
    assert!(publishes(&mine().await).contains("/people/ada_elsewhere#"));
    assert_eq!(ada.looks(&link).await, found());
    // A second time while it fails already, and back to a page to which it leads.
    let first = mine().await;
    rename("ada_once_more").await;
    assert_eq!(mine().await["state"], "failing");
    publishes(&mine().await);
    look_again(&server.app, roomtone::edge::now()).await.unwrap();
    let again = mine().await;
    assert_eq!((&again["state"], &again["proven_at"]), (&json!("holds"), &first["proven_at"]));
    assert_eq!(told(&ada).await, ["ada.example.org", "ada.example.org"]);
    server.stop().await;
}

/// Somebody without an account, by the cookie that the link of an invitation gave them.
#[tokio::test]
async fn who_answers_without_an_account_proves_the_domain_that_the_host_named() {
    let (server, data, domains) = start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let body = json!({ "invitee": { "name": "The office", "about": "Of a head of state", "domain": "press.example.org" },
        "language": "en", "title": "Join me for a talk", "text": "Would you?" });
    let asked = ada.post("/api/invitations", &body).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text);
    let path = format!("/api/invitations/{}", asked.json()["id"].as_str().unwrap());
    let link = ada.send(Method::POST, &format!("{path}/link")).await.json();
    let code = link["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let taken = server.send(Method::POST, &format!("/api/answers/{code}"), None, &[], "").await;
    assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.text);
    let cookie = taken.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let send = async |method: Method, path: &str, body: &str| {
        let headers =
            [("cookie", cookie.as_str()), ("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
        server.send(method, path, None, &headers, body.to_owned()).await
    };
    let proofs = format!("{path}/proofs");
    // Nobody else's, neither without the cookie nor as a member, and of no other invitation.
    for who in [None, Some(ada.token.as_str()), Some(ben.token.as_str())] {
        server.get(&proofs, who).await.refused(401, "not_signed_in");
    }
    let other = format!("/api/invitations/{}/proofs", "7".repeat(26));
    send(Method::GET, &other, "").await.refused(401, "not_signed_in");
    let elsewhere = r#"{"domain":"example.org","method":"file"}"#;
    send(Method::POST, &proofs, elsewhere).await.refused(422, "invalid_domain");
    let begun = send(Method::POST, &proofs, r#"{"domain":"Press.example.org","method":"rel_me"}"#).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text);
    let begun = begun.json();
    let href = begun["publish"]["href"].as_str().unwrap();
    let page = path.trim_start_matches("/api");
    assert!(href.contains(&format!("{page}#")), "{href}");
    let verified = async || ada.get(&path).await.json()["invitee"]["verified"].clone();
    assert_eq!(verified().await, json!([]));
    domains.publishes("press.example.org", "/", &format!("<a rel='me' href='{href}'>"));
    let check = format!("{proofs}/{}/check", begun["id"].as_str().unwrap());
    let checked = send(Method::POST, &check, "").await.json();
    assert_eq!((&checked["trouble"], &checked["proof"]["state"]), (&Value::Null, &json!("holds")));
    assert_eq!(verified().await, json!(["press.example.org"]));
    // An answer says by whom it is, and how that is known (guarantee G11).
    let answered = send(
        Method::POST,
        &format!("{path}/acts"),
        r#"{"act":"need_details","round":1,"text":"What exactly is proposed?","language":"en"}"#,
    )
    .await;
    assert!(answered.status.is_success(), "{}", answered.text);
    let steps = server.get(&path, None).await.json()["steps"].clone();
    let proof = &steps.as_array().unwrap().last().unwrap()["voice"]["proof"];
    assert_eq!(
        (&proof["kind"], &proof["domain"], &proof["method"]),
        (&json!("domain"), &json!("press.example.org"), &json!("rel_me"))
    );

    // Another link, another one who answers: the former has nothing to do with it any more.
    ada.send(Method::POST, &format!("{path}/link")).await;
    send(Method::GET, &proofs, "").await.refused(401, "not_signed_in");
    send(Method::POST, &check, "").await.refused(401, "not_signed_in");
    server.stop().await;
}
