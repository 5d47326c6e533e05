//! In what order a shard says what there is to do, and when it lets its caller look at what has come in.

use super::transport::{check, client_hello};
use super::*;
use crate::shard::MEDIA_AT_ONCE;

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
}

#[test]
fn sound_does_not_wait_for_handshakes() {
    let (mut world, _) = World::with_talkers(70, 1);
    world.talk(&[0], 2);
    world.run(ms(100));
    let new = world.add_listener(101, SLOTS, [1, 2, 3]);
    let (path, ours) = (world.clients[new].outside, world.clients[new].local.clone());
    let mut ask = check(&format!("{}:cli{new:04}", ours.ufrag), &ours.pwd, true);
    world.shard.handle(world.now, Input::Datagram { path, bytes: &mut ask });
    world.shard.handle(world.now, Input::Datagram { path, bytes: &mut client_hello() });
    world.frame();
    let order = said(&mut world);
    assert!(order.starts_with("smd") && order.ends_with("d|"), "{order}");
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
    let new = world.add_listener(101, SLOTS, [1, 2, 3]);
    let (path, ours) = (world.clients[new].outside, world.clients[new].local.clone());
    let mut ask = check(&format!("{}:cli{new:04}", ours.ufrag), &ours.pwd, true);
    world.shard.handle(world.now, Input::Datagram { path, bytes: &mut ask });
    world.shard.handle(world.now, Input::Datagram { path, bytes: &mut client_hello() });
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
