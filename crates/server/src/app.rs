//! What every request can reach, and how it is put together and taken down.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use roomtone_room::ids::MemberId;
use roomtone_store::{DataLock, Store, StoreError};
use tokio::net::TcpListener;
use url::Url;

use crate::cli::{Serve, join_link};
use crate::edge::{self, Secret};
use crate::files;
use crate::media_io::{self, Media};
use crate::observe::Observe;
use crate::rooms::Rooms;

/// Requests a member may make at once, and each second after that. More serves busier pages; fewer makes reading the
/// whole server through slower (guarantee G4).
const READS: (u32, u32) = (400, 100);

/// The setting under which the command line finds the public URL.
pub const PUBLIC_URL_SETTING: &str = "public_url";

/// Everything that requests share.
pub struct App {
    /// The database.
    pub store: Store,
    /// The media threads.
    pub media: Arc<Media>,
    /// The live rooms.
    pub rooms: Arc<Rooms>,
    /// How people reach this server.
    pub public_url: Url,
    /// The name of this server.
    pub name: String,
    /// Who has asked too often.
    pub limits: Limits,
    /// Metrics.
    pub observe: Observe,
    /// Held for as long as this process serves from its data folder.
    _lock: DataLock,
}

/// Why the server did not start: one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket could not be bound, or a thread not started.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The data folder could not be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A live room could not be brought back.
    #[error("{0}")]
    Room(#[from] crate::wire::stored::Unreadable),
    /// The data folder has no server yet.
    #[error("{0} holds no Roomtone server yet; start `roomtone serve` with it first")]
    NoServer(String),
}

impl App {
    /// Opens the data folder, binds the sockets, starts the media threads and brings the live rooms back.
    pub async fn start(options: &Serve, observe: Observe) -> Result<(Arc<Self>, TcpListener), StartError> {
        let lock = DataLock::take(&options.data)?;
        let store = Store::open(&options.data).await?;
        let listener = crate::serve::listen(options.listen)
            .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {}: {e}", options.listen)))?;
        let address = listener.local_addr()?;
        let public_url = options.public_url(address.port());
        store.set_setting(PUBLIC_URL_SETTING, public_url.as_str()).await?;

        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (media, reports) = Media::start(&media_io::Options {
            listen: options.media,
            addresses: options.media_address.clone(),
            offer_loopback: address.ip().is_loopback(),
            threads: options.media_threads.map_or(cores.min(64), usize::from),
            packing: options.packing,
        })?;
        let media = Arc::new(media);
        let asked = options.max_listeners.map_or(usize::MAX, |max| max as usize);
        let rooms = Rooms::start(store.clone(), media.clone(), reports, asked.min(files::people())).await?;
        let app = Self {
            store,
            media: media.clone(),
            rooms,
            public_url,
            name: options.name.clone(),
            limits: Limits::new(),
            observe: observe.with_media(media),
            _lock: lock,
        };
        Ok((Arc::new(app), listener))
    }

    /// A fresh owner link, while nobody has an account; the former one stops working.
    pub async fn owner_link(&self) -> Result<Option<String>, StoreError> {
        let secret = Secret::draw();
        let made = self.store.replace_owner_invite(secret.hash, edge::now()).await?;
        Ok(made.then(|| join_link(self.public_url.as_str(), &secret.text)))
    }
}

/// Who has asked too often.
pub struct Limits {
    reads: RateLimiter<MemberId, DashMapStateStore<MemberId>, DefaultClock>,
}

impl Limits {
    fn new() -> Self {
        let burst = |n| NonZeroU32::new(n).expect("the quotas above are not zero");
        Self { reads: RateLimiter::dashmap(Quota::per_second(burst(READS.1)).allow_burst(burst(READS.0))) }
    }

    /// Counts a request of a member; false if there were too many.
    pub fn may_read(&self, member: MemberId) -> bool {
        self.reads.check_key(&member).is_ok()
    }

    /// Forgets those who have been quiet for long, so that the tables stay small.
    pub fn forget_idle(&self) {
        self.reads.retain_recent();
    }
}

/// The address that the server listens on, as people in front of the terminal can use it.
pub fn listening_line(address: SocketAddr) -> String {
    format!("listening on http://{address}")
}
