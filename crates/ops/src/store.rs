//! Where runs are kept. What a store promises:
//!
//! - `add`, `ask`, `claim` and `record` are one transaction each: all of it is durable when they return, or nothing of it is there.
//! - Who claims gets an epoch that no one had before him. `record` and `say` of an older epoch change nothing and say so.
//! - A run whose lease is over can be claimed. If a try was in flight, the claim itself records that it is lost.
//! - Events are numbered without gaps; applied in order they give the state that is kept.
//! - Of runs with one lane no two are unfinished; of runs with one key there is only one.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::moves::{Event, Illegal, Next};
use crate::run::{Head, Run, Status};
use crate::step::Line;

mod memory;
mod sql;

pub use memory::MemoryStore;
pub use sql::SqlStore;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Illegal(#[from] Illegal),
    #[error("there is no operation {0}")]
    Unknown(String),
    /// Another unfinished one has the lane.
    #[error("operation {0} of the same kind is not over yet")]
    Busy(String),
    #[error("the lease on operation {run} was lost: epoch {epoch} is over")]
    Lost { run: String, epoch: i64 },
    #[error("the catalog's database failed")]
    Database(#[from] sqlx::Error),
    #[error("the catalog's tables could not be made")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("operation {run} in the catalog cannot be read: {what}")]
    Damaged { run: String, what: String },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The right to write to a run, until it is over or somebody has a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    pub run: String,
    pub epoch: i64,
}

/// Who claims, and what he takes.
#[derive(Debug, Clone)]
pub struct Claim {
    pub owner: String,
    pub place: String,
    pub ttl: Duration,
    /// Kinds of which he has enough, or that he does not know how to do.
    pub not: Vec<String>,
}

/// The most runs that one list gives, however many are asked for.
pub const LISTED_MAX: u32 = 1000;

/// Which runs to list: the newest first, older than `before`.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub kind: Option<String>,
    pub subject: Option<String>,
    pub status: Option<Status>,
    pub unfinished: bool,
    /// Made before this one, in the list's order.
    pub before: Option<(Timestamp, String)>,
    pub limit: u32,
}

/// An event as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub n: u64,
    pub at: Timestamp,
    pub epoch: i64,
    pub event: Event,
}

/// A line of the log as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub n: u64,
    pub at: Timestamp,
    pub step: usize,
    pub level: String,
    pub text: String,
}

#[async_trait]
pub trait Store: Debug + Send + Sync {
    async fn now(&self) -> Result<Timestamp>;

    /// Keeps a new run, planned; `key` makes asking twice harmless: then the first run is given.
    async fn add(&self, head: &Head, key: Option<&str>) -> Result<Run>;

    /// What a person says.
    async fn ask(&self, run: &str, event: &Event) -> Result<Run>;

    async fn claim(&self, claim: &Claim) -> Result<Option<(Lease, Run)>>;

    /// Makes leases longer. Gives those that are lost.
    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>>;

    /// What happened, with the lines that were said on the way. Where the run goes on at once, the next try begins with it: the
    /// caller finds it in flight.
    async fn record(&self, lease: &Lease, event: &Event, lines: &[Line]) -> Result<Run>;

    async fn say(&self, lease: &Lease, lines: &[Line]) -> Result<()>;

    /// Gives the lease back; the run can be claimed when it is due.
    async fn release(&self, lease: &Lease) -> Result<()>;

    async fn run(&self, id: &str) -> Result<Option<Run>>;

    async fn list(&self, filter: &Filter) -> Result<Vec<Run>>;

    /// Those behind the `after`th.
    async fn events(&self, run: &str, after: u64) -> Result<Vec<Recorded>>;

    async fn lines(&self, run: &str, after: u64, limit: u32) -> Result<Vec<Said>>;

    /// Removes runs that ended before this. Gives how many.
    async fn forget(&self, ended_before: Timestamp) -> Result<u64>;
}

/// What a claim does to a run: a try that was in flight is lost, and what can begin begins.
fn take_over(run: &mut Run, now: Timestamp) -> Result<Vec<Event>, Illegal> {
    let mut events = Vec::new();
    if matches!(run.next(now), Next::InFlight { .. } | Next::Undoing { .. }) {
        run.apply(now, &Event::Lost)?;
        events.push(Event::Lost);
    }
    events.extend(begin_next(run, now)?);
    Ok(events)
}

/// What an event does, and what begins with it.
fn go_on(run: &mut Run, now: Timestamp, event: &Event) -> Result<Vec<Event>, Illegal> {
    run.apply(now, event)?;
    let mut events = vec![event.clone()];
    events.extend(begin_next(run, now)?);
    Ok(events)
}

fn begin_next(run: &mut Run, now: Timestamp) -> Result<Option<Event>, Illegal> {
    let event = match run.next(now) {
        Next::Act { step } => Event::Began { step },
        Next::Undo { step } => Event::UndoBegan { step },
        _ => return Ok(None),
    };
    run.apply(now, &event)?;
    Ok(Some(event))
}

/// When somebody should look at a run; nothing while it waits for a person or is over.
fn due(run: &Run, now: Timestamp) -> Option<Timestamp> {
    match run.next(now) {
        Next::Nothing => None,
        Next::Wait { until } => Some(until),
        _ => Some(now),
    }
}
