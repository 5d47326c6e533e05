//! `crowd flood`: garbage on the media ports while an audience listens.

use std::time::Duration;

use super::Stage;
use super::load::{Load, Run};
use super::progress::Progress;
use crate::fleet::flood::{self, Flood};
use crate::report::Report;
use crate::server::Server;
use crate::{Error, Result};

/// Between the beginning of the flood and the first packet that is measured in it.
const RISE: Duration = Duration::from_secs(1);

/// Runs the scenario: half of the time in peace, half of it with `per_second` garbage datagrams a second. The plain figures
/// are those of the second half; those of the first have `peace` in their names.
///
/// # Errors
/// As [`audience`](super::audience::audience); [`Error::Usage`] when the server's media ports are not known.
pub async fn run(server: &Server, load: Load, per_second: u32) -> Result<Report> {
    let targets = server.media_addresses();
    if targets.is_empty() {
        return Err(Error::Usage("flood needs a server that it starts itself, on a system with /proc".into()));
    }
    let progress = Progress::start(server.id());
    let mut report = Report::of("flood").await;
    let stage = Stage::open(server, load.talkers).await?;
    let (room, user) = (stage.room.clone(), stage.ice_user.clone());
    let mut run = Run::begin(server, load, load.listeners, vec![stage], progress).await?;
    let people = run.newcomers(0..load.listeners, |_| room.clone()).await?;
    let entries = run.enter(people).await?;
    run.settle().await?;
    let half = (load.seconds / 2).max(1);
    let peace = run.stretch("measuring in peace", half).await?;
    let order = Flood { targets, user, per_second, seconds: half + 2 * RISE.as_secs() };
    let flooding = tokio::spawn(async move { flood::run(&order).await });
    run.pass(RISE).await?;
    let stretch = run.stretch("measuring in the flood", half).await?;
    let flooded = flooding.await.map_err(|error| Error::Load(error.to_string()))??;
    run.fill(&mut report, &stretch);
    run.fill_entries(&mut report, entries);
    report.extra("flood_per_second", flooded.packets as f64 / flooded.seconds);
    report.extra("flood_packets", flooded.packets);
    report.extra("peace_loss", peace.loss());
    report.extra("peace_starved", peace.counts.starved);
    report.extra("peace_server_cores", peace.server_cores());
    report.extra("peace_residence_ms_p50", peace.residence_ms(0.50));
    report.extra("peace_residence_ms_p99", peace.residence_ms(0.99));
    run.end().await?;
    Ok(report)
}
