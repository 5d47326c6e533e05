//! Bodies of the HTTP surface.

use roomtone_room::ids::{AvatarId, MemberId, RoomId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Id;
use super::hallway::HouseBadge;
use super::replays::Hearers;
use super::socket::{Kind, Participant, Person};

/// `POST /api/invites/{code}/redeem`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    /// 2 to 30 characters of `a-z`, `0-9`, `_`, beginning with a letter.
    pub handle: String,
    /// 1 to 60 characters.
    pub name: String,
    /// BCP 47 language tag.
    pub language: String,
}

/// The signed-in member.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The member's id.
    #[schema(value_type = String)]
    pub id: Id<MemberId>,
    /// The handle.
    pub handle: String,
    /// The name.
    pub name: String,
    /// Their picture; null if they have none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub avatar: Option<Id<AvatarId>>,
    /// BCP 47 language tag.
    pub language: String,
    /// Whether the member owns this server.
    pub owner: bool,
    /// Whether the owner made the member an admin.
    #[serde(default)]
    pub admin: bool,
    /// Whether the member owns this server and has not chosen its settings yet.
    #[serde(default)]
    pub set_up_needed: bool,
    /// Whose invite let the member in.
    pub sponsor: Option<Person>,
    /// Whether the member follows anybody; whom, is in `GET /api/members/{handle}/following`.
    pub follows_anybody: bool,
}

/// `POST /api/tokens`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What the token is for, 1 to 60 characters.
    pub label: String,
}

/// The answer to `POST /api/tokens`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// To be sent as `Authorization: Bearer TOKEN`. Shown once.
    pub token: String,
}

/// `POST /api/rooms/{id}/ping`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// Handles of the people, from 1 to 10.
    pub handles: Vec<String>,
}

/// `POST /api/rooms`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoom {
    /// 1 to 120 characters.
    pub title: String,
    /// Who may come in.
    pub kind: Kind,
    /// BCP 47 language tag of the talk; the opener's own if absent.
    #[serde(default)]
    pub language: Option<String>,
    /// Handles of the people who may come in whatever the kind; at most 100.
    #[serde(default)]
    pub named: Vec<String>,
    /// What the talk is about: at most five, of 1 to 30 characters each.
    #[serde(default)]
    pub topics: Vec<String>,
    /// The handle of the house whose room it is to be; the opener must be a member of it.
    #[serde(default)]
    pub house: Option<String>,
}

/// The answer to `POST /api/rooms`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomCreated {
    /// The new room's id.
    #[schema(value_type = String)]
    pub id: Id<RoomId>,
}

/// A room as the hallway shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct RoomCard {
    /// The room's id.
    #[ts(type = "string")]
    #[schema(value_type = String)]
    pub id: Id<RoomId>,
    /// The title.
    pub title: String,
    /// Who may come in.
    pub kind: Kind,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// What it is about.
    pub topics: Vec<String>,
    /// The house whose room it is.
    pub house: Option<HouseBadge>,
    /// When it was opened, in milliseconds since 1970.
    #[ts(type = "number")]
    pub opened_at: u64,
    /// To whom the recording will be open that goes on in it; null while nothing is recorded.
    pub recording: Option<Hearers>,
    /// Who hosts it.
    pub host: Person,
    /// The first eight people on stage.
    pub stage: Vec<Person>,
    /// How many are on stage.
    pub on_stage: usize,
    /// How many are in the audience.
    pub listening: usize,
}

/// The answer to `POST /api/rooms/{id}/stream`.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamTicket {
    /// Where the room can be heard as a plain stream. Whoever has it hears the room in the caller's name.
    pub url: String,
    /// The id of the leg that the first stream by it will be.
    pub leg: String,
}

/// `GET /api/rooms/{id}/roster`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Roster {
    /// Up to 100 people, by number.
    pub participants: Vec<Participant>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<u32>,
}
