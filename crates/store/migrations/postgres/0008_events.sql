-- Events: announced talks. As in 0001: ids are 16 bytes, hashes 32, times milliseconds since 1970.

-- `state` is 0 proposed, 1 agreed, 2 dated, 3 live, 4 ended, 5 cancelled; `kind` is that of the room, 0 closed, 1 social, 2 open.
-- `changes` is the number of the last row in event_changes, `minutes` how long it is planned for, `time_zone` the IANA name of the
-- zone in which its date was chosen. An event of an invitation is made when that is accepted.
--
-- `recurrence` is 0 weekly, 1 every two weeks, 2 monthly on the same weekday. `planned` is the wall time of this one in its zone;
-- the next one is counted from there, whatever date this one had in the end, and is made once: `continued` says that it was.
CREATE TABLE events (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    host       BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    house      BYTEA REFERENCES houses (id) ON DELETE CASCADE,
    invitation BYTEA UNIQUE REFERENCES invitations (id) ON DELETE CASCADE,
    title      TEXT COLLATE "C" NOT NULL,
    about      TEXT COLLATE "C" NOT NULL,
    language   TEXT COLLATE "C" NOT NULL,
    topics     TEXT COLLATE "C" NOT NULL,
    reason     TEXT COLLATE "C" NOT NULL DEFAULT '',
    kind       BIGINT NOT NULL,
    state      BIGINT NOT NULL,
    starts_at  BIGINT,
    minutes    BIGINT NOT NULL,
    time_zone  TEXT COLLATE "C" NOT NULL,
    recurrence BIGINT,
    planned    TEXT COLLATE "C",
    series     BYTEA CHECK (length(series) = 16),
    nth        BIGINT NOT NULL DEFAULT 0,
    continued  BOOLEAN NOT NULL DEFAULT FALSE,
    room       BYTEA UNIQUE REFERENCES rooms (id) ON DELETE SET NULL,
    changes    BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX events_by_series ON events (series, nth);
CREATE INDEX events_by_host ON events (host);
CREATE INDEX events_by_house ON events (house);
CREATE INDEX events_by_date ON events (state, starts_at);
CREATE INDEX events_to_continue ON events (state) WHERE recurrence IS NOT NULL AND NOT continued;

-- Who was asked to host an event beside its host. Nobody is shown as one before `accepted_at`. While one that is `needed` has not
-- accepted, the event is proposed.
CREATE TABLE event_cohosts (
    event       BYTEA NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    member      BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    needed      BOOLEAN NOT NULL,
    asked_at    BIGINT NOT NULL,
    accepted_at BIGINT,
    PRIMARY KEY (event, member)
);
CREATE INDEX event_cohosts_by_member ON event_cohosts (member);

-- Who is told of each change. `going` is what they have said of themselves.
CREATE TABLE event_subscriptions (
    event  BYTEA NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    member BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    going  BOOLEAN NOT NULL,
    since  BIGINT NOT NULL,
    PRIMARY KEY (event, member)
);
CREATE INDEX event_subscriptions_by_member ON event_subscriptions (member);

-- Times among which members choose, and what they chose.
CREATE TABLE event_times (
    event BYTEA NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    at    BIGINT NOT NULL,
    PRIMARY KEY (event, at)
);
CREATE TABLE event_votes (
    event  BYTEA NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    at     BIGINT NOT NULL,
    member BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    PRIMARY KEY (event, at, member)
);
CREATE INDEX event_votes_by_member ON event_votes (member);

-- What happened to an event, numbered from 1: written with the change itself. Subscribers are told page by page, in the order of
-- their ids: `told` is the last of those who were, `done_at` when all were.
CREATE TABLE event_changes (
    event     BYTEA NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    n         BIGINT NOT NULL,
    kind      BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    actor     BYTEA REFERENCES members (id) ON DELETE SET NULL,
    starts_at BIGINT,
    told      BYTEA CHECK (length(told) = 16),
    done_at   BIGINT,
    PRIMARY KEY (event, n)
);
CREATE INDEX event_changes_by_time ON event_changes (at);
CREATE INDEX event_changes_by_actor ON event_changes (actor);
CREATE INDEX event_changes_to_tell ON event_changes (at) WHERE done_at IS NULL;

-- The address under which a member's calendar program finds their events; only its digest is kept.
CREATE TABLE calendars (
    member     BYTEA PRIMARY KEY NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    hash       BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at BIGINT NOT NULL
);
