//! A member's account as a whole: everything that is stored about them as one archive, and deleting it.

mod sound;

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use roomtone_room::ids::{MemberId, ReplayId, RoomId, encode_128};
use roomtone_room::{Event, Question, UNTITLED};
use roomtone_store::{AvatarSize, DeleteError, ExportRow, Exported, Member, OwnEvent, Rewrite, Store, StoreError};
use serde::ser::{Serialize, SerializeMap, Serializer};
use tokio::sync::{Semaphore, mpsc};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use self::sound::{Out, Sounds};
use crate::app::App;
use crate::http;
use crate::wire::stored::{Unreadable, read_event, read_state, write_event, write_state};
use crate::wire::{ApiError, Code};

/// Archives that are made at once. More keeps fewer people waiting; each takes a core and a connection to the database for as long
/// as it is made.
const ARCHIVES: usize = 2;

/// Rows of an archive that are read before the first of them is written. More asks the other thread less often.
const ROWS_AT_ONCE: usize = 64;

/// How many lots of rows wait to be written. More evens out reading and writing; each takes memory.
const PIECES: usize = 4;

/// How often a deletion is tried when others change the same rows at the same moment.
const ATTEMPTS: u32 = 5;

/// The largest database that is written anew at once when an account was deleted, in bytes: while rooms are live, and while
/// none is. It takes a tenth of a second for each ten million bytes, in which no room can go on; what a moderator does has
/// to take effect within a quarter of one (guarantee G2). Higher forgets sooner, lower keeps people waiting for less.
const AT_ONCE_MAX: (u64, u64) = (16 << 20, 128 << 20);

/// How often it is looked whether a larger one can be.
const FORGET_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// For how long that waits at most while rooms are live all the time. Longer keeps what was deleted on the disk for longer, where
/// whoever gets hold of the disk could find it; shorter stops the rooms of a busy server sooner, once.
const FORGET_WITHIN: Duration = Duration::from_secs(6 * 60 * 60);

static ARCHIVING: Semaphore = Semaphore::const_new(ARCHIVES);

/// Why an archive or a deletion did not come about.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("an archive could not be written: {0}")]
    Archive(#[from] zip::result::ZipError),
    #[error("an archive could not be written: {0}")]
    Write(#[from] std::io::Error),
    #[error("an archive could not be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Room(#[from] Unreadable),
}

impl From<Failed> for ApiError {
    fn from(failed: Failed) -> Self {
        Self::internal(&failed)
    }
}

/// Everything that is stored about a member, as a zip archive, and how long that is, if it is known beforehand. Only so many are made
/// at once, and only so much of those that were made waits to be sent; beyond that, `busy`. Sound is read while it is sent.
pub(crate) async fn archive(app: &Arc<App>, member: &Member) -> Result<(Body, Option<u64>), ApiError> {
    let _one_of_few = ARCHIVING.try_acquire().map_err(|_| Code::Busy)?;
    Ok(write_archive(app, member).await?)
}

/// An archive that is being written, from its beginning to its end.
type Archive = ZipWriter<StreamWriter<Out>>;

/// What an archive is made of, in this order: files with their parts and the rows of each.
enum Piece {
    /// A part begins, and its file if it is the first of that.
    Part { file: &'static str, name: &'static str },
    /// Rows of the part.
    Rows(Vec<ExportRow>),
    /// Events of which those that hold a question are rows of the part.
    Events(Vec<OwnEvent>),
    /// A picture, which is a file of its own.
    Picture(Vec<u8>),
}

/// Reads what there is while a thread of its own writes it: rooms go on beside the reading, and are not held up by the packing
/// (guarantee G2). Only a few rows are in memory at a time, besides the packed archive.
async fn write_archive(app: &Arc<App>, member: &Member) -> Result<(Body, Option<u64>), Failed> {
    let sounds = Sounds::of(app, member.person.id).await?;
    let (pieces, read) = mpsc::channel(PIECES);
    let (language, out) = (member.language.clone(), Out::new());
    let packed = out.clone();
    let writing = tokio::task::spawn_blocking(move || pack(&language, packed, read));
    let reading = read_everything(&app.store, member, pieces);
    let (all_read, written) = tokio::join!(reading, writing);
    // A panic of the writer goes on here.
    let written = written.map_err(std::io::Error::from)?;
    // Where the writer failed, nobody took what was read.
    let archive = written.and_then(|archive| all_read.map(|()| archive))?;
    if sounds.is_empty() {
        archive.finish()?;
        let parcel = out.packed();
        let length = parcel.len();
        return Ok((Body::from_stream(parcel.into_stream()), Some(length)));
    }
    let parcel = out.packed();
    Ok((Body::from_stream(parcel.into_stream().chain(sounds.into(archive, out))), None))
}

/// Reads all pieces of an archive. Ends early, and without an error, when nobody takes them any more.
async fn read_everything(store: &Store, member: &Member, pieces: mpsc::Sender<Piece>) -> Result<(), Failed> {
    let id = member.person.id;
    for part in Store::export_parts() {
        if pieces.send(Piece::Part { file: part.file, name: part.name }).await.is_err() {
            return Ok(());
        }
        let mut rows = std::pin::pin!(store.export_rows(id, part)?.chunks(ROWS_AT_ONCE));
        while let Some(rows) = rows.next().await {
            let rows = rows.into_iter().collect::<Result<_, _>>()?;
            if pieces.send(Piece::Rows(rows)).await.is_err() {
                return Ok(());
            }
        }
        if part.name == "rooms" {
            // The questions that went with hands of theirs, in rooms whose log still has them.
            if pieces.send(Piece::Part { file: part.file, name: "questions" }).await.is_err() {
                return Ok(());
            }
            let mut after = None;
            while let Some(events) = next_events(store, id, &mut after).await? {
                if pieces.send(Piece::Events(events)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    if let Some(avatar) = member.person.avatar
        && let Some(picture) = store.avatar(avatar, AvatarSize::Large).await?
    {
        // Nobody taking it means that the writer failed, which says so itself.
        let _ = pieces.send(Piece::Picture(picture)).await;
    }
    Ok(())
}

/// Writes the pieces of an archive as they come, and leaves it open.
fn pack(language: &str, out: Out, mut pieces: mpsc::Receiver<Piece>) -> Result<Archive, Failed> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut archive: Archive = ZipWriter::new_stream(out);
    archive.start_file("README.txt", options)?;
    archive.write_all(readme(language).as_bytes())?;
    let mut open = None;
    // Whether the part has a row yet.
    let mut begun = false;
    let mut line = Vec::new();
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Part { file, name } => {
                if open == Some(file) {
                    archive.write_all(b"\n  ],\n")?;
                } else {
                    end_file(&mut archive, open)?;
                    archive.start_file(format!("{file}.json"), options)?;
                    archive.write_all(b"{\n")?;
                }
                write!(archive, "  \"{name}\": [")?;
                (open, begun) = (Some(file), false);
            }
            Piece::Rows(rows) => {
                for row in &rows {
                    write_row(&mut archive, &mut line, &mut begun, &RowJson(row))?;
                }
            }
            Piece::Events(events) => {
                for OwnEvent { room, body, .. } in events {
                    if let Event::HandRaised { question: Some(question), .. } = read_event(&body)? {
                        let row = BTreeMap::from([("question", question), ("room", room.to_string())]);
                        write_row(&mut archive, &mut line, &mut begun, &row)?;
                    }
                }
            }
            Piece::Picture(picture) => {
                end_file(&mut archive, open.take())?;
                archive.start_file("avatar.jpg", options.compression_method(CompressionMethod::Stored))?;
                archive.write_all(&picture)?;
            }
        }
    }
    end_file(&mut archive, open)?;
    Ok(archive)
}

/// Writes one row of a part, on a line of its own. `line` is room to write it in.
fn write_row(archive: &mut Archive, line: &mut Vec<u8>, begun: &mut bool, row: &impl Serialize) -> Result<(), Failed> {
    line.clear();
    line.extend(if std::mem::replace(begun, true) { b",\n    ".as_slice() } else { b"\n    " });
    serde_json::to_writer(&mut *line, row)?;
    archive.write_all(line)?;
    Ok(())
}

/// Ends the last part of a JSON file, if one is open.
fn end_file(archive: &mut Archive, open: Option<&'static str>) -> Result<(), Failed> {
    if open.is_some() {
        archive.write_all(b"\n  ]\n}\n")?;
    }
    Ok(())
}

/// A row as JSON: ids in their text form, times in milliseconds since 1970.
struct RowJson<'a>(&'a ExportRow);

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (column, value) in self.0 {
            match value {
                Exported::Null => map.serialize_entry(column, &())?,
                Exported::Text(text) => map.serialize_entry(column, text)?,
                Exported::Number(number) | Exported::Time(number) => map.serialize_entry(column, number)?,
                Exported::Truth(truth) => map.serialize_entry(column, truth)?,
                Exported::Id(id) => map.serialize_entry(column, &encode_128(*id))?,
            }
        }
        map.end()
    }
}

/// The next page of a member's events; `None` after the last.
async fn next_events(
    store: &Store,
    member: MemberId,
    after: &mut Option<(RoomId, u64)>,
) -> Result<Option<Vec<OwnEvent>>, StoreError> {
    let page = store.own_events(member, *after).await?;
    let Some(last) = page.last() else { return Ok(None) };
    *after = Some((last.room, last.seq));
    Ok(Some(page))
}

/// What the archive says about itself, in the language of the interface.
fn readme(language: &str) -> &'static str {
    let primary = language.split('-').next().unwrap_or_default();
    if primary.eq_ignore_ascii_case("ru") { README_RU } else { README_EN }
}

const README_EN: &str = "\
This archive holds everything that the server stores about you.

account.json   your account, profile, links, domains, ways to sign in, sessions and the days on which you took part
follows.json   whom you follow and who follows you, whom you have blocked and muted
houses.json    your houses, and nominations
invites.json   the invites that you made
notices.json   your notices, and how you want to hear of things
rooms.json     the rooms that you opened or hid, questions that you asked with a raised hand, and what you did, or was done to
               you, in running a room, with appeals
office.json    who acts for you and for whom you act, and what was done so
events.json    the events that you announced, host or asked to hear of, and your votes for dates
invitations.json  the invitations that you wrote, and what you answered, signed, asked and replied
replays.json   the recordings of your rooms, what was recorded of you and what you said to that, where you were, your links, clips and
               replies
reports.json   the reports that you made, and what you did as an admin
avatar.jpg     your picture, if you have one
recordings/    what was recorded of you, as REPLAY-N.ogg: the id of the replay, and the number of your track in it
replies/       your replies by voice, by their ids

Times are milliseconds since 1 January 1970, UTC. Days are counted from that day. What was said in rooms is stored only where a room
shows it, and of those who agreed: in recordings, until you withdraw it; and of the last minute before a report, for the admins alone, until 30 days after that is
closed, and for 180 days at most. What you said goes with your account.
Secrets (invite codes, session tokens, recovery codes) are stored only as digests, so they cannot be given back.
Somebody of whom you may not know (any more), such as whoever has blocked you, is null.
";

const README_RU: &str = "\
В этом архиве всё, что сервер хранит о вас.

account.json   учётная запись, профиль, ссылки, домены, способы входа, сеансы и дни, когда вы участвовали
follows.json   на кого вы подписаны и кто подписан на вас, кого вы заблокировали и заглушили
houses.json    ваши дома и выдвижения в них
invites.json   приглашения, которые вы создали
notices.json   ваши уведомления и то, как вы хотите о них узнавать
rooms.json     комнаты, которые вы открыли или скрыли, вопросы, заданные с поднятой рукой, ваши действия как модератора и
               действия модераторов в отношении вас, с обжалованиями
office.json    кто ведёт ваши дела, чьи дела ведёте вы и что при этом было сделано
events.json    события, которые вы объявили, ведёте или о которых просили сообщать, и ваши голоса за даты
invitations.json  приглашения к разговору, которые вы написали, и ваши ответы, подписи, вопросы и отклики
replays.json   записи ваших комнат, что записано из сказанного вами и что вы на это ответили, где вы были, ваши ссылки, отрывки и
               отклики
reports.json   ваши жалобы и то, что вы сделали как администратор
avatar.jpg     ваша картинка, если она есть
recordings/    что записано из сказанного вами: файлы ЗАПИСЬ-N.ogg, где N — номер вашей дорожки в записи
replies/       ваши голосовые отклики, по их номерам

Время указано в миллисекундах с 1 января 1970 года (UTC), дни отсчитываются от этой даты. Сказанное в комнатах хранится,
только если комната это показывает, и только тех, кто согласился: в записях, пока вы не уберёте свои слова; и последняя минута перед жалобой: только для администраторов, не дольше
30 дней после её закрытия и не дольше 180 дней всего. Сказанное вами удаляется вместе с учётной записью.
Секреты (коды приглашений, ключи сеансов, коды восстановления) хранятся только в виде отпечатков, поэтому вернуть их нельзя.
Вместо людей, о которых вам (больше) не положено знать, например тех, кто вас заблокировал, стоит null.
";

/// Deletes a member with everything they wrote, ends the rooms that they opened, and takes them out of everything that is
/// live. Returns once nothing of it is left on the disk, with two exceptions: a database so large that this has to wait, and files of
/// sound that cannot be removed at this moment, which nobody can ask for any more and [`crate::evidence::Evidence::tidy`] tries to remove
/// again every 30 seconds. The account is gone all the same, so that is no error: there would be nobody to ask again.
///
/// Errors: `owner_must_stay`, `not_signed_in` for an account that is gone already, or the store's.
pub(crate) async fn delete(app: &Arc<App>, member: MemberId) -> Result<(), ApiError> {
    let internal = |error: StoreError| ApiError::internal(&error);
    let found = app.store.member(member).await.map_err(internal)?.ok_or(Code::NotSignedIn)?;
    if found.owner {
        return Err(Code::OwnerMustStay.into());
    }
    // First nothing more may come from them; then they leave what is live; then they go.
    app.store.end_sessions(member).await.map_err(internal)?;
    for room in app.store.live_rooms_of(member).await.map_err(internal)? {
        // Its title is theirs, and cannot be forgotten while it is shown.
        app.rooms.end(room).await;
    }
    let them = HashSet::from([member]);
    app.rooms.expel(&them).await;
    app.rooms.forget(member).await;
    let recorded = app.store.replays_with(member).await.map_err(internal)?;
    forget(&app.store, member).await?;
    forget_replays(app, &recorded).await;
    // An event whose room went with them is over.
    app.events.changed();
    // A room that was opened meanwhile has brought along what they had asked.
    app.rooms.forget(member).await;
    // What they said in reports of others, and whatever went with reports about them.
    app.evidence.sweep(&app.store).await;
    // Whoever signed in meanwhile, by another way, is out as well.
    app.rooms.expel(&them).await;
    tracing::info!("an account was deleted");
    metrics::counter!("roomtone_members_deleted_total").increment(1);
    let at_most = if app.rooms.all().is_empty() { AT_ONCE_MAX.1 } else { AT_ONCE_MAX.0 };
    if !app.store.forget_deleted(at_most).await.map_err(internal)? {
        Forgetting::start(app);
    }
    Ok(())
}

/// Takes what was recorded of a member who is gone off the disk: all of the replays that they hosted, and their tracks in those of
/// others, which are made anew.
async fn forget_replays(app: &App, recorded: &[ReplayId]) {
    for &replay in recorded {
        http::replay_changed(app, replay).await;
    }
}

/// Deletes a member from the store, with their words in the logs of others' rooms.
async fn forget(store: &Store, member: MemberId) -> Result<(), ApiError> {
    let mut attempt = 1;
    loop {
        let (log, snapshots) = rewrites(store, member).await?;
        match store.delete_account(member, &log, &snapshots).await {
            Ok(()) => return Ok(()),
            Err(DeleteError::Owner) => return Err(Code::OwnerMustStay.into()),
            Err(DeleteError::Missing) => return Err(Code::NotSignedIn.into()),
            Err(DeleteError::Store(StoreError::Busy)) if attempt < ATTEMPTS => attempt += 1,
            Err(DeleteError::Store(error)) => return Err(ApiError::internal(&error)),
        }
    }
}

/// What rooms keep in place of texts with questions of a member's.
async fn rewrites(store: &Store, member: MemberId) -> Result<(Vec<Rewrite>, Vec<Rewrite>), Failed> {
    let (mut log, mut snapshots) = (Vec::new(), Vec::new());
    let mut after = None;
    while let Some(page) = next_events(store, member, &mut after).await? {
        for OwnEvent { room, seq, body } in page {
            if let Some(body) = without_words_of(member, &body)? {
                log.push(Rewrite { room, seq, body });
            }
        }
    }
    let mut after = None;
    while let Some(OwnEvent { room, seq, body }) = store.next_snapshot_with(member, after).await? {
        after = Some(room);
        if let Some(body) = without_words_in_state(member, &body)? {
            snapshots.push(Rewrite { room, seq, body });
        }
    }
    Ok((log, snapshots))
}

/// A stored event without what a member wrote in it, if there is anything.
fn without_words_of(author: MemberId, body: &str) -> Result<Option<String>, Unreadable> {
    let event = match read_event(body)? {
        Event::HandRaised { member, question: Some(_), place, spoken } if member == author => {
            Event::HandRaised { member, question: None, place, spoken }
        }
        Event::Banned { member, by, reason: Some(_) } if by == author => Event::Banned { member, by, reason: None },
        Event::CalledUp { member, by, context: Some(_), until } if by == author => {
            Event::CalledUp { member, by, context: None, until }
        }
        Event::Described { language, by, .. } if by == author => {
            Event::Described { title: UNTITLED.to_owned(), topics: Vec::new(), language, by }
        }
        Event::QuestionBrought { number, question } if question.by == author && !question.text.is_empty() => {
            Event::QuestionBrought { number, question: Question { text: String::new(), ..question } }
        }
        Event::LinkPinned { number, by, .. } if by == author => {
            Event::LinkPinned { number, url: String::new(), label: String::new(), by }
        }
        _ => return Ok(None),
    };
    Ok(Some(write_event(&event)))
}

/// A stored state of a room without what a member wrote in it, if there is anything.
fn without_words_in_state(author: MemberId, body: &str) -> Result<Option<String>, Unreadable> {
    let state = read_state(body)?;
    let without = state.clone().without_words_of(author);
    Ok((without != state).then(|| write_state(&without)))
}

/// Whether somebody is taking what was deleted off the disk: there is one such task, however many accounts are deleted.
#[derive(Debug, Default)]
pub struct Forgetting(AtomicBool);

impl Forgetting {
    /// Starts the task, unless there is one.
    fn start(app: &Arc<App>) {
        if !app.forgetting.0.swap(true, Ordering::AcqRel) {
            tokio::spawn(forget_later(app.clone()));
        }
    }
}

/// Takes what was deleted off the disk once no room is live, or when it has waited for long enough: a large database takes a while to
/// be written anew, and nothing else can be written meanwhile. What is left when the server stops is done when it starts.
async fn forget_later(app: Arc<App>) {
    let mut waited = Duration::ZERO;
    loop {
        tokio::time::sleep(FORGET_AGAIN_AFTER).await;
        waited += FORGET_AGAIN_AFTER;
        if !may_forget(waited, app.rooms.all().is_empty()) {
            continue;
        }
        match forget_rest(&app.store).await {
            Ok(()) => {
                app.forgetting.0.store(false, Ordering::Release);
                // Whoever was deleted just now saw this task.
                match app.store.has_to_forget().await {
                    Ok(true) if !app.forgetting.0.swap(true, Ordering::AcqRel) => waited = Duration::ZERO,
                    _ => return,
                }
            }
            Err(StoreError::Closed) => return,
            Err(error) => tracing::error!(%error, "what was deleted is still on the disk"),
        }
    }
}

/// Whether a large database is written anew now, after what was deleted has waited for so long.
fn may_forget(waited: Duration, nobody_is_live: bool) -> bool {
    nobody_is_live || waited >= FORGET_WITHIN
}

/// Takes what was deleted off the disk, if anything is left of it.
pub(crate) async fn forget_rest(store: &Store) -> Result<(), StoreError> {
    if store.forget_deleted(u64::MAX).await? { Ok(()) } else { Err(StoreError::Busy) }
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::{RecordId, Timestamp};
    use roomtone_room::{Actor, Command, Kind, Opening, Room, Terms};

    use super::*;

    #[test]
    fn questions_are_taken_out_of_events_and_states() {
        let (ada, ben, eve) = (MemberId(1), MemberId(2), MemberId(3));
        let opening = Opening::new("A room".to_owned(), Kind::Open, "en".to_owned());
        let (mut room, _) = Room::open(Timestamp(0), RoomId(1), ada, opening);
        let mut raised = Vec::new();
        for member in [ben, eve] {
            let actor = Actor::Member { member, role_epoch: None, id: None };
            room.apply(Timestamp(1), actor, Command::Enter { followed_by_moderator: false }).unwrap();
            let question = Some(format!("question of {}", member.0));
            let applied =
                room.apply(Timestamp(2), actor, Command::RaiseHand { question, followed_by_speaker: false }).unwrap();
            raised.extend(applied.events.into_iter().map(|numbered| write_event(&numbered.event)));
        }
        let state = write_state(&room.to_state());
        assert!(state.contains("question of 2") && state.contains("question of 3"));
        let scrubbed = without_words_in_state(ben, &state).unwrap().unwrap();
        assert!(!scrubbed.contains("question of 2") && scrubbed.contains("question of 3"), "{scrubbed}");
        assert_eq!(without_words_in_state(ben, &scrubbed).unwrap(), None);
        assert_eq!(without_words_in_state(MemberId(9), &state).unwrap(), None);
        let event = without_words_of(ben, &raised[0]).unwrap().unwrap();
        assert!(!event.contains("question of") && event.contains(&ben.to_string()), "{event}");
        assert_eq!(without_words_of(ben, &event).unwrap(), None);
        // The hand is still up, and the room can still be read.
        let before = read_state(&state).unwrap();
        let after = read_state(&scrubbed).unwrap();
        assert_eq!(before.participants.len(), after.participants.len());
        assert!(after.participants.iter().all(|participant| participant.member == ada || participant.hand.is_some()));
    }

    #[test]
    fn what_was_asked_before_the_talk_is_taken_out_as_well() {
        let (ada, ben, eve) = (MemberId(1), MemberId(2), MemberId(3));
        let question =
            |by: MemberId| Question { record: RecordId(by.0), text: format!("question of {}", by.0), by, votes: 0 };
        let terms = Some(Terms { recorded: true, stage: [ben].into(), guests: 0 });
        let questions = vec![question(ben), question(eve)];
        let opening = Opening { terms, questions, ..Opening::new("A room", Kind::Open, "en") };
        let (mut room, events) = Room::open(Timestamp(0), RoomId(1), ada, opening);
        let host = Actor::Member { member: ada, role_epoch: None, id: None };
        room.apply(Timestamp(1), host, Command::TakeQuestion { number: Some(1) }).unwrap();

        let [_, first, second] = [0, 1, 2].map(|event| write_event(&events[event].event));
        let without = without_words_of(ben, &first).unwrap().unwrap();
        assert!(first.contains("question of 2") && !without.contains("question of"), "{without}");
        assert_eq!((without_words_of(ben, &without).unwrap(), without_words_of(ben, &second).unwrap()), (None, None));
        let state = write_state(&room.to_state());
        let scrubbed = without_words_in_state(ben, &state).unwrap().unwrap();
        assert!(!scrubbed.contains("question of 2") && scrubbed.contains("question of 3"), "{scrubbed}");
        assert!(!scrubbed.contains(&ben.to_string()), "{scrubbed}");
    }

    #[test]
    fn a_busy_server_forgets_within_hours() {
        assert!(may_forget(FORGET_AGAIN_AFTER, true) && !may_forget(FORGET_AGAIN_AFTER, false));
        assert!(!may_forget(FORGET_WITHIN - FORGET_AGAIN_AFTER, false) && may_forget(FORGET_WITHIN, false));
    }

    #[test]
    fn the_archive_speaks_the_language_of_its_owner() {
        assert_eq!(
            (readme("ru-RU"), readme("RU"), readme("en"), readme("fr")),
            (README_RU, README_RU, README_EN, README_EN)
        );
        for file in ["account", "follows", "houses", "invites", "notices", "rooms", "replays", "reports"] {
            assert!(
                README_EN.contains(&format!("{file}.json")) && README_RU.contains(&format!("{file}.json")),
                "{file}"
            );
        }
    }
}
