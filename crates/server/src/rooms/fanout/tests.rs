//! What a flush says in small and in large rooms: how many are told, how often, and how much.

use roomtone_room::{Actor, Command, Kind, Opening, RoomId};
use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

use super::*;
use crate::edge;

/// A room with its host and some listeners, numbered as they came, driven by hand.
struct Scene {
    room: Room,
    people: HashMap<MemberId, Person>,
    apart: Apart,
    fanout: Fanout,
    now: Instant,
    epoch: Instant,
}

const HOST: MemberId = MemberId(0);

impl Scene {
    fn with(listeners: u128) -> Self {
        let opening = Opening::new("A room", Kind::Open, "en");
        let (room, _) = Room::open(roomtone_room::Timestamp(0), RoomId(1), HOST, opening);
        let now = edge::instant();
        let mut scene = Self {
            fanout: Fanout::new(room.seq()),
            room,
            people: HashMap::new(),
            apart: Apart::default(),
            now,
            epoch: now,
        };
        (0..=listeners).for_each(|id| drop(scene.happens(MemberId(id), ENTER)));
        scene.wait(MERGE_FOR);
        scene.flush(Vec::new());
        scene
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// Applies a member's command, and returns what happened, for a flush.
    fn applied(&mut self, member: MemberId, command: Command) -> Vec<Happened> {
        let name = format!("m{:05}", member.0);
        self.people.insert(member, Person { id: Id(member), handle: name.clone(), name, avatar: None });
        let stage: Vec<_> = self.room.on_stage().map(|p| p.member).collect();
        let at = roomtone_room::Timestamp((self.now - self.epoch).as_millis() as u64);
        let actor = Actor::Member { member, role_epoch: None, id: None };
        let applied = self.room.apply(at, actor, command).unwrap();
        let happened = |numbered: &Numbered| {
            let on_stage = numbered.event.member().is_some_and(|m| stage.contains(&m));
            Happened::new(numbered, on_stage, &self.room, &self.people)
        };
        applied.events.iter().map(happened).collect()
    }

    fn flush(&mut self, happened: Vec<Happened>) -> Told {
        let flush = self.fanout.flush(self.now, happened, &self.room, &self.apart);
        Told {
            moderators: flush.to(Class::Moderators).map(read),
            speakers: flush.to(Class::Speakers).map(read),
            audience: flush.to(Class::Audience).map(read),
            own: flush.own.iter().map(|(member, message)| (*member, read(message))).collect(),
        }
    }

    /// What a round with one command in it says.
    fn happens(&mut self, member: MemberId, command: Command) -> Told {
        let happened = self.applied(member, command);
        self.flush(happened)
    }

    /// Brings a listener onto the stage.
    fn invite(&mut self, member: MemberId) -> Told {
        self.happens(HOST, Command::OfferStage { member });
        self.happens(member, Command::AcceptOffer)
    }
}

const ENTER: Command = Command::Enter { followed_by_moderator: false };

struct Told {
    moderators: Option<Events>,
    speakers: Option<Events>,
    audience: Option<Events>,
    own: HashMap<MemberId, Events>,
}

fn read(message: &Outgoing) -> Events {
    let frame = FrameSocket::new(std::io::Cursor::new(message.frame().to_vec())).read(None).unwrap().unwrap();
    match serde_json::from_slice(frame.payload()).unwrap() {
        ServerMessage::Events(events) => events,
        other => panic!("not events: {other:?}"),
    }
}

fn numbers(events: &Events) -> Vec<u64> {
    events.events.iter().map(|event| event.seq).collect()
}

#[test]
fn a_small_room_is_told_at_once_and_a_large_one_once_a_second() {
    let mut small = Scene::with(10);
    let told = small.happens(MemberId(11), ENTER);
    assert_eq!(told.audience.as_ref().map(|events| events.events.len()), Some(1));
    assert!(small.fanout.flush_at().is_none());

    let mut large = Scene::with(1_000);
    let before = large.room.seq();
    for id in 1_001..1_400 {
        let told = large.happens(MemberId(id), ENTER);
        assert!(told.moderators.is_none() && told.speakers.is_none() && told.audience.is_none() && told.own.is_empty());
    }
    assert_eq!(large.fanout.flush_at(), Some(large.now + MERGE_FOR));
    large.wait(MERGE_FOR);
    let events = large.flush(Vec::new()).audience.unwrap();
    assert_eq!((events.after, events.seq, events.audience_count), (before.0, large.room.seq().0, 1_399));
    assert!(events.events.is_empty(), "the audience is only counted");
    assert!(large.fanout.flush_at().is_none() && large.flush(Vec::new()).audience.is_none());
}

#[test]
fn what_only_moderators_see_costs_a_large_audience_nothing() {
    let mut scene = Scene::with(1_000);
    let told = scene.happens(MemberId(500), Command::RaiseHand { question: None, followed_by_speaker: false });
    assert!(told.moderators.is_some() && told.own.keys().eq([&MemberId(500)]));
    scene.wait(2 * MERGE_FOR);
    let later = scene.flush(Vec::new());
    assert!([told.audience, told.speakers, later.audience, later.speakers].iter().all(Option::is_none));
    // The next message that is for everybody covers the number of this one.
    scene.happens(MemberId(2_000), ENTER);
    scene.wait(MERGE_FOR);
    assert_eq!(scene.flush(Vec::new()).audience.unwrap().seq, scene.room.seq().0);
}

#[test]
fn a_busy_stage_is_told_at_once_and_its_large_audience_a_few_times_a_second() {
    let mut scene = Scene::with(1_000);
    scene.invite(MemberId(1));
    scene.wait(MERGE_FOR);
    scene.flush(Vec::new());
    scene.wait(QUIET_FOR);
    let (mut known, mut messages) = (scene.room.seq().0, 0);
    let mut folded = Vec::new();
    for i in 0..200 {
        let told = scene.happens(MemberId(1), Command::SetMic { open: i % 2 == 0 });
        assert_eq!(told.speakers.map(|events| numbers(&events)), Some(vec![scene.room.seq().0]));
        assert!(told.moderators.is_some());
        if let Some(events) = told.audience {
            assert!(events.after <= known, "nothing is missing");
            (known, messages) = (events.seq, messages + 1);
            folded.extend(numbers(&events));
        }
        scene.wait(Duration::from_millis(10));
    }
    assert_eq!(messages, 5, "in two seconds, one every 400 ms");
    scene.now = scene.fanout.flush_at().unwrap();
    folded.extend(numbers(&scene.flush(Vec::new()).audience.unwrap()));
    let (first, last) = (scene.room.seq().0 - 199, scene.room.seq().0);
    assert!(folded.into_iter().eq(first..=last), "each event once, in order");
}

#[test]
fn who_comes_on_stage_misses_nothing_that_the_audience_was_not_told_yet() {
    let mut scene = Scene::with(1_000);
    scene.invite(MemberId(1));
    // The audience is quiet now, and does not learn of this yet.
    let audience = scene.happens(MemberId(1), Command::SetMic { open: true }).audience;
    assert!(audience.is_none());
    let told = scene.invite(MemberId(2));
    let own = &told.own[&MemberId(2)];
    assert!(own.after < told.speakers.unwrap().after, "the stage was told more than the newcomer to it");
    assert!(numbers(own).contains(&(scene.room.seq().0 - 2)), "the microphone that was opened meanwhile");
}

#[test]
fn the_end_is_told_to_everybody_at_once() {
    let mut scene = Scene::with(1_000);
    scene.invite(MemberId(1));
    let told = scene.happens(HOST, Command::End);
    assert!(matches!(told.audience.unwrap().events.last().unwrap().event, RoomEvent::Ended { .. }));
}

#[test]
fn a_snapshot_of_a_large_room_is_no_longer_than_one_of_a_full_page() {
    let length = |listeners: u128| {
        let scene = Scene::with(listeners);
        let snapshot = snapshot(&scene.room, &scene.people, &scene.apart, None, MemberId(listeners), 0).unwrap();
        Outgoing::from(&ServerMessage::Snapshot(Box::new(snapshot))).frame().len()
    };
    let (page, large) = (length(roomtone_room::AUDIENCE_FIRST as u128), length(10_000));
    // Numbers have more digits.
    assert!(large <= page + 32, "{page} {large}");
}

#[test]
fn a_moderators_snapshot_names_the_last_bans_and_nobody_elses_does() {
    let mut scene = Scene::with(3 + BANS_NAMED as u128);
    for number in 2..=3 + BANS_NAMED as u128 {
        scene.wait(Duration::from_secs(1));
        scene.happens(HOST, Command::Ban { member: MemberId(number), reason: Some(format!("reason {number}")) });
    }
    let bans = |viewer| snapshot(&scene.room, &scene.people, &scene.apart, None, viewer, 0).unwrap().bans;
    let named: Vec<_> = bans(HOST).into_iter().map(|ban| (ban.person.id.0.0, ban.by.0, ban.reason.unwrap())).collect();
    let newest = (4..=3 + BANS_NAMED as u128).rev();
    assert_eq!(named, newest.map(|number| (number, HOST, format!("reason {number}"))).collect::<Vec<_>>());
    assert_eq!(bans(MemberId(1)), []);
}

#[test]
fn who_missed_much_gets_a_snapshot_and_who_missed_only_arrivals_a_short_message() {
    let mut scene = Scene::with(1_000);
    let since = scene.room.seq();
    for id in 2_000..3_000 {
        scene.happens(MemberId(id), ENTER);
    }
    let resumed = scene.fanout.resume(&scene.room, &scene.apart, MemberId(5), since).unwrap();
    assert!(resumed.frame().len() < 200);
    assert_eq!(read(&resumed).audience_count, 2_000);
    scene.invite(MemberId(1));
    for i in 0..RESUMED {
        scene.happens(MemberId(1), Command::SetMic { open: i % 2 == 0 });
    }
    assert!(scene.fanout.resume(&scene.room, &scene.apart, MemberId(5), since).is_none());
    assert!(scene.fanout.resume(&scene.room, &scene.apart, MemberId(5), scene.room.seq()).is_some());
}
