//! The operator's settings, over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use lettre::message::Mailbox;
use url::Host;

use super::admin::{entry, owner_only};
use super::auth::Admin;
use super::body::{Body, to_the_end};
use super::invites::DAYS_MAX;
use super::text;
use crate::app::App;
use crate::mail::{self, texts};
use crate::settings::{Chosen, LANGUAGES, MailServer};
use crate::wire::admin::{Mail, NewMail, NewSettings, Settings, TestMail};
use crate::wire::{ApiError, Code};

/// Invites that every member may be given at most. More would make an invite worth nothing.
const INVITES_MAX: u32 = 1_000;

/// Days for which replays can be kept, beside for good. More would be hard to tell from that.
const REPLAY_DAYS_MAX: u32 = 3_650;

/// Characters of a mail server's user name, and of its password.
const CREDENTIAL_MAX: usize = 256;

/// The settings. The mail server's password is not among them.
#[utoipa::path(get, path = "/api/admin/settings",
    responses((status = 200, body = Settings), (status = 404, body = ApiError)))]
pub(super) async fn show(State(app): State<Arc<App>>, _: Admin) -> Json<Settings> {
    Json(shown(&app.settings.get()))
}

/// Changes the settings, all at once. The first time that the owner does so, this server is set up. Only the owner may change
/// by which mail server letters go out: whoever reads them can sign in as anybody, the owner included.
#[utoipa::path(put, path = "/api/admin/settings", request_body = NewSettings,
    responses((status = 200, body = Settings), (status = 400, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Admin,
    Body(request): Body<NewSettings>,
) -> Result<Json<Settings>, ApiError> {
    to_the_end(async move {
        let owner = caller.0.member.owner;
        let entry = entry(&caller, "settings", None);
        let change = |former: &Chosen| wanted(request, former, owner).map_err(NotChanged::Refused);
        let chosen = app.settings.change(&app.store, entry, change).await.map_err(|error| match error {
            NotChanged::Refused(error) => error,
            NotChanged::Store(error) => ApiError::internal(&error),
        })?;
        tracing::info!("the settings were changed");
        Ok(Json(shown(&chosen)))
    })
    .await
}

/// Sends a letter with the settings as they are, and waits until the mail server has taken it. Only the owner may, who chooses
/// the mail server.
#[utoipa::path(post, path = "/api/admin/settings/test-mail", request_body = TestMail,
    responses((status = 204), (status = 403, body = ApiError), (status = 404, body = ApiError),
        (status = 422, body = ApiError), (status = 429, body = ApiError), (status = 502, body = ApiError)))]
pub(super) async fn test_mail(
    State(app): State<Arc<App>>,
    caller: Admin,
    Body(request): Body<TestMail>,
) -> Result<StatusCode, ApiError> {
    owner_only(&caller)?;
    let settings = app.settings.get();
    let server = settings.mail.as_ref().ok_or(Code::MailNotConfigured)?;
    let to = mail::address(&request.to).ok_or(Code::InvalidAddress)?;
    app.store.audit(&entry(&caller, "test_mail", None)).await.map_err(|e| ApiError::internal(&e))?;
    let link = app.public_url.join("admin").map_or_else(|_| app.public_url.to_string(), Into::into);
    let letter = texts(&caller.0.member.language).test.letter(to, &settings.name, &link);
    // What the mail server said is for whoever sets it up, and nobody else gets here.
    let failed = |error: mail::NotSent| ApiError::with_message(Code::MailFailed, error.to_string());
    mail::send_now(server, &letter).await.map_err(failed)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why the settings were not changed.
enum NotChanged {
    Refused(ApiError),
    Store(roomtone_store::StoreError),
}

impl From<roomtone_store::StoreError> for NotChanged {
    fn from(error: roomtone_store::StoreError) -> Self {
        Self::Store(error)
    }
}

fn shown(chosen: &Chosen) -> Settings {
    let mail = |mail: &MailServer| Mail {
        host: mail.host.clone(),
        port: mail.port,
        user: mail.user.clone(),
        has_password: !mail.password.is_empty(),
        from: mail.from.clone(),
        tls: mail.tls,
    };
    Settings {
        name: chosen.name.clone(),
        languages: chosen.languages.clone(),
        languages_known: LANGUAGES.map(str::to_owned).to_vec(),
        invites_per_member: chosen.invites_per_member,
        invite_days: chosen.invite_days,
        waitlist: chosen.waitlist,
        replay_days: chosen.replay_days,
        mail: chosen.mail.as_ref().map(mail),
        set_up: chosen.set_up,
    }
}

/// What a request asks for, if all of it is as it must be.
fn wanted(request: NewSettings, former: &Chosen, owner: bool) -> Result<Chosen, ApiError> {
    let invalid = |what: &str| ApiError::with_message(Code::InvalidSetting, what);
    let mut languages = Vec::new();
    for language in request.languages {
        if !LANGUAGES.contains(&language.as_str()) {
            return Err(invalid("There is no interface in one of the languages."));
        }
        if !languages.contains(&language) {
            languages.push(language);
        }
    }
    if languages.is_empty() {
        return Err(invalid("The interface needs a language."));
    }
    if request.invites_per_member > INVITES_MAX {
        return Err(invalid("A member has at most 1,000 invites."));
    }
    if !(1..=DAYS_MAX).contains(&request.invite_days) {
        return Err(invalid("An invite works for 1 to 365 days."));
    }
    if request.replay_days.is_some_and(|days| !(1..=REPLAY_DAYS_MAX).contains(&days)) {
        return Err(invalid("A replay is kept for 1 to 3,650 days, or for good."));
    }
    // Nobody else may hand in a password either: the answer would tell whether it is the right one.
    let has_password = request.mail.as_ref().is_some_and(|mail| mail.password.is_some());
    let mail = request.mail.map(|mail| wanted_mail(mail, former.mail.as_ref())).transpose()?;
    if !owner && (has_password || mail != former.mail) {
        return Err(Code::NotAllowed.into());
    }
    Ok(Chosen {
        name: text::name(&request.name)?,
        languages,
        invites_per_member: request.invites_per_member,
        invite_days: request.invite_days,
        waitlist: request.waitlist,
        replay_days: request.replay_days,
        mail,
        set_up: former.set_up || owner,
    })
}

fn wanted_mail(request: NewMail, former: Option<&MailServer>) -> Result<MailServer, ApiError> {
    let invalid = |what: &str| ApiError::with_message(Code::InvalidSetting, what);
    let host = request.host.trim().to_ascii_lowercase();
    if host.len() > 253 || Host::parse(&host).is_err() {
        return Err(invalid("The mail server needs the name of a host."));
    }
    if request.port == 0 {
        return Err(invalid("The mail server needs a port."));
    }
    let from: Mailbox = request.from.trim().parse().map_err(|_| invalid("Letters need an address to come from."))?;
    if mail::address(from.email.as_ref()).is_none()
        || from.name.as_deref().is_some_and(|name| text::name(name).is_err())
    {
        return Err(invalid("Letters need an address to come from."));
    }
    let plain = |text: &str| text.chars().count() <= CREDENTIAL_MAX && !text.chars().any(char::is_control);
    let user = request.user.trim().to_owned();
    // A password that is kept goes to no other server, to nobody else's account, and not with less protection.
    let same = |mail: &&MailServer| {
        mail.host == host && mail.port == request.port && mail.user == user && mail.tls == request.tls
    };
    let kept = || former.filter(same).map(|mail| mail.password.clone()).unwrap_or_default();
    let password = request.password.unwrap_or_else(kept);
    if !plain(&user) || !plain(&password) {
        return Err(invalid("The mail server's user name or password cannot be used."));
    }
    Ok(MailServer { host, port: request.port, user, password, from: from.to_string(), tls: request.tls })
}
