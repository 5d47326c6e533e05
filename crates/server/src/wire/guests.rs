//! Bodies about guests: people without an account who are let into one room by a link.

use roomtone_room::ids::{MemberId, RoomId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Id;
use super::replays::Hearers;
use super::socket::Person;

/// `POST /api/rooms/{id}/guests`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGuestLink {
    /// What the guest is called: 1 to 40 characters.
    pub name: String,
    /// For how many minutes the link works, and the guest may stay: 5 to 1,440.
    pub minutes: u32,
    /// What it is about, for the guest: at most 280 characters.
    #[serde(default)]
    pub context: Option<String>,
}

/// The answer to `POST /api/rooms/{id}/guests`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct GuestLink {
    /// The guest's id.
    #[schema(value_type = String)]
    pub guest: Id<MemberId>,
    /// What the guest is called.
    pub name: String,
    /// The link, which is shown once and works once.
    pub link: String,
    /// The link as a QR code: the text of an SVG picture.
    pub qr: String,
    /// When it ends, in milliseconds since 1970.
    pub until: u64,
}

/// How far a guest has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuestState {
    /// Nobody has taken the link.
    Unused,
    /// Somebody has, and is not here.
    Taken,
    /// They wait to be let in.
    Waiting,
    /// They are in the room.
    Inside,
}

/// A guest, as those who run the room see them.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomGuest {
    /// Their id.
    #[schema(value_type = String)]
    pub guest: Id<MemberId>,
    /// What they are called.
    pub name: String,
    /// Who vouches for them, and made the link unless their office did.
    pub by: Person,
    /// Whether the office of `by` made the link.
    pub office: bool,
    /// Who in that office, for the two of them alone.
    pub delegate: Option<Person>,
    /// When it ends, in milliseconds since 1970.
    pub until: u64,
    /// How far they have come.
    pub state: GuestState,
}

/// `GET /api/rooms/{id}/guests`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomGuests {
    /// Those whose link has not ended, the oldest first.
    pub items: Vec<RoomGuest>,
}

/// `GET /api/guest-links/{code}`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ShownGuestLink {
    /// The room, for a member who may come in as themselves; null for everybody else.
    #[schema(value_type = Option<String>)]
    pub room: Option<Id<RoomId>>,
    /// What somebody is asked to.
    #[serde(flatten)]
    pub invitation: GuestInvitation,
}

/// What somebody is asked to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct GuestInvitation {
    /// The room's title.
    pub title: String,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// What the guest is called there.
    pub name: String,
    /// Who vouches for them, and made the link unless their office did.
    pub by: Person,
    /// Whether the office of `by` asks, and not they themselves.
    pub office: bool,
    /// What it is about.
    pub context: Option<String>,
    /// When the link ends, in milliseconds since 1970.
    pub until: u64,
    /// The rules of the room's house.
    pub rules: Option<String>,
    /// To whom the replay will be open, if the room is recorded.
    pub recording: Option<Hearers>,
    /// The name of this server.
    pub server: String,
}

/// `POST /api/guest-links/{code}` and `GET /api/guest`: who the caller is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct GuestSession {
    /// Their id.
    #[schema(value_type = String)]
    pub guest: Id<MemberId>,
    /// The room that they may come to.
    #[schema(value_type = String)]
    pub room: Id<RoomId>,
    /// What they are asked to.
    #[serde(flatten)]
    pub invitation: GuestInvitation,
}
