//! Sessions: opaque tokens, stored only as their digest.

use roomtone_room::ids::{MemberId, RecordId, Timestamp};

use crate::convert::id_from;
use crate::db::{Row, Transaction, Value, sql};
use crate::open::ROWS_PER_STATEMENT;
use crate::{Hash, Store, StoreError};

/// Most sessions of a member that browsers have. More keeps more browsers signed in; when there is one more, the one that
/// was not used for longest ends.
pub const SESSIONS_MAX: u32 = 100;

/// Most sessions of a member that players and encoders have.
pub const TOKENS_MAX: u32 = 50;

/// Most sessions that end in one turn of tidying. More tidies sooner; fewer holds others up less.
const ENDED_AT_ONCE: u32 = 1000;

/// A session to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// SHA-256 of the token.
    pub hash: Hash,
    /// What its owner knows it by: the browser's name, or what they called a token for a player.
    pub label: String,
}

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names it; the token cannot be had from it.
    pub id: RecordId,
    /// SHA-256 of the token.
    pub hash: Hash,
    /// What its owner knows it by.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, exact to the hour.
    pub used_at: Timestamp,
    /// Whether it was made for a player or an encoder.
    pub token: bool,
}

/// What became of asking for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewToken {
    /// There is one more session.
    Made,
    /// The session of whoever asked has ended.
    SignedOut,
    /// There are [`TOKENS_MAX`] already.
    TooMany,
}

impl Store {
    /// Makes a further session for whoever `asker` is a session of. If that one has ended, however shortly before, none is
    /// made.
    ///
    /// Errors: [`StoreError::Conflict`] when the digest is known already.
    pub async fn create_session(
        &self,
        asker: &Hash,
        session: NewSession,
        now: Timestamp,
    ) -> Result<NewToken, StoreError> {
        let mut transaction = self.database.begin().await?;
        let whose = sql("SELECT member FROM sessions WHERE hash = $1").bind(asker);
        let Some(member) = transaction.optional(whose).await?.map(|row| row.member("member")).transpose()? else {
            return Ok(NewToken::SignedOut);
        };
        if !lock_unless_suspended(&mut transaction, member).await? {
            return Ok(NewToken::SignedOut);
        }
        let tokens = sql("SELECT count(*) AS n FROM sessions WHERE member = $1 AND token").bind(member);
        if transaction.one(tokens).await?.count("n")? >= TOKENS_MAX.into() {
            return Ok(NewToken::TooMany);
        }
        // The asker's may have ended while the member was waited for.
        let made = sql("INSERT INTO sessions (hash, id, member, label, created_at, used_at, token)
             SELECT $1, $2, member, $3, $4, $4, TRUE FROM sessions WHERE hash = $5")
        .bind(session.hash)
        .bind(session_id(&session.hash))
        .bind(session.label)
        .bind(now)
        .bind(asker);
        if transaction.execute(made).await? == 0 {
            return Ok(NewToken::SignedOut);
        }
        transaction.commit().await?;
        Ok(NewToken::Made)
    }

    /// Whose session this is; `None` for one that has ended or never was, and while the member is suspended.
    pub async fn session(&self, hash: &Hash) -> Result<Option<MemberId>, StoreError> {
        let whose = sql("SELECT s.member FROM sessions s JOIN members m ON m.id = s.member
             WHERE s.hash = $1 AND m.suspended_at IS NULL");
        let found = self.database.optional(whose.bind(hash)).await?;
        found.map(|row| row.member("member")).transpose()
    }

    /// The sessions of a member, those used last first.
    pub async fn sessions(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        let list =
            sql("SELECT id, hash, label, created_at, COALESCE(used_at, created_at) AS last_used, token FROM sessions
             WHERE member = $1 ORDER BY last_used DESC, hash LIMIT $2");
        let list = list.bind(member).bind(SESSIONS_MAX + TOKENS_MAX);
        self.database.all(list).await?.iter().map(session_from).collect()
    }

    /// Notes that sessions were used in the hour that begins at `hour`. Those that have ended are passed over.
    pub async fn sessions_used(&self, sessions: &[Hash], hour: Timestamp) -> Result<(), StoreError> {
        for part in sessions.chunks(ROWS_PER_STATEMENT) {
            let used = sql("UPDATE sessions SET used_at = $1 WHERE (used_at IS NULL OR used_at < $1) AND hash IN ")
                .bind(hour)
                .push_list(part.iter().copied());
            self.database.execute(used).await?;
        }
        Ok(())
    }

    /// Since when a browser has had this session; `None` for a token that was made for a player or an encoder, and for one that
    /// has ended or never was.
    pub async fn browser_since(&self, hash: &Hash) -> Result<Option<Timestamp>, StoreError> {
        let found = sql("SELECT created_at FROM sessions WHERE hash = $1 AND NOT token").bind(hash);
        self.database.optional(found).await?.map(|row| row.time("created_at")).transpose()
    }

    /// Ends a session. Returns whether there was one.
    pub async fn delete_session(&self, hash: &Hash) -> Result<bool, StoreError> {
        Ok(self.database.execute(sql("DELETE FROM sessions WHERE hash = $1").bind(hash)).await? > 0)
    }

    /// Ends a session of a member by its id, and returns its digest if there was one.
    pub async fn delete_session_of(&self, member: MemberId, id: RecordId) -> Result<Option<Hash>, StoreError> {
        let ended = sql("DELETE FROM sessions WHERE member = $1 AND id = $2 RETURNING hash").bind(member).bind(id);
        let mut transaction = self.database.begin().await?;
        let ended = transaction.optional(ended).await?.map(|row| row.hash("hash")).transpose()?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Ends all sessions of a member but one, and returns their digests.
    pub async fn delete_other_sessions(&self, member: MemberId, kept: &Hash) -> Result<Vec<Hash>, StoreError> {
        let ended = sql("DELETE FROM sessions WHERE member = $1 AND hash <> $2 RETURNING hash").bind(member).bind(kept);
        let mut transaction = self.database.begin().await?;
        let ended = transaction.all(ended).await?.iter().map(|row| row.hash("hash")).collect::<Result<_, _>>()?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Ends sessions that were not used since `since`, some at a time. Nobody is connected by one of those.
    pub async fn delete_unused_sessions(&self, since: Timestamp) -> Result<u64, StoreError> {
        let unused = sql("DELETE FROM sessions WHERE hash IN
             (SELECT hash FROM sessions WHERE COALESCE(used_at, created_at) < $1 LIMIT $2)");
        self.database.execute(unused.bind(since).bind(ENDED_AT_ONCE)).await
    }
}

/// Makes a session for a member, unless they are suspended or there is no such member, which is `None`. Otherwise it returns
/// the digests of those that ended to make room for it.
pub(crate) async fn begin_session(
    transaction: &mut Transaction,
    member: MemberId,
    session: &NewSession,
    now: Timestamp,
) -> Result<Option<Vec<Hash>>, StoreError> {
    if !lock_unless_suspended(transaction, member).await? {
        return Ok(None);
    }
    let made = sql("INSERT INTO sessions (hash, id, member, label, created_at, used_at, token)
         VALUES ($1, $2, $3, $4, $5, $5, FALSE)")
    .bind(session.hash)
    .bind(session_id(&session.hash))
    .bind(member)
    .bind(session.label.as_str())
    .bind(now);
    transaction.execute(made).await?;
    let ended = sql("DELETE FROM sessions WHERE hash IN
         (SELECT hash FROM sessions WHERE member = $1 AND NOT token AND hash <> $2
          ORDER BY COALESCE(used_at, created_at) DESC, hash LIMIT $3 OFFSET $4) RETURNING hash")
    .bind(member)
    .bind(session.hash)
    .bind(ENDED_AT_ONCE)
    .bind(SESSIONS_MAX - 1);
    transaction.all(ended).await?.iter().map(|row| row.hash("hash")).collect::<Result<_, _>>().map(Some)
}

/// Whether a member is there and not suspended, and stays so until the transaction ends: whoever suspends them waits, and the
/// sessions that were made meanwhile let nobody in.
async fn lock_unless_suspended(transaction: &mut Transaction, member: MemberId) -> Result<bool, StoreError> {
    let lock = sql("UPDATE members SET language = language WHERE id = $1 AND suspended_at IS NULL").bind(member);
    Ok(transaction.execute(lock).await? > 0)
}

/// The name of a session: the first half of its digest. It says no more about the token than the digest does.
pub(crate) fn session_id(hash: &Hash) -> Value {
    Value::Bytes(Some(hash[..16].to_vec()))
}

fn session_from(row: &Row) -> Result<Session, StoreError> {
    let hash = row.hash("hash")?;
    Ok(Session {
        id: RecordId(id_from(&hash[..16], "id")?),
        hash,
        label: row.text("label")?,
        created_at: row.time("created_at")?,
        used_at: row.time("last_used")?,
        token: row.bool("token")?,
    })
}
