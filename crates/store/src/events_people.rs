//! Who hosts an event beside its host, who is told of it, how people choose among times, and calendars.

use std::collections::BTreeSet;

use roomtone_room::agenda::{COHOSTS_MAX, Refusal, State, Step};
use roomtone_room::ids::{EventId, MemberId, Timestamp};

use crate::db::{Transaction, Value, sql};
use crate::error::StoreError;
use crate::events::{EventDone, Locked, SUBSCRIBED_MAX, end_poll, hosts, lock, take};
use crate::{Hash, Store};

/// A time that a poll asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollTime {
    /// When.
    pub at: Timestamp,
    /// How many could come then.
    pub votes: u64,
    /// Whether the viewer could.
    pub mine: bool,
}

/// Those who host an event too.
impl Store {
    /// Asks a member to host an event too; [`Refusal::Nothing`] for whoever was asked already. For its host.
    pub async fn ask_cohost(
        &self,
        event: EventId,
        by: MemberId,
        whom: MemberId,
        now: Timestamp,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if locked.host != by || whom == by {
            return Ok(EventDone::NotAllowed);
        }
        if locked.agenda.state.is_over() {
            return Ok(EventDone::Refused(Refusal::Over));
        }
        let asked = sql("SELECT count(*) AS n FROM event_cohosts WHERE event = $1 AND member <> $2");
        if tx.one(asked.bind(event).bind(whom)).await?.count("n")? >= COHOSTS_MAX as u64 {
            return Ok(EventDone::TooMany);
        }
        let ask = sql("INSERT INTO event_cohosts (event, member, needed, asked_at)
             SELECT $1, id, FALSE, $3 FROM members WHERE id = $2 ON CONFLICT DO NOTHING");
        if tx.execute(ask.bind(event).bind(whom).bind(now)).await? == 0 {
            return Ok(EventDone::Refused(Refusal::Nothing));
        }
        tx.commit().await?;
        Ok(EventDone::Done(None))
    }

    /// Notes that a member who was asked hosts an event too, and is told of its changes. When nobody who was asked at the
    /// beginning has still to answer, the event is agreed.
    pub async fn accept_cohost(
        &self,
        event: EventId,
        member: MemberId,
        now: Timestamp,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if locked.agenda.state.is_over() {
            return Ok(EventDone::Refused(Refusal::Over));
        }
        let accept = sql("UPDATE event_cohosts SET accepted_at = COALESCE(accepted_at, $3)
             WHERE event = $1 AND member = $2");
        if tx.execute(accept.bind(event).bind(member).bind(now)).await? == 0 {
            return Ok(EventDone::Missing);
        }
        let hear = sql("INSERT INTO event_subscriptions (event, member, going, since) VALUES ($1, $2, TRUE, $3)
             ON CONFLICT (event, member) DO UPDATE SET going = TRUE");
        tx.execute(hear.bind(event).bind(member).bind(now)).await?;
        let done = agree_if_all_have(&mut tx, &locked, member, now).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Takes a member from those who host an event too or were asked to: by the host, or by themselves.
    pub async fn remove_cohost(
        &self,
        event: EventId,
        by: MemberId,
        whom: MemberId,
        now: Timestamp,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if locked.host != by && whom != by {
            return Ok(EventDone::NotAllowed);
        }
        let remove = sql("DELETE FROM event_cohosts WHERE event = $1 AND member = $2");
        if tx.execute(remove.bind(event).bind(whom)).await? == 0 {
            return Ok(EventDone::Missing);
        }
        let done = agree_if_all_have(&mut tx, &locked, by, now).await?;
        tx.commit().await?;
        Ok(done)
    }
}

/// Subscribers.
impl Store {
    /// Tells a member of an event's changes from now on, whether or not they come.
    pub async fn subscribe_event(
        &self,
        event: EventId,
        member: MemberId,
        going: bool,
        now: Timestamp,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if locked.agenda.state.is_over() {
            return Ok(EventDone::Refused(Refusal::Over));
        }
        let others = sql("SELECT count(*) AS n FROM event_subscriptions s JOIN events e ON e.id = s.event
             WHERE s.member = $1 AND e.state < 4 AND s.event <> $2");
        if tx.one(others.bind(member).bind(event)).await?.count("n")? >= SUBSCRIBED_MAX {
            return Ok(EventDone::TooMany);
        }
        let subscribe = sql("INSERT INTO event_subscriptions (event, member, going, since)
             SELECT $1, id, $3, $4 FROM members WHERE id = $2
             ON CONFLICT (event, member) DO UPDATE SET going = excluded.going");
        tx.execute(subscribe.bind(event).bind(member).bind(going).bind(now)).await?;
        tx.commit().await?;
        Ok(EventDone::Done(None))
    }

    /// Tells a member nothing more of an event.
    pub async fn unsubscribe_event(&self, event: EventId, member: MemberId) -> Result<(), StoreError> {
        let end = sql("DELETE FROM event_subscriptions WHERE event = $1 AND member = $2");
        self.database.execute(end.bind(event).bind(member)).await?;
        Ok(())
    }

    /// Those who have said that they come, who hosts it first, at most `limit`.
    pub async fn going_to_event(&self, event: EventId, limit: u32) -> Result<Vec<MemberId>, StoreError> {
        let going = sql("SELECT s.member FROM event_subscriptions s
             LEFT JOIN event_cohosts c ON c.event = s.event AND c.member = s.member AND c.accepted_at IS NOT NULL
             WHERE s.event = $1 AND s.going ORDER BY c.member IS NULL, s.since, s.member LIMIT $2");
        self.database.all(going.bind(event).bind(limit)).await?.iter().map(|row| row.member("member")).collect()
    }
}

/// Polls.
impl Store {
    /// Asks for a choice among these times in place of the former ones; votes for those that stay are kept. For the event's host
    /// and those who host it too, before it is live. No times end the poll.
    pub async fn set_event_poll(
        &self,
        event: EventId,
        by: MemberId,
        times: &BTreeSet<Timestamp>,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if !hosts(&mut tx, &locked, by).await? {
            return Ok(EventDone::NotAllowed);
        }
        if let Some(refusal) = closed(locked.agenda.state) {
            return Ok(EventDone::Refused(refusal));
        }
        if times.is_empty() {
            end_poll(&mut tx, event).await?;
        } else {
            for text in ["DELETE FROM event_votes WHERE event = ", "DELETE FROM event_times WHERE event = "] {
                let kept = times.iter().copied();
                tx.execute(sql(text).push_bind(event).push(" AND at NOT IN ").push_list(kept)).await?;
            }
            let rows = times.iter().map(|at| -> [Value; 2] { [event.into(), (*at).into()] });
            let ask = sql("INSERT INTO event_times (event, at) ").push_rows(rows).push(" ON CONFLICT DO NOTHING");
            tx.execute(ask).await?;
        }
        tx.commit().await?;
        Ok(EventDone::Done(None))
    }

    /// Sets the times at which a member could come, any number of those that are asked about.
    pub async fn vote_event_times(
        &self,
        event: EventId,
        member: MemberId,
        times: &BTreeSet<Timestamp>,
    ) -> Result<EventDone, StoreError> {
        let mut tx = self.database.begin().await?;
        let Some(locked) = lock(&mut tx, event).await? else { return Ok(EventDone::Missing) };
        if let Some(refusal) = closed(locked.agenda.state) {
            return Ok(EventDone::Refused(refusal));
        }
        let before = sql("DELETE FROM event_votes WHERE event = $1 AND member = $2");
        tx.execute(before.bind(event).bind(member)).await?;
        for at in times {
            let vote = sql("INSERT INTO event_votes (event, at, member)
                 SELECT t.event, t.at, m.id FROM event_times t JOIN members m ON m.id = $3
                 WHERE t.event = $1 AND t.at = $2");
            // Dropped without a commit: a time that nobody asked about takes nothing.
            if tx.execute(vote.bind(event).bind(*at).bind(member)).await? == 0 {
                return Ok(EventDone::Missing);
            }
        }
        tx.commit().await?;
        Ok(EventDone::Done(None))
    }

    /// What an event's poll asks about, by time; nothing where there is none.
    pub async fn event_poll(&self, event: EventId, viewer: Option<MemberId>) -> Result<Vec<PollTime>, StoreError> {
        let times = sql("SELECT t.at, count(v.member) AS votes,
                    count(CASE WHEN v.member = $2 THEN 1 END) > 0 AS mine
             FROM event_times t LEFT JOIN event_votes v ON v.event = t.event AND v.at = t.at
             WHERE t.event = $1 GROUP BY t.at ORDER BY t.at");
        let times = self.database.all(times.bind(event).bind(viewer)).await?;
        times
            .iter()
            .map(|row| Ok(PollTime { at: row.time("at")?, votes: row.count("votes")?, mine: row.bool("mine")? }))
            .collect()
    }
}

/// Calendars.
impl Store {
    /// Makes the address with this digest the one of a member's calendar, in place of the former one.
    pub async fn set_calendar(&self, member: MemberId, hash: &Hash, now: Timestamp) -> Result<(), StoreError> {
        let set = sql("INSERT INTO calendars (member, hash, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (member) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at");
        self.database.execute(set.bind(member).bind(hash).bind(now)).await?;
        Ok(())
    }

    /// Ends the address of a member's calendar.
    pub async fn end_calendar(&self, member: MemberId) -> Result<(), StoreError> {
        self.database.execute(sql("DELETE FROM calendars WHERE member = $1").bind(member)).await?;
        Ok(())
    }

    /// Since when a member's calendar has its address, if it has one.
    pub async fn calendar_since(&self, member: MemberId) -> Result<Option<Timestamp>, StoreError> {
        let since = sql("SELECT created_at FROM calendars WHERE member = $1").bind(member);
        self.database.optional(since).await?.map(|row| row.time("created_at")).transpose()
    }

    /// The member whose calendar has the address with this digest; nobody who is suspended.
    pub async fn calendar_of(&self, hash: &Hash) -> Result<Option<MemberId>, StoreError> {
        let whose = sql("SELECT c.member FROM calendars c JOIN members m ON m.id = c.member
             WHERE c.hash = $1 AND m.suspended_at IS NULL");
        self.database.optional(whose.bind(hash)).await?.map(|row| row.member("member")).transpose()
    }
}

/// Why nobody chooses among times any more, if so.
fn closed(state: State) -> Option<Refusal> {
    match state {
        State::Live => Some(Refusal::Live),
        State::Ended | State::Cancelled => Some(Refusal::Over),
        State::Proposed | State::Agreed | State::Dated => None,
    }
}

/// Makes a proposed event agreed if nobody has still to answer of those who were asked at the beginning.
async fn agree_if_all_have(
    tx: &mut Transaction,
    event: &Locked,
    by: MemberId,
    now: Timestamp,
) -> Result<EventDone, StoreError> {
    // It is found by the names of its hosts.
    tx.execute(sql("UPDATE events SET indexed = FALSE WHERE id = $1").bind(event.id)).await?;
    let open = sql("SELECT 1 AS one FROM event_cohosts WHERE event = $1 AND needed AND accepted_at IS NULL");
    if event.agenda.state != State::Proposed || tx.optional(open.bind(event.id)).await?.is_some() {
        return Ok(EventDone::Done(None));
    }
    take(tx, event, Some(by), Step::Agree, now).await
}
