//! In the place of the live cluster: what is decided before the first step, and the steps.

use api::{Operation, OperationKind, PlannedStep, RestoreAsk, RestorePlan};
use engine::postgres::successor::Succession;
use engine::postgres::target::Resolved;
use ops::{Retry, StepPlan, Then};
use serde::{Deserialize, Serialize};
use vault::log::read::LogIndex;

use super::moment::{Restorer, request, resolved};
use super::{lost, migrations, pace, preflight};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::{By, Wanted, clone::short_id, input, step, submit};
use crate::policy::Outside;
use crate::policy::outside::When;
use crate::source::Source;
use crate::{approvals, instances, stacks, views};

/// What the operation was asked to do. The stack is as it was then: what is applied later changes nothing of a restore under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Swap {
    pub(super) stack: String,
    pub(super) outside: Outside,
    /// The moment is fixed, and it goes to where the successor is made.
    pub(super) ask: RestoreAsk,
    pub(super) asked: String,
    pub(super) places: Succession,
    /// What the plan said of the moment, for the report.
    pub(super) plan: RestorePlan,
    /// The successor is there already: it was replaced before, by this operation, and comes back.
    #[serde(default)]
    pub(super) back_from: Option<String>,
    /// The newest timeline on the way to which the moment lies.
    #[serde(default)]
    pub(super) lived_on: Option<u32>,
}

/// Once more after a moment, then a person looks.
const BY_HAND: Retry = Retry { attempts: 2, first_ms: 1_000, most_ms: 1_000, then: Then::Pause };

/// In the order in which they are done; what the stack has nothing for is left out.
pub(super) fn steps(swap: &Swap, source: &str) -> Vec<StepPlan> {
    let Succession { live, staged, retired, .. } = &swap.places;
    let (live, staged, retired) = (live.display(), staged.display(), retired.display());
    let users = names(swap.outside.users().map(|service| service.name.as_str()));
    let has = |when| swap.outside.hooks_at(when).next().is_some();
    let hooks = |when| names(swap.outside.hooks_at(when).map(|hook| hook.name.as_str()));
    let all = [
        Some(StepPlan {
            retry: Retry::ONCE,
            ..step("preflight", "look at everything once more: the moment, room, programs, services and hooks")
        }),
        Some(step("snapshot", &format!("back up {source} as it is now, and pin that backup"))),
        swap.back_from.is_none().then(|| {
            undone(
                step(
                    "beside",
                    &format!("restore {} into {staged}, and verify it; the old cluster serves on", swap.asked),
                ),
                &format!("remove {staged}"),
            )
        }),
        has(When::Announce).then(|| {
            undone(
                step("announce", &format!("run {}", hooks(When::Announce))),
                &format!("take back {}", hooks(When::Announce)),
            )
        }),
        Some(undone(
            step("quiesce", &format!("stop {users}, then the server of {source}: nobody writes any more")),
            &format!("start the server of {source}, then {users}"),
        )),
        Some(step("last-log", "see that the last record of the old cluster is in the vault")),
        Some(undone(
            step(
                "cut-over",
                &format!(
                    "put {staged} at {live} with the settings that are there, keep the old one as {retired}, start the server"
                ),
            ),
            &format!("put {retired} back at {live}, and keep the new one aside"),
        )),
        migrate(swap, source, has(When::Migrate).then(|| hooks(When::Migrate))),
        Some(undone(by_hand("resume", &format!("start {users}")), &format!("stop {users}"))),
        (!swap.outside.health.is_empty()).then(|| {
            let names = names(swap.outside.health.iter().map(|health| health.name.as_str()));
            by_hand("health", &format!("wait until {names} are well"))
        }),
        has(When::Smoke).then(|| by_hand("smoke", &format!("run {}", hooks(When::Smoke)))),
        has(When::ReSync).then(|| by_hand("re-sync", &format!("run {}", hooks(When::ReSync)))),
        (has(When::Announce) || has(When::Done))
            .then(|| by_hand("announce-off", "take the announcement back, and say that it is over")),
        Some(by_hand("report", "write down what happened, sealed in the vault")),
    ];
    all.into_iter().flatten().collect()
}

fn migrate(swap: &Swap, source: &str, hooks: Option<String>) -> Option<StepPlan> {
    let expected: Vec<String> =
        migrations::expected(swap, source).map(|one| format!("{} is at {}", one.database, one.expects)).collect();
    let run = hooks.map(|hooks| format!("run {hooks}"));
    let look = (!expected.is_empty()).then(|| format!("see that {}", expected.join(", ")));
    let what: Vec<String> = run.into_iter().chain(look).collect();
    (!what.is_empty()).then(|| by_hand("migrate", &what.join(", then ")))
}

fn undone(step: StepPlan, how: &str) -> StepPlan {
    StepPlan { undo: Some(how.to_owned()), ..step }
}

fn by_hand(name: &str, what: &str) -> StepPlan {
    StepPlan { retry: BY_HAND, ..step(name, what) }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// What it would be, and all that is in its way.
pub(super) async fn plan(daemon: &Daemon, name: &str, ask: &RestoreAsk) -> Result<RestorePlan> {
    let (swap, source, resolved) = prepared(daemon, name, ask).await?;
    let mut plan = swap.plan.clone();
    plan.findings = preflight::look(daemon, &source, &swap, Some(&resolved)).await.findings;
    Ok(plan)
}

pub(super) async fn begin(daemon: &Daemon, name: &str, ask: RestoreAsk, by: By) -> Result<Operation> {
    let (swap, source, resolved) = prepared(daemon, name, &ask).await?;
    // Refused here, before there is an operation, with all that is in the way.
    preflight::look(daemon, &source, &swap, Some(&resolved)).await.refuse()?;
    let steps = pace::with_times(steps(&swap, name), &swap.plan);
    let (kind, alone) = (OperationKind::Restore, Some(format!("the cluster of {name}")));
    submit(daemon, Wanted { kind, source: Some(name), alone, input: input(&swap)?, steps }, by).await
}

async fn prepared(daemon: &Daemon, name: &str, ask: &RestoreAsk) -> Result<(Swap, Source, Resolved)> {
    let source = daemon.source(name)?;
    if !ask.into.is_empty() || ask.port.is_some() || ask.no_start || ask.delta || !ask.tablespaces.is_empty() {
        let what = "a restore in the place of the live cluster takes its directory, port and settings over: leave out where it goes";
        return Err(Error::Ask(what.into()));
    }
    let stack = stacks::of_source(daemon, name).await?;
    let stack = stack.ok_or_else(|| Error::Ask(format!("{name} is in no stack, and nobody has said how its server is stopped and started: put it into one with a [[service]] that is `server_of = {name:?}`, and rekindle apply it")))?;
    let places = Succession::beside(source.cluster.data_directory.as_path(), &short_id(daemon));
    let mut ask = RestoreAsk { into: places.staged.display().to_string(), ..ask.clone() };
    let resolved = resolved(daemon, &source.row.name.parse()?, &ask).await?;
    request(&ask, &Restorer::of(daemon))?;
    ask.moment = instances::at_the_same_moment(&ask, &resolved).moment;
    let mut plan = views::plan(&source.row.name.parse()?, &ask, &resolved);
    plan.into = places.live.display().to_string();
    plan.approvals = approvals::needed(daemon, OperationKind::Restore, Some(name)).await?;
    let mut swap = Swap {
        stack: stack.name,
        outside: stack.outside,
        ask,
        asked: resolved.asked.clone(),
        places,
        plan,
        back_from: None,
        lived_on: Some(resolved.lineage.timeline()),
    };
    swap.plan.steps = steps(&swap, name).into_iter().map(planned).collect();
    pace::fill(daemon, name, swap.ask.open, &mut swap.plan).await?;
    let index = LogIndex::load(&daemon.vault, &source.row.name.parse()?).await?;
    lost::fill(&index, &source, &resolved, &mut swap.plan).await;
    Ok((swap, source, resolved))
}

pub(super) fn planned(step: StepPlan) -> PlannedStep {
    let pauses = step.retry.then == Then::Pause;
    PlannedStep { name: step.name, what: step.what, undo: step.undo, pauses, seconds: None }
}
