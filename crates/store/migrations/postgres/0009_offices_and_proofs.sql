-- People who act for a member, and domains that somebody has shown to be theirs. As in 0001: ids are 16 bytes, times
-- milliseconds since 1970.

-- What a principal lets a delegate do, as a number with a bit for each right; `title` is what the office is called. It counts
-- from `accepted_at` until `ended_at` or `expires_at`. `ending` is `revoked` or `laid_down`.
CREATE TABLE office_grants (
    id          BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    principal   BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    delegate    BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    rights      BIGINT NOT NULL,
    title       TEXT COLLATE "C" NOT NULL,
    offered_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    accepted_at BIGINT,
    used_at     BIGINT,
    ended_at    BIGINT,
    ending      TEXT COLLATE "C",
    CHECK (principal <> delegate)
);
-- One at a time for each two; one whose time is over is ended before there is another.
CREATE UNIQUE INDEX office_grants_lasting ON office_grants (principal, delegate) WHERE ended_at IS NULL;
CREATE INDEX office_grants_by_principal ON office_grants (principal, offered_at, id);
CREATE INDEX office_grants_by_delegate ON office_grants (delegate, offered_at, id);

-- What delegates did for a principal, for the principal to read. `subject` is the id of what it was done to.
CREATE TABLE office_acts (
    id        BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    principal BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    delegate  BYTEA REFERENCES members (id) ON DELETE SET NULL,
    at        BIGINT NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    subject   BYTEA CHECK (length(subject) = 16),
    note      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX office_acts_by_principal ON office_acts (principal, at, id);
CREATE INDEX office_acts_by_delegate ON office_acts (delegate);

-- Domains of a member, or of whoever answers an invitation without an account. `token` is what they publish there, so it is no
-- secret. The proof holds from `proven_at` until `lapsed_at`; `check_at` is when it is looked at again, and `failures` how often in
-- a row it was not found since `failing_since`.
CREATE TABLE proofs (
    id            BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    member        BYTEA REFERENCES members (id) ON DELETE CASCADE,
    correspondent BYTEA REFERENCES correspondents (id) ON DELETE CASCADE,
    domain        TEXT COLLATE "C" NOT NULL,
    method        TEXT COLLATE "C" NOT NULL,
    token         TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT NOT NULL,
    proven_at     BIGINT,
    checked_at    BIGINT,
    failing_since BIGINT,
    failures      BIGINT NOT NULL DEFAULT 0,
    lapsed_at     BIGINT,
    check_at      BIGINT,
    CHECK ((member IS NULL) <> (correspondent IS NULL)),
    UNIQUE (member, domain),
    UNIQUE (correspondent, domain)
);
CREATE INDEX proofs_due ON proofs (check_at) WHERE check_at IS NOT NULL;
