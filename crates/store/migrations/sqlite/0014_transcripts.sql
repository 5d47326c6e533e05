-- What was said in replays, as it was written down from each track. As in 0001: ids are 16 bytes, times milliseconds since 1970.

-- One for each track for which that was begun. `state` is 0 begun, 1 done, 2 failed, and `tries` how often it was begun.
CREATE TABLE transcripts (
    replay  BLOB NOT NULL,
    n       BIGINT NOT NULL,
    state   BIGINT NOT NULL DEFAULT 0,
    tries   BIGINT NOT NULL DEFAULT 0,
    made_at BIGINT,
    PRIMARY KEY (replay, n),
    FOREIGN KEY (replay, n) REFERENCES replay_tracks (replay, n) ON DELETE CASCADE
);

-- The lines of a track, numbered from 1 in the order in which they begin; times are from the beginning of the replay. `corrected_at` is when
-- whoever said it changed the text.
CREATE TABLE transcript_lines (
    replay       BLOB NOT NULL,
    n            BIGINT NOT NULL,
    line         BIGINT NOT NULL,
    from_ms      BIGINT NOT NULL,
    to_ms        BIGINT NOT NULL,
    text         TEXT NOT NULL,
    language     TEXT NOT NULL,
    corrected_at BIGINT,
    PRIMARY KEY (replay, n, line),
    FOREIGN KEY (replay, n) REFERENCES transcripts (replay, n) ON DELETE CASCADE
);
CREATE INDEX transcript_lines_by_time ON transcript_lines (replay, from_ms, n, line);
