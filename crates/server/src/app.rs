//! What every request can reach, and how it is put together and taken down.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use roomtone_room::ids::{RoomId, Timestamp};
use roomtone_store::{DataLock, Store, StoreError};
use tokio::net::TcpListener;
use url::Url;
use webauthn_rs::Webauthn;

use crate::account;
use crate::avatars::Pictures;
use crate::cli::{Serve, join_link};
use crate::edge::{self, Secret};
use crate::events::Events;
use crate::evidence::Evidence;
use crate::files;
use crate::http::{Playing, Tickets, Uses, relying_party};
use crate::limits::Limits;
use crate::live::Live;
use crate::mail::Mailer;
use crate::media_io::{self, Media};
use crate::notices::push::{Push, Reach};
use crate::notices::stop::StopLinks;
use crate::notices::{Notices, Tell};
use crate::observe::Observe;
use crate::proof::Prover;
use crate::public::Public;
use crate::recorder::Recorder;
use crate::replays::Replays;
use crate::rooms::{Around, Rooms};
use crate::search::Indexer;
use crate::settings::Settings;
use crate::transcripts::Transcripts;
use crate::visits::Visits;
use crate::wire::notices::NoticeKind;

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
    /// The pages that are open.
    pub live: Arc<Live>,
    /// How people reach this server.
    pub public_url: Url,
    /// Reverse proxies whose word on who asks is taken.
    pub proxies: Vec<IpAddr>,
    /// What the operator has chosen.
    pub settings: Arc<Settings>,
    /// Makes pictures of what members send.
    pub pictures: Pictures,
    /// Who took part on which day.
    pub visits: Arc<Visits>,
    /// Told of new names.
    pub search: Arc<Indexer>,
    /// When this process started.
    pub started_at: Timestamp,
    /// What makes and checks passkeys, where browsers have them.
    pub passkeys: Option<Webauthn>,
    /// Which sessions were used of late.
    pub uses: Uses,
    /// By which players hear rooms.
    pub tickets: Tickets,
    /// Where letters are handed in.
    pub mailer: Mailer,
    /// Where members are told of things.
    pub notices: Arc<Notices>,
    /// Who has asked too often.
    pub limits: Limits,
    /// Metrics.
    pub observe: Observe,
    /// The pages that everybody may read.
    pub public: Public,
    /// Told of what happens to events.
    pub events: Arc<Events>,
    /// The sound that goes with reports.
    pub evidence: Evidence,
    /// What writes down what is recorded.
    pub recorder: Arc<Recorder>,
    /// What makes replays of that, and where they are.
    pub replays: Replays,
    /// Who hears a replay at this moment.
    pub playing: Playing,
    /// Has replays written down.
    pub transcripts: Transcripts,
    /// Looks whether domains are whose they are said to be.
    pub prover: Prover,
    /// The task that takes what was deleted off the disk.
    pub forgetting: account::Forgetting,
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
    /// Nobody has the handle, or there is no owner yet.
    #[error("there is no such member")]
    NoMember,
    /// Nothing lets the member in while they are suspended.
    #[error(
        "this member is suspended, and no link lets them in: let them in again under Administration first (`roomtone recover` \
         without a handle signs the owner in there), then run this once more"
    )]
    Suspended,
}

impl App {
    /// Opens the data folder, binds the sockets, starts the media threads and brings the live rooms back.
    pub async fn start(options: &Serve, observe: Observe) -> Result<(Arc<Self>, TcpListener), StartError> {
        Self::start_reaching(options, observe, Reach::Public).await
    }

    /// As [`App::start`], and push messages go as far as `reach`: tests have a push service of their own.
    pub async fn start_reaching(
        options: &Serve,
        observe: Observe,
        reach: Reach,
    ) -> Result<(Arc<Self>, TcpListener), StartError> {
        let lock = DataLock::take(&options.data.folder)?;
        let store = options.data.open().await?;
        store.serve_alone().await?;
        // While nobody waits for it.
        if let Err(error) = account::forget_rest(&store).await {
            tracing::error!(%error, "what was deleted is still on the disk");
        }
        let evidence = Evidence::new(&options.data.folder);
        evidence.sweep(&store).await;
        let recorder = Arc::new(Recorder::start(&options.data.folder)?);
        recorder.sweep(&store).await;
        let replays = Replays::start(&options.data.folder, options.replays.as_ref(), recorder.clone())
            .map_err(|e| io::Error::new(e.kind(), format!("there is no place for replays: {e}")))?;
        let listener = crate::serve::listen(options.listen)
            .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {}: {e}", options.listen)))?;
        let address = listener.local_addr()?;
        let public_url = options.public_url(address.port());
        store.set_setting(PUBLIC_URL_SETTING, public_url.as_str()).await?;
        let settings = Arc::new(Settings::load(&store, &options.name).await?);
        let visits = Arc::new(Visits::default());

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
        let push = Push::start(&store, &public_url, reach).await?;
        let notices = Notices::new(push, StopLinks::start(&store).await?);
        let live = Live::new(store.clone(), files::people());
        let told = notices.clone();
        let speaking = Box::new(move |room, speaker| told.room_speaking(room, speaker));
        let told = notices.clone();
        let moderated = Box::new(move |room, whom| told.moderated(room, whom));
        let told = notices.clone();
        let called_up = Box::new(move |room: RoomId, by, member| {
            told.tell(Tell::new(member, NoticeKind::CalledUp).by(by).about(room.0));
        });
        let events = Arc::<Events>::default();
        let told = events.clone();
        let ended = Box::new(move || told.changed());
        let around = Around { live: live.clone(), visits: visits.clone(), speaking, called_up, moderated, ended };
        let most = asked.min(files::people());
        let rooms = Rooms::start(store.clone(), media.clone(), reports, recorder.clone(), most, around).await?;
        live.start(rooms.clone());
        let passkeys = relying_party(&public_url, &settings.get().name);
        let prover = Prover::start(&options.proof.options(), &public_url)?;
        let mailer = Mailer::start(store.clone(), settings.clone(), public_url.as_str());
        let app = Self {
            store,
            media: media.clone(),
            rooms,
            live,
            public_url,
            proxies: options.proxy.clone(),
            settings,
            visits,
            pictures: Pictures::default(),
            search: Arc::default(),
            started_at: edge::now(),
            passkeys,
            uses: Uses::default(),
            tickets: Tickets::default(),
            mailer,
            notices,
            limits: Limits::new(),
            observe: observe.with_media(media),
            public: Public::default(),
            events,
            evidence,
            recorder,
            replays,
            transcripts: Transcripts::new(&options.data.folder, options.transcriber.clone()),
            prover,
            forgetting: account::Forgetting::default(),
            playing: Playing::default(),
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

/// The address that the server listens on, as people in front of the terminal can use it.
pub fn listening_line(address: SocketAddr) -> String {
    format!("listening on http://{address}")
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;
    use roomtone_room::ids::MemberId;
    use roomtone_store::{NewInvite, NewMember, NewSession};
    use tempfile::TempDir;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::http::SignedIn;

    /// A server that nobody serves: of its tasks only those run that come with the rooms.
    pub(crate) async fn idle() -> (Arc<App>, TempDir) {
        let data = tempfile::tempdir().unwrap();
        let arguments = ["roomtone", "serve", "--listen", "127.0.0.1:0", "--media", "127.0.0.1:0", "--data"];
        let cli = Cli::parse_from(arguments.iter().map(AsRef::as_ref).chain([data.path().as_os_str()]));
        let Command::Serve(options) = cli.command else { unreachable!("serve was asked for") };
        let (app, _) = App::start(&options, Observe::install()).await.unwrap();
        (app, data)
    }

    impl App {
        /// A new member, as their requests carry them.
        pub(crate) async fn newcomer(&self, handle: &str) -> SignedIn {
            let (code, session) = (Secret::draw(), Secret::draw());
            let at = edge::now();
            let invite = NewInvite { hash: code.hash, owner: false, sponsor: None, created_at: at, expires_at: None };
            self.store.create_invite(invite).await.unwrap();
            let (id, own) = (MemberId(edge::random_128()), || handle.to_owned());
            let member = NewMember { id, handle: own(), skeleton: own(), name: own(), language: "en".to_owned() };
            let new_session = NewSession { hash: session.hash, label: "test".to_owned() };
            let member = self.store.redeem(&code.hash, at, member, new_session).await.unwrap().member;
            SignedIn { member, session: session.hash, as_of: self.rooms.sign_outs() }
        }
    }
}
