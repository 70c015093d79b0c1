//! In the place of the live cluster, or beside it: what is decided before the first step, and the steps.

use std::path::Path;

use api::{Operation, OperationKind, PlannedStep, RestoreAsk, RestoreMode, RestorePlan};
use engine::postgres::restore::can_mount;
use engine::postgres::successor::Succession;
use engine::postgres::target::Resolved;
use ops::{Retry, StepPlan, Then};
use serde::{Deserialize, Serialize};
use vault::log::read::LogIndex;

use super::moment::{Restorer, request, resolved};
use super::moved::Moved;
use super::preflight::{self, Trial};
use super::promise::{self, Promise, Promised};
use super::{lost, migrations, pace, settings};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::{By, Wanted, clone::short_id, input, step, submit_with};
use crate::policy::Outside;
use crate::policy::outside::When;
use crate::source::Source;
use crate::{instances, stacks, views};

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
    /// It goes to a place of its own.
    #[serde(default)]
    pub(super) moved: Option<Moved>,
    /// The successor is there already: it was replaced before, by this operation, and comes back.
    #[serde(default)]
    pub(super) back_from: Option<String>,
    /// Why the state before is not backed up.
    #[serde(default)]
    pub(super) no_snapshot: Option<String>,
    /// Of the source's log, that were known then.
    #[serde(default)]
    pub(super) gaps: usize,
    /// The newest timeline on the way to which the moment lies.
    #[serde(default)]
    pub(super) lived_on: Option<u32>,
    /// The instance that comes back, where it is a mount still.
    #[serde(default)]
    pub(super) comes_back: Option<String>,
}

impl Swap {
    /// The same as it would be planned now, at the same places.
    pub(super) async fn anew(&self, daemon: &Daemon, source: &str, resolved: Option<&Resolved>) -> Result<Swap> {
        let Promise { stack, plan, no_snapshot, gaps } =
            promise::anew(daemon, source, &self.ask, &self.plan, resolved).await?;
        let (name, outside) = (stack.name, stack.outside);
        let mut now = Swap { stack: name, outside, plan, no_snapshot, gaps, ..self.clone() };
        now.plan.steps = steps(&now, source).into_iter().map(planned).collect();
        pace::fill(daemon, source, now.ask.open, &mut now.plan).await?;
        if let Some(resolved) = resolved {
            let index = LogIndex::load(&daemon.vault, &source.parse()?).await?;
            lost::fill(&index, &daemon.source(source)?, resolved, &mut now.plan).await;
        }
        Ok(now)
    }

    pub(super) fn promised(&self) -> Promised<'_> {
        let (plan, outside, no_snapshot) = (&self.plan, &self.outside, self.no_snapshot.is_some());
        Promised { plan, outside, no_snapshot, gaps: self.gaps }
    }
}

impl Swap {
    /// What looks after the successor as long as it is a mount.
    pub(super) fn instance(&self) -> String {
        self.comes_back.clone().unwrap_or_else(|| format!("restore-{}", self.places.word))
    }
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
    let endpoints = || swap.outside.endpoints_of(source);
    let points = (swap.moved.is_some() && endpoints().next().is_some())
        .then(|| names(endpoints().map(|endpoint| endpoint.name.as_str())));
    let all = [
        Some(StepPlan {
            retry: Retry::ONCE,
            ..step("preflight", "look at everything once more: the moment, room, programs, services and hooks")
        }),
        swap.no_snapshot
            .is_none()
            .then(|| step("snapshot", &format!("back up {source} as it is now, and pin that backup"))),
        swap.back_from.is_none().then(|| undone(step("beside", &beside(swap)), &format!("remove {staged}"))),
        has(When::Announce).then(|| {
            undone(
                step("announce", &format!("run {}", hooks(When::Announce))),
                &format!("take back {}", hooks(When::Announce)),
            )
        }),
        Some(quiesce(&users, source)),
        Some(step("last-log", "see that the last record of the old cluster is in the vault")),
        Some(match &swap.moved {
            Some(_) => undone(
                step(
                    "cut-over",
                    &format!(
                        "fence {live}, which is kept; start the server of {staged} with the settings of the old one"
                    ),
                ),
                &format!("stop it, and let {live} serve again; what was restored is kept, fenced"),
            ),
            None => undone(
                step(
                    "cut-over",
                    &format!(
                        "put {staged} at {live} with the settings that are there, keep the old one as {retired}, start the server"
                    ),
                ),
                &format!("put {retired} back at {live}, and keep the new one aside"),
            ),
        }),
        points.map(|endpoints| {
            undone(step("point", &format!("point {endpoints} to where it is now")), &format!("point {endpoints} back"))
        }),
        Some(by_hand("connect", &format!("connect to it as {source} is connected to today"))),
        migrations::step(&swap.outside, source, None),
        (!users.is_empty()).then(|| undone(by_hand("resume", &format!("start {users}")), &format!("stop {users}"))),
        (!swap.outside.health.is_empty()).then(|| {
            let names = names(swap.outside.health.iter().map(|health| health.name.as_str()));
            by_hand("health", &format!("wait until {names} are well"))
        }),
        swap.moved
            .is_some()
            .then(|| by_hand("consumers", "see that nothing answers at the old place, and who uses the new one")),
        has(When::Smoke).then(|| by_hand("smoke", &format!("run {}", hooks(When::Smoke)))),
        has(When::ReSync).then(|| by_hand("re-sync", &format!("run {}", hooks(When::ReSync)))),
        (has(When::Announce) || has(When::Done))
            .then(|| by_hand("announce-off", "take the announcement back, and say that it is over")),
        Some(by_hand("report", "write down what happened, sealed in the vault")),
    ];
    all.into_iter().flatten().collect()
}

fn quiesce(users: &str, source: &str) -> StepPlan {
    let (before, after) = match users.is_empty() {
        true => (String::new(), String::new()),
        false => (format!("{users}, then "), format!(", then {users}")),
    };
    let what = format!("stop {before}the server of {source}: nobody writes any more");
    undone(step("quiesce", &what), &format!("start the server of {source}{after}"))
}

fn beside(swap: &Swap) -> String {
    let (asked, staged) = (&swap.asked, swap.places.staged.display());
    match swap.ask.open {
        true => format!(
            "open {asked} in {staged}, on a mount of the vault, and look at it; the rest is fetched behind; the old cluster serves on"
        ),
        false => format!("restore {asked} into {staged}, and verify it; the old cluster serves on"),
    }
}

pub(super) fn undone(step: StepPlan, how: &str) -> StepPlan {
    StepPlan { undo: Some(how.to_owned()), ..step }
}

pub(super) fn by_hand(name: &str, what: &str) -> StepPlan {
    StepPlan { retry: BY_HAND, ..step(name, what) }
}

pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// What it would be, and all that is in its way.
pub(super) async fn plan(daemon: &Daemon, name: &str, ask: &RestoreAsk) -> Result<RestorePlan> {
    let (swap, source, resolved) = prepared(daemon, name, ask).await?;
    let mut plan = swap.plan.clone();
    plan.findings = preflight::look(daemon, &source, &swap, Some(&resolved), Trial::Now).await.findings;
    Ok(plan)
}

pub(super) async fn begin(daemon: &Daemon, name: &str, ask: RestoreAsk, by: By) -> Result<Operation> {
    let (mut swap, source, resolved) = prepared(daemon, name, &ask).await?;
    // Refused here, before there is an operation, with all that is in the way.
    let seen = preflight::look(daemon, &source, &swap, Some(&resolved), preflight::trial(&swap)).await;
    seen.refuse()?;
    swap.plan.findings = seen.findings;
    submit(daemon, name, &swap, by).await
}

pub(super) async fn submit(daemon: &Daemon, name: &str, swap: &Swap, by: By) -> Result<Operation> {
    let steps = pace::with_times(steps(swap, name), &swap.plan);
    let (kind, alone) = (OperationKind::Restore, Some(format!("the cluster of {name}")));
    let wanted = Wanted { kind, source: Some(name), alone, input: input(swap)?, steps };
    submit_with(daemon, wanted, by, swap.plan.waived).await
}

async fn prepared(daemon: &Daemon, name: &str, ask: &RestoreAsk) -> Result<(Swap, Source, Resolved)> {
    let source = daemon.source(name)?;
    let is_beside = ask.mode == RestoreMode::Beside;
    let goes_somewhere = !ask.into.is_empty() || ask.port.is_some() || ask.host.is_some();
    if (goes_somewhere && !is_beside) || ask.no_start || ask.delta || !ask.tablespaces.is_empty() {
        let what = "a restore in the place of the live cluster takes its directory, port and settings over: leave out where it goes";
        return Err(Error::Ask(what.into()));
    }
    if is_beside && ask.into.is_empty() {
        return Err(Error::Ask(
            "a restore beside the live cluster needs a directory of its own: say --into DIR".into(),
        ));
    }
    let stack = stacks::of_source(daemon, name).await?;
    let stack = stack.ok_or_else(|| Error::Ask(format!("{name} is in no stack, and nobody has said how its server is stopped and started: put it into one with a [[service]] that is `server_of = {name:?}`, and rekindle apply it")))?;
    let (live, word) = (source.cluster.data_directory.as_path(), short_id(daemon));
    let (places, moved) = match is_beside {
        false => (Succession::beside(live, &word), None),
        true => {
            let (into, now) = (Path::new(&ask.into), source.cluster.conninfo.port);
            let moved = Moved::of(&source.row, now, into, ask.host.as_deref(), ask.port)?;
            (Succession::elsewhere(live, into, &word), Some(moved))
        }
    };
    let open = !ask.copy && can_mount().is_ok() && !places.links().is_ok_and(|links| settings::must_be_copied(&links));
    let into = places.staged.display().to_string();
    let mut ask = RestoreAsk { into, open, port: None, host: None, ..ask.clone() };
    let resolved = resolved(daemon, &source.row.name.parse()?, &ask).await?;
    request(&ask, &Restorer::of(daemon))?;
    ask.moment = instances::at_the_same_moment(&ask, &resolved).moment;
    let mut plan = views::plan(&source.row.name.parse()?, &ask, &resolved);
    plan.into = places.place().display().to_string();
    let no_snapshot = promise::consented(daemon, &stack, name, &ask.consent, &mut plan).await?;
    let mut swap = Swap {
        stack: stack.name,
        outside: stack.outside,
        ask,
        asked: resolved.asked.clone(),
        places,
        plan,
        moved,
        back_from: None,
        no_snapshot,
        gaps: daemon.catalog.gaps(name).await?.len(),
        lived_on: Some(resolved.lineage.timeline()),
        comes_back: None,
    };
    swap.plan.steps = steps(&swap, name).into_iter().map(planned).collect();
    pace::fill(daemon, name, swap.ask.open, &mut swap.plan).await?;
    let index = LogIndex::load(&daemon.vault, &source.row.name.parse()?).await?;
    lost::fill(&index, &source, &resolved, &mut swap.plan).await;
    Ok((swap, source, resolved))
}

pub(in crate::operation) fn planned(step: StepPlan) -> PlannedStep {
    let pauses = step.retry.then == Then::Pause;
    PlannedStep { name: step.name, what: step.what, undo: step.undo, pauses, seconds: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_stopped_is_named_where_there_is_somebody() {
        let said = |users: &str| {
            let step = quiesce(users, "shop");
            (step.what, step.undo.unwrap_or_default())
        };
        let alone = ("stop the server of shop: nobody writes any more", "start the server of shop");
        assert_eq!(said(""), (alone.0.to_owned(), alone.1.to_owned()));
        let users = (
            "stop app, web, then the server of shop: nobody writes any more",
            "start the server of shop, then app, web",
        );
        assert_eq!(said("app, web"), (users.0.to_owned(), users.1.to_owned()));
        assert_eq!(names([].into_iter()), "");
    }
}
