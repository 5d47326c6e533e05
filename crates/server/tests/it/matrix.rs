//! Who may do what: every route there is, tried as everybody there is. A route without a row fails the test, and so does a row
//! without a route. Where the answer is "there is no such thing", it is the very answer that an invented id gets.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, StatusCode};
use roomtone::edge::Secret;
use roomtone_room::ids::{RecordId, Timestamp};
use roomtone_store::{Changes, NewEvidence, NewTranscriptLine, NewWaiting, ReplayHearers, Speaker};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authenticator::Authenticator;
use crate::support::{Answer, Member, Server, Socket, Trusting, listen_offer, on_both_databases};

/// What a row's path and body are about. Each row has one of its own, made by a member of its own: Ada.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    /// Nothing in particular.
    Nothing,
    /// Ada herself, as `{handle}`.
    Ada,
    /// Somebody whom Ada has muted, as `{handle}`.
    Muted,
    /// Somebody whom Ada has blocked, as `{handle}`: another than the one who tries the rows.
    Blocked,
    /// A room of Ada's that every member may enter.
    OpenRoom,
    /// A room of Ada's for people she names: nobody.
    ClosedRoom,
    /// Something that was done to Ada in a room of somebody else's.
    Act,
    /// An appeal of somebody whom a moderator put out of a room of Ada's.
    Appeal,
    /// A house of Ada's that everybody may know of.
    House,
    /// A house of Ada's that only its members know of.
    PrivateHouse,
    /// Somebody in a private house of Ada's, as `{member}`.
    HouseMember,
    /// Somebody whom Ada removed from her private house, as `{member}`.
    HouseBan,
    /// Somebody nominated for Ada's private house.
    Nomination,
    /// An event of Ada's that everybody may know of and whose room can be opened, and somebody whom she has not asked to host it, as
    /// `{handle}`.
    Event,
    /// One of a private house of hers.
    PrivateEvent,
    /// An invite of Ada's.
    Invite,
    /// The code of an invite of Ada's.
    Code,
    Passkey,
    /// A session of Ada's, other than the one she uses.
    Session,
    Push,
    /// What Ada has asked somebody to do for her.
    Grant,
    /// What somebody has asked Ada to do for them.
    Delegation,
    /// A domain that Ada is about to prove.
    Proof,
    /// A call for Ada.
    Call,
    /// A report about Ada.
    Report,
    /// A link for a guest of Ada's open room, as `{guest}` and `{code}`.
    GuestLink,
    /// A closed room to whose stage Ada is called up.
    CalledUp,
    /// Sound of hers that goes with a report.
    Track,
    /// The secret of somebody on the waiting list.
    Secret,
    /// The handle of somebody on the waiting list.
    Waiting,
    /// The id of somebody's entry on the waiting list, for admins.
    WaitingEntry,
    /// An invitation of Ada's to somebody without an account.
    Invitation,
    /// The same, with a link for them as `{code}`.
    AnswerLink,
    /// A question that somebody put to an invitation of Ada's.
    Question,
    /// A reply of somebody's to an invitation of Ada's.
    Reply,
    /// A replay of Ada's, in which she speaks, that is open to everybody; a link to it as `{link}`, and her track as `{file}`.
    Replay,
    /// One that is open to those who were there: nobody else.
    ClosedReplay,
    /// A voice note of somebody's about a replay of Ada's that is open to everybody, as `{reply}`.
    VoiceNote,
    /// A clip that somebody cut of one.
    Clip,
}

/// The routes, each with what is asked and what is answered to whom: to a visitor, a member, a member whom Ada has blocked,
/// an admin, the owner of the server, and last Ada herself, whose thing it is. `-` is not tried.
///
/// The admin's and the owner's columns say that running the server opens no rooms, houses or accounts of others.
const TABLE: &[(&str, Thing, &str, &str)] = {
    use Thing::*;
    &[
        // Getting in.
        ("GET /api/server", Nothing, "", "200 200 200 200 200 200"),
        ("GET /api/invites/{code}", Code, "", "200 200 200 200 200 200"),
        ("POST /api/invites/{code}/redeem", Code, NEWCOMER, "201 404 404 404 404 404"),
        ("POST /api/invites", Nothing, "{}", "401 201 201 201 201 201"),
        ("GET /api/invites/mine", Nothing, "", "401 200 200 200 200 200"),
        ("DELETE /api/invites/mine/{id}", Invite, "", "401 404 404 404 404 204"),
        ("POST /api/waitlist", Nothing, WAITING, "201 409 409 409 409 409"),
        ("GET /api/waitlist/{secret}", Secret, "", "200 200 200 200 200 200"),
        ("DELETE /api/waitlist/{secret}", Secret, "", "204 404 404 404 404 404"),
        ("GET /api/waitlist/by-handle/{handle}", Waiting, "", "401 200 200 200 200 200"),
        ("POST /api/waitlist/by-handle/{handle}/wave", Waiting, "", "401 204 409 409 409 409"),
        // Signing in.
        ("GET /api/sign-in", Nothing, "", "200 200 200 200 200 200"),
        ("POST /api/sign-in/passkey/begin", Nothing, "", "200 200 200 200 200 200"),
        ("POST /api/sign-in/passkey/finish", Nothing, CEREMONY, "422 422 422 422 422 422"),
        ("POST /api/sign-in/recovery", Nothing, r#"{"handle":"nobody","code":"aaaaa"}"#, "403 403 403 403 403 403"),
        ("POST /api/sign-in/mail", Nothing, r#"{"address":"a@example.org"}"#, "404 404 404 404 404 404"),
        ("POST /api/sign-in/link", Nothing, r#"{"token":"7zzzzzzzzzzzzzzzzzzzzzzzzz"}"#, "410 410 410 410 410 410"),
        ("POST /api/passkeys/begin", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/passkeys/finish", Nothing, NEW_PASSKEY, "401 422 422 422 422 422"),
        ("GET /api/passkeys", Nothing, "", "401 200 200 200 200 200"),
        ("PATCH /api/passkeys/{id}", Passkey, r#"{"name":"Desk"}"#, "401 404 404 404 404 204"),
        ("DELETE /api/passkeys/{id}", Passkey, "", "401 404 404 404 404 409"),
        ("GET /api/recovery-codes", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/recovery-codes", Nothing, "", "401 201 201 201 201 201"),
        ("GET /api/mail", Nothing, "", "401 200 200 200 200 200"),
        ("PUT /api/mail", Nothing, r#"{"address":"a@example.org"}"#, "401 404 404 404 404 404"),
        ("DELETE /api/mail", Nothing, "", "401 204 204 204 204 204"),
        ("GET /api/sessions", Nothing, "", "401 200 200 200 200 200"),
        ("DELETE /api/sessions/{id}", Session, "", "401 404 404 404 404 204"),
        ("DELETE /api/sessions", Nothing, "", "401 - - - - 204"),
        ("DELETE /api/session", Nothing, "", "401 - - - - 204"),
        ("POST /api/tokens", Nothing, r#"{"label":"Player"}"#, "401 201 201 201 201 201"),
        // The own account.
        ("GET /api/me", Nothing, "", "401 200 200 200 200 200"),
        ("PATCH /api/me", Nothing, r#"{"bio":"Hello"}"#, "401 200 200 200 200 200"),
        ("GET /api/me/profile", Nothing, "", "401 200 200 200 200 200"),
        ("PUT /api/me/avatar", Nothing, "no picture", "401 422 422 422 422 422"),
        ("DELETE /api/me/avatar", Nothing, "", "401 204 204 204 204 204"),
        ("GET /api/me/export", Nothing, "", "401 200 200 200 200 200"),
        ("DELETE /api/me", Nothing, r#"{"handle":"somebody_else"}"#, "401 422 422 422 422 422"),
        // Other people.
        ("GET /api/members/{handle}", Ada, "", "401 200 404 200 200 200"),
        ("GET /api/members/{handle}/followers", Ada, "", "401 200 404 200 200 200"),
        ("GET /api/members/{handle}/following", Ada, "", "401 200 404 200 200 200"),
        ("PUT /api/members/{handle}/follow", Ada, "", "401 204 404 204 204 409"),
        ("DELETE /api/members/{handle}/follow", Ada, "", "401 204 404 204 204 409"),
        ("PUT /api/members/{handle}/mute", Ada, "", "401 204 404 204 204 409"),
        ("DELETE /api/members/{handle}/mute", Muted, "", "401 204 204 204 204 204"),
        ("PUT /api/members/{handle}/block", Ada, "", "401 - 404 - - 409"),
        ("DELETE /api/members/{handle}/block", Blocked, "", "401 204 204 204 204 204"),
        ("GET /api/blocks", Nothing, "", "401 200 200 200 200 200"),
        ("GET /api/mutes", Nothing, "", "401 200 200 200 200 200"),
        ("GET /api/suggestions", Nothing, "", "401 200 200 200 200 200"),
        ("GET /api/search", Nothing, "", "401 400 400 400 400 400"),
        ("POST /api/reports", Ada, r#"{"about":"{handle}","reason":"spam","text":""}"#, "401 201 404 201 201 409"),
        ("GET /api/avatars/{id}/{size}", Nothing, "", "404 404 404 404 404 404"),
        // Rooms.
        ("GET /api/rooms", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/rooms", Nothing, r#"{"title":"Talk","kind":"open"}"#, "401 201 201 201 201 201"),
        (
            "POST /api/rooms",
            PrivateHouse,
            r#"{"title":"Talk","kind":"open","house":"{handle}"}"#,
            "401 404 404 404 404 201",
        ),
        ("GET /api/rooms/{id}", OpenRoom, "", "401 200 404 200 200 200"),
        ("GET /api/rooms/{id}", ClosedRoom, "", "401 404 404 404 404 200"),
        ("GET /api/rooms/{id}/roster", OpenRoom, "", "401 200 404 200 200 200"),
        ("GET /api/rooms/{id}/roster", ClosedRoom, "", "401 404 404 404 404 200"),
        ("POST /api/rooms/{id}/ping", OpenRoom, r#"{"handles":["nobody"]}"#, "401 409 404 409 409 404"),
        ("POST /api/rooms/{id}/ping", ClosedRoom, r#"{"handles":["nobody"]}"#, "401 404 404 404 404 404"),
        ("POST /api/rooms/{id}/listen", ClosedRoom, OFFER, "401 404 404 404 404 201"),
        ("POST /api/rooms/{id}/publish", ClosedRoom, OFFER, "401 404 404 404 404 422"),
        ("GET /api/rooms/{id}/stream.ogg", ClosedRoom, "", "401 404 404 404 404 409"),
        ("POST /api/rooms/{id}/stream", ClosedRoom, "", "401 404 404 404 404 201"),
        ("DELETE /api/rooms/{id}/legs/{leg}", ClosedRoom, "", "401 404 404 404 404 404"),
        ("GET /api/rooms/{id}/ws", ClosedRoom, "", "401 404 404 404 404 400"),
        ("GET /api/rooms/{id}/acts", OpenRoom, "", "401 404 404 200 200 200"),
        ("GET /api/rooms/{id}/acts", ClosedRoom, "", "401 404 404 200 200 200"),
        ("GET /api/acts/mine", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/acts/{id}/appeal", Act, r#"{"text":"Why?"}"#, "401 404 404 404 404 201"),
        ("GET /api/appeals", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/appeals/{id}", Appeal, r#"{"decision":"upheld","answer":""}"#, "401 404 404 204 409 409"),
        ("PUT /api/rooms/{id}/hidden", OpenRoom, "", "401 204 404 204 204 204"),
        ("PUT /api/rooms/{id}/hidden", ClosedRoom, "", "401 404 404 404 404 204"),
        ("DELETE /api/rooms/{id}/hidden", ClosedRoom, "", "401 204 204 204 204 204"),
        ("GET /api/live", Nothing, "", "401 400 400 400 400 400"),
        ("POST /api/rooms/{id}/guests", OpenRoom, GUEST, "401 403 404 403 403 201"),
        ("POST /api/rooms/{id}/guests", ClosedRoom, GUEST, "401 404 404 404 404 201"),
        ("GET /api/rooms/{id}/guests", OpenRoom, "", "401 403 404 403 403 200"),
        ("GET /api/rooms/{id}/guests", ClosedRoom, "", "401 404 404 404 404 200"),
        ("DELETE /api/rooms/{id}/guests/{guest}", GuestLink, "", "401 403 404 403 403 204"),
        ("GET /api/guest-links/{code}", GuestLink, "", "200 200 200 200 200 200"),
        ("POST /api/guest-links/{code}", GuestLink, "", "201 404 404 404 404 404"),
        ("GET /api/guest", Nothing, "", "401 401 401 401 401 401"),
        ("DELETE /api/guest", Nothing, "", "401 401 401 401 401 401"),
        ("POST /api/rooms/{id}/call-up/decline", CalledUp, "", "401 404 404 404 404 204"),
        ("POST /api/calls", Ada, r#"{"handle":"{handle}"}"#, "401 201 404 201 201 409"),
        ("POST /api/calls/{id}/answer", Call, r#"{"answer":"later"}"#, "401 410 410 410 410 200"),
        // Events.
        ("GET /api/events", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/events", Nothing, r#"{"title":"Talk"}"#, "401 201 201 201 201 201"),
        ("POST /api/events", PrivateHouse, r#"{"title":"Talk","house":"{handle}"}"#, "401 404 404 404 404 201"),
        ("GET /api/events/{id}", Event, "", "200 200 404 200 200 200"),
        ("GET /api/events/{id}", PrivateEvent, "", "404 404 404 404 404 200"),
        ("PATCH /api/events/{id}", Event, r#"{"about":"More"}"#, "401 403 404 403 403 200"),
        ("PATCH /api/events/{id}", PrivateEvent, r#"{"about":"More"}"#, "401 404 404 404 404 200"),
        ("POST /api/events/{id}/date", Event, r#"{"starts_at":null}"#, "401 403 404 403 403 200"),
        ("POST /api/events/{id}/cancel", Event, "", "401 403 404 403 403 204"),
        ("POST /api/events/{id}/cancel", PrivateEvent, "", "401 404 404 404 404 204"),
        ("POST /api/events/{id}/room", Event, "", "401 403 404 403 403 201"),
        ("POST /api/events/{id}/room", PrivateEvent, "", "401 404 404 404 404 201"),
        ("PUT /api/events/{id}/subscription", Event, "", "401 204 404 204 204 204"),
        ("PUT /api/events/{id}/subscription", PrivateEvent, "", "401 404 404 404 404 204"),
        ("DELETE /api/events/{id}/subscription", Event, "", "401 204 404 204 204 204"),
        ("PUT /api/events/{id}/poll", Event, r#"{"times":[]}"#, "401 403 404 403 403 200"),
        ("PUT /api/events/{id}/poll/votes", Event, r#"{"times":[]}"#, "401 204 404 204 204 204"),
        ("PUT /api/events/{id}/cohosts/{handle}", Event, "", "401 403 404 403 403 204"),
        ("DELETE /api/events/{id}/cohosts/{handle}", Event, "", "401 403 404 403 403 404"),
        ("POST /api/events/{id}/cohost", Event, "", "401 403 404 403 403 403"),
        ("DELETE /api/events/{id}/cohost", Event, "", "401 403 404 403 403 403"),
        ("GET /api/me/calendar", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/me/calendar", Nothing, "", "401 201 201 201 201 201"),
        ("DELETE /api/me/calendar", Nothing, "", "401 204 204 204 204 204"),
        // Replays.
        ("GET /api/replays", Nothing, "", "200 200 200 200 200 200"),
        ("GET /api/replays/{id}", Replay, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}", ClosedReplay, "", "404 404 404 404 404 200"),
        ("PATCH /api/replays/{id}", Replay, r#"{"title":"Other"}"#, "401 403 404 403 403 200"),
        ("PATCH /api/replays/{id}", ClosedReplay, r#"{"title":"Other"}"#, "401 404 404 404 404 200"),
        // The first of them who may takes it away from the others.
        ("DELETE /api/replays/{id}", Replay, "", "401 403 404 204 404 404"),
        ("DELETE /api/replays/{id}", ClosedReplay, "", "401 404 404 204 404 404"),
        ("GET /api/replays/{id}/audio.ogg", Replay, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}/audio.ogg", ClosedReplay, "", "404 404 404 404 404 200"),
        ("GET /api/replays/{id}/audio.mp4", Replay, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}/audio.mp4", ClosedReplay, "", "404 404 404 404 404 200"),
        ("GET /api/replays/{id}/tracks/{file}", Replay, "", "404 404 404 404 404 200"),
        ("GET /api/replays/{id}/tracks/{file}", ClosedReplay, "", "404 404 404 404 404 200"),
        ("POST /api/replays/{id}/withdraw", ClosedReplay, "", "401 404 404 404 404 204"),
        ("GET /api/me/tracks", Nothing, "", "401 200 200 200 200 200"),
        ("GET /api/replays/{id}/links", Replay, "", "401 403 404 403 403 200"),
        ("GET /api/replays/{id}/links", ClosedReplay, "", "401 404 404 404 404 200"),
        ("POST /api/replays/{id}/links", Replay, "{}", "401 403 404 403 403 201"),
        ("DELETE /api/replays/{id}/links/{link}", Replay, "", "401 403 404 403 403 204"),
        ("GET /api/replays/{id}/replies", Replay, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}/replies", ClosedReplay, "", "404 404 404 404 404 200"),
        ("GET /api/replays/{id}/transcript", Replay, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}/transcript", ClosedReplay, "", "404 404 404 404 404 200"),
        ("GET /api/replays/{id}/transcript.vtt", Replay, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}/transcript.vtt", ClosedReplay, "", "404 404 404 404 404 200"),
        (
            "PATCH /api/replays/{id}/transcript/{n}/{line}",
            ClosedReplay,
            r#"{"text":"Well"}"#,
            "404 404 404 404 404 200",
        ),
        ("DELETE /api/replays/{id}/transcript/{n}/{line}", ClosedReplay, "", "404 404 404 404 404 204"),
        ("POST /api/replays/{id}/replies", Replay, r#"{"text":"Well"}"#, "401 201 404 201 201 201"),
        ("POST /api/replays/{id}/replies", ClosedReplay, r#"{"text":"Well"}"#, "401 404 404 404 404 201"),
        // Refused before it is looked at, in that order: what is read of a longer body depends on the moment.
        ("POST /api/replays/{id}/voice", ClosedReplay, "no picture", "401 415 415 415 415 415"),
        ("POST /api/replays/{id}/voice", ClosedReplay, "no voice", "401 404 404 404 404 422"),
        ("GET /api/replays/{id}/replies/{reply}/voice.ogg", VoiceNote, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}/replies/{reply}/voice.mp4", VoiceNote, "", "200 200 404 200 200 200"),
        ("DELETE /api/replays/{id}/replies/{reply}", VoiceNote, "", "401 404 404 404 404 204"),
        ("GET /api/replays/{id}/clips", Replay, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}/clips", ClosedReplay, "", "404 404 404 404 404 200"),
        ("POST /api/replays/{id}/clips", Replay, CLIP, "401 201 404 201 201 201"),
        ("POST /api/replays/{id}/clips", ClosedReplay, CLIP, "401 404 404 404 404 201"),
        ("GET /api/clips/{id}", Clip, "", "200 200 404 200 200 200"),
        ("DELETE /api/clips/{id}", Clip, "", "401 404 404 404 404 204"),
        ("GET /api/clips/{id}/audio.ogg", Clip, "", "200 200 404 200 200 200"),
        ("GET /api/clips/{id}/audio.mp4", Clip, "", "200 200 404 200 200 200"),
        // Houses.
        ("GET /api/houses", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/houses", Nothing, r#"{"handle":"h","name":"House"}"#, "401 422 422 422 422 422"),
        ("GET /api/houses/{handle}", House, "", "401 200 200 200 200 200"),
        ("GET /api/houses/{handle}", PrivateHouse, "", "401 404 404 404 404 200"),
        ("PATCH /api/houses/{handle}", House, r#"{"about":"More"}"#, "401 403 403 403 403 200"),
        ("PATCH /api/houses/{handle}", PrivateHouse, r#"{"about":"More"}"#, "401 404 404 404 404 200"),
        ("DELETE /api/houses/{handle}", House, "", "401 403 403 403 403 204"),
        ("DELETE /api/houses/{handle}", PrivateHouse, "", "401 404 404 404 404 204"),
        ("GET /api/houses/{handle}/members", House, "", "401 200 200 200 200 200"),
        ("GET /api/houses/{handle}/members", PrivateHouse, "", "401 404 404 404 404 200"),
        ("PUT /api/houses/{handle}/members/{member}", HouseMember, r#"{"role":"admin"}"#, "401 404 404 404 404 204"),
        ("DELETE /api/houses/{handle}/members/{member}", HouseMember, "", "401 404 404 404 404 204"),
        ("PUT /api/houses/{handle}/membership", House, ACCEPTED, "401 204 204 204 204 204"),
        ("PUT /api/houses/{handle}/membership", PrivateHouse, ACCEPTED, "401 404 404 404 404 204"),
        ("DELETE /api/houses/{handle}/membership", PrivateHouse, "", "401 404 404 404 404 409"),
        ("PUT /api/houses/{handle}/follow", House, "", "401 204 204 204 204 204"),
        ("PUT /api/houses/{handle}/follow", PrivateHouse, "", "401 404 404 404 404 204"),
        ("DELETE /api/houses/{handle}/follow", PrivateHouse, "", "401 404 404 404 404 204"),
        ("GET /api/houses/{handle}/bans", House, "", "401 403 403 403 403 200"),
        ("GET /api/houses/{handle}/bans", PrivateHouse, "", "401 404 404 404 404 200"),
        ("GET /api/houses/{handle}/log", House, "", "401 403 403 403 403 200"),
        ("GET /api/houses/{handle}/log", PrivateHouse, "", "401 404 404 404 404 200"),
        ("DELETE /api/houses/{handle}/bans/{member}", HouseBan, "", "401 404 404 404 404 204"),
        ("GET /api/houses/{handle}/nominations", House, "", "401 403 403 403 403 200"),
        ("GET /api/houses/{handle}/nominations", PrivateHouse, "", "401 404 404 404 404 200"),
        ("POST /api/houses/{handle}/nominations", PrivateHouse, r#"{"handle":"nobody"}"#, "401 404 404 404 404 404"),
        ("POST /api/houses/{handle}/nominations/{id}", Nomination, r#"{"accept":true}"#, "401 404 404 404 404 204"),
        // What members are told.
        ("GET /api/notices", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/notices/read", Nothing, r#"{"until":1}"#, "401 200 200 200 200 200"),
        ("GET /api/notices/choices", Nothing, "", "401 200 200 200 200 200"),
        ("PUT /api/notices/choices", Nothing, CHOICES, "401 204 204 204 204 204"),
        ("GET /api/unsubscribe/{token}", Nothing, "", "404 404 404 404 404 404"),
        ("POST /api/unsubscribe/{token}", Nothing, "", "404 404 404 404 404 404"),
        ("GET /api/push/key", Nothing, "", "401 200 200 200 200 200"),
        (
            "POST /api/push",
            Nothing,
            r#"{"endpoint":"https://push.example/a","p256dh":"","auth":""}"#,
            "401 422 422 422 422 422",
        ),
        ("DELETE /api/push/{id}", Push, "", "401 404 404 404 404 204"),
        // Offices, and domains.
        ("GET /api/me/office", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/me/office", Ada, GRANT, "401 201 404 201 201 409"),
        ("DELETE /api/me/office/{id}", Grant, "", "401 404 404 404 404 204"),
        ("GET /api/me/office/acts", Nothing, "", "401 200 200 200 200 200"),
        ("GET /api/me/delegations", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/me/delegations/{id}", Delegation, "", "401 404 404 404 404 200"),
        ("DELETE /api/me/delegations/{id}", Delegation, "", "401 404 404 404 404 204"),
        ("GET /api/me/proofs", Nothing, "", "401 200 200 200 200 200"),
        ("POST /api/me/proofs", Nothing, PROOF, "401 201 201 201 201 201"),
        // Her own would be looked for on the internet.
        ("POST /api/me/proofs/{id}/check", Proof, "", "401 404 404 404 404 -"),
        ("DELETE /api/me/proofs/{id}", Proof, "", "401 404 404 404 404 204"),
        // Invitations, which need no account to be read.
        ("GET /api/invitations", Nothing, "", "200 200 200 200 200 200"),
        ("POST /api/invitations", Ada, INVITATION, "401 201 404 201 201 409"),
        ("GET /api/invitations/{id}", Invitation, "", "200 200 404 200 200 200"),
        ("POST /api/invitations/{id}/acts", Invitation, r#"{"act":"withdraw"}"#, "401 403 404 403 403 200"),
        ("POST /api/invitations/{id}/sheets", Invitation, SHEET, "401 403 404 403 403 201"),
        (
            "PUT /api/invitations/{id}/texts/{language}",
            Invitation,
            r#"{"title":"Komm","text":"Bitte"}"#,
            "401 403 404 403 403 200",
        ),
        ("POST /api/invitations/{id}/link", Invitation, "", "401 403 404 403 403 201"),
        ("DELETE /api/invitations/{id}/link", AnswerLink, "", "401 403 404 403 403 204"),
        ("GET /api/answers/{code}", AnswerLink, "", "200 200 200 200 200 200"),
        ("POST /api/answers/{code}", AnswerLink, "", "201 404 404 404 404 404"),
        ("PUT /api/invitations/{id}/cosign", Invitation, "", "401 204 404 204 204 403"),
        ("DELETE /api/invitations/{id}/cosign", Invitation, "", "401 204 404 204 204 204"),
        ("GET /api/invitations/{id}/cosigns", Invitation, "", "200 200 404 200 200 200"),
        ("PUT /api/invitations/{id}/question", Invitation, r#"{"text":"Why?"}"#, "401 200 404 200 200 403"),
        ("DELETE /api/invitations/{id}/question", Invitation, "", "401 204 404 204 204 204"),
        ("GET /api/invitations/{id}/questions", Invitation, "", "200 200 404 200 200 200"),
        ("DELETE /api/questions/{id}", Question, "", "401 404 404 404 404 204"),
        ("PUT /api/questions/{id}/vote", Question, "", "401 204 404 204 204 204"),
        ("DELETE /api/questions/{id}/vote", Question, "", "401 404 404 404 404 404"),
        ("POST /api/questions/{id}/answered", Question, "", "401 404 404 404 404 204"),
        ("POST /api/invitations/{id}/replies", Invitation, r#"{"text":"Well"}"#, "401 201 404 201 201 201"),
        ("GET /api/invitations/{id}/replies", Invitation, "", "200 200 404 200 200 200"),
        ("DELETE /api/replies/{id}", Reply, "", "401 404 404 404 404 204"),
        // Only for whoever took the link of that invitation.
        ("GET /api/invitations/{id}/proofs", Nothing, "", "401 401 401 401 401 401"),
        ("POST /api/invitations/{id}/proofs", Nothing, PROOF, "401 401 401 401 401 401"),
        ("POST /api/invitations/{id}/proofs/{proof}/check", Nothing, "", "401 401 401 401 401 401"),
        ("DELETE /api/invitations/{id}/proofs/{proof}", Nothing, "", "401 401 401 401 401 401"),
        // Running the server: for others it is not there.
        ("GET /api/admin/members", Nothing, "", "404 404 404 200 200 404"),
        ("GET /api/admin/members/{handle}", Ada, "", "404 404 404 200 200 404"),
        ("PUT /api/admin/members/{handle}/admin", Ada, "", "404 404 404 403 204 -"),
        ("DELETE /api/admin/members/{handle}/admin", Ada, "", "404 404 404 403 409 404"),
        ("PUT /api/admin/members/{handle}/owner", Ada, "", "404 404 404 403 - 404"),
        ("POST /api/admin/members/{handle}/suspend", Ada, r#"{"branch":true}"#, "404 404 404 200 - -"),
        ("POST /api/admin/members/{handle}/restore", Ada, r#"{"branch":true}"#, "404 404 404 200 200 404"),
        ("GET /api/admin/tree", Nothing, "", "404 404 404 200 200 404"),
        ("GET /api/admin/suspensions", Nothing, "", "404 404 404 200 200 404"),
        ("GET /api/admin/waitlist", Nothing, "", "404 404 404 200 200 404"),
        ("DELETE /api/admin/waitlist/{id}", WaitingEntry, "", "404 404 404 204 404 404"),
        ("GET /api/admin/reports", Nothing, "", "404 404 404 200 200 404"),
        ("POST /api/admin/reports/{id}", Report, r#"{"outcome":"no_action"}"#, "404 404 404 204 409 404"),
        ("GET /api/admin/reports/{id}/evidence/{n}", Track, "", "404 404 404 200 200 404"),
        ("GET /api/admin/audit", Nothing, "", "404 404 404 200 200 404"),
        ("GET /api/admin/health", Nothing, "", "404 404 404 200 200 404"),
        ("GET /api/admin/settings", Nothing, "", "404 404 404 200 200 404"),
        ("PUT /api/admin/settings", Nothing, SETTINGS, "404 404 404 200 200 404"),
        // Whoever chooses the mail server reads the letters that sign people in.
        ("POST /api/admin/settings/test-mail", Nothing, r#"{"to":"a@example.org"}"#, "404 404 404 403 404 404"),
        ("PUT /api/admin/settings", Nothing, MAIL_SETTINGS, "404 404 404 403 200 404"),
        ("POST /api/admin/settings/test-mail", Nothing, r#"{"to":"a@example.org"}"#, "404 404 404 403 502 404"),
        // About the server, for programs.
        ("GET /api/openapi.json", Nothing, "", "200 200 200 200 200 200"),
        ("GET /livez", Nothing, "", "200 200 200 200 200 200"),
        ("GET /readyz", Nothing, "", "200 200 200 200 200 200"),
        ("GET /metrics", Nothing, "", "200 200 200 200 200 200"),
    ]
};

/// What a guest of another room than Ada's is answered, where it is not what a visitor is answered; `-` is not tried.
const OF_GUESTS: &[(&str, &str)] = &[
    ("GET /api/rooms/{id}", "404"),
    ("GET /api/rooms/{id}/roster", "404"),
    ("POST /api/rooms/{id}/listen", "404"),
    ("POST /api/rooms/{id}/publish", "404"),
    ("DELETE /api/rooms/{id}/legs/{leg}", "404"),
    ("GET /api/rooms/{id}/stream.ogg", "404"),
    ("POST /api/rooms/{id}/stream", "404"),
    ("GET /api/rooms/{id}/ws", "404"),
    ("GET /api/guest", "200"),
    ("DELETE /api/guest", "-"),
    // They might speak in it.
    ("POST /api/replays/{id}/withdraw", "404"),
    // What works once, or for so many, the visitor has had.
    ("POST /api/invites/{code}/redeem", "-"),
    ("POST /api/waitlist", "-"),
    ("DELETE /api/waitlist/{secret}", "-"),
    ("POST /api/guest-links/{code}", "-"),
    ("POST /api/answers/{code}", "-"),
];

const CLIP: &str = r#"{"from_ms":0,"to_ms":2000,"title":"Clip"}"#;
const GRANT: &str = r#"{"handle":"{handle}","rights":["answer"],"title":"Office","days":1}"#;
const PROOF: &str = r#"{"domain":"example.org","method":"dns"}"#;
const INVITATION: &str = r#"{"invitee":{"handle":"{handle}"},"title":"Come","text":"Please"}"#;
const SHEET: &str =
    r#"{"topics":[],"minutes":60,"languages":["en"],"recorded":false,"others":[],"audience":"open","notes":""}"#;
const GUEST: &str = r#"{"name":"Grace","minutes":5}"#;
const NEWCOMER: &str = r#"{"handle":"{new}","name":"New","language":"en"}"#;
const WAITING: &str = r#"{"handle":"{new}","name":"New","language":"en"}"#;
const CEREMONY: &str = r#"{"ceremony":"7zzzzzzzzzzzzzzzzzzzzzzzzz","credential":{}}"#;
const NEW_PASSKEY: &str = r#"{"ceremony":"7zzzzzzzzzzzzzzzzzzzzzzzzz","name":"Phone","credential":{}}"#;
const ACCEPTED: &str = r#"{"rules_accepted":true}"#;
const CHOICES: &str = r#"{"kinds":[],"quiet_from":null,"quiet_until":null,"time_zone":"Europe/Berlin"}"#;
const SETTINGS: &str =
    r#"{"name":"Talk","languages":["en","ru"],"invites_per_member":50,"invite_days":30,"waitlist":true,"mail":null}"#;
/// Nobody listens there.
const MAIL_SETTINGS: &str = r#"{"name":"Talk","languages":["en","ru"],"invites_per_member":50,"invite_days":30,"waitlist":true,
    "mail":{"host":"127.0.0.1","port":1,"from":"a@example.org","tls":"none"}}"#;
/// Stands for an SDP offer.
const OFFER: &str = "v=0";

/// In the order of the table's columns.
const ROLES: [&str; 6] = ["visitor", "member", "blocked", "admin", "owner", "self"];

on_both_databases!(every_route_answers_every_role_as_the_table_says);

async fn every_route_answers_every_role_as_the_table_says(servers: &[Trusting]) {
    let mut codes = Vec::new();
    for Trusting { server, data } in servers {
        let mut world = World::new(server, data).await;
        let (mut wrong, mut refusals) = (Vec::new(), BTreeMap::new());
        for (number, row) in TABLE.iter().enumerate() {
            // Answers the server's signs of life, without which a socket counts as lost after a while: refused, as there is no hand.
            world.host.command(json!({ "type": "lower_hand" })).await;
            wrong.extend(world.check(number, row, &mut refusals).await);
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
        codes.push(refusals);
    }
    for other in &codes[1..] {
        assert_eq!(&codes[0], other, "SQLite on the left, Postgres on the right");
    }
}

#[tokio::test]
async fn every_route_has_a_row_and_every_row_a_route() {
    let (server, _data) = Server::start().await;
    let description = server.get("/api/openapi.json", None).await.json();
    let mut routes: BTreeSet<String> = roomtone::http::UNDESCRIBED.iter().map(|path| format!("GET {path}")).collect();
    for (path, methods) in description["paths"].as_object().unwrap() {
        routes.extend(methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let rows: BTreeSet<String> = TABLE.iter().map(|(route, ..)| (*route).to_owned()).collect();
    assert_eq!(routes, rows, "routes on the left, rows on the right");
    server.stop().await;
}

/// Those who try: the same for all rows, but for Ada and whom she has blocked.
struct World<'a> {
    server: &'a Server,
    data: &'a TempDir,
    member: Member<'a>,
    admin: Member<'a>,
    owner: Member<'a>,
    /// The cookie of a guest of a room of somebody else's, who is there.
    guest: String,
    /// The host of that room is there as long as this is.
    host: Socket,
}

/// What stands in place of the path's and the body's placeholders.
type Names = Vec<(&'static str, String)>;

impl<'a> World<'a> {
    async fn new(server: &'a Server, data: &'a TempDir) -> Self {
        let link = server.app.owner_link().await.unwrap().unwrap();
        let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
        let (member, admin) = (server.member(data).await, server.member(data).await);
        let settings = server.send_json(Method::PUT, "/api/admin/settings", Some(&owner.token), SETTINGS).await;
        assert_eq!(settings.status, StatusCode::OK, "{}", settings.text);
        let path = format!("/api/admin/members/{}/admin", admin.handle);
        assert_eq!(owner.send(Method::PUT, &path).await.status, StatusCode::NO_CONTENT);
        let host = server.member(data).await;
        let room = host.open("open").await;
        let socket = host.enter(&room).await;
        let link = crate::guests::link(&host, &room, "Grace").await;
        let guest = crate::guests::Guest::by(server, link["link"].as_str().unwrap()).await.cookie;
        Self { server, data, member, admin, owner, guest, host: socket }
    }

    /// Tries one row as everybody, and says what was not as it is to be. The codes of refusals go with the others'.
    async fn check(
        &self,
        number: usize,
        (route, thing, body, expected): &(&str, Thing, &str, &str),
        codes: &mut BTreeMap<String, Value>,
    ) -> Vec<String> {
        let ada = self.server.member(self.data).await;
        let blocked = self.server.member(self.data).await;
        let block = format!("/api/members/{}/block", blocked.handle);
        assert_eq!(ada.send(Method::PUT, &block).await.status, StatusCode::NO_CONTENT);
        let mut names = self.make(*thing, &ada).await;
        names.push(("new", format!("new{number}")));

        let tokens = [None, Some(&self.member), Some(&blocked), Some(&self.admin), Some(&self.owner), Some(&ada)];
        let (method, path) = route.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let mut wrong = Vec::new();
        let expected: Vec<_> = expected.split(' ').collect();
        assert_eq!(expected.len(), ROLES.len(), "{route}");
        for ((role, member), expected) in ROLES.iter().zip(tokens).zip(expected) {
            if expected == "-" {
                continue;
            }
            let token = member.map(|member| member.token.as_str());
            let answer = self.ask(&method, &filled(path, &names), token, &filled(body, &names), &[]).await;
            if role == &"visitor" {
                wrong.extend(self.check_guest(route, &names, body, expected, &answer).await);
            }
            let found = answer.status.as_str();
            if found != expected {
                wrong.push(format!(
                    "{route} ({thing:?}) as {role}: {expected} expected, {found} found: {:.120}",
                    answer.text
                ));
            }
            if answer.status.is_client_error() {
                codes.insert(format!("{route} ({thing:?}) as {role}"), answer.json()["code"].clone());
            }
            if found != "404" {
                continue;
            }
            if path.starts_with("/api/admin") && !matches!(*role, "admin" | "owner") {
                let nowhere = self.ask(&method, "/api/nowhere", token, body, &[]).await;
                if (nowhere.status, &nowhere.text) != (answer.status, &answer.text) {
                    wrong.push(format!("{route} as {role}: {} here, {} nowhere", answer.text, nowhere.text));
                }
            }
            if *role == "self" || *thing == Thing::Nothing {
                continue;
            }
            // What cannot be seen, and what is not: the same answer to the letter.
            let missing = self.ask(&method, &filled(path, &[]), token, &filled(body, &[]), &[]).await;
            if (missing.status, &missing.text) != (answer.status, &answer.text) {
                wrong.push(format!(
                    "{route} ({thing:?}) as {role}: {} for what is there, {} for what is not",
                    answer.text, missing.text
                ));
            }
        }
        wrong
    }

    /// A guest of another room is a visitor, but where it says otherwise above.
    async fn check_guest(
        &self,
        route: &str,
        names: &Names,
        body: &str,
        expected: &str,
        visitor: &Answer,
    ) -> Option<String> {
        let own = OF_GUESTS.iter().find(|(of, _)| *of == route).map(|(_, expected)| *expected);
        if own == Some("-") {
            return None;
        }
        let (method, path) = route.split_once(' ').unwrap();
        let cookie = [("cookie", self.guest.as_str())];
        let method = method.parse().unwrap();
        let answer = self.ask(&method, &filled(path, names), None, &filled(body, names), &cookie).await;
        let same = own.is_some() || !answer.status.is_client_error() || answer.text == visitor.text;
        if answer.status.as_str() == own.unwrap_or(expected) && same {
            return None;
        }
        let expected = own.unwrap_or(expected);
        Some(format!("{route} as guest: {expected} expected, {} found: {:.120}", answer.status, answer.text))
    }

    async fn ask(&self, method: &Method, path: &str, token: Option<&str>, body: &str, more: &[(&str, &str)]) -> Answer {
        let (kind, body) = match body {
            "" => return self.server.send(method.clone(), path, token, more, String::new()).await,
            OFFER => ("application/sdp", listen_offer()),
            "no picture" => ("image/png", body.to_owned()),
            "no voice" => ("audio/wav", body.to_owned()),
            _ => ("application/json", body.to_owned()),
        };
        let headers: Vec<_> = more.iter().copied().chain([("content-type", kind)]).collect();
        self.server.send(method.clone(), path, token, &headers, body).await
    }

    /// Writes something down for each track of a replay for which nothing is.
    async fn write_down(&self) {
        let store = &self.server.app.store;
        let (text, language) = ("Good evening.".to_owned(), "en".to_owned());
        let said = [NewTranscriptLine { from_ms: 0, to_ms: 1_000, text, language }];
        while let Some(track) = store.begin_transcript().await.unwrap() {
            assert!(store.keep_transcript(track.replay, track.n, &said, roomtone::edge::now()).await.unwrap());
        }
    }

    /// Makes what a row is about.
    async fn make(&self, thing: Thing, ada: &Member<'_>) -> Names {
        let made = |answer: Answer| {
            assert!(answer.status.is_success(), "{thing:?}: {} {}", answer.status, answer.text);
            if answer.text.is_empty() { Value::Null } else { answer.json() }
        };
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        match thing {
            Thing::Nothing => Vec::new(),
            Thing::Ada => vec![("handle", ada.handle.clone())],
            Thing::Muted | Thing::Blocked => {
                let other = self.server.member(self.data).await;
                let act = if thing == Thing::Muted { "mute" } else { "block" };
                made(ada.send(Method::PUT, &format!("/api/members/{}/{act}", other.handle)).await);
                vec![("handle", other.handle)]
            }
            Thing::OpenRoom => vec![("id", ada.open("open").await)],
            Thing::ClosedRoom => vec![("id", ada.open("closed").await), ("leg", invented())],
            Thing::Act | Thing::Appeal => {
                let (other, third) = (self.server.member(self.data).await, self.server.member(self.data).await);
                let (host, whom) = if thing == Thing::Act { (&other, ada) } else { (ada, &other) };
                let act = crate::acts::act("removed", third.id.parse().unwrap(), Some(whom.id.parse().unwrap()));
                let room = host.open("open").await.parse().unwrap();
                let changes = Changes { acts: std::slice::from_ref(&act), ..Changes::default() };
                // The first epoch is that of the owner who has the room.
                self.server.app.store.append(room, 1, changes).await.unwrap();
                if thing == Thing::Act {
                    return vec![("id", act.id.to_string())];
                }
                let path = format!("/api/acts/{}/appeal", act.id);
                vec![("id", id(&made(other.post(&path, &json!({ "text": "Why?" })).await)))]
            }
            Thing::House | Thing::PrivateHouse => vec![("handle", house(ada, thing == Thing::PrivateHouse).await)],
            Thing::HouseMember | Thing::HouseBan => {
                let handle = house(ada, true).await;
                let inside = self.server.member(self.data).await;
                let nominated = json!({ "handle": inside.handle });
                made(ada.post(&format!("/api/houses/{handle}/nominations"), &nominated).await);
                let join = format!("/api/houses/{handle}/membership");
                made(self.server.send_json(Method::PUT, &join, Some(&inside.token), ACCEPTED).await);
                if thing == Thing::HouseBan {
                    made(ada.send(Method::DELETE, &format!("/api/houses/{handle}/members/{}", inside.handle)).await);
                }
                vec![("handle", handle), ("member", inside.handle)]
            }
            Thing::Nomination => {
                let handle = house(ada, true).await;
                let (inside, outside) = (self.server.member(self.data).await, self.server.member(self.data).await);
                let nominations = format!("/api/houses/{handle}/nominations");
                made(ada.post(&nominations, &json!({ "handle": inside.handle })).await);
                let join = format!("/api/houses/{handle}/membership");
                made(self.server.send_json(Method::PUT, &join, Some(&inside.token), ACCEPTED).await);
                made(inside.post(&nominations, &json!({ "handle": outside.handle })).await);
                let waiting = made(ada.get(&nominations).await);
                vec![("handle", handle), ("id", id(&waiting["items"][0]))]
            }
            Thing::Event | Thing::PrivateEvent => {
                let mut event = json!({ "title": "Talk", "starts_at": roomtone::edge::now().0 + 60_000 });
                if thing == Thing::PrivateEvent {
                    event["house"] = house(ada, true).await.into();
                }
                let other = self.server.member(self.data).await.handle;
                vec![("id", id(&made(ada.post("/api/events", &event).await))), ("handle", other)]
            }
            Thing::Invite => vec![("id", id(&made(ada.post("/api/invites", &json!({})).await)))],
            Thing::Code => {
                let made = made(ada.post("/api/invites", &json!({})).await);
                vec![("code", made["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())]
            }
            Thing::Passkey => {
                let mut key = Authenticator::new(&format!("http://localhost:{}", self.server.address.port()));
                let begun = made(ada.send(Method::POST, "/api/passkeys/begin").await);
                let credential = key.create(&begun["options"]);
                let body = json!({ "ceremony": begun["ceremony"], "name": "Phone", "credential": credential });
                vec![("id", id(&made(ada.post("/api/passkeys/finish", &body).await)))]
            }
            Thing::Session => {
                made(ada.post("/api/tokens", &json!({ "label": "Player" })).await);
                let sessions = made(ada.get("/api/sessions").await);
                let other = sessions["items"].as_array().unwrap().iter().find(|one| one["current"] == false).unwrap();
                vec![("id", id(other))]
            }
            Thing::Push => {
                // The public key of RFC 8291, section 5, and any sixteen bytes.
                let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
                let endpoint = format!("https://push.example/{}", ada.handle);
                let body = json!({ "endpoint": endpoint, "p256dh": p256dh, "auth": "BTBZMqHH6r4Tts7J_aSIgg" });
                vec![("id", id(&made(ada.post("/api/push", &body).await)))]
            }
            Thing::Grant | Thing::Delegation => {
                let other = self.server.member(self.data).await;
                let (of, to) = if thing == Thing::Grant { (ada, &other) } else { (&other, ada) };
                vec![("id", of.asks_to_act(to, &["answer"]).await)]
            }
            Thing::Proof => {
                let body: Value = serde_json::from_str(PROOF).unwrap();
                vec![("id", id(&made(ada.post("/api/me/proofs", &body).await)))]
            }
            Thing::Call => {
                let caller = self.server.member(self.data).await;
                vec![("id", id(&made(caller.post("/api/calls", &json!({ "handle": ada.handle })).await)))]
            }
            Thing::GuestLink => {
                let room = ada.open("open").await;
                let made = crate::guests::link(ada, &room, "Grace").await;
                let code = made["link"].as_str().unwrap().rsplit('/').next().unwrap();
                vec![("id", room), ("guest", made["guest"].as_str().unwrap().to_owned()), ("code", code.to_owned())]
            }
            Thing::CalledUp => {
                let host = self.server.member(self.data).await;
                let room = host.open("closed").await;
                // The room outlasts the row: whoever hosts it has some seconds to come back.
                let mut socket = host.enter(&room).await;
                socket.accepted(json!({ "type": "call_up", "member": ada.id, "context": null })).await;
                vec![("id", room)]
            }
            Thing::Report => {
                let body = json!({ "about": ada.handle, "reason": "spam", "text": "Look" });
                let reporter = self.server.member(self.data).await;
                vec![("id", id(&made(reporter.post("/api/reports", &body).await)))]
            }
            Thing::Track => {
                let reporter = self.server.member(self.data).await.id.parse().unwrap();
                let id = RecordId(u128::from_be_bytes(Secret::draw().hash[..16].try_into().unwrap()));
                let speaker = Speaker::Member(ada.id.parse().unwrap());
                let track = NewEvidence { n: 1, speaker, began_at: Timestamp(1), ms: 20, bytes: 5 };
                let report = crate::evidence::report(id, reporter);
                self.server.app.store.create_report_with(report, &[track]).await.unwrap();
                let folder = self.data.path().join("evidence").join(id.to_string());
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("1.opus"), "sound").unwrap();
                vec![("id", id.to_string()), ("n", "1".to_owned())]
            }
            Thing::Invitation | Thing::AnswerLink => {
                let invitation = invitation(ada).await;
                let mut names = vec![("id", invitation.clone())];
                if thing == Thing::AnswerLink {
                    let made = made(ada.send(Method::POST, &format!("/api/invitations/{invitation}/link")).await);
                    names.push(("code", made["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()));
                }
                names
            }
            Thing::Question => {
                let other = self.server.member(self.data).await;
                let path = format!("/api/invitations/{}/question", invitation(ada).await);
                let body = r#"{"text":"Why?"}"#;
                vec![("id", id(&made(self.server.send_json(Method::PUT, &path, Some(&other.token), body).await)))]
            }
            Thing::Reply => {
                let other = self.server.member(self.data).await;
                let path = format!("/api/invitations/{}/replies", invitation(ada).await);
                vec![("id", id(&made(other.post(&path, &json!({ "text": "Well" })).await)))]
            }
            Thing::Replay | Thing::ClosedReplay | Thing::VoiceNote | Thing::Clip => {
                let open = thing != Thing::ClosedReplay;
                let hearers = if open { ReplayHearers::Everyone } else { ReplayHearers::Attendees };
                let speakers = [crate::replays::speaker(ada)];
                let replay =
                    crate::replays::ready(self.server, self.data.path(), ada, hearers, &speakers, &[]).await.id;
                let mut names = vec![("id", replay.to_string()), ("file", "1.ogg".to_owned())];
                names.extend([("n", "1".to_owned()), ("line", "1".to_owned())]);
                self.write_down().await;
                if thing == Thing::Replay {
                    let made = made(ada.post(&format!("/api/replays/{replay}/links"), &json!({})).await);
                    names.push(("link", id(&made)));
                }
                let other = self.server.member(self.data).await;
                if thing == Thing::VoiceNote {
                    let path = format!("/api/replays/{replay}/voice");
                    let (kind, wav) = ([("content-type", "audio/wav")], crate::replays::wav());
                    let note = self.server.send(Method::POST, &path, Some(&other.token), &kind, wav).await;
                    names.push(("reply", id(&made(note))));
                }
                if thing == Thing::Clip {
                    let clip: Value = serde_json::from_str(CLIP).unwrap();
                    return vec![("id", id(&made(other.post(&format!("/api/replays/{replay}/clips"), &clip).await)))];
                }
                names
            }
            Thing::Secret | Thing::Waiting => {
                let handle = format!("waits_{}", ada.handle);
                let body = json!({ "handle": handle, "name": "Waits", "language": "en" });
                let made = made(self.server.post("/api/waitlist", None, &body).await);
                vec![("secret", made["secret"].as_str().unwrap().to_owned()), ("handle", handle)]
            }
            Thing::WaitingEntry => {
                // Past the limit for visitors, which the rows above have used up.
                let (secret, now) = (Secret::draw(), roomtone::edge::now());
                let handle = format!("waits_{}", ada.handle);
                let waiting = NewWaiting {
                    hash: secret.hash,
                    id: RecordId(u128::from_be_bytes(secret.hash[..16].try_into().unwrap())),
                    skeleton: handle.clone(),
                    name: "Waits".to_owned(),
                    handle,
                    note: String::new(),
                    language: "en".to_owned(),
                    created_at: now,
                    expires_at: Timestamp(now.0 + 60_000),
                };
                self.server.app.store.wait(&waiting).await.unwrap();
                vec![("id", waiting.id.to_string())]
            }
        }
    }
}

/// A new house, by its handle.
async fn house(admin: &Member<'_>, private: bool) -> String {
    let handle = format!("house_{}", admin.handle);
    let body = json!({ "handle": handle, "name": "House", "private": private });
    let made = admin.post("/api/houses", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    handle
}

/// A new invitation to somebody without an account, by its id.
async fn invitation(host: &Member<'_>) -> String {
    let body = json!({ "invitee": { "name": "Somebody" }, "title": "Come", "text": "Please" });
    let made = host.post("/api/invitations", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

/// An id that nothing has.
fn invented() -> String {
    "7zzzzzzzzzzzzzzzzzzzzzzzzz".to_owned()
}

/// A path or body with names in place of `{...}`; what has no name gets one that nobody has.
fn filled(text: &str, names: &[(&'static str, String)]) -> String {
    let mut filled = text.to_owned();
    for (placeholder, name) in names {
        filled = filled.replace(&format!("{{{placeholder}}}"), name);
    }
    for placeholder in ["handle", "member"] {
        filled = filled.replace(&format!("{{{placeholder}}}"), "nobody_here");
    }
    for placeholder in ["id", "code", "secret", "token", "leg", "guest", "proof", "link", "reply"] {
        filled = filled.replace(&format!("{{{placeholder}}}"), &invented());
    }
    filled.replace("{size}", "small").replace("{language}", "de").replace("{new}", "newcomer")
}
