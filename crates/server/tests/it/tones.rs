//! What can be heard of recordings: tones go in as what people say, and are looked for in what comes out.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use roomtone_media::frame::Frame;
use roomtone_media::ogg::PRE_SKIP;
use roomtone_media::track::{Header, TrackWriter};
use roomtone_room::TalkerNo;
use roomtone_room::ids::{ReplayId, RoomId};
use roomtone_store::{Changes, NewConsent, NewReplay, RecordingChange, ReplayHearers, Speaker, Store};
use serde_json::json;

use crate::replays::{files, ready, recorded, speaker, wav};
use crate::support::{Member, Server};

/// 20 ms packets of a tone: mono CELT, as the legs of these tests send.
pub(crate) fn tone(hertz: f32, packets: usize) -> Vec<Vec<u8>> {
    let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::LowDelay).unwrap();
    encoder.set_bitrate(opus::Bitrate::Bits(48_000)).unwrap();
    let turn = std::f32::consts::TAU * hertz / 48_000.0;
    let sample = |n: usize| (n as f32 * turn).sin() * 0.25;
    let packet = |n: usize| {
        let part: Vec<_> = (n * 960..(n + 1) * 960).map(sample).collect();
        encoder.encode_vec_float(&part, 1_275).unwrap()
    };
    (0..packets).map(packet).collect()
}

/// How much of a tone there is in a sound, as a part of full scale (Goertzel's algorithm).
pub(crate) fn loudness(sound: &[f32], hertz: f32) -> f32 {
    let turn = std::f32::consts::TAU * hertz / 48_000.0;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        sine += sample * (n as f32 * turn).sin();
        cosine += sample * (n as f32 * turn).cos();
    }
    (sine * sine + cosine * cosine).sqrt() * 2.0 / sound.len() as f32
}

/// What a file of Ogg Opus sounds like.
pub(crate) fn decoded(file: &[u8]) -> Vec<f32> {
    let mut reader = ogg::PacketReader::new(Cursor::new(file));
    let (mut decoder, mut sound) = (None, Vec::new());
    let mut channels = 1;
    while let Some(packet) = reader.read_packet().unwrap() {
        if packet.data.starts_with(b"OpusHead") {
            channels = usize::from(packet.data[9]);
            let kind = if channels == 1 { opus::Channels::Mono } else { opus::Channels::Stereo };
            decoder = Some(opus::Decoder::new(48_000, kind).unwrap());
        } else if !packet.data.starts_with(b"OpusTags") {
            let mut part = vec![0.0; 5_760 * channels];
            let length = decoder.as_mut().unwrap().decode_float(&packet.data, &mut part, false).unwrap();
            sound.extend(part[..length * channels].chunks(channels).map(|all| all[0]));
        }
    }
    sound.split_off(usize::from(PRE_SKIP))
}

/// What somebody was recorded to have said from a packet on: three seconds of a tone.
fn record(folder: &Path, replay: ReplayId, room: RoomId, n: u32, first: u64, hertz: f32) {
    let arrived = roomtone::edge::instant();
    let mut file = Vec::new();
    let mut writer = TrackWriter::begin(Header { replay, track: n }, &mut file);
    for (packet, payload) in (first..).zip(tone(hertz, 150)) {
        let (seq, time) = ((1 << 32) + packet, packet * 960);
        let (talker, payload) = (TalkerNo(n), payload.into());
        let frame = Frame { room, talker, slot: 0, dominant: true, seq, time, level: 20, arrived, payload };
        assert!(writer.record(&frame, Duration::from_millis(packet * 20), &mut file));
    }
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(format!("{n}.track")), file).unwrap();
}

/// Three who speak one after the other, each with a tone of their own, are recorded; one withdraws. What is heard has the tones of those
/// who have not, at every step and in every file.
#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_have_not_withdrawn_are_heard() {
    const TONES: [f32; 3] = [500.0, 900.0, 1_400.0];
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_in(data.path()).await;
    let (host, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = host.open("open").await.parse().unwrap();
    let speakers = [speaker(&host), speaker(&ben), speaker(&eve)];
    let id = recorded(&server.app.store, room, &host, ReplayHearers::Members, &speakers, &[]).await;
    let folder = server.app.recorder.folder_of(id);
    for (n, hertz) in (1..).zip(TONES) {
        record(&folder, id, room, n, u64::from(n - 1) * 160, hertz);
    }
    // What waits is made when the server starts.
    let tokens = [host.token, ben.token, eve.token];
    server.stop().await;
    let server = Server::start_in(data.path()).await;
    let path = format!("/api/replays/{id}");
    let made = async |generation: u64| loop {
        let shown = server.get(&path, Some(&tokens[0])).await.json();
        assert_ne!(shown["state"], "failed", "{shown}");
        if shown["state"] == "ready" && shown["generation"] == generation {
            break shown;
        }
        server.forget_who_asked();
        tokio::task::yield_now().await;
    };
    // Which of the tones there are where they were said.
    let tones = |file: &[u8], from_ms: usize| {
        let sound = decoded(file);
        [0, 1, 2].map(|n: usize| {
            let at = (n * 3_200 + 500).checked_sub(from_ms).map(|at| at * 48);
            at.and_then(|at| sound.get(at..at + 96_000)).is_some_and(|part| loudness(part, TONES[n]) > 0.02)
        })
    };
    let listen = async |url: &str, token: usize| {
        let answer = server.get(url, Some(&tokens[token])).await;
        assert_eq!(answer.status, StatusCode::OK, "{url}: {}", answer.text);
        answer.bytes
    };
    let shown = made(1).await;
    assert_eq!(tones(&listen(&format!("{path}/audio.ogg"), 1).await, 0), [true; 3]);
    for n in 0..3 {
        let alone = [0, 1, 2].map(|other| other == n);
        assert_eq!(tones(&listen(&format!("{path}/tracks/{}.ogg", n + 1), n).await, 0), alone, "track {n}");
    }
    let clip = json!({ "from_ms": 3_000, "to_ms": 9_400, "title": "Two of them" });
    let clip = server.post(&format!("{path}/clips"), Some(&tokens[0]), &clip).await;
    assert_eq!(clip.status, StatusCode::CREATED, "{} {shown}", clip.text);
    let clip = format!("/api/clips/{}/audio.ogg", clip.json()["id"].as_str().unwrap());
    assert_eq!(tones(&listen(&clip, 2).await, 3_000), [false, true, true]);
    let alone = json!({ "from_ms": 3_300, "to_ms": 6_100, "title": "What Ben said" });
    let alone = server.post(&format!("{path}/clips"), Some(&tokens[2]), &alone).await;
    assert_eq!(alone.status, StatusCode::CREATED, "{}", alone.text);
    let alone = format!("/api/clips/{}", alone.json()["id"].as_str().unwrap());

    let withdrawn = server.send(Method::POST, &format!("{path}/withdraw"), Some(&tokens[1]), &[], "").await;
    assert_eq!(withdrawn.status, StatusCode::NO_CONTENT, "{}", withdrawn.text);
    let shown = made(2).await;
    assert_eq!(tones(&listen(&format!("{path}/audio.ogg"), 1).await, 0), [true, false, true]);
    assert_eq!(tones(&listen(&clip, 2).await, 3_000), [false, false, true]);
    // Of a clip of nobody else nothing is left, not even its title.
    server.get(&alone, Some(&tokens[2])).await.refused(404, "clip_not_found");
    server.get(&format!("{path}/tracks/2.ogg"), Some(&tokens[1])).await.refused(404, "replay_not_found");
    let drawn: Vec<_> = shown["picture"]["speakers"].as_array().unwrap().iter().map(|one| one["n"].clone()).collect();
    assert_eq!(drawn, [1, 3]);
    // Nor is it in any file.
    let all = [files(&data.path().join("replays")), files(&data.path().join("recordings"))].concat();
    assert!(all.iter().all(|file| !file.ends_with("2.track") && !file.ends_with("2.ogg")), "{all:?}");
    for file in all.iter().filter(|file| file.extension().is_some_and(|ending| ending == "ogg")) {
        let sound = decoded(&fs::read(file).unwrap());
        let said = sound.get(3_700 * 48..5_700 * 48).map_or(0.0, |part| loudness(part, TONES[1]));
        assert!(said < 0.002, "{}: {said}", file.display());
    }
    server.stop().await;
}

/// The files of an archive of a member's, by name, without those of text.
async fn sound_in_archive(member: &Member<'_>) -> BTreeMap<String, Vec<u8>> {
    let answer = member.get("/api/me/export").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.bytes)).unwrap();
    let names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let ends = |name: &String| name.ends_with(".ogg");
    names
        .into_iter()
        .filter(ends)
        .map(|name| {
            let mut bytes = Vec::new();
            archive.by_name(&name).unwrap().read_to_end(&mut bytes).unwrap();
            (name, bytes)
        })
        .collect()
}

/// Also of a talk of which there is no replay yet, and of one that goes on; and what one has taken back is not there.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_has_what_was_recorded_of_its_member_and_of_nobody_else() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let both = [speaker(&ada), speaker(&ben)];
    let of = async || ready(&server, data.path(), &ada, ReplayHearers::Attendees, &both, &[]).await;
    let (made, taken_back) = (of().await, of().await);
    let path = format!("/api/replays/{}/withdraw", taken_back.id);
    let withdrawn = ben.send(Method::POST, &path).await;
    assert_eq!(withdrawn.status, StatusCode::NO_CONTENT, "{}", withdrawn.text);
    let path = format!("/api/replays/{}/voice", made.id);
    let note = server.send(Method::POST, &path, Some(&ben.token), &[("content-type", "audio/wav")], wav()).await;
    assert_eq!(note.status, StatusCode::CREATED, "{}", note.text);
    let note = note.json()["id"].as_str().unwrap().to_owned();
    // A talk that goes on.
    let (room, live) = (ada.open("open").await.parse().unwrap(), ReplayId(77));
    goes_on(&server.app.store, room, live, &ada, &both).await;
    let folder = server.app.recorder.folder_of(live);
    record(&folder, live, room, 1, 0, 500.0);
    record(&folder, live, room, 2, 160, 900.0);

    let found = sound_in_archive(&ben).await;
    let names: Vec<_> = found.keys().cloned().collect();
    let mut expected =
        [format!("recordings/{live}-2.ogg"), format!("recordings/{}-2.ogg", made.id), format!("replies/{note}.ogg")];
    expected.sort();
    assert_eq!(names, expected);
    let own = ben.get(&format!("/api/replays/{}/tracks/2.ogg", made.id)).await.bytes;
    assert!(found[&expected_of(&names, &made.id.to_string())] == own, "as it can be downloaded by itself");
    let heard = ben.get(&format!("/api/replays/{}/replies/{note}/voice.ogg", made.id)).await.bytes;
    assert!(found[&expected_of(&names, &note)] == heard);
    // In its place in the talk.
    let sound = decoded(&found[&expected_of(&names, &live.to_string())]);
    assert!(loudness(&sound[3_700 * 48..5_700 * 48], 900.0) > 0.02);
    assert!(loudness(&sound[..3_000 * 48], 500.0) < 0.002);
    assert_eq!(sound_in_archive(&ada).await.len(), 2, "and nothing of what was never a track");
    // Nothing is left of the making, and somebody of whom nothing was recorded has an archive that is of one piece.
    assert_eq!(files(&data.path().join("replays-in-work")), Vec::<PathBuf>::new());
    let nobody = server.member(&data).await;
    let answer = nobody.get("/api/me/export").await;
    assert_eq!(answer.headers["content-length"].to_str().unwrap(), answer.bytes.len().to_string());
}

fn expected_of(names: &[String], part: &str) -> String {
    names.iter().find(|name| name.contains(part)).unwrap().clone()
}

/// A recording that goes on, in which these speak.
async fn goes_on(store: &Store, room: RoomId, id: ReplayId, host: &Member<'_>, speakers: &[(Speaker, String)]) {
    let began_at = roomtone::edge::now();
    let mut changes = vec![RecordingChange::Begun(NewReplay {
        id,
        began_at,
        host: host.id.parse().unwrap(),
        title: "A talk".to_owned(),
        language: "en".to_owned(),
        hearers: ReplayHearers::Attendees,
        consent: 1,
    })];
    for (n, (speaker, name)) in (1..).zip(speakers) {
        let (speaker, name, track) = (*speaker, name.clone(), Some(n));
        let said =
            NewConsent { replay: id, seq: u64::from(n), at: began_at, speaker, name, track, text: 1, agree: true };
        changes.push(RecordingChange::Said(said));
    }
    store.append(room, 1, Changes { recordings: &changes, ..Changes::default() }).await.unwrap();
}
