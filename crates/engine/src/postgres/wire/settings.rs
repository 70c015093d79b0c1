//! What our sessions rely on, whatever `ALTER ROLE … SET`, `ALTER DATABASE … SET` or postgresql.conf say.
//!
//! It is given with the startup message, whose values win over all of those (GucSource in guc.h: PGC_S_CLIENT is above
//! PGC_S_DATABASE_USER) and hold from the first statement on. A name that the server does not know ends the connection there, so what
//! only newer servers know follows as a statement.

use std::time::Duration;

use super::Mode;

const LIMITS: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_deferrable", "off"),
    ("default_transaction_isolation", "read committed"),
];
/// With an empty search path every name is said in full, and nobody's function or table of the same name is taken. Without row
/// security a query fails where a policy would hide rows, instead of counting too few.
const MEANING: &[(&str, &str)] = &[
    ("search_path", ""),
    ("row_security", "off"),
    ("standard_conforming_strings", "on"),
    ("client_min_messages", "notice"),
    ("quote_all_identifiers", "off"),
    ("bytea_output", "hex"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "1"),
];
/// With the major that knows them first. The last one ends a statement whose client is gone.
const NEWER: &[(u32, &str, &str)] = &[
    (14, "idle_session_timeout", "0"),
    (17, "transaction_timeout", "0"),
    (14, "client_connection_check_interval", "2000"),
];

/// Parameters of the startup message.
pub(super) fn at_startup(mode: Mode, lock_timeout: &str) -> impl Iterator<Item = (&'static str, &str)> {
    let limits = if matches!(mode, Mode::Sql | Mode::Users) { LIMITS } else { &[] };
    let meaning = if mode == Mode::Sql { MEANING } else { &[] };
    let lock = (!limits.is_empty()).then_some(("lock_timeout", lock_timeout));
    limits.iter().chain(meaning).copied().chain(lock)
}

/// What is said right after the login; nothing where there is nothing to say.
pub(super) fn statement(mode: Mode, major: u32) -> Option<String> {
    let settings: Vec<String> = newer(mode, major).map(|(name, value)| format!("SET {name} = {value}")).collect();
    (!settings.is_empty()).then(|| settings.join("; "))
}

fn newer(mode: Mode, major: u32) -> impl Iterator<Item = (&'static str, &'static str)> {
    let known = NEWER.iter().filter(move |(since, ..)| matches!(mode, Mode::Sql | Mode::Users) && major >= *since);
    known.map(|(_, name, value)| (*name, *value))
}

/// The limits for programs of the server, in the form of `PGOPTIONS`. What is in the dump says the rest.
pub(crate) fn for_programs(major: u32) -> Vec<String> {
    let lock = ("lock_timeout", "0");
    let all = LIMITS.iter().copied().chain(std::iter::once(lock)).chain(newer(Mode::Sql, major));
    all.map(|(name, value)| format!("-c {name}={}", value.replace(' ', "\\ "))).collect()
}

pub(super) fn milliseconds(limit: Duration) -> String {
    limit.as_millis().min(i32::MAX as u128).to_string()
}
