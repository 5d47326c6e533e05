-- Invitations: public requests to a person to come and talk. As in 0001: ids are 16 bytes, hashes 32, times milliseconds since
-- 1970.

-- Who is invited is a member, or somebody outside by `invitee_name`; neither, if the member's account is gone. `state`, `merged`
-- (into which one), `turn` ('host', 'invitee' or nobody's) and `round` are what the steps come to, kept for lists and for the
-- conditions of statements; `version` is the number of the last step.
CREATE TABLE invitations (
    id             BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    host           BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    house          BYTEA REFERENCES houses (id) ON DELETE SET NULL,
    invitee        BYTEA REFERENCES members (id) ON DELETE SET NULL,
    invitee_name   TEXT COLLATE "C",
    invitee_about  TEXT COLLATE "C",
    invitee_domain TEXT COLLATE "C",
    language       TEXT COLLATE "C" NOT NULL,
    topics         TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,
    merged         BYTEA CHECK (length(merged) = 16),
    turn           TEXT COLLATE "C",
    round          BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL,
    version        BIGINT NOT NULL
);
CREATE INDEX invitations_by_host ON invitations (host, changed_at, id);
CREATE INDEX invitations_by_invitee ON invitations (invitee, changed_at, id);
CREATE INDEX invitations_by_house ON invitations (house);
CREATE INDEX invitations_by_change ON invitations (changed_at, id);
CREATE INDEX invitations_to_expire ON invitations (expires_at) WHERE state = 'asked';
-- A host invites a member once at a time.
CREATE UNIQUE INDEX invitations_at_a_time ON invitations (host, invitee)
    WHERE invitee IS NOT NULL AND state IN ('asked', 'accepted');

-- The text in each language; one of them is the original.
CREATE TABLE invitation_texts (
    invitation BYTEA NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    language   TEXT COLLATE "C" NOT NULL,
    title      TEXT COLLATE "C" NOT NULL,
    body       TEXT COLLATE "C" NOT NULL,
    original   BOOLEAN NOT NULL,
    author     BYTEA REFERENCES members (id) ON DELETE SET NULL,
    PRIMARY KEY (invitation, language)
);
CREATE INDEX invitation_texts_by_author ON invitation_texts (author);

-- Links by which somebody without an account answers for the invitee, and who took one. `link` is the digest of the code in the
-- link, which works once; `key` that of the token that whoever took it got, who says by
-- `office` that they answer for the invitee's office.
CREATE TABLE correspondents (
    id              BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    invitation      BYTEA NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    link            BYTEA NOT NULL UNIQUE CHECK (length(link) = 32),
    key             BYTEA UNIQUE CHECK (length(key) = 32),
    created_at      BIGINT NOT NULL,
    link_expires_at BIGINT NOT NULL,
    claimed_at      BIGINT,
    revoked_at      BIGINT,
    office          BOOLEAN NOT NULL DEFAULT FALSE
);
-- One that counts at a time.
CREATE UNIQUE INDEX correspondents_at_a_time ON correspondents (invitation) WHERE revoked_at IS NULL;
CREATE INDEX correspondents_by_invitation ON correspondents (invitation);

-- What happened, from 1 without gaps. `voice` is 'host', 'invitee', 'host_office', 'invitee_office', 'outside' or 'system', `member`
-- the principal. `times` are those proposed, agreed or named, with spaces between them; `subject` is a room or an invitation;
-- `language` is that of the text, or of a translation.
CREATE TABLE invitation_steps (
    invitation    BYTEA NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    n             BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    voice         TEXT COLLATE "C" NOT NULL,
    member        BYTEA REFERENCES members (id) ON DELETE SET NULL,
    delegate      BYTEA REFERENCES members (id) ON DELETE SET NULL,
    correspondent BYTEA REFERENCES correspondents (id) ON DELETE SET NULL,
    round         BIGINT NOT NULL,
    language      TEXT COLLATE "C",
    text          TEXT COLLATE "C",
    times         TEXT COLLATE "C",
    sheet         BYTEA CHECK (length(sheet) = 32),
    subject       BYTEA CHECK (length(subject) = 16),
    PRIMARY KEY (invitation, n)
);
CREATE INDEX invitation_steps_by_member ON invitation_steps (member);
CREATE INDEX invitation_steps_by_delegate ON invitation_steps (delegate);
CREATE INDEX invitation_steps_by_correspondent ON invitation_steps (correspondent);

-- All versions of the talk sheet. Lists are texts with an entry a line. Who agreed to which is in the steps.
CREATE TABLE sheets (
    invitation BYTEA NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    number     BIGINT NOT NULL,
    hash       BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
    author     BYTEA REFERENCES members (id) ON DELETE SET NULL,
    topics     TEXT COLLATE "C" NOT NULL,
    minutes    BIGINT NOT NULL,
    languages  TEXT COLLATE "C" NOT NULL,
    recorded   BOOLEAN NOT NULL,
    others     TEXT COLLATE "C" NOT NULL,
    audience   TEXT COLLATE "C" NOT NULL,
    notes      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (invitation, number)
);
CREATE INDEX sheets_by_author ON sheets (author);

-- Members who would like the talk to happen.
CREATE TABLE cosigns (
    invitation BYTEA NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    member     BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    at         BIGINT NOT NULL,
    PRIMARY KEY (invitation, member)
);
CREATE INDEX cosigns_by_time ON cosigns (invitation, at, member);
CREATE INDEX cosigns_by_member ON cosigns (member);

-- What members would like to be asked, one each; `votes` is how many rows of `question_votes` it has.
CREATE TABLE questions (
    id          BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    invitation  BYTEA NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    member      BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    text        TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    votes       BIGINT NOT NULL DEFAULT 0,
    answered_at BIGINT,
    UNIQUE (invitation, member)
);
CREATE INDEX questions_by_rank ON questions (invitation, votes, at, id);
CREATE INDEX questions_by_member ON questions (member);

CREATE TABLE question_votes (
    question BYTEA NOT NULL REFERENCES questions (id) ON DELETE CASCADE,
    member   BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    PRIMARY KEY (question, member)
);
CREATE INDEX question_votes_by_member ON question_votes (member);

-- What members say to an invitation; `contact` is for its host only.
CREATE TABLE replies (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    invitation BYTEA NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    member     BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    text       TEXT COLLATE "C" NOT NULL,
    contact    TEXT COLLATE "C" NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX replies_by_invitation ON replies (invitation, at, id);
CREATE INDEX replies_by_member ON replies (member);
