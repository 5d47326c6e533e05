//! A microphone and an ear that are not browsers: legs on str0m over loopback, whose payloads are whatever a test says.

use std::net::SocketAddr;
use std::time::Duration;

use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;

use crate::support::Member;

/// How long a test waits for something that must come; only a failing test ever waits that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How soon something is said again that did not come.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long an Opus packet of these is, in samples of 48 kHz.
const SAMPLES: u32 = 960;

/// One leg of a member's.
pub(crate) struct Leg {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    timeout: std::time::Instant,
    mid: Mid,
    opus: Pt,
    number: u64,
    connected: bool,
    heard: Vec<Vec<u8>>,
}

impl Leg {
    /// A leg that speaks, once it is connected.
    pub(crate) async fn speak(member: &Member<'_>, room: &str) -> Self {
        Self::open(member, &format!("/api/rooms/{room}/publish"), Direction::SendOnly, 1).await
    }

    /// A leg that hears, once it is connected.
    pub(crate) async fn hear(member: &Member<'_>, room: &str) -> Self {
        Self::open(member, &format!("/api/rooms/{room}/listen"), Direction::RecvOnly, 3).await
    }

    async fn open(member: &Member<'_>, path: &str, direction: Direction, lines: usize) -> Self {
        let mut rtc = RtcConfig::new()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .clear_extension_map()
            .set_extension(1, Extension::AudioLevel)
            .build(roomtone::edge::instant());
        let mut change = rtc.sdp_api();
        let mids: Vec<_> =
            (0..lines).map(|_| change.add_media(MediaKind::Audio, direction, None, None, None)).collect();
        let (offer, pending) = change.apply().unwrap();
        let answer = member.offer(path, &offer.to_sdp_string()).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // Until the runtime has seen that it can be written to, `try_send_to` refuses.
        socket.writable().await.unwrap();
        let local = socket.local_addr().unwrap();
        rtc.add_local_candidate(Candidate::host(local, "udp").unwrap());
        rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer.text).unwrap()).unwrap();
        let opus = rtc.media(mids[0]).unwrap().remote_pts()[0];
        let timeout = roomtone::edge::instant();
        let (mid, heard) = (mids[0], Vec::new());
        let mut leg = Self { rtc, socket, local, timeout, mid, opus, number: 0, connected: false, heard };
        leg.drain();
        leg.until("a leg connects", |leg| leg.connected).await;
        leg
    }

    /// Says something: one packet of 20 ms of mono CELT, as far as anybody can tell who does not decode it.
    pub(crate) fn say(&mut self, sound: &[u8]) {
        let levels = ExtensionValues { audio_level: Some(-20), voice_activity: Some(true), ..Default::default() };
        let payload = [&[31 << 3], sound].concat();
        let time = (self.number as u32).wrapping_mul(SAMPLES);
        let packet = RtpWrite::new(self.opus, self.number.into(), time, roomtone::edge::instant(), payload);
        let mut direct = self.rtc.direct_api();
        direct.stream_tx_by_mid(self.mid, None).unwrap().write_rtp(packet.ext_vals(levels));
        self.number += 1;
        self.drain();
        // What is written goes out with the next turn of the clock.
        self.rtc.handle_input(Input::Timeout(roomtone::edge::instant())).unwrap();
        self.drain();
    }

    /// Waits until something that was said has come.
    pub(crate) async fn heard(&mut self, sound: &[u8]) {
        let what = String::from_utf8_lossy(sound);
        self.until(&format!("{what} is heard"), |leg| leg.has_heard(sound)).await;
    }

    /// Has `other` say this again and again until it comes: the other side may not be ready when this one is.
    pub(crate) async fn hear_at_last(&mut self, other: &mut Self, sound: &[u8]) {
        let mut tries = PATIENCE.as_millis() / AGAIN_AFTER.as_millis();
        while !self.has_heard(sound) {
            tries = tries.checked_sub(1).expect("what is said is heard in time");
            other.say(sound);
            let heard = self.turn(|leg| leg.has_heard(sound));
            let _again = tokio::time::timeout(AGAIN_AFTER, heard).await;
        }
    }

    fn has_heard(&self, sound: &[u8]) -> bool {
        self.heard.iter().any(|packet| packet.ends_with(sound))
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        if tokio::time::timeout(PATIENCE, self.turn(done)).await.is_err() {
            panic!("not in time: {what}");
        }
    }

    /// Drives the leg until something is so.
    async fn turn(&mut self, done: impl Fn(&Self) -> bool) {
        let mut buffer = [0; 2_048];
        while !done(self) {
            let timeout = tokio::time::Instant::from_std(self.timeout);
            let received = tokio::select! {
                received = self.socket.recv_from(&mut buffer) => Some(received.unwrap()),
                () = tokio::time::sleep_until(timeout) => None,
            };
            let now = roomtone::edge::instant();
            let input = match received {
                Some((length, from)) => {
                    Input::Receive(now, Receive::new(Protocol::Udp, from, self.local, &buffer[..length]).unwrap())
                }
                None => Input::Timeout(now),
            };
            self.rtc.handle_input(input).unwrap();
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.timeout = at;
                    return;
                }
                Output::Transmit(packet) => {
                    let _lost_like_on_a_network = self.socket.try_send_to(&packet.contents, packet.destination);
                }
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(packet)) => self.heard.push(packet.payload.to_vec()),
                Output::Event(_) => {}
            }
        }
    }
}
