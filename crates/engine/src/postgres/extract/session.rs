//! Sessions for this work, see `wire::settings`: no search path, so that every name is said in full, and no limit that some role was given.

use crate::error::Result;
use crate::postgres::maintenance;
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Conninfo, Mode};

pub(super) async fn open(info: &Conninfo, database: &str) -> Result<Connection> {
    Connection::connect(&info.with_dbname(database), Mode::Sql).await
}

/// A session in a database that is none of these, for statements about databases.
pub(super) async fn maintenance(info: &Conninfo, avoid: &[&str]) -> Result<Connection> {
    maintenance::connect(info, &[], avoid).await
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
