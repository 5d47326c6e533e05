//! What every leg has: an id, the secrets drawn for it, and the path its packets take.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use roomtone_room::ids::{InvalidId, decode_128, encode_128};

/// One media leg: 128 random bits, so that its URL cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u128);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_128(self.0))
    }
}

impl fmt::Debug for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LegId({self})")
    }
}

impl FromStr for LegId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        decode_128(text).map(Self)
    }
}

/// A connection accepted by the media thread's TCP listener, numbered by that thread from 1 upwards, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// Where a packet came from, and where its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// A UDP address of the peer.
    Udp(SocketAddr),
    /// A TCP connection of the peer; packets are framed as in RFC 4571 by whoever owns the socket.
    Tcp {
        /// Which connection.
        stream: StreamId,
        /// The peer's address on it.
        addr: SocketAddr,
    },
}

impl Path {
    /// The peer's address.
    pub fn addr(self) -> SocketAddr {
        match self {
            Self::Udp(addr) | Self::Tcp { addr, .. } => addr,
        }
    }
}

/// ICE credentials of one side (RFC 8445, section 5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// User name fragment, 4 to 256 ice-chars.
    pub ufrag: String,
    /// Password, 22 to 256 ice-chars.
    pub pwd: String,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IceCredentials(REDACTED)")
    }
}

/// A SHA-256 certificate fingerprint (RFC 8122).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);
