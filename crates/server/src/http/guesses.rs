//! How often an address may get a secret in a link wrong, such as an invite code.

use std::net::IpAddr;
use std::time::Instant;

use crate::limits::{Buckets, GUESSES, network};

/// The wrong guesses of each address.
#[derive(Debug)]
pub(super) struct Guesses(Buckets<IpAddr>);

impl Default for Guesses {
    fn default() -> Self {
        Self(Buckets::new(&GUESSES))
    }
}

impl Guesses {
    /// Whether the address has a guess left, without counting one.
    pub(super) fn may_guess(&self, from: IpAddr, now: Instant) -> bool {
        self.0.may(&network(from), now)
    }

    /// Counts a wrong guess; false if there were too many.
    pub(super) fn missed(&self, from: IpAddr, now: Instant) -> bool {
        self.0.take(network(from), now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn wrong_guesses_are_counted_and_looking_is_not() {
        let (guesses, now) = (Guesses::default(), crate::edge::instant());
        let (from, neighbour): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::ffff:2".parse().unwrap());
        for _ in 0..GUESSES.burst {
            assert!(guesses.may_guess(from, now) && guesses.may_guess(from, now) && guesses.missed(from, now));
        }
        assert!(!guesses.may_guess(from, now) && !guesses.missed(from, now));
        assert!(!guesses.may_guess(neighbour, now), "of the same /64");
        // One comes back at a time.
        let later = now + GUESSES.refill;
        assert!(!guesses.may_guess(from, later - Duration::from_millis(1)));
        assert!(guesses.missed(from, later) && !guesses.missed(from, later));
    }
}
