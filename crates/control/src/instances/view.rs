//! What is told of instances.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use api::{ConditionView, InstanceKind, InstancePhase, InstanceView, MountView};
use engine::mount::process::Status;
use engine::postgres::opened::{Opened, Standing};
use jiff::Timestamp;

use super::watch::Trouble;
use super::{broken, is_here, kind_name, opened, phase_name, stored, unknown};
use crate::catalog::InstanceRow;
use crate::daemon::Daemon;
use crate::error::Result;

/// A vault that answers again is no news after so long.
const FAILURE_REMEMBERED_MS: u64 = 15_000;

pub(crate) async fn all(daemon: &Daemon) -> Result<Vec<InstanceView>> {
    let place = daemon.place();
    let rows = daemon.catalog.instances().await?;
    let views = move || rows.iter().map(|row| view(row, place.as_deref())).collect();
    tokio::task::spawn_blocking(views).await.map_err(|e| joined(&e))?
}

pub(crate) async fn one(daemon: &Daemon, name: &str) -> Result<InstanceView> {
    let row = daemon.catalog.instance(name).await?.ok_or_else(|| unknown(name))?;
    let place = daemon.place();
    tokio::task::spawn_blocking(move || view(&row, place.as_deref())).await.map_err(|e| joined(&e))?
}

/// What is wrong with each, by name; without a look at the disk.
pub(crate) async fn troubles(daemon: &Daemon) -> Result<Vec<(String, Vec<ConditionView>)>> {
    let mut rows = daemon.catalog.instances().await?;
    rows.retain(|row| is_here(daemon.place().as_deref(), row));
    let of = |row: &InstanceRow| {
        let status = opened(row)?.as_ref().and_then(Opened::status);
        Ok((row.name.clone(), conditions(row, status.as_ref())?))
    };
    tokio::task::spawn_blocking(move || rows.iter().map(of).collect()).await.map_err(|e| joined(&e))?
}

fn joined(error: &tokio::task::JoinError) -> crate::Error {
    vault::Error::Internal(error.to_string()).into()
}

/// Asks the mount's process, and looks at the disk; of what is on another host only what is known.
fn view(row: &InstanceRow, place: Option<&str>) -> Result<InstanceView> {
    let time = |text: &str| text.parse::<Timestamp>().map_err(|_| broken(row));
    let kinds =
        [InstanceKind::Clone, InstanceKind::Peek, InstanceKind::Drill, InstanceKind::Extract, InstanceKind::Restore];
    let phases = [InstancePhase::Opening, InstancePhase::Open, InstancePhase::Stopped, InstancePhase::Detaching];
    let opened = opened(row)?;
    let instance = opened.as_ref().map(|opened| &opened.instance);
    let is_here = is_here(place, row);
    let status = opened.as_ref().filter(|_| is_here).and_then(Opened::status);
    let standing = |opened: &Opened| match is_here {
        true => standing_name(opened.standing()).to_owned(),
        false => format!("on {}", row.host),
    };
    Ok(InstanceView {
        name: row.name.clone(),
        kind: kinds.into_iter().find(|kind| kind_name(*kind) == row.kind).ok_or_else(|| broken(row))?,
        source: row.source.clone(),
        phase: phases.into_iter().find(|phase| phase_name(*phase) == row.phase).ok_or_else(|| broken(row))?,
        standing: opened.as_ref().map_or_else(|| "opening".to_owned(), standing),
        created: time(&row.created)?,
        expires: row.expires.as_deref().map(time).transpose()?,
        data_directory: instance.map(|instance| instance.data_directory.display().to_string()),
        port: instance.map(|instance| instance.port),
        socket_folder: instance.map(|instance| instance.socket_folder.display().to_string()),
        superuser: instance.map(|instance| instance.superuser.clone()),
        programs: instance.map(|instance| instance.binaries.dir.display().to_string()),
        report: row.report.as_deref().map(stored).transpose()?,
        mount: status.as_ref().map(mount),
        local_bytes: if is_here { local_bytes(Path::new(&row.folder)) } else { 0 },
        quota_bytes: row.quota_bytes.map(|bytes| bytes as u64),
        conditions: conditions(row, status.as_ref())?,
    })
}

fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Serves => "serves",
        Standing::Stopped => "stopped",
        Standing::Crashed => "crashed",
        Standing::MountLost => "mount-lost",
    }
}

fn mount(status: &Status) -> MountView {
    let left = status.bytes_total.saturating_sub(status.bytes_present);
    let moving = status.bytes_ahead > 0 && status.milliseconds > 0 && !status.paused;
    let eta = moving.then(|| (left as f64 * status.milliseconds as f64 / status.bytes_ahead as f64 / 1000.0).ceil());
    MountView {
        bytes_total: status.bytes_total,
        bytes_present: status.bytes_present,
        whole: status.whole,
        paused: status.paused,
        limit: status.limit,
        eta_seconds: eta.filter(|_| left > 0).map(|seconds| seconds as u64),
    }
}

fn conditions(row: &InstanceRow, status: Option<&Status>) -> Result<Vec<ConditionView>> {
    let mut found = Vec::new();
    if let Some(trouble) = row.trouble.as_deref().map(stored::<Trouble>).transpose()? {
        found.push(trouble.view());
    }
    found.extend(status.and_then(unreadable));
    if let Some(stalled) = status.and_then(|status| status.stalled.as_ref()) {
        found.push(ConditionView {
            severity: "critical".into(),
            kind: "hydration-stalled".into(),
            since: None,
            text: format!("what is missing is not being fetched: {stalled}"),
            advice: "is the vault reachable, and is there room on the disk?".into(),
        });
    }
    Ok(found)
}

/// Programs got errors a moment ago.
fn unreadable(status: &Status) -> Option<ConditionView> {
    let since = status.milliseconds_since_failure.filter(|since| *since < FAILURE_REMEMBERED_MS)?;
    Some(ConditionView {
        severity: "critical".into(),
        kind: "vault-unreadable".into(),
        since: None,
        text: format!(
            "{} times a page could not be read from the vault, {:.0} s ago the last time; who wanted it got an I/O error",
            status.failures,
            since as f64 / 1000.0
        ),
        advice: "is the vault reachable and whole? rekindle check; the next read tries again".into(),
    })
}

/// What a folder takes on the disk; a mount point below is not entered, its bytes lie elsewhere.
pub(crate) fn local_bytes(folder: &Path) -> u64 {
    let Ok(device) = std::fs::metadata(folder).map(|meta| meta.dev()) else { return 0 };
    let (mut folders, mut bytes) = (vec![folder.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(meta) = std::fs::symlink_metadata(entry.path()) else { continue };
            if meta.dev() != device {
                continue;
            }
            bytes += meta.blocks() * 512;
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    bytes
}
