//! Bodies about invites and the waiting list.

use roomtone_room::ids::RecordId;
use roomtone_store as store;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Id;
use super::http::RoomCard;
use super::socket::Person;

/// `GET /api/server`: what anybody may know of this server.
#[derive(Debug, Serialize, ToSchema)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Languages of its interface (BCP 47).
    pub languages: Vec<String>,
    /// Whether people may put themselves on the waiting list.
    pub waitlist: bool,
}

/// `GET /api/invites/{code}`: what a newcomer sees before entering a name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invite {
    /// Who invites; null for the owner's link and those printed on the command line.
    pub sponsor: Option<Person>,
    /// Whether whoever redeems it becomes the owner of this server.
    pub owner: bool,
    /// The name of this server.
    pub server: String,
    /// What the sponsor wrote for the guest; lines end with `\n`, and it may be empty.
    pub note: String,
    /// The handle that is kept for whoever has the code, if they came by the waiting list.
    pub handle: Option<String>,
    /// The room where the sponsor is just now, if every member may enter it and the sponsor lets it be seen.
    pub room: Option<RoomCard>,
}

/// What has become of an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteState {
    /// It works.
    Open,
    /// Somebody came in by it.
    Used,
    /// It no longer works, and nobody has used it.
    Expired,
    /// It was taken back.
    Revoked,
}

impl From<store::InviteState> for InviteState {
    fn from(state: store::InviteState) -> Self {
        match state {
            store::InviteState::Open => Self::Open,
            store::InviteState::Used => Self::Used,
            store::InviteState::Expired => Self::Expired,
            store::InviteState::Revoked => Self::Revoked,
        }
    }
}

/// An invite as its maker sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyInvite {
    /// Its id. The code is shown once, when it is made.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// What its maker wrote for the guest.
    pub note: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// From when on it no longer works, or did not.
    pub expires_at: Option<u64>,
    /// What has become of it.
    pub state: InviteState,
    /// Whom it let in, as far as its maker may know of them.
    pub guest: Option<Person>,
    /// The handle of somebody on the waiting list who was waved in by it and has not come yet.
    pub waiting: Option<String>,
}

/// `GET /api/invites/mine`.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyInvites {
    /// How many more the member may make now; null for the owner and admins, who may make any number.
    pub left: Option<u64>,
    /// How many they have earned by their guests' taking part.
    pub earned: u64,
    /// Up to 100 invites, newest first.
    pub items: Vec<MyInvite>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `POST /api/invites`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvite {
    /// What to tell the guest; up to 500 characters, and it may be empty.
    #[serde(default)]
    pub note: String,
    /// For how many days it works, 1 to 365; the server's usual number if absent.
    #[serde(default)]
    pub days: Option<u32>,
}

/// The answer to `POST /api/invites`.
#[derive(Debug, Serialize, ToSchema)]
pub struct InviteMade {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// The link to pass on. Shown once.
    pub link: String,
    /// The link as a QR code: the text of an SVG picture.
    pub qr: String,
    /// From when on it no longer works, in milliseconds since 1970.
    pub expires_at: u64,
}

/// `POST /api/waitlist`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWaiting {
    /// The handle to keep.
    pub handle: String,
    /// 1 to 60 characters.
    pub name: String,
    /// What to tell whoever may know them; up to 500 characters, and it may be empty.
    #[serde(default)]
    pub note: String,
    /// BCP 47 language tag.
    pub language: String,
}

/// The answer to `POST /api/waitlist`.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitingMade {
    /// By which they come back: at `/waiting/{secret}`, and once waved in at `/join/{secret}`. Shown once.
    pub secret: String,
    /// Until when the handle is kept, in milliseconds since 1970.
    pub expires_at: u64,
}

/// How it stands with somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingState {
    /// Nobody has waved them in yet.
    Waiting,
    /// Their secret is the code of an invite now.
    Invited,
}

/// `GET /api/waitlist/{secret}`: how it stands with whoever has the secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct Waiting {
    /// The handle that is kept.
    pub handle: String,
    /// How it stands.
    pub state: WaitingState,
    /// Until when the handle is kept, in milliseconds since 1970.
    pub expires_at: u64,
}

/// `GET /api/waitlist/by-handle/{handle}`: somebody who waits, as members see them who know the handle.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitingPerson {
    /// The handle that is kept for them.
    pub handle: String,
    /// Their name.
    pub name: String,
    /// What they wrote.
    pub note: String,
    /// How it stands.
    pub state: WaitingState,
}
