//! The successor takes the live cluster's place, name, settings and port. The old one is kept, fenced, until a person lets it go.

use std::path::Path;

use api::InstancePhase;
use async_trait::async_trait;
use engine::postgres::inspect::create_slot;
use engine::postgres::successor::Stand;
use serde_json::Value;

use super::quiesce::{server_was, start_server, stop_server};
use super::swap::Swap;
use super::{moved, settings, source_of};
use crate::catalog::RetiredRow;
use crate::error::Result;
use crate::instances::serves::{Held, Serves, hold, lying_at};
use crate::operation::{At, Part};

#[derive(Debug)]
pub(super) struct CutOver;

#[async_trait]
impl Part for CutOver {
    async fn act(&self, at: &At) -> Result<Value> {
        let (swap, source) = (at.input::<Swap>()?, at.daemon.source(source_of(at))?);
        if let Some(moved) = &swap.moved {
            return moved::act(at, &swap, moved).await;
        }
        let (places, daemon) = (&swap.places, &at.daemon);
        let (incoming, outgoing) = mounts(at, &swap).await?;
        if places.stand() == Stand::Before {
            at.watch.step("settings");
            for held in [&incoming, &outgoing].into_iter().flatten() {
                held.mount(daemon).await?;
            }
            places.prepare(&settings::told(at)?)?;
            at.effect("the new cluster has the settings of the old one")?;
        }
        at.watch.step("swap");
        // Where all of it was done before, a server may run there already.
        let (mut incoming, outgoing) = match places.stand() {
            Stand::After => (incoming, outgoing),
            _ => (put_down(at, incoming).await?, put_down(at, outgoing).await?),
        };
        places.succeed()?;
        if let Some(mut outgoing) = outgoing {
            outgoing.lies_at(daemon, &places.retired, None).await?;
        }
        let retired = places.retired.display().to_string();
        at.effect(format!("the old cluster is kept as {retired}"))?;
        daemon.catalog.put_retired(&row(at, &swap, &places.retired)).await?;
        // What comes back is kept no more: it serves.
        daemon.catalog.forget_retired(&places.staged.display().to_string()).await?;
        at.effect(format!("{retired} is known as what was replaced"))?;
        if let Some(incoming) = &mut incoming {
            incoming.lies_at(daemon, &places.live, Some(serves(at, &swap, &places.live)?)).await?;
            incoming.mount(daemon).await?;
        }
        start_server(at, &swap, &places.live).await?;
        if let Some(incoming) = &mut incoming {
            incoming.set(daemon, InstancePhase::Open).await?;
        }
        // Slots are no part of a backup.
        create_slot(&source.cluster.conninfo, &source.row.slot).await?;
        at.effect(format!("slot {} is there", source.row.slot))?;
        Ok(serde_json::json!({ "at": daemon.host.env.now(), "retired": retired }))
    }

    async fn undo(&self, at: &At) -> Result<()> {
        take_back(at, &at.input::<Swap>()?).await
    }
}

/// From wherever it stands, also from before it began: the old cluster is at the live place, and stopped; what was restored is kept.
pub(super) async fn take_back(at: &At, swap: &Swap) -> Result<()> {
    if let Some(moved) = &swap.moved {
        return moved::undo(at, swap, moved).await;
    }
    let (places, daemon) = (&swap.places, &at.daemon);
    let (incoming, outgoing) = mounts(at, swap).await?;
    stop_server(at, swap, &places.live).await?;
    let (incoming, outgoing) = (put_down(at, incoming).await?, put_down(at, outgoing).await?);
    places.go_back()?;
    at.effect(format!("the old cluster is at {}", places.live.display()))?;
    if let Some(mut outgoing) = outgoing {
        outgoing.lies_at(daemon, &places.live, Some(serves(at, swap, &places.live)?)).await?;
        outgoing.mount(daemon).await?;
    }
    daemon.catalog.forget_retired(&places.retired.display().to_string()).await?;
    if places.undone.exists() {
        let undone = &places.undone;
        if let Some(mut incoming) = incoming {
            incoming.lies_at(daemon, undone, None).await?;
        }
        at.work.warn(format!("what was restored is kept as {}, with all that was written in it", undone.display()));
        daemon.catalog.put_retired(&row(at, swap, undone)).await?;
        // One that was to come back was kept there until now.
        daemon.catalog.forget_retired(&places.staged.display().to_string()).await?;
    }
    Ok(())
}

/// The new one and the old one, where they are mounts.
pub(super) async fn mounts(at: &At, swap: &Swap) -> Result<(Option<Held>, Option<Held>)> {
    let incoming = swap.instance();
    let held = hold(&at.daemon, &incoming).await?;
    for place in [&swap.places.live, &swap.places.retired] {
        if let Some(name) = lying_at(&at.daemon, place).await?.filter(|name| *name != incoming) {
            return Ok((held, hold(&at.daemon, &name).await?));
        }
    }
    Ok((held, None))
}

async fn put_down(at: &At, held: Option<Held>) -> Result<Option<Held>> {
    match held {
        Some(held) => held.put_down(&at.daemon).await,
        None => Ok(None),
    }
}

pub(super) fn serves(at: &At, swap: &Swap, directory: &Path) -> Result<Serves> {
    Ok(Serves { source: source_of(at).to_owned(), was: server_was(at, swap, directory)? })
}

pub(super) fn row(at: &At, swap: &Swap, path: &Path) -> RetiredRow {
    RetiredRow {
        path: path.display().to_string(),
        operation: at.id().to_owned(),
        source: source_of(at).to_owned(),
        live: swap.places.live.display().to_string(),
        since: at.daemon.host.env.now().to_string(),
        host: at.daemon.place().unwrap_or_default(),
    }
}
