//! Bodies of the HTTP surface.

use roomtone_room::ids::{MemberId, RoomId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Id;
use super::socket::{Kind, Participant, Person};

/// `GET /api/invites/{code}`: what a newcomer sees before entering a name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invite {
    /// Who invites; null for the owner's link and those printed on the command line.
    pub sponsor: Option<Person>,
    /// Whether whoever redeems it becomes the owner of this server.
    pub owner: bool,
    /// The name of this server.
    pub server: String,
}

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
    /// BCP 47 language tag.
    pub language: String,
    /// Whether the member owns this server.
    pub owner: bool,
    /// Whose invite let the member in.
    pub sponsor: Option<Person>,
    /// Whom the member follows.
    pub following: Vec<Person>,
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
}

/// The answer to `POST /api/rooms`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomCreated {
    /// The new room's id.
    #[schema(value_type = String)]
    pub id: Id<RoomId>,
}

/// A room as the hallway shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RoomCard {
    /// The room's id.
    #[schema(value_type = String)]
    pub id: Id<RoomId>,
    /// The title.
    pub title: String,
    /// Who may come in.
    pub kind: Kind,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// When it was opened, in milliseconds since 1970.
    pub opened_at: u64,
    /// Who hosts it.
    pub host: Person,
    /// The first eight people on stage.
    pub stage: Vec<Person>,
    /// How many are on stage.
    pub on_stage: usize,
    /// How many are in the audience.
    pub listening: usize,
}

/// `GET /api/rooms`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hallway {
    /// Rooms live now that the member may enter, most recently opened first.
    pub rooms: Vec<RoomCard>,
}

/// `GET /api/rooms/{id}/roster`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Roster {
    /// Up to 100 people, by number.
    pub participants: Vec<Participant>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<u32>,
}
