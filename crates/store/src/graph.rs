//! Who follows, blocks and mutes whom.
//!
//! Invariant: two members of whom one has blocked the other do not follow each other, and `members.followers` is how many
//! rows of `follows` lead to that member.

use std::collections::{BTreeSet, HashSet};

use roomtone_room::ids::{MemberId, Timestamp};

use crate::Store;
use crate::db::{Row, Sql, Transaction, sql};
use crate::error::StoreError;
use crate::members::{IDS_PER_STATEMENT, Person, person_from};
use crate::offices::end_grants;
use crate::search::CLASS_BEGINS;

/// Most members that one may follow. Higher suits collectors; each makes the hallway and suggestions of that member dearer.
pub const FOLLOWING_MAX: u64 = 10_000;

/// Most members that one may block, and mute.
pub const BLOCKED_MAX: u64 = 10_000;

/// How often a block is tried when others change the same rows at the same moment. More holds out longer where very much is
/// going on; a block that fails leaves somebody with whom they wanted to be rid of.
const BLOCK_ATTEMPTS: u32 = 5;

/// How loudly somebody wants to hear of whom they follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Bell {
    /// Nothing.
    Never,
    /// Now and then.
    #[default]
    Sometimes,
    /// Each time.
    Always,
}

impl Bell {
    /// As the database holds it.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Never => 0,
            Self::Sometimes => 1,
            Self::Always => 2,
        }
    }

    /// Reads what [`Bell::number`] wrote.
    pub(crate) fn from_number(number: i64) -> Result<Self, StoreError> {
        match number {
            0 => Ok(Self::Never),
            1 => Ok(Self::Sometimes),
            2 => Ok(Self::Always),
            _ => Err(StoreError::Corrupt("bell")),
        }
    }
}

/// What following somebody came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// They are followed from now on.
    New,
    /// They were followed already; the bell is set.
    Already,
    /// The follower follows [`FOLLOWING_MAX`] others already.
    TooMany,
    /// There is no such member, or there is a block between the two.
    Missing,
}

/// What is between one member and another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// Whether the one follows the other.
    pub follows: bool,
    /// Whether the other follows the one.
    pub followed: bool,
    /// Whether the one has blocked the other.
    pub blocks: bool,
    /// Whether the one has muted the other.
    pub mutes: bool,
}

/// Somebody in a list, since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub person: Person,
    /// Since when they are in it.
    pub since: Timestamp,
    /// Whether the viewer follows them.
    pub followed: bool,
}

impl Entry {
    /// Where the list goes on after this entry.
    pub fn place(&self) -> Place {
        Place { since: self.since, id: self.person.id }
    }
}

/// A place in a list that is ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The time of the last entry before it.
    pub since: Timestamp,
    /// Who that entry is about.
    pub id: MemberId,
}

impl Store {
    /// Lets `follower` follow `followed` from now on, with this bell. Somebody who follows already only gets the bell, if
    /// one is given. Nobody follows themselves.
    pub async fn follow(
        &self,
        follower: MemberId,
        followed: MemberId,
        bell: Option<Bell>,
        now: Timestamp,
    ) -> Result<Followed, StoreError> {
        if follower == followed {
            return Ok(Followed::Missing);
        }
        let mut tx = self.database.begin().await?;
        lock_pair(&mut tx, follower, followed).await?;
        // A block that is made at the same time waits for the locks, or was waited for.
        let made = sql("INSERT INTO follows (follower, followed, since, bell)
             SELECT f.id, m.id, $3, $4 FROM members f CROSS JOIN members m
             WHERE f.id = $1 AND m.id = $2
               AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocker = $1 AND blocked = $2)
               AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocker = $2 AND blocked = $1)
               AND (SELECT count(*) FROM follows WHERE follower = $1) < $5
             ON CONFLICT (follower, followed) DO NOTHING")
        .bind(follower)
        .bind(followed)
        .bind(now)
        .bind(bell.unwrap_or_default().number())
        .bind(FOLLOWING_MAX);
        let outcome = if tx.execute(made).await? > 0 {
            // Search shows the better known first: who comes into another class of it is taken in anew.
            let count =
                sql("UPDATE members SET followers = followers + 1, indexed = indexed AND followers + 1 NOT IN ")
                    .push(CLASS_BEGINS)
                    .push(" WHERE id = ")
                    .push_bind(followed);
            tx.execute(count).await?;
            Followed::New
        } else {
            let kept = sql("UPDATE follows SET bell = COALESCE($3, bell) WHERE follower = $1 AND followed = $2");
            let bell = bell.map(Bell::number);
            if tx.execute(kept.bind(follower).bind(followed).bind(bell)).await? > 0 {
                Followed::Already
            } else if following_count(&mut tx, follower).await? >= FOLLOWING_MAX {
                Followed::TooMany
            } else {
                Followed::Missing
            }
        };
        tx.commit().await?;
        Ok(outcome)
    }

    /// Ends that `follower` follows `followed`. Returns whether they did.
    pub async fn unfollow(&self, follower: MemberId, followed: MemberId) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        lock_pair(&mut tx, follower, followed).await?;
        let ended = end_follow(&mut tx, follower, followed).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Whether a member follows anybody.
    pub async fn follows_anybody(&self, follower: MemberId) -> Result<bool, StoreError> {
        let any = sql("SELECT EXISTS (SELECT 1 FROM follows WHERE follower = $1) AS follows_anybody").bind(follower);
        self.database.one(any).await?.bool("follows_anybody")
    }

    /// The ids of all whom `follower` follows, at most [`FOLLOWING_MAX`].
    pub async fn following_ids(&self, follower: MemberId) -> Result<HashSet<MemberId>, StoreError> {
        let ids = sql("SELECT followed AS id FROM follows WHERE follower = $1").bind(follower);
        self.ids(ids).await
    }

    /// Whether at least one of `of` follows `whom`.
    pub async fn any_follows(&self, of: &[MemberId], whom: MemberId) -> Result<bool, StoreError> {
        for part in of.chunks(IDS_PER_STATEMENT) {
            let any = sql("SELECT EXISTS (SELECT 1 FROM follows WHERE followed = $1 AND follower IN ")
                .bind(whom)
                .push_list(part.iter().copied())
                .push(") AS any_follows");
            if self.database.one(any).await?.bool("any_follows")? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whom at least one of `of` follows, by the newest `limit` of their follows.
    pub async fn newest_followed_by(&self, of: &[MemberId], limit: u64) -> Result<HashSet<MemberId>, StoreError> {
        let mut followed = HashSet::new();
        for part in of.chunks(IDS_PER_STATEMENT) {
            let newest = sql("SELECT followed AS id FROM follows WHERE follower IN ")
                .push_list(part.iter().copied())
                .push(" ORDER BY since DESC LIMIT ")
                .push_bind(limit);
            followed.extend(self.ids(newest).await?);
        }
        Ok(followed)
    }

    /// Everybody with whom `member` has a block, in either direction.
    pub async fn blocked_with(&self, member: MemberId) -> Result<HashSet<MemberId>, StoreError> {
        let ids = sql("SELECT blocked AS id FROM blocks WHERE blocker = $1
             UNION SELECT blocker AS id FROM blocks WHERE blocked = $1")
        .bind(member);
        self.ids(ids).await
    }

    /// Whether there is a block between two members, in either direction.
    pub async fn blocked_between(&self, one: MemberId, other: MemberId) -> Result<bool, StoreError> {
        let found = sql("SELECT EXISTS (SELECT 1 FROM blocks WHERE blocker = $1 AND blocked = $2)
                OR EXISTS (SELECT 1 FROM blocks WHERE blocker = $2 AND blocked = $1) AS blocked")
        .bind(one)
        .bind(other);
        self.database.one(found).await?.bool("blocked")
    }

    /// What is between `one` and `other`, seen from `one`.
    pub async fn between(&self, one: MemberId, other: MemberId) -> Result<Between, StoreError> {
        let found = sql("SELECT EXISTS (SELECT 1 FROM follows WHERE follower = $1 AND followed = $2) AS follows,
                EXISTS (SELECT 1 FROM follows WHERE follower = $2 AND followed = $1) AS followed,
                EXISTS (SELECT 1 FROM blocks WHERE blocker = $1 AND blocked = $2) AS blocks,
                EXISTS (SELECT 1 FROM mutes WHERE muter = $1 AND muted = $2) AS mutes")
        .bind(one)
        .bind(other);
        let row = self.database.one(found).await?;
        Ok(Between {
            follows: row.bool("follows")?,
            followed: row.bool("followed")?,
            blocks: row.bool("blocks")?,
            mutes: row.bool("mutes")?,
        })
    }

    /// Everybody whom `member` has muted.
    pub async fn muted_by(&self, member: MemberId) -> Result<HashSet<MemberId>, StoreError> {
        self.ids(sql("SELECT muted AS id FROM mutes WHERE muter = $1").bind(member)).await
    }

    /// Blocks a member: neither follows the other any more, nor acts for them, and each is as if missing for the other. Returns
    /// whether the block is new, which it is not either when there is no such member, or when `blocker` has [`BLOCKED_MAX`] of
    /// them.
    ///
    /// Tried again when others change the same rows at the same moment.
    pub async fn block(&self, blocker: MemberId, blocked: MemberId, now: Timestamp) -> Result<bool, StoreError> {
        if blocker == blocked {
            return Ok(false);
        }
        let mut attempt = 1;
        loop {
            match self.try_block(blocker, blocked, now).await {
                Err(StoreError::Busy) if attempt < BLOCK_ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    async fn try_block(&self, blocker: MemberId, blocked: MemberId, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        lock_pair(&mut tx, blocker, blocked).await?;
        let made = sql("INSERT INTO blocks (blocker, blocked, since)
             SELECT b.id, m.id, $3 FROM members b CROSS JOIN members m WHERE b.id = $1 AND m.id = $2
               AND (SELECT count(*) FROM blocks WHERE blocker = $1) < $4
             ON CONFLICT (blocker, blocked) DO NOTHING")
        .bind(blocker)
        .bind(blocked)
        .bind(now)
        .bind(BLOCKED_MAX);
        let new = tx.execute(made).await? > 0;
        if new {
            end_follow(&mut tx, blocker, blocked).await?;
            end_follow(&mut tx, blocked, blocker).await?;
            end_grants(&mut tx, blocker, blocked, now).await?;
        }
        tx.commit().await?;
        Ok(new)
    }

    /// Takes a block back. Returns whether there was one. Who followed whom before does not come back.
    pub async fn unblock(&self, blocker: MemberId, blocked: MemberId) -> Result<bool, StoreError> {
        let unblock = sql("DELETE FROM blocks WHERE blocker = $1 AND blocked = $2").bind(blocker).bind(blocked);
        Ok(self.database.execute(unblock).await? > 0)
    }

    /// Mutes a member: nothing of theirs is brought to `muter` unasked. Returns whether that is new, as for
    /// [`Store::block`].
    pub async fn mute(&self, muter: MemberId, muted: MemberId, now: Timestamp) -> Result<bool, StoreError> {
        if muter == muted {
            return Ok(false);
        }
        let mute = sql("INSERT INTO mutes (muter, muted, since)
             SELECT b.id, m.id, $3 FROM members b CROSS JOIN members m WHERE b.id = $1 AND m.id = $2
               AND (SELECT count(*) FROM mutes WHERE muter = $1) < $4
             ON CONFLICT (muter, muted) DO NOTHING")
        .bind(muter)
        .bind(muted)
        .bind(now)
        .bind(BLOCKED_MAX);
        Ok(self.database.execute(mute).await? > 0)
    }

    /// Takes a mute back. Returns whether there was one.
    pub async fn unmute(&self, muter: MemberId, muted: MemberId) -> Result<bool, StoreError> {
        let unmute = sql("DELETE FROM mutes WHERE muter = $1 AND muted = $2").bind(muter).bind(muted);
        Ok(self.database.execute(unmute).await? > 0)
    }

    /// A page of those who follow `whom`, as far as `viewer` may know of them, the newest first.
    pub async fn followers_page(
        &self,
        viewer: MemberId,
        whom: MemberId,
        after: Option<Place>,
        limit: u64,
    ) -> Result<Vec<Entry>, StoreError> {
        let page = sql("SELECT m.id, m.handle, m.name, m.avatar, f.since,
                EXISTS (SELECT 1 FROM follows v WHERE v.follower = $4 AND v.followed = m.id) AS followed
             FROM follows f JOIN members m ON m.id = f.follower
             WHERE f.followed = $1 AND (f.since, f.follower) < ($2, $3) AND m.suspended_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $4)
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $4 AND b.blocked = m.id)
             ORDER BY f.since DESC, f.follower DESC LIMIT $5");
        self.page(page, whom, after, viewer, limit).await
    }

    /// A page of those whom `whom` follows, as far as `viewer` may know of them, the newest first.
    pub async fn following_page(
        &self,
        viewer: MemberId,
        whom: MemberId,
        after: Option<Place>,
        limit: u64,
    ) -> Result<Vec<Entry>, StoreError> {
        let page = sql("SELECT m.id, m.handle, m.name, m.avatar, f.since,
                EXISTS (SELECT 1 FROM follows v WHERE v.follower = $4 AND v.followed = m.id) AS followed
             FROM follows f JOIN members m ON m.id = f.followed
             WHERE f.follower = $1 AND (f.since, f.followed) < ($2, $3) AND m.suspended_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $4)
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $4 AND b.blocked = m.id)
             ORDER BY f.since DESC, f.followed DESC LIMIT $5");
        self.page(page, whom, after, viewer, limit).await
    }

    /// A page of those whom `blocker` has blocked, the newest first, whatever became of them: who is blocked and blocks back
    /// must not show that by vanishing from it.
    pub async fn blocks_page(
        &self,
        blocker: MemberId,
        after: Option<Place>,
        limit: u64,
    ) -> Result<Vec<Entry>, StoreError> {
        let page = sql("SELECT m.id, m.handle, m.name, m.avatar, b.since,
                EXISTS (SELECT 1 FROM follows v WHERE v.follower = $4 AND v.followed = m.id) AS followed
             FROM blocks b JOIN members m ON m.id = b.blocked
             WHERE b.blocker = $1 AND (b.since, b.blocked) < ($2, $3) AND b.blocker = $4
             ORDER BY b.since DESC, b.blocked DESC LIMIT $5");
        self.page(page, blocker, after, blocker, limit).await
    }

    /// A page of those whom `muter` has muted and may know of, the newest first.
    pub async fn mutes_page(
        &self,
        muter: MemberId,
        after: Option<Place>,
        limit: u64,
    ) -> Result<Vec<Entry>, StoreError> {
        let page = sql("SELECT m.id, m.handle, m.name, m.avatar, u.since,
                EXISTS (SELECT 1 FROM follows v WHERE v.follower = $4 AND v.followed = m.id) AS followed
             FROM mutes u JOIN members m ON m.id = u.muted
             WHERE u.muter = $1 AND (u.since, u.muted) < ($2, $3) AND m.suspended_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $4)
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $4 AND b.blocked = m.id)
             ORDER BY u.since DESC, u.muted DESC LIMIT $5");
        self.page(page, muter, after, muter, limit).await
    }

    /// The member with this handle whom `muter` has muted, whatever became of them since.
    pub async fn muted_by_handle(&self, muter: MemberId, handle: &str) -> Result<Option<MemberId>, StoreError> {
        let found = sql("SELECT m.id FROM members m JOIN mutes u ON u.muted = m.id
             WHERE m.handle = $1 AND u.muter = $2")
        .bind(handle)
        .bind(muter);
        self.database.optional(found).await?.map(|row| row.member("id")).transpose()
    }

    /// The member with this handle whom `blocker` has blocked.
    pub async fn blocked_by_handle(&self, blocker: MemberId, handle: &str) -> Result<Option<MemberId>, StoreError> {
        let found = sql("SELECT m.id FROM members m JOIN blocks b ON b.blocked = m.id
             WHERE m.handle = $1 AND b.blocker = $2")
        .bind(handle)
        .bind(blocker);
        self.database.optional(found).await?.map(|row| row.member("id")).transpose()
    }

    /// A page of what one of the statements above selects.
    async fn page(
        &self,
        page: Sql,
        of: MemberId,
        after: Option<Place>,
        viewer: MemberId,
        limit: u64,
    ) -> Result<Vec<Entry>, StoreError> {
        let after = after.unwrap_or(Place { since: Timestamp(i64::MAX as u64), id: MemberId(u128::MAX) });
        let page = page.bind(of).bind(after.since).bind(after.id).bind(viewer).bind(limit);
        let entry = |row: &Row| {
            Ok(Entry { person: person_from(row)?, since: row.time("since")?, followed: row.bool("followed")? })
        };
        self.database.all(page).await?.iter().map(entry).collect()
    }

    /// The ids in the column `id`.
    pub(crate) async fn ids(&self, sql: Sql) -> Result<HashSet<MemberId>, StoreError> {
        self.database.all(sql).await?.iter().map(|row| row.member("id")).collect()
    }
}

/// Locks members' rows until the commit, in the same order as [`lock_pair`]. SQLite has one writer at a time and no locks of rows.
pub(crate) async fn lock_members(tx: &mut Transaction, members: &BTreeSet<MemberId>) -> Result<(), StoreError> {
    if matches!(tx, Transaction::Sqlite(_)) {
        return Ok(());
    }
    let members: Vec<_> = members.iter().copied().collect();
    for part in members.chunks(IDS_PER_STATEMENT) {
        let lock = sql("SELECT id FROM members WHERE id IN ").push_list(part.iter().copied());
        tx.all(lock.push(" ORDER BY id FOR NO KEY UPDATE")).await?;
    }
    Ok(())
}

/// Locks two members' rows until the commit, always in the same order, so that what is between two members changes one
/// after the other in every database and no two transactions wait for each other.
pub(crate) async fn lock_pair(tx: &mut Transaction, one: MemberId, other: MemberId) -> Result<(), StoreError> {
    for member in [one.min(other), one.max(other)] {
        tx.execute(sql("UPDATE members SET followers = followers WHERE id = $1").bind(member)).await?;
    }
    Ok(())
}

/// Takes one follow out, and out of the count. Returns whether it was there.
async fn end_follow(tx: &mut Transaction, follower: MemberId, followed: MemberId) -> Result<bool, StoreError> {
    let end = sql("DELETE FROM follows WHERE follower = $1 AND followed = $2").bind(follower).bind(followed);
    let ended = tx.execute(end).await? > 0;
    if ended {
        let count = sql("UPDATE members SET followers = followers - 1, indexed = indexed AND followers NOT IN ")
            .push(CLASS_BEGINS)
            .push(" WHERE id = ")
            .push_bind(followed);
        tx.execute(count).await?;
    }
    Ok(ended)
}

async fn following_count(tx: &mut Transaction, follower: MemberId) -> Result<u64, StoreError> {
    let count = sql("SELECT count(*) AS n FROM follows WHERE follower = $1").bind(follower);
    tx.one(count).await?.count("n")
}
