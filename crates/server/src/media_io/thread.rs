//! One media thread: waits, hands what came to the shard, and carries out what the shard says.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, UdpSocket};
use mio::{Events, Interest, Poll, Token, Waker};
use roomtone_media::feed::Tier;
use roomtone_media::identity::Identity;
use roomtone_media::leg::Path;
use roomtone_media::shard::{
    EndReason, INPUTS_AT_ONCE, Input, LegEvent, MEDIA_AT_ONCE, Output, Shard, ShardConfig, Stats,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};

use super::load::{Gauge, Meter, Second};
use super::streams::{Accepted, Streams, canonical};
use super::tap::{Space, Tap};
use super::{Inbox, Order, Report, Residence};
use crate::edge;
use crate::tasks::note_restart;

const UDP: Token = Token(0);
const LISTENER: Token = Token(1);
const WAKER: Token = Token(2);

/// Datagrams read before orders, sending and deadlines get their turn. Larger batches empty the kernel's buffer sooner;
/// smaller ones keep a flood from delaying a mute.
const DATAGRAMS_AT_ONCE: usize = 64;

/// Orders carried out before datagrams and sending get their turn. More makes a crowd's legs sooner; fewer delays sound less.
const ORDERS_AT_ONCE: usize = 64;

/// How often the thread looks at how much it has to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the kernel may hold for one socket, in bytes: about 20,000 voice packets. The kernel's own limit may be lower.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

/// Legs of one thread. The memory of a settled listen leg bounds it.
const LEGS_MAX: usize = 20_000;

/// How often connections are looked through for those nobody answers, and the shard's own counts are passed on.
const REAP_EVERY: Duration = Duration::from_secs(5);

/// TCP connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Connections of one thread. More lets more people without UDP in; each can hold some 40 KiB.
const STREAMS_MAX: usize = 2048;

/// How soon connections are accepted again when that failed, for want of file descriptors most likely. Sooner burns time;
/// later keeps people waiting.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Sources that are looked at before datagrams get their turn. More saves system calls; fewer keeps a flood over many TCP
/// connections from delaying everybody else's sound.
const EVENTS_AT_ONCE: usize = 64;

/// How far ahead of other programs the thread goes (nice(2)), where the operator permits it. Further ahead delays sound less
/// while the machine is busy; nearer leaves more to others.
#[cfg(target_os = "linux")]
const MEDIA_NICE: i32 = -10;

/// Bytes read from a TCP connection at once.
const READ_BUFFER: usize = 4 * 1024;

/// Largest datagram that is read; longer ones are cut off and then fail to authenticate.
const DATAGRAM_MAX: usize = 2048;

/// Sockets of one thread, bound and not yet served.
pub(super) struct Bound {
    udp: UdpSocket,
    tcp: TcpListener,
    port: u16,
    ipv6: bool,
    poll: Poll,
}

/// What a thread shares with the rest of the server.
pub(super) struct Seat {
    pub(super) identity: Arc<Identity>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) others: Vec<Arc<Inbox>>,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) residence: Arc<Residence>,
    pub(super) load: Arc<Gauge>,
    pub(super) space: Arc<Space>,
}

impl Bound {
    /// Binds a UDP socket, and a TCP listener with the same port number.
    pub(super) fn new(at: SocketAddr) -> io::Result<Self> {
        // With port 0 the number that UDP got may be taken for TCP; then another is tried.
        let mut tries = if at.port() == 0 { 20 } else { 1 };
        loop {
            tries -= 1;
            match Self::try_new(at) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
                Err(error) => return Err(io::Error::new(error.kind(), format!("cannot listen on {at}: {error}"))),
                bound => return bound,
            }
        }
    }

    fn try_new(at: SocketAddr) -> io::Result<Self> {
        let socket = |kind, protocol| {
            let socket = Socket::new(Domain::for_address(at), kind, Some(protocol))?;
            socket.set_nonblocking(true)?;
            if at.is_ipv6() {
                // [::] takes IPv4 as well, whatever the machine's own default is.
                socket.set_only_v6(false)?;
            }
            io::Result::Ok(socket)
        };
        let udp = socket(Type::DGRAM, Protocol::UDP)?;
        // The kernel grants what it allows; less only means that a burst is lost sooner.
        let _ = udp.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = udp.set_send_buffer_size(SOCKET_BUFFER);
        udp.bind(&at.into())?;
        let mut udp = UdpSocket::from_std(udp.into());
        let port = udp.local_addr()?.port();
        let tcp = socket(Type::STREAM, Protocol::TCP)?;
        // Or else the port could not be bound again for a minute after a restart.
        tcp.set_reuse_address(true)?;
        tcp.bind(&SocketAddr::new(at.ip(), port).into())?;
        tcp.listen(BACKLOG)?;
        let mut tcp = TcpListener::from_std(tcp.into());
        let poll = Poll::new()?;
        poll.registry().register(&mut udp, UDP, Interest::READABLE)?;
        poll.registry().register(&mut tcp, LISTENER, Interest::READABLE)?;
        Ok(Self { udp, tcp, port, ipv6: at.is_ipv6(), poll })
    }

    /// The port number of both.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// What wakes the thread from others.
    pub(super) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER)
    }

    /// Serves in a thread of its own until nobody holds the other end of its orders.
    pub(super) fn spawn(self, number: usize, seat: Seat, running: Arc<AtomicUsize>) -> io::Result<()> {
        let shard = new_shard(&seat);
        let worker = Worker {
            udp: self.udp,
            tcp: self.tcp,
            poll: self.poll,
            io: Io {
                streams: Streams::new(STREAMS_MAX),
                ipv6: self.ipv6,
                unsent_reports: VecDeque::new(),
                counts: Counts::new(number),
                batch: Batch::default(),
                tap: Tap::new(seat.space.clone()),
            },
            shard,
            seat,
            inputs: 0,
        };
        running.fetch_add(1, Ordering::AcqRel);
        std::thread::Builder::new().name(format!("media-{number}")).spawn(move || {
            // Counted down however the thread ends, so that it shows in `readyz`.
            let _running = CountDown(running);
            // Elsewhere this is about the whole process. Refused without a privilege, which is as good on a machine with time to
            // spare.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(MEDIA_NICE);
            if let Err(error) = worker.run() {
                tracing::error!(%error, "a media thread stopped");
            }
        })?;
        Ok(())
    }
}

struct CountDown(Arc<AtomicUsize>);

impl Drop for CountDown {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Worker {
    udp: UdpSocket,
    tcp: TcpListener,
    poll: Poll,
    io: Io,
    shard: Shard,
    seat: Seat,
    /// What was handed to the shard since what it has to say was taken out.
    inputs: usize,
}

/// What carrying out an output needs besides the sockets.
struct Io {
    streams: Streams,
    /// Whether the UDP socket is an IPv6 one, which takes IPv4 addresses in their mapped form only.
    ipv6: bool,
    /// Reports that did not fit the channel; bounded by the legs, each of which ends once.
    unsent_reports: VecDeque<Report>,
    counts: Counts,
    batch: Batch,
    /// What is kept of the sound of this thread's speakers.
    tap: Tap,
}

/// What was sent since others were last told, so that clocks, counters and histograms are not touched for each packet.
#[derive(Default)]
struct Batch {
    sent: u64,
    dropped: u64,
    /// Of media, since when packets could be sent, and how many; those of one frame come one after another.
    ready: Vec<(Instant, u64)>,
    /// The thread's processor time when the first packet of media was sent.
    began: Option<Duration>,
    /// Processor time spent in sending media, and the latest packet of it, since the thread last looked.
    sending: Duration,
    lateness: Duration,
}

struct Counts {
    sent: metrics::Counter,
    send_dropped: metrics::Counter,
    received: metrics::Counter,
    frames_dropped: metrics::Counter,
    sending: metrics::Gauge,
    load: metrics::Gauge,
    thread: String,
}

impl Counts {
    fn new(number: usize) -> Self {
        let thread = number.to_string();
        Self {
            sent: metrics::counter!("roomtone_media_packets_sent_total", "thread" => thread.clone()),
            send_dropped: metrics::counter!("roomtone_media_packets_dropped_total", "thread" => thread.clone()),
            received: metrics::counter!("roomtone_media_packets_received_total", "thread" => thread.clone()),
            frames_dropped: metrics::counter!("roomtone_media_frames_dropped_total", "thread" => thread.clone()),
            sending: metrics::gauge!("roomtone_media_sending_ratio", "thread" => thread.clone()),
            load: metrics::gauge!("roomtone_media_load", "thread" => thread.clone()),
            thread,
        }
    }

    /// Passes on what the shard has counted: how many legs there are, and what it did not let through.
    fn publish(&self, stats: &Stats) {
        let legs = [("listen", stats.listen_legs), ("publish", stats.publish_legs)];
        for (kind, count) in legs {
            metrics::gauge!("roomtone_media_legs", "thread" => self.thread.clone(), "kind" => kind).set(count as f64);
        }
        for tier in Tier::ALL {
            let ms = tier.millis().to_string();
            metrics::gauge!("roomtone_media_tier_legs", "thread" => self.thread.clone(), "ms" => ms)
                .set(stats.tier_legs[tier as usize] as f64);
        }
        let refused = [
            ("malformed", stats.malformed),
            ("unknown_path", stats.unknown_path),
            ("unknown_user", stats.stun_unknown_user),
            ("forged", stats.stun_forged),
            ("not_authentic", stats.srtp_rejected),
            ("too_many", stats.rate_limited),
            ("not_granted", stats.not_granted),
            ("queue_full", stats.queue_dropped),
        ];
        for (why, count) in refused {
            metrics::counter!("roomtone_media_refused_total", "thread" => self.thread.clone(), "why" => why)
                .absolute(count);
        }
    }
}

/// A shard without legs, which knows of no grant.
fn new_shard(seat: &Seat) -> Shard {
    Shard::new(ShardConfig {
        identity: seat.identity.clone(),
        started: edge::instant(),
        unix_millis: edge::now().0,
        max_legs: LEGS_MAX,
    })
}

impl Worker {
    /// Serves until there is no server around the thread any more. A panic is our bug; it costs the legs of this thread, which their
    /// clients make anew, and no other thread anything.
    fn run(mut self) -> io::Result<()> {
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.serve())) {
                Ok(ended) => return ended,
                Err(_) => self.begin_again(),
            }
        }
    }

    /// Gives up the shard and whatever led to it, in whatever state they are, and has the rooms told that their legs are gone. Nothing is
    /// forwarded before the rooms' owners renew their grants. What is kept and recorded is not the shard's, and stays.
    fn begin_again(&mut self) {
        let lost = std::mem::replace(&mut self.shard, new_shard(&self.seat));
        let event = LegEvent::Ended(EndReason::ShardLost);
        let reports: Vec<Report> = lost.legs().map(|(leg, room)| Report { leg, room, event }).collect();
        tracing::error!(legs = reports.len(), "a media thread goes on without the legs that it had");
        note_restart("media");
        self.io.unsent_reports.extend(reports);
        self.io.streams = Streams::new(STREAMS_MAX);
        self.io.batch = Batch::default();
        self.inputs = 0;
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        let mut buffer = vec![0; READ_BUFFER.max(DATAGRAM_MAX)];
        // Readiness is told on its edge only, so what is left to be read and accepted is noted here; at first there may be anything.
        let mut accept_at = Some(edge::instant());
        let mut next_reap = edge::instant() + REAP_EVERY;
        let (mut looked, mut meter) = (edge::instant(), Meter::new(LEGS_MAX as u64));
        let mut udp_ready = true;
        let mut wake = self.drain();
        loop {
            let reports = !self.io.unsent_reports.is_empty() && self.seat.reports.capacity() > 0;
            let more = udp_ready || reports || !self.seat.orders.is_empty() || !self.seat.inbox.frames.is_empty();
            let timeout = if more {
                Duration::ZERO
            } else {
                let at = wake.min(next_reap).min(looked + LOOK_EVERY).min(accept_at.unwrap_or(next_reap));
                at.saturating_duration_since(edge::instant())
            };
            if let Err(error) = self.poll.poll(&mut events, Some(timeout))
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(error);
            }
            for event in &events {
                match event.token() {
                    UDP => udp_ready = true,
                    LISTENER => accept_at = Some(edge::instant()),
                    WAKER => {}
                    token => self.stream_ready(token, &mut buffer[..READ_BUFFER]),
                }
                // Between any two things that may take long: a mute does not wait behind a flood.
                if self.take_orders().is_err() {
                    return Ok(());
                }
            }
            if self.take_orders().is_err() {
                return Ok(());
            }
            for _ in 0..INPUTS_AT_ONCE {
                let Some(frame) = self.seat.inbox.frames.pop() else { break };
                self.handle(Input::Frame(frame));
            }
            if udp_ready {
                udp_ready = self.receive(&mut buffer[..DATAGRAM_MAX]);
            }
            let now = edge::instant();
            if accept_at.is_some_and(|at| at <= now) {
                accept_at = match self.io.streams.accept(now, &self.tcp, self.poll.registry()) {
                    Accepted::All => None,
                    Accepted::Some => Some(now),
                    Accepted::Failed => Some(now + ACCEPT_AGAIN),
                };
            }
            if now >= next_reap {
                next_reap = now + REAP_EVERY;
                self.io.counts.publish(self.shard.stats());
                for stream in self.io.streams.reap(now) {
                    self.handle(Input::PathClosed { stream });
                }
            }
            if now >= looked + LOOK_EVERY {
                self.look(&mut meter, now - looked);
                looked = now;
            }
            self.send_reports();
            wake = self.drain();
        }
    }

    /// Tells others how much there was to do in the time that has `passed` since they were told last.
    fn look(&mut self, meter: &mut Meter, passed: Duration) {
        let stats = self.shard.stats();
        let batch = &mut self.io.batch;
        let sending = batch.sending.as_secs_f64() / passed.as_secs_f64();
        let legs = stats.listen_legs + stats.publish_legs;
        let load = meter.second(&Second { sending, lateness: batch.lateness, legs });
        (batch.sending, batch.lateness) = (Duration::ZERO, Duration::ZERO);
        self.seat.load.set(load);
        self.io.counts.sending.set(sending);
        self.io.counts.load.set(f64::from(load as u8));
        self.io.tap.forget_old(edge::instant());
    }

    /// Reads a batch of datagrams; returns whether more may wait.
    fn receive(&mut self, buffer: &mut [u8]) -> bool {
        let mut received = 0;
        let mut more = true;
        for _ in 0..DATAGRAMS_AT_ONCE {
            match self.udp.recv_from(buffer) {
                Ok((len, from)) => {
                    received += 1;
                    self.handle(Input::Datagram { path: Path::Udp(canonical(from)), bytes: &mut buffer[..len] });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    more = false;
                    break;
                }
                // An ICMP error of an earlier send, or an interruption: the next read tells.
                Err(_) => {}
            }
        }
        self.io.counts.received.increment(received);
        more
    }

    fn stream_ready(&mut self, token: Token, buffer: &mut [u8]) {
        let Some(mut ready) = self.io.streams.ready(token, self.poll.registry(), buffer) else {
            return;
        };
        let path = Path::Tcp { stream: ready.stream, addr: ready.peer };
        for packet in &mut ready.packets {
            self.io.counts.received.increment(1);
            self.handle(Input::Datagram { path, bytes: packet });
        }
        if ready.gone {
            self.handle(Input::PathClosed { stream: ready.stream });
        }
    }

    /// Carries out some of what the rooms ordered. Fails when there is no server around the thread any more.
    fn take_orders(&mut self) -> Result<(), TryRecvError> {
        for _ in 0..ORDERS_AT_ONCE {
            let input = match self.seat.orders.try_recv() {
                Ok(Order::Listen(setup)) => Input::AddListen(setup),
                Ok(Order::Publish(setup)) => Input::AddPublish(setup),
                Ok(Order::Tier(leg, tier)) => Input::SetTier { leg, tier },
                Ok(Order::Drop(leg)) => Input::DropLeg { leg },
                Ok(Order::Grant(grant)) => Input::Grant(grant),
                // What came in before is of the time before, so it is given out first.
                Ok(Order::Agreed(room, talkers)) => {
                    self.drain();
                    self.io.tap.agreed(room, &talkers);
                    continue;
                }
                Ok(Order::Kept(room, answer)) => {
                    self.drain();
                    // Whoever asked may have gone.
                    let _ = answer.send(self.io.tap.kept_of(room, edge::instant()));
                    continue;
                }
                Ok(Order::Record(room, recorded, done)) => {
                    // As above: whoever agrees is recorded from now on, and whoever takes it back was until now.
                    self.drain();
                    self.io.tap.record(room, recorded);
                    // Whoever asked may have gone.
                    let _ = done.send(());
                    continue;
                }
                Ok(Order::HandOn(room, outlet)) => {
                    // As above: whoever hears from now on hears nothing of before.
                    self.drain();
                    self.io.tap.hand_on(room, outlet);
                    continue;
                }
                #[cfg(test)]
                Ok(Order::Say(frame)) => {
                    self.io.tap.take(&frame);
                    continue;
                }
                #[cfg(test)]
                Ok(Order::Panic) => panic!("as ordered"),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(error) => return Err(error),
            };
            self.handle(input);
        }
        Ok(())
    }

    fn send_reports(&mut self) {
        while let Some(report) = self.io.unsent_reports.pop_front() {
            if let Err(TrySendError::Full(report)) = self.seat.reports.try_send(report) {
                self.io.unsent_reports.push_front(report);
                return;
            }
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.shard.handle(edge::instant(), input);
        self.inputs += 1;
        if self.inputs >= INPUTS_AT_ONCE {
            self.drain();
        }
    }

    /// Carries out what the shard has to say, and returns when it wants to be asked again: at once, if there is more.
    fn drain(&mut self) -> Instant {
        self.inputs = 0;
        let wake = drain(edge::instant(), &mut self.shard, &self.udp, &mut self.io, &self.seat);
        self.io.settle(&self.seat.residence);
        wake
    }
}

impl Io {
    /// Tells others what was sent.
    fn settle(&mut self, residence: &Residence) {
        let Self { counts, batch, .. } = self;
        if batch.sent > 0 {
            counts.sent.increment(std::mem::take(&mut batch.sent));
        }
        if batch.dropped > 0 {
            counts.send_dropped.increment(std::mem::take(&mut batch.dropped));
        }
        let Some(began) = batch.began.take() else { return };
        // The clock is read for all of them together: each is counted as if it were the last.
        let now = edge::instant();
        batch.sending += edge::thread_time().saturating_sub(began);
        for (ready, packets) in batch.ready.drain(..) {
            let waited = now.saturating_duration_since(ready);
            batch.lateness = batch.lateness.max(waited);
            residence.record(waited, packets);
        }
    }
}

impl Batch {
    /// Counts a packet of media that is about to be sent.
    fn media(&mut self, ready: Instant) {
        if self.began.is_none() {
            self.began = Some(edge::thread_time());
            self.ready.reserve(MEDIA_AT_ONCE);
        }
        match self.ready.last_mut() {
            Some((last, packets)) if *last == ready => *packets += 1,
            _ => self.ready.push((ready, 1)),
        }
    }
}

/// Carries out everything the shard has to say for now, and returns when it wants to be asked again.
fn drain(now: Instant, shard: &mut Shard, udp: &UdpSocket, io: &mut Io, seat: &Seat) -> Instant {
    loop {
        match shard.poll(now) {
            Output::Transmit { to, bytes, arrived } => {
                if let Some(arrived) = arrived {
                    io.batch.media(arrived);
                }
                let sent = match to {
                    Path::Udp(addr) => udp.send_to(bytes, if io.ipv6 { mapped(addr) } else { addr }).is_ok(),
                    Path::Tcp { stream, .. } => io.streams.send(now, stream, bytes),
                };
                // A full socket buffer drops the packet, as the network would; the listener conceals or asks again.
                if sent {
                    io.batch.sent += 1;
                } else {
                    io.batch.dropped += 1;
                }
            }
            Output::Frame(frame) => {
                io.tap.take(&frame);
                for other in &seat.others {
                    if other.push(frame.clone()) {
                        io.counts.frames_dropped.increment(1);
                    }
                }
            }
            Output::Leg { leg, room, event } => {
                let report = Report { leg, room, event };
                if !io.unsent_reports.is_empty() || seat.reports.try_send(report).is_err() {
                    io.unsent_reports.push_back(report);
                }
            }
            Output::Timeout(at) => return at,
        }
    }
}

/// An address as an IPv6 socket takes it (RFC 4291, section 2.5.5.2).
fn mapped(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), addr.port()),
        IpAddr::V6(_) => addr,
    }
}

#[cfg(test)]
mod tests {
    use roomtone_media::leg::{Fingerprint, IceCredentials, LegId};
    use roomtone_media::shard::{ListenSetup, ListenSlot};
    use roomtone_room::ids::{RoomId, TalkerNo};
    use tokio::time::timeout;

    use super::*;
    use crate::media_io::{Media, Options, Packing, ThreadNo};

    fn setup(leg: u128) -> ListenSetup {
        let credentials = |of: &str| IceCredentials { ufrag: format!("{of}{leg}"), pwd: "x".repeat(32) };
        let slot = ListenSlot { payload_type: 111, red: None, level_ext: None, nack: false, ssrc: 1, seq: 1, time: 1 };
        ListenSetup {
            leg: LegId(leg),
            room: RoomId(1),
            talker: TalkerNo(1),
            local: credentials("here"),
            remote: credentials("there"),
            fingerprint: Fingerprint([0xab; 32]),
            slots: vec![slot],
            cname: "x".to_owned(),
        }
    }

    /// The rooms hear that all legs are gone, and others can be made.
    #[tokio::test]
    async fn a_panic_costs_the_legs_and_not_the_thread() {
        let (listen, addresses) = ("127.0.0.1:0".parse().unwrap(), vec!["127.0.0.1".parse().unwrap()]);
        let (threads, packing) = (1, Packing::Auto);
        let options = Options { listen, addresses, offer_loopback: true, threads, packing };
        let (media, mut reports) = Media::start(&options).unwrap();
        let (room, thread, tier) = (RoomId(1), ThreadNo(0), Tier::default());
        for leg in 1..=2 {
            media.listen(thread, setup(leg), tier).await;
        }
        media.panic(thread).await;
        let soon = Duration::from_secs(30);
        let mut ended = Vec::new();
        for _ in 0..2 {
            let Report { leg, room: of, event } = timeout(soon, reports.recv()).await.unwrap().unwrap();
            assert_eq!((of, event), (room, LegEvent::Ended(EndReason::ShardLost)));
            ended.push(leg);
        }
        ended.sort_unstable();
        assert_eq!(ended, [LegId(1), LegId(2)]);
        assert!(media.is_running());
        assert!(media.kept(room).await.await.unwrap().is_empty(), "orders are carried out");
        // Of what was, nothing is known: the first takes its id, and the next finds it taken.
        for _ in 0..2 {
            media.listen(thread, setup(1), tier).await;
        }
        let told = timeout(soon, reports.recv()).await.unwrap().unwrap();
        assert_eq!((told.leg, told.event), (LegId(1), LegEvent::Ended(EndReason::InvalidSetup)));
        // And it reads what comes: whoever says that a packet is too long is cut off.
        let mut stream = std::net::TcpStream::connect(media.candidates(thread)[0]).unwrap();
        std::io::Write::write_all(&mut stream, &[0xff; 2]).unwrap();
        assert!(matches!(std::io::Read::read(&mut stream, &mut [0; 1]), Ok(0) | Err(_)), "the end");
    }

    /// What a peer reads in a STUN answer, and what its candidates say, is its own IPv4 address and not a mapped one.
    #[test]
    fn an_ipv6_socket_serves_ipv4_peers_under_their_own_address() {
        let Ok(bound) = Bound::new("[::]:0".parse().unwrap()) else { return };
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = peer.local_addr().unwrap();
        assert!(std::net::TcpStream::connect(("127.0.0.1", bound.port())).is_ok());
        peer.send_to(b"hello", ("127.0.0.1", bound.port())).unwrap();
        let mut poll = bound.poll;
        let mut events = Events::with_capacity(8);
        let mut buffer = [0; 16];
        let (len, from) = loop {
            match bound.udp.recv_from(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => poll.poll(&mut events, None).unwrap(),
                received => break received.unwrap(),
            }
        };
        assert_eq!((&buffer[..len], canonical(from)), (&b"hello"[..], address));
        bound.udp.send_to(b"back", mapped(canonical(from))).unwrap();
        let len = peer.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"back");
    }
}
