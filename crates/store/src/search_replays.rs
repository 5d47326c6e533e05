//! Finding replays by what was typed: by their titles, topics and chapters, by who speaks in them, and by what was said.
//!
//! The first are in the index of `search`, like those of other talks (`search_talks`). What was said is in `transcript_words`: of each word a
//! few lines of each track. A row of it belongs to its line, so it goes with the line, and so with the track, the replay or the account,
//! by whatever way these go. Whoever changes a line takes the mark of its track away, and [`Store::index_next`] takes that in again.
//!
//! Invariant: nobody finds what they may not hear, and nobody is led to anything by the name or the words of somebody of whom they may not
//! know. What is found is compared with the words as they are now.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use roomtone_room::ids::{ReplayId, Timestamp};
use roomtone_room::search::{Score, Term, index_words, line_words};

use crate::Store;
use crate::db::{Row, Sql, Value, sql};
use crate::error::StoreError;
use crate::members::Person;
use crate::open::ROWS_PER_STATEMENT;
use crate::recordings::ReplayState;
use crate::replays::{Hearer, Replay, heard, may_hear, of_hearer, seen};
use crate::reports::somebody;
use crate::search::{CANDIDATES, Entry, Kind, SCANNED, Search, Wanted, Words, exact_and_begun, replace, weight};
use crate::search_talks::{ids_of, lock_talks};

/// Words of a replay that are in the index, its title's first and its chapters' last. More finds long lists of chapters to their end;
/// each costs some twenty rows.
const WORDS_EACH: usize = 400;

/// Chapters of a replay that are looked at, the first first.
const CHAPTERS: u64 = 100;

/// Lines of one track that a word leads to, the first first. More finds two common words that are rarely in one line; each costs a row.
const LINES_OF_WORD: u32 = 50;

/// Rows of one track: those of some five hours of one voice. What is said after that is found by no search.
const ROWS_OF_TRACK: usize = 50_000;

/// Shortest typed word that is looked for in what was said. Shorter ones are the beginning of a word in every talk.
const SAID_FROM: usize = 3;

/// Lines that are compared with what was typed, those of the newest replays first, and how many of them of one replay. More finds older
/// talks by words that are in all of them; each costs splitting a line into words.
const LINES: u64 = 500;
const LINES_OF_REPLAY: u64 = 50;

/// A replay that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReplay {
    /// Which.
    pub replay: Replay,
    /// By what line of its transcript, if it was by one.
    pub said: Option<FoundLine>,
}

/// A line of a transcript that fits what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLine {
    /// The number of the track.
    pub n: u32,
    /// Who said it, if a member did.
    pub person: Option<Person>,
    /// What they were called then.
    pub name: String,
    /// When it begins, in milliseconds from the beginning of the replay.
    pub from_ms: u64,
    /// What was said.
    pub text: String,
}

/// Why a replay was found.
#[derive(Debug)]
struct Hit {
    score: Score,
    began_at: Timestamp,
    said: Option<FoundLine>,
}

/// Replays of which the viewer may hear.
const HEARD: &str = concat!("SELECT p.id AS replay, p.began_at", heard!(), " AND p.state = 3 AND p.id IN ");

/// Lines `w` of transcripts that the viewer may read, up to the condition on the words that lead there.
const LINES_LED_TO: &str = "SELECT x.* FROM (
     SELECT w.replay, w.n, l.from_ms, l.text, p.began_at, t.name AS called, s.id, s.handle, s.name, s.avatar,
            ROW_NUMBER() OVER (PARTITION BY w.replay ORDER BY l.from_ms, w.n, w.line) AS place
     FROM (SELECT DISTINCT replay, n, line FROM (SELECT replay, n, line FROM transcript_words WHERE ";

/// The rest of it.
const AND_READ: &str = concat!(
    ") led) w JOIN transcript_lines l ON l.replay = w.replay AND l.n = w.n AND l.line = w.line
          JOIN replay_tracks t ON t.replay = w.replay AND t.n = w.n LEFT JOIN members s ON s.id = t.member
          JOIN replays p ON p.id = w.replay JOIN members m ON m.id = p.host LEFT JOIN houses h ON h.id = p.house
     WHERE p.state = 3 AND t.withdrawn_at IS NULL AND (s.id IS NULL OR ",
    seen!("s"),
    ") AND ",
    may_hear!(),
    ") x WHERE x.place <= "
);

impl Search<'_> {
    /// The best `limit` replays: those that are called so or in which somebody of that name speaks first, then those in which it was
    /// said; of each the best fit first, then the newest. Typing errors are forgiven in what a talk is called alone.
    pub async fn replays(&self, limit: usize) -> Result<Vec<FoundReplay>, StoreError> {
        let mut found = HashMap::new();
        self.add_replays(&mut found, &exact_and_begun(self.query)).await?;
        for term in self.said_terms().await? {
            if found.len() < limit {
                self.add_said(&mut found, term).await?;
            }
        }
        if found.len() < limit
            && let Some(near) = self.near(Kind::Replays).await?
        {
            self.add_replays(&mut found, &near).await?;
        }
        let mut best: Vec<_> = found.into_iter().collect();
        best.sort_by_key(|(id, hit): &(ReplayId, Hit)| {
            (!hit.score.without_error(), hit.said.is_some(), hit.score, Reverse(hit.began_at), *id)
        });
        best.truncate(limit);
        let ids: Vec<_> = best.iter().map(|(id, _)| *id).collect();
        let replays = self.store.these_replays(&ids, Hearer::member(self.viewer)).await?;
        let mut said: HashMap<_, _> = best.into_iter().map(|(id, hit)| (id, hit.said)).collect();
        let ready = replays.into_iter().filter(|replay| replay.state == ReplayState::Ready);
        Ok(ready.map(|replay| FoundReplay { said: said.remove(&replay.id).flatten(), replay }).collect())
    }

    /// Adds the replays to which `wanted` leads by what they are called, as they are now and as far as the viewer may hear them.
    async fn add_replays(&self, found: &mut HashMap<ReplayId, Hit>, wanted: &Wanted) -> Result<(), StoreError> {
        // Most may be for others: so more are read than are compared.
        let (subjects, _) = self.candidates(wanted, Kind::Replays, SCANNED).await?;
        let subjects: Vec<_> = subjects.into_iter().map(ReplayId).filter(|id| !found.contains_key(id)).collect();
        let mut heard = Vec::new();
        for part in subjects.chunks(ROWS_PER_STATEMENT) {
            let some = of_hearer(sql(HEARD), Hearer::member(self.viewer)).push_list(part.iter().copied());
            let newest = some.push(" ORDER BY p.began_at DESC, p.id LIMIT ").push_bind(CANDIDATES);
            for row in self.store.database.all(newest).await? {
                heard.push((row.time("began_at")?, ReplayId(row.id("replay")?)));
            }
        }
        heard.sort_by_key(|(began_at, id)| (Reverse(*began_at), *id));
        heard.truncate(CANDIDATES as usize);
        let ids: Vec<_> = heard.iter().map(|(_, id)| *id).collect();
        let words = self.words_of_replays(&ids).await?;
        for (began_at, id) in heard {
            if let Some(score) = words.get(&id.0).and_then(|words| self.query.score(words)) {
                found.insert(id, Hit { score, began_at, said: None });
            }
        }
        Ok(())
    }

    /// Adds the replays in which this was said with all else that was typed: in one line, but for what the talk is called or who speaks
    /// in it.
    async fn add_said(&self, found: &mut HashMap<ReplayId, Hit>, term: &Term) -> Result<(), StoreError> {
        let lines = of_hearer(sql(LINES_LED_TO), Hearer::member(self.viewer));
        let lines = Words::Begun(term.latin.text().to_owned()).push_onto(lines, "word");
        let lines = lines.push(" LIMIT ").push_bind(SCANNED).push(AND_READ).push_bind(LINES_OF_REPLAY);
        let lines = lines.push(" ORDER BY x.began_at DESC, x.replay, x.place LIMIT ").push_bind(LINES);
        let lines = self.store.database.all(lines).await?;
        let ids = lines.iter().map(|row| row.id("replay").map(ReplayId)).collect::<Result<BTreeSet<_>, _>>()?;
        let ids: Vec<_> = ids.into_iter().filter(|id| !found.contains_key(id)).collect();
        let called = self.words_of_replays(&ids).await?;
        for row in &lines {
            let id = ReplayId(row.id("replay")?);
            let Some(called) = called.get(&id.0) else { continue };
            let text = row.text("text")?;
            let words = line_words(&text).into_iter().chain(called.iter().cloned()).collect();
            // It may have been corrected since.
            let Some(score) = self.query.score(&words) else { continue };
            if found.get(&id).is_none_or(|hit| score < hit.score) {
                let said = FoundLine {
                    n: u32::try_from(row.count("n")?).map_err(|_| StoreError::Corrupt("number of a track"))?,
                    person: somebody(row, ["id", "handle", "name", "avatar"])?,
                    name: row.text("called")?,
                    from_ms: row.count("from_ms")?,
                    text,
                };
                found.insert(id, Hit { score, began_at: row.time("began_at")?, said: Some(said) });
            }
        }
        Ok(())
    }

    /// The typed words that lead to lines, the one that leads to the fewest first: the others are looked for in those.
    async fn said_terms(&self) -> Result<Vec<&Term>, StoreError> {
        let mut select = sql("SELECT CAST(0 AS BIGINT) AS term, CAST(0 AS BIGINT) AS n WHERE FALSE");
        for (number, term) in
            self.query.terms().iter().enumerate().filter(|(_, term)| term.latin.letters() >= SAID_FROM)
        {
            select = select.push(" UNION ALL SELECT ").push_bind(number as u64);
            select = select.push(", count(*) FROM (SELECT 1 FROM transcript_words WHERE ");
            select = Words::Begun(term.latin.text().to_owned()).push_onto(select, "word");
            select = select.push(" LIMIT ").push_bind(SCANNED).push(") led");
        }
        let mut led = Vec::new();
        for row in self.store.database.all(select).await? {
            led.push((row.count("n")?, row.count("term")? as usize));
        }
        led.retain(|(lines, _)| *lines > 0);
        led.sort_unstable();
        Ok(led.into_iter().map(|(_, term)| &self.query.terms()[term]).collect())
    }

    /// By what the viewer finds replays now, apart from what was said.
    async fn words_of_replays(&self, ids: &[ReplayId]) -> Result<HashMap<u128, BTreeSet<String>>, StoreError> {
        let mut words = HashMap::new();
        if ids.is_empty() {
            return Ok(words);
        }
        for (statement, columns) in texts_of(ids, Some(self)) {
            gather(&mut words, &self.store.database.all(statement).await?, columns)?;
        }
        Ok(words)
    }
}

/// The texts by which replays are found, in the order in which they count: statements that give an `id` and texts in these columns. For
/// somebody without the names of those of whom they may not know; for the index with all.
fn texts_of(ids: &[ReplayId], search: Option<&Search<'_>>) -> [(Sql, &'static [&'static str]); 4] {
    let list = || ids.iter().copied();
    let called = sql("SELECT p.id, p.title, m.name, m.handle, h.name AS house, h.handle AS house_handle
         FROM replays p JOIN members m ON m.id = p.host LEFT JOIN houses h ON h.id = p.house WHERE p.id IN ")
    .push_list(list());
    let topics = sql("SELECT replay AS id, topic FROM replay_topics WHERE replay IN ").push_list(list());
    let speakers = sql(concat!(
        "SELECT t.replay AS id, COALESCE(m.name, t.name) AS name, m.handle
         FROM replay_tracks t LEFT JOIN members m ON m.id = t.member
         WHERE t.withdrawn_at IS NULL AND ($2 OR m.id IS NULL OR ",
        seen!("m"),
        ") AND t.replay IN "
    ));
    let speakers = speakers.bind(search.map(|search| search.viewer)).bind(search.is_none()).push_list(list());
    let chapters = sql("SELECT c.replay AS id, c.title FROM (SELECT replay, at_ms, title,
              ROW_NUMBER() OVER (PARTITION BY replay ORDER BY at_ms) AS place FROM replay_chapters WHERE replay IN ")
    .push_list(list())
    .push(") c WHERE c.place <= ")
    .push_bind(CHAPTERS)
    .push(" ORDER BY c.replay, c.at_ms");
    [
        (called, &["title", "name", "handle", "house", "house_handle"]),
        (topics.push(" ORDER BY replay, n"), &["topic"]),
        (speakers.push(" ORDER BY t.replay, t.n"), &["name", "handle"]),
        (chapters, &["title"]),
    ]
}

/// Adds the words of the texts in these columns.
fn gather(
    words: &mut HashMap<u128, BTreeSet<String>>,
    rows: &[Row],
    columns: &[&'static str],
) -> Result<(), StoreError> {
    for row in rows {
        let words = words.entry(row.id("id")?).or_default();
        for column in columns {
            if let Some(text) = row.text_or_null(column)?
                && words.len() < WORDS_EACH
            {
                words.extend(index_words([text.as_str()]));
            }
        }
    }
    Ok(())
}

impl Store {
    /// Takes replays in that can be heard and are not in the index as they are now; returns how many.
    pub(crate) async fn index_replays(&self, most: u32) -> Result<usize, StoreError> {
        let waiting = || sql("SELECT id FROM replays WHERE NOT indexed AND state = 3 ORDER BY id LIMIT $1").bind(most);
        if self.database.all(waiting()).await?.is_empty() {
            return Ok(0);
        }
        let mut tx = self.database.begin().await?;
        let some = ids_of(&tx.all(waiting()).await?)?;
        lock_talks(&mut tx, "replays", &some).await?;
        // Marked first: what changes now waits for the commit, and takes the mark away again.
        let mark = sql("UPDATE replays SET indexed = TRUE WHERE state = 3 AND id IN ").push_list(some);
        let some: Vec<_> = ids_of(&tx.all(mark.push(" RETURNING id")).await?)?.into_iter().map(ReplayId).collect();
        let known = sql("SELECT replay AS id, count(*) AS n FROM replay_attendees WHERE replay IN ");
        let known = tx.all(known.push_list(some.iter().copied()).push(" GROUP BY replay")).await?;
        let known = known.iter().map(|row| Ok((row.id("id")?, row.count("n")?)));
        let known = known.collect::<Result<HashMap<u128, u64>, StoreError>>()?;
        let mut words = HashMap::new();
        for (statement, columns) in texts_of(&some, None) {
            gather(&mut words, &tx.all(statement).await?, columns)?;
        }
        let entry = |(subject, words)| {
            let weight = weight(known.get(&subject).copied().unwrap_or(0));
            Entry { kind: Kind::Replays, subject, weight, words }
        };
        let entries: Vec<Entry> = words.into_iter().map(entry).collect();
        replace(&mut tx, &entries).await?;
        tx.commit().await?;
        Ok(some.len())
    }

    /// Takes in what was said in one track that was written down or changed since; returns how many there were, one or none.
    pub(crate) async fn index_transcript(&self) -> Result<usize, StoreError> {
        let next = sql("SELECT replay, n FROM transcripts WHERE NOT indexed AND state = 1 ORDER BY replay, n LIMIT 1");
        let Some(row) = self.database.optional(next).await? else { return Ok(0) };
        let (replay, n) = (ReplayId(row.id("replay")?), row.count("n")?);
        let mut tx = self.database.begin().await?;
        let mark = sql("UPDATE transcripts SET indexed = TRUE WHERE replay = $1 AND n = $2 AND state = 1");
        if tx.execute(mark.bind(replay).bind(n)).await? == 0 {
            // It was withdrawn a moment ago.
            return Ok(1);
        }
        let lines = sql("SELECT line, text FROM transcript_lines WHERE replay = $1 AND n = $2 ORDER BY line");
        let lines = tx.all(lines.bind(replay).bind(n)).await?;
        let mut led: HashMap<String, u32> = HashMap::new();
        let mut rows: Vec<[Value; 4]> = Vec::new();
        for row in &lines {
            let line = row.count("line")?;
            for word in line_words(&row.text("text")?) {
                let times = led.entry(word.clone()).or_default();
                *times += 1;
                if *times <= LINES_OF_WORD && rows.len() < ROWS_OF_TRACK {
                    rows.push([word.into(), replay.into(), n.into(), line.into()]);
                }
            }
        }
        let out = sql("DELETE FROM transcript_words WHERE replay = $1 AND n = $2");
        tx.execute(out.bind(replay).bind(n)).await?;
        for rows in rows.chunks(ROWS_PER_STATEMENT) {
            let insert = sql("INSERT INTO transcript_words (word, replay, n, line) ").push_rows(rows.iter().cloned());
            tx.execute(insert).await?;
        }
        tx.commit().await?;
        Ok(1)
    }
}
