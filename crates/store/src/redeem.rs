//! Redeeming an invite, many at a time. When a room fills, thousands of people come in within seconds; one transaction
//! for each would cost as many waits for the disk and six or seven statements each. So one task takes all that wait and
//! carries them out together, in as many statements as one takes alone.

use std::collections::{HashMap, HashSet};
use std::mem;

use roomtone_room::ids::{MemberId, Timestamp};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::convert::time;
use crate::db::{Database, Transaction, Value, sql};
use crate::error::{RedeemError, StoreError};
use crate::members::{Member, Person, people_from, select_people};
use crate::sessions::{NewSession, session_id};
use crate::{Hash, Store};

/// Redemptions that may wait. More rides out longer stalls of the disk; when it is full, the store is
/// [`StoreError::Busy`].
const QUEUE: usize = 4096;

/// Most redemptions in one transaction. More would spare waits for the disk under load; fewer keeps room logs, which
/// share the one writing connection, from waiting long.
const BATCH: usize = 250;

/// A member to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMember {
    /// The new id.
    pub id: MemberId,
    /// Handle, validated.
    pub handle: String,
    /// What the handle looks like (Unicode Technical Standard 39, section 4); no two members have the same.
    pub skeleton: String,
    /// Display name, validated.
    pub name: String,
    /// BCP 47 language tag, validated.
    pub language: String,
}

/// What redeeming an invite made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The new member.
    pub member: Member,
}

type Outcome = Result<Redeemed, RedeemError>;

/// A redemption on its way to the task.
#[derive(Debug)]
pub(crate) struct Redemption {
    hash: Hash,
    now: Timestamp,
    /// `now` as the database holds it.
    at: i64,
    member: NewMember,
    session: NewSession,
    reply: oneshot::Sender<Outcome>,
}

impl Store {
    /// Spends an invite: makes the member and their first session, all or nothing. Of two calls with the same invite,
    /// however close together, at most one makes a member. If the caller stops waiting before it is begun, it is not
    /// carried out.
    ///
    /// Errors: [`RedeemError::NotFound`], [`RedeemError::HandleTaken`] (the invite stays unspent; somebody has the handle or
    /// one that looks like it, or it is kept for somebody else on the waiting list), or the store's.
    pub async fn redeem(
        &self,
        hash: &Hash,
        now: Timestamp,
        member: NewMember,
        session: NewSession,
    ) -> Result<Redeemed, RedeemError> {
        let (reply, outcome) = oneshot::channel();
        let redemption = Redemption { hash: *hash, now, at: time(now)?, member, session, reply };
        self.redemptions().try_send(redemption).map_err(not_taken)?;
        // The task answers everything that it takes; it ends only with the runtime.
        outcome.await.map_err(|_| StoreError::Closed)?
    }
}

/// Why a redemption could not be handed to the task.
fn not_taken(error: TrySendError<Redemption>) -> StoreError {
    match error {
        TrySendError::Full(_) => StoreError::Busy,
        TrySendError::Closed(_) => StoreError::Closed,
    }
}

/// Starts the task, which lives as long as somebody can send to it.
pub(crate) fn start(database: Database) -> mpsc::Sender<Redemption> {
    let (redemptions, queue) = mpsc::channel(QUEUE);
    let mut line = Line { queue, waiting: Vec::new() };
    tokio::spawn(async move {
        while let Some(batch) = line.next().await {
            let gone = carry_out(&database, batch).await;
            line.answer_twins(&gone);
        }
    });
    redemptions
}

/// Those who want to redeem an invite, in the order in which they came.
struct Line {
    queue: mpsc::Receiver<Redemption>,
    /// Taken from the queue and not begun: after a turn, the twins of those who had theirs, with the same invite. Not more
    /// than [`QUEUE`].
    waiting: Vec<Redemption>,
}

impl Line {
    /// The next to be carried out together, with different invites; empty if all of them gave up, `None` when nobody can
    /// come any more. Whoever else has one of the same invites comes after it, since a handle that is taken leaves it
    /// unspent, and keeps nobody else waiting.
    async fn next(&mut self) -> Option<Vec<Redemption>> {
        if self.waiting.is_empty() && self.queue.recv_many(&mut self.waiting, BATCH).await == 0 {
            return None;
        }
        let room = BATCH.min(QUEUE - self.waiting.len());
        self.waiting.extend(std::iter::from_fn(|| self.queue.try_recv().ok()).take(room));
        // Who has given up keeps the invite.
        self.waiting.retain(|redemption| !redemption.reply.is_closed());
        let mut hashes = HashSet::new();
        let (batch, later) = mem::take(&mut self.waiting)
            .into_iter()
            .partition(|redemption| hashes.len() < BATCH && hashes.insert(redemption.hash));
        self.waiting = later;
        Some(batch)
    }

    /// Answers those who wait with an invite that has been found not to work, or is spent by now.
    fn answer_twins(&mut self, gone: &HashSet<Hash>) {
        let (twins, others) = mem::take(&mut self.waiting).into_iter().partition(|r| gone.contains(&r.hash));
        self.waiting = others;
        for twin in twins {
            answer(twin, Err(RedeemError::NotFound));
        }
    }
}

/// Carries out redemptions of different invites, answers each, and returns the invites that cannot be redeemed any more.
async fn carry_out(database: &Database, batch: Vec<Redemption>) -> HashSet<Hash> {
    if batch.is_empty() {
        return HashSet::new();
    }
    let mut done = together(database, &batch).await;
    if matches!(done, Err(StoreError::Busy)) {
        // Postgres takes one of two transactions back that wait for each other; the other one is through by now.
        done = together(database, &batch).await;
    }
    match done {
        Ok(outcomes) => {
            let mut gone = HashSet::new();
            for (redemption, outcome) in batch.into_iter().zip(outcomes) {
                if matches!(outcome, Ok(_) | Err(RedeemError::NotFound)) {
                    gone.insert(redemption.hash);
                }
                answer(redemption, outcome);
            }
            gone
        }
        // Something is wrong with one of them, which is not to touch the others.
        Err(StoreError::Conflict(_)) if batch.len() > 1 => {
            let mut gone = HashSet::new();
            for redemption in batch {
                gone.extend(Box::pin(carry_out(database, vec![redemption])).await);
            }
            gone
        }
        Err(error) => {
            batch.into_iter().for_each(|redemption| answer(redemption, Err(error.repeated().into())));
            HashSet::new()
        }
    }
}

/// Answers, if the caller still waits.
fn answer(redemption: Redemption, outcome: Outcome) {
    let _ = redemption.reply.send(outcome);
}

/// Carries out redemptions of different invites in one transaction. An error means that none was carried out. If nobody
/// joined, nothing is written: trying invented invites is not to cost a wait for the disk.
async fn together(database: &Database, batch: &[Redemption]) -> Result<Vec<Outcome>, StoreError> {
    let mut transaction = database.begin().await?;
    // Whoever changes an invite's row first has it.
    let invites = spend_invites(&mut transaction, batch).await?;
    let entitled: Vec<_> = batch.iter().filter_map(|r| Some((r, invites.get(&r.hash)?))).collect();
    if entitled.is_empty() {
        transaction.rollback().await?;
        return Ok(batch.iter().map(|_| Err(RedeemError::NotFound)).collect());
    }
    let given = give_handles(&mut transaction, &entitled).await?;
    let made = match given.is_empty() {
        true => HashSet::new(),
        false => insert_members(&mut transaction, &given).await?,
    };
    let (joined, refused): (Vec<_>, Vec<_>) = entitled.into_iter().partition(|(r, _)| made.contains(&r.member.id));
    let mut sponsors = HashMap::new();
    if joined.is_empty() {
        transaction.rollback().await?;
    } else {
        if !refused.is_empty() {
            give_back(&mut transaction, &refused).await?;
        }
        insert_sessions(&mut transaction, &joined).await?;
        end_waiting(&mut transaction, &joined).await?;
        let mut ids: Vec<_> = joined.iter().filter_map(|(_, invite)| invite.sponsor).collect();
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            sponsors = people_from(&transaction.all(select_people(&ids)).await?)?;
        }
        transaction.commit().await?;
    }
    let outcome = |redemption: &Redemption| {
        let invite = invites.get(&redemption.hash).ok_or(RedeemError::NotFound)?;
        if !made.contains(&redemption.member.id) {
            return Err(RedeemError::HandleTaken);
        }
        Ok(Redeemed { member: invite.member(redemption, &sponsors) })
    };
    Ok(batch.iter().map(outcome).collect())
}

/// What an invite makes of whoever redeems it.
struct Invite {
    owner: bool,
    sponsor: Option<MemberId>,
}

impl Invite {
    fn member(&self, redemption: &Redemption, sponsors: &HashMap<MemberId, Person>) -> Member {
        let NewMember { id, handle, name, language, .. } = redemption.member.clone();
        Member {
            person: Person { id, handle, name, avatar: None },
            language,
            owner: self.owner,
            admin: false,
            bot: false,
            suspended_at: None,
            sponsor: self.sponsor.and_then(|sponsor| sponsors.get(&sponsor).cloned()),
            created_at: redemption.now,
        }
    }
}

/// Marks those invites as used that still work, and returns them by their digest.
async fn spend_invites(
    transaction: &mut Transaction,
    batch: &[Redemption],
) -> Result<HashMap<Hash, Invite>, StoreError> {
    let rows = batch.iter().map(|r| -> [Value; 3] { [r.hash.into(), r.member.id.into(), r.at.into()] });
    let spend = sql("UPDATE invites SET used_by = redeemed.column2, used_at = redeemed.column3 FROM (")
        .push_rows(rows)
        .push(
            ") AS redeemed
             WHERE invites.hash = redeemed.column1 AND invites.used_at IS NULL AND invites.revoked_at IS NULL
               AND (invites.expires_at IS NULL OR invites.expires_at > redeemed.column3)
             RETURNING hash, owner, sponsor",
        )
        .remembered(batch.len() == 1);
    let mut invites = HashMap::with_capacity(batch.len());
    for row in transaction.all(spend).await? {
        let sponsor = row.id_or_null("sponsor")?.map(MemberId);
        invites.insert(row.hash("hash")?, Invite { owner: row.bool("owner")?, sponsor });
    }
    Ok(invites)
}

/// Gives each the handle that they ask for, unless somebody has it, or one that looks like it, or it is kept for somebody
/// else; returns who has got theirs. Of several here who ask for the same, the first who may have it gets it.
async fn give_handles<'a>(
    transaction: &mut Transaction,
    entitled: &[(&'a Redemption, &'a Invite)],
) -> Result<Vec<(&'a Redemption, &'a Invite)>, StoreError> {
    let mut given = HashSet::new();
    let mut waiting = entitled.to_vec();
    while !waiting.is_empty() {
        // A statement may touch a row only once.
        let mut asked = HashSet::new();
        let (turn, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(redemption, _)| asked.insert(redemption.member.skeleton.as_str()));
        let rows = turn.iter().map(|(redemption, _)| -> [Value; 3] {
            let member = &redemption.member;
            [member.skeleton.as_str().into(), member.id.into(), redemption.hash.into()]
        });
        // A handle that is kept is for whoever has the secret for which it is kept, until that has expired.
        let give = sql("INSERT INTO handles (skeleton, member, claim) ")
            .push_rows(rows)
            .push(
                " ON CONFLICT (skeleton) DO UPDATE SET member = excluded.member, claim = excluded.claim
                 WHERE handles.member IS NULL AND (handles.claim = excluded.claim OR EXISTS
                    (SELECT 1 FROM waitlist w WHERE w.hash = handles.claim AND w.expires_at <= ",
            )
            .push_bind(turn.iter().map(|(redemption, _)| redemption.at).min())
            .push(")) RETURNING member")
            .remembered(turn.len() == 1);
        for row in transaction.all(give).await? {
            given.insert(row.member("member")?);
        }
        let got: HashSet<_> = turn
            .iter()
            .filter(|(redemption, _)| given.contains(&redemption.member.id))
            .map(|(redemption, _)| redemption.member.skeleton.as_str())
            .collect();
        waiting = later.into_iter().filter(|(r, _)| !got.contains(r.member.skeleton.as_str())).collect();
    }
    Ok(entitled.iter().copied().filter(|(redemption, _)| given.contains(&redemption.member.id)).collect())
}

/// Makes members, except those whose handle is taken, and returns who was made.
async fn insert_members(
    transaction: &mut Transaction,
    given: &[(&Redemption, &Invite)],
) -> Result<HashSet<MemberId>, StoreError> {
    let rows = given.iter().map(|(redemption, invite)| -> [Value; 7] {
        let member = &redemption.member;
        [
            member.id.into(),
            member.handle.as_str().into(),
            member.name.as_str().into(),
            member.language.as_str().into(),
            invite.owner.into(),
            invite.sponsor.into(),
            redemption.at.into(),
        ]
    });
    let insert = sql("INSERT INTO members (id, handle, name, language, owner, sponsor, created_at) ")
        .push_rows(rows)
        .push(" ON CONFLICT (handle) DO NOTHING RETURNING id")
        .remembered(given.len() == 1);
    transaction.all(insert).await?.iter().map(|row| row.member("id")).collect()
}

/// Makes invites unspent again whose handle is taken. A handle may have been given and turn out to be taken all the same:
/// that of a member from before looks were compared.
async fn give_back(transaction: &mut Transaction, refused: &[(&Redemption, &Invite)]) -> Result<(), StoreError> {
    let free = sql("DELETE FROM handles WHERE member IN ")
        .push_list(refused.iter().map(|(redemption, _)| redemption.member.id))
        .remembered(refused.len() == 1);
    transaction.execute(free).await?;
    let back = sql("UPDATE invites SET used_by = NULL, used_at = NULL WHERE hash IN ")
        .push_list(refused.iter().map(|(redemption, _)| redemption.hash))
        .remembered(refused.len() == 1);
    transaction.execute(back).await?;
    Ok(())
}

/// Makes the first sessions of new members.
async fn insert_sessions(transaction: &mut Transaction, joined: &[(&Redemption, &Invite)]) -> Result<(), StoreError> {
    let rows = joined.iter().map(|(redemption, _)| -> [Value; 5] {
        let session = &redemption.session;
        [
            session.hash.into(),
            session_id(&session.hash),
            redemption.member.id.into(),
            session.label.as_str().into(),
            redemption.at.into(),
        ]
    });
    let insert = sql("INSERT INTO sessions (hash, id, member, label, created_at) ").push_rows(rows);
    transaction.execute(insert.remembered(joined.len() == 1)).await?;
    Ok(())
}

/// Takes those who were waved in off the waiting list, and frees what was kept for them if they chose another handle.
async fn end_waiting(transaction: &mut Transaction, joined: &[(&Redemption, &Invite)]) -> Result<(), StoreError> {
    let waited = sql("DELETE FROM waitlist WHERE hash IN ")
        .push_list(joined.iter().map(|(redemption, _)| redemption.hash))
        .push(" RETURNING hash")
        .remembered(joined.len() == 1);
    let waited = transaction.all(waited).await?.iter().map(|row| row.hash("hash")).collect::<Result<Vec<_>, _>>()?;
    if !waited.is_empty() {
        let free = sql("DELETE FROM handles WHERE member IS NULL AND claim IN ").push_list(waited);
        transaction.execute(free).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::WAIT;
    use crate::{BranchAct, NewInvite};

    /// Somebody who wants to redeem `invite`, and where the outcome comes.
    fn redemption(invite: u8, id: u128) -> (Redemption, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        let (handle, language) = (format!("m{id}"), "en".to_owned());
        let (name, skeleton) = (handle.clone(), handle.clone());
        let member = NewMember { id: MemberId(id), name, handle, skeleton, language };
        let mut session = NewSession { hash: [0; 32], label: String::new() };
        session.hash[..16].copy_from_slice(&id.to_be_bytes());
        (Redemption { hash: [invite; 32], now: Timestamp(0), at: 0, member, session, reply }, outcome)
    }

    fn line() -> (mpsc::Sender<Redemption>, Line) {
        let (redemptions, queue) = mpsc::channel(QUEUE);
        (redemptions, Line { queue, waiting: Vec::new() })
    }

    fn ids(batch: &[Redemption]) -> Vec<u128> {
        batch.iter().map(|redemption| redemption.member.id.0).collect()
    }

    #[tokio::test]
    async fn twins_wait_and_keep_nobody_waiting() {
        let (redemptions, mut line) = line();
        let mut outcomes = Vec::new();
        let mut come = |invite, id| {
            let (redemption, outcome) = redemption(invite, id);
            redemptions.try_send(redemption).unwrap();
            outcomes.push(outcome);
        };
        (0..1_000).for_each(|id| come(1, id));
        come(2, 1_000);
        // A thousand with one invite, and one more person: within as many turns as the thousand fill.
        let mut turns = Vec::new();
        for _ in 0..4 {
            turns.push(ids(&line.next().await.unwrap()));
        }
        assert_eq!(turns, [vec![0], vec![1], vec![2], vec![3, 1_000]]);
        // And whoever comes now goes with the next turn.
        come(3, 1_001);
        assert_eq!(ids(&line.next().await.unwrap()), [4, 1_001]);
    }

    #[tokio::test]
    async fn twins_of_an_invite_that_does_not_work_are_answered_with_it() {
        let (redemptions, mut line) = line();
        let mut outcomes = Vec::new();
        for (invite, id) in [(1, 0), (1, 1), (2, 2), (2, 3), (1, 4)] {
            let (redemption, outcome) = redemption(invite, id);
            redemptions.try_send(redemption).unwrap();
            outcomes.push(outcome);
        }
        assert_eq!(ids(&line.next().await.unwrap()), [0, 2]);
        line.answer_twins(&HashSet::from([[1; 32]]));
        for twin in [1, 4] {
            assert!(matches!(outcomes[twin].try_recv(), Ok(Err(RedeemError::NotFound))), "{twin}");
        }
        assert_eq!(ids(&line.next().await.unwrap()), [3]);
    }

    #[tokio::test]
    async fn who_has_given_up_keeps_the_invite() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let invites = [1, 2].map(|number| NewInvite {
            hash: [number; 32],
            owner: false,
            sponsor: None,
            created_at: Timestamp(0),
            expires_at: None,
        });
        store.create_invites(&invites).await.unwrap();
        let ((gone, _), (stays, outcome)) = (redemption(1, 1), redemption(2, 2));
        for redemption in [gone, stays] {
            store.redemptions().try_send(redemption).unwrap();
        }
        assert!(outcome.await.unwrap().is_ok());
        assert!(store.invite(&[1; 32], Timestamp(0)).await.unwrap().is_some());
        assert_eq!(store.member(MemberId(1)).await.unwrap(), None);
        // Nobody of a turn is left: the next one comes all the same.
        let ((gone, _), (stays, outcome)) = (redemption(1, 3), redemption(1, 4));
        store.redemptions().try_send(gone).unwrap();
        tokio::task::yield_now().await;
        store.redemptions().try_send(stays).unwrap();
        assert!(outcome.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn which_invites_are_gone_is_known_after_each_turn_and_nothing_is_written_in_vain() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let invites = [1, 2, 3].map(|number| NewInvite {
            hash: [number; 32],
            owner: false,
            sponsor: None,
            created_at: Timestamp(0),
            expires_at: None,
        });
        store.create_invites(&invites).await.unwrap();
        // Changes with every commit of another connection (SQLite's PRAGMA data_version).
        let Database::Sqlite { readers, .. } = &store.database else { panic!("not SQLite") };
        let mut reader = readers.acquire().await.unwrap();
        let mut version =
            async || -> i64 { sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *reader).await.unwrap() };
        let before = version().await;
        let joins = redemption(1, 1).0;
        assert_eq!(carry_out(&store.database, vec![joins]).await, HashSet::from([[1; 32]]));
        let joined = version().await;
        assert_ne!(before, joined);
        // The handle of the first is taken by now; no such invite has ever been.
        let (mut taken, unknown) = (redemption(2, 2).0, redemption(9, 3).0);
        taken.member.skeleton = "m1".to_owned();
        assert_eq!(carry_out(&store.database, vec![taken, unknown]).await, HashSet::from([[9; 32]]));
        assert_eq!(carry_out(&store.database, vec![redemption(8, 4).0]).await, HashSet::from([[8; 32]]));
        assert_eq!(version().await, joined);
        assert!(store.invite(&[2; 32], Timestamp(0)).await.unwrap().is_some());
    }

    /// Time is virtual from when the one connection that writes is taken.
    #[tokio::test]
    async fn a_database_that_is_busy_for_a_while_is_asked_once_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let invites = [1, 2].map(|number| NewInvite {
            hash: [number; 32],
            owner: number == 1,
            sponsor: None,
            created_at: Timestamp(0),
            expires_at: None,
        });
        store.create_invites(&invites).await.unwrap();
        let Database::Sqlite { writer, .. } = &store.database else { panic!("not SQLite") };
        let held = async |waits: u32| {
            let held = writer.acquire().await.unwrap();
            tokio::time::pause();
            (held, tokio::time::sleep(WAIT * waits - WAIT / 2))
        };
        let act = BranchAct {
            id: roomtone_room::ids::RecordId(1),
            member: MemberId(2),
            branch: true,
            author: MemberId(1),
            at: Timestamp(1),
        };
        // Longer than is waited for once, and shorter than twice.
        let (connection, over) = held(2).await;
        let (done, ()) = tokio::join!(carry_out(&store.database, vec![redemption(1, 1).0]), async {
            over.await;
            // It goes back by another thread, for which virtual time would not wait.
            tokio::time::resume();
            drop(connection);
        });
        assert_eq!(done, HashSet::from([[1; 32]]));
        carry_out(&store.database, vec![redemption(2, 2).0]).await;
        let (connection, over) = held(2).await;
        let (done, ()) = tokio::join!(store.suspend(&act, "spam"), async {
            over.await;
            // It goes back by another thread, for which virtual time would not wait.
            tokio::time::resume();
            drop(connection);
        });
        assert_eq!(done.unwrap(), [MemberId(2)]);
        // And not for ever.
        let (connection, over) = held(3).await;
        let (redemption, outcome) = redemption(2, 3);
        tokio::join!(carry_out(&store.database, vec![redemption]), over);
        assert!(matches!(outcome.await.unwrap(), Err(RedeemError::Store(StoreError::Busy))));
        drop(connection);
    }

    #[test]
    fn a_queue_that_is_full_is_not_one_that_is_closed() {
        let (redemptions, queue) = mpsc::channel(1);
        let send = || redemptions.try_send(redemption(1, 1).0).map_err(not_taken);
        assert!(send().is_ok());
        assert!(matches!(send(), Err(StoreError::Busy)));
        drop(queue);
        assert!(matches!(send(), Err(StoreError::Closed)));
    }
}
