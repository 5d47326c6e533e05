//! What the operator has chosen for this server. Kept in the settings table and, while the server runs, in memory;
//! changed by [`Settings::change`] and nowhere else.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use roomtone_store::{AuditEntry, Store, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Languages in which there is an interface (BCP 47).
pub const LANGUAGES: [&str; 2] = ["en", "ru"];

/// Invites that every member has besides those they earn. More lets the server grow faster; fewer makes each weigh more.
const INVITES_PER_MEMBER: u32 = 5;

/// Days for which an invite works. More is kinder to guests who are slow; fewer leaves less lying about.
const INVITE_DAYS: u32 = 14;

/// All that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The name of this server.
    pub name: String,
    /// Languages that the interface offers, of [`LANGUAGES`]; at least one.
    pub languages: Vec<String>,
    /// Invites that every member has besides those they earn.
    pub invites_per_member: u32,
    /// Days for which an invite works unless its maker says otherwise.
    pub invite_days: u32,
    /// Whether people may put themselves on the waiting list.
    pub waitlist: bool,
    /// Days for which a replay is kept once its recording has ended; without it, for good.
    pub replay_days: Option<u32>,
    /// How letters are sent; without it, none are.
    pub mail: Option<MailServer>,
    /// Whether the owner has saved the settings once.
    pub set_up: bool,
}

/// A server that takes letters (RFC 6409).
#[derive(Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Host name.
    pub host: String,
    /// Port.
    pub port: u16,
    /// With whose name to sign in; empty to send without.
    pub user: String,
    /// And with what password. It is never shown again.
    pub password: String,
    /// The address that letters come from.
    pub from: String,
    /// How the connection is protected.
    pub tls: MailTls,
}

impl std::fmt::Debug for MailServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailServer").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// By TLS from the beginning (RFC 8314), usually on port 465.
    Tls,
    /// By TLS that is begun after a greeting (RFC 3207) and insisted on, usually on port 587.
    StartTls,
    /// Not at all: for a server on the same machine.
    None,
}

impl MailTls {
    fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::StartTls => "starttls",
            Self::None => "none",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Tls, Self::StartTls, Self::None].into_iter().find(|tls| tls.name() == name)
    }
}

/// The settings of a running server.
#[derive(Debug)]
pub struct Settings {
    chosen: RwLock<Arc<Chosen>>,
    /// Held while they are changed, so that memory and disk agree on which change came last.
    changing: tokio::sync::Mutex<()>,
}

impl Settings {
    /// Reads them. `name` is what the server is called until somebody has chosen a name.
    pub async fn load(store: &Store, name: &str) -> Result<Self, StoreError> {
        let chosen = Chosen::from_stored(&store.settings().await?, name);
        Ok(Self { chosen: RwLock::new(Arc::new(chosen)), changing: tokio::sync::Mutex::new(()) })
    }

    /// As they are now.
    pub fn get(&self) -> Arc<Chosen> {
        self.chosen.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes them: `change` is handed what they are and returns what they are to be, or why not. They are on the disk, with
    /// an entry in the audit log, before anybody sees them.
    pub async fn change<E: From<StoreError>>(
        &self,
        store: &Store,
        mut entry: AuditEntry,
        change: impl FnOnce(&Chosen) -> Result<Chosen, E>,
    ) -> Result<Arc<Chosen>, E> {
        let _alone = self.changing.lock().await;
        let former = self.get();
        let chosen = Arc::new(change(&former)?);
        let (before, after) = (former.to_stored(), chosen.to_stored());
        let changes: Vec<_> = after.into_iter().filter(|change| !before.contains(change)).collect();
        let keys: Vec<_> = changes.iter().map(|(key, _)| *key).collect();
        entry.details = format!("keys={}", keys.join(","));
        store.change_settings(&changes, &entry).await?;
        *self.chosen.write().unwrap_or_else(PoisonError::into_inner) = chosen.clone();
        Ok(chosen)
    }
}

impl Chosen {
    /// Reads what [`Chosen::to_stored`] wrote; what is missing or makes no sense is as it is at first.
    fn from_stored(stored: &HashMap<String, String>, name: &str) -> Self {
        let text = |key: &str| stored.get(key).cloned();
        let number = |key: &str| stored.get(key).and_then(|value| value.parse().ok());
        let mut languages: Vec<_> = text("languages").unwrap_or_default().split(',').map(str::to_owned).collect();
        languages.retain(|language| LANGUAGES.contains(&language.as_str()));
        if languages.is_empty() {
            languages = LANGUAGES.map(str::to_owned).to_vec();
        }
        let mail = text("mail_host").map(|host| MailServer {
            host,
            port: stored.get("mail_port").and_then(|port| port.parse().ok()).unwrap_or(465),
            user: text("mail_user").unwrap_or_default(),
            password: text("mail_password").unwrap_or_default(),
            from: text("mail_from").unwrap_or_default(),
            tls: text("mail_tls").and_then(|name| MailTls::from_name(&name)).unwrap_or(MailTls::Tls),
        });
        Self {
            name: text("name").unwrap_or_else(|| name.to_owned()),
            languages,
            invites_per_member: number("invites_per_member").unwrap_or(INVITES_PER_MEMBER),
            invite_days: number("invite_days").unwrap_or(INVITE_DAYS),
            waitlist: text("waitlist").is_none_or(|value| value == "true"),
            replay_days: number("replay_days"),
            mail,
            set_up: text("set_up").is_some_and(|value| value == "true"),
        }
    }

    /// Each setting by its key; those without a value are not kept.
    fn to_stored(&self) -> Vec<(&'static str, Option<String>)> {
        let mail = self.mail.as_ref();
        vec![
            ("name", Some(self.name.clone())),
            ("languages", Some(self.languages.join(","))),
            ("invites_per_member", Some(self.invites_per_member.to_string())),
            ("invite_days", Some(self.invite_days.to_string())),
            ("waitlist", Some(self.waitlist.to_string())),
            ("replay_days", self.replay_days.map(|days| days.to_string())),
            ("set_up", Some(self.set_up.to_string())),
            ("mail_host", mail.map(|mail| mail.host.clone())),
            ("mail_port", mail.map(|mail| mail.port.to_string())),
            ("mail_user", mail.map(|mail| mail.user.clone())),
            ("mail_password", mail.map(|mail| mail.password.clone())),
            ("mail_from", mail.map(|mail| mail.from.clone())),
            ("mail_tls", mail.map(|mail| mail.tls.name().to_owned())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::{MemberId, RecordId, Timestamp};

    use super::*;

    #[tokio::test]
    async fn what_is_chosen_is_kept_and_what_is_not_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let settings = Settings::load(&store, "From the command line").await.unwrap();
        let first = settings.get();
        assert_eq!((first.name.as_str(), first.invites_per_member, first.set_up), ("From the command line", 5, false));
        assert!(first.waitlist && first.mail.is_none());
        assert_eq!(first.languages, LANGUAGES);

        let code = crate::edge::Secret::draw();
        assert!(store.replace_owner_invite(code.hash, Timestamp(0)).await.unwrap());
        let member = roomtone_store::NewMember {
            id: MemberId(1),
            handle: "ada".to_owned(),
            skeleton: "ada".to_owned(),
            name: "Ada".to_owned(),
            language: "en".to_owned(),
        };
        let session = roomtone_store::NewSession { hash: [1; 32], label: String::new() };
        store.redeem(&code.hash, Timestamp(0), member, session).await.unwrap();
        let entry = |id| AuditEntry {
            id: RecordId(id),
            at: Timestamp(id as u64),
            actor: MemberId(1),
            act: "settings",
            about: None,
            details: String::new(),
        };
        let mail = MailServer {
            host: "mail.example".to_owned(),
            port: 587,
            user: "u".to_owned(),
            password: "hush".to_owned(),
            from: "a@mail.example".to_owned(),
            tls: MailTls::StartTls,
        };
        assert!(!format!("{mail:?}").contains("hush"));
        let wanted = Chosen {
            name: "Kitchen table".to_owned(),
            languages: vec!["ru".to_owned()],
            mail: Some(mail),
            set_up: true,
            waitlist: false,
            replay_days: Some(90),
            ..(*first).clone()
        };
        settings.change(&store, entry(1), |_| Ok::<_, StoreError>(wanted.clone())).await.unwrap();
        assert_eq!(*settings.get(), wanted);
        assert_eq!(*Settings::load(&store, "Another name").await.unwrap().get(), wanted);

        let without = Chosen { mail: None, ..wanted.clone() };
        settings
            .change(&store, entry(2), |former| Ok::<_, StoreError>(Chosen { mail: None, ..former.clone() }))
            .await
            .unwrap();
        assert_eq!(*Settings::load(&store, "Another name").await.unwrap().get(), without);
        assert_eq!(store.setting("mail_password").await.unwrap(), None);
        let log = store.audit_log(None).await.unwrap();
        let details: Vec<_> = log.iter().map(|entry| entry.details.as_str()).collect();
        let mail = "mail_host,mail_port,mail_user,mail_password,mail_from,mail_tls";
        assert_eq!(
            details,
            [format!("keys={mail}"), format!("keys=name,languages,waitlist,replay_days,set_up,{mail}")]
        );

        // Refused: nothing changes, on the disk or in memory.
        let refused = settings.change(&store, entry(3), |_| Err::<Chosen, _>(StoreError::Busy)).await;
        assert!(refused.is_err());
        assert_eq!((*settings.get()).clone(), without);
        assert_eq!(store.audit_log(None).await.unwrap().len(), 2);
    }

    #[test]
    fn what_makes_no_sense_is_as_at_first() {
        let stored = [("languages", "xx,,"), ("invite_days", "-1"), ("mail_tls", "?")];
        let stored = stored.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let chosen = Chosen::from_stored(&stored, "A");
        assert_eq!((chosen.languages, chosen.invite_days, chosen.mail), (vec!["en".into(), "ru".into()], 14, None));
    }
}
