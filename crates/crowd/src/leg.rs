//! Media legs of a bot: WHIP and WHEP clients on str0m, one UDP socket each.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Instant;

use str0m::change::SdpAnswer;
use str0m::config::DtlsCert;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionValues, RtpHeader, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;

use crate::api::Api;
use crate::voice::{FRAME_SAMPLES, VoiceFrame};
use crate::{Error, Result};

/// Voice slots of a listen leg: what browsers ask for.
pub const SLOTS: usize = 3;
/// Extension id of RFC 6464 levels in our offers.
const LEVEL_EXTENSION: u8 = 1;
/// Larger than any datagram of a voice leg.
const DATAGRAM_BYTES: usize = 2_048;

/// One certificate for all legs of the process: making one costs more than a handshake.
static CERTIFICATE: LazyLock<Option<DtlsCert>> =
    LazyLock::new(|| str0m::crypto::from_feature_flags().dtls_provider.generate_certificate());

/// What happened on a leg.
#[derive(Debug)]
pub enum LegEvent {
    /// ICE and DTLS are done: sound can flow.
    Connected,
    /// A packet arrived and passed SRTP.
    Heard(Box<RtpPacket>),
    /// The path to the server is gone.
    Disconnected,
}

/// A media leg. Drive it by awaiting [`Leg::next`] until it is no longer wanted.
pub struct Leg {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    remote: SocketAddr,
    /// Datagrams from elsewhere than `remote`.
    foreign: u64,
    buffer: Vec<u8>,
    /// What the last input gave rise to; emptied by [`Leg::next`] before it takes another input.
    events: VecDeque<LegEvent>,
    timeout: Instant,
    mid: Mid,
    payload_type: Pt,
    location: String,
    ice_user: String,
    next_frame: u64,
    /// The media time of the next frame, in frames since the first: ahead of `next_frame` by every silent one.
    time: u64,
    /// A packet ends a silence, or is the first (RFC 3551, section 4.1).
    marker: bool,
}

impl Leg {
    /// Opens a listen leg (WHEP) with `slots` voice slots.
    ///
    /// # Errors
    /// [`Error::Refused`] by the server, [`Error::Media`] for an answer that cannot be used, [`Error::Io`].
    pub async fn listen(api: &Api, room: &str, slots: usize) -> Result<Self> {
        Self::negotiate(api, &format!("/api/rooms/{room}/listen"), Direction::RecvOnly, slots).await
    }

    /// Opens a publish leg (WHIP).
    ///
    /// # Errors
    /// As [`Leg::listen`]; [`Error::Refused`] with `not_on_stage` or `muted_by_moderator`.
    pub async fn publish(api: &Api, room: &str) -> Result<Self> {
        Self::negotiate(api, &format!("/api/rooms/{room}/publish"), Direction::SendOnly, 1).await
    }

    async fn negotiate(api: &Api, path: &str, direction: Direction, lines: usize) -> Result<Self> {
        let media = |error: &dyn std::fmt::Display| Error::Media(error.to_string());
        let mut config = RtcConfig::new()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .clear_extension_map()
            .set_extension(LEVEL_EXTENSION, Extension::AudioLevel);
        if let Some(certificate) = CERTIFICATE.as_ref() {
            config = config.set_dtls_cert(certificate.clone());
        }
        let mut rtc = config.build(Instant::now());
        let mut change = rtc.sdp_api();
        let mids: Vec<Mid> =
            (0..lines).map(|_| change.add_media(MediaKind::Audio, direction, None, None, None)).collect();
        let (Some((offer, pending)), Some(&mid)) = (change.apply(), mids.first()) else {
            return Err(Error::Media("an offer needs at least one line".into()));
        };
        let (answer, location) = api.offer(path, offer.to_sdp_string()).await?;
        let remote = udp_candidate(&answer).ok_or_else(|| Error::Media("answer has no UDP candidate".into()))?;
        let ours = rtc.direct_api().local_ice_credentials().ufrag;
        let ice_user = format!("{}:{ours}", attribute(&answer, "ice-ufrag").unwrap_or_default());
        let socket = socket_towards(remote).await.map_err(|error| Error::io("UDP socket", error))?;
        let local = socket.local_addr().map_err(|error| Error::io("UDP socket", error))?;
        rtc.add_local_candidate(Candidate::host(local, "udp").map_err(|error| media(&error))?);
        let answer = SdpAnswer::from_sdp_string(&answer).map_err(|error| media(&error))?;
        rtc.sdp_api().accept_answer(pending, answer).map_err(|error| media(&error))?;
        let payload_type = rtc
            .media(mid)
            .and_then(|media| media.remote_pts().first().copied())
            .ok_or_else(|| Error::Media("answer refuses Opus".into()))?;
        let mut leg = Self {
            rtc,
            socket,
            local,
            remote,
            foreign: 0,
            buffer: vec![0; DATAGRAM_BYTES],
            events: VecDeque::new(),
            timeout: Instant::now(),
            mid,
            payload_type,
            location,
            ice_user,
            next_frame: 0,
            time: 0,
            marker: true,
        };
        leg.drain()?;
        Ok(leg)
    }

    /// The leg's path on the server, to be deleted when it is no longer wanted.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The user name of the leg's ICE checks, `THEIRS:OURS` (RFC 8445, section 7.2.2).
    pub fn ice_user(&self) -> &str {
        &self.ice_user
    }

    /// The address at which the leg receives.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Datagrams that came from anywhere else than the server, since this was asked last. They were dropped.
    pub fn take_foreign(&mut self) -> u64 {
        std::mem::take(&mut self.foreign)
    }

    /// Waits for the next event. Cancel-safe: nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`Error::Media`] when the media engine gives up on the leg; [`Error::Io`] from the socket.
    pub async fn next(&mut self) -> Result<LegEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let deadline = tokio::time::Instant::from_std(self.timeout);
            let received = tokio::select! {
                received = self.socket.recv_from(&mut self.buffer) => Some(received),
                () = tokio::time::sleep_until(deadline) => None,
            };
            let now = Instant::now();
            let input = match received {
                Some(Ok((_, source))) if source != self.remote => {
                    self.foreign += 1;
                    continue;
                }
                Some(Ok((length, source))) => {
                    match Receive::new(Protocol::Udp, source, self.local, &self.buffer[..length]) {
                        Ok(receive) => Input::Receive(now, receive),
                        // Not a packet of WebRTC: nothing to us.
                        Err(_) => continue,
                    }
                }
                Some(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Input::Timeout(now),
                Some(Err(error)) => return Err(Error::io("UDP socket", error)),
                None => Input::Timeout(now),
            };
            self.rtc.handle_input(input).map_err(|error| Error::Media(error.to_string()))?;
            self.drain()?;
        }
    }

    /// Sends the next frame: number, time and marker follow from what was sent and paused before.
    ///
    /// # Errors
    /// [`Error::Media`] when the leg does not send, or the media engine refuses.
    pub fn send(&mut self, frame: &VoiceFrame) -> Result<()> {
        let (index, payload_type) = (self.next_frame, self.payload_type);
        let levels = ExtensionValues {
            audio_level: Some(frame.level),
            voice_activity: Some(true),
            ..ExtensionValues::default()
        };
        let time = (self.time as u32).wrapping_mul(FRAME_SAMPLES as u32);
        let write = RtpWrite::new(payload_type, index.into(), time, Instant::now(), frame.payload.clone())
            .marker(self.marker)
            .ext_vals(levels);
        let mut direct = self.rtc.direct_api();
        let stream =
            direct.stream_tx_by_mid(self.mid, None).ok_or_else(|| Error::Media("this leg does not send".into()))?;
        stream.write_rtp(write);
        self.next_frame += 1;
        self.time += 1;
        self.marker = false;
        self.drain()
    }

    /// Lets the time of `frames` frames of 20 ms pass in silence: nothing is sent, as an encoder does between sentences
    /// (DTX, RFC 7587, section 3.1.3), and the next packet's time says how long it was.
    pub fn pause(&mut self, frames: u64) {
        self.time += frames;
        self.marker |= frames > 0;
    }

    /// Takes everything out of the media engine, as it demands after each change: datagrams go out at once (one that
    /// does not fit into the socket is lost, as on any network), events are kept for [`Leg::next`].
    fn drain(&mut self) -> Result<()> {
        loop {
            match self.rtc.poll_output().map_err(|error| Error::Media(error.to_string()))? {
                Output::Timeout(at) => {
                    self.timeout = at;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    let _lost_like_on_a_network = self.socket.try_send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(event) => {
                    let event = match event {
                        Event::Connected => LegEvent::Connected,
                        Event::RtpPacket(packet) => LegEvent::Heard(Box::new(packet)),
                        Event::IceConnectionStateChange(IceConnectionState::Disconnected) => LegEvent::Disconnected,
                        _ => continue,
                    };
                    self.events.push_back(event);
                }
            }
        }
    }
}

/// The number of the talker in a packet of a listen leg: its one CSRC (RFC 3550, section 5.1).
pub fn talker(header: &RtpHeader) -> Option<u32> {
    (header.csrc_count == 1).then_some(header.csrc[0])
}

/// The value of the first attribute `name` of a session description (RFC 8866, section 5.13).
fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| line.trim().strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
}

/// The first UDP candidate of an answer (RFC 8839, section 5.1).
pub(crate) fn udp_candidate(sdp: &str) -> Option<SocketAddr> {
    candidate(sdp, "udp")
}

/// The first TCP candidate likewise (RFC 6544, section 4.5).
pub(crate) fn tcp_candidate(sdp: &str) -> Option<SocketAddr> {
    candidate(sdp, "tcp")
}

fn candidate(sdp: &str, transport: &str) -> Option<SocketAddr> {
    sdp.lines().filter_map(|line| line.trim().strip_prefix("a=candidate:")).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(2);
        let wanted = fields.next()?.eq_ignore_ascii_case(transport);
        let address: IpAddr = fields.nth(1)?.parse().ok()?;
        let port = fields.next()?.parse().ok()?;
        wanted.then_some(SocketAddr::new(address, port))
    })
}

/// A socket on the address from which the system reaches `remote`.
pub(crate) async fn socket_towards(remote: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: IpAddr = if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let probe = UdpSocket::bind((any, 0)).await?;
    // Connecting a UDP socket sends nothing: it only chooses the route.
    probe.connect(remote).await?;
    let socket = UdpSocket::bind((probe.local_addr()?.ip(), 0)).await?;
    // Until the runtime has seen that a new socket can be written to, `try_send_to` refuses.
    socket.writable().await?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_udp_candidate_is_found() {
        let sdp = "v=0\r\na=candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype passive\r\n\
                   a=candidate:2 1 UDP 2130706431 10.0.0.2 4000 typ host\r\na=candidate:3 1 udp 1 10.0.0.3 1 typ host\r\n";
        assert_eq!(udp_candidate(sdp), Some("10.0.0.2:4000".parse().unwrap()));
        for broken in ["", "a=candidate:", "a=candidate:1 1 udp", "a=candidate:1 1 udp 1 host 1 typ host"] {
            assert_eq!(udp_candidate(broken), None, "{broken}");
        }
    }

    #[test]
    fn attributes_are_found() {
        let sdp = "v=0\r\na=ice-ufrag-other:1\r\na=ice-ufrag:abcd\r\na=ice-ufrag:later\r\n";
        assert_eq!(attribute(sdp, "ice-ufrag"), Some("abcd"));
        assert_eq!(attribute(sdp, "ice-pwd"), None);
    }

    #[test]
    fn the_talker_is_the_only_csrc() {
        let header = |csrc_count, first| {
            let mut header = RtpHeader { csrc_count, ..RtpHeader::default() };
            header.csrc[0] = first;
            header
        };
        for (count, expected) in [(0, None), (1, Some(7)), (2, None)] {
            assert_eq!(talker(&header(count, 7)), expected, "{count} CSRCs");
        }
    }
}
