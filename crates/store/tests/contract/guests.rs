//! Guests of rooms.

use std::collections::HashSet;
use std::sync::Arc;

use roomtone_room::ids::{MemberId, RecordId, RoomId, Timestamp};
use roomtone_room::office::{Act, Grant, Right, Rights};
use roomtone_store::{
    ActGuest, BranchAct, GrantActed, GrantOffered, GuestBy, GuestMade, GuestOffice, LogRow, NewGuest, Store, StoreError,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::invitations::{ID, link, made as invited, outside};
use crate::support::{World, contract, hash, join, own, refused, room};

contract!(
    a_guests_link_is_taken_once_and_ends,
    of_many_who_take_a_link_one_is_the_guest,
    a_room_has_so_many_guests,
    guests_go_with_their_room_and_with_who_vouches,
    former_guests_are_forgotten,
    an_office_lets_guests_in_as_far_as_its_right_goes,
    who_answers_an_invitation_makes_one_link_into_its_room,
);

const ROOM: RoomId = RoomId(7);

fn guest(id: u64, voucher: MemberId) -> NewGuest {
    NewGuest {
        id: MemberId(u128::from(id) << 64),
        room: ROOM,
        voucher,
        code: hash(id),
        name: format!("Guest {id}"),
        context: Some("About trees".to_owned()),
        created_at: Timestamp(10 + id),
        expires_at: Timestamp(1_000),
    }
}

/// The owner of the room, and somebody else.
async fn scene(store: &Store) -> (MemberId, MemberId) {
    let (ada, ben) = (join(store, 1, "ada").await, join(store, 2, "ben").await);
    store.create_room(room(ROOM.0, ada), &[]).await.unwrap();
    (ada, ben)
}

async fn made(store: &Store, guest: &NewGuest) -> GuestMade {
    store.create_guest(guest, 20).await.unwrap()
}

async fn taken(store: &Store, id: u64) -> bool {
    store.take_guest_link(&hash(id), &hash(500 + id), Timestamp(100)).await.unwrap().is_some()
}

async fn a_guests_link_is_taken_once_and_ends(world: &World) {
    let store = world.open().await;
    let (ada, ben) = scene(&store).await;
    assert_eq!(made(&store, &guest(3, ben)).await, GuestMade::Made);
    refused!(store.create_guest(&guest(3, ben), 20).await => StoreError::Conflict(_));
    let at = |at| Timestamp(at);
    let found = store.guest_by_code(&hash(3), at(999)).await.unwrap().unwrap();
    assert_eq!((found.person.name.as_str(), found.person.handle.as_str()), ("Guest 3", ""));
    assert_eq!((found.voucher.id, found.room, found.taken), (ben, ROOM, false));
    assert_eq!((found.context.as_deref(), found.expires_at), (Some("About trees"), at(1_000)));
    assert_eq!(store.guest_by_code(&hash(3), at(1_000)).await.unwrap(), None, "it works before that");
    assert_eq!(store.guest_by_code(&hash(4), at(0)).await.unwrap(), None);

    assert_eq!(store.take_guest_link(&hash(3), &hash(50), at(1_000)).await.unwrap(), None);
    let guest_3 = store.take_guest_link(&hash(3), &hash(50), at(999)).await.unwrap().unwrap();
    assert!(guest_3.taken);
    assert_eq!(store.take_guest_link(&hash(3), &hash(51), at(999)).await.unwrap(), None);
    assert_eq!(store.guest_by_code(&hash(3), at(999)).await.unwrap(), None);
    assert_eq!(store.guest_by_session(&hash(50), at(999)).await.unwrap(), Some(guest_3.clone()));
    assert_eq!(store.guest_by_session(&hash(50), at(1_000)).await.unwrap(), None);
    assert_eq!(store.guest_by_session(&hash(51), at(0)).await.unwrap(), None);
    assert_eq!(store.session(&hash(50)).await.unwrap(), None, "nobody is a member by it");

    assert_eq!(made(&store, &guest(4, ada)).await, GuestMade::Made);
    let all = store.guests_of_room(ROOM, at(999)).await.unwrap();
    assert_eq!(all.iter().map(|guest| guest.taken).collect::<Vec<_>>(), [true, false]);
    assert_eq!(store.guests_of_room(RoomId(8), at(999)).await.unwrap(), []);
    let ids = [guest(4, ada).id, ada, MemberId(99), guest_3.person.id];
    let mut names: Vec<_> = store.guests_among(&ids).await.unwrap().into_iter().map(|p| p.name).collect();
    names.sort();
    assert_eq!(names, ["Guest 3", "Guest 4"]);

    assert_eq!(store.end_guest(RoomId(8), guest_3.person.id, at(50)).await.unwrap(), None);
    assert_eq!(store.end_guest(ROOM, guest_3.person.id, at(1_000)).await.unwrap(), None, "it is over by then");
    let ended = ActGuest { id: guest_3.person.id, name: "Guest 3".to_owned(), voucher: guest_3.voucher.id };
    assert_eq!(store.end_guest(ROOM, guest_3.person.id, at(50)).await.unwrap(), Some(ended));
    assert_eq!(store.end_guest(ROOM, guest_3.person.id, at(50)).await.unwrap(), None);
    assert_eq!(store.guest_by_session(&hash(50), at(51)).await.unwrap(), None);
    assert_eq!(store.guests_of_room(ROOM, at(51)).await.unwrap().len(), 1);
    assert_eq!(store.guests_among(&ids).await.unwrap().len(), 2, "the name is known for a while");
}

async fn of_many_who_take_a_link_one_is_the_guest(world: &World) {
    let stores = [world.open().await, world.open().await];
    let (ada, _) = scene(&stores[0]).await;
    for round in 10..40 {
        let made = stores[0].create_guest(&guest(round, ada), usize::MAX).await.unwrap();
        assert_eq!(made, GuestMade::Made);
        let together = Arc::new(Barrier::new(16));
        let mut callers = JoinSet::new();
        for caller in 0..16 {
            let (store, together) = (stores[caller % 2].clone(), together.clone());
            callers.spawn(async move {
                together.wait().await;
                let session = hash(10_000 + 16 * round + caller as u64);
                store.take_guest_link(&hash(round), &session, Timestamp(100)).await.unwrap()
            });
        }
        assert_eq!(callers.join_all().await.into_iter().flatten().count(), 1, "round {round}");
    }
}

async fn a_room_has_so_many_guests(world: &World) {
    let stores = [world.open().await, world.open().await];
    let (ada, _) = scene(&stores[0]).await;
    let mut callers = JoinSet::new();
    for number in 3..23 {
        let store = stores[(number % 2) as usize].clone();
        callers.spawn(async move { store.create_guest(&guest(number, ada), 5).await.unwrap() });
    }
    let made = callers.join_all().await;
    assert_eq!(made.iter().filter(|made| **made == GuestMade::Made).count(), 5);
    assert_eq!(made.iter().filter(|made| **made == GuestMade::TooMany).count(), 15);
    // One that is over makes room.
    let store = &stores[0];
    let first = store.guests_of_room(ROOM, Timestamp(50)).await.unwrap().remove(0).person.id;
    store.end_guest(ROOM, first, Timestamp(50)).await.unwrap();
    assert_eq!(store.create_guest(&guest(30, ada), 5).await.unwrap(), GuestMade::Made);
    assert_eq!(store.create_guest(&guest(31, ada), 5).await.unwrap(), GuestMade::TooMany);
    let later = NewGuest { created_at: Timestamp(1_000), expires_at: Timestamp(2_000), ..guest(32, ada) };
    assert_eq!(store.create_guest(&later, 5).await.unwrap(), GuestMade::Made);
    let elsewhere = NewGuest { room: RoomId(8), ..guest(33, ada) };
    assert_eq!(store.create_guest(&elsewhere, 5).await.unwrap(), GuestMade::Gone);
    let by_nobody = NewGuest { voucher: MemberId(404), ..guest(34, ada) };
    assert_eq!(store.create_guest(&by_nobody, 50).await.unwrap(), GuestMade::Gone);
}

async fn guests_go_with_their_room_and_with_who_vouches(world: &World) {
    let store = world.open().await;
    // Ada owns the server as well as the room.
    let ada = crate::invites::owner(&store).await;
    let (ben, eve) = (join(&store, 2, "ben").await, join(&store, 9, "eve").await);
    store.create_room(room(ROOM.0, ada), &[]).await.unwrap();
    for (id, voucher) in [(3, ben), (4, ben), (5, ada), (6, eve)] {
        assert_eq!(made(&store, &guest(id, voucher)).await, GuestMade::Made);
    }
    assert!(taken(&store, 3).await && taken(&store, 5).await && taken(&store, 6).await);
    let known = async |id: u64| store.guest_by_session(&hash(500 + id), Timestamp(100)).await.unwrap().is_some();

    // Suspended: nobody's guest, whatever comes later.
    let act = BranchAct { id: RecordId(1), member: ben, branch: false, author: ada, at: Timestamp(60) };
    store.suspend(&act, "").await.unwrap();
    assert!(!known(3).await && known(5).await);
    assert!(!taken(&store, 4).await);
    assert_eq!(made(&store, &guest(7, ben)).await, GuestMade::Gone);
    store.end_guests_of(&HashSet::from([ben, MemberId(404)]), Timestamp(60)).await.unwrap();
    store.restore(&BranchAct { id: RecordId(2), ..act }).await.unwrap();
    assert!(!known(3).await && !taken(&store, 4).await);

    // Deleted: with everything that was written.
    assert!(known(6).await);
    store.delete_account(eve, &[], &[]).await.unwrap();
    assert!(!known(6).await);
    assert_eq!(store.guests_among(&[guest(6, eve).id]).await.unwrap(), []);

    let epoch = own(&store, ROOM.0).await;
    store.end_room(ROOM, epoch, Timestamp(70), &[] as &[LogRow]).await.unwrap();
    assert!(!known(5).await);
    assert_eq!(made(&store, &guest(8, ada)).await, GuestMade::Gone);
}

async fn former_guests_are_forgotten(world: &World) {
    let store = world.open().await;
    let (ada, _) = scene(&store).await;
    for id in [3, 4, 5] {
        made(&store, &guest(id, ada)).await;
    }
    store.end_guest(ROOM, guest(3, ada).id, Timestamp(50)).await.unwrap();
    let ids = [3, 4, 5].map(|id| guest(id, ada).id);
    let left = async || store.guests_among(&ids).await.unwrap().len();
    assert!(!store.delete_old_guests(Timestamp(50)).await.unwrap());
    assert_eq!(left().await, 3);
    assert!(!store.delete_old_guests(Timestamp(51)).await.unwrap());
    assert_eq!(left().await, 2);
    assert!(!store.delete_old_guests(Timestamp(1_001)).await.unwrap());
    assert_eq!(left().await, 0);
}

async fn an_office_lets_guests_in_as_far_as_its_right_goes(world: &World) {
    let store = world.open().await;
    let (ada, ben) = scene(&store).await;
    let at = Timestamp;
    let office = |act| GuestOffice { delegate: ben, act: RecordId(act) };
    let by = async |id, act| store.create_guest_by(&guest(id, ada), GuestBy::Office(office(act)), 20).await.unwrap();
    let holds = async |id: u128, rights: &[Right]| {
        let grant = Grant::offer(at(1), ada, ben, rights.iter().copied().collect::<Rights>(), 1).unwrap();
        assert_eq!(store.offer_grant(RecordId(id), &grant, "Office").await.unwrap(), GrantOffered::Made);
        assert!(matches!(store.act_on_grant(RecordId(id), ben, Act::Accept, at(2)).await, Ok(GrantActed::Done(_))));
    };
    assert_eq!(by(1, 101).await, GuestMade::NotAllowed);
    holds(1, &[Right::Answer, Right::Schedule, Right::Screen]).await;
    assert_eq!(by(1, 101).await, GuestMade::NotAllowed);
    store.act_on_grant(RecordId(1), ada, Act::Revoke, at(3)).await.unwrap();
    holds(2, &[Right::Guests]).await;
    assert_eq!(by(1, 101).await, GuestMade::Made);
    assert_eq!(made(&store, &guest(2, ada)).await, GuestMade::Made);
    let of_room = store.guests_of_room(ROOM, at(50)).await.unwrap();
    let shown = of_room.iter().map(|one| (one.voucher.id, one.office, one.delegate.as_ref().map(|one| one.id)));
    assert_eq!(shown.collect::<Vec<_>>(), [(ada, true, Some(ben)), (ada, false, None)]);
    // Also those for whom the principal vouches in person; nobody else's, and nothing after the end of the right.
    assert_eq!(made(&store, &guest(3, ben)).await, GuestMade::Made);
    let end = async |id, act| store.end_guest_by_office(ROOM, guest(id, ada).id, office(act), at(60)).await.unwrap();
    assert_eq!(end(3, 102).await, None);
    assert_eq!(end(2, 103).await.map(|ended| ended.voucher), Some(ada));
    assert_eq!(end(2, 104).await, None);
    let log = store.office_acts(ada, None, 10).await.unwrap();
    let log: Vec<_> = log.iter().map(|act| (act.kind.as_str(), act.subject, act.note.as_str())).collect();
    assert_eq!(log, [("guest_revoked", Some(ROOM.0), "Guest 2"), ("guest_asked", Some(ROOM.0), "Guest 1")]);
    store.act_on_grant(RecordId(2), ada, Act::Revoke, at(70)).await.unwrap();
    assert_eq!((end(1, 105).await, by(4, 106).await), (None, GuestMade::NotAllowed));
    assert_eq!(store.guests_of_room(ROOM, at(80)).await.unwrap().len(), 2);
    // What was done stays, without a name, when the delegate is gone.
    store.delete_account(ben, &[], &[]).await.unwrap();
    let of_room = store.guests_of_room(ROOM, at(80)).await.unwrap();
    assert_eq!(of_room.iter().map(|one| (one.office, one.delegate.is_some())).collect::<Vec<_>>(), [(true, false)]);
}

async fn who_answers_an_invitation_makes_one_link_into_its_room(world: &World) {
    let store = world.open().await;
    let (ada, _) = scene(&store).await;
    let at = Timestamp;
    invited(&store, ID, ada, outside(), 10).await;
    store.make_answer_link(ada, &link(1, 900), &hash(901), at(11)).await.unwrap();
    let who = link(1, 900).correspondent;
    let makes = async |id| store.create_guest_by(&guest(id, ada), GuestBy::Correspondent(who), 20).await.unwrap();
    assert_eq!(makes(1).await, GuestMade::NotAllowed, "nobody has taken the link");
    assert!(store.take_answer_link(&hash(901), &hash(902), false, at(12)).await.unwrap().is_some());
    assert_eq!((makes(1).await, makes(2).await), (GuestMade::Made, GuestMade::Made));
    // The one before ends by the next; one that was taken is the only one.
    assert!(!taken(&store, 1).await);
    let open = store.guests_of_room(ROOM, at(50)).await.unwrap();
    assert_eq!(open.iter().map(|one| (one.person.id, one.office)).collect::<Vec<_>>(), [(guest(2, ada).id, false)]);
    assert!(taken(&store, 2).await);
    assert_eq!(makes(3).await, GuestMade::Taken);
    store.end_guest(ROOM, guest(2, ada).id, at(60)).await.unwrap();
    assert_eq!(makes(3).await, GuestMade::Taken, "whoever was put out does not come back by themselves");
    // Another room of the same talk is another matter, and nobody makes one whose say has ended.
    store.create_room(room(8, ada), &[]).await.unwrap();
    let elsewhere = NewGuest { room: RoomId(8), ..guest(4, ada) };
    let again = async |guest: &NewGuest| store.create_guest_by(guest, GuestBy::Correspondent(who), 20).await.unwrap();
    assert_eq!(again(&elsewhere).await, GuestMade::Made);
    store.end_answer_link(ada, ID, at(70)).await.unwrap();
    assert_eq!(again(&NewGuest { room: RoomId(8), ..guest(5, ada) }).await, GuestMade::NotAllowed);
}
