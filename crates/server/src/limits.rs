//! Who may ask how often: one table, and who has asked.
//!
//! Each row gives every member, address or subject a bucket of its own. A bucket holds `burst` requests and gets one back
//! every `refill` (the generic cell rate algorithm), so that what a row lets through in a time can be read off it.

mod table;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use roomtone_room::ids::MemberId;

pub use table::{
    BAD_TOKENS, CALL_UPS, CONFIRM_MAIL_TO, EVIDENCE, FEEDS, GUESSES, HANDLES_OF_INVITE, KNOCKS, MEMBERS, NOWHERE,
    PROOFS_OF, REACTIONS, RECORDINGS, RECOVERY_OF, SIGN_IN_MAIL_TO, SOCKETS, TABLE, VISITORS,
};

/// Buckets from which on those are looked for that are full again.
const MANY: usize = 1024;

/// Of IPv6, how many leading bits are one network as well, and how many times as much as an address such a network may ask:
/// homes are given 56 or 64 bits, sites 48. More times suits those whose network is a whole town; fewer makes it costlier to ask
/// from many addresses.
const WIDER: [(u32, u32); 2] = [(56, 4), (48, 16)];

/// Whose requests a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Those of a member, whatever address they come from.
    Member,
    /// Those of a network address; of IPv6 the first 64 bits, since a user has all that follow, and [`WIDER`] ones as well.
    Address,
    /// Those about one handle or mail address, whoever asks.
    Subject,
}

/// Which requests a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Every one.
    All,
    /// Those that were wrong: a guess at a secret. The handler counts them.
    Misses,
    /// Those of the kind that the row names. The handler counts them.
    Chosen,
}

/// A row of the table.
#[derive(Debug)]
pub struct Limit {
    /// What it is called; unique.
    pub name: &'static str,
    /// Method and path of the routes that share its buckets. Empty in rows for whatever has no row of its own, and in those about
    /// all routes.
    pub routes: &'static [(&'static str, &'static str)],
    /// Whose requests it counts.
    pub key: Key,
    /// Which of them.
    pub counts: Counts,
    /// Requests at once. More serves busier pages and typing errors; fewer makes repeating costlier.
    pub burst: u32,
    /// After how long one comes back. Shorter serves steady use; longer slows whoever repeats without end.
    pub refill: Duration,
}

/// There was one request too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// How long it is until one would be let through.
    pub wait: Duration,
}

/// Who has asked, row by row.
#[derive(Debug)]
pub struct Limits {
    /// One for each row of [`TABLE`].
    rows: Vec<Buckets<Who>>,
    /// For each of them, one for each of [`WIDER`].
    wider: Vec<[Buckets<IpAddr>; WIDER.len()]>,
    /// The row that counts all requests of a route.
    by_route: HashMap<(&'static str, &'static str), usize>,
}

/// Whom a bucket belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Member(MemberId),
    Address(IpAddr),
    Subject(String),
}

impl Limits {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        let rows = TABLE.iter().map(Buckets::new).collect();
        let wider = TABLE.iter().map(|limit| WIDER.map(|(_, times)| Buckets::many(limit, times))).collect();
        let counted = TABLE.iter().enumerate().filter(|(_, limit)| limit.counts == Counts::All);
        let by_route = counted.flat_map(|(row, limit)| limit.routes.iter().map(move |&route| (route, row))).collect();
        Self { rows, wider, by_route }
    }

    /// Counts a member's request of a route, unless there were too many.
    pub fn member(&self, method: &str, path: &str, member: MemberId, now: Instant) -> Result<(), TooMany> {
        self.rows[self.row_of(method, path, &MEMBERS)].take(Who::Member(member), now)
    }

    /// Counts a request of a route for visitors, unless there were too many.
    pub fn visitor(&self, method: &str, path: &str, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        self.take_address(self.row_of(method, path, &VISITORS), from, now)
    }

    /// Counts a miss of an address, unless there were too many.
    pub fn address(&self, limit: &Limit, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        self.take_address(row(limit), from, now)
    }

    /// Whether an address may miss once more, without counting it.
    pub fn may_address(&self, limit: &Limit, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        let row = row(limit);
        self.rows[row].may(&Who::Address(network(from)), now)?;
        self.wider(row, from).try_for_each(|(network, buckets)| buckets.may(&network, now))
    }

    /// Counts a request about a subject, unless there were too many.
    pub fn subject(&self, limit: &Limit, subject: &str, now: Instant) -> Result<(), TooMany> {
        self.rows[row(limit)].take(Who::Subject(subject.to_owned()), now)
    }

    /// Whether there may be one more about a subject, without counting it.
    pub fn may_subject(&self, limit: &Limit, subject: &str, now: Instant) -> Result<(), TooMany> {
        self.rows[row(limit)].may(&Who::Subject(subject.to_owned()), now)
    }

    /// Forgets those who have been quiet for long, so that the tables stay small.
    pub fn forget_idle(&self, now: Instant) {
        self.rows.iter().for_each(|row| row.forget_idle(now));
        self.wider.iter().flatten().for_each(|row| row.forget_idle(now));
    }

    /// The row that counts all requests of a route, or the one for routes without. HEAD does what GET does (RFC 9110, section
    /// 9.3.2), so it counts as one.
    fn row_of(&self, method: &str, path: &str, otherwise: &Limit) -> usize {
        let method = if method == "HEAD" { "GET" } else { method };
        match self.by_route.get(&(method, path)) {
            Some(&found) if TABLE[found].key == otherwise.key => found,
            _ => row(otherwise),
        }
    }

    fn take_address(&self, row: usize, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        self.rows[row].take(Who::Address(network(from)), now)?;
        self.wider(row, from).try_for_each(|(network, buckets)| buckets.take(network, now))
    }

    /// The larger networks that an address is in, with their buckets of a row; none of IPv4.
    fn wider(&self, row: usize, from: IpAddr) -> impl Iterator<Item = (IpAddr, &Buckets<IpAddr>)> {
        let of_v6 = from.to_canonical().is_ipv6();
        let wider = WIDER.iter().zip(&self.wider[row]).filter(move |_| of_v6);
        wider.map(move |((bits, _), buckets)| (first_bits(from, *bits), buckets))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a row is in the table.
fn row(limit: &Limit) -> usize {
    TABLE.iter().position(|row| row.name == limit.name).expect("each limit that has a name of its own is in the table")
}

/// The buckets of one row: when each will be full again. One that is full is the same as none.
#[derive(Debug)]
struct Buckets<K> {
    burst: u32,
    refill: Duration,
    kept: Mutex<Kept<K>>,
}

#[derive(Debug)]
struct Kept<K> {
    full: HashMap<K, Instant>,
    /// How many there were after full ones had been forgotten.
    left: usize,
}

impl<K: Eq + Hash> Buckets<K> {
    /// All full.
    fn new(limit: &Limit) -> Self {
        Self::many(limit, 1)
    }

    /// All full, each holding so many times as much and getting it back so many times as fast.
    fn many(limit: &Limit, times: u32) -> Self {
        Self {
            burst: limit.burst * times,
            refill: limit.refill / times,
            kept: Mutex::new(Kept { full: HashMap::new(), left: 0 }),
        }
    }

    /// Whether this one has something left.
    fn may<Q>(&self, who: &Q, now: Instant) -> Result<(), TooMany>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.has_left(self.lock().full.get(who), now)
    }

    /// Takes one, if there is one.
    fn take(&self, who: K, now: Instant) -> Result<(), TooMany> {
        let mut kept = self.lock();
        self.has_left(kept.full.get(&who), now)?;
        let full = kept.full.entry(who).or_insert(now);
        *full = (*full).max(now) + self.refill;
        if kept.full.len() > MANY.max(2 * kept.left) {
            kept.forget(now);
        }
        Ok(())
    }

    /// Forgets those that are full.
    fn forget_idle(&self, now: Instant) {
        self.lock().forget(now);
    }

    fn has_left(&self, full: Option<&Instant>, now: Instant) -> Result<(), TooMany> {
        // A bucket that will be full by then has one left.
        let soon = now + self.refill * (self.burst - 1);
        match full.map(|full| full.saturating_duration_since(soon)) {
            Some(wait) if !wait.is_zero() => Err(TooMany { wait }),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept<K>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Kept<K> {
    fn forget(&mut self, now: Instant) {
        self.full.retain(|_, full| *full > now);
        self.left = self.full.len();
    }
}

/// An IPv6 user has a whole /64 of addresses, and counts as one.
fn network(address: IpAddr) -> IpAddr {
    first_bits(address, 64)
}

/// An IPv6 address without what follows its first bits; IPv4 as it is.
fn first_bits(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & (u128::MAX << (128 - bits))).into()),
        v4 => v4,
    }
}
