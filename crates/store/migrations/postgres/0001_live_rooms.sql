-- Ids, lease owners and hashes are raw bytes (16, 16 and 32); times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE settings (
    key   TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE members (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    handle     TEXT COLLATE "C" NOT NULL UNIQUE,
    name       TEXT COLLATE "C" NOT NULL,
    language   TEXT COLLATE "C" NOT NULL,
    owner      BOOLEAN NOT NULL,
    sponsor    BYTEA REFERENCES members (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX members_by_sponsor ON members (sponsor);

-- The code itself is never stored. `used_by` is checked at commit, because redeeming marks the invite before it makes
-- the member: whoever marks it first has it.
CREATE TABLE invites (
    hash       BYTEA PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    owner      BOOLEAN NOT NULL,
    sponsor    BYTEA REFERENCES members (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    used_by    BYTEA REFERENCES members (id) DEFERRABLE INITIALLY DEFERRED,
    used_at    BIGINT
);
CREATE INDEX invites_by_sponsor ON invites (sponsor);
CREATE INDEX invites_by_user ON invites (used_by);

CREATE TABLE sessions (
    hash       BYTEA PRIMARY KEY NOT NULL CHECK (length(hash) = 32),
    member     BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    label      TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_member ON sessions (member);

CREATE TABLE follows (
    follower BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    followed BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    since    BIGINT NOT NULL,
    PRIMARY KEY (follower, followed),
    CHECK (follower <> followed)
);
CREATE INDEX follows_by_followed ON follows (followed);

-- `epoch` rises each time the room gets an owner; writes that carry another epoch change nothing.
CREATE TABLE rooms (
    id          BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    opened_at   BIGINT NOT NULL,
    title       TEXT COLLATE "C" NOT NULL,
    host        BYTEA NOT NULL REFERENCES members (id),
    epoch       BIGINT NOT NULL DEFAULT 0,
    lease_owner BYTEA CHECK (length(lease_owner) = 16),
    lease_until BIGINT,
    last_seq    BIGINT NOT NULL DEFAULT 0,
    ended_at    BIGINT
);
CREATE INDEX rooms_by_host ON rooms (host);
CREATE INDEX rooms_live ON rooms (opened_at) WHERE ended_at IS NULL;

-- Apart from `rooms`, so that renewing a lease does not rewrite a large row.
CREATE TABLE room_snapshots (
    room BYTEA PRIMARY KEY NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq  BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL
);

-- `member` and `command` say whose command an event came from, so that a repetition is recognised after a restart.
CREATE TABLE room_log (
    room    BYTEA NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq     BIGINT NOT NULL CHECK (seq > 0),
    at      BIGINT NOT NULL,
    member  BYTEA REFERENCES members (id) ON DELETE SET NULL,
    command BYTEA CHECK (length(command) = 16),
    body    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (room, seq)
);
CREATE INDEX room_log_by_member ON room_log (member);
