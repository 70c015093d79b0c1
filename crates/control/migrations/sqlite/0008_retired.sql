-- What a restore replaced and keeps: the path, and what it was.
CREATE TABLE retired (
    path TEXT PRIMARY KEY,
    operation TEXT NOT NULL,
    source TEXT NOT NULL,
    live TEXT NOT NULL,
    since TEXT NOT NULL,
    host TEXT NOT NULL
);
