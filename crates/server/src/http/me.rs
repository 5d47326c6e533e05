//! The signed-in member: their account and what they say of themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use roomtone_room::ids::MemberId;
use roomtone_store::{Member, NewSession, ProfileChange, ProfileError};

use super::auth::{Browser, SignedIn, sign_out_cookie};
use super::body::{Body, to_the_end};
use super::text;
use crate::app::App;
use crate::edge::{self, Secret};
use crate::proof::tell_missing;
use crate::wire::http::{Me, NewToken, Token};
use crate::wire::people::{ChangeMe, MyProfile};
use crate::wire::{ApiError, Code, Id};

/// Links that a profile has at most.
const LINKS_MAX: usize = 8;

/// Topics that a member has at most, and languages.
const TOPICS_MAX: usize = 10;
const LANGUAGES_MAX: usize = 10;

/// Characters that a member may say of themselves.
const BIO_MAX: usize = 600;

/// Who is signed in.
#[utoipa::path(get, path = "/api/me", responses((status = 200, body = Me), (status = 401, body = ApiError)))]
pub(super) async fn me(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<Me>, ApiError> {
    me_of(&app, caller.member).await.map(Json)
}

/// The account as its owner sees it.
pub(super) async fn me_of(app: &App, member: Member) -> Result<Me, ApiError> {
    let follows_anybody = app.store.follows_anybody(member.person.id).await.map_err(|e| ApiError::internal(&e))?;
    let mut me = me_with(app, member, follows_anybody);
    // A sponsor who may not be known of is as if there were none.
    if let Some(sponsor) = &me.sponsor {
        let visible = app.store.visible_member(me.id.0, &sponsor.handle).await.map_err(|e| ApiError::internal(&e))?;
        if visible.is_none() {
            me.sponsor = None;
        }
    }
    Ok(me)
}

/// The account of a member who follows somebody, or nobody.
pub(super) fn me_with(app: &App, member: Member, follows_anybody: bool) -> Me {
    Me {
        id: Id(member.person.id),
        handle: member.person.handle,
        name: member.person.name,
        avatar: member.person.avatar.map(Id),
        language: member.language,
        owner: member.owner,
        admin: member.admin,
        set_up_needed: member.owner && !app.settings.get().set_up,
        sponsor: member.sponsor.map(Into::into),
        follows_anybody,
    }
}

/// What the caller says of themselves.
#[utoipa::path(get, path = "/api/me/profile",
    responses((status = 200, body = MyProfile), (status = 401, body = ApiError)))]
pub(super) async fn profile(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Json<MyProfile>, ApiError> {
    own_profile(&app, caller.member.person.id).await
}

/// Changes what the caller says of themselves; all of it or nothing.
#[utoipa::path(patch, path = "/api/me", request_body = ChangeMe,
    responses((status = 200, body = MyProfile), (status = 401, body = ApiError), (status = 409, body = ApiError),
        (status = 422, body = ApiError)))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    Body(request): Body<ChangeMe>,
) -> Result<Json<MyProfile>, ApiError> {
    let id = caller.member.person.id;
    let change = checked(&request)?;
    let moved = app.store.change_profile(id, change, edge::now()).await.map_err(|error| match error {
        ProfileError::Missing => Code::NotSignedIn.into(),
        ProfileError::HandleTaken => Code::HandleTaken.into(),
        ProfileError::TooSoon => Code::HandleChangedLately.into(),
        ProfileError::Store(error) => ApiError::internal(&error),
    })?;
    for proof in &moved {
        tell_missing(&app, proof);
    }
    app.live.changed(id);
    app.search.changed();
    own_profile(&app, id).await
}

async fn own_profile(app: &App, id: MemberId) -> Result<Json<MyProfile>, ApiError> {
    let found = app.store.own_profile(id).await.map_err(|e| ApiError::internal(&e))?;
    // Whoever has just been signed in and is not there has deleted their account.
    Ok(Json(found.ok_or(Code::NotSignedIn)?.into()))
}

/// What a request asks for, if all of it is as it must be.
fn checked(request: &ChangeMe) -> Result<ProfileChange, ApiError> {
    let list = |texts: &Option<Vec<String>>, most: usize, code: Code, check: fn(&str) -> Result<String, Code>| {
        let Some(texts) = texts else { return Ok(None) };
        if texts.len() > most {
            return Err(code);
        }
        texts.iter().map(|text| check(text)).collect::<Result<Vec<_>, _>>().map(Some)
    };
    let language = |tag: &str| text::language(tag).map(str::to_owned);
    let handle = request.handle.as_deref().map(text::handle).transpose()?;
    Ok(ProfileChange {
        name: request.name.as_deref().map(text::name).transpose()?,
        handle: handle.map(|handle| (handle.text, handle.skeleton)),
        language: request.language.as_deref().map(language).transpose()?,
        bio: request.bio.as_deref().map(|bio| text::paragraphs(bio, BIO_MAX)).transpose()?,
        links: list(&request.links, LINKS_MAX, Code::InvalidLink, text::url)?,
        topics: request.topics.as_deref().map(|topics| text::topics(topics, TOPICS_MAX)).transpose()?,
        languages: list(&request.languages, LANGUAGES_MAX, Code::InvalidLanguage, language)?,
        sponsor_hidden: request.sponsor_hidden,
        guests_hidden: request.guests_hidden,
        online_hidden: request.online_hidden,
        public: request.public,
    })
}

/// Ends this session, with its sockets and legs.
#[utoipa::path(delete, path = "/api/session", responses((status = 204), (status = 401, body = ApiError)))]
pub(super) async fn sign_out(State(app): State<Arc<App>>, caller: SignedIn) -> Result<Response, ApiError> {
    let cookie = sign_out_cookie(&app);
    to_the_end(async move {
        app.store.delete_session(&caller.session).await.map_err(|e| ApiError::internal(&e))?;
        app.rooms.signed_out(caller.member.person.id, caller.session).await;
        Ok(())
    })
    .await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// A further session, for a player or an encoder.
#[utoipa::path(post, path = "/api/tokens", request_body = NewToken,
    responses((status = 201, body = Token), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 422, body = ApiError)))]
pub(super) async fn new_token(
    State(app): State<Arc<App>>,
    Browser { caller, .. }: Browser,
    Body(request): Body<NewToken>,
) -> Result<(StatusCode, Json<Token>), ApiError> {
    let token = Secret::draw();
    let session = NewSession { hash: token.hash, label: text::name(&request.label)? };
    // The body may have taken its time, and the caller's session have ended meanwhile.
    match app.store.create_session(&caller.session, session, edge::now()).await.map_err(|e| ApiError::internal(&e))? {
        roomtone_store::NewToken::Made => Ok((StatusCode::CREATED, Json(Token { token: token.text }))),
        roomtone_store::NewToken::SignedOut => Err(Code::NotSignedIn.into()),
        roomtone_store::NewToken::TooMany => Err(Code::TooManyTokens.into()),
    }
}
