//! Replays from outside: who hears what by which way, and that what is withdrawn or deleted is gone at once.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use roomtone::edge::Secret;
use roomtone::wire::recording::CONSENT_TEXT;
use roomtone_media::fmp4::Fmp4;
use roomtone_media::ogg::{OggOpus, PRE_SKIP};
use roomtone_room::ids::{MemberId, ReplayId, RoomId, Timestamp};
use roomtone_store::{Changes, NewConsent, NewReplay, RecordingChange, ReplayHearers, Speaker, Store};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server, Trusting, on_both_databases};

on_both_databases!(
    everybody_hears_what_they_may_by_every_way,
    what_is_withdrawn_is_gone_at_once,
    a_guest_takes_back_what_they_said_by_their_link,
    a_deleted_replay_leaves_no_file,
    an_account_takes_its_voice_along,
);

/// 20 ms of silence: fullband CELT in one frame, whose first symbol says that all is silent (RFC 6716, sections 3.1 and 4.3).
pub(crate) const SILENCE: [u8; 3] = [31 << 3, 0xff, 0xfe];

/// How long the replays of these tests are, in packets of 20 ms and in milliseconds.
const PACKETS: u64 = 500;
pub(crate) const MS: u64 = PACKETS * 20;

/// A replay, and where its files are.
pub(crate) struct Made {
    pub(crate) id: ReplayId,
    pub(crate) folder: PathBuf,
}

impl Made {
    pub(crate) fn path(&self, rest: &str) -> String {
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
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whoever speaks in a replay, and under what name.
pub(crate) fn speaker(member: &Member<'_>) -> (Speaker, String) {
    (Speaker::Member(member.id.parse().unwrap()), member.handle.to_uppercase())
}

/// Notes that a talk was recorded in which these speak, and these others were.
pub(crate) async fn recorded(
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
        consent: CONSENT_TEXT,
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
            text: CONSENT_TEXT,
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

pub(crate) async fn ready_in(
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
pub(crate) struct Ears {
    pub(crate) who: &'static str,
    pub(crate) token: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) key: Option<String>,
}

impl Ears {
    pub(crate) fn visitor() -> Self {
        Self { who: "a visitor", token: None, cookie: None, key: None }
    }

    pub(crate) fn of(who: &'static str, member: &Member<'_>) -> Self {
        Self { who, token: Some(member.token.clone()), ..Self::visitor() }
    }

    pub(crate) fn with_key(&self, who: &'static str, key: &str) -> Self {
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

    pub(crate) async fn get(&self, server: &Server, path: &str) -> Answer {
        self.ask(server, Method::GET, path, "").await
    }
}

/// The members and replays that the ways are tried with.
pub(crate) struct Scene<'a> {
    pub(crate) server: &'a Server,
    pub(crate) owner: Member<'a>,
    pub(crate) host: Member<'a>,
    pub(crate) ben: Member<'a>,
    pub(crate) eve: Member<'a>,
    pub(crate) member: Member<'a>,
    pub(crate) guest: crate::guests::Guest<'a>,
    pub(crate) guest_id: MemberId,
    /// The code of the link by which they came.
    pub(crate) guest_code: String,
    pub(crate) room: String,
}

impl<'a> Scene<'a> {
    pub(crate) async fn of(on: &'a Trusting) -> Self {
        let server = &on.server;
        let link = server.app.owner_link().await.unwrap().unwrap();
        let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
        let (host, ben, eve, member) = (on.member().await, on.member().await, on.member().await, on.member().await);
        let room = host.open("open").await;
        let link = crate::guests::link(&host, &room, "Grace").await;
        let guest = crate::guests::Guest::by(server, link["link"].as_str().unwrap()).await;
        let guest_id = link["guest"].as_str().unwrap().parse().unwrap();
        let guest_code = link["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        Self { server, owner, host, ben, eve, member, guest, guest_id, guest_code, room }
    }

    fn grace(&self) -> (Speaker, String) {
        (Speaker::Guest(self.guest_id), "Grace".to_owned())
    }

    /// A replay in which the host, Ben and the guest speak, and Eve was there.
    pub(crate) async fn replay(
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
pub(crate) async fn key_of(host: &Member<'_>, replay: &Made) -> (String, String) {
    let made = host.post(&replay.path("/links"), &json!({ "note": "for a friend" })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let url = made.json()["url"].as_str().unwrap().to_owned();
    (made.json()["id"].as_str().unwrap().to_owned(), url.split_once("?key=").unwrap().1.to_owned())
}

/// Tries all ways to a replay, and says which were not as they are to be: all open, or all as if there were none.
pub(crate) async fn try_all(
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
pub(crate) struct Things {
    pub(crate) clip: String,
    pub(crate) note: String,
}

pub(crate) async fn things(host: &Member<'_>, replay: &Made) -> Things {
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
pub(crate) async fn say(member: &Member<'_>, replay: &Made, query: &str) -> Answer {
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
    // A clip has no sound, or that of what was made since; or there is none any more.
    let clip = ears.get(server, &format!("/api/clips/{clip}")).await.json();
    for audio in clip["audio"].as_array().into_iter().flatten() {
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

/// Long after the pass, on another device, and when nobody remembers them any more.
async fn a_guest_takes_back_what_they_said_by_their_link(servers: &[Trusting]) {
    for on in servers {
        let scene = Scene::of(on).await;
        let server = scene.server;
        let found = format!("/api/guest-links/{}/tracks", scene.guest_code);
        server.get(&found, None).await.refused(404, "guest_link_not_found");
        let replay = scene.replay(on.data.path(), ReplayHearers::Attendees, &[], &[]).await;
        let kept = scene.replay(on.data.path(), ReplayHearers::Attendees, &[], &[]).await;
        let clip = things(&scene.host, &replay).await.clip;
        scene.guest.send(Method::DELETE, "/api/guest").await;
        while server.app.store.delete_old_guests(Timestamp(u64::MAX >> 1)).await.unwrap() {}

        // They find it, and hear it.
        let items = server.get(&found, None).await.json()["items"].clone();
        let told: Vec<_> =
            items.as_array().unwrap().iter().map(|one| (one["replay"].clone(), one["n"].clone())).collect();
        assert_eq!(told, [(json!(kept.id.to_string()), json!(3)), (json!(replay.id.to_string()), json!(3))]);
        assert_eq!((&items[0]["title"], &items[0]["withdrawn_at"]), (&json!("A talk"), &Value::Null));
        server.get(&format!("{found}?after=x"), None).await.refused(400, "bad_request");
        server.get(&format!("{found}?what=1"), None).await.refused(400, "bad_request");
        let grace = Ears::visitor().with_key("the former guest", &scene.guest_code);
        let shown = grace.get(server, &replay.path("")).await.json();
        assert_eq!((&shown["speakers"][2]["mine"], &shown["can"]), (&json!(true), &json!(["withdraw"])), "{shown}");
        let own = shown["speakers"][2]["url"].as_str().unwrap();
        assert_eq!(server.get(own, None).await.status, StatusCode::OK, "{own}");
        grace.get(server, &replay.path("/tracks/2.ogg")).await.refused(404, "replay_not_found");
        // Nobody else does, and nothing else is theirs to take back.
        let withdraw =
            async |ears: &Ears, body: &str| ears.ask(server, Method::POST, &replay.path("/withdraw"), body).await;
        withdraw(&Ears::visitor(), "").await.refused(401, "not_signed_in");
        withdraw(&grace, r#"{"n":2}"#).await.refused(401, "not_signed_in");
        for wrong in ["7zzzzzzzzzzzzzzzzzzzzzzzzz", "x"] {
            withdraw(&Ears::visitor().with_key("", wrong), "").await.refused(404, "replay_not_found");
            let found = format!("/api/guest-links/{wrong}/tracks");
            server.get(&found, None).await.refused(404, "guest_link_not_found");
        }
        let (_, unlisted) = key_of(&scene.host, &replay).await;
        withdraw(&Ears::visitor().with_key("", &unlisted), "").await.refused(403, "not_allowed");

        assert_eq!(withdraw(&grace, "").await.status, StatusCode::NO_CONTENT);
        let host = Ears::of("the host", &scene.host);
        is_out(server, &replay, &host, &[3], &clip).await;
        assert_eq!(withdraw(&grace, "").await.status, StatusCode::NO_CONTENT, "once more is no error");
        let items = server.get(&found, None).await.json()["items"].clone();
        assert!(items[0]["withdrawn_at"].is_null() && items[1]["withdrawn_at"].is_u64(), "{items}");
        // Of what is deleted there is nothing to be found.
        for replay in [&replay, &kept] {
            assert_eq!(scene.host.send(Method::DELETE, &replay.path("")).await.status, StatusCode::NO_CONTENT);
        }
        server.get(&found, None).await.refused(404, "guest_link_not_found");
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
