-- What the daemon must remember between restarts. The vault does not depend on it: `rekindle recover` works without.
CREATE TABLE source (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,               -- without a password
    slot TEXT NOT NULL,
    system_identifier TEXT NOT NULL, -- as text: it has 64 bits without a sign
    data_directory TEXT NOT NULL,
    created TEXT NOT NULL            -- RFC 3339, UTC, as all times here
) STRICT;

CREATE TABLE operation (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    source TEXT,
    status TEXT NOT NULL,
    step TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,
    error TEXT,                      -- JSON, api::ErrorBody
    result TEXT                      -- JSON, by kind
) STRICT;
CREATE INDEX operation_started ON operation (started);

CREATE TABLE gap (
    source TEXT NOT NULL,
    timeline INTEGER NOT NULL,
    position_from TEXT NOT NULL,
    position_to TEXT NOT NULL,
    noticed TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (source, timeline, position_from)
) STRICT;
