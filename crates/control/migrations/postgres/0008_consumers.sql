-- Who uses a database, as its server saw them: looked at all the time, so that it is known before somebody needs it.
CREATE TABLE consumer (
    source TEXT NOT NULL,
    -- Empty: by the server's own socket.
    address TEXT NOT NULL,
    application TEXT NOT NULL,
    role TEXT NOT NULL,
    database TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    looks BIGINT NOT NULL,
    sessions_max BIGINT NOT NULL,
    PRIMARY KEY (source, address, application, role, database)
);
