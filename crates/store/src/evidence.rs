//! Sound that goes with reports: what there is of whom. The sound itself is in files, which the caller keeps in step with these rows:
//! each row is of a file, and a file without a row is to go.

use roomtone_room::ids::{MemberId, RecordId, Timestamp};

use crate::Store;
use crate::admin::{AuditEntry, insert_audit};
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
        let heard =
            sql("SELECT EXISTS (SELECT 1 FROM audit_log WHERE actor = $1 AND act = $2 AND details = $3) AS heard")
                .bind(entry.actor)
                .bind(entry.act)
                .bind(entry.details.as_str());
        if !transaction.one(heard).await?.bool("heard")? {
            insert_audit(&mut transaction, &entry).await?;
        }
        transaction.commit().await?;
        Ok(true)
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
