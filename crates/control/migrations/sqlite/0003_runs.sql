-- Operations are runs now, with tables of their own (crate ops). What ran before has no steps that could be shown.
DROP TABLE operation;
