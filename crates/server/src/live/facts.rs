//! What a member's hallway depends on besides the rooms: looked up once, and again when it has changed.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use roomtone_room::hallway::Viewer;
use roomtone_room::ids::{HouseId, MemberId, RoomId};
use roomtone_store::{HallwayFacts, Store};

use super::lock;
use super::view::World;
use crate::rooms::HouseEntry;
use crate::wire::socket::Person;
use crate::wire::{ApiError, Code};

/// What is known of a viewer.
pub(crate) struct Facts {
    pub(super) person: Person,
    pub(super) viewer: Viewer,
    pub(super) blocked: HashSet<MemberId>,
    banned_from: HashSet<HouseId>,
    /// Rooms that they do not want in their hallway.
    pub(super) hidden_rooms: HashSet<RoomId>,
    pub(super) hidden: bool,
    /// Of moderators of social rooms, whether they follow the viewer; those who were asked about.
    followers: Mutex<HashMap<MemberId, bool>>,
}

impl Facts {
    /// Looks everything up. Errors: `not_signed_in` for somebody who is not there any more.
    pub(super) async fn look_up(store: &Store, member: MemberId) -> Result<Self, ApiError> {
        let found = store.hallway_facts(member).await.map_err(|e| ApiError::internal(&e))?;
        found.map(Self::from).ok_or_else(|| Code::NotSignedIn.into())
    }

    /// Looks up which moderators of social rooms follow the viewer, as far as that is not known yet.
    pub(super) async fn learn_followers(&self, store: &Store, member: MemberId, world: &World) -> Result<(), ApiError> {
        let unknown: Vec<MemberId> = {
            let known = lock(&self.followers);
            world.social_moderators.iter().filter(|moderator| !known.contains_key(moderator)).copied().collect()
        };
        if unknown.is_empty() {
            return Ok(());
        }
        let follow = store.followers_among(member, &unknown).await.map_err(|e| ApiError::internal(&e))?;
        let mut known = lock(&self.followers);
        // Those who moderate nothing any more are forgotten, so that this stays as small as the rooms are few.
        known.retain(|moderator, _| world.social_moderators.contains(moderator));
        known.extend(unknown.into_iter().map(|moderator| (moderator, follow.contains(&moderator))));
        Ok(())
    }

    /// How the viewer stands to a house, as far as it matters for knowing of its rooms.
    pub(super) fn entry_to(&self, house: HouseId) -> HouseEntry {
        if self.viewer.houses.contains(&house) {
            HouseEntry::Member
        } else if self.banned_from.contains(&house) {
            HouseEntry::Banned
        } else {
            HouseEntry::Stranger
        }
    }

    /// Whether one of these moderators follows the viewer.
    pub(super) fn is_followed_by_any(&self, moderators: &[MemberId]) -> bool {
        let known = lock(&self.followers);
        moderators.iter().any(|moderator| known.get(moderator) == Some(&true))
    }
}

impl From<HallwayFacts> for Facts {
    fn from(facts: HallwayFacts) -> Self {
        let lines = |text: &str| text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let mut languages = lines(&facts.languages);
        languages.push(facts.language);
        let topics = lines(&facts.topics).iter().map(|topic| topic.to_lowercase()).collect();
        Self {
            person: facts.person.into(),
            viewer: Viewer { followed: facts.followed, muted: facts.muted, houses: facts.houses, languages, topics },
            blocked: facts.blocked,
            banned_from: facts.banned_from,
            hidden_rooms: facts.hidden_rooms,
            hidden: facts.online_hidden,
            followers: Mutex::default(),
        }
    }
}
