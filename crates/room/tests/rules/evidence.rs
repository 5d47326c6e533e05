//! Evidence for reports: who decides whether it is kept, who agrees, and what takes an agreement back.

use roomtone_room::Kind::Social;
use roomtone_room::{Event, MemberId, RESTART_GRACE_MILLIS, Room, Timestamp};

use crate::trace::{CAST, OPENED_AT, attempt, check, member, opened, play};

#[test]
fn the_host_decides_and_everybody_on_stage_agrees_for_themselves() {
    check(
        Social,
        "a enter -> a back
         m enter -> m entered as 2
         m raise -> m hand
         a accept m -> m Speaker@1 hand accepted by a
         a moderator m -> m Moderator@2 made by a
         l enter followed -> l entered as 3
         z knock 60000 -> z waits, guest of a
         z agree -> ! NotInRoom
         a admit z -> z admitted by a; z entered as 4, guest of a; z Speaker@1 let in by a
         m agree -> ! EvidenceOff
         m disagree -> ! EvidenceOff
         l agree -> ! NotOnStage
         l evidence -> ! NotAllowed
         m evidence -> ! NotAllowed
         * evidence -> ! WrongActor
         a evidence off -> ! NothingToChange
         a evidence -> evidence on by a
         ? agreed ->
         a evidence -> ! NothingToChange
         l agree -> ! NotOnStage
         * agree -> ! WrongActor
         m agree -> m agrees
         m agree ->
         z agree -> z agrees
         a agree -> a agrees
         ? agreed -> 1 2 4
         z disagree -> z does not agree
         z disagree ->
         m evidence off -> ! NotAllowed
         ? agreed -> 1 2
         a evidence off -> evidence off by a
         ? agreed ->
         m agree -> ! EvidenceOff
         a evidence -> evidence on by a
         ? agreed ->",
    );
}

/// What an agreement outlives, and the new host's word about the whole.
#[test]
fn an_agreement_stays_with_the_stage() {
    check(
        Social,
        "a enter -> a back
         m enter -> m entered as 2
         m raise -> m hand
         a accept m -> m Speaker@1 hand accepted by a
         a evidence -> evidence on by a
         m agree -> m agrees
         a agree -> a agrees
         a mute m -> m muted@2 by a
         a unmute m -> m unmuted@3 by a
         * lose m -> m away
         m enter -> m back
         a moderator m -> m Moderator@4 made by a
         a host m -> m Host@5 handed over by a; a Moderator@1 handed over by a
         ? agreed -> 1 2
         a evidence off -> ! NotAllowed
         m evidence off -> evidence off by m
         ? agreed ->",
    );
}

/// A command that was sent in another role counts for nothing.
#[test]
fn an_agreement_given_before_the_audience_is_stale_after_it() {
    check(
        Social,
        "a enter -> a back
         m enter -> m entered as 2
         m raise -> m hand
         a accept m -> m Speaker@1 hand accepted by a
         a evidence -> evidence on by a
         a audience m -> m Listener@2 moved by a
         a offer m -> m asked by a
         m yes -> m Speaker@3 offer accepted
         m@1 agree -> ! StaleRole
         m leave -> m quit
         m enter -> m entered as 3
         m@3 agree -> ! StaleRole
         ? agreed ->",
    );
}

/// An agreement can be taken back at any time, also while the role changes. It is only the agreement that has to be of the role.
#[test]
fn an_agreement_can_be_taken_back_in_any_role() {
    check(
        Social,
        "a enter -> a back
         m enter -> m entered as 2
         m raise -> m hand
         a accept m -> m Speaker@1 hand accepted by a
         a evidence -> evidence on by a
         m@1 agree -> m agrees
         a moderator m -> m Moderator@2 made by a
         m@1 disagree -> m does not agree
         ? agreed ->
         m@1 agree -> ! StaleRole
         m@2 agree -> m agrees
         a audience m -> m Listener@3 moved by a
         m@2 disagree -> ! NotOnStage
         ? agreed ->",
    );
}

/// Every way off the stage, or out of the setting: who agreed before, what happens, and who is left.
const WAYS_OFF: &[(&str, &[&str])] = &[
    ("s", &["s disagree"]),
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
    ("samg", &["a evidence off"]),
    ("samg", &["a evidence off", "a evidence"]),
    ("samg", &["m end"]),
    ("samg", &["s leave", "m leave", "a leave"]),
];

#[test]
fn every_way_off_the_stage_takes_the_agreement_back() {
    const ALL: &str = "amsg";
    for (gone, steps) in WAYS_OFF {
        let (mut room, mut now) = everybody_agreed();
        let numbers: Vec<_> =
            ALL.chars().map(|who| (who, room.participant(named(who)).expect("on stage").number)).collect();
        for step in *steps {
            let came = play(&mut room, &mut now, step);
            assert!(!came.starts_with('!'), "{step}: {came}");
        }
        let kept: Vec<_> = room.agreed().collect();
        let told: String = numbers.iter().filter(|(_, number)| kept.contains(number)).map(|(who, _)| *who).collect();
        let expected: String = ALL.chars().filter(|who| !gone.contains(*who)).collect();
        assert_eq!(told, expected, "{steps:?}");
        // Whoever comes back, or is there still, has to be asked anew. After the end nobody comes.
        for who in gone.chars().filter(|_| room.is_open()) {
            let mut again = room.clone();
            let _ = play(&mut again, &mut now, &format!("{who} enter followed"));
            assert!(again.participant(named(who)).is_none_or(|p| !p.evidence), "{who} after {steps:?}");
        }
    }
}

/// A killed server's room comes back with what was agreed.
#[test]
fn a_snapshot_and_a_restart_keep_what_was_agreed() {
    let (room, now) = everybody_agreed();
    assert_eq!(Room::from_state(room.to_state()), room);
    let mut back = Room::restore(now, room.to_state(), []);
    assert!(back.settings().evidence);
    assert_eq!(back.agreed().collect::<Vec<_>>(), room.agreed().collect::<Vec<_>>());
    assert_eq!(back.agreed().count(), 4);
    // Whoever does not come back is out, and their agreement with them.
    let mut later = now.plus(RESTART_GRACE_MILLIS);
    let _ = play(&mut back, &mut later, "a enter");
    let _ = play(&mut back, &mut later, "* tick");
    assert_eq!(back.agreed().map(|number| number.0).collect::<Vec<_>>(), [1]);

    // The same from the first event on: the setting and the agreements are nothing but events.
    let mut tail = Vec::new();
    let mut room = opened(Social);
    let state = room.to_state();
    for step in CAST.iter().chain(AGREED) {
        let (who, what) = step.split_once(' ').expect("two parts");
        tail.extend(attempt(&mut room, who, what).expect("allowed").events.into_iter().map(|event| (event, None)));
    }
    assert!(tail.iter().any(|(numbered, _)| matches!(numbered.event, Event::EvidenceSet { on: true, .. })));
    let folded = Room::restore(OPENED_AT, state, tail);
    assert_eq!(folded.agreed().collect::<Vec<_>>(), room.agreed().collect::<Vec<_>>());
}

/// After [`CAST`]: everybody on stage agrees.
const AGREED: &[&str] = &["a evidence", "a agree", "m agree", "s agree", "g agree"];

fn everybody_agreed() -> (Room, Timestamp) {
    let mut room = opened(Social);
    let mut now = OPENED_AT;
    for step in CAST.iter().chain(AGREED) {
        let came = play(&mut room, &mut now, step);
        assert!(!came.starts_with('!'), "{step}: {came}");
    }
    (room, now)
}

fn named(who: char) -> MemberId {
    member(&who.to_string())
}
