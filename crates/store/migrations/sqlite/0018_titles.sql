-- Whose words the title and the topics of a replay are, if they are not those of whoever opened the room, with whose account it goes.

ALTER TABLE replays ADD COLUMN titled_by BLOB REFERENCES members (id) ON DELETE SET NULL;
CREATE INDEX replays_by_titled_by ON replays (titled_by);
