//! Running a room, each case a trace: the queue, bans, settings, call-ups and guests.

use roomtone_room::Kind::{Closed, Open, Social};

use crate::trace::check;

#[test]
fn the_queue_favours_those_who_have_not_spoken() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         d enter -> d entered as 4
         e enter -> e entered as 5
         b raise -> b hand
         a accept b -> b Speaker@1 hand accepted by a
         b mic on -> b mic on
         b down -> b Listener@2 stepped down
         b raise -> b hand
         c raise -> c hand
         ? hands -> cb
         d raise -> d hand
         ? hands -> cdb
         a move b 0 -> b hand to 0 by a
         ? hands -> bcd
         e raise -> e hand
         ? hands -> bcde
         a move d 99 -> d hand to 99 by a
         ? hands -> bced
         a accept c -> c Speaker@1 hand accepted by a
         ? hands -> bed
         c move b 0 -> ! NotAllowed
         a move a 0 -> ! NoHand
         a move z 0 -> ! NoSuchParticipant",
    );
    // Whoever was placed at the end by a moderator keeps that place before newcomers.
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         b raise -> b hand
         a accept b -> b Speaker@1 hand accepted by a
         b mic on -> b mic on
         b down -> b Listener@2 stepped down
         b raise -> b hand
         a move b 0 -> b hand to 0 by a
         c raise -> c hand
         ? hands -> bc",
    );
}

#[test]
fn who_may_raise_a_hand() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         b raise -> b hand
         c hands off -> ! NotAllowed
         a hands off -> hands Off
         a hands off -> ! NothingToChange
         c raise-followed -> ! HandsOff
         ? hands -> b
         a accept b -> b Speaker@1 hand accepted by a
         a hands followed -> hands Followed
         c raise -> ! HandsFollowedOnly
         c raise-followed -> c hand
         c lower -> c hand lowered
         a hands everyone -> hands Everyone
         c raise -> c hand",
    );
}

#[test]
fn a_locked_stage_lets_nobody_up() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         b raise -> b hand
         a offer c -> c asked by a
         c lock -> ! NotAllowed
         a lock -> stage locked
         a accept b -> ! StageLocked
         c yes -> ! StageLocked
         a offer b -> ! StageLocked
         a call d -> ! StageLocked
         z knock 50000 -> z waits, guest of a
         a admit z -> z admitted by a; z entered as 4, guest of a
         ? stage -> a
         a lock off -> stage unlocked
         c yes -> c Speaker@1 offer accepted
         a accept b -> b Speaker@1 hand accepted by a",
    );
}

#[test]
fn a_ban_holds() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         b ban c -> ! NotAllowed
         a ban a -> ! TargetProtected
         a ban c Shouting -> c banned by a: Shouting; c removed by a
         c enter -> ! Banned
         a ban c -> ! NothingToChange
         ? banned -> c
         b leave -> b quit
         a ban b -> b banned by a
         b enter -> ! Banned
         b leave -> ! NotInRoom
         a ban q -> q banned by a
         a call q -> ! TargetBanned
         a unban c -> c unbanned by a
         a unban c -> ! NothingToChange
         c enter -> c entered as 4
         c unban b -> ! NotAllowed",
    );
    // The host is out of reach, also of a moderator's ban; a ban takes back a call-up and sends a waiting guest away.
    check(
        Closed,
        "n enter -> n entered as 2
         n raise -> n hand
         a accept n -> n Speaker@1 hand accepted by a
         a moderator n -> n Moderator@2 made by a
         n ban a -> ! TargetProtected
         n call d -> d called by n
         n ban d -> d banned by n; d call withdrawn by n
         ? called ->
         z knock 50000 -> z waits, guest of a
         n ban z -> z banned by n; z turned away by n
         z knock 50000 -> ! Banned
         a ban m -> m banned by a
         m enter -> ! Banned",
    );
}

#[test]
fn moderators_demote_each_other_in_one_order() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         b raise -> b hand
         c raise -> c hand
         a accept b -> b Speaker@1 hand accepted by a
         a accept c -> c Speaker@1 hand accepted by a
         a demote b -> ! NothingToChange
         a moderator b -> b Moderator@2 made by a
         a moderator c -> c Moderator@2 made by a
         b@2 demote c -> c Speaker@3 demoted by b
         c@2 demote b -> ! StaleRole
         c@3 demote b -> ! NotAllowed
         b demote a -> ! TargetProtected
         b demote b -> ! TargetProtected",
    );
}

#[test]
fn a_room_is_widened_and_never_narrowed() {
    check(
        Closed,
        "b enter followed -> ! NotAdmitted
         a widen social -> widened to Social
         b enter followed -> b entered as 2
         c enter -> ! NotAdmitted
         b widen open -> ! NotAllowed
         a widen open -> widened to Open
         c enter -> c entered as 3
         a widen social -> ! NothingToChange",
    );
}

#[test]
fn what_moderators_set() {
    check(
        Open,
        "b enter -> b entered as 2
         b describe Other -> ! NotAllowed
         a describe Other -> described as Other
         a describe Other -> ! NothingToChange
         a chat off -> backchannel false 0
         a chat 30 -> backchannel true 30
         a chat 301 -> ! InvalidValue
         a chat 30 -> ! NothingToChange
         a timer 0 -> ! InvalidValue
         a timer 60000 -> timer +60000
         a timer 86400001 -> ! InvalidValue
         a timer off -> timer off
         a pin https://example.org -> link 1
         a pin javascript:alert(1) -> ! InvalidValue
         a pin https://example.org/2 -> link 2
         a unpin 1 -> link 1 down
         a unpin 1 -> ! NoSuchLink
         a pin https://example.org/3 -> link 3
         ? links -> 2 https://example.org/23 https://example.org/3
         b pin https://example.org -> ! NotAllowed",
    );
}

#[test]
fn the_interview_is_handed_over_on_stage() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         a floor b -> ! NotOnStage
         a floor z -> ! NoSuchParticipant
         b raise -> b hand
         a accept b -> b Speaker@1 hand accepted by a
         b floor b -> ! NotAllowed
         a floor b -> floor to b
         b floor a -> floor to a
         b floor b -> ! NotAllowed
         a floor b -> floor to b
         a floor b -> ! NothingToChange
         b down -> b Listener@2 stepped down
         ? floor ->
         a floor a -> floor to a
         a floor -> floor to nobody",
    );
}

#[test]
fn somebody_is_called_up() {
    check(
        Social,
        "b enter followed -> b entered as 2
         b call d -> ! NotAllowed
         a call b -> ! AlreadyHere
         a call d About trees -> d called by a: About trees
         a call d -> ! OfferAlreadyOpen
         d enter -> d entered as 3; d came; d asked by a
         d yes -> d Speaker@1 offer accepted
         d call e -> e called by d
         e enter -> ! NotAdmitted
         e not-now -> e not now
         e not-now -> ! NoCallUp
         d call e -> e called by d
         b uncall e -> ! NotAllowed
         d uncall e -> e call withdrawn by d
         a call e -> e called by a
         wait 599999 ->
         * tick -> a lost; d Host@2 inherited
         ? called -> e
         wait 1 ->
         * tick -> e call expired
         e enter -> ! NotAdmitted",
    );
}

/// The word of a moderator lets them in for good: a connection that is lost takes nothing back, and neither does being removed, as in
/// an open room. Only a ban does.
#[test]
fn whoever_a_moderator_called_up_may_come_back() {
    check(
        Closed,
        "a enter -> a back
         d enter -> ! NotAdmitted
         a call d -> d called by a
         d enter -> d entered as 2; d came; d asked by a
         * lose d -> d away
         wait 10000 ->
         * tick -> d lost
         d enter -> d entered as 3
         a remove d -> d removed by a
         d enter -> d entered as 4
         a ban d -> d banned by a; d removed by a
         d enter -> ! Banned
         a unban d -> d unbanned by a
         d enter -> d entered as 5
         d leave -> d quit
         * forget d -> d forgotten
         d enter -> ! NotAdmitted
         a call e -> e called by a
         e not-now -> e not now
         e enter -> ! NotAdmitted",
    );
    // Of somebody who only speaks, the word lets nobody in, and does not later.
    check(
        Social,
        "a enter -> a back
         s enter followed -> s entered as 2
         s raise -> s hand
         a accept s -> s Speaker@1 hand accepted by a
         s call d -> d called by s
         d enter followed -> d entered as 3; d came; d asked by s
         d leave -> d quit
         d enter -> ! NotAdmitted",
    );
}

#[test]
fn a_guest_waits_comes_in_and_is_gone_with_the_pass() {
    check(
        Closed,
        "a enter -> a back
         n enter -> n entered as 2
         z admit z -> ! NotInRoom
         z knock 30000 -> z waits, guest of a
         z knock 30000 ->
         n admit z -> ! NotAllowed
         a admit y -> ! NotWaiting
         a admit z -> z admitted by a; z entered as 3, guest of a; z Speaker@1 let in by a
         ? stage -> az
         z knock 30000 -> ! AlreadyHere
         a moderator z -> ! TargetIsGuest
         a host z -> ! TargetIsGuest
         a down -> ! NotAllowed
         z call d -> ! NotAllowed
         y knock 30000 -> y waits, guest of a
         ? deadline -> +30000
         a turn-away y -> y turned away by a
         y knock 30000 -> y waits, guest of a
         y leave -> y gave up
         y knock 20000 -> y waits, guest of a
         * lose y -> y gave up
         y knock 20000 -> y waits, guest of a
         wait 20000 ->
         * tick -> y pass ended
         y knock 20000 -> ! NotAdmitted
         wait 10000 ->
         * tick -> z pass ended
         ? everybody -> an",
    );
    // A revoked link ends the stay at once; with nobody but a guest on stage the room ends.
    check(
        Open,
        "z knock 30000 -> z waits, guest of a
         y knock 30000 -> y waits, guest of a
         a admit z -> z admitted by a; z entered as 2, guest of a; z Speaker@1 let in by a
         * end-pass y -> y pass ended
         * end-pass z -> z pass ended
         * end-pass z -> ! NotInRoom
         * end-pass a -> ! NotInRoom
         a end-pass z -> ! WrongActor
         z knock 30000 -> z waits, guest of a
         a admit z -> z admitted by a; z entered as 3, guest of a; z Speaker@3 let in by a
         a leave -> a quit; ended",
    );
}

/// An appeal lifts the ban that it is about, and no later one.
#[test]
fn a_ban_is_lifted_from_outside() {
    check(
        Open,
        "a ban d -> d banned by a
         * lift d 1 -> ! NothingToChange
         a lift d 0 -> ! WrongActor
         d lift d 0 -> ! WrongActor
         * lift d 0 -> d unbanned by q
         * lift d 0 -> ! NothingToChange
         d enter -> d entered as 2
         wait 5 ->
         a ban d -> d banned by a; d removed by a
         * lift d 0 -> ! NothingToChange
         * lift d 5 -> d unbanned by q",
    );
}

#[test]
fn a_guest_who_was_let_in_comes_back_without_waiting_unless_they_were_put_out() {
    check(
        Closed,
        "a enter -> a back
         z knock 60000 -> z waits, guest of a
         a admit z -> z admitted by a; z entered as 2, guest of a; z Speaker@1 let in by a
         z leave -> z quit
         z knock 60000 -> z entered as 3, guest of a
         ? stage -> a
         * lose z -> z away
         wait 10000 ->
         * tick -> z lost
         z knock 60000 -> z entered as 4, guest of a
         a remove z -> z removed by a
         z knock 60000 -> z waits, guest of a
         a admit z -> z admitted by a; z entered as 5, guest of a; z Speaker@5 let in by a
         a ban z -> z banned by a; z removed by a
         z knock 60000 -> ! Banned
         a unban z -> z unbanned by a
         z knock 60000 -> z waits, guest of a
         a admit z -> z admitted by a; z entered as 6, guest of a; z Speaker@7 let in by a
         z leave -> z quit
         wait 50000 ->
         z knock 60000 -> ! NotAdmitted",
    );
}

#[test]
fn whoever_deletes_their_account_leaves_no_words_behind() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         b raise -> b hand
         a accept b -> b Speaker@1 hand accepted by a
         a moderator b -> b Moderator@2 made by a
         b pin https://example.org/words -> link 1
         a pin https://example.org/kept -> link 2
         b describe Words -> described as Words
         b ban d Words -> d banned by b: Words
         b call e Words -> e called by b: Words
         * forget b -> ! AlreadyHere
         b leave -> b quit
         * forget b -> b forgotten
         * forget q ->
         ? links -> 2 https://example.org/kept
         ? title -> \u{2026}
         ? called ->
         ? banned -> d
         * forget d -> d forgotten
         ? banned ->
         a forget c -> ! WrongActor",
    );
}
