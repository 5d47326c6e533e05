-- Members and what is between them. As in 0001: ids are 16 bytes, hashes 32, times milliseconds since 1970.

-- What a member says of themselves, and what they let be seen. `sponsor_hidden` hides who let this member in,
-- `guests_hidden` hides the member on the profiles of those whom they let in.
ALTER TABLE members ADD COLUMN bio TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN admin BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN bot BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN avatar BYTEA CHECK (length(avatar) = 16);
ALTER TABLE members ADD COLUMN sponsor_hidden BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN guests_hidden BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN online_hidden BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE members ADD COLUMN topics TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN languages TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN followers BIGINT NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN time_zone TEXT COLLATE "C" NOT NULL DEFAULT '';
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
    skeleton TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    member   BYTEA UNIQUE REFERENCES members (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    claim    BYTEA CHECK (length(claim) = 32)
);
CREATE INDEX handles_by_claim ON handles (claim);
INSERT INTO handles (skeleton, member) SELECT handle, id FROM members;
-- The program gives these their skeletons when it opens the database, and takes this away.
INSERT INTO settings (key, value) VALUES ('skeletons_pending', '');

-- When a member took another handle; only the last ones count.
CREATE TABLE handle_changes (
    member BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    at     BIGINT NOT NULL,
    PRIMARY KEY (member, at)
);

CREATE TABLE member_links (
    member   BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    url      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (member, position)
);

-- Two sizes of one picture, JPEG. `id` changes with the picture, so that an address never shows another one.
CREATE TABLE avatars (
    id     BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    member BYTEA NOT NULL UNIQUE REFERENCES members (id) ON DELETE CASCADE,
    small  BYTEA NOT NULL,
    large  BYTEA NOT NULL
);

-- `id` names an invite where its code is not known any more; `note` is what the sponsor wrote for the guest. `earned_at`
-- is when the guest had taken part so often that the sponsor earned an invite.
ALTER TABLE invites ADD COLUMN id BYTEA CHECK (length(id) = 16);
ALTER TABLE invites ADD COLUMN note TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE invites ADD COLUMN earned_at BIGINT;
CREATE UNIQUE INDEX invites_by_id ON invites (id);

-- The days, counted from 1970 in UTC, on which a member was in a room with somebody else.
CREATE TABLE days_present (
    member BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    day    BIGINT NOT NULL,
    PRIMARY KEY (member, day)
);

-- People who wait for somebody to let them in. `hash` is the digest of the secret by which they come back; waving in makes
-- an invite of it.
CREATE TABLE waitlist (
    hash       BYTEA PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    id         BYTEA NOT NULL UNIQUE CHECK (length(id) = 16),
    handle     TEXT COLLATE "C" NOT NULL UNIQUE,
    skeleton   TEXT COLLATE "C" NOT NULL REFERENCES handles (skeleton) ON DELETE CASCADE,
    name       TEXT COLLATE "C" NOT NULL,
    note       TEXT COLLATE "C" NOT NULL,
    language   TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX waitlist_by_skeleton ON waitlist (skeleton);
CREATE INDEX waitlist_by_expiry ON waitlist (expires_at);

-- `credential` is the public key with its counter, as JSON of the library that checks signatures.
CREATE TABLE passkeys (
    id            BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    member        BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    credential_id BYTEA NOT NULL UNIQUE,
    credential    TEXT COLLATE "C" NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT NOT NULL,
    used_at       BIGINT
);
CREATE INDEX passkeys_by_member ON passkeys (member);

-- A passkey ceremony between its two requests; taken out by the second, so that none is answered twice.
CREATE TABLE ceremonies (
    hash       BYTEA PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    member     BYTEA REFERENCES members (id) ON DELETE CASCADE,
    state      TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX ceremonies_by_expiry ON ceremonies (expires_at);
CREATE INDEX ceremonies_by_member ON ceremonies (member);

CREATE TABLE recovery_codes (
    hash    BYTEA PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    member  BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    used_at BIGINT
);
CREATE INDEX recovery_codes_by_member ON recovery_codes (member);

-- An address counts once it is confirmed; two members may have asked for the same one until then.
CREATE TABLE mail_addresses (
    member       BYTEA PRIMARY KEY NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    address      TEXT COLLATE "C" NOT NULL,
    confirmed_at BIGINT
);
CREATE UNIQUE INDEX mail_addresses_confirmed ON mail_addresses (address) WHERE confirmed_at IS NOT NULL;

-- One-use links: to sign in, and to confirm an address. `purpose` is `sign_in`, `confirm` or `recover`.
CREATE TABLE sign_in_links (
    hash       BYTEA PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    member     BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    purpose    TEXT COLLATE "C" NOT NULL,
    address    TEXT COLLATE "C",
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_links_by_member ON sign_in_links (member);
CREATE INDEX sign_in_links_by_expiry ON sign_in_links (expires_at);

-- `id` names a session where its token is not known, and is the first half of its digest; `used_at` is exact to the hour.
ALTER TABLE sessions ADD COLUMN id BYTEA CHECK (length(id) = 16);
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
    blocker BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    blocked BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    since   BIGINT NOT NULL,
    PRIMARY KEY (blocker, blocked),
    CHECK (blocker <> blocked)
);
CREATE INDEX blocks_by_blocked ON blocks (blocked);

CREATE TABLE mutes (
    muter BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    muted BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    since BIGINT NOT NULL,
    PRIMARY KEY (muter, muted),
    CHECK (muter <> muted)
);
CREATE INDEX mutes_by_muted ON mutes (muted);

-- `members` counts everybody from role 1 upwards, `admins` those of role 2: at least one as long as there is the house.
-- `rules_at` is when the rules last changed.
CREATE TABLE houses (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    handle     TEXT COLLATE "C" NOT NULL UNIQUE,
    skeleton   TEXT COLLATE "C" NOT NULL UNIQUE,
    name       TEXT COLLATE "C" NOT NULL,
    about      TEXT COLLATE "C" NOT NULL,
    rules      TEXT COLLATE "C" NOT NULL,
    language   TEXT COLLATE "C" NOT NULL,
    private    BOOLEAN NOT NULL,
    nominated  BOOLEAN NOT NULL,
    maker      BYTEA REFERENCES members (id) ON DELETE SET NULL,
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
    house      BYTEA NOT NULL REFERENCES houses (id) ON DELETE CASCADE,
    member     BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    role       BIGINT NOT NULL CHECK (role BETWEEN 0 AND 2),
    since      BIGINT NOT NULL,
    rules_seen BIGINT,
    PRIMARY KEY (house, member)
);
CREATE INDEX house_members_by_member ON house_members (member);
CREATE INDEX house_members_by_role ON house_members (house, role, since, member);

-- `accepted_at` is when an admin agreed: from then on the nominee may join.
CREATE TABLE nominations (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    house      BYTEA NOT NULL REFERENCES houses (id) ON DELETE CASCADE,
    nominee    BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    nominator  BYTEA REFERENCES members (id) ON DELETE CASCADE,
    note       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    accepted_at BIGINT,
    UNIQUE (house, nominee)
);
CREATE INDEX nominations_by_nominee ON nominations (nominee);
CREATE INDEX nominations_by_nominator ON nominations (nominator);

CREATE TABLE house_bans (
    house  BYTEA NOT NULL REFERENCES houses (id) ON DELETE CASCADE,
    member BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    since  BIGINT NOT NULL,
    PRIMARY KEY (house, member)
);
CREATE INDEX house_bans_by_member ON house_bans (member);

ALTER TABLE rooms ADD COLUMN house BYTEA REFERENCES houses (id) ON DELETE SET NULL;
CREATE INDEX rooms_by_house ON rooms (house);

-- `subject` is the id of what it is about (a room, a house, an invite); `body` is a text that belongs to it, such as an
-- outcome. `inbox` says whether it is shown there; `deliver_at` is when it goes out by push or mail, NULL once it has gone or will
-- not, and `attempts` how often that was tried.
CREATE TABLE notifications (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    member     BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    kind       TEXT COLLATE "C" NOT NULL,
    actor      BYTEA REFERENCES members (id) ON DELETE CASCADE,
    subject    BYTEA CHECK (length(subject) = 16),
    body       TEXT COLLATE "C" NOT NULL,
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
    member BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    kind   TEXT COLLATE "C" NOT NULL,
    inbox  BOOLEAN NOT NULL,
    push   BOOLEAN NOT NULL,
    mail   BOOLEAN NOT NULL,
    PRIMARY KEY (member, kind)
);

-- A browser that takes Web Push (RFC 8030); it ends with the session that made it.
CREATE TABLE push_subscriptions (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    member     BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    session    BYTEA REFERENCES sessions (hash) ON DELETE CASCADE,
    endpoint   TEXT COLLATE "C" NOT NULL UNIQUE,
    p256dh     BYTEA NOT NULL,
    auth       BYTEA NOT NULL,
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
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    reporter   BYTEA REFERENCES members (id) ON DELETE SET NULL,
    about      BYTEA REFERENCES members (id) ON DELETE CASCADE,
    room       BYTEA CHECK (length(room) = 16),
    room_host  BYTEA REFERENCES members (id) ON DELETE SET NULL,
    house      BYTEA REFERENCES houses (id) ON DELETE SET NULL,
    house_maker BYTEA REFERENCES members (id) ON DELETE SET NULL,
    house_ended_by BYTEA REFERENCES members (id) ON DELETE SET NULL,
    reason     TEXT COLLATE "C" NOT NULL,
    text       TEXT COLLATE "C" NOT NULL,
    context    TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    handled_at BIGINT,
    handled_by BYTEA REFERENCES members (id) ON DELETE SET NULL,
    outcome    TEXT COLLATE "C"
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
    member BYTEA PRIMARY KEY NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    root   BYTEA REFERENCES members (id) ON DELETE SET NULL,
    author BYTEA REFERENCES members (id) ON DELETE SET NULL,
    reason TEXT COLLATE "C" NOT NULL,
    at     BIGINT NOT NULL
);
CREATE INDEX suspensions_by_root ON suspensions (root);
CREATE INDEX suspensions_by_author ON suspensions (author);
CREATE INDEX suspensions_by_time ON suspensions (at, member);

-- What admins did, of this server and of houses. `details` holds ids and numbers and never what a member wrote; `reason` is what
-- the admin of a `house` said about it.
CREATE TABLE audit_log (
    id      BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    at      BIGINT NOT NULL,
    actor   BYTEA REFERENCES members (id) ON DELETE SET NULL,
    act     TEXT COLLATE "C" NOT NULL,
    about   BYTEA REFERENCES members (id) ON DELETE SET NULL,
    details TEXT COLLATE "C" NOT NULL,
    house   BYTEA REFERENCES houses (id) ON DELETE SET NULL,
    reason  TEXT COLLATE "C" NOT NULL DEFAULT ''
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
    word    TEXT COLLATE "C" NOT NULL,
    subject BYTEA NOT NULL CHECK (length(subject) = 16),
    PRIMARY KEY (kind, weight, word, subject)
);
CREATE INDEX search_words_by_subject ON search_words (subject, word);

-- What leads to a word that was typed with errors, once for all people or houses that have it: parts of its beginning.
-- `letters` is how many the word has.
CREATE TABLE search_parts (
    kind    BIGINT NOT NULL,
    part    TEXT COLLATE "C" NOT NULL,
    letters BIGINT NOT NULL,
    word    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, part, letters, word)
);

-- Whoever changes the two tables above locks this row before: what somebody's words lead to goes with the last who has them.
INSERT INTO settings (key, value) VALUES ('search_turn', '');
