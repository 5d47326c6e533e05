//! The log of moderation, appeals, and hidden rooms.

use std::sync::Arc;

use roomtone_room::ids::{HouseId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{
    ACTS_KEPT, APPEAL_WITHIN, ActGuest, Appeal, Appealed, AppendError, Changes, Decided, HouseText, NewAct, NewHouse,
    NewRoom, Store, StoreError,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{World, contract, join, own, refused, room, row};

contract!(
    acts_are_kept_with_their_events_or_not_at_all,
    people_see_of_acts_what_they_may,
    one_appeals_once_and_in_time,
    an_appeal_is_decided_once_by_whoever_may,
    a_room_knows_who_hosts_it,
    guests_are_named_until_whoever_wrote_the_name_goes,
    acts_are_kept_for_a_time_after_the_end,
    a_room_keeps_so_many_acts,
    what_is_appealed_against_is_not_forgotten,
    a_room_is_hidden_for_one_until_it_ends,
);

const KINDS: [&str; 2] = ["banned", "muted"];

/// Something that was done at 1,000 and a number.
pub(crate) fn act(id: u128, kind: &'static str, by: MemberId, whom: Option<MemberId>) -> NewAct {
    let at = Timestamp(1_000 + id as u64);
    NewAct { id: RecordId(id), at, kind, by, whom, guest: None, known: true, reason: None }
}

pub(crate) fn appeal(id: u128, at: u64, text: &str) -> Appeal {
    let (id, at, text) = (RecordId(id), Timestamp(at), text.to_owned());
    Appeal { id, at, text, lifted: None, answer: None, decided_at: None }
}

/// Ada's room 1 with its first event, and its epoch.
async fn opened(store: &Store, ada: MemberId) -> u64 {
    store.create_room(room(1, ada), &[row(1)]).await.unwrap();
    own(store, 1).await
}

async fn keep(store: &Store, epoch: u64, acts: &[NewAct]) {
    store.append(RoomId(1), epoch, Changes { acts, ..Changes::default() }).await.unwrap();
}

/// Number, kind, author and subject of what is in the log of room 1.
async fn log(store: &Store, viewer: MemberId, all: bool) -> Vec<(u64, String, Option<u128>, Option<u128>)> {
    let acts = store.room_acts(RoomId(1), (viewer, all), None, 50).await.unwrap();
    acts.into_iter().map(|a| (a.number, a.kind, a.by.map(|p| p.id.0), a.whom.map(|p| p.id.0))).collect()
}

async fn acts_are_kept_with_their_events_or_not_at_all(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let epoch = opened(&store, ada).await;
    let first = [act(1, "muted", ada, Some(ben)), act(2, "stage_locked", ada, None)];
    let changes = Changes { rows: &[row(2)], acts: &first, leader: None, ..Changes::default() };
    store.append(RoomId(1), epoch, changes).await.unwrap();
    // A number that is taken, an id that is taken, and an owner of long ago: nothing of it is kept.
    let (more, again) = ([act(3, "unmuted", ada, Some(ben))], [act(1, "unmuted", ada, Some(ben))]);
    let bad = Changes { rows: &[row(3), row(2)], acts: &more, leader: Some(ben), ..Changes::default() };
    refused!(store.append(RoomId(1), epoch, bad).await => AppendError::Store(StoreError::Conflict(_)));
    let bad = Changes { rows: &[row(3)], acts: &again, leader: Some(ben), ..Changes::default() };
    refused!(store.append(RoomId(1), epoch, bad).await => AppendError::Store(StoreError::Conflict(_)));
    let late = Changes { rows: &[row(3)], acts: &more, leader: Some(ben), ..Changes::default() };
    refused!(store.append(RoomId(1), epoch - 1, late).await => AppendError::Fenced);
    let rows = store.load_room(RoomId(1)).await.unwrap().unwrap().tail;
    assert_eq!(rows, [row(1), row(2)]);
    let kept = [(2, "stage_locked".to_owned(), Some(1), None), (1, "muted".to_owned(), Some(1), Some(2))];
    assert_eq!(log(&store, ada, false).await, kept);
    store.append(RoomId(1), epoch, late).await.unwrap();
    assert_eq!(log(&store, ada, false).await[0], (3, "unmuted".to_owned(), Some(1), Some(2)));
    assert_eq!(store.room_acts(RoomId(1), (ada, false), Some(3), 1).await.unwrap()[0].number, 2);
    // The last round of all, by somebody who is nobody any more.
    let last = [act(4, "room_ended", MemberId(404), None)];
    let changes = Changes { rows: &[row(4)], acts: &last, leader: None, ..Changes::default() };
    store.end_room(RoomId(1), epoch, Timestamp(50), changes).await.unwrap();
    assert_eq!(log(&store, ada, false).await[0], (4, "room_ended".to_owned(), None, None));
}

async fn people_see_of_acts_what_they_may(world: &World) {
    let store = world.open().await;
    let (ada, ben, eve) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await);
    let epoch = opened(&store, ada).await;
    let hidden = NewAct { known: false, ..act(3, "banned", eve, Some(ben)) };
    keep(&store, epoch, &[act(1, "muted", eve, Some(ben)), act(2, "banned", ada, Some(ben)), hidden]).await;
    store.block(ben, ada, Timestamp(1)).await.unwrap();
    store.appeal(RecordId(1), ben, &appeal(9, 2_000, "Why?"), &KINDS).await.unwrap();
    let of = |acts: Vec<roomtone_store::Act>| {
        acts.into_iter().map(|a| (a.id.0, a.by.is_some(), a.whom.is_some(), a.appeal.is_some())).collect::<Vec<_>>()
    };
    // With a block in between: only whom the room keeps out is named, as in its list of bans.
    let seen = store.room_acts(RoomId(1), (ada, false), None, 50).await.unwrap();
    assert_eq!(of(seen), [(3, true, true, false), (2, true, true, false), (1, true, false, false)]);
    let seen = store.room_acts(RoomId(1), (ada, true), None, 50).await.unwrap();
    assert_eq!(of(seen), [(3, true, true, false), (2, true, true, false), (1, true, true, true)]);
    // Of what was done to oneself, one learns all but by whom, and nothing of rooms that one may not know of.
    let seen = store.acts_on(ben, &KINDS, None, 50).await.unwrap();
    assert_eq!(seen[0].room, (RoomId(1), "Kitchen table".to_owned()));
    let place = Some((seen[0].at, seen[0].id));
    assert_eq!(of(seen), [(2, false, true, false), (1, true, true, true)]);
    assert_eq!(of(store.acts_on(ben, &KINDS, place, 50).await.unwrap()), [(1, true, true, true)]);
    assert_eq!(of(store.acts_on(ben, &["muted"], None, 50).await.unwrap()), [(1, true, true, true)]);
    assert_eq!(of(store.acts_on(ada, &KINDS, None, 50).await.unwrap()), []);
    let early = store.appeal(RecordId(3), ben, &appeal(8, 2_000, ""), &KINDS).await.unwrap();
    assert_eq!(early, Appealed::Missing);
    store.know_bans(RoomId(1), eve).await.unwrap();
    assert_eq!(store.acts_on(ben, &KINDS, None, 50).await.unwrap().len(), 2);
    store.know_bans(RoomId(1), ben).await.unwrap();
    assert_eq!(store.acts_on(ben, &KINDS, None, 50).await.unwrap().len(), 3);
}

async fn one_appeals_once_and_in_time(world: &World) {
    let store = world.open().await;
    let (ada, ben, eve) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await);
    let text = HouseText {
        name: "Tea".to_owned(),
        about: String::new(),
        rules: String::new(),
        language: "en".to_owned(),
        private: false,
        nominated: false,
    };
    let house = NewHouse { id: HouseId(1), handle: "tea".to_owned(), skeleton: "tea".to_owned(), text };
    store.create_house(&house, eve, Timestamp(0)).await.unwrap();
    store.create_room(NewRoom { house: Some(HouseId(1)), ..room(1, ada) }, &[row(1)]).await.unwrap();
    let epoch = own(&store, 1).await;
    keep(
        &store,
        epoch,
        &[act(1, "banned", ada, Some(ben)), act(2, "removed", eve, Some(ben)), act(3, "muted", eve, Some(ben))],
    )
    .await;
    for (wrong, who, at) in [(1, eve, 2_000), (2, ben, 2_000), (404, ben, 2_000), (1, ben, 1_001 + APPEAL_WITHIN)] {
        let answer = store.appeal(RecordId(wrong), who, &appeal(9, at, "Why?"), &KINDS).await.unwrap();
        assert_eq!(answer, Appealed::Missing, "{wrong} {who:?} {at}");
    }
    // Many at once, of whom one makes it.
    let together = Arc::new(Barrier::new(20));
    let mut callers = JoinSet::new();
    for number in 0..20 {
        let (store, together) = (store.clone(), together.clone());
        callers.spawn(async move {
            together.wait().await;
            let appeal = appeal(100 + number, 1_000 + APPEAL_WITHIN, "Why?");
            store.appeal(RecordId(1), ben, &appeal, &KINDS).await.unwrap()
        });
    }
    let answers = callers.join_all().await;
    // Told are the host and the house, and not who did it.
    let made = Appealed::Made { room: RoomId(1), deciders: vec![eve] };
    assert_eq!(answers.iter().filter(|answer| **answer == made).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == Appealed::Already).count(), 19);
    let other = store.appeal(RecordId(3), ben, &appeal(9, 2_000, "Why?"), &KINDS).await.unwrap();
    assert_eq!(other, Appealed::Made { room: RoomId(1), deciders: vec![ada] });
}

async fn an_appeal_is_decided_once_by_whoever_may(world: &World) {
    let store = world.open().await;
    let (ada, ben, eve) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await);
    let epoch = opened(&store, ada).await;
    keep(&store, epoch, &[act(1, "banned", eve, Some(ben)), act(2, "banned", ada, Some(ben))]).await;
    for (id, of) in [(10, 1), (20, 2)] {
        store.appeal(RecordId(of), ben, &appeal(id, 2_000 + id as u64, "Why?"), &KINDS).await.unwrap();
    }
    let decide = async |id, who, admin, lifted| {
        store.decide_appeal(RecordId(id), (who, admin), (lifted, "Sorry"), Timestamp(3_000)).await.unwrap()
    };
    // Whoever did it, whom it was done to, and others; an admin of the server decides on their own acts, and on nothing about them.
    for (id, who, admin) in
        [(10, eve, false), (10, ben, false), (10, ben, true), (20, ada, false), (20, eve, false), (404, ada, true)]
    {
        assert_eq!(decide(id, who, admin, true).await, Decided::Missing, "{id} {who:?} {admin}");
    }
    let seen = async |who, admin, open| {
        let appeals = store.appeals((who, admin), open, None, 50).await.unwrap();
        appeals.into_iter().map(|act| act.appeal.unwrap().id.0).collect::<Vec<_>>()
    };
    assert_eq!((seen(ada, false, true).await, seen(ada, true, true).await), (vec![10], vec![20, 10]));
    assert_eq!((seen(eve, false, true).await, seen(ben, true, true).await), (vec![], vec![]));
    let after = Some((Timestamp(2_020), RecordId(20)));
    assert_eq!(store.appeals((ada, true), true, after, 50).await.unwrap().len(), 1);
    // With a block in between they are missing for each other.
    store.block(ben, ada, Timestamp(1)).await.unwrap();
    assert_eq!((seen(ada, false, true).await, seen(ada, true, true).await), (vec![], vec![20, 10]));
    assert_eq!(decide(10, ada, false, true).await, Decided::Missing);
    store.unblock(ben, ada).await.unwrap();
    // Many at once, of whom one decides.
    let together = Arc::new(Barrier::new(20));
    let mut callers = JoinSet::new();
    for number in 0..20_u64 {
        let (store, together) = (store.clone(), together.clone());
        callers.spawn(async move {
            together.wait().await;
            let (lifted, at) = (number % 2 == 0, Timestamp(3_000 + number));
            (lifted, store.decide_appeal(RecordId(10), (ada, false), (lifted, ""), at).await.unwrap())
        });
    }
    let answers = callers.join_all().await;
    let decided: Vec<_> = answers.iter().filter(|(_, answer)| matches!(answer, Decided::Now(_))).collect();
    assert_eq!(decided.len(), 1, "{answers:?}");
    let (lifted, Decided::Now(about)) = decided[0] else { unreachable!("it is what was looked for") };
    assert_eq!((about.room, about.kind.as_str(), about.at, about.whom), (RoomId(1), "banned", Timestamp(1_001), ben));
    let before = Decided::Before { act: about.clone(), lifted: *lifted };
    assert!(answers.iter().filter(|(_, answer)| matches!(answer, Decided::Before { .. })).all(|(_, a)| *a == before));
    let closed = store.appeals((ada, false), false, None, 50).await.unwrap();
    let told = closed[0].appeal.clone().unwrap();
    assert_eq!((told.lifted, told.answer), (Some(*lifted), None));
    assert_eq!(store.lifted_bans(RoomId(1)).await.unwrap().len(), usize::from(*lifted));
    assert!(matches!(decide(20, ada, true, true).await, Decided::Now(_)));
    let lifted_bans = store.lifted_bans(RoomId(1)).await.unwrap();
    assert!(lifted_bans.contains(&(ben, Timestamp(1_002), Some(ada))), "{lifted_bans:?}");
}

async fn a_room_knows_who_hosts_it(world: &World) {
    let store = world.open().await;
    let (ada, ben, eve) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await);
    let epoch = opened(&store, ada).await;
    keep(&store, epoch, &[act(1, "banned", ada, Some(eve))]).await;
    let handed = Changes { rows: &[row(2)], acts: &[], leader: Some(ben), ..Changes::default() };
    store.append(RoomId(1), epoch, handed).await.unwrap();
    store.append(RoomId(1), epoch, &[row(3)]).await.unwrap();
    let made = store.appeal(RecordId(1), eve, &appeal(10, 2_000, "Why?"), &KINDS).await.unwrap();
    assert_eq!(made, Appealed::Made { room: RoomId(1), deciders: vec![ben] });
    assert_eq!(store.appeals((ben, false), true, None, 50).await.unwrap().len(), 1);
    // With the host's account the appeal goes back to who opened the room, who did it, and so to the admins.
    store.delete_account(ben, &[], &[]).await.unwrap();
    assert_eq!(store.appeals((ada, false), true, None, 50).await.unwrap().len(), 0);
    assert_eq!(store.appeals((ada, true), true, None, 50).await.unwrap().len(), 1);
    assert_eq!(store.runs_house_of(RoomId(1), ada).await.unwrap(), Some(false));
    assert_eq!(store.runs_house_of(RoomId(404), ada).await.unwrap(), None);
}

async fn guests_are_named_until_whoever_wrote_the_name_goes(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let epoch = opened(&store, ada).await;
    let guest = |voucher| Some(ActGuest { id: MemberId(77), name: "Grace".to_owned(), voucher });
    let of = |id, voucher| NewAct { guest: guest(voucher), ..act(id, "guest_admitted", ada, None) };
    keep(&store, epoch, &[of(1, ben), of(2, ada), of(3, MemberId(404))]).await;
    let seen = async || {
        let acts = store.room_acts(RoomId(1), (ada, false), None, 50).await.unwrap();
        acts.into_iter().map(|act| act.whom.map(|p| (p.id.0, p.handle, p.name))).collect::<Vec<_>>()
    };
    let grace = Some((77, String::new(), "Grace".to_owned()));
    assert_eq!(seen().await, [None, grace.clone(), grace.clone()]);
    store.delete_account(ben, &[], &[]).await.unwrap();
    assert_eq!(seen().await, [None, grace, None]);
}

async fn acts_are_kept_for_a_time_after_the_end(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let epoch = opened(&store, ada).await;
    let many: Vec<_> = (0..1_500).map(|id| act(1 + id, "muted", ada, Some(ben))).collect();
    keep(&store, epoch, &many).await;
    store.appeal(RecordId(1), ben, &appeal(9_000, 2_000, "Why?"), &KINDS).await.unwrap();
    // However long ago it was, while the room is live.
    assert!(!store.delete_old_acts(Timestamp(i64::MAX as u64)).await.unwrap());
    assert_eq!(log(&store, ada, false).await.len(), 50);
    store.end_room(RoomId(1), epoch, Timestamp(5_000), &[row(2)]).await.unwrap();
    assert!(!store.delete_old_acts(Timestamp(5_000)).await.unwrap());
    assert_eq!(log(&store, ada, false).await[0].0, 1_500);
    assert!(store.delete_old_acts(Timestamp(5_001)).await.unwrap(), "some at a time");
    assert!(!store.delete_old_acts(Timestamp(5_001)).await.unwrap());
    assert_eq!(log(&store, ada, false).await, []);
    assert_eq!(store.appeals((ada, true), true, None, 50).await.unwrap(), []);
}

async fn a_room_keeps_so_many_acts(world: &World) {
    let store = world.open().await;
    let (ada, ben, eve) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await);
    let epoch = opened(&store, ada).await;
    let first = [act(1, "banned", ada, Some(ben)), act(2, "muted", ada, Some(eve)), act(3, "muted", ada, Some(eve))];
    keep(&store, epoch, &first).await;
    store.appeal(RecordId(2), eve, &appeal(9_000, 2_000, "Why?"), &KINDS).await.unwrap();
    let all = async || -> Vec<u128> {
        let acts = store.room_acts(RoomId(1), (ada, true), None, 10_000).await.unwrap();
        assert!(acts.windows(2).all(|pair| pair[0].number > pair[1].number));
        let free = acts.iter().filter(|act| act.appeal.is_none()).count() as u64;
        assert!(free <= ACTS_KEPT, "{free}");
        acts.into_iter().map(|act| act.id.0).rev().collect()
    };
    // Somebody locks and unlocks the stage, so that nobody reads any more whom they have banned.
    let mut id = 3;
    let mut many = |kind: &[&'static str], count: usize| -> Vec<NewAct> {
        let next = |kind| {
            id += 1;
            act(id, kind, ada, None)
        };
        kind.iter().cycle().take(count).copied().map(next).collect()
    };
    for part in many(&["stage_locked", "stage_unlocked"], 2_600).chunks(130) {
        keep(&store, epoch, part).await;
        let kept = all().await;
        assert_eq!((kept[..3].to_vec(), kept.last()), (vec![1, 2, 3], part.last().map(|act| &act.id.0)));
        assert!(kept.len() as u64 > ACTS_KEPT - 200 || kept.len() as u128 == part.last().unwrap().id.0, "{kept:?}");
    }
    // Where nothing was done twice, the oldest goes; not that against which somebody has appealed.
    let mut others = many(&["guest_admitted"], 2_100);
    for act in &mut others {
        act.guest = Some(ActGuest { id: MemberId(act.id.0), name: "Grace".to_owned(), voucher: ada });
    }
    for part in others.chunks(300) {
        keep(&store, epoch, part).await;
        all().await;
    }
    let kept = all().await;
    assert!(!kept.contains(&1) && kept.contains(&2) && !kept.contains(&3));
    assert_eq!(kept.last(), others.last().map(|act| &act.id.0));
    let late = store.appeal(RecordId(1), ben, &appeal(9_001, 2_000, "Why?"), &KINDS).await.unwrap();
    assert_eq!(late, Appealed::Missing);
}

async fn what_is_appealed_against_is_not_forgotten(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let epoch = opened(&store, ada).await;
    let muted =
        |ids: std::ops::Range<u128>| -> Vec<NewAct> { ids.map(|id| act(id, "muted", ada, Some(ben))).collect() };
    keep(&store, epoch, &muted(1..1_900)).await;
    for round in 0..20_u128 {
        let next = 1_900 + 100 * round;
        let acts = store.room_acts(RoomId(1), (ada, true), None, 10_000).await.unwrap();
        let oldest: Vec<u128> =
            acts.iter().rev().filter(|act| act.appeal.is_none()).map(|act| act.id.0).take(6).collect();
        let together = Arc::new(Barrier::new(oldest.len() + 1));
        let mut callers = JoinSet::new();
        for id in oldest {
            let (store, together) = (store.clone(), together.clone());
            callers.spawn(async move {
                together.wait().await;
                (id, store.appeal(RecordId(id), ben, &appeal(10_000 + id, 5_000, "Why?"), &KINDS).await.unwrap())
            });
        }
        let writing = async {
            together.wait().await;
            keep(&store, epoch, &muted(next..next + 100)).await;
        };
        let (answers, ()) = tokio::join!(callers.join_all(), writing);
        let acts = store.room_acts(RoomId(1), (ada, true), None, 10_000).await.unwrap();
        for (id, answer) in answers {
            let found = acts.iter().find(|act| act.id.0 == id).map(|act| act.appeal.is_some());
            let told = matches!(answer, Appealed::Made { .. });
            assert_eq!(found, told.then_some(true), "round {round}: {id} {answer:?}");
        }
    }
}

async fn a_room_is_hidden_for_one_until_it_ends(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let epoch = opened(&store, ada).await;
    store.create_room(room(2, ada), &[row(1)]).await.unwrap();
    let hidden = async |who| {
        let mut rooms: Vec<_> = store.hallway_facts(who).await.unwrap().unwrap().hidden_rooms.into_iter().collect();
        rooms.sort();
        rooms
    };
    for number in [1, 2, 1] {
        assert!(store.hide_room(ben, RoomId(number)).await.unwrap());
    }
    assert!(!store.hide_room(ben, RoomId(404)).await.unwrap());
    assert_eq!((hidden(ben).await, hidden(ada).await), (vec![RoomId(1), RoomId(2)], vec![]));
    store.show_room(ben, RoomId(2)).await.unwrap();
    store.show_room(ben, RoomId(404)).await.unwrap();
    assert_eq!(hidden(ben).await, [RoomId(1)]);
    store.end_room(RoomId(1), epoch, Timestamp(50), &[row(2)]).await.unwrap();
    assert_eq!(hidden(ben).await, []);
    assert!(!store.hide_room(ben, RoomId(1)).await.unwrap());
}
