//! Invites: the only way in. What redeeming one does is in `redeem`.
//!
//! An invite is spent once `used_at` is set, and stays so when the account that it made is deleted (`used_by` is then NULL).

use roomtone_room::ids::{MemberId, RecordId, Timestamp};

use crate::db::{Row, Transaction, Value, sql};
use crate::error::StoreError;
use crate::graph::lock_members;
use crate::members::{Person, sponsor_from};
use crate::open::ROWS_PER_STATEMENT;
use crate::{Hash, PAGE, Store};

/// On how many days a guest must have been in a room with somebody else before their sponsor earns an invite. More asks for
/// better acquaintances; fewer lets the server grow faster.
pub const DAYS_TO_EARN: u32 = 3;

/// Most days of members that [`Store::record_days`] takes.
pub const DAYS_AT_ONCE: usize = ROWS_PER_STATEMENT;

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

/// An invite that a member makes, out of those that they have left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInvite {
    /// By which its maker knows it later.
    pub id: RecordId,
    /// SHA-256 of the code.
    pub hash: Hash,
    /// Whose invite it is.
    pub sponsor: MemberId,
    /// What they want to tell the guest, validated; may be empty.
    pub note: String,
    /// When it is made.
    pub created_at: Timestamp,
    /// From when on it no longer works.
    pub expires_at: Timestamp,
}

/// What an invite that still works says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteInfo {
    /// Whether it makes the owner of this server.
    pub owner: bool,
    /// Whose it is.
    pub sponsor: Option<Person>,
    /// Whether the sponsor lets it be seen where they are.
    pub sponsor_seen: bool,
    /// What the sponsor wrote for the guest; may be empty.
    pub note: String,
    /// The handle that is kept for whoever has it, if they came by the waiting list.
    pub handle: Option<String>,
}

/// An invite as its maker sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnInvite {
    /// Which one.
    pub id: RecordId,
    /// What they wrote for the guest.
    pub note: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it no longer works, or did not; `None` for one that does not expire.
    pub expires_at: Option<Timestamp>,
    /// What has become of it.
    pub state: InviteState,
    /// Whom it let in, unless their account is deleted or suspended.
    pub guest: Option<Person>,
    /// The handle of somebody on the waiting list who has it and has not come in yet.
    pub waiting: Option<String>,
}

/// What has become of an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteState {
    /// It works.
    Open,
    /// Somebody came in by it.
    Used,
    /// It no longer works, and nobody has used it.
    Expired,
    /// Its maker, or the suspension of its maker, has taken it back.
    Revoked,
}

/// How many invites a member has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvitesLeft {
    /// How many more they may make now; `None` for the owner and admins, who may make any number.
    pub left: Option<u64>,
    /// How many they have earned by their guests' taking part.
    pub earned: u64,
}

/// An invite that a sponsor has earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earned {
    /// Who earned it.
    pub sponsor: MemberId,
    /// By whose taking part.
    pub guest: MemberId,
}

/// How many of their invites a member `m` has out: those that are used, and those that are open at `$now`. What was revoked
/// or has expired unused has come back.
macro_rules! invites_out {
    ($now:literal) => {
        concat!(
            "(SELECT count(*) FROM invites o WHERE o.sponsor = m.id AND (o.used_at IS NOT NULL
                OR (o.revoked_at IS NULL AND (o.expires_at IS NULL OR o.expires_at > ",
            $now,
            "))))"
        )
    };
}
pub(crate) use invites_out;

impl Store {
    /// Makes an invite.
    ///
    /// Errors: [`StoreError::Conflict`] when the digest is known already or the sponsor does not exist.
    pub async fn create_invite(&self, invite: NewInvite) -> Result<(), StoreError> {
        self.create_invites(&[invite]).await
    }

    /// Makes invites, all or none. Errors as for [`Store::create_invite`].
    pub async fn create_invites(&self, invites: &[NewInvite]) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        insert_invites(&mut transaction, invites).await?;
        transaction.commit().await
    }

    /// Makes the owner link of a server that has no owner yet; an owner link made before stops working. Returns
    /// whether it was made: `false`, and nothing changes, when there is an owner.
    ///
    /// This looks for an owner and not for members, so that a server whose first members came by invites from the
    /// command line still gets one.
    pub async fn replace_owner_invite(&self, hash: Hash, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let owned = transaction.one(sql("SELECT EXISTS (SELECT 1 FROM members WHERE owner) AS owned")).await?;
        if owned.bool("owned")? {
            return Ok(false);
        }
        let revoke = sql("UPDATE invites SET revoked_at = $1 WHERE owner AND used_at IS NULL AND revoked_at IS NULL");
        transaction.execute(revoke.bind(now)).await?;
        let invite = NewInvite { hash, owner: true, sponsor: None, created_at: now, expires_at: None };
        insert_invites(&mut transaction, &[invite]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Makes an invite of a member's, if they have one left: `each` is how many every member has, to which come those that
    /// they have earned. Returns whether it was made. However many are made at once, there are never more.
    ///
    /// Errors: [`StoreError::Conflict`] when the digest or the id is known already.
    pub async fn create_member_invite(&self, invite: &MemberInvite, each: u32) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        if !lock_sponsor(&mut transaction, invite.sponsor).await? {
            return Ok(false);
        }
        let insert = sql(concat!(
            "INSERT INTO invites (hash, id, owner, sponsor, note, created_at, expires_at)
             SELECT $1, $2, FALSE, m.id, $4, $5, $6 FROM members m
             WHERE m.id = $3 AND (m.owner OR m.admin OR $7 + m.invites_earned > ",
            invites_out!("$5"),
            ")"
        ))
        .bind(invite.hash)
        .bind(invite.id)
        .bind(invite.sponsor)
        .bind(&invite.note)
        .bind(invite.created_at)
        .bind(invite.expires_at)
        .bind(each);
        let made = transaction.execute(insert).await? > 0;
        transaction.commit().await?;
        Ok(made)
    }

    /// How many invites a member has left at `now`, if each has `each` besides those earned; `None` for nobody's id.
    pub async fn invites_left(
        &self,
        sponsor: MemberId,
        each: u32,
        now: Timestamp,
    ) -> Result<Option<InvitesLeft>, StoreError> {
        let counted = sql(concat!(
            "SELECT m.owner, m.admin, m.invites_earned, ",
            invites_out!("$2"),
            " AS taken FROM members m WHERE m.id = $1"
        ))
        .bind(sponsor)
        .bind(now);
        let Some(row) = self.database.optional(counted).await? else { return Ok(None) };
        let earned = row.count("invites_earned")?;
        let left = (u64::from(each) + earned).saturating_sub(row.count("taken")?);
        let unlimited = row.bool("owner")? || row.bool("admin")?;
        Ok(Some(InvitesLeft { left: (!unlimited).then_some(left), earned }))
    }

    /// Up to [`PAGE`] invites that a member made, newest first, after the place of one of them: when it was made, and its id.
    pub async fn invites_of(
        &self,
        sponsor: MemberId,
        after: Option<(Timestamp, RecordId)>,
        now: Timestamp,
    ) -> Result<Vec<OwnInvite>, StoreError> {
        let mut list = sql("SELECT i.id AS invite_id, i.note, i.created_at, i.expires_at, i.revoked_at, i.used_at,
                    g.id AS sponsor_id, g.handle AS sponsor_handle, g.name AS sponsor_name, g.avatar AS sponsor_avatar,
                    w.handle AS waiting
             FROM invites i LEFT JOIN members g ON g.id = i.used_by AND g.suspended_at IS NULL
                  LEFT JOIN waitlist w ON w.hash = i.hash
             WHERE i.sponsor = $1 AND i.id IS NOT NULL")
        .bind(sponsor);
        if let Some((at, id)) = after {
            list = list.push(" AND (i.created_at, i.id) < (").push_bind(at).push(", ").push_bind(id).push(")");
        }
        let list = list.push(" ORDER BY i.created_at DESC, i.id DESC LIMIT ").push_bind(PAGE as u64);
        self.database.all(list).await?.iter().map(|row| own_invite_from(row, now)).collect()
    }

    /// Takes back an invite that its maker has not seen used. Returns whether it was there and open.
    pub async fn revoke_invite(&self, sponsor: MemberId, id: RecordId, now: Timestamp) -> Result<bool, StoreError> {
        let revoke = sql("UPDATE invites SET revoked_at = $3 WHERE id = $1 AND sponsor = $2 AND used_at IS NULL
               AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)")
        .bind(id)
        .bind(sponsor)
        .bind(now);
        Ok(self.database.execute(revoke).await? > 0)
    }

    /// The invite with this digest if it works at `now`; `None` alike for one that was used, has expired, was revoked
    /// or never was.
    pub async fn invite(&self, hash: &Hash, now: Timestamp) -> Result<Option<InviteInfo>, StoreError> {
        let found =
            sql("SELECT i.owner, i.note, s.id AS sponsor_id, s.handle AS sponsor_handle, s.name AS sponsor_name,
                    s.avatar AS sponsor_avatar, s.online_hidden AS hidden, w.handle AS waiting
             FROM invites i LEFT JOIN members s ON s.id = i.sponsor LEFT JOIN waitlist w ON w.hash = i.hash
             WHERE i.hash = $1 AND i.used_at IS NULL AND i.revoked_at IS NULL
               AND (i.expires_at IS NULL OR i.expires_at > $2)")
            .bind(hash)
            .bind(now);
        let Some(row) = self.database.optional(found).await? else { return Ok(None) };
        let sponsor = sponsor_from(&row)?;
        Ok(Some(InviteInfo {
            owner: row.bool("owner")?,
            sponsor_seen: sponsor.is_some() && !row.bool("hidden")?,
            sponsor,
            note: row.text("note")?,
            handle: row.text_or_null("waiting")?,
        }))
    }

    /// Notes on which days, counted from 1970 in UTC, members were in a room with somebody else, and returns which sponsors
    /// have earned an invite by it: one for each guest, once. Only the days of guests who still count are kept, and those
    /// only until then. All or none is noted, so at most [`DAYS_AT_ONCE`] are taken: room logs wait for the one connection that
    /// writes.
    pub async fn record_days(&self, days: &[(MemberId, u64)], now: Timestamp) -> Result<Vec<Earned>, StoreError> {
        let mut transaction = self.database.begin().await?;
        let earned = record_part(&mut transaction, days, now).await?;
        transaction.commit().await?;
        Ok(earned)
    }
}

/// Keeps others from making or being given invites of this sponsor until the transaction ends, so that it can count them.
/// Returns whether there is such a member, and not suspended.
pub(crate) async fn lock_sponsor(transaction: &mut Transaction, sponsor: MemberId) -> Result<bool, StoreError> {
    let lock =
        sql("UPDATE members SET invites_earned = invites_earned WHERE id = $1 AND suspended_at IS NULL").bind(sponsor);
    Ok(transaction.execute(lock).await? > 0)
}

/// Carries out [`Store::record_days`] for as many as go into one statement.
async fn record_part(
    transaction: &mut Transaction,
    days: &[(MemberId, u64)],
    now: Timestamp,
) -> Result<Vec<Earned>, StoreError> {
    let rows = days.iter().map(|&(member, day)| -> [Value; 2] { [member.into(), day.into()] });
    let insert = sql("INSERT INTO days_present (member, day) SELECT d.column1, d.column2 FROM (").push_rows(rows).push(
        ") AS d JOIN invites i ON i.used_by = d.column1
         WHERE i.sponsor IS NOT NULL AND i.earned_at IS NULL ON CONFLICT DO NOTHING",
    );
    if transaction.execute(insert).await? == 0 {
        return Ok(Vec::new());
    }
    let enough = sql("UPDATE invites SET earned_at = ")
        .push_bind(now)
        .push(" WHERE earned_at IS NULL AND sponsor IS NOT NULL AND used_by IN ")
        .push_list(days.iter().map(|&(member, _)| member))
        .push(" AND (SELECT count(*) FROM days_present d WHERE d.member = invites.used_by) >= ")
        .push_bind(DAYS_TO_EARN)
        .push(" RETURNING sponsor, used_by");
    let earned: Vec<Earned> = transaction
        .all(enough)
        .await?
        .iter()
        .map(|row| Ok(Earned { sponsor: row.member("sponsor")?, guest: row.member("used_by")? }))
        .collect::<Result<_, StoreError>>()?;
    if earned.is_empty() {
        return Ok(earned);
    }
    let mut counts = std::collections::BTreeMap::new();
    for Earned { sponsor, .. } in &earned {
        *counts.entry(*sponsor).or_insert(0u64) += 1;
    }
    lock_members(transaction, &counts.keys().copied().collect()).await?;
    let rows = counts.into_iter().map(|(sponsor, count)| -> [Value; 2] { [sponsor.into(), count.into()] });
    let credit = sql("UPDATE members SET invites_earned = invites_earned + e.column2 FROM (")
        .push_rows(rows)
        .push(") AS e WHERE members.id = e.column1");
    transaction.execute(credit).await?;
    let forget = sql("DELETE FROM days_present WHERE member IN ").push_list(earned.iter().map(|earned| earned.guest));
    transaction.execute(forget).await?;
    Ok(earned)
}

/// Inserts invites as they are described.
async fn insert_invites(transaction: &mut Transaction, invites: &[NewInvite]) -> Result<(), StoreError> {
    for part in invites.chunks(ROWS_PER_STATEMENT) {
        let rows = part.iter().map(|invite| -> [Value; 5] {
            [
                invite.hash.into(),
                invite.owner.into(),
                invite.sponsor.into(),
                invite.created_at.into(),
                invite.expires_at.into(),
            ]
        });
        let insert = sql("INSERT INTO invites (hash, owner, sponsor, created_at, expires_at) ").push_rows(rows);
        transaction.execute(insert.remembered(part.len() == 1)).await?;
    }
    Ok(())
}

/// Reads what [`Store::invites_of`] selects.
fn own_invite_from(row: &Row, now: Timestamp) -> Result<OwnInvite, StoreError> {
    let expires_at = row.time_or_null("expires_at")?;
    let state = if row.time_or_null("used_at")?.is_some() {
        InviteState::Used
    } else if row.time_or_null("revoked_at")?.is_some() {
        InviteState::Revoked
    } else if expires_at.is_some_and(|at| at <= now) {
        InviteState::Expired
    } else {
        InviteState::Open
    };
    Ok(OwnInvite {
        id: RecordId(row.id("invite_id")?),
        note: row.text("note")?,
        created_at: row.time("created_at")?,
        expires_at,
        state,
        guest: sponsor_from(row)?,
        waiting: row.text_or_null("waiting")?,
    })
}
