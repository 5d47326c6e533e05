//! Offices: who may act for whom, and that only one of two who act at once does.

use std::sync::Arc;

use roomtone_room::ids::{EventId, InvitationId, MemberId, RecordId, Timestamp};
use roomtone_room::invitation::{self, Invitation, Invitee, Words};
use roomtone_room::office::{Act, GRANTS_MAX, Grant, Refusal, Right, Standing};
use roomtone_store::{
    Acted, Acting, BranchAct, GrantActed, GrantOffered, InvitationAct, InvitationMade, InvitationText, NewInvitation,
    NewProof, OfficeGrant, ProofMethod, ProofSubject, Store, StoreError,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{World, contract, join, refused};

contract!(
    a_grant_is_offered_accepted_and_ended,
    there_is_one_grant_at_a_time_between_two,
    a_principal_has_so_many_grants,
    of_two_who_act_at_once_one_comes_first,
    a_block_ends_what_is_granted,
    nobody_acts_for_or_as_somebody_suspended,
    what_a_delegate_does_is_in_the_log,
    what_comes_after_a_revocation_is_not_done,
);

const DAY: u64 = 24 * 60 * 60 * 1000;

fn at(time: u64) -> Timestamp {
    Timestamp(time)
}

fn grant(now: u64, of: MemberId, to: MemberId) -> Grant {
    Grant::offer(at(now), of, to, [Right::Answer, Right::Guests].into_iter().collect(), 1).unwrap()
}

async fn offer(store: &Store, id: u128, grant: &Grant) -> GrantOffered {
    store.offer_grant(RecordId(id), grant, "Press office").await.unwrap()
}

async fn act(store: &Store, id: u128, who: MemberId, act: Act, now: u64) -> Result<Standing, Refusal> {
    match store.act_on_grant(RecordId(id), who, act, at(now)).await.unwrap() {
        GrantActed::Done(grant) => Ok(grant.standing(at(now))),
        GrantActed::Refused(refusal) => Err(refusal),
        GrantActed::Missing => panic!("{id} is missing"),
    }
}

fn ids(grants: &[OfficeGrant]) -> Vec<u128> {
    grants.iter().map(|grant| grant.id.0).collect()
}

/// Somebody invites a member.
pub(crate) async fn invite(store: &Store, id: u128, host: MemberId, invitee: MemberId) {
    let (invitation, step) = Invitation::ask(InvitationId(id), host, Invitee::Member(invitee), at(1_000 * DAY), at(10));
    let text = InvitationText {
        language: "en".to_owned(),
        title: "Come".to_owned(),
        body: "Please".to_owned(),
        original: true,
    };
    let new = NewInvitation { invitation, step, house: None, topics: Vec::new(), texts: vec![text] };
    assert_eq!(store.create_invitation(&new).await.unwrap(), InvitationMade::Made);
}

/// Somebody on the invitee's side asks what exactly is proposed.
async fn ask(store: &Store, id: u128, log: u128, who: MemberId, words: &str, now: u64) -> Acted {
    let words = Some(Words { text: words.to_owned(), language: "en".to_owned() });
    let asked = InvitationAct {
        invitation: InvitationId(id),
        acting: Acting::Member(who),
        act: invitation::Act::NeedDetails { round: 1, words },
        sheet: None,
        text: None,
        ids: (EventId(log), RecordId(log)),
        now: at(now),
    };
    store.act_on_invitation(&asked).await.unwrap()
}

/// For the test of deletion: grants to and by a member, what was done by them and for them, and a domain of theirs.
pub(crate) async fn office_of_ada(store: &Store, mark: &dyn Fn() -> String, ada: MemberId, owner: MemberId) {
    let friend = join(store, 800, "office_friend").await;
    for (id, of, to, invitation) in [(1, ada, friend, 1), (2, friend, ada, 2)] {
        let title = if of == ada { mark() } else { "Office".to_owned() };
        assert_eq!(store.offer_grant(RecordId(id), &grant(10, of, to), &title).await.unwrap(), GrantOffered::Made);
        act(store, id, to, Act::Accept, 11).await.unwrap();
        invite(store, 800 + invitation, owner, of).await;
        let note = if to == ada { mark() } else { "What is it?".to_owned() };
        assert!(matches!(ask(store, 800 + invitation, id, to, &note, 12).await, Acted::Done(_)));
    }
    let proof = NewProof {
        id: RecordId(1),
        subject: ProofSubject::Member(ada),
        domain: mark(),
        method: ProofMethod::Dns,
        token: mark(),
        created_at: at(12),
    };
    store.create_proof(&proof).await.unwrap();
}

async fn a_grant_is_offered_accepted_and_ended(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = [join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await];
    assert_eq!(offer(&store, 1, &grant(10, ada, ben)).await, GrantOffered::Made);
    refused!(store.offer_grant(RecordId(1), &grant(10, ada, eve), "").await => StoreError::Conflict(_));
    assert_eq!(offer(&store, 2, &grant(11, ada, MemberId(404))).await, GrantOffered::Missing);

    let of_ada = store.grants_of(ada).await.unwrap();
    let [offered] = of_ada.as_slice() else { panic!("{of_ada:?}") };
    assert_eq!((offered.other.id, offered.title.as_str()), (ben, "Press office"));
    assert_eq!((&offered.grant, offered.used_at), (&grant(10, ada, ben), None));
    let of_ben = store.delegations_of(ben).await.unwrap();
    assert_eq!((ids(&of_ben), of_ben[0].other.id), (vec![1], ada));
    assert_eq!(store.offices_for(ben, at(12)).await.unwrap(), [], "it is not accepted");

    // Somebody else's is as if missing.
    assert_eq!(store.act_on_grant(RecordId(1), eve, Act::Accept, at(12)).await.unwrap(), GrantActed::Missing);
    assert_eq!(store.act_on_grant(RecordId(9), ben, Act::Accept, at(12)).await.unwrap(), GrantActed::Missing);
    assert_eq!(act(&store, 1, ada, Act::Accept, 12).await, Err(Refusal::NotYours));
    assert_eq!(act(&store, 1, ben, Act::Accept, 13).await, Ok(Standing::Held));
    assert_eq!(act(&store, 1, ben, Act::Accept, 14).await, Err(Refusal::AlreadyHeld));
    assert_eq!(ids(&store.offices_for(ben, at(14)).await.unwrap()), [1]);
    assert_eq!(store.offices_for(ben, at(10 + DAY)).await.unwrap(), [], "its time is over");
    assert_eq!(store.offices_for(ada, at(14)).await.unwrap(), []);
    let office = async |right, now| ids(&store.office_of(ada, right, at(now)).await.unwrap());
    assert_eq!((office(Right::Answer, 14).await, office(Right::Schedule, 14).await), (vec![1], vec![]));
    assert_eq!(office(Right::Answer, 10 + DAY).await, []);

    assert_eq!(act(&store, 1, ada, Act::Revoke, 15).await, Ok(Standing::Ended(roomtone_room::office::Ending::Revoked)));
    assert_eq!(act(&store, 1, ben, Act::LayDown, 16).await, Err(Refusal::Over));
    assert_eq!(store.offices_for(ben, at(16)).await.unwrap(), []);
    assert_eq!(office(Right::Answer, 16).await, []);
    let ended = store.grants_of(ada).await.unwrap().remove(0).grant;
    assert_eq!((ended.accepted_at, ended.ended.map(|(when, _)| when)), (Some(at(13)), Some(at(15))));
}

async fn there_is_one_grant_at_a_time_between_two(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    assert_eq!(offer(&store, 1, &grant(10, ada, ben)).await, GrantOffered::Made);
    assert_eq!(offer(&store, 2, &grant(11, ada, ben)).await, GrantOffered::Already);
    assert_eq!(offer(&store, 3, &grant(11, ben, ada)).await, GrantOffered::Made, "the other way round is another");
    act(&store, 1, ben, Act::LayDown, 12).await.unwrap();
    assert_eq!(offer(&store, 4, &grant(13, ada, ben)).await, GrantOffered::Made);
    act(&store, 4, ben, Act::Accept, 14).await.unwrap();
    // Once its time is over there can be another, and the former stands as expired.
    assert_eq!(offer(&store, 5, &grant(12 + DAY, ada, ben)).await, GrantOffered::Already);
    assert_eq!(offer(&store, 6, &grant(13 + DAY, ada, ben)).await, GrantOffered::Made);
    let all = store.grants_of(ada).await.unwrap();
    assert_eq!(ids(&all), [6, 4, 1], "the newest first");
    assert_eq!(all[1].grant.standing(at(13 + DAY)), Standing::Expired);
}

async fn a_principal_has_so_many_grants(world: &World) {
    let stores = [world.open().await, world.open().await];
    let ada = join(&stores[0], 1, "ada").await;
    let mut others = Vec::new();
    for id in 0..GRANTS_MAX as u64 + 6 {
        others.push(join(&stores[0], 10 + id, &format!("other{id}")).await);
    }
    // All ask at once, by two connections.
    let together = Arc::new(Barrier::new(others.len()));
    let mut callers = JoinSet::new();
    for (number, other) in others.iter().copied().enumerate() {
        let (store, together) = (stores[number % 2].clone(), together.clone());
        callers.spawn(async move {
            together.wait().await;
            offer(&store, number as u128 + 1, &grant(10, ada, other)).await
        });
    }
    let outcomes = callers.join_all().await;
    assert_eq!(outcomes.iter().filter(|made| **made == GrantOffered::Made).count(), GRANTS_MAX);
    assert_eq!(outcomes.iter().filter(|made| **made == GrantOffered::TooMany).count(), 6);
    // One that is over makes room, and so does time.
    let store = &stores[0];
    let first = store.grants_of(ada).await.unwrap().remove(0).id;
    assert_eq!(offer(store, 101, &grant(11, others[0], ada)).await, GrantOffered::Made, "of somebody else");
    store.act_on_grant(first, ada, Act::Revoke, at(12)).await.unwrap();
    let free = join(store, 99, "free").await;
    assert_eq!(offer(store, 102, &grant(13, ada, free)).await, GrantOffered::Made);
    let late = join(store, 98, "late").await;
    assert_eq!(offer(store, 103, &grant(14, ada, late)).await, GrantOffered::TooMany);
    assert_eq!(offer(store, 104, &grant(10 + DAY, ada, late)).await, GrantOffered::Made);
}

async fn of_two_who_act_at_once_one_comes_first(world: &World) {
    let stores = [world.open().await, world.open().await];
    let (ada, ben) = (join(&stores[0], 1, "ada").await, join(&stores[0], 2, "ben").await);
    for round in 1..30 {
        assert_eq!(offer(&stores[0], round, &grant(10, ada, ben)).await, GrantOffered::Made);
        let together = Arc::new(Barrier::new(2));
        let mut callers = JoinSet::new();
        for (store, who, what) in [(&stores[0], ada, Act::Revoke), (&stores[1], ben, Act::LayDown)] {
            let (store, together) = (store.clone(), together.clone());
            callers.spawn(async move {
                together.wait().await;
                act(&store, round, who, what, 11).await
            });
        }
        let outcomes = callers.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert!(outcomes.contains(&Err(Refusal::Over)), "{outcomes:?}");
    }
}

async fn a_block_ends_what_is_granted(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = [join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await];
    for (id, of, to) in [(1, ada, ben), (2, ben, ada), (3, eve, ben)] {
        offer(&store, id, &grant(10, of, to)).await;
        act(&store, id, to, Act::Accept, 11).await.unwrap();
    }
    assert!(store.block(ben, ada, at(12)).await.unwrap());
    assert_eq!(store.offices_for(ada, at(13)).await.unwrap(), []);
    assert_eq!(ids(&store.offices_for(ben, at(13)).await.unwrap()), [3]);
    assert_eq!(offer(&store, 4, &grant(14, ada, ben)).await, GrantOffered::Missing);
    assert_eq!(offer(&store, 5, &grant(14, ben, ada)).await, GrantOffered::Missing);
    // What has ended does not come back with the block.
    store.unblock(ben, ada).await.unwrap();
    assert_eq!(ids(&store.offices_for(ben, at(13)).await.unwrap()), [3]);
    assert_eq!(offer(&store, 6, &grant(15, ada, ben)).await, GrantOffered::Made);
}

async fn nobody_acts_for_or_as_somebody_suspended(world: &World) {
    let store = world.open().await;
    let owner = crate::invites::owner(&store).await;
    let (ada, ben) = (join(&store, 2, "eda").await, join(&store, 3, "ben").await);
    offer(&store, 1, &grant(10, ada, ben)).await;
    act(&store, 1, ben, Act::Accept, 11).await.unwrap();
    let suspended = BranchAct { id: RecordId(1), member: ada, branch: false, author: owner, at: at(20) };
    store.suspend(&suspended, "").await.unwrap();
    assert_eq!(store.offices_for(ben, at(21)).await.unwrap(), []);
    assert_eq!(offer(&store, 2, &grant(22, ada, owner)).await, GrantOffered::Missing);
    assert_eq!(offer(&store, 3, &grant(22, ben, ada)).await, GrantOffered::Missing);
    store.restore(&BranchAct { id: RecordId(2), ..suspended }).await.unwrap();
    assert_eq!(ids(&store.offices_for(ben, at(23)).await.unwrap()), [1]);
    // A deleted account takes its part of both.
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert_eq!(store.delegations_of(ben).await.unwrap(), []);
}

async fn what_a_delegate_does_is_in_the_log(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = [join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await];
    let may = |rights: &[Right]| Grant::offer(at(10), ada, ben, rights.iter().copied().collect(), 1).unwrap();
    offer(&store, 1, &may(&[Right::Schedule, Right::Screen, Right::Guests])).await;
    invite(&store, 7, eve, ada).await;
    let allowed = async |log, now| match ask(&store, 7, log, ben, "What is it?", now).await {
        Acted::Done(_) => true,
        Acted::Refused(_) | Acted::Missing => false,
        Acted::Changed => panic!("no sheet is in it"),
    };
    assert!(!allowed(1, 12).await, "not accepted");
    act(&store, 1, ben, Act::Accept, 13).await.unwrap();
    assert!(!allowed(2, 14).await, "of another right");
    act(&store, 1, ada, Act::Revoke, 15).await.unwrap();
    offer(&store, 2, &may(&[Right::Answer])).await;
    act(&store, 2, ben, Act::Accept, 16).await.unwrap();
    assert!(!allowed(3, 10 + DAY).await, "its time is over");
    assert_eq!(store.office_acts(ada, None, 10).await.unwrap(), [], "what is refused is not written down");
    assert!(allowed(4, 17).await);

    let log = store.office_acts(ada, None, 10).await.unwrap();
    let [done] = log.as_slice() else { panic!("{log:?}") };
    assert_eq!((done.delegate.as_ref().map(|person| person.id), done.at), (Some(ben), at(17)));
    assert_eq!((done.subject, done.note.as_str()), (Some(7), "What is it?"));
    assert_eq!(store.office_acts(ada, Some((done.at, done.id)), 10).await.unwrap(), []);
    assert_eq!(store.office_acts(ben, None, 10).await.unwrap(), []);
    assert_eq!(store.grants_of(ada).await.unwrap()[0].used_at, Some(at(17)));
    // Of somebody with whom there is a block the log tells what they did, and not who they are.
    store.block(ada, ben, at(18)).await.unwrap();
    let log = store.office_acts(ada, None, 10).await.unwrap();
    assert_eq!((log.len(), &log[0].delegate), (1, &None));
}

/// A delegate acts and the principal revokes at the same moment: what was acknowledged after the revocation is refused.
async fn what_comes_after_a_revocation_is_not_done(world: &World) {
    let stores = [world.open().await, world.open().await];
    let [ada, ben] = [join(&stores[0], 1, "ada").await, join(&stores[0], 2, "ben").await];
    for round in 1..20 {
        let host = join(&stores[0], 100 + round, &format!("host{round}")).await;
        invite(&stores[0], round.into(), host, ada).await;
        assert_eq!(offer(&stores[0], round.into(), &grant(10, ada, ben)).await, GrantOffered::Made);
        act(&stores[0], round.into(), ben, Act::Accept, 11).await.unwrap();
        let together = Arc::new(Barrier::new(2));
        let (store, waits) = (stores[1].clone(), together.clone());
        let asking = tokio::spawn(async move {
            waits.wait().await;
            ask(&store, round.into(), round.into(), ben, "What is it?", 12).await
        });
        together.wait().await;
        act(&stores[0], round.into(), ada, Act::Revoke, 12).await.unwrap();
        // Whatever of it was done was done before this was answered.
        let log = stores[0].office_acts(ada, None, 100).await.unwrap();
        let written = log.iter().any(|done| done.subject == Some(round.into()));
        let done = matches!(asking.await.unwrap(), Acted::Done(_));
        assert_eq!(done, written, "round {round}");
    }
}
