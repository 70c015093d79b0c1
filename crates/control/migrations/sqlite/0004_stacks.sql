-- What people applied: one file a stack, as `export` prints it.
CREATE TABLE stack (
    name TEXT PRIMARY KEY,
    file TEXT NOT NULL,
    applied TEXT NOT NULL,
    applied_by TEXT NOT NULL
);
-- The slot of a timetable that was served last: `backup SOURCE RULE`, `drill SOURCE`, `expire SOURCE`.
CREATE TABLE timer (
    name TEXT PRIMARY KEY,
    slot TEXT NOT NULL
);
