//! The order of the hallway, with the reasons for it.
//!
//! Rooms come in this order: by the people in them whom the viewer follows, those on stage counting for more; then the
//! viewer's houses; then the language and the topics; then size and freshness. The order is total: the last thing that is
//! looked at is the id.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::ids::{HouseId, MemberId, RoomId, Timestamp};

/// What somebody on stage counts for beside somebody in the audience. Higher lets a room with one followed speaker go before
/// one in which more of the followed listen.
const STAGE_WEIGHT: usize = 4;

/// People that a reason names; the others are only counted.
pub const NAMED_IN_REASON: usize = 8;

/// What the order needs to know of the viewer.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// Whom they follow.
    pub followed: HashSet<MemberId>,
    /// Whom they have muted: these are no reason to show a room.
    pub muted: HashSet<MemberId>,
    /// The houses that they are a member of.
    pub houses: HashSet<HouseId>,
    /// The languages that they understand, as BCP 47 tags.
    pub languages: Vec<String>,
    /// What they like to hear about, folded.
    pub topics: Vec<String>,
}

/// What the order needs to know of a room that the viewer may enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The room.
    pub room: RoomId,
    /// People on stage; those whom the viewer does not follow are passed over.
    pub on_stage: &'a [MemberId],
    /// People in the audience, likewise.
    pub listening: &'a [MemberId],
    /// The house whose room it is.
    pub house: Option<HouseId>,
    /// BCP 47 language tag of the talk.
    pub language: &'a str,
    /// What it is about, folded.
    pub topics: &'a [String],
    /// How many people are in it.
    pub people: usize,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// Why a room is where it is. In the order of their weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The viewer follows people on stage.
    FollowedOnStage {
        /// Some of them, at most [`NAMED_IN_REASON`].
        people: Vec<MemberId>,
        /// How many they are.
        count: usize,
    },
    /// The viewer follows people in the audience.
    FollowedListening {
        /// Some of them, at most [`NAMED_IN_REASON`].
        people: Vec<MemberId>,
        /// How many they are.
        count: usize,
    },
    /// The room is one of a house that the viewer is a member of.
    House,
    /// The talk is in a language that the viewer understands.
    Language,
    /// The room is about what the viewer likes to hear about.
    Topic {
        /// The topic.
        topic: String,
    },
}

/// A room in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// The room.
    pub room: RoomId,
    /// Why, the weightiest first; none for a room that is only large or new.
    pub reasons: Vec<Reason>,
}

/// Puts rooms into the viewer's order. The same rooms in another order come out the same.
pub fn rank<'a>(viewer: &Viewer, rooms: impl IntoIterator<Item = Candidate<'a>>) -> Vec<Ranked> {
    let mut keyed: Vec<_> = rooms.into_iter().map(|room| judge(viewer, room)).collect();
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    keyed.into_iter().map(|(_, ranked)| ranked).collect()
}

/// What a room is sorted by, the least first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    followed: Reverse<usize>,
    house: Reverse<bool>,
    language: Reverse<bool>,
    topics: Reverse<usize>,
    /// The binary order of magnitude: a room does not overtake another at each newcomer.
    size: Reverse<u32>,
    opened_at: Reverse<Timestamp>,
    id: RoomId,
}

fn judge(viewer: &Viewer, room: Candidate<'_>) -> (Key, Ranked) {
    let on_stage = who_counts(viewer, room.on_stage);
    let listening = who_counts(viewer, room.listening);
    let house = room.house.is_some_and(|house| viewer.houses.contains(&house));
    let language = viewer.languages.iter().any(|known| same_language(known, room.language));
    let shared = shared_topics(&viewer.topics, room.topics);
    let key = Key {
        followed: Reverse(STAGE_WEIGHT * on_stage.len() + listening.len()),
        house: Reverse(house),
        language: Reverse(language),
        topics: Reverse(shared.len()),
        size: Reverse(room.people.checked_ilog2().unwrap_or(0)),
        opened_at: Reverse(room.opened_at),
        id: room.room,
    };
    let mut reasons = Vec::new();
    if !on_stage.is_empty() {
        reasons.push(Reason::FollowedOnStage { count: on_stage.len(), people: first(on_stage) });
    }
    if !listening.is_empty() {
        reasons.push(Reason::FollowedListening { count: listening.len(), people: first(listening) });
    }
    if house {
        reasons.push(Reason::House);
    }
    if language {
        reasons.push(Reason::Language);
    }
    reasons.extend(shared.into_iter().map(|topic| Reason::Topic { topic }));
    (key, Ranked { room: room.room, reasons })
}

/// Those whom the viewer follows and has not muted, ascending, each once.
fn who_counts(viewer: &Viewer, people: &[MemberId]) -> Vec<MemberId> {
    let counts = |member: &&MemberId| viewer.followed.contains(*member) && !viewer.muted.contains(*member);
    let mut people: Vec<MemberId> = people.iter().filter(counts).copied().collect();
    people.sort_unstable();
    people.dedup();
    people
}

fn first(mut people: Vec<MemberId>) -> Vec<MemberId> {
    people.truncate(NAMED_IN_REASON);
    people
}

/// Whether somebody who understands the one language follows a talk in the other: the primary subtags of the BCP 47 tags are
/// the same (RFC 5646, section 2.2.1).
pub fn same_language(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|tag| tag.split('-').next().unwrap_or_default());
    one.eq_ignore_ascii_case(other)
}

/// The room's topics that the viewer has too, in the room's order, each once.
fn shared_topics(liked: &[String], topics: &[String]) -> Vec<String> {
    let mut shared: Vec<String> = Vec::new();
    for topic in topics {
        if liked.contains(topic) && !shared.contains(topic) {
            shared.push(topic.clone());
        }
    }
    shared
}
