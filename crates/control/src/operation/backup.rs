//! A backup, as an operation.

use std::sync::Arc;
use std::time::Duration;

use api::{BackupAsk, Operation, OperationKind};
use async_trait::async_trait;
use engine::postgres::backup::{BackupRequest, back_up};
use ops::{Filter, Found, Run, Status, StepPlan, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault::backup::catalog::{self, BackupInfo};
use vault::backup::write::WriteOptions;
use vault::expire::expired_at;
use vault::names::SourceName;

use super::{At, By, Part, Table, Wanted, expire, input, kind_name, read, step, submit};
use crate::Kind;
use crate::daemon::Daemon;
use crate::entitlements;
use crate::error::Result;
use crate::views;

const LOG_PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn table() -> Table {
    Table { kind: OperationKind::Backup, parts: vec![("store", Arc::new(StoreIt)), ("expire", Arc::new(ExpireAfter))] }
}

#[derive(Debug, Serialize, Deserialize)]
struct Input {
    ask: BackupAsk,
    /// The rule of a policy that wants it.
    rule: Option<String>,
}

/// What a person asks for, as far as the policy allows.
pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: BackupAsk, by: By) -> Result<Operation> {
    daemon.source(name)?;
    entitlements::manual_backup(daemon, name).await?;
    begun(daemon, name, Input { ask, rule: None }, vec![store()], by).await
}

/// What a policy wants; what it does not keep any more goes behind it.
pub(crate) async fn begin_by_rule(daemon: &Daemon, name: &str, rule: &str, by: By) -> Result<Operation> {
    daemon.source(name)?;
    let steps = vec![store(), step("expire", "remove what the policy does not keep any more")];
    begun(daemon, name, Input { ask: BackupAsk::default(), rule: Some(rule.to_owned()) }, steps, by).await
}

/// The rule that an operation takes a backup by.
pub(crate) async fn rule_of(daemon: &Daemon, operation: &str) -> Result<Option<String>> {
    let run = daemon.runs.run(operation).await?;
    Ok(run.and_then(|run| read::<Input>(&run.plan().input).ok()).and_then(|input| input.rule))
}

/// Why a backup of this name or id cannot be restored, as far as the history of operations tells; nothing where it knows of no such
/// backup, or of one that is complete and still there.
pub(crate) async fn why_absent(daemon: &Daemon, source: &str, wanted: &str) -> Result<Option<String>> {
    const LOOKED_AT: u32 = 1000;
    let (kind, subject) = (Some(kind_name(OperationKind::Backup).to_owned()), Some(source.to_owned()));
    let runs = daemon.runs.list(&Filter { kind, subject, limit: LOOKED_AT, ..Filter::default() }).await?;
    let is_meant = |run: &&Run| {
        let label = read::<Input>(&run.plan().input).ok().and_then(|input| input.ask.label);
        label.as_deref() == Some(wanted) || stored(run).is_some_and(|id| id == wanted)
    };
    let Some(run) = runs.iter().find(is_meant) else { return Ok(None) };
    if catalog::find(&catalog::backups(&daemon.vault, &source.parse()?).await?, wanted).is_some() {
        return Ok(None);
    }
    let (id, ended) = (&run.head.id, run.state.ended.unwrap_or(run.head.created));
    Ok(Some(match run.state.status {
        Status::Succeeded => match expired_at(&daemon.vault, &source.parse()?, wanted).await? {
            Some(at) => format!("it expired at {at}: no rule kept it"),
            None => format!("it was complete at {ended}, and has expired since"),
        },
        Status::Failed => format!("it failed at {ended}: `rekindle ops show {id}` says why"),
        Status::Cancelled => format!("it was cancelled at {ended}, operation {id}"),
        _ => format!("it is not complete: operation {id} is not over yet"),
    }))
}

/// The backup that an operation came to.
fn stored(run: &Run) -> Option<&str> {
    run.state.steps.first()?.output.get("id")?.as_str()
}

fn store() -> StepPlan {
    step("store", "read the cluster, and put what changed since the last backup into the vault")
}

async fn begun(daemon: &Daemon, name: &str, with: Input, steps: Vec<StepPlan>, by: By) -> Result<Operation> {
    let kind = OperationKind::Backup;
    submit(
        daemon,
        Wanted { kind, source: Some(name), alone: Some(format!("backup {name}")), input: input(&with)?, steps },
        by,
    )
    .await
}

/// Expiry behind a backup. The backup is there whatever becomes of this.
#[derive(Debug)]
struct ExpireAfter;

#[async_trait]
impl Part for ExpireAfter {
    async fn act(&self, at: &At) -> Result<Value> {
        at.watch.step("expiry");
        match expire::by_policy(at, source_of(at)).await {
            Ok(done) => Ok(done),
            Err(error) => {
                at.work.warn(format!("what the policy does not keep any more stays until the next time: {error}"));
                Ok(Value::Null)
            }
        }
    }
}

/// Packs that a try has left without a manifest are nobody's, and go with the next expiry.
#[derive(Debug)]
struct StoreIt;

fn source_of(at: &At) -> &str {
    at.work.run.head.subject.as_deref().unwrap_or_default()
}

#[async_trait]
impl Part for StoreIt {
    async fn act(&self, at: &At) -> Result<Value> {
        let Input { ask, rule } = at.input()?;
        store_as(at, ask, rule).await
    }

    async fn look(&self, at: &At) -> Result<Found> {
        Ok(stored_by(at).await?.map_or(Found::Unknown, Found::Done))
    }
}

/// A backup of the operation's source, as one of its steps. A `BackupView`.
pub(super) async fn store_as(at: &At, ask: BackupAsk, rule: Option<String>) -> Result<Value> {
    let (daemon, watch) = (&at.daemon, &at.watch);
    let source = daemon.source(source_of(at))?;
    watch.step("files");
    let mut request = BackupRequest {
        label: ask.label,
        rule,
        operation: Some(at.id().to_owned()),
        full: ask.full,
        write: WriteOptions { workers: daemon.config.backup.workers, zstd_level: daemon.config.backup.zstd_level },
        log_patience: LOG_PATIENCE,
    };
    let back_up = |request| back_up(&daemon.vault, &source.cluster, &source.receiver, request, watch.progress.clone());
    let head = match back_up(request.clone()).await {
        Err(engine::Error::Vault(error)) if error.kind() == Kind::Damaged && !request.full => {
            at.work.warn(format!(
                "taken in full, as the backup before cannot be built upon: {error}; see `rekindle check`"
            ));
            request.full = true;
            back_up(request).await?
        }
        head => head?,
    };
    at.effect(format!("backup {} is in the vault", head.backup))?;
    views::to_json(&views::backup_of_head(&head))
}

/// The backup that this operation made, whatever its answer was.
pub(super) async fn stored_by(at: &At) -> Result<Option<Value>> {
    let source: SourceName = source_of(at).parse()?;
    let backups = catalog::backups(&at.daemon.vault, &source).await?;
    let is_mine = |backup: &&BackupInfo| backup.head.operation.as_deref() == Some(at.id());
    backups.iter().rfind(is_mine).map(|mine| views::to_json(&views::backup_of_head(&mine.head))).transpose()
}
