//! `crowd overload`: more people knock than the server takes.

use std::time::{Duration, Instant};

use super::load::{Load, Run};
use super::progress::Progress;
use super::{Stage, handle};
use crate::api::Api;
use crate::leg::{Leg, SLOTS};
use crate::report::Report;
use crate::server::Server;
use crate::tally::percentile;
use crate::{Error, Result};

/// The code by which the server says that it is full.
const FULL: &str = "server_full";
/// Members who knock over HTTP as a player does, to see how it is refused there.
const PLAYERS: usize = 20;

/// Runs the scenario: `inside` people enter, and while they are measured the others knock all at once.
///
/// # Errors
/// As [`audience`](super::audience::audience).
pub async fn run(server: &Server, load: Load, inside: usize) -> Result<Report> {
    let progress = Progress::start(server.id());
    let mut report = Report::of("overload").await;
    let stage = Stage::open(server, load.talkers).await?;
    let room = stage.room.clone();
    let players = players(server, &stage).await?;
    let mut run = Run::begin(server, load, load.listeners, vec![stage], progress).await?;
    let mut people = run.newcomers(0..load.listeners, |_| room.clone()).await?;
    let knocking = people.split_off(inside.min(people.len()));
    let (knocked, failed_before) = (knocking.len(), people.len());
    let entries = run.enter(people).await?;
    let failed_before = failed_before - entries.1;
    run.settle().await?;
    let (stretch, mut refused_http) = run
        .stretch_while("knocking", async |run| {
            let began = Instant::now();
            run.order_in(knocking).await?;
            run.settle_orders().await?;
            let mut refused = Vec::with_capacity(players.len());
            for player in &players {
                refused.push(knock(player, &room).await?);
                run.pass(Duration::ZERO).await?;
            }
            let rest = Duration::from_secs(load.seconds).saturating_sub(began.elapsed());
            run.pass(rest).await?;
            Ok(refused)
        })
        .await?;
    run.fill(&mut report, &stretch);
    run.fill_entries(&mut report, entries);
    let knocks = run.people.failed.get(failed_before..).unwrap_or_default();
    let mut millis: Vec<f64> = knocks.iter().filter(|(code, _)| code == FULL).map(|(_, millis)| *millis).collect();
    report.extra("inside", entries.1);
    report.extra("knocked", knocked);
    report.extra("refused", millis.len());
    report.extra("failed_otherwise", knocks.len() - millis.len());
    for (name, quantile) in [("refused_ms_p50", 0.50), ("refused_ms_p99", 0.99), ("refused_ms_max", 1.0)] {
        report.extra(name, percentile(&mut millis, quantile));
    }
    refused_http.retain(|refusal| refusal.full);
    let mut http_millis: Vec<f64> = refused_http.iter().map(|refusal| refusal.millis).collect();
    report.extra("http_knocked", players.len());
    report.extra("http_refused", refused_http.len());
    report.extra("http_refused_with_retry_after", refused_http.iter().filter(|refusal| refusal.retry_after).count());
    report.extra("http_refused_ms_max", percentile(&mut http_millis, 1.0));
    run.end().await?;
    Ok(report)
}

/// Members who are signed in and not in the room.
async fn players(server: &Server, stage: &Stage) -> Result<Vec<Api>> {
    let mut players = Vec::with_capacity(PLAYERS);
    for (index, code) in server.invites(PLAYERS).await?.into_iter().enumerate() {
        let handle = handle(&stage.run, 'p', index);
        players.push(server.api.redeem(&code, &handle, &handle).await?);
    }
    Ok(players)
}

/// How the server answered somebody who wanted to listen.
struct Refusal {
    /// Because it is full.
    full: bool,
    /// It said when to come back.
    retry_after: bool,
    millis: f64,
}

/// Asks for a listen leg. Whoever gets one does not keep it.
async fn knock(player: &Api, room: &str) -> Result<Refusal> {
    let began = Instant::now();
    let answer = Leg::listen(player, room, SLOTS).await;
    let millis = began.elapsed().as_secs_f64() * 1_000.0;
    match answer {
        Ok(leg) => {
            player.delete(leg.location()).await?;
            Ok(Refusal { full: false, retry_after: false, millis })
        }
        Err(Error::Refused { code, retry_after, .. }) => {
            Ok(Refusal { full: code == FULL, retry_after: retry_after.is_some(), millis })
        }
        Err(error) => Err(error),
    }
}
