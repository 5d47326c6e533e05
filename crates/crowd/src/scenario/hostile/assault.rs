//! What the hostile client does, without a pause: it sends in every way it knows, and asks for everything.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::packet::{Mark, OPUS, RED, Rtp, Trick, goodbye, redundant, storm};
use super::rogue::Rogue;
use crate::Result;
use crate::scenario::speech::Dice;

/// From one packet of sound to the next. With what redundancy brings it stays below what one speaker may send, so that
/// nothing is withheld for that reason.
const EVERY: Duration = Duration::from_millis(9);
/// Sealed packets that are kept to be sent again.
const HISTORY: usize = 256;
/// Of these, how many are sent again after each packet.
const REPLAYS: usize = 2;
/// Words of a NACK, each of which asks for seventeen packets.
const STORM_WORDS: u16 = 16;
/// Frames of the first stream, and of the second before anything else is tried.
const FIRST: usize = 10;
/// Ticks between two checks of each address.
const CHECK_TICKS: u64 = 25;
/// Of these, the one at which the TCP connections are checked.
const CHECK_BY_TCP: u64 = 12;
/// Loudness of an ordinary frame, in -dBov.
const LEVEL: u8 = 20;

/// What is tried in turn while it is allowed. The old stream comes first: what comes late behind it would be older than
/// its own stream.
const ALLOWED: &[Trick] = &[
    Trick::OldStream,
    Trick::Plain,
    Trick::NewStream,
    Trick::Reordered,
    Trick::OldAddress,
    Trick::Red,
    Trick::Tcp,
    Trick::Loud,
    Trick::OldAddress,
];
/// What is tried in turn from the moment on at which it is about to be forbidden.
const FORBIDDEN: &[Trick] = &[
    Trick::OldStream,
    Trick::Plain,
    Trick::Reordered,
    Trick::OldAddress,
    Trick::Red,
    Trick::NewStream,
    Trick::NewAddress,
    Trick::Tcp,
    Trick::Loud,
];
/// What has to be heard by everybody before a trial begins: else nothing is shown by its not being heard afterwards.
pub(super) const ARMED: [Trick; 9] = [
    Trick::Plain,
    Trick::OldStream,
    Trick::NewStream,
    Trick::OldAddress,
    Trick::Tcp,
    Trick::Red,
    Trick::Redundant,
    Trick::Reordered,
    Trick::Loud,
];

/// One stream of the client's own.
#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    index: u64,
}

/// Tells the hostile client what to do.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// The way out is being taken.
    pub(super) all_out: AtomicBool,
    pub(super) stop: AtomicBool,
}

/// The hostile client's legs and all that it has in mind.
pub(super) struct Assault {
    pub(super) mouth: Rogue,
    pub(super) ear: Rogue,
    /// Streams that others receive.
    others: Vec<u32>,
    streams: [Stream; 2],
    number: u32,
    history: VecDeque<Vec<u8>>,
    dice: Dice,
    tick: u64,
    /// Addresses from before the newest one: one while it is allowed, two afterwards.
    moves: usize,
}

impl Assault {
    /// Begins to speak, changes its address and then its stream, and goes on with that.
    ///
    /// # Errors
    /// [`crate::Error::Timeout`] when the new address is not answered.
    pub(super) async fn begin(mouth: Rogue, ear: Rogue, others: Vec<u32>, seed: u64) -> Result<Self> {
        let mut dice = Dice::seeded(seed);
        let streams = [(); 2].map(|()| Stream { ssrc: random_ssrc(&mut dice), index: dice.within(0, 1 << 14) as u64 });
        let history = VecDeque::with_capacity(HISTORY);
        let mut assault = Self { mouth, ear, others, streams, number: 0, history, dice, tick: 0, moves: 0 };
        let mut clock = tokio::time::interval(EVERY);
        for _ in 0..FIRST {
            clock.tick().await;
            assault.frame(0, Trick::OldStream, 0, LEVEL);
        }
        assault.mouth.change_address().await?;
        assault.moves = 1;
        assault.mouth.connect_tcp().await?;
        assault.ear.connect_tcp().await?;
        for _ in 0..FIRST {
            clock.tick().await;
            assault.frame(1, Trick::NewStream, 0, LEVEL);
        }
        Ok(assault)
    }

    /// Goes on until it is stopped. Returns itself, for what has come to it.
    pub(super) async fn run(mut self, orders: Arc<Orders>) -> Result<Self> {
        let mut clock = tokio::time::interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !orders.stop.load(Ordering::Acquire) {
            clock.tick().await;
            let all_out = orders.all_out.load(Ordering::Acquire);
            if all_out && self.moves == 1 {
                self.mouth.add_address().await?;
                self.moves = 2;
            }
            let tricks = if all_out { FORBIDDEN } else { ALLOWED };
            self.try_one(tricks[self.tick as usize % tricks.len()]);
            self.again();
            self.interfere();
            self.tick += 1;
        }
        Ok(self)
    }

    fn try_one(&mut self, trick: Trick) {
        // Where the client is as far as the server knows: the last address that has shown credentials.
        let here = self.moves - 1;
        match trick {
            Trick::OldStream => self.frame(0, trick, here, LEVEL),
            Trick::OldAddress => self.frame(1, trick, self.moves, LEVEL),
            Trick::NewAddress => {
                self.mouth.check(0);
                self.frame(1, trick, 0, LEVEL);
            }
            Trick::Tcp => {
                let (stream, payload) = (self.next(1), self.mark(trick));
                let sealed = self.mouth.send_by_tcp(&packet_of(OPUS, stream, &payload, LEVEL));
                self.remember(sealed);
            }
            Trick::Loud => self.frame(1, trick, here, 0),
            // While it is allowed: the one that it has changed to, or a stall at that moment would be the end of the trial.
            Trick::NewStream if self.moves == 1 => self.frame(1, trick, here, LEVEL),
            Trick::NewStream => {
                let stream = Stream { ssrc: random_ssrc(&mut self.dice), index: self.dice.within(0, 1 << 15) as u64 };
                let payload = self.mark(trick);
                self.put(here, OPUS, stream, &payload, LEVEL);
            }
            Trick::Reordered => {
                let late = self.next(1);
                self.frame(1, Trick::Plain, here, LEVEL);
                let payload = self.mark(trick);
                self.put(here, OPUS, late, &payload, LEVEL);
            }
            Trick::Red | Trick::Redundant => {
                let _only_in_the_redundancy = self.next(1);
                let stream = self.next(1);
                let earlier = self.mark(Trick::Redundant);
                let payload = redundant(&[(1, earlier)], &self.mark(Trick::Red));
                self.put(here, RED, stream, &payload, LEVEL);
            }
            Trick::Plain | Trick::LateLeg => self.frame(1, trick, here, LEVEL),
        }
    }

    /// Sends the next frame of one of the two streams.
    fn frame(&mut self, stream: usize, trick: Trick, back: usize, level: u8) {
        let (stream, payload) = (self.next(stream), self.mark(trick));
        self.put(back, OPUS, stream, &payload, level);
    }

    fn next(&mut self, stream: usize) -> Stream {
        self.streams[stream].index += 1;
        self.streams[stream]
    }

    fn mark(&mut self, trick: Trick) -> Vec<u8> {
        self.number += 1;
        Mark::new(trick, self.number).payload()
    }

    fn put(&mut self, back: usize, payload_type: u8, stream: Stream, payload: &[u8], level: u8) {
        let sealed = self.mouth.send(back, &packet_of(payload_type, stream, payload, level));
        self.remember(sealed);
    }

    /// Keeps a packet to be sent again.
    fn remember(&mut self, sealed: Option<Vec<u8>>) {
        if let Some(sealed) = sealed {
            if self.history.len() >= HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(sealed);
        }
    }

    /// Sends again what was sent before, from any address.
    fn again(&mut self) {
        for _ in 0..REPLAYS {
            let (at, back) = (self.dice.within(0, self.history.len()), self.dice.within(0, self.moves + 1));
            self.mouth.raw(back, &self.history[at]);
        }
    }

    /// Meddles with what belongs to others: goodbyes for their streams, and storms of NACKs, also for packets that never
    /// were and for streams that are not its own.
    fn interfere(&mut self) {
        let own = self.ear.ssrcs.clone();
        let theirs: Vec<u32> =
            own.iter().chain(&self.others).copied().chain([0, self.dice.within(1, 1 << 31) as u32]).collect();
        let me = self.streams[1].ssrc;
        if self.tick.is_multiple_of(4) {
            self.mouth.rtcp(self.moves - 1, goodbye(me, &theirs));
            self.ear.rtcp(0, goodbye(me, &theirs));
        }
        let newest = self.ear.newest();
        let seq = newest.map_or(0, |newest| newest.seq);
        let (ssrc, first) = match self.tick % 4 {
            // What was sent a moment ago, and is still held.
            0 | 1 => (newest.map_or(1, |newest| newest.ssrc), seq.wrapping_sub(STORM_WORDS * 8)),
            // What was never sent.
            2 => (newest.map_or(1, |newest| newest.ssrc), seq.wrapping_add(20_000)),
            // What was sent to others.
            _ => (theirs[self.dice.within(0, theirs.len())], seq.wrapping_sub(STORM_WORDS * 8)),
        };
        self.ear.rtcp(0, storm(me, ssrc, first, STORM_WORDS));
        // Each leads the leg's way there, until the next one does.
        match self.tick % CHECK_TICKS {
            0 => {
                self.ear.check(0);
                self.mouth.check(self.moves - 1);
            }
            CHECK_BY_TCP => {
                self.ear.check_by_tcp();
                self.mouth.check_by_tcp();
            }
            _ => {}
        }
    }
}

fn packet_of(payload_type: u8, Stream { ssrc, index }: Stream, payload: &[u8], level: u8) -> Rtp<'_> {
    Rtp { payload_type, ssrc, index, time: index, level, payload }
}

fn random_ssrc(dice: &mut Dice) -> u32 {
    dice.within(1 << 8, 1 << 32) as u32
}
