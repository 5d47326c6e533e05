//! An invitation: a letter that everybody may read, with everything that happened to it and how we know who did it.

use maud::{Markup, html};
use roomtone_room::ids::{InvitationId, Timestamp};
use roomtone_store::{InvitationBox, ReplaysOf};
use serde_json::{Value, json};

use super::card::Card;
use super::recap::row;
use super::room::{named, rfc3339};
use super::shell::{Page, face, nobody, own_name, paragraphs, person, topics, way_in};
use super::when::{date, date_and_time};
use super::words::{Tongue, best};
use super::{Reader, Told};
use crate::http::{invitation_for_visitors, replays_for_visitors};
use crate::wire::ApiError;
use crate::wire::invitations::{
    Invitation, InvitationSide, InvitationState, InvitationStep, InvitationText, Invitee, Question, Reply,
    SheetVersion, StepKind, VoiceKind, VoiceProof, VoiceProofKind,
};
use crate::wire::proofs::ProofMethod;
use crate::wire::replays::ReplayCard;
use crate::wire::socket::Kind;

/// Questions, replies and other invitations that a page lists. More tell more; each makes the page longer for everybody.
const QUESTIONS: u32 = 20;
const REPLIES: u32 = 20;
const RELATED: u32 = 5;

/// Recorded talks that a page lists.
const TALKS: u32 = 6;

pub(super) async fn told(reader: &Reader<'_>, id: InvitationId) -> Result<Option<Told>, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let store = &reader.app.store;
    let Some(invitation) = invitation_for_visitors(reader.app, id, reader.wanted).await? else { return Ok(None) };
    let Some(text) = invitation.texts.iter().find(|text| text.language == invitation.shown) else { return Ok(None) };
    let questions = store.questions(None, id, None, QUESTIONS).await.map_err(internal)?;
    let replies = store.replies(None, id, None, REPLIES).await.map_err(internal)?;
    let talks = replays_for_visitors::replays(reader.app, ReplaysOf::Invitation(id), TALKS).await?;
    let related = related(reader, &invitation).await?;
    let (tongue, base, path) = (reader.tongue, reader.base(), format!("/invitations/{id}"));
    let kind = tongue.say("An invitation to talk", "Приглашение поговорить");
    let body = html! {
        section.title {
            p.kicker lang=(tongue.tag()) {
                (kind) " · " (state(tongue, &invitation))
                @if says_so_unverified(&invitation) { " · " (tongue.say("by an unverified voice", "неподтверждённый голос")) }
            }
            h1 lang=(text.language) { (text.title) }
            (topics(&invitation.topics))
        }
        (the_two(tongue, &invitation))
        (letter(tongue, &invitation, text, &path))
        section {
            h2 lang=(tongue.tag()) { (tongue.say("What happened", "Что было")) }
            ol.steps { @for one in &invitation.steps { (step(tongue, &invitation, one)) } }
        }
        @if let Some(sheet) = agreed(&invitation) { (terms(tongue, sheet)) }
        (what_came_of_it(tongue, &invitation, &talks))
        @if invitation.cosigns.count > 0 {
            section {
                h2 lang=(tongue.tag()) { (cosigned(tongue, invitation.cosigns.count)) }
                ul.people { @for one in &invitation.cosigns.first { li { (person(one)) } } }
            }
        }
        @if !questions.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Questions", "Вопросы")) }
                ol.rows { @for one in questions.into_iter().map(Question::from) { (question(tongue, &one)) } }
            }
        }
        @if !replies.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Replies", "Отклики")) }
                ul.rows { @for one in replies.into_iter().map(Reply::from) { (reply(tongue, &one)) } }
            }
        }
        @if !related.is_empty() {
            section {
                h2 lang=(tongue.tag()) { (tongue.say("Other invitations", "Другие приглашения")) }
                ul.rows { @for (other, text) in &related {
                    li { a.grow href={ "/invitations/" (other) } lang=(text.language) { (text.title) } }
                } }
            }
        }
        (way_in(tongue))
    };
    let people = [Some(&invitation.host), invitation.invitee.person.as_ref()].into_iter().flatten().cloned().collect();
    let line = format!("{} → {}", invitation.host.name, name_of(tongue, &invitation.invitee));
    Ok(Some(Told {
        card: Card::new(kind, &text.title, line, people),
        page: Page {
            audio: Vec::new(),
            link: None,
            title: text.title.clone(),
            description: text.text.clone(),
            data: data(base, &path, &invitation, text, tongue),
            language: text.language.clone(),
            languages: match invitation.texts.len() {
                1 => Vec::new(),
                _ => invitation.texts.iter().map(|text| text.language.clone()).collect(),
            },
            feeds: vec![("application/atom+xml", format!("{path}.atom"))],
            path,
            body,
        },
    }))
}

/// Other invitations of the same host, with the text of each that suits the reader.
async fn related(
    reader: &Reader<'_>,
    invitation: &Invitation,
) -> Result<Vec<(InvitationId, roomtone_store::InvitationText)>, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let of = InvitationBox::Host(invitation.host.id.0);
    let mut others = reader.app.store.invitations(None, &of, None, RELATED + 1).await.map_err(internal)?;
    others.retain(|other| other.id != invitation.id.0);
    let ids: Vec<InvitationId> = others.iter().map(|other| other.id).collect();
    let texts = reader.app.store.texts_of(&ids).await.map_err(internal)?;
    let suiting = |id: &InvitationId| {
        let mut own: Vec<_> = texts.iter().filter(|(of, _)| of == id).map(|(_, text)| text.clone()).collect();
        let place = best(reader.wanted, own.iter().map(|text| &*text.language)).unwrap_or(0);
        (place < own.len()).then(|| (*id, own.swap_remove(place)))
    };
    Ok(ids.iter().filter_map(suiting).collect())
}

/// The two people, facing each other.
fn the_two(tongue: Tongue, invitation: &Invitation) -> Markup {
    let invitee = &invitation.invitee;
    html! {
        section.facing {
            (person(&invitation.host))
            span.mark aria-hidden="true" { "↔" }
            @match &invitee.person {
                Some(member) => (person(member)),
                None => span.person {
                    @if !invitee.name.is_empty() { (face(&nobody(&invitee.name), "")) }
                    span { (name_of(tongue, invitee)) }
                    @if !invitee.about.is_empty() { span.handle { (invitee.about) } }
                    @for domain in &invitee.verified { span.seal.good { "✓ " (domain) } }
                }
            }
        }
        @if let Some(house) = &invitation.house {
            p.quiet lang=(tongue.tag()) {
                (tongue.say("In the name of", "От имени дома")) " "
                a href={ "/houses/" (super::shell::in_path(&house.handle)) } { (house.name) }
            }
        }
    }
}

fn letter(tongue: Tongue, invitation: &Invitation, text: &InvitationText, path: &str) -> Markup {
    let original = tongue.say("original", "оригинал");
    html! {
        article.sheet {
            @if invitation.texts.len() > 1 {
                nav.tags lang=(tongue.tag()) aria-label=(tongue.say("Languages", "Языки")) style="margin-bottom:20px" {
                    @for other in &invitation.texts {
                        @if other.language == text.language {
                            span aria-current="true" {
                                span lang=(other.language) { (own_name(&other.language)) } @if other.original { " · " (original) }
                            }
                        } @else {
                            a href={ (path) "?language=" (other.language) } hreflang=(other.language) rel="alternate" {
                                span lang=(other.language) { (own_name(&other.language)) } @if other.original { " · " (original) }
                            }
                        }
                    }
                }
            }
            div.letter.large lang=(text.language) { (paragraphs(&text.text)) }
            @if !text.original {
                p.seal lang=(tongue.tag()) style="margin-top:20px" {
                    (tongue.say("A translation. What counts is the original.", "Это перевод. При расхождениях верен оригинал."))
                }
            }
        }
    }
}

/// One step, with who gave it and how that is known.
fn step(tongue: Tongue, invitation: &Invitation, step: &InvitationStep) -> Markup {
    let proven = step.voice.proof.is_some();
    let until = |times: &[u64]| times.first().map(|at| date(tongue, Timestamp(*at))).unwrap_or_default();
    html! {
        li.proven[proven] {
            p lang=(tongue.tag()) {
                strong { (voice(tongue, step)) } @if step.voice.kind != VoiceKind::System { ": " } @else { " " }
                (said(tongue, step.kind))
                @match step.kind {
                    StepKind::AnswerLater => { " " (until(&step.times)) },
                    StepKind::TimesProposed | StepKind::TimeAgreed => {
                        @for (i, at) in step.times.iter().enumerate() {
                            @if i > 0 { "; " } @else { " " }
                            time datetime=[rfc3339(*at)] { (date_and_time(tongue, Timestamp(*at), "")) " UTC" }
                        }
                    },
                    StepKind::Translated => { @if let Some(language) = &step.language { " (" (own_name(language)) ")" } },
                    StepKind::SheetProposed | StepKind::SheetAccepted => {
                        @if let Some(version) = version(invitation, step) { " (" (version.version) ")" }
                    },
                    StepKind::Merged => {
                        @if let Some(into) = &step.subject {
                            " " a href={ "/invitations/" (into) } { (tongue.say("read it", "прочитать")) }
                        }
                    },
                    _ => {},
                }
            }
            @if let Some(text) = &step.text { div.text lang=[step.language.as_deref()] { (paragraphs(text)) } }
            p.seal.good[proven] lang=(tongue.tag()) {
                time datetime=[rfc3339(step.at)] { (date(tongue, Timestamp(step.at))) }
                @if step.voice.kind != VoiceKind::System { " · " (how_known(tongue, step.voice.proof.as_ref())) }
            }
        }
    }
}

/// A step as a line without markup, for a feed in this language: who gave it, what it is, and how that is known.
pub(crate) fn step_as_text(language: &str, step: &InvitationStep) -> String {
    let tongue = Tongue::of([language].into_iter());
    let who = if step.voice.kind == VoiceKind::System { String::new() } else { format!("{}: ", voice(tongue, step)) };
    let times: Vec<String> =
        step.times.iter().map(|at| format!(" {} UTC", date_and_time(tongue, Timestamp(*at), ""))).collect();
    let known = match step.voice.kind {
        VoiceKind::System => String::new(),
        _ => format!(" ({})", how_known(tongue, step.voice.proof.as_ref())),
    };
    format!("{who}{}{}{known}", said(tongue, step.kind), times.join(";"))
}

/// Who gave a step, for a feed in this language; empty for what comes by itself.
pub(crate) fn voice_of_step(language: &str, step: &InvitationStep) -> String {
    voice(Tongue::of([language].into_iter()), step)
}

/// Who gave a step.
fn voice(tongue: Tongue, step: &InvitationStep) -> String {
    let voice = &step.voice;
    match voice.kind {
        VoiceKind::System => String::new(),
        VoiceKind::Office => format!("{} {}", tongue.say("The office of", "Приёмная:"), voice.name),
        VoiceKind::Unverified => {
            format!("{} {}", tongue.say("An unverified voice for", "Неподтверждённый голос от имени:"), voice.name)
        }
        VoiceKind::Person if voice.name.is_empty() => {
            tongue.say("Somebody who is gone", "Кто-то, кого здесь больше нет").to_owned()
        }
        VoiceKind::Person => voice.name.clone(),
    }
}

/// How we know who gave a step.
fn how_known(tongue: Tongue, proof: Option<&VoiceProof>) -> String {
    let Some(proof) = proof else {
        return tongue.say("nothing shows that they are who they say", "ничем не подтверждено").to_owned();
    };
    match (proof.kind, &proof.domain) {
        (VoiceProofKind::Account, None) => tongue.say("signed in here", "из собственного аккаунта").to_owned(),
        (_, Some(domain)) => {
            let (english, russian) = match proof.method {
                Some(ProofMethod::Dns) => ("a DNS record", "запись DNS"),
                Some(ProofMethod::File) => ("a file on the site", "файл на сайте"),
                Some(ProofMethod::RelMe) => ("a link on the site", "ссылка на сайте"),
                None => ("", ""),
            };
            let how = tongue.say(english, russian);
            let since = proof.proven_at.map(|at| format!(", {}", date(tongue, Timestamp(at)))).unwrap_or_default();
            let lapsed = match proof.holds {
                true => "",
                false => tongue.say("; it does not hold any more", "; больше не действует"),
            };
            format!("{} {domain} ({how}{since}){lapsed}", tongue.say("shown to be", "подтверждено доменом"))
        }
        (VoiceProofKind::Domain, None) => String::new(),
    }
}

fn said(tongue: Tongue, kind: StepKind) -> &'static str {
    let (english, russian) = match kind {
        StepKind::Asked => ("the invitation", "приглашение"),
        StepKind::Accepted => ("accepted", "согласие"),
        StepKind::Declined => ("declined", "отказ"),
        StepKind::NeedDetails => ("what exactly is proposed?", "что именно предлагается?"),
        StepKind::AnswerLater => ("an answer will come later, by", "ответ будет позже, до"),
        StepKind::DetailsGiven => ("the details", "подробности"),
        StepKind::TimesProposed => ("proposed", "предложено"),
        StepKind::TimeAgreed => ("agreed on", "согласовано"),
        StepKind::SheetProposed => ("a version of the talk sheet", "версия условий разговора"),
        StepKind::SheetAccepted => ("accepted the talk sheet", "условия разговора приняты"),
        StepKind::Translated => ("a translation", "перевод"),
        StepKind::Withdrawn => ("taken back", "приглашение отозвано"),
        StepKind::Merged => ("it goes on in another invitation:", "продолжение в другом приглашении:"),
        StepKind::Opened => ("The talk began.", "Разговор начался."),
        StepKind::Ended => ("The talk ended.", "Разговор закончился."),
        StepKind::Expired => ("Nobody said yes in time.", "Согласия в срок не было."),
    };
    match tongue {
        Tongue::English => english,
        Tongue::Russian => russian,
    }
}

fn version<'a>(invitation: &'a Invitation, step: &InvitationStep) -> Option<&'a SheetVersion> {
    let hash = step.sheet.as_ref()?;
    invitation.sheets.iter().find(|version| version.hash == *hash)
}

fn agreed(invitation: &Invitation) -> Option<&SheetVersion> {
    invitation.sheets.iter().find(|version| Some(version.version) == invitation.sheet)
}

/// The terms on which both sides agreed.
fn terms(tongue: Tongue, sheet: &SheetVersion) -> Markup {
    let languages: Vec<&str> = sheet.languages.iter().map(|tag| own_name(tag)).collect();
    let minutes = tongue.count(sheet.minutes.into(), ["minute", "minutes"], ["минута", "минуты", "минут"]);
    let recorded = if sheet.recorded { tongue.say("yes", "да") } else { tongue.say("no", "нет") };
    let audience = match sheet.audience {
        Kind::Open => tongue.say("every member", "все участники"),
        Kind::Social => tongue.say("people whom the moderators follow", "те, на кого подписаны ведущие"),
        Kind::Closed => tongue.say("named people", "названные люди"),
    };
    html! {
        section lang=(tongue.tag()) {
            h2 { (tongue.say("Agreed terms", "Согласованные условия")) }
            div.sheet {
                dl.facts {
                    @if !sheet.topics.is_empty() { dt { (tongue.say("Topics", "Темы")) } dd { (sheet.topics.join(", ")) } }
                    dt { (tongue.say("Length", "Длительность")) } dd { (minutes) }
                    dt { (tongue.say("Languages", "Языки")) } dd { (languages.join(", ")) }
                    dt { (tongue.say("Recorded", "Запись")) } dd { (recorded) }
                    @if !sheet.others.is_empty() { dt { (tongue.say("Also on stage", "Также на сцене")) } dd { (sheet.others.join(", ")) } }
                    dt { (tongue.say("Listening", "Слушают")) } dd { (audience) }
                }
                @if !sheet.notes.is_empty() { div.text style="margin-top:16px" { (paragraphs(&sheet.notes)) } }
            }
            p.seal { (tongue.say("Both sides accepted version", "Обе стороны приняли версию")) " " (sheet.version) ", "
                code title="SHA-256" { (sheet.hash.get(..12).unwrap_or_default()) } }
        }
    }
}

/// The event, the rooms and the recorded talks that came of it.
fn what_came_of_it(tongue: Tongue, invitation: &Invitation, talks: &[ReplayCard]) -> Markup {
    html! {
        @if invitation.event.is_some() || !invitation.rooms.is_empty() || !talks.is_empty() {
            section lang=(tongue.tag()) {
                h2 { (tongue.say("What came of it", "Что из этого вышло")) }
                ul.rows {
                    @for talk in talks { (row(tongue, talk)) }
                    @if let Some(event) = invitation.event {
                        li { a.grow href={ "/events/" (event.0) } {
                            @match invitation.date {
                                Some(at) => { (date_and_time(tongue, Timestamp(at), "")) " UTC" },
                                None => { (tongue.say("The talk: no date yet", "Разговор: даты пока нет")) },
                            }
                        } }
                    }
                    @for room in &invitation.rooms {
                        li { a.grow href={ "/room/" (room.0) } { (tongue.say("The room of the talk", "Комната разговора")) } }
                    }
                }
            }
        }
    }
}

fn cosigned(tongue: Tongue, count: u64) -> String {
    tongue.count(
        count,
        ["person would like to hear it too", "people would like to hear it too"],
        ["человек тоже хочет это услышать", "человека тоже хотят это услышать", "человек тоже хотят это услышать"],
    )
}

fn question(tongue: Tongue, question: &Question) -> Markup {
    html! {
        li {
            span.votes { (question.votes) }
            span.grow {
                span { (question.text) }
                span.quiet {
                    (question.person.name)
                    @if question.answered_at.is_some() {
                        span.seal.good lang=(tongue.tag()) { " · " (tongue.say("answered", "есть ответ")) }
                    }
                }
            }
        }
    }
}

fn reply(tongue: Tongue, reply: &Reply) -> Markup {
    html! {
        li {
            (face(&reply.person, "small"))
            div.grow {
                span.quiet { (reply.person.name) " · " time lang=(tongue.tag()) datetime=[rfc3339(reply.at)] { (date(tongue, Timestamp(reply.at))) } }
                div.text { (paragraphs(&reply.text)) }
            }
        }
    }
}

fn name_of(tongue: Tongue, invitee: &Invitee) -> String {
    match invitee.name.is_empty() {
        true => tongue.say("somebody who is gone", "кто-то, кого здесь больше нет").to_owned(),
        false => invitee.name.clone(),
    }
}

/// Whether how far an invitation has come is what an unverified voice has said: then the page says that beside it.
fn says_so_unverified(invitation: &Invitation) -> bool {
    let answered = match invitation.state {
        InvitationState::Asked => invitation.later.is_some(),
        InvitationState::Accepted | InvitationState::Declined => true,
        _ => false,
    };
    answered && invitation.unverified
}

fn state(tongue: Tongue, invitation: &Invitation) -> &'static str {
    let (english, russian) = match (invitation.state, invitation.turn) {
        (InvitationState::Asked, Some(InvitationSide::Host)) => ("waits for the host", "очередь за тем, кто пригласил"),
        (InvitationState::Asked, _) => ("waits for an answer", "ждёт ответа"),
        (InvitationState::Accepted, _) => ("accepted", "принято"),
        (InvitationState::Declined, _) => ("declined", "отклонено"),
        (InvitationState::Withdrawn, _) => ("taken back", "отозвано"),
        (InvitationState::Expired, _) => ("expired", "срок истёк"),
        (InvitationState::Merged, _) => ("goes on elsewhere", "продолжается в другом"),
        (InvitationState::Done, _) => ("the talk was held", "разговор состоялся"),
    };
    match tongue {
        Tongue::English => english,
        Tongue::Russian => russian,
    }
}

/// The invitation for programs: a message that asks somebody to a talk.
fn data(base: &str, path: &str, invitation: &Invitation, text: &InvitationText, tongue: Tongue) -> Value {
    let url = format!("{base}{path}");
    let recipient = match &invitation.invitee.person {
        Some(person) => named(person),
        None => json!({ "@type": "Person", "name": name_of(tongue, &invitation.invitee) }),
    };
    json!({
        "@context": "https://schema.org",
        "@type": "Message",
        "headline": text.title,
        "text": text.text,
        "inLanguage": text.language,
        "url": url,
        "image": format!("{base}{path}/card.png"),
        "dateSent": rfc3339(invitation.created_at),
        "sender": named(&invitation.host),
        "recipient": recipient,
        "potentialAction": {
            "@type": "InviteAction",
            "agent": named(&invitation.host),
            "recipient": recipient,
            "event": invitation.event.map(|event| json!({ "@type": "Event", "url": format!("{base}/events/{}", event.0) })),
        },
    })
}
