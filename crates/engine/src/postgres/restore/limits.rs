//! With which limits a restored server is started, see `postgres::limits`. They are the backup's at first. They may have been raised between
//! the backup and the target, and the log says so:
//! - a server that is started here stops short where they are too low, with what it needs in its pg_control: it is started again with that;
//! - where only files are written, the log that was put there is read.

use std::fs;
use std::sync::Arc;

use tokio::runtime::Handle;
use vault::backup::read::BackupReader;
use vault::backup::restore::read_file;

use super::Prepared;
use crate::error::{Error, Result};
use crate::postgres::control_file::{self, ControlFile};
use crate::postgres::limits::Limits;
use crate::postgres::lsn::Lsn;
use crate::postgres::target::Resolved;
use crate::postgres::wal::names::Segment;
use crate::postgres::wal::{Event, Scanner, Shape};

/// Fewer would not do for those who look at the server.
const CONNECTIONS_MIN: u32 = 20;

/// Of the server at the time of the backup.
pub(super) async fn at_backup(reader: &Arc<BackupReader>) -> Result<Limits> {
    let tail = reader.tail().await?;
    let entry = tail.into_iter().find(|entry| entry.path == control_file::PATH);
    let entry = entry.ok_or_else(|| Error::damaged("backup", "it has no pg_control"))?;
    let (reader, runtime) = (reader.clone(), Handle::current());
    let bytes = tokio::task::spawn_blocking(move || read_file(&reader, &entry, &runtime)).await;
    let bytes = bytes.map_err(|e| vault::Error::Internal(e.to_string()))??;
    let limits = Limits::of(&ControlFile::parse(&bytes)?);
    Ok(Limits { max_connections: limits.max_connections.max(CONNECTIONS_MIN), ..limits })
}

/// Those that the server has come to in the log, together with those it was started with; nothing when it needs no more than it has, or
/// has ended for a reason of another kind.
pub(super) fn raised_by_server(prepared: &Prepared) -> Option<Limits> {
    let bytes = fs::read(prepared.into.join(control_file::PATH)).ok()?;
    let limits = prepared.limits.max(Limits::of(&ControlFile::parse(&bytes).ok()?));
    (limits != prepared.limits).then_some(limits)
}

/// The greatest in the log that was put into `pg_wal`, on the way to the target.
pub(super) fn in_placed_log(prepared: &Prepared, resolved: &Resolved) -> Result<Limits> {
    let segment_bytes = resolved.info.wal_segment_bytes;
    let shape = Shape {
        major: resolved.info.major,
        timeline: resolved.lineage.timeline(),
        segment_bytes,
        system_identifier: Some(resolved.info.system_identifier()?),
    };
    let from = Lsn(resolved.backup.head.log_from).align_down(segment_bytes);
    let mut scanner = Scanner::at_segment(from, shape)?;
    let (mut limits, mut events) = (prepared.limits, Vec::new());
    for (timeline, from, to) in resolved.lineage.pieces(resolved.backup.head.timeline, from, resolved.log_end) {
        let mut segment = Segment::at(timeline, from, segment_bytes);
        while segment.start(segment_bytes) < to {
            let path = prepared.into.join("pg_wal").join(segment.file_name(segment_bytes));
            let bytes = fs::read(&path).map_err(|e| Error::file("read", &path, e))?;
            let start = segment.start(segment_bytes);
            let inside =
                |lsn: Lsn| usize::try_from(lsn.0.saturating_sub(start.0)).unwrap_or(bytes.len()).min(bytes.len());
            scanner.feed(&bytes[inside(from)..inside(to)], &mut events);
            for event in events.drain(..) {
                if let Event::ParameterChange { limits: changed, .. } = event {
                    limits = limits.max(changed);
                }
            }
            segment = segment.next();
        }
    }
    match scanner.end() {
        Some(end) => Err(Error::Wal { lsn: end.lsn.to_string(), what: end.why.to_owned() }),
        None => Ok(limits),
    }
}
