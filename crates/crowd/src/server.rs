//! The server under test: started here, or running elsewhere; invites; its share of the machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::api::Api;
use crate::procfs::{self, Threads, Usage};
use crate::{Error, Result};

/// What the server prints in front of its URL once it serves.
const READY: &str = "listening on ";
/// How long a server may take from its start until it serves.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// What the names of the server's media threads begin with.
const MEDIA_THREADS: &str = "media-";

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Its API, not signed in.
    pub api: Api,
    binary: PathBuf,
    data: PathBuf,
    /// The code of the invite that makes its owner, if nobody owned it when it was started here.
    owner: Option<String>,
    /// Present when this process started it: it ends with this value.
    own: Option<(Child, Option<TempDir>)>,
}

/// How a server is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Milliseconds of sound in a packet to the audience; the server chooses without it.
    pub packing: Option<Packing>,
    /// How many may listen.
    pub max_listeners: Option<usize>,
}

/// How much sound a packet to the audience holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Packing {
    /// As the server chooses by size and load.
    Auto,
    /// 20 ms.
    #[value(name = "20")]
    Ms20,
    /// 60 ms.
    #[value(name = "60")]
    Ms60,
    /// 120 ms.
    #[value(name = "120")]
    Ms120,
}

impl Packing {
    /// As the server's command line has it.
    fn option(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ms20 => "20",
            Self::Ms60 => "60",
            Self::Ms120 => "120",
        }
    }
}

impl Settings {
    /// What is added to the server's command line.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(packing) = self.packing {
            arguments.extend(["--packing".to_owned(), packing.option().to_owned()]);
        }
        if let Some(listeners) = self.max_listeners {
            arguments.extend(["--max-listeners".to_owned(), listeners.to_string()]);
        }
        arguments
    }
}

impl Server {
    /// Starts `binary` on loopback with free ports, an empty data folder and these settings, and waits until it serves.
    ///
    /// # Errors
    /// [`Error::Server`] when it ends or says nothing for a minute; [`Error::Io`] when it cannot be started.
    pub async fn start(binary: &Path, settings: &Settings) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("crowd-").tempdir();
        let folder = folder.map_err(|error| Error::io("temporary folder", error))?;
        let data = folder.path().join("data");
        Self::spawn(binary, &data, settings, Some(folder)).await
    }

    /// The same on a data folder that outlives it.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_in(binary: &Path, data: &Path) -> Result<Self> {
        Self::spawn(binary, data, &Settings::default(), None).await
    }

    async fn spawn(binary: &Path, data: &Path, settings: &Settings, folder: Option<TempDir>) -> Result<Self> {
        let mut child = Command::new(binary)
            .arg("serve")
            .args(["--listen", "127.0.0.1:0", "--media", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(settings.arguments())
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
        let (mut last, mut owner) = (String::from("nothing"), None);
        let ready = async {
            while let Some(line) = said.recv().await {
                if let Some(url) = ready_url(&line) {
                    return Some(url.to_owned());
                }
                if let Some(code) = invite_code(&line) {
                    owner.get_or_insert_with(|| code.to_owned());
                }
                last = line;
            }
            None
        };
        let url =
            tokio::time::timeout(START_PATIENCE, ready).await.map_err(|_| Error::Timeout("the server to listen"))?;
        let url = url.ok_or_else(|| Error::Server(format!("ended before it listened; last it said: {last}")))?;
        let (binary, data) = (binary.to_owned(), data.to_owned());
        Ok(Self { api: Api::new(&url)?, binary, data, owner, own: Some((child, folder)) })
    }

    /// A server that runs already at `url` with its data in `data`; `binary` makes its invites.
    ///
    /// # Errors
    /// [`Error::Usage`] for a URL that is not one.
    pub fn running(url: &str, data: &Path, binary: &Path) -> Result<Self> {
        let (binary, data) = (binary.to_owned(), data.to_owned());
        Ok(Self { api: Api::new(url)?, binary, data, owner: None, own: None })
    }

    /// The program that serves.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The folder with its data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The code by which somebody becomes its owner, once, if this process started it.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
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

    /// The codes of `count` fresh invites, made at once.
    ///
    /// # Errors
    /// As [`Server::invite`].
    pub async fn invites(&self, count: usize) -> Result<Vec<String>> {
        let mut command = Command::new(&self.binary);
        command.arg("invite").arg("--data").arg(&self.data).arg("--count").arg(count.to_string());
        let output = command.output().await.map_err(|error| Error::io(self.binary.display().to_string(), error))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let codes: Vec<String> = printed.lines().filter_map(invite_code).map(str::to_owned).collect();
        if codes.len() != count || !output.status.success() {
            return Err(Error::Server(format!("no invites: {}", String::from_utf8_lossy(&output.stderr).trim())));
        }
        Ok(codes)
    }

    /// Makes a member with this handle and signs in.
    ///
    /// # Errors
    /// As [`Server::invite`] and [`Api::redeem`].
    pub async fn member(&self, handle: &str) -> Result<Api> {
        self.api.redeem(&self.invite().await?, handle, handle).await
    }

    /// Kills the server, if this process started it: it has no time for a last word.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be killed.
    pub async fn kill(mut self) -> Result<()> {
        match &mut self.own {
            Some((child, _)) => child.kill().await.map_err(|error| Error::io("kill", error)),
            None => Ok(()),
        }
    }

    /// The id of the server's process, if this process started it and it still runs.
    pub fn id(&self) -> Option<u32> {
        self.own.as_ref()?.0.id()
    }

    /// Processor time and memory of the server, if this process started it and it still runs.
    pub fn usage(&self) -> Option<Usage> {
        procfs::usage(self.id()?)
    }

    /// The server's media threads and their processor time, likewise.
    pub fn media_threads(&self) -> Option<Threads> {
        procfs::threads(self.id()?, MEDIA_THREADS)
    }

    /// The server's UDP addresses, likewise; empty when they are not known.
    pub fn media_addresses(&self) -> Vec<SocketAddr> {
        self.id().map(procfs::udp_addresses).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_options() {
        assert!(Settings::default().arguments().is_empty());
        let settings = Settings { packing: Some(Packing::Ms60), max_listeners: Some(5) };
        assert_eq!(settings.arguments(), ["--packing", "60", "--max-listeners", "5"]);
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
