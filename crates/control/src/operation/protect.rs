//! Beginning and ending the protection of a source, as operations. Who asks has looked at the server before (`source`).

use std::sync::Arc;

use api::OperationKind;
use async_trait::async_trait;
use engine::postgres::inspect;
use ops::{Found, Retry, StepPlan};
use serde_json::Value;

use super::{At, By, Part, Table, Wanted, at_once, input, step};
use crate::catalog::SourceRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::source::{Source, conninfo};

pub(super) fn table() -> Table {
    let parts: Vec<(&'static str, Arc<dyn Part>)> = vec![("slot", Arc::new(Slot)), ("register", Arc::new(Register))];
    Table { kind: OperationKind::Protect, parts }
}

pub(super) fn unprotect_table() -> Table {
    let parts: Vec<(&'static str, Arc<dyn Part>)> = vec![("forget", Arc::new(Forget)), ("slot", Arc::new(DropSlot))];
    Table { kind: OperationKind::Unprotect, parts }
}

/// Slot first, then catalog. Returns when it is done, or taken back.
pub(crate) async fn protect(daemon: &Daemon, row: &SourceRow, by: By) -> Result<()> {
    // One that was there before is not ours to drop: what it keeps, somebody may need.
    let was_there = inspect::has_slot(&conninfo(&row.url, &row.slot, &daemon.host)?, &row.slot).await?;
    let slot = StepPlan {
        undo: (!was_there).then(|| "drop the slot, so that the server keeps no log for nobody".to_owned()),
        retry: Retry::ONCE,
        ..step("slot", &format!("make the replication slot {}, which keeps the log from now on", row.slot))
    };
    let register = StepPlan {
        undo: Some("forget the source".to_owned()),
        retry: Retry::ONCE,
        ..step("register", "put the source into the catalog, and begin to receive its log")
    };
    once(daemon, OperationKind::Protect, row, vec![slot, register], by).await
}

/// What is in the vault stays.
pub(crate) async fn unprotect(daemon: &Daemon, row: &SourceRow, by: By) -> Result<()> {
    let forget = step("forget", "end receiving the log, and take the source out of the catalog");
    let slot = StepPlan {
        retry: Retry::ONCE,
        ..step("slot", &format!("drop the replication slot {}, so that the server keeps no log for nobody", row.slot))
    };
    once(daemon, OperationKind::Unprotect, row, vec![forget, slot], by).await
}

async fn once(daemon: &Daemon, kind: OperationKind, row: &SourceRow, steps: Vec<StepPlan>, by: By) -> Result<()> {
    let (source, alone) = (Some(row.name.as_str()), Some(format!("protection of {}", row.name)));
    at_once(daemon, Wanted { kind, source, alone, input: input(row)?, steps }, by).await.map(drop)
}

#[derive(Debug)]
struct Slot;

#[async_trait]
impl Part for Slot {
    async fn act(&self, at: &At) -> Result<Value> {
        let row: SourceRow = at.input()?;
        inspect::create_slot(&conninfo(&row.url, &row.slot, &at.daemon.host)?, &row.slot).await?;
        at.effect(format!("slot {} is there", row.slot)).map(|()| Value::Null)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let row: SourceRow = at.input()?;
        let there = inspect::has_slot(&conninfo(&row.url, &row.slot, &at.daemon.host)?, &row.slot).await?;
        Ok(if there { Found::Done(Value::Null) } else { Found::NotDone })
    }

    async fn undo(&self, at: &At) -> Result<()> {
        drop_slot(at).await
    }
}

async fn drop_slot(at: &At) -> Result<()> {
    let row: SourceRow = at.input()?;
    Ok(inspect::drop_slot(&conninfo(&row.url, &row.slot, &at.daemon.host)?, &row.slot).await?)
}

#[derive(Debug)]
struct Register;

#[async_trait]
impl Part for Register {
    async fn act(&self, at: &At) -> Result<Value> {
        let row: SourceRow = at.input()?;
        match at.daemon.catalog.add_source(&row).await {
            // By an earlier try; one of another origin was refused before.
            Err(Error::Taken(_)) if at.daemon.catalog.sources().await?.contains(&row) => {}
            other => other?,
        }
        at.effect(format!("source {} is in the catalog", row.name))?;
        if at.daemon.has_source(&row.name) {
            return Ok(Value::Null);
        }
        match Source::start(&at.daemon, row) {
            Ok(source) => at.daemon.add_source(source),
            Err(error) => {
                forget(at).await?;
                return Err(error);
            }
        }
        Ok(Value::Null)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let row: SourceRow = at.input()?;
        Ok(match (at.daemon.catalog.sources().await?.contains(&row), at.daemon.has_source(&row.name)) {
            (true, true) => Found::Done(Value::Null),
            (true, false) => Found::Unknown,
            (false, _) => Found::NotDone,
        })
    }

    /// One of the same name that this operation did not put there stays.
    async fn undo(&self, at: &At) -> Result<()> {
        match at.daemon.catalog.sources().await?.contains(&at.input::<SourceRow>()?) {
            true => forget(at).await,
            false => Ok(()),
        }
    }
}

/// Without it here, it may still be in the catalog.
async fn forget(at: &At) -> Result<()> {
    let row: SourceRow = at.input()?;
    if let Ok(source) = at.daemon.take_source(&row.name) {
        source.receiver.stop().await;
        at.effect(format!("the log of {} is received no more", row.name))?;
    }
    at.daemon.catalog.remove_source(&row.name).await.map(drop)
}

#[derive(Debug)]
struct Forget;

#[async_trait]
impl Part for Forget {
    async fn act(&self, at: &At) -> Result<Value> {
        forget(at).await.map(|()| Value::Null)
    }
}

#[derive(Debug)]
struct DropSlot;

#[async_trait]
impl Part for DropSlot {
    async fn act(&self, at: &At) -> Result<Value> {
        drop_slot(at).await.map(|()| Value::Null)
    }
}
