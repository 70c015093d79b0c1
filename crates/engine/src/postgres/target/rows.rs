//! Which rows were written behind a moment, by the file of their table: what going back to it takes away. Only what was committed
//! counts, whether it was written before the moment or behind it.
//!
//! ```text
//!   ──┬── lead ─────────────┬────────────────────────── end of the log, or of what may be read
//!     read from here        the moment: what commits from here on is lost
//! ```
//! The lead shows what transactions had written that were open at the moment. Of one that had begun before the lead it is not known how
//! much it wrote, and of what is not read neither: then the numbers are the least there were.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use vault::log::read::LogIndex;
use vault::names::LogRange;

use super::Resolved;
use crate::error::Result;
use crate::postgres::control_file::ControlFile;
use crate::postgres::lineage::Lineage;
use crate::postgres::lsn::Lsn;
use crate::postgres::wal::rows::{Change, RelationFile, RowWork};
use crate::postgres::wal::{Event, Scanner, Shape, Xact};

/// Log behind the moment that is read at most, when nobody says otherwise.
pub const LOG_READ_BYTES_MAX: u64 = 256 << 20;
const LEAD_BYTES: u64 = 64 << 20;
const READ_BYTES: u64 = 16 << 20;
/// Transactions times tables that are not over, and files; more are not kept in mind.
const KEPT_MAX: usize = 200_000;
/// Relations below are the server's own catalogs (FirstNormalObjectId).
const FIRST_OF_PEOPLE: u32 = 16_384;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileWritten {
    pub file: RelationFile,
    pub written: Written,
    /// The file was made behind the moment: a new table, or one written anew, whose rows of before count as inserted too.
    pub is_new: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowsWritten {
    /// The most first.
    pub files: Vec<FileWritten>,
    pub commits: u64,
    pub newest_commit: Option<Timestamp>,
    /// Why there may have been more.
    pub at_least: Vec<String>,
}

/// What was committed behind a resolved moment, up to the end of the log.
pub async fn rows_behind(index: &LogIndex, resolved: &Resolved, bytes_max: u64) -> Result<RowsWritten> {
    let (info, head) = (&resolved.info, &resolved.backup.head);
    let lineage = &resolved.lineage;
    let Some(reach) = lineage.reach(index, head.timeline, Lsn(head.log_from)) else {
        return Ok(RowsWritten { at_least: vec!["the log is not there".into()], ..RowsWritten::default() });
    };
    let shape = Shape {
        major: info.major,
        timeline: lineage.timeline(),
        segment_bytes: info.wal_segment_bytes,
        system_identifier: Some(info.system_identifier()?),
    };
    let begin = Lsn(head.log_from).max(resolved.reached - LEAD_BYTES).align_down(info.wal_segment_bytes);
    let stretch = Stretch { lineage, shape, begin, moment: resolved.reached, end: reach.end };
    stretch.read(index, Tally::new(resolved.reached), bytes_max).await
}

/// What was committed since a cluster went its own way.
pub async fn rows_since(index: &LogIndex, control: &ControlFile, bytes_max: u64) -> Result<RowsWritten> {
    let timeline = control.checkpoint.timeline;
    let lineage = Lineage::load(index, timeline).await?;
    let segment_bytes = u64::from(control.wal_segment_bytes);
    let shape = Shape {
        major: control.major().unwrap_or_default(),
        timeline,
        segment_bytes,
        system_identifier: Some(control.system_identifier),
    };
    let moment = lineage.begins();
    let Some(end) = index.end(timeline) else { return Ok(RowsWritten::default()) };
    let stretch = Stretch { lineage: &lineage, shape, begin: moment.align_down(segment_bytes), moment, end: Lsn(end) };
    // Nothing was open when it began.
    let tally = Tally { all_is_seen: true, ..Tally::new(moment) };
    stretch.read_on(index, tally, bytes_max, vec![(timeline, stretch.begin, stretch.end)]).await
}

struct Stretch<'a> {
    lineage: &'a Lineage,
    shape: Shape,
    begin: Lsn,
    moment: Lsn,
    end: Lsn,
}

impl Stretch<'_> {
    async fn read(&self, index: &LogIndex, tally: Tally, bytes_max: u64) -> Result<RowsWritten> {
        let pieces = self.lineage.pieces(self.lineage.timeline_at(self.begin), self.begin, self.end);
        self.read_on(index, tally, bytes_max, pieces).await
    }

    async fn read_on(
        &self,
        index: &LogIndex,
        mut tally: Tally,
        bytes_max: u64,
        pieces: Vec<(u32, Lsn, Lsn)>,
    ) -> Result<RowsWritten> {
        let mut scanner = Scanner::at_segment(self.begin, self.shape)?.with_rows();
        let stop = self.end.min(self.moment + bytes_max);
        let mut events = Vec::new();
        'log: for (timeline, mut from, to) in pieces {
            while from < to.min(stop) {
                let until = to.min(stop).min(from + READ_BYTES).max(from);
                let bytes = index.read(LogRange { timeline, from: from.0, to: until.0 }).await?;
                for part in bytes.chunks(1 << 18) {
                    scanner.feed(part, &mut events);
                    events.drain(..).for_each(|event| tally.take(event));
                }
                from = until;
                if tally.is_full() || scanner.end().is_some() {
                    break 'log;
                }
            }
        }
        let mut written = tally.written();
        let read_to = scanner.end().map_or(scanner.position(), |end| end.lsn);
        if stop < self.end && !tally.is_full() {
            let (read, all) = (stop.bytes_since(self.moment) >> 20, self.end.bytes_since(self.moment) >> 20);
            written.at_least.push(format!("{read} of {all} MB of log behind the moment were read"));
        } else if read_to < stop {
            written.at_least.push(format!("the log was read to {read_to} only"));
        }
        Ok(written)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// Below nought where the insert that is taken back was written before what was read.
    inserted: i64,
    updated: u64,
    deleted: u64,
}

impl Counts {
    fn add(&mut self, change: Change) {
        match change {
            Change::Inserted(rows) => self.inserted += i64::from(rows),
            Change::InsertTakenBack => self.inserted -= 1,
            Change::Updated => self.updated += 1,
            Change::Deleted => self.deleted += 1,
        }
    }

    fn add_all(&mut self, other: Counts) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
    }

    fn written(self) -> Written {
        let inserted = u64::try_from(self.inserted).unwrap_or(0);
        Written { inserted, updated: self.updated, deleted: self.deleted }
    }
}

/// What transactions did, until each is over.
struct Tally {
    moment: Lsn,
    open: HashMap<u32, HashMap<RelationFile, Counts>>,
    kept: usize,
    done: BTreeMap<RelationFile, Counts>,
    made: HashSet<RelationFile>,
    commits: u64,
    newest_commit: Option<Timestamp>,
    /// What begins from here on is seen whole.
    next_xid: Option<u32>,
    all_is_seen: bool,
    began_before: bool,
}

impl Tally {
    fn new(moment: Lsn) -> Tally {
        Tally {
            moment,
            open: HashMap::new(),
            kept: 0,
            done: BTreeMap::new(),
            made: HashSet::new(),
            commits: 0,
            newest_commit: None,
            next_xid: None,
            all_is_seen: false,
            began_before: false,
        }
    }

    fn is_full(&self) -> bool {
        self.kept + self.done.len() + self.made.len() > KEPT_MAX
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Rows(row) => match row.what {
                RowWork::Changed { xid, file, change } if is_of_people(file) => self.change(xid, file, change),
                RowWork::FileMade(file) if is_of_people(file) && row.lsn >= self.moment => {
                    self.made.insert(file);
                }
                RowWork::NextXid(xid) => drop(self.next_xid.get_or_insert(xid)),
                RowWork::Changed { .. } | RowWork::FileMade(_) => {}
            },
            Event::Commit(xact) if xact.lsn >= self.moment => {
                self.commits += 1;
                self.newest_commit = self.newest_commit.max(Some(xact.time));
                self.end(&xact, true);
            }
            Event::Commit(xact) => self.end(&xact, false),
            Event::Abort(xact) => self.end(&xact, false),
            _ => {}
        }
    }

    fn change(&mut self, xid: u32, file: RelationFile, change: Change) {
        if self.is_full() {
            return;
        }
        let files = self.open.entry(xid).or_default();
        let before = files.len();
        files.entry(file).or_default().add(change);
        self.kept += files.len() - before;
    }

    fn end(&mut self, xact: &Xact, is_lost: bool) {
        for xid in std::iter::once(&xact.xid).chain(&xact.subtransactions) {
            let Some(files) = self.open.remove(xid) else { continue };
            self.kept -= files.len();
            if is_lost {
                files.into_iter().for_each(|(file, counts)| self.done.entry(file).or_default().add_all(counts));
            }
        }
        let is_whole = self.all_is_seen || self.next_xid.is_some_and(|next| !precedes(xact.xid, next));
        // A commit without a transaction number wrote nothing.
        self.began_before |= is_lost && xact.xid != 0 && !is_whole;
    }

    fn written(&self) -> RowsWritten {
        let file = |(file, counts): (&RelationFile, &Counts)| FileWritten {
            file: *file,
            written: counts.written(),
            is_new: self.made.contains(file),
        };
        let mut files: Vec<FileWritten> =
            self.done.iter().map(file).filter(|file| file.written != Written::default()).collect();
        files
            .sort_by_key(|file| std::cmp::Reverse(file.written.inserted + file.written.updated + file.written.deleted));
        let full = self.is_full().then(|| "there were more transactions and tables than are kept in mind".to_owned());
        let before = self
            .began_before
            .then(|| "of transactions that had begun long before the moment only a part is seen".to_owned());
        let at_least = full.into_iter().chain(before).collect();
        RowsWritten { files, commits: self.commits, newest_commit: self.newest_commit, at_least }
    }
}

fn is_of_people(file: RelationFile) -> bool {
    file.database != 0 && file.file >= FIRST_OF_PEOPLE
}

/// TransactionIdPrecedes: numbers go round.
fn precedes(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() < 0
}

#[cfg(test)]
mod tests;
