//! Finds the facts that conditions are judged by: asks the server, the disk, the operations, the vault. Judges nothing.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::{BackupView, DrillReport, RestoreReport};
use engine::postgres::Lsn;
use engine::postgres::receive::LogState;
use engine::postgres::wire::{Connection, Host as ServerHost, Mode};
use futures::TryStreamExt;
use jiff::Timestamp;
use ops::{Failure, Filter, Run, Status, Store};
use vault::backup::catalog::{self, BackupInfo};
use vault::names::prefix;

use super::space::{self, Space};
use crate::daemon::Daemon;
use crate::error::Result;
use crate::source::Source;
use crate::views;

/// A server that says nothing for so long does not answer.
const SERVER_LIMIT: Duration = Duration::from_secs(8);
/// So many operations of a kind are looked at.
const OPERATIONS: u32 = 5;
const PAGE_BYTES: u64 = 8192;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GapFact {
    pub(crate) from: Lsn,
    pub(crate) to: Lsn,
    pub(crate) noticed: Timestamp,
    pub(crate) why: String,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Nothing when there is no slot.
    pub(crate) slot: Option<Slot>,
    /// Of its clock against ours.
    pub(crate) ahead_ms: i64,
}

/// pg_replication_slots
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) status: Option<String>,
    /// Bytes of log that it holds.
    pub(crate) kept: i64,
    /// Bytes that may still be written before the server removes log; `None` without a limit.
    pub(crate) left: Option<i64>,
}

impl Slot {
    /// It keeps no log any more, and never will.
    pub(crate) fn is_lost(&self) -> bool {
        self.status.as_deref() == Some("lost")
    }
}

/// Where a server writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disk {
    /// Data and log; places that are on one file system may be the same.
    Here(Vec<(String, Space)>),
    /// And why.
    NotSeen(String),
}

/// What became of the operations of a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Work {
    pub(crate) backup: KindOfWork,
    pub(crate) drill: KindOfWork,
    /// Bytes, seconds of each full restore that was measured; of drills when there was none.
    pub(crate) restores: Vec<(u64, f64)>,
    pub(crate) drills: Vec<(u64, f64)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KindOfWork {
    pub(crate) runs: bool,
    /// The last that came to an end by itself.
    pub(crate) last: Option<Ended>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) id: String,
    pub(crate) ended: Timestamp,
    pub(crate) failure: Option<Failure>,
}

impl Work {
    fn measured(&self) -> &[(u64, f64)] {
        if self.restores.is_empty() { &self.drills } else { &self.restores }
    }

    pub(crate) fn measured_by(&self) -> String {
        let (what, count) =
            if self.restores.is_empty() { ("drill", self.drills.len()) } else { ("restore", self.restores.len()) };
        format!("{count} {what}{}", if count == 1 { "" } else { "s" })
    }

    /// How long a full restore of so many bytes would take: the median of what was measured, scaled by size. What does not grow with
    /// the size is not taken out, so this errs on the long side.
    pub(crate) fn projected_seconds(&self, bytes: u64) -> Option<f64> {
        let scaled = |(then, seconds): &(u64, f64)| seconds * (bytes as f64 / (*then).max(1) as f64).max(1.0);
        let mut projected: Vec<f64> = self.measured().iter().map(scaled).collect();
        projected.sort_by(f64::total_cmp);
        projected.get(projected.len() / 2).copied()
    }
}

/// What the receiver noted in this daemon and in earlier ones, of the timeline that the server is on.
pub(crate) async fn gaps(daemon: &Daemon, name: &str, log: &LogState) -> Result<Vec<GapFact>> {
    let noted = daemon.catalog.gaps(name).await?.into_iter().filter(|gap| gap.timeline == i64::from(log.timeline));
    let fact = |gap: crate::catalog::GapRow| {
        Some(GapFact {
            from: gap.position_from.parse().ok()?,
            to: gap.position_to.parse().ok()?,
            noticed: gap.noticed.parse().ok()?,
            why: gap.why,
        })
    };
    let of_now =
        log.gaps.iter().map(|gap| GapFact { from: gap.from, to: gap.to, noticed: gap.noticed, why: gap.why.clone() });
    let mut gaps: Vec<GapFact> = noted.filter_map(fact).collect();
    let new: Vec<GapFact> = of_now.filter(|gap| gaps.iter().all(|known| known.from != gap.from)).collect();
    gaps.extend(new);
    gaps.sort_by_key(|gap| gap.to);
    Ok(gaps)
}

/// What counts of a backup. Small: all of all sources are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupFact {
    pub(crate) id: String,
    pub(crate) rule: Option<String>,
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) log_from: Lsn,
    pub(crate) bytes: u64,
    /// Of the pages that were not in the vault yet, and what they take there.
    pub(crate) bytes_new: u64,
    pub(crate) bytes_stored: u64,
    pub(crate) proven: Option<Timestamp>,
    pub(crate) failed: Option<Timestamp>,
}

pub(crate) fn fact(info: &BackupInfo) -> BackupFact {
    BackupFact {
        id: info.id.to_string(),
        rule: info.head.rule.clone(),
        began: info.head.began,
        ended: info.head.ended,
        log_from: Lsn(info.head.log_from),
        bytes: info.head.totals.bytes,
        bytes_new: info.head.totals.pages_changed.saturating_mul(PAGE_BYTES),
        bytes_stored: info.head.totals.bytes_stored,
        proven: info.proven,
        failed: info.failed,
    }
}

/// The backups of a source, oldest first, as they were when the names of their objects were these.
#[derive(Debug, Clone)]
pub(crate) struct Backups {
    names: u64,
    pub(crate) facts: Arc<[BackupFact]>,
    pub(crate) newest: Option<BackupView>,
}

/// Nothing when the vault is not there: an empty list would say that there are none.
pub(crate) async fn backups(daemon: &Daemon, source: &Source) -> Option<Vec<BackupInfo>> {
    let found = async {
        match vault::exists(daemon.vault.store()).await? {
            true => Ok(Some(catalog::backups(&daemon.vault, &source.cluster.source).await?)),
            false => Ok::<_, vault::Error>(None),
        }
    };
    let failed = |error| tracing::debug!(%error, source = source.row.name, "its backups cannot be listed");
    found.await.map_err(failed).ok().flatten()
}

/// The same, read anew only when there is something new: an object never changes.
pub(crate) async fn backups_since(daemon: &Daemon, source: &Source, known: Option<Backups>) -> Option<Backups> {
    let names = match names(daemon, source).await {
        Ok(names) => names,
        Err(error) => {
            tracing::debug!(%error, source = source.row.name, "its backups cannot be listed");
            return None;
        }
    };
    if !matches!(vault::exists(daemon.vault.store()).await, Ok(true)) {
        return None;
    }
    if let Some(known) = known.filter(|known| known.names == names) {
        return Some(known);
    }
    let found = backups(daemon, source).await?;
    Some(Backups { names, facts: found.iter().map(fact).collect(), newest: found.last().map(views::backup) })
}

async fn names(daemon: &Daemon, source: &Source) -> vault::Result<u64> {
    let mut hasher = DefaultHasher::new();
    let mut listing = daemon.vault.store().list(&prefix::backups(&source.cluster.source));
    while let Some(object) = listing.try_next().await? {
        object.name.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Nothing when it does not answer; then the receiver says so.
pub(crate) async fn server(daemon: &Daemon, source: &Source) -> Option<Server> {
    let asked = tokio::time::timeout(SERVER_LIMIT, Box::pin(ask(daemon, source))).await;
    match asked {
        Ok(Ok(server)) => Some(server),
        Ok(Err(error)) => {
            tracing::debug!(%error, source = source.row.name, "the server does not answer");
            None
        }
        Err(_) => None,
    }
}

async fn ask(daemon: &Daemon, source: &Source) -> Result<Server> {
    #[cfg(feature = "simulated")]
    if engine::postgres::simulated::is(&source.cluster.conninfo) {
        let slot = Slot { status: Some("reserved".to_owned()), kept: 0, left: None };
        return Ok(Server { slot: Some(slot), ahead_ms: 0 });
    }
    let query = format!(
        "SELECT wal_status, safe_wal_size, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
         ELSE pg_current_wal_lsn() END, restart_lsn)::bigint AS kept FROM pg_replication_slots WHERE slot_name = '{}'",
        source.row.slot
    );
    let mut sql = Connection::connect(&source.cluster.conninfo, Mode::Sql).await?;
    let rows = sql.rows(&query).await?;
    let before = daemon.host.env.now();
    let clock = sql.value("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").await?;
    let after = daemon.host.env.now();
    sql.close().await;
    let ours = i64::midpoint(before.as_millisecond(), after.as_millisecond());
    let number = |column| rows.get(0, column).and_then(|text| text.parse().ok());
    let slot = (!rows.rows.is_empty()).then(|| Slot {
        status: rows.get(0, "wal_status").map(str::to_owned),
        kept: number("kept").unwrap_or(0),
        left: number("safe_wal_size"),
    });
    let theirs: Option<i64> = clock.and_then(|text| text.parse().ok());
    Ok(Server { slot, ahead_ms: theirs.map_or(0, |theirs| theirs - ours) })
}

/// A directory of that name on this host is the server's only when the server is on this host.
pub(crate) async fn disk(source: &Source) -> Disk {
    let data = source.cluster.data_directory.clone();
    let near = match &source.cluster.conninfo.host {
        ServerHost::Unix(_) => true,
        ServerHost::Tcp { name, .. } => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
    };
    if !near {
        return Disk::NotSeen("the server is on another host".to_owned());
    }
    let looked = tokio::task::spawn_blocking(move || look_at_disk(&data)).await;
    looked.unwrap_or_else(|error| Disk::NotSeen(error.to_string()))
}

fn look_at_disk(data: &Path) -> Disk {
    let places: [PathBuf; 2] = [data.to_owned(), data.join("pg_wal")];
    let seen = places.iter().map(|path| Ok((path.display().to_string(), space::of(path)?)));
    match seen.collect::<std::io::Result<Vec<_>>>() {
        Ok(places) => Disk::Here(places),
        Err(error) => Disk::NotSeen(format!("{} cannot be looked at: {error}", data.display())),
    }
}

pub(crate) async fn work(daemon: &Daemon, name: &str) -> Result<Work> {
    let of = |kind: &str| Filter {
        kind: Some(kind.to_owned()),
        subject: Some(name.to_owned()),
        limit: OPERATIONS,
        ..Filter::default()
    };
    let backups = daemon.runs.list(&of("backup")).await?;
    let drills = daemon.runs.list(&of("drill")).await?;
    let restores = daemon.runs.list(&of("restore")).await?;
    Ok(Work {
        backup: kind_of_work(&backups),
        drill: kind_of_work(&drills),
        restores: restores.iter().filter_map(measured_restore).collect(),
        drills: drills.iter().filter_map(measured_drill).collect(),
    })
}

/// Newest first. What people cancelled says nothing.
pub(super) fn kind_of_work(runs: &[Run]) -> KindOfWork {
    let ended = |run: &Run| matches!(run.state.status, Status::Succeeded | Status::Failed);
    let moves = |run: &Run| matches!(run.state.status, Status::Running | Status::Retrying | Status::Unwinding);
    let last = runs.iter().find(|run| ended(run)).map(|run| Ended {
        id: run.head.id.clone(),
        ended: run.state.ended.unwrap_or(run.head.created),
        failure: match run.state.status {
            Status::Failed => Some(run.state.failure.clone().unwrap_or_else(unsaid)),
            _ => unproven(run),
        },
    });
    KindOfWork { runs: runs.iter().any(moves), last }
}

/// A drill that came to an end and to no answer.
fn unproven(run: &Run) -> Option<Failure> {
    let report: DrillReport = serde_json::from_value(run.output("prove").clone()).ok()?;
    let first = report.unproven.first().filter(|_| !report.passed)?;
    Some(Failure { code: "RK-3063".to_owned(), message: first.clone(), ..unsaid() })
}

fn unsaid() -> Failure {
    Failure {
        outcome: ops::Outcome::Unknown,
        retryable: false,
        code: "RK-0000".to_owned(),
        message: "it did not say why".to_owned(),
        hint: String::new(),
        causes: Vec::new(),
        instead: None,
    }
}

fn measured_restore(run: &Run) -> Option<(u64, f64)> {
    let read = |step: &ops::run::StepState| serde_json::from_value::<RestoreReport>(step.output.clone()).ok();
    let report = run.state.steps.iter().find_map(read)?;
    // One that was opened fetched next to nothing: that is not how long all of it takes.
    let total = report.durations.last().filter(|_| report.instance.is_none() && report.bytes > 0)?;
    Some((report.bytes, total.seconds))
}

fn measured_drill(run: &Run) -> Option<(u64, f64)> {
    let read = |step: &ops::run::StepState| serde_json::from_value::<DrillReport>(step.output.clone()).ok();
    let report = run.state.steps.iter().find_map(read)?;
    let total = report.durations.last().filter(|_| report.passed && report.pages_checked > 0)?;
    Some((report.pages_checked.saturating_mul(PAGE_BYTES), total.seconds))
}
