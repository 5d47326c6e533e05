//! Blocks, suspensions and visits, in rounds that the test drives.

use std::collections::HashSet;

use roomtone_room::Role;
use roomtone_room::ids::HouseId;
use roomtone_store::{HouseText, NewHouse, Standing};

use super::*;

impl Scene {
    /// A further member.
    async fn newcomer(&self, handle: &str) -> Caller {
        member(&self.owner.rooms.store, handle).await
    }

    /// A room with its host, Ben and Eve connected, Ben and Eve in the audience.
    async fn with_listeners() -> (Self, Caller, [Client; 3]) {
        let mut scene = Self::open().await;
        let eve = scene.newcomer("eve").await;
        let [host, ben] = [scene.host.clone(), scene.ben.clone()].map(|caller| scene.connect(&caller));
        let eve_client = scene.connect(&eve);
        scene.settle().await;
        (scene, eve, [host, ben, eve_client])
    }

    async fn part(&mut self, blocker: &Caller, blocked: &Caller) {
        let (done, parted) = oneshot::channel();
        self.send(Message::Part { blocker: blocker.member(), blocked: blocked.member(), done });
        self.settle().await;
        parted.await.unwrap();
    }

    fn is_in(&self, caller: &Caller) -> bool {
        self.owner.room.participant(caller.member()).is_some()
    }

    async fn roster(&mut self, viewer: &Caller) -> Vec<MemberId> {
        let (reply, mut page) = oneshot::channel();
        self.send(Message::Roster { viewer: viewer.member(), sought: everybody(), reply });
        self.settle().await;
        page.try_recv().unwrap().unwrap().participants.into_iter().map(|p| p.person.id.0).collect()
    }
}

impl Client {
    /// The messages since it was asked last.
    pub(super) fn messages(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Ok(message) = self.queue.try_recv() {
            let frame = FrameSocket::new(std::io::Cursor::new(message.frame().to_vec())).read(None).unwrap().unwrap();
            messages.push(serde_json::from_slice(frame.payload()).unwrap());
        }
        messages
    }

    /// The events since it was asked last, each with the id of whom it is about.
    fn events(&mut self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let messages = self.messages();
        let events = messages.iter().filter_map(|message| message["events"].as_array()).flatten();
        events
            .map(|numbered| &numbered["event"])
            .map(|event| (text(&event["type"]), text(&event["member"]) + &text(&event["person"]["id"])))
            .collect()
    }
}

/// Somebody who has blocks with these.
fn apart_from(caller: &Caller, others: &[&Caller]) -> Caller {
    let blocked = others.iter().map(|other| other.member()).collect();
    Caller { standing: Some(Arc::new(Standing { blocked, online_hidden: false })), ..caller.clone() }
}

#[tokio::test]
async fn a_moderator_who_blocks_a_listener_removes_them() {
    let (mut scene, eve, [_host, mut ben, mut eve_client]) = Scene::with_listeners().await;
    let host = scene.host.clone();
    scene.part(&host, &eve).await;
    assert!(!scene.is_in(&eve) && scene.room_of(&eve).is_none());
    assert_eq!(eve_client.heard().last().unwrap(), "bye removed");
    assert!(ben.events().contains(&("left".to_owned(), eve.member().to_string())));
    // Nor do they come in again, whichever side's block is known.
    let mut known = scene.connect(&apart_from(&eve, &[&host]));
    scene.owner.apart.add(host.member(), eve.member());
    let mut unknown = scene.connect(&eve);
    scene.settle().await;
    for client in [&mut known, &mut unknown] {
        assert_eq!(client.entered.try_recv().unwrap().unwrap_err().code, Code::RoomNotFound);
    }
    assert!(!scene.is_in(&eve));
}

#[tokio::test]
async fn a_listener_who_blocks_the_stage_leaves_and_nobody_is_acted_on() {
    let (mut scene, eve, [mut host, _ben, mut eve_client]) = Scene::with_listeners().await;
    let (host_caller, ben) = (scene.host.clone(), scene.ben.clone());
    host.events();
    scene.part(&eve, &host_caller).await;
    assert!(scene.is_in(&host_caller) && scene.is_in(&ben) && !scene.is_in(&eve));
    assert_eq!(eve_client.heard().last().unwrap(), "bye left");
    // What the host saw of them is gone as well.
    let messages = host.messages();
    let snapshot = messages.iter().rfind(|message| message["type"] == "snapshot").unwrap();
    assert_eq!(snapshot["audience"]["count"], 1);
}

#[tokio::test]
async fn two_listeners_with_a_block_do_not_see_each_other() {
    let (mut scene, eve, [mut host, mut ben_client, mut eve_client]) = Scene::with_listeners().await;
    let (host_caller, ben) = (scene.host.clone(), scene.ben.clone());
    scene.part(&ben, &eve).await;
    assert!(scene.is_in(&ben) && scene.is_in(&eve));
    for (client, hidden) in [(&mut ben_client, &eve), (&mut eve_client, &ben)] {
        let messages = client.messages();
        let snapshot = messages.iter().rfind(|message| message["type"] == "snapshot").unwrap();
        let first = snapshot["audience"]["first"].as_array().unwrap();
        assert!(first.iter().all(|p| p["person"]["id"] != hidden.member().to_string()), "{first:?}");
        assert_eq!((first.len(), snapshot["audience"]["count"].as_u64()), (1, Some(2)));
    }
    assert_eq!(scene.roster(&ben).await, [host_caller.member(), ben.member()]);
    assert_eq!(scene.roster(&eve).await, [host_caller.member(), eve.member()]);
    assert_eq!(scene.roster(&host_caller).await.len(), 3);

    // Neither hears of the other's coming and going; others do, and both hear of everybody else.
    host.events();
    let joe = scene.newcomer("joe").await;
    scene.send(Message::Disconnected { member: eve.member(), socket: eve_client.number });
    let _joe = scene.connect(&joe);
    scene.settle().await;
    let mut back = scene.connect(&apart_from(&eve, &[&ben]));
    scene.settle().await;
    let entered = ("entered".to_owned(), joe.member().to_string());
    assert_eq!(ben_client.events(), std::slice::from_ref(&entered));
    let about_eve = |kind: &str| (kind.to_owned(), eve.member().to_string());
    assert_eq!(host.events(), [about_eve("connection_lost"), entered, about_eve("returned")]);
    assert!(!back.heard().is_empty());
}

#[tokio::test]
async fn whoever_comes_back_is_not_told_of_those_they_may_not_see() {
    let (mut scene, eve, [_host, ben_client, _eve_client]) = Scene::with_listeners().await;
    let ben = scene.ben.clone();
    scene.part(&ben, &eve).await;
    let since = scene.owner.room.seq();
    scene.send(Message::Disconnected { member: ben.member(), socket: ben_client.number });
    scene.send(Message::Disconnected { member: eve.member(), socket: SocketNo(3) });
    scene.settle().await;
    scene.next += 1;
    let (outgoing, queue) = mpsc::channel(message::SOCKET_QUEUE);
    let (reply, entered) = oneshot::channel();
    let number = SocketNo(scene.next);
    let caller = apart_from(&ben, &[&eve]);
    scene.send(Message::Connect { caller, since: Some(since), socket: number, outgoing, reply });
    scene.settle().await;
    let mut back = Client { number, queue, entered };
    let about: HashSet<String> = back.events().into_iter().map(|(_, whom)| whom).collect();
    assert_eq!(about, [ben.member().to_string()].into());
}

#[tokio::test]
async fn who_comes_on_stage_is_made_way_for() {
    let (mut scene, eve, [host, ben_client, mut eve_client]) = Scene::with_listeners().await;
    let (host_caller, ben) = (scene.host.clone(), scene.ben.clone());
    scene.part(&eve, &ben).await;
    eve_client.heard();
    scene.command(host_caller.member(), &host, Command::OfferStage { member: ben.member() });
    scene.command(ben.member(), &ben_client, Command::AcceptOffer);
    scene.settle().await;
    assert!(scene.is_in(&ben) && !scene.is_in(&eve));
    let told = eve_client.messages();
    assert_eq!(told.last().unwrap()["code"], "left");
    // Not even now is Eve told of Ben.
    let ben_id = ben.member().to_string();
    assert!(!serde_json::to_string(&told).unwrap().contains(&ben_id), "{told:?}");
}

#[tokio::test]
async fn whoever_is_expelled_is_out_at_once_and_inherits_nothing() {
    let (mut scene, mut host, mut ben) = Scene::with_speaker().await;
    let (host_caller, ben_caller) = (scene.host.clone(), scene.ben.clone());
    let mut leg = scene.publish(&ben_caller);
    scene.settle().await;
    assert!(leg.try_recv().unwrap().is_ok());
    ben.heard();
    let (done, expelled) = oneshot::channel();
    scene.send(Message::Expel { members: vec![host_caller.member(), ben_caller.member()], done });
    assert!(matches!(scene.owner.round().await, Some(Stopped::Done)), "nobody is left to run the room");
    expelled.await.unwrap();
    assert_eq!(host.heard().last().unwrap(), "bye session_ended");
    let said = ben.messages();
    assert_eq!(said.last().unwrap()["code"], "session_ended");
    assert!(!said.iter().any(|message| message.to_string().contains("inherited")), "{said:?}");
    assert!(scene.leg(&ben_caller, LegKind::Publish).is_none());
    assert!(scene.room_of(&ben_caller).is_none() && scene.room_of(&host_caller).is_none());
}

#[tokio::test]
async fn a_block_made_on_the_way_in_is_found_out_inside() {
    let (mut scene, eve, [_host, mut ben, mut eve_client]) = Scene::with_listeners().await;
    let (host_caller, ben_caller) = (scene.host.clone(), scene.ben.clone());
    let recheck = |caller: &Caller, others: &[&Caller]| {
        let standing = apart_from(caller, others).standing.unwrap();
        Message::Recheck { member: caller.member(), standing }
    };
    // With another listener it hides, with the stage it puts out.
    scene.send(recheck(&eve, &[&ben_caller]));
    scene.settle().await;
    assert!(scene.is_in(&eve));
    let snapshot = ben.messages().pop().unwrap();
    assert!(!snapshot.to_string().contains(&eve.member().to_string()), "{snapshot}");
    scene.send(recheck(&eve, &[&host_caller]));
    scene.send(recheck(&host_caller, &[&eve]));
    scene.settle().await;
    assert!(!scene.is_in(&eve) && scene.is_in(&host_caller));
    assert_eq!(eve_client.heard().last().unwrap(), "bye left");
}

#[tokio::test]
async fn whoever_was_inside_when_they_asked_is_asked_about_anew() {
    let mut scene = Scene::open().await;
    let mut late = scene.connect(&Caller { standing: None, ..scene.ben.clone() });
    scene.settle().await;
    assert_eq!(late.entered.try_recv().unwrap().unwrap_err().code, Code::Busy);
    assert!(!scene.is_noted(&scene.ben));
}

#[tokio::test]
async fn a_visit_counts_once_there_are_two() {
    let mut scene = Scene::open().await;
    let noted = |scene: &Scene| {
        let visits = format!("{:?}", scene.owner.rooms.around.visits);
        [&scene.host, &scene.ben].map(|caller| visits.contains(&format!("{:?}", caller.member())))
    };
    let _host = scene.connect(&scene.host.clone());
    scene.settle().await;
    assert_eq!(noted(&scene), [false, false]);
    let _ben = scene.connect(&scene.ben.clone());
    scene.settle().await;
    assert_eq!(noted(&scene), [true, true]);
}

/// Let in as a member of the house, and banned from it before the room knew of them: the ban found nobody to put out.
#[tokio::test]
async fn whoever_is_put_out_of_the_house_on_the_way_in_is_out() {
    let mut scene = Scene::open().await;
    let (host, ben) = (scene.host.clone(), scene.ben.clone());
    let rooms = scene.owner.rooms.clone();
    let text = HouseText {
        name: "Tea".to_owned(),
        about: String::new(),
        rules: String::new(),
        language: "en".to_owned(),
        private: true,
        nominated: true,
    };
    let house = NewHouse { id: HouseId(7), handle: "tea".to_owned(), skeleton: "tea".to_owned(), text };
    rooms.store.create_house(&house, host.member(), edge::now()).await.unwrap();
    scene.list();
    let badge = rooms.store.room_house(house.id).await.unwrap();
    let _host = scene.connect(&host);
    scene.send(Message::House(badge));
    scene.settle().await;
    let as_of = rooms.sign_outs();
    rooms.put_out_of_house(house.id, ben.member()).await;
    let mut late = scene.connect(&ben);
    scene.settle().await;
    assert!(scene.is_in(&ben));
    for caller in [&ben, &host] {
        rooms.end_if_signed_out(caller.member(), caller.session, as_of).await.unwrap();
    }
    scene.settle().await;
    assert!(!scene.is_in(&ben) && scene.is_in(&host), "members stay");
    assert_eq!(late.heard().last().unwrap(), "bye removed");
}

#[tokio::test]
async fn who_accepts_a_call_comes_on_stage_with_the_microphone_off() {
    let mut scene = Scene::open().await;
    let (host, ben, eve) = (scene.host.clone(), scene.ben.clone(), scene.newcomer("eve").await);
    let mut host_client = scene.connect(&host);
    scene.settle().await;
    scene.send(Message::ComeOnStage { member: ben.member() });
    let _clients = [scene.connect(&ben), scene.connect(&eve)];
    scene.settle().await;
    let role = |scene: &Scene, caller: &Caller| {
        let participant = scene.owner.room.participant(caller.member()).unwrap();
        (participant.role, participant.mic)
    };
    assert_eq!(role(&scene, &ben), (Role::Speaker, false));
    assert_eq!(role(&scene, &eve), (Role::Listener, false));
    let told = ("role_changed".to_owned(), ben.member().to_string());
    assert!(host_client.events().contains(&told));
    // Also who is in the room already, and once: whoever steps down and comes again is a listener.
    scene.send(Message::ComeOnStage { member: eve.member() });
    scene.settle().await;
    assert_eq!(role(&scene, &eve).0, Role::Speaker);
    let (done, left) = oneshot::channel();
    scene.send(Message::Elsewhere { member: eve.member(), done });
    scene.settle().await;
    left.await.unwrap();
    let _back = scene.connect(&eve);
    scene.settle().await;
    assert_eq!(role(&scene, &eve).0, Role::Listener);
}

#[tokio::test]
async fn a_new_name_is_shown_to_those_who_see_them() {
    let (mut scene, eve, [mut host, ben_client, mut eve_client]) = Scene::with_listeners().await;
    let (host_caller, ben) = (scene.host.clone(), scene.ben.clone());
    scene.part(&ben, &eve).await;
    for client in [&mut host, &mut eve_client] {
        client.messages();
    }
    let renamed = |caller: &Caller, name: &str| Person { name: name.to_owned(), ..caller.person.clone() };
    scene.send(Message::Person(renamed(&ben, "Benjamin")));
    scene.send(Message::Person(renamed(&host_caller, "Ada L.")));
    scene.settle().await;
    let told = |client: &mut Client| -> Vec<String> {
        let messages = client.messages();
        let names = messages.iter().filter(|message| message["type"] == "renamed");
        names.map(|message| message["person"]["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(told(&mut host), ["Benjamin", "Ada L."]);
    assert_eq!(told(&mut eve_client), ["Ada L."], "there is a block");
    assert_eq!(scene.handle.summary().card.host.name, "Ada L.");
    // The same again, and somebody unknown, is nothing.
    scene.send(Message::Person(renamed(&ben, "Benjamin")));
    let stranger = scene.newcomer("joe").await;
    scene.send(Message::Person(stranger.person.clone()));
    scene.settle().await;
    assert!(told(&mut host).is_empty());
    // Whoever was away meanwhile gets a snapshot, since no event tells of it.
    let since = scene.owner.room.seq();
    scene.send(Message::Disconnected { member: ben.member(), socket: ben_client.number });
    scene.settle().await;
    scene.next += 1;
    let (outgoing, queue) = mpsc::channel(message::SOCKET_QUEUE);
    let (reply, entered) = oneshot::channel();
    let number = SocketNo(scene.next);
    scene.send(Message::Connect {
        caller: apart_from(&ben, &[&eve]),
        since: Some(since),
        socket: number,
        outgoing,
        reply,
    });
    scene.settle().await;
    assert_eq!(Client { number, queue, entered }.heard()[0], "snapshot");
}
