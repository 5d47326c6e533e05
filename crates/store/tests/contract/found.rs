//! Finding replays: by what they are called and who speaks in them, by what was said, and by other talks that have to do with them; and
//! that nobody finds what they may not hear.

use roomtone_room::ids::{MemberId, RecordId, ReplayId, RoomId, Timestamp};
use roomtone_room::search::Query;
use roomtone_store::{
    BranchAct, Changes, DATABASE_FILE, FoundReplay, Hearer, NewConsent, NewGuest, NewInvite, NewReplay, NewRoom,
    NewTranscriptLine, ProfileChange, RecordingChange, ReplayChange, ReplayDone, ReplayHearers, Speaker, Store,
    Withdrawer, Withdrawn,
};
use sqlx::{PgPool, Row, SqlitePool};

use crate::events::house;
use crate::support::{World, act, contract, hash, invite, join, own, redeem};

contract!(
    replays_are_found_by_what_they_are_called,
    replays_are_found_by_who_speaks_in_them,
    what_was_said_leads_to_its_second,
    who_may_hear_decides_who_may_find,
    what_is_gone_is_in_no_index,
    a_crowd_of_talks_for_others_hides_nothing,
    talks_about_the_same_are_near,
);

const GUEST: MemberId = MemberId(1 << 64);

/// A talk that was recorded.
struct Talk<'a> {
    id: u128,
    host: MemberId,
    title: &'a str,
    topics: &'a [&'a str],
    hearers: ReplayHearers,
    speakers: Vec<(Speaker, &'a str)>,
}

impl Talk<'_> {
    fn of(id: u128, host: MemberId, title: &str) -> Talk<'_> {
        let speakers = vec![(Speaker::Member(host), "host")];
        Talk { id, host, title, topics: &[], hearers: ReplayHearers::Members, speakers }
    }
}

/// A room of this number, in a house or not, of which a replay of the same number was made, a minute long; those that have higher numbers
/// began later.
async fn recorded(store: &Store, talk: &Talk<'_>, house: Option<roomtone_room::ids::HouseId>) -> ReplayId {
    let (replay, room, began_at) = (ReplayId(talk.id), RoomId(talk.id), Timestamp(talk.id as u64));
    let new = NewRoom { id: room, opened_at: began_at, title: talk.title.to_owned(), host: talk.host, house };
    store.create_room(new, &[]).await.unwrap();
    if talk.speakers.iter().any(|(speaker, _)| *speaker == Speaker::Guest(GUEST)) {
        let guest = NewGuest {
            id: GUEST,
            room,
            voucher: talk.host,
            code: hash(50),
            name: "Grace".to_owned(),
            context: None,
            created_at: Timestamp(1),
            expires_at: Timestamp(1_000),
        };
        store.create_guest(&guest, 20).await.unwrap();
    }
    let epoch = own(store, talk.id).await;
    let (title, language) = (talk.title.to_owned(), "en".to_owned());
    let begun = NewReplay {
        id: replay,
        began_at,
        host: talk.host,
        title: "At first".to_owned(),
        language: language.clone(),
        hearers: talk.hearers,
        consent: 1,
    };
    let says = |(n, (speaker, name)): (u32, &(Speaker, &str))| {
        RecordingChange::Said(NewConsent {
            replay,
            seq: n.into(),
            at: began_at,
            speaker: *speaker,
            name: (*name).to_owned(),
            track: Some(n),
            text: 1,
            agree: true,
        })
    };
    let topics = talk.topics.iter().map(|&topic| topic.to_owned()).collect();
    let at = Timestamp(began_at.0 + 60_000);
    let mut changes = vec![RecordingChange::Begun(begun), RecordingChange::Topics(replay, vec!["draft".to_owned()])];
    changes.extend((1..).zip(&talk.speakers).map(says));
    changes.push(RecordingChange::Topics(replay, topics));
    changes.push(RecordingChange::Stopped { replay, at, title, language });
    store.append(room, epoch, Changes { recordings: &changes, ..Changes::default() }).await.unwrap();
    make(store, replay).await;
    replay
}

async fn make(store: &Store, replay: ReplayId) {
    let begun = store.begin_replay(replay).await.unwrap().unwrap();
    assert!(store.replay_made(replay, begun.generation, 60_000, Timestamp(100_000)).await.unwrap());
}

/// Writes down a track that begins next.
async fn write_down(store: &Store, replay: ReplayId, n: u32, lines: &[(u64, &str)]) {
    let begun = store.begin_transcript().await.unwrap().unwrap();
    assert_eq!((begun.replay, begun.n), (replay, n));
    let line = |&(from_ms, text): &(u64, &str)| {
        let (text, language) = (text.to_owned(), "en".to_owned());
        NewTranscriptLine { from_ms, to_ms: from_ms + 900, text, language }
    };
    let lines: Vec<_> = lines.iter().map(line).collect();
    assert!(store.keep_transcript(replay, n, &lines, Timestamp(100_000)).await.unwrap());
}

/// Whoever owns the server.
async fn owner(store: &Store) -> MemberId {
    store.create_invite(NewInvite { owner: true, ..invite(hash(900)) }).await.unwrap();
    redeem(store, hash(900), 0, 90, "owner").await.unwrap().person.id
}

async fn index(store: &Store) {
    while store.index_next().await.unwrap() > 0 {}
}

async fn search(store: &Store, viewer: MemberId, typed: &str) -> Vec<FoundReplay> {
    store.search(&Query::parse(typed).unwrap(), viewer).replays(10).await.unwrap()
}

async fn found(store: &Store, viewer: MemberId, typed: &str) -> Vec<u128> {
    search(store, viewer, typed).await.into_iter().map(|one| one.replay.id.0).collect()
}

/// What was said that fits: in which replay, when, by whom, and the text.
async fn said(store: &Store, viewer: MemberId, typed: &str) -> Vec<(u128, u64, String, String)> {
    let found = search(store, viewer, typed).await.into_iter();
    let found = found.filter_map(|one| one.said.map(|said| (one.replay.id.0, said.from_ms, said.name, said.text)));
    found.collect()
}

async fn rename(store: &Store, member: MemberId, name: &str) {
    let change = ProfileChange { name: Some(name.to_owned()), ..ProfileChange::default() };
    store.change_profile(member, change, Timestamp(1)).await.unwrap();
}

/// How many rows of the index lead somewhere: to replays by what they are called, and to lines.
async fn rows_left(world: &World) -> (i64, i64) {
    const COUNT: &str = "SELECT (SELECT count(*) FROM search_words WHERE kind = 4) AS called,
                                (SELECT count(*) FROM transcript_words) AS said";
    match world {
        World::Folder(folder) => {
            let pool = SqlitePool::connect(&folder.join(DATABASE_FILE).display().to_string()).await.unwrap();
            let row = sqlx::query(COUNT).fetch_one(&pool).await.unwrap();
            (row.get("called"), row.get("said"))
        }
        World::Address(url) => {
            let pool = PgPool::connect(url).await.unwrap();
            let row = sqlx::query(COUNT).fetch_one(&pool).await.unwrap();
            (row.get("called"), row.get("said"))
        }
    }
}

async fn replays_are_found_by_what_they_are_called(world: &World) {
    let store = world.open().await;
    let (ada, eve) = (join(&store, 1, "ada").await, join(&store, 2, "eve").await);
    recorded(&store, &Talk { topics: &["cartography", "чай"], ..Talk::of(21, ada, "Maps by candlelight") }, None).await;
    recorded(&store, &Talk::of(22, ada, "Maps again"), None).await;
    assert_eq!(found(&store, eve, "maps").await, [0_u128; 0], "it follows");
    index(&store).await;
    // The newest first; what only begins so after what is called so.
    assert_eq!(found(&store, eve, "maps").await, [22, 21]);
    recorded(&store, &Talk::of(23, ada, "Mapsters"), None).await;
    index(&store).await;
    assert_eq!(found(&store, eve, "maps").await, [22, 21, 23]);
    assert_eq!(found(&store, eve, "by maps").await, [21]);
    for typed in ["cnadlelight", "cartogr candle", "chai", "чай", "maps ada candlelight"] {
        assert_eq!(found(&store, eve, typed).await, [21], "{typed}");
    }
    assert_eq!(found(&store, eve, "draft").await, [0_u128; 0], "a topic that it had before its end");
    assert!(search(&store, eve, "maps").await.iter().all(|one| one.said.is_none()));
    // By the chapters that its host gave titles to, once they are taken in.
    let change = async |change| store.change_replay(ReplayId(22), ada, &change).await.unwrap();
    let chapters = vec![(0, "Compasses".to_owned()), (5_000, "Globes".to_owned())];
    assert_eq!(change(ReplayChange { chapters, ..ReplayChange::default() }).await, ReplayDone::Done);
    index(&store).await;
    assert_eq!(found(&store, eve, "globes").await, [22]);
    // What has another title, or none where there was one, is found by that no more, at once.
    let chapters = vec![(5_000, String::new())];
    let title = Some("Charts".to_owned());
    assert_eq!(change(ReplayChange { title, chapters, ..ReplayChange::default() }).await, ReplayDone::Done);
    assert_eq!(found(&store, eve, "globes").await, [0_u128; 0]);
    assert_eq!(found(&store, eve, "maps").await, [21, 23]);
    index(&store).await;
    assert_eq!(found(&store, eve, "charts").await, [22]);
    assert_eq!(found(&store, eve, "compasses").await, [22]);
    // Of those that could not be made, or are being made, nobody hears anything.
    assert_eq!(
        store.withdraw_track(ReplayId(21), Withdrawer::Own(Hearer::member(ada)), Timestamp(7)).await.unwrap(),
        Withdrawn::Done(vec![1])
    );
    assert_eq!(found(&store, eve, "candlelight").await, [0_u128; 0]);
    make(&store, ReplayId(21)).await;
    index(&store).await;
    assert_eq!(found(&store, eve, "candlelight").await, [21]);
}

async fn replays_are_found_by_who_speaks_in_them(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = [join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await];
    rename(&store, ben, "Boris").await;
    let speakers =
        vec![(Speaker::Member(ada), "Ada"), (Speaker::Member(ben), "Boris"), (Speaker::Guest(GUEST), "Grace")];
    recorded(&store, &Talk { speakers, ..Talk::of(21, ada, "Maps") }, None).await;
    let talk = recorded(&store, &Talk::of(22, ada, "Other"), None).await;
    index(&store).await;
    for typed in ["boris", "Борис", "ben", "borsi", "grace maps"] {
        assert_eq!(found(&store, eve, typed).await, [21], "{typed}");
    }
    assert_eq!(found(&store, eve, "ada").await, [22, 21]);
    // By the name that somebody has now.
    rename(&store, ben, "Gleb").await;
    index(&store).await;
    assert_eq!(found(&store, eve, "boris").await, [0_u128; 0]);
    assert_eq!(found(&store, eve, "gleb").await, [21]);
    // Whoever may not know of somebody is led nowhere by their name, in both directions, and still finds the talk.
    for (one, other) in [(eve, ben), (ben, eve)] {
        store.block(one, other, Timestamp(5)).await.unwrap();
        assert_eq!((found(&store, eve, "gleb").await, found(&store, eve, "maps").await), (vec![], vec![21]));
        store.unblock(one, other).await.unwrap();
    }
    let suspend =
        BranchAct { id: RecordId(900), member: ben, branch: false, author: owner(&store).await, at: Timestamp(6) };
    store.suspend(&suspend, "spam").await.unwrap();
    assert_eq!(found(&store, eve, "gleb").await, [0_u128; 0]);
    store.restore(&BranchAct { id: RecordId(901), ..suspend }).await.unwrap();
    assert_eq!(found(&store, eve, "gleb").await, [21]);
    // Nor is anybody by the name of somebody who took back what they said.
    store.withdraw_track(ReplayId(21), Withdrawer::Own(Hearer::member(ben)), Timestamp(7)).await.unwrap();
    make(&store, ReplayId(21)).await;
    assert_eq!(found(&store, eve, "gleb").await, [0_u128; 0]);
    index(&store).await;
    assert_eq!((found(&store, eve, "gleb").await, found(&store, eve, "grace").await), (vec![], vec![21]));
    // With an account its name goes, and with the host's all of it.
    store.delete_account(ben, &[], &[]).await.unwrap();
    index(&store).await;
    assert_eq!(found(&store, eve, "maps").await, [21]);
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert_eq!(found(&store, eve, "maps").await, [0_u128; 0]);
    assert_eq!(store.recording(talk).await.unwrap(), None);
    assert_eq!(rows_left(world).await, (0, 0));
}

async fn what_was_said_leads_to_its_second(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = [join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await];
    let speakers = vec![(Speaker::Member(ada), "Ada"), (Speaker::Member(ben), "Ben")];
    let replay = recorded(&store, &Talk { speakers, ..Talk::of(21, ada, "Kitchen table") }, None).await;
    write_down(
        &store,
        replay,
        1,
        &[(1_000, "Soup comes first."), (9_000, "The borscht is red."), (20_000, "Red as a beet, the borscht.")],
    )
    .await;
    write_down(&store, replay, 2, &[(4_000, "Борщ варят долго."), (30_000, "The kitchen is cold")]).await;
    assert_eq!(said(&store, eve, "borscht").await, [], "it follows");
    index(&store).await;
    let line = |from_ms, name: &str, text: &str| vec![(21, from_ms, name.to_owned(), text.to_owned())];
    // The first line that fits, or the one that fits better; in either alphabet, and by how a word begins.
    assert_eq!(said(&store, eve, "borscht").await, line(9_000, "Ada", "The borscht is red."));
    assert_eq!(said(&store, eve, "BORSCH").await, line(9_000, "Ada", "The borscht is red."));
    assert_eq!(said(&store, eve, "beet borscht").await, line(20_000, "Ada", "Red as a beet, the borscht."));
    assert_eq!(said(&store, eve, "варят").await, line(4_000, "Ben", "Борщ варят долго."));
    assert_eq!(said(&store, eve, "variat").await, line(4_000, "Ben", "Борщ варят долго."));
    // The rest may be in what the talk is called, and in who speaks.
    assert_eq!(said(&store, eve, "borscht kitchen").await, line(9_000, "Ada", "The borscht is red."));
    assert_eq!(said(&store, eve, "ben borscht").await, line(9_000, "Ada", "The borscht is red."));
    // Not all in one line, not said at all, with an error, or too short to mean anything.
    for typed in ["soup borscht", "borscht tea", "brosht", "re", "a"] {
        assert_eq!(said(&store, eve, typed).await, [], "{typed}");
    }
    // What it is called comes before what was said.
    assert_eq!((found(&store, eve, "kitchen").await, said(&store, eve, "kitchen").await), (vec![21], vec![]));
    let other = recorded(&store, &Talk::of(22, ada, "Borscht"), None).await;
    write_down(&store, other, 1, &[(2_000, "Nothing of it.")]).await;
    let newer = recorded(&store, &Talk::of(23, ada, "Stoves"), None).await;
    write_down(&store, newer, 1, &[(3_000, "Put the borscht on it.")]).await;
    index(&store).await;
    assert_eq!(found(&store, eve, "borscht").await, [22, 23, 21]);
    // Of two lines the one that fits better.
    let better = recorded(&store, &Talk::of(24, ada, "Pots"), None).await;
    write_down(&store, better, 1, &[(1_000, "Carrots first."), (5_000, "No carrot in it.")]).await;
    index(&store).await;
    assert_eq!(said(&store, eve, "carrot").await[0].1, 5_000);
    let person = search(&store, eve, "stoves put").await[0].said.clone().unwrap().person;
    assert_eq!(person.map(|person| person.id), Some(ada));

    // What was corrected is found by that, and by what it said before no more, at once.
    let correct =
        async |line, text| store.correct_line(replay, 1, line, Hearer::member(ada), text, Timestamp(1)).await.unwrap();
    assert!(correct(2, Some("The turnip soup is red.")).await);
    assert_eq!(said(&store, eve, "borscht kitchen").await, line(20_000, "Ada", "Red as a beet, the borscht."));
    index(&store).await;
    assert_eq!(said(&store, eve, "turnip").await, line(9_000, "Ada", "The turnip soup is red."));
    assert!(correct(3, None).await);
    assert_eq!(said(&store, eve, "beet").await, []);
    // Of somebody of whom the viewer may not know they find nothing that was said, in both directions.
    for (one, other) in [(eve, ben), (ben, eve)] {
        store.block(one, other, Timestamp(5)).await.unwrap();
        assert_eq!(said(&store, eve, "варят").await, []);
        assert_eq!(said(&store, ada, "варят").await.len(), 1);
        store.unblock(one, other).await.unwrap();
    }
    // What is withdrawn is gone.
    store.withdraw_track(replay, Withdrawer::Own(Hearer::member(ben)), Timestamp(7)).await.unwrap();
    make(&store, replay).await;
    index(&store).await;
    assert_eq!(said(&store, eve, "варят").await, []);
    assert_eq!(said(&store, eve, "soup red").await.len(), 1);
}

async fn who_may_hear_decides_who_may_find(world: &World) {
    let store = world.open().await;
    let mut members = Vec::new();
    for (id, handle) in [(1, "host"), (2, "speaker"), (3, "attendee"), (4, "member"), (5, "blocked")] {
        members.push(join(&store, id, handle).await);
    }
    let [host, speaker, attendee, member, blocked] = members[..] else { panic!() };
    let cellar = house(&store, 31, "cellar", host, true).await;
    let speakers =
        || vec![(Speaker::Member(host), "H"), (Speaker::Member(speaker), "S"), (Speaker::Member(blocked), "B")];
    for (id, hearers, house) in [
        (21, ReplayHearers::Attendees, None),
        (22, ReplayHearers::Members, None),
        (23, ReplayHearers::Everyone, None),
        (24, ReplayHearers::Members, Some(cellar)),
    ] {
        let talk = Talk { hearers, speakers: speakers(), ..Talk::of(id, host, "Secrets") };
        let replay = recorded(&store, &talk, house).await;
        let there = [RecordingChange::Attended(replay, vec![attendee])];
        let epoch = own(&store, id).await;
        store.append(RoomId(id), epoch, Changes { recordings: &there, ..Changes::default() }).await.unwrap();
        write_down(&store, replay, 1, &[(1_000, "Nobody knows about the elephant.")]).await;
        store.begin_transcript().await.unwrap();
        store.begin_transcript().await.unwrap();
        store.transcript_failed(replay, 2).await.unwrap();
        store.transcript_failed(replay, 3).await.unwrap();
    }
    index(&store).await;
    store.block(host, blocked, Timestamp(5)).await.unwrap();
    let all = vec![24, 23, 22, 21];
    for (who, expected) in [
        (host, all.clone()),
        (speaker, all.clone()),
        (attendee, all.clone()),
        (member, vec![23, 22]),
        (blocked, vec![]),
    ] {
        for typed in ["secrets", "elephant", "sercets", "secrets elephant"] {
            assert_eq!(found(&store, who, typed).await, expected, "{who:?} {typed}");
        }
    }
    // It is asked at that moment: after the host narrowed it, and after they are suspended.
    let narrow = ReplayChange { hearers: Some(ReplayHearers::Attendees), ..ReplayChange::default() };
    store.change_replay(ReplayId(23), host, &narrow).await.unwrap();
    assert_eq!((found(&store, member, "secrets").await, found(&store, member, "elephant").await), (vec![22], vec![22]));
    let suspend =
        BranchAct { id: RecordId(900), member: host, branch: false, author: owner(&store).await, at: Timestamp(6) };
    store.suspend(&suspend, "spam").await.unwrap();
    assert_eq!((found(&store, member, "secrets").await, found(&store, member, "elephant").await), (vec![], vec![]));
}

async fn what_is_gone_is_in_no_index(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let cellar = house(&store, 31, "cellar", ada, true).await;
    let talk = async |id, house| {
        let speakers = vec![(Speaker::Member(ada), "Ada"), (Speaker::Member(ben), "Ben")];
        let replay = recorded(&store, &Talk { speakers, ..Talk::of(id, ada, "Maps") }, house).await;
        for n in 1..=2 {
            write_down(&store, replay, n, &[(1_000, "Borscht and tea"), (2_000, "Tea")]).await;
        }
        index(&store).await;
        replay
    };
    let empty = async || rows_left(world).await == (0, 0);
    let one = talk(21, None).await;
    assert!(!empty().await);
    assert_eq!(store.delete_replay(one, ada).await.unwrap(), ReplayDone::Done);
    assert!(empty().await, "deleted by its host");
    let one = talk(22, None).await;
    let until = ReplayChange { expires_at: Some(Some(Timestamp(70_000))), ..ReplayChange::default() };
    store.change_replay(one, ada, &until).await.unwrap();
    index(&store).await;
    assert_eq!(store.delete_expired_replays(Timestamp(70_000), None).await.unwrap(), [one]);
    assert!(empty().await, "its time was over");
    // Whoever takes back what they said leaves nothing of it, and no name.
    let one = talk(23, None).await;
    store.withdraw_track(one, Withdrawer::Own(Hearer::member(ben)), Timestamp(7)).await.unwrap();
    assert_eq!(rows_left(world).await, (0, 4), "of Ada's two lines");
    make(&store, one).await;
    index(&store).await;
    let (called, said) = rows_left(world).await;
    assert_eq!(said, 4);
    assert!(called > 0);
    assert_eq!(store.delete_replay(one, ada).await.unwrap(), ReplayDone::Done);
    // A replay outlives its house, without its name.
    let one = talk(24, Some(cellar)).await;
    assert_eq!(found(&store, ada, "cellar").await, [24]);
    assert!(store.delete_house(cellar, &act(ada)).await.unwrap());
    assert_eq!((found(&store, ada, "cellar").await, rows_left(world).await.0), (vec![], 0));
    index(&store).await;
    assert_eq!((found(&store, ada, "cellar").await, found(&store, ada, "maps").await), (vec![], vec![24]));
    // With the account of somebody who speaks in it their words go, and with the host's all.
    store.delete_account(ben, &[], &[]).await.unwrap();
    assert_eq!(rows_left(world).await, (0, 4));
    make(&store, one).await;
    index(&store).await;
    assert_eq!(found(&store, ada, "maps borscht").await, [24]);
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert!(empty().await, "its host has gone");
}

async fn a_crowd_of_talks_for_others_hides_nothing(world: &World) {
    let store = world.open().await;
    let (ada, eve) = (join(&store, 1, "ada").await, join(&store, 2, "eve").await);
    // More than are compared.
    for id in 0..110 {
        let talk = Talk { hearers: ReplayHearers::Attendees, ..Talk::of(1_000 + id, ada, "Weekly") };
        recorded(&store, &talk, None).await;
    }
    recorded(&store, &Talk::of(5_000, ada, "Weekly"), None).await;
    index(&store).await;
    assert_eq!(found(&store, eve, "weekly").await, [5_000]);
    assert_eq!(found(&store, eve, "weelky").await, [5_000]);
    assert_eq!(found(&store, ada, "weekly").await.len(), 10);
}

async fn talks_about_the_same_are_near(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = [join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await];
    recorded(&store, &Talk { topics: &["maps", "tea"], ..Talk::of(20, ada, "A") }, None).await;
    // By somebody else about both and about one; about something else; and by the same host about nothing.
    recorded(&store, &Talk { topics: &["tea", "maps", "night"], ..Talk::of(21, ben, "B") }, None).await;
    recorded(&store, &Talk { topics: &["maps"], ..Talk::of(22, ben, "C") }, None).await;
    recorded(&store, &Talk { topics: &["night"], ..Talk::of(23, ben, "D") }, None).await;
    recorded(&store, &Talk::of(24, ada, "E"), None).await;
    let talk = Talk { topics: &["tea"], hearers: ReplayHearers::Attendees, ..Talk::of(25, ben, "F") };
    recorded(&store, &talk, None).await;
    let related = async |viewer, limit| {
        let found = store.related_replays(ReplayId(20), Hearer::member(viewer), limit).await.unwrap();
        found.into_iter().map(|replay| replay.id.0).collect::<Vec<_>>()
    };
    // Two topics (6), the same host who speaks in both (5), one topic (3).
    assert_eq!(related(eve, 10).await, [21, 24, 22]);
    assert_eq!(related(eve, 2).await, [21, 24]);
    assert_eq!(related(ben, 10).await, [21, 24, 25, 22], "he may hear his own");
    store.block(ben, eve, Timestamp(1)).await.unwrap();
    assert_eq!(related(eve, 10).await, [24]);
    let replay = store.replay(ReplayId(21), Hearer::member(ada)).await.unwrap().unwrap();
    assert_eq!((replay.topics.join(" "), replay.title.as_str()), ("tea maps night".to_owned(), "B"));
}
