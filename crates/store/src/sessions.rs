//! Sessions: opaque tokens, stored only as their digest.

use roomtone_room::ids::{MemberId, Timestamp};

use crate::convert::{id_from, time};
use crate::error::{StoreError, failed};
use crate::{Hash, Store};

/// A session to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// SHA-256 of the token.
    pub hash: Hash,
    /// What its owner knows it by: the browser's name, or what they called a token for a player.
    pub label: String,
}

impl Store {
    /// Makes a further session for whoever `asker` is a session of. Returns whether that session has not ended; if it has,
    /// however shortly before, none is made.
    ///
    /// Errors: [`StoreError::Conflict`] when the digest is known already.
    pub async fn create_session(&self, asker: &Hash, session: NewSession, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO sessions (hash, member, label, created_at)
             SELECT $1, member, $2, $3 FROM sessions WHERE hash = $4",
        )
        .bind(&session.hash[..])
        .bind(&session.label)
        .bind(time(now)?)
        .bind(&asker[..])
        .execute(self.writer())
        .await
        .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    /// Whose session this is; `None` for one that has ended or never was.
    pub async fn session(&self, hash: &Hash) -> Result<Option<MemberId>, StoreError> {
        let member: Option<Vec<u8>> = sqlx::query_scalar("SELECT member FROM sessions WHERE hash = $1")
            .bind(&hash[..])
            .fetch_optional(self.readers())
            .await
            .map_err(failed)?;
        member.map(|id| id_from(&id, "member id").map(MemberId)).transpose()
    }

    /// Ends a session. Returns whether there was one.
    pub async fn delete_session(&self, hash: &Hash) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM sessions WHERE hash = $1")
            .bind(&hash[..])
            .execute(self.writer())
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }
}
