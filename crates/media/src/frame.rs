//! The unit of relay and recording: one Opus packet of one talker.

use std::sync::Arc;
use std::time::Instant;

use roomtone_room::ids::{RoomId, TalkerNo};

/// Voice slots of a room: how many talkers are forwarded at once. More lets more people talk over each other; each
/// costs every listener another stream.
pub const SLOTS: usize = 3;

/// One Opus packet of one forwarded talker, made once by the media thread that owns the publish leg and shared from
/// there on by listen legs, other threads and the recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The room it was said in.
    pub room: RoomId,
    /// Who said it.
    pub talker: TalkerNo,
    /// The voice slot that the talker holds, below [`SLOTS`].
    pub slot: u8,
    /// Whether the talker is the dominant one: what a listener with a single slot hears.
    pub dominant: bool,
    /// The talker's packet number. The lower 32 bits are RTP's number, extended past its 16 bits; gaps in them are packets
    /// that were lost on the way in. The upper 32 bits name a stretch: they change when the talker is forwarded again
    /// after a pause, in another slot, or from another stream, so that what was withheld does not count as lost.
    pub seq: u64,
    /// Media time in samples of 48 kHz, extended past the 32 bits of RTP.
    pub time: u64,
    /// Loudness as in RFC 6464: 0 dBov is the loudest and 127 is silence.
    pub level: u8,
    /// When the packet it came in arrived.
    pub arrived: Instant,
    /// One Opus packet (RFC 6716, section 3).
    pub payload: Arc<[u8]>,
}
