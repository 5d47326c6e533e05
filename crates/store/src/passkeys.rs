//! Passkeys, and the ceremonies by which they are made and used (Web Authentication Level 3, section 7).

use roomtone_room::ids::{MemberId, RecordId, Timestamp};

use crate::db::{Row, Transaction, sql};
use crate::sessions::begin_session;
use crate::sign_in::{SignIn, lock_member, other_ways_in};
use crate::{Hash, NewSession, Store, StoreError};

/// Most passkeys of a member. More serves people with many devices; fewer keeps the list that registering sends short.
pub const PASSKEYS_MAX: u32 = 20;

/// Most ceremonies that are under way at once, of members who make a passkey and of people who sign in alike. More lets more
/// people do so at the same time; fewer bounds what those who begin without end put on the disk.
pub const CEREMONIES_MAX: u32 = 20_000;

/// Most ceremonies that give way to a new one. More than one, for those who came at the same time.
const EVICTED_AT_ONCE: u32 = 10;

/// A passkey as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Names it.
    pub id: RecordId,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody last signed in with it.
    pub used_at: Option<Timestamp>,
}

/// A passkey to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    /// The new id.
    pub id: RecordId,
    /// The credential id, as the authenticator made it.
    pub credential_id: Vec<u8>,
    /// Public key and counter, as text of the caller's.
    pub credential: String,
    /// What its owner calls it, validated.
    pub name: String,
}

/// What became of a passkey that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeyAdded {
    /// It is there.
    Added,
    /// The session of whoever asked has ended.
    SignedOut,
    /// Somebody has this very credential.
    Known,
    /// The member has [`PASSKEYS_MAX`].
    TooMany,
}

/// What became of a passkey that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeyRemoved {
    /// It is gone.
    Removed,
    /// The member has no such passkey.
    Missing,
    /// Without it they could not sign in again.
    LastWayIn,
}

/// What checks a signature of a passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyKey {
    /// Whose passkey it is.
    pub member: MemberId,
    /// Names the passkey.
    pub id: RecordId,
    /// Public key and counter, as [`NewPasskey::credential`] or a later sign-in left them.
    pub credential: String,
}

/// A ceremony between its two requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceremony {
    /// Who makes a passkey by it; `None` if somebody signs in.
    pub member: Option<MemberId>,
    /// What the first request left for the second, as text of the caller's.
    pub state: String,
}

impl Store {
    /// Keeps a ceremony until `expires_at`. If [`CEREMONIES_MAX`] people sign in already, the one who began first must begin
    /// again: whoever fills the table keeps nobody out who is quick. If as many make a passkey, it is not kept, which is false;
    /// those are members, who can be told to stop.
    ///
    /// Errors: [`StoreError::Conflict`] when the digest is known or the member is not.
    pub async fn begin_ceremony(
        &self,
        hash: &Hash,
        member: Option<MemberId>,
        state: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        if member.is_none() {
            // Not exact if many begin at once, which does no harm.
            let first = sql("DELETE FROM ceremonies WHERE hash IN
                 (SELECT hash FROM ceremonies WHERE member IS NULL ORDER BY expires_at DESC, hash LIMIT $1 OFFSET $2)");
            transaction.execute(first.bind(EVICTED_AT_ONCE).bind(CEREMONIES_MAX - 1)).await?;
        }
        let begun = sql("INSERT INTO ceremonies (hash, member, state, expires_at) SELECT $1, $2, $3, $4
             WHERE $2 IS NULL OR (SELECT count(*) FROM ceremonies WHERE member IS NOT NULL) < $5")
        .bind(hash)
        .bind(member)
        .bind(state)
        .bind(expires_at)
        .bind(CEREMONIES_MAX);
        let kept = transaction.execute(begun).await? > 0;
        transaction.commit().await?;
        Ok(kept)
    }

    /// Takes a ceremony out, so that nobody else can finish it; `None` if it has expired, was finished or never was.
    pub async fn take_ceremony(&self, hash: &Hash, now: Timestamp) -> Result<Option<Ceremony>, StoreError> {
        let taken = sql("DELETE FROM ceremonies WHERE hash = $1 RETURNING member, state, expires_at").bind(hash);
        let mut transaction = self.database.begin().await?;
        let Some(row) = transaction.optional(taken).await? else {
            transaction.rollback().await?;
            return Ok(None);
        };
        transaction.commit().await?;
        let member = row.id_or_null("member")?.map(MemberId);
        Ok((row.time("expires_at")? > now).then_some(Ceremony { member, state: row.text("state")? }))
    }

    /// Keeps a passkey of whoever `asker` is a session of.
    pub async fn add_passkey(
        &self,
        asker: &Hash,
        passkey: NewPasskey,
        now: Timestamp,
    ) -> Result<PasskeyAdded, StoreError> {
        let mut transaction = self.database.begin().await?;
        let whose = transaction.optional(sql("SELECT member FROM sessions WHERE hash = $1").bind(asker)).await?;
        let Some(member) = whose.map(|row| row.member("member")).transpose()? else {
            return Ok(PasskeyAdded::SignedOut);
        };
        lock_member(&mut transaction, member).await?;
        let count = sql("SELECT count(*) AS n FROM passkeys WHERE member = $1").bind(member);
        if transaction.one(count).await?.count("n")? >= PASSKEYS_MAX.into() {
            return Ok(PasskeyAdded::TooMany);
        }
        // The session may have ended while the member was waited for.
        let add = sql("INSERT INTO passkeys (id, member, credential_id, credential, name, created_at)
             SELECT $1, member, $2, $3, $4, $5 FROM sessions WHERE hash = $6 ON CONFLICT (credential_id) DO NOTHING")
        .bind(passkey.id)
        .bind(passkey.credential_id)
        .bind(passkey.credential)
        .bind(passkey.name)
        .bind(now)
        .bind(asker);
        if transaction.execute(add).await? > 0 {
            transaction.commit().await?;
            return Ok(PasskeyAdded::Added);
        }
        let there = transaction.optional(sql("SELECT member FROM sessions WHERE hash = $1").bind(asker)).await?;
        Ok(if there.is_some() { PasskeyAdded::Known } else { PasskeyAdded::SignedOut })
    }

    /// The passkeys of a member, oldest first.
    pub async fn passkeys(&self, member: MemberId) -> Result<Vec<Passkey>, StoreError> {
        let list = sql("SELECT id, name, created_at, used_at FROM passkeys WHERE member = $1
             ORDER BY created_at, id LIMIT $2");
        self.database.all(list.bind(member).bind(PASSKEYS_MAX)).await?.iter().map(passkey_from).collect()
    }

    /// The credential ids of a member's passkeys.
    pub async fn credential_ids(&self, member: MemberId) -> Result<Vec<Vec<u8>>, StoreError> {
        let list = sql("SELECT credential_id FROM passkeys WHERE member = $1 LIMIT $2");
        let rows = self.database.all(list.bind(member).bind(PASSKEYS_MAX)).await?;
        rows.iter().map(|row| row.bytes("credential_id")).collect()
    }

    /// The passkey of a member with this credential id.
    pub async fn passkey_key(&self, member: MemberId, credential_id: &[u8]) -> Result<Option<PasskeyKey>, StoreError> {
        let found = sql("SELECT id, credential FROM passkeys WHERE member = $1 AND credential_id = $2");
        let Some(row) = self.database.optional(found.bind(member).bind(credential_id)).await? else {
            return Ok(None);
        };
        Ok(Some(PasskeyKey { member, id: RecordId(row.id("id")?), credential: row.text("credential")? }))
    }

    /// Signs a member in by a passkey whose signature was good, and keeps `credential`, which has the counter as it is now.
    /// [`SignIn::Refused`] if the passkey was removed or used otherwise meanwhile.
    pub async fn sign_in_by_passkey(
        &self,
        key: &PasskeyKey,
        credential: &str,
        now: Timestamp,
        session: &NewSession,
    ) -> Result<SignIn, StoreError> {
        let mut transaction = self.database.begin().await?;
        if !use_passkey(&mut transaction, key, credential, now).await? {
            return Ok(SignIn::Refused);
        }
        let Some(ended) = begin_session(&mut transaction, key.member, session, now).await? else {
            return Ok(SignIn::Suspended);
        };
        transaction.commit().await?;
        Ok(SignIn::In { member: key.member, ended })
    }

    /// Notes that a passkey's signature was good, as [`sign_in_by_passkey`](Self::sign_in_by_passkey) does, without signing
    /// anybody in. Returns false if the passkey was removed or used otherwise meanwhile.
    pub async fn passkey_used(&self, key: &PasskeyKey, credential: &str, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let used = use_passkey(&mut transaction, key, credential, now).await?;
        transaction.commit().await?;
        Ok(used)
    }

    /// Calls a member's passkey something else. Returns whether there is one with this id.
    pub async fn rename_passkey(&self, member: MemberId, id: RecordId, name: &str) -> Result<bool, StoreError> {
        let renamed = sql("UPDATE passkeys SET name = $1 WHERE id = $2 AND member = $3");
        Ok(self.database.execute(renamed.bind(name).bind(id).bind(member)).await? > 0)
    }

    /// Removes a member's passkey, unless it is the last way in; a mail address is one if `mail` is.
    pub async fn remove_passkey(
        &self,
        member: MemberId,
        id: RecordId,
        mail: bool,
    ) -> Result<PasskeyRemoved, StoreError> {
        let mut transaction = self.database.begin().await?;
        // Of two who remove the last two at the same time, the second sees what the first did.
        lock_member(&mut transaction, member).await?;
        let removed = sql("DELETE FROM passkeys WHERE id = $1 AND member = $2").bind(id).bind(member);
        if transaction.execute(removed).await? == 0 {
            return Ok(PasskeyRemoved::Missing);
        }
        if !other_ways_in(&mut transaction, member, mail).await? {
            return Ok(PasskeyRemoved::LastWayIn);
        }
        transaction.commit().await?;
        Ok(PasskeyRemoved::Removed)
    }
}

/// Notes a use of a passkey, unless it is not as it was when it was read. Of two signatures with the same counter, one counts.
async fn use_passkey(
    transaction: &mut Transaction,
    key: &PasskeyKey,
    credential: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // The member first, as whoever removes a passkey does: two who took them in different orders could wait for each other.
    lock_member(transaction, key.member).await?;
    let used = sql("UPDATE passkeys SET credential = $1, used_at = $2 WHERE id = $3 AND credential = $4")
        .bind(credential)
        .bind(now)
        .bind(key.id)
        .bind(key.credential.as_str());
    Ok(transaction.execute(used).await? > 0)
}

fn passkey_from(row: &Row) -> Result<Passkey, StoreError> {
    Ok(Passkey {
        id: RecordId(row.id("id")?),
        name: row.text("name")?,
        created_at: row.time("created_at")?,
        used_at: row.time_or_null("used_at")?,
    })
}
