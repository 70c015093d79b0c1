//! Fills one slice of a file: which pages are wanted, where they are stored, fetched in long reads, written where they belong.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{PAGES, file_error};
use crate::backup::read::{BackupReader, Segment};
use crate::backup::tree::Progress;
use crate::error::{Error, Result};
use crate::format::map::ExtentRef;
use crate::format::sealed::{Opener, page_hash};
use crate::names::{Name, PackId};

/// Bytes fetched from the store in one read at most.
const FETCH_MAX: u64 = 4 << 20;
/// Unwanted bytes between two wanted extents that are read along rather than asked around.
const FETCH_GAP: u64 = 64 << 10;
const READ_BLOCK: usize = 1 << 20;
/// Bytes written in one call at most. Longer writes made the kernel look for memory that it had given back to the host.
const WRITE_MAX: usize = 128 << 10;

#[derive(Debug)]
pub(super) struct Slice {
    pub(super) path: PathBuf,
    /// Both in bytes of the file.
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) segment: Arc<Segment>,
    /// The number in the segment's map of the slice's first page.
    pub(super) first_page: usize,
}

/// One page to write: from a slot of an extent to an offset in the file.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    extent: ExtentRef,
    slot: u8,
    page: usize,
}

/// A stretch of a pack that is fetched at once, and the pages wanted of it.
#[derive(Debug)]
struct Fetch {
    pack: PackId,
    start: u64,
    end: u64,
    wanted: Vec<Wanted>,
}

/// An extent and its raw pages.
type OpenedExtent = (ExtentRef, Arc<Vec<u8>>);

/// What a fetch will bring: bytes of a pack, or an extent that was at hand when it began.
enum Coming {
    Bytes(JoinHandle<Result<Bytes>>),
    Opened(OpenedExtent),
}

pub(super) struct Filler<'a> {
    reader: &'a Arc<BackupReader>,
    runtime: Handle,
    delta: bool,
    progress: Arc<Progress>,
    /// The opener of the pack last used, and the extent last opened: neighbours in small files share both.
    opener: Option<(PackId, Opener)>,
    extent: Option<OpenedExtent>,
    /// The slice, as far as it is to be written: pages come in the order of packs, and go in long writes.
    buffer: Vec<u8>,
}

impl<'a> Filler<'a> {
    pub(super) fn new(
        reader: &'a Arc<BackupReader>,
        runtime: Handle,
        delta: bool,
        progress: Arc<Progress>,
    ) -> Filler<'a> {
        Filler { reader, runtime, delta, progress, opener: None, extent: None, buffer: Vec::new() }
    }

    /// Returns the file and the number of pages written.
    pub(super) fn fill(&mut self, slice: &Slice) -> Result<(File, u64)> {
        self.progress.check()?;
        let file = OpenOptions::new().read(true).write(true).open(&slice.path);
        let file = file.map_err(|e| file_error("open", &slice.path, e))?;
        let (wanted, zeroed) = self.wanted(slice, &file)?;
        let written = wanted.len() as u64 + zeroed;
        let mut pages: Vec<usize> = wanted.iter().map(|wanted| wanted.page).collect();
        let mut fetches = plan_fetches(wanted).into_iter();
        let mut next = fetches.next().map(|fetch| self.begin(fetch));
        while let Some((fetch, coming)) = next.take() {
            next = fetches.next().map(|fetch| self.begin(fetch));
            let bytes = match coming {
                Coming::Opened(extent) => {
                    self.extent = Some(extent);
                    Bytes::new()
                }
                Coming::Bytes(handle) => {
                    self.runtime.block_on(handle).map_err(|e| Error::Internal(e.to_string()))??
                }
            };
            self.progress.moved(bytes.len() as u64);
            self.progress.check()?;
            self.gather(slice, &fetch, &bytes)?;
        }
        pages.sort_unstable();
        self.write(slice, &file, &pages)?;
        self.progress.done(slice.length);
        Ok((file, written))
    }

    /// Starts a fetch in the background; none when the one extent it wants is at hand.
    fn begin(&self, fetch: Fetch) -> (Fetch, Coming) {
        if let Some(opened) = &self.extent
            && fetch.wanted.iter().all(|wanted| wanted.extent == opened.0)
        {
            return (fetch, Coming::Opened(opened.clone()));
        }
        let (vault, range) = (self.reader.vault().clone(), fetch.start..fetch.end);
        let name = Name::Pack(fetch.pack);
        let handle = self.runtime.spawn(async move {
            let bytes = vault.store().get_range(&name.to_string(), range).await;
            bytes.map_err(|error| crate::vault::missing_is_damage(&name, error))
        });
        (fetch, Coming::Bytes(handle))
    }

    /// The pages to write, and how many pages of zeroes had to be written over something else.
    fn wanted(&self, slice: &Slice, file: &File) -> Result<(Vec<Wanted>, u64)> {
        let map = &slice.segment.map;
        let pages = slice.length.div_ceil(u64::from(map.page_size)) as usize;
        let there = if self.delta { Some(self.differing(slice, file, pages)?) } else { None };
        let differs = |page: usize| there.as_ref().is_none_or(|differing| differing[page]);
        let mut wanted = Vec::with_capacity(pages);
        let mut zeroed = 0;
        for page in (0..pages).filter(|page| differs(*page)) {
            match map.places[slice.first_page + page].get() {
                Some((extent, slot)) => wanted.push(Wanted { extent: map.extents[extent], slot, page }),
                None if self.delta => {
                    self.write_at(slice, file, page, &vec![0; map.page_size as usize])?;
                    zeroed += 1;
                }
                None => {}
            }
        }
        Ok((wanted, zeroed))
    }

    /// With `delta`: which pages of the slice are not what the map says.
    fn differing(&self, slice: &Slice, file: &File, pages: usize) -> Result<Vec<bool>> {
        let map = &slice.segment.map;
        let page_size = map.page_size as usize;
        let key = *self.reader.vault().keys().page_key();
        let mut differing = Vec::with_capacity(pages);
        let mut block = vec![0; (READ_BLOCK / page_size).max(1) * page_size];
        let mut done = 0;
        while done < slice.length {
            let length = (slice.length - done).min(block.len() as u64) as usize;
            file.read_exact_at(&mut block[..length], slice.offset + done)
                .map_err(|e| file_error("read", &slice.path, e))?;
            for page in block[..length].chunks(page_size) {
                let number = slice.first_page + differing.len();
                let zero = page.iter().all(|byte| *byte == 0);
                let same = match map.places[number].get() {
                    None => zero,
                    Some(_) => !zero && page_hash(&key, page) == map.hashes[number],
                };
                differing.push(!same);
            }
            done += length as u64;
        }
        Ok(differing)
    }

    /// Puts the pages wanted of a fetch where they belong in the buffer.
    fn gather(&mut self, slice: &Slice, fetch: &Fetch, bytes: &Bytes) -> Result<()> {
        let page_size = slice.segment.map.page_size as usize;
        let length = (slice.length as usize).next_multiple_of(page_size);
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        let mut rest = fetch.wanted.as_slice();
        while let Some(first) = rest.first() {
            let same_extent = rest.iter().take_while(|wanted| wanted.extent == first.extent).count();
            let (pages, others) = rest.split_at(same_extent);
            rest = others;
            let raw = self.open(first.extent, fetch, bytes)?;
            for wanted in pages {
                let page = page_of(&raw, wanted.slot, page_size, &slice.path)?;
                self.buffer[wanted.page * page_size..][..page_size].copy_from_slice(page);
            }
        }
        Ok(())
    }

    /// Writes the pages (ascending) out of the buffer; neighbours go in one call.
    fn write(&self, slice: &Slice, file: &File, pages: &[usize]) -> Result<()> {
        let page_size = slice.segment.map.page_size as usize;
        let pages_at_once = (WRITE_MAX / page_size).max(1);
        let runs = pages.chunk_by(|page, next| page + 1 == *next).flat_map(|run| run.chunks(pages_at_once));
        for run in runs {
            let bytes = &self.buffer[run[0] * page_size..][..run.len() * page_size];
            self.write_at(slice, file, run[0], bytes)?;
        }
        Ok(())
    }

    /// The raw pages of an extent: the one opened last, or out of what was fetched.
    fn open(&mut self, extent: ExtentRef, fetch: &Fetch, bytes: &Bytes) -> Result<Arc<Vec<u8>>> {
        if let Some((at_hand, raw)) = &self.extent
            && *at_hand == extent
        {
            return Ok(raw.clone());
        }
        let start = (u64::from(extent.offset) - fetch.start) as usize;
        let frame = bytes.get(start..start + extent.length as usize);
        let frame = frame.ok_or_else(|| Error::Internal("an extent was not fetched".into()))?;
        let name = Name::Pack(extent.pack);
        if self.opener.as_ref().is_none_or(|(pack, _)| *pack != extent.pack) {
            self.opener = Some((extent.pack, Opener::for_pack(self.reader.vault().keys(), &name)));
        }
        let (_, opener) = self.opener.as_mut().ok_or_else(|| Error::Internal("no opener".into()))?;
        let raw = Arc::new(opener.open(u64::from(extent.offset), frame, PAGES)?);
        self.extent = Some((extent, raw.clone()));
        Ok(raw)
    }

    /// Writes from a page of the slice on; the padding of a file's last page is left out.
    fn write_at(&self, slice: &Slice, file: &File, page: usize, bytes: &[u8]) -> Result<()> {
        let from = page as u64 * u64::from(slice.segment.map.page_size);
        let length = (slice.length - from).min(bytes.len() as u64) as usize;
        let written = file.write_all_at(&bytes[..length], slice.offset + from);
        written.map_err(|e| file_error("write", &slice.path, e))
    }
}

/// Orders pages by where they are stored, and joins neighbouring extents into long reads.
fn plan_fetches(mut wanted: Vec<Wanted>) -> Vec<Fetch> {
    wanted.sort_by_key(|wanted| (wanted.extent.pack, wanted.extent.offset, wanted.page));
    let mut fetches: Vec<Fetch> = Vec::new();
    for wanted in wanted {
        let range = wanted.extent.range();
        match fetches.last_mut() {
            Some(fetch)
                if fetch.pack == wanted.extent.pack
                    && range.start <= fetch.end + FETCH_GAP
                    && range.end.saturating_sub(fetch.start) <= FETCH_MAX =>
            {
                fetch.end = fetch.end.max(range.end);
                fetch.wanted.push(wanted);
            }
            _ => fetches.push(Fetch {
                pack: wanted.extent.pack,
                start: range.start,
                end: range.end,
                wanted: vec![wanted],
            }),
        }
    }
    fetches
}

/// One page of an opened extent.
pub(super) fn page_of<'r>(raw: &'r [u8], slot: u8, page_size: usize, path: &Path) -> Result<&'r [u8]> {
    let start = usize::from(slot) * page_size;
    raw.get(start..start + page_size)
        .ok_or_else(|| Error::malformed(path.display().to_string(), "an extent is shorter than its pages"))
}
