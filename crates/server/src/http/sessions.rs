//! The caller's sessions, and when each was last used.

use std::collections::HashSet;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{Hash, NewSession, Store, StoreError};

use super::auth::Browser;
use super::body::{PathId, to_the_end};
use crate::app::App;
use crate::edge::{self, Secret};
use crate::wire::{ApiError, Code, Id, sign_in as wire};

const HOUR: u64 = 60 * 60 * 1000;

/// How long a session lasts without being used, in milliseconds: 400 days, as long as browsers keep its cookie.
const SESSION_LIFE: u64 = 400 * 24 * HOUR;

/// Most sessions whose use is noted within an hour. More notes busier servers fully; each costs some 50 bytes.
const NOTED_MAX: usize = 200_000;

/// The caller's sessions.
#[utoipa::path(get, path = "/api/sessions",
    responses((status = 200, body = wire::Sessions), (status = 401, body = ApiError)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
) -> Result<Json<wire::Sessions>, ApiError> {
    let sessions = app.store.sessions(caller.member.person.id).await.map_err(|e| ApiError::internal(&e))?;
    let items = sessions.into_iter().map(|session| wire::Session {
        id: Id(session.id),
        label: session.label,
        created_at: session.created_at.0,
        used_at: hour(session.used_at).0,
        current: session.hash == caller.session,
        token: session.token,
    });
    Ok(Json(wire::Sessions { items: items.collect() }))
}

/// Ends one of the caller's sessions, with its sockets and legs.
#[utoipa::path(delete, path = "/api/sessions/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(super) async fn end(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
    PathId(id): PathId<Id<RecordId>>,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    to_the_end(async move {
        let ended = app.store.delete_session_of(me, id.0).await.map_err(|e| ApiError::internal(&e))?;
        let ended = ended.ok_or(Code::SessionNotFound)?;
        signed_out(&app, me, vec![ended]).await;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Ends all of the caller's sessions but this one.
#[utoipa::path(delete, path = "/api/sessions", responses((status = 204), (status = 401, body = ApiError)))]
pub(super) async fn end_others(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
) -> Result<StatusCode, ApiError> {
    let me = caller.member.person.id;
    to_the_end(async move {
        let ended = app.store.delete_other_sessions(me, &caller.session).await.map_err(|e| ApiError::internal(&e))?;
        signed_out(&app, me, ended).await;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Ends the sockets and legs of sessions that have ended.
pub(super) async fn signed_out(app: &App, member: MemberId, sessions: Vec<Hash>) {
    for session in sessions {
        app.rooms.signed_out(member, session).await;
    }
}

/// A token for a browser, and the session that it is to be of.
pub(super) fn new(headers: &HeaderMap) -> (Secret, NewSession) {
    let token = Secret::draw();
    let session = NewSession { hash: token.hash, label: label(headers) };
    (token, session)
}

/// What the owner of a session knows a browser by: its name and system, as far as `User-Agent` tells (RFC 9110, section
/// 10.1.5).
pub(super) fn label(headers: &HeaderMap) -> String {
    // Each browser also names those that came before it, so the later ones are looked for first.
    const BROWSERS: [(&str, &str); 9] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("YaBrowser/", "Yandex"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("CrOS", "ChromeOS"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named =
        |names: &[(&str, &'static str)]| names.iter().find(|(part, _)| agent.contains(part)).map(|named| named.1);
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        // A program: its own name for itself, such as curl.
        (None, None) => {
            let name: String = agent.chars().take_while(char::is_ascii_alphanumeric).take(40).collect();
            if name.is_empty() { "Browser".to_owned() } else { name }
        }
    }
}

/// Which sessions were used within this hour, and which of those the database does not know of yet. So that a session costs
/// one write an hour at most, and many share one.
#[derive(Debug, Default)]
pub struct Uses(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// Since when.
    hour: Timestamp,
    /// The hour in which sessions were last looked for that nobody has used for long.
    swept: Timestamp,
    sessions: HashSet<Hash>,
    waiting: Vec<Hash>,
}

impl Uses {
    /// Notes that a session is used.
    pub(super) fn note(&self, session: Hash, now: Timestamp) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.hour != hour(now) {
            // What waits belongs to the hour before, and is as good as written in this one: they were used just now.
            let waiting = mem::take(&mut noted.waiting);
            noted.hour = hour(now);
            noted.sessions = waiting.iter().copied().collect();
            noted.waiting = waiting;
        }
        if noted.sessions.len() < NOTED_MAX && noted.sessions.insert(session) {
            noted.waiting.push(session);
        }
    }

    /// Whether a session was used within this hour, as far as there was room to note it.
    pub(super) fn knows(&self, session: &Hash) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sessions.contains(session)
    }

    /// Writes down what was noted. Where that fails it is only less exact.
    async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let (waiting, hour) = {
            let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (mem::take(&mut noted.waiting), noted.hour)
        };
        store.sessions_used(&waiting, hour).await
    }

    /// Whether nobody has asked this before in the hour of `now`.
    fn new_hour(&self, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mem::replace(&mut noted.swept, hour(now)) != hour(now)
    }
}

/// Writes down which sessions were used, and deletes what has expired: ceremonies, links and sessions.
pub(crate) async fn tidy(app: &App) {
    let now = edge::now();
    let tidied = async {
        app.uses.write(&app.store).await?;
        app.store.delete_expired(now).await?;
        // This looks at all sessions, so it is not done at every turn.
        if app.uses.new_hour(now) {
            let since = Timestamp(now.0.saturating_sub(SESSION_LIFE));
            while app.store.delete_unused_sessions(since).await? > 0 {}
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = tidied.await {
        tracing::warn!(%error, "what has expired could not be deleted");
    }
}

/// The hour in which a time is.
fn hour(at: Timestamp) -> Timestamp {
    Timestamp(at.0 / HOUR * HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_by_name_and_system() {
        let cases = [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox, Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 \
                 Safari/537.36 Edg/142.0.0.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.6 Mobile/15E148 Safari/604.1",
                "Safari, iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile \
                 Safari/537.36",
                "Chrome, Android",
            ),
            ("curl/8.14.1", "curl"),
            ("<script>alert(1)</script>", "Browser"),
            ("", "Browser"),
        ];
        for (agent, named) in cases {
            let headers = HeaderMap::from_iter([(header::USER_AGENT, agent.parse().unwrap())]);
            assert_eq!(label(&headers), named);
        }
        let long = format!("{}/1", "x".repeat(5000));
        let headers = HeaderMap::from_iter([(header::USER_AGENT, long.parse().unwrap())]);
        assert_eq!(label(&headers).len(), 40);
        assert_eq!(label(&HeaderMap::new()), "Browser");
    }

    #[test]
    fn a_use_is_noted_once_an_hour() {
        let uses = Uses::default();
        let waiting = || mem::take(&mut uses.0.lock().unwrap().waiting);
        let now = 1_000 * HOUR;
        for at in [0, 1, HOUR - 1] {
            uses.note([1; 32], Timestamp(now + at));
        }
        uses.note([2; 32], Timestamp(now + 5));
        assert_eq!(waiting(), [[1; 32], [2; 32]]);
        uses.note([1; 32], Timestamp(now + HOUR - 1));
        assert!(waiting().is_empty());
        uses.note([1; 32], Timestamp(now + HOUR));
        uses.note([1; 32], Timestamp(now + 2 * HOUR));
        assert_eq!(waiting(), [[1; 32]], "not written before the hour was over, and not forgotten");
    }
}
