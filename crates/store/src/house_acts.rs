//! What admins of a house do there to others, and the log of it.

use roomtone_room::ids::{HouseId, MemberId, RecordId, Timestamp};

use crate::admin::{AuditEntry, insert_house_audit};
use crate::db::{Row, Transaction, sql};
use crate::error::StoreError;
use crate::houses::{lock, number, only_by_admin, part, role_of, shown_person};
use crate::members::{person_from, sponsor_from};
use crate::{HouseChanged, HouseRole, Person, Store};

/// What an admin of a house is about to do there, as it will stand in the house's log and in this server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseAct {
    /// Names the entry of the log.
    pub id: RecordId,
    /// Who does it.
    pub by: MemberId,
    /// When.
    pub at: Timestamp,
    /// Why, in their words; may be empty.
    pub reason: String,
}

/// An entry of a house's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseRecord {
    /// Which entry.
    pub id: RecordId,
    /// When.
    pub at: Timestamp,
    /// Who did it, as far as the viewer may know of them.
    pub actor: Option<Person>,
    /// What, in a word of this program.
    pub act: String,
    /// To whom, as far as the viewer may know of them.
    pub about: Option<Person>,
    /// Why, in the actor's words.
    pub reason: String,
}

impl Store {
    /// What admins did in a house, as `viewer` may see it, the latest first, after the entry of this time and id. Whoever is
    /// kept out of the house is named whatever is between them and the viewer, as in the list of those.
    pub async fn house_log(
        &self,
        house: HouseId,
        viewer: MemberId,
        after: Option<(Timestamp, RecordId)>,
        limit: u32,
    ) -> Result<Vec<HouseRecord>, StoreError> {
        const PAGE: &str = concat!(
            "SELECT l.id AS entry, l.at, l.act, l.reason, m.id, m.handle, m.name, m.avatar, s.id AS sponsor_id,
                    s.handle AS sponsor_handle, s.name AS sponsor_name, s.avatar AS sponsor_avatar
             FROM audit_log l LEFT JOIN members s
                  ON s.id = l.actor AND s.suspended_at IS NULL
                     AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = s.id AND b.blocked = $2)
                     AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $2 AND b.blocked = s.id)
             LEFT JOIN members m ON m.id = l.about
                  AND (EXISTS (SELECT 1 FROM house_bans o WHERE o.house = $1 AND o.member = m.id) OR (",
            shown_person!(),
            ")) WHERE l.house = $1 AND (l.at, l.id) < ($3, $4) ORDER BY l.at DESC, l.id DESC LIMIT $5"
        );
        let (before, id) = after.unwrap_or((Timestamp(i64::MAX as u64), RecordId(u128::MAX)));
        let page = self.database.all(sql(PAGE).bind(house).bind(viewer).bind(before).bind(id).bind(limit)).await?;
        let record = |row: &Row| {
            Ok(HouseRecord {
                id: RecordId(row.id("entry")?),
                at: row.time("at")?,
                actor: sponsor_from(row)?,
                act: row.text("act")?,
                about: row.id_or_null("id")?.map(|_| person_from(row)).transpose()?,
                reason: row.text("reason")?,
            })
        };
        page.iter().map(record).collect()
    }

    /// Makes a member of a house its admin, or an admin an ordinary member, if an admin does.
    pub async fn set_house_role(
        &self,
        house: HouseId,
        member: MemberId,
        admin: bool,
        act: &HouseAct,
    ) -> Result<HouseChanged, StoreError> {
        let mut tx = self.database.begin().await?;
        if lock(&mut tx, house).await?.is_none() || role_of(&mut tx, house, act.by).await? != Some(HouseRole::Admin) {
            return Ok(HouseChanged::NotAllowed);
        }
        let role = role_of(&mut tx, house, member).await?;
        let wanted = if admin { HouseRole::Admin } else { HouseRole::Member };
        match role {
            None | Some(HouseRole::Follower) => return Ok(HouseChanged::NotMember),
            Some(role) if role == wanted => return Ok(HouseChanged::Done),
            Some(_) => {}
        }
        let count = if admin {
            sql("UPDATE houses SET admins = admins + 1 WHERE id = $1")
        } else {
            sql("UPDATE houses SET admins = admins - 1 WHERE id = $1 AND admins > 1")
        };
        if tx.execute(count.bind(house)).await? == 0 {
            return Ok(HouseChanged::LastAdmin);
        }
        let change = sql("UPDATE house_members SET role = $3 WHERE house = $1 AND member = $2");
        tx.execute(change.bind(house).bind(member).bind(number(wanted))).await?;
        let what = if admin { "house_admin_made" } else { "house_admin_ended" };
        log(&mut tx, house, what, Some(member), act).await?;
        tx.commit().await?;
        Ok(HouseChanged::Done)
    }

    /// Removes somebody from a house for good, if an admin does: they cannot join, follow or be nominated again until
    /// the ban is lifted. They need not belong to it.
    pub async fn ban_from_house(
        &self,
        house: HouseId,
        member: MemberId,
        act: &HouseAct,
    ) -> Result<HouseChanged, StoreError> {
        let mut tx = self.database.begin().await?;
        let asks_for = lock(&mut tx, house).await?.is_some() && act.by != member;
        if !asks_for || role_of(&mut tx, house, act.by).await? != Some(HouseRole::Admin) {
            return Ok(HouseChanged::NotAllowed);
        }
        if part(&mut tx, house, member).await? == HouseChanged::LastAdmin {
            return Ok(HouseChanged::LastAdmin);
        }
        let statements = [
            sql("DELETE FROM house_members WHERE house = $1 AND member = $2"),
            sql("DELETE FROM nominations WHERE house = $1 AND nominee = $2"),
            sql("DELETE FROM notifications WHERE subject = $1 AND member = $2"),
        ];
        for statement in statements {
            tx.execute(statement.bind(house).bind(member)).await?;
        }
        let ban = sql("INSERT INTO house_bans (house, member, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        if tx.execute(ban.bind(house).bind(member).bind(act.at)).await? > 0 {
            log(&mut tx, house, "house_banned", Some(member), act).await?;
        }
        tx.commit().await?;
        Ok(HouseChanged::Done)
    }

    /// Lifts a ban, if an admin does; returns whether they are and there was one.
    pub async fn lift_house_ban(&self, house: HouseId, member: MemberId, act: &HouseAct) -> Result<bool, StoreError> {
        let lift = only_by_admin("DELETE FROM house_bans WHERE house = $1 AND member = $3", house, act.by).bind(member);
        let mut tx = self.database.begin().await?;
        if tx.execute(lift).await? == 0 {
            return Ok(false);
        }
        log(&mut tx, house, "house_ban_lifted", Some(member), act).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Writes what an admin has done in a house into its log, in the transaction that does it.
pub(crate) async fn log(
    tx: &mut Transaction,
    house: HouseId,
    what: &'static str,
    about: Option<MemberId>,
    act: &HouseAct,
) -> Result<(), StoreError> {
    let details = format!("house={house}");
    let entry = AuditEntry { id: act.id, at: act.at, actor: act.by, act: what, about, details };
    insert_house_audit(tx, &entry, house, &act.reason).await
}
