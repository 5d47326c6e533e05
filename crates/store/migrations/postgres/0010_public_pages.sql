-- Public pages.

-- Whether everybody may read the member's profile, without an account.
ALTER TABLE members ADD COLUMN public BOOLEAN NOT NULL DEFAULT FALSE;
