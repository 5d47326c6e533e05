//! The life of an event: every step in every state, and what holds along any way through it.

use proptest::prelude::*;
use roomtone_room::agenda::{Agenda, Change, LAPSE_AFTER, OPEN_BEFORE, Refusal, State, Step};
use roomtone_room::ids::Timestamp;

const AT: Timestamp = Timestamp(10_000_000);
const LATER: Timestamp = Timestamp(20_000_000);

fn agenda(state: State) -> Agenda {
    let dated = matches!(state, State::Dated | State::Live | State::Ended);
    Agenda { state, starts_at: dated.then_some(AT) }
}

#[test]
fn every_step_in_every_state() {
    use Refusal as R;
    use State as S;
    let now = AT;
    let changed = |state, starts_at, change| Ok((Agenda { state, starts_at }, change));
    for (step, expected) in [
        (
            Step::Agree,
            [
                changed(S::Agreed, None, Change::Agreed),
                Err(R::Nothing),
                Err(R::Nothing),
                Err(R::Nothing),
                Err(R::Over),
                Err(R::Over),
            ],
        ),
        (
            Step::Date(LATER),
            [
                changed(S::Proposed, Some(LATER), Change::Dated),
                changed(S::Dated, Some(LATER), Change::Dated),
                changed(S::Dated, Some(LATER), Change::Moved),
                Err(R::Live),
                Err(R::Over),
                Err(R::Over),
            ],
        ),
        (
            Step::Date(AT),
            [
                changed(S::Proposed, Some(AT), Change::Dated),
                changed(S::Dated, Some(AT), Change::Dated),
                Err(R::Nothing),
                Err(R::Live),
                Err(R::Over),
                Err(R::Over),
            ],
        ),
        (
            Step::Undate,
            [
                Err(R::Nothing),
                Err(R::Nothing),
                changed(S::Agreed, None, Change::Undated),
                Err(R::Live),
                Err(R::Over),
                Err(R::Over),
            ],
        ),
        (
            Step::Open,
            [
                Err(R::NotDated),
                Err(R::NotDated),
                changed(S::Live, Some(AT), Change::Live),
                Err(R::Live),
                Err(R::Over),
                Err(R::Over),
            ],
        ),
        (
            Step::End,
            [
                Err(R::NotLive),
                Err(R::NotLive),
                Err(R::NotLive),
                changed(S::Ended, Some(AT), Change::Ended),
                Err(R::Over),
                Err(R::Over),
            ],
        ),
        (
            Step::Cancel,
            [
                changed(S::Cancelled, None, Change::Cancelled),
                changed(S::Cancelled, None, Change::Cancelled),
                changed(S::Cancelled, Some(AT), Change::Cancelled),
                changed(S::Cancelled, Some(AT), Change::Cancelled),
                Err(R::Over),
                Err(R::Over),
            ],
        ),
    ] {
        for (state, expected) in State::ALL.into_iter().zip(expected) {
            assert_eq!(agenda(state).apply(now, step), expected, "{step:?} in {state:?}");
        }
    }
}

#[test]
fn a_date_that_is_known_before_all_have_agreed_is_kept() {
    let proposed = Agenda::announced(Some(AT), false);
    assert_eq!(proposed.state, State::Proposed);
    assert_eq!(proposed.apply(AT, Step::Open), Err(Refusal::NotDated));
    let (agreed, change) = proposed.apply(AT, Step::Agree).unwrap();
    assert_eq!((agreed.state, agreed.starts_at, change), (State::Dated, Some(AT), Change::Agreed));
    assert_eq!(Agenda::announced(None, true).state, State::Agreed);
    assert_eq!(Agenda::announced(Some(AT), true).state, State::Dated);
}

#[test]
fn a_room_opens_shortly_before_the_date_at_the_earliest() {
    let dated = agenda(State::Dated);
    let early = Timestamp(AT.0 - OPEN_BEFORE);
    assert_eq!(dated.apply(Timestamp(early.0 - 1), Step::Open), Err(Refusal::TooEarly));
    assert!(dated.apply(early, Step::Open).is_ok());
}

#[test]
fn a_date_goes_by() {
    let end = AT.plus(60 * 60_000 + LAPSE_AFTER);
    assert_eq!(agenda(State::Dated).lapses_at(60), Some(end));
    assert_eq!(Agenda::announced(Some(AT), false).lapses_at(60), Some(end));
    for state in [State::Agreed, State::Live, State::Ended, State::Cancelled] {
        assert_eq!(agenda(state).lapses_at(60), None, "{state:?}");
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Agree),
        (0..50_000_000u64).prop_map(|at| Step::Date(Timestamp(at))),
        Just(Step::Undate),
        Just(Step::Open),
        Just(Step::End),
        Just(Step::Cancel),
    ]
}

proptest! {
    /// Whatever is done: a dated, live or ended event has a date, an agreed one none; what is over stays as it is; nothing that
    /// was agreed is proposed again; and each change that is told is one.
    #[test]
    fn every_way_through_it_holds_together(
        starts_at in proptest::option::of(0..50_000_000u64), all_agreed: bool, steps in proptest::collection::vec(step(), 0..40)
    ) {
        let mut agenda = Agenda::announced(starts_at.map(Timestamp), all_agreed);
        for step in steps {
            let before = agenda;
            match agenda.apply(Timestamp(30_000_000), step) {
                Ok((after, change)) => {
                    prop_assert!(!before.state.is_over());
                    prop_assert_ne!(after, before, "{:?} is told and nothing has changed", change);
                    prop_assert!(after.state != State::Proposed || before.state == State::Proposed);
                    agenda = after;
                }
                Err(_) => prop_assert_eq!(agenda, before),
            }
            match agenda.state {
                State::Dated | State::Live | State::Ended => prop_assert!(agenda.starts_at.is_some()),
                State::Agreed => prop_assert!(agenda.starts_at.is_none()),
                State::Proposed | State::Cancelled => {}
            }
        }
    }
}
