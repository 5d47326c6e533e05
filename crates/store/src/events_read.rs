//! Reading events: one, lists of them, and what feeds tell.
//!
//! Invariant: every statement here that finds events asks whether the viewer may know of them, and names nobody whom the viewer may
//! not know: `$1` is always the viewer, who is NULL for somebody without an account.

use std::collections::HashMap;

use roomtone_room::Kind;
use roomtone_room::agenda::{Agenda, Change, Recurrence};
use roomtone_room::ids::{EventId, HouseId, InvitationId, MemberId, RecordId, RoomId, Timestamp};

use crate::db::{Row, Sql, sql};
use crate::error::StoreError;
use crate::events::{EventPlan, EventText, agenda_from, change_from, kind_from, minutes_from, recurrence_from};
use crate::members::person_from;
use crate::open::ROWS_PER_STATEMENT;
use crate::{HouseBadge, Person, Store};

/// An event, as somebody may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Who announced it.
    pub host: Person,
    /// Those who have agreed to host it too.
    pub cohosts: Vec<Person>,
    /// The house whose event it is.
    pub house: Option<HouseBadge>,
    /// Whether only members of the house may know of it.
    pub private: bool,
    /// The invitation that it comes from.
    pub invitation: Option<InvitationId>,
    /// Whether the viewer may know of that.
    pub invitation_known: bool,
    /// What it says of itself.
    pub text: EventText,
    /// How it is planned.
    pub plan: EventPlan,
    /// Where it is, and its date.
    pub agenda: Agenda,
    /// Why it was cancelled; may be empty.
    pub reason: String,
    /// What it shares with those before and after it.
    pub series: Option<RecordId>,
    /// Its room, once that was opened.
    pub room: Option<RoomId>,
    /// The number of its last change.
    pub changes: u64,
    /// How many subscribe to it, and how many of them have said that they come.
    pub subscribers: u64,
    /// See `subscribers`.
    pub going: u64,
    /// Whether the viewer subscribes, and has said that they come.
    pub subscription: Option<bool>,
    /// Whether the viewer was asked to host it too, and has agreed.
    pub cohost: Option<bool>,
    /// When it was announced.
    pub created_at: Timestamp,
    /// When anything of it changed last.
    pub changed_at: Timestamp,
}

/// What happened to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventChange {
    /// Its number.
    pub n: u64,
    /// What.
    pub change: Change,
    /// When.
    pub at: Timestamp,
    /// The date that the event had then.
    pub starts_at: Option<Timestamp>,
}

/// Which events a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventsOf {
    /// Everybody's.
    All,
    /// Those of people whom the viewer follows, of their houses, of their own, and those to which they subscribe.
    Around,
    /// Those that the viewer hosts, alone or too, or was asked to.
    Mine,
    /// Those to which the viewer subscribes.
    Subscribed,
    /// Those that the viewer hosts, alone or too, or subscribes to.
    Own,
    /// Those of a house.
    House(HouseId),
    /// Those that a member hosts, alone or too.
    Person(MemberId),
}

/// Where a page of a list begins: after the event with this date (the largest time for one without), made then, with this id.
pub type EventPlace = (Timestamp, Timestamp, EventId);

/// Where events `e` come from, with their hosts `m` and houses `h`, as far as the viewer may know of them.
macro_rules! visible_events {
    () => {
        " FROM events e JOIN members m ON m.id = e.host LEFT JOIN houses h ON h.id = e.house
         WHERE m.suspended_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $1 AND b.blocked = e.host)
           AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = e.host AND b.blocked = $1)
           AND (h.id IS NULL OR NOT h.private
                OR EXISTS (SELECT 1 FROM house_members i WHERE i.house = h.id AND i.member = $1 AND i.role >= 1))"
    };
}

/// The ids of events that a condition on `e` finds. Apart from the rest of them, so that nothing is counted for those that are on
/// another page.
macro_rules! select_ids {
    ($condition:literal) => {
        concat!("SELECT e.id AS event", visible_events!(), $condition)
    };
}

/// Events with everything that the viewer may know of them.
const THESE: &str = concat!(
    "SELECT e.id AS event, e.invitation, e.title, e.about, e.language, e.topics, e.reason, e.kind, e.state, e.starts_at,
            e.minutes, e.time_zone, e.recurrence, e.planned, e.series, e.room, e.changes, e.created_at, e.changed_at,
            m.id, m.handle, m.name, m.avatar,
            h.id AS house, h.handle AS house_handle, h.name AS house_name, COALESCE(h.private, FALSE) AS private,
            (SELECT count(*) FROM event_subscriptions s WHERE s.event = e.id) AS subscribers,
            (SELECT count(*) FROM event_subscriptions s WHERE s.event = e.id AND s.going) AS going,
            EXISTS (SELECT 1 FROM invitations i WHERE i.id = e.invitation AND (i.host = $1 OR NOT EXISTS (SELECT 1 FROM blocks b
                WHERE (b.blocker = $1 AND b.blocked IN (i.host, i.invitee)) OR (b.blocked = $1 AND b.blocker IN (i.host, i.invitee))
                   OR (b.blocker = i.host AND b.blocked = i.invitee) OR (b.blocker = i.invitee AND b.blocked = i.host))))
                AS invitation_known,
            CAST(COALESCE((SELECT CASE WHEN s.going THEN 2 ELSE 1 END FROM event_subscriptions s
                           WHERE s.event = e.id AND s.member = $1), 0) AS BIGINT) AS subscription,
            CAST(COALESCE((SELECT CASE WHEN c.accepted_at IS NULL THEN 1 ELSE 2 END FROM event_cohosts c
                           WHERE c.event = e.id AND c.member = $1), 0) AS BIGINT) AS cohost",
    visible_events!(),
    " AND e.id IN "
);

impl Store {
    /// An event, if `viewer` may know of it.
    pub async fn event(&self, event: EventId, viewer: Option<MemberId>) -> Result<Option<Event>, StoreError> {
        Ok(self.events(&[event], viewer).await?.pop())
    }

    /// Events that are not over, by their dates, those without one last and the newest of these first; after a place, at most
    /// `limit`. With `dated` only those with a date, or only those without one.
    pub async fn upcoming_events(
        &self,
        of: EventsOf,
        viewer: Option<MemberId>,
        dated: Option<bool>,
        after: Option<EventPlace>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        const OPEN: &str = select_ids!(" AND e.state < 4");
        let mut page = within(sql(OPEN).bind(viewer), of).push(match dated {
            None => "",
            Some(true) => " AND e.starts_at IS NOT NULL",
            Some(false) => " AND e.starts_at IS NULL",
        });
        if let Some((date, made, id)) = after {
            page = page
                .push(" AND (COALESCE(e.starts_at, 9223372036854775807), -e.created_at, e.id) > (")
                .push_bind(date)
                .push(", -CAST(")
                .push_bind(made)
                .push(" AS BIGINT), ")
                .push_bind(id)
                .push(")");
        }
        page = page
            .push(" ORDER BY COALESCE(e.starts_at, 9223372036854775807), -e.created_at, e.id LIMIT ")
            .push_bind(limit);
        self.events(&self.event_ids(page).await?, viewer).await
    }

    /// Events that took place, the last first; after a place, at most `limit`.
    pub async fn past_events(
        &self,
        of: EventsOf,
        viewer: Option<MemberId>,
        after: Option<(Timestamp, EventId)>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        const ENDED: &str = select_ids!(" AND e.state = 4 AND (e.starts_at, e.id) < ($2, $3)");
        // The largest time that fits the database: everything is before it.
        let (at, id) = after.unwrap_or((Timestamp(i64::MAX as u64), EventId(u128::MAX)));
        let page = within(sql(ENDED).bind(viewer).bind(at).bind(id), of);
        let page = page.push(" ORDER BY e.starts_at DESC, e.id DESC LIMIT ").push_bind(limit);
        self.events(&self.event_ids(page).await?, viewer).await
    }

    /// What a calendar has: events with a date after `since`, also those that are over, and of these the cancelled ones; the
    /// latest date first. At most `limit`, and of more those whose dates are closest to `now`: what is announced for years ahead
    /// pushes nothing of this week out.
    pub async fn dated_events(
        &self,
        of: EventsOf,
        viewer: Option<MemberId>,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        const DATED: &str = select_ids!(" AND e.state >= 2 AND e.starts_at >= $2");
        let page = within(sql(DATED).bind(viewer).bind(since), of);
        let page = page.push(" ORDER BY ABS(e.starts_at - ").push_bind(now).push("), e.id LIMIT ").push_bind(limit);
        let mut events = self.events(&self.event_ids(page).await?, viewer).await?;
        events.sort_by_key(|event| (std::cmp::Reverse(event.agenda.starts_at), event.id));
        Ok(events)
    }

    /// What a feed tells: the latest changes of events, each with its event as it is now.
    pub async fn latest_changes(
        &self,
        of: EventsOf,
        viewer: Option<MemberId>,
        limit: u32,
    ) -> Result<Vec<(EventChange, Event)>, StoreError> {
        const FOUND: &str =
            concat!("SELECT x.event, x.n, x.kind, x.at, x.starts_at FROM event_changes x JOIN (", select_ids!(""));
        let found = within(sql(FOUND).bind(viewer), of)
            .push(") AS found ON found.event = x.event ORDER BY x.at DESC, x.event, x.n DESC LIMIT ")
            .push_bind(limit);
        let rows = self.database.all(found).await?;
        let ids = rows.iter().map(|row| row.id("event").map(EventId)).collect::<Result<Vec<_>, _>>()?;
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        let events = self.events(&unique, viewer).await?;
        let events: HashMap<EventId, Event> = events.into_iter().map(|event| (event.id, event)).collect();
        let told = ids.iter().zip(&rows).filter_map(|(id, row)| events.get(id).map(|event| (row, event)));
        told.map(|(row, event)| Ok((event_change_from(row)?, event.clone()))).collect()
    }

    /// Everything that happened to an event, in order.
    pub async fn event_changes(&self, event: EventId) -> Result<Vec<EventChange>, StoreError> {
        let all = sql("SELECT n, kind, at, starts_at FROM event_changes WHERE event = $1 ORDER BY n DESC LIMIT 100");
        let mut all = self.database.all(all.bind(event)).await?;
        all.reverse();
        all.iter().map(event_change_from).collect()
    }

    /// Those who were asked to host an event too and have not answered, as far as the viewer may know of them.
    pub async fn asked_cohosts(&self, event: EventId, viewer: MemberId) -> Result<Vec<Person>, StoreError> {
        let asked =
            sql("SELECT m.id, m.handle, m.name, m.avatar FROM event_cohosts c JOIN members m ON m.id = c.member
             WHERE c.event = $2 AND c.accepted_at IS NULL AND m.suspended_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $1 AND b.blocked = m.id)
               AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $1)
             ORDER BY c.asked_at, m.id");
        self.database.all(asked.bind(viewer).bind(event)).await?.iter().map(person_from).collect()
    }

    /// The ids that a statement finds.
    async fn event_ids(&self, found: Sql) -> Result<Vec<EventId>, StoreError> {
        self.database.all(found).await?.iter().map(|row| row.id("event").map(EventId)).collect()
    }

    /// The events with these ids, in this order, with those who host them too; those of which the viewer may not know are left out.
    pub(crate) async fn events(&self, ids: &[EventId], viewer: Option<MemberId>) -> Result<Vec<Event>, StoreError> {
        let mut found: HashMap<EventId, Event> = HashMap::with_capacity(ids.len());
        let mut cohosts: HashMap<EventId, Vec<Person>> = HashMap::new();
        for part in ids.chunks(ROWS_PER_STATEMENT) {
            let these = sql(THESE).bind(viewer).push_list(part.iter().copied());
            for row in self.database.all(these).await? {
                let event = event_from(&row)?;
                found.insert(event.id, event);
            }
            let people = sql("SELECT c.event, m.id, m.handle, m.name, m.avatar
                 FROM event_cohosts c JOIN members m ON m.id = c.member
                 WHERE c.accepted_at IS NOT NULL AND m.suspended_at IS NULL
                   AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $1 AND b.blocked = m.id)
                   AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = m.id AND b.blocked = $1)
                   AND c.event IN ")
            .bind(viewer)
            .push_list(part.iter().copied())
            .push(" ORDER BY c.accepted_at, m.id");
            for row in self.database.all(people).await? {
                cohosts.entry(EventId(row.id("event")?)).or_default().push(person_from(&row)?);
            }
        }
        let mut events: Vec<Event> = ids.iter().filter_map(|id| found.remove(id)).collect();
        for event in &mut events {
            event.cohosts = cohosts.remove(&event.id).unwrap_or_default();
        }
        Ok(events)
    }
}

/// Narrows a statement down to a list.
fn within(statement: Sql, of: EventsOf) -> Sql {
    match of {
        EventsOf::All => statement,
        EventsOf::Around => statement.push(
            " AND (e.host = $1
                   OR EXISTS (SELECT 1 FROM follows f WHERE f.follower = $1 AND f.followed = e.host)
                   OR EXISTS (SELECT 1 FROM house_members i WHERE i.house = e.house AND i.member = $1)
                   OR EXISTS (SELECT 1 FROM event_subscriptions s WHERE s.event = e.id AND s.member = $1)
                   OR EXISTS (SELECT 1 FROM event_cohosts c WHERE c.event = e.id AND c.accepted_at IS NOT NULL
                              AND (c.member = $1 OR EXISTS (SELECT 1 FROM follows f
                                                            WHERE f.follower = $1 AND f.followed = c.member))))",
        ),
        EventsOf::Mine => statement.push(
            " AND (e.host = $1 OR EXISTS (SELECT 1 FROM event_cohosts c WHERE c.event = e.id AND c.member = $1))",
        ),
        EventsOf::Subscribed => {
            statement.push(" AND EXISTS (SELECT 1 FROM event_subscriptions s WHERE s.event = e.id AND s.member = $1)")
        }
        EventsOf::Own => statement.push(
            " AND (e.host = $1
                   OR EXISTS (SELECT 1 FROM event_subscriptions s WHERE s.event = e.id AND s.member = $1)
                   OR EXISTS (SELECT 1 FROM event_cohosts c
                              WHERE c.event = e.id AND c.member = $1 AND c.accepted_at IS NOT NULL))",
        ),
        EventsOf::House(house) => statement.push(" AND e.house = ").push_bind(house),
        EventsOf::Person(member) => statement
            .push(" AND (e.host = ")
            .push_bind(member)
            .push(
                " OR EXISTS (SELECT 1 FROM event_cohosts c
                             WHERE c.event = e.id AND c.accepted_at IS NOT NULL AND c.member = ",
            )
            .push_bind(member)
            .push("))"),
    }
}

fn event_from(row: &Row) -> Result<Event, StoreError> {
    let house = match row.id_or_null("house")? {
        Some(id) => {
            Some(HouseBadge { id: HouseId(id), handle: row.text("house_handle")?, name: row.text("house_name")? })
        }
        None => None,
    };
    // 0 for neither, 1 for a first step, 2 for both.
    let both = |column| {
        Ok(match row.int(column)? {
            0 => None,
            number => Some(number == 2),
        })
    };
    let topics = row.text("topics")?;
    Ok(Event {
        id: EventId(row.id("event")?),
        host: person_from(row)?,
        cohosts: Vec::new(),
        house,
        private: row.bool("private")?,
        invitation: row.id_or_null("invitation")?.map(InvitationId),
        invitation_known: row.bool("invitation_known")?,
        text: EventText {
            title: row.text("title")?,
            about: row.text("about")?,
            language: row.text("language")?,
            topics: topics.lines().map(str::to_owned).collect(),
        },
        plan: plan_from(row)?,
        agenda: agenda_from(row)?,
        reason: row.text("reason")?,
        series: row.id_or_null("series")?.map(RecordId),
        room: row.id_or_null("room")?.map(RoomId),
        changes: row.count("changes")?,
        subscribers: row.count("subscribers")?,
        going: row.count("going")?,
        subscription: both("subscription")?,
        cohost: both("cohost")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

fn plan_from(row: &Row) -> Result<EventPlan, StoreError> {
    let kind: Kind = kind_from(row.int("kind")?)?;
    let recurrence: Option<Recurrence> = row.int_or_null("recurrence")?.map(recurrence_from).transpose()?;
    Ok(EventPlan {
        kind,
        minutes: minutes_from(row)?,
        time_zone: row.text("time_zone")?,
        recurrence,
        planned: row.text_or_null("planned")?,
    })
}

fn event_change_from(row: &Row) -> Result<EventChange, StoreError> {
    Ok(EventChange {
        n: row.count("n")?,
        change: change_from(row.int("kind")?)?,
        at: row.time("at")?,
        starts_at: row.time_or_null("starts_at")?,
    })
}
