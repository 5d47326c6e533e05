//! What each row of the table lets through.

use std::collections::HashSet;

use super::*;

#[test]
fn every_row_lets_its_burst_through_and_then_one_at_a_time() {
    for limit in TABLE {
        let (buckets, mut now) = (Buckets::new(limit), crate::edge::instant());
        let let_through = |now| (0..3 * limit.burst).filter(|_| buckets.take("somebody", now).is_ok()).count() as u32;
        assert_eq!(let_through(now), limit.burst, "{}", limit.name);
        assert_eq!(buckets.may("somebody", now), Err(TooMany { wait: limit.refill }), "{}", limit.name);
        assert_eq!(buckets.may("another", now), Ok(()), "{}", limit.name);
        now += limit.refill - Duration::from_nanos(1);
        assert_eq!(let_through(now), 0, "{}", limit.name);
        assert_eq!(buckets.take("somebody", now), Err(TooMany { wait: Duration::from_nanos(1) }), "{}", limit.name);
        assert_eq!(let_through(now + Duration::from_nanos(1)), 1, "{}", limit.name);
        assert_eq!(let_through(now + limit.refill * (limit.burst + 5)), limit.burst, "{}", limit.name);
    }
}

#[test]
fn rows_for_misses_let_whoever_is_right_through() {
    let (limits, now) = (Limits::new(), crate::edge::instant());
    let from: IpAddr = "2001:db8::1".parse().unwrap();
    for limit in TABLE.iter().filter(|limit| limit.counts == Counts::Misses) {
        for _ in 0..limit.burst {
            match limit.key {
                Key::Address => {
                    assert!((0..3).all(|_| limits.may_address(limit, from, now).is_ok()), "{}", limit.name);
                    limits.address(limit, from, now).unwrap();
                }
                Key::Subject => {
                    assert!((0..3).all(|_| limits.may_subject(limit, "ada", now).is_ok()), "{}", limit.name);
                    limits.subject(limit, "ada", now).unwrap();
                }
                Key::Member => panic!("{}: a member's misses are not counted apart", limit.name),
            }
        }
        let too_many = Err(TooMany { wait: limit.refill });
        match limit.key {
            Key::Address => {
                let neighbour = "2001:db8::ffff:2".parse().unwrap();
                assert_eq!(limits.may_address(limit, neighbour, now), too_many, "{}", limit.name);
                assert_eq!(limits.address(limit, from, now), too_many, "{}", limit.name);
                assert_eq!(limits.may_address(limit, "2001:db8:0:1::1".parse().unwrap(), now), Ok(()));
            }
            _ => {
                assert_eq!(limits.may_subject(limit, "ada", now), too_many, "{}", limit.name);
                assert_eq!(limits.may_subject(limit, "ben", now), Ok(()));
            }
        }
    }
}

#[test]
fn rows_are_told_apart_by_name_and_routes_by_row() {
    let names: HashSet<_> = TABLE.iter().map(|limit| limit.name).collect();
    assert_eq!(names.len(), TABLE.len());
    let counted = || TABLE.iter().filter(|limit| limit.counts == Counts::All);
    let routes: HashSet<_> = counted().flat_map(|limit| limit.routes).collect();
    assert_eq!(routes.len(), counted().map(|limit| limit.routes.len()).sum::<usize>());
    for limit in TABLE {
        assert!(limit.burst > 0 && !limit.refill.is_zero(), "{}", limit.name);
        let of_all = [MEMBERS, VISITORS, BAD_TOKENS, NOWHERE, FEEDS].map(|limit| limit.name).contains(&limit.name);
        assert_eq!(limit.routes.is_empty(), of_all, "{}", limit.name);
    }
}

#[test]
fn a_route_is_counted_in_its_own_row_and_others_in_the_common_one() {
    let (limits, now) = (Limits::new(), crate::edge::instant());
    let me = MemberId(7);
    let mail = |limits: &Limits| limits.member("PUT", "/api/mail", me, now).is_ok();
    assert_eq!((0..50).filter(|_| mail(&limits)).count(), 5);
    let other = |limits: &Limits| limits.member("GET", "/api/mail", me, now).is_ok();
    assert_eq!((0..500).filter(|_| other(&limits)).count(), 400);
    assert!(limits.member("GET", "/api/me", me, now).is_err(), "the common row is one for all its routes");
    assert!(limits.member("GET", "/api/me", MemberId(8), now).is_ok());
    let head = |limits: &Limits| limits.member("HEAD", "/api/me/export", me, now).is_ok();
    assert_eq!((0..50).filter(|_| head(&limits)).count(), 3, "HEAD is a GET");
    assert!(limits.member("GET", "/api/me/export", me, now).is_err());
    // A row by another key than the route's caller has is not used.
    let from = "192.0.2.1".parse().unwrap();
    assert_eq!((0..500).filter(|_| limits.visitor("PUT", "/api/mail", from, now).is_ok()).count(), 400);
    limits.forget_idle(now + Duration::from_secs(3600));
    assert!(limits.rows.iter().all(|row| row.lock().full.is_empty()));
}

#[test]
fn an_address_is_one_with_its_neighbours_of_the_same_64_bits() {
    let (limits, now) = (Limits::new(), crate::edge::instant());
    let ask = |from: &str| limits.visitor("POST", "/api/sign-in/mail", from.parse().unwrap(), now).is_ok();
    assert_eq!((0..50).filter(|_| ask("2001:db8::1")).count(), 10);
    assert!(!ask("2001:db8::ffff:2") && ask("2001:db8:0:1::1"));
    assert_eq!((0..50).filter(|_| ask("192.0.2.1")).count(), 10);
    assert!(!ask("::ffff:192.0.2.1") && ask("192.0.2.2"));
}

#[test]
fn whoever_has_many_networks_asks_as_a_few() {
    let (limits, now) = (Limits::new(), crate::edge::instant());
    let ask = |address: u128| {
        let from = IpAddr::V6(((0x2001_0db8 << 96) + address).into());
        limits.visitor("POST", "/api/waitlist", from, now).is_ok()
    };
    // All networks of 64 bits in one of 56, and then all of those in one of 48.
    assert_eq!((0..256 * 10).filter(|n| ask((n % 256) << 64)).count(), 4 * 10);
    assert_eq!((1..256).flat_map(|n| [n; 20]).filter(|n| ask(n << 72)).count(), 12 * 10);
    assert!(ask(1 << 80), "another site");
    limits.forget_idle(now + Duration::from_secs(100_000));
    assert!(limits.wider.iter().flatten().all(|row| row.lock().full.is_empty()));
}

#[test]
fn full_buckets_are_forgotten() {
    let (buckets, mut now) = (Buckets::new(&GUESSES), crate::edge::instant());
    for n in 0..10 * MANY as u32 {
        now += Duration::from_millis(10);
        assert!(buckets.take(n, now).is_ok());
        assert!(buckets.lock().full.len() <= MANY + 1);
    }
}
