//! `crowd recording`: two people talk in a room that is recorded, of whom one has agreed to that, and the server is killed (`kill -9`) at
//! random instants. After each time, before it is started again, the tracks are read as they lie in its data folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use roomtone::wire::command::Command;
use roomtone::wire::recording::{Consent, Recording};
use roomtone::wire::replays::Hearers;
use roomtone::wire::{Id, MemberId};
use roomtone_media::track::TrackReader;
use serde::Serialize;
use tokio::task::JoinHandle;

use super::{connected, run_name, script, talk};
use crate::api::Api;
use crate::control::Presence;
use crate::leg::Leg;
use crate::server::Server;
use crate::tally::Known;
use crate::{Error, Result};

/// The server lives at least so long after both talk, and up to as long again and a second more: what they say has to be given out by
/// then, and the instant is to fall anywhere between two writes.
const LIVES: Duration = Duration::from_millis(700);

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
    /// Times that the room came back with another recording or other consents.
    pub consents_forgotten: u32,
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
        match self.unreadable + self.lost_too_much + self.refused_stored + self.consents_forgotten {
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
        presence.wait("an answer", |state| member.is_some_and(|me| state.recorded.contains_key(&me))).await?;
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
    let truth = agrees.presence()?.wait("both answers", |state| state.recorded.len() == 2).await?;
    let Some(recording) = truth.recording else { return Err(Error::Timeout("a recording")) };
    let (who, before) = (truth.member, truth.recorded);
    let tracks = data.join("recordings").join(recording.replay.0.to_string());
    let mut outcome = Outcome { kills, ..Outcome::default() };
    for kill in 1..=kills {
        tokio::time::sleep(LIVES + random_below(LIVES + Duration::from_secs(1))).await;
        server.kill().await?;
        look(&tracks, recording, unix_millis(), [&agrees.known, &refuses.known], &mut outcome);
        agrees.stop();
        refuses.stop();
        server = Server::start_in(binary, &data).await?;
        agrees.come(&server, &room, true).await?;
        refuses.come(&server, &room, false).await?;
        let back = agrees.presence()?.state();
        if back.recording != Some(recording) || !same(&before, &back.recorded, who) {
            outcome.consents_forgotten += 1;
        }
        if kill % 10 == 0 {
            eprintln!("{kill} of {kills} kills");
        }
    }
    outcome.sum_up();
    Ok(outcome)
}

/// Whether those who are there have said what they had; everybody is.
fn same(
    before: &BTreeMap<Id<MemberId>, Consent>,
    after: &BTreeMap<Id<MemberId>, Consent>,
    me: Option<Id<MemberId>>,
) -> bool {
    me.is_some_and(|me| before.get(&me) == Some(&Consent::Agreed)) && before == after
}

/// Reads the tracks as a kill has left them.
fn look(tracks: &Path, recording: Recording, killed_at: u64, known: [&Arc<Known>; 2], outcome: &mut Outcome) {
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
    let lost = last.map_or(u64::MAX, |at| killed_at.saturating_sub(recording.since + at.as_millis() as u64));
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
