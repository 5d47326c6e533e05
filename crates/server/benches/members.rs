//! How long the hallway, search and a profile take among a hundred thousand members, with the server on one core, and at last
//! how long it takes to suspend them all: `make bench NAME=members`, which starts Postgres as well. Writes target/bench/members.json, one object for each database.
//!
//! The SQLite database is made once and kept in target/bench/members. `ROOMTONE_BENCH_DIVISOR=100` makes everything a
//! hundred times smaller, to try the benchmark itself.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, prints, and stops where something is wrong"
)]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use clap::Parser;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use roomtone::app::App;
use roomtone::cli::{Cli, Command};
use roomtone::edge::{self, Secret};
use roomtone::observe::Observe;
use roomtone_room::ids::MemberId;
use roomtone_store::Store;
use roomtone_store::fill::{self, Dice, Filled, Size};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// The core that the server has, and Postgres, and the one from which is asked.
const SERVER_CORE: usize = 0;
const CLIENT_CORE: usize = 1;

const SIZE: Size = Size { members: 100_000, edges: 5_000_000, houses: 500 };
const ROOMS: usize = 200;
/// People in each room, its host among them.
const IN_A_ROOM: usize = 10;
/// Members who ask. Many, so that nothing is answered from what the one before has warmed.
const VIEWERS: usize = 400;
/// Requests of each kind, one after another.
const REQUESTS: usize = 2_000;
/// Clients that ask for everything at once, in a second run.
const AT_ONCE: usize = 4;

type Http = Client<HttpConnector, Full<Bytes>>;

fn main() {
    let divisor: u32 = std::env::var("ROOMTONE_BENCH_DIVISOR").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let size = Size {
        members: (SIZE.members / divisor).max(ROOMS as u32 * IN_A_ROOM as u32 + 500),
        edges: SIZE.edges / u64::from(divisor),
        houses: SIZE.houses / divisor,
    };
    // Cargo runs benchmarks in the folder of their package.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    let mut reports = vec![run(&sqlite(&folder, size), None, size)];
    match std::env::var("ROOMTONE_TEST_POSTGRES") {
        Ok(url) => {
            let data = folder.join("members/postgres");
            let _ = std::fs::remove_dir_all(&data);
            let client = client_runtime();
            client.block_on(async {
                let store = Store::connect(&url).await.unwrap();
                fill::fill(&store, size).await.unwrap();
                store.close().await;
            });
            reports.push(run(&data, Some(&url), size));
        }
        Err(_) => println!("no Postgres: run this by scripts/postgres.sh"),
    }
    let text = format!("{:#}\n", Value::from(reports));
    std::fs::write(folder.join("members.json"), &text).unwrap();
    print!("{text}");
}

/// A copy of the filled SQLite database, in a data folder of its own.
fn sqlite(folder: &Path, size: Size) -> PathBuf {
    let kept = folder.join(format!("members/{}-{}-v{}", size.members, size.edges, fill::VERSION));
    let client = client_runtime();
    client.block_on(async {
        // One that was made with other tables, or not to the end, is made anew.
        if Store::open(&kept).await.is_ok_and(|_| kept.join("complete").exists()) {
            return;
        }
        let _ = std::fs::remove_dir_all(&kept);
        let begun = Instant::now();
        let store = Store::open(&kept).await.unwrap();
        fill::fill(&store, size).await.unwrap();
        store.close().await;
        std::fs::write(kept.join("complete"), "").unwrap();
        println!("filled in {:.0?}", begun.elapsed());
    });
    let data = folder.join("members/sqlite");
    let _ = std::fs::remove_dir_all(&data);
    std::fs::create_dir_all(&data).unwrap();
    std::fs::copy(kept.join(roomtone_store::DATABASE_FILE), data.join(roomtone_store::DATABASE_FILE)).unwrap();
    data
}

/// Starts the server on one core and asks it from another.
fn run(data: &Path, postgres: Option<&str>, size: Size) -> Value {
    let people = fill::filled(size);
    let server = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_start(|| pin(SERVER_CORE))
        .build()
        .unwrap();
    let client = client_runtime();
    let mut dice = Dice::new(9);
    // In rooms are those whom many follow, as it is; who asks is anybody.
    let mut known: Vec<usize> = (0..people.len()).collect();
    known.sort_by_key(|number| std::cmp::Reverse(people[*number].followers));
    let mut inside = BTreeSet::new();
    while inside.len() < ROOMS * IN_A_ROOM {
        inside.insert(known[dice.common(known.len() as u64) as usize]);
    }
    let inside: Vec<usize> = inside.into_iter().collect();
    let viewers: Vec<usize> = (0..VIEWERS).map(|_| dice.below(people.len() as u64) as usize).collect();
    let token = |numbers: &[usize]| numbers.iter().map(|_| Secret::draw()).collect::<Vec<_>>();
    let (inside_tokens, viewer_tokens) = (token(&inside), token(&viewers));
    let sessions: Vec<_> = inside
        .iter()
        .zip(&inside_tokens)
        .chain(viewers.iter().zip(&viewer_tokens))
        .map(|(number, secret)| (people[*number].id, secret.hash))
        .collect();
    let mut arguments = vec!["roomtone".into(), "serve".into(), "--listen=127.0.0.1:0".into()];
    arguments.extend(["--media=127.0.0.1:0".into(), "--media-threads=1".into(), "--data".into(), data.into()]);
    arguments.extend(postgres.map(|url| format!("--database={url}").into()));
    let (app, listener) = client
        .block_on(server.spawn(async move {
            let Command::Serve(options) = Cli::parse_from::<_, std::ffi::OsString>(arguments).command else {
                unreachable!()
            };
            let (app, listener) = App::start(&options, Observe::install()).await.unwrap();
            fill::sessions(&app.store, &sessions, edge::now()).await.unwrap();
            (app, listener)
        }))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = app.clone();
    let served = server.spawn(async move {
        roomtone::serve::serve(serving, listener, async { drop(stopped.await) }).await.unwrap();
    });
    let inside: Vec<(usize, String)> = inside.into_iter().zip(inside_tokens.into_iter().map(|one| one.text)).collect();
    let viewers: Vec<String> = viewer_tokens.into_iter().map(|one| one.text).collect();
    let report = client.block_on(async {
        let asking = Arc::new(Asking { address, http: Client::builder(TokioExecutor::new()).build_http(), viewers });
        let sockets = open_rooms(&asking, &people, &inside).await;
        let mut report = measure(&asking, &people, postgres, size).await;
        let root = people[0].handle.clone();
        let ids = people.iter().map(|one| one.id).collect();
        suspend_all(&asking, &server, app, &root, ids, sockets, &mut report).await;
        report
    });
    let _ = stop.send(());
    client.block_on(served).unwrap();
    report
}

fn client_runtime() -> tokio::runtime::Runtime {
    pin(CLIENT_CORE);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Keeps this thread, and those that it starts, on one core; where there is only one, all share it.
fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    let _ = sched_setaffinity(None, &cores);
}

struct Asking {
    address: SocketAddr,
    http: Http,
    viewers: Vec<String>,
}

impl Asking {
    async fn send(&self, method: Method, path: &str, token: &str, body: String) -> (StatusCode, Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let answer = self.http.request(request.body(Full::from(body)).unwrap()).await.unwrap();
        let status = answer.status();
        (status, answer.into_body().collect().await.unwrap().to_bytes())
    }

    /// Asks and says how long the whole answer took.
    async fn ask(&self, number: usize, path: &str) -> Duration {
        let begun = Instant::now();
        let (status, body) =
            self.send(Method::GET, path, &self.viewers[number % self.viewers.len()], String::new()).await;
        let took = begun.elapsed();
        // A block may hide the one who was asked for.
        assert!(status.is_success() || status == StatusCode::NOT_FOUND, "{path}: {status} {body:?}");
        took
    }
}

/// Opens the rooms and brings people into them; they stay while the set is kept.
async fn open_rooms(asking: &Arc<Asking>, people: &[Filled], inside: &[(usize, String)]) -> JoinSet<()> {
    let mut sockets = JoinSet::new();
    for (room, inside) in inside.chunks(IN_A_ROOM).enumerate() {
        let kind = ["open", "open", "open", "social", "open", "closed"][room % 6];
        let named: Vec<&str> = inside[1..].iter().map(|(number, _)| people[*number].handle.as_str()).collect();
        let title = format!("An evening with {}", people[inside[0].0].name);
        let (language, named) = (["en", "ru"][room % 2], if kind == "open" { Vec::new() } else { named });
        let body = json!({ "title": title, "kind": kind, "language": language, "topics": ["jazz"], "named": named });
        let (status, answer) = asking.send(Method::POST, "/api/rooms", &inside[0].1, body.to_string()).await;
        assert_eq!(status, StatusCode::CREATED, "{answer:?}");
        let id = serde_json::from_slice::<Value>(&answer).unwrap()["id"].as_str().unwrap().to_owned();
        for (_, token) in inside {
            let mut request = format!("ws://{}/api/rooms/{id}/ws", asking.address).into_client_request().unwrap();
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            // Blocks among those inside keep a few out.
            let Ok((mut socket, _)) = tokio_tungstenite::connect_async(request).await else { continue };
            socket.next().await.unwrap().unwrap();
            sockets.spawn(async move { while socket.next().await.is_some_and(|message| message.is_ok()) {} });
        }
    }
    sockets
}

async fn measure(asking: &Arc<Asking>, people: &[Filled], postgres: Option<&str>, size: Size) -> Value {
    let (begun, cpu) = (Instant::now(), Cpu::now(postgres));
    let kinds: [(&str, Vec<String>); 3] = [
        ("hallway", vec!["/api/rooms".to_owned(); REQUESTS]),
        ("search", searches(people, REQUESTS)),
        ("profile", profiles(people, REQUESTS)),
    ];
    let mut report = json!({
        "database": if postgres.is_some() { "postgres" } else { "sqlite" },
        "members": size.members, "edges": people.iter().map(|one| one.following).sum::<u64>(), "houses": size.houses,
        "rooms": ROOMS, "viewers": asking.viewers.len(), "requests": 3 * REQUESTS,
    });
    for (kind, paths) in &kinds {
        // The first ones fill the caches, as those before them have done in a server that runs.
        for (number, path) in paths.iter().rev().take(100).enumerate() {
            asking.ask(number, path).await;
        }
        let mut took = Vec::new();
        for (number, path) in paths.iter().enumerate() {
            took.push((asking.ask(number, path).await, path));
        }
        took.sort();
        let slowest: Vec<_> = took.iter().rev().take(8).map(|(took, path)| format!("{path} {took:.1?}")).collect();
        println!("{kind}, slowest: {}", slowest.join(", "));
        add(&mut report, kind, "", took.into_iter().map(|(took, _)| took).collect());
    }
    report["server_cpu_cores"] = cores(&cpu, postgres, begun);
    // All kinds from several at once: each waits for the others.
    let begun = (Instant::now(), Cpu::now(postgres));
    let mut clients = JoinSet::new();
    for client in 0..AT_ONCE {
        let (asking, kinds) = (asking.clone(), kinds.clone());
        clients.spawn(async move {
            let mut took: [Vec<Duration>; 3] = Default::default();
            for number in (client..REQUESTS).step_by(AT_ONCE) {
                for (took, (_, paths)) in took.iter_mut().zip(&kinds) {
                    took.push(asking.ask(number + 7, &paths[number]).await);
                }
            }
            took
        });
    }
    let mut all: [Vec<Duration>; 3] = Default::default();
    while let Some(took) = clients.join_next().await {
        all.iter_mut().zip(took.unwrap()).for_each(|(all, took)| all.extend(took));
    }
    report["clients_at_once"] = AT_ONCE.into();
    report["requests_per_second_at_once"] = (3.0 * REQUESTS as f64 / begun.0.elapsed().as_secs_f64()).into();
    report["server_cpu_cores_at_once"] = cores(&begun.1, postgres, begun.0);
    for (took, (kind, _)) in all.into_iter().zip(&kinds) {
        add(&mut report, kind, "_at_once", took);
    }
    report
}

/// Suspends everybody, who all came in below the first of them, while 2,000 of them are in rooms.
async fn suspend_all(
    asking: &Asking,
    server: &tokio::runtime::Runtime,
    app: Arc<App>,
    root: &str,
    members: Vec<MemberId>,
    mut sockets: JoinSet<()>,
    report: &mut Value,
) {
    // Each has a browser.
    let (count, within) = (members.len(), app.clone());
    let link = server.spawn(async move {
        let mut dice = Dice::new(13);
        let mut browser = |member| (member, std::array::from_fn(|_| dice.below(256) as u8));
        let sessions: Vec<_> = members.into_iter().map(&mut browser).collect();
        fill::sessions(&within.store, &sessions, edge::now()).await.unwrap();
        within.owner_link().await.unwrap().unwrap()
    });
    let link = link.await.unwrap();
    let path = format!("/api/invites/{}/redeem", link.rsplit('/').next().unwrap());
    let owner = json!({ "handle": "the_owner_of_it", "name": "Owner", "language": "en" }).to_string();
    let owner = asking.http.request(
        Request::post(format!("http://{}{path}", asking.address))
            .header("content-type", "application/json")
            .body(Full::from(owner))
            .unwrap(),
    );
    let owner = owner.await.unwrap();
    let token = owner.headers()["set-cookie"].to_str().unwrap().split(['=', ';']).nth(1).unwrap().to_owned();

    // Room logs and everything else that is written wait for the same connection.
    let (done, mut over) = tokio::sync::oneshot::channel::<()>();
    let within = app.clone();
    let writing = server.spawn(async move {
        let mut longest = Duration::ZERO;
        while over.try_recv().is_err() {
            let begun = Instant::now();
            within.store.set_setting("bench", "x").await.unwrap();
            longest = longest.max(begun.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        longest
    });
    let begun = Instant::now();
    let path = format!("/api/admin/members/{root}/suspend");
    let answer = async {
        let body = json!({ "branch": true, "reason": "A ring of them" }).to_string();
        let (status, answer) = asking.send(Method::POST, &path, &token, body).await;
        assert_eq!(status, StatusCode::OK, "{answer:?}");
        assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["count"], count);
        begun.elapsed()
    };
    let emptied = async {
        while sockets.join_next().await.is_some() {}
        begun.elapsed()
    };
    let (answered, emptied) = tokio::join!(answer, emptied);
    let cleaned = server.spawn(async move {
        while !app.store.suspended_with_sessions().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed()
    });
    let cleaned = cleaned.await.unwrap();
    let _ = done.send(());
    let longest = writing.await.unwrap();
    for (name, took) in [
        ("suspend_out_of_rooms_ms", emptied),
        ("suspend_answered_ms", answered),
        ("suspend_sessions_gone_ms", cleaned),
        ("suspend_longest_other_write_ms", longest),
    ] {
        report[name] = (took.as_millis() as u64).into();
    }
}

fn add(report: &mut Value, kind: &str, more: &str, mut took: Vec<Duration>) {
    took.sort();
    for percent in [50, 95, 99] {
        let rank = (took.len() * percent / 100).min(took.len() - 1);
        let millis = (took[rank].as_secs_f64() * 100_000.0).round() / 100.0;
        report[format!("{kind}{more}_ms_p{percent}")] = millis.into();
    }
}

/// What people type: beginnings of names of two to eight letters, names with an error, two words, handles, and what nobody
/// is called.
fn searches(people: &[Filled], count: usize) -> Vec<String> {
    let mut dice = Dice::new(11);
    let mut made = Vec::with_capacity(count);
    for number in 0..count {
        let person = &people[dice.below(people.len() as u64) as usize];
        let words: Vec<&str> = person.name.split(' ').collect();
        let word: Vec<char> = words[dice.below(2) as usize].chars().collect();
        let begun = |letters: u64| word.iter().take(letters as usize).collect::<String>();
        let typed = match number % 8 {
            0..=2 => begun(2 + dice.below(7)),
            3 => {
                let mut wrong = word.clone();
                let at = dice.below(wrong.len() as u64 - 1) as usize;
                match dice.below(3) {
                    0 => wrong.swap(at, at + 1),
                    1 => drop(wrong.remove(at)),
                    _ => wrong[at] = if word[0].is_ascii() { 'q' } else { 'щ' },
                }
                wrong.into_iter().collect()
            }
            4 => person.name.to_lowercase(),
            5 => format!("{} {}", words[1], words[0].chars().take(2).collect::<String>()),
            6 => person.handle.clone(),
            _ => (0..3 + dice.below(8)).map(|_| char::from(b'a' + dice.below(26) as u8)).collect(),
        };
        let encoded: String = typed.bytes().map(|byte| format!("%{byte:02X}")).collect();
        made.push(format!("/api/search?q={encoded}"));
    }
    made
}

/// Every other one of those whom everybody knows.
fn profiles(people: &[Filled], count: usize) -> Vec<String> {
    let mut dice = Dice::new(12);
    let mut known: Vec<&Filled> = people.iter().collect();
    known.sort_by_key(|one| std::cmp::Reverse(one.followers));
    let path = |number| {
        let rank = if number % 2 == 0 { dice.common(known.len() as u64) } else { dice.below(known.len() as u64) };
        format!("/api/members/{}", known[rank as usize].handle)
    };
    (0..count).map(path).collect()
}

/// Processor time so far: of this process without the thread that asks, and of Postgres' processes.
struct Cpu(Duration);

impl Cpu {
    fn now(postgres: Option<&str>) -> Self {
        let own = Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime)).unwrap();
        Self(own - edge::thread_time() + postgres.and_then(postgres_time).unwrap_or_default())
    }
}

fn cores(before: &Cpu, postgres: Option<&str>, begun: Instant) -> Value {
    let cores = (Cpu::now(postgres).0.saturating_sub(before.0)).as_secs_f64() / begun.elapsed().as_secs_f64();
    ((cores * 100.0).round() / 100.0).into()
}

/// Of the server whose socket is in the address: its first process and those that it started. Those that have ended are
/// counted by the first.
fn postgres_time(url: &str) -> Option<Duration> {
    let run = Path::new(url.split("host=").nth(1)?);
    let first = std::fs::read_to_string(run.parent()?.join("data/postmaster.pid")).ok()?;
    let first = first.lines().next()?;
    let mut ticks = 0u64;
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        // After the name, which may have spaces: state, parent, and the times as the 12th to 15th of what is there.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let of_it = process.file_name() == first || fields.get(1) == Some(&first);
        if of_it {
            let last = if process.file_name() == first { 15 } else { 13 };
            ticks += fields.get(11..last)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        }
    }
    // Linux counts these in hundredths of a second.
    Some(Duration::from_millis(ticks * 10))
}
