//! Opening and closing the database, and the operator's settings.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::mpsc;

use crate::db::{Database, sql};
use crate::error::{StoreError, failed};
use crate::redeem::{self, Redemption};
use crate::skeletons;

/// Name of the database file in the data folder.
pub const DATABASE_FILE: &str = "roomtone.db";

/// How long a statement waits for another process's write, and how long a caller waits for a connection. Higher rides
/// out longer stalls of the disk; lower tells the caller sooner that the store is [`StoreError::Busy`].
pub(crate) const WAIT: Duration = Duration::from_secs(5);

/// Connections that only read. More lets more slow reads run side by side; each costs a thread and its page cache.
const READERS: u32 = 4;

/// Most rows in one statement that writes several. More would save statements for long lists; with the ten values that
/// a row may have it stays below what SQLite (32,766) and Postgres (65,535) take.
pub(crate) const ROWS_PER_STATEMENT: usize = 500;

/// How often opening is tried while another process opens the same new database: the first switch to the write-ahead
/// log can be refused without waiting. Each refusal means that somebody else got further, so few are ever needed.
const OPEN_ATTEMPTS: u32 = 50;

/// Connections to Postgres. More lets more requests be at the database at once; each costs a process there.
const POSTGRES_CONNECTIONS: u32 = 16;

/// The tables, embedded at compile time. Sorted by number; one that has been released is never changed. Both folders hold
/// the same ones, and a test compares the tables that they make.
static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) database: Database,
    /// Redemptions on their way to the task that carries them out.
    redemptions: mpsc::Sender<Redemption>,
}

impl Store {
    /// Opens the SQLite database in the data folder at `path` and brings its tables up to date. A missing folder is made
    /// with mode 0700, a missing database (`roomtone.db`) with mode 0600; SQLite gives its side files the same mode.
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
            // What is deleted is overwritten, so that nothing of a deleted account stays in the file (guarantee G6).
            .pragma("secure_delete", "ON")
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
        // All in one transaction, so that two processes that open a new folder at the same time do not get in each
        // other's way.
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        SQLITE_MIGRATIONS.run_direct(None, &mut *transaction, false).await.map_err(not_migrated)?;
        transaction.commit().await.map_err(failed)?;
        Self::with(Database::Sqlite { writer, readers }).await
    }

    /// Connects to a Postgres database by its address (`postgres://user:password@host/database`) and brings its tables
    /// up to date.
    ///
    /// Errors: [`StoreError::Address`], [`StoreError::Migration`], or what the database reports.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.parse().map_err(|_| StoreError::Address)?;
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(WAIT)
            .connect_with(options)
            .await
            .map_err(failed)?;
        // Under a lock of the whole database, which the library takes.
        POSTGRES_MIGRATIONS.run(&pool).await.map_err(not_migrated)?;
        Self::with(Database::Postgres(pool)).await
    }

    async fn with(database: Database) -> Result<Self, StoreError> {
        skeletons::complete(&database).await?;
        Ok(Self { redemptions: redeem::start(database.clone()), database })
    }

    /// Makes this process the only one that serves from the database, until it closes the store or ends. A data folder
    /// has [`crate::DataLock`] for that; this is about databases that several machines reach.
    ///
    /// Errors: [`StoreError::Served`] when another one does.
    pub async fn serve_alone(&self) -> Result<(), StoreError> {
        self.database.serve_alone().await
    }

    /// Waits for what is under way and closes the connections; in SQLite this folds the write-ahead log into the database
    /// file. Every method after it gives [`StoreError::Closed`].
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Database::Postgres(pool) => pool.close().await,
        }
    }

    /// The value of a setting, if it was ever set.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let found = self.database.optional(sql("SELECT value FROM settings WHERE key = $1").bind(key)).await?;
        found.map(|row| row.text("value")).transpose()
    }

    /// Sets a setting, over what it was.
    pub async fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let set = sql("INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2");
        self.database.execute(set.bind(key).bind(value)).await?;
        Ok(())
    }

    /// Where redemptions wait for the task that carries them out.
    pub(crate) fn redemptions(&self) -> &mpsc::Sender<Redemption> {
        &self.redemptions
    }
}

fn not_migrated(error: sqlx::migrate::MigrateError) -> StoreError {
    StoreError::Migration(error.to_string())
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
    async fn pragmas(pool: &sqlx::SqlitePool) -> (String, i64, bool, i64) {
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
        let Database::Sqlite { writer, readers } = &store.database else { panic!("not SQLite") };
        // 2 is FULL: the log is synced at each commit.
        assert_eq!(pragmas(writer).await, ("wal".to_owned(), 2, true, 5000));
        assert_eq!(pragmas(readers).await, ("wal".to_owned(), 2, true, 5000));
        let written = sqlx::query("DELETE FROM settings").execute(readers).await;
        assert!(written.is_err(), "a reader wrote");
        store.close().await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
