//! What one packet costs on the way to a listener: sealing, fan-out to ten thousand settled legs, stage, packing.
//!
//! `cargo bench -p roomtone-media`; figures are in docs/adr/0005. The fan-out must not allocate, which is checked here.

#![expect(clippy::disallowed_methods, reason = "a benchmark needs some moment to start from; time then goes by itself")]
#![expect(clippy::print_stdout, reason = "what it measures besides time is told here")]
#![expect(missing_docs, reason = "criterion's macros make public functions")]

use std::alloc::System;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dimpl::{Config, Dtls, DtlsCertificate, Output as DtlsOutput};
use is::stun::{StunMessage, TransId};
use roomtone_media::feed::Tier;
use roomtone_media::frame::Frame;
use roomtone_media::identity::Identity;
use roomtone_media::leg::{Fingerprint, IceCredentials, LegId, Path};
use roomtone_media::listen::SETTLE;
use roomtone_media::pack;
use roomtone_media::rtp::{self, AudioLevel, Header};
use roomtone_media::shard::{Grant, Input, LegEvent, ListenSetup, ListenSlot, Output, Shard, ShardConfig};
use roomtone_media::srtp::{Keys, Profile};
use roomtone_media::stage::Stage;
use roomtone_room::ids::{RoomId, TalkerNo};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const LEGS: u32 = 10_000;
const ROOM: RoomId = RoomId(7);
const TALKER: TalkerNo = TalkerNo(1_000_000);
/// One packet of 20 ms at 32 kbit/s.
const PAYLOAD: usize = 80;
const FRAME: Duration = Duration::from_millis(20);

/// A shard with settled listen legs, in virtual time from here on.
struct Hall {
    shard: Shard,
    now: Instant,
    /// Frames said so far.
    said: u64,
}

impl Hall {
    fn new(legs: u32) -> Self {
        let now = Instant::now();
        let identity = Arc::new(Identity::generate().expect("cryptography works"));
        let config = ShardConfig { identity, started: now, unix_millis: 1_795_348_800_000, max_legs: legs as usize };
        let mut hall = Self { shard: Shard::new(config), now, said: 0 };
        let certificate = dimpl::certificate::generate_self_signed_certificate().expect("cryptography works");
        let handshake = Arc::new(Config::builder().build().expect("the library's own defaults are valid"));
        let (before, region) = (memory(), Region::new(ALLOCATOR));
        for n in 0..legs {
            hall.connect(n, &handshake, &certificate);
            // A rush: a thousand enter in each second.
            hall.now += Duration::from_millis(1);
            hall.handle(Input::Timeout);
        }
        hall.now += SETTLE;
        hall.handle(Input::Timeout);
        let (talkers, until) = ([TALKER].into(), now + Duration::from_secs(1 << 30));
        hall.handle(Input::Grant(Grant { room: ROOM, epoch: 1, until, talkers }));
        // The first frames of a leg set its timer for reports.
        (0..10).for_each(|_| _ = hall.say());
        let held = region.change().bytes_allocated - region.change().bytes_deallocated;
        let resident = memory().saturating_sub(before);
        println!(
            "each of {legs} settled legs: {} bytes held by Rust, {} resident with what cryptography holds",
            held / legs as usize,
            resident / u64::from(legs)
        );
        hall
    }

    /// Takes one listener through check and handshake.
    fn connect(&mut self, n: u32, handshake: &Arc<Config>, certificate: &DtlsCertificate) {
        let creds = |side: &str| IceCredentials { ufrag: format!("{side}{n:013}"), pwd: format!("{side}-{n:028}") };
        let (local, remote) = (creds("srv"), creds("cli"));
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate.certificate);
        let fingerprint = Fingerprint(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"));
        let line = |slot: u32| ListenSlot {
            payload_type: 111,
            red: Some(63),
            level_ext: Some(1),
            nack: true,
            ssrc: n * 4 + slot,
            seq: n as u16 & 0x7FFF,
            time: n,
        };
        let path = Path::Udp(SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 4000)));
        self.handle(Input::AddListen(Box::new(ListenSetup {
            leg: LegId(u128::from(n)),
            room: ROOM,
            talker: TalkerNo(n),
            local: local.clone(),
            remote: remote.clone(),
            fingerprint,
            slots: (0..3).map(line).collect(),
            cname: format!("{n:016}"),
        })));
        let user = format!("{}:{}", local.ufrag, remote.ufrag);
        let check = StunMessage::binding_request(&user, TransId::new(), true, 1, 1, true);
        let mut bytes = [0; 512];
        let len = check.to_bytes(Some(local.pwd.as_bytes()), &mut bytes, hmac_sha1).expect("512 bytes hold a check");
        self.handle(Input::Datagram { path, bytes: &mut bytes[..len] });
        let mut client = Dtls::new_12(handshake.clone(), certificate.clone(), self.now);
        client.set_active(true);
        client.handle_timeout(self.now).expect("a client starts");
        let mut connected = false;
        for _ in 0..10 {
            let mut buffer = [0; 2048];
            let mut up = Vec::new();
            while let DtlsOutput::Packet(bytes) = skip_events(&mut client, &mut buffer) {
                up.push(bytes.to_vec());
            }
            let mut down = Vec::new();
            for mut bytes in up {
                self.shard.handle(self.now, Input::Datagram { path, bytes: &mut bytes });
                loop {
                    match self.shard.poll(self.now) {
                        Output::Transmit { bytes, .. } => down.push(bytes.to_vec()),
                        Output::Leg { event, .. } => connected |= event == LegEvent::Connected,
                        Output::Timeout(at) if at > self.now => break,
                        Output::Timeout(_) => {}
                        Output::Frame(_) => {}
                    }
                }
            }
            down.iter().for_each(|bytes| client.handle_packet(bytes).expect("the handshake goes on"));
            if connected {
                return;
            }
        }
        panic!("leg {n} did not connect");
    }

    fn handle(&mut self, input: Input<'_>) {
        self.shard.handle(self.now, input);
        self.drain();
    }

    /// Takes out everything; returns how many packets that were.
    fn drain(&mut self) -> u64 {
        let mut packets = 0;
        loop {
            match self.shard.poll(self.now) {
                Output::Transmit { bytes, .. } => packets += u64::from(!black_box(bytes).is_empty()),
                Output::Timeout(at) if at > self.now => return packets,
                _ => {}
            }
        }
    }

    /// One frame, to everybody it is due for; returns how many packets that were. Time stands still, since nobody here
    /// keeps consent alive.
    fn say(&mut self) -> u64 {
        self.said += 1;
        let mut payload = vec![0x55; PAYLOAD];
        payload[0] = 31 << 3;
        let frame = Frame {
            room: ROOM,
            talker: TALKER,
            slot: 0,
            dominant: true,
            seq: self.said,
            time: self.said * 960,
            level: 20,
            arrived: self.now,
            payload: payload.into(),
        };
        self.shard.handle(self.now, Input::Frame(Arc::new(frame)));
        self.drain()
    }
}

/// The next packet of a client's, if it has one.
fn skip_events<'a>(client: &mut Dtls, buffer: &'a mut [u8; 2048]) -> DtlsOutput<'a> {
    let mut copy = [0; 2048];
    loop {
        let len = match client.poll_output(&mut copy) {
            DtlsOutput::Packet(bytes) => bytes.len(),
            DtlsOutput::Timeout(at) => return DtlsOutput::Timeout(at),
            _ => continue,
        };
        buffer[..len].copy_from_slice(&copy[..len]);
        return DtlsOutput::Packet(&buffer[..len]);
    }
}

fn hmac_sha1(key: &[u8], pieces: &[&[u8]]) -> [u8; 20] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key));
    pieces.iter().for_each(|piece| context.update(piece));
    context.sign().as_ref().try_into().expect("SHA-1 has 20 bytes")
}

/// How long something keeps the processor busy: what others do on the machine does not count. Where the kernel does not
/// tell (schedstats of proc(5)), how long it takes.
fn on_cpu(act: impl FnOnce()) -> Duration {
    let busy = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    let (began, before) = (Instant::now(), busy());
    act();
    match (before, busy()) {
        (Some(before), Some(after)) if after > before => after - before,
        _ => began.elapsed(),
    }
}

/// Resident memory of this process in bytes (proc(5)); 0 where that is not to be had.
fn memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    for (profile, material) in
        [(Profile::AeadAes128Gcm, 56), (Profile::AeadAes256Gcm, 88), (Profile::Aes128CmSha1_80, 60)]
    {
        let (sealer, _) = Keys::from_dtls(profile, &vec![7; material], true).expect("as many bytes as it needs");
        let mut packet = [0x55; 1400];
        let mut index = 0;
        group.bench_function(format!("{profile:?}"), |bencher| {
            bencher.iter(|| {
                index += 1;
                let audio_level = Some(AudioLevel { id: 1, level: 20, voice: true });
                let (seq, time) = (index as u16, index as u32 * 960);
                let header =
                    Header { marker: false, payload_type: 111, seq, time, ssrc: 9, csrc: Some(3), audio_level };
                let start = rtp::write_header(&header, &mut packet);
                sealer.seal_rtp(black_box(&mut packet), start, start + PAYLOAD, index)
            });
        });
    }
}

fn fan_out(criterion: &mut Criterion) {
    let mut hall = Hall::new(LEGS);
    let mut group = criterion.benchmark_group("fan_out");
    group.sample_size(20);
    for (tier, frames) in [(Tier::Ms20, 1), (Tier::Ms60, 3), (Tier::Ms120, 6)] {
        (0..LEGS).for_each(|n| hall.handle(Input::SetTier { leg: LegId(u128::from(n)), tier }));
        (0..24).for_each(|_| _ = hall.say());
        // What a frame itself takes does not grow with the audience.
        let region = Region::new(ALLOCATOR);
        let packets: u64 = (0..frames).map(|_| hall.say()).sum();
        let allocations = region.change().allocations;
        println!("{tier:?}: {allocations} allocations for {packets} packets in {frames} frames");
        assert!(packets == u64::from(LEGS) && allocations < 100, "nothing is allocated for a listener");
        group.throughput(Throughput::Elements(u64::from(LEGS)));
        group.bench_function(BenchmarkId::from_parameter(format!("{tier:?}")), |bencher| {
            bencher.iter_custom(|times| on_cpu(|| (0..times * frames).for_each(|_| _ = hall.say())));
        });
    }
}

fn stage(criterion: &mut Criterion) {
    let mut stage = Stage::new();
    let talkers: Vec<TalkerNo> = (1..=50).map(TalkerNo).collect();
    stage.allow(&talkers);
    let payload = [31 << 3; PAYLOAD];
    let (mut now, mut n) = (Instant::now(), 0);
    criterion.bench_function("stage/50 talkers", |bencher| {
        bencher.iter(|| {
            n = (n + 1) % 50;
            now += FRAME / 50;
            stage.arrived(now, talkers[n], Some(20 + n as u8 % 30), black_box(&payload))
        });
    });
}

fn packing(criterion: &mut Criterion) {
    let packets: Vec<Vec<u8>> = (0..6).map(|n| [vec![31 << 3], vec![n; PAYLOAD - n as usize]].concat()).collect();
    let parts: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    for count in [3, 6] {
        criterion.bench_function(&format!("pack/{count} frames"), |bencher| {
            bencher.iter(|| pack::join(black_box(&parts[..count])));
        });
    }
}

/// The same with few legs, all of which fit into the caches: what remains is our work.
fn small_fan_out(criterion: &mut Criterion) {
    let mut hall = Hall::new(100);
    criterion.bench_function("fan_out/100 legs", |bencher| {
        bencher.iter_custom(|times| on_cpu(|| (0..times).for_each(|_| _ = hall.say())));
    });
}

criterion_group!(benches, small_fan_out, seal, stage, packing, fan_out);
criterion_main!(benches);
