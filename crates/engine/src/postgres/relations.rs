//! Which table a file belongs to, by asking the server. A file that it does not know is of a table that was dropped, emptied or written
//! anew since.

use std::collections::BTreeMap;

use super::maintenance::CONNECTABLE;
use super::wal::rows::RelationFile;
use super::wire::{Connection, Conninfo, Mode};
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOf {
    Table {
        database: String,
        /// `schema.table`
        table: String,
    },
    /// The server's own: catalogs, what is too long for a row, materialized views.
    Other,
    /// In a database of this name, where there still is one.
    Unknown { database: Option<String> },
}

/// Of each file what it is of, as far as the server knows now. A database that does not answer leaves its files unknown.
pub async fn name_files(info: &Conninfo, files: &[RelationFile]) -> Result<BTreeMap<RelationFile, FileOf>> {
    let mut sql = Connection::connect(info, Mode::Sql).await?;
    let rows = sql.rows(&format!("SELECT oid, datname FROM pg_database WHERE {CONNECTABLE}")).await?;
    sql.close().await;
    let oid = |row| rows.get(row, "oid").and_then(|oid| oid.parse::<u32>().ok());
    let databases: BTreeMap<u32, String> =
        (0..rows.rows.len()).filter_map(|row| Some((oid(row)?, rows.get(row, "datname")?.to_owned()))).collect();
    let mut named: BTreeMap<RelationFile, FileOf> = files
        .iter()
        .map(|file| (*file, FileOf::Unknown { database: databases.get(&file.database).cloned() }))
        .collect();
    for (oid, name) in &databases {
        let of_it: Vec<RelationFile> = files.iter().copied().filter(|file| file.database == *oid).collect();
        if of_it.is_empty() {
            continue;
        }
        match of_database(info, name, *oid, &of_it).await {
            Ok(found) => named.extend(found),
            Err(error) => tracing::warn!(database = name, %error, "the tables of this database are not named"),
        }
    }
    Ok(named)
}

async fn of_database(
    info: &Conninfo,
    name: &str,
    oid: u32,
    files: &[RelationFile],
) -> Result<BTreeMap<RelationFile, FileOf>> {
    let numbers: Vec<String> = files.iter().map(|file| file.file.to_string()).collect();
    let mut sql = Connection::connect(&info.with_dbname(name), Mode::Sql).await?;
    let rows = sql
        .rows(&format!(
            "SELECT pg_relation_filenode(c.oid) AS file, n.nspname, c.relname, c.relkind, \
             CASE c.reltablespace WHEN 0 THEN d.dattablespace ELSE c.reltablespace END AS tablespace \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_database d ON d.datname = current_database() \
             WHERE c.relkind IN ('r', 't', 'm') AND pg_relation_filenode(c.oid) IN ({})",
            numbers.join(",")
        ))
        .await?;
    sql.close().await;
    let number = |row, column| rows.get(row, column).and_then(|text| text.parse::<u32>().ok());
    let found = (0..rows.rows.len()).filter_map(|row| {
        let file = RelationFile { tablespace: number(row, "tablespace")?, database: oid, file: number(row, "file")? };
        let (schema, table) = (rows.get(row, "nspname")?, rows.get(row, "relname")?);
        let is_of_people = rows.get(row, "relkind") == Some("r")
            && !matches!(schema, "pg_catalog" | "information_schema" | "pg_toast");
        let of = match is_of_people {
            true => FileOf::Table { database: name.to_owned(), table: format!("{schema}.{table}") },
            false => FileOf::Other,
        };
        Some((file, of))
    });
    let wanted = |(file, _): &(RelationFile, FileOf)| files.contains(file);
    Ok(found.filter(wanted).collect())
}
