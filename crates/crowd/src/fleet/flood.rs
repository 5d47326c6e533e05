//! Garbage on a media port: what anybody on the network could send.
//!
//! It comes from a process of its own, `crowd flood-worker`, which reads one [`Flood`] as JSON from its standard input and
//! writes one [`Flooded`] to its standard output.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use is::stun::{StunMessage, TransId};
use serde::{Deserialize, Serialize};

use super::floor::helper;
use crate::{Error, Result};

/// Datagrams a second at most.
pub const PER_SECOND_MAX: u32 = 200_000;
/// Seconds at most.
const SECONDS_MAX: u64 = 600;
/// Datagrams of each kind that are made beforehand and sent over and over. More vary more and take longer to make.
const PREPARED: usize = 512;
/// Sockets, and so addresses, that the garbage comes from.
const SOURCES: usize = 16;
/// How often a part of a second's datagrams goes out.
const EVERY: Duration = Duration::from_millis(1);
/// How much longer than it should run the process may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    /// The server's media addresses, on loopback only.
    pub targets: Vec<SocketAddr>,
    /// The user name of a leg that is there, `THEIRS:OURS` (RFC 8445, section 7.2.2).
    pub user: String,
    /// Datagrams a second, over all targets.
    pub per_second: u32,
    /// How long, in seconds.
    pub seconds: u64,
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Flooded {
    /// Datagrams that the kernel took.
    pub packets: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Floods from a process of its own, until it is done; dropping the future kills it.
///
/// # Errors
/// [`Error::Io`], [`Error::Timeout`], [`Error::Load`] with what the process complained of.
pub async fn run(order: &Flood) -> Result<Flooded> {
    let text = serde_json::to_string(order).map_err(|error| Error::io("flood", error.into()))?;
    let said = helper("flood-worker", text, Duration::from_secs(order.seconds) + PATIENCE).await?;
    serde_json::from_str(&said).map_err(|error| Error::Load(format!("the flood said: {error}")))
}

/// `crowd flood-worker`: the process.
///
/// # Errors
/// [`Error::Usage`] for an order that cannot or must not be carried out; [`Error::Io`].
pub fn worker() -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Error::io("standard input", error))?;
    let order: Flood = serde_json::from_str(&text).map_err(|error| Error::Usage(format!("no order: {error}")))?;
    let flooded = serde_json::to_string(&send(&order)?).map_err(|error| Error::io("report", error.into()))?;
    writeln!(std::io::stdout().lock(), "{flooded}").map_err(|error| Error::io("standard output", error))
}

fn send(order: &Flood) -> Result<Flooded> {
    let local = order.targets.iter().all(|target| target.ip().is_loopback());
    if order.targets.is_empty() || !local || order.per_second > PER_SECOND_MAX || order.seconds > SECONDS_MAX {
        return Err(Error::Usage("a flood is for media ports on loopback, and has limits".into()));
    }
    let wrong = |error| Error::io("socket of the flood", error);
    let sources = |ip: IpAddr| (0..SOURCES).map(move |_| UdpSocket::bind((ip, 0)));
    let mut routes = Vec::new();
    for target in &order.targets {
        for source in sources(target.ip()) {
            let source = source.map_err(wrong)?;
            source.set_nonblocking(true).map_err(wrong)?;
            routes.push((source, *target));
        }
    }
    let garbage = garbage(&order.user, PREPARED);
    let began = Instant::now();
    let (length, total) = (Duration::from_secs(order.seconds), u64::from(order.per_second) * order.seconds);
    let (mut due_before, mut packets) = (0, 0);
    let mut ways = garbage.iter().cycle().zip(routes.iter().cycle());
    while due_before < total {
        let elapsed = began.elapsed().min(length);
        let due = due(order.per_second, elapsed, length);
        for (datagram, (source, target)) in ways.by_ref().take((due - due_before) as usize) {
            // What the kernel does not take is not counted: the rate that is reported is what was really sent.
            packets += u64::from(source.send_to(datagram, target).is_ok());
        }
        due_before = due;
        std::thread::sleep(EVERY);
    }
    Ok(Flooded { packets, seconds: began.elapsed().as_secs_f64() })
}

/// How many datagrams are due after `elapsed` of `length`: all of them at the end, whatever was rounded before.
fn due(per_second: u32, elapsed: Duration, length: Duration) -> u64 {
    (u128::from(per_second) * elapsed.min(length).as_micros() / 1_000_000) as u64
}

/// Datagrams of five kinds in turn, `each` of a kind: random bytes; what looks like RTP; like a DTLS record; a STUN check
/// for nobody; and one for the leg of `user` whose message integrity is wrong.
fn garbage(user: &str, each: usize) -> Vec<Vec<u8>> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut made = Vec::with_capacity(5 * each);
    for _ in 0..each {
        let length = 20 + dice.below(180);
        made.push(dice.bytes(length));

        let mut rtp = dice.bytes(92);
        rtp[..2].copy_from_slice(&[0x80, 111]);
        made.push(rtp);

        // A DTLS 1.2 record (RFC 6347, section 4.1) of the first epoch: a handshake of 100 bytes.
        let mut dtls = dice.bytes(113);
        dtls[..5].copy_from_slice(&[22, 254, 253, 0, 0]);
        dtls[11..13].copy_from_slice(&100u16.to_be_bytes());
        made.push(dtls);

        let nobody: String = (0..8).map(|_| char::from(b'a' + dice.below(26) as u8)).collect();
        made.push(check(&format!("{nobody}:{nobody}"), &mut dice));
        made.push(check(user, &mut dice));
    }
    made
}

/// An ICE check (RFC 8445, section 7.1) in the right form, with random bytes where the message integrity should be.
fn check(user: &str, dice: &mut Dice) -> Vec<u8> {
    let message = StunMessage::binding_request(user, TransId::new(), true, dice.next(), 0x7e00_1eff, true);
    let integrity: [u8; 20] = std::array::from_fn(|_| dice.next() as u8);
    let mut bytes = vec![0; 1_024];
    // A user name that does not fit makes no check; random bytes are sent in its place.
    match message.to_bytes(Some(b"unknown"), &mut bytes, |_, _| integrity) {
        Ok(length) => bytes.truncate(length),
        Err(_) => bytes = dice.bytes(100),
    }
    bytes
}

/// Numbers without meaning (xorshift): garbage need not be unpredictable.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() >> 32) as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_kinds_look_like_what_they_are_not() {
        let made = garbage("theirs:ours", 20);
        assert_eq!(made.len(), 100);
        for five in made.chunks(5) {
            assert!((20..200).contains(&five[0].len()));
            assert_eq!((five[1][0] >> 6, five[1][1]), (2, 111), "version and payload type of RTP");
            assert_eq!((five[2][0], five[2].len()), (22, 13 + 100), "a DTLS record and its length");
            let users: Vec<_> = five[3..]
                .iter()
                .map(|bytes| {
                    let message = StunMessage::parse(bytes).unwrap();
                    assert!(message.is_binding_request() && !message.verify(b"unknown", |_, _| [0; 20]));
                    message.username().unwrap().to_owned()
                })
                .collect();
            assert!(users[0] != "theirs:ours" && users[1] == "theirs:ours", "{users:?}");
        }
        assert_eq!(garbage(&"x".repeat(5_000), 1).len(), 5, "a user name of any length makes garbage too");
    }

    #[test]
    fn what_is_due_adds_up() {
        let length = Duration::from_secs(2);
        for (millis, count) in [(0, 0), (1, 100), (1_500, 150_000), (2_000, 200_000), (9_000, 200_000)] {
            assert_eq!(due(100_000, Duration::from_millis(millis), length), count, "after {millis} ms");
        }
    }

    #[test]
    fn a_flood_stays_on_this_machine_and_within_limits() {
        let good =
            Flood { targets: vec!["127.0.0.1:9".parse().unwrap()], user: "a:b".into(), per_second: 1, seconds: 1 };
        for bad in [
            Flood { targets: Vec::new(), ..good.clone() },
            Flood { targets: vec!["192.0.2.1:9".parse().unwrap()], ..good.clone() },
            Flood { per_second: PER_SECOND_MAX + 1, ..good.clone() },
            Flood { seconds: SECONDS_MAX + 1, ..good.clone() },
        ] {
            assert!(matches!(send(&bad), Err(Error::Usage(_))), "{bad:?}");
        }
    }
}
