//! The limits themselves.

use std::time::Duration;

use super::{Counts, Key, Limit};

/// What a member may ask of a route without a row of its own: enough for the busiest page, and slow enough that reading the
/// whole server through takes long (guarantee G4).
pub const MEMBERS: Limit = Limit {
    name: "members",
    routes: &[],
    key: Key::Member,
    counts: Counts::All,
    burst: 400,
    refill: Duration::from_millis(10),
};

/// What an address may ask of a route for visitors without a row of its own. Many people may share one.
pub const VISITORS: Limit = Limit {
    name: "visitors",
    routes: &[],
    key: Key::Address,
    counts: Counts::All,
    burst: 400,
    refill: Duration::from_millis(10),
};

/// Invite codes and other secrets in addresses that may be wrong. Those that are right cost nothing: a crowd comes in by
/// one address.
pub const GUESSES: Limit = Limit {
    name: "guesses",
    routes: &[
        ("GET", "/api/invites/{code}"),
        ("POST", "/api/invites/{code}/redeem"),
        ("GET", "/api/waitlist/{secret}"),
        ("DELETE", "/api/waitlist/{secret}"),
        ("GET", "/api/guest-links/{code}"),
        ("POST", "/api/guest-links/{code}"),
        ("GET", "/api/guest-links/{code}/tracks"),
        ("GET", "/api/answers/{code}"),
        ("POST", "/api/answers/{code}"),
        ("GET", "/api/replays/{id}"),
    ],
    key: Key::Address,
    counts: Counts::Misses,
    burst: 60,
    refill: Duration::from_secs(2),
};

/// Handles asked for with one invite code that somebody else has: whoever has a code is not to try through which there are.
pub const HANDLES_OF_INVITE: Limit = Limit {
    name: "handles_of_invite",
    routes: &[("POST", "/api/invites/{code}/redeem")],
    key: Key::Subject,
    counts: Counts::Misses,
    burst: 30,
    refill: Duration::from_secs(20),
};

/// Session tokens that are nobody's. Beyond it only tokens that were good within the hour are looked up for that address: the
/// pages of others who share it go on, and trying costs the database nothing.
pub const BAD_TOKENS: Limit = Limit {
    name: "bad_tokens",
    routes: &[],
    key: Key::Address,
    counts: Counts::Misses,
    burst: 100,
    refill: Duration::from_millis(500),
};

/// Routes that do not exist, or not for whoever asks: those of the administration.
pub const NOWHERE: Limit = Limit {
    name: "nowhere",
    routes: &[],
    key: Key::Address,
    counts: Counts::Misses,
    burst: 400,
    refill: Duration::from_millis(100),
};

/// Wrong recovery codes for one handle. Beyond it those that are wrong are told to wait; one that is right always signs in, so
/// that nobody can keep a member out. Codes have 100 bits: nobody finds one by trying.
pub const RECOVERY_OF: Limit = Limit {
    name: "recovery_of",
    routes: &[("POST", "/api/sign-in/recovery")],
    key: Key::Subject,
    counts: Counts::Misses,
    burst: 100,
    refill: Duration::from_secs(1),
};

/// Letters with a link to sign in to one mail address, whoever asks for them: nobody's mailbox is to be filled.
pub const SIGN_IN_MAIL_TO: Limit = Limit {
    name: "sign_in_mail_to",
    routes: &[("POST", "/api/sign-in/mail")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 3,
    refill: Duration::from_secs(300),
};

/// Letters with a link to confirm one mail address. Apart from the others, so that a member who asks for somebody else's address
/// does not keep them from signing in.
pub const CONFIRM_MAIL_TO: Limit = Limit {
    name: "confirm_mail_to",
    routes: &[("PUT", "/api/mail")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 3,
    refill: Duration::from_secs(300),
};

/// Control sockets that one guest opens: each may tell those who run the room that somebody waits.
pub const KNOCKS: Limit = Limit {
    name: "knocks",
    routes: &[("GET", "/api/rooms/{id}/ws")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 20,
    refill: Duration::from_secs(5),
};

/// Control sockets that one member opens: each takes the room's owner a snapshot, and lets some commands through at once. More bears
/// worse networks; fewer makes it harder to say more by many sockets than one lets through.
pub const SOCKETS: Limit = Limit {
    name: "control_sockets",
    routes: &[("GET", "/api/rooms/{id}/ws")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 100,
    refill: Duration::from_secs(1),
};

/// Reactions of one person that count, by whatever sockets: the others are passed over. More lets one person clap for several.
pub const REACTIONS: Limit = Limit {
    name: "reactions",
    routes: &[("GET", "/api/rooms/{id}/ws")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 10,
    refill: Duration::from_millis(250),
};

/// Members whom one speaker calls up, by a command on the control socket: each rings at somebody's side.
pub const CALL_UPS: Limit = Limit {
    name: "call_ups",
    routes: &[("GET", "/api/rooms/{id}/ws")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 10,
    refill: Duration::from_secs(20),
};

/// Recordings that one host begins, by a command on the control socket: each is a replay to be made, and asks everybody on stage.
pub const RECORDINGS: Limit = Limit {
    name: "recordings",
    routes: &[("GET", "/api/rooms/{id}/ws")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 6,
    refill: Duration::from_secs(120),
};

/// Reports with the last minute of sound of a room, or with a voice note: each takes room on the disk until a month after it is handled.
pub const EVIDENCE: Limit = Limit {
    name: "evidence",
    routes: &[("POST", "/api/reports")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 3,
    refill: Duration::from_secs(720),
};

/// Looks at one domain, whoever has this server look whether a proof is there.
pub const PROOFS_OF: Limit = Limit {
    name: "proofs_of",
    routes: &[("POST", "/api/me/proofs/{id}/check"), ("POST", "/api/invitations/{id}/proofs/{proof}/check")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 20,
    refill: Duration::from_secs(30),
};

/// Feeds of events and calendars, which programs ask for again and again. Many may share an address.
pub const FEEDS: Limit = Limit {
    name: "feeds",
    routes: &[],
    key: Key::Address,
    counts: Counts::Chosen,
    burst: 120,
    refill: Duration::from_millis(500),
};

/// Every limit there is. A route is in at most one row that counts all requests.
pub const TABLE: &[Limit] = &[
    MEMBERS,
    VISITORS,
    GUESSES,
    HANDLES_OF_INVITE,
    BAD_TOKENS,
    NOWHERE,
    RECOVERY_OF,
    SIGN_IN_MAIL_TO,
    CONFIRM_MAIL_TO,
    KNOCKS,
    SOCKETS,
    REACTIONS,
    CALL_UPS,
    RECORDINGS,
    EVIDENCE,
    FEEDS,
    PROOFS_OF,
    // Each opens a room and rings at somebody's side.
    Limit {
        name: "calls",
        routes: &[("POST", "/api/calls")],
        key: Key::Member,
        counts: Counts::All,
        burst: 10,
        refill: Duration::from_secs(20),
    },
    // Each tells the host's followers of it, of whom there may be very many.
    Limit {
        name: "rooms",
        routes: &[("POST", "/api/rooms")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(180),
    },
    // Each rings at up to ten people's side.
    Limit {
        name: "pings",
        routes: &[("POST", "/api/rooms/{id}/ping")],
        key: Key::Member,
        counts: Counts::All,
        burst: 10,
        refill: Duration::from_secs(60),
    },
    // Each takes the room's owner a look at up to two thousand people: nothing else in the room goes on meanwhile.
    Limit {
        name: "rosters",
        routes: &[("GET", "/api/rooms/{id}/roster")],
        key: Key::Member,
        counts: Counts::All,
        burst: 100,
        refill: Duration::from_millis(100),
    },
    // Each has the room mixed, and begins with four seconds of silence at once.
    Limit {
        name: "streams",
        routes: &[("GET", "/api/rooms/{id}/stream.ogg"), ("POST", "/api/rooms/{id}/stream")],
        key: Key::Member,
        counts: Counts::All,
        burst: 40,
        refill: Duration::from_secs(3),
    },
    // Each is a way into a room for somebody without an account.
    Limit {
        name: "guest_links",
        routes: &[("POST", "/api/rooms/{id}/guests"), ("POST", "/api/invitations/{id}/guest")],
        key: Key::Member,
        counts: Counts::All,
        burst: 30,
        refill: Duration::from_secs(30),
    },
    // Each begun ceremony is a row on the disk, and a page begins one when it is shown.
    Limit {
        name: "passkey_sign_in",
        routes: &[("POST", "/api/sign-in/passkey/begin"), ("POST", "/api/sign-in/passkey/finish")],
        key: Key::Address,
        counts: Counts::All,
        burst: 60,
        refill: Duration::from_secs(1),
    },
    Limit {
        name: "recovery",
        routes: &[("POST", "/api/sign-in/recovery")],
        key: Key::Address,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(10),
    },
    Limit {
        name: "sign_in_mail",
        routes: &[("POST", "/api/sign-in/mail")],
        key: Key::Address,
        counts: Counts::All,
        burst: 10,
        refill: Duration::from_secs(30),
    },
    Limit {
        name: "sign_in_link",
        routes: &[("POST", "/api/sign-in/link")],
        key: Key::Address,
        counts: Counts::All,
        burst: 30,
        refill: Duration::from_secs(5),
    },
    Limit {
        name: "passkeys",
        routes: &[("POST", "/api/passkeys/begin"), ("POST", "/api/passkeys/finish")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(10),
    },
    Limit {
        name: "recovery_codes",
        routes: &[("POST", "/api/recovery-codes")],
        key: Key::Member,
        counts: Counts::All,
        burst: 10,
        refill: Duration::from_secs(60),
    },
    Limit {
        name: "mail_address",
        routes: &[("PUT", "/api/mail")],
        key: Key::Member,
        counts: Counts::All,
        burst: 5,
        refill: Duration::from_secs(300),
    },
    // Each may be cut out of a file elsewhere.
    Limit {
        name: "clip_sound",
        routes: &[("GET", "/api/clips/{id}/audio.ogg"), ("GET", "/api/clips/{id}/audio.mp4")],
        key: Key::Address,
        counts: Counts::All,
        burst: 120,
        refill: Duration::from_millis(250),
    },
    // Each goes through the index several times; a page sends one for every few letters.
    Limit {
        name: "search",
        routes: &[("GET", "/api/search")],
        key: Key::Member,
        counts: Counts::All,
        burst: 60,
        refill: Duration::from_millis(100),
    },
    Limit {
        name: "houses",
        routes: &[("POST", "/api/houses")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(600),
    },
    // Each is in the lists and feeds of everybody.
    Limit {
        name: "events",
        routes: &[("POST", "/api/events")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(180),
    },
    // Each tells the event's subscribers or hosts, or has a room opened.
    Limit {
        name: "event_changes",
        routes: &[
            ("PATCH", "/api/events/{id}"),
            ("POST", "/api/events/{id}/date"),
            ("POST", "/api/events/{id}/cancel"),
            ("POST", "/api/events/{id}/room"),
            ("PUT", "/api/events/{id}/poll"),
            ("PUT", "/api/events/{id}/cohosts/{handle}"),
        ],
        key: Key::Member,
        counts: Counts::All,
        burst: 30,
        refill: Duration::from_secs(20),
    },
    // Each is a row.
    Limit {
        name: "event_subscriptions",
        routes: &[("PUT", "/api/events/{id}/subscription"), ("PUT", "/api/events/{id}/poll/votes")],
        key: Key::Member,
        counts: Counts::All,
        burst: 120,
        refill: Duration::from_secs(1),
    },
    // Each tells somebody of it, and each change of who belongs to a house keeps others from changing it for a moment.
    Limit {
        name: "house_members",
        routes: &[
            ("POST", "/api/houses/{handle}/nominations"),
            ("PUT", "/api/houses/{handle}/membership"),
            ("DELETE", "/api/houses/{handle}/membership"),
        ],
        key: Key::Member,
        counts: Counts::All,
        burst: 60,
        refill: Duration::from_secs(10),
    },
    // Each is an address that the server will post to.
    Limit {
        name: "push",
        routes: &[("POST", "/api/push")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(60),
    },
    // Each asks somebody to act for the caller.
    Limit {
        name: "offices",
        routes: &[("POST", "/api/me/office")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(300),
    },
    Limit {
        name: "proofs",
        routes: &[("POST", "/api/me/proofs")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(300),
    },
    // Each has this server ask somebody else's.
    Limit {
        name: "proof_checks",
        routes: &[("POST", "/api/me/proofs/{id}/check")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(30),
    },
    // The same for whoever answers an invitation without an account.
    Limit {
        name: "answer_proofs",
        routes: &[("POST", "/api/invitations/{id}/proofs"), ("POST", "/api/invitations/{id}/proofs/{proof}/check")],
        key: Key::Address,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(30),
    },
    // Each asks somebody to come, in public.
    Limit {
        name: "invitations",
        routes: &[("POST", "/api/invitations")],
        key: Key::Member,
        counts: Counts::All,
        burst: 10,
        refill: Duration::from_secs(600),
    },
    // Each is a step that stays, and tells somebody of it. Whoever has no account is counted with other visitors.
    Limit {
        name: "invitation_acts",
        routes: &[
            ("POST", "/api/invitations/{id}/acts"),
            ("POST", "/api/invitations/{id}/sheets"),
            ("PUT", "/api/invitations/{id}/texts/{language}"),
            ("POST", "/api/invitations/{id}/link"),
        ],
        key: Key::Member,
        counts: Counts::All,
        burst: 60,
        refill: Duration::from_secs(10),
    },
    // Each is a row that everybody can read.
    Limit {
        name: "invitation_crowd",
        routes: &[
            ("PUT", "/api/invitations/{id}/cosign"),
            ("PUT", "/api/invitations/{id}/question"),
            ("POST", "/api/invitations/{id}/replies"),
            ("PUT", "/api/questions/{id}/vote"),
        ],
        key: Key::Member,
        counts: Counts::All,
        burst: 120,
        refill: Duration::from_secs(2),
    },
    // Each is a way in for whoever has it, or has a replay made anew.
    Limit {
        name: "replay_changes",
        routes: &[("PATCH", "/api/replays/{id}"), ("DELETE", "/api/replays/{id}"), ("POST", "/api/replays/{id}/links")],
        key: Key::Member,
        counts: Counts::All,
        burst: 30,
        refill: Duration::from_secs(10),
    },
    // Each is a row that everybody who hears the replay can read, and a clip is cut again for each who hears it.
    Limit {
        name: "replay_replies",
        routes: &[("POST", "/api/replays/{id}/replies"), ("POST", "/api/replays/{id}/clips")],
        key: Key::Member,
        counts: Counts::All,
        burst: 60,
        refill: Duration::from_secs(5),
    },
    // Whoever speaks reads what was written down, and corrects line after line.
    Limit {
        name: "transcript_lines",
        routes: &[
            ("PATCH", "/api/replays/{id}/transcript/{n}/{line}"),
            ("DELETE", "/api/replays/{id}/transcript/{n}/{line}"),
        ],
        key: Key::Member,
        counts: Counts::All,
        burst: 200,
        refill: Duration::from_secs(1),
    },
    // Each takes megabytes of memory, a core for a moment, and room in the database.
    Limit {
        name: "voice_notes",
        routes: &[("POST", "/api/replays/{id}/voice")],
        key: Key::Member,
        counts: Counts::All,
        burst: 10,
        refill: Duration::from_secs(60),
    },
    // Each asks somebody to look again at what they did.
    Limit {
        name: "appeals",
        routes: &[("POST", "/api/acts/{id}/appeal")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(60),
    },
    // Of a room that has ended, each reads all that is kept.
    Limit {
        name: "room_acts",
        routes: &[("GET", "/api/rooms/{id}/acts")],
        key: Key::Member,
        counts: Counts::All,
        burst: 60,
        refill: Duration::from_secs(1),
    },
    // Each is a row, and has the hallway made anew.
    Limit {
        name: "hidden_rooms",
        routes: &[("PUT", "/api/rooms/{id}/hidden"), ("DELETE", "/api/rooms/{id}/hidden")],
        key: Key::Member,
        counts: Counts::All,
        burst: 60,
        refill: Duration::from_secs(1),
    },
    Limit {
        name: "invites",
        routes: &[("POST", "/api/invites")],
        key: Key::Member,
        counts: Counts::All,
        burst: 30,
        refill: Duration::from_secs(5),
    },
    // Each keeps a handle from others for a month.
    Limit {
        name: "waitlist",
        routes: &[("POST", "/api/waitlist")],
        key: Key::Address,
        counts: Counts::All,
        burst: 10,
        refill: Duration::from_secs(600),
    },
    // Whoever waits is found by those who were told the handle, and not by trying handles.
    Limit {
        name: "waving",
        routes: &[("GET", "/api/waitlist/by-handle/{handle}"), ("POST", "/api/waitlist/by-handle/{handle}/wave")],
        key: Key::Member,
        counts: Counts::All,
        burst: 30,
        refill: Duration::from_secs(5),
    },
    // Each is a row that others hear of.
    Limit {
        name: "follows",
        routes: &[
            ("PUT", "/api/members/{handle}/follow"),
            ("PUT", "/api/members/{handle}/block"),
            ("PUT", "/api/members/{handle}/mute"),
        ],
        key: Key::Member,
        counts: Counts::All,
        burst: 120,
        refill: Duration::from_secs(1),
    },
    // Each looks at thousands of follows.
    Limit {
        name: "suggestions",
        routes: &[("GET", "/api/suggestions")],
        key: Key::Member,
        counts: Counts::All,
        burst: 20,
        refill: Duration::from_secs(2),
    },
    Limit {
        name: "profile",
        routes: &[("PATCH", "/api/me")],
        key: Key::Member,
        counts: Counts::All,
        burst: 30,
        refill: Duration::from_secs(5),
    },
    // Each takes a core for a while.
    Limit {
        name: "avatar",
        routes: &[("PUT", "/api/me/avatar")],
        key: Key::Member,
        counts: Counts::All,
        burst: 15,
        refill: Duration::from_secs(30),
    },
    Limit {
        name: "reports",
        routes: &[("POST", "/api/reports")],
        key: Key::Member,
        counts: Counts::All,
        burst: 10,
        refill: Duration::from_secs(60),
    },
    // Reads everything that is stored about a member.
    Limit {
        name: "export",
        routes: &[("GET", "/api/me/export")],
        key: Key::Member,
        counts: Counts::All,
        burst: 3,
        refill: Duration::from_secs(1200),
    },
    Limit {
        name: "delete_account",
        routes: &[("DELETE", "/api/me")],
        key: Key::Member,
        counts: Counts::All,
        burst: 10,
        refill: Duration::from_secs(30),
    },
    Limit {
        name: "test_mail",
        routes: &[("POST", "/api/admin/settings/test-mail")],
        key: Key::Member,
        counts: Counts::All,
        burst: 5,
        refill: Duration::from_secs(60),
    },
];
