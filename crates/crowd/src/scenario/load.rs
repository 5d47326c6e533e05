//! What the scenarios with a fleet have in common: people enter, stretches of time are measured, the bare loop runs at the
//! end.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;

use super::progress::Progress;
use super::{RESIDENCE, Stage, handle, run_name};
use crate::fleet::protocol::{Counts, Newcomer, Pass, PersonNo, Steps};
use crate::fleet::{Fleet, News, floor};
use crate::metrics::{Histogram, counter};
use crate::procfs::{self, Threads, Usage};
use crate::report::{Report, loss};
use crate::server::Server;
use crate::tally::percentile;
use crate::voice::FRAME_MILLIS;
use crate::{Error, Result};

/// The server's counter of datagrams that its media threads sent.
const SENT: &str = "roomtone_media_packets_sent_total";
/// How long nobody at all may get in or out while somebody waits, before the run is given up.
const STALLED: Duration = Duration::from_secs(90);
/// Between the last entry and the first measured packet: handshakes are freed and packing settles in it.
const SETTLE: Duration = Duration::from_secs(12);
/// After the talkers have fallen silent, until nothing is under way any more.
const SILENCE: Duration = Duration::from_secs(1);
/// Turns of 20 ms of the bare loop: four seconds.
const FLOOR_TURNS: u64 = 200;

/// How many of the listeners are full peers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Full {
    /// So many.
    Count(usize),
    /// Such a share of all, 0 to 1.
    Share(f64),
}

impl Full {
    /// How many of `listeners`.
    fn of(self, listeners: usize) -> usize {
        match self {
            Self::Count(count) => count.min(listeners),
            Self::Share(share) => ((share * listeners as f64).ceil() as usize).min(listeners),
        }
    }
}

impl FromStr for Full {
    type Err = String;

    /// A share has a decimal point or a percent sign, a count has neither.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("neither a number of listeners nor a share of them like 0.01 or 1%: {text}");
        let share = match text.strip_suffix('%') {
            Some(percent) => percent.parse::<f64>().map_err(|_| wrong())? / 100.0,
            None if text.contains('.') => text.parse().map_err(|_| wrong())?,
            None => return text.parse().map(Self::Count).map_err(|_| wrong()),
        };
        if (0.0..=1.0).contains(&share) { Ok(Self::Share(share)) } else { Err(wrong()) }
    }
}

/// How big a load is, and how it comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Number of listeners.
    pub listeners: usize,
    /// Number of talkers.
    pub talkers: usize,
    /// Length of the measured stretch, in seconds.
    pub seconds: u64,
    /// How many of the listeners are full peers.
    pub full: Full,
    /// How many are on their way in at once.
    pub at_once: usize,
}

/// A run: a server, rooms with talkers, and people who come and go.
pub(crate) struct Run<'a> {
    pub(crate) server: &'a Server,
    pub(crate) load: Load,
    pub(crate) fleet: Fleet,
    pub(crate) stages: Vec<Stage>,
    pub(crate) people: People,
    pub(crate) progress: Progress,
    /// The server before anybody came to listen.
    empty: Option<Usage>,
    /// What begins the handles of this run's listeners.
    name: String,
}

/// What is known of the people of a run.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// Who was ordered to enter or to leave, and has done neither yet.
    pub(crate) under_way: BTreeSet<PersonNo>,
    /// Who hears a room.
    pub(crate) inside: BTreeSet<PersonNo>,
    /// Session tokens of those who have been in.
    pub(crate) bearers: BTreeMap<PersonNo, String>,
    /// How long each step took, for each time that somebody entered.
    pub(crate) steps: Vec<Steps>,
    /// Each time that somebody could not enter: the server's code, and milliseconds from the request to the answer.
    pub(crate) failed: Vec<(String, f64)>,
    /// The first failure, for people.
    first_failure: Option<String>,
    /// How many were cut off.
    pub(crate) cut: usize,
    /// Packets that came a while after somebody had left.
    pub(crate) late_packets: u64,
    /// How many have left.
    pub(crate) left: usize,
}

impl People {
    /// Takes in what became of somebody.
    fn take(&mut self, news: News) {
        let person = match news {
            News::Entered { person, bearer, steps } => {
                self.inside.insert(person);
                self.bearers.insert(person, bearer);
                self.steps.push(steps);
                person
            }
            News::Failed { person, code, why, after_ms } => {
                self.first_failure.get_or_insert(why);
                self.failed.push((code, after_ms));
                person
            }
            News::Left { person, late_packets } => {
                self.late_packets += late_packets;
                self.left += 1;
                self.inside.remove(&person);
                person
            }
            News::Cut { person, why } => {
                self.first_failure.get_or_insert(why);
                self.inside.remove(&person);
                self.cut += 1;
                person
            }
        };
        self.under_way.remove(&person);
    }
}

/// Everything that can be read at one moment.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) at: Instant,
    /// Of the server's process.
    pub(super) usage: Option<Usage>,
    /// Its media threads.
    pub(super) media: Option<Threads>,
    /// Packets that they have sent.
    pub(super) sent: Option<f64>,
    /// How long packets were inside the server.
    pub(super) residence: Option<Histogram>,
    pub(super) load_cpu: Option<f64>,
}

/// What was measured over a stretch of time.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    before: Reading,
    after: Reading,
    /// What the listeners counted.
    pub(crate) counts: Counts,
}

impl<'a> Run<'a> {
    /// Starts the load processes for `people` besides the talkers of `stages`.
    pub(crate) async fn begin(
        server: &'a Server,
        load: Load,
        people: usize,
        stages: Vec<Stage>,
        progress: Progress,
    ) -> Result<Self> {
        progress.phase("starting load processes");
        let fleet = Fleet::start(server.api.base(), people).await?;
        progress.of(fleet.seen());
        let (name, empty) = (run_name(), server.usage());
        Ok(Self { server, load, fleet, stages, people: People::default(), progress, empty, name })
    }

    /// The newcomers with these numbers, by fresh invites, each in the room that `room` names. Full peers are the first
    /// ones of all.
    pub(crate) async fn newcomers(
        &self,
        numbers: std::ops::Range<usize>,
        room: impl Fn(usize) -> String,
    ) -> Result<Vec<Newcomer>> {
        self.progress.phase("making invites");
        let full = self.load.full.of(self.load.listeners);
        let codes = self.server.invites(numbers.len()).await?;
        let newcomer = |(number, code): (usize, String)| {
            let handle = handle(&self.name, 'l', number);
            let pass = Pass::Invite { code, name: handle.clone(), handle };
            Newcomer { person: number as PersonNo, room: room(number), pass, full: number < full }
        };
        Ok(numbers.zip(codes).map(newcomer).collect())
    }

    /// The handle of somebody from [`Run::newcomers`].
    pub(crate) fn handle(&self, person: PersonNo) -> String {
        handle(&self.name, 'l', person as usize)
    }

    /// Lets people in and waits until each is in or has failed. Returns how long that took, and how many are in.
    pub(crate) async fn enter(&mut self, people: Vec<Newcomer>) -> Result<(Duration, usize)> {
        self.progress.phase("entering");
        let entered_before = self.people.steps.len();
        let began = Instant::now();
        self.order_in(people).await?;
        self.settle_orders().await?;
        Ok((began.elapsed(), self.people.steps.len() - entered_before))
    }

    /// Orders people in.
    pub(crate) async fn order_in(&mut self, people: Vec<Newcomer>) -> Result<()> {
        self.people.under_way.extend(people.iter().map(|newcomer| newcomer.person));
        self.fleet.enter(people, self.load.at_once).await
    }

    /// Orders people out.
    pub(crate) async fn order_out(&mut self, people: &[PersonNo]) -> Result<()> {
        self.people.under_way.extend(people);
        self.fleet.leave(people).await
    }

    /// Waits until nobody is on their way in or out.
    pub(crate) async fn settle_orders(&mut self) -> Result<()> {
        while !self.people.under_way.is_empty() {
            let news = tokio::time::timeout(STALLED, self.fleet.next()).await;
            self.people.take(news.map_err(|_| Error::Timeout("people who enter or leave"))??);
        }
        Ok(())
    }

    /// Lets time pass, and takes in what happens in it.
    pub(crate) async fn pass(&mut self, time: Duration) -> Result<()> {
        self.pass_until(Instant::now() + time).await
    }

    /// The same until a moment.
    pub(super) async fn pass_until(&mut self, until: Instant) -> Result<()> {
        while let Ok(news) = tokio::time::timeout_at(until, self.fleet.next()).await {
            self.people.take(news?);
        }
        Ok(())
    }

    /// Waits until what entering leaves behind is gone.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        self.progress.phase("settling");
        self.pass(SETTLE).await
    }

    /// Measures for some time.
    pub(crate) async fn stretch(&mut self, phase: &str, seconds: u64) -> Result<Stretch> {
        self.progress.phase(phase);
        let before = self.mark().await?;
        self.pass(Duration::from_secs(seconds)).await?;
        self.measured(before).await
    }

    /// Begins a stretch, to be ended with [`Run::measured`].
    async fn mark(&mut self) -> Result<Reading> {
        self.fleet.mark().await?;
        Ok(self.read().await)
    }

    async fn measured(&mut self, before: Reading) -> Result<Stretch> {
        let after = self.read().await;
        let counts = self.fleet.count().await?;
        Ok(Stretch { before, after, counts })
    }

    /// Runs `meanwhile` and measures until it is done.
    pub(crate) async fn stretch_while<T>(
        &mut self,
        phase: &str,
        meanwhile: impl AsyncFnOnce(&mut Self) -> Result<T>,
    ) -> Result<(Stretch, T)> {
        self.progress.phase(phase);
        let before = self.mark().await?;
        let done = meanwhile(self).await?;
        Ok((self.measured(before).await?, done))
    }

    /// Reads everything.
    pub(super) async fn read(&self) -> Reading {
        let text = self.server.api.metrics().await.ok();
        let own = procfs::usage(std::process::id());
        Reading {
            at: Instant::now(),
            usage: self.server.usage(),
            media: self.server.media_threads(),
            sent: text.as_deref().and_then(|text| counter(text, SENT)),
            residence: text.as_deref().and_then(|text| Histogram::parse(text, RESIDENCE)),
            load_cpu: own.map(|own| own.cpu_seconds + self.fleet.cpu_seconds()),
        }
    }

    /// Sound that was sent to each listener of a room over a stretch, in milliseconds; the mean of all rooms.
    fn sound_ms(&self, stretch: &Stretch) -> f64 {
        let (from, to) = (stretch.before.at, stretch.after.at);
        let frames = self.stages.iter().map(|stage| stage.score.frames_heard(stage.talkers.len(), from, to));
        frames.sum::<u64>() as f64 * FRAME_MILLIS as f64 / self.stages.len().max(1) as f64
    }

    /// Writes what a stretch has shown into the report.
    pub(crate) fn fill(&self, report: &mut Report, stretch: &Stretch) {
        let (before, after, counts) = (&stretch.before, &stretch.after, &stretch.counts);
        report.listeners = self.load.listeners;
        report.talkers = self.stages.iter().map(|stage| stage.talkers.len()).sum();
        report.seconds = stretch.seconds();
        fill_counts(report, counts);
        report.packing_ms = (counts.expected > 0 && counts.listeners > 0)
            .then(|| self.sound_ms(stretch) * counts.listeners as f64 / counts.expected as f64);
        report.failures = Some(self.people.failed.len());
        let sent = before.sent.zip(after.sent).map(|(before, after)| after - before);
        report.packets_sent = sent.map(|sent| sent as u64);
        let per_packet = |cpu: f64| sent.filter(|sent| *sent > 0.0).map(|sent| cpu * 1e6 / sent);
        report.server_cpu_cores = stretch.server_cores();
        report.server_cpu_seconds = report.server_cpu_cores.map(|cores| cores * report.seconds);
        report.process_us_per_packet = report.server_cpu_seconds.and_then(per_packet);
        report.rss_bytes = after.usage.map(|usage| usage.rss_bytes);
        let grown = self.empty.zip(after.usage).map(|(empty, after)| after.rss_bytes as f64 - empty.rss_bytes as f64);
        report.rss_per_listener_bytes = grown.map(|grown| grown / self.people.inside.len().max(1) as f64);
        if let (Some(before), Some(after)) = (before.media, after.media) {
            let cpu = after.cpu_seconds - before.cpu_seconds;
            report.media_cpu_cores = Some(cpu / report.seconds);
            report.us_per_packet = per_packet(cpu);
        }
        report.load_cpu_cores = stretch.load_cores();
        report.residence_ms_p50 = stretch.residence_ms(0.50);
        report.residence_ms_p99 = stretch.residence_ms(0.99);
        report.extra("cut_off", self.people.cut);
        if let Some(why) = &self.people.first_failure {
            report.extra("first_failure", why.as_str());
        }
    }

    /// Writes how people entered into the report.
    pub(crate) fn fill_entries(&self, report: &mut Report, (took, entered): (Duration, usize)) {
        let mut entry: Vec<f64> = self.people.steps.iter().map(|s| s.socket + s.offer + s.leg + s.sound).collect();
        report.entry_ms_p50 = percentile(&mut entry, 0.50);
        report.entry_ms_p95 = percentile(&mut entry, 0.95);
        report.entry_ms_p99 = percentile(&mut entry, 0.99);
        report.joins_per_second = (entered > 0).then(|| entered as f64 / took.as_secs_f64());
    }

    /// Silences the talkers and runs the bare loop to the same listeners, with packets like those of `stretch`. Nothing
    /// is measured where the server's threads are not known.
    pub(crate) async fn floor(&mut self, report: &mut Report, stretch: &Stretch) -> Result<()> {
        let counts = &stretch.counts;
        let (Some(media), Some(packing)) = (stretch.after.media, report.packing_ms) else { return Ok(()) };
        self.progress.phase("bare loop");
        self.stages.iter().for_each(|stage| stage.score.silence());
        self.pass(SILENCE).await?;
        let order = floor::Loop {
            addresses: self.fleet.addresses().await?,
            bytes: (counts.bytes / counts.received.max(1)) as usize,
            every_ms: rhythm(packing),
            threads: media.count,
            turns: FLOOR_TURNS,
        };
        if order.addresses.is_empty() || order.bytes == 0 {
            return Ok(());
        }
        let ran = floor::run(&order).await?;
        report.floor_us_per_packet = ran.us_per_packet();
        report.extra("floor_refused", ran.refused);
        report.extra("packet_bytes", order.bytes);
        Ok(())
    }

    /// Ends everything.
    ///
    /// # Errors
    /// What ended a talker earlier than this, which spoils a measurement.
    pub(crate) async fn end(self) -> Result<()> {
        self.progress.phase("ending");
        self.fleet.end().await;
        for stage in self.stages {
            stage.close().await?;
        }
        Ok(())
    }
}

impl Stretch {
    /// The same time with these counts instead.
    pub(crate) fn with(self, counts: Counts) -> Self {
        Self { counts, ..self }
    }

    /// Cores that the server kept busy.
    pub(crate) fn server_cores(&self) -> Option<f64> {
        let (before, after) = self.before.usage.zip(self.after.usage)?;
        Some((after.cpu_seconds - before.cpu_seconds) / self.seconds())
    }

    /// Cores that the load kept busy.
    pub(crate) fn load_cores(&self) -> Option<f64> {
        let (before, after) = self.before.load_cpu.zip(self.after.load_cpu)?;
        Some((after - before) / self.seconds())
    }

    fn seconds(&self) -> f64 {
        (self.after.at - self.before.at).as_secs_f64()
    }

    /// A quantile of the time that packets were inside the server, in milliseconds.
    pub(crate) fn residence_ms(&self, quantile: f64) -> Option<f64> {
        let between = self.after.residence.as_ref()?.since(self.before.residence.as_ref());
        between.quantile(quantile).map(|seconds| seconds * 1_000.0)
    }

    /// Share of packets that did not arrive, 0 to 1.
    pub(crate) fn loss(&self) -> f64 {
        loss(self.counts.expected, self.counts.received)
    }
}

/// Writes what the listeners counted into the report.
pub(crate) fn fill_counts(report: &mut Report, counts: &Counts) {
    report.connected = counts.heard;
    report.packets_expected = counts.expected;
    report.packets_received = counts.received;
    report.loss = loss(counts.expected, counts.received);
    report.payload_mismatches = counts.mismatches;
    report.duplicates = counts.duplicates;
    report.reordered = counts.reordered;
    report.starved = Some(counts.starved);
    report.longest_pause_ms = Some(counts.longest_pause_ms);
    report.full_peers = Some(counts.full);
    report.frames_expected = Some(counts.frames_expected);
    report.frames_received = Some(counts.frames);
    report.forged = Some(counts.forged);
}

/// The length of packets, of those that the server has, that is nearest to what was seen, in milliseconds.
fn rhythm(packing_ms: f64) -> u64 {
    let lengths = [20, 60, 120];
    let nearest = lengths.into_iter().min_by(|a, b| {
        let far = |length: u64| (length as f64 / packing_ms.max(1.0)).ln().abs();
        far(*a).total_cmp(&far(*b))
    });
    nearest.unwrap_or(FRAME_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_peers_are_a_count_or_a_share() {
        for (text, listeners, full) in [
            ("20", 1_000, 20),
            ("20", 5, 5),
            ("0", 5, 0),
            ("0.01", 1_000, 10),
            ("1%", 150, 2),
            ("1.0", 7, 7),
            ("100%", 7, 7),
        ] {
            assert_eq!(text.parse::<Full>().unwrap().of(listeners), full, "{text} of {listeners}");
        }
        for wrong in ["", "many", "-1", "1.5", "101%", "%", "0.x", "NaN%"] {
            assert!(wrong.parse::<Full>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_rhythm_is_one_that_the_server_has() {
        for (seen, length) in [(19.9, 20), (24.0, 20), (58.0, 60), (70.0, 60), (110.0, 120), (500.0, 120), (0.0, 20)] {
            assert_eq!(rhythm(seen), length, "{seen}");
        }
    }

    #[test]
    fn people_are_followed_in_and_out() {
        let mut people = People::default();
        people.under_way.extend(1..=6);
        let entered = |person| News::Entered { person, bearer: format!("b{person}"), steps: Steps::default() };
        (1..=3).for_each(|person| people.take(entered(person)));
        people.take(News::Failed { person: 4, code: "busy".into(), why: "full".into(), after_ms: 3.0 });
        people.take(News::Left { person: 1, late_packets: 2 });
        people.take(News::Cut { person: 2, why: "lost".into() });
        people.take(News::Cut { person: 5, why: "lost on the way in".into() });
        assert_eq!(people.inside.iter().copied().collect::<Vec<_>>(), [3]);
        assert_eq!(people.under_way.iter().copied().collect::<Vec<_>>(), [6]);
        assert_eq!((people.left, people.late_packets, people.cut), (1, 2, 2));
        assert_eq!(
            (people.failed.as_slice(), people.first_failure.as_deref()),
            (&[("busy".into(), 3.0)][..], Some("full"))
        );
        assert_eq!(people.bearers[&1], "b1");
    }
}
