//! The windows: unbroken ranges of restore points, for `timeline` and for refusals.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use vault::backup::catalog::BackupInfo;
use vault::log::read::{LogIndex, LogObject};

use super::{Complete, restorable_to};
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
pub async fn windows(backups: &[BackupInfo], index: &LogIndex, live: Option<Complete>) -> Result<Vec<Window>> {
    let newest = index.timelines().chain(backups.iter().map(|backup| backup.head.timeline)).max().unwrap_or(1);
    let mut windows: Vec<Window> = Vec::new();
    let mut tips: Vec<Timeline> = index.timelines().chain([newest]).collect();
    tips.sort_unstable_by_key(|timeline| std::cmp::Reverse(*timeline));
    tips.dedup();
    let mut lineages: BTreeMap<Timeline, Lineage> = BTreeMap::new();
    for tip in tips {
        let lineage = Lineage::load(index, tip).await?;
        lineages.insert(tip, lineage.clone());
        for backup in backups {
            let consistent = Lsn(backup.head.log_to);
            if !lineage.holds(backup.head.timeline, consistent) {
                continue;
            }
            let reach = lineage.reach(index, backup.head.timeline, Lsn(backup.head.log_from));
            let Some(reach) = reach.filter(|reach| reach.end >= consistent) else { continue };
            add(
                &mut windows,
                &lineages,
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
fn add(windows: &mut Vec<Window>, lineages: &BTreeMap<Timeline, Lineage>, new: Window) {
    // What a timeline holds behind the point at which the other left it is on no other.
    let passes = |window: &Window| lineages.get(&window.timeline).is_some_and(|line| line.holds(new.timeline, new.to));
    let contained = |window: &Window| {
        window.to > new.to && passes(window) && new.backups.iter().all(|id| window.backups.contains(id))
    };
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

/// The last time that is not refused: a later commit shows that nothing is missing before it, else what is complete less its margin.
async fn end_time(index: &LogIndex, window: &Window, live: Option<Complete>) -> Result<Option<Timestamp>> {
    let live = live.filter(|live| live.timeline == window.timeline && live.position <= window.to).map(|live| live.time);
    let known = complete_at(index, window.timeline, window.to).await?.max(live).map(restorable_to);
    let mut latest = None;
    for object in last_objects(index, window.timeline, window.to) {
        latest = latest.max(index.head(object).await?.moments.latest);
    }
    Ok(known.max(latest.map(|latest| latest - SignedDuration::from_micros(1))))
}

/// Up to which time the vault itself says that its log of a timeline is complete before `end`.
pub async fn complete_at(index: &LogIndex, timeline: Timeline, end: Lsn) -> Result<Option<Timestamp>> {
    let mut known = index.mark(timeline).filter(|(position, _)| *position <= end.0).map(|(_, time)| time);
    for object in last_objects(index, timeline, end) {
        let head = index.head(object).await?;
        known = known.max(head.complete_at).max(head.moments.latest);
    }
    Ok(known)
}

/// Folded ones do not say up to when they are complete, but the part that ended there is near.
fn last_objects(index: &LogIndex, timeline: Timeline, end: Lsn) -> impl Iterator<Item = &LogObject> {
    index.objects(timeline).iter().rev().filter(move |object| object.range.to <= end.0).take(3)
}
