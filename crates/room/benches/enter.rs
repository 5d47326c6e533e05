//! What the rules ask for when somebody enters or leaves: the same in a room of ten and of ten thousand.
//!
//! `cargo bench -p roomtone-room`

#![expect(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use roomtone_room::{Actor, Command, Kind, MemberId, Opening, Room, RoomId, Timestamp, View};

const HOST: MemberId = MemberId(0);

fn apply(room: &mut Room, member: MemberId, command: Command) {
    let actor = Actor::Member { member, role_epoch: None, id: None };
    black_box(room.apply(Timestamp(1), actor, command).expect("the room is open to everybody"));
}

fn room_of(people: u128) -> Room {
    let (mut room, _) = Room::open(Timestamp(0), RoomId(1), HOST, Opening::new("A room", Kind::Open, "en"));
    for id in 0..people {
        apply(&mut room, MemberId(id), Command::Enter { followed_by_moderator: false });
    }
    room
}

fn enter(c: &mut Criterion) {
    let mut group = c.benchmark_group("people in the room");
    for people in [10, 1_000, 10_000] {
        let mut room = room_of(people);
        let newcomer = MemberId(u128::MAX);
        group.bench_function(BenchmarkId::new("enter and leave", people), |b| {
            b.iter(|| {
                apply(&mut room, newcomer, Command::Enter { followed_by_moderator: false });
                apply(&mut room, newcomer, Command::Leave);
            });
        });
        group.bench_function(BenchmarkId::new("what a listener sees", people), |b| {
            b.iter(|| black_box(View::of(&room, MemberId(people - 1))));
        });
    }
}

criterion_group!(benches, enter);
criterion_main!(benches);
