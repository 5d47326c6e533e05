//! What the owner and admins see and do: the members and the tree, roles, settings, the audit log, sizes.

use std::collections::HashMap;

use roomtone_room::ids::{HouseId, MemberId, RecordId, Timestamp};

use crate::Store;
use crate::db::{Database, Row, Sql, Transaction, sql};
use crate::error::StoreError;
use crate::members::{Person, person_from, sponsor_from};
use crate::open::ROWS_PER_STATEMENT;
use crate::profiles::HouseBadge;

/// Entries in a full page of the lists that go on for as long as their pages are full. More asks less often; fewer answers
/// sooner.
pub const PAGE: usize = 100;

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Names the entry.
    pub id: RecordId,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: MemberId,
    /// What, in a word of this program.
    pub act: &'static str,
    /// To whom.
    pub about: Option<MemberId>,
    /// `key=value` pairs, separated by spaces: ids, numbers and words of this program, never what a member wrote.
    pub details: String,
}

/// An entry of the audit log, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Which entry.
    pub id: RecordId,
    /// When.
    pub at: Timestamp,
    /// Who did it, unless their account is deleted.
    pub actor: Option<Person>,
    /// What.
    pub act: String,
    /// To whom, if to anybody whose account is not deleted.
    pub about: Option<Person>,
    /// As in [`AuditEntry`].
    pub details: String,
    /// In which house, if it was done by its admin and there is such a house still.
    pub house: Option<HouseBadge>,
    /// Why, in the words of a house's admin.
    pub reason: String,
}

/// A member as admins see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminMember {
    /// Who.
    pub person: Person,
    /// Who let them in.
    pub sponsor: Option<Person>,
    /// When they came in.
    pub created_at: Timestamp,
    /// How many they let in themselves.
    pub guests: u64,
    /// Whether they are kept out.
    pub suspended: bool,
    /// Whether they are an admin.
    pub admin: bool,
    /// Whether they own this server.
    pub owner: bool,
}

/// A member in the invite tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeNode {
    /// Who.
    pub id: MemberId,
    /// Handle.
    pub handle: String,
    /// Display name.
    pub name: String,
    /// Who let them in, if it is known.
    pub sponsor: Option<MemberId>,
    /// Whether they are kept out.
    pub suspended: bool,
    /// How many they let in, whether or not those are in this part of the tree.
    pub guests: u64,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of the database, without SQLite's write-ahead log.
    pub database: u64,
    /// Members.
    pub members: u64,
    /// Sessions.
    pub sessions: u64,
    /// Whether the database is Postgres.
    pub postgres: bool,
}

/// A member as admins see them; a condition on `m` follows.
const SELECT_ADMIN_MEMBER: &str =
    "SELECT m.id, m.handle, m.name, m.avatar, m.created_at, m.suspended_at, m.admin, m.owner,
            s.id AS sponsor_id, s.handle AS sponsor_handle, s.name AS sponsor_name, s.avatar AS sponsor_avatar,
            (SELECT count(*) FROM members g WHERE g.sponsor = m.id) AS guests
     FROM members m LEFT JOIN members s ON s.id = m.sponsor WHERE ";

impl Store {
    /// Up to [`PAGE`] members by handle, from the one after `after` on; of those, if anything is typed, whose handle begins
    /// so or whose name has it in it, whether or not its first letter and those of ASCII are small.
    pub async fn admin_members(&self, after: &str, typed: &str) -> Result<Vec<AdminMember>, StoreError> {
        let mut list = sql(SELECT_ADMIN_MEMBER).push("m.handle > ").push_bind(after);
        if !typed.is_empty() {
            let small = typed.to_lowercase();
            let mut letters = small.chars();
            let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            list = list.push(" AND ((m.handle >= ").push_bind(small.as_str()).push(" AND m.handle < ");
            // Up to the last character of all; texts are compared by their bytes.
            list = list.push_bind(format!("{small}\u{10FFFF}")).push(")");
            for form in [typed, &small, &capital] {
                list = list.push(" OR lower(m.name) LIKE ").push_bind(contains(form)).push(" ESCAPE '\\'");
            }
            list = list.push(")");
        }
        let list = list.push(" ORDER BY m.handle LIMIT ").push_bind(PAGE as u64);
        self.database.all(list).await?.iter().map(admin_member_from).collect()
    }

    /// A member as admins see them.
    pub async fn admin_member(&self, id: MemberId) -> Result<Option<AdminMember>, StoreError> {
        let found = sql(SELECT_ADMIN_MEMBER).push("m.id = ").push_bind(id);
        self.database.optional(found).await?.as_ref().map(admin_member_from).transpose()
    }

    /// The invite tree below `root`, or all of it, level by level and within a level by age; at most `limit` members, and
    /// whether there are more.
    pub async fn tree(&self, root: Option<MemberId>, limit: usize) -> Result<(Vec<TreeNode>, bool), StoreError> {
        let mut tree: Vec<TreeNode> = Vec::new();
        let top = match root {
            Some(root) => select_nodes().push("m.id = ").push_bind(root),
            None => select_nodes().push("m.sponsor IS NULL"),
        };
        let mut level = self.nodes(top, limit + 1).await?;
        while !level.is_empty() {
            let ids: Vec<_> = level.iter().map(|node| node.id).collect();
            tree.append(&mut level);
            for part in ids.chunks(ROWS_PER_STATEMENT) {
                let wanted = (limit + 1).saturating_sub(tree.len() + level.len());
                if wanted == 0 {
                    break;
                }
                let guests = select_nodes().push("m.sponsor IN ").push_list(part.iter().copied());
                level.extend(self.nodes(guests, wanted).await?);
            }
        }
        let truncated = tree.len() > limit;
        tree.truncate(limit);
        Ok((tree, truncated))
    }

    async fn nodes(&self, select: Sql, limit: usize) -> Result<Vec<TreeNode>, StoreError> {
        let select = select.push(" ORDER BY m.created_at, m.id LIMIT ").push_bind(limit as u64);
        self.database.all(select).await?.iter().map(node_from).collect()
    }

    /// Makes a member an admin, or ends that they are one, if the author owns this server. Returns whether that changed
    /// anything.
    pub async fn set_admin(&self, member: MemberId, admin: bool, entry: &AuditEntry) -> Result<bool, StoreError> {
        let set = sql("UPDATE members SET admin = $2 WHERE id = $1 AND admin <> $2 AND NOT owner
               AND (suspended_at IS NULL OR NOT $2) AND EXISTS (SELECT 1 FROM members o WHERE o.id = $3 AND o.owner)")
        .bind(member)
        .bind(admin)
        .bind(entry.actor);
        let mut transaction = self.database.begin().await?;
        if transaction.execute(set).await? == 0 {
            return Ok(false);
        }
        insert_audit(&mut transaction, entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Hands this server over: `member` owns it from now on, and the author of the entry, who does until then, is an admin.
    /// Returns whether that was so. However many are handed it at once, there is one owner.
    pub async fn hand_over(&self, member: MemberId, entry: &AuditEntry) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let step_down = sql("UPDATE members SET owner = FALSE, admin = TRUE WHERE id = $1 AND owner AND id <> $2");
        let step_up = sql("UPDATE members SET owner = TRUE, admin = FALSE WHERE id = $1 AND suspended_at IS NULL");
        let handed = transaction.execute(step_down.bind(entry.actor).bind(member)).await? > 0
            && transaction.execute(step_up.bind(member)).await? > 0;
        if !handed {
            transaction.rollback().await?;
            return Ok(false);
        }
        insert_audit(&mut transaction, entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// All settings.
    pub async fn settings(&self) -> Result<HashMap<String, String>, StoreError> {
        let rows = self.database.all(sql("SELECT key, value FROM settings")).await?;
        rows.iter().map(|row| Ok((row.text("key")?, row.text("value")?))).collect()
    }

    /// Sets settings, and forgets those without a value, all or none, with an entry in the audit log.
    pub async fn change_settings(
        &self,
        changes: &[(&str, Option<String>)],
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        for (key, value) in changes {
            let change = match value {
                Some(value) => sql("INSERT INTO settings (key, value) VALUES ($1, $2)
                     ON CONFLICT (key) DO UPDATE SET value = $2")
                .bind(*key)
                .bind(value),
                None => sql("DELETE FROM settings WHERE key = $1").bind(*key),
            };
            transaction.execute(change).await?;
        }
        insert_audit(&mut transaction, entry).await?;
        transaction.commit().await
    }

    /// Adds an entry to the audit log, for an act that changes nothing else here.
    pub async fn audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        insert_audit(&mut transaction, entry).await?;
        transaction.commit().await
    }

    /// Up to [`PAGE`] entries of the audit log, the latest first, after the place of one of them: when it was written, and its id.
    pub async fn audit_log(&self, after: Option<(Timestamp, RecordId)>) -> Result<Vec<AuditRecord>, StoreError> {
        let mut list = sql("SELECT l.id AS entry, l.at, l.act, l.details, l.reason,
                    h.id AS house, h.handle AS house_handle, h.name AS house_name,
                    p.id AS sponsor_id, p.handle AS sponsor_handle, p.name AS sponsor_name, p.avatar AS sponsor_avatar,
                    m.id AS about, m.handle, m.name, m.avatar
             FROM audit_log l LEFT JOIN members p ON p.id = l.actor LEFT JOIN members m ON m.id = l.about
             LEFT JOIN houses h ON h.id = l.house");
        if let Some((at, id)) = after {
            list = list.push(" WHERE (l.at, l.id) < (").push_bind(at).push(", ").push_bind(id).push(")");
        }
        let list = list.push(" ORDER BY l.at DESC, l.id DESC LIMIT ").push_bind(PAGE as u64);
        self.database.all(list).await?.iter().map(audit_from).collect()
    }

    /// How much there is. Counting walks an index, not the members themselves.
    pub async fn sizes(&self) -> Result<Sizes, StoreError> {
        // The one question that each database has its own words for.
        let (bytes, postgres) = match &self.database {
            Database::Sqlite { .. } => {
                (sql("SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()"), false)
            }
            Database::Postgres(_) => (sql("SELECT pg_database_size(current_database()) AS bytes"), true),
        };
        let database = self.database.one(bytes).await?.count("bytes")?;
        let counts =
            sql("SELECT (SELECT count(*) FROM members) AS members, (SELECT count(*) FROM sessions) AS sessions");
        let counts = self.database.one(counts).await?;
        Ok(Sizes { database, members: counts.count("members")?, sessions: counts.count("sessions")?, postgres })
    }
}

/// Writes an entry together with what it is about.
pub(crate) async fn insert_audit(transaction: &mut Transaction, entry: &AuditEntry) -> Result<(), StoreError> {
    let insert = sql("INSERT INTO audit_log (id, at, actor, act, about, details) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(entry.id)
        .bind(entry.at)
        .bind(entry.actor)
        .bind(entry.act)
        .bind(entry.about)
        .bind(&entry.details);
    transaction.execute(insert).await?;
    Ok(())
}

/// The same for what the admin of a house did there, and why.
pub(crate) async fn insert_house_audit(
    transaction: &mut Transaction,
    entry: &AuditEntry,
    house: HouseId,
    reason: &str,
) -> Result<(), StoreError> {
    insert_audit(transaction, entry).await?;
    let place =
        sql("UPDATE audit_log SET house = $2, reason = $3 WHERE id = $1").bind(entry.id).bind(house).bind(reason);
    transaction.execute(place).await?;
    Ok(())
}

/// Members as nodes of the tree; a condition on `m` follows.
fn select_nodes() -> Sql {
    sql("SELECT m.id, m.handle, m.name, m.sponsor, m.suspended_at,
            (SELECT count(*) FROM members g WHERE g.sponsor = m.id) AS guests FROM members m WHERE ")
}

/// The pattern of what has a text in it. `lower` makes letters of ASCII small in both databases, and no others.
fn contains(text: &str) -> String {
    let text = text.to_ascii_lowercase().replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
    format!("%{text}%")
}

fn node_from(row: &Row) -> Result<TreeNode, StoreError> {
    Ok(TreeNode {
        id: row.member("id")?,
        handle: row.text("handle")?,
        name: row.text("name")?,
        sponsor: row.id_or_null("sponsor")?.map(MemberId),
        suspended: row.time_or_null("suspended_at")?.is_some(),
        guests: row.count("guests")?,
    })
}

fn admin_member_from(row: &Row) -> Result<AdminMember, StoreError> {
    Ok(AdminMember {
        person: person_from(row)?,
        sponsor: sponsor_from(row)?,
        created_at: row.time("created_at")?,
        guests: row.count("guests")?,
        suspended: row.time_or_null("suspended_at")?.is_some(),
        admin: row.bool("admin")?,
        owner: row.bool("owner")?,
    })
}

/// Reads what [`Store::audit_log`] selects.
fn audit_from(row: &Row) -> Result<AuditRecord, StoreError> {
    let about = match row.id_or_null("about")? {
        Some(id) => Some(Person {
            id: MemberId(id),
            handle: row.text("handle")?,
            name: row.text("name")?,
            avatar: row.id_or_null("avatar")?.map(roomtone_room::ids::AvatarId),
        }),
        None => None,
    };
    Ok(AuditRecord {
        id: RecordId(row.id("entry")?),
        at: row.time("at")?,
        actor: sponsor_from(row)?,
        act: row.text("act")?,
        about,
        details: row.text("details")?,
        house: match row.id_or_null("house")? {
            Some(id) => {
                Some(HouseBadge { id: HouseId(id), handle: row.text("house_handle")?, name: row.text("house_name")? })
            }
            None => None,
        },
        reason: row.text("reason")?,
    })
}
