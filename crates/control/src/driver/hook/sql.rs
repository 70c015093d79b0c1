//! Statements in a database of PostgreSQL. Several are one transaction, unless they say otherwise: all are done, or none.

use std::time::Duration;

use async_trait::async_trait;
use engine::postgres::wire::Rows;
use serde::{Deserialize, Serialize};

use super::{Hook, Say, TOLD, Told};
use crate::driver::database::{self, Database};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

/// Of what a statement gives, in the log.
const ROWS_TOLD: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlHook {
    /// A reference, or in clear without a password.
    pub(crate) connection: String,
    /// One or several. A placeholder becomes a literal, quotes included.
    pub(crate) statement: String,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
}

fn timeout_seconds() -> u64 {
    60
}

impl SqlHook {
    pub(crate) fn wrong(&self) -> Option<String> {
        let time = (self.timeout_seconds == 0).then(|| "timeout_seconds must be 1 or more".to_owned());
        database::wrong_connection(&self.connection)
            .or_else(|| database::wrong_statement(&self.statement, TOLD))
            .or(time)
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// A result on lines: its tag, and what it gave.
fn tell(rows: &Rows, say: Say<'_>) {
    say(&rows.tag);
    for row in rows.rows.iter().take(ROWS_TOLD) {
        say(&row.iter().map(|cell| cell.as_deref().unwrap_or("null")).collect::<Vec<_>>().join(" | "));
    }
    if let Some(more) = rows.rows.len().checked_sub(ROWS_TOLD).filter(|more| *more > 0) {
        say(&format!("… and {more} more rows"));
    }
}

#[async_trait]
impl Driver for SqlHook {
    fn what(&self) -> String {
        format!("statement at {}", database::shown(&self.connection))
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        match Database::open(&self.connection, host, self.limit()).await {
            Ok(database) => {
                database.close().await;
                Vec::new()
            }
            Err(trouble) => vec![trouble],
        }
    }
}

#[async_trait]
impl Hook for SqlHook {
    async fn run(&self, host: &Host, told: &Told, say: Say<'_>) -> Outcome<()> {
        let statement = database::fill(&self.statement, told)?;
        let mut database = Database::open(&self.connection, host, self.limit()).await?;
        let results = database.query(&statement).await;
        database.notices().iter().for_each(|notice| say(notice));
        database.close().await;
        results?.iter().for_each(|rows| tell(rows, say));
        Ok(())
    }
}
