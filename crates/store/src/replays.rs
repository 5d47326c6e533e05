//! Replays: who may hear them, reading them, and what their hosts and speakers do with them.
//!
//! Invariant: every statement here that finds replays for somebody asks whether they may hear them, and names nobody whom they may
//! not know: `$1` is the member, `$2` the digest of the key of a link, `$3` that of a guest's token, each NULL where there is none. The
//! code of the link by which a guest came is such a key as well, for what they speak in.
//! Whoever may not hear a replay is answered as if there were none.
//!
//! Invariant: what is made of a replay's tracks belongs to one generation. Withdrawing a track begins the next one in the same
//! transaction, so nothing that was made with the track is given out any more.

use std::collections::HashMap;

use roomtone_room::ids::{EventId, HouseId, InvitationId, MemberId, ReplayId, RoomId, Timestamp};

use crate::admin::{AuditEntry, insert_audit};
use crate::db::{Row, Sql, Transaction, sql};
use crate::error::StoreError;
use crate::members::person_from;
use crate::open::ROWS_PER_STATEMENT;
use crate::recordings::{
    MARK_KINDS, MARKS_EACH, REACTION_MARKS, ReplayHearers, ReplayState, replay_hearers, replay_state,
};
use crate::reports::somebody;
use crate::search::forget;
use crate::transcripts::forget_track;
use crate::{Hash, HouseBadge, Person, Store};

/// Faces that are shown of a replay in a list.
const FACES: u64 = 6;

/// Marks of a replay that are read: as many as there may be.
const MARKS_MAX: u64 = MARK_KINDS * MARKS_EACH + REACTION_MARKS;

/// Whoever would like to hear something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hearer {
    /// The member who is calling.
    pub member: Option<MemberId>,
    /// The digest of the key of an unlisted link, or of the code in the link by which a guest came.
    pub key: Option<Hash>,
    /// The digest of a guest's token.
    pub guest: Option<Hash>,
}

impl Hearer {
    /// A member who has neither a link nor a guest's pass.
    pub fn member(member: MemberId) -> Self {
        Self { member: Some(member), ..Self::default() }
    }
}

/// A replay, as somebody may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// The room that was recorded.
    pub room: RoomId,
    /// Who hosted that.
    pub host: Person,
    /// The house in whose name it was.
    pub house: Option<HouseBadge>,
    /// The invitation that led to it.
    pub invitation: Option<InvitationId>,
    /// The event that it was.
    pub event: Option<EventId>,
    /// Its title.
    pub title: String,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// What it is about, in the host's order.
    pub topics: Vec<String>,
    /// To whom it is open.
    pub hearers: ReplayHearers,
    /// Where it is in its making.
    pub state: ReplayState,
    /// How much of the present step is done, in percent.
    pub progress: u32,
    /// When the recording began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long the sound is, in milliseconds.
    pub ms: u64,
    /// How often it was begun anew.
    pub generation: u64,
    /// When the host wants it deleted.
    pub expires_at: Option<Timestamp>,
    /// How many replies of which the viewer may know.
    pub replies: u64,
    /// The same of clips.
    pub clips: u64,
    /// How many links work.
    pub links: u64,
    /// Speakers of whom the viewer may know, at most six.
    pub faces: Vec<Person>,
    /// How many there are, all together.
    pub spoke: u64,
}

/// A speaker in a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayTrack {
    /// Their number, from 1.
    pub n: u32,
    /// The member, if they are one of whom the viewer may know.
    pub person: Option<Person>,
    /// What they were called then; empty if the viewer may not know of them.
    pub name: String,
    /// Whether they were a guest.
    pub guest: bool,
    /// When their track was withdrawn.
    pub withdrawn_at: Option<Timestamp>,
    /// Whether it is the viewer.
    pub mine: bool,
}

/// Something that happened beside the talking, as the caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayMoment {
    /// Its number in the replay.
    pub n: u64,
    /// When, in milliseconds from the beginning.
    pub at_ms: u64,
    /// What.
    pub body: String,
}

/// Which replays a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaysOf {
    /// Everybody's.
    All,
    /// Those in which the viewer speaks or that they host, also while they are made.
    Mine,
    /// Those of rooms in which the viewer was.
    Heard,
    /// Those of rooms that a member hosted.
    Host(MemberId),
    /// Those in the name of a house.
    House(HouseId),
    /// Those of a room, also while they are made.
    Room(RoomId),
    /// Those of an event, also while they are made.
    Event(EventId),
    /// Those of talks that an invitation led to, also while they are made.
    Invitation(InvitationId),
}

/// What a host changes of a replay. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayChange {
    /// Its title.
    pub title: Option<String>,
    /// To whom it is open.
    pub hearers: Option<ReplayHearers>,
    /// When it will be deleted; `Some(None)` for never.
    pub expires_at: Option<Option<Timestamp>>,
    /// What chapters are called, by where they begin; an empty title takes one away.
    pub chapters: Vec<(u64, String)>,
}

/// What became of changing or deleting something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayDone {
    /// It is done.
    Done,
    /// It would be open to more people than those who speak in it agreed to.
    Wider,
    /// The room is being recorded still.
    Recording,
    /// There is no such thing for them.
    Missing,
}

/// What became of withdrawing a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// It is withdrawn: so are the tracks with these numbers.
    Done(Vec<u32>),
    /// It was before.
    Already,
    /// There is no such track.
    Missing,
}

/// Whose track is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawer {
    /// Their own, whether as a member, or as a guest by their token or the link by which they came.
    Own(Hearer),
    /// That of a guest with this number, by the host.
    Host(MemberId, u32),
}

/// What was recorded of a member in one replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTrack {
    /// The replay.
    pub replay: ReplayId,
    /// Their number in it.
    pub n: u32,
    /// Its title, if they may still know of it.
    pub title: Option<String>,
    /// When the recording began.
    pub began_at: Timestamp,
    /// When they withdrew it.
    pub withdrawn_at: Option<Timestamp>,
}

/// A condition on a replay `p`, its host `m` and its house `h`: that the viewer may hear it. The host always does. Others do unless the
/// host is suspended or there is a block between the two, in either direction, whatever else would let them; and then by a link, since
/// they speak in it, were there, or it is open to them.
macro_rules! may_hear {
    () => {
        "(p.host = $1 OR (m.suspended_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $1 AND b.blocked = p.host)
            AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = p.host AND b.blocked = $1)
            AND (EXISTS (SELECT 1 FROM replay_links l WHERE l.replay = p.id AND l.key = $2)
                 OR EXISTS (SELECT 1 FROM replay_tracks t WHERE t.replay = p.id AND (t.member = $1 OR t.link = $2))
                 OR EXISTS (SELECT 1 FROM replay_tracks t JOIN guests g ON g.id = t.guest
                            WHERE t.replay = p.id AND g.session = $3)
                 OR EXISTS (SELECT 1 FROM replay_attendees a WHERE a.replay = p.id AND a.member = $1)
                 OR ((p.hearers = 2 OR (p.hearers = 1 AND $1 IS NOT NULL))
                     AND (h.id IS NULL OR NOT h.private
                          OR EXISTS (SELECT 1 FROM house_members i
                                     WHERE i.house = h.id AND i.member = $1 AND i.role >= 1))))))"
    };
}
pub(crate) use may_hear;

/// A condition on a member with this name in a statement: that the viewer may know of them.
macro_rules! seen {
    ($who:literal) => {
        concat!(
            "(",
            $who,
            ".suspended_at IS NULL AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $1 AND b.blocked = ",
            $who,
            ".id) AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = ",
            $who,
            ".id AND b.blocked = $1))"
        )
    };
}
pub(crate) use seen;

/// Where replays `p` that the viewer may hear come from.
macro_rules! heard {
    () => {
        concat!(
            " FROM replays p JOIN members m ON m.id = p.host LEFT JOIN houses h ON h.id = p.house WHERE ",
            may_hear!()
        )
    };
}
pub(crate) use heard;

/// Replays with everything that the viewer may know of them.
const THESE: &str = concat!(
    "SELECT p.id AS replay, p.room, p.invitation, p.event, p.title, p.language, p.hearers, p.state, p.progress, p.began_at,
            p.ended_at, p.ms, p.generation, p.expires_at, m.id, m.handle, m.name, m.avatar,
            h.id AS house, h.handle AS house_handle, h.name AS house_name,
            (SELECT count(*) FROM replay_replies r JOIN members w ON w.id = r.member WHERE r.replay = p.id AND ",
    seen!("w"),
    ") AS replies,
            (SELECT count(*) FROM clips c JOIN members w ON w.id = c.member WHERE c.replay = p.id AND ",
    seen!("w"),
    ") AS clips,
            (SELECT count(*) FROM replay_links l WHERE l.replay = p.id) AS links,
            (SELECT count(*) FROM replay_tracks t WHERE t.replay = p.id AND t.withdrawn_at IS NULL) AS spoke",
    heard!(),
    " AND p.id IN "
);

impl Store {
    /// A replay, if it may be heard.
    pub async fn replay(&self, replay: ReplayId, hearer: Hearer) -> Result<Option<Replay>, StoreError> {
        Ok(self.these_replays(&[replay], hearer).await?.pop())
    }

    /// Replays that may be heard, the newest first, after one that began then; at most `limit`. Those that cannot be heard yet are
    /// only in lists of which it says so.
    pub async fn replays(
        &self,
        of: ReplaysOf,
        hearer: Hearer,
        after: Option<(Timestamp, ReplayId)>,
        limit: u32,
    ) -> Result<Vec<Replay>, StoreError> {
        const FOUND: &str = concat!("SELECT p.id AS replay", heard!());
        let mut page = within(of_hearer(sql(FOUND), hearer), of);
        if let Some((at, id)) = after {
            page = page.push(" AND (p.began_at, p.id) < (").push_bind(at).push(", ").push_bind(id).push(")");
        }
        let page = page.push(" ORDER BY p.began_at DESC, p.id DESC LIMIT ").push_bind(limit);
        let rows = self.database.all(page).await?;
        let ids = rows.iter().map(|row| row.id("replay").map(ReplayId)).collect::<Result<Vec<_>, _>>()?;
        self.these_replays(&ids, hearer).await
    }

    /// The replays with these ids, in this order; those that may not be heard are left out.
    pub(crate) async fn these_replays(&self, ids: &[ReplayId], hearer: Hearer) -> Result<Vec<Replay>, StoreError> {
        let mut found: HashMap<ReplayId, Replay> = HashMap::with_capacity(ids.len());
        for part in ids.chunks(ROWS_PER_STATEMENT) {
            let these = of_hearer(sql(THESE), hearer).push_list(part.iter().copied());
            for row in self.database.all(these).await? {
                let replay = replay_from(&row)?;
                found.insert(replay.id, replay);
            }
            let faces = sql(concat!(
                "SELECT f.replay, m.id, m.handle, m.name, m.avatar
                 FROM (SELECT t.replay, t.member, t.n, ROW_NUMBER() OVER (PARTITION BY t.replay ORDER BY t.n) AS place
                       FROM replay_tracks t JOIN members m ON m.id = t.member WHERE ",
                seen!("m"),
                " AND t.withdrawn_at IS NULL AND t.replay IN "
            ));
            let faces = faces
                .bind(hearer.member)
                .push_list(part.iter().copied())
                .push(") AS f JOIN members m ON m.id = f.member WHERE f.place <= ")
                .push_bind(FACES)
                .push(" ORDER BY f.replay, f.n");
            for row in self.database.all(faces).await? {
                if let Some(replay) = found.get_mut(&ReplayId(row.id("replay")?)) {
                    replay.faces.push(person_from(&row)?);
                }
            }
            let topics = sql("SELECT replay, topic FROM replay_topics WHERE replay IN ");
            for row in self.database.all(topics.push_list(part.iter().copied()).push(" ORDER BY replay, n")).await? {
                if let Some(replay) = found.get_mut(&ReplayId(row.id("replay")?)) {
                    replay.topics.push(row.text("topic")?);
                }
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Everybody who speaks in a replay, by their numbers. For somebody who may hear it.
    pub async fn replay_tracks(&self, replay: ReplayId, hearer: Hearer) -> Result<Vec<ReplayTrack>, StoreError> {
        let all = sql(concat!(
            "SELECT t.n, t.name AS called, t.withdrawn_at, t.member IS NULL AS is_guest, m.id, m.handle, m.name, m.avatar,
                    COALESCE(t.member = $1, FALSE) OR COALESCE(t.link = $2, FALSE) AS my_own,
                    EXISTS (SELECT 1 FROM guests g WHERE g.id = t.guest AND g.session = $3) AS my_pass
             FROM replay_tracks t LEFT JOIN members m ON m.id = t.member AND ",
            seen!("m"),
            " WHERE t.replay = $4 ORDER BY t.n"
        ));
        let all = of_hearer(all, hearer).bind(replay);
        self.database.all(all).await?.iter().map(track_from).collect()
    }

    /// What happened beside the talking, in order, without the words of those of whom the viewer may not know. For somebody who may
    /// hear the replay.
    pub async fn replay_marks(
        &self,
        replay: ReplayId,
        viewer: Option<MemberId>,
    ) -> Result<Vec<ReplayMoment>, StoreError> {
        let all = sql(concat!(
            "SELECT k.n, k.at_ms, k.body FROM replay_marks k LEFT JOIN members m ON m.id = k.author
             WHERE k.replay = $2 AND (m.id IS NULL OR ",
            seen!("m"),
            ") ORDER BY k.at_ms, k.n LIMIT $3"
        ));
        let rows = self.database.all(all.bind(viewer).bind(replay).bind(MARKS_MAX)).await?;
        rows.iter()
            .map(|row| Ok(ReplayMoment { n: row.count("n")?, at_ms: row.count("at_ms")?, body: row.text("body")? }))
            .collect()
    }

    /// What the host calls chapters, by where they begin.
    pub async fn replay_chapters(&self, replay: ReplayId) -> Result<HashMap<u64, String>, StoreError> {
        let all = sql("SELECT at_ms, title FROM replay_chapters WHERE replay = $1").bind(replay);
        self.database.all(all).await?.iter().map(|row| Ok((row.count("at_ms")?, row.text("title")?))).collect()
    }

    /// Changes what its host may change of a replay. To more people than before it is never open.
    pub async fn change_replay(
        &self,
        replay: ReplayId,
        host: MemberId,
        change: &ReplayChange,
    ) -> Result<ReplayDone, StoreError> {
        let mut tx = self.database.begin().await?;
        // An update and not a read, so that of two who change it one comes after the other.
        let lock =
            sql("UPDATE replays SET generation = generation WHERE id = $1 AND host = $2 RETURNING hearers, state");
        let Some(row) = tx.optional(lock.bind(replay).bind(host)).await? else { return Ok(ReplayDone::Missing) };
        if let Some(hearers) = change.hearers {
            if hearers > replay_hearers(number(&row, "hearers")?)? {
                return Ok(ReplayDone::Wider);
            }
            let narrow = sql("UPDATE replays SET hearers = $2 WHERE id = $1").bind(replay);
            tx.execute(narrow.bind(hearers as u32)).await?;
        }
        if let Some(title) = &change.title {
            // It will be called what the room is called at the end.
            if replay_state(number(&row, "state")?)? == ReplayState::Recording {
                return Ok(ReplayDone::Recording);
            }
            let name = sql("UPDATE replays SET title = $2, indexed = FALSE WHERE id = $1").bind(replay);
            tx.execute(name.bind(title)).await?;
        }
        if let Some(expires_at) = change.expires_at {
            let keep = sql("UPDATE replays SET expires_at = $2 WHERE id = $1").bind(replay);
            tx.execute(keep.bind(expires_at)).await?;
        }
        if !change.chapters.is_empty() {
            let mark = sql("UPDATE replays SET indexed = FALSE WHERE id = $1").bind(replay);
            tx.execute(mark).await?;
        }
        for (at_ms, title) in &change.chapters {
            let named = if title.is_empty() {
                sql("DELETE FROM replay_chapters WHERE replay = $1 AND at_ms = $2").bind(replay).bind(*at_ms)
            } else {
                sql("INSERT INTO replay_chapters (replay, at_ms, title) VALUES ($1, $2, $3)
                     ON CONFLICT (replay, at_ms) DO UPDATE SET title = excluded.title")
                .bind(replay)
                .bind(*at_ms)
                .bind(title)
            };
            tx.execute(named).await?;
        }
        tx.commit().await?;
        Ok(ReplayDone::Done)
    }

    /// Withdraws a track: from the moment that this has returned, nothing that was made with it may be given out. Whatever is the
    /// host's opinion, a block or a suspension of others, everybody may withdraw what they said.
    pub async fn withdraw_track(
        &self,
        replay: ReplayId,
        whose: Withdrawer,
        now: Timestamp,
    ) -> Result<Withdrawn, StoreError> {
        let of = |statement: Sql| match whose {
            Withdrawer::Own(speaker) => own(statement.push(" AND "), "replay_tracks", speaker),
            Withdrawer::Host(host, n) => statement
                .push(" AND member IS NULL AND n = ")
                .push_bind(n)
                .push(" AND EXISTS (SELECT 1 FROM replays p WHERE p.id = replay_tracks.replay AND p.host = ")
                .push_bind(host)
                .push(")"),
        };
        let mut tx = self.database.begin().await?;
        let withdraw = sql("UPDATE replay_tracks SET withdrawn_at = $2 WHERE replay = $1 AND withdrawn_at IS NULL");
        let tracks = tx.all(of(withdraw.bind(replay).bind(now)).push(" RETURNING n")).await?;
        if tracks.is_empty() {
            let had = of(sql("SELECT 1 AS one FROM replay_tracks WHERE replay = $1").bind(replay));
            let had = tx.optional(had).await?.is_some();
            return Ok(if had { Withdrawn::Already } else { Withdrawn::Missing });
        }
        begin_anew(&mut tx, " WHERE id = ", replay).await?;
        let tracks = tracks.iter().map(|row| number(row, "n")).collect::<Result<Vec<_>, _>>()?;
        for &n in &tracks {
            forget_track(&mut tx, replay, n).await?;
        }
        // Last, as in a deletion: until it is made anew it is in no search, and then without their names.
        forget(&mut tx, &[replay.0]).await?;
        tx.commit().await?;
        Ok(Withdrawn::Done(tracks))
    }

    /// Deletes a replay of a member's, with everything that belongs to it; its files are to follow.
    pub async fn delete_replay(&self, replay: ReplayId, host: MemberId) -> Result<ReplayDone, StoreError> {
        let whose = sql("SELECT state FROM replays WHERE id = $1 AND host = $2").bind(replay).bind(host);
        self.delete_one(replay, whose, None).await
    }

    /// Deletes anybody's replay, as an admin, who is in the audit log with that.
    pub async fn delete_replay_as_admin(&self, replay: ReplayId, entry: AuditEntry) -> Result<ReplayDone, StoreError> {
        self.delete_one(replay, sql("SELECT state, host FROM replays WHERE id = $1").bind(replay), Some(entry)).await
    }

    async fn delete_one(
        &self,
        replay: ReplayId,
        found: Sql,
        entry: Option<AuditEntry>,
    ) -> Result<ReplayDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(row) = tx.optional(found).await? else { return Ok(ReplayDone::Missing) };
        let delete = sql("DELETE FROM replays WHERE id = $1 AND state <> $2").bind(replay);
        if tx.execute(delete.bind(ReplayState::Recording as u32)).await? == 0 {
            return Ok(ReplayDone::Recording);
        }
        if let Some(mut entry) = entry {
            entry.about = Some(row.member("host")?);
            insert_audit(&mut tx, &entry).await?;
        }
        // Last: it keeps the search index to itself until the commit, and must wait for nobody then.
        forget(&mut tx, &[replay.0]).await?;
        tx.commit().await?;
        Ok(ReplayDone::Done)
    }

    /// Deletes the replays whose time is over: that which their hosts gave them, or that ended before `before`. Returns which.
    pub async fn delete_expired_replays(
        &self,
        now: Timestamp,
        before: Option<Timestamp>,
    ) -> Result<Vec<ReplayId>, StoreError> {
        let delete = sql("DELETE FROM replays WHERE state <> $3 AND (expires_at <= $1 OR ended_at <= $2) RETURNING id");
        let mut tx = self.database.begin().await?;
        let delete = delete.bind(now).bind(before).bind(ReplayState::Recording as u32);
        let gone = tx.all(delete).await?.iter().map(|row| row.id("id")).collect::<Result<Vec<_>, _>>()?;
        if !gone.is_empty() {
            forget(&mut tx, &gone).await?;
        }
        tx.commit().await?;
        Ok(gone.into_iter().map(ReplayId).collect())
    }

    /// The replays of which something goes with a member's account: those that they hosted, and those in which they speak.
    pub async fn replays_with(&self, member: MemberId) -> Result<Vec<ReplayId>, StoreError> {
        let all = sql("SELECT p.id FROM replays p WHERE p.host = $1
               OR p.room IN (SELECT r.id FROM rooms r WHERE r.host = $1)
               OR p.room IN (SELECT e.room FROM events e WHERE e.host = $1)
               OR p.id IN (SELECT t.replay FROM replay_tracks t WHERE t.member = $1) ORDER BY p.id");
        self.database.all(all.bind(member)).await?.iter().map(|row| row.id("id").map(ReplayId)).collect()
    }

    /// A page of everything that was recorded of somebody, the newest first. Also where a block or a suspension keeps the replay from
    /// them: what they said is theirs.
    pub async fn own_tracks(
        &self,
        speaker: Hearer,
        after: Option<(Timestamp, ReplayId)>,
        limit: u32,
    ) -> Result<Vec<OwnTrack>, StoreError> {
        let (at, last) = after.unwrap_or((Timestamp(i64::MAX as u64), ReplayId(u128::MAX)));
        let page = sql(concat!(
            "SELECT p.id AS replay, t.n, t.withdrawn_at, p.began_at, CASE WHEN ",
            may_hear!(),
            " THEN p.title END AS title
             FROM replay_tracks t JOIN replays p ON p.id = t.replay JOIN members m ON m.id = p.host
                  LEFT JOIN houses h ON h.id = p.house
             WHERE (p.began_at, p.id) < ($4, $5) AND "
        ));
        let page = own(of_hearer(page, speaker).bind(at).bind(last), "t", speaker)
            .push(" ORDER BY p.began_at DESC, p.id DESC, t.n LIMIT ")
            .push_bind(limit);
        let read = |row: &Row| {
            Ok(OwnTrack {
                replay: ReplayId(row.id("replay")?),
                n: number(row, "n")?,
                title: row.text_or_null("title")?,
                began_at: row.time("began_at")?,
                withdrawn_at: row.time_or_null("withdrawn_at")?,
            })
        };
        self.database.all(page).await?.iter().map(read).collect()
    }
}

/// Adds the condition that a track, which this is the name of in a statement, is somebody's own.
pub(crate) fn own(statement: Sql, track: &'static str, speaker: Hearer) -> Sql {
    let column = |statement: Sql, name| statement.push(track).push(name);
    let statement = column(statement.push("("), ".member = ").push_bind(speaker.member);
    let statement = column(statement.push(" OR "), ".link = ").push_bind(speaker.key);
    let statement = column(statement.push(" OR "), ".guest IN (SELECT g.id FROM guests g WHERE g.session = ");
    statement.push_bind(speaker.guest).push("))")
}

/// Binds who would like to hear.
pub(crate) fn of_hearer(statement: Sql, hearer: Hearer) -> Sql {
    statement.bind(hearer.member).bind(hearer.key).bind(hearer.guest)
}

/// Has replays made anew that were made, or are being made, with what is not in them any more; search finds them without it then. One
/// that is still recorded is made without it in the first place.
pub(crate) async fn begin_anew(
    tx: &mut Transaction,
    which: &'static str,
    of: impl Into<crate::db::Value>,
) -> Result<(), StoreError> {
    let anew =
        sql("UPDATE replays SET generation = generation + 1, state = $1, progress = 0, tries = 0, processed_at = NULL,
                indexed = FALSE")
        .bind(ReplayState::Waiting as u32);
    let anew = anew.push(which).push_bind(of).push(" AND state <> ").push_bind(ReplayState::Recording as u32);
    tx.execute(anew).await.map(|_| ())
}

/// Narrows a statement down to a list.
fn within(statement: Sql, of: ReplaysOf) -> Sql {
    const READY: &str = " AND p.state = 3";
    /// Also those that are being made, but not those of which nothing came.
    const SOON: &str = " AND p.state < 4";
    match of {
        ReplaysOf::All => statement.push(READY),
        ReplaysOf::Mine => statement.push(
            " AND (p.host = $1 OR EXISTS (SELECT 1 FROM replay_tracks t WHERE t.replay = p.id AND t.member = $1))",
        ),
        ReplaysOf::Heard => statement.push(READY).push(
            " AND (EXISTS (SELECT 1 FROM replay_tracks t WHERE t.replay = p.id AND t.member = $1)
                   OR EXISTS (SELECT 1 FROM replay_attendees a WHERE a.replay = p.id AND a.member = $1))",
        ),
        ReplaysOf::Host(member) => statement.push(READY).push(" AND p.host = ").push_bind(member),
        ReplaysOf::House(house) => statement.push(READY).push(" AND p.house = ").push_bind(house),
        ReplaysOf::Room(room) => statement.push(SOON).push(" AND p.room = ").push_bind(room),
        ReplaysOf::Event(event) => statement.push(SOON).push(" AND p.event = ").push_bind(event),
        ReplaysOf::Invitation(invitation) => statement.push(SOON).push(" AND p.invitation = ").push_bind(invitation),
    }
}

fn replay_from(row: &Row) -> Result<Replay, StoreError> {
    let house = match row.id_or_null("house")? {
        Some(id) => {
            Some(HouseBadge { id: HouseId(id), handle: row.text("house_handle")?, name: row.text("house_name")? })
        }
        None => None,
    };
    Ok(Replay {
        id: ReplayId(row.id("replay")?),
        room: RoomId(row.id("room")?),
        host: person_from(row)?,
        house,
        invitation: row.id_or_null("invitation")?.map(InvitationId),
        event: row.id_or_null("event")?.map(EventId),
        title: row.text("title")?,
        language: row.text("language")?,
        topics: Vec::new(),
        hearers: replay_hearers(number(row, "hearers")?)?,
        state: replay_state(number(row, "state")?)?,
        progress: number(row, "progress")?,
        began_at: row.time("began_at")?,
        ended_at: row.time_or_null("ended_at")?,
        ms: row.count("ms")?,
        generation: row.count("generation")?,
        expires_at: row.time_or_null("expires_at")?,
        replies: row.count("replies")?,
        clips: row.count("clips")?,
        links: row.count("links")?,
        faces: Vec::new(),
        spoke: row.count("spoke")?,
    })
}

fn track_from(row: &Row) -> Result<ReplayTrack, StoreError> {
    let person = somebody(row, ["id", "handle", "name", "avatar"])?;
    let guest = row.bool("is_guest")?;
    Ok(ReplayTrack {
        n: number(row, "n")?,
        // A member of whom the viewer may not know has no name either.
        name: if guest || person.is_some() { row.text("called")? } else { String::new() },
        person,
        guest,
        withdrawn_at: row.time_or_null("withdrawn_at")?,
        mine: row.bool("my_own")? || row.bool("my_pass")?,
    })
}

fn number(row: &Row, column: &str) -> Result<u32, StoreError> {
    u32::try_from(row.count(column)?).map_err(|_| StoreError::Corrupt("number in a replay"))
}
