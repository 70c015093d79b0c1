//! The fleet at a glance, from what is in memory: neither a server nor the vault is asked, so that thousands of stacks cost little.

use std::collections::HashMap;

use api::{FleetRow, FleetState, Operation, OperationStatus};
use engine::postgres::receive::{LogState, Phase};
use engine::postgres::target::restorable_to;
use jiff::{SignedDuration, Timestamp};

use crate::alarms::Memory;
use crate::alarms::condition::{Scope, Severity};
use crate::alarms::core::Alarm;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::policy::{Objectives, Stack};
use crate::source::Source;
use crate::{operation, stacks};

/// By name.
pub(crate) async fn rows(daemon: &Daemon) -> Result<Vec<FleetRow>> {
    let stacks = stacks::all(daemon).await?;
    let unfinished = operation::unfinished(daemon).await?;
    let sources = daemon.sources();
    let now = daemon.host.env.now();
    let memory = daemon.alarms.memory();
    let look = Look::new(&memory, &unfinished, &sources, now);
    let mut rows: Vec<FleetRow> = stacks.iter().map(|stack| look.stack(stack)).collect();
    let alone = sources.iter().filter(|source| stacks.of_source(&source.row.name).is_none());
    rows.extend(alone.map(|source| look.row(&source.row.name, false, &[&source.row.name], &Objectives::default())));
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(rows)
}

/// A server that is quiet is asked every few seconds.
const CURRENT: SignedDuration = SignedDuration::from_secs(15);

struct Look<'a> {
    memory: &'a Memory,
    alarms: HashMap<&'a str, Vec<&'a Alarm>>,
    operations: HashMap<&'a str, Vec<OperationStatus>>,
    sources: HashMap<&'a str, &'a Source>,
    now: Timestamp,
}

impl<'a> Look<'a> {
    fn new(memory: &'a Memory, unfinished: &'a [Operation], sources: &'a [Source], now: Timestamp) -> Look<'a> {
        let mut alarms: HashMap<&str, Vec<&Alarm>> = HashMap::new();
        for alarm in &memory.raised {
            if let Scope::Source(name) = &alarm.condition.scope {
                alarms.entry(name).or_default().push(alarm);
            }
        }
        let mut operations: HashMap<&str, Vec<OperationStatus>> = HashMap::new();
        for operation in unfinished {
            if let Some(name) = &operation.source {
                operations.entry(name).or_default().push(operation.status);
            }
        }
        let sources = sources.iter().map(|source| (source.row.name.as_str(), source)).collect();
        Look { memory, alarms, operations, sources, now }
    }

    fn stack(&self, stack: &Stack) -> FleetRow {
        let names: Vec<&str> = stack.sources.iter().map(|source| source.name.as_str()).collect();
        self.row(&stack.name, true, &names, &stack.policy.objectives)
    }

    fn row(&self, name: &str, is_stack: bool, sources: &[&str], objectives: &Objectives) -> FleetRow {
        let raised: Vec<&Alarm> = sources.iter().filter_map(|name| self.alarms.get(name)).flatten().copied().collect();
        let critical = raised.iter().filter(|alarm| alarm.condition.severity == Severity::Critical).count();
        let worst = raised.iter().max_by_key(|alarm| alarm.condition.severity);
        let operations: Vec<OperationStatus> =
            sources.iter().filter_map(|name| self.operations.get(name)).flatten().copied().collect();
        let moving = operations.iter().filter(|status| status.is_moving()).count();
        let waiting = operations.iter().filter(|status| waits_for_a_person(**status)).count();
        let states: Vec<LogState> =
            sources.iter().filter_map(|name| Some(self.sources.get(name)?.receiver.state())).collect();
        let newest = all(sources, |name| self.sources.get(name)?.receiver.state().complete_at).map(restorable_to);
        let is_now = states.iter().all(|state| is_current(state, self.now));
        let backups = sources.iter().map(|name| self.backups(name)).sum();
        let without = sources.iter().any(|name| self.backups(name) == 0);
        FleetRow {
            name: name.to_owned(),
            is_stack,
            sources: sources.iter().map(|name| (*name).to_owned()).collect(),
            state: state(worst.map(|alarm| alarm.condition.severity), without),
            reason: worst.map(|alarm| alarm.condition.text.clone()),
            newest,
            behind_seconds: newest
                .map(|newest| if is_now { 0.0 } else { self.now.duration_since(newest).as_secs_f64().max(0.0) }),
            rpo_seconds: objectives.rpo.map(seconds),
            proven: all(sources, |name| self.proven(name)),
            rto_seconds: objectives.rto.map(seconds),
            projected_seconds: self.projected(sources),
            backups,
            critical: counted(critical),
            warnings: counted(raised.len() - critical),
            moving: counted(moving),
            waiting: counted(waiting),
        }
    }

    fn backups(&self, source: &str) -> u64 {
        let known = self.memory.sources.get(source).and_then(|known| known.backups.as_ref());
        known.map_or(0, |backups| backups.facts.len() as u64)
    }

    fn proven(&self, source: &str) -> Option<Timestamp> {
        self.memory.sources.get(source)?.backups.as_ref()?.facts.iter().filter_map(|fact| fact.proven).max()
    }

    /// One after the other.
    fn projected(&self, sources: &[&str]) -> Option<f64> {
        sources.iter().map(|name| self.memory.sources.get(*name)?.projected_rto).sum()
    }
}

/// The server said within the last seconds that it has nothing that the vault has not.
fn is_current(log: &LogState, now: Timestamp) -> bool {
    let said = log.complete_at.is_some_and(|at| now.duration_since(at) < CURRENT);
    log.phase == Phase::Streaming && log.lag_bytes() == 0 && said
}

fn waits_for_a_person(status: OperationStatus) -> bool {
    matches!(status, OperationStatus::AwaitingApproval | OperationStatus::Paused | OperationStatus::Stuck)
}

/// The earliest, where every source has one.
fn all(sources: &[&str], of: impl Fn(&str) -> Option<Timestamp>) -> Option<Timestamp> {
    sources.iter().map(|name| of(name)).collect::<Option<Vec<_>>>()?.into_iter().min()
}

fn state(worst: Option<Severity>, without_backup: bool) -> FleetState {
    match worst {
        Some(Severity::Critical) => FleetState::Danger,
        Some(Severity::Warning) => FleetState::Attention,
        None if without_backup => FleetState::New,
        None => FleetState::Well,
    }
}

fn seconds(duration: SignedDuration) -> f64 {
    duration.as_secs_f64()
}

fn counted(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
