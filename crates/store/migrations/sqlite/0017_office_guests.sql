-- Guests whom an office lets in, and who answers an invitation. As in 0001: ids are 16 bytes.

-- `office` is whether somebody in the voucher's office made the link, and `delegate` who that was; `correspondent` is for whom it
-- was made who answers the room's invitation without an account, and made it themselves.
ALTER TABLE guests ADD COLUMN office BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE guests ADD COLUMN delegate BLOB REFERENCES members (id) ON DELETE SET NULL;
ALTER TABLE guests ADD COLUMN correspondent BLOB REFERENCES correspondents (id) ON DELETE SET NULL;
CREATE INDEX guests_by_delegate ON guests (delegate);
CREATE INDEX guests_by_correspondent ON guests (correspondent);
