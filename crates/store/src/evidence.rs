//! Sound that goes with reports: what there is of whom. The sound itself is in files, which the caller keeps in step with these rows:
//! each row is of a file, and a file without a row is to go.

use roomtone_room::ids::{MemberId, RecordId, ReplayId, Timestamp};

use crate::Store;
use crate::admin::{AuditEntry, insert_audit};
use crate::convert::int_from;
use crate::db::{Row, Transaction, sql};
use crate::error::StoreError;
use crate::members::Person;
use crate::reports::somebody;

/// Most reports that one statement asks about.
const REPORTS_AT_ONCE: usize = 200;

/// Who talks in a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A member.
    Member(MemberId),
    /// A guest of a room.
    Guest(MemberId),
}

/// A track that goes with a new report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEvidence {
    /// Its number in the report, from 1.
    pub n: u32,
    /// Who talks.
    pub speaker: Speaker,
    /// When it begins.
    pub began_at: Timestamp,
    /// How long it is, in milliseconds.
    pub ms: u64,
    /// How large its file is.
    pub bytes: u64,
}

/// A track, as admins see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The report that it goes with.
    pub report: RecordId,
    /// Its number there, from 1.
    pub n: u32,
    /// Who talks; `None` for a guest who is forgotten.
    pub by: Option<Person>,
    /// When it begins.
    pub began_at: Timestamp,
    /// How long it is, in milliseconds.
    pub ms: u64,
}

/// The sound of a replay, or of a clip of one, that somebody has reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportedSound {
    /// Which generation of it can be heard; `None` while it is made anew.
    pub generation: Option<u64>,
    /// From where to where in milliseconds, if it is a clip.
    pub part: Option<(u64, u64)>,
}

impl Store {
    /// The tracks that go with these reports, by report and number.
    pub async fn evidence_of(&self, reports: &[RecordId]) -> Result<Vec<Evidence>, StoreError> {
        let mut found = Vec::new();
        for part in reports.chunks(REPORTS_AT_ONCE) {
            let some = sql("SELECT e.report, e.n, e.began_at, e.ms, COALESCE(m.id, g.id) AS id,
                        COALESCE(m.handle, '') AS handle, COALESCE(m.name, g.name, '') AS name, m.avatar
                 FROM evidence e LEFT JOIN members m ON m.id = e.member LEFT JOIN guests g ON g.id = e.guest
                 WHERE e.report IN ")
            .push_list(part.iter().map(|report| report.0))
            .push(" ORDER BY e.report, e.n");
            for row in self.database.all(some).await? {
                found.push(evidence_from(&row)?);
            }
        }
        Ok(found)
    }

    /// All tracks that there are, as report and number.
    pub async fn evidence_kept(&self) -> Result<Vec<(RecordId, u32)>, StoreError> {
        let rows = self.database.all(sql("SELECT report, n FROM evidence ORDER BY report, n")).await?;
        rows.iter().map(|row| Ok((RecordId(row.id("report")?), number(row)?))).collect()
    }

    /// How large all files are together, in bytes.
    pub async fn evidence_size(&self) -> Result<u64, StoreError> {
        let size = sql("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS size FROM evidence");
        self.database.one(size).await?.count("size")
    }

    /// Notes that somebody listens to a track, in the audit log the first time that they do: with the entry's details the track is
    /// named, and with its subject whoever talks. Returns whether there is such a track.
    pub async fn hear_evidence(&self, report: RecordId, n: u32, mut entry: AuditEntry) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        let track = sql("SELECT member FROM evidence WHERE report = $1 AND n = $2").bind(report.0).bind(u64::from(n));
        let Some(track) = transaction.optional(track).await? else { return Ok(false) };
        entry.about = track.id_or_null("member")?.map(MemberId);
        entry.details = format!("report={report} track={n}");
        note_first(&mut transaction, &entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The sound of a replay, or of a clip of one, that an open report is about, if everybody in it was asked with a text of at least this
    /// version. With an entry it is noted that somebody listens to it, if there is something to hear, as in [`Store::hear_evidence`].
    pub async fn hear_reported(
        &self,
        report: RecordId,
        (replay, clip): (ReplayId, Option<RecordId>),
        asked_with: u32,
        entry: Option<AuditEntry>,
    ) -> Result<Option<ReportedSound>, StoreError> {
        let mut transaction = self.database.begin().await?;
        let found = sql("SELECT r.about, CASE WHEN p.state = 3 THEN p.generation END AS generation, c.from_ms, c.to_ms
             FROM reports r JOIN replays p ON p.id = $2 LEFT JOIN clips c ON c.id = $3 AND c.replay = p.id
             WHERE r.id = $1 AND r.handled_at IS NULL AND p.consent >= $4 AND ($3 IS NULL OR c.id IS NOT NULL)");
        let found = found.bind(report.0).bind(replay).bind(clip.map(|clip| clip.0)).bind(asked_with);
        let Some(row) = transaction.optional(found).await? else { return Ok(None) };
        let whole = |column| row.int_or_null(column)?.map(|number| int_from(number, "number")).transpose();
        let sound = ReportedSound { generation: whole("generation")?, part: whole("from_ms")?.zip(whole("to_ms")?) };
        if let Some(mut entry) = entry.filter(|_| sound.generation.is_some()) {
            entry.about = row.id_or_null("about")?.map(MemberId);
            entry.details = format!("report={report}");
            note_first(&mut transaction, &entry).await?;
            transaction.commit().await?;
        }
        Ok(Some(sound))
    }

    /// Which of these replays can be heard by whoever handles a report: those that are ready, and whose speakers were asked with a text of at
    /// least this version.
    pub async fn replays_for_reports(
        &self,
        replays: &[ReplayId],
        asked_with: u32,
    ) -> Result<Vec<ReplayId>, StoreError> {
        let mut found = Vec::new();
        for part in replays.chunks(REPORTS_AT_ONCE) {
            let some = sql("SELECT id FROM replays WHERE state = 3 AND consent >= $1 AND id IN ").bind(asked_with);
            for row in self.database.all(some.push_list(part.iter().copied())).await? {
                found.push(ReplayId(row.id("id")?));
            }
        }
        Ok(found)
    }

    /// Deletes the tracks of reports that were handled before one time or made before another, handled or not. Returns how many there
    /// were.
    pub async fn delete_old_evidence(
        &self,
        handled_before: Timestamp,
        made_before: Timestamp,
    ) -> Result<u64, StoreError> {
        let old = sql("DELETE FROM evidence
             WHERE EXISTS (SELECT 1 FROM reports r
                 WHERE r.id = evidence.report AND (r.handled_at < $1 OR r.created_at < $2))");
        self.database.execute(old.bind(handled_before).bind(made_before)).await
    }
}

/// Writes an entry into the audit log, unless there is the same of the same actor.
async fn note_first(transaction: &mut Transaction, entry: &AuditEntry) -> Result<(), StoreError> {
    let noted = sql("SELECT EXISTS (SELECT 1 FROM audit_log WHERE actor = $1 AND act = $2 AND details = $3) AS noted")
        .bind(entry.actor)
        .bind(entry.act)
        .bind(entry.details.as_str());
    if transaction.one(noted).await?.bool("noted")? { Ok(()) } else { insert_audit(transaction, entry).await }
}

/// Adds a track to a report. Returns whether it was added: it is not when whoever talks is gone, or goes at this moment. In Postgres
/// that has to be waited for with a lock, or the row would be found here and missed by its foreign key. SQLite has one writer at a time.
pub(crate) async fn insert_evidence(
    transaction: &mut Transaction,
    report: RecordId,
    track: &NewEvidence,
) -> Result<bool, StoreError> {
    let (text, speaker) = match track.speaker {
        Speaker::Member(member) => (
            "INSERT INTO evidence (report, n, member, began_at, ms, bytes)
             SELECT $1, $2, m.id, $4, $5, $6 FROM members m WHERE m.id = $3",
            member,
        ),
        Speaker::Guest(guest) => (
            "INSERT INTO evidence (report, n, guest, began_at, ms, bytes)
             SELECT $1, $2, g.id, $4, $5, $6 FROM guests g WHERE g.id = $3",
            guest,
        ),
    };
    let lock = if matches!(transaction, Transaction::Postgres(_)) { " FOR KEY SHARE" } else { "" };
    let insert = sql(text)
        .push(lock)
        .bind(report.0)
        .bind(u64::from(track.n))
        .bind(speaker)
        .bind(track.began_at)
        .bind(track.ms)
        .bind(track.bytes);
    Ok(transaction.execute(insert).await? > 0)
}

fn number(row: &Row) -> Result<u32, StoreError> {
    u32::try_from(row.count("n")?).map_err(|_| StoreError::Corrupt("number of a track"))
}

fn evidence_from(row: &Row) -> Result<Evidence, StoreError> {
    Ok(Evidence {
        report: RecordId(row.id("report")?),
        n: number(row)?,
        by: somebody(row, ["id", "handle", "name", "avatar"])?,
        began_at: row.time("began_at")?,
        ms: row.count("ms")?,
    })
}
