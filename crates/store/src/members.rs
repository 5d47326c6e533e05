//! Members and who follows whom.

use std::collections::HashMap;

use roomtone_room::ids::{MemberId, Timestamp};
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row};

use crate::convert::{id_bytes, id_from, time, time_from};
use crate::error::{StoreError, failed};
use crate::{Hash, Store};

/// Most ids in one statement. More would save statements for large lists; SQLite takes 32,766 values, Postgres 65,535.
const IDS_PER_STATEMENT: usize = 500;

/// What everybody may see of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: MemberId,
    /// Unique; as validated by the server.
    pub handle: String,
    /// Display name.
    pub name: String,
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
    /// Whose invite let them in; `None` for the owner, and for invites made on the command line.
    pub sponsor: Option<Person>,
    /// When they redeemed their invite.
    pub created_at: Timestamp,
}

/// A member with their sponsor, found by a condition on `m`.
macro_rules! select_member {
    ($condition:literal) => {
        concat!(
            "SELECT m.id, m.handle, m.name, m.language, m.owner, m.created_at,
                    s.id AS sponsor_id, s.handle AS sponsor_handle, s.name AS sponsor_name
             FROM members m LEFT JOIN members s ON s.id = m.sponsor WHERE ",
            $condition
        )
    };
}

impl Store {
    /// The member with this id.
    pub async fn member(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        let row = sqlx::query(select_member!("m.id = $1"))
            .bind(id_bytes(id.0))
            .fetch_optional(self.readers())
            .await
            .map_err(failed)?;
        row.as_ref().map(member_from).transpose()
    }

    /// The member with exactly this handle.
    pub async fn member_by_handle(&self, handle: &str) -> Result<Option<Member>, StoreError> {
        let row = sqlx::query(select_member!("m.handle = $1"))
            .bind(handle)
            .fetch_optional(self.readers())
            .await
            .map_err(failed)?;
        row.as_ref().map(member_from).transpose()
    }

    /// The member whose session this is; `None` for one that has ended or never was.
    pub async fn signed_in(&self, session: &Hash) -> Result<Option<Member>, StoreError> {
        let row = sqlx::query(select_member!("m.id = (SELECT member FROM sessions WHERE hash = $1)"))
            .bind(&session[..])
            .fetch_optional(self.readers())
            .await
            .map_err(failed)?;
        row.as_ref().map(member_from).transpose()
    }

    /// The people with these ids, in the order asked for; ids that nobody has are left out.
    pub async fn people(&self, ids: &[MemberId]) -> Result<Vec<Person>, StoreError> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut connection = self.readers().acquire().await.map_err(failed)?;
        for part in ids.chunks(IDS_PER_STATEMENT) {
            found.extend(find_people(&mut connection, part).await?);
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    /// Lets `follower` follow `followed` from now on. Does nothing if they do already, or are the same member.
    ///
    /// Errors: [`StoreError::Conflict`] when either does not exist.
    pub async fn follow(&self, follower: MemberId, followed: MemberId, now: Timestamp) -> Result<(), StoreError> {
        if follower == followed {
            return Ok(());
        }
        sqlx::query("INSERT INTO follows (follower, followed, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(id_bytes(follower.0))
            .bind(id_bytes(followed.0))
            .bind(time(now)?)
            .execute(self.writer())
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// Ends that `follower` follows `followed`, if they do.
    pub async fn unfollow(&self, follower: MemberId, followed: MemberId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM follows WHERE follower = $1 AND followed = $2")
            .bind(id_bytes(follower.0))
            .bind(id_bytes(followed.0))
            .execute(self.writer())
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// Everybody whom `follower` follows, by handle.
    pub async fn following(&self, follower: MemberId) -> Result<Vec<Person>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.id, m.handle, m.name FROM follows f JOIN members m ON m.id = f.followed
             WHERE f.follower = $1 ORDER BY m.handle",
        )
        .bind(id_bytes(follower.0))
        .fetch_all(self.readers())
        .await
        .map_err(failed)?;
        rows.iter().map(|row| person_from(row, ["id", "handle", "name"])).collect()
    }

    /// Whether at least one of `of` follows `whom`.
    pub async fn any_follows(&self, of: &[MemberId], whom: MemberId) -> Result<bool, StoreError> {
        for part in of.chunks(IDS_PER_STATEMENT) {
            let mut query = QueryBuilder::new("SELECT EXISTS (SELECT 1 FROM follows WHERE followed = ");
            query.push_bind(id_bytes(whom.0)).push(" AND follower IN ");
            push_ids(&mut query, part);
            query.push(")");
            if query.build_query_scalar().fetch_one(self.readers()).await.map_err(failed)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The people with these ids, at most [`IDS_PER_STATEMENT`].
pub(crate) async fn find_people(
    connection: &mut SqliteConnection,
    ids: &[MemberId],
) -> Result<HashMap<MemberId, Person>, StoreError> {
    let mut query = QueryBuilder::new("SELECT id, handle, name FROM members WHERE id IN ");
    push_ids(&mut query, ids);
    let rows = query.build().fetch_all(connection).await.map_err(failed)?;
    let people = rows.iter().map(|row| person_from(row, ["id", "handle", "name"]));
    people.map(|person| person.map(|person| (person.id, person))).collect()
}

/// Reads a person from the columns named: id, handle, name.
pub(crate) fn person_from(row: &SqliteRow, [id, handle, name]: [&str; 3]) -> Result<Person, StoreError> {
    Ok(Person {
        id: MemberId(id_from(row.try_get(id).map_err(failed)?, "member id")?),
        handle: row.try_get(handle).map_err(failed)?,
        name: row.try_get(name).map_err(failed)?,
    })
}

/// Reads the person in `sponsor_id`, `sponsor_handle` and `sponsor_name`, where an outer join found one.
pub(crate) fn sponsor_from(row: &SqliteRow) -> Result<Option<Person>, StoreError> {
    let id: Option<&[u8]> = row.try_get("sponsor_id").map_err(failed)?;
    id.map(|_| person_from(row, ["sponsor_id", "sponsor_handle", "sponsor_name"])).transpose()
}

/// Reads what `select_member!` selects.
fn member_from(row: &SqliteRow) -> Result<Member, StoreError> {
    Ok(Member {
        person: person_from(row, ["id", "handle", "name"])?,
        language: row.try_get("language").map_err(failed)?,
        owner: row.try_get("owner").map_err(failed)?,
        sponsor: sponsor_from(row)?,
        created_at: time_from(row.try_get("created_at").map_err(failed)?)?,
    })
}

/// Adds `(id, id, ...)` to a statement.
fn push_ids(query: &mut QueryBuilder<Sqlite>, ids: &[MemberId]) {
    query.push("(");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id_bytes(id.0));
    }
    query.push(")");
}
