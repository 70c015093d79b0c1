//! What restores replaced and keep, until a person lets it go: never a timer.

use std::path::{Path, PathBuf};

use api::RetiredView;
use engine::postgres::successor::is_served;
use engine::postgres::successor::links::{Belongings, belongings, remove_belonging};

use crate::catalog::RetiredRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::{local_bytes, remove_folder, serves};

pub(crate) async fn list(daemon: &Daemon) -> Result<Vec<RetiredView>> {
    let place = daemon.place().unwrap_or_default();
    let rows = daemon.catalog.retired().await?;
    let rows: Vec<_> = rows.into_iter().map(|row| (live_of(daemon, &row), row)).collect();
    let views = tokio::task::spawn_blocking(move || rows.iter().map(|(live, row)| view(row, live, &place)).collect());
    views.await.map_err(|e| vault::Error::Internal(e.to_string()))?
}

fn view(row: &RetiredRow, live: &Path, place: &str) -> Result<RetiredView> {
    let broken = |_| vault::Error::Internal(format!("{} in the catalog", row.path));
    Ok(RetiredView {
        operation: row.operation.clone(),
        source: row.source.clone(),
        path: row.path.clone(),
        live: row.live.clone(),
        since: row.since.parse().map_err(broken)?,
        bytes: (row.host == place).then(|| bytes_of(Path::new(&row.path), live)),
        host: row.host.clone(),
    })
}

/// With what it has outside of its directory.
fn bytes_of(path: &Path, live: &Path) -> u64 {
    let own = belongings(path, live).unwrap_or_default().own;
    local_bytes(path) + own.iter().map(|place| local_bytes(place)).sum::<u64>()
}

/// The directory that serves in its place.
fn live_of(daemon: &Daemon, row: &RetiredRow) -> PathBuf {
    daemon.source(&row.source).map_or_else(|_| PathBuf::from(&row.live), |source| source.cluster.data_directory)
}

/// What an operation replaced, where it is on this host.
pub(crate) async fn of(daemon: &Daemon, operation: &str) -> Result<RetiredRow> {
    let found = daemon.catalog.retired().await?.into_iter().find(|row| row.operation == operation);
    let row = found.ok_or_else(|| Error::Unknown { what: "retired cluster", name: operation.to_owned() })?;
    let here = daemon.place().unwrap_or_default();
    match row.host == here {
        true => Ok(row),
        false => Err(Error::Elsewhere { name: row.path, host: row.host, here }),
    }
}

/// For good. What a server runs on is not touched. Gives what it had outside of its directory: that is removed, or is not its own.
pub(crate) async fn remove(daemon: &Daemon, operation: &str) -> Result<Belongings> {
    let row = of(daemon, operation).await?;
    let path = Path::new(&row.path);
    if is_served(path) {
        return Err(Error::Ask(format!("a server runs in {}", row.path)));
    }
    if let Some(name) = serves::lying_at(daemon, path).await? {
        serves::discard(daemon, &name).await?;
    }
    // Before the links to it go: another try would not find it.
    let found = match path.join("PG_VERSION").exists() {
        true => belongings(path, &live_of(daemon, &row))?,
        false => Belongings::default(),
    };
    for place in &found.own {
        remove_belonging(place)?;
    }
    if let Some(behind) = path.canonicalize().ok().filter(|_| path.is_symlink()) {
        remove_folder(&behind)?;
    }
    remove_folder(path)?;
    daemon.catalog.forget_retired(&row.path).await?;
    Ok(found)
}
