//! The one place where the clock and the dice are read. Everything further in is handed what it needs.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use roomtone_room::ids::{Timestamp, decode_128, encode_128};

/// Wall-clock time.
#[expect(clippy::disallowed_methods, reason = "the edge owns the real clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Monotonic time.
#[expect(clippy::disallowed_methods, reason = "the edge owns the real clock")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Processor time that the calling thread has had.
pub fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// `N` random bytes from the operating system.
#[expect(clippy::disallowed_methods, reason = "the edge owns the real dice")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The kernel's generator fails only where the system call itself does not exist, which no supported system lacks.
    getrandom::fill(&mut bytes).expect("the operating system has a random number generator");
    bytes
}

/// 128 random bits: an id, or a code that cannot be guessed.
pub fn random_128() -> u128 {
    u128::from_be_bytes(random())
}

/// A secret that a person or a program holds: an invite code or a session token. Stored only as its hash.
pub struct Secret {
    /// What its holder is given: 26 characters.
    pub text: String,
    /// What the store keeps.
    pub hash: [u8; 32],
}

impl Secret {
    /// Draws a new one of 128 bits.
    pub fn draw() -> Self {
        let text = encode_128(random_128());
        let hash = hash(&text);
        Self { text, hash }
    }

    /// The hash of a secret that somebody sent, or `None` if it has not even the form of one.
    pub fn hash_of(text: &str) -> Option<[u8; 32]> {
        decode_128(text).ok().map(|_| hash(text))
    }
}

fn hash(text: &str) -> [u8; 32] {
    // One round suffices: the input has 128 random bits, so there is nothing to guess.
    digest(&SHA256, text.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
