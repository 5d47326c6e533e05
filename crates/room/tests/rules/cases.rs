//! Cases, each a trace. What follows `->` is what must come of the line; an empty outcome means no events.

use roomtone_room::Kind::{Closed, Open, Social};

use crate::trace::check;

#[test]
fn entering_and_leaving() {
    check(
        Open,
        "? away -> a
         a enter -> a back
         a enter ->
         ? away ->
         b enter -> b entered as 2
         c enter -> c entered as 3
         b leave -> b quit
         b leave -> ! NotInRoom
         b enter -> b entered as 4
         ? everybody -> acb
         ? audience -> 2
         z raise -> ! NotInRoom",
    );
}

#[test]
fn who_may_come_in() {
    check(
        Social,
        "b enter -> ! NotAdmitted
         b enter followed -> b entered as 2
         n enter -> n entered as 3
         a leave -> a quit; ended",
    );
    check(
        Closed,
        "b enter -> ! NotAdmitted
         b enter followed -> ! NotAdmitted
         n enter -> n entered as 2
         n raise -> n hand
         a accept n -> n Speaker@1 hand accepted by a
         a leave -> a quit; n Host@2 inherited
         a enter -> a entered as 3",
    );
    // Somebody present is let back whatever the moderators' following says by then.
    check(
        Social,
        "b enter followed -> b entered as 2
         * lose b -> b away
         b enter -> b back",
    );
}

#[test]
fn a_hand() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         d enter -> d entered as 4
         c raise -> c hand
         b raise Why now? -> b hand: Why now?
         b raise -> ! HandAlreadyUp
         d raise a\u{202e}b -> ! InvalidQuestion
         d raise -> d hand
         d lower -> d hand lowered
         d lower -> ! NoHand
         d raise -> d hand
         ? hands -> cbd
         b accept c -> ! NotAllowed
         a decline c -> c hand declined by a
         a decline c -> ! NoHand
         a accept c -> ! NoHand
         a accept z -> ! NoSuchParticipant
         a accept b -> b Speaker@1 hand accepted by a
         a accept b -> ! AlreadyOnStage
         b raise -> ! AlreadyOnStage
         a raise -> ! AlreadyOnStage
         ? hands -> d
         ? stage -> ab
         ? talkers ->
         d leave -> d quit
         ? hands -> ",
    );
}

#[test]
fn an_offer() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         b offer c -> ! NotAllowed
         b yes -> ! NoOffer
         b no -> ! NoOffer
         a withdraw b -> ! NoOffer
         a offer z -> ! NoSuchParticipant
         a offer a -> ! AlreadyOnStage
         a offer b -> b asked by a
         a offer b -> ! OfferAlreadyOpen
         ? stage -> a
         b no -> b says no
         a offer b -> b asked by a
         a withdraw b -> b offer withdrawn by a
         b yes -> ! NoOffer
         a offer b -> b asked by a
         b raise -> b hand
         ? offers -> b
         b yes -> b Speaker@1 offer accepted
         ? hands ->
         ? offers ->
         b yes -> ! AlreadyOnStage
         a offer b -> ! AlreadyOnStage
         c raise -> c hand
         a offer c -> c asked by a
         a accept c -> c Speaker@1 hand accepted by a
         c down -> c Listener@2 stepped down
         c yes -> ! NoOffer",
    );
}

#[test]
fn the_microphone() {
    check(
        Open,
        "b enter -> b entered as 2
         b mic on -> ! NotOnStage
         a mic on -> a mic on
         a mic on ->
         a offer b -> b asked by a
         b yes -> b Speaker@1 offer accepted
         b mic on -> b mic on
         ? talkers -> 1 2
         a mute b -> b muted@2 by a
         ? talkers -> 1
         b mic on -> ! MutedByModerator
         b mic off ->
         a mute b -> ! NothingToChange
         a unmute b -> b unmuted@3 by a
         a unmute b -> ! NothingToChange
         ? talkers -> 1
         b mic on -> b mic on
         b mic off -> b mic off
         b mic on -> b mic on
         b down -> b Listener@4 stepped down
         ? talkers -> 1
         a mute b -> ! NotOnStage
         a unmute b -> ! NotOnStage
         b down -> ! NotOnStage",
    );
    // Going to the audience lifts a mute; coming back starts with the microphone closed.
    check(
        Open,
        "b enter -> b entered as 2
         b raise -> b hand
         a accept b -> b Speaker@1 hand accepted by a
         a mute b -> b muted@2 by a
         a audience b -> b Listener@3 moved by a
         b raise -> b hand
         a accept b -> b Speaker@4 hand accepted by a
         ? talkers ->
         b mic on -> b mic on
         ? talkers -> 2",
    );
}

#[test]
fn moderators() {
    check(
        Open,
        "b enter -> b entered as 2
         c enter -> c entered as 3
         d enter -> d entered as 4
         a moderator b -> ! NotOnStage
         b raise -> b hand
         c raise -> c hand
         a accept b -> b Speaker@1 hand accepted by a
         wait 1
         a accept c -> c Speaker@1 hand accepted by a
         b moderator c -> ! NotAllowed
         b mute c -> ! NotAllowed
         b audience c -> ! NotAllowed
         b remove d -> ! NotAllowed
         b end -> ! NotAllowed
         b host c -> ! NotAllowed
         a moderator c -> c Moderator@2 made by a
         a moderator c -> ! NothingToChange
         a moderator a -> ! TargetProtected
         ? stage -> acb
         c mute a -> ! TargetProtected
         c unmute a -> ! TargetProtected
         c audience a -> ! TargetProtected
         c remove a -> ! TargetProtected
         c moderator a -> ! TargetProtected
         c mute c -> ! TargetProtected
         c audience c -> ! TargetProtected
         c remove c -> ! TargetProtected
         a remove a -> ! TargetProtected
         c host b -> ! NotAllowed
         c moderator b -> b Moderator@2 made by c
         ? stage -> abc
         b mute c -> c muted@3 by b
         c unmute c -> ! TargetProtected
         b audience c -> c Listener@4 moved by b
         b audience c -> ! NotOnStage
         b remove c -> c removed by b
         b remove c -> ! NoSuchParticipant
         c enter -> c entered as 5
         d mute b -> ! NotAllowed
         d mute z -> ! NotAllowed
         b end -> ended by b
         ? open -> false
         ? talkers ->
         ? deadline -> none
         a mic on -> ! RoomEnded
         z enter -> ! RoomEnded
         * tick -> ! RoomEnded",
    );
}

#[test]
fn handing_over() {
    check(
        Open,
        "b enter -> b entered as 2
         a host b -> ! NotOnStage
         a host a -> ! TargetProtected
         a host z -> ! NoSuchParticipant
         b raise -> b hand
         a accept b -> b Speaker@1 hand accepted by a
         a host b -> b Host@2 handed over by a; a Moderator@1 handed over by a
         ? host -> b
         ? stage -> ba
         a host b -> ! NotAllowed
         a mute b -> ! TargetProtected
         b mute a -> a muted@2 by b
         b host a -> a Host@3 handed over by b; a unmuted@4 by b; b Moderator@3 handed over by b
         a mic on -> a mic on",
    );
}

#[test]
fn the_host_goes() {
    // Alone on stage: leaving ends the room, stepping down is refused.
    check(
        Open,
        "b enter -> b entered as 2
         a down -> ! NotAllowed
         a leave -> a quit; ended
         ? open -> false
         ? everybody -> b",
    );
    // The longest-serving moderator, although another has been on stage for longer.
    let stage = "a enter -> a back
         b enter -> b entered as 2
         c enter -> c entered as 3
         d enter -> d entered as 4
         b raise -> b hand
         c raise -> c hand
         d raise -> d hand
         a accept b -> b Speaker@1 hand accepted by a
         wait 1
         a accept c -> c Speaker@1 hand accepted by a
         wait 1
         a accept d -> d Speaker@1 hand accepted by a
         wait 1
        ";
    let cases = [
        "a leave -> a quit; b Host@2 inherited
         ? stage -> bcd",
        "a down -> a Listener@1 stepped down; b Host@2 inherited
         ? audience -> 1",
        "a moderator d -> d Moderator@2 made by a
         wait 1
         a moderator c -> c Moderator@2 made by a
         ? stage -> acdb
         a leave -> a quit; d Host@3 inherited",
        // A former host has served from the start.
        "a moderator d -> d Moderator@2 made by a
         wait 1
         a host c -> c Host@2 handed over by a; a Moderator@1 handed over by a
         c leave -> c quit; a Host@2 inherited",
        // Whoever is away is passed over, even a moderator, unless all are.
        "a moderator d -> d Moderator@2 made by a
         * lose d -> d away
         * lose b -> b away
         a leave -> a quit; c Host@2 inherited",
        "* lose c -> c away
         * lose b -> b away
         * lose d -> d away
         a leave -> a quit; b Host@2 inherited",
        // Nobody could lift a mute from a host: it goes.
        "a mute b -> b muted@2 by a
         a leave -> a quit; b Host@3 inherited; b unmuted@4 by b",
        // Those leaving in the same tick do not inherit.
        "* lose a -> a away
         * lose b -> b away
         wait 9999
         * tick ->
         wait 1
         * tick -> b lost; a lost; c Host@2 inherited",
    ];
    for case in cases {
        check(Open, &format!("{stage}{case}"));
    }
}

#[test]
fn lost_connections() {
    check(
        Open,
        "? deadline -> +10000
         wait 100
         a enter -> a back
         ? deadline -> none
         b enter -> b entered as 2
         c enter -> c entered as 3
         * lose z -> ! NotInRoom
         * lose c -> c away
         * lose c ->
         wait 400
         * lose b -> b away
         ? away -> bc
         ? deadline -> +10100
         wait 9000
         c enter -> c back
         ? deadline -> +10500
         wait 1000
         * tick -> b lost
         * tick ->
         ? everybody -> ac
         * end -> ! WrongActor
         a tick -> ! WrongActor
         a lose c -> ! WrongActor",
    );
    // An opener who never connects: the room ends.
    check(
        Open,
        "wait 9999
         * tick ->
         wait 1
         * tick -> a lost; ended",
    );
    // While away, the voice goes on as long as its leg lives.
    check(
        Open,
        "a mic on -> a mic on
         * lose a ->
         ? talkers -> 1",
    );
}

#[test]
fn stale_and_repeated() {
    check(
        Open,
        "b#1 enter -> b entered as 2
         b#2@0 raise -> b hand
         b#2@0 raise -> answered before at 3
         a accept b -> b Speaker@1 hand accepted by a
         b@0 mic on -> ! StaleRole
         b#3@1 mic on -> b mic on
         a#2 mute b -> b muted@2 by a
         b@1 mic on -> ! StaleRole
         b#3@1 mic on -> answered before at 5
         b@9 lower -> ! StaleRole
         z@9 raise -> ! NotInRoom
         b#4 leave -> b quit
         b#4 leave -> answered before at 7
         b#2 raise -> answered before at 3
         b raise -> ! NotInRoom
         b enter -> b entered as 3
         b#4 leave -> answered before at 7
         a#5 end -> ended by a
         a#5 end -> answered before at 9
         a#6 end -> ! RoomEnded",
    );
    // What was sent in an earlier visit is stale in a later one, whatever the role was then.
    check(
        Open,
        "b enter -> b entered as 2
         b raise -> b hand
         a accept b -> b Speaker@1 hand accepted by a
         a remove b -> b removed by a
         b enter -> b entered as 3
         b@0 raise -> ! StaleRole
         b@1 raise -> ! StaleRole
         b@2 raise -> b hand
         a accept b -> b Speaker@3 hand accepted by a",
    );
    // Whoever goes may go in any role, also in one of which they do not know yet.
    check(
        Open,
        "b enter -> b entered as 2
         b raise -> b hand
         a accept b -> b Speaker@1 hand accepted by a
         b@0 down -> ! StaleRole
         b@0 leave -> b quit
         b@0 leave -> ! NotInRoom",
    );
    // A refused command is not remembered: it may be tried again.
    check(
        Open,
        "b enter -> b entered as 2
         b#1 mic on -> ! NotOnStage
         b raise -> b hand
         a accept b -> b Speaker@1 hand accepted by a
         b#1 mic on -> b mic on
         b#1 mic on -> answered before at 5",
    );
}
