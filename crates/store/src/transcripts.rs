//! What was said in replays, written down from each track by itself. Lines belong to whoever speaks: they go with the track, and nobody else
//! changes them.

use roomtone_room::ids::{ReplayId, Timestamp};

use crate::Store;
use crate::db::{Row, Sql, Transaction, Value, sql};
use crate::error::StoreError;
use crate::open::ROWS_PER_STATEMENT;
use crate::replays::{Hearer, own};

/// How often the writing down of a track is begun before it counts as failed. More helps where it fails by chance; each costs the time of
/// the whole track.
pub const TRANSCRIPT_TRIES: u32 = 3;

/// A track that is to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToTranscribe {
    /// In which replay.
    pub replay: ReplayId,
    /// The track's number there.
    pub n: u32,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// How often that was begun, this time among them.
    pub tries: u32,
}

/// Something that was said, as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTranscriptLine {
    /// When it begins, in milliseconds from the beginning of the replay.
    pub from_ms: u64,
    /// When it ends.
    pub to_ms: u64,
    /// What was said.
    pub text: String,
    /// BCP 47 tag of the language in which it was said.
    pub language: String,
}

/// A line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptLine {
    /// The number of the track.
    pub n: u32,
    /// The line's number in the track.
    pub line: u32,
    /// What it says.
    pub said: NewTranscriptLine,
    /// When whoever said it changed the text, if they did.
    pub corrected_at: Option<Timestamp>,
}

/// Where a page of a transcript begins: behind what begins at this time, in this track, with this number.
pub type TranscriptPlace = (u64, u32, u32);

/// How far the writing down of a replay is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TranscriptState {
    /// Tracks that are still to be written down, or are just now.
    pub open: u64,
    /// Tracks that have been.
    pub done: u64,
    /// The numbers of those that cannot be.
    pub failed: Vec<u32>,
}

impl Store {
    /// Begins the writing down of a track of a replay that can be heard: of those that were begun the least often, the one that has waited
    /// the longest. Counts that it was begun. `None` if there is nothing to do.
    pub async fn begin_transcript(&self) -> Result<Option<ToTranscribe>, StoreError> {
        let next = sql("SELECT t.replay, t.n, p.language, COALESCE(s.tries, 0) + 1 AS tries
             FROM replays p JOIN replay_tracks t ON t.replay = p.id
                  LEFT JOIN transcripts s ON s.replay = t.replay AND s.n = t.n
             WHERE p.state = 3 AND t.withdrawn_at IS NULL AND COALESCE(s.state, 0) = 0 AND COALESCE(s.tries, 0) < $1
             ORDER BY COALESCE(s.tries, 0), p.began_at, t.replay, t.n LIMIT 1");
        let mut transaction = self.database.begin().await?;
        let Some(row) = transaction.optional(next.bind(TRANSCRIPT_TRIES)).await? else { return Ok(None) };
        let found = ToTranscribe {
            replay: ReplayId(row.id("replay")?),
            n: small(&row, "n")?,
            language: row.text("language")?,
            tries: small(&row, "tries")?,
        };
        let begun = sql("INSERT INTO transcripts (replay, n, tries) VALUES ($1, $2, $3)
             ON CONFLICT (replay, n) DO UPDATE SET tries = excluded.tries");
        transaction.execute(begun.bind(found.replay).bind(found.n).bind(found.tries)).await?;
        transaction.commit().await?;
        Ok(Some(found))
    }

    /// Keeps what was said in a track, in this order. Returns whether it was wanted: it is not once the track was withdrawn, or when it was
    /// written down already.
    pub async fn keep_transcript(
        &self,
        replay: ReplayId,
        n: u32,
        lines: &[NewTranscriptLine],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        // In Postgres the row is locked, so that a withdrawal comes before or finds all lines.
        let lock = if matches!(transaction, Transaction::Postgres(_)) { " FOR UPDATE" } else { "" };
        let track = sql("SELECT 1 AS one FROM replay_tracks WHERE replay = $1 AND n = $2 AND withdrawn_at IS NULL");
        if transaction.optional(track.push(lock).bind(replay).bind(n)).await?.is_none() {
            return Ok(false);
        }
        let done = sql("UPDATE transcripts SET state = 1, made_at = $3 WHERE replay = $1 AND n = $2 AND state = 0");
        if transaction.execute(done.bind(replay).bind(n).bind(at)).await? == 0 {
            return Ok(false);
        }
        let mut number = 0_u32;
        for part in lines.chunks(ROWS_PER_STATEMENT) {
            let rows = part.iter().map(|said| -> [Value; 7] {
                number += 1;
                let (text, language) = (said.text.as_str().into(), said.language.as_str().into());
                [replay.into(), n.into(), number.into(), said.from_ms.into(), said.to_ms.into(), text, language]
            });
            let insert = sql("INSERT INTO transcript_lines (replay, n, line, from_ms, to_ms, text, language) ");
            transaction.execute(insert.push_rows(rows)).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// A track cannot be written down.
    pub async fn transcript_failed(&self, replay: ReplayId, n: u32) -> Result<(), StoreError> {
        let failed = sql("UPDATE transcripts SET state = 2 WHERE replay = $1 AND n = $2 AND state = 0");
        self.database.execute(failed.bind(replay).bind(n)).await?;
        Ok(())
    }

    /// What could not be written down, or was being when the server stopped, is tried again from the beginning.
    pub async fn retry_transcripts(&self) -> Result<(), StoreError> {
        self.database.execute(sql("UPDATE transcripts SET state = 0, tries = 0 WHERE state IN (0, 2)")).await?;
        Ok(())
    }

    /// How far the writing down of a replay is.
    pub async fn transcript_state(&self, replay: ReplayId) -> Result<TranscriptState, StoreError> {
        let all = sql("SELECT t.n, COALESCE(s.state, 0) AS state FROM replay_tracks t
             LEFT JOIN transcripts s ON s.replay = t.replay AND s.n = t.n
             WHERE t.replay = $1 AND t.withdrawn_at IS NULL ORDER BY t.n");
        let mut state = TranscriptState::default();
        for row in self.database.all(all.bind(replay)).await? {
            match row.count("state")? {
                0 => state.open += 1,
                1 => state.done += 1,
                _ => state.failed.push(small(&row, "n")?),
            }
        }
        Ok(state)
    }

    /// A page of what was said in a replay, by time, without what was withdrawn.
    pub async fn transcript(
        &self,
        replay: ReplayId,
        after: Option<TranscriptPlace>,
        limit: u32,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        // Nothing begins before time 0 in track 0.
        let (from, n, line) = after.unwrap_or_default();
        let page = lines_where("l.replay = $1 AND (l.from_ms, l.n, l.line) > ($2, $3, $4)")
            .push(" ORDER BY l.from_ms, l.n, l.line LIMIT $5")
            .bind(replay)
            .bind(from)
            .bind(n)
            .bind(line)
            .bind(limit);
        self.database.all(page).await?.iter().map(line_from).collect()
    }

    /// The longest lines of a replay, the longest first, without what was withdrawn.
    pub async fn longest_lines(&self, replay: ReplayId, limit: u32) -> Result<Vec<TranscriptLine>, StoreError> {
        let longest = lines_where("l.replay = $1").push(" ORDER BY length(l.text) DESC, l.from_ms, l.n LIMIT $2");
        self.database.all(longest.bind(replay).bind(limit)).await?.iter().map(line_from).collect()
    }

    /// What was said in a part of a replay, by time, without what was withdrawn.
    pub async fn lines_between(
        &self,
        replay: ReplayId,
        from_ms: u64,
        to_ms: u64,
        limit: u32,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        let part = lines_where("l.replay = $1 AND l.from_ms < $3 AND l.to_ms > $2")
            .push(" ORDER BY l.from_ms, l.n, l.line LIMIT $4")
            .bind(replay)
            .bind(from_ms)
            .bind(to_ms)
            .bind(limit);
        self.database.all(part).await?.iter().map(line_from).collect()
    }

    /// Changes the text of a line, or with `None` takes the line out, for whoever said it, whatever else they may hear. Returns whether it is theirs: of a line that is
    /// somebody else's, was withdrawn or is not there, nothing changes.
    pub async fn correct_line(
        &self,
        replay: ReplayId,
        n: u32,
        line: u32,
        speaker: Hearer,
        text: Option<&str>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        // Search is to take in the words of the track anew, and not while they change: so this comes first.
        let theirs = sql("UPDATE transcripts SET indexed = FALSE WHERE replay = $1 AND n = $2
             AND EXISTS (SELECT 1 FROM replay_tracks t WHERE t.replay = transcripts.replay AND t.n = transcripts.n
                 AND t.withdrawn_at IS NULL AND ");
        let theirs = own(theirs.bind(replay).bind(n), "t", speaker).push(")");
        if transaction.execute(theirs).await? == 0 {
            return Ok(false);
        }
        let change = match text {
            Some(text) => sql("UPDATE transcript_lines SET text = $4, corrected_at = $5
                 WHERE replay = $1 AND n = $2 AND line = $3")
            .bind(replay)
            .bind(n)
            .bind(line)
            .bind(text)
            .bind(at),
            None => sql("DELETE FROM transcript_lines WHERE replay = $1 AND n = $2 AND line = $3")
                .bind(replay)
                .bind(n)
                .bind(line),
        };
        if transaction.execute(change).await? == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// One line, unless it was withdrawn.
    pub async fn transcript_line(
        &self,
        replay: ReplayId,
        n: u32,
        line: u32,
    ) -> Result<Option<TranscriptLine>, StoreError> {
        let one = lines_where("l.replay = $1 AND l.n = $2 AND l.line = $3").bind(replay).bind(n).bind(line);
        self.database.optional(one).await?.as_ref().map(line_from).transpose()
    }
}

/// Forgets what was said in a track that is withdrawn, in the transaction of that.
pub(crate) async fn forget_track(tx: &mut Transaction, replay: ReplayId, n: u32) -> Result<(), StoreError> {
    tx.execute(sql("DELETE FROM transcripts WHERE replay = $1 AND n = $2").bind(replay).bind(n)).await?;
    Ok(())
}

/// Lines of tracks that were not withdrawn, for which a condition on `l` holds.
fn lines_where(condition: &'static str) -> Sql {
    sql("SELECT l.n, l.line, l.from_ms, l.to_ms, l.text, l.language, l.corrected_at
         FROM transcript_lines l JOIN replay_tracks t ON t.replay = l.replay AND t.n = l.n
         WHERE t.withdrawn_at IS NULL AND ")
    .push(condition)
}

fn line_from(row: &Row) -> Result<TranscriptLine, StoreError> {
    Ok(TranscriptLine {
        n: small(row, "n")?,
        line: small(row, "line")?,
        said: NewTranscriptLine {
            from_ms: row.count("from_ms")?,
            to_ms: row.count("to_ms")?,
            text: row.text("text")?,
            language: row.text("language")?,
        },
        corrected_at: row.time_or_null("corrected_at")?,
    })
}

fn small(row: &Row, column: &str) -> Result<u32, StoreError> {
    u32::try_from(row.count(column)?).map_err(|_| StoreError::Corrupt("number of a transcript"))
}
