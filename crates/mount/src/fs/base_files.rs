//! The files of the backup that still have a name, for those who bring them in.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use rustix::fs::FileType;
use vault::backup::read::ExtentReader;
use vault::backup::tree::Progress;

use crate::error::{Error, Result};

use super::{Answer, BaseNode, Errno, FILL_PAGES, FileNumber, Fs, Node, Ordering, ROOT, shared};

/// A file of the backup, wherever it is now.
#[derive(Debug)]
pub struct BaseFileNode {
    node: Arc<Node>,
}

/// Brings many pages in, for one thread. Holds as many bytes as it is asked for at once.
#[derive(Debug)]
pub struct Filler {
    reader: ExtentReader,
    buffer: Vec<u8>,
}

impl BaseFileNode {
    fn base(&self) -> Answer<&BaseNode> {
        self.node.base.as_ref().ok_or(Errno::IO)
    }

    pub fn number(&self) -> Option<FileNumber> {
        self.node.base.as_ref().map(|base| base.number)
    }

    /// Whether anybody has read or written it since it was mounted.
    pub fn touched(&self) -> bool {
        self.node.base.as_ref().is_some_and(|base| base.touched.load(Ordering::Relaxed))
    }
}

impl Fs {
    /// Walks all folders.
    pub fn base_files(&self) -> Answer<Vec<BaseFileNode>> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let mut folders = vec![self.node(ROOT)?];
        while let Some(folder) = folders.pop() {
            for entry in self.read_folder(folder.open(rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY)?)? {
                if entry.name == "." || entry.name == ".." {
                    continue;
                }
                let node = match self.enter_below(&folder, &entry.name) {
                    Ok(node) => node,
                    // Removed since it was listed.
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(error),
                };
                match FileType::from_raw_mode(node.stat()?.st_mode) {
                    FileType::Directory => folders.push(node),
                    _ if node.base.is_some() && seen.insert(node.inode) => found.push(BaseFileNode { node }),
                    _ => self.let_go(node),
                }
            }
            self.let_go(folder);
        }
        Ok(found)
    }

    /// No more use for these.
    pub fn let_go_of(&self, files: Vec<BaseFileNode>) {
        files.into_iter().for_each(|file| self.let_go(file.node));
    }

    pub fn page_size(&self, file: &BaseFileNode) -> u64 {
        file.base().and_then(|base| self.entry(base)).map_or(1, |entry| u64::from(entry.page_size))
    }

    pub fn pages(&self, file: &BaseFileNode) -> u64 {
        file.base().and_then(|base| self.entry(base)).map_or(0, |entry| entry.pages())
    }

    pub fn present(&self, file: &BaseFileNode) -> u64 {
        file.base().and_then(|base| self.entry(base)).map_or(0, |entry| self.presence.count(entry.bits))
    }

    /// `progress` may cancel.
    pub fn filler(&self, progress: Arc<Progress>) -> Filler {
        Filler { reader: self.base.reader(progress), buffer: Vec::new() }
    }

    /// Brings in what is missing of a range of pages, or what of it could be. Returns how many pages, and how many bytes of them.
    pub fn fill(&self, file: &BaseFileNode, pages: Range<u64>, filler: &mut Filler) -> Result<(u64, u64)> {
        let local = |error: Errno| Error::file("fill", &file.node.real_path(), error.into());
        let base = file.base().map_err(local)?;
        let _shared = shared(&base.cutting);
        let entry = self.entry(base).map_err(local)?;
        let page_size = entry.page_size as usize;
        let absent = self.absent(entry, pages.clone());
        let (first, Filler { reader, buffer }) = (pages.start, filler);
        buffer.clear();
        buffer.resize((pages.end - first) as usize * page_size, 0);
        let at = |page: u64| (page - first) as usize * page_size;
        let copy = |page: u64, bytes: &[u8]| buffer[at(page)..][..bytes.len()].copy_from_slice(bytes);
        self.base.pages(reader, entry, &absent, copy)?;
        for group in absent.chunk_by(|page, next| page / FILL_PAGES == next / FILL_PAGES) {
            let _fill = base.fill(group[0]);
            let group = self.still_absent(entry, group);
            // Zeroes stay holes.
            let zero = |page: u64| buffer[at(page)..][..page_size].iter().all(|byte| *byte == 0);
            for run in group.chunk_by(|page, next| page + 1 == *next && zero(*page) == zero(*next)) {
                let last = run[run.len() - 1];
                let bytes = &buffer[at(run[0])..at(last) + entry.page_length(last)];
                let data = base.data(&file.node).map_err(local)?;
                self.put(data, entry, run, bytes).map_err(local)?;
            }
        }
        Ok((absent.len() as u64, absent.len() as u64 * page_size as u64))
    }

    /// Lets the disk begin with what was brought into a file; whether it was written is seen when it is made durable.
    pub(crate) fn push_out(&self, file: &BaseFileNode) {
        let data = file.base().and_then(|base| base.data(&file.node));
        let _ = data.map(crate::sync::fsync);
    }

    /// Makes durable what is there of all files, and the record of it.
    pub fn settle_all(&self) -> Answer<()> {
        let taken = self.presence.take_all();
        crate::sync::syncfs(self.node(ROOT)?.open(rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY)?)?;
        self.presence.record(&taken).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
}
