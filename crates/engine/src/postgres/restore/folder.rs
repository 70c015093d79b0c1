//! The directory a restore writes into: whether it may, what marks it as ours, where tablespaces go, what is put in last.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use vault::backup::restore::read_file;
use vault::beneath;

use super::{Prepared, RestoreRequest};
use crate::error::{Error, Result};
use crate::postgres::control_file;
use crate::postgres::owner::User;
use crate::postgres::target::Resolved;

/// Says that the directory was made by a restore of ours, and of what. Without it nothing is ever overwritten.
pub const MARKER: &str = "rekindle.restore.json";
const ROOM_TO_SPARE_BYTES: u64 = 256 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    made_by: String,
    source: String,
    system_identifier: String,
    backup: String,
    asked: String,
    /// Which operation made it; none where nobody gave one, and in markers of earlier versions.
    #[serde(default)]
    operation: Option<String>,
    complete: bool,
}

/// Makes sure the directory is ours to fill, and marks it. Nothing of it is changed before every check has passed.
pub(super) fn claim(request: &RestoreRequest, resolved: &Resolved, owner: Option<User>) -> Result<PathBuf> {
    let into = std::path::absolute(&request.into).map_err(|e| Error::file("find", &request.into, e))?;
    let occupied = |what: &str, hint: &str| Error::Occupied {
        path: into.display().to_string(),
        what: what.to_owned(),
        hint: hint.to_owned(),
    };
    let filled = is_filled(&into)?;
    if !request.delta {
        must_be_free(&into)?;
    }
    if filled {
        let marker = read_marker(&into).ok_or_else(|| {
            occupied("was not made by Rekindle", "only a directory with our marker is overwritten; name an empty one")
        })?;
        if marker.system_identifier != resolved.info.system_identifier {
            return Err(Error::Foreign {
                found: marker.system_identifier.parse().unwrap_or(0),
                expected: resolved.info.system_identifier()?,
            });
        }
        if is_served(&into) {
            return Err(occupied("has a server running on it", "stop that server first"));
        }
    }
    if !filled {
        room_for(&into, resolved.backup.head.totals.bytes)?;
    }
    fs::create_dir_all(&into).map_err(|e| Error::file("make", &into, e))?;
    fs::set_permissions(&into, fs::Permissions::from_mode(0o700))
        .map_err(|e| Error::file("set the mode of", &into, e))?;
    give(&into, owner)?;
    write_marker(&into, resolved, request, owner)?;
    // From here until the end the directory cannot be started.
    match fs::remove_file(into.join(control_file::PATH)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", &into.join(control_file::PATH), error))
        }
        _ => Ok(into),
    }
}

/// Refuses a directory in which there is anything, and says whose it is where a restore of ours made it.
pub fn must_be_free(into: &Path) -> Result<()> {
    if !is_filled(into)? {
        return Ok(());
    }
    let what = match read_marker(into) {
        None => "is not empty".to_owned(),
        Some(Marker { source, asked, backup, operation, complete, .. }) => {
            let part = if complete { "" } else { "part of " };
            let operation = operation.map(|id| format!(", operation {id}")).unwrap_or_default();
            format!("holds {part}an earlier restore of {source} ({asked}, from backup {backup}{operation})")
        }
    };
    Err(Error::Occupied {
        path: into.display().to_string(),
        what,
        hint: "name an empty or new directory, or add --delta to reuse an earlier restore of ours".into(),
    })
}

/// Whether anything lies in it. A restore that ended before it had marked the directory has left no more than the marker to be.
pub(super) fn is_filled(into: &Path) -> Result<bool> {
    let looked = |e| Error::file("look into", into, e);
    let unmarked = unfinished(&into.join(MARKER));
    match fs::read_dir(into) {
        Ok(mut entries) => entries.try_fold(false, |any, entry| Ok(any || entry.map_err(looked)?.path() != unmarked)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(looked(error)),
    }
}

/// `needed` bytes, and some to spare.
pub(super) fn room_for(into: &Path, needed: u64) -> Result<()> {
    let exists = into.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let stat = rustix::fs::statvfs(exists).map_err(|e| Error::file("look at", exists, e.into()))?;
    let free = stat.f_bavail * stat.f_frsize;
    let needed = needed + ROOM_TO_SPARE_BYTES;
    if free < needed {
        return Err(Error::NoRoom { path: exists.display().to_string(), free: free >> 20, needed: needed >> 20 });
    }
    Ok(())
}

fn is_served(into: &Path) -> bool {
    let pid = fs::read_to_string(into.join("postmaster.pid")).ok();
    let pid = pid.and_then(|text| text.lines().next()?.trim().parse().ok()).and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

fn read_marker(into: &Path) -> Option<Marker> {
    serde_json::from_slice(&beneath::read(into, MARKER).ok()?).ok()
}

pub(super) fn write_marker(
    into: &Path,
    resolved: &Resolved,
    request: &RestoreRequest,
    owner: Option<User>,
) -> Result<()> {
    let marker = Marker {
        made_by: "rekindle".into(),
        source: resolved.backup.source.to_string(),
        system_identifier: resolved.info.system_identifier.clone(),
        backup: resolved.backup.id.to_string(),
        asked: resolved.asked.clone(),
        operation: request.operation.clone(),
        complete: false,
    };
    let json = serde_json::to_vec_pretty(&marker).map_err(|e| vault::Error::Internal(e.to_string()))?;
    put_file(&into.join(MARKER), &json, owner)
}

pub(super) fn mark_complete(prepared: &Prepared) -> Result<()> {
    let path = prepared.into.join(MARKER);
    let mut marker =
        read_marker(&prepared.into).ok_or_else(|| Error::damaged(path.display().to_string(), "the marker is gone"))?;
    marker.complete = true;
    let json = serde_json::to_vec_pretty(&marker).map_err(|e| vault::Error::Internal(e.to_string()))?;
    prepared.put(MARKER, &json)
}

/// Whether a restore of ours into a directory came to its end; nothing where there was none.
pub fn is_complete(into: &Path) -> Option<bool> {
    read_marker(into).map(|marker| marker.complete)
}

/// Whether this operation made what is there, as far as it came.
pub fn is_of(into: &Path, operation: &str) -> bool {
    read_marker(into).is_some_and(|marker| marker.operation.as_deref() == Some(operation))
}

/// Writes a note of ours into a restored directory, durable.
pub fn note(into: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    put_file(&into.join(name), bytes, None)
}

/// Our own files lie at the top of the directory and begin alike.
pub(super) fn is_ours(into: &Path, path: &Path) -> bool {
    path.parent() == Some(into) && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rekindle."))
}

/// Where the tablespaces go: where they were asked to, or into a folder beside the data directory. Never to where they were.
/// Only looks.
pub(super) fn plan_tablespaces(resolved: &Resolved, request: &RestoreRequest) -> Result<BTreeMap<u32, PathBuf>> {
    let into = std::path::absolute(&request.into).map_err(|e| Error::file("find", &request.into, e))?;
    let refused = |oid: u32, place: &Path, what: &str| Error::Tablespace {
        oid,
        path: place.display().to_string(),
        what: what.to_owned(),
    };
    let known = |oid: &u32| resolved.info.tablespaces.iter().any(|tablespace| tablespace.oid == *oid);
    if let Some((oid, place)) = request.tablespaces.iter().find(|(oid, _)| !known(oid)) {
        return Err(refused(*oid, place, "is not of a tablespace in the backup"));
    }
    let mut places = BTreeMap::new();
    for oid in resolved.info.tablespaces.iter().map(|tablespace| tablespace.oid) {
        let place = request.tablespaces.get(&oid).cloned().unwrap_or_else(|| beside(&into).join(oid.to_string()));
        let place = std::path::absolute(&place).map_err(|e| Error::file("find", &place, e))?;
        let filled = fs::read_dir(&place).is_ok_and(|mut entries| entries.next().is_some());
        let ours = fs::read_link(into.join("pg_tblspc").join(oid.to_string())).is_ok_and(|target| target == place);
        if filled && !(request.delta && ours) {
            return Err(refused(oid, &place, "is not empty"));
        }
        places.insert(oid, place);
    }
    Ok(places)
}

fn beside(into: &Path) -> PathBuf {
    PathBuf::from(format!("{}.tablespaces", into.display()))
}

pub(super) fn make_tablespaces(into: &Path, places: &BTreeMap<u32, PathBuf>, owner: Option<User>) -> Result<()> {
    for place in places.values() {
        fs::create_dir_all(place).map_err(|e| Error::file("make", place, e))?;
        fs::set_permissions(place, fs::Permissions::from_mode(0o700))
            .map_err(|e| Error::file("set the mode of", place, e))?;
        give(place, owner)?;
        // The folder that holds them all, when we made it.
        if let Some(parent) = place.parent().filter(|parent| **parent == *beside(into)) {
            give(parent, owner)?;
        }
    }
    Ok(())
}

/// Where a path of the backup goes.
pub(super) fn place(into: &Path, tablespaces: &BTreeMap<u32, PathBuf>, path: &str) -> Option<PathBuf> {
    let Some(rest) = path.strip_prefix("pg_tblspc/") else { return Some(into.join(path)) };
    let (oid, inside) = rest.split_once('/').map_or((rest, None), |(oid, inside)| (oid, Some(inside)));
    match (oid.parse().ok().and_then(|oid: u32| tablespaces.get(&oid)), inside) {
        (Some(place), Some(inside)) => Some(place.join(inside)),
        // The link itself is made later, see `place_tail`.
        (Some(_), None) => None,
        (None, _) => Some(into.join(path)),
    }
}

/// Puts in what makes the directory usable: links to tablespaces, the label, the recovery signal, and pg_control last.
pub(super) async fn place_tail(prepared: &Prepared) -> Result<()> {
    let into = &prepared.into;
    for (oid, target) in &prepared.tablespaces {
        let link = into.join("pg_tblspc").join(oid.to_string());
        if fs::read_link(&link).is_ok_and(|found| found != *target) {
            fs::remove_file(&link).map_err(|e| Error::file("replace", &link, e))?;
        }
        if fs::read_link(&link).is_err() {
            symlink(target, &link).map_err(|e| Error::file("link", &link, e))?;
        }
        if let Some(user) = prepared.owner {
            std::os::unix::fs::lchown(&link, Some(user.uid), Some(user.gid))
                .map_err(|e| Error::file("give away", &link, e))?;
        }
    }
    let reader = prepared.reader.clone();
    let tail = reader.tail().await?;
    let mut files = Vec::new();
    for entry in tail {
        // Links were made above; the map would lead to where the tablespaces were.
        if entry.path == "tablespace_map" {
            continue;
        }
        let (reader, runtime, path) = (reader.clone(), Handle::current(), entry.path.clone());
        let bytes = tokio::task::spawn_blocking(move || read_file(&reader, &entry, &runtime)).await;
        files.push((path, bytes.map_err(|e| vault::Error::Internal(e.to_string()))??));
    }
    files.sort_by_key(|(path, _)| path == control_file::PATH);
    remove_signals(into)?;
    prepared.put("recovery.signal", b"")?;
    for (path, bytes) in files {
        prepared.put(&path, &bytes)?;
    }
    Ok(())
}

/// What told the original how to recover: backups of earlier versions of Rekindle hold it. A server that finds a standby's signal
/// waits for more log for ever, and leaves ours behind for its next start.
fn remove_signals(into: &Path) -> Result<()> {
    for name in ["standby.signal", "recovery.signal", "promote", "fallback_promote"] {
        let path = into.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("remove", &path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes a small file whole: under another name, durable, then renamed, then the folder made durable.
pub(super) fn put_file(path: &Path, bytes: &[u8], owner: Option<User>) -> Result<()> {
    put(path, bytes, owner, true)?;
    sync(folder_of(path))
}

/// The same, not durable yet.
pub(super) fn put_file_softly(path: &Path, bytes: &[u8], owner: Option<User>) -> Result<()> {
    put(path, bytes, owner, false)
}

/// The folder is the server's user's by now: what he puts in our way is removed and not written through.
fn put(path: &Path, bytes: &[u8], owner: Option<User>, durable: bool) -> Result<()> {
    let failed = |e| Error::file("write", path, e);
    let new = unfinished(path);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    let mut file = file.map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    if durable {
        file.sync_all().map_err(failed)?;
    }
    if let Some(user) = owner {
        std::os::unix::fs::fchown(&file, Some(user.uid), Some(user.gid)).map_err(failed)?;
    }
    fs::rename(&new, path).map_err(failed)
}

fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder_of(path).join(format!("rekindle.{name}.new"))
}

/// Makes files durable that were put softly. What the server has removed or renamed since is its own to care for.
pub(super) fn sync_files(files: &BTreeSet<PathBuf>) -> Result<()> {
    let there = files.iter().filter(|file| file.exists());
    let folders: BTreeSet<&Path> = files.iter().map(|file| folder_of(file)).collect();
    there.map(PathBuf::as_path).chain(folders).try_for_each(sync)
}

fn sync(path: &Path) -> Result<()> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(|e| Error::file("make durable", path, e))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

pub(super) fn give(path: &Path, owner: Option<User>) -> Result<()> {
    match owner {
        None => Ok(()),
        Some(user) => std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
            .map_err(|e| Error::file("give away", path, e)),
    }
}

#[cfg(test)]
mod tests;
