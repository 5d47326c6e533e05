//! Whom a member may like to follow: people whom those follow whom they follow, people of the same houses, and whoever let
//! them in or was let in by them. What is looked at is a sample of fixed size, however many follow each other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use roomtone_room::ids::MemberId;

use crate::Store;
use crate::db::{Row, sql};
use crate::error::StoreError;
use crate::members::Person;
use crate::profiles::{HouseBadge, badge_from};

/// Of those whom the member follows, how many are asked whom they follow: the latest. Higher knows a wider circle.
const ASKED: u64 = 100;

/// Whom each of them follows, at most. Both together bound the work: their product is how many follows are read.
const NAMED_BY_EACH: u64 = 100;

/// People of one house who are looked at, and houses.
const OF_EACH_HOUSE: u64 = 50;
const HOUSES: u64 = 10;

/// Guests of the member who are looked at.
const GUESTS: u64 = 20;

/// Candidates of each kind among whom the best are chosen.
const CANDIDATES: u64 = 200;

/// People who are named as known to both.
const MUTUALS_NAMED: usize = 3;

/// Weight of a house that both belong to, in people whom both know; and of having been let in by the other.
const HOUSE_WEIGHT: u64 = 2;
const SPONSOR_WEIGHT: u64 = 5;

/// Somebody whom a member may like to follow, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Who.
    pub person: Person,
    /// Some of those whom the member follows and who follow them.
    pub mutuals: Vec<Person>,
    /// How many of those there are among the hundred whom the member followed last.
    pub mutual_count: u64,
    /// Houses that both belong to.
    pub houses: Vec<HouseBadge>,
    /// Whether they let the member in.
    pub sponsor: bool,
    /// Whether the member let them in.
    pub guest: bool,
}

/// What speaks for somebody.
#[derive(Debug, Default)]
struct Reasons {
    mutual_count: u64,
    houses: Vec<HouseBadge>,
    sponsor: bool,
    guest: bool,
}

impl Reasons {
    fn weight(&self) -> u64 {
        let known = u64::from(self.sponsor || self.guest);
        self.mutual_count + HOUSE_WEIGHT * self.houses.len() as u64 + SPONSOR_WEIGHT * known
    }
}

impl Store {
    /// At most `limit` people whom a member may like to follow, the best first. Nobody whom they follow, have muted or may
    /// not know of is among them. `pivot` says where among all ids the sample begins, so that another one brings others.
    pub async fn suggestions(
        &self,
        member: MemberId,
        pivot: MemberId,
        limit: usize,
    ) -> Result<Vec<Suggestion>, StoreError> {
        let asked = self.latest_followed(member).await?;
        let mut reasons: BTreeMap<MemberId, Reasons> = BTreeMap::new();
        for from in [pivot, MemberId(0)] {
            // From the beginning only if there was nobody to speak of behind the pivot.
            if reasons.len() < limit {
                for id in self.followed_by(member, &asked, from).await? {
                    reasons.entry(id).or_default();
                }
            }
        }
        self.count_mutuals(&asked, &mut reasons).await?;
        for (id, house) in self.of_same_houses(member, pivot).await? {
            reasons.entry(id).or_default().houses.push(house);
        }
        for row in self.let_in(member).await? {
            let entry = reasons.entry(row.member("id")?).or_default();
            (entry.sponsor, entry.guest) = (row.bool("is_sponsor")?, !row.bool("is_sponsor")?);
        }
        let mut ranked: Vec<_> = reasons.into_iter().collect();
        ranked.sort_by_key(|(id, reasons)| (Reverse(reasons.weight()), *id));
        ranked.truncate(CANDIDATES as usize);
        let allowed = self.may_be_suggested(member, ranked.iter().map(|(id, _)| *id)).await?;
        ranked.retain(|(id, _)| allowed.contains(id));
        ranked.truncate(limit);
        self.suggest(&asked, ranked).await
    }

    /// Whom a member followed last.
    async fn latest_followed(&self, member: MemberId) -> Result<Vec<MemberId>, StoreError> {
        let latest = sql("SELECT f.followed AS id FROM follows f JOIN members m ON m.id = f.followed
             WHERE f.follower = $1 AND m.suspended_at IS NULL ORDER BY f.since DESC, f.followed LIMIT $2")
        .bind(member)
        .bind(ASKED);
        self.database.all(latest).await?.iter().map(|row| row.member("id")).collect()
    }

    /// Whom the `asked` follow most often, among a sample of ids from `from` on, and `member` does not.
    async fn followed_by(
        &self,
        member: MemberId,
        asked: &[MemberId],
        from: MemberId,
    ) -> Result<Vec<MemberId>, StoreError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let mut named = sql("SELECT n.id FROM (").remembered(false);
        for (number, one) in asked.iter().enumerate() {
            named = named
                .push(if number == 0 { "SELECT id FROM (" } else { " UNION ALL SELECT id FROM (" })
                .push("SELECT followed AS id FROM follows WHERE follower = ")
                .push_bind(*one)
                .push(" AND followed >= ")
                .push_bind(from)
                .push(" ORDER BY followed LIMIT ")
                .push_bind(NAMED_BY_EACH)
                .push(") AS one");
        }
        let named = named
            .push(") AS n LEFT JOIN follows f ON f.followed = n.id AND f.follower = ")
            .push_bind(member)
            .push(" WHERE f.follower IS NULL AND n.id <> ")
            .push_bind(member)
            .push(" GROUP BY n.id ORDER BY count(*) DESC, n.id LIMIT ")
            .push_bind(CANDIDATES);
        self.database.all(named).await?.iter().map(|row| row.member("id")).collect()
    }

    /// Counts for each candidate how many of the `asked` follow them.
    async fn count_mutuals(
        &self,
        asked: &[MemberId],
        reasons: &mut BTreeMap<MemberId, Reasons>,
    ) -> Result<(), StoreError> {
        if asked.is_empty() || reasons.is_empty() {
            return Ok(());
        }
        let counts = sql("SELECT followed AS id, count(*) AS mutual_count FROM follows WHERE follower IN ")
            .push_list(asked.iter().copied())
            .push(" AND followed IN ")
            .push_list(reasons.keys().copied())
            .push(" GROUP BY followed");
        for row in self.database.all(counts).await? {
            reasons.entry(row.member("id")?).or_default().mutual_count = row.count("mutual_count")?;
        }
        Ok(())
    }

    /// People who belong to a house that the member belongs to.
    async fn of_same_houses(
        &self,
        member: MemberId,
        pivot: MemberId,
    ) -> Result<Vec<(MemberId, HouseBadge)>, StoreError> {
        let houses = sql("SELECT h.id, h.handle, h.name FROM house_members o JOIN houses h ON h.id = o.house
             WHERE o.member = $1 AND o.role >= 1 ORDER BY o.since DESC, h.id LIMIT $2")
        .bind(member)
        .bind(HOUSES);
        let mut found = Vec::new();
        for row in self.database.all(houses).await? {
            let house = badge_from(&row)?;
            let members = sql("SELECT member AS id FROM house_members
                 WHERE house = $1 AND member >= $2 AND member <> $3 AND role >= 1 ORDER BY member LIMIT $4");
            let behind = |from: MemberId| members.clone().bind(house.id.0).bind(from).bind(member).bind(OF_EACH_HOUSE);
            let mut rows = self.database.all(behind(pivot)).await?;
            if (rows.len() as u64) < OF_EACH_HOUSE {
                rows.extend(self.database.all(behind(MemberId(0))).await?);
            }
            let ids = rows.iter().map(|row| row.member("id")).collect::<Result<HashSet<_>, _>>()?;
            found.extend(ids.into_iter().map(|id| (id, house.clone())));
        }
        Ok(found)
    }

    /// Whoever let the member in, and whom they let in last.
    async fn let_in(&self, member: MemberId) -> Result<Vec<Row>, StoreError> {
        let sponsor =
            sql("SELECT sponsor AS id, TRUE AS is_sponsor FROM members WHERE id = $1 AND sponsor IS NOT NULL");
        let mut rows = self.database.all(sponsor.bind(member)).await?;
        let guests = sql("SELECT id, FALSE AS is_sponsor FROM members WHERE sponsor = $1
             ORDER BY created_at DESC, id LIMIT $2");
        rows.extend(self.database.all(guests.bind(member).bind(GUESTS)).await?);
        Ok(rows)
    }

    /// Those of some candidates whom the member does not follow, has not muted and may know of.
    async fn may_be_suggested(
        &self,
        member: MemberId,
        candidates: impl Iterator<Item = MemberId>,
    ) -> Result<HashSet<MemberId>, StoreError> {
        let allowed = sql("SELECT m.id FROM members m WHERE m.suspended_at IS NULL AND m.id <> $1
             AND NOT EXISTS (SELECT 1 FROM follows f WHERE f.follower = $1 AND f.followed = m.id)
             AND NOT EXISTS (SELECT 1 FROM mutes u WHERE u.muter = $1 AND u.muted = m.id)
             AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $1)
             AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $1 AND b.blocked = m.id) AND m.id IN ")
        .bind(member)
        .push_list(candidates);
        self.ids(allowed).await
    }

    /// Names everybody in a ranked list.
    async fn suggest(
        &self,
        asked: &[MemberId],
        ranked: Vec<(MemberId, Reasons)>,
    ) -> Result<Vec<Suggestion>, StoreError> {
        let mut mutuals: HashMap<MemberId, Vec<MemberId>> = HashMap::new();
        if !asked.is_empty() && !ranked.is_empty() {
            let known = sql("SELECT followed AS id, follower FROM follows WHERE follower IN ")
                .push_list(asked.iter().copied())
                .push(" AND followed IN ")
                .push_list(ranked.iter().map(|(id, _)| *id))
                .push(" ORDER BY followed, follower");
            for row in self.database.all(known).await? {
                let named = mutuals.entry(row.member("id")?).or_default();
                if named.len() < MUTUALS_NAMED {
                    named.push(row.member("follower")?);
                }
            }
        }
        let mut ids: Vec<_> = ranked.iter().map(|(id, _)| *id).chain(mutuals.values().flatten().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        let people: HashMap<_, _> = self.people(&ids).await?.into_iter().map(|person| (person.id, person)).collect();
        let suggestion = |(id, reasons): (MemberId, Reasons)| {
            let named = mutuals.get(&id).into_iter().flatten();
            Some(Suggestion {
                person: people.get(&id)?.clone(),
                mutuals: named.filter_map(|id| people.get(id).cloned()).collect(),
                mutual_count: reasons.mutual_count,
                houses: reasons.houses,
                sponsor: reasons.sponsor,
                guest: reasons.guest,
            })
        };
        Ok(ranked.into_iter().filter_map(suggestion).collect())
    }
}
