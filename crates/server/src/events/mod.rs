//! What happens to events and invitations by itself: whoever is to hear of a change or a step is told once, the next of those
//! events that come again is made, and dates that went by are taken back.
//!
//! A change is written with its row in `event_changes`, a step of an invitation with its own, so none is forgotten when the process
//! dies. People are told page by page; where that stands is written after each page. A page that was kept and not written
//! down is told again after a restart, and adds nothing: the id of a notice is made of the change and the member
//! ([`notice_id`]).

pub(crate) mod recurrence;
mod steps;

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use roomtone_room::ids::{EventId, MemberId, RecordId, Timestamp};
use roomtone_store::{NOTICES_AT_ONCE, NewNotice, NextEvent, StoreError, ToTell};
use tokio::sync::Notify;

use crate::app::App;
use crate::edge;
use crate::notices::choices::default_ways;
use crate::notices::keep_all_of;
use crate::wire::events::EventChange;
use crate::wire::notices::NoticeKind;

/// How often the task looks by itself: for dates that went by, and for what another process has changed.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How long nothing is tried after the store has failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Subscribers that are told at once.
const PAGE: u32 = NOTICES_AT_ONCE as u32;

/// Changes that take turns, and events that are settled together. With more, each takes longer to be told.
const AT_ONCE: u32 = 64;

/// Wakes the task.
#[derive(Debug, Default)]
pub struct Events {
    changed: Notify,
}

impl Events {
    /// Something has changed that is to be told. Costs nothing; many at once are one.
    pub fn changed(&self) {
        self.changed.notify_one();
    }
}

/// Does what there is to do, whenever there is, until the task is aborted.
pub(crate) async fn run(app: &App) {
    loop {
        let pause = match settle(app).await {
            Ok(()) => LOOK_EVERY,
            Err(error) => {
                tracing::warn!(%error, "events were not looked after for now");
                AFTER_FAILURE
            }
        };
        // Late is all that a change can be that nobody told of.
        let _ = tokio::time::timeout(pause, app.events.changed.notified()).await;
    }
}

/// Does everything that there is to do now. Whoever else does it at the same time adds nothing.
pub async fn settle(app: &App) -> Result<(), StoreError> {
    while app.store.settle_events(edge::now(), AT_ONCE).await? {}
    continue_all(app).await?;
    loop {
        let (changes, steps) = (app.store.changes_to_tell(AT_ONCE).await?, app.store.steps_to_tell(AT_ONCE).await?);
        if changes.is_empty() && steps.is_empty() {
            return Ok(());
        }
        // In turn: an event with very many subscribers holds nobody up.
        for change in changes {
            tell_page(app, &change).await?;
        }
        for step in steps {
            steps::tell_page(app, &step).await?;
        }
    }
}

/// Makes the next of all events that are over and come again.
async fn continue_all(app: &App) -> Result<(), StoreError> {
    loop {
        let due = app.store.events_to_continue(AT_ONCE).await?;
        if due.is_empty() {
            return Ok(());
        }
        for last in due {
            let now = edge::now();
            let next = recurrence::next(&last.planned, last.recurrence, &last.time_zone, now);
            let next = next.as_ref().map(|next| NextEvent {
                id: EventId(edge::random_128()),
                starts_at: next.at,
                planned: &next.planned,
                time_zone: &next.time_zone,
            });
            app.store.continue_event(last.id, next, now).await?;
        }
    }
}

/// Tells the next page of those who are to be told of a change, and notes that.
pub(crate) async fn tell_page(app: &App, change: &ToTell) -> Result<(), StoreError> {
    let audience = keep_page(app, change).await?;
    app.store.change_told(change, audience.last().copied(), edge::now()).await
}

/// Keeps the notices of a page.
async fn keep_page(app: &App, change: &ToTell) -> Result<Vec<MemberId>, StoreError> {
    let audience = app.store.event_audience(change, PAGE).await?;
    let kind = NoticeKind::EventChanged;
    let notices = audience.iter().map(|&member| NewNotice {
        id: notice_id(b"roomtone event", change.event.0, change.n, member),
        member,
        kind: kind.as_str(),
        // Blocks and mutes of the host count, whoever did it; the host is told by nobody.
        actor: (member != change.host).then_some(change.host),
        subject: Some(change.event.0),
        body: EventChange::from(change.change).as_str().to_owned(),
        at: change.at,
        defaults: default_ways(kind),
        away: !app.live.is_open(member),
    });
    // No two changes of an event are the same.
    keep_all_of(app, notices.collect(), Timestamp(i64::MAX as u64)).await?;
    Ok(audience)
}

/// The id of the notice that tells a member of change number `n` of a subject: always the same, and not to be guessed without the id
/// of the subject. `what` keeps those of one kind apart from those of another.
fn notice_id(what: &[u8], subject: u128, n: u64, member: MemberId) -> RecordId {
    let mut digest = Context::new(&SHA256);
    digest.update(what);
    digest.update(&subject.to_be_bytes());
    digest.update(&n.to_be_bytes());
    digest.update(&member.0.to_be_bytes());
    let digest = digest.finish();
    let first = digest.as_ref()[..16].try_into().expect("SHA-256 has 32 bytes");
    RecordId(u128::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use roomtone_room::Kind;
    use roomtone_store::{EventPlan, EventText, NewEvent};

    use super::*;
    use crate::app::tests::idle;

    /// More subscribers than a page has.
    const SUBSCRIBERS: u128 = PAGE as u128 + 20;

    async fn announced(app: &App, host: MemberId) -> EventId {
        let id = EventId(edge::random_128());
        let text =
            EventText { title: "Tea".to_owned(), about: String::new(), language: "en".to_owned(), topics: Vec::new() };
        let plan =
            EventPlan { kind: Kind::Open, minutes: 60, time_zone: String::new(), recurrence: None, planned: None };
        let (house, invitation, starts_at, cohosts) = (None, None, None, Vec::new());
        let event = NewEvent { id, host, house, invitation, text, plan, starts_at, cohosts };
        app.store.create_event(&event, edge::now()).await.unwrap();
        id
    }

    /// The process dies between two pages, and between a page and the note of it: after the next start everybody has been told once.
    #[tokio::test]
    async fn whoever_is_killed_between_pages_tells_nobody_twice_and_forgets_nobody() {
        let (app, _data) = idle().await;
        let ada = app.newcomer("ada").await.member.person.id;
        let event = announced(&app, ada).await;
        let mut subscribers = Vec::new();
        for number in 0..SUBSCRIBERS {
            let member = app.newcomer(&format!("m{number}")).await.member.person.id;
            app.store.subscribe_event(event, member, false, edge::now()).await.unwrap();
            subscribers.push(member);
        }
        settle(&app).await.unwrap();
        let date = Some((edge::now().plus(3_600_000), ""));
        app.store.set_event_date(event, ada, date, edge::now()).await.unwrap();
        // The first page is told and noted; the second is told, and nobody notes it any more.
        let open = app.store.changes_to_tell(10).await.unwrap();
        tell_page(&app, &open[0]).await.unwrap();
        let open = app.store.changes_to_tell(10).await.unwrap();
        assert!(open[0].told.is_some());
        assert_eq!(keep_page(&app, &open[0]).await.unwrap().len(), 20);
        // What starts again knows only the store.
        settle(&app).await.unwrap();
        assert_eq!(app.store.changes_to_tell(10).await.unwrap(), []);
        for member in subscribers {
            let told = app.store.notices(member, None, 10).await.unwrap();
            let told: Vec<_> = told.into_iter().map(|notice| notice.event.unwrap().kept).collect();
            assert_eq!(told, ["dated"]);
        }
        assert_eq!(app.store.notices(ada, None, 10).await.unwrap().len(), 0, "she did it");
    }

    #[test]
    fn notices_of_changes_have_ids_of_their_own() {
        let ids = [("a", 1, 1, 1), ("b", 1, 1, 1), ("a", 2, 1, 1), ("a", 1, 2, 1), ("a", 1, 1, 2)];
        let ids = ids.map(|(what, subject, n, member)| notice_id(what.as_bytes(), subject, n, MemberId(member)).0);
        assert_eq!(std::collections::BTreeSet::from(ids).len(), 5);
        assert_eq!(notice_id(b"a", 1, 1, MemberId(1)), notice_id(b"a", 1, 1, MemberId(1)));
    }
}
