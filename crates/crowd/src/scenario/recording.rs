//! `crowd recording`: two people talk in a room that is recorded, of whom one has agreed to that, and the server is killed (`kill -9`) at
//! random instants, every third time just after that one has taken it back. After each time, before it is started again, the tracks are
//! read as they lie in its data folder. In the end the recording is stopped, the server killed once more while it makes the replay, and
//! that is decoded.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt;
use opus::{Channels, Decoder};
use roomtone::wire::command::Command;
use roomtone::wire::recording::{Consent, Recording};
use roomtone::wire::replays::Hearers;
use roomtone_media::track::TrackReader;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{connected, run_name, script, talk};
use crate::api::Api;
use crate::control::{Presence, RoomState};
use crate::leg::Leg;
use crate::server::Server;
use crate::tally::Known;
use crate::{Error, Result};

/// The server lives at least so long after both talk, and up to as long again and a second more: what they say has to be given out by
/// then, and the instant is to fall anywhere between two writes.
const LIVES: Duration = Duration::from_millis(700);

/// How often it is looked whether the replay is made, and how long that may take.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(120);

/// What a kill may cost, in milliseconds (guarantee G13).
const LOST_MAX: u64 = 1_000;

/// What came of it.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct Outcome {
    /// How often the server was killed.
    pub kills: u32,
    /// Packets in the tracks at the end.
    pub packets: u64,
    /// Bytes that were torn off at a kill, at most: a record that was not whole.
    pub torn_bytes_max: u64,
    /// Milliseconds from the last packet that is in the track to the kill: the median, the 99th percentile, the most.
    pub lost_ms: [u64; 3],
    /// Times that a track could not be read, or held what nobody said.
    pub unreadable: u32,
    /// Times that more than a second was lost.
    pub lost_too_much: u32,
    /// Times that something of somebody was stored who had refused.
    pub refused_stored: u32,
    /// Times that something was stored that was said after the server had acknowledged that it was not to be.
    pub stored_after_refusal: u32,
    /// Times that the room came back with another recording or other consents.
    pub consents_forgotten: u32,
    /// How long the replay is that was made of it, in milliseconds, and how long it was recorded.
    pub replay_ms: [u64; 2],
    /// Whether that is something else than the recording, or cannot be decoded.
    pub replay_wrong: u32,
    #[serde(skip)]
    lost: Vec<u64>,
}

impl Outcome {
    /// Prints it, writes it where it is wanted, and fails if anything was not as it has to be.
    ///
    /// # Errors
    /// [`Error::Load`], or [`Error::Io`] when it cannot be written.
    pub fn finish(&self, json: Option<&Path>) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("an outcome has only numbers");
        if let Some(path) = json {
            std::fs::write(path, &text).map_err(|error| Error::io(path.display().to_string(), error))?;
        }
        writeln!(std::io::stdout(), "{text}").map_err(|error| Error::io("standard output", error))?;
        let stored = self.refused_stored + self.stored_after_refusal;
        match self.unreadable + self.lost_too_much + stored + self.consents_forgotten + self.replay_wrong {
            0 => Ok(()),
            wrong => Err(Error::Load(format!("{wrong} times it was not as it has to be"))),
        }
    }

    fn sum_up(&mut self) {
        self.lost.sort_unstable();
        let at = |share: usize| self.lost.get((self.lost.len().saturating_sub(1)) * share / 100).copied().unwrap_or(0);
        self.lost_ms = [at(50), at(99), at(100)];
    }
}

/// Somebody in the room, whichever process serves it.
struct Person {
    token: String,
    known: Arc<Known>,
    presence: Option<Presence>,
    mouth: Option<JoinHandle<Error>>,
}

impl Person {
    async fn new(server: &Server, handle: String) -> Result<(Self, Api)> {
        let api = server.member(&handle).await?;
        let token = api.token().unwrap_or_default().to_owned();
        let known = Arc::new(Known::new(script(handle).await?));
        Ok((Self { token, known, presence: None, mouth: None }, api))
    }

    /// Comes in, on stage, and talks.
    async fn come(&mut self, server: &Server, room: &str, host: bool) -> Result<()> {
        let api = server.api.signed_in(&self.token);
        let mut presence = Presence::enter(&api, room, host).await?;
        presence.come_on_stage().await?;
        self.presence = Some(presence);
        let leg = connected(Leg::publish(&api, room).await?).await?;
        self.mouth = Some(tokio::spawn(talk(leg, self.known.clone())));
        Ok(())
    }

    fn presence(&mut self) -> Result<&mut Presence> {
        self.presence.as_mut().ok_or(Error::Timeout("entering"))
    }

    async fn answer(&mut self, agree: bool) -> Result<()> {
        let presence = self.presence()?;
        let on = presence.wait("a recording", |state| state.recording.is_some()).await?.recording;
        let Some(Recording { replay, text, .. }) = on else { return Err(Error::Timeout("a recording")) };
        presence.command(Command::ConsentRecording { replay, text, agree }).await?;
        let member = presence.state().member;
        let said = if agree { Consent::Agreed } else { Consent::Refused };
        presence.wait("an answer", |state| member.is_some_and(|me| state.recorded.get(&me) == Some(&said))).await?;
        Ok(())
    }

    /// Is cut off with the server.
    fn stop(&mut self) {
        self.presence = None;
        if let Some(mouth) = self.mouth.take() {
            mouth.abort();
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs it against servers of this binary, one after another, on one data folder.
///
/// # Errors
/// When a server does not start, or somebody cannot enter, talk or answer.
pub async fn run(binary: &Path, kills: u32) -> Result<Outcome> {
    let folder = tempfile::Builder::new().prefix("crowd-").tempdir();
    let folder = folder.map_err(|error| Error::io("temporary folder", error))?;
    let data = folder.path().join("data");
    let mut server = Server::start_in(binary, &data).await?;
    let run = run_name();
    let (mut agrees, api) = Person::new(&server, super::handle(&run, 'y', 0)).await?;
    let (mut refuses, _) = Person::new(&server, super::handle(&run, 'n', 0)).await?;
    let room = api.open_room("A recording").await?;
    agrees.come(&server, &room, true).await?;
    refuses.come(&server, &room, false).await?;
    agrees.presence()?.command(Command::SetRecording { to: Some(Hearers::Everyone) }).await?;
    agrees.answer(true).await?;
    refuses.answer(false).await?;
    let answered = |state: &RoomState| state.recorded.values().filter(|said| **said != Consent::Asked).count() == 2;
    let truth = agrees.presence()?.wait("both answers", answered).await?;
    let Some(recording) = truth.recording else { return Err(Error::Timeout("a recording")) };
    let tracks = data.join("recordings").join(recording.replay.0.to_string());
    let mut outcome = Outcome { kills, ..Outcome::default() };
    for kill in 1..=kills {
        tokio::time::sleep(LIVES + random_below(LIVES + Duration::from_secs(1))).await;
        let taken_back = if kill % 3 == 0 {
            agrees.answer(false).await?;
            let acknowledged = unix_millis();
            tokio::time::sleep(random_below(LIVES)).await;
            Some(acknowledged)
        } else {
            None
        };
        let before = agrees.presence()?.state().recorded;
        server.kill().await?;
        let ends = Ends { killed_at: unix_millis(), taken_back };
        look(&tracks, recording, ends, [&agrees.known, &refuses.known], &mut outcome);
        agrees.stop();
        refuses.stop();
        server = Server::start_in(binary, &data).await?;
        agrees.come(&server, &room, true).await?;
        refuses.come(&server, &room, false).await?;
        let back = agrees.presence()?.state();
        if back.recording != Some(recording) || before != back.recorded || before.len() != 2 {
            outcome.consents_forgotten += 1;
        }
        if taken_back.is_some() {
            agrees.answer(true).await?;
        }
        if kill % 10 == 0 {
            eprintln!("{kill} of {kills} kills");
        }
    }
    outcome.sum_up();
    // What is said last is to be in it.
    tokio::time::sleep(LIVES).await;
    let presence = agrees.presence()?;
    presence.command(Command::SetRecording { to: None }).await?;
    presence.wait("the end of the recording", |state| state.recording.is_none()).await?;
    let recorded_ms = unix_millis().saturating_sub(recording.since);
    tokio::time::sleep(random_below(LIVES)).await;
    server.kill().await?;
    let server = Server::start_in(binary, &data).await?;
    let (ms, decoded) = replay(&server.api.signed_in(&agrees.token), recording).await?;
    outcome.replay_ms = [ms, recorded_ms];
    // It ends with the last packet that was stored, which came while it was recorded.
    let whole = ms <= recorded_ms + LOST_MAX && ms + LIVES.as_millis() as u64 + LOST_MAX >= recorded_ms;
    outcome.replay_wrong = u32::from(!whole || decoded.is_none_or(|decoded| decoded.abs_diff(ms) > 20));
    Ok(outcome)
}

/// Waits until the replay is made. Returns how long it is, and how long what is decoded of it, if it can be.
async fn replay(api: &Api, recording: Recording) -> Result<(u64, Option<u64>)> {
    let path = format!("/api/replays/{}", recording.replay.0);
    let made = async {
        loop {
            let text = api.get(&path).await?.body;
            let shown: Value = serde_json::from_str(&text).map_err(|error| Error::Server(error.to_string()))?;
            match shown["state"].as_str() {
                Some("ready") => return Ok(shown),
                Some("failed" | "empty") | None => return Err(Error::Server(format!("no replay was made: {text}"))),
                Some(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    };
    let shown = tokio::time::timeout(PATIENCE, made).await.map_err(|_| Error::Timeout("the replay"))??;
    let audio = shown["audio"].as_array().into_iter().flatten();
    let ogg = audio.filter_map(|file| file["url"].as_str()).find(|url| url.contains(".ogg"));
    let Some(ogg) = ogg else { return Err(Error::Server("a replay without sound".into())) };
    let file = api.stream(ogg).await?.collect().await.map_err(|error| Error::Connection(error.to_string()))?;
    Ok((shown["ms"].as_u64().unwrap_or_default(), decoded_ms(&file.to_bytes())))
}

/// Decodes all of an Ogg Opus file (RFC 3533, RFC 7845), and returns how many milliseconds are heard; `None` if anything of it cannot be
/// decoded, or it is not as long as it says.
fn decoded_ms(file: &[u8]) -> Option<u64> {
    let (mut at, mut end) = (0, 0);
    let mut packet = Vec::new();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    while at < file.len() {
        let head = file.get(at..at + 27)?;
        let laces = file.get(at + 27..at + 27 + usize::from(head[26]))?;
        let mut from = at + 27 + laces.len();
        if !head.starts_with(b"OggS") {
            return None;
        }
        end = u64::from_le_bytes(head[6..14].try_into().ok()?);
        for &lace in laces {
            packet.extend_from_slice(file.get(from..from + usize::from(lace))?);
            from += usize::from(lace);
            if lace < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
        at = from;
    }
    let head = packets.first().filter(|head| head.starts_with(b"OpusHead"))?;
    let channels = if *head.get(9)? == 1 { Channels::Mono } else { Channels::Stereo };
    let pre_skip = u64::from(u16::from_le_bytes(head.get(10..12)?.try_into().ok()?));
    let mut decoder = Decoder::new(48_000, channels).ok()?;
    let mut samples = vec![0.0; 2 * 5_760];
    let mut decoded = 0;
    for packet in packets.get(2..)? {
        decoded += decoder.decode_float(packet, &mut samples, false).ok()? as u64;
    }
    // The last packet may be heard in part.
    (end <= decoded && decoded < end + 960).then(|| end.saturating_sub(pre_skip) / 48)
}

/// When what is in the tracks ends.
#[derive(Debug, Clone, Copy)]
struct Ends {
    /// When the server was killed.
    killed_at: u64,
    /// When it had acknowledged that nothing more was to be recorded, if it had.
    taken_back: Option<u64>,
}

/// Reads the tracks as a kill has left them.
fn look(tracks: &Path, recording: Recording, ends: Ends, known: [&Arc<Known>; 2], outcome: &mut Outcome) {
    let [agrees, refuses] = known;
    let mut last = None;
    let mut packets = 0;
    for entry in std::fs::read_dir(tracks).into_iter().flatten().flatten() {
        let Ok(file) = File::open(entry.path()) else {
            outcome.unreadable += 1;
            continue;
        };
        let length = file.metadata().map_or(0, |data| data.len());
        let Ok(mut reader) = TrackReader::new(BufReader::new(file)) else {
            outcome.unreadable += 1;
            continue;
        };
        for frame in reader.by_ref() {
            let Ok(frame) = frame else {
                outcome.unreadable += 1;
                break;
            };
            packets += 1;
            last = last.max(Some(frame.at));
            if refuses.script.position(&frame.payload).is_some() {
                outcome.refused_stored += 1;
            } else if agrees.script.position(&frame.payload).is_none() {
                outcome.unreadable += 1;
            }
        }
        outcome.torn_bytes_max = outcome.torn_bytes_max.max(length - reader.good());
    }
    // Nothing may be gone that was there after an earlier kill.
    if packets < outcome.packets {
        outcome.unreadable += 1;
    }
    outcome.packets = packets;
    let last = last.map(|at| recording.since + at.as_millis() as u64);
    if let Some(acknowledged) = ends.taken_back {
        // The recording's clock is read once, to the millisecond.
        outcome.stored_after_refusal += u32::from(last.is_some_and(|last| last > acknowledged + 1));
        return;
    }
    let lost = last.map_or(u64::MAX, |last| ends.killed_at.saturating_sub(last));
    outcome.lost.push(lost);
    if lost >= LOST_MAX {
        outcome.lost_too_much += 1;
    }
}

fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn random_below(most: Duration) -> Duration {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    most.mul_f64(f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The program that serves, where `cargo test --workspace` puts it.
    fn binary() -> std::path::PathBuf {
        let tests = std::env::current_exe().unwrap();
        tests.ancestors().nth(2).unwrap().join("roomtone")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_recording_survives_being_killed() {
        let outcome = run(&binary(), 10).await.unwrap();
        assert!(outcome.packets > 10 * 30, "{outcome:?}");
        outcome.finish(None).unwrap();
    }
}
