//! The command line.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use roomtone_store::{DATABASE_FILE, Store, StoreError};
use url::Url;

use crate::media_io::Packing;
use crate::proof;

/// Live audio rooms with a stage and an audience, in the browser, hosted by you.
#[derive(Debug, Parser)]
#[command(name = "roomtone", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve rooms until stopped.
    Serve(Box<Serve>),
    /// Print new one-use invite links.
    Invite(Invite),
    /// Print a one-use link that signs the owner in, or a member, who has no other way in any more.
    Recover(Recover),
}

/// Options of `roomtone serve`.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Address and port for HTTP.
    #[arg(long, env = "ROOMTONE_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// Where the data is.
    #[command(flatten)]
    pub data: Data,
    /// Address and first port for sound, UDP and TCP. Each further media thread takes the next port number; port 0
    /// takes any free ones. With an unspecified address (0.0.0.0) every address of this machine is offered.
    #[arg(long, env = "ROOMTONE_MEDIA", default_value = "0.0.0.0:47000", value_name = "ADDR:PORT")]
    pub media: SocketAddr,
    /// Addresses to offer for sound instead of this machine's own, where it is behind address translation.
    #[arg(long, env = "ROOMTONE_MEDIA_ADDRESS", value_delimiter = ',', value_name = "IP,…")]
    pub media_address: Vec<std::net::IpAddr>,
    /// Media threads; one for each core if absent.
    #[arg(long, env = "ROOMTONE_MEDIA_THREADS", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub media_threads: Option<u8>,
    /// Milliseconds of sound in a packet to the audience. Longer costs less of everything and comes later; auto chooses by the
    /// size of the room and the load. People on stage always get 20.
    #[arg(long, env = "ROOMTONE_PACKING", default_value = "auto", value_name = "auto|20|60|120")]
    pub packing: Packing,
    /// People who may be in rooms at once; whoever comes then is asked to come back later. Without it, as many as the
    /// server finds that it can serve.
    #[arg(long, env = "ROOMTONE_MAX_LISTENERS", value_name = "N")]
    pub max_listeners: Option<u32>,
    /// Addresses of reverse proxies in front of this server. Where a request comes from one of them, X-Forwarded-For says who
    /// asks; without this, limits for visitors count everybody behind a proxy as one.
    #[arg(long, env = "ROOMTONE_PROXY", value_delimiter = ',', value_name = "IP,…")]
    pub proxy: Vec<std::net::IpAddr>,
    /// How people reach this server; used in links. Guessed from --listen if absent.
    #[arg(long, env = "ROOMTONE_PUBLIC_URL", value_name = "URL", value_parser = web_address)]
    pub public_url: Option<Url>,
    /// The name of this server, shown to newcomers.
    #[arg(long, env = "ROOMTONE_NAME", default_value = "Roomtone")]
    pub name: String,
    /// Program that writes down what is said in replays, such as tools/transcriber/transcribe. Without it, nothing is written down.
    #[arg(long, env = "ROOMTONE_TRANSCRIBER", value_name = "COMMAND", value_parser = crate::transcripts::program)]
    pub transcriber: Option<PathBuf>,
    /// Bucket of an S3 server for replays, instead of the data folder. How it is reached is told by AWS_ENDPOINT, AWS_REGION,
    /// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and so on.
    #[arg(long, env = "ROOMTONE_REPLAYS", value_name = "s3://BUCKET/PREFIX", value_parser = bucket)]
    pub replays: Option<Url>,
    /// How domains are looked at that members prove to be theirs.
    #[command(flatten)]
    pub proof: ProofOptions,
}

/// Options of `roomtone serve` for closed networks and tests, where domains that members prove are not those of the internet at
/// large.
#[derive(Debug, Clone, Args)]
pub struct ProofOptions {
    /// Name server to ask for domains, instead of the system's.
    #[arg(long, env = "ROOMTONE_PROOF_RESOLVER", hide = true, value_name = "ADDR:PORT")]
    pub proof_resolver: Option<SocketAddr>,
    /// Networks that are not public and may be asked for proofs all the same.
    #[arg(long, env = "ROOMTONE_PROOF_ALLOW", hide = true, value_delimiter = ',', value_name = "NET,…")]
    pub proof_allow: Vec<IpNet>,
    /// Port of https at domains.
    #[arg(long, env = "ROOMTONE_PROOF_PORT", hide = true, default_value_t = 443, value_name = "PORT")]
    pub proof_port: u16,
    /// File with certificates of authorities, in PEM, besides those of the system.
    #[arg(long, env = "ROOMTONE_PROOF_ROOTS", hide = true, value_name = "FILE")]
    pub proof_roots: Option<PathBuf>,
}

impl ProofOptions {
    /// The same for the part that looks at domains.
    pub fn options(&self) -> proof::Options {
        proof::Options {
            resolver: self.proof_resolver,
            reach: proof::Reach { allowed: self.proof_allow.clone(), port: self.proof_port },
            roots: self.proof_roots.clone(),
        }
    }
}

/// Options of `roomtone invite`.
#[derive(Debug, Clone, Args)]
pub struct Invite {
    /// Where the data of the server is.
    #[command(flatten)]
    pub data: Data,
    /// How many links, at most 100,000; one a line.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub count: u32,
}

/// Options of `roomtone recover`.
#[derive(Debug, Clone, Args)]
pub struct Recover {
    /// Where the data of the server is.
    #[command(flatten)]
    pub data: Data,
    /// Whom the link signs in; the owner if absent.
    pub handle: Option<String>,
}

/// Where the data of a server is.
#[derive(Debug, Clone, Args)]
pub struct Data {
    /// Folder that holds all data; the server makes it if it is missing.
    #[arg(long = "data", env = "ROOMTONE_DATA", default_value = "./data", value_name = "DIR")]
    pub folder: PathBuf,
    /// Postgres database to use instead of the one in the folder: postgres://USER:PASSWORD@HOST/NAME. A password is better
    /// given by the environment, where other users of the machine do not see it.
    #[arg(long, env = "ROOMTONE_DATABASE", hide_env_values = true, value_name = "URL")]
    pub database: Option<DatabaseUrl>,
}

impl Data {
    /// The data in a folder, without Postgres.
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), database: None }
    }

    /// Opens the database.
    pub async fn open(&self) -> Result<Store, StoreError> {
        match &self.database {
            Some(DatabaseUrl(url)) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Store::connect(url).await
            }
            Some(_) => Err(StoreError::Address),
            None => Store::open(&self.folder).await,
        }
    }

    /// Opens the database if there is one; the command line must not make a server's folder by a slip of the pen.
    pub async fn open_existing(&self) -> Result<Option<Store>, StoreError> {
        if self.database.is_none() && !self.folder.join(DATABASE_FILE).exists() {
            return Ok(None);
        }
        self.open().await.map(Some)
    }
}

/// The address of a Postgres database. It may hold a password, so it is never printed; and whether it is one at all is looked at
/// when the database is opened, since what is refused as an option is printed.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl FromStr for DatabaseUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

impl Serve {
    /// The public URL: the one given, or `localhost` for a loopback address, else the address itself. `port` is the
    /// one actually bound.
    pub fn public_url(&self, port: u16) -> Url {
        self.public_url.clone().unwrap_or_else(|| {
            let host = match self.listen.ip() {
                ip if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
                std::net::IpAddr::V6(ip) => format!("[{ip}]"),
                ip => ip.to_string(),
            };
            Url::parse(&format!("http://{host}:{port}")).expect("a host and a port make a URL")
        })
    }
}

/// An http or https URL without anything that a link or a header could not carry.
fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let web = matches!(url.scheme(), "http" | "https");
    if web && plain { Ok(url) } else { Err("expected http://HOST or https://HOST".to_owned()) }
}

/// The address of a bucket, maybe with a prefix for what is put there.
fn bucket(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let named = url.scheme() == "s3" && url.host_str().is_some_and(|bucket| !bucket.is_empty()) && url.port().is_none();
    if named && plain { Ok(url) } else { Err("expected s3://BUCKET or s3://BUCKET/PREFIX".to_owned()) }
}

/// `PUBLIC_URL/signin/TOKEN`.
pub fn sign_in_link(public_url: &str, token: &str) -> String {
    format!("{}/signin/{token}", public_url.trim_end_matches('/'))
}

/// `PUBLIC_URL/join/CODE`.
pub fn join_link(public_url: &str, code: &str) -> String {
    format!("{}/join/{code}", public_url.trim_end_matches('/'))
}

/// `PUBLIC_URL/guest/CODE`.
pub fn guest_link(public_url: &str, code: &str) -> String {
    format!("{}/guest/{code}", public_url.trim_end_matches('/'))
}

/// `PUBLIC_URL/answer/CODE`.
pub fn answer_link(public_url: &str, code: &str) -> String {
    format!("{}/answer/{code}", public_url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_not_printed() {
        let data = Data {
            database: Some("postgres://ada:secret@db/talk".parse().unwrap()),
            ..Data::in_folder(Path::new("."))
        };
        assert!(!format!("{data:?}").contains("secret"));
        // Also not of an address that is none.
        for wrong in ["mysql://ada:secret@db/talk", "ada:secret@db/talk", "postgres:/ada:secret@db"] {
            let cli = Cli::try_parse_from(["roomtone", "invite", "--database", wrong]).map_err(|e| e.to_string());
            let Command::Invite(invite) = cli.expect("it is looked at later").command else { unreachable!("as asked") };
            let error = invite.data.open().await.unwrap_err();
            assert!(matches!(error, StoreError::Address), "{error}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn buckets() {
        for good in ["s3://talks", "s3://talks/a/b"] {
            assert!(bucket(good).is_ok(), "{good}");
        }
        for bad in [
            "talks",
            "s3://",
            "s3:talks",
            "https://talks.example",
            "s3://key:secret@talks",
            "s3://talks?x=y",
            "s3://talks:9",
        ] {
            assert!(bucket(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn public_urls() {
        for good in ["http://localhost:8080", "https://talk.example", "https://talk.example/rooms"] {
            assert!(web_address(good).is_ok(), "{good}");
        }
        for bad in ["", "talk.example", "ftp://talk.example", "https://a:b@talk.example", "https://talk.example/?a=b"] {
            assert!(web_address(bad).is_err(), "{bad}");
        }
    }
}
