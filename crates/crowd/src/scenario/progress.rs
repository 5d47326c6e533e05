//! What the terminal shows while a scenario runs: one line that is written anew each second, or, where standard error is no
//! terminal, a line every five seconds and at each new phase.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fleet::Seen;
use crate::procfs::{self, Usage};

/// How often the line is written on a terminal.
const EVERY: Duration = Duration::from_secs(1);
/// Of so many lines, one is written elsewhere.
const PLAIN_EVERY: u32 = 5;

/// The line, for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Progress {
    phase: watch::Sender<String>,
    fleet: watch::Sender<Option<watch::Receiver<Seen>>>,
    task: JoinHandle<()>,
}

impl Progress {
    /// Starts to show the load on the server whose process is `server`, if it is known.
    pub(crate) fn start(server: Option<u32>) -> Self {
        let (phase, show_phase) = watch::channel("starting".to_owned());
        let (fleet, show_fleet) = watch::channel(None);
        Self { phase, fleet, task: tokio::spawn(show(server, show_phase, show_fleet)) }
    }

    /// Shows what is seen of these people from now on.
    pub(crate) fn of(&self, fleet: watch::Receiver<Seen>) {
        self.fleet.send_replace(Some(fleet));
    }

    /// Says what is being done now.
    pub(crate) fn phase(&self, phase: &str) {
        self.phase.send_replace(phase.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        if std::io::stderr().is_terminal() {
            let _nobody_reads_it = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

async fn show(
    server: Option<u32>,
    mut phase: watch::Receiver<String>,
    fleet: watch::Receiver<Option<watch::Receiver<Seen>>>,
) {
    let terminal = std::io::stderr().is_terminal();
    let mut clock = tokio::time::interval(EVERY);
    let usage = || server.and_then(procfs::usage);
    let (mut before, mut usage_before, mut at) = (Seen::default(), usage(), Instant::now());
    let mut ticks = 0;
    loop {
        let new_phase = tokio::select! {
            _ = clock.tick() => false,
            changed = phase.changed() => {
                if changed.is_err() {
                    return;
                }
                true
            }
        };
        let seconds = at.elapsed().as_secs_f64();
        let (seen, used) = (fleet.borrow().as_ref().map(|seen| *seen.borrow()).unwrap_or_default(), usage());
        let rate = seen.packets.saturating_sub(before.packets) as f64 / seconds;
        let cores = usage_before.zip(used).map(|(before, now)| (now.cpu_seconds - before.cpu_seconds) / seconds);
        let text = line(&phase.borrow(), seen, rate, cores.filter(|_| seconds > 0.1), used);
        if !new_phase {
            (before, usage_before, at) = (seen, used, Instant::now());
            ticks += 1;
        }
        let mut out = std::io::stderr().lock();
        let written = match (terminal, new_phase || ticks % PLAIN_EVERY == 0) {
            (true, _) => write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush()),
            (false, true) => writeln!(out, "{text}"),
            (false, false) => Ok(()),
        };
        if written.is_err() {
            return;
        }
    }
}

/// One line: phase, people, packets each second, failures, the server's cores and memory.
fn line(phase: &str, seen: Seen, rate: f64, cores: Option<f64>, usage: Option<Usage>) -> String {
    let mut text = format!("{phase}: {} connected, {rate:.0} packets/s", seen.connected);
    if seen.failures > 0 {
        text.push_str(&format!(", {} failures", seen.failures));
    }
    if let Some(cores) = cores {
        text.push_str(&format!(", server {cores:.2} cores"));
    }
    if let Some(usage) = usage {
        text.push_str(&format!(", {:.0} MiB", usage.rss_bytes as f64 / 1_048_576.0));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_is_known() {
        let seen = Seen { connected: 12, packets: 600, failures: 0 };
        assert_eq!(line("entering", seen, 599.6, None, None), "entering: 12 connected, 600 packets/s");
        let usage = Some(Usage { cpu_seconds: 1.0, rss_bytes: 3 << 20 });
        assert_eq!(
            line("measuring", Seen { failures: 2, ..seen }, 0.0, Some(0.256), usage),
            "measuring: 12 connected, 0 packets/s, 2 failures, server 0.26 cores, 3 MiB"
        );
    }
}
