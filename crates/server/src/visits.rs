//! Who took part on which day. Kept in memory and written in batches, since it is about days and not about moments: what a
//! crash loses is noted again as soon as its people meet again.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use roomtone_room::ids::{MemberId, Timestamp};
use roomtone_store::{DAYS_AT_ONCE, Earned, Store, StoreError};

/// Most days of members that wait to be written. More rides out a longer stall of the database; those beyond are not
/// counted until their people meet again.
const WAITING_MAX: usize = 200_000;

/// Milliseconds in a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// The days on which members were in a room with somebody else.
#[derive(Debug, Default)]
pub struct Visits(Mutex<Days>);

#[derive(Debug, Default)]
struct Days {
    /// Not written yet: member and day, counted from 1970 in UTC.
    waiting: HashSet<(MemberId, u64)>,
    /// Written already; only the latest day, since nobody takes part in the past.
    written: HashSet<MemberId>,
    latest: u64,
}

impl Visits {
    /// Notes that the member is in a room with somebody else.
    pub fn together(&self, member: MemberId, now: Timestamp) {
        let day = now.0 / DAY;
        let mut days = self.lock();
        if day > days.latest {
            days.latest = day;
            days.written.clear();
        }
        let known = day == days.latest && days.written.contains(&member);
        if !known && days.waiting.len() < WAITING_MAX {
            days.waiting.insert((member, day));
        }
    }

    /// Writes some of what has been noted, and returns which sponsors have earned an invite by it; `None` if there is nothing.
    /// What could not be written is tried again the next time.
    pub async fn write_some(&self, store: &Store, now: Timestamp) -> Result<Option<Vec<Earned>>, StoreError> {
        let some: Vec<_> = {
            let mut days = self.lock();
            let some = days.waiting.iter().copied().take(DAYS_AT_ONCE).collect::<Vec<_>>();
            for day in &some {
                days.waiting.remove(day);
            }
            some
        };
        if some.is_empty() {
            return Ok(None);
        }
        let written = store.record_days(&some, now).await;
        let mut days = self.lock();
        if written.is_ok() {
            let latest = days.latest;
            days.written.extend(some.iter().filter(|(_, day)| *day == latest).map(|(member, _)| *member));
        } else {
            days.waiting.extend(some);
        }
        written.map(Some)
    }

    fn lock(&self) -> MutexGuard<'_, Days> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(visits: &Visits) -> Vec<(u128, u64)> {
        let mut waiting: Vec<_> = visits.lock().waiting.iter().map(|(member, day)| (member.0, *day)).collect();
        waiting.sort_unstable();
        waiting
    }

    #[tokio::test]
    async fn a_day_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let visits = Visits::default();
        let noon = |day| Timestamp(day * DAY + DAY / 2);
        for _ in 0..3 {
            visits.together(MemberId(1), noon(10));
            visits.together(MemberId(2), Timestamp(11 * DAY - 1));
        }
        assert_eq!(waiting(&visits), [(1, 10), (2, 10)]);
        assert_eq!(visits.write_some(&store, noon(10)).await.unwrap(), Some(Vec::new()));
        assert_eq!(visits.write_some(&store, noon(10)).await.unwrap(), None);
        visits.together(MemberId(1), noon(10));
        visits.together(MemberId(3), noon(10));
        assert_eq!(waiting(&visits), [(3, 10)]);
        // Midnight in UTC.
        visits.together(MemberId(1), Timestamp(11 * DAY));
        assert_eq!(waiting(&visits), [(1, 11), (3, 10)]);
        visits.write_some(&store, noon(11)).await.unwrap();
        visits.together(MemberId(1), noon(11));
        visits.together(MemberId(3), noon(11));
        assert_eq!(waiting(&visits), [(3, 11)]);
    }

    /// So that what was earned by those that were is told, whatever becomes of the others.
    #[tokio::test]
    async fn days_are_written_some_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let visits = Visits::default();
        for member in 0..DAYS_AT_ONCE as u128 + 3 {
            visits.together(MemberId(member), Timestamp(0));
        }
        assert!(visits.write_some(&store, Timestamp(0)).await.unwrap().is_some());
        assert_eq!(waiting(&visits).len(), 3);
        assert!(visits.write_some(&store, Timestamp(0)).await.unwrap().is_some());
        assert_eq!(visits.write_some(&store, Timestamp(0)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_could_not_be_written_waits() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let visits = Visits::default();
        visits.together(MemberId(1), Timestamp(0));
        store.close().await;
        assert!(matches!(visits.write_some(&store, Timestamp(0)).await, Err(StoreError::Closed)));
        assert_eq!(waiting(&visits), [(1, 0)]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let visits = Visits::default();
        for member in 0..2 * WAITING_MAX as u128 {
            visits.together(MemberId(member), Timestamp(0));
        }
        assert_eq!(visits.lock().waiting.len(), WAITING_MAX);
    }
}
