//! Finding people and houses by what was typed; invitations, events and replays are found in the same way, in `search_talks` and
//! `search_replays`.
//!
//! The index holds the words of names and handles ([`roomtone_room::search`]). It follows what members write with a delay:
//! whoever is new or has another name is marked, and [`Store::index_next`] takes the marked ones in. What a search gives is
//! compared with the names as they are now, so a name of yesterday finds nobody.
//!
//! Every search does a bounded amount of work, however many have the word that was typed: of each kind of match the best
//! known are read, by `weight`, and then those whom the viewer follows.

use std::collections::{BTreeSet, HashMap, HashSet};

use roomtone_room::ids::{HouseId, MemberId};
use roomtone_room::search::{Fit, NEAR_BEGINNING_FROM, Query, Score, Spelling, Term, index_words, parts};

use crate::Store;
use crate::db::{Row, Sql, Transaction, Value, sql};
use crate::error::StoreError;
use crate::graph::lock_members;
use crate::houses::lock_houses;
use crate::members::{Person, person_from};
use crate::open::ROWS_PER_STATEMENT;
use crate::profiles::{HouseBadge, badge_from};
use crate::search_talks::mark_talks_of;

/// Members and houses that are taken into the index in one transaction. More saves waits for the disk; fewer lets other
/// writes in sooner: each new word is some twenty rows all over the index.
const INDEXED_AT_ONCE: u32 = 20;

/// Classes of how well known somebody is: each is four times the one before, and the last has no end.
const WEIGHTS: u32 = 10;

/// The same as SQL.
const ALL_WEIGHTS: &str = "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)";

/// Most subjects read for one kind of match (the word itself, words that begin so, words with errors). More ranks further
/// down the list exactly; each costs a look at the member.
pub(crate) const CANDIDATES: u32 = 100;

/// Most index entries of one typed word that are compared with the others, where several are typed. More finds rarer pairs
/// of two very common words; each costs a look at the index.
pub(crate) const SCANNED: u32 = 3_000;

/// Most words that a typed word with errors may stand for; the closest, then the shortest.
const NEAR_WORDS: usize = 60;

/// Most words of about the same length that are compared with what was typed.
const NEAR_READ: u32 = 500;

/// Most longer words that are, the shortest first; about as many for each part of what was typed.
const NEAR_BEGINNINGS_READ: u32 = 240;

/// Of those whom the viewer follows, how many are asked whether they follow somebody who was found.
const MUTUALS_AMONG: u32 = 100;

/// How many more people are ranked by mutuals than are asked for.
const RANKED_BEYOND: usize = 10;

/// `search_words.kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    People = 0,
    Houses = 1,
    Invitations = 2,
    Events = 3,
    Replays = 4,
}

impl Kind {
    fn from_number(number: i64) -> Result<Self, StoreError> {
        let all = [Self::People, Self::Houses, Self::Invitations, Self::Events, Self::Replays];
        let kind = all.into_iter().find(|kind| *kind as i64 == number);
        kind.ok_or(StoreError::Corrupt("kind of a search word"))
    }
}

/// Somebody who was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPerson {
    /// Who.
    pub person: Person,
    /// Whether the viewer follows them.
    pub followed: bool,
    /// How many of those whom the viewer follows follow them; not all are counted where the viewer follows very many.
    pub mutuals: u64,
    /// How many follow them.
    pub followers: u64,
    /// How well they fit what was typed.
    pub score: Score,
}

/// A house that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundHouse {
    /// Which.
    pub house: HouseBadge,
    /// Whether the viewer follows it or is a member.
    pub joined: bool,
    /// How many members it has.
    pub members: u64,
    /// How well it fits what was typed.
    pub score: Score,
}

impl Store {
    /// Takes a few members, houses, invitations, events and replays that are not in the index as they are now into it, and what was said
    /// in one track of a replay; returns how many that were, 0 when there are none left. For the one task that does so.
    pub async fn index_next(&self) -> Result<usize, StoreError> {
        self.index_batch(INDEXED_AT_ONCE).await
    }

    /// The same, with at most so many of each kind.
    pub(crate) async fn index_batch(&self, most: u32) -> Result<usize, StoreError> {
        // First these: who has another name has it in talks too.
        let named = self.index_named(most).await? + self.index_talks(most).await?;
        Ok(named + self.index_replays(most).await? + self.index_transcript().await?)
    }

    /// Takes people and houses in.
    async fn index_named(&self, most: u32) -> Result<usize, StoreError> {
        let waiting = sql("SELECT EXISTS (SELECT 1 FROM members WHERE NOT indexed)
                OR EXISTS (SELECT 1 FROM houses WHERE NOT indexed) AS waiting");
        if !self.database.one(waiting).await?.bool("waiting")? {
            return Ok(0);
        }
        let mut tx = self.database.begin().await?;
        // Locked in the order in which everybody locks: members before houses, and of each the lowest id first.
        let waiting = sql("SELECT id FROM members WHERE NOT indexed ORDER BY id LIMIT $1").bind(most);
        let people = tx.all(waiting).await?.iter().map(|row| row.member("id")).collect::<Result<BTreeSet<_>, _>>()?;
        lock_members(&mut tx, &people).await?;
        // Marked first: a name that changes now waits for the commit, and takes the mark away again.
        let mark = sql("UPDATE members SET indexed = TRUE WHERE id IN ").push_list(people);
        let people = tx.all(mark.push(" AND NOT indexed RETURNING id, handle, name, followers AS known")).await?;
        let waiting = sql("SELECT id FROM houses WHERE NOT indexed ORDER BY id LIMIT $1").bind(most);
        let houses = tx.all(waiting).await?.iter().map(|row| row.id("id").map(HouseId)).collect::<Result<_, _>>()?;
        lock_houses(&mut tx, &houses).await?;
        let mark = sql("UPDATE houses SET indexed = TRUE WHERE id IN ").push_list(houses);
        let houses = tx.all(mark.push(" AND NOT indexed RETURNING id, handle, name, members AS known")).await?;
        let rows = people.iter().map(|row| (Kind::People, row)).chain(houses.iter().map(|row| (Kind::Houses, row)));
        let entries = rows.map(|(kind, row)| Entry::of(kind, row)).collect::<Result<Vec<_>, _>>()?;
        mark_talks_of(&mut tx, &entries).await?;
        replace(&mut tx, &entries).await?;
        tx.commit().await?;
        Ok(entries.len())
    }

    /// Searches for what was typed, as `viewer` may see it.
    pub fn search<'a>(&'a self, query: &'a Query, viewer: MemberId) -> Search<'a> {
        Search { store: self, query, viewer }
    }
}

/// A search under way.
#[derive(Debug)]
pub struct Search<'a> {
    pub(crate) store: &'a Store,
    pub(crate) query: &'a Query,
    pub(crate) viewer: MemberId,
}

impl Search<'_> {
    /// The best `limit` people: best fit first, then those whom the viewer follows, those whom they follow, and by followers.
    pub async fn people(&self, limit: usize) -> Result<Vec<FoundPerson>, StoreError> {
        let mut found = HashMap::new();
        self.add_people(&mut found, &exact_and_begun(self.query)).await?;
        if found.len() < limit
            && let Some(near) = self.near(Kind::People).await?
        {
            self.add_people(&mut found, &near).await?;
        }
        let mut found: Vec<FoundPerson> = found.into_values().collect();
        let rank = |one: &FoundPerson| {
            let around = (!one.followed, one.mutuals == 0);
            (one.score, around, std::cmp::Reverse(one.followers), one.person.id)
        };
        found.sort_by_key(rank);
        found.truncate(limit + RANKED_BEYOND);
        self.mark_mutuals(&mut found).await?;
        found.sort_by_key(rank);
        found.truncate(limit);
        Ok(found)
    }

    /// The best `limit` houses.
    pub async fn houses(&self, limit: usize) -> Result<Vec<FoundHouse>, StoreError> {
        let mut found = HashMap::new();
        self.add_houses(&mut found, &exact_and_begun(self.query)).await?;
        if found.len() < limit
            && let Some(near) = self.near(Kind::Houses).await?
        {
            self.add_houses(&mut found, &near).await?;
        }
        let mut found: Vec<FoundHouse> = found.into_values().collect();
        found.sort_by_key(|one| (one.score, !one.joined, std::cmp::Reverse(one.members), one.house.id));
        found.truncate(limit);
        Ok(found)
    }

    /// Adds the people whom `wanted` leads to, as they are now and as far as the viewer may see them.
    async fn add_people(&self, found: &mut HashMap<u128, FoundPerson>, wanted: &Wanted) -> Result<(), StoreError> {
        let (mut subjects, cut) = self.candidates(wanted, Kind::People, CANDIDATES).await?;
        if cut {
            subjects.extend(self.followed_candidates(wanted).await?);
        }
        subjects.retain(|subject| !found.contains_key(subject));
        if subjects.is_empty() {
            return Ok(());
        }
        let people = sql("SELECT m.id, m.handle, m.name, m.avatar, m.followers,
                EXISTS (SELECT 1 FROM follows f WHERE f.follower = $1 AND f.followed = m.id) AS followed
             FROM members m WHERE m.suspended_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $1 AND b.blocked = m.id)
               AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $1)
               AND m.id IN ")
        .bind(self.viewer)
        .push_list(subjects);
        for row in self.store.database.all(people).await? {
            let person = person_from(&row)?;
            let words = index_words([person.name.as_str(), person.handle.as_str()]);
            let Some(score) = self.query.score(&words) else { continue };
            let (followed, followers) = (row.bool("followed")?, row.count("followers")?);
            found.insert(person.id.0, FoundPerson { person, followed, mutuals: 0, followers, score });
        }
        Ok(())
    }

    /// The same for houses. Who is neither in a private one nor nominated for it is not shown it.
    async fn add_houses(&self, found: &mut HashMap<u128, FoundHouse>, wanted: &Wanted) -> Result<(), StoreError> {
        let (mut subjects, _) = self.candidates(wanted, Kind::Houses, CANDIDATES).await?;
        subjects.retain(|subject| !found.contains_key(subject));
        if subjects.is_empty() {
            return Ok(());
        }
        let houses = sql("SELECT h.id, h.handle, h.name, h.members,
                EXISTS (SELECT 1 FROM house_members i WHERE i.house = h.id AND i.member = $1) AS joined
             FROM houses h WHERE (NOT h.private
                OR EXISTS (SELECT 1 FROM house_members i WHERE i.house = h.id AND i.member = $1 AND i.role >= 1)
                OR EXISTS (SELECT 1 FROM nominations n WHERE n.house = h.id AND n.nominee = $1 AND n.accepted_at IS NOT NULL))
               AND h.id IN ")
        .bind(self.viewer)
        .push_list(subjects);
        for row in self.store.database.all(houses).await? {
            let house = badge_from(&row)?;
            let Some(score) = self.query.score(&index_words([house.name.as_str(), house.handle.as_str()])) else {
                continue;
            };
            let (joined, members) = (row.bool("joined")?, row.count("members")?);
            found.insert(house.id.0, FoundHouse { house, joined, members, score });
        }
        Ok(())
    }

    /// The best known subjects of which each typed word has one of its words, at most so many for each kind of match, and whether there
    /// may be more of them.
    pub(crate) async fn candidates(
        &self,
        wanted: &Wanted,
        kind: Kind,
        most: u32,
    ) -> Result<(HashSet<u128>, bool), StoreError> {
        let mut select = sql("");
        let leading = self.rarest(wanted, kind).await?;
        for (number, words) in wanted.terms[leading].iter().enumerate() {
            let scanned = if wanted.terms.len() == 1 { most } else { SCANNED };
            select = select.push(if number == 0 { "" } else { " UNION ALL " });
            select = select.push("SELECT subject FROM (SELECT w.subject FROM (");
            // One branch for each weight, from the best known down; the limit ends the reading.
            for weight in (0..WEIGHTS).rev() {
                select = select.push("SELECT subject FROM search_words WHERE kind = ").push_bind(kind as i64);
                select = select.push(" AND weight = ").push_bind(weight).push(" AND ");
                select = words.push_onto(select, "word");
                select = select.push(if weight == 0 { " LIMIT " } else { " UNION ALL " });
            }
            select = select.push_bind(i64::from(scanned)).push(") w WHERE TRUE");
            select = wanted.push_others(select, leading, "w.subject");
            select = select.push(" LIMIT ").push_bind(i64::from(most)).push(") found");
        }
        let rows = self.store.database.all(select.remembered(wanted.is_fixed())).await?;
        // Of several words it is not known whether the reading ended before the index did.
        let cut = rows.len() >= most as usize || wanted.terms.len() > 1;
        Ok((rows.iter().map(|row| row.id("subject")).collect::<Result<_, _>>()?, cut))
    }

    /// The typed word that leads to the fewest: the others are compared with what it leads to.
    async fn rarest(&self, wanted: &Wanted, kind: Kind) -> Result<usize, StoreError> {
        if wanted.terms.len() == 1 {
            return Ok(0);
        }
        let mut select = sql("SELECT CAST(0 AS BIGINT) AS term, CAST(0 AS BIGINT) AS n");
        for (term, ways) in wanted.terms.iter().enumerate() {
            // The word itself is among those that begin so.
            for words in ways.iter().filter(|words| !matches!(words, Words::Same(_))) {
                select = select.push(" UNION ALL SELECT ").push_bind(term as u64).push(", count(*) FROM (SELECT 1");
                select = select.push(" FROM search_words");
                select = select.push(" WHERE kind = ").push_bind(kind as i64).push(" AND weight IN ").push(ALL_WEIGHTS);
                select = words.push_onto(select.push(" AND "), "word").push(" LIMIT ").push_bind(SCANNED).push(") led");
            }
        }
        let mut led = vec![0; wanted.terms.len()];
        for row in self.store.database.all(select.remembered(wanted.is_fixed())).await? {
            led[row.count("term")? as usize] += row.count("n")?;
        }
        Ok(led.iter().enumerate().min_by_key(|(_, count)| **count).map_or(0, |(term, _)| term))
    }

    /// Those whom the viewer follows and of whom each typed word has a word.
    async fn followed_candidates(&self, wanted: &Wanted) -> Result<Vec<u128>, StoreError> {
        let select = sql("SELECT f.followed AS subject FROM follows f WHERE f.follower = $1").bind(self.viewer);
        let select = wanted.push_others(select, usize::MAX, "f.followed");
        let select = select.push(" LIMIT ").push_bind(i64::from(CANDIDATES)).remembered(wanted.is_fixed());
        self.store.database.all(select).await?.iter().map(|row| row.id("subject")).collect()
    }

    /// What the typed words may stand for if there are errors in them; `None` if nothing more than without.
    pub(crate) async fn near(&self, kind: Kind) -> Result<Option<Wanted>, StoreError> {
        let mut wanted = exact_and_begun(self.query);
        let alone = wanted.terms.len() == 1;
        let mut more = false;
        for (term, ways) in self.query.terms().iter().zip(&mut wanted.terms) {
            let mut near = BTreeSet::new();
            for spelling in term.spellings().filter(|spelling| spelling.errors() > 0) {
                near.extend(self.near_words(kind, spelling).await?);
            }
            if near.is_empty() {
                continue;
            }
            let mut near: Vec<(u32, usize, String)> = near.into_iter().collect();
            near.truncate(NEAR_WORDS);
            if alone {
                // What it leads to as it is was looked at before.
                ways.clear();
            }
            ways.push(Words::These(near.into_iter().map(|(.., word)| word).collect()));
            more = true;
        }
        Ok(more.then_some(wanted))
    }

    /// The words of the index that a spelling with errors comes close to: how close, how long, and the word.
    async fn near_words(&self, kind: Kind, spelling: &Spelling) -> Result<Vec<(u32, usize, String)>, StoreError> {
        let parts = spelling.parts();
        let letters = |number: usize| number as u64;
        let (shortest, longest) = (spelling.letters() - spelling.errors(), spelling.letters() + spelling.errors());
        let mut select = sql("SELECT word FROM (SELECT word FROM search_parts WHERE kind = $1
             AND letters BETWEEN $2 AND $3 AND part IN ")
        .bind(kind as i64)
        .bind(letters(shortest))
        .bind(letters(longest))
        .push_list(parts.iter())
        .push(" LIMIT ")
        .push_bind(i64::from(NEAR_READ))
        .push(") whole");
        if spelling.letters() >= NEAR_BEGINNING_FROM {
            let each = i64::from(NEAR_BEGINNINGS_READ) / parts.len().max(1) as i64;
            for part in &parts {
                select = select
                    .push(" UNION ALL SELECT word FROM (SELECT word FROM search_parts WHERE kind = $1 AND part = ");
                select = select.push_bind(part).push(" AND letters > $3 ORDER BY letters LIMIT ").push_bind(each);
                select = select.push(") begun");
            }
        }
        let mut found = BTreeSet::new();
        for row in self.store.database.all(select).await? {
            let word = row.text("word")?;
            if let Some(fit @ (Fit::Near(_) | Fit::NearBeginning(_))) = spelling.fit(&word) {
                found.insert((fit.cost(), word.chars().count(), word));
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Counts for each how many of those whom the viewer follows follow them.
    async fn mark_mutuals(&self, found: &mut [FoundPerson]) -> Result<(), StoreError> {
        if found.is_empty() {
            return Ok(());
        }
        let count = sql("SELECT f.followed AS id, count(*) AS n FROM
                (SELECT followed FROM follows WHERE follower = $1 LIMIT $2) mine
             JOIN follows f ON f.follower = mine.followed WHERE f.followed IN ")
        .bind(self.viewer)
        .bind(MUTUALS_AMONG)
        .push_list(found.iter().map(|one| one.person.id))
        .push(" GROUP BY f.followed");
        let mut counts = HashMap::new();
        for row in self.store.database.all(count).await? {
            counts.insert(row.member("id")?, row.count("n")?);
        }
        for one in found {
            one.mutuals = counts.get(&one.person.id).copied().unwrap_or(0);
        }
        Ok(())
    }
}

/// One way in which a typed word leads to words of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Words {
    /// The word itself.
    Same(String),
    /// All that begin so.
    Begun(String),
    /// These.
    These(Vec<String>),
}

impl Words {
    /// Adds the condition that `column` is one of them.
    pub(crate) fn push_onto(&self, sql: Sql, column: &'static str) -> Sql {
        match self {
            Self::Same(word) => sql.push(column).push(" = ").push_bind(word),
            // The databases compare bytes, and no letter comes after this one.
            Self::Begun(word) => {
                let sql = sql.push(column).push(" >= ").push_bind(word);
                sql.push(" AND ").push(column).push(" < ").push_bind(format!("{word}\u{10ffff}"))
            }
            Self::These(words) => sql.push(column).push(" IN ").push_list(words.iter()),
        }
    }
}

/// For each typed word the ways in which it is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    terms: Vec<Vec<Words>>,
}

/// What was typed, taken as it is. All words of the index are there in Latin letters, so these are enough.
pub(crate) fn exact_and_begun(query: &Query) -> Wanted {
    let latin = |term: &Term| term.latin.text().to_owned();
    Wanted {
        terms: query.terms().iter().map(|term| vec![Words::Same(latin(term)), Words::Begun(latin(term))]).collect(),
    }
}

impl Wanted {
    /// Whether the statement has the same text for every search with as many words.
    fn is_fixed(&self) -> bool {
        !self.terms.iter().flatten().any(|words| matches!(words, Words::These(_)))
    }

    /// Adds the condition that each typed word but number `leading` has a word of the subject.
    fn push_others(&self, mut sql: Sql, leading: usize, subject: &'static str) -> Sql {
        for (_, ways) in self.terms.iter().enumerate().filter(|(number, _)| *number != leading) {
            sql = sql.push(" AND EXISTS (SELECT 1 FROM search_words o WHERE o.subject = ").push(subject).push(" AND (");
            // The word itself is among those that begin so.
            let ways = ways.iter().filter(|words| !matches!(words, Words::Same(_)));
            for (number, words) in ways.enumerate() {
                sql = sql.push(if number == 0 { "(" } else { " OR (" });
                // Not looked for in the index: what the subject has are a few words, and these may be many.
                let column = if matches!(words, Words::These(_)) { "o.word || ''" } else { "o.word" };
                sql = words.push_onto(sql, column).push(")");
            }
            sql = sql.push("))");
        }
        sql
    }
}

/// What the index is to hold of a subject; without words it holds nothing of it.
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) subject: u128,
    pub(crate) weight: i64,
    pub(crate) words: BTreeSet<String>,
}

impl Entry {
    fn of(kind: Kind, row: &Row) -> Result<Self, StoreError> {
        let words = index_words([row.text("name")?.as_str(), row.text("handle")?.as_str()]);
        Ok(Self { kind, subject: row.id("id")?, weight: weight(row.count("known")?), words })
    }
}

/// The class of somebody whom so many follow, or of something that so many belong to, wait for or support.
pub(crate) fn weight(known: u64) -> i64 {
    let class = known.checked_ilog(4).map_or(0, |power| power + 1);
    class.min(WEIGHTS - 1).into()
}

/// The counts at which the classes of [`weight`] begin, for statements that change a count: whoever gets there, or leaves
/// there, is marked to be taken in anew.
pub(crate) const CLASS_BEGINS: &str = "(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)";

/// Takes everything that search knows of these subjects out of it, in the transaction that deletes them: nothing is
/// left of their words but what others have as well. Call it last: it makes other deletions wait until the commit.
pub(crate) async fn forget(tx: &mut Transaction, subjects: &[u128]) -> Result<(), StoreError> {
    take_turn(tx).await?;
    take_out(tx, subjects).await
}

/// Waits until nobody else changes the index, until the commit.
async fn take_turn(tx: &mut Transaction) -> Result<(), StoreError> {
    tx.execute(sql("UPDATE settings SET value = value WHERE key = 'search_turn'")).await?;
    Ok(())
}

/// Makes the index hold these entries, and of their subjects nothing else.
pub(crate) async fn replace(tx: &mut Transaction, entries: &[Entry]) -> Result<(), StoreError> {
    take_turn(tx).await?;
    let words: BTreeSet<(Kind, &String)> =
        entries.iter().flat_map(|entry| entry.words.iter().map(|word| (entry.kind, word))).collect();
    let rows: Vec<[Value; 4]> = entries
        .iter()
        .flat_map(|entry| entry.words.iter().map(move |word| (entry, word)))
        .map(|(entry, word)| [(entry.kind as i64).into(), entry.weight.into(), word.into(), entry.subject.into()])
        .collect();
    let subjects: Vec<u128> = entries.iter().map(|entry| entry.subject).collect();
    take_out(tx, &subjects).await?;
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let insert = sql("INSERT INTO search_words (kind, weight, word, subject) ").push_rows(rows.iter().cloned());
        tx.execute(insert).await?;
    }
    let words: Vec<(Kind, &String)> = words.into_iter().collect();
    for words in words.chunks(ROWS_PER_STATEMENT) {
        let new = unled_words(tx, words).await?;
        let rows: Vec<[Value; 4]> = new.into_iter().flat_map(|(kind, word)| part_rows(kind, word)).collect();
        for rows in rows.chunks(ROWS_PER_STATEMENT) {
            let insert = sql("INSERT INTO search_parts (kind, part, letters, word) ").push_rows(rows.iter().cloned());
            tx.execute(insert).await?;
        }
    }
    Ok(())
}

/// Those of the words to which nothing leads yet. All parts of a word are there, or none: one of each is looked for.
async fn unled_words<'a>(
    tx: &mut Transaction,
    words: &[(Kind, &'a String)],
) -> Result<Vec<(Kind, &'a String)>, StoreError> {
    let firsts: Vec<[Value; 4]> = words.iter().filter_map(|(kind, word)| part_rows(*kind, word).next()).collect();
    if firsts.is_empty() {
        return Ok(Vec::new());
    }
    let led = sql("SELECT kind, word FROM search_parts WHERE (kind, part, letters, word) IN (").push_rows(firsts);
    let led = tx.all(led.push(")")).await?;
    let led = led.iter().map(|row| Ok((row.int("kind")?, row.text("word")?)));
    let led = led.collect::<Result<HashSet<_>, StoreError>>()?;
    Ok(words.iter().filter(|(kind, word)| !led.contains(&(*kind as i64, (*word).clone()))).copied().collect())
}

/// Takes subjects out of the index, with the parts of words that nobody has any more.
async fn take_out(tx: &mut Transaction, subjects: &[u128]) -> Result<(), StoreError> {
    let mut words = BTreeSet::new();
    for part in subjects.chunks(ROWS_PER_STATEMENT) {
        let out = sql("DELETE FROM search_words WHERE subject IN ").push_list(part.iter().copied());
        for row in tx.all(out.push(" RETURNING kind, word")).await? {
            words.insert((Kind::from_number(row.int("kind")?)?, row.text("word")?));
        }
    }
    let mut gone = Vec::new();
    for (kind, word) in words {
        let left = sql("SELECT EXISTS (SELECT 1 FROM search_words WHERE kind = $1
                AND word = $2 AND weight IN ")
        .bind(kind as i64)
        .bind(&word)
        .push(ALL_WEIGHTS)
        .push(") AS held");
        if !tx.one(left).await?.bool("held")? {
            gone.extend(part_rows(kind, &word));
        }
    }
    for rows in gone.chunks(ROWS_PER_STATEMENT) {
        let out =
            sql("DELETE FROM search_parts WHERE (kind, part, letters, word) IN (").push_rows(rows.iter().cloned());
        tx.execute(out.push(")")).await?;
    }
    Ok(())
}

/// The rows that lead to a word.
fn part_rows(kind: Kind, word: &str) -> impl Iterator<Item = [Value; 4]> {
    let letters = word.chars().count() as u64;
    parts(word).into_iter().map(move |part| [(kind as i64).into(), part.into(), letters.into(), word.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_sql(numbers: impl Iterator<Item = u64>) -> String {
        format!("({})", numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn the_classes_are_those_that_statements_name() {
        assert_eq!(ALL_WEIGHTS, in_sql(0..WEIGHTS.into()));
        let begins = (1..1_000_000).filter(|known| weight(*known) != weight(known - 1));
        assert_eq!(CLASS_BEGINS, in_sql(begins));
        assert_eq!((weight(0), weight(u64::MAX)), (0, i64::from(WEIGHTS) - 1));
    }
}
