//! What a mounted backup means to programs, without a kernel: every operation, on a skeleton in a local folder.
//!
//! ```text
//!   a file of the backup   page present? ── yes ──► the skeleton's file
//!                               └── no ───► read: from the vault, and with `keep` into the skeleton too
//!                                           write of the whole page: into the skeleton, nothing is fetched
//!                                           write of a part: the page is fetched first
//!   any other file         the skeleton's file, nothing else
//! ```
//! A skeleton's file of the backup carries its number in an extended attribute, so it stays known through renames and hard links,
//! and after a crash. All else about names, sizes, modes and owners is what the skeleton says.
//!
//! Order, for what must survive a crash: see `presence`. Cutting a file is made durable at once together with the record that what
//! was cut off is not the backup's any more: else a file that grows again could show old pages after a crash.
//!
//! A file of which nothing is missing may be read and written by the kernel itself (`Opened::direct`). An inode must not be open in both
//! ways at once, so one that was opened before it was whole stays as it is until all have closed it.
//!
//! Locks of one file, in this order: `cutting` (shared by all but a cut), then one of `fills` by page, then `syncing`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, StatVfs, Timestamps, Uid};
use rustix::io::Errno;

use crate::base::{Base, BaseFile, FileNumber};
use crate::presence::Presence;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard};

mod base_files;
mod file;
mod names;

pub use base_files::{BaseFileNode, Filler};
pub use names::{Entry, SetAttributes};

/// The extended attribute with the number of a file of the backup, four bytes little-endian.
pub(crate) const NUMBER_ATTRIBUTE: &str = "user.rekindle.base";
pub const ROOT: u64 = 1;

pub type Answer<T> = Result<T, Errno>;

/// Who asks; what he makes is given to him.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub uid: u32,
    pub gid: u32,
}

/// What is known of a name: the skeleton's own answer, its inode number that of the mount.
#[derive(Debug, Clone, Copy)]
pub struct Attributes {
    pub inode: u64,
    pub stat: Stat,
}

#[derive(Debug)]
pub struct Fs {
    base: Base,
    presence: Presence,
    way: Way,
    nodes: Mutex<Nodes>,
    handles: Mutex<HashMap<u64, Arc<Handle>>>,
    next_handle: AtomicU64,
    root: u64,
    failures: AtomicU64,
}

type Nodes = HashMap<u64, Arc<Node>>;

/// Names an inode, and opens nothing.
const FIND: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How a tree is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Whether fetched pages stay in the skeleton.
    pub keep: bool,
    /// Whether the kernel may be told to go to the skeleton itself.
    pub direct: bool,
}

/// An open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    pub handle: u64,
    /// The kernel may go to the skeleton's file itself, see `Fs::with_file`.
    pub direct: bool,
}

/// How often a file is open, and in which of the two ways; only one of them is ever more than 0.
#[derive(Debug, Default)]
struct Opens {
    through: u32,
    direct: u32,
}

/// A file, folder or link that the kernel knows.
#[derive(Debug)]
struct Node {
    inode: u64,
    /// Names the inode and opens nothing (O_PATH).
    place: OwnedFd,
    lookups: AtomicU64,
    opens: Mutex<Opens>,
    base: Option<BaseNode>,
}

/// What a node of a file of the backup has besides.
#[derive(Debug)]
struct BaseNode {
    number: FileNumber,
    touched: AtomicBool,
    /// For reading and writing, opened once.
    data: OnceLock<File>,
    cutting: RwLock<()>,
    fills: [Mutex<()>; FILLS],
    syncing: Mutex<()>,
}

/// Groups of neighbouring pages that can be filled side by side in one file.
const FILLS: usize = 16;
/// Pages of a group: those that a whole extent holds.
const FILL_PAGES: u64 = 16;

#[derive(Debug)]
enum Handle {
    File { node: Arc<Node>, file: File, synchronous: bool, direct: AtomicBool },
    Folder { node: Arc<Node>, entries: Mutex<Vec<Entry>> },
}

impl Node {
    fn new(inode: u64, place: OwnedFd, base: Option<BaseNode>) -> Node {
        Node { inode, place, lookups: AtomicU64::new(0), opens: Mutex::default(), base }
    }

    /// A path to the inode itself, wherever its names went.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.place.as_raw_fd()))
    }

    /// What it is called just now, for messages.
    fn real_path(&self) -> PathBuf {
        let path = self.path();
        std::fs::read_link(&path).unwrap_or(path)
    }

    fn stat(&self) -> Answer<Stat> {
        rustix::fs::fstat(&self.place)
    }

    fn open(&self, flags: OFlags) -> Answer<OwnedFd> {
        rustix::fs::open(self.path(), flags | OFlags::CLOEXEC, Mode::empty())
    }
}

impl Fs {
    /// Over the skeleton in `root`, which was made for this backup.
    pub fn new(base: Base, presence: Presence, root: &Path, way: Way) -> Answer<Fs> {
        let place = rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let inode = rustix::fs::fstat(&place)?.st_ino;
        let node = Node::new(ROOT, place, None);
        node.lookups.store(1, Ordering::Relaxed);
        Ok(Fs {
            base,
            presence,
            way,
            nodes: Mutex::new(HashMap::from([(ROOT, Arc::new(node))])),
            handles: Mutex::default(),
            next_handle: AtomicU64::new(1),
            root: inode,
            failures: AtomicU64::new(0),
        })
    }

    pub fn way(&self) -> Way {
        self.way
    }

    pub fn base(&self) -> &Base {
        &self.base
    }

    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Reads that ended in an error because the vault did not answer or was damaged.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Open files that the kernel reads and writes without us.
    pub fn direct_files(&self) -> usize {
        let direct =
            |handle: &Arc<Handle>| matches!(&**handle, Handle::File { direct, .. } if direct.load(Ordering::Relaxed));
        lock(&self.handles).values().filter(|handle| direct(handle)).count()
    }

    fn node(&self, inode: u64) -> Answer<Arc<Node>> {
        lock(&self.nodes).get(&inode).cloned().ok_or(Errno::STALE)
    }

    fn handle(&self, handle: u64) -> Answer<Arc<Handle>> {
        lock(&self.handles).get(&handle).cloned().ok_or(Errno::BADF)
    }

    fn new_handle(&self, handle: Handle) -> u64 {
        let number = self.next_handle.fetch_add(1, Ordering::Relaxed);
        lock(&self.handles).insert(number, Arc::new(handle));
        number
    }

    /// The node of an inode found by name, one lookup more.
    fn enter(&self, place: OwnedFd) -> Answer<Attributes> {
        let stat = rustix::fs::fstat(&place)?;
        let inode = if stat.st_ino == self.root { ROOT } else { stat.st_ino };
        let mut nodes = lock(&self.nodes);
        let node = self.node_of(&mut nodes, inode, place, &stat)?;
        node.lookups.fetch_add(1, Ordering::Relaxed);
        Ok(Attributes { inode, stat })
    }

    /// The same for ourselves: the kernel does not get to know it.
    fn enter_below(&self, folder: &Node, name: &OsStr) -> Answer<Arc<Node>> {
        let place = rustix::fs::openat(&folder.place, name, FIND, Mode::empty())?;
        let stat = rustix::fs::fstat(&place)?;
        let mut nodes = lock(&self.nodes);
        let node = self.node_of(&mut nodes, stat.st_ino, place, &stat)?;
        Ok(node)
    }

    /// All who have an inode at hand must have the same node.
    fn node_of(&self, nodes: &mut Nodes, inode: u64, place: OwnedFd, stat: &Stat) -> Answer<Arc<Node>> {
        if let Some(node) = nodes.get(&inode) {
            return Ok(node.clone());
        }
        let base = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => self.base_node(&place, stat)?,
            _ => None,
        };
        let node = Arc::new(Node::new(inode, place, base));
        nodes.insert(inode, node.clone());
        Ok(node)
    }

    fn base_node(&self, place: &OwnedFd, stat: &Stat) -> Answer<Option<BaseNode>> {
        let path = format!("/proc/self/fd/{}", place.as_raw_fd());
        let mut bytes = [0; 4];
        match rustix::fs::getxattr(&path, NUMBER_ATTRIBUTE, &mut bytes) {
            Ok(4) => {}
            Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
            Ok(_) => return Err(Errno::IO),
            Err(error) => return Err(error),
        }
        let number = FileNumber(u32::from_le_bytes(bytes));
        let file = self.base.file(number).ok_or(Errno::IO)?;
        // A crash may have come between a cut and its record.
        self.presence.set_from(file.bits, (stat.st_size as u64).div_ceil(u64::from(file.page_size)));
        Ok(Some(BaseNode {
            number,
            touched: AtomicBool::new(false),
            data: OnceLock::new(),
            cutting: RwLock::new(()),
            fills: Default::default(),
            syncing: Mutex::new(()),
        }))
    }

    /// The kernel knows the inode `times` less.
    pub fn forget(&self, inode: u64, times: u64) {
        let mut nodes = lock(&self.nodes);
        if let Some(node) = nodes.get(&inode) {
            node.lookups.fetch_sub(times, Ordering::Relaxed);
        }
        remove_unused(&mut nodes, inode);
    }

    /// We have no more use for a node.
    fn let_go(&self, node: Arc<Node>) {
        let inode = node.inode;
        drop(node);
        remove_unused(&mut lock(&self.nodes), inode);
    }

    pub fn attributes(&self, inode: u64) -> Answer<Attributes> {
        Ok(Attributes { inode, stat: self.node(inode)?.stat()? })
    }

    /// The local file system's own answer.
    pub fn space(&self) -> Answer<StatVfs> {
        rustix::fs::fstatvfs(&self.node(ROOT)?.place)
    }
}

/// A node that somebody still has must stay the only one of its inode.
fn remove_unused(nodes: &mut Nodes, inode: u64) {
    let unused = |node: &Arc<Node>| node.lookups.load(Ordering::Relaxed) == 0 && Arc::strong_count(node) == 1;
    if nodes.get(&inode).is_some_and(unused) {
        nodes.remove(&inode);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shared(lock: &RwLock<()>) -> RwLockReadGuard<'_, ()> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
