CREATE TABLE run (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT,
    lane TEXT,
    place TEXT,
    request_key TEXT UNIQUE,
    status TEXT NOT NULL,
    -- All times are microseconds since 1970.
    created BIGINT NOT NULL,
    ended BIGINT,
    -- When somebody should look at it; nothing when it is over or waits for a person.
    due BIGINT,
    lease_owner TEXT,
    lease_epoch BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT,
    head TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX run_due ON run (due) WHERE due IS NOT NULL;
CREATE UNIQUE INDEX run_lane ON run (lane) WHERE lane IS NOT NULL AND ended IS NULL;
CREATE INDEX run_created ON run (created, id);
CREATE INDEX run_subject ON run (subject, created);
CREATE TABLE run_event (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (run, n)
);
CREATE TABLE run_line (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    step BIGINT NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run, n)
);
