//! What a step is to who writes one: what it does, how it is looked at, how it is undone. Obligations, not suggestions:
//!
//! - `act` and `undo` look, then act: done twice they leave the same as done once.
//! - `act` fails clean only when it knows that nothing happened. In doubt it says unknown, and `look` finds out.
//! - `look` says that nothing of it is there only when it knows; and that it is done only of what this run has done.
//! - `undo` takes back whatever part of `act` there is, by the plan, the outputs of the steps before and the world: its own step may have
//!   no output. Where there is nothing it does no harm.
//! - All it needs to go on after a crash stands in the plan and in the outputs of the steps before.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Notify;

use crate::run::{Failure, Instead, Outcome, Run};

/// What a look finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This run did it, to its end; what it left.
    Done(Value),
    /// It is known that nothing of it is there.
    NotDone,
    /// It may have acted, wholly or in part: it is tried again, or undone.
    Unknown,
}

#[async_trait]
pub trait Step: Debug + Send + Sync {
    async fn act(&self, at: &Work) -> Result<Value, Failure>;

    /// Whether a try of which nothing is known has done it. A step that says nothing more is one that may have acted.
    async fn look(&self, _at: &Work) -> Result<Found, Failure> {
        Ok(Found::Unknown)
    }

    /// Takes back what `act` did, or what part of it there is. Called only for steps whose plan says how it is undone.
    async fn undo(&self, _at: &Work) -> Result<(), Failure> {
        Ok(())
    }
}

/// A kind of operation: its steps by name.
#[derive(Debug, Clone)]
pub struct Kind {
    pub name: &'static str,
    pub steps: Vec<(&'static str, Arc<dyn Step>)>,
}

/// All kinds that a program knows.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Kind>,
}

impl Registry {
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Registry {
        Registry { kinds: kinds.into_iter().map(|kind| (kind.name, kind)).collect() }
    }

    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.values()
    }

    pub fn step(&self, kind: &str, step: &str) -> Option<&Arc<dyn Step>> {
        self.kinds.get(kind)?.steps.iter().find(|(name, _)| *name == step).map(|(_, step)| step)
    }
}

/// One try of a step, as the step sees it.
#[derive(Debug, Clone)]
pub struct Work {
    pub run: Arc<Run>,
    /// Number of the step in the plan.
    pub step: usize,
    pub stop: Arc<Stop>,
    pub(crate) lines: tokio::sync::mpsc::UnboundedSender<Line>,
}

/// A line of an operation's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub step: usize,
    pub level: Level,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Info,
    Warning,
    Error,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

impl Work {
    pub fn input(&self) -> &Value {
        &self.run.plan().input
    }

    /// What a step before left.
    pub fn output(&self, step: &str) -> &Value {
        self.run.output(step)
    }

    /// What this step left, for its undo.
    pub fn own_output(&self) -> &Value {
        self.run.state.steps.get(self.step).map_or(&Value::Null, |step| &step.output)
    }

    /// A line in the operation's log.
    pub fn say(&self, text: impl Into<String>) {
        self.line(Level::Info, text);
    }

    pub fn warn(&self, text: impl Into<String>) {
        self.line(Level::Warning, text);
    }

    pub fn line(&self, level: Level, text: impl Into<String>) {
        let _ = self.lines.send(Line { step: self.step, level, text: text.into() });
    }
}

/// Told to a step that shall come to its end: a person cancelled, or the daemon goes.
#[derive(Debug, Default)]
pub struct Stop {
    cancelled: AtomicBool,
    leaving: AtomicBool,
    told: Notify,
}

impl Stop {
    pub fn is_asked(&self) -> bool {
        self.is_cancelled() || self.is_leaving()
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// The daemon ends, or lost the lease; another goes on. What the step says now is not heard.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// For an undo, which is not cut short by what it is done for. Leaving is still heard by the worker.
    pub(crate) fn without_cancel(&self) -> Arc<Stop> {
        let stop = Stop::default();
        stop.leaving.store(self.is_leaving(), Ordering::Release);
        Arc::new(stop)
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    /// Returns when it is asked.
    pub async fn asked(&self) {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.is_asked() {
                return;
            }
            told.await;
        }
    }
}

impl Failure {
    /// Nothing happened, and trying again does not help.
    pub fn clean(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Failure {
        let (code, message, hint) = (code.to_owned(), message.into(), hint.into());
        Failure { outcome: Outcome::Clean, retryable: false, code, message, hint, causes: Vec::new(), instead: None }
    }

    /// Nothing happened, and this is what becomes of the run.
    pub fn instead(code: &str, message: impl Into<String>, hint: impl Into<String>, instead: Instead) -> Failure {
        Failure { instead: Some(instead), ..Failure::clean(code, message, hint) }
    }

    #[must_use]
    pub fn retryable(mut self) -> Failure {
        self.retryable = true;
        self
    }

    #[must_use]
    pub fn unknown(mut self) -> Failure {
        self.outcome = Outcome::Unknown;
        self
    }
}
