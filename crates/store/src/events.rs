//! Events: announced talks, what is done with them, and what has to be told of that.
//!
//! Invariant: every change of an event's state is a row of `event_changes`, written in the transaction that changes it, so that
//! whoever tells of changes finds each one exactly once, also after the process was killed. Every transaction that changes an
//! event first locks its row, so that changes of one event come one after the other in each database.

use roomtone_room::Kind;
use roomtone_room::agenda::{Agenda, COHOSTS_MAX, Change, LAPSE_AFTER, Recurrence, Refusal, State, Step};
use roomtone_room::ids::{EventId, HouseId, InvitationId, MemberId, RecordId, RoomId, Timestamp};

use crate::Store;
use crate::convert::int_from;
use crate::db::{Row, Transaction, sql};
use crate::error::StoreError;
use crate::invitations_steps::{agreed_terms, ended_for_event, opened_for_event};
use crate::open::ROWS_PER_STATEMENT;

/// Most events of one host that are not over. More serves busy hosts; each is in everybody's lists.
pub const EVENTS_MAX: u64 = 50;

/// Most events that are not over to which one member subscribes.
pub const SUBSCRIBED_MAX: u64 = 500;

/// Changes of one event from which on its date stays as it is: each is told to everybody who subscribes, and kept.
pub const CHANGES_MAX: u64 = 500;

/// What an event says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventText {
    /// Its title, which its room gets.
    pub title: String,
    /// What it is about, in paragraphs.
    pub about: String,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// Topics, folded.
    pub topics: Vec<String>,
}

/// When an event is to take place, beside its date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPlan {
    /// Who may come into its room.
    pub kind: Kind,
    /// How long it is planned for.
    pub minutes: u32,
    /// IANA name of the time zone in which its date was chosen; empty for UTC.
    pub time_zone: String,
    /// How it comes again.
    pub recurrence: Option<Recurrence>,
    /// The wall time from which the next one is counted, as the caller writes it; there if and only if it comes again.
    pub planned: Option<String>,
}

/// An event to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The new id.
    pub id: EventId,
    /// Who announces it.
    pub host: MemberId,
    /// The house whose event it is.
    pub house: Option<HouseId>,
    /// The accepted invitation that it comes from.
    pub invitation: Option<InvitationId>,
    /// What it says of itself.
    pub text: EventText,
    /// How it is planned.
    pub plan: EventPlan,
    /// When it begins, if that is known.
    pub starts_at: Option<Timestamp>,
    /// Who is asked to host it too; it is proposed until all of them have answered.
    pub cohosts: Vec<MemberId>,
}

/// What became of doing something with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventDone {
    /// It is so now; what is told of it, if anything is.
    Done(Option<Change>),
    /// The rules refuse it.
    Refused(Refusal),
    /// Whoever asked may not do that (any more).
    NotAllowed,
    /// Its date is what both sides of its invitation agree on.
    ByInvitation,
    /// There are as many as there may be.
    TooMany,
    /// There is no such event, or nothing of what was named in it.
    Missing,
}

/// An event that has ended or was cancelled and comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToContinue {
    /// Which.
    pub id: EventId,
    /// How.
    pub recurrence: Recurrence,
    /// Where the next one is counted from.
    pub planned: String,
    /// In this zone, unless it says another one itself.
    pub time_zone: String,
}

/// The event that comes after one that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextEvent<'a> {
    /// The new id.
    pub id: EventId,
    /// When it begins.
    pub starts_at: Timestamp,
    /// Where the one after it is counted from.
    pub planned: &'a str,
    /// The zone in which it is planned.
    pub time_zone: &'a str,
}

/// A change that not everybody has been told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToTell {
    /// The event.
    pub event: EventId,
    /// Who announced it.
    pub host: MemberId,
    /// The number of the change.
    pub n: u64,
    /// What happened.
    pub change: Change,
    /// When.
    pub at: Timestamp,
    /// Who did it; `None` for the server, and for somebody who is gone.
    pub actor: Option<MemberId>,
    /// The last of those who were told.
    pub told: Option<MemberId>,
}

/// Making events and changing what they say.
impl Store {
    /// Makes an event, of which its host is the first to be told of changes: [`EventDone::Done`] or [`EventDone::TooMany`].
    ///
    /// Errors: [`StoreError::Conflict`] when the id is known already, or somebody named in it is gone.
    pub async fn create_event(&self, event: &NewEvent, now: Timestamp) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let own = sql("UPDATE members SET followers = followers WHERE id = $1");
        if tx.execute(own.bind(event.host)).await? == 0 {
            return Ok(EventDone::NotAllowed);
        }
        let open = sql("SELECT count(*) AS n FROM events WHERE host = $1 AND state < 4");
        if tx.one(open.bind(event.host)).await?.count("n")? >= EVENTS_MAX || event.cohosts.len() > COHOSTS_MAX {
            return Ok(EventDone::TooMany);
        }
        insert_event(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(EventDone::Done(Some(Change::Announced)))
    }

    /// Changes what an event says of itself and how it is planned. For its host and those who host it too.
    pub async fn change_event(
        &self,
        event: EventId,
        by: MemberId,
        text: &EventText,
        plan: &EventPlan,
        now: Timestamp,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if !hosts(&mut tx, &locked, by).await? {
            return Ok(EventDone::NotAllowed);
        }
        if locked.agenda.state.is_over() {
            return Ok(EventDone::Refused(Refusal::Over));
        }
        if locked.changes >= CHANGES_MAX && locked.minutes != plan.minutes {
            return Ok(EventDone::TooMany);
        }
        // What both sides of its invitation have agreed on is changed there.
        if let Some(invitation) = locked.invitation
            && let Some(agreed) = agreed_terms(&mut tx, invitation).await?
            && agreed != (plan.minutes, plan.kind)
        {
            return Ok(EventDone::ByInvitation);
        }
        let change =
            sql("UPDATE events SET title = $2, about = $3, language = $4, topics = $5, kind = $6, minutes = $7,
                 time_zone = $8, recurrence = $9, planned = $10, changed_at = $11, indexed = FALSE,
                 series = CASE WHEN $9 IS NOT NULL AND series IS NULL THEN id ELSE series END WHERE id = $1")
            .bind(event)
            .bind(&text.title)
            .bind(&text.about)
            .bind(&text.language)
            .bind(text.topics.join("\n"))
            .bind(kind_number(plan.kind))
            .bind(plan.minutes)
            .bind(&plan.time_zone)
            .bind(plan.recurrence.map(recurrence_number))
            .bind(plan.planned.as_deref())
            .bind(now);
        tx.execute(change).await?;
        let told = resized(&mut tx, &locked, Some(by), plan.minutes, now).await?;
        tx.commit().await?;
        Ok(EventDone::Done(told))
    }

    /// Gives an event a date or takes it back; a date closes its poll. For its host and those who host it too, unless it comes
    /// from an invitation.
    pub async fn set_event_date(
        &self,
        event: EventId,
        by: MemberId,
        date: Option<(Timestamp, &str)>,
        now: Timestamp,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if !hosts(&mut tx, &locked, by).await? {
            return Ok(EventDone::NotAllowed);
        }
        if locked.invitation.is_some() && !locked.agenda.state.is_over() {
            return Ok(EventDone::ByInvitation);
        }
        if locked.changes >= CHANGES_MAX {
            return Ok(EventDone::TooMany);
        }
        let step = date.map_or(Step::Undate, |(at, _)| Step::Date(at));
        let done = take(&mut tx, &locked, Some(by), step, now).await?;
        if let (EventDone::Done(_), Some((_, zone))) = (done, date) {
            tx.execute(sql("UPDATE events SET time_zone = $2 WHERE id = $1").bind(event).bind(zone)).await?;
            end_poll(&mut tx, event).await?;
        }
        if matches!(done, EventDone::Done(_)) {
            tx.commit().await?;
        }
        Ok(done)
    }

    /// Calls an event off; with `series`, all that would come after it too. For its host. One that comes from an invitation is
    /// called off there.
    pub async fn cancel_event(
        &self,
        event: EventId,
        by: MemberId,
        reason: &str,
        series: bool,
        now: Timestamp,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if locked.host != by {
            return Ok(EventDone::NotAllowed);
        }
        if locked.invitation.is_some() && !locked.agenda.state.is_over() {
            return Ok(EventDone::ByInvitation);
        }
        let done = take(&mut tx, &locked, Some(by), Step::Cancel, now).await?;
        if let EventDone::Done(_) = done {
            let why = sql("UPDATE events SET reason = $2, recurrence = CASE WHEN $3 THEN NULL ELSE recurrence END
                 WHERE id = $1");
            tx.execute(why.bind(event).bind(reason).bind(series)).await?;
            end_poll(&mut tx, event).await?;
            tx.commit().await?;
        }
        Ok(done)
    }

    /// Notes that the room of an event is open, if it is not already: of several who open one, one does it. For its host and
    /// those who host it too.
    pub async fn event_opened(
        &self,
        event: EventId,
        by: MemberId,
        room: RoomId,
        now: Timestamp,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        // Invitations are locked before events, wherever both are.
        let from = sql("SELECT invitation FROM events WHERE id = $1").bind(event);
        let from = tx.optional(from).await?.map(|row| row.id_or_null("invitation")).transpose()?.flatten();
        if let Some(invitation) = from {
            opened_for_event(&mut tx, InvitationId(invitation), room, now).await?;
        }
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if !hosts(&mut tx, &locked, by).await? {
            return Ok(EventDone::NotAllowed);
        }
        let done = take(&mut tx, &locked, Some(by), Step::Open, now).await?;
        if let EventDone::Done(_) = done {
            tx.execute(sql("UPDATE events SET room = $2 WHERE id = $1").bind(event).bind(room)).await?;
            tx.commit().await?;
        }
        Ok(done)
    }
}

/// What comes by itself.
impl Store {
    /// Some of the events whose date went by without their room being opened: a single one has no date any more, and one that
    /// comes again is cancelled. Also ends those that are live without a live room, as when whoever opened it has deleted
    /// their account, with the talk of their invitation. Returns whether there may be more.
    pub async fn settle_events(&self, now: Timestamp, limit: u32) -> Result<bool, StoreError> {
        let stale = sql("SELECT e.id FROM events e
             WHERE (e.state IN (0, 2) AND e.starts_at + e.minutes * 60000 <= $1)
                OR (e.state = 3 AND NOT EXISTS (SELECT 1 FROM rooms r WHERE r.id = e.room AND r.ended_at IS NULL))
             ORDER BY e.id LIMIT $2");
        let before = Timestamp(now.0.saturating_sub(LAPSE_AFTER));
        let stale = self.database.all(stale.bind(before).bind(limit)).await?;
        let mut settled = 0;
        for row in &stale {
            let mut tx = self.database.begin().await?;
            let event = EventId(row.id("id")?);
            // Invitations are locked before events, wherever both are.
            if let Some((true, Some(invitation))) = roomless(&mut tx, event).await? {
                ended_for_event(&mut tx, invitation, None, now).await?;
            }
            let Some(locked) = lock(&mut tx, event).await? else { continue };
            let step = match locked.agenda.state {
                State::Live => matches!(roomless(&mut tx, event).await?, Some((true, _))).then_some(Step::End),
                // Somebody may have moved it meanwhile.
                _ if locked.agenda.lapses_at(locked.minutes).is_none_or(|at| at > now) => None,
                _ if locked.recurs => Some(Step::Cancel),
                _ => Some(Step::Undate),
            };
            if let Some(step) = step
                && let EventDone::Done(_) = take(&mut tx, &locked, None, step, now).await?
            {
                tx.commit().await?;
                settled += 1;
            }
        }
        Ok(settled >= limit)
    }

    /// Some of the events that are over and come again, whose next one is not there.
    pub async fn events_to_continue(&self, limit: u32) -> Result<Vec<ToContinue>, StoreError> {
        let due = sql("SELECT id, recurrence, planned, time_zone FROM events
             WHERE recurrence IS NOT NULL AND NOT continued AND state IN (4, 5) AND planned IS NOT NULL
             ORDER BY id LIMIT $1");
        let due = self.database.all(due.bind(limit)).await?;
        due.iter()
            .map(|row| {
                Ok(ToContinue {
                    id: EventId(row.id("id")?),
                    recurrence: recurrence_from(row.int("recurrence")?)?,
                    planned: row.text("planned")?,
                    time_zone: row.text("time_zone")?,
                })
            })
            .collect()
    }

    /// Makes the event that comes after one that is over: it says the same, has the same hosts, and tells the same people,
    /// none of whom has said yet that they come. Returns whether it did: of several who try, one does. With no date nothing
    /// comes after it.
    pub async fn continue_event(
        &self,
        last: EventId,
        next: Option<NextEvent<'_>>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let mark = sql("UPDATE events SET continued = TRUE
             WHERE id = $1 AND NOT continued AND state IN (4, 5) AND recurrence IS NOT NULL");
        if tx.execute(mark.bind(last)).await? == 0 {
            return Ok(false);
        }
        let Some(NextEvent { id, starts_at, planned, time_zone }) = next else {
            tx.commit().await?;
            return Ok(false);
        };
        let copy =
            sql("INSERT INTO events (id, host, house, title, about, language, topics, kind, state, starts_at, minutes,
                 time_zone, recurrence, planned, series, nth, created_at, changed_at)
             SELECT $2, host, house, title, about, language, topics, kind, 2, $3, minutes, $6, recurrence, $4,
                    COALESCE(series, id), nth + 1, $5, $5 FROM events WHERE id = $1");
        let copy = copy.bind(last).bind(id).bind(starts_at).bind(planned).bind(now).bind(time_zone);
        tx.execute(copy).await?;
        let hosts = sql("INSERT INTO event_cohosts (event, member, needed, asked_at, accepted_at)
             SELECT $2, member, FALSE, asked_at, accepted_at FROM event_cohosts
             WHERE event = $1 AND accepted_at IS NOT NULL");
        tx.execute(hosts.bind(last).bind(id)).await?;
        let told = sql("INSERT INTO event_subscriptions (event, member, going, since)
             SELECT $2, member, FALSE, $3 FROM event_subscriptions WHERE event = $1");
        tx.execute(told.bind(last).bind(id).bind(now)).await?;
        note(&mut tx, id, None, Change::Announced, Some(starts_at), now).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Telling subscribers.
impl Store {
    /// Some of the changes that not everybody has been told of, the oldest first; of one event only the first.
    pub async fn changes_to_tell(&self, limit: u32) -> Result<Vec<ToTell>, StoreError> {
        let open = sql("SELECT c.event, c.n, c.kind, c.at, c.actor, c.told, e.host FROM event_changes c
             JOIN events e ON e.id = c.event
             WHERE c.done_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM event_changes o
                               WHERE o.event = c.event AND o.n < c.n AND o.done_at IS NULL)
             ORDER BY c.at, c.event LIMIT $1");
        let open = self.database.all(open.bind(limit)).await?;
        open.iter()
            .map(|row| {
                Ok(ToTell {
                    event: EventId(row.id("event")?),
                    host: row.member("host")?,
                    n: row.count("n")?,
                    change: change_from(row.int("kind")?)?,
                    at: row.time("at")?,
                    actor: row.id_or_null("actor")?.map(MemberId),
                    told: row.id_or_null("told")?.map(MemberId),
                })
            })
            .collect()
    }

    /// The next of those who are to be told of a change, by their ids: everybody who had subscribed by then and may know of the
    /// event, but who did it. Blocks and mutes are for whoever keeps the notices.
    pub async fn event_audience(&self, change: &ToTell, limit: u32) -> Result<Vec<MemberId>, StoreError> {
        let page = sql("SELECT s.member FROM event_subscriptions s JOIN events e ON e.id = s.event
                 LEFT JOIN houses h ON h.id = e.house
             WHERE s.event = $1 AND s.member > $2 AND s.since <= $3 AND ($4 IS NULL OR s.member <> $4)
               AND (h.id IS NULL OR NOT h.private
                    OR EXISTS (SELECT 1 FROM house_members i
                               WHERE i.house = h.id AND i.member = s.member AND i.role >= 1))
             ORDER BY s.member LIMIT $5")
        .bind(change.event)
        .bind(change.told.unwrap_or(MemberId(0)))
        .bind(change.at)
        .bind(change.actor)
        .bind(limit);
        self.database.all(page).await?.iter().map(|row| row.member("member")).collect()
    }

    /// Notes that everybody up to `told` was told of a change; `None`: everybody was.
    pub async fn change_told(&self, change: &ToTell, told: Option<MemberId>, now: Timestamp) -> Result<(), StoreError> {
        let note = sql("UPDATE event_changes SET told = COALESCE($3, told), done_at = $4
             WHERE event = $1 AND n = $2 AND done_at IS NULL")
        .bind(change.event)
        .bind(change.n)
        .bind(told)
        .bind(told.is_none().then_some(now));
        self.database.execute(note).await?;
        Ok(())
    }
}

/// Inserts an event with its first change and its first subscriber.
pub(crate) async fn insert_event(tx: &mut Transaction, event: &NewEvent, now: Timestamp) -> Result<(), StoreError> {
    let NewEvent { id, host, house, invitation, text, plan, starts_at, cohosts } = event;
    let agenda = Agenda::announced(*starts_at, cohosts.is_empty());
    let insert = sql("INSERT INTO events (id, host, house, invitation, title, about, language, topics, kind, state,
             starts_at, minutes, time_zone, recurrence, planned, series, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)")
    .bind(*id)
    .bind(*host)
    .bind(*house)
    .bind(*invitation)
    .bind(&text.title)
    .bind(&text.about)
    .bind(&text.language)
    .bind(text.topics.join("\n"))
    .bind(kind_number(plan.kind))
    .bind(state_number(agenda.state))
    .bind(agenda.starts_at)
    .bind(plan.minutes)
    .bind(&plan.time_zone)
    .bind(plan.recurrence.map(recurrence_number))
    .bind(plan.planned.as_deref())
    .bind(plan.recurrence.map(|_| RecordId(id.0)))
    .bind(now);
    tx.execute(insert).await?;
    for part in cohosts.chunks(ROWS_PER_STATEMENT) {
        let rows = part.iter().map(|member| [(*id).into(), (*member).into(), true.into(), now.into()]);
        let ask = sql("INSERT INTO event_cohosts (event, member, needed, asked_at) ").push_rows(rows);
        tx.execute(ask.push(" ON CONFLICT DO NOTHING")).await?;
    }
    let host_hears = sql("INSERT INTO event_subscriptions (event, member, going, since) VALUES ($1, $2, TRUE, $3)");
    tx.execute(host_hears.bind(*id).bind(*host).bind(now)).await?;
    note(tx, *id, Some(*host), Change::Announced, *starts_at, now).await
}

/// Gives the event of an invitation the date that both sides have agreed on, or takes it back. Returns whether that changed
/// anything.
pub(crate) async fn date_event(
    tx: &mut Transaction,
    event: EventId,
    starts_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(locked) = lock(tx, event).await? else { return Ok(false) };
    let step = starts_at.map_or(Step::Undate, Step::Date);
    let done = matches!(take(tx, &locked, None, step, now).await?, EventDone::Done(_));
    if done {
        end_poll(tx, event).await?;
    }
    Ok(done)
}

/// Plans the event of an invitation for what both sides have agreed on: so many minutes, in such a room.
pub(crate) async fn plan_event(
    tx: &mut Transaction,
    event: EventId,
    (minutes, kind): (u32, Kind),
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(locked) = lock(tx, event).await?.filter(|event| !event.agenda.state.is_over()) else { return Ok(()) };
    let plan = sql("UPDATE events SET minutes = $2, kind = $3, changed_at = $4 WHERE id = $1");
    tx.execute(plan.bind(event).bind(minutes).bind(kind_number(kind)).bind(now)).await?;
    resized(tx, &locked, None, minutes, now).await.map(|_| ())
}

/// Notes that a locked event is planned for so many minutes from now on, if it was not before and that is to be told.
async fn resized(
    tx: &mut Transaction,
    event: &Locked,
    by: Option<MemberId>,
    minutes: u32,
    now: Timestamp,
) -> Result<Option<Change>, StoreError> {
    if event.minutes == minutes {
        return Ok(None);
    }
    Ok(match take(tx, event, by, Step::Resize, now).await? {
        EventDone::Done(told) => told,
        _ => None,
    })
}

/// Whether an event is live without a live room, and the invitation that it comes from.
async fn roomless(tx: &mut Transaction, event: EventId) -> Result<Option<(bool, Option<InvitationId>)>, StoreError> {
    let found = sql("SELECT invitation, state = 3 AND NOT EXISTS
                (SELECT 1 FROM rooms r WHERE r.id = events.room AND r.ended_at IS NULL) AS roomless
         FROM events WHERE id = $1");
    let found = tx.optional(found.bind(event)).await?;
    found.map(|row| Ok((row.bool("roomless")?, row.id_or_null("invitation")?.map(InvitationId)))).transpose()
}

/// Calls the event of an invitation off. Returns whether that changed anything.
pub(crate) async fn cancel_event(tx: &mut Transaction, event: EventId, now: Timestamp) -> Result<bool, StoreError> {
    let Some(locked) = lock(tx, event).await? else { return Ok(false) };
    Ok(matches!(take(tx, &locked, None, Step::Cancel, now).await?, EventDone::Done(_)))
}

/// Ends the event whose room this is, in the transaction that ends the room.
pub(crate) async fn room_ended(tx: &mut Transaction, room: RoomId, now: Timestamp) -> Result<(), StoreError> {
    let whose = sql("SELECT id, invitation FROM events WHERE room = $1 AND state = 3").bind(room);
    let Some(row) = tx.optional(whose).await? else { return Ok(()) };
    if let Some(invitation) = row.id_or_null("invitation")? {
        ended_for_event(tx, InvitationId(invitation), Some(room), now).await?;
    }
    if let Some(locked) = lock(tx, EventId(row.id("id")?)).await? {
        take(tx, &locked, None, Step::End, now).await?;
    }
    Ok(())
}

/// What the rules know of an event whose row is locked until the transaction ends.
pub(crate) struct Locked {
    pub(crate) id: EventId,
    pub(crate) host: MemberId,
    pub(crate) invitation: Option<InvitationId>,
    pub(crate) agenda: Agenda,
    minutes: u32,
    recurs: bool,
    changes: u64,
}

/// Locks an event.
pub(crate) async fn lock(tx: &mut Transaction, event: EventId) -> Result<Option<Locked>, StoreError> {
    let lock = sql("UPDATE events SET changes = changes WHERE id = $1
         RETURNING host, invitation, state, starts_at, minutes, recurrence, changes");
    let Some(row) = tx.optional(lock.bind(event)).await? else { return Ok(None) };
    Ok(Some(Locked {
        id: event,
        host: row.member("host")?,
        invitation: row.id_or_null("invitation")?.map(InvitationId),
        agenda: agenda_from(&row)?,
        minutes: minutes_from(&row)?,
        recurs: row.int_or_null("recurrence")?.is_some(),
        changes: row.count("changes")?,
    }))
}

/// Whether somebody is the event's host, or has agreed to host it too.
pub(crate) async fn hosts(tx: &mut Transaction, event: &Locked, member: MemberId) -> Result<bool, StoreError> {
    if event.host == member {
        return Ok(true);
    }
    let accepted =
        sql("SELECT 1 AS one FROM event_cohosts WHERE event = $1 AND member = $2 AND accepted_at IS NOT NULL");
    Ok(tx.optional(accepted.bind(event.id).bind(member)).await?.is_some())
}

/// Takes a step with a locked event, as far as the rules allow, and notes what is to be told.
pub(crate) async fn take(
    tx: &mut Transaction,
    event: &Locked,
    by: Option<MemberId>,
    step: Step,
    now: Timestamp,
) -> Result<EventDone, StoreError> {
    let (agenda, change) = match event.agenda.apply(now, step) {
        Ok(taken) => taken,
        Err(refusal) => return Ok(EventDone::Refused(refusal)),
    };
    // Search finds only those that are not over.
    let update = sql("UPDATE events SET state = $2, starts_at = $3, indexed = indexed AND NOT $4 WHERE id = $1")
        .bind(event.id)
        .bind(state_number(agenda.state))
        .bind(agenda.starts_at)
        .bind(agenda.state.is_over());
    tx.execute(update).await?;
    note(tx, event.id, by, change, agenda.starts_at, now).await?;
    Ok(EventDone::Done(Some(change)))
}

/// Notes a change that is to be told.
async fn note(
    tx: &mut Transaction,
    event: EventId,
    actor: Option<MemberId>,
    change: Change,
    starts_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let next = sql("UPDATE events SET changes = changes + 1, changed_at = $2 WHERE id = $1");
    tx.execute(next.bind(event).bind(now)).await?;
    let insert = sql("INSERT INTO event_changes (event, n, kind, at, actor, starts_at)
         SELECT id, changes, $2, $3, $4, $5 FROM events WHERE id = $1")
    .bind(event)
    .bind(change_number(change))
    .bind(now)
    .bind(actor)
    .bind(starts_at);
    tx.execute(insert).await?;
    Ok(())
}

/// Takes an event's poll away, if it has one.
pub(crate) async fn end_poll(tx: &mut Transaction, event: EventId) -> Result<(), StoreError> {
    tx.execute(sql("DELETE FROM event_votes WHERE event = $1").bind(event)).await?;
    tx.execute(sql("DELETE FROM event_times WHERE event = $1").bind(event)).await?;
    Ok(())
}

/// Reads `state` and `starts_at`.
pub(crate) fn agenda_from(row: &Row) -> Result<Agenda, StoreError> {
    Ok(Agenda { state: state_from(row.int("state")?)?, starts_at: row.time_or_null("starts_at")? })
}

/// Reads `minutes`.
pub(crate) fn minutes_from(row: &Row) -> Result<u32, StoreError> {
    u32::try_from(row.int("minutes")?).map_err(|_| StoreError::Corrupt("length of an event"))
}

fn state_number(state: State) -> i64 {
    State::ALL.iter().position(|one| *one == state).map_or(0, |number| number as i64)
}

fn state_from(number: i64) -> Result<State, StoreError> {
    of_number(&State::ALL, number, "state of an event")
}

fn change_number(change: Change) -> i64 {
    Change::ALL.iter().position(|one| *one == change).map_or(0, |number| number as i64)
}

/// Reads what [`change_number`] wrote.
pub(crate) fn change_from(number: i64) -> Result<Change, StoreError> {
    of_number(&Change::ALL, number, "change of an event")
}

fn recurrence_number(recurrence: Recurrence) -> i64 {
    Recurrence::ALL.iter().position(|one| *one == recurrence).map_or(0, |number| number as i64)
}

/// Reads what [`recurrence_number`] wrote.
pub(crate) fn recurrence_from(number: i64) -> Result<Recurrence, StoreError> {
    of_number(&Recurrence::ALL, number, "recurrence of an event")
}

const KINDS: [Kind; 3] = [Kind::Closed, Kind::Social, Kind::Open];

fn kind_number(kind: Kind) -> i64 {
    KINDS.iter().position(|one| *one == kind).map_or(0, |number| number as i64)
}

/// Reads what [`kind_number`] wrote.
pub(crate) fn kind_from(number: i64) -> Result<Kind, StoreError> {
    of_number(&KINDS, number, "kind of an event's room")
}

fn of_number<T: Copy>(all: &[T], number: i64, what: &'static str) -> Result<T, StoreError> {
    let number = int_from(number, what)?;
    usize::try_from(number).ok().and_then(|number| all.get(number)).copied().ok_or(StoreError::Corrupt(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statements name them by number.
    #[test]
    fn numbers_mean_what_the_tables_say() {
        let states = [State::Proposed, State::Agreed, State::Dated, State::Live, State::Ended, State::Cancelled];
        assert_eq!(states.map(state_number), [0, 1, 2, 3, 4, 5]);
        assert_eq!([Kind::Closed, Kind::Social, Kind::Open].map(kind_number), [0, 1, 2]);
        let recurrences = [Recurrence::Weekly, Recurrence::Fortnightly, Recurrence::MonthlyByWeekday];
        assert_eq!(recurrences.map(recurrence_number), [0, 1, 2]);
        let changes = [Change::Announced, Change::Agreed, Change::Dated, Change::Moved, Change::Undated, Change::Live];
        assert_eq!(changes.map(change_number), [0, 1, 2, 3, 4, 5]);
        assert_eq!([Change::Ended, Change::Cancelled, Change::Resized].map(change_number), [6, 7, 8]);
        assert!(state_from(6).is_err() && state_from(-1).is_err());
    }
}
