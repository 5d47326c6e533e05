//! Blocks between people in a room.

use std::sync::Arc;

use roomtone_room::social::{Apart, Parting, bars, must_go, parting};
use roomtone_room::{Kind, MemberId, Room};

use crate::trace::{OPENED_AT, member, opened, play};

/// Host `a`, moderator `b`, speakers `c` and `d`, listeners `l` and `k`.
fn room() -> Room {
    let (mut room, mut now) = (opened(Kind::Open), OPENED_AT);
    for asked in ["a enter", "b enter", "c enter", "d enter", "l enter", "k enter"] {
        play(&mut room, &mut now, asked);
    }
    for speaker in ["b", "c", "d"] {
        play(&mut room, &mut now, &format!("a offer {speaker}"));
        play(&mut room, &mut now, &format!("{speaker} yes"));
    }
    play(&mut room, &mut now, "a moderator b");
    let roles: Vec<bool> = ["a", "b", "c", "d", "l", "k"]
        .map(|who| room.participant(member(who)).expect("all came in").role.on_stage())
        .to_vec();
    assert_eq!(roles, [true, true, true, true, false, false]);
    assert!(room.participant(member("b")).expect("came in").role.moderates());
    room
}

#[test]
fn who_goes_when_somebody_is_blocked() {
    let room = room();
    let cases = [
        // Whoever could remove the other does.
        ("a", "b", Parting::Removed),
        ("a", "l", Parting::Removed),
        ("b", "c", Parting::Removed),
        ("b", "l", Parting::Removed),
        // Nobody acts on the host, and a block gives nobody a power they did not have.
        ("b", "a", Parting::Leaves(member("b"))),
        ("c", "a", Parting::Leaves(member("c"))),
        ("c", "b", Parting::Leaves(member("c"))),
        ("c", "d", Parting::Leaves(member("c"))),
        // A listener gives way to the stage, whoever wanted it.
        ("c", "l", Parting::Leaves(member("l"))),
        ("l", "c", Parting::Leaves(member("l"))),
        ("l", "a", Parting::Leaves(member("l"))),
        // In the audience they only do not see each other.
        ("l", "k", Parting::Stay),
        ("a", "z", Parting::Stay),
        ("z", "a", Parting::Stay),
    ];
    for (blocker, blocked, expected) in cases {
        assert_eq!(parting(&room, member(blocker), member(blocked)), expected, "{blocker} blocks {blocked}");
    }
}

#[test]
fn the_stage_bars_those_with_a_block() {
    let room = room();
    let set = |who: &[&str]| who.iter().map(|who| member(who)).collect();
    assert!(bars(&room, &set(&["z", "c"])));
    assert!(bars(&room, &set(&["a"])));
    assert!(!bars(&room, &set(&["l", "z"])));
    assert!(!bars(&room, &set(&[])));
}

#[test]
fn a_block_is_known_from_either_side() {
    let room = room();
    let (l, k, c) = (member("l"), member("k"), member("c"));
    let mut apart = Apart::default();
    assert!(apart.is_empty() && must_go(&room, &apart, c).is_empty());
    // Only the listener's side is known of one, only the speaker's of the other.
    apart.note(l, Arc::new([c].into()));
    apart.note(c, Arc::new([k, member("d"), MemberId(9)].into()));
    assert!(apart.are(l, c) && apart.are(c, l) && apart.are(k, c) && !apart.are(l, k));
    assert!(apart.concerns(k) && apart.concerns(l) && !apart.concerns(member("a")));
    // Somebody on stage stays, and so does who is not there.
    let mut going = vec![l, k];
    going.sort_unstable();
    assert_eq!(must_go(&room, &apart, c), going);
    assert!(must_go(&room, &apart, l).is_empty(), "only who is on stage sends anybody away");
    apart.add(l, k);
    assert!(apart.are(k, l) && apart.are(l, c), "adding keeps what was noted");
    apart.forget(l);
    apart.note(c, Arc::default());
    assert!(apart.is_empty() && !apart.are(l, c));
}
