//! When talkers speak: without a pause, or in turns and over each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::Error;
use crate::leg::{Leg, LegEvent, SLOTS};
use crate::tally::Known;
use crate::voice::FRAME_MILLIS;

/// Frames until a conversation repeats: two minutes. Longer varies more.
pub(crate) const CYCLE: usize = 6_000;

/// A conversation: who speaks in which frame of 20 ms. It repeats.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    /// For each talker, whether they speak in a frame.
    speaking: Vec<Vec<bool>>,
}

impl Turns {
    /// A conversation of `talkers`: turns of 2 to 6 s; in half of them one to three others speak too before the end; then
    /// either 0.2 to 0.6 s of silence, or the next one cuts in.
    pub(crate) fn conversation(talkers: usize) -> Self {
        let mut turns = Self { speaking: vec![vec![false; CYCLE]; talkers] };
        let (mut dice, mut at, mut speaker) = (Dice::new(), 0, 0);
        while at < CYCLE {
            let end = at + dice.within(100, 300);
            turns.speak(speaker, at, end);
            if dice.within(0, 2) == 0 {
                for other in 1..=dice.within(1, 4) {
                    let from = end - dice.within(25, 75);
                    turns.speak(speaker + other, from, from + dice.within(40, 90));
                }
            }
            at = if dice.within(0, 3) == 0 { end + dice.within(10, 30) } else { end - dice.within(10, 25) };
            speaker += dice.within(1, talkers.max(2));
        }
        turns
    }

    /// A talk: everybody speaks, for as many frames of 20 ms as the first figure says, and then is silent for as many as the
    /// second does; and so on, and again from the beginning.
    pub(crate) fn with_pauses(talkers: usize, pattern: &[(usize, usize)]) -> Self {
        let cycle = pattern.iter().flat_map(|&(spoken, silent)| [(true, spoken), (false, silent)]);
        let cycle = cycle.flat_map(|(speaks, frames)| std::iter::repeat_n(speaks, frames));
        Self { speaking: vec![cycle.collect::<Vec<_>>().into_iter().cycle().take(CYCLE).collect(); talkers] }
    }

    fn speak(&mut self, talker: usize, from: usize, to: usize) {
        let count = self.speaking.len();
        if let Some(frames) = self.speaking.get_mut(talker % count.max(1)) {
            frames[from.min(CYCLE)..to.min(CYCLE)].fill(true);
        }
    }

    /// Whether a talker speaks in a frame.
    pub(crate) fn speaks(&self, talker: usize, frame: u64) -> bool {
        self.speaking.get(talker).is_some_and(|frames| frames[(frame % CYCLE as u64) as usize])
    }

    /// How many speak in `frame`.
    fn voices(&self, frame: u64) -> usize {
        (0..self.speaking.len()).filter(|&talker| self.speaks(talker, frame)).count()
    }
}

/// What the talkers of one stage have in common.
#[derive(Debug)]
pub(crate) struct Score {
    /// The beginning of frame 0.
    began: Instant,
    /// Who speaks when; all of them without a pause if absent.
    turns: Option<Turns>,
    /// Nobody speaks while it is set.
    silence: AtomicBool,
}

impl Score {
    pub(crate) fn new(turns: Option<Turns>) -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), turns, silence: AtomicBool::new(false) })
    }

    /// Silences everybody from now on.
    pub(crate) fn silence(&self) {
        self.silence.store(true, Ordering::Release);
    }

    /// When the next frame begins whose number is a multiple of `cycle`.
    pub(crate) fn next(&self, cycle: usize) -> Instant {
        let frame = self.frame_at(Instant::now()) / cycle as u64 + 1;
        self.began + Duration::from_millis(frame * cycle as u64 * FRAME_MILLIS)
    }

    fn frame_at(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.began).as_millis() as u64 / FRAME_MILLIS
    }

    /// Frames that a listener is sent between two moments when `talkers` are on stage: of each frame, as many voices as
    /// there are slots.
    pub(crate) fn frames_heard(&self, talkers: usize, from: Instant, to: Instant) -> u64 {
        let frames = self.frame_at(from)..self.frame_at(to);
        match &self.turns {
            None => (frames.end - frames.start) * talkers.min(SLOTS) as u64,
            Some(turns) => frames.map(|frame| turns.voices(frame).min(SLOTS) as u64).sum(),
        }
    }

    fn speaks(&self, talker: usize, frame: u64) -> bool {
        !self.silence.load(Ordering::Acquire) && self.turns.as_ref().is_none_or(|turns| turns.speaks(talker, frame))
    }
}

/// Sends the script, a frame every 20 ms in which `talker` speaks by the score, until the leg ends; returns why it ended.
pub(crate) async fn perform(mut leg: Leg, known: Arc<Known>, score: Arc<Score>, talker: usize) -> Error {
    let every = Duration::from_millis(FRAME_MILLIS);
    let mut frame = score.frame_at(Instant::now()) + 1;
    let mut clock = tokio::time::interval_at(score.began + every * frame as u32, every);
    // After a stall all frames that are due go out at once, as from an encoder that was behind.
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            event = leg.next() => match event {
                Ok(LegEvent::Connected | LegEvent::Heard(_)) => {}
                Ok(LegEvent::Disconnected) => return Error::Media("the server cut the leg".into()),
                Err(error) => return error,
            },
            _ = clock.tick() => {
                if score.speaks(talker, frame) {
                    let sent = known.sent.load(Ordering::Acquire);
                    if let Err(error) = leg.send(known.script.frame(sent)) {
                        return error;
                    }
                    known.sent.store(sent + 1, Ordering::Release);
                } else {
                    leg.pause(1);
                }
                frame += 1;
            }
        }
    }
}

/// Numbers that are the same in every run (xorshift), so that runs can be compared.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        Self(0x2545_f491_4f6c_dd1d)
    }

    /// Others for each seed, likewise.
    pub(crate) fn seeded(seed: u64) -> Self {
        // Spread (Fibonacci hashing), and never zero: xorshift would stay there.
        Self((seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d).max(1))
    }

    /// At least `from`, less than `to`.
    pub(crate) fn within(&mut self, from: usize, to: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from + (self.0 % (to - from) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_has_turns_overlaps_and_silence() {
        let turns = Turns::conversation(10);
        let mut frames_with = [0; 11];
        let (mut silence, mut longest_silence) = (0, 0);
        for frame in 0..CYCLE as u64 {
            frames_with[turns.voices(frame)] += 1;
            silence = if turns.voices(frame) == 0 { silence + 1 } else { 0 };
            longest_silence = longest_silence.max(silence);
        }
        assert!(frames_with[1] > CYCLE / 2, "mostly one speaks: {frames_with:?}");
        assert!(frames_with[2] > 0 && frames_with[3] > 0 && frames_with[4] > 0, "up to four overlap: {frames_with:?}");
        assert!((10..50).contains(&longest_silence), "pauses of less than a second: {longest_silence}");
        for talker in 0..10 {
            assert!((0..CYCLE as u64).any(|frame| turns.speaks(talker, frame)), "talker {talker}");
        }
        assert_eq!(turns, Turns::conversation(10), "the same in every run");
        assert!(turns.speaks(0, CYCLE as u64) && turns.speaks(0, 0), "it repeats");
    }

    #[test]
    fn a_score_knows_what_is_heard() {
        let always = Score::new(None);
        let at = |frames: u32| always.began + Duration::from_millis(FRAME_MILLIS) * frames;
        assert_eq!(always.frames_heard(1, at(10), at(60)), 50);
        assert_eq!(always.frames_heard(5, at(10), at(60)), 150, "three slots");
        assert!(always.speaks(0, 7));
        always.silence();
        assert!(!always.speaks(0, 7));
        let turns = Turns { speaking: vec![vec![true; CYCLE]; 4] };
        let all = Score { began: always.began, turns: Some(turns), silence: AtomicBool::new(false) };
        assert_eq!(all.frames_heard(4, at(0), at(10)), 30);
        assert!(all.speaks(3, 1) && !all.speaks(4, 1));
    }

    #[test]
    fn a_talk_with_pauses_repeats() {
        let turns = Turns::with_pauses(2, &[(100, 100), (75, 25)]);
        for (frame, speaks) in
            [(0, true), (99, true), (100, false), (199, false), (200, true), (274, true), (299, false)]
        {
            for repeated in [frame, frame + 300, frame + CYCLE as u64 - 300, frame + CYCLE as u64] {
                assert_eq!((turns.speaks(0, repeated), turns.speaks(1, repeated)), (speaks, speaks), "{repeated}");
            }
        }
        let score = Score::new(Some(turns));
        let next = score.next(300);
        assert!(next > Instant::now() && next - score.began >= Duration::from_secs(6));
        assert_eq!(score.frame_at(next) % 300, 0);
    }

    #[test]
    fn a_stage_of_any_size_can_talk() {
        for talkers in [0, 1, 2, 3] {
            assert_eq!(Turns::conversation(talkers).speaking.len(), talkers);
        }
    }
}
