-- Whoever goes takes the notices about their rooms along: without this, every notice of the server is read for it.
CREATE INDEX notifications_by_subject ON notifications (subject) WHERE subject IS NOT NULL;
