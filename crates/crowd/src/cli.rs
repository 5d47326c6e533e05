//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::server::Server;
use crate::{Error, Result, scenario};

/// Talkers and listeners that are not browsers.
#[derive(Debug, Parser)]
#[command(name = "crowd", version, arg_required_else_help = false)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// One room: every packet is compared with what was sent; the server's processor time and memory are measured.
    Room(Run),
    /// Members enter one after another: time from opening the control socket to the first packet.
    Entry(Run),
    /// Joins a room that is there and prints JSON lines of what it hears; with --talk it talks as well.
    Peer(Peer),
    /// Runs the standard set of benchmarks, or one, and writes FOLDER/NAME.json for each.
    Bench(Bench),
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
    async fn server(&self) -> Result<Server> {
        match (&self.server, &self.data) {
            (Some(url), Some(data)) => Server::running(url, data, &self.server_binary),
            _ => Server::start(&self.server_binary).await,
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
    fn size(&self) -> scenario::Size {
        scenario::Size {
            listeners: self.listeners as usize,
            talkers: self.talkers as usize,
            seconds: u64::from(self.seconds),
        }
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
struct Bench {
    /// Which benchmark; without it all
    name: Option<String>,
    /// Where the JSON files go
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
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
    match run(cli.scenario).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crowd: {}", one_line(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

async fn run(scenario: Scenario) -> Result<()> {
    match scenario {
        Scenario::Room(run) => {
            let server = run.place.server().await?;
            finish(scenario::room::run(&server, run.size()).await?, run.json)
        }
        Scenario::Entry(run) => {
            let server = run.place.server().await?;
            finish(scenario::entry::run(&server, run.size()).await?, run.json)
        }
        Scenario::Peer(peer) => {
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
        Scenario::Bench(bench) => {
            for name in scenario::bench_names(bench.name.as_deref())? {
                // Each starts from a fresh server, so that none measures what another left behind.
                let server = bench.place.server().await?;
                let report = scenario::bench(name, &server).await?;
                finish(report, Some(bench.out.join(format!("{name}.json"))))?;
            }
            Ok(())
        }
    }
}

fn finish(report: crate::report::Report, json: Option<PathBuf>) -> Result<()> {
    if let Some(path) = json {
        report.write_json(&path)?;
    }
    report.print()
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
            "peer --server http://x --room r",
            "peer --server http://x --room r --invite c",
            "peer --server http://x --room r --bearer t --deaf",
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
            "peer --server http://x --room r --bearer t --talk --deaf",
            "peer --server http://x --room r --invite c --handle crowd_t1 --seconds 3",
        ] {
            assert!(
                Cli::try_parse_from(["crowd"].into_iter().chain(arguments.split_whitespace())).is_ok(),
                "{arguments}"
            );
        }
    }
}
