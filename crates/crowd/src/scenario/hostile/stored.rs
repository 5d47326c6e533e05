//! What the server has stored of those who are recorded, as it lies in its data folder.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Instant;

use roomtone_media::track::TrackReader;
use roomtone_room::ids::{MemberId, ReplayId};
use roomtone_store::{Speaker, Store};

use super::packet::Mark;
use crate::{Error, Result};

/// What was stored of the hostile client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// Frames that were made until the way out.
    pub(super) before: usize,
    /// Frames that were made after it.
    pub(super) after: usize,
}

impl Stored {
    pub(super) fn of(commit: Instant, marks: &HashSet<Mark>) -> Self {
        let after = marks.iter().filter(|mark| mark.made() > commit).count();
        Self { before: marks.len() - after, after }
    }
}

/// All frames of the hostile client's that are in the tracks of a replay.
pub(super) fn marks(data: &Path, replay: ReplayId) -> HashSet<Mark> {
    let mut marks = HashSet::new();
    for (_, path) in tracks(data, replay) {
        // One that was moved away meanwhile is in the next folder.
        let Ok(file) = File::open(path) else { continue };
        let Ok(track) = TrackReader::new(BufReader::new(file)) else { continue };
        marks.extend(track.map_while(std::result::Result::ok).flat_map(|frame| Mark::all_in(&frame.payload)));
    }
    marks
}

/// How long the tracks of a replay are that goes on, in bytes, by number.
pub(super) fn lengths(data: &Path, replay: ReplayId) -> BTreeMap<u32, u64> {
    tracks(data, replay).filter_map(|(n, path)| Some((n, fs::metadata(path).ok()?.len()))).collect()
}

/// Where the tracks of a replay are by number: where they are recorded, and where they go when that is over, which is looked at later.
fn tracks(data: &Path, replay: ReplayId) -> impl Iterator<Item = (u32, PathBuf)> {
    let replay = replay.to_string();
    let folders = [data.join("recordings").join(&replay), data.join("replays").join(&replay).join("raw")];
    let in_folder = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    folders.into_iter().flat_map(in_folder).filter_map(|path| {
        let n = path.file_name()?.to_str()?.strip_suffix(".track")?.parse().ok()?;
        Some((n, path))
    })
}

/// Whose the tracks of a replay are.
///
/// # Errors
/// [`Error::Server`] if its database cannot be read.
pub(super) async fn owners(data: &Path, replay: ReplayId) -> Result<BTreeMap<u32, MemberId>> {
    let wrong = |error: &dyn std::fmt::Display| Error::Server(format!("it could not be read who is recorded: {error}"));
    let store = Store::open(data).await.map_err(|error| wrong(&error))?;
    let tracks = store.recorded_tracks(replay).await;
    store.close().await;
    let owner = |speaker| match speaker {
        Speaker::Member(id) | Speaker::Guest(id) => id,
    };
    let tracks = tracks.map_err(|error| wrong(&error))?;
    Ok(tracks.into_iter().filter_map(|track| Some((track.n, owner(track.speaker?)))).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::packet::Trick;
    use super::*;

    #[test]
    fn what_was_made_afterwards_is_told_from_what_was_before() {
        let before = Mark::new(Trick::Plain, 1);
        let commit = before.made() + Duration::from_millis(1);
        while Instant::now() < commit + Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        let after = [Mark::new(Trick::Plain, 2), Mark::new(Trick::Tcp, 2)];
        let all = HashSet::from([before, after[0], after[1]]);
        assert_eq!(Stored::of(commit, &all), Stored { before: 1, after: 2 });
    }

    #[test]
    fn tracks_are_found_while_they_are_recorded_and_afterwards() {
        let data = tempfile::tempdir().unwrap();
        let replay = ReplayId(7);
        assert!(lengths(data.path(), replay).is_empty() && marks(data.path(), replay).is_empty());
        for (folder, name, bytes) in
            [("recordings/R", "1.track", 3), ("replays/R/raw", "2.track", 5), ("replays/R/raw", "x.track", 1)]
        {
            let folder = data.path().join(folder.replace('R', &replay.to_string()));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), vec![0; bytes]).unwrap();
        }
        assert_eq!(lengths(data.path(), replay), BTreeMap::from([(1, 3), (2, 5)]));
    }
}
