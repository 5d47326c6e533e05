//! The files of one recording.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use roomtone_media::track::{Header, TrackReader, TrackWriter};
use roomtone_room::ids::ReplayId;

use super::{Reel, on_clock};

/// The file of a track in the folder of its recording.
pub(crate) fn track_file(folder: &Path, n: u32) -> PathBuf {
    folder.join(format!("{n}.track"))
}

/// The track that a file with this name is.
pub(super) fn track_of(name: &str) -> Option<u32> {
    name.strip_suffix(".track")?.parse().ok()
}

/// A recording that goes on.
pub(super) struct Tape {
    folder: PathBuf,
    replay: ReplayId,
    /// What the recording's clock shows at a moment of the process's.
    clock: (Instant, Duration),
    tracks: BTreeMap<u32, Track>,
    /// Tracks into which nothing more comes.
    forgotten: BTreeSet<u32>,
}

/// One file.
struct Track {
    file: File,
    writer: TrackWriter,
    /// What is not in the file yet.
    unwritten: Vec<u8>,
    /// How long the file is.
    length: u64,
    /// Whether not all of it is on the disk.
    unsynced: bool,
}

impl Tape {
    /// Begins a recording, or goes on with what there is of it: what a crash has torn is cut off, and the clock goes on from where it
    /// had got to, if it shows less.
    ///
    /// Errors: those of the disk; `InvalidData` for a file that is of something else.
    pub(super) fn thread(folder: PathBuf, replay: ReplayId, clock: (Instant, Duration)) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
        if let Some(all) = folder.parent() {
            File::open(all)?.sync_all()?;
        }
        let mut tracks = BTreeMap::new();
        let mut last = Duration::ZERO;
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            if let Some(n) = name.to_str().and_then(track_of) {
                let (track, end) = Track::resume(&track_file(&folder, n), Header { replay, track: n })?;
                last = last.max(end);
                tracks.insert(n, track);
            }
        }
        let clock = (clock.0, clock.1.max(last));
        Ok(Self { folder, replay, clock, tracks, forgotten: BTreeSet::new() })
    }

    /// Adds what is on its reel to the files.
    ///
    /// Errors: those of the disk. The files are whole up to their last record then, if the disk lets that be.
    pub(super) fn write(&mut self, reel: &Reel) -> io::Result<()> {
        while let Some((n, frame)) = reel.pop() {
            if self.forgotten.contains(&n) {
                continue;
            }
            let at = on_clock(self.clock.0, self.clock.1, frame.arrived);
            self.track(n)?.record(&frame, at);
        }
        self.tracks.values_mut().try_for_each(Track::write)
    }

    /// Puts what was written on the disk.
    ///
    /// Errors: those of the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.tracks.values_mut().try_for_each(Track::sync)
    }

    /// Lets go of a track. Nothing more comes into it.
    pub(super) fn forget(&mut self, n: u32) {
        self.tracks.remove(&n);
        self.forgotten.insert(n);
    }

    /// The file of a track, which is begun when there is something to put into it.
    fn track(&mut self, n: u32) -> io::Result<&mut Track> {
        Ok(match self.tracks.entry(n) {
            std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let track = Track::begin(&track_file(&self.folder, n), Header { replay: self.replay, track: n })?;
                File::open(&self.folder)?.sync_all()?;
                place.insert(track)
            }
        })
    }
}

impl Track {
    fn begin(path: &Path, header: Header) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let mut unwritten = Vec::new();
        let writer = TrackWriter::begin(header, &mut unwritten);
        Ok(Self { file, writer, unwritten, length: 0, unsynced: true })
    }

    /// Goes on with a file, behind what is whole in it; returns when its last packet came.
    fn resume(path: &Path, header: Header) -> io::Result<(Self, Duration)> {
        let mut last = Duration::ZERO;
        let length = match TrackReader::new(BufReader::new(File::open(path)?)) {
            Ok(mut reader) if reader.header() == header => {
                for frame in reader.by_ref() {
                    last = last.max(frame?.at);
                }
                reader.good()
            }
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "a track of something else")),
            // Torn in its header: nothing came after it.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => 0,
            Err(error) => return Err(error),
        };
        if length == 0 {
            let track = Self::begin(path, header)?;
            track.file.set_len(0)?;
            return Ok((track, last));
        }
        let file = OpenOptions::new().append(true).open(path)?;
        let torn = file.metadata()?.len() - length;
        if torn > 0 {
            tracing::warn!(torn, "the torn end of a track was cut off");
            file.set_len(length)?;
        }
        Ok((Self { file, writer: TrackWriter::resume(), unwritten: Vec::new(), length, unsynced: true }, last))
    }

    fn record(&mut self, frame: &roomtone_media::frame::Frame, at: Duration) {
        // One that is too long is no packet that anybody would play.
        let _ = self.writer.record(frame, at, &mut self.unwritten);
    }

    fn write(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&self.unwritten) {
            // What is half a record is of no use. If it cannot be cut off, readers pass over it.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += self.unwritten.len() as u64;
        self.unwritten.clear();
        self.unsynced = true;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.unsynced) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}
