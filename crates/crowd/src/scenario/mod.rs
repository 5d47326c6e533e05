//! Named loads.

pub mod entry;
pub mod peer;
pub mod room;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::api::Api;
use crate::control::Presence;
use crate::leg::{Leg, LegEvent};
use crate::metrics::Histogram;
use crate::report::Report;
use crate::server::Server;
use crate::tally::Known;
use crate::voice::{FRAME_MILLIS, Script};
use crate::{Error, Result};

/// The server's histogram of how long a packet is inside of it, in seconds.
const RESIDENCE: &str = "roomtone_media_residence_seconds";
/// How long ICE and DTLS of one leg may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);
/// The standard set of benchmarks.
const BENCHES: [&str; 2] = ["entry", "room"];

/// How big a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Number of listeners.
    pub listeners: usize,
    /// Number of talkers.
    pub talkers: usize,
    /// Length of the measured stretch, in seconds.
    pub seconds: u64,
}

/// The benchmarks that `name` stands for: all without a name.
///
/// # Errors
/// [`Error::Usage`] for a name that is none of them.
pub fn bench_names(name: Option<&str>) -> Result<Vec<&'static str>> {
    let chosen: Vec<_> = BENCHES.into_iter().filter(|bench| name.is_none_or(|name| name == *bench)).collect();
    if chosen.is_empty() {
        return Err(Error::Usage(format!("no such benchmark; there are: {}", BENCHES.join(", "))));
    }
    Ok(chosen)
}

/// Runs the benchmark `name` at its standard size.
///
/// # Errors
/// Whatever ends its scenario.
pub async fn bench(name: &str, server: &Server) -> Result<Report> {
    match name {
        "entry" => entry::run(server, Size { listeners: 20, talkers: 1, seconds: 1 }).await,
        _ => room::run(server, Size { listeners: 20, talkers: 1, seconds: 20 }).await,
    }
}

/// A room with talkers on its stage.
struct Stage {
    /// Id of the room.
    room: String,
    /// What the members of this run have in their handles, so that runs on one server do not collide.
    run: String,
    talkers: BTreeMap<u32, Talker>,
}

struct Talker {
    known: Arc<Known>,
    task: JoinHandle<Error>,
    /// Being in the room, for as long as the talker is.
    _presence: Presence,
}

impl Stage {
    /// Opens a room and brings `count` talkers to its stage: the first is the host and lets in the others.
    async fn open(server: &Server, count: usize) -> Result<Self> {
        let run = run_name();
        let mut stage = Self { room: String::new(), run, talkers: BTreeMap::new() };
        for index in 0..count {
            let handle = stage.handle('t', index);
            let api = server.member(&handle).await?;
            if index == 0 {
                stage.room = api.open_room("A load test").await?;
            }
            let mut presence = Presence::enter(&api, &stage.room, index == 0).await?;
            presence.come_on_stage().await?;
            let number = presence.state().number.ok_or(Error::Timeout("a number in the room"))?;
            let leg = connected(Leg::publish(&api, &stage.room).await?).await?;
            let script = tokio::task::spawn_blocking(move || Script::of(&handle));
            let script = script.await.map_err(|error| Error::Media(error.to_string()))??;
            let known = Arc::new(Known::new(script));
            let task = tokio::spawn(talk(leg, known.clone()));
            stage.talkers.insert(number, Talker { known, task, _presence: presence });
        }
        Ok(stage)
    }

    fn handle(&self, kind: char, index: usize) -> String {
        format!("crowd_{}_{kind}{index}", self.run)
    }

    /// Makes the members that are going to listen.
    async fn audience(&self, server: &Server, count: usize) -> Result<Vec<Api>> {
        let mut members = Vec::with_capacity(count);
        for index in 0..count {
            members.push(server.member(&self.handle('l', index)).await?);
        }
        Ok(members)
    }

    /// What the talkers say, by their numbers in the room.
    fn known(&self) -> BTreeMap<u32, Arc<Known>> {
        self.talkers.iter().map(|(number, talker)| (*number, talker.known.clone())).collect()
    }

    /// Ends the talkers.
    ///
    /// # Errors
    /// What ended a talker earlier than this, which spoils a measurement.
    async fn close(self) -> Result<()> {
        for talker in self.talkers.into_values() {
            if talker.task.is_finished() {
                return Err(talker.task.await.unwrap_or_else(|error| Error::Media(error.to_string())));
            }
            talker.task.abort();
        }
        Ok(())
    }
}

/// Waits until a leg is connected.
async fn connected(mut leg: Leg) -> Result<Leg> {
    let connecting = async {
        loop {
            match leg.next().await? {
                LegEvent::Connected => return Ok(()),
                LegEvent::Heard(_) => {}
                LegEvent::Disconnected => return Err(Error::Media("the leg was cut while connecting".into())),
            }
        }
    };
    tokio::time::timeout(CONNECT_PATIENCE, connecting).await.map_err(|_| Error::Timeout("a media leg"))??;
    Ok(leg)
}

/// Sends the script, a frame every 20 ms, until the leg ends; returns why it ended.
async fn talk(mut leg: Leg, known: Arc<Known>) -> Error {
    let mut clock = tokio::time::interval(Duration::from_millis(FRAME_MILLIS));
    // After a stall all frames that are due go out at once, as from an encoder that was behind.
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            event = leg.next() => match event {
                Ok(LegEvent::Connected | LegEvent::Heard(_)) => {}
                Ok(LegEvent::Disconnected) => return Error::Media("the server cut the leg".into()),
                Err(error) => return error,
            },
            _ = clock.tick() => {
                let sent = known.sent.load(Ordering::Acquire);
                if let Err(error) = leg.send(known.script.frame(sent)) {
                    return error;
                }
                known.sent.store(sent + 1, Ordering::Release);
            }
        }
    }
}

/// Reads the residence histogram; `None` when this server does not show it.
async fn residence(server: &Server) -> Option<Histogram> {
    Histogram::parse(&server.api.metrics().await.ok()?, RESIDENCE)
}

/// Six random characters.
fn run_name() -> String {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benchmarks_go_by_name() {
        assert_eq!(bench_names(None).unwrap(), BENCHES);
        assert_eq!(bench_names(Some("room")).unwrap(), ["room"]);
        assert!(matches!(bench_names(Some("dance")), Err(Error::Usage(_))));
    }
}
