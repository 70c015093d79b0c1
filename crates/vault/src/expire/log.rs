//! Trims a source's log: what no kept backup needs, parts that a fold has replaced, marks that a newer one has.

use std::collections::HashMap;

use futures::TryStreamExt;
use jiff::SignedDuration;

use super::apply::Deleter;
use super::sweep::older;
use crate::error::{Error, Result};
use crate::log::read::{LogIndex, LogObject};
use crate::names::{LogRange, Name, SourceName, prefix};
use crate::store::ObjectInfo;
use crate::vault::Vault;

/// `before`: what ends at or before this position goes, on every timeline; without it no stretch goes.
pub(super) async fn trim(
    deleter: &mut Deleter<'_>,
    source: &SourceName,
    before: Option<u64>,
    grace: SignedDuration,
) -> Result<()> {
    let vault = deleter.vault.clone();
    let objects: Vec<ObjectInfo> = vault.store().list(&prefix::logs(source)).try_collect().await?;
    let newest = objects.iter().map(|object| object.modified).max();
    let folds = folds(&vault, source, &objects, |object| older(object, newest, grace)).await?;
    let marks = newest_marks(&objects);
    for object in &objects {
        let goes = match Name::parse(&object.name) {
            Some(Name::LogFolded(_, range)) => before.is_some_and(|before| range.to <= before),
            Some(Name::LogPart(_, range)) => {
                before.is_some_and(|before| range.to <= before) || is_replaced(&folds, range)
            }
            Some(Name::LogMark { timeline, position, micros, .. }) => marks[&timeline] != (micros, position),
            _ => false,
        };
        if goes && deleter.delete(&object.name, object.size).await? {
            deleter.applied.log_objects_deleted += 1;
        }
    }
    Ok(())
}

/// `folds` ascends, as names do.
fn is_replaced(folds: &[LogRange], part: LogRange) -> bool {
    let behind = folds.partition_point(|fold| (fold.timeline, fold.from) <= (part.timeline, part.from));
    behind.checked_sub(1).is_some_and(|at| covers(folds[at], part))
}

fn covers(fold: LogRange, part: LogRange) -> bool {
    fold.timeline == part.timeline && fold.from <= part.from && part.to <= fold.to
}

/// Folds older than the grace period under which parts still lie, proven whole before those go.
async fn folds(
    vault: &Vault,
    source: &SourceName,
    objects: &[ObjectInfo],
    is_old: impl Fn(&ObjectInfo) -> bool,
) -> Result<Vec<LogRange>> {
    let parts: Vec<LogRange> = objects
        .iter()
        .filter_map(|object| match Name::parse(&object.name) {
            Some(Name::LogPart(_, range)) => Some(range),
            _ => None,
        })
        .collect();
    let index = LogIndex::empty(vault, source);
    let mut folds = Vec::new();
    for object in objects.iter().filter(|object| is_old(object)) {
        let Some(Name::LogFolded(_, range)) = Name::parse(&object.name) else { continue };
        let size = u32::try_from(object.size).unwrap_or(u32::MAX);
        let fold = LogObject { range, folded: true, size };
        if has_part(&parts, range) && is_whole(&index, &fold).await? {
            folds.push(range);
        }
    }
    Ok(folds)
}

/// `parts` ascends, as names do.
fn has_part(parts: &[LogRange], fold: LogRange) -> bool {
    let at = parts.partition_point(|part| (part.timeline, part.from) < (fold.timeline, fold.from));
    parts.get(at).is_some_and(|part| covers(fold, *part))
}

/// A damaged fold keeps its parts.
async fn is_whole(index: &LogIndex, fold: &LogObject) -> Result<bool> {
    match index.read_object(fold).await {
        Ok(_) => Ok(true),
        Err(Error::Damaged { .. } | Error::Malformed { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// For each timeline the latest mark.
fn newest_marks(objects: &[ObjectInfo]) -> HashMap<u32, (i64, u64)> {
    let mut newest: HashMap<u32, (i64, u64)> = HashMap::new();
    for object in objects {
        if let Some(Name::LogMark { timeline, position, micros, .. }) = Name::parse(&object.name) {
            let mark = newest.entry(timeline).or_default();
            *mark = (*mark).max((micros, position));
        }
    }
    newest
}
