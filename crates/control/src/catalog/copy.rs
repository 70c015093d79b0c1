//! The catalog's copy in the vault: when the host is lost, stacks, policies, people and history come back from vault and key.
//!
//! ```text
//!   state     every table, and the operations that are not over; put anew every so often, the newest counts
//!   history   operations that ended since the last one; put once, all count
//! ```
//! What lies on the host alone is left out: instances, sessions. Reading a row twice does no harm, so a daemon that dies between putting
//! history and noting how far it got only puts it twice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use ops::db::{Pick, Rows};
use ops::{Db, SqlStore, Store, read};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault::Vault;
use vault::format::sealed::{Class, Kind};
use vault::names::{CatalogPart, Name, prefix};

use super::Catalog;
use crate::daemon::Daemon;
use crate::error::Result;

/// Of the host, copied as history, or with a copy of its own.
const LEFT_OUT: [&str; 8] = ["instance", "session", "daemon_start", "measure", "audit", "run", "run_event", "run_line"];
/// Operations in one object of history.
const BATCH: i64 = 1000;
/// What ended a moment ago waits for those that say so late.
const SETTLED_MICROS: i64 = 5_000_000;
const TIMER: &str = "catalog history";
/// Old states are of no use.
const STATES_KEPT: usize = 12;
const ROWS_IN_A_FRAME: usize = 5000;

/// What a copy is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) made: Timestamp,
    pub(crate) version: String,
    /// The configuration file; it holds no secrets.
    pub(crate) config: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Chunk {
    table: String,
    rows: Vec<Value>,
}

/// Runs as long as the daemon.
pub(crate) async fn keep(daemon: Daemon) {
    let every = Duration::from_secs(daemon.config.catalog.copy_seconds);
    loop {
        tokio::time::sleep(every).await;
        if let Err(error) = copy(&daemon).await {
            tracing::error!(%error, "the catalog could not be copied into the vault");
        }
    }
}

async fn copy(daemon: &Daemon) -> Result<()> {
    let copied = copy_history(daemon).await?;
    let now = daemon.host.env.now();
    let head = Head { made: now, version: version(), config: Some(daemon.config.to_toml()?) };
    let tables = daemon.catalog.db.tables().await?;
    let whole = tables.iter().filter(|table| !LEFT_OUT.contains(&table.as_str()));
    let mut picks: Vec<Pick> = whole.map(|table| Pick { table: table.clone(), only: None }).collect();
    // Which log it is; the rest of it comes back from its own copy.
    picks.push(Pick { table: "audit".to_owned(), only: Some("n = 1".to_owned()) });
    picks.extend(runs(&format!("ended IS NULL OR ended > {copied}")));
    let rows = daemon.catalog.db.dump(&picks).await?;
    put(&daemon.vault, CatalogPart::State, &head, &rows).await?;
    forget_old_runs(daemon, copied).await?;
    forget_old_states(&daemon.vault).await
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Operations with all that is told of them.
fn runs(condition: &str) -> [Pick; 3] {
    let of = format!("run IN (SELECT id FROM run WHERE {condition})");
    let pick = |table: &str, only: &str| Pick { table: table.to_owned(), only: Some(only.to_owned()) };
    [pick("run", condition), pick("run_event", &of), pick("run_line", &of)]
}

/// Returns until when, in microseconds, what ended is copied.
async fn copy_history(daemon: &Daemon) -> Result<i64> {
    let mut copied = daemon.catalog.timer(TIMER).await?.map_or(0, Timestamp::as_microsecond);
    loop {
        let now = daemon.host.env.now();
        let settled = now.as_microsecond().saturating_sub(SETTLED_MICROS);
        let Some(until) = daemon.catalog.end_of_batch(copied, settled).await? else { return Ok(copied) };
        let rows = daemon.catalog.db.dump(&runs(&format!("ended > {copied} AND ended <= {until}"))).await?;
        let head = Head { made: now, version: version(), config: None };
        put(&daemon.vault, CatalogPart::History, &head, &rows).await?;
        daemon.catalog.set_timer(TIMER, Timestamp::from_microsecond(until).unwrap_or(now)).await?;
        copied = until;
    }
}

impl Catalog {
    /// When the last of the next operations to copy ended.
    async fn end_of_batch(&self, after: i64, until: i64) -> Result<Option<i64>> {
        const END: &str = "SELECT max(ended) FROM (SELECT ended FROM run WHERE ended > $1 AND ended <= $2 \
                           ORDER BY ended LIMIT $3) AS next";
        Ok(read!(&self.db, pool => sqlx::query_scalar(END).bind(after).bind(until).bind(BATCH).fetch_one(pool).await?))
    }
}

async fn put(vault: &Vault, part: CatalogPart, head: &Head, rows: &Rows) -> Result<()> {
    let json = |value: Result<Vec<u8>, serde_json::Error>| value.map_err(|e| vault::Error::Internal(e.to_string()));
    let mut frames = vec![(Class::Head, json(serde_json::to_vec(head))?)];
    for (table, rows) in rows {
        for rows in rows.chunks(ROWS_IN_A_FRAME) {
            let chunk = Chunk { table: table.clone(), rows: rows.to_vec() };
            frames.push((Class::Bytes, json(serde_json::to_vec(&chunk))?));
        }
    }
    let frames: Vec<(Class, &[u8])> = frames.iter().map(|(class, bytes)| (*class, bytes.as_slice())).collect();
    let micros = u64::try_from(head.made.as_microsecond()).unwrap_or_default();
    vault.put_sealed(Kind::Report, &Name::Catalog { micros, part }, &frames, 3).await?;
    Ok(())
}

/// What ended long ago and is in the vault's history. There it stays.
async fn forget_old_runs(daemon: &Daemon, copied: i64) -> Result<()> {
    let kept = SignedDuration::from_hours(24 * i64::from(daemon.config.catalog.history_days));
    let old = (daemon.host.env.now() - kept).as_microsecond();
    let before = Timestamp::from_microsecond(old.min(copied)).unwrap_or_default();
    let forgotten = daemon.runs.forget(before).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "old operations are in the vault's history only");
    }
    Ok(())
}

/// A vault that forbids deleting keeps them, and is right.
async fn forget_old_states(vault: &Vault) -> Result<()> {
    let states = names(vault).await?.into_iter().filter(|name| is(name, CatalogPart::State));
    for old in states.rev().skip(STATES_KEPT) {
        match vault.store().delete(&old.to_string()).await {
            Ok(()) => {}
            Err(vault::Error::Store { permanent: true, .. }) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn is(name: &Name, wanted: CatalogPart) -> bool {
    matches!(name, Name::Catalog { part, .. } if *part == wanted)
}

/// Oldest first.
async fn names(vault: &Vault) -> Result<Vec<Name>> {
    let objects: Vec<_> = vault.store().list(prefix::CATALOG).try_collect().await?;
    let mut names: Vec<String> = objects.into_iter().map(|object| object.name).collect();
    names.sort();
    Ok(names.iter().filter_map(|name| Name::parse(name)).collect())
}

/// Fills a new catalog at `path` with the newest state in the vault and all history. Nothing when the vault has no copy.
pub(crate) async fn read_into(
    vault: &Vault,
    path: &Path,
    clock: Arc<dyn ops::Clock>,
) -> Result<Option<(Head, Catalog, SqlStore)>> {
    let names = names(vault).await?;
    let Some(newest) = names.iter().rev().find(|name| is(name, CatalogPart::State)) else { return Ok(None) };
    let (head, state) = get(vault, newest).await?;
    let db = Db::sqlite(path, clock).await?;
    let catalog = Catalog::open(db.clone()).await?;
    let runs = SqlStore::open(db.clone()).await?;
    // History first: an operation that ended after the state was made is over.
    for history in names.iter().filter(|name| is(name, CatalogPart::History)) {
        db.load(&get(vault, history).await?.1).await?;
    }
    db.load(&state).await?;
    Ok(Some((head, catalog, runs)))
}

async fn get(vault: &Vault, name: &Name) -> Result<(Head, Rows)> {
    let malformed = |e: serde_json::Error| vault::Error::malformed(name.to_string(), e.to_string());
    let frames = vault.get_sealed(Kind::Report, name).await?;
    let mut head = None;
    let mut rows = Rows::new();
    for frame in &frames {
        match frame.class {
            Class::Head => head = Some(serde_json::from_slice(&frame.raw).map_err(malformed)?),
            Class::Bytes => {
                let chunk: Chunk = serde_json::from_slice(&frame.raw).map_err(malformed)?;
                rows.entry(chunk.table).or_default().extend(chunk.rows);
            }
            _ => {}
        }
    }
    let head = head.ok_or_else(|| vault::Error::malformed(name.to_string(), "it has no head"))?;
    Ok((head, rows))
}

#[cfg(test)]
mod tests;
