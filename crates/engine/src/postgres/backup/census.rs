//! Which databases and relations there are, to compare a restore with. Estimates only: nothing is counted.

use super::super::info::{Database, Relation};
use crate::error::Result;
use crate::postgres::wire::{Connection, Conninfo, Mode};

/// Relations remembered of each database: the largest.
const RELATIONS_KEPT: usize = 500;

pub(crate) async fn take(sql: &mut Connection, conninfo: &Conninfo) -> Result<Vec<Database>> {
    let rows = sql.rows("SELECT datname, oid FROM pg_database WHERE datallowconn ORDER BY oid").await?;
    let mut databases = Vec::new();
    for row in 0..rows.rows.len() {
        let (Some(name), Some(oid)) = (rows.get(row, "datname"), rows.get(row, "oid")) else { continue };
        match of_database(conninfo, name, oid.parse().unwrap_or(0)).await {
            Ok(database) => databases.push(database),
            // Dropped, or closed to us, since it was listed.
            Err(error) => tracing::warn!(database = name, %error, "this database is not described in the backup"),
        }
    }
    Ok(databases)
}

async fn of_database(conninfo: &Conninfo, name: &str, oid: u32) -> Result<Database> {
    let mut sql = Connection::connect(&conninfo.with_dbname(name), Mode::Sql).await?;
    let rows = sql
        .rows(&format!(
            "SELECT n.nspname, c.relname, c.relkind, c.reltuples::bigint AS rows, c.relpages AS pages, \
             count(*) OVER () AS total FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'm', 'S', 'v', 'f') AND c.relpersistence <> 't' \
             AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' \
             ORDER BY c.relpages DESC, n.nspname, c.relname LIMIT {RELATIONS_KEPT}"
        ))
        .await?;
    sql.close().await;
    let number = |row, column| rows.get(row, column).and_then(|n| n.parse().ok()).unwrap_or(-1);
    let text = |row, column| rows.get(row, column).unwrap_or_default().to_owned();
    let relations = (0..rows.rows.len()).map(|row| Relation {
        schema: text(row, "nspname"),
        name: text(row, "relname"),
        kind: text(row, "relkind"),
        rows: number(row, "rows"),
        pages: number(row, "pages"),
    });
    let total = rows.get(0, "total").and_then(|n| n.parse().ok()).unwrap_or(0);
    Ok(Database { name: name.to_owned(), oid, relations_total: total, relations: relations.collect() })
}
