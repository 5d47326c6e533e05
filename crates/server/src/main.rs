//! The `roomtone` program.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
use fast_qr::QRBuilder;
use roomtone::app::{App, StartError, listening_line};
use roomtone::cli::{Cli, Command, Invite, Recover, Serve};
use roomtone::observe::{Observe, log_to_stderr};
use tokio::signal::unix::{SignalKind, signal};

/// What thousands of handshakes in a few seconds leave behind goes back to the system, of which the C library's allocator
/// keeps more (docs/adr/0006).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How far the threads of the control plane stand back behind those of the sound (nice(2)). More keeps a rush of requests
/// from delaying sound; less answers it sooner while the machine is busy.
#[cfg(target_os = "linux")]
const CONTROL_NICE: i32 = 5;

fn main() -> ExitCode {
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
    let done = runtime().map_err(StartError::from).and_then(|runtime| {
        runtime.block_on(async {
            match cli.command {
                Command::Serve(options) => serve(&options).await,
                Command::Invite(options) => invite(&options).await,
                Command::Recover(options) => recover(&options).await,
            }
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "roomtone: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The control plane's threads. Those of the sound are started from this one, and do not inherit what is set here.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // Elsewhere this is about the whole process.
    #[cfg(target_os = "linux")]
    builder.on_thread_start(|| {
        // Always permitted; without it sound is only less protected.
        let _ = rustix::process::nice(CONTROL_NICE);
    });
    builder.enable_all().build()
}

async fn serve(options: &Serve) -> Result<(), StartError> {
    log_to_stderr();
    roomtone::files::raise_limit();
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
    let mut out = io::BufWriter::new(io::stdout().lock());
    for link in roomtone::serve::invite(&options.data, options.count).await? {
        writeln!(out, "{link}")?;
    }
    out.flush()?;
    Ok(())
}

async fn recover(options: &Recover) -> Result<(), StartError> {
    let link = roomtone::serve::recover(&options.data, options.handle.as_deref()).await?;
    writeln!(io::stdout(), "{link}")?;
    Ok(())
}
