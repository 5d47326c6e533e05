-- A guest's way to what was recorded of them. As in 0001: hashes are 32 bytes.

-- The digest of the code in the link by which a guest came, for as long as there is the track: the guest is forgotten soon after the room.
ALTER TABLE replay_tracks ADD COLUMN link BYTEA CHECK (length(link) = 32);
UPDATE replay_tracks SET link = (SELECT g.code FROM guests g WHERE g.id = replay_tracks.guest) WHERE guest IS NOT NULL;
CREATE INDEX replay_tracks_by_link ON replay_tracks (link);
