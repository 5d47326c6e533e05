//! Invitations: who may take which step when, and what holds for every sequence of acts.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use roomtone_room::ids::{InvitationId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_room::invitation::{
    AHEAD_MAX_MILLIS, Act, Actor, Invitation, Invitee, Other, Refusal, STEPS_KEPT, STEPS_MAX, Side, State, Step, Voice,
    WORDS_MAX_CHARS, What, Words,
};
use roomtone_room::office::{Right, Rights};

const ID: InvitationId = InvitationId(7);
const HOST: MemberId = MemberId(1);
const INVITEE: MemberId = MemberId(2);
/// In the host's office, in the invitee's, in both, and in none.
const HOSTS: MemberId = MemberId(3);
const INVITEES: MemberId = MemberId(4);
const BOTHS: MemberId = MemberId(5);
const STRANGER: MemberId = MemberId(6);
const ASKED_AT: Timestamp = Timestamp(1_000_000);
const DAY: u64 = 24 * 60 * 60 * 1000;

fn asked(invitee: Invitee) -> Invitation {
    Invitation::ask(ID, HOST, invitee, ASKED_AT.plus(90 * DAY), ASKED_AT).0
}

fn outside() -> Invitee {
    Invitee::Outside { name: "The President".to_owned(), about: String::new(), domain: Some("example.org".to_owned()) }
}

fn all() -> Rights {
    Right::ALL.into_iter().collect()
}

/// A member with their offices, of which everybody has those of the constants.
fn actor(member: MemberId) -> Actor {
    let of = |has| if has { all() } else { Rights::default() };
    Actor::Member {
        member,
        for_host: of([HOSTS, BOTHS].contains(&member)),
        for_invitee: of([INVITEES, BOTHS].contains(&member)),
    }
}

fn words(text: &str) -> Option<Words> {
    Some(Words { text: text.to_owned(), language: "en".to_owned() })
}

/// Applies and folds.
fn play(invitation: &mut Invitation, now: u64, actor: Actor, act: Act) -> Result<Step, Refusal> {
    let step = invitation.apply(ASKED_AT.plus(now), &actor, act)?;
    invitation.fold(&step);
    Ok(step)
}

#[test]
fn the_founding_story() {
    let mut invitation = asked(outside());
    let office = Actor::Outside(RecordId(9));
    let time = ASKED_AT.plus(3 * DAY);
    let details = Act::NeedDetails { round: 1, words: words("What exactly is proposed?") };
    let step = play(&mut invitation, 1, office, details.clone()).unwrap();
    assert_eq!((step.n, step.round, step.voice), (2, 1, Voice::Outside(RecordId(9))));
    assert_eq!((invitation.round, invitation.turn), (1, Some(Side::Host)));
    // Nobody answers for the second time, the host cannot answer for the invitee, and both have to know of the round.
    assert_eq!(play(&mut invitation, 2, office, details), Err(Refusal::AlreadyAnswered));
    let accept = |round| Act::Accept { round, words: None };
    assert_eq!(play(&mut invitation, 2, actor(HOST), accept(1)), Err(Refusal::NotAllowed));
    assert_eq!(play(&mut invitation, 2, actor(INVITEE), accept(1)), Err(Refusal::NotAllowed));
    let give = |text| Act::GiveDetails { round: 1, words: words(text) };
    assert_eq!(play(&mut invitation, 2, actor(HOST), give("")), Err(Refusal::WordsNeeded));
    play(&mut invitation, 3, actor(HOSTS), give("An hour, in Russian.")).unwrap();
    assert_eq!((invitation.round, invitation.turn), (2, Some(Side::Invitee)));
    let later = Act::AnswerLater { round: 2, until: ASKED_AT.plus(DAY), words: None };
    play(&mut invitation, 4, office, later).unwrap();
    assert_eq!(
        (invitation.round, invitation.turn, invitation.later),
        (3, Some(Side::Invitee), Some(ASKED_AT.plus(DAY)))
    );
    let times = Act::ProposeTimes { round: 3, times: vec![time, time.plus(DAY)], words: None };
    play(&mut invitation, 5, office, times).unwrap();
    let agree = |time| Act::AgreeTime { round: 3, time, words: None };
    assert_eq!(play(&mut invitation, 6, actor(HOST), agree(time.plus(1))), Err(Refusal::InvalidTime));
    play(&mut invitation, 6, actor(HOST), agree(time)).unwrap();
    assert_eq!((invitation.state, invitation.date, invitation.turn), (State::Accepted, Some(time), None));
    let room = RoomId(8);
    assert_eq!(play(&mut invitation, 7, Actor::System, Act::End { room }), Err(Refusal::WrongState));
    play(&mut invitation, 7, Actor::System, Act::Open { room }).unwrap();
    play(&mut invitation, 8, Actor::System, Act::End { room }).unwrap();
    assert_eq!(invitation.state, State::Done);
    assert_eq!(play(&mut invitation, 9, actor(HOST), Act::ProposeSheet { hash: [1; 32] }), Err(Refusal::Over));
}

#[test]
fn an_accepted_talk_is_moved_by_both_and_called_off_by_either() {
    let mut invitation = asked(Invitee::Member(INVITEE));
    play(&mut invitation, 1, actor(INVITEE), Act::Accept { round: 1, words: None }).unwrap();
    assert_eq!((invitation.state, invitation.date, invitation.round), (State::Accepted, None, 2));
    let propose = |round, days| Act::ProposeTimes { round, times: vec![ASKED_AT.plus(days * DAY)], words: None };
    play(&mut invitation, 2, actor(HOST), propose(2, 5)).unwrap();
    // Who proposed waits; who proposed at the same moment has not seen this one.
    assert_eq!(play(&mut invitation, 3, actor(HOST), propose(3, 6)), Err(Refusal::NotYourTurn));
    assert_eq!(play(&mut invitation, 3, actor(INVITEE), propose(2, 6)), Err(Refusal::AlreadyAnswered));
    play(&mut invitation, 3, actor(INVITEES), propose(3, 7)).unwrap();
    let agree = Act::AgreeTime { round: 4, time: ASKED_AT.plus(7 * DAY), words: None };
    assert_eq!(play(&mut invitation, 4, actor(INVITEE), agree.clone()), Err(Refusal::NotYourTurn));
    play(&mut invitation, 4, actor(HOST), agree).unwrap();
    assert_eq!(invitation.date, Some(ASKED_AT.plus(7 * DAY)));
    let mut called_off = invitation.clone();
    play(&mut called_off, 5, actor(INVITEE), Act::Decline { round: 5, words: None }).unwrap();
    assert_eq!(called_off.state, State::Declined);
    assert_eq!(play(&mut invitation, 5, actor(HOSTS), Act::Withdraw { words: None }), Err(Refusal::NotAllowed));
    play(&mut invitation, 5, actor(HOST), Act::Withdraw { words: None }).unwrap();
    assert_eq!(invitation.state, State::Withdrawn);
}

/// While the talk goes on nothing of what it goes by changes, and nobody ends it but its room.
#[test]
fn nothing_is_agreed_anew_while_the_talk_goes_on() {
    let mut invitation = asked(Invitee::Member(INVITEE));
    let (room, day) = (RoomId(5), ASKED_AT.plus(DAY));
    play(&mut invitation, 1, actor(INVITEE), Act::Accept { round: 1, words: None }).unwrap();
    play(&mut invitation, 2, actor(HOST), Act::ProposeSheet { hash: [1; 32] }).unwrap();
    play(&mut invitation, 3, actor(HOST), Act::ProposeTimes { round: 2, times: vec![day], words: None }).unwrap();
    play(&mut invitation, 4, Actor::System, Act::Open { room }).unwrap();
    for (who, act) in [
        (INVITEE, Act::AgreeTime { round: 3, time: day, words: None }),
        (INVITEE, Act::ProposeTimes { round: 3, times: vec![day], words: None }),
        (INVITEE, Act::AcceptSheet { hash: [1; 32] }),
        (INVITEE, Act::ProposeSheet { hash: [2; 32] }),
        (INVITEE, Act::Decline { round: 3, words: None }),
        (HOST, Act::Withdraw { words: None }),
    ] {
        assert!(!invitation.offers(&actor(who), &act), "{act:?}");
        assert_eq!(play(&mut invitation, 5, actor(who), act.clone()), Err(Refusal::Live), "{act:?}");
        // Whoever may not do it at all is told that, and not how it stands.
        assert_eq!(play(&mut invitation, 5, actor(STRANGER), act), Err(Refusal::NotAllowed));
    }
    play(&mut invitation, 6, actor(HOST), Act::Translate { language: "ru".to_owned() }).unwrap();
    play(&mut invitation, 7, Actor::System, Act::End { room }).unwrap();
    assert_eq!(invitation.state, State::Done);
}

#[test]
fn a_sheet_is_agreed_when_both_sides_have_accepted_the_same() {
    let mut invitation = asked(Invitee::Member(INVITEE));
    let [one, two, three] = [[1; 32], [2; 32], [3; 32]];
    let accept = |hash| Act::AcceptSheet { hash };
    play(&mut invitation, 1, actor(HOST), Act::ProposeSheet { hash: one }).unwrap();
    assert_eq!(invitation.agreed_sheet(), None);
    for own in [HOST, HOSTS] {
        assert_eq!(play(&mut invitation, 2, actor(own), accept(one)), Err(Refusal::NothingToChange));
    }
    assert_eq!(play(&mut invitation, 2, actor(INVITEE), accept(two)), Err(Refusal::NoSuchSheet));
    play(&mut invitation, 2, actor(INVITEES), accept(one)).unwrap();
    assert_eq!(invitation.agreed_sheet().map(|sheet| (sheet.number, sheet.hash)), Some((1, one)));
    play(&mut invitation, 3, actor(INVITEE), Act::ProposeSheet { hash: two }).unwrap();
    play(&mut invitation, 4, actor(INVITEE), Act::ProposeSheet { hash: three }).unwrap();
    assert_eq!(invitation.agreed_sheet().map(|sheet| sheet.number), Some(1));
    play(&mut invitation, 5, actor(HOST), accept(three)).unwrap();
    // A newer one holds: nobody goes back behind it alone.
    assert_eq!(play(&mut invitation, 6, actor(HOST), accept(two)), Err(Refusal::NothingToChange));
    assert_eq!(invitation.agreed_sheet().map(|sheet| sheet.number), Some(3));
    assert_eq!(play(&mut invitation, 7, actor(HOST), Act::ProposeSheet { hash: one }), Err(Refusal::NothingToChange));
}

#[test]
fn an_office_does_what_it_may_and_nobody_speaks_for_both() {
    let invitation = asked(Invitee::Member(INVITEE));
    let only = |member, right| Actor::Member {
        member,
        for_host: Rights::default(),
        for_invitee: [right].into_iter().collect(),
    };
    let accept = Act::Accept { round: 1, words: None };
    let propose = Act::ProposeTimes { round: 1, times: vec![ASKED_AT.plus(DAY)], words: None };
    let refusal = |actor: Actor, act: &Act| invitation.apply(ASKED_AT, &actor, act.clone()).err();
    assert_eq!(refusal(only(STRANGER, Right::Answer), &accept), None);
    assert_eq!(refusal(only(STRANGER, Right::Schedule), &propose), None);
    assert_eq!(refusal(only(STRANGER, Right::Answer), &propose), Some(Refusal::NotAllowed));
    for right in [Right::Schedule, Right::Screen, Right::Guests] {
        assert_eq!(refusal(only(STRANGER, right), &accept), Some(Refusal::NotAllowed));
    }
    assert_eq!(refusal(actor(STRANGER), &accept), Some(Refusal::NotAllowed));
    assert_eq!(refusal(actor(BOTHS), &accept), Some(Refusal::BothSides));
    // The host who is in the invitee's office speaks for themselves only.
    assert_eq!(refusal(only(HOST, Right::Answer), &accept), Some(Refusal::NotAllowed));
    assert_eq!(refusal(Actor::Outside(RecordId(9)), &accept), Some(Refusal::NotAllowed));
    assert_eq!(refusal(Actor::System, &accept), Some(Refusal::NotAllowed));
    // Who may only arrange times proposes them, and does not say yes by agreeing to one; once it is accepted they arrange the rest.
    let agrees = |invitation: &Invitation, right, round| {
        let agree = Act::AgreeTime { round, time: ASKED_AT.plus(DAY), words: None };
        (
            invitation.apply(ASKED_AT, &only(STRANGER, right), agree.clone()).err(),
            invitation.offers(&only(STRANGER, right), &agree),
        )
    };
    let mut proposed = asked(Invitee::Member(INVITEE));
    play(&mut proposed, 1, actor(INVITEE), Act::NeedDetails { round: 1, words: words("When?") }).unwrap();
    let times = |round| Act::ProposeTimes { round, times: vec![ASKED_AT.plus(DAY)], words: None };
    play(&mut proposed, 2, actor(HOST), times(1)).unwrap();
    for right in [Right::Schedule, Right::Answer] {
        assert_eq!(agrees(&proposed, right, 2), (Some(Refusal::NotAllowed), false), "{right:?}");
    }
    let both = Actor::Member {
        member: STRANGER,
        for_host: Rights::default(),
        for_invitee: [Right::Schedule, Right::Answer].into_iter().collect(),
    };
    let agree = Act::AgreeTime { round: 2, time: ASKED_AT.plus(DAY), words: None };
    assert_eq!(proposed.apply(ASKED_AT, &both, agree).err(), None);
    play(&mut proposed, 3, actor(INVITEE), Act::Accept { round: 2, words: None }).unwrap();
    play(&mut proposed, 4, actor(HOST), times(3)).unwrap();
    assert_eq!(agrees(&proposed, Right::Schedule, 4), (None, true));
    let gone = asked(Invitee::Gone);
    assert_eq!(gone.apply(ASKED_AT, &actor(INVITEES), accept).err(), Some(Refusal::NotAllowed));
}

#[test]
fn times_and_words_have_limits() {
    let invitation = asked(Invitee::Member(INVITEE));
    let refusal = |act| invitation.apply(ASKED_AT, &actor(INVITEE), act).err();
    let times = |times: &[u64]| Act::ProposeTimes {
        round: 1,
        times: times.iter().map(|after| ASKED_AT.plus(*after)).collect(),
        words: None,
    };
    assert_eq!(refusal(times(&[1, 2, 3, 4, AHEAD_MAX_MILLIS])), None);
    for bad in [&[] as &[u64], &[0], &[1, 1], &[1, 2, 3, 4, 5, 6], &[AHEAD_MAX_MILLIS + 1]] {
        assert_eq!(refusal(times(bad)), Some(Refusal::InvalidTime), "{bad:?}");
    }
    let later = |after| Act::AnswerLater { round: 1, until: ASKED_AT.plus(after), words: None };
    assert_eq!((refusal(later(1)), refusal(later(90 * DAY))), (None, None));
    assert_eq!(
        (refusal(later(0)), refusal(later(90 * DAY + 1))),
        (Some(Refusal::InvalidTime), Some(Refusal::InvalidTime))
    );
    let accept = |words| Act::Accept { round: 1, words };
    assert_eq!(refusal(accept(words(&"ж".repeat(WORDS_MAX_CHARS)))), None);
    assert_eq!(refusal(accept(words(&"x".repeat(WORDS_MAX_CHARS + 1)))), Some(Refusal::InvalidWords));
    assert_eq!(refusal(Act::NeedDetails { round: 1, words: None }), Some(Refusal::WordsNeeded));
}

#[test]
fn one_invitation_goes_on_in_another_to_the_same_person() {
    let invitation = asked(outside());
    let other = Other { id: InvitationId(8), host: HOST, invitee: outside(), open: true };
    let refusal = |into: Other| invitation.apply(ASKED_AT, &actor(HOST), Act::Merge { into }).err();
    let named = |name: &str, domain: Option<&str>| Invitee::Outside {
        name: name.to_owned(),
        about: String::new(),
        domain: domain.map(str::to_owned),
    };
    let of = |invitee| Other { invitee, ..other.clone() };
    assert_eq!(refusal(other.clone()), None);
    assert_eq!(refusal(of(named("His office", Some("example.org")))), None);
    assert_eq!(refusal(of(named("The President", None))), None);
    for bad in [
        Other { id: ID, ..other.clone() },
        Other { host: INVITEE, ..other.clone() },
        Other { open: false, ..other.clone() },
        of(Invitee::Member(INVITEE)),
        of(named("The President", Some("example.com"))),
        of(named("The Premier", None)),
    ] {
        assert_eq!(refusal(bad.clone()), Some(Refusal::CannotMerge), "{bad:?}");
    }
}

#[test]
fn it_expires_at_its_time_unless_it_is_accepted() {
    let mut invitation = asked(outside());
    let mut accepted = asked(Invitee::Member(INVITEE));
    play(&mut accepted, 1, actor(INVITEE), Act::Accept { round: 1, words: None }).unwrap();
    assert_eq!(play(&mut accepted, 91 * DAY, Actor::System, Act::Expire), Err(Refusal::WrongState));
    assert_eq!(play(&mut invitation, 90 * DAY - 1, Actor::System, Act::Expire), Err(Refusal::WrongState));
    assert_eq!(play(&mut invitation, 90 * DAY, actor(HOST), Act::Expire), Err(Refusal::NotAllowed));
    // From its time on nobody says yes any more, also while nobody has ended it.
    let accept = Act::Accept { round: 1, words: None };
    assert!(invitation.apply(ASKED_AT.plus(90 * DAY - 1), &Actor::Outside(RecordId(9)), accept.clone()).is_ok());
    assert_eq!(play(&mut invitation, 90 * DAY, Actor::Outside(RecordId(9)), accept), Err(Refusal::Over));
    assert_eq!(play(&mut invitation, 90 * DAY, actor(HOST), Act::Withdraw { words: None }), Err(Refusal::Over));
    play(&mut accepted, 91 * DAY, actor(HOST), Act::Withdraw { words: None }).unwrap();
    play(&mut invitation, 90 * DAY, Actor::System, Act::Expire).unwrap();
    assert_eq!(invitation.state, State::Expired);
}

#[test]
fn a_full_invitation_can_still_be_ended() {
    let mut invitation = asked(Invitee::Member(INVITEE));
    for number in 1..STEPS_MAX - STEPS_KEPT {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        play(&mut invitation, 1, actor(HOST), Act::ProposeSheet { hash }).unwrap();
    }
    assert_eq!(play(&mut invitation, 1, actor(HOST), Act::ProposeSheet { hash: [9; 32] }), Err(Refusal::TooManySteps));
    assert!(!invitation.offers(&actor(HOST), &Act::ProposeSheet { hash: [9; 32] }));
    play(&mut invitation, 1, actor(INVITEE), Act::Decline { round: 1, words: None }).unwrap();
    assert_eq!(invitation.state, State::Declined);
}

/// Who does what, after how long; the round is relative to the true one.
#[derive(Debug, Clone)]
struct Try {
    wait: u64,
    who: usize,
    rights: u32,
    round_off: u32,
    act: usize,
    pick: usize,
}

fn any_try() -> impl Strategy<Value = Try> {
    let round_off = prop_oneof![8 => Just(0), 1 => 1..3_u32];
    // The acts that end an invitation, from 13 on, come less often.
    let act = prop_oneof![30 => 0..13_usize, 1 => 13..17_usize];
    (0..2 * DAY, 0..9_usize, 0..16_u32, round_off, act, 0..4_usize)
        .prop_map(|(wait, who, rights, round_off, act, pick)| Try { wait, who, rights, round_off, act, pick })
}

impl Try {
    fn actor(&self) -> Actor {
        let some = Rights::from_bits(self.rights).expect("all bits are drawn from those there are");
        let member = |member, for_host, for_invitee| Actor::Member { member, for_host, for_invitee };
        let none = Rights::default();
        match self.who {
            0 => member(HOST, none, none),
            1 => member(INVITEE, none, none),
            2 => member(HOSTS, some, none),
            3 => member(INVITEES, none, some),
            4 => member(BOTHS, some, all()),
            5 => member(HOST, none, some),
            6 => member(STRANGER, none, none),
            7 => Actor::Outside(RecordId(9)),
            _ => Actor::System,
        }
    }

    fn act(&self, invitation: &Invitation, now: Timestamp) -> Act {
        let round = (invitation.round + self.round_off).saturating_sub(1) + u32::from(self.round_off == 0);
        let said = if self.pick == 0 { None } else { words("Words") };
        let hash = [u8::try_from(self.pick).expect("it is drawn below 256"); 32];
        let time = match &invitation.proposal {
            Some(proposal) => proposal.times[self.pick % proposal.times.len()],
            None => now.plus(DAY),
        };
        let times = (1..=self.pick as u64 % 3 + 1).map(|days| now.plus(days * DAY)).collect();
        match self.act {
            0 | 1 => Act::NeedDetails { round, words: said },
            2 => Act::AnswerLater { round, until: now.plus(DAY), words: said },
            3 | 4 => Act::GiveDetails { round, words: said },
            5 | 6 => Act::ProposeTimes { round, times, words: said },
            7 => Act::AgreeTime { round, time, words: said },
            8 => Act::ProposeSheet { hash },
            9 | 10 => Act::AcceptSheet { hash },
            11 => Act::Translate { language: "ru".to_owned() },
            12 => Act::Accept { round, words: said },
            13 => Act::Decline { round, words: said },
            14 => Act::Withdraw { words: said },
            15 => match self.pick {
                0 | 1 => Act::Open { room: RoomId(1) },
                _ => Act::End { room: RoomId(1) },
            },
            _ => Act::Expire,
        }
    }
}

/// What a step of this kind asks of whom: the side, and the right that an office needs; none for what offices never do. Written
/// down once more, and not asked of the rules.
fn needed(what: &What) -> Option<(Option<Side>, Option<Right>)> {
    Some(match what {
        What::Accepted | What::Declined | What::NeedDetails | What::AnswerLater { .. } => {
            (Some(Side::Invitee), Some(Right::Answer))
        }
        What::DetailsGiven => (Some(Side::Host), Some(Right::Answer)),
        What::Translated { .. } => (None, Some(Right::Answer)),
        What::TimesProposed { .. }
        | What::TimeAgreed { .. }
        | What::SheetProposed { .. }
        | What::SheetAccepted { .. } => (None, Some(Right::Schedule)),
        What::Asked | What::Withdrawn | What::Merged { .. } => (Some(Side::Host), None),
        What::Opened { .. } | What::Ended { .. } | What::Expired => return None,
    })
}

/// Whether a step answers something, so that its side has had its say in that round.
fn is_answer(what: &What) -> bool {
    matches!(
        what,
        What::Accepted
            | What::Declined
            | What::NeedDetails
            | What::AnswerLater { .. }
            | What::DetailsGiven
            | What::TimesProposed { .. }
            | What::TimeAgreed { .. }
    )
}

fn check_right(tried: &Try, outside: bool, step: &Step) {
    let some = Rights::from_bits(tried.rights).expect("all bits are drawn from those there are");
    let Some((side, right)) = needed(&step.what) else {
        assert_eq!((tried.who, step.voice), (8, Voice::System));
        return;
    };
    let has = |rights: Rights| right.is_some_and(|right| rights.has(right));
    let (of, voice) = match tried.who {
        0 | 5 => (Side::Host, Voice::Host(HOST)),
        1 if !outside => (Side::Invitee, Voice::Invitee(Some(INVITEE))),
        2 if has(some) => (Side::Host, Voice::Office { of: Some(HOST), delegate: Some(HOSTS) }),
        3 if !outside && has(some) => (Side::Invitee, Voice::Office { of: Some(INVITEE), delegate: Some(INVITEES) }),
        // Of both offices, if they have no right in one of them.
        4 if !outside && some.is_empty() && has(all()) => {
            (Side::Invitee, Voice::Office { of: Some(INVITEE), delegate: Some(BOTHS) })
        }
        7 if outside => (Side::Invitee, Voice::Outside(RecordId(9))),
        _ => panic!("{tried:?} gave {step:?}"),
    };
    assert!(side.is_none_or(|side| side == of), "{tried:?} gave {step:?}");
    assert_eq!(step.voice, voice, "{tried:?}");
}

/// Whether an office of the invitee's has said yes with a right to arrange times only.
fn says_yes_without_a_right(tried: &Try, before: State, step: &Step) -> bool {
    let some = Rights::from_bits(tried.rights).expect("all bits are drawn from those there are");
    tried.who == 3
        && before == State::Asked
        && matches!(step.what, What::Accepted | What::TimeAgreed { .. })
        && !some.has(Right::Answer)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_step_without_a_right_no_two_answers_of_a_round_nothing_after_the_end(
        outside_invitee: bool,
        tries in vec(any_try(), 1..80),
    ) {
        let invitee = if outside_invitee { outside() } else { Invitee::Member(INVITEE) };
        let (mut invitation, first) = Invitation::ask(ID, HOST, invitee.clone(), ASKED_AT.plus(90 * DAY), ASKED_AT);
        let (mut steps, mut answered, mut now) = (vec![first], BTreeSet::new(), ASKED_AT);
        for tried in &tries {
            now = now.plus(tried.wait);
            let (actor, act) = (tried.actor(), tried.act(&invitation, now));
            let offered = invitation.offers(&actor, &act);
            let (open, before, on) = (invitation.state.is_open(), invitation.state, invitation.is_on());
            let Ok(step) = invitation.apply(now, &actor, act) else { continue };
            prop_assert!(open, "{step:?} after the end");
            prop_assert!(offered, "{step:?} was not offered");
            check_right(tried, outside_invitee, &step);
            prop_assert!(!says_yes_without_a_right(tried, before, &step), "{tried:?} gave {step:?}");
            let ends = matches!(step.what, What::Opened { .. } | What::Ended { .. } | What::Translated { .. });
            prop_assert!(!on || ends, "{step:?} while the talk goes on");
            if is_answer(&step.what) {
                let side = invitation.side_of(step.voice) == Side::Host;
                prop_assert!(answered.insert((step.round, side)), "{step:?} answers twice");
            }
            prop_assert_eq!(step.n as usize, steps.len() + 1);
            invitation.fold(&step);
            steps.push(step);
        }
        let mut folded = Invitation::before(ID, HOST, invitee, ASKED_AT.plus(90 * DAY));
        steps.iter().for_each(|step| folded.fold(step));
        prop_assert_eq!(folded, invitation);
    }
}
