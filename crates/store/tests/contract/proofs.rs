//! Proofs of domains: begun, found, missed and lapsed.

use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{
    NewProof, PROOF_FAILS_FOR, PROOF_FAILURES_MAX, PROOFS_MAX, ProfileChange, ProofMade, ProofMethod, ProofMissed,
    ProofSubject, ProvenDomain, Store,
};
use tokio::task::JoinSet;

use crate::support::{World, contract, join};

contract!(
    a_proof_is_begun_found_and_taken_away,
    a_member_has_so_many_proofs_and_one_of_each_domain,
    a_proof_lapses_when_it_is_missed_for_long,
    proofs_come_due,
    another_handle_takes_another_link,
    what_does_not_hold_is_forgotten,
);

fn at(time: u64) -> Timestamp {
    Timestamp(time)
}

fn proof(id: u128, member: MemberId, domain: &str) -> NewProof {
    NewProof {
        id: RecordId(id),
        subject: ProofSubject::Member(member),
        domain: domain.to_owned(),
        method: ProofMethod::Dns,
        token: format!("token{id}"),
        created_at: at(10),
    }
}

/// A member whose proof 1 of `example.org` holds since 20.
async fn proven(store: &Store) -> MemberId {
    let ada = join(store, 1, "ada").await;
    assert_eq!(store.create_proof(&proof(1, ada, "example.org")).await.unwrap(), ProofMade::Made);
    assert!(store.proof_found(RecordId(1), at(20), at(120)).await.unwrap());
    ada
}

async fn domains(store: &Store, member: MemberId) -> Vec<ProvenDomain> {
    store.proofs_of_members(&[member, MemberId(404)]).await.unwrap().remove(&member).unwrap_or_default()
}

async fn a_proof_is_begun_found_and_taken_away(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    assert_eq!(store.create_proof(&proof(1, ada, "example.org")).await.unwrap(), ProofMade::Made);
    let of_ada = ProofSubject::Member(ada);
    let begun = store.proof(of_ada, RecordId(1)).await.unwrap().unwrap();
    assert_eq!(
        (begun.domain.as_str(), begun.method, begun.token.as_str()),
        ("example.org", ProofMethod::Dns, "token1")
    );
    assert_eq!((begun.proven_at, begun.checked_at, begun.subject), (None, None, of_ada));
    assert_eq!(domains(&store, ada).await, [], "nothing is shown that was not found");
    // Whoever else asks for it: there is none.
    assert_eq!(store.proof(ProofSubject::Member(ben), RecordId(1)).await.unwrap(), None);
    assert_eq!(store.proof(ProofSubject::Correspondent(RecordId(1)), RecordId(1)).await.unwrap(), None);
    assert!(!store.delete_proof(ProofSubject::Member(ben), RecordId(1)).await.unwrap());

    assert_eq!(store.proof_missed(RecordId(1), at(15), at(115)).await.unwrap(), ProofMissed::Kept);
    let missed = store.proof(of_ada, RecordId(1)).await.unwrap().unwrap();
    assert_eq!((missed.checked_at, missed.failing_since), (Some(at(15)), None), "it did not hold before");
    assert!(store.proof_found(RecordId(1), at(20), at(120)).await.unwrap());
    let shown = ProvenDomain { domain: "example.org".to_owned(), method: ProofMethod::Dns, proven_at: at(20) };
    assert_eq!(domains(&store, ada).await, std::slice::from_ref(&shown));
    // Found again, it holds since the first time.
    assert!(store.proof_found(RecordId(1), at(30), at(130)).await.unwrap());
    assert_eq!(domains(&store, ada).await, [shown]);

    assert!(store.delete_proof(of_ada, RecordId(1)).await.unwrap());
    assert!(!store.delete_proof(of_ada, RecordId(1)).await.unwrap());
    assert_eq!(domains(&store, ada).await, []);
    assert!(!store.proof_found(RecordId(1), at(31), at(131)).await.unwrap(), "one that comes too late finds nothing");
    assert_eq!(store.proof_missed(RecordId(1), at(31), at(131)).await.unwrap(), ProofMissed::Kept);
    assert_eq!(store.create_proof(&proof(2, MemberId(404), "example.org")).await.unwrap(), ProofMade::Gone);
}

async fn a_member_has_so_many_proofs_and_one_of_each_domain(world: &World) {
    let stores = [world.open().await, world.open().await];
    let (ada, ben) = (join(&stores[0], 1, "ada").await, join(&stores[0], 2, "ben").await);
    let mut callers = JoinSet::new();
    for number in 0..2 * PROOFS_MAX {
        let store = stores[(number % 2) as usize].clone();
        let new = proof(u128::from(number) + 1, ada, &format!("d{number}.example"));
        callers.spawn(async move { store.create_proof(&new).await.unwrap() });
    }
    let made = callers.join_all().await;
    assert_eq!(made.iter().filter(|made| **made == ProofMade::Made).count() as u64, PROOFS_MAX);
    let all = stores[0].proofs_of(ProofSubject::Member(ada)).await.unwrap();
    assert_eq!(all.len() as u64, PROOFS_MAX);
    let again = proof(101, ada, &all[0].domain);
    assert_eq!(stores[0].create_proof(&again).await.unwrap(), ProofMade::Already);
    // Others may have the same domain.
    assert_eq!(stores[0].create_proof(&proof(102, ben, &all[0].domain)).await.unwrap(), ProofMade::Made);
}

async fn a_proof_lapses_when_it_is_missed_for_long(world: &World) {
    let store = world.open().await;
    let ada = proven(&store).await;
    let missed = async |now| store.proof_missed(RecordId(1), at(now), at(now + 100)).await.unwrap();
    let state = async || {
        let proof = store.proof(ProofSubject::Member(ada), RecordId(1)).await.unwrap().unwrap();
        (proof.proven_at, proof.failing_since, proof.lapsed_at)
    };
    // Often, but not for long.
    for now in 100..100 + 2 * u64::from(PROOF_FAILURES_MAX) {
        assert_eq!(missed(now).await, ProofMissed::Kept);
    }
    assert_eq!(state().await, (Some(at(20)), Some(at(100)), None));
    assert_eq!(domains(&store, ada).await.len(), 1, "it is shown until it lapses");
    // Once found, it begins anew.
    store.proof_found(RecordId(1), at(200), at(300)).await.unwrap();
    assert_eq!(state().await, (Some(at(20)), None, None));
    // For long, but not often.
    assert_eq!(missed(1_000).await, ProofMissed::Kept);
    for _ in 2..PROOF_FAILURES_MAX {
        assert_eq!(missed(1_000 + PROOF_FAILS_FOR).await, ProofMissed::Kept);
    }
    assert_eq!(missed(1_000 + PROOF_FAILS_FOR).await, ProofMissed::Lapsed);
    assert_eq!(state().await, (None, Some(at(1_000)), Some(at(1_000 + PROOF_FAILS_FOR))));
    assert_eq!(domains(&store, ada).await, []);
    assert_eq!(store.due_proofs(at(u64::MAX / 4), 10).await.unwrap(), [], "nobody is asked any more");
    // Its owner can have it looked at again.
    store.proof_found(RecordId(1), at(2_000 + PROOF_FAILS_FOR), at(0)).await.unwrap();
    assert_eq!(state().await, (Some(at(2_000 + PROOF_FAILS_FOR)), None, None));
}

async fn proofs_come_due(world: &World) {
    let store = world.open().await;
    let ada = proven(&store).await;
    store.create_proof(&proof(2, ada, "second.example")).await.unwrap();
    store.create_proof(&proof(3, ada, "third.example")).await.unwrap();
    store.proof_found(RecordId(3), at(21), at(110)).await.unwrap();
    let due = async |now, limit| -> Vec<u128> {
        store.due_proofs(at(now), limit).await.unwrap().iter().map(|proof| proof.id.0).collect()
    };
    assert_eq!(due(109, 10).await, []);
    assert_eq!(due(110, 10).await, [3]);
    assert_eq!(due(120, 10).await, [3, 1], "the longest due first; what was never found is not looked at");
    assert_eq!(due(120, 1).await, [3]);
    store.proof_missed(RecordId(3), at(120), at(220)).await.unwrap();
    assert_eq!(due(120, 10).await, [1]);
}

async fn another_handle_takes_another_link(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (proven(&store).await, join(&store, 2, "ben").await);
    for (id, of) in [(2, ada), (3, ada), (4, ben)] {
        let link = NewProof { method: ProofMethod::RelMe, ..proof(id, of, &format!("d{id}.example")) };
        store.create_proof(&link).await.unwrap();
    }
    for id in [2, 4] {
        store.proof_found(RecordId(id), at(20), at(120)).await.unwrap();
    }
    let change = async |change, now| {
        let moved = store.change_profile(ada, change, at(now)).await.unwrap();
        moved.into_iter().map(|proof| (proof.id.0, proof.failing_since)).collect::<Vec<_>>()
    };
    let handle = |text: &str| Some((text.to_owned(), text.to_owned()));
    let failing = async || -> Vec<_> {
        let all = store.proofs_of(ProofSubject::Member(ada)).await.unwrap();
        all.iter().map(|proof| (proof.id.0, proof.failing_since)).collect()
    };
    // Neither another name nor the handle that she has is another address.
    let same = ProfileChange { name: Some("Ada L".to_owned()), handle: handle("ada"), ..ProfileChange::default() };
    assert_eq!(change(same, 50).await, []);
    assert_eq!(failing().await, [(1, None), (2, None), (3, None)]);
    // Only what holds by a link, and only hers.
    let renamed = |text| ProfileChange { handle: handle(text), ..ProfileChange::default() };
    assert_eq!(change(renamed("ada_l"), 60).await, [(2, Some(at(60)))]);
    assert_eq!(failing().await, [(1, None), (2, Some(at(60))), (3, None)]);
    let of_ben = store.proofs_of(ProofSubject::Member(ben)).await.unwrap();
    assert_eq!(of_ben[0].failing_since, None);
    // It is looked at next, and shown until it lapses.
    let due = store.due_proofs(at(60), 10).await.unwrap();
    assert_eq!(due.iter().map(|proof| proof.id.0).collect::<Vec<_>>(), [2]);
    assert_eq!(domains(&store, ada).await.len(), 2);
    // What failed before has done so since then.
    assert_eq!(change(renamed("ada_m"), 70).await, [(2, Some(at(60)))]);
}

async fn what_does_not_hold_is_forgotten(world: &World) {
    let store = world.open().await;
    let ada = proven(&store).await;
    store.create_proof(&proof(2, ada, "second.example")).await.unwrap();
    assert_eq!(store.delete_old_proofs(at(10)).await.unwrap(), 0);
    assert_eq!(store.delete_old_proofs(at(11)).await.unwrap(), 1);
    let left = store.proofs_of(ProofSubject::Member(ada)).await.unwrap();
    assert_eq!(left.iter().map(|proof| proof.id.0).collect::<Vec<_>>(), [1]);
    for _ in 0..PROOF_FAILURES_MAX {
        store.proof_missed(RecordId(1), at(30), at(40)).await.unwrap();
    }
    let end = 30 + PROOF_FAILS_FOR;
    assert_eq!(store.proof_missed(RecordId(1), at(end), at(end)).await.unwrap(), ProofMissed::Lapsed);
    assert_eq!(store.delete_old_proofs(at(end)).await.unwrap(), 0);
    assert_eq!(store.delete_old_proofs(at(end + 1)).await.unwrap(), 1);
}
