//! Proofs of domains: somebody publishes what this server tells them, and this server looks whether it is there.
//!
//! There are three ways: a TXT record, a file at a well-known place, and a link on the front page that says `rel="me"`. Each holds
//! a token that nobody else has been given, so that a proof is of this member and of nobody who has their handle later. What holds
//! is looked at again every day (`again`).

mod again;
mod domain;
mod guard;
mod links;
mod names;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use roomtone_store::{Proof, ProofMethod};
use tokio::sync::Semaphore;
use url::Url;

pub use again::look_again;
pub(crate) use again::{found, home_of, missed, run, tell_missing, tidy};
pub use domain::domain;
use guard::Guard;
pub use guard::Reach;
use names::Names;

/// How long looking for one proof may take in all: names, redirects and reading.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// Proofs that are looked for at the same time. More serves more members at once; fewer makes this server of less use to whoever
/// wants others to be asked.
const AT_ONCE: usize = 8;

/// The label under a domain at which its TXT record is.
const RECORD_LABEL: &str = "_roomtone";

/// Where the file is (RFC 8615).
const FILE_PATH: &str = "/.well-known/roomtone";

/// How proofs are looked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name server to ask instead of the system's.
    pub resolver: Option<SocketAddr>,
    /// Which addresses may be spoken to.
    pub reach: Reach,
    /// A file with more certificates of authorities, in PEM.
    pub roots: Option<PathBuf>,
}

/// Why a proof was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// As many are being looked for as may be at once.
    Busy,
    /// The domain does not exist, or has not what is asked for.
    NoName,
    /// The domain has an address that is not a public one.
    Inside,
    /// There is no answer, or none in time, or one that is not HTTP.
    NoAnswer,
    /// There is no TLS, or its certificate does not count for the domain.
    Certificate,
    /// It leads elsewhere more often than is followed, or to where nothing is followed.
    Redirect,
    /// The server answers, but not with a page.
    Refused,
    /// All is well, but what is looked for is not there.
    NotThere,
}

/// What is to be published, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// A TXT record.
    Record {
        /// Its name.
        name: String,
        /// What it says.
        value: String,
    },
    /// A file.
    File {
        /// Its address.
        url: String,
        /// What stands in it, on a line of its own.
        line: String,
    },
    /// A link.
    Link {
        /// The page on which it is.
        page: String,
        /// Where it leads.
        href: Url,
    },
}

impl Publication {
    /// What somebody whose page here is `home` publishes for this proof.
    pub fn of(proof: &Proof, home: &Url) -> Self {
        let (domain, token) = (&proof.domain, &proof.token);
        match proof.method {
            ProofMethod::Dns => {
                Self::Record { name: format!("{RECORD_LABEL}.{domain}"), value: format!("roomtone={token}") }
            }
            ProofMethod::File => Self::File { url: format!("https://{domain}{FILE_PATH}"), line: token.clone() },
            ProofMethod::RelMe => {
                let mut href = home.clone();
                href.set_fragment(Some(token));
                Self::Link { page: format!("https://{domain}/"), href }
            }
        }
    }
}

/// Looks for proofs.
pub struct Prover {
    names: Names,
    guard: Guard,
    places: Semaphore,
}

impl Prover {
    /// One that tells those whom it asks the address of this server, and nothing else.
    pub fn start(options: &Options, public_url: &Url) -> io::Result<Self> {
        let agent = format!("Roomtone/{} (+{public_url})", env!("CARGO_PKG_VERSION"));
        let agent = HeaderValue::from_str(&agent).map_err(io::Error::other)?;
        let names = Names::start(options.resolver);
        let guard = Guard::start(options.reach.clone(), options.roots.as_deref(), agent)?;
        Ok(Self { names, guard, places: Semaphore::new(AT_ONCE) })
    }

    /// Looks whether what is to be published is there. `home` is the page here of whose proof it is.
    pub async fn look(&self, proof: &Proof, home: &Url) -> Result<(), Trouble> {
        let Ok(_place) = self.places.try_acquire() else { return Err(Trouble::Busy) };
        match tokio::time::timeout(LOOK_LIMIT, self.find(proof, home)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Trouble::NotThere),
            Ok(Err(trouble)) => Err(trouble),
            Err(_) => Err(Trouble::NoAnswer),
        }
    }

    async fn find(&self, proof: &Proof, home: &Url) -> Result<bool, Trouble> {
        match Publication::of(proof, home) {
            Publication::Record { name, value } => {
                let texts = self.names.texts(&name).await?;
                Ok(texts.iter().any(|text| text.trim_ascii() == value.as_bytes()))
            }
            Publication::File { line, .. } => {
                let file = self.guard.fetch(&self.names, &proof.domain, FILE_PATH).await?;
                Ok(file.split(|byte| *byte == b'\n').any(|found| found.trim_ascii() == line.as_bytes()))
            }
            Publication::Link { href, .. } => {
                let page = self.guard.fetch(&self.names, &proof.domain, "/").await?;
                Ok(links::has_rel_me(&page, &href))
            }
        }
    }
}
