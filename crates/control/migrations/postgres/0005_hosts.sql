-- The host whose disk it lies on; empty where there is only this one.
ALTER TABLE instance ADD COLUMN host TEXT NOT NULL DEFAULT '';
