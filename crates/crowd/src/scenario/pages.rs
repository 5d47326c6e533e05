//! `crowd pages`: visitors without an account read public pages, at a steady rate and then as fast as the server gives them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::run_name;
use crate::control::Presence;
use crate::report::Report;
use crate::server::Server;
use crate::tally::percentile;
use crate::{Error, Result};

/// Connections over which pages are asked for. More visitors than that ask through the proxies in front of a server.
const CONNECTIONS: usize = 32;

/// Of the length of the run, the part in which pages are read as fast as they come.
const FLAT_OUT: f64 = 0.25;

/// What a page has at least: a server without the client answers all addresses alike.
const MARK: &str = "application/ld+json";

/// Runs the scenario: `rate` pages a second for most of `seconds`, then as many as come. Latency is counted from when a page was due, so
/// that a server that is late with one is late with all that waited behind it.
///
/// # Errors
/// [`Error::Refused`] when what the pages are about cannot be made, or a page cannot be read.
pub async fn run(server: &Server, rate: usize, seconds: u64) -> Result<Report> {
    let mut report = Report::of("pages").await;
    let (paths, _host) = subjects(server).await?;
    let (paths, rate) = (Arc::new(paths), rate.max(1));
    let steady = Duration::from_secs_f64(seconds as f64 * (1.0 - FLAT_OUT));
    let flat_out = Duration::from_secs_f64(seconds as f64 * FLAT_OUT);
    let planned = (rate as f64 * steady.as_secs_f64()) as usize;

    let (before, began) = (server.usage(), Instant::now());
    let due = move |number: usize| Some(began + Duration::from_secs_f64(number as f64 / rate as f64));
    let mut read = read_all(server, &paths, move |number| if number < planned { due(number) } else { None }).await?;
    let took = began.elapsed().as_secs_f64();
    report.seconds = took;
    report.packets_expected = planned as u64;
    report.packets_received = read.millis.len() as u64;
    if let (Some(before), Some(after)) = (before, server.usage()) {
        let cpu = after.cpu_seconds - before.cpu_seconds;
        report.server_cpu_seconds = Some(cpu);
        report.server_cpu_cores = Some(cpu / took);
        report.rss_bytes = Some(after.rss_bytes);
        report.extra("us_per_page", cpu * 1e6 / read.millis.len().max(1) as f64);
    }
    report.extra("requests_per_second", read.millis.len() as f64 / took);
    report.extra("ms_p50", percentile(&mut read.millis, 0.50));
    report.extra("ms_p99", percentile(&mut read.millis, 0.99));
    report.extra("pages", paths.len());
    report.extra("bytes_per_page", read.bytes as f64 / read.millis.len().max(1) as f64);

    let (before, began) = (server.usage(), Instant::now());
    let end = began + flat_out;
    let flat = read_all(server, &paths, move |_| Some(Instant::now()).filter(|now| *now < end)).await?;
    let took = began.elapsed().as_secs_f64();
    report.extra("flat_out_requests_per_second", flat.millis.len() as f64 / took);
    if let (Some(before), Some(after)) = (before, server.usage()) {
        let cores = (after.cpu_seconds - before.cpu_seconds) / took;
        report.extra("flat_out_server_cpu_cores", cores);
        report.extra("requests_per_core_second", flat.millis.len() as f64 / took / cores.max(f64::MIN_POSITIVE));
    }
    Ok(report)
}

/// What was read.
#[derive(Debug, Default)]
struct Read {
    /// From when each page was due to its last byte, in milliseconds.
    millis: Vec<f64>,
    bytes: usize,
}

/// Reads pages one after the other on each connection, the next one when it is due, until none is.
async fn read_all(
    server: &Server,
    paths: &Arc<Vec<String>>,
    due: impl Fn(usize) -> Option<Instant> + Clone + Send + 'static,
) -> Result<Read> {
    let number = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (api, paths, number, due) = (server.api.clone(), paths.clone(), number.clone(), due.clone());
        readers.spawn(async move {
            let mut read = Read::default();
            loop {
                let mine = number.fetch_add(1, Ordering::Relaxed);
                let Some(at) = due(mine) else { return Ok::<_, Error>(read) };
                sleep_until(at).await;
                let path = &paths[mine % paths.len()];
                let page = api.get(path).await?.body;
                if !page.contains(MARK) {
                    return Err(Error::Connection(format!("{path} is no public page")));
                }
                read.bytes += page.len();
                read.millis.push(at.elapsed().as_secs_f64() * 1_000.0);
            }
        });
    }
    let mut all = Read::default();
    while let Some(read) = readers.join_next().await {
        let read = read.map_err(|error| Error::Connection(error.to_string()))??;
        all.millis.extend(read.millis);
        all.bytes += read.bytes;
    }
    Ok(all)
}

/// Makes one of each thing that has a page, and gives their addresses; with the host of the live room, who is to stay.
async fn subjects(server: &Server) -> Result<(Vec<String>, Presence)> {
    let run = run_name();
    let (ada, ben) = (server.member(&format!("ada_{run}")).await?, server.member(&format!("ben_{run}")).await?);
    let house = format!("house_{run}");
    ada.order(Method::PATCH, "/api/me", &json!({ "public": true, "bio": "Engines, looms and numbers." })).await?;
    ada.order(
        Method::POST,
        "/api/houses",
        &json!({ "handle": house, "name": "Makers", "about": "People who make things." }),
    )
    .await?;
    let text = "We would like to hear how it began, what went wrong, and what you would do today.\n\n".repeat(6);
    let invitation = json!({
        "invitee": { "handle": ben.handle().await? }, "language": "en", "title": "An evening on engines", "text": text,
        "topics": ["engines", "numbers"],
        "translations": [{ "language": "ru", "title": "Вечер о машинах", "text": "Расскажите, как всё начиналось. ".repeat(12) }],
    });
    let invitation = ada.make("/api/invitations", &invitation).await?;
    let event = json!({ "title": "The long talk", "about": text, "language": "en", "topics": ["engines"] });
    let event = ada.make("/api/events", &event).await?;
    let room = ada.open_room("Rust and other pastimes").await?;
    let host = Presence::enter(&ada, &room, true).await?;
    let paths = vec![
        format!("/invitations/{invitation}?language=en"),
        format!("/invitations/{invitation}?language=ru"),
        format!("/events/{event}"),
        format!("/houses/{house}"),
        format!("/people/{}", ada.handle().await?),
        format!("/room/{room}"),
    ];
    Ok((paths, host))
}
