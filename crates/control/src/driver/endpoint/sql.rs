//! A cell of a row in a database of PostgreSQL: an inventory, a setting of a BI tool. One statement compares and swaps, and touches one row or
//! none.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Endpoint, another};
use crate::driver::database::{self, Database, condition, ident, literal, table};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlEndpoint {
    /// A reference, or in clear without a password.
    pub(crate) connection: String,
    /// With its schema, as in SQL: `tools.databases`.
    pub(crate) table: String,
    pub(crate) column: String,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
    /// Column and value: which row it is.
    #[serde(rename = "where")]
    pub(crate) row: BTreeMap<String, String>,
}

fn timeout_seconds() -> u64 {
    30
}

impl SqlEndpoint {
    pub(crate) fn wrong(&self) -> Option<String> {
        let wrong = [
            (table(&self.table).is_none(), format!("table {:?} is no name", self.table)),
            (self.column.is_empty() || self.row.contains_key(""), "a column has no name".to_owned()),
            (self.row.is_empty(), "where names no column: it must be one row".to_owned()),
            (self.row.contains_key(&self.column), format!("where names {:?} itself, which changes", self.column)),
            (self.timeout_seconds == 0, "timeout_seconds must be 1 or more".to_owned()),
        ];
        let wrong = wrong.into_iter().find(|(is, _)| *is).map(|(_, what)| what);
        database::wrong_connection(&self.connection).or(wrong)
    }

    fn table(&self) -> Outcome<String> {
        table(&self.table).ok_or_else(|| Trouble::refused(format!("table {:?} is no name", self.table)))
    }

    async fn open(&self, host: &Host) -> Outcome<Database> {
        Database::open(&self.connection, host, Duration::from_secs(self.timeout_seconds)).await
    }

    async fn found(&self, database: &mut Database) -> Outcome<String> {
        let (column, table, row) = (ident(&self.column), self.table()?, condition(&self.row));
        let rows = database.rows(&format!("select {column} from {table} where {row} limit 2")).await?.rows;
        let refused = |why: &str| Trouble::refused(format!("{}: {why} has {row}", self.what()));
        match (rows.len(), rows.into_iter().next()) {
            (1, Some(row)) => {
                row.into_iter().next().flatten().ok_or_else(|| refused("the value is null where the row"))
            }
            (0, _) => Err(refused("no row")),
            _ => Err(refused("more than one row")),
        }
    }

    /// The row is changed and counted before it is committed.
    async fn swap(&self, database: &mut Database, from: &str, to: &str) -> Outcome<()> {
        let (column, table, row) = (ident(&self.column), self.table()?, condition(&self.row));
        let (from, to) = (literal(from), literal(to));
        let update = format!("begin; update {table} set {column} = {to} where {row} and {column} = {from}");
        let changed = database.rows(&update).await?.tag;
        if changed != "UPDATE 1" {
            database.query("rollback").await?;
            return Err(Trouble::away(format!("{} has been changed in this moment ({changed})", self.what())));
        }
        database.query("commit").await.map(drop)
    }

    async fn point_in(&self, database: &mut Database, from: &str, to: &str) -> Outcome<()> {
        let found = self.found(database).await?;
        if found == to {
            return Ok(());
        }
        if found != from {
            return Err(another(&self.what(), &found, from, to));
        }
        self.swap(database, from, to).await?;
        let found = self.found(database).await?;
        if found == to { Ok(()) } else { Err(another(&self.what(), &found, from, to)) }
    }
}

#[async_trait]
impl Driver for SqlEndpoint {
    fn what(&self) -> String {
        format!("{}.{} at {}", self.table, self.column, database::shown(&self.connection))
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        let looked = async {
            let mut database = self.open(host).await?;
            let mut troubles: Vec<Trouble> = self.found(&mut database).await.err().into_iter().collect();
            if troubles.is_empty() {
                troubles.extend(self.may_not(&mut database).await?);
            }
            database.close().await;
            Ok::<_, Trouble>(troubles)
        };
        looked.await.unwrap_or_else(|trouble| vec![trouble])
    }
}

impl SqlEndpoint {
    async fn may_not(&self, database: &mut Database) -> Outcome<Option<Trouble>> {
        let (table, column) = (literal(&self.table()?), literal(&self.column));
        let ask =
            format!("select pg_is_in_recovery(), has_column_privilege({table}, {column}, 'UPDATE'), current_user");
        let rows = database.rows(&ask).await?.rows;
        let cell = |index: usize| rows.first().and_then(|row| row.get(index)).and_then(Option::as_deref);
        let (table, column, user) = (&self.table, &self.column, cell(2).unwrap_or_default().to_owned());
        if cell(0) == Some("t") {
            let what = format!("{} is a standby, which cannot be written", database.target);
            return Ok(Some(Trouble::refused(what).hint("name the primary in connection")));
        }
        Ok((cell(1) != Some("t")).then(|| {
            Trouble::refused(format!("{user} may not update {column} of {table} at {}", database.target))
                .hint(format!("grant update ({column}) on {table} to {user}"))
        }))
    }
}

#[async_trait]
impl Endpoint for SqlEndpoint {
    async fn current(&self, host: &Host) -> Outcome<String> {
        let mut database = self.open(host).await?;
        let found = self.found(&mut database).await;
        database.close().await;
        found
    }

    async fn point(&self, host: &Host, from: &str, to: &str) -> Outcome<()> {
        let mut database = self.open(host).await?;
        let pointed = self.point_in(&mut database, from, to).await;
        database.close().await;
        pointed
    }
}
