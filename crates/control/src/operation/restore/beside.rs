//! The successor, made beside the live directory: restored, verified, stopped in order. Nobody but its owner gets in.

use std::path::Path;

use async_trait::async_trait;
use engine::postgres::opened::end_copy;
use engine::postgres::restore::{Purpose, RestoreRequest, is_complete, restore};
use engine::postgres::successor::Stand;
use ops::Found;
use serde_json::Value;

use super::into::REPORT;
use super::moment::{Restorer, request};
use super::swap::Swap;
use super::{migrations, source_of};
use crate::error::{Error, Result};
use crate::instances::remove_folder;
use crate::operation::{At, Part};
use crate::{report, views};

#[derive(Debug)]
pub(super) struct Beside;

#[async_trait]
impl Part for Beside {
    async fn act(&self, at: &At) -> Result<Value> {
        let (swap, restorer) = (at.input::<Swap>()?, Restorer::of(&at.daemon));
        let source = source_of(at).parse()?;
        let resolved = restorer.resolve(&source, &swap.ask, None).await?;
        let (mut ask, staged) = (swap.ask.clone(), swap.places.staged.as_path());
        // What a try has left half made is used by the next.
        if is_complete(staged).is_some() {
            end_copy(staged).await?;
            ask.delta = true;
        }
        let request = RestoreRequest { purpose: Purpose::Successor, ..request(&ask, &restorer)? };
        let steps = |step: &str| at.watch.step(step);
        let restored = restore(&restorer.vault, &source, &resolved, &request, &at.watch.progress, &steps).await?;
        at.watch.step("stop");
        if let Some(opened) = &restored.opened {
            opened.instance.stop().await?;
        }
        migrations::say(at, &restored.verified.migrations);
        let expected: Vec<_> = migrations::expected(&swap, source_of(at)).collect();
        for difference in migrations::differences(&restored.verified.migrations, &expected) {
            at.work.warn(format!("before it is migrated, {difference}"));
        }
        let mut report = report::of_restore(&restored, at.daemon.host.env.now());
        report.migrations = migrations::views(&restored.verified.migrations, &expected);
        let report = views::to_json(&report)?;
        let path = staged.join(REPORT);
        std::fs::write(&path, report.to_string()).map_err(|e| Error::file("write", &path, e))?;
        Ok(report)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let swap: Swap = at.input()?;
        let staged = swap.places.staged.as_path();
        let report = std::fs::read(staged.join(REPORT)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(match report {
            Some(report) if is_complete(staged) == Some(true) => Found::Done(report),
            _ => Found::NotDone,
        })
    }

    /// What has served is not here any more, but kept aside.
    async fn undo(&self, at: &At) -> Result<()> {
        let swap: Swap = at.input()?;
        let staged = swap.places.staged.as_path();
        if swap.places.stand() != Stand::Before || is_complete(staged).is_none() {
            return Ok(());
        }
        end_copy(staged).await?;
        remove_folder(staged)?;
        remove_folder(Path::new(&format!("{}.tablespaces", staged.display())))
    }
}
