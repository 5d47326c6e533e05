//! What is said in replays, from the program that writes it down to the pages that everybody reads.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use roomtone_media::frame::Frame;
use roomtone_media::track::{Header, TrackWriter};
use roomtone_room::TalkerNo;
use roomtone_room::ids::RoomId;
use roomtone_store::ReplayHearers;
use serde_json::{Value, json};

use crate::replays::{Made, ready, speaker};
use crate::support::{Answer, Member, Server};

/// What the program of these tests says of every track.
const SAID: &str = "The library is the warmest place of the whole village in winter.";

/// 20 ms of silence: fullband CELT in one frame, whose first symbol says that all is silent (RFC 6716, sections 3.1 and 4.3).
const SILENCE: [u8; 3] = [31 << 3, 0xff, 0xfe];

/// A program that says one thing, if it is handed a track with sound of a talk in English.
fn engine(folder: &Path) -> String {
    let path = folder.join("engine");
    let line = json!({ "from_ms": 1_000, "to_ms": 2_000, "text": SAID, "language": "en" });
    let script = format!("#!/bin/sh\n[ \"$2\" = en ] && [ \"$(wc -c < \"$1\")\" -gt 16044 ] && echo '{line}'\n");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path).unwrap();
    file.write_all(script.as_bytes()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Puts sound into the raw tracks of a replay, which are without.
fn fill(replay: &Made, tracks: u32) {
    for n in 1..=tracks {
        let mut file = Vec::new();
        let mut writer = TrackWriter::begin(Header { replay: replay.id, track: n }, &mut file);
        for packet in 0..150 {
            let (seq, time, room) = ((1 << 32) + packet, packet * 960, RoomId(1));
            let (talker, payload, arrived) = (TalkerNo(n), SILENCE.to_vec().into(), roomtone::edge::instant());
            let frame = Frame { room, talker, slot: 0, dominant: true, seq, time, level: 20, arrived, payload };
            assert!(writer.record(&frame, Duration::from_millis(packet * 20), &mut file));
        }
        fs::write(replay.folder.join(format!("raw/{n}.track")), file).unwrap();
    }
}

/// The transcript, once there is nothing more to come.
async fn written(host: &Member<'_>, replay: &Made) -> Value {
    host.server.app.transcripts.changed();
    loop {
        let shown = host.get(&format!("/api/replays/{}/transcript", replay.id)).await.json();
        if shown["state"] == "ready" {
            break shown;
        }
        assert_eq!(shown["state"], "waiting", "{shown}");
        host.server.forget_who_asked();
        tokio::task::yield_now().await;
    }
}

async fn visit(server: &Server, path: &str) -> String {
    let answer = server.get(path, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_written_down_and_belongs_to_whoever_said_it() {
    let (data, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start_with(data.path(), &["--transcriber", &engine(programs.path())]).await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let speakers = [speaker(&ada), speaker(&ben)];
    let replay = ready(&server, data.path(), &ada, ReplayHearers::Everyone, &speakers, &[]).await;
    fill(&replay, 2);
    let (id, path) = (replay.id, format!("/api/replays/{}/transcript", replay.id));
    let line = |n: u32, text: &str, mine: bool, corrected: bool| json!({ "n": n, "line": 1, "from_ms": 1_000, "to_ms": 2_000, "text": text, "language": "en", "mine": mine, "corrected": corrected });
    let shown = written(&ada, &replay).await;
    assert_eq!(shown["items"], json!([line(1, SAID, true, false), line(2, SAID, false, false)]));
    assert_eq!((&shown["failed"], &shown["next"]), (&json!([]), &Value::Null));
    assert!(!data.path().join("transcribing").exists(), "nothing of it is left");

    let change = async |who: &Member<'_>, method, n: u32, text: &str| -> Answer {
        let body = if method == Method::PATCH { json!({ "text": text }).to_string() } else { String::new() };
        server.send_json(method, &format!("{path}/{n}/1"), Some(&who.token), &body).await
    };
    for method in [Method::PATCH, Method::DELETE] {
        let refused = change(&ada, method, 2, "Words in somebody's mouth.").await;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::NOT_FOUND, &json!("line_not_found")));
    }
    for bad in ["", " ", "two\nlines", &"x".repeat(1_001)] {
        let refused = change(&ben, Method::PATCH, 2, bad).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (422, &json!("invalid_text")), "{bad}");
    }
    const MINE: &str = "Ben's library has a bakery and a cat & a <stove>, as he says himself.";
    assert_eq!(change(&ben, Method::PATCH, 2, MINE).await.json(), line(2, MINE, true, true));
    let items = server.get(&path, None).await.json()["items"].clone();
    assert_eq!(items, json!([line(1, SAID, false, false), line(2, MINE, false, true)]));
    let captions = visit(&server, &format!("/api/replays/{id}/transcript.vtt")).await;
    let cue = format!("00:00:01.000 --> 00:00:02.000\n<v {}>Ben's library has a bakery", ben.handle.to_uppercase());
    assert!(captions.starts_with("WEBVTT\n\n") && captions.contains(&cue), "{captions}");

    // Of a part, as a clip is.
    let part = async |query: &str| server.get(&format!("{path}?{query}"), None).await;
    for (query, lines) in
        [("from=0&to=1000", 0), ("from=0&to=1001", 2), ("from=1999&to=5000", 2), ("from=2000&to=5000", 0)]
    {
        let answer = part(query).await.json();
        assert_eq!((answer["items"].as_array().unwrap().len(), &answer["next"]), (lines, &Value::Null), "{query}");
    }
    for bad in
        ["from=1", "to=5", "from=5&to=5", "from=0&to=5&after=1.1.1", "from=0&to=9223372036854775808", "from=-1&to=5"]
    {
        part(bad).await.refused(400, "bad_request");
    }

    // The pages that everybody reads.
    let recap = visit(&server, &format!("/recaps/{id}")).await;
    let escaped = "a cat &amp; a &lt;stove&gt;, as he says himself.";
    for part in
        [SAID, escaped, &format!("/replays/{id}#t=1\""), "property=\"og:audio\"", "\"AudioObject\"", "audio.mp4"]
    {
        assert!(recap.contains(part), "{part}: {recap}");
    }
    let clip = ben
        .post(&format!("/api/replays/{id}/clips"), &json!({ "from_ms": 500, "to_ms": 3_000, "title": "Cats" }))
        .await;
    let clip = format!("/clips/{}", clip.json()["id"].as_str().unwrap());
    let page = visit(&server, &clip).await;
    assert!(page.contains("Cats</h1>") && page.contains(escaped) && page.contains("/audio.ogg"), "{page}");
    let card = server.get(&format!("{clip}/card.png"), None).await;
    assert_eq!((card.status.as_u16(), &card.bytes[1..4]), (200, &b"PNG"[..]));

    // Ben takes everything back, before anything is asked for that is kept for a moment.
    let taken = ben.post(&format!("/api/replays/{id}/withdraw"), &json!({})).await;
    assert_eq!(taken.status, StatusCode::NO_CONTENT, "{}", taken.text);
    assert_eq!(server.get(&path, None).await.json()["items"], json!([line(1, SAID, false, false)]));
    for path in [format!("/recaps/{id}?language=ru"), format!("{clip}?language=ru")] {
        let page = visit(&server, &path).await;
        assert!(!page.contains("stove"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_talk_that_is_not_for_everybody_is_on_no_page() {
    let (data, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start_with(data.path(), &["--transcriber", &engine(programs.path())]).await;
    let ada = server.member(&data).await;
    let open = ready(&server, data.path(), &ada, ReplayHearers::Everyone, &[speaker(&ada)], &[]).await;
    let shut = ready(&server, data.path(), &ada, ReplayHearers::Members, &[speaker(&ada)], &[]).await;
    let track = shut.folder.join("raw/1.track");
    fs::remove_file(&track).unwrap();
    fs::create_dir(&track).unwrap();
    // Somebody who agreed and said nothing has nothing written down; a track that cannot be read is given up, and the transcript says so.
    let silent = ready(&server, data.path(), &ada, ReplayHearers::Members, &[speaker(&ada)], &[]).await;
    let shown = written(&ada, &silent).await;
    assert_eq!((&shown["failed"], &shown["items"]), (&json!([]), &json!([])));
    let shown = written(&ada, &shut).await;
    assert_eq!((&shown["failed"], &shown["items"]), (&json!([1]), &json!([])));
    let clip = ada
        .post(&format!("/api/replays/{}/clips", shut.id), &json!({ "from_ms": 0, "to_ms": 2_000, "title": "Clip" }))
        .await;
    let clip = clip.json()["id"].as_str().unwrap().to_owned();
    let nothing = visit(&server, &format!("/recaps/{}", "7".repeat(26))).await;
    for path in [format!("/recaps/{}", shut.id), format!("/clips/{clip}"), format!("/recaps/{}/card.png", shut.id)] {
        assert!(visit(&server, &path).await == nothing, "{path}");
    }
    assert!(visit(&server, &format!("/recaps/{}", open.id)).await.contains("A talk</h1>"));

    // A podcast is of a page that everybody may read, and has what everybody may hear.
    let feed = format!("/people/{}/podcast.xml", ada.handle);
    assert_eq!(server.get(&feed, None).await.status, StatusCode::NOT_FOUND);
    let public = server.send_json(Method::PATCH, "/api/me", Some(&ada.token), r#"{"public":true}"#).await;
    assert_eq!(public.status, StatusCode::OK, "{}", public.text);
    let answer = server.get(&feed, None).await;
    assert_eq!(answer.headers["content-type"], "application/rss+xml; charset=utf-8");
    let size = fs::metadata(open.folder.join("1/mix.mp4")).unwrap().len();
    let sound = format!("/api/replays/{}/audio.mp4\" length=\"{size}\" type=\"audio/mp4\"/>", open.id);
    assert!(answer.text.contains(&sound), "{}", answer.text);
    assert_eq!((answer.text.matches("<item>").count(), answer.text.contains(&shut.id.to_string())), (1, false));
}

#[tokio::test]
async fn without_a_program_nothing_is_written_down() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let replay = ready(&server, data.path(), &ada, ReplayHearers::Members, &[speaker(&ada)], &[]).await;
    let shown = ada.get(&format!("/api/replays/{}/transcript", replay.id)).await.json();
    assert_eq!(shown, json!({ "state": "absent", "failed": [], "items": [], "next": null }));
    let far = ada.get(&format!("/api/replays/{}/transcript?after=1.2", replay.id)).await;
    assert_eq!(far.status, StatusCode::BAD_REQUEST);
}
