//! The log of moderation: what each command leaves in it.

use roomtone_room::Kind::Closed;
use roomtone_room::log::{act_of, subject};
use roomtone_room::{Event, Kind};

use crate::trace::{CAST, OPENED_AT, attempt, command, member, opened, play};

/// What came before, the command with its sender, and the act: its kind, its author, whom it is about, and the reason. A
/// dash stands for nothing.
const CASES: &[(&[&str], &str, &str)] = &[
    (&[], "m mute s", "Muted m s -"),
    (&["m mute s"], "a unmute s", "Unmuted a s -"),
    (&[], "m audience s", "MovedToAudience m s -"),
    (&[], "m audience g", "MovedToAudience m g -"),
    (&[], "m remove l", "Removed m l -"),
    (&[], "m remove g", "Removed m g -"),
    // One act, whatever follows from it: they leave, stop waiting, are not rung any more.
    (&[], "m ban l Too loud", "Banned m l Too loud"),
    (&[], "m ban x", "Banned m x -"),
    (&[], "m ban w", "Banned m w -"),
    (&["m call x"], "m ban x", "Banned m x -"),
    (&["m ban x"], "a unban x", "Unbanned a x -"),
    (&["m ban x"], "* lift x 0", "Unbanned q x -"),
    (&["l raise"], "m decline l", "HandDeclined m l -"),
    (&[], "m moderator s", "ModeratorMade m s -"),
    (&[], "a demote m", "ModeratorTaken a m -"),
    (&["a mute s"], "a host s", "HandedOver a s -"),
    (&[], "m lock", "StageLocked m - -"),
    (&["m lock"], "a lock off", "StageUnlocked a - -"),
    (&[], "m hands off", "HandsRuled m - -"),
    (&[], "m chat off", "LinesRuled m - -"),
    (&[], "m chat 30", "LinesRuled m - -"),
    (&[], "m describe Another", "Described m - -"),
    (&[], "a widen open", "Widened a - -"),
    (&[], "m admit w", "GuestAdmitted m w -"),
    (&["m lock"], "m admit w", "GuestAdmitted m w -"),
    (&[], "m turn-away w", "GuestTurnedAway m w -"),
    (&[], "m pin https://example.org", "LinkPinned m - -"),
    (&["m pin https://example.org"], "a unpin 1", "LinkUnpinned a - -"),
    (&[], "a evidence", "EvidenceOn a - -"),
    (&["a evidence"], "a evidence off", "EvidenceOff a - -"),
    (&[], "a record 1 attendees", "RecordingOn a - -"),
    (&["a record 1 attendees"], "a record", "RecordingOff a - -"),
    (&[], "m end", "RoomEnded m - -"),
    // What people do themselves, and what goes on in a talk.
    (&[], "x enter followed", "-"),
    (&[], "l leave", "-"),
    (&[], "a leave", "-"),
    (&["a mute s", "m leave"], "a leave", "-"),
    (&[], "l raise", "-"),
    (&["l raise"], "l lower", "-"),
    (&["l raise"], "m accept l", "-"),
    (&["l raise"], "m move l 0", "-"),
    (&[], "m offer l", "-"),
    (&["m offer l"], "m withdraw l", "-"),
    (&["m offer l"], "l yes", "-"),
    (&["m offer l"], "l no", "-"),
    (&[], "s down", "-"),
    (&[], "s mic on", "-"),
    (&["a evidence"], "s agree", "-"),
    (&["a evidence", "s agree"], "s disagree", "-"),
    (&["a record 1 attendees"], "s consent 1", "-"),
    (&["a record 1 attendees", "s consent 1"], "s refuse 1", "-"),
    // Of a full disk, nobody is the author.
    (&["a record 1 attendees"], "* disk-full 1", "-"),
    (&["a record 1 attendees", "s consent 1"], "* withdrawn 1 1", "-"),
    (&[], "m timer 60000", "-"),
    (&[], "m floor s", "-"),
    (&[], "m call x", "-"),
    (&["m call x"], "m uncall x", "-"),
    (&["m call x"], "x not-now", "-"),
    (&[], "x knock 9000000", "-"),
    (&[], "w leave", "-"),
    (&[], "* lose s", "-"),
    (&[], "* tick", "-"),
    (&["m ban x"], "* forget x", "-"),
    // A link that runs out has no author; one that is revoked has, whom the server names.
    (&[], "* end-pass g", "-"),
    (&[], "* end-pass w", "-"),
];

#[test]
fn every_command_leaves_at_most_one_act() {
    for (before, asked, expected) in CASES {
        let (events, sender) = events_of(before, asked);
        assert!(!events.is_empty() || *asked == "* tick", "{asked} brings about nothing");
        let act = act_of(&events, sender);
        let letter = |who: Option<roomtone_room::MemberId>| {
            who.map_or('-', |who| char::from(u8::try_from(who.0).expect("a letter")))
        };
        let told = act.as_ref().map_or("-".to_owned(), |act| {
            let (by, whom, reason) = (letter(Some(act.by)), letter(act.whom), act.reason.as_deref().unwrap_or("-"));
            format!("{:?} {by} {whom} {reason}", act.kind)
        });
        assert_eq!(told, *expected, "{asked} after {before:?}");
        if let Some(whom) = act.and_then(|act| act.whom) {
            assert_eq!(subject(&command(asked.split_once(' ').expect("two parts").1)), Some(whom), "{asked}");
        }
    }
}

#[test]
fn a_revoked_link_is_an_act_of_whoever_revoked_it() {
    for guest in ["g", "w"] {
        let (events, _) = events_of(&[], &format!("* end-pass {guest}"));
        let act = act_of(&events, Some(member("m"))).expect("an act");
        assert_eq!((act.by, act.whom), (member("m"), Some(member(guest))));
        assert_eq!(format!("{:?}", act.kind), "GuestEnded");
    }
}

/// What a command brings about after what came before, and who sent it.
fn events_of(before: &[&str], asked: &str) -> (Vec<Event>, Option<roomtone_room::MemberId>) {
    let mut room = opened(if asked.contains("widen") { Closed } else { Kind::Social });
    let mut now = OPENED_AT;
    for step in CAST.iter().chain(before) {
        // In a closed room only those are in who were named.
        let came = play(&mut room, &mut now, step);
        assert!(!came.starts_with('!') || room.kind() == Closed, "{step}: {came}");
    }
    let (who, what) = asked.split_once(' ').expect("two parts");
    let applied = attempt(&mut room, who, what).unwrap_or_else(|refused| panic!("{asked}: {refused:?}"));
    let events = applied.events.into_iter().map(|numbered| numbered.event).collect();
    (events, (who != "*").then(|| member(who)))
}
