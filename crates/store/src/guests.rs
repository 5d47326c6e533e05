//! Guests: people without an account whom a member vouches for, each let into one room by a link of their own.
//!
//! Invariant: what an office does is done in the transaction that asks for its right, and is in the principal's log.

use std::collections::HashSet;

use roomtone_room::ids::{MemberId, RecordId, RoomId, Timestamp};
use roomtone_room::office::Right;

use crate::acts::ActGuest;
use crate::db::{Row, Transaction, sql};
use crate::error::StoreError;
use crate::members::{IDS_PER_STATEMENT, Person, person_from, sponsor_from};
use crate::offices::{NewOfficeAct, holds, insert_office_act};
use crate::{Hash, Store};

/// Most guests that are deleted in one turn of tidying. More tidies sooner; fewer holds others up less.
const DELETED_AT_ONCE: u32 = 1000;

/// A guest to be made, with the link by which they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGuest {
    /// The new id: nobody else's, and no member's.
    pub id: MemberId,
    /// The room that they may come to.
    pub room: RoomId,
    /// Who makes the link, and vouches for them.
    pub voucher: MemberId,
    /// SHA-256 of the code in the link.
    pub code: Hash,
    /// What they are called, validated.
    pub name: String,
    /// What it is about, validated.
    pub context: Option<String>,
    /// When the link is made.
    pub created_at: Timestamp,
    /// When it ends, and their stay with it.
    pub expires_at: Timestamp,
}

/// By whom a guest's link is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestBy {
    /// By who vouches for them.
    Voucher,
    /// By somebody in the voucher's office.
    Office(GuestOffice),
    /// By themselves, who answer the room's invitation without an account.
    Correspondent(RecordId),
}

/// Somebody who acts for a principal in matters of guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestOffice {
    /// Who.
    pub delegate: MemberId,
    /// The id of the entry in the principal's log.
    pub act: RecordId,
}

/// What became of making a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestMade {
    /// There is one more.
    Made,
    /// The room has as many as it may.
    TooMany,
    /// The room has ended or never was, or the member is suspended or gone.
    Gone,
    /// Who makes the link has no right to it (any more).
    NotAllowed,
    /// Who makes it for themselves has taken one into this room.
    Taken,
}

/// A guest whose pass lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Their id and name; they have neither a handle nor a picture.
    pub person: Person,
    /// The room that they may come to.
    pub room: RoomId,
    /// Who vouches for them, and made the link unless their office did.
    pub voucher: Person,
    /// Whether somebody in the voucher's office made it.
    pub office: bool,
    /// Who that was, if they are here.
    pub delegate: Option<Person>,
    /// What it is about.
    pub context: Option<String>,
    /// When the link was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether somebody has taken it.
    pub taken: bool,
}

/// Guests `g` whose pass lasts at $1, with those who vouch for them.
macro_rules! select_guest {
    ($condition:literal) => {
        concat!(
            "SELECT g.id AS guest, g.room, g.name AS guest_name, g.context, g.created_at, g.expires_at, g.office,
                    g.session IS NOT NULL AS taken, m.id, m.handle, m.name, m.avatar, d.id AS sponsor_id,
                    d.handle AS sponsor_handle, d.name AS sponsor_name, d.avatar AS sponsor_avatar
             FROM guests g JOIN members m ON m.id = g.voucher AND m.suspended_at IS NULL
                  LEFT JOIN members d ON d.id = g.delegate AND d.suspended_at IS NULL
                  JOIN rooms r ON r.id = g.room AND r.ended_at IS NULL
             WHERE g.ended_at IS NULL AND g.expires_at > $1 AND ",
            $condition
        )
    };
}

impl Store {
    /// Makes a guest, if the room has fewer than `most` whose pass lasts.
    ///
    /// Errors: [`StoreError::Conflict`] when the id or the digest is known already.
    pub async fn create_guest(&self, guest: &NewGuest, most: usize) -> Result<GuestMade, StoreError> {
        self.create_guest_by(guest, GuestBy::Voucher, most).await
    }

    /// The same, by somebody else than who vouches. A link that a correspondent has made before and nobody has taken ends by that; one
    /// that was taken is the only one into this room.
    pub async fn create_guest_by(&self, guest: &NewGuest, by: GuestBy, most: usize) -> Result<GuestMade, StoreError> {
        let mut transaction = self.database.begin().await?;
        // An update and not a read, so that of two who make the last one, the other counts it.
        let room = sql("UPDATE rooms SET last_seq = last_seq WHERE id = $1 AND ended_at IS NULL").bind(guest.room);
        if transaction.execute(room).await? == 0 {
            return Ok(GuestMade::Gone);
        }
        match by {
            GuestBy::Voucher => {}
            GuestBy::Office(office) => {
                if !for_office(
                    &mut transaction,
                    guest.voucher,
                    office,
                    ("guest_asked", guest.room),
                    &guest.name,
                    guest.created_at,
                )
                .await?
                {
                    return Ok(GuestMade::NotAllowed);
                }
            }
            GuestBy::Correspondent(who) => {
                let current = sql("UPDATE correspondents SET invitation = invitation
                     WHERE id = $1 AND claimed_at IS NOT NULL AND revoked_at IS NULL");
                if transaction.execute(current.bind(who)).await? == 0 {
                    return Ok(GuestMade::NotAllowed);
                }
                let taken =
                    sql("SELECT 1 AS one FROM guests WHERE room = $1 AND correspondent = $2 AND session IS NOT NULL");
                if transaction.optional(taken.bind(guest.room).bind(who)).await?.is_some() {
                    return Ok(GuestMade::Taken);
                }
                let former = sql("UPDATE guests SET ended_at = $3
                     WHERE room = $1 AND correspondent = $2 AND ended_at IS NULL");
                transaction.execute(former.bind(guest.room).bind(who).bind(guest.created_at)).await?;
            }
        }
        let (office, delegate, correspondent) = match by {
            GuestBy::Voucher => (false, None, None),
            GuestBy::Office(office) => (true, Some(office.delegate), None),
            GuestBy::Correspondent(who) => (false, None, Some(who)),
        };
        let open = sql("SELECT count(*) AS n FROM guests WHERE room = $1 AND ended_at IS NULL AND expires_at > $2");
        let open = transaction.one(open.bind(guest.room).bind(guest.created_at)).await?;
        if open.count("n")? >= most as u64 {
            return Ok(GuestMade::TooMany);
        }
        let made = sql("INSERT INTO guests (id, room, voucher, code, name, context, created_at, expires_at, office,
                delegate, correspondent)
             SELECT $1, $2, m.id, $4, $5, $6, $7, $8, $9, $10, $11 FROM members m
             WHERE m.id = $3 AND m.suspended_at IS NULL")
        .bind(guest.id)
        .bind(guest.room)
        .bind(guest.voucher)
        .bind(guest.code)
        .bind(guest.name.as_str())
        .bind(guest.context.as_deref())
        .bind(guest.created_at)
        .bind(guest.expires_at)
        .bind(office)
        .bind(delegate)
        .bind(correspondent);
        if transaction.execute(made).await? == 0 {
            return Ok(GuestMade::Gone);
        }
        transaction.commit().await?;
        Ok(GuestMade::Made)
    }

    /// The guest whose link has this code, as long as nobody has taken it.
    pub async fn guest_by_code(&self, code: &Hash, now: Timestamp) -> Result<Option<Guest>, StoreError> {
        let found = sql(select_guest!("g.code = $2 AND g.session IS NULL")).bind(now).bind(code);
        self.database.optional(found).await?.as_ref().map(guest_from).transpose()
    }

    /// Makes whoever holds the code the guest, once: from now on they are known by `session`, the digest of their token.
    pub async fn take_guest_link(
        &self,
        code: &Hash,
        session: &Hash,
        now: Timestamp,
    ) -> Result<Option<Guest>, StoreError> {
        let taken = sql("UPDATE guests SET session = $2 WHERE code = $1 AND session IS NULL").bind(code).bind(session);
        let found = sql(select_guest!("g.code = $2")).bind(now).bind(code);
        let mut transaction = self.database.begin().await?;
        if transaction.execute(taken).await? == 0 {
            return Ok(None);
        }
        // One that has ended otherwise is not taken: without a commit nothing has changed.
        let Some(guest) = transaction.optional(found).await?.as_ref().map(guest_from).transpose()? else {
            return Ok(None);
        };
        transaction.commit().await?;
        Ok(Some(guest))
    }

    /// The guest whose token has this digest; `None` for one whose pass has ended, and one that never was.
    pub async fn guest_by_session(&self, session: &Hash, now: Timestamp) -> Result<Option<Guest>, StoreError> {
        let found = sql(select_guest!("g.session = $2")).bind(now).bind(session);
        self.database.optional(found).await?.as_ref().map(guest_from).transpose()
    }

    /// The guests of a room whose passes last, who was made first first.
    pub async fn guests_of_room(&self, room: RoomId, now: Timestamp) -> Result<Vec<Guest>, StoreError> {
        let all = sql(select_guest!("g.room = $2 ORDER BY g.created_at, g.id")).bind(now).bind(room);
        self.database.all(all).await?.iter().map(guest_from).collect()
    }

    /// Those of these ids that are guests' of whatever kind, as people.
    pub async fn guests_among(&self, ids: &[MemberId]) -> Result<Vec<Person>, StoreError> {
        let mut found = Vec::new();
        for part in ids.chunks(IDS_PER_STATEMENT) {
            let some = sql("SELECT id AS guest, name AS guest_name FROM guests WHERE id IN ");
            for row in self.database.all(some.push_list(part.iter().copied())).await? {
                found.push(guest_person(&row)?);
            }
        }
        Ok(found)
    }

    /// Ends a guest's pass. Returns whose it was; `None` if it did not last until now, in this room.
    pub async fn end_guest(
        &self,
        room: RoomId,
        guest: MemberId,
        now: Timestamp,
    ) -> Result<Option<ActGuest>, StoreError> {
        let mut transaction = self.database.begin().await?;
        let ended = end_pass(&mut transaction, room, guest, now).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// The same for somebody in the office of who vouches for the guest, if they have the right to it.
    pub async fn end_guest_by_office(
        &self,
        room: RoomId,
        guest: MemberId,
        office: GuestOffice,
        now: Timestamp,
    ) -> Result<Option<ActGuest>, StoreError> {
        let mut transaction = self.database.begin().await?;
        let Some(ended) = end_pass(&mut transaction, room, guest, now).await? else { return Ok(None) };
        // Without the right nothing has changed: it is not committed.
        if !for_office(&mut transaction, ended.voucher, office, ("guest_revoked", room), &ended.name, now).await? {
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(ended))
    }

    /// Ends the passes of all guests whom any of these members vouches for.
    pub async fn end_guests_of(&self, vouchers: &HashSet<MemberId>, now: Timestamp) -> Result<(), StoreError> {
        let mut ids: Vec<MemberId> = vouchers.iter().copied().collect();
        ids.sort_unstable();
        for part in ids.chunks(IDS_PER_STATEMENT) {
            let end = sql("UPDATE guests SET ended_at = $1 WHERE ended_at IS NULL AND voucher IN ").bind(now);
            self.database.execute(end.push_list(part.iter().copied())).await?;
        }
        Ok(())
    }

    /// Deletes guests whose passes ended before `before`, or whose room did; some at a time. Returns whether there may be more.
    pub async fn delete_old_guests(&self, before: Timestamp) -> Result<bool, StoreError> {
        let old = sql("DELETE FROM guests WHERE id IN (SELECT g.id FROM guests g JOIN rooms r ON r.id = g.room
             WHERE g.expires_at < $1 OR g.ended_at < $1 OR r.ended_at < $1 LIMIT $2)")
        .bind(before)
        .bind(DELETED_AT_ONCE);
        Ok(self.database.execute(old).await? == u64::from(DELETED_AT_ONCE))
    }
}

/// Whether somebody may let guests in for a principal, asked in the transaction in which they do; it is in the principal's log then.
async fn for_office(
    tx: &mut Transaction,
    principal: MemberId,
    office: GuestOffice,
    (kind, room): (&'static str, RoomId),
    name: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let GuestOffice { delegate, act } = office;
    if !holds(tx, principal, delegate, Right::Guests, now).await? {
        return Ok(false);
    }
    let (subject, note) = (Some(room.0), name.to_owned());
    insert_office_act(tx, &NewOfficeAct { id: act, principal, delegate, at: now, kind, subject, note }).await?;
    Ok(true)
}

/// Ends a pass that has lasted until now, in this room. Returns whose it was.
async fn end_pass(
    tx: &mut Transaction,
    room: RoomId,
    guest: MemberId,
    now: Timestamp,
) -> Result<Option<ActGuest>, StoreError> {
    let end = sql("UPDATE guests SET ended_at = $3
         WHERE room = $1 AND id = $2 AND ended_at IS NULL AND expires_at > $3
         RETURNING name AS guest_name, voucher");
    let Some(row) = tx.optional(end.bind(room).bind(guest).bind(now)).await? else { return Ok(None) };
    Ok(Some(ActGuest { id: guest, name: row.text("guest_name")?, voucher: row.member("voucher")? }))
}

/// A guest as others see them.
fn guest_person(row: &Row) -> Result<Person, StoreError> {
    Ok(Person { id: row.member("guest")?, handle: String::new(), name: row.text("guest_name")?, avatar: None })
}

/// Reads what `select_guest!` selects.
fn guest_from(row: &Row) -> Result<Guest, StoreError> {
    Ok(Guest {
        person: guest_person(row)?,
        room: RoomId(row.id("room")?),
        voucher: person_from(row)?,
        office: row.bool("office")?,
        delegate: sponsor_from(row)?,
        context: row.text_or_null("context")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        taken: row.bool("taken")?,
    })
}
