//! Redeeming an invite, many at a time. When a room fills, thousands of people come in within seconds; one transaction
//! for each would cost as many waits for the disk and six or seven statements each. So one task takes all that wait and
//! carries them out together, in as many statements as one takes alone.

use std::collections::{HashMap, HashSet};

use roomtone_room::ids::{MemberId, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{QueryBuilder, Row};
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
    /// however close together, at most one makes a member. Once asked for it is carried out, even if the caller stops
    /// waiting.
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
        self.redemptions().try_send(redemption).map_err(|_| StoreError::Busy)?;
        // The task answers everything that it takes; it ends only with the runtime.
        outcome.await.map_err(|_| StoreError::Closed)?
    }
}

/// Starts the task, which lives as long as somebody can send to it.
pub(crate) fn start(writer: SqlitePool) -> mpsc::Sender<Redemption> {
    let (redemptions, mut queue) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while !waiting.is_empty() || queue.recv_many(&mut waiting, BATCH).await > 0 {
            // Whoever else has the same invite comes after it: a handle that is taken leaves it unspent.
            let mut hashes = HashSet::new();
            let (batch, later): (Vec<_>, _) = waiting.into_iter().partition(|r: &Redemption| hashes.insert(r.hash));
            waiting = later;
            carry_out(&writer, batch).await;
        }
    });
    redemptions
}

/// Carries out redemptions of different invites and answers each.
async fn carry_out(writer: &SqlitePool, batch: Vec<Redemption>) {
    match together(writer, &batch).await {
        Ok(outcomes) => batch.into_iter().zip(outcomes).for_each(|(redemption, outcome)| answer(redemption, outcome)),
        // Something is wrong with one of them, which is not to touch the others.
        Err(StoreError::Conflict(_)) if batch.len() > 1 => {
            for redemption in batch {
                Box::pin(carry_out(writer, vec![redemption])).await;
            }
        }
        Err(error) => batch.into_iter().for_each(|redemption| answer(redemption, Err(error.repeated().into()))),
    }
}

/// Answers, if the caller still waits.
fn answer(redemption: Redemption, outcome: Outcome) {
    let _ = redemption.reply.send(outcome);
}

/// Carries out redemptions of different invites in one transaction. An error means that none was carried out.
async fn together(writer: &SqlitePool, batch: &[Redemption]) -> Result<Vec<Outcome>, StoreError> {
    let mut transaction = begin(writer).await?;
    // Whoever changes an invite's row first has it.
    let invites = spend_invites(&mut transaction, batch).await?;
    let entitled: Vec<_> = batch.iter().filter_map(|r| Some((r, invites.get(&r.hash)?))).collect();
    if entitled.is_empty() {
        return Ok(batch.iter().map(|_| Err(RedeemError::NotFound)).collect());
    }
    let made = insert_members(&mut transaction, &entitled).await?;
    let (joined, refused): (Vec<_>, Vec<_>) = entitled.into_iter().partition(|(r, _)| made.contains(&r.member.id));
    if !refused.is_empty() {
        give_back(&mut transaction, &refused).await?;
    }
    if !joined.is_empty() {
        insert_sessions(&mut transaction, &joined).await?;
    }
    let mut ids: Vec<_> = joined.iter().filter_map(|(_, invite)| invite.sponsor).collect();
    ids.sort_unstable();
    ids.dedup();
    let sponsors = if ids.is_empty() { HashMap::new() } else { find_people(&mut transaction, &ids).await? };
    transaction.commit().await.map_err(failed)?;
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
