//! One load process: this program again, as `crowd worker`.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

use super::protocol::{Order, Report};
use crate::{Error, Result};

/// Orders that may wait to be written. A scenario waits for what it ordered, so there are few.
const ORDERS: usize = 64;
/// How long a load process may take to end by itself before it is killed.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// What comes from a load process.
#[derive(Debug)]
pub(super) enum Said {
    /// A report.
    Report(Report),
    /// The last: the process has ended, or said something that is no report.
    Ended(String),
}

/// A running load process. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    orders: mpsc::Sender<Order>,
}

impl Process {
    /// Starts load process `number` and passes on what it says under that number.
    ///
    /// # Errors
    /// [`Error::Io`] when the program cannot be started.
    pub(super) fn start(number: usize, said: mpsc::Sender<(usize, Said)>) -> Result<Self> {
        let program = own_program()?;
        let mut child = Command::new(&program)
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::io(program.display().to_string(), error))?;
        let missing = || Error::Load("a load process has no standard streams".into());
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let (orders, queue) = mpsc::channel(ORDERS);
        let complaint = Arc::new(Mutex::new(String::new()));
        let complaining = tokio::spawn(keep_last_line(stderr, complaint.clone()));
        tokio::spawn(write_orders(stdin, queue));
        tokio::spawn(async move {
            let mut why = read_reports(stdout, number, &said).await;
            // What it complained of comes before the end of its standard error, which comes with its own end.
            let _a_panic_there_only_loses_words = complaining.await;
            if let Ok(complaint) = complaint.lock()
                && !complaint.is_empty()
            {
                why.clone_from(&complaint);
            }
            let _run_is_over = said.send((number, Said::Ended(why))).await;
        });
        Ok(Self { child, orders })
    }

    /// The process's id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends an order.
    ///
    /// # Errors
    /// [`Error::Load`] when the process has ended.
    pub(super) async fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).await.map_err(|_| Error::Load("a load process has ended".into()))
    }

    /// Lets the process end, and kills it if it takes too long.
    pub(super) async fn end(mut self) {
        let _it_ends_with_its_input_too = self.order(Order::End).await;
        if tokio::time::timeout(END_PATIENCE, self.child.wait()).await.is_err() {
            let _it_has_ended_by_now = self.child.kill().await;
        }
    }
}

/// The path of this program. One that was replaced while it runs, as by a new build, is still there under another name.
///
/// # Errors
/// [`Error::Io`] when the system does not say.
pub(super) fn own_program() -> Result<PathBuf> {
    let program = std::env::current_exe().map_err(|error| Error::io("the path of this program", error))?;
    Ok(if program.exists() { program } else { "/proc/self/exe".into() })
}

async fn write_orders(mut stdin: ChildStdin, mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        let mut line = serde_json::to_string(&order).expect("an order has only strings, numbers and flags");
        line.push('\n');
        // A process that does not read any more has ended, which its reports tell.
        if stdin.write_all(line.as_bytes()).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

/// Passes on reports until there are no more; returns why.
async fn read_reports(stdout: ChildStdout, number: usize, said: &mpsc::Sender<(usize, Said)>) -> String {
    let mut lines = BufReader::new(stdout).lines();
    loop {
        match lines.next_line().await {
            Ok(Some(line)) => match serde_json::from_str(&line) {
                Ok(report) => {
                    if said.send((number, Said::Report(report))).await.is_err() {
                        return "the run is over".into();
                    }
                }
                Err(error) => return format!("it said something that is no report: {error}"),
            },
            Ok(None) => return "it closed its output".into(),
            Err(error) => return error.to_string(),
        }
    }
}

async fn keep_last_line(stream: impl AsyncRead + Unpin, last: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(mut last) = last.lock()
            && !line.trim().is_empty()
        {
            *last = line;
        }
    }
}
