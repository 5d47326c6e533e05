//! What traces cannot show: bounds, memory, restarts, and views of rooms large and small.

use roomtone_room::Kind::Open;
use roomtone_room::{
    AUDIENCE_FIRST, Actor, Applied, CallUpCause, Command, CommandId, Event, GuestPass, HANDS_MAX, HandCause,
    KnockCause, LeaveReason, MemberId, NeedsFresh, OfferCause, REMEMBERED_COMMANDS, REMEMBERED_GONE,
    RESTART_GRACE_MILLIS, Rejection, ReplayId, Role, RoleCause, RoleEpoch, Room, STAGE_MAX, Seen, TalkerNo, Timestamp,
    View, mergeable, visible,
};

use crate::trace::{OPENED_AT, member, opened, play};

#[test]
fn a_clock_set_back_changes_no_order() {
    let mut room = opened(Open);
    let apply = |room: &mut Room, at: u64, who: &str, command| {
        let actor = Actor::Member { member: member(who), role_epoch: None, id: None };
        room.apply(Timestamp(at), actor, command).expect("allowed").events
    };
    let entered = apply(&mut room, 5, "b", Command::Enter { followed_by_moderator: false });
    assert_eq!(entered[0].at, OPENED_AT);
    let entered = apply(&mut room, OPENED_AT.0 + 7, "c", Command::Enter { followed_by_moderator: false });
    assert_eq!(entered[0].at, OPENED_AT.plus(7));
    let left = apply(&mut room, OPENED_AT.0 + 3, "c", Command::Leave);
    assert_eq!(left[0].at, OPENED_AT.plus(7));
}

#[test]
fn the_stage_is_bounded() {
    let mut room = opened(Open);
    let as_member = |member| Actor::Member { member, role_epoch: None, id: None };
    let host = as_member(member("a"));
    let mut try_member = |number: u128| {
        let member = MemberId(1000 + number);
        let enter = Command::Enter { followed_by_moderator: false };
        room.apply(OPENED_AT, as_member(member), enter).expect("open to all");
        room.apply(OPENED_AT, as_member(member), Command::RaiseHand { question: None, followed_by_speaker: false })
            .expect("a listener");
        (
            room.apply(OPENED_AT, host, Command::AcceptHand { member }).map(|applied| applied.events.len()),
            room.apply(OPENED_AT, host, Command::OfferStage { member }).map(|applied| applied.events.len()),
        )
    };
    for number in 1..STAGE_MAX as u128 {
        assert_eq!(try_member(number), (Ok(1), Err(Rejection::AlreadyOnStage)));
    }
    let full = Rejection::StageFull;
    assert_eq!(try_member(STAGE_MAX as u128), (Err(full), Err(full)));
    assert_eq!((room.stage_count(), room.audience_count()), (STAGE_MAX, 1));
}

#[test]
fn the_queue_is_bounded() {
    let mut room = opened(Open);
    let as_member = |member| Actor::Member { member, role_epoch: None, id: None };
    let mut raise = |number: usize| {
        let by = as_member(MemberId(1000 + number as u128));
        // Whoever is there already comes in once more, which changes nothing.
        room.apply(OPENED_AT, by, Command::Enter { followed_by_moderator: false }).expect("open to all");
        let raised = room.apply(OPENED_AT, by, Command::RaiseHand { question: None, followed_by_speaker: false });
        if number == HANDS_MAX {
            // A place that is given up is there for others.
            room.apply(OPENED_AT, as_member(MemberId(1000)), Command::LowerHand).expect("a hand");
        }
        raised.map(|applied| applied.events.len())
    };
    for number in 0..HANDS_MAX {
        assert_eq!(raise(number), Ok(1));
    }
    assert_eq!(raise(HANDS_MAX), Err(Rejection::TooMany));
    assert_eq!(raise(HANDS_MAX + 1), Ok(1));
    assert_eq!(room.hands().count(), HANDS_MAX);
}

#[test]
fn an_offer_outlives_a_full_stage() {
    let mut room = opened(Open);
    let as_member = |member| Actor::Member { member, role_epoch: None, id: None };
    let people: Vec<MemberId> = (0..STAGE_MAX as u128).map(|n| MemberId(1000 + n)).collect();
    for &member in &people {
        let enter = Command::Enter { followed_by_moderator: false };
        room.apply(OPENED_AT, as_member(member), enter).expect("open to all");
        room.apply(OPENED_AT, as_member(crate::trace::member("a")), Command::OfferStage { member }).expect("room");
    }
    let answers: Vec<_> =
        people.iter().map(|&m| room.apply(OPENED_AT, as_member(m), Command::AcceptOffer).map(|_| ())).collect();
    let (last, others) = answers.split_last().expect("fifty answers");
    assert!(others.iter().all(Result::is_ok));
    assert_eq!(*last, Err(Rejection::StageFull));
    assert_eq!(room.offers().map(|p| p.member).collect::<Vec<_>>(), people[STAGE_MAX - 1..]);
}

#[test]
fn memory_is_bounded_per_member_and_for_those_gone() {
    let mut room = opened(Open);
    let ask = |room: &mut Room, member, id: usize, command| -> Applied {
        let actor = Actor::Member { member, role_epoch: None, id: Some(CommandId(id as u128)) };
        room.apply(OPENED_AT, actor, command).expect("allowed")
    };
    // One more command than is remembered: the first is forgotten, the second is not.
    let host = member("a");
    for id in 0..=REMEMBERED_COMMANDS {
        assert!(!ask(&mut room, host, id, Command::SetMic { open: id % 2 == 0 }).repeated);
    }
    assert!(ask(&mut room, host, 1, Command::SetMic { open: false }).repeated);
    assert!(!ask(&mut room, host, 0, Command::SetMic { open: true }).repeated);
    // One more member gone than is remembered: the first to go is forgotten, the second is not.
    let guest = |n: usize| MemberId(1000 + n as u128);
    for n in 0..=REMEMBERED_GONE {
        ask(&mut room, guest(n), 0, Command::Enter { followed_by_moderator: false });
        ask(&mut room, guest(n), 1, Command::Leave);
    }
    assert_eq!(room.to_state().answered.len(), REMEMBERED_GONE + 1);
    assert!(ask(&mut room, guest(1), 1, Command::Leave).repeated);
    assert!(!ask(&mut room, guest(0), 0, Command::Enter { followed_by_moderator: false }).repeated);
    // Coming back takes a member from the gone, so nobody's leaving pushes them out any more.
    ask(&mut room, guest(2), 7, Command::Enter { followed_by_moderator: false });
    for n in 0..REMEMBERED_GONE {
        ask(&mut room, guest(10_000 + n), 0, Command::Enter { followed_by_moderator: false });
        ask(&mut room, guest(10_000 + n), 1, Command::Leave);
    }
    assert!(ask(&mut room, guest(2), 7, Command::Leave).repeated);
    assert_eq!(Room::from_state(room.to_state()), room);
}

#[test]
fn after_a_restart_everybody_has_a_longer_grace() {
    let mut room = opened(Open);
    let mut now = OPENED_AT;
    let state = room.to_state();
    let mut tail = Vec::new();
    for (who, id, command) in [
        ("a", 1, Command::Enter { followed_by_moderator: false }),
        ("b", 2, Command::Enter { followed_by_moderator: false }),
        ("b", 3, Command::RaiseHand { question: Some("Why?".to_owned()), followed_by_speaker: false }),
        ("a", 4, Command::AcceptHand { member: member("b") }),
        ("a", 5, Command::Mute { member: member("b") }),
        ("b", 6, Command::Leave),
        ("b", 7, Command::Enter { followed_by_moderator: false }),
    ] {
        let id = CommandId(id);
        let actor = Actor::Member { member: member(who), role_epoch: None, id: Some(id) };
        let applied = room.apply(now, actor, command).expect("allowed");
        tail.extend(applied.events.into_iter().map(|numbered| (numbered, Some((member(who), id)))));
    }
    now = now.plus(50_000);
    let mut back = Room::restore(now, state, tail.clone());
    // Nobody is thrown out before the grace is over; commands answered before the stop are answered, not applied.
    assert_eq!(back.next_deadline(), Some(now.plus(RESTART_GRACE_MILLIS)));
    assert_eq!(play(&mut back, &mut now, "b#6 leave"), "answered before at 7");
    assert_eq!(play(&mut back, &mut now, "? everybody"), "ab");
    assert_eq!(play(&mut back, &mut now, "? away"), "ab");
    assert_eq!(play(&mut back, &mut now, "a enter"), "a back");
    now = now.plus(RESTART_GRACE_MILLIS);
    assert_eq!(play(&mut back, &mut now, "* tick"), "b lost");
    // Events that the snapshot holds already are passed over, also those long undone.
    let older = tail.into_iter().take(4);
    assert_eq!(Room::restore(now, room.to_state(), older), Room::restore(now, room.to_state(), []));
}

#[test]
fn a_history_cut_before_the_heir_is_mended_by_the_next_command() {
    let mut room = opened(Open);
    let mut now = OPENED_AT;
    for asked in ["a enter", "b enter", "b raise", "a accept b"] {
        play(&mut room, &mut now, asked);
    }
    let state = room.to_state();
    let leave = Actor::Member { member: member("a"), role_epoch: None, id: None };
    let left = room.apply(now, leave, Command::Leave).expect("the host may leave").events.swap_remove(0);
    let mut back = Room::restore(now, state, [(left, None)]);
    assert_eq!(play(&mut back, &mut now, "b enter"), "b back; b Host@2 inherited");
}

#[test]
fn who_sees_what() {
    let (moderator, owner, other) = (member("m"), member("o"), member("x"));
    let private = [
        Event::HandRaised { member: owner, question: None, place: 0, spoken: false },
        Event::HandMoved { member: owner, place: 0, by: moderator },
        Event::HandLowered { member: owner, cause: HandCause::Lowered },
        Event::StageOffered { member: owner, by: moderator },
        Event::OfferEnded { member: owner, cause: OfferCause::Declined },
    ];
    for event in &private {
        assert!(visible(event, owner, Role::Listener), "{event:?}");
        assert!(visible(event, moderator, Role::Moderator), "{event:?}");
        assert!(visible(event, moderator, Role::Host), "{event:?}");
        assert!(!visible(event, other, Role::Speaker), "{event:?}");
        assert!(!visible(event, other, Role::Listener), "{event:?}");
    }
    let pass = GuestPass { by: moderator, until: OPENED_AT };
    let of_moderators = [
        Event::Banned { member: owner, by: moderator, reason: None },
        Event::Unbanned { member: owner, by: moderator },
        Event::Knocked { guest: owner, pass },
        Event::KnockEnded { guest: owner, cause: KnockCause::GaveUp },
    ];
    for event in &of_moderators {
        assert!(visible(event, moderator, Role::Moderator), "{event:?}");
        assert!(!visible(event, owner, Role::Listener) && !visible(event, other, Role::Speaker), "{event:?}");
    }
    let withdrawn = Event::TrackWithdrawn { member: owner, replay: ReplayId(1), track: 1 };
    for (who, role) in [(owner, Role::Speaker), (moderator, Role::Host)] {
        assert!(!visible(&withdrawn, who, role));
    }
    let called = Event::CalledUp { member: owner, by: other, context: None, until: OPENED_AT };
    let over = Event::CallUpEnded { member: owner, by: other, cause: CallUpCause::Expired };
    for event in [called, over] {
        assert!(visible(&event, other, Role::Speaker) && visible(&event, moderator, Role::Moderator), "{event:?}");
        assert!(!visible(&event, member("y"), Role::Speaker), "{event:?}");
    }
    let role_epoch = RoleEpoch(1);
    let public = [
        (Event::Entered { member: owner, number: TalkerNo(2), pass: None }, true),
        (Event::ConnectionLost { member: owner }, true),
        (Event::Returned { member: owner }, true),
        (Event::Left { member: owner, reason: LeaveReason::Quit }, true),
        (Event::RoleChanged { member: owner, role: Role::Speaker, role_epoch, cause: RoleCause::OfferAccepted }, false),
        (Event::Muted { member: owner, by: moderator, role_epoch }, false),
        (Event::Unmuted { member: owner, by: moderator, role_epoch }, false),
        (Event::MicChanged { member: owner, open: true }, false),
        (Event::Ended { by: None }, false),
    ];
    for (event, merged) in &public {
        assert!(visible(event, other, Role::Listener), "{event:?}");
        assert_eq!(mergeable(event, false), *merged, "{event:?}");
    }
    for event in [Event::ConnectionLost { member: owner }, public[3].0.clone()] {
        assert!(!mergeable(&event, true), "about the stage: {event:?}");
    }
}

#[test]
fn a_view_of_a_large_audience_stays_small_and_true() {
    let mut room = opened(Open);
    let as_member = |member| Actor::Member { member, role_epoch: None, id: None };
    let guest = |n: u128| MemberId(1000 + n);
    let mut view = View::of(&room, member("a")).expect("the host is in the room");
    let ask = |room: &mut Room, view: &mut View, who, command| {
        let events = room.apply(OPENED_AT, as_member(who), command).expect("allowed").events;
        let folded: Result<Vec<()>, NeedsFresh> = events.iter().map(|numbered| view.fold(numbered)).collect();
        if folded.is_ok() {
            let fresh = View::of(room, member("a")).expect("the host is in the room");
            assert!(fresh.audience_first.starts_with(&view.audience_first));
            assert_eq!(View { audience_first: fresh.audience_first.clone(), ..view.clone() }, fresh);
        }
        folded.map(|_| ())
    };
    for n in 0..200 {
        assert_eq!(ask(&mut room, &mut view, guest(n), Command::Enter { followed_by_moderator: false }), Ok(()));
    }
    assert_eq!((view.audience_count, view.audience_first.len()), (200, AUDIENCE_FIRST));
    // Leaves the list, leaves the counted rest, comes on stage from the list and goes back to it.
    assert_eq!(ask(&mut room, &mut view, guest(3), Command::Leave), Ok(()));
    assert_eq!(ask(&mut room, &mut view, guest(150), Command::Leave), Ok(()));
    assert_eq!(
        ask(&mut room, &mut view, guest(5), Command::RaiseHand { question: None, followed_by_speaker: false }),
        Ok(())
    );
    assert_eq!(ask(&mut room, &mut view, member("a"), Command::AcceptHand { member: guest(5) }), Ok(()));
    assert_eq!(ask(&mut room, &mut view, guest(5), Command::StepDown), Ok(()));
    assert_eq!(ask(&mut room, &mut view, guest(300), Command::Enter { followed_by_moderator: false }), Ok(()));
    assert_eq!((view.audience_count, view.audience_first.len()), (199, AUDIENCE_FIRST - 1));
    // From the counted rest onto the stage: the view cannot know their number, and says so without changing.
    assert_eq!(
        ask(&mut room, &mut view, guest(180), Command::RaiseHand { question: None, followed_by_speaker: false }),
        Ok(())
    );
    let before = view.clone();
    let accept = Command::AcceptHand { member: guest(180) };
    assert_eq!(ask(&mut room, &mut view, member("a"), accept), Err(NeedsFresh));
    assert_eq!(view, before);
    let fresh = View::of(&room, member("a")).expect("the host is in the room");
    assert_eq!(fresh.stage.iter().map(|seen: &Seen| seen.number.0).collect::<Vec<_>>(), [1, 182]);
    assert_eq!(fresh.seq, room.seq());
}
