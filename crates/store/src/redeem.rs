//! Redeeming an invite, many at a time. When a room fills, thousands of people come in within seconds; one transaction
//! for each would cost as many waits for the disk and six or seven statements each. So one task takes all that wait and
//! carries them out together, in as many statements as one takes alone.

use std::collections::{HashMap, HashSet};
use std::mem;

use roomtone_room::ids::{MemberId, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{QueryBuilder, Row};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::convert::{id_bytes, id_from, time};
use crate::error::{RedeemError, StoreError, failed};
use crate::members::{Member, Person, find_people};
use crate::open::begin;
use crate::sessions::NewSession;
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
    /// Errors: [`RedeemError::NotFound`], [`RedeemError::HandleTaken`] (the invite stays unspent), or the store's.
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
pub(crate) fn start(writer: SqlitePool) -> mpsc::Sender<Redemption> {
    let (redemptions, queue) = mpsc::channel(QUEUE);
    let mut line = Line { queue, waiting: Vec::new() };
    tokio::spawn(async move {
        while let Some(batch) = line.next().await {
            let gone = carry_out(&writer, batch).await;
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
async fn carry_out(writer: &SqlitePool, batch: Vec<Redemption>) -> HashSet<Hash> {
    if batch.is_empty() {
        return HashSet::new();
    }
    match together(writer, &batch).await {
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
                gone.extend(Box::pin(carry_out(writer, vec![redemption])).await);
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
async fn together(writer: &SqlitePool, batch: &[Redemption]) -> Result<Vec<Outcome>, StoreError> {
    let mut transaction = begin(writer).await?;
    // Whoever changes an invite's row first has it.
    let invites = spend_invites(&mut transaction, batch).await?;
    let entitled: Vec<_> = batch.iter().filter_map(|r| Some((r, invites.get(&r.hash)?))).collect();
    if entitled.is_empty() {
        transaction.rollback().await.map_err(failed)?;
        return Ok(batch.iter().map(|_| Err(RedeemError::NotFound)).collect());
    }
    let made = insert_members(&mut transaction, &entitled).await?;
    let (joined, refused): (Vec<_>, Vec<_>) = entitled.into_iter().partition(|(r, _)| made.contains(&r.member.id));
    let mut sponsors = HashMap::new();
    if joined.is_empty() {
        transaction.rollback().await.map_err(failed)?;
    } else {
        if !refused.is_empty() {
            give_back(&mut transaction, &refused).await?;
        }
        insert_sessions(&mut transaction, &joined).await?;
        let mut ids: Vec<_> = joined.iter().filter_map(|(_, invite)| invite.sponsor).collect();
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            sponsors = find_people(&mut transaction, &ids).await?;
        }
        transaction.commit().await.map_err(failed)?;
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
        let NewMember { id, handle, name, language } = redemption.member.clone();
        Member {
            person: Person { id, handle, name },
            language,
            owner: self.owner,
            sponsor: self.sponsor.and_then(|sponsor| sponsors.get(&sponsor).cloned()),
            created_at: redemption.now,
        }
    }
}

/// Marks those invites as used that still work, and returns them by their digest.
async fn spend_invites(
    connection: &mut SqliteConnection,
    batch: &[Redemption],
) -> Result<HashMap<Hash, Invite>, StoreError> {
    let mut query =
        QueryBuilder::new("UPDATE invites SET used_by = redeemed.column2, used_at = redeemed.column3 FROM (");
    query.push_values(batch, |mut row, redemption| {
        row.push_bind(&redemption.hash[..]).push_bind(id_bytes(redemption.member.id.0)).push_bind(redemption.at);
    });
    query.push(
        ") AS redeemed
         WHERE invites.hash = redeemed.column1 AND invites.used_by IS NULL AND invites.revoked_at IS NULL
           AND (invites.expires_at IS NULL OR invites.expires_at > redeemed.column3)
         RETURNING hash, owner, sponsor",
    );
    let query = query.build().persistent(batch.len() == 1);
    let mut invites = HashMap::with_capacity(batch.len());
    for row in query.fetch_all(connection).await.map_err(failed)? {
        let hash: &[u8] = row.try_get("hash").map_err(failed)?;
        let hash = hash.try_into().map_err(|_| StoreError::Corrupt("invite"))?;
        let sponsor: Option<&[u8]> = row.try_get("sponsor").map_err(failed)?;
        let sponsor = sponsor.map(|id| id_from(id, "member id").map(MemberId)).transpose()?;
        invites.insert(hash, Invite { owner: row.try_get("owner").map_err(failed)?, sponsor });
    }
    Ok(invites)
}

/// Makes members, except those whose handle is taken, and returns who was made.
async fn insert_members(
    connection: &mut SqliteConnection,
    entitled: &[(&Redemption, &Invite)],
) -> Result<HashSet<MemberId>, StoreError> {
    let mut query = QueryBuilder::new("INSERT INTO members (id, handle, name, language, owner, sponsor, created_at) ");
    query.push_values(entitled, |mut row, (redemption, invite)| {
        row.push_bind(id_bytes(redemption.member.id.0))
            .push_bind(&redemption.member.handle)
            .push_bind(&redemption.member.name)
            .push_bind(&redemption.member.language)
            .push_bind(invite.owner)
            .push_bind(invite.sponsor.map(|sponsor| id_bytes(sponsor.0)))
            .push_bind(redemption.at);
    });
    query.push(" ON CONFLICT (handle) DO NOTHING RETURNING id");
    let query = query.build_query_scalar::<Vec<u8>>().persistent(entitled.len() == 1);
    let made = query.fetch_all(connection).await.map_err(failed)?;
    made.iter().map(|id| id_from(id, "member id").map(MemberId)).collect()
}

/// Makes invites unspent again whose handle is taken.
async fn give_back(connection: &mut SqliteConnection, refused: &[(&Redemption, &Invite)]) -> Result<(), StoreError> {
    let mut query = QueryBuilder::new("UPDATE invites SET used_by = NULL, used_at = NULL WHERE hash IN (");
    let mut list = query.separated(", ");
    for (redemption, _) in refused {
        list.push_bind(&redemption.hash[..]);
    }
    query.push(")");
    query.build().persistent(refused.len() == 1).execute(connection).await.map_err(failed)?;
    Ok(())
}

/// Makes the first sessions of new members.
async fn insert_sessions(
    connection: &mut SqliteConnection,
    joined: &[(&Redemption, &Invite)],
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::new("INSERT INTO sessions (hash, member, label, created_at) ");
    query.push_values(joined, |mut row, (redemption, _)| {
        row.push_bind(&redemption.session.hash[..])
            .push_bind(id_bytes(redemption.member.id.0))
            .push_bind(&redemption.session.label)
            .push_bind(redemption.at);
    });
    query.build().persistent(joined.len() == 1).execute(connection).await.map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewInvite;

    /// Somebody who wants to redeem `invite`, and where the outcome comes.
    fn redemption(invite: u8, id: u128) -> (Redemption, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        let (handle, language) = (format!("m{id}"), "en".to_owned());
        let member = NewMember { id: MemberId(id), name: handle.clone(), handle, language };
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
        let mut reader = store.readers().acquire().await.unwrap();
        let mut version =
            async || -> i64 { sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *reader).await.unwrap() };
        let before = version().await;
        let joins = redemption(1, 1).0;
        assert_eq!(carry_out(store.writer(), vec![joins]).await, HashSet::from([[1; 32]]));
        let joined = version().await;
        assert_ne!(before, joined);
        // The handle of the first is taken by now; no such invite has ever been.
        let (mut taken, unknown) = (redemption(2, 2).0, redemption(9, 3).0);
        taken.member.handle = "m1".to_owned();
        assert_eq!(carry_out(store.writer(), vec![taken, unknown]).await, HashSet::from([[9; 32]]));
        assert_eq!(carry_out(store.writer(), vec![redemption(8, 4).0]).await, HashSet::from([[8; 32]]));
        assert_eq!(version().await, joined);
        assert!(store.invite(&[2; 32], Timestamp(0)).await.unwrap().is_some());
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
