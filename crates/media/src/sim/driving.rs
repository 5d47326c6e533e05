//! In what order a shard says what there is to do, and when it lets its caller look at what has come in.

use super::transport::{check, client_hello};
use super::*;
use crate::feed::Tier;
use crate::listen::SETTLE;
use crate::shard::{CONNECT_LIMIT, EndReason, MEDIA_AT_ONCE};

/// What a shard says until it wants to be asked later: `m` is media, `d` DTLS, `s` STUN, `|` that there is more to do.
fn said(world: &mut World) -> String {
    let mut said = String::new();
    loop {
        said.push(match world.shard.poll(world.now) {
            Output::Transmit { bytes, .. } => match rtp::kind(bytes) {
                PacketKind::Rtp => 'm',
                PacketKind::Dtls => 'd',
                PacketKind::Stun => 's',
                _ => '?',
            },
            Output::Timeout(at) if at > world.now => return said,
            Output::Timeout(_) => '|',
            _ => continue,
        });
    }
}

impl World {
    /// Hands in what the first talker says next, without taking out what that leads to.
    fn frame(&mut self) {
        let last = self.frames.last().expect("somebody spoke").clone();
        let next = Frame { seq: last.seq + 1, time: last.time + 960, arrived: self.now, ..(*last).clone() };
        self.frames.push(Arc::new(next));
        let next = self.frames.last().expect("just said").clone();
        self.shard.handle(self.now, Input::Frame(next));
    }

    /// A new listener who has passed a check and nothing more, and the path.
    fn checked(&mut self, talker: u32) -> (usize, Path) {
        let new = self.add_listener(talker, SLOTS, [1, 2, 3]);
        let (path, ours) = (self.clients[new].outside, self.clients[new].local.clone());
        let mut ask = check(&format!("{}:cli{new:04}", ours.ufrag), &ours.pwd, true);
        self.shard.handle(self.now, Input::Datagram { path, bytes: &mut ask });
        (new, path)
    }

    /// Hands in DTLS from a path, without taking out what that leads to.
    fn dtls(&mut self, path: Path, bytes: &[u8]) {
        self.shard.handle(self.now, Input::Datagram { path, bytes: &mut bytes.to_vec() });
    }

    /// Takes out what there is until the shard wants to be asked later: packets of media and events, in order.
    fn taken(&mut self) -> Vec<Taken> {
        let mut taken = Vec::new();
        loop {
            match self.shard.poll(self.now) {
                Output::Transmit { to, bytes, .. } if is_media(bytes) => taken.push(Taken::Media(to, bytes.to_vec())),
                Output::Leg { event, .. } => taken.push(Taken::Event(event)),
                Output::Timeout(at) if at > self.now => return taken,
                _ => {}
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Taken {
    Media(Path, Vec<u8>),
    Event(LegEvent),
}

/// The beginning of a DTLS record: discarded (RFC 6347, section 4.1.2.7).
const DISCARDED: [u8; 5] = [22, 0xFE, 0xFD, 0, 0];

#[test]
fn sound_does_not_wait_for_handshakes() {
    let (mut world, _) = World::with_talkers(70, 1);
    world.talk(&[0], 2);
    world.run(ms(100));
    let (_, path) = world.checked(101);
    world.dtls(path, &client_hello());
    world.frame();
    let order = said(&mut world);
    assert!(order.starts_with("sm|d") && order.ends_with("d|"), "{order}");
}

#[test]
fn the_caller_gets_its_turn_during_a_fan_out() {
    let (mut world, _) = World::with_talkers(71, 1);
    world.talk(&[0], 1);
    (0..150).for_each(|_| world.frame());
    let turns: Vec<usize> = said(&mut world).split('|').map(str::len).collect();
    assert_eq!(turns, [MEDIA_AT_ONCE, MEDIA_AT_ONCE, 150 - 2 * MEDIA_AT_ONCE]);
}

#[test]
fn a_handshake_comes_through_however_much_there_is_to_send() {
    let (mut world, _) = World::with_talkers(72, 1);
    world.talk(&[0], 1);
    let (_, path) = world.checked(101);
    world.dtls(path, &client_hello());
    (0..1000).for_each(|_| world.frame());
    let order = said(&mut world);
    let at = order.find('d').expect("a handshake");
    assert_eq!(order[..at].matches('m').count(), 256);
    assert_eq!(order.matches('m').count(), 1000);
}

#[test]
fn what_is_far_too_late_is_not_sent() {
    let (mut world, listener) = World::with_talkers(73, 1);
    world.talk(&[0], 10);
    world.frame();
    world.now += ms(501);
    assert_eq!(said(&mut world).matches('m').count(), 0);
    assert_eq!(world.shard.stats().queue_dropped, 1);
    world.frame();
    world.now += ms(500);
    assert_eq!(said(&mut world).matches('m').count(), 1);
    assert_eq!(world.clients[listener].heard(1).len(), 10);
}

/// The caller takes the time from the first packet of media to the end of its turn for the time that media takes.
#[test]
fn no_turn_has_media_and_then_a_handshake() {
    for frames in [1, 10, 63, 64, 65, 255, 256, 300] {
        let (mut world, _) = World::with_talkers(74, 1);
        world.talk(&[0], 1);
        let paths = [101, 102, 103].map(|talker| world.checked(talker).1);
        paths.into_iter().for_each(|path| world.dtls(path, &client_hello()));
        (0..frames).for_each(|_| world.frame());
        let order = said(&mut world);
        assert!(order.split('|').all(|turn| !turn.contains('m') || !turn.contains('d')), "{frames}: {order}");
        assert!(order.split('|').filter(|turn| turn.contains('d')).count() >= 3, "{frames}: {order}");
        assert_eq!(order.matches('m').count(), frames);
    }
}

/// One peer sends records that are discarded, faster than they are looked at.
#[test]
fn timers_do_not_wait_for_a_flood_of_handshakes() {
    let (mut world, listener) = World::with_talkers(75, 1);
    world.talk(&[0], 10);
    let leg = world.clients[listener].leg;
    world.input(Input::SetTier { leg, tier: Tier::Ms60 });
    world.add_listener(102, SLOTS, [1, 2, 3]);
    let (flooding, path) = world.checked(103);
    let flooding = world.clients[flooding].leg;
    world.dtls(path, &client_hello());
    said(&mut world);
    (0..2).for_each(|_| world.frame());
    let (mut media, mut ended) = (0, Vec::new());
    let began = world.now;
    while world.now < began + CONNECT_LIMIT + ms(100) {
        (0..8).for_each(|_| world.dtls(path, &DISCARDED));
        // One turn.
        loop {
            match world.shard.poll(world.now) {
                Output::Transmit { bytes, .. } => media += usize::from(is_media(bytes)),
                Output::Leg { leg, event, .. } => ended.push((leg, event, world.now - began)),
                Output::Timeout(_) => break,
                Output::Frame(_) => {}
            }
        }
        if media > 0 && world.now < began + ms(200) {
            // What waits to be packed has gone: the rest is a matter of tens of seconds.
            world.now = began + CONNECT_LIMIT - ms(100);
        }
        world.now += ms(1);
        assert!(media > 0 || world.now < began + ms(200), "what waits to be packed waits on");
    }
    let not_connected = LegEvent::Ended(EndReason::NotConnected);
    for leg in [flooding, world.clients[2].leg] {
        let in_time = |of: &LegId, event: &LegEvent, at: &Duration| {
            (*of, *event) == (leg, not_connected) && *at <= CONNECT_LIMIT + ms(5)
        };
        assert!(ended.iter().any(|(of, event, at)| in_time(of, event, at)), "{leg}: {ended:?}");
    }
}

#[test]
fn a_settled_leg_takes_no_more_handshakes_though_its_timer_is_late() {
    let mut world = World::new(76);
    let listener = world.add_listener(100, SLOTS, [1, 2, 3]);
    let (path, mut up) = (world.clients[listener].outside, Vec::new());
    world.run(ms(500));
    assert!(world.clients[listener].connected);
    world.now += SETTLE;
    up.extend(client_hello());
    let before = world.shard.stats().queue_dropped;
    // The first ends it, though its timer has not been looked at; the others are not even taken.
    world.dtls(path, &up);
    let order = said(&mut world);
    assert!(!order.contains('d'), "{order}");
    (0..20).for_each(|_| world.dtls(path, &up));
    assert_eq!(world.shard.stats().queue_dropped, before);
}

#[test]
fn one_leg_holds_up_others_by_a_few_datagrams_at_most() {
    let mut world = World::new(77);
    let (_, path) = world.checked(100);
    let (_, other) = world.checked(101);
    (0..20).for_each(|_| world.dtls(path, &DISCARDED));
    assert_eq!(world.shard.stats().queue_dropped, 12);
    world.dtls(other, &client_hello());
    assert_eq!(world.shard.stats().queue_dropped, 12);
    let order = said(&mut world);
    let at = order.find('d').expect("a handshake");
    assert_eq!(order[..at].matches('|').count(), 8, "{order}");
    // What was taken makes room.
    (0..9).for_each(|_| world.dtls(path, &DISCARDED));
    assert_eq!(world.shard.stats().queue_dropped, 13);
    // Nor does what waits count for another leg, or reach it.
    let leg = world.clients[0].leg;
    world.shard.handle(world.now, Input::DropLeg { leg });
    let (_, path) = world.checked(102);
    (0..8).for_each(|_| world.dtls(path, &DISCARDED));
    assert_eq!(world.shard.stats().queue_dropped, 13);
    said(&mut world);
    (0..9).for_each(|_| world.dtls(path, &DISCARDED));
    assert_eq!(world.shard.stats().queue_dropped, 14);
}

#[test]
fn several_timers_have_their_turn_while_media_goes_out() {
    let (mut world, _) = World::with_talkers(78, 1);
    let nowhere = Path::Udp(SocketAddr::from(([0, 0, 0, 0], 2)));
    world.net_drop(nowhere);
    for talker in 200..240 {
        let new = world.add_listener(talker, 1, [1, 0, 0]);
        world.clients[new].outside = nowhere;
    }
    world.net_clear();
    world.run(CONNECT_LIMIT - ms(1));
    world.talk(&[0], 0);
    world.now += ms(2);
    let payload = Arc::from(speech(1, 1));
    let frame = |n: u64, now| Frame {
        room: ROOM,
        talker: TalkerNo(1),
        slot: 0,
        dominant: true,
        seq: n,
        time: n * 960,
        level: 20,
        arrived: now,
        payload: Arc::clone(&payload),
    };
    (0..2000).for_each(|n| world.shard.handle(world.now, Input::Frame(Arc::new(frame(n, world.now)))));
    let taken = world.taken();
    let ended: Vec<usize> =
        (0..taken.len()).filter(|n| taken[*n] == Taken::Event(LegEvent::Ended(EndReason::NotConnected))).collect();
    assert_eq!(ended.len(), 40);
    assert_eq!(taken.len(), 2040);
    assert!(ended[39] <= 3 * 256 + 40, "{ended:?}");
}

#[test]
fn the_stage_goes_before_a_large_audience() {
    let (mut world, stage) = World::with_talkers(79, 1);
    let audience: Vec<usize> = (0..30).map(|n| world.add_listener(200 + n, 1, [1, 0, 0])).collect();
    world.run(ms(500));
    for &client in &audience {
        let leg = world.clients[client].leg;
        world.input(Input::SetTier { leg, tier: Tier::Ms60 });
    }
    world.talk(&[0], 9);
    (0..9).for_each(|_| world.frame());
    // One for the audience has begun to go out; the next has not.
    let to_stage = world.clients[stage].outside;
    let next = |world: &mut World| loop {
        match world.shard.poll(world.now) {
            Output::Transmit { to, bytes, .. } if is_media(bytes) => return to,
            Output::Timeout(at) => assert!(at <= world.now, "there is more"),
            _ => {}
        }
    };
    for _ in 0..9 {
        assert_eq!(next(&mut world), to_stage);
    }
    assert_ne!(next(&mut world), to_stage);
    // They begin to wait for long, which costs those something who have not begun; the stage is not behind them.
    world.now += ms(450);
    (0..3).for_each(|_| world.frame());
    world.now += ms(100);
    let taken = world.taken();
    let at = |n: &usize| matches!(&taken[*n], Taken::Media(to, _) if *to == to_stage);
    let places: Vec<usize> = (0..taken.len()).filter(at).collect();
    assert_eq!(places, [9, 10, 11], "after the ten legs of the one phase that is under way");
    assert_eq!(world.shard.stats().queue_dropped, 8);
}

/// What waits when a room begins to have an audience of longer packets goes out before what comes then.
#[test]
fn the_stage_gets_its_packets_in_order() {
    let (mut world, stage) = World::with_talkers(80, 2);
    let other = world.add_listener(101, 1, [1, 0, 0]);
    world.run(ms(500));
    world.talk(&[0], 3);
    let leg = world.clients[other].leg;
    for tier in [Tier::Ms60, Tier::Ms20, Tier::Ms120, Tier::Ms20, Tier::Ms60] {
        (0..7).for_each(|_| world.frame());
        world.shard.handle(world.now, Input::SetTier { leg, tier });
        (0..7).for_each(|_| world.frame());
        _ = world.shard.poll(world.now);
    }
    let to_stage = world.clients[stage].outside;
    let numbers: Vec<u16> = world
        .taken()
        .iter()
        .filter_map(|taken| match taken {
            Taken::Media(to, bytes) if *to == to_stage => Some(u16::from_be_bytes([bytes[2], bytes[3]])),
            _ => None,
        })
        .collect();
    assert!(numbers.len() >= 65 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn a_full_queue_costs_the_audience_and_not_the_stage() {
    let (mut world, stage) = World::with_talkers(83, 1);
    let other = world.add_listener(101, 1, [1, 0, 0]);
    world.run(ms(500));
    let leg = world.clients[other].leg;
    world.input(Input::SetTier { leg, tier: Tier::Ms60 });
    world.talk(&[0], 3);
    (0..3500).for_each(|_| world.frame());
    let dropped = world.shard.stats().queue_dropped;
    assert!(dropped > 500, "{dropped}");
    let to_stage = world.clients[stage].outside;
    let media = |taken: &&Taken| matches!(taken, Taken::Media(to, _) if *to == to_stage);
    assert_eq!(world.taken().iter().filter(media).count(), 3500);
}

/// Legs that change their tiers behind a long queue get what waits in it, but what is far too late.
#[test]
fn a_tier_change_behind_a_long_queue_costs_nothing() {
    let (mut world, _) = World::with_talkers(81, 1);
    let legs: Vec<LegId> = (0..50)
        .map(|n| {
            let client = world.add_listener(200 + n, 1, [1, 0, 0]);
            world.clients[client].leg
        })
        .collect();
    world.run(ms(500));
    world.talk(&[0], 1);
    world.frame();
    world.now += ms(501);
    (0..100).for_each(|_| world.frame());
    for leg in &legs {
        world.shard.handle(world.now, Input::SetTier { leg: *leg, tier: Tier::Ms60 });
    }
    let media = world.taken().iter().filter(|taken| matches!(taken, Taken::Media(..))).count();
    assert_eq!(media, 51 * 100);
    assert_eq!(world.shard.stats().queue_dropped, 1, "what was late from the beginning");
    // What waits for a leg that has changed does not wait for ever either.
    (0..20).for_each(|_| world.frame());
    for leg in &legs[..10] {
        world.shard.handle(world.now, Input::SetTier { leg: *leg, tier: Tier::Ms20 });
    }
    world.now += ms(501);
    assert_eq!(world.taken(), []);
}

/// A number that is given to a packet and not sent is a loss to the listener.
#[test]
fn who_is_silenced_takes_no_numbers() {
    let (mut world, stage) = World::with_talkers(82, 2);
    world.talk(&[0], 5);
    let (leg, to_stage) = (world.clients[stage].leg, world.clients[stage].outside);
    let last = world.clients[stage].slot(0).last().expect("heard").seq as u16;
    (0..4).for_each(|_| world.frame());
    world.shard.handle(world.now, Input::SetTier { leg, tier: Tier::Ms60 });
    let talkers = [TalkerNo(2)].into();
    let until = world.now + Duration::from_secs(60);
    world.shard.handle(world.now, Input::Grant(Grant { room: ROOM, epoch: 1, until, talkers }));
    assert_eq!(world.taken(), []);
    world.grant(1, Duration::from_secs(60), &[1, 2]);
    (0..6).for_each(|_| world.frame());
    let taken = world.taken();
    let Some(Taken::Media(to, bytes)) = taken.first() else { panic!("{taken:?}") };
    assert_eq!((*to, u16::from_be_bytes([bytes[2], bytes[3]])), (to_stage, last + 1));
}
