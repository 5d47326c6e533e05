//! `crowd worker`: a load process. It takes orders on standard input and reports on standard output, as
//! [`super::protocol`] has it.
//!
//! One thread has the UDP sockets of all light listeners; one runs everything else, which is HTTP, control sockets and
//! the full peers; two more read orders and write reports, so that nobody waits for a pipe.

use std::io::{BufRead, BufWriter, Read, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::full::{Ear, Scripts};
use super::listener::Identity;
use super::media::Media;
use super::person::{Crowd, Leave, live, lock};
use super::protocol::{Newcomer, Order, PersonNo, Report};
use crate::api::Api;
use crate::{Error, Result};

/// Orders that may wait.
const ORDERS: usize = 64;
/// Reports that may wait; whoever has one more waits, but for the one of every second, which is left out.
const REPORTS: usize = 4_096;
/// Longest order, in bytes: some thousand people to enter.
const ORDER_BYTES: u64 = 16 << 20;
/// How often progress is reported.
const PROGRESS: Duration = Duration::from_secs(1);
/// How long everybody may take to leave at the end.
const END_PATIENCE: Duration = Duration::from_secs(5);
/// Files that each person has open: a control socket and a UDP socket.
const FILES_EACH: usize = 2;
/// Files that the process has open besides those of people.
const FILES_ELSE: usize = 64;

/// Runs until it is told to end, or standard input ends.
///
/// # Errors
/// [`Error::Usage`] for an order that is none, or for more people than files; [`Error::Io`] when the system refuses
/// a thread.
pub async fn run() -> Result<()> {
    // On one thread, which shares nothing with other threads but the queues: the server needs the processors more.
    let running = tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::io("a runtime", error))?;
        let done = runtime.block_on(work());
        // What still runs has nobody to report to.
        runtime.shutdown_background();
        done
    });
    running.await.map_err(|error| Error::Media(format!("the load process broke: {error}")))?
}

async fn work() -> Result<()> {
    let files = raise_file_limit();
    let mut orders = read_orders()?;
    let server = match orders.recv().await {
        Some(Ok(Order::Begin { server })) => server,
        Some(Err(error)) => return Err(error),
        None => return Ok(()),
        Some(Ok(_)) => return Err(Error::Usage("the first order must be to begin".into())),
    };
    let identity = Arc::new(Identity::generate()?);
    let crowd = Arc::new(Crowd {
        api: Api::new(&server)?,
        media: Media::start(identity.clone())?,
        identity,
        scripts: Scripts::default(),
        reports: write_reports()?,
        full: Mutex::default(),
        people: Mutex::default(),
    });
    let mut tasks = JoinSet::new();
    let mut progress = tokio::time::interval(PROGRESS);
    progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            order = orders.recv() => match order.transpose()? {
                None | Some(Order::End) => break,
                Some(order) => obey(&crowd, &mut tasks, files, order).await?,
            },
            Some(ended) = tasks.join_next() => ended.map_err(|error| Error::Media(error.to_string()))?,
            _ = progress.tick() => {
                let report = progress_of(&crowd);
                // A reader that is behind gets the next one.
                let _left_out = crowd.reports.try_send(report);
            }
        }
    }
    let leaving: Vec<_> = lock(&crowd.people).drain().collect();
    for (_, leave) in leaving {
        let _has_left_already = leave.send(Leave::End);
    }
    let everybody = async { while tasks.join_next().await.is_some() {} };
    let _those_who_are_not_done_break_off = tokio::time::timeout(END_PATIENCE, everybody).await;
    Ok(())
}

async fn obey(crowd: &Arc<Crowd>, tasks: &mut JoinSet<()>, files: Option<u64>, order: Order) -> Result<()> {
    match order {
        Order::Begin { .. } => return Err(Error::Usage("only the first order can be to begin".into())),
        Order::Enter { people, at_once } => {
            let present = lock(&crowd.people).len();
            check_files(present + people.len(), at_once, files)?;
            let gate = Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS)));
            for newcomer in people {
                enter(crowd, tasks, newcomer, &gate).await;
            }
        }
        Order::Leave { people } => {
            for person in people {
                let leave = lock(&crowd.people).remove(&person);
                let is_here = leave.is_some_and(|leave| leave.send(Leave::Ordered).is_ok());
                if !is_here {
                    // Whoever was cut off has left.
                    crowd.report(Report::Left { person, late_packets: 0 }).await;
                }
            }
        }
        Order::Mark => {
            crowd.media.mark().await?;
            let now = Instant::now();
            full(crowd).iter().for_each(|(_, ear)| lock(ear).mark(now));
        }
        Order::Count => {
            let mut counts = crowd.media.count().await?;
            let now = Instant::now();
            full(crowd).iter().for_each(|(_, ear)| lock(ear).add_to(now, &mut counts));
            crowd.report(Report::Counts(counts)).await;
        }
        Order::Addresses => {
            let mut addresses = crowd.media.addresses().await?;
            addresses.extend(full(crowd).iter().map(|(_, ear)| lock(ear).address()));
            crowd.report(Report::Addresses { addresses }).await;
        }
        Order::Receiving { within } => {
            let within = Duration::from_millis(within);
            let mut people = crowd.media.receiving(within).await?;
            let since = Instant::now().checked_sub(within);
            let hears = |ear: &Mutex<Ear>| since.is_none_or(|since| lock(ear).heard_since(since));
            people.extend(full(crowd).iter().filter(|(_, ear)| hears(ear)).map(|(person, _)| *person));
            crowd.report(Report::Receiving { people }).await;
        }
        // The loop takes care of it.
        Order::End => {}
    }
    Ok(())
}

/// Sends somebody on their way in.
async fn enter(crowd: &Arc<Crowd>, tasks: &mut JoinSet<()>, newcomer: Newcomer, gate: &Arc<Semaphore>) {
    let person = newcomer.person;
    let (leave, leaving) = oneshot::channel();
    let taken = {
        let mut people = lock(&crowd.people);
        let taken = people.contains_key(&person);
        if !taken {
            people.insert(person, leave);
        }
        taken
    };
    if taken {
        let why = "somebody with this number is here already".into();
        return crowd.report(Report::Failed { person, code: String::new(), why, after_ms: 0.0 }).await;
    }
    tasks.spawn(live(crowd.clone(), newcomer, gate.clone(), leaving));
}

fn full(crowd: &Crowd) -> Vec<(PersonNo, Arc<Mutex<Ear>>)> {
    lock(&crowd.full).iter().map(|(person, ear)| (*person, ear.clone())).collect()
}

fn progress_of(crowd: &Crowd) -> Report {
    let (full, gauges) = (full(crowd), crowd.media.gauges());
    let packets: u64 = full.iter().map(|(_, ear)| lock(ear).packets()).sum();
    Report::Progress {
        connected: full.len() + gauges.connected.load(Ordering::Relaxed),
        packets: packets + gauges.packets.load(Ordering::Relaxed),
    }
}

/// Raises the limit of open files as far as it goes, and returns it; `None` for no limit.
pub(crate) fn raise_file_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        // Some systems name a hard limit that they do not grant.
        Err(_) => current,
    }
}

fn check_files(people: usize, at_once: usize, files: Option<u64>) -> Result<()> {
    let needed = (people * FILES_EACH).saturating_add(at_once.min(people)) + FILES_ELSE;
    match files {
        Some(files) if needed as u64 > files => Err(Error::Usage(format!(
            "{people} people in one load process need {needed} open files, and it may open {files} (ulimit -Hn)"
        ))),
        _ => Ok(()),
    }
}

/// Starts the thread that reads orders.
fn read_orders() -> Result<mpsc::Receiver<Result<Order>>> {
    let (say, orders) = mpsc::channel(ORDERS);
    let reading = move || {
        let mut input = std::io::stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut input).take(ORDER_BYTES).read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    let _nobody_obeys_any_more = say.blocking_send(Err(Error::io("standard input", error)));
                    return;
                }
            }
            let order = serde_json::from_slice(&line).map_err(|error| Error::Usage(format!("not an order: {error}")));
            let last = order.is_err();
            if say.blocking_send(order).is_err() || last {
                return;
            }
        }
    };
    std::thread::Builder::new().name("orders".into()).spawn(reading).map_err(|error| Error::io("a thread", error))?;
    Ok(orders)
}

/// Starts the thread that writes reports.
fn write_reports() -> Result<mpsc::Sender<Report>> {
    let (say, mut reports) = mpsc::channel::<Report>(REPORTS);
    let writing = move || {
        let mut output = BufWriter::new(std::io::stdout().lock());
        while let Some(report) = reports.blocking_recv() {
            let mut written = write(&mut output, &report);
            while let Ok(report) = reports.try_recv() {
                written = written.and_then(|()| write(&mut output, &report));
            }
            // Without a reader there is nobody to report to; the end of standard input then ends the process.
            if written.and_then(|()| output.flush()).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("reports".into()).spawn(writing).map_err(|error| Error::io("a thread", error))?;
    Ok(say)
}

fn write(output: &mut impl Write, report: &Report) -> std::io::Result<()> {
    serde_json::to_writer(&mut *output, report)?;
    output.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_people_than_files_are_refused_in_one_line() {
        for (people, at_once, files, fits) in [
            (0, 0, Some(64), true),
            (4_000, 500, Some(20_000), true),
            (9_718, 500, Some(20_000), true),
            (9_719, 500, Some(20_000), false),
            (10, usize::MAX, Some(94), true),
            (10, usize::MAX, Some(93), false),
            (1_000_000, 1, None, true),
        ] {
            let checked = check_files(people, at_once, files);
            assert_eq!(checked.is_ok(), fits, "{people} people, {files:?} files");
            if let Err(error) = checked {
                assert!(!error.to_string().contains('\n') && error.to_string().contains("ulimit"), "{error}");
            }
        }
    }

    #[test]
    fn the_file_limit_is_raised_to_what_is_allowed() {
        let allowed = raise_file_limit();
        assert_eq!(getrlimit(Resource::Nofile).current, allowed);
    }
}
