//! The successor, made beside the live directory: restored, verified, stopped in order. Nobody but its owner gets in.

use std::path::Path;

use api::{InstanceKind, RestoreReport};
use async_trait::async_trait;
use engine::postgres::opened::end_copy;
use engine::postgres::restore::{Purpose, RestoreRequest, is_complete, note, restore};
use engine::postgres::successor::Stand;
use engine::postgres::target::Resolved;
use ops::Found;
use serde_json::Value;
use vault::names::SourceName;

use super::into::REPORT;
use super::moment::{Backups, Restorer, request};
use super::swap::Swap;
use super::{migrations, source_of};
use crate::error::Result;
use crate::instances::{self, Wanted, remove_folder, serves};
use crate::operation::{At, Part};
use crate::{report, views};

#[derive(Debug)]
pub(super) struct Beside;

#[async_trait]
impl Part for Beside {
    async fn act(&self, at: &At) -> Result<Value> {
        let (swap, restorer) = (at.input::<Swap>()?, Restorer::of(&at.daemon));
        let source = source_of(at).parse()?;
        if !at.is_again() && swap.places.is_elsewhere() {
            must_be_empty(&swap.places.staged)?;
        }
        let mut backups = Backups::of(at, &source, &swap.ask);
        loop {
            let resolved = backups.next().await?;
            let made = match swap.ask.open {
                true => opened(at, &swap, &source, &resolved).await,
                false => copied(at, &swap, &restorer, &source, &resolved).await,
            };
            match made {
                Err(error) => backups.pass_over(&resolved, error)?,
                made => return made.map(|report| backups.told(report)),
            }
        }
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let swap: Swap = at.input()?;
        let staged = swap.places.staged.as_path();
        let report = std::fs::read(staged.join(REPORT)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(match report {
            Some(report) if is_complete(staged) == Some(true) => Found::Done(report),
            _ => Found::Unknown,
        })
    }

    /// What has served is not here any more, but kept aside.
    async fn undo(&self, at: &At) -> Result<()> {
        let swap: Swap = at.input()?;
        let staged = swap.places.staged.as_path();
        if swap.places.stand() != Stand::Before || swap.places.is_undone() {
            return Ok(());
        }
        serves::discard(&at.daemon, &swap.instance()).await?;
        swap.places.unlink()?;
        if is_complete(staged).is_none() {
            return Ok(());
        }
        end_copy(staged).await?;
        remove_folder(staged)?;
        remove_folder(Path::new(&format!("{}.tablespaces", staged.display())))
    }
}

/// What somebody has put there since it was looked at is not ours: neither to write over, nor to remove when this goes back.
fn must_be_empty(place: &Path) -> Result<()> {
    match std::fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_some()) {
        false => Ok(()),
        true => Err(Error::InTheWay(vec![format!("{} is not empty any more", place.display())])),
    }
}

async fn copied(at: &At, swap: &Swap, restorer: &Restorer, source: &SourceName, resolved: &Resolved) -> Result<Value> {
    let (mut ask, staged) = (swap.ask.clone(), swap.places.staged.as_path());
    // What a try has left half made is used by the next.
    if is_complete(staged).is_some() {
        end_copy(staged).await?;
        ask.delta = true;
    }
    let tablespaces = swap.places.tablespaces()?;
    let request = RestoreRequest { purpose: Purpose::Successor, tablespaces, ..request(&ask, restorer)? };
    let steps = |step: &str| at.watch.step(step);
    let restored = restore(&restorer.vault, source, resolved, &request, &at.watch.progress, &steps).await?;
    at.watch.step("stop");
    if let Some(opened) = &restored.opened {
        opened.instance.stop().await?;
    }
    swap.places.resemble()?;
    at.effect("the new cluster is made, and stopped")?;
    keep(at, swap, report::of_restore(&restored, at.daemon.host.env.now()))
}

/// On a mount of the vault: its server has answered, and is stopped; what is missing is fetched behind.
async fn opened(at: &At, swap: &Swap, source: &SourceName, resolved: &Resolved) -> Result<Value> {
    let (daemon, name) = (&at.daemon, swap.instance());
    // What a try has left half made is of no use.
    serves::discard(daemon, &name).await?;
    let (kind, source, ask) = (InstanceKind::Restore, source.clone(), swap.ask.clone());
    let wanted = Wanted { name: name.clone(), kind, source, ask, ttl_seconds: None, quota_bytes: None };
    let report = Box::pin(instances::open(daemon, &wanted, resolved, &at.watch)).await?;
    at.watch.step("stop");
    if let Some(mut held) = serves::hold(daemon, &name).await? {
        held.stop_server(daemon).await?;
    }
    swap.places.resemble()?;
    at.effect("the new cluster is opened, and stopped")?;
    keep(at, swap, report)
}

/// With where its schema stands; beside the files, should the daemon end before it could say so.
fn keep(at: &At, swap: &Swap, mut report: RestoreReport) -> Result<Value> {
    migrations::say(at, &report.migrations);
    let expected = migrations::expected(&swap.outside, source_of(at), None);
    for difference in migrations::differences(&report.migrations, &expected) {
        at.work.warn(format!("before it is migrated, {difference}"));
    }
    report.migrations = migrations::views(&report.migrations, &expected);
    let report = views::to_json(&report)?;
    note(&swap.places.staged, REPORT, report.to_string().as_bytes())?;
    Ok(report)
}
