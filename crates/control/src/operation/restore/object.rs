//! One database, or some tables of one, in the place of the live ones: the runbook of a whole cluster, and the server runs on. Its other
//! databases are not touched.
//!
//! ```text
//!   nothing live is touched   preflight ─ snapshot ─ beside (under a name that nobody else has)
//!   nobody uses it            announce ─ quiesce ─ exchange (one transaction) ─ migrate
//!   the new one serves        resume ─ health ─ smoke ─ re-sync ─ announce-off ─ report
//! ```

use std::sync::Arc;

use api::{ExtractAsk, InstanceKind, Operation, OperationKind, RestoreAsk, RestorePlan};
use engine::postgres::extract::has_database;
use engine::postgres::quote::name_with;
use engine::postgres::target::Resolved;
use ops::{Retry, StepPlan};
use serde::{Deserialize, Serialize};

use super::moment::resolved;
use super::promise::{self, Promise, Promised};
use super::swap::{by_hand, names, planned, undone};
use super::{around, connect, migrations, quiesce, snapshot};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::{self, Wanted};
use crate::operation::{self, By, Part, clone::short_id, extract, input, step, submit_with};
use crate::policy::outside::When;
use crate::policy::{Outside, Stack};
use crate::source::Source;
use crate::{stacks, views};

mod account;
mod exchange;
mod preflight;

/// What the operation was asked to do. The stack is as it was then.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Object {
    stack: String,
    outside: Outside,
    asked: String,
    ask: ExtractAsk,
    /// The moment, opened as a server of its own while it is read. It is fixed.
    wanted: Wanted,
    /// No other operation has it.
    word: String,
    /// The database, or the schema for the tables, until it takes the live one's place.
    staged: String,
    /// The live server has no such database: there is nothing to swap with.
    #[serde(default)]
    is_gone: bool,
    /// What the plan said, for those who approve it and for the report.
    plan: RestorePlan,
    no_snapshot: Option<String>,
    gaps: usize,
}

pub(in crate::operation) fn parts() -> Vec<(&'static str, Arc<dyn Part>)> {
    vec![
        ("preflight", Arc::new(preflight::Preflight)),
        ("snapshot", Arc::new(snapshot::Snapshot)),
        ("beside", Arc::new(exchange::Beside)),
        ("announce", Arc::new(around::Announce)),
        ("quiesce", Arc::new(quiesce::QuiesceUsers)),
        ("exchange", Arc::new(exchange::Exchange)),
        ("connect", Arc::new(connect::Connect)),
        ("migrate", Arc::new(migrations::Migrate)),
        ("resume", Arc::new(quiesce::Resume)),
        ("health", Arc::new(around::Healthy)),
        ("smoke", Arc::new(around::Hooks::SMOKE)),
        ("re-sync", Arc::new(around::Hooks::RE_SYNC)),
        ("announce-off", Arc::new(around::AnnounceOff)),
        ("report", Arc::new(account::Account)),
    ]
}

/// In the order in which they are done; what there is nothing for is left out.
fn steps(object: &Object, source: &str) -> Vec<StepPlan> {
    let Object { outside, staged, .. } = object;
    let (what, kept) = (object.what(), object.kept_as());
    let users = names(outside.users().map(|service| service.name.as_str()));
    let stops = !object.ask.keep_serving && outside.users().next().is_some();
    let has = |when| outside.hooks_at(when).next().is_some();
    let hooks = |when| names(outside.hooks_at(when).map(|hook| hook.name.as_str()));
    let look = "look at everything once more: the moment, the live database, room, programs, services and hooks";
    let gone = format!("remove {staged}, and the moment that was opened for it");
    let beside = format!("restore {what} of {} as {staged} into the live server, and count both", object.asked);
    let (exchange, back) = match object.is_gone {
        true => (
            format!("give {staged} the name {}, which no database of the live server has", object.ask.database),
            "give what was put back another name".to_owned(),
        ),
        false => (
            format!("give {staged} the name of the live one in one transaction; that one is kept as {kept}"),
            format!("give {kept} its name back, and keep the new one aside"),
        ),
    };
    let all = [
        // The last to be taken back: also what a step that was cut short has left.
        Some(undone(StepPlan { retry: Retry::ONCE, ..step("preflight", look) }, &gone)),
        object
            .no_snapshot
            .is_none()
            .then(|| step("snapshot", &format!("back up {source} as it is now, and pin that backup"))),
        Some(undone(StepPlan { retry: Retry::ONCE, ..step("beside", &beside) }, &gone)),
        has(When::Announce).then(|| {
            let hooks = hooks(When::Announce);
            undone(step("announce", &format!("run {hooks}")), &format!("take back {hooks}"))
        }),
        stops.then(|| {
            let what = format!("stop {users}; the server runs on");
            undone(step("quiesce", &what), &format!("start {users}"))
        }),
        Some(undone(step("exchange", &exchange), &back)),
        Some(by_hand("connect", &format!("connect to {} as {source} is connected to today", object.ask.database))),
        migrations::step(outside, source, Some(&object.ask.database)),
        stops.then(|| undone(by_hand("resume", &format!("start {users}")), &format!("stop {users}"))),
        (!outside.health.is_empty()).then(|| {
            let names = names(outside.health.iter().map(|health| health.name.as_str()));
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

impl Object {
    fn what(&self) -> String {
        match self.ask.tables.as_slice() {
            [] => format!("database {}", self.ask.database),
            tables => format!("{} of database {}", tables.join(", "), self.ask.database),
        }
    }

    fn kept_as(&self) -> String {
        match self.ask.tables.as_slice() {
            [] => name_with(&self.ask.database, &format!("_before_{}", self.word)),
            _ => format!("…_before_{} beside its schema", self.word),
        }
    }

    /// The same as it would be planned now, under the same names.
    async fn anew(&self, daemon: &Daemon, source: &str, resolved: &Resolved) -> Result<Object> {
        let Promise { stack: Stack { name, outside, .. }, plan, no_snapshot, gaps } =
            promise::anew(daemon, source, &self.wanted.ask, &self.plan, Some(resolved)).await?;
        let is_gone = !has_database(&daemon.source(source)?.cluster.conninfo, &self.ask.database).await?;
        let mut now = Object { stack: name, outside, plan, no_snapshot, gaps, is_gone, ..self.clone() };
        now.plan.steps = steps(&now, source).into_iter().map(planned).collect();
        Ok(now)
    }

    fn promised(&self) -> Promised<'_> {
        let (plan, outside, no_snapshot) = (&self.plan, &self.outside, self.no_snapshot.is_some());
        Promised { plan, outside, no_snapshot, gaps: self.gaps }
    }
}

/// What it would be, and all that is in its way.
pub(in crate::operation) async fn plan(daemon: &Daemon, name: &str, ask: &ExtractAsk) -> Result<RestorePlan> {
    let (object, source, resolved) = prepared(daemon, name, ask).await?;
    let mut plan = object.plan.clone();
    plan.findings = preflight::look(daemon, &source, &object, &resolved).await.findings;
    Ok(plan)
}

pub(in crate::operation) async fn begin(daemon: &Daemon, name: &str, ask: &ExtractAsk, by: By) -> Result<Operation> {
    let (mut object, source, resolved) = prepared(daemon, name, ask).await?;
    // Refused here, before there is an operation, with all that is in the way.
    let seen = preflight::look(daemon, &source, &object, &resolved).await;
    seen.refuse()?;
    object.plan.findings = seen.findings;
    let (kind, alone) = (OperationKind::Extract, Some(format!("the cluster of {name}")));
    let (input, steps) = (input(&object)?, steps(&object, name));
    let wanted = operation::Wanted { kind, source: Some(name), alone, input, steps };
    submit_with(daemon, wanted, by, object.plan.waived).await
}

async fn prepared(daemon: &Daemon, name: &str, ask: &ExtractAsk) -> Result<(Object, Source, Resolved)> {
    let source = daemon.source(name)?;
    extract::tables(ask)?;
    if let Some(into) = &ask.into {
        let what =
            format!("it takes the live one's name, and has one of its own until then: leave out {into}, or --swap");
        return Err(Error::Ask(what));
    }
    let stack = stacks::of_source(daemon, name).await?.unwrap_or_else(Stack::none);
    let word = short_id(daemon);
    let staged = match ask.tables.is_empty() {
        true => name_with(&ask.database, &format!("_restored_{word}")),
        false => format!("restored_{word}"),
    };
    let is_gone = !has_database(&source.cluster.conninfo, &ask.database).await?;
    let (owner, consent) = (ask.owner.clone(), ask.consent.clone());
    let restore = RestoreAsk { owner, consent, ..RestoreAsk::of(ask.moment.clone()) };
    let called = format!("extract-{word}");
    let wanted = Wanted::below(daemon, &called, InstanceKind::Extract, &source.cluster.source, restore)?;
    let resolved = resolved(daemon, &wanted.source, &wanted.ask).await?;
    let wanted = Wanted { ask: instances::at_the_same_moment(&wanted.ask, &resolved), ..wanted };
    let mut plan = views::plan(&wanted.source, &wanted.ask, &resolved);
    let no_snapshot = promise::consented(daemon, &stack, name, &ask.consent, &mut plan).await?;
    let gaps = daemon.catalog.gaps(name).await?.len();
    let (asked, ask) = (resolved.asked.clone(), ask.clone());
    let Stack { name: stack, outside, .. } = stack;
    let mut object = Object { stack, outside, asked, ask, wanted, word, staged, is_gone, plan, no_snapshot, gaps };
    object.plan.into = format!("{} of the live server", object.what());
    object.plan.steps = steps(&object, name).into_iter().map(planned).collect();
    Ok((object, source, resolved))
}
