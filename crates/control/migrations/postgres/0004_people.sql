-- The same tables as in SQLite, see there for what the columns mean.
CREATE TABLE person (
    name TEXT PRIMARY KEY,
    grants TEXT NOT NULL,
    password TEXT,
    created TEXT NOT NULL,
    last_login TEXT
);
CREATE TABLE session (
    hash TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    created TEXT NOT NULL,
    seen TEXT NOT NULL
);
CREATE TABLE token (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    owner_is_person BIGINT NOT NULL,
    grants TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT NOT NULL,
    last_used TEXT
);
CREATE TABLE audit (
    n BIGINT PRIMARY KEY,
    record TEXT NOT NULL,
    hash TEXT NOT NULL
);
