//! The HTTP surface: routes, who may call them, and what wraps them all.

mod account;
mod acts;
mod admin;
mod auth;
mod avatars;
mod body;
mod calls;
pub(crate) mod commands;
mod events;
mod evidence;
mod guests;
mod hear_out;
mod houses;
mod invitations;
mod invites;
mod legs;
mod me;
mod notices;
mod offices;
mod pages;
mod paging;
mod passkeys;
mod people;
mod probes;
mod proofs;
mod push;
pub(crate) mod range;
mod replays;
mod reports;
mod rooms;
mod search;
mod sessions;
mod settings;
mod sign_in;
mod stream;
mod text;
mod waitlist;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware;
use axum::routing::get;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(crate) use acts::tidy as tidy_acts;
pub(crate) use admin::end_sessions_of_suspended;
pub(crate) use auth::{RoomCaller, SignedIn};
pub(crate) use body::PathId;
pub(crate) use guests::tidy as tidy_guests;
pub(crate) use invitations::cards as invitation_cards;
pub(crate) use invitations::for_visitors as invitation_for_visitors;
pub(crate) use invitations::tidy as tidy_invitations;
pub(crate) use invites::tidy as tidy_invites;
pub(crate) use pages::files as client_files;
pub(crate) use passkeys::relying_party;
pub use replays::Playing;
pub(crate) use replays::visitors as replays_for_visitors;
pub(crate) use replays::{changed as replay_changed, tidy as tidy_replays};
pub(crate) use rooms::room_for;
pub use sessions::Uses;
pub(crate) use sessions::tidy as tidy_sessions;
pub(crate) use sign_in::normal_handle;
pub use stream::Tickets;
pub(crate) use text::{language as well_formed_language, line_of_speech};

/// Largest body, in bytes: that of an SDP offer. Everything else is far smaller.
const BODY_MAX: usize = legs::BODY_MAX;

/// Routes, all of them `GET`, that are not in the description of the HTTP surface: the description itself, sockets, and what is
/// for programs of the operator's.
pub const UNDESCRIBED: [&str; 6] =
    ["/api/openapi.json", "/api/rooms/{id}/ws", "/api/live", "/livez", "/readyz", "/metrics"];

/// Everything that is served over HTTP.
pub fn router(app: Arc<App>) -> Router {
    let (api, mut document) = api().split_for_parts();
    describe_common_refusals(&mut document);
    let document: Arc<str> = document.to_pretty_json().expect("the description is plain data").into();
    let policy = content_security_policy(&app);
    let [description, room_socket, live_socket, livez, readyz, metrics] = UNDESCRIBED;
    api.route(description, get(move || probes::openapi(document.clone())))
        .route(room_socket, get(crate::ws::upgrade))
        .route(live_socket, get(crate::ws::live::upgrade))
        .route(livez, get(probes::livez))
        .route(readyz, get(probes::readyz))
        .route(metrics, get(probes::metrics))
        .fallback(pages::serve)
        .method_not_allowed_fallback(probes::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), auth::refuse_cross_site))
        .layer(middleware::from_fn_with_state(app.clone(), auth::look_behind_proxies))
        .layer(middleware::from_fn(hear_out::hear_out))
        .layer(set_header(header::CONTENT_SECURITY_POLICY, policy))
        .layer(set_header(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        // Answers are about one member and the present moment; what may be kept says so itself.
        .layer(set_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(set_header(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .layer(set_header(
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("microphone=(self), speaker-selection=(self), camera=(), geolocation=()"),
        ))
        .layer(set_header(
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ))
        .layer(set_header(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ))
        .with_state(app)
}

/// The description of the HTTP surface, as `/api/openapi.json` serves it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = api().into_openapi();
    describe_common_refusals(&mut document);
    document
}

/// Adds what any route may answer, beside what it says of itself: that there were too many requests or the server is busy; that
/// a query was not understood; that a body was not, is too large, or is of another kind.
fn describe_common_refusals(document: &mut utoipa::openapi::OpenApi) {
    let refusal = || {
        let error = ContentBuilder::new().schema(Some(Ref::from_schema_name("ApiError"))).build();
        RefOr::T(ResponseBuilder::new().content("application/json", error).build())
    };
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let of_query =
                |one: &RefOr<Parameter>| matches!(one, RefOr::T(one) if one.parameter_in == ParameterIn::Query);
            let asked = operation.parameters.iter().flatten().any(of_query);
            let mut statuses = vec!["429", "503"];
            if operation.request_body.is_some() {
                statuses.extend(["400", "413", "415"]);
            } else if asked {
                statuses.push("400");
            }
            for status in statuses {
                operation.responses.responses.entry(status.to_owned()).or_insert_with(refusal);
            }
        }
    }
}

#[derive(OpenApi)]
#[openapi(info(title = "Roomtone", description = "The HTTP surface of a Roomtone server; see docs/PROTOCOL.md."))]
struct Description;

fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(invites::show))
        .routes(routes!(invites::redeem))
        .routes(routes!(invites::server))
        .routes(routes!(invites::make))
        .routes(routes!(invites::mine))
        .routes(routes!(invites::revoke))
        .routes(routes!(waitlist::wait))
        .routes(routes!(waitlist::show, waitlist::stop))
        .routes(routes!(waitlist::by_handle))
        .routes(routes!(waitlist::wave))
        .routes(routes!(admin::members))
        .routes(routes!(admin::member))
        .routes(routes!(admin::make_admin, admin::end_admin))
        .routes(routes!(admin::hand_over))
        .routes(routes!(admin::suspend))
        .routes(routes!(admin::restore))
        .routes(routes!(admin::tree))
        .routes(routes!(admin::suspensions))
        .routes(routes!(admin::waitlist))
        .routes(routes!(admin::remove_waiting))
        .routes(routes!(admin::reports))
        .routes(routes!(admin::handle_report))
        .routes(routes!(evidence::track))
        .routes(routes!(replays::reported))
        .routes(routes!(admin::audit))
        .routes(routes!(admin::health))
        .routes(routes!(settings::show, settings::change))
        .routes(routes!(settings::test_mail))
        .routes(routes!(me::me, me::change, account::delete))
        .routes(routes!(me::profile))
        .routes(routes!(account::export))
        .routes(routes!(reports::create))
        .routes(routes!(me::sign_out))
        .routes(routes!(me::new_token))
        .routes(routes!(passkeys::list))
        .routes(routes!(passkeys::begin))
        .routes(routes!(passkeys::finish))
        .routes(routes!(passkeys::rename, passkeys::remove))
        .routes(routes!(sign_in::ways_in))
        .routes(routes!(passkeys::begin_sign_in))
        .routes(routes!(passkeys::finish_sign_in))
        .routes(routes!(sign_in::recover))
        .routes(routes!(sign_in::send_link))
        .routes(routes!(sign_in::use_link))
        .routes(routes!(sign_in::new_codes, sign_in::codes_left))
        .routes(routes!(sign_in::mail, sign_in::set_mail, sign_in::remove_mail))
        .routes(routes!(sessions::list, sessions::end_others))
        .routes(routes!(sessions::end))
        .routes(routes!(avatars::set, avatars::remove))
        .routes(routes!(avatars::show))
        .routes(routes!(people::profile))
        .routes(routes!(people::follow, people::unfollow))
        .routes(routes!(people::followers))
        .routes(routes!(people::following))
        .routes(routes!(people::suggestions))
        .routes(routes!(people::block, people::unblock))
        .routes(routes!(people::blocks))
        .routes(routes!(people::mute, people::unmute))
        .routes(routes!(people::mutes))
        .routes(routes!(search::search))
        .routes(routes!(rooms::hallway, rooms::open))
        .routes(routes!(calls::call))
        .routes(routes!(calls::answer))
        .routes(routes!(rooms::card))
        .routes(routes!(rooms::roster))
        .routes(routes!(rooms::ping))
        .routes(routes!(guests::make, guests::list))
        .routes(routes!(guests::revoke))
        .routes(routes!(guests::show, guests::take))
        .routes(routes!(guests::tracks))
        .routes(routes!(guests::me, guests::leave))
        .routes(routes!(guests::decline_call_up))
        .routes(routes!(acts::of_room))
        .routes(routes!(acts::mine))
        .routes(routes!(acts::appeal))
        .routes(routes!(acts::appeals))
        .routes(routes!(acts::decide))
        .routes(routes!(acts::hide, acts::show))
        .routes(routes!(events::list, events::create))
        .routes(routes!(events::show, events::change))
        .routes(routes!(events::set_date))
        .routes(routes!(events::cancel))
        .routes(routes!(events::open_room))
        .routes(routes!(events::subscribe, events::unsubscribe))
        .routes(routes!(events::set_poll))
        .routes(routes!(events::vote))
        .routes(routes!(events::ask_cohost, events::remove_cohost))
        .routes(routes!(events::accept_cohost, events::leave_cohost))
        .routes(routes!(events::calendar, events::new_calendar, events::end_calendar))
        .routes(routes!(houses::list, houses::create))
        .routes(routes!(houses::show, houses::change, houses::delete))
        .routes(routes!(houses::members))
        .routes(routes!(houses::set_role, houses::ban))
        .routes(routes!(houses::join, houses::leave))
        .routes(routes!(houses::follow, houses::unfollow))
        .routes(routes!(houses::bans))
        .routes(routes!(houses::lift_ban))
        .routes(routes!(houses::log))
        .routes(routes!(houses::nominate, houses::nominations))
        .routes(routes!(houses::answer_nomination))
        .routes(routes!(offices::list, offices::offer))
        .routes(routes!(offices::revoke))
        .routes(routes!(offices::acts))
        .routes(routes!(offices::delegations))
        .routes(routes!(offices::accept, offices::lay_down))
        .routes(routes!(proofs::list, proofs::begin))
        .routes(routes!(proofs::check))
        .routes(routes!(proofs::remove))
        .routes(routes!(proofs::list_outside, proofs::begin_outside))
        .routes(routes!(proofs::check_outside))
        .routes(routes!(proofs::remove_outside))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::show))
        .routes(routes!(invitations::act))
        .routes(routes!(invitations::translate))
        .routes(routes!(invitations::sheet))
        .routes(routes!(invitations::link, invitations::end_link))
        .routes(routes!(invitations::come))
        .routes(routes!(invitations::peek, invitations::take))
        .routes(routes!(invitations::cosign, invitations::end_cosign))
        .routes(routes!(invitations::cosigners))
        .routes(routes!(invitations::ask, invitations::take_back))
        .routes(routes!(invitations::questions))
        .routes(routes!(invitations::delete_question))
        .routes(routes!(invitations::vote, invitations::end_vote))
        .routes(routes!(invitations::answered))
        .routes(routes!(invitations::reply, invitations::replies))
        .routes(routes!(invitations::delete_reply))
        .routes(routes!(replays::list))
        .routes(routes!(replays::show, replays::change, replays::delete))
        .routes(routes!(replays::related))
        .routes(routes!(replays::ogg))
        .routes(routes!(replays::mp4))
        .routes(routes!(replays::track))
        .routes(routes!(replays::make))
        .routes(routes!(replays::delete_mark))
        .routes(routes!(replays::withdraw))
        .routes(routes!(replays::own_tracks))
        .routes(routes!(replays::links, replays::new_link))
        .routes(routes!(replays::revoke_link))
        .routes(routes!(replays::replies, replays::reply))
        .routes(routes!(replays::delete_reply))
        .routes(routes!(replays::say))
        .routes(routes!(replays::note_ogg))
        .routes(routes!(replays::note_mp4))
        .routes(routes!(replays::clips, replays::cut))
        .routes(routes!(replays::clip, replays::delete_clip))
        .routes(routes!(replays::clip_ogg))
        .routes(routes!(replays::clip_mp4))
        .routes(routes!(replays::transcript))
        .routes(routes!(replays::captions))
        .routes(routes!(replays::correct, replays::take_out))
        .routes(routes!(notices::list))
        .routes(routes!(notices::read))
        .routes(routes!(notices::choices, notices::choose))
        .routes(routes!(notices::unsubscribe, notices::ask_unsubscribe))
        .routes(routes!(push::key))
        .routes(routes!(push::subscribe))
        .routes(routes!(push::unsubscribe))
        .routes(routes!(legs::listen))
        .routes(routes!(legs::publish))
        .routes(routes!(legs::end))
        .routes(routes!(stream::play))
        .routes(routes!(stream::ticket))
}

fn set_header(name: HeaderName, value: HeaderValue) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, value)
}

/// The page may load and contact nothing but this server (guarantee G5). Inline styles are allowed because the
/// speaking rings are drawn by style attributes; inline scripts only by the hash of the one that starts the client.
fn content_security_policy(app: &App) -> HeaderValue {
    let scripts = pages::inline_script_hashes();
    let socket = app.public_url.as_str().trim_end_matches('/').replacen("http", "ws", 1);
    let policy = format!(
        "default-src 'self'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
         media-src 'self' blob: mediastream:; connect-src 'self' {socket}; object-src 'none'; base-uri 'self'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}
