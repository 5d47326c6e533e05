//! What a plain stream costs: 20 ms of a room's mixed sound, and a page for one listener: `cargo bench -p roomtone --bench mixer`.

#![expect(missing_docs, reason = "criterion's macros make public functions")]
#![expect(clippy::unwrap_used, reason = "a benchmark stops where something is wrong")]

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use opus::{Application, Bitrate, Channels, Encoder};
use roomtone::edge;
use roomtone::mix::Mixer;
use roomtone_media::frame::Frame;
use roomtone_media::ogg::LiveOgg;
use roomtone_room::ids::{RoomId, TalkerNo};

/// Samples in 20 ms.
const TURN: usize = 960;

/// Ten seconds of somebody who talks: a voiced sound that swells and fades, as browsers encode speech.
fn talk(pitch: f64) -> Vec<Arc<[u8]>> {
    let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
    encoder.set_bitrate(Bitrate::Bits(40_000)).unwrap();
    encoder.set_inband_fec(true).unwrap();
    let wave = |seconds: f64, hertz: f64| (seconds * hertz * TAU).sin();
    let voice = |seconds: f64| {
        let vowel: f64 = (1..12).map(|n| wave(seconds, pitch * f64::from(n)) / f64::from(n)).sum();
        (vowel * wave(seconds, 2.5).powi(2) * 6_000.0) as i16
    };
    (0..500)
        .map(|n| {
            let sound: Vec<i16> = (0..TURN).map(|i| voice((n * TURN + i) as f64 / 48_000.0)).collect();
            encoder.encode_vec(&sound, 1_000).unwrap().into()
        })
        .collect()
}

fn mixed(c: &mut Criterion) {
    let said: Vec<_> = [110.0, 160.0, 220.0].into_iter().map(talk).collect();
    for talkers in [0, 1, 3] {
        let mut mixer = Mixer::new().unwrap();
        mixer.grant((0..talkers).map(|number| TalkerNo(number as u32)).collect());
        let (start, mut turn) = (edge::instant(), 0_u32);
        c.bench_function(&format!("20 ms of {talkers} talkers"), |b| {
            b.iter(|| {
                let arrived = start + Duration::from_millis(20) * turn;
                for (number, packets) in said.iter().take(talkers).enumerate() {
                    let frame = Frame {
                        room: RoomId(1),
                        talker: TalkerNo(number as u32),
                        slot: number as u8,
                        dominant: number == 0,
                        seq: (1 << 32) + u64::from(turn),
                        time: u64::from(turn) * TURN as u64,
                        level: 20,
                        arrived,
                        payload: packets[turn as usize % packets.len()].clone(),
                    };
                    mixer.push(&Arc::new(frame)).unwrap();
                }
                turn += 1;
                mixer.turn(arrived).unwrap()
            });
        });
    }
    let mut ogg = LiveOgg::new(1, true).unwrap();
    let packets = vec![vec![31 << 3 | 4; 160]; 5];
    c.bench_function("a page of 100 ms for one listener", |b| {
        b.iter(|| {
            ogg.page(&packets).unwrap();
            ogg.take()
        });
    });
}

criterion_group!(benches, mixed);
criterion_main!(benches);
