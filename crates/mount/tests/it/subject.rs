//! The same operations on a tree without a kernel and through a real mount.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use mount::fs::{Caller, Fs, ROOT, SetAttributes};
use mount::hydrate::{Hydration, hydrate};
use mount::session::Session;
use rustix::fs::{Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::place::Place;

pub(crate) type Answer<T> = Result<T, Errno>;

/// Files in one folder, opened for reading and writing.
pub(crate) trait Subject {
    type Open;

    fn begin(place: &Place, keep: bool) -> Self;
    fn end(self);
    fn open(&self, name: &str) -> Answer<Self::Open>;
    fn close(&self, open: Self::Open);
    fn size(&self, open: &Self::Open) -> u64;
    fn read(&self, open: &Self::Open, offset: u64, length: usize) -> Answer<Vec<u8>>;
    fn write(&self, open: &Self::Open, offset: u64, bytes: &[u8]) -> Answer<()>;
    fn sync(&self, open: &Self::Open) -> Answer<()>;
    fn set_size(&self, open: &Self::Open, size: u64) -> Answer<()>;
    fn create(&self, name: &str) -> Answer<()>;
    fn rename(&self, from: &str, to: &str) -> Answer<()>;
    fn link(&self, from: &str, to: &str) -> Answer<()>;
    fn unlink(&self, name: &str) -> Answer<()>;
}

/// `fs` alone; the rest comes in beside, or not.
pub(crate) struct Bare<const HYDRATE: bool>(Arc<Fs>, Arc<Hydration>, Option<JoinHandle<Answer<bool>>>);

pub(crate) struct BareOpen {
    inode: u64,
    handle: u64,
}

impl<const HYDRATE: bool> Subject for Bare<HYDRATE> {
    type Open = BareOpen;

    fn begin(place: &Place, keep: bool) -> Self {
        let (fs, hydration) = (Arc::new(place.fs(keep)), Arc::<Hydration>::default());
        let (beside, told) = (fs.clone(), hydration.clone());
        let running = HYDRATE.then(|| std::thread::spawn(move || hydrate(&beside, &told, &vault::Env::system())));
        Bare(fs, hydration, running)
    }

    fn end(self) {
        self.1.stopped.store(true, Ordering::Relaxed);
        if let Some(running) = self.2 {
            running.join().unwrap().unwrap();
        }
    }

    fn open(&self, name: &str) -> Answer<BareOpen> {
        let inode = self.0.lookup(ROOT, OsStr::new(name))?.inode;
        Ok(BareOpen { inode, handle: self.0.open(inode, OFlags::RDWR)?.handle })
    }

    fn close(&self, open: BareOpen) {
        self.0.release(open.handle);
        self.0.forget(open.inode, 1);
    }

    fn size(&self, open: &BareOpen) -> u64 {
        self.0.attributes(open.inode).unwrap().stat.st_size as u64
    }

    fn read(&self, open: &BareOpen, offset: u64, length: usize) -> Answer<Vec<u8>> {
        self.0.read(open.handle, offset, length)
    }

    fn write(&self, open: &BareOpen, offset: u64, bytes: &[u8]) -> Answer<()> {
        self.0.write(open.handle, offset, bytes)
    }

    fn sync(&self, open: &BareOpen) -> Answer<()> {
        self.0.sync(open.handle, true)
    }

    fn set_size(&self, open: &BareOpen, size: u64) -> Answer<()> {
        let set = SetAttributes { size: Some(size), ..SetAttributes::default() };
        self.0.set_attributes(open.inode, &set).map(drop)
    }

    fn create(&self, name: &str) -> Answer<()> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let me = Caller { uid: 0, gid: 0 };
        let (made, opened) = self.0.create(ROOT, OsStr::new(name), Mode::from_raw_mode(0o600), flags, me)?;
        self.close(BareOpen { inode: made.inode, handle: opened.handle });
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Answer<()> {
        self.0.rename(ROOT, OsStr::new(from), ROOT, OsStr::new(to), RenameFlags::empty())
    }

    fn link(&self, from: &str, to: &str) -> Answer<()> {
        let inode = self.0.lookup(ROOT, OsStr::new(from))?.inode;
        let linked = self.0.link(inode, ROOT, OsStr::new(to));
        self.0.forget(inode, 1 + u64::from(linked.is_ok()));
        linked.map(|linked| assert_eq!(linked.inode, inode))
    }

    fn unlink(&self, name: &str) -> Answer<()> {
        self.0.unlink(ROOT, OsStr::new(name))
    }
}

/// The kernel's mount of it.
pub(crate) struct Mounted {
    session: Session,
    at: PathBuf,
}

impl Subject for Mounted {
    type Open = File;

    fn begin(place: &Place, keep: bool) -> Mounted {
        let at = place.folder.path().join("at");
        let _ = std::fs::create_dir(&at);
        let fs = Arc::new(place.direct_fs(keep));
        Mounted { session: Session::mount(fs, &at).unwrap(), at }
    }

    fn end(mut self) {
        self.session.unmount().unwrap();
    }

    fn open(&self, name: &str) -> Answer<File> {
        File::options().read(true).write(true).open(self.at.join(name)).map_err(errno)
    }

    fn close(&self, open: File) {
        drop(open);
    }

    fn size(&self, open: &File) -> u64 {
        open.metadata().unwrap().len()
    }

    fn read(&self, open: &File, offset: u64, length: usize) -> Answer<Vec<u8>> {
        let (mut bytes, mut done) = (vec![0; length], 0);
        loop {
            match open.read_at(&mut bytes[done..], offset + done as u64).map_err(errno)? {
                0 => break,
                more => done += more,
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    fn write(&self, open: &File, offset: u64, bytes: &[u8]) -> Answer<()> {
        open.write_all_at(bytes, offset).map_err(errno)
    }

    fn sync(&self, open: &File) -> Answer<()> {
        open.sync_data().map_err(errno)
    }

    fn set_size(&self, open: &File, size: u64) -> Answer<()> {
        open.set_len(size).map_err(errno)
    }

    fn create(&self, name: &str) -> Answer<()> {
        File::create_new(self.at.join(name)).map(drop).map_err(errno)
    }

    fn rename(&self, from: &str, to: &str) -> Answer<()> {
        std::fs::rename(self.at.join(from), self.at.join(to)).map_err(errno)
    }

    fn link(&self, from: &str, to: &str) -> Answer<()> {
        std::fs::hard_link(self.at.join(from), self.at.join(to)).map_err(errno)
    }

    fn unlink(&self, name: &str) -> Answer<()> {
        std::fs::remove_file(self.at.join(name)).map_err(errno)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn errno(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
