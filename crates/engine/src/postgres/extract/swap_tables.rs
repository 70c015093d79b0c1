//! Puts restored tables in the place of the live ones, in one transaction: all of it happens, or nothing.
//!
//! What refers to a table does so by its number, not by its name: a view, a foreign key or a publication would go on with the old
//! table without a word. Where there is such a thing the swap is refused, and the list says what.

mod blockers;
mod rights;

use serde::{Deserialize, Serialize};

use super::tables::{Member, TableName, resolve};
use super::{check_name, session};
use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Conninfo};

const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '10s'";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwappedTables {
    pub database: String,
    pub tables: Vec<String>,
    /// Schemas in which the old tables are kept.
    pub kept_in: Vec<String>,
    /// What the old tables have and the new ones do not: foreign keys that were left out, what was added since.
    pub not_there: Vec<String>,
}

/// What would stay with the live tables, so that a swap of them is refused. Nothing is touched.
pub async fn swap_blockers(live: &Conninfo, database: &str, tables: &[TableName]) -> Result<Vec<String>> {
    let mut sql = session::open(live, database).await?;
    let old = resolve(&mut sql, tables).await?;
    let found = blockers::standing(&mut sql, &old).await?;
    sql.close().await;
    Ok(found)
}

/// Moves each live table into the schema `<its schema>_before_<suffix>` and the table of the same name in `restored_schema` to its
/// place, with the owner and the rights that the live one has. On an error everything is as it was.
pub async fn swap_tables(
    live: &Conninfo,
    database: &str,
    tables: &[TableName],
    restored_schema: &str,
    suffix: &str,
) -> Result<SwappedTables> {
    let mut sql = session::open(live, database).await?;
    sql.query("BEGIN").await?;
    let mut done = swap(&mut sql, tables, restored_schema, suffix).await;
    if done.is_ok() {
        // An answer that is lost here leaves us not knowing; the error says that the connection was lost.
        done = sql.query("COMMIT").await.and(done);
    } else {
        let _ = sql.query("ROLLBACK").await;
    }
    sql.close().await;
    match done {
        Ok(swapped) => Ok(SwappedTables { database: database.to_owned(), ..swapped }),
        Err(error @ Error::Declined { .. }) => Err(error),
        Err(error) => {
            let names: Vec<String> = tables.iter().map(TableName::to_string).collect();
            Err(Error::NotSwapped { what: names.join(", "), source: Box::new(error) })
        }
    }
}

async fn swap(sql: &mut Connection, tables: &[TableName], from: &str, suffix: &str) -> Result<SwappedTables> {
    sql.query(LOCK_TIMEOUT).await?;
    let restored: Vec<TableName> = tables.iter().map(|table| table.within(from)).collect();
    // Looked up before the lock for a clear refusal, and after it because only then nothing changes any more.
    resolve(sql, tables).await?;
    resolve(sql, &restored).await?;
    let all: Vec<String> = tables.iter().chain(&restored).map(TableName::sql).collect();
    sql.query(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", all.join(", "))).await?;
    let old = resolve(sql, tables).await?;
    let new = resolve(sql, &restored).await?;
    let kept_in = make_schemas(sql, &old, suffix).await?;
    blockers::refuse(sql, &old, &new, from).await?;
    let not_there = blockers::not_there(sql, &old, &new).await?;
    for statement in rights::take_over(sql, &old, &new).await? {
        sql.query(&statement).await?;
    }
    for member in &old {
        move_to(sql, &member.table, &keeper(&member.table.schema, suffix)).await?;
    }
    for member in &new {
        move_to(sql, &member.table, home(member, &old, tables)).await?;
    }
    let tables = tables.iter().map(TableName::to_string).collect();
    Ok(SwappedTables { database: String::new(), tables, kept_in, not_there })
}

pub(super) fn keeper(schema: &str, suffix: &str) -> String {
    format!("{schema}_before_{suffix}")
}

/// Where the live table of this name is; a partition that is no longer live goes where the first table named is.
fn home<'a>(member: &Member, old: &'a [Member], tables: &'a [TableName]) -> &'a str {
    let live = old.iter().find(|live| live.table.name == member.table.name);
    live.map_or(&tables[0].schema, |live| &live.table.schema)
}

async fn make_schemas(sql: &mut Connection, old: &[Member], suffix: &str) -> Result<Vec<String>> {
    let mut names: Vec<String> = old.iter().map(|member| keeper(&member.table.schema, suffix)).collect();
    names.sort();
    names.dedup();
    for name in &names {
        check_name(name)?;
        let exists = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", quote::literal(name));
        if sql.value(&exists).await?.is_some() {
            return Err(Error::declined(format!("there is already a schema {name}"), "choose another suffix"));
        }
        sql.query(&format!("CREATE SCHEMA {}", quote::ident(name))).await?;
    }
    Ok(names)
}

async fn move_to(sql: &mut Connection, table: &TableName, schema: &str) -> Result<()> {
    let text = format!("ALTER TABLE {} SET SCHEMA {}", table.sql(), quote::ident(schema));
    sql.query(&text).await.map(|_| ())
}
