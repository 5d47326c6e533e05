-- What is told of invitations, how their steps were proven, and finding invitations and events by their words.

-- Whoever is to hear of a step is told page by page, in the order of their ids: `told` is the last of those who were, `done_at` when
-- all were. The other three are the proof that whoever gave the step had then.
ALTER TABLE invitation_steps ADD COLUMN told BLOB CHECK (length(told) = 16);
ALTER TABLE invitation_steps ADD COLUMN done_at BIGINT;
ALTER TABLE invitation_steps ADD COLUMN proof_domain TEXT;
ALTER TABLE invitation_steps ADD COLUMN proof_method TEXT;
ALTER TABLE invitation_steps ADD COLUMN proven_at BIGINT;
-- Of what happened before, everybody has been told.
UPDATE invitation_steps SET done_at = at;
CREATE INDEX invitation_steps_to_tell ON invitation_steps (at) WHERE done_at IS NULL;

-- The one that the host named before others, and of these the first.
UPDATE invitation_steps SET (proof_domain, proof_method, proven_at) = (
    SELECT p.domain, p.method, p.proven_at FROM proofs p JOIN invitations i ON i.id = invitation_steps.invitation
    WHERE p.proven_at IS NOT NULL
      AND (p.correspondent = invitation_steps.correspondent
           OR (p.member = invitation_steps.member AND p.proven_at <= invitation_steps.at))
    ORDER BY COALESCE(p.domain = i.invitee_domain, FALSE) DESC, p.proven_at, p.id LIMIT 1);

-- Whether search finds them by their present words.
ALTER TABLE invitations ADD COLUMN indexed BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX invitations_not_indexed ON invitations (id) WHERE NOT indexed;
ALTER TABLE events ADD COLUMN indexed BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX events_not_indexed ON events (id) WHERE NOT indexed;
