//! Into a directory beside whatever runs: copied, or opened at once. Nothing of the live cluster is touched.

use std::path::{Path, PathBuf};

use api::{InstanceKind, Operation, OperationKind, RestoreAsk};
use async_trait::async_trait;
use engine::postgres::opened::end_copy;
use engine::postgres::restore::{is_complete, is_of, must_be_free, note};
use engine::postgres::target::Resolved;
use ops::Found;
use serde_json::Value;
use vault::names::SourceName;

use super::moment::{Backups, Restorer, known, request, resolved};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::{self, Wanted};
use crate::operation::{self, At, By, Part, input, step, submit_with};
use crate::views;

pub(super) async fn begin(daemon: &Daemon, name: &str, ask: RestoreAsk, by: By) -> Result<Operation> {
    let source = known(daemon, name).await?;
    let waive = super::waives(name, &ask.consent)?;
    // Refused here, before there is an operation, when it cannot be reached.
    let resolved = resolved(daemon, &source, &ask).await?;
    let request = request(&ask, &Restorer::of(daemon))?;
    // A request that is sent again finds its own operation; what is new under its key is refused when it is done.
    if !ask.delta && by.key.is_none() {
        must_be_free(&request.into)?;
    }
    if ask.open {
        return open(daemon, source, ask, &resolved, by, waive).await;
    }
    let ask = instances::at_the_same_moment(&ask, &resolved);
    let steps =
        vec![step("restore", &format!("copy {} into {}, replay its log, and verify it", resolved.asked, ask.into))];
    let (kind, alone) = (OperationKind::Restore, Some(format!("into {}", ask.into)));
    let wanted = operation::Wanted { kind, source: Some(name), alone, input: input(&ask)?, steps };
    submit_with(daemon, wanted, by, waive).await
}

/// Into a directory of its own. What a try has left half made there is used by the next; what was complete is never touched again.
#[derive(Debug)]
pub(super) struct Copy;

/// What a restore came to, beside the files: should the daemon end before it could say so.
pub(super) const REPORT: &str = "rekindle.report.json";

#[async_trait]
impl Part for Copy {
    async fn act(&self, at: &At) -> Result<Value> {
        let (restorer, mut ask) = (Restorer::of(&at.daemon), at.input::<RestoreAsk>()?);
        let source: SourceName = at.work.run.head.subject.as_deref().unwrap_or_default().parse()?;
        let into = PathBuf::from(&ask.into);
        let mut backups = Backups::of(at, &source, &ask);
        let mut is_again = at.is_again();
        let report = loop {
            let resolved = backups.next().await?;
            if is_again && is_complete(&into) == Some(false) && is_of(&into, at.id()) {
                end_copy(&into).await?;
                ask.delta = true;
            }
            match restorer.run(&source, &ask, &resolved, Some(at.id()), &at.watch).await {
                Err(error) => backups.pass_over(&resolved, error)?,
                Ok(report) => break backups.told(views::to_json(&report)?),
            }
            is_again = true;
        };
        note(&into, REPORT, report.to_string().as_bytes())?;
        Ok(report)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let ask: RestoreAsk = at.input()?;
        let into = Path::new(&ask.into);
        // What another operation has made there is not what was asked for.
        if is_complete(into) != Some(true) || !is_of(into, at.id()) {
            return Ok(Found::NotDone);
        }
        let report = vault::beneath::read(into, REPORT).ok();
        Ok(Found::Done(report.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()))
    }
}

/// The same, usable at once: until all of it is fetched it is an instance that is looked after.
#[derive(Debug)]
pub(super) struct Open;

#[async_trait]
impl Part for Open {
    async fn act(&self, at: &At) -> Result<Value> {
        let wanted: Wanted = at.input()?;
        let mut backups = Backups::of(at, &wanted.source, &wanted.ask);
        loop {
            let resolved = backups.next().await?;
            match Box::pin(instances::open(&at.daemon, &wanted, &resolved, &at.watch)).await {
                Err(error) => backups.pass_over(&resolved, error)?,
                Ok(report) => return Ok(backups.told(views::to_json(&report)?)),
            }
        }
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let wanted: Wanted = at.input()?;
        Ok(match instances::report_of(&at.daemon, &wanted.name).await? {
            Some(report) => Found::Done(report),
            None => Found::NotDone,
        })
    }
}

async fn open(
    daemon: &Daemon,
    source: SourceName,
    ask: RestoreAsk,
    resolved: &Resolved,
    by: By,
    waive: bool,
) -> Result<Operation> {
    if ask.no_start {
        return Err(Error::Ask("a restore that is opened at once has a server: leave out one of the two".into()));
    }
    let name = format!("restore-{}", operation::clone::short_id(daemon));
    let (source_name, ask) = (source.to_string(), instances::at_the_same_moment(&ask, resolved));
    let steps = vec![step("open", &format!("open {} in {}, and fetch the rest behind", resolved.asked, ask.into))];
    let wanted = Wanted { name, kind: InstanceKind::Restore, source, ask, ttl_seconds: None, quota_bytes: None };
    let (kind, alone) = (OperationKind::Restore, Some(format!("into {}", wanted.ask.into)));
    let input = input(&wanted)?;
    let wanted = operation::Wanted { kind, source: Some(&source_name), alone, input, steps };
    submit_with(daemon, wanted, by, waive).await
}
