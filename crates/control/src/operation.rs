//! Operations of the product, on the durable ones of `ops`: what they are made of, how they are asked for, how they are shown. What each
//! one does stands in a sibling, one file each, with its table of steps.
//!
//! ```text
//!   asked ──► plan ──► run in the catalog ──► worker: step by step ──► result
//!                         a daemon that ends in the middle is followed by the next, which looks and goes on
//! ```

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
#[cfg(debug_assertions)]
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::OperationKind;
use async_trait::async_trait;
use jiff::Timestamp;
use ops::store::LISTED_MAX;
use ops::{
    Event, Failure, Filter, Found, Head, Instead, Kind, Outcome, Plan, Registry, Retry, Run, Step, StepPlan, Store,
    Work,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vault::backup::tree::Progress;

use crate::config::LimitSettings;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::{approvals, consent, views};

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod clone;
pub(crate) mod drill;
pub(crate) mod expire;
pub(crate) mod extract;
#[cfg(debug_assertions)]
mod fault;
pub(crate) mod instance;
pub(crate) mod pin;
pub(crate) mod protect;
pub(crate) mod restore;
pub(crate) mod retire;
mod view;

pub(crate) use view::{kind_name, view, way_back};

const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Operations shown in a list when nobody says how many.
const LISTED: u32 = 200;

/// A kind of operation: its steps by name, with what does them.
pub(crate) struct Table {
    pub(crate) kind: OperationKind,
    pub(crate) parts: Vec<(&'static str, Arc<dyn Part>)>,
}

/// All there are. The laws are tested by going through it.
pub(crate) fn tables() -> Vec<Table> {
    let each = vec![
        backup::table(),
        check::table(),
        clone::table(),
        clone::peek_table(),
        drill::table(),
        expire::table(),
        extract::table(),
        pin::table(),
        pin::unpin_table(),
        protect::table(),
        protect::unprotect_table(),
        restore::table(),
        retire::table(),
    ];
    each.into_iter().chain(instance::tables()).collect()
}

pub(crate) fn registry(daemon: &Daemon) -> Registry {
    let adapted = |(name, part): (&'static str, Arc<dyn Part>)| {
        let step: Arc<dyn Step> = Arc::new(Adapted { daemon: daemon.clone(), part });
        (name, step)
    };
    let kind =
        |table: Table| Kind { name: kind_name(table.kind), steps: table.parts.into_iter().map(adapted).collect() };
    Registry::new(tables().into_iter().map(kind))
}

/// What a step does, in the words of this crate; see `ops::step` for what it owes.
#[async_trait]
pub(crate) trait Part: Debug + Send + Sync {
    async fn act(&self, at: &At) -> Result<Value>;

    async fn look(&self, _at: &At) -> Result<Found> {
        Ok(Found::Unknown)
    }

    async fn undo(&self, _at: &At) -> Result<()> {
        Ok(())
    }
}

/// Where a step stands.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) daemon: Daemon,
    pub(crate) work: Work,
    pub(crate) watch: Arc<Watch>,
}

impl At {
    pub(crate) fn id(&self) -> &str {
        &self.work.run.head.id
    }

    pub(crate) fn input<T: DeserializeOwned>(&self) -> Result<T> {
        read(self.work.input())
    }

    /// Whether an earlier try may have left something.
    pub(crate) fn is_again(&self) -> bool {
        self.work.run.state.steps.get(self.work.step).is_some_and(|step| step.attempts > 1)
    }

    /// A part of a step's effect is done, and is said in the operation's log. Where it fails here the step has acted in part: the laws are tested
    /// at each of these points.
    pub(crate) fn effect(&self, text: impl Into<String>) -> Result<()> {
        self.work.say(text);
        #[cfg(debug_assertions)]
        fault::at_effect(self)?;
        Ok(())
    }

    /// Lets go of what is waited for when somebody cancels. Who only leaves gives it time to come to its end.
    pub(crate) async fn unless_cancelled<T>(&self, waited_for: impl Future<Output = T>) -> Result<T> {
        let cancelled = async {
            self.work.stop.asked().await;
            if !self.work.stop.is_cancelled() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            done = waited_for => Ok(done),
            () = cancelled => Err(vault::Error::Cancelled.into()),
        }
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T> {
    let broken = |e: serde_json::Error| vault::Error::Internal(format!("an operation's plan: {e}"));
    Ok(T::deserialize(value).map_err(broken)?)
}

#[derive(Debug)]
struct Adapted {
    daemon: Daemon,
    part: Arc<dyn Part>,
}

impl Adapted {
    fn at(&self, work: &Work) -> At {
        At { daemon: self.daemon.clone(), work: work.clone(), watch: Watch::new() }
    }
}

#[async_trait]
impl Step for Adapted {
    async fn act(&self, work: &Work) -> Result<Value, Failure> {
        let at = self.at(work);
        let _live = self.daemon.running.enter(at.id(), &at.watch);
        #[cfg(debug_assertions)]
        if let Some(fault) = fault::of(&at) {
            return fault::act(fault, self.part.as_ref(), &at).await;
        }
        let acting = self.part.act(&at);
        tokio::pin!(acting);
        let done = tokio::select! {
            done = &mut acting => done,
            () = work.stop.asked() => {
                at.watch.cancel();
                acting.await
            }
        };
        done.map_err(|error| failure(work, &error))
    }

    async fn look(&self, work: &Work) -> Result<Found, Failure> {
        self.part.look(&self.at(work)).await.map_err(|error| failure(work, &error))
    }

    async fn undo(&self, work: &Work) -> Result<(), Failure> {
        self.part.undo(&self.at(work)).await.map_err(|error| failure(work, &error))
    }
}

/// What an error leaves is looked at, but for those that say that nothing was touched. Two say what becomes of the run instead.
fn failure(work: &Work, error: &Error) -> Failure {
    let body = error.body();
    let instead = match error {
        Error::NotYet(until) => {
            work.say(&body.message);
            Some(Instead::Wait { until: *until })
        }
        Error::PlanChanged { plan, .. } => Some(Instead::Approve { plan: plan.clone() }),
        _ => None,
    };
    if !matches!(instead, Some(Instead::Wait { .. })) {
        work.line(ops::Level::Error, format!("{} ({})", body.told(), body.code));
    }
    Failure {
        outcome: if instead.is_some() || matches!(error, Error::InTheWay(_)) {
            Outcome::Clean
        } else {
            Outcome::Unknown
        },
        retryable: error.kind() == crate::Kind::Unavailable,
        code: body.code,
        message: body.message,
        hint: body.hint.unwrap_or_default(),
        causes: body.causes,
        instead,
    }
}

/// How far a step is; shared between who does it, who shows it and who cancels it.
#[derive(Debug, Default)]
pub struct Watch {
    pub(crate) progress: Arc<Progress>,
    /// Parts of the step's effect that this try has come to.
    #[cfg(debug_assertions)]
    effects: AtomicU32,
    step: Mutex<String>,
}

impl Watch {
    pub fn new() -> Arc<Watch> {
        Arc::default()
    }

    pub fn operation_progress(&self) -> (String, api::Progress) {
        let progress = api::Progress {
            bytes_total: self.progress.bytes_total.load(Ordering::Relaxed),
            bytes_done: self.progress.bytes_done.load(Ordering::Relaxed),
            bytes_moved: self.progress.bytes_moved.load(Ordering::Relaxed),
        };
        (self.step.lock().unwrap_or_else(PoisonError::into_inner).clone(), progress)
    }

    pub fn cancel(&self) {
        self.progress.cancel();
    }

    pub(crate) fn step(&self, name: &str) {
        name.clone_into(&mut self.step.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// How far the steps are that this daemon does now.
#[derive(Debug, Default)]
pub(crate) struct Running {
    live: Mutex<HashMap<String, Arc<Watch>>>,
}

pub(crate) struct Live<'a> {
    running: &'a Running,
    id: String,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Watch>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, id: &str, watch: &Arc<Watch>) -> Live<'_> {
        self.lock().insert(id.to_owned(), watch.clone());
        Live { running: self, id: id.to_owned() }
    }

    pub(crate) fn watch(&self, id: &str) -> Option<Arc<Watch>> {
        self.lock().get(id).cloned()
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.running.lock().remove(&self.id);
    }
}

/// Who asks, and why.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) name: String,
    pub(crate) why: String,
    /// The same key asks for the same operation.
    pub(crate) key: Option<String>,
}

/// An operation that is wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) kind: OperationKind,
    pub(crate) source: Option<&'a str>,
    /// What no other unfinished operation may be about.
    pub(crate) alone: Option<String>,
    pub(crate) input: Value,
    pub(crate) steps: Vec<StepPlan>,
}

/// A step that is tried as often as is usual, and has nothing to take back.
pub(crate) fn step(name: &str, what: &str) -> StepPlan {
    StepPlan {
        name: name.to_owned(),
        what: what.to_owned(),
        undo: None,
        retry: Retry::USUAL,
        about_ms: None,
        timeout_ms: None,
    }
}

pub(crate) fn input(value: &impl Serialize) -> Result<Value> {
    views::to_json(value)
}

/// Puts an operation into the catalog, from where it is done. Returns it as it stands then.
pub(crate) async fn submit(daemon: &Daemon, wanted: Wanted<'_>, by: By) -> Result<api::Operation> {
    submit_with(daemon, wanted, by, false).await
}

/// With `waive` nobody need agree to it: who asks said so in so many words.
pub(crate) async fn submit_with(daemon: &Daemon, wanted: Wanted<'_>, by: By, waive: bool) -> Result<api::Operation> {
    let kind = kind_name(wanted.kind);
    let lane = wanted.alone;
    let needed = approvals::needed(daemon, wanted.kind, wanted.source).await?;
    let (waived, approvals) = if waive { (needed > 0, 0) } else { (false, needed) };
    let head = Head {
        id: vault::names::hex(&daemon.host.env.random::<6>()),
        kind: kind.to_owned(),
        subject: wanted.source.map(str::to_owned),
        lane,
        place: if is_local(wanted.kind) { daemon.place() } else { None },
        asked_by: by.name.clone(),
        why: by.why,
        plan: Plan { input: wanted.input, steps: wanted.steps, approvals, waived },
        created: daemon.runs.now().await?,
    };
    if waived {
        consent::record(daemon, &head).await?;
    }
    let added = daemon.runs.add(&head, by.key.as_deref()).await.map_err(|error| busy(error, kind, wanted.source))?;
    let run = match added.state.status {
        ops::Status::Planned => daemon.runs.ask(&added.head.id, &Event::Submitted { by: by.name }).await?,
        _ => added,
    };
    tracing::info!(operation = run.head.id, kind, source = wanted.source, by = run.head.asked_by, "asked for");
    daemon.worker().wake();
    Ok(view(daemon, &run))
}

/// What it makes lies on a host's disk, so no other host can go on with it.
fn is_local(kind: OperationKind) -> bool {
    use OperationKind::{Clone, Detach, Drill, Extract, Peek, Remove, Restore, Retire, Start, Stop};
    matches!(kind, Clone | Drill | Extract | Peek | Restore | Retire | Start | Stop | Detach | Remove)
}

fn busy(error: ops::store::Error, kind: &'static str, source: Option<&str>) -> Error {
    match error {
        ops::store::Error::Busy(id) => Error::Busy { kind, source_name: source.unwrap_or("the vault").to_owned(), id },
        other => other.into(),
    }
}

/// What a person says to an operation.
pub(crate) async fn tell(daemon: &Daemon, id: &str, event: &Event) -> Result<api::Operation> {
    let run = daemon.runs.ask(id, event).await?;
    daemon.worker().told(&run);
    Ok(view(daemon, &run))
}

async fn run_of(daemon: &Daemon, id: &str) -> Result<Run> {
    let run = daemon.runs.run(id).await?;
    run.ok_or_else(|| Error::Unknown { what: "operation", name: id.to_owned() })
}

pub(crate) async fn find(daemon: &Daemon, id: &str) -> Result<api::Operation> {
    Ok(find_with_events(daemon, id).await?.0)
}

/// With how many events it has had: more mean that it has changed.
pub(crate) async fn find_with_events(daemon: &Daemon, id: &str) -> Result<(api::Operation, u64)> {
    let run = run_of(daemon, id).await?;
    Ok((view(daemon, &run), run.state.events))
}

/// What is agreed to by who approves it.
pub(crate) async fn plan(daemon: &Daemon, id: &str) -> Result<api::RestorePlan> {
    let run = run_of(daemon, id).await?;
    let what = format!("operation {id} has its steps and no other plan: `rekindle ops show {id}`");
    restore::plan_of(&run).ok_or(Error::Ask(what))
}

/// Those that are not over and the newest of those that are, with how many events each has had.
pub(crate) async fn recent(daemon: &Daemon) -> Result<Vec<(api::Operation, u64)>> {
    let newest = Filter { limit: LISTED, ..Filter::default() };
    let mut runs = daemon.runs.list(&newest).await?;
    let unfinished = daemon.runs.list(&Filter { unfinished: true, ..newest }).await?;
    let known: HashSet<String> = runs.iter().map(|run| run.head.id.clone()).collect();
    runs.extend(unfinished.into_iter().filter(|run| !known.contains(&run.head.id)));
    Ok(runs.iter().map(|run| (view(daemon, run), run.state.events)).collect())
}

/// Where an operation stands in the list of all.
pub(crate) async fn place_of(daemon: &Daemon, id: &str) -> Result<(Timestamp, String)> {
    let run = run_of(daemon, id).await?;
    Ok((run.head.created, run.head.id))
}

pub(crate) async fn list(daemon: &Daemon, filter: Filter) -> Result<Vec<api::Operation>> {
    let limit = if filter.limit == 0 { LISTED } else { filter.limit };
    let runs = daemon.runs.list(&Filter { limit, ..filter }).await?;
    Ok(runs.iter().map(|run| view(daemon, run)).collect())
}

/// The same of those that somebody may see: a page is as full as there are such.
pub(crate) async fn list_seen(
    daemon: &Daemon,
    mut filter: Filter,
    may_see: impl Fn(&api::Operation) -> bool,
) -> Result<Vec<api::Operation>> {
    filter.limit = if filter.limit == 0 { LISTED } else { filter.limit.min(LISTED_MAX) };
    let limit = filter.limit as usize;
    let mut found = Vec::new();
    loop {
        let page = list(daemon, filter.clone()).await?;
        let last = page.last().filter(|_| page.len() == limit).map(|last| last.id.clone());
        found.extend(page.into_iter().filter(&may_see));
        found.truncate(limit);
        match last {
            Some(last) if found.len() < limit => filter.before = Some(place_of(daemon, &last).await?),
            _ => return Ok(found),
        }
    }
}

/// Does it while who asks waits. What it came to, or its error.
pub(crate) async fn at_once(daemon: &Daemon, wanted: Wanted<'_>, by: By) -> Result<Option<Value>> {
    let begun = submit(daemon, wanted, by).await?;
    let over = until_over(daemon, &begun.id).await?;
    match over.error {
        Some(error) => Err(Error::OfOperation(Box::new(error))),
        None => Ok(over.result),
    }
}

/// Returns when nothing goes on by itself any more.
pub(crate) async fn until_over(daemon: &Daemon, id: &str) -> Result<api::Operation> {
    loop {
        let shown = find(daemon, id).await?;
        if !shown.status.is_moving() && shown.status != api::OperationStatus::Planned {
            return Ok(shown);
        }
        something_changed(daemon, LOOK_AGAIN).await;
    }
}

/// Or so much time has passed: what another daemon or the clock changes is not told.
pub(crate) async fn something_changed(daemon: &Daemon, patience: Duration) {
    tokio::select! {
        () = daemon.worker().changed() => {}
        () = tokio::time::sleep(patience) => {}
    }
}

pub(crate) async fn unfinished(daemon: &Daemon) -> Result<Vec<api::Operation>> {
    list(daemon, Filter { unfinished: true, ..Filter::default() }).await
}

pub(crate) async fn log(daemon: &Daemon, id: &str, after: u64) -> Result<Vec<api::LogLine>> {
    const LINES: u32 = 1000;
    let run = run_of(daemon, id).await?;
    let step = |step: usize| run.plan().steps.get(step).map_or(String::new(), |step| step.name.clone());
    let line = |said: ops::store::Said| api::LogLine {
        n: said.n,
        at: said.at,
        step: step(said.step),
        level: said.level,
        text: said.text,
    };
    Ok(daemon.runs.lines(id, after, LINES).await?.into_iter().map(line).collect())
}

/// How the daemon's worker works.
pub(crate) fn worker_settings(limits: &LimitSettings, owner: String, place: String) -> ops::WorkerSettings {
    ops::WorkerSettings {
        owner,
        place,
        ttl: Duration::from_secs(20),
        look_every: Duration::from_millis(500),
        most: limits.operations,
        most_of: [(OperationKind::Backup, limits.backups), (OperationKind::Drill, limits.drills)]
            .map(|(kind, most)| (kind_name(kind).to_owned(), most))
            .into(),
    }
}
