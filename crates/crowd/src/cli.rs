//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::fleet::flood::PER_SECOND_MAX;
use crate::fleet::{flood, floor, worker};
use crate::report::Report;
use crate::scenario::load::{Full, Load};
use crate::scenario::{Plan, Scenario, bench};
use crate::server::{Packing, Server, Settings};
use crate::{Error, Result, demo, relay, scenario};

/// Talkers and listeners that are not browsers.
#[derive(Debug, Parser)]
#[command(name = "crowd", version, arg_required_else_help = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One room: every packet is compared with what was sent; the server's processor time and memory are measured.
    Room(Run),
    /// Members enter one after another: time from opening the control socket to the first packet.
    Entry(Run),
    /// One room: many listen to talkers who talk without a pause.
    Audience(Crowd),
    /// One room: many listen to a stage that talks in turns and over each other.
    Panel(Crowd),
    /// One room: many listen to a talk with pauses, in which the server shows everybody that the way still leads to them.
    Pauses(Crowd),
    /// Everybody enters in one burst: from the first sign-in to the last one's first packet.
    Rush(Crowd),
    /// People enter and leave all the time; the roster is compared with those who receive, memory is sampled.
    Churn(Churn),
    /// Many small rooms, each with a talker.
    Rooms(Rooms),
    /// One room, with garbage on the media ports for the second half of the time.
    Flood(Flood),
    /// More people knock than the server takes.
    Overload(Overload),
    /// Somebody keeps sending and receiving after every way out, by every trick; then members do everything at random. Fails if
    /// anything was heard that should not have been, or if the roster is not those who receive.
    Hostile(Hostile),
    /// A talk is recorded while the server is killed again and again. Fails if a track cannot be read, a second is lost, somebody is
    /// stored who refused, or a consent is forgotten.
    Recording(Recording),
    /// Visitors without an account read public pages: how late they come, and what one costs the server.
    Pages(Pages),
    /// Joins a room that is there and prints JSON lines of what it hears; with --talk it talks as well.
    Peer(Peer),
    /// Keeps three rooms of a running server alive: people who talk, and an audience that comes and goes.
    Demo(Demo),
    /// A way to the media ports of a server of this machine that loses, delays, moves and blocks: orders on standard input.
    Relay(Relay),
    /// Runs the standard set of benchmarks, or one, at a size that suits the machine, and writes FOLDER/NAME.json for each
    /// and FOLDER/TABLE.md.
    Bench(Bench),
    /// A load process: orders on standard input, reports on standard output.
    #[command(hide = true)]
    Worker,
    /// The bare loop: an order on standard input, its processor time on standard output.
    #[command(hide = true)]
    FloorWorker,
    /// Garbage: an order on standard input, what was sent on standard output.
    #[command(hide = true)]
    FloodWorker,
}

/// Where the server is.
#[derive(Debug, Clone, Args)]
struct Where {
    /// A running server, like http://127.0.0.1:8080; without it one is started
    #[arg(long, requires = "data")]
    server: Option<String>,
    /// The data folder of the running server, for invites
    #[arg(long, requires = "server")]
    data: Option<PathBuf>,
    /// The program that serves and makes invites
    #[arg(long, env = "ROOMTONE_BIN", default_value = "target/release/roomtone")]
    server_binary: PathBuf,
}

impl Where {
    /// # Errors
    /// [`Error::Usage`] for settings of a server that runs already.
    async fn server(&self, settings: &Settings) -> Result<Server> {
        match (&self.server, &self.data) {
            (Some(_), Some(_)) if *settings != Settings::default() => {
                Err(Error::Usage("--packing and --max-listeners are for a server that is started here".into()))
            }
            (Some(url), Some(data)) => Server::running(url, data, &self.server_binary),
            _ => Server::start(&self.server_binary, settings).await,
        }
    }
}

#[derive(Debug, Clone, Args)]
struct Run {
    /// How many listen
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    listeners: u32,
    /// How many talk
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=50))]
    talkers: u32,
    /// How long is measured, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    #[command(flatten)]
    place: Where,
    /// Also write the report as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Run {
    fn plan(&self, scenario: Scenario) -> Plan {
        let load = Load {
            listeners: self.listeners as usize,
            talkers: self.talkers as usize,
            seconds: u64::from(self.seconds),
            full: Full::Share(1.0),
            at_once: self.listeners as usize,
        };
        Plan { scenario, load, settings: Settings::default() }
    }
}

/// A load by many processes. What is not given depends on the scenario.
#[derive(Debug, Clone, Args)]
struct Crowd {
    /// How many listen
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    listeners: Option<u32>,
    /// How many talk
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50))]
    talkers: Option<u32>,
    /// How long is measured, in seconds
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Option<u32>,
    /// How many listeners decrypt all packets and compare what is in them: a number, or a share like 0.01 or 1%
    #[arg(long, default_value = "1%")]
    full: Full,
    /// How many are on their way in at once
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    at_once: Option<u32>,
    /// Milliseconds of sound in a packet to the audience
    #[arg(long)]
    packing: Option<Packing>,
    #[command(flatten)]
    place: Where,
    /// Also write the report as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Crowd {
    /// The plan, with these defaults.
    fn plan(&self, scenario: Scenario, default: Load) -> Plan {
        let or = |given: Option<u32>, default: usize| given.map_or(default, |given| given as usize);
        let load = Load {
            listeners: or(self.listeners, default.listeners),
            talkers: or(self.talkers, default.talkers),
            seconds: self.seconds.map_or(default.seconds, u64::from),
            full: self.full,
            at_once: or(self.at_once, default.at_once),
        };
        Plan { scenario, load, settings: Settings { packing: self.packing, max_listeners: None } }
    }
}

/// What a scenario has unless the command line says otherwise.
const LOAD: Load = Load { listeners: 1_000, talkers: 1, seconds: 30, full: Full::Count(0), at_once: 200 };

#[derive(Debug, Args)]
struct Churn {
    #[command(flatten)]
    crowd: Crowd,
    /// How many enter each second, and how many leave
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
}

#[derive(Debug, Args)]
struct Rooms {
    #[command(flatten)]
    crowd: Crowd,
    /// How many rooms
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    rooms: u32,
}

#[derive(Debug, Args)]
struct Flood {
    #[command(flatten)]
    crowd: Crowd,
    /// Garbage datagrams a second
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(PER_SECOND_MAX)))]
    per_second: u32,
}

#[derive(Debug, Args)]
struct Overload {
    #[command(flatten)]
    crowd: Crowd,
    /// How many the server takes; 0 leaves it to the server, and half of the listeners enter before the others knock.
    /// Two thirds of the listeners if absent
    #[arg(long)]
    max_listeners: Option<u32>,
}

impl Overload {
    fn plan(&self) -> Plan {
        let mut plan = self.crowd.plan(Scenario::Overload { inside: 0 }, Load { seconds: 20, ..LOAD });
        let listeners = plan.load.listeners;
        let limit = self.max_listeners.map_or(listeners * 2 / 3, |limit| limit as usize);
        plan.settings.max_listeners = (limit > 0).then_some(limit);
        plan.scenario = Scenario::Overload { inside: if limit > 0 { limit } else { listeners / 2 } };
        plan
    }
}

#[derive(Debug, Args)]
struct Hostile {
    /// How long the ways out are tried, in seconds; each is tried twice in any case
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    seconds: u32,
    /// Steps of the random run; none at all if 0
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    steps: u32,
    #[command(flatten)]
    place: Where,
    /// Also write the report as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Hostile {
    fn plan(&self) -> Plan {
        bench::hostile(u64::from(self.seconds), self.steps as usize)
    }
}

#[derive(Debug, Args)]
struct Recording {
    /// How often the server is killed
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    kills: u32,
    /// The program that serves and makes invites
    #[arg(long, env = "ROOMTONE_BIN", default_value = "target/release/roomtone")]
    server_binary: PathBuf,
    /// Also write the outcome as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Pages {
    /// Pages that are asked for each second
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long, in seconds; a quarter of it as fast as pages come
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    #[command(flatten)]
    place: Where,
    /// Also write the report as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Pages {
    fn plan(&self) -> Plan {
        bench::pages(self.rate as usize, u64::from(self.seconds))
    }
}

#[derive(Debug, Args)]
struct Peer {
    /// The server, like http://127.0.0.1:8080
    #[arg(long)]
    server: String,
    /// Id of the room to join
    #[arg(long)]
    room: String,
    /// Code of an invite to redeem
    #[arg(long, required_unless_present = "bearer", conflicts_with = "bearer", requires = "handle")]
    invite: Option<String>,
    /// Handle to take when redeeming; a handle that begins with crowd_ is known to the others by its script
    #[arg(long)]
    handle: Option<String>,
    /// Session token of a member
    #[arg(long)]
    bearer: Option<String>,
    /// Raise the hand, and publish the script of the own handle once on stage
    #[arg(long)]
    talk: bool,
    /// Do not listen
    #[arg(long, requires = "talk")]
    deaf: bool,
    /// Stop after so many seconds; else when standard input is closed
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Option<u32>,
}

#[derive(Debug, Args)]
struct Demo {
    /// The server, like http://127.0.0.1:8080
    #[arg(long)]
    server: String,
    /// Its data folder, for invites; what the demo remembers goes into a folder inside
    #[arg(long)]
    data: PathBuf,
    /// How many listen, in all rooms together
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(0..=demo::MOST_LISTENERS as i64))]
    listeners: u32,
    /// The program that makes invites
    #[arg(long, env = "ROOMTONE_BIN", default_value = "target/release/roomtone")]
    server_binary: PathBuf,
}

#[derive(Debug, Args)]
struct Relay {
    /// A media address of the server; one way for each
    #[arg(long, required = true)]
    to: Vec<SocketAddr>,
    /// Where the dice start
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Bench {
    /// Which benchmark; without it all
    name: Option<String>,
    /// Where the JSON files and the table go
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Run nothing, only write the table of the JSON files that are there
    #[arg(long, conflicts_with = "name")]
    table: bool,
    #[command(flatten)]
    place: Where,
}

/// Runs the command line. Bad input and failed runs end with one line on standard error and a non-zero code.
pub async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            let printed = error.print();
            return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) => {
            eprintln!("{}", one_line(&error.to_string()));
            return ExitCode::from(2);
        }
    };
    match run(cli.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crowd: {}", one_line(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    // The server and the load processes that are started here inherit it.
    worker::raise_file_limit();
    match command {
        Command::Room(run) => start(run.plan(Scenario::Room), &run.place, run.json).await,
        Command::Entry(run) => start(run.plan(Scenario::Entry), &run.place, run.json).await,
        Command::Audience(crowd) => start(crowd.plan(Scenario::Audience, LOAD), &crowd.place, crowd.json).await,
        Command::Panel(crowd) => {
            let plan = crowd.plan(Scenario::Panel, Load { talkers: 10, seconds: 60, ..LOAD });
            start(plan, &crowd.place, crowd.json).await
        }
        Command::Pauses(crowd) => {
            let plan = crowd.plan(Scenario::Pauses, Load { seconds: 60, ..LOAD });
            start(plan, &crowd.place, crowd.json).await
        }
        Command::Rush(crowd) => {
            let plan = crowd.plan(Scenario::Rush, Load { at_once: 500, seconds: 10, ..LOAD });
            start(plan, &crowd.place, crowd.json).await
        }
        Command::Churn(Churn { crowd, rate }) => {
            let plan =
                crowd.plan(Scenario::Churn { rate: rate as usize }, Load { listeners: 500, seconds: 120, ..LOAD });
            start(plan, &crowd.place, crowd.json).await
        }
        Command::Rooms(Rooms { crowd, rooms }) => {
            let default = Load { listeners: 9 * rooms as usize, ..LOAD };
            start(crowd.plan(Scenario::Rooms { rooms: rooms as usize }, default), &crowd.place, crowd.json).await
        }
        Command::Flood(Flood { crowd, per_second }) => {
            let plan = crowd.plan(Scenario::Flood { per_second }, Load { seconds: 40, ..LOAD });
            start(plan, &crowd.place, crowd.json).await
        }
        Command::Overload(overload) => start(overload.plan(), &overload.crowd.place, overload.crowd.json.clone()).await,
        Command::Hostile(hostile) => start(hostile.plan(), &hostile.place, hostile.json).await,
        Command::Recording(wanted) => {
            let outcome = scenario::recording::run(&wanted.server_binary, wanted.kills).await?;
            outcome.finish(wanted.json.as_deref())
        }
        Command::Pages(pages) => start(pages.plan(), &pages.place, pages.json).await,
        Command::Peer(peer) => {
            let options = scenario::peer::Options {
                server: peer.server,
                room: peer.room,
                member: match (peer.bearer, peer.invite, peer.handle) {
                    (Some(token), _, _) => scenario::peer::Member::Bearer(token),
                    (None, Some(code), Some(handle)) => scenario::peer::Member::Invite { code, handle },
                    _ => return Err(Error::Usage("peer needs --bearer, or --invite with --handle".into())),
                },
                talk: peer.talk,
                listen: !peer.deaf,
                seconds: peer.seconds.map(u64::from),
            };
            scenario::peer::run(options).await
        }
        Command::Demo(wanted) => {
            let server = Server::running(&wanted.server, &wanted.data, &wanted.server_binary)?;
            let listeners = wanted.listeners as usize;
            demo::run(&server, demo::Options { url: wanted.server, data: wanted.data, listeners }).await
        }
        Command::Relay(wanted) => relay::run(&wanted.to, wanted.seed).await,
        Command::Bench(wanted) => benchmarks(wanted).await,
        Command::Worker => worker::run().await,
        Command::FloorWorker => aside(floor::worker).await,
        Command::FloodWorker => aside(flood::worker).await,
    }
}

/// Runs a plan, prints its report, and writes it where it is wanted. A run that is stopped takes its processes with it.
async fn start(plan: Plan, place: &Where, json: Option<PathBuf>) -> Result<()> {
    let running = async {
        let server = place.server(&plan.settings).await?;
        plan.run(&server).await
    };
    let report = tokio::select! {
        report = running => report?,
        stopped = stopped() => {
            stopped?;
            return Err(Error::Stopped);
        }
    };
    finish(&report, json)
}

/// Waits for SIGINT or SIGTERM.
async fn stopped() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Error::io("signals", error))?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(|error| Error::io("signals", error)),
        _ = terminate.recv() => Ok(()),
    }
}

/// Runs the benchmarks one after another. One that fails does not keep the others from running.
async fn benchmarks(wanted: Bench) -> Result<()> {
    let mut failed = Ok(());
    let names = if wanted.table { Vec::new() } else { bench::names(wanted.name.as_deref())? };
    for name in names {
        eprintln!("benchmark {name}");
        let plan = bench::plan(name, bench::Machine::this());
        // Each starts from a fresh server, so that none measures what another left behind.
        if let Err(error) = start(plan, &wanted.place, Some(wanted.out.join(format!("{name}.json")))).await {
            if matches!(error, Error::Stopped) {
                return Err(error);
            }
            eprintln!("crowd: benchmark {name}: {}", one_line(&error.to_string()));
            failed = Err(error);
        }
    }
    bench::write_table(&wanted.out)?;
    failed
}

/// Runs what blocks on a thread where it may.
async fn aside(work: fn() -> Result<()>) -> Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Media(error.to_string()))?
}

fn finish(report: &Report, json: Option<PathBuf>) -> Result<()> {
    if let Some(path) = json {
        report.write_json(&path)?;
    }
    report.print()?;
    let violations = scenario::hostile::violations(report);
    violations.iter().for_each(|line| eprintln!("crowd: violation: {line}"));
    if violations.is_empty() { Ok(()) } else { Err(Error::Load(format!("{} violations", violations.len()))) }
}

/// Everything that matters of a message that may have many lines: what comes before the first empty line.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_refused_in_one_line() {
        for arguments in [
            "",
            "party",
            "room --listeners 0",
            "room --listeners many",
            "room --talkers 51",
            "room --seconds 0",
            "room --server http://127.0.0.1:1",
            "room --data /tmp",
            "audience --listeners 0",
            "audience --listeners 100001",
            "audience --packing 40",
            "audience --full 2.0",
            "audience --full some",
            "panel --talkers 51",
            "rush --at-once 0",
            "churn --rate 0",
            "rooms --rooms 0",
            "flood --per-second 1000000",
            "overload --max-listeners -1",
            "hostile --steps -1",
            "hostile --seconds 86401",
            "recording --kills 0",
            "bench room --table",
            "peer --server http://x --room r",
            "peer --server http://x --room r --invite c",
            "peer --server http://x --room r --bearer t --deaf",
            "demo --server http://x",
            "relay",
            "relay --to localhost",
            "demo --server http://x --data d --listeners 100000",
        ] {
            let error = Cli::try_parse_from(["crowd"].into_iter().chain(arguments.split_whitespace()));
            let line = one_line(&error.expect_err(arguments).to_string());
            assert!(line.starts_with("error: ") && !line.contains('\n'), "{arguments}: {line}");
        }
    }

    #[test]
    fn the_fixed_forms_are_accepted() {
        for arguments in [
            "room",
            "room --listeners 20 --talkers 2 --seconds 5 --json out.json",
            "entry --server http://127.0.0.1:8080 --data ./data",
            "bench --out target/bench",
            "bench room --out target/bench",
            "bench --table",
            "audience",
            "audience --listeners 10000 --talkers 2 --seconds 60 --packing auto --full 20 --json out.json",
            "panel --packing 120 --full 0.5%",
            "pauses --listeners 10000 --seconds 60",
            "rush --listeners 500 --at-once 100",
            "churn --seconds 1800 --rate 50",
            "rooms --rooms 20",
            "flood --per-second 1000",
            "overload --max-listeners 0",
            "hostile",
            "hostile --seconds 0 --steps 0 --json out.json",
            "recording",
            "recording --kills 10 --json out.json",
            "pages",
            "pages --rate 500 --seconds 4 --json out.json",
            "worker",
            "floor-worker",
            "flood-worker",
            "peer --server http://x --room r --bearer t --talk --deaf",
            "peer --server http://x --room r --invite c --handle crowd_t1 --seconds 3",
            "demo --server http://x --data d --listeners 0",
            "relay --to 127.0.0.1:4000 --to [::1]:4001 --seed 7",
        ] {
            assert!(
                Cli::try_parse_from(["crowd"].into_iter().chain(arguments.split_whitespace())).is_ok(),
                "{arguments}"
            );
        }
    }

    fn plan(arguments: &str) -> Plan {
        match Cli::try_parse_from(["crowd"].into_iter().chain(arguments.split_whitespace())).unwrap().command {
            Command::Audience(crowd) => crowd.plan(Scenario::Audience, LOAD),
            Command::Overload(overload) => overload.plan(),
            Command::Hostile(hostile) => hostile.plan(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_makes_the_plan() {
        let plain = plan("audience");
        assert_eq!((plain.load, plain.settings), (Load { full: Full::Share(0.01), ..LOAD }, Settings::default()));
        let sized = plan("audience --listeners 7 --talkers 2 --seconds 3 --full 4 --at-once 5 --packing 60");
        assert_eq!(sized.load, Load { listeners: 7, talkers: 2, seconds: 3, full: Full::Count(4), at_once: 5 });
        assert_eq!(sized.settings.packing, Some(Packing::Ms60));
        let hostile = plan("hostile --seconds 3 --steps 7");
        assert_eq!((hostile.scenario, hostile.load.seconds), (Scenario::Hostile { steps: 7 }, 3));
        for (arguments, inside, limit) in [
            ("overload --listeners 300", 200, Some(200)),
            ("overload --listeners 300 --max-listeners 50", 50, Some(50)),
            ("overload --listeners 300 --max-listeners 0 --packing 20", 150, None),
        ] {
            let plan = plan(arguments);
            assert_eq!(
                (plan.scenario, plan.settings.max_listeners),
                (Scenario::Overload { inside }, limit),
                "{arguments}"
            );
        }
    }
}
