//! Which databases and relations there are, to compare a restore with. Estimates only: nothing is counted.

use super::super::info::{Database, Extension, Relation, Sequence};
use crate::error::Result;
use crate::postgres::maintenance::CONNECTABLE;
use crate::postgres::wire::{Connection, Conninfo, Mode};

/// Relations remembered of each database: the largest.
const RELATIONS_KEPT: usize = 500;
/// Of schemas, sequences and roles, by name. A list that is as long may have been cut.
pub(crate) const NAMES_KEPT: usize = 1000;

/// Each sequence is a page of its own: on a mount that was not fetched yet they cost more than all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequences {
    Read,
    LeftOut,
}

pub(crate) async fn take(sql: &mut Connection, conninfo: &Conninfo, sequences: Sequences) -> Result<Vec<Database>> {
    let rows = sql.rows(&format!("SELECT datname, oid FROM pg_database WHERE {CONNECTABLE} ORDER BY oid")).await?;
    let mut databases = Vec::new();
    for row in 0..rows.rows.len() {
        let (Some(name), Some(oid)) = (rows.get(row, "datname"), rows.get(row, "oid")) else { continue };
        match of_database(conninfo, name, oid.parse().unwrap_or(0), sequences).await {
            Ok(database) => databases.push(database),
            // Dropped, or closed to us, since it was listed.
            Err(error) => tracing::warn!(database = name, %error, "the backup does not describe this database"),
        }
    }
    Ok(databases)
}

async fn of_database(conninfo: &Conninfo, name: &str, oid: u32, read: Sequences) -> Result<Database> {
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
    let schemas = schemas(&mut sql).await?;
    let sequences = if read == Sequences::Read { sequences(&mut sql).await? } else { Vec::new() };
    let extensions = extensions(&mut sql).await?;
    let collation_version = collation_version(&mut sql).await?;
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
    Ok(Database {
        name: name.to_owned(),
        oid,
        relations_total: total,
        relations: relations.collect(),
        schemas,
        extensions,
        sequences,
        collation_version,
    })
}

/// Those of people: the server's own are there always.
pub(crate) async fn roles(sql: &mut Connection) -> Result<Vec<String>> {
    let asked = format!("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1 LIMIT {NAMES_KEPT}");
    names(sql, &asked).await
}

async fn schemas(sql: &mut Connection) -> Result<Vec<String>> {
    let asked = format!(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' \
         ORDER BY 1 LIMIT {NAMES_KEPT}"
    );
    names(sql, &asked).await
}

async fn names(sql: &mut Connection, asked: &str) -> Result<Vec<String>> {
    let rows = sql.rows(asked).await?;
    Ok(rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

async fn extensions(sql: &mut Connection) -> Result<Vec<Extension>> {
    let rows = sql.rows("SELECT extname, extversion FROM pg_extension ORDER BY 1").await?;
    let text = |row, column| rows.get(row, column).unwrap_or_default().to_owned();
    let extension = |row| Extension { name: text(row, "extname"), version: text(row, "extversion") };
    Ok((0..rows.rows.len()).map(extension).collect())
}

/// Those that were used, and that we may look at. The file of an unlogged one is not there in a recovery.
async fn sequences(sql: &mut Connection) -> Result<Vec<Sequence>> {
    let rows = sql
        .rows(&format!(
            "SELECT n.nspname || '.' || c.relname AS name, pg_sequence_last_value(s.seqrelid) AS last, s.seqincrement AS step \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid \
             WHERE c.relpersistence = 'p' AND has_sequence_privilege(s.seqrelid, 'SELECT, USAGE') \
             ORDER BY 1 LIMIT {NAMES_KEPT}"
        ))
        .await?;
    let number = |row, column| rows.get(row, column).and_then(|number| number.parse().ok());
    let sequence = |row| {
        let (last, step) = (number(row, "last")?, number(row, "step")?);
        Some(Sequence { name: rows.get(row, "name")?.to_owned(), last, step })
    };
    Ok((0..rows.rows.len()).filter_map(sequence).collect())
}

/// Before 15 a database has no version of its own: that of the collation of the same name is that of the same library.
async fn collation_version(sql: &mut Connection) -> Result<Option<String>> {
    let asked = match sql.server_major()? {
        ..15 => {
            "SELECT pg_collation_actual_version(c.oid) FROM pg_collation c, pg_database d \
             WHERE d.datname = current_database() AND c.collprovider = 'c' AND c.collcollate = d.datcollate \
             AND c.collencoding IN (-1, d.encoding) ORDER BY c.collencoding DESC LIMIT 1"
        }
        _ => "SELECT pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()",
    };
    sql.value(asked).await
}
