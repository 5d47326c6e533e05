//! Who may ask how often: one table, and who has asked.
//!
//! Each row gives every member, address or subject a bucket of its own. A bucket holds `burst` requests and gets one back
//! every `refill` (the generic cell rate algorithm), so that what a row lets through in a time can be read off it.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use roomtone_room::ids::MemberId;

/// Buckets from which on those are looked for that are full again.
const MANY: usize = 1024;

/// Of IPv6, how many leading bits are one network as well, and how many times as much as an address such a network may ask:
/// homes are given 56 or 64 bits, sites 48. More times suits those whose network is a whole town; fewer makes it costlier to ask
/// from many addresses.
const WIDER: [(u32, u32); 2] = [(56, 4), (48, 16)];

/// Whose requests a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Those of a member, whatever address they come from.
    Member,
    /// Those of a network address; of IPv6 the first 64 bits, since a user has all that follow, and [`WIDER`] ones as well.
    Address,
    /// Those about one handle or mail address, whoever asks.
    Subject,
}

/// Which requests a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Every one.
    All,
    /// Those that were wrong: a guess at a secret. The handler counts them.
    Misses,
    /// Those of the kind that the row names. The handler counts them.
    Chosen,
}

/// A row of the table.
#[derive(Debug)]
pub struct Limit {
    /// What it is called; unique.
    pub name: &'static str,
    /// Method and path of the routes that share its buckets. Empty in rows for whatever has no row of its own, and in those about
    /// all routes.
    pub routes: &'static [(&'static str, &'static str)],
    /// Whose requests it counts.
    pub key: Key,
    /// Which of them.
    pub counts: Counts,
    /// Requests at once. More serves busier pages and typing errors; fewer makes repeating costlier.
    pub burst: u32,
    /// After how long one comes back. Shorter serves steady use; longer slows whoever repeats without end.
    pub refill: Duration,
}

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

/// Members whom one speaker calls up, by a command on the control socket: each rings at somebody's side.
pub const CALL_UPS: Limit = Limit {
    name: "call_ups",
    routes: &[("GET", "/api/rooms/{id}/ws")],
    key: Key::Subject,
    counts: Counts::Chosen,
    burst: 10,
    refill: Duration::from_secs(20),
};

/// Reports with the last minute of sound of a room: each takes room on the disk until a month after it is handled.
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
    CALL_UPS,
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
        routes: &[("POST", "/api/rooms/{id}/guests")],
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

/// There was one request too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// How long it is until one would be let through.
    pub wait: Duration,
}

/// Who has asked, row by row.
#[derive(Debug)]
pub struct Limits {
    /// One for each row of [`TABLE`].
    rows: Vec<Buckets<Who>>,
    /// For each of them, one for each of [`WIDER`].
    wider: Vec<[Buckets<IpAddr>; WIDER.len()]>,
    /// The row that counts all requests of a route.
    by_route: HashMap<(&'static str, &'static str), usize>,
}

/// Whom a bucket belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Member(MemberId),
    Address(IpAddr),
    Subject(String),
}

impl Limits {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        let rows = TABLE.iter().map(Buckets::new).collect();
        let wider = TABLE.iter().map(|limit| WIDER.map(|(_, times)| Buckets::many(limit, times))).collect();
        let counted = TABLE.iter().enumerate().filter(|(_, limit)| limit.counts == Counts::All);
        let by_route = counted.flat_map(|(row, limit)| limit.routes.iter().map(move |&route| (route, row))).collect();
        Self { rows, wider, by_route }
    }

    /// Counts a member's request of a route, unless there were too many.
    pub fn member(&self, method: &str, path: &str, member: MemberId, now: Instant) -> Result<(), TooMany> {
        self.rows[self.row_of(method, path, &MEMBERS)].take(Who::Member(member), now)
    }

    /// Counts a request of a route for visitors, unless there were too many.
    pub fn visitor(&self, method: &str, path: &str, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        self.take_address(self.row_of(method, path, &VISITORS), from, now)
    }

    /// Counts a miss of an address, unless there were too many.
    pub fn address(&self, limit: &Limit, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        self.take_address(row(limit), from, now)
    }

    /// Whether an address may miss once more, without counting it.
    pub fn may_address(&self, limit: &Limit, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        let row = row(limit);
        self.rows[row].may(&Who::Address(network(from)), now)?;
        self.wider(row, from).try_for_each(|(network, buckets)| buckets.may(&network, now))
    }

    /// Counts a request about a subject, unless there were too many.
    pub fn subject(&self, limit: &Limit, subject: &str, now: Instant) -> Result<(), TooMany> {
        self.rows[row(limit)].take(Who::Subject(subject.to_owned()), now)
    }

    /// Whether there may be one more about a subject, without counting it.
    pub fn may_subject(&self, limit: &Limit, subject: &str, now: Instant) -> Result<(), TooMany> {
        self.rows[row(limit)].may(&Who::Subject(subject.to_owned()), now)
    }

    /// Forgets those who have been quiet for long, so that the tables stay small.
    pub fn forget_idle(&self, now: Instant) {
        self.rows.iter().for_each(|row| row.forget_idle(now));
        self.wider.iter().flatten().for_each(|row| row.forget_idle(now));
    }

    /// The row that counts all requests of a route, or the one for routes without. HEAD does what GET does (RFC 9110, section
    /// 9.3.2), so it counts as one.
    fn row_of(&self, method: &str, path: &str, otherwise: &Limit) -> usize {
        let method = if method == "HEAD" { "GET" } else { method };
        match self.by_route.get(&(method, path)) {
            Some(&found) if TABLE[found].key == otherwise.key => found,
            _ => row(otherwise),
        }
    }

    fn take_address(&self, row: usize, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        self.rows[row].take(Who::Address(network(from)), now)?;
        self.wider(row, from).try_for_each(|(network, buckets)| buckets.take(network, now))
    }

    /// The larger networks that an address is in, with their buckets of a row; none of IPv4.
    fn wider(&self, row: usize, from: IpAddr) -> impl Iterator<Item = (IpAddr, &Buckets<IpAddr>)> {
        let of_v6 = from.to_canonical().is_ipv6();
        let wider = WIDER.iter().zip(&self.wider[row]).filter(move |_| of_v6);
        wider.map(move |((bits, _), buckets)| (first_bits(from, *bits), buckets))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a row is in the table.
fn row(limit: &Limit) -> usize {
    TABLE.iter().position(|row| row.name == limit.name).expect("each limit that has a name of its own is in the table")
}

/// The buckets of one row: when each will be full again. One that is full is the same as none.
#[derive(Debug)]
struct Buckets<K> {
    burst: u32,
    refill: Duration,
    kept: Mutex<Kept<K>>,
}

#[derive(Debug)]
struct Kept<K> {
    full: HashMap<K, Instant>,
    /// How many there were after full ones had been forgotten.
    left: usize,
}

impl<K: Eq + Hash> Buckets<K> {
    /// All full.
    fn new(limit: &Limit) -> Self {
        Self::many(limit, 1)
    }

    /// All full, each holding so many times as much and getting it back so many times as fast.
    fn many(limit: &Limit, times: u32) -> Self {
        Self {
            burst: limit.burst * times,
            refill: limit.refill / times,
            kept: Mutex::new(Kept { full: HashMap::new(), left: 0 }),
        }
    }

    /// Whether this one has something left.
    fn may<Q>(&self, who: &Q, now: Instant) -> Result<(), TooMany>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.has_left(self.lock().full.get(who), now)
    }

    /// Takes one, if there is one.
    fn take(&self, who: K, now: Instant) -> Result<(), TooMany> {
        let mut kept = self.lock();
        self.has_left(kept.full.get(&who), now)?;
        let full = kept.full.entry(who).or_insert(now);
        *full = (*full).max(now) + self.refill;
        if kept.full.len() > MANY.max(2 * kept.left) {
            kept.forget(now);
        }
        Ok(())
    }

    /// Forgets those that are full.
    fn forget_idle(&self, now: Instant) {
        self.lock().forget(now);
    }

    fn has_left(&self, full: Option<&Instant>, now: Instant) -> Result<(), TooMany> {
        // A bucket that will be full by then has one left.
        let soon = now + self.refill * (self.burst - 1);
        match full.map(|full| full.saturating_duration_since(soon)) {
            Some(wait) if !wait.is_zero() => Err(TooMany { wait }),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept<K>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Kept<K> {
    fn forget(&mut self, now: Instant) {
        self.full.retain(|_, full| *full > now);
        self.left = self.full.len();
    }
}

/// An IPv6 user has a whole /64 of addresses, and counts as one.
fn network(address: IpAddr) -> IpAddr {
    first_bits(address, 64)
}

/// An IPv6 address without what follows its first bits; IPv4 as it is.
fn first_bits(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & (u128::MAX << (128 - bits))).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests;
