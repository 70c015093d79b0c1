//! Which rows a restore takes away, by table: counted in the log, named by asking the server. That it cannot be told is said, and stops
//! nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{RestorePlan, RowsLost};
use engine::postgres::control_file::ControlFile;
use engine::postgres::lineage::Lineage;
use engine::postgres::relations::{FileOf, name_files};
use engine::postgres::successor::read_fenced_control;
use engine::postgres::target::Resolved;
use engine::postgres::target::rows::{FileWritten, LOG_READ_BYTES_MAX, RowsWritten, rows_behind, rows_since};
use engine::postgres::wal::rows::RelationFile;
use jiff::Timestamp;
use vault::log::read::LogIndex;

use super::moment::{Restorer, live_for};
use super::source_of;
use super::swap::Swap;
use crate::error::Result;
use crate::operation::At;
use crate::source::Source;

/// A plan tells of so many tables.
const TABLES_MAX: usize = 200;
/// A server that says nothing for so long does not name its tables.
const NAMES_PATIENCE: Duration = Duration::from_secs(10);
/// The report reads more than the plan, for which somebody waits.
const REPORT_BYTES_MAX: u64 = 16 * LOG_READ_BYTES_MAX;

/// For the plan of a resolved moment.
pub(super) async fn fill(index: &LogIndex, source: &Source, resolved: &Resolved, plan: &mut RestorePlan) {
    if resolved.commits_after > 0 {
        let written = rows_behind(index, resolved, LOG_READ_BYTES_MAX).await;
        tell(source, written.map_err(Into::into), &BTreeMap::new(), &|_| true, plan).await;
    }
}

/// For the plan of going back: what was written since.
pub(super) async fn fill_since(index: &LogIndex, source: &Source, control: &ControlFile, plan: &mut RestorePlan) {
    let written = rows_since(index, control, LOG_READ_BYTES_MAX).await;
    tell(source, written.map_err(Into::into), &BTreeMap::new(), &|_| true, plan).await;
}

/// What was lost in the end: writers went on between the plan and their stop. Tables keep the names that they had in the plan. Of others
/// the restored server is asked, which knows those that were dropped since the moment; what was made since is not there, and another
/// table may have the number by now.
pub(super) async fn at_the_end(at: &At, swap: &Swap) -> RestorePlan {
    let mut plan = swap.plan.clone();
    let Ok(source) = at.daemon.source(source_of(at)) else { return plan };
    match counted(at, swap, &source).await {
        Ok(written) => {
            plan.commits_after = plan.commits_after.max(written.commits);
            plan.newest_commit = plan.newest_commit.max(written.newest_commit);
            let known = std::mem::take(&mut plan.rows_lost).into_iter();
            let known =
                known.filter(|row| row.new_file || !is_number(row)).map(|row| (row.file.clone(), row)).collect();
            plan.rows_lost_note = None;
            let ask = |one: &FileWritten| !one.is_new;
            tell(&source, Ok(written), &known, &ask, &mut plan).await;
        }
        Err(error) => {
            at.work.warn(format!("what was lost is told as the plan said it: {error}"));
        }
    }
    plan
}

async fn counted(at: &At, swap: &Swap, source: &Source) -> Result<RowsWritten> {
    let name = source.row.name.parse()?;
    let index = LogIndex::load(&at.daemon.vault, &name).await?;
    if swap.back_from.is_some() {
        let control = read_fenced_control(&swap.places.retired)?;
        return Ok(rows_since(&index, &control, REPORT_BYTES_MAX).await?);
    }
    let mut resolved =
        Restorer::of(&at.daemon).resolve(&name, &swap.ask, live_for(&at.daemon, &name, &swap.ask).await?).await?;
    if let Some(timeline) = swap.lived_on {
        resolved.lineage = Lineage::load(&index, timeline).await?;
    }
    Ok(rows_behind(&index, &resolved, REPORT_BYTES_MAX).await?)
}

/// `ask` says of which files the server may be asked.
async fn tell(
    source: &Source,
    written: Result<RowsWritten>,
    known: &BTreeMap<String, RowsLost>,
    ask: &(dyn Fn(&FileWritten) -> bool + Sync),
    plan: &mut RestorePlan,
) {
    let written = match written {
        Ok(written) => written,
        Err(error) => {
            plan.rows_lost_note = Some(format!("rows could not be counted: {}", error.body().told()));
            return;
        }
    };
    let unknown = written.files.iter().filter(|one| ask(one) && !known.contains_key(&text(one.file)));
    let unknown: Vec<RelationFile> = unknown.map(|one| one.file).collect();
    let names = if unknown.is_empty() { BTreeMap::new() } else { names(source, &unknown).await };
    let mut rows: Vec<RowsLost> = written.files.iter().filter_map(|one| row(one, known, &names)).collect();
    let mut notes = written.at_least;
    if rows.len() > TABLES_MAX {
        notes.push(format!("{} more tables are left out", rows.len() - TABLES_MAX));
        rows.truncate(TABLES_MAX);
    }
    plan.rows_lost = rows;
    plan.rows_lost_note = (!notes.is_empty()).then(|| notes.join("; "));
}

async fn names(source: &Source, files: &[RelationFile]) -> BTreeMap<RelationFile, FileOf> {
    match tokio::time::timeout(NAMES_PATIENCE, name_files(&source.cluster.conninfo, files)).await {
        Ok(Ok(names)) => names,
        Ok(Err(error)) => {
            tracing::warn!(source = source.row.name, %error, "tables are told by their numbers");
            BTreeMap::new()
        }
        Err(_) => BTreeMap::new(),
    }
}

/// Nothing of what is the server's own.
fn row(
    one: &FileWritten,
    known: &BTreeMap<String, RowsLost>,
    names: &BTreeMap<RelationFile, FileOf>,
) -> Option<RowsLost> {
    let file = text(one.file);
    let number = || format!("{}/{}", one.file.database, one.file.file);
    let (database, table) = match (known.get(&file), names.get(&one.file)) {
        (Some(known), _) => (known.database.clone(), known.table.clone()),
        (None, Some(FileOf::Other)) => return None,
        (None, Some(FileOf::Table { database, table })) => (database.clone(), table.clone()),
        (None, Some(FileOf::Unknown { database: Some(database) })) => (database.clone(), number()),
        (None, Some(FileOf::Unknown { database: None }) | None) => (one.file.database.to_string(), number()),
    };
    let (written, new_file) = (one.written, one.is_new);
    let (inserted, updated, deleted) = (written.inserted, written.updated, written.deleted);
    Some(RowsLost { database, table, inserted, updated, deleted, new_file, file })
}

/// It was told by its number, as no server knew it.
fn is_number(row: &RowsLost) -> bool {
    row.file.ends_with(&format!("/{}", row.table))
}

fn text(file: RelationFile) -> String {
    format!("{}/{}/{}", file.tablespace, file.database, file.file)
}

/// Between two commits.
pub(super) fn seconds_between(reached: Option<Timestamp>, newest: Option<Timestamp>) -> Option<f64> {
    newest.zip(reached).map(|(newest, reached)| newest.duration_since(reached).as_secs_f64().max(0.0))
}
