//! Bodies of search.

use serde::Serialize;
use utoipa::ToSchema;

use super::events::EventCard;
use super::hallway::{HallwayRoom, HouseBadge};
use super::invitations::InvitationCard;
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
    /// Replays: none yet.
    #[schema(value_type = Vec<String>)]
    pub replays: [(); 0],
}
