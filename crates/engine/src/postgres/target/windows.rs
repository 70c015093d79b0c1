//! The windows: unbroken ranges of restore points, for `timeline` and for refusals.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vault::backup::catalog::BackupInfo;
use vault::log::read::LogIndex;

use crate::error::Result;
use crate::postgres::lineage::Lineage;
use crate::postgres::lsn::{Lsn, Timeline};

/// Any moment between its ends can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub timeline: Timeline,
    pub from: Lsn,
    pub to: Lsn,
    pub from_time: Timestamp,
    /// The time up to which the log is known to be complete.
    pub to_time: Option<Timestamp>,
    /// Ids of the backups in it.
    pub backups: Vec<String>,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.to_time.map_or_else(|| "?".to_owned(), |time| time.to_string());
        write!(f, "{} → {to}   (LSN {} → {}, timeline {})", self.from_time, self.from, self.to, self.timeline)
    }
}

/// All windows, oldest first. `live` is what the receiver knows beyond the vault: its position and complete time.
pub async fn windows(backups: &[BackupInfo], index: &LogIndex, live: Option<(Lsn, Timestamp)>) -> Result<Vec<Window>> {
    let newest = index.timelines().chain(backups.iter().map(|backup| backup.head.timeline)).max().unwrap_or(1);
    let mut windows: Vec<Window> = Vec::new();
    let mut tips: Vec<Timeline> = index.timelines().chain([newest]).collect();
    tips.sort_unstable_by_key(|timeline| std::cmp::Reverse(*timeline));
    tips.dedup();
    for tip in tips {
        let lineage = Lineage::load(index, tip).await?;
        for backup in backups {
            let consistent = Lsn(backup.head.log_to);
            if !lineage.holds(backup.head.timeline, consistent) {
                continue;
            }
            let reach = lineage.reach(index, backup.head.timeline, Lsn(backup.head.log_from));
            let Some(reach) = reach.filter(|reach| reach.end >= consistent) else { continue };
            add(
                &mut windows,
                Window {
                    timeline: reach.timeline,
                    from: consistent,
                    to: reach.end,
                    from_time: backup.head.ended,
                    to_time: None,
                    backups: vec![backup.id.to_string()],
                },
            );
        }
    }
    for window in &mut windows {
        window.to_time = end_time(index, window, live).await?.map(|time| time.max(window.from_time));
    }
    windows.sort_by_key(|window| (window.from_time, window.from));
    Ok(windows)
}

/// Windows that end at the same place are one; one that another contains adds nothing.
fn add(windows: &mut Vec<Window>, new: Window) {
    let contained = |window: &Window| window.to > new.to && new.backups.iter().all(|id| window.backups.contains(id));
    if windows.iter().any(contained) {
        return;
    }
    match windows.iter_mut().find(|window| window.timeline == new.timeline && window.to == new.to) {
        None => windows.push(new),
        Some(window) => {
            window.from = window.from.min(new.from);
            window.from_time = window.from_time.min(new.from_time);
            for id in new.backups {
                if !window.backups.contains(&id) {
                    window.backups.push(id);
                }
            }
        }
    }
}

async fn end_time(index: &LogIndex, window: &Window, live: Option<(Lsn, Timestamp)>) -> Result<Option<Timestamp>> {
    let mut known = live.filter(|(position, _)| *position == window.to).map(|(_, time)| time);
    if let Some((position, time)) = index.mark(window.timeline)
        && position <= window.to.0
        && position >= window.from.0
    {
        known = known.max(Some(time));
    }
    let inside = index.objects(window.timeline).iter().rev().filter(|object| object.range.to <= window.to.0);
    for object in inside.take(3) {
        let head = index.head(object).await?;
        known = known.max(head.complete_at).max(head.moments.latest);
    }
    Ok(known)
}
