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
    /// Whether the room has ended.
    pub(super) ended: bool,
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
            ended: !room.is_open(),
            kind: room.kind(),
            named: room.named().collect(),
            moderators: stage.iter().filter(|p| p.role.moderates()).map(|p| p.member).collect(),
        }
    }

    /// Whether the member may enter by what the room is, and whether a moderator follows them, which is only looked up
    /// where it decides: in a social room.
    pub(super) async fn admits(&self, store: &Store, member: MemberId) -> Result<Admission, ApiError> {
        let followed_by_moderator = self.kind == Kind::Social
            && store.any_follows(&self.moderators, member).await.map_err(|e| ApiError::internal(&e))?;
        let admitted = self.kind == Kind::Open || self.named.contains(&member) || followed_by_moderator;
        Ok(Admission { admitted, followed_by_moderator })
    }
}

/// Whether somebody may know of a room and enter it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admission {
    pub(crate) admitted: bool,
    pub(crate) followed_by_moderator: bool,
}
