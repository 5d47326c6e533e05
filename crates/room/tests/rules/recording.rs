//! Recording: who decides on it, who agrees, and what takes an agreement back.

use roomtone_room::Kind::{Open, Social};
use roomtone_room::{Consent, Event, MemberId, RESTART_GRACE_MILLIS, Room, Timestamp, View};

use crate::trace::{CAST, OPENED_AT, attempt, check, check_in, member, opened, opened_by_sheet, play};

#[test]
fn the_host_decides_and_everybody_on_stage_consents_for_themselves() {
    check(
        Open,
        "a enter -> a back
         m enter -> m entered as 2
         m raise -> m hand
         a accept m -> m Speaker@1 hand accepted by a
         a moderator m -> m Moderator@2 made by a
         l enter -> l entered as 3
         z knock 60000 -> z waits, guest of a
         a admit z -> z admitted by a; z entered as 4, guest of a; z Speaker@1 let in by a
         m consent 1 -> ! RecordingOff
         m refuse 1 -> ! RecordingOff
         l record 1 everyone -> ! NotAllowed
         m record 1 everyone -> ! NotAllowed
         * record 1 everyone -> ! WrongActor
         a record -> ! NothingToChange
         a record 1 everyone -> recording 1 for Everyone by a
         ? recorded ->
         a record 2 attendees -> ! NothingToChange
         l consent 1 -> ! NotOnStage
         * consent 1 -> ! WrongActor
         a disk-full 1 -> ! WrongActor
         m consent 2 -> ! StaleConsent
         m consent 1 2 -> ! StaleConsent
         m refuse 2 -> ! StaleConsent
         m consent 1 -> m consents to 1
         m consent 1 ->
         z consent 1 -> z consents to 1
         ? recorded -> 2:1 4:2
         a refuse 1 -> a refuses 1
         a refuse 1 ->
         ? recorded -> 2:1 4:2
         a consent 1 -> a consents to 1
         z refuse 1 2 -> z refuses 1
         ? recorded -> 1:3 2:1
         z consent 1 -> z consents to 1
         ? recorded -> 1:3 2:1 4:2
         m record -> ! NotAllowed
         a record -> recording 1 stopped by a: Host
         ? recorded ->
         m consent 1 -> ! RecordingOff
         a record 2 members -> recording 2 for Members by a
         ? recorded ->
         m consent 1 -> ! StaleConsent
         z consent 2 -> z consents to 2
         ? recorded -> 4:1
         * disk-full 1 ->
         ? recorded -> 4:1
         * disk-full 2 -> recording 2 stopped: DiskFull
         * disk-full 2 ->
         ? recorded ->
         a record 3 everyone -> recording 3 for Everyone by a
         a consent 3 -> a consents to 3
         m end -> ended by m
         ? recorded ->",
    );
}

/// What was said before few is not for many, nor is anything recorded against what was agreed.
#[test]
fn a_room_decides_how_open_a_recording_can_be() {
    check(
        Social,
        "a enter -> a back
         a record 1 everyone -> ! RecordingTooOpen
         a record 1 members -> ! RecordingTooOpen
         a record 1 attendees -> recording 1 for Attendees by a
         a widen open -> widened to Open
         a record -> recording 1 stopped by a: Host
         a record 2 everyone -> recording 2 for Everyone by a",
    );
    check_in(
        opened_by_sheet(Open),
        "a enter -> a back
         a record 1 attendees -> ! NotInSheet
         a record -> ! NothingToChange
         a consent 1 -> ! RecordingOff",
    );
}

/// Whoever comes up later is asked, and whoever comes back is asked again; their part goes on in the same track.
#[test]
fn everybody_is_asked_each_time_that_they_come_on_stage() {
    check(
        Open,
        "a enter -> a back
         m enter -> m entered as 2
         a record 1 everyone -> recording 1 for Everyone by a
         a consent 1 -> a consents to 1
         m raise -> m hand
         a accept m -> m Speaker@1 hand accepted by a
         ? recorded -> 1:1
         m consent 1 -> m consents to 1
         a mute m -> m muted@2 by a
         a unmute m -> m unmuted@3 by a
         * lose m -> m away
         m enter -> m back
         a moderator m -> m Moderator@4 made by a
         a host m -> m Host@5 handed over by a; a Moderator@1 handed over by a
         ? recorded -> 1:1 2:2
         a record -> ! NotAllowed
         m audience a -> a Listener@2 moved by m
         ? recorded -> 2:2
         a refuse 1 -> ! NotOnStage
         m offer a -> a asked by m
         a yes -> a Speaker@3 offer accepted
         ? recorded -> 2:2
         a@1 consent 1 -> ! StaleRole
         a@3 consent 1 -> a consents to 1
         ? recorded -> 1:1 2:2
         a leave -> a quit
         a enter -> a entered as 3
         m offer a -> a asked by m
         a yes -> a Speaker@5 offer accepted
         a consent 1 -> a consents to 1
         ? recorded -> 2:2 3:1
         a@1 refuse 1 -> a refuses 1
         ? recorded -> 2:2
         * forget q ->
         a leave -> a quit
         * forget a -> a forgotten
         b enter -> b entered as 4
         b raise -> b hand
         m accept b -> b Speaker@7 hand accepted by m
         b consent 1 -> b consents to 1
         ? recorded -> 2:2 4:3",
    );
}

/// What is withdrawn while the talk goes on is not gone on with: not at once, not when its speaker comes back, and not after a restart.
/// Whoever agrees again has another track.
#[test]
fn a_track_that_was_withdrawn_is_not_gone_on_with() {
    check(
        Open,
        "a enter -> a back
         m enter -> m entered as 2
         m raise -> m hand
         a accept m -> m Speaker@1 hand accepted by a
         a record 1 everyone -> recording 1 for Everyone by a
         * withdrawn 1 1 ->
         m consent 1 -> m consents to 1
         a consent 1 -> a consents to 1
         ? recorded -> 1:2 2:1
         m withdrawn 1 1 -> ! WrongActor
         * withdrawn 2 1 ->
         * withdrawn 1 3 ->
         * withdrawn 1 1 -> m refuses 1; m withdrew 1 of 1
         * withdrawn 1 1 ->
         ? recorded -> 1:2
         m consent 1 -> m consents to 1
         ? recorded -> 1:2 2:3
         m refuse 1 -> m refuses 1
         * withdrawn 1 3 -> m withdrew 3 of 1
         m consent 1 -> m consents to 1
         m down -> m Listener@2 stepped down
         * withdrawn 1 4 -> m withdrew 4 of 1
         a offer m -> m asked by a
         m yes -> m Speaker@3 offer accepted
         m consent 1 -> m consents to 1
         ? recorded -> 1:2 2:5
         m leave -> m quit
         * withdrawn 1 5 -> m withdrew 5 of 1
         a record -> recording 1 stopped by a: Host
         * withdrawn 1 2 ->",
    );
    let (mut room, mut now) = everybody_consented();
    play(&mut room, &mut now, "* withdrawn 1 2");
    let mut back = Room::restore(now, room.to_state(), []);
    assert_eq!(back.recorded().map(|(_, track)| track).collect::<Vec<_>>(), [1, 3, 4]);
    let _ = play(&mut back, &mut now, "m enter");
    let _ = play(&mut back, &mut now, "m consent 1");
    assert_eq!(back.track_of(named('m')), Some(5));
}

/// Every way off the stage, or out of the recording: who consented before, what happens, and who is recorded no more.
const WAYS_OFF: &[(&str, &[&str])] = &[
    ("s", &["s refuse 1"]),
    ("s", &["* withdrawn 1 3"]),
    ("s", &["s down"]),
    ("s", &["m audience s"]),
    ("m", &["a audience m"]),
    ("g", &["m audience g"]),
    ("a", &["a down"]),
    ("s", &["s leave"]),
    ("a", &["a leave"]),
    ("g", &["g leave"]),
    ("s", &["m remove s"]),
    ("s", &["m ban s"]),
    ("g", &["* end-pass g"]),
    ("g", &["wait 9000000", "* tick"]),
    ("s", &["* lose s", "wait 10000", "* tick"]),
    ("samg", &["a record"]),
    ("samg", &["* disk-full 1"]),
    ("samg", &["a record", "a record 2 attendees"]),
    ("samg", &["m end"]),
    ("samg", &["s leave", "m leave", "a leave"]),
];

#[test]
fn every_way_off_the_stage_takes_the_consent_back() {
    const ALL: &str = "amsg";
    for (gone, steps) in WAYS_OFF {
        let (mut room, mut now) = everybody_consented();
        let numbers: Vec<_> =
            ALL.chars().map(|who| (who, room.participant(named(who)).expect("on stage").number)).collect();
        for step in *steps {
            let came = play(&mut room, &mut now, step);
            assert!(!came.starts_with('!'), "{step}: {came}");
        }
        let recorded: Vec<_> = room.recorded().map(|(number, _)| number).collect();
        let told: String =
            numbers.iter().filter(|(_, number)| recorded.contains(number)).map(|(who, _)| *who).collect();
        let expected: String = ALL.chars().filter(|who| !gone.contains(*who)).collect();
        assert_eq!(told, expected, "{steps:?}");
        for who in gone.chars().filter(|_| room.is_open()) {
            let mut again = room.clone();
            let _ = play(&mut again, &mut now, &format!("{who} enter followed"));
            assert!(again.participant(named(who)).is_none_or(|p| p.recorded != Consent::Agreed), "{who}: {steps:?}");
        }
    }
}

/// A killed server's room comes back with its recording, and with what was agreed to it and nothing else.
#[test]
fn a_snapshot_and_a_restart_keep_the_recording() {
    let (room, now) = everybody_consented();
    assert_eq!(Room::from_state(room.to_state()), room);
    let mut back = Room::restore(now, room.to_state(), []);
    assert_eq!(back.recording(), room.recording());
    assert_eq!(back.recorded().collect::<Vec<_>>(), room.recorded().collect::<Vec<_>>());
    assert_eq!(back.recorded().count(), 4);
    let mut later = now.plus(RESTART_GRACE_MILLIS);
    let _ = play(&mut back, &mut later, "a enter");
    let _ = play(&mut back, &mut later, "* tick");
    assert_eq!(back.recorded().map(|(number, _)| number.0).collect::<Vec<_>>(), [1]);

    // The same from the first event on.
    let mut tail = Vec::new();
    let mut room = opened(Social);
    let state = room.to_state();
    for step in CAST.iter().chain(CONSENTED) {
        let (who, what) = step.split_once(' ').expect("two parts");
        tail.extend(attempt(&mut room, who, what).expect("allowed").events.into_iter().map(|event| (event, None)));
    }
    assert!(tail.iter().any(|(numbered, _)| matches!(numbered.event, Event::RecordingBegun { .. })));
    let folded = Room::restore(OPENED_AT, state, tail);
    assert_eq!(folded.recorded().collect::<Vec<_>>(), room.recorded().collect::<Vec<_>>());
}

/// Everybody sees that it is recorded, for whom, and who is in it: listeners and newcomers as well.
#[test]
fn everybody_sees_what_is_recorded() {
    let (mut room, mut now) = everybody_consented();
    let _ = play(&mut room, &mut now, "s refuse 1");
    let _ = play(&mut room, &mut now, "n enter");
    for viewer in ["a", "m", "s", "g", "l", "n"] {
        let view = View::of(&room, member(viewer)).expect("present");
        assert_eq!(view.settings.recording, room.recording());
        let seen: Vec<_> = view.stage.iter().map(|seen| (seen.member, seen.recorded)).collect();
        let consent = |who: char| if who == 's' { Consent::Refused } else { Consent::Agreed };
        let expected = room.stage().iter().map(|p| p.member).collect::<Vec<_>>();
        let letters = "amsg".chars().map(|who| (named(who), consent(who)));
        let expected: Vec<_> =
            expected.iter().filter_map(|who| letters.clone().find(|(member, _)| member == who)).collect();
        assert_eq!(seen, expected, "{viewer}");
    }
}

/// After [`CAST`]: everybody on stage consents.
const CONSENTED: &[&str] = &["a record 1 attendees", "a consent 1", "m consent 1", "s consent 1", "g consent 1"];

fn everybody_consented() -> (Room, Timestamp) {
    let mut room = opened(Social);
    let mut now = OPENED_AT;
    for step in CAST.iter().chain(CONSENTED) {
        let came = play(&mut room, &mut now, step);
        assert!(!came.starts_with('!'), "{step}: {came}");
    }
    (room, now)
}

fn named(who: char) -> MemberId {
    member(&who.to_string())
}
