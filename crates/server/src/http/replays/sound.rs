//! The sound of replays: whole, or in parts, as players ask for it.

use std::collections::HashMap;
use std::io::{self, ErrorKind, SeekFrom};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use roomtone_room::ids::ReplayId;
use roomtone_store::{self as store, Hash, Hearer, ReplayHearers, ReplayState, StoreError};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};

use super::super::body::PathId;
use super::super::range::{self, Content};
use super::{Ears, internal, replay_id};
use crate::app::App;
use crate::edge;
use crate::replays::{File, Sound};
use crate::wire::{ApiError, Code};

/// What addresses of sound say: which generation they are of.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Generation {
    #[serde(default)]
    g: Option<u64>,
}

pub(super) type AskedGeneration = Result<Query<Generation>, QueryRejection>;

/// The whole of a replay as Ogg Opus (RFC 7845).
#[utoipa::path(get, path = "/api/replays/{id}/audio.ogg",
    params(("id" = String, Path), ("g" = Option<u64>, Query, description = "The generation that is wanted and no other"),
        ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = Vec<u8>, content_type = "audio/ogg"), (status = 206, body = Vec<u8>, content_type = "audio/ogg"),
        (status = 304), (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 416, body = ApiError)))]
pub(in super::super) async fn ogg(
    State(app): State<Arc<App>>,
    ears: Ears,
    method: Method,
    headers: HeaderMap,
    PathId(id): PathId<String>,
    asked: AskedGeneration,
) -> Result<Response, ApiError> {
    mix(&app, &ears, &method, &headers, &id, asked, Sound::Ogg).await
}

/// The same as fragmented MP4 (ISO/IEC 14496-12), for players without Ogg.
#[utoipa::path(get, path = "/api/replays/{id}/audio.mp4",
    params(("id" = String, Path), ("g" = Option<u64>, Query, description = "The generation that is wanted and no other"),
        ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = Vec<u8>, content_type = "audio/mp4"), (status = 206, body = Vec<u8>, content_type = "audio/mp4"),
        (status = 304), (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 416, body = ApiError)))]
pub(in super::super) async fn mp4(
    State(app): State<Arc<App>>,
    ears: Ears,
    method: Method,
    headers: HeaderMap,
    PathId(id): PathId<String>,
    asked: AskedGeneration,
) -> Result<Response, ApiError> {
    mix(&app, &ears, &method, &headers, &id, asked, Sound::Mp4).await
}

/// What one speaker said, as Ogg Opus: for the host and that speaker.
#[utoipa::path(get, path = "/api/replays/{id}/tracks/{file}",
    params(("id" = String, Path), ("file" = String, Path, description = "The speaker's number and `.ogg`"),
        ("g" = Option<u64>, Query, description = "The generation that is wanted and no other")),
    responses((status = 200, body = Vec<u8>, content_type = "audio/ogg"), (status = 206, body = Vec<u8>, content_type = "audio/ogg"),
        (status = 304), (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 416, body = ApiError)))]
pub(in super::super) async fn track(
    State(app): State<Arc<App>>,
    ears: Ears,
    method: Method,
    headers: HeaderMap,
    PathId((id, file)): PathId<(String, String)>,
    asked: AskedGeneration,
) -> Result<Response, ApiError> {
    let n: u32 = file.strip_suffix(".ogg").and_then(|n| n.parse().ok()).ok_or(Code::ReplayNotFound)?;
    let over = app.playing.begin(replay_id(&id)?);
    let replay = ears.replay(&app, &id).await?;
    let is_host = ears.hearer.member == Some(replay.host.id);
    let tracks = app.store.replay_tracks(replay.id, ears.hearer).await.map_err(internal)?;
    let theirs = tracks.iter().find(|track| track.n == n && track.withdrawn_at.is_none());
    if !theirs.is_some_and(|track| is_host || track.mine) {
        return Err(Code::ReplayNotFound.into());
    }
    check(&replay, asked)?;
    let sent = Sent::of(&app, &replay, File::Track(replay.generation, n));
    send(over, still(&app, &ears, replay.id), &method, &headers, sent).await
}

async fn mix(
    app: &Arc<App>,
    ears: &Ears,
    method: &Method,
    headers: &HeaderMap,
    id: &str,
    asked: AskedGeneration,
    sound: Sound,
) -> Result<Response, ApiError> {
    // Before it is asked who may hear: whoever takes that away from now on cuts this off.
    let over = app.playing.begin(replay_id(id)?);
    let replay = ears.replay(app, id).await?;
    check(&replay, asked)?;
    let sent = Sent::of(app, &replay, File::Mix(replay.generation, sound));
    send(over, still(app, ears, replay.id), method, headers, sent).await
}

/// Refuses unless a replay can be heard, and is the one that was asked for.
fn check(replay: &store::Replay, asked: AskedGeneration) -> Result<(), ApiError> {
    let Query(Generation { g }) = asked.map_err(|_| Code::BadRequest)?;
    match g {
        _ if replay.state != ReplayState::Ready => Err(Code::ReplayInWork.into()),
        Some(wanted) if wanted != replay.generation => {
            Err(ApiError::with_message(Code::ReplayNotFound, "It was made anew since; look at the replay again."))
        }
        _ => Ok(()),
    }
}

/// A file of a replay that is sent.
pub(super) struct Sent<'a> {
    pub(super) app: &'a App,
    pub(super) replay: ReplayId,
    pub(super) generation: u64,
    pub(super) file: File,
    /// Whether players on other sites may play it, as podcasts have them.
    pub(super) everywhere: bool,
}

impl<'a> Sent<'a> {
    fn of(app: &'a App, replay: &store::Replay, file: File) -> Self {
        let everywhere = replay.hearers == ReplayHearers::Everyone;
        Self { app, replay: replay.id, generation: replay.generation, file, everywhere }
    }
}

/// Asks whether somebody who hears a replay still may.
fn still(app: &Arc<App>, ears: &Ears, replay: ReplayId) -> Ask {
    let (app, hearer) = (app.clone(), ears.hearer);
    let session = ears.reader.member.as_ref().map(|caller| caller.session);
    Box::new(move || {
        let app = app.clone();
        Box::pin(async move { still_hears(&app, replay, hearer, session).await })
    })
}

/// Sends a file of a replay, or the part of it that is wanted, until that is [over](Playing::stop), or whoever hears it may not any more.
pub(super) async fn send(
    over: Arc<Over>,
    ask: Ask,
    method: &Method,
    headers: &HeaderMap,
    sent: Sent<'_>,
) -> Result<Response, ApiError> {
    let Sent { app, replay, generation, file, everywhere } = sent;
    let name = match file {
        File::Track(_, n) => n.to_string(),
        _ => file.kind().replace('/', "-"),
    };
    let tag = HeaderValue::try_from(format!("\"{replay}-{generation}-{name}\""))
        .map_err(|error| ApiError::internal(&error))?;
    let mut response = if headers.get(IF_NONE_MATCH) == Some(&tag) {
        (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response()
    } else {
        let (bytes, total) = app.replays.files.open(replay, file).await.map_err(|error| match error.kind() {
            // Gone a moment ago, with its generation.
            ErrorKind::NotFound => Code::ReplayInWork.into(),
            _ => ApiError::internal(&error),
        })?;
        let watched = Watched { bytes, over, ask, asking: None, ask_at: edge::instant() + ASK_EVERY };
        let content = Content { bytes: watched, total, kind: file.kind(), tag: Some(tag) };
        range::serve(method, headers, content).await?
    };
    // Kept by a browser, but asked about each time: it may be withdrawn at any moment.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if everywhere {
        let everywhere = HeaderValue::from_static("cross-origin");
        response.headers_mut().insert(HeaderName::from_static("cross-origin-resource-policy"), everywhere);
    }
    Ok(response)
}

/// Replays that somebody hears at this moment, so that they can be stopped: a request may take as long as a talk.
#[derive(Debug, Default)]
pub struct Playing(Mutex<HashMap<ReplayId, Weak<Over>>>);

/// Whether those who hear a replay are to be cut off.
#[derive(Debug, Default)]
pub(super) struct Over(AtomicBool);

impl Playing {
    /// Whoever is about to hear a replay: from now on they are cut off if it is stopped.
    pub(super) fn begin(&self, replay: ReplayId) -> Arc<Over> {
        let mut playing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(over) = playing.get(&replay).and_then(Weak::upgrade) {
            return over;
        }
        playing.retain(|_, over| over.strong_count() > 0);
        let over = Arc::new(Over::default());
        playing.insert(replay, Arc::downgrade(&over));
        over
    }

    /// Cuts off everybody who hears a replay at this moment: they have to ask again, and are answered by what they may now.
    pub(crate) fn stop(&self, replay: ReplayId) {
        let stopped = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&replay);
        if let Some(over) = stopped.and_then(|over| over.upgrade()) {
            over.0.store(true, Ordering::Release);
        }
    }
}

/// Whether somebody may hear a replay by now who was allowed to before: there may be a block since, the house may have become private, the
/// link been revoked, the pass or the session ended. While the store does not work it is as it was.
async fn still_hears(app: &App, replay: ReplayId, hearer: Hearer, session: Option<Hash>) -> bool {
    let hears = async {
        let signed_in = match session {
            Some(session) => app.store.session(&session).await?.is_some(),
            None => true,
        };
        Ok::<_, StoreError>(signed_in && app.store.replay(replay, hearer).await?.is_some())
    };
    unless_unknown(hears.await)
}

/// While the store does not work it is as it was.
pub(super) fn unless_unknown(may: Result<bool, StoreError>) -> bool {
    may.unwrap_or_else(|error| {
        tracing::warn!(%error, "it could not be looked up whether somebody may still hear a replay");
        true
    })
}

/// How often it is asked whether whoever hears a replay still may. Shorter is sooner; longer asks the store less.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// Asks whether whoever reads still may.
pub(super) type Ask = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// A file that ends with an error as soon as whoever reads it may not any more.
struct Watched<R> {
    bytes: R,
    over: Arc<Over>,
    ask: Ask,
    asking: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
    /// When it is asked next.
    ask_at: Instant,
}

impl<R> Watched<R> {
    /// Whether it is over. Asks when it is time, and goes on meanwhile: nothing is sent without coming by here.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.asking.is_none() && self.ask_at <= edge::instant() {
            self.asking = Some((self.ask)());
        }
        if let Some(asking) = &mut self.asking
            && let Poll::Ready(may) = asking.as_mut().poll(cx)
        {
            self.asking = None;
            self.ask_at = edge::instant() + ASK_EVERY;
            if !may {
                return true;
            }
        }
        self.over.0.load(Ordering::Acquire)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = Pin::new(&mut self.bytes).poll_read(cx, buffer);
        if self.is_over(cx) {
            buffer.set_filled(filled);
            return Poll::Ready(Err(ErrorKind::PermissionDenied.into()));
        }
        read
    }
}

impl<R: AsyncSeek + Unpin> AsyncSeek for Watched<R> {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.bytes).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.bytes).poll_complete(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn who_hears_a_replay_is_cut_off_and_nobody_else() {
        let playing = Playing::default();
        let (one, other) = (ReplayId(1), ReplayId(2));
        let file = |replay| Watched {
            bytes: Cursor::new(vec![7; 100]),
            over: playing.begin(replay),
            ask: Box::new(|| Box::pin(async { true })),
            asking: None,
            ask_at: edge::instant(),
        };
        let (mut first, mut second, mut third) = (file(one), file(one), file(other));
        for file in [&mut first, &mut second, &mut third] {
            assert_eq!(file.read_u8().await.unwrap(), 7);
        }
        playing.stop(one);
        assert_eq!(first.read_u8().await.unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(second.read_u8().await.unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(third.read_u8().await.unwrap(), 7);
        // Whoever comes afterwards begins anew.
        assert_eq!(file(one).read_u8().await.unwrap(), 7);
    }

    /// It is asked again while it is read, and only then; until there is an answer it goes on.
    #[tokio::test]
    async fn it_is_asked_again_whether_somebody_may_still_hear_it() {
        let (answer, mut answers) = tokio::sync::mpsc::unbounded_channel::<tokio::sync::oneshot::Sender<bool>>();
        let ask = move || -> Pin<Box<dyn Future<Output = bool> + Send>> {
            let (told, may) = tokio::sync::oneshot::channel();
            answer.send(told).unwrap();
            Box::pin(async move { may.await.unwrap() })
        };
        let (bytes, over) = (Cursor::new(vec![7; 100]), Playing::default().begin(ReplayId(1)));
        let soon = edge::instant() + ASK_EVERY;
        let mut file = Watched { bytes, over, ask: Box::new(ask), asking: None, ask_at: soon };
        assert_eq!(file.read_u8().await.unwrap(), 7);
        assert!(answers.try_recv().is_err(), "it is not time");
        for may in [true, false] {
            file.ask_at = edge::instant();
            assert_eq!(file.read_u8().await.unwrap(), 7);
            assert_eq!(file.read_u8().await.unwrap(), 7);
            answers.try_recv().unwrap().send(may).unwrap();
            assert!(answers.try_recv().is_err(), "it was asked once");
            assert_eq!(file.read_u8().await.is_ok(), may);
            assert!(file.ask_at > edge::instant());
        }
    }

    /// Whoever may not hear it any more is answered so by what is asked: after a block, and when the session is over.
    #[tokio::test]
    async fn what_is_asked_is_what_counts_at_the_beginning() {
        let (app, replay, host, _data) = super::super::tests::recorded().await;
        let eve = app.newcomer("eve").await;
        let hearer = Hearer::member(eve.member.person.id);
        let hears = async |hearer, session| still_hears(&app, replay, hearer, session).await;
        assert!(hears(hearer, Some(eve.session)).await);
        assert!(hears(Hearer::default(), None).await);
        app.store.block(host, eve.member.person.id, edge::now()).await.unwrap();
        assert!(!hears(hearer, Some(eve.session)).await);
        let ben = app.newcomer("ben").await;
        let hearer = Hearer::member(ben.member.person.id);
        assert!(hears(hearer, Some(ben.session)).await);
        app.store.end_sessions(ben.member.person.id).await.unwrap();
        assert!(!hears(hearer, Some(ben.session)).await);
    }
}
