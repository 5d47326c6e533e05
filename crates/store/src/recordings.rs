//! Recordings: what a room's owner writes down of them with the room's events, and their way until a replay is made of them. What is
//! said is in files, which the caller keeps in step with these rows: a row comes before its file, and a file without a row is to go.

use roomtone_room::ids::{MemberId, ReplayId, RoomId, Timestamp};

use crate::Store;
use crate::db::{Row, Transaction, Value, sql};
use crate::error::StoreError;
use crate::evidence::Speaker;
use crate::open::ROWS_PER_STATEMENT;

/// Most replays of one statement.
const REPLAYS_AT_ONCE: u32 = 1_000;

/// Marks of one kind of a recording. More are not kept, so that nobody who makes very many of one kind puts out others.
pub const MARKS_EACH: u64 = 500;

/// The same of reactions, each of which counts those of some seconds.
pub(crate) const REACTION_MARKS: u64 = 7_000;

/// Kinds of marks, at most: those that the caller writes.
pub(crate) const MARK_KINDS: u64 = 6;

/// To whom a replay is open. In rising order: it can be narrowed and never widened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReplayHearers {
    /// Members who were in the room while it was recorded.
    Attendees,
    /// All members.
    Members,
    /// Everybody, also without an account.
    Everyone,
}

/// Where a replay is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReplayState {
    /// The talk goes on.
    Recording,
    /// It is to be made, or made anew.
    Waiting,
    /// It is being made.
    Processing,
    /// It can be heard.
    Ready,
    /// It could not be made.
    Failed,
    /// There is nothing in it: nobody agreed and said anything, or whoever did has taken it back.
    Empty,
}

/// A recording that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplay {
    /// Its id.
    pub id: ReplayId,
    /// When it begins.
    pub began_at: Timestamp,
    /// Who hosts the room now.
    pub host: MemberId,
    /// The room's title.
    pub title: String,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// To whom it will be open.
    pub hearers: ReplayHearers,
    /// The version of the text that is agreed to.
    pub consent: u32,
}

/// What somebody said to being recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConsent {
    /// To which recording.
    pub replay: ReplayId,
    /// The number of the event in the room's log.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub speaker: Speaker,
    /// What they are called.
    pub name: String,
    /// The number of their track, if they have agreed now or before.
    pub track: Option<u32>,
    /// The version of the text that they were shown.
    pub text: u32,
    /// What they said.
    pub agree: bool,
}

/// Something that happened beside the sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMark {
    /// In which recording.
    pub replay: ReplayId,
    /// When, in milliseconds after its beginning.
    pub at_ms: u64,
    /// In whose words it is.
    pub author: Option<MemberId>,
    /// What kind of thing.
    pub kind: &'static str,
    /// What it is, as the caller writes it.
    pub body: String,
}

/// What a room's round means for a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingChange {
    /// It begins.
    Begun(NewReplay),
    /// Somebody agreed, or did not, or does no longer.
    Said(NewConsent),
    /// This member hosts the room from now on, and with it the replay.
    Led(ReplayId, MemberId),
    /// These members are there.
    Attended(ReplayId, Vec<MemberId>),
    /// These are the topics of the talk now, in place of those before.
    Topics(ReplayId, Vec<String>),
    /// In whose words its title and topics are, if that is not who opened the room.
    TitledBy(ReplayId, Option<MemberId>),
    /// Something happened beside the sound.
    Marked(NewMark),
    /// It is over. By then the room is called so.
    Stopped {
        /// Which.
        replay: ReplayId,
        /// When.
        at: Timestamp,
        /// The title at the end.
        title: String,
        /// The language at the end.
        language: String,
    },
}

/// A recording or the replay of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its id.
    pub id: ReplayId,
    /// Of which room.
    pub room: RoomId,
    /// Where it is on its way.
    pub state: ReplayState,
    /// To whom it is open.
    pub hearers: ReplayHearers,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// How long its sound is, or was before it was to be made anew, in milliseconds: it never becomes shorter. 0 before it is known.
    pub ms: u64,
    /// Which of the things made of it counts.
    pub generation: u64,
    /// How often the making of this generation was begun.
    pub tries: u32,
    /// BCP 47 language tag of the talk.
    pub language: String,
}

/// A speaker's part in a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedTrack {
    /// Its number, from 1.
    pub n: u32,
    /// Who speaks; `None` for somebody who is forgotten.
    pub speaker: Option<Speaker>,
    /// What they were called.
    pub name: String,
    /// When it was withdrawn, if it was.
    pub withdrawn_at: Option<Timestamp>,
}

/// What somebody said to being recorded, as it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedConsent {
    /// The number of the event in the room's log.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who; `None` for a guest who is forgotten.
    pub speaker: Option<Speaker>,
    /// Their track, if they had one.
    pub track: Option<u32>,
    /// The version of the text.
    pub text: u32,
    /// What they said.
    pub agree: bool,
}

/// Something that happened beside the sound, as it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedMark {
    /// When, in milliseconds after the beginning.
    pub at_ms: u64,
    /// What it is, as the caller wrote it.
    pub body: String,
}

impl Store {
    /// A recording, or the replay of one.
    pub async fn recording(&self, replay: ReplayId) -> Result<Option<Recorded>, StoreError> {
        let found = sql("SELECT id, room, state, hearers, began_at, ended_at, ms, generation, tries, language
             FROM replays WHERE id = $1");
        self.database.optional(found.bind(replay)).await?.as_ref().map(recorded_from).transpose()
    }

    /// All recordings of a room, the first first.
    pub async fn recordings_of(&self, room: RoomId) -> Result<Vec<Recorded>, StoreError> {
        let all = sql("SELECT id, room, state, hearers, began_at, ended_at, ms, generation, tries, language
             FROM replays WHERE room = $1 ORDER BY began_at, id");
        self.database.all(all.bind(room)).await?.iter().map(recorded_from).collect()
    }

    /// The tracks of a recording, by number.
    pub async fn recorded_tracks(&self, replay: ReplayId) -> Result<Vec<RecordedTrack>, StoreError> {
        let all = sql("SELECT n, member, guest, name, withdrawn_at FROM replay_tracks WHERE replay = $1 ORDER BY n");
        self.database.all(all.bind(replay)).await?.iter().map(track_from).collect()
    }

    /// What was said to a recording, in that order.
    pub async fn recorded_consents(&self, replay: ReplayId) -> Result<Vec<RecordedConsent>, StoreError> {
        let all = sql("SELECT seq, at, member, guest, track, text, agree FROM replay_consents
             WHERE replay = $1 ORDER BY seq");
        self.database.all(all.bind(replay)).await?.iter().map(consent_from).collect()
    }

    /// The members who were there, in the order of their ids.
    pub async fn recorded_attendees(&self, replay: ReplayId) -> Result<Vec<MemberId>, StoreError> {
        let all = sql("SELECT member FROM replay_attendees WHERE replay = $1 ORDER BY member");
        self.database.all(all.bind(replay)).await?.iter().map(|row| row.member("member")).collect()
    }

    /// What happened beside the sound, in that order.
    pub async fn recorded_marks(&self, replay: ReplayId) -> Result<Vec<RecordedMark>, StoreError> {
        let all = sql("SELECT at_ms, body FROM replay_marks WHERE replay = $1 ORDER BY at_ms, n");
        let rows = self.database.all(all.bind(replay)).await?;
        rows.iter().map(|row| Ok(RecordedMark { at_ms: row.count("at_ms")?, body: row.text("body")? })).collect()
    }

    /// Which of these replays there are.
    pub async fn recordings_among(&self, replays: &[ReplayId]) -> Result<Vec<ReplayId>, StoreError> {
        let mut found = Vec::new();
        for part in replays.chunks(ROWS_PER_STATEMENT) {
            let some = sql("SELECT id FROM replays WHERE id IN ").push_list(part.iter().copied());
            for row in self.database.all(some).await? {
                found.push(ReplayId(row.id("id")?));
            }
        }
        Ok(found)
    }

    /// The recordings of which replays are to be made, the first to wait first. One that was being made when the server stopped is
    /// among them.
    pub async fn recordings_waiting(&self) -> Result<Vec<ReplayId>, StoreError> {
        let waiting = sql("SELECT id FROM replays WHERE state IN (1, 2) ORDER BY ended_at, id LIMIT $1");
        let rows = self.database.all(waiting.bind(REPLAYS_AT_ONCE)).await?;
        rows.iter().map(|row| row.id("id").map(ReplayId)).collect()
    }

    /// Begins the making of a replay that waits, or begins it again; counts how often that was done. `None` for one that does not wait.
    pub async fn begin_replay(&self, replay: ReplayId) -> Result<Option<Recorded>, StoreError> {
        let begin =
            sql("UPDATE replays SET state = 2, progress = 0, tries = tries + 1 WHERE id = $1 AND state IN (1, 2)
             RETURNING id, room, state, hearers, began_at, ended_at, ms, generation, tries, language");
        let mut transaction = self.database.begin().await?;
        let begun = transaction.optional(begin.bind(replay)).await?;
        transaction.commit().await?;
        begun.as_ref().map(recorded_from).transpose()
    }

    /// Whatever is recorded in a room that cannot go on is over.
    pub async fn give_up_recordings(&self, room: RoomId, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        end_recordings(&mut transaction, room, at).await?;
        transaction.commit().await
    }

    /// Undoes [`Store::begin_replay`] of a generation that had been begun so often before: it waits again, and the last time does not
    /// count. Returns whether it had been begun once more.
    pub async fn put_replay_back(&self, replay: ReplayId, generation: u64, tries: u32) -> Result<bool, StoreError> {
        let back = sql("UPDATE replays SET state = 1, progress = 0, tries = $3
             WHERE id = $1 AND generation = $2 AND state = 2 AND tries = $3 + 1");
        Ok(self.database.execute(back.bind(replay).bind(generation).bind(tries)).await? > 0)
    }

    /// Says how far the making of a generation is, of 100. Returns whether it is still wanted.
    pub async fn replay_progress(&self, replay: ReplayId, generation: u64, progress: u32) -> Result<bool, StoreError> {
        let note = sql("UPDATE replays SET progress = $3 WHERE id = $1 AND generation = $2 AND state = 2");
        Ok(self.database.execute(note.bind(replay).bind(generation).bind(progress.min(100))).await? > 0)
    }

    /// A generation is made, and so many milliseconds long. Returns whether it is still wanted: if not, what was made is to go.
    pub async fn replay_made(
        &self,
        replay: ReplayId,
        generation: u64,
        ms: u64,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let made = sql("UPDATE replays SET state = 3, progress = 100, ms = $3, processed_at = $4, tries = 0
             WHERE id = $1 AND generation = $2 AND state = 2");
        Ok(self.database.execute(made.bind(replay).bind(generation).bind(ms).bind(at)).await? > 0)
    }

    /// In a generation there is nothing to hear: it is a replay in no list any more, and what was cut out of it is nothing either.
    /// Returns whether it is still wanted.
    pub async fn replay_empty(&self, replay: ReplayId, generation: u64, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let empty = sql("UPDATE replays SET state = 5, progress = 100, processed_at = $3, tries = 0
             WHERE id = $1 AND generation = $2 AND state = 2");
        let wanted = tx.execute(empty.bind(replay).bind(generation).bind(at)).await? > 0;
        if wanted {
            tx.execute(sql("DELETE FROM clips WHERE replay = $1").bind(replay)).await?;
        }
        tx.commit().await?;
        Ok(wanted)
    }

    /// Has replays that could not be made wait again, as if they had been tried so often.
    pub async fn retry_replays(&self, tries: u32) -> Result<(), StoreError> {
        let retry = sql("UPDATE replays SET state = 1, progress = 0, tries = $1 WHERE state = 4");
        self.database.execute(retry.bind(tries)).await.map(|_| ())
    }

    /// Has a replay of a member's that could not be made wait again, as if it had not been tried. Returns whether there is such a one.
    pub async fn remake_replay(&self, replay: ReplayId, host: MemberId) -> Result<bool, StoreError> {
        let retry =
            sql("UPDATE replays SET state = 1, progress = 0, tries = 0 WHERE id = $1 AND host = $2 AND state = 4");
        Ok(self.database.execute(retry.bind(replay).bind(host)).await? > 0)
    }

    /// A generation cannot be made. Returns whether it was still wanted.
    pub async fn replay_failed(&self, replay: ReplayId, generation: u64) -> Result<bool, StoreError> {
        let failed = sql("UPDATE replays SET state = 4 WHERE id = $1 AND generation = $2 AND state = 2");
        Ok(self.database.execute(failed.bind(replay).bind(generation)).await? > 0)
    }
}

/// Whatever is recorded in a room is over.
pub(crate) async fn end_recordings(tx: &mut Transaction, room: RoomId, at: Timestamp) -> Result<(), StoreError> {
    let end = sql("UPDATE replays SET state = 1, ended_at = $2 WHERE room = $1 AND state = 0");
    tx.execute(end.bind(room).bind(at)).await?;
    Ok(())
}

/// Writes down what a round of a room means for its recordings, in the transaction of its events.
pub(crate) async fn write_recordings(
    tx: &mut Transaction,
    room: RoomId,
    changes: &[RecordingChange],
) -> Result<(), StoreError> {
    for change in changes {
        match change {
            RecordingChange::Begun(replay) => begin(tx, room, replay).await?,
            RecordingChange::Said(consent) => note_consent(tx, consent).await?,
            RecordingChange::Led(replay, host) => {
                // Nobody who is deleting their account at this moment.
                let led = sql("UPDATE replays SET host = $2 WHERE id = $1 AND state = 0
                     AND EXISTS (SELECT 1 FROM members m WHERE m.id = $2)");
                tx.execute(led.bind(*replay).bind(*host)).await?;
            }
            RecordingChange::Attended(replay, members) => note_attendees(tx, *replay, members).await?,
            RecordingChange::Topics(replay, topics) => note_topics(tx, *replay, topics).await?,
            RecordingChange::TitledBy(replay, author) => {
                let words =
                    sql("UPDATE replays SET titled_by = (SELECT m.id FROM members m WHERE m.id = $2) WHERE id = $1");
                tx.execute(words.bind(*replay).bind(*author)).await?;
            }
            RecordingChange::Marked(mark) => note_mark(tx, mark).await?,
            RecordingChange::Stopped { replay, at, title, language } => {
                let stop = sql("UPDATE replays SET state = 1, ended_at = $2, title = $3, language = $4
                     WHERE id = $1 AND state = 0");
                tx.execute(stop.bind(*replay).bind(*at).bind(title).bind(language)).await?;
            }
        }
    }
    Ok(())
}

/// A recording begins. It is of the event whose room it is, and of the invitation of that.
async fn begin(tx: &mut Transaction, room: RoomId, replay: &NewReplay) -> Result<(), StoreError> {
    let begin = sql(
        "INSERT INTO replays (id, room, host, house, invitation, event, title, language, hearers, consent, state, began_at)
         SELECT $1, r.id, m.id, r.house, e.invitation, e.id, $4, $5, $6, $7, 0, $8
         FROM rooms r JOIN members m ON m.id = $3 LEFT JOIN events e ON e.room = r.id WHERE r.id = $2",
    )
    .bind(replay.id)
    .bind(room)
    .bind(replay.host)
    .bind(&replay.title)
    .bind(&replay.language)
    .bind(replay.hearers as u32)
    .bind(replay.consent)
    .bind(replay.began_at);
    tx.execute(begin).await?;
    Ok(())
}

/// What somebody said goes into the log; the first time that they agree, they have a track.
async fn note_consent(tx: &mut Transaction, consent: &NewConsent) -> Result<(), StoreError> {
    let (member, guest) = match consent.speaker {
        Speaker::Member(member) => (Some(member), None),
        Speaker::Guest(guest) => (None, Some(guest)),
    };
    if let Some(n) = consent.track {
        let track = sql("INSERT INTO replay_tracks (replay, n, member, guest, name, link)
             SELECT p.id, $2, m.id, g.id, $5, g.code FROM replays p LEFT JOIN members m ON m.id = $3 LEFT JOIN guests g ON g.id = $4
             WHERE p.id = $1 ON CONFLICT (replay, n) DO NOTHING");
        let track = track.bind(consent.replay).bind(n).bind(member).bind(guest).bind(&consent.name);
        tx.execute(track).await?;
    }
    let log = sql("INSERT INTO replay_consents (replay, seq, at, member, guest, track, text, agree)
         SELECT p.id, $2, $3, m.id, g.id, $6, $7, $8
         FROM replays p LEFT JOIN members m ON m.id = $4 LEFT JOIN guests g ON g.id = $5 WHERE p.id = $1")
    .bind(consent.replay)
    .bind(consent.seq)
    .bind(consent.at)
    .bind(member)
    .bind(guest)
    .bind(consent.track.map(i64::from))
    .bind(consent.text)
    .bind(consent.agree);
    tx.execute(log).await?;
    Ok(())
}

async fn note_attendees(tx: &mut Transaction, replay: ReplayId, members: &[MemberId]) -> Result<(), StoreError> {
    for part in members.chunks(ROWS_PER_STATEMENT) {
        let rows = part.iter().map(|member| -> [Value; 2] { [replay.into(), (*member).into()] });
        // Guests are no members; and whoever deletes their account at this moment is not there.
        let insert = sql("INSERT INTO replay_attendees (replay, member) SELECT p.id, m.id FROM (")
            .push_rows(rows)
            .push(") AS e JOIN members m ON m.id = e.column2 JOIN replays p ON p.id = e.column1 WHERE TRUE ON CONFLICT DO NOTHING");
        tx.execute(insert.remembered(part.len() == 1)).await?;
    }
    Ok(())
}

async fn note_topics(tx: &mut Transaction, replay: ReplayId, topics: &[String]) -> Result<(), StoreError> {
    tx.execute(sql("DELETE FROM replay_topics WHERE replay = $1").bind(replay)).await?;
    for (n, topic) in (1_u32..).zip(topics) {
        let insert = sql("INSERT INTO replay_topics (replay, n, topic, began_at)
             SELECT p.id, $2, $3, p.began_at FROM replays p WHERE p.id = $1");
        tx.execute(insert.bind(replay).bind(n).bind(topic)).await?;
    }
    Ok(())
}

async fn note_mark(tx: &mut Transaction, mark: &NewMark) -> Result<(), StoreError> {
    let most = if mark.kind == "reaction" { REACTION_MARKS } else { MARKS_EACH };
    // In whose words it is who is gone, it is not.
    let insert = sql("INSERT INTO replay_marks (replay, n, at_ms, author, kind, body)
         SELECT p.id, (SELECT COALESCE(MAX(k.n), 0) + 1 FROM replay_marks k WHERE k.replay = $1), $2, m.id, $4, $5
         FROM replays p LEFT JOIN members m ON m.id = $3 WHERE p.id = $1 AND ($6 OR m.id IS NOT NULL)
           AND (SELECT count(*) FROM replay_marks k WHERE k.replay = $1 AND k.kind = $4) < $7")
    .bind(mark.replay)
    .bind(mark.at_ms)
    .bind(mark.author)
    .bind(mark.kind)
    .bind(&mark.body)
    .bind(mark.author.is_none())
    .bind(most);
    tx.execute(insert).await?;
    Ok(())
}

fn small(row: &Row, column: &str) -> Result<u32, StoreError> {
    u32::try_from(row.count(column)?).map_err(|_| StoreError::Corrupt("number of a recording"))
}

fn small_or_null(row: &Row, column: &str) -> Result<Option<u32>, StoreError> {
    let number = row.int_or_null(column)?.map(u32::try_from).transpose();
    number.map_err(|_| StoreError::Corrupt("number of a recording"))
}

fn speaker_from(row: &Row) -> Result<Option<Speaker>, StoreError> {
    let member = row.id_or_null("member")?.map(|id| Speaker::Member(MemberId(id)));
    Ok(member.or(row.id_or_null("guest")?.map(|id| Speaker::Guest(MemberId(id)))))
}

/// Reads how [`ReplayState`] is kept.
pub(crate) fn replay_state(number: u32) -> Result<ReplayState, StoreError> {
    use ReplayState::{Empty, Failed, Processing, Ready, Recording, Waiting};
    let all = [Recording, Waiting, Processing, Ready, Failed, Empty];
    all.into_iter().find(|state| *state as u32 == number).ok_or(StoreError::Corrupt("state of a replay"))
}

/// Reads how [`ReplayHearers`] is kept.
pub(crate) fn replay_hearers(number: u32) -> Result<ReplayHearers, StoreError> {
    let all = [ReplayHearers::Attendees, ReplayHearers::Members, ReplayHearers::Everyone];
    all.into_iter().find(|hearers| *hearers as u32 == number).ok_or(StoreError::Corrupt("hearers of a replay"))
}

fn recorded_from(row: &Row) -> Result<Recorded, StoreError> {
    Ok(Recorded {
        id: ReplayId(row.id("id")?),
        room: RoomId(row.id("room")?),
        state: replay_state(small(row, "state")?)?,
        hearers: replay_hearers(small(row, "hearers")?)?,
        began_at: row.time("began_at")?,
        ended_at: row.time_or_null("ended_at")?,
        ms: row.count("ms")?,
        generation: row.count("generation")?,
        tries: small(row, "tries")?,
        language: row.text("language")?,
    })
}

fn track_from(row: &Row) -> Result<RecordedTrack, StoreError> {
    Ok(RecordedTrack {
        n: small(row, "n")?,
        speaker: speaker_from(row)?,
        name: row.text("name")?,
        withdrawn_at: row.time_or_null("withdrawn_at")?,
    })
}

fn consent_from(row: &Row) -> Result<RecordedConsent, StoreError> {
    Ok(RecordedConsent {
        seq: row.count("seq")?,
        at: row.time("at")?,
        speaker: speaker_from(row)?,
        track: small_or_null(row, "track")?,
        text: small(row, "text")?,
        agree: row.bool("agree")?,
    })
}
