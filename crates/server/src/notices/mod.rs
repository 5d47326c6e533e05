//! What members are told of: kept in their inbox, shown live while a page of theirs is open, and otherwise sent by Web
//! Push and mail.
//!
//! Everybody who has something to tell calls [`Notices::tell`], which never waits. One task keeps what was told, in
//! batches; a second finds those who want to hear of a room (`fanout`), a third delivers what goes out (`deliver`).
//! [`start`] starts all three.

pub(crate) mod choices;
mod deliver;
mod fanout;
pub mod push;
pub(crate) mod stop;
pub(crate) mod text;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use roomtone_room::ids::{MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{NOTICES_AT_ONCE, NewNotice, StoreError};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::app::App;
use crate::edge;
use crate::tasks::supervised;
use crate::wire::hallway::LiveMessage;
use crate::wire::notices::{Notice, NoticeKind};
use fanout::News;
use push::Push;
use stop::StopLinks;

/// Things to tell that may wait to be kept. More rides out a slow disk; what comes when it is full is told to nobody.
const TELLS: usize = 4096;

/// Rooms whose followers may wait to be found. More rides out a busy evening; what comes when it is full is told to nobody.
const NEWS: usize = 256;

/// For how long the same is not told again, in milliseconds: who is followed, left and followed within a day hears of it
/// once.
const AGAIN_AFTER: u64 = 24 * 60 * 60 * 1000;

/// How long notices are kept, in milliseconds.
const KEPT_FOR: u64 = 90 * 24 * 60 * 60 * 1000;

/// Something that a member is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tell {
    member: MemberId,
    kind: NoticeKind,
    actor: Option<MemberId>,
    subject: Option<u128>,
    body: String,
}

impl Tell {
    /// Tells `member` of something of this kind.
    pub(crate) fn new(member: MemberId, kind: NoticeKind) -> Self {
        Self { member, kind, actor: None, subject: None, body: String::new() }
    }

    /// Who did it. Nothing is told of somebody whom the member has muted, or with whom there is a block.
    pub(crate) fn by(self, actor: MemberId) -> Self {
        Self { actor: Some(actor), ..self }
    }

    /// The id of the room, house, invite or report that it is about. The titles of rooms and the names of houses are looked
    /// up whenever it is shown.
    pub(crate) fn about(self, subject: u128) -> Self {
        Self { subject: Some(subject), ..self }
    }

    /// A text that belongs to it. It stays where the member can read it, whoever wrote it.
    pub(crate) fn saying(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }
    }
}

/// The one way to tell members something.
pub struct Notices {
    /// Web Push: this server's key, and the client that posts.
    pub(crate) push: Push,
    /// Links that end letters.
    pub(crate) stop: StopLinks,
    tells: mpsc::Sender<Job<Tell>>,
    news: mpsc::Sender<Job<News>>,
    /// Rung when something is due.
    due: Notify,
    waiting: Mutex<Option<Waiting>>,
}

/// What waits for [`start`].
type Waiting = (mpsc::Receiver<Job<Tell>>, mpsc::Receiver<Job<News>>);

/// What is in a queue: something to do, or somebody who waits until everything before is done.
enum Job<T> {
    Do(T),
    Settle(oneshot::Sender<()>),
}

impl Notices {
    /// Nothing is told before [`start`]; until then it waits.
    pub(crate) fn new(push: Push, stop: StopLinks) -> Arc<Self> {
        let (tells, tells_waiting) = mpsc::channel(TELLS);
        let (news, news_waiting) = mpsc::channel(NEWS);
        let waiting = Mutex::new(Some((tells_waiting, news_waiting)));
        Arc::new(Self { push, stop, tells, news, due: Notify::new(), waiting })
    }

    /// Tells a member something, unless they do not want to hear of it: it respects what they chose, blocks and mutes, and
    /// does not tell the same twice in a day. Never waits; if more is told than can be kept, it is dropped and counted.
    pub(crate) fn tell(&self, tell: Tell) {
        dropped_if_full(self.tells.try_send(Job::Do(tell)).is_err());
    }

    /// Tells the followers of a room's host, and the people of its house, that it was opened, as far as they may enter it.
    pub(crate) fn room_opened(&self, room: RoomId) {
        dropped_if_full(self.news.try_send(Job::Do(News::Opened(room))).is_err());
    }

    /// Tells the followers of `speaker`, as far as they may enter the room, that they are on stage there. To be called when
    /// somebody else than the host comes on stage.
    pub(crate) fn room_speaking(&self, room: RoomId, speaker: MemberId) {
        dropped_if_full(self.news.try_send(Job::Do(News::Speaking(room, speaker))).is_err());
    }

    /// Tells somebody that they were put out of a room by those who run it. It does not say by whom, so neither a block nor a
    /// mute keeps it from them.
    pub(crate) fn moderated(&self, room: RoomId, whom: MemberId) {
        self.tell(Tell::new(whom, NoticeKind::Moderated).about(room.0));
    }

    /// Waits until everything that was told is kept. What is to go out by push or mail may still be on its way.
    pub async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.news.send(Job::Settle(done)).await.is_ok() {
            let _ = settled.await;
        }
        // After the news: they end up here.
        let (done, settled) = oneshot::channel();
        if self.tells.send(Job::Settle(done)).await.is_ok() {
            let _ = settled.await;
        }
    }
}

/// Starts the three tasks that keep, spread and deliver what is told, until they are aborted. Only the first call starts any.
pub(crate) fn start(app: &Arc<App>) -> Vec<JoinHandle<()>> {
    let waiting = app.notices.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some((mut tells, mut news)) = waiting else { return Vec::new() };
    let (keeper, spreader, deliverer) = (app.clone(), app.clone(), app.clone());
    let (mut turns, handed_over) = (fanout::Turns::default(), deliver::HandedOver::default());
    vec![
        tokio::spawn(supervised("notices_keep", async move || keep_all(&keeper, &mut tells).await)),
        tokio::spawn(supervised("notices_spread", async move || {
            fanout::run(&spreader, &mut news, &mut turns).await;
        })),
        tokio::spawn(supervised("notices_deliver", async move || deliver::run(&deliverer, &handed_over).await)),
    ]
}

/// Deletes notices that are too old, a few at a time.
pub(crate) async fn tidy(app: &App) {
    let before = Timestamp(edge::now().0.saturating_sub(KEPT_FOR));
    loop {
        match app.store.delete_old_notices(before).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!(%error, "old notices could not be deleted"),
        }
    }
}

/// Tells every open page of a member how many notices they have not read.
pub(crate) async fn tell_unread(app: &App, member: MemberId) -> Result<u64, StoreError> {
    let unread = app.store.unread_notices(member).await?;
    app.live.tell(member, LiveMessage::Unread { unread });
    Ok(unread)
}

async fn keep_all(app: &App, waiting: &mut mpsc::Receiver<Job<Tell>>) {
    let mut jobs = Vec::with_capacity(NOTICES_AT_ONCE);
    while waiting.recv_many(&mut jobs, NOTICES_AT_ONCE).await > 0 {
        let (mut batch, mut settled) = (Vec::new(), Vec::new());
        for job in jobs.drain(..) {
            match job {
                Job::Do(tell) => batch.push(tell),
                Job::Settle(done) => settled.push(done),
            }
        }
        keep(app, batch).await;
        for done in settled {
            let _ = done.send(());
        }
    }
}

/// Keeps a batch for those who want it, and shows it to those who have a page open.
pub(crate) async fn keep(app: &App, batch: Vec<Tell>) {
    let at = edge::now();
    let mut seen = HashSet::new();
    let mut notices: Vec<NewNotice> = Vec::with_capacity(batch.len());
    for tell in batch {
        let Tell { member, kind, actor, subject, body } = tell;
        if actor == Some(member) || !seen.insert((member, kind, actor, subject)) {
            continue;
        }
        notices.push(NewNotice {
            id: RecordId(edge::random_128()),
            member,
            kind: kind.as_str(),
            actor,
            subject,
            body,
            at,
            defaults: choices::default_ways(kind),
            away: !app.live.is_open(member),
        });
    }
    let again_from = Timestamp(at.0.saturating_sub(AGAIN_AFTER));
    let count = notices.len();
    if let Err(error) = keep_all_of(app, notices, again_from).await {
        metrics::counter!("roomtone_notices_dropped_total").increment(count as u64);
        tracing::warn!(%error, count, "notices were not kept");
    }
}

/// Keeps these notices for those who want them, at most [`NOTICES_AT_ONCE`], and shows them to those who have a page open. What
/// the same actor caused of the same kind after `again_from`, and a notice whose id is known, is not told again; so whoever is
/// refused can repeat all of it.
pub(crate) async fn keep_all_of(app: &App, notices: Vec<NewNotice>, again_from: Timestamp) -> Result<(), StoreError> {
    let shown = match app.store.add_notices(&notices, again_from).await {
        Err(StoreError::Conflict(_)) if notices.len() > 1 => {
            // Somebody in the batch was deleted at this moment; that is nobody else's loss.
            let mut shown = HashSet::new();
            for notice in &notices {
                match app.store.add_notices(std::slice::from_ref(notice), again_from).await {
                    Ok(one) => shown.extend(one),
                    Err(StoreError::Conflict(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            shown
        }
        // The only one is of somebody who was deleted at this moment.
        Err(StoreError::Conflict(_)) => HashSet::new(),
        kept => kept?,
    };
    // Also while a page is open: what is not wanted in the inbox is not shown there.
    if notices.iter().any(|notice| notice.away || !shown.contains(&notice.id)) {
        app.notices.due.notify_one();
    }
    for notice in notices.iter().filter(|notice| !notice.away && shown.contains(&notice.id)) {
        if let Err(error) = show(app, notice.member, notice.id).await {
            tracing::warn!(%error, "a notice was not shown to an open page");
        }
    }
    Ok(())
}

/// Shows a notice to the open pages of its member.
async fn show(app: &App, member: MemberId, id: RecordId) -> Result<(), StoreError> {
    let Some(notice) = app.store.notice(member, id).await?.and_then(Notice::of) else {
        return Ok(());
    };
    let unread = app.store.unread_notices(member).await?;
    app.live.tell(member, LiveMessage::Notice { notice, unread });
    Ok(())
}

fn dropped_if_full(full: bool) {
    if full {
        metrics::counter!("roomtone_notices_dropped_total").increment(1);
        tracing::warn!("a notice was dropped: too many are waiting to be kept");
    }
}
