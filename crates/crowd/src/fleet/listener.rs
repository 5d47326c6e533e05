//! A light listener: ICE, DTLS-SRTP and the counting of packets, without a socket, a clock or a thread of its own.
//!
//! It does what a browser does on a listen leg: it checks its one path (RFC 8445) and goes on checking it (consent,
//! RFC 7675), is the DTLS client, accepts only the certificate that the answer names, and authenticates every packet. It
//! does not decrypt for the sake of the sound, and asks for nothing to be sent again: what the network loses is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::{digest, hmac};
use dimpl::{Config, Dtls, DtlsCertificate, Output};
use is::stun::{StunMessage, TransId};

use super::count::Hearing;
use super::srtp::Opener;
use crate::leg::{SLOTS, tcp_candidate, udp_candidate};
use crate::{Error, Result};

/// How long ICE and DTLS may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How long the first packet may take after that.
const SOUND_LIMIT: Duration = Duration::from_secs(30);
/// From one check of a path that works to the next, give or take a fifth.
const CONSENT_EVERY: Duration = Duration::from_secs(4);
/// A path is given up when no check was answered for so long (RFC 7675, section 5.1).
const CONSENT_LIMIT: Duration = Duration::from_secs(30);
/// From the first check to the next; then twice as long, and so on.
const CHECK_AGAIN: Duration = Duration::from_millis(250);
/// The longest between two checks of a path that does not work yet.
const CHECK_AGAIN_MAX: Duration = Duration::from_secs(2);
/// How long the DTLS engine is kept after the handshake, for a last flight that was lost. Longer survives worse networks;
/// shorter frees tens of KiB for each listener sooner.
const SETTLE: Duration = Duration::from_secs(3);
/// Largest DTLS record that is sent, in bytes.
const DTLS_MTU: usize = 1_200;
/// Bytes of the largest check: header, user name, the other attributes.
const CHECK_MAX: usize = 20 + 4 + 513 + 64;
/// ICE priority of the one candidate, a host's (RFC 8445, section 5.1.2).
const PRIORITY: u32 = 126 << 24 | 65_535 << 8 | 255;

/// The certificate and the handshake settings that all listeners of a process share: making them costs more than a
/// handshake.
pub(crate) struct Identity {
    certificate: DtlsCertificate,
    config: Arc<Config>,
    fingerprint: String,
}

impl Identity {
    /// Makes a certificate.
    ///
    /// # Errors
    /// [`Error::Media`] when the cryptography library refuses.
    pub(crate) fn generate() -> Result<Self> {
        let certificate = str0m::crypto::from_feature_flags().dtls_provider.generate_certificate();
        let certificate = certificate.ok_or_else(|| Error::Media("no DTLS certificate could be made".into()))?;
        let config = Config::builder().mtu(DTLS_MTU).build().map_err(|error| Error::Media(error.to_string()))?;
        let fingerprint = sha256(&certificate.certificate).map(|byte| format!("{byte:02X}")).join(":");
        Ok(Self { certificate, config: Arc::new(config), fingerprint })
    }

    /// A DTLS client that has not said anything yet.
    pub(crate) fn client(&self, now: Instant) -> Dtls {
        let mut engine = Dtls::new_auto(self.config.clone(), self.certificate.clone(), now);
        engine.set_active(true);
        engine
    }

    /// SHA-256 of the certificate, as `a=fingerprint` has it (RFC 8122, section 5).
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(REDACTED)")
    }
}

/// A listener's own ICE credentials (RFC 8839, section 5.4).
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    ufrag: String,
    password: String,
    /// Settles who is in control, and spreads the timers.
    tie_breaker: u64,
}

impl Credentials {
    /// New random ones.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).expect("the operating system has random bytes");
        let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let tie_breaker = bytes[16..].iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        Self { ufrag: text(&bytes[..4]), password: text(&bytes[4..16]), tie_breaker }
    }
}

/// An offer to listen in three voice slots, like a browser's: bundled, with levels (RFC 6464), and without NACK.
pub(super) fn offer(own: &Credentials, fingerprint: &str) -> String {
    offer_of(own, fingerprint, SLOTS, "111", "a=recvonly\r\n")
}

/// An offer of so many lines with these payload types, 111 being Opus, and these attributes.
pub(crate) fn offer_of(own: &Credentials, fingerprint: &str, lines: usize, types: &str, more: &str) -> String {
    let Credentials { ufrag, password, tie_breaker } = own;
    let mids: Vec<String> = (0..lines).map(|mid| mid.to_string()).collect();
    let mut offer = format!(
        "v=0\r\no=- {} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=msid-semantic: WMS\r\n",
        tie_breaker >> 1,
        mids.join(" ")
    );
    for mid in mids {
        offer.push_str(&format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF {types}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\n\
             a=ice-pwd:{password}\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n\
             a=mid:{mid}\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=rtcp-mux\r\n\
             a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n{more}"
        ));
    }
    offer
}

/// What an answer says of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    ufrag: String,
    password: String,
    /// SHA-256 of its certificate.
    pub(crate) fingerprint: [u8; 32],
    /// Where it receives.
    pub(crate) server: SocketAddr,
    /// Where it takes connections, if it does.
    pub(crate) server_tcp: Option<SocketAddr>,
    /// The streams that it sends.
    pub(crate) ssrcs: Vec<u32>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Error::Media`] that says what is missing.
    pub(crate) fn parse(sdp: &str) -> Result<Self> {
        let attribute = |name: &str| {
            let value = sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=")?.strip_prefix(name));
            value.ok_or_else(|| Error::Media(format!("the answer has no a={name}")))
        };
        if attribute("setup:")? != "passive" {
            return Err(Error::Media("the server would not be the DTLS server".into()));
        }
        let fingerprint = parse_fingerprint(attribute("fingerprint:sha-256 ")?);
        let ssrcs = sdp.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok());
        let mut ssrcs: Vec<u32> = ssrcs.collect();
        ssrcs.dedup();
        Ok(Self {
            ufrag: attribute("ice-ufrag:")?.to_owned(),
            password: attribute("ice-pwd:")?.to_owned(),
            fingerprint: fingerprint.ok_or_else(|| Error::Media("the answer's fingerprint is none".into()))?,
            server: udp_candidate(sdp).ok_or_else(|| Error::Media("the answer has no UDP candidate".into()))?,
            server_tcp: tcp_candidate(sdp),
            ssrcs,
        })
    }
}

fn parse_fingerprint(text: &str) -> Option<[u8; 32]> {
    let bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<Vec<_>, _>>().ok()?;
    bytes.try_into().ok()
}

/// What a datagram or a moment brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Nothing to speak of.
    Nothing,
    /// ICE and DTLS are done.
    Connected,
    /// An authentic packet of sound.
    Packet,
    /// The leg is of no more use; says why.
    Ended(&'static str),
}

/// One listener.
pub(super) struct Listener {
    server: SocketAddr,
    opener: Option<Opener>,
    hearing: Hearing,
    path: Path,
    fingerprint: [u8; 32],
    handshake: Option<Box<Handshake>>,
    /// ICE and DTLS, and after that the first packet, have to be there by then; no limit once it is.
    limit: Option<Instant>,
}

struct Handshake {
    engine: Dtls,
    /// The engine's own next timeout.
    deadline: Instant,
    /// The server has shown the certificate that its answer names.
    verified: bool,
    /// When the engine is dropped, once connected.
    until: Option<Instant>,
}

impl Listener {
    /// A listener that has sent nothing yet: it does with the first [`Listener::timeout`], which is due at once.
    pub(super) fn new(now: Instant, own: &Credentials, answer: &Answer) -> Self {
        Self {
            server: answer.server,
            opener: None,
            hearing: Hearing::new(answer.ssrcs.iter().copied()),
            path: Path::new(now, own, answer),
            fingerprint: answer.fingerprint,
            handshake: None,
            limit: Some(now + CONNECT_LIMIT),
        }
    }

    /// The server's address. What comes from elsewhere goes to [`Hearing::foreign`].
    pub(super) fn server(&self) -> SocketAddr {
        self.server
    }

    /// What was heard.
    pub(super) fn hearing(&mut self) -> &mut Hearing {
        &mut self.hearing
    }

    /// Takes in a datagram from the server. `send` sends to the server.
    pub(super) fn datagram(
        &mut self,
        now: Instant,
        identity: &Identity,
        bytes: &mut [u8],
        send: &mut impl FnMut(&[u8]),
    ) -> Event {
        // RFC 7983, section 7.
        match bytes.first() {
            Some(128..=191) => self.rtp(now, bytes),
            Some(20..=63) => self.dtls(now, bytes, send),
            Some(0..=3) if self.path.answered(now, bytes) && self.handshake.is_none() && self.opener.is_none() => {
                let mut engine = identity.client(now);
                let started = engine.handle_timeout(now);
                self.handshake = Some(Box::new(Handshake { engine, deadline: now, verified: false, until: None }));
                if started.is_err() { Event::Ended("the DTLS engine refused to start") } else { self.drain(now, send) }
            }
            _ => Event::Nothing,
        }
    }

    /// Does what is due.
    pub(super) fn timeout(&mut self, now: Instant, send: &mut impl FnMut(&[u8])) -> Event {
        if self.limit.is_some_and(|limit| now >= limit) {
            let missing = if self.opener.is_some() { "no packet came" } else { "ICE and DTLS took too long" };
            return Event::Ended(missing);
        }
        if !self.path.timeout(now, send) {
            return Event::Ended("the server answers no checks any more");
        }
        match &mut self.handshake {
            Some(handshake) if handshake.until.is_some_and(|until| now >= until) => self.handshake = None,
            Some(handshake) if now >= handshake.deadline => {
                return match handshake.engine.handle_timeout(now) {
                    Ok(()) => self.drain(now, send),
                    Err(_) => self.give_up("the DTLS handshake timed out"),
                };
            }
            _ => {}
        }
        Event::Nothing
    }

    /// When [`Listener::timeout`] has something to do.
    pub(super) fn deadline(&self) -> Instant {
        let engine = self.handshake.as_ref();
        let engine = engine.map(|engine| engine.until.map_or(engine.deadline, |until| until.min(engine.deadline)));
        [engine, self.limit].into_iter().flatten().fold(self.path.next, Instant::min)
    }

    fn rtp(&mut self, now: Instant, packet: &mut [u8]) -> Event {
        let Some(opener) = &self.opener else {
            // Sound may overtake the end of the handshake.
            return Event::Nothing;
        };
        // RTCP (RFC 5761, section 4) is of no interest.
        if packet.get(1).is_some_and(|kind| (64..96).contains(&(kind & 0x7f))) {
            return Event::Nothing;
        }
        let &mut [_, _, high, low, _, _, _, _, a, b, c, d, ..] = packet else {
            self.hearing.forged();
            return Event::Nothing;
        };
        let Some(slot) = self.hearing.slot(u32::from_be_bytes([a, b, c, d])) else {
            self.hearing.forged();
            return Event::Nothing;
        };
        let index = self.hearing.index(slot, u16::from_be_bytes([high, low]));
        let len = packet.len();
        if !opener.is_authentic(packet, index) {
            self.hearing.forged();
            return Event::Nothing;
        }
        self.hearing.heard(now, slot, index, len);
        self.limit = None;
        Event::Packet
    }

    fn dtls(&mut self, now: Instant, record: &[u8], send: &mut impl FnMut(&[u8])) -> Event {
        let Some(handshake) = &mut self.handshake else { return Event::Nothing };
        match handshake.engine.handle_timeout(now).and_then(|()| handshake.engine.handle_packet(record)) {
            Ok(()) => self.drain(now, send),
            Err(_) => self.give_up("the DTLS handshake failed"),
        }
    }

    /// Takes everything out of the DTLS engine, as it demands after each change.
    fn drain(&mut self, now: Instant, send: &mut impl FnMut(&[u8])) -> Event {
        let Some(handshake) = &mut self.handshake else { return Event::Nothing };
        let mut buffer = [0; 2_048];
        let mut connected = false;
        loop {
            match handshake.engine.poll_output(&mut buffer) {
                Output::Packet(record) => send(record),
                Output::Timeout(at) => {
                    handshake.deadline = at;
                    break;
                }
                Output::PeerCert(der) if sha256(der) != self.fingerprint => {
                    return Event::Ended("the server's certificate is not the one in its answer");
                }
                Output::PeerCert(_) => handshake.verified = true,
                Output::KeyingMaterial(material, profile) if handshake.verified && self.opener.is_none() => {
                    self.opener = Opener::of_server(profile, &material);
                }
                Output::Connected => connected = true,
                Output::CloseNotify => return Event::Ended("the server closed the DTLS association"),
                _ => {}
            }
        }
        if !connected {
            return Event::Nothing;
        }
        if self.opener.is_none() {
            return Event::Ended("DTLS agreed on no SRTP keys");
        }
        handshake.until = Some(now + SETTLE);
        self.limit = Some(now + SOUND_LIMIT);
        Event::Connected
    }

    /// The engine is of no more use: sound does not need it once there are keys.
    fn give_up(&mut self, why: &'static str) -> Event {
        self.handshake = None;
        if self.opener.is_some() { Event::Nothing } else { Event::Ended(why) }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("server", &self.server).finish_non_exhaustive()
    }
}

/// The one pair of candidates, which this side is in control of and nominates with every check.
pub(crate) struct Path {
    /// The server's user fragment and ours (RFC 8445, section 7.2.2).
    user: Box<str>,
    password: Box<str>,
    tie_breaker: u64,
    /// Of the last check.
    transaction: TransId,
    /// When a check was last answered; the beginning, before that.
    answered: Instant,
    works: bool,
    /// When the next check is due.
    next: Instant,
    /// How long to wait for an answer before that, while the path does not work yet.
    again: Duration,
    dice: u64,
}

impl Path {
    /// A path of which the first check is due at once.
    pub(crate) fn new(now: Instant, own: &Credentials, answer: &Answer) -> Self {
        Self {
            user: format!("{}:{}", answer.ufrag, own.ufrag).into(),
            password: answer.password.as_str().into(),
            tie_breaker: own.tie_breaker,
            transaction: TransId::new(),
            answered: now,
            works: false,
            next: now,
            again: CHECK_AGAIN,
            dice: own.tie_breaker | 1,
        }
    }

    /// Takes in a STUN message; true if it is the answer to our last check.
    pub(crate) fn answered(&mut self, now: Instant, bytes: &[u8]) -> bool {
        let Ok(message) = StunMessage::parse(bytes) else { return false };
        let ours = message.is_successful_binding_response() && message.trans_id() == self.transaction;
        if !ours || !message.verify(self.password.as_bytes(), hmac_sha1) {
            return false;
        }
        (self.answered, self.works) = (now, true);
        self.next = now + self.consent_interval();
        true
    }

    /// Sends a check if one is due; false when the path is lost.
    pub(crate) fn timeout(&mut self, now: Instant, send: &mut impl FnMut(&[u8])) -> bool {
        if now < self.next {
            return true;
        }
        if now >= self.answered + CONSENT_LIMIT {
            return false;
        }
        send(&self.check());
        let wait = if self.works { self.consent_interval() } else { self.again };
        self.again = (2 * self.again).min(CHECK_AGAIN_MAX);
        self.next = now + wait;
        true
    }

    /// The next check, which nominates the path that it takes (RFC 8445, section 8.1.1).
    pub(crate) fn check(&mut self) -> Vec<u8> {
        self.transaction = TransId::new();
        let check = StunMessage::binding_request(&self.user, self.transaction, true, self.tie_breaker, PRIORITY, true);
        let mut buffer = vec![0; CHECK_MAX];
        let written = check.to_bytes(Some(self.password.as_bytes()), &mut buffer, hmac_sha1);
        buffer.truncate(written.unwrap_or(0));
        buffer
    }

    /// Different each time, so that the checks of many do not come at the same moment.
    fn consent_interval(&mut self) -> Duration {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        CONSENT_EVERY.mul_f64(0.8 + 0.4 * (self.dice >> 40) as f64 / (1u64 << 24) as f64)
    }
}

/// HMAC-SHA1 over several pieces (RFC 8489, section 14.5).
fn hmac_sha1(key: &[u8], pieces: &[&[u8]]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = hmac::Context::with_key(&key);
    pieces.iter().for_each(|piece| context.update(piece));
    let mut out = [0; 20];
    out.copy_from_slice(context.sign().as_ref());
    out
}

/// SHA-256 of a certificate in DER (RFC 8122, section 5).
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::OnceLock;

    use roomtone_media::frame::Frame;
    use roomtone_media::leg::{Fingerprint, IceCredentials, LegId, Path as ServerPath};
    use roomtone_media::sdp::{ListenParams, Offer, Transport, listen_answer};
    use roomtone_media::shard::{Grant, Input, ListenSetup, ListenSlot, Output as Done, Shard, ShardConfig};
    use roomtone_room::ids::{RoomId, TalkerNo};

    use super::super::protocol::Counts;
    use super::*;

    const ROOM: RoomId = RoomId(1);
    const OURS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 4_000);
    const SSRCS: [u32; SLOTS] = [101, 102, 103];

    fn identity() -> &'static Identity {
        static IDENTITY: OnceLock<Identity> = OnceLock::new();
        IDENTITY.get_or_init(|| Identity::generate().unwrap())
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    type Lose = Box<dyn FnMut(bool, &[u8]) -> bool>;

    /// One listener and the server's media engine, on a network without delay, in virtual time.
    struct World {
        now: Instant,
        shard: Shard,
        wake: Instant,
        listener: Listener,
        events: Vec<Event>,
        up: VecDeque<Vec<u8>>,
        down: VecDeque<Vec<u8>>,
        /// Loses the packets, up (true) or down, for which it says so.
        lose: Lose,
        /// What the server sent last.
        last: Vec<u8>,
        frames: u64,
    }

    impl World {
        fn new() -> Self {
            Self::with_fingerprint(None)
        }

        /// With another fingerprint in the answer than the server's, if one is given.
        fn with_fingerprint(fingerprint: Option<[u8; 32]>) -> Self {
            let now = Instant::now();
            let server = Arc::new(roomtone_media::identity::Identity::generate().unwrap());
            let own = Credentials::random();
            let offer = Offer::parse(&offer(&own, identity().fingerprint())).unwrap();
            let slots = offer.listen_slots().unwrap();
            assert_eq!(slots.len(), SLOTS);
            assert!(slots.iter().all(|slot| !slot.nack && slot.level_ext == Some(1) && slot.payload_type == 111));
            let ice = IceCredentials { ufrag: "server".into(), pwd: "the-password-of-the-server".into() };
            let transport = Transport {
                ice: &ice,
                fingerprint: fingerprint.map_or(server.fingerprint(), Fingerprint),
                udp: &["10.0.0.1:5000".parse().unwrap()],
                tcp: &[],
            };
            let answer = listen_answer(&offer, &ListenParams { transport, ssrcs: SSRCS, cname: "c" }).unwrap();
            let answer = Answer::parse(&answer).unwrap();
            let config =
                ShardConfig { identity: server.clone(), started: now, unix_millis: 1_795_348_800_000, max_legs: 9 };
            let mut world = Self {
                now,
                shard: Shard::new(config),
                wake: now,
                listener: Listener::new(now, &own, &answer),
                events: Vec::new(),
                up: VecDeque::new(),
                down: VecDeque::new(),
                lose: Box::new(|_, _| false),
                last: Vec::new(),
                frames: 0,
            };
            let line = |ssrc| ListenSlot {
                payload_type: 111,
                red: None,
                level_ext: Some(1),
                nack: false,
                ssrc,
                seq: 32_767,
                time: 7,
            };
            world.serve(Input::AddListen(Box::new(ListenSetup {
                leg: LegId(1),
                room: ROOM,
                talker: TalkerNo(9),
                local: ice.clone(),
                remote: offer.ice.clone(),
                fingerprint: offer.fingerprint,
                slots: SSRCS.map(line).to_vec(),
                cname: "c".into(),
            })));
            let until = now + Duration::from_secs(3_600);
            world.serve(Input::Grant(Grant { room: ROOM, epoch: 1, until, talkers: [TalkerNo(1)].into() }));
            world
        }

        fn serve(&mut self, input: Input<'_>) {
            self.shard.handle(self.now, input);
            loop {
                match self.shard.poll(self.now) {
                    Done::Transmit { bytes, .. } => {
                        self.last = bytes.to_vec();
                        if !(self.lose)(false, bytes) {
                            self.down.push_back(bytes.to_vec());
                        }
                    }
                    Done::Timeout(at) if at > self.now => {
                        self.wake = at;
                        return;
                    }
                    _ => {}
                }
            }
        }

        /// Lets the listener take in a datagram, or the time.
        fn hear(&mut self, bytes: Option<Vec<u8>>) -> Event {
            let mut sent = Vec::new();
            let mut send = |bytes: &[u8]| sent.push(bytes.to_vec());
            let event = match bytes {
                Some(mut bytes) => self.listener.datagram(self.now, identity(), &mut bytes, &mut send),
                None => self.listener.timeout(self.now, &mut send),
            };
            for bytes in sent {
                if !(self.lose)(true, &bytes) {
                    self.up.push_back(bytes);
                }
            }
            event
        }

        /// Lets time pass until something ends, at most as long as given.
        fn run(&mut self, lasting: Duration) {
            let end = self.now + lasting;
            while !self.events.iter().any(|event| matches!(event, Event::Ended(_))) {
                if let Some(mut bytes) = self.up.pop_front() {
                    self.serve(Input::Datagram { path: ServerPath::Udp(OURS), bytes: &mut bytes });
                } else if let Some(bytes) = self.down.pop_front() {
                    let event = self.hear(Some(bytes));
                    self.events.push(event);
                } else {
                    let next = self.wake.min(self.listener.deadline());
                    if next > end {
                        break;
                    }
                    self.now = self.now.max(next) + ms(1);
                    let event = self.hear(None);
                    self.events.push(event);
                    self.serve(Input::Timeout);
                }
            }
            self.now = self.now.max(end);
        }

        fn says(&mut self, packets: u64) {
            for _ in 0..packets {
                self.frames += 1;
                let frame = Frame {
                    room: ROOM,
                    talker: TalkerNo(1),
                    slot: 0,
                    dominant: true,
                    seq: 1 << 32 | self.frames,
                    time: 960 * self.frames,
                    level: 20,
                    arrived: self.now,
                    payload: [0x78, 1, 2, 3].into(),
                };
                self.serve(Input::Frame(Arc::new(frame)));
                self.run(ms(20));
            }
        }

        fn count(&mut self, event: Event) -> usize {
            self.events.iter().filter(|one| **one == event).count()
        }

        fn counts(&mut self) -> Counts {
            let (now, mut counts) = (self.now, Counts::default());
            self.listener.hearing().add_to(now, &mut counts);
            counts
        }
    }

    #[test]
    fn it_connects_to_the_servers_engine_and_counts_packets() {
        let mut world = World::new();
        world.listener.hearing().mark(world.now);
        world.run(ms(500));
        assert_eq!((world.count(Event::Connected), world.count(Event::Packet)), (1, 0));
        world.says(50);
        assert_eq!(world.count(Event::Packet), 50);
        let mut n = 0;
        world.lose = Box::new(move |up, bytes| {
            n += u32::from(!up && bytes[0] >> 6 == 2 && bytes[1] & 0x7f == 111);
            !up && n == 5
        });
        world.says(10);
        let counts = world.counts();
        assert_eq!((counts.expected, counts.received, counts.forged), (60, 59, 0));
        assert_eq!((counts.heard, counts.starved), (1, 0));
        assert!(world.listener.handshake.is_some());
        // The engine goes, sound stays, and consent is renewed for as long as the server answers.
        world.run(Duration::from_secs(60));
        assert!(world.listener.handshake.is_none());
        world.says(5);
        assert_eq!(world.counts().received, 64);
        assert_eq!(world.count(Event::Connected), 1);
    }

    #[test]
    fn what_is_not_the_servers_is_not_counted() {
        let mut world = World::new();
        world.run(ms(500));
        world.listener.hearing().mark(world.now);
        world.says(3);
        let sound = world.last.clone();
        let mut forged = 0;
        // Every byte matters, but for the first and second: they make it something else than sound.
        for at in 2..sound.len() {
            let mut changed = sound.clone();
            changed[at] ^= 1;
            assert_eq!(world.hear(Some(changed)), Event::Nothing, "byte {at}");
            forged += 1;
        }
        for cut in 1..sound.len() {
            assert_eq!(world.hear(Some(sound[..cut].to_vec())), Event::Nothing, "cut to {cut}");
            forged += 1;
        }
        for garbage in [&[][..], &[0], &[22; 100], &[1; 20], &[255; 50], &[0x80, 200, 0, 1, 0, 0, 0, 9]] {
            assert_eq!(world.hear(Some(garbage.to_vec())), Event::Nothing);
        }
        let counts = world.counts();
        assert_eq!((counts.received, counts.forged), (3, forged));
        assert_eq!(world.hear(Some(sound)), Event::Packet);
        assert_eq!(world.counts().duplicates, 1);
    }

    #[test]
    fn the_loss_of_any_one_datagram_is_survived() {
        for (up, n) in (0..12).map(|n| (n % 2 == 0, n / 2)) {
            let mut world = World::new();
            let mut count = 0;
            world.lose = Box::new(move |upwards, _| {
                count += u32::from(upwards == up);
                upwards == up && count == n + 1
            });
            world.run(Duration::from_secs(10));
            assert_eq!(world.count(Event::Connected), 1, "up: {up}, datagram {n}");
            world.lose = Box::new(|_, _| false);
            world.says(5);
            assert_eq!(world.count(Event::Packet), 5, "up: {up}, datagram {n}");
        }
    }

    #[test]
    fn another_certificate_than_the_answers_ends_the_leg() {
        let mut world = World::with_fingerprint(Some([7; 32]));
        world.run(Duration::from_secs(1));
        let why = "the server's certificate is not the one in its answer";
        assert_eq!((world.count(Event::Ended(why)), world.count(Event::Connected)), (1, 0));
    }

    #[test]
    fn a_server_that_is_silent_ends_the_leg() {
        let mut world = World::new();
        world.lose = Box::new(|up, _| up);
        world.run(CONNECT_LIMIT + ms(10));
        assert_eq!(world.count(Event::Ended("ICE and DTLS took too long")), 1);
        let mut world = World::new();
        world.run(CONNECT_LIMIT + SOUND_LIMIT);
        assert_eq!(world.count(Event::Ended("no packet came")), 1);
        let mut world = World::new();
        world.run(ms(500));
        world.says(1);
        world.run(Duration::from_secs(100));
        assert!(world.count(Event::Nothing) > 0 && world.events.iter().all(|event| !matches!(event, Event::Ended(_))));
        world.lose = Box::new(|_, _| true);
        world.run(CONSENT_LIMIT + 2 * CONSENT_EVERY);
        assert_eq!(world.count(Event::Ended("the server answers no checks any more")), 1);
    }

    #[test]
    fn answers_that_lack_something_are_refused() {
        let whole = "v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=setup:passive\r\na=ssrc:7 cname:c\r\n\
             a=candidate:1 1 udp 1 10.0.0.1 5000 typ host\r\na=fingerprint:sha-256 ";
        let whole = format!("{whole}{}\r\n", ["0A"; 32].join(":"));
        let answer = Answer::parse(&whole).unwrap();
        assert_eq!(
            (answer.server, answer.ssrcs, answer.fingerprint),
            ("10.0.0.1:5000".parse().unwrap(), vec![7], [10; 32])
        );
        for line in ["a=ice-ufrag:u", "a=ice-pwd:p", "a=setup:passive", "a=candidate:", "a=fingerprint:sha-256 ", "0A:"]
        {
            assert!(Answer::parse(&whole.replacen(line, "a=x", 1)).is_err(), "without {line}");
        }
        assert!(Answer::parse("").is_err());
    }
}
