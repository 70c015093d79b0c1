//! The folder of a cache: parts of objects in files, and how much of them there is. See `cache.rs` for what is where.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::CacheSettings;
use crate::env::Env;

/// Bytes of a part.
pub(super) const PART: u64 = 256 << 10;
/// How exactly the last use of a part is known.
const USED_EVERY: Duration = Duration::from_secs(300);
/// Of the bytes allowed, how many stay when room is made, in eighths.
const KEPT_EIGHTHS: u64 = 7;

/// A stretch of what was asked: kept here, or of these parts which are not.
pub(super) enum Piece {
    Kept(Bytes),
    Absent(Range<u64>),
}

#[derive(Debug)]
pub(super) struct Parts {
    settings: CacheSettings,
    env: Env,
}

impl Parts {
    pub(super) fn new(settings: CacheSettings, env: &Env) -> Parts {
        Parts { settings, env: env.clone() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.settings.folder
    }

    fn path(&self, name: &str, part: u64) -> PathBuf {
        self.settings.folder.join(name).join(part.to_string())
    }

    pub(super) fn pieces(&self, name: &str, range: &Range<u64>) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for part in range.start / PART..range.end.div_ceil(PART) {
            let wanted = range.start.max(part * PART)..range.end.min((part + 1) * PART);
            match (self.read(name, part, &wanted), pieces.last_mut()) {
                (Ok(bytes), _) => pieces.push(Piece::Kept(bytes.into())),
                (Err(_), Some(Piece::Absent(parts))) => parts.end += 1,
                (Err(_), _) => pieces.push(Piece::Absent(part..part + 1)),
            }
        }
        pieces
    }

    fn read(&self, name: &str, part: u64, wanted: &Range<u64>) -> io::Result<Vec<u8>> {
        let file = File::open(self.path(name, part))?;
        let mut bytes = vec![0; (wanted.end - wanted.start) as usize];
        file.read_exact_at(&mut bytes, wanted.start - part * PART)?;
        let used = Timestamp::from_second(file.metadata()?.mtime()).unwrap_or_default();
        if self.env.now().duration_since(used).unsigned_abs() > USED_EVERY {
            let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
            let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
            let _ = rustix::fs::futimens(&file, &Timestamps { last_access: omit, last_modification: now });
        }
        Ok(bytes)
    }

    /// Puts a part whole or not at all. One that is there is left alone, but for one that is too short.
    pub(super) fn keep(&self, name: &str, part: u64, bytes: &[u8]) -> io::Result<()> {
        let (path, folder) = (self.path(name, part), &self.settings.folder);
        fs::create_dir_all(folder)?;
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(0o600))?);
        file.write_all(bytes)?;
        match fs::metadata(&path) {
            Ok(there) if there.len() >= bytes.len() as u64 => return Ok(()),
            Ok(_) => fs::remove_file(&path)?,
            Err(_) => {}
        }
        self.count(bytes.len() as u64)?;
        // Also when another was faster.
        link(&file, &path).or_else(|error| self.uncount(bytes.len() as u64).and(Err(error)))
    }

    pub(super) fn remove(&self, name: &str, range: &Range<u64>) {
        for part in range.start / PART..range.end.div_ceil(PART) {
            let path = self.path(name, part);
            let length = fs::metadata(&path).map_or(0, |there| there.len());
            if fs::remove_file(path).is_ok() {
                let _ = self.uncount(length);
            }
        }
    }

    pub(super) fn remove_all(&self, name: &str) {
        let folder = self.settings.folder.join(name);
        let mut removed = 0;
        each_part(&folder, &mut |path, _, bytes| removed += if fs::remove_file(path).is_ok() { bytes } else { 0 });
        let _ = fs::remove_dir(folder);
        let _ = self.uncount(removed);
    }

    /// Counts bytes that will be kept, after making room for them.
    fn count(&self, bytes: u64) -> io::Result<()> {
        let most = self.settings.bytes_max;
        if bytes > most {
            return Err(ErrorKind::StorageFull.into());
        }
        let ledger = Ledger::lock(&self.settings.folder)?;
        let used = ledger.read().unwrap_or(u64::MAX);
        let used = match used.checked_add(bytes) {
            Some(then) if then <= most => used,
            _ => make_room(&self.settings.folder, (most / 8 * KEPT_EIGHTHS).min(most - bytes)),
        };
        ledger.write(used + bytes)
    }

    fn uncount(&self, bytes: u64) -> io::Result<()> {
        let ledger = Ledger::lock(&self.settings.folder)?;
        match ledger.read() {
            Some(used) => ledger.write(used.saturating_sub(bytes)),
            None => Ok(()),
        }
    }
}

/// Names a file that has none. Folders without parts may be removed by others at any time, so they are made now.
fn link(file: &File, path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let made = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, made, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// The file `used`, locked.
struct Ledger(File);

impl Ledger {
    fn lock(folder: &Path) -> io::Result<Ledger> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(folder.join("used"))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        Ok(Ledger(file))
    }

    /// None when it was never counted.
    fn read(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, 0).ok().map(|()| u64::from_le_bytes(bytes))
    }

    fn write(&self, used: u64) -> io::Result<()> {
        self.0.write_all_at(&used.to_le_bytes(), 0)
    }
}

/// Removes the parts used longest ago until no more than `target` bytes are left. Gives what is left. Memory: 24 bytes a part.
fn make_room(folder: &Path, target: u64) -> u64 {
    let mut parts: Vec<(i64, u64)> = Vec::new();
    each_part(folder, &mut |_, used, bytes| parts.push((used, bytes)));
    parts.sort_unstable();
    let mut left: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    let mut over = left.saturating_sub(target);
    let last_removed = parts.iter().take_while(|(_, bytes)| {
        let goes = over > 0;
        over = over.saturating_sub(*bytes);
        goes
    });
    let Some((last_removed, _)) = last_removed.last().copied() else { return left };
    each_part(folder, &mut |path, used, bytes| {
        if used <= last_removed && left > target && fs::remove_file(path).is_ok() {
            left -= bytes;
        }
    });
    left
}

/// Tells of each part its path, when it was used (nanoseconds since 1970) and its size. A folder without any is removed.
fn each_part(folder: &Path, each: &mut dyn FnMut(&Path, i64, u64)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(found) = entry.metadata() else { continue };
        if found.is_dir() {
            each_part(&entry.path(), each);
            let _ = fs::remove_dir(entry.path());
        } else if entry.file_name().to_str().is_some_and(|name| name.parse::<u64>().is_ok()) {
            each(&entry.path(), found.mtime().saturating_mul(1_000_000_000) + found.mtime_nsec(), found.len());
        }
    }
}
