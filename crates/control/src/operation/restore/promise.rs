//! What was planned, and perhaps agreed to by people, against what is so now. Where the two differ nothing is begun: those who agreed
//! agreed to something else.

use api::{ConsentAsk, FindingView, OperationKind, RestoreAsk, RestorePlan};
use engine::postgres::target::Resolved;
use ops::{Plan, StepPlan};
use serde_json::Value;

use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::policy::{Outside, Stack, diff};
use crate::{approvals, consent, stacks, views};

/// Writes into a plan what was asked beside the moment. Gives why the state before is not backed up, where it is not.
pub(super) async fn consented(
    daemon: &Daemon,
    stack: &Stack,
    source: &str,
    ask: &ConsentAsk,
    plan: &mut RestorePlan,
) -> Result<Option<String>> {
    let needed = approvals::needed(daemon, OperationKind::Restore, Some(source)).await?;
    let waives = consent::is_said(ask.break_glass.as_deref(), &consent::without_approval(source))?;
    (plan.waived, plan.approvals) = if waives { (needed > 0, 0) } else { (false, needed) };
    plan.begins = super::begins::planned(&stack.policy, ask.at, daemon.host.env.now())?;
    no_snapshot(stack, source, ask)
}

fn no_snapshot(stack: &Stack, source: &str, ask: &ConsentAsk) -> Result<Option<String>> {
    let said = consent::is_said(ask.no_snapshot.as_deref(), &consent::without_snapshot(source))?;
    Ok(match (stack.policy.safety_snapshot, said) {
        (_, true) => Some("who asked said so".to_owned()),
        (false, false) => Some("the policy says so".to_owned()),
        (true, false) => None,
    })
}

/// What a plan promises, of whatever is restored. Its steps follow from it.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    pub(super) stack: Stack,
    pub(super) plan: RestorePlan,
    pub(super) no_snapshot: Option<String>,
    pub(super) gaps: usize,
}

/// The same as it would be planned now. What was seen and the steps are not in it yet.
pub(super) async fn anew(
    daemon: &Daemon,
    source: &str,
    ask: &RestoreAsk,
    before: &RestorePlan,
    resolved: Option<&Resolved>,
) -> Result<Promise> {
    let stack = stacks::of_source(daemon, source).await?.unwrap_or_else(Stack::none);
    let mut plan = match resolved {
        Some(resolved) => views::plan(&source.parse()?, ask, resolved),
        None => before.clone(),
    };
    let needed = approvals::needed(daemon, OperationKind::Restore, Some(source)).await?;
    plan.approvals = if before.waived { 0 } else { needed.max(before.approvals) };
    (plan.waived, plan.begins) = (before.waived, before.begins);
    (plan.asked, plan.into) = (before.asked.clone(), before.into.clone());
    let no_snapshot = no_snapshot(&stack, source, &ask.consent)?;
    Ok(Promise { stack, plan, no_snapshot, gaps: daemon.catalog.gaps(source).await?.len() })
}

/// Refuses where they differ, with what must be agreed to now.
pub(super) fn keep(agreed: Promised<'_>, now: Promised<'_>, input: Value, steps: Vec<StepPlan>) -> Result<()> {
    let what = differences(agreed, now);
    if what.is_empty() {
        return Ok(());
    }
    let (approvals, waived) = (now.plan.approvals, now.plan.waived);
    Err(Error::PlanChanged { what, plan: Box::new(Plan { input, steps, approvals, waived }) })
}

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promised<'a> {
    pub(super) plan: &'a RestorePlan,
    pub(super) outside: &'a Outside,
    pub(super) no_snapshot: bool,
    pub(super) gaps: usize,
}

/// What time does by itself is none: commits come after the moment all the while.
fn differences(agreed: Promised<'_>, now: Promised<'_>) -> Vec<String> {
    let (before, after) = (agreed.plan, now.plan);
    let mut found = Vec::new();
    let mut compare = |what: &str, before: &dyn ToString, after: &dyn ToString| {
        let (before, after) = (before.to_string(), after.to_string());
        if before != after {
            found.push(format!("{what}: {before} -> {after}"));
        }
    };
    compare("backup", &before.backup, &after.backup);
    compare("timeline", &before.timeline, &after.timeline);
    compare("reached", &before.reached, &after.reached);
    if let (Some(before), Some(after)) = (before.last_commit, after.last_commit) {
        compare("last commit", &before, &after);
    }
    compare("people who must approve", &before.approvals, &after.approvals);
    compare("gaps in the log", &agreed.gaps, &now.gaps);
    compare("backed up before", &yes(!agreed.no_snapshot), &yes(!now.no_snapshot));
    found.extend(diff::outside(agreed.outside, now.outside).iter().map(ToString::to_string));
    let warned = |finding: &&FindingView| finding.severity == "warns";
    let known: Vec<&str> = before.findings.iter().filter(warned).map(about).collect();
    let new = after.findings.iter().filter(warned).filter(|finding| !known.contains(&about(finding)));
    found.extend(new.map(|finding| format!("new: {}", finding.title)));
    found
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// What a finding says behind it may be other words for the same.
fn about(finding: &FindingView) -> &str {
    finding.title.split(": ").next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
