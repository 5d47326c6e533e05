//! Transcripts of replays: reading them, and what speakers correct or take out of their own lines.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use roomtone_room::ids::ReplayId;
use roomtone_store::{self as store, ReplayState, TranscriptPlace};
use serde::Deserialize;

use super::super::body::{Body, PathId};
use super::super::paging::{next, read_number};
use super::super::text::line_of_speech;
use super::{Ears, internal, replay_id};
use crate::app::App;
use crate::edge;
use crate::wire::transcripts::{CorrectLine, Transcript, TranscriptLine, TranscriptProgress};
use crate::wire::{ApiError, Code};

/// Lines of a page. More saves requests; fewer makes each cheaper.
const LINES: u32 = 500;

/// Lines of captions, which come in one piece: those of some ten hours.
const CAPTIONS: u32 = 10_000;

/// A page of a transcript.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AskedLines {
    after: Option<String>,
    from: Option<u64>,
    to: Option<u64>,
    #[serde(rename = "key")]
    _key: Option<String>,
}

/// What was said in a replay, as it was written down, in pages, for whoever may hear it; or in a part of it, the first lines in one page.
#[utoipa::path(get, path = "/api/replays/{id}/transcript",
    params(("id" = String, Path), ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("from" = Option<u64>, Query, description = "With `to`: where the part begins, in milliseconds"),
        ("to" = Option<u64>, Query, description = "Where it ends"),
        ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = Transcript), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(in super::super) async fn transcript(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
    asked: Result<Query<AskedLines>, QueryRejection>,
) -> Result<Json<Transcript>, ApiError> {
    let Query(asked) = asked.map_err(|_| Code::BadRequest)?;
    let after = asked.after.map(|text| read_place(&text).ok_or(Code::BadRequest)).transpose()?;
    let part = match (asked.from, asked.to) {
        (None, None) => None,
        (Some(from), Some(to)) if after.is_none() && from < to && i64::try_from(to).is_ok() => Some(from..to),
        _ => return Err(Code::BadRequest.into()),
    };
    let replay = ears.replay(&app, &id).await?;
    let state = app.store.transcript_state(replay.id).await.map_err(internal)?;
    let found = match &part {
        Some(part) => app.store.lines_between(replay.id, part.start, part.end, LINES).await,
        None => app.store.transcript(replay.id, after, LINES).await,
    };
    let found = found.map_err(internal)?;
    let own = own_numbers(&app, &ears, replay.id).await?;
    let heard = !matches!(replay.state, ReplayState::Failed | ReplayState::Empty);
    let more_comes = state.open > 0 && heard && app.transcripts.is_on();
    Ok(Json(Transcript {
        state: match (more_comes, state.done > 0 || !state.failed.is_empty()) {
            (true, _) => TranscriptProgress::Waiting,
            (false, true) => TranscriptProgress::Ready,
            (false, false) => TranscriptProgress::Absent,
        },
        failed: state.failed,
        next: next(&found, LINES as usize, |one| format!("{}.{}.{}", one.said.from_ms, one.n, one.line))
            .filter(|_| part.is_none()),
        items: found.into_iter().map(|line| shown(line, &own)).collect(),
    }))
}

/// The same as captions (WebVTT), of which players know what to do with them. Needs no account if the replay is open to everybody.
#[utoipa::path(get, path = "/api/replays/{id}/transcript.vtt",
    params(("id" = String, Path), ("key" = Option<String>, Query, description = "The key of an unlisted link")),
    responses((status = 200, body = String, content_type = "text/vtt"), (status = 404, body = ApiError)))]
pub(in super::super) async fn captions(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId(id): PathId<String>,
) -> Result<Response, ApiError> {
    let replay = ears.replay(&app, &id).await?;
    let tracks = app.store.replay_tracks(replay.id, ears.hearer).await.map_err(internal)?;
    let names: HashMap<u32, String> = tracks.into_iter().map(|track| (track.n, track.name)).collect();
    let lines = app.store.transcript(replay.id, None, CAPTIONS).await.map_err(internal)?;
    let mut out = String::from("WEBVTT\n");
    for line in &lines {
        cue(&mut out, names.get(&line.n).map_or("", String::as_str), &line.said);
    }
    Ok(([(CONTENT_TYPE, "text/vtt; charset=utf-8")], out).into_response())
}

/// Writes a cue (WebVTT, sections 4.1 and 4.2.2): when, who, and what.
fn cue(out: &mut String, name: &str, said: &store::NewTranscriptLine) {
    let time =
        |ms: u64| format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // A cue ends after it begins.
    let end = said.to_ms.max(said.from_ms + 1);
    let voice = if name.is_empty() { String::new() } else { format!("<v {}>", escaped(name)) };
    let _ = write!(out, "\n{} --> {}\n{voice}{}\n", time(said.from_ms), time(end), escaped(&said.text));
}

/// Corrects a line. For whoever said it.
#[utoipa::path(patch, path = "/api/replays/{id}/transcript/{n}/{line}",
    params(("id" = String, Path), ("n" = u32, Path), ("line" = u32, Path)), request_body = CorrectLine,
    responses((status = 200, body = TranscriptLine), (status = 404, body = ApiError), (status = 422, body = ApiError)))]
pub(in super::super) async fn correct(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId((id, n, line)): PathId<(String, u32, u32)>,
    Body(request): Body<CorrectLine>,
) -> Result<Json<TranscriptLine>, ApiError> {
    let (replay, text) = (replay_id(&id)?, line_of_speech(&request.text)?);
    let now = edge::now();
    let done = app.store.correct_line(replay, n, line, ears.hearer, Some(&text), now).await.map_err(internal)?;
    if !done {
        return Err(not_theirs(&app, &ears, &id).await);
    }
    app.search.changed();
    let corrected = app.store.transcript_line(replay, n, line).await.map_err(internal)?;
    let corrected = corrected.ok_or(Code::LineNotFound)?;
    Ok(Json(shown(corrected, &HashSet::from([n]))))
}

/// Takes a line out. For whoever is said to have said it.
#[utoipa::path(delete, path = "/api/replays/{id}/transcript/{n}/{line}",
    params(("id" = String, Path), ("n" = u32, Path), ("line" = u32, Path)),
    responses((status = 204), (status = 404, body = ApiError)))]
pub(in super::super) async fn take_out(
    State(app): State<Arc<App>>,
    ears: Ears,
    PathId((id, n, line)): PathId<(String, u32, u32)>,
) -> Result<StatusCode, ApiError> {
    let replay = replay_id(&id)?;
    let done = app.store.correct_line(replay, n, line, ears.hearer, None, edge::now()).await.map_err(internal)?;
    if !done {
        return Err(not_theirs(&app, &ears, &id).await);
    }
    app.search.changed();
    Ok(StatusCode::NO_CONTENT)
}

/// The answer to whoever would change what is not theirs: that there is no such line, if they may hear the replay at all.
async fn not_theirs(app: &App, ears: &Ears, id: &str) -> ApiError {
    ears.replay(app, id).await.map_or_else(|error| error, |_| Code::LineNotFound.into())
}

/// The numbers of the tracks in which whoever asks speaks.
async fn own_numbers(app: &App, ears: &Ears, replay: ReplayId) -> Result<HashSet<u32>, ApiError> {
    if ears.hearer.member.is_none() && ears.hearer.guest.is_none() {
        return Ok(HashSet::new());
    }
    let tracks = app.store.replay_tracks(replay, ears.hearer).await.map_err(internal)?;
    Ok(tracks.into_iter().filter(|track| track.mine).map(|track| track.n).collect())
}

fn shown(line: store::TranscriptLine, own: &HashSet<u32>) -> TranscriptLine {
    TranscriptLine {
        n: line.n,
        line: line.line,
        from_ms: line.said.from_ms,
        to_ms: line.said.to_ms,
        text: line.said.text,
        language: line.said.language,
        corrected: line.corrected_at.is_some(),
        mine: own.contains(&line.n),
    }
}

/// Reads where a page begins.
fn read_place(text: &str) -> Option<TranscriptPlace> {
    let mut parts = text.split('.');
    let place = (read_number(parts.next()?)?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cue_says_when_who_and_what() {
        let said = |from_ms, to_ms, text: &str| {
            let (text, language) = (text.to_owned(), "en".to_owned());
            store::NewTranscriptLine { from_ms, to_ms, text, language }
        };
        let mut out = String::new();
        cue(&mut out, "Ada & Ben", &said(3_723_004, 3_725_000, "a --> b <i>c</i>"));
        cue(&mut out, "", &said(5, 5, "Yes."));
        assert_eq!(
            out,
            "\n01:02:03.004 --> 01:02:05.000\n<v Ada &amp; Ben>a --&gt; b &lt;i&gt;c&lt;/i&gt;\n\n\
             00:00:00.005 --> 00:00:00.006\nYes.\n"
        );
    }

    #[test]
    fn places_are_read_back_and_nothing_else_is() {
        assert_eq!(read_place("83000.2.17"), Some((83_000, 2, 17)));
        for bad in ["", "1", "1.2", "1.2.3.4", "-1.2.3", "1.2.x", "9223372036854775808.1.1", "1.4294967296.1"] {
            assert_eq!(read_place(bad), None, "{bad}");
        }
    }
}
