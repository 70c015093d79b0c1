//! Who uses a database, as its server sees it: its sessions, looked at again and again, become an inventory that is there before anybody needs
//! it. Must not know where the inventory is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::postgres::wire::Rows;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::database::Database;
use super::{Outcome, Trouble};
use crate::host::Host;

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

/// When it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sighting {
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    /// Looks at which it was there.
    pub(crate) looks: u64,
    /// The most sessions that it had at one look.
    pub(crate) sessions_max: u64,
}

/// One look at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) at: Timestamp,
    /// With how many sessions each was there.
    pub(crate) sessions: BTreeMap<Consumer, u64>,
}

/// All that was seen of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sightings {
    pub(crate) of: BTreeMap<Consumer, Sighting>,
}

impl Sighting {
    /// Of two that saw the same consumer at different looks.
    fn and(&self, other: &Sighting) -> Sighting {
        Sighting {
            first_seen: self.first_seen.min(other.first_seen),
            last_seen: self.last_seen.max(other.last_seen),
            looks: self.looks.saturating_add(other.looks),
            sessions_max: self.sessions_max.max(other.sessions_max),
        }
    }
}

impl Sightings {
    pub(crate) fn add(&mut self, look: Look) {
        let at = look.at;
        let seen = look.sessions.into_iter().map(|(consumer, sessions)| {
            (consumer, Sighting { first_seen: at, last_seen: at, looks: 1, sessions_max: sessions })
        });
        self.merge(Sightings { of: seen.collect() });
    }

    /// What another saw, at looks that are not among ours.
    pub(crate) fn merge(&mut self, other: Sightings) {
        for (consumer, sighting) in other.of {
            let both = self.of.get(&consumer).map_or_else(|| sighting.clone(), |mine| mine.and(&sighting));
            self.of.insert(consumer, both);
        }
    }

    /// Those that were seen at this moment or later.
    pub(crate) fn since(&self, moment: Timestamp) -> impl Iterator<Item = (&Consumer, &Sighting)> {
        self.of.iter().filter(move |(_, sighting)| sighting.last_seen >= moment)
    }
}

/// Looks once. Who asks must be allowed to see the sessions of others: what is hidden is a trouble, never "nobody".
pub(crate) async fn look(connection: &str, host: &Host, limit: Duration) -> Outcome<Look> {
    let mut database = Database::open(connection, host, limit).await?;
    let sql = format!(
        "select host(client_addr) as address, coalesce(application_name, '') as application, usename as user, datname as database, \
         count(*) as sessions, bool_or(backend_type is null) as hidden from pg_stat_activity where (backend_type = 'client backend' or \
         backend_type is null) and pid <> pg_backend_pid() and coalesce(application_name, '') not like '{OURS}%' group by 1, 2, 3, 4"
    );
    let rows = database.rows(&sql).await;
    let (target, at) = (database.target.clone(), host.env.now());
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
