//! Restores: into a directory of its own (`into`); or so that it takes over from the live cluster (`swap`), in its place or in one of its
//! own to which those who use it are pointed. The second is the runbook of a bad night as one operation; read `table` and `swap::steps` as
//! its two columns, each step's mechanics stand in a file beside this one.
//!
//! ```text
//!   nothing is touched   preflight ─ snapshot ─ beside                      the old cluster serves on
//!   nobody writes        announce ─ quiesce ─ last-log ─ cut-over ─ point ─ migrate
//!   the new one serves   resume ─ health ─ consumers ─ smoke ─ re-sync ─ announce-off ─ report
//! ```
//! Up to the cut-over a failure goes back by itself. Behind it a person decides: the new cluster may have been written to.

use std::sync::Arc;

use api::{ConsentAsk, Operation, OperationKind, RestoreAsk, RestoreMode, RestorePlan};
use serde::Deserialize;

use super::{At, By, Table};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::{consent, views};

mod account;
pub(crate) mod around;
pub(crate) mod back;
mod begins;
mod beside;
mod connect;
mod consumers;
mod cut_over;
mod in_doubt;
mod into;
mod lost;
mod migrations;
mod moment;
mod moved;
pub(super) mod object;
mod pace;
mod point;
mod preflight;
mod promise;
mod quiesce;
pub(crate) mod rollback;
mod settings;
mod snapshot;
mod swap;

pub(crate) use account::{document, report};
pub(super) use moment::Backups;
pub(crate) use moment::{Restorer, known, live, live_for, request, resolved};
pub(super) use swap::planned;

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
            ("point", Arc::new(point::Point)),
            ("connect", Arc::new(connect::Connect)),
            ("migrate", Arc::new(migrations::Migrate)),
            ("resume", Arc::new(quiesce::Resume)),
            ("health", Arc::new(around::Healthy)),
            ("consumers", Arc::new(consumers::Consumers)),
            ("smoke", Arc::new(around::Hooks::SMOKE)),
            ("re-sync", Arc::new(around::Hooks::RE_SYNC)),
            ("announce-off", Arc::new(around::AnnounceOff)),
            ("report", Arc::new(account::Account)),
        ],
    }
}

/// What of an operation's input is of matter to who approves it, whatever it restores.
#[derive(Debug, Deserialize)]
struct Planned {
    plan: RestorePlan,
}

/// The plan of an operation as it stands.
pub(crate) fn plan_of(run: &ops::Run) -> Option<RestorePlan> {
    Planned::deserialize(&run.plan().input).ok().map(|planned| planned.plan)
}

/// Nothing is touched.
pub(crate) async fn plan(daemon: &Daemon, name: &str, ask: &RestoreAsk) -> Result<RestorePlan> {
    match ask.mode {
        RestoreMode::Swap | RestoreMode::Beside => swap::plan(daemon, name, ask).await,
        RestoreMode::Into => {
            let source = known(daemon, name).await?;
            waives(name, &ask.consent)?;
            let resolved = resolved(daemon, &source, ask).await?;
            Ok(views::plan(&source, ask, &resolved))
        }
    }
}

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: RestoreAsk, by: By) -> Result<Operation> {
    match ask.mode {
        RestoreMode::Swap | RestoreMode::Beside => swap::begin(daemon, name, ask, by).await,
        RestoreMode::Into => into::begin(daemon, name, ask, by).await,
    }
}

/// Of what is put beside the live one, which needs neither a window nor a snapshot: whether nobody need approve it.
pub(super) fn waives(name: &str, ask: &ConsentAsk) -> Result<bool> {
    if ask.at.is_some() || ask.no_snapshot.is_some() {
        let what = "it touches nothing that is live: it needs no time to begin at, and no snapshot is taken";
        return Err(Error::Ask(what.into()));
    }
    consent::is_said(ask.break_glass.as_deref(), &consent::without_approval(name))
}

fn source_of(at: &At) -> &str {
    at.work.run.head.subject.as_deref().unwrap_or_default()
}
