//! States that somebody should know of. `status` shows them, and the daemon's log repeats them as long as they last.

use std::time::Duration;

use api::ConditionView;
use engine::postgres::Lsn;
use engine::postgres::receive::{LogState, Phase};
use engine::postgres::wire::{Connection, Mode};
use jiff::{SignedDuration, Timestamp};
use vault::backup::catalog::{self, BackupInfo};

use crate::catalog::GapRow;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::source::Source;

const LOOK_EVERY: Duration = Duration::from_secs(10);
const REPEAT_EVERY: u32 = 6;
/// A receiver that has not streamed for this long is worth saying.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// What stands out of a source now.
pub(crate) fn of(daemon: &Daemon, source: &Source, state: &LogState, backups: &[BackupInfo]) -> Vec<ConditionView> {
    let now = daemon.host.env.now();
    let mut found = Vec::new();
    found.extend(not_received(state, now));
    found.extend(gap(state, backups));
    found.extend(lag(state, now, daemon.config.log.lag_warning_seconds));
    found.extend(daemon.slot_risk(&source.row.name));
    found.extend(drill_failed(backups));
    if backups.is_empty() {
        let advice = format!("take one: rekindle backup {}", source.row.name);
        found.push(condition(
            "warning",
            "no-backup",
            None,
            "there is no backup yet, so nothing can be restored".into(),
            advice,
        ));
    }
    found
}

fn condition(severity: &str, kind: &str, since: Option<Timestamp>, text: String, advice: String) -> ConditionView {
    ConditionView { severity: severity.into(), kind: kind.into(), since, text, advice }
}

fn not_received(state: &LogState, now: Timestamp) -> Option<ConditionView> {
    let (since, code, text) = state.failure.as_ref()?;
    let long = now.duration_since(*since) >= PATIENCE || state.phase == Phase::Waiting;
    long.then(|| {
        let text = format!("the log is not being received ({code}): {text}");
        condition(
            "critical",
            "log-not-received",
            Some(*since),
            text,
            "it is tried again by itself; the slot keeps the log at the server until then".into(),
        )
    })
}

fn gap(state: &LogState, backups: &[BackupInfo]) -> Option<ConditionView> {
    let gap = state.gaps.iter().rev().find(|gap| !backups.iter().any(|backup| Lsn(backup.head.log_from) >= gap.to))?;
    let text = format!("the log has a gap from {} to {}: {}", gap.from, gap.to, gap.why);
    let advice = "moments behind the gap can be restored after the next backup: take one now".to_owned();
    Some(condition("critical", "log-gap", Some(gap.noticed), text, advice))
}

/// A backup whose last drill failed. The newest one speaks for all.
fn drill_failed(backups: &[BackupInfo]) -> Option<ConditionView> {
    let judged = backups.iter().rev().find(|backup| backup.proven.is_some() || backup.failed.is_some())?;
    let failed = judged.failed.filter(|failed| judged.proven.is_none_or(|proven| proven < *failed))?;
    let text = format!("the last drill failed: backup {} could not be proven", judged.id);
    let advice = "its evidence says why; take a new backup and drill that one".to_owned();
    Some(condition("critical", "drill-failed", Some(failed), text, advice))
}

fn lag(state: &LogState, now: Timestamp, warning_seconds: u64) -> Option<ConditionView> {
    let since = state.complete_at.or(state.streaming_since);
    let behind = now.duration_since(since?);
    let limit = SignedDuration::from_secs(i64::try_from(warning_seconds).unwrap_or(i64::MAX));
    // A quiet server says seldom that nothing happened: that is no lag.
    let lags = behind > limit && state.lag_bytes() > 0;
    (lags && state.phase == Phase::Streaming).then(|| {
        let text = format!("the vault is {} s and {} bytes behind the server", behind.as_secs(), state.lag_bytes());
        condition(
            "warning",
            "log-lag",
            since,
            text,
            "is the vault slow, or the server writing more than the vault takes?".into(),
        )
    })
}

/// Looks at every source from time to time, keeps what it found, and repeats it in the log.
pub(crate) async fn watch(daemon: Daemon) {
    let mut round = 0u32;
    loop {
        for source in daemon.sources() {
            if let Err(error) = look(&daemon, &source, round.is_multiple_of(REPEAT_EVERY)).await {
                tracing::debug!(%error, source = source.row.name, "could not look at the source");
            }
        }
        round = round.wrapping_add(1);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(daemon: &Daemon, source: &Source, repeat: bool) -> Result<()> {
    let state = source.receiver.state();
    for gap in &state.gaps {
        daemon
            .catalog
            .add_gap(&GapRow {
                source: source.row.name.clone(),
                timeline: i64::from(gap.timeline),
                position_from: gap.from.to_string(),
                position_to: gap.to.to_string(),
                noticed: gap.noticed.to_string(),
                why: gap.why.clone(),
            })
            .await?;
    }
    if let Ok(risk) = slot_risk(source).await {
        daemon.set_slot_risk(&source.row.name, risk);
    }
    if repeat {
        let backups = catalog::backups(&daemon.vault, &source.cluster.source).await?;
        for found in of(daemon, source, &state, &backups) {
            match found.severity.as_str() {
                "critical" => tracing::error!(
                    source = source.row.name,
                    kind = found.kind,
                    advice = found.advice,
                    "{}",
                    found.text
                ),
                _ => {
                    tracing::warn!(
                        source = source.row.name,
                        kind = found.kind,
                        advice = found.advice,
                        "{}",
                        found.text
                    );
                }
            }
        }
    }
    Ok(())
}

/// What the server says of a slot (pg_replication_slots).
struct SlotRow {
    status: Option<String>,
    /// Bytes of log that it holds.
    kept: i64,
    /// Bytes that may still be written before the server removes log; `None` without a limit.
    left: Option<i64>,
}

async fn slot_row(source: &Source) -> Result<Option<SlotRow>> {
    let query = format!(
        "SELECT wal_status, safe_wal_size, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
         ELSE pg_current_wal_lsn() END, restart_lsn)::bigint AS kept FROM pg_replication_slots WHERE slot_name = '{}'",
        source.row.slot
    );
    let mut sql = Connection::connect(&source.cluster.conninfo, Mode::Sql).await?;
    let rows = sql.rows(&query).await?;
    sql.close().await;
    let number = |column| rows.get(0, column).and_then(|text| text.parse().ok());
    Ok((!rows.rows.is_empty()).then(|| SlotRow {
        status: rows.get(0, "wal_status").map(str::to_owned),
        kept: number("kept").unwrap_or(0),
        left: number("safe_wal_size"),
    }))
}

/// Whether the server is about to give up, or has given up, the log that the slot should keep.
async fn slot_risk(source: &Source) -> Result<Option<ConditionView>> {
    let at_risk = |severity, text, advice: &str| condition(severity, "slot-at-risk", None, text, advice.into());
    let Some(SlotRow { status, kept, left }) = slot_row(source).await? else {
        let text = format!("the replication slot {} does not exist", source.row.slot);
        return Ok(Some(at_risk("critical", text, "it is made anew when the receiver connects")));
    };
    let (severity, text) = match (status.as_deref(), left) {
        (Some("lost"), _) => ("critical", "the server has removed log that the slot should keep".to_owned()),
        (Some("unreserved"), _) => {
            ("critical", format!("the server will remove log at its next checkpoint; the slot holds {kept} bytes"))
        }
        (_, Some(left)) if left < kept => {
            ("warning", format!("the slot holds {kept} bytes, and after {left} more the server removes log"))
        }
        _ => return Ok(None),
    };
    Ok(Some(at_risk(severity, text, "raise max_slot_wal_keep_size, and find out why the log is not received")))
}
