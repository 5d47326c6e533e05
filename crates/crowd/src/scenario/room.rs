//! `crowd room`: one room, and every packet accounted for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Size, Stage, residence};
use crate::api::Api;
use crate::control::Presence;
use crate::leg::{Leg, LegEvent, SLOTS, talker};
use crate::report::{Report, loss};
use crate::server::Server;
use crate::tally::{Counts, Known, Tally, percentile};
use crate::{Error, Result};

/// How long all listeners together may take to hear something. Who has not by then counts as not connected.
const ENTER_PATIENCE: Duration = Duration::from_secs(60);
/// Frames between deciding where the measured stretch begins or ends and the first frame there, so that no listener
/// is past it already: half a second.
const AHEAD: u64 = 25;
/// How long packets may be under way after the end of the measured stretch.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// What one listener found.
#[derive(Debug, Default)]
struct Heard {
    any: bool,
    counts: Counts,
    /// Packets whose CSRC names nobody who talks.
    strangers: u64,
    /// Numbers in the sequences that the listener's slots spanned: what the server sent it.
    span: u64,
}

/// Runs the scenario.
///
/// # Errors
/// Whatever keeps the talkers from talking, or a lost server. A listener that fails is counted, not an error.
pub async fn run(server: &Server, size: Size) -> Result<Report> {
    let stage = Stage::open(server, size.talkers).await?;
    let known = stage.known();
    let (stop, stopped) = watch::channel(false);
    let (entered, mut entries) = mpsc::channel(size.listeners);
    let mut listeners = JoinSet::new();
    for api in stage.audience(server, size.listeners).await? {
        listeners.spawn(listen(api, stage.room.clone(), known.clone(), entered.clone(), stopped.clone()));
    }
    drop(entered);
    let mut entry_ms = Vec::with_capacity(size.listeners);
    let everybody = async {
        while entry_ms.len() < size.listeners
            && let Some(entry) = entries.recv().await
        {
            entry_ms.push(entry);
        }
    };
    let _late_ones_count_as_not_connected = tokio::time::timeout(ENTER_PATIENCE, everybody).await;

    let (usage_before, residence_before, began) = (server.usage(), residence(server).await, Instant::now());
    mark(&known, |one| &one.from);
    tokio::time::sleep(Duration::from_secs(size.seconds)).await;
    mark(&known, |one| &one.to);
    let (usage, seconds) = (server.usage(), began.elapsed().as_secs_f64());
    let residence = residence(server).await.map(|now| now.since(residence_before.as_ref()));
    tokio::time::sleep(UNDER_WAY).await;
    stop.send_replace(true);

    let mut report = Report { listeners: size.listeners, talkers: size.talkers, seconds, ..Report::of("room").await };
    let mut span = 0;
    while let Some(heard) = listeners.join_next().await {
        let heard = heard.map_err(|error| Error::Media(error.to_string()))?;
        report.connected += usize::from(heard.any);
        // With more talkers than slots the server chooses whom to send: what it did send is what can be expected.
        let forwarded_by_choice = size.talkers > SLOTS;
        report.packets_received += if forwarded_by_choice { heard.counts.frames } else { heard.counts.counted };
        report.payload_mismatches += heard.counts.mismatches + heard.strangers;
        report.duplicates += heard.counts.duplicates;
        report.reordered += heard.counts.reordered;
        span += heard.span;
    }
    let stretch = |one: &Known| one.to.load(Ordering::Acquire) - one.from.load(Ordering::Acquire);
    report.packets_expected = if size.talkers > SLOTS {
        span
    } else {
        known.values().map(|one| stretch(one)).sum::<u64>() * size.listeners as u64
    };
    stage.close().await?;
    report.loss = loss(report.packets_expected, report.packets_received);
    if let (Some(before), Some(after)) = (usage_before, usage) {
        let cpu = after.cpu_seconds - before.cpu_seconds;
        report.server_cpu_seconds = Some(cpu);
        report.server_cpu_cores = Some(cpu / seconds);
        report.rss_bytes = Some(after.rss_bytes);
    }
    report.entry_ms_p50 = percentile(&mut entry_ms, 0.50);
    report.entry_ms_p95 = percentile(&mut entry_ms, 0.95);
    report.entry_ms_p99 = percentile(&mut entry_ms, 0.99);
    let residence_ms = |quantile| residence.as_ref()?.quantile(quantile).map(|seconds| seconds * 1_000.0);
    report.residence_ms_p50 = residence_ms(0.50);
    report.residence_ms_p99 = residence_ms(0.99);
    Ok(report)
}

/// Puts a border of the measured stretch a little ahead of what each talker has sent.
fn mark(known: &BTreeMap<u32, Arc<Known>>, border: impl Fn(&Known) -> &std::sync::atomic::AtomicU64) {
    for one in known.values() {
        border(one).store(one.sent.load(Ordering::Acquire) + AHEAD, Ordering::Release);
    }
}

/// One listener from entering to the end. Reports the milliseconds from opening the control socket to the first
/// packet on `entered`.
async fn listen(
    api: Api,
    room: String,
    known: BTreeMap<u32, Arc<Known>>,
    entered: mpsc::Sender<f64>,
    mut stop: watch::Receiver<bool>,
) -> Heard {
    let mut tallies: BTreeMap<u32, Tally> =
        known.into_iter().map(|(number, known)| (number, Tally::new(known))).collect();
    let mut slots: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut heard = Heard::default();
    let opened = Instant::now();
    let listening = async {
        let _presence = Presence::enter(&api, &room, false).await?;
        let mut leg = Leg::listen(&api, &room, SLOTS).await?;
        loop {
            let LegEvent::Heard(packet) = leg.next().await? else {
                continue;
            };
            if !heard.any {
                heard.any = true;
                let _run_is_over = entered.send(opened.elapsed().as_secs_f64() * 1_000.0).await;
            }
            match talker(&packet.header).and_then(|number| tallies.get_mut(&number)) {
                Some(tally) => _ = tally.heard(&packet.payload),
                None => heard.strangers += 1,
            }
            let number = *packet.seq_no;
            let span = slots.entry(*packet.header.ssrc).or_insert((number, number));
            *span = (span.0.min(number), span.1.max(number));
        }
    };
    tokio::select! {
        ended = listening => {
            let error: Result<()> = ended;
            if let Err(error) = error {
                eprintln!("crowd: a listener ended: {error}");
            }
        }
        _ = stop.wait_for(|stop| *stop) => {}
    }
    for tally in tallies.values() {
        heard.counts += tally.counts();
    }
    heard.span = slots.values().map(|(first, last)| last - first + 1).sum();
    heard
}
