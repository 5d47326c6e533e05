//! Handles that look alike, and the waiting list, which keeps them.

use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{Hash, InviteState, NewMember, NewSession, NewWaiting, RedeemError, Store, WaitError, WaveError};
use tokio::task::JoinSet;

use crate::invites::{EACH, entry, left, make, of, owner, waiting};
use crate::support::{World, contract, hash, invite, join, person, redeem, refused, session_hash};

contract!(
    handles_that_look_alike_have_one_member,
    a_kept_handle_is_for_whoever_waits,
    a_handle_is_kept_for_a_time,
    waving_in_spends_one_invite,
    who_stops_waiting_gives_the_invite_back,
    an_admin_takes_somebody_off_the_waiting_list,
    who_stops_waiting_and_comes_in_at_once_does_one_of_them,
);

/// Redeems with a handle that looks like another one.
async fn redeem_like(
    store: &Store,
    code: Hash,
    now: u64,
    id: u64,
    handle: &str,
    skeleton: &str,
) -> Result<MemberId, RedeemError> {
    let member = NewMember {
        id: MemberId(id.into()),
        handle: handle.to_owned(),
        skeleton: skeleton.to_owned(),
        name: handle.to_uppercase(),
        language: "en".to_owned(),
    };
    let session = NewSession { hash: session_hash(id), label: "browser".to_owned() };
    store.redeem(&code, Timestamp(now), member, session).await.map(|redeemed| redeemed.member.person.id)
}

async fn handles_that_look_alike_have_one_member(world: &World) {
    let store = world.open().await;
    join(&store, 1, "maria").await;
    for number in 2..60 {
        store.create_invite(invite(hash(number))).await.unwrap();
    }
    refused!(redeem_like(&store, hash(2), 0, 2, "marla", "maria").await => RedeemError::HandleTaken);
    // In one turn, with others who want nothing of the kind: one of them gets it.
    let mut crowd = JoinSet::new();
    for id in 2..60u64 {
        let store = store.clone();
        crowd.spawn(async move {
            let (handle, skeleton) = (format!("h{id}"), if id % 2 == 0 { "same".into() } else { format!("s{id}") });
            (id, redeem_like(&store, hash(id), 0, id, &handle, &skeleton).await)
        });
    }
    let (mut alike, mut others) = (0, 0);
    for (id, outcome) in crowd.join_all().await {
        match outcome {
            Ok(_) if id % 2 == 0 => alike += 1,
            Ok(_) => others += 1,
            Err(error) => assert!(id % 2 == 0 && matches!(error, RedeemError::HandleTaken), "{id}: {error}"),
        }
    }
    assert_eq!((alike, others), (1, 29));
    // A member from before looks were compared: the handle itself is taken, and its look stays free.
    store.create_invite(invite(hash(100))).await.unwrap();
    refused!(redeem_like(&store, hash(100), 0, 100, "maria", "look").await => RedeemError::HandleTaken);
    redeem_like(&store, hash(100), 0, 100, "other", "look").await.unwrap();
}

async fn a_kept_handle_is_for_whoever_waits(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    store.wait(&waiting(50, "faina")).await.unwrap();
    refused!(store.wait(&waiting(51, "faina")).await => WaitError::HandleTaken);
    refused!(store.wait(&waiting(51, "ada")).await => WaitError::HandleTaken);
    let found = store.waiting(&hash(50), Timestamp(100)).await.unwrap().unwrap();
    assert_eq!((found.handle.as_str(), found.name.as_str(), found.invited), ("faina", "FAINA", false));
    assert_eq!(store.waiting_by_handle("faina", Timestamp(100)).await.unwrap(), Some(found));
    assert_eq!(store.waiting(&hash(51), Timestamp(100)).await.unwrap(), None);
    // The secret is no invite until somebody waves.
    assert_eq!(store.invite(&hash(50), Timestamp(100)).await.unwrap(), None);
    refused!(redeem(&store, hash(50), 100, 50, "faina").await => RedeemError::NotFound);

    // Somebody else, with an invite of their own, and at the same time the one for whom it is kept.
    store.wave(ada, "faina", EACH, Timestamp(100), Timestamp(500)).await.unwrap();
    store.create_invite(invite(hash(2))).await.unwrap();
    assert_eq!(store.invite(&hash(50), Timestamp(100)).await.unwrap().unwrap().handle.as_deref(), Some("faina"));
    let (thief, faina) = tokio::join!(
        redeem(&store, hash(2), 100, 2, "faina"),
        redeem_like(&store, hash(50), 100, 50, "faina", "faina")
    );
    refused!(thief => RedeemError::HandleTaken);
    let faina = faina.unwrap();
    assert_eq!(store.member(faina).await.unwrap().unwrap().sponsor, Some(person(1, "ada")));
    assert_eq!(store.waiting(&hash(50), Timestamp(100)).await.unwrap(), None);
    let invites = store.invites_of(ada, None, Timestamp(100)).await.unwrap();
    assert_eq!((invites[0].state, invites[0].guest.as_ref().map(|guest| guest.id)), (InviteState::Used, Some(faina)));

    // Who chooses another handle in the end leaves the kept one free.
    store.wait(&waiting(60, "grace")).await.unwrap();
    store.wave(ada, "grace", EACH, Timestamp(100), Timestamp(500)).await.unwrap();
    redeem_like(&store, hash(60), 100, 60, "gracia", "gracia").await.unwrap();
    assert_eq!(store.waiting_by_handle("grace", Timestamp(100)).await.unwrap(), None);
    redeem(&store, hash(2), 100, 2, "grace").await.unwrap();
}

async fn a_handle_is_kept_for_a_time(world: &World) {
    let store = world.open().await;
    for number in 1..4 {
        store.create_invite(invite(hash(number))).await.unwrap();
    }
    for (number, handle) in [(50, "faina"), (51, "grace"), (52, "helen")] {
        store.wait(&waiting(number, handle)).await.unwrap();
    }
    refused!(redeem(&store, hash(1), 999, 1, "faina").await => RedeemError::HandleTaken);
    // The first millisecond after: for a member, for somebody else who waits, and for nobody.
    redeem(&store, hash(1), 1_000, 1, "faina").await.unwrap();
    let again =
        |number| NewWaiting { created_at: Timestamp(1_000), expires_at: Timestamp(2_000), ..waiting(number, "grace") };
    store.wait(&again(61)).await.unwrap();
    assert_eq!(store.waiting(&hash(51), Timestamp(0)).await.unwrap(), None);
    assert_eq!(store.waiting(&hash(52), Timestamp(1_000)).await.unwrap(), None);
    assert_eq!(store.waiting(&hash(61), Timestamp(1_999)).await.unwrap().unwrap().handle, "grace");
    assert_eq!(store.forget_waiting(Timestamp(1_000)).await.unwrap(), 2);
    assert_eq!(store.forget_waiting(Timestamp(1_000)).await.unwrap(), 0);
    // Nothing of those is left, and what goes on stays.
    for (number, there) in [(50, false), (51, false), (52, false), (61, true)] {
        assert_eq!(store.waiting(&hash(number), Timestamp(0)).await.unwrap().is_some(), there, "{number}");
    }
    assert!(store.member_by_handle("faina").await.unwrap().is_some());
    refused!(redeem(&store, hash(2), 1_500, 2, "grace").await => RedeemError::HandleTaken);
    redeem(&store, hash(2), 1_500, 2, "helen").await.unwrap();
    refused!(store.wait(&waiting(70, "faina")).await => WaitError::HandleTaken);
}

async fn waving_in_spends_one_invite(world: &World) {
    let stores = [world.open().await, world.open().await];
    let store = &stores[0];
    let people = [join(store, 1, "ada").await, join(store, 2, "ben").await, join(store, 3, "carol").await];
    for number in 0..10u64 {
        let handle = format!("waiting{number}");
        store.wait(&waiting(100 + number, &handle)).await.unwrap();
        let before: u64 = total_left(store, &people).await;
        let mut wavers = JoinSet::new();
        for (turn, &sponsor) in people.iter().enumerate().chain(people.iter().enumerate()) {
            let (store, handle) = (stores[turn % 2].clone(), handle.clone());
            wavers.spawn(async move { store.wave(sponsor, &handle, EACH, Timestamp(100), Timestamp(5_000)).await });
        }
        let outcomes = wavers.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert_eq!(total_left(store, &people).await, before - 1);
        // The handle is kept for as long as the invite works.
        let found = store.waiting(&hash(100 + number), Timestamp(4_999)).await.unwrap().unwrap();
        assert!(found.invited);
        assert_eq!(found.expires_at, Timestamp(5_000));
    }
    let wave = async |sponsor, handle: &str| store.wave(sponsor, handle, EACH, Timestamp(100), Timestamp(5_000)).await;
    refused!(wave(people[0], "nobody").await => WaveError::NotFound);
    refused!(wave(people[0], "waiting0").await => WaveError::Invited);
    // Taken back by whoever waved: somebody else may.
    let (ada, mine) = (people[0], join(store, 4, "dan").await);
    store.wait(&waiting(300, "helen")).await.unwrap();
    wave(mine, "helen").await.unwrap();
    let listed = store.invites_of(mine, None, Timestamp(100)).await.unwrap();
    assert_eq!((listed[0].waiting.as_deref(), listed[0].state), (Some("helen"), InviteState::Open));
    assert!(store.revoke_invite(mine, listed[0].id, Timestamp(100)).await.unwrap());
    assert!(!store.waiting(&hash(300), Timestamp(100)).await.unwrap().unwrap().invited);
    refused!(redeem(store, hash(300), 100, 300, "helen").await => RedeemError::NotFound);
    assert_eq!(left(store, mine, 100).await, Some(5));
    wave(mine, "helen").await.unwrap();
    redeem(store, hash(300), 100, 300, "helen").await.unwrap();
    // And nobody who has none left.
    while left(store, ada, 100).await != Some(0) {
        assert!(make(store, &of(ada, 400 + left(store, ada, 100).await.unwrap())).await);
    }
    store.wait(&waiting(500, "irene")).await.unwrap();
    refused!(wave(ada, "irene").await => WaveError::NoneLeft);
    assert!(!store.waiting(&hash(500), Timestamp(100)).await.unwrap().unwrap().invited);
}

async fn total_left(store: &Store, people: &[MemberId]) -> u64 {
    let mut total = 0;
    for &member in people {
        total += left(store, member, 100).await.unwrap();
    }
    total
}

async fn who_stops_waiting_gives_the_invite_back(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    store.wait(&waiting(50, "faina")).await.unwrap();
    store.wave(ada, "faina", EACH, Timestamp(100), Timestamp(500)).await.unwrap();
    assert_eq!(left(&store, ada, 100).await, Some(4));
    assert!(store.stop_waiting(&hash(50), Timestamp(100)).await.unwrap());
    assert!(!store.stop_waiting(&hash(50), Timestamp(100)).await.unwrap());
    assert_eq!(left(&store, ada, 100).await, Some(5));
    assert_eq!(store.waiting(&hash(50), Timestamp(100)).await.unwrap(), None);
    refused!(redeem(&store, hash(50), 100, 50, "faina").await => RedeemError::NotFound);
    // The handle is free; and who has come in by now waits no more.
    store.wait(&waiting(51, "faina")).await.unwrap();
    store.wave(ada, "faina", EACH, Timestamp(100), Timestamp(500)).await.unwrap();
    redeem(&store, hash(51), 100, 51, "faina").await.unwrap();
    assert!(!store.stop_waiting(&hash(51), Timestamp(100)).await.unwrap());
    assert!(store.member_by_handle("faina").await.unwrap().is_some());
    let list = store.waiting_list(None, Timestamp(100)).await.unwrap();
    assert_eq!(list, []);
    for number in 1_000..1_150 {
        store.wait(&waiting(number, &format!("w{number}"))).await.unwrap();
    }
    let first = store.waiting_list(None, Timestamp(100)).await.unwrap();
    let place = first.last().map(|last| (last.created_at, last.id));
    let rest = store.waiting_list(place, Timestamp(100)).await.unwrap();
    let ids: Vec<_> = first.iter().chain(&rest).map(|waiting| waiting.id.0).collect();
    assert_eq!(ids, (1_000..1_150).collect::<Vec<_>>());
}

async fn an_admin_takes_somebody_off_the_waiting_list(world: &World) {
    let store = world.open().await;
    let ada = owner(&store).await;
    let ben = join(&store, 2, "ben").await;
    store.wait(&waiting(50, "faina")).await.unwrap();
    store.wave(ben, "faina", EACH, Timestamp(100), Timestamp(500)).await.unwrap();
    assert!(!store.remove_waiting(RecordId(404), &entry(100, ada)).await.unwrap());
    assert!(store.remove_waiting(RecordId(50), &entry(101, ada)).await.unwrap());
    assert!(!store.remove_waiting(RecordId(50), &entry(102, ada)).await.unwrap());
    assert_eq!(store.waiting(&hash(50), Timestamp(100)).await.unwrap(), None);
    assert_eq!(left(&store, ben, 101).await, Some(5), "the invite is back");
    refused!(redeem(&store, hash(50), 101, 50, "faina").await => RedeemError::NotFound);
    store.wait(&waiting(51, "faina")).await.unwrap();
    let log = store.audit_log(None).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.id.0).collect::<Vec<_>>(), [101]);
}

async fn who_stops_waiting_and_comes_in_at_once_does_one_of_them(world: &World) {
    let store = world.open().await;
    let ada = owner(&store).await;
    for number in 50..80 {
        let handle = format!("w{number}");
        store.wait(&waiting(number, &handle)).await.unwrap();
        store.wave(ada, &handle, EACH, Timestamp(100), Timestamp(500)).await.unwrap();
        let (code, stopping) = (hash(number), store.clone());
        let stopped = tokio::spawn(async move { stopping.stop_waiting(&code, Timestamp(100)).await.unwrap() });
        let came = match redeem(&store, code, 100, number, &handle).await {
            Ok(_) => true,
            Err(RedeemError::NotFound) => false,
            Err(other) => panic!("{other}"),
        };
        assert_ne!(stopped.await.unwrap(), came, "{number}");
        assert_eq!(store.waiting(&code, Timestamp(100)).await.unwrap(), None);
    }
}
