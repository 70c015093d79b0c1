-- What was wrong once, and whether somebody was told. Nothing is ever removed from these two. Times are microseconds of Unix time.
CREATE TABLE alarm (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,             -- `source shop`, `vault`, `daemon`, …
    severity TEXT NOT NULL,          -- warning, critical
    since INTEGER NOT NULL,          -- when it began, as far as that is known
    raised INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    cleared INTEGER,
    told INTEGER NOT NULL,           -- the last time
    times_told INTEGER NOT NULL,
    text TEXT NOT NULL,
    advice TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX alarm_raised ON alarm (kind, scope) WHERE cleared IS NULL;
CREATE TABLE notice (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm INTEGER REFERENCES alarm (n), -- nothing: a test
    channel TEXT NOT NULL,
    event TEXT NOT NULL,             -- raised, worse, repeated, cleared, test
    made INTEGER NOT NULL,
    message TEXT NOT NULL,           -- JSON, api::AlarmMessage
    outcome TEXT NOT NULL,           -- waiting, delivered, given-up
    tries INTEGER NOT NULL,
    tried INTEGER,                   -- the last time
    error TEXT                       -- of the last try, when it failed
) STRICT;
CREATE INDEX notice_waiting ON notice (channel, n) WHERE outcome = 'waiting';
CREATE INDEX notice_tried ON notice (channel, tried);
CREATE INDEX notice_alarm ON notice (alarm);
-- When daemons began, to notice one that is started again and again.
CREATE TABLE daemon_start (
    at INTEGER PRIMARY KEY,
    version TEXT NOT NULL
) STRICT;
-- What was measured from time to time: `vault free`, `vault size`.
CREATE TABLE measure (
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name, at)
) STRICT;
