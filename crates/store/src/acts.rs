//! The log of moderation: what those who run a room did in it, and appeals against it. It is written with the events that it
//! is about ([`Store::append`]), so neither is ever there without the other.

use roomtone_room::ids::{HouseId, MemberId, RecordId, RoomId, Timestamp};

use crate::db::{Row, Sql, Transaction, Value, sql};
use crate::error::StoreError;
use crate::members::{person_from, sponsor_from};
use crate::open::ROWS_PER_STATEMENT;
use crate::{Person, Store};

/// Acts that one statement deletes. More needs fewer statements; fewer lets others write sooner.
const DELETED_AT_ONCE: u32 = 1_000;

/// Most acts that are kept of a room, but for those against which somebody has appealed, which all stay. More shows a longer
/// past of rooms that last; each takes some 300 bytes.
pub const ACTS_KEPT: u64 = 2_000;

/// After how many acts it is looked whether they are too many. More looks more seldom, and then forgets more at once.
const ACTS_BETWEEN: u64 = 100;

/// How long somebody has to appeal, in milliseconds. Longer is kinder to those who look in seldom; shorter spares hosts from
/// questions about what they have forgotten.
pub const APPEAL_WITHIN: u64 = 30 * 24 * 60 * 60 * 1000;

/// Something that was done in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAct {
    /// The new id.
    pub id: RecordId,
    /// When.
    pub at: Timestamp,
    /// What, in a word of this program.
    pub kind: &'static str,
    /// Who did it.
    pub by: MemberId,
    /// To which member.
    pub whom: Option<MemberId>,
    /// To which guest, who is no member.
    pub guest: Option<ActGuest>,
    /// Whether they whom it is about may know of the room.
    pub known: bool,
    /// Why, in the author's words.
    pub reason: Option<String>,
}

/// Somebody who came by a one-use link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActGuest {
    /// Their id, which no member has.
    pub id: MemberId,
    /// The name in the link.
    pub name: String,
    /// Who made the link, and wrote the name.
    pub voucher: MemberId,
}

/// An act as somebody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Its id.
    pub id: RecordId,
    /// Its number in its room, from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: String,
    /// Who did it, as far as the viewer may know of them.
    pub by: Option<Person>,
    /// To whom, as far as the viewer may know of them. A guest has an empty handle.
    pub whom: Option<Person>,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// The appeal against it.
    pub appeal: Option<Appeal>,
    /// The room, and the title that it was opened with.
    pub room: (RoomId, String),
}

/// An appeal against an act, by whom that was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appeal {
    /// Its id.
    pub id: RecordId,
    /// When it was made.
    pub at: Timestamp,
    /// What it says.
    pub text: String,
    /// Whether the act was lifted; `None` while that is open.
    pub lifted: Option<bool>,
    /// What whoever decided said.
    pub answer: Option<String>,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
}

/// What came of appealing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appealed {
    /// It is made. These may decide, beside the admins of the server: the host, and the admins of the room's house.
    Made {
        /// The room.
        room: RoomId,
        /// Who is to be told.
        deciders: Vec<MemberId>,
    },
    /// There is one already.
    Already,
    /// There is no such act, or none of that kind on the member, or it is too late.
    Missing,
}

/// What came of deciding on an appeal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It is decided.
    Now(DecidedAct),
    /// It was decided before: `lifted` is how.
    Before {
        /// What it was about.
        act: DecidedAct,
        /// Whether the act was lifted.
        lifted: bool,
    },
    /// There is no such appeal, or none that this member decides on.
    Missing,
}

/// What an appeal that is decided was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedAct {
    /// In which room.
    pub room: RoomId,
    /// What was done.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub whom: MemberId,
}

/// Whether the viewer may know of the member with this name in a statement.
macro_rules! knows {
    ($viewer:literal, $who:literal) => {
        concat!(
            "(",
            $who,
            ".suspended_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = ",
            $who,
            ".id AND b.blocked = ",
            $viewer,
            ") AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = ",
            $viewer,
            " AND b.blocked = ",
            $who,
            ".id))"
        )
    };
}

/// An act `a` with all that belongs to it, as the member `$1` sees it who may know of everybody if `$2` says so. Whoever is kept
/// out is named whatever is between them and the viewer, as in the list of those; and everybody sees themselves.
macro_rules! select_acts {
    ($($rest:expr),*) => {
        concat!(
            "SELECT a.id AS act, a.number, a.at, a.kind, a.reason, a.guest, a.guest_name,
                    s.id AS sponsor_id, s.handle AS sponsor_handle, s.name AS sponsor_name, s.avatar AS sponsor_avatar,
                    m.id, m.handle, m.name, m.avatar,
                    p.id AS appeal, p.at AS appeal_at, p.text, p.lifted IS NOT NULL AS decided, COALESCE(p.lifted, FALSE) AS lifted, p.answer,
                    p.decided_at,
                    r.id AS room, r.title
             FROM acts a JOIN rooms r ON r.id = a.room
             LEFT JOIN members s ON s.id = a.author AND ($2 OR s.id = $1 OR ", knows!("$1", "s"), ")
             LEFT JOIN members m ON m.id = a.whom AND ($2 OR m.id = $1 OR a.kind = 'banned' OR ", knows!("$1", "m"), ")
             LEFT JOIN appeals p ON p.act = a.id WHERE ",
            $($rest),*
        )
    };
}

/// Whether `$1` decides on appeals against the act `a` on the member `m` in the room `r`: an admin of the server, as `$2` says; who
/// hosts the room, or did at its end; and admins of its house. Nobody decides on what was done to them, and only an admin of
/// the server on what they did themselves.
macro_rules! decides {
    () => {
        concat!(
            "a.whom <> $1 AND ($2 OR (COALESCE(a.author <> $1, TRUE)
                AND EXISTS (SELECT 1 FROM members m WHERE m.id = a.whom AND ",
            knows!("$1", "m"),
            ") AND (COALESCE(r.leader, r.host) = $1 OR EXISTS
                (SELECT 1 FROM house_members h WHERE h.house = r.house AND h.member = $1 AND h.role = 2))))"
        )
    };
}

impl Store {
    /// A page of what was done in a room, as `viewer` may see it, the latest first, before the one with this number. `all` is for
    /// viewers who may know of everybody.
    pub async fn room_acts(
        &self,
        room: RoomId,
        (viewer, all): (MemberId, bool),
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Act>, StoreError> {
        const PAGE: &str = select_acts!("a.room = $3 AND a.number < $4 ORDER BY a.number DESC LIMIT $5");
        let before = before.unwrap_or(i64::MAX as u64);
        self.acts(sql(PAGE).bind(viewer).bind(all).bind(room).bind(before).bind(limit)).await
    }

    /// A page of what was done to a member, of these kinds, the latest first, before the one with this time and id.
    pub async fn acts_on(
        &self,
        member: MemberId,
        kinds: &[&'static str],
        before: Option<(Timestamp, RecordId)>,
        limit: u32,
    ) -> Result<Vec<Act>, StoreError> {
        const PAGE: &str = select_acts!("a.whom = $1 AND a.known AND (a.at, a.id) < ($3, $4) AND a.kind IN ");
        let (at, id) = before.unwrap_or((Timestamp(i64::MAX as u64), RecordId(u128::MAX)));
        let page = sql(PAGE).bind(member).bind(false).bind(at).bind(id).push_list(kinds.iter().copied());
        self.acts(page.push(" ORDER BY a.at DESC, a.id DESC LIMIT ").push_bind(limit)).await
    }

    /// A page of the appeals that a member decides on, or has to, the latest first, before the one with this time and id. `admin`
    /// says whether they are an admin of the server.
    pub async fn appeals(
        &self,
        (member, admin): (MemberId, bool),
        open: bool,
        before: Option<(Timestamp, RecordId)>,
        limit: u32,
    ) -> Result<Vec<Act>, StoreError> {
        const PAGE: &str = select_acts!(
            "(p.decided_at IS NULL) = $3 AND (p.at, p.id) < ($4, $5) AND ",
            decides!(),
            " ORDER BY p.at DESC, p.id DESC LIMIT $6"
        );
        let (at, id) = before.unwrap_or((Timestamp(i64::MAX as u64), RecordId(u128::MAX)));
        self.acts(sql(PAGE).bind(member).bind(admin).bind(open).bind(at).bind(id).bind(limit)).await
    }

    /// Appeals against an act on `member`, if that is of one of these kinds and of the last [`APPEAL_WITHIN`].
    pub async fn appeal(
        &self,
        act: RecordId,
        member: MemberId,
        appeal: &Appeal,
        kinds: &[&'static str],
    ) -> Result<Appealed, StoreError> {
        let mut tx = self.database.begin().await?;
        // Locked as by whoever writes acts, so that none is forgotten while it is appealed against.
        let locked = sql("UPDATE rooms SET last_seq = last_seq
             WHERE id = (SELECT a.room FROM acts a WHERE a.id = $1 AND a.whom = $2)");
        tx.execute(locked.bind(act).bind(member)).await?;
        let about = sql("SELECT a.room, a.author, a.at, r.house, COALESCE(r.leader, r.host) AS leader
             FROM acts a JOIN rooms r ON r.id = a.room WHERE a.id = $1 AND a.whom = $2 AND a.known AND a.kind IN ")
        .bind(act)
        .bind(member)
        .push_list(kinds.iter().copied());
        let Some(about) = tx.optional(about).await? else { return Ok(Appealed::Missing) };
        if about.time("at")?.plus(APPEAL_WITHIN) <= appeal.at {
            return Ok(Appealed::Missing);
        }
        let make = sql("INSERT INTO appeals (act, id, at, text) VALUES ($1, $2, $3, $4) ON CONFLICT (act) DO NOTHING")
            .bind(act)
            .bind(appeal.id)
            .bind(appeal.at)
            .bind(&appeal.text);
        if tx.execute(make).await? == 0 {
            return Ok(Appealed::Already);
        }
        let room = RoomId(about.id("room")?);
        let mut deciders = vec![about.member("leader")?];
        if let Some(house) = about.id_or_null("house")?.map(HouseId) {
            let admins = sql("SELECT member FROM house_members WHERE house = $1 AND role = 2").bind(house);
            for admin in tx.all(admins).await? {
                deciders.push(admin.member("member")?);
            }
        }
        tx.commit().await?;
        let author = about.id_or_null("author")?.map(MemberId);
        deciders.sort_unstable();
        deciders.dedup();
        deciders.retain(|decider| *decider != member && Some(*decider) != author);
        Ok(Appealed::Made { room, deciders })
    }

    /// Decides on an open appeal, if `member` may. `admin` says whether they are an admin of the server.
    pub async fn decide_appeal(
        &self,
        appeal: RecordId,
        (member, admin): (MemberId, bool),
        (lifted, answer): (bool, &str),
        at: Timestamp,
    ) -> Result<Decided, StoreError> {
        const FOUND: &str = concat!(
            "SELECT a.room, a.kind, a.at, a.whom
             FROM appeals p JOIN acts a ON a.id = p.act JOIN rooms r ON r.id = a.room WHERE p.id = $3 AND ",
            decides!()
        );
        let mut tx = self.database.begin().await?;
        let found = sql(FOUND).bind(member).bind(admin).bind(appeal);
        let Some(found) = tx.optional(found).await? else { return Ok(Decided::Missing) };
        let act = DecidedAct {
            room: RoomId(found.id("room")?),
            kind: found.text("kind")?,
            at: found.time("at")?,
            whom: found.member("whom")?,
        };
        let decide = sql("UPDATE appeals SET lifted = $2, answer = $3, decided_at = $4, decided_by = $5
             WHERE id = $1 AND decided_at IS NULL")
        .bind(appeal)
        .bind(lifted)
        .bind(Some(answer).filter(|answer| !answer.is_empty()))
        .bind(at)
        .bind(member);
        if tx.execute(decide).await? > 0 {
            tx.commit().await?;
            return Ok(Decided::Now(act));
        }
        // Somebody else was quicker, perhaps since the row above was read.
        let how = tx
            .optional(sql("SELECT COALESCE(lifted, FALSE) AS lifted FROM appeals WHERE id = $1").bind(appeal))
            .await?;
        Ok(match how {
            Some(how) => Decided::Before { act, lifted: how.bool("lifted")? },
            None => Decided::Missing,
        })
    }

    /// Lets a member know of their bans from a room, since they have found out that they may not enter it.
    pub async fn know_bans(&self, room: RoomId, member: MemberId) -> Result<(), StoreError> {
        let unknown = sql("SELECT a.id FROM acts a WHERE a.whom = $1 AND a.room = $2 AND NOT a.known LIMIT 1");
        // Looked at first, so that whoever tries to enter again and again writes nothing.
        if self.database.optional(unknown.bind(member).bind(room)).await?.is_some() {
            let know = sql("UPDATE acts SET known = TRUE WHERE whom = $1 AND room = $2 AND NOT known");
            self.database.execute(know.bind(member).bind(room)).await?;
        }
        Ok(())
    }

    /// Whose bans in a room were lifted by an appeal: who, when they were banned, and who decided, who may be nobody any more.
    pub async fn lifted_bans(&self, room: RoomId) -> Result<Vec<(MemberId, Timestamp, Option<MemberId>)>, StoreError> {
        let lifted = sql("SELECT a.whom, a.at, p.decided_by FROM acts a JOIN appeals p ON p.act = a.id
             WHERE a.room = $1 AND a.kind = 'banned' AND a.whom IS NOT NULL AND p.lifted ORDER BY a.number")
        .bind(room);
        let ban = |row: &Row| Ok((row.member("whom")?, row.time("at")?, row.id_or_null("decided_by")?.map(MemberId)));
        self.database.all(lifted).await?.iter().map(ban).collect()
    }

    /// The house of a room that is known, live or ended, and whether `member` is an admin of that; `None` for no such room.
    pub async fn runs_house_of(&self, room: RoomId, member: MemberId) -> Result<Option<bool>, StoreError> {
        let found = sql("SELECT CAST((SELECT count(*) FROM house_members h
                 WHERE h.house = r.house AND h.member = $2 AND h.role = 2) AS BIGINT) AS admin FROM rooms r WHERE r.id = $1")
        .bind(room)
        .bind(member);
        self.database.optional(found).await?.map(|row| Ok(row.count("admin")? > 0)).transpose()
    }

    /// Deletes some of the acts in rooms that ended before `before`; returns whether there may be more.
    pub async fn delete_old_acts(&self, before: Timestamp) -> Result<bool, StoreError> {
        let delete = sql("DELETE FROM acts WHERE id IN
             (SELECT a.id FROM rooms r JOIN acts a ON a.room = r.id WHERE r.ended_at < $1 LIMIT $2)")
        .bind(before)
        .bind(DELETED_AT_ONCE);
        Ok(self.database.execute(delete).await? >= DELETED_AT_ONCE.into())
    }

    /// Takes a live room out of a member's hallway, until it ends. Returns whether there is such a room.
    pub async fn hide_room(&self, member: MemberId, room: RoomId) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        // Locked, so that it does not end between the two.
        let live = sql("UPDATE rooms SET last_seq = last_seq WHERE id = $1 AND ended_at IS NULL").bind(room);
        if tx.execute(live).await? == 0 {
            return Ok(false);
        }
        let hide = sql("INSERT INTO hidden_rooms (member, room) SELECT id, $2 FROM members WHERE id = $1
             ON CONFLICT DO NOTHING");
        tx.execute(hide.bind(member).bind(room)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Shows a room in a member's hallway again.
    pub async fn show_room(&self, member: MemberId, room: RoomId) -> Result<(), StoreError> {
        let show = sql("DELETE FROM hidden_rooms WHERE member = $1 AND room = $2").bind(member).bind(room);
        self.database.execute(show).await.map(drop)
    }

    async fn acts(&self, page: Sql) -> Result<Vec<Act>, StoreError> {
        self.database.all(page).await?.iter().map(act_from).collect()
    }
}

/// Inserts what was done in a room, whose row is locked, with the next numbers.
pub(crate) async fn insert_acts(
    transaction: &mut Transaction,
    room: RoomId,
    acts: &[NewAct],
) -> Result<(), StoreError> {
    if acts.is_empty() {
        return Ok(());
    }
    let last = sql("SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) AS last FROM acts WHERE room = $1").bind(room);
    let first = transaction.one(last).await?.count("last")?;
    let mut number = first;
    for part in acts.chunks(ROWS_PER_STATEMENT) {
        let values: Vec<[Value; 11]> = part
            .iter()
            .map(|act| {
                number += 1;
                let (guest, name, voucher) = match &act.guest {
                    Some(guest) => (Some(guest.id), Some(guest.name.as_str()), Some(guest.voucher)),
                    None => (None, None, None),
                };
                [
                    act.id.into(),
                    number.into(),
                    act.at.into(),
                    act.kind.into(),
                    act.by.into(),
                    act.whom.into(),
                    guest.into(),
                    name.into(),
                    voucher.into(),
                    act.known.into(),
                    act.reason.as_deref().into(),
                ]
            })
            .collect();
        // Whoever deletes their account at this moment is nobody already, and so are the guests for whom they vouched.
        let insert = sql(
            "INSERT INTO acts (room, id, number, at, kind, author, whom, guest, guest_name, voucher, known, reason)
             SELECT ",
        )
        .push_bind(room)
        .push(
            ", e.column1, e.column2, e.column3, e.column4, m.id, w.id, CASE WHEN v.id IS NOT NULL THEN e.column7 END,
                CASE WHEN v.id IS NOT NULL THEN e.column8 END, v.id, e.column10,
                CASE WHEN m.id IS NOT NULL THEN e.column11 END FROM (",
        )
        .push_rows(values)
        .push(
            ") AS e LEFT JOIN members m ON m.id = e.column5 LEFT JOIN members w ON w.id = e.column6
               LEFT JOIN members v ON v.id = e.column9",
        );
        transaction.execute(insert.remembered(part.len() == 1)).await?;
    }
    if number / ACTS_BETWEEN != first / ACTS_BETWEEN && number > ACTS_KEPT - ACTS_BETWEEN {
        forget_acts(transaction, room).await?;
    }
    Ok(())
}

/// Forgets what a room has too much of. What was done again to the same person since goes first, then the oldest: so nobody
/// gets rid of what they did to somebody by doing something else very often.
async fn forget_acts(transaction: &mut Transaction, room: RoomId) -> Result<(), StoreError> {
    let kept = sql("SELECT count(*) AS n FROM acts a
         WHERE a.room = $1 AND NOT EXISTS (SELECT 1 FROM appeals p WHERE p.act = a.id)");
    let kept = transaction.one(kept.bind(room)).await?.count("n")?;
    let over = kept.saturating_sub(ACTS_KEPT - ACTS_BETWEEN);
    let forget = sql("DELETE FROM acts WHERE id IN (SELECT t.id FROM
             (SELECT a.id, a.number,
                     ROW_NUMBER() OVER (PARTITION BY a.kind, a.whom, a.guest ORDER BY a.number DESC) AS place
              FROM acts a WHERE a.room = $1 AND NOT EXISTS (SELECT 1 FROM appeals p WHERE p.act = a.id)) t
         ORDER BY t.place = 1, t.number LIMIT $2)");
    transaction.execute(forget.bind(room).bind(over)).await.map(drop)
}

/// Reads what `select_acts!` selects.
fn act_from(row: &Row) -> Result<Act, StoreError> {
    let guest = || -> Result<Option<Person>, StoreError> {
        let Some(id) = row.id_or_null("guest")? else { return Ok(None) };
        let name = row.text_or_null("guest_name")?.unwrap_or_default();
        Ok(Some(Person { id: MemberId(id), handle: String::new(), name, avatar: None }))
    };
    let whom = match row.id_or_null("id")? {
        Some(_) => Some(person_from(row)?),
        None => guest()?,
    };
    let appeal = match row.id_or_null("appeal")? {
        // What somebody wrote of whom the viewer may not know is not for the viewer either.
        Some(id) if whom.is_some() => Some(Appeal {
            id: RecordId(id),
            at: row.time("appeal_at")?,
            text: row.text("text")?,
            lifted: row.bool("decided")?.then(|| row.bool("lifted")).transpose()?,
            answer: row.text_or_null("answer")?,
            decided_at: row.time_or_null("decided_at")?,
        }),
        _ => None,
    };
    Ok(Act {
        id: RecordId(row.id("act")?),
        number: row.count("number")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        by: sponsor_from(row)?,
        whom,
        reason: row.text_or_null("reason")?,
        appeal,
        room: (RoomId(row.id("room")?), row.text("title")?),
    })
}
