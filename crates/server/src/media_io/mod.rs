//! The media threads: one for each core, each with a UDP socket, a TCP listener on the same port number, and a
//! [`Shard`](roomtone_media::shard::Shard) that it drives. This is the handle that the rest of the server holds.
//!
//! A room has a home thread, where all its publish legs live, so that one place decides who is forwarded. Its listen
//! legs are spread over all threads; frames reach them through bounded queues that drop the oldest.

mod framing;
mod load;
mod residence;
mod streams;
mod tap;
mod thread;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use mio::Waker;
use roomtone_media::feed::Tier;
use roomtone_media::frame::Frame;
use roomtone_media::identity::Identity;
use roomtone_media::leg::{Fingerprint, LegId};
use roomtone_media::shard::{Grant, LegEvent, ListenSetup, PublishSetup};
use roomtone_room::ids::{RoomId, TalkerNo};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use load::Gauge;
pub use load::Load;
pub use residence::Residence;
use tap::Space;
pub(crate) use tap::{KEPT_FOR, Kept, Outlet, Recorded};

/// Orders to one media thread that may wait. More rides out longer stalls; when it is full, whoever orders waits.
const ORDERS: usize = 4096;

/// Frames from other threads that may wait, about 6 s of three talkers in one room. More rides out longer stalls at
/// the price of staler sound; when it is full the oldest is dropped.
const FRAMES: usize = 1024;

/// Reports about legs that may wait for the rooms. They are kept by the thread while it is full.
const REPORTS: usize = 4096;

/// What a room's owner tells a media thread.
#[derive(Debug)]
pub(crate) enum Order {
    Listen(Box<ListenSetup>),
    Publish(Box<PublishSetup>),
    Tier(LegId, Tier),
    Drop(LegId),
    Grant(Grant),
    /// These have agreed to having the last minute of what they say kept; what is kept of others is dropped.
    Agreed(RoomId, Vec<TalkerNo>),
    /// What is kept of a room is asked for.
    Kept(RoomId, oneshot::Sender<Vec<Kept>>),
    /// Who of a room is recorded from now on, if anybody is; answered when it is so.
    Record(RoomId, Option<Recorded>, oneshot::Sender<()>),
    /// All that is given out in a room goes here too.
    HandOn(RoomId, Arc<Outlet>),
    /// As if somebody had said this.
    #[cfg(test)]
    Say(Arc<Frame>),
    /// As if there were a fault in the thread.
    #[cfg(test)]
    Panic,
}

/// What a media thread tells a room's owner.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Which leg.
    pub leg: LegId,
    /// The room it is in.
    pub room: RoomId,
    /// What became of it.
    pub event: LegEvent,
}

/// Where and how the media threads listen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address and first port.
    pub listen: SocketAddr,
    /// Addresses to offer instead of this machine's own.
    pub addresses: Vec<IpAddr>,
    /// Whether to offer loopback addresses too: right when people reach the server by `localhost`.
    pub offer_loopback: bool,
    /// How many threads.
    pub threads: usize,
    /// How much sound goes into a packet.
    pub packing: Packing,
}

/// How much sound goes into a packet to the audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// What fits the size of the room and the load.
    Auto,
    /// The same for all rooms.
    Always(Tier),
}

impl FromStr for Packing {
    type Err = &'static str;

    /// `auto`, or one of the lengths in milliseconds.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |tier: &Tier| tier.millis().to_string() == text;
        match Tier::ALL.into_iter().find(named) {
            Some(tier) => Ok(Self::Always(tier)),
            None if text == "auto" => Ok(Self::Auto),
            None => Err("expected auto, 20, 60 or 120"),
        }
    }
}

/// One media thread, as others see it.
struct Thread {
    orders: mpsc::Sender<Order>,
    inbox: Arc<Inbox>,
    candidates: Vec<SocketAddr>,
}

/// What other media threads put in for this one.
pub(crate) struct Inbox {
    frames: ArrayQueue<Arc<Frame>>,
    waker: Waker,
}

impl Inbox {
    /// Adds a frame; returns whether an older one had to go.
    fn push(&self, frame: Arc<Frame>) -> bool {
        let dropped = self.frames.force_push(frame).is_some();
        self.wake();
        dropped
    }

    fn wake(&self) {
        // Fails only when the thread is gone, which `Media::is_running` reports.
        let _ = self.waker.wake();
    }
}

/// The handle to all media threads.
pub struct Media {
    threads: Vec<Thread>,
    fingerprint: Fingerprint,
    running: Arc<AtomicUsize>,
    load: Vec<Arc<Gauge>>,
    next_listener: AtomicUsize,
    residence: Arc<Residence>,
    packing: Packing,
    reports: mpsc::Sender<Report>,
}

/// A media thread's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadNo(usize);

impl Media {
    /// Binds the sockets and starts the threads. Reports about legs come out of the returned channel.
    pub fn start(options: &Options) -> io::Result<(Self, mpsc::Receiver<Report>)> {
        let identity = Arc::new(Identity::generate().map_err(io::Error::other)?);
        let fingerprint = identity.fingerprint();
        let (report, reports) = mpsc::channel(REPORTS);
        let running = Arc::new(AtomicUsize::new(0));
        let residence = Arc::new(Residence::default());
        let addresses = offered_addresses(options)?;

        let mut bound = Vec::new();
        for i in 0..options.threads {
            let port = match options.listen.port() {
                0 => 0,
                first => first
                    .checked_add(u16::try_from(i).map_err(io::Error::other)?)
                    .ok_or_else(|| io::Error::other("the media ports run past 65535"))?,
            };
            bound.push(thread::Bound::new(SocketAddr::new(options.listen.ip(), port))?);
        }
        let inboxes = bound
            .iter()
            .map(|bound| Ok(Arc::new(Inbox { frames: ArrayQueue::new(FRAMES), waker: bound.waker()? })))
            .collect::<io::Result<Vec<_>>>()?;
        let mut threads = Vec::new();
        let space = Arc::new(Space::default());
        let load: Vec<_> = bound.iter().map(|_| Arc::new(Gauge::default())).collect();
        for (i, bound) in bound.into_iter().enumerate() {
            let (orders, receive_orders) = mpsc::channel(ORDERS);
            let candidates: Vec<_> = addresses.iter().map(|&ip| SocketAddr::new(ip, bound.port())).collect();
            let others = inboxes.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, inbox)| inbox.clone()).collect();
            let seat = thread::Seat {
                identity: identity.clone(),
                orders: receive_orders,
                inbox: inboxes[i].clone(),
                others,
                reports: report.clone(),
                residence: residence.clone(),
                load: load[i].clone(),
                space: space.clone(),
            };
            bound.spawn(i, seat, running.clone())?;
            threads.push(Thread { orders, inbox: inboxes[i].clone(), candidates });
        }
        let next_listener = AtomicUsize::new(0);
        let packing = options.packing;
        let media = Self { threads, fingerprint, running, load, next_listener, residence, packing, reports: report };
        Ok((media, reports))
    }

    /// How much there is to do: the level of the thread that has the most.
    pub fn load(&self) -> Load {
        self.load.iter().map(|gauge| gauge.get()).max().unwrap_or_default()
    }

    /// Whether every thread runs.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire) == self.threads.len()
    }

    /// The fingerprint of the certificate that every leg is answered with.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Where a thread can be reached, over UDP and over TCP alike.
    pub fn candidates(&self, thread: ThreadNo) -> &[SocketAddr] {
        &self.threads[thread.0].candidates
    }

    /// The thread on which all publish legs of a room live.
    pub fn home(&self, room: RoomId) -> ThreadNo {
        ThreadNo((room.0 % self.threads.len() as u128) as usize)
    }

    /// The thread for the next listen leg.
    pub fn place_listener(&self) -> ThreadNo {
        ThreadNo(self.next_listener.fetch_add(1, Ordering::Relaxed) % self.threads.len())
    }

    /// How long media packets stay inside the server.
    pub fn residence(&self) -> &Residence {
        &self.residence
    }

    /// How much sound goes into a packet, as the operator has it.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Makes a listen leg, which gets packets of this length from the first.
    pub(crate) async fn listen(&self, thread: ThreadNo, setup: ListenSetup, tier: Tier) {
        let leg = setup.leg;
        self.order(thread, Order::Listen(Box::new(setup))).await;
        if tier != Tier::default() {
            self.order(thread, Order::Tier(leg, tier)).await;
        }
    }

    /// Changes the length of some legs' packets.
    pub(crate) async fn set_tiers(&self, changes: Vec<(ThreadNo, LegId, Tier)>) {
        for (thread, leg, tier) in changes {
            let Thread { orders, inbox, .. } = &self.threads[thread.0];
            if let Err(TrySendError::Full(order)) = orders.try_send(Order::Tier(leg, tier)) {
                inbox.wake();
                // As in `order`.
                let _ = orders.send(order).await;
            }
        }
        self.threads.iter().for_each(|thread| thread.inbox.wake());
    }

    /// Makes a publish leg on the room's home thread.
    pub(crate) async fn publish(&self, setup: PublishSetup) {
        let home = self.home(setup.room);
        self.order(home, Order::Publish(Box::new(setup))).await;
    }

    /// Ends a leg at once.
    pub(crate) async fn drop_leg(&self, thread: ThreadNo, leg: LegId) {
        self.order(thread, Order::Drop(leg)).await;
    }

    /// Renews a room's lease, or changes who may be heard, on every thread.
    pub(crate) async fn grant(&self, grant: &Grant) {
        for thread in 0..self.threads.len() {
            self.order(ThreadNo(thread), Order::Grant(grant.clone())).await;
        }
    }

    /// Says who of a room has agreed to having the last minute of what they say kept. What is kept of others is dropped before
    /// anything that is ordered later.
    pub(crate) async fn agreed(&self, room: RoomId, talkers: Vec<TalkerNo>) {
        self.order(self.home(room), Order::Agreed(room, talkers)).await;
    }

    /// Asks for what is kept of a room: what its talkers who have agreed said in the last minute. It comes out of the result, which
    /// fails if the thread is gone.
    pub(crate) async fn kept(&self, room: RoomId) -> oneshot::Receiver<Vec<Kept>> {
        let (answer, kept) = oneshot::channel();
        self.order(self.home(room), Order::Kept(room, answer)).await;
        kept
    }

    /// Says who of a room is recorded, if anybody is, and waits until it is so: nothing of anybody else is recorded afterwards.
    pub(crate) async fn record(&self, room: RoomId, recorded: Option<Recorded>) {
        let (done, is_so) = oneshot::channel();
        self.order(self.home(room), Order::Record(room, recorded, done)).await;
        // A thread that is gone gives nothing out.
        let _ = is_so.await;
    }

    /// Has all that is given out in a room go to a mixer too, until that closes the outlet.
    pub(crate) async fn hand_on(&self, room: RoomId, outlet: Arc<Outlet>) {
        self.order(self.home(room), Order::HandOn(room, outlet)).await;
    }

    /// Where what becomes of legs is reported.
    pub(crate) fn reports(&self) -> mpsc::Sender<Report> {
        self.reports.clone()
    }

    async fn order(&self, thread: ThreadNo, order: Order) {
        let thread = &self.threads[thread.0];
        // An error means that the thread is gone; `is_running` reports it, and without orders there is no sound.
        let _ = thread.orders.send(order).await;
        thread.inbox.wake();
    }
}

#[cfg(test)]
impl Media {
    /// Adds a thread that is there only for its load, which is at the level that the result is called with.
    pub(crate) fn add_load(&mut self) -> impl Fn(Load) + use<> {
        let gauge = Arc::new(Gauge::default());
        self.load.push(gauge.clone());
        move |level| gauge.set(level)
    }

    /// Has a thread panic.
    pub(crate) async fn panic(&self, thread: ThreadNo) {
        self.order(thread, Order::Panic).await;
    }

    /// Has the home thread of a room give out a frame.
    pub(crate) async fn say(&self, frame: Arc<Frame>) {
        self.order(self.home(frame.room), Order::Say(frame)).await;
    }
}

/// The addresses that answers name: those configured, or the bound one, or with an unspecified one all of this machine's
/// that can be reached from elsewhere, and loopback where it is wanted. An IPv6 socket serves IPv4 as well.
fn offered_addresses(options: &Options) -> io::Result<Vec<IpAddr>> {
    if !options.addresses.is_empty() {
        return Ok(options.addresses.clone());
    }
    let bound = options.listen.ip();
    if !bound.is_unspecified() {
        return Ok(vec![bound]);
    }
    let mut addresses: Vec<_> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(|interface| !interface.is_link_local() && (bound.is_ipv6() || interface.ip().is_ipv4()))
        .map(|interface| interface.ip())
        .filter(|ip| options.offer_loopback || !ip.is_loopback())
        .collect();
    // Loopback last: whoever can use another address should not try that one first.
    addresses.sort_by_key(|ip| ip.is_loopback());
    addresses.dedup();
    if addresses.is_empty() {
        return Err(io::Error::other("this machine has no address to offer for sound; name one with --media-address"));
    }
    Ok(addresses)
}
