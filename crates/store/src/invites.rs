//! Invites: the only way in. What redeeming one does is in `redeem`.

use roomtone_room::ids::{MemberId, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Row};

use crate::convert::{id_bytes, time};
use crate::error::{StoreError, failed};
use crate::members::{Person, sponsor_from};
use crate::open::ROWS_PER_STATEMENT;
use crate::{Hash, Store};

/// An invite to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvite {
    /// SHA-256 of the code.
    pub hash: Hash,
    /// Whether it makes the owner of this server. The owner link is made by [`Store::replace_owner_invite`].
    pub owner: bool,
    /// Whose invite it is; `None` for one made on the command line.
    pub sponsor: Option<MemberId>,
    /// When it is made.
    pub created_at: Timestamp,
    /// From when on it no longer works; `None` for one that does not expire.
    pub expires_at: Option<Timestamp>,
}

/// What an invite that still works says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteInfo {
    /// Whether it makes the owner of this server.
    pub owner: bool,
    /// Whose it is.
    pub sponsor: Option<Person>,
}

impl Store {
    /// Makes an invite.
    ///
    /// Errors: [`StoreError::Conflict`] when the digest is known already or the sponsor does not exist.
    pub async fn create_invite(&self, invite: NewInvite) -> Result<(), StoreError> {
        self.create_invites(&[invite]).await
    }

    /// Makes invites, all or none. Errors as for [`Store::create_invite`].
    pub async fn create_invites(&self, invites: &[NewInvite]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        insert_invites(&mut transaction, invites).await?;
        transaction.commit().await.map_err(failed)
    }

    /// Makes the owner link of a server that has no owner yet; an owner link made before stops working. Returns
    /// whether it was made: `false`, and nothing changes, when there is an owner.
    ///
    /// This looks for an owner and not for members, so that a server whose first members came by invites from the
    /// command line still gets one.
    pub async fn replace_owner_invite(&self, hash: Hash, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let owned: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM members WHERE owner)")
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        if owned {
            return Ok(false);
        }
        sqlx::query("UPDATE invites SET revoked_at = $1 WHERE owner AND used_by IS NULL AND revoked_at IS NULL")
            .bind(time(now)?)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let invite = NewInvite { hash, owner: true, sponsor: None, created_at: now, expires_at: None };
        insert_invites(&mut transaction, &[invite]).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// The invite with this digest if it works at `now`; `None` alike for one that was used, has expired, was revoked
    /// or never was.
    pub async fn invite(&self, hash: &Hash, now: Timestamp) -> Result<Option<InviteInfo>, StoreError> {
        let row = sqlx::query(
            "SELECT i.owner, s.id AS sponsor_id, s.handle AS sponsor_handle, s.name AS sponsor_name
             FROM invites i LEFT JOIN members s ON s.id = i.sponsor
             WHERE i.hash = $1 AND i.used_by IS NULL AND i.revoked_at IS NULL
               AND (i.expires_at IS NULL OR i.expires_at > $2)",
        )
        .bind(&hash[..])
        .bind(time(now)?)
        .fetch_optional(self.readers())
        .await
        .map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(InviteInfo { owner: row.try_get("owner").map_err(failed)?, sponsor: sponsor_from(&row)? }))
    }
}

/// Inserts invites as they are described.
async fn insert_invites(connection: &mut SqliteConnection, invites: &[NewInvite]) -> Result<(), StoreError> {
    for part in invites.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::new("INSERT INTO invites (hash, owner, sponsor, created_at, expires_at) ");
        let mut rows = Vec::with_capacity(part.len());
        for invite in part {
            rows.push((invite, time(invite.created_at)?, invite.expires_at.map(time).transpose()?));
        }
        query.push_values(rows, |mut row, (invite, created_at, expires_at)| {
            row.push_bind(&invite.hash[..])
                .push_bind(invite.owner)
                .push_bind(invite.sponsor.map(|sponsor| id_bytes(sponsor.0)))
                .push_bind(created_at)
                .push_bind(expires_at);
        });
        let query = query.build().persistent(part.len() == 1);
        query.execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}
