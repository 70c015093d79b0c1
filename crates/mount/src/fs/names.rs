//! Names: looked up, made, moved, removed, listed. All of it is the skeleton's own.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::RenameFlags;

use super::{
    Answer, AtFlags, Attributes, Caller, Errno, FileType, Fs, Gid, Handle, Mode, Mutex, OFlags, Timestamps, Uid, lock,
};
use super::{FIND, OwnedFd, Path};

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub inode: u64,
    pub kind: FileType,
    pub name: OsString,
}

/// What is to be changed of an inode.
#[derive(Debug, Clone, Default)]
pub struct SetAttributes {
    pub mode: Option<Mode>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// Bytes.
    pub size: Option<u64>,
    pub times: Option<Timestamps>,
}

impl Fs {
    pub fn lookup(&self, parent: u64, name: &OsStr) -> Answer<Attributes> {
        let folder = self.node(parent)?;
        self.enter(rustix::fs::openat(&folder.place, name, FIND, Mode::empty())?)
    }

    pub fn set_attributes(&self, inode: u64, set: &SetAttributes) -> Answer<Attributes> {
        let node = self.node(inode)?;
        if let Some(mode) = set.mode {
            rustix::fs::chmod(node.path(), mode)?;
        }
        if set.uid.is_some() || set.gid.is_some() {
            let (uid, gid) = (set.uid.map(Uid::from_raw), set.gid.map(Gid::from_raw));
            rustix::fs::chownat(&node.place, c"", uid, gid, AtFlags::EMPTY_PATH)?;
        }
        if let Some(size) = set.size {
            self.set_size(&node, size)?;
        }
        if let Some(times) = &set.times {
            rustix::fs::utimensat(rustix::fs::CWD, node.path(), times, AtFlags::empty())?;
        }
        Ok(Attributes { inode, stat: node.stat()? })
    }

    pub fn read_link(&self, inode: u64) -> Answer<CString> {
        rustix::fs::readlinkat(&self.node(inode)?.place, c"", Vec::new())
    }

    /// A socket, a pipe, or a file that is not opened.
    pub fn make_node(&self, parent: u64, name: &OsStr, mode: u32, device: u32, caller: Caller) -> Answer<Attributes> {
        let folder = self.node(parent)?;
        let (kind, mode) = (FileType::from_raw_mode(mode), Mode::from_raw_mode(mode));
        rustix::fs::mknodat(&folder.place, name, kind, mode, device.into())?;
        let attributes = self.lookup(parent, name)?;
        self.give(&self.node(attributes.inode)?.place, caller)?;
        self.attributes(attributes.inode)
    }

    pub fn make_folder(&self, parent: u64, name: &OsStr, mode: Mode, caller: Caller) -> Answer<Attributes> {
        let folder = self.node(parent)?;
        rustix::fs::mkdirat(&folder.place, name, mode)?;
        let attributes = self.lookup(parent, name)?;
        self.give(&self.node(attributes.inode)?.place, caller)?;
        self.attributes(attributes.inode)
    }

    pub fn make_link(&self, parent: u64, name: &OsStr, target: &Path, caller: Caller) -> Answer<Attributes> {
        let folder = self.node(parent)?;
        rustix::fs::symlinkat(target, &folder.place, name)?;
        let attributes = self.lookup(parent, name)?;
        self.give(&self.node(attributes.inode)?.place, caller)?;
        self.attributes(attributes.inode)
    }

    /// Another name for a file.
    pub fn link(&self, inode: u64, parent: u64, name: &OsStr) -> Answer<Attributes> {
        let (node, folder) = (self.node(inode)?, self.node(parent)?);
        rustix::fs::linkat(rustix::fs::CWD, node.path(), &folder.place, name, AtFlags::SYMLINK_FOLLOW)?;
        self.lookup(parent, name)
    }

    pub fn unlink(&self, parent: u64, name: &OsStr) -> Answer<()> {
        rustix::fs::unlinkat(&self.node(parent)?.place, name, AtFlags::empty())
    }

    pub fn remove_folder(&self, parent: u64, name: &OsStr) -> Answer<()> {
        rustix::fs::unlinkat(&self.node(parent)?.place, name, AtFlags::REMOVEDIR)
    }

    pub fn rename(&self, parent: u64, name: &OsStr, to: u64, to_name: &OsStr, flags: RenameFlags) -> Answer<()> {
        let (from, to) = (self.node(parent)?, self.node(to)?);
        rustix::fs::renameat_with(&from.place, name, &to.place, to_name, flags)
    }

    pub fn open_folder(&self, inode: u64) -> Answer<u64> {
        let node = self.node(inode)?;
        Ok(self.new_handle(Handle::Folder { node, entries: Mutex::default() }))
    }

    /// The entries from the nth on, `.` and `..` among them. The folder is read anew when asked from the first on.
    pub fn list(&self, handle: u64, from: usize) -> Answer<Vec<Entry>> {
        let handle = self.handle(handle)?;
        let Handle::Folder { node, entries } = &*handle else { return Err(Errno::NOTDIR) };
        let mut entries = lock(entries);
        if from == 0 {
            *entries = self.read_folder(node.open(OFlags::RDONLY | OFlags::DIRECTORY)?)?;
        }
        Ok(entries.get(from..).unwrap_or_default().to_vec())
    }

    pub(super) fn read_folder(&self, folder: OwnedFd) -> Answer<Vec<Entry>> {
        let entry = |entry: rustix::fs::DirEntry| Entry {
            inode: if entry.ino() == self.root { super::ROOT } else { entry.ino() },
            kind: entry.file_type(),
            name: OsStr::from_bytes(entry.file_name().to_bytes()).to_owned(),
        };
        rustix::fs::Dir::new(folder)?.map(|found| found.map(entry)).collect()
    }

    /// What we make as root belongs to who asked for it.
    pub(super) fn give(&self, place: &OwnedFd, caller: Caller) -> Answer<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let (uid, gid) = (Some(Uid::from_raw(caller.uid)), Some(Gid::from_raw(caller.gid)));
        rustix::fs::chownat(place, c"", uid, gid, AtFlags::EMPTY_PATH)
    }
}
