//! A tree under a mount point: begun, ended.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption, SessionACL};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::fuse::Adapter;

/// Major and minor number (admin-guide/devices.txt of the kernel).
const FUSE_DEVICE: (u32, u32) = (10, 229);
/// What mount tables call it.
const NAME: &str = "rekindle";
/// Threads that answer the kernel: each may wait for the vault.
const THREADS: usize = 8;

/// What a process that does nothing but serve a mount should be started with. Each thread's own arena and thresholds that grow keep
/// tens of megabytes that nobody uses: buffers of an extent or a map come and go.
pub const ENVIRONMENT: [(&str, &str); 1] =
    [("GLIBC_TUNABLES", "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=262144")];

/// A mounted tree. Dropped without `unmount`, it is unmounted too.
#[derive(Debug)]
pub struct Session {
    inner: Option<BackgroundSession>,
    at: PathBuf,
}

impl Session {
    /// Mounts a tree at an empty folder. As root all users may use it, as their rights are; otherwise only we.
    pub fn mount(fs: Arc<Fs>, at: &Path) -> Result<Session> {
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName(NAME.into()),
            MountOption::Subtype(NAME.into()),
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
        Ok(Session { inner: Some(inner), at: at.to_owned() })
    }

    /// A tree in use is an error, and stays mounted.
    pub fn unmount(&mut self) -> Result<()> {
        unmount(&self.at, UnmountFlags::empty())?;
        match self.inner.take().map_or(Ok(()), BackgroundSession::join) {
            // A thread that asked for work at this moment is told so, and has nothing more to do.
            Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::CONNABORTED | Errno::NODEV)) => Ok(()),
            done => done.map_err(|e| Error::file("unmount", &self.at, e)),
        }
    }
}

/// Whether this host lets us mount at all; if not, why.
pub fn is_possible() -> std::result::Result<(), String> {
    let opened = std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse");
    let found =
        opened.and_then(|device| device.metadata()).map_err(|error| format!("/dev/fuse cannot be opened: {error}"))?;
    if found.rdev() != rustix::fs::makedev(FUSE_DEVICE.0, FUSE_DEVICE.1) {
        return Err("/dev/fuse is not the kernel's FUSE device".to_owned());
    }
    let helper = || Command::new("fusermount3").arg("--version").output().is_ok();
    match rustix::process::geteuid().is_root() || helper() {
        true => Ok(()),
        false => Err("fusermount3 is not installed, and only root can mount without it".to_owned()),
    }
}

/// Whether a tree of ours is mounted there, served or dead.
pub fn is_mounted(at: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let wanted = at.to_string_lossy().replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011");
    // 36 35 98:0 /root /mount/point options … - type source options
    let is_it = |line: &str| {
        let behind: Vec<&str> = line.split(" - ").nth(1).unwrap_or_default().split(' ').collect();
        let ours = behind.first().is_some_and(|kind| kind.starts_with("fuse")) && behind.get(1) == Some(&NAME);
        ours && line.split(' ').nth(4) == Some(&*wanted)
    };
    mounts.lines().any(is_it)
}

/// Takes away what a process that died has left at a mount point; whoever still uses it gets errors already.
pub fn clear(at: &Path) -> Result<()> {
    while is_mounted(at) {
        unmount(at, UnmountFlags::DETACH)?;
    }
    Ok(())
}

fn unmount(at: &Path, flags: UnmountFlags) -> Result<()> {
    let failed = |error| Error::file("unmount", at, error);
    match rustix::mount::unmount(at, flags) {
        // Others than root need the helper that lets them mount too.
        Err(Errno::PERM) => {
            let lazy = flags.contains(UnmountFlags::DETACH).then_some("-z");
            let helper = Command::new("fusermount3").arg("-u").args(lazy).arg("--").arg(at).output().map_err(failed)?;
            let text = String::from_utf8_lossy(&helper.stderr).trim().to_owned();
            if helper.status.success() { Ok(()) } else { Err(failed(std::io::Error::other(text))) }
        }
        done => done.map_err(|e| failed(e.into())),
    }
}
