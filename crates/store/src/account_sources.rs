//! What is handed over to a member in an export: which rows and columns, and where they come from.

/// How a column is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum As {
    Text,
    Number,
    Truth,
    Time,
    Id,
}

/// Part of an export: its file, its name, its columns and where they come from. The member is `$1`, and `$2` how many rows
/// are handed over.
pub(crate) type Source = (&'static str, &'static str, &'static [(&'static str, As)], &'static str);

/// A condition on the member with this name in a statement: that `$1` may know of them, as everywhere else.
macro_rules! known {
    ($who:literal) => {
        concat!(
            $who,
            ".suspended_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM blocks k WHERE k.blocker = ",
            $who,
            ".id AND k.blocked = $1)
                AND NOT EXISTS (SELECT 1 FROM blocks k WHERE k.blocker = $1 AND k.blocked = ",
            $who,
            ".id)"
        )
    };
}

/// The same for what admins did: for as long as they are one, they know of everybody.
macro_rules! known_to_admin {
    ($who:literal) => {
        concat!("(EXISTS (SELECT 1 FROM members y WHERE y.id = $1 AND (y.admin OR y.owner)) OR (", known!($who), "))")
    };
}

/// The rights of a grant `g` in words.
macro_rules! rights {
    () => {
        "CASE WHEN (g.rights & 1) <> 0 THEN ' answer' ELSE '' END ||
         CASE WHEN (g.rights & 2) <> 0 THEN ' schedule' ELSE '' END ||
         CASE WHEN (g.rights & 4) <> 0 THEN ' screen' ELSE '' END ||
         CASE WHEN (g.rights & 8) <> 0 THEN ' guests' ELSE '' END"
    };
}

/// Everything that is handed over. What is not: digests of secrets, which are of no use to anybody, what others wrote
/// about the member for the admins only, and who somebody is of whom the member may not know.
pub(crate) const SOURCES: &[Source] = &[
    (
        "account",
        "account",
        &[
            ("id", As::Id),
            ("handle", As::Text),
            ("name", As::Text),
            ("language", As::Text),
            ("bio", As::Text),
            ("topics", As::Text),
            ("languages", As::Text),
            ("owner", As::Truth),
            ("admin", As::Truth),
            ("bot", As::Truth),
            ("sponsor", As::Text),
            ("sponsor_hidden", As::Truth),
            ("guests_hidden", As::Truth),
            ("online_hidden", As::Truth),
            ("public", As::Truth),
            ("time_zone", As::Text),
            ("quiet_from", As::Number),
            ("quiet_until", As::Number),
            ("invites_earned", As::Number),
            ("created_at", As::Time),
        ],
        concat!(
            "SELECT m.id, m.handle, m.name, m.language, m.bio, m.topics, m.languages, m.owner, m.admin, m.bot,
                s.handle AS sponsor, m.sponsor_hidden, m.guests_hidden, m.online_hidden, m.public, m.time_zone,
                m.quiet_from, m.quiet_until, m.invites_earned, m.created_at
             FROM members m LEFT JOIN members s ON s.id = m.sponsor AND ",
            known!("s"),
            " WHERE m.id = $1 LIMIT $2"
        ),
    ),
    (
        "account",
        "links",
        &[("url", As::Text)],
        "SELECT url FROM member_links WHERE member = $1 ORDER BY position LIMIT $2",
    ),
    (
        "account",
        "handle_changes",
        &[("at", As::Time)],
        "SELECT at FROM handle_changes WHERE member = $1 ORDER BY at LIMIT $2",
    ),
    (
        "account",
        "mail",
        &[("address", As::Text), ("confirmed_at", As::Time)],
        "SELECT address, confirmed_at FROM mail_addresses WHERE member = $1 LIMIT $2",
    ),
    (
        "account",
        "mail_to_confirm",
        &[("address", As::Text), ("expires_at", As::Time)],
        "SELECT address, expires_at FROM sign_in_links WHERE member = $1 AND address IS NOT NULL
         ORDER BY expires_at, hash LIMIT $2",
    ),
    (
        "account",
        "passkeys",
        &[("name", As::Text), ("created_at", As::Time), ("used_at", As::Time)],
        "SELECT name, created_at, used_at FROM passkeys WHERE member = $1 ORDER BY created_at, id LIMIT $2",
    ),
    (
        "account",
        "recovery_codes",
        &[("used_at", As::Time)],
        "SELECT used_at FROM recovery_codes WHERE member = $1 ORDER BY hash LIMIT $2",
    ),
    (
        "account",
        "sessions",
        &[("label", As::Text), ("token", As::Truth), ("created_at", As::Time), ("used_at", As::Time)],
        "SELECT label, token, created_at, used_at FROM sessions WHERE member = $1 ORDER BY created_at, hash LIMIT $2",
    ),
    (
        "account",
        "days_present",
        &[("day", As::Number)],
        "SELECT day FROM days_present WHERE member = $1 ORDER BY day LIMIT $2",
    ),
    (
        "account",
        "push_subscriptions",
        &[("endpoint", As::Text), ("created_at", As::Time)],
        "SELECT endpoint, created_at FROM push_subscriptions WHERE member = $1 ORDER BY created_at, id LIMIT $2",
    ),
    (
        "account",
        "proofs",
        &[
            ("domain", As::Text),
            ("method", As::Text),
            ("token", As::Text),
            ("created_at", As::Time),
            ("proven_at", As::Time),
            ("checked_at", As::Time),
            ("lapsed_at", As::Time),
        ],
        "SELECT domain, method, token, created_at, proven_at, checked_at, lapsed_at FROM proofs WHERE member = $1
         ORDER BY created_at, id LIMIT $2",
    ),
    (
        "follows",
        "following",
        &[("handle", As::Text), ("name", As::Text), ("since", As::Time), ("bell", As::Number)],
        concat!(
            "SELECT m.handle, m.name, f.since, f.bell FROM follows f LEFT JOIN members m ON m.id = f.followed AND ",
            known!("m"),
            " WHERE f.follower = $1 ORDER BY f.since, f.followed LIMIT $2"
        ),
    ),
    (
        "follows",
        "followers",
        &[("handle", As::Text), ("name", As::Text), ("since", As::Time)],
        concat!(
            "SELECT m.handle, m.name, f.since FROM follows f LEFT JOIN members m ON m.id = f.follower AND ",
            known!("m"),
            " WHERE f.followed = $1 ORDER BY f.since, f.follower LIMIT $2"
        ),
    ),
    (
        "follows",
        "blocked",
        &[("handle", As::Text), ("name", As::Text), ("since", As::Time)],
        "SELECT m.handle, m.name, b.since FROM blocks b JOIN members m ON m.id = b.blocked
         WHERE b.blocker = $1 ORDER BY b.since, b.blocked LIMIT $2",
    ),
    (
        "follows",
        "muted",
        &[("handle", As::Text), ("name", As::Text), ("since", As::Time)],
        concat!(
            "SELECT m.handle, m.name, u.since FROM mutes u LEFT JOIN members m ON m.id = u.muted AND ",
            known!("m"),
            " WHERE u.muter = $1 ORDER BY u.since, u.muted LIMIT $2"
        ),
    ),
    (
        "houses",
        "houses",
        &[
            ("handle", As::Text),
            ("name", As::Text),
            ("role", As::Number),
            ("since", As::Time),
            ("rules_seen", As::Time),
            ("made_by_you", As::Truth),
        ],
        "SELECT h.handle, h.name, o.role, o.since, o.rules_seen, COALESCE(h.maker = $1, FALSE) AS made_by_you
         FROM house_members o JOIN houses h ON h.id = o.house WHERE o.member = $1 ORDER BY o.since, h.id LIMIT $2",
    ),
    (
        "houses",
        "nominations_made",
        &[("house", As::Text), ("nominee", As::Text), ("note", As::Text), ("created_at", As::Time)],
        concat!(
            "SELECT h.handle AS house, m.handle AS nominee, n.note, n.created_at FROM nominations n
             JOIN houses h ON h.id = n.house LEFT JOIN members m ON m.id = n.nominee AND ",
            known!("m"),
            " WHERE n.nominator = $1 ORDER BY n.created_at, n.id LIMIT $2"
        ),
    ),
    (
        "houses",
        "nominations_received",
        &[("house", As::Text), ("created_at", As::Time), ("accepted_at", As::Time)],
        "SELECT h.handle AS house, n.created_at, n.accepted_at FROM nominations n JOIN houses h ON h.id = n.house
         WHERE n.nominee = $1 AND n.accepted_at IS NOT NULL ORDER BY n.created_at, n.id LIMIT $2",
    ),
    (
        "invites",
        "invites",
        &[
            ("id", As::Id),
            ("note", As::Text),
            ("guest", As::Text),
            ("created_at", As::Time),
            ("expires_at", As::Time),
            ("revoked_at", As::Time),
            ("used_at", As::Time),
            ("earned_at", As::Time),
        ],
        concat!(
            "SELECT i.id, i.note, m.handle AS guest, i.created_at, i.expires_at, i.revoked_at, i.used_at, i.earned_at
             FROM invites i LEFT JOIN members m ON m.id = i.used_by AND ",
            known!("m"),
            " WHERE i.sponsor = $1 ORDER BY i.created_at, i.hash LIMIT $2"
        ),
    ),
    (
        "notices",
        "notices",
        &[
            ("kind", As::Text),
            ("actor", As::Text),
            ("subject", As::Id),
            ("body", As::Text),
            ("at", As::Time),
            ("read_at", As::Time),
        ],
        concat!(
            "SELECT n.kind, m.handle AS actor, n.subject, n.body, n.at, n.read_at FROM notifications n
             LEFT JOIN members m ON m.id = n.actor AND ",
            known!("m"),
            " WHERE n.member = $1 ORDER BY n.at, n.id LIMIT $2"
        ),
    ),
    (
        "notices",
        "choices",
        &[("kind", As::Text), ("inbox", As::Truth), ("push", As::Truth), ("mail", As::Truth)],
        "SELECT kind, inbox, push, mail FROM notification_choices WHERE member = $1 ORDER BY kind LIMIT $2",
    ),
    (
        "rooms",
        "rooms",
        &[("id", As::Id), ("title", As::Text), ("opened_at", As::Time), ("ended_at", As::Time)],
        "SELECT id, title, opened_at, ended_at FROM rooms WHERE host = $1 ORDER BY opened_at, id LIMIT $2",
    ),
    ("rooms", "hidden", &[("room", As::Id)], "SELECT room FROM hidden_rooms WHERE member = $1 ORDER BY room LIMIT $2"),
    (
        "rooms",
        "moderated",
        &[
            ("room", As::Id),
            ("kind", As::Text),
            ("by", As::Text),
            ("reason", As::Text),
            ("at", As::Time),
            ("appeal", As::Text),
            ("appealed_at", As::Time),
            ("decision", As::Text),
            ("answer", As::Text),
            ("decided_at", As::Time),
        ],
        concat!(
            "SELECT a.room, a.kind, m.handle AS by, a.reason, a.at, p.text AS appeal, p.at AS appealed_at,
                    CASE WHEN p.lifted THEN 'lifted' WHEN NOT p.lifted THEN 'upheld' END AS decision, p.answer, p.decided_at
             FROM acts a LEFT JOIN appeals p ON p.act = a.id LEFT JOIN members m ON m.id = a.author AND ",
            known!("m"),
            " WHERE a.whom = $1 AND a.known ORDER BY a.at, a.id LIMIT $2"
        ),
    ),
    (
        "rooms",
        "acts",
        &[
            ("room", As::Id),
            ("kind", As::Text),
            ("whom", As::Text),
            ("guest", As::Text),
            ("reason", As::Text),
            ("at", As::Time),
        ],
        concat!(
            "SELECT a.room, a.kind, m.handle AS whom, a.guest_name AS guest, a.reason, a.at
             FROM acts a LEFT JOIN members m ON m.id = a.whom AND ",
            known_to_admin!("m"),
            " WHERE a.author = $1 ORDER BY a.at, a.id LIMIT $2"
        ),
    ),
    (
        "rooms",
        "appeals_decided",
        &[("act", As::Id), ("decision", As::Text), ("answer", As::Text), ("decided_at", As::Time)],
        "SELECT act, CASE WHEN lifted THEN 'lifted' ELSE 'upheld' END AS decision, answer, decided_at FROM appeals
         WHERE decided_by = $1 ORDER BY decided_at, id LIMIT $2",
    ),
    (
        "rooms",
        "guest_links",
        &[
            ("room", As::Id),
            ("name", As::Text),
            ("context", As::Text),
            ("created_at", As::Time),
            ("expires_at", As::Time),
            ("ended_at", As::Time),
        ],
        "SELECT room, name, context, created_at, expires_at, ended_at FROM guests WHERE voucher = $1
         ORDER BY created_at, id LIMIT $2",
    ),
    (
        "invitations",
        "invitations",
        &[
            ("id", As::Id),
            ("invitee", As::Text),
            ("name", As::Text),
            ("about", As::Text),
            ("domain", As::Text),
            ("house", As::Text),
            ("language", As::Text),
            ("topics", As::Text),
            ("state", As::Text),
            ("created_at", As::Time),
            ("expires_at", As::Time),
            ("changed_at", As::Time),
        ],
        concat!(
            "SELECT i.id, m.handle AS invitee, i.invitee_name AS name, i.invitee_about AS about, i.invitee_domain AS domain,
                    h.handle AS house, i.language, i.topics, i.state, i.created_at, i.expires_at, i.changed_at
             FROM invitations i LEFT JOIN houses h ON h.id = i.house LEFT JOIN members m ON m.id = i.invitee AND ",
            known!("m"),
            " WHERE i.host = $1 ORDER BY i.created_at, i.id LIMIT $2"
        ),
    ),
    (
        "invitations",
        "invited",
        &[("id", As::Id), ("host", As::Text), ("state", As::Text), ("created_at", As::Time), ("changed_at", As::Time)],
        concat!(
            "SELECT i.id, m.handle AS host, i.state, i.created_at, i.changed_at
             FROM invitations i LEFT JOIN members m ON m.id = i.host AND ",
            known!("m"),
            " WHERE i.invitee = $1 ORDER BY i.created_at, i.id LIMIT $2"
        ),
    ),
    (
        "invitations",
        "texts",
        &[
            ("invitation", As::Id),
            ("language", As::Text),
            ("title", As::Text),
            ("text", As::Text),
            ("original", As::Truth),
        ],
        "SELECT invitation, language, title, body AS text, original FROM invitation_texts WHERE author = $1
         ORDER BY invitation, language LIMIT $2",
    ),
    (
        "invitations",
        "steps",
        &[
            ("invitation", As::Id),
            ("n", As::Number),
            ("kind", As::Text),
            ("voice", As::Text),
            ("by_you_for_another", As::Truth),
            ("language", As::Text),
            ("text", As::Text),
            ("times", As::Text),
            ("at", As::Time),
        ],
        "SELECT invitation, n, kind, voice, COALESCE(delegate = $1, FALSE) AS by_you_for_another, language, text, times, at
         FROM invitation_steps WHERE member = $1 OR delegate = $1 ORDER BY at, invitation, n LIMIT $2",
    ),
    (
        "invitations",
        "sheets",
        &[
            ("invitation", As::Id),
            ("number", As::Number),
            ("topics", As::Text),
            ("minutes", As::Number),
            ("languages", As::Text),
            ("recorded", As::Truth),
            ("others", As::Text),
            ("audience", As::Text),
            ("notes", As::Text),
        ],
        "SELECT invitation, number, topics, minutes, languages, recorded, others, audience, notes FROM sheets
         WHERE author = $1 ORDER BY invitation, number LIMIT $2",
    ),
    (
        "invitations",
        "answer_links",
        &[
            ("invitation", As::Id),
            ("created_at", As::Time),
            ("expires_at", As::Time),
            ("claimed_at", As::Time),
            ("revoked_at", As::Time),
        ],
        "SELECT c.invitation, c.created_at, c.link_expires_at AS expires_at, c.claimed_at, c.revoked_at
         FROM correspondents c JOIN invitations i ON i.id = c.invitation WHERE i.host = $1
         ORDER BY c.created_at, c.id LIMIT $2",
    ),
    (
        "invitations",
        "cosigned",
        &[("invitation", As::Id), ("at", As::Time)],
        "SELECT invitation, at FROM cosigns WHERE member = $1 ORDER BY at, invitation LIMIT $2",
    ),
    (
        "invitations",
        "questions",
        &[
            ("invitation", As::Id),
            ("text", As::Text),
            ("votes", As::Number),
            ("at", As::Time),
            ("answered_at", As::Time),
        ],
        "SELECT invitation, text, votes, at, answered_at FROM questions WHERE member = $1 ORDER BY at, id LIMIT $2",
    ),
    (
        "invitations",
        "question_votes",
        &[("question", As::Id)],
        "SELECT question FROM question_votes WHERE member = $1 ORDER BY question LIMIT $2",
    ),
    (
        "invitations",
        "replies",
        &[("invitation", As::Id), ("text", As::Text), ("contact", As::Text), ("at", As::Time)],
        "SELECT invitation, text, contact, at FROM replies WHERE member = $1 ORDER BY at, id LIMIT $2",
    ),
    (
        "events",
        "events",
        &[
            ("id", As::Id),
            ("title", As::Text),
            ("about", As::Text),
            ("language", As::Text),
            ("topics", As::Text),
            ("reason", As::Text),
            ("house", As::Text),
            ("state", As::Number),
            ("starts_at", As::Time),
            ("minutes", As::Number),
            ("time_zone", As::Text),
            ("recurrence", As::Number),
            ("room", As::Id),
            ("created_at", As::Time),
            ("changed_at", As::Time),
        ],
        "SELECT e.id, e.title, e.about, e.language, e.topics, e.reason, h.handle AS house, e.state, e.starts_at, e.minutes,
                e.time_zone, e.recurrence, e.room, e.created_at, e.changed_at
         FROM events e LEFT JOIN houses h ON h.id = e.house WHERE e.host = $1 ORDER BY e.created_at, e.id LIMIT $2",
    ),
    (
        "events",
        "cohosting",
        &[("event", As::Id), ("asked_at", As::Time), ("accepted_at", As::Time)],
        "SELECT event, asked_at, accepted_at FROM event_cohosts WHERE member = $1 ORDER BY asked_at, event LIMIT $2",
    ),
    (
        "events",
        "subscriptions",
        &[("event", As::Id), ("going", As::Truth), ("since", As::Time)],
        "SELECT event, going, since FROM event_subscriptions WHERE member = $1 ORDER BY since, event LIMIT $2",
    ),
    (
        "events",
        "votes",
        &[("event", As::Id), ("time", As::Time)],
        "SELECT event, at AS time FROM event_votes WHERE member = $1 ORDER BY event, at LIMIT $2",
    ),
    (
        "events",
        "changes_made",
        &[("event", As::Id), ("kind", As::Number), ("at", As::Time)],
        "SELECT event, kind, at FROM event_changes WHERE actor = $1 ORDER BY at, event, n LIMIT $2",
    ),
    (
        "events",
        "calendar",
        &[("created_at", As::Time)],
        "SELECT created_at FROM calendars WHERE member = $1 LIMIT $2",
    ),
    (
        "replays",
        "transcript_lines",
        &[
            ("replay", As::Id),
            ("from_ms", As::Number),
            ("to_ms", As::Number),
            ("text", As::Text),
            ("language", As::Text),
            ("corrected_at", As::Time),
        ],
        "SELECT l.replay, l.from_ms, l.to_ms, l.text, l.language, l.corrected_at
         FROM transcript_lines l JOIN replay_tracks t ON t.replay = l.replay AND t.n = l.n
         WHERE t.member = $1 ORDER BY l.replay, l.from_ms, l.line LIMIT $2",
    ),
    (
        "replays",
        "hosted",
        &[
            ("id", As::Id),
            ("room", As::Id),
            ("title", As::Text),
            ("language", As::Text),
            ("hearers", As::Number),
            ("state", As::Number),
            ("began_at", As::Time),
            ("ended_at", As::Time),
            ("ms", As::Number),
            ("expires_at", As::Time),
        ],
        "SELECT id, room, title, language, hearers, state, began_at, ended_at, ms, expires_at FROM replays
         WHERE host = $1 ORDER BY began_at, id LIMIT $2",
    ),
    (
        "replays",
        "chapters",
        &[("replay", As::Id), ("at_ms", As::Number), ("title", As::Text)],
        "SELECT c.replay, c.at_ms, c.title FROM replay_chapters c JOIN replays p ON p.id = c.replay WHERE p.host = $1
         ORDER BY c.replay, c.at_ms LIMIT $2",
    ),
    (
        "replays",
        "topics",
        &[("replay", As::Id), ("topic", As::Text)],
        "SELECT c.replay, c.topic FROM replay_topics c JOIN replays p ON p.id = c.replay
         WHERE p.host = $1 OR p.titled_by = $1 ORDER BY c.replay, c.n LIMIT $2",
    ),
    (
        "replays",
        "described",
        &[("replay", As::Id), ("title", As::Text)],
        "SELECT id AS replay, title FROM replays WHERE titled_by = $1 AND host <> $1 ORDER BY began_at, id LIMIT $2",
    ),
    (
        "replays",
        "links",
        &[("replay", As::Id), ("note", As::Text), ("created_at", As::Time)],
        "SELECT l.replay, l.note, l.created_at FROM replay_links l JOIN replays p ON p.id = l.replay WHERE p.host = $1
         ORDER BY l.created_at, l.id LIMIT $2",
    ),
    (
        "replays",
        "tracks",
        &[("replay", As::Id), ("n", As::Number), ("name", As::Text), ("withdrawn_at", As::Time)],
        "SELECT replay, n, name, withdrawn_at FROM replay_tracks WHERE member = $1 ORDER BY replay, n LIMIT $2",
    ),
    (
        "replays",
        "consents",
        &[("replay", As::Id), ("text", As::Number), ("agree", As::Truth), ("at", As::Time)],
        "SELECT replay, text, agree, at FROM replay_consents WHERE member = $1 ORDER BY at, replay, seq LIMIT $2",
    ),
    (
        "replays",
        "attended",
        &[("replay", As::Id)],
        "SELECT replay FROM replay_attendees WHERE member = $1 ORDER BY replay LIMIT $2",
    ),
    (
        "replays",
        "marks",
        &[("replay", As::Id), ("at_ms", As::Number), ("kind", As::Text), ("body", As::Text)],
        "SELECT replay, at_ms, kind, body FROM replay_marks WHERE author = $1 ORDER BY replay, n LIMIT $2",
    ),
    (
        "replays",
        "clips",
        &[
            ("id", As::Id),
            ("replay", As::Id),
            ("title", As::Text),
            ("from_ms", As::Number),
            ("to_ms", As::Number),
            ("created_at", As::Time),
        ],
        "SELECT id, replay, title, from_ms, to_ms, created_at FROM clips WHERE member = $1 ORDER BY created_at, id LIMIT $2",
    ),
    (
        "replays",
        "replies",
        &[
            ("id", As::Id),
            ("replay", As::Id),
            ("text", As::Text),
            ("voice_ms", As::Number),
            ("at_ms", As::Number),
            ("created_at", As::Time),
        ],
        "SELECT id, replay, text, voice_ms, at_ms, created_at FROM replay_replies WHERE member = $1
         ORDER BY created_at, id LIMIT $2",
    ),
    (
        "office",
        "delegates",
        &[
            ("delegate", As::Text),
            ("title", As::Text),
            ("rights", As::Text),
            ("offered_at", As::Time),
            ("accepted_at", As::Time),
            ("expires_at", As::Time),
            ("ended_at", As::Time),
            ("ending", As::Text),
        ],
        concat!(
            "SELECT m.handle AS delegate, g.title, TRIM(",
            rights!(),
            ") AS rights, g.offered_at, g.accepted_at, g.expires_at, g.ended_at, g.ending
             FROM office_grants g LEFT JOIN members m ON m.id = g.delegate AND ",
            known!("m"),
            " WHERE g.principal = $1 ORDER BY g.offered_at, g.id LIMIT $2"
        ),
    ),
    (
        "office",
        "delegations",
        &[
            ("principal", As::Text),
            ("title", As::Text),
            ("rights", As::Text),
            ("offered_at", As::Time),
            ("accepted_at", As::Time),
            ("expires_at", As::Time),
            ("ended_at", As::Time),
            ("ending", As::Text),
        ],
        concat!(
            "SELECT m.handle AS principal, g.title, TRIM(",
            rights!(),
            ") AS rights, g.offered_at, g.accepted_at, g.expires_at, g.ended_at, g.ending
             FROM office_grants g LEFT JOIN members m ON m.id = g.principal AND ",
            known!("m"),
            " WHERE g.delegate = $1 ORDER BY g.offered_at, g.id LIMIT $2"
        ),
    ),
    (
        "office",
        "done_for_you",
        &[
            ("delegate", As::Text),
            ("kind", As::Text),
            ("subject", As::Id),
            ("note", As::Text),
            ("at", As::Time),
        ],
        concat!(
            "SELECT m.handle AS delegate, a.kind, a.subject, a.note, a.at
             FROM office_acts a LEFT JOIN members m ON m.id = a.delegate AND ",
            known!("m"),
            " WHERE a.principal = $1 ORDER BY a.at, a.id LIMIT $2"
        ),
    ),
    (
        "office",
        "done_by_you",
        &[
            ("principal", As::Text),
            ("kind", As::Text),
            ("subject", As::Id),
            ("note", As::Text),
            ("at", As::Time),
        ],
        concat!(
            "SELECT m.handle AS principal, a.kind, a.subject, a.note, a.at
             FROM office_acts a LEFT JOIN members m ON m.id = a.principal AND ",
            known!("m"),
            " WHERE a.delegate = $1 ORDER BY a.at, a.id LIMIT $2"
        ),
    ),
    (
        "reports",
        "reports",
        &[
            ("id", As::Id),
            ("about", As::Text),
            ("room", As::Id),
            ("house", As::Id),
            ("reason", As::Text),
            ("text", As::Text),
            ("created_at", As::Time),
            ("handled_at", As::Time),
        ],
        concat!(
            "SELECT r.id, m.handle AS about, r.room, r.house, r.reason, r.text, r.created_at, r.handled_at
             FROM reports r LEFT JOIN members m ON m.id = r.about AND ",
            known!("m"),
            " WHERE r.reporter = $1 ORDER BY r.created_at, r.id LIMIT $2"
        ),
    ),
    (
        "reports",
        "handled_as_admin",
        &[("id", As::Id), ("outcome", As::Text), ("handled_at", As::Time)],
        "SELECT id, outcome, handled_at FROM reports WHERE handled_by = $1 ORDER BY handled_at, id LIMIT $2",
    ),
    (
        "reports",
        "suspended_as_admin",
        &[("member", As::Text), ("reason", As::Text), ("at", As::Time)],
        concat!(
            "SELECT m.handle AS member, s.reason, s.at FROM suspensions s LEFT JOIN members m ON m.id = s.member AND ",
            known_to_admin!("m"),
            " WHERE s.author = $1 ORDER BY s.at, s.member LIMIT $2"
        ),
    ),
    (
        "reports",
        "acts_as_admin",
        &[("act", As::Text), ("about", As::Text), ("details", As::Text), ("reason", As::Text), ("at", As::Time)],
        concat!(
            "SELECT l.act, m.handle AS about, l.details, l.reason, l.at FROM audit_log l
             LEFT JOIN members m ON m.id = l.about AND ",
            known_to_admin!("m"),
            " WHERE l.actor = $1 ORDER BY l.at, l.id LIMIT $2"
        ),
    ),
];
