//! Fills one slice of a file: which pages are wanted, and written where they belong.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;

use super::file_error;
use crate::backup::read::{BackupReader, ExtentReader, Segment};
use crate::backup::tree::Progress;
use crate::error::{Error, Result};
use crate::format::map::ExtentRef;
use crate::format::sealed::page_hash;

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

pub(super) struct Filler<'a> {
    reader: &'a Arc<BackupReader>,
    extents: ExtentReader,
    delta: bool,
    progress: Arc<Progress>,
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
        let extents = ExtentReader::new(reader, runtime, progress.clone());
        Filler { reader, extents, delta, progress, buffer: Vec::new() }
    }

    /// Returns the file and the number of pages written.
    pub(super) fn fill(&mut self, slice: &Slice) -> Result<(File, u64)> {
        self.progress.check()?;
        let file = OpenOptions::new().read(true).write(true).custom_flags(super::FILE_ITSELF).open(&slice.path);
        let file = file.map_err(|e| file_error("open", &slice.path, e))?;
        let (mut wanted, zeroed) = self.wanted(slice, &file)?;
        self.gather(slice, &mut wanted)?;
        let mut pages: Vec<usize> = wanted.iter().map(|wanted| wanted.page).collect();
        pages.sort_unstable();
        self.write(slice, &file, &pages)?;
        self.progress.done(slice.length);
        Ok((file, pages.len() as u64 + zeroed))
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

    /// Puts the pages wanted where they belong in the buffer.
    fn gather(&mut self, slice: &Slice, wanted: &mut [Wanted]) -> Result<()> {
        let page_size = slice.segment.map.page_size as usize;
        let length = (slice.length as usize).next_multiple_of(page_size);
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        wanted.sort_unstable_by_key(|wanted| (wanted.extent, wanted.page));
        let mut of_extents = wanted.chunk_by(|page, next| page.extent == next.extent);
        let buffer = &mut self.buffer;
        self.extents.each(wanted.iter().map(|wanted| wanted.extent), |_, raw| {
            for wanted in of_extents.next().unwrap_or_default() {
                let page = page_of(raw, wanted.slot, page_size, &slice.path)?;
                buffer[wanted.page * page_size..][..page_size].copy_from_slice(page);
            }
            Ok(())
        })
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

    /// Writes from a page of the slice on; the padding of a file's last page is left out.
    fn write_at(&self, slice: &Slice, file: &File, page: usize, bytes: &[u8]) -> Result<()> {
        let from = page as u64 * u64::from(slice.segment.map.page_size);
        let length = (slice.length - from).min(bytes.len() as u64) as usize;
        let written = file.write_all_at(&bytes[..length], slice.offset + from);
        written.map_err(|e| file_error("write", &slice.path, e))
    }
}

/// One page of an opened extent.
pub(super) fn page_of<'r>(raw: &'r [u8], slot: u8, page_size: usize, path: &Path) -> Result<&'r [u8]> {
    let start = usize::from(slot) * page_size;
    raw.get(start..start + page_size)
        .ok_or_else(|| Error::malformed(path.display().to_string(), "an extent is shorter than its pages"))
}
