-- A source that a restore has moved: where it is now, whatever its connection string says.
ALTER TABLE source ADD COLUMN host TEXT;
ALTER TABLE source ADD COLUMN port INTEGER;
