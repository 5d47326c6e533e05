//! Signing in by other ways than a passkey: recovery codes, and links that come by mail or from the command line.
//!
//! Answers do not tell whether a handle or an address is somebody's, and neither does the time they take.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use roomtone_room::ids::{MemberId, encode_128};
use roomtone_store::{Hash, LinkUsed, MailRemoved, SignIn};

use super::auth::{Browser, SignedIn, Visitor, sign_in_cookie};
use super::body::Body;
use super::me::me_of;
use super::{sessions, text};
use crate::app::App;
use crate::cli::sign_in_link;
use crate::edge::{self, Secret};
use crate::limits::{CONFIRM_MAIL_TO, RECOVERY_OF, SIGN_IN_MAIL_TO};
use crate::mail::{self, link_end, texts};
use crate::wire::http::Me;
use crate::wire::{ApiError, Code, sign_in as wire};

/// Recovery codes of a member. More lets them get locked out more often; fewer are easier to keep on paper.
const CODES: usize = 10;

/// Letters and digits of a recovery code: of five bits each, so 100 bits.
const CODE_LENGTH: usize = 20;

/// What visitors can sign in with.
#[utoipa::path(get, path = "/api/sign-in", responses((status = 200, body = wire::WaysIn), (status = 429, body = ApiError)))]
pub(super) async fn ways_in(State(app): State<Arc<App>>, _: Visitor) -> Json<wire::WaysIn> {
    let settings = app.settings.get();
    Json(wire::WaysIn {
        passkeys: app.passkeys.is_some(),
        mail: settings.mail.is_some(),
        server: settings.name.clone(),
    })
}

/// Signs in by a recovery code, which is used by that.
#[utoipa::path(post, path = "/api/sign-in/recovery", request_body = wire::RecoverySignIn,
    responses((status = 200, body = Me), (status = 403, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn recover(
    State(app): State<Arc<App>>,
    _: Visitor,
    headers: HeaderMap,
    Body(request): Body<wire::RecoverySignIn>,
) -> Result<Response, ApiError> {
    let handle = text::handle(&request.handle).map_err(|_| Code::RecoveryRefused)?.text;
    let (token, session) = sessions::new(&headers);
    let done = match code_hash(&request.code) {
        Some(code) => app.store.sign_in_by_recovery(&handle, &code, edge::now(), &session).await,
        None => Ok(SignIn::Refused),
    };
    let done = done.map_err(|e| ApiError::internal(&e))?;
    // Whether or not anybody has the handle; and only now, since whoever has a code is not to be kept out by others' guesses.
    if done == SignIn::Refused {
        app.limits.subject(&RECOVERY_OF, &handle, edge::instant())?;
    }
    answer(&app, done, &token, Code::RecoveryRefused).await
}

/// Fresh recovery codes instead of all former ones. The caller must have signed in within the last fifteen minutes if they can
/// sign in at all.
#[utoipa::path(post, path = "/api/recovery-codes",
    responses((status = 201, body = wire::RecoveryCodes), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 429, body = ApiError)))]
pub(super) async fn new_codes(
    State(app): State<Arc<App>>,
    browser: Browser,
) -> Result<(StatusCode, Json<wire::RecoveryCodes>), ApiError> {
    browser.signed_in_lately(&app).await?;
    let codes: Vec<_> = (0..CODES).map(|_| draw_code()).collect();
    let hashes: Vec<_> = codes.iter().map(|code| hash_of(code)).collect();
    let made =
        app.store.replace_recovery_codes(&browser.caller.session, &hashes).await.map_err(|e| ApiError::internal(&e))?;
    if !made {
        return Err(Code::NotSignedIn.into());
    }
    let codes = codes.iter().map(|code| grouped(code)).collect();
    Ok((StatusCode::CREATED, Json(wire::RecoveryCodes { codes })))
}

/// How many recovery codes the caller has left.
#[utoipa::path(get, path = "/api/recovery-codes",
    responses((status = 200, body = wire::RecoveryCodesLeft), (status = 401, body = ApiError)))]
pub(super) async fn codes_left(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
) -> Result<Json<wire::RecoveryCodesLeft>, ApiError> {
    let left = app.store.recovery_codes_left(caller.member.person.id).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(wire::RecoveryCodesLeft { left }))
}

/// Sends a link to sign in to an address, if a member has it and not too many went there. The answer is the same for every
/// address.
#[utoipa::path(post, path = "/api/sign-in/mail", request_body = wire::MailTo,
    responses((status = 202), (status = 404, body = ApiError), (status = 422, body = ApiError),
        (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn send_link(
    State(app): State<Arc<App>>,
    _: Visitor,
    Body(request): Body<wire::MailTo>,
) -> Result<StatusCode, ApiError> {
    let address = address_for(&app, &request.address)?;
    // Whoever has the address has letters enough; who else has asked for them is nobody's business.
    if app.limits.subject(&SIGN_IN_MAIL_TO, &address, edge::instant()).is_err() {
        return Ok(StatusCode::ACCEPTED);
    }
    if app.mailer.send_sign_in_link(address) { Ok(StatusCode::ACCEPTED) } else { Err(Code::Busy.into()) }
}

/// Uses a link: one to sign in with signs in, and one that confirms an address does so for whoever is signed in.
#[utoipa::path(post, path = "/api/sign-in/link", request_body = wire::LinkToken,
    responses((status = 200, body = Me), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 409, body = ApiError), (status = 410, body = ApiError), (status = 429, body = ApiError)))]
pub(super) async fn use_link(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    Body(request): Body<wire::LinkToken>,
) -> Result<Response, ApiError> {
    let link = Secret::hash_of(&request.token).ok_or(Code::LinkOver)?;
    let caller = SignedIn::of(&app, &headers, visitor.address).await?.map(|caller| caller.member);
    let me = caller.as_ref().map(|member| member.person.id);
    let (token, session) = sessions::new(&headers);
    let used = app.store.use_link(&link, me, edge::now(), &session).await.map_err(|e| ApiError::internal(&e))?;
    match (used, caller) {
        (LinkUsed::SignIn(done), _) => answer(&app, done, &token, Code::LinkOver).await,
        (LinkUsed::Confirmed { former }, Some(member)) => {
            if let Some(former) = former {
                let page = format!("{}/signin", app.public_url.as_str().trim_end_matches('/'));
                // If too many letters wait, this one is left out: what it is about has happened.
                app.mailer.send(texts(&member.language).changed.letter(former, &app.settings.get().name, &page));
            }
            Ok(account(&app, member.person.id).await?.into_response())
        }
        (LinkUsed::NotYours, None) => Err(Code::NotSignedIn.into()),
        (LinkUsed::AddressTaken, _) => Err(Code::AddressTaken.into()),
        (LinkUsed::NotYours | LinkUsed::Over | LinkUsed::Confirmed { .. }, _) => Err(Code::LinkOver.into()),
    }
}

/// The caller's mail address.
#[utoipa::path(get, path = "/api/mail", responses((status = 200, body = wire::Mail), (status = 401, body = ApiError)))]
pub(super) async fn mail(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
) -> Result<Json<wire::Mail>, ApiError> {
    let me = caller.member.person.id;
    let mail = app.store.mail_address(me, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
    Ok(Json(wire::Mail {
        confirmed: mail.confirmed.is_some(),
        address: mail.confirmed.or_else(|| mail.pending.clone()),
        pending: mail.pending,
        available: app.settings.get().mail.is_some(),
    }))
}

/// Sends a letter to an address, with a link by which the caller confirms that it is theirs. Until then nothing changes.
/// The caller must have signed in within the last fifteen minutes if they can sign in at all.
#[utoipa::path(put, path = "/api/mail", request_body = wire::MailTo,
    responses((status = 202), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError),
        (status = 422, body = ApiError), (status = 429, body = ApiError), (status = 503, body = ApiError)))]
pub(super) async fn set_mail(
    State(app): State<Arc<App>>,
    browser: Browser,
    Body(request): Body<wire::MailTo>,
) -> Result<StatusCode, ApiError> {
    let address = address_for(&app, &request.address)?;
    browser.signed_in_lately(&app).await?;
    let caller = browser.caller;
    app.limits.subject(&CONFIRM_MAIL_TO, &address, edge::instant())?;
    let secret = Secret::draw();
    let asked = app.store.ask_to_confirm(&caller.session, &secret.hash, &address, link_end(edge::now())).await;
    if !asked.map_err(|e| ApiError::internal(&e))? {
        return Err(Code::NotSignedIn.into());
    }
    let link = sign_in_link(app.public_url.as_str(), &secret.text);
    let letter = texts(&caller.member.language).confirm.letter(address, &app.settings.get().name, &link);
    if app.mailer.send_first(letter) { Ok(StatusCode::ACCEPTED) } else { Err(Code::Busy.into()) }
}

/// Removes the caller's mail address, unless it is their last way in.
#[utoipa::path(delete, path = "/api/mail",
    responses((status = 204), (status = 401, body = ApiError), (status = 409, body = ApiError)))]
pub(super) async fn remove_mail(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
) -> Result<StatusCode, ApiError> {
    let available = app.settings.get().mail.is_some();
    let removed = app.store.remove_mail_address(caller.member.person.id, available).await;
    match removed.map_err(|e| ApiError::internal(&e))? {
        MailRemoved::Removed => Ok(StatusCode::NO_CONTENT),
        MailRemoved::LastWayIn => Err(Code::LastWayIn.into()),
    }
}

/// What signing in is answered with: the account and its cookie, `suspended`, or what is said of what was not good.
pub(super) async fn answer(app: &App, done: SignIn, token: &Secret, refused: Code) -> Result<Response, ApiError> {
    let (member, ended) = match done {
        SignIn::In { member, ended } => (member, ended),
        SignIn::Suspended => return Err(Code::Suspended.into()),
        SignIn::Refused => return Err(refused.into()),
    };
    sessions::signed_out(app, member, ended).await;
    let me = account(app, member).await?;
    Ok(([(header::SET_COOKIE, sign_in_cookie(app, &token.text))], me).into_response())
}

/// The account of somebody who has just shown who they are.
async fn account(app: &App, id: MemberId) -> Result<Json<Me>, ApiError> {
    let member = app.store.member(id).await.map_err(|e| ApiError::internal(&e))?.ok_or(Code::NotSignedIn)?;
    me_of(app, member).await.map(Json)
}

/// A handle as it is kept, if it has the form of one.
pub(crate) fn normal_handle(text: &str) -> Option<String> {
    text::handle(text).ok().map(|handle| handle.text)
}

/// An address to which letters can go.
fn address_for(app: &App, text: &str) -> Result<String, Code> {
    if app.settings.get().mail.is_none() {
        return Err(Code::MailNotConfigured);
    }
    mail::address(text).ok_or(Code::InvalidAddress)
}

/// A recovery code, without hyphens.
fn draw_code() -> String {
    // The first letters of the text form of 128 bits hold fewer than five.
    encode_128(edge::random_128()).split_off(26 - CODE_LENGTH)
}

/// A code as it is shown: groups of four.
fn grouped(code: &str) -> String {
    let mut shown = String::with_capacity(CODE_LENGTH + CODE_LENGTH / 4);
    for (at, letter) in code.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            shown.push('-');
        }
        shown.push(letter);
    }
    shown
}

/// The digest of a code as somebody typed it, if it has the form of one. Letters that Crockford's base 32 leaves out because
/// they look like digits are read as those.
fn code_hash(typed: &str) -> Option<Hash> {
    if typed.len() > 8 * CODE_LENGTH {
        return None;
    }
    let letters = typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '‐' | '–' | '—'));
    let code: String = letters
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            c => c,
        })
        .collect();
    let fits = code.len() == CODE_LENGTH && code.bytes().all(|b| b.is_ascii_alphanumeric() && b != b'u');
    fits.then(|| hash_of(&code))
}

fn hash_of(code: &str) -> Hash {
    // One round suffices: there are 100 random bits to guess.
    digest(&SHA256, code.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        let code = "01abcdefghjkmnpqrstv";
        assert_eq!(grouped(code), "01ab-cdef-ghjk-mnpq-rstv");
        let hash = Some(hash_of(code));
        for typed in [code, "01ab-cdef-ghjk-mnpq-rstv", " OLAB CDEF GHJK MNPQ RSTV ", "oiab—cdef–ghjkmnpqrstv"] {
            assert_eq!(code_hash(typed), hash, "{typed}");
        }
        let (long, longer) = ("0".repeat(21), "0".repeat(1 << 20));
        for bad in ["", "01ab", "01abcdefghjkmnpqrstu", "01abcdefghjkmnpqrst!", "01abcdefghjkmnpqrstж", &long, &longer]
        {
            assert_eq!(code_hash(bad), None, "{bad}");
        }
    }

    #[test]
    fn codes_are_drawn_in_full_and_differ() {
        let codes: std::collections::HashSet<_> = (0..1000).map(|_| draw_code()).collect();
        assert_eq!(codes.len(), 1000);
        for place in 0..CODE_LENGTH {
            let letters: std::collections::HashSet<_> = codes.iter().map(|code| code.as_bytes()[place]).collect();
            assert_eq!(letters.len(), 32, "each place has five bits");
        }
        assert!(codes.iter().all(|code| code_hash(&grouped(code)) == Some(hash_of(code))));
    }
}
