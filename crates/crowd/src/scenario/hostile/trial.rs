//! One trial: somebody on stage goes one way out and keeps sending and receiving; what comes of it, and when.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::assault::{ARMED, Assault, Orders};
use super::packet::{Mark, OPUS, Rtp, Trick};
use super::rogue::{Agreed, Arrival, Rogue, Side};
use super::scene::{Ground, Heard, Scene};
use super::stored::{self, Stored};
use super::ways::{Commit, Kept, Locations, Way};
use crate::api::Api;
use crate::{Error, Result};

/// How long the tricks may take until everybody has heard each of them.
const ARMING_PATIENCE: Duration = Duration::from_secs(10);
/// How often a trial is begun at most if a guest's pass ends before everybody has heard each trick, each time with twice the time.
/// More helps slower machines; where nothing works at all it takes longer to say so.
pub(super) const BEGINNINGS: u32 = 4;
/// From one look to the next.
const LOOK: Duration = Duration::from_millis(20);
/// How long the hostile client goes on, and everybody listens, after the way out.
pub(super) const AFTERWARDS: Duration = Duration::from_millis(800);
/// What is guaranteed: nothing is heard longer than this afterwards (PRODUCT.md, G2).
pub(super) const LIMIT: Duration = Duration::from_millis(250);
/// From one knock to the next.
pub(super) const KNOCK_EVERY: Duration = Duration::from_millis(40);
/// How long a leg that was agreed to may take to connect before the next knock.
const LATE_LEG_PATIENCE: Duration = Duration::from_millis(400);
/// From one frame on a late leg to the next.
const LATE_FRAME: Duration = Duration::from_millis(20);

/// What was heard after it should not have been.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct After {
    /// Packets later than the way out.
    pub(super) packets: usize,
    /// Of those, packets later than [`LIMIT`] after it.
    pub(super) late: usize,
    /// When the last one of all came, in milliseconds after the way out; before it, if negative.
    pub(super) last_ms: Option<f64>,
}

impl After {
    pub(super) fn of(commit: Instant, times: impl Iterator<Item = Instant>) -> Self {
        let mut after = Self::default();
        for at in times {
            let ms = match at.checked_duration_since(commit) {
                Some(since) => since.as_secs_f64() * 1_000.0,
                None => -(commit - at).as_secs_f64() * 1_000.0,
            };
            after.packets += usize::from(ms > 0.0);
            after.late += usize::from(ms > LIMIT.as_secs_f64() * 1_000.0);
            after.last_ms = Some(after.last_ms.map_or(ms, |last| last.max(ms)));
        }
        after
    }
}

/// How long the parts of a trial took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Took {
    /// Until everybody was in the room.
    pub(super) set: Duration,
    /// Until everybody had heard every trick.
    pub(super) arm: Duration,
    /// Until the way out was taken.
    pub(super) go: Duration,
    pub(super) all: Duration,
}

/// What a trial has shown.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) way: Way,
    /// Whether new legs were asked for meanwhile.
    pub(super) knocking: bool,
    /// Of the hostile client's frames, at everybody else; `None` where they may go on.
    pub(super) voice: Option<After>,
    /// Of those, how many were made later than [`LIMIT`] after the way out: what this process takes to look at what has come
    /// does not count here.
    pub(super) made_late: usize,
    /// The same by trick, for those that were heard afterwards.
    pub(super) tricks: BTreeMap<Trick, After>,
    /// Of what came to the hostile client's legs.
    pub(super) ears: Option<After>,
    /// Of what came by its plain stream, if it heard the room by that.
    pub(super) stream: Option<After>,
    /// Of the hostile client's frames, in the recording; `None` where they may go on.
    pub(super) stored: Option<Stored>,
    /// Frames that somebody heard twice.
    pub(super) repeated: usize,
    /// Legs that were agreed to though they were asked for afterwards.
    pub(super) let_in: usize,
    /// Packets that came to it over TCP, before and after.
    pub(super) by_tcp: usize,
    /// Packets that the hostile client got again, for each second in which it may get any.
    pub(super) resent_per_second: f64,
    /// The longest time that somebody did not hear the honest talker, where the room goes on.
    pub(super) pause_ms: Option<f64>,
    /// How long after the end of a guest's pass it was told that they are out.
    pub(super) overstayed_ms: Option<f64>,
    pub(super) took: Took,
}

/// What there is when everybody has heard each trick.
pub(super) struct Armed {
    scene: Scene,
    legs: Locations,
    orders: Arc<Orders>,
    assault: Task<Result<Assault>>,
    /// When all this was begun, and when the tricks were.
    start: Instant,
    began: Instant,
    /// How long it took until everybody was in the room, and until they had heard everything.
    set: Duration,
    armed: Duration,
    /// When a brief guest's pass ends, but for what making the link took.
    until: Option<Instant>,
}

/// Carries out a trial.
///
/// # Errors
/// Whatever keeps it from taking place; [`Error::Media`] if a trick does not work even while it is allowed.
pub(super) async fn run(ground: Arc<Ground>, way: Way, knocking: bool, seed: u64) -> Result<Outcome> {
    let Armed { mut scene, legs, orders, assault, start, began, set, armed, until } =
        begin(&ground, way, seed, 1).await?;
    orders.all_out.store(true, Ordering::Release);
    let knocks = knocking.then(|| Knocks::start(&ground, &scene, way));
    let mut kept = Kept::default();
    let commit = way.go(&ground, &mut scene, &legs, &mut kept).await?;
    let gone = start.elapsed();
    tokio::time::sleep(AFTERWARDS).await;
    orders.stop.store(true, Ordering::Release);
    let assault = assault.end().await??;
    let ended = Instant::now();
    let knocked = match knocks {
        Some(knocks) => knocks.end().await,
        None => Knocked::default(),
    };
    let heard: Vec<Heard> = scene.receivers.iter().map(|receiver| receiver.heard()).collect();
    let took = Took { set, arm: armed - set, go: gone - armed, all: start.elapsed() };
    // By the event: that the room knew, and told somebody.
    let overstayed = until.zip(commit.voice).map(|(until, out)| out.saturating_duration_since(until));
    let overstayed_ms = overstayed.map(|time| time.as_secs_f64() * 1_000.0);
    let recorded = scene.replay.map(|replay| stored::marks(&ground.data, replay));
    let stored = commit.stored.zip(recorded).map(|(commit, marks)| Stored::of(commit, &marks));
    Ok(Outcome {
        took,
        overstayed_ms,
        stored,
        ..judge(way, commit, (began, ended), &heard, &assault.ear.arrivals(), &knocked)
    })
}

/// Brings a trial to where everybody has heard each trick. Where a guest's pass ends before, it is begun anew with twice the time, in
/// another room; at first the pass lasts so many `times` as long as it should do.
///
/// # Errors
/// As those of [`run`].
pub(super) async fn begin(ground: &Ground, way: Way, seed: u64, mut times: u32) -> Result<Armed> {
    let mut beginnings = 0;
    loop {
        let mut until = None;
        let armed = prepare(ground, way, seed, times, &mut until).await;
        // What goes wrong after that has gone wrong by it.
        let over = until.is_some_and(|until| Instant::now() >= until);
        beginnings += 1;
        match armed {
            _ if over && beginnings < BEGINNINGS => times = times.saturating_mul(2).max(1),
            Ok(_) if over => return Err(Error::Timeout("a guest's pass that lasts long enough")),
            armed => return armed,
        }
    }
}

async fn prepare(ground: &Ground, way: Way, seed: u64, times: u32, until: &mut Option<Instant>) -> Result<Armed> {
    let start = Instant::now();
    let scene = Scene::set(ground, way.who(), true, times, until).await?;
    let set = start.elapsed();
    let ear = Rogue::connect(&scene.rogue, &scene.room, Side::Ear, &ground.identity).await?;
    let mouth = Rogue::connect(&scene.rogue, &scene.room, Side::Mouth, &ground.identity).await?;
    let legs = Locations::of(&mouth, &ear);
    let orders = Arc::new(Orders::default());
    let assault = Assault::begin(mouth, ear, scene.others(), seed).await?;
    let began = Instant::now();
    let assault = Task(tokio::spawn(assault.run(orders.clone())));
    arm(&scene).await?;
    let armed = start.elapsed();
    Ok(Armed { scene, legs, orders, assault, start, began, set, armed, until: *until })
}

/// Waits until everybody has heard every trick that is allowed.
async fn arm(scene: &Scene) -> Result<()> {
    let missing = || {
        let heard = scene.receivers.iter().map(|receiver| receiver.heard());
        let tricks: Vec<HashSet<Trick>> =
            heard.map(|heard| heard.marks.into_iter().map(|(_, mark)| mark.trick).collect()).collect();
        ARMED.into_iter().find(|trick| !tricks.iter().all(|tricks| tricks.contains(trick)))
    };
    let until = Instant::now() + ARMING_PATIENCE;
    while let Some(trick) = missing() {
        if Instant::now() > until {
            return Err(Error::Media(format!("what is sent as {} is not heard though it is allowed", trick.name())));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn judge(
    way: Way,
    commit: Commit,
    (began, ended): (Instant, Instant),
    heard: &[Heard],
    arrivals: &[Arrival],
    knocked: &Knocked,
) -> Outcome {
    let marks = || heard.iter().flat_map(|heard| heard.marks.iter());
    let voice = commit.voice.map(|commit| After::of(commit, marks().map(|(at, _)| *at)));
    let made_late = |commit| marks().filter(|(_, mark)| mark.made() > commit + LIMIT).count();
    let mut tricks = BTreeMap::new();
    for trick in Trick::ALL {
        let of_trick = marks().filter(|(_, mark)| mark.trick == trick).map(|(at, _)| *at);
        let after = commit.voice.map(|commit| After::of(commit, of_trick)).unwrap_or_default();
        if after.packets > 0 {
            tricks.insert(trick, after);
        }
    }
    let all_arrivals = || arrivals.iter().chain(&knocked.arrivals);
    let ears = commit.ears.map(|commit| After::of(commit, all_arrivals().map(|arrival| arrival.at)));
    let repeated = heard.iter().map(|heard| repeats(heard.marks.iter().map(|(_, mark)| *mark))).sum();
    let resent = repeats(arrivals.iter().map(|arrival| (arrival.ssrc, arrival.seq)));
    // For as long as anything may come to it.
    let last = commit.ears.unwrap_or(ended);
    let let_in = |(asked, side): &&(Instant, Side)| match side {
        Side::Mouth => commit.voice.is_some_and(|commit| *asked > commit),
        Side::Ear => commit.ears.is_some_and(|commit| *asked > commit),
    };
    Outcome {
        way,
        knocking: knocked.asked > 0,
        voice,
        made_late: commit.voice.map_or(0, made_late),
        tricks,
        ears,
        stream: None,
        stored: None,
        repeated,
        let_in: knocked.agreed.iter().filter(let_in).count(),
        by_tcp: arrivals.iter().filter(|arrival| arrival.tcp).count(),
        resent_per_second: resent as f64 / last.saturating_duration_since(began).as_secs_f64().max(1.0),
        took: Took::default(),
        overstayed_ms: None,
        pause_ms: way.spares_the_room().then(|| heard.iter().map(|one| pause(one, began, ended)).fold(0.0, f64::max)),
    }
}

/// How many are not the first of their kind.
fn repeats<T: std::hash::Hash + Eq + Copy>(all: impl Iterator<Item = T>) -> usize {
    let mut seen = HashSet::new();
    all.filter(|one| !seen.insert(*one)).count()
}

/// The longest time without the honest talker, in milliseconds.
pub(super) fn pause(heard: &Heard, began: Instant, ended: Instant) -> f64 {
    let times = heard.honest.iter().copied().filter(|at| (began..ended).contains(at));
    let (mut longest, mut before) = (Duration::ZERO, began);
    for at in times.chain([ended]) {
        longest = longest.max(at - before);
        before = at;
    }
    longest.as_secs_f64() * 1_000.0
}

/// A task that goes with whoever started it.
pub(super) struct Task<T>(pub(super) JoinHandle<T>);

impl<T> Task<T> {
    pub(super) async fn end(mut self) -> Result<T> {
        (&mut self.0).await.map_err(|error| Error::Media(error.to_string()))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks for new legs all the time, and speaks on those it gets.
struct Knocks {
    stop: Arc<Orders>,
    tasks: Vec<Task<Knocked>>,
}

/// What became of it.
#[derive(Default)]
struct Knocked {
    /// How often it was asked.
    asked: usize,
    /// When that was asked which was agreed to.
    agreed: Vec<(Instant, Side)>,
    /// What came to those legs that listen.
    arrivals: Vec<Arrival>,
}

impl Knocks {
    fn start(ground: &Arc<Ground>, scene: &Scene, way: Way) -> Self {
        let stop = Arc::new(Orders::default());
        let sides = [(way.closes_the_mouth(), Side::Mouth), (way.closes_the_ears(), Side::Ear)];
        let sides = sides.into_iter().filter(|(closed, _)| *closed);
        let knock = |side| knock(ground.clone(), scene.rogue.clone(), scene.room.clone(), side, stop.clone());
        let tasks = sides.map(|(_, side)| Task(tokio::spawn(knock(side)))).collect();
        Self { stop, tasks }
    }

    async fn end(self) -> Knocked {
        self.stop.stop.store(true, Ordering::Release);
        let mut all = Knocked::default();
        for task in self.tasks {
            let Ok(knocked) = task.end().await else { continue };
            all.asked += knocked.asked;
            all.agreed.extend(knocked.agreed);
            all.arrivals.extend(knocked.arrivals);
        }
        all
    }
}

async fn knock(ground: Arc<Ground>, api: Api, room: String, side: Side, orders: Arc<Orders>) -> Knocked {
    let (mut knocked, mut legs) = (Knocked::default(), Vec::new());
    let mut number = 0;
    while !orders.stop.load(Ordering::Acquire) {
        let asked = Instant::now();
        knocked.asked += 1;
        if let Ok(agreed) = Agreed::ask(&api, &room, side, &ground.identity).await {
            knocked.agreed.push((asked, side));
            // One that is cut in the middle of its handshake is of no more use.
            if let Ok(Ok(leg)) = tokio::time::timeout(LATE_LEG_PATIENCE, Rogue::shake(agreed, &ground.identity)).await {
                legs.push(leg);
            }
        }
        let until = Instant::now() + KNOCK_EVERY;
        while Instant::now() < until {
            legs.iter().filter(|_| side == Side::Mouth).for_each(|leg| {
                number += 1;
                let payload = Mark::new(Trick::LateLeg, number).payload();
                let index = u64::from(number);
                let packet = Rtp { payload_type: OPUS, ssrc: 7, index, time: index, level: 20, payload: &payload };
                let _sealed = leg.send(0, &packet);
            });
            tokio::time::sleep(LATE_FRAME).await;
        }
    }
    knocked.arrivals = legs.iter().flat_map(Rogue::arrivals).collect();
    knocked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_comes_after_is_counted_by_how_late_it_is() {
        let commit = Instant::now() + ms(1_000);
        let at = |before: u64, after: u64| commit - ms(before) + ms(after);
        let after = |times: &[Instant]| After::of(commit, times.iter().copied());
        assert_eq!(after(&[]), After::default());
        assert_eq!(after(&[at(500, 0), at(20, 0)]), After { packets: 0, late: 0, last_ms: Some(-20.0) });
        let all = after(&[at(500, 0), at(0, 250), at(0, 251), at(0, 30)]);
        assert_eq!(all, After { packets: 3, late: 1, last_ms: Some(251.0) });
    }

    #[test]
    fn a_pause_is_the_longest_time_without_the_honest_talker() {
        let began = Instant::now();
        let heard =
            |millis: &[u64]| Heard { honest: millis.iter().map(|at| began + ms(*at)).collect(), ..Heard::default() };
        for (times, longest) in
            [(&[][..], 500.0), (&[100, 200][..], 300.0), (&[400, 480][..], 400.0), (&[450, 900], 450.0)]
        {
            assert_eq!(pause(&heard(times), began, began + ms(500)), longest, "{times:?}");
        }
        assert_eq!(repeats([1, 2, 1, 1, 3].into_iter()), 2);
    }
}
