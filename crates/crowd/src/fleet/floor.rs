//! The bare loop: what the kernel alone takes to send datagrams of the same size, to the same addresses, in the same
//! rhythm and from as many threads as the server has for media. What the server takes above it is its own.
//!
//! The loop runs in a process of its own, `crowd floor-worker`, which reads one [`Loop`] as JSON from its standard input
//! and writes one [`Ran`] to its standard output. Listeners count its datagrams as foreign and drop them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::process::own_program;
use crate::procfs;
use crate::voice::FRAME_MILLIS;
use crate::{Error, Result};

/// Threads at most.
const THREADS_MAX: usize = 64;
/// Turns of 20 ms at most: a minute.
const TURNS_MAX: u64 = 3_000;
/// Bytes of a datagram at most.
const BYTES_MAX: usize = 1_500;
/// How much longer than it should run the process may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to send, how and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loop {
    /// Where to.
    pub addresses: Vec<SocketAddr>,
    /// Bytes in each datagram.
    pub bytes: usize,
    /// Milliseconds between two datagrams to one address: each 20 ms a part of the addresses has its turn.
    pub every_ms: u64,
    /// Threads, each with a socket and its share of the addresses.
    pub threads: usize,
    /// How long, in turns of 20 ms.
    pub turns: u64,
}

/// What was sent and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// Datagrams that the kernel took.
    pub packets: u64,
    /// Datagrams that it refused for want of room.
    pub refused: u64,
    /// Processor time of the sending threads, in seconds.
    pub cpu_seconds: f64,
}

impl Ran {
    /// Processor time for one datagram, in microseconds; `None` if nothing was sent.
    pub fn us_per_packet(&self) -> Option<f64> {
        (self.packets > 0).then(|| self.cpu_seconds * 1e6 / self.packets as f64)
    }
}

/// Runs the loop in a process of its own.
///
/// # Errors
/// [`Error::Io`], [`Error::Timeout`], [`Error::Load`] with what the process complained of.
pub async fn run(order: &Loop) -> Result<Ran> {
    let text = serde_json::to_string(order).map_err(|error| Error::io("bare loop", error.into()))?;
    let said = helper("floor-worker", text, Duration::from_millis(order.turns * FRAME_MILLIS) + PATIENCE).await?;
    serde_json::from_str(&said).map_err(|error| Error::Load(format!("the bare loop said: {error}")))
}

/// Runs this program as the hidden command `name`, with `input` on its standard input, and gives what it prints. It is
/// killed when the future is dropped.
///
/// # Errors
/// [`Error::Io`], [`Error::Timeout`] after `patience`, [`Error::Load`] with what the process complained of.
pub(crate) async fn helper(name: &'static str, input: String, patience: Duration) -> Result<String> {
    let program = own_program()?;
    let mut child = Command::new(&program)
        .arg(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Error::io(program.display().to_string(), error))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.map_err(|error| Error::io(name, error))?;
    }
    let output = tokio::time::timeout(patience, child.wait_with_output()).await.map_err(|_| Error::Timeout(name))?;
    let output = output.map_err(|error| Error::io(name, error))?;
    if !output.status.success() {
        return Err(Error::Load(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `crowd floor-worker`: the process.
///
/// # Errors
/// [`Error::Usage`] for an order that cannot be carried out; [`Error::Io`].
pub fn worker() -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Error::io("standard input", error))?;
    let order: Loop = serde_json::from_str(&text).map_err(|error| Error::Usage(format!("no order: {error}")))?;
    let ran = serde_json::to_string(&send(&order)?).map_err(|error| Error::io("report", error.into()))?;
    writeln!(std::io::stdout().lock(), "{ran}").map_err(|error| Error::io("standard output", error))
}

/// Sends with all threads.
fn send(order: &Loop) -> Result<Ran> {
    let fits = (1..=THREADS_MAX).contains(&order.threads)
        && (1..=BYTES_MAX).contains(&order.bytes)
        && (1..=TURNS_MAX).contains(&order.turns)
        && order.every_ms >= FRAME_MILLIS
        && !order.addresses.is_empty();
    if !fits {
        return Err(Error::Usage("a bare loop needs addresses, and threads, bytes and turns within limits".into()));
    }
    let shares = (0..order.threads).map(|thread| share(&order.addresses, thread, order.threads));
    std::thread::scope(|scope| {
        let threads: Vec<_> = shares.map(|share| scope.spawn(move || send_to(&share, order))).collect();
        let mut sum = Ran { packets: 0, refused: 0, cpu_seconds: 0.0 };
        for thread in threads {
            let ran = thread.join().map_err(|_| Error::Load("a thread of the bare loop panicked".into()))??;
            sum.packets += ran.packets;
            sum.refused += ran.refused;
            sum.cpu_seconds += ran.cpu_seconds;
        }
        Ok(sum)
    })
}

/// Every `of`-th element, from `which` on.
fn share<T: Copy>(all: &[T], which: usize, of: usize) -> Vec<T> {
    all.iter().skip(which).step_by(of).copied().collect()
}

/// One thread: each 20 ms the next part of the addresses gets a datagram.
fn send_to(addresses: &[SocketAddr], order: &Loop) -> Result<Ran> {
    let Some(first) = addresses.first() else { return Ok(Ran { packets: 0, refused: 0, cpu_seconds: 0.0 }) };
    let parts = (order.every_ms / FRAME_MILLIS).max(1) as usize;
    let parts: Vec<Vec<SocketAddr>> = (0..parts).map(|part| share(addresses, part, parts)).collect();
    let any: SocketAddr = if first.ip().is_loopback() {
        SocketAddr::new(first.ip(), 0)
    } else if first.is_ipv4() {
        ([0; 4], 0).into()
    } else {
        ([0; 16], 0).into()
    };
    let wrong = |error| Error::io("socket of the bare loop", error);
    let socket = UdpSocket::bind(any).map_err(wrong)?;
    socket.set_nonblocking(true).map_err(wrong)?;
    // A first byte that is neither STUN, DTLS nor RTP (RFC 7983, section 7).
    let datagram = vec![0xff; order.bytes];
    let (mut packets, mut refused) = (0, 0);
    let cpu = || procfs::own_thread_cpu_seconds().ok_or(Error::Load("this system keeps no account of threads".into()));
    let (before, began) = (cpu()?, Instant::now());
    for (turn, part) in (1..=order.turns).zip(parts.iter().cycle()) {
        for address in part {
            match socket.send_to(&datagram, address) {
                Ok(_) => packets += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => refused += 1,
                Err(error) => return Err(wrong(error)),
            }
        }
        let next = began + Duration::from_millis(turn * FRAME_MILLIS);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(Ran { packets, refused, cpu_seconds: cpu()? - before })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_lose_nobody() {
        let all: Vec<u32> = (0..10).collect();
        let shares: Vec<_> = (0..3).map(|which| share(&all, which, 3)).collect();
        assert_eq!(shares, [vec![0, 3, 6, 9], vec![1, 4, 7], vec![2, 5, 8]]);
        assert!(share(&all[..1], 1, 2).is_empty());
    }

    #[test]
    fn each_address_gets_its_datagrams() {
        let sockets: Vec<_> = (0..4).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let ran = send(&Loop { addresses, bytes: 100, every_ms: 40, threads: 2, turns: 6 }).unwrap();
        // Each address has its turn every second time.
        assert_eq!((ran.packets, ran.refused), (4 * 3, 0));
        for socket in &sockets {
            let mut buffer = [0; 200];
            assert_eq!(socket.recv(&mut buffer).unwrap(), 100);
        }
        assert!(ran.cpu_seconds > 0.0 && ran.us_per_packet().is_some());
    }

    #[test]
    fn an_order_out_of_bounds_is_refused() {
        let good =
            Loop { addresses: vec!["127.0.0.1:9".parse().unwrap()], bytes: 1, every_ms: 20, threads: 1, turns: 1 };
        for bad in [
            Loop { addresses: Vec::new(), ..good.clone() },
            Loop { bytes: 0, ..good.clone() },
            Loop { bytes: 1_501, ..good.clone() },
            Loop { every_ms: 0, ..good.clone() },
            Loop { threads: 0, ..good.clone() },
            Loop { turns: 3_001, ..good.clone() },
        ] {
            assert!(matches!(send(&bad), Err(Error::Usage(_))), "{bad:?}");
        }
    }
}
