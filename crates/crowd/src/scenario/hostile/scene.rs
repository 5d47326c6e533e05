//! Where a trial takes place: a room with an honest host who talks, people who listen, and somebody hostile on its stage.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use http::Method;
use roomtone::wire::command::Command;
use roomtone::wire::recording::{Consent, Recording};
use roomtone::wire::replays::Hearers;
use roomtone::wire::socket::{RoomEvent, ServerMessage};
use roomtone::wire::{Id, MemberId};
use roomtone_room::ids::{ReplayId, encode_128};
use roomtone_store::{GuestMade, NewGuest, Store};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use super::packet::Mark;
use super::ways::{Who, now};
use crate::api::Api;
use crate::control::{self, Presence, RoomState};
use crate::fleet::listener::{Identity, sha256};
use crate::leg::{Leg, LegEvent, SLOTS};
use crate::scenario::{connected, run_name, talk};
use crate::tally::Known;
use crate::voice::Script;
use crate::{Error, Result};

/// People who listen besides the hostile client.
pub(super) const RECEIVERS: usize = 2;
/// Frames that are remembered of each kind: more than a trial can bring.
const HEARD_MAX: usize = 50_000;
/// What a guest is called.
const GUEST: &str = "A guest";
/// For how many minutes an ordinary guest's link lasts.
const GUEST_MINUTES: u32 = 60;
/// How long a brief guest's link lasts at least: the guest has come, is on stage and has tried everything before that. What comes
/// on top of it is as many times as long as the room has taken so far, so that a slow machine has the time it needs. Where that is
/// not enough, [`super::trial::run`] asks for twice as much.
const BRIEFLY: Duration = Duration::from_secs(3);
const ROOM_TO_ARM: u32 = 5;
/// The first address that hostile clients ask from on a server of this machine: each has one of its own (RFC 6890).
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
/// How long the room may take to tell of what was done.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all trials of a run share.
#[derive(Debug)]
pub(crate) struct Ground {
    /// The server, not signed in.
    pub(super) api: Api,
    /// The server's data folder, for what no client can do: taking a room away from its owner.
    pub(super) data: PathBuf,
    pub(super) identity: Identity,
    /// Who runs the server, if anybody here may.
    pub(super) owner: Option<Api>,
    /// What every honest talker says.
    pub(super) script: Script,
    codes: Mutex<VecDeque<String>>,
    run: String,
    people: AtomicU32,
    /// Hostile clients that have an address of their own.
    addresses: AtomicU32,
}

impl Ground {
    /// For a server with its data at `data`, and people who come by these invites; `owner` is the one that makes its owner.
    ///
    /// # Errors
    /// [`Error::Media`]; [`Error::Refused`] if that one is used.
    pub(crate) async fn new(api: Api, data: PathBuf, codes: Vec<String>, owner: Option<&str>) -> Result<Self> {
        let run = run_name();
        let owner = match owner {
            Some(code) => Some(api.redeem(code, &format!("crowd_{run}_owner"), "Owner").await?),
            None => None,
        };
        let script = crate::scenario::script(format!("crowd_{run}")).await?;
        let (codes, identity) = (Mutex::new(codes.into()), Identity::generate()?);
        let (people, addresses) = (AtomicU32::new(0), AtomicU32::new(0));
        Ok(Self { api, data, identity, owner, script, codes, run, people, addresses })
    }

    /// How many invites are left.
    pub(super) fn left(&self) -> usize {
        lock(&self.codes).len()
    }

    /// Adds invites.
    pub(super) fn stock(&self, codes: Vec<String>) {
        lock(&self.codes).extend(codes);
    }

    /// A new member and their handle.
    pub(super) async fn member(&self) -> Result<(Api, String)> {
        let code = lock(&self.codes).pop_front().ok_or_else(|| Error::Usage("there are no invites left".into()))?;
        let handle = format!("crowd_{}_{}", self.run, self.people.fetch_add(1, Ordering::Relaxed));
        Ok((self.api.redeem(&code, &handle, &handle).await?, handle))
    }

    /// The code of a guest's link that lasts for so long: no client can make one for less than five minutes.
    async fn brief_link(&self, room: &str, voucher: Id<MemberId>, lasting: Duration) -> Result<String> {
        let wrong = |error: &dyn std::fmt::Display| Error::Server(format!("a guest's link could not be made: {error}"));
        let (code, created_at) = (encode_128(random_128()), now());
        let guest = NewGuest {
            id: MemberId(random_128()),
            room: room.parse().map_err(|_| wrong(&"the room's id is none"))?,
            voucher: voucher.0,
            code: sha256(code.as_bytes()),
            name: GUEST.to_owned(),
            context: None,
            created_at,
            expires_at: created_at.plus(lasting.as_millis() as u64),
        };
        let store = Store::open(&self.data).await.map_err(|error| wrong(&error))?;
        let made = store.create_guest(&guest, 1).await.map_err(|error| wrong(&error));
        store.close().await;
        if made? == GuestMade::Made { Ok(code) } else { Err(wrong(&"the room does not take them")) }
    }

    /// The same client from an address that nobody else asks from, where there are any: the hostile client's misses are not to
    /// keep honest people waiting who come from the same one.
    fn put_elsewhere(&self, api: Api) -> Api {
        if !api.base().starts_with("http://127.") {
            return api;
        }
        let number = self.addresses.fetch_add(1, Ordering::Relaxed);
        api.asking_from(Ipv4Addr::from(ELSEWHERE.to_bits().wrapping_add(number)).into())
    }
}

fn random_128() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    u128::from_be_bytes(bytes)
}

/// A lock whose holders do not panic, and leave the value whole if one did.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A room in which a trial takes place.
pub(super) struct Scene {
    pub(super) room: String,
    /// The handle of the house whose room it is.
    pub(super) house: Option<String>,
    pub(super) host: Api,
    pub(super) chair: Presence,
    pub(super) witness: Witness,
    pub(super) receivers: Vec<Receiver>,
    pub(super) rogue: Api,
    pub(super) rogue_handle: String,
    pub(super) rogue_member: Id<MemberId>,
    /// Where the hostile client is, unless it has gone.
    pub(super) presence: Presence,
    /// Whether that is on stage. If so, they are recorded.
    pub(super) on_stage: bool,
    /// The replay that it will be.
    pub(super) replay: Option<ReplayId>,
    host_voice: JoinHandle<Error>,
}

impl Scene {
    /// Opens a room, lets everybody in, and if wanted brings the hostile client to its stage. A brief guest's link lasts so many times as long
    /// as it should do; when it ends is in `until` as soon as there is one, also if something goes wrong then.
    pub(super) async fn set(
        ground: &Ground,
        who: Who,
        on_stage: bool,
        times: u32,
        until: &mut Option<Instant>,
    ) -> Result<Self> {
        let began = Instant::now();
        let (host, host_handle) = ground.member().await?;
        let house = (who == Who::Housemate).then(|| format!("{host_handle}_h"));
        if let Some(handle) = &house {
            let house = json!({ "handle": handle, "name": "A house" });
            host.order(Method::POST, "/api/houses", &house).await?;
        }
        let join = async || {
            let (api, handle) = ground.member().await?;
            if let Some(house) = &house {
                let membership = format!("/api/houses/{house}/membership");
                api.order(Method::PUT, &membership, &json!({ "rules_accepted": true })).await?;
            }
            Ok::<_, Error>((api, handle))
        };
        let room = host.open_room_of("A trial", house.as_deref()).await?;
        let mut chair = Presence::enter(&host, &room, true).await?;
        let leg = connected(Leg::publish(&host, &room).await?).await?;
        let host_voice = tokio::spawn(talk(leg, Arc::new(Known::new(ground.script.clone()))));
        let mut receivers = Vec::new();
        for _ in 0..RECEIVERS {
            receivers.push(Receiver::enter(join().await?.0, &room).await?);
        }
        let witness = Witness::enter(&join().await?.0, &room).await?;
        let (rogue, rogue_handle) = match who {
            Who::Member | Who::Housemate => join().await?,
            Who::Guest => {
                let (_, code) = host.make_guest_link(&room, GUEST, GUEST_MINUTES).await?;
                (ground.api.take_guest_link(&code).await?, String::new())
            }
            Who::BriefGuest => {
                let voucher = chair.state().member.ok_or(Error::Timeout("a snapshot"))?;
                let lasting = (BRIEFLY + began.elapsed() * ROOM_TO_ARM) * times;
                *until = Some(Instant::now() + lasting);
                let code = ground.brief_link(&room, voucher, lasting).await?;
                (ground.api.take_guest_link(&code).await?, String::new())
            }
        };
        let rogue = ground.put_elsewhere(rogue);
        let mut presence = Presence::enter(&rogue, &room, false).await?;
        if on_stage {
            presence.come_on_stage().await?;
        } else if presence.state().on_stage {
            // As guests are who are let in.
            presence.command(Command::StepDown).await?;
            presence.wait("a seat in the audience", |state| !state.on_stage).await?;
        }
        let rogue_member = presence.state().member.ok_or(Error::Timeout("a snapshot"))?;
        let replay = if on_stage { Some(record(&mut chair, &mut presence).await?) } else { None };
        Ok(Self {
            room,
            house,
            host,
            chair,
            witness,
            receivers,
            rogue,
            rogue_handle,
            rogue_member,
            presence,
            on_stage,
            replay,
            host_voice,
        })
    }

    /// The streams of the other legs, as far as their owners have heard anything on them.
    pub(super) fn others(&self) -> Vec<u32> {
        self.receivers.iter().flat_map(|receiver| lock(&receiver.heard).ssrcs.clone()).collect()
    }
}

/// Records a room of which somebody runs the stage, and somebody on it who agrees.
pub(super) async fn record(chair: &mut Presence, agrees: &mut Presence) -> Result<ReplayId> {
    chair.command(Command::SetRecording { to: Some(Hearers::Everyone) }).await?;
    let on = agrees.wait("a recording", |state| state.recording.is_some()).await?.recording;
    let Recording { replay, text, .. } = on.ok_or(Error::Timeout("a recording"))?;
    agrees.command(Command::ConsentRecording { replay, text, agree: true }).await?;
    let agreed =
        |state: &RoomState| state.member.is_some_and(|member| state.recorded.get(&member) == Some(&Consent::Agreed));
    agrees.wait("their consent", agreed).await?;
    Ok(replay.0)
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.host_voice.abort();
    }
}

/// Somebody who listens, and knows the hostile client's frames.
pub(super) struct Receiver {
    pub(super) presence: Presence,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

/// What one of them has heard.
#[derive(Debug, Default, Clone)]
pub(super) struct Heard {
    /// Frames of the hostile client.
    pub(super) marks: Vec<(Instant, Mark)>,
    /// When everything else came.
    pub(super) honest: Vec<Instant>,
    pub(super) ssrcs: Vec<u32>,
}

impl Receiver {
    async fn enter(api: Api, room: &str) -> Result<Self> {
        let presence = Presence::enter(&api, room, false).await?;
        let mut leg = connected(Leg::listen(&api, room, SLOTS).await?).await?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let hearing = heard.clone();
        let task = tokio::spawn(async move {
            while let Ok(event) = leg.next().await {
                let LegEvent::Heard(packet) = event else { continue };
                let now = Instant::now();
                let mut heard = lock(&hearing);
                if !heard.ssrcs.contains(&packet.header.ssrc) {
                    heard.ssrcs.push(*packet.header.ssrc);
                }
                let marks = Mark::all_in(&packet.payload);
                if heard.marks.len().max(heard.honest.len()) >= HEARD_MAX {
                    continue;
                }
                if marks.is_empty() {
                    heard.honest.push(now);
                }
                heard.marks.extend(marks.into_iter().map(|mark| (now, mark)));
            }
        });
        Ok(Self { presence, heard, task })
    }

    pub(super) fn heard(&self) -> Heard {
        lock(&self.heard).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Somebody who only looks: when their control socket has shown what.
pub(super) struct Witness {
    seen: watch::Receiver<Vec<(Instant, Seen)>>,
    task: JoinHandle<()>,
}

/// What a control socket shows of the way in which somebody goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Left(Id<MemberId>),
    Demoted(Id<MemberId>),
    Muted(Id<MemberId>),
    MicClosed(Id<MemberId>),
    /// They have taken back that they may be recorded.
    Unrecorded(Id<MemberId>),
    Ended,
    /// The socket itself was closed by the server.
    Bye,
}

impl Witness {
    async fn enter(api: &Api, room: &str) -> Result<Self> {
        let mut socket = control::connect(api, room).await?;
        let (show, seen) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let at = Instant::now();
                let Message::Text(text) = message else { continue };
                let Ok(message) = serde_json::from_str(&text) else { continue };
                let news = news(message);
                if !news.is_empty() {
                    show.send_modify(|seen| seen.extend(news.into_iter().map(|news| (at, news))));
                }
            }
        });
        Ok(Self { seen, task })
    }

    /// Waits until this was seen, and says when.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Connection`].
    pub(super) async fn sees(&mut self, what: Seen) -> Result<Instant> {
        let find = |seen: &Vec<(Instant, Seen)>| seen.iter().find(|(_, one)| *one == what).map(|(at, _)| *at);
        let seeing = self.seen.wait_for(|seen| find(seen).is_some());
        let seen = tokio::time::timeout(PATIENCE, seeing).await.map_err(|_| Error::Timeout("an event"))?;
        let seen = seen.map_err(|_| Error::Connection("the witness's socket ended".into()))?;
        find(&seen).ok_or(Error::Timeout("an event"))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a message shows.
fn news(message: ServerMessage) -> Vec<Seen> {
    match message {
        ServerMessage::Events(batch) => batch.events.into_iter().filter_map(|one| shown(one.event)).collect(),
        ServerMessage::Bye { .. } => vec![Seen::Bye],
        _ => Vec::new(),
    }
}

fn shown(event: RoomEvent) -> Option<Seen> {
    use roomtone::wire::socket::Role;
    match event {
        RoomEvent::Left { member, .. } => Some(Seen::Left(member)),
        RoomEvent::RoleChanged { person, role: Role::Listener, .. } => Some(Seen::Demoted(person.id)),
        RoomEvent::Muted { member, .. } => Some(Seen::Muted(member)),
        RoomEvent::MicChanged { member, open: false } => Some(Seen::MicClosed(member)),
        RoomEvent::RecordingConsent { member, agree: false } => Some(Seen::Unrecorded(member)),
        RoomEvent::Ended { .. } => Some(Seen::Ended),
        _ => None,
    }
}
