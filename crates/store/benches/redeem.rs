//! How many invites a second can be redeemed, on a real disk, by one person after another and by a crowd.

#![allow(
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark reads the clock, and its entry point is made by a macro"
)]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use roomtone_room::ids::{MemberId, Timestamp};
use roomtone_store::{Hash, NewInvite, NewMember, NewSession, Store};
use tokio::task::JoinSet;

/// People at the door at the same time.
const CROWD: u64 = 200;

fn redeem(c: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let store = runtime.block_on(Store::open(folder.path())).expect("a store");
    let mut next = 0;
    for crowd in [1, CROWD] {
        c.bench_function(&format!("redeem, {crowd} at a time"), |b| {
            b.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let first = next;
                    next += crowd;
                    took += runtime.block_on(redeem_all(&store, first..next));
                }
                took
            });
        });
    }
}

/// Redeems fresh invites at the same time, and returns how long that took.
async fn redeem_all(store: &Store, numbers: std::ops::Range<u64>) -> Duration {
    let invites: Vec<_> = numbers.clone().map(invite).collect();
    store.create_invites(&invites).await.expect("new invites");
    let begin = Instant::now();
    let mut under_way = JoinSet::new();
    for number in numbers {
        let store = store.clone();
        let id = MemberId(u128::from(number) + 1);
        let handle = format!("m{number}");
        let skeleton = handle.clone();
        let member = NewMember { id, handle, skeleton, name: "A member".into(), language: "en".into() };
        let session = NewSession { hash: hash(number), label: "bench".into() };
        under_way.spawn(async move { store.redeem(&hash(number), Timestamp(1), member, session).await });
    }
    while let Some(done) = under_way.join_next().await {
        done.expect("no panic").expect("a fresh invite");
    }
    begin.elapsed()
}

fn invite(number: u64) -> NewInvite {
    NewInvite { hash: hash(number), owner: false, sponsor: None, created_at: Timestamp(0), expires_at: None }
}

fn hash(number: u64) -> Hash {
    let mut hash = [0; 32];
    // Spread like real digests, so that the indexes are used as they are in a server.
    hash[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    hash[24..].copy_from_slice(&number.to_be_bytes());
    hash
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_millis(500));
    targets = redeem
}
criterion_main!(benches);
