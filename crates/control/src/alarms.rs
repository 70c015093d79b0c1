//! Alarms: what is wrong is looked at in one place, all the time; told of once, and never forgotten.
//!
//! ```text
//!   gather ──► judge (source, overdue, house) ──► core: alarms so far, conditions now ──► catalog: alarms and messages, at once
//!                                                                                             └─► tell: each channel at its own pace
//!   heartbeat: calls only while nothing in its scope is raised and the looks come
//! ```

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{BackupView, ConditionView};
use engine::postgres::receive::LogState;
use jiff::Timestamp;
use tokio::sync::Notify;
use vault::backup::catalog::BackupInfo;

pub(crate) mod channel;
pub(crate) mod condition;
pub(crate) mod core;
mod gather;
mod heartbeat;
mod house;
mod overdue;
mod source;
pub(crate) mod space;
mod tell;
mod view;
mod waived;
mod watch;

pub(crate) use gather::{BackupFact, Backups, Disk, backups, fact, work};
pub(crate) use house::{VAULT_SIZE, VaultMemory};
pub(crate) use tell::test;
pub(crate) use view::{about_no_source, list, show};

use crate::daemon::Daemon;
use crate::error::Result;
use crate::source::Source;
use crate::stacks;
use condition::Look;
use gather::{Server, Work};

/// What is known between looks. Everything that must outlive the daemon is in the catalog.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    memory: Mutex<Memory>,
    /// Messages wait to be sent.
    told: Notify,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Those that are raised, as in the catalog.
    pub(crate) raised: Vec<core::Alarm>,
    held: core::Held,
    pub(crate) sources: BTreeMap<String, SourceMemory>,
    pub(crate) vault: VaultMemory,
    /// Channels and heartbeats, by name.
    pub(crate) channels: BTreeMap<String, ChannelMemory>,
    /// Sources that could not be started, and why.
    not_started: BTreeMap<String, String>,
    pub(crate) size: house::SizeMemory,
    /// Of secrets and settings that stacks keep.
    pub(crate) kept: crate::kept::Memory,
    /// When the last look was complete.
    pub(crate) looked: Option<Timestamp>,
}

/// What the last close look at a source came to.
#[derive(Debug, Clone)]
pub(crate) struct SourceMemory {
    server: Option<Server>,
    pub(crate) disk: Disk,
    work: Option<Work>,
    /// As when the vault answered last.
    pub(crate) backups: Option<gather::Backups>,
    pub(crate) projected_rto: Option<f64>,
    look: Look,
}

/// How a channel or heartbeat does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ChannelMemory {
    pub(crate) failures: u32,
    pub(crate) failing_since: Option<Timestamp>,
    pub(crate) error: String,
}

const TAKE_UP_AGAIN: Duration = Duration::from_secs(5);
/// The first failure may pass by itself: it is tried again within a second.
const FAILURES_THAT_COUNT: u32 = 2;

impl ChannelMemory {
    pub(crate) fn fails(&self) -> bool {
        self.failures >= FAILURES_THAT_COUNT
    }

    fn note(&mut self, error: Option<&str>, now: Timestamp) {
        match error {
            None => *self = ChannelMemory::default(),
            Some(error) => {
                self.failures = self.failures.saturating_add(1);
                self.failing_since.get_or_insert(now);
                error.clone_into(&mut self.error);
            }
        }
    }
}

impl Alarms {
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A source that is in the catalog and cannot be started.
    pub(crate) fn source_not_started(&self, name: &str, why: String) {
        self.memory().not_started.insert(name.to_owned(), why);
    }
}

/// Runs as long as the daemon: looks, tells, and calls the heartbeats.
pub(crate) async fn run(daemon: Daemon) {
    // Without them all would be raised again.
    while let Err(error) = watch::take_up(&daemon).await {
        tracing::error!(%error, "the alarms of the last daemon cannot be read");
        tokio::time::sleep(TAKE_UP_AGAIN).await;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for channel in daemon.config.alerts.channel.clone() {
        tasks.spawn(tell::deliver(daemon.clone(), channel));
    }
    for beat in daemon.config.alerts.heartbeat.clone() {
        tasks.spawn(heartbeat::beat(daemon.clone(), beat));
    }
    tasks.spawn(house::keep_size(daemon.clone()));
    Box::pin(watch::watch(daemon)).await;
}

/// What stands out of a source now: its log and backups as they are, all else as it was seen last.
pub(crate) async fn of_source(
    daemon: &Daemon,
    source: &Source,
    log: &LogState,
    backups: Option<&[BackupInfo]>,
) -> Result<Vec<ConditionView>> {
    let now = daemon.host.env.now();
    let gaps = gather::gaps(daemon, &source.row.name, log).await?;
    let backups: Option<Vec<_>> = backups.map(|backups| backups.iter().map(gather::fact).collect());
    let stacks = stacks::all(daemon).await?;
    let memory = daemon.alarms.memory();
    let remembered = memory.sources.get(&source.row.name);
    let not_seen = Disk::NotSeen("not looked at yet".to_owned());
    let facts = source::Facts {
        name: &source.row.name,
        slot: &source.row.slot,
        log,
        gaps: &gaps,
        backups: backups.as_deref(),
        policy: watch::policy_of(&stacks, &source.row.name),
        server: remembered.and_then(|memory| memory.server.as_ref()),
        disk: remembered.map_or(&not_seen, |memory| &memory.disk),
        work: remembered.and_then(|memory| memory.work.as_ref()),
    };
    let look = source::judge(&facts, &daemon.config, now);
    Ok(look.found.iter().map(condition::Condition::view).collect())
}

/// What is not watched of a source, and why.
pub(crate) fn not_watched(daemon: &Daemon, name: &str) -> Vec<String> {
    match daemon.alarms.memory().sources.get(name).map(|memory| memory.disk.clone()) {
        Some(Disk::NotSeen(why)) => vec![format!("the server's disk: {why}")],
        _ => Vec::new(),
    }
}

/// How many backups a source had when the vault answered last, and the newest of them.
pub(crate) fn remembered_backups(daemon: &Daemon, name: &str) -> Option<(usize, Option<BackupView>)> {
    let memory = daemon.alarms.memory();
    memory.sources.get(name)?.backups.as_ref().map(|backups| (backups.facts.len(), backups.newest.clone()))
}
