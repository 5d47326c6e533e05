//! Recording: nothing of anybody is stored before they agreed to it, and nothing afterwards that they took back.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use axum::http::Method;
use roomtone_media::track::TrackReader;
use roomtone_room::ids::ReplayId;
use roomtone_store::{Hearer, ReplayHearers, ReplayState, Speaker, Store, Withdrawer, Withdrawn};
use serde_json::{Value, json};

use crate::evidence::{Talk, sound};
use crate::guests::{Guest, link};
use crate::support::{Member, Server, Socket, Trusting, on_both_databases};
use crate::talker::Leg;

on_both_databases!(
    only_what_was_agreed_to_is_stored,
    who_withdraws_during_the_talk_is_not_recorded_until_they_agree_again,
    a_replay_follows_the_host_of_its_room_while_it_is_recorded,
    a_full_disk_stops_the_recording_loudly_and_nothing_else,
);

/// A text version that nobody was shown.
const OTHER_TEXT: u32 = 999;

fn record(to: &str) -> Value {
    json!({ "type": "set_recording", "to": to })
}

fn stop() -> Value {
    json!({ "type": "set_recording", "to": null })
}

/// Files at this moment; one that goes meanwhile is not there, nor is what is no file.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let kinds = entries.filter_map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))).ok());
    let of = |(path, kind): (PathBuf, fs::FileType)| match kind {
        kind if kind.is_dir() => files(&path),
        kind if kind.is_file() => vec![path],
        _ => Vec::new(),
    };
    kinds.flat_map(of).collect()
}

/// Which of these sounds are in any file of a folder.
fn stored(folder: &Path, numbers: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let all: Vec<Vec<u8>> = files(folder).iter().filter_map(|file| fs::read(file).ok()).collect();
    let is_in = |number: &u32| {
        let sought = sound(*number);
        all.iter().any(|bytes| bytes.windows(sought.len()).any(|window| window == sought))
    };
    numbers.into_iter().filter(is_in).collect()
}

/// Waits until a sound is in a file.
async fn until_stored(folder: &Path, number: u32) {
    while stored(folder, [number]).is_empty() {
        tokio::task::yield_now().await;
    }
}

/// What is recorded, as somebody in the room is told.
struct On {
    replay: ReplayId,
    text: u32,
}

impl On {
    fn told(recording: &Value) -> Self {
        let text = recording["text"].as_u64().unwrap().try_into().unwrap();
        Self { replay: recording["replay"].as_str().unwrap().parse().unwrap(), text }
    }

    fn consent(&self, agree: bool) -> Value {
        json!({ "type": "consent_recording", "replay": self.replay.to_string(), "text": self.text, "agree": agree })
    }

    /// The sounds in each track, as they are on the disk while it is recorded.
    fn tracks(&self, server: &Server) -> BTreeMap<u32, Vec<String>> {
        let folder = server.app.recorder.folder_of(self.replay);
        let tracks = files(&folder).into_iter().map(|file| {
            let reader = TrackReader::new(BufReader::new(fs::File::open(file).unwrap())).unwrap();
            let header = reader.header();
            assert_eq!(header.replay, self.replay);
            let said = reader.map(|frame| {
                let payload = frame.unwrap().payload;
                String::from_utf8_lossy(&payload[1..]).trim_end_matches('-').to_owned()
            });
            (header.track, said.collect())
        });
        tracks.collect()
    }
}

fn said(numbers: &[u32]) -> Vec<String> {
    let text = |number: &u32| String::from_utf8(sound(*number)).unwrap().trim_end_matches('-').to_owned();
    numbers.iter().map(text).collect()
}

/// Who of the stage has said what, by member.
fn answers(snapshot: &Value) -> BTreeMap<String, String> {
    let stage = snapshot["stage"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    stage.map(|p| (text(&p["person"]["id"]), text(&p["recorded"]))).collect()
}

async fn state(socket: &mut Socket) -> Value {
    socket.text(r#"{"type":"resync"}"#).await;
    socket.next("snapshot").await
}

async fn only_what_was_agreed_to_is_stored(servers: &[Trusting]) {
    for on in servers {
        let mut talk = Talk::of(on).await;
        let (data, store) = (on.data.path(), &talk.server.app.store);
        let card = async |talk: &Talk<'_>| talk.eve.get(&format!("/api/rooms/{}", talk.room)).await.json();
        assert_eq!(card(&talk).await["recording"], Value::Null);
        talk.say(0, 1).await;
        // The host decides, and everybody is told at once, also who only looks at the room from outside.
        talk.ben_here.refused(record("everyone"), "not_allowed").await;
        talk.host.refused(stop(), "nothing_to_change").await;
        talk.host.accepted(json!({ "type": "pin_link", "url": "https://example.org/", "label": "A page" })).await;
        talk.host.accepted(record("everyone")).await;
        let begun = talk.listener_here.event("recording_begun").await;
        assert_eq!(begun["recording"]["to"], "everyone");
        let recording = On::told(&begun["recording"]);
        let outsider = on.member().await;
        let seen = outsider.get(&format!("/api/rooms/{}", talk.room)).await.json();
        assert_eq!(seen["recording"], "everyone", "{seen}");
        let snapshot = state(&mut talk.listener_here).await;
        assert_eq!(snapshot["room"]["recording"], begun["recording"]);
        assert!(answers(&snapshot).values().all(|answer| answer == "asked"), "{snapshot}");
        // Nobody has answered: nothing is stored.
        talk.say(0, 2).await;
        talk.say(1, 3).await;
        talk.listener_here.refused(recording.consent(true), "not_on_stage").await;
        let other = On { text: OTHER_TEXT, ..recording };
        talk.ben_here.refused(other.consent(true), "stale_consent").await;
        let other = On { replay: ReplayId(1), ..recording };
        talk.ben_here.refused(other.consent(true), "stale_consent").await;
        // Ben agrees, Eve refuses, and talks on.
        talk.ben_here.accepted(recording.consent(true)).await;
        talk.eve_here.accepted(recording.consent(false)).await;
        let told = talk.listener_here.event("recording_consent").await;
        assert_eq!((&told["member"], &told["agree"]), (&json!(talk.ben.id), &json!(true)));
        talk.say(1, 4).await;
        talk.say(0, 5).await;
        until_stored(data, 5).await;
        assert_eq!(stored(data, 1..10), [5]);
        // Ben takes it back: what is said after that is acknowledged is nowhere. Later he agrees again.
        talk.ben_here.accepted(recording.consent(false)).await;
        talk.say(0, 6).await;
        talk.ben_here.accepted(recording.consent(true)).await;
        talk.say(0, 7).await;
        until_stored(data, 7).await;
        assert_eq!(stored(data, 1..10), [5, 7]);
        // Eve comes up again and is asked again; a guest who is let in is asked too.
        talk.host.accepted(json!({ "type": "move_to_audience", "member": talk.eve.id })).await;
        talk.host.accepted(json!({ "type": "offer_stage", "member": talk.eve.id })).await;
        // Once this is answered, she has been told of her new role.
        talk.eve_here.command(json!({ "type": "lower_hand" })).await;
        talk.eve_here.accepted(json!({ "type": "accept_offer" })).await;
        let answered = answers(&state(&mut talk.listener_here).await);
        assert_eq!(answered[&talk.eve.id], "asked");
        talk.says[1] = Leg::speak(&talk.eve, &talk.room).await;
        talk.hears.hear_at_last(&mut talk.says[1], &sound(8)).await;
        // Behind this one, nothing of before is on the way.
        talk.say(1, 12).await;
        talk.eve_here.accepted(recording.consent(true)).await;
        talk.say(1, 9).await;
        until_stored(data, 9).await;
        assert_eq!(stored(data, 1..13), [5, 7, 9]);
        assert_eq!(recording.tracks(talk.server), BTreeMap::from([(1, said(&[5, 7])), (2, said(&[9]))]));
        // Off: nothing more. What was said to it is known for good, with time and version of the text.
        talk.host.accepted(stop()).await;
        let over = talk.listener_here.event("recording_stopped").await;
        assert!(over["cause"] == "host" && over["by"].is_string(), "{over}");
        talk.say(0, 10).await;
        talk.server.app.recorder.settled(recording.replay).await;
        // Its files are being moved by now, since a replay is made of them.
        assert!(stored(data, 1..13).iter().all(|number| [5, 7, 9].contains(number)));
        let consents = store.recorded_consents(recording.replay).await.unwrap();
        let [ben, eve] = [&talk.ben, &talk.eve].map(|member| Some(Speaker::Member(member.id.parse().unwrap())));
        let said: Vec<_> = consents.iter().map(|c| (c.speaker, c.track, c.agree)).collect();
        let expected = [
            (ben, Some(1), true),
            (eve, None, false),
            (ben, Some(1), false),
            (ben, Some(1), true),
            (eve, Some(2), true),
        ];
        assert_eq!(said, expected);
        assert!(consents.iter().all(|consent| consent.text == recording.text && consent.at.0 > 0));
        let kept = store.recording(recording.replay).await.unwrap().unwrap();
        assert!(kept.state >= ReplayState::Waiting && kept.hearers == ReplayHearers::Everyone, "{kept:?}");
        assert_eq!(store.recorded_attendees(recording.replay).await.unwrap().len(), 4);
        let marks = store.recorded_marks(recording.replay).await.unwrap();
        assert_eq!((marks.len(), marks[0].at_ms), (1, 0));
        assert_eq!(
            serde_json::from_str::<Value>(&marks[0].body).unwrap(),
            json!({ "kind": "link", "url": "https://example.org/", "label": "A page" })
        );
        // A new one begins with nobody.
        talk.host.accepted(record("attendees")).await;
        let again = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
        assert_ne!(again.replay, recording.replay);
        talk.ben_here.refused(recording.consent(true), "stale_consent").await;
        talk.say(0, 11).await;
        // The end of the room ends it.
        talk.host.accepted(json!({ "type": "end" })).await;
        talk.server.app.recorder.settled(again.replay).await;
        assert_eq!(stored(data, [2, 3, 4, 6, 8, 10, 11, 12]), Vec::<u32>::new());
        let ended = store.recording(again.replay).await.unwrap().unwrap();
        assert!(ended.state >= ReplayState::Waiting && ended.ended_at.is_some());
        assert!(!talk.server.app.recorder.folder_of(again.replay).join("1.track").exists());
    }
}

/// Withdrawn is what was said until then, and the room knows of it: nothing more is stored, everybody sees that, and who agrees again
/// begins anew.
async fn who_withdraws_during_the_talk_is_not_recorded_until_they_agree_again(servers: &[Trusting]) {
    for on in servers {
        let mut talk = Talk::of(on).await;
        talk.host.accepted(record("everyone")).await;
        let recording = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
        talk.ben_here.accepted(recording.consent(true)).await;
        talk.eve_here.accepted(recording.consent(true)).await;
        talk.say(0, 1).await;
        talk.say(1, 2).await;
        until_stored(on.data.path(), 1).await;
        until_stored(on.data.path(), 2).await;
        let path = format!("/api/replays/{}/withdraw", recording.replay);
        let withdrawn = talk.ben.post(&path, &json!({})).await;
        assert_eq!(withdrawn.status.as_u16(), 204, "{}", withdrawn.text);
        assert_eq!(stored(on.data.path(), 1..3), [2]);
        let answered = answers(&state(&mut talk.listener_here).await);
        assert_eq!((answered[&talk.ben.id].as_str(), answered[&talk.eve.id].as_str()), ("refused", "agreed"));
        talk.say(0, 3).await;
        talk.ben_here.accepted(recording.consent(true)).await;
        talk.say(0, 4).await;
        until_stored(on.data.path(), 4).await;
        assert_eq!(stored(on.data.path(), 1..5), [2, 4]);
        assert_eq!(recording.tracks(talk.server), BTreeMap::from([(2, said(&[2])), (3, said(&[4]))]));
        // Also who is in the audience by then, and comes back.
        talk.host.accepted(json!({ "type": "move_to_audience", "member": talk.eve.id })).await;
        assert_eq!(talk.eve.post(&path, &json!({})).await.status.as_u16(), 204);
        assert_eq!(stored(on.data.path(), 1..5), [4]);
        talk.host.accepted(json!({ "type": "offer_stage", "member": talk.eve.id })).await;
        talk.eve_here.command(json!({ "type": "lower_hand" })).await;
        talk.eve_here.accepted(json!({ "type": "accept_offer" })).await;
        talk.eve_here.accepted(recording.consent(true)).await;
        talk.host.accepted(stop()).await;
        talk.server.app.recorder.settled(recording.replay).await;
        let tracks = talk.server.app.store.recorded_tracks(recording.replay).await.unwrap();
        let tracks: Vec<_> = tracks.iter().map(|track| (track.n, track.withdrawn_at.is_some())).collect();
        assert_eq!(tracks, [(1, true), (2, true), (3, false), (4, false)]);
    }
}

/// The server was killed between the commit of a withdrawal and the room's: the room learns of it before anything is recorded again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_is_not_recorded_again_after_a_restart() {
    let on = Trusting::sqlite().await;
    let mut talk = Talk::of(&on).await;
    talk.host.accepted(record("everyone")).await;
    let recording = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
    talk.ben_here.accepted(recording.consent(true)).await;
    talk.eve_here.accepted(recording.consent(true)).await;
    talk.say(1, 1).await;
    let own = Withdrawer::Own(Hearer::member(talk.ben.id.parse().unwrap()));
    let withdrawn = talk.server.app.store.withdraw_track(recording.replay, own, roomtone::edge::now()).await.unwrap();
    assert_eq!(withdrawn, Withdrawn::Done(vec![1]));
    let (room, who) = (talk.room.clone(), [&talk.ben, &talk.eve, &talk.listener]);
    let who = who.map(|member| (member.token.clone(), member.handle.clone(), member.id.clone()));
    drop(talk);
    let Trusting { server, data } = on;
    server.stop().await;

    let server = Server::start_in(data.path()).await;
    let [ben, eve, listener] = who.map(|(token, handle, id)| Member { server: &server, token, handle, id });
    let (mut ben_here, _eve) = (ben.enter(&room).await, eve.enter(&room).await);
    let mut here = listener.enter(&room).await;
    let answered = answers(&state(&mut here).await);
    assert_eq!((answered[&ben.id].as_str(), answered[&eve.id].as_str()), ("refused", "agreed"));
    let mut hears = Leg::hear(&listener, &room).await;
    let (mut ben_says, mut eve_says) = (Leg::speak(&ben, &room).await, Leg::speak(&eve, &room).await);
    hears.hear_at_last(&mut ben_says, &sound(2)).await;
    hears.hear_at_last(&mut eve_says, &sound(3)).await;
    until_stored(data.path(), 3).await;
    assert_eq!(stored(data.path(), 1..4), [1, 3]);
    ben_here.accepted(recording.consent(true)).await;
    ben_says.say(&sound(4));
    until_stored(data.path(), 4).await;
    let mut tracks = recording.tracks(&server);
    assert_eq!((tracks.remove(&3), tracks.contains_key(&1)), (Some(said(&[4])), false));
    server.stop().await;
}

/// Whoever hosts the room has the replay; and if they delete their account, whoever hosts it then.
async fn a_replay_follows_the_host_of_its_room_while_it_is_recorded(servers: &[Trusting]) {
    for on in servers {
        let mut talk = Talk::of(on).await;
        talk.host.accepted(record("everyone")).await;
        let recording = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
        talk.eve_here.accepted(recording.consent(true)).await;
        talk.say(1, 1).await;
        let host = async |talk: &Talk<'_>| {
            let shown = talk.eve.get(&format!("/api/replays/{}", recording.replay)).await.json();
            shown["host"]["handle"].as_str().unwrap().to_owned()
        };
        let first = host(&talk).await;
        talk.host.accepted(json!({ "type": "hand_over", "member": talk.ben.id })).await;
        assert_eq!(host(&talk).await, talk.ben.handle);
        assert_ne!(first, talk.ben.handle);
        let body = json!({ "handle": talk.ben.handle }).to_string();
        let gone = talk.server.send_json(Method::DELETE, "/api/me", Some(&talk.ben.token), &body).await;
        assert_eq!(gone.status.as_u16(), 204, "{}", gone.text);
        assert_eq!(host(&talk).await, first);
        // What the others say is recorded as before.
        talk.say(1, 2).await;
        until_stored(on.data.path(), 2).await;
        assert_eq!(stored(on.data.path(), 1..3), [1, 2]);
        let snapshot = state(&mut talk.listener_here).await;
        assert_eq!(snapshot["room"]["recording"]["replay"], recording.replay.to_string());
        // Once this is answered, she has been told that she hosts it again.
        talk.host.command(json!({ "type": "lower_hand" })).await;
        talk.host.accepted(stop()).await;
        assert_eq!(host(&talk).await, first);
    }
}

/// Nothing is stored of which there is no replay: neither while the talk goes on, nor after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_whose_replay_is_gone_stops() {
    for restarted in [false, true] {
        let on = Trusting::sqlite().await;
        let mut talk = Talk::of(&on).await;
        talk.host.accepted(record("everyone")).await;
        let recording = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
        talk.eve_here.accepted(recording.consent(true)).await;
        talk.say(1, 1).await;
        until_stored(on.data.path(), 1).await;
        // As if the server had been killed while the account of its host was deleted.
        talk.host.accepted(json!({ "type": "hand_over", "member": talk.ben.id })).await;
        talk.server.app.store.delete_account(talk.ben.id.parse().unwrap(), &[], &[]).await.unwrap();
        assert!(talk.server.app.store.recording(recording.replay).await.unwrap().is_none());
        if !restarted {
            talk.server.app.recorder.discard(recording.replay).await.unwrap();
            let stopped = talk.listener_here.event("recording_stopped").await;
            assert_eq!((&stopped["cause"], &stopped["by"]), (&json!("failed"), &Value::Null));
            talk.say(1, 2).await;
            talk.server.app.recorder.settle().await;
            assert_eq!(stored(on.data.path(), 1..3), Vec::<u32>::new());
            continue;
        }
        let (room, who) = (talk.room.clone(), [&talk.eve, &talk.listener]);
        let who = who.map(|member| (member.token.clone(), member.handle.clone(), member.id.clone()));
        drop(talk);
        let Trusting { server, data } = on;
        server.stop().await;
        let server = Server::start_in(data.path()).await;
        let [eve, listener] = who.map(|(token, handle, id)| Member { server: &server, token, handle, id });
        let _eve = eve.enter(&room).await;
        let mut here = listener.enter(&room).await;
        assert_eq!(state(&mut here).await["room"]["recording"], Value::Null);
        let mut hears = Leg::hear(&listener, &room).await;
        let mut says = Leg::speak(&eve, &room).await;
        hears.hear_at_last(&mut says, &sound(2)).await;
        server.app.recorder.settle().await;
        assert_eq!(stored(data.path(), 1..3), Vec::<u32>::new());
        server.stop().await;
    }
}

/// What nobody agreed to is no replay of silence that everybody finds: its host is told that there is nothing, and nobody else of it.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_talk_to_which_nobody_agreed_there_is_no_replay() {
    let on = Trusting::sqlite().await;
    let mut talk = Talk::of(&on).await;
    talk.host.accepted(record("everyone")).await;
    let recording = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
    talk.eve_here.accepted(recording.consent(false)).await;
    talk.say(0, 1).await;
    talk.host.accepted(stop()).await;
    let path = format!("/api/replays/{}", recording.replay);
    let shown = loop {
        let shown = talk.eve.get(&path).await.json();
        if !["waiting", "processing"].contains(&shown["state"].as_str().unwrap()) {
            break shown;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&shown["state"], &shown["audio"], &shown["spoke"]), (&json!("empty"), &json!([]), &json!(0)));
    for list in ["/api/replays", &format!("/api/replays?room={}", talk.room)] {
        assert_eq!(talk.server.get(list, None).await.json()["items"], json!([]), "{list}");
    }
    talk.server.get(&format!("{path}/audio.ogg"), None).await.refused(409, "replay_in_work");
    let recap = talk.server.get(&format!("/recaps/{}", recording.replay), None).await;
    assert!(recap.text.contains("Nothing of this talk is kept."), "{}", recap.text);
    assert!(!recap.text.contains("<audio"));
    assert_eq!(stored(on.data.path(), [1]), Vec::<u32>::new());
}

/// Each time asks everybody on stage and is a replay to be made: whoever does it again and again has to wait. To stop is never refused.
#[tokio::test]
async fn recordings_are_not_begun_without_end() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    for _ in 0..roomtone::limits::RECORDINGS.burst {
        host.accepted(record("attendees")).await;
        host.accepted(stop()).await;
    }
    host.refused(record("attendees"), "rate_limited").await;
    // Nobody else pays for it.
    let other = ben.open("open").await;
    ben.enter(&other).await.accepted(record("attendees")).await;
}

/// A talk that goes on after days without the server, since somebody's page was still open, is not recorded behind days of silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_does_not_go_on_after_a_long_time_without_the_server() {
    let on = Trusting::sqlite().await;
    let mut talk = Talk::of(&on).await;
    talk.host.accepted(record("members")).await;
    let recording = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
    talk.ben_here.accepted(recording.consent(true)).await;
    let room = talk.room.clone();
    let (token, handle, id) = (talk.listener.token.clone(), talk.listener.handle.clone(), talk.listener.id.clone());
    drop(talk);
    let Trusting { server, data } = on;
    server.stop().await;
    // As the store was left an hour ago.
    let store = Store::open(data.path()).await.unwrap();
    let now = roomtone::edge::now();
    let then = roomtone_room::Timestamp(now.0 - 60 * 60 * 1000);
    store.acquire_room(room.parse().unwrap(), 1, then, then, true).await.unwrap().unwrap();
    drop(store);
    let server = Server::start_in(data.path()).await;
    let mut here = Member { server: &server, token, handle, id }.enter(&room).await;
    assert_eq!(state(&mut here).await["room"]["recording"], Value::Null);
    let kept = server.app.store.recording(recording.replay).await.unwrap().unwrap();
    assert!(kept.state >= ReplayState::Waiting, "{kept:?}");
    server.stop().await;
}

/// A room that cannot be read any more does not go on; what was recorded in it is over, becomes a replay, and can be taken back.
#[tokio::test(flavor = "multi_thread")]
async fn the_recording_of_a_room_that_does_not_come_back_is_over() {
    let on = Trusting::sqlite().await;
    let mut talk = Talk::of(&on).await;
    talk.host.accepted(record("members")).await;
    let recording = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
    talk.ben_here.accepted(recording.consent(true)).await;
    talk.say(1, 1).await;
    let room = talk.room.clone();
    let (token, handle, id) = (talk.ben.token.clone(), talk.ben.handle.clone(), talk.ben.id.clone());
    drop(talk);
    let Trusting { server, data } = on;
    server.stop().await;
    let store = Store::open(data.path()).await.unwrap();
    let (now, id_of_room) = (roomtone::edge::now(), room.parse().unwrap());
    let epoch = store.acquire_room(id_of_room, 1, now, now, true).await.unwrap().unwrap();
    let kept = store.load_room(id_of_room).await.unwrap().unwrap();
    let last = kept.tail.last().map_or_else(|| kept.snapshot.unwrap().0, |row| row.seq);
    store.save_snapshot(id_of_room, epoch, last + 1, "of a version that is not out yet").await.unwrap();
    drop(store);

    let server = Server::start_in(data.path()).await;
    let ben = Member { server: &server, token, handle, id };
    ben.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    let replay = server.app.store.recording(recording.replay).await.unwrap().unwrap();
    assert!(replay.state != ReplayState::Recording && replay.ended_at.is_some(), "{replay:?}");
    let taken_back = ben.post(&format!("/api/replays/{}/withdraw", recording.replay), &json!({})).await;
    assert_eq!(taken_back.status.as_u16(), 204, "{}", taken_back.text);
    assert!(stored(data.path(), [1]).is_empty());
    server.stop().await;
}

/// A guest has no account; their consent is as anybody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_asked_as_well() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("closed").await;
    let mut host = ada.enter(&room).await;
    ben.get(&format!("/api/rooms/{room}")).await.refused(404, "room_not_found");
    // What is said before few is not for many.
    for to in ["everyone", "members"] {
        host.refused(record(to), "recording_too_open").await;
    }
    host.accepted(record("attendees")).await;
    let recording = On::told(&host.event("recording_begun").await["recording"]);
    let made = link(&ada, &room, "Grace").await;
    let guest = Guest::by(&server, made["link"].as_str().unwrap()).await;
    let mut here = guest.come_in(&mut host).await;
    let snapshot = state(&mut here).await;
    assert_eq!(snapshot["room"]["recording"]["to"], "attendees");
    let id = snapshot["you"]["person"]["id"].as_str().unwrap().to_owned();
    assert_eq!(answers(&snapshot)[&id], "asked");
    here.accepted(recording.consent(true)).await;
    let tracks = server.app.store.recorded_tracks(recording.replay).await.unwrap();
    assert_eq!(tracks.iter().map(|track| (track.n, track.name.as_str())).collect::<Vec<_>>(), [(1, "Grace")]);
    assert_eq!(tracks[0].speaker, Some(Speaker::Guest(id.parse().unwrap())));
    // Guests are no members, so they are not among those who may hear it for having been there.
    let attendees = server.app.store.recorded_attendees(recording.replay).await.unwrap();
    assert_eq!(attendees, [ada.id.parse().unwrap()]);
}

/// What is said among the members of a private house is not for everybody, though the room is open to all of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_house_is_recorded_for_those_who_are_there() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let house =
        json!({ "handle": "secret", "name": "Secret", "rules": "Be kind.", "private": true, "nominated": false });
    let made = ada.post("/api/houses", &house).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let opened = ada.post("/api/rooms", &json!({ "title": "Tea", "kind": "open", "house": "secret" })).await.json();
    let mut host = ada.enter(opened["id"].as_str().unwrap()).await;
    host.refused(record("everyone"), "recording_too_open").await;
    host.refused(record("members"), "recording_too_open").await;
    host.accepted(record("attendees")).await;
}

/// The same recording, and the same consents: nobody is asked again, and nobody who refused is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_comes_back_with_the_server() {
    let on = Trusting::sqlite().await;
    let mut talk = Talk::of(&on).await;
    talk.host.accepted(record("members")).await;
    let recording = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
    talk.ben_here.accepted(recording.consent(true)).await;
    talk.eve_here.accepted(recording.consent(false)).await;
    talk.say(1, 1).await;
    talk.say(0, 2).await;
    let (room, who) = (talk.room.clone(), [&talk.ben, &talk.eve, &talk.listener]);
    let who = who.map(|member| (member.token.clone(), member.handle.clone(), member.id.clone()));
    drop(talk);
    let Trusting { server, data } = on;
    server.stop().await;
    // What was said last is there, though nobody waited for it.
    assert_eq!(stored(data.path(), 1..3), [2]);

    let server = Server::start_in(data.path()).await;
    let [ben, eve, listener] = who.map(|(token, handle, id)| Member { server: &server, token, handle, id });
    let (_ben, _eve) = (ben.enter(&room).await, eve.enter(&room).await);
    let mut here = listener.enter(&room).await;
    let snapshot = state(&mut here).await;
    assert_eq!(snapshot["room"]["recording"]["replay"], recording.replay.to_string());
    let answered = answers(&snapshot);
    assert_eq!((answered[&ben.id].as_str(), answered[&eve.id].as_str()), ("agreed", "refused"));
    let mut hears = Leg::hear(&listener, &room).await;
    let (mut eve_says, mut ben_says) = (Leg::speak(&eve, &room).await, Leg::speak(&ben, &room).await);
    hears.hear_at_last(&mut eve_says, &sound(3)).await;
    hears.hear_at_last(&mut ben_says, &sound(4)).await;
    until_stored(data.path(), 4).await;
    assert_eq!(stored(data.path(), 1..5), [2, 4]);
    let tracks = recording.tracks(&server);
    assert_eq!(tracks.keys().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(tracks[&1][..2], said(&[2, 4]));
    server.stop().await;
}

/// `/dev/full` stands in for a disk without space: the kernel refuses whatever is written to it.
async fn a_full_disk_stops_the_recording_loudly_and_nothing_else(servers: &[Trusting]) {
    for on in servers {
        let mut talk = Talk::of(on).await;
        talk.host.accepted(record("everyone")).await;
        let recording = On::told(&talk.listener_here.event("recording_begun").await["recording"]);
        talk.ben_here.accepted(recording.consent(true)).await;
        talk.say(0, 1).await;
        until_stored(on.data.path(), 1).await;
        let folder = talk.server.app.recorder.folder_of(recording.replay);
        std::os::unix::fs::symlink("/dev/full", folder.join("2.track")).unwrap();
        talk.eve_here.accepted(recording.consent(true)).await;
        talk.say(1, 2).await;
        let stopped = talk.listener_here.event("recording_stopped").await;
        assert_eq!((&stopped["cause"], &stopped["by"]), (&json!("disk_full"), &Value::Null));
        // The talk goes on, and what was recorded before is there.
        talk.say(1, 3).await;
        talk.say(0, 4).await;
        talk.host.accepted(json!({ "type": "pin_link", "url": "https://example.org/", "label": "A page" })).await;
        talk.server.app.recorder.settled(recording.replay).await;
        assert!(stored(on.data.path(), 2..5).is_empty());
        let kept = talk.server.app.store.recording(recording.replay).await.unwrap().unwrap();
        assert!(kept.state >= ReplayState::Waiting, "{kept:?}");
        talk.host.accepted(record("everyone")).await;
    }
}

/// What the server forgot when it was killed is of no replay.
#[tokio::test]
async fn a_recording_without_a_row_is_swept_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("recordings").join("7zzzzzzzzzzzzzzzzzzzzzzzzz");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("1.track"), sound(1)).unwrap();
    let server = Server::start_in(data.path()).await;
    assert_eq!(stored(data.path(), [1]), Vec::<u32>::new());
    server.stop().await;
}
