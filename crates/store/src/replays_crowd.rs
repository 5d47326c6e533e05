//! What is made of replays beside the sound: unlisted links, clips, and replies.
//!
//! Invariant: only the digest of a link's key is kept. Whoever may not hear a replay adds nothing to it, and finds nothing of it.

use roomtone_room::ids::{MemberId, RecordId, ReplayId, Timestamp};

use crate::admin::{AuditEntry, insert_audit};
use crate::db::{Row, Sql, sql};
use crate::error::StoreError;
use crate::members::{Person, person_from};
use crate::open::ROWS_PER_STATEMENT;
use crate::replays::{Hearer, may_hear, of_hearer, seen};
use crate::reports::somebody;
use crate::{Hash, Store};

/// Links of one replay that work at a time. More lets a host tell more people apart; each is a way in that somebody may pass on.
pub const REPLAY_LINKS_MAX: u64 = 20;

/// Clips of one member from one replay.
pub const CLIPS_EACH: u64 = 50;

/// Replies of one member to one replay. More suits long conversations, which are better held in a room.
pub const REPLAY_REPLIES_EACH: u64 = 50;

/// A link by which whoever has it hears a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayLink {
    /// Its id.
    pub id: RecordId,
    /// For whom it is, in the host's words.
    pub note: String,
    /// When it was made.
    pub at: Timestamp,
}

/// A part of a replay that somebody cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// Its id.
    pub id: RecordId,
    /// What it is a part of.
    pub replay: ReplayId,
    /// The title of that.
    pub replay_title: String,
    /// Who hosted the talk.
    pub host: Person,
    /// Which generation of it can be heard; `None` while it is made anew.
    pub generation: Option<u64>,
    /// Its own title; an ellipsis for others than whoever cut it, as long as it cannot be heard.
    pub title: String,
    /// Who cut it.
    pub by: Person,
    /// From where, in milliseconds.
    pub from_ms: u64,
    /// To where.
    pub to_ms: u64,
    /// When it was cut.
    pub at: Timestamp,
}

/// A clip to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClip {
    /// The new id.
    pub id: RecordId,
    /// What it is a part of.
    pub replay: ReplayId,
    /// Its title.
    pub title: String,
    /// From where, in milliseconds.
    pub from_ms: u64,
    /// To where.
    pub to_ms: u64,
    /// When.
    pub at: Timestamp,
}

/// A reply to a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayReply {
    /// Its id.
    pub id: RecordId,
    /// Whose.
    pub person: Person,
    /// What they say; empty for a voice note.
    pub text: String,
    /// How long the voice note is, in milliseconds, if it is one.
    pub voice_ms: Option<u64>,
    /// To which moment of the replay it is, in milliseconds.
    pub at_ms: Option<u64>,
    /// When.
    pub at: Timestamp,
}

/// A reply to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplayReply {
    /// The new id.
    pub id: RecordId,
    /// What is said; empty for a voice note.
    pub text: String,
    /// To which moment of the replay it is, in milliseconds.
    pub at_ms: Option<u64>,
    /// When.
    pub at: Timestamp,
    /// How long the voice note is, in milliseconds, and its file.
    pub voice: Option<(u64, Vec<u8>)>,
}

/// What became of adding something to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaySaid {
    /// It is there.
    Done,
    /// There is as much of it as there may be.
    TooMany,
    /// The replay cannot be heard yet, or not now, or it is shorter.
    NotNow,
    /// There is no such replay for them.
    Missing,
}

/// Clips `c` that the viewer may hear, by whoever `w` cut them. What they are called may be in the words of somebody who has withdrawn them:
/// until the replay was made anew, and clips of nothing else are gone, only whoever named one reads it.
const CLIPS: &str = concat!(
    "SELECT c.id AS clip, c.replay, CASE WHEN p.state = 3 OR c.member = $1 THEN c.title ELSE '\u{2026}' END AS title, c.from_ms, c.to_ms, c.created_at, p.title AS replay_title,
            CASE WHEN p.state = 3 THEN p.generation END AS generation,
            w.id, w.handle, w.name, w.avatar, m.id AS host_id, m.handle AS host_handle, m.name AS host_name,
            m.avatar AS host_avatar
     FROM clips c JOIN members w ON w.id = c.member JOIN replays p ON p.id = c.replay JOIN members m ON m.id = p.host
          LEFT JOIN houses h ON h.id = p.house WHERE ",
    may_hear!(),
    " AND ",
    seen!("w")
);

/// Replies `r` that the viewer may know of, without the sound.
const REPLIES: &str = concat!(
    "SELECT r.id AS reply, r.replay, r.text, r.voice_ms, r.at_ms, r.created_at, w.id, w.handle, w.name, w.avatar
     FROM replay_replies r JOIN members w ON w.id = r.member JOIN replays p ON p.id = r.replay
          JOIN members m ON m.id = p.host LEFT JOIN houses h ON h.id = p.house WHERE ",
    may_hear!(),
    " AND ",
    seen!("w")
);

impl Store {
    /// Makes a link to a replay of a member's, known by the digest of its key.
    pub async fn add_replay_link(
        &self,
        replay: ReplayId,
        host: MemberId,
        link: &ReplayLink,
        key: &Hash,
    ) -> Result<ReplaySaid, StoreError> {
        let mut tx = self.database.begin().await?;
        // An update and not a read, so that of two who make the last one, the other counts it.
        let lock = sql("UPDATE replays SET generation = generation WHERE id = $1 AND host = $2");
        if tx.execute(lock.bind(replay).bind(host)).await? == 0 {
            return Ok(ReplaySaid::Missing);
        }
        let insert = sql("INSERT INTO replay_links (id, replay, key, note, created_at) SELECT $1, $2, $3, $4, $5
             WHERE (SELECT count(*) FROM replay_links l WHERE l.replay = $2) < $6");
        let insert = insert.bind(link.id).bind(replay).bind(key).bind(&link.note).bind(link.at);
        if tx.execute(insert.bind(REPLAY_LINKS_MAX)).await? == 0 {
            return Ok(ReplaySaid::TooMany);
        }
        tx.commit().await?;
        Ok(ReplaySaid::Done)
    }

    /// The links of a replay of a member's, the newest first.
    pub async fn replay_links(&self, replay: ReplayId, host: MemberId) -> Result<Vec<ReplayLink>, StoreError> {
        let all = sql("SELECT l.id, l.note, l.created_at FROM replay_links l JOIN replays p ON p.id = l.replay
             WHERE l.replay = $1 AND p.host = $2 ORDER BY l.created_at DESC, l.id");
        let read = |row: &Row| {
            Ok(ReplayLink { id: RecordId(row.id("id")?), note: row.text("note")?, at: row.time("created_at")? })
        };
        self.database.all(all.bind(replay).bind(host)).await?.iter().map(read).collect()
    }

    /// Revokes a link to a replay of a member's. Returns whether there was one.
    pub async fn revoke_replay_link(
        &self,
        replay: ReplayId,
        host: MemberId,
        link: RecordId,
    ) -> Result<bool, StoreError> {
        let revoke = sql("DELETE FROM replay_links WHERE id = $1 AND replay IN
             (SELECT p.id FROM replays p WHERE p.id = $2 AND p.host = $3)");
        Ok(self.database.execute(revoke.bind(link).bind(replay).bind(host)).await? > 0)
    }

    /// Cuts a clip of a replay that can be heard. Its end may lie behind the end of the replay by less than a frame.
    pub async fn add_clip(&self, hearer: Hearer, member: MemberId, clip: &NewClip) -> Result<ReplaySaid, StoreError> {
        const FRAME: u64 = 20;
        let insert = sql(concat!(
            "INSERT INTO clips (id, replay, member, title, from_ms, to_ms, created_at)
             SELECT $4, p.id, $5, $6, $7, $8, $9 FROM replays p JOIN members m ON m.id = p.host
                    LEFT JOIN houses h ON h.id = p.house
             WHERE p.id = $10 AND p.state = 3 AND $8 <= p.ms + $11
               AND (SELECT count(*) FROM clips c WHERE c.replay = $10 AND c.member = $5) < $12 AND ",
            may_hear!()
        ));
        let insert = of_hearer(insert, hearer).bind(clip.id).bind(member).bind(&clip.title).bind(clip.from_ms);
        let insert = insert.bind(clip.to_ms).bind(clip.at).bind(clip.replay).bind(FRAME).bind(CLIPS_EACH);
        if self.database.execute(insert).await? > 0 {
            return Ok(ReplaySaid::Done);
        }
        let Some(replay) = self.replay(clip.replay, hearer).await? else { return Ok(ReplaySaid::Missing) };
        let ready = replay.state == crate::ReplayState::Ready && clip.to_ms <= replay.ms + FRAME;
        Ok(if ready { ReplaySaid::TooMany } else { ReplaySaid::NotNow })
    }

    /// The clips of a replay, the newest first, after one; at most `limit`.
    pub async fn clips(
        &self,
        replay: ReplayId,
        hearer: Hearer,
        after: Option<(Timestamp, RecordId)>,
        limit: u32,
    ) -> Result<Vec<Clip>, StoreError> {
        let (at, last) = after.unwrap_or((Timestamp(i64::MAX as u64), RecordId(u128::MAX)));
        let page = of_hearer(sql(CLIPS), hearer)
            .push(" AND c.replay = ")
            .push_bind(replay)
            .push(" AND (c.created_at, c.id) < (")
            .push_bind(at)
            .push(", ")
            .push_bind(last)
            .push(") ORDER BY c.created_at DESC, c.id DESC LIMIT ")
            .push_bind(limit);
        self.database.all(page).await?.iter().map(clip_from).collect()
    }

    /// The parts that the clips of a replay are of: each with its id, from where, and to where, in milliseconds.
    pub async fn clip_parts(&self, replay: ReplayId) -> Result<Vec<(RecordId, u64, u64)>, StoreError> {
        let all = sql("SELECT id, from_ms, to_ms FROM clips WHERE replay = $1 ORDER BY from_ms, id").bind(replay);
        let read = |row: &Row| Ok((RecordId(row.id("id")?), row.count("from_ms")?, row.count("to_ms")?));
        self.database.all(all).await?.iter().map(read).collect()
    }

    /// Deletes clips of a replay in which nothing is to be heard any more.
    pub async fn delete_clips(&self, replay: ReplayId, clips: &[RecordId]) -> Result<(), StoreError> {
        for part in clips.chunks(ROWS_PER_STATEMENT) {
            let delete = sql("DELETE FROM clips WHERE replay = $1 AND id IN ").bind(replay);
            self.database.execute(delete.push_list(part.iter().copied())).await?;
        }
        Ok(())
    }

    /// One clip.
    pub async fn clip(&self, clip: RecordId, hearer: Hearer) -> Result<Option<Clip>, StoreError> {
        let one = of_hearer(sql(CLIPS), hearer).push(" AND c.id = ").push_bind(clip);
        self.database.optional(one).await?.as_ref().map(clip_from).transpose()
    }

    /// Deletes a clip of the member's, or one of a replay of theirs. Returns of which replay it was.
    pub async fn delete_clip(&self, clip: RecordId, member: MemberId) -> Result<Option<ReplayId>, StoreError> {
        let delete = sql("DELETE FROM clips WHERE id = $1 AND (member = $2
             OR replay IN (SELECT p.id FROM replays p WHERE p.host = $2)) RETURNING replay");
        let mut tx = self.database.begin().await?;
        let gone = tx.optional(delete.bind(clip).bind(member)).await?;
        tx.commit().await?;
        gone.map(|row| row.id("replay").map(ReplayId)).transpose()
    }

    /// Deletes anybody's clip, as an admin, who is in the audit log with that. Returns of which replay it was.
    pub async fn delete_clip_as_admin(
        &self,
        clip: RecordId,
        entry: AuditEntry,
    ) -> Result<Option<ReplayId>, StoreError> {
        self.delete_as_admin(sql("DELETE FROM clips WHERE id = $1 RETURNING replay, member").bind(clip), entry).await
    }

    /// Deletes anybody's reply to a replay, as an admin, who is in the audit log with that. Returns whether there was one.
    pub async fn delete_replay_reply_as_admin(
        &self,
        replay: ReplayId,
        reply: RecordId,
        entry: AuditEntry,
    ) -> Result<bool, StoreError> {
        let delete = sql("DELETE FROM replay_replies WHERE id = $1 AND replay = $2 RETURNING replay, member");
        Ok(self.delete_as_admin(delete.bind(reply).bind(replay), entry).await?.is_some())
    }

    /// Takes out something that happened beside the talking of a replay of a member's. Returns whether there was such a thing.
    pub async fn delete_mark(&self, replay: ReplayId, n: u64, host: MemberId) -> Result<bool, StoreError> {
        let delete = sql("DELETE FROM replay_marks WHERE replay = $1 AND n = $2
               AND EXISTS (SELECT 1 FROM replays p WHERE p.id = $1 AND p.host = $3)");
        Ok(self.database.execute(delete.bind(replay).bind(n).bind(host)).await? > 0)
    }

    /// The same of anybody's, as an admin, who is in the audit log with that.
    pub async fn delete_mark_as_admin(
        &self,
        replay: ReplayId,
        n: u64,
        mut entry: AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let delete = sql("DELETE FROM replay_marks WHERE replay = $1 AND n = $2 RETURNING author");
        let Some(row) = tx.optional(delete.bind(replay).bind(n)).await? else { return Ok(false) };
        entry.about = row.id_or_null("author")?.map(MemberId);
        insert_audit(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn delete_as_admin(&self, delete: Sql, mut entry: AuditEntry) -> Result<Option<ReplayId>, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(row) = tx.optional(delete).await? else { return Ok(None) };
        entry.about = Some(row.member("member")?);
        insert_audit(&mut tx, &entry).await?;
        tx.commit().await?;
        row.id("replay").map(|id| Some(ReplayId(id)))
    }

    /// Replies to a replay.
    pub async fn add_replay_reply(
        &self,
        replay: ReplayId,
        hearer: Hearer,
        member: MemberId,
        reply: NewReplayReply,
    ) -> Result<ReplaySaid, StoreError> {
        let (voice_ms, voice) = reply.voice.unzip();
        let insert = sql(concat!(
            "INSERT INTO replay_replies (id, replay, member, text, at_ms, created_at, voice_ms, voice)
             SELECT $4, p.id, $5, $6, $7, $8, $9, $10 FROM replays p JOIN members m ON m.id = p.host
                    LEFT JOIN houses h ON h.id = p.house
             WHERE p.id = $11 AND (SELECT count(*) FROM replay_replies r WHERE r.replay = $11 AND r.member = $5) < $12 AND ",
            may_hear!()
        ));
        let insert = of_hearer(insert, hearer).bind(reply.id).bind(member).bind(reply.text).bind(whole(reply.at_ms)?);
        let insert = insert.bind(reply.at).bind(whole(voice_ms)?).bind(crate::db::Value::Bytes(voice));
        if self.database.execute(insert.bind(replay).bind(REPLAY_REPLIES_EACH)).await? > 0 {
            return Ok(ReplaySaid::Done);
        }
        let there = self.replay(replay, hearer).await?.is_some();
        Ok(if there { ReplaySaid::TooMany } else { ReplaySaid::Missing })
    }

    /// The replies to a replay, the newest first, after one; at most `limit`.
    pub async fn replay_replies(
        &self,
        replay: ReplayId,
        hearer: Hearer,
        after: Option<(Timestamp, RecordId)>,
        limit: u32,
    ) -> Result<Vec<ReplayReply>, StoreError> {
        let (at, last) = after.unwrap_or((Timestamp(i64::MAX as u64), RecordId(u128::MAX)));
        let page = of_hearer(sql(REPLIES), hearer)
            .push(" AND r.replay = ")
            .push_bind(replay)
            .push(" AND (r.created_at, r.id) < (")
            .push_bind(at)
            .push(", ")
            .push_bind(last)
            .push(") ORDER BY r.created_at DESC, r.id DESC LIMIT ")
            .push_bind(limit);
        self.database.all(page).await?.iter().map(reply_from).collect()
    }

    /// One reply to a replay.
    pub async fn replay_reply(
        &self,
        replay: ReplayId,
        reply: RecordId,
        hearer: Hearer,
    ) -> Result<Option<ReplayReply>, StoreError> {
        let one = of_hearer(sql(REPLIES), hearer).push(" AND r.replay = ").push_bind(replay);
        let one = one.push(" AND r.id = ").push_bind(reply);
        self.database.optional(one).await?.as_ref().map(reply_from).transpose()
    }

    /// One reply to whatever replay, with that.
    pub async fn reply_to_replay(
        &self,
        reply: RecordId,
        hearer: Hearer,
    ) -> Result<Option<(ReplayId, ReplayReply)>, StoreError> {
        let one = of_hearer(sql(REPLIES), hearer).push(" AND r.id = ").push_bind(reply);
        let Some(row) = self.database.optional(one).await? else { return Ok(None) };
        Ok(Some((ReplayId(row.id("replay")?), reply_from(&row)?)))
    }

    /// The file of a voice note. For somebody who may know of the reply.
    pub async fn voice_note(&self, reply: RecordId) -> Result<Option<Vec<u8>>, StoreError> {
        let voice = sql("SELECT voice FROM replay_replies WHERE id = $1").bind(reply);
        let row = self.database.optional(voice).await?;
        row.map(|row| row.bytes_or_null("voice")).transpose().map(Option::flatten)
    }

    /// The replies of a member's that are by voice, the first first.
    pub async fn own_voice_notes(&self, member: MemberId) -> Result<Vec<RecordId>, StoreError> {
        let all = sql("SELECT id FROM replay_replies WHERE member = $1 AND voice IS NOT NULL ORDER BY created_at, id");
        self.database.all(all.bind(member)).await?.iter().map(|row| row.id("id").map(RecordId)).collect()
    }

    /// Deletes a reply of the member's, or one to a replay of theirs. Returns whether there was one.
    pub async fn delete_replay_reply(
        &self,
        replay: ReplayId,
        reply: RecordId,
        member: MemberId,
    ) -> Result<bool, StoreError> {
        let delete = sql("DELETE FROM replay_replies WHERE id = $1 AND replay = $2 AND (member = $3
             OR replay IN (SELECT p.id FROM replays p WHERE p.host = $3))");
        Ok(self.database.execute(delete.bind(reply).bind(replay).bind(member)).await? > 0)
    }
}

/// A number that may be absent, as the database holds it.
fn whole(number: Option<u64>) -> Result<Option<i64>, StoreError> {
    number.map(crate::convert::int).transpose()
}

/// Reads a number that may be absent.
fn whole_from(row: &Row, column: &str) -> Result<Option<u64>, StoreError> {
    row.int_or_null(column)?.map(|number| crate::convert::int_from(number, "number")).transpose()
}

fn clip_from(row: &Row) -> Result<Clip, StoreError> {
    let host = somebody(row, ["host_id", "host_handle", "host_name", "host_avatar"])?;
    Ok(Clip {
        id: RecordId(row.id("clip")?),
        replay: ReplayId(row.id("replay")?),
        replay_title: row.text("replay_title")?,
        host: host.ok_or(StoreError::Corrupt("host of a clip"))?,
        generation: whole_from(row, "generation")?,
        title: row.text("title")?,
        by: person_from(row)?,
        from_ms: row.count("from_ms")?,
        to_ms: row.count("to_ms")?,
        at: row.time("created_at")?,
    })
}

fn reply_from(row: &Row) -> Result<ReplayReply, StoreError> {
    Ok(ReplayReply {
        id: RecordId(row.id("reply")?),
        person: person_from(row)?,
        text: row.text("text")?,
        voice_ms: whole_from(row, "voice_ms")?,
        at_ms: whole_from(row, "at_ms")?,
        at: row.time("created_at")?,
    })
}
