//! Taking everything along, and deleting the account.

use std::io::{Cursor, Read};
use std::path::Path;

use axum::http::{Method, StatusCode};
use image::{ImageFormat, RgbImage};
use roomtone_store::{NewSession, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Member, Server};

impl Member<'_> {
    async fn delete_account(&self, handle: &str) -> Answer {
        let body = json!({ "handle": handle }).to_string();
        self.server.send_json(Method::DELETE, "/api/me", Some(&self.token), &body).await
    }

    async fn posted(&self, path: &str, body: Value) -> Value {
        let answer = self.post(path, &body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    async fn sent(&self, method: Method, path: &str, body: Value) {
        let answer = self.server.send_json(method, path, Some(&self.token), &body.to_string()).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
    }
}

/// What nobody else would write.
fn mark(number: u32) -> String {
    format!("qzxmark{number}x")
}

/// Writes a mark wherever a member can write over HTTP, and returns how many there are.
async fn write_everywhere(ada: &Member<'_>, friend: &Member<'_>) -> u32 {
    let mut number = 0;
    let mut next = || {
        number += 1;
        mark(number)
    };
    let profile = json!({
        "name": next(), "handle": next(), "bio": next(), "links": [format!("https://{}.example/{}", next(), next())],
        "topics": [next(), next()],
    });
    assert_eq!(ada.patch(profile).await.status, StatusCode::OK);
    let mut picture = Vec::new();
    RgbImage::new(40, 40).write_to(&mut Cursor::new(&mut picture), ImageFormat::Png).unwrap();
    let headers = [("content-type", "image/png")];
    let set = ada.server.send(Method::PUT, "/api/me/avatar", Some(&ada.token), &headers, picture).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    ada.posted("/api/tokens", json!({ "label": next() })).await;
    ada.posted("/api/recovery-codes", json!({})).await;
    ada.posted("/api/invites", json!({ "note": next(), "days": 3 })).await;
    let house = json!({ "handle": next(), "name": next(), "about": next(), "rules": next(), "language": "en",
        "private": false, "nominated": false });
    ada.posted("/api/houses", house).await;
    ada.done(Method::PUT, &format!("/api/members/{}/follow", friend.handle)).await;
    ada.posted("/api/reports", json!({ "about": friend.handle, "reason": "other", "text": next() })).await;
    let subscription = json!({
        "endpoint": format!("https://push.example/{}", next()),
        "p256dh": "BNNL5ZaTfK81qhXOx23-wewhigUeFb632jN6LvRWCFH1ubQr77FE_9qV1FuojuRmHP42zmf34rXgW80OvUVDgTk",
        "auth": "zqbxT6JKstKSY9JKibZLSQ",
    });
    ada.posted("/api/push", subscription).await;
    ada.posted("/api/me/proofs", json!({ "domain": format!("{}.example", next()), "method": "dns" })).await;
    let office = json!({ "handle": friend.handle, "rights": ["answer"], "title": next(), "days": 1 });
    ada.posted("/api/me/office", office).await;
    // A room of the friend's from which she was put out, and what she says to that.
    let shut = friend.open("open").await;
    let mut host = friend.enter(&shut).await;
    let mut put_out = ada.enter(&shut).await;
    host.accepted(json!({ "type": "remove", "member": ada.id })).await;
    put_out.next("bye").await;
    let removed = ada.get("/api/acts/mine").await.json()["items"][0]["act"]["id"].as_str().unwrap().to_owned();
    ada.posted(&format!("/api/acts/{removed}/appeal"), json!({ "text": next() })).await;
    // A room of hers, and one of the friend's in which she asks something: once that is in the log, and once in the state.
    let room = ada.posted("/api/rooms", json!({ "title": next(), "kind": "open", "topics": [next()] })).await;
    drop(ada.enter(room["id"].as_str().unwrap()).await);
    let theirs = friend.open("open").await;
    let mut host = friend.enter(&theirs).await;
    let mut asks = ada.enter(&theirs).await;
    asks.accepted(json!({ "type": "raise_hand", "question": next() })).await;
    host.event("hand_raised").await;
    asks.accepted(json!({ "type": "lower_hand" })).await;
    asks.accepted(json!({ "type": "raise_hand", "question": next() })).await;
    host.event("hand_raised").await;
    number
}

/// Has words of a member stand where others keep them: she becomes the host of a room that the friend opened, in which she is
/// reported, and as an admin answers a report. Returns how many marks there are then.
async fn write_with_others(server: &Server, data: &TempDir, ada: &Member<'_>, friend: &Member<'_>, marks: u32) -> u32 {
    let link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
    let handle = ada.get("/api/me").await.json()["handle"].as_str().unwrap().to_owned();
    owner.sent(Method::PUT, &format!("/api/admin/members/{handle}/admin"), json!({})).await;
    let reporter = server.member(data).await;
    let room = friend.open("open").await;
    let mut host = friend.enter(&room).await;
    let mut later_host = ada.enter(&room).await;
    let _reporter = reporter.enter(&room).await;
    host.accepted(json!({ "type": "offer_stage", "member": ada.id })).await;
    later_host.accepted(json!({ "type": "accept_offer" })).await;
    host.accepted(json!({ "type": "make_moderator", "member": ada.id })).await;
    host.accepted(json!({ "type": "hand_over", "member": ada.id })).await;
    let body = json!({ "room": room, "reason": "abuse", "text": "Too loud" });
    let report = reporter.posted("/api/reports", body).await["id"].as_str().unwrap().to_owned();
    let reports = owner.get("/api/admin/reports").await.json();
    assert_eq!(reports["items"][0]["room_host"]["handle"], handle.as_str());
    let answer = json!({ "outcome": "acted", "text": mark(marks + 1) });
    ada.posted(&format!("/api/admin/reports/{report}"), answer).await;
    // And she keeps somebody out, and says why.
    let reason = mark(marks + 2);
    while later_host.next("snapshot").await["you"]["role"] != "host" {}
    later_host.accepted(json!({ "type": "ban", "member": reporter.id, "reason": reason })).await;
    // She has a guest in, and calls somebody up.
    let link = json!({ "name": mark(marks + 3), "minutes": 5, "context": mark(marks + 4) });
    let link = ada.posted(&format!("/api/rooms/{room}/guests"), link).await;
    let guest = crate::guests::Guest::by(server, link["link"].as_str().unwrap()).await;
    let mut waiting = guest.try_knock(&room).await.unwrap();
    later_host.event("knocked").await;
    later_host.accepted(json!({ "type": "admit", "guest": link["guest"] })).await;
    waiting.next("snapshot").await;
    let call = json!({ "type": "call_up", "member": owner.id, "context": mark(marks + 5) });
    later_host.accepted(call).await;
    // The notice is kept a moment after the answer was given.
    loop {
        let notices = reporter.get("/api/notices").await.json();
        if notices["items"].as_array().unwrap().iter().any(|notice| notice["body"] == mark(marks + 1).as_str()) {
            return marks + 5;
        }
        tokio::task::yield_now().await;
    }
}

/// Looks for marks in every file of a folder.
fn search(folder: &Path, marks: u32) -> Vec<String> {
    let mut left = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            left.extend(search(&path, marks));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for mark in (1..=marks).map(mark) {
            if bytes.windows(mark.len()).any(|window| window == mark.as_bytes()) {
                left.push(format!("{mark} in {}", path.display()));
            }
        }
    }
    left
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_deleted_account_is_left_in_the_folder() {
    let (server, data) = Server::start().await;
    let (ada, friend) = (server.member(&data).await, server.member(&data).await);
    let marks = write_everywhere(&ada, &friend).await;
    let marks = write_with_others(&server, &data, &ada, &friend, marks).await;
    assert!(!search(data.path(), marks).is_empty());
    let me = ada.get("/api/me").await.json();
    let handle = me["handle"].as_str().unwrap();
    let avatar = me["avatar"].as_str().unwrap();
    let answer = ada.delete_account(handle).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(search(data.path(), marks), Vec::<String>::new());
    ada.get("/api/me").await.refused(401, "not_signed_in");
    friend.get(&format!("/api/members/{handle}")).await.refused(404, "member_not_found");
    server.get(&format!("/api/avatars/{avatar}/small"), None).await.refused(404, "not_found");
    // The handle is free, and the friend's room goes on, also after a restart.
    assert_eq!(friend.patch(json!({ "handle": handle })).await.status, StatusCode::OK);
    assert_eq!(friend.get("/api/me").await.json()["handle"], handle);
    friend.patch(json!({ "handle": friend.handle })).await;
    let token = friend.token.clone();
    server.stop().await;
    let server = Server::start_in(data.path()).await;
    assert_eq!(server.get("/api/me", Some(&token)).await.status, StatusCode::OK);
}

/// Whoever asks without a pause while the account goes is let in before the answer, and never after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_answered_once_the_account_is_said_to_be_gone() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let player = ada.posted("/api/tokens", json!({ "label": "player" })).await["token"].as_str().unwrap().to_owned();
    // Known to the server already: from an address with so many bad tokens it looks no others up.
    assert_eq!(ben.get("/api/me").await.status, StatusCode::OK);
    let gone = std::sync::atomic::AtomicBool::new(false);
    let asking = async |token: &str| {
        let mut after = 0;
        while after < 3 {
            let asked_after = gone.load(std::sync::atomic::Ordering::SeqCst);
            let status = server.get("/api/me", Some(token)).await.status;
            if asked_after {
                assert!(status.is_client_error(), "{status}");
                ben.get(&format!("/api/members/{}", ada.handle)).await.refused(404, "member_not_found");
                after += 1;
            }
            tokio::task::yield_now().await;
        }
    };
    let going = async {
        assert_eq!(ada.delete_account(&ada.handle).await.status, StatusCode::NO_CONTENT);
        gone.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    tokio::join!(asking(&ada.token), asking(&player), going);
}

#[tokio::test]
async fn who_is_deleted_leaves_what_is_live() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let hers = ada.open("open").await;
    let mut host = ada.enter(&hers).await;
    let mut guest = ben.enter(&hers).await;
    let mut page = ada.live().await;
    assert_eq!(ada.delete_account(&ada.handle).await.status, StatusCode::NO_CONTENT);
    assert_eq!(guest.next("bye").await["code"], "room_ended");
    assert_eq!(host.next("bye").await["code"], "room_ended");
    assert_eq!(page.next("bye").await["code"], "session_ended");
    ben.get(&format!("/api/rooms/{hers}")).await.refused(404, "room_not_found");
    // In a room of somebody else's they are gone, and it goes on.
    let eve = server.member(&data).await;
    let his = ben.open("open").await;
    let mut host = ben.enter(&his).await;
    let mut listener = eve.enter(&his).await;
    assert_eq!(eve.delete_account(&eve.handle).await.status, StatusCode::NO_CONTENT);
    assert_eq!(listener.next("bye").await["code"], "session_ended");
    host.event("left").await;
    host.accepted(json!({ "type": "end" })).await;
}

#[tokio::test]
async fn nobody_is_deleted_by_mistake_or_by_somebody_else() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    ada.delete_account(&ben.handle).await.refused(422, "wrong_handle");
    ada.delete_account("").await.refused(422, "wrong_handle");
    server.send_json(Method::DELETE, "/api/me", Some(&ada.token), "{}").await.refused(400, "bad_request");
    // A token that was made a moment ago by whoever found a browser open is no proof.
    let token = ada.posted("/api/tokens", json!({ "label": "player" })).await["token"].as_str().unwrap().to_owned();
    let body = json!({ "handle": ada.handle }).to_string();
    server.send_json(Method::DELETE, "/api/me", Some(&token), &body).await.refused(403, "sign_in_again");
    // Nor is a session of long ago: one as it would be after a year.
    let secret = "00000000000000000000000042";
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
    let old = NewSession { hash: hash.as_ref().try_into().unwrap(), label: "old".to_owned() };
    let store = Store::open(data.path()).await.unwrap();
    let passkeys = store.passkeys(ada.id.parse().unwrap()).await.unwrap();
    assert!(passkeys.is_empty());
    let code = [7; 32];
    let asker = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, ada.token.as_bytes());
    assert!(store.replace_recovery_codes(asker.as_ref().try_into().unwrap(), &[code]).await.unwrap());
    store.sign_in_by_recovery(&ada.handle, &code, roomtone_room::ids::Timestamp(1), &old).await.unwrap();
    store.close().await;
    server.send_json(Method::DELETE, "/api/me", Some(secret), &body).await.refused(403, "sign_in_again");
    let forged = json!({ "handle": ada.handle, "ceremony": secret, "credential": { "id": "x" } }).to_string();
    let refused = server.send_json(Method::DELETE, "/api/me", Some(secret), &forged).await;
    assert!(refused.status.is_client_error(), "{}", refused.text);
    server.send_json(Method::DELETE, "/api/me", None, &body).await.refused(401, "not_signed_in");
    assert_eq!(ada.get("/api/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_owner_hands_over_first() {
    let (server, data) = Server::start().await;
    let link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
    let ada = server.member(&data).await;
    owner.delete_account(&owner.handle).await.refused(409, "owner_must_stay");
    owner.sent(Method::PUT, &format!("/api/admin/members/{}/owner", ada.handle), json!({})).await;
    assert_eq!(owner.delete_account(&owner.handle).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.get("/api/me").await.json()["owner"], true);
}

#[tokio::test]
async fn everything_is_in_the_archive() {
    let (server, data) = Server::start().await;
    let (ada, friend) = (server.member(&data).await, server.member(&data).await);
    let marks = write_everywhere(&ada, &friend).await;
    ada.patch(json!({ "language": "ru" })).await;
    let answer = ada.get("/api/me/export").await;
    assert_eq!((answer.status, &answer.headers["content-type"]), (StatusCode::OK, &"application/zip".parse().unwrap()));
    assert!(answer.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.bytes)).unwrap();
    let mut names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "README.txt",
            "account.json",
            "avatar.jpg",
            "events.json",
            "follows.json",
            "houses.json",
            "invitations.json",
            "invites.json",
            "notices.json",
            "office.json",
            "replays.json",
            "reports.json",
            "rooms.json"
        ]
    );
    let mut all = String::new();
    for name in &names {
        let mut bytes = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        match name.as_str() {
            "avatar.jpg" => assert!(image::load_from_memory(&bytes).is_ok()),
            "README.txt" => assert!(String::from_utf8(bytes).unwrap().contains("архиве")),
            _ => {
                let json: Value = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(json.as_object().is_some_and(|parts| !parts.is_empty()), "{name}");
                all.push_str(&json.to_string());
            }
        }
    }
    // A house's about and rules belong to the house.
    let missing: Vec<_> = (1..=marks).map(mark).filter(|mark| !all.contains(mark.as_str())).collect();
    assert!(missing.len() <= 4, "{missing:?}");
    assert!(all.contains(&friend.handle));
    // Nothing that would let anybody in, and nothing of anybody else's.
    assert!(!all.contains(&ada.token) && !all.contains(&friend.token));
    let codes: Vec<_> = futures_util::future::join_all((0..5).map(|_| ada.get("/api/me/export"))).await;
    assert!(codes.iter().any(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS));
    server.get("/api/me/export", None).await.refused(401, "not_signed_in");
}
