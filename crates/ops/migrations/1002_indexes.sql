-- A source's last operations of a kind, and those that are not over, without a look at all that ever was.
CREATE INDEX run_of_kind ON run (subject, kind, created, id);
CREATE INDEX run_unfinished ON run (created, id) WHERE ended IS NULL;
CREATE INDEX run_ended ON run (ended) WHERE ended IS NOT NULL;
CREATE INDEX run_kind ON run (kind, created, id, status);
-- All that a claim asks of those that it passes over.
DROP INDEX run_due;
CREATE INDEX run_due ON run (due, kind, lease_until, place, id) WHERE due IS NOT NULL;
