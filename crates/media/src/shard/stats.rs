//! What a shard counts.

/// What happened so far. Counters only rise; they are numbers of packets unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Legs that exist now (a gauge).
    pub listen_legs: u64,
    /// Likewise.
    pub publish_legs: u64,
    /// Of the listen legs, those of each tier, in the order of [`crate::feed::Tier::ALL`] (gauges).
    pub tier_legs: [u64; 3],
    /// Datagrams handed in.
    pub datagrams: u64,
    /// Neither STUN nor DTLS nor RTP, or a STUN message that is not a well-formed Binding request.
    pub malformed: u64,
    /// STUN for a user name that no leg has.
    pub stun_unknown_user: u64,
    /// STUN whose message integrity does not fit.
    pub stun_forged: u64,
    /// Authenticated STUN checks.
    pub stun_checks: u64,
    /// Times that a leg's packets were turned to another path.
    pub path_moves: u64,
    /// DTLS, RTP and RTCP from a path that has passed no STUN check.
    pub unknown_path: u64,
    /// RTP from such a path with the number of a speaker's stream, that was tried with the speaker's key.
    pub strayed: u64,
    /// SRTP and SRTCP that did not authenticate, were repeated, or came before the keys.
    pub srtp_rejected: u64,
    /// Dropped because a speaker sent more than [`crate::publish::PACKETS_PER_SECOND`] or
    /// [`crate::publish::BYTES_PER_SECOND`].
    pub rate_limited: u64,
    /// Opus packets of speakers, recovered ones included.
    pub voice_packets: u64,
    /// Of those, the ones brought back by redundancy (RFC 2198).
    pub voice_recovered: u64,
    /// Of those, the ones kept back because their speaker held no voice slot.
    pub voice_withheld: u64,
    /// Of those and of frames from other threads, the ones kept back for want of a grant.
    pub not_granted: u64,
    /// Frames that came twice.
    pub frames_repeated: u64,
    /// Grants of an epoch that had passed.
    pub grants_stale: u64,
    /// Media packets sent to listeners, without resends.
    pub sent: u64,
    /// Their bytes, headers and tags included.
    pub sent_bytes: u64,
    /// Packets that only told a listener that the way to them still leads there.
    pub signs: u64,
    /// Packets sent again on request.
    pub resent: u64,
    /// Requests to send again that were refused: over budget, or no longer held.
    pub resend_refused: u64,
    /// Reports of receivers (RFC 3550, section 6.4.2), one for each slot.
    pub receiver_reports: u64,
    /// Sum over those of the share lost, in 1/256.
    pub receiver_loss_256ths: u64,
    /// Things dropped because a queue was full.
    pub queue_dropped: u64,
}
