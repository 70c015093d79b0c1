-- The same tables as in SQLite, see there for what the columns mean.
CREATE TABLE source (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    slot TEXT NOT NULL,
    system_identifier TEXT NOT NULL,
    data_directory TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE TABLE gap (
    source TEXT NOT NULL,
    timeline BIGINT NOT NULL,
    position_from TEXT NOT NULL,
    position_to TEXT NOT NULL,
    noticed TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (source, timeline, position_from)
);
CREATE TABLE instance (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    phase TEXT NOT NULL,
    folder TEXT NOT NULL,
    ask TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT,
    quota_bytes BIGINT,
    backup TEXT,
    pin TEXT,
    opened TEXT,
    report TEXT,
    trouble TEXT
);
