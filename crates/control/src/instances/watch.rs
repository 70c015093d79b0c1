//! Keeps instances as they should be: takes up what an earlier daemon opened, starts again what died, stops what takes too much,
//! detaches restores that are complete, removes what has expired.

use std::path::Path;
use std::time::Duration;

use api::{ConditionView, InstanceKind, InstancePhase};
use engine::postgres::opened::{Opened, Standing};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::view::local_bytes;
use super::{detach_and_start, detach_stopped, forget, is_here, kind_name, opened, phase_name, serves, set_phase};
use crate::catalog::InstanceRow;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::views;

const LOOK_EVERY: Duration = Duration::from_millis(250);
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
const LEFT_ALONE: SignedDuration = SignedDuration::from_secs(10);
const NOT_STARTED: &str = "not-started";
/// What costs more than a glance is looked at every so many looks.
const CLOSE_LOOK_EVERY: u32 = 8;
const START_TRIES: u32 = 3;

/// The last thing that happened to an instance and that somebody should know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trouble {
    at: Timestamp,
    /// `mount-lost`, `server-crashed`, `not-started`, `quota`.
    kind: String,
    text: String,
    advice: String,
}

impl Trouble {
    pub(super) fn view(self) -> ConditionView {
        let severity = if self.kind == NOT_STARTED { "critical" } else { "warning" };
        let since = Some(self.at);
        ConditionView { severity: severity.into(), kind: self.kind, since, text: self.text, advice: self.advice }
    }
}

/// Runs as long as the daemon.
pub(crate) async fn watch(daemon: Daemon) {
    for round in 0u32.. {
        match daemon.catalog.instances().await {
            Ok(rows) => {
                // Side by side: one that is slow to start holds up no other. Who still has his turn is passed over.
                let place = daemon.place();
                for row in rows.into_iter().filter(|row| is_here(place.as_deref(), row)) {
                    let daemon = daemon.clone();
                    tokio::spawn(async move { look(&daemon, row, round.is_multiple_of(CLOSE_LOOK_EVERY)).await });
                }
            }
            Err(error) => tracing::error!(%error, "the instances cannot be looked at"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What was being opened when the last daemon ended is of no use to anybody, and those of operations ended with them.
/// Before the operations go on that were at it. Returns how many could not be taken away.
pub(crate) async fn clear_unfinished(daemon: &Daemon) -> Result<usize> {
    let mut left = 0;
    let place = daemon.place();
    for row in daemon.catalog.instances().await?.into_iter().filter(|row| is_here(place.as_deref(), row)) {
        let of_operations = [InstanceKind::Drill, InstanceKind::Extract].map(kind_name);
        let half = row.phase == phase_name(InstancePhase::Opening) || of_operations.contains(&&*row.kind);
        if !half {
            tracing::info!(instance = row.name, kind = row.kind, "taken up again");
            continue;
        }
        match forget(daemon, &row).await {
            Ok(()) => tracing::warn!(instance = row.name, "was left half open, and is taken away"),
            Err(error) => {
                left += 1;
                tracing::error!(instance = row.name, %error, "was left half open, and cannot be taken away");
            }
        }
    }
    Ok(left)
}

async fn look(daemon: &Daemon, row: InstanceRow, closely: bool) {
    let Some(_turn) = daemon.turns.take(&row.name) else { return };
    // As it is now that nobody else changes it.
    let Ok(Some(mut row)) = daemon.catalog.instance(&row.name).await else { return };
    if let Err(error) = settle(daemon, &mut row, closely).await {
        let body = error.body();
        let cause = body.causes.join(": ");
        tracing::error!(instance = row.name, error = body.message, cause, "the instance is not as it should be");
        let text = format!("it cannot be brought up: {}", [body.message, cause].join(": ").trim_end_matches(": "));
        trouble(daemon, &mut row, NOT_STARTED, &text, body.hint.as_deref().unwrap_or("it is tried again")).await;
    }
}

async fn settle(daemon: &Daemon, row: &mut InstanceRow, closely: bool) -> Result<()> {
    let now = daemon.host.env.now();
    if !may_try(row, now) {
        return Ok(());
    }
    let expired = row.expires.as_deref().and_then(|text| text.parse::<Timestamp>().ok()).is_some_and(|at| at <= now);
    if expired {
        tracing::info!(instance = row.name, kind = row.kind, "has expired, and is removed");
        return forget(daemon, row).await;
    }
    let Some(opened) = opened(row)? else { return Ok(()) };
    let phase = row.phase.clone();
    if phase == phase_name(InstancePhase::Detaching) {
        return detach_and_start(daemon, row, opened).await;
    }
    if opened.is_half_detached() {
        return detach_stopped(daemon, row, opened).await;
    }
    let standing = serves::standing(daemon, row, &opened).await?;
    let is_open = phase == phase_name(InstancePhase::Open);
    match standing {
        // Its service has started it again.
        Standing::Serves if row.serves.is_some() && phase == phase_name(InstancePhase::Stopped) => {
            set_phase(daemon, row, InstancePhase::Open).await
        }
        Standing::Serves if closely => {
            failing(daemon, row, &opened).await?;
            over_quota(daemon, row, &opened).await
        }
        Standing::Stopped if is_whole(row, &opened) => detach_stopped(daemon, row, opened).await,
        // Whoever stops a server leaves its mount; without it the whole host went down.
        Standing::Stopped if is_open && !mount_lives(&opened) => {
            bring_up(daemon, row, &opened, Standing::MountLost).await
        }
        Standing::Stopped if is_open => stopped_by_somebody(daemon, row).await,
        Standing::Crashed | Standing::MountLost if is_open => bring_up(daemon, row, &opened, standing).await,
        // Its service finds nothing to start without it.
        _ if row.serves.is_some() && !mount_lives(&opened) => Ok(opened.mount(&daemon.host.program).await?),
        _ => Ok(()),
    }
}

/// What failed is left alone for a while.
fn may_try(row: &InstanceRow, now: Timestamp) -> bool {
    let last = row.trouble.as_deref().and_then(|text| serde_json::from_str::<Trouble>(text).ok());
    last.is_none_or(|last| last.kind != NOT_STARTED || now.duration_since(last.at) > LEFT_ALONE)
}

fn mount_lives(opened: &Opened) -> bool {
    opened.process().is_none_or(|process| process.is_alive())
}

/// Says once in the daemon's log that a vault does not give pages. `status` shows it as long as it lasts.
async fn failing(daemon: &Daemon, row: &InstanceRow, opened: &Opened) -> Result<()> {
    let asked = opened.clone();
    let status = tokio::task::spawn_blocking(move || asked.status()).await;
    let failures = status.map_err(|e| vault::Error::Internal(e.to_string()))?.map_or(0, |status| status.failures);
    if daemon.turns.more_failures(&row.name, failures) {
        tracing::error!(instance = row.name, failures, "pages cannot be read from the vault");
    }
    Ok(())
}

/// A restore of which nothing is missing.
fn is_whole(row: &InstanceRow, opened: &Opened) -> bool {
    row.kind == kind_name(InstanceKind::Restore) && opened.is_whole()
}

/// Whoever stopped the server by its own means meant it.
async fn stopped_by_somebody(daemon: &Daemon, row: &mut InstanceRow) -> Result<()> {
    tracing::info!(instance = row.name, "its server was stopped");
    set_phase(daemon, row, InstancePhase::Stopped).await
}

async fn bring_up(daemon: &Daemon, row: &mut InstanceRow, opened: &Opened, standing: Standing) -> Result<()> {
    let (kind, text) = match standing {
        Standing::MountLost => {
            ("mount-lost", "its mount's process was gone; the mount was opened again and the server restarted")
        }
        _ => ("server-crashed", "its server ended by itself and was started again"),
    };
    tracing::error!(instance = row.name, kind, "an instance died and is brought up again");
    let mut tries = 0;
    // What is left of the dead server may take a moment to go.
    while let Err(error) = serves::start(daemon, row, opened).await {
        tries += 1;
        if tries == START_TRIES {
            return Err(error);
        }
        tokio::time::sleep(TRY_AGAIN_AFTER).await;
    }
    let advice = "writes that were not committed are gone, as after a crash; the log of the instance says more";
    trouble(daemon, row, kind, text, advice).await;
    Ok(())
}

async fn over_quota(daemon: &Daemon, row: &mut InstanceRow, opened: &Opened) -> Result<()> {
    let Some(quota) = row.quota_bytes.map(|bytes| bytes as u64) else { return Ok(()) };
    let folder = row.folder.clone();
    let taken = tokio::task::spawn_blocking(move || local_bytes(Path::new(&folder))).await;
    let taken = taken.map_err(|e| vault::Error::Internal(e.to_string()))?;
    if taken <= quota {
        return Ok(());
    }
    set_phase(daemon, row, InstancePhase::Stopped).await?;
    opened.stop().await?;
    let text = format!("it takes {taken} bytes on the disk, its quota is {quota}: it was stopped");
    trouble(daemon, row, "quota", &text, "reset it or remove it: rekindle clone reset, rekindle clone rm").await;
    Ok(())
}

async fn trouble(daemon: &Daemon, row: &mut InstanceRow, kind: &str, text: &str, advice: &str) {
    let at = daemon.host.env.now();
    let trouble = Trouble { at, kind: kind.into(), text: text.into(), advice: advice.into() };
    row.trouble = views::to_json(&trouble).ok().map(|json| json.to_string());
    tracing::warn!(instance = row.name, kind, advice, "{text}");
    if let Err(error) = daemon.catalog.put_instance(row).await {
        tracing::error!(%error, instance = row.name, "what happened to it could not be recorded");
    }
}
