-- What replays are found by, beside the words of their titles (search_words, kind 4). As in 0001: ids are 16 bytes, times milliseconds
-- since 1970.

-- Which words, in Latin letters, are in which lines of transcripts: of each word a few lines of each track.
CREATE TABLE transcript_words (
    word   TEXT COLLATE "C" NOT NULL,
    replay BYTEA NOT NULL,
    n      BIGINT NOT NULL,
    line   BIGINT NOT NULL,
    PRIMARY KEY (word, replay, n, line),
    FOREIGN KEY (replay, n, line) REFERENCES transcript_lines (replay, n, line) ON DELETE CASCADE
);
CREATE INDEX transcript_words_by_line ON transcript_words (replay, n, line);

-- Whether the words of a track are in there as they are now.
ALTER TABLE transcripts ADD COLUMN indexed BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX transcripts_not_indexed ON transcripts (replay, n) WHERE NOT indexed;

-- The topics of a talk at its end, in their order. `began_at` is that of the replay.
CREATE TABLE replay_topics (
    replay   BYTEA NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    n        BIGINT NOT NULL,
    topic    TEXT COLLATE "C" NOT NULL,
    began_at BIGINT NOT NULL,
    PRIMARY KEY (replay, n)
);
CREATE INDEX replay_topics_by_topic ON replay_topics (topic, began_at, replay);
