//! A member's account as a whole: everything that is stored about them as one archive, and deleting it.

use std::collections::HashSet;
use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::Duration;

use roomtone_room::ids::{MemberId, RoomId, encode_128};
use roomtone_room::{Event, UNTITLED};
use roomtone_store::{AvatarSize, DeleteError, ExportPart, Exported, Member, OwnEvent, Rewrite, Store, StoreError};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::app::App;
use crate::wire::stored::{Unreadable, read_event, read_state, write_event, write_state};
use crate::wire::{ApiError, Code};

/// Archives that are made at once. Each holds what is stored about one member in memory, compressed.
const ARCHIVES: usize = 2;

/// How often a deletion is tried when others change the same rows at the same moment.
const ATTEMPTS: u32 = 5;

/// The largest database that is written anew at once when an account was deleted, in bytes: while rooms are live, and while
/// none is. It takes a tenth of a second for each ten million bytes, in which no room can go on; what a moderator does has
/// to take effect within a quarter of one (guarantee G2). Higher forgets sooner, lower keeps people waiting for less.
const AT_ONCE_MAX: (u64, u64) = (16 << 20, 128 << 20);

/// How often it is looked whether a larger one can be.
const FORGET_AGAIN_AFTER: Duration = Duration::from_secs(30);

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

/// Everything that is stored about a member, as a zip archive. Only so many are made at once; beyond that, `busy`.
pub(crate) async fn archive(app: &App, member: &Member) -> Result<Vec<u8>, ApiError> {
    let _one_of_few = ARCHIVING.try_acquire().map_err(|_| Code::Busy)?;
    Ok(write_archive(&app.store, member).await?)
}

async fn write_archive(store: &Store, member: &Member) -> Result<Vec<u8>, Failed> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("README.txt", options)?;
    archive.write_all(readme(&member.language).as_bytes())?;
    let id = member.person.id;
    let mut questions = Some(questions(store, id).await?);
    let mut file = Vec::new();
    let mut parts = Vec::new();
    for number in 0..Store::export_parts() {
        // There are as many as were counted.
        parts.extend(store.export_part(id, number).await?);
        let last = parts.last().map(|part: &ExportPart| part.file);
        if number + 1 < Store::export_parts() && Store::export_file(number + 1) == last {
            continue;
        }
        let mut object = Map::new();
        for part in parts.drain(..) {
            object.insert(part.name.to_owned(), part.rows.into_iter().map(row).collect());
        }
        if let Some(questions) = questions.take_if(|_| last == Some("rooms")) {
            object.insert("questions".to_owned(), questions);
        }
        file.clear();
        serde_json::to_writer_pretty(&mut file, &object)?;
        archive.start_file(format!("{}.json", last.unwrap_or_default()), options)?;
        archive.write_all(&file)?;
    }
    if let Some(avatar) = member.person.avatar
        && let Some(picture) = store.avatar(avatar, AvatarSize::Large).await?
    {
        archive.start_file("avatar.jpg", options.compression_method(CompressionMethod::Stored))?;
        archive.write_all(&picture)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// A row as JSON: ids in their text form, times in milliseconds since 1970.
fn row(row: Vec<(&'static str, Exported)>) -> Value {
    let value = |value| match value {
        Exported::Null => Value::Null,
        Exported::Text(text) => text.into(),
        Exported::Number(number) | Exported::Time(number) => number.into(),
        Exported::Truth(truth) => truth.into(),
        Exported::Id(id) => encode_128(id).into(),
    };
    row.into_iter().map(|(column, exported)| (column.to_owned(), value(exported))).collect()
}

/// The questions that went with hands of a member's, in rooms whose log still has them.
async fn questions(store: &Store, member: MemberId) -> Result<Value, Failed> {
    let mut found = Vec::new();
    let mut after = None;
    while let Some(event) = next_events(store, member, &mut after).await? {
        for OwnEvent { room, body, .. } in event {
            if let Event::HandRaised { question: Some(question), .. } = read_event(&body)? {
                found.push(serde_json::json!({ "room": room.to_string(), "question": question }));
            }
        }
    }
    Ok(found.into())
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

account.json   your account, profile, links, ways to sign in, sessions and the days on which you took part
follows.json   whom you follow and who follows you, whom you have blocked and muted
houses.json    your houses, and nominations
invites.json   the invites that you made
notices.json   your notices, and how you want to hear of things
rooms.json     the rooms that you opened, and questions that you asked with a raised hand
reports.json   the reports that you made, and what you did as an admin
avatar.jpg     your picture, if you have one

Times are milliseconds since 1 January 1970, UTC. Days are counted from that day. What was said in rooms is not stored.
Secrets (invite codes, session tokens, recovery codes) are stored only as digests, so they cannot be given back.
";

const README_RU: &str = "\
В этом архиве всё, что сервер хранит о вас.

account.json   учётная запись, профиль, ссылки, способы входа, сеансы и дни, когда вы участвовали
follows.json   на кого вы подписаны и кто подписан на вас, кого вы заблокировали и заглушили
houses.json    ваши дома и выдвижения в них
invites.json   приглашения, которые вы создали
notices.json   ваши уведомления и то, как вы хотите о них узнавать
rooms.json     комнаты, которые вы открыли, и вопросы, заданные с поднятой рукой
reports.json   ваши жалобы и то, что вы сделали как администратор
avatar.jpg     ваша картинка, если она есть

Время указано в миллисекундах с 1 января 1970 года (UTC), дни отсчитываются от этой даты. Сказанное в комнатах не хранится.
Секреты (коды приглашений, ключи сеансов, коды восстановления) хранятся только в виде отпечатков, поэтому вернуть их нельзя.
";

/// Deletes a member with everything they wrote, ends the rooms that they opened, and takes them out of everything that is
/// live. Returns once nothing of it is left on the disk, unless the database is so large that this has to wait.
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
    forget(&app.store, member).await?;
    // Whoever signed in meanwhile, by another way, is out as well.
    app.rooms.expel(&them).await;
    tracing::info!("an account was deleted");
    metrics::counter!("roomtone_members_deleted_total").increment(1);
    let at_most = if app.rooms.all().is_empty() { AT_ONCE_MAX.1 } else { AT_ONCE_MAX.0 };
    if !app.store.forget_deleted(at_most).await.map_err(internal)? {
        tokio::spawn(forget_later(app.clone()));
    }
    Ok(())
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

/// Takes what was deleted off the disk once no room is live: a large database takes a while to be written anew, and nothing
/// else can be written meanwhile. What is left when the server stops is done when it starts.
async fn forget_later(app: Arc<App>) {
    loop {
        tokio::time::sleep(FORGET_AGAIN_AFTER).await;
        if !app.rooms.all().is_empty() {
            continue;
        }
        match forget_rest(&app.store).await {
            Ok(()) | Err(StoreError::Closed) => break,
            Err(error) => tracing::error!(%error, "what was deleted is still on the disk"),
        }
    }
}

/// Takes what was deleted off the disk, if anything is left of it.
pub(crate) async fn forget_rest(store: &Store) -> Result<(), StoreError> {
    if store.has_to_forget().await? && !store.forget_deleted(u64::MAX).await? {
        return Err(StoreError::Busy);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::Timestamp;
    use roomtone_room::{Actor, Command, Kind, Opening, Room};

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
    fn the_archive_speaks_the_language_of_its_owner() {
        assert_eq!(
            (readme("ru-RU"), readme("RU"), readme("en"), readme("fr")),
            (README_RU, README_RU, README_EN, README_EN)
        );
        for file in ["account", "follows", "houses", "invites", "notices", "rooms", "reports"] {
            assert!(
                README_EN.contains(&format!("{file}.json")) && README_RU.contains(&format!("{file}.json")),
                "{file}"
            );
        }
    }
}
