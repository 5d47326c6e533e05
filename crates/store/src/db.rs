//! The two databases behind one set of calls: a statement is text with values, a row is read by column names, and which
//! database it goes to is decided here and nowhere else.

use std::borrow::Cow;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use roomtone_room::ids::{AvatarId, EventId, HouseId, InvitationId, MemberId, RecordId, ReplayId, RoomId, Timestamp};
use sqlx::postgres::{PgArguments, PgPool, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::Hash;
use crate::convert::{id_bytes, id_from, int, int_from, time_from};
use crate::error::{StoreError, failed};

/// A database, with its connections.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file in the data folder.
    Sqlite {
        /// Exactly one connection: SQLite has one writer at a time, and waiting here is fair, unlike waiting for its lock.
        writer: SqlitePool,
        /// Connections that cannot write; they see every transaction that was committed before they were asked.
        readers: SqlitePool,
    },
    /// A server of its own.
    Postgres(PgPool),
}

/// A value in a statement. Each knows its type when it is absent too, which Postgres asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Bytes(Option<Vec<u8>>),
    Text(Option<String>),
    Int(Option<i64>),
    Bool(Option<bool>),
    /// A number that does not fit, found out when the statement is carried out.
    OutOfRange(u64),
}

/// A statement with its values: `$1` is the first. The text is the same for both databases.
#[derive(Debug, Clone)]
pub(crate) struct Sql {
    text: Cow<'static, str>,
    values: Vec<Value>,
    /// Whether the database is to remember how it carries this text out.
    remembered: bool,
}

/// A statement whose values are bound next.
pub(crate) fn sql(text: &'static str) -> Sql {
    Sql { text: Cow::Borrowed(text), values: Vec::new(), remembered: true }
}

impl Sql {
    /// Binds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds text, for statements that are put together. Only text of this program: what comes from outside is bound.
    pub(crate) fn push(mut self, text: &'static str) -> Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Adds a value where the text stands, and binds it.
    pub(crate) fn push_bind(mut self, value: impl Into<Value>) -> Self {
        self.add(value.into());
        self
    }

    /// Says whether this text comes again often enough to be remembered. A fixed one does; one that is as long as a list is
    /// had better not.
    pub(crate) fn remembered(mut self, remembered: bool) -> Self {
        self.remembered = remembered;
        self
    }

    /// Adds `($n, $n + 1, …)`, for `IN`. No values make a list in which nothing is.
    pub(crate) fn push_list<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.remembered = false;
        self.text.to_mut().push('(');
        let mut first = true;
        for value in values {
            if !std::mem::take(&mut first) {
                self.text.to_mut().push_str(", ");
            }
            self.add(value.into());
        }
        self.text.to_mut().push_str(if first { "NULL)" } else { ")" });
        self
    }

    /// Adds `VALUES ($n, …), (…)`; there must be at least one row. The columns are called `column1`, `column2` and so on.
    pub(crate) fn push_rows<const N: usize>(mut self, rows: impl IntoIterator<Item = [Value; N]>) -> Self {
        self.remembered = false;
        self.text.to_mut().push_str("VALUES ");
        for (number, row) in rows.into_iter().enumerate() {
            self.text.to_mut().push_str(if number == 0 { "(" } else { ", (" });
            for (column, value) in row.into_iter().enumerate() {
                if column > 0 {
                    self.text.to_mut().push_str(", ");
                }
                self.add(value);
            }
            self.text.to_mut().push(')');
        }
        self
    }

    fn add(&mut self, value: Value) {
        self.values.push(value);
        let number = self.values.len().to_string();
        let text = self.text.to_mut();
        text.push('$');
        text.push_str(&number);
    }
}

macro_rules! built {
    ($function:ident, $database:ty, $arguments:ty) => {
        fn $function(sql: Sql) -> Result<Query<'static, $database, $arguments>, StoreError> {
            let mut query = match sql.text {
                Cow::Borrowed(text) => sqlx::query(text),
                Cow::Owned(text) => sqlx::query(AssertSqlSafe(text)),
            };
            for value in sql.values {
                query = match value {
                    Value::Bytes(value) => query.bind(value),
                    // No text in the database has a NUL, which Postgres cannot hold: one that has equals nothing.
                    Value::Text(value) => query.bind(value.filter(|text| !text.contains('\0'))),
                    Value::Int(value) => query.bind(value),
                    Value::Bool(value) => query.bind(value),
                    Value::OutOfRange(value) => return Err(StoreError::OutOfRange(value)),
                };
            }
            Ok(query.persistent(sql.remembered))
        }
    };
}

built!(sqlite, Sqlite, SqliteArguments);
built!(postgres, Postgres, PgArguments);

impl Database {
    /// Carries out one statement that writes; returns how many rows it touched.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite { writer, .. } => {
                sqlite(sql)?.execute(writer).await.map(|done| done.rows_affected()).map_err(failed)
            }
            Self::Postgres(pool) => postgres(sql)?.execute(pool).await.map(|done| done.rows_affected()).map_err(failed),
        }
    }

    /// All rows of a statement that reads.
    pub(crate) async fn all(&self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite { readers, .. } => rows(sqlite(sql)?.fetch_all(readers).await, Row::Sqlite),
            Self::Postgres(pool) => rows(postgres(sql)?.fetch_all(pool).await, Row::Postgres),
        }
    }

    /// The first row of a statement that reads, if there is one.
    pub(crate) async fn optional(&self, sql: Sql) -> Result<Option<Row>, StoreError> {
        match self {
            Self::Sqlite { readers, .. } => {
                sqlite(sql)?.fetch_optional(readers).await.map(|row| row.map(Row::Sqlite)).map_err(failed)
            }
            Self::Postgres(pool) => {
                postgres(sql)?.fetch_optional(pool).await.map(|row| row.map(Row::Postgres)).map_err(failed)
            }
        }
    }

    /// The rows of a statement that reads, as they come: they are never all in memory.
    pub(crate) fn stream(&self, sql: Sql) -> Result<BoxStream<'_, Result<Row, StoreError>>, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => {
                sqlite(sql)?.fetch(readers).map(|row| row.map(Row::Sqlite).map_err(failed)).boxed()
            }
            Self::Postgres(pool) => {
                postgres(sql)?.fetch(pool).map(|row| row.map(Row::Postgres).map_err(failed)).boxed()
            }
        })
    }

    /// The row of a statement that reads and always has one, such as a count.
    pub(crate) async fn one(&self, sql: Sql) -> Result<Row, StoreError> {
        self.optional(sql).await?.ok_or(StoreError::Corrupt("answer"))
    }

    /// Takes the lock that only one serving process can have, for as long as that process is connected. SQLite's is a file
    /// in the data folder ([`crate::DataLock`]), so here it has nothing to take.
    pub(crate) async fn serve_alone(&self) -> Result<(), StoreError> {
        /// Any number that no other program takes a lock by in the same database.
        const LOCK: i64 = 0x0072_6f6f_6d74_6f6e;
        let Self::Postgres(pool) = self else { return Ok(()) };
        // A connection of its own: the lock goes with it, and the pool would close it one day.
        let mut connection = pool.acquire().await.map_err(failed)?.detach();
        let lock = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK);
        if !lock.fetch_one(&mut connection).await.map_err(failed)? {
            return Err(StoreError::Served);
        }
        let pool = pool.clone();
        tokio::spawn(async move {
            pool.close_event().await;
            // The server is stopping; if it does not hear of it, it finds out by itself.
            let _ = connection.close().await;
        });
        Ok(())
    }

    /// Carries out a statement of SQLite's that cannot be part of a transaction, where writes are, and returns its first row.
    pub(crate) async fn write_outside(&self, sql: Sql) -> Result<Option<Row>, StoreError> {
        match self {
            Self::Sqlite { writer, .. } => {
                sqlite(sql)?.fetch_optional(writer).await.map(|row| row.map(Row::Sqlite)).map_err(failed)
            }
            Self::Postgres(pool) => {
                postgres(sql)?.fetch_optional(pool).await.map(|row| row.map(Row::Postgres)).map_err(failed)
            }
        }
    }

    /// Starts a transaction that writes. In SQLite it takes the write lock at once, so that nothing it reads can change
    /// before it commits; in Postgres others may commit between its statements, so once-only facts rest on constraints and
    /// conditional updates. Dropped without a commit, it changes nothing.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        match self {
            Self::Sqlite { writer, .. } => {
                writer.begin_with("BEGIN IMMEDIATE").await.map(Transaction::Sqlite).map_err(failed)
            }
            Self::Postgres(pool) => pool.begin().await.map(Transaction::Postgres).map_err(failed),
        }
    }
}

/// Several statements of which all take effect or none.
#[derive(Debug)]
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// Carries out one statement; returns how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(tx) => sqlite(sql)?.execute(&mut **tx).await.map(|done| done.rows_affected()).map_err(failed),
            Self::Postgres(tx) => {
                postgres(sql)?.execute(&mut **tx).await.map(|done| done.rows_affected()).map_err(failed)
            }
        }
    }

    /// All rows of a statement.
    pub(crate) async fn all(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(tx) => rows(sqlite(sql)?.fetch_all(&mut **tx).await, Row::Sqlite),
            Self::Postgres(tx) => rows(postgres(sql)?.fetch_all(&mut **tx).await, Row::Postgres),
        }
    }

    /// The first row of a statement, if there is one.
    pub(crate) async fn optional(&mut self, sql: Sql) -> Result<Option<Row>, StoreError> {
        Ok(self.all(sql).await?.into_iter().next())
    }

    /// The row of a statement that always has one.
    pub(crate) async fn one(&mut self, sql: Sql) -> Result<Row, StoreError> {
        self.optional(sql).await?.ok_or(StoreError::Corrupt("answer"))
    }

    /// Makes everything durable and visible to others.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(failed)
    }

    /// Takes everything back, and waits until that is done.
    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await,
            Self::Postgres(tx) => tx.rollback().await,
        }
        .map_err(failed)
    }
}

fn rows<R>(found: Result<Vec<R>, sqlx::Error>, wrap: fn(R) -> Row) -> Result<Vec<Row>, StoreError> {
    found.map(|rows| rows.into_iter().map(wrap).collect()).map_err(failed)
}

/// A row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! getter {
    ($(#[$doc:meta])* $name:ident -> $type:ty) => {
        $(#[$doc])*
        pub(crate) fn $name(&self, column: &str) -> Result<$type, StoreError> {
            match self {
                Self::Sqlite(row) => row.try_get(column),
                Self::Postgres(row) => row.try_get(column),
            }
            .map_err(failed)
        }
    };
}

impl Row {
    getter!(
        /// A text that is there.
        text -> String
    );
    getter!(
        /// A text, or NULL.
        text_or_null -> Option<String>
    );
    getter!(
        /// Bytes that are there.
        bytes -> Vec<u8>
    );
    getter!(
        /// Bytes, or NULL.
        bytes_or_null -> Option<Vec<u8>>
    );
    getter!(
        /// A number with its sign.
        int -> i64
    );
    getter!(
        /// A number with its sign, or NULL.
        int_or_null -> Option<i64>
    );
    getter!(
        /// A truth value.
        bool -> bool
    );

    /// A number that is never negative, such as a count.
    pub(crate) fn count(&self, column: &str) -> Result<u64, StoreError> {
        int_from(self.int(column)?, "number")
    }

    /// A 128-bit id.
    pub(crate) fn id(&self, column: &str) -> Result<u128, StoreError> {
        id_from(&self.bytes(column)?, "id")
    }

    /// A 128-bit id, or NULL.
    pub(crate) fn id_or_null(&self, column: &str) -> Result<Option<u128>, StoreError> {
        self.bytes_or_null(column)?.map(|bytes| id_from(&bytes, "id")).transpose()
    }

    /// A member's id.
    pub(crate) fn member(&self, column: &str) -> Result<MemberId, StoreError> {
        self.id(column).map(MemberId)
    }

    /// A digest.
    pub(crate) fn hash(&self, column: &str) -> Result<Hash, StoreError> {
        self.bytes(column)?.try_into().map_err(|_| StoreError::Corrupt("digest"))
    }

    /// A time.
    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        time_from(self.int(column)?)
    }

    /// A time, or NULL.
    pub(crate) fn time_or_null(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        self.int_or_null(column)?.map(time_from).transpose()
    }
}

macro_rules! into_value {
    ($($type:ty: $value:ident => $made:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        })*
    };
}

into_value! {
    &str: text => Self::Text(Some(text.to_owned()));
    &String: text => Self::Text(Some(text.clone()));
    String: text => Self::Text(Some(text));
    Option<&str>: text => Self::Text(text.map(str::to_owned));
    Option<String>: text => Self::Text(text);
    &[u8]: bytes => Self::Bytes(Some(bytes.to_vec()));
    Vec<u8>: bytes => Self::Bytes(Some(bytes));
    Hash: hash => Self::Bytes(Some(hash.to_vec()));
    &Hash: hash => Self::Bytes(Some(hash.to_vec()));
    Option<Hash>: hash => Self::Bytes(hash.map(|hash| hash.to_vec()));
    u128: id => Self::Bytes(Some(id_bytes(id)));
    Option<u128>: id => Self::Bytes(id.map(id_bytes));
    MemberId: id => id.0.into();
    Option<MemberId>: id => id.map(|id| id.0).into();
    RoomId: id => id.0.into();
    Option<RoomId>: id => id.map(|id| id.0).into();
    HouseId: id => id.0.into();
    Option<HouseId>: id => id.map(|id| id.0).into();
    InvitationId: id => id.0.into();
    Option<InvitationId>: id => id.map(|id| id.0).into();
    EventId: id => id.0.into();
    ReplayId: id => id.0.into();
    AvatarId: id => id.0.into();
    Option<AvatarId>: id => id.map(|id| id.0).into();
    RecordId: id => id.0.into();
    Option<RecordId>: id => id.map(|id| id.0).into();
    i64: number => Self::Int(Some(number));
    Option<i64>: number => Self::Int(number);
    u32: number => Self::Int(Some(number.into()));
    u64: number => int(number).map_or(Self::OutOfRange(number), |number| Self::Int(Some(number)));
    Timestamp: at => at.0.into();
    Option<Timestamp>: at => at.map_or(Self::Int(None), Into::into);
    bool: value => Self::Bool(Some(value));
    Option<bool>: value => Self::Bool(value);
}
