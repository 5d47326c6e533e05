//! Who is heard, and how.

use super::*;

/// Sequence numbers of a slot go up by one, and time does not go back.
fn assert_seamless(got: &[Got]) {
    for pair in got.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq + 1, "sequence numbers go on without gap or repetition");
        assert!(pair[1].time > pair[0].time, "time moves on");
    }
}

#[test]
fn one_talker_is_heard_byte_for_byte() {
    let (mut world, listener) = World::with_talkers(1, 1);
    world.talk(&[0], 50);
    let client = &world.clients[listener];
    assert_eq!(client.heard(1), (100..150).collect::<Vec<_>>());
    let got = client.slot(0);
    assert_seamless(&got);
    assert_eq!((got[0].seq, got[0].time, got[0].marker), (1000, 7_000_000, true));
    assert!(got[1..].iter().all(|got| !got.marker && got.level == Some(-20)));
    assert_eq!(got[49].time - got[0].time, 49 * 960);
    assert_eq!(world.frames.len(), 50);
    assert_eq!(&*world.frames[7].payload, speech(1, 107));
    assert!(world.frames.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
}

#[test]
fn switching_talkers_leaves_no_seam() {
    let (mut world, listener) = World::with_talkers(2, 2);
    // They take turns with pauses in which the slot is given up; the second is not in step with the first.
    for _ in 0..3 {
        world.talk(&[0], 20);
        world.run(ms(1313));
        world.talk(&[1], 20);
        world.run(ms(1307));
    }
    let client = &world.clients[listener];
    for slot in 0..SLOTS {
        assert_seamless(&client.slot(slot));
    }
    let mut all: Vec<Got> = client.got.clone();
    all.sort_by_key(|got| got.at);
    assert_eq!(all.iter().filter(|got| got.marker).count(), 6, "a marker at the head of each turn");
    let first = client.slot(0);
    // 20 packets, then at least the pause and the other's turn before the next of the same slot.
    let (before, after) = (&first[19], &first[20]);
    let elapsed = after.at.duration_since(before.at).as_millis() as u64 * 48;
    assert!(after.time.abs_diff(before.time + elapsed) <= 960, "time moves by what has elapsed");
}

#[test]
fn a_listener_with_one_slot_hears_the_dominant_talker() {
    let (mut world, _) = World::with_talkers(3, 2);
    let single = world.add_listener(101, 1, [40_000, 0, 0]);
    world.run(ms(500));
    world.talk(&[0], 50);
    world.talk(&[0, 1], 20);
    world.run(ms(1500));
    world.talk(&[1], 50);
    world.talk(&[0, 1], 20);
    let client = &world.clients[single];
    assert_seamless(&client.slot(0));
    assert_eq!(client.heard(1), (100..170).collect::<Vec<_>>());
    assert_eq!(client.heard(2), (120..190).collect::<Vec<_>>());
}

#[test]
fn sequence_numbers_wrap_and_roll_over() {
    let mut world = World::new(4);
    let speaker = world.add_speaker(1);
    world.clients[speaker].seq = 65_500;
    let listener = world.add_listener(100, SLOTS, [65_500, 0, 0]);
    world.grant(1, Duration::from_secs(3600), &[1]);
    world.run(ms(500));
    world.talk(&[speaker], 100);
    let got = world.clients[listener].slot(0);
    assert_seamless(&got);
    assert_eq!(got.last().unwrap().seq, 65_599);
    assert_eq!(world.clients[listener].heard(1), (65_500..65_600).collect::<Vec<_>>());
    // Losses on the way in bring the stream forward quickly: past the second rollover.
    for _ in 0..1400 {
        world.talk(&[speaker], 1);
        world.clients[speaker].seq += 49;
        world.clients[speaker].time += 49 * 960;
    }
    let got = world.clients[listener].slot(0);
    assert!(got.last().unwrap().seq > 2 * 65_536, "{}", got.last().unwrap().seq);
    assert_eq!(got.len(), 1500);
    // Whoever joins now begins at their own numbers, in the middle of the speaker's.
    let late = world.add_listener(102, SLOTS, [5, 6, 7]);
    world.run(ms(500));
    let from = world.clients[speaker].seq;
    world.talk(&[speaker], 20);
    let got = world.clients[late].slot(0);
    assert_seamless(&got);
    assert_eq!((got.len(), got[0].seq), (20, 5));
    assert_eq!(world.clients[late].heard(1), (from..from + 20).collect::<Vec<_>>());
}

#[test]
fn a_speaker_who_changes_streams_goes_on() {
    let (mut world, listener) = World::with_talkers(12, 1);
    world.talk(&[0], 10);
    world.change_stream(0);
    world.talk(&[0], 10);
    let client = &world.clients[listener];
    let got = client.slot(0);
    assert_seamless(&got);
    assert_eq!(client.heard(1), [(100..110).collect::<Vec<_>>(), (60_000..60_010).collect()].concat());
    assert_eq!(got.iter().filter(|got| got.marker).count(), 2);
    assert!(got[10].time - got[9].time <= 3 * 960, "however far apart the clocks of the two streams are");
}

#[test]
fn nothing_flows_after_the_lease() {
    let (mut world, listener) = World::with_talkers(5, 1);
    world.grant(2, ms(1000), &[1]);
    let until = world.now + ms(1000);
    world.talk(&[0], 100);
    let sent = |world: &World| world.tap.iter().filter(|t| is_media(&t.2)).map(|t| t.0).max().unwrap();
    assert!(sent(&world) < until);
    assert!(world.clients[listener].heard(1).len() >= 45, "it flowed before");
    assert!(world.shard.stats().not_granted >= 45);
    // Nor does a frame from elsewhere.
    let frame = Arc::new(Frame { seq: 1 << 60, arrived: world.now, ..(*world.frames[0]).clone() });
    let before = world.tap.len();
    world.input(Input::Frame(frame.clone()));
    assert_eq!(world.tap.len(), before);
    // A new lease brings it back.
    world.grant(2, ms(1000), &[1]);
    world.input(Input::Frame(frame));
    assert_eq!(world.tap.len(), before + 1);
}

#[test]
fn a_lower_epoch_is_ignored() {
    let (mut world, listener) = World::with_talkers(6, 2);
    world.grant(5, Duration::from_secs(60), &[1]);
    world.grant(4, Duration::from_secs(60), &[1, 2]);
    world.talk(&[0, 1], 20);
    assert_eq!(world.shard.stats().grants_stale, 1);
    assert_eq!(world.clients[listener].heard(1).len(), 20);
    assert_eq!(world.clients[listener].heard(2).len(), 0);
}

#[test]
fn who_is_taken_off_the_list_is_silent_at_once() {
    let (mut world, listener) = World::with_talkers(7, 2);
    world.talk(&[0, 1], 20);
    world.run(ms(100));
    world.grant(2, Duration::from_secs(60), &[2]);
    let from = world.tap.len();
    world.talk(&[0, 1], 20);
    let heard = &world.clients[listener];
    assert_eq!(heard.heard(1).len(), 20, "not one packet more");
    assert_eq!(heard.heard(2).len(), 40);
    let media = world.tap[from..].iter().filter(|t| is_media(&t.2)).count();
    assert_eq!(media, 20);
    // Put back on the list, they are heard again, and what was kept back is no gap.
    world.grant(2, Duration::from_secs(60), &[1, 2]);
    world.talk(&[0, 1], 20);
    let heard = &world.clients[listener];
    assert_eq!(heard.heard(1).len(), 40);
    (0..SLOTS).for_each(|slot| assert_seamless(&heard.slot(slot)));
}

#[test]
fn nobody_hears_themselves() {
    let (mut world, listener) = World::with_talkers(8, 2);
    let own = world.add_listener(1, SLOTS, [1, 2, 3]);
    world.run(ms(500));
    world.talk(&[0, 1], 30);
    assert_eq!(world.clients[own].heard(1).len(), 0);
    assert_eq!(world.clients[own].heard(2).len(), 30);
    assert_eq!(world.clients[listener].heard(1).len(), 30);
}

#[test]
fn three_of_four_talkers_are_forwarded() {
    let (mut world, listener) = World::with_talkers(9, 4);
    world.talk(&[0, 1, 2, 3], 50);
    let client = &world.clients[listener];
    let heard: Vec<usize> = (1..=4).map(|talker| client.heard(talker).len()).collect();
    assert_eq!(heard, [50, 50, 50, 0]);
    assert_eq!(world.shard.stats().voice_withheld, 50);
    (0..SLOTS).for_each(|slot| assert_seamless(&client.slot(slot)));
}

#[test]
fn a_liar_with_empty_packets_is_not_heard() {
    let (mut world, listener) = World::with_talkers(10, 1);
    for _ in 0..20 {
        world.say(0, vec![0x78, 1, 2], 0);
        world.run(FRAME);
    }
    assert!(world.clients[listener].got.is_empty());
}

#[test]
fn frames_of_other_threads_are_heard_once() {
    let (mut world, listener) = World::with_talkers(11, 0);
    world.grant(1, Duration::from_secs(60), &[9]);
    let frame = |world: &World, n: u64| {
        Arc::new(Frame {
            room: ROOM,
            talker: TalkerNo(9),
            slot: 1,
            dominant: true,
            seq: 5 << 32 | n,
            time: n * 960,
            level: 30,
            arrived: world.now,
            payload: speech(9, n).into(),
        })
    };
    for n in [100, 101, 101, 103, 102, 100, 104] {
        let frame = frame(&world, n);
        world.input(Input::Frame(frame));
    }
    world.run(ms(50));
    assert_eq!(world.clients[listener].heard(9), [100, 101, 102, 103, 104]);
    assert_seamless(&world.clients[listener].slot(1));
    assert!(world.frames.is_empty(), "what came from another thread is not handed back");
    let stranger = Frame { talker: TalkerNo(8), ..(*frame(&world, 105)).clone() };
    world.input(Input::Frame(Arc::new(stranger)));
    assert_eq!((world.shard.stats().sent, world.shard.stats().not_granted), (5, 1));
}
