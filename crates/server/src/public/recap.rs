//! What came of a talk that everybody may hear: who spoke, what was said, and where in the sound that is.

use std::collections::HashMap;
use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};
use roomtone_room::ids::{ReplayId, Timestamp};
use roomtone_store::TranscriptLine;
use serde_json::{Value, json};

use super::card::Card;
use super::room::{named, rfc3339};
use super::shell::{Page, face, in_language, in_path, nobody, paragraphs, person, way_in};
use super::when::date;
use super::words::{Tongue, primary};
use super::{Reader, Told};
use crate::http::replays_for_visitors as replays;
use crate::wire::ApiError;
use crate::wire::replays::{
    Chapter, ChapterBy, MarkedMoment, Picture, Replay, ReplayAudio, ReplayCard, ReplayMark, ReplayReply, ReplaySpeaker,
    ReplayState,
};
use crate::wire::socket::Person;

/// What a page lists at most. More tells more; each makes the page longer for everybody.
const REPLIES: u32 = 20;
const RELATED: u32 = 5;
const LINES: u32 = 1_500;
const QUOTES: usize = 4;

/// Quotes of one person.
const QUOTES_EACH: usize = 2;

/// Lines of which quotes are chosen, the longest.
const CANDIDATES: u32 = 60;

/// How long a quote is, in characters: shorter ones say little by themselves, longer ones are no quotes.
const QUOTE: std::ops::RangeInclusive<usize> = 40..=280;

/// Into how many parts the picture of a talk is divided: pauses shorter than one are not drawn.
const PARTS: u64 = 500;

pub(super) async fn told(reader: &Reader<'_>, id: ReplayId) -> Result<Option<Told>, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let (app, tongue, base) = (reader.app, reader.tongue, reader.base());
    let Some((replay, link)) = hearable(reader, id).await? else { return Ok(None) };
    let way = Way { replay: id, key: link };
    let lines = app.store.transcript(id, None, LINES).await.map_err(internal)?;
    let quotes = quotes(app.store.longest_lines(id, CANDIDATES).await.map_err(internal)?);
    let replies = replays::replies(app, id, link, REPLIES).await?;
    let related = replays::related(app, id, RELATED).await?;
    let names = names(tongue, &replay);
    let path = format!("/recaps/{id}");
    let kind = tongue.say("A recorded talk", "Запись разговора");
    let (card, ready) = (&replay.card, replay.card.state == ReplayState::Ready);
    // Who may hear a talk by a link need not know the house.
    let house = card.house.as_ref().filter(|_| link.is_none());
    let facts = facts(tongue, card);
    let body = html! {
        section.title {
            p.kicker lang=(tongue.tag()) {
                (kind)
                @if let Some(house) = house { " · " a href={ "/houses/" (in_path(&house.handle)) } { (house.name) } }
            }
            h1 lang=(card.language) { (card.title) }
            p.quiet lang=(tongue.tag()) { (tongue.say("Hosted by", "Ведёт")) " " (card.host.name) " · " (facts) }
        }
        @if ready {
            section {
                (player(tongue, &replay.audio))
                p.actions lang=(tongue.tag()) {
                    a href=(way.player()) { (tongue.say("Speed, speakers and pauses: open the player", "Скорость, голоса, паузы: открыть проигрыватель")) }
                }
            }
        } @else { p.quiet lang=(tongue.tag()) { (not_yet(tongue, card.state)) } }
        @if let Some(picture) = &replay.picture { (as_picture(tongue, picture, &replay.speakers, &names)) }
        (spoke(tongue, &replay))
        @if let Some(picture) = &replay.picture { (chapters(tongue, way, picture, &names)) }
        @if !quotes.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Said in it", "Из разговора")) }
                @for line in &quotes {
                    blockquote.letter.quote lang=(line.said.language) {
                        p { (quoted(&line.said.language, &line.said.text)) }
                        p.quiet { (name(&names, line.n)) " · " (at(way, line.said.from_ms)) }
                    }
                }
            }
        }
        (answered(tongue, way, &replay.marks))
        @if !lines.is_empty() { (transcript(tongue, way, &lines, &names)) }
        @if !replies.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Replies", "Отклики")) }
                ul.rows { @for one in &replies { (reply(tongue, way, one)) } }
            }
        }
        @if !related.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Related talks", "Похожие разговоры")) }
                ul.rows { @for other in &related { (row(tongue, other)) } }
            }
        }
        (came_from(tongue, &replay))
        (way_in(tongue))
    };
    let first = quotes.first().map_or_else(String::new, |line| line.said.text.clone());
    let data = data(base, &path, &replay, &names);
    Ok(Some(Told {
        card: Card::new(kind, &card.title, facts.clone(), faces(card)),
        page: Page {
            title: card.title.clone(),
            description: if first.is_empty() { facts } else { first },
            audio: replay.audio.clone(),
            link: link.map(str::to_owned),
            path,
            language: tongue.tag().to_owned(),
            languages: Vec::new(),
            feeds: house.iter().map(|house| podcast(&format!("/houses/{}", in_path(&house.handle)))).collect(),
            data,
            body,
        },
    }))
}

/// A replay that a reader may hear, and the key of the link without which they may not. What everybody may hear needs none, whatever key
/// they came with, so that it has one page.
pub(super) async fn hearable<'a>(
    reader: &Reader<'a>,
    id: ReplayId,
) -> Result<Option<(Replay, Option<&'a str>)>, ApiError> {
    if let Some(replay) = replays::replay(reader.app, id, None).await? {
        return Ok(Some((replay, None)));
    }
    let Some(key) = reader.link else { return Ok(None) };
    Ok(replays::replay(reader.app, id, Some(key)).await?.map(|replay| (replay, Some(key))))
}

/// The way to a talk: with the key of the link by which the reader came, if they need one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) replay: ReplayId,
    pub(super) key: Option<&'a str>,
}

impl Way<'_> {
    /// What any address of the talk has behind its path.
    pub(super) fn asking(self) -> String {
        self.key.map_or_else(String::new, |key| format!("?key={key}"))
    }

    /// The page of the talk.
    pub(super) fn recap(self) -> String {
        format!("/recaps/{}{}", self.replay, self.asking())
    }

    /// The client, which plays it.
    pub(super) fn player(self) -> String {
        format!("/replays/{}{}", self.replay, self.asking())
    }
}

/// The feed of the talks of a house or a person, as pages name it.
pub(super) fn podcast(path: &str) -> (&'static str, String) {
    ("application/rss+xml", format!("{path}/podcast.xml"))
}

/// Talks that were recorded, in the list of another page.
pub(super) fn recorded(tongue: Tongue, talks: &[ReplayCard]) -> Markup {
    listed(tongue, tongue.say("Recorded talks", "Записи разговоров"), talks)
}

/// The same under another title.
pub(super) fn listed(tongue: Tongue, title: &str, talks: &[ReplayCard]) -> Markup {
    html! {
        @if !talks.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (title) }
                ul.rows { @for talk in talks { (row(tongue, talk)) } }
            }
        }
    }
}

/// Why there is nothing to hear of a talk yet.
fn not_yet(tongue: Tongue, state: ReplayState) -> &'static str {
    let (english, russian) = match state {
        ReplayState::Recording => (
            "The talk is going on. It can be heard here when it is over.",
            "Разговор ещё идёт. Послушать его здесь можно будет, когда он закончится.",
        ),
        ReplayState::Failed => ("The sound could not be made.", "Запись не получилась."),
        ReplayState::Empty => ("Nothing of this talk is kept.", "От этого разговора ничего не осталось."),
        ReplayState::Waiting | ReplayState::Processing | ReplayState::Ready => (
            "The sound is being made ready. Come back in a few minutes.",
            "Звук готовится. Загляните через несколько минут.",
        ),
    };
    tongue.say(english, russian)
}

/// The sound, for browsers with and without Ogg.
pub(super) fn player(tongue: Tongue, audio: &[ReplayAudio]) -> Markup {
    html! {
        audio controls preload="metadata" aria-label=(tongue.say("The talk", "Разговор")) {
            @for one in audio { source src=(one.url) type=(one.kind); }
        }
    }
}

/// A moment of a talk, as a link to it.
pub(super) fn at(way: Way<'_>, ms: u64) -> Markup {
    html! { a href={ (way.player()) "#t=" (ms / 1000) } { (clock(ms)) } }
}

/// What somebody said, in the quotation marks of its language.
fn quoted(language: &str, text: &str) -> String {
    if primary(language) == "ru" { format!("«{text}»") } else { format!("“{text}”") }
}

/// A time within a talk: `1:07`, `1:00:07`.
pub(super) fn clock(ms: u64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A talk as a row of a list.
pub(super) fn row(tongue: Tongue, card: &ReplayCard) -> Markup {
    html! {
        li { span.grow {
            a href={ "/recaps/" (card.id.0) } lang=(card.language) { (card.title) }
            span.quiet lang=(tongue.tag()) { (card.host.name) " · " (facts(tongue, card)) }
        } }
    }
}

/// Who speaks, by number, with a word for those who have no name here.
pub(super) fn names(tongue: Tongue, replay: &Replay) -> HashMap<u32, String> {
    let name = |speaker: &crate::wire::replays::ReplaySpeaker| match &speaker.person {
        Some(person) => person.name.clone(),
        None if speaker.name.is_empty() => tongue.say("Somebody", "Кто-то").to_owned(),
        None => speaker.name.clone(),
    };
    replay.speakers.iter().map(|speaker| (speaker.n, name(speaker))).collect()
}

pub(super) fn name(names: &HashMap<u32, String>, n: u32) -> &str {
    names.get(&n).map_or("", String::as_str)
}

pub(super) fn faces(card: &ReplayCard) -> Vec<Person> {
    if card.faces.is_empty() { vec![card.host.clone()] } else { card.faces.clone() }
}

fn facts(tongue: Tongue, card: &ReplayCard) -> String {
    let minutes = (card.ms + 30_000) / 60_000;
    let length = match card.state {
        ReplayState::Ready => tongue.count(minutes.max(1), ["minute", "minutes"], ["минута", "минуты", "минут"]),
        ReplayState::Recording => tongue.say("being recorded", "идёт запись").to_owned(),
        ReplayState::Waiting | ReplayState::Processing => tongue.say("being made ready", "готовится").to_owned(),
        ReplayState::Failed => tongue.say("could not be made", "не получилась").to_owned(),
        ReplayState::Empty => tongue.say("nothing is kept", "ничего не осталось").to_owned(),
    };
    format!("{} · {} · {length}", date(tongue, Timestamp(card.began_at)), in_language(tongue, &card.language))
}

/// The talk as a picture: time from left to right, and a lane for each speaker with their face and name beside it, in front of lines where
/// chapters begin. What it shows is also told in words.
fn as_picture(tongue: Tongue, picture: &Picture, people: &[ReplaySpeaker], names: &HashMap<u32, String>) -> Markup {
    const LANE: usize = 30;
    let (width, part) = (1_000.0, (picture.ms / PARTS).max(1));
    let x = |ms: u64| ms.min(picture.ms) as f64 * width / picture.ms.max(1) as f64;
    let mut cuts = String::new();
    for chapter in picture.chapters.iter().filter(|chapter| chapter.at_ms > 0) {
        // Writing to a string never fails.
        let _ = write!(cuts, "M{:.1} 0V{LANE}", x(chapter.at_ms));
    }
    let lane = |spans: &[[u64; 2]]| {
        let mut turns = String::new();
        for [from, to] in merged(spans, part) {
            let (left, right) = (x(from), x(to).max(x(from) + 2.0));
            let _ = write!(turns, "M{left:.1} {0}H{right:.1}", LANE / 2);
        }
        PreEscaped(format!(
            "<path d=\"M0 {0}H{width}{cuts}\" stroke=\"var(--line)\" vector-effect=\"non-scaling-stroke\"/>\
             <path d=\"{turns}\" stroke=\"var(--live)\" stroke-width=\"10\"/>",
            LANE / 2
        ))
    };
    let who = picture.speakers.iter().map(|speaker| name(names, speaker.n)).collect::<Vec<_>>().join(", ");
    let times = [0, picture.ms / 2, picture.ms].map(clock);
    html! {
        @if !picture.speakers.is_empty() {
            figure {
                div.lanes role="img" lang=(tongue.tag()) aria-label={ (tongue.say("Who talks when:", "Кто когда говорит:")) " " (who) } {
                    @for speaker in &picture.speakers {
                        span.who {
                            (face_of(people.iter().find(|one| one.n == speaker.n), name(names, speaker.n), "tiny"))
                            span { (short(people.iter().find(|one| one.n == speaker.n), name(names, speaker.n))) }
                        }
                        svg.turns viewBox={ "0 0 1000 " (LANE) } preserveAspectRatio="none" { (lane(&speaker.spans)) }
                    }
                    span.axis { @for time in &times { span { (time) } } }
                }
            }
        }
    }
}

/// What a speaker is called where there is little room: a member by the first name, a guest by the whole one, which may be a title.
fn short<'a>(speaker: Option<&ReplaySpeaker>, called: &'a str) -> &'a str {
    match speaker {
        Some(ReplaySpeaker { person: Some(_), guest: false, .. }) => called.split_whitespace().next().unwrap_or(called),
        _ => called,
    }
}

/// The face of a speaker; that of their name where nobody may know who they are.
fn face_of(speaker: Option<&ReplaySpeaker>, called: &str, class: &str) -> Markup {
    match speaker.and_then(|speaker| speaker.person.as_ref()) {
        Some(known) => face(known, class),
        None => face(&nobody(called), class),
    }
}

/// Spans, of which those are one between which there is less than `gap`.
fn merged(spans: &[[u64; 2]], gap: u64) -> Vec<[u64; 2]> {
    let mut merged: Vec<[u64; 2]> = Vec::new();
    for &[from, to] in spans {
        match merged.last_mut() {
            Some(last) if from < last[1] + gap => last[1] = last[1].max(to),
            _ => merged.push([from, to]),
        }
    }
    merged
}

/// Everybody who speaks, whoever speaks longest first.
fn spoke(tongue: Tongue, replay: &Replay) -> Markup {
    let mut speakers: Vec<_> = replay.speakers.iter().filter(|speaker| !speaker.withdrawn).collect();
    speakers.sort_by_key(|speaker| (std::cmp::Reverse(speaker.ms), speaker.n));
    let somebody = tongue.say("Somebody", "Кто-то");
    html! {
        @if !speakers.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Who spoke", "Кто говорил")) }
                ul.people { @for speaker in speakers {
                    @let called = if speaker.name.is_empty() { somebody } else { &speaker.name };
                    li {
                        @match &speaker.person {
                            Some(known) => (person(known)),
                            None => span.person {
                                (face_of(None, called, ""))
                                span { (called) }
                                @if speaker.guest { span.handle lang=(tongue.tag()) { (tongue.say("guest", "гость")) } }
                            },
                        }
                        @if speaker.ms > 0 { p.quiet.centred { (clock(speaker.ms)) } }
                    }
                } }
            }
        }
    }
}

fn chapters(tongue: Tongue, way: Way<'_>, picture: &Picture, names: &HashMap<u32, String>) -> Markup {
    html! {
        @if picture.chapters.len() > 1 {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Chapters", "Главы")) }
                ol.rows { @for chapter in &picture.chapters {
                    li { span.votes { (at(way, chapter.at_ms)) } span.grow { (called(tongue, chapter, names)) } }
                } }
            }
        }
    }
}

/// What a chapter is called: what its host calls it, or who begins to talk and why it begins there.
fn called(tongue: Tongue, chapter: &Chapter, names: &HashMap<u32, String>) -> String {
    if let Some(title) = &chapter.title {
        return title.clone();
    }
    let who = chapter.speaker.map(|n| name(names, n)).filter(|name| !name.is_empty());
    match (chapter.by, who) {
        (ChapterBy::Start, _) => tongue.say("The beginning", "Начало").to_owned(),
        (ChapterBy::Question, _) => tongue.say("A question", "Вопрос").to_owned(),
        (ChapterBy::Floor, Some(who)) => {
            format!("{} {who}", tongue.say("The interview goes to", "Беседу ведёт"))
        }
        (ChapterBy::Silence, None) => tongue.say("After a pause", "После паузы").to_owned(),
        (ChapterBy::Silence | ChapterBy::Speaker, Some(who)) => who.to_owned(),
        (ChapterBy::Floor | ChapterBy::Speaker, None) => tongue.say("Somebody else", "Другой голос").to_owned(),
    }
}

/// Lines that can stand alone: whole sentences, of a length to be quoted, few of each person; in the order in which they were said.
fn quotes(longest: Vec<TranscriptLine>) -> Vec<TranscriptLine> {
    let (mut chosen, mut of_each): (Vec<TranscriptLine>, HashMap<u32, usize>) = (Vec::new(), HashMap::new());
    for line in longest {
        let text = &line.said.text;
        let whole = text.chars().next().is_some_and(|first| first.is_alphabetic() && !first.is_lowercase())
            && text.trim_end_matches(['"', '”', '»', ')']).ends_with(['.', '!', '?', '…', '。', '！', '？']);
        let count = of_each.entry(line.n).or_default();
        if whole && QUOTE.contains(&text.chars().count()) && *count < QUOTES_EACH {
            *count += 1;
            chosen.push(line);
        }
        if chosen.len() == QUOTES {
            break;
        }
    }
    chosen.sort_by_key(|line| line.said.from_ms);
    chosen
}

/// Questions that were answered, each with the moment.
fn answered(tongue: Tongue, way: Way<'_>, marks: &[MarkedMoment]) -> Markup {
    let questions: Vec<(u64, &String)> = marks
        .iter()
        .filter_map(|moment| match &moment.mark {
            ReplayMark::QuestionAnswered { text } => Some((moment.at_ms, text)),
            _ => None,
        })
        .collect();
    html! {
        @if !questions.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Answered", "Вопросы с ответами")) }
                ul.rows { @for (ms, text) in questions {
                    li { span.votes { (at(way, ms)) } span.grow { (text) } }
                } }
            }
        }
    }
}

fn transcript(tongue: Tongue, way: Way<'_>, lines: &[TranscriptLine], names: &HashMap<u32, String>) -> Markup {
    let mut before = None;
    html! {
        section {
            h2 lang=(tongue.tag()) { (tongue.say("Transcript", "Расшифровка")) }
            p.seal lang=(tongue.tag()) { (tongue.say(
                "Written down by a program; whoever spoke can correct their own lines.",
                "Записано программой; каждый может исправить свои слова.",
            )) }
            details {
                summary lang=(tongue.tag()) { (tongue.say("Read what was said", "Прочитать, что было сказано")) }
                ol.rows { @for line in lines {
                    li {
                        span.votes { (at(way, line.said.from_ms)) }
                        span.grow {
                            @if before.replace(line.n) != Some(line.n) { span.quiet { (name(names, line.n)) } }
                            span lang=(line.said.language) { (line.said.text) }
                        }
                    }
                } }
                @if lines.len() >= LINES as usize {
                    p.quiet lang=(tongue.tag()) {
                        a href=(way.player()) { (tongue.say("The rest is with the sound", "Остальное — вместе со звуком")) }
                    }
                }
            }
        }
    }
}

fn reply(tongue: Tongue, way: Way<'_>, reply: &ReplayReply) -> Markup {
    html! {
        li {
            (face(&reply.person, "small"))
            div.grow {
                span.quiet {
                    (reply.person.name) " · "
                    time lang=(tongue.tag()) datetime=[rfc3339(reply.at)] { (date(tongue, Timestamp(reply.at))) }
                    @if let Some(ms) = reply.at_ms { " · " (at(way, ms)) }
                }
                @match &reply.voice {
                    Some(voice) => (player(tongue, &voice.audio)),
                    None => div.text { (paragraphs(&reply.text)) },
                }
            }
        }
    }
}

fn came_from(tongue: Tongue, replay: &Replay) -> Markup {
    html! {
        @if replay.invitation.is_some() || replay.event.is_some() {
            p.actions lang=(tongue.tag()) {
                @if let Some(invitation) = replay.invitation {
                    a href={ "/invitations/" (invitation.0) } { (tongue.say("The invitation it comes from", "Приглашение, с которого всё началось")) }
                }
                @if let Some(event) = replay.event {
                    a href={ "/events/" (event.0) } { (tongue.say("The event", "Событие")) }
                }
            }
        }
    }
}

/// The talk for programs, with its chapters.
fn data(base: &str, path: &str, replay: &Replay, names: &HashMap<u32, String>) -> Value {
    let (card, url) = (&replay.card, format!("{base}{path}"));
    let chapters = replay.picture.as_ref().map_or(&[][..], |picture| &picture.chapters);
    let part = |(i, chapter): (usize, &Chapter)| {
        let end = chapters.get(i + 1).map_or(card.ms, |next| next.at_ms);
        json!({
            "@type": "Clip",
            "name": called(Tongue::of([card.language.as_str()].into_iter()), chapter, names),
            "startOffset": chapter.at_ms / 1000,
            "endOffset": end / 1000,
            "url": format!("{base}/replays/{}#t={}", card.id.0, chapter.at_ms / 1000),
        })
    };
    json!({
        "@context": "https://schema.org",
        "@type": "AudioObject",
        "name": card.title,
        "url": url,
        "contentUrl": replay.audio.iter().map(|one| format!("{base}{}", one.url)).collect::<Vec<_>>(),
        "encodingFormat": replay.audio.iter().map(|one| one.kind.clone()).collect::<Vec<_>>(),
        "duration": format!("PT{}S", card.ms / 1000),
        "uploadDate": rfc3339(replay.ended_at.unwrap_or(card.began_at)),
        "inLanguage": card.language,
        "image": format!("{url}/card.png"),
        "creator": named(&card.host),
        "contributor": card.faces.iter().map(named).collect::<Vec<_>>(),
        "hasPart": chapters.iter().enumerate().map(part).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use roomtone_store::NewTranscriptLine;

    use super::*;

    #[test]
    fn times_in_a_talk() {
        for (ms, told) in [(0, "0:00"), (67_999, "1:07"), (3_599_000, "59:59"), (3_607_000, "1:00:07")] {
            assert_eq!(clock(ms), told);
        }
    }

    #[test]
    fn a_quote_is_a_whole_sentence() {
        let line = |n, from_ms, text: &str| {
            let (text, language) = (text.to_owned(), "en".to_owned());
            TranscriptLine {
                n,
                line: 1,
                said: NewTranscriptLine { from_ms, to_ms: from_ms + 1_000, text, language },
                corrected_at: None,
            }
        };
        let good = "The building is the warmest place in the village in winter.";
        let chosen = quotes(vec![
            line(1, 9_000, good),
            line(1, 8_000, "and that is half of the secret of it, as she told me."),
            line(1, 7_000, "Everything else comes from readers and from two concerts,"),
            line(1, 6_000, "Yes."),
            line(1, 5_000, &format!("{}.", "Very long ".repeat(30))),
            line(1, 4_000, "«Зимой это самое тёплое место во всей деревне, сказала она»."),
            line(1, 3_000, "Зимой это самое тёплое место во всей нашей деревне!"),
            line(1, 2_000, "A third one of the same person is one too many for us."),
            line(2, 1_000, "Somebody else is quoted, however little they said in it."),
        ]);
        assert_eq!(chosen.iter().map(|line| line.said.from_ms).collect::<Vec<_>>(), [1_000, 3_000, 9_000]);
    }

    #[test]
    fn short_pauses_are_not_drawn() {
        assert_eq!(merged(&[[0, 10], [15, 20], [30, 40]], 10), [[0, 20], [30, 40]]);
        assert_eq!(merged(&[], 10), [] as [[u64; 2]; 0]);
    }

    #[test]
    fn a_chapter_without_a_title_says_why_it_begins() {
        let names = HashMap::from([(1, "Ада".to_owned())]);
        let chapter =
            |by, title: Option<&str>, speaker| Chapter { at_ms: 0, title: title.map(str::to_owned), by, speaker };
        let called = |chapter| called(Tongue::English, &chapter, &names);
        assert_eq!(called(chapter(ChapterBy::Question, Some("Why?"), None)), "Why?");
        assert_eq!(called(chapter(ChapterBy::Floor, None, Some(1))), "The interview goes to Ада");
        assert_eq!(called(chapter(ChapterBy::Speaker, None, Some(1))), "Ада");
        assert_eq!(called(chapter(ChapterBy::Speaker, None, Some(2))), "Somebody else");
    }
}
