//! The routes, and what is answered to whom.

/// What a row's path and body are about. Each row has one of its own, made by a member of its own: Ada.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
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
pub(super) const TABLE: &[(&str, Thing, &str, &str)] = {
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
        // Nothing was recorded of them.
        ("GET /api/guest-links/{code}/tracks", GuestLink, "", "404 404 404 404 404 404"),
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
        ("DELETE /api/replays/{id}/marks/{n}", Replay, "", "401 403 404 404 404 404"),
        ("DELETE /api/replays/{id}/marks/{n}", ClosedReplay, "", "401 404 404 404 404 404"),
        ("POST /api/replays/{id}/make", ClosedReplay, "", "401 404 404 404 404 204"),
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
        ("DELETE /api/replays/{id}/replies/{reply}", VoiceNote, "", "401 404 404 204 404 404"),
        ("GET /api/replays/{id}/related", Replay, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}/related", ClosedReplay, "", "404 404 404 404 404 200"),
        ("GET /api/replays/{id}/clips", Replay, "", "200 200 404 200 200 200"),
        ("GET /api/replays/{id}/clips", ClosedReplay, "", "404 404 404 404 404 200"),
        ("POST /api/replays/{id}/clips", Replay, CLIP, "401 201 404 201 201 201"),
        ("POST /api/replays/{id}/clips", ClosedReplay, CLIP, "401 404 404 404 404 201"),
        ("GET /api/clips/{id}", Clip, "", "200 200 404 200 200 200"),
        ("DELETE /api/clips/{id}", Clip, "", "401 404 404 204 404 404"),
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
        ("POST /api/invitations/{id}/guest", Invitation, "", "401 403 404 403 403 403"),
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
        // That one is about no replay.
        ("GET /api/admin/reports/{id}/audio.ogg", Report, "", "404 404 404 404 404 404"),
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
pub(super) const OF_GUESTS: &[(&str, &str)] = &[
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

pub(super) const CLIP: &str = r#"{"from_ms":0,"to_ms":2000,"title":"Clip"}"#;
const GRANT: &str = r#"{"handle":"{handle}","rights":["answer"],"title":"Office","days":1}"#;
pub(super) const PROOF: &str = r#"{"domain":"example.org","method":"dns"}"#;
const INVITATION: &str = r#"{"invitee":{"handle":"{handle}"},"title":"Come","text":"Please"}"#;
const SHEET: &str =
    r#"{"topics":[],"minutes":60,"languages":["en"],"recorded":false,"others":[],"audience":"open","notes":""}"#;
const GUEST: &str = r#"{"name":"Grace","minutes":5}"#;
const NEWCOMER: &str = r#"{"handle":"{new}","name":"New","language":"en"}"#;
const WAITING: &str = r#"{"handle":"{new}","name":"New","language":"en"}"#;
const CEREMONY: &str = r#"{"ceremony":"7zzzzzzzzzzzzzzzzzzzzzzzzz","credential":{}}"#;
const NEW_PASSKEY: &str = r#"{"ceremony":"7zzzzzzzzzzzzzzzzzzzzzzzzz","name":"Phone","credential":{}}"#;
pub(super) const ACCEPTED: &str = r#"{"rules_accepted":true}"#;
const CHOICES: &str = r#"{"kinds":[],"quiet_from":null,"quiet_until":null,"time_zone":"Europe/Berlin"}"#;
pub(super) const SETTINGS: &str =
    r#"{"name":"Talk","languages":["en","ru"],"invites_per_member":50,"invite_days":30,"waitlist":true,"mail":null}"#;
/// Nobody listens there.
const MAIL_SETTINGS: &str = r#"{"name":"Talk","languages":["en","ru"],"invites_per_member":50,"invite_days":30,"waitlist":true,
    "mail":{"host":"127.0.0.1","port":1,"from":"a@example.org","tls":"none"}}"#;
/// Stands for an SDP offer.
pub(super) const OFFER: &str = "v=0";
