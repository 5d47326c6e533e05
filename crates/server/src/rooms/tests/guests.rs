//! Guests in rounds that the test drives: what happens to them at the same moment.

use roomtone_room::{GuestPass, Role};
use roomtone_store::NewGuest;

use super::*;
use crate::rooms::message::{Proof, Vouched};

impl Scene {
    /// A guest of the host's, for whom there is a link.
    async fn guest(&mut self, name: &str) -> Caller {
        let (code, session, now) = (edge::Secret::draw(), edge::Secret::draw(), edge::now());
        let (room, by, until) = (self.owner.room.id(), self.host.person.clone(), now.plus(60_000));
        let id = MemberId(edge::random_128());
        let guest = NewGuest {
            id,
            room,
            voucher: by.id.0,
            code: code.hash,
            name: name.to_owned(),
            context: None,
            created_at: now,
            expires_at: until,
        };
        let store = &self.owner.rooms.store;
        store.create_guest(&guest, 20).await.unwrap();
        store.take_guest_link(&code.hash, &session.hash, now).await.unwrap().unwrap();
        Caller {
            person: Person { id: Id(id), handle: String::new(), name: name.to_owned(), avatar: None },
            session: session.hash,
            as_of: self.owner.rooms.sign_outs(),
            followed_by_moderator: false,
            standing: None,
            guest: Some(Vouched { room, by, until }),
        }
    }

    fn role(&self, caller: &Caller) -> Option<Role> {
        self.owner.room.participant(caller.member()).map(|p| p.role)
    }
}

#[tokio::test]
async fn one_who_knocks_and_is_let_in_at_once_hears_of_the_room_once() {
    let mut scene = Scene::open().await;
    let host = scene.connect(&scene.host.clone());
    let grace = scene.guest("Grace").await;
    scene.settle().await;
    let mut first = scene.connect(&grace);
    scene.command(scene.host.member(), &host, Command::Admit { guest: grace.member() });
    scene.settle().await;
    assert_eq!(first.heard(), ["snapshot"]);
    assert_eq!(scene.role(&grace), Some(Role::Speaker));
    assert!(scene.is_noted(&grace));

    // Let in while a second page opens: the first is replaced whatever it was told.
    let hedy = scene.guest("Hedy").await;
    let mut one = scene.connect(&hedy);
    scene.settle().await;
    assert_eq!(one.heard(), ["waiting"]);
    assert!(!scene.is_noted(&hedy), "who waits takes no place");
    scene.command(scene.host.member(), &host, Command::Admit { guest: hedy.member() });
    let mut other = scene.connect(&hedy);
    scene.settle().await;
    assert_eq!((one.heard(), other.heard()), (vec!["bye replaced".to_owned()], vec!["snapshot".to_owned()]));

    // Let in and lost.
    let mary = scene.guest("Mary").await;
    let gone = scene.connect(&mary);
    scene.settle().await;
    scene.command(scene.host.member(), &host, Command::Admit { guest: mary.member() });
    scene.send(Message::Disconnected { member: mary.member(), socket: gone.number });
    scene.settle().await;
    assert!(scene.owner.room.participant(mary.member()).is_some_and(|p| !p.connected));
    assert!(scene.owner.knocking.is_empty());
}

#[tokio::test]
async fn one_who_is_turned_away_and_knocks_at_once_waits_anew() {
    let mut scene = Scene::open().await;
    let host = scene.connect(&scene.host.clone());
    let grace = scene.guest("Grace").await;
    scene.settle().await;
    let mut first = scene.connect(&grace);
    scene.command(scene.host.member(), &host, Command::TurnAway { guest: grace.member() });
    let mut second = scene.connect(&grace);
    scene.settle().await;
    assert_eq!(first.heard(), ["bye turned_away"]);
    assert_eq!(second.heard(), ["waiting"]);
    assert!(scene.owner.room.waiting().contains_key(&grace.member()));
    // The end of the older page is nothing to the newer.
    scene.send(Message::Disconnected { member: grace.member(), socket: first.number });
    scene.settle().await;
    assert!(scene.owner.room.waiting().contains_key(&grace.member()));
    scene.send(Message::Disconnected { member: grace.member(), socket: second.number });
    scene.settle().await;
    assert!(scene.owner.room.waiting().is_empty() && scene.owner.knocking.is_empty());
}

#[tokio::test]
async fn a_guest_is_nobody_to_have_been_with_and_comes_by_no_leg() {
    let mut scene = Scene::open().await;
    let host = scene.connect(&scene.host.clone());
    let grace = scene.guest("Grace").await;
    let mut leg = scene.listen(&grace);
    scene.settle().await;
    assert_eq!(leg.try_recv().unwrap().unwrap_err().code, Code::NotInRoom);
    let _grace = scene.connect(&grace);
    scene.command(scene.host.member(), &host, Command::Admit { guest: grace.member() });
    scene.settle().await;
    let visits = |scene: &Scene| format!("{:?}", scene.owner.rooms.around.visits);
    assert!(!visits(&scene).contains(&format!("{:?}", scene.host.member())), "a guest is no company");
    let _ben = scene.connect(&scene.ben.clone());
    scene.settle().await;
    for (caller, counts) in [(&scene.host, true), (&scene.ben, true), (&grace, false)] {
        assert_eq!(visits(&scene).contains(&format!("{:?}", caller.member())), counts);
    }
    // Nor is one shown to those outside.
    let summary = scene.handle.summary();
    assert_eq!((summary.card.on_stage, summary.card.stage.len()), (2, 1));
    assert_eq!(scene.owner.rooms.presence().find(grace.member()), None);
}

/// The pass ends when the guest has been looked up already, and finds no socket to close.
#[tokio::test]
async fn a_pass_that_ends_on_the_way_in_ends_what_it_opened() {
    let mut scene = Scene::open().await;
    let _host = scene.connect(&scene.host.clone());
    let grace = scene.guest("Grace").await;
    scene.settle().await;
    scene.list();
    let (rooms, room) = (scene.owner.rooms.clone(), scene.owner.room.id());
    let proof: Proof = grace.proof();
    assert!(rooms.end_if_over(&proof).await.is_ok());
    assert!(rooms.store.end_guest(room, grace.member(), edge::now()).await.unwrap().is_some());
    let ending = {
        let rooms = rooms.clone();
        tokio::spawn(async move { rooms.end_pass(room, proof.member, None).await })
    };
    tokio::task::yield_now().await;
    scene.settle().await;
    ending.await.unwrap();
    let mut late = scene.connect(&grace);
    scene.settle().await;
    assert_eq!(late.heard(), ["waiting"]);
    let looked = tokio::spawn(async move { rooms.end_if_over(&proof).await });
    while !looked.is_finished() {
        tokio::task::yield_now().await;
        scene.settle().await;
    }
    assert_eq!(looked.await.unwrap().unwrap_err().code, Code::NotSignedIn);
    assert_eq!(late.heard(), ["bye pass_ended"]);
}

/// Who vouches is forgotten, however the guest came in meanwhile.
#[tokio::test]
async fn nobody_is_the_guest_of_somebody_who_is_gone() {
    let mut scene = Scene::open().await;
    let host = scene.connect(&scene.host.clone());
    let mut grace = scene.guest("Grace").await;
    let by = scene.ben.person.clone();
    let vouched = grace.guest.as_mut().unwrap();
    vouched.by = by.clone();
    let pass = GuestPass { by: by.id.0, until: vouched.until };
    let mut inside = scene.connect(&grace);
    scene.settle().await;
    scene.command(scene.host.member(), &host, Command::Admit { guest: grace.member() });
    scene.settle().await;
    assert_eq!(scene.owner.room.participant(grace.member()).unwrap().pass, Some(pass));
    inside.heard();
    let (done, _) = oneshot::channel();
    scene.send(Message::Forget { member: by.id.0, done });
    scene.settle().await;
    assert_eq!(inside.heard().last().unwrap(), "bye pass_ended");
}
