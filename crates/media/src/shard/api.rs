//! What goes into a shard and what comes out.

use std::sync::Arc;
use std::time::Instant;

use roomtone_room::ids::{RoomId, TalkerNo};

use crate::feed::Tier;
use crate::frame::Frame;
use crate::identity::Identity;
use crate::leg::{Fingerprint, IceCredentials, LegId, Path, StreamId};

/// What a shard is made with.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    /// The certificate that every answer names.
    pub identity: Arc<Identity>,
    /// The `now` that belongs to `unix_millis`: how sender reports get wall-clock time without a clock here.
    pub started: Instant,
    /// Milliseconds since 1970-01-01T00:00:00Z at `started`.
    pub unix_millis: u64,
    /// Legs that this shard takes at most; further ones end at once with [`EndReason::ShardFull`].
    pub max_legs: usize,
}

/// What is drawn at random and negotiated for one voice slot of a listen leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenSlot {
    /// Payload type of Opus in the peer's offer for this m-line.
    pub payload_type: u8,
    /// Payload type of redundant audio (RFC 2198) that carries Opus, if it was negotiated.
    pub red: Option<u8>,
    /// Extension id of RFC 6464 levels, if offered.
    pub level_ext: Option<u8>,
    /// Whether generic NACK (RFC 4585) was negotiated.
    pub nack: bool,
    /// The SSRC in the answer.
    pub ssrc: u32,
    /// First sequence number, random (RFC 3550, section 5.1). Below 2^15, so that the first packets may be lost without
    /// the receiver guessing a wrong rollover counter (RFC 3711, section 3.3.1).
    pub seq: u16,
    /// First RTP timestamp, random.
    pub time: u32,
}

/// A listen leg to be made. Every random value comes from the caller.
#[derive(Debug, Clone)]
pub struct ListenSetup {
    /// The leg.
    pub leg: LegId,
    /// The room it hears.
    pub room: RoomId,
    /// The listener's own number, so that they are not sent their own voice.
    pub talker: TalkerNo,
    /// Our ICE credentials, as in the answer.
    pub local: IceCredentials,
    /// The peer's, as in the offer.
    pub remote: IceCredentials,
    /// The fingerprint of the peer's certificate, as in the offer.
    pub fingerprint: Fingerprint,
    /// One slot (the dominant talker) or [`crate::frame::SLOTS`]; those beyond are ignored, two count as one, and none at all ends the leg.
    pub slots: Vec<ListenSlot>,
    /// CNAME for sender reports (RFC 3550, section 6.5.1): random, without meaning outside this leg.
    pub cname: String,
}

/// A publish leg to be made.
#[derive(Debug, Clone)]
pub struct PublishSetup {
    /// The leg.
    pub leg: LegId,
    /// The room it talks in.
    pub room: RoomId,
    /// The speaker's number.
    pub talker: TalkerNo,
    /// Our ICE credentials, as in the answer.
    pub local: IceCredentials,
    /// The peer's, as in the offer.
    pub remote: IceCredentials,
    /// The fingerprint of the peer's certificate, as in the offer.
    pub fingerprint: Fingerprint,
    /// Payload type of Opus in the offer.
    pub opus: u8,
    /// Payload type of RED (RFC 2198) in the offer, if answered.
    pub red: Option<u8>,
    /// Extension id of RFC 6464 levels, if offered.
    pub level_ext: Option<u8>,
    /// The SSRC that the offer announced, if it did. Another one is accepted once a packet of it authenticates.
    pub ssrc: Option<u32>,
}

/// The lease of a room and the list of who may be heard, from the room's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The room.
    pub room: RoomId,
    /// The owner's epoch. Grants of a lower epoch than the last are ignored.
    pub epoch: u64,
    /// From this moment on nothing of the room is forwarded or delivered.
    pub until: Instant,
    /// Who may be forwarded. Replaces the former list: who is not in it is silent at once.
    pub talkers: Arc<[TalkerNo]>,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A UDP datagram, or one frame of a TCP connection (RFC 4571).
    Datagram {
        /// Where it came from.
        path: Path,
        /// What it holds. Overwritten while being decrypted.
        bytes: &'a mut [u8],
    },
    /// A TCP connection is gone.
    PathClosed {
        /// Which one.
        stream: StreamId,
    },
    /// An offer to listen was answered.
    AddListen(Box<ListenSetup>),
    /// An offer to publish was answered. All publish legs of a room belong on one shard.
    AddPublish(Box<PublishSetup>),
    /// The room's owner ends a leg. Not answered by an event.
    DropLeg {
        /// Which one.
        leg: LegId,
    },
    /// The room's owner chooses how much sound is in the packets of a listen leg, which begins with [`Tier::Ms20`]. Takes
    /// effect between two frames, without a gap or a repetition. Of no effect on another leg, or one that is gone.
    SetTier {
        /// Which one.
        leg: LegId,
        /// Packets of how long.
        tier: Tier,
    },
    /// The room's owner renews the lease, or changes who may be heard.
    Grant(Grant),
    /// A frame from another thread's shard, for this shard's listeners.
    Frame(Arc<Frame>),
    /// The time of the last [`Output::Timeout`] has come.
    Timeout,
}

/// One thing to do.
#[derive(Debug)]
pub enum Output<'a> {
    /// Send this.
    Transmit {
        /// Where to.
        to: Path,
        /// The datagram, or the content of one frame of a TCP connection.
        bytes: &'a [u8],
        /// For media: when the frame came in, so that the time spent in the server can be measured. For a packet of several
        /// frames: when the last thing came that it waited for.
        arrived: Option<Instant>,
    },
    /// A frame for the other threads and the recorder. This shard's own listeners are served already.
    Frame(Arc<Frame>),
    /// Something about a leg that the room's owner should know.
    Leg {
        /// Which leg.
        leg: LegId,
        /// The room it was in.
        room: RoomId,
        /// What.
        event: LegEvent,
    },
    /// Nothing to do before this moment, unless something comes in.
    Timeout(Instant),
}

/// What became of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegEvent {
    /// The handshake is done: sound can flow.
    Connected,
    /// The leg is gone, and its URL with it.
    Ended(EndReason),
}

/// Why a leg ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Never connected within [`super::CONNECT_LIMIT`].
    NotConnected,
    /// No authenticated STUN check for [`super::CONSENT_LIMIT`] (RFC 7675).
    ConsentLost,
    /// The DTLS handshake failed, or agreed on no SRTP profile.
    HandshakeFailed,
    /// The peer's certificate is not the one in its offer.
    WrongCertificate,
    /// The peer closed the DTLS association, or the connection that a plain stream went by.
    ClosedByPeer,
    /// The shard has as many legs as it takes.
    ShardFull,
    /// The setup was not usable: no slots, or an id or user fragment that is already in use.
    InvalidSetup,
    /// The shard was given up with all its legs, which is a fault of ours. No shard says so itself: whoever drives it does.
    ShardLost,
}
