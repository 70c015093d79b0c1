//! Who must agree to an operation, by the stack's policy: never who asked for it, and only for a while.

use std::time::Duration;

use api::OperationKind;
use ops::{Event, Filter, Status, Store};

use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::people::users;
use crate::policy::Stack;
use crate::stacks;

const LOOK_EVERY: Duration = Duration::from_secs(1);
const WAITING_MAX: u32 = 1000;

/// How many people; an extract is a restore of a part.
pub(crate) async fn needed(daemon: &Daemon, kind: OperationKind, source: Option<&str>) -> Result<u32> {
    let (OperationKind::Restore | OperationKind::Extract, Some(source)) = (kind, source) else { return Ok(0) };
    Ok(stacks::of_source(daemon, source).await?.map_or(0, |stack| stack.policy.approvals.restore))
}

/// A policy that nobody could fulfil would forbid every restore.
pub(crate) async fn refuse_without_people(daemon: &Daemon, wanted: &Stack) -> Result<()> {
    let needed = wanted.policy.approvals.restore;
    if needed == 0 {
        return Ok(());
    }
    let there = users::approvers(daemon, &wanted.name).await?;
    let what = format!(
        "policy.approvals.restore: {needed} must agree, and {there} users may: rekindle users add NAME --role approver"
    );
    if there < needed { Err(Error::Ask(what)) } else { Ok(()) }
}

/// Runs as long as the daemon: what nobody agreed to in time is cancelled.
pub(crate) async fn keep_time(daemon: Daemon) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = look(&daemon).await {
            tracing::error!(%error, "what waits for approval could not be looked at");
        }
    }
}

async fn look(daemon: &Daemon) -> Result<()> {
    let status = Some(Status::AwaitingApproval);
    let waiting = daemon.runs.list(&Filter { status, limit: WAITING_MAX, ..Filter::default() }).await?;
    for run in waiting {
        let stack = match &run.head.subject {
            Some(source) => stacks::of_source(daemon, source).await?,
            None => None,
        };
        let patience = stack.map_or_else(Default::default, |stack| stack.policy.approvals).expires_after;
        if daemon.runs.now().await?.duration_since(run.state.submitted.unwrap_or(run.head.created)) < patience {
            continue;
        }
        match daemon.runs.ask(&run.head.id, &Event::Expired).await {
            Ok(_) => tracing::warn!(operation = run.head.id, "cancelled: nobody agreed to it in time"),
            // Somebody agreed in this moment.
            Err(ops::store::Error::Illegal(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
