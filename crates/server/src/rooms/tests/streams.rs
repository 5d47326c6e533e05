//! Plain streams: they are listen legs, and keep a listener without a control socket in the room.

use super::*;
use crate::line::Line;
use crate::mix::Pages;

impl Scene {
    /// Asks for a stream over a connection that the test holds.
    fn stream(&self, caller: &Caller) -> (Answer<Pages>, LegId, Arc<Line>) {
        let (leg, line, (reply, made)) = (LegId(edge::random_128()), Arc::<Line>::default(), oneshot::channel());
        let request = message::StreamRequest { caller: caller.clone(), leg, line: line.clone(), reply };
        self.send(Message::Stream(request));
        (made, leg, line)
    }

    fn is_connected(&self, caller: &Caller) -> Option<bool> {
        self.owner.room.participant(caller.member()).map(|participant| participant.connected)
    }
}

#[tokio::test]
async fn a_stream_and_a_leg_take_each_others_place() {
    let mut scene = Scene::open().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (_host, mut client) = (scene.connect(&ada), scene.connect(&ben));
    scene.settle().await;
    client.heard();
    let listening = scene.listen(&ben);
    scene.settle().await;
    let leg = listening.await.unwrap().unwrap().leg;
    let (made, stream, line) = scene.stream(&ben);
    scene.settle().await;
    let _pages = made.await.unwrap().unwrap();
    assert!(scene.owner.legs.get(leg).is_none() && !line.is_cut());
    assert_eq!(scene.leg(&ben, LegKind::Listen), Some(stream));
    assert_eq!(client.heard(), ["leg_ended"]);
    let (made, second, second_line) = scene.stream(&ben);
    scene.settle().await;
    let _pages = made.await.unwrap().unwrap();
    assert!(line.is_cut() && !second_line.is_cut());
    let listening = scene.listen(&ben);
    scene.settle().await;
    assert!(second_line.is_cut() && scene.owner.legs.get(second).is_none());
    assert_eq!(Some(listening.await.unwrap().unwrap().leg), scene.leg(&ben, LegKind::Listen));
    assert_eq!((scene.owner.legs.listening(), scene.is_connected(&ben)), (1, Some(true)));
    // What is told of it later is not new.
    scene.lose_leg(stream);
    scene.settle().await;
    assert!(scene.leg(&ben, LegKind::Listen).is_some());
}

#[tokio::test]
async fn whoever_streams_is_here_without_a_socket() {
    let mut scene = Scene::open().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (_host, client) = (scene.connect(&ada), scene.connect(&ben));
    scene.settle().await;
    let (made, stream, _line) = scene.stream(&ben);
    scene.settle().await;
    let _pages = made.await.unwrap().unwrap();
    scene.send(Message::Disconnected { member: ben.member(), socket: client.number });
    scene.settle().await;
    assert_eq!(scene.is_connected(&ben), Some(true), "a locked phone is still here");
    // Players come back after a tunnel.
    scene.lose_leg(stream);
    scene.settle().await;
    assert_eq!(scene.is_connected(&ben), Some(false));
    let (made, stream, _line) = scene.stream(&ben);
    scene.settle().await;
    let _pages = made.await.unwrap().unwrap();
    assert_eq!(scene.is_connected(&ben), Some(true));
    // The socket is what counts once there is one.
    let client = scene.connect(&ben);
    scene.settle().await;
    scene.lose_leg(stream);
    scene.settle().await;
    assert_eq!(scene.is_connected(&ben), Some(true));
    scene.send(Message::Disconnected { member: ben.member(), socket: client.number });
    scene.settle().await;
    assert_eq!(scene.is_connected(&ben), Some(false));
    // A player that says that it is done has left.
    let (made, stream, line) = scene.stream(&ben);
    scene.settle().await;
    let _pages = made.await.unwrap().unwrap();
    let ended = scene.end_leg(ben.member(), stream);
    scene.settle().await;
    assert!(ended.await.unwrap().is_ok() && line.is_cut());
    assert_eq!(scene.is_connected(&ben), None);
}

#[tokio::test]
async fn the_stage_does_not_stream() {
    let (mut scene, host, client) = Scene::with_speaker().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (made, ..) = scene.stream(&ben);
    scene.settle().await;
    assert_eq!(refused(made.await.unwrap()), Some(Code::AlreadyOnStage));
    scene.command(ben.member(), &client, Command::StepDown);
    scene.settle().await;
    let (made, _, line) = scene.stream(&ben);
    scene.settle().await;
    let _pages = made.await.unwrap().unwrap();
    assert!(!line.is_cut());
    scene.command(ada.member(), &host, Command::OfferStage { member: ben.member() });
    scene.command(ben.member(), &client, Command::AcceptOffer);
    scene.settle().await;
    assert!(line.is_cut() && scene.leg(&ben, LegKind::Listen).is_none());
    assert_eq!(scene.is_connected(&ben), Some(true), "by the socket");
}

#[tokio::test]
async fn a_room_that_is_over_cuts_its_streams() {
    let mut scene = Scene::open().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (host, (made, _, line)) = (scene.connect(&ada), scene.stream(&ben));
    scene.settle().await;
    let _pages = made.await.unwrap().unwrap();
    scene.command(ada.member(), &host, Command::End);
    assert!(matches!(scene.owner.round().await, Some(Stopped::Done)));
    assert!(line.is_cut());
}
