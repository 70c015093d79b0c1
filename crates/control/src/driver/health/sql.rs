//! A statement in a database of PostgreSQL, and what its first column must be.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Health;
use crate::driver::database::{self, Database};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlHealth {
    /// A reference, or in clear without a password.
    pub(crate) connection: String,
    #[serde(default = "statement")]
    pub(crate) statement: String,
    /// The first column of the first row, as text; none: any row will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect: Option<String>,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
}

fn statement() -> String {
    "select 1".to_owned()
}

fn timeout_seconds() -> u64 {
    10
}

impl SqlHealth {
    pub(crate) fn wrong(&self) -> Option<String> {
        let time = (self.timeout_seconds == 0).then(|| "timeout_seconds must be 1 or more".to_owned());
        database::wrong_connection(&self.connection)
            .or_else(|| database::wrong_statement(&self.statement, &[]))
            .or(time)
    }
}

#[async_trait]
impl Driver for SqlHealth {
    fn what(&self) -> String {
        format!("statement at {}", database::shown(&self.connection))
    }

    /// The server may be down now, and is not asked.
    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        database::unread(&self.connection, host).await.into_iter().collect()
    }
}

#[async_trait]
impl Health for SqlHealth {
    /// A look changes nothing: its transaction is read only.
    async fn look(&self, host: &Host) -> Outcome<()> {
        let statement = database::fill(&self.statement, &BTreeMap::new())?;
        let mut database = Database::open(&self.connection, host, Duration::from_secs(self.timeout_seconds)).await?;
        let target = database.target.clone();
        let asked = match database.query("set default_transaction_read_only = on").await {
            Ok(_) => database.rows(&statement).await,
            Err(trouble) => Err(trouble),
        };
        database.close().await;
        let Some(first) = asked?.rows.into_iter().next() else {
            return Err(Trouble::away(format!("{target} answered with no row")));
        };
        let found = first.into_iter().next().flatten();
        match &self.expect {
            Some(expected) if found.as_ref() != Some(expected) => {
                let found = found.map_or("null".to_owned(), |found| format!("{found:?}"));
                Err(Trouble::away(format!("{target} answered {found}, {expected:?} expected")))
            }
            _ => Ok(()),
        }
    }
}
