//! What the two sides do with an invitation, and the link by which somebody without an account answers.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use roomtone_room::ids::{InvitationId, MemberId, RecordId, Timestamp};
use roomtone_room::invitation::{self as rules, Act, Other, Sheet, WORDS_MAX_CHARS, Words};
use roomtone_store::{self as store, GuestBy, InvitationAct as NewAct};

use super::super::auth::{Reader, SignedIn, answer_cookie, answering_cookie};
use super::super::body::{Body, MaybeBody, PathId};
use super::super::guests;
use super::super::invites::qr_code;
use super::super::text;
use super::shown::{Standing, chosen, shown};
use super::{DAY, carry_out, file, internal, languages, new_act, parse};
use crate::app::App;
use crate::cli::answer_link;
use crate::edge::{self, Secret};
use crate::limits::GUESSES;
use crate::wire::guests::GuestLink;
use crate::wire::invitations::{
    ActKind, AnswerLink, AnswerTaken, Invitation, InvitationAct, SheetTerms, SheetVersion, ShownAnswerLink, TakeAnswer,
};
use crate::wire::{ApiError, Code, Id};

/// For how many milliseconds the link for an invitee without an account works: long enough for a letter on paper.
const LINK_WORKS_FOR: u64 = 30 * DAY;

/// For how many minutes the link into its room works: longer than any talk is planned for.
const COMES_WITHIN: u32 = 24 * 60;

/// What a talk sheet may hold: topics, names and languages, minutes, and characters of its notes.
const SHEET_TOPICS_MAX: usize = 10;
const SHEET_OTHERS_MAX: usize = 10;
const SHEET_LANGUAGES: std::ops::RangeInclusive<usize> = 1..=5;
const SHEET_MINUTES: std::ops::RangeInclusive<u32> = 5..=600;
const SHEET_NOTES_MAX: usize = 2_000;

/// How often a talk sheet is numbered anew when another version is written at the same moment.
const SHEET_ATTEMPTS: u32 = 3;

/// Answers an invitation, or does something else with it. Either side, with or without an account.
#[utoipa::path(post, path = "/api/invitations/{id}/acts", params(("id" = String, Path)), request_body = InvitationAct,
    responses((status = 200, body = Invitation), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError),
        (status = 422, body = ApiError)))]
pub(crate) async fn act(
    State(app): State<Arc<App>>,
    reader: Reader,
    PathId(id): PathId<String>,
    headers: HeaderMap,
    Body(request): Body<InvitationAct>,
) -> Result<Json<Invitation>, ApiError> {
    let id = parse(&id)?;
    let before = file(&app, reader.id(), id).await?;
    let acting = Standing::of(&app, reader.id(), &headers, &before).await?.acting()?;
    let own = reader.member.as_ref().map_or(&before.entry.language, |caller| &caller.member.language);
    let act = asked(&request, own, before.invitation.host)?;
    carry_out(&app, new_act(id, acting, act)).await?;
    let after = file(&app, reader.id(), id).await?;
    shown(&app, reader.member.as_ref(), &headers, None, after).await.map(Json)
}

/// Writes a version of the talk sheet, and accepts it by that. Either side.
#[utoipa::path(post, path = "/api/invitations/{id}/sheets", params(("id" = String, Path)), request_body = SheetTerms,
    responses((status = 201, body = SheetVersion), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError),
        (status = 422, body = ApiError)))]
pub(crate) async fn sheet(
    State(app): State<Arc<App>>,
    reader: Reader,
    PathId(id): PathId<String>,
    headers: HeaderMap,
    Body(request): Body<SheetTerms>,
) -> Result<(StatusCode, Json<SheetVersion>), ApiError> {
    let id = parse(&id)?;
    let sheet = checked_sheet(request)?;
    for _ in 0..SHEET_ATTEMPTS {
        let before = file(&app, reader.id(), id).await?;
        let acting = Standing::of(&app, reader.id(), &headers, &before).await?.acting()?;
        let number = before.invitation.next_sheet();
        let hash = hash_of(&sheet, id, number);
        let new = new_act(id, acting, Act::ProposeSheet { hash });
        match carry_out(&app, NewAct { sheet: Some((number, sheet.clone())), ..new }).await {
            // Somebody else wrote this number.
            Err(ApiError { code: Code::Busy, .. }) => {}
            Err(error) => return Err(error),
            Ok(()) => {
                let after = file(&app, reader.id(), id).await?;
                let version = after.invitation.sheets.iter().find(|version| version.hash == hash);
                let said = after.sheets.into_iter().find(|said| said.hash == hash);
                let (version, said) = version.zip(said).ok_or(Code::InvitationNotFound)?;
                return Ok((StatusCode::CREATED, Json(super::shown::sheet(said, version))));
            }
        }
    }
    Err(Code::Busy.into())
}

/// Makes a link by which an invitee without an account can answer, once. The one before ends, and so does whoever took it.
#[utoipa::path(post, path = "/api/invitations/{id}/link", params(("id" = String, Path)),
    responses((status = 201, body = AnswerLink), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 410, body = ApiError)))]
pub(crate) async fn link(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<(StatusCode, Json<AnswerLink>), ApiError> {
    let invitation = hosted(&app, &caller, &id).await?;
    let (secret, now) = (Secret::draw(), edge::now());
    let expires_at = now.plus(LINK_WORKS_FOR);
    let new = store::AnswerLink { correspondent: RecordId(edge::random_128()), invitation: invitation.id, expires_at };
    let made = app.store.make_answer_link(caller.member.person.id, &new, &secret.hash, now).await.map_err(internal)?;
    if !made && !invitation.state.is_open() {
        return Err(Code::InvitationOver.into());
    }
    if !made {
        return Err(ApiError::with_message(Code::NotAllowed, "A member answers by their account."));
    }
    let url = answer_link(app.public_url.as_str(), &secret.text);
    let qr = qr_code(&url)?;
    Ok((StatusCode::CREATED, Json(AnswerLink { url, qr, expires_at: expires_at.0 })))
}

/// Ends the link, used or not.
#[utoipa::path(delete, path = "/api/invitations/{id}/link", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError)))]
pub(crate) async fn end_link(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    PathId(id): PathId<String>,
) -> Result<StatusCode, ApiError> {
    let invitation = hosted(&app, &caller, &id).await?;
    let ended =
        app.store.end_answer_link(caller.member.person.id, invitation.id, edge::now()).await.map_err(internal)?;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(Code::AnswerLinkNotFound.into()) }
}

/// What a link is for, for whoever has it and nobody has used it before.
#[utoipa::path(get, path = "/api/answers/{code}", params(("code" = String, Path)),
    responses((status = 200, body = ShownAnswerLink), (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(crate) async fn peek(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    PathId(code): PathId<String>,
    headers: HeaderMap,
) -> Result<Json<ShownAnswerLink>, ApiError> {
    app.limits.may_address(&GUESSES, peer.ip(), edge::instant())?;
    let hash = Secret::hash_of(&code).ok_or_else(|| missed(&app, peer))?;
    let link = app.store.answer_link(&hash, edge::now()).await.map_err(internal)?;
    let Some(link) = link else { return Err(missed(&app, peer)) };
    let Some(file) = app.store.invitation(None, link.invitation).await.map_err(internal)? else {
        return Err(missed(&app, peer));
    };
    let text = chosen(&file.texts, &languages(None, None, &headers));
    let name = match &file.invitation.invitee {
        rules::Invitee::Outside { name, .. } => name.clone(),
        rules::Invitee::Member(_) | rules::Invitee::Gone => String::new(),
    };
    Ok(Json(ShownAnswerLink {
        invitation: Id(link.invitation),
        title: text.map(|text| text.title.clone()).unwrap_or_default(),
        language: text.map(|text| text.language.clone()).unwrap_or_default(),
        host: file.entry.host.into(),
        name,
        expires_at: link.expires_at.0,
        server: app.settings.get().name.clone(),
    }))
}

/// Makes a link by which whoever answers without an account comes into the room of the talk as its guest. The one before ends, unless it
/// was used.
#[utoipa::path(post, path = "/api/invitations/{id}/guest", params(("id" = String, Path)),
    responses((status = 201, body = GuestLink), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError),
        (status = 429, body = ApiError)))]
pub(crate) async fn come(
    State(app): State<Arc<App>>,
    reader: Reader,
    PathId(id): PathId<String>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<GuestLink>), ApiError> {
    let file = file(&app, reader.id(), parse(&id)?).await?;
    let store::Acting::Outside(who) = Standing::of(&app, reader.id(), &headers, &file).await?.acting()? else {
        return Err(ApiError::with_message(Code::NotAllowed, "A member comes in by their account."));
    };
    let invitation = &file.invitation;
    if !invitation.state.is_open() {
        return Err(Code::InvitationOver.into());
    }
    let room = invitation.room.and_then(|room| Some((room, app.rooms.get(room)?)));
    let (room, handle) = room.ok_or(Code::RoomNotFound)?;
    let rules::Invitee::Outside { name, .. } = &invitation.invitee else { return Err(Code::NotAllowed.into()) };
    let voucher = handle.summary().card.host.id.0;
    let name = name.chars().take(guests::NAME_MAX).collect::<String>().trim_end().to_owned();
    let asked = guests::Asked { room, voucher, name, context: None, minutes: COMES_WITHIN };
    guests::offer(&app, asked, GuestBy::Correspondent(who)).await
}

/// Makes the caller's browser the one that answers, once.
#[utoipa::path(post, path = "/api/answers/{code}", params(("code" = String, Path)), request_body = Option<TakeAnswer>,
    responses((status = 201, body = AnswerTaken), (status = 404, body = ApiError), (status = 429, body = ApiError)))]
pub(crate) async fn take(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    PathId(code): PathId<String>,
    MaybeBody(request): MaybeBody<TakeAnswer>,
) -> Result<Response, ApiError> {
    let TakeAnswer { office } = request.unwrap_or_default();
    app.limits.may_address(&GUESSES, peer.ip(), edge::instant())?;
    let hash = Secret::hash_of(&code).ok_or_else(|| missed(&app, peer))?;
    let token = Secret::draw();
    let taken = app.store.take_answer_link(&hash, &token.hash, office, edge::now()).await.map_err(internal)?;
    let Some(link) = taken else { return Err(missed(&app, peer)) };
    let cookies = [answer_cookie(&app, link.invitation, &token.text), answering_cookie(&app, link.invitation)];
    let cookies = AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
    let answer = AnswerTaken { invitation: Id(link.invitation) };
    Ok((StatusCode::CREATED, cookies, Json(answer)).into_response())
}

/// Counts a miss against the caller's address, and answers it.
fn missed(app: &App, peer: SocketAddr) -> ApiError {
    match app.limits.address(&GUESSES, peer.ip(), edge::instant()) {
        Ok(()) => Code::AnswerLinkNotFound.into(),
        Err(too_many) => too_many.into(),
    }
}

/// An invitation of the caller's.
async fn hosted(app: &App, caller: &SignedIn, id: &str) -> Result<rules::Invitation, ApiError> {
    let me = caller.member.person.id;
    let invitation = file(app, Some(me), parse(id)?).await?.invitation;
    if invitation.host == me { Ok(invitation) } else { Err(Code::NotAllowed.into()) }
}

/// What was asked for, as the rules know it. `own` is the language in which the caller writes unless they say so.
fn asked(request: &InvitationAct, own: &str, host: MemberId) -> Result<Act, ApiError> {
    let words = words(request, own)?;
    let round = || {
        request
            .round
            .ok_or_else(|| ApiError::with_message(Code::BadRequest, "An answer carries the round that it answers."))
    };
    let times = || request.times.iter().map(|time| Timestamp(*time)).collect::<Vec<_>>();
    Ok(match request.act {
        ActKind::Accept => Act::Accept { round: round()?, words },
        ActKind::Decline => Act::Decline { round: round()?, words },
        ActKind::NeedDetails => Act::NeedDetails { round: round()?, words },
        ActKind::ProposeTime => Act::ProposeTimes { round: round()?, times: times(), words },
        ActKind::AnswerLater => {
            let until = request.until.ok_or(Code::InvalidTime)?;
            Act::AnswerLater { round: round()?, until: Timestamp(until), words }
        }
        ActKind::GiveDetails => Act::GiveDetails { round: round()?, words },
        ActKind::AgreeTime => match times()[..] {
            [time] => Act::AgreeTime { round: round()?, time, words },
            _ => return Err(Code::InvalidTime.into()),
        },
        ActKind::AcceptSheet => {
            let hash = request.sheet.as_deref().and_then(unhex).ok_or(Code::NoSuchSheet)?;
            Act::AcceptSheet { hash }
        }
        ActKind::Withdraw => Act::Withdraw { words },
        ActKind::Merge => {
            let Id(id) = request.into.ok_or(Code::CannotMerge)?;
            // The rest is read where it is decided.
            Act::Merge { into: Other { id, host, invitee: rules::Invitee::Gone, open: false } }
        }
    })
}

fn words(request: &InvitationAct, own: &str) -> Result<Option<Words>, ApiError> {
    let Some(text) = &request.text else { return Ok(None) };
    let text = text::paragraphs(text, WORDS_MAX_CHARS)?;
    let language = text::language(request.language.as_deref().unwrap_or(own))?.to_owned();
    Ok(Some(Words { text, language }).filter(|words| !words.text.is_empty()))
}

fn checked_sheet(terms: SheetTerms) -> Result<Sheet, ApiError> {
    let few = terms.others.len() <= SHEET_OTHERS_MAX && SHEET_LANGUAGES.contains(&terms.languages.len());
    if !few || !SHEET_MINUTES.contains(&terms.minutes) {
        return Err(Code::InvalidSheet.into());
    }
    let mut languages: Vec<String> = Vec::with_capacity(terms.languages.len());
    for language in &terms.languages {
        languages.push(text::language(language)?.to_owned());
    }
    Ok(Sheet {
        topics: text::topics(&terms.topics, SHEET_TOPICS_MAX)?,
        minutes: terms.minutes,
        languages,
        recorded: terms.recorded,
        others: terms.others.iter().map(|name| text::name(name)).collect::<Result<_, _>>()?,
        audience: terms.audience.into(),
        notes: text::paragraphs(&terms.notes, SHEET_NOTES_MAX)?,
    })
}

fn hash_of(sheet: &Sheet, id: InvitationId, number: u32) -> [u8; 32] {
    digest(&SHA256, &sheet.canonical(id, number)).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Reads a digest in lower-case hexadecimal.
fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(hash)
}
