//! Sound that goes with reports: the last minute of a room, of those who agreed to that, or a voice note that is reported. It is written
//! when a report asks for it and not before, one Ogg Opus file for each talker, and only admins hear it.
//!
//! Invariant: a file without a row in the store is of no report, and goes. So what deletes rows (with an account, with a report, or
//! since it is old) sweeps, and whatever was interrupted is swept when the server starts.

mod cut;

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use roomtone_room::ids::{RecordId, TalkerNo, Timestamp};
use roomtone_store::{NewEvidence, NewReport, Speaker, Store, StoreError};
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use crate::edge;
use crate::rooms::message::Message;
use crate::rooms::{Handle, Minute};
use crate::wire::{ApiError, Code};
use cut::cut;

/// The folder in the data folder.
const FOLDER: &str = "evidence";

/// What all files may take together, in bytes. More keeps the sound of more reports; when it is full, reports come without.
const SIZE_MAX: u64 = 1 << 30;

/// Reports with sound that are being made or wait for that. Each is made alone: whoever comes beyond that is answered `busy`. More
/// makes more people wait instead.
const PLACES: usize = 16;

/// For how long sound is kept once its report is handled, in milliseconds: 30 days. Longer lets admins look at a decision again;
/// shorter keeps less of what people said.
const KEPT_AFTER: u64 = 30 * 24 * 60 * 60 * 1000;

/// For how long sound is kept at most, from when its report was made, in milliseconds: 180 days, also if nobody handles it. What a guest
/// said would be there for good otherwise: it outlasts the guest, who has no account to delete. Longer gives admins more time for a
/// report; shorter keeps less of what people said.
const KEPT_AT_MOST: u64 = 180 * 24 * 60 * 60 * 1000;

/// Where the sound of reports is kept.
#[derive(Debug)]
pub struct Evidence {
    folder: PathBuf,
    /// Whoever writes or sweeps holds it, so that what is being written is not swept. Taking the sound of a room costs its media thread
    /// a moment, which so comes to little, too, however many ask.
    turn: Mutex<()>,
    places: Semaphore,
    /// Whether there may be files that are to go: a sweep has failed.
    unswept: AtomicBool,
}

/// Why sound could not be kept or taken away.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl From<Failed> for ApiError {
    /// Nothing that the caller could do otherwise but to report without sound.
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Io(error) => {
                tracing::error!(%error, "the sound of a report could not be kept");
                Code::EvidenceNotKept.into()
            }
            Failed::Store(error) => Self::internal(&error),
        }
    }
}

impl Evidence {
    /// That of a server with this data folder.
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            folder: data.join(FOLDER),
            turn: Mutex::default(),
            places: Semaphore::new(PLACES),
            unswept: AtomicBool::new(false),
        }
    }

    /// Makes a report with the last minute of a room, in which the reporter is. Returns how many tracks there are; `None` if the store
    /// did not take the report. Whatever comes in between, there is a report with its sound or there is neither: it is to be carried
    /// out to its end.
    ///
    /// Errors: `not_in_room`, `evidence_off`, `evidence_not_kept`, `busy`, or the store's.
    pub(crate) async fn report(
        &self,
        store: &Store,
        room: &Handle,
        report: NewReport,
    ) -> Result<Option<u32>, ApiError> {
        let _place = self.places.try_acquire().map_err(|_| Code::Busy)?;
        let turn = self.turn.lock().await;
        let reporter = report.reporter;
        let minute = room.ask(|reply| Message::Minute { reporter, reply }).await?;
        let tracks = cut_out(minute).await?;
        self.make(&turn, store, report, tracks).await
    }

    /// Makes a report of a voice note, which is kept with it as it is now. As [`Evidence::report`]; there is one track.
    ///
    /// Errors: `evidence_not_kept`, `busy`, or the store's.
    pub(crate) async fn report_note(
        &self,
        store: &Store,
        report: NewReport,
        note: (NewEvidence, Vec<u8>),
    ) -> Result<Option<u32>, ApiError> {
        let _place = self.places.try_acquire().map_err(|_| Code::Busy)?;
        let turn = self.turn.lock().await;
        self.make(&turn, store, report, vec![note]).await
    }

    /// Writes the sound of a report and makes that.
    async fn make(
        &self,
        turn: &MutexGuard<'_, ()>,
        store: &Store,
        report: NewReport,
        tracks: Vec<(NewEvidence, Vec<u8>)>,
    ) -> Result<Option<u32>, ApiError> {
        let tracks = match self.write(turn, store, report.id, tracks).await {
            Ok(tracks) => tracks,
            Err(error) => {
                self.sweep_in(turn, store).await;
                return Err(error);
            }
        };
        let made = store.create_report_with(report, &tracks).await;
        if !matches!(made, Ok(Some(kept)) if kept as usize == tracks.len()) {
            // None of it, or not that of somebody who has just deleted their account; or the store has to be asked which.
            self.sweep_in(turn, store).await;
        }
        made.map_err(|error| ApiError::internal(&error))
    }

    /// Takes away the sound of reports that were handled or made long enough ago, and whatever could not be taken away before.
    pub async fn tidy(&self, store: &Store, now: Timestamp) {
        let before = |millis| Timestamp(now.0.saturating_sub(millis));
        match store.delete_old_evidence(before(KEPT_AFTER), before(KEPT_AT_MOST)).await {
            Ok(0) if !self.unswept.load(Ordering::Acquire) => {}
            Ok(_) => self.sweep(store).await,
            Err(error) => tracing::warn!(%error, "old sound of reports could not be deleted"),
        }
    }

    /// Takes all sound away that is of no report any more. What cannot be taken away now is by [`Evidence::tidy`].
    pub(crate) async fn sweep(&self, store: &Store) {
        let turn = self.turn.lock().await;
        self.sweep_in(&turn, store).await;
    }

    /// The file of a track, and how long it is.
    ///
    /// Errors: those of opening it.
    pub(crate) async fn open(&self, report: RecordId, n: u32) -> io::Result<(tokio::fs::File, u64)> {
        let file = tokio::fs::File::open(self.folder.join(report.to_string()).join(file_name(n))).await?;
        let length = file.metadata().await?.len();
        Ok((file, length))
    }

    /// Writes the sound of a report.
    async fn write(
        &self,
        _: &MutexGuard<'_, ()>,
        store: &Store,
        report: RecordId,
        tracks: Vec<(NewEvidence, Vec<u8>)>,
    ) -> Result<Vec<NewEvidence>, ApiError> {
        let taken = store.evidence_size().await.map_err(|error| ApiError::internal(&error))?;
        let folder = self.folder.clone();
        let written = blocking(move || {
            let (tracks, files): (Vec<_>, Vec<_>) =
                tracks.into_iter().map(|(track, file)| (track, (track.n, file))).unzip();
            let size: u64 = tracks.iter().map(|track| track.bytes).sum();
            if taken + size > SIZE_MAX {
                return Err(io::Error::new(ErrorKind::StorageFull, "the sound of reports takes as much as it may"));
            }
            if !files.is_empty() {
                write_folder(&folder, report, &files)?;
            }
            Ok(tracks)
        });
        Ok(written.await.map_err(Failed::Io)?)
    }

    /// As [`Evidence::sweep`], for whoever has the turn.
    async fn sweep_in(&self, _: &MutexGuard<'_, ()>, store: &Store) {
        let swept = async {
            let mut kept: HashMap<String, HashSet<String>> = HashMap::new();
            for (report, n) in store.evidence_kept().await? {
                kept.entry(report.to_string()).or_default().insert(file_name(n));
            }
            let folder = self.folder.clone();
            Ok(blocking(move || sweep_folder(&folder, &kept)).await?)
        };
        let swept: Result<(), Failed> = swept.await;
        self.unswept.store(swept.is_err(), Ordering::Release);
        if let Err(error) = swept {
            tracing::error!(%error, "sound that is of no report any more could not be taken away");
        }
    }
}

/// The last minute of a room, as one file for each who said something and agreed to that.
async fn cut_out(minute: Minute) -> Result<Vec<(NewEvidence, Vec<u8>)>, ApiError> {
    let kept = minute.kept.await.map_err(|_| Code::Busy)?;
    let (now, instant, speakers) = (edge::now(), edge::instant(), minute.speakers);
    let tracks = blocking(move || {
        let Some(made) = cut(&kept, instant)? else { return Ok(Vec::new()) };
        let began_at = Timestamp(now.0.saturating_sub(made.before.as_millis() as u64));
        let ms = made.length.as_millis() as u64;
        let speakers: HashMap<TalkerNo, Speaker> = speakers.into_iter().collect();
        let mut tracks = Vec::new();
        for (talker, file) in made.tracks {
            // All have agreed whose sound is kept, and whoever has not is not written.
            let Some(&speaker) = speakers.get(&talker) else { continue };
            let n = tracks.len() as u32 + 1;
            tracks.push((NewEvidence { n, speaker, began_at, ms, bytes: file.len() as u64 }, file));
        }
        Ok(tracks)
    });
    Ok(tracks.await.map_err(Failed::Io)?)
}

/// Does what waits for the disk on a thread for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn file_name(n: u32) -> String {
    format!("{n}.opus")
}

/// Writes the files of a report into a folder of its own, which is there with all of them or not at all. For nobody but the user
/// that the server runs as.
fn write_folder(all: &Path, report: RecordId, files: &[(u32, Vec<u8>)]) -> io::Result<()> {
    let (begun, done) = (all.join(format!("{report}.new")), all.join(report.to_string()));
    DirBuilder::new().mode(0o700).recursive(true).create(&begun)?;
    for (n, file) in files {
        let mut open = OpenOptions::new();
        let mut to = open.write(true).create_new(true).mode(0o600).open(begun.join(file_name(*n)))?;
        to.write_all(file)?;
        to.sync_all()?;
    }
    File::open(&begun)?.sync_all()?;
    fs::rename(&begun, &done)?;
    File::open(all)?.sync_all()
}

/// Removes everything from the folder but these files of these reports. Goes on after what cannot be removed, and fails then.
fn sweep_folder(all: &Path, kept: &HashMap<String, HashSet<String>>) -> io::Result<()> {
    let reports = match fs::read_dir(all) {
        Ok(reports) => reports,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut result = Ok(());
    for report in reports {
        let report = report?;
        let files = report.file_name().to_str().and_then(|name| kept.get(name));
        let swept = match (files, report.file_type()?.is_dir()) {
            (Some(files), true) => sweep_report(&report.path(), files),
            (None, true) => fs::remove_dir_all(report.path()),
            (_, false) => fs::remove_file(report.path()),
        };
        result = result.and(swept);
    }
    result
}

/// Removes everything from the folder of a report but these files.
fn sweep_report(report: &Path, kept: &HashSet<String>) -> io::Result<()> {
    for file in fs::read_dir(report)? {
        let file = file?;
        if !file.file_name().to_str().is_some_and(|name| kept.contains(name)) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = walk(folder).into_iter().map(|path| path.display().to_string()).collect();
        names.sort();
        names
    }

    fn walk(folder: &Path) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn files_without_a_row_are_swept() {
        let data = tempfile::tempdir().unwrap();
        let all = data.path().join(FOLDER);
        sweep_folder(&all, &HashMap::new()).unwrap();
        let [one, two] = [RecordId(1), RecordId(2)];
        write_folder(&all, one, &[(1, vec![1]), (2, vec![2])]).unwrap();
        write_folder(&all, two, &[(1, vec![3])]).unwrap();
        // Left behind when the server was killed.
        fs::create_dir(all.join(format!("{one}.new"))).unwrap();
        fs::write(all.join(format!("{one}.new")).join("1.opus"), [4]).unwrap();
        fs::write(all.join("stray"), [5]).unwrap();
        let kept = HashMap::from([(one.to_string(), HashSet::from([file_name(2)]))]);
        sweep_folder(&all, &kept).unwrap();
        assert_eq!(names(&all), [all.join(one.to_string()).join("2.opus").display().to_string()]);
        assert_eq!(fs::read(all.join(one.to_string()).join("2.opus")).unwrap(), [2]);
    }

    #[test]
    fn others_of_the_machine_may_not_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        let all = data.path().join(FOLDER);
        write_folder(&all, RecordId(1), &[(1, vec![1])]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let report = all.join(RecordId(1).to_string());
        assert_eq!((mode(&all), mode(&report), mode(&report.join("1.opus"))), (0o700, 0o700, 0o600));
        // A second report under the same id would have to overwrite it.
        assert!(write_folder(&all, RecordId(1), &[(1, vec![2])]).is_err());
        assert_eq!(fs::read(report.join("1.opus")).unwrap(), [1]);
    }
}
