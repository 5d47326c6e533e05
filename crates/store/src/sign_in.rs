//! Ways in beside passkeys: recovery codes, and links that come by mail or are printed on the command line.

use roomtone_room::ids::{MemberId, Timestamp};

use crate::db::{Row, Sql, Transaction, Value, sql};
use crate::sessions::begin_session;
use crate::{Hash, NewSession, Store, StoreError};

/// What became of signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// The session is there.
    In {
        /// Who is signed in.
        member: MemberId,
        /// The digests of sessions that ended to make room for it.
        ended: Vec<Hash>,
    },
    /// They are who they say, and are kept out.
    Suspended,
    /// It was not good, or not any more.
    Refused,
}

/// A member's mail address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailAddress {
    /// The one that links are sent to.
    pub confirmed: Option<String>,
    /// One that they asked for and have not confirmed yet.
    pub pending: Option<String>,
}

/// What became of a mail address that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailRemoved {
    /// There is none now.
    Removed,
    /// Without it the member could not sign in again.
    LastWayIn,
}

/// What a link did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkUsed {
    /// It was one to sign in with.
    SignIn(SignIn),
    /// It confirmed the caller's address.
    Confirmed {
        /// The address that the member had before, if it was another one.
        former: Option<String>,
    },
    /// It confirms the address of a member who is not the caller. It can still be used.
    NotYours,
    /// It would confirm an address that another member has.
    AddressTaken,
    /// It was used, has expired or never was.
    Over,
}

/// What became of a link for somebody who has lost every way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryLink {
    /// It signs them in.
    Kept,
    /// They are suspended: nothing lets them in.
    Suspended,
    /// There is no such member.
    NoMember,
}

impl Store {
    /// Replaces the recovery codes of whoever `asker` is a session of by those with these digests. Returns whether that
    /// session has not ended; if it has, nothing changes.
    ///
    /// Errors: [`StoreError::Conflict`] when a digest is known already.
    pub async fn replace_recovery_codes(&self, asker: &Hash, codes: &[Hash]) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let Some(member) = member_of(&mut transaction, asker).await? else { return Ok(false) };
        lock_member(&mut transaction, member).await?;
        // It may have ended while the member was waited for.
        if member_of(&mut transaction, asker).await?.is_none() {
            return Ok(false);
        }
        transaction.execute(sql("DELETE FROM recovery_codes WHERE member = $1").bind(member)).await?;
        let rows = codes.iter().map(|code| -> [Value; 2] { [code.into(), member.into()] });
        transaction.execute(sql("INSERT INTO recovery_codes (hash, member) ").push_rows(rows)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// How many recovery codes a member has not used.
    pub async fn recovery_codes_left(&self, member: MemberId) -> Result<u64, StoreError> {
        let left = sql("SELECT count(*) AS n FROM recovery_codes WHERE member = $1 AND used_at IS NULL");
        self.database.one(left.bind(member)).await?.count("n")
    }

    /// Signs in the member with this handle by one of their recovery codes, which is used by that. Whether there is such a
    /// member, and whether the code was ever one, makes no difference to the work that is done.
    pub async fn sign_in_by_recovery(
        &self,
        handle: &str,
        code: &Hash,
        now: Timestamp,
        session: &NewSession,
    ) -> Result<SignIn, StoreError> {
        let mut transaction = self.database.begin().await?;
        let whose = sql("SELECT member FROM recovery_codes WHERE hash = $1 AND used_at IS NULL
               AND member = (SELECT id FROM members WHERE handle = $2)");
        let found = transaction.optional(whose.bind(code).bind(handle)).await?;
        let Some(member) = found.map(|row| row.member("member")).transpose()? else { return Ok(SignIn::Refused) };
        // The member first, as whoever makes new codes does: two who took them in different orders could wait for each other.
        lock_member(&mut transaction, member).await?;
        let used =
            sql("UPDATE recovery_codes SET used_at = $1 WHERE hash = $2 AND member = $3 AND used_at IS NULL").bind(now);
        if transaction.execute(used.bind(code).bind(member)).await? == 0 {
            return Ok(SignIn::Refused);
        }
        sign_in(transaction, member, now, session).await
    }

    /// Whether a member can sign in again: by a passkey, an unused recovery code, or, if `mail`, a confirmed address.
    pub async fn can_sign_in(&self, member: MemberId, mail: bool) -> Result<bool, StoreError> {
        self.database.one(ways_in(member, mail)).await?.bool("any_way")
    }

    /// The mail address of a member.
    pub async fn mail_address(&self, member: MemberId, now: Timestamp) -> Result<MailAddress, StoreError> {
        let found = sql("SELECT address FROM mail_addresses WHERE member = $1 AND confirmed_at IS NOT NULL");
        let confirmed = self.database.optional(found.bind(member)).await?;
        let asked =
            sql("SELECT address FROM sign_in_links WHERE member = $1 AND purpose = 'confirm' AND expires_at > $2
             ORDER BY expires_at DESC LIMIT 1");
        let pending = self.database.optional(asked.bind(member).bind(now)).await?;
        let text = |row: Option<Row>| row.map(|row| row.text("address")).transpose();
        Ok(MailAddress { confirmed: text(confirmed)?, pending: text(pending)? })
    }

    /// Keeps a link by which whoever `asker` is a session of confirms that an address is theirs, instead of earlier ones.
    /// The address that they have counts until then. Returns whether that session has not ended.
    pub async fn ask_to_confirm(
        &self,
        asker: &Hash,
        link: &Hash,
        address: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let earlier = sql("DELETE FROM sign_in_links WHERE purpose = 'confirm'
               AND member = (SELECT member FROM sessions WHERE hash = $1)");
        transaction.execute(earlier.bind(asker)).await?;
        let asked = sql("INSERT INTO sign_in_links (hash, member, purpose, address, expires_at)
             SELECT $1, member, 'confirm', $2, $3 FROM sessions WHERE hash = $4")
        .bind(link)
        .bind(address)
        .bind(expires_at)
        .bind(asker);
        let kept = transaction.execute(asked).await? > 0;
        transaction.commit().await?;
        Ok(kept)
    }

    /// Keeps a link by which the member with this confirmed address signs in. Returns their language; `None` if nobody has
    /// the address, or who has it is suspended.
    pub async fn sign_in_link(
        &self,
        link: &Hash,
        address: &str,
        expires_at: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let mut transaction = self.database.begin().await?;
        let kept = sql("INSERT INTO sign_in_links (hash, member, purpose, address, expires_at)
             SELECT $1, a.member, 'sign_in', a.address, $2 FROM mail_addresses a JOIN members m ON m.id = a.member
             WHERE a.address = $3 AND a.confirmed_at IS NOT NULL AND m.suspended_at IS NULL RETURNING member")
        .bind(link)
        .bind(expires_at)
        .bind(address);
        let Some(member) = transaction.optional(kept).await?.map(|row| row.member("member")).transpose()? else {
            return Ok(None);
        };
        let language = sql("SELECT language FROM members WHERE id = $1").bind(member);
        let language = transaction.one(language).await?.text("language")?;
        transaction.commit().await?;
        Ok(Some(language))
    }

    /// Keeps a link by which the member with this handle signs in, or the owner if it is `None`.
    pub async fn recovery_link(
        &self,
        link: &Hash,
        handle: Option<&str>,
        expires_at: Timestamp,
    ) -> Result<RecoveryLink, StoreError> {
        let mut transaction = self.database.begin().await?;
        let whose = match handle {
            Some(handle) => sql("SELECT id, suspended_at FROM members WHERE handle = $1").bind(handle),
            None => sql("SELECT id, suspended_at FROM members WHERE owner ORDER BY created_at, id LIMIT 1"),
        };
        let Some(row) = transaction.optional(whose).await? else { return Ok(RecoveryLink::NoMember) };
        if row.time_or_null("suspended_at")?.is_some() {
            return Ok(RecoveryLink::Suspended);
        }
        let keep = sql("INSERT INTO sign_in_links (hash, member, purpose, expires_at) VALUES ($1, $2, 'recover', $3)");
        transaction.execute(keep.bind(link).bind(row.member("id")?).bind(expires_at)).await?;
        transaction.commit().await?;
        Ok(RecoveryLink::Kept)
    }

    /// Uses a link, once: it signs in with `session`, or confirms an address of `caller`, who is signed in.
    pub async fn use_link(
        &self,
        link: &Hash,
        caller: Option<MemberId>,
        now: Timestamp,
        session: &NewSession,
    ) -> Result<LinkUsed, StoreError> {
        let mut transaction = self.database.begin().await?;
        let whose = sql("SELECT member FROM sign_in_links WHERE hash = $1 AND expires_at > $2").bind(link).bind(now);
        let whose = transaction.optional(whose).await?.map(|row| row.member("member")).transpose()?;
        let Some(whose) = whose else { return Ok(LinkUsed::Over) };
        // The member first, as whoever changes their address does.
        lock_member(&mut transaction, whose).await?;
        let taken =
            sql("DELETE FROM sign_in_links WHERE hash = $1 AND expires_at > $2 RETURNING member, purpose, address");
        let Some(row) = transaction.optional(taken.bind(link).bind(now)).await? else { return Ok(LinkUsed::Over) };
        let member = row.member("member")?;
        match (row.text("purpose")?.as_str(), row.text_or_null("address")?) {
            ("confirm", Some(address)) if caller == Some(member) => confirm(transaction, member, &address, now).await,
            ("confirm", _) => Ok(LinkUsed::NotYours),
            // An address that the member no longer has lets nobody in.
            ("sign_in", Some(address)) if !has_address(&mut transaction, member, &address).await? => Ok(LinkUsed::Over),
            _ => sign_in(transaction, member, now, session).await.map(LinkUsed::SignIn),
        }
    }

    /// Removes a member's mail address with the links that were sent to it, unless it is the last way in while `mail` says
    /// that it is one at all.
    pub async fn remove_mail_address(&self, member: MemberId, mail: bool) -> Result<MailRemoved, StoreError> {
        let mut transaction = self.database.begin().await?;
        lock_member(&mut transaction, member).await?;
        let removed = sql("DELETE FROM mail_addresses WHERE member = $1").bind(member);
        let had = transaction.execute(removed).await? > 0;
        if had && mail && !other_ways_in(&mut transaction, member, false).await? {
            return Ok(MailRemoved::LastWayIn);
        }
        let links = sql("DELETE FROM sign_in_links WHERE member = $1 AND address IS NOT NULL").bind(member);
        transaction.execute(links).await?;
        transaction.commit().await?;
        Ok(MailRemoved::Removed)
    }

    /// Deletes ceremonies and links that have expired.
    pub async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        self.database.execute(sql("DELETE FROM ceremonies WHERE expires_at <= $1").bind(now)).await?;
        self.database.execute(sql("DELETE FROM sign_in_links WHERE expires_at <= $1").bind(now)).await?;
        Ok(())
    }
}

/// Begins a session and makes everything durable, or takes everything back.
async fn sign_in(
    mut transaction: Transaction,
    member: MemberId,
    now: Timestamp,
    session: &NewSession,
) -> Result<SignIn, StoreError> {
    let Some(ended) = begin_session(&mut transaction, member, session, now).await? else {
        return Ok(SignIn::Suspended);
    };
    transaction.commit().await?;
    Ok(SignIn::In { member, ended })
}

/// Makes an address a member's own. Links that were sent to another one do not work any more.
async fn confirm(
    mut transaction: Transaction,
    member: MemberId,
    address: &str,
    now: Timestamp,
) -> Result<LinkUsed, StoreError> {
    lock_member(&mut transaction, member).await?;
    let former = sql("SELECT address FROM mail_addresses WHERE member = $1 AND confirmed_at IS NOT NULL").bind(member);
    let former = transaction.optional(former).await?.map(|row| row.text("address")).transpose()?;
    let own = sql("INSERT INTO mail_addresses (member, address, confirmed_at) VALUES ($1, $2, $3)
         ON CONFLICT (member) DO UPDATE SET address = $2, confirmed_at = $3");
    match transaction.execute(own.bind(member).bind(address).bind(now)).await {
        Ok(_) => {}
        Err(StoreError::Conflict(_)) => return Ok(LinkUsed::AddressTaken),
        Err(error) => return Err(error),
    }
    let others = sql("DELETE FROM sign_in_links WHERE member = $1 AND address IS NOT NULL").bind(member);
    transaction.execute(others).await?;
    transaction.commit().await?;
    Ok(LinkUsed::Confirmed { former: former.filter(|former| former != address) })
}

async fn has_address(transaction: &mut Transaction, member: MemberId, address: &str) -> Result<bool, StoreError> {
    let has =
        sql("SELECT 1 AS found FROM mail_addresses WHERE member = $1 AND address = $2 AND confirmed_at IS NOT NULL");
    Ok(transaction.optional(has.bind(member).bind(address)).await?.is_some())
}

async fn member_of(transaction: &mut Transaction, session: &Hash) -> Result<Option<MemberId>, StoreError> {
    let found = transaction.optional(sql("SELECT member FROM sessions WHERE hash = $1").bind(session)).await?;
    found.map(|row| row.member("member")).transpose()
}

/// Keeps others who do the same with this member waiting until the transaction ends. In Postgres what was read before may have
/// changed by then; in SQLite nobody else writes anyway.
pub(crate) async fn lock_member(transaction: &mut Transaction, member: MemberId) -> Result<(), StoreError> {
    transaction.execute(sql("UPDATE members SET language = language WHERE id = $1").bind(member)).await?;
    Ok(())
}

/// Whether a member can sign in by what is there: a passkey, an unused recovery code, or, if `mail`, a confirmed address.
pub(crate) async fn other_ways_in(
    transaction: &mut Transaction,
    member: MemberId,
    mail: bool,
) -> Result<bool, StoreError> {
    transaction.one(ways_in(member, mail)).await?.bool("any_way")
}

fn ways_in(member: MemberId, mail: bool) -> Sql {
    sql("SELECT EXISTS (SELECT 1 FROM passkeys WHERE member = $1)
            OR EXISTS (SELECT 1 FROM recovery_codes WHERE member = $1 AND used_at IS NULL)
            OR ($2 AND EXISTS (SELECT 1 FROM mail_addresses WHERE member = $1 AND confirmed_at IS NOT NULL)) AS any_way")
    .bind(member)
    .bind(mail)
}
