//! Rooms: their log of events, their snapshots, and who owns them.
//!
//! A room has one owner at a time, known by the epoch that [`Store::acquire_room`] gave it. Each write carries that
//! epoch and changes nothing when the room has another by now, so an owner that was believed dead cannot write over its
//! successor.

use roomtone_room::ids::{CommandId, MemberId, RoomId, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row};

use crate::Store;
use crate::convert::{id_bytes, id_from, int, int_from, time, time_from};
use crate::error::{AppendError, StoreError, failed};
use crate::open::ROWS_PER_STATEMENT;

/// A room to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoom {
    /// The new id.
    pub id: RoomId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Its title, validated.
    pub title: String,
    /// Who opened it.
    pub host: MemberId,
}

/// One event of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Its number, from 1 upwards.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Whose command it came from; `None` for the server's own.
    pub member: Option<MemberId>,
    /// That command's id, if the sender gave one.
    pub command: Option<CommandId>,
    /// The event, as the caller writes it.
    pub body: String,
}

/// A room as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRoom {
    /// The newest snapshot: the number of the last event in it, and its text.
    pub snapshot: Option<(u64, String)>,
    /// The events after the snapshot (all of them, where there is none), by number.
    pub tail: Vec<LogRow>,
    /// When the room ended; `None` while it is live.
    pub ended_at: Option<Timestamp>,
}

impl Store {
    /// Makes a room with its first events, all or nothing. Nobody owns it yet, and its epoch is 0, which no owner ever
    /// has: [`Store::acquire_room`] comes next.
    ///
    /// Errors: [`StoreError::Conflict`] when the id is known already or the host does not exist.
    pub async fn create_room(&self, room: NewRoom, first: &[LogRow]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("INSERT INTO rooms (id, opened_at, title, host, last_seq) VALUES ($1, $2, $3, $4, $5)")
            .bind(id_bytes(room.id.0))
            .bind(time(room.opened_at)?)
            .bind(&room.title)
            .bind(id_bytes(room.host.0))
            .bind(int(first.last().map_or(0, |row| row.seq))?)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        insert_rows(&mut transaction, room.id, first).await?;
        transaction.commit().await.map_err(failed)
    }

    /// Adds events to a live room's log in one transaction: all of them are on the disk, or none. No rows, no change.
    ///
    /// Errors: [`AppendError::Fenced`]; [`StoreError::Conflict`] for a number that is taken.
    pub async fn append(&self, room: RoomId, epoch: u64, rows: &[LogRow]) -> Result<(), AppendError> {
        self.write_log(room, epoch, rows, None).await
    }

    /// Adds a live room's last events and marks it as ended at `at`, in one transaction. Nothing can be appended, and
    /// nobody can own it, afterwards. Errors as for [`Store::append`].
    pub async fn end_room(&self, room: RoomId, epoch: u64, at: Timestamp, rows: &[LogRow]) -> Result<(), AppendError> {
        self.write_log(room, epoch, rows, Some(at)).await
    }

    /// Keeps `body` as the state of the room after event `seq`, unless a newer snapshot is kept, and deletes the log rows
    /// that it covers. Also possible after the room has ended.
    ///
    /// Errors: [`AppendError::Fenced`], or the store's.
    pub async fn save_snapshot(&self, room: RoomId, epoch: u64, seq: u64, body: &str) -> Result<(), AppendError> {
        let mut transaction = self.begin().await?;
        // An update and not a read, so that the row stays locked until the commit in every database.
        let owned = sqlx::query("UPDATE rooms SET last_seq = last_seq WHERE id = $1 AND epoch = $2")
            .bind(id_bytes(room.0))
            .bind(int(epoch)?)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        if owned.rows_affected() == 0 {
            return Err(AppendError::Fenced);
        }
        sqlx::query(
            "INSERT INTO room_snapshots (room, seq, body) VALUES ($1, $2, $3)
             ON CONFLICT (room) DO UPDATE SET seq = excluded.seq, body = excluded.body
             WHERE excluded.seq > room_snapshots.seq",
        )
        .bind(id_bytes(room.0))
        .bind(int(seq)?)
        .bind(body)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        sqlx::query("DELETE FROM room_log WHERE room = $1 AND seq <= $2")
            .bind(id_bytes(room.0))
            .bind(int(seq)?)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(())
    }

    /// The rooms that have not ended, most recently opened first.
    pub async fn live_rooms(&self) -> Result<Vec<RoomId>, StoreError> {
        let ids: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT id FROM rooms WHERE ended_at IS NULL ORDER BY opened_at DESC, id")
                .fetch_all(self.readers())
                .await
                .map_err(failed)?;
        ids.iter().map(|id| id_from(id, "room id").map(RoomId)).collect()
    }

    /// A room with what is kept of its log, whether live or ended; `None` for one that never was.
    pub async fn load_room(&self, room: RoomId) -> Result<Option<StoredRoom>, StoreError> {
        // One transaction, so that a snapshot saved meanwhile cannot take away rows between the two reads.
        let mut transaction = self.readers().begin().await.map_err(failed)?;
        let Some(found) = sqlx::query(
            "SELECT r.ended_at, s.seq, s.body FROM rooms r LEFT JOIN room_snapshots s ON s.room = r.id WHERE r.id = $1",
        )
        .bind(id_bytes(room.0))
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?
        else {
            return Ok(None);
        };
        let rows = sqlx::query("SELECT seq, at, member, command, body FROM room_log WHERE room = $1 ORDER BY seq")
            .bind(id_bytes(room.0))
            .fetch_all(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;

        let ended_at: Option<i64> = found.try_get("ended_at").map_err(failed)?;
        let snapshot = match found.try_get::<Option<i64>, _>("seq").map_err(failed)? {
            Some(seq) => Some((int_from(seq, "event number")?, found.try_get("body").map_err(failed)?)),
            None => None,
        };
        let covered = snapshot.as_ref().map_or(0, |(seq, _)| *seq);
        let rows = rows.iter().map(row_from).collect::<Result<Vec<_>, _>>()?;
        let tail = rows.into_iter().filter(|row| row.seq > covered).collect();
        Ok(Some(StoredRoom { snapshot, tail, ended_at: ended_at.map(time_from).transpose()? }))
    }

    /// Makes the process `owner` (128 random bits of its own) the owner of a live room until `until`, if the room has
    /// no owner, the owner's lease ran out by `now`, or `owner` has it already. Returns the room's epoch from now on,
    /// which is one higher than before; `None` when somebody else has the room, it has ended or it never was.
    ///
    /// `force` takes the room whoever has it. It is for the embedded mode, where one process serves from a data folder
    /// and holds its [`crate::DataLock`]: any other owner is then a process that has ended, and a restart after
    /// `kill -9` need not wait for the lease to run out. The rising epoch fences the old owner all the same.
    pub async fn acquire_room(
        &self,
        room: RoomId,
        owner: u128,
        now: Timestamp,
        until: Timestamp,
        force: bool,
    ) -> Result<Option<u64>, StoreError> {
        let epoch: Option<i64> = sqlx::query_scalar(
            "UPDATE rooms SET epoch = epoch + 1, lease_owner = $2, lease_until = $3
             WHERE id = $1 AND ended_at IS NULL
               AND ($5 OR lease_owner IS NULL OR lease_owner = $2 OR lease_until <= $4)
             RETURNING epoch",
        )
        .bind(id_bytes(room.0))
        .bind(id_bytes(owner))
        .bind(time(until)?)
        .bind(time(now)?)
        .bind(force)
        .fetch_optional(self.writer())
        .await
        .map_err(failed)?;
        epoch.map(|epoch| int_from(epoch, "room epoch")).transpose()
    }

    /// Extends the lease that came with `epoch` to `until`. Returns whether it did: `false` when the room has another
    /// owner by now, or has ended. A lease that ran out and was not taken can still be renewed.
    pub async fn renew_room(&self, room: RoomId, epoch: u64, until: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE rooms SET lease_until = $3 WHERE id = $1 AND epoch = $2 AND ended_at IS NULL")
            .bind(id_bytes(room.0))
            .bind(int(epoch)?)
            .bind(time(until)?)
            .execute(self.writer())
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    /// Appends rows and, with `ended_at`, ends the room.
    async fn write_log(
        &self,
        room: RoomId,
        epoch: u64,
        rows: &[LogRow],
        ended_at: Option<Timestamp>,
    ) -> Result<(), AppendError> {
        let mut transaction = self.begin().await?;
        let owned = sqlx::query(
            "UPDATE rooms SET last_seq = COALESCE($3, last_seq), ended_at = $4
             WHERE id = $1 AND epoch = $2 AND ended_at IS NULL",
        )
        .bind(id_bytes(room.0))
        .bind(int(epoch)?)
        .bind(rows.last().map(|row| int(row.seq)).transpose()?)
        .bind(ended_at.map(time).transpose()?)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        if owned.rows_affected() == 0 {
            return Err(AppendError::Fenced);
        }
        insert_rows(&mut transaction, room, rows).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(())
    }
}

/// Inserts rows of a room's log.
async fn insert_rows(connection: &mut SqliteConnection, room: RoomId, rows: &[LogRow]) -> Result<(), StoreError> {
    for part in rows.chunks(ROWS_PER_STATEMENT) {
        let mut values = Vec::with_capacity(part.len());
        for row in part {
            values.push((row, int(row.seq)?, time(row.at)?));
        }
        let mut query = QueryBuilder::new("INSERT INTO room_log (room, seq, at, member, command, body) ");
        query.push_values(values, |mut value, (row, seq, at)| {
            value
                .push_bind(id_bytes(room.0))
                .push_bind(seq)
                .push_bind(at)
                .push_bind(row.member.map(|member| id_bytes(member.0)))
                .push_bind(row.command.map(|command| id_bytes(command.0)))
                .push_bind(&row.body);
        });
        let query = query.build().persistent(part.len() == 1);
        query.execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

/// Reads what [`insert_rows`] wrote.
fn row_from(row: &SqliteRow) -> Result<LogRow, StoreError> {
    let member: Option<&[u8]> = row.try_get("member").map_err(failed)?;
    let command: Option<&[u8]> = row.try_get("command").map_err(failed)?;
    Ok(LogRow {
        seq: int_from(row.try_get("seq").map_err(failed)?, "event number")?,
        at: time_from(row.try_get("at").map_err(failed)?)?,
        member: member.map(|id| id_from(id, "member id").map(MemberId)).transpose()?,
        command: command.map(|id| id_from(id, "command id").map(CommandId)).transpose()?,
        body: row.try_get("body").map_err(failed)?,
    })
}
