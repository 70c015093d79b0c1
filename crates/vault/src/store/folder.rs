//! A vault in a folder. It keeps the store's promise with plain file system calls and must not know what the objects mean.
//!
//! Order of writes of `put_new`:
//!
//! ```text
//! directories of the name, made and synced up to the top   (remembered: once per directory and process)
//! .incoming/<pid>-<n>   written, fsync
//! link(.incoming/<pid>-<n>, name)      atomic: exactly one racer wins, the others get EEXIST
//! unlink(.incoming/<pid>-<n>)          need not be durable: a left-over does no harm
//! fsync(directory of name)             only now Ok
//! ```
//!
//! A crash leaves at most a file in `.incoming`, which is never listed and is removed after a day.
//!
//! Why not `object_store::local`: with fsync on, it syncs new directories only in the writer that made them, so a racing or
//! restarted writer can report an object durable whose directory is not; it never syncs a delete; its listing has no order.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::{ObjectInfo, Store, check_name, ends_before, range_len};
use crate::error::{Error, Result};

mod walk;

const INCOMING: &str = ".incoming";
/// How old a left-over in `.incoming` must be before it counts as nobody's.
const LEFTOVER_AGE_MIN: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Clone)]
pub struct FolderStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    location: String,
    top: PathBuf,
    /// Directories known to be durable, with all above them.
    durable: Mutex<HashSet<PathBuf>>,
    next_incoming: AtomicU64,
}

impl FolderStore {
    /// Opens the folder. The top directory is made by the first `put_new`, not before.
    pub fn open(top: &Path) -> Result<FolderStore> {
        if !top.is_absolute() {
            return Err(Error::Invalid(format!("{} is not an absolute path", top.display())));
        }
        let location = format!("file:{}", top.display());
        let inner = Inner { location, top: top.into(), durable: Mutex::default(), next_incoming: AtomicU64::new(0) };
        Ok(FolderStore { inner: Arc::new(inner) })
    }

    /// Runs file system work where it may block.
    async fn run<T: Send + 'static>(
        &self,
        action: &'static str,
        name: &str,
        work: impl FnOnce(&Inner, &str) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        check_name(name)?;
        let (inner, owned) = (Arc::clone(&self.inner), name.to_owned());
        let done = tokio::task::spawn_blocking(move || work(&inner, &owned)).await;
        let done = done.map_err(|error| Error::Internal(format!("{action} {name}: {error}")))?;
        done.map_err(|error| store_error(action, name, error))
    }
}

#[async_trait]
impl Store for FolderStore {
    fn location(&self) -> &str {
        &self.inner.location
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<()> {
        match self.run("putting", name, move |inner, name| inner.put_new(name, &bytes)).await? {
            Put::Done => Ok(()),
            Put::Taken => Err(Error::Exists(name.into())),
        }
    }

    async fn get(&self, name: &str) -> Result<Bytes> {
        self.run("reading", name, |inner, name| fs::read(inner.file_of(name)?).map(Bytes::from)).await
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        let len = range_len(name, &range)?;
        let wanted = range.clone();
        let read = self.run("reading", name, move |inner, name| inner.read_range(name, &wanted, len)).await?;
        read.map_err(|size| ends_before(name, size, &range))
    }

    async fn size(&self, name: &str) -> Result<u64> {
        self.run("measuring", name, |inner, name| Ok(fs::metadata(inner.file_of(name)?)?.len())).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        self.list_after(prefix, "")
    }

    fn list_after(&self, prefix: &str, after: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        walk::walk(self.inner.top.clone(), prefix.to_owned(), after.to_owned()).boxed()
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.run("deleting", name, Inner::delete).await
    }
}

enum Put {
    Done,
    /// The name holds other bytes.
    Taken,
}

impl Inner {
    fn file_of(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.top.join(name);
        // A directory is not an object, whatever the system would say about reading it.
        match path.is_dir() {
            true => Err(ErrorKind::NotFound.into()),
            false => Ok(path),
        }
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<Put> {
        let path = self.top.join(name);
        let directory = path.parent().unwrap_or(&self.top);
        self.make_durable(directory)?;
        let (incoming, mut file) = self.new_incoming()?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| fs::hard_link(&incoming, &path));
        let cleaned = fs::remove_file(&incoming);
        match linked {
            Ok(()) => {
                sync_directory(directory)?;
                cleaned.map(|()| Put::Done)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.compare(&path, directory, bytes),
            Err(error) => Err(error),
        }
    }

    /// Whether what is there is ours. Its writer may have died before it synced the directory, so we do.
    fn compare(&self, path: &Path, directory: &Path, bytes: &[u8]) -> io::Result<Put> {
        if path.is_dir() || fs::metadata(path)?.len() != bytes.len() as u64 || fs::read(path)? != bytes {
            return Ok(Put::Taken);
        }
        File::open(path)?.sync_all()?;
        sync_directory(directory)?;
        Ok(Put::Done)
    }

    /// Makes a directory and syncs every one up to the top, also those that were there: whoever made them may have died first.
    fn make_durable(&self, directory: &Path) -> io::Result<()> {
        if self.lock_durable().contains(directory) {
            return Ok(());
        }
        if directory == self.top {
            make_directories(directory)?;
        } else {
            self.make_durable(directory.parent().unwrap_or(&self.top))?;
            ignore_exists(DirBuilder::new().mode(0o700).create(directory))?;
        }
        sync_directory(directory)?;
        if let Some(parent) = directory.parent() {
            sync_directory(parent)?;
        }
        self.lock_durable().insert(directory.to_owned());
        Ok(())
    }

    fn new_incoming(&self) -> io::Result<(PathBuf, File)> {
        let directory = self.top.join(INCOMING);
        let first = !self.lock_durable().contains(&directory);
        self.make_durable(&directory)?;
        loop {
            let number = self.next_incoming.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{}-{number}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => {
                    if first {
                        remove_leftovers(&directory, &file)?;
                    }
                    return Ok((path, file));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// `Err(size)` when the object ends before the range does.
    fn read_range(&self, name: &str, range: &Range<u64>, len: u64) -> io::Result<Result<Bytes, u64>> {
        let file = File::open(self.file_of(name)?)?;
        let size = file.metadata()?.len();
        if size < range.end {
            return Ok(Err(size));
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(Ok(bytes.into()))
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        let path = self.top.join(name);
        match fs::remove_file(&path) {
            Ok(()) => sync_directory(path.parent().unwrap_or(&self.top)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
            Err(_) if path.is_dir() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn lock_durable(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Makes the top directory. Those above it that are missing too are made and synced, as ours could not be found without them.
fn make_directories(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        make_directories(parent)?;
        ignore_exists(DirBuilder::new().mode(0o700).create(directory))?;
        sync_directory(parent)?;
    }
    Ok(())
}

fn ignore_exists(made: io::Result<()>) -> io::Result<()> {
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Removes what dead writers left, by the file system's own clock: compared with a file made just now.
fn remove_leftovers(directory: &Path, fresh: &File) -> io::Result<()> {
    let now = fresh.metadata()?.modified()?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|then| now.duration_since(then).ok());
        if age.is_some_and(|age| age > LEFTOVER_AGE_MIN) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn store_error(action: &'static str, name: &str, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory if action != "putting" => Error::NotFound(name.into()),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Error::StoreFull { object: name.into() }
        }
        kind => {
            let permanent = matches!(
                kind,
                ErrorKind::PermissionDenied
                    | ErrorKind::ReadOnlyFilesystem
                    | ErrorKind::NotADirectory
                    | ErrorKind::Unsupported
                    | ErrorKind::CrossesDevices
                    | ErrorKind::InvalidFilename
            );
            Error::Store { action, object: name.into(), source: Box::new(error), permanent }
        }
    }
}
