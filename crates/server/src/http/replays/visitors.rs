//! Replays as somebody without an account may know of them, for pages and feeds that are made on the server.

use std::net::{IpAddr, Ipv4Addr};

use roomtone_room::ids::{RecordId, ReplayId};
use roomtone_store::{Hearer, ReplaysOf};

use super::super::auth::Reader;
use super::{Ears, clips, internal, replies as notes, shown};
use crate::app::App;
use crate::edge::Secret;
use crate::replays::{File, Sound};
use crate::wire::ApiError;
use crate::wire::replays::{Clip, Replay, ReplayCard, ReplayReply};

/// Somebody without an account and a pass, perhaps with the key of an unlisted link.
fn visitor(key: Option<&str>) -> Ears {
    Ears {
        reader: Reader { member: None },
        hearer: Hearer { key: key.and_then(Secret::hash_of), ..Hearer::default() },
        key: key.map(str::to_owned),
        // Nothing of theirs is counted: what is made here is counted where it is asked for.
        from: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

/// A replay that everybody may hear, or whoever has this key.
pub(crate) async fn replay(app: &App, id: ReplayId, key: Option<&str>) -> Result<Option<Replay>, ApiError> {
    let visitor = visitor(key);
    match app.store.replay(id, visitor.hearer).await.map_err(internal)? {
        Some(replay) => shown(app, &visitor, replay).await.map(Some),
        None => Ok(None),
    }
}

/// The latest of these replays that everybody may hear.
pub(crate) async fn replays(app: &App, of: ReplaysOf, limit: u32) -> Result<Vec<ReplayCard>, ApiError> {
    let found = app.store.replays(of, Hearer::default(), None, limit).await.map_err(internal)?;
    Ok(found.into_iter().map(ReplayCard::from).collect())
}

/// Other talks that everybody may hear and that have something to do with this one, the nearest first.
pub(crate) async fn related(app: &App, id: ReplayId, limit: u32) -> Result<Vec<ReplayCard>, ApiError> {
    let found = app.store.related_replays(id, Hearer::default(), limit).await.map_err(internal)?;
    Ok(found.into_iter().map(ReplayCard::from).collect())
}

/// The latest replies to a replay that everybody may hear, or whoever has this key.
pub(crate) async fn replies(
    app: &App,
    id: ReplayId,
    key: Option<&str>,
    limit: u32,
) -> Result<Vec<ReplayReply>, ApiError> {
    let visitor = visitor(key);
    let Some(replay) = app.store.replay(id, visitor.hearer).await.map_err(internal)? else { return Ok(Vec::new()) };
    let found = app.store.replay_replies(id, visitor.hearer, None, limit).await.map_err(internal)?;
    Ok(found.into_iter().map(|one| notes::shown(&visitor, &replay, one)).collect())
}

/// A clip of a replay that everybody may hear, or whoever has this key.
pub(crate) async fn clip(app: &App, id: RecordId, key: Option<&str>) -> Result<Option<Clip>, ApiError> {
    let visitor = visitor(key);
    let found = app.store.clip(id, visitor.hearer).await.map_err(internal)?;
    Ok(found.map(|clip| clips::shown(&visitor, clip)))
}

/// How large the MP4 file of a replay is, in bytes; `None` if it cannot be heard now.
pub(crate) async fn size(app: &App, replay: ReplayId) -> Result<Option<u64>, ApiError> {
    let Some(found) = app.store.recording(replay).await.map_err(internal)? else { return Ok(None) };
    match app.replays.files.open(replay, File::Mix(found.generation, Sound::Mp4)).await {
        Ok((_, size)) => Ok(Some(size)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ApiError::internal(&error)),
    }
}
