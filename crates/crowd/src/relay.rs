//! `crowd relay`: a way between browsers and a server's media ports that loses, delays, moves and blocks, as networks do.
//!
//! A test hands the browser the relay's addresses in place of the server's. Each browser socket gets an outward socket of
//! its own, as behind a NAT. Nothing is looked into: datagrams of all kinds share the fate that was ordered.
//!
//! Orders come as JSON lines on standard input, each with what is to change:
//! `{"up":{"loss":0.1},"down":{"loss":0.2,"burst":3.0},"delay_ms":20,"blocked":false,"rebind":true}`. `up` is from the browser to
//! the server, `loss` a share, `burst` the mean number of datagrams lost in a row (without it each is lost for itself),
//! `delay_ms` is added each way, `blocked` loses everything, `rebind` gives every browser socket a new outward one, so
//! that the server sees it come from another port and what is sent to the former one is lost.
//!
//! Lines on standard output: `{"event":"ready","ways":[{"to":"…","at":"…"}]}`, and after each order
//! `{"event":"done","up":{"passed":n,"lost":n},"down":{…}}` or `{"event":"refused","why":"…"}`. It ends with its input.
//!
//! Invariant: it listens on the very address of the server that it leads to, so it leads nowhere but to this machine.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::{Error, Result};

/// The most ways of one relay.
pub const WAYS_MAX: usize = 16;
/// Browser sockets that one way serves; further ones are not answered.
const FLOWS_MAX: usize = 256;
/// Datagrams that may be under way at once.
const UNDER_WAY_MAX: usize = 8_192;
/// The longest delay that may be ordered, in ms.
const DELAY_MAX: u64 = 2_000;
/// The longest mean burst.
const BURST_MAX: f64 = 1_000.0;
/// The largest datagram.
const DATAGRAM_MAX: usize = 65_536;

/// How a direction loses.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// The share of datagrams that are lost, 0 to 1.
    pub loss: f64,
    /// The mean number lost in a row, more than 1; without it each is lost for itself.
    #[serde(default)]
    pub burst: Option<f64>,
}

impl Loss {
    fn is_possible(self) -> bool {
        let share = (0.0..=1.0).contains(&self.loss);
        // With a larger share the good state would have to end before it begins.
        let burst = |mean: f64| (1.0..=BURST_MAX).contains(&mean) && self.loss <= mean / (mean + 1.0);
        share && self.burst.is_none_or(burst)
    }
}

/// Decides for one datagram after another. With bursts: the model of Gilbert and Elliott, in which nothing passes in the
/// bad state and everything in the good one.
#[derive(Debug, Clone)]
struct Chain {
    dice: u64,
    bad: bool,
}

impl Chain {
    fn new(seed: u64) -> Self {
        Self { dice: seed, bad: false }
    }

    fn loses(&mut self, Loss { loss, burst }: Loss) -> bool {
        let drawn = self.draw();
        let Some(burst) = burst.filter(|_| loss > 0.0) else {
            self.bad = false;
            return drawn < loss;
        };
        let turns = if self.bad { 1.0 / burst } else { loss / (burst * (1.0 - loss)) };
        self.bad ^= drawn < turns;
        self.bad
    }

    /// From 0 up to 1 (SplitMix64).
    fn draw(&mut self) -> f64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One order.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    #[serde(default)]
    up: Option<Loss>,
    #[serde(default)]
    down: Option<Loss>,
    #[serde(default)]
    delay_ms: Option<u64>,
    #[serde(default)]
    blocked: Option<bool>,
    #[serde(default)]
    rebind: bool,
}

impl Order {
    fn read(line: &str) -> Result<Self, String> {
        let order: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let possible = order.up.is_none_or(Loss::is_possible) && order.down.is_none_or(Loss::is_possible);
        if !possible || order.delay_ms.is_some_and(|ms| ms > DELAY_MAX) {
            return Err("out of range".into());
        }
        Ok(order)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// What became of the datagrams of one direction.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Count {
    passed: u64,
    lost: u64,
}

/// What holds now.
#[derive(Debug, Default)]
struct State {
    loss: [Loss; 2],
    delay: Duration,
    blocked: bool,
    counts: [Count; 2],
    ways: Vec<HashMap<SocketAddr, Flow>>,
    /// Outward sockets that were left: nobody reads them, and the server is not told.
    left: Vec<Arc<UdpSocket>>,
    seed: u64,
}

/// One browser socket and the server.
#[derive(Debug)]
struct Flow {
    out: Arc<UdpSocket>,
    chains: [Chain; 2],
    reading: AbortHandle,
}

/// A datagram under way.
struct Passing {
    due: Instant,
    by: Arc<UdpSocket>,
    /// `None`: to where the socket is connected.
    to: Option<SocketAddr>,
    bytes: Vec<u8>,
}

/// What all tasks share.
#[derive(Clone)]
struct Relay {
    state: Arc<Mutex<State>>,
    line: mpsc::Sender<Passing>,
}

impl Relay {
    fn state(&self) -> MutexGuard<'_, State> {
        // What is in it is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a datagram pass, or not.
    fn pass(&self, way: usize, client: SocketAddr, direction: Direction, by: &Arc<UdpSocket>, bytes: &[u8]) {
        let mut state = self.state();
        let (loss, delay, blocked) = (state.loss[direction as usize], state.delay, state.blocked);
        let Some(flow) = state.ways[way].get_mut(&client) else { return };
        let lost = flow.chains[direction as usize].loses(loss) || blocked;
        let (by, to) = match direction {
            Direction::Up => (flow.out.clone(), None),
            Direction::Down => (by.clone(), Some(client)),
        };
        let passing = Passing { due: Instant::now() + delay, by, to, bytes: bytes.into() };
        let passed = !lost && self.line.try_send(passing).is_ok();
        let count = &mut state.counts[direction as usize];
        *if passed { &mut count.passed } else { &mut count.lost } += 1;
    }

    /// An outward socket for a browser socket, and who reads it.
    async fn reach(
        &self,
        way: usize,
        to: SocketAddr,
        client: SocketAddr,
        front: &Arc<UdpSocket>,
    ) -> std::io::Result<(Arc<UdpSocket>, AbortHandle)> {
        let out = Arc::new(UdpSocket::bind(SocketAddr::new(to.ip(), 0)).await?);
        out.connect(to).await?;
        let (relay, reads, front) = (self.clone(), out.clone(), front.clone());
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; DATAGRAM_MAX];
            loop {
                // An error is a message about a datagram sent before, such as that nobody is there.
                if let Ok(len) = reads.recv(&mut buffer).await {
                    relay.pass(way, client, Direction::Down, &front, &buffer[..len]);
                }
            }
        });
        Ok((out, reading.abort_handle()))
    }

    /// Serves one way for ever.
    async fn serve(self, way: usize, to: SocketAddr, front: Arc<UdpSocket>) {
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            let Ok((len, client)) = front.recv_from(&mut buffer).await else { continue };
            let (known, full) = {
                let state = self.state();
                (state.ways[way].contains_key(&client), state.ways[way].len() >= FLOWS_MAX)
            };
            if !known {
                if full {
                    continue;
                }
                let Ok((out, reading)) = self.reach(way, to, client, &front).await else { continue };
                let mut state = self.state();
                state.seed += 2;
                let chains = [Chain::new(state.seed), Chain::new(state.seed + 1)];
                state.ways[way].insert(client, Flow { out, chains, reading });
            }
            self.pass(way, client, Direction::Up, &front, &buffer[..len]);
        }
    }

    /// Gives every browser socket a new outward one.
    async fn rebind(&self, ways: &[(SocketAddr, Arc<UdpSocket>)]) -> std::io::Result<()> {
        // Those left before are closed now.
        self.state().left.clear();
        for (way, (to, front)) in ways.iter().enumerate() {
            let clients: Vec<_> = self.state().ways[way].keys().copied().collect();
            for client in clients {
                let (out, reading) = self.reach(way, *to, client, front).await?;
                let mut state = self.state();
                if let Some(flow) = state.ways[way].get_mut(&client) {
                    std::mem::replace(&mut flow.reading, reading).abort();
                    let former = std::mem::replace(&mut flow.out, out);
                    state.left.push(former);
                }
            }
        }
        Ok(())
    }

    async fn follow(&self, order: Order, ways: &[(SocketAddr, Arc<UdpSocket>)]) -> std::io::Result<Value> {
        {
            let mut state = self.state();
            state.loss = [order.up.unwrap_or(state.loss[0]), order.down.unwrap_or(state.loss[1])];
            state.delay = order.delay_ms.map_or(state.delay, Duration::from_millis);
            state.blocked = order.blocked.unwrap_or(state.blocked);
        }
        if order.rebind {
            self.rebind(ways).await?;
        }
        let [up, down] = self.state().counts;
        Ok(json!({"event": "done", "up": up, "down": down}))
    }
}

/// Lets out what was delayed, in the order in which it came.
async fn delay_line(mut line: mpsc::Receiver<Passing>) {
    while let Some(Passing { due, by, to, bytes }) = line.recv().await {
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        // What cannot be sent is lost, as on any network.
        let _ = match to {
            Some(to) => by.send_to(&bytes, to).await,
            None => by.send(&bytes).await,
        };
    }
}

/// Relays to each of the addresses in `to` until standard input ends. The dice start from `seed`.
///
/// # Errors
/// [`Error::Usage`] for no or too many ways, [`Error::Io`] if one is not an address of this machine.
pub async fn run(to: &[SocketAddr], seed: u64) -> Result<()> {
    if to.is_empty() || to.len() > WAYS_MAX {
        return Err(Error::Usage(format!("a relay has 1 to {WAYS_MAX} ways")));
    }
    let mut ways = Vec::new();
    for to in to {
        let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).await;
        let front = Arc::new(socket.map_err(|error| Error::io(format!("relaying to {to}"), error))?);
        ways.push((*to, front));
    }
    let (line, passing) = mpsc::channel(UNDER_WAY_MAX);
    let state = State { seed, ways: ways.iter().map(|_| HashMap::new()).collect(), ..State::default() };
    let relay = Relay { state: Arc::new(Mutex::new(state)), line };
    let mut tasks = JoinSet::new();
    tasks.spawn(delay_line(passing));
    let mut said = Vec::new();
    for (way, (to, front)) in ways.iter().enumerate() {
        let at = front.local_addr().map_err(|error| Error::io("relay", error))?;
        said.push(json!({"to": to.to_string(), "at": at.to_string()}));
        tasks.spawn(relay.clone().serve(way, *to, front.clone()));
    }
    say(&json!({"event": "ready", "ways": said}))?;
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = orders.next_line().await.map_err(|error| Error::io("standard input", error))? {
        let answer = match Order::read(&line) {
            Ok(order) => relay.follow(order, &ways).await.map_err(|error| Error::io("rebinding", error))?,
            Err(why) => json!({"event": "refused", "why": why}),
        };
        say(&answer)?;
    }
    Ok(())
}

fn say(line: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| Error::io("standard output", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share lost, and the mean number lost in a row.
    fn measure(loss: Loss) -> (f64, f64) {
        let mut chain = Chain::new(7);
        let fates: Vec<bool> = (0..200_000).map(|_| chain.loses(loss)).collect();
        let lost = fates.iter().filter(|lost| **lost).count() as f64;
        let runs = fates.chunk_by(|a, b| a == b).filter(|run| run[0]).count() as f64;
        (lost / fates.len() as f64, lost / runs)
    }

    #[test]
    fn what_is_ordered_is_lost() {
        for (loss, burst, mean) in [(0.1, None, 1.11), (0.3, None, 1.43), (0.1, Some(3.0), 3.0), (0.3, Some(5.0), 5.0)]
        {
            let (share, run) = measure(Loss { loss, burst });
            assert!((share - loss).abs() < 0.01 && (run / mean - 1.0).abs() < 0.05, "{loss} {burst:?}: {share} {run}");
        }
        assert_eq!(measure(Loss { loss: 1.0, burst: None }).0, 1.0);
        assert_eq!(measure(Loss { loss: 0.0, burst: Some(3.0) }).0, 0.0);
    }

    #[test]
    fn orders_are_read_and_checked() {
        let order = Order::read(r#"{"up":{"loss":0.1},"down":{"loss":0.2,"burst":3.0},"delay_ms":20,"rebind":true}"#);
        let down = Some(Loss { loss: 0.2, burst: Some(3.0) });
        let up = Some(Loss { loss: 0.1, burst: None });
        assert_eq!(order, Ok(Order { up, down, delay_ms: Some(20), blocked: None, rebind: true }));
        for line in [
            "",
            r#"{"sideways":1}"#,
            r#"{"up":{"loss":1.5}}"#,
            r#"{"up":{"loss":0.9,"burst":2}}"#,
            r#"{"up":{"loss":0.1,"burst":0.5}}"#,
            r#"{"delay_ms":100000}"#,
        ] {
            assert!(Order::read(line).is_err(), "{line}");
        }
    }

    /// A socket that sends back what comes, with the port that it came from.
    async fn echo() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 100];
            loop {
                let (_, from) = socket.recv_from(&mut buffer).await.unwrap();
                socket.send_to(&from.port().to_be_bytes(), from).await.unwrap();
            }
        });
        at
    }

    #[tokio::test]
    async fn the_server_sees_another_port_after_a_rebinding_and_the_browser_does_not() {
        let to = echo().await;
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let at = front.local_addr().unwrap();
        let (line, passing) = mpsc::channel(UNDER_WAY_MAX);
        let state = State { ways: vec![HashMap::new()], ..State::default() };
        let relay = Relay { state: Arc::new(Mutex::new(state)), line };
        tokio::spawn(delay_line(passing));
        tokio::spawn(relay.clone().serve(0, to, front.clone()));
        let browser = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let ask = async || {
            browser.send_to(b"?", at).await.unwrap();
            let mut port = [0; 2];
            assert_eq!(browser.recv_from(&mut port).await.unwrap(), (2, at));
            u16::from_be_bytes(port)
        };
        let first = ask().await;
        assert_eq!(ask().await, first);
        let ways = [(to, front)];
        relay.follow(Order { rebind: true, ..Order::default() }, &ways).await.unwrap();
        let second = ask().await;
        assert_ne!(second, first);
        assert_eq!(ask().await, second);
        // Blocked: what is sent then is lost for good, and the next is the first to be answered.
        relay.follow(Order { blocked: Some(true), ..Order::default() }, &ways).await.unwrap();
        browser.send_to(b"!", at).await.unwrap();
        while relay.state().counts[Direction::Up as usize].lost == 0 {
            tokio::task::yield_now().await;
        }
        let told = relay.follow(Order { blocked: Some(false), ..Order::default() }, &ways).await.unwrap();
        assert_eq!((&told["up"]["lost"], &told["up"]["passed"]), (&json!(1), &json!(4)));
        assert_eq!(ask().await, second);
    }
}
