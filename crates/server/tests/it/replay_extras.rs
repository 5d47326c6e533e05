//! What is made of replays: unlisted links, replies in text and by voice, and clips.

use std::fs;
use std::io::Cursor;

use axum::http::{Method, StatusCode};
use roomtone::edge::Secret;
use roomtone_media::fmp4::Fmp4;
use roomtone_store::ReplayHearers;
use serde_json::{Value, json};

use crate::replays::{Ears, MS, SILENCE, Scene, files, key_of, say, things, try_all};
use crate::support::{Trusting, on_both_databases};

on_both_databases!(a_link_works_until_it_is_revoked, replies_are_read_and_heard, clips_are_cut_as_they_are_asked_for,);

async fn a_link_works_until_it_is_revoked(servers: &[Trusting]) {
    for on in servers {
        let scene = Scene::of(on).await;
        let server = scene.server;
        let replay = scene.replay(on.data.path(), ReplayHearers::Attendees, &[], &[]).await;
        let things = things(&scene.host, &replay).await;
        let ((id, key), (other_id, other)) = (key_of(&scene.host, &replay).await, key_of(&scene.host, &replay).await);
        assert_ne!(key, other);
        let ears = Ears::visitor().with_key("by a link", &key);
        assert_eq!(try_all(server, &replay, &things, &ears, true, None).await, Vec::<String>::new());
        // Addresses in the answer work as they are.
        let shown = ears.get(server, &replay.path("")).await.json();
        for audio in shown["audio"].as_array().unwrap() {
            let heard = server.get(audio["url"].as_str().unwrap(), None).await;
            assert_eq!(heard.status, StatusCode::OK, "{audio}");
        }
        assert_eq!((&shown["links"], &shown["can"]), (&json!(2), &json!([])));
        let found = scene.host.get(&replay.path("/links")).await.json();
        assert_eq!(found["items"].as_array().unwrap().len(), 2);
        assert!(!found.to_string().contains(&key), "{found}");
        scene.ben.get(&replay.path("/links")).await.refused(403, "not_allowed");
        scene.member.get(&replay.path("/links")).await.refused(404, "replay_not_found");
        scene.ben.send(Method::DELETE, &replay.path(&format!("/links/{id}"))).await.refused(403, "not_allowed");
        let revoked = scene.host.send(Method::DELETE, &replay.path(&format!("/links/{id}"))).await;
        assert_eq!(revoked.status, StatusCode::NO_CONTENT, "{}", revoked.text);
        assert_eq!(try_all(server, &replay, &things, &ears, false, None).await, Vec::<String>::new());
        let ears = Ears::visitor().with_key("by the other link", &other);
        assert_eq!(try_all(server, &replay, &things, &ears, true, None).await, Vec::<String>::new());
        // No link leads to another replay, nor says that there is one.
        let second = scene.replay(on.data.path(), ReplayHearers::Attendees, &[], &[]).await;
        ears.get(server, &second.path("")).await.refused(404, "replay_not_found");
        let path = second.path(&format!("/links/{other_id}"));
        scene.host.send(Method::DELETE, &path).await.refused(404, "not_found");
        // Whoever tries keys is told to wait.
        let mut tried = 0;
        loop {
            let wrong = Ears::visitor().with_key("", &Secret::draw().text).get(server, &second.path("")).await;
            if wrong.status == StatusCode::TOO_MANY_REQUESTS {
                break;
            }
            tried += 1;
            assert!(tried < 200, "nobody counts");
        }
    }
}

async fn replies_are_read_and_heard(servers: &[Trusting]) {
    for on in servers {
        let scene = Scene::of(on).await;
        let server = scene.server;
        let replay = scene.replay(on.data.path(), ReplayHearers::Members, &[], &[]).await;
        let body = json!({ "text": "I was there, too", "at_ms": 5_000 });
        let text = scene.member.post(&replay.path("/replies"), &body).await;
        assert_eq!(text.status, StatusCode::CREATED, "{}", text.text);
        let voice = say(&scene.member, &replay, "?at_ms=7000").await;
        assert_eq!(voice.status, StatusCode::CREATED, "{}", voice.text);
        let voice = voice.json();
        assert_eq!(
            (&voice["voice"]["ms"], &voice["at_ms"], &voice["text"]),
            (&json!(1_000), &json!(7_000), &json!(""))
        );
        for (place, kind) in [(0, "audio/ogg"), (1, "audio/mp4")] {
            let url = voice["voice"]["audio"][place]["url"].as_str().unwrap();
            let heard = scene.ben.get(url).await;
            assert_eq!((heard.status, heard.headers["content-type"].to_str().unwrap()), (StatusCode::OK, kind));
            let part = server.send(Method::GET, url, Some(&scene.ben.token), &[("range", "bytes=0-3")], "").await;
            assert_eq!((part.status, &part.bytes[..]), (StatusCode::PARTIAL_CONTENT, &heard.bytes[..4]));
        }
        let found = scene.ben.get(&replay.path("/replies")).await.json();
        let mine: Vec<_> = found["items"].as_array().unwrap().iter().map(|one| one["mine"].clone()).collect();
        assert_eq!((found["items"][0]["id"].clone(), mine), (voice["id"].clone(), vec![json!(false); 2]));
        for (body, code) in
            [(json!({ "text": "" }), "invalid_text"), (json!({ "text": "x".repeat(2_001) }), "invalid_text")]
        {
            scene.member.post(&replay.path("/replies"), &body).await.refused(422, code);
        }
        scene
            .member
            .post(&replay.path("/replies"), &json!({ "text": "x", "at_ms": MS + 1 }))
            .await
            .refused(400, "bad_request");
        let send = async |kind: &str, body: Vec<u8>| {
            let (path, headers) = (replay.path("/voice"), [("content-type", kind)]);
            server.send(Method::POST, &path, Some(&scene.member.token), &headers, body).await
        };
        // Short ones: what is read of a longer body that is refused by its head depends on the moment.
        send("audio/ogg", b"OggS".to_vec()).await.refused(415, "unsupported_media_type");
        send("audio/wav", b"OggS".to_vec()).await.refused(422, "invalid_recording");
        // Who may not hear it says nothing to it, and finds no reply.
        let hidden = scene.replay(on.data.path(), ReplayHearers::Attendees, &[], &[]).await;
        scene.member.post(&hidden.path("/replies"), &json!({ "text": "x" })).await.refused(404, "replay_not_found");
        let (path, headers) = (hidden.path("/voice"), [("content-type", "audio/wav")]);
        let unheard = server.send(Method::POST, &path, Some(&scene.member.token), &headers, "RIFF").await;
        unheard.refused(404, "replay_not_found");
        let delete = |id: &Value| replay.path(&format!("/replies/{}", id.as_str().unwrap()));
        scene.ben.send(Method::DELETE, &delete(&voice["id"])).await.refused(404, "reply_not_found");
        let own = scene.member.send(Method::DELETE, &delete(&voice["id"])).await;
        let by_host = scene.host.send(Method::DELETE, &delete(&text.json()["id"])).await;
        assert_eq!((own.status, by_host.status), (StatusCode::NO_CONTENT, StatusCode::NO_CONTENT));
        assert_eq!(scene.ben.get(&replay.path("/replies")).await.json()["items"], json!([]));
    }
}

async fn clips_are_cut_as_they_are_asked_for(servers: &[Trusting]) {
    for on in servers {
        let scene = Scene::of(on).await;
        let server = scene.server;
        let replay = scene.replay(on.data.path(), ReplayHearers::Members, &[], &[]).await;
        let cut = async |from: u64, to: u64, title: &str| {
            let body = json!({ "from_ms": from, "to_ms": to, "title": title });
            scene.member.post(&replay.path("/clips"), &body).await
        };
        for (from, to, code) in [
            (0, 999, "invalid_clip"),
            (2_000, 1_000, "invalid_clip"),
            (0, MS + 1_000, "invalid_clip"),
            (0, 60_001, "invalid_clip"),
            (0, u64::MAX, "invalid_clip"),
        ] {
            cut(from, to, "Clip").await.refused(422, code);
        }
        cut(0, 2_000, "").await.refused(422, "invalid_title");
        let clip = cut(1_000, 3_000, "What a thing to say").await;
        assert_eq!(clip.status, StatusCode::CREATED, "{}", clip.text);
        let clip = clip.json();
        assert_eq!((&clip["mine"], &clip["by"]["handle"]), (&json!(true), &json!(scene.member.handle)));
        for audio in clip["audio"].as_array().unwrap() {
            let heard = scene.ben.get(audio["url"].as_str().unwrap()).await;
            assert!(heard.status == StatusCode::OK && heard.bytes.len() > 300, "{audio} {}", heard.status);
            let part = [("range", "bytes=2-5")];
            let part =
                server.send(Method::GET, audio["url"].as_str().unwrap(), Some(&scene.ben.token), &part, "").await;
            assert_eq!((part.status, &part.bytes[..]), (StatusCode::PARTIAL_CONTENT, &heard.bytes[2..6]));
        }
        let listed = scene.ben.get(&replay.path("/clips")).await.json();
        assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["mine"]), (&clip["id"], &json!(false)));
        let path = format!("/api/clips/{}", clip["id"].as_str().unwrap());
        scene.ben.send(Method::DELETE, &path).await.refused(404, "clip_not_found");
        assert_eq!(scene.host.send(Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
        scene.member.get(&path).await.refused(404, "clip_not_found");
    }
}

/// Whatever is wrong with a clip, it is one that is not there: an id that is none, one that is nobody's, and one that begins behind the end
/// of what was made of the talk since.
#[tokio::test]
async fn a_clip_of_what_is_not_there_is_none() {
    let on = Trusting::sqlite().await;
    let scene = Scene::of(&on).await;
    let replay = scene.replay(on.data.path(), ReplayHearers::Members, &[], &[]).await;
    let body = json!({ "from_ms": MS - 2_000, "to_ms": MS, "title": "The end" });
    let clip = scene.member.post(&replay.path("/clips"), &body).await;
    assert_eq!(clip.status, StatusCode::CREATED, "{}", clip.text);
    let clip = clip.json()["id"].as_str().unwrap().to_owned();
    for file in files(&replay.folder).iter().filter(|file| file.ends_with("mix.mp4")) {
        let mut mp4 = Fmp4::new(Cursor::new(Vec::new()), false, 50).unwrap();
        (0..50).for_each(|_| mp4.append(&SILENCE).unwrap());
        fs::write(file, mp4.finish().unwrap().into_inner()).unwrap();
    }
    scene.member.get(&format!("/api/clips/{clip}/audio.ogg")).await.refused(404, "clip_not_found");
    scene.member.get(&format!("/api/clips/{clip}/audio.mp4")).await.refused(404, "clip_not_found");
    for id in ["x", &"0".repeat(26)] {
        for rest in ["", "/audio.ogg", "/audio.mp4"] {
            scene.member.get(&format!("/api/clips/{id}{rest}")).await.refused(404, "clip_not_found");
        }
        scene.member.send(Method::DELETE, &format!("/api/clips/{id}")).await.refused(404, "clip_not_found");
    }
}
