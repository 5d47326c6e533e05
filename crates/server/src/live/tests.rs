//! What pages are told, and what happens to those that do not keep up.

use roomtone_room::ids::{MemberId, RecordId};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

use super::*;
use crate::media_io::{Media, Options, Packing};
use crate::recorder::Recorder;
use crate::rooms::Around;
use crate::wire::Id;

struct Scene {
    live: Arc<Live>,
    rooms: Arc<Rooms>,
    _data: TempDir,
}

const ADA: MemberId = MemberId(1);

impl Scene {
    async fn with_places(places: usize) -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).await.unwrap();
        let options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            addresses: Vec::new(),
            offer_loopback: true,
            threads: 1,
            packing: Packing::Auto,
        };
        let (media, reports) = Media::start(&options).unwrap();
        let live = Live::new(store.clone(), places);
        let around = Around {
            live: live.clone(),
            visits: Arc::default(),
            speaking: Box::new(|_, _| {}),
            called_up: Box::new(|_, _, _| {}),
            moderated: Box::new(|_, _| {}),
            ended: Box::new(|| {}),
        };
        let recorder = Arc::new(Recorder::start(data.path()).unwrap());
        let rooms = Rooms::start(store, Arc::new(media), reports, recorder, usize::MAX, around).await.unwrap();
        live.start(rooms.clone());
        Self { live, rooms, _data: data }
    }

    fn open(&self, member: MemberId, session: u8) -> Option<Hearing> {
        let name = member.to_string();
        let person = Person { id: Id(member), handle: name.clone(), name, avatar: None };
        self.live.open(&self.rooms, person, [session; 32])
    }
}

impl Hearing {
    /// What waits in the queue, one word each; a goodbye with its code. The second says whether the queue has ended.
    fn heard(&mut self) -> (Vec<String>, bool) {
        let mut heard = Vec::new();
        loop {
            match self.queue.try_recv() {
                Ok(message) => {
                    let frame = FrameSocket::new(std::io::Cursor::new(message.frame().to_vec())).read(None);
                    let frame = frame.unwrap().unwrap();
                    let message: LiveMessage = serde_json::from_slice(frame.payload()).unwrap();
                    heard.push(match message {
                        LiveMessage::Bye { code, .. } => format!("bye {code:?}"),
                        LiveMessage::CallOver { id } => format!("over {}", id.0.0),
                        other => format!("{other:?}"),
                    });
                }
                Err(error) => return (heard, error == mpsc::error::TryRecvError::Disconnected),
            }
        }
    }
}

fn over(number: usize) -> LiveMessage {
    LiveMessage::CallOver { id: Id(RecordId(number as u128)) }
}

#[tokio::test]
async fn every_page_of_a_member_is_told_and_nobody_elses() {
    let scene = Scene::with_places(10).await;
    let mut pages = [scene.open(ADA, 1).unwrap(), scene.open(ADA, 2).unwrap()];
    let mut other = scene.open(MemberId(2), 3).unwrap();
    scene.live.tell(ADA, over(7));
    for page in &mut pages {
        assert_eq!(page.heard(), (vec!["over 7".to_owned()], false));
    }
    assert_eq!(other.heard(), (Vec::new(), false));
    assert!(scene.live.is_open(ADA) && !scene.live.is_open(MemberId(3)));
    scene.live.tell(MemberId(3), over(1));
}

#[tokio::test]
async fn a_page_that_does_not_read_is_let_go_and_the_others_are_not() {
    let scene = Scene::with_places(10).await;
    let (mut slow, mut quick) = (scene.open(ADA, 1).unwrap(), scene.open(ADA, 2).unwrap());
    for number in 0..=QUEUE {
        scene.live.tell(ADA, over(number));
        assert_eq!(quick.heard().0, [format!("over {number}")]);
    }
    let (heard, ended) = slow.heard();
    assert_eq!((heard.len(), ended), (QUEUE, true), "without a goodbye, for which there was no room");
    scene.live.closed(ADA, slow.number);
    assert!(scene.live.is_open(ADA));
    scene.live.closed(ADA, quick.number);
    assert!(!scene.live.is_open(ADA));
}

#[tokio::test]
async fn sessions_and_members_are_cut_with_a_goodbye() {
    let scene = Scene::with_places(10).await;
    let (mut one, mut two, mut other) =
        (scene.open(ADA, 1).unwrap(), scene.open(ADA, 2).unwrap(), scene.open(MemberId(2), 1).unwrap());
    let gone = || (vec!["bye SessionEnded".to_owned()], true);
    scene.live.end_session(ADA, [1; 32]);
    assert_eq!((one.heard(), two.heard(), other.heard()), (gone(), (vec![], false), (vec![], false)));
    scene.live.expel(&[ADA, MemberId(9)].into());
    assert_eq!((two.heard(), other.heard()), (gone(), (vec![], false)));
    assert!(!scene.live.is_open(ADA));
    scene.live.shut_down();
    assert_eq!(other.heard(), (vec!["bye ShuttingDown".to_owned()], true));
    assert!(scene.open(ADA, 3).is_none(), "the server stops");
}

#[tokio::test]
async fn the_oldest_of_too_many_pages_goes() {
    let scene = Scene::with_places(100).await;
    let mut pages: Vec<_> = (0..=SOCKETS).map(|session| scene.open(ADA, session as u8).unwrap()).collect();
    assert_eq!(pages[0].heard(), (vec!["bye Replaced".to_owned()], true));
    for page in &mut pages[1..] {
        assert_eq!(page.heard(), (vec![], false));
    }
}

#[tokio::test]
async fn there_are_as_many_places_as_there_are_files() {
    let scene = Scene::with_places(2).await;
    let (one, _two) = (scene.open(ADA, 1).unwrap(), scene.open(MemberId(2), 1).unwrap());
    assert!(scene.open(MemberId(3), 1).is_none());
    scene.live.closed(ADA, one.number);
    drop(one);
    let mut three = scene.open(MemberId(3), 1).unwrap();
    assert!(scene.open(MemberId(4), 1).is_none());
    // People in rooms come first: two of them leave no place for anybody else.
    for (member, room) in [(10, 1), (11, 1)] {
        let coming = scene.rooms.come_to(MemberId(member), roomtone_room::ids::RoomId(room)).await.unwrap();
        std::mem::forget(coming);
    }
    scene.live.make_room(&scene.rooms);
    assert_eq!(three.heard(), (vec!["bye ServerFull".to_owned()], true));
}

#[tokio::test]
async fn a_hallway_that_was_not_sent_is_replaced() {
    let scene = Scene::with_places(10).await;
    let mut page = scene.open(ADA, 1).unwrap();
    let listening = scene.live.of(ADA).unwrap();
    for number in 0..3 {
        let message = Outgoing::from(&over(number));
        lock(&listening.state).ears.iter().for_each(|ear| drop(ear.hallway.send_replace(Some(message.clone()))));
    }
    let newest = page.hallway.borrow_and_update().clone().unwrap();
    assert_eq!(newest.frame(), Outgoing::from(&over(2)).frame());
    assert!(!page.hallway.has_changed().unwrap());
}

#[tokio::test]
async fn what_changes_while_it_is_looked_up_is_looked_up_again() {
    let (app, _data) = crate::app::tests::idle().await;
    let ada = app.newcomer("ada").await;
    let me = ada.member.person.id;
    let _page = app.live.open(&app.rooms, ada.member.person.into(), ada.session).unwrap();
    let viewer = app.live.of(me).unwrap();
    // A block is made after the store has answered, and before the answer is kept.
    let late = async {
        let found = Facts::look_up(&app.store, me).await;
        app.live.changed(me);
        found
    };
    assert!(hub::learn(&app.live, &app.rooms, &viewer, late).await.is_none());
    // The task may have looked it up by now, but later than the change.
    let version = lock(&viewer.state).version;
    assert_eq!(version, 1);
    let facts = hub::learn(&app.live, &app.rooms, &viewer, Facts::look_up(&app.store, me)).await.unwrap();
    assert!(Arc::ptr_eq(&facts, lock(&viewer.state).facts.as_ref().unwrap()));
}

#[tokio::test]
async fn a_hub_that_starts_again_knows_who_is_here() {
    let (app, _data) = crate::app::tests::idle().await;
    let ada = app.newcomer("ada").await;
    let mut page = app.live.open(&app.rooms, ada.member.person.clone().into(), ada.session).unwrap();
    page.hallway.changed().await.unwrap();
    // The former one ends here, with everybody's turns.
    app.live.start(app.rooms.clone());
    page.hallway.borrow_and_update();
    let opening = roomtone_room::Opening::new("A room", roomtone_room::Kind::Open, "en");
    app.rooms.open(ada.member.person.id, opening).await.unwrap();
    // Only a failing test ever waits that long.
    tokio::time::timeout(std::time::Duration::from_secs(30), page.hallway.changed()).await.unwrap().unwrap();
}
