//! The waiting list: who wants to come in, has nobody's invite, and has a handle kept for them meanwhile.
//!
//! The handle is kept by a row of `handles` without a member, whose `claim` is the digest of the waiting person's secret.
//! Waving in makes an invite with the same digest; so the secret is then the code of an invite, and redeeming it finds the
//! handle kept for it.

use roomtone_room::ids::{MemberId, RecordId, Timestamp};

use crate::admin::{AuditEntry, insert_audit};
use crate::db::{Row, Transaction, sql};
use crate::error::StoreError;
use crate::invites::{invites_out, lock_sponsor};
use crate::{Hash, PAGE, Store};

/// Most people who may wait. More lets more people reserve a handle; fewer bounds what strangers can make this server keep.
pub const WAITING_MAX: u64 = 10_000;

/// Somebody to be put on the waiting list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWaiting {
    /// SHA-256 of the secret by which they come back.
    pub hash: Hash,
    /// Names the entry, and later the invite that is made of it.
    pub id: RecordId,
    /// The handle they want, validated.
    pub handle: String,
    /// What it looks like (Unicode Technical Standard 39, section 4).
    pub skeleton: String,
    /// Their name, validated.
    pub name: String,
    /// What they want to tell whoever may know them, validated; may be empty.
    pub note: String,
    /// BCP 47 language tag, validated.
    pub language: String,
    /// When they ask.
    pub created_at: Timestamp,
    /// Until when the handle is kept.
    pub expires_at: Timestamp,
}

/// Somebody on the waiting list, as members and admins see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Names the entry.
    pub id: RecordId,
    /// The handle kept for them.
    pub handle: String,
    /// Their name.
    pub name: String,
    /// What they wrote.
    pub note: String,
    /// BCP 47 language tag.
    pub language: String,
    /// Since when they wait.
    pub created_at: Timestamp,
    /// Until when the handle is kept.
    pub expires_at: Timestamp,
    /// Whether somebody has waved them in, and they have not come yet.
    pub invited: bool,
}

/// Why somebody was not put on the waiting list. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// A member has the handle or one that looks like it, or it is kept for somebody.
    #[error("the handle is taken")]
    HandleTaken,
    /// As many wait as may.
    #[error("the waiting list is full")]
    Full,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why somebody was not waved in. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WaveError {
    /// Nobody waits with this handle.
    #[error("nobody waits with this handle")]
    NotFound,
    /// Somebody has waved them in already.
    #[error("they have been waved in already")]
    Invited,
    /// Who wanted to wave has no invite left.
    #[error("no invite is left")]
    NoneLeft,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A person on the waiting list, found by a condition on `w`; `$1` is the time.
macro_rules! select_waiting {
    ($condition:literal) => {
        concat!(
            "SELECT w.id, w.handle, w.name, w.note, w.language, w.created_at, w.expires_at,
                    EXISTS (SELECT 1 FROM invites i WHERE i.hash = w.hash AND i.used_at IS NULL
                        AND i.revoked_at IS NULL AND i.expires_at > $1) AS invited
             FROM waitlist w WHERE w.expires_at > $1 AND ",
            $condition
        )
    };
}

impl Store {
    /// Puts somebody on the waiting list and keeps the handle for them.
    ///
    /// Errors: [`WaitError::HandleTaken`], [`WaitError::Full`], or the store's.
    pub async fn wait(&self, person: &NewWaiting) -> Result<(), WaitError> {
        let mut transaction = self.database.begin().await?;
        // What others were to get until now is free again.
        let free = sql("DELETE FROM handles WHERE skeleton = $1 AND member IS NULL
               AND claim IN (SELECT hash FROM waitlist WHERE skeleton = $1 AND expires_at <= $2)");
        transaction.execute(free.bind(&person.skeleton).bind(person.created_at)).await?;
        // Not exact if many ask at once, which does no harm.
        let waiting = sql("SELECT count(*) AS waiting FROM waitlist WHERE expires_at > $1").bind(person.created_at);
        if transaction.one(waiting).await?.count("waiting")? >= WAITING_MAX {
            return Err(WaitError::Full);
        }
        let keep = sql("INSERT INTO handles (skeleton, claim) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(&person.skeleton)
            .bind(person.hash);
        if transaction.execute(keep).await? == 0 {
            return Err(WaitError::HandleTaken);
        }
        let insert = sql("INSERT INTO waitlist
                (hash, id, handle, skeleton, name, note, language, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(person.hash)
        .bind(person.id)
        .bind(&person.handle)
        .bind(&person.skeleton)
        .bind(&person.name)
        .bind(&person.note)
        .bind(&person.language)
        .bind(person.created_at)
        .bind(person.expires_at);
        transaction.execute(insert).await?;
        Ok(transaction.commit().await?)
    }

    /// Who waits with this secret, or has been waved in and not come yet.
    pub async fn waiting(&self, hash: &Hash, now: Timestamp) -> Result<Option<Waiting>, StoreError> {
        let found = sql(select_waiting!("w.hash = $2")).bind(now).bind(hash);
        self.database.optional(found).await?.as_ref().map(waiting_from).transpose()
    }

    /// Who waits with exactly this handle, or has been waved in and not come yet.
    pub async fn waiting_by_handle(&self, handle: &str, now: Timestamp) -> Result<Option<Waiting>, StoreError> {
        let found = sql(select_waiting!("w.handle = $2")).bind(now).bind(handle);
        self.database.optional(found).await?.as_ref().map(waiting_from).transpose()
    }

    /// Up to [`PAGE`] people who wait, who came first first, after the place of one of them: since when they wait, and their id.
    pub async fn waiting_list(
        &self,
        after: Option<(Timestamp, RecordId)>,
        now: Timestamp,
    ) -> Result<Vec<Waiting>, StoreError> {
        let mut list = sql(select_waiting!("TRUE")).bind(now);
        if let Some((since, id)) = after {
            list = list.push(" AND (w.created_at, w.id) > (").push_bind(since).push(", ").push_bind(id).push(")");
        }
        let list = list.push(" ORDER BY w.created_at, w.id LIMIT ").push_bind(PAGE as u64);
        self.database.all(list).await?.iter().map(waiting_from).collect()
    }

    /// Takes whoever has this secret off the waiting list, frees the handle, and gives the invite back to whoever waved.
    /// Returns whether they waited.
    pub async fn stop_waiting(&self, hash: &Hash, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let waited = end_waiting(&mut transaction, hash, now).await?;
        if waited {
            transaction.commit().await?;
        }
        Ok(waited)
    }

    /// Takes the person with this id off the waiting list for an admin, as [`Store::stop_waiting`] does, and writes it into the
    /// audit log. Returns whether they waited.
    pub async fn remove_waiting(&self, id: RecordId, entry: &AuditEntry) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let found = transaction.optional(sql("SELECT hash FROM waitlist WHERE id = $1").bind(id)).await?;
        let Some(hash) = found.map(|row| row.hash("hash")).transpose()? else { return Ok(false) };
        if !end_waiting(&mut transaction, &hash, entry.at).await? {
            return Ok(false);
        }
        insert_audit(&mut transaction, entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Waves somebody in: makes an invite of `sponsor`'s that works with the secret of whoever waits with exactly this
    /// handle, and until `expires_at`, as long as the handle is kept for them too. `each` is as in
    /// [`Store::create_member_invite`]. However many wave at once, one invite is spent.
    ///
    /// Errors: [`WaveError::NotFound`], [`WaveError::Invited`], [`WaveError::NoneLeft`], or the store's.
    pub async fn wave(
        &self,
        sponsor: MemberId,
        handle: &str,
        each: u32,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), WaveError> {
        let mut transaction = self.database.begin().await?;
        let waiting = sql("SELECT hash FROM waitlist WHERE handle = $1 AND expires_at > $2").bind(handle).bind(now);
        let Some(waiting) = transaction.optional(waiting).await? else { return Err(WaveError::NotFound) };
        let hash = waiting.hash("hash")?;
        if !lock_sponsor(&mut transaction, sponsor).await? {
            return Err(WaveError::NoneLeft);
        }
        let left = sql(concat!(
            "SELECT m.owner OR m.admin OR $3 + m.invites_earned > ",
            invites_out!("$2"),
            " AS one_left FROM members m WHERE m.id = $1"
        ));
        let left = transaction.one(left.bind(sponsor).bind(now).bind(each)).await?.bool("one_left")?;
        // An invite that was taken back or has expired gives way to another one with the same secret.
        let invite = sql("INSERT INTO invites (hash, id, owner, sponsor, created_at, expires_at)
             SELECT w.hash, w.id, FALSE, $2, $3, $4 FROM waitlist w WHERE w.hash = $1
             ON CONFLICT (hash) DO UPDATE
             SET sponsor = excluded.sponsor, created_at = excluded.created_at, expires_at = excluded.expires_at,
                 revoked_at = NULL
             WHERE invites.used_at IS NULL AND (invites.revoked_at IS NOT NULL OR invites.expires_at <= excluded.created_at)")
        .bind(hash)
        .bind(sponsor)
        .bind(now)
        .bind(expires_at);
        if transaction.execute(invite).await? == 0 {
            return Err(WaveError::Invited);
        }
        if !left {
            return Err(WaveError::NoneLeft);
        }
        let keep = sql("UPDATE waitlist SET expires_at = $2 WHERE hash = $1 AND expires_at < $2");
        transaction.execute(keep.bind(hash).bind(expires_at)).await?;
        Ok(transaction.commit().await?)
    }

    /// Forgets those whose time on the waiting list is over, and frees their handles. Returns how many they were.
    pub async fn forget_waiting(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.database.begin().await?;
        let free = sql("DELETE FROM handles WHERE member IS NULL
               AND claim IN (SELECT hash FROM waitlist WHERE expires_at <= $1)");
        let freed = transaction.execute(free.bind(now)).await?;
        // Whose handle somebody else has got since.
        let rest = transaction.execute(sql("DELETE FROM waitlist WHERE expires_at <= $1").bind(now)).await?;
        if freed + rest > 0 {
            transaction.commit().await?;
        }
        Ok(freed + rest)
    }
}

/// Frees the handle that is kept for whoever has this secret, with which the entry goes, and takes back the invite that was made
/// of it. Returns whether they waited; if not, nothing may be committed.
async fn end_waiting(transaction: &mut Transaction, hash: &Hash, now: Timestamp) -> Result<bool, StoreError> {
    // The invite first, as whoever redeems it does: two who took them in different orders could wait for each other.
    let revoke = sql("UPDATE invites SET revoked_at = $2 WHERE hash = $1 AND used_at IS NULL AND revoked_at IS NULL");
    transaction.execute(revoke.bind(hash).bind(now)).await?;
    let free = sql("DELETE FROM handles WHERE claim = $1 AND member IS NULL").bind(hash);
    Ok(transaction.execute(free).await? > 0)
}

/// Reads what `select_waiting!` selects.
fn waiting_from(row: &Row) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        id: RecordId(row.id("id")?),
        handle: row.text("handle")?,
        name: row.text("name")?,
        note: row.text("note")?,
        language: row.text("language")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        invited: row.bool("invited")?,
    })
}
