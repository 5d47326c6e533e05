//! The order of the hallway: cases as data, and properties over random viewers and rooms.

use proptest::prelude::*;
use roomtone_room::hallway::{self, NAMED_IN_REASON, Ranked, Reason, Viewer, same_language};
use roomtone_room::ids::{HouseId, MemberId, RoomId, Timestamp};

fn members(ids: &[u128]) -> Vec<MemberId> {
    ids.iter().copied().map(MemberId).collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// A room as the order takes it, but with everything its own.
#[derive(Debug, Clone)]
struct Candidate {
    room: RoomId,
    on_stage: Vec<MemberId>,
    listening: Vec<MemberId>,
    house: Option<HouseId>,
    language: String,
    topics: Vec<String>,
    people: usize,
    opened_at: Timestamp,
}

fn rank(viewer: &Viewer, rooms: impl IntoIterator<Item = Candidate>) -> Vec<Ranked> {
    let rooms: Vec<Candidate> = rooms.into_iter().collect();
    let lent = rooms.iter().map(|room| hallway::Candidate {
        room: room.room,
        on_stage: &room.on_stage,
        listening: &room.listening,
        house: room.house,
        language: &room.language,
        topics: &room.topics,
        people: room.people,
        opened_at: room.opened_at,
    });
    hallway::rank(viewer, lent)
}

/// Follows 1 to 20, has muted 9 of them, is a member of house 1.
fn viewer() -> Viewer {
    Viewer {
        followed: (1..=20).map(MemberId).collect(),
        muted: [MemberId(9)].into(),
        houses: [HouseId(1)].into(),
        languages: texts(&["en", "ru-RU"]),
        topics: texts(&["gardens", "rust"]),
    }
}

/// A room in which there is nothing for anybody.
fn room(id: u128) -> Candidate {
    Candidate {
        room: RoomId(id),
        on_stage: members(&[100]),
        listening: Vec::new(),
        house: None,
        language: "fi".to_owned(),
        topics: Vec::new(),
        people: 1,
        opened_at: Timestamp(0),
    }
}

fn order(rooms: impl IntoIterator<Item = Candidate>) -> Vec<u128> {
    rank(&viewer(), rooms).into_iter().map(|ranked| ranked.room.0).collect()
}

/// Each is above the next, whichever comes in first.
#[test]
fn what_weighs_more_goes_first() {
    let plain = || room(0);
    let steps = [
        Candidate { on_stage: members(&[1, 2]), ..plain() },
        Candidate { on_stage: members(&[1]), listening: members(&[2, 3]), ..plain() },
        Candidate { on_stage: members(&[1]), listening: members(&[2]), ..plain() },
        Candidate { on_stage: members(&[1]), ..plain() },
        Candidate { listening: members(&[1, 2, 3]), house: Some(HouseId(1)), ..plain() },
        Candidate { listening: members(&[1, 2, 3]), ..plain() },
        Candidate { listening: members(&[1]), ..plain() },
        Candidate { house: Some(HouseId(1)), language: "en".to_owned(), ..plain() },
        Candidate { house: Some(HouseId(1)), ..plain() },
        Candidate { language: "ru".to_owned(), topics: texts(&["rust", "gardens"]), ..plain() },
        Candidate { language: "en-GB".to_owned(), topics: texts(&["rust"]), ..plain() },
        Candidate { language: "en".to_owned(), people: 4_000, ..plain() },
        Candidate { language: "en".to_owned(), ..plain() },
        Candidate { topics: texts(&["gardens"]), ..plain() },
        Candidate { people: 40, ..plain() },
        Candidate { people: 16, opened_at: Timestamp(8), ..plain() },
        // As large by order of magnitude, but older.
        Candidate { people: 31, opened_at: Timestamp(7), ..plain() },
        Candidate { house: Some(HouseId(2)), opened_at: Timestamp(1), ..plain() },
        Candidate { on_stage: members(&[9]), ..plain() },
    ];
    for (place, pair) in steps.windows(2).enumerate() {
        for ids in [[1, 2], [2, 1]] {
            let [above, below] = [0, 1].map(|i| Candidate { room: RoomId(ids[i]), ..pair[i].clone() });
            assert_eq!(order([above.clone(), below.clone()]), ids, "step {place}");
            assert_eq!(order([below, above]), ids, "step {place}");
        }
    }
    // Where nothing tells two apart, the id does.
    assert_eq!(order([room(3), room(2)]), [2, 3]);
}

#[test]
fn reasons_are_told_in_the_order_of_their_weight() {
    let everything = Candidate {
        on_stage: members(&[2, 100, 1, 9]),
        listening: (3..=15).map(MemberId).collect(),
        house: Some(HouseId(1)),
        language: "RU".to_owned(),
        topics: texts(&["music", "rust", "gardens", "rust"]),
        ..room(1)
    };
    let reasons = rank(&viewer(), [everything]).remove(0).reasons;
    let listening: Vec<MemberId> = (3..=15).filter(|&id| id != 9).take(NAMED_IN_REASON).map(MemberId).collect();
    let topic = |topic: &str| Reason::Topic { topic: topic.to_owned() };
    let expected = [
        Reason::FollowedOnStage { people: members(&[1, 2]), count: 2 },
        Reason::FollowedListening { people: listening, count: 12 },
        Reason::House,
        Reason::Language,
        topic("rust"),
        topic("gardens"),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(rank(&viewer(), [room(1)]).remove(0).reasons, []);
}

#[test]
fn languages_are_compared_by_their_first_part() {
    for (one, other, same) in
        [("en", "en-US", true), ("EN-gb", "en", true), ("ru", "en", false), ("en", "eng", false), ("", "", true)]
    {
        assert_eq!(same_language(one, other), same, "{one} {other}");
    }
}

prop_compose! {
    fn any_room()(
        id in 0u128..1000,
        on_stage in prop::collection::vec(0u128..30, 0..6),
        listening in prop::collection::vec(0u128..30, 0..6),
        house in prop::option::of(0u128..3),
        language in prop::sample::select(vec!["en", "ru", "fi", "en-GB"]),
        topics in prop::collection::vec(prop::sample::select(vec!["gardens", "rust", "music"]), 0..4),
        people in 0usize..5_000,
        opened_at in 0u64..50,
    ) -> Candidate {
        Candidate {
            room: RoomId(id),
            on_stage: members(&on_stage),
            listening: members(&listening),
            house: house.map(HouseId),
            language: language.to_owned(),
            topics: texts(&topics),
            people,
            opened_at: Timestamp(opened_at),
        }
    }
}

/// Rooms with ids of their own.
fn any_rooms() -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec(any_room(), 0..12).prop_map(|mut rooms| {
        rooms.sort_by_key(|room| room.room);
        rooms.dedup_by_key(|room| room.room);
        rooms
    })
}

proptest! {
    #[test]
    fn another_order_of_the_rooms_changes_nothing(
        (rooms, shuffled) in any_rooms().prop_flat_map(|rooms| (Just(rooms.clone()), Just(rooms).prop_shuffle()))
    ) {
        let ranked = rank(&viewer(), rooms.clone());
        prop_assert_eq!(&ranked, &rank(&viewer(), shuffled));
        // None is lost or made up.
        let mut ids: Vec<_> = ranked.iter().map(|ranked| ranked.room).collect();
        ids.sort_unstable();
        prop_assert_eq!(ids, rooms.iter().map(|room| room.room).collect::<Vec<_>>());
    }

    /// One more followed person, the viewer's house, their language, one more topic of theirs: never lowers a room.
    #[test]
    fn more_of_what_counts_never_lowers_a_room(rooms in any_rooms(), which in any::<prop::sample::Index>(), what in 0..5) {
        prop_assume!(!rooms.is_empty());
        let chosen = which.index(rooms.len());
        let id = rooms[chosen].room;
        let place = |rooms: &[Candidate]| order(rooms.iter().cloned()).iter().position(|&room| room == id.0);
        let before = place(&rooms);
        let mut more = rooms.clone();
        let room = &mut more[chosen];
        match what {
            0 => room.on_stage.push(MemberId(20)),
            1 => room.listening.push(MemberId(20)),
            2 => room.house = Some(HouseId(1)),
            3 => room.language = "ru".to_owned(),
            _ => room.topics.push("rust".to_owned()),
        }
        prop_assert!(place(&more) <= before, "{:?} fell from {before:?} to {:?}", more[chosen], place(&more));
    }

    /// A room with nobody whom the viewer follows is never above one with such people, whatever else there is.
    #[test]
    fn the_followed_come_before_all_else(rooms in any_rooms()) {
        let viewer = viewer();
        let reasons = rank(&viewer, rooms).into_iter().map(|ranked| {
            ranked.reasons.iter().any(|r| matches!(r, Reason::FollowedOnStage { .. } | Reason::FollowedListening { .. }))
        });
        let reasons: Vec<bool> = reasons.collect();
        prop_assert!(reasons.is_sorted_by(|a, b| a >= b), "{reasons:?}");
    }

    /// Whoever is muted, or not followed, is neither named nor counted, and moves no room.
    #[test]
    fn the_muted_give_no_reason(rooms in any_rooms()) {
        let with = |member: u128| {
            let mut rooms = rooms.clone();
            for room in rooms.iter_mut().step_by(2) {
                room.on_stage.push(MemberId(member));
                room.listening.push(MemberId(member));
            }
            rank(&viewer(), rooms)
        };
        let without = rank(&viewer(), rooms.clone());
        prop_assert_eq!(with(9), without.clone());
        prop_assert_eq!(with(999), without);
    }
}
