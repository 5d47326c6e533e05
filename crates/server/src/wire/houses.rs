//! Bodies about houses.

use roomtone_room::ids::{HouseId, RecordId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Id;
use super::http::RoomCard;
use super::socket::Person;

/// What somebody is in a house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HouseRole {
    /// Nothing.
    None,
    /// Hears of its rooms.
    Follower,
    /// May be in its rooms and nominate others.
    Member,
    /// May change the house and who belongs to it.
    Admin,
}

impl From<Option<roomtone_store::HouseRole>> for HouseRole {
    fn from(role: Option<roomtone_store::HouseRole>) -> Self {
        match role {
            None => Self::None,
            Some(roomtone_store::HouseRole::Follower) => Self::Follower,
            Some(roomtone_store::HouseRole::Member) => Self::Member,
            Some(roomtone_store::HouseRole::Admin) => Self::Admin,
        }
    }
}

/// `POST /api/houses`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHouse {
    /// As a member's handle, and unique among houses.
    pub handle: String,
    /// 1 to 60 characters.
    pub name: String,
    /// Up to 500 characters.
    #[serde(default)]
    pub about: String,
    /// Up to 4,000 characters.
    #[serde(default)]
    pub rules: String,
    /// BCP 47 language tag; the maker's own if absent.
    #[serde(default)]
    pub language: Option<String>,
    /// Whether only members, and those who may join, know of it.
    #[serde(default)]
    pub private: bool,
    /// Whether one joins by nomination only; a private house always.
    #[serde(default)]
    pub nominated: bool,
}

/// `PATCH /api/houses/{handle}`: what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeHouse {
    /// 1 to 60 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// Up to 500 characters.
    #[serde(default)]
    pub about: Option<String>,
    /// Up to 4,000 characters. Members are asked to accept others.
    #[serde(default)]
    pub rules: Option<String>,
    /// BCP 47 language tag.
    #[serde(default)]
    pub language: Option<String>,
    /// Whether only members, and those who may join, know of it.
    #[serde(default)]
    pub private: Option<bool>,
    /// Whether one joins by nomination only.
    #[serde(default)]
    pub nominated: Option<bool>,
}

/// A house in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HouseCard {
    /// The house's id.
    #[schema(value_type = String)]
    pub id: Id<HouseId>,
    /// Its handle.
    pub handle: String,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// BCP 47 language tag.
    pub language: String,
    /// Whether only members, and those who may join, know of it.
    pub private: bool,
    /// Whether one joins by nomination only.
    pub nominated: bool,
    /// How many members it has, admins included.
    pub members: u64,
    /// What the caller is in it.
    pub role: HouseRole,
    /// Whether the caller was nominated and an admin agreed, so that they may join.
    pub invited: bool,
}

impl From<roomtone_store::House> for HouseCard {
    fn from(house: roomtone_store::House) -> Self {
        Self {
            id: Id(house.id),
            handle: house.handle,
            name: house.text.name,
            about: house.text.about,
            language: house.text.language,
            private: house.text.private,
            nominated: house.text.nominated,
            members: house.members,
            role: house.standing.role.into(),
            invited: house.standing.invited,
        }
    }
}

/// `GET /api/houses`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Houses {
    /// Those that the caller belongs to, follows or may join; only on the first page.
    pub mine: Vec<HouseCard>,
    /// Others that everybody may know of, the largest first, up to 50.
    pub items: Vec<HouseCard>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `GET /api/houses/{handle}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct House {
    /// What lists show too.
    #[serde(flatten)]
    pub card: HouseCard,
    /// The rules.
    pub rules: String,
    /// Whether the caller has accepted the rules as they are now.
    pub rules_seen: bool,
    /// Whether the caller was removed for good.
    pub banned: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// Its rooms live now that the caller may know of.
    pub rooms: Vec<RoomCard>,
}

/// Somebody in a house.
#[derive(Debug, Serialize, ToSchema)]
pub struct HouseMember {
    /// Who.
    pub person: Person,
    /// Member or admin.
    pub role: HouseRole,
    /// Since when, in milliseconds since 1970.
    pub since: u64,
}

/// `GET /api/houses/{handle}/members`.
#[derive(Debug, Serialize, ToSchema)]
pub struct HouseMembers {
    /// Up to 50, admins first.
    pub items: Vec<HouseMember>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `PUT /api/houses/{handle}/membership`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinHouse {
    /// True: nobody joins without accepting the rules.
    pub rules_accepted: bool,
}

/// `PUT /api/houses/{handle}/members/{member}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetHouseRole {
    /// `member` or `admin`.
    pub role: HouseRole,
    /// Why; up to 280 characters, for the log of the house and of the server.
    #[serde(default)]
    pub reason: String,
}

/// Why an admin of a house removes somebody, lets them back in or ends the house; the body may be absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HouseReason {
    /// Up to 280 characters, for the log of the house and of the server.
    #[serde(default)]
    pub reason: String,
}

/// `POST /api/houses/{handle}/nominations`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNomination {
    /// The handle of who is to be let in.
    pub handle: String,
    /// Why; up to 280 characters.
    #[serde(default)]
    pub note: String,
}

/// The answer to `POST /api/houses/{handle}/nominations`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nominated {
    /// Whether the nominee may join at once, since an admin nominated.
    pub accepted: bool,
}

/// A nomination that waits for an admin.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nomination {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// Who is to be let in.
    pub nominee: Person,
    /// Who nominated them.
    pub nominator: Option<Person>,
    /// Why.
    pub note: String,
    /// When, in milliseconds since 1970.
    pub created_at: u64,
}

/// `GET /api/houses/{handle}/nominations`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nominations {
    /// Up to 50.
    pub items: Vec<Nomination>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `POST /api/houses/{handle}/nominations/{id}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerNomination {
    /// Whether the nominee may join; otherwise the nomination is deleted.
    pub accept: bool,
}

/// `GET /api/houses/{handle}/bans`.
#[derive(Debug, Serialize, ToSchema)]
pub struct HouseBans {
    /// Up to 50 people.
    pub items: Vec<Person>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `GET /api/houses/{handle}/log`: what admins of the house did in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct HouseLog {
    /// Up to 50, the latest first.
    pub items: Vec<HouseRecord>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// An entry of a house's log.
#[derive(Debug, Serialize, ToSchema)]
pub struct HouseRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Who did it; null for somebody whose account is deleted, or of whom the caller may not know.
    pub actor: Option<Person>,
    /// What: `house_banned`, `house_ban_lifted`, `house_admin_made` or `house_admin_ended`.
    pub act: String,
    /// To whom, as for `actor`; whoever is kept out of the house is named in any case.
    pub about: Option<Person>,
    /// Why, in the words of whoever did it; may be empty.
    pub reason: String,
}

impl From<roomtone_store::HouseRecord> for HouseRecord {
    fn from(record: roomtone_store::HouseRecord) -> Self {
        Self {
            id: Id(record.id),
            at: record.at.0,
            actor: record.actor.map(Into::into),
            act: record.act,
            about: record.about.map(Into::into),
            reason: record.reason,
        }
    }
}
