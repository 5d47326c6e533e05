//! The TCP connections of one media thread: for networks that block UDP (RFC 6544, passive).

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use roomtone_media::leg::StreamId;

use super::framing::{Reader, Writer};

/// Connections accepted before anything else gets its turn. More empties a burst sooner; fewer delays the sound less.
const ACCEPTS_AT_ONCE: usize = 32;

/// How long a connection may go without being answered: only who passes a STUN check is.
const UNANSWERED_LIMIT: Duration = Duration::from_secs(10);

/// How long a connection may stay without anything sent to it: its leg is gone then.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Reads from one connection before the others get their turn.
const READS_AT_ONCE: usize = 4;

/// Tokens below this belong to the thread's other sources.
pub(super) const FIRST_TOKEN: usize = 16;

/// The connections.
pub(super) struct Streams {
    /// By id; the mio token of a connection is its id plus [`FIRST_TOKEN`].
    open: BTreeMap<StreamId, Stream>,
    last: u64,
    max: usize,
}

/// What came of accepting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    /// Nobody waits any more.
    All,
    /// More may wait.
    Some,
    /// The system refuses, for want of file descriptors most likely; those who wait go on waiting.
    Failed,
}

struct Stream {
    socket: TcpStream,
    peer: SocketAddr,
    reader: Reader,
    writer: Writer,
    accepted: Instant,
    answered: Option<Instant>,
}

/// What came of reading a connection.
pub(super) struct Ready {
    pub(super) stream: StreamId,
    pub(super) peer: SocketAddr,
    pub(super) packets: Vec<Vec<u8>>,
    /// Whether the connection is gone, after these packets.
    pub(super) gone: bool,
}

/// The connection is gone and must be forgotten.
struct Gone;

/// Whether something may be left to read.
enum More {
    Yes,
    No,
}

impl Streams {
    /// Holds at most `max` connections.
    pub(super) fn new(max: usize) -> Self {
        Self { open: BTreeMap::new(), last: 0, max }
    }

    /// Takes some of the connections that wait.
    pub(super) fn accept(&mut self, now: Instant, listener: &TcpListener, registry: &Registry) -> Accepted {
        for _ in 0..ACCEPTS_AT_ONCE {
            match listener.accept() {
                Ok((socket, peer)) => self.add(now, socket, canonical(peer), registry),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Accepted::All,
                // Somebody hung up while waiting.
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(_) => return Accepted::Failed,
            }
        }
        Accepted::Some
    }

    /// Holds a new connection. When there are too many, the oldest that has shown no credentials goes, so that idle ones
    /// do not keep people out; if all have, the new one goes.
    fn add(&mut self, now: Instant, mut socket: TcpStream, peer: SocketAddr, registry: &Registry) {
        if self.open.len() >= self.max {
            metrics::counter!("roomtone_media_tcp_refused_total").increment(1);
            let Some(&idle) = self.open.iter().find(|(_, stream)| stream.answered.is_none()).map(|(id, _)| id) else {
                return;
            };
            // Nothing leads to it: a connection becomes a leg's path by a check, which is answered.
            self.open.remove(&idle);
        }
        self.last += 1;
        let token = Token(FIRST_TOKEN + self.last as usize);
        // Voice packets are small and must not wait for each other; failing that, it only sounds later.
        let _ = socket.set_nodelay(true);
        if registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE).is_ok() {
            let (reader, writer) = (Reader::default(), Writer::default());
            let stream = Stream { socket, peer, reader, writer, accepted: now, answered: None };
            self.open.insert(StreamId(self.last), stream);
        }
    }

    /// Reads what waits on the connection with this token; `None` if there is none.
    pub(super) fn ready(&mut self, token: Token, registry: &Registry, buffer: &mut [u8]) -> Option<Ready> {
        let id = StreamId((token.0 - FIRST_TOKEN) as u64);
        let stream = self.open.get_mut(&id)?;
        let mut ready = Ready { stream: id, peer: stream.peer, packets: Vec::new(), gone: false };
        let read = stream.read(buffer, &mut ready.packets);
        if let Ok(More::Yes) = read {
            // Readiness is told on its edge only; registering anew tells it again.
            let _ = registry.reregister(&mut stream.socket, token, Interest::READABLE | Interest::WRITABLE);
        }
        ready.gone = read.is_err() || stream.flush().is_err();
        if ready.gone {
            self.open.remove(&id);
        }
        Some(ready)
    }

    /// Sends a packet; returns false if it had to be dropped.
    pub(super) fn send(&mut self, now: Instant, id: StreamId, packet: &[u8]) -> bool {
        let Some(stream) = self.open.get_mut(&id) else {
            return false;
        };
        stream.answered = Some(now);
        // A connection that breaks here is reported by the poll, and forgotten then.
        stream.writer.push(packet) && stream.flush().is_ok()
    }

    /// Closes the connections that nobody answers any more; returns their ids.
    pub(super) fn reap(&mut self, now: Instant) -> Vec<StreamId> {
        let stale: Vec<_> = self
            .open
            .iter()
            .filter(|(_, stream)| match stream.answered {
                None => now.duration_since(stream.accepted) > UNANSWERED_LIMIT,
                Some(last) => now.duration_since(last) > IDLE_LIMIT,
            })
            .map(|(&id, _)| id)
            .collect();
        for id in &stale {
            self.open.remove(id);
        }
        stale
    }
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8], packets: &mut Vec<Vec<u8>>) -> Result<More, Gone> {
        for _ in 0..READS_AT_ONCE {
            match self.socket.read(buffer) {
                Ok(0) => return Err(Gone),
                Ok(n) => {
                    self.reader.read(&buffer[..n], |packet| packets.push(packet.to_vec())).map_err(|_too_long| Gone)?
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(More::No),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(More::Yes)
    }

    fn flush(&mut self) -> Result<(), Gone> {
        while !self.writer.pending().is_empty() {
            match self.socket.write(self.writer.pending()) {
                Ok(0) => return Err(Gone),
                Ok(n) => self.writer.wrote(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }
}

/// An IPv4 address that came through an IPv6 socket as what it is: what we tell the peer about itself must be what it knows.
pub(super) fn canonical(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), addr.port()),
        // Unchanged, with its scope.
        IpAddr::V6(_) => addr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge;

    #[test]
    fn idle_connections_make_room_and_answered_ones_stay() {
        let poll = mio::Poll::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut streams = Streams::new(2);
        let connect = |streams: &mut Streams| {
            let peer = std::net::TcpStream::connect(address).unwrap();
            assert_eq!(streams.accept(edge::instant(), &listener, poll.registry()), Accepted::All);
            peer
        };
        let mut answered = connect(&mut streams);
        assert!(streams.send(edge::instant(), StreamId(1), b"you are known"));
        let mut idle = connect(&mut streams);
        let mut newest = connect(&mut streams);
        let mut bytes = [0; 32];
        assert_eq!(idle.read(&mut bytes).unwrap(), 0, "closed");
        assert!(streams.send(edge::instant(), StreamId(3), b"hi"));
        assert_eq!(newest.read(&mut bytes).unwrap(), 4);
        assert_eq!(answered.read(&mut bytes).unwrap(), 15);
        // Everybody is known now: whoever comes is turned away.
        assert_eq!(connect(&mut streams).read(&mut bytes).unwrap(), 0);
        assert!(streams.send(edge::instant(), StreamId(1), b"still here"));
    }
}
