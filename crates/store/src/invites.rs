//! Invites: the only way in.

use roomtone_room::ids::{MemberId, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use crate::convert::{id_bytes, time};
use crate::error::{RedeemError, StoreError, failed};
use crate::members::{Member, Person, member_by_id, sponsor_from};
use crate::sessions::{NewSession, insert_session};
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

/// A member to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMember {
    /// The new id.
    pub id: MemberId,
    /// Handle, validated.
    pub handle: String,
    /// Display name, validated.
    pub name: String,
    /// BCP 47 language tag, validated.
    pub language: String,
}

/// What redeeming an invite made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The new member.
    pub member: Member,
}

impl Store {
    /// Makes an invite.
    ///
    /// Errors: [`StoreError::Conflict`] when the digest is known already or the sponsor does not exist.
    pub async fn create_invite(&self, invite: NewInvite) -> Result<(), StoreError> {
        let mut connection = self.writer().acquire().await.map_err(failed)?;
        insert_invite(&mut connection, &invite).await
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
        insert_invite(&mut transaction, &invite).await?;
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

    /// Spends an invite: makes the member and their first session, all or nothing. Of two calls with the same invite,
    /// however close together, at most one makes a member.
    ///
    /// Errors: [`RedeemError::NotFound`], [`RedeemError::HandleTaken`] (the invite stays unspent), or the store's.
    pub async fn redeem(
        &self,
        hash: &Hash,
        now: Timestamp,
        member: NewMember,
        session: NewSession,
    ) -> Result<Redeemed, RedeemError> {
        let at = time(now)?;
        let mut transaction = self.begin().await?;
        // Whoever changes this row first has the invite. Returning early from here on rolls the change back.
        let invite = sqlx::query(
            "UPDATE invites SET used_by = $1, used_at = $2
             WHERE hash = $3 AND used_by IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
             RETURNING owner, sponsor",
        )
        .bind(id_bytes(member.id.0))
        .bind(at)
        .bind(&hash[..])
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?
        .ok_or(RedeemError::NotFound)?;
        let made = sqlx::query(
            "INSERT INTO members (id, handle, name, language, owner, sponsor, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (handle) DO NOTHING",
        )
        .bind(id_bytes(member.id.0))
        .bind(&member.handle)
        .bind(&member.name)
        .bind(&member.language)
        .bind(invite.try_get::<bool, _>("owner").map_err(failed)?)
        .bind(invite.try_get::<Option<Vec<u8>>, _>("sponsor").map_err(failed)?)
        .bind(at)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        if made.rows_affected() == 0 {
            return Err(RedeemError::HandleTaken);
        }
        insert_session(&mut transaction, member.id, &session, now).await?;
        let member = member_by_id(&mut *transaction, member.id).await?.ok_or(StoreError::Corrupt("member"))?;
        transaction.commit().await.map_err(failed)?;
        Ok(Redeemed { member })
    }
}

/// Inserts an invite as it is described.
async fn insert_invite(connection: &mut SqliteConnection, invite: &NewInvite) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO invites (hash, owner, sponsor, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&invite.hash[..])
        .bind(invite.owner)
        .bind(invite.sponsor.map(|sponsor| id_bytes(sponsor.0)))
        .bind(time(invite.created_at)?)
        .bind(invite.expires_at.map(time).transpose()?)
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(())
}
