//! The thread that has the UDP sockets of all light listeners of a process.
//!
//! One thread, one epoll, one timer heap. Nothing on the path of a packet allocates, locks or waits for somebody else.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::oneshot;

use super::listener::{Answer, Credentials, Event, Identity, Listener};
use super::protocol::{Counts, PersonNo};
use crate::{Error, Result};

/// Requests that may wait for the thread. Who has one more waits.
const REQUESTS: usize = 1_024;
/// Sockets that one look at the kernel names at most. More makes looks rarer; fewer keeps timers more exact.
const EVENTS: usize = 4_096;
/// How long datagrams may gather before the thread looks again. Longer spares wake-ups, the sender's too; it must stay
/// well below the interval of packets, and is part of each step of a handshake.
const GATHER: Duration = Duration::from_millis(2);
/// The shortest time from one timer of a listener to the next.
const TICK: Duration = Duration::from_millis(1);
/// Larger than any datagram of a voice leg.
const DATAGRAM_BYTES: usize = 2_048;
/// The token of the waker; the others are places in the list of listeners.
const WAKE: Token = Token(usize::MAX);
/// How long a socket stays open after its listener has left, to see whether something still comes.
const LINGER: Duration = Duration::from_millis(500);
/// How long after that packets may be under way.
const UNDER_WAY: Duration = Duration::from_millis(250);

/// When somebody's leg came to life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alive {
    /// ICE and DTLS were done.
    pub(super) connected: Instant,
    /// The first authentic packet came.
    pub(super) heard: Instant,
}

/// What a listener's thread says of it, each at most once.
#[derive(Debug)]
pub(super) struct Told {
    /// It hears the room.
    pub(super) alive: oneshot::Receiver<Alive>,
    /// The leg is of no more use, and gone; one line for people.
    pub(super) ended: oneshot::Receiver<String>,
}

/// Counts that anybody may read at any time.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    /// Who hears a room now.
    pub(super) connected: AtomicUsize,
    /// Authentic packets since the beginning.
    pub(super) packets: AtomicU64,
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Media {
    requests: SyncSender<Request>,
    waker: Arc<Waker>,
    gauges: Arc<Gauges>,
}

enum Request {
    Join(Box<Join>),
    /// The listener has left: tells how many packets came nevertheless.
    Leave(PersonNo, oneshot::Sender<u64>),
    /// The listener is of no more interest.
    Drop(PersonNo),
    Mark(oneshot::Sender<()>),
    Count(oneshot::Sender<Counts>),
    Addresses(oneshot::Sender<Vec<SocketAddr>>),
    Receiving(Duration, oneshot::Sender<Vec<PersonNo>>),
}

struct Join {
    person: PersonNo,
    own: Credentials,
    answer: Answer,
    alive: oneshot::Sender<Alive>,
    ended: oneshot::Sender<String>,
}

impl Media {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses a thread or an epoll.
    pub(super) fn start(identity: Arc<Identity>) -> Result<Self> {
        let poll = Poll::new().map_err(|error| Error::io("epoll", error))?;
        let waker = Waker::new(poll.registry(), WAKE).map_err(|error| Error::io("epoll", error))?;
        let (requests, queue) = sync_channel(REQUESTS);
        let gauges = Arc::new(Gauges::default());
        let thread = Thread {
            poll,
            queue,
            identity,
            gauges: gauges.clone(),
            places: Vec::new(),
            free: Vec::new(),
            people: HashMap::new(),
            timers: BinaryHeap::new(),
            local: None,
            packets: 0,
        };
        std::thread::Builder::new()
            .name("listeners".into())
            .spawn(move || thread.run())
            .map_err(|error| Error::io("a thread", error))?;
        Ok(Self { requests, waker: Arc::new(waker), gauges })
    }

    /// What is counted at all times.
    pub(super) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Makes a listener of somebody whose offer was answered.
    ///
    /// # Errors
    /// [`Error::Media`] when the thread has ended.
    pub(super) fn join(&self, person: PersonNo, own: Credentials, answer: Answer) -> Result<Told> {
        let ((alive, is_alive), (ended, has_ended)) = (oneshot::channel(), oneshot::channel());
        self.request(Request::Join(Box::new(Join { person, own, answer, alive, ended })))?;
        Ok(Told { alive: is_alive, ended: has_ended })
    }

    /// Lets a listener go of which the server has said that they have left. Returns how many authentic packets came a
    /// while after that; none for somebody who is not there.
    ///
    /// # Errors
    /// [`Error::Media`] when the thread has ended.
    pub(super) async fn leave(&self, person: PersonNo) -> Result<u64> {
        self.ask(|reply| Request::Leave(person, reply)).await
    }

    /// Forgets a listener at once.
    pub(super) fn drop_listener(&self, person: PersonNo) {
        let _thread_ended_and_nobody_is_there = self.request(Request::Drop(person));
    }

    /// Begins to count anew.
    ///
    /// # Errors
    /// [`Error::Media`] when the thread has ended.
    pub(super) async fn mark(&self) -> Result<()> {
        self.ask(Request::Mark).await
    }

    /// What was counted since the mark.
    ///
    /// # Errors
    /// [`Error::Media`] when the thread has ended.
    pub(super) async fn count(&self) -> Result<Counts> {
        self.ask(Request::Count).await
    }

    /// Where the listeners receive.
    ///
    /// # Errors
    /// [`Error::Media`] when the thread has ended.
    pub(super) async fn addresses(&self) -> Result<Vec<SocketAddr>> {
        self.ask(Request::Addresses).await
    }

    /// Who has received a packet in the last `within`.
    ///
    /// # Errors
    /// [`Error::Media`] when the thread has ended.
    pub(super) async fn receiving(&self, within: Duration) -> Result<Vec<PersonNo>> {
        self.ask(|reply| Request::Receiving(within, reply)).await
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.request(request(reply))?;
        answer.await.map_err(|_| gone())
    }

    /// Waits while the queue is full, which is short: the thread waits for nobody.
    fn request(&self, request: Request) -> Result<()> {
        self.requests.send(request).map_err(|_| gone())?;
        self.waker.wake().map_err(|error| Error::io("epoll", error))
    }
}

fn gone() -> Error {
    Error::Media("the thread of the listeners has ended".into())
}

struct Thread {
    poll: Poll,
    queue: Receiver<Request>,
    identity: Arc<Identity>,
    gauges: Arc<Gauges>,
    places: Vec<Option<Box<Place>>>,
    /// Places without a listener.
    free: Vec<usize>,
    people: HashMap<PersonNo, usize>,
    /// One entry for each listener, or more; one that comes too early is put back.
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    /// The own address towards that of a server.
    local: Option<(IpAddr, IpAddr)>,
    packets: u64,
}

/// A listener and its socket.
struct Place {
    socket: UdpSocket,
    listener: Listener,
    person: PersonNo,
    /// The earliest of its timers.
    timer: Instant,
    stage: Stage,
    ended: Option<oneshot::Sender<String>>,
}

enum Stage {
    Connecting(oneshot::Sender<Alive>),
    Connected(Instant, oneshot::Sender<Alive>),
    Hearing,
    Leaving(Leaving),
}

struct Leaving {
    since: Instant,
    late: u64,
    reply: oneshot::Sender<u64>,
}

impl Thread {
    /// Runs until nobody can ask for anything any more.
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = [0; DATAGRAM_BYTES];
        loop {
            let next = self.timers.peek().map(|Reverse((at, _))| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, next) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    eprintln!("crowd: epoll: {error}");
                    return;
                }
                _ => {}
            }
            let now = Instant::now();
            for event in &events {
                if event.token() != WAKE {
                    self.receive(now, event.token().0, &mut buffer);
                }
            }
            self.gauges.packets.store(self.packets, Ordering::Relaxed);
            if !self.take_requests() {
                return;
            }
            self.take_timers(Instant::now());
            std::thread::sleep(GATHER);
        }
    }

    /// Reads a socket until it is empty: it is named again only when something new comes.
    fn receive(&mut self, now: Instant, index: usize, buffer: &mut [u8; DATAGRAM_BYTES]) {
        let Some(Some(place)) = self.places.get_mut(index) else { return };
        let server = place.listener.server();
        let mut foreign = 0;
        let mut why = None;
        loop {
            let len = match place.socket.recv_from(buffer) {
                Ok((len, source)) if source == server => len,
                Ok(_) => {
                    foreign += 1;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // An ICMP message about something that was sent earlier.
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionRefused) => continue,
                Err(error) => {
                    why = Some(format!("UDP socket: {error}"));
                    break;
                }
            };
            let mut send = |bytes: &[u8]| send(&place.socket, server, bytes);
            match place.listener.datagram(now, &self.identity, &mut buffer[..len], &mut send) {
                Event::Packet => {
                    self.packets += 1;
                    place.stage = match std::mem::replace(&mut place.stage, Stage::Hearing) {
                        Stage::Connected(connected, alive) => {
                            self.gauges.connected.fetch_add(1, Ordering::Relaxed);
                            let _nobody_waits_for_it = alive.send(Alive { connected, heard: now });
                            Stage::Hearing
                        }
                        Stage::Leaving(mut leaving) => {
                            leaving.late += u64::from(now > leaving.since + UNDER_WAY);
                            Stage::Leaving(leaving)
                        }
                        other => other,
                    };
                }
                Event::Connected => {
                    place.stage = match std::mem::replace(&mut place.stage, Stage::Hearing) {
                        Stage::Connecting(alive) => Stage::Connected(now, alive),
                        other => other,
                    };
                }
                Event::Ended(because) => {
                    why = Some(because.to_owned());
                    break;
                }
                Event::Nothing => {}
            }
        }
        if foreign > 0 {
            place.listener.hearing().foreign(foreign);
        }
        match why {
            // Who has left expects nothing else.
            Some(why) if !matches!(place.stage, Stage::Leaving(_)) => self.end(index, why),
            _ => self.schedule(index),
        }
    }

    /// Puts a timer for a listener where there is none that comes early enough.
    fn schedule(&mut self, index: usize) {
        let Some(Some(place)) = self.places.get_mut(index) else { return };
        let deadline = place.deadline();
        if deadline < place.timer {
            place.timer = deadline;
            self.timers.push(Reverse((deadline, index)));
        }
    }

    fn take_timers(&mut self, now: Instant) {
        while let Some(&Reverse((at, index))) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            // The place may have gone to somebody else since, or have a timer that comes earlier.
            let Some(Some(place)) = self.places.get_mut(index) else { continue };
            if place.timer != at {
                continue;
            }
            if let Stage::Leaving(leaving) = &place.stage {
                if now >= leaving.since + LINGER {
                    self.remove(index);
                    continue;
                }
            } else if place.deadline() <= now {
                let (socket, server) = (&place.socket, place.listener.server());
                if let Event::Ended(why) = place.listener.timeout(now, &mut |bytes| send(socket, server, bytes)) {
                    self.end(index, why.to_owned());
                    continue;
                }
            }
            // An engine that asks for a moment that has passed already must not keep the thread here.
            place.timer = place.deadline().max(now + TICK);
            self.timers.push(Reverse((place.timer, index)));
        }
    }

    /// Does what was asked for; false when nobody will ask any more.
    fn take_requests(&mut self) -> bool {
        loop {
            let now = Instant::now();
            match self.queue.try_recv() {
                Ok(Request::Join(join)) => self.join(now, *join),
                Ok(Request::Leave(person, reply)) => self.leave(now, person, reply),
                Ok(Request::Drop(person)) => {
                    if let Some(&index) = self.people.get(&person) {
                        self.remove(index);
                    }
                }
                Ok(Request::Mark(reply)) => {
                    self.everybody().for_each(|place| place.listener.hearing().mark(now));
                    answer(reply, ());
                }
                Ok(Request::Count(reply)) => {
                    let mut counts = Counts::default();
                    self.everybody().for_each(|place| place.listener.hearing().add_to(now, &mut counts));
                    answer(reply, counts);
                }
                Ok(Request::Addresses(reply)) => {
                    answer(reply, self.everybody().filter_map(|place| place.socket.local_addr().ok()).collect());
                }
                Ok(Request::Receiving(within, reply)) => {
                    let since = now.checked_sub(within);
                    let receiving = |place: &mut Place| {
                        since.is_none_or(|since| place.listener.hearing().heard_since(since)).then_some(place.person)
                    };
                    answer(reply, self.everybody().filter_map(receiving).collect());
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// The listeners who hear something and have not left.
    fn everybody(&mut self) -> impl Iterator<Item = &mut Place> {
        let present = |place: &&mut Place| matches!(place.stage, Stage::Hearing);
        self.places.iter_mut().flatten().map(|place| &mut **place).filter(present)
    }

    fn join(&mut self, now: Instant, join: Join) {
        let Join { person, own, answer, alive, ended } = join;
        let index = self.free.pop().unwrap_or(self.places.len());
        let opened = self.open(answer.server, Token(index));
        if index == self.places.len() {
            self.places.push(None);
        }
        let socket = match opened {
            Ok(socket) => socket,
            Err(error) => {
                self.free.push(index);
                let _nobody_waits_for_it = ended.send(Error::io("UDP socket", error).to_string());
                return;
            }
        };
        let listener = Listener::new(now, &own, &answer);
        let (stage, ended) = (Stage::Connecting(alive), Some(ended));
        self.places[index] = Some(Box::new(Place { socket, listener, person, timer: now, stage, ended }));
        self.timers.push(Reverse((now, index)));
        if let Some(former) = self.people.insert(person, index) {
            self.remove(former);
            self.people.insert(person, index);
        }
    }

    /// A socket on the address from which the system reaches `server`.
    fn open(&mut self, server: SocketAddr, token: Token) -> std::io::Result<UdpSocket> {
        let local = match self.local {
            Some((remote, local)) if remote == server.ip() => local,
            _ => {
                let any: IpAddr =
                    if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
                let probe = std::net::UdpSocket::bind((any, 0))?;
                // Connecting a UDP socket sends nothing: it only chooses the route.
                probe.connect(server)?;
                let local = probe.local_addr()?.ip();
                self.local = Some((server.ip(), local));
                local
            }
        };
        let mut socket = UdpSocket::bind(SocketAddr::new(local, 0))?;
        self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
        Ok(socket)
    }

    fn leave(&mut self, now: Instant, person: PersonNo, reply: oneshot::Sender<u64>) {
        let Some(&index) = self.people.get(&person) else { return answer(reply, 0) };
        let Some(Some(place)) = self.places.get_mut(index) else { return answer(reply, 0) };
        let leaving = Stage::Leaving(Leaving { since: now, late: 0, reply });
        if matches!(std::mem::replace(&mut place.stage, leaving), Stage::Hearing) {
            self.gauges.connected.fetch_sub(1, Ordering::Relaxed);
        }
        self.schedule(index);
    }

    /// Removes a listener and says why.
    fn end(&mut self, index: usize, why: String) {
        if let Some(Some(place)) = self.places.get_mut(index)
            && let Some(ended) = place.ended.take()
        {
            let _nobody_waits_for_it = ended.send(why);
        }
        self.remove(index);
    }

    fn remove(&mut self, index: usize) {
        let Some(mut place) = self.places.get_mut(index).and_then(Option::take) else { return };
        self.people.remove(&place.person);
        self.free.push(index);
        let _closing_it_has_the_same_effect = self.poll.registry().deregister(&mut place.socket);
        match place.stage {
            Stage::Hearing => _ = self.gauges.connected.fetch_sub(1, Ordering::Relaxed),
            Stage::Leaving(leaving) => answer(leaving.reply, leaving.late),
            Stage::Connecting(_) | Stage::Connected(..) => {}
        }
    }
}

impl Place {
    fn deadline(&self) -> Instant {
        match &self.stage {
            Stage::Leaving(leaving) => leaving.since + LINGER,
            _ => self.listener.deadline(),
        }
    }
}

/// Sends a datagram; one that does not fit into the socket is lost, as on any network.
fn send(socket: &UdpSocket, server: SocketAddr, bytes: &[u8]) {
    let _lost_like_on_a_network = socket.send_to(bytes, server);
}

fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _nobody_waits_for_it = reply.send(value);
}
