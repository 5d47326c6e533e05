//! A speaker's incoming leg: str0m for DTLS, SRTP and RTCP; ICE-lite and RED (RFC 2198) are ours.
//!
//! str0m never sees an address. It is handed each authenticated STUN check as coming from one made-up peer, which makes it
//! believe in one path that never changes; what it sends goes to the path that our own ICE agent has selected. So both kinds
//! of leg follow the same rules for paths, over UDP and TCP alike.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomtone_room::ids::TalkerNo;
use str0m::format::{Codec, FormatParams};
use str0m::ice::IceCreds;
use str0m::media::{Frequency, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionMap, RtpPacket, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcError};

use crate::budget::Budget;
use crate::ice::Ice;
use crate::identity::Identity;
use crate::leg::{Fingerprint, LegId};
use crate::listen::PAYLOAD_MAX;
use crate::red::{self, Recovered, Recovery};
use crate::rtp::{self, PacketKind};
use crate::shard::{CONNECT_LIMIT, CONSENT_LIMIT, EndReason, Outbox, PublishSetup, Stats};
use crate::stage::opus_duration_samples;

/// Opus packets per second that one speaker may send, those that redundancy brings back included. Opus at 10 ms is 100;
/// more lets odd encoders in, fewer cuts them.
pub const PACKETS_PER_SECOND: u32 = 150;

/// Bytes per second that one speaker may send: 510 kbit/s, the most that Opus does (RFC 6716, section 2.1.1).
pub const BYTES_PER_SECOND: u32 = 510_000 / 8;

/// Streams that one leg may send, one after another. An encoder that is restarted begins another, so more serves devices that are
/// plugged in and out; each leaves a hundred bytes behind until the leg ends.
pub const STREAMS_MAX: usize = 64;

/// The address that str0m believes to be its own (TEST-NET-1, RFC 5737).
const OURS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// The address that str0m believes to be the peer's.
const THEIRS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 9);

/// Added to str0m's extended numbers, which begin near zero, so that what came before the first packet has a number too.
const SEQ_BASE: u64 = 1 << 16;
const TIME_BASE: u64 = 1 << 32;

/// One Opus packet of the speaker, authenticated and seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voice {
    /// The packet's extended sequence number, within its stream.
    pub(crate) seq: u64,
    /// Extended media time in samples of 48 kHz.
    pub(crate) time: u64,
    /// One Opus packet.
    pub(crate) payload: Arc<[u8]>,
}

/// What came in one RTP packet: those that its redundancy brought back, oldest first, and last its own.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    pub(crate) list: Vec<Voice>,
    /// The level claimed for the last (RFC 6464).
    pub(crate) claimed: Option<u8>,
    /// Opus packets that were too many.
    pub(crate) limited: u64,
}

/// One publish leg.
pub(crate) struct Publish {
    pub(crate) ice: Ice,
    /// The speaker's number.
    pub(crate) talker: TalkerNo,
    rtc: Box<Rtc>,
    mid: Mid,
    opus: u8,
    red: Option<u8>,
    /// The stream that is listened to.
    ssrc: Option<Ssrc>,
    /// The stream of the last packet that authenticated, and the one that [`Publish::new_stream`] has told.
    proven: Option<Ssrc>,
    told: Option<Ssrc>,
    /// What is tried of what comes from elsewhere than the leg's paths.
    strays: Budget,
    /// Those that have authenticated so far, at most [`STREAMS_MAX`].
    streams: Vec<Ssrc>,
    recovery: Recovery,
    /// Names the stretch of packets that is being forwarded: the upper half of [`crate::frame::Frame::seq`].
    stretch: u32,
    /// The slot of the last packet that was forwarded; `None` if the last one was kept back.
    slot: Option<u8>,
    packets: Budget,
    bytes: Budget,
    created: Instant,
    connected: bool,
    /// str0m's own next timeout.
    deadline: Instant,
}

impl Publish {
    /// A leg that waits for its peer's first check. `None`: values out of range.
    pub(crate) fn new(now: Instant, setup: &PublishSetup, identity: &Identity) -> Option<Self> {
        let valid = setup.opus < 128
            && setup.red.is_none_or(|pt| pt < 128 && pt != setup.opus)
            && setup.level_ext.is_none_or(|id| (1..=14).contains(&id));
        if !valid {
            return None;
        }
        let mut extensions = ExtensionMap::empty();
        if let Some(id) = setup.level_ext {
            extensions.set(id, Extension::AudioLevel);
        }
        let creds = |c: &crate::leg::IceCredentials| IceCreds { ufrag: c.ufrag.clone(), pass: c.pwd.clone() };
        let mut config = identity
            .rtc_config()
            .set_local_ice_credentials(creds(&setup.local))
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_extension_map(extensions)
            .clear_codecs();
        // RED is declared as a second payload type of Opus: in RTP mode its payload comes through as it is.
        for pt in std::iter::once(setup.opus).chain(setup.red) {
            let (clock, format) = (Frequency::FORTY_EIGHT_KHZ, FormatParams::default());
            config.codec_config().add_config(pt.into(), None, Codec::Opus, clock, Some(2), format);
        }
        let mut rtc = Box::new(config.build(now));
        rtc.add_local_candidate(Candidate::host(OURS, "udp").ok()?);
        let mid = Mid::from("0");
        let mut api = rtc.direct_api();
        api.set_remote_ice_credentials(creds(&setup.remote));
        api.set_remote_fingerprint(remote_fingerprint(setup.fingerprint));
        api.start_dtls(false).ok()?;
        api.declare_media(mid, MediaKind::Audio);
        let ssrc = setup.ssrc.map(Ssrc::from);
        if let Some(ssrc) = ssrc {
            api.expect_stream_rx(ssrc, None, mid, None).suppress_nack(true);
        }
        Some(Self {
            ice: Ice::new(now, setup.local.clone(), &setup.remote),
            talker: setup.talker,
            rtc,
            mid,
            opus: setup.opus,
            red: setup.red,
            ssrc,
            proven: None,
            told: None,
            strays: Budget::new(now, PACKETS_PER_SECOND),
            streams: Vec::new(),
            recovery: Recovery::default(),
            stretch: first_stretch(setup.leg),
            slot: None,
            packets: Budget::new(now, PACKETS_PER_SECOND),
            bytes: Budget::new(now, BYTES_PER_SECOND),
            created: now,
            connected: false,
            deadline: now,
        })
    }

    /// Shows str0m a STUN check that [`Ice::check`] has found valid. `Ok(true)`: the leg is connected now, and was not
    /// before.
    pub(crate) fn checked(&mut self, now: Instant, bytes: &[u8], out: &mut Outbox) -> Result<bool, EndReason> {
        let mut none = Voices::default();
        self.feed(now, bytes, out, &mut none)
    }

    /// A DTLS, RTP or RTCP datagram from one of the leg's own paths. What it brings is left in `voices`.
    pub(crate) fn datagram(
        &mut self,
        now: Instant,
        bytes: &[u8],
        stats: &mut Stats,
        out: &mut Outbox,
        voices: &mut Voices,
    ) -> Result<bool, EndReason> {
        if rtp::kind(bytes) != PacketKind::Rtp {
            return self.feed(now, bytes, out, voices);
        }
        let Some(ssrc) = ssrc_of(bytes).map(Ssrc::from).filter(|_| self.connected) else {
            stats.srtp_rejected += 1;
            return Ok(false);
        };
        let connected = if self.ssrc == Some(ssrc) {
            self.feed(now, bytes, out, voices)?
        } else if self.streams.len() < STREAMS_MAX || self.streams.contains(&ssrc) {
            self.try_stream(now, ssrc, bytes, out, voices)?
        } else {
            false
        };
        let limited = std::mem::take(&mut voices.limited);
        stats.rate_limited += limited;
        if voices.list.is_empty() && limited == 0 {
            stats.srtp_rejected += 1;
        }
        Ok(connected)
    }

    /// The stream that is listened to and has authenticated, if it is another than when this was last called.
    pub(crate) fn new_stream(&mut self) -> Option<u32> {
        let news = self.proven != self.told;
        self.told = self.proven;
        self.stream().filter(|_| news)
    }

    /// The stream that [`Publish::new_stream`] has told last.
    pub(crate) fn stream(&self) -> Option<u32> {
        self.told.map(|ssrc| *ssrc)
    }

    /// Whether a packet of the stream is to be tried that comes from none of the leg's paths.
    pub(crate) fn tries_stray(&mut self, now: Instant) -> bool {
        self.connected && self.strays.take(now, 1)
    }

    /// What is due at `now`. `Ok(true)` as for [`Publish::checked`].
    pub(crate) fn timeout(&mut self, now: Instant, out: &mut Outbox) -> Result<bool, EndReason> {
        if now >= self.ice.heard() + CONSENT_LIMIT {
            return Err(if self.connected { EndReason::ConsentLost } else { EndReason::NotConnected });
        }
        if !self.connected && now >= self.created + CONNECT_LIMIT {
            return Err(EndReason::NotConnected);
        }
        if now < self.deadline {
            return Ok(false);
        }
        self.rtc.handle_input(Input::Timeout(now)).map_err(|error| reason_of(&error))?;
        self.drain(now, out, &mut Voices::default())
    }

    /// When [`Publish::timeout`] has something to do next.
    pub(crate) fn deadline(&self) -> Instant {
        let consent = self.ice.heard() + CONSENT_LIMIT;
        let connect = if self.connected { consent } else { self.created + CONNECT_LIMIT };
        self.deadline.min(consent).min(connect)
    }

    /// The frame number of a packet that is forwarded in `slot`. Begins a new stretch if the one before was kept back or
    /// went to another slot.
    pub(crate) fn forwarded(&mut self, slot: u8) -> u64 {
        if self.slot != Some(slot) {
            self.stretch = self.stretch.wrapping_add(1);
            self.slot = Some(slot);
        }
        u64::from(self.stretch) << 32
    }

    /// Says that a packet was kept back.
    pub(crate) fn withheld(&mut self) {
        self.slot = None;
    }

    /// A packet of a stream that str0m does not know yet. Unless it authenticates it leaves no trace, and what str0m would
    /// have sent for it (a first receiver report) is dropped.
    fn try_stream(
        &mut self,
        now: Instant,
        ssrc: Ssrc,
        bytes: &[u8],
        out: &mut Outbox,
        voices: &mut Voices,
    ) -> Result<bool, EndReason> {
        let mut held = Outbox::default();
        self.rtc.direct_api().expect_stream_rx(ssrc, None, self.mid, None).suppress_nack(true);
        self.drain(now, &mut held, voices)?;
        let connected = self.feed(now, bytes, &mut held, voices)?;
        if self.ssrc == Some(ssrc) {
            out.append(held);
        } else {
            self.rtc.direct_api().remove_stream_rx(ssrc);
            self.drain(now, &mut held, voices)?;
        }
        Ok(connected)
    }

    fn feed(&mut self, now: Instant, bytes: &[u8], out: &mut Outbox, voices: &mut Voices) -> Result<bool, EndReason> {
        // What str0m cannot even take apart is dropped.
        let Ok(receive) = Receive::new(Protocol::Udp, THEIRS, OURS, bytes) else {
            return Ok(false);
        };
        match self.rtc.handle_input(Input::Receive(now, receive)) {
            Ok(()) => self.drain(now, out, voices),
            Err(error) => Err(reason_of(&error)),
        }
    }

    fn drain(&mut self, now: Instant, out: &mut Outbox, voices: &mut Voices) -> Result<bool, EndReason> {
        let mut connected = false;
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.deadline = at.max(now + Duration::from_millis(1));
                    break;
                }
                // Checks are answered by our own agent.
                Ok(Output::Transmit(packet)) if rtp::kind(&packet.contents) == PacketKind::Stun => {}
                Ok(Output::Transmit(packet)) => out.push(self.ice.selected(), &packet.contents),
                Ok(Output::Event(Event::Connected)) => connected = true,
                Ok(Output::Event(Event::Closed)) => return Err(EndReason::ClosedByPeer),
                Ok(Output::Event(Event::RtpPacket(packet))) => self.unpack(now, &packet, voices),
                Ok(Output::Event(_)) => {}
                Err(error) => return Err(reason_of(&error)),
            }
        }
        let first = connected && !self.connected;
        self.connected |= connected;
        if self.rtc.is_alive() { Ok(first) } else { Err(EndReason::ClosedByPeer) }
    }

    /// Takes an authentic packet apart. The speaker's budget is charged only here, since anybody can write a speaker's
    /// address on a packet.
    fn unpack(&mut self, now: Instant, packet: &RtpPacket, voices: &mut Voices) {
        if self.ssrc != Some(packet.header.ssrc) {
            // Another stream has authenticated: its numbers have nothing to do with those before.
            if let Some(former) = self.ssrc.replace(packet.header.ssrc) {
                self.rtc.direct_api().remove_stream_rx(former);
            }
            if !self.streams.contains(&packet.header.ssrc) {
                self.streams.push(packet.header.ssrc);
            }
            self.recovery = Recovery::default();
            self.slot = None;
        }
        self.proven = self.ssrc;
        let seq = SEQ_BASE + *packet.seq_no;
        let time = TIME_BASE + packet.time.numer();
        voices.claimed = packet.header.ext_vals.audio_level.map(|level| level.unsigned_abs().min(127));
        let (packets, bytes) = (&mut self.packets, &mut self.bytes);
        let mut keep = |found: Recovered<'_>| {
            let len = found.payload.len();
            if len > PAYLOAD_MAX || opus_duration_samples(found.payload).is_none() {
                return;
            }
            if packets.take(now, 1) && bytes.take(now, len as u32) {
                voices.list.push(Voice { seq: found.seq, time: found.time, payload: found.payload.into() });
            } else {
                voices.limited += 1;
            }
        };
        let payload_type = *packet.header.payload_type;
        if payload_type == self.opus {
            self.recovery.plain(seq, time, &packet.payload).into_iter().for_each(&mut keep);
        } else if Some(payload_type) == self.red
            && let Some(red) = red::unpack(&packet.payload)
            && red.pt == self.opus
        {
            self.recovery.red(seq, time, &red).for_each(&mut keep);
        }
    }
}

/// Where a leg begins to count its stretches: random, because the id of the leg is, so that two legs of one speaker are
/// not taken for one stream.
fn first_stretch(leg: LegId) -> u32 {
    leg.0 as u32
}

/// The source of an RTP packet, which encryption leaves readable (RFC 3550, section 5.1).
pub(crate) fn ssrc_of(packet: &[u8]) -> Option<u32> {
    let bytes = packet.get(8..12)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn remote_fingerprint(fingerprint: Fingerprint) -> str0m::config::Fingerprint {
    str0m::config::Fingerprint { hash_func: "sha-256".into(), bytes: fingerprint.0.into() }
}

fn reason_of(error: &RtcError) -> EndReason {
    match error {
        // The one thing that str0m reports so here is a fingerprint that does not fit.
        RtcError::RemoteSdp(_) => EndReason::WrongCertificate,
        _ => EndReason::HandshakeFailed,
    }
}
