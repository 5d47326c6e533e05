//! Finding invitations and events by what was typed, with the index of `search`: it holds the words of their titles, in every
//! language, of their topics, and of the names of the people and houses in them.
//!
//! Whoever changes those words takes the mark `indexed` away. Names are an exception: when the index takes in somebody's new name,
//! it takes the marks of their talks away by itself. An event that is over is in the index no more.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use roomtone_room::ids::{EventId, HouseId, InvitationId, MemberId, Timestamp};
use roomtone_room::search::{Score, index_words};

use crate::Store;
use crate::db::{Row, Transaction, sql};
use crate::error::StoreError;
use crate::events::agenda_from;
use crate::events_read::Event;
use crate::invitations::{InvitationEntry, InvitationText, ShownInvitee};
use crate::open::ROWS_PER_STATEMENT;
use crate::search::{CANDIDATES, Entry, Kind, Search, Wanted, exact_and_begun, replace, weight};

/// The words of all these texts.
fn words_of<'a>(texts: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    texts.into_iter().flat_map(|text| index_words([text.as_str()])).collect()
}

/// By what an event is found: its title, topics and house, and who hosts it.
fn words_of_event(event: &Event) -> BTreeSet<String> {
    let people = event.cohosts.iter().chain([&event.host]).flat_map(|person| [&person.name, &person.handle]);
    let house = event.house.iter().flat_map(|house| [&house.name, &house.handle]);
    let texts = [&event.text.title].into_iter().chain(&event.text.topics).chain(house).chain(people);
    words_of(texts)
}

/// By what an invitation is found: its titles and topics, who invites, and who is invited.
fn words_of_invitation(entry: &InvitationEntry, texts: &[&InvitationText]) -> BTreeSet<String> {
    let invitee = match &entry.invitee {
        ShownInvitee::Member(person) => vec![&person.name, &person.handle],
        ShownInvitee::Outside { name, .. } => vec![name],
        ShownInvitee::Gone => Vec::new(),
    };
    let titles = texts.iter().map(|text| &text.title);
    let all = titles.chain(&entry.topics).chain([&entry.host.name, &entry.host.handle]).chain(invitee);
    words_of(all)
}

impl Search<'_> {
    /// The best `limit` events that are not over: best fit first, then by their dates, those without one last.
    pub async fn events(&self, limit: usize) -> Result<Vec<Event>, StoreError> {
        let mut found = HashMap::new();
        self.add_events(&mut found, &exact_and_begun(self.query)).await?;
        if found.len() < limit
            && let Some(near) = self.near(Kind::Events).await?
        {
            self.add_events(&mut found, &near).await?;
        }
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by_key(|(score, event)| {
            let date = event.agenda.starts_at.unwrap_or(Timestamp(u64::MAX));
            (*score, date, Reverse(event.created_at), event.id)
        });
        found.truncate(limit);
        Ok(found.into_iter().map(|(_, event)| event).collect())
    }

    /// The best `limit` invitations: best fit first, then those that are open, those that most people co-sign, and the last changed.
    pub async fn invitations(&self, limit: usize) -> Result<Vec<InvitationEntry>, StoreError> {
        let mut found = HashMap::new();
        self.add_invitations(&mut found, &exact_and_begun(self.query)).await?;
        if found.len() < limit
            && let Some(near) = self.near(Kind::Invitations).await?
        {
            self.add_invitations(&mut found, &near).await?;
        }
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by_key(|(score, entry): &(_, InvitationEntry)| {
            (*score, !entry.state.is_open(), Reverse(entry.cosigns), Reverse(entry.changed_at), entry.id)
        });
        found.truncate(limit);
        Ok(found.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Adds the events to which `wanted` leads, as they are now and as far as the viewer may see them.
    async fn add_events(&self, found: &mut HashMap<u128, (Score, Event)>, wanted: &Wanted) -> Result<(), StoreError> {
        let (subjects, _) = self.candidates(wanted, Kind::Events, CANDIDATES).await?;
        let ids: Vec<_> = subjects.into_iter().filter(|id| !found.contains_key(id)).map(EventId).collect();
        for event in self.store.events(&ids, Some(self.viewer)).await? {
            if let Some(score) = self.query.score(&words_of_event(&event)).filter(|_| !event.agenda.state.is_over()) {
                found.insert(event.id.0, (score, event));
            }
        }
        Ok(())
    }

    /// The same for invitations.
    async fn add_invitations(
        &self,
        found: &mut HashMap<u128, (Score, InvitationEntry)>,
        wanted: &Wanted,
    ) -> Result<(), StoreError> {
        let (subjects, _) = self.candidates(wanted, Kind::Invitations, CANDIDATES).await?;
        let ids: Vec<_> = subjects.into_iter().filter(|id| !found.contains_key(id)).map(InvitationId).collect();
        let entries = self.store.invitations_of(Some(self.viewer), &ids).await?;
        let texts = self.store.texts_of(&ids).await?;
        for entry in entries {
            let own: Vec<_> = texts.iter().filter(|(id, _)| *id == entry.id).map(|(_, text)| text).collect();
            if let Some(score) = self.query.score(&words_of_invitation(&entry, &own)) {
                found.insert(entry.id.0, (score, entry));
            }
        }
        Ok(())
    }
}

impl Store {
    /// Takes invitations and events in that are not in the index as they are now; returns how many.
    pub(crate) async fn index_talks(&self, most: u32) -> Result<usize, StoreError> {
        let waiting = sql("SELECT EXISTS (SELECT 1 FROM invitations WHERE NOT indexed)
                OR EXISTS (SELECT 1 FROM events WHERE NOT indexed) AS waiting");
        if !self.database.one(waiting).await?.bool("waiting")? {
            return Ok(0);
        }
        let mut tx = self.database.begin().await?;
        // Marked first: what changes now waits for the commit, and takes the mark away again.
        let waiting = sql("SELECT id FROM invitations WHERE NOT indexed ORDER BY id LIMIT $1").bind(most);
        let some = ids_of(&tx.all(waiting).await?)?;
        lock_talks(&mut tx, "invitations", &some).await?;
        let mark = sql("UPDATE invitations SET indexed = TRUE WHERE id IN ").push_list(some.iter().copied());
        let invitations = tx.all(mark.push(" RETURNING id, host, invitee, invitee_name, topics")).await?;
        let waiting = sql("SELECT id FROM events WHERE NOT indexed ORDER BY id LIMIT $1").bind(most);
        let some = ids_of(&tx.all(waiting).await?)?;
        lock_talks(&mut tx, "events", &some).await?;
        let mark = sql("UPDATE events SET indexed = TRUE WHERE id IN ").push_list(some.iter().copied());
        let events = tx.all(mark.push(" RETURNING id, host, house, title, topics, state, starts_at")).await?;
        let mut entries = invitation_entries(&mut tx, &invitations).await?;
        entries.extend(event_entries(&mut tx, &events).await?);
        replace(&mut tx, &entries).await?;
        tx.commit().await?;
        Ok(entries.len())
    }
}

/// What the index is to hold of invitations.
async fn invitation_entries(tx: &mut Transaction, rows: &[Row]) -> Result<Vec<Entry>, StoreError> {
    let ids = ids_of(rows)?;
    let mut texts: HashMap<u128, Vec<String>> = HashMap::new();
    let titles = sql("SELECT invitation AS id, title FROM invitation_texts WHERE invitation IN ");
    for row in tx.all(titles.push_list(ids.iter().copied())).await? {
        texts.entry(row.id("id")?).or_default().push(row.text("title")?);
    }
    let known = sql("SELECT invitation AS id, count(*) AS n FROM cosigns WHERE invitation IN ");
    let known = counts(tx.all(known.push_list(ids).push(" GROUP BY invitation")).await?)?;
    let mut people = BTreeSet::new();
    for row in rows {
        people.extend([Some(row.id("host")?), row.id_or_null("invitee")?].into_iter().flatten());
    }
    let names = names(tx, "members", &people).await?;
    rows.iter()
        .map(|row| {
            let subject = row.id("id")?;
            let mut texts = texts.remove(&subject).unwrap_or_default();
            texts.extend(row.text("topics")?.lines().map(str::to_owned));
            texts.extend(row.text_or_null("invitee_name")?);
            for one in [Some(row.id("host")?), row.id_or_null("invitee")?].into_iter().flatten() {
                texts.extend(names.get(&one).into_iter().flatten().cloned());
            }
            let words = words_of(&texts);
            let weight = weight(known.get(&subject).copied().unwrap_or(0));
            Ok(Entry { kind: Kind::Invitations, subject, weight, words })
        })
        .collect()
}

/// What the index is to hold of events: of one that is over nothing.
async fn event_entries(tx: &mut Transaction, rows: &[Row]) -> Result<Vec<Entry>, StoreError> {
    let ids = ids_of(rows)?;
    let mut hosts: HashMap<u128, Vec<u128>> = HashMap::new();
    let cohosts = sql("SELECT event AS id, member FROM event_cohosts WHERE accepted_at IS NOT NULL AND event IN ");
    for row in tx.all(cohosts.push_list(ids.iter().copied())).await? {
        hosts.entry(row.id("id")?).or_default().push(row.id("member")?);
    }
    let known = sql("SELECT event AS id, count(*) AS n FROM event_subscriptions WHERE event IN ");
    let known = counts(tx.all(known.push_list(ids).push(" GROUP BY event")).await?)?;
    let (mut people, mut houses) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        hosts.entry(row.id("id")?).or_default().push(row.id("host")?);
        houses.extend(row.id_or_null("house")?);
    }
    people.extend(hosts.values().flatten().copied());
    let (people, houses) = (names(tx, "members", &people).await?, names(tx, "houses", &houses).await?);
    rows.iter()
        .map(|row| {
            let subject = row.id("id")?;
            let over = agenda_from(row)?.state.is_over();
            let mut texts = vec![row.text("title")?];
            texts.extend(row.text("topics")?.lines().map(str::to_owned));
            for host in hosts.remove(&subject).unwrap_or_default() {
                texts.extend(people.get(&host).into_iter().flatten().cloned());
            }
            let house = row.id_or_null("house")?.and_then(|house| houses.get(&house));
            texts.extend(house.into_iter().flatten().cloned());
            let words = if over { BTreeSet::new() } else { words_of(&texts) };
            let weight = weight(known.get(&subject).copied().unwrap_or(0));
            Ok(Entry { kind: Kind::Events, subject, weight, words })
        })
        .collect()
}

/// Takes the marks of the talks away in which the people and houses of these entries are named.
pub(crate) async fn mark_talks_of(tx: &mut Transaction, entries: &[Entry]) -> Result<(), StoreError> {
    let of = |kind| entries.iter().filter(move |entry| entry.kind == kind).map(|entry| entry.subject);
    let (people, houses): (Vec<_>, Vec<_>) = (of(Kind::People).collect(), of(Kind::Houses).collect());
    for part in people.chunks(ROWS_PER_STATEMENT / 2) {
        let mark =
            sql("UPDATE invitations SET indexed = FALSE WHERE indexed AND (host IN ").push_list(part.iter().copied());
        tx.execute(mark.push(" OR invitee IN ").push_list(part.iter().copied()).push(")")).await?;
        let mark = sql("UPDATE events SET indexed = FALSE WHERE indexed AND state < 4 AND (host IN ");
        let mark =
            mark.push_list(part.iter().copied()).push(" OR id IN (SELECT event FROM event_cohosts WHERE member IN ");
        tx.execute(mark.push_list(part.iter().copied()).push("))")).await?;
        let mark =
            sql("UPDATE replays SET indexed = FALSE WHERE indexed AND (host IN ").push_list(part.iter().copied());
        let mark = mark.push(" OR id IN (SELECT replay FROM replay_tracks WHERE member IN ");
        tx.execute(mark.push_list(part.iter().copied()).push("))")).await?;
    }
    for part in houses.chunks(ROWS_PER_STATEMENT) {
        let mark = sql("UPDATE events SET indexed = FALSE WHERE indexed AND state < 4 AND house IN ");
        tx.execute(mark.push_list(part.iter().copied())).await?;
        let mark = sql("UPDATE replays SET indexed = FALSE WHERE indexed AND house IN ");
        tx.execute(mark.push_list(part.iter().copied())).await?;
    }
    Ok(())
}

/// The talks in whose words a member is, or has a part: to be taken out of the index before the member is deleted. Their marks are
/// taken away, so that what stays of them is taken in again.
pub(crate) async fn unmark_talks_of(tx: &mut Transaction, member: MemberId) -> Result<Vec<u128>, StoreError> {
    let invitations = sql("UPDATE invitations SET indexed = FALSE WHERE host = $1 OR invitee = $1
            OR id IN (SELECT t.invitation FROM invitation_texts t WHERE t.author = $1) RETURNING id");
    let events = sql("UPDATE events SET indexed = FALSE WHERE host = $1
            OR id IN (SELECT c.event FROM event_cohosts c WHERE c.member = $1)
            OR house IN (SELECT h.house FROM house_members h WHERE h.member = $1) RETURNING id");
    let mut talks = ids_of(&tx.all(invitations.bind(member)).await?)?;
    talks.extend(ids_of(&tx.all(events.bind(member)).await?)?);
    // Those of a house that ends with them too, which is the one in which nobody else may stay.
    let replays = sql("UPDATE replays SET indexed = FALSE WHERE host = $1
            OR id IN (SELECT t.replay FROM replay_tracks t WHERE t.member = $1)
            OR room IN (SELECT r.id FROM rooms r WHERE r.host = $1) OR room IN (SELECT e.room FROM events e WHERE e.host = $1)
            OR house IN (SELECT h.house FROM house_members h WHERE h.member = $1 AND NOT EXISTS
                (SELECT 1 FROM house_members o JOIN members m ON m.id = o.member
                 WHERE o.house = h.house AND o.member <> $1 AND o.role >= 1 AND m.suspended_at IS NULL)) RETURNING id");
    talks.extend(ids_of(&tx.all(replays.bind(member)).await?)?);
    Ok(talks)
}

/// The events and replays of a house, to be taken out of the index before the house is deleted. The replays stay, and are taken in again
/// without it.
pub(crate) async fn talks_of_house(tx: &mut Transaction, house: HouseId) -> Result<Vec<u128>, StoreError> {
    let mut talks = ids_of(&tx.all(sql("SELECT id FROM events WHERE house = $1").bind(house)).await?)?;
    let replays = sql("UPDATE replays SET indexed = FALSE WHERE house = $1 RETURNING id");
    talks.extend(ids_of(&tx.all(replays.bind(house)).await?)?);
    Ok(talks)
}

/// Takes the locks of invitations, events or replays until the transaction ends, the lowest id first. SQLite has one writer at a time.
pub(crate) async fn lock_talks(tx: &mut Transaction, table: &'static str, ids: &[u128]) -> Result<(), StoreError> {
    if !ids.is_empty() && matches!(tx, Transaction::Postgres(_)) {
        let lock = sql("SELECT id FROM ").push(table).push(" WHERE id IN ").push_list(ids.iter().copied());
        tx.all(lock.push(" ORDER BY id FOR NO KEY UPDATE")).await?;
    }
    Ok(())
}

/// Names and handles of members or houses.
async fn names(
    tx: &mut Transaction,
    table: &'static str,
    ids: &BTreeSet<u128>,
) -> Result<HashMap<u128, [String; 2]>, StoreError> {
    let ids: Vec<u128> = ids.iter().copied().collect();
    let mut names = HashMap::new();
    for part in ids.chunks(ROWS_PER_STATEMENT) {
        let some = sql("SELECT id, name, handle FROM ").push(table).push(" WHERE id IN ");
        for row in tx.all(some.push_list(part.iter().copied())).await? {
            names.insert(row.id("id")?, [row.text("name")?, row.text("handle")?]);
        }
    }
    Ok(names)
}

fn counts(rows: Vec<Row>) -> Result<HashMap<u128, u64>, StoreError> {
    rows.iter().map(|row| Ok((row.id("id")?, row.count("n")?))).collect()
}

pub(crate) fn ids_of(rows: &[Row]) -> Result<Vec<u128>, StoreError> {
    rows.iter().map(|row| row.id("id")).collect()
}
