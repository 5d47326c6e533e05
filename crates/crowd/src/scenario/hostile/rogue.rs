//! A media leg that keeps no rule but those without which nothing would come through: it seals what it likes, under whatever
//! stream and number it likes, and sends it from whichever of its addresses it likes, for as long as it likes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dimpl::{Dtls, Output};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::packet::Rtp;
use crate::api::Api;
use crate::fleet::listener::{Answer, Credentials, Identity, Path, offer_of, sha256};
use crate::fleet::srtp::Sealer;
use crate::leg::{SLOTS, socket_towards};
use crate::{Error, Result};

/// How long ICE and DTLS may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);
/// How long a check from another address may go unanswered.
const MOVE_PATIENCE: Duration = Duration::from_secs(2);
/// From one look at what is due to the next while connecting.
const TICK: Duration = Duration::from_millis(5);
/// Larger than any datagram of a voice leg.
const DATAGRAM_BYTES: usize = 2_048;
/// Arrivals that are remembered: more than a trial can bring.
const ARRIVALS_MAX: usize = 50_000;

/// What a leg is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Publishes Opus and RED.
    Mouth,
    /// Listens in three voice slots, with NACK.
    Ear,
}

impl Side {
    fn path(self, room: &str) -> String {
        match self {
            Self::Mouth => format!("/api/rooms/{room}/publish"),
            Self::Ear => format!("/api/rooms/{room}/listen"),
        }
    }

    fn offer(self, own: &Credentials, identity: &Identity) -> String {
        let red = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=sendonly\r\n";
        match self {
            Self::Mouth => offer_of(own, identity.fingerprint(), 1, "63 111", red),
            Self::Ear => offer_of(own, identity.fingerprint(), SLOTS, "111", "a=rtcp-fb:111 nack\r\na=recvonly\r\n"),
        }
    }
}

/// A packet of sound that came, whatever was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    /// Over TCP.
    pub(super) tcp: bool,
    pub(super) ssrc: u32,
    pub(super) seq: u16,
}

/// What came to all addresses of a leg.
#[derive(Debug, Default)]
struct Heard {
    arrivals: Mutex<Vec<Arrival>>,
    /// Told of each STUN message.
    stun: Notify,
}

/// A leg under nobody's control.
pub(super) struct Rogue {
    server: SocketAddr,
    server_tcp: Option<SocketAddr>,
    /// The first one is where the leg was made; the last one is where it is now.
    sockets: Vec<Arc<UdpSocket>>,
    /// A TCP connection (RFC 6544), once there is one.
    stream: Option<Arc<TcpStream>>,
    path: Path,
    sealer: Sealer,
    heard: Arc<Heard>,
    readers: Vec<JoinHandle<()>>,
    /// The streams that the server sends.
    pub(super) ssrcs: Vec<u32>,
    /// The leg's path on the server.
    pub(super) location: String,
}

/// A leg that the server has agreed to, of which nothing has been sent yet.
pub(super) struct Agreed {
    own: Credentials,
    answer: Answer,
    location: String,
}

impl Agreed {
    /// Asks the server for a leg, once.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Media`], [`Error::Connection`].
    pub(super) async fn ask(api: &Api, room: &str, side: Side, identity: &Identity) -> Result<Self> {
        let own = Credentials::random();
        let (answer, location) = api.offer_once(&side.path(room), side.offer(&own, identity)).await?;
        Ok(Self { own, answer: Answer::parse(&answer)?, location })
    }
}

impl Rogue {
    /// Makes a leg and waits until it is connected.
    ///
    /// # Errors
    /// As [`Agreed::ask`] and [`Rogue::shake`].
    pub(super) async fn connect(api: &Api, room: &str, side: Side, identity: &Identity) -> Result<Self> {
        Self::shake(Agreed::ask(api, room, side, identity).await?, identity).await
    }

    /// Connects a leg.
    ///
    /// # Errors
    /// [`Error::Media`], [`Error::Timeout`], [`Error::Io`].
    pub(super) async fn shake(agreed: Agreed, identity: &Identity) -> Result<Self> {
        let Agreed { own, answer, location } = agreed;
        let socket = socket_towards(answer.server).await.map_err(|error| Error::io("UDP socket", error))?;
        let mut path = Path::new(Instant::now(), &own, &answer);
        let shaking = shake_hands(&socket, &mut path, identity, &answer);
        let sealer = tokio::time::timeout(CONNECT_PATIENCE, shaking).await;
        let sealer = sealer.map_err(|_| Error::Timeout("a media leg"))??;
        let mut rogue = Self {
            server: answer.server,
            server_tcp: answer.server_tcp,
            sockets: Vec::new(),
            stream: None,
            path,
            sealer,
            heard: Arc::default(),
            readers: Vec::new(),
            ssrcs: answer.ssrcs,
            location,
        };
        rogue.take(socket);
        Ok(rogue)
    }

    /// What it likes to send a packet of sound from: an address that it had, counted from the newest backwards.
    pub(super) fn send(&self, back: usize, packet: &Rtp<'_>) -> Option<Vec<u8>> {
        let sealed = self.sealer.rtp(packet.write(), packet.index)?;
        self.raw(back, &sealed);
        Some(sealed)
    }

    /// The same over its TCP connection.
    pub(super) fn send_by_tcp(&self, packet: &Rtp<'_>) -> Option<Vec<u8>> {
        let sealed = self.sealer.rtp(packet.write(), packet.index)?;
        self.raw_by_tcp(&sealed);
        Some(sealed)
    }

    fn raw_by_tcp(&self, bytes: &[u8]) {
        let Some(stream) = &self.stream else { return };
        // RFC 4571: two bytes of length before each.
        let framed = [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
        let _gone_once_the_server_has_closed_it = stream.try_write(&framed);
    }

    /// Sends what was sealed before.
    pub(super) fn raw(&self, back: usize, bytes: &[u8]) {
        let socket = &self.sockets[self.sockets.len() - 1 - back.min(self.sockets.len() - 1)];
        let _lost_like_on_a_network = socket.try_send_to(bytes, self.server);
    }

    /// Seals and sends a compound RTCP packet.
    pub(super) fn rtcp(&mut self, back: usize, compound: Vec<u8>) {
        if let Some(sealed) = self.sealer.rtcp(compound) {
            self.raw(back, &sealed);
        }
    }

    /// Sends a check, which keeps the leg alive and its path where it is sent from.
    pub(super) fn check(&mut self, back: usize) {
        let check = self.path.check();
        self.raw(back, &check);
    }

    /// The same over its TCP connection.
    pub(super) fn check_by_tcp(&mut self) {
        let check = self.path.check();
        self.raw_by_tcp(&check);
    }

    /// Makes a TCP connection, and shows its credentials on it.
    ///
    /// # Errors
    /// [`Error::Media`] if the server takes none; [`Error::Timeout`] if it does not answer; [`Error::Io`].
    pub(super) async fn connect_tcp(&mut self) -> Result<()> {
        let server = self.server_tcp.ok_or_else(|| Error::Media("the answer has no TCP candidate".into()))?;
        let wrong = |error| Error::io("TCP connection", error);
        let stream = Arc::new(TcpStream::connect(server).await.map_err(wrong)?);
        stream.set_nodelay(true).map_err(wrong)?;
        stream.writable().await.map_err(wrong)?;
        self.readers.push(tokio::spawn(read_stream(stream.clone(), self.heard.clone())));
        self.stream = Some(stream);
        self.check_by_tcp();
        self.answered("a path over TCP").await
    }

    /// Goes to another address, by a check from there that is answered.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it is not; [`Error::Io`].
    pub(super) async fn change_address(&mut self) -> Result<()> {
        self.add_address().await?;
        self.check(0);
        self.answered("a new path").await
    }

    async fn answered(&self, what: &'static str) -> Result<()> {
        tokio::time::timeout(MOVE_PATIENCE, self.heard.stun.notified()).await.map_err(|_| Error::Timeout(what))
    }

    /// Takes another address, of which the server knows nothing.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) async fn add_address(&mut self) -> Result<()> {
        let socket = socket_towards(self.server).await.map_err(|error| Error::io("UDP socket", error))?;
        self.take(socket);
        Ok(())
    }

    /// The packets of sound that came to any address.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        self.heard.arrivals.lock().map(|arrivals| arrivals.clone()).unwrap_or_default()
    }

    /// The newest of them.
    pub(super) fn newest(&self) -> Option<Arrival> {
        self.heard.arrivals.lock().ok()?.last().copied()
    }

    fn take(&mut self, socket: UdpSocket) {
        let socket = Arc::new(socket);
        self.readers.push(tokio::spawn(read(socket.clone(), self.server, self.heard.clone())));
        self.sockets.push(socket);
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.readers.iter().for_each(JoinHandle::abort);
    }
}

impl std::fmt::Debug for Rogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rogue").field("server", &self.server).finish_non_exhaustive()
    }
}

/// ICE and DTLS (RFC 8445, RFC 5764), as far as it takes to have keys.
async fn shake_hands(socket: &UdpSocket, path: &mut Path, identity: &Identity, answer: &Answer) -> Result<Sealer> {
    let broken = |what: &str| Error::Media(what.to_owned());
    let (mut buffer, mut engine, mut found) = (vec![0; DATAGRAM_BYTES], None::<Dtls>, None);
    let send = |bytes: &[u8]| {
        let _lost_like_on_a_network = socket.try_send_to(bytes, answer.server);
    };
    loop {
        path.timeout(Instant::now(), &mut |bytes| send(bytes));
        let received = tokio::time::timeout(TICK, socket.recv_from(&mut buffer)).await;
        let now = Instant::now();
        let refused = |_| Error::Media("the DTLS handshake failed".into());
        if let Some(engine) = &mut engine {
            engine.handle_timeout(now).map_err(refused)?;
        }
        if let Ok(Ok((len, source))) = received
            && source == answer.server
        {
            match buffer.first() {
                Some(20..=63) => {
                    if let Some(engine) = &mut engine {
                        engine.handle_packet(&buffer[..len]).map_err(refused)?;
                    }
                }
                Some(0..=3) if path.answered(now, &buffer[..len]) && engine.is_none() => {
                    let mut new = identity.client(now);
                    new.handle_timeout(now).map_err(refused)?;
                    engine = Some(new);
                }
                _ => {}
            }
        }
        let Some(engine) = &mut engine else { continue };
        let mut connected = false;
        loop {
            match engine.poll_output(&mut buffer) {
                Output::Packet(record) => send(record),
                Output::Timeout(_) => break,
                Output::PeerCert(der) if sha256(der) != answer.fingerprint => {
                    return Err(broken("the server's certificate is not the one in its answer"));
                }
                Output::KeyingMaterial(material, profile) => found = Sealer::of_client(profile, &material),
                Output::Connected => connected = true,
                Output::CloseNotify => return Err(broken("the server closed the DTLS association")),
                _ => {}
            }
        }
        if connected {
            return found.ok_or_else(|| broken("DTLS agreed on no keys for AES-GCM"));
        }
    }
}

/// Notes what comes to an address.
async fn read(socket: Arc<UdpSocket>, server: SocketAddr, heard: Arc<Heard>) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let (len, source) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // An ICMP message about something that was sent earlier.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => continue,
            Err(_) => return,
        };
        if source == server {
            heard.take(Instant::now(), false, &buffer[..len]);
        }
    }
}

/// The same of a connection, until it ends.
async fn read_stream(stream: Arc<TcpStream>, heard: Arc<Heard>) {
    let (mut buffer, mut held) = (vec![0; 8 * DATAGRAM_BYTES], Vec::new());
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => held.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        let at = Instant::now();
        while let Some((packet, rest)) = unframed(&held) {
            heard.take(at, true, packet);
            held = rest.to_vec();
        }
    }
}

/// The first packet of what was read (RFC 4571), if it is whole, and what comes after it.
fn unframed(held: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = held.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}

impl Heard {
    fn take(&self, at: Instant, tcp: bool, packet: &[u8]) {
        match *packet {
            [0..=3, ..] => self.stun.notify_one(),
            // RTP, and not RTCP (RFC 5761, section 4).
            [128..=191, kind, high, low, _, _, _, _, a, b, c, d, ..] if !(64..96).contains(&(kind & 0x7f)) => {
                let (ssrc, seq) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([high, low]));
                if let Ok(mut arrivals) = self.arrivals.lock()
                    && arrivals.len() < ARRIVALS_MAX
                {
                    arrivals.push(Arrival { at, tcp, ssrc, seq });
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_taken_out_of_a_connection_one_by_one() {
        let held = [0, 2, 7, 8, 0, 0, 0, 3, 1];
        let (first, rest) = unframed(&held).unwrap();
        let (empty, rest) = unframed(rest).unwrap();
        assert_eq!((first, empty, rest), (&[7, 8][..], &[][..], &[0, 3, 1][..]));
        assert_eq!((unframed(rest), unframed(&[0]), unframed(&[])), (None, None, None));
    }

    #[test]
    fn only_packets_of_sound_are_arrivals() {
        let heard = Heard::default();
        let at = Instant::now();
        let mut packet = vec![0x80, 111, 1, 2, 0, 0, 0, 0, 0, 0, 0, 5, 9];
        heard.take(at, true, &packet);
        assert_eq!(*heard.arrivals.lock().unwrap(), [Arrival { at, tcp: true, ssrc: 5, seq: 258 }]);
        packet[1] = 201;
        for other in [&packet[..], &[0, 1, 0, 0], &[22, 254, 253], &[0x80]] {
            heard.take(at, false, other);
        }
        assert_eq!(heard.arrivals.lock().unwrap().len(), 1);
    }
}
