//! How often an address may get an invite code wrong.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Codes that one address may get wrong at once. More bears more typing errors behind one address; fewer slows guessing.
const AT_ONCE: u32 = 60;

/// After how long it may get another one wrong.
const ANOTHER_AFTER: Duration = Duration::from_secs(2);

/// Addresses from which on those are looked for that have all their guesses again.
const MANY: usize = 1024;

/// The wrong guesses of each address, as a generic cell rate algorithm keeps them: when it will have all guesses again.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<Addresses>);

#[derive(Debug, Default)]
struct Addresses {
    rested: HashMap<IpAddr, Instant>,
    /// How many there were after those with all their guesses had been forgotten.
    kept: usize,
}

impl Guesses {
    /// Whether the address has a guess left, without counting one.
    pub(super) fn may_guess(&self, from: IpAddr, now: Instant) -> bool {
        self.lock().may_guess(network(from), now)
    }

    /// Counts a wrong guess; false if there were too many.
    pub(super) fn missed(&self, from: IpAddr, now: Instant) -> bool {
        let (mut addresses, from) = (self.lock(), network(from));
        if !addresses.may_guess(from, now) {
            return false;
        }
        let rested = addresses.rested.entry(from).or_insert(now);
        *rested = (*rested).max(now) + ANOTHER_AFTER;
        if addresses.rested.len() > MANY.max(2 * addresses.kept) {
            addresses.rested.retain(|_, rested| *rested > now);
            addresses.kept = addresses.rested.len();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Addresses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Addresses {
    fn may_guess(&self, from: IpAddr, now: Instant) -> bool {
        self.rested.get(&from).is_none_or(|&rested| rested <= now + (AT_ONCE - 1) * ANOTHER_AFTER)
    }
}

/// An IPv6 user has a whole /64 of addresses, and counts as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn wrong_guesses_are_counted_and_looking_is_not() {
        let (guesses, now) = (Guesses::default(), crate::edge::instant());
        let (from, neighbour) = (address("2001:db8::1"), address("2001:db8::ffff:2"));
        for _ in 0..AT_ONCE {
            assert!(guesses.may_guess(from, now) && guesses.may_guess(from, now) && guesses.missed(from, now));
        }
        assert!(!guesses.may_guess(from, now) && !guesses.missed(from, now));
        assert!(!guesses.may_guess(neighbour, now), "of the same /64");
        assert!(guesses.may_guess(address("2001:db8:0:1::1"), now) && guesses.may_guess(address("192.0.2.1"), now));
        // One comes back at a time.
        let later = now + ANOTHER_AFTER;
        assert!(!guesses.may_guess(from, later - Duration::from_millis(1)));
        assert!(guesses.missed(from, later) && !guesses.missed(from, later));
        let rested = later + AT_ONCE * ANOTHER_AFTER;
        assert_eq!((0..2 * AT_ONCE).filter(|_| guesses.missed(from, rested)).count(), AT_ONCE as usize);
    }

    #[test]
    fn addresses_that_have_all_their_guesses_are_forgotten() {
        let (guesses, mut now) = (Guesses::default(), crate::edge::instant());
        for n in 0..10 * MANY as u32 {
            now += Duration::from_millis(10);
            assert!(guesses.missed(IpAddr::V4(n.into()), now));
            assert!(guesses.lock().rested.len() <= MANY + 1);
        }
    }
}
