//! Puts what the workers return together again, in the order of the tree: pieces into segments, segments into files.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Sink;
use super::plan::file_entry;
use crate::backup::read::Segment;
use crate::backup::tree::TreeEntry;
use crate::backup::worker::{BatchDone, PageOut, PieceDone};
use crate::error::{Error, Result};
use crate::format::files::{Content, FileEntry, SegmentRef};
use crate::format::manifest::DamagedPage;
use crate::format::map::{ExtentRef, PageMap, Place};
use crate::format::sealed::Class;

/// Maps of at most this many pages stand in the file list itself.
const INLINE_PAGES: usize = 16;

/// What the planner announces, in order.
#[derive(Debug)]
pub(super) enum Expected {
    /// A folder or link: finished as it is.
    Entry(FileEntry),
    Piece {
        file: Arc<TreeEntry>,
        page_size: u32,
        /// Byte offset of the piece in its file.
        offset: u64,
        parent: Option<Arc<Segment>>,
        segment_ends: bool,
        file_ends: bool,
    },
}

#[derive(Debug)]
pub(super) struct Finished {
    pub(super) entry: FileEntry,
    pub(super) damaged: Vec<DamagedPage>,
}

#[derive(Debug, Default)]
pub(super) struct Assembler {
    expected: VecDeque<Expected>,
    finished: Vec<Finished>,
    open: Option<OpenFile>,
}

#[derive(Debug, Default)]
struct OpenFile {
    segments: Vec<SegmentRef>,
    /// The map of the segment at hand, with the extents of its parent first.
    map: PageMap,
    /// Every page so far stands where the parent has it.
    all_same: bool,
    in_segment: bool,
    size: u64,
    gone: bool,
    damaged: Vec<DamagedPage>,
}

impl Assembler {
    pub(super) fn expect(&mut self, expected: Expected) {
        self.expected.push_back(expected);
    }

    /// Entries finished since the last call; folders and links at the end of the tree only when `all` is said.
    pub(super) fn finished(&mut self, all: bool) -> Vec<Finished> {
        if all {
            self.pass_entries();
        }
        std::mem::take(&mut self.finished)
    }

    fn pass_entries(&mut self) {
        while matches!(self.expected.front(), Some(Expected::Entry(_))) {
            if let Some(Expected::Entry(entry)) = self.expected.pop_front() {
                self.finished.push(Finished { entry, damaged: Vec::new() });
            }
        }
    }

    /// Takes the next batch in order.
    pub(super) fn take(&mut self, batch: &BatchDone, sink: &mut Sink<'_>) -> Result<()> {
        for piece in &batch.pieces {
            self.pass_entries();
            let Some(Expected::Piece { file, page_size, offset, parent, segment_ends, file_ends }) =
                self.expected.pop_front()
            else {
                return Err(Error::Internal("a piece came back that nobody expected".into()));
            };
            let open = self.open.get_or_insert_with(OpenFile::default);
            open.add(piece, &batch.extents, page_size, offset, parent.as_deref())?;
            if segment_ends {
                open.end_segment(parent.as_deref(), sink)?;
            }
            if file_ends {
                let open = self.open.take().unwrap_or_default();
                if !(open.gone && open.size == 0) {
                    let content = Content::File { size: open.size, page_size, segments: open.segments };
                    self.finished.push(Finished { entry: file_entry(&file, content), damaged: open.damaged });
                }
            }
        }
        Ok(())
    }
}

impl OpenFile {
    fn add(
        &mut self,
        piece: &PieceDone,
        batch_extents: &[ExtentRef],
        page_size: u32,
        offset: u64,
        parent: Option<&Segment>,
    ) -> Result<()> {
        if !self.in_segment {
            self.in_segment = true;
            self.all_same = parent.is_some();
            self.map = PageMap::new(page_size);
            self.map.extents = parent.map(|segment| segment.map.extents.clone()).unwrap_or_default();
        }
        self.gone |= piece.gone;
        if piece.bytes == 0 {
            return Ok(());
        }
        self.pad_to(offset, page_size);
        let first = self.map.extents.len();
        self.map.extents.extend(used_extents(piece, batch_extents));
        let from = first_extent(piece);
        for (hash, page) in piece.hashes.iter().zip(&piece.pages) {
            let place = match page {
                PageOut::Same => same_place(parent, self.map.page_count())?,
                PageOut::At(place) => renumbered(*place, from, first)?,
            };
            self.all_same &= *page == PageOut::Same;
            self.map.push(*hash, place);
        }
        self.size = offset + piece.bytes;
        self.damaged.extend_from_slice(&piece.damaged);
        Ok(())
    }

    /// A file that shrank and grew again while it was read has a hole where nothing was; the log will fill it.
    fn pad_to(&mut self, offset: u64, page_size: u32) {
        if self.size == offset {
            return;
        }
        let in_segment = (offset % super::SEGMENT_LENGTH) / u64::from(page_size);
        let whole = (self.size % super::SEGMENT_LENGTH) / u64::from(page_size);
        if self.size < offset && self.size / super::SEGMENT_LENGTH == offset / super::SEGMENT_LENGTH {
            self.map.hashes.truncate(whole as usize);
            self.map.places.truncate(whole as usize);
        }
        self.map.hashes.resize(in_segment as usize, 0);
        self.map.places.resize(in_segment as usize, Place::ZERO);
        self.all_same = false;
    }

    fn end_segment(&mut self, parent: Option<&Segment>, sink: &mut Sink<'_>) -> Result<()> {
        self.in_segment = false;
        let map = std::mem::take(&mut self.map);
        if map.page_count() == 0 {
            return Ok(());
        }
        let segment = match parent {
            Some(parent)
                if self.all_same
                    && map.page_count() == parent.map.page_count()
                    && !parent.stored_extents().any(|extent| sink.sparse.contains(&extent.pack)) =>
            {
                sink.share(parent.map.extents.iter());
                sink.share(parent.stored_extents());
                parent.stored.clone()
            }
            _ => store_map(&map.compacted(), parent, sink)?,
        };
        self.segments.push(segment);
        Ok(())
    }
}

impl Sink<'_> {
    fn share<'e>(&mut self, extents: impl Iterator<Item = &'e ExtentRef>) {
        for extent in extents {
            *self.live.entry(extent.pack).or_default() += u64::from(extent.length);
        }
    }
}

/// Stores a new map: in the list when it is small, as an overlay when little differs from the parent's base, else whole.
fn store_map(map: &PageMap, parent: Option<&Segment>, sink: &mut Sink<'_>) -> Result<SegmentRef> {
    sink.share(map.extents.iter());
    if map.page_count() <= INLINE_PAGES {
        return Ok(SegmentRef::Inline(map.encode()));
    }
    let overlay = parent.and_then(|parent| {
        let (base_ref, base) = parent.base.as_ref().filter(|(base, _)| !sink.sparse.contains(&base.pack))?;
        Some((base_ref, map.overlay_over(base, &parent.map)?.encode(base_ref)))
    });
    let encoded = match overlay {
        Some((base_ref, bytes)) => {
            sink.share(std::iter::once(base_ref));
            bytes
        }
        None => map.encode(),
    };
    Ok(SegmentRef::Stored(sink.meta.append(Class::Map, &encoded)?))
}

/// The least extent number of the batch that a piece uses; extents of one piece are consecutive.
fn first_extent(piece: &PieceDone) -> usize {
    piece_extents(piece).min().unwrap_or(0)
}

fn used_extents<'e>(piece: &PieceDone, extents: &'e [ExtentRef]) -> &'e [ExtentRef] {
    match piece_extents(piece).max() {
        None => &[],
        Some(last) => &extents[first_extent(piece)..=last],
    }
}

fn piece_extents(piece: &PieceDone) -> impl Iterator<Item = usize> + '_ {
    piece.pages.iter().filter_map(|page| match page {
        PageOut::At(place) => place.get().map(|(extent, _)| extent),
        PageOut::Same => None,
    })
}

fn same_place(parent: Option<&Segment>, page: usize) -> Result<Place> {
    let place = parent.and_then(|segment| segment.map.places.get(page));
    place.copied().ok_or_else(|| Error::Internal("a page is the same as one that the parent does not have".into()))
}

/// Extent `from` of the batch is extent `to` of the segment, and so on.
fn renumbered(place: Place, from: usize, to: usize) -> Result<Place> {
    match place.get() {
        None => Ok(Place::ZERO),
        Some((extent, slot)) => {
            Place::new(extent - from + to, slot).ok_or_else(|| Error::Internal("a segment has too many extents".into()))
        }
    }
}
