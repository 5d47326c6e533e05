//! Recorded talks as whoever has no account finds them: from what led to them, by unlisted links, as podcasts, and in plain players.

use std::fs;

use axum::http::{Method, StatusCode};
use roomtone::edge;
use roomtone_store::ReplayHearers;
use serde_json::{Value, json};

use crate::replays::{Made, ready, ready_in, speaker};
use crate::support::{Answer, Member, Server};

async fn visit(server: &Server, path: &str) -> Answer {
    let answer = server.get(path, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer
}

async fn made(who: &Member<'_>, path: &str, body: Value) -> Value {
    let answer = who.post(path, &body).await;
    assert!(answer.status.is_success(), "{path} {body}: {}", answer.text);
    answer.json()
}

/// An act on an invitation in the round in which it is.
async fn act(who: &Member<'_>, invitation: &str, act: &str, more: Value) -> Value {
    let path = format!("/api/invitations/{invitation}");
    let mut body = json!({ "act": act, "round": who.get(&path).await.json()["round"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    made(who, &format!("{path}/acts"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_led_to_a_talk_leads_to_its_recap() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let letter = json!({ "invitee": { "handle": ben.handle }, "title": "Join me", "text": "Would you?" });
    let invitation = made(&ada, "/api/invitations", letter).await["id"].as_str().unwrap().to_owned();
    act(&ben, &invitation, "accept", json!({})).await;
    let soon = edge::now().0 + 20 * 60_000;
    act(&ada, &invitation, "propose_time", json!({ "times": [soon] })).await;
    let agreed = act(&ben, &invitation, "agree_time", json!({ "times": [soon] })).await;
    let event = agreed["event"].as_str().unwrap().to_owned();
    let pages = [format!("/events/{event}"), format!("/invitations/{invitation}")];
    for page in &pages {
        assert!(!visit(&server, page).await.text.contains("/recaps/"), "{page}");
    }
    let room = made(&ada, &format!("/api/events/{event}/room"), Value::Null).await;
    let room = room["id"].as_str().unwrap().parse().unwrap();
    let speakers = [speaker(&ada), speaker(&ben)];
    let talk = async |hearers| ready_in(&server, data.path(), room, &ada, hearers, &speakers, &[]).await.id.to_string();
    let (open, shut) = (talk(ReplayHearers::Everyone).await, talk(ReplayHearers::Members).await);
    // Another language each time, so that nothing that is kept for a moment is given out.
    for page in &pages {
        for (language, words) in [("ru", "Что из этого вышло"), ("en", "What came of it")] {
            let text = visit(&server, &format!("{page}?language={language}")).await.text;
            assert!(text.contains(words) && text.contains(&format!("/recaps/{open}\"")), "{page}: {text}");
            assert!(!text.contains(&shut), "{page} tells of a talk that is not for everybody");
        }
    }
    let recap = visit(&server, &format!("/recaps/{open}")).await.text;
    for page in &pages {
        assert!(recap.contains(&format!("\"{page}\"")), "{page}: {recap}");
    }
    let (path, body) = (format!("/api/replays/{open}"), r#"{"hearers":"members"}"#);
    let narrowed = server.send_json(Method::PATCH, &path, Some(&ada.token), body).await;
    assert_eq!(narrowed.status, StatusCode::OK, "{}", narrowed.text);
    for page in &pages {
        let text = visit(&server, &format!("{page}?language=fr")).await.text;
        assert!(!text.contains("/recaps/"), "{page}: {text}");
    }
}

/// A new link to a replay: its id, its address as a path, and the key in that.
async fn link(host: &Member<'_>, replay: &Made) -> (String, String, String) {
    let made = made(host, &format!("/api/replays/{}/links", replay.id), json!({})).await;
    let url = made["url"].as_str().unwrap();
    let path = url[url.find("/recaps/").expect("a page that needs no account")..].to_owned();
    let key = path.split_once("?key=").unwrap().1.to_owned();
    (made["id"].as_str().unwrap().to_owned(), path, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_link_leads_to_a_page_that_plays_and_is_found_nowhere() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let public = server.send_json(Method::PATCH, "/api/me", Some(&ada.token), r#"{"public":true}"#).await;
    assert_eq!(public.status, StatusCode::OK, "{}", public.text);
    let speakers = [speaker(&ada), speaker(&ben)];
    let talk = async |hearers| ready(&server, data.path(), &ada, hearers, &speakers, &[]).await;
    let (replay, other) = (talk(ReplayHearers::Attendees).await, talk(ReplayHearers::Attendees).await);
    let (id, path, key) = link(&ada, &replay).await;
    let clip = json!({ "from_ms": 0, "to_ms": 2_000, "title": "Cats" });
    let clip = made(&ada, &format!("/api/replays/{}/clips", replay.id), clip).await;
    let clip = format!("/clips/{}", clip["id"].as_str().unwrap());
    let nothing = visit(&server, &format!("/recaps/{}", "7".repeat(26))).await;

    for (page, title) in [(path.clone(), "A talk</h1>"), (format!("{clip}?key={key}"), "Cats</h1>")] {
        let answer = visit(&server, &page).await;
        let text = &answer.text;
        assert!(text.contains(title) && text.contains("<audio"), "{page}: {text}");
        // It asks to be in no index and in no cache of anybody else's, and has nothing for programs that go further.
        assert_eq!(
            ["x-robots-tag", "cache-control", "referrer-policy"].map(|name| answer.headers[name].to_str().unwrap()),
            ["noindex", "private, no-cache", "no-referrer"]
        );
        assert!(text.contains("<meta name=\"robots\" content=\"noindex\">"), "{text}");
        assert!(!text.contains("canonical") && !text.contains("ld+json"), "{text}");
        // No address of the replay goes without the key.
        let addresses: Vec<_> = text.split('"').filter(|part| part.contains('/') && !part.contains('<')).collect();
        let of_it = addresses.iter().filter(|one| one.contains(&replay.id.to_string()) || one.contains(&clip));
        let (with, without): (Vec<&str>, Vec<&str>) =
            of_it.copied().partition(|one| one.contains(&format!("key={key}")));
        assert!(with.len() > 4 && without.is_empty(), "{with:?} {without:?}");
        for sound in addresses.iter().filter(|one| one.starts_with("/api/")) {
            let heard = visit(&server, &sound.replace("&amp;", "&")).await;
            assert!(heard.headers["content-type"].to_str().unwrap().starts_with("audio/") && heard.bytes.len() > 300);
        }
        let card = page.replacen("?", "/card.png?language=en&", 1);
        assert_eq!(&visit(&server, &card).await.bytes[1..4], b"PNG");
        // Whoever has signed in gets the client there, as at every page.
        let client = server.send(Method::GET, &page, None, &[("cookie", "roomtone_session=x")], "").await;
        assert!(client.bytes == nothing.bytes);
    }
    // There is nothing without the key, or with that of something else.
    let (_, _, others) = link(&ada, &other).await;
    for wrong in ["", "?key=", "?key=x", "?key=7zzzzzzzzzzzzzzzzzzzzzzzzz", &format!("?key={others}")] {
        for page in [format!("/recaps/{}", replay.id), clip.clone()] {
            for page in [format!("{page}{wrong}"), format!("{page}/card.png{wrong}")] {
                assert!(visit(&server, &page).await.bytes == nothing.bytes, "{page}");
            }
        }
    }
    for page in [format!("/people/{}", ada.handle), format!("/people/{}/podcast.xml", ada.handle)] {
        assert!(!visit(&server, &page).await.text.contains(&replay.id.to_string()), "{page}");
    }

    // What everybody may hear has one page, whoever brings a key for it.
    let open = talk(ReplayHearers::Everyone).await;
    let (_, keyed, key) = link(&ada, &open).await;
    let (plain, keyed) = (visit(&server, &format!("/recaps/{}", open.id)).await, visit(&server, &keyed).await);
    assert!(plain.text == keyed.text && plain.text.contains("canonical") && !plain.text.contains(&key));
    assert_eq!(keyed.headers.get("x-robots-tag"), None);

    let revoked = ada.send(Method::DELETE, &format!("/api/replays/{}/links/{id}", replay.id)).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT, "{}", revoked.text);
    assert!(visit(&server, &format!("{path}&language=ru")).await.bytes == nothing.bytes, "it is revoked");

    // Keys are not tried through.
    server.forget_who_asked();
    let mut tried = 0;
    while server.get(&format!("/recaps/{}?key={}", replay.id, "7".repeat(26)), None).await.status == StatusCode::OK {
        tried += 1;
        assert!(tried < 200, "keys can be tried through");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_podcast_has_a_square_cover() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    for (handle, private) in [("tea", false), ("cellar", true)] {
        made(&ada, "/api/houses", json!({ "handle": handle, "name": "Tea & biscuits", "private": private })).await;
    }
    let nothing = visit(&server, &format!("/recaps/{}", "7".repeat(26))).await;
    let own = format!("/people/{}/cover.jpg", ada.handle);
    for hidden in ["/houses/cellar/cover.jpg", "/houses/nobody/cover.jpg", &own] {
        assert!(visit(&server, hidden).await.bytes == nothing.bytes, "{hidden}");
    }
    let feed = visit(&server, "/houses/tea/podcast.xml").await.text;
    let named = feed.split("<itunes:image href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(named.ends_with("/houses/tea/cover.jpg"), "{named}");
    let cover = visit(&server, "/houses/tea/cover.jpg").await;
    assert_eq!(
        (&cover.headers["content-type"], &cover.bytes[..3]),
        (&"image/jpeg".parse().unwrap(), &b"\xff\xd8\xff"[..])
    );
    // Directories show it on their own pages, and look whether it is there before they fetch it.
    assert_eq!(cover.headers["cross-origin-resource-policy"], "cross-origin");
    let head = server.send(Method::HEAD, "/houses/tea/cover.jpg", None, &[], "").await;
    assert_eq!((head.status, &head.headers["content-length"]), (StatusCode::OK, &cover.bytes.len().into()));
}

/// Safari asks for two bytes first, and plays nothing unless it is answered as here; players of podcasts ask with HEAD.
#[tokio::test(flavor = "multi_thread")]
async fn players_probe_a_file_before_they_play_it() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let replay = ready(&server, data.path(), &ada, ReplayHearers::Everyone, &[speaker(&ada)], &[]).await;
    let clip = json!({ "from_ms": 0, "to_ms": 2_000, "title": "Cats" });
    let clip = made(&ada, &format!("/api/replays/{}/clips", replay.id), clip).await;
    let clip = clip["id"].as_str().unwrap();
    let mix = fs::read(replay.folder.join("1/mix.mp4")).unwrap().len();
    for (path, length) in [
        (format!("/api/replays/{}/audio.mp4", replay.id), Some(mix)),
        (format!("/api/replays/{}/audio.ogg", replay.id), None),
        (format!("/api/clips/{clip}/audio.mp4"), None),
    ] {
        let ask = async |method, headers: &[(&str, &str)]| server.send(method, &path, None, headers, "").await;
        let said = |answer: &Answer, name: &str| answer.headers.get(name).map(|it| it.to_str().unwrap().to_owned());
        let whole = ask(Method::GET, &[]).await;
        let total = whole.bytes.len();
        assert!(length.is_none_or(|length| length == total), "{path}");
        let probe =
            ask(Method::GET, &[("range", "bytes=0-1"), ("accept", "*/*"), ("accept-encoding", "identity")]).await;
        assert_eq!((probe.status, &probe.bytes[..]), (StatusCode::PARTIAL_CONTENT, &whole.bytes[..2]), "{path}");
        assert_eq!(
            ["content-range", "content-length", "accept-ranges"].map(|name| said(&probe, name).unwrap()),
            [format!("bytes 0-1/{total}"), "2".to_owned(), "bytes".to_owned()]
        );
        assert_eq!(said(&probe, "content-type"), said(&whole, "content-type"));
        assert_eq!((said(&probe, "content-encoding"), said(&probe, "etag")), (None, said(&whole, "etag")));
        // Then for all of it, in one range to the end.
        let rest = ask(Method::GET, &[("range", &format!("bytes=0-{}", total - 1))]).await;
        assert_eq!((rest.status, rest.bytes == whole.bytes), (StatusCode::PARTIAL_CONTENT, true), "{path}");
        for headers in [&[][..], &[("range", "bytes=0-1")]] {
            let head = ask(Method::HEAD, headers).await;
            assert_eq!(
                (head.status, said(&head, "content-length"), said(&head, "accept-ranges"), head.bytes.len()),
                (StatusCode::OK, Some(total.to_string()), Some("bytes".to_owned()), 0),
                "{path}"
            );
        }
    }
}
