//! Finding those who want to hear of a room: the followers of somebody in it whose bell rings, and the people of its house.
//! Page by page, one room at a time, so that a member with very many followers holds nobody up.

use roomtone_room::ids::{HouseId, MemberId, RoomId, Timestamp};
use roomtone_store::NOTICES_AT_ONCE;

use super::{AGAIN_AFTER, Tell, keep};
use crate::app::App;
use crate::edge;
use crate::wire::ApiError;
use crate::wire::notices::NoticeKind;

/// Followers that are read at once, each of whom makes at most one notice.
const PAGE: u32 = NOTICES_AT_ONCE as u32;

/// What is new in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It was opened.
    Opened(RoomId),
    /// Somebody came on stage.
    Speaking(RoomId, MemberId),
}

/// Tells everybody who wants to hear of it and may enter the room.
pub(super) async fn spread(app: &App, news: News) -> Result<(), ApiError> {
    let (room, who, kind) = match news {
        News::Opened(room) => {
            let Some(handle) = app.rooms.get(room) else { return Ok(()) };
            let card = handle.summary().card.clone();
            if let Some(house) = &card.house {
                tell_house(app, room, card.host.id.0, house.id.0).await?;
            }
            (room, card.host.id.0, NoticeKind::RoomOpened)
        }
        News::Speaking(room, speaker) => (room, speaker, NoticeKind::RoomSpeaking),
    };
    let again_from = Timestamp(edge::now().0.saturating_sub(AGAIN_AFTER));
    let mut after = None;
    loop {
        let page = app.store.bells(who, after, again_from, PAGE).await.map_err(|e| ApiError::internal(&e))?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        let ringing = page.iter().filter(|(_, rings)| *rings).map(|(follower, _)| follower.id);
        if !tell_page(app, room, who, kind, ringing).await? {
            return Ok(());
        }
    }
}

/// Tells the people of a house that a room of theirs was opened.
async fn tell_house(app: &App, room: RoomId, host: MemberId, house: HouseId) -> Result<(), ApiError> {
    let mut after = None;
    loop {
        let page = app.store.house_audience(house, after, PAGE).await.map_err(|e| ApiError::internal(&e))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(*last);
        if !tell_page(app, room, host, NoticeKind::HouseRoom, page.into_iter()).await? {
            return Ok(());
        }
    }
}

/// Tells those who may enter the room and are not in it. Returns whether the room is still live.
async fn tell_page(
    app: &App,
    room: RoomId,
    actor: MemberId,
    kind: NoticeKind,
    members: impl Iterator<Item = MemberId>,
) -> Result<bool, ApiError> {
    let Some(handle) = app.rooms.get(room) else { return Ok(false) };
    let is_inside = |member| app.rooms.presence().find(member).is_some_and(|(inside, _)| inside == room);
    let mut batch = Vec::new();
    for member in members {
        if !is_inside(member) && app.rooms.admits(&handle, member).await?.admitted {
            batch.push(Tell::new(member, kind).by(actor).about(room.0));
        }
    }
    keep(app, batch).await;
    Ok(true)
}
