//! From what the crates below know to what goes over the wire, by hand.

use api::{
    BackupView, GapView, LogView, Operation, RestoreAsk, RestorePlan, SourceView, Status, TimelineView, WindowView,
};
use engine::postgres::Lsn;
use engine::postgres::info::ClusterInfo;
use engine::postgres::lineage::{Lineage, timeline_at};
use engine::postgres::receive::{LogState, Phase};
use engine::postgres::target::{Resolved, Window, restorable_to, windows};
use jiff::Timestamp;
use serde::Serialize;
use vault::backup::catalog::{self, BackupInfo};
use vault::format::manifest::ManifestHead;
use vault::log::read::LogIndex;
use vault::names::SourceName;

use crate::alarms;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::operation::restore::back;
use crate::source::Source;

pub(crate) fn to_json(value: &impl Serialize) -> Result<serde_json::Value> {
    Ok(serde_json::to_value(value).map_err(|e| vault::Error::Internal(e.to_string()))?)
}

pub(crate) fn backup_of_head(head: &ManifestHead) -> BackupView {
    let left_out = ClusterInfo::of(head).map(|info| info.left_out).unwrap_or_default();
    BackupView {
        id: head.backup.clone(),
        source: head.source.clone(),
        label: head.label.clone(),
        rule: head.rule.clone(),
        parent: head.parent.clone(),
        began: head.began,
        ended: head.ended,
        timeline: head.timeline,
        log_from: Lsn(head.log_from).to_string(),
        log_to: Lsn(head.log_to).to_string(),
        bytes: head.totals.bytes,
        bytes_stored: head.totals.bytes_stored,
        pages: head.totals.pages,
        pages_changed: head.totals.pages_changed,
        damaged_pages: head.damaged_pages_total,
        damaged: head.damaged_pages.iter().map(|bad| format!("page {} of {}", bad.page, bad.path)).collect(),
        left_out_total: left_out.total,
        left_out: left_out.first.iter().map(|left| format!("{}: {}", left.path, left.why)).collect(),
        pinned: false,
        proven: None,
    }
}

pub(crate) fn backup(info: &BackupInfo) -> BackupView {
    BackupView { pinned: !info.pins.is_empty(), proven: info.proven, ..backup_of_head(&info.head) }
}

fn log(state: &LogState) -> LogView {
    let failure = state.failure.clone();
    LogView {
        phase: match state.phase {
            Phase::Connecting => "connecting",
            Phase::Streaming => "streaming",
            Phase::Waiting => "waiting",
            Phase::Stopped => "stopped",
        }
        .to_owned(),
        timeline: state.timeline,
        received: state.received.to_string(),
        durable: state.durable.to_string(),
        server_end: state.server_end.to_string(),
        lag_bytes: state.lag_bytes(),
        complete_at: state.complete_at.map(restorable_to),
        last_contact: state.last_contact,
        synchronous: state.synchronous,
        failing_since: failure.as_ref().map(|failure| failure.0),
        failure_code: failure.as_ref().map(|failure| failure.1.clone()),
        failure: failure.map(|failure| failure.2),
    }
}

/// Where the vault does not answer, what was seen of its backups last.
pub(crate) async fn source(daemon: &Daemon, source: &Source, unfinished: &[Operation]) -> Result<SourceView> {
    let listed = alarms::backups(daemon, source).await;
    let state = source.receiver.state();
    let (count, newest) = match &listed {
        Some(backups) => (backups.len(), backups.last().map(backup)),
        None => alarms::remembered_backups(daemon, &source.row.name).unwrap_or_default(),
    };
    Ok(SourceView {
        name: source.row.name.clone(),
        url: source.cluster.conninfo.to_redacted_url(),
        system_identifier: source.row.system_identifier.clone(),
        slot: source.row.slot.clone(),
        log: log(&state),
        conditions: alarms::of_source(daemon, source, &state, listed.as_deref()).await?,
        backups: count,
        newest_backup: newest,
        restoring: back::restoring(unfinished, &source.row.name),
        not_watched: alarms::not_watched(daemon, &source.row.name),
    })
}

pub(crate) async fn status(daemon: &Daemon) -> Result<Status> {
    let operations = crate::operation::unfinished(daemon).await?;
    let mut sources = Vec::new();
    for at_work in daemon.sources() {
        sources.push(source(daemon, &at_work, &operations).await?);
    }
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: daemon.host.env.now(),
        vault: daemon.vault.store().location().to_owned(),
        sources,
        instances: crate::instances::all(daemon).await?,
        operations,
        alarms: alarms::about_no_source(daemon),
    })
}

pub(crate) async fn timeline(daemon: &Daemon, name: &str) -> Result<TimelineView> {
    let source = daemon.source(name)?;
    let source_name: SourceName = name.parse()?;
    let backups = catalog::backups(&daemon.vault, &source_name).await?;
    // First: what it says of a position that the log does not reach yet could not be used.
    let state = source.receiver.state();
    let index = LogIndex::load(&daemon.vault, &source_name).await?;
    let windows = windows(&backups, &index, state.complete()).await?;
    Ok(TimelineView {
        source: name.to_owned(),
        now: daemon.host.env.now(),
        gaps: gaps(daemon, name, &state, &windows, &index).await?,
        windows: windows.iter().map(window).collect(),
        backups: backups.iter().map(backup).collect(),
    })
}

fn window(window: &Window) -> WindowView {
    WindowView {
        timeline: window.timeline,
        from: window.from.to_string(),
        to: window.to.to_string(),
        from_time: window.from_time,
        to_time: window.to_time,
    }
}

/// What lies between windows, and behind the last one when the log goes on where no backup reaches it; with the reason where the
/// receiver noted one.
async fn gaps(
    daemon: &Daemon,
    name: &str,
    state: &LogState,
    windows: &[Window],
    index: &LogIndex,
) -> Result<Vec<GapView>> {
    let noted = daemon.catalog.gaps(name).await?;
    let noted = noted.iter().filter_map(|gap| Some((gap.position_from.parse().ok()?, gap.why.as_str())));
    // What was noted first says most: later sessions only see that the vault's log does not join.
    let noted: Vec<(Lsn, &str)> = noted.chain(state.gaps.iter().map(|gap| (gap.from, gap.why.as_str()))).collect();
    let gap = |before: &Window, to: Lsn, to_time: Option<Timestamp>| GapView {
        timeline: before.timeline,
        from: before.to.to_string(),
        to: to.to_string(),
        from_time: before.to_time,
        to_time,
        why: noted.iter().find(|(from, _)| before.to <= *from && *from < to).map(|(_, why)| (*why).to_owned()),
    };
    let mut gaps: Vec<GapView> = Vec::new();
    for window in windows {
        // What another timeline went on with is not missing: only a window that this one follows from can leave a gap before it.
        let lineage = Lineage::load(index, window.timeline).await?;
        let leads_here = |one: &&Window| one.to < window.from && lineage.holds(one.timeline, one.to);
        let before = windows.iter().filter(leads_here).max_by_key(|one| one.to);
        gaps.extend(before.map(|before| gap(before, window.from, Some(window.from_time))));
    }
    let newest = timeline_at(index, &[], None).await?;
    let end = Lsn(index.end(newest).unwrap_or_default());
    let reached = windows.iter().any(|window| window.timeline == newest && window.to >= end);
    if let Some(last) = windows.last().filter(|_| !reached) {
        gaps.push(gap(last, end, None));
    }
    Ok(gaps)
}

pub(crate) fn plan(source: &SourceName, ask: &RestoreAsk, resolved: &Resolved) -> RestorePlan {
    let head = &resolved.backup.head;
    RestorePlan {
        source: source.to_string(),
        asked: resolved.asked.clone(),
        backup: head.backup.clone(),
        backup_label: head.label.clone(),
        backup_ended: head.ended,
        timeline: resolved.timeline,
        reached: resolved.reached.to_string(),
        last_commit: resolved.last_commit,
        newest_commit: resolved.newest_commit,
        commits_after: resolved.commits_after,
        rows_lost: Vec::new(),
        rows_lost_note: None,
        bytes: head.totals.bytes,
        log_bytes: resolved.log_end.bytes_since(Lsn(head.log_from)),
        major: resolved.info.major,
        steps: Vec::new(),
        findings: Vec::new(),
        approvals: 0,
        waived: false,
        begins: None,
        seconds: None,
        unserved_seconds: None,
        into: ask.into.clone(),
    }
}
