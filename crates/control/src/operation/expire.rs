//! Expiry, as an operation. Its result is the plan, and, when it was applied, what was removed.

use std::collections::HashMap;
use std::sync::Arc;

use api::{ExpireAsk, KeepView, Operation, OperationKind};
use async_trait::async_trait;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::Value;
use vault::backup::catalog::BackupInfo;
use vault::expire::{ExpiryPlan, KeepRules, apply, apply_without_sweep, plan, plan_by};
use vault::names::SourceName;

use super::{At, By, Part, Table, Wanted, input, step, submit};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::policy::Policy;
use crate::policy::retain::{self, Kept};
use crate::stacks;

/// The timer of the last sweep of the vault.
const SWEEP: &str = "sweep";
const SWEEP_EVERY: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn table() -> Table {
    Table { kind: OperationKind::Expire, parts: vec![("expire", Arc::new(ExpireIt)), ("retain", Arc::new(Retain))] }
}

/// By what the policy of the source's stack keeps.
pub(crate) async fn begin_by_policy(daemon: &Daemon, name: &str, by: By) -> Result<Operation> {
    let steps = vec![step("retain", "find out what the policy does not keep any more, and remove it")];
    let kind = OperationKind::Expire;
    submit(
        daemon,
        Wanted { kind, source: Some(name), alone: Some(format!("expire {name}")), input: Value::Null, steps },
        by,
    )
    .await
}

#[derive(Debug)]
struct Retain;

#[async_trait]
impl Part for Retain {
    async fn act(&self, at: &At) -> Result<Value> {
        by_policy(at, at.work.run.head.subject.as_deref().unwrap_or_default()).await
    }
}

/// Plans by the policy, keeps the plan in the operation's log as evidence where something goes, and applies it.
pub(super) async fn by_policy(at: &At, name: &str) -> Result<Value> {
    let (daemon, source) = (&at.daemon, name.parse::<SourceName>()?);
    let Some(stack) = stacks::of_source(daemon, name).await? else { return Ok(Value::Null) };
    let now = daemon.host.env.now();
    let plan = decided(daemon, &source, &stack.policy).await?;
    if plan.expired().next().is_some() {
        plan.to_string().lines().for_each(|line| at.work.say(line.trim_end()));
    }
    let applied = match sweep_is_due(daemon).await? {
        true => {
            let applied = apply(&daemon.vault, &plan, at.watch.progress.clone()).await?;
            daemon.catalog.set_timer(SWEEP, now).await?;
            applied
        }
        false => apply_without_sweep(&daemon.vault, &plan, at.watch.progress.clone()).await?,
    };
    Ok(serde_json::json!({ "plan": plan, "applied": applied }))
}

async fn decided(daemon: &Daemon, source: &SourceName, policy: &Policy) -> Result<ExpiryPlan> {
    let (retention, now) = (policy.retention(), daemon.host.env.now());
    let plan = plan_by(&daemon.vault, source, KeepRules::default().grace, now, |backups| {
        let kept: Vec<Kept> = backups.iter().map(kept).collect();
        let decided: HashMap<String, Vec<String>> = retain::decide(&kept, &retention, now)
            .into_iter()
            .map(|decision| (decision.backup, if decision.keep { decision.reasons } else { Vec::new() }))
            .collect();
        backups.iter().map(|backup| decided.get(backup.id.as_str()).cloned().unwrap_or_default()).collect()
    });
    Ok(plan.await?)
}

/// What the policy would remove now. A source without a stack has none, and keeps everything.
pub(crate) async fn planned_by_policy(daemon: &Daemon, name: &str) -> Result<ExpiryPlan> {
    let source: SourceName = name.parse()?;
    let stack = stacks::of_source(daemon, name).await?;
    decided(daemon, &source, &stack.map(|stack| stack.policy).unwrap_or_default()).await
}

/// A sweep reads the manifests of all sources, so it is not done behind each backup of each.
async fn sweep_is_due(daemon: &Daemon) -> Result<bool> {
    let (last, now) = (daemon.catalog.timer(SWEEP).await?, daemon.host.env.now());
    Ok(last.is_none_or(|last| now.duration_since(last) >= SWEEP_EVERY || last > now))
}

pub(crate) fn kept(backup: &BackupInfo) -> Kept {
    Kept {
        id: backup.id.to_string(),
        began: backup.head.began,
        ended: backup.head.ended,
        rule: backup.head.rule.clone(),
        name: backup.head.label.clone(),
        pinned: !backup.pins.is_empty(),
        proven: backup.proven.is_some(),
        complete: true,
    }
}

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: ExpireAsk, by: By) -> Result<Operation> {
    name.parse::<SourceName>()?;
    rules(&ask.keep)?;
    let what = match ask.apply {
        true => "find out what no rule keeps any more, and remove it",
        false => "find out what no rule keeps any more; nothing is removed",
    };
    let kind = OperationKind::Expire;
    let steps = vec![step("expire", what)];
    submit(
        daemon,
        Wanted { kind, source: Some(name), alone: Some(format!("expire {name}")), input: input(&ask)?, steps },
        by,
    )
    .await
}

/// Planned anew at each try: what is gone already is not in the plan.
#[derive(Debug)]
struct ExpireIt;

#[async_trait]
impl Part for ExpireIt {
    async fn act(&self, at: &At) -> Result<Value> {
        let (daemon, ask) = (&at.daemon, at.input::<ExpireAsk>()?);
        let source: SourceName = at.work.run.head.subject.as_deref().unwrap_or_default().parse()?;
        at.watch.step("planning");
        let plan = plan(&daemon.vault, &source, &rules(&ask.keep)?, daemon.host.env.now()).await?;
        let applied = match ask.apply {
            false => None,
            true => {
                at.watch.step("applying");
                Some(apply(&daemon.vault, &plan, at.watch.progress.clone()).await?)
            }
        };
        Ok(serde_json::json!({ "plan": plan, "applied": applied }))
    }
}

fn rules(keep: &KeepView) -> Result<KeepRules> {
    let counts = [keep.last, keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly];
    if counts.iter().all(|count| count.unwrap_or(0) == 0) && keep.within_seconds.unwrap_or(0) == 0 {
        return Err(Error::Ask(
            "no rule says what to keep, so nothing is expired: add --keep-last, --keep-daily or the like".into(),
        ));
    }
    let zone = match keep.time_zone.as_deref() {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|e| Error::Ask(format!("time zone {name:?}: {e}")))?,
    };
    let [last, hourly, daily, weekly, monthly, yearly] = counts.map(|count| count.unwrap_or(0) as usize);
    let mut rules = KeepRules { keep_last: last, hourly, daily, weekly, monthly, yearly, zone, ..KeepRules::default() };
    rules.keep_within = keep.within_seconds.map(seconds).transpose()?;
    if let Some(grace) = keep.grace_seconds {
        rules.grace = seconds(grace)?;
    }
    Ok(rules)
}

fn seconds(seconds: u64) -> Result<SignedDuration> {
    let seconds = i64::try_from(seconds).map_err(|_| Error::Ask(format!("{seconds} s is too long")))?;
    Ok(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
