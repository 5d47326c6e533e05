//! A listener's outgoing leg: ICE-lite, a DTLS handshake whose state is dropped when it has settled, and our own sealing.
//!
//! A settled leg is 1.1 KiB in its shard's own memory, 192 bytes of its [`Opener`] and some 600 bytes that the cipher of
//! [`Sealer`] holds; the test `a_settled_leg_is_small` keeps it so. The SRTP profile is chosen by
//! dimpl and not configurable there: under DTLS 1.2 AES-256-GCM before AES-128-GCM before AES-CM with HMAC-SHA1-80; under
//! DTLS 1.3 the first of the client's own list.

use std::time::{Duration, Instant};

use dimpl::{Dtls, Output as DtlsOutput, SrtpProfile};
use roomtone_room::ids::TalkerNo;

use crate::budget::Budget;
use crate::feed::{Feed, PACKED_MAX};
use crate::frame::{Frame, SLOTS};
use crate::ice::Ice;
use crate::identity::{Identity, fingerprint_of};
use crate::leg::{Fingerprint, LegId};
use crate::red;
use crate::ring::Ring;
use crate::rtp::{self, AudioLevel, Header, Rtcp, SenderInfo};
use crate::shard::{CONNECT_LIMIT, CONSENT_LIMIT, EndReason, ListenSetup, ListenSlot, Outbox, Stats};
use crate::slot::{Place, Slot};
use crate::srtp::{Keys, OVERHEAD_MAX, Opener, Profile, Sealer};

/// How long the DTLS engine is kept after the handshake, to answer a client whose last flight, or our answer to it, was
/// lost (RFC 6347, section 4.2.4). By the timers of section 4.2.4.1 such a client repeats its flight after 1 s and again
/// after 3 s, browsers much earlier, so this answers both. Longer helps networks that lose a packet three times; shorter frees
/// tens of KiB per listener sooner. Once it is gone, a client that closes its association is only noticed by the end of
/// its STUN checks, and one that has missed the last flight gives up and makes another leg.
pub const SETTLE: Duration = Duration::from_secs(4);

/// Packets per second that one listener may have sent again. More repairs worse networks; fewer bounds what a listener
/// who asks for everything costs. A stream has 50 packets a second, so this is half of one.
pub const RESENDS_PER_SECOND: u32 = 25;

/// Packets before its own that a packet carries for a listener who loses some (RFC 2198). Each more outlasts a longer
/// burst, by one packet, and costs as much as a packet's sound once more.
const REPEATED: u64 = 2;

/// The same for a listener who loses many in a row. Of bursts that are three packets long in the mean, as many are longer than
/// this as one in eleven, and of their packets less than a tenth stay lost.
const REPEATED_IN_RUNS: u64 = 6;

/// So many missed in a row are more than [`REPEATED`] outlasts.
const RUN: u64 = REPEATED + 1;

/// So many runs within [`LOSSY_WITHIN`] make a listener one who loses many in a row. One comes by chance, at 10 % every twenty
/// seconds or so.
const RUNS_COUNT: u16 = 2;

/// So many packets missed within [`LOSSY_WITHIN`] make a listener one who loses packets: at 50 a second, 2.7 %. Fewer
/// spends redundancy on single losses, which are sent again on request.
const LOSSY_COUNT: u16 = 4;

/// See [`LOSSY_COUNT`].
const LOSSY_WITHIN: Duration = Duration::from_secs(3);

/// The share lost, of 256, in a receiver's report that counts as much: 2.3 %.
const LOSSY_SHARE: u8 = 6;

/// How long a listener gets redundancy after losses. Longer spends more on what has passed; shorter meets more losses
/// without it, in a network that is bad now and then.
const REPEAT_FOR: Duration = Duration::from_secs(30);

/// Between two sender reports of a slot that is in use (RFC 3550 section 6.2 asks for 5 s or more); up to a second is
/// added, different for each leg, so that reports of a large audience do not come all at once.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The largest Opus packet that is forwarded, in bytes: the largest single frame (RFC 6716, section 3.2.1).
pub const PAYLOAD_MAX: usize = 1275;

/// Bytes of the largest packet sent to a listener.
pub(crate) const PACKET_MAX: usize = rtp::HEADER_MAX + PAYLOAD_MAX + OVERHEAD_MAX;

/// What a handshake needs besides the leg.
struct Handshake {
    engine: Dtls,
    /// The engine's own next timeout.
    deadline: Instant,
    /// The peer has shown the certificate that its offer names.
    verified: bool,
    connected: bool,
    /// When the engine is dropped, once connected.
    until: Option<Instant>,
}

/// One listen leg.
pub(crate) struct Listen {
    pub(crate) ice: Ice,
    /// The listener's own number: they are not sent their own voice.
    own: TalkerNo,
    fingerprint: Fingerprint,
    created: Instant,
    handshake: Option<Box<Handshake>>,
    /// The opener is of use only every few seconds, and does not lie in the way.
    keys: Option<(Sealer, Box<Opener>)>,
    /// Of which the first `count` are in use: one, for the dominant talker, or all. In place, like the leg itself in its
    /// shard: of ten thousand legs none is in the caches, and each detour costs as much as sealing.
    slots: [Slot; SLOTS],
    count: usize,
    cname: Box<str>,
    report_interval: Duration,
    /// When the next sender reports are due; `None` while nothing was sent since the last.
    report_at: Option<Instant>,
    resends: Budget,
    /// Made when the listener misses the first packet.
    losses: Option<Box<Losses>>,
}

/// What a listener has lost of late.
struct Losses {
    /// How many packets since when.
    count: u16,
    since: Instant,
    /// How many runs of [`RUN`] packets or more, likewise.
    runs: u16,
    /// The newest packet of each slot that was missed: it is asked for again and again, and counts once.
    newest: [u64; SLOTS],
    /// How many were missed in a row up to that one.
    run: [u64; SLOTS],
    /// Until when packets carry those before them, if they do.
    repeat_until: Option<Instant>,
    /// Until when they carry as many as for runs.
    in_runs_until: Option<Instant>,
}

impl Losses {
    fn new(now: Instant) -> Box<Self> {
        let (newest, run) = ([0; SLOTS], [0; SLOTS]);
        Box::new(Self { count: 0, since: now, runs: 0, newest, run, repeat_until: None, in_runs_until: None })
    }

    /// Counts a packet that is missing. Whether these are many.
    fn missing(&mut self, now: Instant, slot: usize, index: u64) -> bool {
        if index <= self.newest[slot] {
            return false;
        }
        self.run[slot] = if index == self.newest[slot] + 1 { self.run[slot] + 1 } else { 1 };
        self.newest[slot] = index;
        if now >= self.since + LOSSY_WITHIN {
            (self.since, self.count, self.runs) = (now, 0, 0);
        }
        self.count = self.count.saturating_add(1);
        self.runs = self.runs.saturating_add(u16::from(self.run[slot] == RUN));
        self.count >= LOSSY_COUNT
    }

    /// Takes account of many losses, and says how many of those before it a packet carries from now on.
    fn repeat(&mut self, now: Instant) -> u64 {
        self.repeat_until = Some(now + REPEAT_FOR);
        if self.runs >= RUNS_COUNT {
            self.in_runs_until = self.repeat_until;
        }
        if self.in_runs_until.is_some_and(|until| now < until) { REPEATED_IN_RUNS } else { REPEATED }
    }
}

impl Listen {
    /// A leg that waits for its peer's first check. `None`: no slots, or values out of range.
    pub(crate) fn new(now: Instant, setup: &ListenSetup) -> Option<Self> {
        let count = if setup.slots.len() >= SLOTS { SLOTS } else { 1 };
        let lines = setup.slots.get(..count)?;
        let valid = |ext: Option<u8>| ext.is_none_or(|id| (1..=14).contains(&id));
        // All slots are sealed with one key: with one SSRC for two of them they would share nonces (RFC 7714, section 8.2).
        let alone = |at: usize| lines[..at].iter().all(|other| other.ssrc != lines[at].ssrc);
        let types = |line: &ListenSlot| {
            line.payload_type < 128 && line.red.is_none_or(|red| red < 128 && red != line.payload_type)
        };
        let fine = |(at, line): (usize, &ListenSlot)| types(line) && valid(line.level_ext) && alone(at);
        if !lines.iter().enumerate().all(fine) {
            return None;
        }
        Some(Self {
            ice: Ice::new(now, setup.local.clone(), &setup.remote),
            own: setup.talker,
            fingerprint: setup.fingerprint,
            created: now,
            handshake: None,
            keys: None,
            slots: std::array::from_fn(|at| Slot::new(lines.get(at).copied().unwrap_or(lines[0]))),
            count,
            cname: setup.cname.as_str().into(),
            report_interval: REPORT_INTERVAL + spread(setup.leg),
            report_at: None,
            resends: Budget::new(now, RESENDS_PER_SECOND),
            losses: None,
        })
    }

    /// The listener's own number.
    pub(crate) fn own(&self) -> TalkerNo {
        self.own
    }

    /// Whether DTLS still means something here: it has not settled yet.
    pub(crate) fn wants_dtls(&self) -> bool {
        self.keys.is_none() || self.handshake.is_some()
    }

    /// A DTLS datagram from one of the leg's own paths. `Ok(true)`: the leg is connected now, and was not before.
    pub(crate) fn dtls(
        &mut self,
        now: Instant,
        identity: &Identity,
        bytes: &[u8],
        out: &mut Outbox,
    ) -> Result<bool, EndReason> {
        // The timer that ends it may not have had its turn.
        if self.handshake.as_ref().is_some_and(|handshake| handshake.until.is_some_and(|until| now >= until)) {
            self.handshake = None;
        }
        if !self.wants_dtls() {
            return Ok(false);
        }
        // Made only now, so that an offer that nobody follows up costs no engine.
        let handshake = self.handshake.get_or_insert_with(|| {
            let mut engine = identity.dtls(now);
            engine.set_active(false);
            Box::new(Handshake { engine, deadline: now, verified: false, connected: false, until: None })
        });
        let fed = handshake.engine.handle_timeout(now).and_then(|()| handshake.engine.handle_packet(bytes));
        match fed {
            Ok(()) => self.drain_dtls(now, out),
            // The engine is of no more use, but sound does not need it.
            Err(_) if self.keys.is_some() => {
                self.handshake = None;
                Ok(false)
            }
            Err(_) => Err(EndReason::HandshakeFailed),
        }
    }

    /// What is due at `now`: retransmissions, reports, the ends of waiting. `Ok(true)` as for [`Listen::dtls`].
    pub(crate) fn timeout(
        &mut self,
        now: Instant,
        wall: impl Fn(Instant) -> u64,
        out: &mut Outbox,
    ) -> Result<bool, EndReason> {
        if now >= self.ice.heard() + CONSENT_LIMIT {
            return Err(if self.keys.is_some() { EndReason::ConsentLost } else { EndReason::NotConnected });
        }
        if self.keys.is_none() && now >= self.created + CONNECT_LIMIT {
            return Err(EndReason::NotConnected);
        }
        if self.report_at.is_some_and(|at| now >= at) {
            self.report(now, wall(now), out);
        }
        match &mut self.handshake {
            Some(handshake) if handshake.until.is_some_and(|until| now >= until) => self.handshake = None,
            Some(handshake) if now >= handshake.deadline => match handshake.engine.handle_timeout(now) {
                Ok(()) => return self.drain_dtls(now, out),
                Err(_) if self.keys.is_some() => self.handshake = None,
                Err(_) => return Err(EndReason::HandshakeFailed),
            },
            _ => {}
        }
        Ok(false)
    }

    /// When [`Listen::timeout`] has something to do next.
    pub(crate) fn deadline(&self) -> Instant {
        let consent = self.ice.heard() + CONSENT_LIMIT;
        let connect = if self.keys.is_none() { self.created + CONNECT_LIMIT } else { consent };
        let handshake = self.handshake.as_ref();
        let engine = handshake.map_or(consent, |h| h.until.map_or(h.deadline, |until| until.min(h.deadline)));
        consent.min(connect).min(engine).min(self.report_at.unwrap_or(consent))
    }

    /// When the next sender reports are due, if any are.
    pub(crate) fn report_at(&self) -> Option<Instant> {
        self.report_at
    }

    /// An SRTCP packet from one of the leg's own paths. Calls `resend` with slot and sequence number of each packet that is
    /// asked for and within the budget.
    pub(crate) fn rtcp(&mut self, now: Instant, bytes: &mut [u8], stats: &mut Stats, mut resend: impl FnMut(u8, u16)) {
        let Some(Ok(len)) = self.keys.as_mut().map(|keys| keys.1.open_rtcp(bytes)) else {
            stats.srtp_rejected += 1;
            return;
        };
        let mut lossy = false;
        for packet in rtp::parse_compound(&bytes[..len]) {
            match packet {
                Rtcp::ReceiverReport { blocks, .. } | Rtcp::SenderReport { blocks, .. } => {
                    for block in
                        blocks.filter(|block| self.slots[..self.count].iter().any(|slot| slot.line.ssrc == block.ssrc))
                    {
                        stats.receiver_reports += 1;
                        stats.receiver_loss_256ths += u64::from(block.fraction_lost);
                        lossy |= block.fraction_lost >= LOSSY_SHARE;
                    }
                }
                Rtcp::Nack { media, lost, .. } => {
                    let slot =
                        self.slots[..self.count].iter().position(|slot| slot.line.ssrc == media && slot.line.nack);
                    let Some(slot) = slot else { continue };
                    for seq in lost {
                        if let Some(index) = self.slots[slot].index_of(seq) {
                            let losses = self.losses.get_or_insert_with(|| Losses::new(now));
                            lossy |= losses.missing(now, slot, index);
                        }
                        // What was lost before it reached us is asked for as well, and must not use up the budget.
                        if self.slots[slot].sent(seq).is_some() && self.resends.take(now, 1) {
                            resend(slot as u8, seq);
                        } else {
                            stats.resend_refused += 1;
                        }
                    }
                }
                Rtcp::Bye { .. } => {}
            }
        }
        if lossy {
            let repeats = self.losses.get_or_insert_with(|| Losses::new(now)).repeat(now);
            self.slots.iter_mut().for_each(|slot| slot.repeats = slot.line.red.map_or(0, |_| repeats));
        }
    }

    /// Whether anything was sent: then a change of feeds is in the middle of something.
    pub(crate) fn is_begun(&self) -> bool {
        self.slots[..self.count].iter().any(|slot| slot.packets > 0)
    }

    /// Seals a frame of a feed for this listener into `out` and returns the length. `None`: they are not to hear it. `ring`
    /// has the frames before it, for listeners who lose packets. In a large audience, whose packets are long, nobody gets
    /// redundancy: what one may cost there is bounded by what all cost.
    pub(crate) fn seal(
        &mut self,
        now: Instant,
        feed: Feed,
        frame: &Frame,
        ring: &Ring,
        out: &mut [u8; PACKET_MAX],
    ) -> Option<usize> {
        let (sealer, _) = self.keys.as_ref()?;
        if frame.talker == self.own {
            return None;
        }
        let slot = match &mut self.slots[..self.count] {
            [only] if frame.dominant => only,
            [only] => {
                only.skip(frame);
                return None;
            }
            slots => slots.get_mut(usize::from(frame.slot))?,
        };
        let place = slot.place(feed, frame)?;
        slot.packets = slot.packets.wrapping_add(1);
        slot.octets = slot.octets.wrapping_add(frame.payload.len() as u32);
        let repeated = slot.repeats > 0 && feed == Feed::PLAIN;
        let len = repeated.then(|| write_with_others(sealer, slot, place, frame, ring, out)).flatten();
        let len = len.or_else(|| write(sealer, slot, place, frame, out))?;
        self.report_at.get_or_insert(now + self.report_interval);
        Some(len)
    }

    /// Seals a packet that says nothing but that the way here still leads somewhere.
    pub(crate) fn sign_of_life(&mut self, out: &mut [u8; PACKET_MAX]) -> Option<usize> {
        let (sealer, _) = self.keys.as_mut()?;
        let len = rtp::write_empty_report(self.slots[0].line.ssrc, &self.cname, out);
        sealer.seal_rtcp(out, len).ok()
    }

    /// Seals once more what was sent under a sequence number: the very same bytes. `None`: it is no longer held.
    /// `ring` gives the frames of a feed.
    pub(crate) fn reseal<'a>(
        &self,
        slot: u8,
        seq: u16,
        ring: impl Fn(Feed) -> Option<&'a Ring>,
        out: &mut [u8; PACKET_MAX],
    ) -> Option<usize> {
        let (sealer, _) = self.keys.as_ref()?;
        let slot = self.slots[..self.count].get(usize::from(slot))?;
        let sent = slot.sent(seq)?;
        let frame = ring(sent.feed)?.find(sent.talker, sent.seq)?;
        write(sealer, slot, sent.place(frame), frame, out)
    }

    fn drain_dtls(&mut self, now: Instant, out: &mut Outbox) -> Result<bool, EndReason> {
        let Some(handshake) = &mut self.handshake else {
            return Ok(false);
        };
        let mut buffer = [0; 2048];
        loop {
            match handshake.engine.poll_output(&mut buffer) {
                DtlsOutput::Packet(bytes) => out.push(self.ice.selected(), bytes),
                DtlsOutput::Timeout(at) => {
                    handshake.deadline = at;
                    break;
                }
                DtlsOutput::PeerCert(der) => {
                    if fingerprint_of(der) != self.fingerprint {
                        return Err(EndReason::WrongCertificate);
                    }
                    handshake.verified = true;
                }
                // Once only: with the same keys again, the indices of reports would begin again as well.
                DtlsOutput::KeyingMaterial(material, profile) if handshake.verified && self.keys.is_none() => {
                    let profile = profile_of(profile).ok_or(EndReason::HandshakeFailed)?;
                    let keys = Keys::from_dtls(profile, &material, true).map_err(|_| EndReason::HandshakeFailed)?;
                    self.keys = Some((keys.0, Box::new(keys.1)));
                }
                DtlsOutput::Connected => handshake.connected = true,
                DtlsOutput::CloseNotify => return Err(EndReason::ClosedByPeer),
                // Neither keys for somebody unverified, nor other ones, nor records larger than a datagram, nor anything unknown.
                DtlsOutput::KeyingMaterial(..) | DtlsOutput::BufferTooSmall { .. } => {
                    return Err(EndReason::HandshakeFailed);
                }
                _ => {}
            }
        }
        if !handshake.connected || handshake.until.is_some() {
            return Ok(false);
        }
        if self.keys.is_none() {
            return Err(EndReason::HandshakeFailed);
        }
        handshake.until = Some(now + SETTLE);
        Ok(true)
    }

    fn report(&mut self, now: Instant, ntp: u64, out: &mut Outbox) {
        self.report_at = None;
        let until = self.losses.as_mut().map(|losses| &mut losses.repeat_until);
        if until.is_some_and(|until| until.take_if(|until| now >= *until).is_some()) {
            self.slots.iter_mut().for_each(|slot| slot.repeats = 0);
        }
        let Some(keys) = &mut self.keys else { return };
        for slot in &self.slots[..self.count] {
            let Some(time) = slot.time_at(now) else { continue };
            let info = SenderInfo { ssrc: slot.line.ssrc, ntp, time, packets: slot.packets, octets: slot.octets };
            let mut packet = [0; rtp::SENDER_REPORT_MAX + OVERHEAD_MAX];
            let len = rtp::write_sender_report(&info, &self.cname, &mut packet);
            if let Ok(len) = keys.0.seal_rtcp(&mut packet, len) {
                out.push(self.ice.selected(), &packet[..len]);
            }
        }
    }
}

/// Writes and seals one packet. The same slot, place and frame give the same bytes.
fn write(sealer: &Sealer, slot: &Slot, place: Place, frame: &Frame, out: &mut [u8; PACKET_MAX]) -> Option<usize> {
    let start = write_header(slot, place, frame, slot.line.payload_type, out);
    let end = start + frame.payload.len();
    out.get_mut(start..end)?.copy_from_slice(&frame.payload);
    sealer.seal_rtp(out, start, end, place.index).ok()
}

/// Writes and seals one packet that carries others of the slot as well, from `ring`. `None`: there are none that fit, and
/// nothing is sealed. Such a packet is never sealed again: what the ring holds changes, and with other content under one
/// index (RFC 7714, section 8.2) the key would be open.
fn write_with_others(
    sealer: &Sealer,
    slot: &mut Slot,
    place: Place,
    frame: &Frame,
    ring: &Ring,
    out: &mut [u8; PACKET_MAX],
) -> Option<usize> {
    let red = slot.line.red?;
    let mut blocks: [(u64, &[u8]); REPEATED_IN_RUNS as usize] = [(0, &[]); REPEATED_IN_RUNS as usize];
    let mut first = blocks.len();
    let mut long = frame.payload.len() + 1;
    for back in 1..=slot.repeats.min(REPEATED_IN_RUNS) {
        let earlier = slot.may_repeat(place, back).then(|| ring.find(frame.talker, frame.seq - back)).flatten();
        let Some(earlier) = earlier else { continue };
        let (offset, payload) = (frame.time.wrapping_sub(earlier.time), &earlier.payload);
        long += 4 + payload.len();
        if long > PACKED_MAX || !red::fits(offset, payload.len()) {
            break;
        }
        first -= 1;
        blocks[first] = (offset, payload);
    }
    let blocks = blocks.get(first..).filter(|blocks| !blocks.is_empty())?;
    let start = write_header(slot, place, frame, red, out);
    let len = red::pack(slot.line.payload_type, blocks, &frame.payload, out.get_mut(start..start + PACKED_MAX)?)?;
    let sealed = sealer.seal_rtp(out, start, start + len, place.index).ok()?;
    slot.octets = slot.octets.wrapping_add((len - frame.payload.len()) as u32);
    slot.repeated();
    Some(sealed)
}

/// Writes the header of a packet with this frame and payload type, and returns its length.
fn write_header(slot: &Slot, place: Place, frame: &Frame, payload_type: u8, out: &mut [u8; PACKET_MAX]) -> usize {
    let line = &slot.line;
    let header = Header {
        marker: place.marker,
        payload_type,
        seq: place.index as u16,
        time: place.time,
        ssrc: line.ssrc,
        csrc: Some(frame.talker.0),
        audio_level: line.level_ext.map(|id| AudioLevel { id, level: frame.level.min(127), voice: frame.level < 127 }),
    };
    rtp::write_header(&header, out)
}

fn profile_of(profile: SrtpProfile) -> Option<Profile> {
    match profile {
        SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
        SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
        SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1_80),
        _ => None,
    }
}

/// Up to a second, different from leg to leg.
fn spread(leg: LegId) -> Duration {
    Duration::from_millis((leg.0 % 1000) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_leg_is_small() {
        let leg = size_of::<Listen>();
        let opener = size_of::<Opener>();
        println!("listen leg {leg} + opener {opener} bytes, and the strings of ICE");
        // Beside this, about 100 bytes of ICE credentials, one or two paths of 48 bytes, and what aws-lc keeps of one key.
        assert!(leg + opener <= 1344, "{}", leg + opener);
    }
}
