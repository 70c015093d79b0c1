//! Relations whose contents no physical backup holds. After a recovery an unlogged table is empty and an unlogged sequence is at its
//! start; the rows of a foreign table are on another server; a materialized view that was never filled has none. They are named in
//! every report, because nothing can be said of their rows.

use super::count::Scope;
use crate::error::Result;
use crate::postgres::wire::{Connection, Conninfo, Mode};

const NAMES_SHOWN: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unlogged {
    kind: Kind,
    /// Quoted, with its schema.
    name: String,
    /// An estimate of the rows that it has now.
    rows: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    Sequence,
    Foreign,
    Unfilled,
}

/// A condition on `c`, a row of pg_class. A partitioned table has no rows of its own, whatever its persistence is.
const IS_UNLOGGED: &str = "(c.relpersistence = 'u' AND c.relkind IN ('r', 'S') OR c.relkind = 'f' \
     OR c.relkind = 'm' AND NOT c.relispopulated)";

/// Those of a scope in the database of the session.
pub(super) async fn find(sql: &mut Connection, scope: &Scope) -> Result<Vec<Unlogged>> {
    among(sql, &scope.condition()).await
}

/// Those among the relations with these oids and the sequences that belong to them.
pub(super) async fn find_among(sql: &mut Connection, oids: &str) -> Result<Vec<Unlogged>> {
    let condition = format!(
        "(c.oid IN ({oids}) OR c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.deptype IN ('a', 'i') \
         AND d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass \
         AND d.refobjid IN ({oids})))"
    );
    among(sql, &condition).await
}

async fn among(sql: &mut Connection, condition: &str) -> Result<Vec<Unlogged>> {
    let rows = sql
        .rows(&format!(
            "SELECT c.relkind, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, \
             greatest(c.reltuples::bigint, pg_stat_get_live_tuples(c.oid), 0) AS rows \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {condition} AND {IS_UNLOGGED} \
             ORDER BY 1 DESC, 2"
        ))
        .await?;
    let relation = |row| Unlogged {
        kind: match rows.get(row, "relkind") {
            Some("S") => Kind::Sequence,
            Some("f") => Kind::Foreign,
            Some("m") => Kind::Unfilled,
            _ => Kind::Table,
        },
        name: rows.get(row, "name").unwrap_or_default().to_owned(),
        rows: rows.get(row, "rows").and_then(|rows| rows.parse().ok()).unwrap_or(0),
    };
    Ok((0..rows.rows.len()).map(relation).collect())
}

/// One sentence for each kind.
pub(super) fn told(found: &[Unlogged]) -> Vec<String> {
    let kinds = [
        (Kind::Table, "unlogged table is empty", "unlogged tables are empty"),
        (Kind::Sequence, "unlogged sequence is at its start", "unlogged sequences are at their start"),
        (
            Kind::Foreign,
            "foreign table has its rows on another server",
            "foreign tables have their rows on other servers",
        ),
        (Kind::Unfilled, "materialized view was not filled", "materialized views were not filled"),
    ];
    let sentence = |(kind, one, many): (Kind, &str, &str)| {
        let names: Vec<&str> = found.iter().filter(|is| is.kind == kind).map(|is| is.name.as_str()).collect();
        let shown = names[..names.len().min(NAMES_SHOWN)].join(", ");
        let more = if names.len() > NAMES_SHOWN { ", …" } else { "" };
        let what = if names.len() == 1 { one } else { many };
        (!names.is_empty()).then(|| format!("{} {what} ({shown}{more})", names.len()))
    };
    kinds.into_iter().filter_map(sentence).collect()
}

/// Of all databases of an instance that can be connected to, each sentence with the database's name.
pub(in crate::postgres) async fn of_databases(live: &Conninfo, databases: impl Iterator<Item = &str>) -> Vec<String> {
    let mut all = Vec::new();
    for database in databases {
        let found = async {
            let mut sql = Connection::connect(&live.with_dbname(database), Mode::Sql).await?;
            let found = find(&mut sql, &Scope::Database).await;
            sql.close().await;
            found
        };
        match found.await {
            Ok(found) => all.extend(told(&found).iter().map(|what| format!("database {database}: {what}"))),
            Err(error) => all.push(format!("database {database}: unlogged tables cannot be looked for: {error}")),
        }
    }
    all
}

/// What of a live database is not in one that was restored from a backup: `name, about 7 rows`.
pub async fn unlogged_in(live: &Conninfo, database: &str) -> Result<Vec<String>> {
    let mut sql = super::session::open(live, database).await?;
    let found = find(&mut sql, &Scope::Database).await;
    sql.close().await;
    Ok(found?.iter().filter(|is| matches!(is.kind, Kind::Table | Kind::Sequence)).map(Unlogged::with_rows).collect())
}

impl Unlogged {
    fn with_rows(&self) -> String {
        match self.kind {
            Kind::Sequence => format!("unlogged sequence {}", self.name),
            _ => format!("unlogged table {} (about {} rows)", self.name, self.rows),
        }
    }

    /// Why it cannot take the place of a live one. A sequence alone is no reason: its table decides.
    pub(super) fn refusal(&self) -> Option<String> {
        match self.kind {
            Kind::Table => Some(format!("{} is unlogged: a backup holds no rows of it", self.name)),
            Kind::Foreign => Some(format!("{} is a foreign table: its rows are on another server", self.name)),
            Kind::Sequence | Kind::Unfilled => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_once() {
        let of = |kind, name: &str| Unlogged { kind, name: name.into(), rows: 0 };
        assert_eq!(told(&[]), Vec::<String>::new());
        let mut all: Vec<Unlogged> = (1..=6).map(|n| of(Kind::Table, &format!("s.t{n}"))).collect();
        all.push(of(Kind::Sequence, "s.q"));
        assert_eq!(
            told(&all),
            [
                "6 unlogged tables are empty (s.t1, s.t2, s.t3, s.t4, s.t5, …)",
                "1 unlogged sequence is at its start (s.q)"
            ]
        );
    }
}
