//! Paths, handshakes, and packets from those who have no business here.

use is::stun::{StunMessage, TransId};
use proptest::prelude::*;
use str0m::config::DtlsVersion;

use super::*;
use crate::feed::Tier;
use crate::ice::hmac_sha1;
use crate::shard::{CONNECT_LIMIT, CONSENT_LIMIT, EndReason};

fn stranger() -> Path {
    Path::Udp(SocketAddr::from(([203, 0, 113, 9], 999)))
}

pub(super) fn check(user: &str, pwd: &str, nominate: bool) -> Vec<u8> {
    let message = StunMessage::binding_request(user, TransId::new(), true, 1, 1, nominate);
    let mut out = vec![0; 512];
    let len = message.to_bytes(Some(pwd.as_bytes()), &mut out, hmac_sha1).unwrap();
    out.truncate(len);
    out
}

#[test]
fn connecting_is_told_once() {
    let (mut world, _) = World::with_talkers(30, 2);
    world.talk(&[0], 5);
    let connected: Vec<LegId> = world.events.iter().map(|(leg, _)| *leg).collect();
    assert!(world.events.iter().all(|(_, event)| *event == LegEvent::Connected));
    assert_eq!(connected.len(), 3);
    let stats = world.shard.stats();
    assert_eq!((stats.listen_legs, stats.publish_legs), (1, 2));
    assert_eq!((stats.malformed, stats.stun_forged, stats.unknown_path, stats.queue_dropped), (0, 0, 0, 0));
}

#[test]
fn strangers_get_silence_and_change_nothing() {
    let (mut world, listener) = World::with_talkers(31, 1);
    world.talk(&[0], 5);
    let before = world.shard.stats().clone();
    let ours = world.clients[listener].local.clone();
    let right = format!("{}:cli{:04}", ours.ufrag, listener);
    let real = check(&right, &ours.pwd, true);
    let hello = client_hello();
    let media: Vec<u8> = world.tap.iter().rfind(|t| is_media(&t.2)).unwrap().2.clone();
    let mut bad = vec![
        Vec::new(),
        vec![0],
        vec![0xFF; 1500],
        vec![0x16; 3],
        vec![0x80; 12],
        real[..real.len() - 4].to_vec(),
        real[..20].to_vec(),
        check(&right, "a-wrong-password-altogether", true),
        check("nobody:nobody", &ours.pwd, true),
        check(&format!("{}:somebody", ours.ufrag), &ours.pwd, true),
        hello.clone(),
        media.clone(),
    ];
    for cut in 0..real.len() {
        bad.push(real[..cut].to_vec());
    }
    for bytes in &bad {
        assert!(!world.inject(stranger(), bytes), "{} bytes were answered", bytes.len());
        assert!(!world.inject(tcp(77, stranger().addr()), bytes));
    }
    let stats = world.shard.stats().clone();
    assert_eq!(stats.stun_checks, before.stun_checks);
    assert_eq!(stats.path_moves, before.path_moves);
    assert_eq!(stats.stun_forged - before.stun_forged, 4);
    assert_eq!(stats.stun_unknown_user - before.stun_unknown_user, 2);
    assert!(stats.unknown_path > before.unknown_path && stats.malformed > before.malformed);
    assert_eq!(stats.datagrams - before.datagrams, 2 * bad.len() as u64);
    // Nor from the leg's own address, if it does not authenticate. Only the handshake, until it has settled, may answer a
    // repeated hello, and with less than that.
    if world.inject(world.clients[listener].outside, &hello) {
        assert!(world.tap.last().is_some_and(|tap| tap.2.len() <= hello.len()));
    }
    world.run(crate::listen::SETTLE);
    let own = world.clients[listener].outside;
    for bytes in [&hello[..], &media[..], &[0x80, 0xC9, 0, 1, 0, 0, 0, 9][..], &[0x15, 0xFE, 0xFD][..]] {
        assert!(!world.inject(own, bytes));
    }
    let speaker = world.clients[0].outside;
    for n in 0..20u8 {
        let mut forged = vec![0x80, OPUS, 0, n, 0, 0, 0, 0, 9, 9, 9, n];
        forged.resize(100, 0xAA);
        assert!(!world.inject(speaker, &forged));
    }
    assert_eq!(world.shard.stats().srtp_rejected - stats.srtp_rejected, 22);
    world.talk(&[0], 20);
    assert_eq!(world.clients[listener].heard(1), (100..125).collect::<Vec<_>>(), "all goes on as before");
    assert_eq!(world.events.len(), 2, "nothing but that both have connected");
}

/// The start of a DTLS ClientHello.
pub(super) fn client_hello() -> Vec<u8> {
    let mut dtls = identity().dtls(start());
    dtls.set_active(true);
    dtls.handle_timeout(start()).unwrap();
    let mut buffer = [0; 2048];
    loop {
        match dtls.poll_output(&mut buffer) {
            dimpl::Output::Packet(bytes) => return bytes.to_vec(),
            dimpl::Output::Timeout(_) => panic!("a client speaks first"),
            _ => {}
        }
    }
}

#[test]
fn a_handshake_waits_for_a_check() {
    let mut world = World::new(32);
    let listener = world.add_listener(100, SLOTS, [1, 2, 3]);
    let path = world.clients[listener].outside;
    assert!(!world.inject(path, &client_hello()), "no DTLS before STUN");
    assert_eq!(world.shard.stats().unknown_path, 1);
    let ours = world.clients[listener].local.clone();
    assert!(world.inject(path, &check(&format!("{}:cli0000", ours.ufrag), &ours.pwd, true)));
    assert!(world.inject(path, &client_hello()), "and after it, there is");
}

#[test]
fn a_handshake_survives_the_loss_of_any_packet() {
    // The n-th packet of the handshakes is lost, on the way up or down.
    for (version, up, n) in [DtlsVersion::Dtls12, DtlsVersion::Dtls13]
        .into_iter()
        .flat_map(|version| (0..8).map(move |n| (version, n % 2 == 0, n / 2)))
    {
        let mut world = World::new(42);
        world.version = version;
        let mut count = 0;
        let nth: Lose = Box::new(move |bytes| {
            let handshake = rtp::kind(bytes) == PacketKind::Dtls;
            count += u32::from(handshake);
            handshake && count == n + 1
        });
        *(if up { &mut world.lose_up } else { &mut world.lose }) = nth;
        let speaker = world.add_speaker(1);
        let listener = world.add_listener(100, SLOTS, [1, 2, 3]);
        world.grant(1, Duration::from_secs(3600), &[1]);
        world.run(Duration::from_secs(8));
        for client in [speaker, listener] {
            let leg = (world.clients[client].leg, LegEvent::Connected);
            let both = world.clients[client].connected && world.events.contains(&leg);
            assert!(both, "{version:?}, up: {up}, packet {n}");
        }
        world.talk(&[speaker], 10);
        assert_eq!(world.clients[listener].heard(1).len(), 10);
    }
}

#[test]
fn a_lost_last_flight_is_sent_again() {
    let mut world = World::new(41);
    world.version = DtlsVersion::Dtls12;
    let listener = world.add_listener(100, SLOTS, [1, 2, 3]);
    // In DTLS 1.2 the server has the last word, which begins with ChangeCipherSpec (20): lost, the first time.
    let mut lost = 0;
    world.lose = Box::new(move |bytes| {
        let last = bytes[0] == 20;
        lost += u32::from(last);
        last && lost == 1
    });
    world.run(ms(500));
    assert_eq!(world.events.len(), 1, "we are done");
    assert!(!world.clients[listener].connected, "the client is not");
    world.run(Duration::from_secs(5));
    assert!(world.clients[listener].connected);
}

#[test]
fn a_path_moves_by_an_authenticated_check_alone() {
    let (mut world, listener) = World::with_talkers(33, 1);
    world.talk(&[0], 10);
    let old = world.clients[listener].outside;
    let new = Path::Udp(SocketAddr::from(([198, 51, 100, 7], 7)));
    let goes_to = |world: &mut World| {
        world.tap.clear();
        world.talk(&[0], 1);
        world.run(ms(10));
        world.tap.iter().find(|t| is_media(&t.2)).map(|t| t.1)
    };
    assert_eq!(goes_to(&mut world), Some(old));
    // Somebody sends on the leg's packets from elsewhere: no.
    let rtcp = vec![0x81, 0xC9, 0, 7, 1, 2, 3, 4];
    world.inject(new, &rtcp);
    let ours = world.clients[listener].local.clone();
    world.inject(new, &check(&format!("{}:cli0001", ours.ufrag), "a-wrong-password-altogether", true));
    assert_eq!(goes_to(&mut world), Some(old));
    // The client's network changes: its own next check moves the path, and sound and reports go on.
    world.clients[listener].outside = new;
    world.run(Duration::from_secs(6));
    assert_eq!(goes_to(&mut world), Some(new));
    assert_eq!(world.shard.stats().path_moves, 3, "one each for the two legs to begin with, and this");
    let from = world.clients[0].seq;
    world.talk(&[0], 20);
    let heard = world.clients[listener].heard(1);
    assert!((from..from + 19).all(|n| heard.contains(&n)));
}

#[test]
fn a_speaker_who_changes_address_goes_on() {
    let (mut world, listener) = World::with_talkers(34, 1);
    world.talk(&[0], 10);
    world.clients[0].outside = Path::Udp(SocketAddr::from(([198, 51, 100, 8], 8)));
    world.run(Duration::from_secs(6));
    let from = world.clients[0].seq;
    world.talk(&[0], 20);
    assert!(world.clients[listener].heard(1).ends_with(&(from..from + 20).collect::<Vec<_>>()));
}

#[test]
fn a_speaker_is_heard_from_a_new_address_before_the_next_check() {
    // One whose offer names the stream, and one whose does not.
    (0..2).for_each(heard_from_a_new_address);
}

fn heard_from_a_new_address(speaker: usize) {
    let (mut world, listener) = World::with_talkers(36, 2);
    world.talk(&[speaker], 10);
    let (from, before) = (world.clients[speaker].seq, world.shard.stats().clone());
    let new = Path::Udp(SocketAddr::from(([198, 51, 100, 9], 9)));
    world.clients[speaker].outside = new;
    // Checks are lost for now: sound is all that comes from there.
    world.lose_up = Box::new(|bytes| rtp::kind(bytes) == PacketKind::Stun);
    world.talk(&[speaker], 20);
    world.run(ms(100));
    let stats = world.shard.stats().clone();
    assert!(world.clients[listener].heard(speaker as u32 + 1).ends_with(&(from..from + 20).collect::<Vec<_>>()));
    assert_eq!((stats.strayed - before.strayed, stats.path_moves, stats.unknown_path), (20, before.path_moves, 0));
    // Nothing is sent there before a check has come from there.
    assert!(world.tap.iter().all(|(_, path, ..)| *path != new));
    // What another sends in that stream's name is nobody's, and neither is anything but media.
    let mut forged = vec![0x80, OPUS, 9, 9, 0, 0, 0, 1, 0, 0, 0xA0, speaker as u8 + 1];
    forged.resize(100, 7);
    let heard = world.clients[listener].got.len();
    for n in 0..300u16 {
        forged[2..4].copy_from_slice(&n.to_be_bytes());
        world.inject(stranger(), &forged);
        world.inject(tcp(9, stranger().addr()), &forged);
    }
    world.run(ms(100));
    let after = world.shard.stats().clone();
    assert_eq!(world.clients[listener].got.len(), heard);
    // Of one second: the budget, less what the speaker's own packets took.
    assert!(after.strayed - stats.strayed <= u64::from(crate::publish::PACKETS_PER_SECOND));
    assert_eq!(after.strayed - stats.strayed + after.unknown_path - stats.unknown_path, 600);
    // Who has left is not heard from anywhere.
    let leg = world.clients[speaker].leg;
    world.input(Input::DropLeg { leg });
    world.talk(&[speaker], 10);
    assert_eq!((world.clients[listener].got.len(), world.shard.stats().strayed), (heard, after.strayed));
}

#[test]
fn a_leg_over_tcp_works_and_survives_its_connection() {
    let mut world = World::new(35);
    let speaker = world.add_speaker(1);
    let listener = world.add_listener(100, SLOTS, [1, 2, 3]);
    for (n, client) in [speaker, listener].into_iter().enumerate() {
        let addr = world.clients[client].inside;
        world.clients[client].outside = tcp(n as u64 + 1, addr);
    }
    // The first checks went by UDP: lost.
    world.net_clear();
    world.grant(1, Duration::from_secs(3600), &[1]);
    world.run(ms(1500));
    world.talk(&[speaker], 20);
    assert_eq!(world.clients[listener].heard(1).len(), 20);
    assert!(world.tap.iter().all(|t| matches!(t.1, Path::Tcp { .. }) || !is_media(&t.2)));
    // The connection breaks: nothing is sent there any more, until the client comes back on another.
    world.input(Input::PathClosed { stream: StreamId(2) });
    let from = world.tap.len();
    world.talk(&[speaker], 10);
    assert!(world.tap[from..].iter().all(|t| t.1 != tcp(2, world.clients[listener].inside)));
    world.clients[listener].outside = tcp(3, world.clients[listener].inside);
    world.run(Duration::from_secs(6));
    let heard = world.clients[listener].heard(1).len();
    world.talk(&[speaker], 10);
    assert_eq!(world.clients[listener].heard(1).len(), heard + 10);
}

#[test]
fn silence_does_not_end_a_leg_but_the_end_of_checks_does() {
    let (mut world, listener) = World::with_talkers(36, 1);
    world.run(Duration::from_secs(300));
    assert_eq!(world.events.len(), 2, "five minutes without a word: nothing ends");
    // The listener's machine is gone.
    let leg = world.clients[listener].leg;
    let gone = Path::Udp(SocketAddr::from(([0, 0, 0, 0], 1)));
    world.clients[listener].outside = gone;
    let at = world.now;
    world.lose = Box::new(|_| false);
    world.net_drop(gone);
    world.run(CONSENT_LIMIT + ms(100));
    assert_eq!(world.events.last(), Some(&(leg, LegEvent::Ended(EndReason::ConsentLost))), "{:?}", world.now - at);
    assert_eq!(world.shard.stats().listen_legs, 0);
    world.talk(&[0], 5);
}

#[test]
fn an_offer_that_nobody_follows_up_ends() {
    let mut world = World::new(37);
    for speaker in [false, true] {
        let client = if speaker { world.add_speaker(1) } else { world.add_listener(100, SLOTS, [1, 2, 3]) };
        world.clients[client].outside = Path::Udp(SocketAddr::from(([0, 0, 0, 0], 2)));
    }
    world.net_drop(Path::Udp(SocketAddr::from(([0, 0, 0, 0], 2))));
    world.net_clear();
    world.run(CONNECT_LIMIT + ms(100));
    let ended = LegEvent::Ended(EndReason::NotConnected);
    assert_eq!(world.events.iter().filter(|(_, event)| *event == ended).count(), 2);
}

#[test]
fn a_leg_that_is_dropped_leaves_nothing() {
    let (mut world, listener) = World::with_talkers(38, 1);
    world.talk(&[0], 5);
    for client in [0, listener] {
        let leg = world.clients[client].leg;
        world.input(Input::DropLeg { leg });
        world.input(Input::DropLeg { leg });
    }
    world.tap.clear();
    world.talk(&[0], 5);
    world.run(Duration::from_secs(10));
    assert!(world.tap.is_empty(), "not even a check is answered");
    assert_eq!(world.events.len(), 2, "the caller knows already");
    let stats = world.shard.stats();
    assert_eq!((stats.listen_legs, stats.publish_legs), (0, 0));
    assert!(stats.unknown_path > 0 && stats.stun_unknown_user > 0);
}

#[test]
fn another_certificate_than_the_offers_ends_the_leg() {
    let mut world = World::new(39);
    let (mut client, remote) = world.client(100);
    client.rtc.direct_api().declare_media(Mid::from("0"), MediaKind::Audio);
    let line = ListenSlot { payload_type: OPUS, red: None, level_ext: None, nack: false, ssrc: 5, seq: 1, time: 1 };
    world.input(Input::AddListen(Box::new(ListenSetup {
        leg: client.leg,
        room: ROOM,
        talker: TalkerNo(100),
        local: client.local.clone(),
        remote,
        fingerprint: Fingerprint([7; 32]),
        slots: vec![line],
        cname: String::new(),
    })));
    let leg = client.leg;
    world.join(client);
    world.run(ms(500));
    assert_eq!(world.events, [(leg, LegEvent::Ended(EndReason::WrongCertificate))]);
}

#[test]
fn two_slots_with_one_ssrc_end_the_leg() {
    // Their packets would be sealed under the same nonces.
    let mut world = World::new(43);
    let (client, remote) = world.client(100);
    let line = |ssrc| ListenSlot { payload_type: OPUS, red: None, level_ext: None, nack: false, ssrc, seq: 1, time: 1 };
    world.input(Input::AddListen(Box::new(ListenSetup {
        leg: client.leg,
        room: ROOM,
        talker: TalkerNo(100),
        local: client.local.clone(),
        remote,
        fingerprint: identity().fingerprint(),
        slots: vec![line(5), line(6), line(5)],
        cname: String::new(),
    })));
    assert_eq!(world.events, [(client.leg, LegEvent::Ended(EndReason::InvalidSetup))]);
}

#[test]
fn malformed_records_do_not_end_a_handshake() {
    // From an address that has passed a check, but anybody can write it on a packet.
    for version in [DtlsVersion::Dtls12, DtlsVersion::Dtls13] {
        for n in 0..6 {
            let mut world = World::new(44);
            world.version = version;
            let listener = world.add_listener(100, SLOTS, [1, 2, 3]);
            let path = world.clients[listener].outside;
            world.run(ms(9 + 5 * n));
            // Malformed ones, that is: a plain alert that is fatal ends a handshake, as RFC 6347 has it.
            for kind in 20..=26 {
                let head = [kind, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, n as u8, 0, 4, 2, 40, 0, 0];
                (0..head.len()).step_by(4).for_each(|len| assert!(!world.inject(path, &head[..len])));
                world.inject(path, &[kind, 3, 3, 0, 0, 0, 0, 0, 0, 0, n as u8, 0, 2, 2, 40]);
            }
            world.inject(path, &[0x2F, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
            world.run(Duration::from_secs(4));
            assert_eq!(world.events, [(world.clients[listener].leg, LegEvent::Connected)], "{version:?} {n}");
        }
    }
}

#[test]
fn the_shard_is_bounded() {
    let mut world = World::new(40);
    for n in 0..65 {
        world.add_listener(n, 1, [1, 0, 0]);
    }
    assert_eq!(world.events.len(), 1);
    assert_eq!(world.events[0].1, LegEvent::Ended(EndReason::ShardFull));
    assert_eq!(world.shard.stats().listen_legs, 64);
}

#[derive(Debug, Clone)]
enum Op {
    Bytes(u8, Vec<u8>),
    Check(u8, u8, bool),
    Replay(u8, u16, u8),
    Close(u8),
    Listen(u8),
    Publish(u8),
    Drop(u8),
    Grant(u64, Vec<u8>),
    Frame(u8, u16, u8),
    Tier(u8, u8),
    Pass(u16),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (any::<u8>(), any::<Vec<u8>>()).prop_map(|(path, bytes)| Op::Bytes(path, bytes)),
        (any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(path, leg, nominate)| Op::Check(path, leg, nominate)),
        (any::<u8>(), any::<u16>(), any::<u8>()).prop_map(|(path, at, to)| Op::Replay(path, at, to)),
        any::<u8>().prop_map(Op::Close),
        any::<u8>().prop_map(Op::Listen),
        any::<u8>().prop_map(Op::Publish),
        any::<u8>().prop_map(Op::Drop),
        (0u64..4, any::<Vec<u8>>()).prop_map(|(epoch, talkers)| Op::Grant(epoch, talkers)),
        (any::<u8>(), any::<u16>(), any::<u8>()).prop_map(|(talker, seq, slot)| Op::Frame(talker, seq, slot)),
        (any::<u8>(), any::<u8>()).prop_map(|(leg, tier)| Op::Tier(leg, tier)),
        any::<u16>().prop_map(Op::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever comes in whatever order: no panic, polling ends, and what was counted in is counted out.
    #[test]
    fn any_sequence_of_inputs(ops in proptest::collection::vec(op(), 0..120)) {
        let mut world = World::new(1);
        let path = |n: u8| {
            let addr = SocketAddr::from(([172, 16, 0, n % 16], 9));
            if n.is_multiple_of(2) { Path::Udp(addr) } else { tcp(u64::from(n % 16), addr) }
        };
        let creds = |side: &str, n: u8| IceCredentials {
            ufrag: format!("{side}{}", n % 8),
            pwd: format!("{side}-password-of-leg-number-{}", n % 8),
        };
        let line = ListenSlot { payload_type: OPUS, red: None, level_ext: Some(1), nack: true, ssrc: 1, seq: 1, time: 1 };
        let fingerprint = identity().fingerprint();
        for op in ops {
            match op {
                Op::Bytes(n, bytes) => {
                    world.inject(path(n), &bytes);
                }
                Op::Check(n, leg, nominate) => {
                    let user = format!("{}:{}", creds("srv", leg).ufrag, creds("cli", leg).ufrag);
                    world.inject(path(n), &check(&user, &creds("srv", leg).pwd, nominate));
                }
                Op::Replay(n, at, to) => {
                    let mut bytes = client_hello();
                    let len = bytes.len();
                    bytes[usize::from(at) % len] = to;
                    world.inject(path(n), &bytes);
                }
                Op::Close(n) => world.input(Input::PathClosed { stream: StreamId(u64::from(n % 16)) }),
                Op::Listen(n) => world.input(Input::AddListen(Box::new(ListenSetup {
                    leg: LegId(u128::from(n % 8)),
                    room: ROOM,
                    talker: TalkerNo(u32::from(n)),
                    local: creds("srv", n),
                    remote: creds("cli", n),
                    fingerprint,
                    slots: (0..u32::from(n % 5)).map(|at| ListenSlot { ssrc: at, ..line }).collect(),
                    cname: "c".into(),
                }))),
                Op::Publish(n) => world.input(Input::AddPublish(Box::new(PublishSetup {
                    leg: LegId(u128::from(n % 8)),
                    room: ROOM,
                    talker: TalkerNo(u32::from(n)),
                    local: creds("srv", n),
                    remote: creds("cli", n),
                    fingerprint,
                    opus: n,
                    red: Some(n / 2),
                    level_ext: Some(n % 16),
                    ssrc: Some(u32::from(n)),
                }))),
                Op::Drop(n) => world.input(Input::DropLeg { leg: LegId(u128::from(n % 8)) }),
                Op::Grant(epoch, talkers) => {
                    let talkers: Vec<u32> = talkers.into_iter().map(u32::from).collect();
                    world.grant(epoch, ms(500), &talkers);
                }
                Op::Frame(talker, seq, slot) => {
                    let frame = Frame {
                        room: ROOM,
                        talker: TalkerNo(u32::from(talker)),
                        slot,
                        dominant: slot == 1,
                        seq: u64::from(seq),
                        time: u64::from(seq) * 960,
                        level: slot,
                        arrived: world.now,
                        payload: vec![0x78; usize::from(seq) % 2000].into(),
                    };
                    world.input(Input::Frame(Arc::new(frame)));
                }
                Op::Tier(leg, tier) => {
                    let tier = [Tier::Ms20, Tier::Ms60, Tier::Ms120][usize::from(tier % 3)];
                    world.input(Input::SetTier { leg: LegId(u128::from(leg % 8)), tier });
                }
                Op::Pass(millis) => world.run(ms(u64::from(millis))),
            }
        }
        // After the limits, nothing is left.
        world.run(CONNECT_LIMIT + CONSENT_LIMIT);
        let stats = world.shard.stats();
        prop_assert_eq!((stats.listen_legs, stats.publish_legs, stats.queue_dropped), (0, 0, 0));
        prop_assert!(world.shard.is_empty());
    }
}
