//! Talkers and listeners that are not browsers.
//!
//! They use the public doors only: an invite is redeemed over HTTP, the control socket is opened, a talker publishes
//! by WHIP (RFC 9725), a listener listens by WHEP. What a talker sends is known byte for byte, so a listener can say
//! of each packet whose it is, which one it is, and whether it arrived as it was sent.
//!
//! Invariant: nothing here reads the server's data folder; `roomtone invite` and the API are all it knows. Of the
//! server's code it uses the types of the messages (`roomtone::wire`) and nothing else. The one exception is the scenario
//! `hostile`, which does by way of the store what no client can: it takes a room away from its owner, and makes a guest's link that
//! lasts for seconds.
//!
//! Invariant: a number in a report was measured where it says: packets at the listeners, time in the server by the
//! server's own histogram, processor time and memory from the kernel's account of the server's process.
#![expect(
    clippy::disallowed_methods,
    reason = "a load tool lives on the real clock and real dice; nothing pure is here"
)]

pub mod api;
pub mod cli;
pub mod control;
pub mod demo;
pub mod fleet;
pub mod leg;
pub mod metrics;
pub mod procfs;
pub mod relay;
pub mod report;
pub mod scenario;
pub mod server;
pub mod tally;
pub mod voice;

/// What ends a run: one line for people.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that cannot be done.
    #[error("{0}")]
    Usage(String),
    /// The operating system refused something: a file, a socket, a process.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The server could not be started, or ended, or did not say where it listens.
    #[error("server: {0}")]
    Server(String),
    /// A load process, or another that was started for a measurement, ended or could not do its work.
    #[error("{0}")]
    Load(String),
    /// The server refused a request: its HTTP status and error code (docs/PROTOCOL.md, "Errors").
    #[error("{method} {path}: {status} {code}{}", later(.retry_after))]
    Refused {
        /// Request method.
        method: &'static str,
        /// Request path.
        path: String,
        /// HTTP status.
        status: u16,
        /// The `code` of the error body, or empty when there was none.
        code: String,
        /// Seconds after which it may be tried again, if the server named any (RFC 9110, section 10.2.3).
        retry_after: Option<u64>,
    },
    /// A connection failed, or something else than the protocol was spoken on it.
    #[error("connection: {0}")]
    Connection(String),
    /// The media engine refused an answer or a packet.
    #[error("media: {0}")]
    Media(String),
    /// A signal stopped the run.
    #[error("stopped")]
    Stopped,
    /// What was waited for did not come.
    #[error("timed out waiting for {0}")]
    Timeout(&'static str),
}

impl Error {
    /// Wraps an [`std::io::Error`] with what was being done.
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }
}

/// When a refusal says that one may come back, for people.
fn later(retry_after: &Option<u64>) -> String {
    retry_after.map_or(String::new(), |seconds| format!(", Retry-After: {seconds}"))
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
