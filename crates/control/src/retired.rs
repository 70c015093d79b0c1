//! What restores replaced and keep, until a person lets it go: never a timer.

use std::path::Path;

use api::RetiredView;
use engine::postgres::successor::is_served;

use crate::catalog::RetiredRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::{local_bytes, remove_folder, serves};

pub(crate) async fn list(daemon: &Daemon) -> Result<Vec<RetiredView>> {
    let place = daemon.place().unwrap_or_default();
    let rows = daemon.catalog.retired().await?;
    let views = tokio::task::spawn_blocking(move || rows.iter().map(|row| view(row, &place)).collect());
    views.await.map_err(|e| vault::Error::Internal(e.to_string()))?
}

fn view(row: &RetiredRow, place: &str) -> Result<RetiredView> {
    let broken = |_| vault::Error::Internal(format!("{} in the catalog", row.path));
    Ok(RetiredView {
        operation: row.operation.clone(),
        source: row.source.clone(),
        path: row.path.clone(),
        live: row.live.clone(),
        since: row.since.parse().map_err(broken)?,
        bytes: (row.host == place).then(|| local_bytes(Path::new(&row.path))),
        host: row.host.clone(),
    })
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

/// For good. What a server runs on is not touched.
pub(crate) async fn remove(daemon: &Daemon, operation: &str) -> Result<()> {
    let row = of(daemon, operation).await?;
    let path = Path::new(&row.path);
    if is_served(path) {
        return Err(Error::Ask(format!("a server runs in {}", row.path)));
    }
    if let Some(name) = serves::lying_at(daemon, path).await? {
        serves::discard(daemon, &name).await?;
    }
    remove_folder(path)?;
    daemon.catalog.forget_retired(&row.path).await
}
