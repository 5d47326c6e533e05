//! Bodies about signing in: passkeys, recovery codes, mail and sessions.

use roomtone_room::ids::RecordId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Id;

/// `GET /api/sign-in`: what a visitor can sign in with.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaysIn {
    /// Whether passkeys work here: not under an address that is a number.
    pub passkeys: bool,
    /// Whether links are sent by mail.
    pub mail: bool,
    /// The name of this server.
    pub server: String,
}

/// The answer to `POST /api/passkeys/begin` and `POST /api/sign-in/passkey/begin`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CeremonyBegun {
    /// To be sent back with the credential, once, within five minutes.
    pub ceremony: String,
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON` (Web Authentication Level 3,
    /// section 5.1.8 and 5.1.9).
    #[schema(value_type = Object)]
    pub options: Value,
}

/// `POST /api/passkeys/finish`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskey {
    /// From `POST /api/passkeys/begin`.
    pub ceremony: String,
    /// What the member calls the passkey, 1 to 60 characters.
    pub name: String,
    /// `RegistrationResponseJSON` (Web Authentication Level 3, section 5.1.1).
    #[schema(value_type = Object)]
    pub credential: Value,
}

/// `POST /api/sign-in/passkey/finish`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeySignIn {
    /// From `POST /api/sign-in/passkey/begin`.
    pub ceremony: String,
    /// `AuthenticationResponseJSON` (Web Authentication Level 3, section 5.1.1).
    #[schema(value_type = Object)]
    pub credential: Value,
}

/// A passkey, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Passkey {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// What its owner calls it.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// When somebody last signed in with it, in milliseconds since 1970.
    pub used_at: Option<u64>,
}

/// `GET /api/passkeys`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Passkeys {
    /// All of them, oldest first.
    pub items: Vec<Passkey>,
}

/// `PATCH /api/passkeys/{id}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyName {
    /// 1 to 60 characters.
    pub name: String,
}

/// `POST /api/sign-in/recovery`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverySignIn {
    /// The member's handle.
    pub handle: String,
    /// A recovery code; upper and lower case, hyphens and spaces make no difference.
    pub code: String,
}

/// The answer to `POST /api/recovery-codes`.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Ten codes, each for one sign-in. Shown once.
    pub codes: Vec<String>,
}

/// `GET /api/recovery-codes`.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodesLeft {
    /// How many have not been used.
    pub left: u64,
}

/// `POST /api/sign-in/mail` and `PUT /api/mail`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailTo {
    /// An e-mail address.
    pub address: String,
}

/// `POST /api/sign-in/link`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkToken {
    /// What follows `/signin/` in the link.
    pub token: String,
}

/// `GET /api/mail`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Mail {
    /// The member's address: the confirmed one, or else one that waits to be confirmed.
    pub address: Option<String>,
    /// Whether it is confirmed.
    pub confirmed: bool,
    /// The address that a letter was sent to, until it is confirmed.
    pub pending: Option<String>,
    /// Whether this server sends e-mail.
    pub available: bool,
}

/// A session, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// The browser, or what a token was made for.
    pub label: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// When it was last used, in milliseconds since 1970, exact to the hour.
    pub used_at: u64,
    /// Whether it is the one that asks.
    pub current: bool,
    /// Whether it was made for a player or an encoder.
    pub token: bool,
}

/// `GET /api/sessions`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    /// All of them, those used last first.
    pub items: Vec<Session>,
}
