//! Signing in: passkeys, recovery codes, links by mail and from the command line, and the list of sessions.

use std::collections::HashSet;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use roomtone::cli::Data;
use roomtone::edge::Secret;
use roomtone::limits::{CONFIRM_MAIL_TO, SIGN_IN_MAIL_TO};
use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{BranchAct, NewMember, NewSession, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::authenticator::{Authenticator, PRESENT};
use crate::support::{Answer, Member, Server};

fn origin(server: &Server) -> String {
    format!("http://localhost:{}", server.address.port())
}

/// The first request of a ceremony: its secret, and the options.
async fn begin(server: &Server, path: &str, token: Option<&str>) -> (String, Value) {
    let answer = server.send(Method::POST, path, token, &[], String::new()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let mut begun = answer.json();
    (begun["ceremony"].as_str().unwrap().to_owned(), begun["options"].take())
}

/// A passkey of this member, and its id.
async fn register(member: &Member<'_>) -> (Authenticator, String) {
    let mut key = Authenticator::new(&origin(member.server));
    let (ceremony, options) = begin(member.server, "/api/passkeys/begin", Some(&member.token)).await;
    let body = json!({ "ceremony": ceremony, "name": "Phone", "credential": key.create(&options) });
    let made = member.post("/api/passkeys/finish", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    (key, made.json()["id"].as_str().unwrap().to_owned())
}

/// Signs in with what an authenticator answers.
async fn sign_in(server: &Server, answer: impl FnOnce(&Value) -> Value) -> Answer {
    let (ceremony, options) = begin(server, "/api/sign-in/passkey/begin", None).await;
    let body = json!({ "ceremony": ceremony, "credential": answer(&options) });
    server.post("/api/sign-in/passkey/finish", None, &body).await
}

/// The session token that an answer sets.
pub(crate) fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    cookie.split(['=', ';']).nth(1).unwrap().to_owned()
}

async fn suspend(server: &Server, member: &Member<'_>) {
    let author = server.app.owner_link().await.unwrap().unwrap();
    let code = author.rsplit('/').next().unwrap();
    let body = json!({ "handle": "owner", "name": "Owner", "language": "en" });
    let owner = server.post(&format!("/api/invites/{code}/redeem"), None, &body).await.json();
    let author: MemberId = owner["id"].as_str().unwrap().parse().unwrap();
    let member = member.id.parse().unwrap();
    let act = BranchAct { id: RecordId(1), member, branch: false, author, at: Timestamp(1) };
    assert_eq!(server.app.store.suspend(&act, "spam").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_passkey_signs_in_again_and_again() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let (ceremony, options) = begin(&server, "/api/passkeys/begin", Some(&ada.token)).await;
    assert_eq!(options["rp"], json!({ "id": "localhost", "name": "Roomtone" }));
    assert_eq!(options["user"]["name"], ada.handle.as_str());
    let wanted = &options["authenticatorSelection"];
    assert_eq!((&wanted["residentKey"], &wanted["userVerification"]), (&json!("required"), &json!("required")));
    let mut key = Authenticator::new(&origin(&server));
    let body = json!({ "ceremony": ceremony, "name": " Ada’s phone ", "credential": key.create(&options) });
    let made = ada.post("/api/passkeys/finish", &body).await;
    assert_eq!((made.status, &made.json()["name"]), (StatusCode::CREATED, &json!("Ada’s phone")));

    // Some authenticators count, some always say zero.
    for counter in [0, 0, 5, 6] {
        key.counter = counter;
        let answer = sign_in(&server, |options| key.get(options)).await;
        assert_eq!(answer.json()["handle"], ada.handle.as_str());
        let token = token_of(&answer);
        assert_eq!(server.get("/api/me", Some(&token)).await.json()["id"], ada.id.as_str());
    }
    let listed = ada.get("/api/passkeys").await.json();
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["name"]), (1, &json!("Ada’s phone")));
    assert!(listed["items"][0]["used_at"].as_u64() >= listed["items"][0]["created_at"].as_u64());

    // A second one; the first is named so that its authenticator does not make another.
    let (_, options) = begin(&server, "/api/passkeys/begin", Some(&ada.token)).await;
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    let (other, _) = register(&ada).await;
    assert_eq!(sign_in(&server, |options| other.get(options)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_an_authenticator_says_wrong_is_refused() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let ((mut key, _), (other, _)) = (register(&ada).await, register(&ben).await);
    key.counter = 3;
    token_of(&sign_in(&server, |options| key.get(options)).await);
    key.counter = 4;

    type Wrong = fn(&mut Authenticator, &Authenticator);
    let wrong: [(&str, Wrong); 8] = [
        ("another page", |key, _| key.origin = "https://elsewhere.example".to_owned()),
        ("another port", |key, _| key.origin = "http://localhost:1".to_owned()),
        ("another server", |key, _| key.party = "elsewhere.example".to_owned()),
        ("nobody verified", |key, _| key.flags = PRESENT),
        ("a counter that has not risen", |key, _| key.counter = 3),
        ("somebody else's name", |key, other| key.user = other.user.clone()),
        ("somebody else's credential", |key, other| key.id = other.id.clone()),
        ("nobody's name", |key, _| key.user = "AAAAAAAAAAAAAAAAAAAAAA".to_owned()),
    ];
    for (what, spoil) in wrong {
        let (party, flags, counter) = (key.party.clone(), key.flags, key.counter);
        let (page, id, user) = (key.origin.clone(), key.id.clone(), key.user.clone());
        spoil(&mut key, &other);
        let answer = sign_in(&server, |options| key.get(options)).await;
        assert!(answer.headers.get("set-cookie").is_none(), "{what}");
        answer.refused(422, "passkey_refused");
        (key.party, key.flags, key.counter, key.origin, key.id, key.user) = (party, flags, counter, page, id, user);
    }
    // Another challenge, a changed signature, another kind of answer, and no answer at all.
    sign_in(&server, |_| key.get(&json!({ "challenge": "AAAA" }))).await.refused(422, "passkey_refused");
    let changed = sign_in(&server, |options| {
        let mut answer = key.get(options);
        answer["response"]["signature"] = other.get(options)["response"]["signature"].take();
        answer
    });
    changed.await.refused(422, "passkey_refused");
    for nonsense in [json!(null), json!({}), json!("credential"), json!([[[[]]]])] {
        sign_in(&server, |_| nonsense).await.refused(422, "passkey_refused");
    }
    token_of(&sign_in(&server, |options| key.get(options)).await);
}

#[tokio::test]
async fn a_registration_that_is_wrong_is_refused() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let (known, _) = register(&ben).await;
    let finish = async |who: &Member<'_>, ceremony: &str, credential: Value| {
        let body = json!({ "ceremony": ceremony, "name": "Phone", "credential": credential });
        who.post("/api/passkeys/finish", &body).await
    };
    type Wrong = fn(&mut Authenticator);
    let wrong: [Wrong; 4] = [
        |key| key.origin = "https://elsewhere.example".to_owned(),
        |key| key.party = "elsewhere.example".to_owned(),
        |key| key.flags = PRESENT,
        |key| key.flags = 0,
    ];
    for spoil in wrong {
        let mut key = Authenticator::new(&origin(&server));
        spoil(&mut key);
        let (ceremony, options) = begin(&server, "/api/passkeys/begin", Some(&ada.token)).await;
        finish(&ada, &ceremony, key.create(&options)).await.refused(422, "passkey_refused");
    }
    let mut key = Authenticator::new(&origin(&server));
    let (ceremony, mut options) = begin(&server, "/api/passkeys/begin", Some(&ada.token)).await;
    options["challenge"] = json!("AAAA");
    finish(&ada, &ceremony, key.create(&options)).await.refused(422, "passkey_refused");
    // A credential id that somebody has.
    let (ceremony, options) = begin(&server, "/api/passkeys/begin", Some(&ada.token)).await;
    key.id = known.id.clone();
    finish(&ada, &ceremony, key.create(&options)).await.refused(422, "passkey_refused");
    // Begun by somebody else; and a name that is none, which leaves the ceremony as it is.
    let mut key = Authenticator::new(&origin(&server));
    let (ceremony, options) = begin(&server, "/api/passkeys/begin", Some(&ada.token)).await;
    finish(&ben, &ceremony, key.create(&options)).await.refused(410, "ceremony_over");
    let (ceremony, options) = begin(&server, "/api/passkeys/begin", Some(&ada.token)).await;
    let credential = key.create(&options);
    let unnamed = json!({ "ceremony": ceremony, "name": "a\u{202e}b", "credential": credential });
    ada.post("/api/passkeys/finish", &unnamed).await.refused(422, "invalid_name");
    assert_eq!(finish(&ada, &ceremony, credential).await.status, StatusCode::CREATED);
    assert_eq!(ada.get("/api/passkeys").await.json()["items"].as_array().unwrap().len(), 1);
    server.post("/api/passkeys/finish", None, &json!({})).await.refused(401, "not_signed_in");
    server.post("/api/passkeys/begin", None, &json!({})).await.refused(401, "not_signed_in");
}

#[tokio::test]
async fn a_ceremony_counts_once_and_not_for_long() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let (key, _) = register(&ada).await;
    let finish = async |ceremony: &str, credential: Value| {
        let body = json!({ "ceremony": ceremony, "credential": credential });
        server.post("/api/sign-in/passkey/finish", None, &body).await
    };
    // Again, whether it was good or bad the first time.
    let (ceremony, options) = begin(&server, "/api/sign-in/passkey/begin", None).await;
    assert_eq!(finish(&ceremony, key.get(&options)).await.status, StatusCode::OK);
    finish(&ceremony, key.get(&options)).await.refused(410, "ceremony_over");
    let (ceremony, options) = begin(&server, "/api/sign-in/passkey/begin", None).await;
    finish(&ceremony, key.get(&json!({ "challenge": "AAAA" }))).await.refused(422, "passkey_refused");
    finish(&ceremony, key.get(&options)).await.refused(410, "ceremony_over");
    // The answer to one is none to another.
    let (_, first) = begin(&server, "/api/sign-in/passkey/begin", None).await;
    let (second, _) = begin(&server, "/api/sign-in/passkey/begin", None).await;
    finish(&second, key.get(&first)).await.refused(422, "passkey_refused");
    // As it is five minutes later.
    let (ceremony, options) = begin(&server, "/api/sign-in/passkey/begin", None).await;
    let hash = Secret::hash_of(&ceremony).unwrap();
    let begun = server.app.store.take_ceremony(&hash, Timestamp(0)).await.unwrap().unwrap();
    let now = roomtone::edge::now();
    server.app.store.begin_ceremony(&hash, None, &begun.state, now).await.unwrap();
    finish(&ceremony, key.get(&options)).await.refused(410, "ceremony_over");
    let soon = Timestamp(now.0 + 5 * 60 * 1000);
    server.app.store.begin_ceremony(&hash, None, &begun.state, soon).await.unwrap();
    assert_eq!(finish(&ceremony, key.get(&options)).await.status, StatusCode::OK);
    // One to make a passkey with signs nobody in.
    let (ceremony, options) = begin(&server, "/api/passkeys/begin", Some(&ada.token)).await;
    finish(&ceremony, key.get(&options)).await.refused(410, "ceremony_over");
    for invented in ["", "nonsense", "00000000000000000000000000"] {
        finish(invented, key.get(&options)).await.refused(410, "ceremony_over");
    }
}

#[tokio::test]
async fn passkeys_are_named_and_removed_and_the_last_way_in_stays() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let (key, id) = register(&ada).await;
    let path = format!("/api/passkeys/{id}");
    let rename = async |who: &Member<'_>, path: &str, name: &str| {
        let json = [("content-type", "application/json")];
        let body = json!({ "name": name }).to_string();
        server.send(Method::PATCH, path, Some(&who.token), &json, body).await
    };
    assert_eq!(rename(&ada, &path, "Key on the ring").await.status, StatusCode::NO_CONTENT);
    rename(&ada, &path, "").await.refused(422, "invalid_name");
    assert_eq!(ada.get("/api/passkeys").await.json()["items"][0]["name"], "Key on the ring");
    // Somebody else's is as one that is not there.
    for path in [path.as_str(), "/api/passkeys/00000000000000000000000000", "/api/passkeys/nonsense"] {
        rename(&ben, path, "Mine").await.refused(404, "passkey_not_found");
        ben.send(Method::DELETE, path).await.refused(404, "passkey_not_found");
    }
    ada.send(Method::DELETE, &path).await.refused(409, "last_way_in");
    let (other, _) = register(&ada).await;
    assert_eq!(ada.send(Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
    ada.send(Method::DELETE, &path).await.refused(404, "passkey_not_found");
    sign_in(&server, |options| key.get(options)).await.refused(422, "passkey_refused");
    assert_eq!(sign_in(&server, |options| other.get(options)).await.status, StatusCode::OK);
    for (method, path) in [(Method::GET, "/api/passkeys"), (Method::DELETE, path.as_str())] {
        server.send(method, path, None, &[], String::new()).await.refused(401, "not_signed_in");
    }
}

#[tokio::test]
async fn whoever_is_suspended_is_told_so_once_they_have_shown_who_they_are() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let (mut key, _) = register(&ada).await;
    let codes = ada.post("/api/recovery-codes", &json!({})).await.json();
    suspend(&server, &ada).await;
    ada.get("/api/me").await.refused(401, "not_signed_in");
    sign_in(&server, |options| key.get(options)).await.refused(403, "suspended");
    let code = codes["codes"][0].as_str().unwrap();
    recover(&server, &ada.handle, code).await.refused(403, "suspended");
    key.flags = PRESENT;
    sign_in(&server, |options| key.get(options)).await.refused(422, "passkey_refused");
    recover(&server, &ada.handle, "0000-0000-0000-0000-0000").await.refused(403, "recovery_refused");
}

pub(crate) async fn recover(server: &Server, handle: &str, code: &str) -> Answer {
    server.post("/api/sign-in/recovery", None, &json!({ "handle": handle, "code": code })).await
}

#[tokio::test]
async fn recovery_codes_sign_in_once_each() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    assert_eq!(ada.get("/api/recovery-codes").await.json(), json!({ "left": 0 }));
    let former = ada.post("/api/recovery-codes", &json!({})).await.json();
    let answer = ada.post("/api/recovery-codes", &json!({})).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let codes = answer.json();
    let codes: Vec<&str> = codes["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 10);
    assert!(codes.iter().all(|code| code.len() == 24 && code.split('-').all(|group| group.len() == 4)), "{codes:?}");

    // As people type it, with the handle as they type that.
    let typed = codes[0].to_uppercase().replace('-', " ");
    let answer = recover(&server, &ada.handle.to_uppercase(), &typed).await;
    let token = token_of(&answer);
    assert_eq!(server.get("/api/me", Some(&token)).await.json()["handle"], ada.handle.as_str());
    assert_eq!(ada.get("/api/recovery-codes").await.json(), json!({ "left": 9 }));

    // Used, replaced, somebody else's, nobody's, none: all the same to the letter.
    let first = recover(&server, &ada.handle, codes[0]).await;
    first.refused(403, "recovery_refused");
    let replaced = former["codes"][0].as_str().unwrap();
    for (handle, code) in [
        (ada.handle.as_str(), replaced),
        (&ben.handle, codes[1]),
        ("nobody", codes[1]),
        ("no handle", codes[1]),
        (&ada.handle, "guess"),
        (&ada.handle, ""),
    ] {
        let answer = recover(&server, handle, code).await;
        assert_eq!((answer.status, &answer.text), (first.status, &first.text), "{handle} {code}");
        assert!(answer.headers.get("set-cookie").is_none());
    }
    assert_eq!(ada.get("/api/recovery-codes").await.json(), json!({ "left": 9 }));
    server.post("/api/recovery-codes", None, &json!({})).await.refused(401, "not_signed_in");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_with_their_sockets() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let token =
        ada.post("/api/tokens", &json!({ "label": "player" })).await.json()["token"].as_str().unwrap().to_owned();
    let player = Member { server: &server, token, handle: ada.handle.clone(), id: ada.id.clone() };
    let sessions = ada.get("/api/sessions").await.json();
    let items = sessions["items"].as_array().unwrap();
    let current: Vec<_> =
        items.iter().map(|s| (s["current"].as_bool().unwrap(), s["token"].as_bool().unwrap())).collect();
    assert_eq!(current.iter().copied().collect::<HashSet<_>>(), HashSet::from([(true, false), (false, true)]));
    assert!(!sessions.to_string().contains(&ada.token) && !sessions.to_string().contains(&player.token));
    let of_player = items.iter().find(|session| session["token"] == true).unwrap();
    assert_eq!(of_player["label"], "player");

    let room = ada.open("open").await;
    let mut socket = player.enter(&room).await;
    let path = format!("/api/sessions/{}", of_player["id"].as_str().unwrap());
    for path in [path.as_str(), "/api/sessions/00000000000000000000000000", "/api/sessions/nonsense"] {
        ben.send(Method::DELETE, path).await.refused(404, "session_not_found");
    }
    assert_eq!(player.get("/api/me").await.status, StatusCode::OK);
    assert_eq!(ada.send(Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
    while socket.any().await.is_some() {}
    player.get("/api/me").await.refused(401, "not_signed_in");
    ada.send(Method::DELETE, &path).await.refused(404, "session_not_found");

    // All others at once.
    let codes = ada.post("/api/recovery-codes", &json!({})).await.json();
    let mut others = Vec::new();
    for code in 0..3 {
        others.push(token_of(&recover(&server, &ada.handle, codes["codes"][code].as_str().unwrap()).await));
    }
    let phone = Member { server: &server, token: others[0].clone(), handle: ada.handle.clone(), id: ada.id.clone() };
    let mut socket = phone.enter(&ada.open("open").await).await;
    assert_eq!(ada.send(Method::DELETE, "/api/sessions").await.status, StatusCode::NO_CONTENT);
    while socket.any().await.is_some() {}
    for token in &others {
        server.get("/api/me", Some(token)).await.refused(401, "not_signed_in");
    }
    assert_eq!(ada.get("/api/sessions").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(ben.get("/api/me").await.status, StatusCode::OK);
    for method in [Method::GET, Method::DELETE] {
        server.send(method, "/api/sessions", None, &[], String::new()).await.refused(401, "not_signed_in");
    }
}

#[tokio::test]
async fn the_command_line_lets_the_owner_in_again_and_whoever_is_named() {
    let (server, data) = Server::start().await;
    let owner = server.app.owner_link().await.unwrap().unwrap();
    let folder = Data::in_folder(data.path());
    assert!(roomtone::serve::recover(&folder, None).await.is_err(), "nobody owns it yet");
    let body = json!({ "handle": "ada", "name": "Ada", "language": "en" });
    server.post(&format!("/api/invites/{}/redeem", owner.rsplit('/').next().unwrap()), None, &body).await;
    let ben = server.member(&data).await;
    for (named, handle) in [(None, "ada"), (Some(ben.handle.to_uppercase()), ben.handle.as_str())] {
        let link = roomtone::serve::recover(&folder, named.as_deref()).await.unwrap();
        let (page, token) = link.rsplit_once('/').unwrap();
        assert_eq!(page, format!("{}/signin", origin(&server)));
        let use_it = async || server.post("/api/sign-in/link", None, &json!({ "token": token })).await;
        let answer = use_it().await;
        assert_eq!(answer.json()["handle"], handle);
        assert_eq!(server.get("/api/me", Some(&token_of(&answer))).await.json()["handle"], handle);
        use_it().await.refused(410, "link_over");
    }
    for nobody in ["nobody", "no handle", ""] {
        assert!(roomtone::serve::recover(&folder, Some(nobody)).await.is_err(), "{nobody}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(roomtone::serve::recover(&Data::in_folder(empty.path()), None).await.is_err());
    for invented in ["", "nonsense", "00000000000000000000000000"] {
        server.post("/api/sign-in/link", None, &json!({ "token": invented })).await.refused(410, "link_over");
    }
}

/// A letter as the mail server got it.
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) text: String,
}

impl Letter {
    /// The token of the link in it.
    pub(crate) fn token(&self) -> &str {
        self.text.split("/signin/").nth(1).unwrap().split_whitespace().next().unwrap()
    }
}

/// A mail server (RFC 5321) that hands letters to the test.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    letters: mpsc::UnboundedReceiver<Letter>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, letters) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take_letters(stream, taken.clone()));
            }
        });
        Self { port, letters }
    }

    pub(crate) async fn next(&mut self) -> Letter {
        tokio::time::timeout(Duration::from_secs(30), self.letters.recv()).await.expect("a letter").unwrap()
    }
}

async fn take_letters(stream: TcpStream, letters: mpsc::UnboundedSender<Letter>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 localhost\r\n").await?;
    let mut to = String::new();
    while let Some(line) = lines.next_line().await? {
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-localhost\r\n250 8BITMIME\r\n",
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut text = Vec::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    text.push(line);
                }
                let _ = letters.send(Letter { to: to.clone(), text: unfolded(&text) });
                "250 taken\r\n"
            }
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                "250 ok\r\n"
            }
            _ => "250 ok\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// The text of a letter without quoted-printable's line ends (RFC 2045, section 6.7).
fn unfolded(lines: &[String]) -> String {
    lines.join("\n").replace("=\n", "").replace("=3D", "=")
}

/// A server that sends letters.
pub(crate) async fn with_mail() -> (Server, TempDir, MailServer) {
    let (data, mail) = (tempfile::tempdir().unwrap(), MailServer::start().await);
    let store = Store::open(data.path()).await.unwrap();
    let port = mail.port.to_string();
    for (key, value) in [
        ("mail_host", "127.0.0.1"),
        ("mail_port", port.as_str()),
        ("mail_from", "Kitchen <kitchen@example.org>"),
        ("mail_tls", "none"),
    ] {
        store.set_setting(key, value).await.unwrap();
    }
    store.close().await;
    (Server::start_in(data.path()).await, data, mail)
}

pub(crate) async fn put_mail(member: &Member<'_>, address: &str) -> Answer {
    let json = [("content-type", "application/json")];
    let body = json!({ "address": address }).to_string();
    member.server.send(Method::PUT, "/api/mail", Some(&member.token), &json, body).await
}

#[tokio::test]
async fn a_confirmed_address_gets_links_that_sign_in_once() {
    let (server, data, mut mail) = with_mail().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    assert_eq!(server.get("/api/sign-in", None).await.json()["mail"], true);
    let none = json!({ "address": null, "confirmed": false, "pending": null, "available": true });
    assert_eq!(ada.get("/api/mail").await.json(), none);
    assert_eq!(put_mail(&ada, " Ada@Example.org ").await.status, StatusCode::ACCEPTED);
    let waiting =
        json!({ "address": "ada@example.org", "confirmed": false, "pending": "ada@example.org", "available": true });
    assert_eq!(ada.get("/api/mail").await.json(), waiting);
    let letter = mail.next().await;
    assert_eq!(letter.to, "ada@example.org");
    assert!(letter.text.contains(&format!("{}/signin/", origin(&server))), "{}", letter.text);

    // A mistyped address is somebody's: the link in it lets them in nowhere.
    let body = json!({ "token": letter.token() });
    server.post("/api/sign-in/link", None, &body).await.refused(401, "not_signed_in");
    ben.post("/api/sign-in/link", &body).await.refused(410, "link_over");
    let confirmed = ada.post("/api/sign-in/link", &body).await;
    assert_eq!(confirmed.json()["handle"], ada.handle.as_str());
    assert!(confirmed.headers.get("set-cookie").is_none());
    ada.post("/api/sign-in/link", &body).await.refused(410, "link_over");
    assert_eq!(ada.get("/api/mail").await.json()["confirmed"], true);

    let ask = async |address: &str| server.post("/api/sign-in/mail", None, &json!({ "address": address })).await;
    // Nobody's address is answered in the same way, and nothing is sent.
    let (nobody, somebody) = (ask("nobody@example.org").await, ask("ADA@example.org").await);
    assert_eq!((nobody.status, &nobody.text), (StatusCode::ACCEPTED, &somebody.text));
    assert_eq!(somebody.status, StatusCode::ACCEPTED);
    let letter = mail.next().await;
    assert_eq!(letter.to, "ada@example.org");
    let body = json!({ "token": letter.token() });
    let answer = server.post("/api/sign-in/link", None, &body).await;
    assert_eq!(server.get("/api/me", Some(&token_of(&answer))).await.json()["handle"], ada.handle.as_str());
    server.post("/api/sign-in/link", None, &body).await.refused(410, "link_over");

    // Another address: the former one hears of it, and its links are void.
    ask("ada@example.org").await;
    let former = mail.next().await;
    assert_eq!(put_mail(&ada, "new@example.org").await.status, StatusCode::ACCEPTED);
    let letter = mail.next().await;
    assert_eq!(ada.get("/api/mail").await.json()["address"], "ada@example.org");
    assert_eq!(ada.get("/api/mail").await.json()["pending"], "new@example.org");
    ada.post("/api/sign-in/link", &json!({ "token": letter.token() })).await;
    let told = mail.next().await;
    assert_eq!((told.to.as_str(), told.text.contains("another address")), ("ada@example.org", true));
    let body = json!({ "token": former.token() });
    server.post("/api/sign-in/link", None, &body).await.refused(410, "link_over");
    // Somebody else's address can be asked for, but not had.
    put_mail(&ben, "new@example.org").await;
    let letter = mail.next().await;
    ben.post("/api/sign-in/link", &json!({ "token": letter.token() })).await.refused(409, "address_taken");

    ada.send(Method::DELETE, "/api/mail").await.refused(409, "last_way_in");
    register(&ada).await;
    assert_eq!(ada.send(Method::DELETE, "/api/mail").await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.get("/api/mail").await.json(), none);
}

#[tokio::test]
async fn letters_are_asked_for_in_moderation_and_only_where_there_is_a_mail_server() {
    let (server, data, mut mail) = with_mail().await;
    let ada = server.member(&data).await;
    for bad in ["", "ada", "ada@example.org\r\nBcc: x@example.org", "a b@example.org", "<ada@example.org>"] {
        put_mail(&ada, bad).await.refused(422, "invalid_address");
        server.post("/api/sign-in/mail", None, &json!({ "address": bad })).await.refused(422, "invalid_address");
    }
    // Nobody's mailbox is filled, whether or not a member has it.
    for _ in 0..3 {
        let answer = server.post("/api/sign-in/mail", None, &json!({ "address": "eve@example.org" })).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
    }
    // That there were enough is said to nobody.
    let answer = server.post("/api/sign-in/mail", None, &json!({ "address": "Eve@example.org" })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert!(server.app.limits.subject(&SIGN_IN_MAIL_TO, "eve@example.org", roomtone::edge::instant()).is_err());
    let ben = server.member(&data).await;
    // Who confirms an address is counted apart, so that nobody keeps others from signing in by asking for theirs.
    let confirm = || server.app.limits.subject(&CONFIRM_MAIL_TO, "mia@example.org", roomtone::edge::instant());
    assert!((0..3).all(|_| confirm().is_ok()));
    put_mail(&ben, "mia@example.org").await.refused(429, "rate_limited");
    assert!(server.app.limits.subject(&SIGN_IN_MAIL_TO, "mia@example.org", roomtone::edge::instant()).is_ok());
    assert_eq!(put_mail(&ben, "ben@example.org").await.status, StatusCode::ACCEPTED);
    assert_eq!(mail.next().await.to, "ben@example.org", "the first letter of all");

    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let address = json!({ "address": "ada@example.org" });
    server.post("/api/sign-in/mail", None, &address).await.refused(404, "mail_not_configured");
    put_mail(&ada, "ada@example.org").await.refused(404, "mail_not_configured");
    let ways = server.get("/api/sign-in", None).await.json();
    assert_eq!(ways, json!({ "passkeys": true, "mail": false, "server": "Roomtone" }));
    assert_eq!(ada.get("/api/mail").await.json()["available"], false);
}

#[tokio::test]
async fn passkeys_need_a_name_for_the_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(data.path(), &["--public-url", "http://127.0.0.1:8080"]).await;
    let ada = server.member(&data).await;
    ada.post("/api/passkeys/begin", &json!({})).await.refused(404, "passkeys_unavailable");
    server.post("/api/sign-in/passkey/begin", None, &json!({})).await.refused(404, "passkeys_unavailable");
    assert_eq!(server.get("/api/sign-in", None).await.json()["passkeys"], false);
}

/// A browser in which a member signed in long ago.
async fn found_open<'a>(server: &'a Server, data: &TempDir, number: u32) -> Member<'a> {
    let (code, token) = (Secret::hash_of(&server.code(data).await).unwrap(), Secret::draw());
    let (handle, long_ago) = (format!("old{number}"), Timestamp(roomtone::edge::now().0 - 16 * 60 * 1000));
    let id = MemberId(9_000 + u128::from(number));
    let (name, skeleton, language) = (handle.clone(), handle.clone(), "en".to_owned());
    let member = NewMember { id, handle: handle.clone(), skeleton, name, language };
    let session = NewSession { hash: token.hash, label: "Browser".to_owned() };
    server.app.store.redeem(&code, long_ago, member, session).await.unwrap();
    Member { server, token: token.text, handle, id: id.to_string() }
}

#[tokio::test]
async fn new_ways_in_are_for_who_has_just_shown_who_they_are() {
    let (server, data, _mail) = with_mail().await;
    // Who could not sign in again may make a way: nobody else would let them.
    let ada = found_open(&server, &data, 1).await;
    let (key, _) = register(&ada).await;
    let ben = found_open(&server, &data, 2).await;
    let codes = ben.post("/api/recovery-codes", &json!({})).await.json();
    for member in [&ada, &ben] {
        member.post("/api/recovery-codes", &json!({})).await.refused(403, "sign_in_again");
        member.post("/api/passkeys/begin", &json!({})).await.refused(403, "sign_in_again");
        put_mail(member, "eve@example.org").await.refused(403, "sign_in_again");
    }
    let code = codes["codes"][0].as_str().unwrap();
    let tokens = [
        token_of(&sign_in(&server, |options| key.get(options)).await),
        token_of(&recover(&server, &ben.handle, code).await),
    ];
    for token in tokens {
        let fresh = Member { server: &server, token, handle: String::new(), id: String::new() };
        register(&fresh).await;
        assert_eq!(fresh.post("/api/recovery-codes", &json!({})).await.status, StatusCode::CREATED);
        assert_eq!(put_mail(&fresh, "new@example.org").await.status, StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn a_token_of_a_player_gets_at_no_way_to_sign_in() {
    let (server, data) = Server::start().await;
    let link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
    let token = owner.post("/api/tokens", &json!({ "label": "Player" })).await.json()["token"].clone();
    let token = Some(token.as_str().unwrap());
    let other = server.member(&data).await;
    assert_eq!(server.get("/api/me", token).await.status, StatusCode::OK);
    let nothing = "00000000000000000000000000";
    for (method, path, body) in [
        (Method::POST, "/api/tokens", r#"{"label":"More"}"#),
        (Method::GET, "/api/sessions", ""),
        (Method::DELETE, "/api/sessions", ""),
        (Method::DELETE, &format!("/api/sessions/{nothing}"), ""),
        (Method::GET, "/api/passkeys", ""),
        (Method::POST, "/api/passkeys/begin", ""),
        (Method::POST, "/api/passkeys/finish", "{}"),
        (Method::PATCH, &format!("/api/passkeys/{nothing}"), r#"{"name":"x"}"#),
        (Method::DELETE, &format!("/api/passkeys/{nothing}"), ""),
        (Method::GET, "/api/recovery-codes", ""),
        (Method::POST, "/api/recovery-codes", ""),
        (Method::GET, "/api/mail", ""),
        (Method::PUT, "/api/mail", r#"{"address":"a@example.org"}"#),
        (Method::DELETE, "/api/mail", ""),
    ] {
        server.send_json(method, path, token, body).await.refused(403, "not_allowed");
    }
    // As to anybody who runs nothing.
    server.get("/api/admin/health", token).await.refused(404, "not_found");
    let suspend = format!("/api/admin/members/{}/suspend", other.handle);
    server.post(&suspend, token, &json!({ "branch": false })).await.refused(404, "not_found");
    assert_eq!(server.send(Method::DELETE, "/api/session", token, &[], "").await.status, StatusCode::NO_CONTENT);
}
