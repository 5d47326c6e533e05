//! The server under test: started here, or running elsewhere; invites; its share of the machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::api::Api;
use crate::{Error, Result};

/// What the server prints in front of its URL once it serves.
const READY: &str = "listening on ";
/// How long a server may take from its start until it serves.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// The kernel counts processor time in units of 1/100 s on every architecture (`USER_HZ`, proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Its API, not signed in.
    pub api: Api,
    binary: PathBuf,
    data: PathBuf,
    /// Present when this process started it: it ends with this value.
    own: Option<(Child, TempDir)>,
}

/// Processor time and memory of a process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// User and system time since its start, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
}

impl Server {
    /// Starts `binary` on loopback with free ports and an empty data folder, and waits until it serves.
    ///
    /// # Errors
    /// [`Error::Server`] when it ends or says nothing for a minute; [`Error::Io`] when it cannot be started.
    pub async fn start(binary: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("crowd-").tempdir();
        let folder = folder.map_err(|error| Error::io("temporary folder", error))?;
        let data = folder.path().join("data");
        let mut child = Command::new(binary)
            .arg("serve")
            .args(["--listen", "127.0.0.1:0", "--media", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::io(binary.display().to_string(), error))?;
        let (lines, mut said) = mpsc::channel(64);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(forward(stdout, lines.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(forward(stderr, lines));
        }
        let mut last = String::from("nothing");
        let ready = async {
            while let Some(line) = said.recv().await {
                if let Some(url) = ready_url(&line) {
                    return Some(url.to_owned());
                }
                last = line;
            }
            None
        };
        let url =
            tokio::time::timeout(START_PATIENCE, ready).await.map_err(|_| Error::Timeout("the server to listen"))?;
        let url = url.ok_or_else(|| Error::Server(format!("ended before it listened; last it said: {last}")))?;
        Ok(Self { api: Api::new(&url)?, binary: binary.to_owned(), data, own: Some((child, folder)) })
    }

    /// A server that runs already at `url` with its data in `data`; `binary` makes its invites.
    ///
    /// # Errors
    /// [`Error::Usage`] for a URL that is not one.
    pub fn running(url: &str, data: &Path, binary: &Path) -> Result<Self> {
        Ok(Self { api: Api::new(url)?, binary: binary.to_owned(), data: data.to_owned(), own: None })
    }

    /// The code of a fresh invite, by `roomtone invite`.
    ///
    /// # Errors
    /// [`Error::Server`] when the command fails or prints no link.
    pub async fn invite(&self) -> Result<String> {
        let output = Command::new(&self.binary).arg("invite").arg("--data").arg(&self.data).output().await;
        let output = output.map_err(|error| Error::io(self.binary.display().to_string(), error))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        match invite_code(&printed).filter(|_| output.status.success()) {
            Some(code) => Ok(code.to_owned()),
            None => Err(Error::Server(format!("no invite: {}", String::from_utf8_lossy(&output.stderr).trim()))),
        }
    }

    /// Makes a member with this handle and signs in.
    ///
    /// # Errors
    /// As [`Server::invite`] and [`Api::redeem`].
    pub async fn member(&self, handle: &str) -> Result<Api> {
        self.api.redeem(&self.invite().await?, handle, handle).await
    }

    /// Processor time and memory of the server, if this process started it and it still runs.
    pub fn usage(&self) -> Option<Usage> {
        let (child, _) = self.own.as_ref()?;
        let pid = child.id()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Usage { cpu_seconds: cpu_seconds(&stat)?, rss_bytes: rss_bytes(&status)? })
    }
}

/// Passes lines on while somebody wants them, and keeps reading afterwards so that the server never blocks on a full
/// pipe.
async fn forward(stream: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    let mut reader = BufReader::new(stream).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        let _nobody_waits_any_more = lines.try_send(line);
    }
}

/// The URL in the line by which the server says that it serves.
fn ready_url(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(READY)?;
    rest.split([' ', ',']).next().filter(|url| url.starts_with("http"))
}

/// The code in a link `URL/join/CODE`.
fn invite_code(printed: &str) -> Option<&str> {
    let (_, code) = printed.trim().rsplit_once("/join/")?;
    (!code.is_empty() && !code.contains(char::is_whitespace)).then_some(code)
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)): user and system time. The name in field 2 may hold anything, so
/// counting begins after its closing bracket.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

/// `VmRSS` of `/proc/PID/status`, which is in KiB.
fn rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_account_is_read() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 1 2 3";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(rss_bytes("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t  2048 kB\n"), Some(2_097_152));
        assert_eq!((cpu_seconds("nonsense"), rss_bytes("")), (None, None));
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert!(cpu_seconds(&own).is_some());
    }

    #[test]
    fn printed_lines_are_understood() {
        assert_eq!(ready_url("INFO listening on http://127.0.0.1:41 threads=2"), Some("http://127.0.0.1:41"));
        assert_eq!(ready_url("listening on nothing"), None);
        assert_eq!(invite_code("http://localhost:8080/join/abc123\n"), Some("abc123"));
        for nothing in ["", "http://x/join/", "http://x/", "http://x/join/a b"] {
            assert_eq!(invite_code(nothing), None, "{nothing}");
        }
    }
}
