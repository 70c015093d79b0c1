//! Restores: into a directory beside the live cluster (`into`), or in its place (`swap`). The second is the runbook of a bad night as one
//! operation; read `table` and `swap::steps` as its two columns, each step's mechanics stand in a file beside this one.
//!
//! ```text
//!   nothing is touched   preflight ─ snapshot ─ beside                      the old cluster serves on
//!   nobody writes        announce ─ quiesce ─ last-log ─ cut-over ─ migrate
//!   the new one serves   resume ─ health ─ smoke ─ re-sync ─ announce-off ─ report
//! ```
//! Up to the cut-over a failure goes back by itself. Behind it a person decides: the new cluster may have been written to.

use std::sync::Arc;

use api::{Operation, OperationKind, RestoreAsk, RestoreMode, RestorePlan};

use super::{At, By, Table};
use crate::daemon::Daemon;
use crate::error::Result;
use crate::views;

mod account;
pub(crate) mod around;
mod beside;
mod cut_over;
mod into;
mod lost;
mod migrations;
mod moment;
mod pace;
mod preflight;
mod quiesce;
pub(crate) mod rollback;
mod snapshot;
mod swap;

pub(crate) use account::{document, report};
pub(crate) use moment::{Restorer, known, request, resolved};

pub(super) fn table() -> Table {
    Table {
        kind: OperationKind::Restore,
        parts: vec![
            ("restore", Arc::new(into::Copy)),
            ("open", Arc::new(into::Open)),
            ("preflight", Arc::new(preflight::Preflight)),
            ("snapshot", Arc::new(snapshot::Snapshot)),
            ("beside", Arc::new(beside::Beside)),
            ("announce", Arc::new(around::Announce)),
            ("quiesce", Arc::new(quiesce::Quiesce)),
            ("last-log", Arc::new(snapshot::LastLog)),
            ("cut-over", Arc::new(cut_over::CutOver)),
            ("migrate", Arc::new(migrations::Migrate)),
            ("resume", Arc::new(quiesce::Resume)),
            ("health", Arc::new(around::Healthy)),
            ("smoke", Arc::new(around::Hooks::SMOKE)),
            ("re-sync", Arc::new(around::Hooks::RE_SYNC)),
            ("announce-off", Arc::new(around::AnnounceOff)),
            ("report", Arc::new(account::Account)),
        ],
    }
}

/// Nothing is touched.
pub(crate) async fn plan(daemon: &Daemon, name: &str, ask: &RestoreAsk) -> Result<RestorePlan> {
    match ask.mode {
        RestoreMode::Swap => swap::plan(daemon, name, ask).await,
        RestoreMode::Into => {
            let source = known(daemon, name).await?;
            let resolved = resolved(daemon, &source, ask).await?;
            Ok(views::plan(&source, ask, &resolved))
        }
    }
}

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: RestoreAsk, by: By) -> Result<Operation> {
    match ask.mode {
        RestoreMode::Swap => swap::begin(daemon, name, ask, by).await,
        RestoreMode::Into => into::begin(daemon, name, ask, by).await,
    }
}

fn source_of(at: &At) -> &str {
    at.work.run.head.subject.as_deref().unwrap_or_default()
}
