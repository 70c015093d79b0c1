//! Who uses a database, as its server sees it at one moment: its sessions. `crate::consumers` looks again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::postgres::wire::{Conninfo, Rows};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::database::Database;
use super::{Outcome, Trouble};

/// Our own sessions are no consumers; all of them begin so.
const OURS: &str = "rekindle";

/// Who it is, as far as a server can tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Consumer {
    /// None: by the server's own socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    pub(crate) application: String,
    pub(crate) user: String,
    pub(crate) database: String,
}

/// One look at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) at: Timestamp,
    /// With how many sessions each was there.
    pub(crate) sessions: BTreeMap<Consumer, u64>,
}

/// Looks once. Who asks must be allowed to see the sessions of others: what is hidden is a trouble, never "nobody".
pub(crate) async fn look(server: &Conninfo, at: Timestamp, limit: Duration) -> Outcome<Look> {
    let mut database = Database::at(server, limit).await?;
    let sql = format!(
        "select host(client_addr) as address, coalesce(application_name, '') as application, usename as user, datname as database, \
         count(*) as sessions, bool_or(backend_type is null) as hidden from pg_stat_activity where (backend_type = 'client backend' or \
         backend_type is null) and pid <> pg_backend_pid() and coalesce(application_name, '') not like '{OURS}%' group by 1, 2, 3, 4"
    );
    let rows = database.rows(&sql).await;
    let target = database.target.clone();
    database.close().await;
    Ok(Look { at, sessions: sessions(&rows?, &target)? })
}

fn sessions(rows: &Rows, target: &str) -> Outcome<BTreeMap<Consumer, u64>> {
    let mut sessions = BTreeMap::new();
    for row in 0..rows.rows.len() {
        let cell = |column: &str| rows.get(row, column).map(str::to_owned);
        if cell("hidden").as_deref() != Some("f") {
            return Err(Trouble::refused(format!("{target} does not show the sessions of others"))
                .hint("grant pg_read_all_stats to the user of this connection"));
        }
        let consumer = Consumer {
            address: cell("address"),
            application: cell("application").unwrap_or_default(),
            user: cell("user").unwrap_or_default(),
            database: cell("database").unwrap_or_default(),
        };
        let count = cell("sessions").and_then(|count| count.parse::<u64>().ok());
        let count = count.ok_or_else(|| Trouble::refused(format!("{target} does not count its sessions")))?;
        *sessions.entry(consumer).or_default() += count;
    }
    Ok(sessions)
}

#[cfg(test)]
mod tests;
