-- Sound that goes with reports. As in 0001: ids are 16 bytes, times milliseconds since 1970.

-- One track for each who agreed to it and said something, numbered from 1 in each report; the sound itself is in a file. Whoever
-- talks is a member or a guest, and goes with their account; a guest who is forgotten is nobody. `ms` is how long it is.
CREATE TABLE evidence (
    report   BYTEA NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    n        BIGINT NOT NULL,
    member   BYTEA REFERENCES members (id) ON DELETE CASCADE,
    guest    BYTEA REFERENCES guests (id) ON DELETE SET NULL,
    began_at BIGINT NOT NULL,
    ms       BIGINT NOT NULL,
    bytes    BIGINT NOT NULL,
    PRIMARY KEY (report, n)
);
CREATE INDEX evidence_by_member ON evidence (member);
CREATE INDEX evidence_by_guest ON evidence (guest);
