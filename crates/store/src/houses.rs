//! Houses: communities with members, rules and rooms of their own.
//!
//! Invariant: `houses.members` and `houses.admins` are what a count of `house_members` would give, and a house has an admin
//! for as long as it exists. Every change of who belongs to a house first takes the lock of its row in `houses`, so
//! that such changes come one after the other in each database. Whoever comes in locks their own row before that: members come
//! before houses, wherever both are locked.

use std::collections::BTreeSet;

use roomtone_room::ids::{HouseId, MemberId, RecordId, Timestamp};

use crate::db::{Row, Sql, Transaction, sql};
use crate::error::StoreError;
use crate::house_acts::{HouseAct, log};
use crate::members::{person_from, sponsor_from};
use crate::recordings::ReplayHearers;
use crate::search::{CLASS_BEGINS, forget};
use crate::search_talks::talks_of_house;
use crate::{Person, Store};

/// Most houses that one member may have made.
pub const HOUSES_MADE_MAX: u64 = 20;

/// Most houses that a member may belong to or follow. Higher suits joiners; each makes their hallway dearer.
pub const HOUSES_MAX: u64 = 200;

/// Admins who are told of nominations, the latest in office first.
const ADMINS_TOLD: u32 = 50;

/// What somebody is in a house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HouseRole {
    /// Hears of its rooms, and is not a member.
    Follower,
    /// May be in its rooms and nominate others.
    Member,
    /// May change the house and who belongs to it.
    Admin,
}

/// What a house says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseText {
    /// Display name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// The rules that members accept.
    pub rules: String,
    /// BCP 47 language tag.
    pub language: String,
    /// Whether only members, and those who may join, know of it.
    pub private: bool,
    /// Whether one joins by nomination only; a private house always.
    pub nominated: bool,
}

/// A house to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHouse {
    /// The new id.
    pub id: HouseId,
    /// Unique among houses.
    pub handle: String,
    /// What the handle looks like; unique among houses.
    pub skeleton: String,
    /// The rest.
    pub text: HouseText,
}

/// A house as one member stands to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// Its id.
    pub id: HouseId,
    /// Its handle.
    pub handle: String,
    /// What it says of itself.
    pub text: HouseText,
    /// How many members it has, admins included.
    pub members: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// How the member stands to it.
    pub standing: HouseStanding,
}

/// How a member stands to a house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HouseStanding {
    /// Whether only members, and those who may join, know of the house.
    pub private: bool,
    /// What the member is in it.
    pub role: Option<HouseRole>,
    /// Whether they have accepted the rules as they are now.
    pub rules_seen: bool,
    /// Whether they were nominated and an admin agreed, so that they may join.
    pub invited: bool,
    /// Whether they were removed for good.
    pub banned: bool,
}

impl HouseStanding {
    /// Whether they belong to the house.
    pub fn is_member(&self) -> bool {
        self.role >= Some(HouseRole::Member)
    }

    /// Whether they may know of the house.
    pub fn may_see(&self) -> bool {
        !self.private || self.is_member() || self.invited
    }
}

/// What became of making a house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HouseMade {
    /// It is there, and its maker is its admin.
    Made,
    /// Another house has the handle, or one that looks like it.
    HandleTaken,
    /// The member has made [`HOUSES_MADE_MAX`] houses, or is in [`HOUSES_MAX`].
    TooMany,
}

/// What became of joining a house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// They are a member from now on; they had been nominated by `nominator`.
    New {
        /// Who nominated them, if they joined by that.
        nominator: Option<MemberId>,
    },
    /// They were one already, and have now accepted the rules.
    Already,
    /// One joins by nomination only, and nobody did, or no admin agreed.
    NominationNeeded,
    /// They were removed for good.
    Banned,
    /// They are in [`HOUSES_MAX`] houses.
    TooMany,
    /// There is no such house.
    Missing,
}

/// What became of changing who belongs to a house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HouseChanged {
    /// It is so now.
    Done,
    /// It would leave the house without an admin.
    LastAdmin,
    /// The member does not belong to the house.
    NotMember,
    /// Whoever asked is not an admin (any more), or may not act on themselves.
    NotAllowed,
}

/// What became of a nomination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nominated {
    /// Admins, of whom these are to be told, have to agree.
    Waiting(Vec<MemberId>),
    /// An admin nominated: the nominee may join.
    Accepted,
    /// They were nominated, or belong to the house, already.
    Already,
    /// Whoever nominated does not belong to the house, or the nominee was removed for good.
    NotAllowed,
}

/// Somebody who was nominated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nomination {
    /// Its id.
    pub id: RecordId,
    /// Who may join.
    pub nominee: Person,
    /// Who nominated them.
    pub nominator: Option<Person>,
    /// Why.
    pub note: String,
    /// When.
    pub created_at: Timestamp,
}

/// Somebody in a house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseMember {
    /// Who.
    pub person: Person,
    /// Member or admin.
    pub role: HouseRole,
    /// Since when.
    pub since: Timestamp,
}

/// Where a page of members begins: after this one.
pub type HousePlace = (HouseRole, Timestamp, MemberId);

/// A house `h` as the member $1 stands to it.
macro_rules! select_house {
    ($condition:literal) => {
        concat!(
            "SELECT h.id, h.handle, h.name, h.about, h.rules, h.language, h.private, h.nominated, h.members,
                    h.created_at, i.role, i.rules_seen IS NOT NULL AND i.rules_seen >= h.rules_at AS rules_seen,
                    EXISTS (SELECT 1 FROM nominations o WHERE o.house = h.id AND o.nominee = $1
                                                          AND o.accepted_at IS NOT NULL) AS invited,
                    EXISTS (SELECT 1 FROM house_bans b WHERE b.house = h.id AND b.member = $1) AS banned
             FROM houses h LEFT JOIN house_members i ON i.house = h.id AND i.member = $1 WHERE ",
            $condition
        )
    };
}

/// Whether the member `m` may be shown to $2: there is no block between them, and `m` is not suspended.
macro_rules! shown_person {
    () => {
        "m.suspended_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $2 AND b.blocked = m.id)
         AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $2)"
    };
}
pub(crate) use shown_person;

/// Looking.
impl Store {
    /// The house with exactly this handle, whether or not the member may know of it: see [`HouseStanding::may_see`].
    pub async fn house_by_handle(&self, handle: &str, member: MemberId) -> Result<Option<House>, StoreError> {
        let found = sql(select_house!("h.handle = $2")).bind(member).bind(handle);
        self.database.optional(found).await?.as_ref().map(house_from).transpose()
    }

    /// The house with this id, whether or not the member may know of it.
    pub async fn house(&self, house: HouseId, member: MemberId) -> Result<Option<House>, StoreError> {
        let found = sql(select_house!("h.id = $2")).bind(member).bind(house);
        self.database.optional(found).await?.as_ref().map(house_from).transpose()
    }

    /// How a member stands to a house; `None` if there is no such house.
    pub async fn house_standing(&self, house: HouseId, member: MemberId) -> Result<Option<HouseStanding>, StoreError> {
        Ok(self.house(house, member).await?.map(|house| house.standing))
    }

    /// The houses that the member belongs to, follows or may join, those where they have most to say first.
    pub async fn houses_of(&self, member: MemberId) -> Result<Vec<House>, StoreError> {
        let mine = sql(select_house!(
            "(i.role >= 1 OR (i.role = 0 AND NOT h.private)
              OR h.id IN (SELECT o.house FROM nominations o WHERE o.nominee = $1 AND o.accepted_at IS NOT NULL))
             AND h.id IN (SELECT j.house FROM house_members j WHERE j.member = $1
                          UNION SELECT o.house FROM nominations o WHERE o.nominee = $1)
             ORDER BY COALESCE(i.role, -1) DESC, h.handle LIMIT $2"
        ));
        self.database.all(mine.bind(member).bind(HOUSES_MAX)).await?.iter().map(house_from).collect()
    }

    /// Houses that everybody may know of and that the member has nothing to do with yet, the largest first, after the
    /// one with so many members and that id.
    pub async fn houses_to_discover(
        &self,
        member: MemberId,
        after: Option<(u64, HouseId)>,
        limit: u32,
    ) -> Result<Vec<House>, StoreError> {
        let (members, id) = after.unwrap_or((i64::MAX as u64, HouseId(u128::MAX)));
        let open = sql(select_house!(
            "NOT h.private AND i.role IS NULL AND (h.members, h.id) < ($2, $3)
             AND NOT EXISTS (SELECT 1 FROM house_bans x WHERE x.house = h.id AND x.member = $1)
             AND NOT EXISTS (SELECT 1 FROM nominations x
                             WHERE x.house = h.id AND x.nominee = $1 AND x.accepted_at IS NOT NULL)
             ORDER BY h.members DESC, h.id DESC LIMIT $4"
        ));
        let open = open.bind(member).bind(members).bind(id).bind(limit);
        self.database.all(open).await?.iter().map(house_from).collect()
    }

    /// Members of a house as `viewer` may see them: admins first, and of each the newest first.
    pub async fn house_members(
        &self,
        house: HouseId,
        viewer: MemberId,
        after: Option<HousePlace>,
        limit: u32,
    ) -> Result<Vec<HouseMember>, StoreError> {
        const PAGE: &str = concat!(
            "SELECT m.id, m.handle, m.name, m.avatar, i.role, i.since
             FROM house_members i JOIN members m ON m.id = i.member
             WHERE i.house = $1 AND i.role >= 1 AND (i.role, i.since, i.member) < ($3, $4, $5) AND ",
            shown_person!(),
            " ORDER BY i.role DESC, i.since DESC, i.member DESC LIMIT $6"
        );
        let (role, since, member) = match after {
            Some((role, since, member)) => (number(role), since, member),
            None => (number(HouseRole::Admin) + 1, Timestamp(0), MemberId(0)),
        };
        let page = sql(PAGE).bind(house).bind(viewer).bind(role).bind(since).bind(member).bind(limit);
        let page = self.database.all(page).await?;
        page.iter()
            .map(|row| {
                let role = role_from(row.int("role")?)?;
                Ok(HouseMember { person: person_from(row)?, role, since: row.time("since")? })
            })
            .collect()
    }

    /// Nominations that wait for an admin to agree, as `viewer` may see them, by their id after `after`.
    pub async fn nominations(
        &self,
        house: HouseId,
        viewer: MemberId,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Vec<Nomination>, StoreError> {
        const PAGE: &str = concat!(
            "SELECT o.id AS nomination, o.note, o.created_at, m.id, m.handle, m.name, m.avatar, s.id AS sponsor_id,
                    s.handle AS sponsor_handle, s.name AS sponsor_name, s.avatar AS sponsor_avatar
             FROM nominations o JOIN members m ON m.id = o.nominee LEFT JOIN members s
                  ON s.id = o.nominator AND s.suspended_at IS NULL
                     AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = s.id AND b.blocked = $2)
                     AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $2 AND b.blocked = s.id)
             WHERE o.house = $1 AND o.accepted_at IS NULL AND o.id > $3 AND ",
            shown_person!(),
            " ORDER BY o.id LIMIT $4"
        );
        let page = sql(PAGE).bind(house).bind(viewer).bind(after.unwrap_or(RecordId(0))).bind(limit);
        let page = self.database.all(page).await?;
        page.iter()
            .map(|row| {
                Ok(Nomination {
                    id: RecordId(row.id("nomination")?),
                    nominee: person_from(row)?,
                    nominator: sponsor_from(row)?,
                    note: row.text("note")?,
                    created_at: row.time("created_at")?,
                })
            })
            .collect()
    }

    /// People who were removed from a house for good, by id after `after`.
    pub async fn house_bans(
        &self,
        house: HouseId,
        after: Option<MemberId>,
        limit: u32,
    ) -> Result<Vec<Person>, StoreError> {
        let page = sql("SELECT m.id, m.handle, m.name, m.avatar FROM house_bans b JOIN members m ON m.id = b.member
             WHERE b.house = $1 AND b.member > $2 ORDER BY b.member LIMIT $3");
        let page = page.bind(house).bind(after.unwrap_or(MemberId(0))).bind(limit);
        self.database.all(page).await?.iter().map(person_from).collect()
    }

    /// Those who want to hear of a house's rooms, by id after `after`: members, and of a house that is not private its
    /// followers too.
    pub async fn house_audience(
        &self,
        house: HouseId,
        after: Option<MemberId>,
        limit: u32,
    ) -> Result<Vec<MemberId>, StoreError> {
        let page = sql("SELECT i.member FROM house_members i JOIN houses h ON h.id = i.house
             WHERE i.house = $1 AND i.member > $2 AND (i.role >= 1 OR NOT h.private) ORDER BY i.member LIMIT $3");
        let page = page.bind(house).bind(after.unwrap_or(MemberId(0))).bind(limit);
        self.database.all(page).await?.iter().map(|row| row.member("member")).collect()
    }
}

/// Making, changing and ending houses.
impl Store {
    /// Makes a house. Its maker is its first member and admin, and has accepted the rules.
    ///
    /// Errors: [`StoreError::Conflict`] when the id is known already.
    pub async fn create_house(
        &self,
        house: &NewHouse,
        maker: MemberId,
        now: Timestamp,
    ) -> Result<HouseMade, StoreError> {
        let mut tx = self.database.begin().await?;
        // Houses of one member are made one after the other.
        if !lock_member(&mut tx, maker).await? {
            return Ok(HouseMade::TooMany);
        }
        let made = sql("SELECT (SELECT count(*) FROM houses WHERE maker = $1) AS made,
                    (SELECT count(*) FROM house_members WHERE member = $1) AS belongs");
        let counts = tx.one(made.bind(maker)).await?;
        if counts.count("made")? >= HOUSES_MADE_MAX || counts.count("belongs")? >= HOUSES_MAX {
            return Ok(HouseMade::TooMany);
        }
        let text = &house.text;
        let insert = sql("INSERT INTO houses (id, handle, skeleton, name, about, rules, language, private, nominated,
                                 maker, members, admins, created_at, rules_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, 1, $11, $11) ON CONFLICT DO NOTHING")
        .bind(house.id)
        .bind(&house.handle)
        .bind(&house.skeleton)
        .bind(&text.name)
        .bind(&text.about)
        .bind(&text.rules)
        .bind(&text.language)
        .bind(text.private)
        .bind(text.private || text.nominated)
        .bind(maker)
        .bind(now);
        if tx.execute(insert).await? == 0 {
            return Ok(HouseMade::HandleTaken);
        }
        let belong =
            sql("INSERT INTO house_members (house, member, role, since, rules_seen) VALUES ($1, $2, 2, $3, $3)");
        tx.execute(belong.bind(house.id).bind(maker).bind(now)).await?;
        tx.commit().await?;
        Ok(HouseMade::Made)
    }

    /// Changes what a house says of itself, if `by` is its admin; returns whether they are. Where the rules are others, each
    /// member but `by` is asked to accept them anew.
    pub async fn change_house(
        &self,
        house: HouseId,
        by: MemberId,
        text: &HouseText,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let change = sql("UPDATE houses SET rules_at = CASE WHEN rules = $5 THEN rules_at ELSE $9 END,
                    name = $3, about = $4, rules = $5, language = $6, private = $7, nominated = $8, indexed = FALSE
             WHERE id = $1 AND EXISTS (SELECT 1 FROM house_members WHERE house = $1 AND member = $2 AND role = 2)")
        .bind(house)
        .bind(by)
        .bind(&text.name)
        .bind(&text.about)
        .bind(&text.rules)
        .bind(&text.language)
        .bind(text.private)
        .bind(text.private || text.nominated)
        .bind(now);
        if tx.execute(change).await? == 0 {
            return Ok(false);
        }
        let seen = sql("UPDATE house_members SET rules_seen = $3 WHERE house = $1 AND member = $2");
        tx.execute(seen.bind(house).bind(by).bind(now)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends a house with everything that belongs to it, if it is its admin who does; returns whether they are. Reports of it
    /// stay.
    pub async fn delete_house(&self, house: HouseId, act: &HouseAct) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        if lock(&mut tx, house).await?.is_none() || role_of(&mut tx, house, act.by).await? != Some(HouseRole::Admin) {
            return Ok(false);
        }
        let reported =
            sql("UPDATE reports SET house_maker = (SELECT maker FROM houses WHERE id = $1), house_ended_by = $2
             WHERE house = $1");
        tx.execute(reported.bind(house).bind(act.by)).await?;
        log(&mut tx, house, "house_deleted", None, act).await?;
        let gone: Vec<_> = talks_of_house(&mut tx, house).await?.into_iter().chain([house.0]).collect();
        end(&mut tx, house).await?;
        // Last: it keeps the search index to itself until the commit, and must wait for nobody then.
        forget(&mut tx, &gone).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Who belongs to a house.
impl Store {
    /// Makes `member` a member of a house, who has accepted its rules now. Who belongs to it already only accepts them.
    pub async fn join_house(&self, house: HouseId, member: MemberId, now: Timestamp) -> Result<Joined, StoreError> {
        let mut tx = self.database.begin().await?;
        if !lock_member(&mut tx, member).await? {
            return Ok(Joined::Missing);
        }
        let Some(locked) = lock(&mut tx, house).await? else { return Ok(Joined::Missing) };
        if is_banned(&mut tx, house, member).await? {
            return Ok(Joined::Banned);
        }
        let role = role_of(&mut tx, house, member).await?;
        if role >= Some(HouseRole::Member) {
            let seen = sql("UPDATE house_members SET rules_seen = $3 WHERE house = $1 AND member = $2");
            tx.execute(seen.bind(house).bind(member).bind(now)).await?;
            tx.commit().await?;
            return Ok(Joined::Already);
        }
        let belongs = sql("SELECT count(*) AS houses FROM house_members WHERE member = $1").bind(member);
        if role.is_none() && tx.one(belongs).await?.count("houses")? >= HOUSES_MAX {
            return Ok(Joined::TooMany);
        }
        let by_nomination = locked.bool("nominated")?;
        let take =
            sql("DELETE FROM nominations WHERE house = $1 AND nominee = $2 AND (accepted_at IS NOT NULL OR NOT $3)
             RETURNING nominator")
            .bind(house)
            .bind(member)
            .bind(by_nomination);
        let nomination = tx.optional(take).await?;
        if by_nomination && nomination.is_none() {
            return Ok(Joined::NominationNeeded);
        }
        let join = sql("INSERT INTO house_members (house, member, role, since, rules_seen) VALUES ($1, $2, 1, $3, $3)
             ON CONFLICT (house, member) DO UPDATE SET role = 1, since = $3, rules_seen = $3");
        tx.execute(join.bind(house).bind(member).bind(now)).await?;
        let count = sql("UPDATE houses SET members = members + 1, indexed = indexed AND members + 1 NOT IN ")
            .push(CLASS_BEGINS)
            .push(" WHERE id = $1")
            .bind(house);
        tx.execute(count).await?;
        tx.commit().await?;
        let nominator = nomination.map(|row| row.id_or_null("nominator")).transpose()?.flatten();
        Ok(Joined::New { nominator: nominator.map(MemberId) })
    }

    /// Ends that somebody belongs to a house.
    pub async fn leave_house(&self, house: HouseId, member: MemberId) -> Result<HouseChanged, StoreError> {
        let mut tx = self.database.begin().await?;
        if lock(&mut tx, house).await?.is_none() {
            return Ok(HouseChanged::NotMember);
        }
        let left = part(&mut tx, house, member).await?;
        if left == HouseChanged::Done {
            tx.commit().await?;
        }
        Ok(left)
    }

    /// Makes a member hear of a house's rooms; does nothing for those who do, or belong to it. Returns whether the house
    /// is one that they may follow.
    pub async fn follow_house(&self, house: HouseId, member: MemberId, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        if !lock_member(&mut tx, member).await? {
            return Ok(false);
        }
        let Some(locked) = lock(&mut tx, house).await? else { return Ok(false) };
        if role_of(&mut tx, house, member).await?.is_some() {
            return Ok(true);
        }
        if locked.bool("private")? || is_banned(&mut tx, house, member).await? {
            return Ok(false);
        }
        let follow = sql("INSERT INTO house_members (house, member, role, since)
             SELECT $1, $2, 0, $3 WHERE (SELECT count(*) FROM house_members WHERE member = $2) < $4")
        .bind(house)
        .bind(member)
        .bind(now)
        .bind(HOUSES_MAX);
        let followed = tx.execute(follow).await? > 0;
        tx.commit().await?;
        Ok(followed)
    }

    /// Ends that somebody who does not belong to a house hears of its rooms.
    pub async fn unfollow_house(&self, house: HouseId, member: MemberId) -> Result<(), StoreError> {
        let unfollow = sql("DELETE FROM house_members WHERE house = $1 AND member = $2 AND role = 0");
        self.database.execute(unfollow.bind(house).bind(member)).await?;
        Ok(())
    }

    /// Nominates somebody for a house.
    pub async fn nominate(
        &self,
        house: HouseId,
        by: MemberId,
        nominee: MemberId,
        id: RecordId,
        note: &str,
        now: Timestamp,
    ) -> Result<Nominated, StoreError> {
        let mut tx = self.database.begin().await?;
        if lock(&mut tx, house).await?.is_none() {
            return Ok(Nominated::NotAllowed);
        }
        let role = role_of(&mut tx, house, by).await?;
        if role < Some(HouseRole::Member) || is_banned(&mut tx, house, nominee).await? {
            return Ok(Nominated::NotAllowed);
        }
        if role_of(&mut tx, house, nominee).await? >= Some(HouseRole::Member) {
            return Ok(Nominated::Already);
        }
        let accepted_at = (role == Some(HouseRole::Admin)).then_some(now);
        // An admin who nominates somebody who waits thereby agrees.
        let nominate = sql("INSERT INTO nominations (id, house, nominee, nominator, note, created_at, accepted_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (house, nominee) DO UPDATE SET accepted_at = excluded.accepted_at
             WHERE nominations.accepted_at IS NULL AND excluded.accepted_at IS NOT NULL")
        .bind(id)
        .bind(house)
        .bind(nominee)
        .bind(by)
        .bind(note)
        .bind(now)
        .bind(accepted_at);
        if tx.execute(nominate).await? == 0 {
            return Ok(Nominated::Already);
        }
        let admins = sql("SELECT member FROM house_members WHERE house = $1 AND role = 2
             ORDER BY since DESC, member LIMIT $2");
        let admins = tx.all(admins.bind(house).bind(ADMINS_TOLD)).await?;
        tx.commit().await?;
        if accepted_at.is_some() {
            return Ok(Nominated::Accepted);
        }
        Ok(Nominated::Waiting(admins.iter().map(|row| row.member("member")).collect::<Result<_, _>>()?))
    }

    /// Agrees to a nomination, or takes it away, if `by` is an admin. Returns who was nominated; `None` when there is nothing
    /// to answer, or `by` is not an admin.
    pub async fn answer_nomination(
        &self,
        house: HouseId,
        by: MemberId,
        id: RecordId,
        accept: bool,
        now: Timestamp,
    ) -> Result<Option<MemberId>, StoreError> {
        let answer = if accept {
            let agree = "UPDATE nominations SET accepted_at = $4 WHERE house = $1 AND id = $3 AND accepted_at IS NULL";
            only_by_admin(agree, house, by).bind(id).bind(now)
        } else {
            let refuse = "DELETE FROM nominations WHERE house = $1 AND id = $3 AND accepted_at IS NULL";
            only_by_admin(refuse, house, by).bind(id)
        };
        let mut tx = self.database.begin().await?;
        let answered = tx.optional(answer.push(" RETURNING nominee")).await?;
        tx.commit().await?;
        answered.map(|row| row.member("nominee")).transpose()
    }
}

/// Takes a member who is about to be deleted out of all their houses. Where they were the only admin, whoever has been a member
/// for longest becomes one; a house in which nobody is left ends. Returns those that ended: they are still to be taken out of the
/// search index. The member's row must be locked.
pub(crate) async fn leave_all(tx: &mut Transaction, member: MemberId) -> Result<Vec<HouseId>, StoreError> {
    let mut ended = Vec::new();
    // In one order for everybody, so that two who leave at the same time do not wait for each other.
    let houses = sql("SELECT house FROM house_members WHERE member = $1 AND role >= 1 ORDER BY house").bind(member);
    for row in tx.all(houses).await? {
        let house = HouseId(row.id("house")?);
        if lock(tx, house).await?.is_none() || part(tx, house, member).await? != HouseChanged::LastAdmin {
            continue;
        }
        let heir = sql("UPDATE house_members SET role = 2 WHERE house = $1 AND member =
             (SELECT i.member FROM house_members i JOIN members m ON m.id = i.member
              WHERE i.house = $1 AND i.role = 1 AND m.suspended_at IS NULL ORDER BY i.since, i.member LIMIT 1)");
        if tx.execute(heir.bind(house)).await? == 0 {
            // What reports know of it is what the last who was there wrote.
            tx.execute(sql("UPDATE reports SET context = '{}' WHERE house = $1").bind(house)).await?;
            end(tx, house).await?;
            ended.push(house);
            continue;
        }
        tx.execute(sql("UPDATE houses SET admins = admins + 1 WHERE id = $1").bind(house)).await?;
        part(tx, house, member).await?;
    }
    Ok(ended)
}

/// Ends a locked house. What was recorded in one that is private stays for those who were there: there is nobody any more whom it could
/// be open to as a member of the house, and to others it must not become so.
async fn end(tx: &mut Transaction, house: HouseId) -> Result<(), StoreError> {
    let close = sql("UPDATE replays SET hearers = $2 WHERE house = $1
         AND EXISTS (SELECT 1 FROM houses h WHERE h.id = $1 AND h.private)");
    tx.execute(close.bind(house).bind(ReplayHearers::Attendees as u32)).await?;
    tx.execute(sql("DELETE FROM houses WHERE id = $1").bind(house)).await?;
    Ok(())
}

/// Takes the lock of a member's row until the transaction ends; returns whether there is such a member.
async fn lock_member(tx: &mut Transaction, member: MemberId) -> Result<bool, StoreError> {
    Ok(tx.execute(sql("UPDATE members SET bot = bot WHERE id = $1").bind(member)).await? > 0)
}

/// Takes the locks of houses' rows until the transaction ends, the lowest id first. SQLite has one writer at a time.
pub(crate) async fn lock_houses(tx: &mut Transaction, houses: &BTreeSet<HouseId>) -> Result<(), StoreError> {
    if !houses.is_empty() && matches!(tx, Transaction::Postgres(_)) {
        let lock = sql("SELECT id FROM houses WHERE id IN ").push_list(houses.iter().copied());
        tx.all(lock.push(" ORDER BY id FOR NO KEY UPDATE")).await?;
    }
    Ok(())
}

/// Takes the lock of a house's row until the transaction ends, and reads whether it is private and joined by nomination.
pub(crate) async fn lock(tx: &mut Transaction, house: HouseId) -> Result<Option<Row>, StoreError> {
    tx.optional(sql("UPDATE houses SET members = members WHERE id = $1 RETURNING private, nominated").bind(house)).await
}

/// Ends that a member belongs to a locked house; followers stay followers.
pub(crate) async fn part(tx: &mut Transaction, house: HouseId, member: MemberId) -> Result<HouseChanged, StoreError> {
    let fewer =
        sql("UPDATE houses SET members = members - 1, indexed = indexed AND members NOT IN ").push(CLASS_BEGINS);
    let count = match role_of(tx, house, member).await? {
        None | Some(HouseRole::Follower) => return Ok(HouseChanged::NotMember),
        Some(HouseRole::Member) => fewer.push(" WHERE id = $1"),
        Some(HouseRole::Admin) => fewer.push(", admins = admins - 1 WHERE id = $1 AND admins > 1"),
    };
    if tx.execute(count.bind(house)).await? == 0 {
        return Ok(HouseChanged::LastAdmin);
    }
    tx.execute(sql("DELETE FROM house_members WHERE house = $1 AND member = $2").bind(house).bind(member)).await?;
    Ok(HouseChanged::Done)
}

pub(crate) async fn role_of(
    tx: &mut Transaction,
    house: HouseId,
    member: MemberId,
) -> Result<Option<HouseRole>, StoreError> {
    let role = sql("SELECT role FROM house_members WHERE house = $1 AND member = $2").bind(house).bind(member);
    tx.optional(role).await?.map(|row| role_from(row.int("role")?)).transpose()
}

async fn is_banned(tx: &mut Transaction, house: HouseId, member: MemberId) -> Result<bool, StoreError> {
    let banned = sql("SELECT 1 FROM house_bans WHERE house = $1 AND member = $2").bind(house).bind(member);
    Ok(tx.optional(banned).await?.is_some())
}

/// A statement that changes something only if $2 is an admin of the house $1.
pub(crate) fn only_by_admin(text: &'static str, house: HouseId, by: MemberId) -> Sql {
    sql(text)
        .push(" AND EXISTS (SELECT 1 FROM house_members a WHERE a.house = $1 AND a.member = $2 AND a.role = 2)")
        .bind(house)
        .bind(by)
}

pub(crate) fn number(role: HouseRole) -> i64 {
    match role {
        HouseRole::Follower => 0,
        HouseRole::Member => 1,
        HouseRole::Admin => 2,
    }
}

fn role_from(number: i64) -> Result<HouseRole, StoreError> {
    match number {
        0 => Ok(HouseRole::Follower),
        1 => Ok(HouseRole::Member),
        2 => Ok(HouseRole::Admin),
        _ => Err(StoreError::Corrupt("role in a house")),
    }
}

/// Reads what `select_house!` selects.
fn house_from(row: &Row) -> Result<House, StoreError> {
    let private = row.bool("private")?;
    Ok(House {
        id: HouseId(row.id("id")?),
        handle: row.text("handle")?,
        text: HouseText {
            name: row.text("name")?,
            about: row.text("about")?,
            rules: row.text("rules")?,
            language: row.text("language")?,
            private,
            nominated: row.bool("nominated")?,
        },
        members: row.count("members")?,
        created_at: row.time("created_at")?,
        standing: HouseStanding {
            private,
            role: row.int_or_null("role")?.map(role_from).transpose()?,
            rules_seen: row.bool("rules_seen")?,
            invited: row.bool("invited")?,
            banned: row.bool("banned")?,
        },
    })
}
