//! How far the log reaches: which stretches of which timelines join, from a backup on.
//!
//! ```text
//!   timeline 1   ━━━━━━━━━━━━━━━━━━━╸ switch                     a timeline goes on from its parent at the switch;
//!   timeline 2               ╺━━━━━━━┿━━━━━━━━━━━╸ end            its first segment repeats what the parent had of it
//! ```

use jiff::Timestamp;
use vault::backup::catalog::BackupInfo;
use vault::log::read::{LogIndex, LogObject};

use super::lsn::{Lsn, Timeline};
use super::wal::names::History;
use crate::error::Result;

/// The timeline that the server was on at a time, or is on now, as far as the log tells by when it came. A number says nothing of that: a
/// server that was restored to an earlier moment goes on in a new timeline, and one that went back from there on the old one, so that a
/// time may lie on a branch that was left since.
pub async fn timeline_at(index: &LogIndex, backups: &[BackupInfo], time: Option<Timestamp>) -> Result<Timeline> {
    let numbers = index.timelines().chain(backups.iter().map(|backup| backup.head.timeline));
    let newest = numbers.max().unwrap_or(1);
    let known: Vec<Timeline> = index.timelines().collect();
    if known.len() < 2 {
        return Ok(newest);
    }
    let mut found = None;
    for timeline in known {
        let seen = match time {
            None => last_heard_of(index, timeline).await?,
            Some(time) => last_seen_before(index, timeline, time).await?,
        };
        found = found.max(seen.map(|seen| (seen, timeline)));
    }
    Ok(found.map_or(newest, |(_, timeline)| timeline))
}

async fn last_heard_of(index: &LogIndex, timeline: Timeline) -> Result<Option<Timestamp>> {
    let received = match index.objects(timeline).last() {
        Some(last) => Some(index.head(last).await?.received),
        None => None,
    };
    Ok(received.max(index.mark(timeline).map(|(_, time)| time)))
}

/// The last moment up to a time at which something was written on a timeline, as far as its objects tell, which come in the order of
/// their times.
async fn last_seen_before(index: &LogIndex, timeline: Timeline, time: Timestamp) -> Result<Option<Timestamp>> {
    let begins = Lineage::load(index, timeline).await?.begins();
    let objects = index.objects(timeline);
    let (mut from, mut to, mut last) = (0, objects.len(), None);
    while from < to {
        let middle = from.midpoint(to);
        let (began, ended) = span(index, &objects[middle], begins).await?;
        match began <= time {
            true => (from, last) = (middle + 1, Some(ended.min(time))),
            false => to = middle,
        }
    }
    Ok(last)
}

/// From its first commit to its latest, or when it came: the first object of a timeline repeats commits of its parent.
async fn span(index: &LogIndex, object: &LogObject, begins: Lsn) -> Result<(Timestamp, Timestamp)> {
    let head = index.head(object).await?;
    let first = head.moments.first.filter(|_| object.range.from >= begins.0).map(|first| first.time);
    let began = first.unwrap_or(head.received);
    Ok((began, head.moments.latest.unwrap_or(began).max(began)))
}

/// A timeline and those it came from, oldest first.
#[derive(Debug, Clone)]
pub struct Lineage {
    history: History,
}

/// An unbroken range of positions on a lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The timeline on which it ends.
    pub timeline: Timeline,
    /// The first byte that is not there any more.
    pub end: Lsn,
}

impl Lineage {
    /// The lineage of a timeline, from the history stored with the log.
    pub async fn load(index: &LogIndex, timeline: Timeline) -> Result<Lineage> {
        let history = match timeline {
            ..=1 => History::of_first(timeline),
            _ if !index.has_history(timeline) => History::of_first(timeline),
            _ => History::parse(timeline, &String::from_utf8_lossy(&index.history(timeline).await?))?,
        };
        Ok(Lineage { history })
    }

    pub fn timeline(&self) -> Timeline {
        self.history.timeline
    }

    /// Where its newest timeline begins.
    pub fn begins(&self) -> Lsn {
        self.history.ancestors.last().map_or(Lsn(0), |parent| parent.switch_lsn)
    }

    pub fn contains(&self, timeline: Timeline) -> bool {
        self.history.contains(timeline)
    }

    /// The timeline that a position lies on.
    pub fn timeline_at(&self, lsn: Lsn) -> Timeline {
        self.history.timeline_at(lsn)
    }

    /// Whether something at `lsn` of `timeline` belongs to this lineage.
    pub fn holds(&self, timeline: Timeline, lsn: Lsn) -> bool {
        self.contains(timeline) && self.end_of(timeline).is_none_or(|end| lsn <= end)
    }

    /// Where a timeline of the lineage was left for the next; `None` for the newest.
    pub(super) fn end_of(&self, timeline: Timeline) -> Option<Lsn> {
        if timeline == self.history.timeline { None } else { self.history.end_of(timeline) }
    }

    fn next_after(&self, timeline: Timeline) -> Option<Timeline> {
        let mut line = self.history.ancestors.iter().map(|ancestor| ancestor.timeline).chain([self.history.timeline]);
        line.find(|next| *next == timeline)?;
        line.next()
    }

    /// How far the log is unbroken from `from` on; `None` when not even that position is there.
    pub fn reach(&self, index: &LogIndex, timeline: Timeline, from: Lsn) -> Option<Reach> {
        let (mut timeline, mut at) = (timeline, from);
        loop {
            let stretches = index.stretches(timeline);
            let stretch = stretches.iter().find(|stretch| stretch.from <= at.0 && at.0 <= stretch.to)?;
            match (self.end_of(timeline), self.next_after(timeline)) {
                (Some(switch), Some(next)) if stretch.to >= switch.0 => {
                    let goes_on = index.stretches(next).iter().any(|s| s.from <= switch.0 && switch.0 <= s.to);
                    if !goes_on {
                        return Some(Reach { timeline, end: switch });
                    }
                    (timeline, at) = (next, switch);
                }
                _ => return Some(Reach { timeline, end: Lsn(stretch.to) }),
            }
        }
    }

    /// The pieces of log from `from` (on `timeline`) to `end`, each on its own timeline.
    pub fn pieces(&self, timeline: Timeline, from: Lsn, end: Lsn) -> Vec<(Timeline, Lsn, Lsn)> {
        let mut pieces = Vec::new();
        let (mut timeline, mut at) = (timeline, from);
        while at < end {
            let to = self.end_of(timeline).map_or(end, |switch| switch.min(end));
            if at < to {
                pieces.push((timeline, at, to));
            }
            at = to.max(at);
            match self.next_after(timeline) {
                Some(next) if at < end => timeline = next,
                _ => break,
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use vault::log::write::put_history;

    use super::*;
    use crate::test_vault::{new_vault, receive, shop};

    const SEGMENT: u64 = 1 << 20;

    /// As when a restore is cancelled behind its cut-over: the successor was seen, and nothing of its log.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_timeline_of_which_there_is_no_log_was_never_lived_on() {
        let (folder, source) = (tempfile::tempdir().unwrap(), shop());
        let vault = new_vault(&folder).await;
        receive(&vault, 1, &[7; SEGMENT as usize], SEGMENT).await;
        put_history(&vault, &source, 2, b"1\t0/80000\tbefore 2026-11-22 15:20:43+00\n").await.unwrap();
        let now = Some(vault.env().now());
        let index = LogIndex::load(&vault, &source).await.unwrap();
        assert_eq!(timeline_at(&index, &[], None).await.unwrap(), 1);
        assert_eq!(timeline_at(&index, &[], now).await.unwrap(), 1);
        receive(&vault, 2, &[7; SEGMENT as usize], SEGMENT).await;
        let index = LogIndex::load(&vault, &source).await.unwrap();
        assert_eq!(timeline_at(&index, &[], None).await.unwrap(), 2);
    }
}
