//! Writes a backup's tree of files into folders: in parallel, each page once, pages of zeroes as holes, durable at the end.
//!
//! The story: walk the lists; make folders, links and empty sparse files; hand slices of their segments to the workers; fill
//! them; sync. The tail (what must be placed last) is left to the caller, see `read_file`: until it is there, what was written
//! is not usable, and that is meant.
//!
//! With `delta`, what is there is read and hashed first, only pages that differ are written, and files that the backup does not
//! have are removed. The caller makes sure that the folder is his to change.
//!
//! Memory: per worker one slice, its share of a page map, and what `ExtentReader` holds.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use rustix::fs::OFlags;
use tokio::runtime::Handle;

use super::read::BackupReader;
use super::tree::Progress;
use crate::error::{Error, Result};
use crate::format::files::{Content, FileEntry, SegmentRef};

mod slice;

use slice::{Filler, Slice};

const SLICE_BYTES: u64 = 16 << 20;
const JOB_SLICES: usize = 128;
/// Slices of at least this size are pushed to the disk as soon as they are written.
const FLUSH_EARLY: u64 = 4 << 20;

/// Where an entry goes: absolute; `None` leaves it out.
pub type Place<'a> = &'a (dyn Fn(&FileEntry) -> Option<PathBuf> + Sync);

#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    pub workers: usize,
    pub delta: bool,
    /// Numeric user and group that everything is given to; needs root.
    pub owner: Option<(u32, u32)>,
}

/// What was done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RestoreTotals {
    pub files: u64,
    pub bytes: u64,
    pub pages_written: u64,
    pub files_removed: u64,
}

/// Writes everything but the tail, and makes it durable. Blocks; call it from a blocking thread.
///
/// `roots` are the folders that hold everything `place` answers; with `delta`, what else is in them is removed, unless `keep`
/// says that it is the caller's.
#[allow(clippy::too_many_arguments, reason = "each is a thing of its own")]
pub fn restore_tree(
    reader: &Arc<BackupReader>,
    place: Place<'_>,
    roots: &[PathBuf],
    keep: &dyn Fn(&Path) -> bool,
    options: &RestoreOptions,
    runtime: &Handle,
    progress: &Arc<Progress>,
) -> Result<RestoreTotals> {
    progress.bytes_total.store(reader.head().totals.bytes, Ordering::Relaxed);
    let pages_written = AtomicU64::new(0);
    let (sender, receiver) = mpsc::sync_channel::<Vec<Slice>>(2);
    let jobs = Mutex::new(receiver);
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let (flush, flushes) = mpsc::channel::<(PathBuf, File)>();
    let walked = std::thread::scope(|scope| {
        let flusher = scope.spawn(move || flush_files(&flushes));
        for _ in 0..options.workers.max(1) {
            let (jobs, failure, flush, pages_written) = (&jobs, &failure, flush.clone(), &pages_written);
            scope.spawn(move || {
                let filler = Filler::new(reader, runtime.clone(), options.delta, progress.clone());
                match fill(filler, jobs, &flush) {
                    Ok(pages) => drop(pages_written.fetch_add(pages, Ordering::Relaxed)),
                    Err(error) => {
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        // Lets the walk see a closed channel instead of waiting for ever.
                        progress.cancel();
                        for _ in jobs.lock().unwrap_or_else(PoisonError::into_inner).iter() {}
                    }
                }
            });
        }
        drop(flush);
        let mut walk = Walk::new(reader, place, options, runtime, sender, progress);
        let walked = walk.run();
        drop(walk.jobs);
        let kept = walk.kept;
        let flushed = flusher.join().unwrap_or_else(|_| Err(Error::Internal("the flusher died".into())));
        walked.and_then(|totals| flushed.map(|()| (totals, kept)))
    });
    if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    let (mut totals, kept) = walked?;
    totals.pages_written = pages_written.into_inner();
    if options.delta {
        totals.files_removed = remove_extra(roots, &kept, keep)?;
    }
    roots.iter().try_for_each(|root| sync_file_system(root))?;
    Ok(totals)
}

/// The whole content of a small file, for instance one of the tail. Blocks.
pub fn read_file(reader: &BackupReader, entry: &FileEntry, runtime: &Handle) -> Result<Vec<u8>> {
    let Content::File { size, page_size, segments } = &entry.content else {
        return Err(Error::Internal(format!("{} is not a file", entry.path)));
    };
    let mut bytes = Vec::with_capacity(*size as usize);
    for stored in segments {
        let segment = runtime.block_on(reader.segment(stored))?;
        for place in &segment.map.places {
            let start = bytes.len();
            bytes.resize(start + *page_size as usize, 0);
            if let Some((extent, slot)) = place.get() {
                let raw = runtime.block_on(reader.extent(&segment.map.extents[extent]))?;
                let page = slice::page_of(&raw, slot, *page_size as usize, Path::new(&entry.path))?;
                bytes[start..].copy_from_slice(page);
            }
        }
    }
    if (bytes.len() as u64) < *size {
        return Err(Error::malformed(&entry.path, "its page maps are shorter than the file"));
    }
    bytes.truncate(*size as usize);
    Ok(bytes)
}

fn fill(
    mut filler: Filler<'_>,
    jobs: &Mutex<mpsc::Receiver<Vec<Slice>>>,
    flush: &mpsc::Sender<(PathBuf, File)>,
) -> Result<u64> {
    let mut pages = 0;
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(slices) = job else { return Ok(pages) };
        for slice in slices {
            let (file, written) = filler.fill(&slice)?;
            pages += written;
            if written > 0 && slice.length >= FLUSH_EARLY {
                let _ = flush.send((slice.path, file));
            }
        }
    }
}

/// Pushes written slices to the disk while others are still being opened.
fn flush_files(files: &mpsc::Receiver<(PathBuf, File)>) -> Result<()> {
    let mut outcome = Ok(());
    for (path, file) in files {
        if let Err(source) = file.sync_data() {
            outcome = Err(file_error("sync", &path, source));
        }
    }
    outcome
}

/// Everything below `path`'s file system that was written reaches the disk; file contents, sizes and names.
fn sync_file_system(path: &Path) -> Result<()> {
    let folder = File::open(path).map_err(|e| file_error("open", path, e))?;
    rustix::fs::syncfs(&folder).map_err(|e| file_error("sync", path, e.into()))
}

pub(crate) fn file_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { action, path: path.display().to_string(), source }
}

/// Goes through the lists once, makes the skeleton, and hands out the slices.
struct Walk<'a> {
    reader: &'a BackupReader,
    place: Place<'a>,
    options: &'a RestoreOptions,
    runtime: &'a Handle,
    jobs: mpsc::SyncSender<Vec<Slice>>,
    progress: &'a Progress,
    open: Vec<Slice>,
    open_bytes: u64,
    totals: RestoreTotals,
    /// With `delta`: hashes of all paths that belong.
    kept: HashSet<[u8; 16]>,
}

impl<'a> Walk<'a> {
    fn new(
        reader: &'a BackupReader,
        place: Place<'a>,
        options: &'a RestoreOptions,
        runtime: &'a Handle,
        jobs: mpsc::SyncSender<Vec<Slice>>,
        progress: &'a Progress,
    ) -> Walk<'a> {
        let (totals, kept) = (RestoreTotals::default(), HashSet::new());
        Walk { reader, place, options, runtime, jobs, progress, open: Vec::new(), open_bytes: 0, totals, kept }
    }

    fn run(&mut self) -> Result<RestoreTotals> {
        for number in 0..self.reader.list_count() {
            for entry in self.runtime.block_on(self.reader.list(number))? {
                self.progress.check()?;
                self.entry(&entry)?;
            }
        }
        self.send()?;
        Ok(self.totals)
    }

    fn entry(&mut self, entry: &FileEntry) -> Result<()> {
        let Some(path) = (self.place)(entry) else { return Ok(()) };
        if self.options.delta {
            self.kept.insert(path_hash(&path));
        }
        match &entry.content {
            Content::Folder => make_folder(&path, entry.mode)?,
            Content::Link { target } => make_link(&path, target)?,
            Content::File { size, page_size, segments } => {
                let file = make_file(&path, *size, entry.mode)?;
                self.totals.files += 1;
                self.totals.bytes += size;
                self.slices(&path, &file, *size, *page_size, segments)?;
            }
        }
        if let Some((uid, gid)) = self.options.owner {
            std::os::unix::fs::lchown(&path, Some(uid), Some(gid))
                .map_err(|e| file_error("change the owner of", &path, e))?;
        }
        Ok(())
    }

    fn slices(&mut self, path: &Path, file: &File, size: u64, page_size: u32, segments: &[SegmentRef]) -> Result<()> {
        let segment_length = self.reader.head().segment_length;
        if segments.len() as u64 != size.div_ceil(segment_length.max(1)) {
            return Err(Error::malformed(path.display().to_string(), "it does not have a page map for each segment"));
        }
        for (number, stored) in segments.iter().enumerate() {
            let start = number as u64 * segment_length;
            let end = size.min(start + segment_length);
            let segment = Arc::new(self.runtime.block_on(self.reader.segment(stored))?);
            let pages = (end - start).div_ceil(u64::from(page_size));
            if segment.map.page_count() as u64 != pages || segment.map.page_size != page_size {
                return Err(Error::malformed(path.display().to_string(), "its page map has another number of pages"));
            }
            let mut offset = start;
            while offset < end {
                let length = (end - offset).min(SLICE_BYTES.next_multiple_of(u64::from(page_size)));
                let first_page = ((offset - start) / u64::from(page_size)) as usize;
                if self.options.delta {
                    // It is read soon, and the disk may begin now.
                    let wanted = std::num::NonZeroU64::new(length);
                    let _ = rustix::fs::fadvise(file, offset, wanted, rustix::fs::Advice::WillNeed);
                }
                self.open.push(Slice { path: path.to_owned(), offset, length, segment: segment.clone(), first_page });
                self.open_bytes += length;
                offset += length;
                if self.open_bytes >= SLICE_BYTES || self.open.len() >= JOB_SLICES {
                    self.send()?;
                }
            }
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        self.open_bytes = 0;
        let job = std::mem::take(&mut self.open);
        self.jobs.send(job).map_err(|_| Error::Internal("the workers are gone".into()))
    }
}

fn path_hash(path: &Path) -> [u8; 16] {
    use std::os::unix::ffi::OsStrExt;
    let hash = blake3::hash(path.as_os_str().as_bytes());
    hash.as_bytes()[..16].try_into().expect("sixteen bytes")
}

/// With `delta` others may have been in the folder: a link that stands in our way is not written through.
fn make_folder(path: &Path, mode: u32) -> Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other.map_err(|e| file_error("make", path, e))?,
    }
    let folder = OpenOptions::new().read(true).custom_flags(FOLDER_ITSELF).open(path);
    let folder = folder.map_err(|e| file_error("make", path, e))?;
    folder.set_permissions(fs::Permissions::from_mode(mode)).map_err(|e| file_error("set the mode of", path, e))
}

const FOLDER_ITSELF: i32 = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).bits() as i32;
/// A link in the place of a file.
const FILE_ITSELF: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits() as i32;

fn make_link(path: &Path, target: &str) -> Result<()> {
    match fs::read_link(path) {
        Ok(there) if there == Path::new(target) => return Ok(()),
        Ok(_) => fs::remove_file(path).map_err(|e| file_error("replace", path, e))?,
        Err(_) => {}
    }
    symlink(target, path).map_err(|e| file_error("link", path, e))
}

/// An empty sparse file of the right size, or the one that is there cut or grown to it.
fn make_file(path: &Path, size: u64, mode: u32) -> Result<File> {
    let mut file = OpenOptions::new();
    file.read(true).write(true).create(true).truncate(false).mode(mode);
    let file = file.custom_flags(FILE_ITSELF).open(path);
    let file = file.map_err(|e| file_error("make", path, e))?;
    file.set_len(size).map_err(|e| file_error("size", path, e))?;
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(|e| file_error("set the mode of", path, e))?;
    Ok(file)
}

/// Removes what is below the roots and was not placed there. Returns how many files went.
fn remove_extra(roots: &[PathBuf], kept: &HashSet<[u8; 16]>, keep: &dyn Fn(&Path) -> bool) -> Result<u64> {
    let mut removed = 0;
    for root in roots {
        removed += remove_extra_in(root, kept, keep)?;
    }
    Ok(removed)
}

fn remove_extra_in(folder: &Path, kept: &HashSet<[u8; 16]>, keep: &dyn Fn(&Path) -> bool) -> Result<u64> {
    let mut removed = 0;
    let listing = fs::read_dir(folder).map_err(|e| file_error("list", folder, e))?;
    for entry in listing {
        let entry = entry.map_err(|e| file_error("list", folder, e))?;
        let path = entry.path();
        let is_folder = entry.file_type().map_err(|e| file_error("look at", &path, e))?.is_dir();
        let belongs = kept.contains(&path_hash(&path)) || keep(&path);
        if is_folder {
            removed += remove_extra_in(&path, kept, keep)?;
            if !belongs {
                fs::remove_dir(&path).map_err(|e| file_error("remove", &path, e))?;
            }
        } else if !belongs {
            fs::remove_file(&path).map_err(|e| file_error("remove", &path, e))?;
            removed += 1;
        }
    }
    Ok(removed)
}
