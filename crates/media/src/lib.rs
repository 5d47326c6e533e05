//! The sound of a room: what arrives from speakers, who is forwarded, and what each listener is sent.
//!
//! Invariant: sans-IO. No sockets, no threads, no async runtime, no clock, no randomness of its own: `now`, datagrams and
//! every secret are handed in. (The DTLS and ICE libraries draw their own nonces; nothing of ours depends on them.)
//!
//! Invariant: no audio is decoded. Opus frames are forwarded as they came, for large audiences several in one packet.
//!
//! Invariant: a room's audio flows only under a lease with the room's epoch. No lease, no sound.

mod budget;
pub mod feed;
pub mod fmp4;
pub mod frame;
mod ice;
pub mod identity;
pub mod leg;
pub mod listen;
pub mod ogg;
pub mod pack;
pub mod publish;
pub mod red;
mod ring;
pub mod rtp;
pub mod sdp;
pub mod shard;
#[cfg(test)]
mod sim;
mod slot;
pub mod srtp;
pub mod stage;
pub mod track;
