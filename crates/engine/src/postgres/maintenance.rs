//! A session in a database of a server where any will do: for statements about databases, and to ask what there is.

use std::collections::BTreeSet;

use super::wire::{Connection, Conninfo, Mode};
use crate::error::{Error, Result};

/// What can be connected to: not closed, and not left behind by a DROP DATABASE that was interrupted, which PostgreSQL marks with the
/// connection limit -2 (DATCONNLIMIT_INVALID_DB in pg_database.h).
pub(crate) const CONNECTABLE: &str = "datallowconn AND datconnlimit <> -2";

/// Tries the usual ones, that of the connection string, those that are `known`, and then all that the server names; none of `avoid`.
pub(crate) async fn connect(info: &Conninfo, known: &[String], avoid: &[&str]) -> Result<Connection> {
    let usual = ["postgres", info.database(), "template1"].map(str::to_owned);
    let mut tried = BTreeSet::new();
    for name in usual.iter().chain(known) {
        if avoid.contains(&name.as_str()) || !tried.insert(name.clone()) {
            continue;
        }
        if let Some(sql) = let_in(info, name).await? {
            return Ok(sql);
        }
    }
    for name in named_by(info, avoid).await? {
        if tried.insert(name.clone())
            && let Some(sql) = let_in(info, &name).await?
        {
            return Ok(sql);
        }
    }
    Err(Error::declined(
        format!("no database of {} can be worked from", info.target()),
        "it needs one more that can be connected to: CREATE DATABASE postgres, or ALTER DATABASE template1 ALLOW_CONNECTIONS true",
    ))
}

/// Nothing where this database is not there, is closed, or is not for us; another one may be.
async fn let_in(info: &Conninfo, name: &str) -> Result<Option<Connection>> {
    match Connection::connect(&info.with_dbname(name), Mode::Sql).await {
        Ok(sql) => Ok(Some(sql)),
        Err(error) if is_of_the_database(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// No such database, not accepting connections, no right to connect, its connection limit.
fn is_of_the_database(error: &Error) -> bool {
    let is_its_limit = || error.to_string().contains("for database");
    match error.sqlstate() {
        Some("3D000" | "55000" | "42501") => true,
        Some("53300") => is_its_limit(),
        _ => matches!(error, Error::Hba { .. }),
    }
}

/// Those that the server lists, asked in one that is to be avoided, for want of others.
async fn named_by(info: &Conninfo, avoid: &[&str]) -> Result<Vec<String>> {
    for name in avoid.iter().copied().chain([info.database()]) {
        let Some(mut sql) = let_in(info, name).await? else { continue };
        let rows = sql.rows(&format!("SELECT datname FROM pg_database WHERE {CONNECTABLE} ORDER BY oid")).await?;
        sql.close().await;
        let names = rows.rows.into_iter().flatten().flatten();
        return Ok(names.filter(|name| !avoid.contains(&name.as_str())).collect());
    }
    Ok(Vec::new())
}
