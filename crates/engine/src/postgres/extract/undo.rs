//! Takes back what an extraction made or a swap put in the place of the live one. Each looks first: twice is as good as once.

use super::swap_tables::keeper;
use super::{MadeTable, SwappedTables, TableName, TableSwap, database, session, swap_tables};
use crate::error::Result;
use crate::postgres::quote;
use crate::postgres::wire::Conninfo;

pub async fn has_database(live: &Conninfo, name: &str) -> Result<bool> {
    let mut sql = session::maintenance(live, &[name]).await?;
    let found = database::describe(&mut sql, name).await?;
    sql.close().await;
    Ok(found.is_some())
}

pub async fn has_schema(live: &Conninfo, database: &str, schema: &str) -> Result<bool> {
    let mut sql = session::open(live, database).await?;
    let found = session::has_schema(&mut sql, schema).await;
    sql.close().await;
    found
}

/// One that was restored beside the live one, under a name that nobody else has.
pub async fn remove_database(live: &Conninfo, name: &str) -> Result<()> {
    let mut sql = session::maintenance(live, &[name]).await?;
    if database::describe(&mut sql, name).await?.is_some() {
        database::drop(live, &mut sql, name).await?;
    }
    sql.close().await;
    Ok(())
}

/// The same for tables.
pub async fn remove_schema(live: &Conninfo, database: &str, schema: &str) -> Result<()> {
    let mut sql = session::open(live, database).await?;
    sql.query(&format!("DROP SCHEMA IF EXISTS {} CASCADE", quote::ident(schema))).await?;
    sql.close().await;
    Ok(())
}

/// Puts the tables back that a swap with this suffix moved aside; what was in their place is kept in schemas of the other suffix, and so
/// is what was put where nothing was. Each schema is a transaction of its own.
pub async fn take_tables_back(
    live: &Conninfo,
    database: &str,
    tables: &[TableName],
    made: &[MadeTable],
    suffix: &str,
    kept_as: &str,
) -> Result<Vec<SwappedTables>> {
    let mut schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    let mut back = Vec::new();
    for schema in schemas {
        let keeper = keeper(schema, suffix);
        let mut of_schema = Vec::new();
        for table in tables.iter().filter(|table| table.schema == schema) {
            // Ours is what has a kept one to change places with, and what we made where nothing was.
            if relation(live, database, &table.within(&keeper)).await?.is_some()
                || is_placed(live, database, table, made).await?
            {
                of_schema.push(table.clone());
            }
        }
        if !of_schema.is_empty() {
            let (tables, from) = (of_schema.as_slice(), keeper.as_str());
            let what = TableSwap { database, tables, from, suffix: kept_as, made: &[], takes_back: true };
            back.push(swap_tables(live, &what).await?);
        }
        remove_empty_schema(live, database, &keeper).await?;
    }
    Ok(back)
}

/// Which of these tables are where they were at the moment.
pub async fn placed(
    live: &Conninfo,
    database: &str,
    tables: &[TableName],
    made: &[MadeTable],
) -> Result<Vec<TableName>> {
    let mut all = Vec::new();
    for table in tables {
        if is_placed(live, database, table, made).await? {
            all.push(table.clone());
        }
    }
    Ok(all)
}

async fn is_placed(live: &Conninfo, database: &str, table: &TableName, made: &[MadeTable]) -> Result<bool> {
    let is = relation(live, database, table).await?;
    Ok(is.is_some_and(|oid| made.iter().any(|made| made.table == *table && made.oid == oid)))
}

async fn relation(live: &Conninfo, database: &str, table: &TableName) -> Result<Option<u32>> {
    let mut sql = session::open(live, database).await?;
    let oid = sql.value(&format!("SELECT to_regclass({})::oid", quote::literal(&table.sql()))).await;
    sql.close().await;
    Ok(oid?.and_then(|oid| oid.parse().ok()))
}

/// In which tables stood before they took the place of others.
pub async fn remove_empty_schema(live: &Conninfo, database: &str, schema: &str) -> Result<()> {
    match has_schema(live, database, schema).await? && is_empty(live, database, schema).await? {
        true => remove_schema(live, database, schema).await,
        false => Ok(()),
    }
}

async fn is_empty(live: &Conninfo, database: &str, schema: &str) -> Result<bool> {
    let mut sql = session::open(live, database).await?;
    let within = format!(
        "SELECT 1 FROM pg_class WHERE relnamespace = {}::regnamespace LIMIT 1",
        quote::literal(&quote::ident(schema))
    );
    let found = sql.value(&within).await?;
    sql.close().await;
    Ok(found.is_none())
}
