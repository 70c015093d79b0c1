//! Files that are mounted and fetched when they are touched: the claim on the folders, and the process that serves them.
//!
//! ```text
//!   INTO    the mount point: an empty folder, so that what is unmounted cannot be started
//!   HOME    what is local of it, see `mount::process`; `INTO` itself once everything is there and it was detached
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mount::process::{Ask, Order, Process};
use mount::skeleton::Layout;
use vault::backup::restore::RestoreTotals;
use vault::backup::tree::Progress;

use super::{Prepared, Purpose, RestoreRequest, folder};
use crate::error::{Error, Result};
use crate::postgres::owner::User;
use crate::postgres::target::Resolved;

/// Tablespaces lie here in the mounted tree, and links lead to them: a server takes no plain folder in `pg_tblspc`.
const TABLESPACES: &str = "rekindle.tablespaces";

#[derive(Debug, Clone)]
pub struct MountAsk {
    /// Whose it is, see `mount::process::Order`.
    pub name: String,
    /// Where everything local goes; for a restore on the file system of the directory that it becomes.
    pub home: PathBuf,
    /// Bytes a second that are fetched ahead of use; 0 is no limit.
    pub limit: u64,
    /// How the mount's process opens the vault, see `mount::process::Order`.
    pub vault: serde_json::Value,
}

/// Mounts when that was asked for and this host lets us; else says why not.
pub(super) fn choose(request: &RestoreRequest) -> Result<(Option<MountAsk>, Option<String>)> {
    let Some(mount) = &request.mount else { return Ok((None, None)) };
    let refused = |what: &str| Error::Occupied {
        path: request.into.display().to_string(),
        what: what.to_owned(),
        hint: "restore without opening it at once".to_owned(),
    };
    if request.delta {
        return Err(refused("is to be reused, and a mount needs an empty directory"));
    }
    if !request.tablespaces.is_empty() {
        return Err(refused("cannot have its tablespaces elsewhere while it is a mount"));
    }
    Ok(match mount::session::is_possible() {
        Ok(()) => (Some(mount.clone()), None),
        Err(why) => (None, Some(why)),
    })
}

/// Makes sure both folders are free, and makes them.
pub(super) fn claim(
    mount: &MountAsk,
    request: &RestoreRequest,
    resolved: &Resolved,
    owner: Option<User>,
) -> Result<(PathBuf, BTreeMap<u32, PathBuf>)> {
    let into = std::path::absolute(&request.into).map_err(|e| Error::file("find", &request.into, e))?;
    if mount::session::is_mounted(&into) || folder::is_filled(&into)? {
        let hint = "name an empty or new directory".to_owned();
        return Err(Error::Occupied { path: into.display().to_string(), what: "is not empty".into(), hint });
    }
    if folder::is_filled(&mount.home)? {
        let hint = "it is of an opened restore that did not end: see `rekindle clones`".to_owned();
        return Err(Error::Occupied { path: mount.home.display().to_string(), what: "is not empty".into(), hint });
    }
    folder::room_for(&mount.home, if keeps(request) { resolved.backup.head.totals.bytes } else { 0 })?;
    let make = |path: &Path, mode| fs::DirBuilder::new().recursive(true).mode(mode).create(path);
    make(&mount.home, 0o700).map_err(|e| Error::file("make", &mount.home, e))?;
    make(&into, 0o700).map_err(|e| Error::file("make", &into, e))?;
    folder::give(&into, owner)?;
    let places = resolved.info.tablespaces.iter();
    let places = places.map(|tablespace| (tablespace.oid, format!("../{TABLESPACES}/{}", tablespace.oid).into()));
    Ok((into, places.collect()))
}

/// Whether all of it comes in the end.
fn keeps(request: &RestoreRequest) -> bool {
    matches!(request.purpose, Purpose::Restore | Purpose::Successor)
}

/// Starts the process and waits for its tree, when there shall be one.
pub(super) async fn begin(
    prepared: &Prepared,
    resolved: &Resolved,
    request: &RestoreRequest,
    progress: &Arc<Progress>,
) -> Result<()> {
    let Some(mount) = &prepared.mount else { return Ok(()) };
    let moved = resolved.info.tablespaces.iter().map(|tablespace| tablespace.oid);
    let moved = moved.map(|oid| (format!("pg_tblspc/{oid}"), format!("{TABLESPACES}/{oid}"))).collect();
    let order = Order {
        name: mount.name.clone(),
        source: resolved.backup.source.to_string(),
        backup: resolved.backup.id.to_string(),
        at: prepared.into.clone(),
        keep: keeps(request),
        limit: mount.limit,
        layout: Layout { owner: prepared.owner.map(|user| (user.uid, user.gid)), moved },
        vault: mount.vault.clone(),
    };
    order.write(&mount.home)?;
    let (process, program, progress) = (Process::of(&mount.home), request.program.clone(), progress.clone());
    let started = tokio::task::spawn_blocking(move || process.start(&program, || progress.check().is_ok())).await;
    started.map_err(|e| vault::Error::Internal(e.to_string()))??;
    folder::write_marker(&prepared.into, resolved, request, prepared.owner)
}

/// Before anybody writes.
pub(super) async fn wait_durable(prepared: &Prepared) -> Result<()> {
    let Some(mount) = &prepared.mount else { return Ok(()) };
    let process = Process::of(&mount.home);
    let waited = tokio::task::spawn_blocking(move || process.wait_durable()).await;
    Ok(waited.map_err(|e| vault::Error::Internal(e.to_string()))??)
}

/// The server is open: now there is time for what nobody has asked for.
pub(super) async fn go_on(prepared: &Prepared) -> Result<()> {
    prepared.opened().tell(Ask::Pause(false)).await
}

/// What there is; nothing of it was written.
pub(super) fn totals(resolved: &Resolved) -> RestoreTotals {
    let totals = &resolved.backup.head.totals;
    RestoreTotals { files: totals.files, bytes: totals.bytes, ..RestoreTotals::default() }
}
