//! The log receiver: takes the server's log by physical replication and puts it into the vault.
//!
//! ```text
//!   server ──XLogData──► pending ──part──► vault          one part on its way; more arrives meanwhile
//!      ◄── flush position ────────────────┘                only what is durable in the vault is acknowledged
//! ```
//! Because of that the slot and the vault can never disagree, and the receiver may be named in `synchronous_standby_names`: a
//! commit then waits until it is in the vault, and parts are put as soon as the one before is durable.
//!
//! After any loss the next session goes on where the vault's log ends; where the server no longer has that, the gap is a state
//! and an error in the log, never silence.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use vault::Vault;
use vault::log::read::LogIndex;
use vault::names::SourceName;

use super::lineage::timeline_at;
use super::lsn::{Lsn, Timeline};
use super::target::{Complete, TIME_MARGIN, windows};
use super::wire::{Conninfo, Replication};
use crate::error::{Error, Result};

mod look;
mod session;
mod start;

/// A cluster whose log is received and which is backed up.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub source: SourceName,
    pub conninfo: Conninfo,
    pub system_identifier: u64,
    pub slot: String,
    /// Where this process can read the files; for a receiver alone it may not exist.
    pub data_directory: PathBuf,
}

#[derive(Debug, Clone)]
pub struct ReceiveOptions {
    /// A part is put at least this often while log arrives.
    pub interval: Duration,
}

impl Default for ReceiveOptions {
    fn default() -> ReceiveOptions {
        ReceiveOptions { interval: Duration::from_millis(500) }
    }
}

/// What the receiver is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Connecting,
    Streaming,
    /// The last session failed; another is tried soon.
    Waiting,
    Stopped,
}

/// A stretch of log that the server no longer had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub timeline: Timeline,
    pub from: Lsn,
    pub to: Lsn,
    pub noticed: Timestamp,
    pub why: String,
}

/// The receiver's state, for `status` and for backups that wait for their end.
#[derive(Debug, Clone, PartialEq)]
pub struct LogState {
    pub phase: Phase,
    pub timeline: Timeline,
    pub received: Lsn,
    /// Everything before this is in the vault.
    pub durable: Lsn,
    /// Where the server's log ended when it last spoke.
    pub server_end: Lsn,
    /// By the server's clock: up to this time nothing committed lies behind `durable`.
    pub complete_at: Option<Timestamp>,
    pub last_contact: Option<Timestamp>,
    /// When the first session began: what stands for `complete_at` as long as that is not known.
    pub streaming_since: Option<Timestamp>,
    /// The code and text of what went wrong last, and since when nothing has been received.
    pub failure: Option<(Timestamp, String, String)>,
    pub gaps: Vec<Gap>,
    pub synchronous: bool,
    pub sessions: u64,
}

impl LogState {
    pub(super) fn new() -> LogState {
        LogState {
            phase: Phase::Connecting,
            timeline: 0,
            received: Lsn(0),
            durable: Lsn(0),
            server_end: Lsn(0),
            complete_at: None,
            last_contact: None,
            streaming_since: None,
            failure: None,
            gaps: Vec::new(),
            synchronous: false,
            sessions: 0,
        }
    }

    /// Bytes of log that the server has and the vault has not.
    pub fn lag_bytes(&self) -> u64 {
        self.server_end.0.saturating_sub(self.durable.0)
    }

    /// For resolving targets: up to which time the log is complete, and on which timeline.
    pub fn complete(&self) -> Option<Complete> {
        self.complete_at.map(|time| Complete { timeline: self.timeline, position: self.durable, time })
    }
}

/// A receiver at work; dropping the handle does not stop it.
#[derive(Debug, Clone)]
pub struct Receiver {
    pub(super) state: watch::Receiver<LogState>,
    pub(super) stop: Arc<watch::Sender<bool>>,
    /// The server is to be looked at now.
    pub(super) asked: Arc<Notify>,
}

impl Receiver {
    /// Starts receiving on the current runtime, for ever or until `stop`.
    pub fn spawn(vault: Vault, cluster: Cluster, options: ReceiveOptions) -> Receiver {
        #[cfg(feature = "simulated")]
        if super::simulated::is(&cluster.conninfo) {
            return super::simulated::receiver(&vault);
        }
        let (state_sender, state) = watch::channel(LogState::new());
        let (stop, stopped) = watch::channel(false);
        let asked = Arc::new(Notify::new());
        tokio::spawn(keep_receiving(vault, cluster, options, state_sender, stopped, asked.clone()));
        Receiver { state, stop: Arc::new(stop), asked }
    }

    pub fn state(&self) -> LogState {
        self.state.borrow().clone()
    }

    /// Has the server asked whether there is more, for a time of which it is not known yet that the log is complete, and waits a little
    /// for the answer.
    pub async fn hear_of(&self, time: Timestamp) {
        let needed = time.saturating_add(SignedDuration::try_from(TIME_MARGIN).unwrap_or_default()).unwrap_or(time);
        let heard = |state: &LogState| state.phase != Phase::Streaming || state.complete_at >= Some(needed);
        let mut state = self.state.clone();
        for _ in 0..ASKS {
            if heard(&state.borrow()) {
                return;
            }
            self.asked.notify_one();
            let _ = tokio::time::timeout(ASK_AGAIN, state.wait_for(heard)).await;
        }
    }

    /// Asks for the end and waits for it; what has been acknowledged is durable, the rest stays with the server.
    pub async fn stop(&self) {
        let _ = self.stop.send(true);
        let _ = self.state.clone().wait_for(|state| state.phase == Phase::Stopped).await;
    }

    /// Waits until the log is durable up to `position` on `timeline` (or a later one).
    pub async fn wait_durable(&self, timeline: Timeline, position: Lsn, patience: Duration) -> Result<()> {
        let there = |state: &LogState| {
            (state.timeline >= timeline && state.durable >= position) || state.phase == Phase::Stopped
        };
        let mut state = self.state.clone();
        let waited = tokio::time::timeout(patience, state.wait_for(there)).await;
        let arrived = matches!(waited, Ok(Ok(state)) if state.phase != Phase::Stopped);
        match arrived {
            true => Ok(()),
            false => Err(Error::LogBehind { durable: self.state().durable.to_string(), needed: position.to_string() }),
        }
    }
}

/// What a walsender says of a segment that was removed.
const UNDEFINED_FILE: &str = "58P01";
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// Together longer than `TIME_MARGIN`, so that a time that has just passed is answered.
const ASK_AGAIN: Duration = Duration::from_millis(500);
const ASKS: u32 = 6;

async fn keep_receiving(
    vault: Vault,
    cluster: Cluster,
    options: ReceiveOptions,
    state: watch::Sender<LogState>,
    mut stopped: watch::Receiver<bool>,
    asked: Arc<Notify>,
) {
    let (mut backoff, mut removed) = (BACKOFF_FIRST, false);
    tokio::select! {
        recalled = recall(&vault, &cluster, &state) => {
            recalled.unwrap_or_else(|error| tracing::warn!(%error, source = %cluster.source, "the vault does not say how far its log is complete"));
        }
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    loop {
        state.send_modify(|state| state.phase = Phase::Connecting);
        let session = session::run(&vault, &cluster, &options, &state, &asked, removed);
        let outcome = tokio::select! {
            outcome = session => outcome,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        if state.borrow().phase == Phase::Streaming {
            backoff = BACKOFF_FIRST;
        }
        removed = false;
        if let Err(error) = outcome {
            removed = error.sqlstate() == Some(UNDEFINED_FILE);
            report(&cluster, &vault, &state, &error);
        }
        tokio::select! {
            () = tokio::time::sleep(backoff) => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
    state.send_modify(|state| state.phase = Phase::Stopped);
}

/// What an earlier daemon left in the vault, until the server is heard.
async fn recall(vault: &Vault, cluster: &Cluster, state: &watch::Sender<LogState>) -> Result<()> {
    let index = LogIndex::load(vault, &cluster.source).await?;
    let timeline = timeline_at(&index, &[], None).await?;
    let Some(end) = index.end(timeline) else { return Ok(()) };
    let complete_at = windows::complete_at(&index, timeline, Lsn(end)).await?;
    state.send_modify(|state| {
        (state.timeline, state.received, state.durable) = (timeline, Lsn(end), Lsn(end));
        (state.server_end, state.complete_at) = (Lsn(end), complete_at);
    });
    Ok(())
}

fn report(cluster: &Cluster, vault: &Vault, state: &watch::Sender<LogState>, error: &Error) {
    let now = vault.env().now();
    tracing::error!(source = %cluster.source, code = error.code(), error = %chain(error), "the log is not being received");
    state.send_modify(|state| {
        let since = state.failure.as_ref().map_or(now, |(since, ..)| *since);
        state.failure = Some((since, error.code().to_owned(), chain(error)));
        state.phase = Phase::Waiting;
    });
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Stores the histories of a timeline and its ancestors that the vault does not have yet.
async fn store_histories(
    vault: &Vault,
    source: &SourceName,
    replication: &mut Replication,
    timeline: Timeline,
) -> Result<()> {
    for timeline in 2..=timeline {
        match replication.timeline_history(timeline).await {
            Ok(history) => vault::log::write::put_history(vault, source, timeline, history.content.as_bytes()).await?,
            // The server may never have had, or no longer have, the file of an ancestor.
            Err(error @ (Error::Lost { .. } | Error::Protocol(_))) => return Err(error),
            Err(error) => tracing::debug!(%error, timeline, "no history of this timeline"),
        }
    }
    Ok(())
}
