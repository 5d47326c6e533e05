//! What the hallway and the rooms ask about a member.

use std::collections::HashSet;

use roomtone_room::ids::{HouseId, MemberId, Timestamp};
use roomtone_store::{HouseText, NewHouse, ProfileChange, Standing, Store};

use crate::support::{World, act, join, person};

crate::contract!(
    the_hallway_knows_what_it_depends_on,
    a_block_counts_for_both_and_hiding_for_one,
    those_who_follow_somebody_are_found_among_many,
    a_room_shows_its_house,
    of_many_it_is_known_who_is_in_a_house,
);

const NOW: Timestamp = Timestamp(10);

async fn house(store: &Store, id: u128, by: MemberId, private: bool, nominated: bool) {
    let handle = format!("house{id}");
    let text = HouseText {
        name: format!("House {id}"),
        about: String::new(),
        rules: "Be kind.".to_owned(),
        language: "en".to_owned(),
        private,
        nominated,
    };
    let new = NewHouse { id: HouseId(id), skeleton: handle.clone(), handle, text };
    store.create_house(&new, by, NOW).await.unwrap();
}

fn set<T: Copy + Eq + std::hash::Hash>(items: &[T]) -> HashSet<T> {
    items.iter().copied().collect()
}

async fn the_hallway_knows_what_it_depends_on(world: &World) {
    let store = world.open().await;
    let mut members = Vec::new();
    for (id, handle) in ["ada", "ben", "eve", "joe", "kim"].iter().enumerate() {
        members.push(join(&store, id as u64 + 1, handle).await);
    }
    let [ada, ben, eve, joe, kim] = members[..] else { unreachable!("five joined") };
    let bare = store.hallway_facts(ada).await.unwrap().unwrap();
    assert_eq!((bare.person, bare.language.as_str()), (person(1, "ada"), "en"));
    assert!(bare.followed.is_empty() && bare.muted.is_empty() && bare.blocked.is_empty() && bare.houses.is_empty());
    assert!(!bare.online_hidden && bare.languages.is_empty() && bare.topics.is_empty());

    for whom in [ben, eve] {
        store.follow(ada, whom, None, NOW).await.unwrap();
    }
    store.follow(kim, ada, None, NOW).await.unwrap();
    store.mute(ada, eve, NOW).await.unwrap();
    store.block(ada, joe, NOW).await.unwrap();
    store.block(kim, ada, NOW).await.unwrap();
    house(&store, 7, ada, false, false).await;
    house(&store, 8, ben, false, false).await;
    house(&store, 9, ben, false, false).await;
    store.follow_house(HouseId(8), ada, NOW).await.unwrap();
    store.join_house(HouseId(9), ada, NOW).await.unwrap();
    store.ban_from_house(HouseId(9), ada, &act(ben)).await.unwrap();
    let change = ProfileChange {
        topics: Some(vec!["gardens".to_owned(), "old maps".to_owned()]),
        languages: Some(vec!["ru".to_owned(), "fi".to_owned()]),
        online_hidden: Some(true),
        ..ProfileChange::default()
    };
    store.change_profile(ada, change, NOW).await.unwrap();

    let facts = store.hallway_facts(ada).await.unwrap().unwrap();
    assert_eq!(facts.followed, set(&[ben, eve]));
    assert_eq!(facts.muted, set(&[eve]));
    assert_eq!(facts.blocked, set(&[joe, kim]), "in either direction");
    assert_eq!(facts.houses, set(&[HouseId(7)]), "following a house does not make a member");
    assert_eq!(facts.banned_from, set(&[HouseId(9)]));
    assert_eq!(facts.topics.lines().collect::<Vec<_>>(), ["gardens", "old maps"]);
    assert_eq!(facts.languages.lines().collect::<Vec<_>>(), ["ru", "fi"]);
    assert!(facts.online_hidden);
    assert_eq!(store.hallway_facts(MemberId(404)).await.unwrap(), None);
}

async fn a_block_counts_for_both_and_hiding_for_one(world: &World) {
    let store = world.open().await;
    let (ada, ben, eve) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await);
    assert_eq!(store.standing(ada).await.unwrap(), Standing::default());
    assert_eq!(store.standing(MemberId(404)).await.unwrap(), Standing::default());
    store.block(ada, ben, NOW).await.unwrap();
    let hide = ProfileChange { online_hidden: Some(true), ..ProfileChange::default() };
    store.change_profile(ben, hide, NOW).await.unwrap();
    assert_eq!(store.standing(ada).await.unwrap(), Standing { blocked: set(&[ben]), online_hidden: false });
    assert_eq!(store.standing(ben).await.unwrap(), Standing { blocked: set(&[ada]), online_hidden: true });

    // More than one statement takes, with those asked about among strangers.
    let mut asked: Vec<MemberId> = (1_000..2_200).map(MemberId).collect();
    asked.extend([ada, ben, eve]);
    let found = store.standings(&asked).await.unwrap();
    assert_eq!(found.keys().copied().collect::<HashSet<_>>(), set(&[ada, ben]), "who has nothing is left out");
    assert_eq!(found[&ben], store.standing(ben).await.unwrap());
    store.unblock(ada, ben).await.unwrap();
    assert_eq!(store.standing(ada).await.unwrap(), Standing::default());
}

async fn those_who_follow_somebody_are_found_among_many(world: &World) {
    let store = world.open().await;
    let (ada, ben, eve) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await);
    store.follow(ben, ada, None, NOW).await.unwrap();
    store.follow(ada, eve, None, NOW).await.unwrap();
    let mut asked: Vec<MemberId> = (1_000..1_700).map(MemberId).collect();
    asked.extend([ben, eve]);
    assert_eq!(store.followers_among(ada, &asked).await.unwrap(), set(&[ben]));
    assert_eq!(store.followers_among(ada, &[]).await.unwrap(), set(&[]));
}

async fn a_room_shows_its_house(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    for (id, private, nominated) in [(1, false, false), (2, false, true), (3, true, true)] {
        house(&store, id, ada, private, nominated).await;
        let shown = store.room_house(HouseId(id)).await.unwrap().unwrap();
        assert_eq!((shown.handle.as_str(), shown.name.as_str()), (&*format!("house{id}"), &*format!("House {id}")));
        assert_eq!(shown.open, id == 1, "only where everybody may join");
        assert_eq!(store.room_house_by_handle(&shown.handle).await.unwrap(), Some(shown));
    }
    assert_eq!(store.room_house(HouseId(404)).await.unwrap(), None);
    assert_eq!(store.room_house_by_handle("House1").await.unwrap(), None);
}

async fn of_many_it_is_known_who_is_in_a_house(world: &World) {
    let store = world.open().await;
    let mut members = Vec::new();
    for (id, handle) in ["ada", "ben", "eve", "joe"].iter().enumerate() {
        members.push(join(&store, id as u64 + 1, handle).await);
    }
    let [ada, ben, eve, joe] = members[..] else { unreachable!("four joined") };
    for id in [1, 2] {
        house(&store, id, ada, false, false).await;
    }
    store.join_house(HouseId(1), ben, NOW).await.unwrap();
    store.follow_house(HouseId(1), joe, NOW).await.unwrap();
    store.ban_from_house(HouseId(1), eve, &act(ada)).await.unwrap();
    let mut asked: Vec<_> = (1_000..2_200).map(MemberId).collect();
    asked.extend([ben, eve, joe]);
    assert_eq!(store.house_standings(HouseId(1), &asked).await.unwrap(), (set(&[ben]), set(&[eve])));
    assert_eq!(store.house_standings(HouseId(2), &[ada, ben]).await.unwrap(), (set(&[ada]), set(&[])));
    assert_eq!(store.house_standings(HouseId(9), &asked).await.unwrap(), (set(&[]), set(&[])));
}
