//! `crowd bench replays`: what recording ten speakers costs a server while they talk, and what it takes to make a replay of an hour of ten
//! speakers.

use std::fs;
use std::path::Path;
use std::time::Duration;

use getrandom::fill;
use roomtone::wire::command::Command;
use roomtone::wire::replays::Hearers;
use roomtone_media::frame::Frame;
use roomtone_media::track::{Header, TrackWriter};
use roomtone_room::ids::{MemberId, ReplayId, RoomId, TalkerNo, Timestamp};
use roomtone_store::{
    Changes, NewConsent, NewReplay, NewRoom, RecordingChange, ReplayHearers, ReplayState, Speaker, Store,
};
use serde_json::Value;
use tokio::time::Instant;

use super::{Stage, handle, run_name};
use crate::procfs;
use crate::report::Report;
use crate::server::Server;
use crate::voice::{FRAME_SAMPLES, SCRIPT_FRAMES, Script};
use crate::{Error, Result};

/// What the name of the thread that records begins with.
const RECORDER: &str = "recorder";

/// How long one has the word, in frames: seven seconds.
const TURN: u64 = 350;

/// In every such turn two others talk as well, which is as many as are given out.
const ALL_TALK: u64 = 3;

/// For how long a talk goes on before it is measured, and what changes while it is.
const SETTLE: Duration = Duration::from_secs(3);

/// How often it is looked whether the replay is made, and how long that may take.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Runs it: `speakers` talk for twice `seconds`, and are recorded for the second half. Then a server of its own makes a replay of as many,
/// who talk for so many minutes.
///
/// # Errors
/// Whatever keeps them from talking, or the server from making the replay.
pub async fn run(server: &Server, speakers: usize, seconds: u64, minutes: u64) -> Result<Report> {
    let mut report = Report::of("replays").await;
    report.talkers = speakers;
    live(server, speakers, seconds, &mut report).await?;
    made(server.binary(), speakers, minutes, &mut report).await?;
    Ok(report)
}

/// Processor time of a server: of all of it, of its media threads, and of its recorder.
#[derive(Debug, Clone, Copy)]
struct Spent {
    all: f64,
    media: f64,
    recorder: f64,
}

impl Spent {
    fn of(server: &Server) -> Result<Self> {
        let spent = || {
            let recorder = procfs::threads(server.id()?, RECORDER)?.cpu_seconds;
            Some(Self { all: server.usage()?.cpu_seconds, media: server.media_threads()?.cpu_seconds, recorder })
        };
        spent().ok_or_else(|| Error::Usage("this is measured of a server that is started here".into()))
    }

    async fn over(server: &Server, seconds: u64) -> Result<Self> {
        let (before, began) = (Self::of(server)?, Instant::now());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let (after, took) = (Self::of(server)?, began.elapsed().as_secs_f64());
        Ok(Self {
            all: (after.all - before.all) / took,
            media: (after.media - before.media) / took,
            recorder: (after.recorder - before.recorder) / took,
        })
    }
}

async fn live(server: &Server, speakers: usize, seconds: u64, report: &mut Report) -> Result<()> {
    let mut stage = Stage::open(server, speakers).await?;
    tokio::time::sleep(SETTLE).await;
    let without = Spent::over(server, seconds).await?;
    let host = stage.talkers.values().next().ok_or(Error::Timeout("a host"))?;
    host.presence.command(Command::SetRecording { to: Some(Hearers::Everyone) }).await?;
    for talker in stage.talkers.values_mut() {
        let state = talker.presence.wait("a recording", |state| state.recording.is_some()).await?;
        let Some(recording) = state.recording else { return Err(Error::Timeout("a recording")) };
        let (replay, text) = (recording.replay, recording.text);
        talker.presence.command(Command::ConsentRecording { replay, text, agree: true }).await?;
    }
    tokio::time::sleep(SETTLE).await;
    let with = Spent::over(server, seconds).await?;
    stage.close().await?;
    report.seconds = seconds as f64;
    report.server_cpu_cores = Some(with.all);
    // The recorder's own, and what the media threads need more to hand it what they give out. That is less than what they need differs
    // by from one time to the next, so it is not let be less than nothing.
    report.extra("live_cpu_cores", with.recorder + (with.media - without.media).max(0.0));
    report.extra("live_recorder_cpu_cores", with.recorder);
    report.extra("live_server_cpu_cores_without", without.all);
    report.extra("live_server_cpu_cores_with", with.all);
    Ok(())
}

async fn made(binary: &Path, speakers: usize, minutes: u64, report: &mut Report) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("crowd-").tempdir();
    let folder = folder.map_err(|error| Error::io("temporary folder", error))?;
    let data = folder.path().join("data");
    let server = Server::start_in(binary, &data).await?;
    let run = run_name();
    let mut people = Vec::with_capacity(speakers);
    for index in 0..speakers {
        let me = server.member(&handle(&run, 'r', index)).await?.get("/api/me").await?;
        let id =
            serde_json::from_str::<Value>(&me.body).ok().and_then(|me| me["id"].as_str()?.parse::<MemberId>().ok());
        people.push(id.ok_or(Error::Timeout("a member's id"))?);
    }
    server.kill().await?;
    let store = |error: roomtone_store::StoreError| Error::Server(error.to_string());
    let replay = ReplayId(random());
    let kept = Store::open(&data).await.map_err(store)?;
    let bytes = record(&kept, &data, replay, &people, minutes).await?;

    let server = Server::start_in(binary, &data).await?;
    let (mut before, began) = (server.usage(), Instant::now());
    let ms = loop {
        let recorded = kept.recording(replay).await.map_err(store)?.ok_or(Error::Timeout("the replay"))?;
        match recorded.state {
            ReplayState::Ready => break minutes * 60_000,
            ReplayState::Failed => return Err(Error::Server("the replay could not be made".into())),
            // What a start costs is not counted.
            ReplayState::Waiting => before = server.usage(),
            _ => {}
        }
        if began.elapsed() > PATIENCE {
            return Err(Error::Timeout("the replay to be made"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let (Some(before), Some(after)) = (before, server.usage()) else {
        return Err(Error::Timeout("the server's usage"));
    };
    let per_hour = 3_600_000.0 / ms as f64;
    report.extra("hour_seconds", (after.cpu_seconds - before.cpu_seconds) * per_hour);
    report.extra("hour_elapsed_seconds", began.elapsed().as_secs_f64() * per_hour);
    report.extra("hour_minutes_made", minutes);
    report.extra("hour_recorded_bytes", bytes as f64 * per_hour);
    report.extra("peak_rss_bytes", server.id().and_then(procfs::peak_rss_bytes));
    report.rss_bytes = Some(after.rss_bytes);
    Ok(())
}

/// Writes down a recording as a server does: rows, and a track for each speaker. Returns how large these are together.
async fn record(store: &Store, data: &Path, replay: ReplayId, people: &[MemberId], minutes: u64) -> Result<u64> {
    let host = *people.first().ok_or(Error::Timeout("a host"))?;
    let speakers = people.len() as u32;
    let failed = |error: &dyn std::fmt::Display| Error::Server(error.to_string());
    let (room, began_at) = (RoomId(random()), Timestamp(1_000));
    let ended_at = Timestamp(began_at.0 + minutes * 60_000);
    let title = "An hour of ten".to_owned();
    let new = NewRoom { id: room, opened_at: began_at, title: title.clone(), host, house: None };
    store.create_room(new, &[]).await.map_err(|error| failed(&error))?;
    let epoch = store.acquire_room(room, random(), began_at, ended_at, true).await.map_err(|error| failed(&error))?;
    let language = "en".to_owned();
    let mut changes = vec![RecordingChange::Begun(NewReplay {
        id: replay,
        began_at,
        host,
        title: title.clone(),
        language: language.clone(),
        hearers: ReplayHearers::Everyone,
        consent: 1,
    })];
    changes.extend((1..).zip(people).map(|(n, member): (u32, _)| {
        RecordingChange::Said(NewConsent {
            replay,
            seq: n.into(),
            at: began_at,
            speaker: Speaker::Member(*member),
            name: format!("Speaker {n}"),
            track: Some(n),
            text: 1,
            agree: true,
        })
    }));
    changes.push(RecordingChange::Stopped { replay, at: ended_at, title, language });
    let changes = Changes { recordings: &changes, ..Changes::default() };
    store.end_room(room, epoch.unwrap_or_default(), ended_at, changes).await.map_err(|error| failed(&error))?;
    let folder = data.join("recordings").join(replay.to_string());
    let work = tokio::task::spawn_blocking(move || tracks(&folder, replay, speakers, minutes));
    work.await.map_err(|error| failed(&error))?
}

/// Writes the tracks.
fn tracks(folder: &Path, replay: ReplayId, speakers: u32, minutes: u64) -> Result<u64> {
    let io = |error| Error::io(folder.display().to_string(), error);
    fs::create_dir_all(folder).map_err(io)?;
    let mut all = 0;
    for n in 1..=speakers {
        let script = Script::of(&format!("replays_{n}"))?;
        let mut file = Vec::new();
        let mut writer = TrackWriter::begin(Header { replay, track: n }, &mut file);
        for index in 0..minutes * 60 * 50 {
            let turn = index / TURN;
            let turns = if turn.is_multiple_of(ALL_TALK) { 3 } else { 1 };
            if !(0..turns).any(|other| (turn + other) % u64::from(speakers) == u64::from(n) - 1) {
                continue;
            }
            let voice = script.frame(index % SCRIPT_FRAMES as u64);
            let frame = Frame {
                room: RoomId(1),
                talker: TalkerNo(n),
                slot: 0,
                dominant: true,
                seq: turn << 32 | index,
                time: index * FRAME_SAMPLES as u64,
                level: voice.level.unsigned_abs(),
                arrived: Instant::now().into_std(),
                payload: voice.payload.clone(),
            };
            // 30 ms on their way, with which a jitter of up to 8 ms comes.
            let at = Duration::from_micros(index * 20_000 + 30_000 + index * 7_919 % 8_000);
            writer.record(&frame, at, &mut file);
        }
        all += file.len() as u64;
        fs::write(folder.join(format!("{n}.track")), file).map_err(io)?;
    }
    Ok(all)
}

fn random() -> u128 {
    let mut bytes = [0; 16];
    fill(&mut bytes).expect("the operating system has random bytes");
    u128::from_be_bytes(bytes)
}
