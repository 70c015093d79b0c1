//! Opens what is in a folder that others may write into, without being led out of it: no component of a path may be a symbolic link,
//! `.` or `..`. One component after the other is opened below the one before, so that a name that is exchanged meanwhile makes the
//! open fail and never leads elsewhere. (`openat2` says the same in one call, and is not there before Linux 5.6.)

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags};

/// A FIFO that stands where a file was must not hold us up, and a terminal must not become ours.
const ALWAYS: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
pub const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// The folder itself, named by somebody who may name it: links in its own path are followed.
pub fn root(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, FOLDER | OFlags::CLOEXEC, Mode::empty())?)
}

/// One name in an open folder.
pub fn open_in(folder: impl AsFd, name: &OsStr, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(folder, name, flags | ALWAYS, mode)?)
}

/// A relative path below an open folder.
pub fn open(root: impl AsFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let name = path.file_name().filter(|_| is_plain(path));
    let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a path below a folder"))?;
    let mut folder: Option<OwnedFd> = None;
    for part in path.parent().into_iter().flat_map(Path::components) {
        folder = Some(match &folder {
            Some(folder) => open_in(folder, part.as_os_str(), FOLDER, Mode::empty())?,
            None => open_in(&root, part.as_os_str(), FOLDER, Mode::empty())?,
        });
    }
    match &folder {
        Some(folder) => open_in(folder, name, flags, mode),
        None => open_in(&root, name, flags, mode),
    }
}

/// A small regular file below a folder, whole.
pub fn read(root: &Path, path: &str) -> io::Result<Vec<u8>> {
    let file = open(self::root(root)?, Path::new(path), OFlags::RDONLY, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    File::from(file).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether an open failed because a link, or something else that is no folder, stands in its way.
pub fn is_led_away(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR))
}

fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests;
