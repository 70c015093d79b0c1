//! Takes back what an extraction made or a swap put in the place of the live one. Each looks first: twice is as good as once.

use super::swap_tables::keeper;
use super::{SwappedTables, TableName, database, session, swap_tables};
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
    let exists = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", quote::literal(schema));
    let found = sql.value(&exists).await?;
    sql.close().await;
    Ok(found.is_some())
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

/// Puts the tables back that a swap with this suffix moved aside; what was in their place is kept in schemas of the other suffix. Each
/// schema is a transaction of its own.
pub async fn take_tables_back(
    live: &Conninfo,
    database: &str,
    tables: &[TableName],
    suffix: &str,
    kept_as: &str,
) -> Result<Vec<SwappedTables>> {
    let mut schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    let mut back = Vec::new();
    for schema in schemas {
        let keeper = keeper(schema, suffix);
        if !has_schema(live, database, &keeper).await? {
            continue;
        }
        if !is_empty(live, database, &keeper).await? {
            let of_schema: Vec<TableName> = tables.iter().filter(|table| table.schema == schema).cloned().collect();
            back.push(swap_tables(live, database, &of_schema, &keeper, kept_as).await?);
        }
        remove_empty_schema(live, database, &keeper).await?;
    }
    Ok(back)
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
