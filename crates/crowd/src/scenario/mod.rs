//! Named loads.

mod agreement;
pub mod audience;
pub mod bench;
pub mod churn;
pub mod entry;
pub mod flood;
pub mod hostile;
pub mod load;
pub mod overload;
pub mod pages;
pub mod pauses;
pub mod peer;
mod progress;
pub mod recording;
pub mod replays;
pub mod room;
pub mod rooms;
pub mod rush;
mod speech;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::api::Api;
use crate::control::Presence;
use crate::leg::{Leg, LegEvent};
use crate::metrics::Histogram;
use crate::report::Report;
use crate::server::{Server, Settings};
use crate::tally::Known;
use crate::voice::Script;
use crate::{Error, Result};
use speech::{Score, Turns, perform};

/// The server's histogram of how long a packet is inside of it, in seconds.
const RESIDENCE: &str = "roomtone_media_residence_seconds";
/// How long ICE and DTLS of one leg may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);

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

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// [`entry`].
    Entry,
    /// [`room`].
    Room,
    /// [`audience::audience`].
    Audience,
    /// [`audience::panel`].
    Panel,
    /// [`pages`].
    Pages {
        /// Pages that are asked for each second.
        rate: usize,
    },
    /// [`pauses`].
    Pauses,
    /// [`rush`].
    Rush,
    /// [`churn`].
    Churn {
        /// People who enter each second, and who leave.
        rate: usize,
    },
    /// [`rooms`].
    Rooms {
        /// How many.
        rooms: usize,
    },
    /// [`flood`].
    Flood {
        /// Garbage datagrams.
        per_second: u32,
    },
    /// [`overload`].
    Overload {
        /// How many enter before the others knock.
        inside: usize,
    },
    /// [`replays`].
    Replays {
        /// Minutes of which a replay is made.
        minutes: u64,
    },
    /// [`hostile`].
    Hostile {
        /// Of the random run.
        steps: usize,
    },
}

/// A scenario, its size, and the server for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is run.
    pub scenario: Scenario,
    /// How big it is.
    pub load: load::Load,
    /// How the server is started.
    pub settings: Settings,
}

impl Plan {
    /// Runs it on a server.
    ///
    /// # Errors
    /// Whatever ends the scenario.
    pub async fn run(&self, server: &Server) -> Result<Report> {
        let load = self.load;
        let size = Size { listeners: load.listeners, talkers: load.talkers, seconds: load.seconds };
        match self.scenario {
            Scenario::Entry => entry::run(server, size).await,
            Scenario::Room => room::run(server, size).await,
            Scenario::Audience => audience::audience(server, load).await,
            Scenario::Panel => audience::panel(server, load).await,
            Scenario::Pages { rate } => pages::run(server, rate, load.seconds).await,
            Scenario::Pauses => pauses::run(server, load).await,
            Scenario::Rush => rush::run(server, load).await,
            Scenario::Churn { rate } => churn::run(server, load, rate).await,
            Scenario::Rooms { rooms } => rooms::run(server, load, rooms).await,
            Scenario::Flood { per_second } => flood::run(server, load, per_second).await,
            Scenario::Overload { inside } => overload::run(server, load, inside).await,
            Scenario::Replays { minutes } => replays::run(server, load.talkers, load.seconds, minutes).await,
            Scenario::Hostile { steps } => hostile::run(server, load.seconds, steps).await,
        }
    }
}

/// A room with talkers on its stage.
pub(crate) struct Stage {
    /// Id of the room.
    room: String,
    /// What the members of this run have in their handles, so that runs on one server do not collide.
    run: String,
    /// Who opened the room: its host.
    host: Option<Api>,
    /// The user name of the first talker's ICE checks.
    ice_user: String,
    score: Arc<Score>,
    talkers: BTreeMap<u32, Talker>,
}

struct Talker {
    known: Arc<Known>,
    task: JoinHandle<Error>,
    /// Being in the room, for as long as the talker is.
    presence: Presence,
}

impl Stage {
    /// Opens a room and brings `count` talkers to its stage, who talk without a pause.
    async fn open(server: &Server, count: usize) -> Result<Self> {
        Self::open_with(server, count, None).await
    }

    /// The same with talkers who speak when `turns` says.
    async fn open_with(server: &Server, count: usize, turns: Option<Turns>) -> Result<Self> {
        let run = run_name();
        let mut talkers = Vec::with_capacity(count);
        for index in 0..count {
            let handle = handle(&run, 't', index);
            let script = script(handle.clone()).await?;
            talkers.push((server.member(&handle).await?, script));
        }
        Self::with(run, talkers, turns).await
    }

    /// Opens a room and brings these members to its stage: the first is the host and lets in the others.
    async fn with(run: String, members: Vec<(Api, Script)>, turns: Option<Turns>) -> Result<Self> {
        let score = Score::new(turns);
        let mut stage =
            Self { room: String::new(), run, host: None, ice_user: String::new(), score, talkers: BTreeMap::new() };
        for (index, (api, script)) in members.into_iter().enumerate() {
            if index == 0 {
                stage.room = api.open_room("A load test").await?;
            }
            let mut presence = Presence::enter(&api, &stage.room, index == 0).await?;
            presence.come_on_stage().await?;
            let number = presence.state().number.ok_or(Error::Timeout("a number in the room"))?;
            let leg = connected(Leg::publish(&api, &stage.room).await?).await?;
            if index == 0 {
                stage.ice_user = leg.ice_user().to_owned();
                stage.host = Some(api);
            }
            let known = Arc::new(Known::new(script));
            let task = tokio::spawn(perform(leg, known.clone(), stage.score.clone(), index));
            stage.talkers.insert(number, Talker { known, task, presence });
        }
        Ok(stage)
    }

    fn handle(&self, kind: char, index: usize) -> String {
        handle(&self.run, kind, index)
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
async fn talk(leg: Leg, known: Arc<Known>) -> Error {
    perform(leg, known, Score::new(None), 0).await
}

/// Encodes the script of a handle where it does not hold up the others.
async fn script(handle: String) -> Result<Script> {
    tokio::task::spawn_blocking(move || Script::of(&handle)).await.map_err(|error| Error::Media(error.to_string()))?
}

/// The handle of a member of a run. What the others need to know of a talker follows from it (see [`Script::of`]).
fn handle(run: &str, kind: char, index: usize) -> String {
    format!("crowd_{run}_{kind}{index}")
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
