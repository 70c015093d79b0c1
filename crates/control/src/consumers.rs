//! Who uses each database: its server's sessions, looked at again and again, so that the inventory is there before the incident.

use std::time::Duration;

use api::ConsumerView;
use jiff::{SignedDuration, Timestamp};

use crate::catalog::ConsumerRow;
use crate::daemon::Daemon;
use crate::driver::consumers::{Look, look};
use crate::error::Result;
use crate::source::Source;

const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Thousands of sources are not asked all at once.
const BETWEEN_TWO: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(5);
/// Who was not seen for so long uses it no more.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Runs as long as the daemon.
pub(crate) async fn keep_looking(daemon: Daemon) {
    loop {
        for source in daemon.sources() {
            // A server that does not answer is an alarm of the receiver's.
            if let Err(error) = see(&daemon, &source).await {
                tracing::debug!(source = source.row.name, %error, "its sessions could not be looked at");
            }
            tokio::time::sleep(BETWEEN_TWO).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Looks once, and remembers it.
pub(crate) async fn see(daemon: &Daemon, source: &Source) -> Result<Look> {
    let name = source.row.name.as_str();
    let seen = look(&source.cluster.conninfo, daemon.host.env.now(), PATIENCE).await;
    let seen = seen.map_err(|trouble| trouble.of(&format!("sessions of {name}")))?;
    let now = seen.at.to_string();
    for (consumer, sessions) in seen.sessions.clone() {
        let row = ConsumerRow {
            source: name.to_owned(),
            address: consumer.address.unwrap_or_default(),
            application: consumer.application,
            role: consumer.user,
            database: consumer.database,
            first_seen: now.clone(),
            last_seen: now.clone(),
            looks: 1,
            sessions_max: i64::try_from(sessions).unwrap_or(i64::MAX),
        };
        daemon.catalog.saw_consumer(&row).await?;
    }
    let not_since = seen.at.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    daemon.catalog.forget_consumers(name, &not_since.to_string()).await?;
    Ok(seen)
}

/// The last seen first.
pub(crate) async fn list(daemon: &Daemon, name: &str) -> Result<Vec<ConsumerView>> {
    let source = daemon.source(name)?;
    daemon.catalog.consumers(&source.row.name).await?.iter().map(view).collect()
}

fn view(row: &ConsumerRow) -> Result<ConsumerView> {
    let time = |text: &str| {
        text.parse().map_err(|_| vault::Error::Internal(format!("a consumer of {} in the catalog", row.source)))
    };
    Ok(ConsumerView {
        address: (!row.address.is_empty()).then(|| row.address.clone()),
        application: row.application.clone(),
        role: row.role.clone(),
        database: row.database.clone(),
        first_seen: time(&row.first_seen)?,
        last_seen: time(&row.last_seen)?,
        looks: row.looks.unsigned_abs(),
        sessions_max: row.sessions_max.unsigned_abs(),
    })
}
