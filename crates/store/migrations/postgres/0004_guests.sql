-- Guests of rooms: people without an account who are let in by a link. As in 0001: ids are 16 bytes, hashes 32, times
-- milliseconds since 1970.

-- `code` is the digest of the code in the link, which works once; `session` that of the token that whoever took it got. The
-- id is never a member's. A guest is nobody once `expires_at` has come, `ended_at` is set, the room has ended, or the member
-- who made the link and vouches for them is suspended or gone.
CREATE TABLE guests (
    id         BYTEA PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    room       BYTEA NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    voucher    BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    code       BYTEA NOT NULL UNIQUE CHECK (length(code) = 32),
    session    BYTEA UNIQUE CHECK (length(session) = 32),
    name       TEXT COLLATE "C" NOT NULL,
    context    TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX guests_by_room ON guests (room);
CREATE INDEX guests_by_voucher ON guests (voucher);
CREATE INDEX guests_by_expiry ON guests (expires_at);
