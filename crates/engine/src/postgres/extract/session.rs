//! Sessions for this work: no search path, so that every name is said in full, and no limit that some role was given.

use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Conninfo, Mode};

const SETTINGS: &str = "SET search_path = ''; SET row_security = off; SET statement_timeout = 0; SET lock_timeout = 0; \
     SET idle_in_transaction_session_timeout = 0; SET default_transaction_read_only = off";

pub(super) async fn open(info: &Conninfo, database: &str) -> Result<Connection> {
    let mut sql = Connection::connect(&info.with_dbname(database), Mode::Sql).await?;
    sql.query(SETTINGS).await?;
    Ok(sql)
}

/// A session in a database that is none of these, for statements about databases.
pub(super) async fn maintenance(info: &Conninfo, avoid: &[&str]) -> Result<Connection> {
    let candidates = ["postgres", info.database(), "template1"];
    let mut last = Error::declined(
        "no database is left to work from",
        "the live server needs a database postgres or template1 that can be connected to",
    );
    for database in candidates.into_iter().filter(|name| !avoid.contains(name)) {
        match open(info, database).await {
            // There is none of this name, or it is closed.
            Err(error) if matches!(error.sqlstate(), Some("3D000" | "55000")) => last = error,
            other => return other,
        }
    }
    Err(last)
}

pub(super) async fn has_schema(sql: &mut Connection, name: &str) -> Result<bool> {
    let exists = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", quote::literal(name));
    Ok(sql.value(&exists).await?.is_some())
}

/// The first cell of each row.
pub(super) async fn column(sql: &mut Connection, text: &str) -> Result<Vec<String>> {
    let rows = sql.rows(text).await?.rows;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Runs them as one transaction; the first error takes all back.
pub(super) async fn transact(sql: &mut Connection, statements: &[String]) -> Result<()> {
    sql.query("BEGIN").await?;
    for statement in statements {
        if let Err(error) = sql.query(statement).await {
            let _ = sql.query("ROLLBACK").await;
            return Err(error);
        }
    }
    sql.query("COMMIT").await.map(|_| ())
}
