//! What members say of themselves, and what others get to see of it.

use roomtone_room::ids::{HouseId, MemberId, Timestamp};

use crate::Store;
use crate::db::{Row, Transaction, sql};
use crate::error::{ProfileError, StoreError};
use crate::graph::Bell;
use crate::members::{Person, person_from, sponsor_from};
use crate::proofs::{Proof, page_moved};

/// How often a member may take another handle within [`HANDLE_CHANGES_WITHIN`]. Higher suits the undecided; lower makes it
/// harder to be somebody else every day.
pub const HANDLE_CHANGES: u64 = 2;

/// The time over which changes of a handle are counted: 30 days, in milliseconds.
pub const HANDLE_CHANGES_WITHIN: u64 = 30 * 24 * 60 * 60 * 1000;

/// Houses that a profile shows.
const HOUSES_SHOWN: u64 = 20;

/// Of the viewer's follows, or of the profile's followers if those are fewer, how many are looked at for people whom both
/// know. Higher counts further for those who follow thousands; each costs a look-up.
const MUTUALS_AMONG: u64 = 2_000;

/// People whom both know and a profile names.
const MUTUALS_NAMED: u64 = 3;

/// What a member says of themselves, and lets others see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnProfile {
    /// Id, handle, name and picture.
    pub person: Person,
    /// BCP 47 tag of the language in which the member reads the interface.
    pub language: String,
    /// A few paragraphs about themselves.
    pub bio: String,
    /// Links, in their order.
    pub links: Vec<String>,
    /// What they like to talk about.
    pub topics: Vec<String>,
    /// BCP 47 tags of the languages that they speak.
    pub languages: Vec<String>,
    /// Whether others see who let them in.
    pub sponsor_hidden: bool,
    /// Whether those whom they let in show them as their sponsor.
    pub guests_hidden: bool,
    /// Whether others see that they are here.
    pub online_hidden: bool,
    /// Whether everybody may read the profile, without an account.
    pub public: bool,
}

/// What is to change about a member; what is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// Name, validated.
    pub name: Option<String>,
    /// Handle, validated, and what it looks like.
    pub handle: Option<(String, String)>,
    /// BCP 47 tag, validated.
    pub language: Option<String>,
    /// Text, validated.
    pub bio: Option<String>,
    /// Links, validated.
    pub links: Option<Vec<String>>,
    /// Topics, validated: none has a line break in it.
    pub topics: Option<Vec<String>>,
    /// BCP 47 tags, validated.
    pub languages: Option<Vec<String>>,
    /// See [`OwnProfile::sponsor_hidden`].
    pub sponsor_hidden: Option<bool>,
    /// See [`OwnProfile::guests_hidden`].
    pub guests_hidden: Option<bool>,
    /// See [`OwnProfile::online_hidden`].
    pub online_hidden: Option<bool>,
    /// See [`OwnProfile::public`].
    pub public: Option<bool>,
}

/// What somebody gets to see of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Id, handle, name and picture.
    pub person: Person,
    /// A few paragraphs about themselves.
    pub bio: String,
    /// Links, in their order.
    pub links: Vec<String>,
    /// What they like to talk about.
    pub topics: Vec<String>,
    /// BCP 47 tags of the languages that they speak.
    pub languages: Vec<String>,
    /// Who let them in, unless one of both hides it or the viewer may not know of the sponsor.
    pub sponsor: Option<Person>,
    /// When they joined.
    pub created_at: Timestamp,
    /// Whether they are a program.
    pub bot: bool,
    /// Whether others see that they are here.
    pub online_hidden: bool,
    /// See [`OwnProfile::public`].
    pub public: bool,
    /// How many follow them.
    pub followers: u64,
    /// How many they follow.
    pub following: u64,
    /// Some of those whom the viewer follows and who follow them, the best known first.
    pub mutuals: Vec<Person>,
    /// How many of those there are, among the first two thousand that the viewer follows.
    pub mutual_count: u64,
    /// Houses they are a member of, as far as the viewer may know of them.
    pub houses: Vec<HouseBadge>,
    /// The viewer's bell, if the viewer follows them.
    pub bell: Option<Bell>,
    /// Whether they follow the viewer.
    pub follows_viewer: bool,
    /// Whether the viewer has muted them.
    pub muted: bool,
}

/// A house, as a profile or a room names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseBadge {
    /// Which.
    pub id: HouseId,
    /// Unique among houses.
    pub handle: String,
    /// Display name.
    pub name: String,
}

/// What a member likes to hear of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interests {
    /// BCP 47 tags of the languages that they speak; that of their interface if they named none.
    pub languages: Vec<String>,
    /// Topics.
    pub topics: Vec<String>,
}

impl Store {
    /// A member as `viewer` may see them; `None` for one who is not there, is suspended, or with whom there is a block.
    pub async fn profile(&self, viewer: MemberId, handle: &str) -> Result<Option<Profile>, StoreError> {
        let found = sql("SELECT m.id, m.handle, m.name, m.avatar, m.bio, m.topics, m.languages, m.created_at, m.bot,
                m.online_hidden, m.public, m.followers, s.id AS sponsor_id, s.handle AS sponsor_handle, s.name AS sponsor_name,
                s.avatar AS sponsor_avatar, f.bell,
                (SELECT count(*) FROM follows o WHERE o.follower = m.id) AS following,
                EXISTS (SELECT 1 FROM follows b WHERE b.follower = m.id AND b.followed = $2) AS follows_viewer,
                EXISTS (SELECT 1 FROM mutes u WHERE u.muter = $2 AND u.muted = m.id) AS muted
             FROM members m
             LEFT JOIN members s ON s.id = m.sponsor AND NOT m.sponsor_hidden AND NOT s.guests_hidden
                AND s.suspended_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = s.id AND b.blocked = $2)
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $2 AND b.blocked = s.id)
             LEFT JOIN follows f ON f.follower = $2 AND f.followed = m.id
             WHERE m.handle = $1 AND m.suspended_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $2)
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $2 AND b.blocked = m.id)")
        .bind(handle)
        .bind(viewer);
        let Some(row) = self.database.optional(found).await? else { return Ok(None) };
        let person = person_from(&row)?;
        let (id, followers) = (person.id, row.count("followers")?);
        let (mutuals, mutual_count) = self.mutuals(viewer, id, followers).await?;
        Ok(Some(Profile {
            person,
            bio: row.text("bio")?,
            links: self.links(id).await?,
            topics: lines(&row.text("topics")?),
            languages: lines(&row.text("languages")?),
            sponsor: sponsor_from(&row)?,
            created_at: row.time("created_at")?,
            bot: row.bool("bot")?,
            online_hidden: row.bool("online_hidden")?,
            public: row.bool("public")?,
            followers,
            following: row.count("following")?,
            mutuals,
            mutual_count,
            houses: self.houses_shown(viewer, id).await?,
            bell: row.int_or_null("bell")?.map(Bell::from_number).transpose()?,
            follows_viewer: row.bool("follows_viewer")?,
            muted: row.bool("muted")?,
        }))
    }

    /// A member as they see themselves.
    pub async fn own_profile(&self, member: MemberId) -> Result<Option<OwnProfile>, StoreError> {
        let found =
            sql("SELECT id, handle, name, avatar, language, bio, topics, languages, sponsor_hidden, guests_hidden,
                online_hidden, public FROM members WHERE id = $1")
            .bind(member);
        let Some(row) = self.database.optional(found).await? else { return Ok(None) };
        Ok(Some(OwnProfile {
            person: person_from(&row)?,
            language: row.text("language")?,
            bio: row.text("bio")?,
            links: self.links(member).await?,
            topics: lines(&row.text("topics")?),
            languages: lines(&row.text("languages")?),
            sponsor_hidden: row.bool("sponsor_hidden")?,
            guests_hidden: row.bool("guests_hidden")?,
            online_hidden: row.bool("online_hidden")?,
            public: row.bool("public")?,
        }))
    }

    /// Changes what a member says of themselves, all or nothing. Returns those of their proofs that hold by a link to their page, if that has
    /// another address now: each needs a new link.
    ///
    /// Errors: [`ProfileError`].
    pub async fn change_profile(
        &self,
        member: MemberId,
        change: ProfileChange,
        now: Timestamp,
    ) -> Result<Vec<Proof>, ProfileError> {
        let mut tx = self.database.begin().await?;
        // Found anew when what it is found by has changed.
        let renamed = change.name.is_some() || change.handle.is_some();
        let update = sql("UPDATE members SET name = COALESCE($2, name), language = COALESCE($3, language),
                bio = COALESCE($4, bio), topics = COALESCE($5, topics), languages = COALESCE($6, languages),
                sponsor_hidden = COALESCE($7, sponsor_hidden), guests_hidden = COALESCE($8, guests_hidden),
                online_hidden = COALESCE($9, online_hidden), public = COALESCE($10, public),
                indexed = indexed AND NOT $11
             WHERE id = $1 AND suspended_at IS NULL")
        .bind(member)
        .bind(change.name)
        .bind(change.language)
        .bind(change.bio)
        .bind(change.topics.map(|topics| topics.join("\n")))
        .bind(change.languages.map(|languages| languages.join("\n")))
        .bind(change.sponsor_hidden)
        .bind(change.guests_hidden)
        .bind(change.online_hidden)
        .bind(change.public)
        .bind(renamed);
        // The row stays locked until the commit, so that changes of one member come one after the other.
        if tx.execute(update).await? == 0 {
            return Err(ProfileError::Missing);
        }
        if let Some(links) = change.links {
            tx.execute(sql("DELETE FROM member_links WHERE member = $1").bind(member)).await?;
            for (position, url) in (0u64..).zip(links) {
                let insert = sql("INSERT INTO member_links (member, position, url) VALUES ($1, $2, $3)");
                tx.execute(insert.bind(member).bind(position).bind(url)).await?;
            }
        }
        let mut moved = Vec::new();
        if let Some((handle, skeleton)) = change.handle
            && change_handle(&mut tx, member, handle, skeleton, now).await?
        {
            moved = page_moved(&mut tx, member, now).await?;
        }
        tx.commit().await?;
        Ok(moved)
    }

    /// What a member likes to hear of.
    pub async fn interests(&self, member: MemberId) -> Result<Interests, StoreError> {
        let found = sql("SELECT language, languages, topics FROM members WHERE id = $1").bind(member);
        let Some(row) = self.database.optional(found).await? else { return Ok(Interests::default()) };
        let mut languages = lines(&row.text("languages")?);
        if languages.is_empty() {
            languages.push(row.text("language")?);
        }
        Ok(Interests { languages, topics: lines(&row.text("topics")?) })
    }

    /// A member's links, in their order.
    pub(crate) async fn links(&self, member: MemberId) -> Result<Vec<String>, StoreError> {
        let links = sql("SELECT url FROM member_links WHERE member = $1 ORDER BY position").bind(member);
        self.database.all(links).await?.iter().map(|row| row.text("url")).collect()
    }

    /// Some of those whom `viewer` follows and who follow `whom`, and how many there are. `CROSS JOIN` says which side to
    /// begin with: the shorter.
    async fn mutuals(
        &self,
        viewer: MemberId,
        whom: MemberId,
        followers: u64,
    ) -> Result<(Vec<Person>, u64), StoreError> {
        if viewer == whom || followers == 0 {
            return Ok((Vec::new(), 0));
        }
        let from_viewer = "SELECT m.id, m.handle, m.name, m.avatar, count(*) OVER () AS mutual_count
             FROM (SELECT followed AS id FROM follows WHERE follower = $1 LIMIT $3) k
             CROSS JOIN follows f CROSS JOIN members m
             WHERE f.follower = k.id AND f.followed = $2 AND m.id = k.id AND m.suspended_at IS NULL
             ORDER BY m.followers DESC, m.id LIMIT $4";
        let from_whom = "SELECT m.id, m.handle, m.name, m.avatar, count(*) OVER () AS mutual_count
             FROM (SELECT follower AS id FROM follows WHERE followed = $2 ORDER BY since DESC, follower DESC LIMIT $3) k
             CROSS JOIN follows f CROSS JOIN members m
             WHERE f.follower = $1 AND f.followed = k.id AND m.id = k.id AND m.suspended_at IS NULL
             ORDER BY m.followers DESC, m.id LIMIT $4";
        let mutuals = sql(if followers <= MUTUALS_AMONG { from_whom } else { from_viewer })
            .bind(viewer)
            .bind(whom)
            .bind(MUTUALS_AMONG)
            .bind(MUTUALS_NAMED);
        let rows = self.database.all(mutuals).await?;
        let count = rows.first().map_or(Ok(0), |row| row.count("mutual_count"))?;
        Ok((rows.iter().map(person_from).collect::<Result<_, _>>()?, count))
    }

    /// Houses that a member belongs to and `viewer` may know of.
    async fn houses_shown(&self, viewer: MemberId, of: MemberId) -> Result<Vec<HouseBadge>, StoreError> {
        let houses = sql("SELECT h.id, h.handle, h.name FROM house_members o JOIN houses h ON h.id = o.house
             WHERE o.member = $1 AND o.role >= 1
                AND (NOT h.private OR EXISTS (
                    SELECT 1 FROM house_members v WHERE v.house = h.id AND v.member = $2 AND v.role >= 1))
             ORDER BY h.handle LIMIT $3")
        .bind(of)
        .bind(viewer)
        .bind(HOUSES_SHOWN);
        self.database.all(houses).await?.iter().map(badge_from).collect()
    }
}

/// Reads a house from the columns `id`, `handle` and `name`.
pub(crate) fn badge_from(row: &Row) -> Result<HouseBadge, StoreError> {
    Ok(HouseBadge { id: HouseId(row.id("id")?), handle: row.text("handle")?, name: row.text("name")? })
}

/// Gives a member another handle, and frees the one they had. Returns whether it is another one.
async fn change_handle(
    tx: &mut Transaction,
    member: MemberId,
    handle: String,
    skeleton: String,
    now: Timestamp,
) -> Result<bool, ProfileError> {
    let present = tx.one(sql("SELECT handle FROM members WHERE id = $1").bind(member)).await?.text("handle")?;
    if present == handle {
        return Ok(false);
    }
    let since = Timestamp(now.0.saturating_sub(HANDLE_CHANGES_WITHIN));
    tx.execute(sql("DELETE FROM handle_changes WHERE member = $1 AND at <= $2").bind(member).bind(since)).await?;
    let count = sql("INSERT INTO handle_changes (member, at)
         SELECT m.id, $2 FROM members m WHERE m.id = $1
            AND (SELECT count(*) FROM handle_changes WHERE member = $1) < $3
         ON CONFLICT (member, at) DO NOTHING")
    .bind(member)
    .bind(now)
    .bind(HANDLE_CHANGES);
    if tx.execute(count).await? == 0 {
        return Err(ProfileError::TooSoon);
    }
    tx.execute(sql("DELETE FROM handles WHERE member = $1").bind(member)).await?;
    let taken = sql("INSERT INTO handles (skeleton, member) VALUES ($1, $2) ON CONFLICT (skeleton) DO NOTHING");
    if tx.execute(taken.bind(skeleton).bind(member)).await? == 0 {
        return Err(ProfileError::HandleTaken);
    }
    match tx.execute(sql("UPDATE members SET handle = $2 WHERE id = $1").bind(member).bind(handle)).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict(_)) => Err(ProfileError::HandleTaken),
        Err(error) => Err(error.into()),
    }
}

/// A list that is kept as one text, an entry a line.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
