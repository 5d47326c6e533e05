//! `crowd rush`: everybody enters in one burst, new to the server, from signing in to the first packet.

use super::Stage;
use super::load::{Load, Run};
use super::progress::Progress;
use crate::Result;
use crate::fleet::protocol::Steps;
use crate::report::Report;
use crate::server::Server;
use crate::tally::percentile;

/// Where the milliseconds of a step are.
type Part = fn(&Steps) -> f64;
/// The steps of a way in.
const STEPS: [(&str, Part); 5] = [
    ("sign_in", |steps| steps.sign_in),
    ("socket", |steps| steps.socket),
    ("offer", |steps| steps.offer),
    ("leg", |steps| steps.leg),
    ("sound", |steps| steps.sound),
];

/// Runs the scenario. `joins_per_second` is from the first sign-in request to the last one's first packet; the stretch
/// that is measured afterwards shows that all of them hear the room.
///
/// # Errors
/// As [`audience`](super::audience::audience).
pub async fn run(server: &Server, load: Load) -> Result<Report> {
    let progress = Progress::start(server.id());
    let mut report = Report::of("rush").await;
    let stage = Stage::open(server, load.talkers).await?;
    let room = stage.room.clone();
    let mut run = Run::begin(server, load, load.listeners, vec![stage], progress).await?;
    let people = run.newcomers(0..load.listeners, |_| room.clone()).await?;
    let (rush, entries) = run.stretch_while("entering", async |run| run.enter(people).await).await?;
    run.settle().await?;
    let stretch = run.stretch("measuring", load.seconds).await?;
    run.fill(&mut report, &stretch);
    run.fill_entries(&mut report, entries);
    report.extra("rush_seconds", entries.0.as_secs_f64());
    report.extra("rush_server_cores", rush.server_cores());
    report.extra("rush_load_cores", rush.load_cores());
    report.extra("rush_residence_ms_p99", rush.residence_ms(0.99));
    report.extra("at_once", load.at_once);
    for (name, part) in STEPS {
        let mut millis: Vec<f64> = run.people.steps.iter().map(part).collect();
        report.extra(&format!("{name}_ms_p50"), percentile(&mut millis, 0.50));
        report.extra(&format!("{name}_ms_p99"), percentile(&mut millis, 0.99));
    }
    report.extra("retries", run.people.steps.iter().map(|steps| u64::from(steps.retries)).sum::<u64>());
    run.end().await?;
    Ok(report)
}
