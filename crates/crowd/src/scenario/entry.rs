//! `crowd entry`: how long it takes to hear a room.

use std::time::{Duration, Instant};

use super::{Size, Stage, residence};
use crate::api::Api;
use crate::control::Presence;
use crate::leg::{Leg, LegEvent, SLOTS, talker};
use crate::report::Report;
use crate::server::Server;
use crate::tally::{Tally, percentile};
use crate::{Error, Result};

/// How often each member enters.
const ROUNDS: usize = 5;
/// After this an entry counts as failed.
const ENTRY_PATIENCE: Duration = Duration::from_secs(10);

/// Runs the scenario: each of the listeners enters, hears one packet and leaves, one after another,
/// `ROUNDS` times. `packets_expected` counts the entries.
///
/// # Errors
/// Whatever keeps the talkers from talking, or a member from leaving.
pub async fn run(server: &Server, size: Size) -> Result<Report> {
    let stage = Stage::open(server, size.talkers).await?;
    let members = stage.audience(server, size.listeners).await?;
    let (usage_before, residence_before, began) = (server.usage(), residence(server).await, Instant::now());
    let mut report = Report {
        listeners: size.listeners,
        talkers: size.talkers,
        packets_expected: (members.len() * ROUNDS) as u64,
        ..Report::of("entry").await
    };
    let mut entry_ms = Vec::with_capacity(members.len() * ROUNDS);
    let mut heard_by = vec![false; members.len()];
    for _ in 0..ROUNDS {
        for (member, heard) in members.iter().zip(&mut heard_by) {
            match enter(member, &stage).await {
                Ok(entry) => {
                    entry_ms.push(entry.millis);
                    report.packets_received += 1;
                    report.payload_mismatches += u64::from(!entry.as_sent);
                    *heard = true;
                }
                Err(error) => eprintln!("crowd: an entry failed: {error}"),
            }
        }
    }
    report.seconds = began.elapsed().as_secs_f64();
    report.connected = heard_by.into_iter().filter(|heard| *heard).count();
    report.loss = (report.packets_expected - report.packets_received) as f64 / report.packets_expected as f64;
    if let (Some(before), Some(after)) = (usage_before, server.usage()) {
        let cpu = after.cpu_seconds - before.cpu_seconds;
        report.server_cpu_seconds = Some(cpu);
        report.server_cpu_cores = Some(cpu / report.seconds);
        report.rss_bytes = Some(after.rss_bytes);
    }
    let residence = residence(server).await.map(|now| now.since(residence_before.as_ref()));
    let residence_ms = |quantile| residence.as_ref()?.quantile(quantile).map(|seconds| seconds * 1_000.0);
    report.residence_ms_p50 = residence_ms(0.50);
    report.residence_ms_p99 = residence_ms(0.99);
    report.entry_ms_p50 = percentile(&mut entry_ms, 0.50);
    report.entry_ms_p95 = percentile(&mut entry_ms, 0.95);
    report.entry_ms_p99 = percentile(&mut entry_ms, 0.99);
    stage.close().await?;
    Ok(report)
}

struct Entry {
    /// From before the control socket is opened to the first packet.
    millis: f64,
    /// Whether that packet is byte for byte one of its talker's.
    as_sent: bool,
}

/// Enters, hears one packet, leaves.
async fn enter(member: &Api, stage: &Stage) -> Result<Entry> {
    let opened = Instant::now();
    let hearing = async {
        let presence = Presence::enter(member, &stage.room, false).await?;
        let mut leg = Leg::listen(member, &stage.room, SLOTS).await?;
        loop {
            if let LegEvent::Heard(packet) = leg.next().await? {
                return Ok::<_, Error>((presence, packet));
            }
        }
    };
    let (presence, packet) =
        tokio::time::timeout(ENTRY_PATIENCE, hearing).await.map_err(|_| Error::Timeout("the first packet"))??;
    let millis = opened.elapsed().as_secs_f64() * 1_000.0;
    let known = talker(&packet.header).and_then(|number| stage.talkers.get(&number));
    let as_sent = known.is_some_and(|talker| Tally::new(talker.known.clone()).heard(&packet.payload).is_some());
    presence.leave().await?;
    Ok(Entry { millis, as_sent })
}
