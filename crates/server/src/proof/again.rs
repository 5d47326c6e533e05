//! Proofs that hold, looked at again.

use std::time::Duration;

use roomtone_room::ids::Timestamp;
use roomtone_store::{Proof, ProofMissed, ProofSubject, StoreError};
use url::Url;

use super::Trouble;
use crate::app::App;
use crate::edge;
use crate::notices::Tell;
use crate::wire::notices::NoticeKind;

/// How long after it was looked at a proof is looked at again, in milliseconds, less up to an eighth of that: those that began
/// together do not stay so. Shorter ends sooner what is shown and no longer true; longer asks others less often.
const AGAIN_AFTER: u64 = 24 * 60 * 60 * 1000;

/// How often there is a look at what is due.
const EVERY: Duration = Duration::from_secs(60);

/// Proofs that are looked at in one go, one after the other.
const AT_ONCE: u32 = 20;

/// How long what was begun and never found is kept, and what has lapsed, in milliseconds.
const KEPT_FOR: u64 = 30 * 24 * 60 * 60 * 1000;

/// Looks at proofs again as they come due, until it is aborted.
pub(crate) async fn run(app: &App) {
    let mut every = tokio::time::interval(EVERY);
    loop {
        every.tick().await;
        if let Err(error) = look_again(app, edge::now()).await {
            tracing::warn!(%error, "proofs of domains were not looked at again");
        }
    }
}

/// Looks once at the proofs that are due at `now`, at most twenty.
pub async fn look_again(app: &App, now: Timestamp) -> Result<(), StoreError> {
    for proof in app.store.due_proofs(now, AT_ONCE).await? {
        // One without a home belongs to nobody any more, and goes with them.
        let Some(home) = home_of(app, proof.subject).await? else { continue };
        match app.prover.look(&proof, &home).await {
            Ok(()) => found(app, &proof, now).await?,
            // Members come first; it is due still.
            Err(Trouble::Busy) => return Ok(()),
            Err(trouble) => {
                let outcome = missed(app, &proof, now).await?;
                if outcome == ProofMissed::Lapsed {
                    tell_missing(app, &proof);
                }
                tracing::info!(?trouble, ?outcome, "a proof of a domain was not found again");
            }
        }
    }
    Ok(())
}

/// Notes that a proof was found.
pub(crate) async fn found(app: &App, proof: &Proof, now: Timestamp) -> Result<(), StoreError> {
    app.store.proof_found(proof.id, now, next(proof, now)).await.map(drop)
}

/// Notes that a proof was not found.
pub(crate) async fn missed(app: &App, proof: &Proof, now: Timestamp) -> Result<ProofMissed, StoreError> {
    app.store.proof_missed(proof.id, now, next(proof, now)).await
}

/// Tells a member that what they publish for a proof has to be published anew: it is not where it is looked for.
pub(crate) fn tell_missing(app: &App, proof: &Proof) {
    if let ProofSubject::Member(member) = proof.subject {
        let tell = Tell::new(member, NoticeKind::ProofMissing).about(proof.id.0).saying(&proof.domain);
        app.notices.tell(tell);
    }
}

fn next(proof: &Proof, now: Timestamp) -> Timestamp {
    let spread = (proof.id.0 % u128::from(AGAIN_AFTER / 8)) as u64;
    now.plus(AGAIN_AFTER - spread)
}

/// The page here of whoever a proof belongs to; `None` once they are gone.
pub(crate) async fn home_of(app: &App, subject: ProofSubject) -> Result<Option<Url>, StoreError> {
    Ok(match subject {
        ProofSubject::Member(id) => {
            let found = app.store.people(&[id]).await?;
            found.first().map(|person| page(&app.public_url, ["people", &person.handle]))
        }
        ProofSubject::Correspondent(id) => {
            let invitation = app.store.invitation_of_correspondent(id).await?;
            invitation.map(|id| page(&app.public_url, ["invitations", &id.to_string()]))
        }
    })
}

/// Deletes what was begun and never found, and what has lapsed long ago.
pub(crate) async fn tidy(app: &App) {
    let before = Timestamp(edge::now().0.saturating_sub(KEPT_FOR));
    if let Err(error) = app.store.delete_old_proofs(before).await {
        tracing::warn!(%error, "old proofs could not be deleted");
    }
}

/// A page of this server.
fn page(public_url: &Url, path: [&str; 2]) -> Url {
    let mut page = public_url.clone();
    // Fails for addresses that cannot have a path, and those are refused as the public one.
    if let Ok(mut segments) = page.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    page
}
