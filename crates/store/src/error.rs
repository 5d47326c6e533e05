//! What can go wrong. Nothing of the database library shows through.

use std::path::PathBuf;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data folder, or a file in it, cannot be made or opened.
    #[error("cannot use {}: {source}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another process serves from this folder.
    #[error("{} is in use by another roomtone server", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// Another process serves from this database.
    #[error("the database is in use by another roomtone server")]
    Served,
    /// The address of the database is not one.
    #[error("that is not the address of a Postgres database (postgres://user:password@host/database)")]
    Address,
    /// The database's tables could not be brought up to date, or were made by a newer version.
    #[error("cannot bring the database up to date: {0}")]
    Migration(String),
    /// The database stayed locked, or every connection stayed taken, for longer than the store waits. Trying again
    /// later can help.
    #[error("the database is busy")]
    Busy,
    /// The statement contradicts what is stored: a repeated key, or a member or room that does not exist.
    #[error("contradicts what is stored: {0}")]
    Conflict(String),
    /// A number does not fit the database's signed 64 bits.
    #[error("{0} does not fit 63 bits")]
    OutOfRange(u64),
    /// A stored value is not what this program writes.
    #[error("the database holds an invalid {0}")]
    Corrupt(&'static str),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Anything else the database reports, such as a full disk.
    #[error("the database failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// The same once more, for several who failed together.
    pub(crate) fn repeated(&self) -> Self {
        match self {
            Self::Busy => Self::Busy,
            Self::Closed => Self::Closed,
            Self::Conflict(what) => Self::Conflict(what.clone()),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Why an invite could not be redeemed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    /// Used, expired, revoked or never made: nobody outside can tell which.
    #[error("no such invite")]
    NotFound,
    /// Another member has the handle. The invite can still be used.
    #[error("the handle is taken")]
    HandleTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a profile could not be changed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is no such member, or they are suspended.
    #[error("no such member")]
    Missing,
    /// Another member has the handle, or one that looks like it, or somebody waits for it.
    #[error("the handle is taken")]
    HandleTaken,
    /// The handle was changed too often lately.
    #[error("the handle was changed too often")]
    TooSoon,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a write to a room was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The room has another owner by now, has ended, or never was: stop acting for it.
    #[error("no longer the owner of this room")]
    Fenced,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sorts an error of the database library into ours. A function and not `From`, so that the library's type is in no
/// public signature.
pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    use sqlx::error::ErrorKind;
    match &error {
        sqlx::Error::PoolTimedOut => StoreError::Busy,
        sqlx::Error::PoolClosed => StoreError::Closed,
        sqlx::Error::Migrate(migration) => StoreError::Migration(migration.to_string()),
        sqlx::Error::Database(database) => match database.kind() {
            ErrorKind::Other if is_busy(&database.code().unwrap_or_default()) => StoreError::Busy,
            ErrorKind::Other => StoreError::Failed(database.message().to_owned()),
            _ => StoreError::Conflict(database.message().to_owned()),
        },
        _ => StoreError::Failed(error.to_string()),
    }
}

/// Whether an error's code says that trying again can help. Codes of Postgres have five characters: a transaction that was
/// taken back for another's sake (class 40), too many connections (53300), a lock not to be had (55P03), a server that is
/// starting or stopping (57P01 to 57P03). SQLite's are numbers, of which SQLITE_BUSY (5) and SQLITE_LOCKED (6) are the low
/// byte.
fn is_busy(code: &str) -> bool {
    if code.len() == 5 {
        return code.starts_with("40") || matches!(code, "53300" | "55P03" | "57P01" | "57P02" | "57P03");
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6))
}
