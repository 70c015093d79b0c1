-- People, and how they show who they are. Of what is secret only a hash is here.
CREATE TABLE person (
    name TEXT PRIMARY KEY,
    grants TEXT NOT NULL,            -- JSON, api::Grant
    password TEXT,                   -- argon2id
    created TEXT NOT NULL,
    last_login TEXT
);
CREATE TABLE session (
    hash TEXT PRIMARY KEY,           -- BLAKE3 of what the cookie holds
    person TEXT NOT NULL,
    created TEXT NOT NULL,
    seen TEXT NOT NULL
);
CREATE TABLE token (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,       -- BLAKE3
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    owner_is_person INTEGER NOT NULL, -- then it ends with the person, and may no more than the person
    grants TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT NOT NULL,
    last_used TEXT
);
-- Each record holds the hash of the one before; see audit.rs.
CREATE TABLE audit (
    n BIGINT PRIMARY KEY,
    record TEXT NOT NULL,            -- its canonical bytes
    hash TEXT NOT NULL
);
