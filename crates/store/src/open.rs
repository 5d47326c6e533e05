//! Opening and closing the database, and the operator's settings.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::Transaction;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::mpsc;

use crate::error::{StoreError, failed};
use crate::redeem::{self, Redemption};

/// Name of the database file in the data folder.
pub const DATABASE_FILE: &str = "roomtone.db";

/// How long a statement waits for another process's write, and how long a caller waits for a connection. Higher rides
/// out longer stalls of the disk; lower tells the caller sooner that the store is [`StoreError::Busy`].
const WAIT: Duration = Duration::from_secs(5);

/// Connections that only read. More lets more slow reads run side by side; each costs a thread and its page cache.
const READERS: u32 = 4;

/// Most rows in one statement that writes several. More would save statements for long lists; with the ten values that
/// a row may have it stays below what SQLite (32,766) and Postgres (65,535) take.
pub(crate) const ROWS_PER_STATEMENT: usize = 500;

/// How often opening is tried while another process opens the same new database: the first switch to the write-ahead
/// log can be refused without waiting. Each refusal means that somebody else got further, so few are ever needed.
const OPEN_ATTEMPTS: u32 = 50;

/// The tables, embedded at compile time. Sorted by number; one that has been released is never changed.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    /// Exactly one connection: SQLite has one writer at a time, and waiting here is fair, unlike waiting for its lock.
    writer: SqlitePool,
    /// Connections that cannot write; they see every transaction that was committed before they were asked.
    readers: SqlitePool,
    /// Redemptions on their way to the task that carries them out.
    redemptions: mpsc::Sender<Redemption>,
}

impl Store {
    /// Opens the database in the data folder at `path` and brings its tables up to date. A missing folder is made with
    /// mode 0700, a missing database (`roomtone.db`) with mode 0600; SQLite gives its side files the same mode.
    ///
    /// Errors: [`StoreError::Folder`], [`StoreError::Migration`], or what the database reports.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        make_folder(path)?;
        let file = path.join(DATABASE_FILE);
        make_database_file(path, &file)?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WAIT);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(WAIT)
                .idle_timeout(None)
                .max_lifetime(None)
                // A connection is a thread in this process: it does not go stale.
                .test_before_acquire(false)
        };
        let mut opened = pool(1).connect_with(options.clone()).await.map_err(failed);
        for _ in 1..OPEN_ATTEMPTS {
            if !matches!(opened, Err(StoreError::Busy)) {
                break;
            }
            opened = pool(1).connect_with(options.clone()).await.map_err(failed);
        }
        let writer = opened?;
        let readers = pool(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        let store = Self { redemptions: redeem::start(writer.clone()), writer, readers };
        store.migrate().await?;
        Ok(store)
    }

    /// Waits for what is under way, folds the write-ahead log into the database file and closes it. Every method after
    /// it gives [`StoreError::Closed`].
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The value of a setting, if it was ever set.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT value FROM settings WHERE key = $1")
            .bind(key)
            .fetch_optional(self.readers())
            .await
            .map_err(failed)
    }

    /// Sets a setting, over what it was.
    pub async fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2")
            .bind(key)
            .bind(value)
            .execute(self.writer())
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// For single reads outside a transaction.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// For single statements that write.
    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// Where redemptions wait for the task that carries them out.
    pub(crate) fn redemptions(&self) -> &mpsc::Sender<Redemption> {
        &self.redemptions
    }

    /// As [`begin`].
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        begin(&self.writer).await
    }

    /// Applies the migrations that are missing, all in one transaction, so that two processes that open a new folder
    /// at the same time do not get in each other's way.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        MIGRATIONS
            .run_direct(None, &mut *transaction, false)
            .await
            .map_err(|error| StoreError::Migration(error.to_string()))?;
        transaction.commit().await.map_err(failed)
    }
}

/// Starts a transaction that writes. It takes the write lock at once, so that nothing it reads can change before it
/// commits. Dropped without a commit, it changes nothing.
pub(crate) async fn begin(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>, StoreError> {
    writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)
}

/// Makes the data folder, closed to everybody but its owner, unless it is there.
pub(crate) fn make_folder(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StoreError::Folder { path: path.to_owned(), source })
}

/// Makes an empty database file before SQLite would make one that others may read, and makes its name durable.
///
/// A file that is there is not even opened: closing it would drop the locks that SQLite has on it elsewhere in this
/// process (POSIX advisory locks, <https://sqlite.org/howtocorrupt.html> section 2.2).
fn make_database_file(folder: &Path, file: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => File::open(folder).and_then(|folder| folder.sync_all()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|source| StoreError::Folder { path: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Row;

    /// `synchronous` and `foreign_keys` belong to a connection and not to the file, so they are read on ours.
    async fn pragmas(pool: &SqlitePool) -> (String, i64, bool, i64) {
        let row = sqlx::query(
            "SELECT journal_mode, synchronous, foreign_keys, timeout
             FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys, pragma_busy_timeout",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        (row.get(0), row.get(1), row.get(2), row.get(3))
    }

    #[tokio::test]
    async fn connections_are_durable_and_readers_cannot_write() {
        let folder = std::env::temp_dir().join(format!("roomtone-store-pragmas-{}", std::process::id()));
        let store = Store::open(&folder).await.unwrap();
        // 2 is FULL: the log is synced at each commit.
        assert_eq!(pragmas(store.writer()).await, ("wal".to_owned(), 2, true, 5000));
        assert_eq!(pragmas(store.readers()).await, ("wal".to_owned(), 2, true, 5000));
        let written = sqlx::query("DELETE FROM settings").execute(store.readers()).await;
        assert!(written.is_err(), "a reader wrote");
        store.close().await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
