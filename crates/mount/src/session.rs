//! A tree under a mount point: begun, ended.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption, SessionACL};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::fuse::Adapter;

/// Threads that answer the kernel: each may wait for the vault.
const THREADS: usize = 8;

/// What a process that does nothing but serve a mount should be started with. Each thread's own arena and thresholds that grow keep
/// tens of megabytes that nobody uses: buffers of an extent or a map come and go.
pub const ENVIRONMENT: [(&str, &str); 1] =
    [("GLIBC_TUNABLES", "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=262144")];

/// A mounted tree. Dropped without `unmount`, it is unmounted too.
#[derive(Debug)]
pub struct Session {
    inner: BackgroundSession,
    at: PathBuf,
}

impl Session {
    /// Mounts a tree at an empty folder. As root all users may use it, as their rights are; otherwise only we.
    pub fn mount(fs: Arc<Fs>, at: &Path) -> Result<Session> {
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("rekindle".into()),
            MountOption::Subtype("rekindle".into()),
            MountOption::DefaultPermissions,
            MountOption::NoDev,
            MountOption::NoSuid,
            MountOption::NoAtime,
        ];
        config.acl = if rustix::process::geteuid().is_root() { SessionACL::All } else { SessionACL::Owner };
        config.n_threads = Some(THREADS);
        config.clone_fd = true;
        let direct = fs.way().direct;
        let session = fuser::Session::new(Adapter::new(fs, direct), at, &config).and_then(fuser::Session::spawn);
        let inner = session.map_err(|e| Error::file("mount at", at, e))?;
        Ok(Session { inner, at: at.to_owned() })
    }

    /// A tree in use is an error.
    pub fn unmount(self) -> Result<()> {
        match self.inner.umount_and_join() {
            // A thread that asked for work at this moment is told so, and has nothing more to do.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::CONNABORTED) => Ok(()),
            done => done.map_err(|e| Error::file("unmount", &self.at, e)),
        }
    }
}
