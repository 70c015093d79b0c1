//! The files of a backup as a mount needs them: which there are, and the bytes of any page.
//!
//! Memory: the file table (a few hundred bytes a file and the small page maps that stand in the lists), `MAPS` slim page maps,
//! and `EXTENTS` opened extents of up to 128 KiB, and what is fetched ahead (`base/ahead.rs`). Never by the size of the database.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use vault::backup::read::{BackupReader, ExtentReader, Segment, stretches};
use vault::backup::tree::Progress;
use vault::format::files::{Content, FileEntry, SegmentRef};
use vault::format::map::ExtentRef;

use crate::error::Result;
use crate::presence::Bits;

mod ahead;
mod recent;
mod slim;

use ahead::Ahead;
use recent::Recent;
use slim::SlimMap;

/// Slim maps kept.
const MAPS: usize = 32;
/// Opened extents kept.
const EXTENTS: usize = 32;
/// Pauses before a read of the vault is tried again, where that can help. A store in the network has tried for half a minute by then.
const PAUSES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(500), Duration::from_secs(2)];

/// Which file of the backup, counted in path order over all lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileNumber(pub u32);

/// A file of the backup.
#[derive(Debug)]
pub struct BaseFile {
    pub number: FileNumber,
    /// Bytes.
    pub size: u64,
    pub page_size: u32,
    pub bits: Bits,
    segments: Vec<SegmentRef>,
}

impl BaseFile {
    pub fn pages(&self) -> u64 {
        self.bits.pages
    }

    /// The pages that hold a range of bytes, as far as the backup has them.
    pub fn pages_of(&self, offset: u64, length: u64) -> Range<u64> {
        let page_size = u64::from(self.page_size);
        let end = offset.saturating_add(length).min(self.size);
        if offset >= end { 0..0 } else { offset / page_size..end.div_ceil(page_size) }
    }

    /// Bytes of a page that the backup has: all of it, but for the last of a file.
    pub fn page_length(&self, page: u64) -> usize {
        let start = page * u64::from(self.page_size);
        (self.size - start).min(u64::from(self.page_size)) as usize
    }
}

/// An opened extent and which of its pages is meant.
#[derive(Debug, Clone)]
pub struct Page {
    raw: Arc<Vec<u8>>,
    start: usize,
    length: usize,
}

impl Page {
    pub fn bytes(&self) -> &[u8] {
        &self.raw[self.start..self.start + self.length]
    }
}

#[derive(Debug)]
pub struct Base {
    reader: Arc<BackupReader>,
    runtime: Handle,
    files: Vec<BaseFile>,
    words: u64,
    maps: Recent<(FileNumber, u32), SlimMap>,
    extents: Recent<ExtentRef, Vec<u8>>,
    ahead: Ahead,
}

impl Base {
    /// Reads the lists of a backup, and tells `each` of every entry but those of the tail, with its number if it is a file.
    pub async fn load(
        reader: Arc<BackupReader>,
        mut each: impl FnMut(&FileEntry, Option<&BaseFile>) -> Result<()>,
    ) -> Result<Base> {
        let (mut files, mut words) = (Vec::new(), 0);
        for list in 0..reader.list_count() {
            for entry in reader.list(list).await? {
                let Content::File { size, page_size, segments } = &entry.content else {
                    each(&entry, None)?;
                    continue;
                };
                let pages = size.div_ceil(u64::from(*page_size));
                let bits = Bits { first_word: words, pages };
                words += Bits::words_for(pages);
                let number = FileNumber(files.len() as u32);
                let file = BaseFile { number, size: *size, page_size: *page_size, bits, segments: segments.clone() };
                each(&entry, Some(&file))?;
                files.push(file);
            }
        }
        let (maps, extents) = (Recent::new(MAPS), Recent::new(EXTENTS));
        Ok(Base { reader, runtime: Handle::current(), files, words, maps, extents, ahead: Ahead::default() })
    }

    pub fn file(&self, number: FileNumber) -> Option<&BaseFile> {
        self.files.get(number.0 as usize)
    }

    pub fn files(&self) -> &[BaseFile] {
        &self.files
    }

    /// Words of presence that all files together take.
    pub fn words(&self) -> u64 {
        self.words
    }

    /// A page as the backup has it; `None` for one of zeroes. Blocks; not to be called on a thread of the runtime.
    pub fn page(&self, file: &BaseFile, page: u64) -> Result<Option<Page>> {
        let (map, at) = self.map(file, page)?;
        let Some((extent, slot)) = map.place(at).ok_or_else(too_short)? else { return Ok(None) };
        let raw = self.extent(&extent)?;
        let start = usize::from(slot) * file.page_size as usize;
        let length = file.page_length(page);
        if raw.len() < start + length {
            return Err(vault::Error::malformed("an extent", "it is shorter than its pages").into());
        }
        Ok(Some(Page { raw, start, length }))
    }

    /// For reading many pages by one thread; `progress` may cancel.
    pub fn reader(&self, progress: Arc<Progress>) -> ExtentReader {
        ExtentReader::new(&self.reader, self.runtime.clone(), progress)
    }

    /// Tells `each` of pages as the backup has them, in the order in which they are stored; nothing of those of zeroes.
    pub fn pages(
        &self,
        reader: &mut ExtentReader,
        file: &BaseFile,
        wanted: &[u64],
        mut each: impl FnMut(u64, &[u8]),
    ) -> Result<()> {
        let mut stored = Vec::with_capacity(wanted.len());
        for page in wanted {
            let (map, at) = self.map(file, *page)?;
            let place = map.place(at).ok_or_else(too_short)?;
            stored.extend(place.map(|(extent, slot)| (extent, slot, *page)));
        }
        stored.sort_unstable();
        let mut of_extents = stored.chunk_by(|page, next| page.0 == next.0);
        let read = reader.each(stored.iter().map(|(extent, ..)| *extent), |_, raw| {
            for (_, slot, page) in of_extents.next().unwrap_or_default() {
                let start = usize::from(*slot) * file.page_size as usize;
                let bytes = raw.get(start..start + file.page_length(*page));
                each(*page, bytes.ok_or_else(|| vault::Error::malformed("an extent", "it is shorter than its pages"))?);
            }
            Ok(())
        });
        Ok(read?)
    }

    /// Somebody, known by a number of his own, reads bytes of a file, of which pages are `absent`. Begins to fetch what he will want.
    pub fn reading(&self, who: u64, file: &BaseFile, bytes: &Range<u64>, absent: impl Fn(u64) -> bool) {
        let (range, goes_on) = self.ahead.read(who, bytes);
        let mut extents = Vec::new();
        for page in file.pages_of(range.start, range.end - range.start).filter(|page| absent(*page)) {
            let (key, at) = self.segment_of(file, page);
            // Maps that are not there are not waited for.
            let Some(map) = self.maps.peek(&key) else { break };
            extents.extend(map.place(at).flatten().map(|(extent, _)| extent));
        }
        extents.sort_unstable();
        extents.dedup();
        extents.retain(|extent| self.extents.peek(extent).is_none() && !self.ahead.has(extent));
        if extents.len() > 1 || goes_on {
            self.ahead.begin(who, range.end, stretches(extents), &self.reader, &self.runtime);
        }
    }

    /// He reads no more.
    pub fn closed(&self, who: u64) {
        self.ahead.closed(who);
    }

    /// Pages near `page` whose bytes came with it, itself among them: reading them costs nothing now.
    pub fn came_along(&self, file: &BaseFile, page: u64, near: u64) -> Result<Vec<u64>> {
        let (map, at) = self.map(file, page)?;
        let extent_at = |at: usize| map.place(at).flatten().map(|(extent, _)| extent);
        let Some(extent) = extent_at(at) else { return Ok(vec![page]) };
        let first = at.saturating_sub(near as usize);
        let last = (at + near as usize + 1).min(map.pages());
        let same = (first..last).filter(|near| extent_at(*near) == Some(extent));
        Ok(same.map(|near| page + near as u64 - at as u64).collect())
    }

    /// The map of the segment that holds a page, and the page's number in it.
    fn map(&self, file: &BaseFile, page: u64) -> Result<(Arc<SlimMap>, usize)> {
        let (key, at) = self.segment_of(file, page);
        let map = self.maps.get_or_try(key, || {
            let stored = file.segments.get(key.1 as usize);
            let stored = stored.ok_or_else(|| vault::Error::malformed("a file", "it has too few page maps"))?;
            let Segment { map, base, .. } = self.ask(|| self.reader.segment(stored))?;
            drop(base);
            Ok::<_, crate::Error>(SlimMap::new(&map))
        })?;
        Ok((map, at))
    }

    /// Which map tells of a page, and where in it.
    fn segment_of(&self, file: &BaseFile, page: u64) -> ((FileNumber, u32), usize) {
        let pages_of_segment = (self.reader.head().segment_length / u64::from(file.page_size)).max(1);
        ((file.number, (page / pages_of_segment) as u32), (page % pages_of_segment) as usize)
    }

    fn extent(&self, extent: &ExtentRef) -> Result<Arc<Vec<u8>>> {
        self.extents.get_or_try(*extent, || match self.came(extent) {
            Some(raw) => Ok(raw),
            None => self.ask(|| self.reader.extent(extent)),
        })
    }

    /// Out of what was fetched ahead; none when it was not, or could not be.
    fn came(&self, extent: &ExtentRef) -> Option<Vec<u8>> {
        let mut arrived = self.ahead.take(extent)?;
        self.runtime.block_on(async {
            let sealed = arrived.wait_for(Option::is_some).await.ok()?.clone()??;
            self.reader.open_extent(extent, &sealed).await.ok()
        })
    }

    fn ask<T, F: Future<Output = vault::Result<T>>>(&self, read: impl Fn() -> F) -> Result<T> {
        let mut pauses = PAUSES.iter();
        loop {
            match (self.runtime.block_on(read()), pauses.next()) {
                (Err(error), Some(pause)) if error.is_retriable() => {
                    tracing::warn!(%error, "the vault does not answer; it is asked again");
                    std::thread::sleep(*pause);
                }
                (done, _) => return Ok(done?),
            }
        }
    }
}

fn too_short() -> vault::Error {
    vault::Error::malformed("a page map", "it is too short")
}
