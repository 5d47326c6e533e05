//! The same trials for somebody who hears the room as a plain stream: what still comes by it after a way out, and whether another
//! one can be had.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use tokio::task::JoinHandle;

use super::scene::{Ground, Scene, lock};
use super::trial::{AFTERWARDS, After, BEGINNINGS, KNOCK_EVERY, Outcome, Task, Took, pause};
use super::ways::{Kept, Locations, Way};
use crate::api::Api;
use crate::{Error, Result};

/// How long it may take until a stream flows.
const PATIENCE: Duration = Duration::from_secs(10);
/// From one look at whether it does to the next.
const LOOK: Duration = Duration::from_millis(20);
/// Arrivals after which it flows: it begins with several at once, and goes on with ten a second.
const FLOWING: usize = 8;
/// Arrivals that are remembered: more than a trial can bring.
const ARRIVALS_MAX: usize = 50_000;

/// Where a member's stream of a room is.
pub(super) fn path(room: &str) -> String {
    format!("/api/rooms/{room}/stream.ogg")
}

/// A plain stream that is read until it ends, as fast as it comes: what lies in the kernel of whoever reads it has arrived.
pub(super) struct Stream {
    arrivals: Arc<Mutex<Vec<Instant>>>,
    task: JoinHandle<()>,
}

impl Stream {
    /// Asks for a stream, once.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Connection`], [`Error::Timeout`].
    pub(super) async fn open(api: &Api, path: &str) -> Result<Self> {
        let mut body = api.stream(path).await?;
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let arriving = arrivals.clone();
        let task = tokio::spawn(async move {
            // Whoever ends it resets the connection.
            while let Some(Ok(frame)) = body.frame().await {
                let at = Instant::now();
                let mut arrivals = lock(&arriving);
                if frame.is_data() && arrivals.len() < ARRIVALS_MAX {
                    arrivals.push(at);
                }
            }
        });
        Ok(Self { arrivals, task })
    }

    /// When anything came.
    pub(super) fn arrivals(&self) -> Vec<Instant> {
        lock(&self.arrivals).clone()
    }

    /// When something came last.
    pub(super) fn newest(&self) -> Option<Instant> {
        lock(&self.arrivals).last().copied()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries out a trial.
///
/// # Errors
/// Whatever keeps it from taking place.
pub(super) async fn run(ground: Arc<Ground>, way: Way, knocking: bool) -> Result<Outcome> {
    let start = Instant::now();
    let Flowing { mut scene, ticket: (url, leg), stream, until } = begin(&ground, way).await?;
    let (began, armed) = (Instant::now(), start.elapsed());
    let knocks = (knocking && way.closes_the_ears()).then(|| Knocks::start(&scene, &ground.api, url));
    let mut kept = Kept::default();
    let legs = Locations::of_stream(&scene.room, &leg);
    let commit = way.go(&ground, &mut scene, &legs, &mut kept).await?;
    let gone = start.elapsed();
    tokio::time::sleep(AFTERWARDS).await;
    let ended = Instant::now();
    let knocked = match knocks {
        Some(knocks) => knocks.end().await,
        None => Knocked::default(),
    };
    let arrivals = stream.arrivals().into_iter().chain(knocked.arrivals);
    let overstayed = until.zip(commit.ears).map(|(until, out)| out.saturating_duration_since(until));
    let late = |asked: &&Instant| commit.ears.is_some_and(|commit| **asked > commit);
    let pauses = scene.receivers.iter().map(|receiver| pause(&receiver.heard(), began, ended));
    Ok(Outcome {
        way,
        knocking: knocked.asked > 0,
        voice: None,
        made_late: 0,
        tricks: BTreeMap::new(),
        ears: None,
        stream: commit.ears.map(|commit| After::of(commit, arrivals)),
        stored: None,
        repeated: 0,
        let_in: knocked.agreed.iter().filter(late).count(),
        by_tcp: 0,
        resent_per_second: 0.0,
        pause_ms: way.spares_the_room().then(|| pauses.fold(0.0, f64::max)),
        overstayed_ms: overstayed.map(|time| time.as_secs_f64() * 1_000.0),
        took: Took { set: armed, arm: Duration::ZERO, go: gone - armed, all: start.elapsed() },
    })
}

/// What there is when the stream flows.
struct Flowing {
    scene: Scene,
    /// The address with the ticket, and the id of the stream.
    ticket: (String, String),
    stream: Stream,
    /// When a brief guest's pass ends, but for what making the link took.
    until: Option<Instant>,
}

/// Brings a trial to where the stream flows; with a guest's pass that ends before, begun anew with twice the time.
async fn begin(ground: &Ground, way: Way) -> Result<Flowing> {
    let mut times = 1;
    for _ in 1..BEGINNINGS {
        let mut until = None;
        let flowing = flow(ground, way, times, &mut until).await;
        if until.is_none_or(|until| Instant::now() < until) {
            return flowing;
        }
        times *= 2;
    }
    Err(Error::Timeout("a guest's pass that lasts long enough"))
}

async fn flow(ground: &Ground, way: Way, times: u32, until: &mut Option<Instant>) -> Result<Flowing> {
    let scene = Scene::set(ground, way.who(), false, times, until).await?;
    let ticket = scene.rogue.stream_ticket(&scene.room).await?;
    // Nothing but the ticket shows who it is.
    let stream = Stream::open(&ground.api, &ticket.0).await?;
    let patience = Instant::now() + PATIENCE;
    while stream.arrivals().len() < FLOWING {
        if Instant::now() > patience {
            return Err(Error::Media("nothing comes by a stream though it is allowed".into()));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(Flowing { scene, ticket, stream, until: *until })
}

/// Asks for new streams all the time, in turns by the ticket and as who it is.
struct Knocks {
    stop: Arc<AtomicBool>,
    task: Task<Knocked>,
}

/// What became of it.
#[derive(Default)]
struct Knocked {
    /// How often it was asked.
    asked: usize,
    /// When that was asked which was agreed to.
    agreed: Vec<Instant>,
    /// What came by those streams.
    arrivals: Vec<Instant>,
}

impl Knocks {
    fn start(scene: &Scene, anybody: &Api, ticket: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let doors = [(anybody.clone(), ticket), (scene.rogue.clone(), path(&scene.room))];
        Self { task: Task(tokio::spawn(knock(doors, stop.clone()))), stop }
    }

    async fn end(self) -> Knocked {
        self.stop.store(true, Ordering::Release);
        self.task.end().await.unwrap_or_default()
    }
}

async fn knock(doors: [(Api, String); 2], stop: Arc<AtomicBool>) -> Knocked {
    let (mut knocked, mut streams) = (Knocked::default(), Vec::new());
    for (api, path) in doors.iter().cycle() {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let asked = Instant::now();
        knocked.asked += 1;
        if let Ok(stream) = Stream::open(api, path).await {
            knocked.agreed.push(asked);
            streams.push(stream);
        }
        tokio::time::sleep(KNOCK_EVERY).await;
    }
    knocked.arrivals = streams.iter().flat_map(Stream::arrivals).collect();
    knocked
}
