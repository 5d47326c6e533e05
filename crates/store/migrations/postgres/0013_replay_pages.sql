-- What is made of replays. As in 0001: ids are 16 bytes, hashes 32, times milliseconds since 1970. Times within a replay (`at_ms`,
-- `from_ms`, `to_ms`) are milliseconds since its beginning.

-- Links by which whoever has one hears a replay. Only the digest of the key is kept; a link that was revoked is gone.
CREATE TABLE replay_links (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    replay     BYTEA NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    key        BYTEA NOT NULL UNIQUE CHECK (length(key) = 32),
    note       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX replay_links_by_replay ON replay_links (replay);

-- What the host calls a chapter.
CREATE TABLE replay_chapters (
    replay BYTEA NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    at_ms  BIGINT NOT NULL,
    title  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (replay, at_ms)
);

-- Parts that somebody cut. The sound is that of the replay as it is when the clip is heard.
CREATE TABLE clips (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    replay     BYTEA NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    member     BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    title      TEXT COLLATE "C" NOT NULL,
    from_ms    BIGINT NOT NULL,
    to_ms      BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX clips_by_replay ON clips (replay, created_at, id);
CREATE INDEX clips_by_member ON clips (member);

-- Replies, in text or by voice: `voice` is an Ogg Opus file of `voice_ms`.
CREATE TABLE replay_replies (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    replay     BYTEA NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    member     BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    text       TEXT COLLATE "C" NOT NULL,
    at_ms      BIGINT,
    created_at BIGINT NOT NULL,
    voice_ms   BIGINT,
    voice      BYTEA
);
CREATE INDEX replay_replies_by_replay ON replay_replies (replay, created_at, id);
CREATE INDEX replay_replies_by_member ON replay_replies (member);

-- Whether search finds a replay by its present words.
ALTER TABLE replays ADD COLUMN indexed BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX replays_not_indexed ON replays (id) WHERE NOT indexed;
CREATE INDEX replays_by_beginning ON replays (began_at, id);
