//! Loss, reordering, repetition, and what is done about them.

use super::*;

/// No slot repeats a sequence number, and each talker's packets are in the order in which they were spoken.
fn assert_consistent(world: &World, listener: usize) {
    let client = &world.clients[listener];
    for slot in 0..SLOTS {
        let got = client.slot(slot);
        for pair in got.windows(2) {
            assert!(pair[1].seq > pair[0].seq, "a sequence number came twice");
            if pair[0].talker == pair[1].talker {
                let number = |got: &Got| number_of(got.talker, &got.payload);
                let (a, b) = (number(&pair[0]), number(&pair[1]));
                assert!(b > a, "order of packets: {a} then {b}");
                if !pair[1].marker {
                    assert_eq!(b - a, pair[1].seq - pair[0].seq, "a loss is a gap of the same size");
                    assert_eq!(pair[1].time - pair[0].time, (b - a) * 960);
                }
            }
        }
    }
}

#[test]
fn losses_stay_gaps_and_the_rest_comes() {
    for seed in 0..3 {
        let (mut world, listener) = World::with_talkers(seed, 2);
        world.link = Link { loss: 100, ..PERFECT };
        world.talk(&[0, 1], 200);
        world.run(ms(500));
        assert_consistent(&world, listener);
        // 10 % are lost on the way in, and almost nothing on the way out, since it is asked for again.
        let heard = world.clients[listener].heard(1).len();
        assert!((160..200).contains(&heard), "seed {seed}: {heard}");
        assert!(world.shard.stats().resent > 10);
    }
}

#[test]
fn reordered_and_doubled_packets_come_once_and_in_order() {
    for seed in 0..3 {
        let (mut world, listener) = World::with_talkers(seed, 2);
        world.link = Link { jitter: ms(70), twice: 300, ..PERFECT };
        world.talk(&[0, 1], 200);
        world.run(ms(500));
        assert_consistent(&world, listener);
        // The first packet on the wire is where the stream begins: what it has overtaken is lost.
        for talker in [1, 2] {
            let heard = world.clients[listener].heard(talker);
            assert!(heard.len() >= 195, "seed {seed}: {}", heard.len());
            assert!(heard.windows(2).all(|pair| pair[0] < pair[1]), "each once");
        }
        assert!(world.frames.len() <= 400);
    }
}

#[test]
fn redundancy_brings_back_what_was_lost() {
    let (mut world, listener) = World::with_talkers(20, 1);
    world.clients[0].red = true;
    world.talk(&[0], 10);
    for _ in 0..10 {
        world.talk(&[0], 3);
        world.link.loss = 1000;
        let payload = speech(1, world.clients[0].seq);
        world.say(0, payload, -20);
        world.link.loss = 0;
        world.run(FRAME);
    }
    world.talk(&[0], 3);
    world.run(ms(100));
    assert_eq!(world.clients[listener].heard(1), (100..153).collect::<Vec<_>>(), "one of four lost, all heard");
    assert_eq!(world.shard.stats().voice_recovered, 10);
    assert_consistent(&world, listener);
}

#[test]
fn a_packet_asked_for_again_is_the_same_to_the_byte() {
    let (mut world, listener) = World::with_talkers(21, 2);
    world.talk(&[0, 1], 10);
    // Every fifth packet of media is lost, the first time.
    let mut seen = std::collections::HashSet::new();
    world.lose = Box::new(move |bytes| is_media(bytes) && seen.insert(bytes.to_vec()) && bytes[3].is_multiple_of(5));
    world.talk(&[0, 1], 50);
    world.lose = Box::new(|_| false);
    world.talk(&[0, 1], 10);
    world.run(ms(500));
    let client = &world.clients[listener];
    assert_eq!(client.heard(1), (100..170).collect::<Vec<_>>());
    assert_eq!(client.heard(2), (100..170).collect::<Vec<_>>());
    let resent = world.shard.stats().resent;
    assert!(resent >= 20, "{resent}");
    // One index of one stream is only ever sealed as one packet: what gives nonces away is two packets under one.
    let mut packets = BTreeMap::new();
    let mut repeated = 0;
    for (_, _, bytes, arrived) in world.tap.iter().filter(|tap| is_media(&tap.2)) {
        match packets.insert(bytes[..12].to_vec(), bytes.clone()) {
            Some(first) => {
                assert_eq!(&first, bytes);
                assert_eq!(*arrived, None);
                repeated += 1;
            }
            None => assert!(arrived.is_some()),
        }
    }
    assert_eq!(repeated, resent);
}

/// The frames of a packet to a listener, as numbers: those that it carries besides its own, oldest first, and its own.
fn frames_of(got: &Got) -> (Vec<u64>, u64) {
    let Some(red) = crate::red::unpack(&got.payload).filter(|red| red.pt == OPUS) else {
        return (Vec::new(), number_of(got.talker, &got.payload));
    };
    let own = number_of(got.talker, red.primary);
    for block in red.redundant() {
        let number = number_of(got.talker, block.payload);
        assert_eq!((u64::from(block.offset), block.pt), ((own - number) * 960, OPUS), "a block says how old it is");
    }
    (red.redundant().iter().map(|block| number_of(got.talker, block.payload)).collect(), own)
}

#[test]
fn who_loses_packets_gets_each_frame_three_times() {
    for seed in 0..3 {
        let mut world = World::new(seed);
        world.repeats = true;
        let speakers = [world.add_speaker(1), world.add_speaker(2)];
        let lossy = world.add_listener(100, SLOTS, [1000, 2000, 3000]);
        let other = world.add_listener(101, SLOTS, [1000, 2000, 3000]);
        world.grant(1, Duration::from_secs(3600), &[1, 2]);
        world.run(ms(500));
        world.talk(&speakers, 20);
        // To the one a tenth of all media is lost, to the other nothing.
        let theirs = world.clients[other].outside;
        let mut dice = seed + 1;
        let path_of = |bytes: &[u8]| u32::from_be_bytes(bytes[8..12].try_into().unwrap()) >> 4 & 1;
        world.lose = Box::new(move |bytes| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            is_media(bytes) && path_of(bytes) == 100 & 1 && dice >> 33 & 0xff < 26
        });
        world.talk(&speakers, 500);
        world.lose = Box::new(|_| false);
        world.talk(&speakers, 20);
        world.run(ms(500));
        for talker in [1, 2] {
            // The first losses are sent again; from then on what came in other packets is enough.
            let mut heard = std::collections::BTreeSet::new();
            for got in world.clients[lossy].got.iter().filter(|got| got.talker == talker) {
                let (others, own) = frames_of(got);
                heard.extend(others);
                heard.insert(own);
            }
            assert!(heard.len() >= 537, "seed {seed}: {}", heard.len());
            let plain = world.clients[other].got.iter().filter(|got| got.talker == talker);
            assert!(plain.clone().count() == 540 && plain.clone().all(|got| frames_of(got).0.is_empty()));
        }
        assert!(world.clients[lossy].got.iter().any(|got| frames_of(got).0.len() == 2));
        // No index is ever sealed with two contents.
        let mut packets = BTreeMap::new();
        for (_, path, bytes, _) in world.tap.iter().filter(|tap| is_media(&tap.2)) {
            assert_eq!(packets.entry((*path, bytes[..12].to_vec())).or_insert(bytes), &bytes);
        }
        assert!(packets.keys().any(|(path, _)| *path == theirs));
        // Without losses it ends.
        let before = world.clients[lossy].got.len();
        world.talk(&speakers, 40 * 50);
        let late = &world.clients[lossy].got[before + 3_800..];
        assert!(!late.is_empty() && late.iter().all(|got| frames_of(got).0.is_empty()));
    }
}

#[test]
fn who_loses_many_in_a_row_gets_each_frame_seven_times() {
    let mut world = World::new(6);
    world.repeats = true;
    let speaker = world.add_speaker(1);
    let listener = world.add_listener(100, SLOTS, [1000, 2000, 3000]);
    world.grant(1, Duration::from_secs(3600), &[1]);
    world.run(ms(500));
    world.talk(&[speaker], 20);
    let most = |world: &World, from: usize| {
        world.clients[listener].got[from..].iter().map(|got| frames_of(got).0.len()).max().unwrap_or(0)
    };
    // Of each twenty packets of media so many in a row are lost, whenever they are sent.
    let lose_in_runs = |run: u8| move |bytes: &[u8]| is_media(bytes) && bytes[3] % 20 < run;
    // One run is chance.
    world.lose = Box::new(|bytes| is_media(bytes) && bytes[3] / 20 == 1 && bytes[3] % 20 < 4);
    world.talk(&[speaker], 30);
    world.lose = Box::new(|_| false);
    world.talk(&[speaker], 30);
    assert_eq!(most(&world, 0), 2);
    world.lose = Box::new(lose_in_runs(6));
    world.talk(&[speaker], 300);
    assert_eq!(most(&world, 0), 6);
    let from = world.clients[listener].got.len();
    world.talk(&[speaker], 200);
    let mut heard = std::collections::BTreeSet::new();
    for got in &world.clients[listener].got[from..] {
        let (others, own) = frames_of(got);
        heard.extend(others);
        heard.insert(own);
    }
    // Nothing is missing between the first and the last.
    let (Some(first), Some(last)) = (heard.first(), heard.last()) else { panic!("nothing was heard") };
    assert!(heard.len() > 190 && last - first + 1 == heard.len() as u64, "{} of {first} to {last}", heard.len());
    // Single losses for longer than runs are remembered: as many as for these again.
    world.lose = Box::new(lose_in_runs(1));
    world.talk(&[speaker], 32 * 50);
    let from = world.clients[listener].got.len();
    world.talk(&[speaker], 100);
    assert_eq!(most(&world, from), 2);
}

#[test]
fn a_large_audience_gets_no_redundancy() {
    let mut world = World::new(5);
    world.repeats = true;
    let speaker = world.add_speaker(1);
    let listener = world.add_listener(100, SLOTS, [1000, 2000, 3000]);
    world.grant(1, Duration::from_secs(3600), &[1]);
    world.run(ms(500));
    let leg = world.clients[listener].leg;
    world.input(Input::SetTier { leg, tier: crate::feed::Tier::Ms60 });
    let mut n = 0;
    world.lose = Box::new(move |bytes| {
        n += 1;
        is_media(bytes) && n % 5 == 0
    });
    world.talk(&[speaker], 300);
    assert!(world.shard.stats().resent > 10);
    assert!(world.tap.iter().all(|(_, _, bytes, _)| !is_media(bytes) || bytes[1] & 0x7f == OPUS));
}

#[test]
fn resends_have_a_budget() {
    let (mut world, listener) = World::with_talkers(22, 1);
    world.talk(&[0], 5);
    // Nothing arrives for two seconds but the newest, so that the client keeps asking.
    let mut n = 0;
    world.lose = Box::new(move |bytes| {
        n += 1;
        is_media(bytes) && n % 4 != 0
    });
    world.talk(&[0], 200);
    let stats = world.shard.stats().clone();
    let budget = u64::from(crate::listen::RESENDS_PER_SECOND) * (4 + 1);
    assert!(stats.resent > 20 && stats.resent <= budget, "{}", stats.resent);
    assert!(stats.resend_refused > 0);
    assert!(!world.clients[listener].got.is_empty());
}

#[test]
fn nothing_is_sent_again_of_somebody_who_was_silenced() {
    let (mut world, _) = World::with_talkers(23, 1);
    world.lose = Box::new(|bytes| is_media(bytes) && bytes[3] % 4 == 3);
    world.talk(&[0], 10);
    world.grant(2, Duration::from_secs(60), &[]);
    let (from, before) = (world.tap.len(), world.shard.stats().resent);
    world.run(ms(1000));
    assert_eq!(world.tap[from..].iter().filter(|t| is_media(&t.2)).count(), 0);
    assert_eq!(world.shard.stats().resent, before);
    assert!(world.shard.stats().resend_refused > 0, "it was asked for");
}

#[test]
fn a_speaker_who_sends_too_much_is_cut_down() {
    let (mut world, listener) = World::with_talkers(24, 1);
    for _ in 0..2000 {
        let payload = speech(1, world.clients[0].seq);
        world.say(0, payload, -20);
        world.run(ms(1));
    }
    world.run(ms(100));
    let heard = world.clients[listener].heard(1).len() as u32;
    let rate = crate::publish::PACKETS_PER_SECOND;
    assert!((2 * rate..=3 * rate + 5).contains(&heard), "{heard}");
    assert_eq!(world.shard.stats().rate_limited, 2000 - u64::from(heard));
}

#[test]
fn forged_packets_use_up_nothing_of_the_speakers() {
    let (mut world, listener) = World::with_talkers(26, 1);
    world.talk(&[0], 5);
    let path = world.clients[0].outside;
    // Somebody writes the speaker's address and stream on packets of their own.
    for n in 0..1000u16 {
        let mut forged = vec![0x80, OPUS, (n >> 8) as u8, n as u8, 0, 0, 0, 0, 0, 0, 0xA0, 1];
        forged.resize(120, 0xAA);
        assert!(!world.inject(path, &forged));
    }
    world.talk(&[0], 10);
    assert_eq!(world.clients[listener].heard(1), (100..115).collect::<Vec<_>>());
    assert_eq!((world.shard.stats().srtp_rejected, world.shard.stats().rate_limited), (1000, 0));
}

#[test]
fn redundancy_does_not_get_around_the_rate() {
    let (mut world, listener) = World::with_talkers(27, 1);
    world.clients[0].red = true;
    // Numbers that leave out two of three, all of which come as redundancy.
    for _ in 0..400 {
        let payload = speech(1, world.clients[0].seq);
        world.say(0, payload, -20);
        world.clients[0].seq += 2;
        world.run(ms(10));
    }
    world.run(ms(100));
    let heard = world.clients[listener].got.len() as u32;
    assert!(heard <= 5 * crate::publish::PACKETS_PER_SECOND, "{heard}");
}

#[test]
fn malformed_redundancy_is_left_out() {
    let (mut world, listener) = World::with_talkers(28, 1);
    world.clients[0].red = true;
    world.talk(&[0], 5);
    // No frames at all (RFC 6716, section 3.4, R5), lost on the way, comes again as redundancy.
    world.link.loss = 1000;
    world.say(0, vec![0x7B, 0], -20);
    world.link.loss = 0;
    world.run(FRAME);
    world.talk(&[0], 5);
    world.run(ms(100));
    assert_eq!(world.clients[listener].got.len(), 10);
    assert_eq!(world.clients[listener].heard(1).len(), 10);
}

#[test]
fn reports_tell_the_time_of_the_stream() {
    let (mut world, listener) = World::with_talkers(25, 1);
    world.talk(&[0], 700);
    // str0m sends a receiver report every 5 s, and puts our sender reports next to what it receives.
    assert!(world.shard.stats().receiver_reports >= 2);
    assert_eq!(world.shard.stats().receiver_loss_256ths, 0);
    let reports =
        world.tap.iter().filter(|t| is_sender_report(&t.2) && t.1 == Path::Udp(world.clients[listener].inside));
    let times: Vec<Instant> = reports.map(|t| t.0).collect();
    assert!((2..=3).contains(&times.len()), "{}", times.len());
    let apart = times[1] - times[0];
    assert!(apart >= crate::listen::REPORT_INTERVAL && apart < crate::listen::REPORT_INTERVAL + ms(1100));
    // Nothing said, nothing reported.
    let from = world.tap.len();
    world.run(Duration::from_secs(20));
    let later =
        world.tap[from..].iter().filter(|t| is_sender_report(&t.2) && t.1 == Path::Udp(world.clients[listener].inside));
    assert!(later.count() <= 1);
}

#[test]
fn whoever_listens_is_shown_for_a_while_that_the_way_still_leads_there() {
    let (mut world, listener) = World::with_talkers(37, 2);
    let here = Path::Udp(world.clients[listener].inside);
    world.talk(&[0], 50);
    assert_eq!(world.shard.stats().signs, 0, "sound is sign enough");
    // Muted in the middle of a word: something comes every 50 ms, then every 100, and after a second nothing.
    let from = world.tap.len();
    world.run(Duration::from_secs(5));
    assert_eq!(world.shard.stats().signs, 12);
    let is_sign = |bytes: &[u8]| rtp::kind(bytes) == PacketKind::Rtcp && !is_sender_report(bytes);
    let times: Vec<_> = world.tap[from..].iter().filter(|t| is_sign(&t.2) && t.1 == here).map(|t| t.0).collect();
    let apart: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(apart, [50, 50, 50, 50, 50, 100, 100, 100, 100, 100, 100].map(ms));
    // More sound begins it again, and silence of less than that shows nothing.
    for _ in 0..5 {
        world.talk(&[1], 5);
        world.run(ms(60));
    }
    assert_eq!(world.shard.stats().signs, 12);
    world.run(ms(400));
    assert_eq!(world.shard.stats().signs, 12 + 7);
    // Nothing flows to anybody without a lease.
    world.talk(&[1], 5);
    world.grant(9, ms(0), &[1, 2]);
    world.run(Duration::from_secs(5));
    assert_eq!(world.shard.stats().signs, 12 + 7);
}

#[test]
fn who_talks_alone_is_shown_so_too() {
    let (mut world, _) = World::with_talkers(38, 2);
    let talking = world.add_listener(1, SLOTS, [1, 2, 3]);
    world.run(ms(500));
    world.talk(&[0, 1], 50);
    assert_eq!(world.shard.stats().signs, 0, "each hears the other");
    // The other is silent from here: only who goes on talking is shown something, since the third hears them.
    let from = world.tap.len();
    let here = Path::Udp(world.clients[talking].inside);
    world.talk(&[0], 100);
    let is_sign = |bytes: &[u8]| rtp::kind(bytes) == PacketKind::Rtcp && !is_sender_report(bytes);
    let times: Vec<_> = world.tap[from..].iter().filter(|t| is_sign(&t.2) && t.1 == here).map(|t| t.0).collect();
    assert_eq!((times.len(), world.shard.stats().signs), (12, 12));
    let apart: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(apart, [50, 50, 50, 50, 50, 100, 100, 100, 100, 100, 100].map(ms));
    // Whoever begins after a long pause, in which they were shown as much as everybody, is shown nothing anew.
    world.talk(&[1], 5);
    world.run(Duration::from_secs(5));
    let shown = world.shard.stats().signs;
    world.talk(&[0], 50);
    assert_eq!(world.shard.stats().signs, shown);
}

/// The type of a packet stands in the clear (RFC 3711, section 3.4).
fn is_sender_report(bytes: &[u8]) -> bool {
    rtp::kind(bytes) == PacketKind::Rtcp && bytes[1] == 200
}
