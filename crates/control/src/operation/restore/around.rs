//! What people's own hooks do around a restore, and whether what uses the database is well after it.

use std::time::Duration;

use api::OperationKind;
use async_trait::async_trait;
use engine::postgres::wire;
use ops::store::LISTED_MAX;
use ops::{Filter, Found, Phase, Run, Store};
use serde::Deserialize;
use serde_json::Value;

use crate::daemon::Daemon;
use crate::driver::Driver;
use crate::driver::health::until_well;
use crate::driver::hook::{HookSpec, Told, maintenance_page};
use crate::error::Result;
use crate::operation::{At, Part, kind_name};
use crate::policy::Outside;
use crate::policy::outside::{Hook, When};

/// What of an operation's input is of matter here, whatever it restores.
#[derive(Debug, Deserialize)]
pub(super) struct Around {
    pub(super) stack: String,
    pub(super) outside: Outside,
    asked: String,
    ask: Of,
}

#[derive(Debug, Deserialize)]
struct Of {
    database: Option<String>,
}

impl Around {
    /// Nothing where it is about a whole cluster.
    pub(super) fn database(&self) -> Option<&str> {
        self.ask.database.as_deref()
    }
}

#[derive(Debug)]
pub(super) struct Announce;

#[async_trait]
impl Part for Announce {
    async fn act(&self, at: &At) -> Result<Value> {
        run_all(at, When::Announce).await
    }

    async fn undo(&self, at: &At) -> Result<()> {
        take_back_all(at).await
    }
}

#[derive(Debug)]
pub(super) struct AnnounceOff;

#[async_trait]
impl Part for AnnounceOff {
    async fn act(&self, at: &At) -> Result<Value> {
        take_back_all(at).await?;
        run_all(at, When::Done).await
    }
}

/// Of one moment.
#[derive(Debug)]
pub(super) struct Hooks(When);

impl Hooks {
    pub(super) const SMOKE: Hooks = Hooks(When::Smoke);
    pub(super) const RE_SYNC: Hooks = Hooks(When::ReSync);
}

#[async_trait]
impl Part for Hooks {
    async fn act(&self, at: &At) -> Result<Value> {
        run_all(at, self.0).await
    }
}

#[derive(Debug)]
pub(super) struct Healthy;

#[async_trait]
impl Part for Healthy {
    async fn act(&self, at: &At) -> Result<Value> {
        let around: Around = at.input()?;
        for health in &around.outside.health {
            at.watch.step(&health.name);
            let (every, deadline) =
                (Duration::from_secs(health.every_seconds), Duration::from_secs(health.deadline_seconds));
            let say = |line: &str| at.work.say(format!("{}: {line}", health.name));
            let well = until_well(health.spec.driver(), &at.daemon.host, health.in_a_row, every, deadline, &say);
            at.unless_cancelled(well).await?.map_err(|trouble| trouble.of(&format!("health {}", health.name)))?;
            at.work.say(format!("{} is well", health.name));
        }
        Ok(Value::Null)
    }

    /// It changes nothing.
    async fn look(&self, _at: &At) -> Result<Found> {
        Ok(Found::NotDone)
    }
}

pub(super) async fn run_all(at: &At, when: When) -> Result<Value> {
    let around: Around = at.input()?;
    for hook in around.outside.hooks_at(when) {
        at.watch.step(&hook.name);
        let say = |line: &str| at.work.say(format!("{}: {line}", hook.name));
        let told = told(at, &around, hook);
        let done = hook.spec.driver().run(&at.daemon.host, &told, &say);
        at.unless_cancelled(done).await?.map_err(|trouble| trouble.of(&format!("hook {}", hook.name)))?;
        at.effect(format!("{} is done", hook.name))?;
    }
    Ok(Value::Null)
}

/// Also of hooks that never ran; all that can be, whatever is wrong with one of them.
async fn take_back_all(at: &At) -> Result<()> {
    let (around, mut first) = (at.input::<Around>()?, Ok(()));
    for hook in around.outside.hooks_at(When::Announce) {
        let say = |line: &str| at.work.say(format!("{}: {line}", hook.name));
        let done = hook.spec.driver().take_back(&at.daemon.host, &told(at, &around, hook), &say).await;
        let done = done.map_err(|trouble| trouble.of(&format!("hook {}", hook.name)));
        first = first.and(done.and_then(|()| at.effect(format!("{} is taken back", hook.name))));
    }
    first
}

fn told(at: &At, around: &Around, hook: &Hook) -> Told {
    of_run(&at.daemon, &at.work.run, around, hook)
}

fn of_run(daemon: &Daemon, run: &Run, around: &Around, hook: &Hook) -> Told {
    let source = run.head.subject.as_deref().unwrap_or_default();
    let (mut host, mut port, mut socket) = (String::new(), String::new(), String::new());
    if let Ok(source) = daemon.source(source) {
        let info = &source.cluster.conninfo;
        port = info.port.to_string();
        match &info.host {
            wire::Host::Unix(folder) => (host, socket) = ("localhost".to_owned(), folder.display().to_string()),
            wire::Host::Tcp { name, .. } => host.clone_from(name),
        }
    }
    let pairs = [
        ("operation", run.head.id.as_str()),
        ("stack", &around.stack),
        ("source", source),
        ("moment", &around.asked),
        ("phase", hook.when.name()),
        ("host", &host),
        ("port", &port),
        ("socket", &socket),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

const PAGES_PATIENCE: Duration = Duration::from_secs(20);

/// Puts up again the pages of operations that an earlier daemon was at: they were its own, and went with it.
pub(crate) async fn keep_up(daemon: &Daemon) -> Result<()> {
    let (mut runs, mut pages) = (Vec::new(), Vec::new());
    for kind in [OperationKind::Restore, OperationKind::Extract] {
        let kind = Some(kind_name(kind).to_owned());
        let filter = Filter { kind, unfinished: true, limit: LISTED_MAX, ..Filter::default() };
        runs.extend(daemon.runs.list(&filter).await?);
    }
    for run in runs.iter().filter(|run| is_announced(run)) {
        let Ok(around) = Around::deserialize(&run.plan().input) else { continue };
        for hook in around.outside.hooks_at(When::Announce) {
            if let HookSpec::MaintenancePage(page) = &hook.spec {
                pages.push((page.clone(), of_run(daemon, run, &around, hook)));
            }
        }
    }
    for (page, trouble) in maintenance_page::keep_up(&daemon.host, pages, PAGES_PATIENCE).await {
        tracing::error!(page = page.what(), trouble = trouble.what, "the maintenance page could not be put up again");
    }
    Ok(())
}

/// Also in part: what of it was up is taken down, or put up as a whole, by the operation.
fn is_announced(run: &Run) -> bool {
    let state = |name: &str| {
        let at = run.plan().steps.iter().position(|step| step.name == name)?;
        run.state.steps.get(at).map(|state| state.phase)
    };
    let is_up = matches!(state("announce"), Some(Phase::InFlight | Phase::Unknown | Phase::Partial | Phase::Done));
    is_up && state("announce-off") != Some(Phase::Done)
}
