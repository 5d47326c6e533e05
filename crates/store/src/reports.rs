//! Reports: what members tell the admins of this server about others.

use roomtone_room::ids::{AvatarId, HouseId, MemberId, RecordId, RoomId, Timestamp};

use crate::Store;
use crate::admin::{AuditEntry, insert_audit};
use crate::db::{Row, sql};
use crate::error::StoreError;
use crate::evidence::{NewEvidence, insert_evidence};
use crate::members::Person;

/// Reports of one member that may wait to be handled. Higher hears more of somebody who is much molested; lower keeps one
/// member from burying everybody else's.
pub const OPEN_REPORTS_MAX: u64 = 20;

/// A report to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReport {
    /// The new id.
    pub id: RecordId,
    /// Who reports.
    pub reporter: MemberId,
    /// Which member is reported.
    pub about: Option<MemberId>,
    /// In which room it happened.
    pub room: Option<RoomId>,
    /// Who hosted it then.
    pub room_host: Option<MemberId>,
    /// In which house it happened.
    pub house: Option<HouseId>,
    /// One of the server's words for what is wrong.
    pub reason: String,
    /// What the reporter says, validated.
    pub text: String,
    /// What the server knew about it at that moment, as the caller writes it: nothing of the room's host, and of others only
    /// what may be shown until they delete their account.
    pub context: String,
    /// When.
    pub created_at: Timestamp,
}

/// A report, as admins see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: RecordId,
    /// Who reported; `None` once their account was deleted.
    pub reporter: Option<Person>,
    /// Which member was reported.
    pub about: Option<Person>,
    /// In which room it happened.
    pub room: Option<RoomId>,
    /// Who hosted it then; `None` once their account was deleted.
    pub room_host: Option<Person>,
    /// In which house it happened, unless that has ended.
    pub house: Option<HouseId>,
    /// What is wrong, in one of the server's words.
    pub reason: String,
    /// What the reporter says.
    pub text: String,
    /// What the server knew about it at that moment.
    pub context: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was handled, if it was.
    pub handled_at: Option<Timestamp>,
    /// Who handled it.
    pub handled_by: Option<Person>,
    /// What came of it, in one of the server's words.
    pub outcome: Option<String>,
}

/// How often a report is tried: once more for each of those who may go meanwhile, whom it is about, the room's host and the house.
const ATTEMPTS: u32 = 4;

impl Store {
    /// Makes a report. Returns whether it was made: it is not when the reporter has [`OPEN_REPORTS_MAX`] open ones, or whom or
    /// what it is about went away meanwhile.
    pub async fn create_report(&self, report: NewReport) -> Result<bool, StoreError> {
        Ok(self.create_report_with(report, &[]).await?.is_some())
    }

    /// As [`Store::create_report`], with sound. Returns how many tracks there are if it was made: none of whoever went away
    /// meanwhile.
    pub async fn create_report_with(
        &self,
        report: NewReport,
        evidence: &[NewEvidence],
    ) -> Result<Option<u32>, StoreError> {
        let mut attempt = 1;
        loop {
            match self.try_report(&report, evidence).await {
                // Whom or what it is about goes at this moment: Postgres finds the row, and misses it by its foreign key as soon as
                // that is committed. Next time there is none.
                Err(StoreError::Conflict(_)) if attempt < ATTEMPTS => attempt += 1,
                made => return made,
            }
        }
    }

    async fn try_report(&self, report: &NewReport, evidence: &[NewEvidence]) -> Result<Option<u32>, StoreError> {
        let id = report.id;
        let insert = sql("INSERT INTO reports (id, reporter, about, room, house, reason, text, context, created_at,
                                  room_host)
             SELECT $1, m.id, $3, $4, $5, $6, $7, $8, $9, (SELECT o.id FROM members o WHERE o.id = $11)
             FROM members m WHERE m.id = $2
                AND ($3 IS NULL OR EXISTS (SELECT 1 FROM members a WHERE a.id = $3))
                AND ($5 IS NULL OR EXISTS (SELECT 1 FROM houses h WHERE h.id = $5))
                AND (SELECT count(*) FROM reports r WHERE r.reporter = $2 AND r.handled_at IS NULL) < $10")
        .bind(report.id.0)
        .bind(report.reporter)
        .bind(report.about)
        .bind(report.room)
        .bind(report.house.map(|house| house.0))
        .bind(report.reason.as_str())
        .bind(report.text.as_str())
        .bind(report.context.as_str())
        .bind(report.created_at)
        .bind(OPEN_REPORTS_MAX)
        .bind(report.room_host);
        let mut transaction = self.database.begin().await?;
        if transaction.execute(insert).await? == 0 {
            return Ok(None);
        }
        let mut tracks = 0;
        for track in evidence {
            tracks += u32::from(insert_evidence(&mut transaction, id, track).await?);
        }
        transaction.commit().await?;
        Ok(Some(tracks))
    }

    /// A page of the reports, the newest first; with `open`, only those that were not handled. `after` is the time and id of
    /// the last one of the page before.
    pub async fn reports(
        &self,
        open: bool,
        after: Option<(Timestamp, RecordId)>,
        limit: u64,
    ) -> Result<Vec<Report>, StoreError> {
        let (before, id) = after.unwrap_or((Timestamp(i64::MAX as u64), RecordId(u128::MAX)));
        let text = if open { REPORTS_OPEN } else { REPORTS };
        let page = sql(text).bind(before).bind(id.0).bind(limit);
        self.database.all(page).await?.iter().map(report_from).collect()
    }

    /// One report.
    pub async fn report(&self, id: RecordId) -> Result<Option<Report>, StoreError> {
        let found = self.database.optional(sql(REPORT).bind(id.0)).await?;
        found.as_ref().map(report_from).transpose()
    }

    /// The title of a room, live or ended, and who opened it.
    pub async fn room_named(&self, room: RoomId) -> Result<Option<(String, MemberId)>, StoreError> {
        let found = self.database.optional(sql("SELECT title, host FROM rooms WHERE id = $1").bind(room)).await?;
        found.map(|row| Ok((row.text("title")?, row.member("host")?))).transpose()
    }

    /// Whether `member` was told of a room by `actor`: called into it, for instance.
    pub async fn was_told_of(&self, member: MemberId, actor: MemberId, room: RoomId) -> Result<bool, StoreError> {
        let told = sql("SELECT EXISTS (SELECT 1 FROM notifications
                    WHERE actor = $1 AND member = $2 AND subject = $3) AS told")
        .bind(actor)
        .bind(member)
        .bind(room);
        self.database.one(told).await?.bool("told")
    }

    /// Marks an open report as handled by whoever the entry of the audit log is of. Returns whether it was open; of two admins
    /// at the same time, one handles it.
    pub async fn handle_report(&self, id: RecordId, outcome: &str, entry: &AuditEntry) -> Result<bool, StoreError> {
        let handle = sql("UPDATE reports SET handled_at = $2, handled_by = $3, outcome = $4
             WHERE id = $1 AND handled_at IS NULL")
        .bind(id.0)
        .bind(entry.at)
        .bind(entry.actor)
        .bind(outcome);
        let mut transaction = self.database.begin().await?;
        if transaction.execute(handle).await? == 0 {
            return Ok(false);
        }
        insert_audit(&mut transaction, entry).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Reports with the people in them, found by a condition on `r`.
macro_rules! select_reports {
    ($condition:literal) => {
        concat!(
            "SELECT r.id, r.room, r.house, r.reason, r.text, r.context, r.created_at, r.handled_at, r.outcome,
                    b.id AS reporter_id, b.handle AS reporter_handle, b.name AS reporter_name, b.avatar AS reporter_avatar,
                    a.id AS about_id, a.handle AS about_handle, a.name AS about_name, a.avatar AS about_avatar,
                    h.id AS handler_id, h.handle AS handler_handle, h.name AS handler_name, h.avatar AS handler_avatar,
                    o.id AS host_id, o.handle AS host_handle, o.name AS host_name, o.avatar AS host_avatar
             FROM reports r LEFT JOIN members b ON b.id = r.reporter LEFT JOIN members a ON a.id = r.about
             LEFT JOIN members h ON h.id = r.handled_by LEFT JOIN members o ON o.id = r.room_host WHERE ",
            $condition
        )
    };
}

const REPORT: &str = select_reports!("r.id = $1");
const REPORTS: &str = select_reports!("(r.created_at, r.id) < ($1, $2) ORDER BY r.created_at DESC, r.id DESC LIMIT $3");
const REPORTS_OPEN: &str = select_reports!(
    "r.handled_at IS NULL AND (r.created_at, r.id) < ($1, $2) ORDER BY r.created_at DESC, r.id DESC LIMIT $3"
);

fn report_from(row: &Row) -> Result<Report, StoreError> {
    Ok(Report {
        id: RecordId(row.id("id")?),
        reporter: somebody(row, ["reporter_id", "reporter_handle", "reporter_name", "reporter_avatar"])?,
        about: somebody(row, ["about_id", "about_handle", "about_name", "about_avatar"])?,
        room: row.id_or_null("room")?.map(RoomId),
        room_host: somebody(row, ["host_id", "host_handle", "host_name", "host_avatar"])?,
        house: row.id_or_null("house")?.map(HouseId),
        reason: row.text("reason")?,
        text: row.text("text")?,
        context: row.text("context")?,
        created_at: row.time("created_at")?,
        handled_at: row.time_or_null("handled_at")?,
        handled_by: somebody(row, ["handler_id", "handler_handle", "handler_name", "handler_avatar"])?,
        outcome: row.text_or_null("outcome")?,
    })
}

/// Reads a person from four columns, where an outer join found one.
pub(crate) fn somebody(row: &Row, [id, handle, name, avatar]: [&str; 4]) -> Result<Option<Person>, StoreError> {
    let Some(found) = row.id_or_null(id)? else { return Ok(None) };
    Ok(Some(Person {
        id: MemberId(found),
        handle: row.text(handle)?,
        name: row.text(name)?,
        avatar: row.id_or_null(avatar)?.map(AvatarId),
    }))
}
