//! What is made of a replay after it: links, clips and replies, and what goes with whom.

use roomtone_room::ids::{RecordId, ReplayId, Timestamp};
use roomtone_store::{
    AuditEntry, CLIPS_EACH, Changes, Hearer, NewClip, NewReplay, NewReplayReply, NewReport, REPLAY_LINKS_MAX,
    REPLAY_REPLIES_EACH, RecordingChange, ReplayChange, ReplayDone, ReplayHearers, ReplayLink, ReplaySaid, ReplayState,
    ReplaysOf, ReportedSound, Withdrawer,
};

use super::{
    ATTENDEE, BLOCKED, HOST, MEMBER, OWNER, REPLAY, ROOM, SPEAKER, add_link, hears, key, listed, make, record, scene,
    with_key,
};
use crate::support::{World, contract, hash, own};

contract!(
    links_work_until_they_are_revoked,
    clips_and_replies_are_for_those_who_hear,
    what_is_reported_is_for_whoever_handles_the_report,
    of_a_replay_in_which_nothing_is_left_no_clip_is,
    a_replay_is_deleted_with_all_that_was_made_of_it,
    old_replays_go,
    who_goes_takes_their_voice_along,
);

async fn links_work_until_they_are_revoked(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Attendees, false).await;
    let link = |id| ReplayLink { id: RecordId(id), note: String::new(), at: Timestamp(1) };
    assert_eq!(store.add_replay_link(REPLAY, SPEAKER, &link(1), &key()).await.unwrap(), ReplaySaid::Missing);
    for number in 0..REPLAY_LINKS_MAX {
        assert_eq!(add_link(&store, 100 + u128::from(number), &hash(500 + number)).await, ReplaySaid::Done);
    }
    assert_eq!(add_link(&store, 1, &key()).await, ReplaySaid::TooMany);
    let links = store.replay_links(REPLAY, HOST).await.unwrap();
    assert_eq!((links.len() as u64, links[0].id), (REPLAY_LINKS_MAX, RecordId(99 + u128::from(REPLAY_LINKS_MAX))));
    assert_eq!(store.replay_links(REPLAY, SPEAKER).await.unwrap(), []);
    let (one, other) = (with_key(None, hash(500)), with_key(None, hash(501)));
    assert!(hears(&store, one).await && hears(&store, other).await);
    assert!(!store.revoke_replay_link(REPLAY, SPEAKER, RecordId(100)).await.unwrap());
    assert!(!store.revoke_replay_link(ReplayId(71), HOST, RecordId(100)).await.unwrap());
    assert!(store.revoke_replay_link(REPLAY, HOST, RecordId(100)).await.unwrap());
    assert!(!store.revoke_replay_link(REPLAY, HOST, RecordId(100)).await.unwrap());
    assert!(!hears(&store, one).await && hears(&store, other).await);
    assert_eq!(store.replay(REPLAY, other).await.unwrap().unwrap().links, REPLAY_LINKS_MAX - 1);
}

fn clip(id: u128, from_ms: u64, to_ms: u64) -> NewClip {
    NewClip { id: RecordId(id), replay: REPLAY, title: format!("Clip {id}"), from_ms, to_ms, at: Timestamp(id as u64) }
}

fn reply(id: u128, voice: Option<(u64, Vec<u8>)>) -> NewReplayReply {
    let text = if voice.is_some() { String::new() } else { format!("Reply {id}") };
    NewReplayReply { id: RecordId(id), text, at_ms: Some(5), at: Timestamp(id as u64), voice }
}

async fn clips_and_replies_are_for_those_who_hear(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Attendees, false).await;
    add_link(&store, 1, &key()).await;
    let cut = async |member, hearer, clip: NewClip| store.add_clip(hearer, member, &clip).await.unwrap();
    let say = async |member, hearer, reply| store.add_replay_reply(REPLAY, hearer, member, reply).await.unwrap();
    let (attendee, member) = (Hearer::member(ATTENDEE), Hearer::member(MEMBER));
    let by_link = with_key(Some(MEMBER), key());
    assert_eq!(cut(MEMBER, member, clip(1, 0, 1_000)).await, ReplaySaid::Missing);
    assert_eq!(say(MEMBER, member, reply(1, None)).await, ReplaySaid::Missing);
    assert_eq!(cut(BLOCKED[2], Hearer::member(BLOCKED[2]), clip(1, 0, 1_000)).await, ReplaySaid::Missing);
    assert_eq!(cut(ATTENDEE, attendee, clip(2, 1_000, 60_021)).await, ReplaySaid::NotNow, "behind its end");
    assert_eq!(cut(ATTENDEE, attendee, clip(2, 1_000, 60_010)).await, ReplaySaid::Done);
    assert_eq!(cut(MEMBER, by_link, clip(3, 0, 1_000)).await, ReplaySaid::Done);
    assert_eq!(say(ATTENDEE, attendee, reply(2, Some((700, vec![1, 2, 3])))).await, ReplaySaid::Done);
    assert_eq!(say(MEMBER, by_link, reply(3, None)).await, ReplaySaid::Done);

    let clips = async |hearer| {
        let found = store.clips(REPLAY, hearer, None, 50).await.unwrap();
        found.into_iter().map(|clip| clip.id.0).collect::<Vec<_>>()
    };
    let replies = async |hearer| {
        let found = store.replay_replies(REPLAY, hearer, None, 50).await.unwrap();
        found.into_iter().map(|reply| reply.id.0).collect::<Vec<_>>()
    };
    for (hearer, expected) in
        [(attendee, vec![3, 2]), (by_link, vec![3, 2]), (member, vec![]), (Hearer::member(BLOCKED[2]), vec![])]
    {
        assert_eq!((clips(hearer).await, replies(hearer).await), (expected.clone(), expected.clone()), "{hearer:?}");
        assert_eq!(store.clip(RecordId(2), hearer).await.unwrap().is_some(), !expected.is_empty(), "{hearer:?}");
        let one = store.replay_reply(REPLAY, RecordId(2), hearer).await.unwrap();
        assert_eq!(one.is_some(), !expected.is_empty(), "{hearer:?}");
    }
    let first = store.clip(RecordId(2), attendee).await.unwrap().unwrap();
    assert_eq!((first.by.handle.as_str(), first.host.handle.as_str(), first.generation), ("attendee", "host", Some(1)));
    assert_eq!((first.from_ms, first.to_ms, first.replay_title.as_str()), (1_000, 60_010, "Talk 70"));
    let voice = store.replay_reply(REPLAY, RecordId(2), attendee).await.unwrap().unwrap();
    assert_eq!((voice.voice_ms, voice.at_ms, voice.text.as_str()), (Some(700), Some(5), ""));
    assert_eq!(store.voice_note(RecordId(2)).await.unwrap(), Some(vec![1, 2, 3]));
    assert_eq!(store.voice_note(RecordId(3)).await.unwrap(), None);
    assert_eq!(store.replay_reply(ReplayId(71), RecordId(2), attendee).await.unwrap(), None);

    // Whoever has a block with somebody finds nothing of theirs; the counts say the same.
    store.block(SPEAKER, ATTENDEE, Timestamp(1)).await.unwrap();
    let speaker = Hearer::member(SPEAKER);
    assert_eq!((clips(speaker).await, replies(speaker).await), (vec![3], vec![3]));
    let told = store.replay(REPLAY, speaker).await.unwrap().unwrap();
    assert_eq!((told.clips, told.replies), (1, 1));

    // While the replay is made anew nobody hears a clip, and nobody cuts one.
    store.withdraw_track(REPLAY, Withdrawer::Own(Hearer::member(SPEAKER)), Timestamp(9)).await.unwrap();
    assert_eq!(store.clip(RecordId(2), attendee).await.unwrap().unwrap().generation, None);
    assert_eq!(cut(ATTENDEE, attendee, clip(4, 0, 1_000)).await, ReplaySaid::NotNow);
    // Its title may be what was withdrawn: only whoever wrote it reads it.
    let titles = async |hearer| {
        let found = store.clips(REPLAY, hearer, None, 50).await.unwrap();
        let titles: Vec<_> = found.into_iter().map(|clip| (clip.id.0, clip.title)).collect();
        for (id, title) in &titles {
            assert_eq!(store.clip(RecordId(*id), hearer).await.unwrap().unwrap().title, *title);
        }
        titles.into_iter().map(|(_, title)| title).collect::<Vec<_>>()
    };
    assert_eq!(titles(attendee).await, ["\u{2026}", "Clip 2"]);
    assert_eq!(titles(by_link).await, ["Clip 3", "\u{2026}"]);
    assert_eq!(titles(with_key(None, key())).await, ["\u{2026}", "\u{2026}"]);
    make(&store, REPLAY).await;
    assert_eq!(store.clip(RecordId(2), attendee).await.unwrap().unwrap().generation, Some(2));
    assert_eq!(titles(with_key(None, key())).await, ["Clip 3", "Clip 2"]);

    // So many and no more.
    for number in 1..CLIPS_EACH {
        assert_eq!(cut(ATTENDEE, attendee, clip(1_000 + u128::from(number), 0, 1_000)).await, ReplaySaid::Done);
    }
    assert_eq!(cut(ATTENDEE, attendee, clip(5, 0, 1_000)).await, ReplaySaid::TooMany);
    for number in 1..REPLAY_REPLIES_EACH {
        assert_eq!(say(ATTENDEE, attendee, reply(1_000 + u128::from(number), None)).await, ReplaySaid::Done);
    }
    assert_eq!(say(ATTENDEE, attendee, reply(5, None)).await, ReplaySaid::TooMany);

    // Deleted by whoever made it, and by the host.
    assert_eq!(store.delete_clip(RecordId(3), ATTENDEE).await.unwrap(), None);
    assert_eq!(store.delete_clip(RecordId(3), MEMBER).await.unwrap(), Some(REPLAY));
    assert_eq!(store.delete_clip(RecordId(2), HOST).await.unwrap(), Some(REPLAY));
    assert!(!store.delete_replay_reply(REPLAY, RecordId(3), ATTENDEE).await.unwrap());
    assert!(!store.delete_replay_reply(ReplayId(71), RecordId(3), MEMBER).await.unwrap());
    assert!(store.delete_replay_reply(REPLAY, RecordId(3), MEMBER).await.unwrap());
    assert!(store.delete_replay_reply(REPLAY, RecordId(2), HOST).await.unwrap());
    assert_eq!(store.voice_note(RecordId(2)).await.unwrap(), None);
    // Those in which nothing is to be heard any more go, and no others.
    let parts = store.clip_parts(REPLAY).await.unwrap();
    assert_eq!((parts.len() as u64, parts[0].1, parts[0].2), (CLIPS_EACH - 1, 0, 1_000));
    store.delete_clips(ReplayId(71), &[parts[0].0]).await.unwrap();
    store.delete_clips(REPLAY, &[]).await.unwrap();
    assert_eq!(store.clip_parts(REPLAY).await.unwrap(), parts);
    store.delete_clips(REPLAY, &[parts[0].0, parts[1].0]).await.unwrap();
    assert_eq!(store.clip_parts(REPLAY).await.unwrap(), parts[2..]);
}

async fn of_a_replay_in_which_nothing_is_left_no_clip_is(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Attendees, false).await;
    let attendee = Hearer::member(ATTENDEE);
    assert_eq!(store.add_clip(attendee, ATTENDEE, &clip(2, 0, 2_000)).await.unwrap(), ReplaySaid::Done);
    store.withdraw_track(REPLAY, Withdrawer::Own(Hearer::member(SPEAKER)), Timestamp(9)).await.unwrap();
    store.begin_replay(REPLAY).await.unwrap().unwrap();
    // Of the generation before nobody wants to know.
    assert!(!store.replay_empty(REPLAY, 1, Timestamp(10)).await.unwrap());
    assert_eq!(store.clip_parts(REPLAY).await.unwrap().len(), 1);
    assert!(store.replay_empty(REPLAY, 2, Timestamp(10)).await.unwrap());
    assert_eq!(store.clip_parts(REPLAY).await.unwrap(), []);
    let found = store.replay(REPLAY, attendee).await.unwrap().unwrap();
    assert_eq!((found.state, found.clips), (ReplayState::Empty, 0));
}

/// As long as the report is open, and if everybody was asked in words that say so; the first time is written down.
async fn what_is_reported_is_for_whoever_handles_the_report(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Attendees, false).await;
    assert_eq!(
        store.add_clip(Hearer::member(ATTENDEE), ATTENDEE, &clip(2, 1_000, 3_000)).await.unwrap(),
        ReplaySaid::Done
    );
    for (id, about) in [(1, HOST), (2, ATTENDEE)] {
        let report = NewReport {
            id: RecordId(id),
            reporter: SPEAKER,
            about: Some(about),
            room: None,
            room_host: None,
            house: None,
            reason: "abuse".to_owned(),
            text: String::new(),
            context: "{}".to_owned(),
            created_at: Timestamp(10),
        };
        assert!(store.create_report(report).await.unwrap());
    }
    let entry = |id, act| {
        let (at, details) = (Timestamp(20), String::new());
        AuditEntry { id: RecordId(id), at, actor: OWNER, act, about: None, details }
    };
    let hear = async |report, part: Option<u128>, asked_with, id: Option<u128>| {
        let entry = id.map(|id| entry(id, "reported_heard"));
        let what = (REPLAY, part.map(RecordId));
        store.hear_reported(RecordId(report), what, asked_with, entry).await.unwrap()
    };
    let noted = async || {
        let log = store.audit_log(None).await.unwrap();
        log.into_iter()
            .filter(|one| one.act == "reported_heard")
            .map(|one| (one.about.unwrap().handle, one.details))
            .collect::<Vec<_>>()
    };
    let (whole, part) = (
        ReportedSound { generation: Some(1), part: None },
        ReportedSound { generation: Some(1), part: Some((1_000, 3_000)) },
    );
    // Nobody listens by asking whether they may.
    assert_eq!(hear(1, None, 1, None).await, Some(whole));
    assert_eq!(noted().await, []);
    for id in [50, 51] {
        assert_eq!(hear(1, None, 1, Some(id)).await, Some(whole));
        assert_eq!(hear(2, Some(2), 1, Some(id + 10)).await, Some(part));
    }
    let of = |handle: &str, id: u128| (handle.to_owned(), format!("report={}", RecordId(id)));
    let mut found = noted().await;
    found.sort();
    assert_eq!(found, [of("attendee", 2), of("host", 1)]);
    // It was agreed to in older words; there is no such report, replay or clip.
    assert_eq!(hear(1, None, 2, Some(70)).await, None);
    assert_eq!(hear(3, None, 1, Some(71)).await, None);
    assert_eq!(hear(2, Some(3), 1, Some(72)).await, None);
    let other = store.hear_reported(RecordId(1), (ReplayId(71), None), 1, None).await.unwrap();
    assert_eq!(other, None);
    assert_eq!(store.replays_for_reports(&[REPLAY, ReplayId(71)], 1).await.unwrap(), [REPLAY]);
    assert_eq!(store.replays_for_reports(&[REPLAY], 2).await.unwrap(), []);
    // While it is made anew there is nothing to hear, and nothing to write down.
    store.withdraw_track(REPLAY, Withdrawer::Own(Hearer::member(SPEAKER)), Timestamp(9)).await.unwrap();
    assert_eq!(hear(1, None, 1, None).await, Some(ReportedSound { generation: None, part: None }));
    assert_eq!(store.replays_for_reports(&[REPLAY], 1).await.unwrap(), []);
    make(&store, REPLAY).await;
    assert_eq!(hear(1, None, 1, None).await, Some(ReportedSound { generation: Some(2), part: None }));
    // The clip is gone, the report handled.
    assert_eq!(store.delete_clip(RecordId(2), ATTENDEE).await.unwrap(), Some(REPLAY));
    assert_eq!(hear(2, Some(2), 1, None).await, None);
    assert!(store.handle_report(RecordId(1), "no_action", &entry(80, "report_handled")).await.unwrap());
    assert_eq!(hear(1, None, 1, Some(73)).await, None);
}

async fn a_replay_is_deleted_with_all_that_was_made_of_it(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Everyone, false).await;
    add_link(&store, 1, &key()).await;
    let attendee = Hearer::member(ATTENDEE);
    store.add_clip(attendee, ATTENDEE, &clip(1, 0, 1_000)).await.unwrap();
    store.add_replay_reply(REPLAY, attendee, ATTENDEE, reply(1, Some((700, vec![1])))).await.unwrap();
    assert_eq!(store.delete_replay(REPLAY, SPEAKER).await.unwrap(), ReplayDone::Missing);
    assert_eq!(store.delete_replay(REPLAY, HOST).await.unwrap(), ReplayDone::Done);
    assert_eq!(store.delete_replay(REPLAY, HOST).await.unwrap(), ReplayDone::Missing);
    assert_eq!(store.recording(REPLAY).await.unwrap(), None);
    assert_eq!(store.clip(RecordId(1), attendee).await.unwrap(), None);
    assert_eq!(store.voice_note(RecordId(1)).await.unwrap(), None);
    assert!(store.recorded_tracks(REPLAY).await.unwrap().is_empty());
    // An admin's is in the audit log, and only if there was something.
    let epoch = own(&store, ROOM.0).await;
    record(&store, epoch, ReplayId(71), ReplayHearers::Attendees, 200).await;
    let entry = |id| {
        let (act, about, details) = ("replay_deleted", None, "replay=71".to_owned());
        AuditEntry { id: RecordId(id), at: Timestamp(7), actor: OWNER, act, about, details }
    };
    assert_eq!(store.delete_replay_as_admin(REPLAY, entry(1)).await.unwrap(), ReplayDone::Missing);
    assert_eq!(store.delete_replay_as_admin(ReplayId(71), entry(2)).await.unwrap(), ReplayDone::Done);
    let log = store.audit_log(None).await.unwrap();
    let told: Vec<_> = log.iter().map(|entry| (entry.id, entry.about.as_ref().map(|person| person.id))).collect();
    assert_eq!(told, [(RecordId(2), Some(HOST))]);
}

async fn old_replays_go(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Everyone, false).await;
    let epoch = own(&store, ROOM.0).await;
    // They end at 60,100, 60,200 and 60,300.
    record(&store, epoch, ReplayId(71), ReplayHearers::Attendees, 200).await;
    record(&store, epoch, ReplayId(72), ReplayHearers::Attendees, 300).await;
    let until = ReplayChange { expires_at: Some(Some(Timestamp(70_000))), ..ReplayChange::default() };
    store.change_replay(ReplayId(72), HOST, &until).await.unwrap();
    let go = async |now, before: Option<u64>| {
        store.delete_expired_replays(Timestamp(now), before.map(Timestamp)).await.unwrap()
    };
    assert_eq!(go(69_999, None).await, []);
    assert_eq!(go(69_999, Some(60_099)).await, []);
    assert_eq!(go(69_999, Some(60_100)).await, [REPLAY]);
    assert_eq!(go(70_000, None).await, [ReplayId(72)]);
    assert_eq!(go(u64::MAX >> 2, None).await, [], "kept for good");
    assert_eq!(listed(&store, ReplaysOf::Mine, Hearer::member(HOST)).await, [71]);
    // One that is recorded still stays until it is over.
    let began_at = Timestamp(400);
    let (id, title, language, hearers) = (ReplayId(73), String::new(), String::new(), ReplayHearers::Attendees);
    let begun = [RecordingChange::Begun(NewReplay { id, began_at, host: HOST, title, language, hearers, consent: 1 })];
    store.append(ROOM, epoch, Changes { recordings: &begun, ..Changes::default() }).await.unwrap();
    store.change_replay(id, HOST, &until).await.unwrap();
    assert_eq!(go(90_000, Some(90_000)).await, [ReplayId(71)]);
    assert!(store.recording(id).await.unwrap().is_some());
}

async fn who_goes_takes_their_voice_along(world: &World) {
    let store = world.open().await;
    scene(&store, ReplayHearers::Everyone, false).await;
    let speaker = Hearer::member(SPEAKER);
    store.add_clip(speaker, SPEAKER, &clip(1, 0, 1_000)).await.unwrap();
    store.add_replay_reply(REPLAY, speaker, SPEAKER, reply(1, Some((700, vec![1])))).await.unwrap();
    for (member, with) in [(HOST, vec![REPLAY]), (SPEAKER, vec![REPLAY]), (ATTENDEE, vec![])] {
        assert_eq!(store.replays_with(member).await.unwrap(), with);
    }

    store.delete_account(SPEAKER, &[], &[]).await.unwrap();
    let replay = store.recording(REPLAY).await.unwrap().unwrap();
    assert_eq!((replay.generation, replay.state), (2, ReplayState::Waiting));
    let tracks = store.recorded_tracks(REPLAY).await.unwrap();
    assert_eq!((tracks[1].speaker, tracks[1].name.as_str(), tracks[1].withdrawn_at.is_some()), (None, "", true));
    assert!(tracks.iter().enumerate().all(|(place, track)| (place == 1) == track.withdrawn_at.is_some()));
    make(&store, REPLAY).await;
    let host = Hearer::member(HOST);
    assert_eq!(store.clips(REPLAY, host, None, 50).await.unwrap(), []);
    assert_eq!(store.replay_replies(REPLAY, host, None, 50).await.unwrap(), []);
    let words: Vec<_> = store.replay_marks(REPLAY, None).await.unwrap().into_iter().map(|mark| mark.body).collect();
    assert_eq!(words, ["\"of nobody\""]);
    // Who withdrew before has nothing made anew.
    store.withdraw_track(REPLAY, Withdrawer::Own(Hearer::member(BLOCKED[0])), Timestamp(9)).await.unwrap();
    make(&store, REPLAY).await;
    store.delete_account(BLOCKED[0], &[], &[]).await.unwrap();
    assert_eq!(store.recording(REPLAY).await.unwrap().unwrap().generation, 3);
    store.delete_account(HOST, &[], &[]).await.unwrap();
    assert_eq!(store.recording(REPLAY).await.unwrap(), None);
}
