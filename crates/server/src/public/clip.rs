//! A part of a talk that everybody may hear, with what is said in it.

use maud::html;
use roomtone_room::ids::{RecordId, Timestamp};
use serde_json::json;

use super::card::Card;
use super::recap::{Way, at, clock, hearable, name, names, player};
use super::room::{named, rfc3339};
use super::shell::{Page, way_in};
use super::when::date;
use super::{Reader, Told};
use crate::http::replays_for_visitors as replays;
use crate::wire::ApiError;

/// Lines that a page shows: more than anybody says within the longest clip.
const LINES: u32 = 60;

pub(super) async fn told(reader: &Reader<'_>, id: RecordId) -> Result<Option<Told>, ApiError> {
    let (app, tongue, base) = (reader.app, reader.tongue, reader.base());
    let open = replays::clip(app, id, None).await?;
    let found = if open.is_none() && reader.link.is_some() { replays::clip(app, id, reader.link).await? } else { open };
    let Some(clip) = found else { return Ok(None) };
    let replay = clip.replay.0;
    // Between the two it may have been deleted.
    let Some((whole, link)) = hearable(reader, replay).await? else { return Ok(None) };
    let way = Way { replay, key: link };
    let lines = app.store.lines_between(replay, clip.from_ms, clip.to_ms, LINES).await;
    let lines = lines.map_err(|error| ApiError::internal(&error))?;
    let names = names(tongue, &whole);
    let path = format!("/clips/{id}");
    let kind = tongue.say("From a talk", "Из разговора");
    let length = clock(clip.to_ms - clip.from_ms);
    let line = format!("{} · {length}", clip.replay_title);
    let said = lines.iter().map(|line| line.said.text.as_str()).collect::<Vec<_>>().join(" ");
    let body = html! {
        section.title {
            p.kicker lang=(tongue.tag()) { (kind) " · " (length) }
            h1 lang=(whole.card.language) { (clip.title) }
            p.quiet lang=(tongue.tag()) {
                a href=(way.recap()) { (clip.replay_title) } " · " (at(way, clip.from_ms)) " · "
                (date(tongue, Timestamp(whole.card.began_at)))
            }
        }
        @if clip.audio.is_empty() {
            p.quiet lang=(tongue.tag()) {
                (tongue.say("The sound is being made ready. Come back in a few minutes.", "Звук готовится. Загляните через несколько минут."))
            }
        } @else { (player(tongue, &clip.audio)) }
        @if !lines.is_empty() {
            section.sheet { div.letter.large { @for line in &lines {
                p lang=(line.said.language) { span.quiet { (name(&names, line.n)) ": " } (line.said.text) }
            } } }
        }
        p.quiet lang=(tongue.tag()) { (tongue.say("Cut by", "Автор отрывка:")) " " (clip.by.name) }
        (way_in(tongue))
    };
    let data = json!({
        "@context": "https://schema.org",
        "@type": "AudioObject",
        "name": clip.title,
        "url": format!("{base}{path}"),
        "contentUrl": clip.audio.iter().map(|one| format!("{base}{}", one.url)).collect::<Vec<_>>(),
        "encodingFormat": clip.audio.iter().map(|one| one.kind.clone()).collect::<Vec<_>>(),
        "duration": format!("PT{}S", (clip.to_ms - clip.from_ms) / 1000),
        "uploadDate": rfc3339(clip.at),
        "inLanguage": whole.card.language,
        "image": format!("{base}{path}/card.png"),
        "transcript": said,
        "creator": named(&clip.host),
        "isPartOf": { "@type": "AudioObject", "name": clip.replay_title, "url": format!("{base}/recaps/{replay}") },
    });
    Ok(Some(Told {
        card: Card::new(kind, &clip.title, line.clone(), super::recap::faces(&whole.card)),
        page: Page {
            title: clip.title.clone(),
            description: if said.is_empty() { line } else { said },
            audio: clip.audio.clone(),
            link: link.map(str::to_owned),
            path,
            language: tongue.tag().to_owned(),
            languages: Vec::new(),
            feeds: Vec::new(),
            data,
            body,
        },
    }))
}
