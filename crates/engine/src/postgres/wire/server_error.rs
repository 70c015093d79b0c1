//! What the server's SQLSTATE means for us: precise errors with a way out.

use std::net::IpAddr;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorFields;

use super::conninfo::Conninfo;
use crate::error::{Error, ServerError};

pub(super) fn from_fields(mut fields: ErrorFields<'_>) -> ServerError {
    let mut error = ServerError::default();
    while let Ok(Some(field)) = fields.next() {
        let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'V' => error.severity = value,
            b'C' => error.sqlstate = value,
            b'M' => error.message = value,
            b'D' => error.detail = Some(value),
            b'H' => error.hint = Some(value),
            _ => {}
        }
    }
    error
}

/// An error while the connection was being made.
pub(super) fn at_login(error: ServerError, info: &Conninfo, replication: bool) -> Error {
    let (target, user) = (info.target(), info.user.clone());
    let error = Box::new(error);
    match error.sqlstate.as_str() {
        "28000" if error.message.contains("pg_hba.conf") => {
            let line = hba_line(&error.message, info, replication);
            Error::Hba { target, user, error, line }
        }
        "28000" | "28P01" => Error::Login { target, user, error },
        "53300" => Error::Full { target, error },
        "57P03" => Error::NotReady { target, error },
        _ => at_work(*error, &target),
    }
}

/// An error of a statement or a stream.
pub(super) fn at_work(error: ServerError, target: &str) -> Error {
    let error = Box::new(error);
    match error.sqlstate.as_str() {
        "42501" => Error::Right(error),
        "53300" => Error::Full { target: target.into(), error },
        "57P01" | "57P02" | "57P03" => Error::NotReady { target: target.into(), error },
        "58P01" if error.message.contains("WAL segment") => Error::WalGone(error),
        _ => Error::Server(error),
    }
}

/// The line for pg_hba.conf that would let this connection in, with the address as the server saw it.
fn hba_line(message: &str, info: &Conninfo, replication: bool) -> String {
    let database = if replication { "replication".into() } else { hba_word(info.database()) };
    let user = hba_word(&info.user);
    match host_in(message) {
        Some(addr) => {
            let bits = if addr.is_ipv4() { 32 } else { 128 };
            format!("host {database} {user} {addr}/{bits} scram-sha-256")
        }
        None => format!("local {database} {user} scram-sha-256"),
    }
}

/// From `… for host "192.0.2.7", user …`; a socket shows as `[local]`.
fn host_in(message: &str) -> Option<IpAddr> {
    let (_, after) = message.split_once("host \"")?;
    after.split_once('"')?.0.parse().ok()
}

/// Quoted where a bare word would mean something else.
fn hba_word(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let special = ["all", "replication", "sameuser", "samerole", "samegroup"].contains(&name);
    if plain && !special { name.into() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
