//! The last minute of a room with a report: what is kept of whom, who hears it, and when it is gone.

use std::fs;
use std::path::{Path, PathBuf};

use axum::http::{Method, StatusCode};
use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{NewEvidence, NewReport, Speaker};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server, Socket, Trusting, on_both_databases};
use crate::talker::Leg;

on_both_databases!(
    only_those_who_agreed_are_kept_and_only_admins_hear_them,
    it_is_gone_with_the_account_the_report_or_after_a_month,
    an_open_report_keeps_it_for_half_a_year_at_most
);

/// A report about nothing in particular.
pub(crate) fn report(id: RecordId, reporter: MemberId) -> NewReport {
    NewReport {
        id,
        reporter,
        about: None,
        room: None,
        room_host: None,
        house: None,
        reason: "other".to_owned(),
        text: String::new(),
        context: "{}".to_owned(),
        created_at: roomtone::edge::now(),
    }
}

/// 30 days, in milliseconds.
const MONTH: u64 = 30 * 24 * 60 * 60 * 1000;
/// 180 days, in milliseconds.
const HALF_A_YEAR: u64 = 180 * 24 * 60 * 60 * 1000;

/// What nobody else would say, longer than what counts as silence.
pub(crate) fn sound(number: u32) -> Vec<u8> {
    format!("qzxsound{number:04}{}", "-".repeat(40)).into_bytes()
}

/// Whether something is in any file of a folder.
fn is_in(folder: &Path, sought: &[u8]) -> bool {
    files(folder).iter().any(|file| contains(&fs::read(file).unwrap(), sought))
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}

/// All files in a folder and in those in it, as they are at this moment.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A room of Ada's with Ben and Eve on stage, which a listener hears.
pub(crate) struct Talk<'a> {
    pub(crate) server: &'a Server,
    pub(crate) room: String,
    pub(crate) owner: Member<'a>,
    pub(crate) ben: Member<'a>,
    pub(crate) eve: Member<'a>,
    pub(crate) listener: Member<'a>,
    pub(crate) host: Socket,
    pub(crate) ben_here: Socket,
    pub(crate) eve_here: Socket,
    pub(crate) listener_here: Socket,
    pub(crate) says: [Leg; 2],
    pub(crate) hears: Leg,
}

impl<'a> Talk<'a> {
    pub(crate) async fn of(on: &'a Trusting) -> Self {
        let server = &on.server;
        let link = server.app.owner_link().await.unwrap().unwrap();
        let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
        let (ada, ben, eve, listener) = (on.member().await, on.member().await, on.member().await, on.member().await);
        let room = ada.open("open").await;
        let mut host = ada.enter(&room).await;
        let (mut ben_here, mut eve_here) = (ben.enter(&room).await, eve.enter(&room).await);
        for (member, here) in [(&ben, &mut ben_here), (&eve, &mut eve_here)] {
            host.accepted(json!({ "type": "offer_stage", "member": member.id })).await;
            here.accepted(json!({ "type": "accept_offer" })).await;
        }
        let listener_here = listener.enter(&room).await;
        let mut hears = Leg::hear(&listener, &room).await;
        let mut says = [Leg::speak(&ben, &room).await, Leg::speak(&eve, &room).await];
        for (number, says) in (9_000..).step_by(2).zip(&mut says) {
            hears.hear_at_last(says, &sound(number)).await;
            // Behind this one, nothing of the others is on the way.
            says.say(&sound(number + 1));
            hears.heard(&sound(number + 1)).await;
        }
        Self { server, room, owner, ben, eve, listener, host, ben_here, eve_here, listener_here, says, hears }
    }

    /// Somebody says something, which was given out when this returns.
    pub(crate) async fn say(&mut self, who: usize, number: u32) {
        self.says[who].say(&sound(number));
        self.hears.heard(&sound(number)).await;
    }

    async fn report(&self) -> Answer {
        let body = json!({ "room": self.room, "reason": "abuse", "text": "", "evidence": true });
        self.listener.post("/api/reports", &body).await
    }

    /// Reports, and returns the report's id.
    async fn reported(&self, tracks: u32) -> String {
        let answer = self.report().await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        assert_eq!(answer.json()["tracks"], tracks, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The tracks of a report, as the admins see them.
    async fn tracks(&self, report: &str) -> Vec<Value> {
        let page = self.owner.get("/api/admin/reports").await.json();
        let found = page["items"].as_array().unwrap().iter().find(|item| item["id"] == report).unwrap().clone();
        found["evidence"].as_array().unwrap().clone()
    }

    async fn listen(&self, report: &str, n: u32) -> Answer {
        self.owner.get(&track(report, n)).await
    }
}

fn track(report: &str, n: u32) -> String {
    format!("/api/admin/reports/{report}/evidence/{n}")
}

fn agree(agree: bool) -> Value {
    json!({ "type": "agree_evidence", "agree": agree })
}

async fn only_those_who_agreed_are_kept_and_only_admins_hear_them(servers: &[Trusting]) {
    for on in servers {
        let mut talk = Talk::of(on).await;
        let data = on.data.path();
        // Not on: nothing is reported.
        talk.say(0, 1).await;
        talk.report().await.refused(409, "evidence_off");
        assert_eq!(talk.owner.get("/api/admin/reports").await.json()["items"], json!([]));
        talk.host.accepted(json!({ "type": "set_evidence", "on": true })).await;
        talk.say(0, 2).await;
        let nobody_agreed = talk.reported(0).await;
        assert_eq!(talk.tracks(&nobody_agreed).await, Vec::<Value>::new());
        // Ben agrees, and Eve does not.
        talk.ben_here.accepted(agree(true)).await;
        let before = roomtone::edge::now().0;
        talk.say(1, 3).await;
        talk.say(0, 4).await;
        talk.say(0, 5).await;
        assert!(!is_in(data, &sound(4)), "nothing is written before a report asks for it");
        talk.server.forget_who_asked();
        let report = talk.reported(1).await;
        let tracks = talk.tracks(&report).await;
        assert_eq!((tracks.len(), &tracks[0]["n"]), (1, &json!(1)));
        assert_eq!(tracks[0]["by"]["handle"], talk.ben.handle.as_str());
        let (began, ms) = (tracks[0]["began_at"].as_u64().unwrap(), tracks[0]["ms"].as_u64().unwrap());
        assert!(began + 1_000 > before && began <= roomtone::edge::now().0 && (40..60_000).contains(&ms), "{tracks:?}");
        let file = talk.listen(&report, 1).await;
        assert_eq!((file.status, &file.headers["content-type"]), (StatusCode::OK, &"audio/ogg".parse().unwrap()));
        assert_eq!(file.headers["content-length"].to_str().unwrap(), file.bytes.len().to_string());
        assert_eq!(file.headers["cache-control"], "no-store");
        assert_eq!(file.headers["x-content-type-options"], "nosniff");
        for (number, kept) in [(1, false), (2, false), (3, false), (4, true), (5, true)] {
            // A player seeks in it.
            let owner = talk.owner.token.as_str();
            let path = track(&report, 1);
            let part = async |range| on.server.send(Method::GET, &path, Some(owner), &[("range", range)], "").await;
            let (half, size) = (part("bytes=100-").await, file.bytes.len());
            assert_eq!((half.status, &half.bytes[..]), (StatusCode::PARTIAL_CONTENT, &file.bytes[100..]));
            assert_eq!(half.headers["content-range"].to_str().unwrap(), format!("bytes 100-{}/{size}", size - 1));
            let behind = part("bytes=99999999-").await;
            assert_eq!(behind.headers["content-range"].to_str().unwrap(), format!("bytes */{size}"));
            behind.refused(416, "range_not_satisfiable");
            assert_eq!(contains(&file.bytes, &sound(number)), kept, "{number}");
            assert_eq!(is_in(data, &sound(number)), kept, "{number} on the disk");
        }
        // To anybody else there is no such thing.
        let missing = talk.owner.get(&track(&report, 2)).await;
        for answer in [
            missing,
            talk.owner.get(&track(&nobody_agreed, 1)).await,
            talk.owner.get(&track("00000000000000000000000000", 1)).await,
            talk.owner.get(&track("..", 1)).await,
            talk.owner.get(&format!("/api/admin/reports/{report}/evidence/-1")).await,
            talk.listener.get(&track(&report, 1)).await,
            talk.ben.get(&track(&report, 1)).await,
            on.server.get(&track(&report, 1), None).await,
        ] {
            answer.refused(404, "not_found");
        }
        // Listening is written down once.
        talk.listen(&report, 1).await;
        let audit = talk.owner.get("/api/admin/audit").await.json();
        let heard: Vec<_> =
            audit["items"].as_array().unwrap().iter().filter(|item| item["act"] == "evidence_heard").collect();
        assert_eq!(heard.len(), 1, "{audit}");
        assert_eq!(heard[0]["details"], json!({ "report": report, "track": "1" }));
        assert_eq!(heard[0]["about"]["handle"], talk.ben.handle.as_str());
        // Whoever takes it back, and agrees again, has nothing kept of before.
        talk.ben_here.accepted(agree(false)).await;
        talk.say(0, 6).await;
        talk.ben_here.accepted(agree(true)).await;
        talk.say(0, 7).await;
        talk.server.forget_who_asked();
        let later = talk.reported(1).await;
        let file = talk.listen(&later, 1).await;
        let kept: Vec<_> = (1..8).filter(|number| contains(&file.bytes, &sound(*number))).collect();
        assert_eq!(kept, [7]);
        // What a report has stays with it.
        assert!(contains(&talk.listen(&report, 1).await.bytes, &sound(4)));
        // With evidence off everybody's goes, and nobody has agreed when it is on again.
        for on in [false, true] {
            talk.host.accepted(json!({ "type": "set_evidence", "on": on })).await;
        }
        talk.say(0, 8).await;
        talk.server.forget_who_asked();
        talk.reported(0).await;
        assert!(!is_in(data, &sound(3)) && !is_in(data, &sound(6)) && !is_in(data, &sound(8)));
    }
}

async fn it_is_gone_with_the_account_the_report_or_after_a_month(servers: &[Trusting]) {
    for on in servers {
        let mut talk = Talk::of(on).await;
        let data = on.data.path();
        talk.host.accepted(json!({ "type": "set_evidence", "on": true })).await;
        talk.ben_here.accepted(agree(true)).await;
        talk.eve_here.accepted(agree(true)).await;
        talk.say(0, 1).await;
        talk.say(1, 2).await;
        let report = talk.reported(2).await;
        let closed = talk.reported(2).await;
        let whose = async |talk: &Talk<'_>, report: &str| -> Vec<String> {
            let tracks = talk.tracks(report).await;
            tracks.iter().map(|track| track["by"]["handle"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(whose(&talk, &report).await, [talk.ben.handle.clone(), talk.eve.handle.clone()]);
        // A month after it is closed, and not before; that of the open one stays.
        let path = format!("/api/admin/reports/{closed}");
        assert_eq!(talk.owner.post(&path, &json!({ "outcome": "acted", "text": "" })).await.status, 204);
        let handled = roomtone::edge::now();
        let (evidence, store) = (&talk.server.app.evidence, &talk.server.app.store);
        evidence.tidy(store, Timestamp(handled.0 + MONTH - 60_000)).await;
        assert_eq!(talk.listen(&closed, 2).await.status, StatusCode::OK);
        evidence.tidy(store, Timestamp(handled.0 + MONTH + 1)).await;
        talk.listen(&closed, 2).await.refused(404, "not_found");
        assert_eq!(talk.tracks(&closed).await, Vec::<Value>::new());
        assert!(!data.join("evidence").join(&closed).exists());
        assert_eq!(talk.listen(&report, 1).await.status, StatusCode::OK);
        // Nothing of Ben is left when he has gone, and Eve's is.
        assert!(is_in(data, &sound(1)));
        let body = json!({ "handle": talk.ben.handle }).to_string();
        let gone = talk.server.send_json(Method::DELETE, "/api/me", Some(&talk.ben.token), &body).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
        assert!(!is_in(data, &sound(1)));
        assert_eq!(whose(&talk, &report).await, [talk.eve.handle.clone()]);
        talk.listen(&report, 1).await.refused(404, "not_found");
        assert!(contains(&talk.listen(&report, 2).await.bytes, &sound(2)));
        // A report about somebody goes with their account, and with it what others said.
        let about =
            json!({ "about": talk.eve.handle, "room": talk.room, "reason": "abuse", "text": "", "evidence": true });
        let reporter = talk.server.member(&on.data).await;
        reporter.post("/api/reports", &about).await.refused(409, "not_in_room");
        let _here = reporter.enter(&talk.room).await;
        assert_eq!(reporter.post("/api/reports", &about).await.json()["tracks"], 1);
        assert_eq!(files(&data.join("evidence")).len(), 2);
        let body = json!({ "handle": talk.eve.handle }).to_string();
        let gone = talk.server.send_json(Method::DELETE, "/api/me", Some(&talk.eve.token), &body).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
        assert!(!is_in(data, &sound(2)));
        assert_eq!(files(&data.join("evidence")), Vec::<PathBuf>::new());
    }
}

/// Nobody has to look at a report for its sound to go.
async fn an_open_report_keeps_it_for_half_a_year_at_most(servers: &[Trusting]) {
    for on in servers {
        let mut talk = Talk::of(on).await;
        talk.host.accepted(json!({ "type": "set_evidence", "on": true })).await;
        talk.ben_here.accepted(agree(true)).await;
        talk.say(0, 1).await;
        let before = roomtone::edge::now();
        let report = talk.reported(1).await;
        let after = roomtone::edge::now();
        let (evidence, store) = (&talk.server.app.evidence, &talk.server.app.store);
        evidence.tidy(store, Timestamp(before.0 + HALF_A_YEAR)).await;
        assert_eq!(talk.listen(&report, 1).await.status, StatusCode::OK);
        evidence.tidy(store, Timestamp(after.0 + HALF_A_YEAR + 1)).await;
        talk.listen(&report, 1).await.refused(404, "not_found");
        // The report is there without it.
        assert_eq!(talk.tracks(&report).await, Vec::<Value>::new());
        assert!(!on.data.path().join("evidence").join(&report).exists() && !is_in(on.data.path(), &sound(1)));
    }
}

/// Who may report with sound, and how often; where it cannot be kept, there is no report.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_report_with_its_sound_or_none() {
    let on = Trusting::sqlite().await;
    let mut talk = Talk::of(&on).await;
    talk.host.accepted(json!({ "type": "set_evidence", "on": true })).await;
    talk.ben_here.accepted(agree(true)).await;
    talk.say(0, 1).await;
    // Not without a room, and only of the one that the reporter is in.
    let without = json!({ "about": talk.eve.handle, "reason": "abuse", "text": "", "evidence": true });
    talk.listener.post("/api/reports", &without).await.refused(400, "bad_request");
    let elsewhere = talk.owner.open("open").await;
    let other = json!({ "room": elsewhere, "reason": "abuse", "text": "", "evidence": true });
    talk.listener.post("/api/reports", &other).await.refused(409, "not_in_room");
    let guessed = json!({ "room": "00000000000000000000000000", "reason": "abuse", "text": "", "evidence": true });
    talk.listener.post("/api/reports", &guessed).await.refused(404, "room_not_found");
    // A folder that cannot be written to: a file has its place.
    let folder = on.data.path().join("evidence");
    let _ = fs::remove_dir_all(&folder);
    fs::write(&folder, "in the way").unwrap();
    talk.report().await.refused(503, "evidence_not_kept");
    assert_eq!(talk.owner.get("/api/admin/reports").await.json()["items"], json!([]));
    fs::remove_file(&folder).unwrap();
    talk.reported(1).await;
    // A member may do so a few times an hour; without sound they may go on.
    let mut refused = false;
    for _ in 0..3 {
        refused |= talk.report().await.status == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(refused);
    let plain = json!({ "room": talk.room, "reason": "abuse", "text": "" });
    let made = talk.listener.post("/api/reports", &plain).await;
    assert_eq!((made.status, &made.json()["tracks"]), (StatusCode::CREATED, &json!(0)));
    // When all sound there is takes as much as it may, there is no room for more.
    talk.server.forget_who_asked();
    let speaker = Speaker::Member(talk.ben.id.parse().unwrap());
    let large = NewEvidence { n: 1, speaker, began_at: Timestamp(1), ms: 1, bytes: 1 << 30 };
    let of_large = report(RecordId(1), talk.listener.id.parse().unwrap());
    talk.server.app.store.create_report_with(of_large, &[large]).await.unwrap();
    let before = files(&folder).len();
    talk.report().await.refused(503, "evidence_not_kept");
    assert_eq!(files(&folder).len(), before);
}

/// What was being written when the server was killed is of no report.
#[tokio::test]
async fn what_was_interrupted_is_swept_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("evidence").join("7zzzzzzzzzzzzzzzzzzzzzzzzz");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("1.opus"), sound(1)).unwrap();
    let server = Server::start_in(data.path()).await;
    assert!(!is_in(data.path(), &sound(1)));
    server.stop().await;
}
