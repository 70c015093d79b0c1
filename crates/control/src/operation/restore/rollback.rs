//! Back to what a restore replaced: the same steps, with the cluster that was kept as the successor. What was written since is kept too.

use api::{MomentAsk, Operation, OperationKind, RestoreAsk, RestoreMode, RestorePlan, TargetAsk};
use engine::postgres::successor::{Succession, read_control, read_fenced_control};
use engine::postgres::target::written_since;
use vault::log::read::LogIndex;

use super::swap::{Swap, planned, steps};
use super::{lost, pace, preflight};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::{By, Wanted, clone::short_id, input, submit};
use crate::source::Source;
use crate::{approvals, retired, stacks};

/// Nothing is touched. What would be lost is what was written since.
pub(crate) async fn plan(daemon: &Daemon, operation: &str) -> Result<RestorePlan> {
    let (swap, source) = prepared(daemon, operation).await?;
    let mut plan = swap.plan.clone();
    plan.findings = preflight::look(daemon, &source, &swap, None).await.findings;
    Ok(plan)
}

pub(crate) async fn begin(daemon: &Daemon, operation: &str, by: By) -> Result<Operation> {
    let (swap, source) = prepared(daemon, operation).await?;
    preflight::look(daemon, &source, &swap, None).await.refuse()?;
    let name = source.row.name.as_str();
    let steps = pace::with_times(steps(&swap, name), &swap.plan);
    let (kind, alone) = (OperationKind::Restore, Some(format!("the cluster of {name}")));
    submit(daemon, Wanted { kind, source: Some(name), alone, input: input(&swap)?, steps }, by).await
}

async fn prepared(daemon: &Daemon, operation: &str) -> Result<(Swap, Source)> {
    let row = retired::of(daemon, operation).await?;
    let source = daemon.source(&row.source)?;
    let stack = stacks::of_source(daemon, &row.source).await?;
    let stack = stack.ok_or_else(|| Error::Ask(format!("{} is in no stack any more", row.source)))?;
    let places = Succession::back(row.live.as_ref(), row.path.as_ref(), &short_id(daemon));
    let control = read_fenced_control(&places.staged)?;
    let index = LogIndex::load(&daemon.vault, &source.row.name.parse()?).await?;
    let replaced = read_control(&places.live)?;
    let (newest_commit, commits_after) = written_since(&index, &replaced).await?;
    let asked = format!("what was there before operation {operation}");
    let moment = MomentAsk { target: TargetAsk::Latest, before: false, timeline: None };
    let ask = RestoreAsk { mode: RestoreMode::Swap, into: row.path.clone(), ..RestoreAsk::of(moment) };
    let plan = RestorePlan {
        source: row.source.clone(),
        asked: asked.clone(),
        backup: String::new(),
        backup_label: None,
        backup_ended: daemon.host.env.now(),
        timeline: control.checkpoint.timeline,
        reached: control.checkpoint_lsn.to_string(),
        last_commit: row.since.parse().ok(),
        newest_commit,
        commits_after,
        rows_lost: Vec::new(),
        rows_lost_note: None,
        bytes: 0,
        log_bytes: 0,
        major: control.major().unwrap_or_default(),
        into: row.live.clone(),
        steps: Vec::new(),
        findings: Vec::new(),
        approvals: approvals::needed(daemon, OperationKind::Restore, Some(&row.source)).await?,
        seconds: None,
        unserved_seconds: None,
    };
    let back_from = Some(row.operation.clone());
    let mut swap =
        Swap { stack: stack.name, outside: stack.outside, ask, asked, places, plan, back_from, lived_on: None };
    swap.plan.steps = steps(&swap, &row.source).into_iter().map(planned).collect();
    pace::fill(daemon, &row.source, false, &mut swap.plan).await?;
    lost::fill_since(&index, &source, &replaced, &mut swap.plan).await;
    Ok((swap, source))
}
