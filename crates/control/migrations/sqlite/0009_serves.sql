-- An opened restore that lies in the place of a live cluster: of which source it is the server, and how that is started.
ALTER TABLE instance ADD COLUMN serves TEXT;
