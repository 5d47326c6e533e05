//! Sound that goes with reports.

use roomtone_room::ids::{MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{AuditEntry, Evidence, GuestMade, NewEvidence, NewGuest, NewReport, Speaker, Store};

use crate::support::{World, contract, hash, join, person, room};

contract!(
    tracks_go_with_a_report_or_not_at_all,
    tracks_go_with_whoever_talks_and_with_their_report,
    old_tracks_go_and_open_reports_keep_theirs,
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

async fn old_tracks_go_and_open_reports_keep_theirs(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, _] = scene(&store).await;
    for id in [1, 2, 3] {
        let track = track(1, Speaker::Member(eve));
        assert_eq!(store.create_report_with(report(id, ben, None), &[track]).await.unwrap(), Some(1));
    }
    for (id, at) in [(1, 100), (2, 200)] {
        let handled = AuditEntry { at: Timestamp(at), act: "report_handled", ..entry(id + 100, ada) };
        assert!(store.handle_report(RecordId(id), "acted", &handled).await.unwrap());
    }
    for (before, deleted, left) in [(100, 0, 3), (200, 1, 2), (201, 1, 1), (u64::from(u32::MAX), 0, 1)] {
        assert_eq!(store.delete_old_evidence(Timestamp(before)).await.unwrap(), deleted, "{before}");
        assert_eq!(kept(&store).await.len(), left, "{before}");
    }
    assert_eq!(kept(&store).await, [(3, 1)]);
    assert!(store.report(RecordId(1)).await.unwrap().is_some(), "the report itself stays");
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
