//! What one worker thread does: read a batch of pages, tell the changed from the unchanged, seal the changed into extents.
//! Memory: a read buffer, one extent, one open pack.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use super::pack::{PackWriter, Uploader};
use super::tree::{PageState, Progress, Tree, TreeFile};
use crate::error::{Error, Result};
use crate::format::manifest::DamagedPage;
use crate::format::map::{ExtentRef, PageMap, Place};
use crate::format::sealed::{Class, page_hash};
use crate::names::PackId;

/// Raw bytes of pages sealed together.
pub(super) const EXTENT_RAW: usize = 128 << 10;
const READ_BLOCK: usize = 1 << 20;
const READ_AHEAD: u64 = 8 << 20;
/// A suspect page is read again this many times before it counts as damaged.
const READ_AGAIN: u32 = 5;

/// Consecutive pages of one file, at most a slice of one segment.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) path: String,
    /// Byte offset in the file; a multiple of the page size.
    pub(super) offset: u64,
    /// Bytes to read at most.
    pub(super) length: u64,
    pub(super) page_size: u32,
    /// The parent's map of this segment, and the number in it of this piece's first page.
    pub(super) parent: Option<(Arc<PageMap>, usize)>,
    /// Packs that nothing shall be shared with any more.
    pub(super) sparse: Arc<HashSet<PackId>>,
}

/// Some pieces, done by one worker in one go. Their extents may be shared.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) pieces: Vec<Piece>,
}

/// Where a page of a piece is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageOut {
    /// Where the parent has it.
    Same,
    /// Zeroes, or in an extent of this batch.
    At(Place),
}

#[derive(Debug, Default)]
pub(super) struct PieceDone {
    pub(super) hashes: Vec<u64>,
    pub(super) pages: Vec<PageOut>,
    /// Less than asked when the file ended early.
    pub(super) bytes: u64,
    /// Pages that the parent does not have like this.
    pub(super) changed: u64,
    pub(super) gone: bool,
    pub(super) damaged: Vec<DamagedPage>,
}

#[derive(Debug)]
pub(super) struct BatchDone {
    pub(super) number: u64,
    pub(super) pieces: Vec<PieceDone>,
    pub(super) extents: Vec<ExtentRef>,
    pub(super) pages_changed: u64,
}

#[derive(Debug)]
pub(super) struct Worker<'a> {
    tree: &'a dyn Tree,
    page_key: [u8; 32],
    packs: PackWriter,
    progress: Arc<Progress>,
    block: Vec<u8>,
    open: OpenExtent,
}

/// The extent being filled.
#[derive(Debug, Default)]
struct OpenExtent {
    raw: Vec<u8>,
    page_size: usize,
    slots: u8,
    done: Vec<ExtentRef>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        tree: &'a dyn Tree,
        page_key: [u8; 32],
        uploader: Arc<Uploader>,
        level: i32,
        progress: Arc<Progress>,
    ) -> Result<Worker<'a>> {
        let packs = PackWriter::new(uploader, level)?;
        Ok(Worker { tree, page_key, packs, progress, block: vec![0; READ_BLOCK], open: OpenExtent::default() })
    }

    pub(super) fn run(&mut self, batch: &Batch) -> Result<BatchDone> {
        let mut pieces = Vec::with_capacity(batch.pieces.len());
        let mut pages_changed = 0;
        for piece in &batch.pieces {
            let done = self.piece(piece)?;
            pages_changed += done.changed;
            pieces.push(done);
        }
        self.seal_extent()?;
        Ok(BatchDone { number: batch.number, pieces, extents: std::mem::take(&mut self.open.done), pages_changed })
    }

    /// Sends the last, not yet full pack off.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.packs.flush()
    }

    fn piece(&mut self, piece: &Piece) -> Result<PieceDone> {
        let failed = |source: io::Error| Error::File { action: "read", path: piece.path.clone(), source };
        let Some(mut file) = self.tree.open(&piece.path).map_err(failed)? else {
            return Ok(PieceDone { gone: true, ..PieceDone::default() });
        };
        let mut done = PieceDone::default();
        let mut block = std::mem::take(&mut self.block);
        let page_size = piece.page_size as usize;
        let block_length = (block.len() / page_size).max(1) * page_size;
        block.resize(block_length.max(block.len()), 0);
        file.will_need(piece.offset, piece.length.min(READ_AHEAD));
        while done.bytes < piece.length {
            self.progress.check()?;
            let offset = piece.offset + done.bytes;
            let wanted = (piece.length - done.bytes).min(block_length as u64) as usize;
            file.will_need(offset + wanted as u64, READ_AHEAD.min(piece.length - done.bytes - wanted as u64));
            let read = file.read_at(offset, &mut block[..wanted]).map_err(failed)?;
            self.block_pages(piece, file.as_mut(), offset, &mut block[..read], &mut done).map_err(|e| match e {
                PageFailure::Io(source) => failed(source),
                PageFailure::Other(error) => error,
            })?;
            done.bytes += read as u64;
            self.progress.done(read as u64);
            if read < wanted {
                break;
            }
        }
        self.block = block;
        Ok(done)
    }

    fn block_pages(
        &mut self,
        piece: &Piece,
        file: &mut dyn TreeFile,
        offset: u64,
        block: &mut [u8],
        done: &mut PieceDone,
    ) -> Result<(), PageFailure> {
        let page_size = piece.page_size as usize;
        for (at, page) in block.chunks_mut(page_size).enumerate() {
            let page_offset = offset + (at * page_size) as u64;
            let number = page_offset / page_size as u64;
            if page.len() == page_size && !settle(file, number, page_offset, page)? {
                done.damaged.push(DamagedPage { path: piece.path.clone(), page: number });
            }
            self.page(piece, page, done)?;
        }
        Ok(())
    }

    fn page(&mut self, piece: &Piece, page: &[u8], done: &mut PieceDone) -> Result<()> {
        let (hash, zero) = if is_zero(page) { (0, true) } else { (page_hash(&self.page_key, page), false) };
        let same = same_as_parent(piece, done.pages.len(), hash, zero);
        let out = match same {
            Some(place) if !is_sparse(piece, place) => PageOut::Same,
            _ if zero => PageOut::At(Place::ZERO),
            _ => PageOut::At(self.add(page, piece.page_size as usize)?),
        };
        done.changed += u64::from(same.is_none());
        done.hashes.push(hash);
        done.pages.push(out);
        Ok(())
    }

    fn add(&mut self, page: &[u8], page_size: usize) -> Result<Place> {
        if self.open.page_size != page_size {
            self.seal_extent()?;
            self.open.page_size = page_size;
        }
        let slot = self.open.slots;
        self.open.raw.extend_from_slice(page);
        self.open.raw.resize((usize::from(slot) + 1) * page_size, 0);
        self.open.slots += 1;
        let place = Place::new(self.open.done.len(), slot);
        if self.open.raw.len() + page_size > EXTENT_RAW || self.open.slots == u8::MAX {
            self.seal_extent()?;
        }
        place.ok_or_else(|| Error::Internal("a batch holds too many extents".into()))
    }

    fn seal_extent(&mut self) -> Result<()> {
        if self.open.slots > 0 {
            self.open.done.push(self.packs.append(Class::Pages, &self.open.raw)?);
            self.open.raw.clear();
            self.open.slots = 0;
        }
        Ok(())
    }
}

enum PageFailure {
    Io(io::Error),
    Other(Error),
}

impl From<Error> for PageFailure {
    fn from(error: Error) -> PageFailure {
        PageFailure::Other(error)
    }
}

/// Reads a suspect page again until it holds; false when it stays bad.
fn settle(file: &mut dyn TreeFile, number: u64, offset: u64, page: &mut [u8]) -> Result<bool, PageFailure> {
    for attempt in 0..=READ_AGAIN {
        if file.judge(number, page) == PageState::Good {
            return Ok(true);
        }
        if attempt > 0 {
            std::thread::sleep(std::time::Duration::from_millis(1 << attempt));
        }
        let mut again = vec![0; page.len()];
        if file.read_at(offset, &mut again).map_err(PageFailure::Io)? == page.len() {
            page.copy_from_slice(&again);
        }
    }
    Ok(false)
}

/// Where the parent has the same page.
fn same_as_parent(piece: &Piece, page: usize, hash: u64, zero: bool) -> Option<Place> {
    let (map, first) = piece.parent.as_ref()?;
    let at = first + page;
    let is_same = map.page_size == piece.page_size
        && at < map.page_count()
        && map.hashes[at] == hash
        && (map.places[at] == Place::ZERO) == zero;
    is_same.then(|| map.places[at])
}

/// It stands where nothing shall be shared with any more.
fn is_sparse(piece: &Piece, place: Place) -> bool {
    let extents = piece.parent.as_ref().filter(|_| !piece.sparse.is_empty()).map(|(map, _)| &map.extents);
    let extent = extents.and_then(|extents| extents.get(place.get()?.0));
    extent.is_some_and(|extent| piece.sparse.contains(&extent.pack))
}

fn is_zero(page: &[u8]) -> bool {
    let (head, body) = page.split_at(page.len().min(64));
    head.iter().all(|byte| *byte == 0) && body.chunks(512).all(|chunk| chunk.iter().fold(0, |or, byte| or | byte) == 0)
}
