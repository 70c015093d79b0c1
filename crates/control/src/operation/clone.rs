//! Clones and peeks, as operations: an instance opened at a moment, beside the original. Resetting a clone is one too.

use std::sync::Arc;

use api::{CloneAsk, InstanceKind, Operation, OperationKind, PeekAsk, RestoreAsk};
use async_trait::async_trait;
use ops::Found;
use serde_json::Value;
use vault::names::SourceName;

use super::restore::{Restorer, known, live_for, resolved};
use super::{At, By, Part, Table, input, step, submit};
use crate::daemon::Daemon;
use crate::entitlements;
use crate::error::Result;
use crate::instances::{self, Wanted};
use crate::views;

/// A peek that nobody asks to be kept goes after so long.
pub(crate) const PEEK_SECONDS: i64 = 60;

pub(super) fn table() -> Table {
    Table { kind: OperationKind::Clone, parts: vec![("open", Arc::new(Open)), ("reset", Arc::new(Reset))] }
}

pub(super) fn peek_table() -> Table {
    Table { kind: OperationKind::Peek, parts: vec![("open", Arc::new(Open))] }
}

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: CloneAsk, by: By) -> Result<Operation> {
    let source = known(daemon, name).await?;
    entitlements::clone(daemon, name).await?;
    let called = ask.name.clone().unwrap_or_else(|| format!("{name}-{}", short_id(daemon)));
    let restore = RestoreAsk { port: ask.port, owner: ask.owner, ..RestoreAsk::of(ask.moment) };
    let wanted = Wanted::below(daemon, &called, InstanceKind::Clone, &source, restore)?;
    let wanted = Wanted { ttl_seconds: ask.ttl_seconds, quota_bytes: ask.quota_bytes, ..wanted };
    open(daemon, OperationKind::Clone, &source, wanted, by).await
}

pub(crate) async fn peek(daemon: &Daemon, name: &str, ask: PeekAsk, by: By) -> Result<Operation> {
    let source = known(daemon, name).await?;
    let called = format!("peek-{}", short_id(daemon));
    let restore = RestoreAsk { owner: ask.owner, ..RestoreAsk::of(ask.moment) };
    let wanted = Wanted::below(daemon, &called, InstanceKind::Peek, &source, restore)?;
    let wanted = Wanted { ttl_seconds: Some(PEEK_SECONDS as u64), ..wanted };
    open(daemon, OperationKind::Peek, &source, wanted, by).await
}

async fn open(daemon: &Daemon, kind: OperationKind, source: &SourceName, wanted: Wanted, by: By) -> Result<Operation> {
    if daemon.catalog.instance(&wanted.name).await?.is_some() {
        return Err(crate::Error::TakenInstance(wanted.name));
    }
    // Refused here, before there is an operation, when it cannot be reached.
    let resolved = resolved(daemon, source, &wanted.ask).await?;
    let wanted = Wanted { ask: instances::at_the_same_moment(&wanted.ask, &resolved), ..wanted };
    let steps = vec![step("open", &format!("open {} as {}: {}", resolved.asked, wanted.name, wanted.ask.into))];
    let name = source.as_str();
    let alone = Some(format!("instance {}", wanted.name));
    submit(daemon, super::Wanted { kind, source: Some(name), alone, input: input(&wanted)?, steps }, by).await
}

#[derive(Debug)]
struct Open;

#[async_trait]
impl Part for Open {
    async fn act(&self, at: &At) -> Result<Value> {
        let (daemon, wanted) = (&at.daemon, at.input::<Wanted>()?);
        let resolved = Restorer::of(daemon)
            .resolve(&wanted.source, &wanted.ask, live_for(daemon, &wanted.source, &wanted.ask).await?)
            .await?;
        Box::pin(instances::open(daemon, &wanted, &resolved, &at.watch)).await?;
        at.effect(format!("{} is open", wanted.name))?;
        views::to_json(&instances::one(daemon, &wanted.name).await?)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let wanted: Wanted = at.input()?;
        Ok(match instances::is_open(&at.daemon, &wanted.name).await? {
            true => Found::Done(views::to_json(&instances::one(&at.daemon, &wanted.name).await?)?),
            false => Found::Unknown,
        })
    }
}

pub(crate) async fn reset(daemon: &Daemon, name: &str, by: By) -> Result<Operation> {
    let source = instances::one(daemon, name).await?.source;
    let steps = vec![step("reset", &format!("take {name} back to the moment at which it was opened"))];
    let (kind, input) = (OperationKind::Clone, input(&instances::wanted_again(daemon, name).await?)?);
    submit(daemon, super::Wanted { kind, source: Some(&source), alone: None, input, steps }, by).await
}

#[derive(Debug)]
struct Reset;

#[async_trait]
impl Part for Reset {
    async fn act(&self, at: &At) -> Result<Value> {
        let wanted: Wanted = at.input()?;
        let is_there = at.daemon.catalog.instance(&wanted.name).await?.is_some();
        if is_there || !at.is_again() {
            Box::pin(instances::reset(&at.daemon, &wanted.name, &at.watch)).await?;
        } else {
            // An earlier try was cut short between the old one and the new one.
            let resolved = Restorer::of(&at.daemon)
                .resolve(&wanted.source, &wanted.ask, live_for(&at.daemon, &wanted.source, &wanted.ask).await?)
                .await?;
            Box::pin(instances::open(&at.daemon, &wanted, &resolved, &at.watch)).await?;
        }
        views::to_json(&instances::one(&at.daemon, &wanted.name).await?)
    }
}

pub(crate) fn short_id(daemon: &Daemon) -> String {
    vault::names::hex(&daemon.host.env.random::<3>())
}
