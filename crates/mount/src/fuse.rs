//! Unpacks what the kernel asks, calls `fs`, replies. Decides nothing.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use fuser::{
    BackingId, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, KernelConfig,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::{Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;

use crate::fs::{Answer, Attributes, Caller, Fs, Opened, SetAttributes};

/// All changes come through the kernel, so what it knows stays true.
const TTL: Duration = Duration::from_secs(3600);
/// Bytes the kernel may read ahead.
const READAHEAD: u32 = 1 << 20;
/// Bytes of one write: each thread keeps a buffer for them.
const WRITE: u32 = 256 << 10;
/// Requests of the kernel's own (read ahead, above all) on their way.
const BACKGROUND: u16 = 64;

#[derive(Debug)]
pub(crate) struct Adapter {
    fs: Arc<Fs>,
    direct: bool,
    backings: Mutex<Backings>,
}

/// Files that the kernel goes to itself. It wants one number for all who have a file open.
#[derive(Debug, Default)]
struct Backings {
    by_inode: HashMap<u64, Weak<BackingId>>,
    by_handle: HashMap<u64, Arc<BackingId>>,
}

impl Adapter {
    pub(crate) fn new(fs: Arc<Fs>, direct: bool) -> Adapter {
        Adapter { fs, direct, backings: Mutex::default() }
    }

    fn backings(&self) -> MutexGuard<'_, Backings> {
        self.backings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number for a file that may be direct; none when the kernel does not want it, and then it is not direct any more.
    fn backing(
        &self,
        inode: u64,
        opened: Opened,
        register: impl FnOnce(&std::fs::File) -> std::io::Result<BackingId>,
    ) -> Answer<Option<Arc<BackingId>>> {
        if !opened.direct {
            return Ok(None);
        }
        let mut backings = self.backings();
        let backing = match backings.by_inode.get(&inode).and_then(Weak::upgrade) {
            Some(backing) => backing,
            None => match self.fs.with_file(opened.handle, register)? {
                Ok(backing) => Arc::new(backing),
                Err(error) if self.fs.not_direct(opened.handle) => {
                    tracing::debug!(%error, inode, "the kernel does not go to the skeleton's file itself");
                    return Ok(None);
                }
                Err(_) => return Err(Errno::IO),
            },
        };
        backings.by_inode.insert(inode, Arc::downgrade(&backing));
        backings.by_handle.insert(opened.handle, backing.clone());
        Ok(Some(backing))
    }
}

impl Filesystem for Adapter {
    fn init(&mut self, _req: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        let _ = config.set_max_readahead(READAHEAD);
        let _ = config.set_max_background(BACKGROUND);
        let _ = config.set_max_write(WRITE);
        let _ = config.add_capabilities(InitFlags::FUSE_PARALLEL_DIROPS);
        if self.direct {
            let offered = config.add_capabilities(InitFlags::FUSE_PASSTHROUGH);
            offered.map_err(|_| std::io::Error::from(std::io::ErrorKind::Unsupported))?;
            let _ = config.set_max_stack_depth(1);
        }
        Ok(())
    }

    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(self.fs.lookup(parent.0, name), reply);
    }

    fn forget(&self, _req: &Request, inode: INodeNo, times: u64) {
        self.fs.forget(inode.0, times);
    }

    fn getattr(&self, _req: &Request, inode: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        attributes(self.fs.attributes(inode.0), reply);
    }

    fn setattr(
        &self,
        _req: &Request,
        inode: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _changed: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _created: Option<SystemTime>,
        _changed_flags: Option<SystemTime>,
        _backed_up: Option<SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let times = (accessed.is_some() || modified.is_some())
            .then(|| Timestamps { last_access: time(accessed), last_modification: time(modified) });
        let set = SetAttributes { mode: mode.map(Mode::from_raw_mode), uid, gid, size, times };
        attributes(self.fs.set_attributes(inode.0, &set), reply);
    }

    fn readlink(&self, _req: &Request, inode: INodeNo, reply: ReplyData) {
        match self.fs.read_link(inode.0) {
            Ok(target) => reply.data(target.as_bytes()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn mknod(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        device: u32,
        reply: ReplyEntry,
    ) {
        entry(self.fs.make_node(parent.0, name, mode, device, caller(req)), reply);
    }

    fn mkdir(&self, req: &Request, parent: INodeNo, name: &OsStr, mode: u32, _umask: u32, reply: ReplyEntry) {
        entry(self.fs.make_folder(parent.0, name, Mode::from_raw_mode(mode), caller(req)), reply);
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.fs.unlink(parent.0, name), reply);
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.fs.remove_folder(parent.0, name), reply);
    }

    fn symlink(&self, req: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        entry(self.fs.make_link(parent.0, name, target, caller(req)), reply);
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        to: INodeNo,
        to_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let flags = rustix::fs::RenameFlags::from_bits_retain(flags.bits());
        done(self.fs.rename(parent.0, name, to.0, to_name, flags), reply);
    }

    fn link(&self, _req: &Request, inode: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(self.fs.link(inode.0, parent.0, name), reply);
    }

    fn open(&self, _req: &Request, inode: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let opened = self.fs.open(inode.0, OFlags::from_bits_retain(flags.0.cast_unsigned()));
        let opened = opened.and_then(|opened| {
            let backing = self.backing(inode.0, opened, |file| reply.open_backing(file));
            backing.inspect_err(|_| self.fs.release(opened.handle)).map(|backing| (opened.handle, backing))
        });
        match opened {
            Ok((handle, Some(backing))) => {
                reply.opened_passthrough(FileHandle(handle), FopenFlags::empty(), &backing);
            }
            Ok((handle, None)) => reply.opened(FileHandle(handle), FopenFlags::FOPEN_KEEP_CACHE),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn create(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let flags = OFlags::from_bits_retain(flags.cast_unsigned());
        let created = self.fs.create(parent.0, name, Mode::from_raw_mode(mode), flags, caller(req));
        let created = created.and_then(|(made, opened)| {
            let backing = self.backing(made.inode, opened, |file| reply.open_backing(file));
            backing.inspect_err(|_| self.fs.release(opened.handle)).map(|backing| (made, opened.handle, backing))
        });
        match created {
            Ok((made, handle, Some(backing))) => reply.created_passthrough(
                &TTL,
                &attr(&made),
                Generation(0),
                FileHandle(handle),
                FopenFlags::empty(),
                &backing,
            ),
            Ok((made, handle, None)) => {
                let flags = FopenFlags::FOPEN_KEEP_CACHE;
                reply.created(&TTL, &attr(&made), Generation(0), FileHandle(handle), flags);
            }
            Err(error) => reply.error(errno(error)),
        }
    }

    fn read(
        &self,
        _req: &Request,
        _inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.fs.read(handle.0, offset, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn write(
        &self,
        _req: &Request,
        _inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.fs.write(handle.0, offset, data) {
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn flush(&self, _req: &Request, _inode: INodeNo, _handle: FileHandle, _owner: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _req: &Request,
        _inode: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.fs.release(handle.0);
        let mut backings = self.backings();
        backings.by_handle.remove(&handle.0);
        if backings.by_inode.len() > 2 * backings.by_handle.len() + 16 {
            backings.by_inode.retain(|_, backing| backing.strong_count() > 0);
        }
        reply.ok();
    }

    fn fsync(&self, _req: &Request, _inode: INodeNo, handle: FileHandle, data_only: bool, reply: ReplyEmpty) {
        done(self.fs.sync(handle.0, data_only), reply);
    }

    fn opendir(&self, _req: &Request, inode: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.fs.open_folder(inode.0) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn readdir(&self, _req: &Request, _inode: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let entries = match self.fs.list(handle.0, offset as usize) {
            Ok(entries) => entries,
            Err(error) => return reply.error(errno(error)),
        };
        for (next, entry) in (offset + 1..).zip(entries) {
            if reply.add(INodeNo(entry.inode), next, kind(entry.kind), &entry.name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _req: &Request, _inode: INodeNo, handle: FileHandle, _flags: OpenFlags, reply: ReplyEmpty) {
        self.fs.release(handle.0);
        reply.ok();
    }

    fn fsyncdir(&self, _req: &Request, _inode: INodeNo, handle: FileHandle, data_only: bool, reply: ReplyEmpty) {
        done(self.fs.sync(handle.0, data_only), reply);
    }

    fn statfs(&self, _req: &Request, _inode: INodeNo, reply: ReplyStatfs) {
        match self.fs.space() {
            Ok(s) => reply.statfs(
                s.f_blocks,
                s.f_bfree,
                s.f_bavail,
                s.f_files,
                s.f_ffree,
                s.f_bsize as u32,
                s.f_namemax as u32,
                s.f_frsize as u32,
            ),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn fallocate(
        &self,
        _req: &Request,
        _inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        done(self.fs.allocate(handle.0, offset, length, mode), reply);
    }

    /// The number of a file is ours; others there are none. This error tells the kernel not to ask again, as it would before every
    /// write; whoever asked gets EOPNOTSUPP of it.
    fn getxattr(&self, _req: &Request, _inode: INodeNo, _name: &OsStr, _size: u32, reply: ReplyXattr) {
        reply.error(fuser::Errno::ENOSYS);
    }

    fn listxattr(&self, _req: &Request, _inode: INodeNo, _size: u32, reply: ReplyXattr) {
        reply.error(fuser::Errno::EOPNOTSUPP);
    }

    fn setxattr(
        &self,
        _req: &Request,
        _inode: INodeNo,
        _name: &OsStr,
        _value: &[u8],
        _flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        reply.error(fuser::Errno::EOPNOTSUPP);
    }
}

fn caller(req: &Request) -> Caller {
    Caller { uid: req.uid(), gid: req.gid() }
}

fn entry(found: Answer<Attributes>, reply: ReplyEntry) {
    match found {
        Ok(found) => reply.entry(&TTL, &attr(&found), Generation(0)),
        Err(error) => reply.error(errno(error)),
    }
}

fn attributes(found: Answer<Attributes>, reply: ReplyAttr) {
    match found {
        Ok(found) => reply.attr(&TTL, &attr(&found)),
        Err(error) => reply.error(errno(error)),
    }
}

fn done(answer: Answer<()>, reply: ReplyEmpty) {
    match answer {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(error)),
    }
}

fn errno(error: Errno) -> fuser::Errno {
    fuser::Errno::from_i32(error.raw_os_error())
}

fn attr(found: &Attributes) -> FileAttr {
    let Stat { st_mode, .. } = found.stat;
    let at = |seconds: i64, nanoseconds: u64| {
        let since = Duration::new(seconds.unsigned_abs(), nanoseconds as u32);
        let epoch = SystemTime::UNIX_EPOCH;
        if seconds < 0 { epoch - since } else { epoch + since }
    };
    FileAttr {
        ino: INodeNo(found.inode),
        size: found.stat.st_size as u64,
        blocks: found.stat.st_blocks as u64,
        atime: at(found.stat.st_atime, found.stat.st_atime_nsec),
        mtime: at(found.stat.st_mtime, found.stat.st_mtime_nsec),
        ctime: at(found.stat.st_ctime, found.stat.st_ctime_nsec),
        crtime: SystemTime::UNIX_EPOCH,
        kind: kind(rustix::fs::FileType::from_raw_mode(st_mode)),
        perm: (st_mode & 0o7777) as u16,
        nlink: found.stat.st_nlink as u32,
        uid: found.stat.st_uid,
        gid: found.stat.st_gid,
        rdev: found.stat.st_rdev as u32,
        blksize: found.stat.st_blksize as u32,
        flags: 0,
    }
}

fn kind(kind: rustix::fs::FileType) -> FileType {
    use rustix::fs::FileType as Local;
    match kind {
        Local::Directory => FileType::Directory,
        Local::Symlink => FileType::Symlink,
        Local::Fifo => FileType::NamedPipe,
        Local::Socket => FileType::Socket,
        Local::CharacterDevice => FileType::CharDevice,
        Local::BlockDevice => FileType::BlockDevice,
        Local::RegularFile | Local::Unknown => FileType::RegularFile,
    }
}

fn time(time: Option<TimeOrNow>) -> Timespec {
    match time {
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        Some(TimeOrNow::Now) => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        Some(TimeOrNow::SpecificTime(time)) => {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Timespec { tv_sec: since.as_secs() as i64, tv_nsec: i64::from(since.subsec_nanos()) }
        }
    }
}
