//! Locks, atomics and threads of this crate: the system's, or with the feature `shuttle` those of a scheduler that tries many orders
//! (`tests/it/explored.rs`). What the kernel's side alone uses (`fuse`, `session`, `process`) is not tried, and takes the system's.

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic, mpsc},
    thread,
};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic, mpsc},
    thread,
};

pub(crate) use turns::{fsync, syncfs, turn};

#[cfg(not(feature = "shuttle"))]
mod turns {
    pub(crate) use rustix::fs::{fsync, syncfs};

    pub(crate) const fn turn() {}
}

#[cfg(feature = "shuttle")]
mod turns {
    use std::fs;
    use std::os::fd::{AsFd, AsRawFd};
    use std::path::PathBuf;

    use super::atomic::{AtomicBool, Ordering};

    /// Another thread may come between what was done and what is done next: called before the kernel is asked for anything, which the
    /// scheduler does not see by itself.
    pub(crate) fn turn() {
        AtomicBool::new(false).load(Ordering::SeqCst);
    }

    /// Nothing here survives a power cut; what would have is in a file beside, `.NAME`.
    pub(crate) fn fsync(file: impl AsFd) -> rustix::io::Result<()> {
        turn();
        keep(&path(&file));
        Ok(())
    }

    pub(crate) fn syncfs(folder: impl AsFd) -> rustix::io::Result<()> {
        turn();
        fs::read_dir(path(&folder)).unwrap().for_each(|file| keep(&file.unwrap().path()));
        Ok(())
    }

    fn path(file: &impl AsFd) -> PathBuf {
        fs::read_link(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())).unwrap()
    }

    fn keep(path: &std::path::Path) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_file() && !name.starts_with('.') {
            fs::write(path.with_file_name(format!(".{name}")), fs::read(path).unwrap()).unwrap();
        }
    }
}
