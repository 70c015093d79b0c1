//! The successor takes the live cluster's place, name, settings and port. The old one is kept, fenced, until a person lets it go.

use async_trait::async_trait;
use engine::postgres::inspect::create_slot;
use serde_json::Value;

use super::quiesce::{start_server, stop_server};
use super::source_of;
use super::swap::Swap;
use crate::catalog::RetiredRow;
use crate::error::Result;
use crate::operation::{At, Part};

#[derive(Debug)]
pub(super) struct CutOver;

#[async_trait]
impl Part for CutOver {
    async fn act(&self, at: &At) -> Result<Value> {
        let (swap, source) = (at.input::<Swap>()?, at.daemon.source(source_of(at))?);
        at.watch.step("settings");
        swap.places.take_settings_over()?;
        at.watch.step("swap");
        swap.places.succeed()?;
        let retired = swap.places.retired.display().to_string();
        at.work.say(format!("the old cluster is kept as {retired}"));
        at.daemon.catalog.put_retired(&row(at, &swap, &swap.places.retired)).await?;
        // What comes back is kept no more: it serves.
        at.daemon.catalog.forget_retired(&swap.places.staged.display().to_string()).await?;
        start_server(at, &swap).await?;
        // Slots are no part of a backup.
        create_slot(&source.cluster.conninfo, &source.row.slot).await?;
        Ok(serde_json::json!({ "at": at.daemon.host.env.now(), "retired": retired }))
    }

    async fn undo(&self, at: &At) -> Result<()> {
        let swap: Swap = at.input()?;
        stop_server(at, &swap).await?;
        swap.places.go_back()?;
        at.daemon.catalog.forget_retired(&swap.places.retired.display().to_string()).await?;
        if swap.places.undone.exists() {
            let undone = &swap.places.undone;
            at.work.warn(format!("what was restored is kept as {}, with all that was written in it", undone.display()));
            at.daemon.catalog.put_retired(&row(at, &swap, undone)).await?;
        }
        Ok(())
    }
}

fn row(at: &At, swap: &Swap, path: &std::path::Path) -> RetiredRow {
    RetiredRow {
        path: path.display().to_string(),
        operation: at.id().to_owned(),
        source: source_of(at).to_owned(),
        live: swap.places.live.display().to_string(),
        since: at.daemon.host.env.now().to_string(),
        host: at.daemon.place().unwrap_or_default(),
    }
}
