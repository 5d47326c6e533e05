//! Delivery by Web Push and mail: one task takes what is due, member by member, and merges what one member gets at once.
//!
//! A notice goes out at least once. It goes out twice only if the process dies between handing it over and noting that: who
//! takes it has it for [`CLAIM`], and if nothing was noted by then, it is due again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use roomtone_room::ids::{MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{Due, Notice, Recipient, StoreError, Subscription, Ways};

use super::choices::{default_ways, quiet_until};
use super::push::{Message, PAYLOAD_MAX, Sent};
use super::text::{Texts, texts};
use crate::app::App;
use crate::edge;
use crate::events::recurrence::date;
use crate::mail::Letter;
use crate::wire::ApiError;
use crate::wire::events::EventChange;
use crate::wire::notices::{Notice as Shown, NoticeEvent, NoticeKind, PushMessage};

/// For how long what is taken is out of others' hands, in milliseconds. Longer than anything here takes; shorter makes up for a
/// crash sooner.
const CLAIM: u64 = 5 * 60 * 1000;

/// After how long it is tried again, in milliseconds; when that has been done this often, it is given up.
const AGAIN: [u64; 5] = [30_000, 2 * 60_000, 10 * 60_000, 60 * 60_000, 4 * 60 * 60_000];

/// Due notices that are looked at together.
const LOOK: u32 = 256;

/// Members who are served at the same time.
const AT_ONCE: usize = 16;

/// How long nothing is looked for at most. What other processes leave due is found by then.
const IDLE: Duration = Duration::from_secs(60);

/// How long nothing is tried after the store has failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How long a call is worth waking somebody for, in milliseconds.
const CALL_RINGS: u64 = 60_000;

/// How long it is worth telling somebody that an event is live, in milliseconds.
const EVENT_IS_NEWS: u64 = 3 * 60 * 60_000;

/// How long a push service keeps what is about a room, and everything else.
const KEEP_ROOM: Duration = Duration::from_secs(60 * 60);
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// Lines of a merged message; the rest is only counted.
const LINES: usize = 4;

/// Characters of a text that a message shows.
const TEXT_MAX: usize = 160;

/// Notices that wait to be tried again somewhere, and are remembered as handed over elsewhere. What is forgotten may come
/// twice.
const REMEMBERED: usize = 10_000;

/// Where a notice goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    Browser(RecordId),
    Mailbox,
}

/// Where notices were handed over that are not done with, since another target of theirs did not take them yet.
#[derive(Default)]
pub(super) struct HandedOver(Mutex<HashMap<RecordId, HashSet<Target>>>);

impl HandedOver {
    fn has(&self, notice: RecordId, target: Target) -> bool {
        self.map(|map| map.get(&notice).is_some_and(|targets| targets.contains(&target)))
    }

    fn add(&self, notices: &[&Item], target: Target) {
        self.map(|map| {
            for item in notices {
                if map.len() < REMEMBERED || map.contains_key(&item.id) {
                    map.entry(item.id).or_default().insert(target);
                }
            }
        });
    }

    fn forget(&self, notices: &[RecordId]) {
        self.map(|map| notices.iter().for_each(|id| drop(map.remove(id))));
    }

    fn map<T>(&self, work: impl FnOnce(&mut HashMap<RecordId, HashSet<Target>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A notice that is to go out, and the ways for it.
struct Item {
    id: RecordId,
    shown: Shown,
    push: bool,
    mail: bool,
}

/// Delivers what is due, whenever it is, until it is dropped.
pub(super) async fn run(app: &App, handed_over: &HandedOver) {
    loop {
        let pause = match round(app, handed_over).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(%error, "notices were not delivered for now");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = app.notices.due.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Serves everybody for whom something is due, and returns how long until something is again.
async fn round(app: &App, handed_over: &HandedOver) -> Result<Duration, StoreError> {
    loop {
        let members = app.store.due_members(edge::now(), LOOK).await?;
        if members.is_empty() {
            let next = app.store.next_due().await?;
            let wait = next.map_or(IDLE, |next| Duration::from_millis(next.0.saturating_sub(edge::now().0)));
            return Ok(wait.min(IDLE));
        }
        let served = stream::iter(members).map(|member| serve(app, handed_over, member)).buffer_unordered(AT_ONCE);
        served.fold(Ok(()), async |all: Result<(), StoreError>, one| all.and(one)).await?;
    }
}

/// Delivers what is due for one member.
async fn serve(app: &App, handed_over: &HandedOver, member: MemberId) -> Result<(), StoreError> {
    let now = edge::now();
    let until = now.plus(CLAIM);
    let due = app.store.claim_due(member, now, until).await?;
    let ids: Vec<_> = due.iter().map(|due| due.notice.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let attempts = due.iter().map(|due| due.attempts).max().unwrap_or_default();
    let attempt = usize::try_from(attempts).unwrap_or(usize::MAX).saturating_sub(1);
    // More often than that only what makes the process die or the task panic is tried.
    let recipient = app.store.recipient(member).await?.filter(|_| attempt <= AGAIN.len());
    let Some(recipient) = recipient else {
        handed_over.forget(&ids);
        return app.store.delivered(&ids, until).await;
    };
    if let Some(end) = quiet_until(&recipient.quiet, now) {
        return app.store.deliver_later(&ids, until, end, true).await;
    }
    let (mut items, mut unsure) = (Vec::new(), false);
    for Due { notice, .. } in due {
        match item(app, &recipient, notice, now).await {
            Ok(found) => items.extend(found),
            // Logged already. It is tried again, as what a push service did not take.
            Err(_) => unsure = true,
        }
    }
    let browsers = recipient.subscriptions.iter().map(|to| to_browser(app, handed_over, &recipient, &items, to));
    let tried: Vec<Result<Option<Wait>, StoreError>> =
        stream::iter(browsers.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect().await;
    let failed = tried.into_iter().filter_map(|result| result.unwrap_or(Some(Wait(None))));
    let mut waits: Vec<Option<Duration>> = failed.map(|wait| wait.0).collect();
    waits.extend(to_mailbox(app, handed_over, &recipient, &items).map(|wait| wait.0));
    waits.extend(unsure.then_some(None));
    match (waits.is_empty(), AGAIN.get(attempt)) {
        (false, Some(after)) => {
            let asked = waits.into_iter().flatten().max().map_or(0, |asked| asked.as_millis() as u64);
            app.store.deliver_later(&ids, until, edge::now().plus(asked.max(*after)), false).await
        }
        (all_done, _) => {
            if !all_done {
                metrics::counter!("roomtone_notices_given_up_total").increment(ids.len() as u64);
            }
            handed_over.forget(&ids);
            app.store.delivered(&ids, until).await
        }
    }
}

/// It did not work; the other side may have said for how long not to come back.
struct Wait(Option<Duration>);

/// A notice, if it still is of use and goes out in any way.
async fn item(app: &App, recipient: &Recipient, notice: Notice, now: Timestamp) -> Result<Option<Item>, ApiError> {
    let (id, subject, member) = (notice.id, notice.subject, recipient.person.id);
    let Some(shown) = Shown::of(notice).filter(|shown| !shown.read) else { return Ok(None) };
    let chosen = recipient.choices.get(shown.kind.as_str()).copied();
    let Ways { inbox, push, mail } = chosen.unwrap_or_else(|| default_ways(shown.kind));
    // Whoever looks at a page of ours is told there, if at all.
    let told_there = inbox && app.live.is_open(member);
    let is_live = shown.event.as_ref().is_some_and(|event| event.change == Some(EventChange::Live));
    let of_use_for = match shown.kind {
        NoticeKind::Call => CALL_RINGS,
        NoticeKind::EventChanged if is_live => EVENT_IS_NEWS,
        _ => u64::MAX,
    };
    let too_late = shown.at.saturating_add(of_use_for) < now.0;
    if told_there || too_late || !(push || mail) {
        return Ok(None);
    }
    if shown.kind.is_about_a_room() {
        let Some(handle) = subject.and_then(|room| app.rooms.get(RoomId(room))) else { return Ok(None) };
        if !app.rooms.admits(&handle, member).await?.admitted {
            return Ok(None);
        }
    }
    Ok(Some(Item { id, shown, push, mail }))
}

/// Hands what is new to it to one browser. `Ok(None)` is done.
async fn to_browser(
    app: &App,
    handed_over: &HandedOver,
    recipient: &Recipient,
    items: &[Item],
    to: &Subscription,
) -> Result<Option<Wait>, StoreError> {
    let target = Target::Browser(to.id);
    let new: Vec<_> = items.iter().filter(|item| item.push && !handed_over.has(item.id, target)).collect();
    let Some(message) = message(app, texts(&recipient.language), &recipient.language, &new) else { return Ok(None) };
    match app.notices.push.send(to, &message).await {
        Sent::Accepted => {
            metrics::counter!("roomtone_push_sent_total").increment(1);
            handed_over.add(&new, target);
            if recipient.failing.contains(&to.id) {
                app.store.subscription_works(to.id).await?;
            }
            Ok(None)
        }
        Sent::Gone => app.store.subscription_gone(to).await.map(|()| None),
        Sent::Refused => {
            metrics::counter!("roomtone_push_refused_total").increment(1);
            tracing::warn!("a push service refused a message");
            app.store.subscription_failed(to.id, edge::now()).await.map(|_| None)
        }
        Sent::Later(wait) => {
            let forgotten = app.store.subscription_failed(to.id, edge::now()).await?;
            Ok((!forgotten).then_some(Wait(wait)))
        }
    }
}

/// One push message for all of these notices.
fn message(app: &App, texts: &Texts, language: &str, items: &[&Item]) -> Option<Message> {
    let newest = items.last()?;
    let server = app.settings.get().name.clone();
    let (title, body, url, tag) = if items.len() == 1 {
        let link = newest.shown.link.clone().unwrap_or_else(|| "/inbox".to_owned());
        (server, line(texts, &newest.shown), link, newest.id.to_string())
    } else {
        let lines: Vec<_> = items.iter().rev().take(LINES).map(|item| line(texts, &item.shown)).collect();
        let title = format!("{server}: {}", texts.many(items.len() as u64));
        (title, lines.join("\n"), "/inbox".to_owned(), "inbox".to_owned())
    };
    let kind = (items.len() == 1).then_some(newest.shown.kind);
    let message = PushMessage { title, body, url, tag: tag.clone(), kind, language: language.to_owned() };
    let mut payload = serde_json::to_vec(&message).ok()?;
    if payload.len() > PAYLOAD_MAX {
        // Four lines of long names in an alphabet of long characters: the count says enough.
        let short = PushMessage { body: String::new(), ..message };
        payload = serde_json::to_vec(&short).ok()?;
    }
    let urgent = items.iter().any(|item| matches!(item.shown.kind, NoticeKind::Call | NoticeKind::Ping));
    let keep = match newest.shown.kind {
        NoticeKind::Call => Duration::from_millis(CALL_RINGS),
        kind if kind.is_about_a_room() => KEEP_ROOM,
        _ => KEEP,
    };
    Some(Message { payload, keep, urgent, topic: tag })
}

/// Hands what is to be mailed to the mailer, as one letter.
fn to_mailbox(app: &App, handed_over: &HandedOver, recipient: &Recipient, items: &[Item]) -> Option<Wait> {
    let address = recipient.mail.clone()?;
    let chosen = app.settings.get();
    chosen.mail.as_ref()?;
    let new: Vec<_> = items.iter().filter(|item| item.mail && !handed_over.has(item.id, Target::Mailbox)).collect();
    let newest = new.last()?;
    let texts = texts(&recipient.language);
    let page = |path: &str| format!("{}{path}", app.public_url.as_str().trim_end_matches('/'));
    let subject = match new.len() {
        1 => line(texts, &newest.shown),
        n => texts.many(n as u64),
    };
    let stop = page(&format!("/api/unsubscribe/{}", app.notices.stop.token(recipient.person.id)));
    let mut body = String::new();
    for item in &new {
        body.push_str(&line(texts, &item.shown));
        body.push('\n');
        body.push_str(&page(item.shown.link.as_deref().unwrap_or("/inbox")));
        body.push_str("\n\n");
    }
    body.push_str("-- \n");
    body.push_str(&texts.foot(&chosen.name, &page("/me/notifications"), &stop));
    let letter = Letter { to: address, subject: format!("{}: {subject}", chosen.name), body, unsubscribe: Some(stop) };
    if !app.mailer.send(letter) {
        return Some(Wait(None));
    }
    handed_over.add(&new, Target::Mailbox);
    None
}

/// One notice as a line.
fn line(texts: &Texts, shown: &Shown) -> String {
    let cut = |text: &str| match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    let what = cut(&shown.body);
    match &shown.event {
        Some(NoticeEvent { change: Some(change), starts_at, time_zone }) => {
            texts.event(*change, &what, &starts_at.map_or_else(|| "…".to_owned(), |at| date(Timestamp(at), time_zone)))
        }
        _ => texts.line(shown.kind, shown.actor.as_ref().map(|actor| cut(&actor.name)).as_deref(), &what),
    }
}

#[cfg(test)]
mod tests {
    use roomtone_room::{Kind, Opening};
    use roomtone_store::{DATABASE_FILE, NewNotice};
    use sqlx::{Connection, SqliteConnection};

    use super::*;
    use crate::app::tests::idle;

    /// Of a store that does not answer whether somebody may enter a room, their notice is not lost.
    #[tokio::test]
    async fn what_cannot_be_looked_up_is_tried_again() {
        let (app, data) = idle().await;
        let (ada, ben) = (app.newcomer("ada").await, app.newcomer("ben").await);
        let (me, whom) = (ada.member.person.id, ben.member.person.id);
        let room = app.rooms.open(me, Opening::new("A room".to_owned(), Kind::Open, "en")).await.unwrap();
        let browser = Subscription {
            id: RecordId(1),
            endpoint: "https://push.example/1".to_owned(),
            p256dh: vec![0; 65],
            auth: vec![0; 16],
        };
        app.store.subscribe(whom, &ben.session, &browser, edge::now()).await.unwrap().unwrap();
        let notice = NewNotice {
            id: RecordId(7),
            member: whom,
            kind: NoticeKind::RoomOpened.as_str(),
            actor: Some(me),
            subject: Some(room.0),
            body: String::new(),
            at: edge::now(),
            defaults: Ways { inbox: true, push: true, mail: false },
            away: true,
        };
        app.store.add_notices(&[notice], Timestamp(0)).await.unwrap();
        let file = format!("sqlite://{}", data.path().join(DATABASE_FILE).display());
        let mut database = SqliteConnection::connect(&file).await.unwrap();
        // Who hides that they are online is part of how they stand to a room, and of nothing else here.
        sqlx::query("ALTER TABLE members RENAME COLUMN online_hidden TO gone").execute(&mut database).await.unwrap();
        round(&app, &HandedOver::default()).await.unwrap();
        assert!(app.store.next_due().await.unwrap().is_some(), "it is due again");
    }
}
