//! What is kept of the present state before it is replaced: a backup that is pinned, and the log to its last record. The old directory
//! is kept as well, so where the server cannot be backed up any more, its files are what there is.

use std::time::Duration;

use api::BackupAsk;
use async_trait::async_trait;
use engine::postgres::inspect::inspect;
use engine::postgres::lsn::Lsn;
use engine::postgres::successor::{end_of_log, read_control};
use ops::Found;
use serde_json::Value;
use vault::backup::catalog;
use vault::log::read::LogIndex;

use super::source_of;
use super::swap::Swap;
use crate::error::Result;
use crate::operation::{At, Part, backup, pin};

const LOG_PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Snapshot;

#[async_trait]
impl Part for Snapshot {
    async fn act(&self, at: &At) -> Result<Value> {
        let source = at.daemon.source(source_of(at))?;
        if let Err(error) = inspect(&source.cluster.conninfo).await {
            at.work.warn(format!("the server does not answer, so its files are kept as they are: {error}"));
            return Ok(Value::Null);
        }
        let label = Some(format!("before-restore-{}", at.id()));
        let made = kept(at, backup::store_as(at, BackupAsk { label, ..BackupAsk::default() }, None).await?).await?;
        at.effect("the backup of the present state is pinned")?;
        Ok(made)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        Ok(match backup::stored_by(at).await? {
            Some(made) => Found::Done(kept(at, made).await?),
            None => Found::Unknown,
        })
    }
}

async fn kept(at: &At, made: Value) -> Result<Value> {
    let (source, id) = (source_of(at).parse()?, made["id"].as_str().unwrap_or_default().parse()?);
    let why = format!("the state before restore {}", at.id());
    catalog::pin_as(&at.daemon.vault, &source, &id, pin::pin_of(at)?, &why).await?;
    Ok(made)
}

/// A server that is stopped in order sends all of its log first.
#[derive(Debug)]
pub(super) struct LastLog;

#[async_trait]
impl Part for LastLog {
    async fn act(&self, at: &At) -> Result<Value> {
        let (swap, source) = (at.input::<Swap>()?, at.daemon.source(source_of(at))?);
        let Some(end) = end_of_log(&swap.places.live)? else {
            at.work.warn("the server was not stopped in order: its last records are in the directory that is kept");
            return Ok(Value::Null);
        };
        let mut waited = Duration::ZERO;
        let mut durable = in_vault(at).await?;
        // What the receiver had in hand when the server ended comes within moments, or not at all.
        while durable < end && waited < LOG_PATIENCE {
            tokio::time::sleep(LOOK_EVERY).await;
            waited += LOOK_EVERY;
            durable = in_vault(at).await?.max(source.receiver.state().durable);
        }
        if durable < end {
            at.work.warn(format!(
                "the vault has the log to {durable}, and the server wrote to {end}: the rest is in the directory that is kept"
            ));
            return Ok(serde_json::json!({ "end": end.to_string(), "durable": durable.to_string() }));
        }
        at.work.say(format!("everything that the server ever wrote is in the vault, to {end}"));
        Ok(serde_json::json!({ "end": end.to_string(), "durable": end.to_string() }))
    }

    /// It changes nothing.
    async fn look(&self, _at: &At) -> Result<Found> {
        Ok(Found::NotDone)
    }
}

/// Where the log ends that the vault has of the timeline that the server was on.
async fn in_vault(at: &At) -> Result<Lsn> {
    let index = LogIndex::load(&at.daemon.vault, &source_of(at).parse()?).await?;
    let timeline = read_control(&at.input::<Swap>()?.places.live)?.checkpoint.timeline;
    Ok(Lsn(index.end(timeline).unwrap_or(0)))
}
