//! What others may look up about a room without asking its owner.

use std::collections::{BTreeSet, HashMap};

use roomtone_room::ids::MemberId;
use roomtone_room::{Kind, Room};
use roomtone_store::Store;

use crate::wire::http::RoomCard;
use crate::wire::socket::Person;
use crate::wire::{ApiError, Id};

/// People on stage that a card names.
const CARD_STAGE: usize = 8;

/// A room as of its last change.
#[derive(Debug)]
pub(crate) struct Summary {
    /// What the hallway shows.
    pub(crate) card: RoomCard,
    kind: Kind,
    named: BTreeSet<MemberId>,
    moderators: Vec<MemberId>,
}

impl Summary {
    pub(super) fn of(room: &Room, people: &HashMap<MemberId, Person>) -> Self {
        let stage = room.stage();
        let person = |member| people.get(&member).cloned();
        let unknown = || Person { id: Id(room.host()), handle: String::new(), name: String::new() };
        Self {
            card: RoomCard {
                id: Id(room.id()),
                title: room.title().to_owned(),
                kind: room.kind().into(),
                language: room.language().to_owned(),
                opened_at: room.opened_at().0,
                host: person(room.host()).unwrap_or_else(unknown),
                stage: stage.iter().take(CARD_STAGE).filter_map(|p| person(p.member)).collect(),
                on_stage: stage.len(),
                listening: room.audience_count(),
            },
            kind: room.kind(),
            named: room.named().collect(),
            moderators: stage.iter().filter(|p| p.role.moderates()).map(|p| p.member).collect(),
        }
    }

    /// Whether a moderator follows the member, where that decides: in a social room.
    pub(crate) async fn followed_by_moderator(&self, store: &Store, member: MemberId) -> Result<bool, ApiError> {
        if self.kind != Kind::Social {
            return Ok(false);
        }
        store.any_follows(&self.moderators, member).await.map_err(|e| ApiError::internal(&e))
    }

    /// Whether the member may know of the room and enter it.
    pub(crate) async fn admits(&self, store: &Store, member: MemberId) -> Result<bool, ApiError> {
        Ok(self.kind == Kind::Open
            || self.named.contains(&member)
            || self.moderators.contains(&member)
            || self.followed_by_moderator(store, member).await?)
    }
}
