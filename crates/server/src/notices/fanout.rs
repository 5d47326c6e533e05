//! Finding those who want to hear of a room: the followers of somebody in it whose bell rings, and the people of its house.
//! Page by page, and the rooms in turn, so that a member with very many followers holds nobody up.

use std::collections::VecDeque;

use roomtone_room::ids::{HouseId, MemberId, RoomId, Timestamp};
use roomtone_store::{NOTICES_AT_ONCE, Place};
use tokio::sync::{mpsc, oneshot};

use super::{AGAIN_AFTER, Job, Tell, keep};
use crate::app::App;
use crate::edge;
use crate::wire::ApiError;
use crate::wire::notices::NoticeKind;

/// Followers that are read at once, each of whom makes at most one notice.
const PAGE: u32 = NOTICES_AT_ONCE as u32;

/// Pieces of news that take turns. With more, each takes longer; with fewer, the rest waits in the queue until one is done.
const IN_TURN: usize = 256;

/// What is new in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It was opened.
    Opened(RoomId),
    /// Somebody came on stage.
    Speaking(RoomId, MemberId),
}

/// What is being told, and who waits until all of it is.
#[derive(Default)]
pub(super) struct Turns {
    queue: VecDeque<Turn>,
    waiting: Vec<oneshot::Sender<()>>,
}

/// News, and who is told of them next.
struct Turn {
    news: News,
    next: Next,
}

/// Whom the next page is of.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// People of the room's house, if it has one, after this one.
    House(Option<MemberId>),
    /// Followers after this one.
    Followers(Option<Place>),
}

impl Turns {
    fn take(&mut self, job: Job<News>) {
        match job {
            // Who goes up and down the stage while their followers are still being told is new only once.
            Job::Do(news) if self.queue.iter().any(|turn| turn.news == news) => {}
            Job::Do(news) => {
                let next = match news {
                    News::Opened(_) => Next::House(None),
                    News::Speaking(..) => Next::Followers(None),
                };
                self.queue.push_back(Turn { news, next });
            }
            Job::Settle(done) => self.waiting.push(done),
        }
    }
}

/// Tells everybody who wants to hear of a room and may enter it, until the queue of news closes.
pub(super) async fn run(app: &App, news: &mut mpsc::Receiver<Job<News>>, turns: &mut Turns) {
    loop {
        if turns.queue.is_empty() {
            for done in turns.waiting.drain(..) {
                let _ = done.send(());
            }
            let Some(job) = news.recv().await else { return };
            turns.take(job);
        }
        while turns.queue.len() < IN_TURN
            && let Ok(job) = news.try_recv()
        {
            turns.take(job);
        }
        let Some(Turn { news, next }) = turns.queue.pop_front() else { continue };
        match page(app, news, next).await {
            Ok(Some(next)) => turns.queue.push_back(Turn { news, next }),
            Ok(None) => {}
            Err(error) => tracing::warn!(code = ?error.code, "some followers were not told of a room"),
        }
    }
}

/// Tells one page of people. `None`: there are no more, or the room is not live any more.
async fn page(app: &App, news: News, next: Next) -> Result<Option<Next>, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let (room, speaker) = match news {
        News::Opened(room) => (room, None),
        News::Speaking(room, speaker) => (room, Some(speaker)),
    };
    let Some(handle) = app.rooms.get(room) else { return Ok(None) };
    let (host, house): (MemberId, Option<HouseId>) = {
        let summary = handle.summary();
        (summary.card.host.id.0, summary.house())
    };
    let (who, kind) = match speaker {
        None => (host, NoticeKind::RoomOpened),
        Some(speaker) => (speaker, NoticeKind::RoomSpeaking),
    };
    let (people, kind, next) = match (next, house) {
        (Next::House(after), Some(house)) => {
            let people = app.store.house_audience(house, after, PAGE).await.map_err(internal)?;
            let next = people.last().map_or(Next::Followers(None), |last| Next::House(Some(*last)));
            (people, NoticeKind::HouseRoom, next)
        }
        (Next::House(_), None) => return Ok(Some(Next::Followers(None))),
        (Next::Followers(after), _) => {
            let again_from = Timestamp(edge::now().0.saturating_sub(AGAIN_AFTER));
            let bells = app.store.bells(who, after, again_from, PAGE).await.map_err(internal)?;
            let Some((last, _)) = bells.last() else { return Ok(None) };
            let next = Next::Followers(Some(*last));
            (bells.into_iter().filter(|(_, rings)| *rings).map(|(place, _)| place.id).collect(), kind, next)
        }
    };
    let outside: Vec<MemberId> = {
        let presence = app.rooms.presence();
        people.into_iter().filter(|member| presence.inside(*member) != Some(room)).collect()
    };
    let mut admitted = app.rooms.admits_of(&handle, &outside).await?;
    let batch = outside.into_iter().filter(|member| admitted.remove(member));
    keep(app, batch.map(|member| Tell::new(member, kind).by(who).about(room.0)).collect()).await;
    Ok(Some(next))
}
