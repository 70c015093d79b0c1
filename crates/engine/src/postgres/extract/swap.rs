//! Puts a restored database in the place of the live one. The old one stays, under another name.
//!
//! ```text
//!   close both ── end their sessions ── one transaction: old → keep_as, restored → database, both open again
//!        └────────────┴── any failure: both open again as they were, under the names they had
//! ```
//! The old database then takes nobody but superusers (CONNECTION LIMIT 0), so that no program writes into it by mistake. Programs
//! are cut off for as long as this takes, and come back by themselves. Its subscriptions are disabled before: they would go on to
//! receive what is meant for the new one, and hold its slots.

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
    /// Subscriptions of the old one that were enabled, and are not any more.
    #[serde(default)]
    pub disabled: Vec<Subscription>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub name: String,
    pub slot: Option<String>,
}

/// Lets sessions into a database again, with the limit it has. For after a crash between closing and renaming; does nothing to one
/// that is open.
pub async fn reopen_database(live: &Conninfo, name: &str) -> Result<()> {
    let mut sql = session::maintenance(live, &[name]).await?;
    known(&mut sql, name).await?;
    sql.query(&database::allow(name, true)).await?;
    sql.close().await;
    Ok(())
}

/// Gives a database a name that nobody has; with `closed`, only superusers get in then. Only the one of this number is renamed. Gives
/// whether it was; where another has the name there is nothing to do.
pub async fn rename_database(live: &Conninfo, oid: u32, from: &str, to: &str, closed: bool) -> Result<bool> {
    check_name(to)?;
    let mut sql = session::maintenance(live, &[from, to]).await?;
    let Some(is) = database::describe(&mut sql, from).await?.filter(|is| is.oid == oid) else { return Ok(false) };
    if database::describe(&mut sql, to).await?.is_some() {
        return Err(Error::declined(
            format!("there is already a database {to}"),
            "rename it, or drop it when nobody needs it",
        ));
    }
    sql.query(&database::allow(from, false)).await?;
    let renamed = async {
        end_sessions(&mut sql, &is, &is).await?;
        let (from, to) = (quote::ident(from), quote::ident(to));
        let limit = if closed { 0 } else { is.connection_limit };
        let statements = [
            format!("ALTER DATABASE {from} RENAME TO {to}"),
            format!("ALTER DATABASE {to} ALLOW_CONNECTIONS true CONNECTION LIMIT {limit}"),
        ];
        session::transact(&mut sql, &statements).await
    };
    let done = renamed.await;
    if let Err(error) = done {
        // Under the old name where it was not renamed; where the answer to the commit was lost it is open already.
        let opened = reopen_database(live, from).await;
        tracing::debug!(?opened, "opened after a rename that failed");
        return Err(Error::NotSwapped { what: format!("database {from}"), source: Box::new(error) });
    }
    sql.close().await;
    Ok(true)
}

/// The number of a database.
pub async fn database_oid(live: &Conninfo, name: &str) -> Result<Option<u32>> {
    let mut sql = session::maintenance(live, &[name]).await?;
    let found = database::describe(&mut sql, name).await?;
    sql.close().await;
    Ok(found.map(|found| found.oid))
}

/// Lets subscriptions go on that a swap disabled.
pub async fn enable_subscriptions(live: &Conninfo, database: &str, subscriptions: &[Subscription]) -> Result<()> {
    if subscriptions.is_empty() {
        return Ok(());
    }
    let mut sql = session::open(live, database).await?;
    for Subscription { name, .. } in subscriptions {
        sql.query(&format!("ALTER SUBSCRIPTION {} ENABLE", quote::ident(name))).await?;
    }
    sql.close().await;
    Ok(())
}

/// Those that a swap of this database would disable.
pub async fn enabled_subscriptions(live: &Conninfo, database: &str) -> Result<Vec<Subscription>> {
    let mut sql = session::open(live, database).await?;
    let found = enabled_in(&mut sql).await;
    sql.close().await;
    found
}

/// In one transaction: all of them, or none.
async fn disable_subscriptions(live: &Conninfo, database: &str) -> Result<Vec<Subscription>> {
    let mut sql = session::open(live, database).await?;
    let enabled = enabled_in(&mut sql).await?;
    let disable = |one: &Subscription| format!("ALTER SUBSCRIPTION {} DISABLE", quote::ident(&one.name));
    session::transact(&mut sql, &enabled.iter().map(disable).collect::<Vec<_>>()).await?;
    sql.close().await;
    Ok(enabled)
}

async fn enabled_in(sql: &mut Connection) -> Result<Vec<Subscription>> {
    let rows = sql
        .rows(
            "SELECT subname, subslotname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
             WHERE d.datname = current_database() AND subenabled ORDER BY 1",
        )
        .await?;
    let subscription = |row| Subscription {
        name: rows.get(row, "subname").unwrap_or_default().to_owned(),
        slot: rows.get(row, "subslotname").map(str::to_owned),
    };
    Ok((0..rows.rows.len()).map(subscription).collect())
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
    let disabled = match old.allows_connections {
        true => disable_subscriptions(live, database).await.map_err(|error| not_swapped(&old, error))?,
        // Nobody gets in to disable them, and nothing of it is received either.
        false => Vec::new(),
    };
    let done = close_and_rename(&mut sql, &old, &new, keep_as).await;
    sql.close().await;
    let swapped = SwappedDatabase { database: database.into(), kept_as: keep_as.into(), terminated: 0, disabled };
    match done {
        Ok(terminated) => Ok(SwappedDatabase { terminated, ..swapped }),
        Err(error) => settle(live, &names, &old, &new, swapped, error).await,
    }
}

fn not_swapped(old: &Database, error: Error) -> Error {
    Error::NotSwapped { what: format!("database {}", old.name), source: Box::new(error) }
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
        sql.query(&database::allow(&database.name, false)).await?;
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
    swapped: SwappedDatabase,
    error: Error,
) -> Result<SwappedDatabase> {
    let enable =
        |one: &Subscription| format!("in database {}: ALTER SUBSCRIPTION {} ENABLE", old.name, quote::ident(&one.name));
    let half = |why: &Error| Error::HalfSwapped {
        what: format!("database {}", old.name),
        why: format!("{error}; then: {why}"),
        statements: [old, new].map(open_statement).into_iter().chain(swapped.disabled.iter().map(enable)).collect(),
    };
    match look_and_open(live, names, old, new).await {
        // It was committed after all.
        Ok(true) => Ok(swapped),
        Ok(false) => match enable_subscriptions(live, &old.name, &swapped.disabled).await {
            Ok(()) => Err(not_swapped(old, error)),
            Err(second) => Err(half(&second)),
        },
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
