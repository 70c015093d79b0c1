-- What Rekindle has opened and looks after: clones, peeks, drills, and restores that are still mounts.
CREATE TABLE instance (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,              -- clone, peek, drill, restore
    source TEXT NOT NULL,
    phase TEXT NOT NULL,             -- opening, open, stopped
    folder TEXT NOT NULL,            -- of everything local
    ask TEXT NOT NULL,               -- JSON: how to open it again at the same moment
    created TEXT NOT NULL,
    expires TEXT,
    quota_bytes INTEGER,             -- of what it writes
    backup TEXT,                     -- pinned while the instance reads from it
    pin TEXT,                        -- 16 hex digits
    opened TEXT,                     -- JSON: where it runs
    report TEXT,                     -- JSON, api::RestoreReport
    trouble TEXT                     -- JSON: what happened to it last
) STRICT;
