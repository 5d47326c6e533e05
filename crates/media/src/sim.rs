//! A shard between simulated clients, on a simulated network, in virtual time. The clients are whole str0m instances, so
//! that what is tested is what another implementation understands.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use roomtone_room::ids::{RoomId, TalkerNo};
use str0m::config::DtlsVersion;
use str0m::format::{Codec, FormatParams};
use str0m::ice::IceCreds;
use str0m::media::{Frequency, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionMap, ExtensionValues, RtpWrite, Ssrc};
use str0m::{Candidate, Event, Input as RtcInput, Output as RtcOutput, Rtc};

use crate::frame::{Frame, SLOTS};
use crate::identity::Identity;
use crate::leg::{Fingerprint, IceCredentials, LegId, Path, StreamId};
use crate::rtp::{self, PacketKind};
use crate::shard::{Grant, Input, LegEvent, ListenSetup, ListenSlot, Output, PublishSetup, Shard, ShardConfig};

mod driving;
mod hostile;
mod network;
mod sound;
mod tiers;
mod transport;

pub(crate) const ROOM: RoomId = RoomId(7);
const OPUS: u8 = 111;
const RED: u8 = 63;
const LEVEL_EXT: u8 = 1;
/// One packet of speech.
pub(crate) const FRAME: Duration = Duration::from_millis(20);

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One certificate for all tests: making one takes longer than most of them.
pub(crate) fn identity() -> Arc<Identity> {
    static IDENTITY: OnceLock<Arc<Identity>> = OnceLock::new();
    IDENTITY.get_or_init(|| Arc::new(Identity::generate().unwrap())).clone()
}

#[expect(clippy::disallowed_methods, reason = "virtual time needs some moment to start from; it then goes by itself")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A loud Opus packet of 20 ms that is told from all others.
pub(crate) fn speech(talker: u32, n: u64) -> Vec<u8> {
    let mut payload = vec![0x78];
    payload.extend_from_slice(&talker.to_be_bytes());
    payload.extend_from_slice(&n.to_be_bytes());
    payload.resize(80, 0x55);
    payload
}

/// What the network does to packets in both directions, by a seeded generator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) delay: Duration,
    /// Up to this much more, so that packets overtake each other.
    pub(crate) jitter: Duration,
    /// Lost of a thousand.
    pub(crate) loss: u64,
    /// Doubled of a thousand.
    pub(crate) twice: u64,
}

pub(crate) const PERFECT: Link = Link { delay: Duration::from_millis(5), jitter: Duration::ZERO, loss: 0, twice: 0 };

/// One RTP packet that a client received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) at: Instant,
    pub(crate) slot: usize,
    pub(crate) seq: u64,
    pub(crate) time: u64,
    pub(crate) marker: bool,
    pub(crate) talker: u32,
    pub(crate) level: Option<i8>,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Client {
    pub(crate) leg: LegId,
    pub(crate) talker: u32,
    rtc: Rtc,
    inside: SocketAddr,
    /// The path that the server sees; changes when the network does.
    pub(crate) outside: Path,
    ssrcs: Vec<Ssrc>,
    wake: Instant,
    pub(crate) connected: bool,
    pub(crate) got: Vec<Got>,
    /// Sequence number and media time of the next packet spoken.
    pub(crate) seq: u64,
    pub(crate) time: u64,
    /// The last payloads spoken, newest first, for redundancy.
    spoken: Vec<Vec<u8>>,
    pub(crate) red: bool,
    /// Which of the `ssrcs` a speaker sends.
    stream: usize,
    local: IceCredentials,
}

enum Packet {
    ToServer(Path, Vec<u8>),
    ToClient(Path, Vec<u8>),
}

/// A packet that the shard has sent, with the moment.
pub(crate) type Tap = (Instant, Path, Vec<u8>, Option<Instant>);

/// Decides over a packet whether it is lost.
type Lose = Box<dyn FnMut(&[u8]) -> bool>;

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) shard: Shard,
    pub(crate) clients: Vec<Client>,
    pub(crate) link: Link,
    /// What clients speak from now on.
    pub(crate) version: DtlsVersion,
    net: BTreeMap<(Instant, u64), Packet>,
    sent: u64,
    random: u64,
    wake: Instant,
    /// How many things are taken out of the shard before it has to wait for [`World::BREAK`]; 0 for all.
    pub(crate) patience: usize,
    cut: Option<Path>,
    pub(crate) events: Vec<(LegId, LegEvent)>,
    pub(crate) frames: Vec<Arc<Frame>>,
    pub(crate) tap: Vec<Tap>,
    /// Whether listeners who are added understand redundancy.
    pub(crate) repeats: bool,
    /// Loses the next packets of the shard's for which it says so.
    pub(crate) lose: Lose,
    /// The same for packets of the clients.
    pub(crate) lose_up: Lose,
}

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 5000);

impl World {
    const BREAK: Duration = Duration::from_micros(500);

    pub(crate) fn new(seed: u64) -> Self {
        let now = start();
        let config = ShardConfig { identity: identity(), started: now, unix_millis: 1_795_348_800_000, max_legs: 64 };
        Self {
            now,
            shard: Shard::new(config),
            clients: Vec::new(),
            link: PERFECT,
            version: DtlsVersion::Auto,
            net: BTreeMap::new(),
            sent: 0,
            random: seed.wrapping_mul(2).wrapping_add(1),
            wake: now,
            patience: 0,
            cut: None,
            events: Vec::new(),
            frames: Vec::new(),
            tap: Vec::new(),
            repeats: false,
            lose: Box::new(|_| false),
            lose_up: Box::new(|_| false),
        }
    }

    /// A world with speakers 1 to `talkers`, all granted, and one listener with the number 100, all connected.
    pub(crate) fn with_talkers(seed: u64, talkers: u32) -> (Self, usize) {
        let mut world = Self::new(seed);
        for talker in 1..=talkers {
            world.add_speaker(talker);
        }
        let listener = world.add_listener(100, SLOTS, [1000, 2000, 3000]);
        let all: Vec<u32> = (1..=talkers).collect();
        world.grant(1, Duration::from_secs(3600), &all);
        world.run(ms(500));
        assert!(world.clients.iter().all(|client| client.connected), "everybody connects");
        (world, listener)
    }

    pub(crate) fn grant(&mut self, epoch: u64, lasting: Duration, talkers: &[u32]) {
        let talkers = talkers.iter().map(|no| TalkerNo(*no)).collect();
        self.input(Input::Grant(Grant { room: ROOM, epoch, until: self.now + lasting, talkers }));
    }

    pub(crate) fn add_speaker(&mut self, talker: u32) -> usize {
        let (mut client, remote) = self.client(talker);
        let mid = Mid::from("0");
        let ssrc = Ssrc::from(0xA000 + talker);
        let mut api = client.rtc.direct_api();
        api.declare_media(mid, MediaKind::Audio);
        api.declare_stream_tx(ssrc, None, mid, None);
        client.ssrcs.push(ssrc);
        self.input(Input::AddPublish(Box::new(PublishSetup {
            leg: client.leg,
            room: ROOM,
            talker: TalkerNo(talker),
            local: client.local.clone(),
            remote,
            fingerprint: identity().fingerprint(),
            opus: OPUS,
            red: Some(RED),
            level_ext: Some(LEVEL_EXT),
            // Some offers name the stream.
            ssrc: talker.is_multiple_of(2).then_some(*ssrc),
        })));
        self.join(client)
    }

    pub(crate) fn add_listener(&mut self, talker: u32, slots: usize, seqs: [u16; SLOTS]) -> usize {
        let (mut client, remote) = self.client(talker);
        let mut lines = Vec::new();
        for slot in 0..slots {
            let mid = Mid::from(["0", "1", "2"][slot]);
            let ssrc = 0xB000 + talker * 16 + slot as u32;
            let mut api = client.rtc.direct_api();
            api.declare_media(mid, MediaKind::Audio);
            api.expect_stream_rx(ssrc.into(), None, mid, None);
            client.ssrcs.push(ssrc.into());
            let (seq, time) = (seqs[slot], 7_000_000 + slot as u32);
            lines.push(ListenSlot {
                payload_type: OPUS,
                red: self.repeats.then_some(RED),
                level_ext: Some(LEVEL_EXT),
                nack: true,
                ssrc,
                seq,
                time,
            });
        }
        self.input(Input::AddListen(Box::new(ListenSetup {
            leg: client.leg,
            room: ROOM,
            talker: TalkerNo(talker),
            local: client.local.clone(),
            remote,
            fingerprint: identity().fingerprint(),
            slots: lines,
            cname: "a-cname".into(),
        })));
        self.join(client)
    }

    /// A str0m client that is about to connect, and its ICE credentials.
    fn client(&self, talker: u32) -> (Client, IceCredentials) {
        let n = self.clients.len() as u32;
        let inside = SocketAddr::from(([10, 1, (n >> 8) as u8, n as u8], 4000));
        let creds = |side: &str| IceCredentials {
            ufrag: format!("{side}{n:04}"),
            pwd: format!("{side}-password-of-client-{n:04}"),
        };
        let (local, remote) = (creds("srv"), creds("cli"));
        let mut extensions = ExtensionMap::empty();
        extensions.set(LEVEL_EXT, Extension::AudioLevel);
        let mut config = identity()
            .rtc_config()
            .set_rtp_mode(true)
            .set_dtls_version(self.version)
            .set_local_ice_credentials(str0m_creds(&remote))
            .set_extension_map(extensions)
            .clear_codecs();
        for pt in [OPUS, RED] {
            let (clock, format) = (Frequency::FORTY_EIGHT_KHZ, FormatParams::default());
            config.codec_config().add_config(pt.into(), None, Codec::Opus, clock, Some(2), format);
        }
        let mut rtc = config.build(self.now);
        rtc.add_local_candidate(Candidate::host(inside, "udp").unwrap());
        rtc.add_remote_candidate(Candidate::host(SERVER, "udp").unwrap());
        let Fingerprint(bytes) = identity().fingerprint();
        let mut api = rtc.direct_api();
        api.set_ice_controlling(true);
        api.set_remote_ice_credentials(str0m_creds(&local));
        api.set_remote_fingerprint(str0m::config::Fingerprint { hash_func: "sha-256".into(), bytes: bytes.into() });
        api.start_dtls(true).unwrap();
        let client = Client {
            leg: LegId(0x1_0000_0000 * u128::from(n + 1) + 0xFFFF_FF00 + u128::from(n)),
            talker,
            rtc,
            inside,
            outside: Path::Udp(inside),
            ssrcs: Vec::new(),
            wake: self.now,
            connected: false,
            got: Vec::new(),
            seq: 100,
            time: 50_000,
            spoken: Vec::new(),
            red: false,
            stream: 0,
            local,
        };
        (client, remote)
    }

    fn join(&mut self, client: Client) -> usize {
        self.clients.push(client);
        let index = self.clients.len() - 1;
        self.client_input(index, None);
        index
    }

    /// Hands something to the shard and takes out what it has to say, or a part of it.
    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.shard.handle(self.now, input);
        for taken in 1.. {
            match self.shard.poll(self.now) {
                Output::Transmit { to, bytes, arrived } => {
                    let bytes = bytes.to_vec();
                    self.tap.push((self.now, to, bytes.clone(), arrived));
                    if !(self.lose)(&bytes) {
                        self.send(Packet::ToClient(to, bytes));
                    }
                }
                Output::Frame(frame) => self.frames.push(frame),
                Output::Leg { leg, room, event } => {
                    assert_eq!(room, ROOM);
                    self.events.push((leg, event));
                }
                Output::Timeout(at) => {
                    assert!(taken < 1_000_000, "that would never end");
                    if at > self.now {
                        self.wake = at;
                        break;
                    }
                }
            }
            if taken == self.patience {
                self.wake = self.now + Self::BREAK;
                break;
            }
        }
    }

    /// A datagram from anywhere, straight into the shard. Returns whether it got any answer.
    pub(crate) fn inject(&mut self, path: Path, bytes: &[u8]) -> bool {
        let before = self.tap.len();
        self.input(Input::Datagram { path, bytes: &mut bytes.to_vec() });
        self.tap.len() > before
    }

    /// Lets a client say one packet of 20 ms with a claimed level.
    pub(crate) fn say(&mut self, client: usize, payload: Vec<u8>, level: i8) {
        let speaker = &mut self.clients[client];
        let ext = ExtensionValues { audio_level: Some(level), voice_activity: Some(true), ..Default::default() };
        let (pt, body) = if speaker.red { (RED, speaker.redundant(&payload)) } else { (OPUS, payload.clone()) };
        let (seq, time) = (speaker.seq, speaker.time as u32);
        let write = RtpWrite::new(pt.into(), seq.into(), time, self.now, body).ext_vals(ext);
        let ssrc = speaker.ssrcs[speaker.stream];
        speaker.rtc.direct_api().stream_tx(&ssrc).unwrap().write_rtp(write);
        speaker.spoken.insert(0, payload);
        speaker.spoken.truncate(4);
        speaker.seq += 1;
        speaker.time += 960;
        self.client_input(client, None);
    }

    /// Lets a speaker begin another stream, as an encoder that was restarted does.
    pub(crate) fn change_stream(&mut self, client: usize) {
        let speaker = &mut self.clients[client];
        speaker.stream = speaker.ssrcs.len();
        let ssrc = Ssrc::from(0xC000 + speaker.stream as u32);
        speaker.ssrcs.push(ssrc);
        let mut api = speaker.rtc.direct_api();
        api.remove_stream_tx(speaker.ssrcs[speaker.stream - 1]);
        api.declare_stream_tx(ssrc, None, Mid::from("0"), None);
        (speaker.seq, speaker.time) = (60_000, 4_000_000_000);
        self.client_input(client, None);
    }

    /// All of `clients` speak, loudly, for a while, 20 ms each packet; the n-th packet of a speaker carries its number.
    pub(crate) fn talk(&mut self, clients: &[usize], packets: u64) {
        for _ in 0..packets {
            for &client in clients {
                let payload = speech(self.clients[client].talker, self.clients[client].seq);
                self.say(client, payload, -20);
            }
            self.run(FRAME);
        }
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, duration: Duration) {
        let until = self.now + duration;
        loop {
            let client = (0..self.clients.len()).min_by_key(|i| self.clients[*i].wake);
            let client_at = client.map_or(until, |i| self.clients[i].wake);
            let net_at = self.net.keys().next().map_or(until, |(at, _)| *at);
            let at = client_at.min(net_at).min(self.wake);
            if at >= until {
                break;
            }
            self.now = self.now.max(at);
            if net_at == at {
                let (_, packet) = self.net.pop_first().unwrap();
                self.arrive(packet);
            } else if self.wake == at {
                self.input(Input::Timeout);
            } else {
                self.client_input(client.unwrap(), None);
            }
        }
        self.now = until;
    }

    fn arrive(&mut self, packet: Packet) {
        match packet {
            Packet::ToServer(path, _) if self.cut == Some(path) => {}
            Packet::ToServer(path, mut bytes) => self.input(Input::Datagram { path, bytes: &mut bytes }),
            Packet::ToClient(path, bytes) => {
                if let Some(client) = self.clients.iter().position(|client| client.outside == path) {
                    self.client_input(client, Some(&bytes));
                }
            }
        }
    }

    fn send(&mut self, packet: Packet) {
        if self.dice(1000) < self.link.loss {
            return;
        }
        let copies = if self.dice(1000) < self.link.twice { 2 } else { 1 };
        let (to_server, path, bytes) = match packet {
            Packet::ToServer(path, bytes) => (true, path, bytes),
            Packet::ToClient(path, bytes) => (false, path, bytes),
        };
        for _ in 0..copies {
            let jitter = self.link.jitter.as_micros() as u64;
            let at = self.now + self.link.delay + Duration::from_micros(self.dice(jitter + 1));
            self.sent += 1;
            let make = if to_server { Packet::ToServer } else { Packet::ToClient };
            self.net.insert((at, self.sent), make(path, bytes.clone()));
        }
    }

    /// From now on, what a client sends from `path` is lost.
    pub(crate) fn net_drop(&mut self, path: Path) {
        self.cut = Some(path);
    }

    /// Loses everything that is under way.
    pub(crate) fn net_clear(&mut self) {
        self.net.clear();
    }

    /// splitmix64, below `n`.
    fn dice(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ z >> 31) % n
    }

    fn client_input(&mut self, index: usize, bytes: Option<&[u8]>) {
        let now = self.now;
        let client = &mut self.clients[index];
        let receive = bytes.map(|bytes| Receive::new(Protocol::Udp, SERVER, client.inside, bytes));
        let input = match receive {
            Some(Ok(receive)) => RtcInput::Receive(now, receive),
            Some(Err(_)) => panic!("the shard sent what a client cannot take apart"),
            None => RtcInput::Timeout(now),
        };
        // A client that gives up is as good as gone: what that means is up to the tests.
        let _ = client.rtc.handle_input(input);
        let mut out = Vec::new();
        loop {
            match client.rtc.poll_output().unwrap_or(RtcOutput::Timeout(now + Duration::from_secs(3600))) {
                RtcOutput::Timeout(at) => {
                    client.wake = at.max(now + ms(1));
                    break;
                }
                RtcOutput::Transmit(packet) => out.push(Packet::ToServer(client.outside, packet.contents.to_vec())),
                RtcOutput::Event(Event::Connected) => client.connected = true,
                RtcOutput::Event(Event::RtpPacket(packet)) => client.got.push(Got {
                    at: now,
                    slot: client.ssrcs.iter().position(|ssrc| *ssrc == packet.header.ssrc).unwrap(),
                    seq: *packet.seq_no,
                    time: packet.time.numer(),
                    marker: packet.header.marker,
                    talker: if packet.header.csrc_count == 1 { packet.header.csrc[0] } else { 0 },
                    level: packet.header.ext_vals.audio_level,
                    payload: packet.payload.to_vec(),
                }),
                RtcOutput::Event(_) => {}
            }
        }
        for packet in out {
            if !matches!(&packet, Packet::ToServer(_, bytes) if (self.lose_up)(bytes)) {
                self.send(packet);
            }
        }
    }
}

impl Client {
    /// The payload wrapped as RED with up to two former ones (RFC 2198, section 3).
    fn redundant(&self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let former: Vec<_> = self.spoken.iter().take(2).enumerate().rev().collect();
        for (age, block) in &former {
            let offset = 960 * (*age as u32 + 1);
            let word = 0x8000_0000 | u32::from(OPUS) << 24 | offset << 10 | block.len() as u32;
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.push(OPUS);
        former.iter().for_each(|(_, block)| out.extend_from_slice(block));
        out.extend_from_slice(payload);
        out
    }

    /// What was heard in one slot, in the order of sequence numbers.
    pub(crate) fn slot(&self, slot: usize) -> Vec<Got> {
        let mut got: Vec<Got> = self.got.iter().filter(|got| got.slot == slot).cloned().collect();
        got.sort_by_key(|got| got.seq);
        got
    }

    /// The numbers of the packets of one talker that were heard, sorted.
    pub(crate) fn heard(&self, talker: u32) -> Vec<u64> {
        let of = |got: &&Got| got.talker == talker;
        let mut numbers: Vec<u64> = self.got.iter().filter(of).map(|got| number_of(talker, &got.payload)).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// The number in a payload of [`speech`], which must be that talker's, byte for byte.
fn number_of(talker: u32, payload: &[u8]) -> u64 {
    let number = u64::from_be_bytes(payload[5..13].try_into().unwrap());
    assert_eq!(payload, speech(talker, number), "payload of talker {talker}");
    number
}

fn str0m_creds(creds: &IceCredentials) -> IceCreds {
    IceCreds { ufrag: creds.ufrag.clone(), pass: creds.pwd.clone() }
}

/// Whether a packet of the shard's is media.
pub(crate) fn is_media(bytes: &[u8]) -> bool {
    rtp::kind(bytes) == PacketKind::Rtp
}

pub(crate) fn tcp(n: u64, addr: SocketAddr) -> Path {
    Path::Tcp { stream: StreamId(n), addr }
}
