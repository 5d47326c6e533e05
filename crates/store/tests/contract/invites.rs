//! Invites that members make. What they share with the waiting list and the administration is here too.

use std::sync::Arc;

use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{
    AuditEntry, Earned, InviteState, InvitesLeft, MemberInvite, NewInvite, NewWaiting, RedeemError, Store, StoreError,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{World, contract, hash, invite, join, person, redeem, refused};

contract!(
    a_quota_holds_however_many_are_made_at_once,
    what_was_not_spent_comes_back,
    the_owner_and_admins_have_no_quota,
    own_invites_are_listed_in_pages,
    a_sponsor_earns_once_for_each_guest,
);

/// Invites that every member has.
pub(crate) const EACH: u32 = 5;

/// An invite of a member's, made at 100 and working until 200.
pub(crate) fn of(sponsor: MemberId, number: u64) -> MemberInvite {
    MemberInvite {
        id: RecordId(number.into()),
        hash: hash(number),
        sponsor,
        note: format!("note {number}"),
        created_at: Timestamp(100),
        expires_at: Timestamp(200),
    }
}

pub(crate) async fn make(store: &Store, invite: &MemberInvite) -> bool {
    store.create_member_invite(invite, EACH).await.unwrap()
}

pub(crate) async fn left(store: &Store, sponsor: MemberId, now: u64) -> Option<u64> {
    store.invites_left(sponsor, EACH, Timestamp(now)).await.unwrap().unwrap().left
}

/// Makes a member of whoever has an invite that a member made; the invite's number is the guest's.
pub(crate) async fn guest(store: &Store, sponsor: MemberId, number: u64) -> MemberId {
    store.create_invite(NewInvite { sponsor: Some(sponsor), ..invite(hash(number)) }).await.unwrap();
    redeem(store, hash(number), number, number, &format!("guest{number}")).await.unwrap().person.id
}

pub(crate) async fn owner(store: &Store) -> MemberId {
    assert!(store.replace_owner_invite(hash(1), Timestamp(0)).await.unwrap());
    redeem(store, hash(1), 0, 1, "ada").await.unwrap().person.id
}

pub(crate) fn entry(id: u128, actor: MemberId) -> AuditEntry {
    AuditEntry { id: RecordId(id), at: Timestamp(id as u64), actor, act: "test", about: None, details: String::new() }
}

pub(crate) fn waiting(number: u64, handle: &str) -> NewWaiting {
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
        after = Some((last.created_at, last.id));
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
    let place = (Timestamp(900), RecordId(1_100));
    assert_eq!(store.invites_of(MemberId(2), Some(place), Timestamp(0)).await.unwrap(), []);
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
