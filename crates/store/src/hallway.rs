//! What the hallway and the rooms ask about a member: whom they follow, with whom they have a block, what they like.

use std::collections::{HashMap, HashSet};

use roomtone_room::ids::{HouseId, MemberId, RoomId};

use crate::Store;
use crate::db::{Row, sql};
use crate::error::StoreError;
use crate::members::{IDS_PER_STATEMENT, Person, person_from};

/// What decides where a member may be, and what others are told of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Everybody with whom they have a block, in either direction.
    pub blocked: HashSet<MemberId>,
    /// Whether they let nobody see that they are online.
    pub online_hidden: bool,
}

/// What the hallway of one member depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallwayFacts {
    /// The member.
    pub person: Person,
    /// Everybody with whom they have a block, in either direction.
    pub blocked: HashSet<MemberId>,
    /// Whether they let nobody see that they are online.
    pub online_hidden: bool,
    /// Whom they follow.
    pub followed: HashSet<MemberId>,
    /// Whom they have muted.
    pub muted: HashSet<MemberId>,
    /// The houses that they are a member of.
    pub houses: HashSet<HouseId>,
    /// The houses that they were removed from for good.
    pub banned_from: HashSet<HouseId>,
    /// The live rooms that they do not want to see.
    pub hidden_rooms: HashSet<RoomId>,
    /// The language of their account, as a BCP 47 tag.
    pub language: String,
    /// What else they speak, as their profile says; written as [`crate::members`] has it.
    pub languages: String,
    /// What they like to hear about, likewise.
    pub topics: String,
}

impl Store {
    /// With whom a member has a block, and whether they hide; in one statement, since everybody who enters a room is asked
    /// about. Nothing for somebody who is not there.
    pub async fn standing(&self, member: MemberId) -> Result<Standing, StoreError> {
        Ok(self.standings(&[member]).await?.remove(&member).unwrap_or_default())
    }

    /// The same for many. Who has no block and hides nothing is left out.
    pub async fn standings(&self, members: &[MemberId]) -> Result<HashMap<MemberId, Standing>, StoreError> {
        let mut found: HashMap<MemberId, Standing> = HashMap::new();
        for part in members.chunks(IDS_PER_STATEMENT) {
            let ids = || part.iter().copied();
            let rows = sql("SELECT blocker AS member, blocked AS other FROM blocks WHERE blocker IN ")
                .push_list(ids())
                .push(" UNION ALL SELECT blocked, blocker FROM blocks WHERE blocked IN ")
                .push_list(ids())
                .push(" UNION ALL SELECT id, NULL FROM members WHERE online_hidden AND id IN ")
                .push_list(ids())
                .remembered(part.len() == 1);
            for row in self.database.all(rows).await? {
                let standing = found.entry(row.member("member")?).or_default();
                match row.id_or_null("other")? {
                    Some(other) => drop(standing.blocked.insert(MemberId(other))),
                    None => standing.online_hidden = true,
                }
            }
        }
        Ok(found)
    }

    /// Who of these belongs to a house, and who was removed from it for good.
    pub async fn house_standings(
        &self,
        house: HouseId,
        members: &[MemberId],
    ) -> Result<(HashSet<MemberId>, HashSet<MemberId>), StoreError> {
        let (mut inside, mut banned) = (HashSet::new(), HashSet::new());
        for part in members.chunks(IDS_PER_STATEMENT) {
            let ids = || part.iter().copied();
            // Member by member: joined, SQLite would look through everybody in the house.
            let rows = sql("SELECT m.id AS member, CAST(0 AS BIGINT) AS banned FROM members m
                 WHERE EXISTS (SELECT 1 FROM house_members i WHERE i.house = $1 AND i.member = m.id AND i.role >= 1)
                   AND m.id IN ")
            .bind(house)
            .push_list(ids())
            .push(" UNION ALL SELECT member, CAST(1 AS BIGINT) FROM house_bans WHERE house = $1 AND member IN ")
            .push_list(ids());
            for row in self.database.all(rows).await? {
                let these = if row.int("banned")? == 0 { &mut inside } else { &mut banned };
                these.insert(row.member("member")?);
            }
        }
        Ok((inside, banned))
    }

    /// Everything that a member's hallway depends on; `None` for somebody who is not there.
    pub async fn hallway_facts(&self, member: MemberId) -> Result<Option<HallwayFacts>, StoreError> {
        let own = sql("SELECT id, handle, name, avatar, language, languages, topics, online_hidden
             FROM members WHERE id = $1")
        .bind(member);
        let Some(own) = self.database.optional(own).await? else { return Ok(None) };
        let around = sql("SELECT CAST(0 AS BIGINT) AS what, followed AS id FROM follows WHERE follower = $1
             UNION ALL SELECT CAST(1 AS BIGINT), muted FROM mutes WHERE muter = $1
             UNION ALL SELECT CAST(2 AS BIGINT), blocked FROM blocks WHERE blocker = $1
             UNION ALL SELECT CAST(2 AS BIGINT), blocker FROM blocks WHERE blocked = $1
             UNION ALL SELECT CAST(3 AS BIGINT), house FROM house_members WHERE member = $1 AND role >= 1
             UNION ALL SELECT CAST(4 AS BIGINT), house FROM house_bans WHERE member = $1
             UNION ALL SELECT CAST(5 AS BIGINT), room FROM hidden_rooms WHERE member = $1")
        .bind(member);
        let mut facts = HallwayFacts {
            person: person_from(&own)?,
            blocked: HashSet::new(),
            online_hidden: own.bool("online_hidden")?,
            followed: HashSet::new(),
            muted: HashSet::new(),
            houses: HashSet::new(),
            banned_from: HashSet::new(),
            hidden_rooms: HashSet::new(),
            language: own.text("language")?,
            languages: own.text("languages")?,
            topics: own.text("topics")?,
        };
        for row in self.database.all(around).await? {
            let id = row.id("id")?;
            match row.int("what")? {
                0 => facts.followed.insert(MemberId(id)),
                1 => facts.muted.insert(MemberId(id)),
                2 => facts.blocked.insert(MemberId(id)),
                3 => facts.houses.insert(HouseId(id)),
                4 => facts.banned_from.insert(HouseId(id)),
                _ => facts.hidden_rooms.insert(RoomId(id)),
            };
        }
        Ok(Some(facts))
    }

    /// Those of `of` who follow `whom`.
    pub async fn followers_among(&self, whom: MemberId, of: &[MemberId]) -> Result<HashSet<MemberId>, StoreError> {
        let mut found = HashSet::new();
        for part in of.chunks(IDS_PER_STATEMENT) {
            let among = sql("SELECT follower FROM follows WHERE followed = $1 AND follower IN ")
                .bind(whom)
                .push_list(part.iter().copied());
            for row in self.database.all(among).await? {
                found.insert(row.member("follower")?);
            }
        }
        Ok(found)
    }
}

/// What a room shows of the house that it belongs to, and what decides who may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomHouse {
    /// The house.
    pub id: HouseId,
    /// Its handle.
    pub handle: String,
    /// Its name.
    pub name: String,
    /// Whether anybody may join it: then anybody may know of its rooms.
    pub open: bool,
}

impl Store {
    /// What a room shows of its house; `None` for one that is not there any more.
    pub async fn room_house(&self, house: HouseId) -> Result<Option<RoomHouse>, StoreError> {
        let found = sql("SELECT id, handle, name, private, nominated FROM houses WHERE id = $1").bind(house);
        self.database.optional(found).await?.as_ref().map(room_house_from).transpose()
    }

    /// The same for the house with this handle.
    pub async fn room_house_by_handle(&self, handle: &str) -> Result<Option<RoomHouse>, StoreError> {
        let found = sql("SELECT id, handle, name, private, nominated FROM houses WHERE handle = $1").bind(handle);
        self.database.optional(found).await?.as_ref().map(room_house_from).transpose()
    }
}

fn room_house_from(row: &Row) -> Result<RoomHouse, StoreError> {
    Ok(RoomHouse {
        id: HouseId(row.id("id")?),
        handle: row.text("handle")?,
        name: row.text("name")?,
        open: !row.bool("private")? && !row.bool("nominated")?,
    })
}
