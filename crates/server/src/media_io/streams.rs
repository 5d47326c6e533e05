//! The TCP connections of one media thread: for networks that block UDP (RFC 6544, passive).

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use roomtone_media::leg::StreamId;

use super::framing::{Reader, Writer};

/// Connections of one thread. More lets more people without UDP in; each can hold some 40 KiB.
const STREAMS_MAX: usize = 2048;

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
    pub(super) fn new() -> Self {
        Self { open: BTreeMap::new(), last: 0 }
    }

    /// Takes every connection that waits. Those beyond [`STREAMS_MAX`] are closed at once.
    pub(super) fn accept(&mut self, now: Instant, listener: &TcpListener, registry: &Registry) {
        while let Ok((mut socket, peer)) = listener.accept() {
            if self.open.len() >= STREAMS_MAX {
                metrics::counter!("roomtone_media_tcp_refused_total").increment(1);
                continue;
            }
            self.last += 1;
            let id = StreamId(self.last);
            let token = Token(FIRST_TOKEN + self.last as usize);
            // Voice packets are small and must not wait for each other; failing that, it only sounds later.
            let _ = socket.set_nodelay(true);
            if registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE).is_ok() {
                let stream = Stream {
                    socket,
                    peer,
                    reader: Reader::default(),
                    writer: Writer::default(),
                    accepted: now,
                    answered: None,
                };
                self.open.insert(id, stream);
            }
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
