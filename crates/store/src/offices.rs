//! Offices: who may act for whom, and what was done so. The rules are `roomtone_room::office`'s.

use roomtone_room::ids::{AvatarId, MemberId, RecordId, Timestamp};
use roomtone_room::office::{Act, Ending, GRANTS_MAX, Grant, Refusal, Right, Rights};

use crate::Store;
use crate::db::{Row, Transaction, sql};
use crate::error::StoreError;
use crate::graph::lock_pair;
use crate::members::{Person, person_from};

/// Most grants that are listed of one principal or delegate, the newest first: those that count are among them, since they are
/// fewer for a principal, and a delegate of more than so many has other worries.
const GRANTS_LISTED: u32 = 100;

/// A grant, as one of its two people sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficeGrant {
    /// Its id.
    pub id: RecordId,
    /// What it lets do, and how it stands.
    pub grant: Grant,
    /// What the office is called, such as "press office".
    pub title: String,
    /// The other one: the delegate for the principal, and the principal for the delegate.
    pub other: Person,
    /// When a right of it was used last.
    pub used_at: Option<Timestamp>,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantOffered {
    /// It was made.
    Made,
    /// The principal has [`GRANTS_MAX`] that are offered or held.
    TooMany,
    /// There is one between the two already.
    Already,
    /// There is no such delegate for this principal: gone, suspended, or with a block in either direction.
    Missing,
}

/// What became of an act on a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantActed {
    /// It is done; this is how the grant is now.
    Done(Grant),
    /// It was refused.
    Refused(Refusal),
    /// There is no such grant.
    Missing,
}

/// Something that a delegate has done, for the principal's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOfficeAct {
    /// The new id.
    pub id: RecordId,
    /// For whom it was done.
    pub principal: MemberId,
    /// Who did it.
    pub delegate: MemberId,
    /// When.
    pub at: Timestamp,
    /// What kind of thing, as the caller names it.
    pub kind: &'static str,
    /// The id of the invitation, event or room that it was done to.
    pub subject: Option<u128>,
    /// The words that went with it.
    pub note: String,
}

/// Something that a delegate has done, as the principal reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficeAct {
    /// Its id.
    pub id: RecordId,
    /// Who did it, as far as the principal may know of them.
    pub delegate: Option<Person>,
    /// When.
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: String,
    /// What it was done to.
    pub subject: Option<u128>,
    /// The words that went with it; empty if whoever wrote them has gone.
    pub note: String,
}

/// Grants `g` with the other person `m`, found by a condition.
macro_rules! select_grant {
    ($other:literal, $condition:literal) => {
        concat!(
            "SELECT g.id AS grant_id, g.principal, g.delegate, g.rights, g.title, g.offered_at, g.expires_at, g.accepted_at,
                    g.used_at, g.ended_at, g.ending, m.id, m.handle, m.name, m.avatar
             FROM office_grants g JOIN members m ON m.id = g.",
            $other,
            " AND m.suspended_at IS NULL WHERE ",
            $condition,
            " ORDER BY g.offered_at DESC, g.id DESC LIMIT ",
        )
    };
}

impl Store {
    /// Offers a grant, if the principal has fewer than [`GRANTS_MAX`] and none with this delegate.
    ///
    /// Errors: [`StoreError::Conflict`] when the id is known already.
    pub async fn offer_grant(&self, id: RecordId, grant: &Grant, title: &str) -> Result<GrantOffered, StoreError> {
        let (principal, delegate, now) = (grant.principal, grant.delegate, grant.offered_at);
        let mut tx = self.database.begin().await?;
        // What else is done between the two at this moment comes before or after, a block as well; and of two last offers of the
        // principal one counts the other.
        lock_pair(&mut tx, principal, delegate).await?;
        let over = sql("UPDATE office_grants SET ended_at = expires_at
             WHERE principal = $1 AND delegate = $2 AND ended_at IS NULL AND expires_at <= $3");
        tx.execute(over.bind(principal).bind(delegate).bind(now)).await?;
        let lasting = sql("SELECT count(*) AS n FROM office_grants
             WHERE principal = $1 AND ended_at IS NULL AND expires_at > $2");
        if tx.one(lasting.bind(principal).bind(now)).await?.count("n")? >= GRANTS_MAX as u64 {
            return Ok(GrantOffered::TooMany);
        }
        let same =
            sql("SELECT 1 AS one FROM office_grants WHERE principal = $1 AND delegate = $2 AND ended_at IS NULL");
        if tx.optional(same.bind(principal).bind(delegate)).await?.is_some() {
            return Ok(GrantOffered::Already);
        }
        let made = sql("INSERT INTO office_grants (id, principal, delegate, rights, title, offered_at, expires_at)
             SELECT $1, p.id, d.id, $4, $5, $6, $7 FROM members p CROSS JOIN members d
             WHERE p.id = $2 AND d.id = $3 AND p.suspended_at IS NULL AND d.suspended_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocker = $2 AND blocked = $3)
               AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocker = $3 AND blocked = $2)")
        .bind(id)
        .bind(principal)
        .bind(delegate)
        .bind(grant.rights.bits())
        .bind(title)
        .bind(now)
        .bind(grant.expires_at);
        if tx.execute(made).await? == 0 {
            return Ok(GrantOffered::Missing);
        }
        tx.commit().await?;
        Ok(GrantOffered::Made)
    }

    /// Lets `actor` act on a grant, if it is theirs and the rules let them.
    pub async fn act_on_grant(
        &self,
        id: RecordId,
        actor: MemberId,
        act: Act,
        now: Timestamp,
    ) -> Result<GrantActed, StoreError> {
        let mut tx = self.database.begin().await?;
        // An update and not a read, so that of two who act at once the second sees what the first did.
        let lock = sql("UPDATE office_grants SET title = title WHERE id = $1 AND (principal = $2 OR delegate = $2)");
        if tx.execute(lock.bind(id).bind(actor)).await? == 0 {
            return Ok(GrantActed::Missing);
        }
        let found = tx.one(sql("SELECT * FROM office_grants WHERE id = $1").bind(id)).await?;
        let mut grant = grant_from(&found)?;
        if let Err(refusal) = grant.apply(now, actor, act) {
            return Ok(GrantActed::Refused(refusal));
        }
        let kept = sql("UPDATE office_grants SET accepted_at = $2, ended_at = $3, ending = $4 WHERE id = $1")
            .bind(id)
            .bind(grant.accepted_at)
            .bind(grant.ended.map(|(at, _)| at))
            .bind(grant.ended.map(|(_, ending)| ending_text(ending)));
        tx.execute(kept).await?;
        tx.commit().await?;
        Ok(GrantActed::Done(grant))
    }

    /// The grants that a member has offered, with those who got them: the newest first.
    pub async fn grants_of(&self, principal: MemberId) -> Result<Vec<OfficeGrant>, StoreError> {
        let all = sql(select_grant!("delegate", "g.principal = $1")).bind(principal).push_bind(GRANTS_LISTED);
        self.database.all(all).await?.iter().map(office_grant_from).collect()
    }

    /// The grants that were offered to a member, with those who offered them: the newest first.
    pub async fn delegations_of(&self, delegate: MemberId) -> Result<Vec<OfficeGrant>, StoreError> {
        let all = sql(select_grant!("principal", "g.delegate = $1")).bind(delegate).push_bind(GRANTS_LISTED);
        self.database.all(all).await?.iter().map(office_grant_from).collect()
    }

    /// The grants by which a member may act for others now.
    pub async fn offices_for(&self, delegate: MemberId, now: Timestamp) -> Result<Vec<OfficeGrant>, StoreError> {
        const HELD: &str = select_grant!(
            "principal",
            "g.delegate = $1 AND g.accepted_at IS NOT NULL AND g.ended_at IS NULL AND g.expires_at > $2"
        );
        let held = sql(HELD).bind(delegate).bind(now).push_bind(GRANTS_LISTED);
        self.database.all(held).await?.iter().map(office_grant_from).collect()
    }

    /// Those who may use this right for a member now, for what the whole office is told.
    pub async fn office_of(
        &self,
        principal: MemberId,
        right: Right,
        now: Timestamp,
    ) -> Result<Vec<OfficeGrant>, StoreError> {
        const HELD: &str = select_grant!(
            "delegate",
            "g.principal = $1 AND g.accepted_at IS NOT NULL AND g.ended_at IS NULL AND g.expires_at > $2
             AND (g.rights & $3) <> 0"
        );
        let held = sql(HELD).bind(principal).bind(now).bind(one(right)).push_bind(GRANTS_LISTED);
        self.database.all(held).await?.iter().map(office_grant_from).collect()
    }

    /// A page of what was done for a member, the newest first, before the one at `before`.
    pub async fn office_acts(
        &self,
        principal: MemberId,
        before: Option<(Timestamp, RecordId)>,
        limit: u32,
    ) -> Result<Vec<OfficeAct>, StoreError> {
        let (at, id) = before.unwrap_or((Timestamp(i64::MAX as u64), RecordId(u128::MAX)));
        let page = sql("SELECT a.id AS act, a.at, a.kind, a.subject, a.note, m.id, m.handle, m.name, m.avatar
             FROM office_acts a LEFT JOIN members m ON m.id = a.delegate AND m.suspended_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = a.principal)
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = a.principal AND b.blocked = m.id)
             WHERE a.principal = $1 AND (a.at, a.id) < ($2, $3) ORDER BY a.at DESC, a.id DESC LIMIT $4")
        .bind(principal)
        .bind(at)
        .bind(id)
        .bind(limit);
        self.database.all(page).await?.iter().map(act_from).collect()
    }
}

/// Whether `delegate` may use this right for `of` now, asked in the transaction that uses it: until its end nobody can take the
/// grant back, so that what a revocation has acknowledged is over.
pub(crate) async fn holds(
    tx: &mut Transaction,
    of: MemberId,
    delegate: MemberId,
    right: Right,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let used = sql("UPDATE office_grants SET used_at = $3
         WHERE principal = $1 AND delegate = $2 AND accepted_at IS NOT NULL AND ended_at IS NULL AND expires_at > $3
           AND (rights & $4) <> 0
           AND EXISTS (SELECT 1 FROM members p WHERE p.id = $1 AND p.suspended_at IS NULL)
           AND EXISTS (SELECT 1 FROM members d WHERE d.id = $2 AND d.suspended_at IS NULL)");
    Ok(tx.execute(used.bind(of).bind(delegate).bind(now).bind(one(right))).await? > 0)
}

/// Writes what a delegate did into the principal's log, in the transaction in which it is done.
pub(crate) async fn insert_office_act(tx: &mut Transaction, act: &NewOfficeAct) -> Result<(), StoreError> {
    let insert = sql("INSERT INTO office_acts (id, principal, delegate, at, kind, subject, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(act.id)
    .bind(act.principal)
    .bind(act.delegate)
    .bind(act.at)
    .bind(act.kind)
    .bind(act.subject)
    .bind(act.note.as_str());
    tx.execute(insert).await.map(drop)
}

/// Ends what is granted between two members, in either direction: one of them, `by`, wants nothing to do with the other.
pub(crate) async fn end_grants(
    tx: &mut Transaction,
    by: MemberId,
    other: MemberId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let end = sql("UPDATE office_grants SET ended_at = $3,
            ending = CASE WHEN principal = $1 THEN 'revoked' ELSE 'laid_down' END
         WHERE ended_at IS NULL AND ((principal = $1 AND delegate = $2) OR (principal = $2 AND delegate = $1))");
    tx.execute(end.bind(by).bind(other).bind(now)).await.map(drop)
}

/// A right as the set that has only it.
fn one(right: Right) -> u32 {
    Rights::from_iter([right]).bits()
}

fn ending_text(ending: Ending) -> &'static str {
    match ending {
        Ending::Revoked => "revoked",
        Ending::LaidDown => "laid_down",
    }
}

/// Reads a grant from its columns.
fn grant_from(row: &Row) -> Result<Grant, StoreError> {
    let rights = u32::try_from(row.count("rights")?).ok().and_then(Rights::from_bits);
    let ended = match (row.time_or_null("ended_at")?, row.text_or_null("ending")?.as_deref()) {
        (Some(at), Some("revoked")) => Some((at, Ending::Revoked)),
        (Some(at), Some("laid_down")) => Some((at, Ending::LaidDown)),
        // One whose time was over when there was another: it stands as expired.
        (_, None) => None,
        _ => return Err(StoreError::Corrupt("ending of a grant")),
    };
    Ok(Grant {
        principal: row.member("principal")?,
        delegate: row.member("delegate")?,
        rights: rights.ok_or(StoreError::Corrupt("set of rights"))?,
        offered_at: row.time("offered_at")?,
        expires_at: row.time("expires_at")?,
        accepted_at: row.time_or_null("accepted_at")?,
        ended,
    })
}

/// Reads what `select_grant!` selects.
fn office_grant_from(row: &Row) -> Result<OfficeGrant, StoreError> {
    Ok(OfficeGrant {
        id: RecordId(row.id("grant_id")?),
        grant: grant_from(row)?,
        title: row.text("title")?,
        other: person_from(row)?,
        used_at: row.time_or_null("used_at")?,
    })
}

fn act_from(row: &Row) -> Result<OfficeAct, StoreError> {
    let delegate = match row.id_or_null("id")? {
        Some(id) => Some(Person {
            id: MemberId(id),
            handle: row.text("handle")?,
            name: row.text("name")?,
            avatar: row.id_or_null("avatar")?.map(AvatarId),
        }),
        None => None,
    };
    Ok(OfficeAct {
        id: RecordId(row.id("act")?),
        delegate,
        at: row.time("at")?,
        kind: row.text("kind")?,
        subject: row.id_or_null("subject")?,
        note: row.text("note")?,
    })
}
