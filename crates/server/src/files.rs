//! How many files the process may open. Each person in a room holds a connection, so it bounds how many there can be.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files besides people's connections: the database, the media sockets, logs, and newcomers who are only being told that the
/// server is full.
const OTHER_FILES: u64 = 512;

/// Lets the process open as many files as the system grants it.
pub fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Some systems name a hard limit that they do not grant; then it stays as it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// How many people the process has files for.
pub(crate) fn people() -> usize {
    people_within(getrlimit(Resource::Nofile).current)
}

/// A control socket each, and a tenth more for their other requests and for those who hear over TCP. No limit is `None`.
fn people_within(files: Option<u64>) -> usize {
    let people = files.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES) / 11 * 10);
    usize::try_from(people).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_for_other_things() {
        for (files, people) in [(None, usize::MAX), (Some(20_000), 17_710), (Some(1_024), 460), (Some(100), 0)] {
            assert_eq!(people_within(files), people, "{files:?}");
        }
    }
}
