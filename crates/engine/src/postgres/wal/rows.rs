//! Reads out of a heap record which table's file it is about and how many rows it writes (src/include/access/heapam_xlog.h,
//! src/include/access/xlogrecord.h). A record comes in pieces: its first bytes say which blocks it is about and how long its main data
//! is, which stands at its end; page images and rows in between are passed over.

use super::record::{ID_DATA_LONG, ID_DATA_SHORT, ID_ORIGIN, ID_TOPLEVEL_XID};
use crate::postgres::lsn::Lsn;

/// Where a relation's rows lie (RelFileLocator). A rewrite of a table gives it another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationFile {
    pub tablespace: u32,
    pub database: u32,
    pub file: u32,
}

/// What a record did to rows. Whether it stays is decided by the end of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Inserted(u32),
    /// An insert that met a conflict takes itself back (heap_abort_speculative).
    InsertTakenBack,
    Updated,
    Deleted,
}

/// What matters to who counts rows; told only when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowEvent {
    pub lsn: Lsn,
    pub end_lsn: Lsn,
    pub what: RowWork,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowWork {
    /// By a transaction, or a part of one that can be taken back alone.
    Changed { xid: u32, file: RelationFile, change: Change },
    /// A new table, or one that is written anew.
    FileMade(RelationFile),
    /// Which transaction was to be the next.
    NextXid(u32),
}

pub(super) const RMGR_STORAGE: u8 = 2;
pub(super) const RMGR_STANDBY: u8 = 8;
pub(super) const RMGR_HEAP2: u8 = 9;
pub(super) const RMGR_HEAP: u8 = 10;

const SMGR_CREATE: u8 = 0x10;
const RUNNING_XACTS: u8 = 0x10;

/// Without XLOG_HEAP_INIT_PAGE.
const HEAP_OPERATIONS: u8 = 0x70;
const INSERT: u8 = 0x00;
const DELETE: u8 = 0x10;
const UPDATE: u8 = 0x20;
const HOT_UPDATE: u8 = 0x40;
const MULTI_INSERT: u8 = 0x50;

const DELETE_FLAGS_OFFSET: usize = 7;
/// XLH_DELETE_IS_SUPER
const DELETE_TAKES_INSERT_BACK: u8 = 1 << 3;
const MULTI_INSERT_COUNT_OFFSET: usize = 2;
/// In xl_running_xacts.
const NEXT_XID_OFFSET: usize = 12;
const MAIN_FORK: u32 = 0;

/// The longest headers of a heap record: two blocks with images, an origin, a top transaction, the length of the main data.
const HEADS_BYTES_MAX: usize = 128;
/// How much of the main data says what is asked.
const MAIN_BYTES: usize = 16;

const ID_BLOCK_MAX: u8 = 32;
const BLOCK_HAS_IMAGE: u8 = 0x10;
const BLOCK_SAME_FILE: u8 = 0x80;
const IMAGE_HAS_HOLE: u8 = 0x01;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Insert,
    MultiInsert,
    Update,
    Delete,
    FileMade,
    NextXid,
}

fn kind_of(rmgr: u8, info: u8) -> Option<Kind> {
    match (rmgr, info & 0xF0, info & HEAP_OPERATIONS) {
        (RMGR_HEAP, _, INSERT) => Some(Kind::Insert),
        (RMGR_HEAP, _, DELETE) => Some(Kind::Delete),
        (RMGR_HEAP, _, UPDATE | HOT_UPDATE) => Some(Kind::Update),
        (RMGR_HEAP2, _, MULTI_INSERT) => Some(Kind::MultiInsert),
        (RMGR_STORAGE, SMGR_CREATE, _) => Some(Kind::FileMade),
        (RMGR_STANDBY, RUNNING_XACTS, _) => Some(Kind::NextXid),
        _ => None,
    }
}

#[derive(Debug, Clone)]
pub(super) struct RowReader {
    kind: Kind,
    major: u32,
    /// Of the body: everything behind the record's own header.
    body_bytes: usize,
    taken: usize,
    heads: Vec<u8>,
    file: Option<RelationFile>,
    /// Where in the body the main data begins.
    main_at: Option<usize>,
    main: Vec<u8>,
}

impl RowReader {
    /// Nothing for records that are about no rows.
    pub(super) fn new(rmgr: u8, info: u8, major: u32, body_bytes: usize) -> Option<RowReader> {
        let kind = kind_of(rmgr, info)?;
        let (heads, main) = (Vec::with_capacity(HEADS_BYTES_MAX), Vec::with_capacity(MAIN_BYTES));
        Some(RowReader { kind, major, body_bytes, taken: 0, heads, file: None, main_at: None, main })
    }

    /// The next bytes of the body, in pieces of any size.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let at = self.taken;
        self.taken += bytes.len();
        if self.main_at.is_none() {
            self.feed_heads(bytes);
        }
        self.keep_main(bytes, at);
    }

    fn feed_heads(&mut self, bytes: &[u8]) {
        let room = HEADS_BYTES_MAX - self.heads.len();
        if room == 0 {
            return;
        }
        self.heads.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let Some(heads) = Heads::parse(&self.heads, self.major) else { return };
        self.file = heads.file;
        self.main_at = self.body_bytes.checked_sub(heads.main_bytes);
        // A short record's main data may have begun in what was kept.
        let kept = std::mem::take(&mut self.heads);
        self.keep_main(&kept, 0);
    }

    /// Of bytes that begin at `at` in the body, those of the main data that are not there yet.
    fn keep_main(&mut self, bytes: &[u8], at: usize) {
        let Some(main_at) = self.main_at else { return };
        let from = (main_at + self.main.len()).saturating_sub(at);
        let room = MAIN_BYTES - self.main.len();
        let rest = bytes.get(from..).unwrap_or_default();
        self.main.extend_from_slice(&rest[..rest.len().min(room)]);
    }

    pub(super) fn work(&self, xid: u32) -> Option<RowWork> {
        let changed = |change| Some(RowWork::Changed { xid, file: self.file?, change });
        match self.kind {
            Kind::Insert => changed(Change::Inserted(1)),
            Kind::Update => changed(Change::Updated),
            Kind::MultiInsert => {
                let count = self.main.get(MULTI_INSERT_COUNT_OFFSET..MULTI_INSERT_COUNT_OFFSET + 2)?;
                changed(Change::Inserted(u16::from_le_bytes(count.try_into().ok()?).into()))
            }
            Kind::Delete => match self.main.get(DELETE_FLAGS_OFFSET)? & DELETE_TAKES_INSERT_BACK {
                0 => changed(Change::Deleted),
                _ => changed(Change::InsertTakenBack),
            },
            Kind::FileMade => {
                let file = locator(&self.main, 0)?;
                (u32_at(&self.main, 12)? == MAIN_FORK).then_some(RowWork::FileMade(file))
            }
            Kind::NextXid => u32_at(&self.main, NEXT_XID_OFFSET).map(RowWork::NextXid),
        }
    }
}

/// What the headers before a record's data say.
#[derive(Debug, PartialEq, Eq)]
struct Heads {
    /// Of the first block: the page that the row is written to.
    file: Option<RelationFile>,
    main_bytes: usize,
}

impl Heads {
    /// None while they are not all there. The length of the main data is always the last of them (XLogRecordAssemble).
    fn parse(bytes: &[u8], major: u32) -> Option<Heads> {
        let (mut at, mut file) = (0, None);
        loop {
            match *bytes.get(at)? {
                ID_DATA_SHORT => {
                    return Some(Heads { file, main_bytes: (*bytes.get(at + 1)?).into() });
                }
                ID_DATA_LONG => {
                    return Some(Heads { file, main_bytes: usize::try_from(u32_at(bytes, at + 1)?).ok()? });
                }
                ID_ORIGIN => at += 3,
                ID_TOPLEVEL_XID => at += 5,
                0..=ID_BLOCK_MAX => {
                    let flags = *bytes.get(at + 1)?;
                    at += 4;
                    if flags & BLOCK_HAS_IMAGE != 0 {
                        let image = *bytes.get(at + 4)?;
                        let has_hole_length = image & IMAGE_HAS_HOLE != 0 && is_compressed(image, major);
                        at += if has_hole_length { 7 } else { 5 };
                    }
                    if flags & BLOCK_SAME_FILE == 0 {
                        let found = locator(bytes, at)?;
                        file.get_or_insert(found);
                        at += 12;
                    }
                    at += 4;
                }
                _ => return None,
            }
        }
    }
}

/// BKPIMAGE_COMPRESSED: one bit until 14, one for each method since.
fn is_compressed(image: u8, major: u32) -> bool {
    image & if major < 15 { 0x02 } else { 0x04 | 0x08 | 0x10 } != 0
}

fn locator(bytes: &[u8], at: usize) -> Option<RelationFile> {
    Some(RelationFile {
        tablespace: u32_at(bytes, at)?,
        database: u32_at(bytes, at + 4)?,
        file: u32_at(bytes, at + 8)?,
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
