//! Rounds with chosen messages: orders within one batch that no client from outside can force.

mod evidence;
mod guests;
mod recording;
mod sheet;
mod social;
mod streams;

use std::collections::BTreeMap;

use roomtone_media::feed::Tier;
use roomtone_media::leg::LegId;
use roomtone_media::sdp::Offer;
use roomtone_media::shard::{EndReason, LegEvent};
use roomtone_room::ids::{CommandId, RoleEpoch};
use roomtone_room::{Command, Kind};
use roomtone_store::{NewInvite, NewMember, NewSession};
use serde_json::Value;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

use super::message::{Caller, LegRequest, NewLeg, Outgoing};
use super::owner::Stopped;
use super::*;
use crate::media_io::{Options, Packing};
use crate::recorder::Recorder;
use crate::wire::Id;
use crate::wire::socket::{LegKind, Person};

type Answer<T> = oneshot::Receiver<Result<T, ApiError>>;

/// A room whose rounds the test drives, opened by [`Scene::host`].
struct Scene {
    owner: Owner,
    handle: Handle,
    host: Caller,
    ben: Caller,
    next: u64,
    /// Sets how much the media threads have to do.
    load: Box<dyn Fn(Load)>,
    _data: TempDir,
}

impl Handle {
    /// A handle of a room that somebody else owns: whoever has the receiver.
    pub(crate) fn without_owner() -> (Self, mpsc::Receiver<Message>) {
        let (inbox, messages) = mpsc::channel(1);
        let summary = Summary::of(&Room::empty(), &HashMap::new(), None, &BTreeMap::new());
        (
            Self {
                inbox,
                summary: watch::channel(Arc::new(summary)).1,
                reactions: Arc::default(),
                followed: Arc::default(),
            },
            messages,
        )
    }
}

impl Around {
    /// For rooms of which nobody is told.
    fn nobody(store: &Store) -> Self {
        Self {
            live: Live::new(store.clone(), usize::MAX),
            visits: Arc::default(),
            speaking: Box::new(|_, _| {}),
            called_up: Box::new(|_, _, _| {}),
            moderated: Box::new(|_, _| {}),
            ended: Box::new(|| {}),
        }
    }
}

/// A control socket as the room's owner sees it.
struct Client {
    number: SocketNo,
    queue: mpsc::Receiver<Outgoing>,
    entered: Answer<()>,
}

impl Client {
    /// What was sent to it so far, one word each; a goodbye with its code.
    fn heard(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        while let Ok(message) = self.queue.try_recv() {
            let frame = FrameSocket::new(std::io::Cursor::new(message.frame().to_vec())).read(None).unwrap().unwrap();
            let message: Value = serde_json::from_slice(frame.payload()).unwrap();
            let text = |field: &str| message[field].as_str().unwrap_or_default().to_owned();
            heard.push(if text("type") == "bye" { format!("bye {}", text("code")) } else { text("type") });
        }
        heard
    }
}

impl Scene {
    async fn open() -> Self {
        Self::open_packing(Packing::Auto).await
    }

    async fn open_packing(packing: Packing) -> Self {
        Self::open_with(packing, async |_, _, _| Opening::new("A room", Kind::Open, "en")).await
    }

    /// With what is said of the room for its host and Ben, who are members by then.
    async fn open_with(packing: Packing, opening: impl AsyncFnOnce(&Store, &Caller, &Caller) -> Opening) -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).await.unwrap();
        let (host, ben) = (member(&store, "ada").await, member(&store, "ben").await);
        let options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            addresses: Vec::new(),
            offer_loopback: true,
            threads: 1,
            packing,
        };
        let (mut media, reports) = Media::start(&options).unwrap();
        let recorder = Arc::new(Recorder::start(data.path()).unwrap());
        let load = Box::new(media.add_load());
        let rooms = Rooms::start(store.clone(), Arc::new(media), reports, recorder, usize::MAX, Around::nobody(&store))
            .await
            .unwrap();
        let id = RoomId(edge::random_128());
        let opening = opening(&store, &host, &ben).await;
        let title = opening.title.clone();
        let (room, events) = Room::open(edge::now(), id, host.member(), opening);
        let row = |numbered: &Numbered| {
            let (seq, at, body) = (numbered.seq.0, numbered.at, write_event(&numbered.event));
            LogRow { seq, at, member: author(&numbered.event), command: None, body }
        };
        let rows: Vec<_> = events.iter().map(row).collect();
        store
            .create_room(NewRoom { id, opened_at: edge::now(), title, host: host.member(), house: None }, &rows)
            .await
            .unwrap();
        let (inbox, messages) = mpsc::channel(INBOX);
        let (owner, summary, _) = Owner::new(rooms, room, messages).await.unwrap();
        let handle = Handle { inbox, summary, reactions: owner.chatter.reactions.clone(), followed: Arc::default() };
        Self { owner, handle, host, ben, next: 0, load, _data: data }
    }

    /// A room with its host and Ben connected, Ben on stage.
    async fn with_speaker() -> (Self, Client, Client) {
        let mut scene = Self::open().await;
        let host = scene.connect(&scene.host.clone());
        let ben = scene.connect(&scene.ben.clone());
        scene.settle().await;
        let (ada_id, ben_id) = (scene.host.member(), scene.ben.member());
        scene.command(ada_id, &host, Command::OfferStage { member: ben_id });
        scene.command(ben_id, &ben, Command::AcceptOffer);
        scene.settle().await;
        (scene, host, ben)
    }

    /// Carries out everything that was sent, which makes one round unless the owner parts it.
    async fn settle(&mut self) {
        while !self.owner.inbox.is_empty() || !self.owner.waiting.is_empty() {
            assert!(self.owner.round().await.is_none(), "the room goes on");
        }
    }

    fn send(&self, message: Message) {
        self.handle.send(message).unwrap();
    }

    fn connect(&mut self, caller: &Caller) -> Client {
        self.next += 1;
        let (outgoing, queue) = mpsc::channel(message::SOCKET_QUEUE);
        let (reply, entered) = oneshot::channel();
        let number = SocketNo(self.next);
        self.send(Message::Connect { caller: caller.clone(), since: None, socket: number, outgoing, reply });
        Client { number, queue, entered }
    }

    /// Sends a command with whatever role epoch its sender has by now.
    fn command(&mut self, member: MemberId, from: &Client, command: Command) {
        self.next += 1;
        let role_epoch = self.owner.room.participant(member).map_or(RoleEpoch(0), |p| p.role_epoch);
        let id = CommandId(self.next.into());
        self.send(Message::Command { member, socket: from.number, id, role_epoch, command, about: None });
    }

    fn listen(&self, caller: &Caller) -> Answer<NewLeg> {
        let (reply, made) = oneshot::channel();
        let offer = Box::new(Offer::parse(&offer("recvonly")).unwrap());
        let wants = offer.listen_slots().unwrap();
        self.send(Message::Listen(LegRequest { caller: caller.clone(), offer, wants, reply }));
        made
    }

    fn publish(&self, caller: &Caller) -> Answer<NewLeg> {
        let (reply, made) = oneshot::channel();
        let offer = Box::new(Offer::parse(&offer("sendonly")).unwrap());
        let wants = Box::new(offer.publish().unwrap());
        self.send(Message::Publish(LegRequest { caller: caller.clone(), offer, wants, reply }));
        made
    }

    fn end_leg(&self, member: MemberId, leg: LegId) -> Answer<()> {
        let (reply, ended) = oneshot::channel();
        self.send(Message::EndLeg { member, leg, reply });
        ended
    }

    fn lose_leg(&self, leg: LegId) {
        let event = LegEvent::Ended(EndReason::ConsentLost);
        self.send(Message::Report(Report { leg, room: self.owner.room.id(), event }));
    }

    fn leg(&self, caller: &Caller, kind: LegKind) -> Option<LegId> {
        self.owner.legs.of(caller.member(), kind)
    }

    fn tier(&self, caller: &Caller) -> Option<Tier> {
        self.leg(caller, LegKind::Listen).and_then(|leg| self.owner.legs.get(leg)).map(|leg| leg.tier)
    }

    fn is_noted(&self, caller: &Caller) -> bool {
        self.room_of(caller) == Some(self.owner.room.id())
    }

    fn room_of(&self, caller: &Caller) -> Option<RoomId> {
        self.owner.rooms.presence().room_of(caller.member())
    }

    /// Makes the room one that others find by its id.
    fn list(&self) {
        let mut live = self.owner.rooms.live.write().unwrap();
        live.insert(self.owner.room.id(), self.handle.clone());
    }
}

async fn member(store: &Store, handle: &str) -> Caller {
    let (code, session) = (edge::Secret::draw(), edge::Secret::draw());
    let at = edge::now();
    let invite = NewInvite { hash: code.hash, owner: false, sponsor: None, created_at: at, expires_at: None };
    store.create_invite(invite).await.unwrap();
    let (id, name, language) = (MemberId(edge::random_128()), handle.to_owned(), "en".to_owned());
    let own = || handle.to_owned();
    let member = NewMember { id, handle: own(), skeleton: own(), name: name.clone(), language };
    let new_session = NewSession { hash: session.hash, label: "test".to_owned() };
    store.redeem(&code.hash, at, member, new_session).await.unwrap();
    let person = Person { id: Id(id), handle: handle.to_owned(), name, avatar: None };
    Caller {
        person,
        session: session.hash,
        as_of: SignOuts(0),
        followed_by_moderator: false,
        standing: Some(Arc::default()),
        guest: None,
    }
}

fn offer(direction: &str) -> String {
    let fingerprint = vec!["AB"; 32].join(":");
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:EsAw\r\n\
         a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n\
         a=mid:0\r\na={direction}\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
    )
}

/// The first page of the roster.
fn everybody() -> roster::Sought {
    roster::Sought { after: 0, text: String::new(), among: None }
}

fn refused<T>(answer: Result<T, ApiError>) -> Option<Code> {
    answer.err().map(|error| error.code)
}

#[tokio::test]
async fn leaving_and_coming_back_in_one_batch_is_a_new_visit() {
    let mut scene = Scene::open().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (_host, mut first) = (scene.connect(&ada), scene.connect(&ben));
    scene.settle().await;
    first.heard();
    scene.command(ben.member(), &first, Command::Leave);
    let mut second = scene.connect(&ben);
    let listening = scene.listen(&ben);
    scene.settle().await;
    assert_eq!(first.heard(), ["events", "answer", "bye left"]);
    assert_eq!(second.heard()[0], "snapshot");
    assert!(second.entered.await.unwrap().is_ok());
    assert_eq!(Some(listening.await.unwrap().unwrap().leg), scene.leg(&ben, LegKind::Listen));
    assert!(scene.is_noted(&ben) && scene.owner.sockets.contains_key(&ben.member()));
}

#[tokio::test]
async fn who_comes_and_goes_in_one_batch_is_told_why() {
    let mut scene = Scene::open().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let _host = scene.connect(&ada);
    scene.settle().await;
    let mut client = scene.connect(&ben);
    let (done, left) = oneshot::channel();
    scene.send(Message::Elsewhere { member: ben.member(), done });
    let listening = scene.listen(&ada);
    scene.settle().await;
    assert_eq!(client.heard(), ["bye elsewhere"]);
    assert!(left.await.is_ok() && listening.await.unwrap().is_ok());
    assert!(!scene.is_noted(&ben) && scene.owner.sockets.len() == 1);
}

#[tokio::test]
async fn who_has_gone_to_another_room_meanwhile_is_not_let_in() {
    let mut scene = Scene::open().await;
    let ben = scene.ben.clone();
    assert!(scene.owner.rooms.claim(ben.member(), RoomId(7)));
    let (client, listening) = (scene.connect(&ben), scene.listen(&ben));
    scene.settle().await;
    assert_eq!(refused(client.entered.await.unwrap()), Some(Code::NotInRoom));
    assert_eq!(refused(listening.await.unwrap()), Some(Code::NotInRoom));
    assert!(scene.owner.room.participant(ben.member()).is_none());
    assert_eq!(scene.room_of(&ben), Some(RoomId(7)));
}

#[tokio::test]
async fn a_player_that_ends_its_leg_and_makes_another_in_one_batch_stays_while_that_lives() {
    let mut scene = Scene::open().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (_host, first) = (scene.connect(&ada), scene.listen(&ben));
    scene.settle().await;
    let first = first.await.unwrap().unwrap().leg;
    // First end, then make; then, in another batch, the other way round.
    let (_ended, second) = (scene.end_leg(ben.member(), first), scene.listen(&ben));
    scene.settle().await;
    let second = second.await.unwrap().unwrap().leg;
    assert_eq!(scene.leg(&ben, LegKind::Listen), Some(second));
    let third = scene.listen(&ben);
    scene.lose_leg(second);
    scene.settle().await;
    let third = third.await.unwrap().unwrap().leg;
    assert_eq!(scene.leg(&ben, LegKind::Listen), Some(third));
    assert!(scene.owner.room.participant(ben.member()).is_some_and(|p| p.connected));
    // It is still that leg that keeps them in the room.
    scene.lose_leg(third);
    scene.settle().await;
    assert!(scene.owner.room.participant(ben.member()).is_none());
    assert!(scene.leg(&ben, LegKind::Listen).is_none() && !scene.is_noted(&ben));
}

#[tokio::test]
async fn the_legs_of_a_visit_end_with_it() {
    let (mut scene, host, ben_socket) = Scene::with_speaker().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (listening, publishing) = (scene.listen(&ben), scene.publish(&ben));
    scene.settle().await;
    let old = [listening.await.unwrap().unwrap().leg, publishing.await.unwrap().unwrap().leg];
    assert!(!scene.owner.granted.is_empty());
    scene.command(ada.member(), &host, Command::Remove { member: ben.member() });
    let (listening, publishing) = (scene.listen(&ben), scene.publish(&ben));
    // The socket of the visit that is over: its last command came too late.
    scene.send(Message::Command {
        member: ben.member(),
        socket: ben_socket.number,
        id: CommandId(999),
        role_epoch: RoleEpoch(0),
        command: Command::RaiseHand { question: None, followed_by_speaker: false },
        about: None,
    });
    scene.send(Message::Disconnected { member: ben.member(), socket: ben_socket.number });
    scene.settle().await;
    let new = listening.await.unwrap().unwrap().leg;
    assert_eq!(refused(publishing.await.unwrap()), Some(Code::NotOnStage));
    assert!(old.iter().all(|&leg| scene.owner.legs.get(leg).is_none()));
    assert_eq!(scene.leg(&ben, LegKind::Listen), Some(new));
    assert!(scene.owner.granted.is_empty());
    let back = scene.owner.room.participant(ben.member()).unwrap();
    assert!(back.connected && back.hand.is_none(), "{back:?}");
}

#[tokio::test]
async fn a_mute_beats_a_publish_leg_of_the_same_batch() {
    let (mut scene, host, _ben) = Scene::with_speaker().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let publishing = scene.publish(&ben);
    scene.command(ada.member(), &host, Command::Mute { member: ben.member() });
    scene.settle().await;
    assert_eq!(refused(publishing.await.unwrap()), Some(Code::MutedByModerator));
    assert!(scene.leg(&ben, LegKind::Publish).is_none() && scene.owner.granted.is_empty());
}

#[tokio::test]
async fn a_talker_has_one_publish_leg_and_the_newest_wins() {
    let (mut scene, _host, _ben) = Scene::with_speaker().await;
    let ben = scene.ben.clone();
    let (first, second) = (scene.publish(&ben), scene.publish(&ben));
    scene.settle().await;
    let (first, second) = (first.await.unwrap().unwrap().leg, second.await.unwrap().unwrap().leg);
    assert_eq!(scene.leg(&ben, LegKind::Publish), Some(second));
    assert!(scene.owner.legs.get(first).is_none());
    // The loss of the old one, noticed at the same moment, does not close the microphone of the new one.
    let third = scene.publish(&ben);
    scene.lose_leg(second);
    scene.settle().await;
    assert_eq!(scene.leg(&ben, LegKind::Publish), Some(third.await.unwrap().unwrap().leg));
    assert!(scene.owner.room.may_be_heard(ben.member()) && !scene.owner.granted.is_empty());
}

#[tokio::test]
async fn ending_one_session_leaves_what_another_has_opened() {
    let (mut scene, _host, mut socket) = Scene::with_speaker().await;
    let ben = scene.ben.clone();
    let encoder = Caller { session: [7; 32], ..ben.clone() };
    let (listening, publishing) = (scene.listen(&ben), scene.publish(&encoder));
    scene.settle().await;
    assert!(listening.await.unwrap().is_ok() && publishing.await.unwrap().is_ok());
    socket.heard();
    scene.send(Message::EndSession { member: ben.member(), session: encoder.session });
    scene.settle().await;
    assert!(scene.leg(&ben, LegKind::Publish).is_none() && scene.leg(&ben, LegKind::Listen).is_some());
    assert!(socket.heard().contains(&"leg_ended".to_owned()));
    scene.send(Message::EndSession { member: ben.member(), session: ben.session });
    scene.settle().await;
    assert!(scene.owner.room.participant(ben.member()).is_none() && scene.leg(&ben, LegKind::Listen).is_none());
    assert_eq!(socket.heard().last().map(String::as_str), Some("bye session_ended"));
}

#[tokio::test]
async fn a_failing_store_is_no_end_of_the_room() {
    let (mut scene, mut host, _ben) = Scene::with_speaker().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let state = scene.owner.room.to_state();
    host.heard();
    let listening = scene.listen(&ben);
    scene.settle().await;
    let leg = listening.await.unwrap().unwrap().leg;
    scene.owner.rooms.store.close().await;
    scene.command(ada.member(), &host, Command::End);
    let ended = scene.end_leg(ben.member(), leg);
    let (reply, roster) = oneshot::channel();
    scene.send(Message::Roster { viewer: MemberId(0), sought: everybody(), reply });
    assert!(matches!(scene.owner.round().await, Some(Stopped::Failed)));
    assert_eq!(host.heard(), ["bye shutting_down"]);
    assert!(ended.await.is_err() && roster.await.is_err(), "nothing is told that was not kept");
    // Until the store works again whoever asks is answered at once, and not that the room had ended.
    let handle = scene.handle.clone();
    let asked = handle.ask(|reply| Message::Roster { viewer: MemberId(0), sought: everybody(), reply });
    let (owner, room) = (&mut scene.owner, Room::restore(edge::now(), state, []));
    let (answered, loaded) = oneshot::channel();
    let asked = async {
        assert_eq!(refused(asked.await), Some(Code::Busy));
        answered.send(()).unwrap();
    };
    let loaded = owner.refuse_until(async {
        loaded.await.unwrap();
        room
    });
    let ((), room) = tokio::join!(asked, loaded);
    scene.owner.start_again(room);
    assert!(scene.owner.room.is_open() && scene.owner.sockets.is_empty());
    assert!(scene.is_noted(&ada) && scene.is_noted(&ben));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_and_one_that_is_gone_is_not_called_slow() {
    let (mut scene, host, mut ben_socket) = Scene::with_speaker().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    ben_socket.heard();
    let full = Outgoing::from(&crate::wire::socket::ServerMessage::Beat);
    for socket in scene.owner.sockets.values() {
        (0..message::SOCKET_QUEUE).for_each(|_| drop(socket.outgoing.try_send(full.clone())));
    }
    let number = host.number;
    drop(host);
    let listening = scene.listen(&ada);
    scene.send(Message::Disconnected { member: ada.member(), socket: SocketNo(0) });
    scene.command(ben.member(), &ben_socket, Command::SetMic { open: true });
    scene.settle().await;
    assert!(listening.await.unwrap().is_ok());
    assert!(scene.owner.sockets.contains_key(&ada.member()), "it is for the socket's own task to say that it is lost");
    assert!(!scene.owner.sockets.contains_key(&ben.member()));
    for (member, socket) in [(ada.member(), number), (ben.member(), ben_socket.number)] {
        scene.send(Message::Disconnected { member, socket });
    }
    scene.settle().await;
    assert!(scene.owner.room.participants().all(|p| !p.connected), "both have ten seconds to come back");
}

#[tokio::test]
async fn who_knew_the_room_before_a_restart_gets_a_snapshot() {
    let mut scene = Scene::open().await;
    let ben = scene.ben.clone();
    let room = scene.owner.room.clone();
    let known = room.seq();
    scene.owner.start_again(room);
    let (outgoing, queue) = mpsc::channel(message::SOCKET_QUEUE);
    let (reply, entered) = oneshot::channel();
    scene.send(Message::Connect { caller: ben, since: Some(known), socket: SocketNo(1), outgoing, reply });
    scene.settle().await;
    assert_eq!(Client { number: SocketNo(1), queue, entered }.heard(), ["snapshot"]);
}

#[tokio::test]
async fn people_on_stage_always_get_packets_of_20_ms() {
    let mut scene = Scene::open_packing(Packing::Always(Tier::Ms120)).await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (host, socket) = (scene.connect(&ada), scene.connect(&ben));
    let _legs = [scene.listen(&ada), scene.listen(&ben)];
    scene.settle().await;
    assert_eq!((scene.tier(&ada), scene.tier(&ben)), (Some(Tier::Ms20), Some(Tier::Ms120)));
    scene.command(ada.member(), &host, Command::OfferStage { member: ben.member() });
    scene.command(ben.member(), &socket, Command::AcceptOffer);
    scene.settle().await;
    assert_eq!(scene.tier(&ben), Some(Tier::Ms20));
    let _new_leg = scene.listen(&ben);
    scene.settle().await;
    assert_eq!(scene.tier(&ben), Some(Tier::Ms20));
    scene.command(ben.member(), &socket, Command::StepDown);
    scene.settle().await;
    assert_eq!(scene.tier(&ben), Some(Tier::Ms120));
}

#[tokio::test]
async fn a_room_that_grows_gets_longer_packets_slice_by_slice() {
    let mut scene = Scene::open().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let _sockets = [scene.connect(&ada), scene.connect(&ben)];
    let _legs = [scene.listen(&ada), scene.listen(&ben)];
    scene.settle().await;
    let first = scene.owner.legs.get(scene.leg(&ben, LegKind::Listen).unwrap()).unwrap().clone();
    for n in 0..599 {
        scene.owner.legs.insert(legs::Leg { id: LegId(n), member: MemberId(n), ..first.clone() });
    }
    let packed = |scene: &Scene| {
        let tiers = scene.owner.legs.listeners().map(|leg| scene.owner.legs.get(leg).unwrap().tier);
        tiers.filter(|tier| *tier == Tier::Ms60).count()
    };
    let mut told = Vec::new();
    for _ in 0..3 {
        assert!(scene.owner.round().await.is_none());
        told.push(packed(&scene));
    }
    // The host is among those who are asked about and not changed.
    assert!(told.windows(2).all(|pair| pair[1] - pair[0] <= 256) && told[0] <= 256, "{told:?}");
    assert_eq!((told[2], scene.tier(&ada), scene.tier(&ben)), (600, Some(Tier::Ms20), Some(Tier::Ms60)));
    assert!(!scene.owner.tiers.is_behind());
    // Whoever comes now gets the same from the first packet on.
    let _new_leg = scene.listen(&ben);
    scene.settle().await;
    assert_eq!(scene.tier(&ben), Some(Tier::Ms60));
}

#[tokio::test]
async fn what_opens_while_its_session_ends_is_ended() {
    let mut scene = Scene::open().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let rooms = scene.owner.rooms.clone();
    scene.list();
    let _host = scene.connect(&ada);
    scene.settle().await;
    // The session is looked up, then ended, and only then the socket opens.
    let as_of = rooms.sign_outs();
    assert!(rooms.store.delete_session(&ben.session).await.unwrap());
    rooms.signed_out(ben.member(), ben.session).await;
    let _coming = rooms.come_to(ben.member(), scene.owner.room.id()).await.unwrap();
    let mut client = scene.connect(&ben);
    scene.settle().await;
    assert_eq!(client.heard(), ["snapshot"]);
    let refused = rooms.end_if_signed_out(ben.member(), ben.session, as_of).await;
    assert_eq!(refused.err().map(|error| error.code), Some(Code::NotSignedIn));
    scene.settle().await;
    assert_eq!(client.heard().last().map(String::as_str), Some("bye session_ended"));
    // Somebody else was signed in all the time, and nobody need be asked who came after that.
    assert!(rooms.end_if_signed_out(ada.member(), ada.session, as_of).await.is_ok());
    rooms.store.close().await;
    assert!(rooms.end_if_signed_out(ada.member(), ada.session, rooms.sign_outs()).await.is_ok());
}

#[tokio::test]
async fn the_names_of_those_who_left_are_forgotten() {
    let mut scene = Scene::open().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (_host, _ben) = (scene.connect(&ada), scene.connect(&ben));
    for id in 0..2_000 {
        let id = MemberId(id);
        let person = Person { id: Id(id), handle: "former".to_owned(), name: "Former".to_owned(), avatar: None };
        scene.owner.people.insert(id, person);
    }
    scene.settle().await;
    let mut known: Vec<_> = scene.owner.people.keys().copied().collect();
    let mut here = [ada.member(), ben.member()];
    known.sort_unstable();
    here.sort_unstable();
    assert_eq!(known, here);
}

#[tokio::test]
async fn a_place_is_given_back_by_whoever_was_not_let_in_after_all() {
    let mut scene = Scene::open().await;
    let (ben, id, rooms) = (scene.ben.clone(), scene.owner.room.id(), scene.owner.rooms.clone());
    scene.list();
    // The room is there, and was too busy to answer.
    let coming = rooms.come_to(ben.member(), id).await.unwrap();
    assert!(scene.is_noted(&ben));
    drop(coming);
    assert!(!scene.is_noted(&ben));
    // Let in by another request meanwhile, they keep it.
    let coming = rooms.come_to(ben.member(), id).await.unwrap();
    let _socket = scene.connect(&ben);
    scene.settle().await;
    drop(coming);
    assert!(scene.is_noted(&ben));
    // From there to a room that is too busy, they are in none.
    let mut way = std::pin::pin!(rooms.come_to(ben.member(), RoomId(7)));
    let coming = loop {
        tokio::select! {
            biased;
            coming = &mut way => break coming.unwrap(),
            stopped = scene.owner.round() => assert!(stopped.is_none()),
        }
    };
    assert_eq!(scene.room_of(&ben), Some(RoomId(7)));
    drop(coming);
    assert_eq!(scene.room_of(&ben), None);
    assert!(scene.owner.room.participant(ben.member()).is_none());
}

#[tokio::test]
async fn whom_a_round_that_failed_let_in_has_no_place() {
    let mut scene = Scene::open().await;
    let (ben, id, rooms) = (scene.ben.clone(), scene.owner.room.id(), scene.owner.rooms.clone());
    let before = scene.owner.room.clone();
    let coming = rooms.come_to(ben.member(), id).await.unwrap();
    let client = scene.connect(&ben);
    rooms.store.close().await;
    // The first round may be for what is due.
    let stopped = loop {
        if let Some(stopped) = scene.owner.round().await {
            break stopped;
        }
    };
    assert!(matches!(stopped, Stopped::Failed) && client.entered.await.is_err());
    drop(coming);
    scene.owner.start_again(before);
    assert_eq!(scene.room_of(&ben), None);
    assert!(scene.is_noted(&scene.host));
}

#[tokio::test]
async fn while_media_is_too_much_nobody_comes_who_is_in_no_room() {
    let mut scene = Scene::open().await;
    let (ada, ben, id, rooms) =
        (scene.host.clone(), scene.ben.clone(), scene.owner.room.id(), scene.owner.rooms.clone());
    let _host = scene.connect(&ada);
    scene.settle().await;
    let open = |caller: &Caller| {
        let (rooms, host) = (rooms.clone(), caller.member());
        async move { rooms.open(host, Opening::new("A room", Kind::Open, "en")).await }
    };
    (scene.load)(Load::Full);
    let refusal = rooms.come_to(ben.member(), id).await.err().unwrap();
    assert_eq!(refusal.code, Code::ServerFull);
    assert!(RETRY_WHEN_FULL.contains(&refusal.retry_after.unwrap().as_secs()));
    assert_eq!(refused(open(&ben).await), Some(Code::ServerFull));
    assert_eq!(scene.room_of(&ben), None);
    // Who is in a room may come again, and open another.
    assert!(rooms.come_to(ada.member(), id).await.is_ok());
    let other = open(&ada).await.unwrap();
    assert_eq!(scene.room_of(&ada), Some(other));
    (scene.load)(Load::High);
    assert!(rooms.come_to(ben.member(), id).await.is_ok());
    assert!(open(&ben).await.is_ok());
}
