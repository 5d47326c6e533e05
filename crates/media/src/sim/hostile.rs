//! Somebody who goes on after they may not speak any more, or hear: what is forwarded is counted where it is decided.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;

/// How somebody stops being allowed to speak, as the media plane knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOut {
    /// Leaving, being put out or off the stage, muting, another device.
    LegDropped,
    /// Closing the microphone.
    OffTheList,
    /// The room has another owner, who does not know of them.
    LaterEpoch,
    /// The room has no owner any more.
    LeaseOver,
}

impl World {
    /// Notes everything that clients send to the shard, but the checks of others than this one.
    fn overhear(&mut self, client: usize) -> Rc<RefCell<Vec<Vec<u8>>>> {
        let overheard = Rc::new(RefCell::new(Vec::new()));
        let (notes, user) = (overheard.clone(), format!("cli{client:04}"));
        self.lose_up = Box::new(move |bytes| {
            let own = bytes.windows(user.len()).any(|part| part == user.as_bytes());
            if own || rtp::kind(bytes) != PacketKind::Stun {
                notes.borrow_mut().push(bytes.to_vec());
            }
            false
        });
        overheard
    }

    /// Says a few packets as they are, redundant, and as loud as can be.
    fn say_in_every_form(&mut self, client: usize) {
        for red in [false, true] {
            self.clients[client].red = red;
            self.talk(&[client], 4);
            let payload = speech(self.clients[client].talker, self.clients[client].seq);
            self.say(client, payload, 0);
            self.run(FRAME);
        }
    }

    /// All that a speaker can do with their own keys, from the address that they have and from another one; and what anybody
    /// can do who has overheard them.
    fn try_everything(&mut self, client: usize, overheard: &Rc<RefCell<Vec<Vec<u8>>>>) {
        let (old, new) = (self.clients[client].outside, Path::Udp(SocketAddr::from(([198, 51, 100, 7], 7))));
        self.say_in_every_form(client);
        self.change_stream(client);
        self.say_in_every_form(client);
        self.clients[client].outside = new;
        self.talk(&[client], 4);
        // Long enough for checks from there.
        self.run(Duration::from_secs(6));
        self.say_in_every_form(client);
        let packets = overheard.borrow().clone();
        for path in [old, new, tcp(77, old.addr())] {
            packets.iter().for_each(|bytes| _ = self.inject(path, bytes));
            packets.iter().rev().for_each(|bytes| _ = self.inject(path, bytes));
        }
    }
}

fn tcp(stream: u64, addr: SocketAddr) -> Path {
    Path::Tcp { stream: StreamId(stream), addr }
}

#[test]
fn nothing_is_forwarded_after_any_way_out() {
    for way in [WayOut::LegDropped, WayOut::OffTheList, WayOut::LaterEpoch, WayOut::LeaseOver] {
        let (mut world, listener) = World::with_talkers(90, 2);
        let overheard = world.overhear(0);
        world.talk(&[0, 1], 10);
        world.say_in_every_form(0);
        world.run(ms(100));
        let heard = |world: &World, talker| world.clients[listener].heard(talker).len();
        assert_eq!((heard(&world, 1), heard(&world, 2)), (20, 10), "{way:?}: it flowed before");
        match way {
            WayOut::LegDropped => {
                let leg = world.clients[0].leg;
                world.grant(1, Duration::from_secs(3600), &[2]);
                world.input(Input::DropLeg { leg });
            }
            WayOut::OffTheList => world.grant(1, Duration::from_secs(3600), &[2]),
            WayOut::LaterEpoch => {
                world.grant(2, Duration::from_secs(3600), &[2]);
                world.grant(1, Duration::from_secs(3600), &[1, 2]);
            }
            WayOut::LeaseOver => {
                world.grant(2, Duration::ZERO, &[1, 2]);
                world.grant(1, Duration::from_secs(3600), &[1, 2]);
            }
        }
        let frames = world.frames.len();
        world.try_everything(0, &overheard);
        assert_eq!(world.frames.len(), frames, "{way:?}: frames were forwarded");
        assert_eq!(heard(&world, 1), 20, "{way:?}");
        world.talk(&[1], 10);
        world.run(ms(100));
        let on = if way == WayOut::LeaseOver { 0 } else { 10 };
        assert_eq!(heard(&world, 2), 10 + on, "{way:?}: the other one goes on");
    }
}

#[test]
fn a_dropped_leg_that_kept_its_place_on_the_list_brings_nothing() {
    // The two orders of a way out are carried out one after the other.
    let (mut world, listener) = World::with_talkers(91, 1);
    let overheard = world.overhear(0);
    world.talk(&[0], 10);
    let leg = world.clients[0].leg;
    world.input(Input::DropLeg { leg });
    world.try_everything(0, &overheard);
    assert_eq!((world.frames.len(), world.clients[listener].heard(1).len()), (10, 10));
}

#[test]
fn who_is_gone_hears_nothing_whatever_they_ask_for() {
    let (mut world, listener) = World::with_talkers(92, 1);
    let overheard = world.overhear(listener);
    // Losses, so that there are NACKs to be sent again.
    world.lose = Box::new(|bytes| is_media(bytes) && bytes[3].is_multiple_of(3));
    world.talk(&[0], 30);
    assert!(world.shard.stats().resent > 0);
    let (leg, path) = (world.clients[listener].leg, world.clients[listener].outside);
    world.input(Input::DropLeg { leg });
    let from = world.tap.len();
    world.clients[listener].outside = Path::Udp(SocketAddr::from(([198, 51, 100, 9], 9)));
    world.talk(&[0], 30);
    let packets = overheard.borrow().clone();
    for path in [path, world.clients[listener].outside] {
        packets.iter().for_each(|bytes| _ = world.inject(path, bytes));
    }
    world.talk(&[0], 10);
    world.run(Duration::from_secs(6));
    let speaker = world.clients[0].outside;
    assert!(world.tap[from..].iter().all(|tap| tap.1 == speaker), "not even a check is answered");
}

#[test]
fn what_was_said_before_cannot_be_said_again() {
    let (mut world, listener) = World::with_talkers(93, 1);
    let overheard = world.overhear(0);
    world.say_in_every_form(0);
    world.change_stream(0);
    world.say_in_every_form(0);
    world.run(ms(100));
    let (frames, path) = (world.frames.len(), world.clients[0].outside);
    assert_eq!((frames, world.clients[listener].heard(1).len()), (20, 20));
    // Both of the stream that goes on and of the one before it, in order and out of it.
    let packets = overheard.borrow().clone();
    packets.iter().chain(packets.iter().rev()).for_each(|bytes| _ = world.inject(path, bytes));
    assert_eq!(world.frames.len(), frames, "a packet was taken again");
    world.talk(&[0], 10);
    world.run(ms(100));
    assert_eq!(world.clients[listener].heard(1).len(), 30, "and the stream goes on");
}

/// Each stream leaves something behind for as long as its leg lives.
#[test]
fn a_leg_has_so_many_streams_and_no_more() {
    let (mut world, _) = World::with_talkers(94, 1);
    let most = crate::publish::STREAMS_MAX;
    for _ in 1..most + 20 {
        world.talk(&[0], 1);
        world.change_stream(0);
    }
    world.run(ms(100));
    assert_eq!(world.frames.len(), most);
    assert_eq!(world.shard.stats().srtp_rejected, 19);
    assert_eq!(world.events.len(), 2, "nothing ends for it");
}
