//! The program that writes down what is said in a track. It is the operator's choice; we run it as a child process, one at a time, with
//! as little as it needs: a file to read, a folder of its own, no network, the lowest priority, and bounds for time and memory.
//!
//! Invariant: whatever it does, the server goes on. What it says is taken only if every line of it is as agreed.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use roomtone_store::NewTranscriptLine;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::http::{line_of_speech, well_formed_language};
use crate::wire::transcripts::EngineLine;

/// Lines that a track may have. More take in the longest talks; fewer bound what a program that runs wild puts into the database.
const LINES_MAX: usize = 20_000;

/// What it may print, in bytes.
const OUTPUT_MAX: u64 = 16 << 20;

/// What is kept of what it says when it fails, in bytes: the end of it, which names the reason.
const COMPLAINT_MAX: usize = 300;

/// By how much a line may end after the track, in milliseconds: recognition works in steps of that order.
const BEYOND: u64 = 1_000;

/// What the program may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Address space, in KiB. More lets larger models load; the machine must have it to spare beside the rooms.
    memory_kib: u64,
    /// Time of the processor: this long, and so many times the length of the track. More lets larger models and slower machines do it.
    cpu: (Duration, u32),
    /// The same by the clock, in case that it waits for something that does not come. It has the lowest priority, so on a busy machine it
    /// takes far longer than it works.
    clock: (Duration, u32),
}

impl Default for Bounds {
    fn default() -> Self {
        let cpu = (Duration::from_secs(120), 3);
        Self { memory_kib: 4 << 20, cpu, clock: (Duration::from_secs(1_200), 20) }
    }
}

/// A program that writes down speech.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    program: PathBuf,
    bounds: Bounds,
    /// Whether it runs where there is no network, or is only told to stay away from it.
    cut_off: bool,
}

/// Why a track was not written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("it could not be run: {0}")]
    Io(#[from] io::Error),
    #[error("it took too long")]
    TooLong,
    #[error("it printed more than is taken")]
    TooMuch,
    #[error("line {0} of what it printed is not as agreed")]
    NotALine(usize),
    #[error("{0}: {1}")]
    Failed(ExitStatus, String),
}

impl Engine {
    /// The engine that runs this program.
    pub(crate) async fn new(program: PathBuf, bounds: Bounds) -> Self {
        let mut probe = Command::new(CUT_OFF[0]);
        probe.args(&CUT_OFF[1..]).arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let cut_off = probe.status().await.is_ok_and(|status| status.success());
        if !cut_off {
            tracing::warn!(
                "the transcriber cannot be kept from the network here (unshare does not work); it is only told to stay away"
            );
        }
        Self { program, bounds, cut_off }
    }

    /// Writes down what is said in a file of this length: WAV, one channel of 16 bits at 16 kHz. Lines come by the time at which they
    /// begin. `folder` is for nothing else, and is the only place that the program is told of. `language` is that of the talk.
    ///
    /// When the future is dropped, the program and all that it has started are killed.
    pub(crate) async fn run(
        &self,
        file: &Path,
        folder: &Path,
        language: &str,
        length: Duration,
    ) -> Result<Vec<NewTranscriptLine>, EngineError> {
        let running = async {
            let mut group = Group(self.command(file, folder, language, length).spawn()?);
            let (out, complaint) = (group.0.stdout.take(), group.0.stderr.take());
            let complaint = tokio::spawn(end_of(complaint));
            let lines = read_lines(out, length.as_millis() as u64).await?;
            let status = group.0.wait().await?;
            match status.success() {
                true => Ok(lines),
                false => Err(EngineError::Failed(status, complaint.await.unwrap_or_default())),
            }
        };
        let (at_least, times) = self.bounds.clock;
        tokio::time::timeout(at_least + length * times, running).await.map_err(|_| EngineError::TooLong)?
    }

    /// The program with its bounds. The shell sets them and becomes what comes next, and so do `nice` and `unshare`: in the end there is
    /// one process, the program's.
    fn command(&self, file: &Path, folder: &Path, language: &str, length: Duration) -> Command {
        const BOUND: &str = r#"ulimit -c 0 && ulimit -v "$1" && ulimit -t "$2" && shift 2 && exec nice -n 19 "$@""#;
        let (at_least, times) = self.bounds.cpu;
        let cpu = (at_least + length * times).as_secs().max(1);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", BOUND, "transcriber"]).args([self.bounds.memory_kib.to_string(), cpu.to_string()]);
        if self.cut_off {
            command.args(CUT_OFF);
        }
        command.arg(&self.program).arg(file).arg(language);
        // Nothing of our environment, in which there may be secrets, but where programs are.
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs([("LANG", "C.UTF-8"), ("HF_HUB_OFFLINE", "1"), ("TRANSFORMERS_OFFLINE", "1")]);
        command.env("HOME", folder).env("TMPDIR", folder).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        command
    }
}

/// What runs a program in a network of its own, in which there is nothing (network_namespaces(7)); as any user, so in a user namespace.
const CUT_OFF: [&str; 5] = ["unshare", "--user", "--map-current-user", "--net", "--"];

/// The program that an operator names, as a path that holds in any folder.
pub(crate) fn program(text: &str) -> Result<PathBuf, String> {
    let path = fs::canonicalize(text).map_err(|error| error.to_string())?;
    let file = fs::metadata(&path).map_err(|error| error.to_string())?;
    let runs = file.is_file() && file.permissions().mode() & 0o111 != 0;
    if runs { Ok(path) } else { Err("that is no program".to_owned()) }
}

/// A program with everything that it has started, which ends with this.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // It is the first of its group. Without an id it was waited for, and the group may be somebody else's by now: what it
        // has left behind keeps its bounds, and has nobody to speak to.
        if let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It fails if all of them are gone.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads what the program prints: a line of JSON for each line of the transcript.
async fn read_lines(out: Option<impl AsyncRead + Unpin>, length: u64) -> Result<Vec<NewTranscriptLine>, EngineError> {
    let Some(out) = out else { return Ok(Vec::new()) };
    let mut reader = BufReader::new(out.take(OUTPUT_MAX + 1));
    let (mut lines, mut text) = (Vec::new(), Vec::new());
    while reader.read_until(b'\n', &mut text).await? > 0 {
        if reader.get_ref().limit() == 0 || lines.len() == LINES_MAX {
            return Err(EngineError::TooMuch);
        }
        let line = read_line(&text, length).ok_or(EngineError::NotALine(lines.len() + 1))?;
        lines.push(line);
        text.clear();
    }
    lines.sort_by_key(|line: &NewTranscriptLine| line.from_ms);
    Ok(lines)
}

fn read_line(text: &[u8], length: u64) -> Option<NewTranscriptLine> {
    let EngineLine { from_ms, to_ms, text, language } = serde_json::from_slice(text).ok()?;
    if from_ms > to_ms || to_ms > length + BEYOND {
        return None;
    }
    let (text, language) = (line_of_speech(&text).ok()?, well_formed_language(&language).ok()?.to_owned());
    Some(NewTranscriptLine { from_ms: from_ms.min(length), to_ms: to_ms.min(length), text, language })
}

/// The end of what a program complains of.
async fn end_of(complaint: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut complaint) = complaint else { return String::new() };
    let (mut end, mut part) = (Vec::new(), [0; 1024]);
    while let Ok(length @ 1..) = complaint.read(&mut part).await {
        end.extend_from_slice(&part[..length]);
        let over = end.len().saturating_sub(COMPLAINT_MAX);
        end.drain(..over);
    }
    String::from_utf8_lossy(&end).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    use tempfile::TempDir;

    use super::*;

    /// A folder with a shell script in it, and what comes of writing down a track of a minute with that.
    async fn run(script: &str, bounds: Bounds) -> (Result<Vec<NewTranscriptLine>, EngineError>, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path).unwrap();
        writeln!(file, "#!/bin/sh\n{script}").unwrap();
        drop(file);
        std::fs::write(folder.path().join("track.wav"), "sound").unwrap();
        let engine = Engine::new(program(path.to_str().unwrap()).unwrap(), bounds).await;
        let track = folder.path().join("track.wav");
        let lines = engine.run(&track, folder.path(), "en-GB", Duration::from_secs(60)).await;
        (lines, folder)
    }

    fn line(from_ms: u64, to_ms: u64, text: &str) -> String {
        format!(r#"echo '{{"from_ms":{from_ms},"to_ms":{to_ms},"text":"{text}","language":"en"}}'"#)
    }

    #[tokio::test]
    async fn lines_come_by_time() {
        let said = |from_ms, to_ms, text: &str| {
            let (text, language) = (text.to_owned(), "en".to_owned());
            NewTranscriptLine { from_ms, to_ms, text, language }
        };
        let script = [line(9_000, 60_700, "Second."), line(1_000, 2_000, "Первая.")].join("\n");
        let (lines, _) = run(&script, Bounds::default()).await;
        assert_eq!(lines.unwrap(), [said(1_000, 2_000, "Первая."), said(9_000, 60_000, "Second.")]);
        let (nothing, _) = run("true", Bounds::default()).await;
        assert_eq!(nothing.unwrap(), []);
    }

    #[tokio::test]
    async fn what_is_not_as_agreed_is_not_taken() {
        let good = line(0, 1_000, "Good.");
        let long = line(0, 1_000, &"x".repeat(1_001));
        for bad in [
            "echo hello",
            "echo",
            &long,
            &line(2_000, 1_000, "Backwards."),
            &line(0, 61_001, "After the end."),
            &line(0, 1_000, " "),
            &line(0, 1_000, "Hidden \\u202e letters."),
            r#"echo '{"from_ms":0,"to_ms":1,"text":"No language."}'"#,
            r#"echo '{"from_ms":0,"to_ms":1,"text":"A wrong one.","language":"?"}'"#,
            r#"echo '{"from_ms":0,"to_ms":1,"text":"More.","language":"en","more":1}'"#,
        ] {
            // Whatever comes after that is not waited for.
            let (lines, _) = run(&format!("{good}\n{bad}\nsleep 1000"), Bounds::default()).await;
            assert!(matches!(lines, Err(EngineError::NotALine(2))), "{bad}: {lines:?}");
        }
        let (lines, _) = run(&format!("yes {}", good.trim_start_matches("echo ")), Bounds::default()).await;
        assert!(matches!(lines, Err(EngineError::TooMuch)), "{lines:?}");
    }

    #[tokio::test]
    async fn it_is_told_what_it_needs_and_nothing_else() {
        let script = r#"cat "$1" >&2; echo " $2 $(pwd) $HOME" >&2; env | sort | cut -d= -f1 | tr '\n' ' ' >&2; nice >&2
            tail -n +3 /proc/net/dev | cut -d: -f1 >&2; exit 3"#;
        let (lines, folder) = run(script, Bounds::default()).await;
        let Err(EngineError::Failed(status, complaint)) = lines else { panic!("{lines:?}") };
        let folder = folder.path().display();
        // As far behind as it goes, of where the tests run themselves.
        let own = std::process::Command::new("nice").output().unwrap().stdout;
        let behind = (String::from_utf8(own).unwrap().trim().parse::<i32>().unwrap() + 19).min(19);
        let told = format!(
            "sound en-GB {folder} {folder}\nHF_HUB_OFFLINE HOME LANG PATH PWD TMPDIR TRANSFORMERS_OFFLINE {behind}"
        );
        assert_eq!(status.code(), Some(3));
        let rest = complaint.strip_prefix(&told).unwrap_or_else(|| panic!("{complaint}"));
        let networks: Vec<&str> = rest.split_whitespace().collect();
        let probe = std::process::Command::new(CUT_OFF[0]).args(&CUT_OFF[1..]).arg("true").status();
        if probe.is_ok_and(|status| status.success()) {
            assert_eq!(networks, ["lo"], "there is nothing but itself");
        }
    }

    #[tokio::test]
    async fn it_has_bounds() {
        let small = Bounds { memory_kib: 64 << 10, ..Bounds::default() };
        let greedy = "x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x} >&2; exit 7";
        let (lines, _) = run(greedy, small).await;
        assert!(!matches!(&lines, Err(EngineError::Failed(status, _)) if status.code() == Some(7)), "{lines:?}");
        assert!(matches!(lines, Err(EngineError::Failed(..))), "{lines:?}");
        // A second of work, whatever else the machine does.
        let hurried = Bounds { cpu: (Duration::ZERO, 0), ..Bounds::default() };
        let (lines, _) = run("while :; do :; done", hurried).await;
        assert!(matches!(lines, Err(EngineError::Failed(..))), "{lines:?}");
    }

    #[tokio::test]
    async fn who_takes_too_long_is_ended() {
        let impatient = Bounds { clock: (Duration::ZERO, 0), ..Bounds::default() };
        let (lines, _) = run("exec sleep 1000", impatient).await;
        assert!(matches!(lines, Err(EngineError::TooLong)), "{lines:?}");
    }

    #[tokio::test]
    async fn whatever_it_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let script = format!("(sleep 20; echo left behind) > {} &\nwait", pipe.display());
        let opened = tokio::task::spawn_blocking(move || std::fs::File::open(pipe));
        let mut opened = tokio::select! {
            ended = run(&script, Bounds::default()) => panic!("{:?}", ended.0),
            opened = opened => opened.unwrap().unwrap(),
        };
        // The pipe ends when nobody has it open any more.
        let said = tokio::task::spawn_blocking(move || std::io::read_to_string(&mut opened)).await.unwrap();
        assert_eq!(said.unwrap(), "");
    }

    #[test]
    fn a_program_is_named_by_a_file_that_runs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "text").unwrap();
        assert!(program("/bin/sh").is_ok_and(|path| path.is_absolute()));
        for bad in ["", "/", "/nowhere/at/all", file.to_str().unwrap()] {
            assert!(program(bad).is_err(), "{bad}");
        }
    }
}
