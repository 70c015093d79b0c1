//! Puts a restored database in the place of the live one. The old one stays, under another name.
//!
//! ```text
//!   close both ── end their sessions ── one transaction: old → keep_as, restored → database, both open again
//!        └────────────┴── any failure: both open again as they were, under the names they had
//! ```
//! The old database then takes nobody but superusers (CONNECTION LIMIT 0), so that no program writes into it by mistake. Programs
//! are cut off for as long as this takes, and come back by themselves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::database::{self, Database};
use super::{check_name, session};
use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Conninfo};

const SESSIONS_END: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwappedDatabase {
    pub database: String,
    pub kept_as: String,
    /// Sessions that were ended.
    pub terminated: u64,
}

/// Lets sessions into a database again, with the limit it has. For after a crash between closing and renaming; does nothing to one
/// that is open.
pub async fn reopen_database(live: &Conninfo, name: &str) -> Result<()> {
    let mut sql = session::maintenance(live, &[name]).await?;
    known(&mut sql, name).await?;
    sql.query(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", quote::ident(name))).await?;
    sql.close().await;
    Ok(())
}

/// Renames `database` to `keep_as` and `restored` to `database`. On an error everything is as it was, unless it is RK-2095.
/// Dropped midway, or with the process gone, both may stay closed; swapping again or `reopen_database` opens them.
pub async fn swap_database(live: &Conninfo, database: &str, restored: &str, keep_as: &str) -> Result<SwappedDatabase> {
    check_name(keep_as)?;
    let names = [database, restored, keep_as];
    let mut sql = session::maintenance(live, &names).await?;
    let old = known(&mut sql, database).await?;
    let new = known(&mut sql, restored).await?;
    refuse(&mut sql, &old, &new, keep_as).await?;
    let done = close_and_rename(&mut sql, &old, &new, keep_as).await;
    sql.close().await;
    match done {
        Ok(terminated) => Ok(SwappedDatabase { database: database.into(), kept_as: keep_as.into(), terminated }),
        Err(error) => settle(live, &names, &old, &new, error).await,
    }
}

async fn known(sql: &mut Connection, name: &str) -> Result<Database> {
    let found = database::describe(sql, name).await?;
    found.ok_or_else(|| Error::declined(format!("there is no database {name}"), "see the names with \\l in psql"))
}

async fn refuse(sql: &mut Connection, old: &Database, new: &Database, keep_as: &str) -> Result<()> {
    if old.oid == new.oid {
        return Err(Error::declined(
            format!("{} cannot be swapped with itself", old.name),
            "name the restored database",
        ));
    }
    if database::describe(sql, keep_as).await?.is_some() {
        return Err(Error::declined(
            format!("there is already a database {keep_as}"),
            "name another under which the old one is kept",
        ));
    }
    if ["template0", "template1"].iter().any(|name| [&old.name, &new.name].contains(&&(*name).to_owned())) {
        return Err(Error::declined("a template database cannot be swapped", "swap a database of your own"));
    }
    let prepared = format!(
        "SELECT gid FROM pg_prepared_xacts WHERE database IN ({}, {})",
        quote::literal(&old.name),
        quote::literal(&new.name)
    );
    let prepared = session::column(sql, &prepared).await?;
    if !prepared.is_empty() {
        return Err(Error::declined(
            format!("prepared transactions hold the databases: {}", prepared.join(", ")),
            "COMMIT PREPARED or ROLLBACK PREPARED them",
        ));
    }
    Ok(())
}

async fn close_and_rename(sql: &mut Connection, old: &Database, new: &Database, keep_as: &str) -> Result<u64> {
    for database in [old, new] {
        sql.query(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", quote::ident(&database.name))).await?;
    }
    let terminated = end_sessions(sql, old, new).await?;
    let (live, restored, kept) = (quote::ident(&old.name), quote::ident(&new.name), quote::ident(keep_as));
    let limit = old.connection_limit;
    let statements = [
        "SET LOCAL lock_timeout = '10s'".to_owned(),
        format!("ALTER DATABASE {live} RENAME TO {kept}"),
        format!("ALTER DATABASE {restored} RENAME TO {live}"),
        format!("ALTER DATABASE {kept} ALLOW_CONNECTIONS true CONNECTION LIMIT 0"),
        format!("ALTER DATABASE {live} ALLOW_CONNECTIONS true CONNECTION LIMIT {limit}"),
    ];
    session::transact(sql, &statements).await?;
    Ok(terminated)
}

/// New sessions are refused already, so those that are there are the last.
async fn end_sessions(sql: &mut Connection, old: &Database, new: &Database) -> Result<u64> {
    let of = format!("FROM pg_stat_activity WHERE datid IN ({}, {}) AND pid <> pg_backend_pid()", old.oid, new.oid);
    let mut terminated = 0;
    let mut waited = Duration::ZERO;
    loop {
        // A worker of autovacuum ends at the same word.
        let told = session::column(sql, &format!("SELECT pg_terminate_backend(pid) {of}")).await?;
        if told.is_empty() {
            return Ok(terminated);
        }
        terminated = terminated.max(told.len() as u64);
        if waited >= SESSIONS_END {
            let who =
                session::column(sql, &format!("SELECT 'pid ' || pid || ' of ' || coalesce(usename, '') {of}")).await?;
            return Err(Error::declined(
                format!("sessions did not end within {} s: {}", SESSIONS_END.as_secs(), who.join(", ")),
                "end them at the server, then swap again",
            ));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        waited += LOOK_AGAIN;
    }
}

/// After an error: looks which names the two have, as the answer to a commit may have been lost, and opens both again.
async fn settle(
    live: &Conninfo,
    names: &[&str; 3],
    old: &Database,
    new: &Database,
    error: Error,
) -> Result<SwappedDatabase> {
    let half = |why: &Error| Error::HalfSwapped {
        what: format!("database {}", old.name),
        why: format!("{error}; then: {why}"),
        statements: [old, new].map(open_statement).into(),
    };
    match look_and_open(live, names, old, new).await {
        // It was committed after all.
        Ok(true) => Ok(SwappedDatabase { database: old.name.clone(), kept_as: names[2].to_owned(), terminated: 0 }),
        Ok(false) => Err(Error::NotSwapped { what: format!("database {}", old.name), source: Box::new(error) }),
        Err(second) => Err(half(&second)),
    }
}

/// Whether the names were swapped; where not, both are opened as they were.
async fn look_and_open(live: &Conninfo, names: &[&str; 3], old: &Database, new: &Database) -> Result<bool> {
    let mut sql = session::maintenance(live, names).await?;
    let now = sql.value(&format!("SELECT datname FROM pg_database WHERE oid = {}", old.oid)).await?;
    if now.as_deref() == Some(names[2]) {
        return Ok(true);
    }
    for database in [old, new] {
        let is = database::describe(&mut sql, &database.name).await?;
        // Where we were not allowed to close it, we are not allowed to open it either.
        if is.is_some_and(|is| is.allows_connections != database.allows_connections) {
            sql.query(&open_statement(database)).await?;
        }
    }
    sql.close().await;
    Ok(false)
}

fn open_statement(database: &Database) -> String {
    format!("ALTER DATABASE {} ALLOW_CONNECTIONS {}", quote::ident(&database.name), database.allows_connections)
}
