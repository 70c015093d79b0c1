//! Does what is due: claims runs, does one step after the other, keeps the leases. Several workers, in several processes, may share one
//! store.
//!
//! A worker that cannot make its leases longer stops what it does before they are over by its own clock, so that no two do one thing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::moves::{Event, Next};
use crate::run::{Failure, Outcome, Run, Wish};
use crate::step::{Found, Line, Registry, Stop, Work};
use crate::store::{Claim, Error, Lease, Result, Store};

#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Unique for each process that ever runs.
    pub owner: String,
    /// The host: runs that must be done elsewhere are left alone.
    pub place: String,
    pub ttl: Duration,
    /// How often it looks for what is due, if nobody wakes it.
    pub look_every: Duration,
    /// Runs at a time; and of some kinds fewer.
    pub most: usize,
    pub most_of: BTreeMap<String, usize>,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Worker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    registry: Registry,
    settings: WorkerSettings,
    held: Mutex<HashMap<Lease, Held>>,
    wake: Notify,
    changed: Notify,
    leaving: Stop,
    trouble: Mutex<Option<String>>,
}

#[derive(Debug, Clone)]
struct Held {
    kind: String,
    stop: Arc<Stop>,
    /// Until then nobody else can have it.
    until: Instant,
}

const RECORD_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How often lines are written while a step goes on.
const SAY_EVERY: Duration = Duration::from_millis(300);

impl Worker {
    pub fn new(store: Arc<dyn Store>, registry: Registry, settings: WorkerSettings) -> Worker {
        let (held, wake, changed, leaving) = (Mutex::default(), Notify::new(), Notify::new(), Stop::default());
        let trouble = Mutex::default();
        Worker { inner: Arc::new(Inner { store, registry, settings, held, wake, changed, leaving, trouble }) }
    }

    /// Why nothing goes on, while the store fails.
    pub fn trouble(&self) -> Option<String> {
        self.inner.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes whether the store failed.
    fn noted<T>(&self, done: Result<T>) -> Result<T> {
        let trouble = match &done {
            Err(Error::Database(error)) => Some(error.to_string()),
            _ => None,
        };
        *self.inner.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        done
    }

    /// Something may be due.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Returns when something has changed that this worker knows of; people who watch wait for it, and look again from time to time.
    pub async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    /// A person said something to a run: who works on it hears it at once, when it is done here.
    pub fn told(&self, run: &Run) {
        if run.state.wish == Some(Wish::Cancel) {
            self.held().iter().filter(|(lease, _)| lease.run == run.head.id).for_each(|(_, held)| held.stop.cancel());
        }
        self.inner.changed.notify_waiters();
        self.wake();
    }

    /// Ends the worker: steps are told to leave, and those that do not are cut short. What they were at is looked at by the next.
    pub fn leave(&self) {
        self.inner.leaving.leave();
        self.held().values().for_each(|held| held.stop.leave());
        self.wake();
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Lease, Held>> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until it is told to leave.
    pub async fn work(&self) {
        let _keeping = AbortOnDrop(tokio::spawn(self.clone().keep_leases()));
        let mut at_work = JoinSet::new();
        while !self.inner.leaving.is_asked() {
            self.claim_what_is_due(&mut at_work).await;
            tokio::select! {
                () = self.inner.wake.notified() => {}
                () = self.inner.leaving.asked() => {}
                () = tokio::time::sleep(self.inner.settings.look_every) => {}
                Some(_) = at_work.join_next(), if !at_work.is_empty() => {}
            }
        }
        while at_work.join_next().await.is_some() {}
    }

    async fn claim_what_is_due(&self, at_work: &mut JoinSet<()>) {
        while let Some(not) = self.enough() {
            let settings = &self.inner.settings;
            let (owner, place) = (settings.owner.clone(), settings.place.clone());
            let until = Instant::now() + settings.ttl;
            match self.noted(self.inner.store.claim(&Claim { owner, place, ttl: settings.ttl, not }).await) {
                Ok(Some((lease, run))) => {
                    let held = Held { kind: run.head.kind.clone(), stop: Arc::default(), until };
                    self.held().insert(lease.clone(), held.clone());
                    at_work.spawn(self.clone().hold(lease, run, held.stop));
                }
                Ok(None) => return,
                Err(error) => {
                    let cause = self.trouble();
                    tracing::error!(%error, cause, "the catalog could not be asked what is due");
                    return;
                }
            }
        }
    }

    /// Kinds of which there is enough, or nothing when nothing more fits.
    fn enough(&self) -> Option<Vec<String>> {
        let (held, settings) = (self.held(), &self.inner.settings);
        let full =
            |(kind, most): &(&String, &usize)| held.values().filter(|held| held.kind == **kind).count() >= **most;
        let fits = held.len() < settings.most && !self.inner.leaving.is_asked();
        fits.then(|| settings.most_of.iter().filter(full).map(|(kind, _)| kind.clone()).collect())
    }

    /// Drives a run as far as it goes, then gives it back.
    async fn hold(self, lease: Lease, run: Run, stop: Arc<Stop>) {
        let id = lease.run.clone();
        match self.drive(&lease, run, &stop).await {
            Ok(()) => {
                if let Err(error) = self.inner.store.release(&lease).await {
                    tracing::warn!(operation = id, %error, "the lease could not be given back; it ends by itself");
                }
            }
            Err(Error::Lost { .. }) => tracing::warn!(operation = id, "somebody else has taken it over"),
            Err(error) => {
                tracing::error!(operation = id, %error, "the catalog failed; it is taken up again when it can");
            }
        }
        self.held().remove(&lease);
        self.inner.changed.notify_waiters();
        self.wake();
    }

    async fn drive(&self, lease: &Lease, mut run: Run, stop: &Arc<Stop>) -> Result<()> {
        loop {
            if run.state.wish == Some(Wish::Cancel) {
                stop.cancel();
            }
            let now = self.inner.store.now().await?;
            let Some((event, lines)) = self.one(lease, &run, stop, now).await? else { return Ok(()) };
            run = self.record(lease, &event, &lines).await?;
            self.inner.changed.notify_waiters();
        }
    }

    /// What happened is not done again because the catalog failed for a moment: we go on trying as long as the lease is ours.
    async fn record(&self, lease: &Lease, event: &Event, lines: &[Line]) -> Result<Run> {
        loop {
            match self.noted(self.inner.store.record(lease, event, lines).await) {
                Err(Error::Database(error)) if self.is_ours(lease) && !self.inner.leaving.is_asked() => {
                    tracing::error!(operation = lease.run, %error, "what happened could not be recorded; we try again");
                    tokio::time::sleep(RECORD_AGAIN_AFTER).await;
                }
                done => return done,
            }
        }
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        self.held().get(lease).is_some_and(|held| Instant::now() < held.until)
    }

    /// One try of whatever is next, and what came of it.
    async fn one(
        &self,
        lease: &Lease,
        run: &Run,
        stop: &Arc<Stop>,
        now: Timestamp,
    ) -> Result<Option<(Event, Vec<Line>)>> {
        let (sender, mut lines) = mpsc::unbounded_channel();
        let next = run.next(now);
        let step = match next {
            Next::InFlight { step } | Next::Undoing { step } | Next::Look { step } => step,
            // The store begins what can begin, so this is for another time, for a person, or for nobody.
            Next::Act { .. } | Next::Undo { .. } | Next::Wait { .. } | Next::Nothing => return Ok(None),
        };
        // Who goes back does so although it was cancelled: that is why.
        let stop = if matches!(next, Next::Undoing { .. }) { stop.without_cancel() } else { stop.clone() };
        let work = Work { run: Arc::new(run.clone()), step, stop: stop.clone(), lines: sender };
        let doing = self.clone().event(next, work);
        tokio::pin!(doing);
        loop {
            tokio::select! {
                event = &mut doing => {
                    let mut rest = Vec::new();
                    while let Ok(line) = lines.try_recv() {
                        rest.push(line);
                    }
                    // Who was told to leave has not failed: the next one finds out how far it came.
                    return Ok((!stop.is_leaving() || is_good(&event)).then_some((event, rest)));
                }
                () = tokio::time::sleep(SAY_EVERY) => self.say(lease, &mut lines).await?,
                () = self.must_go(lease) => return Err(Error::Lost { run: lease.run.clone(), epoch: lease.epoch }),
            }
        }
    }

    async fn say(&self, lease: &Lease, lines: &mut mpsc::UnboundedReceiver<Line>) -> Result<()> {
        let mut said = Vec::new();
        while let Ok(line) = lines.try_recv() {
            said.push(line);
        }
        if said.is_empty() {
            return Ok(());
        }
        self.inner.changed.notify_waiters();
        match self.inner.store.say(lease, &said).await {
            // A line less in the log; the step itself goes on.
            Err(Error::Database(error)) => {
                tracing::error!(operation = lease.run, %error, "lines of the log could not be written");
                Ok(())
            }
            said => said,
        }
    }

    /// Returns when the lease is over, or the worker has left and the step had time to come to an end.
    async fn must_go(&self, lease: &Lease) {
        loop {
            let until = self.held().get(lease).map(|held| held.until);
            match until {
                Some(until) if Instant::now() < until => {
                    tokio::select! {
                        () = tokio::time::sleep_until(until) => {}
                        () = self.inner.leaving.asked() => {
                            tokio::time::sleep(LEAVE_PATIENCE).await;
                            return;
                        }
                    }
                }
                _ => return,
            }
        }
    }

    async fn event(self, next: Next, work: Work) -> Event {
        let step = work.step;
        let planned = &work.run.plan().steps[step];
        let timeout_ms = planned.timeout_ms;
        let Some(does) = self.inner.registry.step(&work.run.head.kind, &planned.name).cloned() else {
            return not_known(next, step, &work);
        };
        // In a task of its own: a panic is a failure of the step, not the end of the worker.
        let task = tokio::spawn(async move {
            match next {
                Next::InFlight { .. } => match does.act(&work).await {
                    Ok(output) => Event::Done { step, output },
                    Err(failure) => Event::Failed { step, failure },
                },
                Next::Undoing { .. } => match does.undo(&work).await {
                    Ok(()) => Event::UndoDone { step },
                    Err(failure) => Event::UndoFailed { step, failure },
                },
                _ => match does.look(&work).await {
                    Ok(Found::Done(output)) => Event::Done { step, output },
                    Ok(Found::NotDone) => Event::NotDone { step },
                    Ok(Found::Unknown) => Event::MaybeDone { step },
                    Err(failure) => Event::NotSeen { step, failure },
                },
            }
        });
        let timeout = timeout_ms.map_or(NEVER, Duration::from_millis);
        match tokio::time::timeout(timeout, AbortOnDrop(task).join()).await {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => failed(next, step, panicked(&error)),
            Err(_) => failed(next, step, took_too_long(timeout)),
        }
    }

    /// Makes the leases longer in time, and lets go of what was lost.
    async fn keep_leases(self) {
        let ttl = self.inner.settings.ttl;
        loop {
            tokio::time::sleep(ttl / 4).await;
            let leases: Vec<Lease> = self.held().keys().cloned().collect();
            if leases.is_empty() {
                continue;
            }
            let until = Instant::now() + ttl;
            match self.inner.store.renew(&leases, ttl).await {
                Ok(lost) => {
                    let mut held = self.held();
                    for lease in &leases {
                        let is_lost = lost.contains(lease);
                        if let Some(held) = held.get_mut(lease) {
                            held.until = if is_lost { Instant::now() } else { until };
                            if is_lost {
                                held.stop.leave();
                            }
                        }
                    }
                }
                Err(error) => tracing::error!(%error, "leases could not be made longer"),
            }
        }
    }
}

const NEVER: Duration = Duration::from_secs(u32::MAX as u64);
/// What a step gets to come to its end when the daemon goes.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// Who goes takes along what he began.
#[derive(Debug)]
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn join(mut self) -> std::result::Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn is_good(event: &Event) -> bool {
    matches!(event, Event::Done { .. } | Event::UndoDone { .. } | Event::NotDone { .. } | Event::MaybeDone { .. })
}

fn failed(next: Next, step: usize, failure: Failure) -> Event {
    match next {
        Next::Undoing { .. } => Event::UndoFailed { step, failure },
        Next::Look { .. } => Event::NotSeen { step, failure },
        _ => Event::Failed { step, failure },
    }
}

/// A plan of a newer program, or a step that was taken out of this one.
fn not_known(next: Next, step: usize, work: &Work) -> Event {
    let (kind, name) = (&work.run.head.kind, &work.run.plan().steps[step].name);
    let message = format!("this program does not know step {name} of a {kind}");
    let hint = "the plan was made by another version: start that one, or cancel the operation";
    failed(next, step, Failure::clean("RK-3041", message, hint))
}

fn took_too_long(timeout: Duration) -> Failure {
    let message = format!("the step took longer than {} s and was cut short", timeout.as_secs_f64());
    Failure::clean("RK-3040", message, "the operation's log says how far it came").retryable().unknown()
}

fn panicked(error: &tokio::task::JoinError) -> Failure {
    let hint = "this is a defect of Rekindle: please report it with the daemon's log";
    Failure { outcome: Outcome::Unknown, ..Failure::clean("RK-1099", format!("the step broke off: {error}"), hint) }
}
