-- The same tables as in SQLite, see there for what the columns mean.
CREATE TABLE alarm (
    n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    severity TEXT NOT NULL,
    since BIGINT NOT NULL,
    raised BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    cleared BIGINT,
    told BIGINT NOT NULL,
    times_told BIGINT NOT NULL,
    text TEXT NOT NULL,
    advice TEXT NOT NULL
);
CREATE UNIQUE INDEX alarm_raised ON alarm (kind, scope) WHERE cleared IS NULL;
CREATE TABLE notice (
    n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm BIGINT REFERENCES alarm (n),
    channel TEXT NOT NULL,
    event TEXT NOT NULL,
    made BIGINT NOT NULL,
    message TEXT NOT NULL,
    outcome TEXT NOT NULL,
    tries BIGINT NOT NULL,
    tried BIGINT,
    error TEXT
);
CREATE INDEX notice_waiting ON notice (channel, n) WHERE outcome = 'waiting';
CREATE INDEX notice_tried ON notice (channel, tried);
CREATE INDEX notice_alarm ON notice (alarm);
CREATE TABLE daemon_start (
    at BIGINT PRIMARY KEY,
    version TEXT NOT NULL
);
CREATE TABLE measure (
    name TEXT NOT NULL,
    at BIGINT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name, at)
);
