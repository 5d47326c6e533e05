//! A room that was opened from a talk sheet: `a`, `m`, `s` and one guest on stage, nothing recorded, two questions.

use roomtone_room::Kind::Open;
use roomtone_room::{Opening, QUESTIONS_MAX, Question, Room, RoomId, View};

use crate::trace::{OPENED_AT, check_in, member, opened, opened_by_sheet, play};

#[test]
fn only_those_in_the_sheet_come_on_stage() {
    check_in(
        opened_by_sheet(Open),
        "a enter -> a back
         b enter -> b entered as 2
         b raise May I? -> b hand: May I?
         a accept b -> ! NotInSheet
         a offer b -> ! NotInSheet
         b yes -> ! NoOffer
         a call c -> ! NotInSheet
         a call s -> s called by a
         s enter -> s entered as 3; s came; s asked by a
         s yes -> s Speaker@1 offer accepted
         s call b -> ! NotInSheet
         s call m About it -> m called by s: About it
         m enter -> m entered as 4; m came; m asked by s
         m yes -> m Speaker@1 offer accepted
         a moderator b -> ! NotOnStage
         a host b -> ! NotOnStage
         a moderator m -> m Moderator@2 made by a
         m accept b -> ! NotInSheet
         a leave -> a quit; m Host@3 inherited
         m leave -> m quit; s Host@2 inherited
         s leave -> s quit; ended",
    );
}

#[test]
fn whoever_is_in_the_sheet_comes_back_on_stage() {
    check_in(
        opened_by_sheet(Open),
        "a enter -> a back
         s enter -> s entered as 2
         s raise -> s hand
         a accept s -> s Speaker@1 hand accepted by a
         a down -> a Listener@1 stepped down; s Host@2 inherited
         s offer a -> a asked by s
         a yes -> a Speaker@2 offer accepted
         s audience a -> a Listener@3 moved by s
         a raise -> a hand
         s accept a -> a Speaker@4 hand accepted by s",
    );
}

#[test]
fn guests_have_as_many_places_as_the_sheet_says() {
    check_in(
        opened_by_sheet(Open),
        "a enter -> a back
         g knock 9000000 -> g waits, guest of a
         h knock 9000000 -> h waits, guest of a
         a admit g -> g admitted by a; g entered as 2, guest of a; g Speaker@1 let in by a
         a admit h -> h admitted by a; h entered as 3, guest of a
         ? stage -> ag
         h raise -> h hand
         a accept h -> ! NotInSheet
         a offer h -> ! NotInSheet
         g down -> g Listener@2 stepped down
         a offer g -> g asked by a
         a accept h -> h Speaker@1 hand accepted by a
         g yes -> ! NotInSheet
         a audience h -> h Listener@2 moved by a
         g yes -> g Speaker@3 offer accepted
         ? stage -> ag",
    );
}

#[test]
fn nothing_is_kept_of_what_is_not_recorded() {
    check_in(
        opened_by_sheet(Open),
        "a enter -> a back
         a evidence -> ! NotInSheet
         a evidence off -> ! NothingToChange
         a agree -> ! EvidenceOff
         a widen open -> ! NothingToChange",
    );
    assert!(!opened_by_sheet(Open).may_be_kept() && opened(Open).may_be_kept());
    let recorded = |recorded| {
        let mut state = opened_by_sheet(Open).to_state();
        state.terms.as_mut().expect("opened from a sheet").recorded = recorded;
        Room::from_state(state)
    };
    assert!(recorded(true).may_be_kept() && !recorded(true).settings().evidence);
    check_in(recorded(true), "a evidence -> evidence on by a");
}

#[test]
fn questions_are_taken_and_settled() {
    check_in(
        opened_by_sheet(Open),
        "a enter -> a back
         s enter -> s entered as 2
         s raise -> s hand
         a accept s -> s Speaker@1 hand accepted by a
         ? questions -> 1 2
         s take 1 -> ! NotAllowed
         s answered 1 -> ! NotAllowed
         a take 3 -> ! NoSuchQuestion
         a take -> ! NothingToChange
         a take 2 -> question 2 of l taken by a
         ? question -> And who draws them?
         a take 2 -> ! NothingToChange
         a take 3 -> ! NoSuchQuestion
         a take 1 -> question closed by a; question 1 of q taken by a
         a skip 2 -> question 2 skipped by a
         ? question -> Why maps?
         a answered 1 -> question closed by a; question 1 answered by a
         a answered 1 -> ! NoSuchQuestion
         ? question ->
         ? questions -> ",
    );
    check_in(
        opened_by_sheet(Open),
        "a enter -> a back
         a take 1 -> question 1 of q taken by a
         a take -> question closed by a
         ? questions -> 1 2
         * forget q -> q forgotten
         ? questions -> 2
         a take 1 -> ! NoSuchQuestion
         a take 2 -> question 2 of l taken by a
         * forget l -> l forgotten
         * forget l ->
         ? question ->
         ? questions -> ",
    );
}

/// A member who is named and deletes their account is not named any more.
#[test]
fn who_is_forgotten_is_not_in_the_sheet() {
    check_in(
        opened_by_sheet(Open),
        "a enter -> a back
         * forget s -> s forgotten
         s enter -> s entered as 2
         a offer s -> ! NotInSheet",
    );
}

#[test]
fn moderators_see_the_queue_and_others_what_is_answered() {
    let (mut room, mut now) = (opened_by_sheet(Open), OPENED_AT);
    for step in ["a enter", "l enter", "a take 2"] {
        play(&mut room, &mut now, step);
    }
    let [host, listener] = ["a", "l"].map(|who| View::of(&room, member(who)).expect("in the room"));
    assert_eq!((host.questions.len(), listener.questions.len()), (2, 0));
    for view in [&host, &listener] {
        assert_eq!(view.taken.as_ref().map(|(number, question)| (*number, question.by)), Some((2, member("l"))));
        let terms = view.terms.as_ref().expect("everybody sees the terms");
        assert_eq!(terms.stage, ["a", "m", "s"].map(member).into());
    }
}

#[test]
fn a_room_brings_along_only_so_many_questions() {
    let question = |by| Question {
        record: roomtone_room::ids::RecordId(by),
        text: "Why?".to_owned(),
        by: roomtone_room::MemberId(by),
        votes: 0,
    };
    let opening = Opening { questions: (1..80).map(question).collect(), ..Opening::new("Title", Open, "en") };
    let (room, events) = Room::open(OPENED_AT, RoomId(9), member("a"), opening);
    assert_eq!((room.questions().iter().len(), events.len()), (QUESTIONS_MAX, QUESTIONS_MAX + 1));
    assert_eq!(room.questions().get(50).map(|question| question.by.0), Some(50));
    let mut replica = Room::empty();
    events.iter().for_each(|numbered| replica.fold(numbered));
    assert_eq!(replica, room);
}
