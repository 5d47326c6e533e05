//! Bodies of search.

use serde::Serialize;
use utoipa::ToSchema;

use super::events::EventCard;
use super::hallway::{HallwayRoom, HouseBadge};
use super::invitations::InvitationCard;
use super::replays::ReplayCard;
use super::socket::Person;

/// Somebody who was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundPerson {
    /// Who.
    #[serde(flatten)]
    pub person: Person,
    /// Whether the member follows them.
    pub followed: bool,
    /// How many of those whom the member follows follow them; not all are counted where the member follows very many.
    pub mutual_count: u64,
}

/// A replay that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundReplay {
    /// Which.
    #[serde(flatten)]
    pub replay: ReplayCard,
    /// What was said in it that fits; null if it was found by what it is called or who speaks in it.
    pub said: Option<FoundLine>,
}

/// Something that was said in a replay and fits what was typed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundLine {
    /// Where it begins, in milliseconds from the beginning of the replay.
    pub at_ms: u64,
    /// Who said it, if a member did.
    pub person: Option<Person>,
    /// What they were called then.
    pub name: String,
    /// What was said, or the part of it around what fits.
    pub text: String,
}

/// `GET /api/search`: what was found, of each kind the best first. A kind that was not asked for is empty.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Found {
    /// People.
    pub people: Vec<FoundPerson>,
    /// Houses.
    pub houses: Vec<HouseBadge>,
    /// Rooms live now.
    pub rooms: Vec<HallwayRoom>,
    /// Events that are not over.
    pub events: Vec<EventCard>,
    /// Invitations.
    pub invitations: Vec<InvitationCard>,
    /// Replays that the member may hear.
    pub replays: Vec<FoundReplay>,
}
