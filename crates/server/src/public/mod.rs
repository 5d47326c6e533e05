//! Pages that everybody may read: live rooms, houses, profiles, invitations, events and what was recorded of talks, as plain HTML with nothing to run, and a
//! picture of each for previews on other sites. With the key of an unlisted link there is the page of its replay, too, which names no
//! address without the key and asks to be in no index.
//!
//! Invariant: what is here is made of what a visitor may see, asked for as a visitor; nothing is left out afterwards. Whoever has
//! signed in, or may act without an account, gets the client at the same address instead.

mod card;
mod clip;
mod event;
mod face;
mod house;
mod invitation;
mod person;
mod recap;
mod room;
mod shell;
mod when;
pub(crate) mod words;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use bytes::Bytes;
use moka::future::Cache;
use percent_encoding::percent_decode_str;
use roomtone_room::ids::{EventId, InvitationId, RecordId, ReplayId, RoomId};
use roomtone_store::AvatarSize;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::edge::{self, Secret};
use crate::limits::{GUESSES, VISITORS};
use crate::wire::{ApiError, Code};
use card::Card;
pub(crate) use invitation::{step_as_text, voice_of_step};
use shell::Page;
pub(crate) use shell::in_path;
use words::{Tongue, wanted};

/// How long a page is given out as it was made. Longer spares the database; shorter shows changes, and what is gone, sooner.
const PAGE_FRESH_FOR: Duration = Duration::from_secs(2);

/// The same for pictures, which cost some ten milliseconds of a core each.
const CARD_FRESH_FOR: Duration = Duration::from_secs(10);

/// What all pages and pictures that are kept take up, in bytes. More keeps more of them; it is memory.
const KEPT_MAX: u64 = 32 << 20;

/// Pictures that are drawn at once, and that may wait. Beyond it, whoever asks is told to come back.
const DRAWING: usize = 1;
const DRAWING_WAITING: usize = 16;

/// What a public address is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Room(RoomId),
    Event(EventId),
    Invitation(InvitationId),
    House(String),
    Person(String),
    Recap(ReplayId),
    Clip(RecordId),
}

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Page,
    /// The picture for previews.
    Card,
    /// The picture of a podcast.
    Cover,
}

/// What is kept: a subject in a form, for these languages, and for whoever has this key of an unlisted link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    subject: Subject,
    form: Form,
    wanted: Vec<String>,
    link: Option<String>,
}

/// Something that was made, ready to be sent.
#[derive(Debug)]
struct Made {
    body: Bytes,
    etag: HeaderValue,
    language: Option<HeaderValue>,
    /// Whether it is for those who have a link alone.
    unlisted: bool,
}

/// The public pages of a server, as far as they are kept.
pub struct Public {
    kept: Cache<Key, Arc<Made>>,
    drawing: Semaphore,
    waiting: Semaphore,
    style: shell::Style,
}

/// Everything that is said of a subject: a page, and a picture.
struct Told {
    page: Page,
    card: Card,
}

/// For whom a page is made, and where.
struct Reader<'a> {
    app: &'a App,
    /// The languages that they want, the best first.
    wanted: &'a [String],
    tongue: Tongue,
    /// The key of the unlisted link by which they came.
    link: Option<&'a str>,
}

impl Reader<'_> {
    /// The address of this server, without a slash at the end.
    fn base(&self) -> &str {
        self.app.public_url.as_str().trim_end_matches('/')
    }
}

impl Default for Public {
    fn default() -> Self {
        let kept = Cache::builder()
            .max_capacity(KEPT_MAX)
            .weigher(|key: &Key, made: &Arc<Made>| {
                let named: usize = key.wanted.iter().map(String::len).sum();
                u32::try_from(made.body.len() + named + 256).unwrap_or(u32::MAX)
            })
            .expire_after(Freshness)
            .build();
        let (drawing, waiting) = (Semaphore::new(DRAWING), Semaphore::new(DRAWING_WAITING));
        Self { kept, drawing, waiting, style: shell::Style::new() }
    }
}

/// How long each form is kept.
struct Freshness;

impl moka::Expiry<Key, Arc<Made>> for Freshness {
    fn expire_after_create(&self, key: &Key, _: &Arc<Made>, _: std::time::Instant) -> Option<Duration> {
        Some(match key.form {
            Form::Page => PAGE_FRESH_FOR,
            Form::Card | Form::Cover => CARD_FRESH_FOR,
        })
    }
}

impl Subject {
    /// What a path is of. The path comes without its first slash.
    fn of(path: &str) -> Option<(Self, Form)> {
        let mut parts = path.split('/');
        let (kind, name) = (parts.next()?, parts.next()?);
        let form = match (parts.next(), parts.next()) {
            (None, _) => Form::Page,
            (Some("card.png"), None) => Form::Card,
            (Some("cover.jpg"), None) if matches!(kind, "houses" | "people") => Form::Cover,
            _ => return None,
        };
        let name = percent_decode_str(name).decode_utf8().ok().filter(|name| !name.is_empty())?;
        let subject = match kind {
            "room" => Self::Room(name.parse().ok()?),
            "events" => Self::Event(name.parse().ok()?),
            "invitations" => Self::Invitation(name.parse().ok()?),
            "houses" if name != "new" => Self::House(name.into_owned()),
            "people" => Self::Person(name.into_owned()),
            "recaps" => Self::Recap(name.parse().ok()?),
            "clips" => Self::Clip(name.parse().ok()?),
            _ => return None,
        };
        Some((subject, form))
    }

    /// Whether it may be reached by an unlisted link.
    fn may_be_unlisted(&self) -> bool {
        matches!(self, Self::Recap(_) | Self::Clip(_))
    }

    /// What there is to say of it; `None` if a visitor may not know of it.
    async fn told(&self, reader: &Reader<'_>) -> Result<Option<Told>, ApiError> {
        match self {
            Self::Room(room) => Ok(room::told(reader, *room)),
            Self::Event(event) => event::told(reader, *event).await,
            Self::Invitation(invitation) => invitation::told(reader, *invitation).await,
            Self::House(handle) => house::told(reader, handle).await,
            Self::Person(handle) => person::told(reader, handle).await,
            Self::Recap(replay) => recap::told(reader, *replay).await,
            Self::Clip(clip) => clip::told(reader, *clip).await,
        }
    }
}

/// The answer to a visitor who asks for a public page or for what belongs to one. `None`: this is no such address, or there is nothing
/// there that a visitor may know of.
pub(crate) async fn answer(
    app: &Arc<App>,
    uri: &Uri,
    headers: &HeaderMap,
    from: std::net::IpAddr,
) -> Option<Result<Response, ApiError>> {
    let path = uri.path().trim_start_matches('/');
    if let Some(style) = app.public.style.at(path) {
        return Some(Ok(style));
    }
    let (subject, form) = Subject::of(path)?;
    let asked = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let link = asked("key").filter(|key| subject.may_be_unlisted() && Secret::hash_of(key).is_some());
    let guessed = link.is_some();
    let key = Key { subject, form, wanted: wanted(asked("language").as_deref(), headers), link };
    let made = match app.public.kept.get(&key).await {
        Some(made) => Some(made),
        None => {
            // Only what has to be made counts: what many read at once costs nothing.
            let counted = app.limits.address(&VISITORS, from, edge::instant());
            let may = || if guessed { app.limits.may_address(&GUESSES, from, edge::instant()) } else { Ok(()) };
            if let Err(error) = counted.and_then(|()| may()) {
                return Some(Err(error.into()));
            }
            match make(app, key).await {
                Ok(made) => made,
                Err(error) => return Some(Err(error)),
            }
        }
    };
    // A key that opens nothing is counted, as it is wherever else one may be tried.
    if made.is_none()
        && guessed
        && let Err(error) = app.limits.address(&GUESSES, from, edge::instant())
    {
        return Some(Err(error.into()));
    }
    made.map(|made| Ok(sent(&made, form, headers)))
}

/// Makes what is asked for and keeps it. Of several who ask for the same at once, one has it made and the others wait.
async fn make(app: &Arc<App>, key: Key) -> Result<Option<Arc<Made>>, ApiError> {
    let missing = ApiError::from(Code::NotFound);
    let made = app.public.kept.try_get_with(key.clone(), async {
        let tongue = Tongue::of(key.wanted.iter().map(String::as_str));
        let reader = Reader { app, wanted: &key.wanted, tongue, link: key.link.as_deref() };
        let told = key.subject.told(&reader).await?.ok_or(missing)?;
        let name = app.settings.get().name.clone();
        let unlisted = told.page.link.is_some();
        let (body, language) = match key.form {
            Form::Page => {
                let language = HeaderValue::from_str(&told.page.language).ok();
                (told.page.html(&reader, &name, &app.public.style).into_string().into_bytes(), language)
            }
            Form::Card | Form::Cover => (app.public.draw(app, told.card, name, key.form).await?, None),
        };
        let hash = BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, &body).as_ref()[..16]);
        let etag = HeaderValue::from_str(&format!("\"{hash}\"")).map_err(|error| ApiError::internal(&error))?;
        Ok::<_, ApiError>(Arc::new(Made { body: body.into(), etag, language, unlisted }))
    });
    match made.await {
        Ok(made) => Ok(Some(made)),
        Err(error) if error.code == Code::NotFound => Ok(None),
        Err(error) => Err((*error).clone()),
    }
}

impl Public {
    /// Draws a picture on a thread that may take its time, one after the other.
    async fn draw(&self, app: &App, mut card: Card, server: String, form: Form) -> Result<Vec<u8>, ApiError> {
        let _place = self.waiting.try_acquire().map_err(|_| Code::Busy)?;
        let is_cover = form == Form::Cover;
        card.fetch_pictures(&app.store, if is_cover { AvatarSize::Large } else { AvatarSize::Small }).await?;
        let _turn = self.drawing.acquire().await.map_err(|error| ApiError::internal(&error))?;
        let draw = move || if is_cover { card.cover(&server) } else { card.png(&server) };
        let drawn = tokio::task::spawn_blocking(draw).await;
        drawn.map_err(|error| ApiError::internal(&error))?.map_err(|error| ApiError::internal(&error))
    }
}

fn sent(made: &Made, form: Form, headers: &HeaderMap) -> Response {
    let (kind, fresh) = match form {
        Form::Page => ("text/html; charset=utf-8", PAGE_FRESH_FOR),
        Form::Card => ("image/png", CARD_FRESH_FOR),
        Form::Cover => ("image/jpeg", CARD_FRESH_FOR),
    };
    let mut common = HeaderMap::new();
    let cache = match made.unlisted {
        // A link may be revoked at any moment.
        true => "private, no-cache".to_owned(),
        false => format!("public, max-age={}", fresh.as_secs()),
    };
    if made.unlisted {
        common.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    }
    common.insert(ETAG, made.etag.clone());
    // By language, and by whether somebody is signed in, who gets the client.
    common.insert(VARY, HeaderValue::from_static("accept-language, cookie"));
    common.extend(HeaderValue::from_str(&cache).map(|cache| (CACHE_CONTROL, cache)));
    if form != Form::Page {
        // Other sites show it.
        let open = HeaderValue::from_static("cross-origin");
        common.insert(HeaderName::from_static("cross-origin-resource-policy"), open);
    }
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_made =
        |tag: &str| tag.trim() == "*" || tag.trim().trim_start_matches("W/").as_bytes() == made.etag.as_bytes();
    if known.flat_map(|list| list.split(',')).any(is_made) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    common.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    common.extend(made.language.clone().map(|language| (CONTENT_LANGUAGE, language)));
    (common, made.body.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_subjects() {
        let room = RoomId(7);
        assert_eq!(Subject::of(&format!("room/{room}")), Some((Subject::Room(room), Form::Page)));
        assert_eq!(Subject::of(&format!("room/{room}/card.png")), Some((Subject::Room(room), Form::Card)));
        let replay = ReplayId(8);
        assert_eq!(Subject::of(&format!("recaps/{replay}")), Some((Subject::Recap(replay), Form::Page)));
        let clip = RecordId(9);
        assert_eq!(Subject::of(&format!("clips/{clip}/card.png")), Some((Subject::Clip(clip), Form::Card)));
        let person = |handle: &str| Some((Subject::Person(handle.to_owned()), Form::Page));
        assert_eq!(Subject::of("people/%D0%B0%D0%B4%D0%B0"), person("ада"));
        let cover = |path: &str| Subject::of(path).map(|(_, form)| form);
        assert_eq!(
            (cover("houses/tea/cover.jpg"), cover("people/ada/cover.jpg")),
            (Some(Form::Cover), Some(Form::Cover))
        );
        assert_eq!(cover(&format!("room/{room}/cover.jpg")), None);
        for other in
            ["", "room", "room/x", "people/", "people/%FF", "people/a/followers", "houses/new", "people/a/card.png/x"]
        {
            assert_eq!(Subject::of(other), None, "{other}");
        }
    }
}
