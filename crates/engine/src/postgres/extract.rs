//! One database, or some tables, of a moment in the past, put *beside* the live ones: dumped from an open instance by its own
//! pg_dump, restored into the live server, counted on both sides. Nothing that is live is touched; `swap_database` and
//! `swap_tables` do that later, when a person has looked.
//!
//! Order: everything that can be refused is refused first; then the dump; then what is made on the live server, which is removed
//! again when a program fails. Once all data was offered to the live server nothing is removed: what is missing is told by an
//! error, and what is there is left for a person to look at. A future that is dropped midway leaves what it made.

mod again;
mod count;
mod database;
mod dump;
mod grants;
mod look;
mod outcome;
mod roles;
mod session;
mod swap;
mod swap_tables;
mod tables;
mod undo;
mod unlogged;

use std::path::Path;

use serde::{Deserialize, Serialize};
use vault::Env;
use vault::backup::tree::Progress;

pub use look::{Look, PAST_EVENT_TRIGGERS, look_before};
pub use swap::{
    Subscription, SwappedDatabase, database_oid, enable_subscriptions, enabled_subscriptions, rename_database,
    reopen_database, swap_database,
};
pub use swap_tables::{SwapOutlook, SwappedTables, TableSwap, keeper, swap_outlook, swap_tables};
pub use tables::{TableName, extract_tables};
pub use undo::{
    has_database, has_schema, placed, remove_database, remove_empty_schema, remove_schema, take_tables_back,
};
pub(in crate::postgres) use unlogged::of_databases;
pub use unlogged::unlogged_in;

use super::instance::Instance;
use super::quote;
use super::stopwatch::{Durations, Steps, Stopwatch};
use super::wire::{Connection, Conninfo};
use crate::error::{Error, Result};
use again::Again;
use count::{Census, Scope};
use database::Database;
use dump::Workshop;
use outcome::Outcome;
use roles::Roles;

const MISSING_SHOWN: usize = 20;

/// From where, to where, and with what.
#[derive(Clone, Copy)]
pub struct Extraction<'a> {
    /// Open, promoted, and to be thrown away: its tables may be moved about.
    pub instance: &'a Instance,
    /// A superuser of the live server, or somebody who may do all that is asked. Its database does not matter.
    pub live: &'a Conninfo,
    pub jobs: usize,
    /// Where the dump lies meanwhile, in a private folder.
    pub workdir: &'a Path,
    pub env: &'a Env,
    pub progress: &'a Progress,
    pub steps: Steps<'a>,
    /// Whether it takes the place of what is live: then a table is refused whose rows a backup does not hold.
    pub takes_place: bool,
}

impl std::fmt::Debug for Extraction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extraction").field("instance", self.instance).field("live", self.live).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    pub name: String,
    pub rows: u64,
}

/// What was put beside the live data, all of it there and counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Extracted {
    pub what: String,
    pub into: String,
    pub tables: Vec<TableRows>,
    /// Of the dump, compressed.
    pub bytes: u64,
    /// Roles that the live server no longer had: made without password and unable to log in.
    pub roles_created: Vec<String>,
    /// What the server objected to without losing anything.
    pub harmless: Vec<String>,
    /// What is not as it was, although no row is missing for it.
    #[serde(default)]
    pub attention: Vec<String>,
    /// What was left out on purpose, each with the reason or the statement that adds it.
    pub left_out: Vec<String>,
    /// What was made in the live server.
    #[serde(default)]
    pub made: Made,
    pub durations: Durations,
}

/// What was made in the live server, by number: names may be given to others. So it can be told later whether it is still ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Of a whole database.
    pub database: u32,
    /// Of tables, with their partitions: the names that they had at the moment.
    pub tables: Vec<MadeTable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeTable {
    pub table: TableName,
    pub oid: u32,
}

/// Restores `database` of the instance into the live server as the new database `into`.
pub async fn extract_database(at: &Extraction<'_>, database: &str, into: &str) -> Result<Extracted> {
    let mut watch = Stopwatch::start(at.env, at.steps);
    watch.step("preflight");
    let mut prepared = prepare(at, database, into).await?;
    watch.step("dump");
    let bytes = prepared.shop.dump(at, database, &["-b".into()]).await?;
    watch.step("create");
    let mut outcome = match fill(at, &mut prepared, &mut watch).await {
        Ok(outcome) => outcome,
        Err(error) => return Err(remove(at, prepared, error).await),
    };
    watch.step("finish");
    if let Err(error) = finish(at, &mut prepared, &mut outcome.attention).await {
        outcome.lost.push(error.to_string());
    }
    watch.step("verify");
    let tables = verify(at, database, into, Scope::Database, &mut outcome).await?;
    let Prepared { mut live, source, roles, mut left_out, .. } = prepared;
    if !source.allows_connections && !at.takes_place {
        live.query(&database::allow(into, false)).await?;
        left_out.push(format!("database {into} accepts no connections, as {database} did not"));
    }
    let made = database::describe(&mut live, into).await?.map_or(0, |is| is.oid);
    live.close().await;
    left_out.extend(roles.memberships);
    Ok(Extracted {
        what: format!("database {database}"),
        into: into.to_owned(),
        tables,
        bytes,
        roles_created: roles.created,
        harmless: outcome.harmless,
        attention: outcome.attention,
        left_out,
        made: Made { database: made, tables: Vec::new() },
        durations: watch.finish(),
    })
}

struct Prepared {
    /// A session in another database of the live server.
    live: Connection,
    source: Database,
    roles: Roles,
    shop: Workshop,
    into: String,
    made: bool,
    left_out: Vec<String>,
}

/// All that can be refused is refused here.
async fn prepare(at: &Extraction<'_>, database: &str, into: &str) -> Result<Prepared> {
    check_name(into)?;
    let mut live = session::maintenance(at.live, &[]).await?;
    check_majors(at, &live)?;
    let source = source_database(at, database).await?;
    if database::describe(&mut live, into).await?.is_some() {
        return Err(Error::declined(
            format!("the live server already has a database {into}"),
            "choose another name, or drop it when nobody needs it",
        ));
    }
    let mut there = session::open(&at.instance.conninfo(database)?, database).await?;
    check_extensions(&mut there, &mut live).await?;
    let roles = roles::plan(&mut there, &mut live, &Scope::Database).await?;
    let mut left_out = source.left_out();
    left_out.extend(unlogged::told(&unlogged::find(&mut there, &Scope::Database).await?));
    there.close().await;
    let shop = Workshop::make(at)?;
    Ok(Prepared { live, source, roles, shop, into: into.to_owned(), made: false, left_out })
}

/// The database as it was, or which ones there were. One that accepts no connections is opened: the instance is ours.
async fn source_database(at: &Extraction<'_>, name: &str) -> Result<Database> {
    let mut there = session::open(&at.instance.conninfo("postgres")?, "postgres").await?;
    let found = database::describe(&mut there, name).await?;
    let names =
        session::column(&mut there, "SELECT datname FROM pg_database WHERE datname <> 'template0' ORDER BY 1").await?;
    if found.as_ref().is_some_and(|found| !found.allows_connections) {
        there.query(&database::allow(name, true)).await?;
    }
    there.close().await;
    found.ok_or_else(|| {
        Error::declined(
            format!("there was no database {name} at that moment"),
            format!("there were: {}", names.join(", ")),
        )
    })
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > quote::NAME_BYTES_MAX || name.contains('\0') {
        return Err(Error::declined(
            format!("{name:?} cannot be a name in PostgreSQL"),
            format!("a name has 1 to {} bytes", quote::NAME_BYTES_MAX),
        ));
    }
    Ok(())
}

fn check_majors(at: &Extraction<'_>, live: &Connection) -> Result<()> {
    let (dump, live) = (at.instance.binaries.major, live.server_major()?);
    if live < dump {
        return Err(Error::declined(
            format!("the live server is PostgreSQL {live}, and a dump of {dump} cannot be restored into an older one"),
            "open the moment as a clone and copy from there, or upgrade the live server",
        ));
    }
    Ok(())
}

async fn check_extensions(there: &mut Connection, live: &mut Connection) -> Result<()> {
    let needed = session::column(there, "SELECT extname FROM pg_extension ORDER BY 1").await?;
    let known = session::column(live, "SELECT name FROM pg_available_extensions").await?;
    let missing: Vec<String> = needed.into_iter().filter(|name| !known.contains(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::declined(
        format!("the live server does not offer the extensions {}", missing.join(", ")),
        "install their packages on the live server's machine",
    ))
}

/// Makes roles and database, and restores. Until its grants come, only the owner and superusers get into the database.
async fn fill(at: &Extraction<'_>, prepared: &mut Prepared, watch: &mut Stopwatch<'_>) -> Result<Outcome> {
    let Prepared { live, source, roles, shop, into, made, .. } = prepared;
    roles.create(live).await?;
    let major = live.server_major()?;
    live.query(&source.create_statement(into, major)).await?;
    *made = true;
    live.query(&format!("REVOKE ALL ON DATABASE {} FROM PUBLIC", quote::ident(into))).await?;
    watch.step("restore");
    let mut outcome = shop.restore(at, into, None).await?;
    let again = Again { database: &source.name, into, scope: &Scope::Database, entries: None };
    again.run(at, shop, &mut outcome).await?;
    Ok(outcome)
}

/// What the dump does not bring: statistics, and what belongs to the database itself. What fails here needs attention.
async fn finish(at: &Extraction<'_>, prepared: &mut Prepared, attention: &mut Vec<String>) -> Result<()> {
    let Prepared { live, source, into, left_out, .. } = prepared;
    let mut sql = session::open(at.live, into).await?;
    left_out.extend(database::take_slots(&mut sql).await?);
    if let Err(error) = sql.query("ANALYZE").await {
        attention.push(format!("ANALYZE: {error}"));
    }
    sql.close().await;
    for statement in source.finish_statements(into) {
        if let Err(error) = live.query(&statement).await {
            attention.push(format!("{statement}: {error}"));
        }
    }
    Ok(())
}

/// Takes back what was made; the error says so when that fails.
async fn remove(at: &Extraction<'_>, mut prepared: Prepared, error: Error) -> Error {
    let removed = async {
        // The old session may be what broke.
        prepared.live = session::maintenance(at.live, &[&prepared.into]).await?;
        if prepared.made {
            database::drop(at.live, &mut prepared.live, &prepared.into).await?;
        }
        prepared.roles.drop(&mut prepared.live).await
    };
    match removed.await {
        Ok(()) => error,
        Err(second) => not_removed(&prepared.into, &error, &second),
    }
}

fn not_removed(into: &str, error: &Error, second: &Error) -> Error {
    Error::Incomplete { into: into.to_owned(), lost: vec![error.to_string(), format!("it was not removed: {second}")] }
}

/// Counts on both sides. Anything lost before or found missing now is an error, and what is there stays.
async fn verify(
    at: &Extraction<'_>,
    database: &str,
    live_database: &str,
    scope: Scope,
    outcome: &mut Outcome,
) -> Result<Vec<TableRows>> {
    let mut lost = std::mem::take(&mut outcome.lost);
    let there = Census::take(&at.instance.conninfo(database)?, database, &scope, at.jobs).await;
    let here = Census::take(at.live, live_database, &scope, at.jobs).await;
    match (there, here) {
        (Ok(there), Ok(here)) => {
            let differences = there.differences(&here);
            lost.extend(differences.lost);
            outcome.attention.extend(differences.attention);
            if lost.is_empty() {
                return Ok(there.into_tables());
            }
        }
        (Err(error), _) | (_, Err(error)) => lost.push(format!("it cannot be counted: {error}")),
    }
    let into = match scope {
        Scope::Database => format!("database {live_database}"),
        Scope::Schema(schema) => format!("schema {schema} of database {live_database}"),
    };
    let more = lost.len().saturating_sub(MISSING_SHOWN);
    lost.truncate(MISSING_SHOWN);
    lost.extend((more > 0).then(|| format!("and {more} more")));
    lost.extend(outcome.attention.iter().map(|attention| format!("needs attention: {attention}")));
    Err(Error::Incomplete { into, lost })
}
