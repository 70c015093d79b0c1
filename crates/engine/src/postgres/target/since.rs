//! What was written since a server went its own way.

use jiff::Timestamp;
use vault::log::read::LogIndex;
use vault::names::LogRange;

use crate::error::Result;
use crate::postgres::control_file::ControlFile;
use crate::postgres::lineage::Lineage;
use crate::postgres::wal::{Event, Scanner, Shape};

/// Commits on the timeline of a cluster since it began: the newest time, and how many. The log may still lack the last of them.
pub async fn written_since(index: &LogIndex, control: &ControlFile) -> Result<(Option<Timestamp>, u64)> {
    let timeline = control.checkpoint.timeline;
    let begins = Lineage::load(index, timeline).await?.begins();
    let objects = index.objects(timeline);
    let later = objects.partition_point(|object| object.range.to <= begins.0) + 1;
    let (mut newest, mut commits) = (None, 0);
    // The first object repeats what the parent had of its segment.
    if let Some(first) = objects.get(later - 1) {
        let from = begins.align_down(u64::from(control.wal_segment_bytes));
        let shape = Shape {
            major: control.major().unwrap_or_default(),
            timeline,
            segment_bytes: u64::from(control.wal_segment_bytes),
            system_identifier: Some(control.system_identifier),
        };
        let mut events = Vec::new();
        let bytes = index.read(LogRange { timeline, from: from.0, to: first.range.to }).await?;
        Scanner::at_segment(from, shape)?.feed(&bytes, &mut events);
        for event in events {
            if let Event::Commit(xact) = event
                && xact.lsn >= begins
            {
                newest = newest.max(Some(xact.time));
                commits += 1;
            }
        }
    }
    for object in objects.iter().skip(later) {
        let moments = index.head(object).await?.moments;
        newest = newest.max(moments.latest);
        commits += moments.commits;
    }
    Ok((newest, commits))
}
