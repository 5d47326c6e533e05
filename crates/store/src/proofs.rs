//! Proofs: domains that a member, or whoever answers an invitation without an account, has shown to be theirs.

use std::collections::HashMap;

use roomtone_room::ids::{InvitationId, MemberId, RecordId, Timestamp};

use crate::Store;
use crate::db::{Row, Sql, Transaction, sql};
use crate::error::StoreError;
use crate::members::IDS_PER_STATEMENT;

/// Most domains of one member or correspondent. More suits those with many; each is looked at every day.
pub const PROOFS_MAX: u64 = 5;

/// A proof lapses when it was not found this many times in a row, over at least [`PROOF_FAILS_FOR`]. More forgives worse servers;
/// fewer ends sooner what somebody has taken away.
pub const PROOF_FAILURES_MAX: u32 = 5;

/// See [`PROOF_FAILURES_MAX`]; in milliseconds: seven days.
pub const PROOF_FAILS_FOR: u64 = 7 * 24 * 60 * 60 * 1000;

/// How somebody shows that a domain is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProofMethod {
    /// A TXT record.
    Dns,
    /// A file at a well-known place (RFC 8615).
    File,
    /// A link on the front page that says `rel="me"`.
    RelMe,
}

impl ProofMethod {
    fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::File => "file",
            Self::RelMe => "rel_me",
        }
    }

    fn from_text(text: &str) -> Result<Self, StoreError> {
        let method = [Self::Dns, Self::File, Self::RelMe].into_iter().find(|method| method.as_str() == text);
        method.ok_or(StoreError::Corrupt("way of a proof"))
    }
}

/// Whose domain it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProofSubject {
    /// A member's.
    Member(MemberId),
    /// That of somebody who answers an invitation without an account.
    Correspondent(RecordId),
}

/// A proof, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Its id.
    pub id: RecordId,
    /// Whose it is.
    pub subject: ProofSubject,
    /// The domain: a host name in lower-case ASCII.
    pub domain: String,
    /// How it is shown.
    pub method: ProofMethod,
    /// What is to be published at the domain.
    pub token: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Since when it holds; `None` if it does not.
    pub proven_at: Option<Timestamp>,
    /// When it was looked at last.
    pub checked_at: Option<Timestamp>,
    /// Since when it is not found any more.
    pub failing_since: Option<Timestamp>,
    /// When it lapsed.
    pub lapsed_at: Option<Timestamp>,
}

/// A proof to be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProof {
    /// The new id.
    pub id: RecordId,
    /// Whose domain it is to be.
    pub subject: ProofSubject,
    /// The domain, validated.
    pub domain: String,
    /// How it is shown.
    pub method: ProofMethod,
    /// What is to be published at the domain.
    pub token: String,
    /// When.
    pub created_at: Timestamp,
}

/// What became of beginning a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofMade {
    /// It was begun.
    Made,
    /// There are [`PROOFS_MAX`] already.
    TooMany,
    /// There is one for this domain already.
    Already,
    /// There is nobody any more whose it would be.
    Gone,
}

/// What became of a proof that was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofMissed {
    /// It was not proven, or holds for now.
    Kept,
    /// It holds no longer.
    Lapsed,
}

/// A domain that is shown with somebody's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenDomain {
    /// The domain.
    pub domain: String,
    /// How it was shown.
    pub method: ProofMethod,
    /// Since when it holds.
    pub proven_at: Timestamp,
}

/// What a proof has in the database.
macro_rules! select_proof {
    ($condition:literal) => {
        concat!(
            "SELECT id, member, correspondent, domain, method, token, created_at, proven_at, checked_at, failing_since,
                    lapsed_at FROM proofs WHERE ",
            $condition
        )
    };
}

impl Store {
    /// Begins a proof, if there are fewer than [`PROOFS_MAX`] and none for this domain.
    ///
    /// Errors: [`StoreError::Conflict`] when the id is known already, or of two that begin one for the same domain for the other.
    pub async fn create_proof(&self, proof: &NewProof) -> Result<ProofMade, StoreError> {
        let (member, correspondent) = columns(proof.subject);
        let mut tx = self.database.begin().await?;
        // An update and not a read, so that of two who begin the last one, the other counts it.
        let owner = match proof.subject {
            ProofSubject::Member(id) => {
                sql("UPDATE members SET followers = followers WHERE id = $1 AND suspended_at IS NULL").bind(id)
            }
            ProofSubject::Correspondent(id) => {
                sql("UPDATE correspondents SET invitation = invitation WHERE id = $1").bind(id)
            }
        };
        if tx.execute(owner).await? == 0 {
            return Ok(ProofMade::Gone);
        }
        let all = sql("SELECT domain FROM proofs WHERE member = $1 OR correspondent = $2");
        let all = tx.all(all.bind(member).bind(correspondent)).await?;
        for row in &all {
            if row.text("domain")? == proof.domain {
                return Ok(ProofMade::Already);
            }
        }
        if all.len() as u64 >= PROOFS_MAX {
            return Ok(ProofMade::TooMany);
        }
        let insert = sql("INSERT INTO proofs (id, member, correspondent, domain, method, token, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(proof.id)
        .bind(member)
        .bind(correspondent)
        .bind(proof.domain.as_str())
        .bind(proof.method.as_str())
        .bind(proof.token.as_str())
        .bind(proof.created_at);
        tx.execute(insert).await?;
        tx.commit().await?;
        Ok(ProofMade::Made)
    }

    /// All proofs of somebody, the first begun first.
    pub async fn proofs_of(&self, subject: ProofSubject) -> Result<Vec<Proof>, StoreError> {
        let (member, correspondent) = columns(subject);
        let all = sql(select_proof!("member = $1 OR correspondent = $2 ORDER BY created_at, id"));
        self.database.all(all.bind(member).bind(correspondent)).await?.iter().map(proof_from).collect()
    }

    /// One proof of somebody's.
    pub async fn proof(&self, subject: ProofSubject, id: RecordId) -> Result<Option<Proof>, StoreError> {
        let (member, correspondent) = columns(subject);
        let found = sql(select_proof!("id = $3 AND (member = $1 OR correspondent = $2)"));
        let found = self.database.optional(found.bind(member).bind(correspondent).bind(id)).await?;
        found.as_ref().map(proof_from).transpose()
    }

    /// Takes a proof of somebody's away. Returns whether it was there.
    pub async fn delete_proof(&self, subject: ProofSubject, id: RecordId) -> Result<bool, StoreError> {
        let (member, correspondent) = columns(subject);
        let delete = sql("DELETE FROM proofs WHERE id = $3 AND (member = $1 OR correspondent = $2)");
        Ok(self.database.execute(delete.bind(member).bind(correspondent).bind(id)).await? > 0)
    }

    /// Proofs that are to be looked at again by now, the longest due first.
    pub async fn due_proofs(&self, now: Timestamp, limit: u32) -> Result<Vec<Proof>, StoreError> {
        let due = sql(select_proof!("check_at <= $1 ORDER BY check_at, id LIMIT $2"));
        self.database.all(due.bind(now).bind(limit)).await?.iter().map(proof_from).collect()
    }

    /// Notes that a proof was found where it is to be: it holds, and is looked at again at `again_at`. Returns whether it is
    /// there still.
    ///
    /// What a correspondent proves counts for what they have said before too: the link that they took works for one. What a
    /// member said before stays proven by their account.
    pub async fn proof_found(&self, id: RecordId, now: Timestamp, again_at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let found = sql("UPDATE proofs SET proven_at = COALESCE(proven_at, $2), checked_at = $2, failing_since = NULL,
                failures = 0, lapsed_at = NULL, check_at = $3 WHERE id = $1
             RETURNING correspondent, domain, method, proven_at");
        let Some(row) = tx.optional(found.bind(id).bind(now).bind(again_at)).await? else { return Ok(false) };
        if let Some(correspondent) = row.id_or_null("correspondent")? {
            let before = sql("UPDATE invitation_steps SET proof_domain = $2, proof_method = $3, proven_at = $4
                 WHERE correspondent = $1 AND (proof_domain IS NULL OR (proof_domain <> $2 AND EXISTS
                     (SELECT 1 FROM invitations i WHERE i.id = invitation_steps.invitation AND i.invitee_domain = $2)))")
            .bind(RecordId(correspondent))
            .bind(row.text("domain")?)
            .bind(row.text("method")?)
            .bind(row.time("proven_at")?);
            tx.execute(before).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Notes that a proof was not found. One that holds is looked at again at `again_at`, unless this was too often: then it
    /// lapses, and only its owner has it looked at again.
    pub async fn proof_missed(
        &self,
        id: RecordId,
        now: Timestamp,
        again_at: Timestamp,
    ) -> Result<ProofMissed, StoreError> {
        let mut tx = self.database.begin().await?;
        let missed = sql("UPDATE proofs SET checked_at = $2, failures = failures + 1, check_at = $3,
                failing_since = COALESCE(failing_since, $2) WHERE id = $1 AND proven_at IS NOT NULL");
        if tx.execute(missed.bind(id).bind(now).bind(again_at)).await? == 0 {
            let looked = sql("UPDATE proofs SET checked_at = $2 WHERE id = $1").bind(id).bind(now);
            tx.execute(looked).await?;
            tx.commit().await?;
            return Ok(ProofMissed::Kept);
        }
        let since = Timestamp(now.0.saturating_sub(PROOF_FAILS_FOR));
        let lapse = sql("UPDATE proofs SET proven_at = NULL, lapsed_at = $2, check_at = NULL
             WHERE id = $1 AND failures >= $3 AND failing_since <= $4")
        .bind(id)
        .bind(now)
        .bind(PROOF_FAILURES_MAX)
        .bind(since);
        let lapsed = tx.execute(lapse).await? > 0;
        tx.commit().await?;
        Ok(if lapsed { ProofMissed::Lapsed } else { ProofMissed::Kept })
    }

    /// Deletes proofs that were begun, or lapsed, before `before` and do not hold. Returns how many.
    pub async fn delete_old_proofs(&self, before: Timestamp) -> Result<u64, StoreError> {
        let old =
            sql("DELETE FROM proofs WHERE proven_at IS NULL AND COALESCE(lapsed_at, created_at) < $1").bind(before);
        self.database.execute(old).await
    }

    /// The domains of these members whose proofs hold, the first proven first.
    pub async fn proofs_of_members(
        &self,
        members: &[MemberId],
    ) -> Result<HashMap<MemberId, Vec<ProvenDomain>>, StoreError> {
        let mut proven: HashMap<_, Vec<_>> = HashMap::new();
        for part in members.chunks(IDS_PER_STATEMENT) {
            let some = sql("SELECT member AS owner, domain, method, proven_at FROM proofs WHERE member IN ");
            for (owner, domain) in self.proven(some.push_list(part.iter().copied())).await? {
                proven.entry(MemberId(owner)).or_default().push(domain);
            }
        }
        Ok(proven)
    }

    /// The domains of those who answer invitations without an account whose proofs hold, the first proven first.
    pub async fn proofs_of_correspondents(
        &self,
        correspondents: &[RecordId],
    ) -> Result<HashMap<RecordId, Vec<ProvenDomain>>, StoreError> {
        let mut proven: HashMap<_, Vec<_>> = HashMap::new();
        for part in correspondents.chunks(IDS_PER_STATEMENT) {
            let some =
                sql("SELECT correspondent AS owner, domain, method, proven_at FROM proofs WHERE correspondent IN ");
            for (owner, domain) in self.proven(some.push_list(part.iter().copied())).await? {
                proven.entry(RecordId(owner)).or_default().push(domain);
            }
        }
        Ok(proven)
    }

    /// The invitation that somebody without an account answers.
    pub async fn invitation_of_correspondent(
        &self,
        correspondent: RecordId,
    ) -> Result<Option<InvitationId>, StoreError> {
        let found = sql("SELECT invitation FROM correspondents WHERE id = $1").bind(correspondent);
        let found = self.database.optional(found).await?;
        found.map(|row| row.id("invitation").map(InvitationId)).transpose()
    }

    async fn proven(&self, of: Sql) -> Result<Vec<(u128, ProvenDomain)>, StoreError> {
        let rows = self.database.all(of.push(" AND proven_at IS NOT NULL ORDER BY proven_at, id")).await?;
        let domain = |row: &Row| {
            let (domain, method) = (row.text("domain")?, ProofMethod::from_text(&row.text("method")?)?);
            Ok((row.id("owner")?, ProvenDomain { domain, method, proven_at: row.time("proven_at")? }))
        };
        rows.iter().map(domain).collect()
    }
}

/// Notes that a member's page has another address, so that what they link to from their domains has to be another one: what holds by
/// a link is not found any more from `now` on, and due. Returns those proofs.
pub(crate) async fn page_moved(
    tx: &mut Transaction,
    member: MemberId,
    now: Timestamp,
) -> Result<Vec<Proof>, StoreError> {
    let moved = sql("UPDATE proofs SET failing_since = COALESCE(failing_since, $3), check_at = $3
         WHERE member = $1 AND method = $2 AND proven_at IS NOT NULL
         RETURNING id, member, correspondent, domain, method, token, created_at, proven_at, checked_at, failing_since,
                   lapsed_at")
    .bind(member)
    .bind(ProofMethod::RelMe.as_str())
    .bind(now);
    tx.all(moved).await?.iter().map(proof_from).collect()
}

/// Reads what goes with a step of an invitation.
pub(crate) fn step_proof_from(row: &Row) -> Result<Option<ProvenDomain>, StoreError> {
    let Some(domain) = row.text_or_null("proof_domain")? else { return Ok(None) };
    let method = ProofMethod::from_text(&row.text("proof_method")?)?;
    Ok(Some(ProvenDomain { domain, method, proven_at: row.time("proven_at")? }))
}

/// The columns `member` and `correspondent`.
fn columns(subject: ProofSubject) -> (Option<MemberId>, Option<RecordId>) {
    match subject {
        ProofSubject::Member(id) => (Some(id), None),
        ProofSubject::Correspondent(id) => (None, Some(id)),
    }
}

/// Reads what `select_proof!` selects.
fn proof_from(row: &Row) -> Result<Proof, StoreError> {
    let subject = match (row.id_or_null("member")?, row.id_or_null("correspondent")?) {
        (Some(id), None) => ProofSubject::Member(MemberId(id)),
        (None, Some(id)) => ProofSubject::Correspondent(RecordId(id)),
        _ => return Err(StoreError::Corrupt("owner of a proof")),
    };
    Ok(Proof {
        id: RecordId(row.id("id")?),
        subject,
        domain: row.text("domain")?,
        method: ProofMethod::from_text(&row.text("method")?)?,
        token: row.text("token")?,
        created_at: row.time("created_at")?,
        proven_at: row.time_or_null("proven_at")?,
        checked_at: row.time_or_null("checked_at")?,
        failing_since: row.time_or_null("failing_since")?,
        lapsed_at: row.time_or_null("lapsed_at")?,
    })
}
