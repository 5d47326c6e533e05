//! What is heard of a mixed room, in virtual time.

use std::f64::consts::TAU;
use std::time::Instant;

use opus::{Application, Bitrate, Channels, Decoder, Encoder};
use roomtone_media::frame::Frame;

use super::*;

/// Samples of one channel in a turn.
const BLOCK: usize = 960;

/// Somebody who hums.
struct Talker {
    number: u32,
    hertz: f64,
    loud: f64,
    channels: Channels,
    encoder: Encoder,
    /// Turns that the wave has gone on for, and what the packets say of that.
    hummed: u32,
    said: u64,
    stretch: u64,
}

impl Talker {
    fn new(number: u32, hertz: f64, loud: f64, channels: Channels) -> Self {
        let mut encoder = Encoder::new(48_000, channels, Application::Voip).unwrap();
        encoder.set_bitrate(Bitrate::Bits(48_000)).unwrap();
        encoder.set_inband_fec(true).unwrap();
        encoder.set_packet_loss_perc(20).unwrap();
        Self { number, hertz, loud, channels, encoder, hummed: 0, said: 0, stretch: 1 }
    }

    /// The next 20 ms.
    fn say(&mut self, arrived: Instant) -> Arc<Frame> {
        let width = self.channels as usize;
        let at = |i: usize| (f64::from(self.hummed) * BLOCK as f64 + i as f64) / 48_000.0;
        let wave = |i: usize| ((at(i) * self.hertz * TAU).sin() * self.loud) as f32;
        let sound: Vec<f32> = (0..BLOCK * width).map(|i| wave(i / width)).collect();
        let payload: Arc<[u8]> = self.encoder.encode_vec_float(&sound, 1_000).unwrap().into();
        self.hummed += 1;
        self.said += 1;
        let (seq, time) = ((self.stretch << 32) + self.said, self.said * BLOCK as u64);
        let (talker, room) = (TalkerNo(self.number), RoomId(1));
        Arc::new(Frame { room, talker, slot: 0, dominant: true, seq, time, level: 20, arrived, payload })
    }
}

/// A mixer, and a listener.
struct World {
    mixer: Mixer,
    decoder: Decoder,
    start: Instant,
    turns: u32,
    packets: Vec<Vec<u8>>,
    /// What was heard, of the left ear.
    heard: Vec<f32>,
}

impl World {
    fn new(granted: &[u32]) -> Self {
        let mut mixer = Mixer::new().unwrap();
        mixer.grant(granted.iter().copied().map(TalkerNo).collect());
        let decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
        Self { mixer, decoder, start: edge::instant(), turns: 0, packets: Vec::new(), heard: Vec::new() }
    }

    fn now(&self) -> Instant {
        self.start + TURN * self.turns
    }

    fn turn(&mut self) {
        let packet = self.mixer.turn(self.now()).unwrap();
        let mut sound = [0.0; 2 * BLOCK];
        assert_eq!(self.decoder.decode_float(&packet, &mut sound, false).unwrap(), BLOCK);
        self.heard.extend(sound.iter().step_by(2));
        self.packets.push(packet);
        self.turns += 1;
    }

    /// Everybody talks for so many turns, all of whose packets come.
    fn talk(&mut self, turns: u32, talkers: &mut [Talker]) {
        for _ in 0..turns {
            for talker in &mut *talkers {
                self.mixer.push(&talker.say(self.now())).unwrap();
            }
            self.turn();
        }
    }

    /// How loud a pitch was in the last so many turns, as the amplitude of a wave.
    fn pitch(&self, hertz: f64, turns: usize) -> f64 {
        let last = &self.heard[self.heard.len() - turns * BLOCK..];
        let (mut re, mut im) = (0.0, 0.0);
        for (i, sample) in last.iter().enumerate() {
            let angle = i as f64 / 48_000.0 * hertz * TAU;
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        2.0 * (re * re + im * im).sqrt() / last.len() as f64
    }

    /// The loudest moment of each of the last so many turns.
    fn peaks(&self, turns: usize) -> Vec<f32> {
        let last = &self.heard[self.heard.len() - turns * BLOCK..];
        last.chunks(BLOCK).map(|turn| turn.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()))).collect()
    }
}

fn mono(number: u32, hertz: f64, loud: f64) -> Talker {
    Talker::new(number, hertz, loud, Channels::Mono)
}

#[test]
fn all_who_may_be_heard_are_and_nobody_else() {
    let mut world = World::new(&[1, 2]);
    let mut talkers = [mono(1, 400.0, 0.2), mono(2, 700.0, 0.2), mono(3, 1_100.0, 0.2)];
    world.talk(50, &mut talkers);
    let heard = |world: &World, turns| [400.0, 700.0, 1_100.0].map(|hertz| world.pitch(hertz, turns) > 0.05);
    assert_eq!(heard(&world, 20), [true, true, false]);
    // Nothing is left of whoever is muted, not even what was held back; what the encoders look ahead is over in one turn.
    world.mixer.grant([TalkerNo(2)].into());
    world.talk(1, &mut talkers);
    world.talk(4, &mut talkers);
    assert_eq!(heard(&world, 4), [false, true, false]);
}

#[test]
fn no_more_rooms_are_mixed_at_once_than_may_be() {
    let mixes = Mixes::new(mpsc::channel(1).0);
    let seats: Vec<_> = (0..MIXERS_MAX as u128).map(|room| mixes.seat(RoomId(room)).unwrap()).collect();
    assert!(mixes.seat(RoomId(99)).is_none());
    assert!(mixes.seat(RoomId(0)).is_some(), "one that is mixed already");
    drop(seats);
}

/// With its line goes what the network has not taken yet.
#[test]
fn a_stream_whose_listener_takes_nothing_is_cut() {
    let desk = Mutex::new(Desk { taken: 1, ..Desk::default() });
    let mix = Arc::new(Mix { room: RoomId(1), outlet: Arc::new(Outlet::new()), desk });
    let mut running = Running::new(Mixes::new(mpsc::channel(1).0), mix.clone()).unwrap();
    let (line, (pages, _unread)) = (Arc::new(Line::default()), mpsc::channel(1));
    let ogg = LiveOgg::new(1, true).unwrap();
    running.sinks.push(Sink { leg: LegId(1), ogg, pages, line: line.clone() });
    running.packets = vec![padded(&SILENCE).to_vec(); PAGE];
    running.give_out().unwrap();
    assert_eq!((line.is_cut(), running.sinks.len(), mix.desk().taken), (false, 1, 1));
    running.give_out().unwrap();
    assert_eq!((line.is_cut(), running.sinks.len(), mix.desk().taken), (true, 0, 0));
}

#[test]
fn silence_goes_on_at_a_constant_rate() {
    let mut world = World::new(&[1]);
    world.talk(50, &mut []);
    world.talk(50, &mut [mono(1, 400.0, 0.2)]);
    world.talk(1, &mut []);
    assert!(world.packets.iter().all(|packet| packet.len() == LEAD_PACKET));
    world.talk(100, &mut []);
    assert!(world.peaks(50).iter().all(|peak| *peak < 0.001), "{:?}", world.peaks(50));
    assert!(world.packets.iter().all(|packet| packet.len() == LEAD_PACKET));
}

/// What begins a stream is as long as the rest, and silent.
#[test]
fn the_lead_is_silent() {
    let packet = padded(&SILENCE);
    let mut decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
    let mut sound = [1.0; 2 * BLOCK];
    assert_eq!(decoder.decode_float(&packet, &mut sound, false).unwrap(), BLOCK);
    let loudest = sound.iter().fold(0.0, |loudest: f32, sample| loudest.max(sample.abs()));
    assert!(loudest < 1e-4, "{loudest}");
}

#[test]
fn what_is_late_is_there_in_time() {
    let mut world = World::new(&[1]);
    let mut talker = mono(1, 400.0, 0.3);
    let mut late = None;
    for n in 0..200_u32 {
        let frame = talker.say(world.now());
        // One of ten comes two turns later, behind others.
        match n % 10 {
            6 => late = Some(frame),
            8 => {
                world.mixer.push(&frame).unwrap();
                world.mixer.push(&late.take().unwrap()).unwrap();
            }
            _ => world.mixer.push(&frame).unwrap(),
        }
        world.turn();
    }
    assert!(world.peaks(180).iter().all(|peak| *peak > 0.28), "{:?}", world.peaks(180));
}

#[test]
fn what_is_lost_leaves_no_hole() {
    let mut world = World::new(&[1]);
    let mut talker = mono(1, 400.0, 0.3);
    for n in 0..300_u32 {
        let frame = talker.say(world.now());
        // One of ten is lost, and now and then two in a row.
        if n % 10 != 3 && n % 50 != 4 {
            world.mixer.push(&frame).unwrap();
        }
        world.turn();
    }
    assert!(world.peaks(280).iter().all(|peak| *peak > 0.05), "{:?}", world.peaks(280));
}

#[test]
fn after_a_stall_it_goes_on_and_the_delay_goes_away() {
    let mut world = World::new(&[1]);
    let mut talker = [mono(1, 400.0, 0.3)];
    world.talk(50, &mut talker);
    // Half a second of nothing, and then all of it at once.
    let held: Vec<_> = (0..25)
        .map(|_| {
            let frame = talker[0].say(world.now());
            world.turn();
            frame
        })
        .collect();
    assert!(world.peaks(1)[0] < 0.01, "it is made up for ever");
    for frame in held {
        world.mixer.push(&frame).unwrap();
    }
    world.talk(50, &mut talker);
    assert!(world.peaks(40).iter().all(|peak| *peak > 0.15), "{:?}", world.peaks(40));
    // Whatever waited too much is left out by and by: how long one is heard after the last word tells how much it is.
    world.talk(2_000, &mut talker);
    world.talk(12, &mut []);
    let last = world.peaks(12);
    assert!(last[2] > 0.15 && last[11] < 0.15, "{last:?}");
}

#[test]
fn a_talker_who_comes_back_is_heard_whatever_their_times_say() {
    let mut world = World::new(&[1]);
    let mut talker = [mono(1, 400.0, 0.3)];
    world.talk(50, &mut talker);
    for (stretch, said) in [(2, 1 << 50), (3, 5), (4, u64::MAX / 960 - 20)] {
        (talker[0].stretch, talker[0].said) = (stretch, said);
        world.talk(10, &mut talker);
        assert!(world.peaks(3).iter().all(|peak| *peak > 0.15), "{stretch}: {:?}", world.peaks(10));
    }
    // In one stretch too, when what came before is over.
    world.talk(60, &mut []);
    talker[0].said = 7;
    world.talk(10, &mut talker);
    assert!(world.peaks(3).iter().all(|peak| *peak > 0.15), "{:?}", world.peaks(10));
    let mut garbage = (*talker[0].say(world.now())).clone();
    for payload in [&[0xff; 3][..], &[], &[3], &[0xfb, 0x3f, 0xff]] {
        garbage.payload = payload.into();
        garbage.time += 960;
        world.mixer.push(&Arc::new(garbage.clone())).unwrap();
        world.turn();
    }
}

#[test]
fn three_who_shout_are_turned_down_and_not_cut_off() {
    let mut world = World::new(&[1, 2, 3]);
    let mut talkers = [1, 2, 3].map(|number| mono(number, 400.0, 0.9));
    world.talk(100, &mut talkers);
    let loudest = world.peaks(80).into_iter().fold(0.0, f32::max);
    assert!(loudest < 1.0 && loudest > 0.7, "{loudest}");
    // A wave that is cut off has others in it.
    let (wave, third) = (world.pitch(400.0, 50), world.pitch(1_200.0, 50));
    assert!(third < wave / 50.0, "{third} in {wave}");
    // One alone is as loud as ever, after a moment.
    world.talk(200, &mut talkers[..1]);
    assert!(world.pitch(400.0, 50) > 0.8, "{}", world.pitch(400.0, 50));
}

#[test]
fn music_has_two_channels_and_twice_the_rate() {
    let mut world = World::new(&[1, 2]);
    let mut talkers = [Talker::new(1, 400.0, 0.2, Channels::Stereo), mono(2, 700.0, 0.2)];
    talkers[0].encoder.set_force_channels(Some(Channels::Stereo)).unwrap();
    world.talk(20, &mut talkers);
    assert_eq!(world.packets.last().unwrap().len(), 2 * LEAD_PACKET);
    world.talk(480, &mut talkers[1..]);
    assert_eq!(world.packets.last().unwrap().len(), 2 * LEAD_PACKET);
    world.talk(40, &mut talkers[1..]);
    assert_eq!(world.packets.last().unwrap().len(), LEAD_PACKET);
}
