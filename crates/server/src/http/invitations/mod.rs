//! Invitations: making one, and reading it, which everybody may who has the address, with or without an account.
//!
//! An invitation that whoever asks may not know of is `invitation_not_found` on every route, exactly like one that does not exist.
//! Whether an act may happen is decided by the rules in the transaction that writes it.

mod acts;
mod crowd;
mod shown;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use roomtone_room::ids::{EventId, InvitationId, MemberId, RecordId};
use roomtone_room::invitation::{self as rules, Act};
use roomtone_store::{
    self as store, Acted, Acting, InvitationAct, InvitationBox, InvitationFile, InvitationMade, StoreError,
};
use serde::Deserialize;

use super::auth::{Reader, SignedIn};
use super::body::{Body, PathId};
use super::houses::house_for;
use super::paging::{PAGE, next, read_place, write_place};
use super::people::visible;
use super::text;
use crate::app::App;
use crate::edge;
use crate::public::words::wanted;
use crate::wire::invitations::{Invitation, Invitations, NewInvitation, NewInvitee, TranslatedText, Translation};
use crate::wire::{ApiError, Code};

pub(crate) use acts::{
    __path_act, __path_come, __path_end_link, __path_link, __path_peek, __path_sheet, __path_take, act, come, end_link,
    link, peek, sheet, take,
};
pub(crate) use crowd::{
    __path_answered, __path_ask, __path_cosign, __path_cosigners, __path_delete_question, __path_delete_reply,
    __path_end_cosign, __path_end_vote, __path_questions, __path_replies, __path_reply, __path_take_back, __path_vote,
    answered, ask, cosign, cosigners, delete_question, delete_reply, end_cosign, end_vote, questions, replies, reply,
    take_back, vote,
};
pub(crate) use shown::cards;
use shown::{Standing, shown, shown_to_visitors};

/// Most characters of the text of an invitation, and of who somebody is.
const TEXT_MAX: usize = 4_000;
const ABOUT_MAX: usize = 280;

/// Most topics.
const TOPICS_MAX: usize = 5;

/// For how many days an invitation may stand, and for how many it does if nobody says so.
const DAYS: std::ops::RangeInclusive<u32> = 1..=365;
const DAYS_USUALLY: u32 = 90;

/// A day, in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Most languages in which an invitation can be read.
const LANGUAGES_MAX: usize = 20;

/// Invitations that are ended at once when their time is over. More tidies sooner; fewer holds others up less.
const EXPIRED_AT_ONCE: u32 = 100;

/// Makes an invitation.
#[utoipa::path(post, path = "/api/invitations", request_body = NewInvitation,
    responses((status = 201, body = Invitation), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 409, body = ApiError), (status = 422, body = ApiError)))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    headers: HeaderMap,
    Body(request): Body<NewInvitation>,
) -> Result<(StatusCode, Json<Invitation>), ApiError> {
    let me = caller.member.person.id;
    let days = request.days.unwrap_or(DAYS_USUALLY);
    if !DAYS.contains(&days) {
        return Err(ApiError::with_message(Code::BadRequest, "An invitation stands for 1 to 365 days."));
    }
    let original = Translation {
        language: request.language.unwrap_or_else(|| caller.member.language.clone()),
        title: request.title,
        text: request.text,
    };
    if request.translations.len() >= LANGUAGES_MAX {
        return Err(Code::TooMany.into());
    }
    let mut texts: Vec<store::InvitationText> = Vec::with_capacity(request.translations.len() + 1);
    for given in std::iter::once(original).chain(request.translations) {
        let text = checked(&given.language, &given.title, &given.text, texts.is_empty())?;
        if texts.iter().any(|other| other.language.eq_ignore_ascii_case(&text.language)) {
            return Err(ApiError::with_message(Code::InvalidLanguage, "Each language is there once."));
        }
        texts.push(text);
    }
    let topics = text::topics(&request.topics, TOPICS_MAX)?;
    let invitee = invitee(&app, me, request.invitee).await?;
    let house = match &request.house {
        Some(handle) => Some(house_for(&app, me, handle).await?.id),
        None => None,
    };
    let (id, now) = (InvitationId(edge::random_128()), edge::now());
    let (invitation, step) = rules::Invitation::ask(id, me, invitee, now.plus(u64::from(days) * DAY), now);
    let new = store::NewInvitation { invitation, step, house, topics, texts };
    match app.store.create_invitation(&new).await.map_err(internal)? {
        InvitationMade::Made => {}
        InvitationMade::TooMany => return Err(Code::TooManyInvitations.into()),
        InvitationMade::Already => return Err(Code::AlreadyInvited.into()),
        InvitationMade::NoInvitee => return Err(Code::MemberNotFound.into()),
        InvitationMade::NotHouseAdmin => return Err(Code::NotHouseAdmin.into()),
    }
    app.events.changed();
    app.search.changed();
    let file = file(&app, Some(me), id).await?;
    Ok((StatusCode::CREATED, Json(shown(&app, Some(&caller), &headers, None, file).await?)))
}

/// Which invitations are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    Mine,
    Asked,
    Office,
    #[default]
    All,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default, rename = "box")]
    which: Which,
    host: Option<String>,
    invitee: Option<String>,
    after: Option<String>,
    language: Option<String>,
}

/// Invitations: the caller's own, those to them, those of whom they act for, those by or to a member, or all. The last two need no
/// account; for who has none there are only the members whose profiles everybody may read.
#[utoipa::path(get, path = "/api/invitations",
    params(("box" = Option<String>, Query, description = "One of mine, asked, office, all; all if absent"),
        ("host" = Option<String>, Query, description = "The handle of a member: those that they made"),
        ("invitee" = Option<String>, Query, description = "The handle of a member: those to them"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("language" = Option<String>, Query, description = "BCP 47 tag of the language to read titles in")),
    responses((status = 200, body = Invitations), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    reader: Reader,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Invitations>, ApiError> {
    let Query(asked) = asked.map_err(|_| Code::BadRequest)?;
    let after = asked.after.map(|text| read_place(&text).ok_or(Code::BadRequest)).transpose()?;
    let me = reader.id();
    let signed_in = me.ok_or(Code::NotSignedIn);
    let mut principals = Vec::new();
    let which = match (asked.which, &asked.host, &asked.invitee) {
        (Which::All, None, None) => InvitationBox::All,
        (Which::All, Some(host), None) => InvitationBox::Host(member(&app, me, host).await?),
        (Which::All, None, Some(invitee)) => InvitationBox::Invitee(member(&app, me, invitee).await?),
        (Which::Mine, None, None) => InvitationBox::Host(signed_in?),
        (Which::Asked, None, None) => InvitationBox::Invitee(signed_in?),
        (Which::Office, None, None) => {
            let grants = app.store.offices_for(signed_in?, edge::now()).await.map_err(internal)?;
            principals = grants.into_iter().map(|grant| grant.grant.principal).collect();
            InvitationBox::Either(principals.clone())
        }
        _ => return Err(Code::BadRequest.into()),
    };
    let found = app.store.invitations(me, &which, after, PAGE).await.map_err(internal)?;
    let next = next(&found, PAGE as usize, |entry| write_place(entry.changed_at, entry.id));
    let languages = languages(asked.language.as_deref(), reader.member.as_ref(), &headers);
    Ok(Json(Invitations { items: cards(&app, found, &languages, &principals).await?, next }))
}

/// A member of whom the reader may know.
async fn member(app: &App, reader: Option<MemberId>, handle: &str) -> Result<MemberId, ApiError> {
    match reader {
        Some(me) => Ok(visible(app, me, handle).await?.person.id),
        None => {
            let profile = app.store.public_profile(handle).await.map_err(internal)?;
            Ok(profile.ok_or(Code::MemberNotFound)?.person.id)
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct In {
    language: Option<String>,
}

/// One invitation. Needs no account.
#[utoipa::path(get, path = "/api/invitations/{id}",
    params(("id" = String, Path),
        ("language" = Option<String>, Query, description = "BCP 47 tag of the language to read it in")),
    responses((status = 200, body = Invitation), (status = 400, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    reader: Reader,
    PathId(id): PathId<String>,
    headers: HeaderMap,
    asked: Result<Query<In>, QueryRejection>,
) -> Result<Json<Invitation>, ApiError> {
    let Query(In { language }) = asked.map_err(|_| Code::BadRequest)?;
    let file = file(&app, reader.id(), parse(&id)?).await?;
    shown(&app, reader.member.as_ref(), &headers, language.as_deref(), file).await.map(Json)
}

/// Offers the text in a further language, or another translation in the place of one. Either side.
#[utoipa::path(put, path = "/api/invitations/{id}/texts/{language}",
    params(("id" = String, Path), ("language" = String, Path)), request_body = TranslatedText,
    responses((status = 200, body = Invitation), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError),
        (status = 422, body = ApiError)))]
pub(crate) async fn translate(
    State(app): State<Arc<App>>,
    reader: Reader,
    PathId((id, language)): PathId<(String, String)>,
    headers: HeaderMap,
    Body(request): Body<TranslatedText>,
) -> Result<Json<Invitation>, ApiError> {
    let id = parse(&id)?;
    let mut text = checked(&language, &request.title, &request.text, false)?;
    let before = file(&app, reader.id(), id).await?;
    // A language that is there is spelled as it was.
    match before.texts.iter().find(|other| other.language.eq_ignore_ascii_case(&text.language)) {
        Some(same) => text.language.clone_from(&same.language),
        None if before.texts.len() >= LANGUAGES_MAX => return Err(Code::TooMany.into()),
        None => {}
    }
    let acting = Standing::of(&app, reader.id(), &headers, &before).await?.acting()?;
    let act = Act::Translate { language: text.language.clone() };
    carry_out(&app, InvitationAct { text: Some(text), ..new_act(id, acting, act) }).await?;
    let after = file(&app, reader.id(), id).await?;
    shown(&app, reader.member.as_ref(), &headers, None, after).await.map(Json)
}

/// Ends invitations whose time is over, some at a time.
pub(crate) async fn tidy(app: &App) {
    let now = edge::now();
    let over = match app.store.invitations_to_expire(now, EXPIRED_AT_ONCE).await {
        Ok(over) => over,
        Err(error) => return tracing::warn!(%error, "invitations whose time is over were not found"),
    };
    for id in over {
        match carry_out(app, new_act(id, Acting::System, Act::Expire)).await {
            // Somebody answered at this moment, or the host is suspended: it is missing, and stays as it is.
            Ok(())
            | Err(ApiError { code: Code::AlreadyAnswered | Code::InvitationOver | Code::InvitationNotFound, .. }) => {}
            Err(error) => tracing::warn!(code = ?error.code, "an invitation whose time is over was not ended"),
        }
    }
}

/// Carries out an act. Those who are to hear of it are told from now on.
async fn carry_out(app: &App, new: InvitationAct) -> Result<(), ApiError> {
    match app.store.act_on_invitation(&new).await.map_err(internal)? {
        Acted::Done(_) => {
            app.events.changed();
            app.search.changed();
            Ok(())
        }
        Acted::Refused(refusal) => Err(refusal.into()),
        Acted::Missing => Err(Code::InvitationNotFound.into()),
        Acted::Changed => Err(Code::Busy.into()),
    }
}

fn new_act(invitation: InvitationId, acting: Acting, act: Act) -> InvitationAct {
    let ids = (EventId(edge::random_128()), RecordId(edge::random_128()));
    InvitationAct { invitation, acting, act, sheet: None, text: None, ids, now: edge::now() }
}

/// An invitation as somebody without an account reads it, in the first of these languages that it has.
pub(crate) async fn for_visitors(
    app: &App,
    id: InvitationId,
    wanted: &[String],
) -> Result<Option<Invitation>, ApiError> {
    match app.store.invitation(None, id).await.map_err(internal)? {
        Some(file) => shown_to_visitors(app, wanted, file).await.map(Some),
        None => Ok(None),
    }
}

/// An invitation that `reader` may read.
async fn file(app: &App, reader: Option<MemberId>, id: InvitationId) -> Result<InvitationFile, ApiError> {
    app.store.invitation(reader, id).await.map_err(internal)?.ok_or_else(|| Code::InvitationNotFound.into())
}

fn parse(id: &str) -> Result<InvitationId, Code> {
    id.parse().map_err(|_| Code::InvitationNotFound)
}

/// Who is invited, as far as the caller may know of them.
async fn invitee(app: &App, me: MemberId, given: NewInvitee) -> Result<rules::Invitee, ApiError> {
    match given {
        NewInvitee { handle: Some(handle), name: None, about: None, domain: None } => {
            let member = visible(app, me, &handle).await?.person.id;
            if member == me { Err(Code::TargetProtected.into()) } else { Ok(rules::Invitee::Member(member)) }
        }
        NewInvitee { handle: None, name: Some(name), about, domain } => Ok(rules::Invitee::Outside {
            name: text::name(&name)?,
            about: text::paragraphs(&about.unwrap_or_default(), ABOUT_MAX)?,
            domain: domain.as_deref().map(text::domain).transpose()?,
        }),
        _ => Err(ApiError::with_message(Code::BadRequest, "An invitee is a member's handle, or somebody's name.")),
    }
}

fn checked(language: &str, title: &str, body: &str, original: bool) -> Result<store::InvitationText, ApiError> {
    let body = text::paragraphs(body, TEXT_MAX)?;
    if body.is_empty() {
        return Err(ApiError::with_message(Code::InvalidText, "An invitation says something."));
    }
    let (language, title) = (text::language(language)?.to_owned(), text::title(title)?);
    Ok(store::InvitationText { language, title, body, original })
}

/// The languages that somebody wants to read, the best first: the one asked for, their own, those of their browser.
pub(super) fn languages(asked: Option<&str>, member: Option<&SignedIn>, headers: &HeaderMap) -> Vec<String> {
    let own = member.map(|caller| caller.member.language.to_lowercase());
    match (asked, own) {
        (None, Some(own)) => vec![own],
        (Some(_), Some(own)) => {
            let mut wanted = wanted(asked, &HeaderMap::new());
            wanted.push(own);
            wanted
        }
        (asked, None) => wanted(asked, headers),
    }
}

fn internal(error: StoreError) -> ApiError {
    ApiError::internal(&error)
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::Timestamp;
    use roomtone_room::invitation::{Invitee, State};

    use super::*;
    use crate::app::tests::idle;

    #[tokio::test(flavor = "multi_thread")]
    async fn invitations_end_at_their_time_and_others_stay() {
        let (app, _data) = idle().await;
        let (ada, now) = (app.newcomer("ada").await.member.person.id, edge::now());
        let mut ids = Vec::new();
        for left in [0, DAY] {
            let id = InvitationId(edge::random_128());
            let invitee = Invitee::Outside { name: "Somebody".to_owned(), about: String::new(), domain: None };
            let asked = Timestamp(now.0 - 90 * DAY);
            let (invitation, step) = rules::Invitation::ask(id, ada, invitee, now.plus(left), asked);
            let texts = vec![checked("en", "Join me", "Please", true).unwrap()];
            let new = store::NewInvitation { invitation, step, house: None, topics: Vec::new(), texts };
            assert_eq!(app.store.create_invitation(&new).await.unwrap(), InvitationMade::Made);
            ids.push(id);
        }
        tidy(&app).await;
        let mut states = Vec::new();
        for id in ids {
            states.push(file(&app, None, id).await.unwrap().entry.state);
        }
        assert_eq!(states, [State::Expired, State::Asked]);
    }
}
