//! `crowd hostile`: a client that keeps sending and receiving after every way out.
//!
//! In each trial somebody on stage goes one way out, from leaving to the theft of the room or the end of a guest's pass, and keeps
//! trying all it knows: its old and a new stream and address, a TCP connection, redundancy, repetition and disorder, claims to be
//! loud, goodbyes in the name of others, storms of NACKs, and half of the time new legs. It knows no more than a member can, and its own keys. What is heard of it
//! is told by those who listen, who know its frames; what it hears, by whatever comes to its sockets. The ways out of a listener are
//! gone by one who hears the room as a plain stream, too, and asks for others by their ticket and without. The room is recorded with their
//! consent, which they take back in one of the trials, and the tracks are one more place where nothing of them may be that was made afterwards.
//!
//! Afterwards members of several rooms do everything at random, and again and again the roster must be exactly those who receive
//! sound, and nobody may be recorded who has not agreed, or may not speak.

mod assault;
mod packet;
mod rogue;
mod scene;
mod steps;
mod stored;
mod stream;
mod trial;
mod ways;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::scene::{Ground, RECEIVERS};
use self::stored::Stored;
use self::trial::{After, LIMIT, Outcome, Took};
use self::ways::Way;
use super::progress::Progress;
use crate::report::Report;
use crate::server::Server;
use crate::tally::percentile;
use crate::{Error, Result};

/// Trials at the same time: each is mostly waiting. More makes more of them in the same time; fewer keeps them from waiting for
/// each other.
const LANES: usize = 8;
/// Rooms in which the random run takes place at the same time, likewise.
const ROOMS: usize = 8;
/// Members that a trial takes: the host, the hostile client, those who listen, and the one who looks.
const MEMBERS_EACH: usize = RECEIVERS + 3;
/// Invites that are made at once.
const INVITES: usize = 200;
/// How often each way is tried at least: in one round half of them without knocking, in the next one the other half.
const ROUNDS: usize = 2;
/// Of so many rounds, the slow ways are tried in two.
const SLOW_EVERY: usize = 10;
/// What is guaranteed of 99 of 100 trials, in milliseconds.
const P99_MS: f64 = 100.0;
/// The longest that the honest talker may be missed, in milliseconds: who is not heard for longer is starved.
const PAUSE_MS: f64 = 1_000.0;
/// Packets that a leg may get again each second: a little more than 25, and as many saved up for the first second.
const RESENT_PER_SECOND: f64 = 60.0;

/// By what the hostile client hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Leg,
    Stream,
}

/// All ways out, and by what whoever goes them hears.
fn all_ways() -> impl Iterator<Item = (Way, By)> {
    let by = |by, fits: fn(Way) -> bool| Way::ALL.into_iter().filter(move |way| fits(*way)).map(move |way| (way, by));
    by(By::Leg, Way::is_of_legs).chain(by(By::Stream, Way::is_of_streams))
}

/// Runs the scenario: trials for `seconds`, each way at least twice, and then `steps` of the random run.
///
/// # Errors
/// Whatever keeps the server from being used at all. What a trial shows is in the report, under `violations`.
pub async fn run(server: &Server, seconds: u64, steps: usize) -> Result<Report> {
    let progress = Progress::start(server.id());
    let mut report = Report { listeners: RECEIVERS, talkers: 1, connected: RECEIVERS, ..Report::of("hostile").await };
    let began = Instant::now();
    let (data, codes) = (server.data().to_owned(), server.invites(INVITES).await?);
    let ground = Ground::new(server.api.clone(), data, codes, server.owner()).await?;
    let ground = Arc::new(ground);
    progress.phase("trying every way out");
    let results = tries(&ground, Some(server), Duration::from_secs(seconds), ROUNDS, LANES).await?;
    report.extra("seconds_of_trials", began.elapsed().as_secs_f64().round());
    results.fill(&mut report);
    let mut violations = results.violations();
    if steps > 0 {
        progress.phase("doing everything at random");
        let walking = Instant::now();
        let rooms = ROOMS.min(steps);
        ground.stock(server.invites((steps::MEMBERS + 1) * rooms).await?);
        let run = steps::run(&ground, steps, rooms).await?;
        report.extra("seconds_of_steps", walking.elapsed().as_secs_f64().round());
        run.fill(&mut report);
        violations.extend(run.violations());
    }
    report.seconds = began.elapsed().as_secs_f64();
    report.extra("asked_to_wait", ground.api.retries());
    report.extra("violations", violations);
    eprint!("\n{}", results.table());
    Ok(report)
}

/// What makes a run of this scenario fail: each is a line for people.
pub fn violations(report: &Report) -> Vec<String> {
    let lines = report.extras.get("violations").and_then(Value::as_array);
    lines.into_iter().flatten().filter_map(|line| Some(line.as_str()?.to_owned())).collect()
}

/// Tries the ways one after another, `lanes` at a time, until the time is over, and for so many rounds in any case. Only `server`
/// can make more invites.
async fn tries(
    ground: &Arc<Ground>,
    server: Option<&Server>,
    lasting: Duration,
    rounds: usize,
    lanes: usize,
) -> Result<Results> {
    let (began, mut results, mut running) = (Instant::now(), Results::default(), JoinSet::new());
    let mut waiting = VecDeque::new();
    let mut round = 0;
    loop {
        // A round that was begun when the time is over is not ended, but for the first ones.
        if round > rounds && began.elapsed() >= lasting {
            waiting.clear();
        }
        if waiting.is_empty() && (round < rounds || began.elapsed() < lasting) {
            for (index, (way, by)) in all_ways().enumerate() {
                let trial = (way, by, (round + index) % 2 == 1);
                if way.needs_an_owner() && ground.owner.is_none() {
                    continue;
                }
                if !way.is_slow() {
                    waiting.push_back(trial);
                } else if round % SLOW_EVERY < ROUNDS {
                    // Begun first, so that nothing waits for it at the end.
                    waiting.push_front(trial);
                }
            }
            round += 1;
        }
        if running.len() < lanes
            && let Some((way, by, knocking)) = waiting.pop_front()
        {
            // Twice what they need, for those that are begun anew.
            if let Some(server) = server
                && ground.left() < 2 * lanes * MEMBERS_EACH
            {
                ground.stock(server.invites(INVITES).await?);
            }
            let (ground, seed) = (ground.clone(), results.trials.len() as u64 + running.len() as u64);
            running.spawn(async move {
                match by {
                    By::Leg => (way, trial::run(ground, way, knocking, seed).await),
                    By::Stream => (way, stream::run(ground, way, knocking).await),
                }
            });
            continue;
        }
        let Some(done) = running.join_next().await else { return Ok(results) };
        match done.map_err(|error| Error::Media(error.to_string()))? {
            (_, Ok(outcome)) => results.trials.push(outcome),
            (way, Err(error)) => {
                eprintln!("crowd: a trial of {} could not be carried out: {error}", way.name());
                results.failed.push((way, error.to_string()));
            }
        }
    }
}

/// What all trials have shown.
#[derive(Debug, Default)]
struct Results {
    trials: Vec<Outcome>,
    /// Those that did not take place.
    failed: Vec<(Way, String)>,
}

/// What the trials of one way have shown, on one side.
#[derive(Debug, Default, Clone, PartialEq)]
struct Side {
    packets: usize,
    late: usize,
    last_ms: Vec<f64>,
}

impl Side {
    fn of<'a>(all: impl Iterator<Item = &'a Option<After>>) -> Option<Self> {
        let mut side: Option<Self> = None;
        for after in all.flatten() {
            let side = side.get_or_insert_default();
            side.packets += after.packets;
            side.late += after.late;
            side.last_ms.extend(after.last_ms);
        }
        side
    }

    fn quantile(&self, quantile: f64) -> Option<f64> {
        percentile(&mut self.last_ms.clone(), quantile)
    }

    fn json(&self) -> Value {
        let rounded = |quantile| self.quantile(quantile).map(|ms| (ms * 10.0).round() / 10.0);
        json!({
            "packets_after": self.packets, "later_than_limit": self.late, "last_ms_p50": rounded(0.5),
            "last_ms_p99": rounded(0.99), "last_ms_max": rounded(1.0),
        })
    }

    fn row(&self) -> String {
        // Nothing is added but the sign of a zero.
        let ms = |quantile| self.quantile(quantile).map_or("-".to_owned(), |ms| format!("{:.0}", ms.round() + 0.0));
        format!("{:>6} {:>6} {:>6} {:>6}", self.packets, ms(0.5), ms(0.99), ms(1.0))
    }
}

impl Results {
    fn of(&self, way: Way) -> impl Iterator<Item = &Outcome> {
        self.trials.iter().filter(move |trial| trial.way == way)
    }

    fn voice(&self, way: Way) -> Option<Side> {
        Side::of(self.of(way).map(|trial| &trial.voice))
    }

    fn ears(&self, way: Way) -> Option<Side> {
        Side::of(self.of(way).map(|trial| &trial.ears))
    }

    fn stream(&self, way: Way) -> Option<Side> {
        Side::of(self.of(way).map(|trial| &trial.stream))
    }

    fn cases(&self) -> Vec<Value> {
        let took = |way: Way, part: fn(&Took) -> Duration| {
            let mut all: Vec<f64> = self.of(way).map(|trial| part(&trial.took).as_secs_f64() * 1_000.0).collect();
            percentile(&mut all, 0.5).map(f64::round)
        };
        let case = |way: Way| {
            json!({
                "took_ms": {
                    "to_set": took(way, |took| took.set), "to_arm": took(way, |took| took.arm),
                    "to_go": took(way, |took| took.go), "in_all": took(way, |took| took.all),
                },
                "case": way.name(), "trials": self.of(way).count(), "counted_from": way.told_by(),
                "with_new_legs": self.of(way).filter(|trial| trial.knocking).count(),
                "heard": self.voice(way).map(|side| side.json()), "delivered": self.ears(way).map(|side| side.json()),
                "trials_with_streams": self.of(way).filter(|trial| trial.stream.is_some()).count(),
                "delivered_by_stream": self.stream(way).map(|side| side.json()),
            })
        };
        Way::ALL.into_iter().map(case).collect()
    }

    fn fill(&self, report: &mut Report) {
        let worst = |of: fn(&Self, Way) -> Option<Side>, quantile: f64| {
            let mut all: Vec<f64> =
                Way::ALL.into_iter().filter_map(|way| of(self, way)).flat_map(|side| side.last_ms).collect();
            percentile(&mut all, quantile)
        };
        report.extra("trials", self.trials.len());
        report.extra("trials_failed", self.failed.len());
        report.extra("heard_last_ms_p99", worst(Self::voice, 0.99));
        report.extra("heard_last_ms_max", worst(Self::voice, 1.0));
        report.extra("delivered_last_ms_p99", worst(Self::ears, 0.99));
        report.extra("delivered_last_ms_max", worst(Self::ears, 1.0));
        report.extra("streamed_last_ms_p99", worst(Self::stream, 0.99));
        report.extra("streamed_last_ms_max", worst(Self::stream, 1.0));
        let mut tricks: BTreeMap<&str, Vec<After>> = BTreeMap::new();
        for (trick, after) in self.trials.iter().flat_map(|trial| &trial.tricks) {
            tricks.entry(trick.name()).or_default().push(*after);
        }
        let last = |all: &[After]| all.iter().filter_map(|after| after.last_ms).fold(f64::MIN, f64::max).round();
        let tricks: Vec<Value> = tricks
            .into_iter()
            .map(|(trick, all)| {
                let packets: usize = all.iter().map(|after| after.packets).sum();
                json!({ "trick": trick, "packets_after": packets, "last_ms_max": last(&all) })
            })
            .collect();
        report.extra("heard_afterwards_by_trick", tricks);
        let stored = |of: fn(&Stored) -> usize| -> usize {
            self.trials.iter().filter_map(|trial| trial.stored.as_ref()).map(of).sum()
        };
        report.extra("stored_before", stored(|stored| stored.before));
        report.extra("stored_afterwards", stored(|stored| stored.after));
        report.extra("heard_twice", self.trials.iter().map(|trial| trial.repeated).sum::<usize>());
        report.extra("legs_let_in", self.trials.iter().map(|trial| trial.let_in).sum::<usize>());
        report.extra("delivered_by_tcp", self.trials.iter().map(|trial| trial.by_tcp).sum::<usize>());
        let most = |of: fn(&Outcome) -> Option<f64>| self.trials.iter().filter_map(of).fold(0.0, f64::max);
        report.extra("resent_per_second_max", most(|trial| Some(trial.resent_per_second)));
        report.extra("honest_pause_ms_max", most(|trial| trial.pause_ms));
        report.extra("pass_overstayed_ms_max", most(|trial| trial.overstayed_ms));
        report.extra("cases", self.cases());
    }

    fn violations(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .failed
            .iter()
            .map(|(way, why)| format!("{}: a trial could not be carried out: {why}", way.name()))
            .collect();
        for way in Way::ALL {
            let sides = [("heard", self.voice(way)), ("delivered", self.ears(way)), ("streamed", self.stream(way))];
            for (what, side) in sides {
                let Some(side) = side else { continue };
                if side.late > 0 {
                    lines.push(format!("{}: {} packets {what} later than {LIMIT:?}", way.name(), side.late));
                }
                if side.quantile(0.99).is_some_and(|ms| ms > P99_MS) {
                    lines.push(format!("{}: p99 of the last packet {what} is later than {P99_MS} ms", way.name()));
                }
            }
        }
        for trial in &self.trials {
            let name = trial.way.name();
            if trial.repeated > 0 {
                lines.push(format!("{name}: {} frames were heard twice", trial.repeated));
            }
            if trial.made_late > 0 {
                lines
                    .push(format!("{name}: {} frames that were made later than {LIMIT:?} were heard", trial.made_late));
            }
            if let Some(stored) = trial.stored {
                if stored.after > 0 {
                    lines.push(format!("{name}: {} frames were stored that were made afterwards", stored.after));
                }
                // With the account goes what was recorded.
                if stored.before == 0 && trial.way != Way::AccountDeleted {
                    lines.push(format!("{name}: nothing was stored while it was allowed"));
                }
            }
            if trial.let_in > 0 {
                lines.push(format!("{name}: {} legs were let in afterwards", trial.let_in));
            }
            if trial.resent_per_second > RESENT_PER_SECOND {
                lines.push(format!("{name}: {:.0} packets a second were sent again", trial.resent_per_second));
            }
            if trial.pause_ms.is_some_and(|pause| pause > PAUSE_MS) {
                lines.push(format!("{name}: the honest talker was missed for more than {PAUSE_MS} ms"));
            }
        }
        lines
    }

    /// For people: packets after the way out, and when the last of all came, in milliseconds after it.
    fn table(&self) -> String {
        let numbers = "  after    p50    p99    max".repeat(3);
        let sides =
            ["heard by others", "delivered", "delivered by stream"].map(|side| format!("  {side:^26}")).concat();
        let mut text = format!("{:36}{}\n{:20} {:>6} {:7}{numbers}\n", "", sides.trim_end(), "case", "trials", "from");
        for way in Way::ALL {
            let sides = [self.voice(way), self.ears(way), self.stream(way)];
            let rows = sides.map(|side| side.map_or(format!("{:28}", ""), |side| format!("  {}", side.row())));
            let line = format!("{:20} {:>6} {:7}{}", way.name(), self.of(way).count(), way.told_by(), rows.concat());
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use roomtone::app::App;
    use roomtone::cli::{Cli, Command, Data};
    use roomtone::observe::Observe;
    use tempfile::TempDir;

    use super::*;
    use crate::api::Api;

    /// A server in this process, with an owner and so many invites.
    async fn served(invites: usize) -> (Arc<Ground>, TempDir) {
        let data = tempfile::tempdir().unwrap();
        let arguments = ["roomtone", "serve", "--listen", "127.0.0.1:0", "--media", "127.0.0.1:0", "--data"];
        let arguments = arguments.into_iter().map(Into::into).chain([data.path().as_os_str().to_owned()]);
        let Command::Serve(options) = Cli::parse_from(arguments).command else { unreachable!("serve was asked for") };
        let (app, listener) = App::start(&options, Observe::install()).await.unwrap();
        let api = Api::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let code = |link: &str| link.rsplit('/').next().unwrap().to_owned();
        let owner = app.owner_link().await.unwrap().map(|link| code(&link)).unwrap();
        tokio::spawn(roomtone::serve::serve(app, listener, std::future::pending()));
        let folder = Data { folder: data.path().to_owned(), database: None };
        let codes = roomtone::serve::invite(&folder, invites as u32).await.unwrap();
        let codes = codes.iter().map(|link| code(link)).collect();
        let ground = Ground::new(api, data.path().to_owned(), codes, Some(&owner)).await.unwrap();
        (Arc::new(ground), data)
    }

    /// Each way out once, with nothing asserted of time but what is guaranteed.
    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_heard_after_any_way_out() {
        let (ground, _data) = served((all_ways().count() + 2 * trial::BEGINNINGS as usize) * MEMBERS_EACH).await;
        let results = tries(&ground, None, Duration::ZERO, 1, 3).await.unwrap();
        assert_eq!(results.failed, []);
        assert_eq!(results.trials.len(), all_ways().count());
        let recorded = results.trials.iter().filter(|trial| trial.stored.is_some()).count();
        assert_eq!(
            recorded,
            Way::ALL.into_iter().filter(|way| way.is_of_legs()).count() - 1,
            "all but one who talks on"
        );
        for trial in &results.trials {
            let delivered_late = trial.ears.or(trial.stream).map_or(0, |after| after.late);
            assert_eq!((trial.made_late, delivered_late), (0, 0), "{trial:?}");
            assert_eq!((trial.repeated, trial.let_in), (0, 0), "{trial:?}");
            // It is recorded until then, and not afterwards.
            assert!(trial.stored.is_none_or(|stored| stored.after == 0), "{trial:?}");
            let gone = trial.way == Way::AccountDeleted;
            assert!(trial.stored.is_none_or(|stored| gone || stored.before > 0), "{trial:?}");
        }
    }

    /// A guest whose pass is over before everybody has heard them gets another one, for longer.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_pass_that_ends_too_early_is_repeated() {
        let (ground, _data) = served(trial::BEGINNINGS as usize * MEMBERS_EACH).await;
        let left = ground.left();
        // At first one that lasts no time at all.
        let _armed = trial::begin(&ground, Way::PassExpired, 1, 0).await.unwrap();
        assert!(left - ground.left() >= 2 * (MEMBERS_EACH - 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_roster_is_those_who_receive() {
        let (ground, _data) = served(2 * (steps::MEMBERS + 1)).await;
        let walk = steps::run(&ground, 200, 2).await.unwrap();
        assert_eq!(walk.violations(), Vec::<String>::new());
    }

    fn outcome(way: Way, voice: Option<After>, ears: Option<After>) -> Outcome {
        Outcome {
            way,
            knocking: false,
            voice,
            made_late: 0,
            tricks: BTreeMap::new(),
            ears,
            stream: None,
            stored: Some(Stored { before: 9, after: 0 }),
            repeated: 0,
            let_in: 0,
            by_tcp: 50,
            resent_per_second: 20.0,
            pause_ms: Some(30.0),
            took: Took::default(),
            overstayed_ms: Some(9.0),
        }
    }

    fn after(packets: usize, late: usize, last_ms: f64) -> Option<After> {
        Some(After { packets, late, last_ms: Some(last_ms) })
    }

    #[test]
    fn what_is_guaranteed_is_judged() {
        let fine = outcome(Way::Mute, after(1, 0, 90.0), None);
        let with = |change: fn(&mut Outcome)| {
            let mut trial = fine.clone();
            change(&mut trial);
            Results { trials: vec![trial], failed: Vec::new() }.violations()
        };
        assert_eq!(with(|_| {}), Vec::<String>::new());
        for (change, words) in [
            ((|trial| trial.voice = after(2, 1, 251.0)) as fn(&mut Outcome), "1 packets heard later"),
            (|trial| trial.voice = after(2, 0, 101.0), "p99"),
            (|trial| trial.ears = after(1, 1, 400.0), "1 packets delivered later"),
            (|trial| trial.stream = after(1, 1, 400.0), "1 packets streamed later"),
            (|trial| trial.stream = after(1, 0, 101.0), "p99 of the last packet streamed"),
            (|trial| trial.stored = Some(Stored { before: 9, after: 1 }), "1 frames were stored"),
            (|trial| trial.stored = Some(Stored { before: 0, after: 0 }), "nothing was stored"),
            (|trial| trial.repeated = 1, "heard twice"),
            (|trial| trial.made_late = 1, "made later"),
            (|trial| trial.let_in = 2, "let in"),
            (|trial| trial.resent_per_second = 61.0, "sent again"),
            (|trial| trial.pause_ms = Some(1_001.0), "missed"),
        ] {
            let lines = with(change);
            assert!(lines.iter().any(|line| line.starts_with("mute: ") && line.contains(words)), "{words}: {lines:?}");
        }
        let failed = Results { failed: vec![(Way::Leave, "no".into())], ..Results::default() };
        assert_eq!(failed.violations().len(), 1);
    }

    #[test]
    fn the_report_has_every_case_and_says_what_counts() {
        let trials = vec![
            outcome(Way::Leave, after(0, 0, -20.0), after(3, 0, 8.0)),
            outcome(Way::Leave, after(1, 0, 4.0), after(0, 0, -3.0)),
        ];
        let results = Results { trials, failed: Vec::new() };
        let mut report = Report::default();
        results.fill(&mut report);
        let case = &report.extras["cases"][0];
        assert_eq!(
            (&case["case"], &case["trials"], &case["counted_from"]),
            (&"leave".into(), &2.into(), &"event".into())
        );
        assert_eq!((&case["heard"]["last_ms_max"], &case["heard"]["packets_after"]), (&4.0.into(), &1.into()));
        assert_eq!(
            (&case["delivered"]["last_ms_p50"], &report.extras["heard_last_ms_max"]),
            (&(-3.0).into(), &4.0.into())
        );
        assert_eq!(report.extras["cases"].as_array().map(Vec::len), Some(Way::ALL.len()));
        assert_eq!(results.table().lines().count(), 2 + Way::ALL.len());
        report.extra("violations", vec!["one".to_owned()]);
        assert_eq!(violations(&report), ["one"]);
        assert!(violations(&Report::default()).is_empty());
    }
}
