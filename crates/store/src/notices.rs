//! What members are told of: the inbox, what goes out by push and mail, and how they want it.

use std::collections::{HashMap, HashSet};

use roomtone_room::ids::{AvatarId, MemberId, RecordId, RoomId, Timestamp};

use crate::db::{Row, Sql, Value, sql};
use crate::error::StoreError;
use crate::members::person_from;
use crate::open::ROWS_PER_STATEMENT;
use crate::{Hash, Person, Place, Store};

/// How far unread notices are counted. Higher shows larger numbers; lower reads less for those who never look.
pub const UNREAD_MAX: u64 = 100;

/// Most notices that one call keeps. More makes each cheaper when very many are told; fewer lets others write sooner.
pub const NOTICES_AT_ONCE: usize = 100;

/// Notices of one member that go out together. More merges longer nights; each makes a message longer.
const CLAIMED_MAX: u32 = 50;

/// Browsers that take push for one member; a further one replaces the oldest. More serves more devices; each is one more
/// request for every notice.
const SUBSCRIPTIONS_MAX: u32 = 10;

/// A browser is forgotten when its push service has not taken this many messages in a row, over at least [`PUSH_FAILS_FOR`].
/// More forgives worse push services; fewer posts less to where nobody reads it any more.
pub const PUSH_FAILURES_MAX: u32 = 5;

/// See [`PUSH_FAILURES_MAX`]; in milliseconds.
pub const PUSH_FAILS_FOR: u64 = 3 * 24 * 60 * 60 * 1000;

/// Rows that one statement marks or deletes. More needs fewer statements; fewer lets others write sooner.
const ROWS_AT_ONCE: u32 = 1_000;

/// The ways in which a member is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    /// In the inbox, and live while a page is open.
    pub inbox: bool,
    /// By Web Push.
    pub push: bool,
    /// By mail.
    pub mail: bool,
}

/// Something to tell a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotice {
    /// The new id.
    pub id: RecordId,
    /// Who is told.
    pub member: MemberId,
    /// What kind of thing happened, as the caller names it.
    pub kind: &'static str,
    /// Who did it.
    pub actor: Option<MemberId>,
    /// The id of the room, house, invite or report that it is about.
    pub subject: Option<u128>,
    /// A text that belongs to it; the titles of rooms and names of houses are looked up and not kept here.
    pub body: String,
    /// When it happened.
    pub at: Timestamp,
    /// How a member is told of this kind who has not chosen.
    pub defaults: Ways,
    /// Whether no page of theirs is open: while one is, it goes out by push or mail only if they do not want it in the inbox.
    pub away: bool,
}

/// A notice as its member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id.
    pub id: RecordId,
    /// What kind of thing happened.
    pub kind: String,
    /// Who did it.
    pub actor: Option<Person>,
    /// What it is about.
    pub subject: Option<u128>,
    /// The title of the room, the name of the house, or the text that was kept.
    pub body: String,
    /// The handle of the house that it is about, if the member may see it.
    pub house: Option<String>,
    /// Whether it is about a room that is known.
    pub room: Option<RoomId>,
    /// The event that it is about, if the member may know of it.
    pub event: Option<NoticeEvent>,
    /// When it happened.
    pub at: Timestamp,
    /// Whether it was read.
    pub read: bool,
}

/// An event, as a notice about it shows it: as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeEvent {
    /// The text that was kept with the notice; its body is the event's title.
    pub kept: String,
    /// When the event begins, if that is known.
    pub starts_at: Option<Timestamp>,
    /// In which time zone that was chosen.
    pub time_zone: String,
}

/// A browser that takes Web Push (RFC 8030).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: RecordId,
    /// Where to post.
    pub endpoint: String,
    /// The browser's public key: an uncompressed P-256 point of 65 bytes (RFC 8291, section 3.1).
    pub p256dh: Vec<u8>,
    /// The browser's authentication secret: 16 bytes (RFC 8291, section 3.2).
    pub auth: Vec<u8>,
}

/// When a member does not want to be disturbed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuietHours {
    /// IANA name of the member's time zone; empty for UTC.
    pub time_zone: String,
    /// First and past-the-last minute of their day, from 0 to 1439; `None` for no quiet hours.
    pub minutes: Option<(u32, u32)>,
}

/// Whom a delivery goes to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub person: Person,
    /// BCP 47 language tag.
    pub language: String,
    /// When not to disturb them.
    pub quiet: QuietHours,
    /// Their confirmed mail address.
    pub mail: Option<String>,
    /// Their browsers.
    pub subscriptions: Vec<Subscription>,
    /// Those of them whose push service did not take the last message.
    pub failing: HashSet<RecordId>,
    /// The ways they chose, by kind.
    pub choices: HashMap<String, Ways>,
}

/// A notice on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What it says.
    pub notice: Notice,
    /// How often it was tried, this time included.
    pub attempts: u64,
}

/// Whether a notice `n` may be shown to its member: nobody is reminded of people with whom there is a block, or of suspended
/// ones. `a` is the actor.
macro_rules! allowed {
    () => {
        "(n.actor IS NULL OR (a.suspended_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = n.member AND b.blocked = n.actor)
            AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = n.actor AND b.blocked = n.member)))"
    };
}

/// Whether a notice `n` of the actor `a` is in its member's inbox.
macro_rules! shown {
    () => {
        concat!("n.inbox AND ", allowed!())
    };
}

/// A notice with what is looked up for it, found by a condition on `n`.
macro_rules! select_notice {
    ($($condition:expr),*) => {
        concat!(
            "SELECT n.id AS notice, n.member AS recipient, n.kind, n.subject, n.body, n.at, n.read_at, n.attempts,
                    n.actor, a.id, a.handle, a.name, a.avatar,
                    r.id AS room, COALESCE(r.title, t.title) AS title, h.handle AS house_handle, h.name AS house_name,
                    e.title AS event_title, e.starts_at AS event_at, e.time_zone AS event_zone
             FROM notifications n LEFT JOIN members a ON a.id = n.actor
             LEFT JOIN rooms r ON r.id = n.subject
             LEFT JOIN houses h ON h.id = n.subject AND (NOT h.private
                OR EXISTS (SELECT 1 FROM house_members i
                           WHERE i.house = h.id AND i.member = n.member AND i.role >= 1)
                OR EXISTS (SELECT 1 FROM nominations o
                           WHERE o.house = h.id AND o.nominee = n.member AND o.accepted_at IS NOT NULL))
             LEFT JOIN invitation_texts t ON t.invitation = n.subject AND t.original
             LEFT JOIN events e ON e.id = n.subject AND (e.house IS NULL
                OR EXISTS (SELECT 1 FROM houses x WHERE x.id = e.house AND NOT x.private)
                OR EXISTS (SELECT 1 FROM house_members i
                           WHERE i.house = e.house AND i.member = n.member AND i.role >= 1))
             WHERE ",
            $($condition),*
        )
    };
}

impl Store {
    /// Keeps notices for those who want them, at most [`NOTICES_AT_ONCE`], and returns the ids of those that are
    /// now in somebody's inbox. Left out are: whatever comes from somebody suspended, muted by the member or with a block in
    /// either direction; kinds that the member has switched off in every way; and what the same actor caused for the same
    /// member, of the same kind and about the same subject, after `again_from`; and those whose id is known already, so that
    /// whoever makes the same id of the same thing can repeat it. A room's opening is told once, whether for its host's sake
    /// or its house's.
    ///
    /// Errors: [`StoreError::Conflict`] when an actor was deleted at this moment; then none is kept.
    pub async fn add_notices(
        &self,
        notices: &[NewNotice],
        again_from: Timestamp,
    ) -> Result<HashSet<RecordId>, StoreError> {
        if notices.is_empty() {
            return Ok(HashSet::new());
        }
        let rows = notices.iter().map(|notice| -> [Value; 11] {
            [
                notice.id.into(),
                notice.member.into(),
                notice.kind.into(),
                notice.actor.into(),
                notice.subject.into(),
                notice.body.as_str().into(),
                notice.at.into(),
                notice.defaults.inbox.into(),
                notice.defaults.push.into(),
                notice.defaults.mail.into(),
                notice.away.into(),
            ]
        });
        // The plus keeps SQLite from looking through all that the member was told of late, instead of what the actor caused.
        let keep = sql("INSERT INTO notifications (id, member, kind, actor, subject, body, at, inbox, deliver_at)
             SELECT n.id, n.member, n.kind, n.actor, n.subject, n.body, n.at, n.inbox,
                    CASE WHEN (n.away OR NOT n.inbox) AND (n.push OR n.mail) THEN n.at END
             FROM (SELECT v.column1 AS id, v.column2 AS member, v.column3 AS kind, v.column4 AS actor,
                          v.column5 AS subject, v.column6 AS body, v.column7 AS at, v.column11 AS away,
                          COALESCE(c.inbox, v.column8) AS inbox,
                          COALESCE(c.push, v.column9) AND EXISTS
                              (SELECT 1 FROM push_subscriptions p WHERE p.member = v.column2) AS push,
                          COALESCE(c.mail, v.column10) AND EXISTS
                              (SELECT 1 FROM mail_addresses e WHERE e.member = v.column2
                                                                AND e.confirmed_at IS NOT NULL) AS mail
                   FROM (")
        .push_rows(rows)
        .push(
            ") AS v LEFT JOIN notification_choices c ON c.member = v.column2 AND c.kind = v.column3) AS n
             WHERE (n.inbox OR n.push OR n.mail)
               AND EXISTS (SELECT 1 FROM members m WHERE m.id = n.member AND m.suspended_at IS NULL)
               AND (n.actor IS NULL
                    OR EXISTS (SELECT 1 FROM members a WHERE a.id = n.actor AND a.suspended_at IS NULL))
               AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = n.member AND b.blocked = n.actor)
               AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = n.actor AND b.blocked = n.member)
               AND NOT EXISTS (SELECT 1 FROM mutes u WHERE u.muter = n.member AND u.muted = n.actor)
               AND NOT EXISTS (SELECT 1 FROM notifications o
                               WHERE o.actor = n.actor AND o.member = n.member
                                 AND o.subject IS NOT DISTINCT FROM n.subject
                                 AND (o.kind = n.kind OR (o.kind IN ('room_opened', 'house_room')
                                                          AND n.kind IN ('room_opened', 'house_room')))
                                 AND +o.at > ",
        )
        .push_bind(again_from)
        .push(") ON CONFLICT (id) DO NOTHING RETURNING id, inbox");
        // As many texts as there are sizes: a single one and a full batch are the usual.
        let keep = keep.remembered(notices.len() == 1 || notices.len() == NOTICES_AT_ONCE);
        let mut transaction = self.database.begin().await?;
        let kept = transaction.all(keep).await?;
        transaction.commit().await?;
        let mut shown = HashSet::new();
        for row in kept {
            if row.bool("inbox")? {
                shown.insert(RecordId(row.id("id")?));
            }
        }
        Ok(shown)
    }

    /// The followers of `who` after `after`, the newest first, at most `limit` of them; with each, whether to tell them that a room was
    /// opened or is spoken in: always for the loudest bell, never for the quietest, and otherwise unless they were told
    /// so of `who` after `again_from`.
    pub async fn bells(
        &self,
        who: MemberId,
        after: Option<Place>,
        again_from: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Place, bool)>, StoreError> {
        let after = after.unwrap_or(Place { since: Timestamp(i64::MAX as u64), id: MemberId(u128::MAX) });
        let page = sql("SELECT f.follower, f.since, f.bell = 2 OR (f.bell = 1 AND NOT EXISTS
                 (SELECT 1 FROM notifications n
                  WHERE n.actor = f.followed AND n.member = f.follower
                    AND n.kind IN ('room_opened', 'room_speaking') AND +n.at > $4)) AS rings
             FROM follows f WHERE f.followed = $1 AND (f.since, f.follower) < ($2, $3)
             ORDER BY f.since DESC, f.follower DESC LIMIT $5")
        .bind(who)
        .bind(after.since)
        .bind(after.id)
        .bind(again_from)
        .bind(limit);
        let place = |row: &Row| Ok(Place { since: row.time("since")?, id: row.member("follower")? });
        self.database.all(page).await?.iter().map(|row| Ok((place(row)?, row.bool("rings")?))).collect()
    }

    /// Which of `whom` at least one of `by` follows. Both lists together hold at most some thousand.
    pub async fn followed_by_any(&self, by: &[MemberId], whom: &[MemberId]) -> Result<HashSet<MemberId>, StoreError> {
        let followed = sql("SELECT DISTINCT followed FROM follows WHERE follower IN ")
            .push_list(by.iter().copied())
            .push(" AND followed IN ")
            .push_list(whom.iter().copied());
        self.database.all(followed).await?.iter().map(|row| row.member("followed")).collect()
    }

    /// A page of a member's inbox: the newest first, before the one at `before`.
    pub async fn notices(
        &self,
        member: MemberId,
        before: Option<(Timestamp, RecordId)>,
        limit: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        const PAGE: &str = select_notice!(
            "n.member = $1 AND (n.at, n.id) < ($2, $3) AND ",
            shown!(),
            " ORDER BY n.at DESC, n.id DESC LIMIT $4"
        );
        // The largest time that fits the database: everything is before it.
        let (at, id) = before.unwrap_or((Timestamp(i64::MAX as u64), RecordId(u128::MAX)));
        let page = sql(PAGE).bind(member).bind(at).bind(id).bind(limit);
        self.database.all(page).await?.iter().map(notice_from).collect()
    }

    /// One notice of a member's inbox.
    pub async fn notice(&self, member: MemberId, id: RecordId) -> Result<Option<Notice>, StoreError> {
        const ONE: &str = select_notice!("n.member = $1 AND n.id = $2 AND ", shown!());
        self.database.optional(sql(ONE).bind(member).bind(id)).await?.as_ref().map(notice_from).transpose()
    }

    /// How many notices a member has not read; counted up to [`UNREAD_MAX`].
    pub async fn unread_notices(&self, member: MemberId) -> Result<u64, StoreError> {
        const COUNT: &str = concat!(
            "SELECT count(*) AS unread FROM (
                 SELECT 1 FROM notifications n LEFT JOIN members a ON a.id = n.actor
                 WHERE n.member = $1 AND n.read_at IS NULL AND ",
            shown!(),
            " LIMIT $2) AS counted"
        );
        self.database.one(sql(COUNT).bind(member).bind(UNREAD_MAX)).await?.count("unread")
    }

    /// Marks those of a member's notices as read that have these ids.
    pub async fn read_notices(&self, member: MemberId, ids: &[RecordId], now: Timestamp) -> Result<(), StoreError> {
        for part in ids.chunks(ROWS_PER_STATEMENT) {
            let read = sql("UPDATE notifications SET read_at = $1, deliver_at = NULL
                 WHERE member = $2 AND read_at IS NULL AND id IN ")
            .bind(now)
            .bind(member)
            .push_list(part.iter().copied());
            self.database.execute(read).await?;
        }
        Ok(())
    }

    /// Marks all notices of a member as read that came at `until` or before.
    pub async fn read_notices_until(
        &self,
        member: MemberId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        loop {
            let read = sql("UPDATE notifications SET read_at = $1, deliver_at = NULL WHERE id IN
                 (SELECT id FROM notifications
                  WHERE member = $2 AND at <= $3 AND inbox AND read_at IS NULL LIMIT $4)")
            .bind(now)
            .bind(member)
            .bind(until)
            .bind(ROWS_AT_ONCE);
            if self.database.execute(read).await? < ROWS_AT_ONCE.into() {
                return Ok(());
            }
        }
    }

    /// Deletes some of the notices from before `before`; returns whether there may be more.
    pub async fn delete_old_notices(&self, before: Timestamp) -> Result<bool, StoreError> {
        let delete = sql("DELETE FROM notifications WHERE id IN
             (SELECT id FROM notifications WHERE at < $1 ORDER BY at LIMIT $2)")
        .bind(before)
        .bind(ROWS_AT_ONCE);
        Ok(self.database.execute(delete).await? >= ROWS_AT_ONCE.into())
    }
}

/// How members want to be told.
impl Store {
    /// The ways a member chose, by kind.
    pub async fn notice_choices(&self, member: MemberId) -> Result<HashMap<String, Ways>, StoreError> {
        let chosen = sql("SELECT kind, inbox, push, mail FROM notification_choices WHERE member = $1").bind(member);
        self.database.all(chosen).await?.iter().map(choice_from).collect()
    }

    /// Sets the ways for some kinds, each named once, and the quiet hours, all or nothing.
    pub async fn choose_notices(
        &self,
        member: MemberId,
        choices: &[(&'static str, Ways)],
        quiet: &QuietHours,
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let update = sql("UPDATE members SET time_zone = $2, quiet_from = $3, quiet_until = $4 WHERE id = $1")
            .bind(member)
            .bind(&quiet.time_zone)
            .bind(quiet.minutes.map(|(from, _)| i64::from(from)))
            .bind(quiet.minutes.map(|(_, until)| i64::from(until)));
        transaction.execute(update).await?;
        if !choices.is_empty() {
            let rows = choices.iter().map(|(kind, ways)| -> [Value; 5] {
                [member.into(), (*kind).into(), ways.inbox.into(), ways.push.into(), ways.mail.into()]
            });
            let choose =
                sql("INSERT INTO notification_choices (member, kind, inbox, push, mail) ").push_rows(rows).push(
                    " ON CONFLICT (member, kind)
                      DO UPDATE SET inbox = excluded.inbox, push = excluded.push, mail = excluded.mail",
                );
            transaction.execute(choose).await?;
        }
        transaction.commit().await
    }

    /// Ends that a member is told anything by mail: of `defaults`, the ways of each kind that they have not chosen.
    pub async fn end_notice_mail(&self, member: MemberId, defaults: &[(&'static str, Ways)]) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let chosen = sql("UPDATE notification_choices SET mail = FALSE WHERE member = $1").bind(member);
        transaction.execute(chosen).await?;
        for (kind, ways) in defaults {
            let add = sql("INSERT INTO notification_choices (member, kind, inbox, push, mail)
                 SELECT id, $2, $3, $4, FALSE FROM members WHERE id = $1 ON CONFLICT DO NOTHING")
            .bind(member)
            .bind(*kind)
            .bind(ways.inbox)
            .bind(ways.push);
            transaction.execute(add).await?;
        }
        transaction.commit().await
    }

    /// When a member does not want to be disturbed; nothing for one who is not there.
    pub async fn quiet_hours(&self, member: MemberId) -> Result<QuietHours, StoreError> {
        let found = sql("SELECT time_zone, quiet_from, quiet_until FROM members WHERE id = $1").bind(member);
        self.database.optional(found).await?.as_ref().map_or(Ok(QuietHours::default()), quiet_from)
    }

    /// Makes a browser one that takes push for `member`, until `session` ends; returns the id under which it is kept. A
    /// browser has one owner, the last to sign in there. `None` when the session has ended meanwhile.
    pub async fn subscribe(
        &self,
        member: MemberId,
        session: &Hash,
        subscription: &Subscription,
        now: Timestamp,
    ) -> Result<Option<RecordId>, StoreError> {
        let mut transaction = self.database.begin().await?;
        let add = sql("INSERT INTO push_subscriptions (id, member, session, endpoint, p256dh, auth, created_at)
             SELECT $1, member, hash, $4, $5, $6, $7 FROM sessions WHERE hash = $3 AND member = $2
             ON CONFLICT (endpoint) DO UPDATE SET member = excluded.member, session = excluded.session,
                 p256dh = excluded.p256dh, auth = excluded.auth, created_at = excluded.created_at,
                 failures = 0, failing_since = NULL
             RETURNING id")
        .bind(subscription.id)
        .bind(member)
        .bind(session)
        .bind(&subscription.endpoint)
        .bind(subscription.p256dh.as_slice())
        .bind(subscription.auth.as_slice())
        .bind(now);
        let Some(kept) = transaction.optional(add).await? else { return Ok(None) };
        let kept = RecordId(kept.id("id")?);
        let too_many = sql("DELETE FROM push_subscriptions WHERE member = $1 AND id <> $2 AND id NOT IN
             (SELECT id FROM push_subscriptions WHERE member = $1 AND id <> $2
              ORDER BY created_at DESC, id LIMIT $3)")
        .bind(member)
        .bind(kept)
        .bind(SUBSCRIPTIONS_MAX - 1);
        transaction.execute(too_many).await?;
        transaction.commit().await?;
        Ok(Some(kept))
    }

    /// Ends that a browser of this member takes push. Returns whether there was one.
    pub async fn unsubscribe(&self, member: MemberId, id: RecordId) -> Result<bool, StoreError> {
        let delete = sql("DELETE FROM push_subscriptions WHERE id = $1 AND member = $2").bind(id).bind(member);
        Ok(self.database.execute(delete).await? > 0)
    }

    /// Forgets a browser whose push service says that it is gone, unless its keys were renewed meanwhile.
    pub async fn subscription_gone(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let delete = sql("DELETE FROM push_subscriptions WHERE id = $1 AND p256dh = $2")
            .bind(subscription.id)
            .bind(subscription.p256dh.as_slice());
        self.database.execute(delete).await?;
        Ok(())
    }
}

/// Delivery by push and mail.
impl Store {
    /// Notes that the push service of a browser took a message, after it had not taken one.
    pub async fn subscription_works(&self, id: RecordId) -> Result<(), StoreError> {
        let works = sql("UPDATE push_subscriptions SET failures = 0, failing_since = NULL WHERE id = $1").bind(id);
        self.database.execute(works).await?;
        Ok(())
    }

    /// Notes that the push service of a browser did not take a message, and forgets the browser if it has been like that for
    /// [`PUSH_FAILURES_MAX`] messages and [`PUSH_FAILS_FOR`]. Returns whether it is forgotten.
    pub async fn subscription_failed(&self, id: RecordId, now: Timestamp) -> Result<bool, StoreError> {
        let fails = sql("UPDATE push_subscriptions SET failures = failures + 1,
                 failing_since = COALESCE(failing_since, $2) WHERE id = $1")
        .bind(id)
        .bind(now);
        let given_up = sql("DELETE FROM push_subscriptions WHERE id = $1 AND failures >= $2 AND failing_since <= $3")
            .bind(id)
            .bind(PUSH_FAILURES_MAX)
            .bind(Timestamp(now.0.saturating_sub(PUSH_FAILS_FOR)));
        let mut transaction = self.database.begin().await?;
        transaction.execute(fails).await?;
        let forgotten = transaction.execute(given_up).await? > 0;
        transaction.commit().await?;
        Ok(forgotten)
    }

    /// Members for whom something is due, those who wait longest first, from the first `limit` due notices.
    pub async fn due_members(&self, now: Timestamp, limit: u32) -> Result<Vec<MemberId>, StoreError> {
        let due = sql("SELECT member FROM notifications WHERE deliver_at <= $1 ORDER BY deliver_at LIMIT $2");
        let mut members = Vec::new();
        for row in self.database.all(due.bind(now).bind(limit)).await? {
            let member = row.member("member")?;
            if !members.contains(&member) {
                members.push(member);
            }
        }
        Ok(members)
    }

    /// When the next notice is due, if any is.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let next = sql("SELECT min(deliver_at) AS next FROM notifications WHERE deliver_at IS NOT NULL");
        self.database.one(next).await?.time_or_null("next")
    }

    /// Takes what is due for a member: nobody else gets it before `until`. It is for the caller to say what became of it,
    /// by [`Store::delivered`] or [`Store::deliver_later`]; if the caller never does, it is due again at `until`, so that
    /// a notice goes out at least once, and twice only after a crash.
    pub async fn claim_due(&self, member: MemberId, now: Timestamp, until: Timestamp) -> Result<Vec<Due>, StoreError> {
        // The outer condition is asked again once the row is locked, so that of two who claim it one gets it.
        let claim = sql("UPDATE notifications SET deliver_at = $3, attempts = attempts + 1
             WHERE deliver_at <= $2 AND id IN
                 (SELECT id FROM notifications WHERE member = $1 AND deliver_at <= $2 ORDER BY at LIMIT $4)
             RETURNING id")
        .bind(member)
        .bind(now)
        .bind(until)
        .bind(CLAIMED_MAX);
        let mut transaction = self.database.begin().await?;
        let claimed = transaction.all(claim).await?;
        transaction.commit().await?;
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let ids = claimed.iter().map(|row| row.id("id")).collect::<Result<Vec<_>, _>>()?;
        // Somebody may have been muted since: it waited for the end of quiet hours, or of a push service's trouble.
        const CLAIMED: &str = select_notice!(
            allowed!(),
            " AND NOT EXISTS (SELECT 1 FROM mutes u WHERE u.muter = n.member AND u.muted = n.actor) AND n.id IN "
        );
        let due = sql(CLAIMED).push_list(ids.iter().copied()).push(" ORDER BY n.at, n.id");
        let due = self.database.all(due).await?;
        let due = due
            .iter()
            .map(|row| Ok(Due { notice: notice_from(row)?, attempts: row.count("attempts")? }))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let hidden = ids.into_iter().map(RecordId).filter(|id| due.iter().all(|due| due.notice.id != *id));
        let hidden: Vec<_> = hidden.collect();
        if !hidden.is_empty() {
            self.delivered(&hidden, until).await?;
        }
        Ok(due)
    }

    /// Nothing more is to be done about these notices, which were claimed until `until`.
    pub async fn delivered(&self, ids: &[RecordId], until: Timestamp) -> Result<(), StoreError> {
        self.reschedule(ids, until, None).await
    }

    /// These notices, which were claimed until `until`, are due again at `at`; `forgiven` takes back that it was an attempt.
    pub async fn deliver_later(
        &self,
        ids: &[RecordId],
        until: Timestamp,
        at: Timestamp,
        forgiven: bool,
    ) -> Result<(), StoreError> {
        if forgiven {
            let forgive = sql("UPDATE notifications SET attempts = attempts - 1 WHERE deliver_at = $1 AND id IN ");
            self.database.execute(forgive.bind(until).push_list(ids.iter().copied())).await?;
        }
        self.reschedule(ids, until, Some(at)).await
    }

    async fn reschedule(&self, ids: &[RecordId], until: Timestamp, at: Option<Timestamp>) -> Result<(), StoreError> {
        let next: Sql = sql("UPDATE notifications SET deliver_at = $1 WHERE deliver_at = $2 AND id IN ")
            .bind(at)
            .bind(until)
            .push_list(ids.iter().copied());
        self.database.execute(next).await?;
        Ok(())
    }

    /// Whom a delivery goes to; `None` for somebody who is not there any more, or suspended.
    pub async fn recipient(&self, member: MemberId) -> Result<Option<Recipient>, StoreError> {
        let found =
            sql("SELECT m.id, m.handle, m.name, m.avatar, m.language, m.time_zone, m.quiet_from, m.quiet_until,
                    e.address
             FROM members m LEFT JOIN mail_addresses e ON e.member = m.id AND e.confirmed_at IS NOT NULL
             WHERE m.id = $1 AND m.suspended_at IS NULL")
            .bind(member);
        let Some(found) = self.database.optional(found).await? else { return Ok(None) };
        let browsers = sql("SELECT id, endpoint, p256dh, auth, failures FROM push_subscriptions WHERE member = $1
             ORDER BY created_at DESC, id LIMIT $2")
        .bind(member)
        .bind(SUBSCRIPTIONS_MAX);
        let browsers = self.database.all(browsers).await?;
        let subscriptions = browsers.iter().map(subscription_from).collect::<Result<_, _>>()?;
        let mut failing = HashSet::new();
        for row in &browsers {
            if row.int("failures")? > 0 {
                failing.insert(RecordId(row.id("id")?));
            }
        }
        Ok(Some(Recipient {
            person: person_from(&found)?,
            language: found.text("language")?,
            quiet: quiet_from(&found)?,
            mail: found.text_or_null("address")?,
            subscriptions,
            failing,
            choices: self.notice_choices(member).await?,
        }))
    }

    /// The value of a setting, which is `value` from now on unless it was set before: of several who ask at the same time
    /// all get the same.
    pub async fn setting_or(&self, key: &str, value: &str) -> Result<String, StoreError> {
        let keep = sql("INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING");
        self.database.execute(keep.bind(key).bind(value)).await?;
        self.setting(key).await?.ok_or(StoreError::Corrupt("setting"))
    }
}

/// Reads what `select_notice!` selects.
fn notice_from(row: &Row) -> Result<Notice, StoreError> {
    let actor = match row.id_or_null("actor")? {
        Some(id) => Some(Person {
            id: MemberId(id),
            handle: row.text("handle")?,
            name: row.text("name")?,
            avatar: row.id_or_null("avatar")?.map(AvatarId),
        }),
        None => None,
    };
    let looked_up = row.text_or_null("title")?.or(row.text_or_null("house_name")?);
    let (looked_up, event) = match row.text_or_null("event_title")? {
        Some(title) => {
            let (starts_at, time_zone) = (row.time_or_null("event_at")?, row.text("event_zone")?);
            (Some(title), Some(NoticeEvent { kept: row.text("body")?, starts_at, time_zone }))
        }
        None => (looked_up, None),
    };
    Ok(Notice {
        id: RecordId(row.id("notice")?),
        kind: row.text("kind")?,
        actor,
        subject: row.id_or_null("subject")?,
        body: match looked_up {
            Some(text) => text,
            None => row.text("body")?,
        },
        house: row.text_or_null("house_handle")?,
        room: row.id_or_null("room")?.map(RoomId),
        event,
        at: row.time("at")?,
        read: row.int_or_null("read_at")?.is_some(),
    })
}

fn choice_from(row: &Row) -> Result<(String, Ways), StoreError> {
    let ways = Ways { inbox: row.bool("inbox")?, push: row.bool("push")?, mail: row.bool("mail")? };
    Ok((row.text("kind")?, ways))
}

fn quiet_from(row: &Row) -> Result<QuietHours, StoreError> {
    let minute = |column| -> Result<Option<u32>, StoreError> {
        let found = row.int_or_null(column)?;
        found.map(|minute| u32::try_from(minute).map_err(|_| StoreError::Corrupt("quiet hours"))).transpose()
    };
    let minutes = minute("quiet_from")?.zip(minute("quiet_until")?);
    Ok(QuietHours { time_zone: row.text("time_zone")?, minutes })
}

fn subscription_from(row: &Row) -> Result<Subscription, StoreError> {
    Ok(Subscription {
        id: RecordId(row.id("id")?),
        endpoint: row.text("endpoint")?,
        p256dh: row.bytes("p256dh")?,
        auth: row.bytes("auth")?,
    })
}
