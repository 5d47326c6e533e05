//! Members' pictures.

use roomtone_room::ids::{AvatarId, MemberId};

use crate::Store;
use crate::db::sql;
use crate::error::StoreError;

/// The picture of a member, as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAvatar {
    /// The new id.
    pub id: AvatarId,
    /// JPEG, 160 px square.
    pub small: Vec<u8>,
    /// JPEG, 512 px square.
    pub large: Vec<u8>,
}

/// The two sizes of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AvatarSize {
    /// 160 px square.
    Small,
    /// 512 px square.
    Large,
}

impl Store {
    /// Gives a member this picture in place of the one they had. Returns whether there is such a member, who is not
    /// suspended.
    pub async fn set_avatar(&self, member: MemberId, avatar: NewAvatar) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let name = sql("UPDATE members SET avatar = $2 WHERE id = $1 AND suspended_at IS NULL");
        if tx.execute(name.bind(member).bind(avatar.id.0)).await? == 0 {
            return Ok(false);
        }
        let keep = sql("INSERT INTO avatars (id, member, small, large) VALUES ($1, $2, $3, $4)
             ON CONFLICT (member) DO UPDATE SET id = excluded.id, small = excluded.small, large = excluded.large")
        .bind(avatar.id.0)
        .bind(member)
        .bind(avatar.small)
        .bind(avatar.large);
        tx.execute(keep).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes a member's picture away, if they have one.
    pub async fn remove_avatar(&self, member: MemberId) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        tx.execute(sql("UPDATE members SET avatar = NULL WHERE id = $1").bind(member)).await?;
        tx.execute(sql("DELETE FROM avatars WHERE member = $1").bind(member)).await?;
        tx.commit().await
    }

    /// A picture: the bytes of a JPEG.
    pub async fn avatar(&self, id: AvatarId, size: AvatarSize) -> Result<Option<Vec<u8>>, StoreError> {
        let picture = match size {
            AvatarSize::Small => sql("SELECT small AS picture FROM avatars WHERE id = $1"),
            AvatarSize::Large => sql("SELECT large AS picture FROM avatars WHERE id = $1"),
        };
        self.database.optional(picture.bind(id.0)).await?.map(|row| row.bytes("picture")).transpose()
    }
}
