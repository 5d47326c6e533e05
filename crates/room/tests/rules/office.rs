//! Offices: who may act for whom, and for how long.

use proptest::prelude::*;
use roomtone_room::ids::{MemberId, Timestamp};
use roomtone_room::office::{Act, Ending, Grant, Refusal, Right, Rights, Standing};

const PRINCIPAL: MemberId = MemberId(1);
const DELEGATE: MemberId = MemberId(2);
const DAY: u64 = 24 * 60 * 60 * 1000;

fn at(time: u64) -> Timestamp {
    Timestamp(time)
}

fn offered(rights: &[Right]) -> Grant {
    Grant::offer(at(0), PRINCIPAL, DELEGATE, rights.iter().copied().collect(), 1).expect("a day and some rights")
}

#[test]
fn an_offer_has_two_people_some_rights_and_some_days() {
    let rights: Rights = [Right::Answer].into_iter().collect();
    let offer = |delegate, rights, days| Grant::offer(at(0), PRINCIPAL, delegate, rights, days).map(|g| g.expires_at);
    assert_eq!(offer(DELEGATE, rights, 1), Ok(at(DAY)));
    assert_eq!(offer(DELEGATE, rights, 365), Ok(at(365 * DAY)));
    assert_eq!(offer(DELEGATE, rights, 0), Err(Refusal::Days));
    assert_eq!(offer(DELEGATE, rights, 366), Err(Refusal::Days));
    assert_eq!(offer(PRINCIPAL, rights, 1), Err(Refusal::Oneself));
    assert_eq!(offer(DELEGATE, Rights::default(), 1), Err(Refusal::NoRights));
}

#[test]
fn a_delegate_may_act_from_accepting_to_the_end() {
    let mut grant = offered(&[Right::Answer]);
    assert!(!grant.permits(Right::Answer, at(1)), "an offer is no grant");
    grant.apply(at(2), DELEGATE, Act::Accept).unwrap();
    assert!(grant.permits(Right::Answer, at(2)) && !grant.permits(Right::Schedule, at(2)));
    assert!(grant.permits(Right::Answer, at(DAY - 1)) && !grant.permits(Right::Answer, at(DAY)));
    assert_eq!(grant.standing(at(DAY)), Standing::Expired);
    assert_eq!(grant.apply(at(3), DELEGATE, Act::Accept), Err(Refusal::AlreadyHeld));
    grant.apply(at(4), PRINCIPAL, Act::Revoke).unwrap();
    assert!(!grant.permits(Right::Answer, at(4)));
    for act in [Act::Accept, Act::LayDown] {
        assert_eq!(grant.apply(at(5), DELEGATE, act), Err(Refusal::Over));
    }
}

#[test]
fn rights_are_kept_as_a_number() {
    for bits in 0..64 {
        match Rights::from_bits(bits) {
            Some(rights) => {
                assert_eq!(rights.bits(), bits);
                assert_eq!(rights.iter().collect::<Rights>(), rights);
            }
            None => assert!(bits > 15),
        }
    }
}

proptest! {
    /// Whatever anybody tries in whatever order: only the delegate accepts, only within the time, and what is over stays so.
    #[test]
    fn what_is_over_stays_so(acts in prop::collection::vec((0..4_u8, 0..3_u8, 0..2 * DAY), 1..12)) {
        let mut grant = offered(&Right::ALL);
        let mut now = 0;
        for (who, what, later) in acts {
            now += later / 4;
            let actor = if who % 2 == 0 { PRINCIPAL } else { DELEGATE };
            let act = [Act::Accept, Act::LayDown, Act::Revoke][usize::from(what)];
            let before = grant.clone();
            let standing = before.standing(at(now));
            match grant.apply(at(now), actor, act) {
                Err(_) => prop_assert_eq!(&grant, &before),
                Ok(()) => {
                    prop_assert!(matches!(standing, Standing::Offered | Standing::Held));
                    prop_assert_eq!(actor == PRINCIPAL, act == Act::Revoke);
                    let now_is = grant.standing(at(now));
                    prop_assert_eq!(now_is, match act {
                        Act::Accept => Standing::Held,
                        Act::LayDown => Standing::Ended(Ending::LaidDown),
                        Act::Revoke => Standing::Ended(Ending::Revoked),
                    });
                }
            }
            let may = grant.accepted_at.is_some() && grant.ended.is_none() && now < DAY;
            for right in Right::ALL {
                prop_assert_eq!(grant.permits(right, at(now)), may);
            }
        }
    }
}
