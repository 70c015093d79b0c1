//! Cuts a tree into batches of pieces, beside the parent's sorted lists, and tells the assembler what will come back.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::SEGMENT_LENGTH;
use super::assemble::{Assembler, Expected};
use crate::backup::read::{BackupReader, Segment};
use crate::backup::tree::{TreeEntry, TreeKind};
use crate::backup::worker::{Batch, Piece};
use crate::error::{Error, Kind, Result};
use crate::format::files::{Content, FileEntry, SegmentRef, path_order};
use crate::names::PackId;

const BATCH_BYTES: u64 = 32 << 20;
const BATCH_PIECES: usize = 256;

pub(super) struct Planner<'a> {
    entries: Box<dyn Iterator<Item = Result<TreeEntry>> + Send + 'a>,
    parent: Option<ParentLists>,
    file: Option<OpenFile>,
    number: u64,
    sparse: Arc<HashSet<PackId>>,
}

/// A file not yet cut to its end.
struct OpenFile {
    entry: Arc<TreeEntry>,
    size: u64,
    page_size: u32,
    offset: u64,
    parent_segments: Vec<SegmentRef>,
    segment: Option<Arc<Segment>>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        entries: Box<dyn Iterator<Item = Result<TreeEntry>> + Send + 'a>,
        parent: Option<Arc<BackupReader>>,
        sparse: Arc<HashSet<PackId>>,
        runtime: Handle,
    ) -> Planner<'a> {
        let parent = parent.map(|reader| ParentLists {
            reader,
            runtime,
            next_list: 0,
            entries: Vec::new().into_iter(),
            at: None,
        });
        Planner { entries, parent, file: None, number: 0, sparse }
    }

    /// The next batch, or `None` when the tree is at its end. Folders and links go to the assembler directly.
    pub(super) fn next_batch(&mut self, assembler: &mut Assembler) -> Result<Option<Batch>> {
        let mut pieces = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES && pieces.len() < BATCH_PIECES {
            if self.file.is_none() && !self.next_file(assembler)? {
                break;
            }
            let (piece, expected) = self.cut(BATCH_BYTES - bytes)?;
            bytes += piece.length;
            pieces.push(piece);
            assembler.expect(expected);
        }
        if pieces.is_empty() {
            return Ok(None);
        }
        let number = self.number;
        self.number += 1;
        Ok(Some(Batch { number, pieces }))
    }

    /// Moves to the next file; false at the end of the tree.
    fn next_file(&mut self, assembler: &mut Assembler) -> Result<bool> {
        for entry in self.entries.by_ref() {
            let entry = entry?;
            let content = match &entry.kind {
                TreeKind::Folder => Content::Folder,
                TreeKind::Link { target } => Content::Link { target: target.clone() },
                TreeKind::File { size, page_size } => {
                    let (size, page_size) = (*size, *page_size);
                    let parent_segments = match &mut self.parent {
                        Some(lists) => lists.segments_of(&entry.path, page_size)?,
                        None => Vec::new(),
                    };
                    let entry = Arc::new(entry);
                    self.file = Some(OpenFile { entry, size, page_size, offset: 0, parent_segments, segment: None });
                    return Ok(true);
                }
            };
            assembler.expect(Expected::Entry(file_entry(&entry, content)));
        }
        Ok(false)
    }

    /// Cuts the next piece off the open file: within one segment, and no longer than `room` (rounded up to whole pages).
    fn cut(&mut self, room: u64) -> Result<(Piece, Expected)> {
        let file = self.file.as_mut().ok_or_else(|| Error::Internal("no file is open".into()))?;
        let page_size = u64::from(file.page_size);
        let segment_number = file.offset / SEGMENT_LENGTH;
        if file.offset.is_multiple_of(SEGMENT_LENGTH) {
            let stored = file.parent_segments.get(segment_number as usize);
            file.segment = stored
                .and_then(|stored| self.parent.as_ref().and_then(|lists| lists.load(stored).transpose()))
                .transpose()?;
        }
        let segment_end = ((segment_number + 1) * SEGMENT_LENGTH).min(file.size);
        let length = (segment_end - file.offset).min(room.next_multiple_of(page_size));
        let first_page = ((file.offset % SEGMENT_LENGTH) / page_size) as usize;
        let piece = Piece {
            path: file.entry.path.clone(),
            offset: file.offset,
            length,
            page_size: file.page_size,
            parent: file.segment.as_ref().map(|segment| (segment.map.clone(), first_page)),
            sparse: self.sparse.clone(),
        };
        file.offset += length;
        let expected = Expected::Piece {
            file: file.entry.clone(),
            page_size: file.page_size,
            offset: piece.offset,
            parent: file.segment.clone(),
            segment_ends: file.offset == segment_end,
            file_ends: file.offset == file.size,
        };
        if file.offset == file.size {
            self.file = None;
        }
        Ok((piece, expected))
    }
}

pub(super) fn file_entry(entry: &TreeEntry, content: Content) -> FileEntry {
    FileEntry {
        path: entry.path.clone(),
        content,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        modified: entry.modified,
    }
}

/// The parent's files, read list by list as the tree advances: both are in path order.
struct ParentLists {
    reader: Arc<BackupReader>,
    runtime: Handle,
    next_list: usize,
    entries: std::vec::IntoIter<FileEntry>,
    at: Option<FileEntry>,
}

impl ParentLists {
    /// Where the parent has this file; nothing when it does not, or with another page size.
    fn segments_of(&mut self, path: &str, page_size: u32) -> Result<Vec<SegmentRef>> {
        loop {
            if self.at.is_none() {
                self.at = self.next()?;
            }
            let Some(entry) = &self.at else { return Ok(Vec::new()) };
            match path_order(&entry.path, path) {
                std::cmp::Ordering::Less => self.at = None,
                std::cmp::Ordering::Greater => return Ok(Vec::new()),
                std::cmp::Ordering::Equal => break,
            }
        }
        match self.at.take().map(|entry| entry.content) {
            Some(Content::File { page_size: same, segments, .. }) if same == page_size => Ok(segments),
            _ => Ok(Vec::new()),
        }
    }

    fn next(&mut self) -> Result<Option<FileEntry>> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Ok(Some(entry));
            }
            if self.next_list == self.reader.list_count() {
                return Ok(None);
            }
            self.entries = self.runtime.block_on(self.reader.list(self.next_list))?.into_iter();
            self.next_list += 1;
        }
    }

    /// The parent's map of a segment. One that is damaged costs only the sharing: its pages are stored anew.
    fn load(&self, stored: &SegmentRef) -> Result<Option<Arc<Segment>>> {
        match self.runtime.block_on(self.reader.segment(stored)) {
            Ok(segment) => Ok(Some(Arc::new(segment))),
            Err(error) if matches!(error.kind(), Kind::Damaged | Kind::NotFound) => {
                tracing::error!(%error, "a page map of the parent cannot be used: its pages are stored anew");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
