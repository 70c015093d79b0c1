//! What a caller hands in to be stored. The vault asks for pages and knows nothing else about them.

use std::fmt::Debug;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{Error, Result};

/// One thing in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Relative, `/`-separated.
    pub path: String,
    pub kind: TreeKind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Microseconds since 1970.
    pub modified: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeKind {
    Folder,
    Link {
        target: String,
    },
    /// Both in bytes. `size` is what the file had when it was listed; growth after that is not read.
    File {
        size: u64,
        page_size: u32,
    },
}

/// A tree of files that may change while it is read.
pub trait Tree: Send + Sync + Debug {
    /// Everything to be stored, in `path_order`. Lazy: a directory's names are read when it is reached.
    fn walk(&self) -> Box<dyn Iterator<Item = Result<TreeEntry>> + Send + '_>;

    /// Opens a file for reading; `None` when it has gone since it was listed.
    fn open(&self, path: &str) -> io::Result<Option<Box<dyn TreeFile>>>;
}

/// Whether a page is as its writer meant it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    Good,
    /// Its own checksum does not hold: it may be in the middle of being written, so it is read again.
    Suspect,
}

/// An open file of a tree.
pub trait TreeFile: Send {
    /// Reads into `buffer` until it is full or the file ends; returns the bytes read.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Says that this range will be read soon.
    fn will_need(&mut self, _offset: u64, _length: u64) {}

    /// Judges a whole page; `page` counts from 0 in the file.
    fn judge(&self, _page: u64, _bytes: &[u8]) -> PageState {
        PageState::Good
    }
}

/// How far a long piece of work has come; shared with whoever shows or cancels it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes to do, where known.
    pub bytes_total: AtomicU64,
    pub bytes_done: AtomicU64,
    /// Bytes put into (or fetched from) the vault.
    pub bytes_moved: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// `Error::Cancelled` once somebody has asked for it.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    pub fn done(&self, bytes: u64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn moved(&self, bytes: u64) {
        self.bytes_moved.fetch_add(bytes, Ordering::Relaxed);
    }
}
