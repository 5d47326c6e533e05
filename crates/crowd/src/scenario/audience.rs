//! `crowd audience` and `crowd panel`: many listen to one room.

use super::Stage;
use super::load::{Load, Run};
use super::progress::Progress;
use super::speech::Turns;
use crate::Result;
use crate::report::Report;
use crate::server::Server;

/// Runs `audience`: the talkers talk without a pause.
///
/// # Errors
/// Whatever keeps the talkers from talking, or ends a load process. A listener that fails is counted, not an error.
pub async fn audience(server: &Server, load: Load) -> Result<Report> {
    run(server, "audience", load, None).await
}

/// Runs `panel`: the talkers speak in turns and over each other, with pauses in which nothing is sent.
///
/// # Errors
/// As [`audience`].
pub async fn panel(server: &Server, load: Load) -> Result<Report> {
    run(server, "panel", load, Some(Turns::conversation(load.talkers))).await
}

async fn run(server: &Server, scenario: &str, load: Load, turns: Option<Turns>) -> Result<Report> {
    let progress = Progress::start(server.id());
    let mut report = Report::of(scenario).await;
    let stage = Stage::open_with(server, load.talkers, turns).await?;
    let room = stage.room.clone();
    let mut run = Run::begin(server, load, load.listeners, vec![stage], progress).await?;
    let people = run.newcomers(0..load.listeners, |_| room.clone()).await?;
    let entries = run.enter(people).await?;
    run.settle().await?;
    let stretch = run.stretch("measuring", load.seconds).await?;
    run.fill(&mut report, &stretch);
    run.fill_entries(&mut report, entries);
    run.floor(&mut report, &stretch).await?;
    run.end().await?;
    Ok(report)
}
