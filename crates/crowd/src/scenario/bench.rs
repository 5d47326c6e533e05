//! The standard set of benchmarks, at a size that suits the machine.

use std::path::Path;

use serde_json::Value;

use super::load::{Full, Load};
use super::{Plan, Scenario};
use crate::procfs;
use crate::report::{markdown, write};
use crate::server::{Packing, Settings};
use crate::{Error, Result};

/// All of them, in the order in which they run.
const BENCHES: [&str; 17] = [
    "entry",
    "room",
    "audience",
    "audience-20",
    "audience-60",
    "audience-120",
    "panel",
    "pauses",
    "rush",
    "churn",
    "rooms",
    "flood",
    "overload",
    "overload-20",
    "hostile",
    "pages",
    "replays",
];
/// What a machine needs for the full sizes: cores, and files that a process may open. Two thirds of these files are for a
/// server with ten thousand control sockets and those who are signing in.
const FULL_SIZE: Machine = Machine { cores: 2, files: 20_000 };
/// Listeners of a benchmark at least, however small the machine.
const LISTENERS_MIN: usize = 20;
/// The name of the table.
const TABLE: &str = "TABLE.md";

/// What bounds the size of a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Cores, shared by the server and the load.
    pub cores: usize,
    /// Files that a process may open.
    pub files: u64,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            files: procfs::files_limit().unwrap_or(1_024),
        }
    }

    /// How many of the listeners of a full size suit it.
    fn scaled(self, listeners: usize) -> usize {
        let cores = self.cores as f64 / FULL_SIZE.cores as f64;
        let files = self.files as f64 / FULL_SIZE.files as f64;
        ((listeners as f64 * cores.min(files).min(1.0)) as usize).max(LISTENERS_MIN)
    }
}

/// The benchmarks that `name` stands for: all without a name.
///
/// # Errors
/// [`Error::Usage`] for a name that is none of them.
pub fn names(name: Option<&str>) -> Result<Vec<&'static str>> {
    let chosen: Vec<_> = BENCHES.into_iter().filter(|bench| name.is_none_or(|name| name == *bench)).collect();
    if chosen.is_empty() {
        return Err(Error::Usage(format!("no such benchmark; there are: {}", BENCHES.join(", "))));
    }
    Ok(chosen)
}

/// What the benchmark `name` runs on a machine.
pub fn plan(name: &str, machine: Machine) -> Plan {
    let few = Load { listeners: 20, talkers: 1, seconds: 20, full: Full::Count(0), at_once: 1 };
    let many = |listeners, seconds| Load {
        listeners: machine.scaled(listeners),
        talkers: 1,
        seconds,
        full: Full::Count(20),
        at_once: 200,
    };
    let packed = |packing| Settings { packing: Some(packing), ..Settings::default() };
    let (scenario, load, settings) = match name {
        "entry" => (Scenario::Entry, few, Settings::default()),
        "room" => (Scenario::Room, few, Settings::default()),
        "audience" => (Scenario::Audience, many(10_000, 60), packed(Packing::Auto)),
        // A third of the people: at 20 ms each of them costs three packets where the others cost one.
        "audience-20" => (Scenario::Audience, many(3_000, 30), packed(Packing::Ms20)),
        "audience-60" => (Scenario::Audience, many(10_000, 30), packed(Packing::Ms60)),
        "audience-120" => (Scenario::Audience, many(10_000, 30), packed(Packing::Ms120)),
        "panel" => (Scenario::Panel, Load { talkers: 10, ..many(5_000, 60) }, Settings::default()),
        "pauses" => (Scenario::Pauses, many(10_000, 60), packed(Packing::Auto)),
        "rush" => (Scenario::Rush, Load { at_once: 500, ..many(10_000, 10) }, Settings::default()),
        "churn" => {
            let load = many(1_000, 120);
            (Scenario::Churn { rate: load.listeners.div_ceil(25) }, load, Settings::default())
        }
        "rooms" => {
            let load = many(1_800, 30);
            (Scenario::Rooms { rooms: load.listeners.div_ceil(9) }, load, Settings::default())
        }
        "pages" => return pages(2_000, 20),
        "hostile" => return hostile(60, 10_000),
        "replays" => (Scenario::Replays { minutes: 60 }, Load { talkers: 10, seconds: 30, ..few }, Settings::default()),
        "flood" => (Scenario::Flood { per_second: 100_000 }, many(5_000, 40), Settings::default()),
        // More than the processor can carry, as the server has to find out by itself.
        "overload-20" => {
            let load = Load { at_once: 500, ..many(10_000, 30) };
            (Scenario::Overload { inside: load.listeners * 3 / 10 }, load, packed(Packing::Ms20))
        }
        _ => {
            let load = many(3_000, 20);
            let inside = load.listeners * 2 / 3;
            (Scenario::Overload { inside }, load, Settings { max_listeners: Some(inside), ..Settings::default() })
        }
    };
    Plan { scenario, load, settings }
}

/// The ways out for so many seconds, and so many steps at random.
pub fn hostile(seconds: u64, steps: usize) -> Plan {
    let load = Load { listeners: LISTENERS_MIN, talkers: 1, seconds, full: Full::Count(0), at_once: 1 };
    Plan { scenario: Scenario::Hostile { steps }, load, settings: Settings::default() }
}

/// So many public pages a second, for so many seconds.
pub fn pages(rate: usize, seconds: u64) -> Plan {
    let load = Load { listeners: LISTENERS_MIN, talkers: 1, seconds, full: Full::Count(0), at_once: 1 };
    Plan { scenario: Scenario::Pages { rate }, load, settings: Settings::default() }
}

/// Writes the Markdown table of all benchmarks whose JSON is in `folder`.
///
/// # Errors
/// [`Error::Io`]; [`Error::Usage`] for a file that is no JSON.
pub fn write_table(folder: &Path) -> Result<()> {
    let mut reports = Vec::new();
    for name in BENCHES {
        let path = folder.join(format!("{name}.json"));
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let report: Value = serde_json::from_str(&text)
            .map_err(|error| Error::Usage(format!("{} is no report: {error}", path.display())))?;
        reports.push((name.to_owned(), report));
    }
    write(&folder.join(TABLE), &markdown(&reports))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benchmarks_go_by_name() {
        assert_eq!(names(None).unwrap(), BENCHES);
        assert_eq!(names(Some("audience-60")).unwrap(), ["audience-60"]);
        assert!(matches!(names(Some("dance")), Err(Error::Usage(_))));
    }

    #[test]
    fn sizes_suit_the_machine() {
        for (cores, files, listeners) in [
            (2, 20_000, 10_000),
            (64, 1 << 20, 10_000),
            (1, 20_000, 5_000),
            (2, 1_024, 512),
            (4, 10_000, 5_000),
            (1, 1, 20),
        ] {
            let plan = plan("audience", Machine { cores, files });
            assert_eq!(plan.load.listeners, listeners, "{cores} cores and {files} files");
        }
        for name in BENCHES {
            let plan = plan(name, Machine { cores: 1, files: 100 });
            assert!(plan.load.listeners >= LISTENERS_MIN && plan.load.seconds > 0, "{name}");
        }
        let Scenario::Overload { inside } = plan("overload-20", FULL_SIZE).scenario else { panic!("not an overload") };
        assert_eq!(inside, 3_000);
        let overload = plan("overload", FULL_SIZE);
        assert_eq!(
            (overload.scenario, overload.settings.max_listeners),
            (Scenario::Overload { inside: 2_000 }, Some(2_000))
        );
    }

    #[test]
    fn the_table_is_made_of_the_files_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("bench");
        write(&out.join("rush.json"), r#"{ "listeners": 7, "date": "2026-01-02" }"#).unwrap();
        write(&out.join("other.json"), "{}").unwrap();
        write_table(&out).unwrap();
        let table = std::fs::read_to_string(out.join(TABLE)).unwrap();
        assert!(table.contains("| rush | 7 |") && !table.contains("other"), "{table}");
        write(&out.join("rush.json"), "no json").unwrap();
        assert!(matches!(write_table(&out), Err(Error::Usage(_))));
    }
}
