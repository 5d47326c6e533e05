//! What everybody may read, without an account.

use roomtone_room::ids::HouseId;

use crate::Store;
use crate::db::sql;
use crate::error::StoreError;
use crate::members::{Person, person_from};
use crate::profiles::{HouseBadge, badge_from, lines};

/// Houses, and admins of a house, that a page names.
const NAMED_MAX: u64 = 12;

/// The profile of a member who lets everybody read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicProfile {
    /// Id, handle, name and picture.
    pub person: Person,
    /// A few paragraphs about themselves.
    pub bio: String,
    /// Links, in their order.
    pub links: Vec<String>,
    /// What they like to talk about.
    pub topics: Vec<String>,
    /// Houses of theirs that everybody may know of.
    pub houses: Vec<HouseBadge>,
}

/// A house that everybody may know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicHouse {
    /// Which.
    pub id: HouseId,
    /// Unique among houses.
    pub handle: String,
    /// Display name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Its rules.
    pub rules: String,
    /// BCP 47 language tag.
    pub language: String,
    /// How many members it has.
    pub members: u64,
    /// Those of its admins whose profiles everybody may read.
    pub admins: Vec<Person>,
}

impl Store {
    /// The profile of the member with this handle, if they let everybody read it and are not suspended.
    pub async fn public_profile(&self, handle: &str) -> Result<Option<PublicProfile>, StoreError> {
        let found = sql("SELECT id, handle, name, avatar, bio, topics FROM members
             WHERE handle = $1 AND public AND suspended_at IS NULL");
        let Some(row) = self.database.optional(found.bind(handle)).await? else { return Ok(None) };
        let person = person_from(&row)?;
        let houses = sql("SELECT h.id, h.handle, h.name FROM house_members o JOIN houses h ON h.id = o.house
             WHERE o.member = $1 AND o.role >= 1 AND NOT h.private ORDER BY h.handle LIMIT $2");
        let houses = self.database.all(houses.bind(person.id).bind(NAMED_MAX)).await?;
        Ok(Some(PublicProfile {
            links: self.links(person.id).await?,
            person,
            bio: row.text("bio")?,
            topics: lines(&row.text("topics")?),
            houses: houses.iter().map(badge_from).collect::<Result<_, _>>()?,
        }))
    }

    /// The house with this handle, if everybody may know of it.
    pub async fn public_house(&self, handle: &str) -> Result<Option<PublicHouse>, StoreError> {
        let found = sql("SELECT id, handle, name, about, rules, language, members FROM houses
             WHERE handle = $1 AND NOT private");
        let Some(row) = self.database.optional(found.bind(handle)).await? else { return Ok(None) };
        let id = HouseId(row.id("id")?);
        let admins = sql("SELECT m.id, m.handle, m.name, m.avatar
             FROM house_members i JOIN members m ON m.id = i.member
             WHERE i.house = $1 AND i.role = 2 AND m.public AND m.suspended_at IS NULL
             ORDER BY i.since, m.id LIMIT $2");
        let admins = self.database.all(admins.bind(id).bind(NAMED_MAX)).await?;
        Ok(Some(PublicHouse {
            id,
            handle: row.text("handle")?,
            name: row.text("name")?,
            about: row.text("about")?,
            rules: row.text("rules")?,
            language: row.text("language")?,
            members: row.count("members")?,
            admins: admins.iter().map(person_from).collect::<Result<_, _>>()?,
        }))
    }
}
