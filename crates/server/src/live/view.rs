//! One viewer's hallway, made from the rooms, from who is where, and from what is known of the viewer.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use roomtone_room::Kind;
use roomtone_room::hallway::{self, Candidate};
use roomtone_room::ids::{MemberId, RoomId, Timestamp};
use roomtone_room::search::Query;

use super::facts::Facts;
use super::{Live, lock};
use crate::rooms::message::{Outgoing, write_json};
use crate::rooms::{Handle, HouseEntry, Onlooker, Rooms, Summary};
use crate::search::words_of;
use crate::wire::Id;
use crate::wire::hallway::{HallwayRoom, OnlinePerson, Reason};
use crate::wire::socket::Person;

/// Rooms in a hallway. More shows further down at once; each makes every hallway longer.
pub(crate) const HALLWAY_ROOMS: usize = 100;

/// People online that a hallway names.
const ONLINE: usize = 100;

/// The live rooms, each with what all hallways that show it have in common.
pub(crate) struct World {
    /// The number of changes that it takes account of.
    pub(super) as_of: u64,
    rooms: Vec<Arc<Shown>>,
    /// Who moderates social rooms: whether these follow the viewer has to be known.
    pub(super) social_moderators: BTreeSet<MemberId>,
}

/// A room, and the JSON of its card.
struct Shown {
    summary: Arc<Summary>,
    json: Vec<u8>,
    /// Of the card.
    digest: u64,
    /// By what search finds it, once somebody has searched.
    words: OnceLock<BTreeSet<String>>,
}

impl World {
    /// Looks at all rooms. What has not changed since `before` is taken from there.
    pub(super) fn of(as_of: u64, handles: &[Handle], before: Option<&Self>) -> Self {
        let known: HashMap<*const Summary, &Arc<Shown>> = before
            .into_iter()
            .flat_map(|world| &world.rooms)
            .map(|shown| (Arc::as_ptr(&shown.summary), shown))
            .collect();
        let rooms: Vec<Arc<Shown>> = handles
            .iter()
            .map(Handle::summary)
            .map(|summary| match known.get(&Arc::as_ptr(&summary)) {
                Some(shown) => Arc::clone(shown),
                None => Arc::new(Shown::of(summary)),
            })
            .collect();
        let social = rooms.iter().filter(|shown| shown.summary.kind == Kind::Social);
        let social_moderators = social.flat_map(|shown| shown.summary.moderators.iter().copied()).collect();
        Self { as_of, rooms, social_moderators }
    }
}

impl Shown {
    fn of(summary: Arc<Summary>) -> Self {
        let mut json = Vec::new();
        write_json(&mut json, &summary.card);
        let digest = digest_of(&json);
        Self { summary, json, digest, words: OnceLock::new() }
    }
}

/// One viewer's hallway.
pub(super) struct View {
    /// Rooms by their place in the world, in the viewer's order.
    rooms: Vec<(usize, Vec<Reason>)>,
    online: Vec<OnlinePerson>,
}

/// Makes a viewer's hallway of at most `most` rooms, without those that they have hidden. Costs as much as there are rooms and people whom they follow, and waits for nothing.
pub(super) fn look(live: &Live, rooms: &Rooms, world: &World, member: MemberId, facts: &Facts, most: usize) -> View {
    let hidden = |room| facts.hidden_rooms.contains(&room);
    look_at(live, rooms, world, member, facts, most, hidden)
}

/// The same with all rooms, for somebody who looks for one.
pub(super) fn look_everywhere(live: &Live, rooms: &Rooms, world: &World, member: MemberId, facts: &Facts) -> View {
    look_at(live, rooms, world, member, facts, usize::MAX, |_| false)
}

fn look_at(
    live: &Live,
    rooms: &Rooms,
    world: &World,
    member: MemberId,
    facts: &Facts,
    most: usize,
    hidden: impl Fn(RoomId) -> bool,
) -> View {
    let own_room = rooms.presence().inside(member);
    let shown: HashMap<RoomId, usize> = (world.rooms.iter().enumerate())
        .filter(|(_, shown)| !hidden(shown.summary.card.id.0))
        .filter(|(_, shown)| may_know(&shown.summary, member, own_room, facts))
        .map(|(place, shown)| (shown.summary.card.id.0, place))
        .collect();
    let here = who_is_here(live, rooms, facts);

    let mut listening: HashMap<RoomId, Vec<MemberId>> = HashMap::new();
    for (&member, person) in &here {
        // Who is on stage is a reason of its own, and who hides is none.
        if let Some(&place) = person.room.as_ref().filter(|_| !person.hidden).and_then(|room| shown.get(room))
            && !world.rooms[place].summary.stage.contains(&member)
        {
            listening.entry(world.rooms[place].summary.card.id.0).or_default().push(member);
        }
    }
    let candidates = shown.values().map(|&place| {
        let summary = &*world.rooms[place].summary;
        let card = &summary.card;
        Candidate {
            room: card.id.0,
            on_stage: &summary.stage,
            listening: listening.get(&card.id.0).map_or(&[], Vec::as_slice),
            house: summary.house(),
            language: &card.language,
            topics: &card.topics,
            people: card.on_stage + card.listening,
            opened_at: Timestamp(card.opened_at),
        }
    });
    let ranked = hallway::rank(&facts.viewer, candidates);
    let told = ranked.into_iter().take(most).filter_map(|ranked| {
        let place = *shown.get(&ranked.room)?;
        let summary = &world.rooms[place].summary;
        Some((place, ranked.reasons.into_iter().filter_map(|reason| tell(reason, summary, &here)).collect()))
    });
    View { rooms: told.collect(), online: online(&here, facts, &shown) }
}

fn may_know(summary: &Summary, member: MemberId, own_room: Option<RoomId>, facts: &Facts) -> bool {
    let who = Onlooker {
        member,
        blocked: &facts.blocked,
        entry: summary.house().map_or(HouseEntry::Stranger, |house| facts.entry_to(house)),
        followed_by_moderator: summary.kind == Kind::Social && facts.is_followed_by_any(&summary.moderators),
    };
    own_room == Some(summary.card.id.0) || summary.shows_itself_to(&who)
}

/// Somebody who is here and whom the viewer follows.
struct Here {
    person: Person,
    room: Option<RoomId>,
    hidden: bool,
}

/// Those of the followed who are in a room or have a page open.
fn who_is_here(live: &Live, rooms: &Rooms, facts: &Facts) -> HashMap<MemberId, Here> {
    let followed = &facts.viewer.followed;
    let mut here = HashMap::new();
    {
        let presence = rooms.presence();
        // Whichever are fewer are gone through.
        let mut add = |member: MemberId| {
            if let Some((room, known)) = presence.find(member) {
                let (person, hidden) = (known.person.clone(), known.hidden);
                here.insert(member, Here { person, room: Some(room), hidden });
            }
        };
        if followed.len() < presence.len() {
            followed.iter().copied().for_each(&mut add);
        } else {
            presence.members().filter(|member| followed.contains(member)).for_each(&mut add);
        }
    }
    let mut pages = Vec::new();
    {
        let listening = lock(&live.listening);
        if followed.len() < listening.len() {
            pages.extend(followed.iter().filter_map(|member| listening.get(member).cloned()));
        } else {
            pages.extend(listening.values().filter(|one| followed.contains(&one.member)).cloned());
        }
    }
    for page in pages {
        let hidden = lock(&page.state).hidden;
        here.entry(page.member).and_modify(|here| here.hidden |= hidden).or_insert_with(|| Here {
            person: lock(&page.person).clone(),
            room: None,
            hidden,
        });
    }
    here.retain(|member, _| !facts.blocked.contains(member));
    here
}

/// People online: those in rooms first, then by handle.
fn online(here: &HashMap<MemberId, Here>, facts: &Facts, shown: &HashMap<RoomId, usize>) -> Vec<OnlinePerson> {
    let open = |(member, one): &(&MemberId, &Here)| !one.hidden && !facts.viewer.muted.contains(*member);
    let mut online: Vec<OnlinePerson> = here
        .iter()
        .filter(open)
        .map(|(_, one)| OnlinePerson {
            person: one.person.clone(),
            room: one.room.filter(|room| shown.contains_key(room)).map(Id),
        })
        .collect();
    online.sort_by(|a, b| (a.room.is_none(), &a.person.handle).cmp(&(b.room.is_none(), &b.person.handle)));
    online.truncate(ONLINE);
    online
}

/// A reason with the names that belong to it.
fn tell(reason: hallway::Reason, summary: &Summary, here: &HashMap<MemberId, Here>) -> Option<Reason> {
    let named = |people: Vec<MemberId>| -> Vec<Person> {
        let person = |member: &MemberId| {
            summary.person_on_stage(*member).or_else(|| here.get(member).map(|here| &here.person)).cloned()
        };
        people.iter().filter_map(person).collect()
    };
    Some(match reason {
        hallway::Reason::FollowedOnStage { people, count } => Reason::FollowedOnStage { people: named(people), count },
        hallway::Reason::FollowedListening { people, count } => {
            Reason::FollowedListening { people: named(people), count }
        }
        hallway::Reason::House => Reason::House { house: summary.card.house.clone()? },
        hallway::Reason::Language => Reason::Language,
        hallway::Reason::Topic { topic } => Reason::Topic { topic },
    })
}

impl View {
    /// What two hallways that look alike have in common.
    pub(super) fn digest(&self, world: &World) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.rooms.len().hash(&mut hasher);
        for (place, reasons) in &self.rooms {
            world.rooms[*place].digest.hash(&mut hasher);
            reasons.hash(&mut hasher);
        }
        self.online.hash(&mut hasher);
        hasher.finish()
    }

    /// The message that tells it: [`crate::wire::hallway::LiveMessage::Hallway`], put together from cards that are written
    /// already.
    pub(super) fn message(&self, world: &World) -> Outgoing {
        Outgoing::written(false, |text| {
            text.extend_from_slice(b"{\"type\":\"hallway\",\"rooms\":[");
            for (number, (place, reasons)) in self.rooms.iter().enumerate() {
                if number > 0 {
                    text.push(b',');
                }
                // A card is an object with members: its end is one brace.
                let card = &world.rooms[*place].json;
                text.extend_from_slice(&card[..card.len() - 1]);
                text.extend_from_slice(b",\"reasons\":");
                write_json(text, reasons);
                text.push(b'}');
            }
            text.extend_from_slice(b"],\"online\":");
            write_json(text, &self.online);
            text.push(b'}');
        })
    }

    /// Its rooms, for an answer.
    pub(super) fn typed(self, world: &World) -> Vec<HallwayRoom> {
        let room =
            |(place, reasons): (usize, _)| HallwayRoom { card: world.rooms[place].summary.card.clone(), reasons };
        self.rooms.into_iter().map(room).collect()
    }

    /// Those of its rooms that fit what was typed: the best first, and those that fit as well in the viewer's order.
    pub(super) fn found(self, world: &World, query: &Query, most: usize) -> Vec<HallwayRoom> {
        let fits = self.rooms.into_iter().filter_map(|(place, reasons)| {
            let shown = &world.rooms[place];
            let score = query.score(shown.words.get_or_init(|| words_of(&shown.summary.card)))?;
            Some((score, shown, reasons))
        });
        let mut fits: Vec<_> = fits.collect();
        fits.sort_by_key(|(score, ..)| *score);
        fits.truncate(most);
        let room = |(_, shown, reasons): (_, &Arc<Shown>, _)| HallwayRoom { card: shown.summary.card.clone(), reasons };
        fits.into_iter().map(room).collect()
    }
}

fn digest_of(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
