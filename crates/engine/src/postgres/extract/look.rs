//! What can be said of the live server before a moment is opened: whether the name is free, the role may do it, and what there acts
//! on what is made. Opening a moment and dumping it take long, and would be for nothing.

use super::session;
use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Conninfo};

/// What will be made in the live server.
#[derive(Debug, Clone, Copy)]
pub enum Look<'a> {
    /// A database of this name.
    Database(&'a str),
    /// Tables in a schema of a database.
    Tables { database: &'a str, schema: &'a str },
}

/// Refuses what cannot be done. Gives the event triggers that act on what is made, in words.
pub async fn look_before(live: &Conninfo, what: Look<'_>) -> Result<Vec<String>> {
    match what {
        Look::Database(into) => {
            check_into(into)?;
            let mut sql = session::maintenance(live, &[]).await?;
            let may = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user";
            let fix = |role: &str| format!("ALTER ROLE {role} CREATEDB, or connect as a superuser");
            demand(&mut sql, may, "create databases", fix).await?;
            refuse_taken(&mut sql, into).await?;
            sql.close().await;
            Ok(Vec::new())
        }
        Look::Tables { database, schema } => {
            check_into(schema)?;
            let mut sql = open(live, database).await?;
            let may = "SELECT has_database_privilege(current_database(), 'CREATE')";
            let on = quote::ident(database);
            let fix = |role: &str| format!("GRANT CREATE ON DATABASE {on} TO {role}, or connect as a superuser");
            demand(&mut sql, may, &format!("create schemas in database {database}"), fix).await?;
            let found = event_triggers(&mut sql, database).await;
            sql.close().await;
            found
        }
    }
}

fn check_into(into: &str) -> Result<()> {
    let most = quote::NAME_BYTES_MAX;
    match super::check_name(into) {
        Err(_) => Err(Error::declined(
            format!("{into:?} cannot be a name in PostgreSQL: it has {} bytes", into.len()),
            format!("give one of 1 to {most} bytes with --into"),
        )),
        Ok(()) => Ok(()),
    }
}

async fn refuse_taken(sql: &mut Connection, into: &str) -> Result<()> {
    let taken = format!("SELECT 1 FROM pg_database WHERE datname = {}", quote::literal(into));
    match sql.value(&taken).await? {
        Some(_) => Err(Error::declined(
            format!("the live server already has a database {into}"),
            "name another with --into, or drop it when nobody needs it",
        )),
        None => Ok(()),
    }
}

async fn open(live: &Conninfo, database: &str) -> Result<Connection> {
    match session::open(live, database).await {
        Err(error) if error.sqlstate() == Some("3D000") => Err(Error::declined(
            format!("the live server has no database {database}"),
            "restore the whole database: leave out --table",
        )),
        Err(error) if error.sqlstate() == Some("55000") => Err(Error::declined(
            format!("database {database} of the live server accepts no connections"),
            format!("ALTER DATABASE {} ALLOW_CONNECTIONS true for the time of the restore", quote::ident(database)),
        )),
        other => other,
    }
}

async fn demand(sql: &mut Connection, may: &str, what: &str, fix: impl Fn(&str) -> String) -> Result<()> {
    if sql.value(may).await?.as_deref() == Some("t") {
        return Ok(());
    }
    let role = sql.value("SELECT current_user").await?.unwrap_or_default();
    Err(Error::declined(format!("role {role} of the live server may not {what}"), fix(&quote::ident(&role))))
}

/// Enabled ones, which see or forbid what is made, moved or dropped.
pub(super) async fn event_triggers(sql: &mut Connection, database: &str) -> Result<Vec<String>> {
    let enabled = "SELECT quote_ident(evtname) FROM pg_event_trigger WHERE evtenabled IN ('O', 'A') AND evtevent <> 'login' ORDER BY 1";
    let names = session::column(sql, enabled).await?;
    Ok(names.into_iter().map(|name| format!("event trigger {name} of database {database}")).collect())
}

/// An answer of the server that an event trigger may have given.
pub(super) fn explained(error: Error, triggers: &[String]) -> Error {
    match (&error, triggers) {
        (Error::Server(said) | Error::Right(said), [_, ..]) => Error::Declined {
            what: format!("the server says: {}, which may be the answer of {}", said.message, triggers.join(", ")),
            hint: PAST_EVENT_TRIGGERS.to_owned(),
        },
        _ => error,
    }
}

/// How a restore goes on where an event trigger forbids it.
pub const PAST_EVENT_TRIGGERS: &str = "where it forbids the restore: ALTER EVENT TRIGGER … DISABLE, restore, and ENABLE it again; from PostgreSQL 17 on \
     `ALTER ROLE … SET event_triggers = off` of the role that Rekindle connects as spares all others";
