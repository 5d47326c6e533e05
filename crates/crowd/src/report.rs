//! What a run found: JSON for machines, a table for people.

use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::procfs;
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
    /// Packets that all listeners together should have received in the measured stretch: the sequence numbers that the
    /// server used for them.
    pub packets_expected: u64,
    /// Different packets that they did receive.
    pub packets_received: u64,
    /// Packets whose bytes were not those that their talker sent, or whose talker was unknown; of full peers only.
    pub payload_mismatches: u64,
    /// Packets received more than once.
    pub duplicates: u64,
    /// Packets received after a later one.
    pub reordered: u64,
    /// Share of the expected packets that did not arrive, 0 to 1.
    pub loss: f64,
    /// Packets that the server's media threads sent over the measured stretch, by its own counter.
    pub packets_sent: Option<u64>,
    /// Milliseconds of sound in a packet, from the sound that was sent and the packets that came.
    pub packing_ms: Option<f64>,
    /// Listeners who heard nothing for more than a second.
    pub starved: Option<usize>,
    /// The longest time that somebody heard nothing, in milliseconds.
    pub longest_pause_ms: Option<f64>,
    /// People who could not enter.
    pub failures: Option<usize>,
    /// Listeners that decrypted every packet with an implementation that is not ours, and compared what is in it with what
    /// was sent.
    pub full_peers: Option<usize>,
    /// Frames of 20 ms that full peers should have received.
    pub frames_expected: Option<u64>,
    /// Different frames that they did receive, byte for byte as they were sent.
    pub frames_received: Option<u64>,
    /// Packets that looked like the server's and were not authentic.
    pub forged: Option<u64>,
    /// Processor time of the server's process during the measured stretch, in seconds.
    pub server_cpu_seconds: Option<f64>,
    /// The same per second: how many cores were busy.
    pub server_cpu_cores: Option<f64>,
    /// Cores that the server's media threads kept busy.
    pub media_cpu_cores: Option<f64>,
    /// Processor time of the server's media threads for each packet sent, in microseconds.
    pub us_per_packet: Option<f64>,
    /// Processor time of the whole server for each packet sent, in microseconds.
    pub process_us_per_packet: Option<f64>,
    /// Processor time of a bare loop that sends datagrams of the same size to the same addresses, in microseconds.
    pub floor_us_per_packet: Option<f64>,
    /// Cores that the load itself kept busy, on the same machine.
    pub load_cpu_cores: Option<f64>,
    /// Resident memory of the server's process at the end, in bytes.
    pub rss_bytes: Option<u64>,
    /// What it grew by since before the listeners came, for each of them, in bytes.
    pub rss_per_listener_bytes: Option<f64>,
    /// People who entered per second, from the first request to the last one's first packet.
    pub joins_per_second: Option<f64>,
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
    /// What only this scenario measures.
    #[serde(flatten)]
    pub extras: Map<String, Value>,
    /// Processor, cores and kernel.
    pub machine: String,
    /// The day, in UTC, as `2026-11-22`.
    pub date: String,
    /// The commit that was checked out when this ran.
    pub commit: String,
}

impl Report {
    /// A report of `scenario` that knows where and when it was made and nothing else.
    pub async fn of(scenario: &str) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            scenario: scenario.to_owned(),
            machine: procfs::machine(),
            date: date(since),
            commit: commit().await,
            ..Self::default()
        }
    }

    /// Adds a figure that only this scenario has; one that is no number is null.
    pub fn extra(&mut self, name: &str, value: impl Into<Value>) {
        self.extras.insert(name.to_owned(), value.into());
    }

    /// Writes the report as JSON.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_json(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| Error::io("report", error.into()))?;
        text.push('\n');
        write(path, &text)
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

    fn rows(&self) -> Vec<(String, String)> {
        let figure = |value: Option<f64>, digits: usize| value.map(|value| format!("{value:.digits$}"));
        let whole = |value: Option<u64>| value.map(|value| value.to_string());
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
        let frames = self.frames_expected.zip(self.frames_received);
        let optional = [
            ("packets sent", whole(self.packets_sent)),
            ("sound in a packet, ms", figure(self.packing_ms, 1)),
            ("starved", self.starved.map(|count| count.to_string())),
            ("longest pause, ms", figure(self.longest_pause_ms, 0)),
            ("failures", self.failures.map(|count| count.to_string())),
            ("full peers", self.full_peers.map(|count| count.to_string())),
            ("frames of full peers", frames.map(|(expected, received)| format!("{received} of {expected}"))),
            ("forged", whole(self.forged)),
            ("server cpu, cores", figure(self.server_cpu_cores, 3)),
            ("media threads, cores", figure(self.media_cpu_cores, 3)),
            ("media cpu per packet, us", figure(self.us_per_packet, 2)),
            ("server cpu per packet, us", figure(self.process_us_per_packet, 2)),
            ("bare loop per packet, us", figure(self.floor_us_per_packet, 2)),
            ("load's own cpu, cores", figure(self.load_cpu_cores, 3)),
            ("server memory, MiB", figure(self.rss_bytes.map(|bytes| bytes as f64 / 1_048_576.0), 1)),
            ("memory per listener, KiB", figure(self.rss_per_listener_bytes.map(|bytes| bytes / 1_024.0), 1)),
            ("joins per second", figure(self.joins_per_second, 0)),
            ("entry p50, ms", figure(self.entry_ms_p50, 1)),
            ("entry p95, ms", figure(self.entry_ms_p95, 1)),
            ("entry p99, ms", figure(self.entry_ms_p99, 1)),
            ("residence p50, ms", figure(self.residence_ms_p50, 3)),
            ("residence p99, ms", figure(self.residence_ms_p99, 3)),
        ];
        rows.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let mut rows: Vec<_> = rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let extras = self.extras.iter().filter(|(_, value)| !value.is_array() && !value.is_null());
        rows.extend(extras.map(|(name, value)| (name.replace('_', " "), shown(value))));
        let place = [("machine", &self.machine), ("date", &self.date), ("commit", &self.commit)];
        rows.extend(place.map(|(name, value)| (name.to_owned(), value.clone())));
        rows
    }
}

/// Share of what was expected that was not received, 0 to 1.
pub fn loss(expected: u64, received: u64) -> f64 {
    if expected == 0 { 0.0 } else { expected.saturating_sub(received) as f64 / expected as f64 }
}

/// Writes `text` to `path`, in a folder that is made if it is missing.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, text: &str) -> Result<()> {
    let wrong = |error| Error::io(path.display().to_string(), error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(wrong)?;
    }
    std::fs::write(path, text).map_err(wrong)
}

/// A column of the table of all benchmarks: its head, the field, what the field's unit is divided by, digits.
const COLUMNS: [(&str, &str, f64, usize); 13] = [
    ("asked for", "listeners", 1.0, 0),
    ("connected", "connected", 1.0, 0),
    ("packet, ms", "packing_ms", 1.0, 0),
    ("loss, %", "loss", 0.01, 4),
    ("starved", "starved", 1.0, 0),
    ("server, cores", "server_cpu_cores", 1.0, 2),
    ("us per packet, media threads", "us_per_packet", 1.0, 2),
    ("bare loop", "floor_us_per_packet", 1.0, 2),
    ("whole server", "process_us_per_packet", 1.0, 2),
    ("KiB per listener", "rss_per_listener_bytes", 1_024.0, 1),
    ("joins per second", "joins_per_second", 1.0, 0),
    ("residence p50, ms", "residence_ms_p50", 1.0, 2),
    ("p99", "residence_ms_p99", 1.0, 2),
];

/// A Markdown table of reports, a row for each: its name and its JSON. What only one scenario measures follows as a list.
pub fn markdown(reports: &[(String, Value)]) -> String {
    let mut text = String::from("| benchmark |");
    text.extend(COLUMNS.map(|(head, ..)| format!(" {head} |")));
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(COLUMNS.len()));
    text.push('\n');
    for (name, report) in reports {
        text.push_str(&format!("| {name} |"));
        text.extend(COLUMNS.map(|(_, field, unit, digits)| match report[field].as_f64() {
            Some(value) => format!(" {:.digits$} |", value / unit),
            None => " |".to_owned(),
        }));
        text.push('\n');
    }
    // What a plain report has is in the table, or is of no interest there.
    let plain = serde_json::to_value(Report::default()).unwrap_or_default();
    for (name, report) in reports {
        let extras = report.as_object().into_iter().flatten();
        let extras: Vec<_> = extras
            .filter(|(field, value)| plain.get(field.as_str()).is_none() && !value.is_array() && !value.is_null())
            .map(|(field, value)| format!("{} {}", field.replace('_', " "), shown(value)))
            .collect();
        if !extras.is_empty() {
            text.push_str(&format!("\n- {name}: {}", extras.join(", ")));
        }
    }
    let places: std::collections::BTreeSet<_> = reports
        .iter()
        .map(|(_, report)| {
            ["date", "commit", "machine"].map(|field| report[field].as_str().unwrap_or("unknown")).join(", ")
        })
        .collect();
    text.push_str(&format!("\n\n{}\n", places.into_iter().collect::<Vec<_>>().join("; ")));
    text
}

/// A value for people: numbers with at most three digits behind the point.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let text = format!("{:.3}", number.as_f64().unwrap_or_default());
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        other => other.to_string(),
    }
}

/// The day that `seconds` since 1970 fall on, as `YYYY-MM-DD` in UTC.
fn date(seconds: u64) -> String {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut days, mut year, mut month) = (seconds / 86_400, 1970, 1);
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

/// The commit that is checked out in the current folder, with `+changes` if files differ from it; `unknown` outside
/// of a repository.
async fn commit() -> String {
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
        let mut report = Report { scenario: "room".into(), entry_ms_p95: Some(123.456), ..Report::default() };
        report.extra("samples", 3);
        report.extra("slope_percent", 0.25);
        report.extra("rss_samples", vec![1, 2]);
        report.extra("not_measured", None::<f64>);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["entry_ms_p95"], 123.456);
        assert_eq!((&json["samples"], &json["rss_samples"][1]), (&3.into(), &2.into()));
        assert!(json["rss_bytes"].is_null() && json.get("rss_bytes").is_some());
        let rows = report.rows();
        for (name, value) in [("entry p95, ms", "123.5"), ("samples", "3"), ("slope percent", "0.25")] {
            assert!(rows.contains(&(name.into(), value.into())), "{name}");
        }
        assert!(
            !rows.iter().any(|(name, _)| name.starts_with("server") || name.contains("not") || name.contains("rss"))
        );
    }

    #[test]
    fn the_markdown_table_has_a_row_for_each_report() {
        let mut report = Report { listeners: 10, connected: 9, loss: 0.00125, ..Report::default() };
        report.us_per_packet = Some(2.345);
        report.rss_per_listener_bytes = Some(2_048.0);
        report.extra("rooms", 4);
        (report.date, report.commit, report.machine) = ("2026-01-02".into(), "abc".into(), "a machine".into());
        let reports = [("one".to_owned(), serde_json::to_value(&report).unwrap()), ("two".to_owned(), Value::Null)];
        let text = markdown(&reports);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[..4].iter().all(|line| line.matches('|').count() == COLUMNS.len() + 2), "{text}");
        assert_eq!(lines[2], "| one | 10 | 9 | | 0.1250 | | | 2.35 | | | 2.0 | | | |");
        assert!(lines.contains(&"- one: rooms 4"), "{text}");
        assert!(text.contains("2026-01-02, abc, a machine"));
    }

    #[test]
    fn loss_is_a_share_of_what_was_expected() {
        for (expected, received, share) in [(0, 0, 0.0), (100, 100, 0.0), (100, 75, 0.25), (10, 11, 0.0), (10, 0, 1.0)]
        {
            assert_eq!(loss(expected, received), share, "{received} of {expected}");
        }
    }

    #[test]
    fn days_are_counted() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_795_348_800, "2026-11-22"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(seconds), day, "{seconds}");
        }
    }
}
