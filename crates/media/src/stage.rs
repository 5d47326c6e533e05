//! Who is forwarded: the loudest few talkers of a room, and the dominant one among them.
//!
//! The idea is that of Volfin and Cohen, "Dominant speaker identification for multipoint videoconferencing" (Computer
//! Speech and Language 27(4), 2013): judge speech activity over longer times than one packet, let a newcomer win only by
//! a margin that lasts, and never take the floor from somebody for a cough or an "mhm". We are simpler: they score
//! activity over three time spans by likelihood ratios; here one smoothed loudness of the speech packets, the time since
//! the last of them and how long a challenge has lasted do. All of it is integers, and a few dozen bytes for each talker.
//!
//! Invariant: nobody holds a slot with silence. A claimed level (RFC 6464) counts only for a packet that carries enough
//! bytes to hold a sound. What this cannot see without decoding: silence encoded at a constant bitrate.

use std::time::{Duration, Instant};

use roomtone_room::ids::TalkerNo;

use crate::frame::SLOTS;

/// Most talkers that are kept apart; the stage of a room is smaller. More cost memory, and time for each packet that
/// arrives.
pub const TALKERS_MAX: usize = 64;

/// Silence in the terms of RFC 6464.
pub const SILENCE: u8 = 127;

/// The quietest level, in -dBov, that counts as speech. Higher lets whispers and noisy rooms take slots; lower cuts
/// quiet voices and the soft beginnings of words.
const SPEECH_LEVEL: u8 = 60;

/// The most bytes in 20 ms that are taken for silence, whatever level is claimed. Opus begins at 6 kbit/s, 15 bytes in
/// 20 ms (RFC 6716, section 2.1.1); what stays below this is silence or comfort noise. Higher would cut voices at very
/// low bitrates; lower would believe a liar's comfort noise.
const NEAR_EMPTY_BYTES: usize = 10;

/// How long a slot is kept after the last speech in it. Longer keeps the ends and pauses of speech whole; shorter frees
/// the slot sooner, and sends less silence.
const SLOT_HOLD: Duration = Duration::from_millis(1200);

/// How much louder than the quietest holder, in dB, somebody must be who wants that slot. Higher makes slots stickier.
const SLOT_MARGIN: u32 = 6;

/// How long that must have been so, in speech. Longer protects more from coughs and "mhm"; shorter lets a fourth voice
/// in sooner.
const SLOT_CHALLENGE: Duration = Duration::from_millis(400);

/// How long after the last speech of the dominant talker another one who speaks becomes dominant. Longer ignores more
/// backchannel in the pauses; shorter clips less of an answer for those who hear a single voice.
const DOMINANCE_HOLD: Duration = Duration::from_millis(500);

/// How much louder than the dominant talker, in dB, somebody must be to become dominant while both speak.
const DOMINANCE_MARGIN: u32 = 6;

/// How long that must have been so, in speech.
const DOMINANCE_CHALLENGE: Duration = Duration::from_millis(1000);

/// How long somebody may pause without a challenge starting over.
const CHALLENGE_PAUSE: Duration = Duration::from_millis(200);

/// Weight of the past in the smoothed loudness: each speech packet of 20 ms moves it by 1/8 of the way, so that it
/// follows within a few syllables. Higher is slower.
const SMOOTHING: i32 = 8;

/// The smoothed loudness has this many steps to a dB.
const STEPS: u32 = 16;

/// What becomes of a packet that is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The voice slot that its talker holds, below [`SLOTS`].
    pub slot: u8,
    /// Whether its talker is the dominant one.
    pub dominant: bool,
    /// Loudness of this packet as in RFC 6464, after checking the claim: 0 is the loudest, 127 silence.
    pub level: u8,
}

/// The talkers of one room and who of them is forwarded.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    /// Those who are allowed, at most [`TALKERS_MAX`].
    talkers: Vec<Talker>,
    slots: [Slot; SLOTS],
    dominant: Option<TalkerNo>,
}

/// One voice slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    holder: Option<TalkerNo>,
    /// When it was last given up; slots never used sort first.
    freed: Option<Instant>,
}

/// What is remembered of one talker.
#[derive(Debug, Clone)]
struct Talker {
    no: TalkerNo,
    /// The slot held now or, if free, preferred on return.
    slot: Option<u8>,
    /// When speech was last heard.
    last_speech: Option<Instant>,
    /// Smoothed loudness of the speech, in 1/16 dB above silence. Pauses do not lower it: they are what holds are for.
    loudness: u32,
    /// Speech so far by which this talker has been louder than the quietest holder, by the margin.
    slot_challenge: Duration,
    /// The same towards the dominant talker.
    dominance_challenge: Duration,
}

impl Stage {
    /// Nobody is allowed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets who may be forwarded, of whom the first [`TALKERS_MAX`] count. A talker not among them loses their slot at
    /// once; the others keep what they have.
    pub fn allow(&mut self, talkers: &[TalkerNo]) {
        let allowed = &talkers[..talkers.len().min(TALKERS_MAX)];
        for slot in &mut self.slots {
            slot.holder = slot.holder.filter(|no| allowed.contains(no));
        }
        self.dominant = self.dominant.filter(|no| allowed.contains(no));
        self.talkers.retain(|talker| allowed.contains(&talker.no));
        for &no in allowed {
            if self.talker(no).is_none() {
                self.talkers.push(Talker::new(no));
            }
        }
    }

    /// An Opus packet of a talker has arrived, with the audio level claimed for it (RFC 6464) if any; without a claim
    /// the loudness is guessed from the packet's size. `None`: it is not forwarded, because its talker is not allowed,
    /// holds no slot, or the packet is malformed. Costs a few steps for each slot, and nothing is allocated.
    pub fn arrived(
        &mut self,
        now: Instant,
        talker: TalkerNo,
        claimed_level: Option<u8>,
        payload: &[u8],
    ) -> Option<Decision> {
        let duration = opus_duration(payload)?;
        let level = checked_level(claimed_level, payload, duration);
        let at = self.talkers.iter().position(|t| t.no == talker)?;
        self.tick(now);
        if level <= SPEECH_LEVEL {
            self.talkers[at].hear(now, level, duration);
            self.contend(now, at, duration);
        }
        self.choose_dominant(now, at, level, duration);
        let slot = self.slots.iter().position(|slot| slot.holder == Some(talker))?;
        Some(Decision { slot: slot as u8, dominant: self.dominant == Some(talker), level })
    }

    /// Frees the slots of those who have been silent for too long. [`Stage::arrived`] does so by itself: this is for
    /// when nothing arrives.
    pub fn tick(&mut self, now: Instant) {
        for at in 0..SLOTS {
            let Some(holder) = self.slots[at].holder else { continue };
            if self.talker(holder).is_none_or(|talker| talker.silent_for(now, SLOT_HOLD)) {
                self.slots[at] = Slot { holder: None, freed: Some(now) };
                self.dominant = self.dominant.filter(|&no| no != holder);
            }
        }
    }

    /// Who holds each slot.
    pub fn slots(&self) -> [Option<TalkerNo>; SLOTS] {
        self.slots.map(|slot| slot.holder)
    }

    /// Who is dominant: one of those who hold a slot, or nobody.
    pub fn dominant(&self) -> Option<TalkerNo> {
        self.dominant
    }

    fn talker(&self, no: TalkerNo) -> Option<&Talker> {
        self.talkers.iter().find(|talker| talker.no == no)
    }

    /// Somebody speaks: gives them a slot if they hold none and one is free or won.
    fn contend(&mut self, now: Instant, at: usize, duration: Duration) {
        let no = self.talkers[at].no;
        if self.slots.iter().any(|slot| slot.holder == Some(no)) {
            return;
        }
        // A free slot is taken with the first packet, so that no first word is clipped.
        if let Some(slot) = self.free_slot(self.talkers[at].slot) {
            return self.seat(slot, at);
        }
        let loudness_of = |slot: &Slot| slot.holder.and_then(|no| self.talker(no)).map_or(0, |t| t.loudness);
        let (slot, quietest) =
            self.slots.iter().map(loudness_of).enumerate().min_by_key(|&(_, loudness)| loudness).unwrap_or_default();
        let challenger = &mut self.talkers[at];
        let louder = challenger.loudness >= quietest + SLOT_MARGIN * STEPS;
        challenger.slot_challenge = if louder { challenger.slot_challenge + duration } else { Duration::ZERO };
        if challenger.slot_challenge >= SLOT_CHALLENGE {
            let loser = self.slots[slot].holder;
            self.slots[slot].freed = Some(now);
            self.dominant = self.dominant.filter(|&no| Some(no) != loser);
            self.seat(slot, at);
        }
    }

    /// The preferred slot if it is free, else the one that has been free for longest, so that a talker who returns soon
    /// finds their own.
    fn free_slot(&self, preferred: Option<u8>) -> Option<usize> {
        let free = |at: &usize| self.slots[*at].holder.is_none();
        let preferred = preferred.map(usize::from).filter(free);
        preferred.or_else(|| (0..SLOTS).filter(free).min_by_key(|&at| self.slots[at].freed))
    }

    fn seat(&mut self, slot: usize, at: usize) {
        let talker = &mut self.talkers[at];
        talker.slot = Some(slot as u8);
        talker.slot_challenge = Duration::ZERO;
        talker.dominance_challenge = Duration::ZERO;
        self.slots[slot].holder = Some(talker.no);
    }

    /// Makes the talker whose packet has arrived dominant, if it is their turn: nobody else is, the dominant one has
    /// paused, or this one has been louder for long enough.
    fn choose_dominant(&mut self, now: Instant, at: usize, level: u8, duration: Duration) {
        let no = self.talkers[at].no;
        let holds_slot = self.slots.iter().any(|slot| slot.holder == Some(no));
        if self.dominant == Some(no) || !holds_slot || level > SPEECH_LEVEL {
            return;
        }
        let incumbent = self.dominant.and_then(|no| self.talker(no));
        let paused = incumbent.is_none_or(|talker| talker.silent_for(now, DOMINANCE_HOLD));
        let threshold = incumbent.map_or(0, |talker| talker.loudness + DOMINANCE_MARGIN * STEPS);
        let challenger = &mut self.talkers[at];
        let louder = challenger.loudness >= threshold;
        challenger.dominance_challenge =
            if louder { challenger.dominance_challenge + duration } else { Duration::ZERO };
        if paused || challenger.dominance_challenge >= DOMINANCE_CHALLENGE {
            challenger.dominance_challenge = Duration::ZERO;
            self.dominant = Some(no);
        }
    }
}

impl Talker {
    fn new(no: TalkerNo) -> Self {
        Self {
            no,
            slot: None,
            last_speech: None,
            loudness: 0,
            slot_challenge: Duration::ZERO,
            dominance_challenge: Duration::ZERO,
        }
    }

    /// Whether no speech was heard for longer than `hold`.
    fn silent_for(&self, now: Instant, hold: Duration) -> bool {
        self.last_speech.is_none_or(|last| now.saturating_duration_since(last) > hold)
    }

    /// Takes in a packet of speech.
    fn hear(&mut self, now: Instant, level: u8, duration: Duration) {
        let loudness = u32::from(SILENCE - level.min(SILENCE)) * STEPS;
        if self.silent_for(now, CHALLENGE_PAUSE) {
            self.slot_challenge = Duration::ZERO;
            self.dominance_challenge = Duration::ZERO;
        }
        if self.silent_for(now, SLOT_HOLD) {
            // A new utterance: how loud the last one was says little.
            self.loudness = loudness;
        } else {
            // A packet of several 20 ms weighs as many; one weighs at most the whole.
            let frames = (duration.as_millis() as i32 / 20).clamp(1, SMOOTHING);
            let change = (loudness as i32 - self.loudness as i32) * frames / SMOOTHING;
            self.loudness = self.loudness.saturating_add_signed(change);
        }
        self.last_speech = Some(now);
    }
}

/// How long an Opus packet plays, in samples of 48 kHz (RFC 6716, sections 3.1 and 3.2). `None` if it is malformed:
/// empty, without frames, or longer than 120 ms.
pub fn opus_duration_samples(payload: &[u8]) -> Option<u32> {
    let toc = *payload.first()?;
    // Table 2 of section 3.1: the frame sizes of SILK, hybrid and CELT configurations, in samples of 48 kHz.
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => 120 << (config & 3),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(payload.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|samples| (1..=5760).contains(samples))
}

/// The same as a duration.
fn opus_duration(payload: &[u8]) -> Option<Duration> {
    opus_duration_samples(payload).map(|samples| Duration::from_micros(u64::from(samples) * 1000 / 48))
}

/// The level that a packet is taken to have: the one claimed, if the packet can hold a sound at all, or one guessed from
/// its size. Chromium can claim voice activity at level 127, so the level alone counts.
fn checked_level(claimed: Option<u8>, payload: &[u8], duration: Duration) -> u8 {
    let micros = duration.as_micros().max(1) as usize;
    // Compares bytes for each 20 ms, of however many there are.
    let bytes = opus_content_len(payload) * 20_000 / micros;
    if bytes <= NEAR_EMPTY_BYTES {
        return SILENCE;
    }
    // Without a claim: 11 bytes are as loud as the quietest speech, and every two more are one dB, up to -25 dBov.
    let guess = || SPEECH_LEVEL - ((bytes - NEAR_EMPTY_BYTES) / 2).min(35) as u8;
    claimed.unwrap_or_else(guess).min(SILENCE)
}

/// Bytes of an Opus packet without padding, which anybody can add (RFC 6716, section 3.2.5).
fn opus_content_len(payload: &[u8]) -> usize {
    let [toc, count, rest @ ..] = payload else {
        return payload.len();
    };
    if toc & 3 != 3 || count & 0x40 == 0 {
        return payload.len();
    }
    // Each 255 stands for 254 bytes and says that another length follows.
    let more = rest.iter().take_while(|&&byte| byte == 255).count();
    let last = rest.get(more).copied().map_or(0, usize::from);
    payload.len().saturating_sub(more * 255 + 1 + last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What talkers do for a while: each with the level of their packets.
    type Act = (u64, &'static [(u32, u8)]);

    /// A 20 ms CELT packet (configuration 31) of `len` bytes.
    fn packet(len: usize) -> Vec<u8> {
        let mut payload = vec![0x55; len];
        payload[0] = 31 << 3;
        payload
    }

    fn stage_of(talkers: u32) -> Stage {
        let mut stage = Stage::new();
        stage.allow(&(1..=talkers).map(TalkerNo).collect::<Vec<_>>());
        stage
    }

    /// The only clock of these tests: any moment will do.
    #[expect(clippy::disallowed_methods, reason = "a moment to count from; nothing depends on which")]
    fn start() -> Instant {
        Instant::now()
    }

    /// Plays acts of so many milliseconds, one packet of 20 ms after the other, and returns after each act who holds
    /// the slots (0: nobody) and who is dominant (0: nobody).
    fn play(stage: &mut Stage, acts: &[Act]) -> Vec<([u32; SLOTS], u32)> {
        let (mut now, voice, silence) = (start(), packet(80), packet(3));
        let mut outcome = Vec::new();
        for (millis, talkers) in acts {
            for _ in 0..millis / 20 {
                for &(no, level) in *talkers {
                    let payload = if level == SILENCE { &silence } else { &voice };
                    let decision = stage.arrived(now, TalkerNo(no), Some(level), payload);
                    let holds = stage.slots().iter().position(|&holder| holder == Some(TalkerNo(no)));
                    assert_eq!(decision.map(|d| usize::from(d.slot)), holds);
                    assert_eq!(decision.is_some_and(|d| d.dominant), stage.dominant() == Some(TalkerNo(no)));
                }
                now += Duration::from_millis(20);
            }
            stage.tick(now);
            let slots = stage.slots().map(|holder| holder.map_or(0, |no| no.0));
            outcome.push((slots, stage.dominant().map_or(0, |no| no.0)));
        }
        outcome
    }

    fn check(talkers: u32, acts: &[Act], expected: &[([u32; SLOTS], u32)]) {
        assert_eq!(play(&mut stage_of(talkers), acts), expected, "{acts:?}");
    }

    const ONE: Act = (1000, &[(1, 30)]);
    const PAUSE: Act = (1000, &[(1, SILENCE)]);
    const NOBODY: Act = (1400, &[]);
    const THREE: Act = (1000, &[(1, 30), (2, 30), (3, 30)]);

    #[test]
    fn one_talker_is_heard_from_the_first_packet_and_through_pauses() {
        check(3, &[(20, &[(1, 30)])], &[([1, 0, 0], 1)]);
        check(3, &[ONE, PAUSE, ONE], &[([1, 0, 0], 1); 3]);
        // Silence does not hold the slot for ever, whether it is sent or nothing is.
        check(3, &[ONE, (1400, &[(1, SILENCE)])], &[([1, 0, 0], 1), ([0; 3], 0)]);
        check(3, &[ONE, NOBODY], &[([1, 0, 0], 1), ([0; 3], 0)]);
    }

    #[test]
    fn silence_and_quiet_noise_take_no_slot() {
        check(3, &[(3000, &[(1, SILENCE), (2, 90), (3, 61)])], &[([0; 3], 0)]);
    }

    #[test]
    fn an_interruption_is_heard_at_once_and_dominant_when_it_lasts() {
        // Equally loud: both are heard, dominance stays. Much louder: it goes over after a second.
        check(3, &[ONE, (3000, &[(1, 30), (2, 30)])], &[([1, 0, 0], 1), ([1, 2, 0], 1)]);
        check(3, &[ONE, (900, &[(1, 40), (2, 25)])], &[([1, 0, 0], 1), ([1, 2, 0], 1)]);
        check(3, &[ONE, (1400, &[(1, 40), (2, 25)])], &[([1, 0, 0], 1), ([1, 2, 0], 2)]);
    }

    #[test]
    fn an_answer_is_dominant_after_half_a_second_of_pause() {
        let answer: Act = (20, &[(2, 35)]);
        check(3, &[ONE, (480, &[]), answer], &[([1, 0, 0], 1), ([1, 0, 0], 1), ([1, 2, 0], 1)]);
        check(3, &[ONE, (540, &[]), answer], &[([1, 0, 0], 1), ([1, 0, 0], 1), ([1, 2, 0], 2)]);
    }

    #[test]
    fn backchannel_steals_neither_slot_nor_dominance() {
        // "mhm", 300 ms, louder than everybody, again and again while three talk; then while they hold their breath.
        let mhm: Act = (300, &[(1, 35), (2, 35), (3, 35), (4, 20)]);
        let kept = ([1, 2, 3], 1);
        check(4, &[THREE, mhm, THREE, mhm, THREE, mhm], &[kept; 6]);
        check(4, &[THREE, (300, &[(4, 20)]), THREE], &[kept; 3]);
        // And against one talker: heard in a slot of its own, not dominant.
        check(2, &[ONE, (300, &[(1, 30), (2, 20)]), ONE], &[([1, 0, 0], 1), ([1, 2, 0], 1), ([1, 2, 0], 1)]);
    }

    #[test]
    fn five_at_once_leave_three_and_a_louder_one_wins_by_lasting() {
        let five: Act = (5000, &[(1, 30), (2, 30), (3, 34), (4, 30), (5, 30)]);
        check(5, &[five], &[([1, 2, 3], 1)]);
        // 4 shouts: after 400 ms the quietest, 3, gives way, and takes no slot back by talking on as before.
        let shout: Act = (600, &[(1, 30), (2, 30), (3, 34), (4, 20), (5, 30)]);
        let calm: Act = (5000, &[(1, 30), (2, 30), (3, 34), (4, 30), (5, 30)]);
        check(5, &[five, shout, calm], &[([1, 2, 3], 1), ([1, 2, 4], 1), ([1, 2, 4], 1)]);
    }

    #[test]
    fn whoever_loses_the_slot_loses_dominance() {
        let quieter: Act = (1000, &[(1, 34), (2, 30), (3, 30)]);
        let shout: Act = (600, &[(1, 34), (2, 30), (3, 30), (4, 20)]);
        check(4, &[quieter, shout], &[([1, 2, 3], 1), ([4, 2, 3], 4)]);
    }

    #[test]
    fn loudness_is_smoothed_over_syllables() {
        // 4 is louder by 20 dB in every other packet and quieter by 5 in the rest: louder by the margin on the whole.
        let syllables: [Act; 2] =
            [(20, &[(1, 35), (2, 35), (3, 35), (4, 15)]), (20, &[(1, 35), (2, 35), (3, 35), (4, 40)])];
        let outcome = play(&mut stage_of(4), &[&[THREE][..], &syllables.repeat(15)].concat());
        assert_eq!(outcome.last(), Some(&([4, 2, 3], 4)));
    }

    #[test]
    fn a_slot_that_falls_silent_goes_to_whoever_speaks() {
        let without_2: Act = (1400, &[(1, 30), (3, 30), (4, 30)]);
        check(4, &[THREE, without_2], &[([1, 2, 3], 1), ([1, 4, 3], 1)]);
    }

    #[test]
    fn returning_talkers_find_their_slot() {
        let one_and_two: Act = (1000, &[(1, 30), (2, 30)]);
        let two: Act = (1000, &[(2, 30)]);
        let three: Act = (1000, &[(3, 30)]);
        let expected = [([1, 2, 0], 1), ([0; 3], 0), ([0, 2, 0], 2), ([0, 2, 3], 3)];
        check(3, &[one_and_two, NOBODY, two, three], &expected);
        // A slot that was taken in the meantime is not waited for.
        let one: Act = (1000, &[(1, 30)]);
        let others: Act = (1000, &[(3, 30), (4, 30), (5, 30)]);
        let taken = [([1, 2, 0], 1), ([0; 3], 0), ([4, 5, 3], 3), ([0; 3], 0), ([1, 0, 0], 1)];
        check(5, &[one_and_two, NOBODY, others, NOBODY, one], &taken);
    }

    #[test]
    fn a_liar_is_not_heard() {
        let mut stage = stage_of(1);
        // Claims to be as loud as can be: with nothing in the packets, with padding instead of sound, with comfort
        // noise in 60 ms.
        let mut padded = packet(200);
        (padded[0], padded[1], padded[2]) = (31 << 3 | 3, 0x41, 190);
        let mut long = packet(30);
        long[0] = 3 << 3;
        for payload in [packet(1), packet(3), packet(NEAR_EMPTY_BYTES), padded, long] {
            assert_eq!(stage.arrived(start(), TalkerNo(1), Some(0), &payload), None, "{payload:x?}");
        }
        // What is not Opus is not forwarded even for somebody who holds a slot.
        assert!(stage.arrived(start(), TalkerNo(1), Some(30), &packet(80)).is_some());
        assert_eq!(stage.arrived(start(), TalkerNo(1), Some(30), &[]), None);
        // Silence within the hold is forwarded, as the silence that it is.
        let held = stage.arrived(start(), TalkerNo(1), Some(5), &packet(3));
        assert_eq!(held, Some(Decision { slot: 0, dominant: true, level: SILENCE }));
    }

    #[test]
    fn without_a_claim_size_decides() {
        let mut stage = stage_of(2);
        let mut level_of = |len| stage.arrived(start(), TalkerNo(1), None, &packet(len)).map(|d| d.level);
        assert_eq!(level_of(10), None);
        assert_eq!([level_of(60), level_of(100), level_of(400)], [Some(35), Some(25), Some(25)]);
        assert_eq!([level_of(11), level_of(10)], [Some(60), Some(SILENCE)]);
    }

    #[test]
    fn mute_in_the_middle_cuts_at_once_and_return_is_at_once() {
        let (mut stage, now) = (stage_of(2), start());
        let talk = |stage: &mut Stage, no| stage.arrived(now, TalkerNo(no), Some(30), &packet(80)).map(|d| d.slot);
        assert_eq!((talk(&mut stage, 1), talk(&mut stage, 2)), (Some(0), Some(1)));
        stage.allow(&[TalkerNo(2)]);
        assert_eq!((stage.slots(), stage.dominant()), ([None, Some(TalkerNo(2)), None], None));
        assert_eq!((talk(&mut stage, 1), talk(&mut stage, 2)), (None, Some(1)));
        assert_eq!(stage.dominant(), Some(TalkerNo(2)));
        stage.allow(&[TalkerNo(1), TalkerNo(2)]);
        assert_eq!((talk(&mut stage, 1), talk(&mut stage, 2)), (Some(0), Some(1)));
        stage.allow(&[]);
        assert_eq!((talk(&mut stage, 1), talk(&mut stage, 2)), (None, None));
        assert_eq!(stage.slots(), [None; SLOTS]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut stage = stage_of(10_000);
        assert_eq!(stage.talkers.len(), TALKERS_MAX);
        assert!(stage.arrived(start(), TalkerNo(TALKERS_MAX as u32 + 1), Some(10), &packet(80)).is_none());
        stage.allow(&(5_000..15_000).map(TalkerNo).collect::<Vec<_>>());
        assert_eq!(stage.talkers.len(), TALKERS_MAX);
    }

    #[test]
    fn opus_durations() {
        // (first byte, second byte, samples)
        let table = [
            (0, 0, Some(480)),               // SILK, 10 ms
            (3 << 3, 0, Some(2880)),         // SILK, 60 ms
            (11 << 3 | 1, 0, Some(5760)),    // SILK, two of 60 ms
            (12 << 3, 0, Some(480)),         // hybrid, 10 ms
            (15 << 3 | 2, 0, Some(1920)),    // hybrid, two of 20 ms
            (16 << 3, 0, Some(120)),         // CELT, 2.5 ms
            (31 << 3, 0, Some(960)),         // CELT, 20 ms
            (31 << 3 | 4, 0, Some(960)),     // stereo
            (31 << 3 | 3, 6, Some(5760)),    // six of 20 ms
            (31 << 3 | 3, 0xc6, Some(5760)), // with padding and different sizes
            (31 << 3 | 3, 7, None),          // 140 ms
            (31 << 3 | 3, 0, None),          // no frames
        ];
        for (toc, count, samples) in table {
            assert_eq!(opus_duration_samples(&[toc, count]), samples, "{toc:#x} {count:#x}");
        }
        assert_eq!(opus_duration_samples(&[]), None);
        assert_eq!(opus_duration_samples(&[31 << 3 | 3]), None);
    }

    #[test]
    fn padding_is_not_content() {
        let content_len = |head: &[u8], len: usize| opus_content_len(&[head, &vec![0; len - head.len()]].concat());
        assert_eq!(content_len(&[0xfb, 0x41, 5], 20), 14);
        assert_eq!(content_len(&[0xfb, 0x41, 255, 1], 400), 400 - 255 - 2);
        assert_eq!(content_len(&[0xfb, 0x01, 5], 20), 20);
        assert_eq!(content_len(&[0xf8, 0x41, 5], 20), 20);
        assert_eq!(content_len(&[0xfb, 0x41, 255, 255], 4), 0);
    }

    proptest! {
        /// Whatever arrives: a talker holds at most one slot, only if allowed and heard within the hold, and the
        /// dominant one holds a slot.
        #[test]
        fn slots_are_consistent(steps in proptest::collection::vec(
            (0u32..6, proptest::option::of(0u8..=255), proptest::collection::vec(any::<u8>(), 0..90), 0u64..400, any::<u8>()),
            0..120,
        )) {
            let (mut stage, mut now, mut allowed) = (stage_of(5), start(), (1..=5).collect::<Vec<_>>());
            let mut last_forwarded_speech = [None; 6];
            for (no, claim, payload, millis, change) in steps {
                now += Duration::from_millis(millis);
                if change < 20 {
                    allowed = (1..=5).filter(|no| change >> (no - 1) & 1 == 1).collect();
                    stage.allow(&allowed.iter().map(|&no| TalkerNo(no)).collect::<Vec<_>>());
                }
                if let Some(decision) = stage.arrived(now, TalkerNo(no), claim, &payload) {
                    prop_assert_eq!(stage.slots()[usize::from(decision.slot)], Some(TalkerNo(no)));
                    if decision.level <= SPEECH_LEVEL {
                        last_forwarded_speech[no as usize] = Some(now);
                    }
                }
                stage.tick(now);
                let holders = stage.slots().into_iter().flatten().map(|no| no.0).collect::<Vec<_>>();
                for (at, no) in holders.iter().enumerate() {
                    prop_assert!(allowed.contains(no) && !holders[..at].contains(no));
                    let last = last_forwarded_speech[*no as usize];
                    prop_assert!(last.is_some_and(|last| now - last <= SLOT_HOLD), "{} holds a slot with silence", no);
                }
                prop_assert!(stage.dominant().is_none_or(|no| holders.contains(&no.0)));
            }
        }
    }
}
