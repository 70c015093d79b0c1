//! The files of the backup that still have a name, for those who bring them in.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::FileType;

use super::{Answer, BaseNode, Errno, FileNumber, Fs, Node, ROOT, shared};

/// A file of the backup, wherever it is now.
#[derive(Debug)]
pub struct BaseFileNode {
    node: Arc<Node>,
}

/// What came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    pub pages: u64,
    pub bytes: u64,
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

    pub fn pages(&self, file: &BaseFileNode) -> u64 {
        file.base().and_then(|base| self.entry(base)).map_or(0, |entry| entry.pages())
    }

    pub fn present(&self, file: &BaseFileNode) -> u64 {
        file.base().and_then(|base| self.entry(base)).map_or(0, |entry| self.presence.count(entry.bits))
    }

    pub fn is_present(&self, file: &BaseFileNode, page: u64) -> bool {
        file.base().and_then(|base| self.entry(base)).is_ok_and(|entry| self.presence.is_present(entry.bits, page))
    }

    /// Brings a page in, and what comes with it.
    pub fn fill(&self, file: &BaseFileNode, page: u64) -> Answer<Filled> {
        let base = file.base()?;
        let _shared = shared(&base.cutting);
        let entry = self.entry(base)?;
        let pages = self.fetch_near(base, base.data(&file.node)?, entry, page)?;
        Ok(Filled { pages, bytes: pages * u64::from(entry.page_size) })
    }

    /// Makes durable what is there, and the record of it.
    pub fn settle(&self, file: &BaseFileNode) -> Answer<()> {
        self.sync_base(&file.node, file.base()?)
    }
}
