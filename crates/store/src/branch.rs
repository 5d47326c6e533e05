//! Branches of the invite tree: keeping a member and everybody below them out, and letting them in again.

use std::collections::{BTreeSet, HashSet};

use roomtone_room::ids::{MemberId, RecordId, Timestamp};

use crate::admin::{AuditEntry, insert_audit};
use crate::db::{Row, Sql, Transaction, sql};
use crate::error::StoreError;
use crate::graph::lock_members;
use crate::members::Person;
use crate::open::ROWS_PER_STATEMENT;
use crate::{PAGE, Store};

/// What is to be done to a member, or to them and everybody below them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchAct {
    /// Names the entry in the audit log.
    pub id: RecordId,
    /// Whom, or whose branch.
    pub member: MemberId,
    /// Whether everybody below is meant too.
    pub branch: bool,
    /// Who does it: the owner or an admin.
    pub author: MemberId,
    /// When.
    pub at: Timestamp,
}

/// Why nothing was done to a member. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// It is about the owner; or an admin, and who wants it is not the owner.
    #[error("the owner, and for admins other admins, cannot be suspended or restored")]
    Protected,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A member who is kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// Who.
    pub person: Person,
    /// The handle of the member whose branch was suspended, if it was a branch.
    pub root: Option<String>,
    /// The handle of who did it.
    pub author: Option<String>,
    /// Why, in their words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Everybody whom an act is about, as `branch`: `$1` is the member, `$2` whether those below are meant too. The owner is in
/// nobody's branch, nor is whoever is below the owner.
macro_rules! with_branch {
    ($statement:expr) => {
        concat!(
            "WITH RECURSIVE branch (id) AS (
                SELECT id FROM members WHERE id = $1 AND NOT owner
                UNION
                SELECT m.id FROM branch b JOIN members m ON m.sponsor = b.id WHERE $2 AND NOT m.owner
             ) ",
            $statement
        )
    };
}

/// Locks those of a branch who are as the condition says, and counts them.
macro_rules! locked_branch {
    ($condition:literal) => {
        with_branch!(concat!(
            "SELECT count(*) AS locked FROM (
                SELECT m.id FROM branch b JOIN members m ON m.id = b.id WHERE ",
            $condition,
            " ORDER BY m.id FOR NO KEY UPDATE OF m
             ) locked"
        ))
    };
}

impl Store {
    /// The first step of [`Store::suspend_rest`], for a branch so large that all of it takes its time: keeps out those of
    /// `here` whom the act is about, which are few, so that they are gone at once. Returns who was not suspended before.
    ///
    /// Errors: [`BranchError::Protected`], also when that is only known of somebody else in the branch; or the store's.
    pub async fn suspend_here(
        &self,
        act: &BranchAct,
        reason: &str,
        here: &HashSet<MemberId>,
    ) -> Result<Vec<MemberId>, BranchError> {
        let mut transaction = self.database.begin().await?;
        let of_owner = check(&mut transaction, act).await?;
        let admins = sql("SELECT id FROM members WHERE admin AND suspended_at IS NULL");
        let admins: HashSet<_> = ids_of(&transaction.all(admins).await?)?;
        let meant = within(&mut transaction, act, here.union(&admins).copied()).await?;
        if !of_owner && !meant.is_disjoint(&admins) {
            return Err(BranchError::Protected);
        }
        let found: BTreeSet<_> = meant.intersection(here).copied().collect();
        lock_members(&mut transaction, &found).await?;
        let found: Vec<_> = found.into_iter().collect();
        let mut suspended = Vec::with_capacity(found.len());
        for part in found.chunks(ROWS_PER_STATEMENT) {
            let ids = || part.iter().copied();
            let mark = sql("UPDATE members SET suspended_at = ").push_bind(act.at);
            let mark = mark.push(" WHERE suspended_at IS NULL AND NOT owner AND id IN ").push_list(ids());
            for row in transaction.all(mark.push(" RETURNING id")).await? {
                suspended.push(row.member("id")?);
            }
            let root = act.branch.then_some(act.member);
            let note = sql("INSERT INTO suspensions (member, root, author, reason, at) SELECT m.id, ")
                .push_bind(root)
                .push(", ")
                .push_bind(act.author)
                .push(", ")
                .push_bind(reason)
                .push(", ")
                .push_bind(act.at)
                .push(
                    " FROM members m WHERE m.suspended_at IS NOT NULL
                     AND NOT EXISTS (SELECT 1 FROM suspensions s WHERE s.member = m.id) AND m.id IN ",
                )
                .push_list(ids());
            transaction.execute(note).await?;
        }
        transaction.commit().await?;
        Ok(suspended)
    }

    /// Keeps a member, or a branch, out of this server: their open invites are revoked, and nothing lets them in until they are
    /// restored, neither signing in nor a session that they have. Whoever is just being let in by one of these invites is
    /// suspended too. Returns who was not suspended before; what is left of their sessions is for
    /// [`Store::end_sessions_of`], since the rows of a large branch take their time.
    ///
    /// Errors: [`BranchError::Protected`], or the store's.
    pub async fn suspend(&self, act: &BranchAct, reason: &str) -> Result<Vec<MemberId>, BranchError> {
        self.suspend_rest(act, reason, &[]).await
    }

    /// The same after [`Store::suspend_here`], which has suspended `already`; they are returned as well. Should this fail, they
    /// stay out, and the act is repeated as a whole.
    ///
    /// Errors: as for [`Store::suspend`].
    pub async fn suspend_rest(
        &self,
        act: &BranchAct,
        reason: &str,
        already: &[MemberId],
    ) -> Result<Vec<MemberId>, BranchError> {
        match self.suspend_once(act, reason, already).await {
            // Postgres takes one of two back that wait for each other: whoever signed in or came in just then has done so now.
            Err(BranchError::Store(StoreError::Busy)) => self.suspend_once(act, reason, already).await,
            done => done,
        }
    }

    async fn suspend_once(
        &self,
        act: &BranchAct,
        reason: &str,
        already: &[MemberId],
    ) -> Result<Vec<MemberId>, BranchError> {
        let mut transaction = self.database.begin().await?;
        let of_owner = check(&mut transaction, act).await?;
        let mut suspended = already.to_vec();
        let mut again = false;
        loop {
            let lock = sql(locked_branch!("m.suspended_at IS NULL"));
            lock_branch(&mut transaction, act, lock).await?;
            let mark = sql(with_branch!(
                "UPDATE members SET suspended_at = $3
                 WHERE suspended_at IS NULL AND NOT owner AND id IN (SELECT id FROM branch) RETURNING id, admin"
            ));
            let rows = transaction.all(mark.bind(act.member).bind(act.branch).bind(act.at)).await?;
            // Nobody came in by the invites that were still open when the others were marked.
            if rows.is_empty() && again {
                break;
            }
            again = true;
            for row in &rows {
                if row.bool("admin")? && !of_owner {
                    return Err(BranchError::Protected);
                }
                suspended.push(row.member("id")?);
            }
            // Whoever is redeeming one of these is waited for here, and found by the next look at the branch.
            let revoke = sql(with_branch!(
                "UPDATE invites SET revoked_at = $3
                 WHERE used_at IS NULL AND revoked_at IS NULL AND sponsor IN (SELECT id FROM branch)"
            ));
            transaction.execute(revoke.bind(act.member).bind(act.branch).bind(act.at)).await?;
            let note = sql(with_branch!(
                "INSERT INTO suspensions (member, root, author, reason, at)
                 SELECT m.id, $3, $4, $5, $6 FROM branch b JOIN members m ON m.id = b.id
                 WHERE m.suspended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM suspensions s WHERE s.member = m.id)"
            ));
            let root = act.branch.then_some(act.member);
            let note = note.bind(act.member).bind(act.branch).bind(root).bind(act.author).bind(reason).bind(act.at);
            transaction.execute(note).await?;
        }
        if act.branch {
            // Also if they were suspended alone before, so that they come back together with their branch.
            let root = sql("UPDATE suspensions SET root = member WHERE member = $1").bind(act.member);
            transaction.execute(root).await?;
        }
        finish(transaction, act, "suspend", suspended.len()).await?;
        Ok(suspended)
    }

    /// Lets a member in again; with `branch`, also everybody below who was suspended in the same act as they, and not in one
    /// of their own. Returns who was suspended. They sign in anew, also if the sessions that they had have not been ended yet; invites that were revoked stay so.
    ///
    /// Errors: [`BranchError::Protected`], or the store's.
    pub async fn restore(&self, act: &BranchAct) -> Result<Vec<MemberId>, BranchError> {
        let mut transaction = self.database.begin().await?;
        let of_owner = check(&mut transaction, act).await?;
        lock_branch(&mut transaction, act, sql(locked_branch!("m.suspended_at IS NOT NULL"))).await?;
        let together = sql(with_branch!(
            "DELETE FROM suspensions WHERE member IN (SELECT id FROM branch) AND (member = $1
                OR root = COALESCE((SELECT s.root FROM suspensions s WHERE s.member = $1), $1)) RETURNING member"
        ));
        let rows = transaction.all(together.bind(act.member).bind(act.branch)).await?;
        let restored = rows.iter().map(|row| row.member("member")).collect::<Result<Vec<_>, _>>()?;
        for part in restored.chunks(ROWS_PER_STATEMENT) {
            let ids = || part.iter().copied();
            let clear =
                sql("UPDATE members SET suspended_at = NULL WHERE id IN ").push_list(ids()).push(" RETURNING admin");
            for row in transaction.all(clear).await? {
                if row.bool("admin")? && !of_owner {
                    return Err(BranchError::Protected);
                }
            }
            transaction.execute(sql("DELETE FROM push_subscriptions WHERE member IN ").push_list(ids())).await?;
            transaction.execute(sql("DELETE FROM sessions WHERE member IN ").push_list(ids())).await?;
        }
        finish(transaction, act, "restore", restored.len()).await?;
        Ok(restored)
    }

    /// Ends the sessions and push subscriptions of members as far as they are suspended, some at a time: each part is a
    /// transaction of its own, so that others who write wait for no more than that.
    pub async fn end_sessions_of(&self, members: &[MemberId]) -> Result<(), StoreError> {
        for part in members.chunks(ROWS_PER_STATEMENT) {
            let mut transaction = self.database.begin().await?;
            // Whoever was restored meanwhile may have signed in again.
            for end in ["DELETE FROM push_subscriptions", "DELETE FROM sessions"] {
                let end = sql(end).push(" WHERE member IN (SELECT member FROM suspensions WHERE member IN ");
                transaction.execute(end.push_list(part.iter().copied()).push(")")).await?;
            }
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Suspended members of whom sessions or push subscriptions are left: [`Store::end_sessions_of`] has not come to its end.
    pub async fn suspended_with_sessions(&self) -> Result<Vec<MemberId>, StoreError> {
        let left = sql("SELECT x.member FROM suspensions x JOIN sessions s ON s.member = x.member
             UNION SELECT x.member FROM suspensions x JOIN push_subscriptions p ON p.member = x.member");
        self.database.all(left).await?.iter().map(|row| row.member("member")).collect()
    }

    /// Up to [`PAGE`] members who are kept out, the latest first, after the place of one of them: when, and who.
    pub async fn suspensions(&self, after: Option<(Timestamp, MemberId)>) -> Result<Vec<Suspension>, StoreError> {
        let mut list =
            sql("SELECT m.id, m.handle, m.name, m.avatar, r.handle AS root, a.handle AS author, s.reason, s.at
             FROM suspensions s JOIN members m ON m.id = s.member LEFT JOIN members r ON r.id = s.root
                  LEFT JOIN members a ON a.id = s.author
             WHERE TRUE");
        if let Some((at, member)) = after {
            list = list.push(" AND (s.at, s.member) < (").push_bind(at).push(", ").push_bind(member).push(")");
        }
        let list = list.push(" ORDER BY s.at DESC, s.member DESC LIMIT ").push_bind(PAGE as u64);
        self.database.all(list).await?.iter().map(suspension_from).collect()
    }

    /// How many members an act is about, and of them how many are suspended.
    pub async fn branch_size(&self, member: MemberId) -> Result<(u64, u64), StoreError> {
        let count = sql(with_branch!(
            "SELECT count(*) AS members, count(m.suspended_at) AS suspended
             FROM branch b JOIN members m ON m.id = b.id"
        ));
        let row = self.database.one(count.bind(member).bind(true)).await?;
        Ok((row.count("members")?, row.count("suspended")?))
    }
}

/// Whether the author of an act is the owner. Refuses what nobody may do.
async fn check(transaction: &mut Transaction, act: &BranchAct) -> Result<bool, BranchError> {
    let roles = sql("SELECT a.owner AS by_owner, m.owner, m.admin FROM members m JOIN members a
             ON a.id = $2 AND (a.owner OR a.admin) AND a.suspended_at IS NULL WHERE m.id = $1")
    .bind(act.member)
    .bind(act.author);
    // Whoever is no admin any more may do nothing.
    let Some(roles) = transaction.optional(roles).await? else { return Err(BranchError::Protected) };
    let by_owner = roles.bool("by_owner")?;
    if roles.bool("owner")? || (roles.bool("admin")? && !by_owner) {
        return Err(BranchError::Protected);
    }
    Ok(by_owner)
}

/// Which of some members an act is about. They are few, so that each is followed up to the root and not the branch down to all
/// who are in it.
async fn within(
    transaction: &mut Transaction,
    act: &BranchAct,
    members: impl Iterator<Item = MemberId>,
) -> Result<HashSet<MemberId>, StoreError> {
    if !act.branch {
        return Ok(members.filter(|member| *member == act.member).collect());
    }
    let mut found = HashSet::new();
    let members: Vec<_> = members.collect();
    for part in members.chunks(ROWS_PER_STATEMENT) {
        let up = sql("WITH RECURSIVE above (start, id) AS (
                SELECT id, id FROM members WHERE id IN ")
        .push_list(part.iter().copied())
        .push(
            "   UNION
                SELECT a.start, m.sponsor FROM above a JOIN members m ON m.id = a.id
                WHERE m.sponsor IS NOT NULL AND NOT m.owner AND a.id <> ",
        )
        .push_bind(act.member)
        .push(") SELECT start AS id FROM above WHERE id = ")
        .push_bind(act.member);
        found.extend(ids_of::<Vec<_>>(&transaction.all(up).await?)?);
    }
    Ok(found)
}

fn ids_of<C: FromIterator<MemberId>>(rows: &[Row]) -> Result<C, StoreError> {
    rows.iter().map(|row| row.member("id")).collect()
}

/// Locks members of a branch until the commit, the lowest id first as [`lock_members`] does. A statement that changes many rows locks
/// them as it comes upon them: of two admins at branches that cross, or of one and somebody who is followed, each could have a row
/// that the other waits for, and Postgres would take one of them back. SQLite has one writer at a time and no locks of rows.
async fn lock_branch(transaction: &mut Transaction, act: &BranchAct, lock: Sql) -> Result<(), StoreError> {
    if matches!(transaction, Transaction::Postgres(_)) {
        transaction.all(lock.bind(act.member).bind(act.branch)).await?;
    }
    Ok(())
}

/// Writes an act that changed something into the audit log, and commits it.
async fn finish(
    mut transaction: Transaction,
    act: &BranchAct,
    name: &'static str,
    count: usize,
) -> Result<(), StoreError> {
    if count == 0 {
        return transaction.rollback().await;
    }
    let entry = AuditEntry {
        id: act.id,
        at: act.at,
        actor: act.author,
        act: name,
        about: Some(act.member),
        details: format!("branch={} count={count}", act.branch),
    };
    insert_audit(&mut transaction, &entry).await?;
    transaction.commit().await
}

/// Reads what [`Store::suspensions`] selects.
fn suspension_from(row: &Row) -> Result<Suspension, StoreError> {
    Ok(Suspension {
        person: crate::members::person_from(row)?,
        root: row.text_or_null("root")?,
        author: row.text_or_null("author")?,
        reason: row.text("reason")?,
        at: row.time("at")?,
    })
}
