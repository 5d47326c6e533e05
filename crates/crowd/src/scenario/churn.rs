//! `crowd churn`: people enter and leave all the time around a constant size.
//!
//! Every ten seconds the coming and going stops for a moment, in which the roster must be exactly those who receive sound.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::Stage;
use super::agreement::Agreement;
use super::load::{Load, Run};
use super::progress::Progress;
use super::speech::Dice;
use crate::fleet::protocol::{Counts, Newcomer, Pass, PersonNo};
use crate::fleet::sum_of;
use crate::report::Report;
use crate::server::Server;
use crate::{Error, Result};

/// How often people are sent in and out.
const TURN: Duration = Duration::from_secs(1);
/// Turns between two samples.
const SAMPLE_EVERY: u64 = 10;
/// Between the last coming or going and a sample: whoever has left receives nothing any more.
const QUIET: Duration = Duration::from_millis(1_200);
/// Who receives has received something in so long a time. Longer than the longest packets and a short hiccup, shorter than
/// [`QUIET`].
const RECEIVING: Duration = Duration::from_millis(600);
/// How long memory may grow before it should be flat: a third of the run, and at most this.
const WARM_UP: Duration = Duration::from_secs(300);
/// Samples whose mean is taken for the memory at a moment.
const MEAN_OF: usize = 3;

/// Runs the scenario with `rate` people each second who enter, and as many who leave.
///
/// # Errors
/// As [`audience`](super::audience::audience).
pub async fn run(server: &Server, load: Load, rate: usize) -> Result<Report> {
    let progress = Progress::start(server.id());
    let mut report = Report::of("churn").await;
    let stage = Stage::open(server, load.talkers).await?;
    // Whoever has left can come back: those outside are enough that nobody has to hurry.
    let members = load.listeners + 2 * rate * SAMPLE_EVERY as usize;
    let room = stage.room.clone();
    let mut run = Run::begin(server, load, members, vec![stage], progress).await?;
    let people = run.newcomers(0..members, |_| room.clone()).await?;
    let entries = run.enter(people[..load.listeners].to_vec()).await?;
    run.settle().await?;
    let (began, mut dice, mut samples) = (Instant::now(), Dice::new(), Samples::default());
    let (stretch, counts) = run
        .stretch_while("coming and going", async |run| {
            let mut counts = Counts::default();
            while began.elapsed() < Duration::from_secs(load.seconds) {
                for _ in 0..SAMPLE_EVERY {
                    let next = Instant::now() + TURN;
                    turn(run, &people, rate, &mut dice).await?;
                    run.pass(next.saturating_duration_since(Instant::now())).await?;
                }
                let heard = run.fleet.count().await?;
                counts = Counts {
                    listeners: heard.listeners,
                    heard: heard.heard,
                    full: heard.full,
                    ..sum_of(&counts, &heard)
                };
                samples.take(run, began.elapsed()).await?;
                run.fleet.mark().await?;
            }
            Ok(counts)
        })
        .await?;
    run.fill(&mut report, &stretch.with(counts));
    run.fill_entries(&mut report, entries);
    // The sound of a listener is that of the time between two samples, not of the whole stretch.
    report.packing_ms = None;
    report.connected = run.people.inside.len();
    report.extra("rate", rate);
    report.extra("entered", run.people.steps.len());
    report.extra("left", run.people.left);
    report.extra("late_packets", run.people.late_packets);
    samples.fill(&mut report);
    run.end().await?;
    Ok(report)
}

/// Sends `rate` people out and as many in as keep the size.
async fn turn(run: &mut Run<'_>, people: &[Newcomer], rate: usize, dice: &mut Dice) -> Result<()> {
    let free = |person: &PersonNo| !run.people.under_way.contains(person);
    let mut inside: Vec<PersonNo> = run.people.inside.iter().copied().filter(free).collect();
    let leaving: Vec<PersonNo> = draw(&mut inside, rate, dice);
    let outside = people.iter().filter(|one| !run.people.inside.contains(&one.person) && free(&one.person));
    let mut outside: Vec<Newcomer> = outside.cloned().collect();
    // Whoever was cut off or failed is made up for.
    let staying =
        inside.len() + run.people.under_way.iter().filter(|person| !run.people.inside.contains(person)).count();
    let mut entering = draw(&mut outside, run.load.listeners.saturating_sub(staying), dice);
    for newcomer in &mut entering {
        if let Some(bearer) = run.people.bearers.get(&newcomer.person) {
            newcomer.pass = Pass::Bearer(bearer.clone());
        }
    }
    run.order_out(&leaving).await?;
    run.order_in(entering).await
}

/// Takes `count` elements out, or all if there are fewer.
fn draw<T>(from: &mut Vec<T>, count: usize, dice: &mut Dice) -> Vec<T> {
    (0..count.min(from.len())).map(|_| from.swap_remove(dice.within(0, from.len()))).collect()
}

/// What the samples have shown.
#[derive(Debug, Default)]
struct Samples {
    /// Seconds since the beginning, and the server's memory in bytes.
    memory: Vec<(f64, f64)>,
    agreement: Agreement,
}

impl Samples {
    /// Stops the coming and going for a moment, and compares.
    async fn take(&mut self, run: &mut Run<'_>, at: Duration) -> Result<()> {
        run.settle_orders().await?;
        run.pass(QUIET).await?;
        let stage = run.stages.first().ok_or(Error::Timeout("a room"))?;
        let host = stage.host.as_ref().ok_or(Error::Timeout("a host"))?;
        let talkers: BTreeSet<String> = (0..stage.talkers.len()).map(|index| stage.handle('t', index)).collect();
        let receiving = run.fleet.receiving(RECEIVING).await?;
        let receiving: BTreeSet<String> = receiving.into_iter().map(|person| run.handle(person)).collect();
        let roster: BTreeSet<String> = host.roster(&stage.room).await?.into_iter().collect();
        self.agreement.compare(&roster.difference(&talkers).cloned().collect(), &receiving);
        if let Some(usage) = run.server.usage() {
            self.memory.push((at.as_secs_f64(), usage.rss_bytes as f64));
        }
        Ok(())
    }

    fn fill(&self, report: &mut Report) {
        self.agreement.fill(report);
        report.extra("rss_samples", self.memory.iter().map(|(_, bytes)| *bytes as u64).collect::<Vec<_>>());
        let Some((last, _)) = self.memory.last() else { return };
        let warm_up = (last / 3.0).min(WARM_UP.as_secs_f64());
        let warm: Vec<_> = self.memory.iter().copied().filter(|(at, _)| *at >= warm_up).collect();
        let mean = |samples: &[(f64, f64)]| samples.iter().map(|(_, bytes)| bytes).sum::<f64>() / samples.len() as f64;
        let (first, last) = (mean(&warm[..MEAN_OF.min(warm.len())]), mean(&warm[warm.len().saturating_sub(MEAN_OF)..]));
        report.extra("rss_warm_bytes", first as u64);
        report.extra("rss_end_bytes", last as u64);
        report.extra("rss_change_percent", (last - first) / first * 100.0);
        let span = warm.last().map_or(0.0, |end| end.0) - warm.first().map_or(0.0, |begin| begin.0);
        report.extra("rss_slope_percent", slope(&warm).map(|slope| slope * span / first * 100.0));
    }
}

/// The slope of the line that fits best (least squares); `None` for fewer than two different times.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (x_mean, y_mean) =
        (points.iter().map(|(x, _)| x).sum::<f64>() / count, points.iter().map(|(_, y)| y).sum::<f64>() / count);
    let below: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let above: f64 = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_takes_out_what_it_gives() {
        let (mut from, mut dice) = ((0..10).collect::<Vec<_>>(), Dice::new());
        let drawn = draw(&mut from, 4, &mut dice);
        let all: BTreeSet<i32> = from.iter().chain(&drawn).copied().collect();
        assert_eq!((drawn.len(), from.len(), all.len()), (4, 6, 10));
        assert_eq!(draw(&mut from, 99, &mut dice).len(), 6);
    }

    #[test]
    fn memory_is_judged_after_the_warm_up() {
        // It grows for forty seconds and is flat then; what is before the warm-up does not count.
        let memory = (0..12).map(|i| (f64::from(i) * 10.0, f64::from(i.min(4)) * 100.0 + 600.0)).collect();
        let samples = Samples { memory, ..Samples::default() };
        let mut report = Report::default();
        samples.fill(&mut report);
        assert_eq!((&report.extras["rss_warm_bytes"], &report.extras["rss_end_bytes"]), (&1_000.into(), &1_000.into()));
        assert_eq!(
            (&report.extras["rss_change_percent"], &report.extras["rss_slope_percent"]),
            (&0.0.into(), &0.0.into())
        );
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Some(2.0));
        assert_eq!((slope(&[]), slope(&[(1.0, 1.0)])), (None, None));
        Samples::default().fill(&mut report);
    }
}
