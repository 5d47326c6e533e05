//! The `roomtone` program.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
use fast_qr::QRBuilder;
use roomtone::app::{App, StartError, listening_line};
use roomtone::cli::{Cli, Command, Invite, Serve};
use roomtone::observe::{Observe, log_to_stderr};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and the version are answers; anything else is one line about what was wrong.
        Err(answer) if !answer.use_stderr() || answer.kind() == DisplayHelpOnMissingArgumentOrSubcommand => {
            answer.exit()
        }
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or("bad arguments");
            let _ = writeln!(io::stderr(), "roomtone: {}", line.trim_start_matches("error: "));
            return ExitCode::from(2);
        }
    };
    let done = match cli.command {
        Command::Serve(options) => serve(&options).await,
        Command::Invite(options) => invite(&options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "roomtone: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: &Serve) -> Result<(), StartError> {
    log_to_stderr();
    let (app, listener) = App::start(options, Observe::install()).await?;
    let mut stop = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let mut out = io::stdout().lock();
    if let Some(link) = app.owner_link().await? {
        let qr = QRBuilder::new(link.as_str()).build().map(|code| code.to_str()).unwrap_or_default();
        writeln!(out, "Nobody owns this server yet. Open this link, once, to become its owner:\n\n  {link}\n\n{qr}")?;
    }
    writeln!(out, "{}, to be reached as {}", listening_line(listener.local_addr()?), app.public_url)?;
    out.flush()?;
    drop(out);

    let stopped = async move {
        tokio::select! {
            _ = stop.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    roomtone::serve::serve(app, listener, stopped).await?;
    Ok(())
}

async fn invite(options: &Invite) -> Result<(), StartError> {
    let link = roomtone::serve::invite(&options.data).await?;
    writeln!(io::stdout(), "{link}")?;
    Ok(())
}
