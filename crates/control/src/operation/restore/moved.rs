//! The cut-over to another place: the old cluster is fenced where it lies, the new one is started where it was made, and the source is
//! there from then on. Those who use it are pointed to it by the step after (`point`).

use std::net::TcpListener;
use std::path::Path;

use api::InstancePhase;
use engine::postgres::inspect::create_slot;
use engine::postgres::successor::Stand;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cut_over::{mounts, row, serves};
use super::quiesce::{start_server, stop_server};
use super::swap::Swap;
use super::{settings, source_of};
use crate::catalog::SourceRow;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::operation::At;
use crate::source;

/// A source, and the same source where it will be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Moved {
    pub(super) from: SourceRow,
    pub(super) to: SourceRow,
}

impl Moved {
    /// To a new directory; what is not said is as it is now.
    pub(super) fn of(from: &SourceRow, now: u16, into: &Path, host: Option<&str>, port: Option<u16>) -> Result<Moved> {
        if host.is_none() && port.is_none_or(|port| port == now) {
            let what =
                format!("both cannot listen at port {now}: say where the new one is found, with --port or --host");
            return Err(Error::Ask(what));
        }
        let host = host.map(str::to_owned).or_else(|| from.host.clone());
        let (port, data_directory) = (Some(i64::from(port.unwrap_or(now))), into.display().to_string());
        Ok(Moved { from: from.clone(), to: SourceRow { host, port, data_directory, ..from.clone() } })
    }

    pub(super) fn back(&self) -> Moved {
        Moved { from: self.to.clone(), to: self.from.clone() }
    }

    /// What is in the way of listening there, as far as can be seen while the old one runs.
    pub(super) fn taken(&self, host: &Host) -> Result<Option<String>> {
        let ((_, before), (name, port)) = (source::address(&self.from, host)?, source::address(&self.to, host)?);
        if before == port {
            return Ok(None);
        }
        let taken = TcpListener::bind((name.as_str(), port)).err();
        Ok(taken.map(|error| format!("nothing can listen at {name}:{port}: {error}")))
    }
}

pub(super) async fn act(at: &At, swap: &Swap, moved: &Moved) -> Result<Value> {
    let (places, daemon) = (&swap.places, &at.daemon);
    let (mut incoming, mut outgoing) = mounts(at, swap).await?;
    for held in [&incoming, &outgoing].into_iter().flatten() {
        held.mount(daemon).await?;
    }
    // One that comes back has its own.
    if places.stand() == Stand::Before && swap.back_from.is_none() {
        at.watch.step("settings");
        places.prepare(&settings::told(at)?)?;
        let port = source::address(&moved.to, &daemon.host)?.1;
        places.listen_at(port, moved.to.host.as_deref())?;
        at.effect("the new cluster has the settings of the old one, and a place of its own")?;
    }
    at.watch.step("fence");
    places.succeed()?;
    let retired = places.retired.display().to_string();
    at.effect(format!("the old cluster is kept in {retired}, and no server starts there"))?;
    daemon.catalog.put_retired(&row(at, swap, &places.retired)).await?;
    daemon.catalog.forget_retired(&places.staged.display().to_string()).await?;
    if let Some(outgoing) = &mut outgoing {
        outgoing.lies_at(daemon, &places.live, None).await?;
    }
    source::move_to(daemon, moved.to.clone()).await?;
    at.effect("the source is known at its new place")?;
    if let Some(incoming) = &mut incoming {
        incoming.lies_at(daemon, &places.staged, Some(serves(at, swap, &places.staged)?)).await?;
    }
    start_server(at, swap, &places.staged).await?;
    if let Some(incoming) = &mut incoming {
        incoming.set(daemon, InstancePhase::Open).await?;
    }
    let source = daemon.source(source_of(at))?;
    create_slot(&source.cluster.conninfo, &source.row.slot).await?;
    at.effect(format!("slot {} is there", source.row.slot))?;
    Ok(serde_json::json!({ "at": daemon.host.env.now(), "retired": retired }))
}

pub(super) async fn undo(at: &At, swap: &Swap, moved: &Moved) -> Result<()> {
    let (places, daemon) = (&swap.places, &at.daemon);
    let (mut incoming, mut outgoing) = mounts(at, swap).await?;
    for held in [&incoming, &outgoing].into_iter().flatten() {
        held.mount(daemon).await?;
    }
    if places.stand() == Stand::After {
        stop_server(at, swap, &places.staged).await?;
        places.go_back()?;
        at.effect(format!("no server starts in {}, and the old cluster can", places.staged.display()))?;
    }
    // It may have been taken back by an undo that was cut short.
    if places.is_undone() {
        let staged = &places.staged;
        at.work.warn(format!("what was restored is kept in {}, with all that was written in it", staged.display()));
        daemon.catalog.put_retired(&row(at, swap, staged)).await?;
    }
    daemon.catalog.forget_retired(&places.retired.display().to_string()).await?;
    if let Some(incoming) = &mut incoming {
        incoming.lies_at(daemon, &places.staged, None).await?;
    }
    source::move_to(daemon, moved.from.clone()).await?;
    if let Some(outgoing) = &mut outgoing {
        outgoing.lies_at(daemon, &places.live, Some(serves(at, swap, &places.live)?)).await?;
    }
    Ok(())
}
