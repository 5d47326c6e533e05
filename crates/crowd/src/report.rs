//! What a run found: JSON for machines, a table for people.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::{Error, Result};

/// The figures of one run. A figure that the scenario does not measure is null.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Name of the scenario.
    pub scenario: String,
    /// Listeners asked for.
    pub listeners: usize,
    /// Listeners that heard something.
    pub connected: usize,
    /// Talkers asked for.
    pub talkers: usize,
    /// Length of the measured stretch, in seconds.
    pub seconds: f64,
    /// Packets that all listeners together should have received in the measured stretch.
    pub packets_expected: u64,
    /// Different packets that they did receive.
    pub packets_received: u64,
    /// Packets whose bytes were not those that their talker sent, or whose talker was unknown.
    pub payload_mismatches: u64,
    /// Packets received more than once.
    pub duplicates: u64,
    /// Packets received after a later one.
    pub reordered: u64,
    /// Share of the expected packets that did not arrive, 0 to 1.
    pub loss: f64,
    /// Processor time of the server's process during the measured stretch, in seconds.
    pub server_cpu_seconds: Option<f64>,
    /// The same per second: how many cores were busy.
    pub server_cpu_cores: Option<f64>,
    /// Resident memory of the server's process at the end, in bytes.
    pub rss_bytes: Option<u64>,
    /// From opening the control socket to the first packet, in milliseconds.
    pub entry_ms_p50: Option<f64>,
    /// The same, 95th percentile.
    pub entry_ms_p95: Option<f64>,
    /// The same, 99th percentile.
    pub entry_ms_p99: Option<f64>,
    /// Time of a packet inside the server by its histogram `roomtone_media_residence_seconds`, in milliseconds.
    pub residence_ms_p50: Option<f64>,
    /// The same, 99th percentile.
    pub residence_ms_p99: Option<f64>,
    /// The commit that was checked out when this ran.
    pub commit: String,
}

impl Report {
    /// Writes the report as JSON.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_json(&self, path: &Path) -> Result<()> {
        let wrong = |error| Error::io(path.display().to_string(), error);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(wrong)?;
        }
        let mut text = serde_json::to_string_pretty(self).map_err(|error| Error::io("report", error.into()))?;
        text.push('\n');
        std::fs::write(path, text).map_err(wrong)
    }

    /// Prints the report as a table of two columns.
    ///
    /// # Errors
    /// [`Error::Io`] when standard output is closed.
    pub fn print(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let rows = self.rows();
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in rows {
            writeln!(out, "{name:width$}  {value}").map_err(|error| Error::io("standard output", error))?;
        }
        Ok(())
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let figure = |value: Option<f64>, digits: usize| value.map(|value| format!("{value:.digits$}"));
        let mut rows = vec![
            ("scenario", self.scenario.clone()),
            ("listeners connected", format!("{} of {}", self.connected, self.listeners)),
            ("talkers", self.talkers.to_string()),
            ("seconds", format!("{:.1}", self.seconds)),
            ("packets received", format!("{} of {}", self.packets_received, self.packets_expected)),
            ("loss", format!("{:.4} %", self.loss * 100.0)),
            ("payload mismatches", self.payload_mismatches.to_string()),
            ("duplicates, reordered", format!("{}, {}", self.duplicates, self.reordered)),
        ];
        let optional = [
            ("server cpu, cores", figure(self.server_cpu_cores, 3)),
            ("server memory, MiB", figure(self.rss_bytes.map(|bytes| bytes as f64 / 1_048_576.0), 1)),
            ("entry p50, ms", figure(self.entry_ms_p50, 1)),
            ("entry p95, ms", figure(self.entry_ms_p95, 1)),
            ("entry p99, ms", figure(self.entry_ms_p99, 1)),
            ("residence p50, ms", figure(self.residence_ms_p50, 3)),
            ("residence p99, ms", figure(self.residence_ms_p99, 3)),
        ];
        rows.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        rows.push(("commit", self.commit.clone()));
        rows
    }
}

/// The commit that is checked out in the current folder, with `+changes` if files differ from it; `unknown` outside
/// of a repository.
pub async fn commit() -> String {
    let git = async |arguments: &[&str]| {
        let output = tokio::process::Command::new("git").args(arguments).output().await.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(head) = git(&["rev-parse", "--short=12", "HEAD"]).await else {
        return "unknown".into();
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).await.is_none_or(|list| !list.is_empty());
    if changed { format!("{head}+changes") } else { head }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_every_figure_and_the_table_only_what_was_measured() {
        let report = Report { scenario: "room".into(), entry_ms_p95: Some(123.456), ..Report::default() };
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["entry_ms_p95"], 123.456);
        assert!(json["rss_bytes"].is_null() && json.get("rss_bytes").is_some());
        let rows = report.rows();
        assert!(rows.contains(&("entry p95, ms", "123.5".into())));
        assert!(!rows.iter().any(|(name, _)| name.starts_with("server")));
    }
}
