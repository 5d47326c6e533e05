//! What others say to an invitation: co-signatures, questions with votes, and replies.
//!
//! Invariant: a member co-signs an invitation once, puts one question to it, and votes once for a question; `questions.votes` is how
//! many votes there are. Whoever may not know of an invitation adds nothing to it.

use roomtone_room::ids::{InvitationId, MemberId, RecordId, Timestamp};
use roomtone_room::office::Right;

use crate::Store;
use crate::db::{Row, Sql, Transaction, sql};
use crate::error::StoreError;
use crate::members::{Person, person_from};
use crate::offices::{NewOfficeAct, holds, insert_office_act};

/// Most replies of one member to one invitation. More suits long conversations, which are better held in a room.
pub const REPLIES_EACH: u64 = 20;

/// What became of adding something to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrowdSaid {
    /// It is there.
    Done,
    /// It was so already.
    Already,
    /// The member has said as much as they may.
    TooMany,
    /// The invitation has ended.
    Over,
    /// There is no such thing for them, or it is their own.
    Missing,
}

/// Somebody who co-signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigner {
    /// Who.
    pub person: Person,
    /// Since when.
    pub at: Timestamp,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its id.
    pub id: RecordId,
    /// Who would like to know.
    pub person: Person,
    /// What.
    pub text: String,
    /// When it was put.
    pub at: Timestamp,
    /// How many votes it has.
    pub votes: u64,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// Whether the reader has voted for it.
    pub voted: bool,
}

impl Question {
    /// Where the list goes on after this one.
    pub fn place(&self) -> QuestionPlace {
        QuestionPlace { votes: self.votes, at: self.at, id: self.id }
    }
}

/// A place in the list of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionPlace {
    /// The votes of the last one before it.
    pub votes: u64,
    /// When that was put.
    pub at: Timestamp,
    /// Its id.
    pub id: RecordId,
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its id.
    pub id: RecordId,
    /// Whose.
    pub person: Person,
    /// What they say.
    pub text: String,
    /// How to reach them; empty for everybody but the host and whoever wrote it.
    pub contact: String,
    /// When.
    pub at: Timestamp,
}

/// Something that was written to an invitation, or the invitation itself, for a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written<'a> {
    /// The letter, in this language if it is there in it, or else the original.
    Letter(InvitationId, Option<&'a str>),
    /// A question.
    Question(RecordId),
    /// A reply.
    Reply(RecordId),
}

/// What was written, by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenText {
    /// To which invitation it belongs.
    pub invitation: InvitationId,
    /// Who answers for it: of a translation by somebody without an account the host, who can take it away.
    pub author: MemberId,
    /// BCP 47 tag of a letter's language.
    pub language: Option<String>,
    /// A letter's title; empty otherwise.
    pub title: String,
    /// The text.
    pub text: String,
}

/// A condition on `i` and the members `h` who hosts it and $1: that $1 may know of it.
macro_rules! known {
    () => {
        "EXISTS (SELECT 1 FROM members h WHERE h.id = i.host AND h.suspended_at IS NULL)
           AND (i.host = $1 OR NOT EXISTS (SELECT 1 FROM blocks b
               WHERE (b.blocker = $1 AND b.blocked IN (i.host, i.invitee))
                  OR (b.blocked = $1 AND b.blocker IN (i.host, i.invitee))
                  OR (b.blocker = i.host AND b.blocked = i.invitee) OR (b.blocker = i.invitee AND b.blocked = i.host)))"
    };
}

/// A condition on the member `m`: that the reader $1, who may be nobody, may know of them.
macro_rules! seen {
    () => {
        "m.suspended_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $1)
           AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $1 AND b.blocked = m.id)"
    };
}

impl Store {
    /// Co-signs an invitation that is open. Neither side co-signs its own.
    pub async fn cosign(&self, member: MemberId, id: InvitationId, now: Timestamp) -> Result<CrowdSaid, StoreError> {
        let insert = sql(concat!(
            "INSERT INTO cosigns (invitation, member, at) SELECT i.id, $1, $3 FROM invitations i
             WHERE i.id = $2 AND i.state IN ('asked', 'accepted') AND i.host <> $1 AND (i.invitee IS NULL OR i.invitee <> $1)
               AND ",
            known!(),
            " ON CONFLICT (invitation, member) DO NOTHING"
        ));
        let had = sql("SELECT 1 AS one FROM cosigns WHERE member = $1 AND invitation = $2");
        self.say(insert.bind(member).bind(id).bind(now), had.bind(member).bind(id), member, id).await
    }

    /// Takes a co-signature back.
    pub async fn end_cosign(&self, member: MemberId, id: InvitationId) -> Result<(), StoreError> {
        let end = sql("DELETE FROM cosigns WHERE invitation = $1 AND member = $2").bind(id).bind(member);
        self.database.execute(end).await.map(|_| ())
    }

    /// Whether a member co-signs an invitation.
    pub async fn cosigns(&self, member: MemberId, id: InvitationId) -> Result<bool, StoreError> {
        let mine = sql("SELECT 1 AS one FROM cosigns WHERE invitation = $1 AND member = $2").bind(id).bind(member);
        Ok(self.database.optional(mine).await?.is_some())
    }

    /// Who co-signs, the first to do so first, as far as the reader may know of them.
    pub async fn cosigners(
        &self,
        reader: Option<MemberId>,
        id: InvitationId,
        after: Option<(Timestamp, MemberId)>,
        limit: u32,
    ) -> Result<Vec<Cosigner>, StoreError> {
        let (at, last) = after.unwrap_or((Timestamp(0), MemberId(0)));
        let page = sql(concat!(
            "SELECT c.at, m.id, m.handle, m.name, m.avatar FROM cosigns c JOIN members m ON m.id = c.member
             WHERE c.invitation = $2 AND (c.at, c.member) > ($3, $4) AND ",
            seen!(),
            " ORDER BY c.at, c.member LIMIT $5"
        ));
        let page = page.bind(reader).bind(id).bind(at).bind(last).bind(limit);
        let read = |row: &Row| Ok(Cosigner { person: person_from(row)?, at: row.time("at")? });
        self.database.all(page).await?.iter().map(read).collect()
    }

    /// Puts a member's one question to an invitation that is open, or another in its place, which loses the votes of the former.
    pub async fn ask_question(
        &self,
        member: MemberId,
        id: InvitationId,
        question: RecordId,
        text: &str,
        now: Timestamp,
    ) -> Result<CrowdSaid, StoreError> {
        let mut tx = self.database.begin().await?;
        let former = sql("DELETE FROM questions WHERE invitation = $1 AND member = $2 AND text <> $3");
        tx.execute(former.bind(id).bind(member).bind(text)).await?;
        let insert = sql(concat!(
            "INSERT INTO questions (id, invitation, member, text, at) SELECT $3, i.id, $1, $4, $5 FROM invitations i
             WHERE i.id = $2 AND i.state IN ('asked', 'accepted') AND i.host <> $1 AND (i.invitee IS NULL OR i.invitee <> $1)
               AND ",
            known!(),
            " ON CONFLICT (invitation, member) DO NOTHING"
        ));
        let insert = insert.bind(member).bind(id).bind(question).bind(text).bind(now);
        if tx.execute(insert).await? > 0 {
            tx.commit().await?;
            return Ok(CrowdSaid::Done);
        }
        let had = sql("SELECT 1 AS one FROM questions WHERE member = $1 AND invitation = $2").bind(member).bind(id);
        let had = tx.optional(had).await?.is_some();
        // What could not be replaced stays.
        tx.rollback().await?;
        if had { Ok(CrowdSaid::Already) } else { self.why_not(member, id).await }
    }

    /// Takes a member's question back. Returns whether there was one.
    pub async fn take_question_back(&self, member: MemberId, id: InvitationId) -> Result<bool, StoreError> {
        let end = sql("DELETE FROM questions WHERE invitation = $1 AND member = $2").bind(id).bind(member);
        Ok(self.database.execute(end).await? > 0)
    }

    /// Deletes a question of the member's, or one that they screen. `act` is the id for the log of whom they do that for. Returns
    /// whether there was one.
    pub async fn delete_question(
        &self,
        member: MemberId,
        question: RecordId,
        act: RecordId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let own = sql("DELETE FROM questions WHERE id = $1 AND member = $2").bind(question).bind(member);
        if self.database.execute(own).await? > 0 {
            return Ok(true);
        }
        let delete = sql("DELETE FROM questions WHERE id = $1").bind(question);
        self.screen(member, question, delete, ("question_deleted", act), now).await
    }

    /// Votes for a question of somebody else's while the invitation is open.
    pub async fn vote(&self, member: MemberId, question: RecordId) -> Result<CrowdSaid, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(id) = lock_question(&mut tx, question).await? else { return Ok(CrowdSaid::Missing) };
        let insert = sql(concat!(
            "INSERT INTO question_votes (question, member) SELECT q.id, $1 FROM questions q
             JOIN invitations i ON i.id = q.invitation JOIN members m ON m.id = q.member
             WHERE q.id = $2 AND q.member <> $1 AND i.state IN ('asked', 'accepted') AND ",
            known!(),
            " AND ",
            seen!(),
            " ON CONFLICT (question, member) DO NOTHING"
        ));
        if tx.execute(insert.bind(member).bind(question)).await? > 0 {
            tx.execute(sql("UPDATE questions SET votes = votes + 1 WHERE id = $1").bind(question)).await?;
            tx.commit().await?;
            return Ok(CrowdSaid::Done);
        }
        let had = sql("SELECT 1 AS one FROM question_votes WHERE question = $1 AND member = $2");
        let had = tx.optional(had.bind(question).bind(member)).await?.is_some();
        tx.rollback().await?;
        if had { Ok(CrowdSaid::Already) } else { self.why_not(member, id).await }
    }

    /// Takes a vote back. Returns whether there was one.
    pub async fn end_vote(&self, member: MemberId, question: RecordId) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        lock_question(&mut tx, question).await?;
        let end = sql("DELETE FROM question_votes WHERE question = $1 AND member = $2").bind(question).bind(member);
        let ended = tx.execute(end).await? > 0;
        if ended {
            tx.execute(sql("UPDATE questions SET votes = votes - 1 WHERE id = $1").bind(question)).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Notes that a question was answered, for whoever screens it; `act` is as in [`Store::delete_question`]. Returns whether there
    /// was such a question.
    pub async fn question_answered(
        &self,
        member: MemberId,
        question: RecordId,
        act: RecordId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let answered = sql("UPDATE questions SET answered_at = COALESCE(answered_at, $2) WHERE id = $1");
        let answered = answered.bind(question).bind(now);
        self.screen(member, question, answered, ("question_answered", act), now).await
    }

    /// Carries something out on a question for the host of its invitation, or for who is in their office with the right to screen.
    async fn screen(
        &self,
        member: MemberId,
        question: RecordId,
        change: Sql,
        (kind, act): (&'static str, RecordId),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let whose =
            sql("SELECT i.id, i.host FROM questions q JOIN invitations i ON i.id = q.invitation WHERE q.id = $1");
        let Some(row) = tx.optional(whose.bind(question)).await? else { return Ok(false) };
        let (invitation, host) = (row.id("id")?, row.member("host")?);
        if host != member {
            if !holds(&mut tx, host, member, Right::Screen, now).await? {
                return Ok(false);
            }
            let subject = Some(invitation);
            let done = NewOfficeAct {
                id: act,
                principal: host,
                delegate: member,
                at: now,
                kind,
                subject,
                note: String::new(),
            };
            insert_office_act(&mut tx, &done).await?;
        }
        let changed = tx.execute(change).await? > 0;
        if changed {
            tx.commit().await?;
        }
        Ok(changed)
    }

    /// The questions that are put to an invitation, those with most votes first, as far as the reader may know of who puts them.
    pub async fn questions(
        &self,
        reader: Option<MemberId>,
        id: InvitationId,
        after: Option<QuestionPlace>,
        limit: u32,
    ) -> Result<Vec<Question>, StoreError> {
        let page = sql(concat!(
            "SELECT q.id AS question, q.text, q.at, q.votes, q.answered_at, m.id, m.handle, m.name, m.avatar,
                    EXISTS (SELECT 1 FROM question_votes v WHERE v.question = q.id AND v.member = $1) AS voted
             FROM questions q JOIN members m ON m.id = q.member WHERE q.invitation = $2 AND ",
            seen!()
        ));
        let mut page = page.bind(reader).bind(id);
        if let Some(QuestionPlace { votes, at, id }) = after {
            page = page.push(" AND (q.votes < ").push_bind(votes).push(" OR (q.votes = ").push_bind(votes);
            page = page.push(" AND (q.at, q.id) > (").push_bind(at).push(", ").push_bind(id).push(")))");
        }
        let page = page.push(" ORDER BY q.votes DESC, q.at, q.id LIMIT ").push_bind(limit);
        self.database.all(page).await?.iter().map(question_from).collect()
    }

    /// A member's own question.
    pub async fn own_question(&self, member: MemberId, id: InvitationId) -> Result<Option<Question>, StoreError> {
        let own =
            sql("SELECT q.id AS question, q.text, q.at, q.votes, q.answered_at, m.id, m.handle, m.name, m.avatar,
                FALSE AS voted
             FROM questions q JOIN members m ON m.id = q.member WHERE q.invitation = $2 AND q.member = $1");
        self.database.optional(own.bind(member).bind(id)).await?.as_ref().map(question_from).transpose()
    }

    /// Adds a reply. An invitation that has ended is replied to as well.
    pub async fn reply(&self, member: MemberId, id: InvitationId, reply: &Reply) -> Result<CrowdSaid, StoreError> {
        let insert = sql(concat!(
            "INSERT INTO replies (id, invitation, member, text, contact, at) SELECT $3, i.id, $1, $4, $5, $6
             FROM invitations i WHERE i.id = $2
               AND (SELECT count(*) FROM replies r WHERE r.invitation = $2 AND r.member = $1) < $7 AND ",
            known!()
        ));
        let insert = insert.bind(member).bind(id).bind(reply.id).bind(&reply.text).bind(&reply.contact);
        if self.database.execute(insert.bind(reply.at).bind(REPLIES_EACH)).await? > 0 {
            return Ok(CrowdSaid::Done);
        }
        let there = sql(concat!("SELECT 1 AS one FROM invitations i WHERE i.id = $2 AND ", known!()));
        let there = self.database.optional(there.bind(member).bind(id)).await?.is_some();
        Ok(if there { CrowdSaid::TooMany } else { CrowdSaid::Missing })
    }

    /// The replies to an invitation, the newest first, as far as the reader may know of whose they are.
    pub async fn replies(
        &self,
        reader: Option<MemberId>,
        id: InvitationId,
        after: Option<(Timestamp, RecordId)>,
        limit: u32,
    ) -> Result<Vec<Reply>, StoreError> {
        let (at, last) = after.unwrap_or((Timestamp(i64::MAX as u64), RecordId(u128::MAX)));
        let page = sql(concat!(
            "SELECT r.id AS reply, r.text, r.at, m.id, m.handle, m.name, m.avatar,
                    CASE WHEN i.host = $1 OR r.member = $1 THEN r.contact ELSE '' END AS contact
             FROM replies r JOIN members m ON m.id = r.member JOIN invitations i ON i.id = r.invitation
             WHERE r.invitation = $2 AND (r.at, r.id) < ($3, $4) AND ",
            seen!(),
            " ORDER BY r.at DESC, r.id DESC LIMIT $5"
        ));
        let read = |row: &Row| {
            Ok(Reply {
                id: RecordId(row.id("reply")?),
                person: person_from(row)?,
                text: row.text("text")?,
                contact: row.text("contact")?,
                at: row.time("at")?,
            })
        };
        let page = page.bind(reader).bind(id).bind(at).bind(last).bind(limit);
        self.database.all(page).await?.iter().map(read).collect()
    }

    /// Deletes a reply of the member's, or one to an invitation of theirs. Returns whether there was one.
    pub async fn delete_reply(&self, member: MemberId, reply: RecordId) -> Result<bool, StoreError> {
        let delete = sql("DELETE FROM replies WHERE id = $1 AND (member = $2
             OR invitation IN (SELECT i.id FROM invitations i WHERE i.host = $2))");
        Ok(self.database.execute(delete.bind(reply).bind(member)).await? > 0)
    }

    /// A text of an invitation as `reader` may read it now.
    pub async fn written(&self, reader: MemberId, what: Written<'_>) -> Result<Option<WrittenText>, StoreError> {
        const LETTER: &str = concat!(
            "SELECT i.id AS invitation, COALESCE(t.author, i.host) AS author, t.language, t.title, t.body AS text
             FROM invitations i JOIN invitation_texts t ON t.invitation = i.id
             WHERE i.id = $2 AND (t.original OR t.language = $3) AND ",
            known!(),
            " ORDER BY t.original LIMIT 1"
        );
        const QUESTION: &str = concat!(
            "SELECT i.id AS invitation, m.id AS author, NULL AS language, '' AS title, q.text FROM questions q
             JOIN invitations i ON i.id = q.invitation JOIN members m ON m.id = q.member WHERE q.id = $2 AND ",
            known!(),
            " AND ",
            seen!()
        );
        const REPLY: &str = concat!(
            "SELECT i.id AS invitation, m.id AS author, NULL AS language, '' AS title, r.text FROM replies r
             JOIN invitations i ON i.id = r.invitation JOIN members m ON m.id = r.member WHERE r.id = $2 AND ",
            known!(),
            " AND ",
            seen!()
        );
        let found = match what {
            Written::Letter(id, language) => sql(LETTER).bind(reader).bind(id).bind(language.unwrap_or_default()),
            Written::Question(id) => sql(QUESTION).bind(reader).bind(id),
            Written::Reply(id) => sql(REPLY).bind(reader).bind(id),
        };
        let Some(row) = self.database.optional(found).await? else { return Ok(None) };
        Ok(Some(WrittenText {
            invitation: InvitationId(row.id("invitation")?),
            author: row.member("author")?,
            language: row.text_or_null("language")?,
            title: row.text("title")?,
            text: row.text("text")?,
        }))
    }

    /// Carries out an insertion that touches one row or none, and says why none.
    async fn say(&self, insert: Sql, had: Sql, member: MemberId, id: InvitationId) -> Result<CrowdSaid, StoreError> {
        if self.database.execute(insert).await? > 0 {
            return Ok(CrowdSaid::Done);
        }
        if self.database.optional(had).await?.is_some() {
            return Ok(CrowdSaid::Already);
        }
        self.why_not(member, id).await
    }

    /// Why a member could not add something to an invitation.
    async fn why_not(&self, member: MemberId, id: InvitationId) -> Result<CrowdSaid, StoreError> {
        let over = sql(concat!(
            "SELECT 1 AS one FROM invitations i WHERE i.id = $2 AND i.state NOT IN ('asked', 'accepted') AND ",
            known!()
        ));
        let over = self.database.optional(over.bind(member).bind(id)).await?.is_some();
        Ok(if over { CrowdSaid::Over } else { CrowdSaid::Missing })
    }
}

/// Locks a question until the transaction ends; returns to which invitation it is put.
async fn lock_question(tx: &mut Transaction, question: RecordId) -> Result<Option<InvitationId>, StoreError> {
    let lock = sql("UPDATE questions SET votes = votes WHERE id = $1 RETURNING invitation").bind(question);
    tx.optional(lock).await?.map(|row| row.id("invitation").map(InvitationId)).transpose()
}

fn question_from(row: &Row) -> Result<Question, StoreError> {
    Ok(Question {
        id: RecordId(row.id("question")?),
        person: person_from(row)?,
        text: row.text("text")?,
        at: row.time("at")?,
        votes: row.count("votes")?,
        answered_at: row.time_or_null("answered_at")?,
        voted: row.bool("voted")?,
    })
}
