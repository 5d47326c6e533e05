//! Recordings: noted with the room's events, and on their way to a replay.

use roomtone_room::ids::{MemberId, ReplayId, RoomId, Timestamp};
use roomtone_store::{
    AppendError, Changes, GuestMade, MARKS_EACH, NewConsent, NewGuest, NewMark, NewReplay, RecordedConsent,
    RecordedMark, RecordedTrack, RecordingChange, ReplayHearers, ReplayState, Speaker, Store, StoreError,
};

use crate::support::{World, contract, hash, join, own, refused, room, row};

contract!(
    a_recording_is_noted_with_the_events_of_its_room,
    many_marks_of_one_kind_put_out_no_others,
    the_end_of_a_room_ends_its_recording,
    consents_are_a_log_and_a_speaker_has_one_track,
    a_replay_is_made_once_for_each_generation,
    whoever_goes_leaves_their_consents_to_nobody,
);

const REPLAY: ReplayId = ReplayId(50);

fn begun(id: ReplayId, host: MemberId) -> RecordingChange {
    RecordingChange::Begun(NewReplay {
        id,
        began_at: Timestamp(1_000),
        host,
        title: "A talk".to_owned(),
        language: "en".to_owned(),
        hearers: ReplayHearers::Members,
        consent: 1,
    })
}

fn said(seq: u64, speaker: Speaker, track: Option<u32>, agree: bool) -> RecordingChange {
    let name = format!("Speaker {seq}");
    RecordingChange::Said(NewConsent { replay: REPLAY, seq, at: Timestamp(seq), speaker, name, track, text: 1, agree })
}

fn mark(at_ms: u64, author: Option<MemberId>, body: &str) -> RecordingChange {
    RecordingChange::Marked(NewMark { replay: REPLAY, at_ms, author, kind: "link", body: body.to_owned() })
}

fn stopped(title: &str) -> RecordingChange {
    let (title, language) = (title.to_owned(), "ru".to_owned());
    RecordingChange::Stopped { replay: REPLAY, at: Timestamp(9_000), title, language }
}

/// Ada's room 7, which this process owns, and Ben; a guest of hers.
async fn scene(store: &Store) -> ([MemberId; 3], u64) {
    let [ada, ben] = [join(store, 1, "ada").await, join(store, 2, "ben").await];
    store.create_room(room(7, ada), &[row(1)]).await.unwrap();
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
    let epoch = own(store, 7).await;
    ([ada, ben, guest.id], epoch)
}

async fn append(store: &Store, epoch: u64, recordings: &[RecordingChange]) {
    store.append(RoomId(7), epoch, Changes { recordings, ..Changes::default() }).await.unwrap();
}

async fn a_recording_is_noted_with_the_events_of_its_room(world: &World) {
    let store = world.open().await;
    let ([ada, ben, guest], epoch) = scene(&store).await;
    let all = [
        begun(REPLAY, ada),
        RecordingChange::Attended(REPLAY, vec![ada, ben, guest, MemberId(404)]),
        RecordingChange::Attended(REPLAY, vec![ben]),
        mark(2_000, Some(ben), "b"),
        mark(1_000, None, "a"),
        mark(2_000, None, "c"),
        mark(3_000, Some(MemberId(404)), "of somebody who is gone"),
        stopped("Another title"),
    ];
    // With a number that is taken, or of an owner of long ago: nothing of it is kept.
    let bad = Changes { rows: &[row(2), row(1)], recordings: &all, ..Changes::default() };
    refused!(store.append(RoomId(7), epoch, bad).await => AppendError::Store(StoreError::Conflict(_)));
    let good = Changes { rows: &[row(2)], recordings: &all, ..Changes::default() };
    refused!(store.append(RoomId(7), epoch - 1, good).await => AppendError::Fenced);
    assert_eq!(store.recording(REPLAY).await.unwrap(), None);

    append(&store, epoch, &all[..2]).await;
    let going_on = store.recording(REPLAY).await.unwrap().unwrap();
    assert_eq!((going_on.state, going_on.ended_at), (ReplayState::Recording, None));
    assert_eq!((going_on.room, going_on.hearers), (RoomId(7), ReplayHearers::Members));
    assert_eq!((going_on.began_at, going_on.generation, going_on.tries), (Timestamp(1_000), 1, 0));
    assert_eq!(store.recordings_waiting().await.unwrap(), []);
    append(&store, epoch, &all[2..]).await;
    assert_eq!(store.recorded_attendees(REPLAY).await.unwrap(), [ada, ben]);
    let marks = store.recorded_marks(REPLAY).await.unwrap();
    let expected = [(1_000, "a"), (2_000, "b"), (2_000, "c")];
    assert_eq!(marks, expected.map(|(at_ms, body)| RecordedMark { at_ms, body: body.to_owned() }));
    let over = store.recording(REPLAY).await.unwrap().unwrap();
    assert_eq!((over.state, over.ended_at), (ReplayState::Waiting, Some(Timestamp(9_000))));
    assert_eq!(over.language, "ru");
    // Once is enough.
    append(&store, epoch, &[stopped("A third")]).await;
    assert_eq!(store.recording(REPLAY).await.unwrap(), Some(over.clone()));
    assert_eq!(store.recordings_of(RoomId(7)).await.unwrap(), [over]);
    assert_eq!(store.recordings_among(&[ReplayId(1), REPLAY]).await.unwrap(), [REPLAY]);
    assert_eq!(store.recordings_among(&[]).await.unwrap(), []);
}

async fn many_marks_of_one_kind_put_out_no_others(world: &World) {
    let store = world.open().await;
    let ([ada, ..], epoch) = scene(&store).await;
    append(&store, epoch, &[begun(REPLAY, ada)]).await;
    let mark = |at_ms, kind| {
        RecordingChange::Marked(NewMark { replay: REPLAY, at_ms, author: None, kind, body: kind.to_owned() })
    };
    let kept = async |kind: &str| {
        let marks = store.recorded_marks(REPLAY).await.unwrap();
        marks.iter().filter(|mark| mark.body == kind).count() as u64
    };
    let most = MARKS_EACH;
    // There may be more reactions than of anything else.
    for (kind, expected) in [("timer", most), ("reaction", most + 20)] {
        let many: Vec<_> = (0..most + 20).map(|at_ms| mark(at_ms, kind)).collect();
        append(&store, epoch, &many).await;
        append(&store, epoch, &[mark(90_000, "link")]).await;
        assert_eq!(kept(kind).await, expected);
    }
    assert_eq!(kept("link").await, 2);
    // All of them are read.
    let read = store.replay_marks(REPLAY, None).await.unwrap();
    assert_eq!(read.len() as u64, 2 * most + 20 + 2);
    assert_eq!(read.last().unwrap().body, "link");
}

async fn the_end_of_a_room_ends_its_recording(world: &World) {
    let store = world.open().await;
    let ([ada, ..], epoch) = scene(&store).await;
    append(&store, epoch, &[begun(ReplayId(1), ada), begun(REPLAY, ada), stopped("Over")]).await;
    store.end_room(RoomId(7), epoch, Timestamp(5_000), &[row(2)]).await.unwrap();
    let ended = async |id| store.recording(id).await.unwrap().map(|one| (one.state, one.ended_at));
    assert_eq!(ended(ReplayId(1)).await, Some((ReplayState::Waiting, Some(Timestamp(5_000)))));
    assert_eq!(ended(REPLAY).await, Some((ReplayState::Waiting, Some(Timestamp(9_000)))));
    // The first to end is the first to be made.
    assert_eq!(store.recordings_waiting().await.unwrap(), [ReplayId(1), REPLAY]);
}

async fn consents_are_a_log_and_a_speaker_has_one_track(world: &World) {
    let store = world.open().await;
    let ([ada, ben, guest], epoch) = scene(&store).await;
    let [a, b, g] = [Speaker::Member(ada), Speaker::Member(ben), Speaker::Guest(guest)];
    append(
        &store,
        epoch,
        &[
            begun(REPLAY, ada),
            said(10, b, None, false),
            said(11, a, Some(1), true),
            said(12, g, Some(2), true),
            said(13, a, Some(1), false),
            said(14, a, Some(1), true),
        ],
    )
    .await;
    let track = |n, speaker, seq: u64| RecordedTrack {
        n,
        speaker: Some(speaker),
        name: format!("Speaker {seq}"),
        withdrawn_at: None,
    };
    assert_eq!(store.recorded_tracks(REPLAY).await.unwrap(), [track(1, a, 11), track(2, g, 12)]);
    let consent = |(seq, speaker, track, agree)| RecordedConsent {
        seq,
        at: Timestamp(seq),
        speaker: Some(speaker),
        track,
        text: 1,
        agree,
    };
    let expected = [
        (10, b, None, false),
        (11, a, Some(1), true),
        (12, g, Some(2), true),
        (13, a, Some(1), false),
        (14, a, Some(1), true),
    ];
    assert_eq!(store.recorded_consents(REPLAY).await.unwrap(), expected.map(consent));
    // The same event twice is no second consent.
    let again = [said(14, a, Some(1), false)];
    let again = Changes { recordings: &again, ..Changes::default() };
    refused!(store.append(RoomId(7), epoch, again).await => AppendError::Store(StoreError::Conflict(_)));
}

async fn a_replay_is_made_once_for_each_generation(world: &World) {
    let store = world.open().await;
    let ([ada, ..], epoch) = scene(&store).await;
    append(&store, epoch, &[begun(REPLAY, ada)]).await;
    assert_eq!(store.begin_replay(REPLAY).await.unwrap(), None);
    append(&store, epoch, &[stopped("Over")]).await;
    for tries in 1..3 {
        // The second time after the server was stopped.
        assert_eq!(store.recordings_waiting().await.unwrap(), [REPLAY]);
        let begun = store.begin_replay(REPLAY).await.unwrap().unwrap();
        assert_eq!((begun.state, begun.tries, begun.generation), (ReplayState::Processing, tries, 1));
    }
    // What is put back was not tried, and waits again; once.
    assert!(!store.put_replay_back(REPLAY, 2, 1).await.unwrap());
    assert!(!store.put_replay_back(REPLAY, 1, 2).await.unwrap(), "it was not begun once more");
    assert!(store.put_replay_back(REPLAY, 1, 1).await.unwrap());
    assert!(!store.put_replay_back(REPLAY, 1, 1).await.unwrap());
    let waits = store.recording(REPLAY).await.unwrap().unwrap();
    assert_eq!((waits.state, waits.tries), (ReplayState::Waiting, 1));
    assert_eq!(store.begin_replay(REPLAY).await.unwrap().unwrap().tries, 2);
    assert!(store.replay_progress(REPLAY, 1, 40).await.unwrap());
    assert!(!store.replay_progress(REPLAY, 2, 40).await.unwrap());
    assert!(!store.replay_made(REPLAY, 2, 8_000, Timestamp(10_000)).await.unwrap());
    assert!(store.replay_made(REPLAY, 1, 8_000, Timestamp(10_000)).await.unwrap());
    assert!(!store.replay_made(REPLAY, 1, 8_000, Timestamp(10_000)).await.unwrap());
    assert!(!store.replay_failed(REPLAY, 1).await.unwrap() && !store.put_replay_back(REPLAY, 1, 0).await.unwrap());
    let made = store.recording(REPLAY).await.unwrap().unwrap();
    assert_eq!((made.state, made.tries), (ReplayState::Ready, 0));
    assert_eq!((store.recordings_waiting().await.unwrap(), store.begin_replay(REPLAY).await.unwrap()), (vec![], None));

    // It is over once, and nothing of before begins it again.
    append(&store, epoch, &[stopped("Later")]).await;
    assert_eq!(store.recording(REPLAY).await.unwrap(), Some(made));
    append(&store, epoch, &[begun(ReplayId(51), ada)]).await;
    store.end_room(RoomId(7), epoch, Timestamp(20_000), &[row(2)]).await.unwrap();
    store.begin_replay(ReplayId(51)).await.unwrap().unwrap();
    assert!(store.replay_failed(ReplayId(51), 1).await.unwrap());
    assert_eq!(store.recording(ReplayId(51)).await.unwrap().unwrap().state, ReplayState::Failed);
    assert_eq!(store.recordings_waiting().await.unwrap(), []);
}

async fn whoever_goes_leaves_their_consents_to_nobody(world: &World) {
    let store = world.open().await;
    let ([ada, ben, guest], epoch) = scene(&store).await;
    let changes = [
        begun(REPLAY, ada),
        RecordingChange::Attended(REPLAY, vec![ada, ben]),
        said(10, Speaker::Member(ben), Some(1), true),
        said(11, Speaker::Guest(guest), Some(2), true),
        mark(5, Some(ben), "their words"),
        mark(6, None, "nobody's"),
    ];
    append(&store, epoch, &changes).await;
    store.delete_account(ben, &[], &[]).await.unwrap();
    assert_eq!(store.recorded_attendees(REPLAY).await.unwrap(), [ada]);
    let consents = store.recorded_consents(REPLAY).await.unwrap();
    assert_eq!(consents.iter().map(|consent| consent.seq).collect::<Vec<_>>(), [11]);
    assert!(
        store.recorded_tracks(REPLAY).await.unwrap().iter().all(|track| track.speaker != Some(Speaker::Member(ben)))
    );
    assert_eq!(store.recorded_marks(REPLAY).await.unwrap().len(), 1);
    // A guest who is forgotten is nobody, and what they said to it is still known.
    append(&store, epoch, &[stopped("Over")]).await;
    while store.delete_old_guests(Timestamp(u64::MAX >> 1)).await.unwrap() {}
    let consents = store.recorded_consents(REPLAY).await.unwrap();
    assert_eq!(consents.iter().map(|consent| (consent.seq, consent.speaker)).collect::<Vec<_>>(), [(11, None)]);
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert_eq!(store.recording(REPLAY).await.unwrap(), None);
}
