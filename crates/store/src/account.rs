//! Everything that is stored about one member: to hand it over to them, and to delete it.

use std::collections::BTreeSet;

use futures_util::{Stream, StreamExt};
use roomtone_room::ids::{MemberId, RoomId};

use crate::Store;
use crate::account_sources::{As, SOURCES};
use crate::db::{Database, Row, Transaction, sql};
use crate::error::StoreError;
use crate::graph::lock_members;
use crate::houses::leave_all;
use crate::search::{CLASS_BEGINS, forget};
use crate::search_talks::unmark_talks_of;

/// Rows of one kind that are handed over. Beyond it somebody would have a hundred thousand followers.
const EXPORT_ROWS: u64 = 100_000;

/// The setting that is there while something was deleted and may still be on the disk: how many deletions that were.
const TO_FORGET: &str = "to_forget";

/// How often a deletion begins anew since the member has followed somebody or let somebody in at the same moment.
const LOCK_ATTEMPTS: u32 = 5;

/// Rows of a log that are read at once.
const LOG_PAGE: u64 = 500;

/// Why an account could not be deleted. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// They own this server, and somebody has to.
    #[error("the owner must hand the server over first")]
    Owner,
    /// There is no such member.
    #[error("no such member")]
    Missing,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An event that came from a member's command, as its room's log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEvent {
    /// In which room.
    pub room: RoomId,
    /// Its number.
    pub seq: u64,
    /// The event, as the caller wrote it.
    pub body: String,
}

/// What is written in place of a text that holds a member's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// In which room.
    pub room: RoomId,
    /// The number of the event, or of the last event in the snapshot.
    pub seq: u64,
    /// The text without their words.
    pub body: String,
}

/// Part of what is stored about a member: a table, or some rows of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportPart {
    /// The file it belongs into, without an ending.
    pub file: &'static str,
    /// What the rows are.
    pub name: &'static str,
    /// Its number, from 0.
    pub number: usize,
}

/// A row that is handed over: what is in each column.
pub type ExportRow = Vec<(&'static str, Exported)>;

/// A value that is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exported {
    /// Nothing.
    Null,
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// Whether or not.
    Truth(bool),
    /// Milliseconds since 1970.
    Time(i64),
    /// A 128-bit id.
    Id(u128),
}

impl Store {
    /// The parts of everything that is stored about a member: those of one file one after the other.
    pub fn export_parts() -> impl Iterator<Item = ExportPart> {
        SOURCES.iter().enumerate().map(|(number, (file, name, ..))| ExportPart { file, name, number })
    }

    /// The rows of one part, as they are read: at most a hundred thousand.
    pub fn export_rows(
        &self,
        member: MemberId,
        part: ExportPart,
    ) -> Result<impl Stream<Item = Result<ExportRow, StoreError>>, StoreError> {
        let (_, _, columns, text) = SOURCES.get(part.number).ok_or(StoreError::Corrupt("part of an export"))?;
        let rows = self.database.stream(sql(text).bind(member).bind(EXPORT_ROWS))?;
        Ok(rows.map(|row| {
            let row = row?;
            columns.iter().map(|(column, kind)| Ok((*column, exported(&row, column, *kind)?))).collect()
        }))
    }

    /// A page of the events that came from a member's commands, by room and number.
    pub async fn own_events(
        &self,
        member: MemberId,
        after: Option<(RoomId, u64)>,
    ) -> Result<Vec<OwnEvent>, StoreError> {
        let (room, seq) = after.unwrap_or((RoomId(0), 0));
        let page = sql("SELECT room, seq, body FROM room_log WHERE member = $1 AND (room, seq) > ($2, $3)
             ORDER BY room, seq LIMIT $4")
        .bind(member)
        .bind(room)
        .bind(seq)
        .bind(LOG_PAGE);
        self.database.all(page).await?.iter().map(event_from).collect()
    }

    /// The snapshots of rooms in which a member is named, one after the other: the first of a room behind `after`. Looks
    /// through all of them, so it takes its time.
    pub async fn next_snapshot_with(
        &self,
        member: MemberId,
        after: Option<RoomId>,
    ) -> Result<Option<OwnEvent>, StoreError> {
        // An id is letters and digits, so that nothing in it has a meaning of its own here.
        let next =
            sql("SELECT room, seq, body FROM room_snapshots WHERE room > $1 AND body LIKE $2 ORDER BY room LIMIT 1")
                .bind(after.unwrap_or(RoomId(0)))
                .bind(format!("%{member}%"));
        self.database.optional(next).await?.as_ref().map(event_from).transpose()
    }

    /// The rooms that go with a member's account and have not ended: those that they opened, and those of their events.
    pub async fn live_rooms_of(&self, host: MemberId) -> Result<Vec<RoomId>, StoreError> {
        let live = sql("SELECT id FROM rooms WHERE ended_at IS NULL
               AND (host = $1 OR id IN (SELECT e.room FROM events e WHERE e.host = $1)) ORDER BY id")
        .bind(host);
        self.database.all(live).await?.iter().map(|row| row.id("id").map(RoomId)).collect()
    }

    /// Ends all sessions of a member, so that nothing more comes from them.
    pub async fn end_sessions(&self, member: MemberId) -> Result<(), StoreError> {
        self.database.execute(sql("DELETE FROM sessions WHERE member = $1").bind(member)).await?;
        Ok(())
    }

    /// Deletes a member and everything they wrote, in one transaction; `log` and `snapshots` are what rooms of others keep in
    /// place of texts with their words. Rooms that they opened go, with their logs. The people whom they let in have from
    /// now on the sponsor of their sponsor: so the tree stays one, and whoever answers for a branch answers for all of it.
    ///
    /// What stays: that the invite by which they came was used, and reports that they made, without their words.
    ///
    /// Errors: [`DeleteError`].
    pub async fn delete_account(
        &self,
        member: MemberId,
        log: &[Rewrite],
        snapshots: &[Rewrite],
    ) -> Result<(), DeleteError> {
        let mut attempt = 1;
        let mut tx = loop {
            let mut tx = self.database.begin().await?;
            if lock_around(&mut tx, member).await? {
                break tx;
            }
            tx.rollback().await?;
            if attempt == LOCK_ATTEMPTS {
                return Err(StoreError::Busy.into());
            }
            attempt += 1;
        };
        let found = sql("SELECT owner FROM members WHERE id = $1").bind(member);
        let Some(row) = tx.optional(found).await? else { return Err(DeleteError::Missing) };
        if row.bool("owner")? {
            return Err(DeleteError::Owner);
        }
        for (rewrites, text) in [
            (log, "UPDATE room_log SET body = $3 WHERE room = $1 AND seq = $2"),
            (snapshots, "UPDATE room_snapshots SET body = $3 WHERE room = $1 AND seq = $2"),
        ] {
            for rewrite in rewrites {
                tx.execute(sql(text).bind(rewrite.room).bind(rewrite.seq).bind(rewrite.body.as_str())).await?;
            }
        }
        let talks = unmark_talks_of(&mut tx, member).await?;
        let ended = leave_all(&mut tx, member).await?;
        let fewer = sql("UPDATE members SET followers = followers - 1, indexed = indexed AND followers NOT IN ")
            .push(CLASS_BEGINS)
            .push(" WHERE id IN (SELECT followed FROM follows WHERE follower = $1)");
        tx.execute(fewer.bind(member)).await?;
        for text in FORGET {
            tx.execute(sql(text).bind(member)).await?;
        }
        // Whatever else refers to them goes by its reference.
        tx.execute(sql("DELETE FROM members WHERE id = $1").bind(member)).await?;
        // Last: it keeps the search index to itself until the commit, and must wait for nobody then.
        let gone: Vec<_> = ended.into_iter().map(|house| house.0).chain([member.0]).chain(talks).collect();
        forget(&mut tx, &gone).await?;
        Ok(tx.commit().await?)
    }

    /// Whether something was deleted since [`Store::forget_deleted`] was last done.
    pub async fn has_to_forget(&self) -> Result<bool, StoreError> {
        Ok(self.setting(TO_FORGET).await?.is_some())
    }

    /// Takes the last bytes of what was deleted off the disk: SQLite overwrites what it frees, but leaves copies behind on
    /// pages on which it has moved things about, and in the write-ahead log. The log is folded into the database in any case;
    /// against those copies the whole database is written anew, in which time nothing else can be written: `at_most` says
    /// how large a database may be for that, in bytes. Returns whether nothing is left. Postgres keeps house by itself.
    pub async fn forget_deleted(&self, at_most: u64) -> Result<bool, StoreError> {
        let Some(seen) = self.setting(TO_FORGET).await? else { return Ok(true) };
        let sqlite = matches!(&self.database, Database::Sqlite { .. });
        if sqlite {
            let size = sql("SELECT page_count * page_size AS size FROM pragma_page_count(), pragma_page_size()");
            let too_large = self.database.one(size).await?.count("size")? > at_most;
            if !too_large {
                self.database.write_outside(sql("VACUUM")).await?;
            }
            // Fails while somebody reads what was there before, for longer than is waited for.
            if !self.fold_log().await? || too_large {
                return Ok(false);
            }
        }
        // What was deleted meanwhile is for the next time.
        let done = sql("DELETE FROM settings WHERE key = $1 AND value = $2").bind(TO_FORGET).bind(seen);
        let done = self.database.execute(done).await? > 0;
        if sqlite {
            self.fold_log().await?;
        }
        Ok(done)
    }

    /// Moves SQLite's write-ahead log into its database and empties it. Returns whether that was possible.
    async fn fold_log(&self) -> Result<bool, StoreError> {
        let folded = self.database.write_outside(sql("PRAGMA wal_checkpoint(TRUNCATE)")).await?;
        Ok(folded.is_some_and(|row| matches!(row.int("busy"), Ok(0))))
    }
}

/// What is deleted or forgotten before the member goes, in this order.
const FORGET: &[&str] = &[
    // Before the guests are given to another sponsor: whoever is redeeming one is waited for here, and is one of them then.
    "DELETE FROM invites WHERE sponsor = $1",
    "UPDATE members SET sponsor = (SELECT d.sponsor FROM members d WHERE d.id = $1) WHERE sponsor = $1",
    "UPDATE invites SET used_by = NULL, note = '' WHERE used_by = $1",
    // A title of theirs may be in what the server knew about a room when it was reported, and the name of a house of theirs.
    "UPDATE reports SET context = '{}' WHERE room IN (SELECT r.id FROM rooms r WHERE r.host = $1)",
    "UPDATE reports SET context = '{}' WHERE house IS NULL AND (house_maker = $1 OR house_ended_by = $1)",
    // What reporters were told is in the words of whoever handled the report, and about whom it was.
    "UPDATE notifications SET body = '' WHERE kind = 'report_handled'
        AND member IN (SELECT r.reporter FROM reports r WHERE r.handled_by = $1 OR r.about = $1)
        AND subject IN (SELECT r.id FROM reports r WHERE r.handled_by = $1 OR r.about = $1)",
    "UPDATE reports SET text = '', context = '{}' WHERE reporter = $1",
    // Steps of theirs stay, with which an invitation of somebody else went on, and sheets to which both sides agreed, without words.
    "UPDATE invitation_steps SET text = NULL, language = NULL WHERE member = $1 OR delegate = $1",
    "UPDATE invitation_steps SET proof_domain = NULL, proof_method = NULL, proven_at = NULL WHERE member = $1",
    "UPDATE sheets SET topics = '', languages = '', others = '', notes = '' WHERE author = $1",
    "DELETE FROM invitation_texts WHERE author = $1 AND NOT original",
    "UPDATE questions SET votes = votes - 1 WHERE id IN (SELECT v.question FROM question_votes v WHERE v.member = $1)",
    "DELETE FROM notifications WHERE subject IN (SELECT i.id FROM invitations i WHERE i.host = $1)",
    "UPDATE reports SET outcome = '' WHERE handled_by = $1",
    "UPDATE audit_log SET reason = '' WHERE actor = $1 OR about = $1",
    "UPDATE suspensions SET reason = '' WHERE author = $1",
    // An appeal of nobody's needs no answer; what was done stays, by nobody or to nobody, and without words.
    "DELETE FROM appeals WHERE act IN (SELECT a.id FROM acts a WHERE a.whom = $1)",
    "UPDATE appeals SET answer = NULL WHERE decided_by = $1",
    "UPDATE acts SET reason = NULL WHERE author = $1 OR whom = $1",
    "UPDATE acts SET guest = NULL, guest_name = NULL WHERE voucher = $1",
    "UPDATE office_acts SET note = '' WHERE delegate = $1",
    // What they called a talk of somebody else's goes from its replay.
    "DELETE FROM replay_topics WHERE replay IN (SELECT p.id FROM replays p WHERE p.titled_by = $1)",
    "UPDATE replays SET title = '\u{2026}', indexed = FALSE WHERE titled_by = $1",
    // What they said is taken out of the replays of others, which are made anew without it.
    "UPDATE replays SET generation = generation + 1, state = 1, progress = 0, tries = 0, processed_at = NULL, indexed = FALSE
        WHERE state <> 0
          AND id IN (SELECT t.replay FROM replay_tracks t WHERE t.member = $1 AND t.withdrawn_at IS NULL)",
    "UPDATE replay_tracks SET name = '', withdrawn_at = COALESCE(withdrawn_at,
        (SELECT COALESCE(p.ended_at, p.began_at) FROM replays p WHERE p.id = replay_tracks.replay)) WHERE member = $1",
    "DELETE FROM transcripts WHERE EXISTS (SELECT 1 FROM replay_tracks t
        WHERE t.replay = transcripts.replay AND t.n = transcripts.n AND t.member = $1)",
    "DELETE FROM notifications WHERE subject IN (SELECT r.id FROM rooms r WHERE r.host = $1)",
    // The room of an event has its title, which is the words of who announced that, whoever opened it.
    "UPDATE reports SET context = '{}' WHERE room IN (SELECT e.room FROM events e WHERE e.host = $1)",
    "DELETE FROM notifications WHERE subject IN
        (SELECT e.id FROM events e WHERE e.host = $1 UNION SELECT e.room FROM events e WHERE e.host = $1)",
    "DELETE FROM rooms WHERE id IN (SELECT e.room FROM events e WHERE e.host = $1)",
    "DELETE FROM rooms WHERE host = $1",
];

/// Takes the locks that a deletion needs, until the transaction ends: one deletion comes after the other, and what else locks members
/// does so in the same order, the lowest id first. Returns whether it has all of them: the member may have followed or let in
/// somebody else meanwhile.
async fn lock_around(tx: &mut Transaction, member: MemberId) -> Result<bool, StoreError> {
    let turn = sql("INSERT INTO settings (key, value) VALUES ($1, '1')
         ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(settings.value AS BIGINT) + 1 AS TEXT)");
    tx.execute(turn.bind(TO_FORGET)).await?;
    let mut locked = changed_with(tx, member).await?;
    locked.insert(member);
    lock_members(tx, &locked).await?;
    Ok(changed_with(tx, member).await?.is_subset(&locked))
}

/// Those whose rows change when a member goes: whom they follow, and whom they let in.
async fn changed_with(tx: &mut Transaction, member: MemberId) -> Result<BTreeSet<MemberId>, StoreError> {
    let around = sql("SELECT followed AS id FROM follows WHERE follower = $1
         UNION SELECT id FROM members WHERE sponsor = $1");
    tx.all(around.bind(member)).await?.iter().map(|row| row.member("id")).collect()
}

fn event_from(row: &Row) -> Result<OwnEvent, StoreError> {
    Ok(OwnEvent { room: RoomId(row.id("room")?), seq: row.count("seq")?, body: row.text("body")? })
}

fn exported(row: &Row, column: &str, kind: As) -> Result<Exported, StoreError> {
    Ok(match kind {
        As::Text => row.text_or_null(column)?.map_or(Exported::Null, Exported::Text),
        As::Number => row.int_or_null(column)?.map_or(Exported::Null, Exported::Number),
        As::Truth => Exported::Truth(row.bool(column)?),
        As::Time => row.int_or_null(column)?.map_or(Exported::Null, Exported::Time),
        As::Id => row.id_or_null(column)?.map_or(Exported::Null, Exported::Id),
    })
}
