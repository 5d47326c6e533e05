//! Passkeys: making them, signing in with them, and the list of one's own (Web Authentication Level 3, section 7).
//!
//! A ceremony is two requests. What the first one drew is kept in the database under the digest of a secret that only the
//! caller knows; the second one takes it out, so that no signature counts twice.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{NewPasskey, PasskeyAdded, PasskeyKey, PasskeyRemoved};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;
use webauthn_rs::prelude::{DiscoverableAuthentication, DiscoverableKey, PasskeyRegistration, Uuid};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::auth::{Browser, Visitor};
use super::body::{Body, PathId};
use super::sign_in::answer;
use super::{sessions, text};
use crate::app::App;
use crate::edge::{self, Secret};
use crate::wire::{ApiError, Code, Id, sign_in as wire};

/// How long a ceremony may take, in milliseconds. Longer suits people who have to look for their device; shorter keeps fewer
/// of them on the disk.
const CEREMONY_LIFE: u64 = 5 * 60 * 1000;

/// What passkeys are made for: the host of the public URL. `None` where browsers have none, which is under a numeric address
/// and, but for localhost, without https.
pub(crate) fn relying_party(public_url: &Url, name: &str) -> Option<Webauthn> {
    let host = public_url.domain()?;
    let local = host == "localhost" || host.ends_with(".localhost");
    if public_url.scheme() != "https" && !local {
        return None;
    }
    let mut origin = public_url.clone();
    origin.set_path("/");
    WebauthnBuilder::new(host, &origin).and_then(|builder| builder.rp_name(name).build()).ok()
}

/// Begins to make a passkey for the caller, who must have signed in within the last fifteen minutes if they can sign in at all.
#[utoipa::path(post, path = "/api/passkeys/begin",
    responses((status = 200, body = wire::CeremonyBegun), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    browser: Browser,
) -> Result<Json<wire::CeremonyBegun>, ApiError> {
    browser.signed_in_lately(&app).await?;
    let me = browser.caller.member.person;
    let known = app.store.credential_ids(me.id).await.map_err(|e| ApiError::internal(&e))?;
    let (options, state) = of(&app)?
        .start_passkey_registration(Uuid::from_u128(me.id.0), &me.handle, &me.name, Some(known))
        .map_err(|e| ApiError::internal(&e))?;
    let mut options = public_key(&options)?;
    // Kept by the authenticator together with whose it is, so that people sign in without a handle. The library checks
    // everything else in the answer, and this is not part of it.
    options["authenticatorSelection"]["residentKey"] = json!("required");
    options["authenticatorSelection"]["requireResidentKey"] = json!(true);
    keep(&app, Some(me.id), &state, options).await
}

/// Keeps the passkey that the caller's authenticator made.
#[utoipa::path(post, path = "/api/passkeys/finish", request_body = wire::NewPasskey,
    responses((status = 201, body = wire::Passkey), (status = 401, body = ApiError), (status = 409, body = ApiError),
        (status = 410, body = ApiError), (status = 422, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn finish(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
    Body(request): Body<wire::NewPasskey>,
) -> Result<(StatusCode, Json<wire::Passkey>), ApiError> {
    let name = text::name(&request.name)?;
    let credential = form(request.credential)?;
    let now = edge::now();
    let state: PasskeyRegistration = take(&app, &request.ceremony, Some(caller.member.person.id), now).await?;
    let made = of(&app)?.finish_passkey_registration(&credential, &state).map_err(|_| Code::PasskeyRefused)?;
    let passkey = NewPasskey {
        id: RecordId(edge::random_128()),
        credential_id: made.cred_id().to_vec(),
        credential: serde_json::to_string(&made).map_err(|e| ApiError::internal(&e))?,
        name: name.clone(),
    };
    let id = passkey.id;
    match app.store.add_passkey(&caller.session, passkey, now).await.map_err(|e| ApiError::internal(&e))? {
        PasskeyAdded::Added => {}
        PasskeyAdded::SignedOut => return Err(Code::NotSignedIn.into()),
        PasskeyAdded::TooMany => return Err(Code::TooManyPasskeys.into()),
        PasskeyAdded::Known => return Err(Code::PasskeyRefused.into()),
    }
    let passkey = wire::Passkey { id: Id(id), name, created_at: now.0, used_at: None };
    Ok((StatusCode::CREATED, Json(passkey)))
}

/// The caller's passkeys.
#[utoipa::path(get, path = "/api/passkeys",
    responses((status = 200, body = wire::Passkeys), (status = 401, body = ApiError)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
) -> Result<Json<wire::Passkeys>, ApiError> {
    let passkeys = app.store.passkeys(caller.member.person.id).await.map_err(|e| ApiError::internal(&e))?;
    let items = passkeys.into_iter().map(|passkey| wire::Passkey {
        id: Id(passkey.id),
        name: passkey.name,
        created_at: passkey.created_at.0,
        used_at: passkey.used_at.map(|at| at.0),
    });
    Ok(Json(wire::Passkeys { items: items.collect() }))
}

/// Calls one of the caller's passkeys something else.
#[utoipa::path(patch, path = "/api/passkeys/{id}", params(("id" = String, Path)), request_body = wire::PasskeyName,
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn rename(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
    PathId(id): PathId<Id<RecordId>>,
    Body(request): Body<wire::PasskeyName>,
) -> Result<StatusCode, ApiError> {
    let (me, name) = (caller.member.person.id, text::name(&request.name)?);
    let renamed = app.store.rename_passkey(me, id.0, &name).await.map_err(|e| ApiError::internal(&e))?;
    if renamed { Ok(StatusCode::NO_CONTENT) } else { Err(Code::PasskeyNotFound.into()) }
}

/// Removes one of the caller's passkeys, unless it is their last way in.
#[utoipa::path(delete, path = "/api/passkeys/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError)))]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
    PathId(id): PathId<Id<RecordId>>,
) -> Result<StatusCode, ApiError> {
    let mail = app.settings.get().mail.is_some();
    let removed = app.store.remove_passkey(caller.member.person.id, id.0, mail).await;
    match removed.map_err(|e| ApiError::internal(&e))? {
        PasskeyRemoved::Removed => Ok(StatusCode::NO_CONTENT),
        PasskeyRemoved::Missing => Err(Code::PasskeyNotFound.into()),
        PasskeyRemoved::LastWayIn => Err(Code::LastWayIn.into()),
    }
}

/// Begins to sign in with whatever passkey the caller's authenticator has for this server.
#[utoipa::path(post, path = "/api/sign-in/passkey/begin",
    responses((status = 200, body = wire::CeremonyBegun), (status = 404, body = ApiError),
        (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn begin_sign_in(
    State(app): State<Arc<App>>,
    _: Visitor,
) -> Result<Json<wire::CeremonyBegun>, ApiError> {
    let (options, state) = of(&app)?.start_discoverable_authentication().map_err(|e| ApiError::internal(&e))?;
    keep(&app, None, &state, public_key(&options)?).await
}

/// Signs in whoever's passkey made the signature.
#[utoipa::path(post, path = "/api/sign-in/passkey/finish", request_body = wire::PasskeySignIn,
    responses((status = 200, body = crate::wire::http::Me), (status = 403, body = ApiError),
        (status = 410, body = ApiError), (status = 422, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn finish_sign_in(
    State(app): State<Arc<App>>,
    _: Visitor,
    headers: HeaderMap,
    Body(request): Body<wire::PasskeySignIn>,
) -> Result<Response, ApiError> {
    let now = edge::now();
    let (key, credential) = checked(&app, &request.ceremony, request.credential, now).await?;
    let (token, session) = sessions::new(&headers);
    let done = app.store.sign_in_by_passkey(&key, &credential, now, &session).await;
    answer(&app, done.map_err(|e| ApiError::internal(&e))?, &token, Code::PasskeyRefused).await
}

/// Whose passkey made the signature of a ceremony that was begun as for signing in: for what a member has to show again that
/// it is them. Refuses with `ceremony_over` or `passkey_refused`.
pub(super) async fn proven(app: &App, ceremony: &str, credential: Value) -> Result<MemberId, ApiError> {
    let now = edge::now();
    let (key, credential) = checked(app, ceremony, credential, now).await?;
    let used = app.store.passkey_used(&key, &credential, now).await.map_err(|e| ApiError::internal(&e))?;
    if used { Ok(key.member) } else { Err(Code::PasskeyRefused.into()) }
}

/// Takes a ceremony out and checks the signature that answers it. Returns the passkey as it was, and its credential as it is
/// to be kept.
async fn checked(
    app: &App,
    ceremony: &str,
    credential: Value,
    now: Timestamp,
) -> Result<(PasskeyKey, String), ApiError> {
    let party = of(app)?;
    let credential = form(credential)?;
    let state: DiscoverableAuthentication = take(app, ceremony, None, now).await?;
    let (whose, id) = party.identify_discoverable_authentication(&credential).map_err(|_| Code::PasskeyRefused)?;
    let key = app.store.passkey_key(MemberId(whose.as_u128()), id).await.map_err(|e| ApiError::internal(&e))?;
    let key = key.ok_or(Code::PasskeyRefused)?;
    let mut passkey: webauthn_rs::prelude::Passkey =
        serde_json::from_str(&key.credential).map_err(|e| ApiError::internal(&e))?;
    // Also refuses a counter that has not risen, as a copied authenticator would send.
    let good = party
        .finish_discoverable_authentication_v2(&credential, state, DiscoverableKey::from(&passkey))
        .map_err(|_| Code::PasskeyRefused)?;
    passkey.update_credential(&good);
    let credential = serde_json::to_string(&passkey).map_err(|e| ApiError::internal(&e))?;
    Ok((key, credential))
}

fn of(app: &App) -> Result<&Webauthn, Code> {
    app.passkeys.as_ref().ok_or(Code::PasskeysUnavailable)
}

/// The part of the options that browsers take.
fn public_key(options: &impl Serialize) -> Result<Value, ApiError> {
    let mut options = serde_json::to_value(options).map_err(|e| ApiError::internal(&e))?;
    Ok(options["publicKey"].take())
}

/// A credential in the form in which browsers send it.
fn form<T: DeserializeOwned>(credential: Value) -> Result<T, Code> {
    serde_json::from_value(credential).map_err(|_| Code::PasskeyRefused)
}

/// Keeps a ceremony for its second request.
async fn keep(
    app: &App,
    member: Option<MemberId>,
    state: &impl Serialize,
    options: Value,
) -> Result<Json<wire::CeremonyBegun>, ApiError> {
    let state = serde_json::to_string(state).map_err(|e| ApiError::internal(&e))?;
    let (secret, end) = (Secret::draw(), Timestamp(edge::now().0 + CEREMONY_LIFE));
    let kept = app.store.begin_ceremony(&secret.hash, member, &state, end).await.map_err(|e| ApiError::internal(&e))?;
    if !kept {
        return Err(Code::Busy.into());
    }
    Ok(Json(wire::CeremonyBegun { ceremony: secret.text, options }))
}

/// Takes out a ceremony of this member, or of nobody yet.
async fn take<T: DeserializeOwned>(
    app: &App,
    ceremony: &str,
    member: Option<MemberId>,
    now: Timestamp,
) -> Result<T, ApiError> {
    let hash = Secret::hash_of(ceremony).ok_or(Code::CeremonyOver)?;
    let taken = app.store.take_ceremony(&hash, now).await.map_err(|e| ApiError::internal(&e))?;
    let taken = taken.filter(|taken| taken.member == member).ok_or(Code::CeremonyOver)?;
    serde_json::from_str(&taken.state).map_err(|e| ApiError::internal(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_for_hosts_with_a_name() {
        let there = |url: &str| relying_party(&Url::parse(url).unwrap(), "Kitchen").is_some();
        for url in ["https://talk.example", "https://talk.example:8443/rooms", "http://localhost:8080"] {
            assert!(there(url), "{url}");
        }
        for url in ["http://talk.example", "https://192.0.2.1", "http://127.0.0.1:8080", "https://[::1]"] {
            assert!(!there(url), "{url}");
        }
    }
}
