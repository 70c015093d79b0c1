//! Asks the server beside the stream what time it is and where its log ends: in quiet hours nothing else says that nothing happened.
//!
//! ```text
//!   commit: takes its time ─► inserts its record ─► flushes it            look: reads the clock ─► reads the insert position
//! ```
//! The clock is read first. A commit whose record was inserted by then lies before the position that is read, flushed or not, so once
//! the log is received up to that position, only commits can be missing whose time was taken before the clock was read and whose
//! record was inserted behind it; `TIME_MARGIN` is for these. What the stream says does not do: a keepalive holds the
//! position that was *sent*, and the sender that answers may not have looked yet whether there is more.
//!
//! A standby is not asked for that: its clock says nothing of the commits that its primary has not sent. Of its log the time of
//! the last commit is all that is known.

use std::time::Duration;

use jiff::Timestamp;

use super::Cluster;
use crate::error::{Error, Result};
use crate::postgres::lsn::{Lsn, Timeline};
use crate::postgres::wire::{Connection, Mode};

pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);
/// The header of a page of log, and at most so long: the first of a segment has the longer one.
const PAGE_BYTES: u64 = 8192;
const PAGE_HEADER_BYTES_MAX: u64 = 40;

/// What the server says of itself.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) clock: Timestamp,
    /// Where it inserts next, and on which timeline; `None` of a standby.
    pub(super) end: Option<(Timeline, Lsn)>,
    /// Whether commits wait for this receiver.
    pub(super) synchronous: bool,
}

pub(super) async fn at(cluster: Cluster) -> Result<Look> {
    match tokio::time::timeout(PATIENCE, Box::pin(ask(&cluster))).await {
        Ok(look) => look,
        Err(_) => Err(Error::protocol("the server did not say in time where its log ends")),
    }
}

async fn ask(cluster: &Cluster) -> Result<Look> {
    let name = cluster.conninfo.application_name.clone().unwrap_or_default().replace('\'', "''");
    // Columns are computed from left to right.
    let query = format!(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock, \
         CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_insert_lsn() END AS position, \
         CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline, \
         (SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}' \
         AND sync_state IN ('sync', 'quorum')) AS waiting"
    );
    let mut sql = Connection::connect(&cluster.conninfo, Mode::Sql).await?;
    let rows = sql.rows(&query).await?;
    sql.close().await;
    let clock = rows.get(0, "clock").and_then(|text| Timestamp::from_microsecond(text.parse().ok()?).ok());
    let timeline = rows.get(0, "timeline").and_then(|text| Timeline::from_str_radix(text, 16).ok());
    Ok(Look {
        clock: clock.ok_or_else(|| Error::protocol("the server does not say what time it is"))?,
        end: timeline.zip(rows.get(0, "position").map(str::parse).transpose()?),
        synchronous: rows.get(0, "waiting").is_some_and(|count| count != "0"),
    })
}

/// Whether everything before the insert position was received. At the beginning of a page the server counts the header that it has
/// not written yet.
pub(super) fn is_reached(end: Lsn, received: Lsn) -> bool {
    received >= end || received.0.is_multiple_of(PAGE_BYTES) && end.0 - received.0 <= PAGE_HEADER_BYTES_MAX
}
