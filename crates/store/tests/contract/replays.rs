//! Replays: who may hear them, and what becomes of them.

use roomtone_room::ids::{HouseId, MemberId, RecordId, ReplayId, RoomId, Timestamp};
use roomtone_store::{
    BranchAct, Changes, Hash, Hearer, HouseText, NewClip, NewConsent, NewGuest, NewHouse, NewInvite, NewMark,
    NewReplay, NewReplayReply, NewRoom, NewTranscriptLine, RecordingChange, ReplayChange, ReplayDone, ReplayHearers,
    ReplayLink, ReplaySaid, ReplayState, ReplaysOf, Speaker, Store, Withdrawer, Withdrawn,
};

mod made_of;

use crate::support::{World, act, contract, hash, invite, join, own, redeem};

contract!(
    who_may_hear_a_replay_is_told_by_one_rule,
    lists_have_what_may_be_heard_and_nothing_else,
    a_replay_is_narrowed_and_never_widened,
    a_title_is_given_when_the_recording_is_over,
    the_end_of_a_private_house_opens_nothing,
    a_withdrawn_track_begins_a_new_generation,
    everybody_finds_what_was_recorded_of_them,
    a_guest_keeps_a_way_to_what_they_said,
    what_opens_one_replay_opens_no_other,
);

const REPLAY: ReplayId = ReplayId(70);
const ROOM: RoomId = RoomId(7);
const HOUSE: HouseId = HouseId(9);

/// Those who are there, by their ids.
const OWNER: MemberId = MemberId(1);
const HOST: MemberId = MemberId(2);
const SPEAKER: MemberId = MemberId(3);
const ATTENDEE: MemberId = MemberId(4);
const MEMBER: MemberId = MemberId(5);
const HOUSE_MEMBER: MemberId = MemberId(6);
/// Whoever follows the house without being a member of it.
const FOLLOWER: MemberId = MemberId(7);
/// Whoever has a block with the host, in one direction or the other, and speaks, was there, or neither.
const BLOCKED: [MemberId; 6] = [MemberId(11), MemberId(12), MemberId(13), MemberId(14), MemberId(15), MemberId(16)];
const GUEST: MemberId = MemberId(1 << 64);

fn guest_token() -> Hash {
    hash(9_001)
}

fn key() -> Hash {
    hash(9_002)
}

/// A room of the host's, in a house or not, of which a replay was made in which the host, a speaker and a guest speak.
async fn scene(store: &Store, hearers: ReplayHearers, house: bool) {
    store.create_invite(NewInvite { owner: true, ..invite(hash(1)) }).await.unwrap();
    redeem(store, hash(1), 0, 1, "owner").await.unwrap();
    for (id, handle) in
        [(2, "host"), (3, "speaker"), (4, "attendee"), (5, "member"), (6, "housemember"), (7, "follower")]
    {
        join(store, id, handle).await;
    }
    for (n, id) in BLOCKED.into_iter().enumerate() {
        join(store, id.0 as u64, &format!("blocked{n}")).await;
        let (blocker, blocked) = if n % 2 == 0 { (HOST, id) } else { (id, HOST) };
        store.block(blocker, blocked, Timestamp(1)).await.unwrap();
    }
    if house {
        let text = HouseText {
            name: "Tea".to_owned(),
            about: String::new(),
            rules: String::new(),
            language: "en".to_owned(),
            private: false,
            nominated: false,
        };
        let new = NewHouse { id: HOUSE, handle: "tea".to_owned(), skeleton: "tea".to_owned(), text: text.clone() };
        store.create_house(&new, HOST, Timestamp(1)).await.unwrap();
        store.join_house(HOUSE, HOUSE_MEMBER, Timestamp(1)).await.unwrap();
        assert!(store.follow_house(HOUSE, FOLLOWER, Timestamp(1)).await.unwrap());
        let private = HouseText { private: true, ..text };
        assert!(store.change_house(HOUSE, HOST, &private, Timestamp(2)).await.unwrap());
    }
    let room = NewRoom {
        id: ROOM,
        opened_at: Timestamp(0),
        title: "Kitchen table".to_owned(),
        host: HOST,
        house: house.then_some(HOUSE),
    };
    store.create_room(room, &[]).await.unwrap();
    let guest = NewGuest {
        id: GUEST,
        room: ROOM,
        voucher: HOST,
        code: hash(50),
        name: "Grace".to_owned(),
        context: None,
        created_at: Timestamp(1),
        expires_at: Timestamp(1_000),
    };
    store.create_guest(&guest, 20).await.unwrap();
    store.take_guest_link(&hash(50), &guest_token(), Timestamp(2)).await.unwrap().unwrap();
    let epoch = own(store, ROOM.0).await;
    record(store, epoch, REPLAY, hearers, 100).await;
    make(store, REPLAY).await;
}

/// Records: the host speaks as 1, the speaker as 2, the guest as 3, and two who have a block with the host as 4 and 5; others are there.
async fn record(store: &Store, epoch: u64, replay: ReplayId, hearers: ReplayHearers, at: u64) {
    let began_at = Timestamp(at);
    let begun = NewReplay {
        id: replay,
        began_at,
        host: HOST,
        title: format!("Talk {}", replay.0),
        language: "en".to_owned(),
        hearers,
        consent: 1,
    };
    let says = |n: u32, speaker, name: &str| {
        RecordingChange::Said(NewConsent {
            replay,
            seq: u64::from(n),
            at: began_at,
            speaker,
            name: name.to_owned(),
            track: Some(n),
            text: 1,
            agree: true,
        })
    };
    let mark = |author, body: &str| {
        let mark = NewMark { replay, at_ms: 5, author, kind: "link", body: body.to_owned() };
        RecordingChange::Marked(mark)
    };
    let changes = [
        RecordingChange::Begun(begun),
        says(1, Speaker::Member(HOST), "HOST"),
        says(2, Speaker::Member(SPEAKER), "SPEAKER"),
        says(3, Speaker::Guest(GUEST), "Grace"),
        says(4, Speaker::Member(BLOCKED[0]), "BLOCKED0"),
        says(5, Speaker::Member(BLOCKED[1]), "BLOCKED1"),
        RecordingChange::Attended(replay, vec![HOST, SPEAKER, ATTENDEE, BLOCKED[2], BLOCKED[3]]),
        mark(Some(SPEAKER), "\"of the speaker\""),
        mark(None, "\"of nobody\""),
    ];
    store.append(ROOM, epoch, Changes { recordings: &changes, ..Changes::default() }).await.unwrap();
    let stopped = [RecordingChange::Stopped {
        replay,
        at: Timestamp(at + 60_000),
        title: format!("Talk {}", replay.0),
        language: "en".to_owned(),
    }];
    store.append(ROOM, epoch, Changes { recordings: &stopped, ..Changes::default() }).await.unwrap();
}

/// The replay is made, one minute long.
async fn make(store: &Store, replay: ReplayId) {
    let begun = store.begin_replay(replay).await.unwrap().unwrap();
    assert!(store.replay_made(replay, begun.generation, 60_000, Timestamp(100_000)).await.unwrap());
}

fn guest() -> Hearer {
    Hearer { guest: Some(guest_token()), ..Hearer::default() }
}

fn with_key(member: Option<MemberId>, key: Hash) -> Hearer {
    Hearer { member, key: Some(key), guest: None }
}

async fn hears(store: &Store, hearer: Hearer) -> bool {
    store.replay(REPLAY, hearer).await.unwrap().is_some()
}

async fn add_link(store: &Store, id: u128, key: &Hash) -> ReplaySaid {
    let link = ReplayLink { id: RecordId(id), note: "for a friend".to_owned(), at: Timestamp(id as u64) };
    store.add_replay_link(REPLAY, HOST, &link, key).await.unwrap()
}

async fn who_may_hear_a_replay_is_told_by_one_rule(world: &World) {
    use ReplayHearers::{Attendees, Everyone, Members};
    let worlds =
        [(Attendees, false), (Members, false), (Everyone, false), (Attendees, true), (Members, true), (Everyone, true)];
    for (number, (hearers, house)) in worlds.into_iter().enumerate() {
        let world = world.another(number as u64).await;
        let store = world.open().await;
        scene(&store, hearers, house).await;
        assert_eq!(add_link(&store, 1, &key()).await, ReplaySaid::Done);
        let to_members = hearers != Attendees;
        let visitor = Hearer::default();
        let expected = [
            ("the host", Hearer::member(HOST), true),
            ("a speaker", Hearer::member(SPEAKER), true),
            ("a guest who speaks", guest(), true),
            ("an attendee", Hearer::member(ATTENDEE), true),
            ("a member", Hearer::member(MEMBER), to_members && !house),
            ("a member of the house", Hearer::member(HOUSE_MEMBER), to_members),
            ("the owner of the server", Hearer::member(OWNER), to_members && !house),
            ("a follower of the house", Hearer::member(FOLLOWER), to_members && !house),
            ("a visitor", visitor, hearers == Everyone && !house),
            (
                "somebody with another guest's pass",
                Hearer { guest: Some(hash(1)), ..visitor },
                hearers == Everyone && !house,
            ),
            ("a visitor with the key", with_key(None, key()), true),
            ("a member with the key", with_key(Some(MEMBER), key()), true),
            ("a visitor with another key", with_key(None, hash(77)), hearers == Everyone && !house),
            ("a member with another key", with_key(Some(MEMBER), hash(77)), to_members && !house),
        ];
        let check = async |when: &str, expected: &[(&str, Hearer, bool)]| {
            for (who, hearer, heard) in expected {
                assert_eq!(hears(&store, *hearer).await, *heard, "{who}, {when}, {hearers:?}, house: {house}");
            }
        };
        check("at first", &expected).await;
        // A block comes before everything else, whoever made it and whatever the blocked one did there, or has.
        for blocked in BLOCKED {
            assert!(!hears(&store, Hearer::member(blocked)).await, "{blocked:?} {hearers:?}");
            assert!(!hears(&store, with_key(Some(blocked), key())).await, "{blocked:?} {hearers:?}");
        }
        // A link that is revoked leads nowhere.
        assert!(store.revoke_replay_link(REPLAY, HOST, RecordId(1)).await.unwrap());
        let mut revoked = expected;
        revoked[10].2 = hearers == Everyone && !house;
        revoked[11].2 = to_members && !house;
        check("without the link", &revoked).await;
        // Of a host who is suspended nobody else hears anything.
        add_link(&store, 2, &key()).await;
        let act = BranchAct { id: RecordId(900), member: HOST, branch: false, author: OWNER, at: Timestamp(200) };
        store.suspend(&act, "spam").await.unwrap();
        let mut suspended = expected;
        suspended.iter_mut().skip(1).for_each(|one| one.2 = false);
        check("while the host is suspended", &suspended).await;
    }
}

async fn listed(store: &Store, of: ReplaysOf, hearer: Hearer) -> Vec<u128> {
    store.replays(of, hearer, None, 50).await.unwrap().into_iter().map(|replay| replay.id.0).collect()
}

async fn lists_have_what_may_be_heard_and_nothing_else(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Everyone, false).await;
    let epoch = own(&store, ROOM.0).await;
    record(&store, epoch, ReplayId(71), ReplayHearers::Members, 200).await;
    make(&store, ReplayId(71)).await;
    record(&store, epoch, ReplayId(72), ReplayHearers::Attendees, 300).await;
    make(&store, ReplayId(72)).await;
    // One that is being made still, and one that could not be made.
    record(&store, epoch, ReplayId(73), ReplayHearers::Everyone, 400).await;
    record(&store, epoch, ReplayId(74), ReplayHearers::Everyone, 500).await;
    store.begin_replay(ReplayId(74)).await.unwrap().unwrap();
    assert!(store.replay_failed(ReplayId(74), 1).await.unwrap());

    let visitor = Hearer::default();
    for (of, host, attendee, member, nobody) in [
        (ReplaysOf::All, vec![72, 71, 70], vec![72, 71, 70], vec![71, 70], vec![70]),
        (ReplaysOf::Mine, vec![74, 73, 72, 71, 70], vec![], vec![], vec![]),
        (ReplaysOf::Heard, vec![72, 71, 70], vec![72, 71, 70], vec![], vec![]),
        (ReplaysOf::Host(HOST), vec![72, 71, 70], vec![72, 71, 70], vec![71, 70], vec![70]),
        (ReplaysOf::Host(MEMBER), vec![], vec![], vec![], vec![]),
        (ReplaysOf::Room(ROOM), vec![73, 72, 71, 70], vec![73, 72, 71, 70], vec![73, 71, 70], vec![73, 70]),
        (ReplaysOf::Room(RoomId(8)), vec![], vec![], vec![], vec![]),
        (ReplaysOf::House(HOUSE), vec![], vec![], vec![], vec![]),
    ] {
        assert_eq!(listed(&store, of, Hearer::member(HOST)).await, host, "{of:?}");
        assert_eq!(listed(&store, of, Hearer::member(ATTENDEE)).await, attendee, "{of:?}");
        assert_eq!(listed(&store, of, Hearer::member(MEMBER)).await, member, "{of:?}");
        assert_eq!(listed(&store, of, visitor).await, nobody, "{of:?}");
        assert_eq!(listed(&store, of, Hearer::member(BLOCKED[0])).await, Vec::<u128>::new(), "{of:?}");
    }
    assert_eq!(listed(&store, ReplaysOf::Mine, Hearer::member(SPEAKER)).await, [74, 73, 72, 71, 70]);
    // Pages go on where the one before ended.
    let first = store.replays(ReplaysOf::All, Hearer::member(HOST), None, 2).await.unwrap();
    let last = first.last().unwrap();
    let rest = store.replays(ReplaysOf::All, Hearer::member(HOST), Some((last.began_at, last.id)), 2).await.unwrap();
    let ids: Vec<_> = first.iter().chain(&rest).map(|replay| replay.id.0).collect();
    assert_eq!(ids, [72, 71, 70]);

    // Faces are those of whom the viewer may know; how many speak is told to all.
    let faces = async |hearer| {
        let replay = store.replay(REPLAY, hearer).await.unwrap().unwrap();
        (replay.faces.into_iter().map(|face| face.handle).collect::<Vec<_>>(), replay.spoke)
    };
    store.block(MEMBER, SPEAKER, Timestamp(1)).await.unwrap();
    let (of_visitor, of_host) = (["host", "speaker", "blocked0", "blocked1"], ["host", "speaker"]);
    assert_eq!(faces(visitor).await, (of_visitor.map(str::to_owned).to_vec(), 5));
    assert_eq!(faces(Hearer::member(HOST)).await, (of_host.map(str::to_owned).to_vec(), 5));
    let of_member = ["host", "blocked0", "blocked1"].map(str::to_owned).to_vec();
    assert_eq!(faces(Hearer::member(MEMBER)).await, (of_member, 5));
    // The same of speakers, and of words beside the sound.
    let tracks = store.replay_tracks(REPLAY, Hearer::member(MEMBER)).await.unwrap();
    let told: Vec<_> = tracks.iter().map(|t| (t.n, t.name.as_str(), t.person.is_some(), t.guest, t.mine)).collect();
    assert_eq!(
        told,
        [
            (1, "HOST", true, false, false),
            (2, "", false, false, false),
            (3, "Grace", false, true, false),
            (4, "BLOCKED0", true, false, false),
            (5, "BLOCKED1", true, false, false),
        ]
    );
    let mine = async |hearer| {
        let tracks = store.replay_tracks(REPLAY, hearer).await.unwrap();
        tracks.into_iter().filter(|track| track.mine).map(|track| track.n).collect::<Vec<_>>()
    };
    assert_eq!(mine(Hearer::member(SPEAKER)).await, [2]);
    assert_eq!(mine(guest()).await, [3]);
    assert!(mine(visitor).await.is_empty() && mine(Hearer::member(ATTENDEE)).await.is_empty());
    let words = async |viewer| {
        let marks = store.replay_marks(REPLAY, viewer).await.unwrap();
        marks.into_iter().map(|mark| mark.body).collect::<Vec<_>>()
    };
    assert_eq!(words(None).await, ["\"of the speaker\"", "\"of nobody\""]);
    assert_eq!(words(Some(MEMBER)).await, ["\"of nobody\""]);
    // Its host takes out what happened, and nobody else does.
    let n = store.replay_marks(REPLAY, None).await.unwrap()[0].n;
    assert!(!store.delete_mark(REPLAY, n, SPEAKER).await.unwrap());
    assert!(!store.delete_mark(ReplayId(79), n, HOST).await.unwrap() && words(None).await.len() == 2);
    assert!(store.delete_mark(REPLAY, n, HOST).await.unwrap());
    assert_eq!(words(None).await, ["\"of nobody\""]);
    assert!(!store.delete_mark(REPLAY, n, HOST).await.unwrap());
}

async fn a_replay_is_narrowed_and_never_widened(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Members, false).await;
    let to = |hearers| ReplayChange { hearers: Some(hearers), ..ReplayChange::default() };
    let change = async |who, change: ReplayChange| store.change_replay(REPLAY, who, &change).await.unwrap();
    assert_eq!(change(HOST, to(ReplayHearers::Everyone)).await, ReplayDone::Wider);
    assert_eq!(change(SPEAKER, to(ReplayHearers::Attendees)).await, ReplayDone::Missing);
    assert!(hears(&store, Hearer::member(MEMBER)).await && !hears(&store, Hearer::default()).await);
    // Refused as a whole.
    let all = ReplayChange { title: Some("Other".to_owned()), ..to(ReplayHearers::Everyone) };
    assert_eq!(change(HOST, all).await, ReplayDone::Wider);
    let all = ReplayChange {
        title: Some("Tea".to_owned()),
        hearers: Some(ReplayHearers::Attendees),
        expires_at: Some(Some(Timestamp(9_999))),
        chapters: vec![(0, "Hello".to_owned()), (500, "Tea".to_owned())],
    };
    assert_eq!(change(HOST, all).await, ReplayDone::Done);
    assert!(!hears(&store, Hearer::member(MEMBER)).await && hears(&store, Hearer::member(ATTENDEE)).await);
    assert_eq!(change(HOST, to(ReplayHearers::Members)).await, ReplayDone::Wider, "not even back");
    let replay = store.replay(REPLAY, Hearer::member(HOST)).await.unwrap().unwrap();
    assert_eq!((replay.title.as_str(), replay.expires_at), ("Tea", Some(Timestamp(9_999))));
    let chapters = vec![(0, String::new()), (500, "Coffee".to_owned())];
    assert_eq!(change(HOST, ReplayChange { chapters, ..ReplayChange::default() }).await, ReplayDone::Done);
    assert_eq!(store.replay_chapters(REPLAY).await.unwrap(), [(500, "Coffee".to_owned())].into());
    let forever = ReplayChange { expires_at: Some(None), ..ReplayChange::default() };
    assert_eq!(change(HOST, forever).await, ReplayDone::Done);
    let replay = store.replay(REPLAY, Hearer::member(HOST)).await.unwrap().unwrap();
    assert_eq!((replay.expires_at, replay.hearers, replay.generation), (None, ReplayHearers::Attendees, 1));
}

/// As long as it is recorded, it is called what the room is; other changes need not wait.
async fn a_title_is_given_when_the_recording_is_over(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Everyone, false).await;
    let epoch = own(&store, ROOM.0).await;
    let begun = NewReplay {
        id: ReplayId(71),
        began_at: Timestamp(200),
        host: HOST,
        title: "Kitchen table".to_owned(),
        language: "en".to_owned(),
        hearers: ReplayHearers::Everyone,
        consent: 1,
    };
    let begun = [RecordingChange::Begun(begun)];
    store.append(ROOM, epoch, Changes { recordings: &begun, ..Changes::default() }).await.unwrap();
    let change = async |change: ReplayChange| store.change_replay(ReplayId(71), HOST, &change).await.unwrap();
    let narrow = ReplayChange { hearers: Some(ReplayHearers::Members), ..ReplayChange::default() };
    let named = ReplayChange { title: Some("Tea".to_owned()), ..narrow.clone() };
    let shown = async || store.replay(ReplayId(71), Hearer::member(HOST)).await.unwrap().unwrap();
    assert_eq!(change(named.clone()).await, ReplayDone::Recording);
    assert_eq!((shown().await.title.as_str(), shown().await.hearers), ("Kitchen table", ReplayHearers::Everyone));
    assert_eq!(change(narrow).await, ReplayDone::Done);
    assert_eq!(shown().await.hearers, ReplayHearers::Members);
    // A room that cannot be read any more ends it without a word.
    store.give_up_recordings(ROOM, Timestamp(900)).await.unwrap();
    assert_eq!((shown().await.state, shown().await.ended_at), (ReplayState::Waiting, Some(Timestamp(900))));
    assert_eq!(change(named).await, ReplayDone::Done);
    assert_eq!(shown().await.title, "Tea");
    // What was over before is not touched.
    assert_eq!(store.recording(REPLAY).await.unwrap().unwrap().state, ReplayState::Ready);
}

async fn the_end_of_a_private_house_opens_nothing(world: &World) {
    // It is ended by its admin, or with the account of the last who is in it; and one that is not private kept nothing back.
    for (number, (private, deleted)) in [(true, true), (true, false), (false, true)].into_iter().enumerate() {
        let world = world.another(number as u64).await;
        let store = world.open().await;
        scene(&store, ReplayHearers::Everyone, true).await;
        if !private {
            let text = store.house(HOUSE, HOST).await.unwrap().unwrap().text;
            assert!(store.change_house(HOUSE, HOST, &HouseText { private, ..text }, Timestamp(3)).await.unwrap());
        }
        let heard = async || {
            let mut heard = Vec::new();
            for who in [None, Some(MEMBER), Some(HOUSE_MEMBER), Some(ATTENDEE), Some(SPEAKER), Some(HOST)] {
                heard.push(hears(&store, Hearer { member: who, ..Hearer::default() }).await);
            }
            heard
        };
        assert_eq!(heard().await, [!private, !private, true, true, true, true], "{number}");
        if deleted {
            assert!(store.delete_house(HOUSE, &act(HOST)).await.unwrap());
        } else {
            store.set_house_role(HOUSE, HOUSE_MEMBER, true, &act(HOST)).await.unwrap();
            store.leave_house(HOUSE, HOST).await.unwrap();
            store.delete_account(HOUSE_MEMBER, &[], &[]).await.unwrap();
        }
        assert_eq!(store.house(HOUSE, HOST).await.unwrap(), None);
        let of_house = !private;
        assert_eq!(heard().await, [of_house, of_house, of_house, true, true, true], "{number}");
        assert_eq!(listed(&store, ReplaysOf::All, Hearer::default()).await.is_empty(), private, "{number}");
    }
}

async fn a_withdrawn_track_begins_a_new_generation(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Everyone, false).await;
    let withdraw = async |whose| store.withdraw_track(REPLAY, whose, Timestamp(5_000)).await.unwrap();
    let at = async || {
        let replay = store.recording(REPLAY).await.unwrap().unwrap();
        (replay.generation, replay.state)
    };
    // Nobody withdraws what others said; the host that of guests.
    for nobody in [
        Withdrawer::Own(Hearer::member(MEMBER)),
        Withdrawer::Own(Hearer::member(ATTENDEE)),
        Withdrawer::Own(Hearer { guest: Some(hash(1)), ..Hearer::default() }),
        Withdrawer::Own(Hearer { key: Some(hash(51)), ..Hearer::default() }),
        Withdrawer::Host(SPEAKER, 3),
        Withdrawer::Host(HOST, 2),
        Withdrawer::Host(HOST, 9),
    ] {
        assert_eq!(withdraw(nobody).await, Withdrawn::Missing, "{nobody:?}");
    }
    assert_eq!(at().await, (1, ReplayState::Ready));
    assert_eq!(withdraw(Withdrawer::Own(Hearer::member(SPEAKER))).await, Withdrawn::Done(vec![2]));
    assert_eq!(at().await, (2, ReplayState::Waiting));
    assert_eq!(withdraw(Withdrawer::Own(Hearer::member(SPEAKER))).await, Withdrawn::Already);
    assert_eq!(at().await, (2, ReplayState::Waiting));
    // While it is made anew: what is being made is wanted no more.
    let begun = store.begin_replay(REPLAY).await.unwrap().unwrap();
    assert_eq!(withdraw(Withdrawer::Own(guest())).await, Withdrawn::Done(vec![3]));
    assert!(!store.replay_progress(REPLAY, begun.generation, 50).await.unwrap());
    assert!(!store.replay_made(REPLAY, begun.generation, 1, Timestamp(1)).await.unwrap());
    assert_eq!(at().await, (3, ReplayState::Waiting));
    // A block keeps the replay from somebody, but not what they said in it.
    assert_eq!(withdraw(Withdrawer::Own(Hearer::member(BLOCKED[0]))).await, Withdrawn::Done(vec![4]));
    make(&store, REPLAY).await;
    assert_eq!(at().await, (4, ReplayState::Ready));
    let tracks = store.replay_tracks(REPLAY, Hearer::member(HOST)).await.unwrap();
    let left: Vec<_> = tracks.iter().filter(|track| track.withdrawn_at.is_none()).map(|track| track.n).collect();
    assert_eq!(left, [1, 5]);
    // Who has withdrawn is shown and counted among those who speak in it no more.
    let shown = store.replay(REPLAY, Hearer::member(HOST)).await.unwrap().unwrap();
    assert_eq!(shown.spoke, 2);
    assert!(shown.faces.iter().all(|face| face.id != SPEAKER && face.id != BLOCKED[0]), "{:?}", shown.faces);

    // In one that is recorded still, the track is marked and the recording goes on.
    let epoch = own(&store, ROOM.0).await;
    let next = ReplayId(71);
    let began_at = Timestamp(200);
    let (title, language, hearers) = (String::new(), String::new(), ReplayHearers::Everyone);
    let begun = NewReplay { id: next, began_at, host: HOST, title, language, hearers, consent: 1 };
    let (speaker, name) = (Speaker::Guest(GUEST), "Grace".to_owned());
    let says = NewConsent { replay: next, seq: 1, at: began_at, speaker, name, track: Some(1), text: 1, agree: true };
    let changes = [RecordingChange::Begun(begun), RecordingChange::Said(says)];
    store.append(ROOM, epoch, Changes { recordings: &changes, ..Changes::default() }).await.unwrap();
    let by_host = store.withdraw_track(next, Withdrawer::Host(HOST, 1), Timestamp(300)).await.unwrap();
    assert_eq!(by_host, Withdrawn::Done(vec![1]));
    let recording = store.recording(next).await.unwrap().unwrap();
    assert_eq!((recording.state, recording.generation), (ReplayState::Recording, 1));
    assert_eq!(store.delete_replay(next, HOST).await.unwrap(), ReplayDone::Recording);
}

async fn everybody_finds_what_was_recorded_of_them(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Members, false).await;
    let epoch = own(&store, ROOM.0).await;
    record(&store, epoch, ReplayId(71), ReplayHearers::Members, 200).await;
    store.withdraw_track(REPLAY, Withdrawer::Own(Hearer::member(BLOCKED[0])), Timestamp(5_000)).await.unwrap();
    let own_tracks = async |member| {
        let tracks = store.own_tracks(Hearer::member(member), None, 50).await.unwrap();
        let told = tracks.into_iter().map(|t| (t.replay.0, t.n, t.title, t.began_at.0, t.withdrawn_at.map(|at| at.0)));
        told.collect::<Vec<_>>()
    };
    let title = |number| Some(format!("Talk {number}"));
    assert_eq!(own_tracks(SPEAKER).await, [(71, 2, title(71), 200, None), (70, 2, title(70), 100, None)]);
    // Behind a block without the host's words.
    assert_eq!(own_tracks(BLOCKED[0]).await, [(71, 4, None, 200, None), (70, 4, None, 100, Some(5_000))]);
    assert_eq!(own_tracks(ATTENDEE).await, []);
    let first = store.own_tracks(Hearer::member(SPEAKER), None, 1).await.unwrap();
    let place = Some((first[0].began_at, first[0].replay));
    let rest = store.own_tracks(Hearer::member(SPEAKER), place, 1).await.unwrap();
    assert_eq!((first[0].replay, rest[0].replay), (ReplayId(71), REPLAY));
}

/// By the link by which they came, for as long as there is the replay: also when they are forgotten, and whoever vouched for them is gone.
async fn a_guest_keeps_a_way_to_what_they_said(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Attendees, false).await;
    let epoch = own(&store, ROOM.0).await;
    // Another, for whom somebody else vouches.
    let other = NewGuest {
        id: MemberId(GUEST.0 + 1),
        room: ROOM,
        voucher: SPEAKER,
        code: hash(60),
        name: "Otto".to_owned(),
        context: None,
        created_at: Timestamp(1),
        expires_at: Timestamp(1_000),
    };
    store.create_guest(&other, 20).await.unwrap();
    let (replay, speaker, name) = (REPLAY, Speaker::Guest(other.id), "Otto".to_owned());
    let says = NewConsent { replay, seq: 9, at: Timestamp(9), speaker, name, track: Some(6), text: 1, agree: true };
    let says = [RecordingChange::Said(says)];
    store.append(ROOM, epoch, Changes { recordings: &says, ..Changes::default() }).await.unwrap();
    record(&store, epoch, ReplayId(71), ReplayHearers::Attendees, 200).await;
    make(&store, ReplayId(71)).await;

    let (grace, otto, nobody) = (with_key(None, hash(50)), with_key(None, hash(60)), with_key(None, hash(61)));
    let found = async |hearer| {
        let tracks = store.own_tracks(hearer, None, 50).await.unwrap();
        tracks.into_iter().map(|track| (track.replay.0, track.n, track.title.is_some())).collect::<Vec<_>>()
    };
    let mine = async |hearer| {
        let tracks = store.replay_tracks(REPLAY, hearer).await.unwrap();
        tracks.into_iter().filter(|track| track.mine).map(|track| track.n).collect::<Vec<_>>()
    };
    let check = async || {
        assert!(hears(&store, grace).await && hears(&store, otto).await && !hears(&store, nobody).await);
        assert_eq!(found(grace).await, [(71, 3, true), (70, 3, true)]);
        assert_eq!(found(otto).await, [(70, 6, true)]);
        assert_eq!(found(nobody).await, []);
        assert_eq!((mine(grace).await, mine(otto).await, mine(nobody).await), (vec![3], vec![6], vec![]));
        // It opens nothing in which they do not speak.
        assert_eq!(store.replay(ReplayId(71), otto).await.unwrap(), None);
    };
    check().await;
    store.delete_account(SPEAKER, &[], &[]).await.unwrap();
    while store.delete_old_guests(Timestamp(u64::MAX >> 1)).await.unwrap() {}
    make(&store, REPLAY).await;
    make(&store, ReplayId(71)).await;
    check().await;
    assert!(!hears(&store, guest()).await, "the pass is over");
    assert_eq!(found(guest()).await, []);

    // Nobody else's, and only where it is said.
    let withdraw =
        async |replay, hearer| store.withdraw_track(replay, Withdrawer::Own(hearer), Timestamp(5_000)).await.unwrap();
    assert_eq!(withdraw(REPLAY, nobody).await, Withdrawn::Missing);
    assert_eq!(withdraw(ReplayId(71), otto).await, Withdrawn::Missing);
    assert_eq!(withdraw(REPLAY, Hearer::default()).await, Withdrawn::Missing);
    // Also when the host is suspended, of whom nobody hears anything.
    let act = BranchAct { id: RecordId(900), member: HOST, branch: false, author: OWNER, at: Timestamp(200) };
    store.suspend(&act, "spam").await.unwrap();
    assert!(!hears(&store, grace).await);
    assert_eq!(found(grace).await, [(71, 3, false), (70, 3, false)]);
    assert_eq!(withdraw(REPLAY, grace).await, Withdrawn::Done(vec![3]));
    assert_eq!(withdraw(REPLAY, grace).await, Withdrawn::Already);
    let left = store.recorded_tracks(REPLAY).await.unwrap();
    let left: Vec<_> = left.iter().filter(|track| track.withdrawn_at.is_none()).map(|track| track.n).collect();
    assert_eq!(left, [1, 4, 5, 6]);
}

/// Of the same room and the same host: nothing that lets somebody hear the one says anything about the other.
async fn what_opens_one_replay_opens_no_other(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Attendees, false).await;
    assert_eq!(add_link(&store, 1, &key()).await, ReplaySaid::Done);
    let epoch = own(&store, ROOM.0).await;
    let (other, began_at) = (ReplayId(80), Timestamp(500));
    let (title, language) = ("Among us".to_owned(), "en".to_owned());
    let begun = NewReplay {
        id: other,
        began_at,
        host: HOST,
        title: title.clone(),
        language: language.clone(),
        hearers: ReplayHearers::Attendees,
        consent: 1,
    };
    let (speaker, name) = (Speaker::Member(HOST), "HOST".to_owned());
    let says = NewConsent { replay: other, seq: 1, at: began_at, speaker, name, track: Some(1), text: 1, agree: true };
    let changes = [
        RecordingChange::Begun(begun),
        RecordingChange::Said(says),
        RecordingChange::Stopped { replay: other, at: Timestamp(60_500), title, language },
    ];
    store.append(ROOM, epoch, Changes { recordings: &changes, ..Changes::default() }).await.unwrap();
    make(&store, other).await;
    assert!(store.replay(other, Hearer::member(HOST)).await.unwrap().is_some());
    for hearer in [
        Hearer::member(SPEAKER),
        Hearer::member(ATTENDEE),
        guest(),
        with_key(None, key()),
        with_key(Some(MEMBER), key()),
        with_key(None, hash(50)),
    ] {
        assert!(hears(&store, hearer).await, "{hearer:?}");
        assert_eq!(store.replay(other, hearer).await.unwrap(), None, "{hearer:?}");
    }
}

/// A replay of a room of Ada's or the friend's, in which Ada speaks, with everything of hers that there can be beside it.
pub(crate) async fn replay_of_ada(
    store: &Store,
    mark: &impl Fn() -> String,
    number: u128,
    epoch: u64,
    host: MemberId,
    ada: MemberId,
) {
    let (room, replay) = (RoomId(number), ReplayId(800 + number));
    // Of the friend's talk Ada is a moderator, who has described it.
    let title = mark();
    let begun = NewReplay {
        id: replay,
        began_at: Timestamp(20),
        host,
        title: title.clone(),
        language: "en".to_owned(),
        hearers: ReplayHearers::Members,
        consent: 1,
    };
    let says = NewConsent {
        replay,
        seq: 1,
        at: Timestamp(20),
        speaker: Speaker::Member(ada),
        name: mark(),
        track: Some(1),
        text: 1,
        agree: true,
    };
    let pinned = NewMark { replay, at_ms: 5, author: Some(ada), kind: "link", body: mark() };
    let changes = [
        RecordingChange::Begun(begun),
        RecordingChange::Said(says),
        RecordingChange::Attended(replay, vec![ada]),
        RecordingChange::Marked(pinned),
        RecordingChange::Topics(replay, vec![mark()]),
        RecordingChange::TitledBy(replay, (host != ada).then_some(ada)),
        RecordingChange::Stopped { replay, at: Timestamp(30), title, language: "en".to_owned() },
    ];
    store.append(room, epoch, Changes { recordings: &changes, ..Changes::default() }).await.unwrap();
    make(store, replay).await;
    let written = store.begin_transcript().await.unwrap().expect("a track that nobody has written down");
    assert_eq!((written.replay, written.n), (replay, 1));
    let line = NewTranscriptLine { from_ms: 0, to_ms: 900, text: mark(), language: mark() };
    assert!(store.keep_transcript(replay, 1, &[line], Timestamp(40)).await.unwrap());
    let hearer = Hearer::member(ada);
    if host == ada {
        let change = ReplayChange { title: Some(mark()), chapters: vec![(5, mark())], ..ReplayChange::default() };
        assert_eq!(store.change_replay(replay, ada, &change).await.unwrap(), ReplayDone::Done);
        let link = ReplayLink { id: RecordId(810), note: mark(), at: Timestamp(40) };
        assert_eq!(store.add_replay_link(replay, ada, &link, &hash(810)).await.unwrap(), ReplaySaid::Done);
    } else {
        let clip = NewClip { id: RecordId(811), replay, title: mark(), from_ms: 0, to_ms: 1_000, at: Timestamp(40) };
        assert_eq!(store.add_clip(hearer, ada, &clip).await.unwrap(), ReplaySaid::Done);
        for (id, voice) in [(812, None), (813, Some((700, mark().into_bytes())))] {
            let reply = NewReplayReply { id: RecordId(id), text: mark(), at_ms: None, at: Timestamp(40), voice };
            assert_eq!(store.add_replay_reply(replay, hearer, ada, reply).await.unwrap(), ReplaySaid::Done);
        }
    }
}
