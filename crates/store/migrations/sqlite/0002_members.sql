-- Members and what is between them. As in 0001: ids are 16 bytes, hashes 32, times milliseconds since 1970.

-- What a member says of themselves, and what they let be seen. `sponsor_hidden` hides who let this member in,
-- `guests_hidden` hides the member on the profiles of those whom they let in.
ALTER TABLE members ADD COLUMN bio TEXT NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN admin BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN bot BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN avatar BLOB CHECK (length(avatar) = 16);
ALTER TABLE members ADD COLUMN sponsor_hidden BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN guests_hidden BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN online_hidden BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN topics TEXT NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN languages TEXT NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN followers BIGINT NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN quiet_from BIGINT;
ALTER TABLE members ADD COLUMN quiet_until BIGINT;
ALTER TABLE members ADD COLUMN invites_earned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN suspended_at BIGINT;
-- Whether search finds the member by their present name and handle.
ALTER TABLE members ADD COLUMN indexed BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX members_not_indexed ON members (id) WHERE NOT indexed;

-- `skeleton` is what a handle looks like (Unicode Technical Standard 39, section 4): two handles that look alike have the
-- same. `claim` is the digest of the invite code or waitlist secret by which it was taken, or can be.
CREATE TABLE handles (
    skeleton TEXT PRIMARY KEY NOT NULL,
    member   BLOB UNIQUE REFERENCES members (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    claim    BLOB CHECK (length(claim) = 32)
);
CREATE INDEX handles_by_claim ON handles (claim);
INSERT INTO handles (skeleton, member) SELECT handle, id FROM members;
-- The program gives these their skeletons when it opens the database, and takes this away.
INSERT INTO settings (key, value) VALUES ('skeletons_pending', '');

-- When a member took another handle; only the last ones count.
CREATE TABLE handle_changes (
    member BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    at     BIGINT NOT NULL,
    PRIMARY KEY (member, at)
);

CREATE TABLE member_links (
    member   BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    url      TEXT NOT NULL,
    PRIMARY KEY (member, position)
);

-- Two sizes of one picture, JPEG. `id` changes with the picture, so that an address never shows another one.
CREATE TABLE avatars (
    id     BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    member BLOB NOT NULL UNIQUE REFERENCES members (id) ON DELETE CASCADE,
    small  BLOB NOT NULL,
    large  BLOB NOT NULL
);

-- `id` names an invite where its code is not known any more; `note` is what the sponsor wrote for the guest. `earned_at`
-- is when the guest had taken part so often that the sponsor earned an invite.
ALTER TABLE invites ADD COLUMN id BLOB CHECK (length(id) = 16);
ALTER TABLE invites ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE invites ADD COLUMN earned_at BIGINT;
CREATE UNIQUE INDEX invites_by_id ON invites (id);

-- The days, counted from 1970 in UTC, on which a member was in a room with somebody else.
CREATE TABLE days_present (
    member BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    day    BIGINT NOT NULL,
    PRIMARY KEY (member, day)
);

-- People who wait for somebody to let them in. `hash` is the digest of the secret by which they come back; waving in makes
-- an invite of it.
CREATE TABLE waitlist (
    hash       BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    id         BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    handle     TEXT NOT NULL UNIQUE,
    skeleton   TEXT NOT NULL REFERENCES handles (skeleton) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    note       TEXT NOT NULL,
    language   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX waitlist_by_skeleton ON waitlist (skeleton);
CREATE INDEX waitlist_by_expiry ON waitlist (expires_at);

-- `credential` is the public key with its counter, as JSON of the library that checks signatures.
CREATE TABLE passkeys (
    id            BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    member        BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    credential_id BLOB NOT NULL UNIQUE,
    credential    TEXT NOT NULL,
    name          TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    used_at       BIGINT
);
CREATE INDEX passkeys_by_member ON passkeys (member);

-- A passkey ceremony between its two requests; taken out by the second, so that none is answered twice.
CREATE TABLE ceremonies (
    hash       BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    member     BLOB REFERENCES members (id) ON DELETE CASCADE,
    state      TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX ceremonies_by_expiry ON ceremonies (expires_at);
CREATE INDEX ceremonies_by_member ON ceremonies (member);

CREATE TABLE recovery_codes (
    hash    BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    member  BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    used_at BIGINT
);
CREATE INDEX recovery_codes_by_member ON recovery_codes (member);

-- An address counts once it is confirmed; two members may have asked for the same one until then.
CREATE TABLE mail_addresses (
    member       BLOB PRIMARY KEY NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    address      TEXT NOT NULL,
    confirmed_at BIGINT
);
CREATE UNIQUE INDEX mail_addresses_confirmed ON mail_addresses (address) WHERE confirmed_at IS NOT NULL;

-- One-use links: to sign in, and to confirm an address. `purpose` is `sign_in`, `confirm` or `recover`.
CREATE TABLE sign_in_links (
    hash       BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    member     BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    purpose    TEXT NOT NULL,
    address    TEXT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_links_by_member ON sign_in_links (member);
CREATE INDEX sign_in_links_by_expiry ON sign_in_links (expires_at);

-- `id` names a session where its token is not known, and is the first half of its digest; `used_at` is exact to the hour.
ALTER TABLE sessions ADD COLUMN id BLOB CHECK (length(id) = 16);
ALTER TABLE sessions ADD COLUMN used_at BIGINT;
ALTER TABLE sessions ADD COLUMN token BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE sessions SET id = substr(hash, 1, 16);
CREATE UNIQUE INDEX sessions_by_id ON sessions (id);

-- How loudly the follower wants to hear of the followed: 0 never, 1 sometimes, 2 always.
ALTER TABLE follows ADD COLUMN bell BIGINT NOT NULL DEFAULT 1;
-- Answers by itself who follows somebody, newest first, page by page.
DROP INDEX follows_by_followed;
CREATE INDEX follows_by_followed ON follows (followed, since, follower);

CREATE TABLE blocks (
    blocker BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    blocked BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    since   BIGINT NOT NULL,
    PRIMARY KEY (blocker, blocked),
    CHECK (blocker <> blocked)
);
CREATE INDEX blocks_by_blocked ON blocks (blocked);

CREATE TABLE mutes (
    muter BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    muted BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    since BIGINT NOT NULL,
    PRIMARY KEY (muter, muted),
    CHECK (muter <> muted)
);
CREATE INDEX mutes_by_muted ON mutes (muted);

-- `members` counts everybody from role 1 upwards, `admins` those of role 2: at least one as long as there is the house.
-- `rules_at` is when the rules last changed.
CREATE TABLE houses (
    id         BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    handle     TEXT NOT NULL UNIQUE,
    skeleton   TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    about      TEXT NOT NULL,
    rules      TEXT NOT NULL,
    language   TEXT NOT NULL,
    private    BOOLEAN NOT NULL,
    nominated  BOOLEAN NOT NULL,
    maker      BLOB REFERENCES members (id) ON DELETE SET NULL,
    members    BIGINT NOT NULL DEFAULT 0,
    admins     BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    rules_at   BIGINT NOT NULL,
    indexed    BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX houses_by_maker ON houses (maker);
-- Those that everybody may discover, the largest first.
CREATE INDEX houses_by_size ON houses (members, id) WHERE NOT private;
CREATE INDEX houses_not_indexed ON houses (id) WHERE NOT indexed;

-- `role`: 0 follower, 1 member, 2 admin. `rules_seen` is when they accepted the rules.
CREATE TABLE house_members (
    house      BLOB NOT NULL REFERENCES houses (id) ON DELETE CASCADE,
    member     BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    role       BIGINT NOT NULL CHECK (role BETWEEN 0 AND 2),
    since      BIGINT NOT NULL,
    rules_seen BIGINT,
    PRIMARY KEY (house, member)
);
CREATE INDEX house_members_by_member ON house_members (member);
CREATE INDEX house_members_by_role ON house_members (house, role, since, member);

-- `accepted_at` is when an admin agreed: from then on the nominee may join.
CREATE TABLE nominations (
    id         BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    house      BLOB NOT NULL REFERENCES houses (id) ON DELETE CASCADE,
    nominee    BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    nominator  BLOB REFERENCES members (id) ON DELETE CASCADE,
    note       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    accepted_at BIGINT,
    UNIQUE (house, nominee)
);
CREATE INDEX nominations_by_nominee ON nominations (nominee);
CREATE INDEX nominations_by_nominator ON nominations (nominator);

CREATE TABLE house_bans (
    house  BLOB NOT NULL REFERENCES houses (id) ON DELETE CASCADE,
    member BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    since  BIGINT NOT NULL,
    PRIMARY KEY (house, member)
);
CREATE INDEX house_bans_by_member ON house_bans (member);

ALTER TABLE rooms ADD COLUMN house BLOB REFERENCES houses (id) ON DELETE SET NULL;
CREATE INDEX rooms_by_house ON rooms (house);

-- `subject` is the id of what it is about (a room, a house, an invite); `body` is a text that belongs to it, such as an
-- outcome. `inbox` says whether it is shown there; `deliver_at` is when it goes out by push or mail, NULL once it has gone or will
-- not, and `attempts` how often that was tried.
CREATE TABLE notifications (
    id         BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    member     BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    actor      BLOB REFERENCES members (id) ON DELETE CASCADE,
    subject    BLOB CHECK (length(subject) = 16),
    body       TEXT NOT NULL,
    at         BIGINT NOT NULL,
    inbox      BOOLEAN NOT NULL,
    read_at    BIGINT,
    deliver_at BIGINT,
    attempts   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX notifications_by_member ON notifications (member, at);
-- By whom and for whom, to tell what was told already.
CREATE INDEX notifications_by_actor ON notifications (actor, member);
CREATE INDEX notifications_by_time ON notifications (at);
CREATE INDEX notifications_unread ON notifications (member, at) WHERE inbox AND read_at IS NULL;
CREATE INDEX notifications_due ON notifications (deliver_at) WHERE deliver_at IS NOT NULL;
CREATE INDEX notifications_due_by_member ON notifications (member, deliver_at) WHERE deliver_at IS NOT NULL;

-- Ways that a member chose for a kind of notification; a kind without a row has the defaults.
CREATE TABLE notification_choices (
    member BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    kind   TEXT NOT NULL,
    inbox  BOOLEAN NOT NULL,
    push   BOOLEAN NOT NULL,
    mail   BOOLEAN NOT NULL,
    PRIMARY KEY (member, kind)
);

-- A browser that takes Web Push (RFC 8030); it ends with the session that made it.
CREATE TABLE push_subscriptions (
    id         BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    member     BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    session    BLOB REFERENCES sessions (hash) ON DELETE CASCADE,
    endpoint   TEXT NOT NULL UNIQUE,
    p256dh     BLOB NOT NULL,
    auth       BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    -- Messages in a row that its push service did not take, and since when.
    failures   BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT
);
CREATE INDEX push_subscriptions_by_member ON push_subscriptions (member);
CREATE INDEX push_subscriptions_by_session ON push_subscriptions (session);

-- `about`, `room` and `house` say what was reported; `context` is what the server knew about it at that moment, as JSON, and
-- names no host: `room_host` is who that was. `house_maker` and `house_ended_by` are those whose words the name of a house in the
-- context is, once there is no such house any more.
CREATE TABLE reports (
    id         BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    reporter   BLOB REFERENCES members (id) ON DELETE SET NULL,
    about      BLOB REFERENCES members (id) ON DELETE CASCADE,
    room       BLOB CHECK (length(room) = 16),
    room_host  BLOB REFERENCES members (id) ON DELETE SET NULL,
    house      BLOB REFERENCES houses (id) ON DELETE SET NULL,
    house_maker BLOB REFERENCES members (id) ON DELETE SET NULL,
    house_ended_by BLOB REFERENCES members (id) ON DELETE SET NULL,
    reason     TEXT NOT NULL,
    text       TEXT NOT NULL,
    context    TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    handled_at BIGINT,
    handled_by BLOB REFERENCES members (id) ON DELETE SET NULL,
    outcome    TEXT
);
CREATE INDEX reports_by_reporter ON reports (reporter);
CREATE INDEX reports_by_time ON reports (created_at);
CREATE INDEX reports_by_about ON reports (about);
CREATE INDEX reports_by_house ON reports (house);
CREATE INDEX reports_by_room ON reports (room);
CREATE INDEX reports_by_room_host ON reports (room_host);
CREATE INDEX reports_by_house_maker ON reports (house_maker);
CREATE INDEX reports_by_house_end ON reports (house_ended_by);
CREATE INDEX reports_by_handler ON reports (handled_by);
CREATE INDEX reports_open ON reports (created_at) WHERE handled_at IS NULL;

-- Who is kept out of this server. `root` is the member whose whole branch was suspended, if it was a branch.
CREATE TABLE suspensions (
    member BLOB PRIMARY KEY NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    root   BLOB REFERENCES members (id) ON DELETE SET NULL,
    author BLOB REFERENCES members (id) ON DELETE SET NULL,
    reason TEXT NOT NULL,
    at     BIGINT NOT NULL
);
CREATE INDEX suspensions_by_root ON suspensions (root);
CREATE INDEX suspensions_by_author ON suspensions (author);
CREATE INDEX suspensions_by_time ON suspensions (at, member);

-- What admins did, of this server and of houses. `details` holds ids and numbers and never what a member wrote; `reason` is what
-- the admin of a `house` said about it.
CREATE TABLE audit_log (
    id      BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    at      BIGINT NOT NULL,
    actor   BLOB REFERENCES members (id) ON DELETE SET NULL,
    act     TEXT NOT NULL,
    about   BLOB REFERENCES members (id) ON DELETE SET NULL,
    details TEXT NOT NULL,
    house   BLOB REFERENCES houses (id) ON DELETE SET NULL,
    reason  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_log_by_time ON audit_log (at);
CREATE INDEX audit_log_by_actor ON audit_log (actor);
CREATE INDEX audit_log_by_subject ON audit_log (about);
CREATE INDEX audit_log_by_house ON audit_log (house, at, id);

-- By which words people (`kind` 0) and houses (1) are found: folded, in Latin letters, and in their own if these are
-- Cyrillic. `weight` grows with the logarithm of their followers or members, so that the best known come first without
-- reading the others.
CREATE TABLE search_words (
    kind    BIGINT NOT NULL,
    weight  BIGINT NOT NULL,
    word    TEXT NOT NULL,
    subject BLOB NOT NULL CHECK (length(subject) = 16),
    PRIMARY KEY (kind, weight, word, subject)
) WITHOUT ROWID;
CREATE INDEX search_words_by_subject ON search_words (subject, word);

-- What leads to a word that was typed with errors, once for all people or houses that have it: parts of its beginning.
-- `letters` is how many the word has.
CREATE TABLE search_parts (
    kind    BIGINT NOT NULL,
    part    TEXT NOT NULL,
    letters BIGINT NOT NULL,
    word    TEXT NOT NULL,
    PRIMARY KEY (kind, part, letters, word)
) WITHOUT ROWID;

-- Whoever changes the two tables above locks this row before: what somebody's words lead to goes with the last who has them.
INSERT INTO settings (key, value) VALUES ('search_turn', '');
