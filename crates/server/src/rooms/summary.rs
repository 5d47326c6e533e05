//! What others may look up about a room without asking its owner.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use roomtone_room::ids::{HouseId, MemberId};
use roomtone_room::{HandRule, Kind, Room};
use roomtone_store::{HouseStanding, RoomHouse, Standing, Store};

use crate::wire::hallway::HouseBadge;
use crate::wire::http::RoomCard;
use crate::wire::socket::Person;
use crate::wire::{ApiError, Code, Id};

/// People on stage that a card names.
const CARD_STAGE: usize = 8;

/// A room as of its last change.
#[derive(Debug)]
pub(crate) struct Summary {
    /// What the hallway shows.
    pub(crate) card: RoomCard,
    /// Everybody on stage, in the order of the stage.
    pub(crate) stage: Vec<MemberId>,
    /// Those on stage that the card does not name.
    pub(crate) more: Vec<Person>,
    /// Whether the room has ended.
    pub(super) ended: bool,
    pub(crate) kind: Kind,
    pub(crate) moderators: Vec<MemberId>,
    /// Who may raise a hand.
    pub(crate) hands: HandRule,
    named: BTreeSet<MemberId>,
    /// Who was called up by a moderator and has not come.
    called: BTreeSet<MemberId>,
    banned: BTreeSet<MemberId>,
    /// The guests in the room, and who vouches for each.
    pub(crate) guests: BTreeMap<MemberId, MemberId>,
    /// The guests who wait, likewise.
    pub(crate) waiting: BTreeMap<MemberId, MemberId>,
    house: Option<RoomHouse>,
}

/// How somebody stands to the house of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HouseEntry {
    /// A member who has accepted the rules as they are now.
    Member,
    /// A member who has not.
    RulesFirst,
    /// Not a member.
    Stranger,
    /// Removed for good.
    Banned,
}

impl From<Option<HouseStanding>> for HouseEntry {
    fn from(standing: Option<HouseStanding>) -> Self {
        match standing {
            Some(standing) if standing.is_member() && standing.rules_seen => Self::Member,
            Some(standing) if standing.is_member() => Self::RulesFirst,
            Some(standing) if standing.banned => Self::Banned,
            Some(_) | None => Self::Stranger,
        }
    }
}

/// Whether somebody may know of a house's rooms.
pub(crate) fn may_know_rooms(house: &RoomHouse, entry: HouseEntry) -> bool {
    match entry {
        HouseEntry::Member | HouseEntry::RulesFirst => true,
        HouseEntry::Stranger => house.open,
        HouseEntry::Banned => false,
    }
}

/// What decides whether somebody may know of a room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Onlooker<'a> {
    pub(crate) member: MemberId,
    /// Everybody with whom they have a block.
    pub(crate) blocked: &'a HashSet<MemberId>,
    /// How they stand to the room's house; without one, whatever.
    pub(crate) entry: HouseEntry,
    /// Whether a moderator follows them; matters in a social room only.
    pub(crate) followed_by_moderator: bool,
}

impl Summary {
    /// `guests` are those in the room, each with who vouches for them.
    pub(super) fn of(
        room: &Room,
        people: &HashMap<MemberId, Person>,
        house: Option<&RoomHouse>,
        guests: &BTreeMap<MemberId, MemberId>,
    ) -> Self {
        let stage = room.stage();
        // Guests are for the people in the room: outside of it nobody is told their names.
        let named = || stage.iter().filter(|p| !p.is_guest());
        let person = |member| people.get(&member).cloned();
        let unknown = || Person { id: Id(room.host()), handle: String::new(), name: String::new(), avatar: None };
        Self {
            card: RoomCard {
                id: Id(room.id()),
                title: room.title().to_owned(),
                kind: room.kind().into(),
                language: room.language().to_owned(),
                topics: room.topics().to_vec(),
                house: house.map(badge),
                opened_at: room.opened_at().0,
                recording: room.recording().map(|on| on.to.into()),
                host: person(room.host()).unwrap_or_else(unknown),
                stage: named().take(CARD_STAGE).filter_map(|p| person(p.member)).collect(),
                on_stage: stage.len(),
                listening: room.audience_count(),
            },
            more: named().skip(CARD_STAGE).filter_map(|p| person(p.member)).collect(),
            ended: !room.is_open(),
            kind: room.kind(),
            hands: room.settings().hands,
            named: room.named().collect(),
            called: room.called().iter().filter(|(_, call)| call.admits).map(|(&member, _)| member).collect(),
            banned: room.bans().keys().copied().collect(),
            moderators: stage.iter().filter(|p| p.role.moderates()).map(|p| p.member).collect(),
            stage: stage.iter().map(|p| p.member).collect(),
            guests: guests.clone(),
            waiting: room.waiting().iter().map(|(&guest, waiting)| (guest, waiting.pass.by)).collect(),
            house: house.cloned(),
        }
    }

    /// The house whose room it is.
    pub(crate) fn house(&self) -> Option<HouseId> {
        self.house.as_ref().map(|house| house.id)
    }

    /// Whether everybody on the internet may know of it: a live open room, of no house or of one that anybody may join.
    pub(crate) fn is_public(&self) -> bool {
        !self.ended && self.kind == Kind::Open && self.house.as_ref().is_none_or(|house| house.open)
    }

    /// Somebody on stage.
    pub(crate) fn person_on_stage(&self, member: MemberId) -> Option<&Person> {
        self.card.stage.iter().chain(&self.more).find(|person| person.id.0 == member)
    }

    /// Whether somebody who is not in the room may know of it. A block with anybody on stage hides it, and so does a house
    /// that not everybody may join; only then does the kind count.
    pub(crate) fn shows_itself_to(&self, who: &Onlooker<'_>) -> bool {
        let apart = !who.blocked.is_empty() && self.stage.iter().any(|member| who.blocked.contains(member));
        let house = self.house.as_ref().is_none_or(|house| may_know_rooms(house, who.entry));
        let by_kind = match self.kind {
            Kind::Open => true,
            Kind::Social => who.followed_by_moderator,
            Kind::Closed => false,
        };
        let wanted = by_kind || self.named.contains(&who.member) || self.called.contains(&who.member);
        !self.ended && !apart && house && wanted && !self.banned.contains(&who.member)
    }

    /// To which of many it shows itself, as [`Summary::shows_itself_to`] has it.
    pub(super) async fn admits_of(&self, store: &Store, members: &[MemberId]) -> Result<HashSet<MemberId>, ApiError> {
        // Nothing else lets anybody into a closed room, and there may be very many to ask about.
        let can_be = |member: &&MemberId| self.kind != Kind::Closed || self.named.contains(member);
        let members: Vec<MemberId> = members.iter().filter(can_be).copied().collect();
        if members.is_empty() {
            return Ok(HashSet::new());
        }
        let internal = |error| ApiError::internal(&error);
        let standings = store.standings(&members).await.map_err(internal)?;
        let followed = match self.kind {
            Kind::Social => store.followed_by_any(&self.moderators, &members).await.map_err(internal)?,
            Kind::Open | Kind::Closed => HashSet::new(),
        };
        let house = match self.house() {
            Some(house) => Some(store.house_standings(house, &members).await.map_err(internal)?),
            None => None,
        };
        let nobody = HashSet::new();
        let admitted = members.into_iter().filter(|member| {
            self.shows_itself_to(&Onlooker {
                member: *member,
                blocked: standings.get(member).map_or(&nobody, |standing| &standing.blocked),
                entry: match &house {
                    Some((inside, _)) if inside.contains(member) => HouseEntry::Member,
                    Some((_, banned)) if banned.contains(member) => HouseEntry::Banned,
                    Some(_) => HouseEntry::Stranger,
                    None => HouseEntry::Member,
                },
                followed_by_moderator: followed.contains(member),
            })
        });
        Ok(admitted.collect())
    }

    /// The same for one, with what it takes to enter.
    pub(super) async fn admits(&self, store: &Store, member: MemberId) -> Result<Admission, ApiError> {
        let internal = |error| ApiError::internal(&error);
        let standing = Arc::new(store.standing(member).await.map_err(internal)?);
        let followed_by_moderator =
            self.kind == Kind::Social && store.any_follows(&self.moderators, member).await.map_err(internal)?;
        let entry = match self.house() {
            Some(house) => store.house_standing(house, member).await.map_err(internal)?.into(),
            None => HouseEntry::Member,
        };
        let who = Onlooker { member, blocked: &standing.blocked, entry, followed_by_moderator };
        let admitted = self.shows_itself_to(&who);
        let banned = self.banned.contains(&member);
        let house = self.house.as_ref().filter(|_| entry != HouseEntry::Member);
        let rules_of = house.map(|house| house.handle.clone());
        Ok(Admission { admitted, banned, rules_of, followed_by_moderator, standing: Some(standing) })
    }
}

/// A house as others see it beside its rooms.
pub(super) fn badge(house: &RoomHouse) -> HouseBadge {
    HouseBadge { id: Id(house.id), handle: house.handle.clone(), name: house.name.clone() }
}

/// Whether somebody may know of a room, and enter it.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    /// Whether they may know of it.
    pub(crate) admitted: bool,
    /// Whether the room's moderators keep them out.
    pub(crate) banned: bool,
    /// The handle of the house whose rules they have to accept before they enter.
    pub(crate) rules_of: Option<String>,
    pub(crate) followed_by_moderator: bool,
    /// With whom they have a block; `None` for somebody who is in the room already, who was looked up when they came in.
    pub(crate) standing: Option<Arc<Standing>>,
}

impl Admission {
    /// For somebody who is in the room.
    pub(super) fn of_somebody_inside() -> Self {
        Self { admitted: true, banned: false, rules_of: None, followed_by_moderator: false, standing: None }
    }

    /// Whether they may enter, and not only know of the room.
    ///
    /// Errors: `room_not_found`; `house_rules`, whose message names the house by its handle.
    pub(crate) fn to_enter(&self) -> Result<(), ApiError> {
        match &self.rules_of {
            _ if !self.admitted => Err(Code::RoomNotFound.into()),
            Some(house) => Err(rules_first(house)),
            None => Ok(()),
        }
    }
}

/// Whoever wants into a room of the house with this handle has to accept its rules first.
pub(crate) fn rules_first(house: &str) -> ApiError {
    let message = format!("Join the house {house} and accept its rules first.");
    ApiError::with_message(Code::HouseRules, message)
}
