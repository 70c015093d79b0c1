//! Keeping a backup from expiry, and letting it go again, as operations.

use std::sync::Arc;

use api::{OperationKind, PinAsk};
use async_trait::async_trait;
use ops::Found;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault::backup::catalog;
use vault::names::{BackupId, SourceName};

use super::{At, By, Part, Table, Wanted, at_once, input, step};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

#[derive(Debug, Serialize, Deserialize)]
struct Input {
    backup: String,
    why: String,
}

pub(super) fn table() -> Table {
    Table { kind: OperationKind::Pin, parts: vec![("pin", Arc::new(Pin))] }
}

pub(super) fn unpin_table() -> Table {
    Table { kind: OperationKind::Unpin, parts: vec![("unpin", Arc::new(Unpin))] }
}

pub(crate) async fn pin(daemon: &Daemon, name: &str, backup: &str, ask: PinAsk, by: By) -> Result<()> {
    let what = format!("keep {backup} whatever the rules say");
    begin(daemon, OperationKind::Pin, name, backup, ask.why, ("pin", what), by).await
}

pub(crate) async fn unpin(daemon: &Daemon, name: &str, backup: &str, by: By) -> Result<()> {
    let what = format!("take all pins off {backup}: the rules decide again");
    begin(daemon, OperationKind::Unpin, name, backup, String::new(), ("unpin", what), by).await
}

async fn begin(
    daemon: &Daemon,
    kind: OperationKind,
    name: &str,
    backup: &str,
    why: String,
    (part, what): (&str, String),
    by: By,
) -> Result<()> {
    let source: SourceName = name.parse()?;
    let backups = catalog::backups(&daemon.vault, &source).await?;
    let found = catalog::find(&backups, backup).map(|found| found.id.to_string());
    let backup = found.ok_or_else(|| Error::Unknown { what: "backup", name: backup.to_owned() })?;
    let input = input(&Input { backup, why })?;
    let wanted = Wanted { kind, source: Some(name), alone: None, input, steps: vec![step(part, &what)] };
    at_once(daemon, wanted, by).await.map(drop)
}

fn about(at: &At) -> Result<(SourceName, BackupId, String)> {
    let Input { backup, why } = at.input()?;
    Ok((at.work.run.head.subject.as_deref().unwrap_or_default().parse()?, backup.parse()?, why))
}

/// The pin is of the operation, so it is made once.
pub(super) fn pin_of(at: &At) -> Result<u64> {
    let id = u64::from_str_radix(at.id(), 16);
    Ok(id.map_err(|_| vault::Error::Internal(format!("an operation with the id {}", at.id())))?)
}

#[derive(Debug)]
struct Pin;

#[async_trait]
impl Part for Pin {
    async fn act(&self, at: &At) -> Result<Value> {
        let (source, backup, why) = about(at)?;
        catalog::pin_as(&at.daemon.vault, &source, &backup, pin_of(at)?, &why).await?;
        at.effect(format!("backup {backup} is pinned")).map(|()| Value::Null)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let (source, backup, _) = about(at)?;
        let there = catalog::has_pin(&at.daemon.vault, &source, &backup, pin_of(at)?).await?;
        Ok(if there { Found::Done(Value::Null) } else { Found::NotDone })
    }
}

#[derive(Debug)]
struct Unpin;

#[async_trait]
impl Part for Unpin {
    async fn act(&self, at: &At) -> Result<Value> {
        let (source, backup, _) = about(at)?;
        catalog::unpin(&at.daemon.vault, &source, &backup).await?;
        at.effect(format!("no pin is on backup {backup}")).map(|()| Value::Null)
    }
}
