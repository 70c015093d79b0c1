//! Bytes of files: open, read, write, cut, make durable.

use std::ops::Range;
use std::sync::PoisonError;

use rustix::fs::FallocateFlags;

use super::{
    Answer, Base, BaseFile, BaseNode, Caller, Errno, FILL_PAGES, FILLS, Fs, Handle, MutexGuard, Node, Opened, lock,
    shared,
};
use crate::sync::{fsync, turn};

use super::{Arc, AsFd, AtomicBool, Attributes, File, FileExt, Mode, OFlags, Ordering, OsStr};

/// Flags that are the kernel's business, or ours, and not the skeleton's.
const NOT_PASSED_ON: OFlags = OFlags::DIRECT
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::TRUNC)
    .union(OFlags::NOCTTY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::APPEND);
/// How far around a page others are looked for that came with it.
const NEAR: u64 = 32;

impl Fs {
    pub fn open(&self, inode: u64, flags: OFlags) -> Answer<Opened> {
        let node = self.node(inode)?;
        let file = File::from(node.open(flags.difference(NOT_PASSED_ON))?);
        if let Some(base) = &node.base {
            base.touched.store(true, Ordering::Relaxed);
        }
        Ok(self.opened(node, file, flags))
    }

    fn opened(&self, node: Arc<Node>, file: File, flags: OFlags) -> Opened {
        let synchronous = flags.intersects(OFlags::SYNC.union(OFlags::DSYNC));
        let direct = {
            let mut opens = lock(&node.opens);
            let direct = self.way.direct && opens.through == 0 && self.is_whole(&node);
            *(if direct { &mut opens.direct } else { &mut opens.through }) += 1;
            direct
        };
        let handle = Handle::File { node, file, synchronous, direct: AtomicBool::new(direct) };
        Opened { handle: self.new_handle(handle), direct }
    }

    /// Whether nothing of it is missing in the skeleton.
    fn is_whole(&self, node: &Node) -> bool {
        let entry = node.base.as_ref().map(|base| self.entry(base));
        entry.is_none_or(|entry| entry.is_ok_and(|entry| self.presence.is_whole(entry.bits)))
    }

    /// Shows the skeleton's own file behind a handle.
    pub fn with_file<T>(&self, handle: u64, show: impl FnOnce(&File) -> T) -> Answer<T> {
        match &*self.handle(handle)? {
            Handle::File { file, .. } => Ok(show(file)),
            Handle::Folder { .. } => Err(Errno::ISDIR),
        }
    }

    /// The kernel cannot go to this file itself. False when it does so for others that have it open.
    pub fn not_direct(&self, handle: u64) -> bool {
        let Ok(handle) = self.handle(handle) else { return false };
        let Handle::File { node, direct, .. } = &*handle else { return false };
        let mut opens = lock(&node.opens);
        let alone = opens.direct == 1;
        if alone && direct.swap(false, Ordering::Relaxed) {
            (opens.direct, opens.through) = (0, 1);
        }
        alone
    }

    /// Makes a file that was not there, and opens it.
    pub fn create(
        &self,
        parent: u64,
        name: &OsStr,
        mode: Mode,
        flags: OFlags,
        caller: Caller,
    ) -> Answer<(Attributes, Opened)> {
        let folder = self.node(parent)?;
        let wanted = flags.difference(NOT_PASSED_ON) | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let wanted = wanted | flags.intersection(OFlags::EXCL);
        let opened = rustix::fs::openat(&folder.place, name, wanted, mode)?;
        self.give(&opened, caller)?;
        let attributes = self.lookup(parent, name)?;
        let node = self.node(attributes.inode)?;
        Ok((attributes, self.opened(node, File::from(opened), flags)))
    }

    pub fn release(&self, handle: u64) {
        let closed = lock(&self.handles).remove(&handle);
        let node = match closed.as_deref() {
            Some(Handle::File { node, direct, .. }) => {
                let mut opens = lock(&node.opens);
                *(if direct.load(Ordering::Relaxed) { &mut opens.direct } else { &mut opens.through }) -= 1;
                node.clone()
            }
            Some(Handle::Folder { node, .. }) => node.clone(),
            None => return,
        };
        drop(closed);
        self.base.closed(handle);
        self.let_go(node);
    }

    /// Fewer bytes than asked only at the end of the file.
    pub fn read(&self, number: u64, offset: u64, length: usize) -> Answer<Vec<u8>> {
        let handle = self.handle(number)?;
        let Handle::File { node, file, .. } = &*handle else { return Err(Errno::ISDIR) };
        let mut bytes = vec![0; length];
        let Some(base) = &node.base else {
            let read = read_full(file, &mut bytes, offset)?;
            bytes.truncate(read);
            return Ok(bytes);
        };
        let _shared = shared(&base.cutting);
        let entry = self.entry(base)?;
        let absent = self.absent(entry, entry.pages_of(offset, length as u64));
        if !absent.is_empty() {
            let absent = |page| !self.presence.is_present(entry.bits, page);
            self.base.reading(number, entry, &(offset..offset + length as u64), absent);
        }
        let data = base.data(node)?;
        if self.way.keep {
            absent.iter().try_for_each(|page| self.fetch_near(base, data, entry, *page))?;
        }
        let read = read_full(data, &mut bytes, offset)?;
        bytes.truncate(read);
        if !self.way.keep {
            absent.iter().try_for_each(|page| self.show(data, entry, *page, offset, &mut bytes))?;
        }
        Ok(bytes)
    }

    /// All bytes, or an error.
    pub fn write(&self, handle: u64, offset: u64, bytes: &[u8]) -> Answer<()> {
        let handle = self.handle(handle)?;
        let Handle::File { node, file, synchronous, .. } = &*handle else { return Err(Errno::ISDIR) };
        let Some(base) = &node.base else { return write_all(file, bytes, offset) };
        {
            let _shared = shared(&base.cutting);
            let entry = self.entry(base)?;
            self.write_base(base, base.data(node)?, entry, offset, bytes)?;
        }
        if *synchronous { self.sync_base(node, base) } else { Ok(()) }
    }

    fn write_base(&self, base: &BaseNode, data: &File, entry: &BaseFile, offset: u64, bytes: &[u8]) -> Answer<()> {
        let end = offset + bytes.len() as u64;
        let mut done = offset;
        for page in self.absent(entry, entry.pages_of(offset, bytes.len() as u64)) {
            let start = page * u64::from(entry.page_size);
            let page_end = start + u64::from(entry.page_size);
            // Pages before it are present.
            write_all(data, &bytes[(done - offset) as usize..(start.max(offset) - offset) as usize], done)?;
            let (from, to) = (start.max(offset), page_end.min(end));
            let piece = &bytes[(from - offset) as usize..(to - offset) as usize];
            let whole = from == start && to >= start + entry.page_length(page) as u64;
            let _fill = base.fill(page);
            if !whole && !self.presence.is_present(entry.bits, page) {
                self.fetch(data, entry, &[page])?;
            }
            write_all(data, piece, from)?;
            self.presence.set(entry.bits, page);
            done = to;
        }
        write_all(data, &bytes[(done - offset) as usize..], done)
    }

    /// Sets the size. What is cut off is gone for good: it does not come back from the backup when the file grows again, also not
    /// after a crash. So what stays of a page that is cut is settled before the cut, and the pages behind it after.
    pub(super) fn set_size(&self, node: &Node, size: u64) -> Answer<()> {
        let Some(base) = &node.base else {
            return rustix::fs::ftruncate(node.open(OFlags::WRONLY)?, size);
        };
        let _alone = base.cutting.write().unwrap_or_else(PoisonError::into_inner);
        let entry = self.entry(base)?;
        let data = base.data(node)?;
        let before = rustix::fs::fstat(data)?.st_size as u64;
        if size >= before.min(entry.size) {
            return rustix::fs::ftruncate(data, size);
        }
        let page_size = u64::from(entry.page_size);
        if !size.is_multiple_of(page_size) {
            if !self.presence.is_present(entry.bits, size / page_size) {
                self.fetch(data, entry, &[size / page_size])?;
            }
            self.sync_base(node, base)?;
        }
        turn();
        rustix::fs::ftruncate(data, size)?;
        turn();
        self.presence.set_from(entry.bits, size.div_ceil(page_size));
        self.sync_base(node, base)
    }

    /// Makes room without changing what is read. `mode` as of fallocate(2); what would change bytes is not supported.
    pub fn allocate(&self, handle: u64, offset: u64, length: u64, mode: i32) -> Answer<()> {
        let handle = self.handle(handle)?;
        let Handle::File { node, file, .. } = &*handle else { return Err(Errno::ISDIR) };
        let flags = FallocateFlags::from_bits_retain(mode.cast_unsigned());
        if !FallocateFlags::KEEP_SIZE.contains(flags) {
            return Err(Errno::OPNOTSUPP);
        }
        let data = match &node.base {
            Some(base) => base.data(node)?.as_fd(),
            None => file.as_fd(),
        };
        rustix::fs::fallocate(data, flags, offset, length)
    }

    pub fn sync(&self, handle: u64, data_only: bool) -> Answer<()> {
        let handle = self.handle(handle)?;
        match &*handle {
            Handle::File { node, file, .. } => match &node.base {
                Some(base) => self.sync_base(node, base),
                None if data_only => rustix::fs::fdatasync(file),
                None => rustix::fs::fsync(file),
            },
            Handle::Folder { node, .. } => rustix::fs::fsync(node.open(OFlags::RDONLY | OFlags::DIRECTORY)?),
        }
    }

    /// The data, then the record of which pages are present.
    pub(super) fn sync_base(&self, node: &Node, base: &BaseNode) -> Answer<()> {
        let entry = self.entry(base)?;
        let _alone = lock(&base.syncing);
        let taken = self.presence.take(entry.bits);
        fsync(base.data(node)?)?;
        self.presence.record(&taken).map_err(|error| errno(&error))
    }

    pub(super) fn entry(&self, base: &BaseNode) -> Answer<&BaseFile> {
        self.base.file(base.number).ok_or(Errno::IO)
    }

    pub(super) fn absent(&self, entry: &BaseFile, pages: Range<u64>) -> Vec<u64> {
        pages.filter(|page| !self.presence.is_present(entry.bits, *page)).collect()
    }

    pub(super) fn still_absent(&self, entry: &BaseFile, pages: &[u64]) -> Vec<u64> {
        pages.iter().copied().filter(|page| !self.presence.is_present(entry.bits, *page)).collect()
    }

    /// Puts a page, and those that came with it, into the skeleton.
    fn fetch_near(&self, base: &BaseNode, data: &File, entry: &BaseFile, page: u64) -> Answer<()> {
        let near = self.asked(|base| base.came_along(entry, page, NEAR))?;
        for group in near.chunk_by(|page, next| page / FILL_PAGES == next / FILL_PAGES) {
            let _fill = base.fill(group[0]);
            let absent = self.still_absent(entry, group);
            for run in absent.chunk_by(|page, next| page + 1 == *next) {
                self.fetch(data, entry, run)?;
            }
        }
        Ok(())
    }

    /// Puts neighbouring pages into the skeleton in one write. The caller holds their fill or cuts alone, and has seen that they are
    /// absent.
    fn fetch(&self, data: &File, entry: &BaseFile, run: &[u64]) -> Answer<()> {
        let mut bytes = Vec::with_capacity(run.len() * entry.page_size as usize);
        for page in run {
            match self.asked(|base| base.page(entry, *page))? {
                Some(found) => bytes.extend_from_slice(found.bytes()),
                None => bytes.resize(bytes.len() + entry.page_length(*page), 0),
            }
        }
        self.put(data, entry, run, &bytes)
    }

    /// Puts the bytes of neighbouring pages; as for `fetch`.
    pub(super) fn put(&self, data: &File, entry: &BaseFile, run: &[u64], bytes: &[u8]) -> Answer<()> {
        let start = run[0] * u64::from(entry.page_size);
        let zeroes = bytes.iter().all(|byte| *byte == 0);
        if !zeroes || !is_zero(data, start, bytes.len())? {
            write_all(data, bytes, start)?;
        }
        run.iter().for_each(|page| self.presence.set(entry.bits, *page));
        Ok(())
    }

    /// Puts what the backup has of a page, seen absent, where it belongs in `bytes`, which begin at `offset`.
    fn show(&self, data: &File, entry: &BaseFile, page: u64, offset: u64, bytes: &mut [u8]) -> Answer<()> {
        let start = page * u64::from(entry.page_size);
        let (from, to) = (start.max(offset), (start + entry.page_length(page) as u64).min(offset + bytes.len() as u64));
        if from >= to {
            return Ok(());
        }
        let wanted = &mut bytes[(from - offset) as usize..(to - offset) as usize];
        if self.presence.is_present(entry.bits, page) {
            // Written after the skeleton was read.
            return read_full(data, wanted, from).map(drop);
        }
        match self.asked(|base| base.page(entry, page))? {
            Some(found) => wanted.copy_from_slice(&found.bytes()[(from - start) as usize..(to - start) as usize]),
            None => wanted.fill(0),
        }
        Ok(())
    }

    /// Asks the vault. What it cannot give is an error for this page only.
    fn asked<T>(&self, ask: impl FnOnce(&Base) -> crate::Result<T>) -> Answer<T> {
        ask(&self.base).map_err(|error| {
            self.failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "a page could not be read from the vault");
            Errno::IO
        })
    }
}

impl BaseNode {
    pub(super) fn data(&self, node: &Node) -> Answer<&File> {
        if let Some(file) = self.data.get() {
            return Ok(file);
        }
        let file = File::from(node.open(OFlags::RDWR)?);
        Ok(self.data.get_or_init(|| file))
    }

    pub(super) fn fill(&self, page: u64) -> MutexGuard<'_, ()> {
        lock(&self.fills[(page / FILL_PAGES % FILLS as u64) as usize])
    }
}

fn read_full(file: &File, bytes: &mut [u8], offset: u64) -> Answer<usize> {
    turn();
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(errno(&error)),
        }
    }
    Ok(read)
}

/// Whether nothing is there: a write that was lost in a crash may have left something where the backup has zeroes.
fn is_zero(file: &File, offset: u64, length: usize) -> Answer<bool> {
    let mut there = vec![0; length];
    read_full(file, &mut there, offset)?;
    Ok(there.iter().all(|byte| *byte == 0))
}

fn write_all(file: &File, bytes: &[u8], offset: u64) -> Answer<()> {
    turn();
    file.write_all_at(bytes, offset).map_err(|error| errno(&error))
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
