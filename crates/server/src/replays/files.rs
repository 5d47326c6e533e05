//! Where the files of replays are: a folder in the data folder, or a bucket of an S3 server.
//!
//! ```text
//! REPLAY/raw/N.track              what was recorded of speaker N, kept to make the replay anew
//! REPLAY/GENERATION/mix.ogg       the replay: mix.mp4 has the same packets, picture.json what can be seen of it
//! REPLAY/GENERATION/tracks/N.ogg  speaker N alone
//! ```
//!
//! Invariant: a file is there as a whole or not at all.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufReader;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Place;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use roomtone_room::ids::ReplayId;
use tokio::io::AsyncReadExt;
use url::Url;

use crate::space::{self, RESERVE};

/// The folder in the data folder.
const FOLDER: &str = "replays";

/// The folder in the data folder for what is being made.
const WORK: &str = "replays-in-work";

/// Names in the folder of a generation.
pub(super) const OGG: &str = "mix.ogg";
pub(super) const MP4: &str = "mix.mp4";
pub(super) const PICTURE: &str = "picture.json";

/// Bytes that are fetched at once for somebody who listens: a quarter of a minute. More asks an S3 server less often; less takes less
/// memory for each listener, and is there sooner.
const FETCHED: usize = 128 << 10;

/// Bytes that are sent to a bucket at once; S3 takes no smaller parts.
const SENT: usize = 5 << 20;

/// In which of the two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sound {
    /// Ogg Opus (RFC 7845).
    Ogg,
    /// Opus in fragmented MP4, for browsers without Ogg.
    Mp4,
}

/// A file of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// The whole sound, of a generation.
    Mix(u64, Sound),
    /// The picture of a generation.
    Picture(u64),
    /// One speaker alone, in a generation.
    Track(u64, u32),
    /// What was recorded of a speaker.
    Raw(u32),
}

impl File {
    /// Its media type.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Mix(_, Sound::Ogg) | Self::Track(..) => "audio/ogg",
            Self::Mix(_, Sound::Mp4) => "audio/mp4",
            Self::Picture(_) => "application/json",
            Self::Raw(_) => "application/octet-stream",
        }
    }

    fn name(self) -> String {
        match self {
            Self::Mix(generation, Sound::Ogg) => format!("{generation}/{OGG}"),
            Self::Mix(generation, Sound::Mp4) => format!("{generation}/{MP4}"),
            Self::Picture(generation) => format!("{generation}/{PICTURE}"),
            Self::Track(generation, n) => format!("{generation}/{}", track(n)),
            Self::Raw(n) => format!("raw/{n}.track"),
        }
    }

    /// The file with this name.
    fn named(name: &str) -> Option<Self> {
        let (folder, rest) = name.split_once('/')?;
        if folder == "raw" {
            return Some(Self::Raw(rest.strip_suffix(".track")?.parse().ok()?));
        }
        let generation = folder.parse().ok()?;
        Some(match rest {
            OGG => Self::Mix(generation, Sound::Ogg),
            MP4 => Self::Mix(generation, Sound::Mp4),
            PICTURE => Self::Picture(generation),
            track => Self::Track(generation, track.strip_prefix("tracks/")?.strip_suffix(".ogg")?.parse().ok()?),
        })
    }
}

/// The name of a speaker's track in the folder of a generation.
pub(super) fn track(n: u32) -> String {
    format!("tracks/{n}.ogg")
}

/// The files of all replays.
#[derive(Debug)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    /// What is before the names of all files.
    prefix: Place,
    /// Where they are, unless that is a bucket.
    folder: Option<PathBuf>,
    work: PathBuf,
    /// Bytes that stay free on the disk.
    pub(super) reserve: u64,
}

/// A file in the file system, to be read; what was fetched for that is gone with it.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) path: PathBuf,
    fetched: bool,
}

impl Drop for Local {
    fn drop(&mut self) {
        if self.fetched {
            // What is left is removed when the server starts.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Files {
    /// Those of a server with this data folder, which are in a bucket (`s3://BUCKET/PREFIX`) if one is named. How it is reached is told
    /// by the environment, as other programs have it (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT` and so
    /// on). Nothing is asked of it yet.
    ///
    /// Errors: those of making the folders; what is wrong with the settings.
    pub(crate) fn start(data: &Path, bucket: Option<&Url>) -> io::Result<Self> {
        let work = data.join(WORK);
        match fs::remove_dir_all(&work) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => make_folder(&work)?,
        }
        if let Some(url) = bucket {
            let store = AmazonS3Builder::from_env().with_url(url.as_str()).build()?;
            let prefix = Place::parse(url.path()).map_err(object_store::Error::from)?;
            return Ok(Self { store: Arc::new(store), prefix, folder: None, work, reserve: RESERVE });
        }
        let folder = data.join(FOLDER);
        make_folder(&folder)?;
        let store = LocalFileSystem::new_with_prefix(&folder)?.with_automatic_cleanup(true);
        Ok(Self { store: Arc::new(store), prefix: Place::default(), folder: Some(folder), work, reserve: RESERVE })
    }

    /// A file to be read in parts, and how long it is.
    ///
    /// Errors: those of the store, `NotFound` if there is no such file.
    pub(crate) async fn open(&self, replay: ReplayId, file: File) -> io::Result<(BufReader, u64)> {
        let meta = self.store.head(&self.place(replay, file)).await?;
        Ok((BufReader::with_capacity(self.store.clone(), &meta, FETCHED), meta.size))
    }

    /// All of a file, which should be small.
    ///
    /// Errors: as [`Files::open`]'s.
    pub(crate) async fn bytes(&self, replay: ReplayId, file: File) -> io::Result<Bytes> {
        Ok(self.store.get(&self.place(replay, file)).await?.bytes().await?)
    }

    /// So many bytes of a file from a place on, or as many as there are.
    ///
    /// Errors: as [`Files::open`]'s, and for a place behind its end.
    pub(super) async fn part(&self, replay: ReplayId, file: File, from: u64, length: u64) -> io::Result<Bytes> {
        Ok(self.store.get_range(&self.place(replay, file), from..from + length).await?)
    }

    /// A file in the file system: where it is, or a copy.
    ///
    /// Errors: as [`Files::open`]'s.
    pub(super) async fn local(&self, replay: ReplayId, file: File) -> io::Result<Local> {
        let name = file.name();
        if let Some(folder) = &self.folder {
            let path = folder.join(replay.to_string()).join(name);
            return tokio::fs::metadata(&path).await.map(|_| Local { path, fetched: false });
        }
        let mut from = self.store.get(&self.place(replay, file)).await?.into_stream();
        let local = self.passing();
        let mut to = tokio::fs::File::create(&local.path).await?;
        while let Some(part) = from.try_next().await? {
            tokio::io::AsyncWriteExt::write_all(&mut to, &part).await?;
        }
        tokio::io::AsyncWriteExt::flush(&mut to).await?;
        Ok(local)
    }

    /// A place for a file that is only needed for a while.
    pub(super) fn passing(&self) -> Local {
        // Two may be at the same thing at once.
        let name = roomtone_room::ids::encode_128(crate::edge::random_128());
        Local { path: self.work.join(name), fetched: true }
    }

    /// Moves a file that was made in the file system to where files of replays are. It is on the disk once this is done.
    ///
    /// Errors: those of reading it and of the store.
    pub(super) async fn take(&self, replay: ReplayId, file: File, from: &Path) -> io::Result<()> {
        if let Some(folder) = &self.folder {
            let (from, to) = (from.to_owned(), folder.join(replay.to_string()).join(file.name()));
            return blocking(move || move_file(&from, &to)).await;
        }
        let mut reading = tokio::fs::File::open(from).await?;
        // That the store has not got it is no answer to this: it means the bucket.
        let begun =
            self.store.put_multipart(&self.place(replay, file)).await.map_err(|error| not_here(error.into()))?;
        let mut sending = WriteMultipart::new(begun);
        if let Err(error) = send(&mut reading, &mut sending).await {
            if let Err(left) = sending.abort().await {
                tracing::warn!(error = %left, "parts of a file of a replay may be left in the bucket");
            }
            return Err(not_here(error));
        }
        sending.finish().await.map_err(|error| not_here(error.into()))?;
        tokio::fs::remove_file(from).await
    }

    /// That there is a place for files of replays, be there any or not.
    ///
    /// Errors: those of the store; never `NotFound`.
    pub(super) async fn are_there(&self) -> io::Result<()> {
        self.store.list(Some(&self.prefix)).try_next().await.map(|_| ()).map_err(|error| not_here(error.into()))
    }

    /// Removes all files of a replay but those that are to be kept, and returns how many there were.
    ///
    /// Errors: those of the store; then some may be left.
    pub(super) async fn prune(&self, replay: ReplayId, keep: impl Fn(File) -> bool) -> io::Result<u32> {
        let folder = self.prefix.clone().join(replay.to_string());
        let all: Vec<_> = self.store.list(Some(&folder)).try_collect().await?;
        let mut removed = 0;
        for object in all {
            let name = object.location.as_ref().strip_prefix(folder.as_ref()).and_then(|name| name.strip_prefix('/'));
            if name.and_then(File::named).is_some_and(&keep) {
                continue;
            }
            match self.store.delete(&object.location).await {
                Ok(()) => removed += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(removed)
    }

    /// All replays of which there are files.
    ///
    /// Errors: those of the store.
    pub(super) async fn replays(&self) -> io::Result<Vec<ReplayId>> {
        let found = self.store.list_with_delimiter(Some(&self.prefix)).await?;
        Ok(found.common_prefixes.iter().filter_map(|folder| folder.filename()?.parse().ok()).collect())
    }

    /// That there is room on the disk to make a replay, of which the database needs some as well.
    ///
    /// Errors: `StorageFull`.
    pub(super) fn has_room(&self) -> io::Result<()> {
        self.room()()
    }

    /// The same, to be asked from elsewhere.
    pub(super) fn room(&self) -> impl Fn() -> io::Result<()> + Send + use<> {
        let (work, reserve) = (self.work.clone(), self.reserve);
        move || if space::is_free(&work, reserve) { Ok(()) } else { Err(space::nearly_full()) }
    }

    /// An empty folder for making a replay.
    ///
    /// Errors: those of the file system.
    pub(super) async fn workshop(&self, replay: ReplayId) -> io::Result<PathBuf> {
        let folder = self.work.join(replay.to_string());
        let made = folder.clone();
        blocking(move || remove_folder(&made).and_then(|()| make_folder(&made))).await?;
        Ok(folder)
    }

    /// Removes the folder that a replay was made in.
    ///
    /// Errors: those of the file system.
    pub(super) async fn clear(&self, replay: ReplayId) -> io::Result<()> {
        let folder = self.work.join(replay.to_string());
        blocking(move || remove_folder(&folder)).await
    }

    fn place(&self, replay: ReplayId, file: File) -> Place {
        file.name().split('/').fold(self.prefix.clone().join(replay.to_string()), |place, part| place.join(part))
    }
}

/// Sends all of a file but its last part.
async fn send(reading: &mut tokio::fs::File, sending: &mut WriteMultipart) -> io::Result<()> {
    let mut part = vec![0; SENT];
    loop {
        match reading.read(&mut part).await? {
            0 => return Ok(()),
            count => sending.write(&part[..count]),
        }
        sending.wait_for_capacity(1).await?;
    }
}

/// An error of a place that should be there, which is not to be taken for one of a file that need not be.
pub(super) fn not_here(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::NotFound { io::Error::other(error) } else { error }
}

/// Does what waits for the disk on a thread for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// For nobody but the user that the server runs as.
fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).recursive(true).create(folder)
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    make_folder(folder)?;
    fs::File::open(from)?.sync_all()?;
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => copy_file(from, to)?,
        renamed => renamed?,
    }
    // The folder's own entry, and that of the replay, are made durable with it.
    folder.ancestors().take(3).try_for_each(|folder| fs::File::open(folder)?.sync_all())
}

/// Moves a file to another disk: it is there as a whole before it is there under its name.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let part = to.with_extension("part");
    let copied = fs::copy(from, &part).and_then(|_| fs::File::open(&part)?.sync_all());
    if let Err(error) = copied.and_then(|()| fs::rename(&part, to)) {
        // If it stays it is of nothing that is known, and goes with the next pruning.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    fs::remove_file(from)
}

#[cfg(test)]
impl Files {
    /// The same, in a bucket of a server that says of everything that it is not there, as of a bucket of another name.
    pub(super) async fn in_no_bucket(&self) -> Self {
        use tokio::io::AsyncWriteExt;
        const NONE: &str = "<Error><Code>NoSuchBucket</Code></Error>";
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut asked, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let _ = asked.read(&mut head).await;
                let answer = format!(
                    "HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{NONE}",
                    NONE.len()
                );
                let _ = asked.write_all(answer.as_bytes()).await;
            }
        });
        let bucket = AmazonS3Builder::new().with_endpoint(endpoint).with_allow_http(true).with_bucket_name("talks");
        let store = bucket.with_access_key_id("key").with_secret_access_key("secret").build().unwrap();
        let (prefix, work) = (Place::default(), self.work.clone());
        Self { store: Arc::new(store), prefix, folder: None, work, reserve: self.reserve }
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use tempfile::TempDir;

    use super::*;

    const ONE: ReplayId = ReplayId(1);
    const OTHER: ReplayId = ReplayId(2);

    fn files() -> (Files, TempDir) {
        let data = tempfile::tempdir().unwrap();
        (Files::start(data.path(), None).unwrap(), data)
    }

    /// The same, and one in which files are as in a bucket.
    fn both() -> ([Files; 2], TempDir) {
        let (files, data) = files();
        let (store, prefix, work) = (Arc::new(InMemory::new()), Place::from("a/b"), files.work.clone());
        ([files, Files { store, prefix, folder: None, work, reserve: 0 }], data)
    }

    async fn put(files: &Files, replay: ReplayId, file: File, bytes: &[u8]) {
        let made = files.work.join("made");
        fs::write(&made, bytes).unwrap();
        files.take(replay, file, &made).await.unwrap();
        assert!(!made.exists(), "it was moved");
    }

    const ALL: [File; 6] = [
        File::Mix(1, Sound::Ogg),
        File::Mix(1, Sound::Mp4),
        File::Picture(2),
        File::Track(2, 7),
        File::Raw(7),
        File::Raw(12),
    ];

    #[test]
    fn names_are_read_back() {
        for file in ALL {
            assert_eq!(File::named(&file.name()), Some(file));
        }
        for other in ["", "raw", "raw/x.track", "1/other.ogg", "1/tracks/x.ogg", "x/mix.ogg", "raw/1.track/2"] {
            assert_eq!(File::named(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn what_is_put_there_is_there() {
        let (both, _data) = both();
        for files in both {
            for (n, file) in ALL.into_iter().enumerate() {
                put(&files, ONE, file, &[n as u8; 1_000]).await;
            }
            for (n, file) in ALL.into_iter().enumerate() {
                assert_eq!(files.bytes(ONE, file).await.unwrap(), vec![n as u8; 1_000]);
                assert_eq!(files.part(ONE, file, 990, 100).await.unwrap().len(), 10);
                let (mut reading, size) = files.open(ONE, file).await.unwrap();
                let mut read = Vec::new();
                reading.read_to_end(&mut read).await.unwrap();
                assert_eq!((read.len() as u64, size), (1_000, 1_000));
                let missing = files.open(OTHER, file).await.unwrap_err();
                assert_eq!(missing.kind(), ErrorKind::NotFound);
            }
            assert_eq!(files.replays().await.unwrap(), [ONE]);
            let local = files.local(ONE, File::Raw(7)).await.unwrap();
            assert_eq!(fs::read(&local.path).unwrap(), [4; 1_000]);
            drop(local);
            assert!(files.bytes(ONE, File::Raw(7)).await.is_ok(), "what is there is not taken away");
            assert!(fs::read_dir(&files.work).unwrap().next().is_none(), "what was fetched is");
            assert_eq!(files.local(ONE, File::Raw(8)).await.unwrap_err().kind(), ErrorKind::NotFound);
            // More than is sent at once.
            put(&files, ONE, File::Raw(9), &vec![9; SENT + 10]).await;
            assert_eq!(files.bytes(ONE, File::Raw(9)).await.unwrap().len(), SENT + 10);
        }
    }

    #[tokio::test]
    async fn what_is_not_kept_is_gone() {
        let (both, data) = both();
        for (n, files) in both.into_iter().enumerate() {
            for file in ALL {
                put(&files, ONE, file, b"1").await;
                put(&files, OTHER, file, b"2").await;
            }
            if n == 0 {
                fs::write(data.path().join(FOLDER).join(ONE.to_string()).join("stray"), b"3").unwrap();
            }
            let kept = |file| matches!(file, File::Raw(7) | File::Picture(_));
            assert_eq!(files.prune(ONE, kept).await.unwrap(), 5 - n as u32);
            for file in ALL {
                assert_eq!(files.bytes(ONE, file).await.is_ok(), kept(file), "{file:?}");
                assert!(files.bytes(OTHER, file).await.is_ok(), "of another replay");
            }
            files.prune(ONE, |_| false).await.unwrap();
            assert_eq!(files.replays().await.unwrap(), [OTHER]);
            assert_eq!(files.prune(ONE, |_| false).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn others_of_the_machine_may_not_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (files, data) = files();
        put(&files, ONE, File::Raw(1), b"1").await;
        for folder in [data.path().join(FOLDER), data.path().join(WORK), files.workshop(ONE).await.unwrap()] {
            assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
        fs::write(data.path().join(WORK).join("left"), b"1").unwrap();
        Files::start(data.path(), None).unwrap();
        assert!(
            fs::read_dir(data.path().join(WORK)).unwrap().next().is_none(),
            "what was being made is not gone on with"
        );
    }

    /// What is read of an address of a bucket; nothing is asked of it.
    #[test]
    fn a_bucket_has_a_name_and_maybe_a_prefix() {
        let data = tempfile::tempdir().unwrap();
        let open = |url: &str| Files::start(data.path(), Some(&url.parse().unwrap()));
        let prefix = |url| open(url).unwrap().place(ONE, File::Raw(3)).to_string();
        assert_eq!(prefix("s3://talks"), format!("{ONE}/raw/3.track"));
        assert_eq!(prefix("s3://talks/a/b/"), format!("a/b/{ONE}/raw/3.track"));
        assert!(open("https://example.org/").is_err());
    }
}
