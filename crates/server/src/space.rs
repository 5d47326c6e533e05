//! Room on the disk.

use std::io;
use std::path::Path;

/// What is left free on a disk for everything else that the server writes, in bytes: recordings stop, and replays wait, before the
/// database cannot go on, which shares it. More is safer; less records longer.
pub(crate) const RESERVE: u64 = 64 << 20;

/// Whether so many bytes are free where a folder is. Where it cannot be known, writing tells.
pub(crate) fn is_free(folder: &Path, bytes: u64) -> bool {
    rustix::fs::statvfs(folder).map_or(true, |disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= bytes)
}

/// What is said when it is not.
pub(crate) fn nearly_full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the disk is nearly full")
}

/// Whether an error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
