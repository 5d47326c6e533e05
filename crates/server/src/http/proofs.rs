//! Proofs of domains: begun, looked for, and taken away by whose they are, a member or somebody who answers an invitation without
//! an account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use roomtone_room::ids::{InvitationId, RecordId, encode_128};
use roomtone_room::invitation::Invitee;
use roomtone_store::{self as store, ProofMade, ProofSubject, StoreError};
use url::Url;

use super::auth::{SignedIn, Visitor, answer_key};
use super::body::{Body, PathId};
use super::text;
use crate::app::App;
use crate::edge;
use crate::limits::PROOFS_OF;
use crate::proof::{found, home_of, missed};
use crate::wire::proofs::{CheckedProof, NewProof, Proof, ProofTrouble, Proofs};
use crate::wire::{ApiError, Code};

/// The caller's proofs.
#[utoipa::path(get, path = "/api/me/proofs", responses((status = 200, body = Proofs), (status = 401, body = ApiError)))]
pub(super) async fn list(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<Proofs>, ApiError> {
    Prover::member(&app, &caller).await?.list().await
}

/// Begins a proof: the answer says what to publish. Nobody is asked anything yet.
#[utoipa::path(post, path = "/api/me/proofs", request_body = NewProof,
    responses((status = 201, body = Proof), (status = 401, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<NewProof>,
) -> Result<(StatusCode, Json<Proof>), ApiError> {
    Prover::member(&app, &caller).await?.begin(request).await
}

/// Looks now whether what is to be published is there: this server asks the domain.
#[utoipa::path(post, path = "/api/me/proofs/{id}/check", params(("id" = String, Path)),
    responses((status = 200, body = CheckedProof), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn check(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<Json<CheckedProof>, ApiError> {
    Prover::member(&app, &caller).await?.check(&id).await
}

/// Takes a proof away; it is not shown any more.
#[utoipa::path(delete, path = "/api/me/proofs/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    Prover::member(&app, &caller).await?.remove(&id).await
}

/// The proofs of whoever answers an invitation without an account, known by the cookie that the link gave them.
#[utoipa::path(get, path = "/api/invitations/{id}/proofs", params(("id" = String, Path)),
    responses((status = 200, body = Proofs), (status = 401, body = ApiError)))]
pub(super) async fn list_outside(
    State(app): State<Arc<App>>,
    _: Visitor,
    PathId(id): PathId<String>,
    headers: HeaderMap,
) -> Result<Json<Proofs>, ApiError> {
    let (_, prover) = Prover::outside(&app, &id, &headers).await?;
    prover.list().await
}

/// Begins a proof, as for members. Where the host has named a domain it is that one.
#[utoipa::path(post, path = "/api/invitations/{id}/proofs", params(("id" = String, Path)), request_body = NewProof,
    responses((status = 201, body = Proof), (status = 401, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn begin_outside(
    State(app): State<Arc<App>>,
    _: Visitor,
    PathId(id): PathId<String>,
    headers: HeaderMap,
    Body(request): Body<NewProof>,
) -> Result<(StatusCode, Json<Proof>), ApiError> {
    let (invitation, prover) = Prover::outside(&app, &id, &headers).await?;
    let found = app.store.invitation(None, invitation).await.map_err(internal)?.ok_or(Code::NotSignedIn)?;
    if let Invitee::Outside { domain: Some(named), .. } = found.invitation.invitee
        && text::domain(&request.domain)? != named
    {
        let message = format!("Whoever invites has named the domain by which an answer is known: {named}.");
        return Err(ApiError::with_message(Code::InvalidDomain, message));
    }
    prover.begin(request).await
}

/// Looks now whether what is to be published is there, as for members.
#[utoipa::path(post, path = "/api/invitations/{id}/proofs/{proof}/check",
    params(("id" = String, Path), ("proof" = String, Path)),
    responses((status = 200, body = CheckedProof), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn check_outside(
    State(app): State<Arc<App>>,
    _: Visitor,
    PathId((id, proof)): PathId<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<CheckedProof>, ApiError> {
    let (_, prover) = Prover::outside(&app, &id, &headers).await?;
    prover.check(&proof).await
}

/// Takes a proof away, as for members.
#[utoipa::path(delete, path = "/api/invitations/{id}/proofs/{proof}",
    params(("id" = String, Path), ("proof" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn remove_outside(
    State(app): State<Arc<App>>,
    _: Visitor,
    PathId((id, proof)): PathId<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let (_, prover) = Prover::outside(&app, &id, &headers).await?;
    prover.remove(&proof).await
}

/// Somebody who proves domains.
struct Prover<'a> {
    app: &'a App,
    subject: ProofSubject,
    /// Their page here.
    home: Url,
}

impl<'a> Prover<'a> {
    async fn member(app: &'a App, caller: &SignedIn) -> Result<Self, ApiError> {
        Self::of(app, ProofSubject::Member(caller.member.person.id)).await
    }

    /// Whoever answers this invitation with the cookie of a request; `not_signed_in` for everybody else, whether or not there is
    /// such an invitation.
    async fn outside(app: &'a App, id: &str, headers: &HeaderMap) -> Result<(InvitationId, Self), ApiError> {
        let invitation: InvitationId = id.parse().map_err(|_| Code::NotSignedIn)?;
        let key = answer_key(headers).ok_or(Code::NotSignedIn)?;
        let who = app.store.correspondent_by_key(invitation, &key).await.map_err(internal)?;
        let subject = ProofSubject::Correspondent(who.ok_or(Code::NotSignedIn)?);
        Ok((invitation, Self::of(app, subject).await?))
    }

    async fn of(app: &'a App, subject: ProofSubject) -> Result<Self, ApiError> {
        let home = home_of(app, subject).await.map_err(internal)?.ok_or(Code::NotSignedIn)?;
        Ok(Self { app, subject, home })
    }

    async fn list(&self) -> Result<Json<Proofs>, ApiError> {
        let found = self.app.store.proofs_of(self.subject).await.map_err(internal)?;
        Ok(Json(Proofs { items: found.into_iter().map(|proof| Proof::of(proof, &self.home)).collect() }))
    }

    async fn begin(&self, request: NewProof) -> Result<(StatusCode, Json<Proof>), ApiError> {
        let domain = text::domain(&request.domain)?;
        let proof = store::NewProof {
            id: RecordId(edge::random_128()),
            subject: self.subject,
            domain,
            method: request.method.into(),
            token: encode_128(edge::random_128()),
            created_at: edge::now(),
        };
        match self.app.store.create_proof(&proof).await.map_err(internal)? {
            ProofMade::Made => Ok((StatusCode::CREATED, Json(self.found(proof.id).await?))),
            ProofMade::TooMany => Err(Code::TooManyProofs.into()),
            ProofMade::Already => Err(Code::ProofExists.into()),
            ProofMade::Gone => Err(Code::NotSignedIn.into()),
        }
    }

    async fn check(&self, id: &str) -> Result<Json<CheckedProof>, ApiError> {
        let proof = self.stored(read(id)?).await?;
        // Whoever asks: nobody's server is to be visited by this one without end.
        self.app.limits.subject(&PROOFS_OF, &proof.domain, edge::instant())?;
        let outcome = self.app.prover.look(&proof, &self.home).await;
        let now = edge::now();
        let trouble = match outcome {
            Ok(()) => {
                found(self.app, &proof, now).await.map_err(internal)?;
                None
            }
            Err(trouble) => {
                let trouble = ProofTrouble::of(trouble).ok_or(Code::Busy)?;
                missed(self.app, &proof, now).await.map_err(internal)?;
                Some(trouble)
            }
        };
        Ok(Json(CheckedProof { proof: self.found(proof.id).await?, trouble }))
    }

    async fn remove(&self, id: &str) -> Result<StatusCode, ApiError> {
        match self.app.store.delete_proof(self.subject, read(id)?).await.map_err(internal)? {
            true => Ok(StatusCode::NO_CONTENT),
            false => Err(Code::ProofNotFound.into()),
        }
    }

    async fn stored(&self, id: RecordId) -> Result<store::Proof, ApiError> {
        let found = self.app.store.proof(self.subject, id).await.map_err(internal)?;
        found.ok_or_else(|| Code::ProofNotFound.into())
    }

    /// The proof as it is now, to be sent.
    async fn found(&self, id: RecordId) -> Result<Proof, ApiError> {
        Ok(Proof::of(self.stored(id).await?, &self.home))
    }
}

fn read(id: &str) -> Result<RecordId, ApiError> {
    id.parse().map_err(|_| Code::ProofNotFound.into())
}

fn internal(error: StoreError) -> ApiError {
    ApiError::internal(&error)
}
