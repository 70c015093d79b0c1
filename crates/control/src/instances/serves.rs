//! Restores that are moved while they are still mounts: into the place of a live cluster, or out of it. One that lies there is the server
//! of a source; it is started and stopped by the service that the source's stack names, never by us.

use std::path::Path;

use api::{InstanceKind, InstancePhase};
use engine::postgres::opened::{Opened, Standing};
use engine::postgres::wire;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Turn, detach_files, forget, forget_row, is_here, kind_name, opened, phase_name, ready, stored, wait_for};
use crate::catalog::InstanceRow;
use crate::daemon::Daemon;
use crate::driver::Trouble;
use crate::driver::service::Standing as Service;
use crate::error::{Error, Result};
use crate::policy;
use crate::{stacks, views};

/// Whose server it is, and what its service needs to bring it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Serves {
    pub(crate) source: String,
    pub(crate) was: Value,
}

impl Serves {
    fn of(row: &InstanceRow) -> Result<Option<Serves>> {
        row.serves.as_deref().map(stored).transpose()
    }

    async fn service(&self, daemon: &Daemon, opened: &Opened) -> Result<policy::outside::Service> {
        let stack = stacks::of_source(daemon, &self.source).await?;
        let directory = &opened.instance.data_directory;
        let service = stack.and_then(|stack| stack.outside.server_of(&self.source, directory).cloned());
        service.ok_or_else(|| {
            Error::Ask(format!("no stack says any more how the server of {} is stopped and started", self.source))
        })
    }
}

fn trouble(service: &policy::outside::Service) -> impl Fn(Trouble) -> Error + '_ {
    move |trouble| trouble.of(&format!("service {}", service.name))
}

/// Makes it serve, from wherever it stands.
pub(super) async fn start(daemon: &Daemon, row: &InstanceRow, opened: &Opened) -> Result<()> {
    let Some(serves) = Serves::of(row)? else { return Ok(opened.start(&daemon.host.program).await?) };
    let service = serves.service(daemon, opened).await?;
    let (driver, host) = (service.spec.driver(), &daemon.host);
    if opened.process().is_some_and(|process| !process.is_alive()) {
        // A server whose mount died can do nothing any more.
        driver.stop(host).await.map_err(trouble(&service))?;
        opened.mount(&host.program).await?;
    }
    driver.start(host, &serves.was).await.map_err(trouble(&service))
}

pub(super) async fn stop_server(daemon: &Daemon, row: &InstanceRow, opened: &Opened) -> Result<()> {
    let Some(serves) = Serves::of(row)? else { return Ok(opened.instance.stop().await?) };
    let service = serves.service(daemon, opened).await?;
    service.spec.driver().stop(&daemon.host).await.map_err(trouble(&service))
}

/// A server in a container is not seen from here; its service sees it.
pub(super) async fn standing(daemon: &Daemon, row: &InstanceRow, opened: &Opened) -> Result<Standing> {
    let looked = opened.clone();
    let seen = tokio::task::spawn_blocking(move || looked.standing()).await;
    let seen = seen.map_err(|e| vault::Error::Internal(e.to_string()))?;
    match Serves::of(row)? {
        Some(serves) if matches!(seen, Standing::Stopped | Standing::Crashed) => {
            let service = serves.service(daemon, opened).await?;
            let stands = service.spec.driver().standing(&daemon.host).await.map_err(trouble(&service))?;
            Ok(if stands == Service::Stopped { seen } else { Standing::Serves })
        }
        _ => Ok(seen),
    }
}

/// Whose server lies in the place of a live cluster is not for us to stop.
pub(super) fn refuse(row: &InstanceRow) -> Result<()> {
    match Serves::of(row)? {
        None => Ok(()),
        Some(serves) => {
            let what =
                format!("{} is the server of {}: it is stopped and started by its service", row.name, serves.source);
            Err(Error::Ask(what))
        }
    }
}

/// One that is being moved; nobody else works on it meanwhile.
#[derive(Debug)]
pub(crate) struct Held {
    _turn: Turn,
    row: InstanceRow,
    opened: Opened,
}

/// Of this name, where there is one; waits for whoever works on it.
pub(crate) async fn hold(daemon: &Daemon, name: &str) -> Result<Option<Held>> {
    if daemon.catalog.instance(name).await?.is_none() {
        return Ok(None);
    }
    match wait_for(daemon, name).await {
        Ok((turn, row)) => Ok(Some(Held { opened: ready(&row)?, _turn: turn, row })),
        // It was detached just now.
        Err(Error::Unknown { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name of the mount that lies at a directory of this host.
pub(crate) async fn lying_at(daemon: &Daemon, directory: &Path) -> Result<Option<String>> {
    let place = daemon.place();
    for row in daemon.catalog.instances().await? {
        let is_restore = row.kind == kind_name(InstanceKind::Restore) && is_here(place.as_deref(), &row);
        if is_restore && opened(&row)?.is_some_and(|opened| opened.instance.data_directory == directory) {
            return Ok(Some(row.name));
        }
    }
    Ok(None)
}

/// Takes a mount away for good, with all that is local of it.
pub(crate) async fn discard(daemon: &Daemon, name: &str) -> Result<()> {
    match wait_for(daemon, name).await {
        Ok((_turn, row)) => forget(daemon, &row).await,
        Err(Error::Unknown { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Held {
    /// Unmounts it, so that its place can be moved. One of which nothing is missing becomes the plain directory and is held no more.
    pub(crate) async fn put_down(self, daemon: &Daemon) -> Result<Option<Held>> {
        if self.opened.is_half_detached() || self.opened.is_whole() {
            detach_files(&self.row, self.opened).await?;
            forget_row(daemon, &self.row).await?;
            return Ok(None);
        }
        self.opened.put_down().await?;
        Ok(Some(self))
    }

    /// Where its mount point was moved to, and whose server it is there.
    pub(crate) async fn lies_at(&mut self, daemon: &Daemon, place: &Path, serves: Option<Serves>) -> Result<()> {
        self.opened.lies_at(place)?;
        if let Some(serves) = &serves {
            let info = daemon.source(&serves.source)?.cluster.conninfo;
            self.opened.instance.port = info.port;
            if let wire::Host::Unix(folder) = info.host {
                self.opened.instance.socket_folder = folder;
            }
        }
        self.row.opened = Some(views::to_json(&self.opened)?.to_string());
        self.row.serves = serves.map(|serves| views::to_json(&serves)).transpose()?.map(|json| json.to_string());
        self.set(daemon, InstancePhase::Stopped).await
    }

    pub(crate) async fn mount(&self, daemon: &Daemon) -> Result<()> {
        Ok(self.opened.mount(&daemon.host.program).await?)
    }

    /// Its server was started, or stopped; `watch` keeps it so.
    pub(crate) async fn set(&mut self, daemon: &Daemon, phase: InstancePhase) -> Result<()> {
        phase_name(phase).clone_into(&mut self.row.phase);
        daemon.catalog.put_instance(&self.row).await
    }

    /// Stops its server in order; the mount stays, and goes on to fetch.
    pub(crate) async fn stop_server(&mut self, daemon: &Daemon) -> Result<()> {
        self.set(daemon, InstancePhase::Stopped).await?;
        stop_server(daemon, &self.row, &self.opened).await
    }
}
