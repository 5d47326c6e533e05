-- Recordings, and the replays that are made of them. As in 0001: ids are 16 bytes, times milliseconds since 1970.

-- One for each time that recording was switched on in a room. `host` is who hosted the room then. `hearers` says to whom it was said
-- that it will be open: 0 those who were there, 1 members, 2 everybody. `state` is 0 recording, 1 waiting for being made, 2 being made,
-- 3 ready, 4 failed; `progress` of 100. What is made has a `generation`, which rises when it has to be made anew, and `tries` is how
-- often that was begun. `ms` is how long it is, and `consent` the version of the text that was agreed to.
CREATE TABLE replays (
    id           BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    room         BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    host         BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    house        BLOB REFERENCES houses (id) ON DELETE SET NULL,
    invitation   BLOB REFERENCES invitations (id) ON DELETE SET NULL,
    event        BLOB REFERENCES events (id) ON DELETE SET NULL,
    title        TEXT NOT NULL,
    language     TEXT NOT NULL,
    hearers      BIGINT NOT NULL,
    consent      BIGINT NOT NULL,
    state        BIGINT NOT NULL,
    began_at     BIGINT NOT NULL,
    ended_at     BIGINT,
    ms           BIGINT NOT NULL DEFAULT 0,
    progress     BIGINT NOT NULL DEFAULT 0,
    processed_at BIGINT,
    generation   BIGINT NOT NULL DEFAULT 1,
    tries        BIGINT NOT NULL DEFAULT 0,
    expires_at   BIGINT
);
CREATE INDEX replays_by_room ON replays (room);
CREATE INDEX replays_by_host ON replays (host, began_at);
CREATE INDEX replays_by_house ON replays (house, began_at);
CREATE INDEX replays_by_invitation ON replays (invitation);
CREATE INDEX replays_by_event ON replays (event);
CREATE INDEX replays_by_state ON replays (state, began_at);
CREATE INDEX replays_by_expiry ON replays (expires_at);

-- One track for each who agreed, numbered from 1. Its sound is in a file. Whoever speaks is a member or a guest, and `name` is what they
-- were called then. One that was withdrawn has no sound any more.
CREATE TABLE replay_tracks (
    replay       BLOB NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    n            BIGINT NOT NULL,
    member       BLOB REFERENCES members (id) ON DELETE SET NULL,
    guest        BLOB REFERENCES guests (id) ON DELETE SET NULL,
    name         TEXT NOT NULL,
    withdrawn_at BIGINT,
    PRIMARY KEY (replay, n)
);
CREATE INDEX replay_tracks_by_member ON replay_tracks (member, replay);
CREATE INDEX replay_tracks_by_guest ON replay_tracks (guest);

-- What was said to being recorded, in the order of the room's events: nothing is ever changed here. `track` is theirs, if they have one.
CREATE TABLE replay_consents (
    replay BLOB NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    member BLOB REFERENCES members (id) ON DELETE CASCADE,
    guest  BLOB REFERENCES guests (id) ON DELETE SET NULL,
    track  BIGINT,
    text   BIGINT NOT NULL,
    agree  BOOLEAN NOT NULL,
    PRIMARY KEY (replay, seq)
);
CREATE INDEX replay_consents_by_member ON replay_consents (member);
CREATE INDEX replay_consents_by_guest ON replay_consents (guest);

-- The members who were in the room while it was recorded, on stage or not.
CREATE TABLE replay_attendees (
    replay BLOB NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    member BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    PRIMARY KEY (replay, member)
);
CREATE INDEX replay_attendees_by_member ON replay_attendees (member, replay);

-- What happened beside the sound, `at_ms` after the beginning: links, questions, reactions. The body is the caller's. `author` is in
-- whose words it is, if it is in anybody's.
CREATE TABLE replay_marks (
    replay BLOB NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    n      BIGINT NOT NULL,
    at_ms  BIGINT NOT NULL,
    author BLOB REFERENCES members (id) ON DELETE CASCADE,
    kind   TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (replay, n)
);
CREATE INDEX replay_marks_by_author ON replay_marks (author);
