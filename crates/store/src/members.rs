//! Members: who they are, and which of them somebody may know of.

use std::collections::HashMap;

use roomtone_room::ids::{AvatarId, MemberId, Timestamp};

use crate::db::{Row, Sql, sql};
use crate::error::StoreError;
use crate::{Hash, Store};

/// Most ids in one statement. More would save statements for large lists; SQLite takes 32,766 values, Postgres 65,535.
pub(crate) const IDS_PER_STATEMENT: usize = 500;

/// What everybody may see of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: MemberId,
    /// Unique; as validated by the server.
    pub handle: String,
    /// Display name.
    pub name: String,
    /// Their picture, if they have one; another id for each picture.
    pub avatar: Option<AvatarId>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Id, handle and name.
    pub person: Person,
    /// BCP 47 language tag.
    pub language: String,
    /// Whether they came in by the owner link.
    pub owner: bool,
    /// Whether the owner made them an admin.
    pub admin: bool,
    /// Whether they are a program, which is shown (guarantee G3).
    pub bot: bool,
    /// When they were suspended, if they are.
    pub suspended_at: Option<Timestamp>,
    /// Whose invite let them in; `None` for the owner, and for invites made on the command line.
    pub sponsor: Option<Person>,
    /// When they redeemed their invite.
    pub created_at: Timestamp,
}

/// A member with their sponsor, found by a condition on `m`.
macro_rules! select_member {
    ($condition:literal) => {
        concat!(
            "SELECT m.id, m.handle, m.name, m.avatar, m.language, m.owner, m.admin, m.bot, m.suspended_at, m.created_at,
                    s.id AS sponsor_id, s.handle AS sponsor_handle, s.name AS sponsor_name, s.avatar AS sponsor_avatar
             FROM members m LEFT JOIN members s ON s.id = m.sponsor WHERE ",
            $condition
        )
    };
}

impl Store {
    /// The member with this id.
    pub async fn member(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        let found = self.database.optional(sql(select_member!("m.id = $1")).bind(id)).await?;
        found.as_ref().map(member_from).transpose()
    }

    /// The member with exactly this handle.
    pub async fn member_by_handle(&self, handle: &str) -> Result<Option<Member>, StoreError> {
        let found = self.database.optional(sql(select_member!("m.handle = $1")).bind(handle)).await?;
        found.as_ref().map(member_from).transpose()
    }

    /// The member with exactly this handle, as far as `viewer` may know of them: `None` also for somebody who is suspended,
    /// and for somebody with whom there is a block in either direction.
    pub async fn visible_member(&self, viewer: MemberId, handle: &str) -> Result<Option<Member>, StoreError> {
        let whose = select_member!(
            "m.handle = $1 AND m.suspended_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $2)
             AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $2 AND b.blocked = m.id)"
        );
        let found = self.database.optional(sql(whose).bind(handle).bind(viewer)).await?;
        found.as_ref().map(member_from).transpose()
    }

    /// Somebody by their id, as far as `viewer` may know of them; as [`Store::visible_member`].
    pub async fn visible_person(&self, viewer: MemberId, id: MemberId) -> Result<Option<Person>, StoreError> {
        let whose = sql("SELECT m.id, m.handle, m.name, m.avatar FROM members m
             WHERE m.id = $1 AND m.suspended_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $2)
               AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $2 AND b.blocked = m.id)");
        let found = self.database.optional(whose.bind(id).bind(viewer)).await?;
        found.as_ref().map(person_from).transpose()
    }

    /// The member whose session this is; `None` for one that has ended or never was, and while the member is suspended.
    pub async fn signed_in(&self, session: &Hash) -> Result<Option<Member>, StoreError> {
        let whose = select_member!("m.id = (SELECT member FROM sessions WHERE hash = $1) AND m.suspended_at IS NULL");
        let found = self.database.optional(sql(whose).bind(session)).await?;
        found.as_ref().map(member_from).transpose()
    }

    /// The people with these ids, in the order asked for; ids that nobody has are left out.
    pub async fn people(&self, ids: &[MemberId]) -> Result<Vec<Person>, StoreError> {
        let mut found = HashMap::with_capacity(ids.len());
        for part in ids.chunks(IDS_PER_STATEMENT) {
            found.extend(people_from(&self.database.all(select_people(part)).await?)?);
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }
}

/// Reads the people with these ids, at most [`IDS_PER_STATEMENT`].
pub(crate) fn select_people(ids: &[MemberId]) -> Sql {
    sql("SELECT id, handle, name, avatar FROM members WHERE id IN ").push_list(ids.iter().copied())
}

/// What [`select_people`] found, by id.
pub(crate) fn people_from(rows: &[Row]) -> Result<HashMap<MemberId, Person>, StoreError> {
    rows.iter().map(person_from).map(|person| person.map(|person| (person.id, person))).collect()
}

/// Reads a person from the columns `id`, `handle`, `name` and `avatar`.
pub(crate) fn person_from(row: &Row) -> Result<Person, StoreError> {
    Ok(Person {
        id: row.member("id")?,
        handle: row.text("handle")?,
        name: row.text("name")?,
        avatar: row.id_or_null("avatar")?.map(AvatarId),
    })
}

/// Reads the person in `sponsor_id` and the other columns that begin so, where an outer join found one.
pub(crate) fn sponsor_from(row: &Row) -> Result<Option<Person>, StoreError> {
    let Some(id) = row.id_or_null("sponsor_id")? else { return Ok(None) };
    Ok(Some(Person {
        id: MemberId(id),
        handle: row.text("sponsor_handle")?,
        name: row.text("sponsor_name")?,
        avatar: row.id_or_null("sponsor_avatar")?.map(AvatarId),
    }))
}

/// Reads what `select_member!` selects.
fn member_from(row: &Row) -> Result<Member, StoreError> {
    Ok(Member {
        person: person_from(row)?,
        language: row.text("language")?,
        owner: row.bool("owner")?,
        admin: row.bool("admin")?,
        bot: row.bool("bot")?,
        suspended_at: row.time_or_null("suspended_at")?,
        sponsor: sponsor_from(row)?,
        created_at: row.time("created_at")?,
    })
}
