//! Packets of 60 and 120 ms, and the way from one to another.

use std::collections::{BTreeSet, HashMap};

use super::*;
use crate::feed::Tier;
use crate::pack;

const TIERS: [Tier; 3] = [Tier::Ms20, Tier::Ms60, Tier::Ms120];

impl World {
    fn tier(&mut self, client: usize, tier: Tier) {
        let leg = self.clients[client].leg;
        self.input(Input::SetTier { leg, tier });
    }

    /// How many packets of media went to a client since the tap was cleared.
    fn media_to(&self, client: usize) -> usize {
        let to = self.clients[client].outside;
        self.tap.iter().filter(|tap| tap.1 == to && is_media(&tap.2)).count()
    }
}

/// Every frame that was heard in a slot, in order, with its time; and the length of each packet in frames.
fn unpacked(got: &[Got]) -> (Vec<(u64, Vec<u8>)>, Vec<usize>) {
    let (mut all, mut lengths) = (Vec::new(), Vec::new());
    for got in got {
        let mut frames = Vec::new();
        let toc = pack::split(&got.payload, &mut frames).unwrap() & pack::SHARED;
        lengths.push(frames.len());
        for (n, frame) in frames.iter().enumerate() {
            all.push((got.time + 960 * n as u64, [&[toc], *frame].concat()));
        }
    }
    (all, lengths)
}

/// That a slot brought the frames `numbers` of a talker, each once and at its time, without a gap in the packets.
fn assert_whole(got: &[Got], talker: u32, numbers: std::ops::Range<u64>) {
    let (frames, _) = unpacked(got);
    let heard: Vec<u64> = frames.iter().map(|(_, payload)| number_of(talker, payload)).collect();
    assert_eq!(heard, numbers.clone().collect::<Vec<_>>());
    assert!(frames.windows(2).all(|pair| pair[1].0 == pair[0].0 + 960), "each at its time");
    assert!(got.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "no gap in the numbers");
    assert!(got.iter().all(|got| got.talker == talker && got.level == Some(-20)));
}

/// No sequence number of a stream was ever sealed with two contents: what GCM does not forgive.
fn assert_sealed_once(world: &World) {
    let mut sealed: HashMap<(Path, [u8; 4], u16), &[u8]> = HashMap::new();
    for (_, to, bytes, _) in world.tap.iter().filter(|tap| is_media(&tap.2)) {
        let key = (*to, bytes[8..12].try_into().unwrap(), u16::from_be_bytes([bytes[2], bytes[3]]));
        assert_eq!(*sealed.entry(key).or_insert(bytes), bytes, "sequence number {}", key.2);
    }
}

#[test]
fn longer_packets_hold_the_same_frames() {
    for (tier, count) in [(Tier::Ms60, 3), (Tier::Ms120, 6)] {
        let (mut world, listener) = World::with_talkers(60, 1);
        world.tier(listener, tier);
        world.talk(&[0], 90);
        world.run(ms(300));
        let got = world.clients[listener].slot(0);
        assert_whole(&got, 1, 100..190);
        assert_eq!((got[0].seq, got[0].time, got[0].marker), (1000, 7_000_000, true));
        assert!(got[1..].iter().all(|got| !got.marker));
        let (_, lengths) = unpacked(&got);
        assert!(lengths[1..lengths.len() - 1].iter().all(|length| *length == count), "{lengths:?}");
        assert!(lengths.len() <= 90 / count + 1);
    }
}

#[test]
fn a_leg_changes_tiers_without_a_gap() {
    for seed in 0..6 {
        let (mut world, listener) = World::with_talkers(61, 1);
        // In every phase there is somebody, so that packets are under way everywhere.
        let others: Vec<usize> = (0..9).map(|n| world.add_listener(101 + n, 1, [5, 0, 0])).collect();
        world.run(ms(500));
        for (n, other) in others.iter().enumerate() {
            world.tier(*other, if n < 3 { Tier::Ms60 } else { Tier::Ms120 });
        }
        let from = world.tap.len();
        for step in 0..30 {
            world.talk(&[0], 1 + (step * 7 + seed) % 13);
            world.tier(listener, TIERS[(step * 5 + seed) as usize % 3]);
            // Between two frames as well as just after one.
            world.tier(listener, TIERS[(step * 2 + seed) as usize % 3]);
        }
        world.run(ms(300));
        let said = 100..world.clients[0].seq;
        for client in [&[listener][..], &others].concat() {
            let got = world.clients[client].slot(0);
            assert_whole(&got, 1, said.clone());
            assert_eq!(got.iter().filter(|got| got.marker).count(), 1);
        }
        let (_, lengths) = unpacked(&world.clients[listener].slot(0));
        assert!(lengths.contains(&1) && lengths.contains(&3) && lengths.contains(&6), "{lengths:?}");
        world.tap.drain(..from);
        assert_sealed_once(&world);
    }
}

#[test]
fn the_phases_of_a_tier_take_turns() {
    let (mut world, _) = World::with_talkers(62, 1);
    let legs: Vec<usize> = (0..12).map(|n| world.add_listener(200 + n, 1, [1, 0, 0])).collect();
    world.run(ms(500));
    for &leg in &legs {
        world.tier(leg, Tier::Ms120);
    }
    world.talk(&[0], 12);
    for _ in 0..12 {
        world.tap.clear();
        world.talk(&[0], 1);
        let served = legs.iter().map(|leg| world.media_to(*leg)).sum::<usize>();
        assert_eq!(served, 2, "two of twelve every 20 ms");
    }
    world.run(ms(200));
    let whole = world.clients[legs[0]].slot(0);
    assert_whole(&whole, 1, 100..124);
    // Who leaves makes room, and leaves nothing.
    for &leg in &legs {
        let leg = world.clients[leg].leg;
        world.input(Input::DropLeg { leg });
    }
    world.tap.clear();
    world.talk(&[0], 12);
    assert!(legs.iter().all(|leg| world.media_to(*leg) == 0));
}

#[test]
fn what_was_lost_on_the_way_in_is_missing_time() {
    let (mut world, listener) = World::with_talkers(63, 1);
    world.tier(listener, Tier::Ms120);
    for n in 0..60 {
        world.link.loss = if n % 10 == 7 { 1000 } else { 0 };
        let payload = speech(1, world.clients[0].seq);
        world.say(0, payload, -20);
        world.link.loss = 0;
        world.run(FRAME);
    }
    world.run(ms(300));
    let got = world.clients[listener].slot(0);
    let (frames, _) = unpacked(&got);
    let numbers: Vec<u64> = frames.iter().map(|(_, payload)| number_of(1, payload)).collect();
    assert_eq!(numbers, (100..160).filter(|n| n % 10 != 7).collect::<Vec<_>>());
    assert!(frames.iter().all(|(time, payload)| *time == 7_000_000 + (number_of(1, payload) - 100) * 960));
    assert!(got.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "nothing to ask for again");
}

#[test]
fn frames_that_overtake_each_other_are_packed_in_order() {
    for seed in 0..4 {
        let (mut world, listener) = World::with_talkers(seed, 1);
        world.tier(listener, Tier::Ms60);
        world.talk(&[0], 6);
        world.link = Link { jitter: ms(21), twice: 300, ..PERFECT };
        world.talk(&[0], 200);
        world.run(ms(500));
        let got = world.clients[listener].slot(0);
        let (frames, _) = unpacked(&got);
        let numbers: Vec<u64> = frames.iter().map(|(_, payload)| number_of(1, payload)).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once");
        assert!(numbers.len() > 195, "{}", numbers.len());
    }
}

#[test]
fn a_packed_packet_asked_for_again_is_the_same() {
    let (mut world, listener) = World::with_talkers(64, 2);
    world.tier(listener, Tier::Ms60);
    world.talk(&[0, 1], 10);
    let from = world.tap.len();
    // Every fifth packet of media is lost, the first time; and the leg changes its tier in between.
    let mut seen = std::collections::HashSet::new();
    world.lose = Box::new(move |bytes| is_media(bytes) && seen.insert(bytes.to_vec()) && bytes[3].is_multiple_of(5));
    for tier in [Tier::Ms60, Tier::Ms120, Tier::Ms20, Tier::Ms120] {
        world.tier(listener, tier);
        world.talk(&[0, 1], 50);
    }
    world.lose = Box::new(|_| false);
    world.talk(&[0, 1], 12);
    world.run(ms(500));
    for slot in 0..2 {
        let got = world.clients[listener].slot(slot);
        let talker = got[0].talker;
        assert_whole(&got, talker, 100..322);
    }
    assert!(world.shard.stats().resent >= 10, "{}", world.shard.stats().resent);
    world.tap.drain(..from);
    assert_sealed_once(&world);
}

#[test]
fn the_end_of_what_was_said_does_not_wait_for_more() {
    let (mut world, listener) = World::with_talkers(65, 1);
    world.tier(listener, Tier::Ms120);
    for _ in 0..7 {
        world.talk(&[0], 4);
        world.run(ms(400));
    }
    let client = &world.clients[listener];
    let (frames, _) = unpacked(&client.slot(0));
    assert_eq!(frames.len(), 28);
    // Each was there within the length of its packet and a late frame's time after it was said.
    let first = client.got.iter().map(|got| got.at).min().unwrap();
    assert!(first - world.frames[0].arrived <= ms(120 + 20 + 5));
}

#[test]
fn who_is_silenced_is_not_in_a_packet_that_waits() {
    let (mut world, listener) = World::with_talkers(66, 1);
    world.tier(listener, Tier::Ms120);
    world.talk(&[0], 20);
    let heard = world.clients[listener].got.len();
    world.grant(2, Duration::from_secs(60), &[]);
    world.tap.clear();
    world.run(ms(500));
    assert_eq!(world.media_to(listener), 0);
    // Nor does it come when they may speak again.
    let from = world.clients[0].seq;
    world.grant(2, Duration::from_secs(60), &[1]);
    world.talk(&[0], 20);
    world.run(ms(300));
    let (frames, _) = unpacked(&world.clients[listener].slot(0)[heard..]);
    let numbers: BTreeSet<u64> = frames.iter().map(|(_, payload)| number_of(1, payload)).collect();
    assert_eq!(numbers, (from..from + 20).collect());
}

#[test]
fn switching_talkers_is_seamless_in_every_tier() {
    for tier in [Tier::Ms60, Tier::Ms120] {
        let (mut world, listener) = World::with_talkers(67, 2);
        world.tier(listener, tier);
        let single = world.add_listener(101, 1, [1, 0, 0]);
        world.run(ms(500));
        world.tier(single, tier);
        for _ in 0..3 {
            world.talk(&[0], 20);
            world.talk(&[0, 1], 7);
            world.run(ms(1313));
            world.talk(&[1], 20);
            world.run(ms(1307));
        }
        for (client, slots) in [(listener, SLOTS), (single, 1)] {
            for slot in 0..slots {
                let got = world.clients[client].slot(slot);
                let (frames, _) = unpacked(&got);
                assert!(got.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
                assert!(frames.windows(2).all(|pair| pair[1].0 >= pair[0].0 + 960), "no two frames for one moment");
            }
        }
        let heard: usize = (0..SLOTS).map(|slot| unpacked(&world.clients[listener].slot(slot)).0.len()).sum();
        assert_eq!(heard, 3 * (20 + 7 + 7 + 20));
    }
}

/// Legs that come, go and change their tiers while packets are on their way to everybody: nobody misses one or gets it twice.
#[test]
fn what_happens_during_a_fan_out_costs_nobody_a_packet() {
    for seed in 0..12 {
        let (mut world, _) = World::with_talkers(seed, 2);
        let stay: Vec<usize> = (0..12).map(|n| world.add_listener(200 + n, SLOTS, [5, 6, 7])).collect();
        let mut pass: Vec<usize> = (0..6).map(|n| world.add_listener(300 + n, SLOTS, [5, 6, 7])).collect();
        world.run(ms(500));
        world.patience = 1 + seed as usize % 3;
        let from = world.tap.len();
        for step in 0..90 {
            for talker in [0, 1] {
                let payload = speech(world.clients[talker].talker, world.clients[talker].seq);
                world.say(talker, payload, -20);
            }
            // The frames come in during the first of these, and take the rest to go out.
            for _ in 0..5 {
                world.run(ms(4));
                let (one, tier) = (stay[world.dice(12) as usize], TIERS[world.dice(3) as usize]);
                match world.dice(4) {
                    0 => world.tier(one, tier),
                    1 if !pass.is_empty() => {
                        let leg = world.clients[pass.remove(0)].leg;
                        world.input(Input::DropLeg { leg });
                    }
                    2 if step % 9 == 0 => {
                        let new = world.add_listener(400 + step as u32, SLOTS, [5, 6, 7]);
                        pass.push(new);
                    }
                    _ => {}
                }
            }
        }
        world.patience = 0;
        world.run(ms(500));
        assert_eq!(world.shard.stats().queue_dropped, 0);
        for &client in &stay {
            for slot in 0..2 {
                let got = world.clients[client].slot(slot);
                assert_whole(&got, got[0].talker, 100..190);
            }
        }
        world.tap.drain(..from);
        assert_sealed_once(&world);
    }
}
