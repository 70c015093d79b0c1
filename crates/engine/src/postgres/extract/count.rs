//! What there is on one side: relations, rows, where sequences stand, large objects. Counted exactly, by several sessions, as the
//! two sides are compared before anybody trusts the copy.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use super::{TableRows, session};
use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Conninfo};

/// What is looked at.
#[derive(Debug, Clone)]
pub(super) enum Scope {
    /// All of it, save what extensions bring along.
    Database,
    /// One schema.
    Schema(String),
}

impl Scope {
    /// A condition on `n`, a row of pg_namespace, and `c`, one of pg_class.
    pub(super) fn condition(&self) -> String {
        let of = match self {
            Scope::Database => {
                "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' \
                 AND n.nspname NOT LIKE 'pg\\_temp\\_%'"
                    .to_owned()
            }
            Scope::Schema(schema) => format!("n.nspname = {}", quote::literal(schema)),
        };
        format!(
            "{of} AND c.relpersistence <> 't' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e' \
             AND d.classid = 'pg_class'::regclass AND d.objid = c.oid)"
        )
    }
}

#[derive(Debug, Default)]
pub(super) struct Census {
    /// Kind and name of everything in pg_class.
    relations: BTreeSet<String>,
    /// By quoted name.
    rows: BTreeMap<String, u64>,
    /// Last value and whether it was handed out.
    sequences: BTreeMap<String, String>,
    large_objects: u64,
    /// Materialized views: their rows are those of others.
    derived: BTreeSet<String>,
}

/// What is here otherwise than there.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) lost: Vec<String>,
    /// No row is missing for it.
    pub(super) attention: Vec<String>,
}

impl Census {
    pub(super) async fn take(info: &Conninfo, database: &str, scope: &Scope, jobs: usize) -> Result<Census> {
        let mut sql = session::open(info, database).await?;
        let mut census = Census::default();
        let (mut tables, mut sequences) = (Vec::new(), Vec::new());
        for (kind, name, is_filled) in list(&mut sql, scope).await? {
            match kind.as_str() {
                "r" | "m" if is_filled => tables.push(name.clone()),
                "S" => sequences.push(name.clone()),
                _ => {}
            }
            if kind == "m" {
                census.derived.insert(name.clone());
            }
            census.relations.insert(format!("{} {name}", kind_name(&kind)));
        }
        for name in sequences {
            let state = sql.value(&format!("SELECT last_value || ' ' || is_called FROM {name}")).await?;
            census.sequences.insert(name, state.unwrap_or_default());
        }
        if matches!(scope, Scope::Database) {
            census.large_objects = number(sql.value("SELECT count(*) FROM pg_largeobject_metadata").await?.as_deref())?;
        }
        sql.close().await;
        census.rows = count_rows(info, database, &tables, jobs).await?;
        Ok(census)
    }

    /// More here is fine: a newer extension may bring more.
    pub(super) fn differences(&self, here: &Census) -> Differences {
        let mut found = Differences::default();
        for relation in self.relations.difference(&here.relations) {
            let holds_data = relation.starts_with("table ") || relation.starts_with("sequence ");
            let list = if holds_data { &mut found.lost } else { &mut found.attention };
            list.push(format!("{relation} is missing"));
        }
        for (name, rows) in &self.rows {
            let list = if self.derived.contains(name) { &mut found.attention } else { &mut found.lost };
            match here.rows.get(name) {
                Some(now) if now == rows => {}
                Some(now) => list.push(format!("{name} has {now} rows, and {rows} were there")),
                None => list.push(format!("the rows of {name} are missing")),
            }
        }
        for (name, state) in &self.sequences {
            match here.sequences.get(name) {
                Some(now) if now == state => {}
                Some(now) => found.lost.push(format!("sequence {name} stands at {now}, and it stood at {state}")),
                None => {}
            }
        }
        if self.large_objects != here.large_objects {
            found.lost.push(format!("{} large objects, and {} were there", here.large_objects, self.large_objects));
        }
        found
    }

    pub(super) fn into_tables(self) -> Vec<TableRows> {
        self.rows.into_iter().map(|(name, rows)| TableRows { name, rows }).collect()
    }
}

/// Kind, quoted name, and whether it holds rows that the backup holds; the largest first.
async fn list(sql: &mut Connection, scope: &Scope) -> Result<Vec<(String, String, bool)>> {
    let rows = sql
        .rows(&format!(
            "SELECT c.relkind, quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
             c.relispopulated AND c.relpersistence = 'p' \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {} ORDER BY c.relpages DESC, c.oid",
            scope.condition()
        ))
        .await?;
    let row = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        Some((cells.next()?, cells.next()?, cells.next()? == "t"))
    };
    Ok(rows.rows.into_iter().filter_map(row).collect())
}

async fn count_rows(info: &Conninfo, database: &str, tables: &[String], jobs: usize) -> Result<BTreeMap<String, u64>> {
    let jobs = jobs.clamp(1, tables.len().max(1));
    let share = |job| tables.iter().skip(job).step_by(jobs);
    let counted = try_join_all((0..jobs).map(|job| count_share(info, database, share(job)))).await?;
    Ok(counted.into_iter().flatten().collect())
}

async fn count_share(
    info: &Conninfo,
    database: &str,
    tables: impl Iterator<Item = &String>,
) -> Result<Vec<(String, u64)>> {
    let mut sql = session::open(info, database).await?;
    let mut counted = Vec::new();
    for table in tables {
        let rows = number(sql.value(&format!("SELECT count(*) FROM ONLY {table}")).await?.as_deref())?;
        counted.push((table.clone(), rows));
    }
    sql.close().await;
    Ok(counted)
}

fn number(cell: Option<&str>) -> Result<u64> {
    let parsed = cell.and_then(|cell| cell.parse().ok());
    parsed.ok_or_else(|| Error::protocol(format!("a count is {cell:?}")))
}

fn kind_name(kind: &str) -> &str {
    match kind {
        "r" | "p" => "table",
        "i" | "I" => "index",
        "S" => "sequence",
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        "c" => "type",
        other => other,
    }
}
