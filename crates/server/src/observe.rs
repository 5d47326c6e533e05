//! Logs and metrics. docs/OPERATIONS.md says what is logged, and what never is: names, handles, ids, addresses, codes.

use std::sync::Arc;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::media_io::Media;

/// The metrics of this process.
#[derive(Clone)]
pub struct Observe {
    handle: PrometheusHandle,
    media: Option<Arc<Media>>,
}

impl Observe {
    /// Starts collecting; once for a process.
    pub fn install() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Refused if a recorder is there already, as in tests that start several servers: then that one collects.
        let _ = metrics::set_global_recorder(recorder);
        Self { handle, media: None }
    }

    /// Adds what the media threads count themselves.
    pub fn with_media(self, media: Arc<Media>) -> Self {
        Self { media: Some(media), ..self }
    }

    /// All metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        if let Some(media) = &self.media {
            text.push_str(&media.residence().render());
        }
        text
    }

    /// Tidies up; to be called every few seconds.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Bytes of memory that this process takes, where the system tells (on Linux: proc_pid_status(5)).
pub(crate) fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = resident.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What is logged unless `RUST_LOG` says otherwise. Ours, and warnings of libraries, but not of those that parse what
/// anybody may send to the media port: a flood there must not become a flood here.
const DEFAULT_FILTER: &str = "warn,roomtone=info,str0m=error,dimpl=error,is=error";

/// Sends logs to standard error, as `RUST_LOG` says, or ours at `info`.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
