//! One serving process for each data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::StoreError;
use crate::open::make_folder;

/// Held by the process that serves from a data folder, from start to end. The operating system releases it when the
/// process ends in whatever way, `kill -9` included, so a restart never waits.
///
/// Holding it is what makes `force` of [`crate::Store::acquire_room`] right: no other process can own a room of this
/// folder. Opening the [`crate::Store`] does not need it, so that the command line works next to a running server.
#[derive(Debug)]
pub struct DataLock {
    file: File,
}

impl DataLock {
    /// Takes the lock of the data folder at `path`, which is made if it is missing.
    ///
    /// Errors: [`StoreError::InUse`] when another process has it; [`StoreError::Folder`].
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        make_folder(path)?;
        let file_path = path.join("roomtone.lock");
        let folder_error = |source| StoreError::Folder { path: file_path.clone(), source };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file_path)
            .map_err(folder_error)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(folder_error(source)),
        }
    }
}

impl Drop for DataLock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that is just being started, until it drops its copies
        // of our files. A failure leaves exactly that, so there is nothing more to do about it.
        let _ = self.file.unlock();
    }
}
