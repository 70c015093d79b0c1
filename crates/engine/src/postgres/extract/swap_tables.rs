//! Puts restored tables in the place of the live ones, in one transaction: all of it happens, or nothing.
//!
//! What refers to a table does so by its number, not by its name: a view, a foreign key or a publication would go on with the old
//! table without a word. Where there is such a thing the swap is refused, and the list says what. A table that the live database does
//! not have, because it was dropped, is put where it was; with its schema, where that is gone too.

mod blockers;
mod rights;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::tables::{Member, Present, TableName, nearest, present, resolve};
use super::{MadeTable, check_name, look, session, unlogged};
use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Conninfo};
pub(super) use blockers::standing;

const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '10s'";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwappedTables {
    pub database: String,
    pub tables: Vec<String>,
    /// Schemas in which the old tables are kept.
    pub kept_in: Vec<String>,
    /// What the old tables have and the new ones do not: foreign keys that were left out, what was added since.
    pub not_there: Vec<String>,
    /// Schemas that were gone, and were made.
    #[serde(default)]
    pub schemas_made: Vec<String>,
}

/// What is in the way of a swap, and what there is nothing to swap with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SwapOutlook {
    /// What would stay with the live tables, so that it is refused, each with what to do.
    pub blockers: Vec<(String, String)>,
    /// Tables that the live database does not have, each with the names nearest to it.
    pub absent: Vec<(TableName, Vec<String>)>,
}

/// What a swap goes by.
#[derive(Debug, Clone, Copy)]
pub struct TableSwap<'a> {
    pub database: &'a str,
    pub tables: &'a [TableName],
    /// The schema in which the tables are that take the place.
    pub from: &'a str,
    /// The old ones are kept in `<their schema>_before_<suffix>`.
    pub suffix: &'a str,
    /// Where the tables of the moment were, with their partitions; for those that the live database does not have.
    pub made: &'a [MadeTable],
    /// Whether the live tables go aside also where nothing takes their place: what took the place of nothing is taken back.
    pub takes_back: bool,
}

/// Nothing is touched.
pub async fn swap_outlook(live: &Conninfo, database: &str, tables: &[TableName]) -> Result<SwapOutlook> {
    let mut sql = session::open(live, database).await?;
    let Present { members, absent } = present(&mut sql, tables).await?;
    let mut outlook = SwapOutlook::default();
    let drop = "drop them and make them anew afterwards, or restore without --swap and copy the rows you need";
    let stay = standing(&mut sql, &members).await?;
    outlook
        .blockers
        .extend(stay.into_iter().map(|what| (format!("{what} would stay with the old table"), drop.into())));
    let without = "restore it without --swap where its definition is wanted";
    let empty = unlogged::find_among(&mut sql, &super::tables::oids(&members)).await?;
    let refusals = empty.iter().filter_map(unlogged::Unlogged::refusal);
    outlook.blockers.extend(refusals.map(|what| (what, without.to_owned())));
    if !absent.is_empty() {
        let schemas: Vec<String> = absent.iter().map(|table| table.schema.clone()).collect();
        let publishes =
            "subscribers that do not know the table would stop: drop the publication, and make it anew afterwards";
        let found = blockers::publications_of(&mut sql, &schemas).await?;
        let found =
            found.into_iter().map(|what| (format!("a table put back is at once in {what}"), publishes.to_owned()));
        outlook.blockers.extend(found);
    }
    for table in absent {
        let names = nearest(&mut sql, &table).await?;
        outlook.absent.push((table, names));
    }
    sql.close().await;
    Ok(outlook)
}

/// Moves each live table into the schema `<its schema>_before_<suffix>` and the restored table of the same name to its place, with the
/// owner and the rights that the live one has. On an error everything is as it was.
pub async fn swap_tables(live: &Conninfo, what: &TableSwap<'_>) -> Result<SwappedTables> {
    let mut sql = session::open(live, what.database).await?;
    sql.query("BEGIN").await?;
    let mut done = swap(&mut sql, what).await;
    if done.is_ok() {
        // An answer that is lost here leaves us not knowing; the error says that the connection was lost.
        done = sql.query("COMMIT").await.and(done);
    } else {
        let _ = sql.query("ROLLBACK").await;
    }
    let triggers = look::event_triggers(&mut sql, what.database).await.unwrap_or_default();
    sql.close().await;
    match done {
        Ok(swapped) => Ok(SwappedTables { database: what.database.to_owned(), ..swapped }),
        Err(error @ Error::Declined { .. }) => Err(error),
        Err(error) => {
            let names: Vec<String> = what.tables.iter().map(TableName::to_string).collect();
            Err(Error::NotSwapped { what: names.join(", "), source: Box::new(look::explained(error, &triggers)) })
        }
    }
}

async fn swap(sql: &mut Connection, what: &TableSwap<'_>) -> Result<SwappedTables> {
    let TableSwap { tables, from, suffix, made, .. } = *what;
    sql.query(LOCK_TIMEOUT).await?;
    // Looked up before the lock for a clear refusal, and after it because only then nothing changes any more.
    let (old, new) = (present(sql, tables).await?.members, replacing(sql, what).await?);
    let all: Vec<String> = old.iter().chain(&new).map(|member| member.table.sql()).collect();
    sql.query(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", all.join(", "))).await?;
    let (old, new) = (present(sql, tables).await?.members, replacing(sql, what).await?);
    let kept_in = make_schemas(sql, &old, suffix).await?;
    // Of what goes aside and has no successor nobody sees anything.
    let has_successor =
        |member: &&Member| !what.takes_back || new.iter().any(|new| new.table.name == member.table.name);
    let secured: Vec<Member> = old.iter().filter(has_successor).cloned().collect();
    blockers::refuse(sql, &old, &secured, &new, from).await?;
    let not_there = blockers::not_there(sql, &old, &new).await?;
    for statement in rights::take_over(sql, &old, &new).await? {
        sql.query(&statement).await?;
    }
    for member in &old {
        move_to(sql, &member.table, &keeper(&member.table.schema, suffix)).await?;
    }
    let mut schemas_made = BTreeSet::new();
    for member in &new {
        let home = home(member, &old, tables, made);
        if make_home(sql, home, member).await? {
            schemas_made.insert(home.to_owned());
        }
        move_to(sql, &member.table, home).await?;
    }
    let tables = tables.iter().map(TableName::to_string).collect();
    let schemas_made = schemas_made.into_iter().collect();
    Ok(SwappedTables { database: String::new(), tables, kept_in, not_there, schemas_made })
}

/// The tables that take the place.
async fn replacing(sql: &mut Connection, what: &TableSwap<'_>) -> Result<Vec<Member>> {
    let restored: Vec<TableName> = what.tables.iter().map(|table| table.within(what.from)).collect();
    match what.takes_back {
        true => Ok(present(sql, &restored).await?.members),
        false => resolve(sql, &restored).await,
    }
}

pub fn keeper(schema: &str, suffix: &str) -> String {
    quote::name_with(schema, &format!("_before_{suffix}"))
}

/// Where the live table of this name is, or where it was at the moment.
fn home<'a>(member: &Member, old: &'a [Member], tables: &'a [TableName], made: &'a [MadeTable]) -> &'a str {
    let live = old.iter().map(|live| &live.table).find(|live| live.name == member.table.name);
    let then = made.iter().find(|made| made.oid == member.oid).map(|made| &made.table);
    &live.or(then).unwrap_or(&tables[0]).schema
}

/// A schema that is gone is made for its table, and belongs to the same role. Gives whether it was.
async fn make_home(sql: &mut Connection, schema: &str, member: &Member) -> Result<bool> {
    if session::has_schema(sql, schema).await? {
        return Ok(false);
    }
    let owner = format!("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = {}", member.oid);
    let owner = sql.value(&owner).await?.unwrap_or_default();
    let make = format!("CREATE SCHEMA {} AUTHORIZATION {}", quote::ident(schema), quote::ident(&owner));
    sql.query(&make).await.map(|_| true)
}

async fn make_schemas(sql: &mut Connection, old: &[Member], suffix: &str) -> Result<Vec<String>> {
    let mut names: Vec<String> = old.iter().map(|member| keeper(&member.table.schema, suffix)).collect();
    names.sort();
    names.dedup();
    for name in &names {
        check_name(name)?;
        if session::has_schema(sql, name).await? {
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
