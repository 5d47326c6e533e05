//! Replays from outside: who hears what by which way, and that what is withdrawn or deleted is gone at once.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use roomtone::edge::Secret;
use roomtone_media::fmp4::Fmp4;
use roomtone_media::frame::Frame;
use roomtone_media::ogg::{OggOpus, PRE_SKIP};
use roomtone_media::track::{Header, TrackWriter};
use roomtone_room::TalkerNo;
use roomtone_room::ids::{MemberId, ReplayId, RoomId, Timestamp};
use roomtone_store::{Changes, NewConsent, NewReplay, RecordingChange, ReplayHearers, Speaker, Store};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server, Trusting, on_both_databases};

on_both_databases!(
    everybody_hears_what_they_may_by_every_way,
    what_is_withdrawn_is_gone_at_once,
    a_deleted_replay_leaves_no_file,
    an_account_takes_its_voice_along,
    a_link_works_until_it_is_revoked,
    replies_are_read_and_heard,
    clips_are_cut_as_they_are_asked_for,
);

/// 20 ms of silence: fullband CELT in one frame, whose first symbol says that all is silent (RFC 6716, sections 3.1 and 4.3).
const SILENCE: [u8; 3] = [31 << 3, 0xff, 0xfe];

/// How long the replays of these tests are, in packets of 20 ms and in milliseconds.
const PACKETS: u64 = 500;
const MS: u64 = PACKETS * 20;

/// A replay, and where its files are.
pub(crate) struct Made {
    pub(crate) id: ReplayId,
    pub(crate) folder: PathBuf,
}

impl Made {
    fn path(&self, rest: &str) -> String {
        format!("/api/replays/{}{rest}", self.id)
    }

    /// All its files, as their names in its folder.
    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> = files(&self.folder)
            .iter()
            .map(|file| file.strip_prefix(&self.folder).unwrap().display().to_string())
            .collect();
        names.sort();
        names
    }
}

/// All files in a folder and in those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whoever speaks in a replay, and under what name.
pub(crate) fn speaker(member: &Member<'_>) -> (Speaker, String) {
    (Speaker::Member(member.id.parse().unwrap()), member.handle.to_uppercase())
}

/// Notes that a talk was recorded in which these speak, and these others were.
async fn recorded(
    store: &Store,
    room: RoomId,
    host: &Member<'_>,
    hearers: ReplayHearers,
    speakers: &[(Speaker, String)],
    attendees: &[&Member<'_>],
) -> ReplayId {
    let replay = ReplayId(u128::from_be_bytes(Secret::draw().hash[..16].try_into().unwrap()));
    let now = roomtone::edge::now();
    let began_at = Timestamp(now.0 - MS);
    let (title, language) = ("A talk".to_owned(), "en".to_owned());
    let begun = NewReplay {
        id: replay,
        began_at,
        host: host.id.parse().unwrap(),
        title: title.clone(),
        language: language.clone(),
        hearers,
        consent: 1,
    };
    let mut changes = vec![RecordingChange::Begun(begun)];
    for (n, (speaker, name)) in (1..).zip(speakers) {
        changes.push(RecordingChange::Said(NewConsent {
            replay,
            seq: u64::from(n),
            at: began_at,
            speaker: *speaker,
            name: name.clone(),
            track: Some(n),
            text: 1,
            agree: true,
        }));
    }
    let attendees = attendees.iter().map(|member| member.id.parse().unwrap()).collect();
    changes.push(RecordingChange::Attended(replay, attendees));
    changes.push(RecordingChange::Stopped { replay, at: now, title, language });
    // The first epoch is that of the owner who has the room.
    store.append(room, 1, Changes { recordings: &changes, ..Changes::default() }).await.unwrap();
    replay
}

/// A replay of a room of the host's that is ready: what can be heard in it is silence.
pub(crate) async fn ready(
    server: &Server,
    data: &Path,
    host: &Member<'_>,
    hearers: ReplayHearers,
    speakers: &[(Speaker, String)],
    attendees: &[&Member<'_>],
) -> Made {
    let room = host.open("open").await.parse().unwrap();
    ready_in(server, data, room, host, hearers, speakers, attendees).await
}

async fn ready_in(
    server: &Server,
    data: &Path,
    room: RoomId,
    host: &Member<'_>,
    hearers: ReplayHearers,
    speakers: &[(Speaker, String)],
    attendees: &[&Member<'_>],
) -> Made {
    let store = &server.app.store;
    let id = recorded(store, room, host, hearers, speakers, attendees).await;
    let generation = store.begin_replay(id).await.unwrap().unwrap().generation;
    let folder = data.join("replays").join(id.to_string());
    let of = folder.join(generation.to_string());
    fs::create_dir_all(of.join("tracks")).unwrap();
    fs::create_dir_all(folder.join("raw")).unwrap();
    let mut ogg = OggOpus::new(Vec::new(), 1, false).unwrap();
    let front = u64::from(PRE_SKIP) / 960;
    let mut mp4 = Fmp4::new(Cursor::new(Vec::new()), false, front + PACKETS).unwrap();
    for packet in 0..front + PACKETS {
        mp4.append(&SILENCE).unwrap();
        if packet < PACKETS {
            ogg.write(packet * 960, &SILENCE).unwrap();
        }
    }
    let ogg = ogg.finish(PACKETS * 960).unwrap();
    fs::write(of.join("mix.mp4"), mp4.finish().unwrap().into_inner()).unwrap();
    fs::write(of.join("mix.ogg"), &ogg).unwrap();
    let mut spoken = Vec::new();
    for n in 1..=speakers.len() {
        fs::write(of.join(format!("tracks/{n}.ogg")), &ogg).unwrap();
        fs::write(folder.join(format!("raw/{n}.track")), "raw").unwrap();
        spoken.push(json!({ "n": n, "ms": 1_000 * n, "spans": [[0, 1_000 * n]] }));
    }
    let chapters = json!([{ "at_ms": 0, "title": null, "by": "start", "speaker": 1 }]);
    let picture =
        json!({ "ms": MS, "step_ms": 250, "wave": [0], "speakers": spoken, "chapters": chapters, "silences": [] });
    fs::write(of.join("picture.json"), picture.to_string()).unwrap();
    assert!(store.replay_made(id, generation, MS, roomtone::edge::now()).await.unwrap());
    Made { id, folder }
}

/// Somebody who would like to hear: a token or none, a cookie or none, and a key or none.
#[derive(Clone)]
struct Ears {
    who: &'static str,
    token: Option<String>,
    cookie: Option<String>,
    key: Option<String>,
}

impl Ears {
    fn visitor() -> Self {
        Self { who: "a visitor", token: None, cookie: None, key: None }
    }

    fn of(who: &'static str, member: &Member<'_>) -> Self {
        Self { who, token: Some(member.token.clone()), ..Self::visitor() }
    }

    fn with_key(&self, who: &'static str, key: &str) -> Self {
        Self { who, key: Some(key.to_owned()), ..self.clone() }
    }

    async fn ask(&self, server: &Server, method: Method, path: &str, body: &str) -> Answer {
        let path = match &self.key {
            Some(key) => format!("{path}{}key={key}", if path.contains('?') { "&" } else { "?" }),
            None => path.to_owned(),
        };
        let mut headers = Vec::new();
        if let Some(cookie) = &self.cookie {
            headers.push(("cookie", cookie.as_str()));
        }
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        server.send(method, &path, self.token.as_deref(), &headers, body.to_owned()).await
    }

    async fn get(&self, server: &Server, path: &str) -> Answer {
        self.ask(server, Method::GET, path, "").await
    }
}

/// The members and replays that the ways are tried with.
struct Scene<'a> {
    server: &'a Server,
    owner: Member<'a>,
    host: Member<'a>,
    ben: Member<'a>,
    eve: Member<'a>,
    member: Member<'a>,
    guest: crate::guests::Guest<'a>,
    guest_id: MemberId,
    room: String,
}

impl<'a> Scene<'a> {
    async fn of(on: &'a Trusting) -> Self {
        let server = &on.server;
        let link = server.app.owner_link().await.unwrap().unwrap();
        let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
        let (host, ben, eve, member) = (on.member().await, on.member().await, on.member().await, on.member().await);
        let room = host.open("open").await;
        let link = crate::guests::link(&host, &room, "Grace").await;
        let guest = crate::guests::Guest::by(server, link["link"].as_str().unwrap()).await;
        let guest_id = link["guest"].as_str().unwrap().parse().unwrap();
        Self { server, owner, host, ben, eve, member, guest, guest_id, room }
    }

    fn grace(&self) -> (Speaker, String) {
        (Speaker::Guest(self.guest_id), "Grace".to_owned())
    }

    /// A replay in which the host, Ben and the guest speak, and Eve was there.
    async fn replay(
        &self,
        data: &Path,
        hearers: ReplayHearers,
        more: &[(Speaker, String)],
        there: &[&Member<'_>],
    ) -> Made {
        let mut speakers = vec![speaker(&self.host), speaker(&self.ben), self.grace()];
        speakers.extend_from_slice(more);
        let attendees: Vec<_> = [&self.eve].into_iter().chain(there.iter().copied()).collect();
        let room = self.room.parse().unwrap();
        ready_in(self.server, data, room, &self.host, hearers, &speakers, &attendees).await
    }
}

/// What the key of a new link is.
async fn key_of(host: &Member<'_>, replay: &Made) -> (String, String) {
    let made = host.post(&replay.path("/links"), &json!({ "note": "for a friend" })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let url = made.json()["url"].as_str().unwrap().to_owned();
    (made.json()["id"].as_str().unwrap().to_owned(), url.split_once("?key=").unwrap().1.to_owned())
}

/// Tries all ways to a replay, and says which were not as they are to be: all open, or all as if there were none.
async fn try_all(
    server: &Server,
    replay: &Made,
    things: &Things,
    ears: &Ears,
    hears: bool,
    own: Option<u32>,
) -> Vec<String> {
    let (clip, note) = (&things.clip, &things.note);
    let mut ways = vec![
        (replay.path(""), "replay_not_found", true),
        (replay.path("/audio.ogg"), "replay_not_found", true),
        (replay.path("/audio.ogg?g=1"), "replay_not_found", true),
        (replay.path("/audio.mp4"), "replay_not_found", true),
        (replay.path("/replies"), "replay_not_found", true),
        (replay.path("/transcript"), "replay_not_found", true),
        (replay.path("/transcript.vtt"), "replay_not_found", true),
        (replay.path("/clips"), "replay_not_found", true),
        (format!("/api/clips/{clip}"), "clip_not_found", true),
        (format!("/api/clips/{clip}/audio.ogg"), "clip_not_found", true),
        (format!("/api/clips/{clip}/audio.mp4"), "clip_not_found", true),
        (replay.path(&format!("/replies/{note}/voice.ogg")), "reply_not_found", true),
        (replay.path(&format!("/replies/{note}/voice.mp4")), "reply_not_found", true),
    ];
    // The host has every track (as 0), a speaker their own.
    for n in 1..=3 {
        ways.push((replay.path(&format!("/tracks/{n}.ogg")), "replay_not_found", own == Some(0) || own == Some(n)));
    }
    let mut wrong = Vec::new();
    for (path, missing, theirs) in ways {
        let answer = ears.get(server, &path).await;
        let right = match hears && theirs {
            true => answer.status == StatusCode::OK,
            false => answer.status == StatusCode::NOT_FOUND && answer.json()["code"] == missing,
        };
        if !right {
            wrong.push(format!("{} {path}: {} {:.80}", ears.who, answer.status, answer.text));
        }
    }
    // In a list it is for those who need no key.
    let listed = Ears { key: None, ..ears.clone() }.get(server, "/api/replays").await.json();
    let listed = listed["items"].as_array().unwrap().iter().any(|one| one["id"] == replay.id.to_string());
    if listed && !hears {
        wrong.push(format!("{} finds it in a list", ears.who));
    }
    wrong
}

/// A clip and a voice note.
struct Things {
    clip: String,
    note: String,
}

async fn things(host: &Member<'_>, replay: &Made) -> Things {
    let clip = host.post(&replay.path("/clips"), &json!({ "from_ms": 0, "to_ms": 2_000, "title": "Clip" })).await;
    assert_eq!(clip.status, StatusCode::CREATED, "{}", clip.text);
    let note = say(host, replay, "").await;
    assert_eq!(note.status, StatusCode::CREATED, "{}", note.text);
    let id = |answer: &Answer| answer.json()["id"].as_str().unwrap().to_owned();
    Things { clip: id(&clip), note: id(&note) }
}

/// A second of silence as WAV.
pub(crate) fn wav() -> Vec<u8> {
    let rate: u32 = 16_000;
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend((rate * 2).to_le_bytes());
    file.resize(file.len() + rate as usize * 2, 0);
    file
}

/// Replies by voice.
async fn say(member: &Member<'_>, replay: &Made, query: &str) -> Answer {
    let path = replay.path(&format!("/voice{query}"));
    member.server.send(Method::POST, &path, Some(&member.token), &[("content-type", "audio/wav")], wav()).await
}

async fn everybody_hears_what_they_may_by_every_way(servers: &[Trusting]) {
    for on in servers {
        let scene = Scene::of(on).await;
        let server = scene.server;
        // Two with whom the host has a block, one in each direction: both speak, and both were there.
        let (blocked, blocker) = (on.member().await, on.member().await);
        // Whoever is suspended is nobody any more.
        let suspended = on.member().await;
        let [everyone, members, attendees] = {
            let more = [speaker(&blocked), speaker(&blocker)];
            let there = [&blocked, &blocker, &suspended];
            let of = async |hearers| scene.replay(on.data.path(), hearers, &more, &there).await;
            [of(ReplayHearers::Everyone).await, of(ReplayHearers::Members).await, of(ReplayHearers::Attendees).await]
        };
        for (one, other) in [(&scene.host, &blocked), (&blocker, &scene.host)] {
            let block = one.send(Method::PUT, &format!("/api/members/{}/block", other.handle)).await;
            assert_eq!(block.status, StatusCode::NO_CONTENT, "{}", block.text);
        }
        let path = format!("/api/admin/members/{}/suspend", suspended.handle);
        let suspend = scene.owner.post(&path, &json!({ "branch": false })).await;
        assert_eq!(suspend.status, StatusCode::OK, "{}", suspend.text);

        let mut wrong = Vec::new();
        for (replay, to_all, to_members) in
            [(&everyone, true, true), (&members, false, true), (&attendees, false, false)]
        {
            server.forget_who_asked();
            let things = things(&scene.host, replay).await;
            let (_, key) = key_of(&scene.host, replay).await;
            let guest = Ears { who: "the guest", cookie: Some(scene.guest.cookie.clone()), ..Ears::visitor() };
            let member = Ears::of("a member", &scene.member);
            let gone = Ears::of("whoever is suspended", &suspended);
            let cases = [
                (Ears::of("the host", &scene.host), true, Some(0)),
                (Ears::of("a speaker", &scene.ben), true, Some(2)),
                (guest, true, Some(3)),
                (Ears::of("an attendee", &scene.eve), true, None),
                (member.clone(), to_members, None),
                (Ears::of("the owner of the server", &scene.owner), to_members, None),
                (Ears::visitor(), to_all, None),
                (Ears::of("a blocked speaker", &blocked), false, None),
                (Ears::of("a speaker who blocks", &blocker), false, None),
                (gone.clone(), to_all, None),
                (Ears::visitor().with_key("a visitor with the key", &key), true, None),
                (member.with_key("a member with the key", &key), true, None),
                (Ears::of("", &blocked).with_key("a blocked speaker with the key", &key), false, None),
                (Ears::of("", &blocker).with_key("a speaker who blocks, with the key", &key), false, None),
                (gone.with_key("whoever is suspended, with the key", &key), true, None),
                (Ears::visitor().with_key("a visitor with a wrong key", "7zzzzzzzzzzzzzzzzzzzzzzzzz"), to_all, None),
            ];
            for (ears, hears, own) in cases {
                server.forget_who_asked();
                wrong.extend(try_all(server, replay, &things, &ears, hears, own).await);
            }
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));

        // Once the host is suspended, nobody hears anything by any way.
        let things = things(&scene.host, &everyone).await;
        let (_, key) = key_of(&scene.host, &everyone).await;
        let path = format!("/api/admin/members/{}/suspend", scene.host.handle);
        assert_eq!(scene.owner.post(&path, &json!({ "branch": false })).await.status, StatusCode::OK);
        for ears in [
            Ears::of("a speaker", &scene.ben),
            Ears::of("a member", &scene.member),
            Ears::visitor(),
            Ears::visitor().with_key("a visitor with the key", &key),
        ] {
            server.forget_who_asked();
            wrong.extend(try_all(server, &everyone, &things, &ears, false, None).await);
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
}

/// That nothing of the first generation of a replay is given out, nor of these tracks at all.
async fn is_out(server: &Server, replay: &Made, ears: &Ears, withdrawn: &[u32], clip: &str) {
    let paths = ["/audio.ogg?g=1".to_owned(), "/audio.mp4?g=1".to_owned()];
    let tracks = withdrawn.iter().map(|n| format!("/tracks/{n}.ogg"));
    for path in paths.into_iter().chain(tracks) {
        let answer = ears.get(server, &replay.path(&path)).await;
        let code = answer.json()["code"].as_str().unwrap().to_owned();
        assert!(["replay_not_found", "replay_in_work"].contains(&code.as_str()), "{path}: {}", answer.text);
    }
    let files = replay.files();
    let gone = |file: &String| {
        !file.starts_with("1/")
            && !withdrawn.iter().any(|n| file.ends_with(&format!("/{n}.ogg")) || file.ends_with(&format!("/{n}.track")))
    };
    assert!(files.iter().all(gone), "{files:?}");
    // A clip has no sound, or that of what was made since.
    let clip = ears.get(server, &format!("/api/clips/{clip}")).await.json();
    for audio in clip["audio"].as_array().unwrap() {
        assert!(
            !audio["url"].as_str().unwrap().contains("g=1&") && !audio["url"].as_str().unwrap().ends_with("g=1"),
            "{clip}"
        );
    }
}

async fn what_is_withdrawn_is_gone_at_once(servers: &[Trusting]) {
    for on in servers {
        let scene = Scene::of(on).await;
        let server = scene.server;
        let withdraw = async |ears: &Ears, replay: &Made, body: &str| {
            ears.ask(server, Method::POST, &replay.path("/withdraw"), body).await
        };
        let (host, ben) = (Ears::of("the host", &scene.host), Ears::of("Ben", &scene.ben));
        let replay = scene.replay(on.data.path(), ReplayHearers::Members, &[], &[]).await;
        let things_there = things(&scene.host, &replay).await;
        // Nobody withdraws what others said.
        let member = Ears::of("a member", &scene.member);
        withdraw(&member, &replay, "").await.refused(403, "not_allowed");
        withdraw(&member, &replay, r#"{"n":3}"#).await.refused(403, "not_allowed");
        withdraw(&host, &replay, r#"{"n":2}"#).await.refused(403, "not_allowed");
        withdraw(&Ears::visitor(), &replay, "").await.refused(401, "not_signed_in");
        let files_before = replay.files();

        // Somebody hears it at this moment: more than fits into all buffers on the way.
        let long = vec![7; 64 << 20];
        fs::write(replay.folder.join("1/mix.ogg"), &long).unwrap();
        let (status, _, mut hearing) =
            server.open(&replay.path("/audio.ogg?g=1"), Some(&scene.member.token), &[]).await;
        assert_eq!(status, StatusCode::OK);
        let mut heard = hearing.frame().await.unwrap().unwrap().into_data().unwrap().len();

        let can = ben.get(server, &replay.path("")).await.json()["can"].clone();
        assert!(can.as_array().unwrap().contains(&json!("withdraw")), "{can}");
        let answer = withdraw(&ben, &replay, "").await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
        let cut_off = loop {
            match hearing.frame().await {
                Some(Ok(frame)) => heard += frame.into_data().map_or(0, |data| data.len()),
                Some(Err(_)) => break true,
                None => break false,
            }
        };
        assert!(cut_off && heard < long.len(), "{heard} of {} heard", long.len());
        is_out(server, &replay, &host, &[2], &things_there.clip).await;
        assert!(files_before.len() > replay.files().len() && replay.files().contains(&"raw/1.track".to_owned()));
        let shown = ben.get(server, &replay.path("")).await.json();
        assert_eq!((&shown["speakers"][1]["withdrawn"], &shown["speakers"][1]["mine"]), (&json!(true), &json!(true)));
        assert!(!shown["can"].as_array().unwrap().contains(&json!("withdraw")), "{shown}");
        // Once more is no error, and changes nothing.
        let generation = server.app.store.recording(replay.id).await.unwrap().unwrap().generation;
        assert_eq!(withdraw(&ben, &replay, "").await.status, StatusCode::NO_CONTENT);
        assert_eq!(server.app.store.recording(replay.id).await.unwrap().unwrap().generation, generation);

        // A guest by their pass, and the host for a guest.
        let guest = Ears { who: "the guest", cookie: Some(scene.guest.cookie.clone()), ..Ears::visitor() };
        let replay = scene.replay(on.data.path(), ReplayHearers::Attendees, &[], &[]).await;
        let clip = things(&scene.host, &replay).await.clip;
        assert_eq!(withdraw(&guest, &replay, "").await.status, StatusCode::NO_CONTENT);
        is_out(server, &replay, &host, &[3], &clip).await;
        let replay = scene.replay(on.data.path(), ReplayHearers::Attendees, &[], &[]).await;
        let clip = things(&scene.host, &replay).await.clip;
        assert_eq!(withdraw(&host, &replay, r#"{"n":3}"#).await.status, StatusCode::NO_CONTENT);
        is_out(server, &replay, &host, &[3], &clip).await;

        // Behind a block, where the replay cannot be heard any more.
        let replay = scene.replay(on.data.path(), ReplayHearers::Everyone, &[], &[]).await;
        let clip = things(&scene.host, &replay).await.clip;
        scene.host.send(Method::PUT, &format!("/api/members/{}/block", scene.ben.handle)).await;
        ben.get(server, &replay.path("")).await.refused(404, "replay_not_found");
        let tracks = scene.ben.get("/api/me/tracks").await.json();
        let mine =
            tracks["items"].as_array().unwrap().iter().find(|one| one["replay"] == replay.id.to_string()).unwrap();
        assert_eq!((&mine["n"], &mine["title"], &mine["withdrawn_at"]), (&json!(2), &Value::Null, &Value::Null));
        assert_eq!(withdraw(&ben, &replay, "").await.status, StatusCode::NO_CONTENT);
        is_out(server, &replay, &host, &[2], &clip).await;
    }
}

async fn a_deleted_replay_leaves_no_file(servers: &[Trusting]) {
    for on in servers {
        let scene = Scene::of(on).await;
        let server = scene.server;
        for (number, by) in [&scene.host, &scene.owner].into_iter().enumerate() {
            let replay = scene.replay(on.data.path(), ReplayHearers::Everyone, &[], &[]).await;
            let things = things(&scene.host, &replay).await;
            assert!(replay.files().len() > 8, "{:?}", replay.files());
            scene.ben.send(Method::DELETE, &replay.path("")).await.refused(403, "not_allowed");
            assert_eq!(by.send(Method::DELETE, &replay.path("")).await.status, StatusCode::NO_CONTENT, "{number}");
            assert_eq!(replay.files(), Vec::<String>::new());
            let host = Ears::of("the host", &scene.host);
            assert_eq!(try_all(server, &replay, &things, &host, false, None).await, Vec::<String>::new());
        }
        let log = scene.owner.get("/api/admin/audit").await.json();
        let acts: Vec<_> = log["items"].as_array().unwrap().iter().map(|entry| entry["act"].clone()).collect();
        assert_eq!(acts.iter().filter(|act| *act == "replay_deleted").count(), 1, "{acts:?}");
    }
}

async fn an_account_takes_its_voice_along(servers: &[Trusting]) {
    for on in servers {
        let scene = Scene::of(on).await;
        let server = scene.server;
        let replay = scene.replay(on.data.path(), ReplayHearers::Everyone, &[], &[]).await;
        let clip = things(&scene.host, &replay).await.clip;
        let of_ben = things(&scene.ben, &replay).await;
        // What was recorded and waits to be made.
        let waits = on.data.path().join("recordings").join(replay.id.to_string());
        fs::create_dir_all(&waits).unwrap();
        fs::write(waits.join("2.track"), "raw").unwrap();
        let leave = async |member: &Member<'_>| {
            let body = json!({ "handle": member.handle }).to_string();
            let answer = server.send_json(Method::DELETE, "/api/me", Some(&member.token), &body).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
        };
        leave(&scene.ben).await;
        let host = Ears::of("the host", &scene.host);
        is_out(server, &replay, &host, &[2], &clip).await;
        assert_eq!(files(&waits), Vec::<PathBuf>::new());
        host.get(server, &format!("/api/clips/{}", of_ben.clip)).await.refused(404, "clip_not_found");
        let note = replay.path(&format!("/replies/{}/voice.ogg", of_ben.note));
        host.get(server, &note).await.refused(404, "reply_not_found");
        let shown = host.get(server, &replay.path("")).await.json();
        let second = &shown["speakers"][1];
        assert_eq!(
            (&second["name"], &second["person"], &second["withdrawn"]),
            (&json!(""), &Value::Null, &json!(true))
        );
        leave(&scene.host).await;
        assert_eq!(replay.files(), Vec::<String>::new());
        Ears::visitor().get(server, &replay.path("")).await.refused(404, "replay_not_found");
    }
}

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

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_heard_in_parts_and_kept_by_its_generation() {
    let on = Trusting::sqlite().await;
    let scene = Scene::of(&on).await;
    let server = scene.server;
    let replay = scene.replay(on.data.path(), ReplayHearers::Everyone, &[], &[]).await;
    for (file, name, kind) in [("audio.ogg", "mix.ogg", "audio/ogg"), ("audio.mp4", "mix.mp4", "audio/mp4")] {
        let bytes = fs::read(replay.folder.join("1").join(name)).unwrap();
        let path = replay.path(&format!("/{file}"));
        let ask = async |method, headers: &[(&str, &str)]| server.send(method, &path, None, headers, "").await;
        let whole = ask(Method::GET, &[]).await;
        let header = |answer: &Answer, name: &str| answer.headers[name].to_str().unwrap().to_owned();
        assert_eq!((whole.status, &whole.bytes[..]), (StatusCode::OK, &bytes[..]));
        assert_eq!(
            (header(&whole, "content-type"), header(&whole, "accept-ranges")),
            (kind.to_owned(), "bytes".to_owned())
        );
        assert_eq!(header(&whole, "cache-control"), "private, no-cache");
        // Players of podcasts are on other sites.
        assert_eq!(header(&whole, "cross-origin-resource-policy"), "cross-origin");
        let tag = header(&whole, "etag");
        let part = ask(Method::GET, &[("range", "bytes=100-299"), ("if-range", &tag)]).await;
        assert_eq!((part.status, &part.bytes[..]), (StatusCode::PARTIAL_CONTENT, &bytes[100..300]));
        assert_eq!(header(&part, "content-range"), format!("bytes 100-299/{}", bytes.len()));
        let other = ask(Method::GET, &[("range", "bytes=100-299"), ("if-range", "\"other\"")]).await;
        assert_eq!((other.status, other.bytes.len()), (StatusCode::OK, bytes.len()));
        let behind = ask(Method::GET, &[("range", "bytes=99999999-")]).await;
        behind.refused(416, "range_not_satisfiable");
        let same = ask(Method::GET, &[("if-none-match", &tag)]).await;
        assert_eq!((same.status, same.bytes.len()), (StatusCode::NOT_MODIFIED, 0));
        let head = ask(Method::HEAD, &[]).await;
        assert_eq!((head.status, header(&head, "content-length")), (StatusCode::OK, bytes.len().to_string()));
        let stale = server.get(&replay.path(&format!("/{file}?g=2")), None).await;
        stale.refused(404, "replay_not_found");
        server.get(&replay.path(&format!("/{file}?g=x")), None).await.refused(400, "bad_request");
    }
    let hidden = scene.replay(on.data.path(), ReplayHearers::Members, &[], &[]).await;
    let heard = scene.ben.get(&hidden.path("/audio.ogg")).await;
    assert_eq!(heard.headers["cross-origin-resource-policy"], "same-origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_changes_what_a_replay_says_and_never_widens_it() {
    let on = Trusting::sqlite().await;
    let scene = Scene::of(&on).await;
    let server = scene.server;
    let replay = scene.replay(on.data.path(), ReplayHearers::Members, &[], &[]).await;
    let change = async |body: Value| {
        let path = replay.path("");
        server.send_json(Method::PATCH, &path, Some(&scene.host.token), &body.to_string()).await
    };
    change(json!({ "hearers": "everyone" })).await.refused(409, "cannot_widen");
    change(json!({ "title": "" })).await.refused(422, "invalid_title");
    change(json!({ "expires_at": 5 })).await.refused(422, "invalid_date");
    change(json!({ "chapters": [{ "at_ms": MS + 1, "title": "x" }] })).await.refused(400, "bad_request");
    let until = roomtone::edge::now().0 + 60_000;
    let body = json!({ "title": "Tea", "expires_at": until, "chapters": [{ "at_ms": 0, "title": "Hello" }], "hearers": "attendees" });
    let changed = change(body).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let changed = changed.json();
    assert_eq!(
        (&changed["title"], &changed["expires_at"], &changed["picture"]["chapters"][0]["title"], &changed["hearers"]),
        (&json!("Tea"), &json!(until), &json!("Hello"), &json!("attendees"))
    );
    scene.member.get(&replay.path("")).await.refused(404, "replay_not_found");
    change(json!({ "hearers": "members" })).await.refused(409, "cannot_widen");
    let kept = change(json!({ "expires_at": null, "chapters": [{ "at_ms": 0, "title": " " }] })).await.json();
    assert_eq!((&kept["expires_at"], &kept["picture"]["chapters"][0]["title"]), (&Value::Null, &Value::Null));
}

/// Lists say what they are of, and refuse what makes no sense.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_of_one_thing() {
    let on = Trusting::sqlite().await;
    let scene = Scene::of(&on).await;
    let server = scene.server;
    let replay = scene.replay(on.data.path(), ReplayHearers::Members, &[], &[]).await;
    let hidden = scene.replay(on.data.path(), ReplayHearers::Attendees, &[], &[]).await;
    let ids = async |token: Option<&str>, query: &str| {
        let answer = server.get(&format!("/api/replays{query}"), token).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let items = answer.json()["items"].as_array().unwrap().clone();
        items.into_iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (host, member, eve) =
        (Some(scene.host.token.as_str()), Some(scene.member.token.as_str()), Some(scene.eve.token.as_str()));
    let both = [hidden.id.to_string(), replay.id.to_string()];
    for query in ["", "?box=mine", &format!("?host={}", scene.host.handle), &format!("?room={}", scene.room)] {
        assert_eq!(ids(host, query).await, both, "{query}");
    }
    assert_eq!(ids(eve, "?box=heard").await, both);
    assert_eq!(ids(member, &format!("?room={}", scene.room)).await, both[1..]);
    assert!(ids(member, "?box=heard").await.is_empty() && ids(None, "").await.is_empty());
    assert!(
        ids(None, &format!("?host={}", scene.host.handle)).await.is_empty()
            && ids(None, "?host=nobody_here").await.is_empty()
    );
    server.get("/api/replays?host=nobody_here", member).await.refused(404, "member_not_found");
    server.get("/api/replays?house=nobody_here", None).await.refused(404, "house_not_found");
    for query in ["?box=mine&room=x", "?room=x", "?box=other", "?after=x", "?what=1"] {
        server.get(&format!("/api/replays{query}"), member).await.refused(400, "bad_request");
    }
    server.get("/api/replays?box=mine", None).await.refused(401, "not_signed_in");
}

/// 20 ms packets of a tone.
fn tone(hertz: f32, packets: usize) -> Vec<Vec<u8>> {
    let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Audio).unwrap();
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
fn loudness(sound: &[f32], hertz: f32) -> f32 {
    let turn = std::f32::consts::TAU * hertz / 48_000.0;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        sine += sample * (n as f32 * turn).sin();
        cosine += sample * (n as f32 * turn).cos();
    }
    (sine * sine + cosine * cosine).sqrt() * 2.0 / sound.len() as f32
}

/// What a file of Ogg Opus sounds like.
fn decoded(file: &[u8]) -> Vec<f32> {
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
    fs::create_dir_all(&folder).unwrap();
    let arrived = roomtone::edge::instant();
    for (n, hertz) in (1..).zip(TONES) {
        let mut file = Vec::new();
        let mut writer = TrackWriter::begin(Header { replay: id, track: n }, &mut file);
        let first = u64::from(n - 1) * 160;
        for (packet, payload) in (first..).zip(tone(hertz, 150)) {
            let (seq, time) = ((1 << 32) + packet, packet * 960);
            let (talker, payload) = (TalkerNo(n), payload.into());
            let frame = Frame { room, talker, slot: 0, dominant: true, seq, time, level: 20, arrived, payload };
            assert!(writer.record(&frame, Duration::from_millis(packet * 20), &mut file));
        }
        fs::write(folder.join(format!("{n}.track")), file).unwrap();
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

    let withdrawn = server.send(Method::POST, &format!("{path}/withdraw"), Some(&tokens[1]), &[], "").await;
    assert_eq!(withdrawn.status, StatusCode::NO_CONTENT, "{}", withdrawn.text);
    let shown = made(2).await;
    assert_eq!(tones(&listen(&format!("{path}/audio.ogg"), 1).await, 0), [true, false, true]);
    assert_eq!(tones(&listen(&clip, 2).await, 3_000), [false, false, true]);
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
