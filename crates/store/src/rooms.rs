//! Rooms: their log of events, their snapshots, and who owns them.
//!
//! A room has one owner at a time, known by the epoch that [`Store::acquire_room`] gave it. Each write carries that
//! epoch and changes nothing when the room has another by now, so an owner that was believed dead cannot write over its
//! successor.

use roomtone_room::ids::{CommandId, HouseId, MemberId, RecordId, RoomId, Timestamp};

use crate::Store;
use crate::acts::{NewAct, insert_acts};
use crate::convert::{int, int_from};
use crate::db::{Row, Transaction, Value, sql};
use crate::error::{AppendError, StoreError};
use crate::events::room_ended;
use crate::open::ROWS_PER_STATEMENT;
use crate::recordings::{RecordingChange, end_recordings, write_recordings};

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
    /// The house whose room it is.
    pub house: Option<HouseId>,
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

/// What came of one round of a room: all of it is kept, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes<'a> {
    /// The events.
    pub rows: &'a [LogRow],
    /// What those who run the room did in it.
    pub acts: &'a [NewAct],
    /// Who hosts the room from now on, if that has changed.
    pub leader: Option<MemberId>,
    /// Questions put to an invitation that were answered in it, and when.
    pub answered: &'a [(RecordId, Timestamp)],
    /// What it means for a recording of the room, in order.
    pub recordings: &'a [RecordingChange],
}

/// Events and nothing else.
impl<'a, R: AsRef<[LogRow]> + ?Sized> From<&'a R> for Changes<'a> {
    fn from(rows: &'a R) -> Self {
        Self { rows: rows.as_ref(), ..Self::default() }
    }
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
        let mut transaction = self.database.begin().await?;
        let insert = sql("INSERT INTO rooms (id, opened_at, title, host, leader, last_seq, house)
                 VALUES ($1, $2, $3, $4, $4, $5, $6)")
        .bind(room.id)
        .bind(room.opened_at)
        .bind(room.title)
        .bind(room.host)
        .bind(first.last().map_or(0, |row| row.seq))
        .bind(room.house);
        transaction.execute(insert).await?;
        insert_rows(&mut transaction, room.id, first).await?;
        transaction.commit().await
    }

    /// Adds what came of a round to a live room, in one transaction: all of it is on the disk, or nothing. Nothing in it, no
    /// change.
    ///
    /// Errors: [`AppendError::Fenced`]; [`StoreError::Conflict`] for a number that is taken.
    pub async fn append<'a>(
        &self,
        room: RoomId,
        epoch: u64,
        changes: impl Into<Changes<'a>>,
    ) -> Result<(), AppendError> {
        self.write_changes(room, epoch, changes.into(), None).await
    }

    /// Adds what came of a live room's last round and marks it as ended at `at`, in one transaction. Nothing can be appended,
    /// and nobody can own it, afterwards; nobody has it hidden any more, and the event whose room it is has ended too. Errors as for
    /// [`Store::append`].
    pub async fn end_room<'a>(
        &self,
        room: RoomId,
        epoch: u64,
        at: Timestamp,
        changes: impl Into<Changes<'a>>,
    ) -> Result<(), AppendError> {
        self.write_changes(room, epoch, changes.into(), Some(at)).await
    }

    /// Keeps `body` as the state of the room after event `seq`, unless a newer snapshot is kept, and deletes the log rows
    /// that it covers. Also possible after the room has ended.
    ///
    /// Errors: [`AppendError::Fenced`], or the store's.
    pub async fn save_snapshot(&self, room: RoomId, epoch: u64, seq: u64, body: &str) -> Result<(), AppendError> {
        let mut transaction = self.database.begin().await?;
        // An update and not a read, so that the row stays locked until the commit in every database.
        let owned = sql("UPDATE rooms SET last_seq = last_seq WHERE id = $1 AND epoch = $2").bind(room).bind(epoch);
        if transaction.execute(owned).await? == 0 {
            return Err(AppendError::Fenced);
        }
        let keep = sql("INSERT INTO room_snapshots (room, seq, body) VALUES ($1, $2, $3)
             ON CONFLICT (room) DO UPDATE SET seq = excluded.seq, body = excluded.body
             WHERE excluded.seq > room_snapshots.seq")
        .bind(room)
        .bind(seq)
        .bind(body);
        transaction.execute(keep).await?;
        let covered = sql("DELETE FROM room_log WHERE room = $1 AND seq <= $2").bind(room).bind(seq);
        transaction.execute(covered).await?;
        Ok(transaction.commit().await?)
    }

    /// The rooms that have not ended, most recently opened first.
    pub async fn live_rooms(&self) -> Result<Vec<RoomId>, StoreError> {
        let live = sql("SELECT id FROM rooms WHERE ended_at IS NULL ORDER BY opened_at DESC, id");
        self.database.all(live).await?.iter().map(|row| row.id("id").map(RoomId)).collect()
    }

    /// A room with what is kept of its log, whether live or ended; `None` for one that never was.
    pub async fn load_room(&self, room: RoomId) -> Result<Option<StoredRoom>, StoreError> {
        // The log before the snapshot: one that is saved in between covers the rows that it took away.
        let log = sql("SELECT seq, at, member, command, body FROM room_log WHERE room = $1 ORDER BY seq").bind(room);
        let log = self.database.all(log).await?;
        let found = sql("SELECT r.ended_at, s.seq, s.body FROM rooms r LEFT JOIN room_snapshots s ON s.room = r.id
             WHERE r.id = $1")
        .bind(room);
        let Some(found) = self.database.optional(found).await? else { return Ok(None) };
        let snapshot = match found.int_or_null("seq")? {
            Some(seq) => Some((int_from(seq, "event number")?, found.text("body")?)),
            None => None,
        };
        let covered = snapshot.as_ref().map_or(0, |(seq, _)| *seq);
        let rows = log.iter().map(row_from).collect::<Result<Vec<_>, _>>()?;
        let tail = rows.into_iter().filter(|row| row.seq > covered).collect();
        Ok(Some(StoredRoom { snapshot, tail, ended_at: found.time_or_null("ended_at")? }))
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
        let acquire = sql("UPDATE rooms SET epoch = epoch + 1, lease_owner = $2, lease_until = $3
             WHERE id = $1 AND ended_at IS NULL
               AND ($5 OR lease_owner IS NULL OR lease_owner = $2 OR lease_until <= $4)
             RETURNING epoch")
        .bind(room)
        .bind(owner)
        .bind(until)
        .bind(now)
        .bind(force);
        let mut transaction = self.database.begin().await?;
        let taken = transaction.optional(acquire).await?;
        transaction.commit().await?;
        taken.map(|row| row.count("epoch")).transpose()
    }

    /// Until when somebody has, or had, a live room.
    pub async fn room_lease(&self, room: RoomId) -> Result<Option<Timestamp>, StoreError> {
        let lease = sql("SELECT lease_until FROM rooms WHERE id = $1 AND ended_at IS NULL").bind(room);
        self.database.optional(lease).await?.map_or(Ok(None), |row| row.time_or_null("lease_until"))
    }

    /// Extends the lease that came with `epoch` to `until`. Returns whether it did: `false` when the room has another
    /// owner by now, or has ended. A lease that ran out and was not taken can still be renewed.
    pub async fn renew_room(&self, room: RoomId, epoch: u64, until: Timestamp) -> Result<bool, StoreError> {
        let renew = sql("UPDATE rooms SET lease_until = $3 WHERE id = $1 AND epoch = $2 AND ended_at IS NULL");
        Ok(self.database.execute(renew.bind(room).bind(epoch).bind(until)).await? > 0)
    }

    /// Keeps the changes and, with `ended_at`, ends the room.
    async fn write_changes(
        &self,
        room: RoomId,
        epoch: u64,
        changes: Changes<'_>,
        ended_at: Option<Timestamp>,
    ) -> Result<(), AppendError> {
        let Changes { rows, acts, leader, answered, recordings } = changes;
        let mut transaction = self.database.begin().await?;
        let owned = sql("UPDATE rooms SET last_seq = COALESCE($3, last_seq), ended_at = $4
             WHERE id = $1 AND epoch = $2 AND ended_at IS NULL")
        .bind(room)
        .bind(epoch)
        .bind(rows.last().map(|row| int(row.seq)).transpose()?)
        .bind(ended_at);
        if transaction.execute(owned).await? == 0 {
            return Err(AppendError::Fenced);
        }
        insert_rows(&mut transaction, room, rows).await?;
        insert_acts(&mut transaction, room, acts).await?;
        if let Some(leader) = leader {
            // Nobody, if they are deleting their account at this moment.
            let led = sql("UPDATE rooms SET leader = (SELECT m.id FROM members m WHERE m.id = $2) WHERE id = $1");
            transaction.execute(led.bind(room).bind(leader)).await?;
        }
        for (question, at) in answered {
            // Nothing, if it was taken back meanwhile.
            let noted = sql("UPDATE questions SET answered_at = COALESCE(answered_at, $2) WHERE id = $1");
            transaction.execute(noted.bind(*question).bind(*at)).await?;
        }
        write_recordings(&mut transaction, room, recordings).await?;
        if let Some(at) = ended_at {
            end_recordings(&mut transaction, room, at).await?;
            transaction.execute(sql("DELETE FROM hidden_rooms WHERE room = $1").bind(room)).await?;
            room_ended(&mut transaction, room, at).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Inserts rows of a room's log.
async fn insert_rows(transaction: &mut Transaction, room: RoomId, rows: &[LogRow]) -> Result<(), StoreError> {
    for part in rows.chunks(ROWS_PER_STATEMENT) {
        let values = part.iter().map(|row| -> [Value; 6] {
            [
                room.into(),
                row.seq.into(),
                row.at.into(),
                row.member.into(),
                row.command.map(|command| command.0).into(),
                row.body.as_str().into(),
            ]
        });
        // What somebody does who deletes their account at this moment comes from nobody.
        let insert = sql("INSERT INTO room_log (room, seq, at, member, command, body)
             SELECT e.column1, e.column2, e.column3, m.id, e.column5, e.column6 FROM (")
        .push_rows(values)
        .push(") AS e LEFT JOIN members m ON m.id = e.column4");
        transaction.execute(insert.remembered(part.len() == 1)).await?;
    }
    Ok(())
}

/// Reads what [`insert_rows`] wrote.
fn row_from(row: &Row) -> Result<LogRow, StoreError> {
    Ok(LogRow {
        seq: row.count("seq")?,
        at: row.time("at")?,
        member: row.id_or_null("member")?.map(MemberId),
        command: row.id_or_null("command")?.map(CommandId),
        body: row.text("body")?,
    })
}
