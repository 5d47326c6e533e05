//! Transcripts: written down track by track, changed by whoever speaks and nobody else, and gone with the track. And which talks have to do
//! with each other.

use roomtone_room::ids::{MemberId, ReplayId, RoomId, Timestamp};
use roomtone_store::{
    Changes, DATABASE_FILE, Hash, Hearer, NewConsent, NewGuest, NewReplay, NewTranscriptLine, RecordingChange,
    ReplayHearers, Speaker, Store, TRANSCRIPT_TRIES, ToTranscribe, TranscriptState, Withdrawer, Withdrawn,
};
use sqlx::{PgPool, Row, SqlitePool};

use crate::support::{World, contract, hash, join, own, room};

contract!(
    each_track_is_written_down_in_its_turn,
    lines_come_by_time_in_pages,
    a_line_is_changed_by_whoever_said_it,
    what_is_withdrawn_is_forgotten,
    related_talks_come_by_nearness,
);

const REPLAY: ReplayId = ReplayId(70);
const GUEST: MemberId = MemberId(1 << 64);

fn pass() -> Hash {
    hash(9_001)
}

/// Ada's room 7 with a guest, and a replay of it in which Ada speaks as 1, Ben as 2 and the guest as 3.
async fn scene(store: &Store) -> [MemberId; 3] {
    let members = [join(store, 1, "ada").await, join(store, 2, "ben").await, join(store, 3, "chen").await];
    store.create_room(room(7, members[0]), &[]).await.unwrap();
    let guest = NewGuest {
        id: GUEST,
        room: RoomId(7),
        voucher: members[0],
        code: hash(50),
        name: "Grace".to_owned(),
        context: None,
        created_at: Timestamp(1),
        expires_at: Timestamp(1_000),
    };
    store.create_guest(&guest, 20).await.unwrap();
    store.take_guest_link(&hash(50), &pass(), Timestamp(2)).await.unwrap().unwrap();
    let speakers = [Speaker::Member(members[0]), Speaker::Member(members[1]), Speaker::Guest(GUEST)];
    record(store, 7, members[0], REPLAY, &speakers).await;
    members
}

/// A recording in a room of the host's, in which these speak.
async fn record(store: &Store, room: u128, host: MemberId, id: ReplayId, speakers: &[Speaker]) {
    let epoch = own(store, room).await;
    let (title, language) = ("A talk".to_owned(), "en-GB".to_owned());
    let begun = NewReplay {
        id,
        began_at: Timestamp(id.0 as u64),
        host,
        title: title.clone(),
        language: language.clone(),
        hearers: ReplayHearers::Everyone,
        consent: 1,
    };
    let says = |(n, &speaker): (u32, &Speaker)| {
        let (at, name) = (Timestamp(1_000), format!("Speaker {n}"));
        let (seq, track) = (n.into(), Some(n));
        RecordingChange::Said(NewConsent { replay: id, seq, at, speaker, name, track, text: 1, agree: true })
    };
    let stopped = RecordingChange::Stopped { replay: id, at: Timestamp(9_000), title, language };
    let changes: Vec<_> =
        [RecordingChange::Begun(begun)].into_iter().chain((1..).zip(speakers).map(says)).chain([stopped]).collect();
    store.append(RoomId(room), epoch, Changes { recordings: &changes, ..Changes::default() }).await.unwrap();
}

async fn make(store: &Store, replay: ReplayId) {
    let begun = store.begin_replay(replay).await.unwrap().unwrap();
    assert!(store.replay_made(replay, begun.generation, 60_000, Timestamp(10_000)).await.unwrap());
}

fn said(from_ms: u64, text: &str) -> NewTranscriptLine {
    NewTranscriptLine { from_ms, to_ms: from_ms + 1_000, text: text.to_owned(), language: "en".to_owned() }
}

async fn keep(store: &Store, n: u32, lines: &[NewTranscriptLine]) -> bool {
    store.keep_transcript(REPLAY, n, lines, Timestamp(20_000)).await.unwrap()
}

async fn begin(store: &Store) -> Option<(u32, u32)> {
    store.begin_transcript().await.unwrap().map(|track| (track.n, track.tries))
}

async fn texts(store: &Store) -> Vec<(u32, u32, String)> {
    let lines = store.transcript(REPLAY, None, 1_000).await.unwrap();
    lines.into_iter().map(|line| (line.n, line.line, line.said.text)).collect()
}

async fn each_track_is_written_down_in_its_turn(world: &World) {
    let store = world.open().await;
    scene(&store).await;
    assert_eq!(begin(&store).await, None, "it cannot be heard yet");
    make(&store, REPLAY).await;
    let first = ToTranscribe { replay: REPLAY, n: 1, language: "en-GB".to_owned(), tries: 1 };
    assert_eq!(store.begin_transcript().await.unwrap(), Some(first));
    assert_eq!((begin(&store).await, begin(&store).await), (Some((2, 1)), Some((3, 1))));
    assert_eq!(begin(&store).await, Some((1, 2)), "nothing was said of how it went");
    assert!(keep(&store, 1, &[]).await);
    assert!(!keep(&store, 1, &[said(0, "again")]).await);
    let state = |open, done, failed: &[u32]| TranscriptState { open, done, failed: failed.to_vec() };
    assert_eq!(store.transcript_state(REPLAY).await.unwrap(), state(2, 1, &[]));
    store.transcript_failed(REPLAY, 3).await.unwrap();
    store.transcript_failed(REPLAY, 1).await.unwrap();
    assert_eq!(store.transcript_state(REPLAY).await.unwrap(), state(1, 1, &[3]));
    for tries in 2..=TRANSCRIPT_TRIES {
        assert_eq!(begin(&store).await, Some((2, tries)));
    }
    assert_eq!(begin(&store).await, None);
    // Everything but what was done begins anew.
    store.retry_transcripts().await.unwrap();
    assert_eq!(store.transcript_state(REPLAY).await.unwrap(), state(2, 1, &[]));
    assert_eq!((begin(&store).await, begin(&store).await), (Some((2, 1)), Some((3, 1))));
}

async fn lines_come_by_time_in_pages(world: &World) {
    let store = world.open().await;
    scene(&store).await;
    make(&store, REPLAY).await;
    while begin(&store).await.is_some_and(|(_, tries)| tries == 1) {}
    // More than one statement writes.
    let many: Vec<_> = (0..1_100).map(|number| said(2_000 * number, "of Ada's")).collect();
    assert!(keep(&store, 1, &many).await);
    assert!(keep(&store, 2, &[said(2_000, "The longest of all lines, by Ben."), said(3_500, "Ж.")]).await);
    let place = |line: &roomtone_store::TranscriptLine| (line.said.from_ms, line.n, line.line);
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.transcript(REPLAY, after, 500).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(place(last));
        all.extend(page);
    }
    let places: Vec<_> = all.iter().map(place).collect();
    assert_eq!(places[..5], [(0, 1, 1), (2_000, 1, 2), (2_000, 2, 1), (3_500, 2, 2), (4_000, 1, 3)]);
    assert_eq!(places.len(), 1_102);
    assert!(places.is_sorted());
    assert_eq!((all[2].said.clone(), all[2].corrected_at), (said(2_000, "The longest of all lines, by Ben."), None));
    let longest = store.longest_lines(REPLAY, 2).await.unwrap();
    assert_eq!(longest.iter().map(place).collect::<Vec<_>>(), [(2_000, 2, 1), (0, 1, 1)]);
    let between = store.lines_between(REPLAY, 3_000, 4_000, 10).await.unwrap();
    assert_eq!(between.iter().map(place).collect::<Vec<_>>(), [(3_500, 2, 2)]);
    assert_eq!(store.transcript(ReplayId(404), None, 10).await.unwrap(), []);
}

async fn a_line_is_changed_by_whoever_said_it(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = scene(&store).await;
    make(&store, REPLAY).await;
    while begin(&store).await.is_some_and(|(_, tries)| tries == 1) {}
    for n in 1..=3 {
        assert!(keep(&store, n, &[said(1_000, "first"), said(2_000, "second")]).await);
    }
    let change = async |n, line, speaker, text| {
        store.correct_line(REPLAY, n, line, speaker, text, Timestamp(30_000)).await.unwrap()
    };
    let guest = Hearer { guest: Some(pass()), ..Hearer::default() };
    let other = Hearer { guest: Some(hash(77)), ..Hearer::default() };
    for (n, speaker) in [(2, Hearer::member(ada)), (1, Hearer::member(ben)), (3, Hearer::member(ada)), (3, other)] {
        assert!(!change(n, 1, speaker, Some("not theirs")).await);
        assert!(!change(n, 1, speaker, None).await);
    }
    assert!(!change(1, 1, Hearer::default(), None).await && !change(1, 9, Hearer::member(ada), None).await);
    assert!(change(1, 1, Hearer::member(ada), Some("corrected")).await);
    assert!(change(2, 2, Hearer::member(ben), None).await);
    assert!(change(3, 2, guest, Some("by the guest")).await);
    let expected = [(1, 1, "corrected"), (2, 1, "first"), (3, 1, "first"), (1, 2, "second"), (3, 2, "by the guest")];
    assert_eq!(texts(&store).await, expected.map(|(n, line, text)| (n, line, text.to_owned())));
    let line = store.transcript_line(REPLAY, 1, 1).await.unwrap().unwrap();
    assert_eq!((line.corrected_at, line.said.from_ms), (Some(Timestamp(30_000)), 1_000));
    assert_eq!(store.transcript_line(REPLAY, 2, 2).await.unwrap(), None);
}

/// How many lines there are in the database, whoever may read them.
async fn lines_kept(world: &World) -> i64 {
    const COUNT: &str = "SELECT count(*) AS lines FROM transcript_lines";
    match world {
        World::Folder(folder) => {
            let pool = SqlitePool::connect(&folder.join(DATABASE_FILE).display().to_string()).await.unwrap();
            sqlx::query(COUNT).fetch_one(&pool).await.unwrap().get("lines")
        }
        World::Address(url) => {
            let pool = PgPool::connect(url).await.unwrap();
            sqlx::query(COUNT).fetch_one(&pool).await.unwrap().get("lines")
        }
    }
}

async fn what_is_withdrawn_is_forgotten(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = scene(&store).await;
    make(&store, REPLAY).await;
    while begin(&store).await.is_some_and(|(_, tries)| tries == 1) {}
    for n in 1..=2 {
        assert!(keep(&store, n, &[said(1_000, "first"), said(2_000, "second")]).await);
    }
    let own = Withdrawer::Own(Hearer::member(ben));
    assert_eq!(store.withdraw_track(REPLAY, own, Timestamp(40_000)).await.unwrap(), Withdrawn::Done(vec![2]));
    assert_eq!(lines_kept(world).await, 2);
    assert!(!store.correct_line(REPLAY, 2, 1, Hearer::member(ben), Some("x"), Timestamp(1)).await.unwrap());
    // It was being written down while it was withdrawn.
    let guest = Withdrawer::Host(ada, 3);
    assert_eq!(store.withdraw_track(REPLAY, guest, Timestamp(40_000)).await.unwrap(), Withdrawn::Done(vec![3]));
    assert!(!keep(&store, 3, &[said(0, "too late")]).await);
    make(&store, REPLAY).await;
    assert_eq!(begin(&store).await, None);
    assert_eq!(texts(&store).await.len(), 2);
    assert_eq!(store.transcript_state(REPLAY).await.unwrap(), TranscriptState { open: 0, done: 1, failed: Vec::new() });
    // Ada's go with her account, also out of a replay of somebody else's.
    store.create_room(room(8, ben), &[]).await.unwrap();
    let other = ReplayId(71);
    record(&store, 8, ben, other, &[Speaker::Member(ada)]).await;
    make(&store, other).await;
    assert_eq!(begin(&store).await, Some((1, 1)));
    assert!(store.keep_transcript(other, 1, &[said(0, "in Ben's room")], Timestamp(50_000)).await.unwrap());
    assert_eq!(lines_kept(world).await, 3);
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert_eq!(lines_kept(world).await, 0);
}

async fn related_talks_come_by_nearness(world: &World) {
    let store = world.open().await;
    let [ada, ben, chen] = scene(&store).await;
    make(&store, REPLAY).await;
    let talks: [(u64, MemberId, &[MemberId]); 5] = [
        // By the same host, without anybody who speaks there.
        (80, ada, &[chen]),
        // With both who speak there.
        (81, ben, &[ada, ben]),
        // With one of them.
        (82, chen, &[ben]),
        // With nobody of them.
        (83, chen, &[chen]),
        // With one of them, but it cannot be heard.
        (84, chen, &[ada]),
    ];
    for (id, host, speakers) in talks {
        store.create_room(room(id.into(), host), &[]).await.unwrap();
        let speakers: Vec<_> = speakers.iter().map(|&member| Speaker::Member(member)).collect();
        record(&store, id.into(), host, ReplayId(id.into()), &speakers).await;
        if id != 84 {
            make(&store, ReplayId(id.into())).await;
        }
    }
    let related = async |hearer, limit| {
        let found = store.related_replays(REPLAY, hearer, limit).await.unwrap();
        found.into_iter().map(|replay| replay.id.0).collect::<Vec<_>>()
    };
    assert_eq!(related(Hearer::default(), 10).await, [81, 82, 80]);
    assert_eq!(related(Hearer::default(), 2).await, [81, 82]);
    // Whoever may not know of Ben is not led anywhere by him.
    store.block(chen, ben, Timestamp(1)).await.unwrap();
    assert_eq!(related(Hearer::member(chen), 10).await, [80]);
}
