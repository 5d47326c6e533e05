//! Invites that members make, the waiting list, the invite tree, and what admins do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{
    AuditEntry, BranchAct, BranchError, Earned, Hash, InviteState, InvitesLeft, MemberInvite, NewInvite, NewMember,
    NewSession, NewWaiting, RedeemError, Store, StoreError, Subscription, WaitError, WaveError,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{World, contract, hash, invite, join, person, redeem, refused, session_hash};

contract!(
    a_quota_holds_however_many_are_made_at_once,
    what_was_not_spent_comes_back,
    the_owner_and_admins_have_no_quota,
    own_invites_are_listed_in_pages,
    a_sponsor_earns_once_for_each_guest,
    handles_that_look_alike_have_one_member,
    a_kept_handle_is_for_whoever_waits,
    a_handle_is_kept_for_a_time,
    waving_in_spends_one_invite,
    who_stops_waiting_gives_the_invite_back,
    a_branch_is_suspended_and_restored,
    the_owner_is_nobodys_to_suspend,
    who_is_just_coming_in_is_suspended_too,
    the_tree_is_read_level_by_level,
    members_are_listed_by_handle,
    there_is_one_owner,
    settings_change_together_and_are_logged,
    an_admin_takes_somebody_off_the_waiting_list,
    who_stops_waiting_and_comes_in_at_once_does_one_of_them,
    nobody_owns_the_server_who_is_suspended,
);

/// Invites that every member has.
const EACH: u32 = 5;

/// An invite of a member's, made at 100 and working until 200.
fn of(sponsor: MemberId, number: u64) -> MemberInvite {
    MemberInvite {
        id: RecordId(number.into()),
        hash: hash(number),
        sponsor,
        note: format!("note {number}"),
        created_at: Timestamp(100),
        expires_at: Timestamp(200),
    }
}

async fn make(store: &Store, invite: &MemberInvite) -> bool {
    store.create_member_invite(invite, EACH).await.unwrap()
}

async fn left(store: &Store, sponsor: MemberId, now: u64) -> Option<u64> {
    store.invites_left(sponsor, EACH, Timestamp(now)).await.unwrap().unwrap().left
}

/// Makes a member of whoever has an invite that a member made; the invite's number is the guest's.
async fn guest(store: &Store, sponsor: MemberId, number: u64) -> MemberId {
    store.create_invite(NewInvite { sponsor: Some(sponsor), ..invite(hash(number)) }).await.unwrap();
    redeem(store, hash(number), number, number, &format!("guest{number}")).await.unwrap().person.id
}

async fn owner(store: &Store) -> MemberId {
    assert!(store.replace_owner_invite(hash(1), Timestamp(0)).await.unwrap());
    redeem(store, hash(1), 0, 1, "ada").await.unwrap().person.id
}

fn entry(id: u128, actor: MemberId) -> AuditEntry {
    AuditEntry { id: RecordId(id), at: Timestamp(id as u64), actor, act: "test", about: None, details: String::new() }
}

fn waiting(number: u64, handle: &str) -> NewWaiting {
    NewWaiting {
        hash: hash(number),
        id: RecordId(number.into()),
        handle: handle.to_owned(),
        skeleton: handle.to_owned(),
        name: handle.to_uppercase(),
        note: "from the choir".to_owned(),
        language: "en".to_owned(),
        created_at: Timestamp(100),
        expires_at: Timestamp(1_000),
    }
}

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

/// Two stores on one database, as two processes would have.
async fn a_quota_holds_however_many_are_made_at_once(world: &World) {
    const CALLERS: u64 = 40;
    let stores = [world.open().await, world.open().await];
    for round in 0..10u64 {
        let sponsor = join(&stores[0], 1 + round, &format!("sponsor{round}")).await;
        let together = Arc::new(Barrier::new(CALLERS as usize));
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let (store, together) = (stores[(caller % 2) as usize].clone(), together.clone());
            callers.spawn(async move {
                let invite = of(sponsor, 1_000 + round * CALLERS + caller);
                together.wait().await;
                make(&store, &invite).await
            });
        }
        let made = callers.join_all().await.into_iter().filter(|made| *made).count();
        assert_eq!(made, EACH as usize, "round {round}");
        assert_eq!(stores[1].invites_of(sponsor, None, Timestamp(100)).await.unwrap().len(), EACH as usize);
        assert_eq!(left(&stores[1], sponsor, 100).await, Some(0));
    }
}

async fn what_was_not_spent_comes_back(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    for number in 10..15 {
        assert!(make(&store, &of(ada, number)).await);
    }
    assert!(!make(&store, &of(ada, 15)).await);
    redeem(&store, hash(10), 150, 10, "ben").await.unwrap();
    assert_eq!(left(&store, ada, 150).await, Some(0));

    let revoke = async |sponsor, id, now| store.revoke_invite(sponsor, RecordId(id), Timestamp(now)).await.unwrap();
    assert!(!revoke(MemberId(10), 11, 150).await, "somebody else's");
    assert!(!revoke(ada, 10, 150).await, "used");
    assert!(!revoke(ada, 404, 150).await);
    assert!(revoke(ada, 11, 150).await);
    assert!(!revoke(ada, 11, 150).await, "twice");
    assert_eq!(store.invite(&hash(11), Timestamp(150)).await.unwrap(), None);
    refused!(redeem(&store, hash(11), 150, 11, "late").await => RedeemError::NotFound);
    assert_eq!(left(&store, ada, 150).await, Some(1));
    // The first millisecond in which the others no longer work.
    assert_eq!(left(&store, ada, 199).await, Some(1));
    assert_eq!(left(&store, ada, 200).await, Some(4));
    assert!(!revoke(ada, 12, 200).await, "expired");
    let again = MemberInvite { created_at: Timestamp(200), expires_at: Timestamp(300), ..of(ada, 20) };
    assert!(make(&store, &again).await);
    // What is used stays spent, whenever.
    assert_eq!(left(&store, ada, 10_000).await, Some(4));

    refused!(store.create_member_invite(&again, EACH).await => StoreError::Conflict(_));
    assert!(!make(&store, &of(MemberId(404), 30)).await);
    assert_eq!(store.invites_left(MemberId(404), EACH, Timestamp(0)).await.unwrap(), None);
}

async fn the_owner_and_admins_have_no_quota(world: &World) {
    let store = world.open().await;
    let ada = owner(&store).await;
    let ben = join(&store, 2, "ben").await;
    for number in 10..20 {
        assert!(make(&store, &of(ada, number)).await);
    }
    assert_eq!(left(&store, ada, 100).await, None);
    assert_eq!(left(&store, ben, 100).await, Some(5));
    assert!(store.set_admin(ben, true, &entry(1, ada)).await.unwrap());
    assert_eq!(left(&store, ben, 100).await, None);
    for number in 20..30 {
        assert!(make(&store, &of(ben, number)).await);
    }
    assert!(store.set_admin(ben, false, &entry(2, ada)).await.unwrap());
    assert_eq!(left(&store, ben, 100).await, Some(0));
    assert!(!make(&store, &of(ben, 40)).await);
}

async fn own_invites_are_listed_in_pages(world: &World) {
    let store = world.open().await;
    let ada = owner(&store).await;
    for number in 1_000..1_205 {
        let invite = MemberInvite { created_at: Timestamp(number / 10), expires_at: Timestamp(900), ..of(ada, number) };
        assert!(make(&store, &invite).await);
    }
    redeem(&store, hash(1_204), 200, 2, "ben").await.unwrap();
    assert!(store.revoke_invite(ada, RecordId(1_203), Timestamp(200)).await.unwrap());
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.invites_of(ada, after, Timestamp(200)).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 100);
        after = Some(last.id);
        seen.extend(page);
    }
    let numbers: Vec<_> = seen.iter().map(|invite| invite.id.0).collect();
    assert_eq!(numbers, (1_000..1_205).rev().collect::<Vec<_>>());
    assert_eq!((seen[0].state, seen[0].guest.clone()), (InviteState::Used, Some(person(2, "ben"))));
    assert_eq!((seen[1].state, seen[1].guest.clone()), (InviteState::Revoked, None));
    assert_eq!((seen[2].state, seen[2].note.as_str()), (InviteState::Open, "note 1202"));
    let later = store.invites_of(ada, None, Timestamp(900)).await.unwrap();
    assert_eq!(later[2].state, InviteState::Expired);
    let shown = store.invite(&hash(1_202), Timestamp(200)).await.unwrap().unwrap();
    assert_eq!((shown.note.as_str(), shown.sponsor_seen, shown.handle), ("note 1202", true, None));
    // Another's list, and a page after somebody else's invite.
    assert_eq!(store.invites_of(MemberId(2), None, Timestamp(0)).await.unwrap(), []);
    assert_eq!(store.invites_of(MemberId(2), Some(RecordId(1_100)), Timestamp(0)).await.unwrap(), []);
}

async fn a_sponsor_earns_once_for_each_guest(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    let (ben, carol) = (guest(&store, ada, 2).await, guest(&store, ada, 3).await);
    let record = async |days: &[(MemberId, u64)]| {
        let mut earned = store.record_days(days, Timestamp(7)).await.unwrap();
        earned.sort_by_key(|earned| earned.guest);
        earned
    };
    let nobody = MemberId(404);
    // Ada has no sponsor, and nobody is nobody.
    assert_eq!(record(&[(ada, 1), (ada, 2), (ada, 3), (nobody, 1), (nobody, 2), (nobody, 3)]).await, []);
    assert_eq!(record(&[(ben, 1), (ben, 1), (ben, 2), (carol, 1)]).await, []);
    assert_eq!(record(&[(ben, 2), (carol, 2)]).await, [], "the same day again");
    let by = |guest| Earned { sponsor: ada, guest };
    assert_eq!(record(&[(ben, 9), (carol, 9)]).await, [by(ben), by(carol)]);
    let earned = InvitesLeft { left: Some(5), earned: 2 };
    assert_eq!(store.invites_left(ada, EACH, Timestamp(0)).await.unwrap(), Some(earned));
    // Only once, and from then on the days are nobody's business.
    assert_eq!(record(&[(ben, 10), (ben, 11), (ben, 12), (ben, 13)]).await, []);
    assert_eq!(store.invites_left(ada, EACH, Timestamp(0)).await.unwrap(), Some(earned));

    // At once, and from two processes.
    let other = world.open().await;
    let dan = guest(&store, ada, 4).await;
    let days = [(dan, 1), (dan, 2), (dan, 3)];
    let mut twice = JoinSet::new();
    for store in [store.clone(), other, store.clone()] {
        twice.spawn(async move { store.record_days(&days, Timestamp(8)).await });
    }
    let earned: Vec<_> = twice.join_all().await.into_iter().flatten().flatten().collect();
    assert_eq!(earned, [by(dan)]);
    assert_eq!(store.invites_left(ada, EACH, Timestamp(0)).await.unwrap().unwrap().earned, 3);
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
    let rest = store.waiting_list(Some(first.last().unwrap().id), Timestamp(100)).await.unwrap();
    let ids: Vec<_> = first.iter().chain(&rest).map(|waiting| waiting.id.0).collect();
    assert_eq!(ids, (1_000..1_150).collect::<Vec<_>>());
}

/// ada (owner) > ben > carol > dan, and ben > eve; frank came by nobody.
async fn family(store: &Store) -> BTreeMap<&'static str, MemberId> {
    let ada = owner(store).await;
    let ben = guest(store, ada, 2).await;
    let carol = guest(store, ben, 3).await;
    let dan = guest(store, carol, 4).await;
    let eve = guest(store, ben, 5).await;
    let frank = join(store, 6, "frank").await;
    [("ada", ada), ("ben", ben), ("carol", carol), ("dan", dan), ("eve", eve), ("frank", frank)].into()
}

fn act(id: u128, member: MemberId, branch: bool, author: MemberId) -> BranchAct {
    BranchAct { id: RecordId(id), member, branch, author, at: Timestamp(id as u64) }
}

async fn suspended(store: &Store) -> BTreeSet<MemberId> {
    store.suspensions(None).await.unwrap().into_iter().map(|suspension| suspension.person.id).collect()
}

async fn a_branch_is_suspended_and_restored(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    let [ada, ben, carol, dan, eve, frank] = ["ada", "ben", "carol", "dan", "eve", "frank"].map(|name| people[name]);
    assert!(make(&store, &of(carol, 20)).await && make(&store, &of(frank, 21)).await);
    let phone = Subscription {
        id: RecordId(1),
        endpoint: "https://push.example/1".to_owned(),
        p256dh: vec![4; 65],
        auth: vec![1; 16],
    };
    store.subscribe(dan, &session_hash(4), &phone, Timestamp(0)).await.unwrap();
    assert_eq!(store.branch_size(ben).await.unwrap(), (4, 0));

    // Eve alone first, then everybody below Ben.
    assert_eq!(store.suspend(&act(1, eve, false, ada), "spam").await.unwrap(), [eve]);
    assert_eq!(store.suspend(&act(1_000, eve, false, ada), "spam").await.unwrap(), [], "twice");
    let out: BTreeSet<_> = store.suspend(&act(2, ben, true, ada), "a ring").await.unwrap().into_iter().collect();
    assert_eq!(out, [ben, carol, dan].into());
    assert_eq!(suspended(&store).await, [ben, carol, dan, eve].into());
    assert_eq!(store.branch_size(ben).await.unwrap(), (4, 4));
    for (number, member, signed_in) in [(1, ada, true), (2, ben, false), (4, dan, false), (6, frank, true)] {
        let session = session_hash(number);
        assert_eq!(store.session(&session).await.unwrap().is_some(), signed_in, "{number}");
        assert_eq!(store.signed_in(&session).await.unwrap().map(|found| found.person.id), signed_in.then_some(member));
    }
    assert_eq!(store.recipient(dan).await.unwrap().map_or(0, |dan| dan.subscriptions.len()), 0);
    assert_eq!(store.invite(&hash(20), Timestamp(150)).await.unwrap(), None);
    assert!(store.invite(&hash(21), Timestamp(150)).await.unwrap().is_some());
    assert!(!make(&store, &of(carol, 22)).await, "who is suspended makes no invite");
    store.wait(&waiting(50, "faina")).await.unwrap();
    refused!(store.wave(carol, "faina", EACH, Timestamp(100), Timestamp(200)).await => WaveError::NoneLeft);
    let list = store.suspensions(None).await.unwrap();
    let of_ben = list.iter().find(|suspension| suspension.person.id == carol).unwrap();
    assert_eq!((of_ben.root.as_deref(), of_ben.author.as_deref()), (Some("guest2"), Some("ada")));
    assert_eq!((of_ben.reason.as_str(), of_ben.at), ("a ring", Timestamp(2)));
    let of_eve = list.iter().find(|suspension| suspension.person.id == eve).unwrap();
    assert_eq!((of_eve.root.as_deref(), of_eve.reason.as_str()), (None, "spam"));
    let rest = store.suspensions(Some(list[0].person.id)).await.unwrap();
    assert_eq!(rest, list[1..]);

    // Dan alone; then the branch, in which Eve was not suspended.
    assert_eq!(store.restore(&act(3, dan, false, ada)).await.unwrap(), [dan]);
    let back: BTreeSet<_> = store.restore(&act(4, ben, true, ada)).await.unwrap().into_iter().collect();
    assert_eq!(back, [ben, carol].into());
    assert_eq!(suspended(&store).await, [eve].into());
    assert_eq!(store.restore(&act(1_001, ben, true, ada)).await.unwrap(), [], "twice");
    assert_eq!(store.invite(&hash(20), Timestamp(150)).await.unwrap(), None, "what was revoked stays so");
    assert_eq!(store.signed_in(&session_hash(2)).await.unwrap(), None);
    assert!(make(&store, &of(carol, 23)).await);

    // Who was suspended alone comes back with the branch that was suspended afterwards.
    store.suspend(&act(5, carol, false, ada), "").await.unwrap();
    assert_eq!(store.suspend(&act(6, carol, true, ada), "").await.unwrap(), [dan]);
    assert_eq!(store.restore(&act(7, carol, true, ada)).await.unwrap().len(), 2);
    // Their root first, and the others after it.
    store.suspend(&act(8, carol, true, ada), "").await.unwrap();
    assert_eq!(store.restore(&act(9, carol, false, ada)).await.unwrap(), [carol]);
    assert_eq!(store.restore(&act(10, carol, true, ada)).await.unwrap(), [dan]);

    let log = store.audit_log(None).await.unwrap();
    let acts: Vec<_> = log.iter().rev().map(|entry| (entry.act.as_str(), entry.details.as_str())).collect();
    assert_eq!(
        acts[..4],
        [
            ("suspend", "branch=false count=1"),
            ("suspend", "branch=true count=3"),
            ("restore", "branch=false count=1"),
            ("restore", "branch=true count=2"),
        ]
    );
    assert_eq!(acts.len(), 10, "what changed nothing is not there: {acts:?}");
    assert_eq!((log[9].actor.clone(), log[9].about.clone().map(|about| about.id)), (Some(person(1, "ada")), Some(eve)));
}

async fn the_owner_is_nobodys_to_suspend(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    let [ada, ben, carol, dan, eve, frank] = ["ada", "ben", "carol", "dan", "eve", "frank"].map(|name| people[name]);
    for (id, admin) in [(1, dan), (2, frank)] {
        assert!(store.set_admin(admin, true, &entry(id, ada)).await.unwrap());
    }
    refused!(store.suspend(&act(10, ada, false, ada), "").await => BranchError::Protected);
    refused!(store.suspend(&act(11, ada, true, frank), "").await => BranchError::Protected);
    refused!(store.suspend(&act(12, dan, false, frank), "").await => BranchError::Protected);
    refused!(store.suspend(&act(13, frank, false, frank), "").await => BranchError::Protected);
    // An admin is somewhere below.
    refused!(store.suspend(&act(14, ben, true, frank), "").await => BranchError::Protected);
    // Who is no admin does nothing.
    refused!(store.suspend(&act(15, eve, false, carol), "").await => BranchError::Protected);
    assert_eq!(suspended(&store).await, [].into());
    assert!(store.session(&session_hash(2)).await.unwrap().is_some());
    assert_eq!(store.suspend(&act(16, eve, false, frank), "").await.unwrap(), [eve]);
    assert_eq!(store.suspend(&act(17, ben, true, ada), "").await.unwrap().len(), 3);
    refused!(store.restore(&act(18, ben, true, frank)).await => BranchError::Protected);
    refused!(store.restore(&act(19, dan, false, frank)).await => BranchError::Protected);
    assert_eq!(suspended(&store).await, [ben, carol, dan, eve].into());
    // A suspended admin is none.
    refused!(store.suspend(&act(20, frank, false, dan), "").await => BranchError::Protected);
    // Nobody who is suspended becomes an admin, and an admin who is may stop being one.
    assert!(!store.set_admin(eve, true, &entry(40, ada)).await.unwrap());
    assert!(store.set_admin(dan, false, &entry(41, ada)).await.unwrap());
    assert!(!store.set_admin(dan, true, &entry(42, ada)).await.unwrap());
    assert_eq!(store.restore(&act(21, ben, true, ada)).await.unwrap().len(), 3);
    assert_eq!(store.restore(&act(22, eve, false, frank)).await.unwrap(), [eve]);

    // The owner is in nobody's branch, and with the owner whoever is below.
    assert!(store.hand_over(carol, &entry(30, ada)).await.unwrap());
    assert_eq!(store.branch_size(ben).await.unwrap(), (2, 0));
    let out: BTreeSet<_> = store.suspend(&act(31, ben, true, carol), "").await.unwrap().into_iter().collect();
    assert_eq!(out, [ben, eve].into());
}

/// While a branch is suspended, its members' guests come in, and make invites, and their guests come in. Whoever made it
/// is suspended, and whoever did not has no invite left.
async fn who_is_just_coming_in_is_suspended_too(world: &World) {
    const GUESTS: u64 = 24;
    let stores = [world.open().await, world.open().await];
    let ada = owner(&stores[0]).await;
    for round in 1..=6u64 {
        let number = move |of: u64| round * 10_000 + of;
        let root = guest(&stores[0], ada, number(0)).await;
        for guest in 1..=GUESTS {
            let invite = NewInvite { sponsor: Some(root), ..invite(hash(number(guest))) };
            stores[0].create_invite(invite).await.unwrap();
        }
        let together = Arc::new(Barrier::new(GUESTS as usize + 1));
        let mut coming = JoinSet::new();
        for guest in 1..=GUESTS {
            let (store, together) = (stores[(guest % 2) as usize].clone(), together.clone());
            coming.spawn(async move {
                together.wait().await;
                let (id, below) = (number(guest), number(1_000 + guest));
                let came = redeem(&store, hash(id), 1, id, &format!("guest{id}")).await?;
                if make(&store, &of(came.person.id, below)).await {
                    redeem(&store, hash(below), 150, below, &format!("guest{below}")).await?;
                }
                Ok::<_, RedeemError>(())
            });
        }
        together.wait().await;
        let act = act(round.into(), root, true, ada);
        let out = stores[1].suspend(&act, "").await.unwrap();
        for came in coming.join_all().await {
            assert!(matches!(came, Ok(()) | Err(RedeemError::NotFound)), "{came:?}");
        }
        let (members, suspended) = stores[0].branch_size(root).await.unwrap();
        assert_eq!((members, suspended), (out.len() as u64, out.len() as u64), "round {round}");
        for guest in (1..=GUESTS).chain(1_000..=1_000 + GUESTS) {
            let session = session_hash(number(guest));
            assert_eq!(stores[0].signed_in(&session).await.unwrap(), None, "round {round}, guest {guest}");
            assert_eq!(stores[0].invite(&hash(number(guest)), Timestamp(150)).await.unwrap(), None);
        }
    }
}

async fn the_tree_is_read_level_by_level(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    let ids = |nodes: &[roomtone_store::TreeNode]| nodes.iter().map(|node| node.id.0).collect::<Vec<_>>();
    let (tree, truncated) = store.tree(None, 100).await.unwrap();
    // ada and frank; ben; carol and eve; dan.
    assert_eq!((ids(&tree), truncated), (vec![1, 6, 2, 3, 5, 4], false));
    let shape: Vec<_> = tree.iter().map(|node| (node.sponsor.map(|sponsor| sponsor.0), node.guests)).collect();
    assert_eq!(shape, [(None, 1), (None, 0), (Some(1), 2), (Some(2), 1), (Some(2), 0), (Some(3), 0)]);
    assert_eq!((tree[2].handle.as_str(), tree[2].name.as_str()), ("guest2", "GUEST2"));
    for limit in 1..=6 {
        let (part, truncated) = store.tree(None, limit).await.unwrap();
        assert_eq!((ids(&part), truncated), (ids(&tree[..limit]), limit < 6), "{limit}");
    }
    let (below, truncated) = store.tree(Some(people["ben"]), 100).await.unwrap();
    assert_eq!((ids(&below), truncated), (vec![2, 3, 5, 4], false));
    assert_eq!(store.tree(Some(MemberId(404)), 100).await.unwrap(), (vec![], false));
    store.suspend(&act(1, people["carol"], true, people["ada"]), "").await.unwrap();
    let (tree, _) = store.tree(None, 100).await.unwrap();
    let suspended: Vec<_> = tree.iter().filter(|node| node.suspended).map(|node| node.id.0).collect();
    assert_eq!(suspended, [3, 4]);
    // More guests than go into one statement.
    let frank = people["frank"];
    let invites: Vec<_> = (10_000..10_700).map(|n| NewInvite { sponsor: Some(frank), ..invite(hash(n)) }).collect();
    store.create_invites(&invites).await.unwrap();
    let mut guests = JoinSet::new();
    for number in 10_000..10_700 {
        let store = store.clone();
        guests.spawn(async move { redeem(&store, hash(number), number, number, &format!("guest{number}")).await });
    }
    assert!(guests.join_all().await.iter().all(Result::is_ok));
    let (tree, truncated) = store.tree(Some(frank), 2_000).await.unwrap();
    assert_eq!((tree.len(), tree[0].guests, truncated), (701, 700, false));
    assert_eq!(ids(&tree[1..]), (10_000..10_700).collect::<Vec<_>>());
    assert_eq!(store.tree(Some(frank), 600).await.unwrap().0, tree[..600]);
}

async fn members_are_listed_by_handle(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    for number in 100..260 {
        guest(&store, people["frank"], number).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = store.admin_members(&after, "").await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 100);
        after = last.person.handle.clone();
        seen.extend(page);
    }
    assert_eq!(seen.len(), 166);
    assert!(seen.is_sorted_by(|one, other| one.person.handle < other.person.handle));
    let found = |name: &str| seen.iter().find(|member| member.person.id == people[name]).unwrap();
    assert!(found("ada").owner && !found("ada").admin && !found("frank").owner);
    assert_eq!((found("frank").guests, found("ben").guests), (160, 2));
    assert_eq!(found("ben").sponsor, Some(person(1, "ada")));
    assert_eq!(store.admin_member(people["ben"]).await.unwrap().as_ref(), Some(found("ben")));
    let handles = async |prefix: &str| {
        let page = store.admin_members("", prefix).await.unwrap();
        page.into_iter().map(|member| member.person.handle).collect::<Vec<_>>()
    };
    assert_eq!(handles("guest10").await.len(), 10);
    assert_eq!(handles("fr").await, ["frank"]);
    assert_eq!(handles("guest25").await.len(), 10);
    for nothing in ["%", "_", "\\", "'"] {
        assert_eq!(handles(nothing).await, [""; 0], "{nothing}");
    }
    // Names, in capitals here: the middle of one, however it is typed, and in other letters.
    for typed in ["ran", "RAN", "Ran"] {
        assert_eq!(handles(typed).await, ["frank"], "{typed}");
    }
    store.create_invite(invite(hash(900))).await.unwrap();
    let member = NewMember {
        id: MemberId(900),
        handle: "faina".to_owned(),
        skeleton: "faina".to_owned(),
        name: "100% Фаина_Р".to_owned(),
        language: "ru".to_owned(),
    };
    let session = NewSession { hash: session_hash(900), label: "browser".to_owned() };
    store.redeem(&hash(900), Timestamp(0), member, session).await.unwrap();
    for typed in ["фаина", "Фаина", "0% Ф", "а_", "fai"] {
        assert_eq!(handles(typed).await, ["faina"], "{typed}");
    }
}

async fn there_is_one_owner(world: &World) {
    let stores = [world.open().await, world.open().await];
    let store = &stores[0];
    let people = family(store).await;
    let [ada, ben, carol, frank] = ["ada", "ben", "carol", "frank"].map(|name| people[name]);
    assert!(!store.set_admin(ben, true, &entry(1, frank)).await.unwrap(), "not by a member");
    assert!(!store.set_admin(ada, true, &entry(2, ada)).await.unwrap(), "not the owner");
    assert!(store.set_admin(ben, true, &entry(3, ada)).await.unwrap());
    assert!(!store.set_admin(ben, true, &entry(4, ada)).await.unwrap(), "twice");
    assert!(!store.set_admin(carol, true, &entry(5, ben)).await.unwrap(), "not by an admin");
    assert!(!store.hand_over(ben, &entry(6, ben)).await.unwrap());
    assert!(!store.hand_over(ada, &entry(7, ada)).await.unwrap());
    assert!(!store.hand_over(MemberId(404), &entry(8, ada)).await.unwrap());
    store.suspend(&act(9, people["eve"], false, ada), "").await.unwrap();
    assert!(!store.hand_over(people["eve"], &entry(10, ada)).await.unwrap(), "nobody who is suspended");
    assert!(store.admin_member(ada).await.unwrap().unwrap().owner);

    let mut heirs = JoinSet::new();
    for (turn, &heir) in [ben, carol, frank].iter().enumerate() {
        let store = stores[turn % 2].clone();
        heirs.spawn(async move { store.hand_over(heir, &entry(20 + turn as u128, ada)).await.unwrap() });
    }
    assert_eq!(heirs.join_all().await.iter().filter(|handed| **handed).count(), 1);
    let members = store.admin_members("", "").await.unwrap();
    assert_eq!(members.iter().filter(|member| member.owner).count(), 1);
    let former = members.iter().find(|member| member.person.id == ada).unwrap();
    assert!(former.admin && !former.owner);
    let log = store.audit_log(None).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.id.0).filter(|id| *id < 20).collect::<Vec<_>>(), [9, 3]);
}

async fn settings_change_together_and_are_logged(world: &World) {
    let store = world.open().await;
    let ada = owner(&store).await;
    let before = store.sizes().await.unwrap();
    assert_eq!((before.members, before.sessions), (1, 1));
    assert!(before.database > 10_000, "{before:?}");
    assert_eq!(before.postgres, matches!(world, World::Address(_)));
    let set = |key, value: &str| (key, Some(value.to_owned()));
    store.change_settings(&[set("a", "1"), set("b", "2")], &entry(1, ada)).await.unwrap();
    store.change_settings(&[set("a", "3"), ("b", None), ("c", None)], &entry(2, ada)).await.unwrap();
    let settings = store.settings().await.unwrap();
    assert_eq!(settings.get("a").map(String::as_str), Some("3"));
    assert_eq!((settings.get("b"), settings.get("c")), (None, None));
    // All or nothing: the log has this entry already.
    refused!(store.change_settings(&[set("a", "4")], &entry(2, ada)).await => StoreError::Conflict(_));
    assert_eq!(store.setting("a").await.unwrap().as_deref(), Some("3"));
    for id in 3..150 {
        store.audit(&entry(id, ada)).await.unwrap();
    }
    let first = store.audit_log(None).await.unwrap();
    let rest = store.audit_log(Some(first.last().unwrap().id)).await.unwrap();
    let ids: Vec<_> = first.iter().chain(&rest).map(|entry| entry.id.0).collect();
    assert_eq!(ids, (1..150).rev().collect::<Vec<_>>());
    assert_eq!(first[0].about, None);
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

async fn nobody_owns_the_server_who_is_suspended(world: &World) {
    let stores = [world.open().await, world.open().await];
    let mut owner = owner(&stores[0]).await;
    for number in 2..30 {
        let heir = join(&stores[0], number, &format!("heir{number}")).await;
        let (store, author) = (stores[1].clone(), owner);
        let handed = tokio::spawn(async move { store.hand_over(heir, &entry(number.into(), author)).await });
        // Refused, too late, or in time: but never both.
        let suspended = stores[0].suspend(&act(1_000 + u128::from(number), heir, false, owner), "").await;
        let suspended = matches!(suspended.as_deref(), Ok([_]));
        let handed = matches!(handed.await.unwrap(), Ok(true));
        assert!(!(handed && suspended), "{number}");
        if handed {
            owner = heir;
        }
        assert!(stores[0].admin_member(owner).await.unwrap().unwrap().owner);
    }
}
