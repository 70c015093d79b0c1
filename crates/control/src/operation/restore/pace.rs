//! How long each step takes, by what was measured: the same step of earlier restores of the same source. What grows with the data is
//! scaled by its size; where no restore in place was measured, other restores, drills and backups stand in for it. What nobody measured
//! is not guessed.

use api::{OperationKind, RestorePlan};
use ops::{Filter, Phase, Run, StepPlan, Store};
use serde::Deserialize;

use super::swap::Swap;
use crate::alarms;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::operation::kind_name;

const RUNS: u32 = 100;
/// The newest so many times count, and of them the middle one.
const TIMES: usize = 5;
/// From the first to the last of these nobody can write.
const UNSERVED: [&str; 3] = ["quiesce", "last-log", "cut-over"];

/// `open` where the files are not copied first: that is another pace.
pub(super) async fn fill(daemon: &Daemon, source: &str, open: bool, plan: &mut RestorePlan) -> Result<()> {
    let restores = runs(daemon, source, OperationKind::Restore).await?;
    let backups = runs(daemon, source, OperationKind::Backup).await?;
    let bytes = plan.bytes + plan.log_bytes;
    for step in &mut plan.steps {
        let times = match step.name.as_str() {
            "beside" => {
                let restored = |run: &Run| scaled(run, "beside", bytes, restored_bytes(run, open)?);
                restores.iter().filter_map(restored).collect()
            }
            "snapshot" => snapshots(&restores, &backups, plan.bytes),
            name => restores.iter().filter_map(|run| took(run, name)).collect(),
        };
        step.seconds = middle(times);
        if step.seconds.is_none() && step.name == "beside" && !open {
            step.seconds = alarms::work(daemon, source).await?.projected_seconds(bytes);
        }
    }
    let all = |of: &dyn Fn(&str) -> bool| {
        let wanted = plan.steps.iter().filter(|step| of(&step.name));
        wanted.map(|step| step.seconds).sum::<Option<f64>>()
    };
    (plan.seconds, plan.unserved_seconds) = (all(&|_| true), all(&|name| UNSERVED.contains(&name)));
    Ok(())
}

/// The plan's times go with the operation.
pub(super) fn with_times(steps: Vec<StepPlan>, plan: &RestorePlan) -> Vec<StepPlan> {
    let about = |step: &StepPlan| plan.steps.iter().find(|planned| planned.name == step.name)?.seconds;
    let timed = |step: StepPlan| {
        let about_ms = about(&step).map(|seconds| (seconds * 1000.0).round() as u64);
        StepPlan { about_ms, ..step }
    };
    steps.into_iter().map(timed).collect()
}

async fn runs(daemon: &Daemon, source: &str, kind: OperationKind) -> Result<Vec<Run>> {
    let (kind, subject) = (Some(kind_name(kind).to_owned()), Some(source.to_owned()));
    Ok(daemon.runs.list(&Filter { kind, subject, limit: RUNS, ..Filter::default() }).await?)
}

/// One that had to be tried again says little.
fn took(run: &Run, step: &str) -> Option<f64> {
    let at = run.head.plan.steps.iter().position(|planned| planned.name == step)?;
    let state = run.state.steps.get(at).filter(|state| state.phase == Phase::Done && state.attempts == 1)?;
    Some(state.ended?.duration_since(state.began?).as_secs_f64().max(0.0))
}

/// More takes longer; that less takes shorter is not relied on.
fn scaled(run: &Run, step: &str, bytes: u64, then: u64) -> Option<f64> {
    Some(took(run, step)? * (bytes as f64 / then.max(1) as f64).max(1.0))
}

fn restored_bytes(run: &Run, open: bool) -> Option<u64> {
    let swap = Swap::deserialize(&run.head.plan.input).ok().filter(|swap| swap.ask.open == open)?;
    Some(swap.plan.bytes + swap.plan.log_bytes)
}

/// Snapshots of restores, and where there are none, backups: they are the same work.
fn snapshots(restores: &[Run], backups: &[Run], bytes: u64) -> Vec<f64> {
    let of = |runs: &[Run], step: &str| -> Vec<f64> {
        let stored = |run: &Run| scaled(run, step, bytes, run.output(step)["bytes"].as_u64()?);
        runs.iter().filter_map(stored).collect()
    };
    let own = of(restores, "snapshot");
    if own.is_empty() { of(backups, "store") } else { own }
}

/// The newest come first.
fn middle(mut times: Vec<f64>) -> Option<f64> {
    times.truncate(TIMES);
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

#[cfg(test)]
mod tests;
