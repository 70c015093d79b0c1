//! Checks the log: every object opens, and every backup finds the log that makes it consistent.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use super::Check;
use super::inventory::{Inventory, TimelineFiles};
use crate::error::{Error, Result};
use crate::format::manifest::ManifestHead;
use crate::format::sealed::Kind;
use crate::log::read::{LogIndex, LogObject, read_mark};
use crate::names::{LogRange, Name, SourceName};
use crate::vault::Vault;

/// Log objects up to this size are read whole.
const READ_WHOLE: u32 = 64 << 10;

/// Returns how many objects were opened.
pub(super) async fn check_logs(
    check: &mut Check<'_>,
    inventory: &Inventory,
    heads: &BTreeMap<SourceName, Vec<ManifestHead>>,
) -> Result<u64> {
    let mut opened = 0;
    for source in &inventory.sources {
        let heads = heads.get(source).map_or(&[][..], Vec::as_slice);
        let empty = BTreeMap::new();
        let timelines = inventory.logs.get(source).unwrap_or(&empty);
        for (timeline, files) in timelines {
            opened += check_timeline(check, source, *timeline, files, heads).await?;
        }
        for head in heads {
            check_reachable(check, source, head, timelines.get(&head.timeline));
        }
    }
    check_notes(check, "report-damaged", &inventory.reports).await?;
    check_notes(check, "audit-damaged", &inventory.audit).await?;
    Ok(opened)
}

async fn check_timeline(
    check: &mut Check<'_>,
    source: &SourceName,
    timeline: u32,
    files: &TimelineFiles,
    heads: &[ManifestHead],
) -> Result<u64> {
    let index = LogIndex::empty(check.vault, source);
    let (read_all, progress) = (check.options.read_data.is_some(), check.progress.clone());
    let outcomes = stream::iter(files.stretches.clone()).map(|(range, folded, size)| {
        let object = LogObject { range, folded, size: u32::try_from(size).unwrap_or(u32::MAX) };
        let (index, progress) = (&index, progress.clone());
        async move {
            progress.check()?;
            Ok::<_, Error>((object, open_object(index, &object, read_all).await))
        }
    });
    let mut outcomes = outcomes.buffered(check.options.workers.max(1));
    while let Some((object, outcome)) = outcomes.try_next().await? {
        match outcome {
            Ok(bytes) => check.read(bytes),
            // Expired since it was listed.
            Err(Error::NotFound(_)) => {}
            Err(error) => check.damage(
                "log-damaged",
                &index.name(&object).to_string(),
                &needing(source, heads, object.range),
                error,
            )?,
        }
    }
    check_notes(check, "log-note-damaged", &files.notes).await?;
    for gap in gaps(&stretches(files)) {
        let what = format!("no log from {:X} to {:X}: moments in between cannot be reached", gap.from, gap.to);
        check.findings.note("log-gap", &format!("logs/{source}/{timeline:08x}"), what);
    }
    Ok(files.stretches.len() as u64)
}

/// Returns the bytes read. Short objects are read whole at once; of long ones the head and the end, which only opens where the
/// object was ended.
async fn open_object(index: &LogIndex, object: &LogObject, read_all: bool) -> Result<u64> {
    if object.size <= READ_WHOLE || read_all {
        index.read_object(object).await?;
        index.head(object).await?;
        return Ok(u64::from(object.size));
    }
    index.head(object).await?;
    index.prove_end(object).await?;
    Ok(0)
}

/// The backups that cannot be made consistent without this stretch.
fn needing(source: &SourceName, heads: &[ManifestHead], range: LogRange) -> Vec<String> {
    let needs =
        |head: &&ManifestHead| head.timeline == range.timeline && head.log_from < range.to && range.from < head.log_to;
    heads.iter().filter(needs).map(|head| format!("{source}/{}", head.backup)).collect()
}

/// A backup without the log of its own making cannot be opened at all.
fn check_reachable(check: &mut Check<'_>, source: &SourceName, head: &ManifestHead, files: Option<&TimelineFiles>) {
    let wanted = LogRange { timeline: head.timeline, from: head.log_from, to: head.log_to };
    for hole in holes(wanted, &files.map(stretches).unwrap_or_default()) {
        let what = format!(
            "backup {} cannot be made consistent: log {:X}..{:X} on timeline {} is missing",
            head.backup, hole.from, hole.to, hole.timeline
        );
        let backup = format!("{source}/{}", head.backup);
        check.findings.error("log-missing", &format!("logs/{source}/{:08x}", head.timeline), what, &[backup]);
    }
}

/// What is there, joined, ascending.
fn stretches(files: &TimelineFiles) -> Vec<LogRange> {
    let mut ranges: Vec<LogRange> = files.stretches.iter().map(|(range, ..)| *range).collect();
    ranges.sort_unstable();
    let mut joined: Vec<LogRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.from <= last.to => last.to = last.to.max(range.to),
            _ => joined.push(range),
        }
    }
    joined
}

fn gaps(stretches: &[LogRange]) -> Vec<LogRange> {
    stretches.windows(2).map(|pair| LogRange { from: pair[0].to, to: pair[1].from, ..pair[0] }).collect()
}

/// The parts of `wanted` that no stretch covers.
fn holes(wanted: LogRange, stretches: &[LogRange]) -> Vec<LogRange> {
    let mut holes = Vec::new();
    let mut at = wanted.from;
    for stretch in stretches.iter().filter(|stretch| stretch.to > wanted.from && stretch.from < wanted.to) {
        if stretch.from > at {
            holes.push(LogRange { from: at, to: stretch.from, ..wanted });
        }
        at = at.max(stretch.to);
    }
    if at < wanted.to {
        holes.push(LogRange { from: at, ..wanted });
    }
    holes
}

/// Opens small sealed objects: marks, histories, pins, proofs, tombstones, reports.
pub(super) async fn check_notes(check: &mut Check<'_>, code: &'static str, names: &[Name]) -> Result<()> {
    let vault = check.vault;
    // Owned names: a closure over borrowed ones would keep the check from being sent between threads.
    let opened = stream::iter(names.to_vec()).map(|name| async move {
        let outcome = open_note(vault, &name).await;
        (name, outcome)
    });
    let mut opened = opened.buffered(check.options.workers.max(1));
    while let Some((name, outcome)) = opened.next().await {
        match outcome {
            // Removed since it was listed.
            Ok(()) | Err(Error::NotFound(_)) => {}
            Err(error) => check.damage(code, &name.to_string(), &[], error)?,
        }
    }
    Ok(())
}

async fn open_note(vault: &Vault, name: &Name) -> Result<()> {
    match name {
        Name::LogMark { micros, .. } => {
            let time = read_mark(vault, name).await?;
            match time.as_microsecond() == *micros {
                true => Ok(()),
                false => Err(Error::malformed(name.to_string(), "it speaks of another time than its name")),
            }
        }
        Name::Report(..) | Name::Catalog { .. } => vault.get_sealed(Kind::Report, name).await.map(drop),
        _ => vault.get_sealed(Kind::Note, name).await.map(drop),
    }
}
