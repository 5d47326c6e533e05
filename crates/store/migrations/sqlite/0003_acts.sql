-- The log of moderation, appeals against what is in it, and rooms that somebody does not want to see. As in 0001: ids are 16
-- bytes, times milliseconds since 1970.

-- Who hosts the room now, or did when it ended: who opened it may have handed it over.
ALTER TABLE rooms ADD COLUMN leader BLOB REFERENCES members (id) ON DELETE SET NULL;
UPDATE rooms SET leader = host;
CREATE INDEX rooms_by_leader ON rooms (leader);
-- What is kept for a time after the end of its room is found by it.
CREATE INDEX rooms_ended ON rooms (ended_at) WHERE ended_at IS NOT NULL;

-- What somebody who runs a room did to somebody or to the room, numbered from 1 in each. `whom` is a member; of a guest, who is
-- none, there is an id, the name in the link, and the `voucher` who wrote that. `known` says whether they whom it is about
-- may know of the room.
CREATE TABLE acts (
    id         BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    room       BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    number     BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    author     BLOB REFERENCES members (id) ON DELETE SET NULL,
    whom       BLOB REFERENCES members (id) ON DELETE SET NULL,
    guest      BLOB CHECK (length(guest) = 16),
    guest_name TEXT,
    voucher    BLOB REFERENCES members (id) ON DELETE SET NULL,
    known      BOOLEAN NOT NULL,
    reason     TEXT,
    UNIQUE (room, number)
);
CREATE INDEX acts_by_author ON acts (author);
CREATE INDEX acts_by_whom ON acts (whom, at, id);
CREATE INDEX acts_by_voucher ON acts (voucher);

-- One for each act at most. `lifted` is what was decided, NULL while it is open.
CREATE TABLE appeals (
    act        BLOB PRIMARY KEY NOT NULL REFERENCES acts (id) ON DELETE CASCADE,
    id         BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    at         BIGINT NOT NULL,
    text       TEXT NOT NULL,
    lifted     BOOLEAN,
    answer     TEXT,
    decided_at BIGINT,
    decided_by BLOB REFERENCES members (id) ON DELETE SET NULL
);
CREATE INDEX appeals_by_time ON appeals (at, id);
CREATE INDEX appeals_by_decider ON appeals (decided_by);

-- Live rooms that a member does not want in their hallway.
CREATE TABLE hidden_rooms (
    member BLOB NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    room   BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    PRIMARY KEY (member, room)
);
CREATE INDEX hidden_rooms_by_room ON hidden_rooms (room);
