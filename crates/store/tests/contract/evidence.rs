//! Sound that goes with reports.

use roomtone_room::ids::{MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{AuditEntry, Evidence, GuestMade, NewEvidence, NewGuest, NewReport, Speaker, Store};
use sqlx::{Connection, PgConnection};

use crate::support::{World, contract, hash, join, person, room};

contract!(
    tracks_go_with_a_report_or_not_at_all,
    tracks_go_with_whoever_talks_and_with_their_report,
    old_tracks_go_whether_or_not_somebody_looks_at_the_report,
    listening_is_written_down_once_for_each,
);

fn report(id: u128, reporter: MemberId, about: Option<MemberId>) -> NewReport {
    NewReport {
        id: RecordId(id),
        reporter,
        about,
        room: Some(RoomId(7)),
        room_host: None,
        house: None,
        reason: "abuse".to_owned(),
        text: String::new(),
        context: "{}".to_owned(),
        created_at: Timestamp(10),
    }
}

fn track(n: u32, speaker: Speaker) -> NewEvidence {
    NewEvidence { n, speaker, began_at: Timestamp(5_000), ms: 60_000, bytes: 1_000 * u64::from(n) }
}

fn entry(id: u128, actor: MemberId) -> AuditEntry {
    let (act, details) = ("evidence_heard", String::new());
    AuditEntry { id: RecordId(id), at: Timestamp(20), actor, act, about: None, details }
}

/// The owner of the server, a member who reports, one who talks, and a guest of theirs.
async fn scene(store: &Store) -> [MemberId; 4] {
    let [ada, ben, eve] = [join(store, 1, "ada").await, join(store, 2, "ben").await, join(store, 3, "eve").await];
    store.create_room(room(7, ada), &[]).await.unwrap();
    let guest = NewGuest {
        id: MemberId(1 << 64),
        room: RoomId(7),
        voucher: ada,
        code: hash(50),
        name: "Grace".to_owned(),
        context: None,
        created_at: Timestamp(1),
        expires_at: Timestamp(1_000),
    };
    assert_eq!(store.create_guest(&guest, 20).await.unwrap(), GuestMade::Made);
    [ada, ben, eve, guest.id]
}

/// Which tracks of which reports there are.
async fn kept(store: &Store) -> Vec<(u128, u32)> {
    store.evidence_kept().await.unwrap().into_iter().map(|(report, n)| (report.0, n)).collect()
}

async fn tracks_go_with_a_report_or_not_at_all(world: &World) {
    let store = world.open().await;
    let [_, ben, eve, guest] = scene(&store).await;
    assert_eq!(store.evidence_size().await.unwrap(), 0);
    let tracks = [track(1, Speaker::Member(eve)), track(2, Speaker::Guest(guest))];
    assert_eq!(store.create_report_with(report(1, ben, None), &tracks).await.unwrap(), Some(2));
    assert_eq!(store.create_report_with(report(2, ben, None), &[]).await.unwrap(), Some(0));
    // Of nobody's there is none: neither of a guest as a member, nor of who is gone.
    let nobodys = [
        track(1, Speaker::Member(guest)),
        track(2, Speaker::Guest(eve)),
        track(3, Speaker::Member(MemberId(99))),
        track(4, Speaker::Member(eve)),
    ];
    assert_eq!(store.create_report_with(report(3, ben, None), &nobodys).await.unwrap(), Some(1));
    // A report that is not made has no tracks.
    assert_eq!(store.create_report_with(report(4, MemberId(99), None), &tracks).await.unwrap(), None);
    assert!(store.create_report_with(report(1, ben, None), &tracks).await.is_err(), "there is such a report");
    assert_eq!(kept(&store).await, [(1, 1), (1, 2), (3, 4)]);
    assert_eq!(store.evidence_size().await.unwrap(), 7_000);
    let grace = roomtone_store::Person { id: guest, handle: String::new(), name: "Grace".to_owned(), avatar: None };
    let found = |report, n, by| Evidence { report: RecordId(report), n, by, began_at: Timestamp(5_000), ms: 60_000 };
    assert_eq!(
        store.evidence_of(&[RecordId(3), RecordId(2), RecordId(1), RecordId(77)]).await.unwrap(),
        [found(1, 1, Some(person(3, "eve"))), found(1, 2, Some(grace)), found(3, 4, Some(person(3, "eve")))]
    );
    assert_eq!(store.evidence_of(&[]).await.unwrap(), []);
}

async fn tracks_go_with_whoever_talks_and_with_their_report(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, guest] = scene(&store).await;
    let tracks = [track(1, Speaker::Member(eve)), track(2, Speaker::Guest(guest)), track(3, Speaker::Member(ben))];
    for (id, about) in [(1, None), (2, Some(eve))] {
        assert_eq!(store.create_report_with(report(id, ben, about), &tracks).await.unwrap(), Some(3));
    }
    // Hers, and all that goes with the report about her.
    store.delete_account(eve, &[], &[]).await.unwrap();
    assert_eq!(kept(&store).await, [(1, 2), (1, 3)]);
    // Whoever reported may go: the report stays, without what they said.
    store.delete_account(ben, &[], &[]).await.unwrap();
    assert_eq!(kept(&store).await, [(1, 2)]);
    // A guest has no account, and is nobody when they are forgotten.
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert_eq!(store.guests_among(&[guest]).await.unwrap(), []);
    let left = store.evidence_of(&[RecordId(1)]).await.unwrap();
    assert_eq!(left.iter().map(|track| (track.n, track.by.clone())).collect::<Vec<_>>(), [(2, None)]);
}

async fn old_tracks_go_whether_or_not_somebody_looks_at_the_report(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, guest] = scene(&store).await;
    let tracks = [track(1, Speaker::Member(eve)), track(2, Speaker::Guest(guest))];
    for (id, made) in [(1, 10), (2, 10), (3, 30), (4, 40)] {
        let report = NewReport { created_at: Timestamp(made), ..report(id, ben, None) };
        assert_eq!(store.create_report_with(report, &tracks).await.unwrap(), Some(2));
    }
    for (id, at) in [(1, 100), (2, 200)] {
        let handled = AuditEntry { at: Timestamp(at), act: "report_handled", ..entry(id + 100, ada) };
        assert!(store.handle_report(RecordId(id), "acted", &handled).await.unwrap());
    }
    let late = u64::from(u32::MAX);
    // Of the first that was handled, of the other though it was handled lately, and of one that nobody has looked at.
    for (handled, made, deleted, left) in
        [(100, 10, 0, 8), (101, 10, 2, 6), (101, 11, 2, 4), (late, 30, 0, 4), (0, 31, 2, 2), (late, 40, 0, 2)]
    {
        let gone = store.delete_old_evidence(Timestamp(handled), Timestamp(made)).await.unwrap();
        assert_eq!((gone, kept(&store).await.len()), (deleted, left), "{handled} {made}");
    }
    assert_eq!(kept(&store).await, [(4, 1), (4, 2)]);
    for id in [1, 3] {
        assert!(store.report(RecordId(id)).await.unwrap().is_some(), "the report itself stays");
    }
}

/// Whether another connection waits for this one.
const WAITS: &str =
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))";

/// Somebody deletes their account while a report with what they said is made: the report is made without that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_goes_meanwhile_costs_no_report_on_postgres() {
    let world = World::postgres("whoever_goes_meanwhile").await;
    let World::Address(url) = &world else { unreachable!("it is Postgres") };
    let store = world.open().await;
    let [_, ben, eve, guest] = scene(&store).await;
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut going = connection.begin().await.unwrap();
    for (gone, id) in [
        ("DELETE FROM invites WHERE used_by = $1", eve),
        ("DELETE FROM members WHERE id = $1", eve),
        ("DELETE FROM guests WHERE id = $1", guest),
    ] {
        let gone = sqlx::query(gone).bind(id.0.to_be_bytes().to_vec()).execute(&mut *going).await.unwrap();
        assert_eq!(gone.rows_affected(), 1);
    }
    let tracks = [track(1, Speaker::Member(eve)), track(2, Speaker::Guest(guest)), track(3, Speaker::Member(ben))];
    let making = tokio::spawn({
        let store = store.clone();
        async move { store.create_report_with(report(1, ben, None), &tracks).await }
    });
    while !sqlx::query_scalar::<_, bool>(WAITS).fetch_one(&mut *going).await.unwrap() {
        assert!(!making.is_finished(), "it did not wait");
    }
    going.commit().await.unwrap();
    assert_eq!(making.await.unwrap().unwrap(), Some(1));
    assert_eq!(kept(&store).await, [(1, 3)]);
}

async fn listening_is_written_down_once_for_each(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, guest] = scene(&store).await;
    let tracks = [track(1, Speaker::Member(eve)), track(2, Speaker::Guest(guest))];
    assert_eq!(store.create_report_with(report(1, ben, None), &tracks).await.unwrap(), Some(2));
    let mut ids = 200..;
    let mut hears =
        async |actor, id, n| store.hear_evidence(RecordId(id), n, entry(ids.next().unwrap(), actor)).await.unwrap();
    assert!(hears(ada, 1, 1).await && hears(ada, 1, 1).await && hears(ada, 1, 2).await && hears(ben, 1, 1).await);
    assert!(!hears(ada, 1, 3).await && !hears(ada, 2, 1).await);
    let log = store.audit_log(None).await.unwrap();
    let mut heard: Vec<_> = log
        .into_iter()
        .map(|record| (record.actor.map(|actor| actor.id), record.about.map(|about| about.id), record.details))
        .collect();
    heard.sort();
    let details = |n| format!("report={} track={n}", RecordId(1));
    let mut expected =
        [(Some(ada), Some(eve), details(1)), (Some(ada), None, details(2)), (Some(ben), Some(eve), details(1))];
    expected.sort();
    assert_eq!(heard, expected);
}

/// Somebody deletes their account while they are reported: there is nobody to report any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_reported_may_go_meanwhile_on_postgres() {
    let world = World::postgres("who_is_reported_may_go").await;
    let World::Address(url) = &world else { unreachable!("it is Postgres") };
    let store = world.open().await;
    let [_, ben, eve, _] = scene(&store).await;
    let other = join(&store, 4, "fay").await;
    let mut connection = PgConnection::connect(url).await.unwrap();
    let about = |id, gone| report(id, ben, Some(gone));
    let hosted = |id, gone| NewReport { room_host: Some(gone), ..report(id, ben, None) };
    for (gone, report, made) in [(eve, about(1, eve), None), (other, hosted(2, other), Some(0))] {
        let mut going = connection.begin().await.unwrap();
        for text in ["DELETE FROM invites WHERE used_by = $1", "DELETE FROM members WHERE id = $1"] {
            let deleted = sqlx::query(text).bind(gone.0.to_be_bytes().to_vec()).execute(&mut *going).await.unwrap();
            assert_eq!(deleted.rows_affected(), 1);
        }
        let making = tokio::spawn({
            let store = store.clone();
            async move { store.create_report_with(report, &[]).await }
        });
        while !sqlx::query_scalar::<_, bool>(WAITS).fetch_one(&mut *going).await.unwrap() {
            assert!(!making.is_finished(), "it did not wait");
        }
        going.commit().await.unwrap();
        assert_eq!(making.await.unwrap().unwrap(), made);
    }
    assert_eq!(store.report(RecordId(2)).await.unwrap().unwrap().room_host, None);
}
