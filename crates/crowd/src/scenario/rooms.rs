//! `crowd rooms`: many small rooms at the same time.

use futures_util::StreamExt;

use super::load::{Load, Run};
use super::progress::Progress;
use super::{Stage, handle, run_name, script};
use crate::report::Report;
use crate::server::Server;
use crate::{Error, Result};

/// Different scripts that the talkers of all rooms share: more take longer to encode.
const SCRIPTS: usize = 8;
/// Rooms that are opened at once.
const AT_ONCE: usize = 16;

/// Runs the scenario in `rooms` rooms with one talker each, over which the listeners are spread.
///
/// # Errors
/// As [`audience`](super::audience::audience).
pub async fn run(server: &Server, load: Load, rooms: usize) -> Result<Report> {
    let progress = Progress::start(server.id());
    let mut report = Report::of("rooms").await;
    progress.phase("opening rooms");
    let stages = open(server, rooms).await?;
    let ids: Vec<String> = stages.iter().map(|stage| stage.room.clone()).collect();
    let mut run = Run::begin(server, load, load.listeners, stages, progress).await?;
    let people = run.newcomers(0..load.listeners, |number| ids[number % ids.len()].clone()).await?;
    let entries = run.enter(people).await?;
    run.settle().await?;
    let stretch = run.stretch("measuring", load.seconds).await?;
    run.fill(&mut report, &stretch);
    run.fill_entries(&mut report, entries);
    report.extra("rooms", rooms);
    run.floor(&mut report, &stretch).await?;
    run.end().await?;
    Ok(report)
}

async fn open(server: &Server, rooms: usize) -> Result<Vec<Stage>> {
    if rooms == 0 {
        return Err(Error::Usage("at least one room".into()));
    }
    let run = run_name();
    let voices: Vec<String> = (0..SCRIPTS.min(rooms)).map(|index| handle(&run, 't', index)).collect();
    let scripts = futures_util::future::try_join_all(voices.iter().cloned().map(script)).await?;
    let codes = server.invites(rooms).await?;
    let openings = codes.into_iter().enumerate().map(|(room, code)| {
        let (run, script) = (run.clone(), scripts[room % scripts.len()].clone());
        // What follows two underscores does not change the script.
        let handle = format!("{}__{room}", voices[room % voices.len()]);
        async move {
            let member = server.api.redeem(&code, &handle, &handle).await?;
            Stage::with(run, vec![(member, script)], None).await
        }
    });
    let opened = futures_util::stream::iter(openings).buffered(AT_ONCE).collect::<Vec<_>>().await;
    opened.into_iter().collect()
}
